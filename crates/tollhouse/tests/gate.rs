//! The gate against a Telegram that misbehaves: removals, returns, links, migrations. The test has its hand on the clock and on the worker.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod town;

use std::time::Duration;

use jiff::SignedDuration;
use tollhouse::serve::Roles;
use tollhouse::texts::Language;
use tollhouse::worker;
use tollhouse_core::attention::{Reason, Subject};
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, Member};
use tollhouse_core::id::PrivateChatId;
use tollhouse_core::import::{ImportMember, Origin};
use tollhouse_core::membership::{Membership, MembershipStatus};
use tollhouse_core::membership_policy::StrangerPolicy;
use tollhouse_core::policy::PolicyChange;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{AttentionFilter, JobFilter};
use tollhouse_telegram::fake::{Fault, NewChat, NewUser, World};
use tollhouse_telegram::{AdminRights, ChatId, ChatKind, Limits, MemberStatus, Rate, UserId};
use town::{BUYER, Engine, OWNER, PRIVATE_CHAT, Town, user};

const CHAT: ChatId = ChatId(PRIVATE_CHAT);
const BEN: UserId = UserId(BUYER);

struct Gate {
    town: Town,
}

impl Gate {
    async fn new(kind: ChatKind) -> Self {
        Self::with_limits(kind, Limits::NONE).await
    }

    async fn with_limits(kind: ChatKind, limits: Limits) -> Self {
        let roles = Roles { worker: false, ..Roles::all() };
        let town = Town::adjusted(Engine::Sqlite, roles, |config| config.telegram.limits = limits).await;
        let telegram = &town.telegram;
        telegram.wait_for("a first poll", |world| (world.polls_begun() > 0).then_some(())).await.unwrap();
        telegram.add_user(NewUser::new(OWNER, "Olga")).unwrap();
        telegram.add_user(NewUser::new(BUYER, "Ben")).unwrap();
        let room = NewChat::channel(PRIVATE_CHAT, "Signals", UserId(OWNER));
        telegram.add_chat(NewChat { kind, ..room }).unwrap();
        telegram.make_bot_admin(CHAT, UserId(OWNER), AdminRights::gatekeeper()).unwrap();
        telegram.start(BEN, "").unwrap();
        let gate = Self { town };
        gate.settle().await;
        gate
    }

    async fn settle(&self) {
        loop {
            let heard = |world: &World| (world.updates_waiting() == 0).then_some(());
            self.town.telegram.wait_for("a bot that has heard everything", heard).await.unwrap();
            let worked = worker::run_due(&self.town.app).await.unwrap();
            if worked == 0 && self.town.telegram.read(|world| world.updates_waiting()) == 0 {
                return;
            }
        }
    }

    async fn pass(&self, hours: i64) {
        self.town.clock.advance(SignedDuration::from_hours(hours));
        self.settle().await;
    }

    async fn give(&self, days: u32) {
        self.give_to(BUYER, days).await;
    }

    async fn give_to(&self, who: i64, days: u32) {
        let member = Member::User { channel_id: self.town.channel, user: user(who) };
        let (reason, actor) = ("test".to_owned(), "cli:test".to_owned());
        let duration = PlanDuration::Days(days);
        self.town.app.submit(Command::GrantMembership { member, duration, reason, actor }).await.unwrap();
        self.settle().await;
    }

    async fn membership(&self) -> Membership {
        self.membership_of(BEN).await
    }

    async fn membership_of(&self, who: UserId) -> Membership {
        let mut needs = Needs::default();
        needs.members.insert((self.town.channel, user(who.0)));
        let snapshot = self.town.store().snapshot(needs).await.unwrap();
        snapshot.membership_of(self.town.channel, user(who.0)).unwrap().clone()
    }

    async fn come_in(&self) {
        let link = self.membership().await.invite.unwrap().link;
        self.town.telegram.open_link(BEN, &link).unwrap();
        self.settle().await;
    }

