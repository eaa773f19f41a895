//! The demo's channel, its people and what it sells.

use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, NewChannel, NewPlan, Outcome};
use tollhouse_core::id::{ChannelId, PlanId, PrivateChatId, PublicChatId, TelegramUserId};
use tollhouse_core::policy::Policies;
use tollhouse_core::snapshot::Needs;
use tollhouse_telegram::fake::{FakeHandle, NewChat, NewUser};
use tollhouse_telegram::{AdminRights, ChatId, UserId};

use crate::app::App;

/// The channel that is sold.
pub(super) const PRIVATE_CHAT: ChatId = ChatId(-1_002_400_000_001);
/// The channel in which the offer stands; the incident's order names it.
pub(super) const PUBLIC_CHAT: ChatId = ChatId(-1_003_016_667_267);
/// The rooms that there are at first.
pub(super) const ROOMS: [ChatId; 2] = [PRIVATE_CHAT, PUBLIC_CHAT];
/// The public name of the channel with the offer.
const PUBLIC_NAME: &str = "morning_signals";
/// Who sets the demo up, for the audit log.
pub(super) const ACTOR: &str = "demo";
/// What both are called.
pub(super) const TITLE: &str = "Morning Signals";

/// Somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Person {
    /// Their Telegram account.
    pub(super) id: UserId,
    /// Their name.
    pub(super) name: &'static str,
}

/// Who sells.
pub(super) const OLGA: Person = Person { id: UserId(1_001), name: "Olga" };

/// What there is to buy.
#[derive(Debug, Clone)]
pub(super) struct Shop {
    /// The channel.
    pub(super) channel: ChannelId,
    /// Its plans with their links, cheapest first.
    pub(super) offers: Vec<Offer>,
}

/// A plan, with the link that sells it.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    /// The plan.
    pub(super) plan: PlanId,
    /// What a buyer reads: `Monthly: 2.50 USD, 30 days`.
    pub(super) words: String,
    /// The link's path: `/c/…`.
    pub(super) path: String,
}

impl Shop {
    /// Lets the owner and the channel exist, makes the bot its gatekeeper, and puts the plans on sale.
    pub(super) async fn open(app: &App, telegram: &FakeHandle) -> anyhow::Result<Self> {
        telegram.add_user(NewUser::new(OLGA.id.0, OLGA.name))?;
        let offer = NewChat::channel(PUBLIC_CHAT.0, &format!("{TITLE}: the offer"), OLGA.id);
        telegram.add_chat(NewChat { username: Some(PUBLIC_NAME.to_owned()), ..offer })?;
        telegram.add_chat(NewChat::channel(PRIVATE_CHAT.0, TITLE, OLGA.id))?;
        telegram.make_bot_admin(PRIVATE_CHAT, OLGA.id, AdminRights::gatekeeper())?;
        telegram.start(OLGA.id, "")?;
        let channel = NewChannel {
            private_chat: PrivateChatId::new(PRIVATE_CHAT.0)?,
            public_chat: Some(PublicChatId::new(PUBLIC_CHAT.0)?),
            title: TITLE.to_owned(),
            owner: Some(TelegramUserId::new(OLGA.id.0)?),
            payout: None,
            plans: vec![
                plan("Monthly", "2.50 USD", PlanDuration::Days(30))?,
                plan("Quarterly", "6.00 USD", PlanDuration::Days(90))?,
                plan("For ever", "49.00 USD", PlanDuration::Lifetime)?,
            ],
            policies: Policies::default(),
            actor: ACTOR.to_owned(),
        };
        let Outcome::Channel(id) = app.submit(Command::AddChannel(Box::new(channel))).await? else {
            anyhow::bail!("a channel came to something else")
        };
        let mut needs = Needs::default();
        needs.channels.insert(id);
        let snapshot = app.store.snapshot(needs).await?;
        let mut offers = Vec::new();
        for plan in snapshot.channels.get(&id).into_iter().flat_map(|channel| &channel.plans) {
            let words = format!("{}: {}, {}", plan.label, plan.price, plan.duration);
            offers.push(Offer { plan: plan.id, words, path: link(app, id, plan.id).await? });
        }
        Ok(Self { channel: id, offers })
    }

    /// The plan of a month.
    pub(super) fn monthly(&self) -> anyhow::Result<&Offer> {
        self.offers.first().ok_or_else(|| anyhow::anyhow!("the shop is empty"))
    }
}

fn plan(label: &str, price: &str, duration: PlanDuration) -> anyhow::Result<NewPlan> {
    Ok(NewPlan { label: label.to_owned(), price: price.parse()?, duration })
}

async fn link(app: &App, channel_id: ChannelId, plan_id: PlanId) -> anyhow::Result<String> {
    let actor = ACTOR.to_owned();
    let make = Command::CreateLink { channel_id, plan_id, expires_at: None, max_uses: None, actor };
    let Outcome::Link(id) = app.submit(make).await? else { anyhow::bail!("a link came to something else") };
    let mut needs = Needs::default();
    needs.links.insert(id);
    let snapshot = app.store.snapshot(needs).await?;
    let link = snapshot.links.get(&id).ok_or_else(|| anyhow::anyhow!("the link is not there"))?;
    Ok(format!("/c/{}", link.slug))
}
