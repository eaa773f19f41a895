//! `tollhouse channel post | offer`: the offer in a channel's public chat.

use std::str::FromStr;

use clap::Args;
use rust_decimal::Decimal;
use tollhouse_core::channel::Channel;
use tollhouse_core::command::{Command, OfferChange};
use tollhouse_core::money::{Currency, exact_amount};
use tollhouse_core::offer::{Donations, Offer};
use tollhouse_core::snapshot::Needs;

use super::args::{ChannelArg, OneChannel};
use super::error::CliError;
use super::output::{self, block, or_nothing, when, when_or_nothing};
use super::session::Session;
use crate::view;

/// How what donors are offered is written, for errors and help.
const DONATIONS_EXAMPLE: &str = "\"5,10,25 USD\" or off";
/// Hours of a day.
const DAY_HOURS: u32 = 24;

#[derive(Debug, Args)]
pub(super) struct OfferArgs {
    #[command(flatten)]
    channel: OneChannel,
    /// What stands below the title, in your words; `none` takes it away
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// How often the offer is posted anew: 12h, 1d, 7d, or `never` to post it only when you ask for it
    #[arg(long, value_name = "TIME")]
    every: Option<Every>,
    /// The amounts that are offered to donors, "5,10,25 USD"; `off` takes the button away, `on` brings it back
    #[arg(long, value_name = "AMOUNTS")]
    donations: Option<DonationsArg>,
    /// The smallest donation that is taken, in the currency of the amounts
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    donation_min: Option<Decimal>,
    /// The largest donation that is taken, in the currency of the amounts
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    donation_max: Option<Decimal>,
}

/// How often an offer is posted, in hours; nothing is only when asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Every(Option<u32>);

impl FromStr for Every {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim().to_ascii_lowercase();
        if text == "never" {
            return Ok(Self(None));
        }
        let hours = match (text.strip_suffix('d'), text.strip_suffix('h')) {
            (Some(days), _) => days.parse().ok().and_then(|days: u32| days.checked_mul(DAY_HOURS)),
            (_, Some(hours)) => hours.parse().ok(),
            _ => None,
        };
        hours
            .map(|hours| Self(Some(hours)))
            .ok_or_else(|| format!("{text:?} is no time such as 12h or 1d, and not `never`"))
    }
}

/// What donors are offered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum DonationsArg {
    /// The button is there, or not.
    Open(bool),
    /// These amounts.
    Amounts(Vec<Decimal>, Currency),
}

impl FromStr for DonationsArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.to_ascii_lowercase().as_str() {
            "on" => return Ok(Self::Open(true)),
            "off" => return Ok(Self::Open(false)),
            _ => {}
        }
        let (amounts, currency) = text
            .rsplit_once(char::is_whitespace)
            .ok_or_else(|| format!("there is no currency behind the amounts; write {DONATIONS_EXAMPLE}"))?;
        let currency = Currency::new(currency).map_err(|error| error.to_string())?;
        let amounts = amounts.split(',').map(amount).collect::<Result<Vec<Decimal>, String>>()?;
        Ok(Self::Amounts(amounts, currency))
    }
}

fn amount(text: &str) -> Result<Decimal, String> {
    exact_amount(text.trim()).map_err(|error| error.to_string())
}

impl OfferArgs {
    /// What is to be different.
    fn change(&self, before: &Offer) -> OfferChange {
        let mut donations = before.donations.clone();
        match &self.donations {
            Some(DonationsArg::Open(open)) => donations.open = *open,
            Some(DonationsArg::Amounts(amounts, currency)) => {
                donations = Donations {
                    open: true,
                    currency: currency.clone(),
                    amounts: amounts.clone(),
                    ..donations
                };
            }
            None => {}
        }
        donations.least = self.donation_min.unwrap_or(donations.least);
        donations.most = self.donation_max.unwrap_or(donations.most);
        OfferChange {
            description: self.description.as_ref().map(|text| (text.trim() != "none").then(|| text.clone())),
            every_hours: self.every.map(|every| every.0),
            donations: (donations != before.donations).then_some(donations),
        }
    }
}

