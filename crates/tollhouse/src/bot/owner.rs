//! Owners in the bot: they set channels up and look after their own, and nobody else's (F107).

pub mod cards;
pub mod currency;
pub mod offer;
pub mod parse;
pub mod payout;
pub mod plan;
pub mod press;
pub mod setup;
pub mod standing;

use tollhouse_core::bot_chat::{BotChat, BotRight};
use tollhouse_core::command::{BotSeen, Command, OfferChange, Outcome, Refusal};
use tollhouse_core::id::{ChannelId, PlanId, PrivateChatId, TelegramChatId, TelegramUserId};
use tollhouse_core::link::LinkState;
use tollhouse_core::membership::{Membership, MembershipStatus};
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{LinkFilter, MembershipFilter, PAGE_LENGTH_MAX, StoreError};
use tollhouse_telegram::{Button, Keyboard, Member, MemberChange, Right, UpdateId};

use self::cards::To;
use self::press::Press;
use self::setup::actor;
use super::dialogue::Turn;
use crate::app::{App, SubmitError};
use crate::purchase::Reply;
use crate::texts::{self, Language};

/// How many chats that wait to be set up are named at `/start`.
const WAITING_SHOWN_MAX: usize = 5;

/// The answer to an owner's command; `None` if it is none.
///
/// # Errors
/// The store's.
pub async fn command(turn: &Turn<'_>, name: &str) -> Result<Option<Reply>, StoreError> {
    let to = match name {
        "channels" => To::Card,
        "plans" => To::Plans,
        "members" => To::Members,
        "sales" => To::Sales,
        "post" => To::Offer,
        _ => return Ok(None),
    };
    cards::list(turn, to, None).await.map(Some)
}

/// What a press comes to.
pub enum Pressed {
    /// The message below which the button stands becomes this.
    Becomes(Reply),
    /// A new message.
    Says(Reply),
    /// It was done already, a moment ago.
    Nothing,
}

/// Carries a press out. Each looks at what is there now, and only at what belongs to whoever presses.
///
/// # Errors
/// The store's.
pub async fn pressed(turn: &Turn<'_>, press: Press) -> Result<Pressed, StoreError> {
    let language = turn.language;
    let not_yours = || Pressed::Becomes((language.owner_no_channel(), None));
    let of_channel = match press {
        Press::Channels(to, before) => return Ok(Pressed::Becomes(cards::list(turn, to, before).await?)),
        Press::AddPlan(id) => {
            return Ok(plan::begin(turn, id).await?.map_or_else(not_yours, Pressed::Says));
        }
        Press::ChangePayout(id) => {
            return Ok(payout::begin(turn, id).await?.map_or_else(not_yours, Pressed::Says));
        }
        Press::KeepPayout(id, at) => return keep_payout(turn, id, at).await,
        Press::Plan(id) | Press::Link(id) | Press::Retire(id) | Press::RetireNow(id) => {
            return Ok(of_plan(turn, press, id).await?.unwrap_or_else(not_yours));
        }
        Press::Channel(id)
        | Press::Plans(id)
        | Press::Members(id, _)
        | Press::Sales(id)
        | Press::Offer(id)
        | Press::PostOffer(id)
        | Press::PostEvery(id, _)
        | Press::Payout(id) => id,
    };
    let Some(channel) = cards::find(turn, of_channel).await? else { return Ok(not_yours()) };
    Ok(Pressed::Becomes(match press {
        Press::Plans(_) => cards::plans(language, &channel),
        Press::Members(_, before) => cards::members(turn, &channel, before).await?,
        Press::Sales(_) => cards::sales(turn, &channel).await?,
        Press::Payout(_) => cards::payout(language, &channel),
        Press::Offer(_) | Press::PostOffer(_) | Press::PostEvery(..) => {
            let change = offer_change(turn, press);
            let refused = match change {
                Some(change) => by_owner(turn, change).await?.is_err(),
                None => false,
            };
            offer::card(turn, &channel, refused).await?
        }
        _ => cards::channel(language, &channel),
    }))
}

/// What a press changes about an offer.
fn offer_change(turn: &Turn<'_>, press: Press) -> Option<Command> {
    let actor = actor(turn.user);
    match press {
        Press::PostOffer(channel_id) => Some(Command::PostOffer { channel_id, actor }),
        Press::PostEvery(channel_id, hours) => {
            let every_hours = Some((hours > 0).then_some(hours));
            let change = Box::new(OfferChange { every_hours, ..OfferChange::default() });
            Some(Command::SetOffer { channel_id, change, actor })
        }
        _ => None,
    }
}

