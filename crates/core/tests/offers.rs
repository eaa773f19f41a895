//! The offer in a public chat: posted when asked for and by its schedule, the former post taken down, for ever (F57 to F62).
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod world;

use jiff::{SignedDuration, Timestamp};
use tollhouse_core::attention::Reason;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, NewPlan, OfferChange, OrderFrom, Outcome, Refusal};
use tollhouse_core::id::{LinkId, PlanId, PublicChatId};
use tollhouse_core::job::{
    ATTEMPTS_MAX, Action, Failure, Job, JobKind, JobState, Outcome as JobOutcome, action,
};
use tollhouse_core::offer::{Contents, Donations, Offer, OfferPost, POST_EVERY_HOURS_MAX};
use tollhouse_core::order::OrderSource;
use world::{PUBLIC_CHAT, World};

/// A chat in which the worker's calls end: the posts that stand, by their number.
struct Chat {
    world: World,
    standing: Vec<(i64, Contents)>,
    numbers: i64,
    /// How many of the next calls do not work.
    failures: usize,
    calls: usize,
}

impl Chat {
    fn new() -> Self {
        Self { world: World::new(), standing: Vec::new(), numbers: 0, failures: 0, calls: 0 }
    }

    fn offer(&self) -> &Offer {
        self.world.rows.offers.get(&self.world.channel).unwrap()
    }

    fn job(&self) -> Job {
        let mut jobs = self.world.rows.jobs.values().filter(|job| job.kind.name() == "post_offer");
        jobs.next().cloned().unwrap()
    }

    fn set(&mut self, change: OfferChange) -> Result<Outcome, Refusal> {
        let channel_id = self.world.channel;
        self.world.try_run(Command::SetOffer { channel_id, change: Box::new(change), actor: "cli:a".into() })
    }

    fn every(&mut self, hours: Option<u32>) {
        self.set(OfferChange { every_hours: Some(hours), ..OfferChange::default() }).unwrap();
    }

    fn post(&mut self) -> Result<Outcome, Refusal> {
        let channel_id = self.world.channel;
        self.world.try_run(Command::PostOffer { channel_id, actor: "cli:a".into() })
    }

    /// Does one call, if one is to be done now; what came of it.
    fn perform(&mut self, job: &Job) -> JobOutcome {
        let does = action(self.world.now, &self.world.rows, job);
        if matches!(does, Action::Nothing) {
            return JobOutcome::Nothing;
        }
        self.calls += 1;
        if self.failures > 0 {
            self.failures -= 1;
            return JobOutcome::Failed(Failure::Transient { error: "out of reach".into() });
        }
        match does {
            Action::PostOffer { chat, contents } => {
                self.numbers += 1;
                let shows = contents.fingerprint();
                self.standing.push((self.numbers, contents));
                JobOutcome::OfferPosted { chat, message_id: self.numbers, shows }
            }
            Action::EditOffer { post, contents } => {
                let shows = contents.fingerprint();
                match self.standing.iter_mut().find(|(number, _)| *number == post.message_id) {
                    Some(standing) => standing.1 = contents,
                    None => return gone(&post),
                }
                JobOutcome::OfferEdited { message_id: post.message_id, shows }
            }
            Action::TakeDownOffer { post, .. } => {
                self.standing.retain(|(number, _)| *number != post.message_id);
                gone(&post)
            }
            other => panic!("{other:?}"),
        }
    }

    /// Works everything that is due now.
    fn work(&mut self) {
        loop {
            let jobs = self.world.claim();
            if jobs.is_empty() {
                return;
            }
            for job in jobs {
                let outcome = match &job.kind {
                    JobKind::PostOffer { .. } => self.perform(&job),
                    _ => JobOutcome::Done,
                };
                self.world.finish(&job, outcome);
            }
        }
    }

    /// Lets time pass, minute by minute as a worker would see it.
    fn pass(&mut self, hours: i64) {
        let end = self.world.now + SignedDuration::from_hours(hours);
        while self.world.now < end {
            self.world.now = (self.world.now + SignedDuration::from_mins(1)).min(end);
            self.work();
        }
    }

    fn numbers(&self) -> Vec<i64> {
        self.standing.iter().map(|(number, _)| *number).collect()
    }

    fn plan(&self, label: &str) -> PlanId {
        let channel = self.world.rows.channels.get(&self.world.channel).unwrap();
        channel.plans.iter().find(|plan| plan.label == label).unwrap().id
    }

