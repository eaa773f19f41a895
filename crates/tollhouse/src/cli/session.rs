//! What every command on the database shares.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use tollhouse_core::channel::Channel;
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::id::{ChannelId, PrivateChatId, PublicChatId};
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{OpenError, OpenOptions, PAGE_LENGTH_MAX, StoreError, WalSync};

use super::args::ChannelArg;
use super::error::CliError;
use super::output::{self, Out};
use crate::app::{App, StartError};
use crate::clock::Clock;
use crate::config::{Config, DATABASE_FILE_DEFAULT};

/// Longest name of an actor that is kept, in characters; of two names each is half as long, which Linux lets one be.
const ACTOR_LENGTH_MAX: usize = 64;
/// The system's list of accounts.
const ACCOUNTS: &str = "/etc/passwd";

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
    /// Opens what the configuration names. `begins`: whether the command is one that begins a new database, and brings an older one up to
    /// date. The others do not do the latter: whoever tries a newer program by looking at a list keeps the way back. And where there is
    /// none yet they say so: an empty new one answers that all is well, to somebody who only mistook its place.
    pub(super) async fn open(config: Config, out: Out, begins: bool) -> Result<Self, CliError> {
        // A process that serves the same file must not read what a loss of power can still undo.
        let options = OpenOptions { migrate: begins, wal_sync: WalSync::InCommit, ..OpenOptions::default() };
        let app = match App::open_with(config.clone(), Clock::default(), options).await {
            Err(StartError::Store(OpenError::Older { found: 0, .. })) => {
                begin_all_the_same(&config)?;
                let options = OpenOptions { migrate: true, ..options };
                App::open_with(config, Clock::default(), options).await?
            }
            app => app?,
        };
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
        // The chat of one may be where another is offered: what is sold there is what its number means.
        let sells = |channel: &&Channel| matches!(named, ChannelArg::Chat(number) if channel.private_chat.get() == *number);
        let found =
            snapshot.channels.values().find(sells).or_else(|| snapshot.channels.values().next()).cloned();
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

/// Refuses to begin a database in the folder where one happens to be; says of another place that nothing was there.
fn begin_all_the_same(config: &Config) -> Result<(), CliError> {
    match config.database_file() {
        // Its log is there: it was taken away, for which the store has a better word.
        Some(file) if Path::new(&format!("{}-wal", file.display())).exists() => Ok(()),
        Some(file) if file == Path::new(DATABASE_FILE_DEFAULT) => Err(CliError::Usage(format!(
            "there is no {DATABASE_FILE_DEFAULT} in this folder, and no other database is named: give --config FILE or TOLLHOUSE_DATABASE_URL, \
             or go to its folder. `tollhouse serve` or `tollhouse channel add` begins a new one here"
        ))),
        Some(file) => {
            output::hint(&format!(
                "there was no database at {}: what follows is said of a new, empty one. Is TOLLHOUSE_DATABASE_URL right, and its disk there?",
                file.display()
            ));
            Ok(())
        }
        None => {
            output::hint(
                "the database had no tables: what follows is said of an empty one. Is TOLLHOUSE_DATABASE_URL right?",
            );
            Ok(())
        }
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

/// Who acts: the person behind `sudo`, if there is one, and the account that this runs as.
pub(super) fn actor() -> String {
    let variable = |name| std::env::var(name).ok();
    actor_of(variable("SUDO_USER"), variable("USER"), account)
}

fn actor_of(sudo_user: Option<String>, user: Option<String>, account: impl FnOnce() -> String) -> String {
    let user = user.map(|name| plain(&name)).filter(|name| !name.is_empty());
    let user = user.unwrap_or_else(account);
    let person = sudo_user.map(|name| plain(&name)).filter(|name| !name.is_empty() && *name != user);
    let half = |name: String| name.chars().take(ACTOR_LENGTH_MAX / 2).collect::<String>();
    match person {
        Some(person) => format!("cli:{} as {}", half(person), half(user)),
        None => format!("cli:{user}"),
    }
}

/// A name that breaks no line and is not too long.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_control() && !c.is_whitespace()).take(ACTOR_LENGTH_MAX).collect()
}

/// The account that this process runs as: its name, or its number where the system's list of accounts does not have it.
fn account() -> String {
    let number = rustix::process::getuid().as_raw().to_string();
    let accounts = std::fs::read_to_string(ACCOUNTS).unwrap_or_default();
    account_name(&accounts, &number).unwrap_or(number)
}

/// The name of a number in a list of accounts, one `name:password:number:…` a line.
fn account_name(accounts: &str, number: &str) -> Option<String> {
    let name = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next().map(plain).filter(|name| !name.is_empty())?;
        (fields.nth(1)? == number).then_some(name)
    };
    accounts.lines().find_map(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_acts_is_the_person_behind_sudo_and_the_account() {
        let actor = |sudo_user: Option<&str>, user: Option<&str>| {
            actor_of(sudo_user.map(str::to_owned), user.map(str::to_owned), || "nobody".to_owned())
        };
        assert_eq!(actor(None, Some("alice")), "cli:alice");
        assert_eq!(actor(Some("alice"), Some("tollhouse")), "cli:alice as tollhouse");
        assert_eq!(actor(Some("root"), Some("root")), "cli:root");
        assert_eq!(actor(Some(""), Some(" \n")), "cli:nobody");
        assert_eq!(actor(Some("alice"), None), "cli:alice as nobody");
        assert_eq!(actor(None, Some("a\u{1b}[2J\nb")), "cli:a[2Jb");
        let long = "x".repeat(500);
        assert_eq!(actor(None, Some(&long)).len(), "cli:".len() + 64);
        let both = actor(Some(&"y".repeat(500)), Some(&long));
        assert!(both.ends_with(&format!("y as {}", "x".repeat(32))), "{both}");
    }

    #[test]
    fn an_account_has_the_name_that_the_system_gives_its_number() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:7::/:\ntollhouse:x:998:998::/var/lib/tollhouse:/bin/false\n";
        assert_eq!(account_name(accounts, "998").as_deref(), Some("tollhouse"));
        assert_eq!(account_name(accounts, "0").as_deref(), Some("root"));
        for nobodys in ["9", "7", "x", ""] {
            assert_eq!(account_name(accounts, nobodys), None, "{nobodys}");
        }
    }
}