    /// What stands at the jobs that answered requests to join.
    async fn answers(&self) -> Vec<String> {
        let jobs = self.town.store().jobs(JobFilter { limit: 100, ..JobFilter::default() }).await.unwrap();
        let of_requests = jobs.into_iter().filter(|job| job.kind.name() == "answer_join_request");
        of_requests.filter_map(|job| job.last_error).collect()
    }

    fn done(&self, method: &str) -> u64 {
        self.town.telegram.read(|world| world.done(method))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f44_whatever_telegram_answers_a_member_is_out_only_when_they_are_out() {
    for (method, fault) in [
        ("banChatMember", Fault::answer(403, "Forbidden: bot was kicked from the channel chat")),
        (
            "banChatMember",
            Fault::answer(400, "Bad Request: not enough rights to restrict/unrestrict chat member"),
        ),
        ("banChatMember", Fault::too_many_requests(600)),
        ("banChatMember", Fault::server_error()),
        ("banChatMember", Fault::bad_gateway()),
        ("banChatMember", Fault::close_before()),
        ("banChatMember", Fault::close_after()),
        ("unbanChatMember", Fault::close_before()),
        ("getChatMember", Fault::server_error()),
        ("getChatMember", Fault::answer(400, "Bad Request: user not found")),
        ("getChatMember", Fault::answer(400, "Bad Request: PARTICIPANT_ID_INVALID")),
        ("getChatMember", Fault::answer(400, "Bad Request: member not found")),
        ("banChatMember", Fault::answer(400, "Bad Request: invalid user_id specified")),
        ("banChatMember", Fault::answer(400, "Bad Request: USER_ID_INVALID")),
        ("unbanChatMember", Fault::answer(400, "Bad Request: PARTICIPANT_ID_INVALID")),
    ] {
        let mut gate = Gate::new(ChatKind::Channel).await;
        gate.give(30).await;
        gate.come_in().await;
        gate.town.telegram.fault(method, &fault, 1);
        gate.pass(31 * 24 + 1).await;
        let membership = gate.membership().await;
        // Where the ban itself was done Telegram tells of it, and the rest follows at once.
        if gate.done("banChatMember") == 0 {
            let stands = (membership.status, membership.removed_at);
            assert_eq!(stands, (MembershipStatus::Grace, None), "{method} {fault:?}");
        }
        gate.pass(1).await;
        let membership = gate.membership().await;
        assert_eq!(membership.status, MembershipStatus::Expired, "{method} {fault:?}");
        assert!(membership.removed_at.is_some());
        let status = gate.town.telegram.read(|world| world.status(CHAT, BEN));
        assert_eq!(status, MemberStatus::Left, "out, and free to come back");
        gate.town.stop().await;
    }
}

/// Three who came in by another bot and were carried over: this one has never met them, and their time is over.
#[tokio::test(flavor = "multi_thread")]
async fn f44_whom_a_new_bot_never_met_is_not_written_down_as_out() {
    const WRITES: UserId = UserId(8_001);
    const IS_SILENT: UserId = UserId(8_002);
    const HOURS_UNTIL_GIVEN_UP: i64 = 20;
    let mut gate = Gate::new(ChatKind::Channel).await;
    let telegram = gate.town.telegram.clone();
    // A bot without rights is told nothing of who comes.
    telegram.demote_bot(CHAT, UserId(OWNER)).unwrap();
    for who in [WRITES, IS_SILENT] {
        telegram.add_user(NewUser::new(who.0, "Member")).unwrap();
        telegram.forget(who).unwrap();
        telegram.add_member(CHAT, UserId(OWNER), who).unwrap();
    }
    telegram.make_bot_admin(CHAT, UserId(OWNER), AdminRights::gatekeeper()).unwrap();
    let now = gate.town.clock.now();
    for who in [WRITES, IS_SILENT] {
        let member = ImportMember {
            private_chat: PrivateChatId::new(PRIVATE_CHAT).unwrap(),
            user: user(who.0),
            ends_at: now - SignedDuration::from_hours(24 * 7),
            granted_at: now - SignedDuration::from_hours(24 * 37),
            duration: PlanDuration::Days(30),
            price: None,
            is_out: false,
            is_undelivered: false,
            payment: None,
            invoice_id: None,
            origin: Origin { actor: "cli:test".into(), row: "a row".into() },
        };
        gate.town.app.submit(Command::ImportMember(Box::new(member))).await.unwrap();
    }
    gate.pass(1).await;
    telegram.start(WRITES, "").unwrap();
    for _ in 0..HOURS_UNTIL_GIVEN_UP {
        gate.pass(1).await;
    }
    assert!(!telegram.read(|world| world.is_inside(CHAT, WRITES)), "known by a word, and shown out");
    assert_eq!(gate.membership_of(WRITES).await.status, MembershipStatus::Expired);

    assert!(telegram.read(|world| world.is_inside(CHAT, IS_SILENT)));
    let membership = gate.membership_of(IS_SILENT).await;
    assert_eq!((membership.status, membership.removed_at), (MembershipStatus::Grace, None));
    let open = gate.town.store().attention(AttentionFilter { limit: 10, ..AttentionFilter::default() });
    let open = open.await.unwrap();
    assert_eq!(open.iter().map(|item| item.reason).collect::<Vec<_>>(), [Reason::JobDead]);
    assert!(open[0].detail.contains("remove them there by hand"), "{}", open[0].detail);

    // The owner does it by hand, and Telegram tells of it.
    telegram.ban(CHAT, UserId(OWNER), IS_SILENT).unwrap();
    gate.settle().await;
    let membership = gate.membership_of(IS_SILENT).await;
    assert_eq!(membership.status, MembershipStatus::Expired);
    assert!(membership.removed_at.is_some());
    assert_eq!(gate.town.store().attention(AttentionFilter::default()).await.unwrap(), []);
    gate.town.stop().await;
}

/// A deleted account that is still among the members is for a person to remove; one that is not is out.
#[tokio::test(flavor = "multi_thread")]
async fn f44_an_account_that_is_gone_is_out_only_where_telegram_says_so() {
    let gone = Fault::answer(400, "Bad Request: INPUT_USER_DEACTIVATED");
    for is_inside in [true, false] {
        let mut gate = Gate::new(ChatKind::Channel).await;
        gate.give(30).await;
        gate.come_in().await;
        if !is_inside {
            gate.town.telegram.leave(BEN, CHAT).unwrap();
        }
        gate.town.telegram.fault("banChatMember", &gone, 1);
        gate.pass(31 * 24 + 1).await;
        let membership = gate.membership().await;
        assert_eq!(membership.removed_at.is_none(), is_inside);
        let open = gate.town.store().attention(AttentionFilter { limit: 10, ..AttentionFilter::default() });
        let details: Vec<String> = open.await.unwrap().into_iter().map(|item| item.detail).collect();
        assert_eq!(details.len(), usize::from(is_inside), "{details:?}");
        assert!(details.iter().all(|detail| detail.contains("deactivated") && detail.contains("by hand")));
        gate.town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_left_banned_by_a_removal_and_pays_again_gets_in() {
    let mut gate = Gate::new(ChatKind::Channel).await;
    gate.give(30).await;
    gate.come_in().await;
    // The ban is done, and lifting it fails until they have paid again. Telegram tells of the ban, so that it is tried more than once.
    gate.town.telegram.fault("unbanChatMember", &Fault::server_error(), 10);
    gate.pass(31 * 24 + 1).await;
    assert!(matches!(gate.town.telegram.read(|world| world.status(CHAT, BEN)), MemberStatus::Kicked { .. }));
    gate.town.telegram.clear_faults();
    gate.give(30).await;
    assert_eq!(gate.town.telegram.read(|world| world.status(CHAT, BEN)), MemberStatus::Left);
    gate.come_in().await;
    assert!(gate.town.telegram.read(|world| world.is_inside(CHAT, BEN)));
    gate.pass(24).await;
    assert!(gate.town.telegram.read(|world| world.is_inside(CHAT, BEN)), "and stays in");
    gate.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f41_a_join_request_that_nothing_can_work_in_keeps_nobody_waiting_behind_it() {
    const POISON: UserId = UserId(6_660);
    let mut gate = Gate::new(ChatKind::Channel).await;
    gate.give(30).await;
    gate.town.telegram.add_user(NewUser::new(POISON.0, "Poison")).unwrap();
    let path = gate.town.database.url.strip_prefix("sqlite://").unwrap().to_owned();
    let trigger = "CREATE TRIGGER poison BEFORE INSERT ON jobs WHEN NEW.subject LIKE '%:6660:%' \
                   BEGIN SELECT RAISE(ABORT, 'poison'); END";
    rusqlite::Connection::open(path).unwrap().execute_batch(trigger).unwrap();
    let link = gate.membership().await.invite.unwrap().link;
    gate.town.telegram.open_link(POISON, &link).unwrap();
    gate.town.telegram.open_link(BEN, &link).unwrap();
    gate.settle().await;
    let inside = |who| gate.town.telegram.read(|world| world.is_inside(CHAT, who));
    assert_eq!((inside(BEN), inside(POISON)), (true, false));
    gate.town.stop().await;
}

/// The bot has heard the request, and somebody else is faster with the answer than the worker.
#[tokio::test(flavor = "multi_thread")]
async fn f36_f37_a_request_that_another_answered_lets_in_only_who_is_inside() {
    type Act = fn(&Gate);
    let declined: Act = |gate| gate.town.telegram.decide(CHAT, UserId(OWNER), BEN, false).unwrap();
    let withdrawn: Act = |gate| gate.town.telegram.withdraw_request(BEN, CHAT).unwrap();
    let approved: Act = |gate| gate.town.telegram.decide(CHAT, UserId(OWNER), BEN, true).unwrap();
    for (act, is_inside) in [(declined, false), (withdrawn, false), (approved, true)] {
        let mut gate = Gate::new(ChatKind::Channel).await;
        gate.give(30).await;
        let link = gate.membership().await.invite.unwrap().link;
        gate.town.telegram.open_link(BEN, &link).unwrap();
        let heard = |world: &World| (world.updates_waiting() == 0).then_some(());
        gate.town.telegram.wait_for("a bot that has heard the request", heard).await.unwrap();
        act(&gate);
        gate.settle().await;
        let membership = gate.membership().await;
        assert_eq!(membership.joined_at.is_some(), is_inside);
        assert_eq!(membership.invite.as_ref().map(|invite| invite.link.as_str()), Some(link.as_str()));
        if !is_inside {
            assert_eq!(
                gate.answers().await,
                [
                    "not answered: no request is open; it was withdrawn, an administrator declined it, or there was none"
                ]
            );
            gate.come_in().await;
            assert!(gate.membership().await.joined_at.is_some());
        }
        assert!(gate.town.telegram.read(|world| world.is_inside(CHAT, BEN)));
        gate.town.stop().await;
    }
}

/// "I was declined" has an answer.
#[tokio::test(flavor = "multi_thread")]
async fn f36_the_list_of_jobs_says_why_somebody_was_declined() {
    const STRANGER: UserId = UserId(666);
    let mut gate = Gate::new(ChatKind::Channel).await;
    gate.give(30).await;
    gate.town.telegram.add_user(NewUser::new(STRANGER.0, "Sam")).unwrap();
    let link = gate.membership().await.invite.unwrap().link;
    gate.town.telegram.open_link(STRANGER, &link).unwrap();
    gate.settle().await;
    assert!(!gate.town.telegram.read(|world| world.is_inside(CHAT, STRANGER)));
    assert_eq!(gate.answers().await, ["declined: no membership"]);
    gate.town.stop().await;
}

/// Telegram fails, and then the bot lacks the right for hours: who was told it is not told it with every try.
#[tokio::test(flavor = "multi_thread")]
async fn f36_who_is_declined_is_told_so_once_however_often_it_is_tried() {
    const STRANGER: UserId = UserId(666);
    // Who never wrote to the bot can be written to for five minutes only, and before their request is answered.
    for has_started in [false, true] {
        let mut gate = Gate::new(ChatKind::Channel).await;
        gate.give(30).await;
        let telegram = gate.town.telegram.clone();
        telegram.add_user(NewUser::new(STRANGER.0, "Sam")).unwrap();
        if has_started {
            telegram.start(STRANGER, "").unwrap();
            gate.settle().await;
        }
        telegram.fault("declineChatJoinRequest", &Fault::server_error(), 3);
        let no_rights = Fault::answer(400, "Bad Request: not enough rights");
        telegram.fault("declineChatJoinRequest", &no_rights, 1_000);
        let link = gate.membership().await.invite.unwrap().link;
        telegram.open_link(STRANGER, &link).unwrap();
        gate.settle().await;
        for _ in 0..3 {
            gate.town.clock.advance(SignedDuration::from_secs(10));
            gate.settle().await;
        }
        let open = gate.town.store().attention(AttentionFilter::default()).await.unwrap();
        assert_eq!(open.iter().map(|item| item.reason).collect::<Vec<_>>(), [Reason::RightsMissing]);
        gate.pass(1).await;
        gate.pass(1).await;
        let told = || {
            telegram.read(|world| {
                world.bot_posts(STRANGER).iter().filter(|post| post.text.contains("was declined")).count()
            })
        };
        assert_eq!((told(), gate.done("declineChatJoinRequest")), (1, 0), "{has_started}");
        telegram.clear_faults();
        gate.pass(1).await;
        assert_eq!((told(), gate.done("declineChatJoinRequest")), (1, 1), "{has_started}");
        assert_eq!(gate.answers().await, ["declined: no membership"]);
        gate.town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f35_f37_mylink_brings_the_way_in_for_as_long_as_the_membership_lasts() {
    let mut gate = Gate::new(ChatKind::Channel).await;
    gate.give(30).await;
    let first = gate.membership().await.invite.unwrap().link;
    gate.pass(20 * 24).await;
    gate.town.telegram.say(BEN, "/mylink").unwrap();
    gate.settle().await;
    let second = gate.membership().await.invite.unwrap().link;
    assert_ne!(first, second);
    // What it has taken the place of is no way in any more (F35).
    assert_eq!(gate.done("revokeChatInviteLink"), 1);
    assert!(gate.town.telegram.open_link(BEN, &first).is_err());
    let told = gate.town.telegram.read(|world| {
        let last = world.bot_posts(BEN).last().map(|post| post.buttons.clone()).unwrap_or_default();
        last.into_iter().flatten().filter_map(|button| button.url).collect::<Vec<_>>()
    });
    assert_eq!(told, [second]);
    gate.come_in().await;
    assert!(gate.town.telegram.read(|world| world.is_inside(CHAT, BEN)));
    gate.pass(20 * 24).await;
    gate.town.telegram.say(BEN, "/mylink").unwrap();
    gate.settle().await;
    let said = gate.town.telegram.read(|world| world.bot_posts(BEN).last().unwrap().text.clone());
    assert!(said.contains("no access"), "{said}");
    gate.town.stop().await;
}

/// A link that an administrator has revoked already is done with; and whatever keeps the old link alive, the new one comes.
#[tokio::test(flavor = "multi_thread")]
async fn f35_a_link_that_cannot_be_revoked_now_holds_up_no_other() {
    for (fault, is_done) in [
        (Fault::answer(400, "Bad Request: INVITE_HASH_EXPIRED"), true),
        (Fault::server_error(), false),
        (Fault::close_after(), false),
        (Fault::answer(400, "Bad Request: not enough rights"), false),
    ] {
        let mut gate = Gate::new(ChatKind::Channel).await;
        gate.give(30).await;
        let first = gate.membership().await.invite.unwrap().link;
        gate.pass(2).await;
        gate.town.telegram.fault("revokeChatInviteLink", &fault, 1);
        gate.town.telegram.say(BEN, "/mylink").unwrap();
        gate.settle().await;
        let second = gate.membership().await.invite.unwrap().link;
        let told = gate.town.telegram.read(|world| {
            let last = world.bot_posts(BEN).last().map(|post| post.buttons.clone()).unwrap_or_default();
            last.into_iter().flatten().filter_map(|button| button.url).collect::<Vec<_>>()
        });
        assert_eq!(told, [second], "{fault:?}");
        gate.pass(1).await;
        assert_eq!(gate.town.telegram.open_link(BEN, &first).is_ok(), is_done, "{fault:?}");
        assert_eq!(gate.town.store().attention(AttentionFilter::default()).await.unwrap(), [], "{fault:?}");
        gate.town.stop().await;
    }
}

/// A bot can never have bought: what an owner has in their group to help them is no stranger there.
#[tokio::test(flavor = "multi_thread")]
async fn a_helper_bot_of_the_owner_is_neither_reported_nor_shown_out() {
    const HELPER: UserId = UserId(7_770);
    const SAM: UserId = UserId(7_771);
    for (strangers, reported) in
        [(StrangerPolicy::Report, vec![Reason::StrangerInside]), (StrangerPolicy::Remove, vec![])]
    {
        let mut gate = Gate::new(ChatKind::Supergroup).await;
        let change = Box::new(PolicyChange { strangers: Some(strangers), ..PolicyChange::default() });
        let (channel_id, actor) = (gate.town.channel, "cli:test".to_owned());
        gate.town.app.submit(Command::SetPolicies { channel_id, change, actor }).await.unwrap();
        let telegram = gate.town.telegram.clone();
        telegram.add_user(NewUser::bot(HELPER.0, "Helper")).unwrap();
        telegram.add_user(NewUser::new(SAM.0, "Sam")).unwrap();
        for who in [HELPER, SAM] {
            telegram.add_member(CHAT, UserId(OWNER), who).unwrap();
        }
        gate.settle().await;
        assert!(telegram.read(|world| world.is_inside(CHAT, HELPER)), "{strangers:?}");
        assert_eq!(telegram.read(|world| world.is_inside(CHAT, SAM)), !reported.is_empty());
        let open = gate.town.store().attention(AttentionFilter { limit: 10, ..AttentionFilter::default() });
        let open = open.await.unwrap();
        assert!(open.iter().all(|item| item.subject == Subject::Member { channel_id, user: user(SAM.0) }));
        assert_eq!(open.into_iter().map(|item| item.reason).collect::<Vec<_>>(), reported);
        gate.town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f51_a_group_that_becomes_a_supergroup_keeps_its_members_and_its_gate() {
    let mut gate = Gate::new(ChatKind::Group).await;
    gate.give(30).await;
    gate.come_in().await;
    let to = gate.town.telegram.migrate(CHAT).unwrap();
    gate.settle().await;
    let mut needs = Needs::default();
    needs.channels.insert(gate.town.channel);
    let snapshot = gate.town.store().snapshot(needs).await.unwrap();
    let channel = snapshot.channels.get(&gate.town.channel).unwrap();
    assert_eq!(channel.private_chat, PrivateChatId::new(to.0).unwrap());
    // They leave, ask for a link, and it leads to the new place; at the end they are shown out of it.
    gate.town.telegram.leave(BEN, to).unwrap();
    gate.settle().await;
    // Who was given the link just now is not given it again at once.
    gate.pass(1).await;
    gate.town.telegram.say(BEN, "/mylink").unwrap();
    gate.settle().await;
    gate.come_in().await;
    assert!(gate.town.telegram.read(|world| world.is_inside(to, BEN)));
    gate.pass(32 * 24).await;
    assert!(!gate.town.telegram.read(|world| world.is_inside(to, BEN)));
    assert_eq!(gate.membership().await.status, MembershipStatus::Expired);
    assert_eq!(gate.done("banChatMember"), 1);
    gate.town.stop().await;
}

/// What Telegram takes in an hour is used up by messages for which nobody waits, except for what is kept free.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_just_come_is_written_to_while_reminders_wait_for_their_turn() {
    const OTHERS: i64 = 5;
    const NEW: UserId = UserId(9_000);
    let in_an_hour = |messages| Rate { messages, within: Duration::from_hours(1) };
    let limits = Limits { all: in_an_hour(60), bulk: in_an_hour(2), ..Limits::NONE };
    let mut gate = Gate::with_limits(ChatKind::Channel, limits).await;
    let others: Vec<UserId> = (1..=OTHERS).map(|number| UserId(8_000 + number)).collect();
    for who in others.iter().chain([&NEW]) {
        gate.town.telegram.add_user(NewUser::new(who.0, "Member")).unwrap();
        gate.town.telegram.start(*who, "").unwrap();
    }
    gate.settle().await;
    for who in &others {
        gate.give_to(who.0, 30).await;
    }
    let posts = |gate: &Gate, who: UserId| gate.town.telegram.read(|world| world.bot_posts(who).len());
    let before: usize = others.iter().map(|who| posts(&gate, *who)).sum();

    gate.pass(29 * 24).await;
    let reminded = others.iter().map(|who| posts(&gate, *who)).sum::<usize>() - before;
    assert_eq!(reminded, 2, "the others are told to come back");
    let before = posts(&gate, NEW);
    gate.give_to(NEW.0, 30).await;
    assert_eq!(posts(&gate, NEW), before + 1, "the way in is told at once");
    gate.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_person_has_banned_stays_banned_when_their_time_is_over_and_when_they_pay_again() {
    let revoke = async |gate: &Gate| {
        let member = Member::User { channel_id: gate.town.channel, user: user(BUYER) };
        let (reason, actor) = ("test".to_owned(), "cli:test".to_owned());
        gate.town.app.submit(Command::RevokeMembership { member, reason, actor }).await.unwrap();
        gate.settle().await;
    };
    for is_revoked in [false, true] {
        let mut gate = Gate::new(ChatKind::Channel).await;
        gate.give(30).await;
        gate.come_in().await;
        gate.town.telegram.ban(CHAT, UserId(OWNER), BEN).unwrap();
        gate.settle().await;
        if is_revoked {
            revoke(&gate).await;
        } else {
            gate.pass(31 * 24 + 1).await;
        }
        assert!(gate.membership().await.removed_at.is_some());
        let is_banned = || {
            matches!(gate.town.telegram.read(|world| world.status(CHAT, BEN)), MemberStatus::Kicked { .. })
        };
        assert!(is_banned(), "revoked: {is_revoked}");
        gate.give(30).await;
        assert!(is_banned(), "revoked: {is_revoked}");
        let open = gate.town.store().attention(AttentionFilter::default()).await.unwrap();
        assert_eq!(open.iter().map(|item| item.reason).collect::<Vec<_>>(), [Reason::MemberBanned]);
        gate.town.stop().await;
    }
}

/// Telegram answers in its own words that there are no bans to lift there.
#[tokio::test(flavor = "multi_thread")]
async fn f44_a_member_of_a_basic_group_is_shown_out() {
    let mut gate = Gate::new(ChatKind::Group).await;
    gate.give(30).await;
    gate.come_in().await;
    gate.pass(31 * 24 + 1).await;
    assert!(!gate.town.telegram.read(|world| world.is_inside(CHAT, BEN)));
    let membership = gate.membership().await;
    assert_eq!((membership.status, membership.removed_at.is_some()), (MembershipStatus::Expired, true));
    assert_eq!(gate.town.store().attention(AttentionFilter::default()).await.unwrap(), []);
    gate.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f37_mylink_of_a_bot_without_the_right_is_answered_and_the_link_comes_with_the_right() {
    let mut gate = Gate::new(ChatKind::Channel).await;
    let telegram = gate.town.telegram.clone();
    telegram.demote_bot(CHAT, UserId(OWNER)).unwrap();
    gate.settle().await;
    gate.give(30).await;
    let said = || telegram.read(|world| world.bot_posts(BEN).last().map(|post| post.text.clone()));
    for _ in 0..2 {
        let before = telegram.read(|world| world.bot_posts(BEN).len());
        telegram.say(BEN, "/mylink").unwrap();
        gate.settle().await;
        assert_eq!(telegram.read(|world| world.bot_posts(BEN).len()), before + 1);
        let said = said().unwrap();
        assert!(said.contains("is being made") && said.contains("lack the right"), "{said}");
    }
    telegram.make_bot_admin(CHAT, UserId(OWNER), AdminRights::gatekeeper()).unwrap();
    gate.settle().await;
    assert!(said().unwrap().starts_with("Thank you!"), "{:?}", said());
    gate.come_in().await;
    assert!(telegram.read(|world| world.is_inside(CHAT, BEN)));
    gate.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_too_many_chats_hears_it_and_is_let_in_when_they_have_left_one() {
    for (code, description) in
        [(403, "Forbidden: USER_CHANNELS_TOO_MUCH"), (400, "Bad Request: CHANNELS_TOO_MUCH")]
    {
        let mut gate = Gate::new(ChatKind::Channel).await;
        gate.give(30).await;
        // What went wrong before says nothing of what they were told.
        gate.town.telegram.fault("approveChatJoinRequest", &Fault::server_error(), 1);
        gate.town.telegram.fault("approveChatJoinRequest", &Fault::answer(code, description), 2);
        gate.come_in().await;
        gate.pass(1).await;
        let told = |gate: &Gate| {
            gate.town.telegram.read(|world| {
                world.bot_posts(BEN).iter().filter(|post| post.text.contains("as many groups")).count()
            })
        };
        assert_eq!(told(&gate), 1, "{description}");
        // Of the bot nothing is missing, and nobody else can help.
        assert_eq!(gate.town.store().attention(AttentionFilter::default()).await.unwrap(), []);
        gate.pass(2).await;
        gate.pass(2).await;
        assert!(gate.town.telegram.read(|world| world.is_inside(CHAT, BEN)), "{description}");
        assert_eq!(told(&gate), 1, "{description}");
        gate.town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f37_mylink_lets_in_whose_request_to_join_came_to_nothing() {
    let mut gate = Gate::new(ChatKind::Channel).await;
    gate.give(30).await;
    gate.town.telegram.fault("approveChatJoinRequest", &Fault::answer(400, "Bad Request: ODD"), 1);
    gate.come_in().await;
    let open = gate.town.store().attention(AttentionFilter::default()).await.unwrap();
    assert_eq!(open.iter().map(|item| item.reason).collect::<Vec<_>>(), [Reason::JobDead]);
    assert!(!gate.town.telegram.read(|world| world.is_inside(CHAT, BEN)));
    gate.pass(1).await;
    gate.town.telegram.say(BEN, "/mylink").unwrap();
    gate.settle().await;
    assert!(gate.town.telegram.read(|world| world.is_inside(CHAT, BEN)));
    gate.town.stop().await;
}

/// In the days between the end and the removal nobody is thanked for an access that lasts until yesterday.
#[tokio::test(flavor = "multi_thread")]
async fn f37_mylink_after_the_end_says_that_it_is_over_and_until_when_one_can_be_inside() {
    for is_inside in [false, true] {
        let mut gate = Gate::new(ChatKind::Channel).await;
        gate.give(30).await;
        if is_inside {
            gate.come_in().await;
        }
        gate.pass(30 * 24 + 1).await;
        gate.town.telegram.say(BEN, "/mylink").unwrap();
        gate.settle().await;
        let last = gate.town.telegram.read(|world| world.bot_posts(BEN).pop().unwrap().clone());
        let leaves_at = gate.membership().await.ends_at.unwrap() + SignedDuration::from_hours(24);
        assert!(last.text.contains("has ended"), "{}", last.text);
        assert!(last.text.contains(&Language::English.instant(leaves_at)), "{}", last.text);
        let link = gate.membership().await.invite.unwrap().link;
        let urls: Vec<String> = last.buttons.into_iter().flatten().filter_map(|button| button.url).collect();
        assert_eq!(urls, [link]);
        if !is_inside {
            gate.come_in().await;
            assert!(gate.town.telegram.read(|world| world.is_inside(CHAT, BEN)));
        }
        gate.town.stop().await;
    }
}
