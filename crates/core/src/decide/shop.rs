//! What is sold: channels, plans, links, and the orders made from them.

use jiff::Timestamp;

use super::access::no_channel;
use super::notification::new_order;
use super::payout;
use super::progress;
use super::{SYSTEM, Work, offers};
use crate::channel::{ACTIVE_PLANS_MAX, Channel, Plan, TITLE_LENGTH_MAX};
use crate::command::{NewChannel, NewPlan, OrderFrom, Outcome, Refusal};
use crate::id::{ChannelId, ClaimToken, LinkId, OrderId, PlanId, TelegramUserId};
use crate::job::JobKind;
use crate::link::{LinkState, PayLink};
use crate::money::{Currency, Money};
use crate::order::{COINS_TRIED_MAX, CoinWords, Invoice, InvoiceProblem, Order, OrderSource, OrderState};
use crate::policy::PolicyChange;

/// Length of a link's slug, in characters of base 62: 60 bits and more, so that nobody finds a link by trying.
const SLUG_LENGTH: usize = 11;

/// Registers a channel. Registering the very same chat again is a conflict that names the channel (F108).
pub(super) fn add_channel(work: &mut Work<'_>, new: &NewChannel) -> Result<Outcome, Refusal> {
    if let Some(known) = work.snapshot.channel_by_private_chat(new.private_chat) {
        return Err(Refusal::Conflict(format!(
            "chat {} is already registered as {}{}",
            new.private_chat,
            known.id,
            way_back(known)
        )));
    }
    if let Some(public_chat) = new.public_chat {
        if let Some(known) = work.snapshot.channel_by_public_chat(public_chat) {
            return Err(Refusal::Conflict(format!(
                "public chat {public_chat} already belongs to {}{}",
                known.id,
                way_back(known)
            )));
        }
        if public_chat.get() == new.private_chat.get() {
            return Err(Refusal::Invalid("the private and the public chat must be two chats".to_owned()));
        }
    }
    if new.plans.is_empty() {
        return Err(Refusal::Invalid("a channel needs a plan: --plan \"Monthly=5.00 USD/30d\"".to_owned()));
    }
    new.policies.check().map_err(Refusal::Invalid)?;
    let payout = payout::checked(new.payout.as_ref())?;
    let title = words(&new.title, "a title")?;
    let id = ChannelId(work.ids.uuid());
    let mut channel = Channel {
        id,
        private_chat: new.private_chat,
        public_chat: new.public_chat,
        title,
        owner: new.owner,
        payout: payout.clone(),
        payout_change: None,
        policies: new.policies.clone(),
        archived_at: None,
        frozen: None,
        chat_since: work.now,
        created_at: work.now,
        plans: Vec::new(),
    };
    for plan in &new.plans {
        push_plan(work, &mut channel, plan)?;
    }
    let detail = serde_json::json!({
        "private_chat_id": new.private_chat, "public_chat_id": new.public_chat, "owner": new.owner, "payout": payout,
        "policies": new.policies,
    });
    work.audit(&new.actor, "channel.added", format!("channel:{id}"), "", &detail);
    for plan in channel.plans.clone() {
        audit_plan(work, &plan, &new.actor);
    }
    work.snapshot.channels.put(id, channel);
    offers::begin(work, id);
    Ok(Outcome::Channel(id))
}

/// Stops selling a channel. Members keep their time and are shown out at its end (F50).
pub(super) fn archive_channel(work: &mut Work<'_>, id: ChannelId, actor: &str) -> Result<Outcome, Refusal> {
    let mut channel = channel(work, id)?;
    if channel.archived_at.is_none() {
        channel.archived_at = Some(work.now);
        work.snapshot.channels.put(id, channel);
        work.audit(actor, "channel.archived", format!("channel:{id}"), "", &serde_json::json!({}));
        offers::refresh(work, id);
    }
    Ok(Outcome::Channel(id))
}

/// Sells an archived channel again: its plans and links are what they were.
pub(super) fn unarchive_channel(work: &mut Work<'_>, id: ChannelId, actor: &str) -> Result<Outcome, Refusal> {
    let mut channel = channel(work, id)?;
    if channel.archived_at.take().is_some() {
        work.snapshot.channels.put(id, channel);
        work.audit(actor, "channel.unarchived", format!("channel:{id}"), "", &serde_json::json!({}));
        offers::refresh(work, id);
    }
    Ok(Outcome::Channel(id))
}

