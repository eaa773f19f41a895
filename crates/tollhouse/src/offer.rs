//! The offer in a channel's public chat: its words and buttons, and the calls that put it there and take it down.
//!
//! Each button is a `https://t.me/…` link to the private chat with the bot: a web-app button is refused outside of private chats (F54).

use tollhouse_core::id::{ChannelId, PublicChatId, TelegramUserId};
use tollhouse_core::job::Outcome;
use tollhouse_core::offer::{Contents, OfferPost};
use tollhouse_telegram::{
    Button, ChatId, Done, Error as TelegramError, Gateway, Html, Keyboard, Lack, MESSAGE_CHARS_MAX,
    MessageId, Missing,
};

use crate::app::App;
use crate::texts::Language;
use crate::{donation, purchase};

/// Characters of a post that the list of its plans leaves to what stands below it.
const CHARS_BELOW_PLANS: usize = 600;

/// Posts an offer. Not safe to repeat: if the answer is lost although Telegram has posted it, that post is known to nobody and stays.
///
/// # Errors
/// Telegram's.
pub async fn post(
    app: &App,
    gateway: &Gateway,
    chat: PublicChatId,
    contents: &Contents,
) -> Result<Outcome, TelegramError> {
    let (text, keyboard) = written(app, gateway, contents).await?;
    let message = gateway.send_message(chat_id(chat), &text, Some(&keyboard)).await?;
    Ok(Outcome::OfferPosted { chat, message_id: message.0, shows: contents.fingerprint() })
}

/// Brings a post up to date.
///
/// # Errors
/// Telegram's.
pub async fn edit(
    app: &App,
    gateway: &Gateway,
    post: &OfferPost,
    contents: &Contents,
) -> Result<Outcome, TelegramError> {
    let (text, keyboard) = written(app, gateway, contents).await?;
    let message = MessageId(post.message_id);
    match gateway.edit_message_text(chat_id(post.chat), message, &text, Some(&keyboard)).await {
        Ok(()) | Err(TelegramError::AlreadyDone(Done::SameMessage)) => {
            Ok(Outcome::OfferEdited { message_id: post.message_id, shows: contents.fingerprint() })
        }
        // Its owner has removed it by hand.
        Err(TelegramError::NotFound(Missing::Message)) => Ok(gone(post)),
        Err(error) => Err(error),
    }
}

/// Takes a post down. One that Telegram does not let us delete is emptied instead: it has no button any more. `is_over`: one that is out of
/// reach is let go.
///
/// # Errors
/// Telegram's.
pub async fn take_down(
    app: &App,
    gateway: &Gateway,
    post: &OfferPost,
    owner: Option<TelegramUserId>,
    is_over: bool,
) -> Result<Outcome, TelegramError> {
    let (chat, message) = (chat_id(post.chat), MessageId(post.message_id));
    let refused = match gateway.delete_message(chat, message).await {
        // A group that has become another one keeps its old messages for itself.
        Ok(()) | Err(TelegramError::NotFound(Missing::Message) | TelegramError::Migrated { .. }) => {
            return Ok(gone(post));
        }
        Err(
            TelegramError::NotFound(Missing::Chat)
            | TelegramError::NoRights { lack: Lack::Kicked | Lack::NotMember, .. },
        ) if is_over => return Ok(gone(post)),
        Err(error @ TelegramError::NoRights { lack: Lack::Right(_), .. }) => error,
        Err(error) => return Err(error),
    };
    let text = language(app, owner).await.post_over();
    match gateway.edit_message_text(chat, message, &text, None).await {
        Ok(()) | Err(TelegramError::AlreadyDone(_) | TelegramError::NotFound(Missing::Message)) => {
            Ok(gone(post))
        }
        Err(_) => Err(refused),
    }
}

fn gone(post: &OfferPost) -> Outcome {
    Outcome::OfferGone { chat: post.chat, message_id: post.message_id }
}

fn chat_id(chat: PublicChatId) -> ChatId {
    ChatId(chat.get())
}

async fn language(app: &App, owner: Option<TelegramUserId>) -> Language {
    match owner {
        Some(owner) => app.language_of(owner).await,
        None => Language::default(),
    }
}

async fn written(
    app: &App,
    gateway: &Gateway,
    contents: &Contents,
) -> Result<(Html, Keyboard), TelegramError> {
    let language = language(app, contents.owner).await;
    app.know_bot(gateway).await?;
    let link = |payload: &str| app.bot_link(payload);
    Ok((words(language, contents), buttons(language, contents, link)))
}

