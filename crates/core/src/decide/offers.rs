//! The offer in a channel's public chat, and what donors say.

use jiff::{SignedDuration, Timestamp};

use super::access::no_channel;
use super::{Work, attention, shop};
use crate::attention::{Reason, Subject};
use crate::channel::Channel;
use crate::command::{NewChannel, OfferChange, Outcome, Refusal};
use crate::id::{ChannelId, OrderId, PlanId, TelegramUserId};
use crate::job::{Job, JobKind, Outcome as JobOutcome};
use crate::membership::later;
use crate::offer::{
    DESCRIPTION_LENGTH_MAX, DONOR_MESSAGE_LENGTH_MAX, Offer, OfferLink, OfferPost, POST_EVERY_HOURS_MAX,
    POST_EVERY_HOURS_MIN, Step, sells, slug_of, step,
};
use crate::order::{OrderKind, OrderState};

/// Most former posts of one channel that wait to be taken down; the oldest are then left where they are. Each waits only while Telegram
/// does not let us.
const FORMER_POSTS_MAX: usize = 50;

/// The offer as it is, or as it begins: a program of before there were offers may have made the channel.
pub(super) fn of(work: &Work<'_>, id: ChannelId) -> Offer {
    work.snapshot.offers.get(&id).cloned().unwrap_or_else(|| Offer::new(id, work.now))
}

/// Makes the offer of a new channel, in the transaction that makes the channel (F58).
pub(super) fn begin(work: &mut Work<'_>, id: ChannelId) {
    let offer = Offer::new(id, work.now);
    work.snapshot.offers.put(id, offer);
}

/// Registers a channel and has its offer posted, both or neither.
pub(super) fn add_and_post(work: &mut Work<'_>, new: &NewChannel) -> Result<Outcome, Refusal> {
    let outcome = shop::add_channel(work, new)?;
    if let Outcome::Channel(id) = outcome
        && new.public_chat.is_some()
    {
        post(work, id, &new.actor)?;
    }
    Ok(outcome)
}

fn put(work: &mut Work<'_>, mut offer: Offer) {
    if work.snapshot.offers.get(&offer.channel_id) != Some(&offer) {
        offer.updated_at = work.now;
        work.snapshot.offers.put(offer.channel_id, offer);
    }
}

/// Has the job look at a channel's offer now.
pub(super) fn arm(work: &mut Work<'_>, channel_id: ChannelId) {
    let kind = JobKind::PostOffer { channel_id };
    work.arm(kind, format!("channel:{channel_id}"), channel_id, work.now, true);
}

/// What the offer shows has changed, or whether anything is on sale: what stands is brought up to date. Expects the offer to be loaded.
pub(super) fn refresh(work: &mut Work<'_>, channel_id: ChannelId) {
    if of(work, channel_id).is_at_work() {
        arm(work, channel_id);
    }
}

/// Changes what the offer says and when it is posted.
pub(super) fn set(
    work: &mut Work<'_>,
    id: ChannelId,
    change: &OfferChange,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let channel = channel(work, id)?;
    let before = of(work, id);
    let mut offer = before.clone();
    if let Some(description) = &change.description {
        offer.description = description.as_deref().map(description_of).transpose()?;
    }
    if let Some(donations) = &change.donations {
        donations.check().map_err(Refusal::Invalid)?;
        offer.donations = donations.clone();
    }
    if let Some(hours) = change.every_hours {
        schedule(work, &channel, &mut offer, hours)?;
    }
    if offer == before {
        return Ok(Outcome::Channel(id));
    }
    let detail = serde_json::json!({
        "description": offer.description, "every_hours": offer.every_hours, "donations": offer.donations,
    });
    put(work, offer);
    work.audit(actor, "offer.set", format!("channel:{id}"), "", &detail);
    refresh(work, id);
    Ok(Outcome::Channel(id))
}

/// Sets how often the offer is posted. The time since the last post counts; what was asked for and does not stand yet stays due.
fn schedule(
    work: &Work<'_>,
    channel: &Channel,
    offer: &mut Offer,
    hours: Option<u32>,
) -> Result<(), Refusal> {
    if let Some(hours) = hours {
        if !(POST_EVERY_HOURS_MIN..=POST_EVERY_HOURS_MAX).contains(&hours) {
            return Err(Refusal::Invalid(format!(
                "an offer is posted every {POST_EVERY_HOURS_MIN} to {POST_EVERY_HOURS_MAX} hours, not every {hours}"
            )));
        }
        can_post(channel, offer)?;
    }
    offer.every_hours = hours;
    let is_due = offer.next_at.is_some_and(|at| at <= work.now);
    if !is_due {
        let last = offer.post.as_ref().map(|post| post.posted_at);
        offer.next_at = hours.map(|hours| last.map_or(work.now, |last| after(last, hours)));
    }
    Ok(())
}

fn after(at: Timestamp, hours: u32) -> Timestamp {
    later(at, SignedDuration::from_hours(i64::from(hours)))
}

/// Has the offer posted now.
pub(super) fn post(work: &mut Work<'_>, id: ChannelId, actor: &str) -> Result<Outcome, Refusal> {
    let channel = channel(work, id)?;
    let mut offer = of(work, id);
    can_post(&channel, &offer)?;
    offer.next_at = Some(offer.next_at.map_or(work.now, |at| at.min(work.now)));
    put(work, offer);
    work.audit(actor, "offer.post_asked", format!("channel:{id}"), "", &serde_json::json!({}));
    arm(work, id);
    Ok(Outcome::Channel(id))
}

