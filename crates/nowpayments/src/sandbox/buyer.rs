//! What a buyer can do with an invoice.

use jiff::Timestamp;
use rust_decimal::{Decimal, RoundingStrategy};

use super::coins;
use super::model::{Change, Child, NewPayment, SandboxPayment};
use super::state::{SandboxError, State, check_minimum};
use crate::{ProviderInvoiceId, ProviderPaymentId, Status};

/// "Less" is this much of the amount.
const LESS_PERCENT: i64 = 60;

/// "More" is this much of the amount.
const MORE_PERCENT: i64 = 125;

/// What a person does on the hosted page, or does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuyerAction {
    /// Pays what was asked for.
    Exactly,
    /// Pays 60 %.
    Less,
    /// Pays 125 %.
    More,
    /// Pays what is missing after paying less.
    Rest,
    /// Pays what was asked for, and then once more.
    Twice,
    /// Sends another coin of the same value.
    WrongCoin,
    /// Lets the payment expire, and pays then.
    Late,
    /// Lets the payment expire.
    NotAtAll,
}

impl BuyerAction {
    /// Every action: its name in forms and requests, and the words on its button.
    pub const ALL: [(BuyerAction, &'static str, &'static str); 8] = [
        (BuyerAction::Exactly, "exactly", "Pay exactly"),
        (BuyerAction::Less, "less", "Pay less (60 %)"),
        (BuyerAction::More, "more", "Pay more (125 %)"),
        (BuyerAction::Rest, "rest", "Pay the rest"),
        (BuyerAction::Twice, "twice", "Pay twice"),
        (BuyerAction::WrongCoin, "wrong_coin", "Pay in the wrong coin"),
        (BuyerAction::Late, "late", "Pay late, after it expired"),
        (BuyerAction::NotAtAll, "not_at_all", "Never pay"),
    ];

    /// Reads a name such as `wrong_coin`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(action, known, _)| (known == name).then_some(action))
    }
}

impl State {
    /// The buyer picks a coin: a payment for the invoice.
    pub(super) fn choose_coin(
        &mut self,
        id: ProviderInvoiceId,
        pay_currency: &str,
        now: Timestamp,
    ) -> Result<SandboxPayment, SandboxError> {
        let invoice = self.invoices.get(&id).ok_or(SandboxError::NoInvoice(id))?;
        let coin =
            coins::find(pay_currency).ok_or_else(|| SandboxError::NoCurrency(pay_currency.to_owned()))?;
        let new = NewPayment {
            invoice_id: Some(id),
            order_id: invoice.order_id.clone(),
            order_description: invoice.order_description.clone(),
            price_currency: invoice.price_currency.clone(),
            pay_currency: coin.code.to_owned(),
            is_fixed_rate: invoice.is_fixed_rate,
            ..NewPayment::usd(invoice.price_amount)
        };
        check_minimum(&new)?;
        let (api_key, is_fee_paid_by_user) = (invoice.api_key.clone(), invoice.is_fee_paid_by_user);
        self.add_payment(api_key, new, is_fee_paid_by_user, now)
    }

    pub(super) fn buyer(
        &mut self,
        id: ProviderPaymentId,
        action: BuyerAction,
        now: Timestamp,
    ) -> Result<(), SandboxError> {
        let asked = self.payment(id)?.pay_amount;
        match action {
            BuyerAction::Exactly => self.deposit(id, asked, now).map(drop),
            BuyerAction::Less => self.deposit(id, self.share(id, LESS_PERCENT)?, now).map(drop),
            BuyerAction::More => self.deposit(id, self.share(id, MORE_PERCENT)?, now).map(drop),
            BuyerAction::Rest => self.deposit(id, self.missing(id)?, now).map(drop),
            BuyerAction::Twice => {
                self.deposit(id, asked, now)?;
                self.deposit(id, asked, now).map(drop)
            }
            BuyerAction::WrongCoin => self.wrong_coin(id, now),
            BuyerAction::Late => {
                self.override_status(id, Status::Expired, Change::default(), now)?;
                self.deposit(id, asked, now).map(drop)
            }
            BuyerAction::NotAtAll => {
                self.override_status(id, Status::Expired, Change::default(), now).map(drop)
            }
        }
    }

    /// The `case` of the provider's own sandbox: the whole flow of notifications without a deposit, so that they report nothing as
    /// paid (nowpayments.md section 8). Another case does nothing.
    pub(super) fn play_case(
        &mut self,
        id: ProviderPaymentId,
        case: &str,
        now: Timestamp,
    ) -> Result<(), SandboxError> {
        let end = match case {
            "success" => Status::Finished,
            "failed" => Status::Failed,
            "partially_paid" => Status::PartiallyPaid,
            _ => return Ok(()),
        };
        self.walk(id, Decimal::ZERO, Decimal::ZERO, end, now)
    }

    fn share(&self, id: ProviderPaymentId, percent: i64) -> Result<Decimal, SandboxError> {
        let payment = self.payment(id)?;
        let precision =
            coins::find(&payment.pay_currency).map_or(payment.pay_amount.scale(), |coin| coin.precision);
        let share = payment.pay_amount * Decimal::new(percent, 2);
        Ok(share.round_dp_with_strategy(precision, RoundingStrategy::AwayFromZero).normalize())
    }

    /// What is asked for less what came for the payment and its children in its coin.
    pub(super) fn missing(&self, id: ProviderPaymentId) -> Result<Decimal, SandboxError> {
        let payment = self.payment(id)?;
        let from_children: Decimal = payment
            .children
            .iter()
            .filter_map(|child| self.payments.get(child))
            .filter(|child| child.pay_currency == payment.pay_currency)
            .map(|child| child.actually_paid)
            .sum();
        Ok(payment.pay_amount - payment.actually_paid - from_children)
    }

    /// The account's arrangement here: a recovered deposit is credited as partially paid, since it is not what was asked for.
    fn wrong_coin(&mut self, id: ProviderPaymentId, now: Timestamp) -> Result<(), SandboxError> {
        let payment = self.payment(id)?;
        let other = if payment.pay_currency == "usdtbsc" { "usdttrc20" } else { "usdtbsc" };
        let amount = coins::convert(payment.pay_amount, &payment.pay_currency, other)
            .ok_or_else(|| SandboxError::NoCurrency(payment.pay_currency.clone()))?;
        let child = Child { amount, pay_currency: Some(other.to_owned()), status: Status::PartiallyPaid };
        self.add_child(id, child, now).map(drop)
    }
}
