//! An order's message in the chat with its buyer: the words and buttons of each way in which it may stand, and the calls that make it and
//! edit it. When it is made and when it is edited is decided in core.

use tollhouse_core::id::{ChannelId, MessageId, OrderId, TelegramUserId};
use tollhouse_core::job::Outcome;
use tollhouse_core::progress::{Face, WayIn};
use tollhouse_telegram::{
    Button, Error as TelegramError, Gateway, Html, Keyboard, MessageId as Message, Missing, UserId,
};

use crate::app::App;
use crate::bot::Press;
use crate::texts::Language;

/// An order that is to be shown.
pub struct Order<'a> {
    /// Which.
    pub id: OrderId,
    /// Of which channel.
    pub channel: ChannelId,
    /// The channel's title.
    pub title: &'a str,
    /// How it stands.
    pub face: &'a Face,
}

/// The words of the message.
#[must_use]
pub fn words(title: &str, face: &Face, language: Language) -> Html {
    match face {
        Face::Waiting { label, price, duration, renews, .. } => {
            let (price, duration) = (language.money(price), language.duration(duration));
            if *renews {
                language.renewal_offer(title, label, price, duration)
            } else {
                language.offer(title, label, price, duration)
            }
        }
        Face::Unpayable => language.order_unpayable(title),
        Face::Seen => language.order_seen(title),
        Face::WithOwner => language.order_with_owner(title),
        Face::Partly { rest } => language.order_partly(title, language.money(rest)),
        Face::Paid { leaves_at: Some(leaves_at), .. } => {
            language.order_paid_over(title, language.instant(*leaves_at))
        }
        Face::Paid { ends_at, way_in, .. } => {
            let until = language.until(*ends_at);
            match way_in {
                WayIn::Making => language.order_paid_making(title, until),
                WayIn::Link(_) | WayIn::Ask => language.order_paid(title, until),
            }
        }
        Face::Over => language.order_over(title),
        Face::Expired => language.order_expired(title),
        Face::Failed => language.order_failed(title),
        Face::Refunded { kept: true } => language.order_refunded_kept(title),
        Face::Refunded { kept: false } => language.order_refunded(title),
    }
}

/// The buttons below it: to where one pays as long as there is something to pay, the link once there is one, and the order's page. Links
/// only: they work in every chat (F54) and after every restart (F19).
#[must_use]
pub fn buttons(app: &App, order: &Order<'_>, language: Language) -> Keyboard {
    let page = app.public_url(&format!("/o/{}", order.id));
    let to_page = |text: String| Button::url(text, page.clone());
    let mut buttons = match order.face {
        Face::Waiting { pay_url: Some(url), .. } => {
            vec![Button::url(language.button_pay(), url), to_page(language.button_order())]
        }
        // The invoice is made by a job in a moment; the page shows it as soon as it is there. It also shows where a rest is to go.
        Face::Waiting { .. } | Face::Partly { .. } => vec![to_page(language.button_pay())],
        Face::Paid { way_in: WayIn::Link(link), .. } => {
            vec![Button::url(language.button_join(), link), to_page(language.button_order())]
        }
        _ => vec![to_page(language.button_order())],
    };
    if let Face::Waiting { others: true, .. } = order.face {
        let press = Press::Plans { channel: order.channel };
        buttons.push(Button::callback(language.button_other_plans(), press.to_data()));
    }
    Keyboard::column(buttons)
}

/// Makes the message, or edits it. One that its reader has deleted is made anew.
///
/// # Errors
/// Telegram's.
pub async fn show(
    app: &App,
    gateway: &Gateway,
    user: TelegramUserId,
    order: &Order<'_>,
    message_id: Option<MessageId>,
) -> Result<Outcome, TelegramError> {
    let language = app.language_of(user).await;
    let (text, keyboard) = (words(order.title, order.face, language), buttons(app, order, language));
    let chat = UserId(user.get()).private_chat();
    let shown =
        |message_id, is_new| Outcome::OrderShown { face: Box::new(order.face.clone()), message_id, is_new };
    if let Some(known) = message_id {
        match gateway.edit_message_text(chat, Message(known.get()), &text, Some(&keyboard)).await {
            // The same already: an earlier try came through, and only its answer was lost.
            Ok(()) | Err(TelegramError::AlreadyDone(_)) => return Ok(shown(known, false)),
            Err(TelegramError::NotFound(Missing::Message)) => {}
            Err(error) => return Err(error),
        }
    }
    let made = gateway.send_message(chat, &text, Some(&keyboard)).await?;
    MessageId::new(made.0)
        .map(|id| shown(id, true))
        .map_err(|error| TelegramError::Permanent { description: error.to_string() })
}

/// Says in a former message that the order goes on below. A message that is gone says nothing wrong.
///
/// # Errors
/// Telegram's.
pub async fn fold(
    app: &App,
    gateway: &Gateway,
    user: TelegramUserId,
    title: &str,
    message_id: MessageId,
) -> Result<Outcome, TelegramError> {
    let language = app.language_of(user).await;
    let chat = UserId(user.get()).private_chat();
    let text = language.order_folded(title);
    match gateway.edit_message_text(chat, Message(message_id.get()), &text, None).await {
        Ok(()) | Err(TelegramError::AlreadyDone(_) | TelegramError::NotFound(Missing::Message)) => {
            Ok(Outcome::Done)
        }
        Err(error) => Err(error),
    }
}
