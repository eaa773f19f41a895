//! Access by other ways than a payment: a claim, a person's hand, a join request, a first word to the bot.

use jiff::SignedDuration;

use super::{Work, attention, delivery, grants, reminders};
use crate::attention::{PERSON_REASON_LENGTH_MAX, Subject};
use crate::channel::PlanDuration;
use crate::command::{Member, Outcome, Refusal};
use crate::id::{ChannelId, ClaimToken, OrderId, PrivateChatId, TelegramUserId};
use crate::job::JobKind;
use crate::membership::{Grant, Membership, later, usable_invite};
use crate::order::Order;

/// How old an invite link must be before `/mylink` makes a new one, in minutes: whoever asks twice in a row gets the same.
const REISSUE_AFTER_MINUTES: i64 = 60;

/// How long after it was sent a link is not sent again, in seconds: it stands just above, and each sending is a message.
const REISSUE_REST_SECONDS: i64 = 60;

/// Binds an order to the account of whoever holds its claim.
pub(super) fn claim_order(
    work: &mut Work<'_>,
    claim: ClaimToken,
    user: TelegramUserId,
) -> Result<Outcome, Refusal> {
    let order = work
        .snapshot
        .orders
        .values()
        .find(|order| order.claim == Some(claim))
        .cloned()
        .ok_or_else(|| Refusal::NotFound("this link belongs to no order".to_owned()))?;
    bind(work, order, user, &format!("telegram:{user}"), "claimed by its payer")
}

/// Binds an order to an account because a person says whose it is.
pub(super) fn bind_order(
    work: &mut Work<'_>,
    order_id: OrderId,
    user: TelegramUserId,
    reason: &str,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let reason = person_reason(reason)?.to_owned();
    let order = work.snapshot.orders.get(&order_id).cloned();
    let order = order.ok_or_else(|| Refusal::NotFound(format!("no order {order_id}")))?;
    let is_new = order.user.is_none();
    let outcome = bind(work, order, user, actor, &reason)?;
    if is_new {
        let detail = serde_json::json!({ "telegram_user": user });
        work.audit(actor, "order.bound", Subject::Order(order_id).to_string(), &reason, &detail);
    }
    Ok(outcome)
}

/// Once, and only to the first.
fn bind(
    work: &mut Work<'_>,
    mut order: Order,
    user: TelegramUserId,
    actor: &str,
    reason: &str,
) -> Result<Outcome, Refusal> {
    match order.user {
        Some(bound) if bound == user => {}
        Some(_) => {
            return Err(Refusal::Conflict(
                "this order already belongs to another Telegram account".to_owned(),
            ));
        }
        None => {
            order.user = Some(user);
            order.updated_at = work.now;
            work.snapshot.orders.put(order.id, order.clone());
        }
    }
    let order_id = order.id;
    let waiting = work.snapshot.grant_of(order_id).filter(|grant| grant.membership_id.is_none()).cloned();
    if let Some(grant) = waiting
        && grant.revoked.is_none()
    {
        grants::place(work, grant, user, actor, reason);
        if let Some(order) = work.snapshot.orders.get(&order_id).cloned()
            && let Some((reason, detail)) = grants::in_vain(work, &order)
        {
            attention::open(work, Subject::Order(order_id), reason, detail, Some(order.channel_id));
        }
    }
    Ok(Outcome::Order(order_id))
}

/// Gives days by hand.
pub(super) fn grant_by_hand(
    work: &mut Work<'_>,
    member: Member,
    duration: PlanDuration,
    reason: &str,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let reason = person_reason(reason)?.to_owned();
    let (channel_id, user) = match member {
        Member::Membership(_) => {
            find(work, member).map(|membership| (membership.channel_id, membership.user))?
        }
        Member::User { channel_id, user } => {
            if !work.snapshot.channels.contains(&channel_id) {
                return Err(no_channel(channel_id));
            }
            (channel_id, user)
        }
    };
    let given = grants::give(work, channel_id, None, Some(user), duration, actor, &reason);
    Ok(given.map_or(Outcome::Done, Outcome::Membership))
}

/// Takes a whole membership back by hand.
pub(super) fn revoke_by_hand(
    work: &mut Work<'_>,
    member: Member,
    reason: &str,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let reason = person_reason(reason)?.to_owned();
    let membership = find(work, member)?;
    let live: Vec<Grant> = work
        .snapshot
        .grants_of(membership.id)
        .into_iter()
        .filter(|grant| grant.revoked.is_none())
        .cloned()
        .collect();
    for grant in live {
        grants::take_back(work, grant, actor, &reason);
    }
    Ok(Outcome::Membership(membership.id))
}

