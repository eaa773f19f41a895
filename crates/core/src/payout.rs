//! Where an owner is paid out: an address that its coin's network can have, by form and checksum (S01). What is wrong about one is said
//! when it is given, not found out when money is gone.

mod address;
mod coins;

use serde::{Deserialize, Serialize};

use crate::money::Currency;

pub use coins::COMMON;

/// Longest address that is looked at, in bytes. The longest that is known here, Cardano's, has 103; Monero's 106.
pub const ADDRESS_BYTES_MAX: usize = 160;
/// Longest memo, in bytes: what Cosmos allows; the others allow less.
pub const MEMO_BYTES_MAX: usize = 256;
/// For how long a change of the address waits before it counts, in hours (F109): long enough for an owner who did not ask for it to read
/// the message and cancel it.
pub const CHANGE_WAITS_HOURS: i64 = 24;

/// Where an owner is paid out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payout {
    /// The wallet.
    pub address: String,
    /// Coin with its network.
    pub currency: Currency,
    /// Which customer of an exchange is meant, where many share one address: a memo, a tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<String>,
}

/// A change of the address that waits for its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutChange {
    /// What it will be.
    pub payout: Payout,
    /// When it was asked for.
    pub asked_at: jiff::Timestamp,
    /// From when on it counts.
    pub counts_at: jiff::Timestamp,
    /// Who asked.
    pub by: String,
}

/// A network, by what its addresses look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Network {
    /// Ethereum and every network with its addresses.
    Ethereum,
    /// Bitcoin.
    Bitcoin,
    /// Bitcoin Cash.
    BitcoinCash,
    /// Litecoin.
    Litecoin,
    /// Dogecoin.
    Dogecoin,
    /// Dash.
    Dash,
    /// Zcash, the addresses that anybody can see.
    Zcash,
    /// Tron.
    Tron,
    /// Solana.
    Solana,
    /// The XRP Ledger.
    Ripple,
    /// Stellar.
    Stellar,
    /// TON.
    Ton,
    /// Monero.
    Monero,
    /// Cardano.
    Cardano,
    /// Cosmos Hub.
    Cosmos,
}

/// Why a text is no address for a coin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nobody here knows how its addresses look.
    #[error(
        "addresses of {currency} cannot be checked here, so none is taken: choose another coin, for example usdttrc20, btc, eth, sol or ton"
    )]
    UnknownCoin {
        /// The coin.
        currency: Currency,
    },
    /// It does not look like one.
    #[error("this is no address of {}: one looks like {}", network.name(), network.example())]
    Form {
        /// The coin's network.
        network: Network,
    },
    /// It looks like one, and a character is wrong.
    #[error(
        "this address has a typing mistake (its checksum does not fit): copy it whole from the wallet, do not type it"
    )]
    Checksum,
    /// It is an address of another network.
    #[error("this is an address of {}, and {currency} is paid on {}: money sent there would be lost", found.name(), network.name())]
    OtherNetwork {
        /// The coin.
        currency: Currency,
        /// Its network.
        network: Network,
        /// Where the address belongs.
        found: Network,
    },
    /// There is no memo on this network.
    #[error("addresses of {} have no memo", network.name())]
    NoMemo {
        /// The network.
        network: Network,
    },
    /// The memo cannot be one.
    #[error("this is no memo of {}: {}", network.name(), network.memo_form())]
    Memo {
        /// The network.
        network: Network,
    },
}

impl Payout {
    /// Checks and wraps an address, in the spelling in which it is best kept.
    ///
    /// # Errors
    /// What is wrong about it, for a person.
    pub fn new(currency: Currency, address: &str, memo: Option<&str>) -> Result<Self, AddressError> {
        let Some(network) = Network::of(&currency) else {
            return Err(AddressError::UnknownCoin { currency });
        };
        let address = match address::check(network, address.trim()) {
            Ok(address) => address,
            Err(fault) => return Err(explain(currency, network, address.trim(), fault)),
        };
        let memo = memo.map(str::trim).filter(|memo| !memo.is_empty());
        if let Some(memo) = memo {
            if !network.has_memo() {
                return Err(AddressError::NoMemo { network });
            }
            if !address::is_memo(network, memo) {
                return Err(AddressError::Memo { network });
            }
        }
        Ok(Self { address, currency, memo: memo.map(str::to_owned) })
    }

    /// The same, of an address that was put together elsewhere.
    ///
    /// # Errors
    /// As [`Payout::new`].
    pub fn checked(&self) -> Result<Self, AddressError> {
        Self::new(self.currency.clone(), &self.address, self.memo.as_deref())
    }

    /// The network that it is on, if that is known here.
    #[must_use]
    pub fn network(&self) -> Option<Network> {
        Network::of(&self.currency)
    }
}

/// Whether the address is one of another network, which is the likeliest mistake, and what is wrong else.
fn explain(currency: Currency, network: Network, text: &str, fault: address::Fault) -> AddressError {
    let others = Network::ALL.into_iter().filter(|other| *other != network);
    let found = others.into_iter().find(|other| address::check(*other, text).is_ok());
    match (fault, found) {
        (_, Some(found)) => AddressError::OtherNetwork { currency, network, found },
        (address::Fault::Checksum, None) => AddressError::Checksum,
        (address::Fault::Form, None) => AddressError::Form { network },
    }
}

impl std::fmt::Display for Payout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} to {}", self.currency, self.address)?;
        match &self.memo {
            Some(memo) => write!(f, ", memo {memo}"),
            None => Ok(()),
        }
    }
}
