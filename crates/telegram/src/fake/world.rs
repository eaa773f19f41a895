//! Everything that the simulated Telegram knows.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::FakeConfig;
use super::entities::{
    Author, BotCommand, Call, CallOutcome, CommandScope, CommandSet, JoinLink, Person, Post, Press,
    PressAnswer, Room,
};
use super::faults::Script;
use super::queue::Queue;
use super::webhook::Webhook;
use crate::ids::{ChatId, MessageId, UserId};
use crate::member::MemberStatus;
use crate::model::User;

/// How long a pressed button shows that it waits; the app gives up sooner or later too.
const PRESS_PATIENCE_SECONDS: i64 = 15;
/// How many calls the log keeps; older ones live on in the counters.
const CALLS_KEPT: usize = 20_000;

/// The state. Read it by its methods, inside [`super::FakeHandle::wait_for`] or [`super::FakeHandle::read`].
#[derive(Debug)]
pub struct World {
    pub(super) bot: User,
    pub(super) people: BTreeMap<UserId, Person>,
    pub(super) rooms: BTreeMap<ChatId, Room>,
    pub(super) queue: Queue,
    pub(super) webhook: Option<Webhook>,
    /// Raised by each poll, so that the one before learns that it lost.
    pub(super) poll_turn: u64,
    pub(super) faults: Script,
    pub(super) presses: BTreeMap<usize, Press>,
    pub(super) commands: Vec<CommandSet>,
    pub(super) links_made: u64,
    calls: VecDeque<Call>,
    calls_made: u64,
    counters: BTreeMap<String, u64>,
}

/// The bot of a configuration, if its token has an id.
pub(super) fn bot_of(config: &FakeConfig) -> Option<User> {
    let (id, _secret) = config.bot_token.split_once(':')?;
    Some(User {
        id: UserId(id.parse().ok()?),
        is_bot: true,
        first_name: "Tollhouse (simulated)".to_owned(),
        last_name: None,
        username: Some(config.bot_username.clone()),
        language_code: None,
    })
}

impl World {
    pub(super) fn new(bot: User) -> Self {
        Self {
            bot,
            people: BTreeMap::new(),
            rooms: BTreeMap::new(),
            queue: Queue::default(),
            webhook: None,
            poll_turn: 0,
            faults: Script::default(),
            presses: BTreeMap::new(),
            commands: Vec::new(),
            links_made: 0,
            calls: VecDeque::new(),
            calls_made: 0,
            counters: BTreeMap::new(),
        }
    }

    /// Lets time do what time does: bans that end, updates that nobody fetched.
    pub(super) fn tick(&mut self, now: Timestamp) {
        self.queue.drop_old(now);
        for standing in self.rooms.values_mut().flat_map(|room| room.standings.values_mut()) {
            if matches!(standing.status, MemberStatus::Kicked { until: Some(until) } if until <= now) {
                standing.status = MemberStatus::Left;
            }
        }
    }

    pub(super) fn log(
        &mut self,
        now: Timestamp,
        method: &str,
        params: BTreeMap<String, String>,
        outcome: CallOutcome,
    ) {
        self.calls_made += 1;
        let result = if outcome == CallOutcome::Done { "ok" } else { "failed" };
        *self.counters.entry(format!("{method}:{result}")).or_default() += 1;
        if self.calls.len() == CALLS_KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(Call {
            number: self.calls_made,
            at: now,
            method: method.to_owned(),
            params,
            outcome,
        });
    }

    /// The bot.
    #[must_use]
    pub fn bot(&self) -> &User {
        &self.bot
    }

    /// Somebody.
    #[must_use]
    pub fn person(&self, user: UserId) -> Option<&Person> {
        self.people.get(&user)
    }

    /// Everybody.
    pub fn people(&self) -> impl Iterator<Item = &Person> {
        self.people.values()
    }

    /// A room.
    #[must_use]
    pub fn room(&self, chat: ChatId) -> Option<&Room> {
        self.rooms.get(&chat)
    }

