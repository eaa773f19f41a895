//! What owners and operators are told: to whom a notice goes next, and when it may go to them. Who the operators are stands in the
//! configuration; when somebody sleeps stands in the database, beside their language.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tollhouse_core::id::{ChannelId, TelegramUserId};
use tollhouse_core::job::{Failure, Outcome, OwnerNotice};
use tollhouse_store::{Store, StoreError};
use tollhouse_telegram::{ChatId, Error as TelegramError, Gateway};

use crate::app::App;
use crate::texts::{self, Language};

/// The hours in which somebody is not to be disturbed, by the clock on their wall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// A time zone by its name in the tz database, such as `Europe/Berlin`.
    pub zone: String,
    /// When they begin.
    pub from: Time,
    /// When they end; on the next day, if that is not after the beginning.
    pub to: Time,
    /// Whether they hold back what is urgent, too.
    #[serde(default)]
    pub hold_urgent: bool,
}

/// Quiet hours that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHours {
    /// No such time zone.
    #[error("{0:?} is no time zone of the tz database, such as Europe/Berlin or America/Bogota")]
    Zone(String),
    /// They would never begin, or never end.
    #[error("quiet hours that begin and end at {0} would hold back everything or nothing; give two times")]
    Empty(String),
}

impl QuietHours {
    /// Whether they can be.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), BadHours> {
        TimeZone::get(&self.zone).map_err(|_| BadHours::Zone(self.zone.clone()))?;
        if self.from == self.to {
            return Err(BadHours::Empty(self.from.to_string()));
        }
        Ok(())
    }

    /// Until when it is quiet at a moment; `None` if it is not. A zone that this program does not know (any more) is never quiet: a notice
    /// too early is better than none.
    #[must_use]
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let zone = TimeZone::get(&self.zone).ok()?;
        let here = zone.to_datetime(now);
        let (date, time) = (here.date(), here.time());
        let over_midnight = self.to <= self.from;
        let ends_on = match (over_midnight, time >= self.from, time < self.to) {
            (false, true, true) | (true, false, true) => date,
            (true, true, _) => date.tomorrow().ok()?,
            _ => return None,
        };
        // On the night of a clock change the wall's time may come twice or never; the zone says which instant is meant.
        let end = zone.to_ambiguous_timestamp(ends_on.to_datetime(self.to)).compatible().ok()?;
        (end > now).then_some(end)
    }

    fn holds(&self, notice: &OwnerNotice, now: Timestamp) -> Option<Timestamp> {
        if notice.is_urgent() && !self.hold_urgent { None } else { self.until(now) }
    }
}

/// When somebody is not to be disturbed; `None` if they have not said.
///
/// # Errors
/// The store's.
pub async fn quiet_hours(store: &dyn Store, chat: ChatId) -> Result<Option<QuietHours>, StoreError> {
    let text = store.get_state(&key(chat)).await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// The supergroup that an operators' group has become, if Telegram has told of it.
///
/// # Errors
/// The store's.
pub async fn moved_to(store: &dyn Store, chat: ChatId) -> Result<Option<ChatId>, StoreError> {
    if chat.is_private() {
        return Ok(None);
    }
    let text = store.get_state(&moved_key(chat)).await?;
    Ok(text.and_then(|text| text.parse().ok()).map(ChatId))
}

fn moved_key(group: ChatId) -> String {
    format!("group_moved:{group}")
}

/// Sets when somebody is not to be disturbed, or that they may always be.
///
/// # Errors
/// The store's.
pub async fn set_quiet_hours(
    store: &dyn Store,
    chat: ChatId,
    hours: Option<&QuietHours>,
) -> Result<(), StoreError> {
    let text = hours.and_then(|hours| serde_json::to_string(hours).ok()).unwrap_or_default();
    store.put_state(&key(chat), &text).await
}

fn key(chat: ChatId) -> String {
    format!("quiet_hours:{chat}")
}

/// A notice, and what it is about.
pub struct About<'a> {
    /// Of which channel, if it is about one.
    pub channel_id: Option<ChannelId>,
    /// The channel's title.
    pub title: Option<&'a str>,
    /// What happened.
    pub notice: &'a OwnerNotice,
}

