//! The dialogue of a donation: how much, and then whether there is something to tell the owner. The order is made in the transaction that
//! takes the amount, so that a repeated update or a double tap makes one.

use serde::{Deserialize, Serialize};
use tollhouse_core::command::{Command, OrderFrom, Refusal};
use tollhouse_core::dialogue::Question;
use tollhouse_core::id::ChannelId;
use tollhouse_core::money::Money;
use tollhouse_core::offer::{DONOR_MESSAGE_LENGTH_MAX, Donations};
use tollhouse_core::order::OrderSource;
use tollhouse_store::StoreError;
use tollhouse_telegram::{Button, Html, Keyboard};

use super::dialogue::{Answer, Step, Turn, button, question, refused};
use crate::donation;
use crate::purchase::{self, Reply};

/// What this dialogue's questions are called.
pub(super) const KIND: &str = "donation";
/// Amounts beside each other in a row of buttons.
const AMOUNTS_IN_A_ROW: usize = 2;

/// Where it stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "asks", rename_all = "snake_case")]
enum State {
    /// How much.
    Amount {
        /// To which channel.
        channel_id: ChannelId,
    },
    /// Whether there is something to tell the owner.
    Message {
        /// Of which channel.
        channel_id: ChannelId,
    },
}

/// Begins the dialogue about a donation to a channel.
///
/// # Errors
/// The store's.
pub(super) async fn begin(turn: &Turn<'_>, channel: Option<ChannelId>) -> Result<Reply, StoreError> {
    let open = match channel {
        Some(id) => donation::open(turn.app, id).await?,
        None => None,
    };
    let Some((channel, _)) = open else { return Ok((turn.language.donation_closed(), None)) };
    let state = State::Amount { channel_id: channel.id };
    turn.go_on(Some(question(KIND, &state)?), None).await?;
    ask(turn, &state, turn.update_id).await
}

/// Takes an answer; nothing if the question is of another version.
///
/// # Errors
/// The store's.
pub(super) async fn heard(
    turn: &Turn<'_>,
    asked: &Question,
    place: i64,
    answer: Answer<'_>,
) -> Result<Option<Reply>, StoreError> {
    let text = match answer {
        Answer::Text(text) | Answer::Press(text) => text,
        Answer::Forward(_) => "",
    };
    match asked.read::<State>() {
        Some(State::Amount { channel_id }) => amount(turn, channel_id, place, text).await.map(Some),
        Some(State::Message { channel_id }) => message(turn, channel_id, place, text).await.map(Some),
        None => Ok(None),
    }
}

/// The words of a question; nothing if it is of another version.
///
/// # Errors
/// The store's.
pub(super) async fn asked(
    turn: &Turn<'_>,
    asked: &Question,
    place: i64,
) -> Result<Option<Reply>, StoreError> {
    match asked.read::<State>() {
        Some(state) => ask(turn, &state, place).await.map(Some),
        None => Ok(None),
    }
}

async fn ask(turn: &Turn<'_>, state: &State, place: i64) -> Result<Reply, StoreError> {
    let l = turn.language;
    match state {
        State::Amount { channel_id } => {
            let Some((channel, donations)) = donation::open(turn.app, *channel_id).await? else {
                return Ok((l.donation_closed(), None));
            };
            let (least, most) = limits(turn, &donations);
            let choices: Vec<Button> = donations
                .choices()
                .map(|amount| button(l.money(&amount), place, &amount.amount.to_string()))
                .collect();
            let rows = choices.chunks(AMOUNTS_IN_A_ROW).map(<[Button]>::to_vec).collect();
            Ok((l.donation_ask(&channel.title, least, most), Some(Keyboard { rows })))
        }
        State::Message { channel_id } => {
            let order = donation::last(turn.app, turn.user, *channel_id).await?;
            let (mut text, keyboard) = purchase::show(turn.app, turn.user, order.map(|order| order.id), l)
                .await?
                .unwrap_or_else(|| (l.order_unknown(), None));
            text.push_text("\n\n");
            text.push_markup(l.donor_ask(count(DONOR_MESSAGE_LENGTH_MAX)).as_str());
            Ok((text, keyboard))
        }
    }
}

fn limits(turn: &Turn<'_>, donations: &Donations) -> (String, String) {
    let money = |amount| turn.language.money(&Money::new(amount, donations.currency.clone()));
    (money(donations.least), money(donations.most))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Makes the order of a donation. The amount is the donor's choice, pressed or written, within the channel's limits (I6).
async fn amount(turn: &Turn<'_>, channel_id: ChannelId, place: i64, text: &str) -> Result<Reply, StoreError> {
    let l = turn.language;
    let Some((_, donations)) = donation::open(turn.app, channel_id).await? else {
        return end(turn, l.donation_closed()).await;
    };
    let Some(amount) = donation::read_amount(text, &donations) else {
        let (least, most) = limits(turn, &donations);
        let example = donations.amounts.first().map_or_else(|| least.clone(), ToString::to_string);
        return Ok((l.donation_amount_bad(least, most, example), None));
    };
    let next = State::Message { channel_id };
    let order = Command::CreateOrder {
        from: OrderFrom::Donation { channel_id, amount },
        user: Some(turn.user),
        source: OrderSource::Bot,
        wants_invoice: turn.app.provider.is_some(),
    };
    match turn.go_on(Some(question(KIND, &next)?), Some(order)).await? {
        Step::Done(_) => ask(turn, &next, turn.update_id).await,
        Step::Repeated => ask(turn, &next, place).await,
        // Since we looked the owner has changed what is taken.
        Step::Refused(_) => end(turn, l.donation_closed()).await,
    }
}

/// Notes what the donor wants to say.
async fn message(
    turn: &Turn<'_>,
    channel_id: ChannelId,
    place: i64,
    text: &str,
) -> Result<Reply, StoreError> {
    let l = turn.language;
    if text.trim().chars().count() > DONOR_MESSAGE_LENGTH_MAX {
        return Ok((l.donor_too_long(count(DONOR_MESSAGE_LENGTH_MAX)), None));
    }
    let Some(order) = donation::last(turn.app, turn.user, channel_id).await? else {
        return end(turn, l.dialogue_closed()).await;
    };
    if text.trim().is_empty() {
        return ask(turn, &State::Message { channel_id }, place).await;
    }
    let (order_id, user, message) = (order.id, turn.user, text.to_owned());
    match turn.go_on(None, Some(Command::NoteDonor { order_id, user, message })).await? {
        Step::Done(_) | Step::Repeated => {
            let title = donation::title_of(turn.app, channel_id).await?;
            Ok((l.donor_noted(title), None))
        }
        Step::Refused(Refusal::Conflict(_)) => end(turn, l.donor_late()).await,
        Step::Refused(refusal) => Ok((refused(l, &refusal), None)),
    }
}

/// What is said to who cancels when the donation is made already: the question is over, and the donation is not. `None` if nothing was made.
///
/// # Errors
/// The store's.
pub(super) async fn kept(turn: &Turn<'_>, asked: &Question) -> Result<Option<Html>, StoreError> {
    let state = (asked.kind == KIND).then(|| asked.read::<State>()).flatten();
    let Some(State::Message { channel_id }) = state else { return Ok(None) };
    let title = donation::title_of(turn.app, channel_id).await?;
    Ok(Some(turn.language.donation_kept(title)))
}

async fn end(turn: &Turn<'_>, text: Html) -> Result<Reply, StoreError> {
    turn.go_on(None, None).await?;
    Ok((text, None))
}
