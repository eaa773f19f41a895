//! Whether what is on sale can be paid: the provider's minimums move, and a price that was fine may no longer be.

use std::collections::BTreeMap;

use tollhouse_core::channel::Channel;
use tollhouse_core::money::Money;
use tollhouse_store::{ChannelFilter, PAGE_LENGTH_MAX, Store};

use super::Check;
use crate::cli::session::all_pages;
use crate::clock::Clock;
use crate::config::Config;
use crate::provider::{Payable, Provider};

const NAME: &str = "prices";

/// One line about all prices; none where there is nobody to ask or nothing to ask for.
pub(super) async fn check(config: &Config, store: Option<&dyn Store>) -> Option<Check> {
    let provider = Provider::new(config).ok().flatten()?;
    let store = store?;
    let page =
        |before| store.channels(ChannelFilter { before, limit: PAGE_LENGTH_MAX, ..ChannelFilter::default() });
    let channels = all_pages(|channel: &Channel| channel.id, page).await.ok()?;
    let prices: BTreeMap<String, Money> = channels
        .iter()
        .flat_map(Channel::active_plans)
        .map(|plan| (plan.price.to_string(), plan.price.clone()))
        .collect();
    if prices.is_empty() {
        return None;
    }
    let mut too_small = Vec::new();
    for price in prices.values() {
        let payable = provider.payable(Clock::default().now(), price).await;
        if payable == Payable::Unknown {
            return Some(Check::warn(
                NAME,
                "the provider did not say which amounts are too small",
                "run `tollhouse doctor` again in a minute",
            ));
        }
        too_small.extend(payable.warning(price));
    }
    Some(if too_small.is_empty() {
        Check::ok(NAME, "every plan on sale can be paid in at least one coin")
    } else {
        let mend = "sell it at a higher price (`channel plan add`, then `plan retire`), or accept a coin with a lower minimum at NOWPayments";
        Check::warn(NAME, too_small.join("; "), mend)
    })
}
