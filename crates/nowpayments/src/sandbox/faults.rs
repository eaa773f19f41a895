//! What can go wrong at the provider's API, on request.

use std::time::Duration;

/// The calls that faults can be aimed at, and that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApiCall {
    /// GET /status
    Status,
    /// POST /auth
    Auth,
    /// GET /currencies, /full-currencies and /merchant/coins
    Currencies,
    /// GET /min-amount
    MinAmount,
    /// GET /estimate
    Estimate,
    /// POST /invoice
    CreateInvoice,
    /// POST /payment
    CreatePayment,
    /// POST /invoice-payment
    InvoicePayment,
    /// GET /payment/:id
    GetPayment,
    /// GET /payment/
    ListPayments,
}

impl ApiCall {
    const NAMES: [(&'static str, ApiCall); 10] = [
        ("status", ApiCall::Status),
        ("auth", ApiCall::Auth),
        ("currencies", ApiCall::Currencies),
        ("min_amount", ApiCall::MinAmount),
        ("estimate", ApiCall::Estimate),
        ("create_invoice", ApiCall::CreateInvoice),
        ("create_payment", ApiCall::CreatePayment),
        ("invoice_payment", ApiCall::InvoicePayment),
        ("get_payment", ApiCall::GetPayment),
        ("list_payments", ApiCall::ListPayments),
    ];

    /// Reads a name such as `create_invoice`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find_map(|(known, call)| (known == name).then_some(call))
    }

    /// Which call a request is. `path` is what follows `/v1`.
    pub(super) fn of(method: &axum::http::Method, path: &str) -> Option<Self> {
        let is_post = method == axum::http::Method::POST;
        Some(match path {
            "/status" => Self::Status,
            "/auth" => Self::Auth,
            "/currencies" | "/full-currencies" | "/merchant/coins" => Self::Currencies,
            "/min-amount" => Self::MinAmount,
            "/estimate" => Self::Estimate,
            "/invoice" => Self::CreateInvoice,
            "/payment" if is_post => Self::CreatePayment,
            "/invoice-payment" => Self::InvoicePayment,
            "/payment" | "/payment/" => Self::ListPayments,
            _ if path.starts_with("/payment/") => Self::GetPayment,
            _ => return None,
        })
    }
}

/// One kind of failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The answer comes, this much later.
    Slow(Duration),
    /// 429, with Retry-After where given.
    RateLimited {
        /// Seconds to wait.
        retry_after_seconds: Option<u64>,
    },
    /// 500 with the provider's error body. Nothing was done.
    ServerError,
    /// An HTML page of a proxy in front. Nothing was done.
    Html {
        /// HTTP status of the page: 403, 502, even 200.
        status: u16,
    },
    /// The call is done; half of its answer comes, as if it were all.
    HalfABody,
    /// The call is done; half of its answer comes, and then the connection ends.
    BrokenOff,
    /// The call is done; the connection ends before its answer.
    AnswerLost,
    /// The connection ends at once. Nothing was done.
    Refused,
    /// The answer has its price in another currency.
    AnotherPrice,
    /// GET /payment/:id shows another payment than the one asked for.
    AnotherPayment,
}

/// A failure of the next calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiFault {
    /// Which call; `None` for any.
    pub call: Option<ApiCall>,
    /// What happens.
    pub kind: FaultKind,
    /// How many calls it happens to.
    pub times: u64,
}

/// The failure for this call, used up by one.
pub(super) fn take(faults: &mut Vec<ApiFault>, call: ApiCall) -> Option<FaultKind> {
    let at = faults.iter().position(|fault| fault.call.is_none_or(|aimed| aimed == call))?;
    let fault = faults.get_mut(at)?;
    let kind = fault.kind.clone();
    fault.times = fault.times.saturating_sub(1);
    if fault.times == 0 {
        faults.remove(at);
    }
    Some(kind)
}
