//! What owners find in the lists: every channel of theirs, however many, and everybody who is inside.

use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, Member};
use tollhouse_telegram::AdminRights;

use crate::house::{ADAM, House, OLGA};
use crate::town::{Engine, PRIVATE_CHAT, user};

#[tokio::test(flavor = "multi_thread")]
async fn who_is_inside_in_grace_is_listed_as_well_as_counted() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    for (number, duration) in [(ADAM.0, PlanDuration::Days(1)), (90_002, PlanDuration::Days(30))] {
        let member = Member::User { channel_id: house.town.channel, user: user(number) };
        let (reason, actor) = ("test".to_owned(), "cli:test".to_owned());
        house.app().submit(Command::GrantMembership { member, duration, reason, actor }).await.unwrap();
    }
    house.pass(25).await;
    let members = house.say_once(OLGA, "/members").await;
    assert!(members.contains(": 2") && members.contains("90002, until"), "{members}");
    let in_grace =
        |members: &str| members.contains("2002, time is over since") && members.contains("in grace until");
    assert!(in_grace(&members), "{members}");
    // The bot may remove nobody there.
    house.pass(24 * 7).await;
    let members = house.say_once(OLGA, "/members").await;
    assert!(members.contains("not shown out yet") && !in_grace(&members), "{members}");
    house.make_admin(PRIVATE_CHAT, OLGA, AdminRights::gatekeeper());
    house.pass(24).await;
    let members = house.say_once(OLGA, "/members").await;
    assert!(members.contains(": 1") && !members.contains("2002"), "{members}");
    house.stop().await;
}
