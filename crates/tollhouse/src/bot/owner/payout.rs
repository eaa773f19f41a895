//! Where an owner is paid out: the coin, the address, the memo. What is asked for here counts a day later (F109).

use serde::{Deserialize, Serialize};
use tollhouse_core::command::{Command, Refusal};
use tollhouse_core::dialogue::Question;
use tollhouse_core::id::ChannelId;
use tollhouse_core::money::Currency;
use tollhouse_core::payout::{AddressError, CHANGE_WAITS_HOURS, COMMON, Network, Payout};
use tollhouse_store::StoreError;
use tollhouse_telegram::{Html, Keyboard};

use super::cards;
use super::plan::by_owner;
use super::setup::actor;
use crate::bot::dialogue::{self, Answer, Step, Turn, button};
use crate::purchase::Reply;
use crate::texts::{self, Language};

/// The name of this dialogue's questions.
pub const KIND: &str = "payout";
/// Buttons of coins in one row.
const COINS_PER_ROW: usize = 3;

/// What was answered so far, and what is asked. Version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Changing {
    v: u8,
    channel_id: ChannelId,
    coin: Option<Currency>,
    payout: Option<Payout>,
    /// Whether the memo was answered for, or there is none.
    is_whole: bool,
}

/// Asks for the coin of a new address, of somebody's own channel.
///
/// # Errors
/// The store's.
pub async fn begin(turn: &Turn<'_>, channel_id: ChannelId) -> Result<Option<Reply>, StoreError> {
    if cards::find(turn, channel_id).await?.is_none() {
        return Ok(None);
    }
    go_on(turn, Changing { v: 1, channel_id, coin: None, payout: None, is_whole: false }).await.map(Some)
}

async fn go_on(turn: &Turn<'_>, changing: Changing) -> Result<Reply, StoreError> {
    match turn.go_on(Some(dialogue::question(KIND, &changing)?), None).await? {
        Step::Done(_) | Step::Repeated => Ok(ask(turn.language, &changing, turn.update_id)),
        Step::Refused(refusal) => Ok((dialogue::refused(turn.language, &refusal), None)),
    }
}

fn ask(language: Language, changing: &Changing, place: i64) -> Reply {
    let key = |text: String, answer: &str| button(text, place, answer);
    match (&changing.coin, &changing.payout) {
        (None, _) => (language.ask_coin(), Some(coins(place))),
        (coin, None) => (ask_address(language, coin.as_ref()), None),
        (Some(_), Some(_)) if !changing.is_whole => {
            (language.ask_memo(), Some(Keyboard::column([key(language.button_no_memo(), "none")])))
        }
        (Some(_), Some(payout)) => {
            let hours = u32::try_from(CHANGE_WAITS_HOURS).unwrap_or(u32::MAX);
            let coin = payout.currency.as_str().to_uppercase();
            let keyboard = Keyboard::column([
                key(language.button_change(), "change"),
                key(language.button_cancel(), "cancel"),
            ]);
            (language.confirm_payout_change(texts::wallet(payout), coin, hours), Some(keyboard))
        }
    }
}

/// The words of the question that is open.
#[must_use]
pub fn asked(language: Language, question: &Question, place: i64) -> Option<Reply> {
    question.read::<Changing>().map(|changing| ask(language, &changing, place))
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
    let Some(mut changing) = question.read::<Changing>() else { return Ok(None) };
    let language = turn.language;
    let refused = |error: &AddressError| Ok(Some((wrong(language, error), None)));
    match (changing.coin.clone(), changing.payout.clone(), answer) {
        (None, _, Answer::Text(text) | Answer::Press(text)) => match coin(text) {
            Some(coin) => changing.coin = Some(coin),
            None => return Ok(Some((language.payout_coin_unknown(), None))),
        },
        (Some(coin), None, Answer::Text(text)) => match Payout::new(coin, text, None) {
            Ok(payout) => {
                changing.is_whole = !payout.network().is_some_and(Network::has_memo);
                changing.payout = Some(payout);
            }
            Err(error) => return refused(&error),
        },
        (Some(_), Some(_), Answer::Press("none")) if !changing.is_whole => changing.is_whole = true,
        (Some(_), Some(known), Answer::Text(text)) if !changing.is_whole => {
            match Payout::new(known.currency, &known.address, Some(text)) {
                Ok(payout) => (changing.payout, changing.is_whole) = (Some(payout), true),
                Err(error) => return refused(&error),
            }
        }
        (Some(_), Some(payout), Answer::Press("change")) if changing.is_whole => {
            return change(turn, changing.channel_id, payout).await.map(Some);
        }
        (Some(_), Some(_), Answer::Press("cancel")) => return dialogue::cancel(turn).await.map(Some),
        _ => return Ok(Some(ask(language, &changing, place))),
    }
    go_on(turn, changing).await.map(Some)
}

async fn change(turn: &Turn<'_>, channel_id: ChannelId, payout: Payout) -> Result<Reply, StoreError> {
    let language = turn.language;
    let command = Command::SetPayout { channel_id, payout, actor: actor(turn.user) };
    match turn.go_on(None, Some(by_owner(turn, command))).await? {
        Step::Done(_) | Step::Repeated => match cards::find(turn, channel_id).await? {
            Some(channel) => Ok(cards::payout(language, &channel)),
            None => Ok((language.owner_no_channel(), None)),
        },
        Step::Refused(refusal) => {
            turn.go_on(None, None).await?;
            let text = match refusal {
                Refusal::NotFound(_) => language.owner_no_channel(),
                refusal => dialogue::refused(language, &refusal),
            };
            Ok((text, None))
        }
    }
}

/// A coin that is known here, by what was typed or pressed.
pub(super) fn coin(text: &str) -> Option<Currency> {
    let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '_' | '(' | ')')).collect();
    Currency::new(&plain).ok().filter(|coin| Network::of(coin).is_some())
}

/// The coins that are offered to press; any other is typed.
pub(super) fn coins(place: i64) -> Keyboard {
    let buttons = COMMON.map(|coin| button(coin.to_uppercase(), place, coin));
    Keyboard { rows: buttons.chunks(COINS_PER_ROW).map(<[_]>::to_vec).collect() }
}

/// The question for an address, with what one looks like.
pub(super) fn ask_address(language: Language, coin: Option<&Currency>) -> Html {
    let network = coin.and_then(Network::of);
    let (name, example) = network.map_or(("", ""), |network| (network.name(), network.example()));
    language.ask_address(coin.map(|coin| coin.as_str().to_uppercase()).unwrap_or_default(), name, example)
}

/// What is wrong about an address, in somebody's language.
pub(super) fn wrong(language: Language, error: &AddressError) -> Html {
    match error {
        AddressError::UnknownCoin { .. } => language.payout_coin_unknown(),
        AddressError::Form { network } => language.address_wrong(network.name(), network.example()),
        AddressError::Checksum => language.address_mistyped(),
        AddressError::OtherNetwork { network, found, .. } => {
            language.address_other_network(found.name(), network.name())
        }
        AddressError::NoMemo { network } | AddressError::Memo { network } => {
            language.memo_wrong(network.name())
        }
    }
}
