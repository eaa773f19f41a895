//! `tollhouse channel census`: who is inside, held against who has paid.

use std::collections::BTreeMap;

use clap::Args;
use tollhouse_core::channel::Channel;
use tollhouse_core::command::Command;
use tollhouse_core::id::TelegramUserId;
use tollhouse_core::membership::Membership;
use tollhouse_core::presence::{Presence, Standing};
use tollhouse_store::{MembershipFilter, PAGE_LENGTH_MAX, PresenceFilter};
use tollhouse_telegram::{ChatId, Error as TelegramError, Gateway, MemberStatus, Missing, UserId};

use super::args::OneChannel;
use super::error::CliError;
use super::output::{block, or_nothing, table, when_or_nothing};
use super::session::{Session, all_pages};
use crate::view;

#[derive(Debug, Args)]
pub(super) struct CensusArgs {
    #[command(flatten)]
    channel: OneChannel,
    /// Ask Telegram about everybody whom we know of first; takes a call for each
    #[arg(long)]
    ask: bool,
}

/// Everything that is known of the people of a channel.
struct People {
    members: BTreeMap<TelegramUserId, Membership>,
    presences: BTreeMap<TelegramUserId, Presence>,
}

/// Takes a census.
pub(super) async fn run(session: &Session, args: CensusArgs) -> Result<(), CliError> {
    let channel = session.channel(&args.channel.get()).await?;
    let chat = ChatId(channel.private_chat.get());
    if args.ask {
        let gateway = session.app.gateway.as_ref().ok_or_else(|| {
            CliError::Failed("--ask needs the bot: set TOLLHOUSE_TELEGRAM_BOT_TOKEN".to_owned())
        })?;
        ask(session, gateway, &channel).await?;
    }
    let people = people(session, &channel).await?;
    let in_chat = match &session.app.gateway {
        None => None,
        // The rest of the census does not hang on it.
        Some(gateway) => gateway
            .get_chat_member_count(chat)
            .await
            .inspect_err(|error| super::output::hint(&format!("Telegram did not tell the number: {error}")))
            .ok(),
    };
    let census = census(session, &channel, &people, in_chat);
    Ok(session.out.answer(&census, in_full)?)
}

async fn people(session: &Session, channel: &Channel) -> Result<People, CliError> {
    let store = &session.app.store;
    let channel_id = Some(channel.id);
    let memberships = all_pages(
        |membership: &Membership| membership.id,
        |before| {
            store.memberships(MembershipFilter {
                channel: channel_id,
                before,
                limit: PAGE_LENGTH_MAX,
                ..MembershipFilter::default()
            })
        },
    )
    .await?;
    let presences = all_pages(
        |presence: &Presence| presence.id,
        |before| {
            store.presences(PresenceFilter {
                channel: channel_id,
                before,
                limit: PAGE_LENGTH_MAX,
                ..PresenceFilter::default()
            })
        },
    )
    .await?;
    Ok(People {
        members: memberships.into_iter().map(|membership| (membership.user, membership)).collect(),
        presences: presences.into_iter().map(|presence| (presence.user, presence)).collect(),
    })
}

/// Asks Telegram about each of them, and keeps what it says.
async fn ask(session: &Session, gateway: &Gateway, channel: &Channel) -> Result<(), CliError> {
    let known = people(session, channel).await?;
    let users: std::collections::BTreeSet<TelegramUserId> =
        known.members.keys().chain(known.presences.keys()).copied().collect();
    let chat = ChatId(channel.private_chat.get());
    let mut unknown = 0_u32;
    for user in users {
        let standing = match gateway.get_chat_member(chat, UserId(user.get())).await {
            Ok(member) => match member.status {
                MemberStatus::Creator | MemberStatus::Administrator(_) => Standing::Admin,
                MemberStatus::Kicked { .. } => Standing::Banned,
                // A bot can never have bought, and is no stranger either.
                status if status.is_inside() && member.user.is_bot => continue,
                status if status.is_inside() => Standing::Inside,
                _ => Standing::Outside,
            },
            Err(TelegramError::NotFound(Missing::Member)) => Standing::Outside,
            // Whom the bot never met may be inside all the same: what is known of them stays as it is.
            Err(TelegramError::NotFound(Missing::User)) => {
                unknown += 1;
                continue;
            }
            Err(error) => return Err(CliError::Failed(format!("asking about {user}: {error}"))),
        };
        let seen = Command::MemberSeen { chat: channel.private_chat, user, standing, at: session.now() };
        session.submit(seen).await?;
    }
    if unknown > 0 {
        super::output::hint(&format!(
            "Telegram tells nothing of {unknown} of them, since the bot never met them; they may be inside"
        ));
    }
    Ok(())
}

