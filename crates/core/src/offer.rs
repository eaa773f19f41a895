//! The offer of a channel: the post in its public chat from which people buy and donate. It is posted when somebody asks for it and by a
//! schedule; the post before it is taken down once the new one stands (F57).
//!
//! Everything that is due follows from the row and the channel, see [`step`]; one job for each channel looks at it (F60).

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::channel::{Channel, Plan, PlanDuration};
use crate::id::{ChannelId, LinkId, PlanId, PublicChatId, TelegramUserId};
use crate::link::LinkState;
use crate::money::{Currency, Money};
use crate::snapshot::Snapshot;

/// Longest description of an offer, in characters: with title and plans it fits into one message of Telegram's.
pub const DESCRIPTION_LENGTH_MAX: usize = 1_000;
/// The shortest time between two scheduled posts, in hours: more often is a nuisance to every reader of the chat.
pub const POST_EVERY_HOURS_MIN: u32 = 1;
/// The longest, in hours: a year.
pub const POST_EVERY_HOURS_MAX: u32 = 8_760;
/// Most amounts that are offered to a donor; more buttons are no help.
pub const DONATION_AMOUNTS_MAX: usize = 8;
/// Amounts that a channel offers to donors unless its owner says otherwise.
pub const DONATION_AMOUNTS_DEFAULT: [i64; 4] = [5, 10, 25, 50];
/// The currency of these amounts: the one in which the provider prices everything.
pub const DONATION_CURRENCY_DEFAULT: &str = "usd";
/// The smallest donation, unless the owner says otherwise: the provider takes less in hardly any coin.
pub const DONATION_MIN_DEFAULT: i64 = 1;
/// The largest donation, unless the owner says otherwise: more is a slip of the finger until somebody says that it is not.
pub const DONATION_MAX_DEFAULT: i64 = 10_000;
/// Digits behind the point of a donation's amount: it is typed by a person and priced like a plan.
pub const DONATION_DIGITS_MAX: u32 = 2;
/// Longest message that a donor sends along, in characters.
pub const DONOR_MESSAGE_LENGTH_MAX: usize = 500;

/// What donors are offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Donations {
    /// Whether there is a button for them.
    pub open: bool,
    /// In which currency.
    pub currency: Currency,
    /// The amounts to choose from, ascending; another one may be typed.
    pub amounts: Vec<Decimal>,
    /// The smallest amount that is taken.
    pub least: Decimal,
    /// The largest.
    pub most: Decimal,
}

impl Default for Donations {
    #[expect(clippy::unwrap_used, reason = "a constant of three letters is a ticker; a test reads it")]
    fn default() -> Self {
        Self {
            open: true,
            currency: Currency::new(DONATION_CURRENCY_DEFAULT).unwrap(),
            amounts: DONATION_AMOUNTS_DEFAULT.into_iter().map(Decimal::from).collect(),
            least: Decimal::from(DONATION_MIN_DEFAULT),
            most: Decimal::from(DONATION_MAX_DEFAULT),
        }
    }
}

impl Donations {
    /// The amounts with their currency.
    pub fn choices(&self) -> impl Iterator<Item = Money> {
        self.amounts.iter().map(|amount| Money::new(*amount, self.currency.clone()))
    }

    /// Whether an amount may be donated.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn check_amount(&self, amount: &Money) -> Result<(), String> {
        if amount.currency != self.currency {
            return Err(format!("donations are made in {}, not in {}", self.currency, amount.currency));
        }
        if amount.amount < self.least || amount.amount > self.most {
            let (least, most) = (self.least, self.most);
            return Err(format!("a donation is between {least} and {most} {}", self.currency));
        }
        if amount.amount.normalize().scale() > DONATION_DIGITS_MAX {
            return Err(format!("a donation has at most {DONATION_DIGITS_MAX} digits behind the point"));
        }
        Ok(())
    }

    /// Whether the settings fit together.
    ///
    /// # Errors
    /// A sentence that says what does not.
    pub fn check(&self) -> Result<(), String> {
        if self.least <= Decimal::ZERO || self.most < self.least {
            return Err(format!(
                "the smallest donation must be above zero and not above the largest, not {} to {}",
                self.least, self.most
            ));
        }
        if self.amounts.is_empty() || self.amounts.len() > DONATION_AMOUNTS_MAX {
            return Err(format!("offer 1 to {DONATION_AMOUNTS_MAX} amounts to donors"));
        }
        if !self.amounts.is_sorted_by(|a, b| a < b) {
            return Err("the amounts offered to donors must ascend, each once".to_owned());
        }
        for amount in self.choices() {
            self.check_amount(&amount)?;
        }
        Ok(())
    }
}