/// Tells a notice to one more of those who are to hear it: the owner, then the operators, each once. Who sleeps is passed over for now.
///
/// # Errors
/// Telegram's, where trying again may help.
pub async fn tell(
    app: &App,
    gateway: &Gateway,
    owner: Option<TelegramUserId>,
    about: &About<'_>,
    told: &[i64],
) -> Result<Outcome, TelegramError> {
    let owner = owner.map(|owner| ChatId(owner.get()));
    let mut waiting: Vec<Hearer> = Vec::new();
    let operators = if about.notice.is_personal() { &[][..] } else { &app.config.telegram.operators };
    for named in owner.into_iter().chain(operators.iter().copied()) {
        let chat = match moved_to(&*app.store, named).await {
            Ok(moved) => moved.unwrap_or(named),
            Err(error) => return Ok(unstored(&error)),
        };
        let is_told = told.contains(&chat.0) || told.contains(&named.0);
        if !is_told && waiting.iter().all(|hearer| hearer.chat != chat) {
            waiting.push(Hearer { named, chat, is_owner: owner == Some(named) });
        }
    }
    let now = app.clock.now();
    let mut wakes_at: Option<Timestamp> = None;
    for hearer in &waiting {
        match hearer.sleeps_until(&*app.store, about.notice, now).await {
            Ok(Some(until)) => wakes_at = Some(wakes_at.map_or(until, |at| at.min(until))),
            Ok(None) => return tell_one(app, gateway, hearer, about, waiting.len() > 1).await,
            Err(error) => return Ok(unstored(&error)),
        }
    }
    Ok(match wakes_at {
        Some(at) => Outcome::Failed(Failure::Later { seconds: seconds_until(now, at) }),
        None => Outcome::Nothing,
    })
}

/// Somebody who is to hear a notice.
struct Hearer {
    /// The chat as the configuration or the channel names it.
    named: ChatId,
    /// The chat that it is now.
    chat: ChatId,
    is_owner: bool,
}

impl Hearer {
    /// Until when they are not to be disturbed, under either number.
    async fn sleeps_until(
        &self,
        store: &dyn Store,
        notice: &OwnerNotice,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut hours = quiet_hours(store, self.chat).await?;
        if hours.is_none() && self.chat != self.named {
            hours = quiet_hours(store, self.named).await?;
        }
        Ok(hours.and_then(|hours| hours.holds(notice, now)))
    }
}

fn unstored(error: &StoreError) -> Outcome {
    Outcome::Failed(Failure::Transient { error: error.to_string() })
}

