//! One more plan for a channel: its label, price and duration.

use serde::{Deserialize, Serialize};
use tollhouse_core::attention::Reason;
use tollhouse_core::channel::{ACTIVE_PLANS_MAX, Channel};
use tollhouse_core::command::{Command, NewPlan, Refusal};
use tollhouse_core::dialogue::Question;
use tollhouse_core::id::ChannelId;
use tollhouse_core::money::Money;
use tollhouse_store::StoreError;
use tollhouse_telegram::{Html, Keyboard};

use super::setup::{actor, take_up};
use super::{cards, parse};
use crate::bot::dialogue::{self, Answer, Step, Turn, button};
use crate::purchase::Reply;
use crate::texts::Language;

/// The name of this dialogue's questions.
pub const KIND: &str = "plan";
/// The durations that are offered to press, in days.
const OFFERED_DAYS: [u32; 4] = [7, 30, 90, 365];

/// What was answered so far, and what is asked. Version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Adding {
    v: u8,
    channel_id: ChannelId,
    label: Option<String>,
    price: Option<Money>,
}

/// Asks for the label of a new plan, of somebody's own channel.
///
/// # Errors
/// The store's.
pub async fn begin(turn: &Turn<'_>, channel_id: ChannelId) -> Result<Option<Reply>, StoreError> {
    let Some(channel) = cards::find(turn, channel_id).await? else { return Ok(None) };
    // Said before three questions are answered for nothing.
    if let Some(why) = why_none(turn.language, &channel) {
        return Ok(Some((why, None)));
    }
    go_on(turn, Adding { v: 1, channel_id, label: None, price: None }).await.map(Some)
}

/// Why a channel takes no new plan, whatever it is.
fn why_none(language: Language, channel: &Channel) -> Option<Html> {
    if channel.archived_at.is_some() {
        return Some(language.plan_archived(&channel.title));
    }
    let is_full = channel.active_plans().count() >= ACTIVE_PLANS_MAX;
    is_full.then(|| language.plan_limit(&channel.title, u32::try_from(ACTIVE_PLANS_MAX).unwrap_or(u32::MAX)))
}

async fn go_on(turn: &Turn<'_>, adding: Adding) -> Result<Reply, StoreError> {
    match turn.go_on(Some(dialogue::question(KIND, &adding)?), None).await? {
        Step::Done(_) | Step::Repeated => Ok(ask(turn.language, &adding, turn.update_id)),
        Step::Refused(refusal) => Ok((dialogue::refused(turn.language, &refusal), None)),
    }
}

fn ask(language: Language, adding: &Adding, place: i64) -> Reply {
    match (&adding.label, &adding.price) {
        (None, _) => (language.ask_label(), None),
        (Some(label), None) => (language.ask_price(label), None),
        (Some(_), Some(_)) => (language.ask_duration(), Some(durations(language, place))),
    }
}

/// The durations that are offered.
pub(super) fn durations(language: Language, place: i64) -> Keyboard {
    let days = OFFERED_DAYS.map(|days| button(language.days(days), place, &format!("{days}d")));
    let [week, month, quarter, year] = days;
    let life = button(language.lifetime(), place, "lifetime");
    Keyboard { rows: vec![vec![week, month], vec![quarter, year], vec![life]] }
}

/// The words of the question that is open.
#[must_use]
pub fn asked(language: Language, question: &Question, place: i64) -> Option<Reply> {
    question.read::<Adding>().map(|adding| ask(language, &adding, place))
}

/// Takes an answer; `None` if the question cannot be read.
///
/// # Errors
/// The store's.
pub async fn heard(
    turn: &Turn<'_>,
    question: &Question,
    place: i64,
    answer: Answer<'_>,
) -> Result<Option<Reply>, StoreError> {
    let Some(mut adding) = question.read::<Adding>() else { return Ok(None) };
    let language = turn.language;
    let read = match (&adding.label, &adding.price, answer) {
        (None, _, Answer::Text(text)) => parse::words(text).map(|label| adding.label = Some(label)),
        (Some(_), None, Answer::Text(text)) => {
            parse::price(text, &turn.app.coins.known()).map(|price| adding.price = Some(price))
        }
        (Some(label), Some(price), Answer::Text(text) | Answer::Press(text)) => match parse::duration(text) {
            Ok(duration) => {
                let plan = NewPlan { label: label.clone(), price: price.clone(), duration };
                return add(turn, adding.channel_id, plan).await.map(Some);
            }
            Err(wrong) => Err(wrong),
        },
        _ => return Ok(Some(ask(language, &adding, place))),
    };
    match read {
        Ok(()) => go_on(turn, adding).await.map(Some),
        Err(wrong) => Ok(Some((wrong.say(language), None))),
    }
}

async fn add(turn: &Turn<'_>, channel_id: ChannelId, plan: NewPlan) -> Result<Reply, StoreError> {
    let language = turn.language;
    let label = plan.label.clone();
    let command = Command::AddPlan { channel_id, plan, actor: actor(turn.user) };
    match turn.go_on(None, Some(by_owner(turn, command))).await? {
        Step::Done(_) | Step::Repeated => {
            // As `channel plan add` does.
            take_up(turn, Reason::NoPlan).await?;
            match cards::find(turn, channel_id).await? {
                Some(channel) => Ok(cards::plans(language, &channel)),
                None => Ok((language.owner_no_channel(), None)),
            }
        }
        Step::Refused(refusal) => {
            let channel = cards::find(turn, channel_id).await?;
            // Archived meanwhile, or filled by another.
            let why = match &channel {
                Some(channel) => why_none(language, channel),
                None => Some(language.owner_no_channel()),
            };
            let (next, text) = match (why, refusal) {
                (Some(why), _) => (None, why),
                // The same label is on sale: begin with another.
                (None, Refusal::Conflict(_)) => {
                    let again = Adding { v: 1, channel_id, label: None, price: None };
                    (Some(dialogue::question(KIND, &again)?), language.plan_label_twice(label))
                }
                (None, refusal) => (None, dialogue::refused(language, &refusal)),
            };
            turn.go_on(next, None).await?;
            Ok((text, None))
        }
    }
}

/// The command, if the channel that it is about is theirs (F107).
pub(super) fn by_owner(turn: &Turn<'_>, command: Command) -> Command {
    Command::ByOwner { owner: turn.user, command: Box::new(command) }
}
