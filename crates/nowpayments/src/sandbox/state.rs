//! The simulator's memory and its rules. Synchronous: the caller holds the lock, and passes the time in.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use rust_decimal::{Decimal, RoundingStrategy};

use super::coins;
use super::faults::{ApiCall, ApiFault};
use super::model::{Change, Child, Delivery, Fees, NewPayment, SandboxInvoice, SandboxPayment};
use super::{BodyStyle, DeliveryFaults, SandboxConfig};
use crate::{ProviderInvoiceId, ProviderPaymentId, Status};

/// A floating payment lives this long (nowpayments.md section 4).
const FLOATING_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A fixed rate is frozen this long; then the payment expires if nothing came.
const FIXED_RATE_LIFE: SignedDuration = SignedDuration::from_mins(20);

/// The service fee: 0.5 % of what comes.
const SERVICE_FEE_PER_MILLE: i64 = 5;

/// Digits after the point in fees and outcomes, as in the captures.
const OUTCOME_PRECISION: u32 = 8;

/// A token of POST /auth lives this long.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// Everything that the simulator knows.
pub(crate) struct State {
    pub(super) rng: fastrand::Rng,
    pub(super) invoices: BTreeMap<ProviderInvoiceId, SandboxInvoice>,
    pub(super) payments: BTreeMap<ProviderPaymentId, SandboxPayment>,
    pub(super) tokens: HashMap<String, Timestamp>,
    pub(super) deliveries: BTreeMap<u64, Delivery>,
    pub(super) next_delivery: u64,
    /// What happens later, by time and then by the order in which it was put down.
    pub(super) agenda: BTreeMap<(Timestamp, u64), Task>,
    pub(super) next_task: u64,
    /// Payments with a notification under way; the next one of the same payment waits, so that order is kept unless a fault
    /// changes it.
    pub(super) under_way: HashSet<Option<ProviderPaymentId>>,
    pub(super) waiting: HashMap<Option<ProviderPaymentId>, VecDeque<u64>>,
    pub(super) is_holding: bool,
    pub(super) drop_next: u64,
    pub(super) hides_parents: bool,
    pub(super) page_links: Vec<super::PageLink>,
    pub(super) faults: Vec<ApiFault>,
    pub(super) calls: HashMap<ApiCall, u64>,
    pub(super) style: BodyStyle,
    pub(super) delivery_faults: DeliveryFaults,
    pub(crate) config: SandboxConfig,
    pub(super) base_url: String,
}

/// Something on the agenda.
#[derive(Debug, Clone)]
pub(crate) enum Task {
    Deliver(u64),
    Advance(ProviderPaymentId, Status, Box<Change>),
    Expire(ProviderPaymentId),
}

/// Why the simulator does not do what it was told to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// There is no such payment.
    #[error("the simulator has no payment {0}")]
    NoPayment(ProviderPaymentId),
    /// There is no such invoice.
    #[error("the simulator has no invoice {0}")]
    NoInvoice(ProviderInvoiceId),
    /// The id is taken.
    #[error("the simulator already has a payment {0}")]
    PaymentExists(ProviderPaymentId),
    /// No coin or fiat currency of that name.
    #[error("the simulator does not know the currency {0:?}")]
    NoCurrency(String),
    /// Nothing was sent about the payment yet.
    #[error("no notification was sent about payment {0} yet")]
    NothingSent(ProviderPaymentId),
    /// Below what the provider takes in this coin.
    #[error("amountTo is too small")]
    BelowMinimum,
    /// Amounts are positive.
    #[error("the amount must be above zero")]
    NotPositive,
}

