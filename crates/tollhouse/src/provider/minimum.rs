//! Whether a price can be paid at all: the provider takes no amount below a minimum, which is another one in every coin and moves.
//!
//! The buyer chooses the coin on the provider's page, so a price can be paid if one of the account's coins takes it. The coins are asked
//! for one after another until one does, those with the lowest minimum first.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use nowpayments::client::{Client, ClientError, MinAmount};
use rust_decimal::Decimal;
use tokio::sync::Mutex;
use tollhouse_core::money::Money;

use super::count;

/// How long an answer about coins and minimums is used, in seconds: minimums follow the network fees, and a check should cost a shop with
/// many orders nothing.
const KEPT_SECONDS: i64 = 900;
/// How many coins are asked for in one check. Nearly always the first one or two take the price; past this nothing is claimed.
const COINS_ASKED_MAX: usize = 20;
/// After how many coins that the provider sells, and for which it names no amount of the price, its currency counts as one that the provider
/// does not know. A pair may be missing for a while; three in a row are not.
const UNPRICED_COINS_MAX: usize = 3;
/// How long a check may take, in seconds. It is a courtesy: the provider itself refuses what is too small, and a job's lease runs.
pub(super) const CHECK_SECONDS_MAX: u64 = 10;

/// What is known of a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payable {
    /// A coin takes it.
    Yes,
    /// No coin does.
    TooSmall {
        /// The smallest price that one would take, where the provider says so.
        minimum: Option<Money>,
    },
    /// The provider says of no coin how much of it the price is: it does not know the price's currency.
    UnknownCurrency,
    /// The provider did not say.
    Unknown,
}

impl Payable {
    /// The sentence for whoever sets the price; nothing unless nobody can pay it.
    #[must_use]
    pub fn warning(&self, price: &Money) -> Option<String> {
        match self {
            Self::TooSmall { minimum } => {
                let least = minimum.as_ref().map_or_else(String::new, |minimum| format!(", {minimum}"));
                Some(format!(
                    "{price} is below the smallest amount that NOWPayments takes now in any coin of this account{least}: nobody can pay it"
                ))
            }
            Self::UnknownCurrency => Some(format!(
                "NOWPayments does not know the currency of {price}, or has no rate for it: nobody can pay it"
            )),
            Self::Yes | Self::Unknown => None,
        }
    }
}

/// What the provider said of late.
#[derive(Debug, Default)]
pub(super) struct Minimums {
    // Held over the calls on purpose: many orders at once ask once.
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    coins: Option<(Timestamp, Vec<String>)>,
    /// The minimum of a coin, in a price's currency.
    least: BTreeMap<(String, String), (Timestamp, Decimal)>,
}

/// What one coin says to a price.
enum Floor {
    /// It takes this and more.
    From(Decimal),
    /// Whether it takes the price; from where on is not known in the price's currency.
    Takes(bool),
    /// It could be paid with, but the provider does not say how much of it the price is.
    Unpriced,
    /// It cannot be paid with now.
    Off,
}

impl Minimums {
    /// Whether a price can be paid. `payout`: the coin that the account is paid out in, without which a minimum can come out wrong.
    pub(super) async fn payable(
        &self,
        client: &Client,
        payout: Option<&str>,
        now: Timestamp,
        price: &Money,
    ) -> Payable {
        let check = async {
            let mut known = self.known.lock().await;
            known.payable(client, payout, now, price).await
        };
        match tokio::time::timeout(Duration::from_secs(CHECK_SECONDS_MAX), check).await {
            Ok(Ok(payable)) => payable,
            Ok(Err(error)) => {
                tracing::info!(%error, "the provider did not say how small a price may be");
                Payable::Unknown
            }
            Err(_) => Payable::Unknown,
        }
    }
}