/// Shows the offer, after changing what is to be different.
pub(super) async fn offer(session: &Session, args: &OfferArgs) -> Result<(), CliError> {
    let channel = session.channel(&args.channel.get()).await?;
    let change = args.change(&load(session, &channel).await?);
    if change != OfferChange::default() {
        let (change, actor) = (Box::new(change), session.actor.clone());
        session.submit(Command::SetOffer { channel_id: channel.id, change, actor }).await?;
    }
    show(session, &channel).await
}

/// Has the offer posted now.
pub(super) async fn post(session: &Session, channel: &OneChannel) -> Result<(), CliError> {
    let channel = session.channel(&channel.get()).await?;
    session.submit(Command::PostOffer { channel_id: channel.id, actor: session.actor.clone() }).await?;
    output::hint("`tollhouse serve` posts it; `tollhouse channel offer` shows when it stands");
    show(session, &channel).await
}

async fn load(session: &Session, channel: &Channel) -> Result<Offer, CliError> {
    let mut needs = Needs::default();
    needs.offers.insert(channel.id);
    let snapshot = session.app.store.snapshot(needs).await?;
    Ok(snapshot.offers.get(&channel.id).cloned().unwrap_or_else(|| Offer::new(channel.id, session.now())))
}

async fn show(session: &Session, channel: &Channel) -> Result<(), CliError> {
    let channel = session.channel(&ChannelArg::Id(channel.id)).await?;
    let offer = view::Offer::new(&channel, &load(session, &channel).await?);
    Ok(session.out.answer(&offer, |offer| in_full(&channel, offer))?)
}

fn in_full(channel: &Channel, offer: &view::Offer) -> String {
    let every = offer
        .every_hours
        .map_or_else(|| "only when you ask for it".to_owned(), |hours| format!("every {hours} h"));
    let donations = if offer.donations.open {
        let amounts: Vec<String> =
            offer.donations.amounts.iter().map(|amount| amount.amount.to_string()).collect();
        let (least, most) = (&offer.donations.least, &offer.donations.most);
        format!(
            "{} {}; {} to {most}",
            amounts.join(", "),
            most.currency.as_str().to_uppercase(),
            least.amount
        )
    } else {
        "none".to_owned()
    };
    block(&[
        ("Channel", channel.id.to_string()),
        ("Title", channel.title.clone()),
        ("Public chat", or_nothing(offer.public_chat_id)),
        ("Description", or_nothing(offer.description.as_ref())),
        ("Donations", donations),
        ("Posted", every),
        ("Next post", when_or_nothing(offer.next_at)),
        (
            "Stands",
            offer.post.as_ref().map_or_else(
                || "nowhere".to_owned(),
                |post| format!("message {} since {}", post.message_id, when(post.posted_at)),
            ),
        ),
        ("To be removed", or_nothing((!offer.former.is_empty()).then_some(offer.former.len()))),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_between_posts_is_read_or_refused_with_what_is_right() {
        for (text, hours) in [("12h", Some(12)), (" 1D ", Some(24)), ("7d", Some(168)), ("never", None)] {
            assert_eq!(text.parse(), Ok(Every(hours)), "{text}");
        }
        for text in ["", "d", "24", "1w", "-1h", "1.5h", "99999999999d", "4294967295d"] {
            let error = text.parse::<Every>().unwrap_err();
            assert!(error.contains("12h"), "{text}: {error}");
        }
    }

    #[test]
    fn donations_are_read_as_an_owner_writes_them() {
        let amounts = [Decimal::from(5), Decimal::new(750, 2)].to_vec();
        let usd = Currency::new("usd").unwrap();
        assert_eq!("5, 7.50 USD".parse(), Ok(DonationsArg::Amounts(amounts, usd)));
        assert_eq!("OFF".parse(), Ok(DonationsArg::Open(false)));
        for text in ["", "5,10", "five USD", "5,,10 USD", "-5 USD", "5 U$D"] {
            assert!(text.parse::<DonationsArg>().is_err(), "{text}");
        }
    }
}
