//! Random commands on a store and on the model.

use jiff::SignedDuration;
use rust_decimal::Decimal;
use tollhouse_core::attention::Resolution;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, Member, NewPlan, OfferChange, OrderFrom, Outcome};
use tollhouse_core::event::Parent;
use tollhouse_core::id::{
    ChannelId, ClaimToken, IdSource, MessageId, OrderId, PrivateChatId, ProviderPaymentId, TelegramUserId,
};
use tollhouse_core::job::{Failure, Job, JobKind, Outcome as JobOutcome};
use tollhouse_core::membership_policy::StrangerPolicy;
use tollhouse_core::money::Currency;
use tollhouse_core::order::{Invoice, OrderKind, OrderSource};
use tollhouse_core::policy::{OverpaidPolicy, PolicyChange, RefundPolicy};
use tollhouse_core::presence::Standing;
use tollhouse_core::progress::Face;

use super::Fresh;
use super::model::Model;
use super::world::{Clock, Notice, PRIVATE_CHAT, PUBLIC_CHAT, SeededIds, World, add_channel};

/// How many commands one run plays. Each is a commit of its own, so that the model sees the same ids.
const COMMANDS: usize = 400;
/// The seeds that are played, one after another, in one database each.
const SEED: u64 = 0x7011_4005;

pub async fn random_commands_end_as_in_the_model(database: &dyn Fresh) {
    let clock = Clock::default();
    let world = World::open_at(database, SEED, clock.clone()).await;
    let mut model = Model::new(SEED, clock.clone());
    let mut player = Player { random: SeededIds::new(SEED + 1), clock, held: Vec::new() };
    for number in 0..COMMANDS {
        let command = player.next(&model, number);
        let mine = model.run(&command);
        let stored = world.store.submit(command.clone()).await.unwrap();
        assert_eq!(mine, stored, "command {number}: {command:?}");
        if let Ok(Outcome::Jobs(jobs)) = &mine {
            player.held.extend(jobs.iter().cloned());
        }
    }
    model.compare(&*world.store).await;
    assert!(model.snapshot.grants.values().count() > 10, "the commands must come to something");
    assert!(model.snapshot.attention.values().count() > 5);
}

struct Player {
    random: SeededIds,
    clock: Clock,
    held: Vec<Job>,
}

impl Player {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.random() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn pick<T: Clone>(&mut self, from: Vec<T>) -> Option<T> {
        if from.is_empty() {
            return None;
        }
        let index = self.below(from.len());
        from.into_iter().nth(index)
    }

    fn user(&mut self) -> TelegramUserId {
        TelegramUserId::new(700 + i64::try_from(self.below(4)).unwrap()).unwrap()
    }

    fn next(&mut self, model: &Model, number: usize) -> Command {
        let seconds = i64::try_from(self.below(40_000)).unwrap();
        self.clock.advance(SignedDuration::from_secs(seconds));
        if number == 0 {
            return add_channel(-2001, Some(PUBLIC_CHAT));
        }
        match self.below(30) {
            0 => {
                let chat = -2001 - i64::try_from(self.below(4)).unwrap();
                add_channel(chat, (chat % 2 == 0).then_some(chat - 100))
            }
            1..=3 => self.shop(model),
            4 => self.offer(model),
            5..=8 => self.order(model),
            9..=19 => self.notification(model),
            20 => self.bind(model),
            21 | 22 => self.person(model),
            23 => self.resolve(model),
            24 => self.telegram(model),
            25 => self.care(model),
            26 | 27 => Command::ClaimJobs { limit: 5, now: self.clock.now() },
            _ => self.finish(model),
        }
    }

    fn shop(&mut self, model: &Model) -> Command {
        let Some(channel) = self.pick(model.snapshot.channels.values().cloned().collect()) else {
            return add_channel(-2001, Some(PUBLIC_CHAT));
        };
        let plan = self.pick(channel.plans.clone());
        let actor = "cli:test".to_owned();
        match (self.below(8), plan) {
            (0..=3, Some(plan)) => {
                let expires_at =
                    (self.below(2) == 0).then(|| self.clock.now() + SignedDuration::from_hours(400));
                let max_uses = (self.below(2) == 0).then_some(2);
                Command::CreateLink { channel_id: channel.id, plan_id: plan.id, expires_at, max_uses, actor }
            }
            (4, _) => match self.pick(model.snapshot.links.keys().copied().collect()) {
                Some(link_id) => Command::RevokeLink { link_id, actor },
                None => Command::UserStarted { user: self.user() },
            },
            (5, Some(plan)) => Command::RetirePlan { channel_id: channel.id, plan_id: plan.id, actor },
            (6, _) if self.below(6) == 0 => Command::ArchiveChannel { channel_id: channel.id, actor },
            (7, _) if self.below(3) == 0 => {
                let change = Box::new(self.policies());
                Command::SetPolicies { channel_id: channel.id, change, actor }
            }
            _ => {
                let days = u32::try_from(self.below(40) + 1).unwrap();
                let plan = NewPlan {
                    label: format!("{days} days"),
                    price: format!("{days}.50 USD").parse().unwrap(),
                    duration: PlanDuration::days(days).unwrap(),
                };
                Command::AddPlan { channel_id: channel.id, plan, actor }
            }
        }
    }