/// How to go on where a chat is an archived channel's: it stays that channel's for ever.
fn way_back(channel: &Channel) -> String {
    match channel.archived_at {
        Some(_) => format!(
            ", which is archived; `tollhouse channel unarchive {0}` sells it again, and `tollhouse channel owner {0} --set ID` gives it \
             to another owner",
            channel.id
        ),
        None => String::new(),
    }
}

/// Changes what the owner decided about odd payments. What was decided by the old policies stays decided; an order is looked at by the
/// new ones when something is next said of it.
pub(super) fn set_policies(
    work: &mut Work<'_>,
    id: ChannelId,
    change: &PolicyChange,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let mut channel = channel(work, id)?;
    let before = channel.policies.clone();
    let after = change.over(&before);
    after.check().map_err(Refusal::Invalid)?;
    if after != before {
        channel.policies = after.clone();
        work.snapshot.channels.put(id, channel);
        let detail = serde_json::json!({"from": before, "to": after});
        work.audit(actor, "channel.policies_set", format!("channel:{id}"), "", &detail);
    }
    Ok(Outcome::Channel(id))
}

/// Adds a plan.
pub(super) fn add_plan(
    work: &mut Work<'_>,
    id: ChannelId,
    plan: &NewPlan,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let mut channel = on_sale(work, id)?;
    let plan_id = push_plan(work, &mut channel, plan)?;
    if let Some(plan) = channel.plan(plan_id).cloned() {
        audit_plan(work, &plan, actor);
    }
    work.snapshot.channels.put(id, channel);
    offers::refresh(work, id);
    Ok(Outcome::Plan(plan_id))
}

fn audit_plan(work: &mut Work<'_>, plan: &Plan, actor: &str) {
    let detail = serde_json::json!({
        "channel_id": plan.channel_id, "label": plan.label, "price": plan.price, "duration": plan.duration,
    });
    work.audit(actor, "plan.added", format!("plan:{}", plan.id), "", &detail);
}

/// Stops selling a plan.
pub(super) fn retire_plan(
    work: &mut Work<'_>,
    id: ChannelId,
    plan_id: PlanId,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let mut channel = channel(work, id)?;
    let Some(plan) = channel.plans.iter_mut().find(|plan| plan.id == plan_id) else {
        return Err(no_plan(id, plan_id));
    };
    if plan.active {
        plan.active = false;
        work.snapshot.channels.put(id, channel);
        work.audit(actor, "plan.retired", format!("plan:{plan_id}"), "", &serde_json::json!({}));
        offers::refresh(work, id);
    }
    Ok(Outcome::Plan(plan_id))
}

/// How far a link reaches.
pub(super) struct LinkLimits {
    /// From when on it is refused.
    pub(super) expires_at: Option<Timestamp>,
    /// How many orders it may make.
    pub(super) max_uses: Option<u32>,
}

/// Makes a payment link.
pub(super) fn create_link(
    work: &mut Work<'_>,
    channel_id: ChannelId,
    plan_id: PlanId,
    limits: LinkLimits,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let channel = on_sale(work, channel_id)?;
    sold_plan(&channel, plan_id)?;
    if limits.expires_at.is_some_and(|at| at <= work.now) {
        return Err(Refusal::Invalid("the link would be expired from the start".to_owned()));
    }
    if limits.max_uses == Some(0) {
        return Err(Refusal::Invalid("a link needs at least one use".to_owned()));
    }
    Ok(Outcome::Link(push_link(work, channel_id, plan_id, &limits, actor)))
}

/// Makes the link behind the button of a plan in the channel's offer.
pub(super) fn offer_link(work: &mut Work<'_>, channel_id: ChannelId, plan_id: PlanId) -> LinkId {
    push_link(work, channel_id, plan_id, &LinkLimits { expires_at: None, max_uses: None }, SYSTEM)
}

