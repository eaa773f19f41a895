//! The simulation in the hands of a test or the demo.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use super::entities::{Call, NewChat, NewUser};
use super::faults::Fault;
use super::page::PageLink;
use super::people::{Opened, Refused};
use super::shared::Shared;
use super::world::World;
use crate::ids::{ChatId, MessageId, UserId};
use crate::member::AdminRights;

/// Longest wait for something that must happen; past it a test is stuck, and says so.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What was waited for did not happen.
#[derive(Debug, thiserror::Error)]
#[error("{what} did not happen within {} s; the last calls were {calls:?}", WAIT_MAX.as_secs())]
pub struct WaitedTooLong {
    what: String,
    calls: Vec<String>,
}

/// How many calls [`WaitedTooLong`] shows.
const CALLS_SHOWN: usize = 10;

/// A running simulation. Clones share it; it ends with the last of them, or with [`FakeHandle::stop`].
#[derive(Clone)]
pub struct FakeHandle {
    shared: Arc<Shared>,
    address: SocketAddr,
    running: Arc<Running>,
}

struct Running {
    stop: watch::Sender<bool>,
    server: std::sync::Mutex<Option<JoinHandle<std::io::Result<()>>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl std::fmt::Debug for FakeHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeHandle").field("address", &self.address).finish_non_exhaustive()
    }
}

impl FakeHandle {
    pub(super) fn new(
        shared: Arc<Shared>,
        address: SocketAddr,
        stop: watch::Sender<bool>,
        server: JoinHandle<std::io::Result<()>>,
    ) -> Self {
        let running = Arc::new(Running { stop, server: std::sync::Mutex::new(Some(server)) });
        Self { shared, address, running }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to give as `TOLLHOUSE_TELEGRAM_API_URL`; the pages for people are there too.
    ///
    /// # Panics
    /// Never: a socket address always makes a URL.
    #[must_use]
    #[expect(clippy::expect_used, reason = "an IP address and a port are a valid authority")]
    pub fn api_url(&self) -> Url {
        Url::parse(&format!("http://{}/", self.address)).expect("an address makes a URL")
    }

    /// The bot's token.
    #[must_use]
    pub fn bot_token(&self) -> &str {
        &self.shared.token
    }

    /// Shows links to pages of other programs on every page of the simulation: the shop, the payment provider.
    pub fn set_page_links(&self, links: Vec<PageLink>) {
        self.shared.set_page_links(links);
    }

    /// The page on which one is `user`, with their chat with the bot open.
    #[must_use]
    pub fn user_page(&self, user: UserId) -> String {
        format!("{}user/{user}", self.api_url())
    }

    /// The page that opens a `t.me` link in the simulation, as whoever was played last.
    #[must_use]
    pub fn opener(&self, link: &str) -> String {
        let link: String = url::form_urlencoded::byte_serialize(link.as_bytes()).collect();
        format!("{}open?link={link}", self.api_url())
    }

    /// The changes of the state so far, for whoever follows it.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes()
    }

    /// Ends it: connections close, and nobody is answered any more.
    pub async fn stop(&self) {
        self.running.stop.send_replace(true);
        let server = self.running.server.lock().ok().and_then(|mut server| server.take());
        if let Some(server) = server {
            let _it_ended = server.await;
        }
    }

