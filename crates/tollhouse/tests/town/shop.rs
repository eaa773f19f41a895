//! A shop in the town: two plans on sale, two people who buy, and the test's hand on the worker.

use jiff::Timestamp;
use tollhouse::serve::Roles;
use tollhouse::worker;
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::id::{LinkId, OrderId, TelegramUserId};
use tollhouse_core::link::PayLink;
use tollhouse_core::order::Order;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{AttentionFilter, OrderFilter, PAGE_LENGTH_MAX};
use tollhouse_telegram::fake::{NewChat, NewUser, Post, World};
use tollhouse_telegram::{AdminRights, ChatId, UserId};

use super::{BUYER, Engine, OWNER, PRIVATE_CHAT, Town, user};

pub const BEN: UserId = UserId(BUYER);
pub const ANN: UserId = UserId(7_001);
pub const MONTH: usize = 0;
pub const YEAR: usize = 1;

pub struct Shop {
    pub town: Town,
}

/// What the bot said last, and where its buttons lead.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub text: String,
    pub urls: Vec<String>,
}

impl Said {
    pub fn of(post: &Post) -> Self {
        let urls = post.buttons.iter().flatten().filter_map(|button| button.url.clone()).collect();
        Self { text: post.text.clone(), urls }
    }
}

impl Shop {
    pub async fn open(engine: Engine) -> Self {
        let town = Town::with(engine, Roles { worker: false, ..Roles::all() }).await;
        let telegram = &town.telegram;
        telegram.wait_for("a first poll", |world| (world.polls_begun() > 0).then_some(())).await.unwrap();
        Self::in_town(town)
    }

    /// The same in a town whose bot listens already.
    pub fn in_town(town: Town) -> Self {
        let telegram = &town.telegram;
        telegram.add_user(NewUser::new(OWNER, "Olga")).unwrap();
        for (id, name) in [(BEN, "Ben"), (ANN, "Ann")] {
            telegram.add_user(NewUser::new(id.0, name)).unwrap();
        }
        telegram.add_chat(NewChat::channel(PRIVATE_CHAT, "Signals", UserId(OWNER))).unwrap();
        telegram.make_bot_admin(ChatId(PRIVATE_CHAT), UserId(OWNER), AdminRights::gatekeeper()).unwrap();
        Self { town }
    }

    pub async fn settle(&self) {
        loop {
            let heard = |world: &World| (world.updates_waiting() == 0).then_some(());
            self.town.telegram.wait_for("a bot that has heard everything", heard).await.unwrap();
            let worked = worker::run_due(&self.town.app).await.unwrap();
            if worked == 0 && self.town.telegram.read(|world| world.updates_waiting()) == 0 {
                return;
            }
        }
    }

    pub async fn link(&self, plan: usize, expires_at: Option<Timestamp>, max_uses: Option<u32>) -> PayLink {
        let mut needs = Needs::default();
        needs.channels.insert(self.town.channel);
        let snapshot = self.town.store().snapshot(needs).await.unwrap();
        let plan_id = snapshot.channels.get(&self.town.channel).unwrap().plans[plan].id;
        let actor = "cli:test".to_owned();
        let create =
            Command::CreateLink { channel_id: self.town.channel, plan_id, expires_at, max_uses, actor };
        let Outcome::Link(id) = self.town.app.submit(create).await.unwrap() else { panic!("no link") };
        self.link_now(id).await
    }

    pub async fn link_now(&self, id: LinkId) -> PayLink {
        let mut needs = Needs::default();
        needs.links.insert(id);
        self.town.store().snapshot(needs).await.unwrap().links.get(&id).unwrap().clone()
    }

    /// Everything that the bot has said to somebody.
    pub fn all_said(&self, who: UserId) -> Vec<Said> {
        self.town.telegram.read(|world| world.bot_posts(who).into_iter().map(Said::of).collect())
    }

    /// The one answer to `/start` with a payload.
    pub async fn start(&self, who: UserId, payload: &str) -> Said {
        let before = self.all_said(who).len();
        self.town.telegram.start(who, payload).unwrap();
        self.settle().await;
        let mut said = self.all_said(who).split_off(before);
        assert_eq!(said.len(), 1, "{payload}: {said:?}");
        said.remove(0)
    }

    pub async fn buy(&self, who: UserId, link: &PayLink) -> Said {
        self.start(who, &format!("p_{}", link.slug)).await
    }

    pub async fn orders(&self, who: Option<TelegramUserId>) -> Vec<Order> {
        self.town.store().orders(OrderFilter { user: who, ..OrderFilter::default() }).await.unwrap()
    }

    pub async fn order(&self, who: UserId) -> Order {
        let mut orders = self.orders(Some(user(who.0))).await;
        assert_eq!(orders.len(), 1);
        orders.remove(0)
    }

    pub async fn notify(&self, body: &str) {
        let (code, answer) = self.town.notify(body).await;
        assert_eq!(code, 200, "{answer}");
        self.settle().await;
    }

    /// The reasons of what is open in the attention list.
    pub async fn open_items(&self) -> Vec<&'static str> {
        let filter = AttentionFilter { limit: PAGE_LENGTH_MAX, ..AttentionFilter::default() };
        let open = self.town.store().attention(filter).await.unwrap();
        open.iter().map(|item| item.reason.as_str()).collect()
    }

    pub fn page(&self, id: OrderId) -> String {
        self.town.app.public_url(&format!("/o/{id}"))
    }
}