async fn of_plan(turn: &Turn<'_>, press: Press, id: PlanId) -> Result<Option<Pressed>, StoreError> {
    let language = turn.language;
    let Some((channel, plan)) = cards::find_plan(turn, id).await? else { return Ok(None) };
    Ok(Some(match press {
        Press::Link(_) if plan.active => Pressed::Says(link(turn, channel.id, id).await?),
        Press::Retire(_) if plan.active => Pressed::Becomes(cards::retire(language, &plan)),
        Press::RetireNow(_) => {
            let retire = Command::RetirePlan { channel_id: channel.id, plan_id: id, actor: actor(turn.user) };
            match by_owner(turn, retire).await? {
                Ok(_) => match cards::find(turn, channel.id).await? {
                    Some(channel) => Pressed::Becomes(cards::plans(language, &channel)),
                    None => return Ok(None),
                },
                Err(_) => return Ok(None),
            }
        }
        _ => Pressed::Becomes(cards::plan(language, &channel, &plan)),
    }))
}

/// A plan's payment link: the one that is there without a limit, else a new one.
async fn link(turn: &Turn<'_>, channel_id: ChannelId, plan_id: PlanId) -> Result<Reply, StoreError> {
    let language = turn.language;
    let now = turn.app.clock.now();
    let filter = LinkFilter { channel: Some(channel_id), limit: PAGE_LENGTH_MAX, ..LinkFilter::default() };
    let known = turn.app.store.links(filter).await?.into_iter().find(|link| {
        link.plan_id == plan_id
            && link.expires_at.is_none()
            && link.max_uses.is_none()
            && link.state(now) == LinkState::Usable
    });
    let slug = match known {
        Some(link) => link.slug,
        None => {
            let create = Command::CreateLink {
                channel_id,
                plan_id,
                expires_at: None,
                max_uses: None,
                actor: actor(turn.user),
            };
            match by_owner(turn, create).await? {
                Ok(Outcome::Link(id)) => {
                    let mut needs = Needs::default();
                    needs.links.insert(id);
                    match turn.app.store.snapshot(needs).await?.links.get(&id) {
                        Some(link) => link.slug.clone(),
                        None => return Ok((language.owner_no_channel(), None)),
                    }
                }
                Ok(_) | Err(_) => return Ok((language.owner_plan_retired(), None)),
            }
        }
    };
    let page = turn.app.public_url(&format!("/c/{slug}"));
    let bot = turn.app.bot_link(&format!("p_{slug}")).unwrap_or_default();
    Ok((language.owner_link(bot, page), None))
}

async fn keep_payout(
    turn: &Turn<'_>,
    channel_id: ChannelId,
    counts_at: jiff::Timestamp,
) -> Result<Pressed, StoreError> {
    let keep =
        Command::CancelPayoutChange { channel_id, counts_at: Some(counts_at), actor: actor(turn.user) };
    let language = turn.language;
    let text = match by_owner(turn, keep).await? {
        // What was done is told by the job that the rules arm.
        Ok(_) => language.payout_kept(),
        Err(Refusal::NotFound(_)) => language.owner_no_channel(),
        Err(_) => language.payout_change_gone(),
    };
    Ok(Pressed::Says((text, None)))
}

/// Carries a command of an owner out; a refusal is given back.
async fn by_owner(turn: &Turn<'_>, command: Command) -> Result<Result<Outcome, Refusal>, StoreError> {
    match turn.app.submit(plan::by_owner(turn, command)).await {
        Ok(outcome) => Ok(Ok(outcome)),
        Err(SubmitError::Refused(refusal)) => {
            tracing::info!(%refusal, "an owner's press was refused by the rules");
            Ok(Err(refusal))
        }
        Err(SubmitError::Store(error)) => Err(error),
    }
}

