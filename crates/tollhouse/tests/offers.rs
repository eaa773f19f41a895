//! The offer in a public chat, against the simulated Telegram: what it shows, and that there is one of it, whatever happens on the way.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod town;

use jiff::SignedDuration;
use tollhouse::serve::Roles;
use tollhouse::worker;
use tollhouse_core::attention::Reason;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, NewPlan, OfferChange};
use tollhouse_core::offer::Offer;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{AttentionFilter, OrderFilter};
use tollhouse_telegram::fake::{Author, Fault, NewChat, NewUser, Post};
use tollhouse_telegram::{AdminRights, ChatId, ChatKind, UserId};
use town::{BUYER, Engine, OWNER, PRIVATE_CHAT, PUBLIC_CHAT, Town};

const SQUARE: ChatId = ChatId(PUBLIC_CHAT);
const BEN: UserId = UserId(BUYER);

struct Square {
    town: Town,
}

impl Square {
    async fn open(engine: Engine, kind: ChatKind) -> Self {
        let town = Town::with(engine, Roles { worker: false, ..Roles::all() }).await;
        let telegram = &town.telegram;
        telegram.wait_for("a first poll", |world| (world.polls_begun() > 0).then_some(())).await.unwrap();
        telegram.add_user(NewUser::new(OWNER, "Olga")).unwrap();
        telegram.add_user(NewUser::new(BUYER, "Ben")).unwrap();
        telegram.start(UserId(OWNER), "").unwrap();
        for (chat, title) in [(PUBLIC_CHAT, "News"), (PRIVATE_CHAT, "Signals")] {
            telegram.add_chat(NewChat { kind, ..NewChat::channel(chat, title, UserId(OWNER)) }).unwrap();
            telegram.make_bot_admin(ChatId(chat), UserId(OWNER), AdminRights::gatekeeper()).unwrap();
        }
        Self { town }
    }

    /// Lets everything be done that is due now.
    async fn settle(&self) {
        loop {
            let heard =
                |world: &tollhouse_telegram::fake::World| (world.updates_waiting() == 0).then_some(());
            self.town.telegram.wait_for("a bot that has heard everything", heard).await.unwrap();
            if worker::run_due(&self.town.app).await.unwrap() == 0 {
                return;
            }
        }
    }

    /// Lets time pass in quarters of an hour.
    async fn pass(&self, hours: i64) {
        for _ in 0..hours * 4 {
            self.town.clock.advance(SignedDuration::from_mins(15));
            self.settle().await;
        }
    }

    async fn post(&self) {
        let ask = Command::PostOffer { channel_id: self.town.channel, actor: "cli:test".into() };
        self.town.app.submit(ask).await.unwrap();
        self.settle().await;
    }

    async fn set(&self, change: OfferChange) {
        let (channel_id, change) = (self.town.channel, Box::new(change));
        self.town
            .app
            .submit(Command::SetOffer { channel_id, change, actor: "cli:test".into() })
            .await
            .unwrap();
        self.settle().await;
    }

    async fn offer(&self) -> Offer {
        let mut needs = Needs::default();
        needs.offers.insert(self.town.channel);
        let snapshot = self.town.store().snapshot(needs).await.unwrap();
        snapshot.offers.get(&self.town.channel).unwrap().clone()
    }

    /// What the bot's posts in the public chat are.
    fn posts(&self) -> Vec<Post> {
        let by_bot = |post: &&Post| post.author == Author::Bot;
        self.town.telegram.read(|world| world.posts(SQUARE).iter().filter(by_bot).cloned().collect())
    }

    /// The one post.
    fn stands(&self) -> Post {
        let mut posts = self.posts();
        assert_eq!(posts.len(), 1, "{posts:?}");
        posts.remove(0)
    }

    async fn reasons(&self) -> Vec<Reason> {
        let open = self.town.store().attention(AttentionFilter::default()).await.unwrap();
        open.into_iter().map(|item| item.reason).collect()
    }

    fn done(&self, method: &str) -> u64 {
        self.town.telegram.read(|world| world.done(method))
    }
}

fn links(post: &Post) -> Vec<String> {
    post.buttons.iter().flatten().map(|button| button.url.clone().unwrap()).collect()
}

