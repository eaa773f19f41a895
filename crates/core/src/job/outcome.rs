//! What came of doing the next step.

use super::Unentitled;
use crate::bot_chat::BotRight;
use crate::event::Received;
use crate::id::{MessageId, PrivateChatId, PublicChatId, TelegramChatId};
use crate::money::Money;
use crate::order::Invoice;
use crate::progress::Face;

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There was nothing to do outside.
    Nothing,
    /// The invoice was made.
    InvoiceCreated {
        /// The invoice.
        invoice: Invoice,
    },
    /// The payment was made; the provider's answer, to be taken like a notification of it.
    PaymentCreated {
        /// What the provider answered.
        answer: Box<Received>,
    },
    /// The provider takes no payment of this price in this coin. Nobody's fault: the buyer chooses another.
    CoinRefused,
    /// The link was made.
    InviteCreated {
        /// For this chat: it may have moved since.
        chat: PrivateChatId,
        /// The link.
        link: String,
    },
    /// The order's message was made or edited.
    OrderShown {
        /// How it stood then.
        face: Box<Face>,
        /// The message.
        message_id: MessageId,
        /// Whether it was made.
        is_new: bool,
    },
    /// The join request was approved.
    Approved,
    /// The join request was declined.
    Declined {
        /// Why.
        why: Unentitled,
    },
    /// Who asks to join was told that they are not let in, or cannot be told: either way it is not tried again.
    Explained,
    /// The join request was gone before it was answered, and who asked is not inside: they withdrew it, or an administrator declined it.
    RequestGone,
    /// A notice was told to one chat.
    Told {
        /// To which.
        chat: i64,
        /// Whether others are still to be told.
        more: bool,
    },
    /// The message was sent, the member removed.
    Done,
    /// The member cannot be removed and need not be: the owner, an admin.
    NotRemovable,
    /// The channel has so many members.
    Counted {
        /// How many.
        members: u32,
    },
    /// The offer was posted.
    OfferPosted {
        /// In which chat.
        chat: PublicChatId,
        /// Telegram's number of the message.
        message_id: i64,
        /// What it shows: the fingerprint of its contents.
        shows: String,
    },
    /// The post was brought up to date.
    OfferEdited {
        /// Telegram's number of the message.
        message_id: i64,
        /// What it shows: the fingerprint of its contents.
        shows: String,
    },
    /// A post is gone: it was taken down, or somebody else had removed it.
    OfferGone {
        /// From which chat.
        chat: PublicChatId,
        /// Telegram's number of the message.
        message_id: i64,
    },
    /// The group has become a supergroup with another number (F51).
    Migrated {
        /// The new number.
        to: PrivateChatId,
    },
    /// It did not work.
    Failed(Failure),
}

/// Why an action did not work, by what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The far side said later; does not count as an attempt.
    Later {
        /// After how many seconds.
        seconds: u32,
    },
    /// Trying again may help.
    Transient {
        /// What went wrong.
        error: String,
    },
    /// Who is to be let in is in as many chats as Telegram allows, and has been told so: when they have left one, trying again helps.
    TooManyChats {
        /// What went wrong.
        error: String,
    },
    /// The bot lacks a right in the chat: it waits until that is back, and the owner is told. Does not count as an attempt.
    NoRights {
        /// In which chat.
        chat: TelegramChatId,
        /// Which.
        right: BotRight,
    },
    /// The person cannot be written to: never started the bot, or blocked it (F42). Of a job that writes to nobody it is permanent.
    Unreachable {
        /// What went wrong.
        error: String,
    },
    /// The price is below what the provider takes. Trying again does not help by itself.
    BelowMinimum {
        /// What went wrong.
        error: String,
        /// The smallest price that it takes, where it says so.
        minimum: Option<Money>,
    },
    /// Trying again does not help by itself.
    Permanent {
        /// What went wrong.
        error: String,
    },
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Later { seconds } => write!(f, "told to wait {seconds} s"),
            Self::NoRights { chat, right } => {
                write!(f, "the bot lacks the right {} in the chat {chat}", right.as_str())
            }
            Self::Transient { error }
            | Self::TooManyChats { error }
            | Self::Unreachable { error }
            | Self::BelowMinimum { error, .. }
            | Self::Permanent { error } => f.write_str(error),
        }
    }
}
