//! What owners are shown of their channels: a list, a card for each, its plans, members, sales and wallet, with buttons from one to the
//! other. Every card is made of what is in the database at that moment; a button names a thing and nothing else.

use jiff::SignedDuration;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use tollhouse_core::channel::{Channel, Plan};
use tollhouse_core::id::{ChannelId, MembershipId, PlanId};
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::money::{Currency, Money};
use tollhouse_core::order::{Order, OrderKind, OrderState};
use tollhouse_store::{ChannelFilter, MembershipFilter, OrderFilter, PAGE_LENGTH_MAX, StoreError};
use tollhouse_telegram::{Button, Html, Keyboard};

use super::press::Press;
use super::setup::short_title as short;
use crate::bot::dialogue::Turn;
use crate::purchase::Reply;
use crate::texts::{self, Language};

/// Channels on one page.
const CHANNELS_SHOWN_MAX: usize = 8;
/// Members on one page.
const MEMBERS_SHOWN_MAX: u32 = 10;
/// Sales that are named one by one.
const SALES_SHOWN_MAX: usize = 10;
/// Over how many days sales are added up.
const SALES_DAYS: [i64; 2] = [7, 30];
/// How many pages of orders are read to add sales up. Past it the sums are marked as the least.
const SALES_PAGES_MAX: usize = 10;

/// A channel of this person; `None` for anybody else's, and for one that is not there (F107).
///
/// # Errors
/// The store's.
pub async fn find(turn: &Turn<'_>, id: ChannelId) -> Result<Option<Channel>, StoreError> {
    let mut needs = tollhouse_core::snapshot::Needs::default();
    needs.channels.insert(id);
    let snapshot = turn.app.store.snapshot(needs).await?;
    Ok(snapshot.channels.get(&id).filter(|channel| channel.owner == Some(turn.user)).cloned())
}

/// A plan of a channel of this person.
///
/// # Errors
/// The store's.
pub async fn find_plan(turn: &Turn<'_>, id: PlanId) -> Result<Option<(Channel, Plan)>, StoreError> {
    let mine = all(turn).await?;
    Ok(mine.into_iter().find_map(|channel| channel.plan(id).cloned().map(|plan| (channel, plan))))
}

/// Every channel of this person, the archived ones as well; the newest first.
async fn all(turn: &Turn<'_>) -> Result<Vec<Channel>, StoreError> {
    let mut mine: Vec<Channel> = Vec::new();
    loop {
        let filter = ChannelFilter {
            archived: true,
            owner: Some(turn.user),
            before: mine.last().map(|channel| channel.id),
            limit: PAGE_LENGTH_MAX,
        };
        let page = turn.app.store.channels(filter).await?;
        let is_last = page.len() < PAGE_LENGTH_MAX as usize;
        mine.extend(page);
        if is_last {
            return Ok(mine);
        }
    }
}

/// Where a list of one's channels leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// To each one's card.
    Card,
    /// To its plans.
    Plans,
    /// To its members.
    Members,
    /// To its sales.
    Sales,
    /// To its offer.
    Offer,
}

impl To {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Card, Self::Plans, Self::Members, Self::Sales, Self::Offer];

    fn press(self, id: ChannelId) -> Press {
        match self {
            Self::Card => Press::Channel(id),
            Self::Plans => Press::Plans(id),
            Self::Members => Press::Members(id, None),
            Self::Sales => Press::Sales(id),
            Self::Offer => Press::Offer(id),
        }
    }
}