impl Known {
    async fn payable(
        &mut self,
        client: &Client,
        payout: Option<&str>,
        now: Timestamp,
        price: &Money,
    ) -> Result<Payable, ClientError> {
        let coins = self.coins(client, now, price).await?;
        let mut answered = false;
        let mut unpriced = 0;
        let mut minimum: Option<Decimal> = None;
        for coin in coins.iter().take(COINS_ASKED_MAX) {
            match self.floor(client, payout, now, coin, price).await? {
                Floor::From(least) if least <= price.amount => return Ok(Payable::Yes),
                Floor::Takes(true) => return Ok(Payable::Yes),
                Floor::From(least) => minimum = Some(minimum.map_or(least, |known| known.min(least))),
                Floor::Takes(false) => {}
                Floor::Unpriced => {
                    unpriced += 1;
                    if !answered && unpriced == UNPRICED_COINS_MAX {
                        break;
                    }
                    continue;
                }
                Floor::Off => continue,
            }
            answered = true;
        }
        if !answered && unpriced > 0 {
            return Ok(Payable::UnknownCurrency);
        }
        if !answered || coins.len() > COINS_ASKED_MAX {
            return Ok(Payable::Unknown);
        }
        Ok(Payable::TooSmall { minimum: minimum.map(|least| Money::new(least, price.currency.clone())) })
    }

    /// The account's coins, those with the lowest known minimum first.
    async fn coins(
        &mut self,
        client: &Client,
        now: Timestamp,
        price: &Money,
    ) -> Result<Vec<String>, ClientError> {
        let mut coins = match &self.coins {
            Some((asked_at, coins)) if is_fresh(*asked_at, now) => coins.clone(),
            _ => {
                let chosen = client.merchant_coins().await;
                count("merchant_coins", &chosen);
                let coins: Vec<String> = chosen?.into_iter().map(|coin| coin.code).collect();
                self.coins = Some((now, coins.clone()));
                coins
            }
        };
        let known = |coin: &String| {
            self.least.get(&(coin.clone(), price.currency.as_str().to_owned())).map(|(_, least)| *least)
        };
        coins.sort_by_cached_key(|coin| known(coin).map_or((true, Decimal::ZERO), |least| (false, least)));
        Ok(coins)
    }

    async fn floor(
        &mut self,
        client: &Client,
        payout: Option<&str>,
        now: Timestamp,
        coin: &str,
        price: &Money,
    ) -> Result<Floor, ClientError> {
        let currency = price.currency.as_str();
        let key = (coin.to_owned(), currency.to_owned());
        if let Some((asked_at, least)) = self.least.get(&key)
            && is_fresh(*asked_at, now)
        {
            return Ok(Floor::From(*least));
        }
        let said = match min_amount(client, coin, payout, Some(currency)).await {
            // Not every price currency can be asked for: then the price is compared in the coin.
            Err(ClientError::BadRequest { .. }) => min_amount(client, coin, payout, None).await,
            said => said,
        };
        let said = match said {
            Ok(said) => said,
            Err(ClientError::BadRequest { .. } | ClientError::NotFound { .. }) => return Ok(Floor::Off),
            Err(error) => return Err(error),
        };
        if let Some(least) = said.fiat_equivalent {
            self.least.insert(key, (now, least));
            return Ok(Floor::From(least));
        }
        let estimate = client.estimate(price.amount, currency, coin).await;
        count("estimate", &estimate);
        match estimate {
            Ok(estimate) => Ok(Floor::Takes(estimate >= said.min_amount)),
            Err(ClientError::BadRequest { .. } | ClientError::NotFound { .. }) => Ok(Floor::Unpriced),
            Err(error) => Err(error),
        }
    }
}

async fn min_amount(
    client: &Client,
    coin: &str,
    payout: Option<&str>,
    fiat: Option<&str>,
) -> Result<MinAmount, ClientError> {
    let said = client.min_amount(coin, payout, fiat).await;
    count("min_amount", &said);
    said
}

fn is_fresh(asked_at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(asked_at).as_secs() < KEPT_SECONDS
}
