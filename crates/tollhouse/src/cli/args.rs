//! How the words of the command line are read. What cannot be read says exactly why.

use std::fmt;
use std::str::FromStr;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::NewPlan;
use tollhouse_core::id::{ChannelId, LinkId, MembershipId, ProviderPaymentId, TelegramUserId};
use tollhouse_core::money::Money;
use tollhouse_store::{PAGE_LENGTH_DEFAULT, PAGE_LENGTH_MAX};

/// How a plan is written, for errors and help.
const PLAN_EXAMPLE: &str = "\"Monthly=5.00 USD/30d\" or \"Life=99 USD/lifetime\"";
/// The longest time that an option takes, in hours: ten years. More is meant to be no limit at all.
const SPAN_HOURS_MAX: i64 = 10 * 366 * 24;

/// A channel: by its id, or by one of its chats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChannelArg {
    /// `chn_…`
    Id(ChannelId),
    /// `-100…`, private or public.
    Chat(i64),
}

impl FromStr for ChannelArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.parse::<i64>() {
            Ok(number) if number < 0 => Ok(Self::Chat(number)),
            _ => text.parse().map(Self::Id).map_err(|_| {
                "a channel is given by its id (chn_…) or by the number of its private or public chat (-100…)".to_owned()
            }),
        }
    }
}

impl fmt::Display for ChannelArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Chat(number) => write!(f, "with the chat {number}"),
        }
    }
}

/// The one channel that a command is about.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct OneChannel {
    /// The channel: its id (chn_…) or the number of one of its chats (-100…)
    #[arg(value_name = "CHANNEL", allow_negative_numbers = true)]
    positional: Option<ChannelArg>,
    /// The same, as an option
    #[arg(long = "channel", value_name = "CHANNEL", allow_negative_numbers = true)]
    option: Option<ChannelArg>,
}

impl OneChannel {
    /// Which one it is; clap sees to it that there is just one.
    pub(super) fn get(&self) -> ChannelArg {
        #[expect(clippy::unwrap_used, reason = "clap requires one of the group")]
        self.positional.or(self.option).unwrap()
    }
}

/// A payment link: by its id, its slug or its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LinkArg {
    /// `lnk_…`
    Id(LinkId),
    /// What stands in the address.
    Slug(String),
}

impl FromStr for LinkArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_end_matches('/');
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        let slug = text.rsplit_once("/c/").map_or(text, |(_, slug)| slug);
        let is_slug = (8..=32).contains(&slug.len()) && slug.bytes().all(|b| b.is_ascii_alphanumeric());
        if is_slug {
            Ok(Self::Slug(slug.to_owned()))
        } else {
            Err("a link is given by its id (lnk_…), its address or the last part of it".to_owned())
        }
    }
}

/// The one membership that a command is about.
#[derive(Debug, Args)]
pub(super) struct OneMembership {
    /// The membership (mem_…); or name --channel and --user
    #[arg(value_name = "MEMBERSHIP", required_unless_present_all = ["channel", "user"], conflicts_with_all = ["channel", "user"])]
    pub(super) id: Option<MembershipId>,
    /// The channel: its id (chn_…) or the number of one of its chats (-100…)
    #[arg(long, value_name = "CHANNEL", requires = "user", allow_negative_numbers = true)]
    pub(super) channel: Option<ChannelArg>,
    /// The member's Telegram user id
    #[arg(long, value_name = "TELEGRAM_ID", requires = "channel")]
    pub(super) user: Option<TelegramUserId>,
}

/// A plan as an owner writes it: `Monthly=5.00 USD/30d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlanArg(pub(super) NewPlan);

impl FromStr for PlanArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (label, rest) = text
            .split_once('=')
            .ok_or_else(|| format!("there is no `=` after the label; write a plan as {PLAN_EXAMPLE}"))?;
        let (price, duration) = rest.rsplit_once('/').ok_or_else(|| {
            format!("there is no `/` between price and duration; write a plan as {PLAN_EXAMPLE}")
        })?;
        let label = label.trim();
        if label.is_empty() {
            return Err(format!("the label before `=` is empty; write a plan as {PLAN_EXAMPLE}"));
        }
        let price: Money = price.parse().map_err(|error| format!("the price {:?}: {error}", price.trim()))?;
        if price.amount.is_zero() {
            return Err(format!("the price {price} must be above zero"));
        }
        Ok(Self(NewPlan { label: label.to_owned(), price, duration: plan_duration(duration)? }))
    }
}

fn plan_duration(text: &str) -> Result<PlanDuration, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("lifetime") {
        return Ok(PlanDuration::Lifetime);
    }
    let days = text.strip_suffix(['d', 'D']).and_then(|digits| digits.trim().parse().ok());
    match days {
        Some(days) => PlanDuration::days(days),
        None => {
            Err(format!("the duration {text:?} is neither a number of days such as `30d` nor `lifetime`"))
        }
    }
}

/// A time from now: `30d`, `12h`, `45m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SpanArg(pub(super) SignedDuration);

