//! Buying from the bot: what a payment link sells, the order that is made from it, and what a buyer's order has come to.
//!
//! A start payload names a link or an order and nothing else: plan and price are looked up when it is opened (I6, F17). An order belongs to
//! the account that opened the link, and nothing about who is buying what is kept from one update to the next (F18).

use jiff::SignedDuration;
use tollhouse_core::channel::Channel;
use tollhouse_core::command::{Command, OrderFrom, Outcome};
use tollhouse_core::id::{OrderId, TelegramUserId};
use tollhouse_core::link::{LinkState, PayLink};
use tollhouse_core::membership::later;
use tollhouse_core::order::{InvoiceProblem, Order, OrderSource, OrderState};
use tollhouse_core::payment::Payment;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{OrderFilter, StoreError};
use tollhouse_telegram::{Button, Html, Keyboard};

use crate::app::{App, SubmitError};
use crate::donation;
use crate::http::link::SLUG_LENGTH_MAX;
use crate::http::order::OrderStory;
use crate::texts::Language;

/// What stands before a link's slug in a start payload.
const LINK_PREFIX: &str = "p_";
/// What stands before an order in a start payload.
const ORDER_PREFIX: &str = "o_";
/// For how long the same wish of the same account leads back to the order that it made, in minutes: a double tap, an update that Telegram
/// tells twice, and whoever lost the message pay once. Later it is a new wish, whose invoice is fresh.
const SAME_WISH_MINUTES: i64 = 60;

/// What the bot answers, and the buttons below it.
pub type Reply = (Html, Option<Keyboard>);

/// The slug in a start payload that names a link; it may be anything.
#[must_use]
pub fn link_of(payload: &str) -> Option<&str> {
    payload.strip_prefix(LINK_PREFIX)
}

/// The order in a start payload that names one: `Some(None)` if what it names can be none. With or without the `ord_` of the id.
#[must_use]
pub fn order_of(payload: &str) -> Option<Option<OrderId>> {
    let name = payload.strip_prefix(ORDER_PREFIX)?;
    let digits = name.strip_prefix(OrderId::PREFIX).unwrap_or(name);
    Some(format!("{}{digits}", OrderId::PREFIX).parse().ok())
}

/// Shows what a link sells, and makes the order, or finds the one that is not settled still.
///
/// # Errors
/// The store's.
pub async fn offer(
    app: &App,
    user: TelegramUserId,
    slug: &str,
    language: Language,
) -> Result<Reply, StoreError> {
    let Some((link, channel)) = find_link(app, slug).await? else {
        return Ok((language.link_unknown(), None));
    };
    let now = app.clock.now();
    let state = link.state(now);
    let is_sold = channel.archived_at.is_none() && channel.plan(link.plan_id).is_some_and(|plan| plan.active);
    if let Some(order) = unsettled(app, user, &link).await? {
        // Who has sent money is told about it, whatever became of the link; who has not may still pay what took the link's last use.
        let has_paid = order.state_at(now) != OrderState::Open;
        if has_paid || (is_sold && matches!(state, LinkState::Usable | LinkState::UsedUp)) {
            return show(app, user, Some(order.id), language).await;
        }
    }
    if !is_sold || state != LinkState::Usable {
        return Ok((why_closed(Some(state), language), None));
    }
    let order = Command::CreateOrder {
        from: OrderFrom::Link { slug: slug.to_owned() },
        user: Some(user),
        source: OrderSource::Bot,
        wants_invoice: app.provider.is_some(),
    };
    match app.submit(order).await {
        Ok(Outcome::Order(id)) => show(app, user, Some(id), language).await,
        // Since we looked somebody was faster, or the owner took it back.
        Ok(_) | Err(SubmitError::Refused(_)) => {
            let state = find_link(app, slug).await?.map(|(link, _)| link.state(app.clock.now()));
            Ok((why_closed(state, language), None))
        }
        Err(SubmitError::Store(error)) => Err(error),
    }
}

/// What an order has come to, for its buyer. Everybody else is told what is told of an order that does not exist.
///
/// # Errors
/// The store's.
pub async fn show(
    app: &App,
    user: TelegramUserId,
    id: Option<OrderId>,
    language: Language,
) -> Result<Reply, StoreError> {
    let story = match id {
        Some(id) => OrderStory::load(app, id).await?,
        None => None,
    };
    let Some(story) = story.filter(|story| story.order.user == Some(user)) else {
        return Ok((language.order_unknown(), None));
    };
    app.reconcile.looks.order_opened(app, story.order.id);
    Ok((state_of(app, &story, language), Some(buttons(app, &story.order, language))))
}

/// In a group, where anybody may read it: the way to the private chat, by a link. A web-app button is refused there (F54).
/// `None` if it is no link of ours, so that the bot does not answer for others.
///
/// # Errors
/// The store's.
pub async fn in_group(app: &App, slug: &str, language: Language) -> Result<Option<Reply>, StoreError> {
    let Some((link, channel)) = find_link(app, slug).await? else { return Ok(None) };
    let Some(url) = app.bot_link(&format!("{LINK_PREFIX}{}", link.slug)) else { return Ok(None) };
    let keyboard = Keyboard::column([Button::url(language.button_open_bot(), url)]);
    Ok(Some((language.buy_in_private(&channel.title), Some(keyboard))))
}

