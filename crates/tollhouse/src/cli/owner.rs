//! `tollhouse owner quiet-hours | show`: when an owner or operator is not to be disturbed.

use clap::{Args, Subcommand};
use jiff::civil::Time;
use serde::Serialize;
use tollhouse_telegram::ChatId;

use super::error::CliError;
use super::output::block;
use super::session::Session;
use crate::notices::{self, QuietHours};

#[derive(Debug, Subcommand)]
pub(super) enum OwnerCommand {
    /// Hold messages to an owner or operator back at night
    ///
    /// They are sent when the quiet hours end. What is urgent comes all the same, unless --hold-urgent: money that cannot be placed because
    /// of a missing channel or plan, a price that nobody can pay, a member who has paid and is banned, removals that have stopped, and
    /// faults of this program.
    QuietHours(QuietArgs),
    /// Show what is set for an owner or operator
    Show(OneOwner),
}

#[derive(Debug, Args)]
pub(super) struct OneOwner {
    /// The owner's or operator's Telegram user id, or an operators' group
    #[arg(long, value_name = "TELEGRAM_ID", allow_negative_numbers = true)]
    user: i64,
}

#[derive(Debug, Args)]
pub(super) struct QuietArgs {
    #[command(flatten)]
    owner: OneOwner,
    /// Their time zone, by its name in the tz database
    #[arg(long, value_name = "ZONE", required_unless_present = "off", conflicts_with = "off")]
    zone: Option<String>,
    /// When it becomes quiet, by their clock
    #[arg(long, value_name = "HH:MM", required_unless_present = "off", conflicts_with = "off")]
    from: Option<Time>,
    /// When the quiet ends; on the next day if that is not after the beginning
    #[arg(long, value_name = "HH:MM", required_unless_present = "off", conflicts_with = "off")]
    to: Option<Time>,
    /// Hold back what is urgent, too
    #[arg(long, conflicts_with = "off")]
    hold_urgent: bool,
    /// No quiet hours any more
    #[arg(long)]
    off: bool,
}

/// What is set for an owner.
#[derive(Debug, Serialize)]
struct Shown {
    telegram_user: String,
    quiet_hours: Option<Quiet>,
    language: String,
}

#[derive(Debug, Serialize)]
struct Quiet {
    zone: String,
    from: String,
    to: String,
    hold_urgent: bool,
}

/// Carries a command about an owner out.
pub(super) async fn run(session: &Session, command: OwnerCommand) -> Result<(), CliError> {
    let owner = match command {
        OwnerCommand::QuietHours(args) => {
            let hours = match (args.zone, args.from, args.to) {
                (Some(zone), Some(from), Some(to)) => {
                    let hours = QuietHours { zone, from, to, hold_urgent: args.hold_urgent };
                    hours.check().map_err(|error| CliError::Usage(error.to_string()))?;
                    Some(hours)
                }
                _ => None,
            };
            notices::set_quiet_hours(&*session.app.store, ChatId(args.owner.user), hours.as_ref()).await?;
            args.owner
        }
        OwnerCommand::Show(owner) => owner,
    };
    show(session, owner.user).await
}

async fn show(session: &Session, user: i64) -> Result<(), CliError> {
    let hours = notices::quiet_hours(&*session.app.store, ChatId(user)).await?;
    let language = match tollhouse_core::id::TelegramUserId::new(user) {
        Ok(user) => session.app.language_of(user).await,
        Err(_) => crate::texts::Language::default(),
    };
    let clock = |time: Time| time.strftime("%H:%M").to_string();
    let shown = Shown {
        telegram_user: user.to_string(),
        quiet_hours: hours.map(|hours| Quiet {
            from: clock(hours.from),
            to: clock(hours.to),
            zone: hours.zone,
            hold_urgent: hours.hold_urgent,
        }),
        language: language.tag().to_owned(),
    };
    Ok(session.out.answer(&shown, |shown| {
        let quiet = shown.quiet_hours.as_ref().map_or_else(
            || "none: messages come at any time".to_owned(),
            |quiet| {
                let urgent =
                    if quiet.hold_urgent { "urgent ones, too" } else { "urgent ones come all the same" };
                format!("{} to {}, {} ({urgent})", quiet.from, quiet.to, quiet.zone)
            },
        );
        block(&[
            ("Telegram user", shown.telegram_user.clone()),
            ("Quiet hours", quiet),
            ("Language", shown.language.clone()),
        ])
    })?)
}