async fn an_offer_is_posted_and_replaced(engine: Engine) {
    let mut square = Square::open(engine, ChatKind::Channel).await;
    square.settle().await;
    assert_eq!(square.posts(), [], "nothing is posted that nobody asked for");
    square.post().await;
    let first = square.stands();
    assert!(
        first.text.starts_with("Signals & <Co>\n\n• Month: 30 days, $2.50\n• Year: 365 days, $99.99\n\n"),
        "{}",
        first.text
    );
    let name = square.town.app.bot_name.get().unwrap().clone();
    let words: Vec<&str> = first.buttons.iter().flatten().map(|button| button.text.as_str()).collect();
    assert_eq!(words, ["Month · 30 days · $2.50", "Year · 365 days · $99.99", "Donate"]);
    let start = format!("https://t.me/{name}?start=");
    let payloads: Vec<String> =
        links(&first).iter().map(|link| link.strip_prefix(&start).unwrap().to_owned()).collect();
    assert!(payloads[0].starts_with("p_") && payloads[1].starts_with("p_"), "{payloads:?}");
    assert_eq!(payloads[2], format!("d_{}", square.town.channel.0.simple()));

    // The button sells, at the plan's price.
    square.town.telegram.start(BEN, &payloads[1]).unwrap();
    square.settle().await;
    let orders = square.town.store().orders(OrderFilter::default()).await.unwrap();
    assert_eq!(orders[0].price, "99.99 USD".parse().unwrap());

    for _ in 0..3 {
        square.post().await;
    }
    let last = square.stands();
    assert_ne!(last.id, first.id);
    assert_eq!(links(&last), links(&first), "the same links, so that what was forwarded still sells");
    let offer = square.offer().await;
    assert_eq!(offer.post.map(|post| post.message_id), Some(last.id.0));
    assert_eq!(
        (square.done("sendMessage"), square.done("deleteMessage")),
        (6, 3),
        "one of them to Ben, one to Olga"
    );
    square.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f54_f57_an_offer_has_link_buttons_only_and_replaces_the_one_before_on_sqlite() {
    an_offer_is_posted_and_replaced(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f54_f57_an_offer_has_link_buttons_only_and_replaces_the_one_before_on_postgres() {
    an_offer_is_posted_and_replaced(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f54_in_a_group_an_offer_has_no_web_app_button_either() {
    let mut square = Square::open(Engine::Sqlite, ChatKind::Supergroup).await;
    square.post().await;
    let post = square.stands();
    assert_eq!(links(&post).len(), 3);
    assert!(post.buttons.iter().flatten().all(|button| button.web_app.is_none()));
    square.town.stop().await;
}

async fn a_schedule_runs_for_ever(engine: Engine) {
    let mut square = Square::open(engine, ChatKind::Channel).await;
    square.set(OfferChange { every_hours: Some(Some(24)), ..OfferChange::default() }).await;
    let mut last = square.stands().id;
    for _ in 0..5 {
        square.town.clock.advance(SignedDuration::from_hours(23));
        square.settle().await;
        assert_eq!(square.stands().id, last, "not before its time");
        square.town.clock.advance(SignedDuration::from_hours(1));
        square.settle().await;
        let now = square.stands().id;
        assert_ne!(now, last);
        last = now;
    }
    // A process that was away for days posts once.
    square.town.clock.advance(SignedDuration::from_hours(24 * 10));
    let before = square.done("sendMessage");
    square.settle().await;
    assert_eq!(square.done("sendMessage"), before + 1);
    square.set(OfferChange { every_hours: Some(None), ..OfferChange::default() }).await;
    let last = square.stands().id;
    square.town.clock.advance(SignedDuration::from_hours(24 * 10));
    square.settle().await;
    assert_eq!(square.stands().id, last);
    square.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f60_a_scheduled_offer_is_posted_for_ever_on_sqlite() {
    a_schedule_runs_for_ever(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f60_a_scheduled_offer_is_posted_for_ever_on_postgres() {
    a_schedule_runs_for_ever(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f57_f59_whatever_telegram_answers_one_post_stands_in_the_end() {
    for (method, fault) in [
        ("sendMessage", Fault::server_error()),
        ("sendMessage", Fault::bad_gateway()),
        ("sendMessage", Fault::too_many_requests(600)),
        ("sendMessage", Fault::close_before()),
        ("sendMessage", Fault::answer(400, "Bad Request: need administrator rights in the channel chat")),
        ("sendMessage", Fault::answer(400, "Bad Request: chat not found")),
        ("deleteMessage", Fault::server_error()),
        ("deleteMessage", Fault::too_many_requests(600)),
        ("deleteMessage", Fault::close_before()),
        ("deleteMessage", Fault::close_after()),
    ] {
        let mut square = Square::open(Engine::Sqlite, ChatKind::Channel).await;
        square.post().await;
        let first = square.stands().id;
        square.town.telegram.fault(method, &fault, 1);
        square.post().await;
        square.pass(1).await;
        assert_ne!(square.stands().id, first, "{method} {fault:?}");
        assert!(square.offer().await.former.is_empty());
        assert_eq!(square.reasons().await, []);
        square.town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f57_a_former_post_that_may_not_be_deleted_is_emptied() {
    let mut square = Square::open(Engine::Sqlite, ChatKind::Channel).await;
    square.post().await;
    let first = square.stands().id;
    let refused = Fault::answer(400, "Bad Request: message can't be deleted for everyone");
    square.town.telegram.fault("deleteMessage", &refused, 1);
    square.post().await;
    let posts = square.posts();
    let [old, new] = &posts[..] else { panic!("{posts:?}") };
    assert_eq!(old.id, first);
    assert!(old.buttons.is_empty() && old.text.contains("out of date"), "{old:?}");
    assert_eq!(links(new).len(), 3);
    assert!(square.offer().await.former.is_empty());
    square.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f59_f60_a_bot_without_rights_posts_as_soon_as_it_has_them_again() {
    let mut square = Square::open(Engine::Sqlite, ChatKind::Channel).await;
    square.set(OfferChange { every_hours: Some(Some(24)), ..OfferChange::default() }).await;
    let first = square.stands().id;
    square.town.telegram.demote_bot(SQUARE, UserId(OWNER)).unwrap();
    square.pass(26).await;
    assert_eq!(square.stands().id, first);
    assert_eq!(square.reasons().await, [Reason::RightsMissing], "it waits, and has not failed");
    let told = |words: &str| {
        square.town.telegram.read(|world| {
            world.bot_posts(UserId(OWNER)).iter().filter(|post| post.text.contains(words)).count()
        })
    };
    assert!(told("I lack a right") >= 1);
    square.town.telegram.make_bot_admin(SQUARE, UserId(OWNER), AdminRights::gatekeeper()).unwrap();
    square.settle().await;
    assert_ne!(square.stands().id, first, "as soon as the right is back");
    assert_eq!(square.reasons().await, []);
    square.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_is_brought_up_to_date_and_follows_its_channel_to_the_end() {
    let mut square = Square::open(Engine::Sqlite, ChatKind::Channel).await;
    square.post().await;
    let first = square.stands();
    let plan = NewPlan {
        label: "Week <7>".into(),
        price: "1 USD".parse().unwrap(),
        duration: PlanDuration::Days(7),
    };
    let channel_id = square.town.channel;
    square.town.app.submit(Command::AddPlan { channel_id, plan, actor: "cli:test".into() }).await.unwrap();
    square
        .set(OfferChange { description: Some(Some("Daily & <early>".into())), ..OfferChange::default() })
        .await;
    let now = square.stands();
    assert_eq!(now.id, first.id);
    assert!(
        now.text.contains("\n\nDaily & <early>\n\n") && now.text.contains("• Week <7>: 7 days, $1"),
        "{}",
        now.text
    );
    assert_eq!(links(&now).len(), 4);
    assert_eq!(square.done("sendMessage"), 2, "one of them to Olga");
    let archive = Command::ArchiveChannel { channel_id, actor: "cli:test".into() };
    square.town.app.submit(archive).await.unwrap();
    square.settle().await;
    assert_eq!(square.posts(), []);
    square.town.stop().await;
}