impl State {
    pub(super) fn new(config: SandboxConfig, base_url: String) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(config.seed),
            invoices: BTreeMap::new(),
            payments: BTreeMap::new(),
            tokens: HashMap::new(),
            deliveries: BTreeMap::new(),
            next_delivery: 0,
            agenda: BTreeMap::new(),
            next_task: 0,
            under_way: HashSet::new(),
            waiting: HashMap::new(),
            is_holding: false,
            drop_next: 0,
            hides_parents: false,
            page_links: Vec::new(),
            faults: Vec::new(),
            calls: HashMap::new(),
            style: config.style,
            delivery_faults: config.delivery_faults,
            config,
            base_url,
        }
    }

    /// Ten digits, as the provider's ids have.
    fn digits10(&mut self) -> u64 {
        self.rng.u64(4_000_000_000..7_000_000_000)
    }

    /// Hexadecimal digits that nobody can guess from the outside and that repeat with the seed.
    fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from_digit(self.rng.u32(0..16), 16).unwrap_or('0')).collect()
    }

    pub(super) fn new_token(&mut self, now: Timestamp) -> String {
        let token = format!("sandbox.{}.{}", self.hex(16), self.hex(32));
        self.tokens.retain(|_, valid_until| *valid_until > now);
        self.tokens.insert(token.clone(), now + TOKEN_LIFE);
        token
    }

    pub(super) fn is_token_valid(&self, token: &str, now: Timestamp) -> bool {
        self.tokens.get(token).is_some_and(|valid_until| *valid_until > now)
    }

    /// Gives the invoice an id and keeps it.
    pub(super) fn add_invoice(
        &mut self,
        make: impl FnOnce(ProviderInvoiceId) -> SandboxInvoice,
    ) -> SandboxInvoice {
        let id = loop {
            let id = ProviderInvoiceId::new(self.digits10());
            if let Some(id) = id.filter(|id| !self.invoices.contains_key(id)) {
                break id;
            }
        };
        let invoice = make(id);
        self.invoices.insert(id, invoice.clone());
        invoice
    }

    /// Makes a payment that waits, and tells of it.
    pub(super) fn add_payment(
        &mut self,
        api_key: String,
        new: NewPayment,
        is_fee_paid_by_user: bool,
        now: Timestamp,
    ) -> Result<SandboxPayment, SandboxError> {
        let id = match new.id {
            Some(id) if self.payments.contains_key(&id) => return Err(SandboxError::PaymentExists(id)),
            Some(id) => id,
            None => self.free_payment_id(),
        };
        let pay_amount = new
            .pay_amount
            .or_else(|| coins::convert(new.price_amount, &new.price_currency, &new.pay_currency))
            .unwrap_or(new.price_amount);
        let has_extra_id = coins::find(&new.pay_currency).is_some_and(|coin| coin.has_extra_id);
        let invoice = new.invoice_id.and_then(|id| self.invoices.get(&id));
        let ipn_callback_url = new
            .ipn_callback_url
            .or_else(|| invoice.and_then(|invoice| invoice.ipn_callback_url.clone()))
            .or_else(|| self.config.default_ipn_url.clone());
        let mut payment = SandboxPayment {
            id,
            api_key,
            invoice_id: new.invoice_id,
            purchase_id: self.digits10(),
            parent: None,
            children: Vec::new(),
            status: Status::Waiting,
            order_id: new.order_id,
            order_description: new.order_description,
            price_amount: new.price_amount,
            price_currency: new.price_currency.to_ascii_lowercase(),
            pay_amount,
            // A real-looking address could receive real money.
            pay_address: format!("SANDBOX-NO-MONEY-{}", self.hex(24)),
            payin_extra_id: has_extra_id.then(|| self.digits10().to_string()),
            pay_currency: new.pay_currency.to_ascii_lowercase(),
            actually_paid: Decimal::ZERO,
            actually_paid_at_fiat: Decimal::ZERO,
            outcome_amount: Decimal::ZERO,
            outcome_currency: self.config.payout_currency.clone(),
            fees: Fees::default(),
            ipn_callback_url,
            is_fixed_rate: new.is_fixed_rate,
            is_fee_paid_by_user,
            created_at: now,
            updated_at: now,
            expires_at: now + if new.is_fixed_rate { FIXED_RATE_LIFE } else { FLOATING_LIFE },
        };
        (payment.outcome_amount, payment.fees) = outcome(&payment, pay_amount);
        if let Some(invoice) = new.invoice_id.and_then(|id| self.invoices.get_mut(&id)) {
            invoice.payments.push(id);
        }
        self.payments.insert(id, payment.clone());
        self.schedule(payment.expires_at, Task::Expire(id));
        self.notify(id, now);
        Ok(payment)
    }

    fn free_payment_id(&mut self) -> ProviderPaymentId {
        loop {
            let id = ProviderPaymentId::new(self.digits10());
            if let Some(id) = id.filter(|id| !self.payments.contains_key(id)) {
                return id;
            }
        }
    }

    pub(super) fn payment(&self, id: ProviderPaymentId) -> Result<&SandboxPayment, SandboxError> {
        self.payments.get(&id).ok_or(SandboxError::NoPayment(id))
    }

    /// Sets a status as a person does, whatever the one before: what was planned for the payment does not happen any more.
    pub(super) fn override_status(
        &mut self,
        id: ProviderPaymentId,
        status: Status,
        change: Change,
        now: Timestamp,
    ) -> Result<SandboxPayment, SandboxError> {
        if !self.config.step.is_zero() {
            self.agenda.retain(|_, task| !matches!(task, Task::Advance(of, ..) if *of == id));
        }
        self.set_status(id, status, change, now)
    }

    /// Sets a status and tells of it.
    pub(super) fn set_status(
        &mut self,
        id: ProviderPaymentId,
        status: Status,
        change: Change,
        now: Timestamp,
    ) -> Result<SandboxPayment, SandboxError> {
        let payment = self.payments.get_mut(&id).ok_or(SandboxError::NoPayment(id))?;
        payment.status = status;
        payment.updated_at = now;
        if let Some(paid) = change.actually_paid {
            payment.actually_paid = paid;
            (payment.outcome_amount, payment.fees) = outcome(payment, paid);
        }
        if let Some(fiat) = change.actually_paid_at_fiat {
            payment.actually_paid_at_fiat = fiat;
        }
        if let Some(amount) = change.outcome_amount {
            payment.outcome_amount = amount;
        }
        if let Some(currency) = change.outcome_currency {
            payment.outcome_currency = currency;
        }
        if let Some(fees) = change.fees {
            payment.fees = fees;
        }
        let changed = payment.clone();
        if !change.without_notification {
            self.notify(id, now);
        }
        Ok(changed)
    }

    /// Coins arrive at the payment's address. The first ones walk the payment through its statuses, one each step; more of them
    /// are a re-deposit, which is a payment of its own. Gives the payment that the coins belong to.
    pub(super) fn deposit(
        &mut self,
        id: ProviderPaymentId,
        amount: Decimal,
        now: Timestamp,
    ) -> Result<ProviderPaymentId, SandboxError> {
        if amount <= Decimal::ZERO {
            return Err(SandboxError::NotPositive);
        }
        let payment = self.payment(id)?.clone();
        if !payment.actually_paid.is_zero() {
            let child = Child { amount, pay_currency: None, status: Status::Finished };
            return self.add_child(id, child, now).map(|child| child.id);
        }
        let covered =
            payment.pay_amount * (Decimal::ONE_HUNDRED - self.config.covering_percent) / Decimal::ONE_HUNDRED;
        let end = if amount >= covered { Status::Finished } else { Status::PartiallyPaid };
        self.walk(id, amount, Decimal::ZERO, end, now)?;
        Ok(id)
    }

    /// Money that came after the payment had its own: a new payment below it.
    pub(super) fn add_child(
        &mut self,
        parent: ProviderPaymentId,
        child: Child,
        now: Timestamp,
    ) -> Result<SandboxPayment, SandboxError> {
        if child.amount <= Decimal::ZERO {
            return Err(SandboxError::NotPositive);
        }
        let mut payment = self.payment(parent)?.clone();
        let is_wrong_asset = child.pay_currency.as_ref().is_some_and(|coin| *coin != payment.pay_currency);
        let id = self.free_payment_id();
        payment.id = id;
        payment.parent = Some(parent);
        payment.children = Vec::new();
        payment.status = Status::Waiting;
        payment.pay_currency = child.pay_currency.unwrap_or(payment.pay_currency);
        payment.pay_amount = child.amount;
        payment.actually_paid = Decimal::ZERO;
        payment.actually_paid_at_fiat = Decimal::ZERO;
        payment.created_at = now;
        payment.updated_at = now;
        (payment.outcome_amount, payment.fees) = outcome(&payment, child.amount);
        // Only recoveries of a wrong asset were seen with a value here.
        let at_fiat = if is_wrong_asset {
            coins::convert(child.amount, &payment.pay_currency, &payment.price_currency).unwrap_or_default()
        } else {
            Decimal::ZERO
        };
        if let Some(parent) = self.payments.get_mut(&parent) {
            parent.children.push(id);
        }
        if let Some(invoice) = payment.invoice_id.and_then(|id| self.invoices.get_mut(&id)) {
            invoice.payments.push(id);
        }
        self.payments.insert(id, payment);
        self.walk(id, child.amount, at_fiat, child.status, now)?;
        self.payment(id).cloned()
    }

    /// Confirming, confirmed, sending and the end, one each step. Nothing paid leaves the amounts as they are.
    pub(super) fn walk(
        &mut self,
        id: ProviderPaymentId,
        paid: Decimal,
        at_fiat: Decimal,
        end: Status,
        now: Timestamp,
    ) -> Result<(), SandboxError> {
        let steps = [Status::Confirming, Status::Confirmed, Status::Sending, end];
        let mut at = now;
        for (i, status) in steps.into_iter().enumerate() {
            let change = Change {
                actually_paid: Some(paid).filter(|paid| !paid.is_zero()),
                actually_paid_at_fiat: Some(at_fiat),
                ..Change::default()
            };
            if i == 0 || self.config.step.is_zero() {
                self.set_status(id, status, change, now)?;
            } else {
                at += self.config.step;
                self.schedule(at, Task::Advance(id, status, Box::new(change)));
            }
        }
        Ok(())
    }

    pub(super) fn schedule(&mut self, at: Timestamp, task: Task) {
        self.agenda.insert((at, self.next_task), task);
        self.next_task += 1;
    }
}

