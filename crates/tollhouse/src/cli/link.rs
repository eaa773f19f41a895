//! `tollhouse link`: addresses to share.

use clap::Subcommand;
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::id::{LinkId, PlanId};
use tollhouse_core::link::PayLink;
use tollhouse_core::membership::later;
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_store::LinkFilter;

use super::args::{ChannelArg, Limit, LinkArg, SpanArg};
use super::error::CliError;
use super::output::{block, or_nothing, table, when, when_or_nothing};
use super::session::{Session, unexpected};
use crate::view;

#[derive(Debug, Subcommand)]
pub(super) enum LinkCommand {
    /// Make a payment link for a plan
    ///
    /// The link names the plan only: price and duration are those of the plan, whatever somebody does to the address.
    Create {
        /// The channel: its id (chn_…) or the number of one of its chats (-100…)
        #[arg(long, value_name = "CHANNEL", allow_negative_numbers = true)]
        channel: ChannelArg,
        /// The plan (pln_…), as `tollhouse channel show` lists it
        #[arg(long, value_name = "PLAN")]
        plan: PlanId,
        /// How long it works: 30d, 12h, 45m; for ever if you leave this away
        #[arg(long, value_name = "TIME")]
        expires: Option<SpanArg>,
        /// How many orders it may make; any number if you leave this away
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        max_uses: Option<u32>,
    },
    /// Show payment links
    List {
        /// Only those of a channel
        #[arg(long, value_name = "CHANNEL", allow_negative_numbers = true)]
        channel: Option<ChannelArg>,
        #[command(flatten)]
        limit: Limit,
        /// Only those behind this one: the last of the page before
        #[arg(long, value_name = "LINK_ID")]
        before: Option<LinkId>,
    },
    /// Take a payment link back; orders that were made from it stay
    Revoke {
        /// The link: its id (lnk_…), its address or the last part of it
        link: LinkArg,
    },
}

/// Carries a command out.
pub(super) async fn run(session: &Session, command: LinkCommand) -> Result<(), CliError> {
    match command {
        LinkCommand::Create { channel, plan, expires, max_uses } => {
            let channel_id = session.channel(&channel).await?.id;
            let expires_at = expires.map(|span| later(session.now(), span.0));
            let create = Command::CreateLink {
                channel_id,
                plan_id: plan,
                expires_at,
                max_uses,
                actor: session.actor.clone(),
            };
            let outcome = session.submit(create).await?;
            let Outcome::Link(id) = outcome else { return Err(unexpected(&outcome)) };
            show(session, id).await
        }
        LinkCommand::List { channel, limit, before } => list(session, channel.as_ref(), &limit, before).await,
        LinkCommand::Revoke { link } => {
            let (link, _) = find(session, &link).await?;
            let link_id = link.id;
            session.submit(Command::RevokeLink { link_id, actor: session.actor.clone() }).await?;
            show(session, link_id).await
        }
    }
}

async fn show(session: &Session, id: LinkId) -> Result<(), CliError> {
    let (link, rows) = find(session, &LinkArg::Id(id)).await?;
    let link = view_of(session, &link, &rows);
    Ok(session.out.answer(&link, in_full)?)
}

async fn list(
    session: &Session,
    channel: Option<&ChannelArg>,
    limit: &Limit,
    before: Option<LinkId>,
) -> Result<(), CliError> {
    let channel = session.channel_id(channel).await?;
    let links = session.app.store.links(LinkFilter { channel, before, limit: limit.limit }).await?;
    let channels = links.iter().map(|link| link.channel_id).collect();
    let sold = session.app.store.snapshot(Needs { channels, ..Needs::default() }).await?;
    let rows: Vec<view::Link> = links.iter().map(|link| view_of(session, link, &sold)).collect();
    let last = links.last().map(|link| link.id.to_string());
    session.list(&rows, limit.limit, last, || {
        let cells = rows.iter().map(|link| {
            [
                link.id.to_string(),
                link.url.clone(),
                link.state.as_str().to_owned(),
                uses(link),
                when_or_nothing(link.expires_at),
                link.plan_id.to_string(),
            ]
        });
        let headline = ["ID", "ADDRESS", "STATE", "USES", "EXPIRES", "PLAN"];
        table(headline, cells.collect(), "No payment links. Make one with `tollhouse link create`.")
    })
}

/// A link, and the rows in which its channel is.
async fn find(session: &Session, named: &LinkArg) -> Result<(PayLink, Snapshot), CliError> {
    let mut needs = Needs::default();
    let name = match named {
        LinkArg::Id(id) => {
            needs.links.insert(*id);
            id.to_string()
        }
        LinkArg::Slug(slug) => {
            needs.slugs.insert(slug.clone());
            slug.clone()
        }
    };
    let snapshot = session.app.store.snapshot(needs).await?;
    let missing = || CliError::Failed(format!("no payment link {name}; `tollhouse link list` shows them"));
    let link = snapshot.links.values().next().cloned().ok_or_else(missing)?;
    Ok((link, snapshot))
}

fn view_of(session: &Session, link: &PayLink, rows: &Snapshot) -> view::Link {
    let channel = rows.channels.get(&link.channel_id);
    view::Link::new(link, channel, session.app.public_url(&format!("/c/{}", link.slug)), session.now())
}

fn uses(link: &view::Link) -> String {
    match link.max_uses {
        Some(max) => format!("{} of {max}", link.uses),
        None => link.uses.to_string(),
    }
}

fn in_full(link: &view::Link) -> String {
    block(&[
        ("Link", link.id.to_string()),
        ("Address", link.url.clone()),
        ("Channel", link.channel_id.to_string()),
        ("Plan", link.plan_id.to_string()),
        ("State", link.state.as_str().to_owned()),
        ("Uses", uses(link)),
        ("Expires", when_or_nothing(link.expires_at)),
        ("Made", when(link.created_at)),
        ("Taken back", or_nothing(link.revoked_at.map(when))),
    ])
}
