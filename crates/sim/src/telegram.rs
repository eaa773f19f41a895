//! Telegram as the gate meets it: a chat with members, links that only ask, people who block the bot, and a service that has bad days.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use fastrand::Rng;
use jiff::Timestamp;
use tollhouse_core::bot_chat::BotRight;
use tollhouse_core::id::{MessageId, PrivateChatId, TelegramChatId};
use tollhouse_core::job::{Action, Failure, Outcome};
use tollhouse_core::presence::Standing;

/// Of how many calls one goes wrong on a bad day.
const GOES_WRONG_ONE_IN: u32 = 6;
/// Telegram's wait after too many calls, in seconds.
const WAIT_SECONDS: u32 = 7;

/// What it tells of somebody.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Counts what it tells.
    pub number: u64,
    /// The chat, by the number that it had then.
    pub chat: PrivateChatId,
    /// Who.
    pub user: i64,
    /// How they stood to it from then on.
    pub standing: Standing,
    /// When.
    pub at: Timestamp,
}

/// The service and its chat.
#[derive(Debug)]
pub struct Telegram {
    /// The chat that is sold. Its number changes when it migrates.
    pub chat: PrivateChatId,
    /// Who is inside.
    pub members: BTreeSet<i64>,
    /// Who of them is an administrator, whom no bot can remove.
    pub admins: BTreeSet<i64>,
    /// Who was banned by a person. The bot's own ban is lifted in the same step.
    pub banned: BTreeSet<i64>,
    /// What it has yet to tell of who is inside, in its order.
    pub untold: VecDeque<Seen>,
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
    now: Timestamp,
    told: u64,
    made: u64,
}

impl Telegram {
    /// A chat with nobody in it.
    #[must_use]
    pub fn new(chat: PrivateChatId) -> Self {
        Self {
            chat,
            members: BTreeSet::new(),
            admins: BTreeSet::new(),
            banned: BTreeSet::new(),
            untold: VecDeque::new(),
            requests: BTreeSet::new(),
            links: BTreeMap::new(),
            blocked: BTreeSet::new(),
            rights_lost: false,
            bad_day: false,
            owner_is_deaf: false,
            now: Timestamp::UNIX_EPOCH,
            told: 0,
            made: 0,
        }
    }

    /// How somebody stands to the chat.
    #[must_use]
    pub fn standing(&self, user: i64) -> Standing {
        if self.admins.contains(&user) {
            Standing::Admin
        } else if self.members.contains(&user) {
            Standing::Inside
        } else if self.banned.contains(&user) {
            Standing::Banned
        } else {
            Standing::Outside
        }
    }

    /// A person changes how somebody stands to the chat.
    pub fn by_hand(&mut self, user: i64, now: Timestamp, change: impl FnOnce(&mut Self)) {
        self.now = now;
        self.change(user, change);
    }

    /// Whatever changes is told to the bot.
    fn change(&mut self, user: i64, change: impl FnOnce(&mut Self)) {
        let before = self.standing(user);
        change(self);
        let standing = self.standing(user);
        if standing != before {
            self.told += 1;
            self.untold.push_back(Seen { number: self.told, chat: self.chat, user, standing, at: self.now });
        }
    }

    fn let_in(&mut self, user: i64) {
        if self.requests.remove(&user) {
            self.change(user, |here| {
                here.members.insert(user);
            });
        }
    }

    /// Does what a job wants, or does not, or does it and says that it did not.
    pub fn perform(&mut self, rng: &mut Rng, now: Timestamp, action: &Action) -> Outcome {
        self.now = now;
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
            Action::SendAccess { user, link, lift_ban, let_in, .. } => {
                if let Some(chat) = lift_ban {
                    let _ = self.in_chat(*chat, BotRight::RestrictMembers, |here| {
                        here.change(user.get(), |here| {
                            here.banned.remove(&user.get());
                        });
                        Outcome::Done
                    });
                }
                // Whoever waits at the door is let in first, if the bot may.
                if let Some(chat) = let_in {
                    let _ = self.in_chat(*chat, BotRight::InviteUsers, |here| {
                        here.let_in(user.get());
                        Outcome::Done
                    });
                }
                self.write_to(user.get(), |here| {
                    here.links.insert(user.get(), link.clone());
                    Outcome::Done
                })
            }
            Action::Approve { chat, user, .. } => self.in_chat(*chat, BotRight::InviteUsers, |here| {
                here.let_in(user.get());
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
            Action::Remove { chat, user, keeps_ban } => {
                self.in_chat(*chat, BotRight::RestrictMembers, |here| {
                    if here.admins.contains(&user.get()) {
                        return Outcome::NotRemovable;
                    }
                    here.change(user.get(), |here| {
                        here.members.remove(&user.get());
                        if !keeps_ban {
                            here.banned.remove(&user.get());
                        }
                    });
                    Outcome::Done
                })
            }
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