    /// Every room.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values()
    }

    /// How somebody stands to a room; `Left` if it never knew them.
    #[must_use]
    pub fn status(&self, chat: ChatId, user: UserId) -> MemberStatus {
        self.rooms.get(&chat).map_or(MemberStatus::Left, |room| room.status(user))
    }

    /// Whether somebody reads a room.
    #[must_use]
    pub fn is_inside(&self, chat: ChatId, user: UserId) -> bool {
        self.status(chat, user).is_inside()
    }

    /// The people inside a room, without the bot.
    #[must_use]
    pub fn members(&self, chat: ChatId) -> Vec<UserId> {
        let Some(room) = self.rooms.get(&chat) else {
            return Vec::new();
        };
        let inside = room.standings.iter().filter(|(_, standing)| standing.status.is_inside());
        inside.map(|(user, _)| *user).filter(|user| *user != self.bot.id).collect()
    }

    /// The messages of a chat, private or not, oldest first.
    #[must_use]
    pub fn posts(&self, chat: ChatId) -> &[Post] {
        if let Some(room) = self.rooms.get(&chat) {
            return &room.posts;
        }
        self.people.get(&UserId(chat.0)).map_or(&[], |person| &person.posts)
    }

    /// What the bot wrote to somebody in private, oldest first.
    #[must_use]
    pub fn bot_posts(&self, user: UserId) -> Vec<&Post> {
        self.posts(user.private_chat()).iter().filter(|post| post.author == Author::Bot).collect()
    }

    /// The links of a room, oldest first.
    #[must_use]
    pub fn links(&self, chat: ChatId) -> &[JoinLink] {
        self.rooms.get(&chat).map_or(&[], |room| &room.links)
    }

    /// The bot's calls, oldest first; the newest 20,000.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter()
    }

    /// How often a method was called and answered well.
    #[must_use]
    pub fn done(&self, method: &str) -> u64 {
        self.counters.get(&format!("{method}:ok")).copied().unwrap_or_default()
    }

    /// How often a method was called and refused, or its answer hidden.
    #[must_use]
    pub fn failed(&self, method: &str) -> u64 {
        self.counters.get(&format!("{method}:failed")).copied().unwrap_or_default()
    }

    /// Calls by `method:ok` and `method:failed`.
    #[must_use]
    pub fn counters(&self) -> &BTreeMap<String, u64> {
        &self.counters
    }

    /// What the bot showed when it answered a press, if it did.
    #[must_use]
    pub fn press_answer(&self, press: &str) -> Option<Option<&str>> {
        self.presses
            .get(&press.parse().ok()?)
            .and_then(|press| press.answer.as_ref())
            .map(|answer| answer.text.as_deref())
    }

    /// What the last answer to a press of somebody shows, unless they closed it.
    pub(super) fn shown_answer(&self, user: UserId) -> Option<(usize, &PressAnswer)> {
        let mut own = self.presses.iter().rev().filter(|(_, press)| press.user == user);
        let (id, press) = own.find(|(_, press)| press.answer.is_some())?;
        let answer = press.answer.as_ref().filter(|answer| answer.text.is_some() || answer.url.is_some())?;
        (!press.dismissed).then_some((*id, answer))
    }

    /// Whether somebody pressed this button and waits for the bot.
    pub(super) fn is_pressed(
        &self,
        now: Timestamp,
        user: UserId,
        chat: ChatId,
        message: MessageId,
        data: &str,
    ) -> bool {
        let patience = SignedDuration::from_secs(PRESS_PATIENCE_SECONDS);
        let mut newest =
            self.presses.values().rev().take_while(|press| now.duration_since(press.at) < patience);
        newest.any(|press| {
            press.answer.is_none()
                && (press.user, press.chat, press.message) == (user, chat, message)
                && press.data == data
        })
    }

    /// The bot's commands for somebody in a chat: those of the narrowest scope, in their language if there are any.
    #[must_use]
    pub fn commands(&self, user: UserId, chat: ChatId) -> &[BotCommand] {
        let language = self.people.get(&user).and_then(|person| person.user.language_code.as_deref());
        let is_admin = self.status(chat, user).is_admin();
        let is_for = |scope: &CommandScope| match scope {
            CommandScope::ChatMember { chat_id, user_id } => (*chat_id, *user_id) == (chat, user),
            CommandScope::ChatAdministrators { chat_id } => is_admin && *chat_id == chat,
            CommandScope::Chat { chat_id } => *chat_id == chat,
            CommandScope::AllChatAdministrators => is_admin,
            CommandScope::AllPrivateChats => chat.is_private(),
            CommandScope::AllGroupChats => !chat.is_private(),
            CommandScope::Default => true,
        };
        let fits = |set: &&CommandSet| {
            is_for(&set.scope)
                && (set.language_code.is_empty() || Some(set.language_code.as_str()) == language)
        };
        let narrowest = |set: &&CommandSet| (set.scope.narrowness(), !set.language_code.is_empty());
        self.commands.iter().filter(fits).max_by_key(narrowest).map_or(&[], |set| &set.commands)
    }

    /// How many polls have begun, those that still wait among them.
    #[must_use]
    pub fn polls_begun(&self) -> u64 {
        self.poll_turn
    }

    /// What went wrong the last time that an update could not be posted to the webhook; it stays until another webhook is set.
    #[must_use]
    pub fn webhook_error(&self) -> Option<&str> {
        self.webhook.as_ref()?.last_error.as_ref().map(|(_, text)| text.as_str())
    }

    /// Updates that nobody confirmed yet.
    #[must_use]
    pub fn updates_waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether the bot can name somebody to Telegram: itself, and whom it has met.
    pub(super) fn is_known(&self, id: UserId) -> bool {
        id == self.bot.id || self.people.get(&id).is_some_and(|person| person.met)
    }

    pub(super) fn user(&self, id: UserId) -> Option<&User> {
        if id == self.bot.id { Some(&self.bot) } else { self.people.get(&id).map(|person| &person.user) }
    }
}