/// Sends it. Who cannot be written to, such as somebody who has not started the bot, must not keep the others from hearing it.
async fn tell_one(
    app: &App,
    gateway: &Gateway,
    hearer: &Hearer,
    about: &About<'_>,
    more: bool,
) -> Result<Outcome, TelegramError> {
    let Hearer { named, mut chat, is_owner } = *hearer;
    let language = match TelegramUserId::new(chat.0) {
        Ok(user) => app.language_of(user).await,
        Err(_) => Language::default(),
    };
    let text = texts::owner(language, about.title, about.notice);
    // What a button does only the owner may do.
    let keyboard = about
        .channel_id
        .filter(|_| is_owner)
        .and_then(|channel_id| texts::owner_buttons(language, channel_id, about.notice));
    let mut sent = gateway.send_message(chat, &text, keyboard.as_ref()).await;
    if let Err(TelegramError::Migrated { to }) = sent {
        // Kept before anything is said there: whom it told stands in the job under the new number.
        if let Err(error) = app.store.put_state(&moved_key(named), &to.0.to_string()).await {
            return Ok(unstored(&error));
        }
        tracing::warn!(group = %named, supergroup = %to, "an operators' group has become a supergroup; see TOLLHOUSE_OPERATOR_CHATS");
        chat = to;
        sent = gateway.send_message(chat, &text, keyboard.as_ref()).await;
    }
    match sent {
        Ok(_) => {}
        // These are nobody's own: another try, or a mended token, helps.
        Err(
            error @ (TelegramError::RetryAfter { .. }
            | TelegramError::Transient { .. }
            | TelegramError::InvalidToken),
        ) => return Err(error),
        Err(error @ TelegramError::Blocked(_)) => {
            tracing::warn!(%chat, %error, "a notice could not be delivered");
        }
        Err(error) if is_owner => {
            tracing::error!(%chat, %error, "a channel's owner takes no notices; see whether it is a person's account");
        }
        Err(error) => {
            tracing::error!(%chat, %error, "an operator's chat takes no notices; see TOLLHOUSE_OPERATOR_CHATS");
        }
    }
    Ok(Outcome::Told { chat: chat.0, more })
}

fn seconds_until(now: Timestamp, at: Timestamp) -> u32 {
    let wait: SignedDuration = at.duration_since(now);
    u32::try_from(wait.as_secs() + 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(zone: &str, from: &str, to: &str) -> QuietHours {
        QuietHours {
            zone: zone.to_owned(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            hold_urgent: false,
        }
    }

    fn until(hours: &QuietHours, now: &str) -> Option<String> {
        hours.until(now.parse().unwrap()).map(|at| at.to_string())
    }

    #[test]
    fn quiet_hours_go_by_the_clock_on_the_wall() {
        let night = hours("Europe/Berlin", "22:00", "07:30");
        for (now, end) in [
            ("2026-01-10T20:59:59Z", None),
            ("2026-01-10T21:00:00Z", Some("2026-01-11T06:30:00Z")),
            ("2026-01-11T03:00:00Z", Some("2026-01-11T06:30:00Z")),
            ("2026-01-11T06:30:00Z", None),
            // Summer time began on 29 March: the night is an hour shorter.
            ("2026-03-28T21:00:00Z", Some("2026-03-29T05:30:00Z")),
        ] {
            assert_eq!(until(&night, now).as_deref(), end, "{now}");
        }
        let siesta = hours("America/Bogota", "13:00", "15:00");
        assert_eq!(until(&siesta, "2026-01-10T18:00:00Z").as_deref(), Some("2026-01-10T20:00:00Z"));
        assert_eq!(until(&siesta, "2026-01-10T20:00:00Z"), None);
        assert_eq!(until(&siesta, "2026-01-10T17:59:00Z"), None);
    }

    #[test]
    fn f45_a_time_that_the_wall_never_shows_or_shows_twice_still_ends_the_quiet() {
        // 02:30 does not exist on 29 March and comes twice on 25 October.
        let night = hours("Europe/Berlin", "23:00", "02:30");
        assert_eq!(until(&night, "2026-03-28T23:30:00Z").as_deref(), Some("2026-03-29T01:30:00Z"));
        assert_eq!(until(&night, "2026-10-24T22:30:00Z").as_deref(), Some("2026-10-25T00:30:00Z"));
    }

    #[test]
    fn hours_that_cannot_be_are_refused() {
        assert_eq!(hours("Europe/Berlin", "22:00", "07:00").check(), Ok(()));
        assert!(matches!(hours("Berlin", "22:00", "07:00").check(), Err(BadHours::Zone(_))));
        assert!(matches!(hours("Europe/Berlin", "22:00", "22:00").check(), Err(BadHours::Empty(_))));
        assert_eq!(until(&hours("Gone/Zone", "00:00", "23:59"), "2026-01-10T12:00:00Z"), None);
    }
}
