//! Telegram as the gate meets it: a chat with members, links that only ask, people who block the bot, and a service that has bad days.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use tollhouse_core::bot_chat::BotRight;
use tollhouse_core::id::{MessageId, PrivateChatId, TelegramChatId};
use tollhouse_core::job::{Action, Failure, Outcome};

/// Of how many calls one goes wrong on a bad day.
const GOES_WRONG_ONE_IN: u32 = 6;
/// Telegram's wait after too many calls, in seconds.
const WAIT_SECONDS: u32 = 7;

/// The service and its chat.
#[derive(Debug)]
pub struct Telegram {
    /// The chat that is sold. Its number changes when it migrates.
    pub chat: PrivateChatId,
    /// Who is inside.
    pub members: BTreeSet<i64>,
    /// Who asked to be let in.
    pub requests: BTreeSet<i64>,
    /// Who was sent which link last.
    pub links: BTreeMap<i64, String>,
    /// Who has blocked the bot.
    pub blocked: BTreeSet<i64>,
    /// Whether the bot may do nothing in the chat just now.
    pub rights_lost: bool,
    /// Whether calls go wrong.
    pub bad_day: bool,
    /// Whether nothing ever reaches the owner.
    pub owner_is_deaf: bool,
    made: u64,
}

impl Telegram {
    /// A chat with nobody in it.
    #[must_use]
    pub fn new(chat: PrivateChatId) -> Self {
        Self {
            chat,
            members: BTreeSet::new(),
            requests: BTreeSet::new(),
            links: BTreeMap::new(),
            blocked: BTreeSet::new(),
            rights_lost: false,
            bad_day: false,
            owner_is_deaf: false,
            made: 0,
        }
    }

    /// Does what a job wants, or does not, or does it and says that it did not.
    pub fn perform(&mut self, rng: &mut Rng, action: &Action) -> Outcome {
        if self.owner_is_deaf && matches!(action, Action::Notify { .. }) {
            return Outcome::Failed(Failure::Transient { error: "502".to_owned() });
        }
        let goes_wrong = self.bad_day && rng.u32(0..GOES_WRONG_ONE_IN) == 0;
        if !goes_wrong {
            return self.carry_out(action);
        }
        match rng.u32(0..3) {
            0 => Outcome::Failed(Failure::Later { seconds: WAIT_SECONDS }),
            1 => Outcome::Failed(Failure::Transient { error: "502".to_owned() }),
            _ => {
                self.carry_out(action);
                Outcome::Failed(Failure::Transient { error: "timed out".to_owned() })
            }
        }
    }

    fn carry_out(&mut self, action: &Action) -> Outcome {
        match action {
            Action::CreateInvite { chat, name } => self.in_chat(*chat, BotRight::InviteUsers, |here| {
                here.made += 1;
                Outcome::InviteCreated {
                    chat: *chat,
                    link: format!("https://t.me/+{}-{}", here.made, &name[..8]),
                }
            }),
            Action::RevokeInvite { chat, .. } => {
                self.in_chat(*chat, BotRight::InviteUsers, |_| Outcome::Done)
            }
            Action::SendAccess { user, link, let_in, .. } => {
                // Whoever waits at the door is let in first, if the bot may.
                if let Some(chat) = let_in {
                    let _ = self.in_chat(*chat, BotRight::InviteUsers, |here| {
                        if here.requests.remove(&user.get()) {
                            here.members.insert(user.get());
                        }
                        Outcome::Done
                    });
                }
                self.write_to(user.get(), |here| {
                    here.links.insert(user.get(), link.clone());
                    Outcome::Done
                })
            }
            Action::Approve { chat, user, .. } => self.in_chat(*chat, BotRight::InviteUsers, |here| {
                if here.requests.remove(&user.get()) {
                    here.members.insert(user.get());
                }
                if here.members.contains(&user.get()) { Outcome::Approved } else { Outcome::RequestGone }
            }),
            // Only while the request is open may they be written to; whether it arrives changes nothing.
            Action::Explain { .. } => Outcome::Explained,
            Action::Decline { chat, user, why } => self.in_chat(*chat, BotRight::InviteUsers, |here| {
                if here.requests.remove(&user.get()) {
                    Outcome::Declined { why: *why }
                } else {
                    Outcome::RequestGone
                }
            }),
            Action::Remove { chat, user, .. } => self.in_chat(*chat, BotRight::RestrictMembers, |here| {
                here.members.remove(&user.get());
                Outcome::Done
            }),
            Action::CountMembers { .. } => {
                Outcome::Counted { members: u32::try_from(self.members.len()).unwrap_or(u32::MAX) }
            }
            Action::Remind { user, .. }
            | Action::Farewell { user, .. }
            | Action::FoldMessage { user, .. } => self.write_to(user.get(), |_| Outcome::Done),
            Action::ShowOrder { user, face, message_id, .. } => self.write_to(user.get(), |here| {
                here.made += 1;
                let new = MessageId::new(i64::try_from(here.made).unwrap_or(i64::MAX));
                match message_id.map_or(new, Ok) {
                    Ok(id) => Outcome::OrderShown {
                        face: face.clone(),
                        message_id: id,
                        is_new: message_id.is_none(),
                    },
                    Err(error) => Outcome::Failed(Failure::Permanent { error: error.to_string() }),
                }
            }),
            Action::Nothing => Outcome::Nothing,
            Action::GiveUp { error } => Outcome::Failed(Failure::Permanent { error: error.clone() }),
            // Nobody here asks the provider for invoices, or offers anything in a public chat.
            _ => Outcome::Done,
        }
    }

    fn in_chat(
        &mut self,
        chat: PrivateChatId,
        right: BotRight,
        call: impl FnOnce(&mut Self) -> Outcome,
    ) -> Outcome {
        if chat != self.chat {
            return Outcome::Migrated { to: self.chat };
        }
        if self.rights_lost {
            return Outcome::Failed(Failure::NoRights { chat: TelegramChatId::from(chat), right });
        }
        call(self)
    }

    fn write_to(&mut self, user: i64, call: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        if self.blocked.contains(&user) {
            return Outcome::Failed(Failure::Unreachable { error: "bot was blocked by the user".to_owned() });
        }
        call(self)
    }
}