/// A link that stands behind a plan's button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferLink {
    /// To which plan.
    pub plan_id: PlanId,
    /// The link.
    pub link_id: LinkId,
}

/// A post that stands in a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferPost {
    /// In which.
    pub chat: PublicChatId,
    /// Telegram's number of the message in it.
    pub message_id: i64,
    /// Since when.
    pub posted_at: Timestamp,
    /// What it shows: see [`Contents::fingerprint`].
    pub shows: String,
}

/// The offer of one channel. Made with it (F58).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Whose.
    pub channel_id: ChannelId,
    /// What stands below the title, in the owner's words.
    pub description: Option<String>,
    /// How often it is posted anew, in hours; only when asked for if there is nothing.
    pub every_hours: Option<u32>,
    /// When it is to be posted next: due from then on until it stands, whatever happens in between (F60).
    pub next_at: Option<Timestamp>,
    /// What donors are offered.
    pub donations: Donations,
    /// The links behind its buttons.
    pub links: Vec<OfferLink>,
    /// The post that stands.
    pub post: Option<OfferPost>,
    /// Posts that are to be taken down, the oldest first.
    pub former: Vec<OfferPost>,
    /// When something last changed.
    pub updated_at: Timestamp,
}

impl Offer {
    /// The offer of a channel for which nobody has decided anything yet.
    #[must_use]
    pub fn new(channel_id: ChannelId, now: Timestamp) -> Self {
        Self {
            channel_id,
            description: None,
            every_hours: None,
            next_at: None,
            donations: Donations::default(),
            links: Vec::new(),
            post: None,
            former: Vec::new(),
            updated_at: now,
        }
    }

    /// Whether there is something for the job to do or to wait for.
    #[must_use]
    pub fn is_at_work(&self) -> bool {
        self.next_at.is_some() || self.post.is_some() || !self.former.is_empty()
    }
}

/// A plan as the offer shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedPlan {
    /// What a buyer reads.
    pub label: String,
    /// The price.
    pub price: Money,
    /// What it gives.
    pub duration: PlanDuration,
    /// The slug of the link behind its button.
    pub slug: String,
}

/// Everything that a post shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Who sells: the post is in their language.
    pub owner: Option<TelegramUserId>,
    /// The channel's title.
    pub title: String,
    /// The owner's words.
    pub description: Option<String>,
    /// What is on sale, the oldest plan first.
    pub plans: Vec<OfferedPlan>,
    /// To which channel one may donate; nothing if it takes no donations.
    pub donate_to: Option<ChannelId>,
}

impl Contents {
    /// The same for the same contents, another one for anything that reads otherwise. Every part goes in with its length.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        let mut put = |text: &str| {
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(text.as_bytes());
        };
        put(&self.title);
        put(self.description.as_deref().unwrap_or_default());
        put(&self.donate_to.map(|id| id.to_string()).unwrap_or_default());
        for plan in &self.plans {
            for part in [&plan.label, &plan.price.to_string(), &plan.duration.to_string(), &plan.slug] {
                put(part);
            }
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What the offer of a channel is to show; nothing while a plan on sale has no link that works.
#[must_use]
pub fn contents(now: Timestamp, snapshot: &Snapshot, channel: &Channel, offer: &Offer) -> Option<Contents> {
    let plan = |plan: &Plan| {
        Some(OfferedPlan {
            label: plan.label.clone(),
            price: plan.price.clone(),
            duration: plan.duration,
            slug: slug_of(now, snapshot, offer, plan.id)?,
        })
    };
    Some(Contents {
        owner: channel.owner,
        title: channel.title.clone(),
        description: offer.description.clone(),
        plans: channel.active_plans().map(plan).collect::<Option<Vec<OfferedPlan>>>()?,
        donate_to: offer.donations.open.then_some(channel.id),
    })
}

/// The slug of the link behind a plan's button, if it still makes orders. An owner may take it back: then a new one is made.
pub(crate) fn slug_of(now: Timestamp, snapshot: &Snapshot, offer: &Offer, plan: PlanId) -> Option<String> {
    let of_plan = offer.links.iter().filter(|link| link.plan_id == plan);
    let mut links = of_plan.filter_map(|link| snapshot.links.get(&link.link_id));
    links.find(|link| link.state(now) == LinkState::Usable).map(|link| link.slug.clone())
}

/// What is to be done next about an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make the links that its buttons lack.
    MakeLinks,
    /// Post it.
    Post(PublicChatId),
    /// Rewrite the post that stands.
    Edit(OfferPost),
    /// Take a post down.
    TakeDown(OfferPost),
    /// Nothing before this instant.
    Wait(Timestamp),
    /// Nothing until somebody asks.
    Rest,
}

