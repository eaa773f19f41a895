//! Telegram's limits for messages, kept on our side: whoever runs into them is made to wait by Telegram for longer than it would have taken.
//!
//! The numbers are those of Telegram's own questions and answers for bots (<https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this>):
//! about 30 messages a second in all, one a second to a chat, 20 a minute to a group. What must wait a moment waits here; what must wait
//! longer is told so as by Telegram itself, and the job is put off without counting an attempt. Each process keeps its own count: where
//! several send, Telegram's own answer is the last word.
//!
//! Of the messages to everybody a part is kept free of those for which nobody waits. Ten thousand reminders take minutes; who has just paid
//! or pressed a button has their message meanwhile.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::error::Error;
use crate::ids::ChatId;

/// The longest wait inside a call, in milliseconds. A job holds a lease of a minute; what takes longer gives it back.
const WAIT_MS_MAX: u64 = 3_000;
/// How many chats are remembered before those that were quiet for the longest window are forgotten.
const CHATS_KEPT: usize = 4_096;

/// At most so many messages in any stretch of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub messages: usize,
    /// In how long a time.
    pub within: Duration,
}

/// How many messages may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// To everybody together.
    pub all: Rate,
    /// To everybody together, of messages for which nobody waits: a part of `all`, in a time as long.
    pub bulk: Rate,
    /// To one chat.
    pub chat: Rate,
    /// To one group or channel.
    pub group: Rate,
}

impl Limits {
    /// Telegram's own.
    pub const TELEGRAM: Self = Self {
        all: Rate { messages: 30, within: Duration::from_secs(1) },
        bulk: Rate { messages: 20, within: Duration::from_secs(1) },
        chat: Rate { messages: 1, within: Duration::from_secs(1) },
        group: Rate { messages: 20, within: Duration::from_mins(1) },
    };

    /// None, for a simulation.
    pub const NONE: Self = {
        let free = Rate { messages: usize::MAX, within: Duration::ZERO };
        Self { all: free, bulk: free, chat: free, group: free }
    };
}

/// Whether somebody waits for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Who has paid, pressed a button, asked to be let in.
    Prompt,
    /// Nobody: a reminder, a report, a post.
    Bulk,
}

/// The turns of everybody together, of one lane.
#[derive(Default)]
struct Turns {
    times: Times,
    /// When the last of those comes back who were told to. They get a turn each: told the same time, a thousand would come at once, for
    /// a second's turns, and all the others would ask the database for themselves again in vain.
    put_off_until: Option<Instant>,
}

impl Turns {
    /// When the next message may go: at once, soon, or after all those that were told to come back.
    fn next(&mut self, rate: Rate, now: Instant) -> Instant {
        while self.times.front().is_some_and(|first| *first + rate.within <= now) {
            self.times.pop_front();
        }
        let at = earliest(&self.times, rate, now);
        let turn = rate.within / u32::try_from(rate.messages.max(1)).unwrap_or(u32::MAX);
        match self.put_off_until {
            Some(last) if soon_enough(at, now).is_err() => at.max(last + turn),
            _ => at,
        }
    }

    fn reserve(&mut self, rate: Rate, now: Instant) -> Result<Instant, Error> {
        let at = self.next(rate, now);
        match soon_enough(at, now) {
            Ok(()) => self.times.push_back(at),
            Err(_) => self.put_off_until = Some(at),
        }
        soon_enough(at, now).map(|()| at)
    }
}

/// The two lanes. Each keeps its own part of the limit, so both together keep the whole.
#[derive(Default)]
struct Lanes {
    prompt: Turns,
    bulk: Turns,
}

/// When messages were, and will be, sent; ascending.
type Times = VecDeque<Instant>;

/// The earliest time at which one more message keeps to a rate.
fn earliest(times: &Times, rate: Rate, now: Instant) -> Instant {
    let first = times.len().checked_sub(rate.messages).and_then(|place| times.get(place));
    first.map_or(now, |first| now.max(*first + rate.within))
}

pub(super) struct Limiter {
    limits: Limits,
    all: Mutex<Lanes>,
    chats: Mutex<HashMap<ChatId, Times>>,
}

