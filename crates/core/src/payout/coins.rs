//! Which coin is on which network, by NOWPayments' tickers, and what its addresses look like.

use super::Network;
use crate::money::Currency;

/// The coins that are offered first, in this order.
pub const COMMON: [&str; 9] = ["usdttrc20", "usdterc20", "usdtbsc", "btc", "eth", "ltc", "trx", "sol", "ton"];

impl Network {
    /// Every network.
    pub const ALL: [Self; 15] = [
        Self::Ethereum,
        Self::Bitcoin,
        Self::BitcoinCash,
        Self::Litecoin,
        Self::Dogecoin,
        Self::Dash,
        Self::Zcash,
        Self::Tron,
        Self::Solana,
        Self::Ripple,
        Self::Stellar,
        Self::Ton,
        Self::Monero,
        Self::Cardano,
        Self::Cosmos,
    ];

    /// The network of a coin; `None` for one that is not known here. Only whole tickers: a guess by an ending loses money.
    #[must_use]
    pub fn of(currency: &Currency) -> Option<Self> {
        Some(match currency.as_str() {
            "eth" | "etharb" | "ethbase" | "ethop" | "ethbsc" | "etc" | "bnbbsc" | "matic"
            | "maticmainnet" | "pol" | "polmatic" | "avaxc" | "ftm" | "ftmmainnet" | "arb" | "op"
            | "celo" | "cro" | "usdterc20" | "usdtbsc" | "usdtmatic" | "usdtarb" | "usdtop" | "usdtcelo"
            | "usdtavaxc" | "usdc" | "usdcerc20" | "usdcbsc" | "usdcmatic" | "usdcarb" | "usdcop"
            | "usdcbase" | "usdcavaxc" | "usdccelo" | "dai" | "daibsc" | "daiarb" | "busd" | "busdbsc"
            | "tusd" | "usdp" | "usdd" | "usddbsc" | "pyusd" | "eurt" | "shib" | "shibbsc" | "link"
            | "uni" | "aave" | "wbtc" | "ape" | "grt" | "sand" | "mana" | "cake" | "floki" | "flokibsc"
            | "pepe" | "bat" | "chz" | "axs" | "1inch" | "1inchbsc" | "omg" | "super" => Self::Ethereum,
            "btc" => Self::Bitcoin,
            "bch" => Self::BitcoinCash,
            "ltc" => Self::Litecoin,
            "doge" => Self::Dogecoin,
            "dash" => Self::Dash,
            "zec" => Self::Zcash,
            "trx" | "usdttrc20" | "tusdtrc20" | "usddtrc20" | "btt" | "jst" | "sun" | "win" => Self::Tron,
            "sol" | "usdtsol" | "usdcsol" | "pyusdsol" | "bonk" | "trump" => Self::Solana,
            "xrp" => Self::Ripple,
            "xlm" | "usdcxlm" => Self::Stellar,
            "ton" | "usdtton" | "not" | "dogs" => Self::Ton,
            "xmr" => Self::Monero,
            "ada" => Self::Cardano,
            "atom" => Self::Cosmos,
            _ => return None,
        })
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ethereum => "Ethereum (EVM)",
            Self::Bitcoin => "Bitcoin",
            Self::BitcoinCash => "Bitcoin Cash",
            Self::Litecoin => "Litecoin",
            Self::Dogecoin => "Dogecoin",
            Self::Dash => "Dash",
            Self::Zcash => "Zcash",
            Self::Tron => "Tron",
            Self::Solana => "Solana",
            Self::Ripple => "XRP Ledger",
            Self::Stellar => "Stellar",
            Self::Ton => "TON",
            Self::Monero => "Monero",
            Self::Cardano => "Cardano",
            Self::Cosmos => "Cosmos Hub",
        }
    }

    /// What one of its addresses looks like.
    #[must_use]
    pub fn example(self) -> &'static str {
        match self {
            Self::Ethereum => "0x…",
            Self::Bitcoin => "bc1…, 1…, 3…",
            Self::BitcoinCash => "bitcoincash:q…",
            Self::Litecoin => "ltc1…, L…, M…",
            Self::Dogecoin => "D…",
            Self::Dash => "X…",
            Self::Zcash => "t1…",
            Self::Tron => "T…",
            Self::Solana => "9WzD…AWWM",
            Self::Ripple => "r…",
            Self::Stellar => "G…",
            Self::Ton => "UQ…, EQ…",
            Self::Monero => "4…, 8…",
            Self::Cardano => "addr1…",
            Self::Cosmos => "cosmos1…",
        }
    }

    /// Whether an address may need a memo or tag beside it: exchanges share one address among their customers.
    #[must_use]
    pub fn has_memo(self) -> bool {
        matches!(self, Self::Ripple | Self::Stellar | Self::Ton | Self::Cosmos)
    }

    /// What a memo looks like.
    #[must_use]
    pub fn memo_form(self) -> &'static str {
        match self {
            Self::Ripple => "a tag is a whole number up to 4294967295",
            Self::Stellar => "a memo has at most 28 bytes",
            Self::Ton => "a memo has at most 123 bytes",
            _ => "a memo has at most 256 bytes",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_first_is_known() {
        for ticker in COMMON {
            assert!(Network::of(&Currency::new(ticker).unwrap()).is_some(), "{ticker}");
        }
    }
}