    fn retire(&mut self, label: &str) {
        let (channel_id, plan_id) = (self.world.channel, self.plan(label));
        self.world.run(Command::RetirePlan { channel_id, plan_id, actor: "cli:a".into() });
    }
}

fn gone(post: &OfferPost) -> JobOutcome {
    JobOutcome::OfferGone { chat: post.chat, message_id: post.message_id }
}

#[test]
fn f58_a_channel_has_its_offer_from_the_first_moment_and_nothing_is_posted_unasked() {
    let mut chat = Chat::new();
    assert_eq!(chat.offer().donations, Donations::default());
    chat.pass(48);
    assert_eq!((chat.calls, chat.numbers().len()), (0, 0));
}

#[test]
fn f57_a_new_post_replaces_the_one_before_it_and_its_number_is_kept_with_it() {
    let mut chat = Chat::new();
    chat.post().unwrap();
    chat.work();
    assert_eq!(chat.numbers(), [1]);
    for number in 2..6 {
        chat.world.now += SignedDuration::from_mins(1);
        chat.post().unwrap();
        chat.work();
        assert_eq!(chat.numbers(), [number], "the former one is gone");
        assert_eq!(chat.offer().post.as_ref().map(|post| post.message_id), Some(number));
        assert!(chat.offer().former.is_empty());
    }
    let (_, contents) = &chat.standing[0];
    let labels: Vec<&str> = contents.plans.iter().map(|plan| plan.label.as_str()).collect();
    assert_eq!(labels, ["Month", "Week", "Fortnight", "Year", "Life"]);
    assert_eq!(contents.donate_to, Some(chat.world.channel));
    // A link behind each button, which makes an order at the plan's price.
    for plan in contents.plans.clone() {
        let from = OrderFrom::Link { slug: plan.slug };
        let create =
            Command::CreateOrder { from, user: None, source: OrderSource::Bot, wants_invoice: false };
        let Outcome::Order(order) = chat.world.run(create) else { panic!("no order") };
        assert_eq!(chat.world.get(order).price, plan.price);
    }
    assert_eq!(chat.world.rows.links.values().count(), 5, "the same links stand behind every post");
}

#[test]
fn f57_a_former_post_that_cannot_be_taken_down_yet_is_not_forgotten() {
    let mut chat = Chat::new();
    chat.post().unwrap();
    chat.work();
    chat.post().unwrap();
    // The new post works, and taking the old one down does not.
    let jobs = chat.world.claim();
    let outcome = chat.perform(&jobs[0]);
    chat.world.finish(&jobs[0], outcome);
    chat.failures = 3;
    chat.work();
    assert_eq!(chat.numbers(), [1, 2]);
    assert_eq!(chat.offer().former.len(), 1);
    chat.pass(1);
    assert_eq!(chat.numbers(), [2]);
    assert!(chat.offer().former.is_empty());
}

#[test]
fn f60_a_scheduled_offer_is_posted_for_ever() {
    let mut chat = Chat::new();
    chat.every(Some(24));
    chat.pass(1);
    assert_eq!(chat.numbers(), [1], "a channel without a post begins at once");
    for day in 2..12 {
        chat.pass(24);
        assert_eq!(chat.numbers(), [day]);
    }
    chat.every(None);
    chat.pass(24 * 7);
    assert_eq!(chat.numbers(), [11], "it stands, and nothing new comes");
    assert_eq!(chat.job().state, JobState::Done);
    // The time since the last post counts.
    chat.every(Some(24 * 30));
    chat.pass(24 * 20);
    assert_eq!(chat.numbers(), [11]);
    chat.pass(24 * 5);
    assert_eq!(chat.numbers(), [12]);
}

#[test]
fn f59_f60_a_post_that_failed_is_tried_again_told_and_never_the_last_one() {
    let mut chat = Chat::new();
    chat.every(Some(24));
    chat.failures = 5;
    chat.pass(1);
    assert_eq!(chat.numbers(), [1], "it was tried again after each failure");
    assert_eq!(chat.world.open_reasons(), []);
    chat.failures = usize::try_from(ATTEMPTS_MAX).unwrap();
    chat.pass(30);
    assert_eq!(chat.numbers(), [1]);
    assert_eq!(chat.world.open_reasons(), [Reason::OfferNotPosted]);
    let told = |chat: &Chat| {
        let notices = chat.world.rows.jobs.values().filter(|job| job.kind.name() == "notify_owner");
        notices.filter(|job| job.subject.contains("offer_not_posted")).count()
    };
    assert_eq!(told(&chat), 1);
    chat.pass(24);
    assert_eq!(chat.numbers(), [2], "the next time it works");
    assert_eq!(chat.world.open_reasons(), [], "and the list says so");
    chat.failures = usize::try_from(ATTEMPTS_MAX).unwrap();
    chat.pass(30);
    assert_eq!(told(&chat), 2, "a failure of another day is told as well");
}

