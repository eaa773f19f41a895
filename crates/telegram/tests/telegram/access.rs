//! Links, requests, bans: the gate.

use tollhouse_telegram::fake::{NewUser, Opened, Refused};
use tollhouse_telegram::{
    AdminRights, Done, Error, Lack, MemberChange, MemberStatus, Missing, Right, UpdateKind, UserId,
};

use crate::support::{BUYER, CHANNEL, OWNER, STRANGER, World};

fn member_changes(updates: Vec<UpdateKind>) -> Vec<MemberChange> {
    let change = |kind| match kind {
        UpdateKind::ChatMember(change) => Some(change),
        _ => None,
    };
    updates.into_iter().filter_map(change).collect()
}

#[tokio::test]
async fn a_forwarded_link_lets_in_nobody_whom_the_bot_does_not_approve() {
    let world = World::new().await;
    let link = world.gateway.create_chat_invite_link(CHANNEL, "membership 1", None).await.unwrap();
    assert!(link.creates_join_request);
    assert_eq!(world.fake.open_link(BUYER, &link.url), Ok((CHANNEL, Opened::Asked)));
    assert_eq!(world.fake.open_link(STRANGER, &link.url), Ok((CHANNEL, Opened::Asked)));

    let asked: Vec<_> = world.updates().await.into_iter().collect();
    let [UpdateKind::JoinRequest(buyer), UpdateKind::JoinRequest(stranger)] = asked.as_slice() else {
        panic!("not two join requests: {asked:?}")
    };
    assert_eq!((buyer.from.id, buyer.chat.id), (BUYER, CHANNEL));
    assert_eq!(buyer.private_chat, BUYER.private_chat());
    assert_eq!(buyer.at, world.now());
    assert_eq!(buyer.invite_link.as_ref().unwrap().url, link.url);
    assert_eq!(stranger.invite_link.as_ref().unwrap().pending_join_requests, 2);

    world.gateway.approve_chat_join_request(CHANNEL, BUYER).await.unwrap();
    world.gateway.decline_chat_join_request(CHANNEL, STRANGER).await.unwrap();
    assert_eq!(world.fake.read(|state| state.members(CHANNEL)), [OWNER, BUYER]);

    let changes = member_changes(world.updates().await);
    assert_eq!(changes.len(), 1, "declining changes nobody's standing");
    let change = &changes[0];
    assert_eq!(change.before.status, MemberStatus::Left);
    assert_eq!((change.after.user.id, change.after.status), (BUYER, MemberStatus::Member));
    assert_eq!(change.actor.id, world.fake.read(|state| state.bot().id));
    assert_eq!(change.invite_link.as_ref().unwrap().url, link.url);
}

#[tokio::test]
async fn a_decision_is_made_once_and_says_so_the_second_time() {
    let world = World::new().await;
    world.let_in(BUYER).await;
    let again = world.gateway.approve_chat_join_request(CHANNEL, BUYER).await;
    assert_eq!(again, Err(Error::AlreadyDone(Done::Member)));
    let declined = world.gateway.decline_chat_join_request(CHANNEL, BUYER).await;
    assert_eq!(declined, Err(Error::AlreadyDone(Done::Member)));
    let nobody_asked = world.gateway.approve_chat_join_request(CHANNEL, STRANGER).await;
    assert_eq!(nobody_asked, Err(Error::AlreadyDone(Done::NoJoinRequest)));
    let nobody = world.gateway.approve_chat_join_request(CHANNEL, UserId(404)).await;
    assert_eq!(nobody, Err(Error::NotFound(Missing::User)));
}

#[tokio::test]
async fn a_request_ends_when_it_is_withdrawn_or_decided_by_hand() {
    let world = World::new().await;
    let link = world.link().await;
    world.fake.open_link(BUYER, &link).unwrap();
    world.fake.withdraw_request(BUYER, CHANNEL).unwrap();
    let withdrawn = world.gateway.approve_chat_join_request(CHANNEL, BUYER).await;
    assert_eq!(withdrawn, Err(Error::AlreadyDone(Done::NoJoinRequest)));

    world.fake.open_link(BUYER, &link).unwrap();
    world.fake.decide(CHANNEL, OWNER, BUYER, true).unwrap();
    let by_hand = world.gateway.approve_chat_join_request(CHANNEL, BUYER).await;
    assert_eq!(by_hand, Err(Error::AlreadyDone(Done::Member)));
    let changes = member_changes(world.updates().await);
    assert_eq!(changes[0].actor.id, OWNER);
}

