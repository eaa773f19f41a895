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
/// Of how many prices the provider may say nothing before it is not asked for more: each question may take ten seconds.
const UNANSWERED_MAX: usize = 2;
const AGAIN: &str = "run `tollhouse doctor` again in a minute";
const MEND_PRICE: &str = "sell it at a higher price or in another currency, such as USD (`channel plan add`, then `plan retire`), or accept a coin with a lower minimum at NOWPayments";

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
    let mut unpayable = Vec::new();
    let mut unanswered = Vec::new();
    for price in prices.values() {
        let payable = provider.payable(Clock::default().now(), price).await;
        unpayable.extend(payable.warning(price));
        if payable == Payable::Unknown {
            unanswered.push(price.to_string());
            if unanswered.len() == UNANSWERED_MAX {
                break;
            }
        }
    }
    Some(found(&unpayable, &unanswered))
}

/// What is known counts, whatever is not.
fn found(unpayable: &[String], unanswered: &[String]) -> Check {
    let mut problems = unpayable.to_vec();
    if !unanswered.is_empty() {
        let prices = unanswered.join(", ");
        problems.push(format!("the provider did not say whether its coins take {prices}"));
    }
    if problems.is_empty() {
        return Check::ok(NAME, "every plan on sale can be paid in at least one coin");
    }
    let mend = if unpayable.is_empty() { AGAIN } else { MEND_PRICE };
    Check::warn(NAME, problems.join("; "), mend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Status;

    #[test]
    fn a_price_of_which_nothing_is_known_hides_no_other() {
        let check = found(&["1 USD is too small".to_owned()], &["2 USD".to_owned()]);
        assert_eq!(check.status, Status::Warn);
        assert!(check.message.contains("1 USD is too small") && check.message.contains("2 USD"), "{check:?}");
        assert_eq!(check.mend.as_deref(), Some(MEND_PRICE));
        assert_eq!(found(&[], &["2 USD".to_owned()]).mend.as_deref(), Some(AGAIN));
        assert_eq!(found(&[], &[]).status, Status::Ok);
    }
}