impl Limiter {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, all: Mutex::default(), chats: Mutex::default() }
    }

    /// Waits until a message may go to a chat; for the chat's own turn no longer than until a deadline, if there is one.
    ///
    /// # Errors
    /// [`Error::RetryAfter`] if that is too long to wait here; nothing is to be sent then.
    pub(super) async fn acquire(
        &self,
        chat: ChatId,
        lane: Lane,
        deadline: Option<Instant>,
    ) -> Result<(), Error> {
        if self.limits == Limits::NONE {
            return Ok(());
        }
        // First the chat, then all: a message that waits for its chat takes nobody's place meanwhile.
        sleep_until(self.reserve_chat(chat, deadline)?).await;
        sleep_until(self.reserve_any(lane)?).await;
        Ok(())
    }

    fn reserve_chat(&self, chat: ChatId, deadline: Option<Instant>) -> Result<Instant, Error> {
        let Limits { chat: of_chat, group, .. } = self.limits;
        let now = Instant::now();
        let mut chats = lock(&self.chats);
        let longest = of_chat.within.max(group.within);
        if chats.len() >= CHATS_KEPT {
            chats.retain(|_, times| times.back().is_some_and(|last| *last + longest > now));
        }
        let times = chats.entry(chat).or_default();
        while times.front().is_some_and(|first| *first + longest <= now) {
            times.pop_front();
        }
        let mut at = earliest(times, of_chat, now);
        // Groups and channels have negative ids.
        if chat.0 < 0 {
            at = at.max(earliest(times, group, now));
        }
        soon_enough(at, now)?;
        // What may go at once goes, however late it is.
        if deadline.is_some_and(|deadline| at > now.max(deadline)) {
            return Err(put_off(at, now));
        }
        times.push_back(at);
        Ok(at)
    }

    fn reserve_any(&self, lane: Lane) -> Result<Instant, Error> {
        let Limits { all, bulk, .. } = self.limits;
        let kept = Rate { messages: all.messages.saturating_sub(bulk.messages), within: all.within };
        let now = Instant::now();
        let mut lanes = lock(&self.all);
        // What is kept free goes first; where nothing else goes out, the other part is there for them too.
        if lane == Lane::Prompt && lanes.prompt.next(kept, now) <= lanes.bulk.next(bulk, now) {
            lanes.prompt.reserve(kept, now)
        } else {
            lanes.bulk.reserve(bulk, now)
        }
    }
}

fn soon_enough(at: Instant, now: Instant) -> Result<(), Error> {
    if at.duration_since(now) <= Duration::from_millis(WAIT_MS_MAX) { Ok(()) } else { Err(put_off(at, now)) }
}

fn put_off(at: Instant, now: Instant) -> Error {
    let seconds = at.duration_since(now).as_millis().div_ceil(1_000);
    Error::RetryAfter { seconds: u32::try_from(seconds).unwrap_or(u32::MAX) }
}

