//! Five days in the life of five channels and two hundred people, on the simulated Telegram, with the test's hand on the clock: buyers,
//! renewers, leavers, sharers of links, strangers, people who block the bot, an owner who takes the bot's rights away. Seeded: the same
//! people do the same things in each run.
#![expect(clippy::unwrap_used, reason = "a life that cannot be lived is a failed test")]

mod town;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use tollhouse::serve::Roles;
use tollhouse::worker;
use tollhouse_core::attention::{Reason, Resolution, Subject};
use tollhouse_core::channel::{Channel, PlanDuration};
use tollhouse_core::command::{Command, NewChannel, NewPlan, OrderFrom, Outcome};
use tollhouse_core::id::{ChannelId, OrderId, PrivateChatId, TelegramUserId};
use tollhouse_core::membership::Membership;
use tollhouse_core::membership_policy::{MembershipPolicies, StrangerPolicy};
use tollhouse_core::order::OrderSource;
use tollhouse_core::policy::Policies;
use tollhouse_store::{AttentionFilter, ChannelFilter, MembershipFilter, PAGE_LENGTH_MAX};
use tollhouse_telegram::fake::{Fault, NewChat, NewUser};
use tollhouse_telegram::{AdminRights, ChatId, ChatKind, UserId};
use town::{Engine, Town, body, user};

const CHANNELS: i64 = 5;
const USERS: i64 = 200;
const FIRST_CHAT: i64 = -1_002_000_000_100;
const FIRST_OWNER: i64 = 1_100;
const FIRST_USER: i64 = 20_000;
const FIRST_STRANGER: i64 = 90_000;
/// Steps of four hours: five days. They take some ten seconds: every purchase, message, request and removal of two hundred people goes
/// over HTTP and is committed by itself.
const STEPS: i64 = 30;
const STEP_HOURS: i64 = 4;
/// In these steps the bot has no rights in the second channel.
const BLIND: std::ops::Range<i64> = 9..11;
const BLIND_CHANNEL: i64 = 1;

/// A small generator: what matters is that it is the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

struct Life {
    town: Town,
    dice: Dice,
    channels: Vec<Channel>,
    payments: i64,
    strangers: i64,
    blocked: BTreeSet<i64>,
    /// Who has paid for what in this step. Two payments at once bring two messages with the same end.
    paid: BTreeSet<(TelegramUserId, ChannelId)>,
    done: BTreeMap<&'static str, usize>,
}

fn chat(number: i64) -> ChatId {
    ChatId(FIRST_CHAT - number)
}

fn owner(number: i64) -> UserId {
    UserId(FIRST_OWNER + number)
}

