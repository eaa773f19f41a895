//! In what the signed events of one payment contradict each other, for whoever has to decide.

use std::collections::{BTreeMap, BTreeSet};

use nowpayments::{Body, Notification, Parent};
use tollhouse_store::LoggedEvent;

use super::payment::PAYMENT_ID_PREFIX;

/// Each thing that should be the same in all events of a payment and is not, with the values that were named, in words.
#[must_use]
pub fn differences(events: &[LoggedEvent]) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut named: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for event in events {
        // What is in the log was parsed when it came; an answer of the provider's API has the same members.
        let Ok(Body::Payment(notification)) = nowpayments::parse(&event.body) else { continue };
        for (what, value) in identity(&notification) {
            named.entry(what).or_default().insert(value);
        }
    }
    named.retain(|_, values| values.len() > 1);
    named
}

/// What is named, as far as it is; an amount in one spelling, so that 5 and 5.00 are the same.
fn identity(notification: &Notification) -> Vec<(&'static str, String)> {
    let price = notification.price_amount.as_ref().zip(notification.price_currency.as_ref());
    let price = price.map(|(amount, currency)| {
        let amount = amount.exact().map_or_else(|| amount.to_string(), |exact| exact.normalize().to_string());
        format!("{amount} {}", currency.to_uppercase())
    });
    // A parent that is not named says that the payment stands alone.
    let parent = match &notification.parent {
        Parent::None => "none".to_owned(),
        Parent::Id(id) => format!("{PAYMENT_ID_PREFIX}{id}"),
        Parent::Unusable(text) => text.clone(),
    };
    let all = [
        ("order", notification.order_id.clone()),
        ("price", price),
        ("coin", notification.pay_currency.as_ref().map(|coin| coin.to_uppercase())),
        ("parent", Some(parent)),
    ];
    all.into_iter().filter_map(|(what, value)| Some((what, value?))).collect()
}
