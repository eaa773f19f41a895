//! The offer in a channel's public chat.

use jiff::Timestamp;
use serde::Serialize;
use tollhouse_core::channel::Channel as CoreChannel;
use tollhouse_core::id::{ChannelId, LinkId, PublicChatId};
use tollhouse_core::money::Money;
use tollhouse_core::offer::{Offer as CoreOffer, OfferPost};

/// An offer, when it is posted, and what of it stands.
#[derive(Debug, Clone, Serialize)]
pub struct Offer {
    /// Whose.
    pub channel_id: ChannelId,
    /// Where it stands.
    pub public_chat_id: Option<PublicChatId>,
    /// What stands below the title.
    pub description: Option<String>,
    /// How often it is posted, in hours; `null` if only when asked for.
    pub every_hours: Option<u32>,
    /// When it is posted next; a time that has passed means that it is being tried.
    pub next_at: Option<Timestamp>,
    /// What donors are offered.
    pub donations: Donations,
    /// The payment links behind its buttons.
    pub link_ids: Vec<LinkId>,
    /// The post that stands.
    pub post: Option<Post>,
    /// Former posts that are still to be taken down.
    pub former: Vec<Post>,
}

/// What donors are offered.
#[derive(Debug, Clone, Serialize)]
pub struct Donations {
    /// Whether there is a button for them.
    pub open: bool,
    /// The amounts to choose from.
    pub amounts: Vec<Money>,
    /// The smallest that is taken.
    pub least: Money,
    /// The largest.
    pub most: Money,
}

/// A post.
#[derive(Debug, Clone, Serialize)]
pub struct Post {
    /// In which chat.
    pub chat_id: PublicChatId,
    /// Telegram's number of the message.
    pub message_id: i64,
    /// Since when.
    pub posted_at: Timestamp,
}

impl Offer {
    /// An offer and its channel.
    #[must_use]
    pub fn new(channel: &CoreChannel, offer: &CoreOffer) -> Self {
        let money = |amount| Money::new(amount, offer.donations.currency.clone());
        Self {
            channel_id: channel.id,
            public_chat_id: channel.public_chat,
            description: offer.description.clone(),
            every_hours: offer.every_hours,
            next_at: offer.next_at,
            donations: Donations {
                open: offer.donations.open,
                amounts: offer.donations.choices().collect(),
                least: money(offer.donations.least),
                most: money(offer.donations.most),
            },
            link_ids: offer.links.iter().map(|link| link.link_id).collect(),
            post: offer.post.as_ref().map(Post::from),
            former: offer.former.iter().map(Post::from).collect(),
        }
    }
}

impl From<&OfferPost> for Post {
    fn from(post: &OfferPost) -> Self {
        Self { chat_id: post.chat, message_id: post.message_id, posted_at: post.posted_at }
    }
}