#[tokio::test]
async fn asking_twice_tells_the_bot_once() {
    let world = World::new().await;
    let link = world.link().await;
    assert_eq!(world.fake.open_link(BUYER, &link).unwrap().1, Opened::Asked);
    assert_eq!(world.fake.open_link(BUYER, &link).unwrap().1, Opened::AlreadyAsked);
    assert_eq!(world.updates().await.len(), 1);
}

#[tokio::test]
async fn a_member_and_a_banned_person_cannot_ask() {
    let world = World::new().await;
    world.let_in(BUYER).await;
    let link = world.link().await;
    assert_eq!(world.fake.open_link(BUYER, &link), Err(Refused::AlreadyMember));
    world.gateway.ban_chat_member(CHANNEL, BUYER).await.unwrap();
    assert_eq!(world.fake.open_link(BUYER, &link), Err(Refused::Banned));
    world.gateway.unban_chat_member(CHANNEL, BUYER).await.unwrap();
    assert_eq!(world.fake.open_link(BUYER, &link).unwrap().1, Opened::Asked);
}

#[tokio::test]
async fn a_revoked_or_expired_link_is_dead_and_its_request_lives_on() {
    let world = World::new().await;
    let link = world.link().await;
    world.fake.open_link(BUYER, &link).unwrap();
    world.gateway.revoke_chat_invite_link(CHANNEL, &link).await.unwrap();
    assert_eq!(world.fake.open_link(STRANGER, &link), Err(Refused::DeadLink));
    let again = world.gateway.revoke_chat_invite_link(CHANNEL, &link).await;
    assert_eq!(again, Err(Error::NotFound(Missing::Link)));
    world.gateway.approve_chat_join_request(CHANNEL, BUYER).await.unwrap();

    let at = world.now() + jiff::SignedDuration::from_mins(60);
    let short = world.gateway.create_chat_invite_link(CHANNEL, "an hour", Some(at)).await.unwrap();
    assert_eq!(short.expires_at, Some(at));
    world.wait_minutes(61);
    assert_eq!(world.fake.open_link(STRANGER, &short.url), Err(Refused::DeadLink));
    let past = world.gateway.create_chat_invite_link(CHANNEL, "too late", Some(at)).await;
    assert_eq!(past, Err(Error::Permanent { description: "Bad Request: EXPIRE_DATE_INVALID".to_owned() }));
}

#[tokio::test]
async fn a_removal_is_a_ban_and_an_unban_after_which_one_may_come_back() {
    let world = World::new().await;
    world.let_in(BUYER).await;
    world.listen().await;
    world.gateway.ban_chat_member(CHANNEL, BUYER).await.unwrap();
    world.gateway.ban_chat_member(CHANNEL, BUYER).await.unwrap();
    let banned = world.gateway.get_chat_member(CHANNEL, BUYER).await.unwrap();
    assert_eq!(banned.status, MemberStatus::Kicked { until: None });
    world.gateway.unban_chat_member(CHANNEL, BUYER).await.unwrap();
    world.gateway.unban_chat_member(CHANNEL, BUYER).await.unwrap();
    assert_eq!(world.gateway.get_chat_member(CHANNEL, BUYER).await.unwrap().status, MemberStatus::Left);
    let steps: Vec<_> =
        member_changes(world.updates().await).into_iter().map(|change| change.after.status).collect();
    assert_eq!(
        steps,
        [MemberStatus::Kicked { until: None }, MemberStatus::Left],
        "repeating tells nobody anything"
    );
}

#[tokio::test]
async fn unbanning_never_removes_a_member() {
    let world = World::new().await;
    world.let_in(BUYER).await;
    world.gateway.unban_chat_member(CHANNEL, BUYER).await.unwrap();
    assert!(world.fake.read(|state| state.is_inside(CHANNEL, BUYER)));
}

