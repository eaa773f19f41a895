//! `tollhouse channel`: what is sold.

use clap::{Args, Subcommand};
use serde::Serialize;
use tollhouse_core::attention::Reason;
use tollhouse_core::channel::{Channel, Payout};
use tollhouse_core::command::{Command, NewChannel, Outcome};
use tollhouse_core::id::{ChannelId, PlanId, PrivateChatId, PublicChatId, TelegramUserId};
use tollhouse_core::money::{Currency, Money};
use tollhouse_core::policy::PolicyChange;
use tollhouse_store::{ChannelFilter, PAGE_LENGTH_MAX};

use super::args::{ChannelArg, Limit, OneChannel, PlanArg};
use super::care::{self, FreezeArgs, WhitelistCommand};
use super::census::{self, CensusArgs};
use super::error::CliError;
use super::offer::{self, OfferArgs};
use super::output::{self, block, or_nothing, table, when, when_or_nothing};
use super::policies::{self, PolicyArgs};
use super::replay::{TakenUp, take_up};
use super::session::{Session, all_pages, unexpected};
use crate::provider::Payable;
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
    /// Sell an archived channel again, with the plans and links that it had
    Unarchive(OneChannel),
    /// Give a channel to another owner, or to none
    ///
    /// The former owner and the new one are told by the bot. A change of the payout address that waits is taken back; the address itself
    /// stays.
    Owner(OwnerArgs),
    /// Change what happens with odd payments of a channel, and when its members are reminded and removed
    ///
    /// It counts for what comes from now on. What was decided stays decided; nobody loses access that they have.
    Set(Box<SetArgs>),
    /// Post the channel's offer in its public chat now; the former post is taken down once the new one stands
    Post(OneChannel),
    /// Show a channel's offer; change what it says, how often it is posted and what donors are offered
    ///
    /// A post that stands is brought up to date by itself, also when a plan is added or retired.
    Offer(Box<OfferArgs>),
    /// Show who is inside, held against who has paid
    ///
    /// Telegram lists the members of a chat to nobody. What is known came with the updates of those who joined and left while the bot was
    /// an administrator; --ask asks about each person whom we know of.
    Census(CensusArgs),
    /// Remove nobody any more, until `unfreeze`
    Freeze(FreezeArgs),
    /// Let removals go on
    Unfreeze(FreezeArgs),
    /// Change the wallet to which you are paid out; it counts 24 hours later, and the owner is told at once
    Payout(PayoutArgs),
    /// Who may be inside without paying
    #[command(subcommand)]
    Whitelist(WhitelistCommand),
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
    /// The memo or tag that the wallet needs, if it is at an exchange (XRP, XLM, TON, ATOM)
    #[arg(long, value_name = "MEMO", requires = "payout_address")]
    payout_memo: Option<String>,
    #[command(flatten)]
    policies: PolicyArgs,
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// The channel: its id (chn_…) or the number of one of its chats (-100…)
    #[arg(
        value_name = "CHANNEL",
        allow_negative_numbers = true,
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    channel: Option<ChannelArg>,
    /// Every channel, the archived ones as well
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    policies: PolicyArgs,
}

#[derive(Debug, Args)]
pub(super) struct PayoutArgs {
    #[command(flatten)]
    channel: OneChannel,
    /// The wallet
    #[arg(long, value_name = "ADDRESS", requires = "currency", required_unless_present = "cancel")]
    address: Option<String>,
    /// Its coin with its network, for example usdttrc20
    #[arg(long, value_name = "COIN", requires = "address", value_parser = Currency::new)]
    currency: Option<Currency>,
    /// The memo or tag that it needs, if it is at an exchange
    #[arg(long, value_name = "MEMO", requires = "address")]
    memo: Option<String>,
    /// Take back a change that does not count yet
    #[arg(long, conflicts_with = "address")]
    cancel: bool,
}