    fn offer(&mut self, model: &Model) -> Command {
        let actor = "cli:test".to_owned();
        let donations: Vec<_> = model
            .snapshot
            .orders
            .values()
            .filter(|order| order.kind() == OrderKind::Donation)
            .cloned()
            .collect();
        if self.below(3) == 0
            && let Some(order) = self.pick(donations)
        {
            let (user, message) = (order.user.unwrap_or(self.user()), format!("hi {}", self.below(9)));
            return Command::NoteDonor { order_id: order.id, user, message };
        }
        let Some(channel_id) = self.pick(model.snapshot.channels.keys().copied().collect()) else {
            return Command::UserStarted { user: self.user() };
        };
        match self.below(3) {
            0 => Command::PostOffer { channel_id, actor },
            1 => {
                let amount = format!("{}.50 USD", self.below(12)).parse().unwrap();
                Command::CreateOrder {
                    from: OrderFrom::Donation { channel_id, amount },
                    user: (self.below(4) != 0).then(|| self.user()),
                    source: OrderSource::Bot,
                    wants_invoice: self.below(2) == 0,
                }
            }
            _ => {
                let hours = u32::try_from(self.below(30)).unwrap();
                let change = OfferChange {
                    every_hours: Some((self.below(3) != 0).then_some(hours)),
                    description: (self.below(2) == 0).then(|| Some(format!("words {hours}"))),
                    donations: None,
                };
                Command::SetOffer { channel_id, change: Box::new(change), actor }
            }
        }
    }

    /// What a chat answers about a channel's offer.
    fn posted(&mut self, model: &Model, channel: ChannelId) -> JobOutcome {
        let number = i64::try_from(self.below(1_000)).unwrap();
        let chat = model.snapshot.channels.get(&channel).unwrap().public_chat;
        let offer = model.snapshot.offers.get(&channel).unwrap();
        let stands = self.pick(offer.former.iter().chain(&offer.post).cloned().collect());
        match (self.below(4), chat, stands) {
            (0, _, Some(post)) => JobOutcome::OfferGone { chat: post.chat, message_id: post.message_id },
            (1, _, Some(post)) => {
                JobOutcome::OfferEdited { message_id: post.message_id, shows: format!("edit {number}") }
            }
            (2, Some(chat), _) => {
                JobOutcome::OfferPosted { chat, message_id: number, shows: format!("post {number}") }
            }
            _ => JobOutcome::Nothing,
        }
    }

    fn policies(&mut self) -> PolicyChange {
        let share = |hundredths: usize| Decimal::new(i64::try_from(hundredths).unwrap(), 2);
        PolicyChange {
            underpayment_tolerance: Some(share(self.below(20))),
            finished_floor: Some(share(80 + self.below(20))),
            refund: self.pick(vec![None, Some(RefundPolicy::Keep), Some(RefundPolicy::Revoke)]).flatten(),
            overpaid: self.pick(vec![None, Some(OverpaidPolicy::Attention)]).flatten(),
            grace_hours: u32::try_from(self.below(48)).ok(),
            ..PolicyChange::default()
        }
    }