/// Whether there is something to offer: a plan, or a donation.
pub(crate) fn sells(channel: &Channel, offer: &Offer) -> bool {
    channel.archived_at.is_none() && (channel.active_plans().next().is_some() || offer.donations.open)
}

/// What is to be done next, from how things are now: the new post first, then what it replaces, so that the chat is never without.
#[must_use]
pub fn step(now: Timestamp, snapshot: &Snapshot, channel: &Channel, offer: &Offer) -> Step {
    let Some(chat) = channel.public_chat.filter(|_| sells(channel, offer)) else {
        // Nothing is on sale any more: what stands goes, and nothing new comes.
        let standing = offer.former.first().or(offer.post.as_ref());
        return standing.map_or(Step::Rest, |post| Step::TakeDown(post.clone()));
    };
    let has_moved = offer.post.as_ref().is_some_and(|post| post.chat != chat);
    let is_due = has_moved || offer.next_at.is_some_and(|at| at <= now);
    let shows = contents(now, snapshot, channel, offer).map(|contents| contents.fingerprint());
    if (is_due || offer.post.is_some()) && shows.is_none() {
        return Step::MakeLinks;
    }
    if is_due {
        return Step::Post(chat);
    }
    if let Some(former) = offer.former.first() {
        return Step::TakeDown(former.clone());
    }
    match &offer.post {
        Some(post) if shows.as_ref() != Some(&post.shows) => Step::Edit(post.clone()),
        _ => offer.next_at.map_or(Step::Rest, Step::Wait),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_channel_offers_to_donors_by_itself_holds_its_own_rules() {
        let donations = Donations::default();
        assert_eq!(donations.check(), Ok(()));
        assert_eq!(donations.choices().next().unwrap().to_string(), "5 USD");
        let written = serde_json::to_string(&donations).unwrap();
        assert_eq!(serde_json::from_str::<Donations>(&written).unwrap(), donations);
    }

    #[test]
    fn an_amount_outside_of_the_limits_is_refused_with_them() {
        let donations = Donations::default();
        for (amount, fits) in [
            ("1 USD", true),
            ("1.50 USD", true),
            ("10000 USD", true),
            ("0.99 USD", false),
            ("10000.01 USD", false),
            ("1.505 USD", false),
            ("5 EUR", false),
        ] {
            let checked = donations.check_amount(&amount.parse().unwrap());
            assert_eq!(checked.is_ok(), fits, "{amount}: {checked:?}");
        }
        let error = donations.check_amount(&"0 USD".parse().unwrap()).unwrap_err();
        assert!(error.contains("between 1 and 10000"), "{error}");
    }

    #[test]
    fn settings_that_do_not_fit_together_are_refused() {
        let odd = [
            Donations { amounts: vec![], ..Donations::default() },
            Donations { amounts: vec![Decimal::TEN, Decimal::TWO], ..Donations::default() },
            Donations { amounts: vec![Decimal::TWO, Decimal::TWO], ..Donations::default() },
            Donations { least: Decimal::ZERO, ..Donations::default() },
            Donations { most: Decimal::TEN, ..Donations::default() },
            Donations { least: Decimal::TEN, most: Decimal::ONE, ..Donations::default() },
        ];
        for donations in odd {
            assert!(donations.check().is_err(), "{donations:?}");
        }
    }
}
