//! Members and their time in the world in memory: who comes, who is told, who goes.

use jiff::SignedDuration;
use tollhouse_core::attention::Resolution;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, Member, Outcome, Refusal};
use tollhouse_core::id::{PrivateChatId, TelegramUserId};
use tollhouse_core::job::{Action, Outcome as JobOutcome, action};
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::presence::Standing;

use super::{PRIVATE_CHAT, World, user};

pub fn hours(n: i64) -> SignedDuration {
    SignedDuration::from_hours(n)
}

pub fn chat() -> PrivateChatId {
    PrivateChatId::new(PRIVATE_CHAT).unwrap()
}

/// Works what is due; `answer` may say what comes of an action, else a healthy Telegram does.
pub fn work_with(world: &mut World, answer: impl Fn(&Action) -> Option<JobOutcome>) -> Vec<Action> {
    let mut done = Vec::new();
    loop {
        let jobs = world.claim();
        if jobs.is_empty() {
            return done;
        }
        for job in jobs {
            let act = action(world.now, &world.rows, &job);
            let members = world
                .rows
                .memberships
                .values()
                .filter(|one| matches!(one.status, MembershipStatus::Active | MembershipStatus::Grace))
                .count();
            let outcome = answer(&act).unwrap_or(match &act {
                Action::Nothing => JobOutcome::Nothing,
                Action::CreateInvite { chat, .. } => {
                    JobOutcome::InviteCreated { chat: *chat, link: format!("https://t.me/+{}", job.id) }
                }
                Action::Approve { .. } => JobOutcome::Approved,
                Action::Explain { .. } => JobOutcome::Explained,
                Action::CountMembers { .. } => {
                    JobOutcome::Counted { members: u32::try_from(members).unwrap() }
                }
                _ => JobOutcome::Done,
            });
            if !matches!(act, Action::Nothing | Action::CountMembers { .. } | Action::CreateInvite { .. }) {
                done.push(act);
            }
            world.finish(&job, outcome);
        }
    }
}

pub fn work(world: &mut World) -> Vec<Action> {
    work_with(world, |_| None)
}

/// Gives somebody days, delivers them, and lets them in.
pub fn member(world: &mut World, who: i64, plan: PlanDuration) {
    world.run(grant(world, who, plan));
    work(world);
    seen(world, who, Standing::Inside);
}

pub fn grant(world: &World, who: i64, duration: PlanDuration) -> Command {
    let member = Member::User { channel_id: world.channel, user: user(who) };
    Command::GrantMembership { member, duration, reason: "test".into(), actor: "cli:test".into() }
}

pub fn seen(world: &mut World, who: i64, standing: Standing) {
    world.run(Command::MemberSeen { chat: chat(), user: user(who), standing, at: world.now });
}

pub fn reminders(actions: &[Action]) -> Vec<bool> {
    let told = actions.iter().filter_map(|act| match act {
        Action::Remind { is_over, .. } => Some(*is_over),
        _ => None,
    });
    told.collect()
}

pub fn removed(actions: &[Action]) -> Vec<TelegramUserId> {
    let gone = actions.iter().filter_map(|act| match act {
        Action::Remove { user, .. } => Some(*user),
        _ => None,
    });
    gone.collect()
}

pub fn farewells(actions: &[Action]) -> usize {
    actions.iter().filter(|act| matches!(act, Action::Farewell { .. })).count()
}

/// Lets hours go by one by one, working what is due in each.
pub fn live(world: &mut World, hours_count: i64) -> Vec<Action> {
    let mut done = Vec::new();
    for _ in 0..hours_count {
        world.now += hours(1);
        done.extend(work(world));
    }
    done
}

pub fn resolve(world: &mut World, resolution: Resolution) -> Result<Outcome, Refusal> {
    let open = world.rows.attention.values().find(|item| item.is_open()).unwrap().id;
    world.try_run(Command::ResolveAttention {
        attention_id: open,
        resolution,
        reason: "I have looked".into(),
        actor: "telegram:1001".into(),
    })
}

pub fn thaw(world: &mut World, channel: Option<()>) {
    let channel_id = channel.map(|()| world.channel);
    world.run(Command::FreezeRemovals {
        channel_id,
        freeze: false,
        reason: "mended".into(),
        actor: "cli:x".into(),
    });
}

pub fn whitelist(world: &World, who: i64, listed: bool) -> Command {
    Command::Whitelist {
        channel_id: world.channel,
        user: user(who),
        listed,
        reason: "a friend of the house".into(),
        actor: "cli:x".into(),
    }
}