fn channel(work: &Work<'_>, id: ChannelId) -> Result<Channel, Refusal> {
    work.snapshot.channels.get(&id).cloned().ok_or_else(|| no_channel(id))
}

/// Whether there is something to post, and a chat to post it in.
fn can_post(channel: &Channel, offer: &Offer) -> Result<(), Refusal> {
    let id = channel.id;
    if channel.archived_at.is_some() {
        return Err(Refusal::Conflict(format!("channel {id} is archived; it offers nothing any more")));
    }
    if channel.public_chat.is_none() {
        return Err(Refusal::Invalid(format!(
            "channel {id} has no public chat in which its offer could stand"
        )));
    }
    if !sells(channel, offer) {
        return Err(Refusal::Invalid(format!("channel {id} has no plan on sale; add one first")));
    }
    Ok(())
}

fn description_of(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let is_fine = |c: char| !c.is_control() || c == '\n';
    if text.is_empty() || text.chars().count() > DESCRIPTION_LENGTH_MAX || !text.chars().all(is_fine) {
        return Err(Refusal::Invalid(format!(
            "a description has 1 to {DESCRIPTION_LENGTH_MAX} characters, and of control characters only line breaks"
        )));
    }
    Ok(text.to_owned())
}

/// Works in what came of a look at the offer; when to look again. The number of a new post, and what became of the one before, are kept in
/// this same transaction (F57).
pub(super) fn looked(
    work: &mut Work<'_>,
    job: &mut Job,
    channel_id: ChannelId,
    outcome: &JobOutcome,
) -> Option<Timestamp> {
    let channel = work.snapshot.channels.get(&channel_id).cloned()?;
    let mut offer = of(work, channel_id);
    job.attempt = 0;
    match outcome {
        JobOutcome::OfferPosted { chat, message_id, shows } => {
            let (chat, message_id, shows) = (*chat, *message_id, shows.clone());
            offer.former.extend(offer.post.replace(OfferPost {
                chat,
                message_id,
                posted_at: work.now,
                shows,
            }));
            let too_many = offer.former.len().saturating_sub(FORMER_POSTS_MAX);
            offer.former.drain(..too_many);
            offer.next_at = offer.every_hours.map(|hours| after(work.now, hours));
            attention::close(work, Subject::Job(job.id), Reason::OfferNotPosted, "it was posted");
        }
        JobOutcome::OfferEdited { message_id, shows } => {
            if let Some(post) = offer.post.as_mut().filter(|post| post.message_id == *message_id) {
                post.shows.clone_from(shows);
            }
            attention::close(work, Subject::Job(job.id), Reason::OfferNotPosted, "it was brought up to date");
        }
        JobOutcome::OfferGone { chat, message_id } => {
            let stays = |post: &OfferPost| (post.chat, post.message_id) != (*chat, *message_id);
            offer.former.retain(stays);
            offer.post = offer.post.filter(stays);
        }
        _ => {}
    }
    if step(work.now, work.snapshot, &channel, &offer) == Step::MakeLinks {
        make_links(work, &channel, &mut offer);
    }
    let next = step(work.now, work.snapshot, &channel, &offer);
    put(work, offer);
    match next {
        Step::Rest => None,
        Step::Wait(at) => Some(at),
        Step::MakeLinks | Step::Post(_) | Step::Edit(_) | Step::TakeDown(_) => Some(work.now),
    }
}

/// Makes the links behind the buttons that have none. They have no limits: whoever reads the post may buy.
fn make_links(work: &mut Work<'_>, channel: &Channel, offer: &mut Offer) {
    let plans: Vec<PlanId> = channel.active_plans().map(|plan| plan.id).collect();
    offer.links.retain(|link| plans.contains(&link.plan_id));
    for plan_id in plans {
        if slug_of(work.now, work.snapshot, offer, plan_id).is_none() {
            offer.links.retain(|link| link.plan_id != plan_id);
            let link_id = shop::offer_link(work, channel.id, plan_id);
            offer.links.push(OfferLink { plan_id, link_id });
        }
    }
}

/// The offer could not be posted however often it was tried: when it is tried again by itself, if it has a schedule (F60).
pub(super) fn gave_up(work: &Work<'_>, channel_id: ChannelId) -> Option<Timestamp> {
    let is_sold =
        work.snapshot.channels.get(&channel_id).is_some_and(|channel| channel.archived_at.is_none());
    let hours = of(work, channel_id).every_hours.filter(|_| is_sold)?;
    Some(after(work.now, hours))
}

/// Notes what a donor wants to say, for as long as the donation has not been told.
pub(super) fn note_donor(
    work: &mut Work<'_>,
    id: OrderId,
    user: TelegramUserId,
    message: &str,
) -> Result<Outcome, Refusal> {
    let order = work.snapshot.orders.get(&id).cloned();
    let own = |order: &crate::order::Order| order.user == Some(user) && order.kind() == OrderKind::Donation;
    let mut order = order.filter(own).ok_or_else(|| Refusal::NotFound(format!("no donation {id}")))?;
    if matches!(order.state, OrderState::Paid | OrderState::Refunded) {
        return Err(Refusal::Conflict(format!("the owner has heard of the donation {id} already")));
    }
    let message: String = message.trim().chars().filter(|c| !c.is_control() || *c == '\n').collect();
    if message.is_empty() || message.chars().count() > DONOR_MESSAGE_LENGTH_MAX {
        return Err(Refusal::Invalid(format!("a message has 1 to {DONOR_MESSAGE_LENGTH_MAX} characters")));
    }
    order.donor_message = Some(message);
    shop::put_order(work, order);
    Ok(Outcome::Order(id))
}