/// Nothing panics while it holds one of these locks.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// The times at which messages to these chats go out, on a clock that stands still unless everybody waits.
    async fn send(
        limiter: &Arc<Limiter>,
        lane: Lane,
        chats: impl Iterator<Item = i64>,
    ) -> Vec<(i64, Duration)> {
        let begun = Instant::now();
        let sends = chats.map(|chat| {
            let limiter = Arc::clone(limiter);
            tokio::spawn(async move {
                let mut turn = limiter.acquire(ChatId(chat), lane, None).await;
                // As the worker does: put off, and tried again.
                while let Err(Error::RetryAfter { seconds }) = turn {
                    tokio::time::sleep(Duration::from_secs(seconds.into())).await;
                    turn = limiter.acquire(ChatId(chat), lane, None).await;
                }
                (chat, begun.elapsed())
            })
        });
        let mut times = Vec::new();
        for send in sends.collect::<Vec<_>>() {
            times.push(send.await.unwrap());
        }
        times.sort_by_key(|(_, at)| *at);
        times
    }

    fn most_within(times: &[Duration], within: Duration) -> usize {
        let in_window =
            |from: &Duration| times.iter().filter(|at| *at >= from && **at < *from + within).count();
        times.iter().map(in_window).max().unwrap_or(0)
    }

    async fn times(limiter: &Arc<Limiter>, lane: Lane, chats: impl Iterator<Item = i64>) -> Vec<Duration> {
        send(limiter, lane, chats).await.into_iter().map(|(_, at)| at).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn thirty_a_second_in_all_and_not_much_slower() {
        let limiter = Arc::new(Limiter::new(Limits::TELEGRAM));
        let times = times(&limiter, Lane::Prompt, 1..=300).await;
        assert_eq!(most_within(&times, Duration::from_secs(1)), 30);
        assert!(times[299] < Duration::from_secs(14), "{:?}", times[299]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_waits_for_leaves_room_for_what_somebody_does() {
        let limiter = Arc::new(Limiter::new(Limits::TELEGRAM));
        let reminders = tokio::spawn({
            let limiter = Arc::clone(&limiter);
            async move { times(&limiter, Lane::Bulk, 1..=1_000).await }
        });
        tokio::time::sleep(Duration::from_millis(10_500)).await;
        let answers = times(&limiter, Lane::Prompt, 2_001..=2_010).await;
        assert!(answers.iter().all(Duration::is_zero), "{answers:?}");
        let reminders = reminders.await.unwrap();
        assert_eq!(most_within(&reminders, Duration::from_secs(1)), 20);
        assert!(reminders[999] < Duration::from_secs(60), "{:?}", reminders[999]);
        let begun = Duration::from_millis(10_500);
        let all: Vec<Duration> =
            reminders.into_iter().chain(answers.into_iter().map(|at| begun + at)).collect();
        assert!(most_within(&all, Duration::from_secs(1)) <= 30);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_are_put_off_come_back_one_after_another() {
        let limiter = Limiter::new(Limits::TELEGRAM);
        let told: Vec<Duration> = (0..1_000)
            .filter_map(|_| match limiter.reserve_any(Lane::Bulk) {
                Err(Error::RetryAfter { seconds }) => Some(Duration::from_secs(seconds.into())),
                _ => None,
            })
            .collect();
        // 80 have their turn within the three seconds that are waited for.
        assert_eq!(told.len(), 920);
        assert!(most_within(&told, Duration::from_secs(1)) <= 21, "{told:?}");
        assert!(told.last().is_some_and(|last| *last < Duration::from_secs(52)), "{told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_a_second_to_a_chat_while_others_go_on() {
        let limiter = Arc::new(Limiter::new(Limits::TELEGRAM));
        let times = send(&limiter, Lane::Prompt, [7, 7, 7, 8].into_iter()).await;
        let of = |wanted: i64| -> Vec<Duration> {
            times.iter().filter(|(chat, _)| *chat == wanted).map(|(_, at)| *at).collect()
        };
        assert_eq!(most_within(&of(7), Duration::from_secs(1)), 1);
        assert!(of(7)[2] < Duration::from_secs(3));
        assert_eq!(of(8), [Duration::ZERO]);
    }

    #[tokio::test(start_paused = true)]
    async fn twenty_a_minute_to_a_group_and_the_rest_is_told_to_come_back() {
        let limiter = Arc::new(Limiter::new(Limits::TELEGRAM));
        let times = times(&limiter, Lane::Bulk, std::iter::repeat_n(-100, 45)).await;
        assert_eq!(most_within(&times, Duration::from_mins(1)), 20);
        assert_eq!(most_within(&times, Duration::from_secs(1)), 1);
        for _ in 0..20 {
            let _ = limiter.acquire(ChatId(-7), Lane::Bulk, None).await;
        }
        let refused = limiter.acquire(ChatId(-7), Lane::Bulk, None).await;
        assert!(matches!(refused, Err(Error::RetryAfter { seconds: 30..=60 })), "{refused:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_chat_past_the_deadline_and_what_may_go_at_once_goes() {
        let limiter = Limiter::new(Limits::TELEGRAM);
        let begun = Instant::now();
        let deadline = Some(begun + Duration::from_millis(2_500));
        let mut sent = Vec::new();
        for _ in 0..10 {
            if limiter.acquire(ChatId(7), Lane::Prompt, deadline).await.is_ok() {
                sent.push(begun.elapsed().as_secs());
            }
        }
        assert_eq!(sent, [0, 1, 2], "the fourth would be said after three seconds");
        let refused = limiter.acquire(ChatId(7), Lane::Prompt, deadline).await;
        assert_eq!(refused, Err(Error::RetryAfter { seconds: 1 }));
        assert!(begun.elapsed() < Duration::from_millis(2_500), "and was not waited for");
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(limiter.acquire(ChatId(7), Lane::Prompt, deadline).await, Ok(()));
        assert_eq!(begun.elapsed().as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulation_has_no_limits() {
        let limiter = Arc::new(Limiter::new(Limits::NONE));
        let times = send(&limiter, Lane::Bulk, std::iter::repeat_n(-100, 100)).await;
        assert!(times.iter().all(|(_, at)| at.is_zero()));
    }
}