    fn order(&mut self, model: &Model) -> Command {
        let slug = self.pick(model.snapshot.links.values().map(|link| link.slug.clone()).collect());
        let channel = self.pick(model.snapshot.channels.values().cloned().collect());
        let plan = channel.and_then(|channel| self.pick(channel.plans));
        let claim = self.pick(model.snapshot.orders.values().filter_map(|order| order.claim).collect());
        let user = (self.below(3) != 0).then(|| self.user());
        let wants_invoice = self.below(2) == 0;
        if self.below(4) == 0
            && let Some(order_id) = self.pick(model.snapshot.orders.keys().copied().collect())
        {
            let coin = ["btc", "ltc", "usdttrc20"][self.below(3)];
            let coin = (self.below(5) != 0).then(|| Currency::new(coin).unwrap());
            return if self.below(3) == 0 {
                let (reason, actor) = ("ticket 12".to_owned(), "cli:alice".to_owned());
                Command::BindOrder { order_id, user: self.user(), reason, actor }
            } else {
                Command::ChooseCoin { order_id, coin, words: None }
            };
        }
        match (self.below(5), slug, plan, claim) {
            (0, Some(slug), ..) => Command::CreateOrder {
                from: OrderFrom::Link { slug },
                user,
                source: OrderSource::DirectLink,
                wants_invoice,
            },
            (4, Some(slug), _, claim) => Command::OrderByForm {
                from: OrderFrom::Link { slug },
                user,
                source: OrderSource::DirectLink,
                form: claim.filter(|_| self.below(2) == 0).unwrap_or_else(|| ClaimToken(self.random.uuid())),
                wants_invoice,
            },
            (1, _, _, Some(claim)) => Command::ClaimOrder { claim, user: self.user() },
            (2, _, Some(plan), _) => Command::Buy {
                from: OrderFrom::Plan { channel_id: plan.channel_id, plan_id: plan.id },
                plan_id: plan.id,
                user: self.user(),
                wants_invoice,
            },
            (_, _, Some(plan), _) => Command::CreateOrder {
                from: OrderFrom::Plan { channel_id: plan.channel_id, plan_id: plan.id },
                user,
                source: OrderSource::Bot,
                wants_invoice,
            },
            _ => Command::UserStarted { user: self.user() },
        }
    }

    fn notification(&mut self, model: &Model) -> Command {
        let payment = 1_000 + i64::try_from(self.below(40)).unwrap();
        let order = self.pick(model.snapshot.orders.values().cloned().collect());
        let user = self.user();
        let mut notice = Notice::finished(payment, "");
        notice.order = match (self.below(10), &order) {
            (0, _) => None,
            (1, _) => Some("donation_default".to_owned()),
            (2, _) => Some(OrderId(self.random.uuid()).to_string()),
            (3, _) => Some(format!("PGP-{user}|-999")),
            (4 | 5, _) | (_, None) => Some(format!("PGP-{user}|{PUBLIC_CHAT}")),
            (_, Some(order)) => Some(order.id.to_string()),
        };
        if let Some(order) = order {
            notice.price = order.price;
        }
        let statuses = [
            "waiting",
            "confirming",
            "sending",
            "expired",
            "failed",
            "finished",
            "finished",
            "finished",
            "partially_paid",
            "partially_paid",
            "refunded",
            "wrong_asset_confirmed",
            "spending",
        ];
        notice = notice.status(statuses[self.below(statuses.len())]);
        notice = match self.below(8) {
            0 => notice.price("3.00 EUR"),
            1 => notice.paid("0.0004 BTC"),
            2 => notice.paid("0.0009999999999999999999999 BTC"),
            3 => Notice { paid: None, ..notice },
            _ => notice,
        };
        notice.parent = match self.below(8) {
            0 => Parent::Payment(
                ProviderPaymentId::new(1_000 + i64::try_from(self.below(40)).unwrap()).unwrap(),
            ),
            1 if self.below(3) == 0 => Parent::Unreadable,
            _ => Parent::None,
        };
        notice.at = self.clock.now();
        if self.below(40) == 0 {
            Command::ParkNotification(Box::new(notice.received()))
        } else {
            notice.command()
        }
    }

    fn bind(&mut self, model: &Model) -> Command {
        let payment = self.pick(model.snapshot.payments.keys().copied().collect());
        let order = self.pick(model.snapshot.orders.keys().copied().collect());
        match (payment, order) {
            (Some(payment_id), Some(order_id)) => {
                Command::BindPayment { payment_id, order_id, actor: "cli:test".to_owned() }
            }
            _ => Command::UserStarted { user: self.user() },
        }
    }

    fn person(&mut self, model: &Model) -> Command {
        let actor = "cli:test".to_owned();
        let membership = self.pick(model.snapshot.memberships.keys().copied().collect());
        let channel = self.pick(model.snapshot.channels.keys().copied().collect());
        let member = match (self.below(2), membership, channel) {
            (0, Some(id), _) => Member::Membership(id),
            (_, _, Some(channel_id)) => Member::User { channel_id, user: self.user() },
            _ => return Command::UserStarted { user: self.user() },
        };
        if self.below(3) == 0 {
            Command::RevokeMembership { member, reason: "test".to_owned(), actor }
        } else {
            Command::GrantMembership {
                member,
                duration: PlanDuration::Days(3),
                reason: "test".to_owned(),
                actor,
            }
        }
    }

