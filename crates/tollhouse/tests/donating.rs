//! Donating in the bot, against the simulated Telegram: from the button under the offer to what the owner hears, and to nothing else.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod town;

use tollhouse::serve::Roles;
use tollhouse::worker;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, Member, OfferChange};
use tollhouse_core::offer::{DONOR_MESSAGE_LENGTH_MAX, Donations};
use tollhouse_core::order::{Order, OrderKind, OrderState};
use tollhouse_store::{AttentionFilter, MembershipFilter, OrderFilter};
use tollhouse_telegram::fake::{NewChat, NewUser, Post, World};
use tollhouse_telegram::{AdminRights, ChatId, UserId};
use town::{BUYER, Engine, OWNER, PRIVATE_CHAT, PUBLIC_CHAT, Town, body, user};

const BEN: UserId = UserId(BUYER);
const ANN: UserId = UserId(7_001);
const OLGA: UserId = UserId(OWNER);

struct Square {
    town: Town,
}

impl Square {
    /// A channel whose offer stands, with two people who read it.
    async fn open(engine: Engine) -> Self {
        let town = Town::with(engine, Roles { worker: false, ..Roles::all() }).await;
        let telegram = &town.telegram;
        telegram.wait_for("a first poll", |world| (world.polls_begun() > 0).then_some(())).await.unwrap();
        for (id, name) in [(OLGA, "Olga"), (BEN, "Ben"), (ANN, "Ann")] {
            telegram.add_user(NewUser::new(id.0, name)).unwrap();
        }
        telegram.start(OLGA, "").unwrap();
        for (chat, title) in [(PUBLIC_CHAT, "News"), (PRIVATE_CHAT, "Signals")] {
            telegram.add_chat(NewChat::channel(chat, title, OLGA)).unwrap();
            telegram.make_bot_admin(ChatId(chat), OLGA, AdminRights::gatekeeper()).unwrap();
        }
        let square = Self { town };
        let ask = Command::PostOffer { channel_id: square.town.channel, actor: "cli:test".into() };
        square.town.app.submit(ask).await.unwrap();
        square.settle().await;
        square
    }

    async fn settle(&self) {
        loop {
            let heard = |world: &World| (world.updates_waiting() == 0).then_some(());
            self.town.telegram.wait_for("a bot that has heard everything", heard).await.unwrap();
            let worked = worker::run_due(&self.town.app).await.unwrap();
            if worked == 0 && self.town.telegram.read(|world| world.updates_waiting()) == 0 {
                return;
            }
        }
    }

    /// The payload behind the button under the offer.
    fn payload(&self) -> String {
        let posts = self.town.telegram.read(|world| world.posts(ChatId(PUBLIC_CHAT)).to_vec());
        let button =
            posts.last().unwrap().buttons.iter().flatten().find(|button| button.text == "Donate").unwrap();
        button.url.as_ref().unwrap().split_once("?start=").unwrap().1.to_owned()
    }

    fn said(&self, who: UserId) -> Vec<Post> {
        self.town.telegram.read(|world| world.bot_posts(who).into_iter().cloned().collect())
    }

    fn last(&self, who: UserId) -> Post {
        self.said(who).pop().unwrap()
    }

    async fn start(&self, who: UserId, payload: &str) -> Post {
        self.town.telegram.start(who, payload).unwrap();
        self.settle().await;
        self.last(who)
    }

    async fn say(&self, who: UserId, text: &str) -> Post {
        self.town.telegram.say(who, text).unwrap();
        self.settle().await;
        self.last(who)
    }

    /// Presses a button of a message; what the bot showed at once, if it was anything.
    async fn press(&self, who: UserId, post: &Post, button: &str) -> Option<String> {
        let data = post.buttons.iter().flatten().find(|one| one.text == button).unwrap();
        let data = data.callback_data.clone().unwrap();
        let press = self.town.telegram.press(who, who.private_chat(), post.id, &data).unwrap();
        self.settle().await;
        self.town.telegram.read(|world| world.press_answer(&press).unwrap().map(str::to_owned))
    }

    async fn orders(&self, who: UserId) -> Vec<Order> {
        let filter = OrderFilter { user: Some(user(who.0)), ..OrderFilter::default() };
        self.town.store().orders(filter).await.unwrap()
    }

    async fn order(&self, who: UserId) -> Order {
        let mut orders = self.orders(who).await;
        assert_eq!(orders.len(), 1, "{orders:?}");
        orders.remove(0)
    }

    async fn notify(&self, payment: i64, status: &str, order: &Order, price: &str) {
        let (code, answer) =
            self.town.notify(&body(payment, status, Some(&order.id.to_string()), price)).await;
        assert_eq!(code, 200, "{answer}");
        self.settle().await;
    }

    async fn memberships(&self) -> usize {
        self.town.store().memberships(MembershipFilter::default()).await.unwrap().len()
    }
}

