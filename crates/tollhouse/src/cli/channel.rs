//! `tollhouse channel`: what is sold.

use clap::{Args, Subcommand, ValueEnum};
use rust_decimal::Decimal;
use serde::Serialize;
use tollhouse_core::attention::Reason;
use tollhouse_core::channel::Payout;
use tollhouse_core::command::{Command, NewChannel, Outcome};
use tollhouse_core::id::{ChannelId, PlanId, PrivateChatId, PublicChatId, TelegramUserId};
use tollhouse_core::money::Currency;
use tollhouse_core::policy::{LatePolicy, Policies, RefundPolicy};
use tollhouse_store::{ChannelFilter, PAGE_LENGTH_MAX};

use super::args::{ChannelArg, Limit, OneChannel, PlanArg};
use super::error::CliError;
use super::output::{block, or_nothing, table, when, when_or_nothing};
use super::replay::{TakenUp, take_up};
use super::session::{Session, all_pages, unexpected};
use crate::view;

#[derive(Debug, Subcommand)]
pub(super) enum ChannelCommand {
    /// Register a channel or group that you sell, with at least one plan
    ///
    /// Payments that came for this channel before it was registered are taken up by themselves.
    Add(Box<AddArgs>),
    /// Show your channels
    List {
        /// Those that are archived as well
        #[arg(long)]
        archived: bool,
        #[command(flatten)]
        limit: Limit,
        /// Only those behind this one: the last of the page before
        #[arg(long, value_name = "CHANNEL_ID")]
        before: Option<ChannelId>,
    },
    /// Show a channel with its plans
    Show(OneChannel),
    /// Stop selling a channel; its members keep the time that they paid for
    Archive(OneChannel),
    /// What a channel costs and for how long; a change of price is a new plan
    #[command(subcommand)]
    Plan(PlanCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum PlanCommand {
    /// Put a plan on sale
    ///
    /// Payments that waited for the channel to have a plan are taken up by themselves.
    Add {
        #[command(flatten)]
        channel: OneChannel,
        /// Label, price and duration: "Monthly=5.00 USD/30d" or "Life=99 USD/lifetime"
        #[arg(long, value_name = "LABEL=PRICE/DURATION")]
        plan: PlanArg,
    },
    /// Take a plan off sale; orders made from it keep its price and duration
    Retire(RetireArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The chat that is sold, as Telegram numbers it (-100…)
    #[arg(long, value_name = "CHAT_ID", allow_negative_numbers = true)]
    private_chat: PrivateChatId,
    /// The public chat in which you offer it (-100…)
    #[arg(long, value_name = "CHAT_ID", allow_negative_numbers = true)]
    public_chat: Option<PublicChatId>,
    /// What buyers read
    #[arg(long)]
    title: String,
    /// A plan to sell, more than one if you like: "Monthly=5.00 USD/30d", "Life=99 USD/lifetime"
    #[arg(long, value_name = "LABEL=PRICE/DURATION", required = true)]
    plan: Vec<PlanArg>,
    /// Your Telegram user id: the bot tells you of sales and of what needs you
    #[arg(long, value_name = "TELEGRAM_ID")]
    owner: Option<TelegramUserId>,
    /// Your wallet
    #[arg(long, value_name = "ADDRESS", requires = "payout_currency")]
    payout_address: Option<String>,
    /// The wallet's coin with its network, for example usdttrc20
    #[arg(long, value_name = "COIN", requires = "payout_address", value_parser = Currency::new)]
    payout_currency: Option<Currency>,
    /// Money that comes after the order has expired: honour the price, or ask you
    #[arg(long, value_enum, default_value_t = Late::Honour)]
    late_payment: Late,
    /// What a refund does to the time that the order gave
    #[arg(long, value_enum, default_value_t = Refund::Revoke)]
    refund: Refund,
    /// Hours between a membership's end and the removal from the chat
    #[arg(long, value_name = "HOURS", default_value_t = Policies::default().grace_hours)]
    grace_hours: u32,
    /// Share of the price that may be missing where it was paid in parts
    #[arg(long, value_name = "SHARE", default_value_t = Policies::default().underpayment_tolerance)]
    underpayment_tolerance: Decimal,
}

/// [`LatePolicy`] as a word of the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Late {
    Honour,
    Attention,
}

/// [`RefundPolicy`] as a word of the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Refund {
    Revoke,
    Keep,
}

#[derive(Debug, Args)]
pub(super) struct RetireArgs {
    /// The plan (pln_…)
    #[arg(value_name = "PLAN", required_unless_present = "plan", conflicts_with = "plan")]
    positional: Option<PlanId>,
    /// The same, as an option
    #[arg(long, value_name = "PLAN")]
    plan: Option<PlanId>,
    /// The plan's channel; it is looked for if you leave this away
    #[arg(long, value_name = "CHANNEL", allow_negative_numbers = true)]
    channel: Option<ChannelArg>,
}

/// A channel, and the payments that were waiting for it.
#[derive(Debug, Serialize)]
struct Added<T> {
    #[serde(flatten)]
    thing: T,
    /// Payments that waited for this and have found their order now.
    taken_up: Vec<TakenUp>,
}

/// Carries a command out.
pub(super) async fn run(session: &Session, command: ChannelCommand) -> Result<(), CliError> {
    match command {
        ChannelCommand::Add(args) => add(session, *args).await,
        ChannelCommand::List { archived, limit, before } => list(session, archived, &limit, before).await,
        ChannelCommand::Show(which) => {
            let channel = session.channel(&which.get()).await?;
            Ok(session.out.answer(&view::Channel::from(&channel), in_full)?)
        }
        ChannelCommand::Archive(which) => {
            let channel_id = session.channel(&which.get()).await?.id;
            session.submit(Command::ArchiveChannel { channel_id, actor: session.actor.clone() }).await?;
            let channel = session.channel(&ChannelArg::Id(channel_id)).await?;
            Ok(session.out.answer(&view::Channel::from(&channel), in_full)?)
        }
        ChannelCommand::Plan(PlanCommand::Add { channel, plan }) => add_plan(session, &channel, plan).await,
        ChannelCommand::Plan(PlanCommand::Retire(args)) => retire_plan(session, &args).await,
    }
}

async fn add(session: &Session, args: AddArgs) -> Result<(), CliError> {
    let new = NewChannel {
        private_chat: args.private_chat,
        public_chat: args.public_chat,
        title: args.title,
        owner: args.owner,
        payout: args
            .payout_address
            .zip(args.payout_currency)
            .map(|(address, currency)| Payout { address: address.trim().to_owned(), currency }),
        plans: args.plan.into_iter().map(|plan| plan.0).collect(),
        policies: Policies {
            underpayment_tolerance: args.underpayment_tolerance,
            late: match args.late_payment {
                Late::Honour => LatePolicy::Honour,
                Late::Attention => LatePolicy::Attention,
            },
            refund: match args.refund {
                Refund::Revoke => RefundPolicy::Revoke,
                Refund::Keep => RefundPolicy::Keep,
            },
            grace_hours: args.grace_hours,
            ..Policies::default()
        },
    };
    let outcome = session.submit(Command::AddChannel(Box::new(new))).await?;
    let Outcome::Channel(id) = outcome else { return Err(unexpected(&outcome)) };
    let taken_up = take_up(session, Reason::UnknownChannel).await?;
    let channel = session.channel(&ChannelArg::Id(id)).await?;
    let added = Added { thing: view::Channel::from(&channel), taken_up };
    Ok(session.out.answer(&added, |added| in_full(&added.thing) + &taken_up_text(&added.taken_up))?)
}

async fn list(
    session: &Session,
    archived: bool,
    limit: &Limit,
    before: Option<ChannelId>,
) -> Result<(), CliError> {
    let filter = ChannelFilter { archived, before, limit: limit.limit };
    let channels = session.app.store.channels(filter).await?;
    let rows: Vec<view::Channel> = channels.iter().map(view::Channel::from).collect();
    let last = channels.last().map(|channel| channel.id.to_string());
    session.list(&rows, limit.limit, last, || {
        let cells = rows.iter().map(|channel| {
            [
                channel.id.to_string(),
                channel.title.clone(),
                channel.private_chat_id.to_string(),
                or_nothing(channel.public_chat_id),
                channel.plans.iter().filter(|plan| plan.active).map(offer).collect::<Vec<_>>().join("; "),
                when_or_nothing(channel.archived_at),
            ]
        });
        let headline = ["ID", "TITLE", "PRIVATE CHAT", "PUBLIC CHAT", "ON SALE", "ARCHIVED"];
        table(headline, cells.collect(), "No channels. Register one with `tollhouse channel add`.")
    })
}

async fn add_plan(session: &Session, channel: &OneChannel, plan: PlanArg) -> Result<(), CliError> {
    let channel_id = session.channel(&channel.get()).await?.id;
    let outcome = session.submit(Command::AddPlan { channel_id, plan: plan.0 }).await?;
    let Outcome::Plan(plan_id) = outcome else { return Err(unexpected(&outcome)) };
    let taken_up = take_up(session, Reason::NoPlan).await?;
    let added = Added { thing: plan_view(session, channel_id, plan_id).await?, taken_up };
    Ok(session.out.answer(&added, |added| plan_in_full(&added.thing) + &taken_up_text(&added.taken_up))?)
}

async fn retire_plan(session: &Session, args: &RetireArgs) -> Result<(), CliError> {
    #[expect(clippy::unwrap_used, reason = "clap requires one of the two")]
    let plan_id = args.positional.or(args.plan).unwrap();
    let channel_id = match session.channel_id(args.channel.as_ref()).await? {
        Some(id) => id,
        None => channel_of_plan(session, plan_id).await?,
    };
    session.submit(Command::RetirePlan { channel_id, plan_id }).await?;
    let plan = plan_view(session, channel_id, plan_id).await?;
    Ok(session.out.answer(&plan, plan_in_full)?)
}

async fn channel_of_plan(session: &Session, plan_id: PlanId) -> Result<ChannelId, CliError> {
    let store = &session.app.store;
    let page = |before| store.channels(ChannelFilter { archived: true, before, limit: PAGE_LENGTH_MAX });
    let channels = all_pages(|channel| channel.id, page).await?;
    let found = channels.iter().find(|channel| channel.plan(plan_id).is_some());
    let missing =
        || CliError::Failed(format!("no plan {plan_id}; `tollhouse channel show` lists a channel's plans"));
    found.map(|channel| channel.id).ok_or_else(missing)
}

async fn plan_view(
    session: &Session,
    channel_id: ChannelId,
    plan_id: PlanId,
) -> Result<view::Plan, CliError> {
    let channel = session.channel(&ChannelArg::Id(channel_id)).await?;
    let missing = || CliError::Failed(format!("the plan {plan_id} is gone from the channel {channel_id}"));
    channel.plan(plan_id).map(view::Plan::from).ok_or_else(missing)
}

fn offer(plan: &view::Plan) -> String {
    format!("{} {} for {}", plan.label, plan.price, plan.duration)
}

fn in_full(channel: &view::Channel) -> String {
    let policies = &channel.policies;
    let mut text = block(&[
        ("Channel", channel.id.to_string()),
        ("Title", channel.title.clone()),
        ("Private chat", channel.private_chat_id.to_string()),
        ("Public chat", or_nothing(channel.public_chat_id)),
        ("Owner", or_nothing(channel.owner)),
        (
            "Payout",
            or_nothing(
                channel.payout.as_ref().map(|payout| format!("{} to {}", payout.currency, payout.address)),
            ),
        ),
        ("Late payment", word(policies.late)),
        ("Refund", word(policies.refund)),
        ("Grace", format!("{} hours", policies.grace_hours)),
        ("May be missing", format!("{} of the price", policies.underpayment_tolerance)),
        ("Registered", when(channel.created_at)),
        ("Archived", when_or_nothing(channel.archived_at)),
    ]);
    let plans = channel.plans.iter().map(|plan| {
        let state = if plan.active { "on sale" } else { "retired" };
        [
            plan.id.to_string(),
            plan.label.clone(),
            plan.price.to_string(),
            plan.duration.to_string(),
            state.to_owned(),
        ]
    });
    text.push('\n');
    text.push_str(&table(["PLAN", "LABEL", "PRICE", "DURATION", "STATE"], plans.collect(), "No plans."));
    text.push('\n');
    text
}

fn plan_in_full(plan: &view::Plan) -> String {
    block(&[
        ("Plan", plan.id.to_string()),
        ("Channel", plan.channel_id.to_string()),
        ("Offer", offer(plan)),
        ("State", if plan.active { "on sale" } else { "retired" }.to_owned()),
    ])
}

/// A policy's word, as in JSON.
fn word(policy: impl Serialize) -> String {
    serde_json::to_value(policy).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn taken_up_text(taken_up: &[TakenUp]) -> String {
    match taken_up {
        [] => String::new(),
        [one] => format!("\nOne payment that was waiting for this was taken up: {}.\n", one.summary()),
        many => {
            let lines: Vec<String> = many.iter().map(|one| format!("  {}", one.summary())).collect();
            format!(
                "\n{} payments that were waiting for this were taken up:\n{}\n",
                many.len(),
                lines.join("\n")
            )
        }
    }
}