    fn resolve(&mut self, model: &Model) -> Command {
        let resolutions = [Resolution::Grant, Resolution::Dismiss, Resolution::Refund];
        let resolution = resolutions[self.below(3)];
        match self.pick(model.snapshot.attention.keys().copied().collect()) {
            Some(attention_id) => Command::ResolveAttention {
                attention_id,
                resolution,
                reason: "test".to_owned(),
                actor: "telegram:42".to_owned(),
            },
            None => Command::UserStarted { user: self.user() },
        }
    }

    fn telegram(&mut self, model: &Model) -> Command {
        let chats = model.snapshot.channels.values().map(|channel| channel.private_chat).collect();
        let chat = self.pick(chats).unwrap_or(PrivateChatId::new(-5).unwrap());
        let user = self.user();
        match self.below(5) {
            0 => Command::JoinRequest { chat, user, update_id: i64::try_from(self.below(1_000)).unwrap() },
            1 | 2 => {
                let standing = Standing::ALL[self.below(Standing::ALL.len())];
                Command::MemberSeen { chat, user, standing, at: self.clock.now() }
            }
            3 => Command::ReissueInvites { user },
            _ => Command::UserStarted { user },
        }
    }

    fn care(&mut self, model: &Model) -> Command {
        let (reason, actor) = ("test".to_owned(), "cli:test".to_owned());
        let channel = self.pick(model.snapshot.channels.keys().copied().collect());
        let run = self.pick(model.snapshot.runs.keys().copied().collect());
        match (self.below(6), channel, run) {
            (0, channel_id, _) => {
                Command::FreezeRemovals { channel_id, freeze: self.below(3) == 0, reason, actor }
            }
            (1, _, _) => {
                Command::FreezeRemovals { channel_id: None, freeze: self.below(3) == 0, reason, actor }
            }
            (2, Some(channel_id), _) => {
                let change = PolicyChange {
                    removals_max: u32::try_from(self.below(2)).ok(),
                    strangers: Some([StrangerPolicy::Report, StrangerPolicy::Remove][self.below(2)]),
                    grace_hours: Some(1),
                    ..PolicyChange::default()
                };
                Command::SetPolicies { channel_id, change: Box::new(change), actor }
            }
            (3, _, Some(run_id)) if self.below(3) == 0 => Command::NoteRunUndone { run_id, reason, actor },
            (4, Some(channel_id), _) if self.below(8) == 0 => {
                let from = model.snapshot.channels.get(&channel_id).unwrap().private_chat;
                let to = PrivateChatId::new(from.get() - 1_000).unwrap();
                Command::ChatMigrated { from, to }
            }
            (_, Some(channel_id), _) => Command::Whitelist {
                channel_id,
                user: self.user(),
                listed: self.below(2) == 0,
                reason,
                actor,
            },
            _ => Command::UserStarted { user: self.user() },
        }
    }

    fn finish(&mut self, model: &Model) -> Command {
        let Some(job) = self.held.pop() else {
            return match self.pick(model.snapshot.jobs.keys().copied().collect()) {
                Some(job_id) => Command::RetryJob { job_id },
                None => Command::UserStarted { user: self.user() },
            };
        };
        let token = job.lease.unwrap().token;
        if let JobKind::PostOffer { channel_id } = job.kind
            && self.below(3) != 0
        {
            let outcome = self.posted(model, channel_id);
            return Command::FinishJob { job: Box::new(job), token, outcome };
        }
        let error = || "it did not work: ✗".to_owned();
        let outcome = match self.below(13) {
            0 => JobOutcome::Nothing,
            9 => JobOutcome::Counted { members: 3 },
            1 => JobOutcome::InviteCreated {
                chat: PrivateChatId::new(PRIVATE_CHAT).unwrap(),
                link: format!("https://t.me/+{}", self.below(1_000)),
            },
            2 => JobOutcome::InvoiceCreated {
                invoice: Invoice {
                    id: "4522625843".to_owned(),
                    url: "https://pay.example/4522625843".to_owned(),
                },
            },
            3 => JobOutcome::Failed(Failure::Later { seconds: 30 }),
            4 => JobOutcome::Failed(Failure::Transient { error: error() }),
            5 => JobOutcome::Failed(Failure::Permanent { error: error() }),
            6 => JobOutcome::Failed(Failure::Unreachable { error: error() }),
            7 => JobOutcome::Approved,
            8 => {
                JobOutcome::Failed(Failure::BelowMinimum { error: error(), minimum: "2.00 USD".parse().ok() })
            }
            10 => JobOutcome::CoinRefused,
            11 => JobOutcome::OrderShown {
                face: Box::new(Face::Seen),
                message_id: MessageId::new(i64::from(i32::MAX)).unwrap(),
                is_new: true,
            },
            _ => JobOutcome::Done,
        };
        Command::FinishJob { job: Box::new(job), token, outcome }
    }
}
