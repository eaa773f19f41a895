//! Opening and roles.

use super::{Fresh, World};
use crate::{OpenError, OpenOptions, Ports, migrate, open_with};

pub async fn eight_openers_at_once_migrate_once(database: &dyn Fresh) {
    let worlds = futures::future::join_all((0..8).map(|seed| World::open(database, seed))).await;
    let channel = worlds[0].channel().await;
    for world in &worlds {
        world.order(channel, Some(7)).await;
    }
    let again = migrate(&database.url()).await.unwrap();
    assert_eq!(again.from, again.to, "nothing is left to do");
}

fn ports() -> Ports {
    let clock = super::Clock::default();
    Ports {
        now: std::sync::Arc::new(move || clock.now()),
        ids: Box::new(super::SeededIds::new(9)),
        on_batch: std::sync::Arc::new(|_| {}),
    }
}

pub async fn a_newer_or_older_schema_is_refused(database: &dyn Fresh) {
    let options = OpenOptions { migrate: false };
    let Err(older) = open_with(&database.url(), ports(), options).await else {
        panic!("an empty database was taken")
    };
    assert!(matches!(older, OpenError::Older { found: 0, .. }), "{older}");
    assert!(older.to_string().contains("tollhouse migrate"), "{older}");
    let migrated = migrate(&database.url()).await.unwrap();
    assert_eq!(migrated.from, 0);
    let store = open_with(&database.url(), ports(), options).await.unwrap();
    store.close().await;
    database
        .execute("INSERT INTO schema_migrations (number, name, checksum) VALUES (999, '0999_future', 'x')")
        .await;
    let Err(newer) = open_with(&database.url(), ports(), options).await else {
        panic!("a newer schema was taken")
    };
    assert!(matches!(newer, OpenError::Newer { found: 999, .. }), "{newer}");
}

pub async fn one_process_has_a_role(database: &dyn Fresh) {
    let one = World::open(database, 1).await;
    let two = World::open(database, 2).await;
    let guard = one.store.role_lock("telegram_polling").await.unwrap().unwrap();
    assert!(guard.is_held());
    for world in [&one, &two] {
        assert!(world.store.role_lock("telegram_polling").await.unwrap().is_none());
    }
    let other = two.store.role_lock("reconcile").await.unwrap();
    assert!(other.is_some(), "another role is another matter");
    drop(guard);
    // Letting go of it may take the database a moment: a role is asked for again and again.
    let mut taken = None;
    while taken.is_none() {
        taken = two.store.role_lock("telegram_polling").await.unwrap();
        tokio::task::yield_now().await;
    }
}