#[test]
fn f60_a_failure_without_a_schedule_waits_for_a_person_who_tries_again() {
    let mut chat = Chat::new();
    chat.post().unwrap();
    chat.failures = usize::try_from(ATTEMPTS_MAX).unwrap();
    chat.pass(30);
    assert_eq!((chat.job().state, chat.numbers().len()), (JobState::Dead, 0));
    let item = chat.world.rows.attention.values().find(|item| item.is_open()).unwrap().clone();
    assert_eq!(item.reason, Reason::OfferNotPosted);
    chat.world.run(Command::ResolveAttention {
        attention_id: item.id,
        resolution: tollhouse_core::attention::Resolution::Grant,
        reason: "the bot is an administrator again".into(),
        actor: "cli:a".into(),
    });
    chat.work();
    assert_eq!(chat.numbers(), [1]);
    // Or asks for it anew.
    chat.failures = usize::try_from(ATTEMPTS_MAX).unwrap();
    chat.post().unwrap();
    chat.pass(30);
    assert_eq!(chat.job().state, JobState::Dead);
    chat.post().unwrap();
    chat.work();
    assert_eq!(chat.numbers(), [2]);
}

#[test]
fn what_stands_follows_the_plans_without_a_new_post() {
    let mut chat = Chat::new();
    chat.post().unwrap();
    chat.work();
    let shown = |chat: &Chat| -> Vec<String> {
        chat.standing[0].1.plans.iter().map(|plan| format!("{} {}", plan.label, plan.price)).collect()
    };
    chat.retire("Month");
    chat.work();
    let plan =
        NewPlan { label: "Month".into(), price: "3 USD".parse().unwrap(), duration: PlanDuration::Days(30) };
    chat.world.run(Command::AddPlan { channel_id: chat.world.channel, plan, actor: "cli:a".into() });
    chat.work();
    assert_eq!(
        shown(&chat),
        ["Week 2.00 USD", "Fortnight 45 USD", "Year 99.99 USD", "Life 500 USD", "Month 3 USD"]
    );
    assert_eq!(chat.numbers(), [1], "the same post");
    let calls = chat.calls;
    chat.set(OfferChange { description: Some(Some("Daily.\nFor all.".into())), ..OfferChange::default() })
        .unwrap();
    chat.work();
    assert_eq!(chat.standing[0].1.description.as_deref(), Some("Daily.\nFor all."));
    let longest = Some(Some("x".repeat(1_000)));
    chat.set(OfferChange { description: longest, ..OfferChange::default() }).unwrap();
    let closed = Donations { open: false, ..Donations::default() };
    chat.set(OfferChange { donations: Some(closed), ..OfferChange::default() }).unwrap();
    chat.work();
    assert_eq!((chat.standing[0].1.donate_to, chat.calls), (None, calls + 2));
    chat.pass(24);
    assert_eq!(chat.calls, calls + 2, "what is up to date is left alone");
}

#[test]
fn a_link_that_its_owner_took_back_gets_a_successor_behind_the_button() {
    let mut chat = Chat::new();
    chat.post().unwrap();
    chat.work();
    let month = chat.plan("Month");
    let link_id: LinkId = chat.offer().links.iter().find(|link| link.plan_id == month).unwrap().link_id;
    let before = chat.standing[0].1.plans[0].slug.clone();
    chat.world.run(Command::RevokeLink { link_id, actor: "cli:a".into() });
    chat.work();
    let after = chat.standing[0].1.plans[0].slug.clone();
    assert_ne!(before, after);
    let from = OrderFrom::Link { slug: after };
    let create = Command::CreateOrder { from, user: None, source: OrderSource::Bot, wants_invoice: false };
    assert!(chat.world.try_run(create).is_ok());
}