/// One's own channels to choose from; with a single one it is shown at once. Those that are not sold any more come last: their members are
/// looked after still.
///
/// # Errors
/// The store's.
pub async fn list(turn: &Turn<'_>, to: To, before: Option<ChannelId>) -> Result<Reply, StoreError> {
    let language = turn.language;
    let mut mine = all(turn).await?;
    if let [only] = &mine[..] {
        return show(turn, to, only).await;
    }
    if mine.is_empty() {
        return Ok((language.owner_none(), None));
    }
    // Stable: each half keeps its order, the newest first.
    mine.sort_by_key(|channel| channel.archived_at.is_some());
    // If the last one of the page before is somebody else's by now, the list begins anew.
    let start = before.and_then(|id| mine.iter().position(|channel| channel.id == id)).map_or(0, |at| at + 1);
    let page: Vec<&Channel> = mine.iter().skip(start).take(CHANNELS_SHOWN_MAX).collect();
    let mut rows: Vec<Vec<Button>> = page
        .iter()
        .map(|channel| {
            let title = short(&channel.title);
            let is_sold = channel.archived_at.is_none();
            vec![to.press(channel.id).button(if is_sold { title } else { language.button_archived(title) })]
        })
        .collect();
    if mine.len() > start + page.len()
        && let Some(last) = page.last()
    {
        rows.push(vec![Press::Channels(to, Some(last.id)).button(language.button_more())]);
    }
    Ok((language.owner_channels(), Some(Keyboard { rows })))
}

async fn show(turn: &Turn<'_>, to: To, channel: &Channel) -> Result<Reply, StoreError> {
    match to {
        To::Card => Ok(self::channel(turn.language, channel)),
        To::Plans => Ok(plans(turn.language, channel)),
        To::Members => members(turn, channel, None).await,
        To::Sales => sales(turn, channel).await,
        To::Offer => super::offer::card(turn, channel, false).await,
    }
}

/// The card of a channel.
#[must_use]
pub fn channel(language: Language, channel: &Channel) -> Reply {
    let mut lines = plan_lines(language, channel);
    lines.push(match &channel.payout {
        Some(payout) => {
            language.confirm_payout(texts::wallet(payout), payout.currency.as_str().to_uppercase())
        }
        None => language.confirm_no_payout(),
    });
    if channel.archived_at.is_some() {
        lines.push(language.owner_archived());
    }
    (texts::lines(&language.owner_card(&channel.title), lines), Some(buttons(language, channel)))
}

/// The buttons of a channel's card.
#[must_use]
pub fn buttons(language: Language, channel: &Channel) -> Keyboard {
    let id = channel.id;
    let mut rows = vec![
        vec![
            Press::Plans(id).button(language.button_plans()),
            Press::Members(id, None).button(language.button_members()),
        ],
        vec![
            Press::Sales(id).button(language.button_sales()),
            Press::Payout(id).button(language.button_payout()),
        ],
    ];
    if channel.public_chat.is_some() && channel.archived_at.is_none() {
        rows.push(vec![Press::Offer(id).button(language.button_offer())]);
    }
    Keyboard { rows }
}

/// A line for each plan on sale, or that there is none. To who may add none it is not proposed.
fn plan_lines(language: Language, channel: &Channel) -> Vec<Html> {
    let line = |plan: &Plan| texts::plan_line(language, &short(&plan.label), &plan.price, &plan.duration);
    let mut lines: Vec<Html> = channel.active_plans().map(line).collect();
    if lines.is_empty() && channel.archived_at.is_none() {
        lines.push(language.owner_no_plans());
    }
    lines
}

pub(super) fn back(language: Language, id: ChannelId) -> Vec<Button> {
    vec![Press::Channel(id).button(language.button_back())]
}

/// The plans of a channel that are on sale.
#[must_use]
pub fn plans(language: Language, channel: &Channel) -> Reply {
    let mut rows: Vec<Vec<Button>> =
        channel.active_plans().map(|plan| vec![Press::Plan(plan.id).button(short(&plan.label))]).collect();
    if channel.archived_at.is_none() {
        rows.push(vec![Press::AddPlan(channel.id).button(language.button_add_plan())]);
    }
    rows.push(back(language, channel.id));
    let mut lines = plan_lines(language, channel);
    if channel.archived_at.is_some() {
        lines.push(language.owner_archived());
    }
    (texts::lines(&language.owner_plans(&channel.title), lines), Some(Keyboard { rows }))
}