async fn a_donation_from_the_button_to_the_owner(engine: Engine) {
    let mut square = Square::open(engine).await;
    let asked = square.start(BEN, &square.payload()).await;
    assert!(asked.text.starts_with("Thank you for wanting to support Signals & <Co>!"), "{}", asked.text);
    assert!(asked.text.contains("from $1 to $10,000"), "{}", asked.text);
    let amounts: Vec<&str> = asked.buttons.iter().flatten().map(|button| button.text.as_str()).collect();
    assert_eq!(amounts, ["$5", "$10", "$25", "$50"]);
    assert_eq!(square.orders(BEN).await, [], "who only looks has no order");

    // The order is there before anything is paid (F21), and its page is that of every order.
    assert_eq!(square.press(BEN, &asked, "$25").await, None);
    let order = square.order(BEN).await;
    assert_eq!((order.kind(), order.price.to_string().as_str()), (OrderKind::Donation, "25 USD"));
    let (code, page) = square.town.get(&format!("/o/{}", order.id)).await;
    assert_eq!(code, 200);
    assert!(page.contains("Donation") && !page.contains("Access for"), "{page}");
    let said: Vec<String> = square.said(BEN).into_iter().map(|post| post.text).collect();
    assert!(said.iter().any(|text| text.contains("your donation of $25")), "{said:?}");
    assert!(said.iter().any(|text| text.contains("tell the owner something")), "{said:?}");

    let noted = square.say(BEN, "Great <b>work</b> & thanks").await;
    assert!(noted.text.contains("Your message reaches the owner"), "{}", noted.text);
    let before = square.said(OLGA).len();
    square.notify(1, "confirming", &order, "25").await;
    square.notify(1, "finished", &order, "25").await;
    square.notify(1, "finished", &order, "25").await;
    let told = square.said(OLGA).split_off(before);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        told[0].text,
        format!(
            "Signals & <Co>: a donation of $25 from Telegram user {BUYER}.\nOrder {}\n\nThey write: Great <b>work</b> & thanks",
            order.id
        )
    );
    let (_, page) = square.town.get(&format!("/o/{}", order.id)).await;
    assert!(page.contains("Your donation has arrived"), "{page}");
    assert!(!page.contains("invite") && !page.contains("Your access"), "{page}");
    assert_eq!(square.memberships().await, 0);
    assert_eq!(square.order(BEN).await.state, OrderState::Paid);
    let open = square.town.store().attention(AttentionFilter::default()).await.unwrap();
    assert_eq!(open, []);
    let sales = square.say(OLGA, "/sales").await;
    assert!(sales.text.contains("30 days: 0 paid orders"), "{}", sales.text);
    square.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f21_f49_f54_a_donation_goes_from_the_button_to_the_owner_on_sqlite() {
    a_donation_from_the_button_to_the_owner(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f21_f49_f54_a_donation_goes_from_the_button_to_the_owner_on_postgres() {
    a_donation_from_the_button_to_the_owner(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f53_every_press_and_every_text_has_an_answer_and_only_a_fitting_amount_makes_an_order() {
    let mut square = Square::open(Engine::Sqlite).await;
    let asked = square.start(BEN, &square.payload()).await;
    for text in ["0", "0.99", "10000.01", "-5", "much", "5 EUR", "1e3", "5.001", "<b>5</b>"] {
        let said = square.say(BEN, text).await;
        assert!(said.text.contains("no amount that can be donated"), "{text}: {}", said.text);
    }
    assert_eq!(square.orders(BEN).await, []);
    square.say(BEN, "$7,50").await;
    assert_eq!(square.order(BEN).await.price.to_string(), "7.50 USD");
    // The buttons above belong to a question that is answered.
    let answer = square.press(BEN, &asked, "$5").await;
    assert!(answer.is_some_and(|text| text.contains("of another time")));
    assert_eq!(square.order(BEN).await.price.to_string(), "7.50 USD");
    let long = "x".repeat(DONOR_MESSAGE_LENGTH_MAX + 1);
    assert!(square.say(BEN, &long).await.text.contains("too long"));
    let said = square.say(BEN, "\u{7}").await.text;
    assert!(said.starts_with("This cannot be done: a message has 1 to"), "{said}");
    assert!(square.say(BEN, &long[1..]).await.text.contains("Your message reaches the owner"));
    square.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f21_who_cancels_the_question_for_a_word_is_told_that_the_donation_stays() {
    let mut square = Square::open(Engine::Sqlite).await;
    square.start(BEN, &square.payload()).await;
    assert_eq!(square.say(BEN, "/cancel").await.text, "Cancelled. Nothing of it was kept.");
    assert_eq!(square.orders(BEN).await, []);
    let asked = square.start(BEN, &square.payload()).await;
    square.press(BEN, &asked, "$25").await;
    let said = square.say(BEN, "/cancel").await.text;
    assert!(said.contains("Your donation to Signals & <Co> itself is not taken back"), "{said}");
    assert_eq!(square.order(BEN).await.state, OrderState::Open);
    assert!(square.say(BEN, "/cancel").await.text.contains("nothing to cancel"));
    square.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f24_f55_a_button_to_nothing_is_answered_and_makes_nothing() {
    let mut square = Square::open(Engine::Sqlite).await;
    let good = square.payload();
    for payload in
        ["d_", "d_default", "donation_default", "d_00000000000000000000000000000007", &format!("{good}_5d00")]
    {
        let said = square.start(BEN, payload).await;
        assert!(
            said.text.contains("not taken here") || said.text.contains("do not know this link"),
            "{payload}: {}",
            said.text
        );
        assert!(said.buttons.is_empty());
    }
    // The owner takes none any more: also whoever was asked before is told.
    square.start(BEN, &good).await;
    let closed = Donations { open: false, ..Donations::default() };
    let change = Box::new(OfferChange { donations: Some(closed), ..OfferChange::default() });
    let set = Command::SetOffer { channel_id: square.town.channel, change, actor: "cli:test".into() };
    square.town.app.submit(set).await.unwrap();
    square.settle().await;
    assert!(square.say(BEN, "5").await.text.contains("not taken here"));
    assert_eq!(square.orders(BEN).await, []);
    let posts = square.town.telegram.read(|world| world.posts(ChatId(PUBLIC_CHAT)).to_vec());
    assert!(
        posts.iter().flat_map(|post| post.buttons.iter().flatten()).all(|button| button.text != "Donate")
    );
    square.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f55_while_the_database_is_away_a_press_and_a_start_are_answered_and_not_lost() {
    let mut square = Square::open(Engine::Sqlite).await;
    let asked = square.start(BEN, &square.payload()).await;
    let telegram = square.town.telegram.clone();
    let before = (square.said(BEN).len(), square.said(ANN).len());
    // Somebody else holds the database's write lock for longer than we wait for it.
    let path = square.town.database.url.strip_prefix("sqlite://").unwrap().to_owned();
    let other = rusqlite::Connection::open(path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let data = asked.buttons.iter().flatten().find(|one| one.text == "$5").unwrap().callback_data.clone();
    let press = telegram.press(BEN, BEN.private_chat(), asked.id, &data.unwrap()).unwrap();
    telegram.start(ANN, &square.payload()).unwrap();
    let answers = |world: &World| {
        let window = world.press_answer(&press)?.map(str::to_owned);
        let word = world.bot_posts(ANN).get(before.1).map(|post| post.text.clone())?;
        Some([window.unwrap_or_default(), word])
    };
    for answer in telegram.wait_for("an answer to both", answers).await.unwrap() {
        assert!(answer.contains("try again in a few minutes"), "{answer}");
    }
    assert_eq!(square.orders(BEN).await, []);

    other.execute_batch("COMMIT").unwrap();
    square.settle().await;
    assert_eq!(square.order(BEN).await.price.to_string(), "5 USD");
    let to_ann: Vec<String> = square.said(ANN).into_iter().skip(before.1).map(|post| post.text).collect();
    assert_eq!(to_ann.len(), 2, "told once that it does not work, and then the answer: {to_ann:?}");
    assert!(!to_ann[1].contains("try again"), "{to_ann:?}");
    assert!(square.said(BEN).len() > before.0);
    square.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f18_f49_two_donors_and_a_member_do_not_mix() {
    let mut square = Square::open(Engine::Sqlite).await;
    square.start(BEN, "").await;
    let give = Command::GrantMembership {
        member: Member::User { channel_id: square.town.channel, user: user(BUYER) },
        duration: PlanDuration::Days(30),
        reason: "test".into(),
        actor: "cli:test".into(),
    };
    square.town.app.submit(give).await.unwrap();
    square.settle().await;
    let all = MembershipFilter::default();
    let before = square.town.store().memberships(all.clone()).await.unwrap();
    let to_ben = square.start(BEN, &square.payload()).await;
    let to_ann = square.start(ANN, &square.payload()).await;
    square.press(ANN, &to_ann, "$10").await;
    square.press(BEN, &to_ben, "$5").await;
    let (anns, bens) = (square.order(ANN).await, square.order(BEN).await);
    square.say(ANN, "from Ann").await;
    square.say(BEN, "from Ben").await;
    square.notify(1, "finished", &bens, "5").await;
    square.notify(2, "partially_paid", &anns, "10").await;
    for (order, who, words) in [(&bens, BEN, "from Ben"), (&anns, ANN, "from Ann")] {
        let told =
            square.said(OLGA).into_iter().find(|post| post.text.contains(&order.id.to_string())).unwrap();
        assert!(
            told.text.contains(&format!("Telegram user {}", who.0)) && told.text.ends_with(words),
            "{}",
            told.text
        );
    }
    square.notify(1, "refunded", &bens, "5").await;
    assert!(square.last(OLGA).text.contains("a donation of $5 was refunded"));
    assert_eq!(square.town.store().memberships(all).await.unwrap(), before);
    square.town.stop().await;
}