impl Life {
    async fn begin() -> Self {
        let town = Town::with(Engine::Sqlite, Roles { worker: false, ..Roles::all() }).await;
        let telegram = &town.telegram;
        let asked = |world: &tollhouse_telegram::fake::World| (world.polls_begun() > 0).then_some(());
        telegram.wait_for("the bot's first question", asked).await.unwrap();
        for number in 0..CHANNELS {
            telegram.add_user(NewUser::new(owner(number).0, &format!("Owner {number}"))).unwrap();
            telegram.start(owner(number), "").unwrap();
            let kind = if number % 2 == 0 { ChatKind::Channel } else { ChatKind::Supergroup };
            let room = NewChat::channel(chat(number).0, &format!("Club {number}"), owner(number));
            telegram.add_chat(NewChat { kind, ..room }).unwrap();
            telegram.make_bot_admin(chat(number), owner(number), AdminRights::gatekeeper()).unwrap();
            town.app.submit(new_channel(number)).await.unwrap();
        }
        for number in 0..USERS {
            let id = UserId(FIRST_USER + number);
            telegram.add_user(NewUser::new(id.0, &format!("User {number}"))).unwrap();
            // Every fourth has never met the bot.
            if number % 4 != 0 {
                telegram.start(id, "").unwrap();
            }
        }
        let filter = ChannelFilter { limit: PAGE_LENGTH_MAX, ..ChannelFilter::default() };
        let mut channels = town.store().channels(filter).await.unwrap();
        channels.retain(|channel| channel.title.starts_with("Club"));
        channels.sort_by_key(|channel| channel.title.clone());
        Self {
            town,
            dice: Dice(20_261_124),
            channels,
            payments: 5_000_000,
            strangers: 0,
            blocked: BTreeSet::new(),
            paid: BTreeSet::new(),
            done: BTreeMap::new(),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
    }

    async fn memberships(&self) -> Vec<Membership> {
        let filter = MembershipFilter { limit: PAGE_LENGTH_MAX, ..MembershipFilter::default() };
        let mut found = self.town.store().memberships(filter).await.unwrap();
        // Ids are drawn anew each time; who comes first must not hang on them.
        found.sort_by_key(|membership| (membership.user, self.chat_of(membership.channel_id)));
        found
    }

    fn entitles(&self, membership: &Membership) -> bool {
        let channel = self.channels.iter().find(|channel| channel.id == membership.channel_id).unwrap();
        membership.entitles(self.town.clock.now(), channel.policies.grace())
    }

    fn chat_of(&self, id: ChannelId) -> ChatId {
        let channel = self.channels.iter().find(|channel| channel.id == id).unwrap();
        ChatId(channel.private_chat.get())
    }

    fn is_inside(&self, membership: &Membership) -> bool {
        let chat = self.chat_of(membership.channel_id);
        self.town.telegram.read(|world| world.is_inside(chat, UserId(membership.user.get())))
    }

    /// Until nobody has anything to do: no update is unheard, no job is due.
    async fn settle(&self) {
        loop {
            let heard =
                |world: &tollhouse_telegram::fake::World| (world.updates_waiting() == 0).then_some(());
            self.town.telegram.wait_for("a bot that has heard everything", heard).await.unwrap();
            let mut worked = 0;
            loop {
                let count = worker::run_due(&self.town.app).await.unwrap();
                if count == 0 {
                    break;
                }
                worked += count;
            }
            if worked == 0 && self.town.telegram.read(|world| world.updates_waiting()) == 0 {
                return;
            }
        }
    }

    async fn pay(&mut self, order: OrderId, price: &str) {
        self.payments += 1;
        let text = body(self.payments, "finished", Some(&order.to_string()), price);
        // The provider repeats itself.
        for _ in 0..=self.dice.below(2) {
            let (code, answer) = self.town.notify(&text).await;
            assert_eq!(code, 200, "{answer}");
        }
    }

    async fn buy(&mut self, who: TelegramUserId) {
        let channel = self.channels[usize::try_from(self.dice.below(5)).unwrap()].clone();
        if !self.paid.insert((who, channel.id)) {
            return;
        }
        let plan = &channel.plans[usize::try_from(self.dice.below(2)).unwrap()];
        let create = Command::CreateOrder {
            from: OrderFrom::Plan { channel_id: channel.id, plan_id: plan.id },
            user: Some(who),
            source: OrderSource::Api,
            wants_invoice: false,
        };
        let Outcome::Order(order) = self.town.app.submit(create).await.unwrap() else { panic!() };
        self.pay(order, &plan.price.amount.to_string()).await;
        self.count("bought");
    }

    /// Presses the button under the last reminder or farewell, and pays the order that the bot offers.
    async fn renew(&mut self, membership: &Membership) {
        let who = membership.user;
        if self.paid.contains(&(who, membership.channel_id)) {
            return;
        }
        let mine = tollhouse::renewal::payload(membership.id);
        let id = UserId(who.get());
        let telegram = self.town.telegram.clone();
        let (payload, before) = telegram.read(|world| {
            let posts = world.bot_posts(id);
            let mut urls = posts.iter().flat_map(|post| post.buttons.iter().flatten());
            let is_mine = |url: &str| url.split_once("?start=").is_some_and(|(_, payload)| payload == mine);
            let offered = urls.any(|button| button.url.as_deref().is_some_and(is_mine));
            (offered.then(|| mine.clone()), posts.len())
        });
        let Some(payload) = payload else { return };
        let offer = |world: &tollhouse_telegram::fake::World| {
            let posts = world.bot_posts(id);
            let buttons = posts.iter().skip(before).flat_map(|post| post.buttons.iter().flatten());
            let mut urls = buttons.filter_map(|button| button.url.clone());
            urls.find_map(|url| url.split_once("/o/").map(|(_, order)| order.to_owned()))
        };
        let mut found = None;
        // While Telegram has trouble the order's message is put off: who gets none presses again.
        for _ in 0..5 {
            telegram.start(id, &payload).unwrap();
            self.settle().await;
            found = telegram.read(offer);
            if found.is_some() {
                break;
            }
        }
        self.blocked.remove(&who.get());
        let Some(order) = found else { return };
        let order: OrderId = order.parse().unwrap();
        let story = {
            let mut needs = tollhouse_core::snapshot::Needs::default();
            needs.orders.insert(order);
            self.town.store().snapshot(needs).await.unwrap()
        };
        let price = story.orders.get(&order).unwrap().price.amount.to_string();
        self.paid.insert((who, membership.channel_id));
        self.pay(order, &price).await;
        self.count("renewed");
    }

    async fn member_acts(&mut self, membership: &Membership, step: i64) {
        let (chat, id) = (self.chat_of(membership.channel_id), UserId(membership.user.get()));
        let telegram = self.town.telegram.clone();
        let entitled = self.entitles(membership);
        let soon = self.town.clock.now() + SignedDuration::from_hours(24);
        let ends_soon = membership.ends_at.is_some_and(|end| end < soon);
        let link = membership.invite.as_ref().map(|invite| invite.link.clone());
        if self.is_inside(membership) {
            match self.dice.below(100) {
                0..3 => {
                    telegram.leave(id, chat).unwrap();
                    self.count("left");
                }
                3..6 if telegram.block(id).is_ok() => {
                    self.blocked.insert(id.0);
                    self.count("blocked the bot");
                }
                6..10 => self.share(link.as_deref(), chat),
                10..45 if ends_soon => self.renew(membership).await,
                _ => {}
            }
        } else if let Some(link) = link.filter(|_| entitled && self.dice.percent(70)) {
            let is_blind = BLIND.contains(&step) && chat == self::chat(BLIND_CHANNEL);
            if !is_blind && telegram.open_link(id, &link).is_ok() {
                self.count("asked to join");
            }
        } else if !entitled && self.dice.percent(10) {
            self.renew(membership).await;
        }
    }

    /// Gives a link to somebody who has not paid.
    fn share(&mut self, link: Option<&str>, chat: ChatId) {
        let friend = UserId(FIRST_USER + i64::try_from(self.dice.below(200)).unwrap());
        let inside = self.town.telegram.read(|world| world.is_inside(chat, friend));
        if let (false, Some(link)) = (inside, link)
            && self.town.telegram.open_link(friend, link).is_ok()
        {
            self.count("tried a shared link");
        }
    }

    /// Somebody is let in past the bot.
    fn stranger_comes(&mut self, step: i64) {
        let number = self.strangers % CHANNELS;
        if BLIND.contains(&step) && number == BLIND_CHANNEL {
            return;
        }
        let id = UserId(FIRST_STRANGER + self.strangers);
        self.strangers += 1;
        self.town.telegram.add_user(NewUser::new(id.0, "Stranger")).unwrap();
        self.town.telegram.add_member(chat(number), owner(number), id).unwrap();
        self.count("stranger came");
    }

    /// Owners answer what waits for them: strangers go by hand, every third may stay; removals go on.
    async fn owners_answer(&mut self) {
        let filter = AttentionFilter { limit: PAGE_LENGTH_MAX, ..AttentionFilter::default() };
        for item in self.town.store().attention(filter).await.unwrap() {
            let resolution = match (item.reason, item.subject) {
                (Reason::StrangerInside, Subject::Member { user, .. }) if user.get() % 3 != 0 => {
                    let chat = self.chat_of(item.channel_id.unwrap());
                    let by = UserId(FIRST_OWNER + FIRST_CHAT - chat.0);
                    self.town.telegram.ban(chat, by, UserId(user.get())).unwrap();
                    self.count("stranger was banned by hand");
                    continue;
                }
                // Whoever took the right gives it back, and that closes it.
                (Reason::RightsMissing, Subject::Channel(id)) => {
                    assert_eq!(id, self.channels[usize::try_from(BLIND_CHANNEL).unwrap()].id);
                    continue;
                }
                (Reason::StrangerInside | Reason::RemovalsStopped, _) => Resolution::Grant,
                other => panic!("nothing else may need a person: {other:?} {}", item.detail),
            };
            self.count(if item.reason == Reason::StrangerInside {
                "stranger may stay"
            } else {
                "removals went on"
            });
            let resolve = Command::ResolveAttention {
                attention_id: item.id,
                resolution,
                reason: "as the owner says".into(),
                actor: "telegram:1100".into(),
            };
            self.town.app.submit(resolve).await.unwrap();
        }
    }

    fn trouble(&mut self) {
        let faults = [Fault::too_many_requests(2), Fault::server_error(), Fault::close_before()];
        let fault = &faults[usize::try_from(self.dice.below(3)).unwrap()];
        let method = ["sendMessage", "banChatMember", "approveChatJoinRequest", "createChatInviteLink"]
            [usize::try_from(self.dice.below(4)).unwrap()];
        self.town.telegram.fault(method, fault, 2);
    }

    async fn step(&mut self, step: i64) {
        let telegram = self.town.telegram.clone();
        if step == BLIND.start {
            telegram.demote_bot(chat(BLIND_CHANNEL), owner(BLIND_CHANNEL)).unwrap();
        }
        if step == BLIND.end {
            let rights = AdminRights::gatekeeper();
            telegram.make_bot_admin(chat(BLIND_CHANNEL), owner(BLIND_CHANNEL), rights).unwrap();
        }
        self.trouble();
        self.paid.clear();
        let memberships = self.memberships().await;
        for membership in &memberships {
            self.member_acts(membership, step).await;
        }
        for number in 0..USERS {
            let id = FIRST_USER + number;
            if self.blocked.contains(&id) && self.dice.percent(15) {
                telegram.start(UserId(id), "").unwrap();
                self.blocked.remove(&id);
            }
            let has_any = memberships.iter().any(|one| one.user.get() == id);
            if self.dice.percent(if has_any { 1 } else { 8 }) {
                self.buy(user(id)).await;
            }
        }
        self.stranger_comes(step);
        self.settle().await;
        self.owners_answer().await;
        self.town.clock.advance(SignedDuration::from_hours(STEP_HOURS));
        self.settle().await;
    }

    /// Everybody who has paid and is outside comes in.
    async fn all_come_in(&self) {
        let telegram = &self.town.telegram;
        for membership in self.memberships().await {
            let id = UserId(membership.user.get());
            if !self.entitles(&membership) || self.is_inside(&membership) {
                continue;
            }
            telegram.start(id, "").unwrap();
            telegram.say(id, "/mylink").unwrap();
            self.settle().await;
            let mut needs = tollhouse_core::snapshot::Needs::default();
            needs.memberships.insert(membership.id);
            let now = self.town.store().snapshot(needs).await.unwrap();
            let link = now.memberships.get(&membership.id).unwrap().invite.clone().unwrap().link;
            // A request from the time when the bot was blind was never told to it.
            let _ = telegram.withdraw_request(id, self.chat_of(membership.channel_id));
            telegram.open_link(id, &link).unwrap();
        }
        self.settle().await;
    }

    /// Which messages somebody got more than once. An answer to what they did themselves may come as often as they do it.
    fn told_twice(&self) -> Vec<(UserId, String)> {
        self.town.telegram.read(|world| {
            let mut twice = Vec::new();
            for person in world.people() {
                let mut seen: BTreeMap<&str, jiff::Timestamp> = BTreeMap::new();
                for post in world.bot_posts(person.user.id) {
                    let is_answer = [
                        "was declined",
                        "like to renew",
                        "cannot be renewed",
                        "added to what you have",
                        "a newer message",
                    ]
                    .iter()
                    .any(|words| post.text.contains(words));
                    // A farewell names no day: who is shown out again days later hears the same words again.
                    let before = seen.insert(post.text.as_str(), post.at);
                    let again =
                        before.is_some_and(|at| post.at.duration_since(at) < SignedDuration::from_hours(12));
                    if again && !is_answer {
                        twice.push((person.user.id, post.text.clone()));
                    }
                }
            }
            twice
        })
    }
}

fn new_channel(number: i64) -> Command {
    let plan = |label: &str, price: &str, days| NewPlan {
        label: label.into(),
        price: price.parse().unwrap(),
        duration: PlanDuration::Days(days),
    };
    let strangers = if number % 2 == 0 { StrangerPolicy::Remove } else { StrangerPolicy::Report };
    let policies = Policies {
        grace_hours: 4,
        membership: MembershipPolicies {
            reminder_hours: vec![12, 0],
            strangers,
            // The first channel's owner is asked again and again.
            removals_max: if number == 0 { 2 } else { 1_000 },
            removals_share: "1".parse().unwrap(),
        },
        ..Policies::default()
    };
    Command::AddChannel(Box::new(NewChannel {
        private_chat: PrivateChatId::new(chat(number).0).unwrap(),
        public_chat: None,
        title: format!("Club {number}"),
        owner: Some(user(owner(number).0)),
        payout: None,
        actor: "cli:test".into(),
        plans: vec![plan("Day", "1.00 USD", 1), plan("Two days", "1.75 USD", 2)],
        policies,
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_end_of_the_days_who_is_inside_has_paid_and_nobody_was_told_twice() {
    let mut life = Life::begin().await;
    for step in 0..STEPS {
        life.step(step).await;
    }
    assert_eq!(life.told_twice(), []);
    // What was put off by trouble is done, and whoever may come in does.
    life.town.telegram.clear_faults();
    for _ in 0..4 {
        life.town.clock.advance(SignedDuration::from_mins(20));
        life.settle().await;
        life.owners_answer().await;
    }
    life.all_come_in().await;

    let memberships = life.memberships().await;
    let mut compared = 0;
    for (number, channel) in (0..).zip(&life.channels) {
        let mine = memberships.iter().filter(|one| one.channel_id == channel.id);
        let paid: BTreeSet<i64> = mine.filter(|one| life.entitles(one)).map(|one| one.user.get()).collect();
        let inside = life.town.telegram.read(|world| world.members(chat(number)));
        let inside: BTreeSet<i64> = inside
            .into_iter()
            .map(|id| id.0)
            .filter(|id| *id != owner(number).0)
            .filter(|id| {
                !(*id >= FIRST_STRANGER
                    && channel.policies.membership.strangers == StrangerPolicy::Report
                    && id % 3 == 0)
            })
            .collect();
        assert_eq!(inside, paid, "{}", channel.title);
        compared += paid.len();
    }
    // The days were full ones.
    assert!(compared >= 20, "{compared} members at the end");
    for (what, least) in [
        ("bought", 150),
        ("renewed", 50),
        ("left", 5),
        ("blocked the bot", 5),
        ("tried a shared link", 5),
        ("stranger came", 10),
        ("stranger may stay", 1),
        ("stranger was banned by hand", 1),
        ("removals went on", 1),
    ] {
        let count = life.done.get(what).copied().unwrap_or(0);
        assert!(count >= least, "{what}: {count}; {:?}", life.done);
    }
    let removed = memberships.iter().filter(|one| one.removed_at.is_some()).count();
    assert!(removed >= 30, "{removed} were shown out");
    life.town.stop().await;
}