#[test]
fn who_removed_the_post_by_hand_gets_none_before_its_next_time() {
    let mut chat = Chat::new();
    chat.every(Some(24));
    chat.work();
    chat.standing.clear();
    chat.retire("Year");
    chat.work();
    assert_eq!((chat.numbers().len(), chat.offer().post.as_ref()), (0, None));
    chat.pass(23);
    assert_eq!(chat.numbers().len(), 0);
    chat.pass(1);
    assert_eq!(chat.numbers(), [2]);
}

#[test]
fn an_archived_channel_takes_its_offer_down_and_posts_none() {
    let mut chat = Chat::new();
    chat.every(Some(24));
    chat.pass(30);
    chat.world.run(Command::ArchiveChannel { channel_id: chat.world.channel, actor: "cli:a".into() });
    chat.work();
    assert_eq!(chat.numbers().len(), 0);
    chat.pass(24 * 3);
    assert_eq!(chat.numbers().len(), 0);
    assert!(matches!(chat.post(), Err(Refusal::Conflict(_))));
}

#[test]
fn a_group_that_became_a_supergroup_gets_the_offer_there() {
    let mut chat = Chat::new();
    chat.post().unwrap();
    chat.work();
    let to = tollhouse_core::id::PrivateChatId::new(-1_009_999).unwrap();
    let from = tollhouse_core::id::PrivateChatId::new(PUBLIC_CHAT).unwrap();
    chat.world.run(Command::ChatMigrated { from, to });
    chat.work();
    assert_eq!(chat.offer().post.as_ref().map(|post| post.chat), PublicChatId::new(-1_009_999).ok());
    assert_eq!(chat.numbers(), [2]);
    // The same by the refusal of a call.
    chat.post().unwrap();
    let jobs = chat.world.claim();
    let to = tollhouse_core::id::PrivateChatId::new(-1_008_888).unwrap();
    chat.world.finish(&jobs[0], JobOutcome::Migrated { to });
    chat.work();
    assert_eq!(chat.offer().post.as_ref().map(|post| post.chat), PublicChatId::new(-1_008_888).ok());
}

#[test]
fn what_cannot_be_posted_is_refused_with_what_helps() {
    let mut chat = Chat::new();
    for hours in [0, POST_EVERY_HOURS_MAX + 1] {
        let refused = chat.set(OfferChange { every_hours: Some(Some(hours)), ..OfferChange::default() });
        assert!(matches!(refused, Err(Refusal::Invalid(_))), "{hours}");
    }
    for text in ["", " \n", "bell \u{7}", &*"x".repeat(1_001)] {
        let refused =
            chat.set(OfferChange { description: Some(Some(text.into())), ..OfferChange::default() });
        assert!(matches!(refused, Err(Refusal::Invalid(_))), "{text}");
    }
    let closed = Donations { open: false, ..Donations::default() };
    chat.set(OfferChange { donations: Some(closed), ..OfferChange::default() }).unwrap();
    for label in ["Month", "Week", "Fortnight", "Year", "Life"] {
        chat.retire(label);
    }
    let Err(Refusal::Invalid(words)) = chat.post() else { panic!("nothing to post") };
    assert!(words.contains("add one"), "{words}");
}

#[test]
fn a_plan_that_is_retired_while_the_post_is_on_its_way_is_taken_out_of_it() {
    let mut chat = Chat::new();
    chat.post().unwrap();
    // The links are made, and then the post is on its way.
    let jobs = chat.world.claim();
    chat.world.finish(&jobs[0], JobOutcome::Nothing);
    let jobs = chat.world.claim();
    let outcome = chat.perform(&jobs[0]);
    chat.retire("Month");
    chat.world.finish(&jobs[0], outcome);
    assert!(chat.standing[0].1.plans.iter().any(|plan| plan.label == "Month"));
    chat.work();
    assert!(chat.standing[0].1.plans.iter().all(|plan| plan.label != "Month"));
    assert_eq!(chat.numbers(), [1]);
}

#[test]
fn a_worker_that_lost_its_lease_leaves_no_second_number() {
    let mut chat = Chat::new();
    chat.post().unwrap();
    chat.work();
    chat.post().unwrap();
    let late = chat.world.claim().remove(0);
    let outcome = chat.perform(&late);
    chat.world.now += SignedDuration::from_secs(61);
    chat.work();
    assert_eq!(chat.world.finish(&late, outcome), Outcome::LeaseLost);
    let now: Timestamp = chat.world.now;
    assert!(chat.offer().post.as_ref().is_some_and(|post| post.posted_at == now));
}