/// What a post says.
#[must_use]
pub fn words(language: Language, contents: &Contents) -> Html {
    let mut text = language.post_head(&contents.title);
    if let Some(description) = &contents.description {
        text.push_text("\n\n");
        text.push_text(description);
    }
    for (number, plan) in contents.plans.iter().enumerate() {
        let (price, duration) = (language.money(&plan.price), language.duration(&plan.duration));
        let line = language.post_plan(&plan.label, duration, price);
        // Every plan has its button; the longest lists of plans need no second one.
        if text.visible_chars() + line.visible_chars() + CHARS_BELOW_PLANS > MESSAGE_CHARS_MAX {
            break;
        }
        text.push_text(if number == 0 { "\n\n" } else { "\n" });
        text.push_markup(line.as_str());
    }
    if !contents.plans.is_empty() {
        text.push_text("\n\n");
        text.push_markup(language.post_how().as_str());
    }
    if contents.donate_to.is_some() {
        text.push_text("\n\n");
        text.push_markup(language.post_donate().as_str());
    }
    text
}

/// A post's buttons: one for each plan, and one to donate. `link` makes the bot's address of a start payload.
#[must_use]
pub fn buttons(language: Language, contents: &Contents, link: impl Fn(&str) -> Option<String>) -> Keyboard {
    let plans = contents.plans.iter().filter_map(|plan| {
        let (price, duration) = (language.money(&plan.price), language.duration(&plan.duration));
        let text = language.button_plan(&plan.label, duration, price);
        Some(Button::url(text, link(&purchase::link_payload(&plan.slug))?))
    });
    let donate = |id: ChannelId| Some(Button::url(language.button_donate(), link(&donation::payload(id))?));
    Keyboard::column(plans.chain(contents.donate_to.and_then(donate)))
}

#[cfg(test)]
mod tests {
    use tollhouse_core::channel::PlanDuration;
    use tollhouse_core::offer::OfferedPlan;
    use tollhouse_telegram::Action;

    use super::*;

    fn contents(plans: usize, label: &str) -> Contents {
        let plan = |number: usize| OfferedPlan {
            label: format!("{label}{number}"),
            price: "12345.67 USD".parse().unwrap(),
            duration: PlanDuration::Days(30),
            slug: format!("slug{number}"),
        };
        Contents {
            owner: None,
            title: "<b>Signals & \"Co\"</b> { $title }".to_owned(),
            description: Some("Daily <i>\n& good".to_owned()),
            plans: (0..plans).map(plan).collect(),
            donate_to: Some(ChannelId(uuid::Uuid::from_u128(7))),
        }
    }

    #[test]
    fn f54_f66_every_button_is_a_link_to_the_bot_and_no_title_breaks_the_post() {
        for language in Language::ALL {
            let contents = contents(2, "<Plan> ");
            let text = words(language, &contents);
            assert!(text.as_str().starts_with("<b>&lt;b&gt;Signals &amp; &quot;Co&quot;&lt;/b&gt; { $title }</b>\n\nDaily &lt;i&gt;\n&amp; good\n\n"), "{text}");
            assert!(text.as_str().contains("&lt;Plan&gt; 1"), "{text}");
            let keyboard =
                buttons(language, &contents, |payload| Some(format!("https://t.me/bot?start={payload}")));
            let links: Vec<&Action> = keyboard.rows.iter().flatten().map(|button| &button.action).collect();
            let expected = ["p_slug0", "p_slug1", "d_00000000000000000000000000000007"];
            let expected = expected.map(|payload| Action::Url(format!("https://t.me/bot?start={payload}")));
            assert_eq!(links, expected.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_longest_offer_fits_into_one_message_and_keeps_every_button() {
        for language in Language::ALL {
            let mut contents = contents(20, &"л".repeat(250));
            contents.title = "т".repeat(255);
            contents.description = Some("о".repeat(1_000));
            let text = words(language, &contents);
            assert!(text.visible_chars() <= MESSAGE_CHARS_MAX, "{}", text.visible_chars());
            assert!(text.as_str().ends_with(language.post_donate().as_str()));
            assert_eq!(buttons(language, &contents, |payload| Some(payload.to_owned())).rows.len(), 21);
        }
    }
}
