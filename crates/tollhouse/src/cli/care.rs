//! `tollhouse channel freeze | unfreeze | whitelist`: what an owner decides about the people in a channel.

use clap::{Args, Subcommand};
use tollhouse_core::command::Command;
use tollhouse_core::id::TelegramUserId;
use tollhouse_core::removal::SwitchName;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{PAGE_LENGTH_MAX, PresenceFilter};

use super::args::{ChannelArg, OneChannel};
use super::error::CliError;
use super::output::{block, or_nothing, table, when_or_nothing};
use super::session::{Session, all_pages};
use crate::view;

#[derive(Debug, Args)]
pub(super) struct FreezeArgs {
    /// The channel: its id (chn_…) or the number of one of its chats (-100…)
    #[arg(value_name = "CHANNEL", allow_negative_numbers = true, required_unless_present_any = ["all", "channel"], conflicts_with_all = ["all", "channel"])]
    positional: Option<ChannelArg>,
    /// The same, as an option
    #[arg(long, value_name = "CHANNEL", allow_negative_numbers = true, conflicts_with = "all")]
    channel: Option<ChannelArg>,
    /// Every channel at once, those to come too
    #[arg(long)]
    all: bool,
    /// Why; it goes into the audit log
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Subcommand)]
pub(super) enum WhitelistCommand {
    /// Let somebody be inside without paying
    Add(WhitelistArgs),
    /// No longer; who is inside then is treated as a stranger
    Remove(WhitelistArgs),
    /// Show who may be inside without paying
    List(OneChannel),
}

#[derive(Debug, Args)]
pub(super) struct WhitelistArgs {
    #[command(flatten)]
    channel: OneChannel,
    /// Their Telegram user id
    #[arg(long, value_name = "TELEGRAM_ID")]
    user: TelegramUserId,
    /// Why; it goes into the audit log
    #[arg(long)]
    reason: String,
}

/// Freezes removals, or lets them go on.
pub(super) async fn freeze(session: &Session, args: FreezeArgs, freeze: bool) -> Result<(), CliError> {
    let named = args.positional.or(args.channel);
    let channel_id = session.channel_id(named.as_ref()).await?;
    let command =
        Command::FreezeRemovals { channel_id, freeze, reason: args.reason, actor: session.actor.clone() };
    session.submit(command).await?;
    let mut needs = Needs::default();
    needs.channels.extend(channel_id);
    needs.switches.insert(SwitchName::Removals);
    let snapshot = session.app.store.snapshot(needs).await?;
    let stands = match channel_id {
        Some(id) => snapshot.channels.get(&id).and_then(|channel| channel.frozen.as_ref()),
        None => snapshot.switches.get(&SwitchName::Removals).and_then(|switch| switch.freeze.as_ref()),
    };
    Ok(session.out.answer(&view::Freeze::new(channel_id, stands), |freeze| {
        block(&[
            ("Channel", freeze.channel_id.map_or_else(|| "every one".to_owned(), |id| id.to_string())),
            (
                "Removals",
                if freeze.frozen { "frozen" } else { "go on, within a quarter of an hour" }.to_owned(),
            ),
            ("Since", when_or_nothing(freeze.frozen_at)),
            ("By", or_nothing(freeze.by.as_ref())),
            ("Reason", or_nothing(freeze.reason.as_ref())),
        ])
    })?)
}

/// Carries a command on the white list out.
pub(super) async fn whitelist(session: &Session, command: WhitelistCommand) -> Result<(), CliError> {
    let (args, listed) = match command {
        WhitelistCommand::Add(args) => (args, true),
        WhitelistCommand::Remove(args) => (args, false),
        WhitelistCommand::List(which) => {
            let channel_id = session.channel(&which.get()).await?.id;
            return list(session, channel_id).await;
        }
    };
    let channel_id = session.channel(&args.channel.get()).await?.id;
    let actor = session.actor.clone();
    let change = Command::Whitelist { channel_id, user: args.user, listed, reason: args.reason, actor };
    session.submit(change).await?;
    list(session, channel_id).await
}

async fn list(session: &Session, channel_id: tollhouse_core::id::ChannelId) -> Result<(), CliError> {
    let store = &session.app.store;
    let page = |before| {
        store.presences(PresenceFilter {
            channel: Some(channel_id),
            listed: true,
            before,
            limit: PAGE_LENGTH_MAX,
            ..PresenceFilter::default()
        })
    };
    let guests = all_pages(|presence| presence.id, page).await?;
    let rows: Vec<view::Guest> = guests.iter().map(view::Guest::from).collect();
    Ok(session.out.answer(&rows, |rows| {
        let cells = rows.iter().map(|guest| {
            [
                guest.telegram_user.to_string(),
                or_nothing(guest.standing.map(|standing| standing.as_str())),
                when_or_nothing(guest.listed_at),
                or_nothing(guest.by.as_ref()),
                or_nothing(guest.reason.as_ref()),
            ]
        });
        let headline = ["USER", "IN THE CHAT", "LISTED", "BY", "REASON"];
        table(headline, cells.collect(), "Nobody is on the channel's white list.")
    })?)
}