fn push_link(
    work: &mut Work<'_>,
    channel_id: ChannelId,
    plan_id: PlanId,
    limits: &LinkLimits,
    actor: &str,
) -> LinkId {
    let LinkLimits { expires_at, max_uses } = *limits;
    let id = LinkId(work.ids.uuid());
    let slug = slug(work);
    let link = PayLink {
        id,
        slug,
        channel_id,
        plan_id,
        expires_at,
        max_uses,
        uses: 0,
        revoked_at: None,
        created_at: work.now,
    };
    work.snapshot.links.put(id, link);
    let detail = serde_json::json!({
        "channel_id": channel_id, "plan_id": plan_id, "expires_at": expires_at, "max_uses": max_uses,
    });
    work.audit(actor, "link.created", format!("link:{id}"), "", &detail);
    id
}

/// Takes a link back.
pub(super) fn revoke_link(work: &mut Work<'_>, id: LinkId, actor: &str) -> Result<Outcome, Refusal> {
    let mut link =
        work.snapshot.links.get(&id).cloned().ok_or_else(|| Refusal::NotFound(format!("no link {id}")))?;
    if link.revoked_at.is_none() {
        link.revoked_at = Some(work.now);
        let channel_id = link.channel_id;
        work.snapshot.links.put(id, link);
        work.audit(actor, "link.revoked", format!("link:{id}"), "", &serde_json::json!({}));
        // It may be the one behind a button of the offer, which then needs another.
        if work.snapshot.channels.get(&channel_id).is_some_and(|channel| channel.public_chat.is_some()) {
            offers::arm(work, channel_id);
        }
    }
    Ok(Outcome::Link(id))
}

/// Makes an order with a snapshot of the plan (F02). What a buyer holds names the plan only (I6, F17).
pub(super) fn create_order(
    work: &mut Work<'_>,
    from: &OrderFrom,
    user: Option<TelegramUserId>,
    source: OrderSource,
    wants_invoice: bool,
) -> Result<Outcome, Refusal> {
    let (channel_id, plan_id, link) = match from {
        OrderFrom::Plan { channel_id, plan_id } => (*channel_id, *plan_id, None),
        OrderFrom::Link { slug } => {
            let link = usable_link(work, slug)?;
            (link.channel_id, link.plan_id, Some(link))
        }
        OrderFrom::Donation { channel_id, amount } => {
            return donate(work, *channel_id, amount, user, source, wants_invoice);
        }
    };
    let channel = on_sale(work, channel_id)?;
    let plan = sold_plan(&channel, plan_id)?.clone();
    let id = OrderId(work.ids.uuid());
    let mut order = new_order(work.now, id, &channel, plan.price, Some(plan.duration), source);
    order.plan_id = Some(plan_id);
    order.user = user;
    order.claim = user.is_none().then(|| ClaimToken(work.ids.uuid()));
    if let Some(mut link) = link {
        order.link_id = Some(link.id);
        link.uses += 1;
        work.snapshot.links.put(link.id, link);
    }
    Ok(take_order(work, order, wants_invoice))
}

/// The same for a form on a page. As long as the order that it has made waits for its money, the same form leads to that one: a button that
/// was pressed twice takes one use of a link, and its buyer is not told that it is used up. The form's number is the order's claim: it is
/// secret as one, and UNIQUE (claim) decides when two processes work at one form.
pub(super) fn order_by_form(
    work: &mut Work<'_>,
    from: &OrderFrom,
    user: Option<TelegramUserId>,
    source: OrderSource,
    form: ClaimToken,
    wants_invoice: bool,
) -> Result<Outcome, Refusal> {
    let known = work.snapshot.orders.values().find(|order| order.claim == Some(form));
    let is_new = known.is_none();
    if let Some(order) = known
        && is_from(work, order, from)
        && matches!(order.state_at(work.now), OrderState::Open | OrderState::Seen | OrderState::PartiallyPaid)
    {
        return Ok(Outcome::Order(order.id));
    }
    let made = create_order(work, from, user, source, wants_invoice)?;
    if is_new
        && let Outcome::Order(id) = made
        && let Some(mut order) = work.snapshot.orders.get(&id).cloned()
    {
        order.claim = Some(form);
        work.snapshot.orders.put(id, order);
    }
    Ok(made)
}

/// Whether an order was made from this.
fn is_from(work: &Work<'_>, order: &Order, from: &OrderFrom) -> bool {
    match from {
        OrderFrom::Plan { plan_id, .. } => order.link_id.is_none() && order.plan_id == Some(*plan_id),
        OrderFrom::Link { slug } => {
            work.snapshot.links.values().any(|link| link.slug == *slug && order.link_id == Some(link.id))
        }
        OrderFrom::Donation { .. } => false,
    }
}