fn census(session: &Session, channel: &Channel, people: &People, in_chat: Option<u64>) -> view::Census {
    let now = session.now();
    let counted = |user: &TelegramUserId| {
        let presence = people.presences.get(user);
        view::Counted {
            telegram_user: *user,
            membership_id: people.members.get(user).map(|membership| membership.id),
            standing: presence.and_then(|presence| presence.standing),
            since: presence.filter(|presence| presence.standing.is_some()).map(|presence| presence.since),
        }
    };
    let standing = |user: &TelegramUserId| people.presences.get(user).and_then(|presence| presence.standing);
    let has_paid = |user: &TelegramUserId| {
        people.members.get(user).is_some_and(|one| one.entitles(now, channel.policies.grace()))
    };
    let is_guest = |user: &TelegramUserId| {
        channel.owner == Some(*user)
            || people.presences.get(user).is_some_and(|presence| presence.listed.is_some())
    };
    let paid: Vec<&TelegramUserId> = people.members.keys().filter(|user| has_paid(user)).collect();
    let of = |wanted: fn(Option<Standing>) -> bool| {
        paid.iter().filter(|user| wanted(standing(user))).map(|user| counted(user)).collect::<Vec<_>>()
    };
    let is_in = |standing: Option<Standing>| standing.is_some_and(Standing::is_inside);
    let inside: Vec<&TelegramUserId> = people.presences.keys().filter(|user| is_in(standing(user))).collect();
    // The bot is inside too, and nobody tells it of itself.
    let known_inside = u64::try_from(inside.len()).unwrap_or(u64::MAX).saturating_add(1);
    view::Census {
        channel_id: channel.id,
        as_of: now,
        members_in_chat: in_chat,
        known_inside,
        not_known_inside: in_chat.map(|count| count.saturating_sub(known_inside)),
        paid_inside: u64::try_from(of(is_in).len()).unwrap_or(u64::MAX),
        paid_outside: of(|standing| standing.is_some_and(|standing| !standing.is_inside())),
        inside_unpaid: inside
            .iter()
            .filter(|user| standing(user) == Some(Standing::Inside) && !has_paid(user) && !is_guest(user))
            .map(|user| counted(user))
            .collect(),
        unknown: of(|standing| standing.is_none()),
        whitelisted: people
            .presences
            .values()
            .filter(|presence| presence.listed.is_some())
            .map(|presence| counted(&presence.user))
            .collect(),
    }
}

fn in_full(census: &view::Census) -> String {
    let mut text = block(&[
        ("Channel", census.channel_id.to_string()),
        (
            "In the chat",
            census
                .members_in_chat
                .map_or_else(|| "not told".to_owned(), |count| format!("{count}, says Telegram")),
        ),
        ("Known to us", format!("{} of them, the bot among them", census.known_inside)),
        ("Not known", or_nothing(census.not_known_inside)),
        ("Paid, inside", census.paid_inside.to_string()),
        ("Paid, outside", census.paid_outside.len().to_string()),
        ("Inside, unpaid", census.inside_unpaid.len().to_string()),
        ("Paid, not known", census.unknown.len().to_string()),
    ]);
    for (title, people) in [
        ("PAID, OUTSIDE", &census.paid_outside),
        ("INSIDE, UNPAID", &census.inside_unpaid),
        ("PAID, NOT KNOWN", &census.unknown),
        ("WHITE LIST", &census.whitelisted),
    ] {
        if people.is_empty() {
            continue;
        }
        let cells = people.iter().map(|one| {
            [
                one.telegram_user.to_string(),
                or_nothing(one.standing.map(Standing::as_str)),
                when_or_nothing(one.since),
                or_nothing(one.membership_id),
            ]
        });
        text.push('\n');
        text.push_str(&table([title, "IN THE CHAT", "KNOWN SINCE", "MEMBERSHIP"], cells.collect(), ""));
        text.push('\n');
    }
    text
}
