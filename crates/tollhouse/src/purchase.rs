//! Buying from the bot: what a payment link or a channel sells, and the orders that are made of it.
//!
//! A start payload names a link, a channel or an order and nothing else: plan and price are looked up when it is opened (I6, F17). An order
//! belongs to the account that opened the link, and nothing about who is buying what is kept from one update to the next (F18). The order's
//! message is sent and edited by a job (`crate::progress`); what is answered here at once is only what makes no order.

use tollhouse_core::channel::Channel;
use tollhouse_core::command::{Command, OrderFrom, Outcome};
use tollhouse_core::id::{ChannelId, OrderId, PlanId, TelegramUserId};
use tollhouse_core::link::{LinkState, PayLink};
use tollhouse_core::order::{InvoiceProblem, Order, OrderState};
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_store::{ChannelFilter, StoreError};
use tollhouse_telegram::{Button, Html, Keyboard};

use crate::app::{App, SubmitError};
use crate::bot::{Press, plan_button};
use crate::donation;
use crate::http::link::SLUG_LENGTH_MAX;
use crate::http::order::OrderStory;
use crate::texts::{self, Language};

/// What stands before a link's slug in a start payload.
const LINK_PREFIX: &str = "p_";
/// What stands before an order in a start payload.
const ORDER_PREFIX: &str = "o_";
/// What stands before a channel in a start payload that opens all its plans.
const CHANNEL_PREFIX: &str = "s_";
/// How many of somebody's channels a bare `/start` offers to renew. A longer list is read by nobody; each has its reminder, too.
const RENEWALS_SHOWN_MAX: usize = 20;

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

/// The channel in a start payload that names one, by the digits of its id.
#[must_use]
pub fn channel_of(payload: &str) -> Option<ChannelId> {
    format!("{}{}", ChannelId::PREFIX, payload.strip_prefix(CHANNEL_PREFIX)?).parse().ok()
}

/// The start payload that opens all plans of a channel.
#[must_use]
pub fn channel_payload(id: ChannelId) -> String {
    format!("{CHANNEL_PREFIX}{}", id.0.simple())
}

/// Makes the order of what a link sells, or finds the one that the same wish has made; its message comes by a job. What is answered at once
/// is why there is none.
///
/// # Errors
/// The store's.
pub async fn open(
    app: &App,
    user: TelegramUserId,
    slug: &str,
    language: Language,
) -> Result<Option<Reply>, StoreError> {
    let Some((link, channel)) = find_link(app, slug).await? else {
        return Ok(Some((language.link_unknown(), None)));
    };
    match buy(app, user, OrderFrom::Link { slug: slug.to_owned() }, link.plan_id).await? {
        Bought::Order(_) => Ok(None),
        Bought::LastsForEver => Ok(Some(nothing_to_buy(&channel, language))),
        Bought::NotSold => {
            let state = find_link(app, slug).await?.map(|(link, _)| link.state(app.clock.now()));
            Ok(Some((why_closed(state, language), None)))
        }
    }
}

/// What came of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bought {
    /// An order was made, or found.
    Order(OrderId),
    /// They have it for ever.
    LastsForEver,
    /// It is not sold.
    NotSold,
}

/// Makes the order of a wish, or finds the one that the same wish has made.
///
/// # Errors
/// The store's.
pub async fn buy(
    app: &App,
    user: TelegramUserId,
    from: OrderFrom,
    plan_id: PlanId,
) -> Result<Bought, StoreError> {
    match app.submit(Command::Buy { from, plan_id, user, wants_invoice: app.provider.is_some() }).await {
        Ok(Outcome::Order(id)) => {
            app.reconcile.looks.order_opened(app, id);
            Ok(Bought::Order(id))
        }
        Ok(Outcome::LastsForEver(_)) => Ok(Bought::LastsForEver),
        Ok(_) | Err(SubmitError::Refused(_)) => Ok(Bought::NotSold),
        Err(SubmitError::Store(error)) => Err(error),
    }
}

/// Shows an order to its buyer, by a job. Everybody else is told what is told of an order that does not exist.
///
/// # Errors
/// The store's.
pub async fn show(
    app: &App,
    user: TelegramUserId,
    id: Option<OrderId>,
    language: Language,
) -> Result<Option<Reply>, StoreError> {
    if let Some(order_id) = id {
        // A donation has no message that follows it: what it has come to is said when it is asked for.
        if let Some(story) = OrderStory::load(app, order_id).await?
            && story.order.duration.is_none()
        {
            if story.order.user != Some(user) {
                return Ok(Some((language.order_unknown(), None)));
            }
            app.reconcile.looks.order_opened(app, order_id);
            let text = donation::state_of(app, &story, language);
            return Ok(Some((text, Some(donation_buttons(app, &story.order, language)))));
        }
        match app.submit(Command::ShowOrder { order_id, user }).await {
            Ok(_) => {
                app.reconcile.looks.order_opened(app, order_id);
                return Ok(None);
            }
            Err(SubmitError::Refused(_)) => {}
            Err(SubmitError::Store(error)) => return Err(error),
        }
    }
    Ok(Some((language.order_unknown(), None)))
}

/// The plans of a channel to choose from, with prices and durations; `None` if it sells nothing.
///
/// # Errors
/// The store's.
pub async fn choose(
    app: &App,
    user: TelegramUserId,
    id: ChannelId,
    language: Language,
) -> Result<Option<Reply>, StoreError> {
    let Some(channel) = find_channel(app, id).await?.filter(sells) else { return Ok(None) };
    let is_lasting = lasting(&mine(app, user).await?).any(|known| known == id);
    Ok(Some(if is_lasting { nothing_to_buy(&channel, language) } else { chooser(&channel, language) }))
}

