//! A town in which people own channels and talk to the bot about them.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;
use tollhouse::app::App;
use tollhouse::serve::{Roles, Running};
use tollhouse::worker;
use tollhouse_core::channel::Channel;
use tollhouse_store::{AuditFilter, ChannelFilter, PAGE_LENGTH_MAX};
use tollhouse_telegram::fake::{FakeHandle, NewChat, NewUser, Post, World};
use tollhouse_telegram::{AdminRights, ChatId, UserId};

use crate::town::{Engine, OWNER, PRIVATE_CHAT, Town};

pub const OLGA: UserId = UserId(OWNER);
pub const MALLORY: UserId = UserId(6_661);
pub const ADAM: UserId = UserId(2_002);
/// A channel of Olga's that nobody has set up.
pub const ROOM: i64 = -1_002_000_000_500;
/// A channel of Olga's to post in, which everybody can read.
pub const NEWS: i64 = -1_002_000_000_501;
/// A wallet on Tron.
pub const WALLET: &str = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";

pub struct House {
    pub town: Town,
    /// The parts that run, once the first ones were stopped.
    again: Option<(Arc<App>, Running)>,
}

impl House {
    pub async fn new(engine: Engine) -> Self {
        let town = Town::with(engine, Self::roles()).await;
        let telegram = &town.telegram;
        telegram.wait_for("a first poll", |world| (world.polls_begun() > 0).then_some(())).await.unwrap();
        for (id, name) in [(OLGA, "Olga"), (MALLORY, "Mallory"), (ADAM, "Adam")] {
            telegram.add_user(NewUser::new(id.0, name)).unwrap();
        }
        telegram.add_chat(NewChat::channel(PRIVATE_CHAT, "Signals", OLGA)).unwrap();
        telegram.add_chat(NewChat::channel(ROOM, "Olga's <Room> & Co", OLGA)).unwrap();
        let username = Some("olgas_news".to_owned());
        telegram.add_chat(NewChat { username, ..NewChat::channel(NEWS, "Olga's news", OLGA) }).unwrap();
        let house = Self { town, again: None };
        house.town.telegram.start(MALLORY, "").unwrap();
        house.settle().await;
        house
    }

    fn roles() -> Roles {
        Roles { worker: false, ..Roles::all() }
    }

    pub fn app(&self) -> &Arc<App> {
        self.again.as_ref().map_or(&self.town.app, |(app, _)| app)
    }

    pub fn telegram(&self) -> &FakeHandle {
        &self.town.telegram
    }

    /// Stops everything and starts it anew on the same database.
    pub async fn restart(&mut self) {
        self.stop().await;
        let app = App::open(self.town.app.config.clone(), self.town.clock.clone()).await.unwrap();
        let running = Running::start(Arc::clone(&app), Self::roles()).await.unwrap();
        self.again = Some((app, running));
    }

    pub async fn stop(&mut self) {
        self.town.stop().await;
        if let Some((_, running)) = self.again.take() {
            running.stop().await;
        }
    }

    pub async fn settle(&self) {
        loop {
            let heard = |world: &World| (world.updates_waiting() == 0).then_some(());
            self.telegram().wait_for("a bot that has heard everything", heard).await.unwrap();
            let worked = worker::run_due(self.app()).await.unwrap();
            if worked == 0 && self.telegram().read(|world| world.updates_waiting()) == 0 {
                return;
            }
        }
    }

    pub async fn pass(&self, hours: i64) {
        self.town.clock.advance(SignedDuration::from_hours(hours));
        self.settle().await;
    }

    pub async fn start(&self, who: UserId) -> Vec<String> {
        let before = self.posts(who).len();
        self.telegram().start(who, "").unwrap();
        self.settle().await;
        self.new_texts(who, before)
    }

    /// Everything that the bot has written to somebody, as it reads now.
    pub fn posts(&self, who: UserId) -> Vec<Post> {
        self.telegram().read(|world| world.bot_posts(who).into_iter().cloned().collect())
    }