fn find(work: &Work<'_>, member: Member) -> Result<Membership, Refusal> {
    let found = match member {
        Member::Membership(id) => work.snapshot.memberships.get(&id),
        Member::User { channel_id, user } => work.snapshot.membership_of(channel_id, user),
    };
    found.cloned().ok_or_else(|| {
        Refusal::NotFound(match member {
            Member::Membership(id) => format!("no membership {id}"),
            Member::User { channel_id, user } => {
                format!("user {user} has no membership in channel {channel_id}")
            }
        })
    })
}

pub(super) fn no_channel(id: ChannelId) -> Refusal {
    Refusal::NotFound(format!("no channel {id}; `tollhouse channel list` shows them"))
}

/// A person's reason: there must be one, and it must fit.
pub(super) fn person_reason(text: &str) -> Result<&str, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::Invalid("give a reason; it goes into the audit log".to_owned()));
    }
    if text.chars().count() > PERSON_REASON_LENGTH_MAX {
        return Err(Refusal::Invalid(format!("a reason has at most {PERSON_REASON_LENGTH_MAX} characters")));
    }
    Ok(text)
}

/// Answers a join request, once per update. In a chat that nobody registered it is none of our business.
pub(super) fn join_request(
    work: &mut Work<'_>,
    chat: PrivateChatId,
    user: TelegramUserId,
    update_id: i64,
) -> Outcome {
    if let Some(channel_id) = work.snapshot.channel_by_private_chat(chat).map(|channel| channel.id) {
        let kind = JobKind::AnswerJoinRequest { chat, channel_id, user, told: false };
        work.arm(kind, format!("join:{chat}:{user}:{update_id}"), channel_id, work.now, false);
    }
    Outcome::Done
}

/// What could not be sent to a user who had not started the bot can be sent now.
pub(super) fn user_started(work: &mut Work<'_>, user: TelegramUserId) -> Outcome {
    let mine: Vec<Membership> =
        work.snapshot.memberships.values().filter(|membership| membership.user == user).cloned().collect();
    for membership in mine {
        let waiting: Vec<Grant> = work
            .snapshot
            .grants_of(membership.id)
            .into_iter()
            .filter(|grant| grant.delivered_at.is_none() && grant.revoked.is_none())
            .cloned()
            .collect();
        for grant in waiting {
            delivery::deliver(work, &grant, membership.id);
        }
        reminders::word_of(work, &membership);
    }
    Outcome::Done
}

/// Sends a user the way in to everything that they may read, again. A link that is not quite new is made anew, and the old one revoked: it
/// may be what does not work (F37). Who has just got it does not get it again.
pub(super) fn reissue(work: &mut Work<'_>, user: TelegramUserId) -> Outcome {
    let mine: Vec<Membership> =
        work.snapshot.memberships.values().filter(|membership| membership.user == user).cloned().collect();
    let (mut sent, mut rested, mut making) = (0, 0, 0);
    for mut membership in mine {
        let Some(channel) = work.snapshot.channels.get(&membership.channel_id) else { continue };
        if !membership.entitles(work.now, channel.policies.grace()) {
            continue;
        }
        let (chat, chat_since) = (channel.private_chat, channel.chat_since);
        let newest = work
            .snapshot
            .grants_of(membership.id)
            .into_iter()
            .filter(|grant| grant.revoked.is_none())
            .max_by_key(|grant| (grant.granted_at, grant.id))
            .cloned();
        let Some(grant) = newest else { continue };
        let rest = SignedDuration::from_secs(REISSUE_REST_SECONDS);
        if grant.delivered_at.is_some_and(|at| work.now < later(at, rest)) {
            rested += 1;
            continue;
        }
        let is_old = membership.invite.as_ref().is_some_and(|invite| {
            later(invite.created_at, SignedDuration::from_mins(REISSUE_AFTER_MINUTES)) <= work.now
        });
        if is_old && membership.joined_at.is_none() {
            if let Some(invite) = usable_invite(&membership, chat_since).cloned() {
                delivery::revoke(work, &membership, chat, &invite);
            }
            membership.invite = None;
            membership.updated_at = work.now;
            work.snapshot.memberships.put(membership.id, membership.clone());
        }
        if usable_invite(&membership, chat_since).is_none() {
            making += 1;
        }
        delivery::deliver(work, &grant, membership.id);
        sent += 1;
    }
    Outcome::Reissued { sent, rested, making }
}