/// The bot's own standing in a chat has changed: it is noted, and whoever did it hears what can be done there. What is to be said at once.
///
/// # Errors
/// The store's, or a refusal of the rules.
pub async fn bot_seen(
    turn: &Turn<'_>,
    change: &MemberChange,
    update_id: UpdateId,
) -> Result<Option<Reply>, SubmitError> {
    let Ok(chat) = TelegramChatId::new(change.chat.id.0) else { return Ok(None) };
    let is_channel = change.chat.kind == tollhouse_telegram::ChatKind::Channel;
    let rights = standing::rights(change.after.status, is_channel);
    // One without a public name may be the next to be sold: it is named as the offer's place on purpose, or not at all.
    let is_public = change.chat.username.is_some();
    let answers = is_channel
        && is_public
        && rights.contains(&BotRight::Administrator)
        && setup::asks_for_public_chat(turn, chat).await?;
    let seen = BotSeen {
        chat,
        title: change.chat.title.clone().unwrap_or_else(|| chat.to_string()),
        is_channel,
        is_public,
        rights,
        // Who hides behind the group cannot be written to.
        by: (!change.actor.is_bot).then(|| TelegramUserId::new(change.actor.id.0).ok()).flatten(),
        at: change.at,
        update_id: update_id.0,
        greets: !answers,
    };
    turn.app.submit(Command::BotSeen(Box::new(seen))).await?;
    let can_let_in = |member: &Member| member.status.can(Right::InviteUsers);
    if can_let_in(&change.after) && !can_let_in(&change.before) {
        ask_at_the_door(turn.app, chat.as_private(), update_id).await?;
    }
    if answers { Ok(setup::bot_added(turn, &change.chat).await?) } else { Ok(None) }
}

/// The bot may let people in again. Telegram told it of no request to join meanwhile, and tells of none a second time: for every member of
/// the chat who may come in and was not seen inside it is found out whether they wait at the door.
async fn ask_at_the_door(app: &App, chat: PrivateChatId, update_id: UpdateId) -> Result<(), SubmitError> {
    let mut needs = Needs::default();
    needs.private_chats.insert(chat);
    let rows = app.store.snapshot(needs).await?;
    let Some(channel) = rows.channel_by_private_chat(chat).map(|channel| channel.id) else { return Ok(()) };
    let mut before = None;
    loop {
        let filter = MembershipFilter {
            channel: Some(channel),
            before,
            limit: PAGE_LENGTH_MAX,
            ..MembershipFilter::default()
        };
        let page = app.store.memberships(filter).await?;
        let waits = |member: &&Membership| {
            matches!(member.status, MembershipStatus::Active | MembershipStatus::Grace)
                && member.joined_at.is_none()
                && member.invite.is_some()
        };
        for member in page.iter().filter(waits) {
            let request = Command::JoinRequest { chat, user: member.user, update_id: update_id.0 };
            app.submit(request).await?;
        }
        before = page.last().map(|member| member.id);
        if page.len() < PAGE_LENGTH_MAX as usize {
            return Ok(());
        }
    }
}

/// The message to whoever has made the bot an administrator: what it can do there, and the button that begins it. `may`: whether Telegram
/// says that they may sell this chat.
#[must_use]
pub fn offer_setup(language: Language, chat: &BotChat, may: bool) -> Reply {
    let title = chat.title.as_str();
    if chat.is_public {
        return (language.greet_public(title), None);
    }
    if !may {
        return (language.greet_not_yours(title), None);
    }
    let missing = chat.missing(&BotRight::GATE);
    if !missing.is_empty() {
        return (language.setup_needs_rights(title, texts::rights(language, &missing)), None);
    }
    (language.greet(title), Some(Keyboard::column([setup_button(language, chat)])))
}

fn setup_button(language: Language, chat: &BotChat) -> Button {
    let text = language.button_setup(setup::short_title(&chat.title));
    Button::callback(text, format!("{}{}", setup::PREFIX, chat.chat))
}

/// The chats that this person has given the bot and that nobody sells yet: who had not started the bot then finds them at the first
/// `/start`. `None` if there are none.
///
/// # Errors
/// The store's.
pub async fn waiting(
    app: &App,
    user: TelegramUserId,
    language: Language,
) -> Result<Option<Reply>, StoreError> {
    let mut needs = Needs::default();
    needs.bot_chats_by.insert(user);
    let mine = app.store.snapshot(needs).await?;
    let mut needs = Needs::default();
    for chat in mine.bot_chats.keys() {
        needs.private_chats.insert(chat.as_private());
        needs.public_chats.insert(chat.as_public());
    }
    let used = app.store.snapshot(needs).await?;
    let is_free = |chat: &&BotChat| {
        used.channel_by_private_chat(chat.chat.as_private()).is_none()
            && used.channel_by_public_chat(chat.chat.as_public()).is_none()
    };
    let can_keep = |chat: &&BotChat| !chat.is_public && chat.missing(&BotRight::GATE).is_empty();
    let mut chats: Vec<&BotChat> = mine.bot_chats.values().filter(can_keep).filter(is_free).collect();
    if chats.is_empty() {
        return Ok(None);
    }
    chats.sort_by_key(|chat| std::cmp::Reverse(chat.since));
    let buttons = chats.iter().take(WAITING_SHOWN_MAX).map(|chat| setup_button(language, chat));
    Ok(Some((language.greet_waiting(), Some(Keyboard::column(buttons)))))
}