    pub fn last(&self, who: UserId) -> Post {
        self.posts(who).pop().unwrap()
    }

    fn new_texts(&self, who: UserId, before: usize) -> Vec<String> {
        self.posts(who).split_off(before).into_iter().map(|post| post.text).collect()
    }

    /// Writes to the bot; what it answers.
    pub async fn say(&self, who: UserId, text: &str) -> Vec<String> {
        let before = self.posts(who).len();
        self.telegram().say(who, text).unwrap();
        self.settle().await;
        self.new_texts(who, before)
    }

    /// The same, where one answer is expected.
    pub async fn say_once(&self, who: UserId, text: &str) -> String {
        let mut said = self.say(who, text).await;
        assert_eq!(said.len(), 1, "{text}: {said:?}");
        said.remove(0)
    }

    /// The newest button that says this, with its message.
    pub fn button(&self, who: UserId, label: &str) -> (Post, String) {
        for post in self.posts(who).into_iter().rev() {
            let found = post.buttons.iter().flatten().find(|button| button.text.contains(label));
            if let Some(data) = found.and_then(|button| button.callback_data.clone()) {
                return (post, data);
            }
        }
        panic!("no button {label:?} among {:?}", self.posts(who));
    }

    /// Presses it; what the window said, and how the message or the newest one reads then.
    pub async fn press(&self, who: UserId, label: &str) -> String {
        let (post, data) = self.button(who, label);
        let before = self.posts(who).len();
        let press = self.telegram().press(who, who.private_chat(), post.id, &data).unwrap();
        self.settle().await;
        let answer =
            self.telegram().read(|world| world.press_answer(&press).map(|text| text.map(str::to_owned)));
        let answer = answer.expect("the press was not answered");
        let posts = self.posts(who);
        let said = match answer {
            Some(window) => window,
            None if posts.len() > before => posts.last().unwrap().text.clone(),
            None => posts.iter().find(|one| one.id == post.id).unwrap().text.clone(),
        };
        assert!(!said.is_empty());
        said
    }

    /// A press that carries anything at all, as a program can send it; what the bot writes then, or changes.
    pub async fn forge(&self, who: UserId, data: &str) -> Vec<String> {
        let before = self.posts(who).len();
        self.telegram().push_update(
            "callback_query",
            &json!({
                "id": "4711", "from": {"id": who.0, "is_bot": false, "first_name": "X", "language_code": "en"},
                "chat_instance": "1", "data": data,
            }),
        );
        self.settle().await;
        self.new_texts(who, before)
    }

    pub fn make_admin(&self, chat: i64, by: UserId, rights: AdminRights) {
        self.telegram().make_bot_admin(ChatId(chat), by, rights).unwrap();
    }

    pub async fn channels(&self) -> Vec<Channel> {
        let filter = ChannelFilter { archived: true, ..ChannelFilter::default() };
        self.app().store.channels(filter).await.unwrap()
    }

    pub async fn room(&self) -> Option<Channel> {
        self.channels().await.into_iter().find(|channel| channel.private_chat.get() == ROOM)
    }

    pub async fn audited(&self, action: &str) -> Vec<String> {
        let entries = self.app().store.audit(AuditFilter { after: 0, limit: PAGE_LENGTH_MAX }).await.unwrap();
        let of_action = entries.into_iter().filter(|sealed| sealed.entry.action == action);
        of_action.map(|sealed| sealed.entry.actor).collect()
    }

    /// Sets the room up as quickly as one can.
    pub async fn set_up(&self) -> Channel {
        self.start(OLGA).await;
        self.make_admin(ROOM, OLGA, AdminRights::gatekeeper());
        self.settle().await;
        self.press(OLGA, "Set up").await;
        self.press(OLGA, "Keep").await;
        for text in ["Monthly", "5 USD", "30d"] {
            self.say_once(OLGA, text).await;
        }
        self.press(OLGA, "Go on").await;
        self.press(OLGA, "Skip").await;
        self.press(OLGA, "Later").await;
        self.press(OLGA, "Create").await;
        self.room().await.unwrap()
    }
}
