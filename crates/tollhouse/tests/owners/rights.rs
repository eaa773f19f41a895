//! The bot loses a right, and has it back.

use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, Member};
use tollhouse_core::job::JobState;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::JobFilter;
use tollhouse_telegram::fake::{Fault, NewUser};
use tollhouse_telegram::{AdminRights, ChatId, UserId};

use crate::house::{House, OLGA};
use crate::town::{BUYER, Engine, PRIVATE_CHAT, user};

const BEN: UserId = UserId(BUYER);
const CHAT: ChatId = ChatId(PRIVATE_CHAT);

async fn give(house: &House, days: u32) {
    let member = Member::User { channel_id: house.town.channel, user: user(BUYER) };
    let (reason, actor) = ("test".to_owned(), "cli:test".to_owned());
    let duration = PlanDuration::Days(days);
    house.app().submit(Command::GrantMembership { member, duration, reason, actor }).await.unwrap();
    house.settle().await;
}

async fn gate(engine: Engine) -> House {
    let house = House::new(engine).await;
    house.telegram().add_user(NewUser::new(BEN.0, "Ben")).unwrap();
    house.telegram().start(BEN, "").unwrap();
    house.start(OLGA).await;
    house.make_admin(PRIVATE_CHAT, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    house
}

fn told(house: &House, text: &str) -> usize {
    house.posts(OLGA).iter().filter(|post| post.text.contains(text)).count()
}

async fn a_right_goes_and_comes_back(engine: Engine) {
    let mut house = gate(engine).await;
    let before = house.posts(OLGA).len();
    let some = AdminRights { can_invite_users: false, ..AdminRights::gatekeeper() };
    house.make_admin(PRIVATE_CHAT, OLGA, some);
    house.settle().await;
    assert_eq!(house.posts(OLGA).len(), before + 1);
    let text = house.last(OLGA).text;
    assert!(text.contains("invite users via link") && !text.contains("ban users"), "{text}");
    // What needs it waits, for as long as it takes; no attempt is counted, and nobody is told again and again.
    let said = house.posts(BEN).len();
    give(&house, 30).await;
    house.pass(10).await;
    for _ in 0..20 {
        house.pass(1).await;
    }
    assert_eq!(house.posts(BEN).len(), said);
    let jobs = house.app().store.jobs(JobFilter::default()).await.unwrap();
    let waiting: Vec<_> = jobs.iter().filter(|job| job.kind.name() == "deliver_access").collect();
    assert_eq!((waiting.len(), waiting[0].state, waiting[0].attempt), (1, JobState::Ready, 0));
    assert!(told(&house, "I lack a right") <= 3, "at most once a day");
    // Back: it runs at once, not at its next look.
    house.make_admin(PRIVATE_CHAT, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    assert_eq!(house.posts(BEN).len(), said + 1);
    assert_eq!(told(&house, "I have all rights"), 1);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_wait_for_a_right_and_run_when_it_is_back_on_sqlite() {
    a_right_goes_and_comes_back(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_wait_for_a_right_and_run_when_it_is_back_on_postgres() {
    a_right_goes_and_comes_back(Engine::Postgres).await;
}

/// Telegram tells of a request to join only who may decide about it, and never a second time.
#[tokio::test(flavor = "multi_thread")]
async fn who_asked_to_join_while_the_bot_might_let_nobody_in_is_let_in_when_it_may_again() {
    let mut house = gate(Engine::Sqlite).await;
    give(&house, 30).await;
    let mut needs = Needs::default();
    needs.members.insert((house.town.channel, user(BUYER)));
    let rows = house.app().store.snapshot(needs).await.unwrap();
    let link = rows.membership_of(house.town.channel, user(BUYER)).unwrap().invite.clone().unwrap().link;
    let some = AdminRights { can_invite_users: false, ..AdminRights::gatekeeper() };
    house.make_admin(PRIVATE_CHAT, OLGA, some);
    house.settle().await;
    house.telegram().open_link(BEN, &link).unwrap();
    house.settle().await;
    house.make_admin(PRIVATE_CHAT, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    assert!(house.telegram().read(|world| world.is_inside(CHAT, BEN)));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f44_a_refusal_tells_of_the_missing_right_where_no_update_did() {
    let mut house = gate(Engine::Sqlite).await;
    for (fault, right) in [
        (
            Fault::answer(400, "Bad Request: not enough rights to manage chat invite link"),
            "invite users via link",
        ),
        (Fault::answer(403, "Forbidden: bot was kicked from the channel chat"), "be an administrator"),
    ] {
        house.telegram().fault("createChatInviteLink", &fault, 1);
        let before = told(&house, right);
        give(&house, 30).await;
        house
            .app()
            .submit(Command::RevokeMembership {
                member: Member::User { channel_id: house.town.channel, user: user(BUYER) },
                reason: "test".to_owned(),
                actor: "cli:test".to_owned(),
            })
            .await
            .unwrap();
        house.settle().await;
        assert_eq!(told(&house, right), before + 1, "{right}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_was_thrown_out_comes_back_and_goes_on() {
    let mut house = gate(Engine::Sqlite).await;
    house.telegram().kick_bot(CHAT, OLGA).unwrap();
    house.settle().await;
    assert!(house.last(OLGA).text.contains("be an administrator"), "{:?}", house.last(OLGA));
    give(&house, 30).await;
    house.pass(2).await;
    let said = house.posts(BEN).len();
    house.make_admin(PRIVATE_CHAT, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    assert_eq!(house.posts(BEN).len(), said + 1);
    // The card is the owner's; the chat is not offered to be set up again.
    assert_eq!(told(&house, "two minutes"), 0);
    house.stop().await;
}