/// Makes the order of a donation. Its amount is the donor's choice within the channel's limits, and buys nothing (I6, F49).
fn donate(
    work: &mut Work<'_>,
    channel_id: ChannelId,
    amount: &Money,
    user: Option<TelegramUserId>,
    source: OrderSource,
    wants_invoice: bool,
) -> Result<Outcome, Refusal> {
    let channel = on_sale(work, channel_id)?;
    let donations = offers::of(work, channel_id).donations;
    if !donations.open {
        return Err(Refusal::Conflict(format!("channel {channel_id} takes no donations")));
    }
    donations.check_amount(amount).map_err(Refusal::Invalid)?;
    let id = OrderId(work.ids.uuid());
    let mut order = new_order(work.now, id, &channel, amount.clone(), None, source);
    order.user = user;
    Ok(take_order(work, order, wants_invoice))
}

fn take_order(work: &mut Work<'_>, order: Order, wants_invoice: bool) -> Outcome {
    let (id, channel_id) = (order.id, order.channel_id);
    work.snapshot.orders.put(id, order);
    if wants_invoice {
        work.arm(JobKind::CreateInvoice { order_id: id }, format!("order:{id}"), channel_id, work.now, true);
    }
    Outcome::Order(id)
}

/// Notes the buyer's coin and has its payment made, if there is none yet. What is chosen changes no price (I6).
pub(super) fn choose_coin(
    work: &mut Work<'_>,
    id: OrderId,
    coin: Option<&Currency>,
    words: Option<&CoinWords>,
) -> Result<Outcome, Refusal> {
    let mut order =
        work.snapshot.orders.get(&id).cloned().ok_or_else(|| Refusal::NotFound(format!("no order {id}")))?;
    if order.state_at(work.now) != OrderState::Open {
        return Err(Refusal::Conflict(format!("order {id} waits for no payment any more")));
    }
    let channel_id = order.channel_id;
    order.checkout.coin = coin.cloned();
    order.checkout.refused_last = None;
    if let Some(coin) = coin {
        if order.checkout.refused.contains(coin) {
            return Err(Refusal::Conflict(format!(
                "{coin} cannot be used for this price; choose another coin"
            )));
        }
        if !order.checkout.tried.contains(coin) {
            if order.checkout.is_full() {
                return Err(Refusal::Conflict(format!(
                    "{COINS_TRIED_MAX} coins were tried for this order; use one of them"
                )));
            }
            order.checkout.tried.push(coin.clone());
        }
        if let Some(words) = words {
            order.checkout.words.insert(coin.clone(), words.clone());
        }
        let is_made =
            work.snapshot.payments_of(id).iter().any(|payment| payment.can_be_paid(&order.price, coin));
        if !is_made {
            let kind = JobKind::CreatePayment { order_id: id, coin: coin.clone() };
            work.arm(kind, format!("order:{id}:{coin}"), channel_id, work.now, true);
        }
    }
    put_order(work, order);
    Ok(Outcome::Order(id))
}

/// Notes that the provider takes no payment of an order's price in a coin; the buyer chooses again.
pub(super) fn refuse_coin(work: &mut Work<'_>, id: OrderId, coin: &Currency) {
    let Some(mut order) = work.snapshot.orders.get(&id).cloned() else { return };
    if !order.checkout.refused.contains(coin) {
        order.checkout.refused.push(coin.clone());
    }
    if order.checkout.coin.as_ref() == Some(coin) {
        order.checkout.coin = None;
        order.checkout.refused_last = Some(coin.clone());
    }
    put_order(work, order);
}

/// Writes an order if it is not as it was.
pub(super) fn put_order(work: &mut Work<'_>, mut order: Order) {
    if work.snapshot.orders.get(&order.id) != Some(&order) {
        order.updated_at = work.now;
        work.snapshot.orders.put(order.id, order);
    }
}

/// Notes an order's invoice; the first one stays, so that a buyer is never shown two.
pub(super) fn note_invoice(work: &mut Work<'_>, id: OrderId, invoice: &Invoice) {
    if let Some(mut order) = work.snapshot.orders.get(&id).cloned()
        && order.invoice.is_none()
    {
        order.invoice = Some(invoice.clone());
        order.invoice_problem = None;
        order.updated_at = work.now;
        work.snapshot.orders.put(id, order);
        progress::follow(work, id);
    }
}