#[tokio::test]
async fn owners_and_administrators_are_never_removed() {
    let world = World::new().await;
    world.let_in(BUYER).await;
    world.fake.promote(CHANNEL, OWNER, BUYER, Some(AdminRights::gatekeeper())).unwrap();
    assert_eq!(world.gateway.ban_chat_member(CHANNEL, OWNER).await, Err(Error::ProtectedMember));
    assert_eq!(world.gateway.ban_chat_member(CHANNEL, BUYER).await, Err(Error::ProtectedMember));
    let admins = world.gateway.get_chat_administrators(CHANNEL).await.unwrap();
    let mut ids: Vec<_> = admins.iter().map(|admin| admin.user.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [OWNER, world.fake.read(|state| state.bot().id), BUYER]);
    assert!(admins.iter().find(|admin| admin.user.id == BUYER).unwrap().status.can(Right::InviteUsers));
}

#[tokio::test]
async fn a_removal_without_the_right_names_the_right() {
    let world = World::new().await;
    world.let_in(BUYER).await;
    let only_inviting = AdminRights { can_restrict_members: false, ..AdminRights::gatekeeper() };
    world.fake.make_bot_admin(CHANNEL, OWNER, only_inviting).unwrap();
    let refused = world.gateway.ban_chat_member(CHANNEL, BUYER).await.unwrap_err();
    let description = "Bad Request: not enough rights to restrict/unrestrict chat member".to_owned();
    assert_eq!(refused, Error::NoRights { lack: Lack::Right(Right::RestrictMembers), description });
    assert!(world.fake.read(|state| state.is_inside(CHANNEL, BUYER)));
}

#[tokio::test]
async fn inviting_without_the_right_names_the_right() {
    let world = World::new().await;
    let link = world.link().await;
    world.fake.open_link(BUYER, &link).unwrap();
    let only_removing = AdminRights { can_invite_users: false, ..AdminRights::gatekeeper() };
    world.fake.make_bot_admin(CHANNEL, OWNER, only_removing).unwrap();
    let lack = Lack::Right(Right::InviteUsers);
    let create = world.gateway.create_chat_invite_link(CHANNEL, "x", None).await.unwrap_err();
    let description = "Bad Request: not enough rights to manage chat invite link".to_owned();
    assert_eq!(create, Error::NoRights { lack, description });
    let approve = world.gateway.approve_chat_join_request(CHANNEL, BUYER).await.unwrap_err();
    let description = "Bad Request: not enough rights to manage chat join requests".to_owned();
    assert_eq!(approve, Error::NoRights { lack, description });
}

#[tokio::test]
async fn the_bot_is_told_about_its_own_rights_and_removal() {
    let world = World::new().await;
    world.fake.make_bot_admin(CHANNEL, OWNER, AdminRights::all()).unwrap();
    world.fake.demote_bot(CHANNEL, OWNER).unwrap();
    world.fake.kick_bot(CHANNEL, OWNER).unwrap();
    let updates = world.updates().await;
    let steps: Vec<_> = updates
        .iter()
        .map(|kind| match kind {
            UpdateKind::MyChatMember(change) => (change.actor.id, change.chat.id, change.after.status),
            other => panic!("not about the bot: {other:?}"),
        })
        .collect();
    assert_eq!(
        steps,
        [
            (OWNER, CHANNEL, MemberStatus::Administrator(AdminRights::all())),
            (OWNER, CHANNEL, MemberStatus::Member),
            (OWNER, CHANNEL, MemberStatus::Kicked { until: None }),
        ]
    );
    let refused = world.gateway.get_chat(CHANNEL).await.unwrap_err();
    let description = "Forbidden: bot was kicked from the channel chat".to_owned();
    assert_eq!(refused, Error::NoRights { lack: Lack::Kicked, description });
}