/// The card of a plan.
#[must_use]
pub fn plan(language: Language, channel: &Channel, plan: &Plan) -> Reply {
    let line = texts::plan_line(language, &plan.label, &plan.price, &plan.duration);
    let mut lines = vec![line];
    let mut rows = Vec::new();
    if plan.active {
        rows.push(vec![
            Press::Link(plan.id).button(language.button_link()),
            Press::Retire(plan.id).button(language.button_retire()),
        ]);
    } else {
        lines.push(language.owner_plan_retired());
    }
    rows.push(vec![Press::Plans(channel.id).button(language.button_back())]);
    (texts::lines(&language.owner_card(&channel.title), lines), Some(Keyboard { rows }))
}

/// Asks whether a plan is really to be taken off sale.
#[must_use]
pub fn retire(language: Language, plan: &Plan) -> Reply {
    let keyboard = Keyboard::column([
        Press::RetireNow(plan.id).button(language.button_retire()),
        Press::Plan(plan.id).button(language.button_back()),
    ]);
    (language.confirm_retire(&plan.label), Some(keyboard))
}

/// Where a channel's owner is paid out, and what that is to become.
#[must_use]
pub fn payout(language: Language, channel: &Channel) -> Reply {
    let coin = |currency: &Currency| currency.as_str().to_uppercase();
    let mut lines = vec![match &channel.payout {
        Some(payout) => language.confirm_payout(texts::wallet(payout), coin(&payout.currency)),
        None => language.confirm_no_payout(),
    }];
    let mut rows = Vec::new();
    if let Some(change) = &channel.payout_change {
        let (address, from) = (texts::wallet(&change.payout), language.instant(change.counts_at));
        lines.push(language.owner_payout_waits(address, coin(&change.payout.currency), from));
        rows.push(vec![
            Press::KeepPayout(channel.id, change.counts_at).button(language.button_keep_payout()),
        ]);
    }
    rows.push(vec![Press::ChangePayout(channel.id).button(language.button_change_payout())]);
    rows.push(back(language, channel.id));
    (texts::lines(&language.owner_card(&channel.title), lines), Some(Keyboard { rows }))
}

/// The members of a channel whose time is not over, and those in grace, a page at a time.
///
/// # Errors
/// The store's.
pub async fn members(
    turn: &Turn<'_>,
    channel: &Channel,
    before: Option<MembershipId>,
) -> Result<Reply, StoreError> {
    let language = turn.language;
    let count = turn.app.store.count_members(channel.id).await?;
    let filter = MembershipFilter {
        channel: Some(channel.id),
        counted: true,
        before,
        limit: MEMBERS_SHOWN_MAX + 1,
        ..MembershipFilter::default()
    };
    let mut page = turn.app.store.memberships(filter).await?;
    let is_more = page.len() > MEMBERS_SHOWN_MAX as usize;
    page.truncate(MEMBERS_SHOWN_MAX as usize);
    let (now, grace) = (turn.app.clock.now(), channel.policies.grace());
    let lines = page.iter().map(|membership| {
        let (user, until) = (membership.user.to_string(), language.until(membership.ends_at));
        match (membership.ends_at, membership.removal_due(grace)) {
            (Some(end), Some(due)) if membership.status == MembershipStatus::Grace && now < due => {
                language.member_grace(user, language.instant(end), language.instant(due))
            }
            // The bot lacks a right, or removals have stopped.
            (Some(end), Some(_)) if membership.status == MembershipStatus::Grace => {
                language.member_over(user, language.instant(end))
            }
            _ if membership.joined_at.is_some() => language.member_inside(user, until),
            _ => language.member_outside(user, until),
        }
    });
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let text = texts::lines(&language.owner_members(&channel.title, count), lines);
    let mut rows = Vec::new();
    if is_more && let Some(last) = page.last() {
        rows.push(vec![Press::Members(channel.id, Some(last.id)).button(language.button_more())]);
    }
    rows.push(back(language, channel.id));
    Ok((text, Some(Keyboard { rows })))
}

