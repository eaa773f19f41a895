//! Buttons that come back to the bot. What a button carries is all that is known of it: nothing about it is kept, so that one that was
//! made before a restart works like a new one (F19), and nothing in it sets a price (F17).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tollhouse_core::command::OrderFrom;
use tollhouse_core::id::{ChannelId, PlanId};
use tollhouse_telegram::{Callback, Gateway, UserId};
use uuid::Uuid;

use super::dialogue::Turn;
use super::{Trouble, say};
use crate::purchase::{self, Bought};
use crate::texts::Language;

/// How many characters of base 64 an id has.
const ID_LENGTH: usize = 22;

/// What a button of ours asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// To buy a plan.
    Buy {
        /// Of which channel.
        channel: ChannelId,
        /// Which plan.
        plan: PlanId,
    },
    /// To see what a channel sells.
    Plans {
        /// Which channel.
        channel: ChannelId,
    },
}

impl Press {
    /// The text that the button carries; at most 64 bytes.
    #[must_use]
    pub fn to_data(self) -> String {
        let short = |id: Uuid| URL_SAFE_NO_PAD.encode(id.as_bytes());
        match self {
            Self::Buy { channel, plan } => format!("b:{}{}", short(channel.0), short(plan.0)),
            Self::Plans { channel } => format!("s:{}", short(channel.0)),
        }
    }

    /// Reads it back; `None` for what is none of ours.
    #[must_use]
    pub fn of_data(data: &str) -> Option<Self> {
        let (kind, ids) = data.split_once(':')?;
        let long =
            |text: &str| URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| Uuid::from_slice(&bytes).ok());
        match kind {
            "b" => {
                let (channel, plan) = ids.split_at_checked(ID_LENGTH)?;
                Some(Self::Buy { channel: ChannelId(long(channel)?), plan: PlanId(long(plan)?) })
            }
            "s" => Some(Self::Plans { channel: ChannelId(long(ids)?) }),
            _ => None,
        }
    }
}

/// Answers a press: every one is answered, since the person's app waits for it (F53).
pub(super) async fn pressed(turn: &Turn<'_>, callback: &Callback, press: Press) -> Result<(), Trouble> {
    let Turn { app, gateway, user, language, .. } = *turn;
    let text = match press {
        Press::Buy { channel, plan } => {
            let from = OrderFrom::Plan { channel_id: channel, plan_id: plan };
            match purchase::buy(app, user, from, plan).await? {
                Bought::Order(_) => None,
                Bought::LastsForEver => say_plans(turn, channel).await?,
                Bought::NotSold => Some(language.press_over()),
            }
        }
        Press::Plans { channel } => say_plans(turn, channel).await?,
    };
    answer(gateway, callback, text.as_deref()).await;
    Ok(())
}

/// Says what a channel sells, or that they have it for ever; if it sells nothing, what the press is answered with.
async fn say_plans(turn: &Turn<'_>, channel: ChannelId) -> Result<Option<String>, Trouble> {
    let Turn { app, gateway, user, language, .. } = *turn;
    let Some((text, keyboard)) = purchase::choose(app, user, channel, language).await? else {
        return Ok(Some(language.press_over()));
    };
    say(gateway, UserId(user.get()).private_chat(), &text, keyboard.as_ref()).await;
    Ok(None)
}

/// An answer to a press is a courtesy: Telegram takes none for one that is old, and whoever pressed has what they wanted.
pub(super) async fn answer(gateway: &Gateway, callback: &Callback, text: Option<&str>) {
    if let Err(error) = gateway.answer_callback_query(&callback.id, text, text.is_some()).await {
        tracing::info!(%error, "a press was not answered");
    }
}

/// The plans of a channel as buttons.
pub(crate) fn plan_button(
    plan: &tollhouse_core::channel::Plan,
    language: Language,
) -> tollhouse_telegram::Button {
    let (price, duration) = (language.money(&plan.price), language.duration(&plan.duration));
    let label: String = plan.label.chars().take(LABEL_CHARS_MAX).collect();
    let press = Press::Buy { channel: plan.channel_id, plan: plan.id };
    tollhouse_telegram::Button::callback(language.plan_button(label, duration, price), press.to_data())
}

/// How much of a plan's label stands on its button, in characters: price and duration must be seen on a narrow screen, too.
const LABEL_CHARS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use tollhouse_telegram::CALLBACK_DATA_BYTES_MAX;

    use super::*;

    #[test]
    fn f19_a_button_carries_all_that_it_means_and_reads_back() {
        for number in [0, 7, u128::MAX] {
            let (channel, plan) = (ChannelId(Uuid::from_u128(number)), PlanId(Uuid::from_u128(number / 3)));
            for press in [Press::Buy { channel, plan }, Press::Plans { channel }] {
                let data = press.to_data();
                assert!(data.len() <= CALLBACK_DATA_BYTES_MAX, "{data}");
                assert_eq!(Press::of_data(&data), Some(press));
                for cut in 0..data.len() {
                    assert_eq!(Press::of_data(&data[..cut]), None, "{data}, {cut}");
                }
            }
        }
    }

    #[test]
    fn f17_a_forged_button_is_none_of_ours() {
        for data in [
            "",
            "b",
            "b:",
            "s:",
            "tier:3:0.01",
            "b:0.01",
            "s:🙂🙂🙂🙂🙂🙂",
            "b:AAAAAAAAAAAAAAAAAAAAAé",
            "x:AAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(Press::of_data(data), None, "{data}");
        }
    }
}