/// Notes why an order has no invoice.
pub(super) fn note_invoice_problem(work: &mut Work<'_>, id: OrderId, problem: InvoiceProblem) {
    if let Some(mut order) = work.snapshot.orders.get(&id).cloned()
        && order.invoice.is_none()
        && order.invoice_problem.as_ref() != Some(&problem)
    {
        order.invoice_problem = Some(problem);
        order.updated_at = work.now;
        work.snapshot.orders.put(id, order);
        progress::follow(work, id);
    }
}

fn channel(work: &Work<'_>, id: ChannelId) -> Result<Channel, Refusal> {
    work.snapshot.channels.get(&id).cloned().ok_or_else(|| no_channel(id))
}

fn on_sale(work: &Work<'_>, id: ChannelId) -> Result<Channel, Refusal> {
    let channel = channel(work, id)?;
    if channel.archived_at.is_some() {
        return Err(Refusal::Conflict(format!("channel {id} is archived; it sells nothing any more")));
    }
    Ok(channel)
}

fn sold_plan(channel: &Channel, id: PlanId) -> Result<&Plan, Refusal> {
    let plan = channel.plan(id).ok_or_else(|| no_plan(channel.id, id))?;
    if plan.active {
        Ok(plan)
    } else {
        Err(Refusal::Conflict(format!("plan {id} is retired; it is not sold any more")))
    }
}

fn usable_link(work: &Work<'_>, slug: &str) -> Result<PayLink, Refusal> {
    let link = work
        .snapshot
        .links
        .values()
        .find(|link| link.slug == slug)
        .cloned()
        .ok_or_else(|| Refusal::NotFound("this payment link does not exist".to_owned()))?;
    match link.state(work.now) {
        LinkState::Usable => Ok(link),
        LinkState::Revoked => {
            Err(Refusal::Conflict("this payment link was taken back by its owner".to_owned()))
        }
        LinkState::Expired => Err(Refusal::Conflict("this payment link has expired".to_owned())),
        LinkState::UsedUp => {
            Err(Refusal::Conflict("this payment link has been used as often as it may be".to_owned()))
        }
    }
}

pub(super) fn push_plan(
    work: &mut Work<'_>,
    channel: &mut Channel,
    new: &NewPlan,
) -> Result<PlanId, Refusal> {
    if channel.active_plans().count() >= ACTIVE_PLANS_MAX {
        return Err(Refusal::Invalid(format!(
            "a channel has at most {ACTIVE_PLANS_MAX} plans on sale; retire one first"
        )));
    }
    if new.price.amount.is_zero() || new.price.amount.is_sign_negative() {
        return Err(Refusal::Invalid("a plan's price must be above zero".to_owned()));
    }
    let label = words(&new.label, "a plan's label")?;
    if channel.active_plans().any(|plan| plan.label == label) {
        return Err(Refusal::Conflict(format!(
            "the channel already sells a plan {label:?}; retire it first"
        )));
    }
    let id = PlanId(work.ids.uuid());
    channel.plans.push(Plan {
        id,
        channel_id: channel.id,
        label,
        price: new.price.clone(),
        duration: new.duration,
        active: true,
        created_at: work.now,
    });
    Ok(id)
}

pub(super) fn words(text: &str, what: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > TITLE_LENGTH_MAX || text.chars().any(char::is_control) {
        return Err(Refusal::Invalid(format!(
            "{what} has 1 to {TITLE_LENGTH_MAX} characters and no control characters"
        )));
    }
    Ok(text.to_owned())
}

fn no_plan(channel_id: ChannelId, id: PlanId) -> Refusal {
    Refusal::NotFound(format!(
        "channel {channel_id} has no plan {id}; `tollhouse channel show` lists its plans"
    ))
}

/// Characters of base 62, drawn from two random numbers.
fn slug(work: &mut Work<'_>) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut number = (u128::from(work.ids.random()) << 64) | u128::from(work.ids.random());
    (0..SLUG_LENGTH)
        .map(|_| {
            let digit = usize::try_from(number % 62).unwrap_or(0);
            number /= 62;
            char::from(ALPHABET[digit])
        })
        .collect()
}