async fn find_link(app: &App, slug: &str) -> Result<Option<(PayLink, Channel)>, StoreError> {
    if slug.is_empty() || slug.len() > SLUG_LENGTH_MAX {
        return Ok(None);
    }
    let mut needs = Needs::default();
    needs.slugs.insert(slug.to_owned());
    let snapshot = app.store.snapshot(needs).await?;
    let Some(link) = snapshot.links.values().find(|link| link.slug == slug).cloned() else { return Ok(None) };
    Ok(snapshot.channels.get(&link.channel_id).cloned().map(|channel| (link, channel)))
}

/// The newest order of the account for the link's plan that was made within [`SAME_WISH_MINUTES`] and is neither paid nor over.
async fn unsettled(app: &App, user: TelegramUserId, link: &PayLink) -> Result<Option<Order>, StoreError> {
    let filter = OrderFilter { channel: Some(link.channel_id), user: Some(user), ..OrderFilter::default() };
    let (now, wish) = (app.clock.now(), SignedDuration::from_mins(SAME_WISH_MINUTES));
    let waits = |state| matches!(state, OrderState::Open | OrderState::Seen | OrderState::PartiallyPaid);
    Ok(app.store.orders(filter).await?.into_iter().find(|order| {
        order.plan_id == Some(link.plan_id)
            && now < later(order.created_at, wish)
            && waits(order.state_at(now))
    }))
}

/// Why a link makes no order.
fn why_closed(state: Option<LinkState>, language: Language) -> Html {
    match state {
        None => language.link_unknown(),
        Some(LinkState::Revoked) => language.link_revoked(),
        Some(LinkState::Expired) => language.link_expired(),
        Some(LinkState::UsedUp) => language.link_used_up(),
        Some(LinkState::Usable) => language.link_over(),
    }
}

/// The start payload of a link.
#[must_use]
pub fn link_payload(slug: &str) -> String {
    format!("{LINK_PREFIX}{slug}")
}

fn state_of(app: &App, story: &OrderStory, language: Language) -> Html {
    let Some(duration) = &story.order.duration else { return donation::state_of(app, story, language) };
    let OrderStory { order, channel, payments, grant, membership } = story;
    let (title, now) = (&channel.title, app.clock.now());
    match order.state_at(now) {
        OrderState::Open if is_below_minimum(order) => language.order_unpayable(title),
        OrderState::Open => {
            let label = order.plan_id.and_then(|id| channel.plan(id)).map_or("", |plan| plan.label.as_str());
            language.offer(title, label, language.money(&order.price), language.duration(duration))
        }
        // All of it is there, and still the order is not paid: a person decides.
        OrderState::Seen if payments.iter().any(Payment::is_credited) => language.order_with_owner(title),
        OrderState::Seen => language.order_seen(title),
        OrderState::PartiallyPaid => match &order.remaining {
            Some(rest) => language.order_partly(title, language.money(rest)),
            None => language.order_with_owner(title),
        },
        OrderState::Paid => {
            let grace = channel.policies.grace();
            match membership.as_ref().filter(|membership| membership.entitles(now, grace)) {
                Some(membership) => language.order_paid(title, language.until(membership.ends_at)),
                None => language.order_over(title),
            }
        }
        OrderState::Expired => language.order_expired(title),
        OrderState::Failed => language.order_failed(title),
        OrderState::Refunded if grant.as_ref().is_some_and(|grant| grant.revoked.is_none()) => {
            language.order_refunded_kept(title)
        }
        OrderState::Refunded => language.order_refunded(title),
    }
}

/// Whether the provider takes no payment as small as this. (Where only the invoice is missing one may pay on the page.)
pub(crate) fn is_below_minimum(order: &Order) -> bool {
    order.invoice.is_none() && matches!(order.invoice_problem, Some(InvoiceProblem::BelowMinimum { .. }))
}

/// To where one pays, as long as there is something to pay, and to the order's page.
fn buttons(app: &App, order: &Order, language: Language) -> Keyboard {
    let page = app.public_url(&format!("/o/{}", order.id));
    let is_payable = match order.state_at(app.clock.now()) {
        OrderState::Open => !is_below_minimum(order),
        OrderState::PartiallyPaid => order.remaining.is_some(),
        _ => false,
    };
    match &order.invoice {
        Some(invoice) if is_payable => Keyboard::column([
            Button::url(language.button_pay(), invoice.url.as_str()),
            Button::url(language.button_order(), page),
        ]),
        // The invoice is made by a job in a moment; the page shows it as soon as it is there.
        None if is_payable => Keyboard::column([Button::url(language.button_pay(), page)]),
        _ => Keyboard::column([Button::url(language.button_order(), page)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f17_a_payload_names_a_link_or_an_order_and_nothing_else() {
        assert_eq!(link_of("p_Ab3"), Some("Ab3"));
        assert_eq!(link_of("P_Ab3"), None);
        let id = OrderId(uuid::Uuid::from_u128(7));
        assert_eq!(order_of(&format!("o_{id}")), Some(Some(id)));
        assert_eq!(order_of(&format!("o_{}", id.0.simple())), Some(Some(id)));
        for payload in ["o_", "o_ord_", "o_ord_ord_1", "o_7", "o_PGP-7|-1001"] {
            assert_eq!(order_of(payload), Some(None), "{payload}");
        }
        assert_eq!(order_of("p_Ab3"), None);
        // The predecessor's payload, which said the price.
        for payload in ["LTEwMDE_1d00_9999", "", "start"] {
            assert_eq!((link_of(payload), order_of(payload)), (None, None), "{payload}");
        }
    }
}