impl FromStr for SpanArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a time such as 30d, 12h or 45m");
        let text = text.trim();
        let unit = text.chars().last().ok_or_else(wrong)?;
        let minutes_of_unit = match unit {
            'd' => 24 * 60,
            'h' => 60,
            'm' => 1,
            _ => return Err(wrong()),
        };
        let count: i64 = text[..text.len() - 1].trim().parse().map_err(|_| wrong())?;
        let minutes = count.checked_mul(minutes_of_unit).filter(|minutes| *minutes > 0);
        match minutes {
            Some(minutes) if minutes <= SPAN_HOURS_MAX * 60 => Ok(Self(SignedDuration::from_mins(minutes))),
            Some(_) => Err(format!("{text:?} is longer than ten years; leave the option away for no limit")),
            None => Err(wrong()),
        }
    }
}

/// A moment: a time before now (`2d`), a day (`2026-11-01`, its first instant in UTC) or an instant (`2026-11-01T08:00:00Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MomentArg {
    /// So long before now.
    Before(SignedDuration),
    /// At that instant.
    At(Timestamp),
}

impl MomentArg {
    /// Which instant it is.
    pub(super) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Before(span) => now.checked_sub(span).unwrap_or(Timestamp::MIN),
            Self::At(at) => at,
        }
    }
}

impl FromStr for MomentArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let day = format!("{text}T00:00:00Z").parse();
        if let Ok(at) = text.parse().or(day) {
            return Ok(Self::At(at));
        }
        text.parse::<SpanArg>().map(|span| Self::Before(span.0)).map_err(|_| {
            format!("{text:?} is no time before now such as 2d, no day such as 2026-11-01 and no instant such as 2026-11-01T08:00:00Z")
        })
    }
}

/// Reads a payment's id in either form.
pub(super) fn payment_arg(text: &str) -> Result<ProviderPaymentId, String> {
    crate::view::parse_payment_id(text).map_err(|_| {
        "a payment is given by the provider's number (4479119533) or by our id (np_4479119533)".to_owned()
    })
}

/// How long a list may get.
#[derive(Debug, Args)]
pub(super) struct Limit {
    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = PAGE_LENGTH_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=i64::from(PAGE_LENGTH_MAX)))]
    pub(super) limit: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Result<NewPlan, String> {
        text.parse::<PlanArg>().map(|plan| plan.0)
    }

    #[test]
    fn a_plan_reads_as_it_is_written() {
        let monthly = plan("Monthly=5.00 USD/30d").unwrap();
        assert_eq!((monthly.label.as_str(), monthly.price.to_string().as_str()), ("Monthly", "5.00 USD"));
        assert_eq!(monthly.duration, PlanDuration::Days(30));
        assert_eq!(plan(" Life = 99 usdttrc20 / Lifetime ").unwrap().duration, PlanDuration::Lifetime);
    }

    #[test]
    fn a_moment_is_a_time_before_now_a_day_or_an_instant() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let at = |text: &str| text.parse::<MomentArg>().map(|moment| moment.at(now).to_string());
        assert_eq!(at("2d").unwrap(), "2026-11-22T12:00:00Z");
        assert_eq!(at(" 2026-11-01 ").unwrap(), "2026-11-01T00:00:00Z");
        assert_eq!(at("2026-11-01T10:00:00+02:00").unwrap(), "2026-11-01T08:00:00Z");
        for wrong in ["yesterday", "2", "2026-11", "2026-02-30", ""] {
            assert!(at(wrong).unwrap_err().contains("2d"), "{wrong}");
        }
    }

    #[test]
    fn f40_a_plan_that_cannot_be_says_which_part_is_wrong() {
        for (text, part) in [
            ("Monthly", "`=`"),
            ("Monthly=5.00 USD", "`/`"),
            ("=5.00 USD/30d", "label"),
            ("Monthly=5.00/30d", "AMOUNT CURRENCY"),
            ("Monthly=five USD/30d", "\"five\""),
            ("Monthly=-5 USD/30d", "\"-5\""),
            ("Monthly=0.00 USD/30d", "above zero"),
            ("Monthly=5.00 U$D/30d", "U$D"),
            ("Monthly=5.00 USD/30", "\"30\""),
            ("Monthly=5.00 USD/0d", "0 days"),
            ("Monthly=5.00 USD/40000d", "40000 days"),
            ("Monthly=5.00 USD/ever", "\"ever\""),
        ] {
            let error = plan(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn spans_read_and_are_bounded() {
        let hours = |text: &str| text.parse::<SpanArg>().map(|span| span.0.as_hours());
        assert_eq!(hours("30d"), Ok(720));
        assert_eq!(hours("12h"), Ok(12));
        for bad in ["", "d", "0d", "-1d", "30", "1w", "1é", "99999999999999999999d", "4000d"] {
            assert!(hours(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn channels_and_links_are_named_in_every_form_that_an_owner_sees() {
        assert_eq!("-1003016667267".parse(), Ok(ChannelArg::Chat(-1_003_016_667_267)));
        assert!(matches!("chn_00000000000000000000000000000007".parse(), Ok(ChannelArg::Id(_))));
        for bad in ["1003016667267", "Signals", "ord_00000000000000000000000000000007", "0"] {
            assert!(bad.parse::<ChannelArg>().is_err(), "{bad}");
        }
        let slug = LinkArg::Slug("aZ09aZ09aZ0".to_owned());
        assert_eq!("aZ09aZ09aZ0".parse(), Ok(slug.clone()));
        assert_eq!("https://pay.example.org/c/aZ09aZ09aZ0/".parse(), Ok(slug));
        assert!("lnk_7".parse::<LinkArg>().is_err());
    }
}
