//! What the simulator remembers.

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::{ProviderInvoiceId, ProviderPaymentId, Status};

/// An invoice as it was asked for.
#[derive(Debug, Clone)]
pub struct SandboxInvoice {
    /// Its id.
    pub id: ProviderInvoiceId,
    /// Key of the account that made it.
    pub api_key: String,
    /// The merchant's order.
    pub order_id: Option<String>,
    /// The merchant's words.
    pub order_description: Option<String>,
    /// The price.
    pub price_amount: Decimal,
    /// Currency of the price.
    pub price_currency: String,
    /// The coin, where the merchant fixed it.
    pub pay_currency: Option<String>,
    /// Where notifications of its payments go.
    pub ipn_callback_url: Option<String>,
    /// Where the buyer goes after paying.
    pub success_url: Option<String>,
    /// Where the buyer goes after giving up.
    pub cancel_url: Option<String>,
    /// Where the buyer goes after paying too little.
    pub partially_paid_url: Option<String>,
    /// Whether the rate is frozen for 20 minutes.
    pub is_fixed_rate: bool,
    /// Whether the buyer bears the fees.
    pub is_fee_paid_by_user: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Payments made for it, oldest first.
    pub payments: Vec<ProviderPaymentId>,
}

/// A payment as it stands.
#[derive(Debug, Clone)]
pub struct SandboxPayment {
    /// Its id.
    pub id: ProviderPaymentId,
    /// Key of the account that made it; another key does not see it.
    pub api_key: String,
    /// The invoice it was made for.
    pub invoice_id: Option<ProviderInvoiceId>,
    /// The provider's grouping.
    pub purchase_id: u64,
    /// The payment that it is a re-deposit of.
    pub parent: Option<ProviderPaymentId>,
    /// Its re-deposits, oldest first.
    pub children: Vec<ProviderPaymentId>,
    /// Where it stands.
    pub status: Status,
    /// The merchant's order.
    pub order_id: Option<String>,
    /// The merchant's words.
    pub order_description: Option<String>,
    /// The price.
    pub price_amount: Decimal,
    /// Currency of the price.
    pub price_currency: String,
    /// What is to be paid.
    pub pay_amount: Decimal,
    /// Coin to pay with.
    pub pay_currency: String,
    /// Where to pay. Says that it is none.
    pub pay_address: String,
    /// Memo that must go along.
    pub payin_extra_id: Option<String>,
    /// What came.
    pub actually_paid: Decimal,
    /// What came, in fiat money; zero but for recovered deposits.
    pub actually_paid_at_fiat: Decimal,
    /// What the merchant gets, net of fees.
    pub outcome_amount: Decimal,
    /// In what the merchant gets it.
    pub outcome_currency: String,
    /// The provider's fees, in the outcome's currency.
    pub fees: Fees,
    /// Where its notifications go.
    pub ipn_callback_url: Option<String>,
    /// Whether the rate is frozen for 20 minutes.
    pub is_fixed_rate: bool,
    /// Whether the buyer bears the fees.
    pub is_fee_paid_by_user: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it expires if nothing comes.
    pub expires_at: Timestamp,
}

/// Parts of the provider's fee.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fees {
    /// For the deposit.
    pub deposit: Decimal,
    /// For the service.
    pub service: Decimal,
    /// For the withdrawal to the merchant.
    pub withdrawal: Decimal,
}

/// A payment to be put into the simulator as it is, without an API call: what is not given is invented, and nothing is checked.
#[derive(Debug, Clone)]
pub struct NewPayment {
    /// Its id, for incidents that are played again.
    pub id: Option<ProviderPaymentId>,
    /// The invoice it was made for; it need not exist.
    pub invoice_id: Option<ProviderInvoiceId>,
    /// Any text, or none.
    pub order_id: Option<String>,
    /// Any text, or none.
    pub order_description: Option<String>,
    /// The price.
    pub price_amount: Decimal,
    /// Currency of the price.
    pub price_currency: String,
    /// What is to be paid; by default the price at the simulator's rate, or the price itself.
    pub pay_amount: Option<Decimal>,
    /// Coin to pay with.
    pub pay_currency: String,
    /// Where its notifications go; by default where the simulator's do.
    pub ipn_callback_url: Option<String>,
    /// Whether the rate is frozen for 20 minutes.
    pub is_fixed_rate: bool,
}

impl NewPayment {
    /// A payment of a price in dollars with Tether on Tron.
    pub fn usd(price_amount: Decimal) -> Self {
        Self {
            id: None,
            invoice_id: None,
            order_id: None,
            order_description: None,
            price_amount,
            price_currency: "usd".into(),
            pay_amount: None,
            pay_currency: "usdttrc20".into(),
            ipn_callback_url: None,
            is_fixed_rate: false,
        }
    }
}

/// What changes together with a status. What is not given stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What came so far.
    pub actually_paid: Option<Decimal>,
    /// The same in fiat money.
    pub actually_paid_at_fiat: Option<Decimal>,
    /// What the merchant gets.
    pub outcome_amount: Option<Decimal>,
    /// In what.
    pub outcome_currency: Option<String>,
    /// Parts of the fee.
    pub fees: Option<Fees>,
    /// Change it and tell nobody.
    pub without_notification: bool,
}

/// More money that came to a payment's address: a payment of its own, with the first one as its parent.
#[derive(Debug, Clone)]
pub struct Child {
    /// What came.
    pub amount: Decimal,
    /// The coin that came; another one than the parent's is a wrong asset. By default the parent's.
    pub pay_currency: Option<String>,
    /// Where it ends: `finished` or `partially_paid`, by a setting of the account.
    pub status: Status,
}

/// One notification on its way.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Counted from zero in the order of sending.
    pub number: u64,
    /// The payment it tells of; `None` for a body that was handed in.
    pub payment_id: Option<ProviderPaymentId>,
    /// The status it tells.
    pub status: Option<Status>,
    /// Where it goes.
    pub url: String,
    /// The exact body.
    pub body: String,
    /// The value of the signature header; `None` sends none.
    pub signature: Option<String>,
    /// Every try so far.
    pub attempts: Vec<Attempt>,
    /// How it stands.
    pub state: DeliveryState,
}

/// How a notification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// Due now or later.
    Pending,
    /// Kept back until it is released.
    Held,
    /// Lost on purpose.
    Dropped,
    /// Answered with a 2xx.
    Delivered,
    /// Refused until the retries were used up.
    GivenUp,
}

impl DeliveryState {
    /// A stable word for answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Held => "held",
            Self::Dropped => "dropped",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }
}

/// One try to deliver.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// When its answer was there, or was not.
    pub at: Timestamp,
    /// HTTP status of the answer, or why there was none.
    pub outcome: Result<u16, String>,
    /// The answer's text, cut off where it is long.
    pub answer: String,
}
