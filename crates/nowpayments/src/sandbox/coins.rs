//! The currencies of the simulator, at prices that never move, so that a run repeats itself to the digit.

use rust_decimal::{Decimal, RoundingStrategy};

/// A coin that can be paid with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coin {
    /// Ticker with its network, as in `pay_currency`.
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) network: &'static str,
    /// Dollars for one coin, in hundredths of a cent.
    usd_e4: i64,
    /// Digits after the point.
    pub(crate) precision: u32,
    /// Smallest payment, in cents.
    minimum_usd_cents: i64,
    /// Whether a memo or tag must go with it.
    pub(crate) has_extra_id: bool,
    pub(crate) smart_contract: Option<&'static str>,
}

const fn coin(
    code: &'static str,
    name: &'static str,
    network: &'static str,
    usd_e4: i64,
    precision: u32,
) -> Coin {
    Coin {
        code,
        name,
        network,
        usd_e4,
        precision,
        minimum_usd_cents: 50,
        has_extra_id: false,
        smart_contract: None,
    }
}

/// Round prices: a person can check an amount in the head.
pub(crate) const COINS: [Coin; 12] = [
    Coin { minimum_usd_cents: 200, ..coin("btc", "Bitcoin", "btc", 1_000_000_000, 8) },
    coin("eth", "Ethereum", "eth", 25_000_000, 8),
    coin("ltc", "Litecoin", "ltc", 1_000_000, 8),
    coin("trx", "Tron", "trx", 2_500, 6),
    Coin {
        smart_contract: Some("sandbox-contract-usdttrc20"),
        ..coin("usdttrc20", "Tether USD (Tron)", "trx", 10_000, 6)
    },
    Coin {
        minimum_usd_cents: 1_000,
        smart_contract: Some("sandbox-contract-usdterc20"),
        ..coin("usdterc20", "Tether USD (Ethereum)", "eth", 10_000, 6)
    },
    Coin {
        smart_contract: Some("sandbox-contract-usdtbsc"),
        ..coin("usdtbsc", "Tether USD (BNB Smart Chain)", "bsc", 10_000, 8)
    },
    Coin { smart_contract: Some("sandbox-contract-usdc"), ..coin("usdc", "USD Coin", "eth", 10_000, 6) },
    coin("bnbbsc", "BNB", "bsc", 6_000_000, 8),
    Coin { has_extra_id: true, ..coin("xrp", "Ripple", "xrp", 5_000, 6) },
    Coin { has_extra_id: true, ..coin("xlm", "Stellar", "xlm", 1_250, 7) },
    coin("xmr", "Monero", "xmr", 2_000_000, 8),
];

/// What prices can be in: ticker, and hundredths of a cent of a dollar.
const FIATS: [(&str, i64); 3] = [("usd", 10_000), ("eur", 11_000), ("gbp", 12_500)];

/// Digits that an amount of fiat money gets.
const FIAT_PRECISION: u32 = 2;

pub(crate) fn find(code: &str) -> Option<&'static Coin> {
    COINS.iter().find(|coin| coin.code.eq_ignore_ascii_case(code))
}

impl Coin {
    fn usd(&self) -> Decimal {
        Decimal::new(self.usd_e4, 4)
    }

    /// Smallest payment in this coin, rounded up to its precision.
    pub(crate) fn minimum(&self) -> Decimal {
        round_up(Decimal::new(self.minimum_usd_cents, 2) / self.usd(), self.precision)
    }
}

/// Dollars for one unit of a coin or fiat currency.
pub(crate) fn usd_price(code: &str) -> Option<Decimal> {
    let fiat = FIATS.iter().find(|(fiat, _)| fiat.eq_ignore_ascii_case(code)).map(|(_, usd_e4)| *usd_e4);
    Some(Decimal::new(fiat.or_else(|| find(code).map(|coin| coin.usd_e4))?, 4))
}

/// Converts at the fixed prices; up to the precision of the target, so that the answer always covers the question.
pub(crate) fn convert(amount: Decimal, from: &str, to: &str) -> Option<Decimal> {
    let precision = find(to).map_or(FIAT_PRECISION, |coin| coin.precision);
    let exact = amount.checked_mul(usd_price(from)?)?.checked_div(usd_price(to)?)?;
    Some(round_up(exact, precision))
}

fn round_up(amount: Decimal, precision: u32) -> Decimal {
    amount.round_dp_with_strategy(precision, RoundingStrategy::AwayFromZero).normalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversion_covers_the_price() {
        assert_eq!(convert(Decimal::new(25, 1), "usd", "eth"), Some(Decimal::new(1, 3)));
        assert_eq!(convert(Decimal::ONE, "usd", "btc"), Some(Decimal::new(1, 5)));
        assert_eq!(convert(Decimal::ONE, "eur", "xrp"), Some(Decimal::new(22, 1)));
        assert_eq!(convert(Decimal::new(1, 8), "usd", "btc"), Some(Decimal::new(1, 8)), "rounded up");
        assert_eq!(convert(Decimal::ONE, "usd", "nocoin"), None);
        assert_eq!(find("USDTERC20").unwrap().minimum(), Decimal::TEN);
    }
}