#[derive(Debug, Args)]
pub(super) struct OwnerArgs {
    #[command(flatten)]
    channel: OneChannel,
    /// The new owner's Telegram user id; they must have started the bot to be told
    #[arg(long, value_name = "TELEGRAM_ID", required_unless_present = "none", conflicts_with = "none")]
    set: Option<TelegramUserId>,
    /// Nobody owns it from now on
    #[arg(long)]
    none: bool,
    /// Why; it goes into the audit log
    #[arg(long)]
    reason: String,
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
        ChannelCommand::Unarchive(which) => {
            let channel_id = session.channel(&which.get()).await?.id;
            session.submit(Command::UnarchiveChannel { channel_id, actor: session.actor.clone() }).await?;
            let channel = session.channel(&ChannelArg::Id(channel_id)).await?;
            Ok(session.out.answer(&view::Channel::from(&channel), in_full)?)
        }
        ChannelCommand::Owner(args) => {
            let channel_id = session.channel(&args.channel.get()).await?.id;
            let (owner, reason, actor) = (args.set, args.reason, session.actor.clone());
            session.submit(Command::SetOwner { channel_id, owner, reason, actor }).await?;
            let channel = session.channel(&ChannelArg::Id(channel_id)).await?;
            Ok(session.out.answer(&view::Channel::from(&channel), in_full)?)
        }
        ChannelCommand::Set(args) => set(session, &args).await,
        ChannelCommand::Payout(args) => set_payout(session, args).await,
        ChannelCommand::Post(which) => offer::post(session, &which).await,
        ChannelCommand::Offer(args) => offer::offer(session, &args).await,
        ChannelCommand::Census(args) => census::run(session, args).await,
        ChannelCommand::Freeze(args) => care::freeze(session, args, true).await,
        ChannelCommand::Unfreeze(args) => care::freeze(session, args, false).await,
        ChannelCommand::Whitelist(command) => care::whitelist(session, command).await,
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
            .map(|(address, currency)| payout(currency, &address, args.payout_memo.as_deref()))
            .transpose()?,
        plans: args.plan.into_iter().map(|plan| plan.0).collect(),
        policies: args.policies.change().over(&session.app.config.policies),
        actor: session.actor.clone(),
    };
    let outcome = session.submit(Command::AddChannel(Box::new(new))).await?;
    let Outcome::Channel(id) = outcome else { return Err(unexpected(&outcome)) };
    let taken_up = take_up(session, Reason::UnknownChannel).await?;
    let channel = session.channel(&ChannelArg::Id(id)).await?;
    warn_if_too_small(session, channel.plans.iter().map(|plan| (&*plan.label, &plan.price))).await;
    let added = Added { thing: view::Channel::from(&channel), taken_up };
    Ok(session.out.answer(&added, |added| in_full(&added.thing) + &taken_up_text(&added.taken_up))?)
}

/// An address that its coin can have.
fn payout(currency: Currency, address: &str, memo: Option<&str>) -> Result<Payout, CliError> {
    Payout::new(currency, address, memo).map_err(|error| CliError::Usage(error.to_string()))
}

/// Asks for a change of the wallet, or takes one back.
async fn set_payout(session: &Session, args: PayoutArgs) -> Result<(), CliError> {
    let channel_id = session.channel(&args.channel.get()).await?.id;
    let actor = session.actor.clone();
    let command = match args.address.zip(args.currency) {
        Some((address, currency)) => {
            let payout = payout(currency, &address, args.memo.as_deref())?;
            Command::SetPayout { channel_id, payout, actor }
        }
        None => Command::CancelPayoutChange { channel_id, counts_at: None, actor },
    };
    session.submit(command).await?;
    let channel = session.channel(&ChannelArg::Id(channel_id)).await?;
    Ok(session.out.answer(&view::Channel::from(&channel), in_full)?)
}

/// Changes the policies of one channel, or of all.
async fn set(session: &Session, args: &SetArgs) -> Result<(), CliError> {
    let change = args.policies.change();
    if change == PolicyChange::default() {
        return Err(CliError::Usage(
            "say what is to be different, for example --late-payment attention".to_owned(),
        ));
    }
    let ids = match &args.channel {
        Some(named) => vec![session.channel(named).await?.id],
        None => every_channel(session).await?.into_iter().map(|channel| channel.id).collect(),
    };
    let mut changed = Vec::with_capacity(ids.len());
    for channel_id in ids {
        let change = Box::new(change.clone());
        session.submit(Command::SetPolicies { channel_id, change, actor: session.actor.clone() }).await?;
        changed.push(view::Channel::from(&session.channel(&ChannelArg::Id(channel_id)).await?));
    }
    match &changed[..] {
        [one] if !args.all => Ok(session.out.answer(one, in_full)?),
        _ => {
            Ok(session.out.answer(&changed, |all| all.iter().map(in_full).collect::<Vec<_>>().join("\n"))?)
        }
    }
}

async fn every_channel(session: &Session) -> Result<Vec<Channel>, CliError> {
    let store = &session.app.store;
    let page = |before| {
        store.channels(ChannelFilter { archived: true, owner: None, before, limit: PAGE_LENGTH_MAX })
    };
    Ok(all_pages(|channel| channel.id, page).await?)
}

async fn list(
    session: &Session,
    archived: bool,
    limit: &Limit,
    before: Option<ChannelId>,
) -> Result<(), CliError> {
    let filter = ChannelFilter { archived, owner: None, before, limit: limit.limit };
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
                what_is_on_sale(channel),
                when_or_nothing(channel.archived_at),
            ]
        });
        let headline = ["ID", "TITLE", "PRIVATE CHAT", "PUBLIC CHAT", "ON SALE", "ARCHIVED"];
        table(headline, cells.collect(), "No channels. Register one with `tollhouse channel add`.")
    })
}

