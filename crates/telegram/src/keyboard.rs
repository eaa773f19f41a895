//! Buttons under a message. There is no web-app button: Telegram refuses it outside private chats (F54).

use frankenstein::types::{InlineKeyboardButton, InlineKeyboardMarkup};

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

    pub(crate) fn to_wire(&self) -> InlineKeyboardMarkup {
        let rows = self.rows.iter().map(|row| row.iter().map(Button::to_wire).collect());
        InlineKeyboardMarkup::builder().inline_keyboard(rows.collect()).build()
    }
}

impl Button {
    fn to_wire(&self) -> InlineKeyboardButton {
        let button = InlineKeyboardButton::builder().text(self.text.as_str());
        match &self.action {
            Action::Url(url) => button.url(url.as_str()).build(),
            Action::Callback(data) => button.callback_data(data.as_str()).build(),
        }
    }
}
