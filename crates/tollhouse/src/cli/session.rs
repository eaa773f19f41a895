//! What every command on the database shares.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use tollhouse_core::channel::Channel;
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::id::{ChannelId, PrivateChatId, PublicChatId};
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{OpenOptions, PAGE_LENGTH_MAX, StoreError, WalSync};

use super::args::ChannelArg;
use super::error::CliError;
use super::output::{self, Out};
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;

/// Longest name of an actor that is kept, in characters.
const ACTOR_LENGTH_MAX: usize = 64;

/// An open database, and how to answer.
pub(super) struct Session {
    /// Everything that is open.
    pub(super) app: Arc<App>,
    /// Where answers go.
    pub(super) out: Out,
    /// Who acts, for the audit log.
    pub(super) actor: String,
}

impl Session {
    /// Opens what the configuration names.
    pub(super) async fn open(config: Config, out: Out) -> Result<Self, CliError> {
        // A process that serves the same file must not read what a loss of power can still undo.
        let options = OpenOptions { wal_sync: WalSync::InCommit, ..OpenOptions::default() };
        let app = App::open_with(config, Clock::default(), options).await?;
        Ok(Self { app, out, actor: actor() })
    }

    /// Commits what is under way.
    pub(super) async fn close(&self) {
        self.app.store.close().await;
    }

    /// The present moment.
    pub(super) fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    /// Carries a command out.
    pub(super) async fn submit(&self, command: Command) -> Result<Outcome, CliError> {
        Ok(self.app.submit(command).await?)
    }

    /// The channel that an argument names.
    pub(super) async fn channel(&self, named: &ChannelArg) -> Result<Channel, CliError> {
        let mut needs = Needs::default();
        match named {
            ChannelArg::Id(id) => {
                needs.channels.insert(*id);
            }
            ChannelArg::Chat(number) => {
                needs.private_chats.extend(PrivateChatId::new(*number));
                needs.public_chats.extend(PublicChatId::new(*number));
            }
        }
        let snapshot = self.app.store.snapshot(needs).await?;
        let found = snapshot.channels.values().next().cloned();
        found.ok_or_else(|| {
            CliError::Failed(format!("no channel {named}; `tollhouse channel list` shows them"))
        })
    }

    /// The id of the channel that an argument names, where one is given.
    pub(super) async fn channel_id(&self, named: Option<&ChannelArg>) -> Result<Option<ChannelId>, CliError> {
        match named {
            None => Ok(None),
            Some(named) => Ok(Some(self.channel(named).await?.id)),
        }
    }

    /// Writes a list, and says how to go on where there may be more.
    pub(super) fn list<T: Serialize>(
        &self,
        rows: &[T],
        limit: u32,
        last: Option<String>,
        text: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        self.out.answer(&rows, |_| text())?;
        let is_full = u32::try_from(rows.len()).is_ok_and(|length| length >= limit);
        if let Some(last) = last.filter(|_| is_full) {
            output::hint(&format!("there may be more: add --before {last}"));
        }
        Ok(())
    }
}

/// Every row of a list, page by page. `page` gets the key of the last row so far.
pub(super) async fn all_pages<T, K, F>(
    key: impl Fn(&T) -> K,
    page: impl Fn(Option<K>) -> F,
) -> Result<Vec<T>, StoreError>
where
    F: Future<Output = Result<Vec<T>, StoreError>>,
{
    let mut rows: Vec<T> = Vec::new();
    loop {
        let more = page(rows.last().map(&key)).await?;
        let is_last = u32::try_from(more.len()).is_ok_and(|length| length < PAGE_LENGTH_MAX);
        rows.extend(more);
        if is_last {
            return Ok(rows);
        }
    }
}

/// The error for an outcome that the command cannot have.
pub(super) fn unexpected(outcome: &Outcome) -> CliError {
    CliError::Failed(format!(
        "the command came to something else than expected, please report it: {outcome:?}"
    ))
}

/// Who acts: the user's name, or their number where there is no name.
pub(super) fn actor() -> String {
    let name: String = std::env::var("USER")
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control() && !c.is_whitespace())
        .take(ACTOR_LENGTH_MAX)
        .collect();
    format!("cli:{}", if name.is_empty() { user_number() } else { name })
}

/// The number of the user who runs this process: the owner of its entry in /proc, where there is one.
fn user_number() -> String {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").map_or_else(|_| "unknown".to_owned(), |entry| entry.uid().to_string())
}