async fn add_plan(session: &Session, channel: &OneChannel, plan: PlanArg) -> Result<(), CliError> {
    let channel_id = session.channel(&channel.get()).await?.id;
    let outcome =
        session.submit(Command::AddPlan { channel_id, plan: plan.0, actor: session.actor.clone() }).await?;
    let Outcome::Plan(plan_id) = outcome else { return Err(unexpected(&outcome)) };
    let taken_up = take_up(session, Reason::NoPlan).await?;
    let added = Added { thing: plan_view(session, channel_id, plan_id).await?, taken_up };
    warn_if_too_small(session, [(&*added.thing.label, &added.thing.price)]).await;
    Ok(session.out.answer(&added, |added| plan_in_full(&added.thing) + &taken_up_text(&added.taken_up))?)
}

/// Says so if nobody can pay a plan. It is put on sale all the same: minimums move.
async fn warn_if_too_small(session: &Session, plans: impl IntoIterator<Item = (&str, &Money)>) {
    let Some(provider) = &session.app.provider else { return };
    for (label, price) in plans {
        let payable = provider.payable(session.now(), price).await;
        if let Some(warning) = payable.warning(price) {
            output::hint(&format!("the plan {label:?}: {warning}"));
        }
        // A provider that does not answer is not asked for every plan.
        if payable == Payable::Unknown {
            return;
        }
    }
}

async fn retire_plan(session: &Session, args: &RetireArgs) -> Result<(), CliError> {
    #[expect(clippy::unwrap_used, reason = "clap requires one of the two")]
    let plan_id = args.positional.or(args.plan).unwrap();
    let channel_id = match session.channel_id(args.channel.as_ref()).await? {
        Some(id) => id,
        None => channel_of_plan(session, plan_id).await?,
    };
    session.submit(Command::RetirePlan { channel_id, plan_id, actor: session.actor.clone() }).await?;
    let plan = plan_view(session, channel_id, plan_id).await?;
    Ok(session.out.answer(&plan, plan_in_full)?)
}

async fn channel_of_plan(session: &Session, plan_id: PlanId) -> Result<ChannelId, CliError> {
    let channels = every_channel(session).await?;
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

fn on_sale(plan: &view::Plan) -> String {
    format!("{} {} for {}", plan.label, plan.price, plan.duration)
}

/// Every plan that can be bought now: of an archived channel none can.
fn what_is_on_sale(channel: &view::Channel) -> String {
    let is_sold = channel.archived_at.is_none();
    let plans: Vec<String> =
        channel.plans.iter().filter(|plan| is_sold && plan.active).map(on_sale).collect();
    or_nothing(Some(plans.join("; ")).filter(|text| !text.is_empty()))
}

fn in_full(channel: &view::Channel) -> String {
    let mut lines = vec![
        ("Channel", channel.id.to_string()),
        ("Title", channel.title.clone()),
        ("Private chat", channel.private_chat_id.to_string()),
        ("Public chat", or_nothing(channel.public_chat_id)),
        ("Owner", or_nothing(channel.owner)),
        ("Payout", or_nothing(channel.payout.as_ref().map(wallet))),
    ];
    if let Some(change) = &channel.payout_change {
        let text = format!(
            "{}, from {} (asked by {})",
            wallet(&change.payout),
            when(change.counts_at),
            change.asked_by
        );
        lines.push(("Payout then", text));
    }
    lines.extend(policies::lines(&channel.policies));
    lines.extend([
        ("Frozen", when_or_nothing(channel.frozen_at)),
        ("Registered", when(channel.created_at)),
        ("Archived", when_or_nothing(channel.archived_at)),
    ]);
    let mut text = block(&lines);
    let plans = channel.plans.iter().map(|plan| {
        let state = match (plan.active, channel.archived_at) {
            (true, None) => "on sale",
            (true, Some(_)) => "not sold: the channel is archived",
            (false, _) => "retired",
        };
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

fn wallet(payout: &view::Payout) -> String {
    let memo = payout.memo.as_ref().map(|memo| format!(", memo {memo}")).unwrap_or_default();
    format!("{} to {}{memo}", payout.currency, payout.address)
}

fn plan_in_full(plan: &view::Plan) -> String {
    block(&[
        ("Plan", plan.id.to_string()),
        ("Channel", plan.channel_id.to_string()),
        ("Offer", on_sale(plan)),
        ("State", if plan.active { "on sale" } else { "retired" }.to_owned()),
    ])
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