async fn mine(app: &App, user: TelegramUserId) -> Result<Snapshot, StoreError> {
    let mut needs = Needs::default();
    needs.users.insert(user);
    app.store.snapshot(needs).await
}

/// The channels to which somebody's access lasts for ever.
fn lasting(mine: &Snapshot) -> impl Iterator<Item = ChannelId> {
    let for_ever = mine.memberships.values().filter(|membership| membership.ends_at.is_none());
    for_ever.map(|membership| membership.channel_id)
}

fn nothing_to_buy(channel: &Channel, language: Language) -> Reply {
    (language.lasts_for_ever(&channel.title), None)
}

/// What a link to a channel is answered with: its plans, or the order at once where there is only one.
///
/// # Errors
/// The store's.
pub async fn open_channel(
    app: &App,
    user: TelegramUserId,
    id: ChannelId,
    language: Language,
) -> Result<Option<Reply>, StoreError> {
    let over = Ok(Some((language.link_over(), None)));
    let Some(channel) = find_channel(app, id).await?.filter(sells) else { return over };
    let plans: Vec<PlanId> = channel.active_plans().map(|plan| plan.id).collect();
    match plans.as_slice() {
        [only] => {
            let from = OrderFrom::Plan { channel_id: id, plan_id: *only };
            match buy(app, user, from, *only).await? {
                Bought::Order(_) => Ok(None),
                Bought::LastsForEver => Ok(Some(nothing_to_buy(&channel, language))),
                Bought::NotSold => over,
            }
        }
        _ => choose(app, user, id, language).await,
    }
}

/// What a bare `/start` is answered with: to members, their channels to renew, but for those that they have for ever; where the bot sells one channel only, its plans; else a
/// greeting. Which other channels there are is for their owners to tell.
///
/// # Errors
/// The store's.
pub async fn welcome(app: &App, user: TelegramUserId, language: Language) -> Result<Reply, StoreError> {
    let snapshot = mine(app, user).await?;
    let to_renew: Vec<Button> = snapshot
        .memberships
        .values()
        .filter(|membership| membership.ends_at.is_some())
        .filter_map(|membership| snapshot.channels.get(&membership.channel_id))
        .filter(|channel| sells(channel))
        .take(RENEWALS_SHOWN_MAX)
        .map(|channel| Button::callback(&channel.title, Press::Plans { channel: channel.id }.to_data()))
        .collect();
    if !to_renew.is_empty() {
        return Ok((language.choose_channel(), Some(Keyboard::column(to_renew))));
    }
    let on_sale: Vec<Channel> =
        app.store.channels(ChannelFilter::default()).await?.into_iter().filter(sells).collect();
    Ok(match on_sale.as_slice() {
        [only] if lasting(&snapshot).any(|known| known == only.id) => nothing_to_buy(only, language),
        [only] => chooser(only, language),
        _ => (texts::hello(language), None),
    })
}

fn sells(channel: &Channel) -> bool {
    channel.archived_at.is_none() && channel.active_plans().next().is_some()
}

fn chooser(channel: &Channel, language: Language) -> Reply {
    let plans = channel.active_plans().map(|plan| plan_button(plan, language));
    (language.choose_plan(&channel.title), Some(Keyboard::column(plans)))
}

async fn find_channel(app: &App, id: ChannelId) -> Result<Option<Channel>, StoreError> {
    let mut needs = Needs::default();
    needs.channels.insert(id);
    Ok(app.store.snapshot(needs).await?.channels.get(&id).cloned())
}

/// In a group, where anybody may read it: the way to the private chat, by a link. A web-app button is refused there (F54).
/// `None` if it is no link of ours, so that the bot does not answer for others.
///
/// # Errors
/// The store's.
pub async fn in_group(app: &App, payload: &str, language: Language) -> Result<Option<Reply>, StoreError> {
    let channel = match (link_of(payload), channel_of(payload)) {
        (Some(slug), _) => find_link(app, slug).await?.map(|(_, channel)| channel),
        (None, Some(id)) => find_channel(app, id).await?.filter(sells),
        (None, None) => None,
    };
    let Some(channel) = channel else { return Ok(None) };
    let Some(url) = app.bot_link(payload) else { return Ok(None) };
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

/// Whether the provider takes no payment as small as this. (Where only the invoice is missing one may pay on the page.)
pub(crate) fn is_below_minimum(order: &Order) -> bool {
    order.invoice.is_none() && matches!(order.invoice_problem, Some(InvoiceProblem::BelowMinimum { .. }))
}

/// Below a donation: to where one pays, as long as there is something to pay, and to its page.
fn donation_buttons(app: &App, order: &Order, language: Language) -> Keyboard {
    let page = app.public_url(&format!("/o/{}", order.id));
    let (is_payable, is_begun) = match order.state_at(app.clock.now()) {
        OrderState::Open => (!is_below_minimum(order), false),
        OrderState::PartiallyPaid => (order.remaining.is_some(), true),
        _ => (false, false),
    };
    match &order.invoice {
        Some(invoice) if is_payable && !is_begun => Keyboard::column([
            Button::url(language.button_pay(), invoice.url.as_str()),
            Button::url(language.button_order(), page),
        ]),
        // The invoice is made by a job in a moment; the page shows it as soon as it is there. It also shows where a rest is to go: the
        // invoice asks for the whole amount anew.
        _ if is_payable => Keyboard::column([Button::url(language.button_pay(), page)]),
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
            assert_eq!(channel_of(payload), None, "{payload}");
        }
        let id = ChannelId(uuid::Uuid::from_u128(7));
        assert_eq!(channel_of(&channel_payload(id)), Some(id));
        assert_eq!(channel_of("s_7"), None);
    }
}