#[tokio::test]
async fn a_bot_without_the_right_to_invite_hears_of_no_request() {
    let world = World::new().await;
    let link = world.link().await;
    let only_removing = AdminRights { can_invite_users: false, ..AdminRights::gatekeeper() };
    world.fake.make_bot_admin(CHANNEL, OWNER, only_removing).unwrap();
    world.listen().await;
    world.fake.open_link(BUYER, &link).unwrap();
    assert_eq!(world.updates().await, []);
}

#[tokio::test]
async fn a_stranger_gets_in_by_the_owners_own_link_and_the_bot_sees_half_of_it() {
    let world = World::new().await;
    let link = world.fake.make_link(CHANNEL, OWNER, false).unwrap();
    assert_eq!(world.fake.open_link(STRANGER, &link), Ok((CHANNEL, Opened::Joined)));
    let changes = member_changes(world.updates().await);
    assert_eq!(changes[0].after.user.id, STRANGER);
    let shown = &changes[0].invite_link.as_ref().unwrap().url;
    assert!(shown.ends_with("...") && link.starts_with(shown.trim_end_matches('.')), "{shown}");
    let foreign = world.gateway.revoke_chat_invite_link(CHANNEL, &link).await;
    assert_eq!(foreign, Err(Error::NotFound(Missing::Link)));
}

#[tokio::test]
async fn people_come_and_go_by_themselves_and_by_the_owners_hand() {
    let world = World::new().await;
    world.fake.add_member(CHANNEL, OWNER, BUYER).unwrap();
    assert_eq!(world.fake.add_member(CHANNEL, OWNER, BUYER), Err(Refused::AlreadyMember));
    assert_eq!(world.fake.add_member(CHANNEL, STRANGER, BUYER), Err(Refused::NotAllowed));
    world.fake.leave(BUYER, CHANNEL).unwrap();
    assert_eq!(world.fake.leave(BUYER, CHANNEL), Err(Refused::NotMember));
    assert_eq!(world.fake.leave(OWNER, CHANNEL), Err(Refused::NotAllowed));
    let actors: Vec<_> = member_changes(world.updates().await)
        .into_iter()
        .map(|change| (change.actor.id, change.after.status))
        .collect();
    assert_eq!(actors, [(OWNER, MemberStatus::Member), (BUYER, MemberStatus::Left)]);
}

#[tokio::test]
async fn somebody_whom_telegram_does_not_know_is_not_found() {
    let world = World::new().await;
    let nobody = UserId(404);
    let missing = Err(Error::NotFound(Missing::User));
    assert_eq!(world.gateway.ban_chat_member(CHANNEL, nobody).await, missing);
    assert_eq!(world.gateway.get_chat_member(CHANNEL, nobody).await.map(drop), missing);
    assert_eq!(world.gateway.ban_chat_member(CHANNEL, UserId(-5)).await, missing);
    world.fake.add_user(NewUser::new(404, "Nora")).unwrap();
    assert_eq!(world.gateway.get_chat_member(CHANNEL, nobody).await.unwrap().status, MemberStatus::Left);
}

#[tokio::test]
async fn f44_who_never_met_the_bot_is_unknown_to_it_wherever_they_are() {
    let world = World::new().await;
    world.let_in(BUYER).await;
    world.updates().await;
    world.fake.forget(BUYER).unwrap();
    let unknown = Err(Error::NotFound(Missing::User));
    assert_eq!(world.gateway.get_chat_member(CHANNEL, BUYER).await.map(drop), unknown);
    assert_eq!(world.gateway.ban_chat_member(CHANNEL, BUYER).await, unknown);
    assert_eq!(world.gateway.unban_chat_member(CHANNEL, BUYER).await, unknown);
    assert!(world.fake.read(|state| state.is_inside(CHANNEL, BUYER)));
    // A word of theirs is enough, and so is what the chat tells of them.
    world.fake.say(BUYER, "hello").unwrap();
    assert_eq!(world.gateway.get_chat_member(CHANNEL, BUYER).await.unwrap().status, MemberStatus::Member);
    world.fake.forget(BUYER).unwrap();
    world.fake.ban(CHANNEL, OWNER, BUYER).unwrap();
    let status = world.gateway.get_chat_member(CHANNEL, BUYER).await.unwrap().status;
    assert_eq!(status, MemberStatus::Kicked { until: None });
}
