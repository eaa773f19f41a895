//! Donations: from the button under the offer to an order of their own kind, and what has become of it. A donation buys nothing (F49).
//!
//! The button carries the channel and nothing else (I6): whether it takes donations, and between which limits, is looked up when somebody
//! comes. The amount is the donor's choice, and the price of nothing but the donation.

use jiff::SignedDuration;
use tollhouse_core::channel::Channel;
use tollhouse_core::id::{ChannelId, TelegramUserId};
use tollhouse_core::membership::later;
use tollhouse_core::money::{Money, exact_amount};
use tollhouse_core::offer::{Donations, Offer};
use tollhouse_core::order::{Order, OrderKind, OrderState};
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{OrderFilter, StoreError};
use tollhouse_telegram::Html;

use crate::app::App;
use crate::http::order::OrderStory;
use crate::purchase::is_below_minimum;
use crate::texts::Language;

/// What stands before the channel in a start payload.
const PREFIX: &str = "d_";
/// Longest text that is read as an amount, in characters: longer ones are words.
const AMOUNT_LENGTH_MAX: usize = 32;
/// For how long a donor's message belongs to the donation that they made last, in hours.
const MESSAGE_HOURS: i64 = 72;

/// The start payload of a donation: `d_` and the 32 digits of the channel's id.
#[must_use]
pub fn payload(id: ChannelId) -> String {
    format!("{PREFIX}{}", id.0.simple())
}

/// The channel in a start payload that names one: `Some(None)` if what it names can be none (F24).
#[must_use]
pub fn of_payload(payload: &str) -> Option<Option<ChannelId>> {
    let digits = payload.strip_prefix(PREFIX)?;
    Some(format!("{}{digits}", ChannelId::PREFIX).parse().ok())
}

/// The channel and what it offers to donors; nothing if it takes no donations, or there is no such channel. A store that cannot be asked is
/// an error and no answer (F55).
///
/// # Errors
/// The store's.
pub async fn open(app: &App, id: ChannelId) -> Result<Option<(Channel, Donations)>, StoreError> {
    let mut needs = Needs::default();
    needs.channels.insert(id);
    needs.offers.insert(id);
    let snapshot = app.store.snapshot(needs).await?;
    let Some(channel) = snapshot.channels.get(&id).filter(|channel| channel.archived_at.is_none()).cloned()
    else {
        return Ok(None);
    };
    let donations = snapshot
        .offers
        .get(&id)
        .map_or_else(|| Offer::new(id, app.clock.now()).donations, |offer| offer.donations.clone());
    Ok(donations.open.then_some((channel, donations)))
}

/// The amount that somebody has written: a number, with a point or a comma, and perhaps the currency beside it.
#[must_use]
pub fn read_amount(text: &str, donations: &Donations) -> Option<Money> {
    if text.chars().count() > AMOUNT_LENGTH_MAX {
        return None;
    }
    let (code, lower) = (donations.currency.as_str(), text.trim().to_lowercase());
    let without = |text: &str, mark: &str| {
        let text = text.trim();
        text.strip_suffix(mark).or_else(|| text.strip_prefix(mark)).unwrap_or(text).trim().to_owned()
    };
    let number = ["$", "€", "£", "₽"].iter().fold(without(&lower, code), |text, sign| without(&text, sign));
    if !number.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',')) {
        return None;
    }
    let amount = exact_amount(&number.replace(',', ".")).ok()?;
    let amount = Money::new(amount, donations.currency.clone());
    donations.check_amount(&amount).is_ok().then_some(amount)
}

/// The donation of an account to a channel that was made last and waits for its payment still.
///
/// # Errors
/// The store's.
pub async fn last(app: &App, user: TelegramUserId, channel: ChannelId) -> Result<Option<Order>, StoreError> {
    let filter = OrderFilter { channel: Some(channel), user: Some(user), ..OrderFilter::default() };
    let (now, hours) = (app.clock.now(), SignedDuration::from_hours(MESSAGE_HOURS));
    let orders = app.store.orders(filter).await?;
    Ok(orders
        .into_iter()
        .find(|order| order.kind() == OrderKind::Donation && now < later(order.created_at, hours)))
}

/// The title of a channel; empty if it is none.
///
/// # Errors
/// The store's.
pub async fn title_of(app: &App, id: ChannelId) -> Result<String, StoreError> {
    let mut needs = Needs::default();
    needs.channels.insert(id);
    let snapshot = app.store.snapshot(needs).await?;
    Ok(snapshot.channels.get(&id).map(|channel| channel.title.clone()).unwrap_or_default())
}

/// What a donation has come to, for its donor.
#[must_use]
pub fn state_of(app: &App, story: &OrderStory, language: Language) -> Html {
    let OrderStory { order, channel, .. } = story;
    let title = &channel.title;
    match order.state_at(app.clock.now()) {
        OrderState::Open if is_below_minimum(order) => language.donation_too_small(title),
        OrderState::Open => language.donation_offer(title, language.money(&order.price)),
        OrderState::Seen | OrderState::PartiallyPaid => language.order_seen(title),
        OrderState::Paid => language.donation_arrived(title),
        OrderState::Expired => language.order_expired(title),
        OrderState::Failed => language.donation_failed(title),
        OrderState::Refunded => language.donation_refunded(title),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f24_a_payload_names_a_channel_or_nothing() {
        let id = ChannelId(uuid::Uuid::from_u128(7));
        assert_eq!(of_payload(&payload(id)), Some(Some(id)));
        for odd in ["d_", "d_default", "donation_default", "d_chn_1", "d_-1001", "d_7_5d00"] {
            assert_eq!(of_payload(odd).flatten(), None, "{odd}");
        }
        assert_eq!(of_payload("p_slug"), None);
    }

    #[test]
    fn an_amount_is_read_as_people_write_it_and_never_guessed() {
        let donations = Donations::default();
        let read = |text: &str| read_amount(text, &donations).map(|amount| amount.to_string());
        for (text, amount) in [
            ("5", "5 USD"),
            (" 7.50 ", "7.50 USD"),
            ("7,5", "7.5 USD"),
            ("$20", "20 USD"),
            ("20 usd", "20 USD"),
            ("20\u{a0}$", "20 USD"),
            ("10000", "10000 USD"),
        ] {
            assert_eq!(read(text).as_deref(), Some(amount), "{text}");
        }
        for text in [
            "",
            "five",
            "0",
            "0.99",
            "10001",
            "1e3",
            "5usd5",
            "$",
            ".",
            "-5",
            "1.005",
            "1.000,50",
            "5 eur",
            "1e9",
            "5 5",
            "7.50 for the cat",
            "5\n5",
            "١٠",
            &"9".repeat(4_000),
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
