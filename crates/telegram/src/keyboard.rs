//! Buttons under a message. There is no web-app button: Telegram refuses it outside private chats (F54).

use std::borrow::Cow;

use frankenstein::types::{InlineKeyboardButton, InlineKeyboardMarkup};
use url::{Host, Url};

use crate::html::Html;

/// Longest `callback_data` in bytes: <https://core.telegram.org/bots/api#inlinekeyboardbutton>.
pub const CALLBACK_DATA_BYTES_MAX: usize = 64;

/// What happens when a button is pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Opens a page, or a chat by a `https://t.me/…` link.
    Url(String),
    /// Sends this back to the bot, at most [`CALLBACK_DATA_BYTES_MAX`] bytes.
    Callback(String),
}

/// One button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// What the button says; plain text.
    pub text: String,
    /// What it does.
    pub action: Action,
}

impl Button {
    /// A button that opens a link.
    #[must_use]
    pub fn url(text: impl Into<String>, url: impl Into<String>) -> Self {
        Self { text: text.into(), action: Action::Url(url.into()) }
    }

    /// A button that comes back to the bot.
    #[must_use]
    pub fn callback(text: impl Into<String>, data: impl Into<String>) -> Self {
        Self { text: text.into(), action: Action::Callback(data.into()) }
    }
}

/// Rows of buttons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyboard {
    /// From top to bottom.
    pub rows: Vec<Vec<Button>>,
}

impl Keyboard {
    /// One button in each row.
    #[must_use]
    pub fn column(buttons: impl IntoIterator<Item = Button>) -> Self {
        Self { rows: buttons.into_iter().map(|button| vec![button]).collect() }
    }

    /// A message with the buttons that Telegram takes. For one that it does not take it would refuse the whole message: what that one
    /// would have opened stands below the text instead.
    pub(crate) fn below<'a>(&self, text: &'a Html) -> (Cow<'a, Html>, Option<InlineKeyboardMarkup>) {
        let mut text = Cow::Borrowed(text);
        let mut rows: Vec<Vec<InlineKeyboardButton>> = Vec::new();
        for row in &self.rows {
            let (taken, refused): (Vec<&Button>, Vec<&Button>) =
                row.iter().partition(|button| button.is_taken());
            for button in refused {
                if let Action::Url(url) = &button.action {
                    text.to_mut().push_text(&format!("\n\n{}: {url}", button.text));
                }
            }
            if !taken.is_empty() {
                rows.push(taken.into_iter().map(Button::to_wire).collect());
            }
        }
        let markup =
            (!rows.is_empty()).then(|| InlineKeyboardMarkup::builder().inline_keyboard(rows).build());
        (text, markup)
    }
}

/// Whether Telegram takes an address in a button: not where the host's name has no dot, as `localhost` and the names of containers have
/// none (`BUTTON_URL_INVALID`).
#[must_use]
pub fn can_be_opened(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.contains('.') || url.scheme() == "tg",
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    }
}

impl Button {
    fn is_taken(&self) -> bool {
        match &self.action {
            // What is no address at all is a fault of ours, and Telegram's refusal says so.
            Action::Url(url) => Url::parse(url).map_or(true, |url| can_be_opened(&url)),
            Action::Callback(_) => true,
        }
    }

    fn to_wire(&self) -> InlineKeyboardButton {
        let button = InlineKeyboardButton::builder().text(self.text.as_str());
        match &self.action {
            Action::Url(url) => button.url(url.as_str()).build(),
            Action::Callback(data) => button.callback_data(data.as_str()).build(),
        }
    }
}