/// Below the coin's minimum the provider makes no payment.
pub(super) fn check_minimum(new: &NewPayment) -> Result<(), SandboxError> {
    let asked =
        new.pay_amount.or_else(|| coins::convert(new.price_amount, &new.price_currency, &new.pay_currency));
    let minimum = coins::find(&new.pay_currency).map(coins::Coin::minimum);
    match asked.zip(minimum) {
        Some((asked, minimum)) if asked < minimum => Err(SandboxError::BelowMinimum),
        _ => Ok(()),
    }
}

/// What the merchant gets for a paid amount, and the fees taken from it. A coin that the simulator does not know has no rate
/// and is passed on as it is.
fn outcome(payment: &SandboxPayment, paid: Decimal) -> (Decimal, Fees) {
    let round = |amount: Decimal| {
        amount.round_dp_with_strategy(OUTCOME_PRECISION, RoundingStrategy::ToZero).normalize()
    };
    let gross = coins::usd_price(&payment.pay_currency)
        .zip(coins::usd_price(&payment.outcome_currency))
        .and_then(|(from, to)| paid.checked_mul(from)?.checked_div(to))
        .unwrap_or(paid);
    if payment.is_fee_paid_by_user {
        return (round(gross), Fees::default());
    }
    let service = round(gross * Decimal::new(SERVICE_FEE_PER_MILLE, 3));
    (round(gross - service), Fees { service, ..Fees::default() })
}
