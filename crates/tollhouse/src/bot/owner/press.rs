//! What owners' buttons carry: the name of a card or an act, and of what it is about. Ids go in base64, since Telegram allows a button
//! 64 bytes.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use tollhouse_core::id::{ChannelId, MembershipId, PlanId};
use tollhouse_telegram::Button;
use uuid::Uuid;

use super::cards::To;

/// What the data begins with.
const PREFIX: &str = "own:";

/// A press on one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// The list of one's channels, and where it leads, behind this one.
    Channels(To, Option<ChannelId>),
    /// A channel's card.
    Channel(ChannelId),
    /// Its plans.
    Plans(ChannelId),
    /// A plan's card.
    Plan(PlanId),
    /// One more plan.
    AddPlan(ChannelId),
    /// A plan's payment link.
    Link(PlanId),
    /// Whether to take a plan off sale.
    Retire(PlanId),
    /// Takes it off sale.
    RetireNow(PlanId),
    /// Its members, behind this one.
    Members(ChannelId, Option<MembershipId>),
    /// Its sales.
    Sales(ChannelId),
    /// Where one is paid out.
    Payout(ChannelId),
    /// Changes that.
    ChangePayout(ChannelId),
    /// How its offer stands.
    Offer(ChannelId),
    /// Posts it.
    PostOffer(ChannelId),
    /// Posts it every so many hours from then on; 0 is only when asked for.
    PostEvery(ChannelId, u32),
    /// Takes a change back that would count from then on.
    KeepPayout(ChannelId, Timestamp),
}

impl Press {
    /// The button.
    #[must_use]
    pub fn button(self, text: impl Into<String>) -> Button {
        Button::callback(text, self.data())
    }

    fn data(self) -> String {
        let of = |name: &str, id: Uuid| format!("{PREFIX}{name}:{}", BASE64URL_NOPAD.encode(id.as_bytes()));
        let and = |first: String, id: Uuid| format!("{first}:{}", BASE64URL_NOPAD.encode(id.as_bytes()));
        match self {
            Self::Channels(to, None) => format!("{PREFIX}{}", list(to)),
            Self::Channels(to, Some(id)) => of(list(to), id.0),
            Self::Channel(id) => of("ch", id.0),
            Self::Plans(id) => of("ps", id.0),
            Self::Plan(id) => of("pl", id.0),
            Self::AddPlan(id) => of("pa", id.0),
            Self::Link(id) => of("ln", id.0),
            Self::Retire(id) => of("rt", id.0),
            Self::RetireNow(id) => of("rn", id.0),
            Self::Members(id, None) => of("ms", id.0),
            Self::Members(id, Some(before)) => and(of("ms", id.0), before.0),
            Self::Sales(id) => of("sl", id.0),
            Self::Payout(id) => of("po", id.0),
            Self::ChangePayout(id) => of("pc", id.0),
            Self::Offer(id) => of("of", id.0),
            Self::PostOffer(id) => of("op", id.0),
            Self::PostEvery(id, hours) => format!("{}:{hours}", of("oe", id.0)),
            Self::KeepPayout(id, at) => format!("{}:{}", of("pk", id.0), at.as_microsecond()),
        }
    }

    /// Reads what a button carries; `None` for anything that is none of these.
    #[must_use]
    pub fn read(data: &str) -> Option<Self> {
        let mut parts = data.strip_prefix(PREFIX)?.split(':');
        let name = parts.next()?;
        let (first, second) = (parts.next(), parts.next());
        if parts.next().is_some() {
            return None;
        }
        let channel = || id(first?).map(ChannelId);
        let plan = || id(first?).map(PlanId);
        if let Some(to) = To::ALL.into_iter().find(|to| list(*to) == name) {
            return match (first, second) {
                (None, None) => Some(Self::Channels(to, None)),
                (Some(_), None) => Some(Self::Channels(to, Some(channel()?))),
                _ => None,
            };
        }
        Some(match (name, second) {
            ("ch", None) => Self::Channel(channel()?),
            ("ps", None) => Self::Plans(channel()?),
            ("pl", None) => Self::Plan(plan()?),
            ("pa", None) => Self::AddPlan(channel()?),
            ("ln", None) => Self::Link(plan()?),
            ("rt", None) => Self::Retire(plan()?),
            ("rn", None) => Self::RetireNow(plan()?),
            ("ms", None) => Self::Members(channel()?, None),
            ("ms", Some(before)) => Self::Members(channel()?, Some(MembershipId(id(before)?))),
            ("sl", None) => Self::Sales(channel()?),
            ("po", None) => Self::Payout(channel()?),
            ("pc", None) => Self::ChangePayout(channel()?),
            ("of", None) => Self::Offer(channel()?),
            ("op", None) => Self::PostOffer(channel()?),
            ("oe", Some(hours)) => Self::PostEvery(channel()?, hours.parse().ok()?),
            ("pk", Some(at)) => {
                Self::KeepPayout(channel()?, Timestamp::from_microsecond(at.parse().ok()?).ok()?)
            }
            _ => return None,
        })
    }
}

/// What a list of channels is called, by where it leads.
fn list(to: To) -> &'static str {
    match to {
        To::Card => "cs",
        To::Plans => "lp",
        To::Members => "lm",
        To::Sales => "ls",
        To::Offer => "lo",
    }
}

fn id(text: &str) -> Option<Uuid> {
    Uuid::from_slice(&BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_reads_back_and_fits_into_a_button() {
        let (a, b) = (Uuid::from_u128(u128::MAX), Uuid::from_u128(7));
        let (channel, plan) = (ChannelId(a), PlanId(b));
        for press in [
            Press::Channels(To::Card, None),
            Press::Channels(To::Card, Some(channel)),
            Press::Channels(To::Plans, Some(channel)),
            Press::Channels(To::Members, Some(channel)),
            Press::Channels(To::Sales, Some(channel)),
            Press::Channels(To::Offer, Some(channel)),
            Press::Channel(channel),
            Press::Plans(channel),
            Press::Plan(plan),
            Press::AddPlan(channel),
            Press::Link(plan),
            Press::Retire(plan),
            Press::RetireNow(plan),
            Press::Members(channel, None),
            Press::Members(channel, Some(MembershipId(b))),
            Press::Sales(channel),
            Press::Payout(channel),
            Press::ChangePayout(channel),
            Press::Offer(channel),
            Press::PostOffer(channel),
            Press::PostEvery(channel, u32::MAX),
            Press::KeepPayout(channel, "9999-12-30T21:59:59.999999Z".parse().unwrap()),
        ] {
            let data = press.data();
            assert!(data.len() <= tollhouse_telegram::CALLBACK_DATA_BYTES_MAX, "{data}");
            assert_eq!(Press::read(&data), Some(press), "{data}");
        }
    }

    #[test]
    fn f53_what_is_none_of_these_is_nothing() {
        let long = format!("own:ms:{0}:{0}:{0}", "A".repeat(22));
        for data in
            ["", "own:", "own:ch", "own:ch:", "own:ch:AAAA", "own:xx:AAAAAAAAAAAAAAAAAAAAAA", &long, "plan:1"]
        {
            assert_eq!(Press::read(data), None, "{data}");
        }
    }
}