    /// Looks at the state.
    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        self.shared.read(look)
    }

    /// Waits until `find` finds something, and returns it. It is asked again after each change, never after a time.
    ///
    /// # Errors
    /// [`WaitedTooLong`] after 30 s, with `what` in its text.
    pub async fn wait_for<T>(
        &self,
        what: &str,
        mut find: impl FnMut(&World) -> Option<T>,
    ) -> Result<T, WaitedTooLong> {
        let mut changes = self.shared.changes();
        let search = async {
            loop {
                changes.borrow_and_update();
                if let Some(found) = self.shared.read(&mut find) {
                    return Some(found);
                }
                if changes.changed().await.is_err() {
                    return None;
                }
            }
        };
        let found = tokio::time::timeout(WAIT_MAX, search).await.ok().flatten();
        found.ok_or_else(|| WaitedTooLong { what: what.to_owned(), calls: self.last_calls() })
    }

    fn last_calls(&self) -> Vec<String> {
        self.read(|world| {
            let calls: Vec<&Call> = world.calls().collect();
            let shown = calls.iter().rev().take(CALLS_SHOWN);
            shown.map(|call| format!("{} {:?}", call.method, call.outcome)).collect()
        })
    }

    /// Lets the next `times` calls of `method` fail; `*` is any method.
    pub fn fault(&self, method: &str, fault: &Fault, times: usize) {
        self.shared.act(|world, _now| world.faults.add(method, fault, times));
    }

    /// Forgets every scripted failure.
    pub fn clear_faults(&self) {
        self.shared.act(|world, _now| world.faults.clear());
    }

    /// Puts an update of any kind into the queue, whatever the bot asked for: what this simulation does not play, and what
    /// Telegram has not invented yet.
    pub fn push_update(&self, kind: &str, body: &serde_json::Value) {
        self.shared.act(|world, now| world.queue.push_unasked(now, kind, body));
    }

    /// Lets a person exist. They have not started the bot.
    ///
    /// # Errors
    /// [`Refused::IdTaken`].
    pub fn add_user(&self, user: NewUser) -> Result<(), Refused> {
        self.shared.act(|world, _now| world.add_user(user))
    }

    /// Lets a room exist, with its owner inside.
    ///
    /// # Errors
    /// [`Refused::IdTaken`], [`Refused::NoSuchUser`], [`Refused::WrongKind`].
    pub fn add_chat(&self, chat: NewChat) -> Result<(), Refused> {
        self.shared.act(|world, _now| world.add_chat(chat))
    }

    /// `by` makes the bot an administrator with these rights, or changes them (`my_chat_member`).
    ///
    /// # Errors
    /// [`Refused::NotAllowed`] unless `by` is one.
    pub fn make_bot_admin(&self, chat: ChatId, by: UserId, rights: AdminRights) -> Result<(), Refused> {
        self.shared.act(|world, now| world.promote(now, chat, by, world.bot.id, Some(rights)))
    }

    /// `by` takes the bot's rights; it stays a member.
    ///
    /// # Errors
    /// [`Refused::NotAllowed`] unless `by` is an administrator.
    pub fn demote_bot(&self, chat: ChatId, by: UserId) -> Result<(), Refused> {
        self.shared.act(|world, now| world.promote(now, chat, by, world.bot.id, None))
    }

    /// `by` throws the bot out.
    ///
    /// # Errors
    /// [`Refused::NotAllowed`] unless `by` is an administrator who may.
    pub fn kick_bot(&self, chat: ChatId, by: UserId) -> Result<(), Refused> {
        self.shared.act(|world, now| world.ban(now, chat, by, world.bot.id))
    }

    /// `by` gives `user` rights, or takes them with `None`.
    ///
    /// # Errors
    /// [`Refused::NotAllowed`] unless `by` is an administrator; nobody demotes the owner.
    pub fn promote(
        &self,
        chat: ChatId,
        by: UserId,
        user: UserId,
        rights: Option<AdminRights>,
    ) -> Result<(), Refused> {
        self.shared.act(|world, now| world.promote(now, chat, by, user, rights))
    }

    /// `by` adds `user`, past every link.
    ///
    /// # Errors
    /// [`Refused::AlreadyMember`], [`Refused::NotAllowed`].
    pub fn add_member(&self, chat: ChatId, by: UserId, user: UserId) -> Result<(), Refused> {
        self.shared.act(|world, now| world.add_member(now, chat, by, user))
    }

    /// `by` bans `user`.
    ///
    /// # Errors
    /// [`Refused::NotAllowed`].
    pub fn ban(&self, chat: ChatId, by: UserId, user: UserId) -> Result<(), Refused> {
        self.shared.act(|world, now| world.ban(now, chat, by, user))
    }

    /// `by` decides on the request of `user` before the bot does.
    ///
    /// # Errors
    /// [`Refused::NotMember`] without a request, [`Refused::NotAllowed`].
    pub fn decide(&self, chat: ChatId, by: UserId, user: UserId, approve: bool) -> Result<(), Refused> {
        self.shared.act(|world, now| world.decide_by_hand(now, chat, by, user, approve))
    }

    /// `by` makes a link by hand, which lets in whoever has it, or asks.
    ///
    /// # Errors
    /// [`Refused::NotAllowed`].
    pub fn make_link(&self, chat: ChatId, by: UserId, creates_join_request: bool) -> Result<String, Refused> {
        self.shared.act(|world, _now| world.make_link(chat, by, creates_join_request))
    }

    /// A basic group becomes a supergroup. Returns its new id.
    ///
    /// # Errors
    /// [`Refused::WrongKind`].
    pub fn migrate(&self, group: ChatId) -> Result<ChatId, Refused> {
        self.shared.act(|world, now| world.migrate(now, group))
    }

    /// Opens `https://t.me/{bot}?start={payload}` and presses Start, which also ends a block.
    ///
    /// # Errors
    /// [`Refused::NoSuchUser`].
    pub fn start(&self, user: UserId, payload: &str) -> Result<MessageId, Refused> {
        self.shared.act(|world, now| world.start(now, user, payload))
    }

    /// Writes to the bot in private.
    ///
    /// # Errors
    /// [`Refused::NotStarted`].
    pub fn say(&self, user: UserId, text: &str) -> Result<MessageId, Refused> {
        self.say_in(user, user.private_chat(), text)
    }

    /// Writes in a group, or posts in a channel.
    ///
    /// # Errors
    /// [`Refused::NotMember`], [`Refused::NotAllowed`].
    pub fn say_in(&self, user: UserId, chat: ChatId, text: &str) -> Result<MessageId, Refused> {
        self.shared.act(|world, now| world.say(now, user, chat, text))
    }

    /// Presses the button of a message that carries `data`. Returns the id of the press, for [`World::press_answer`].
    ///
    /// # Errors
    /// [`Refused::NoSuchButton`], [`Refused::NotMember`].
    pub fn press(
        &self,
        user: UserId,
        chat: ChatId,
        message: MessageId,
        data: &str,
    ) -> Result<String, Refused> {
        self.shared.act(|world, now| world.press(now, user, chat, message, data))
    }

    /// Opens an invite link.
    ///
    /// # Errors
    /// [`Refused::DeadLink`], [`Refused::Banned`], [`Refused::AlreadyMember`].
    pub fn open_link(&self, user: UserId, url: &str) -> Result<(ChatId, Opened), Refused> {
        self.shared.act(|world, now| world.open_link(now, user, url))
    }

    /// Takes a join request back.
    ///
    /// # Errors
    /// [`Refused::NotMember`] without a request.
    pub fn withdraw_request(&self, user: UserId, chat: ChatId) -> Result<(), Refused> {
        self.shared.act(|world, _now| world.withdraw_request(user, chat))
    }

    /// Leaves a room.
    ///
    /// # Errors
    /// [`Refused::NotMember`]; the owner may not.
    pub fn leave(&self, user: UserId, chat: ChatId) -> Result<(), Refused> {
        self.shared.act(|world, now| world.leave(now, user, chat))
    }

    /// Has the bot forget a person, as a bot with another token has never met them, until they or the chats tell of them.
    ///
    /// # Errors
    /// [`Refused::NoSuchUser`].
    pub fn forget(&self, user: UserId) -> Result<(), Refused> {
        self.shared.act(|world, _now| world.forget(user))
    }

    /// Blocks the bot.
    ///
    /// # Errors
    /// [`Refused::NotStarted`].
    pub fn block(&self, user: UserId) -> Result<(), Refused> {
        self.shared.act(|world, now| world.block(now, user, true))
    }

    /// Unblocks the bot, without starting it again.
    ///
    /// # Errors
    /// [`Refused::NotStarted`].
    pub fn unblock(&self, user: UserId) -> Result<(), Refused> {
        self.shared.act(|world, now| world.block(now, user, false))
    }

    /// Deletes the person's account.
    ///
    /// # Errors
    /// [`Refused::NoSuchUser`].
    pub fn deactivate(&self, user: UserId) -> Result<(), Refused> {
        self.shared.act(|world, _now| world.deactivate(user))
    }
}