/// What a channel has sold: sums, and the last ones.
///
/// # Errors
/// The store's.
pub async fn sales(turn: &Turn<'_>, channel: &Channel) -> Result<Reply, StoreError> {
    let language = turn.language;
    let now = turn.app.clock.now();
    let since = |days: i64| now.checked_sub(SignedDuration::from_hours(days * 24)).unwrap_or(now);
    let (paid, is_all) = paid_since(turn, channel.id, since(SALES_DAYS[1])).await?;
    let mut lines = Vec::new();
    for days in SALES_DAYS {
        let from = since(days);
        let of_days: Vec<&Order> =
            paid.iter().filter(|order| order.paid_at.is_some_and(|at| at >= from)).collect();
        let count = u32::try_from(of_days.len()).unwrap_or(u32::MAX);
        let sums: Vec<String> = sums(&of_days).iter().map(|money| language.money(money)).collect();
        let sums = if sums.is_empty() { "0".to_owned() } else { sums.join(" + ") };
        lines.push(language.sales_sum(u32::try_from(days).unwrap_or(0), count, sums));
    }
    if !is_all {
        lines.push(language.sales_at_least());
    }
    let mut newest: Vec<&Order> = paid.iter().collect();
    newest.sort_by_key(|order| std::cmp::Reverse(order.paid_at));
    for order in newest.into_iter().take(SALES_SHOWN_MAX) {
        let buyer = match order.user {
            Some(user) => language.buyer_account(user.to_string()),
            None => language.buyer_unknown(),
        };
        let paid_at = language.instant(order.paid_at.unwrap_or(order.created_at));
        lines.push(language.sale_line(paid_at, language.money(&order.price), buyer));
    }
    let keyboard = Keyboard { rows: vec![back(language, channel.id)] };
    Ok((texts::lines(&language.owner_sales(&channel.title), lines), Some(keyboard)))
}

/// The orders of a channel that were paid since then, and whether these are all. An order is paid within days of being made, so that the
/// list, which is by when they were made, is read a bit further back.
async fn paid_since(
    turn: &Turn<'_>,
    id: ChannelId,
    since: jiff::Timestamp,
) -> Result<(Vec<Order>, bool), StoreError> {
    /// A payment can be paid for a week.
    const PAID_WITHIN_DAYS: i64 = 8;
    let made_since =
        since.checked_sub(SignedDuration::from_hours(PAID_WITHIN_DAYS * 24)).unwrap_or(jiff::Timestamp::MIN);
    let mut paid = Vec::new();
    let mut before = None;
    for _ in 0..SALES_PAGES_MAX {
        let filter = OrderFilter {
            channel: Some(id),
            state: Some(OrderState::Paid),
            before,
            limit: PAGE_LENGTH_MAX,
            ..OrderFilter::default()
        };
        let page = turn.app.store.orders(filter).await?;
        let is_last = page.len() < PAGE_LENGTH_MAX as usize;
        let is_old = page.last().is_some_and(|order| order.created_at < made_since);
        before = page.last().map(|order| order.id);
        // A donation is no sale: what arrived of it need not be what was chosen, and its owner has heard of it.
        let is_sale = |order: &Order| {
            order.kind() == OrderKind::Membership && order.paid_at.is_some_and(|at| at >= since)
        };
        paid.extend(page.into_iter().filter(is_sale));
        if is_last || is_old {
            return Ok((paid, true));
        }
    }
    Ok((paid, false))
}

/// The sum in each currency: two currencies are never added (I7).
fn sums(orders: &[&Order]) -> Vec<Money> {
    let mut sums: BTreeMap<Currency, Decimal> = BTreeMap::new();
    for order in orders {
        let sum = sums.entry(order.price.currency.clone()).or_default();
        *sum = sum.checked_add(order.price.amount).unwrap_or(*sum);
    }
    sums.into_iter().map(|(currency, amount)| Money::new(amount, currency)).collect()
}
