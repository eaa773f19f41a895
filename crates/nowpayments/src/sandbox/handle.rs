//! The control surface in Rust.

use std::net::SocketAddr;
use std::sync::Arc;

use rust_decimal::Decimal;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::buyer::BuyerAction;
use super::model::{Change, Child, Delivery, DeliveryState, NewPayment, SandboxInvoice, SandboxPayment};
use super::state::{SandboxError, State};
use super::{ApiCall, ApiFault, BodyStyle, DeliveryFaults, PageLink, ReleaseOrder, Shared};
use crate::{ProviderInvoiceId, ProviderPaymentId, Status};

/// A running simulator. It ends when the last clone is dropped.
#[derive(Clone)]
pub struct SandboxHandle {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    _tasks: Arc<Tasks>,
}

struct Tasks([JoinHandle<()>; 2]);

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl SandboxHandle {
    pub(super) fn new(addr: SocketAddr, shared: Arc<Shared>, tasks: [JoinHandle<()>; 2]) -> Self {
        Self { addr, shared, _tasks: Arc::new(Tasks(tasks)) }
    }

    /// The address of its pages, without a slash at the end.
    pub fn url(&self) -> String {
        self.shared.look().base_url.clone()
    }

    /// The base address of its API, in the place of `https://api.nowpayments.io/v1`.
    pub fn api_url(&self) -> String {
        format!("{}/v1", self.url())
    }

    /// Shows links to pages of other programs on every page: the shop, the simulated Telegram.
    pub fn set_page_links(&self, links: Vec<PageLink>) {
        self.shared.change(|state, _| state.page_links = links);
    }

    /// Changes with everything that happens, for whoever follows it.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// How many of the next notifications are lost.
    pub fn drops_next(&self) -> u64 {
        self.shared.look().drop_next
    }

    /// Where the hosted page of an invoice is.
    pub fn invoice_url(&self, id: ProviderInvoiceId) -> String {
        super::wire::invoice_url(&self.url(), id)
    }

    /// Puts in a payment of any shape, with status waiting, and tells of it. The seed's incident is
    /// `NewPayment { id: …4479119533, order_id: Some("PGP-6271402111|-1003016667267"), ..NewPayment::usd(2.5) }`.
    ///
    /// # Errors
    /// The id is taken.
    pub fn create_payment(&self, new: NewPayment) -> Result<SandboxPayment, SandboxError> {
        self.shared.change(|state, now| {
            let api_key = state.config.api_key.clone();
            state.add_payment(api_key, new, false, now)
        })
    }

    /// Sets any status, whatever the one before, together with amounts, and tells of it. Statuses that were still to come do not.
    ///
    /// # Errors
    /// There is no such payment.
    pub fn set_status(
        &self,
        id: ProviderPaymentId,
        status: Status,
        change: Change,
    ) -> Result<SandboxPayment, SandboxError> {
        self.shared.change(|state, now| state.override_status(id, status, change, now))
    }

    /// Coins arrive: the payment walks through its statuses and ends finished or partially paid. A second time they are a
    /// re-deposit. Gives the id of the payment that they belong to.
    ///
    /// # Errors
    /// There is no such payment, or the amount is not above zero.
    pub fn pay(&self, id: ProviderPaymentId, amount: Decimal) -> Result<ProviderPaymentId, SandboxError> {
        self.shared.change(|state, now| state.deposit(id, amount, now))
    }

    /// The amount that was asked for arrives.
    ///
    /// # Errors
    /// There is no such payment.
    pub fn pay_exactly(&self, id: ProviderPaymentId) -> Result<ProviderPaymentId, SandboxError> {
        self.shared.change(|state, now| {
            let amount = state.payment(id)?.pay_amount;
            state.deposit(id, amount, now)
        })
    }

    /// A re-deposit, or a deposit in the wrong coin, as a payment below this one.
    ///
    /// # Errors
    /// There is no such payment, or the amount is not above zero.
    pub fn add_child(&self, parent: ProviderPaymentId, child: Child) -> Result<SandboxPayment, SandboxError> {
        self.shared.change(|state, now| state.add_child(parent, child, now))
    }

    /// The money goes back to the payer.
    ///
    /// # Errors
    /// There is no such payment.
    pub fn refund(&self, id: ProviderPaymentId) -> Result<SandboxPayment, SandboxError> {
        self.set_status(id, Status::Refunded, Change::default())
    }

    /// The last notification about a payment again, byte for byte, this many times.
    ///
    /// # Errors
    /// There is no such payment, or nothing was sent about it.
    pub fn resend(&self, id: ProviderPaymentId, times: u32) -> Result<(), SandboxError> {
        self.shared.change(|state, now| state.resend(id, times, now))
    }

    /// Sends any body, signed with the account's secret unless another signature is given. Gives the delivery's number.
    pub fn send_body(&self, url: &str, body: &str, signature: Option<&str>) -> u64 {
        self.shared.change(|state, now| {
            state.send_body(url.to_owned(), body.to_owned(), signature.map(str::to_owned), now)
        })
    }

    /// Keeps notifications back from now on.
    pub fn hold(&self) {
        self.shared.change(|state, _| state.is_holding = true);
    }

    /// Ends [`hold`](Self::hold) and lets go of what was held. Gives how many.
    pub fn release(&self, order: ReleaseOrder) -> usize {
        self.shared.change(|state, now| state.release(order, now))
    }

    /// Loses the next notifications; `u64::MAX` all of them, 0 none any more.
    pub fn drop_next(&self, count: u64) {
        self.shared.change(|state, _| state.drop_next = count);
    }

    /// Leaves the parent of re-deposits out of the API's answers, as the provider does at times; its notifications go on naming it.
    pub fn hide_parents(&self) {
        self.shared.change(|state, _| state.hides_parents = true);
    }

    /// What goes wrong with notifications from now on.
    pub fn set_delivery_faults(&self, faults: DeliveryFaults) {
        self.shared.change(|state, _| state.delivery_faults = faults);
    }

    /// How notifications are written from now on.
    pub fn set_style(&self, style: BodyStyle) {
        self.shared.change(|state, _| state.style = style);
    }

    /// Makes coming API calls fail. Faults for the same call follow each other.
    pub fn fail(&self, fault: ApiFault) {
        self.shared.change(|state, _| state.faults.push(fault));
    }

    /// Ends every API fault.
    pub fn mend(&self) {
        self.shared.change(|state, _| state.faults.clear());
    }

    /// How many calls of a kind came in, failed ones too.
    pub fn calls(&self, call: ApiCall) -> u64 {
        self.shared.look().calls.get(&call).copied().unwrap_or(0)
    }

    /// A payment as it stands.
    pub fn payment(&self, id: ProviderPaymentId) -> Option<SandboxPayment> {
        self.shared.look().payments.get(&id).cloned()
    }

    /// Every payment, by id.
    pub fn payments(&self) -> Vec<SandboxPayment> {
        self.shared.look().payments.values().cloned().collect()
    }

    /// Every invoice, by id.
    pub fn invoices(&self) -> Vec<SandboxInvoice> {
        self.shared.look().invoices.values().cloned().collect()
    }

    /// The buyer picks a coin on the hosted page. Gives the new payment.
    ///
    /// # Errors
    /// There is no such invoice or coin.
    pub fn choose_coin(
        &self,
        id: ProviderInvoiceId,
        pay_currency: &str,
    ) -> Result<SandboxPayment, SandboxError> {
        self.shared.change(|state, now| state.choose_coin(id, pay_currency, now))
    }

    /// The buyer does something with a payment, as with a button of the hosted page.
    ///
    /// # Errors
    /// There is no such payment.
    pub fn buyer(&self, id: ProviderPaymentId, action: BuyerAction) -> Result<(), SandboxError> {
        self.shared.change(|state, now| state.buyer(id, action, now))
    }

    /// Every notification so far, in the order of sending.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.look().deliveries.values().cloned().collect()
    }

    /// Does what the clock has made due, and waits until nothing is due or under way.
    pub async fn tick(&self) {
        self.shared.work.notify_one();
        let shared = self.shared.clone();
        self.wait_until(move |state| state.is_idle(shared.now()).then_some(())).await;
    }

    /// Waits until a notification satisfies a condition, and gives it.
    pub async fn wait_for_delivery(&self, condition: impl Fn(&Delivery) -> bool) -> Delivery {
        self.wait_until(|state| state.deliveries.values().find(|delivery| condition(delivery)).cloned()).await
    }

    /// Waits until a notification about this payment with this status was answered with a 2xx, and gives it.
    pub async fn wait_delivered(&self, id: ProviderPaymentId, status: Status) -> Delivery {
        self.wait_for_delivery(|delivery| {
            delivery.payment_id == Some(id)
                && delivery.status.as_ref() == Some(&status)
                && delivery.state == DeliveryState::Delivered
        })
        .await
    }

    async fn wait_until<T>(&self, mut condition: impl FnMut(&State) -> Option<T>) -> T {
        let mut changes = self.shared.changes.subscribe();
        loop {
            if let Some(value) = condition(&self.shared.look()) {
                return value;
            }
            // The sender lives as long as `shared`, which this handle holds.
            let _ = changes.changed().await;
        }
    }
}
