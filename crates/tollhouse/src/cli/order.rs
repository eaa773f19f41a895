//! `tollhouse order`: what somebody wants to buy.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use tokio::time::{Instant, MissedTickBehavior};
use tollhouse_core::command::{Command, OrderFrom, Outcome};
use tollhouse_core::id::{OrderId, PlanId, TelegramUserId};
use tollhouse_core::money::Money;
use tollhouse_core::order::{InvoiceProblem, Order, OrderKind, OrderSource, OrderState};
use tollhouse_core::order_ref::OrderRef;
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_store::OrderFilter;

use super::args::{ChannelArg, Limit};
use super::error::CliError;
use super::output::{self, block, or_nothing, table, when, when_or_nothing};
use super::session::{Session, unexpected};
use crate::provider::Payable;
use crate::view::{self, NoInvoice};

/// How long a new order is watched for its invoice, in seconds: the provider answers within one, and whoever called still waits.
const INVOICE_WAIT_SECONDS_MAX: u64 = 5;
/// How often it is looked at meanwhile, in milliseconds: another process makes the invoice, and its commits are not heard here.
const INVOICE_LOOK_MS: u64 = 200;

#[derive(Debug, Subcommand)]
pub(super) enum OrderCommand {
    /// Make an order, for example from your own shop: prints its page and where to pay
    Create(CreateArgs),
    /// Show an order with its payments and what it gave
    Show {
        /// The order (ord_…), or a reference of the predecessor (PGP-…)
        order: String,
    },
    /// Say whose a paid order is, for a buyer without a Telegram account who cannot press the button on its page
    ///
    /// The days of the order begin with it, and the button on the page gives nothing more. Once bound an order stays so.
    Bind {
        /// The order (ord_…)
        order: OrderId,
        /// The buyer's Telegram user id
        #[arg(long, alias = "user", value_name = "TELEGRAM_ID")]
        telegram_user: TelegramUserId,
        /// Why, for the audit log
        #[arg(long)]
        reason: String,
    },
    /// Show orders, the newest first
    List {
        /// Only those of a channel
        #[arg(long, value_name = "CHANNEL", allow_negative_numbers = true)]
        channel: Option<ChannelArg>,
        /// Only those of a buyer
        #[arg(long, alias = "telegram-user", value_name = "TELEGRAM_ID")]
        user: Option<TelegramUserId>,
        /// Only those that have come to this; an order whose time ran out without any money still counts as open here
        #[arg(long, value_enum)]
        state: Option<State>,
        #[command(flatten)]
        limit: Limit,
        /// Only those behind this one: the last of the page before
        #[arg(long, value_name = "ORDER_ID")]
        before: Option<OrderId>,
    },
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// The channel: its id (chn_…) or the number of one of its chats (-100…)
    #[arg(long, value_name = "CHANNEL", allow_negative_numbers = true)]
    channel: ChannelArg,
    /// The plan (pln_…), as `tollhouse channel show` lists it
    #[arg(long, value_name = "PLAN")]
    plan: PlanId,
    /// Who buys; without it the buyer's page tells how to claim the access
    #[arg(long, alias = "user", value_name = "TELEGRAM_ID")]
    telegram_user: Option<TelegramUserId>,
    /// Where the order comes from
    #[arg(long, value_enum, default_value_t = Source::Api)]
    source: Source,
}

/// The sources that a caller may give; the others are found out, not said.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Source {
    Api,
    Bot,
    DirectLink,
}

/// [`OrderState`] as a word of the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum State {
    Open,
    Seen,
    PartiallyPaid,
    Paid,
    Expired,
    Failed,
    Refunded,
}

/// Carries a command out.
pub(super) async fn run(session: &Session, command: OrderCommand) -> Result<(), CliError> {
    match command {
        OrderCommand::Create(args) => create(session, args).await,
        OrderCommand::Show { order } => show(session, &order).await,
        OrderCommand::Bind { order, telegram_user, reason } => {
            let actor = session.actor.clone();
            session
                .submit(Command::BindOrder { order_id: order, user: telegram_user, reason, actor })
                .await?;
            show(session, &order.to_string()).await
        }
        OrderCommand::List { channel, user, state, limit, before } => {
            let channel = session.channel_id(channel.as_ref()).await?;
            let state = state.map(core_state);
            list(session, OrderFilter { channel, user, state, before, limit: limit.limit }).await
        }
    }
}

async fn create(session: &Session, args: CreateArgs) -> Result<(), CliError> {
    let wants_invoice = session.app.config.has_provider();
    let channel_id = session.channel(&args.channel).await?.id;
    let create = Command::CreateOrder {
        from: OrderFrom::Plan { channel_id, plan_id: args.plan },
        user: args.telegram_user,
        source: match args.source {
            Source::Api => OrderSource::Api,
            Source::Bot => OrderSource::Bot,
            Source::DirectLink => OrderSource::DirectLink,
        },
        wants_invoice,
    };
    let outcome = session.submit(create).await?;
    let Outcome::Order(id) = outcome else { return Err(unexpected(&outcome)) };
    let order = load(session, id).await?;
    // Asked before waiting: for an invoice that cannot come nobody has to wait.
    let hopeless = match &session.app.provider {
        Some(provider) => unpayable(provider.payable(session.now(), &order.price).await, &order.price),
        None => None,
    };
    let order = if wants_invoice && hopeless.is_none() { with_invoice(session, id).await? } else { order };
    let mut shown = view_of(session, &order);
    if order.invoice.is_none() {
        shown.invoice_problem = hopeless.or(shown.invoice_problem).or_else(|| Some(not_made_yet()));
    }
    if let Some(problem) = &shown.invoice_problem {
        output::hint(&problem.message);
    }
    Ok(session.out.answer(&shown, in_full)?)
}

/// Why a price gets no invoice, as far as the provider says before it is asked for one.
fn unpayable(payable: Payable, price: &Money) -> Option<view::InvoiceProblem> {
    let message = payable.warning(price)?;
    let problem = match payable {
        Payable::TooSmall { minimum } => NoInvoice::BelowMinimum { minimum },
        Payable::UnknownCurrency => NoInvoice::UnknownCurrency,
        Payable::Yes | Payable::Unknown => return None,
    };
    Some(view::InvoiceProblem { problem, message })
}

fn not_made_yet() -> view::InvoiceProblem {
    let message =
        "the invoice is not made yet: `tollhouse serve` makes it, and the order's page then shows it";
    view::InvoiceProblem { problem: NoInvoice::NotMadeYet, message: message.to_owned() }
}

fn not_configured() -> view::InvoiceProblem {
    let message = "no invoice is made: set TOLLHOUSE_NOWPAYMENTS_API_KEY to have one made for every order";
    view::InvoiceProblem { problem: NoInvoice::NotConfigured, message: message.to_owned() }
}

/// Looks at an order until its invoice is there, or is known not to come, for a bounded time.
async fn with_invoice(session: &Session, id: OrderId) -> Result<Order, CliError> {
    let end = Instant::now() + Duration::from_secs(INVOICE_WAIT_SECONDS_MAX);
    let mut look = tokio::time::interval(Duration::from_millis(INVOICE_LOOK_MS));
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let order = load(session, id).await?;
        let is_hopeless = matches!(
            order.invoice_problem,
            Some(InvoiceProblem::BelowMinimum { .. } | InvoiceProblem::GivenUp)
        );
        if order.invoice.is_some() || is_hopeless || Instant::now() >= end {
            return Ok(order);
        }
    }
}

async fn load(session: &Session, id: OrderId) -> Result<Order, CliError> {
    let snapshot = story(session, id).await?;
    snapshot.orders.get(&id).cloned().ok_or_else(|| missing(&id.to_string()))
}

/// An order with all that belongs to it.
pub(super) async fn story(session: &Session, id: OrderId) -> Result<Snapshot, CliError> {
    let mut needs = Needs::default();
    needs.orders.insert(id);
    Ok(session.app.store.snapshot(needs).await?)
}

fn missing(named: &str) -> CliError {
    CliError::Failed(format!("no order {named}; `tollhouse order list` shows them"))
}

/// An order as it is shown.
pub(super) fn view_of(session: &Session, order: &Order) -> view::Order {
    let mut shown =
        view::Order::new(order, session.app.public_url(&format!("/o/{}", order.id)), session.now());
    let waits = shown.state == OrderState::Open && shown.invoice_url.is_none();
    if waits && !session.app.config.has_provider() {
        shown.invoice_problem.get_or_insert_with(not_configured);
    }
    shown
}

async fn show(session: &Session, named: &str) -> Result<(), CliError> {
    let id = match OrderRef::parse(named) {
        Some(OrderRef::Ours(id)) => id,
        Some(reference @ OrderRef::Legacy { .. }) => {
            session.app.order_of_reference(reference).await?.ok_or_else(|| missing(named))?
        }
        None => return Err(CliError::Usage(format!("{named:?} is not an order (ord_…)"))),
    };
    let snapshot = story(session, id).await?;
    let order = snapshot.orders.get(&id).ok_or_else(|| missing(named))?;
    let detail = view::OrderDetail {
        order: view_of(session, order),
        payments: snapshot.payments_of(id).into_iter().map(view::Payment::from).collect(),
        grant: snapshot.grant_of(id).map(view::Grant::from),
    };
    Ok(session.out.answer(&detail, in_detail)?)
}

async fn list(session: &Session, filter: OrderFilter) -> Result<(), CliError> {
    let limit = filter.limit;
    let orders = session.app.store.orders(filter).await?;
    let rows: Vec<view::Order> = orders.iter().map(|order| view_of(session, order)).collect();
    let last = orders.last().map(|order| order.id.to_string());
    session.list(&rows, limit, last, || {
        let cells = rows.iter().map(|order| {
            [
                order.id.to_string(),
                order.state.as_str().to_owned(),
                order.price.to_string(),
                gives(order),
                or_nothing(order.telegram_user),
                order.source.as_str().to_owned(),
                when(order.created_at),
            ]
        });
        table(["ID", "STATE", "PRICE", "GIVES", "BUYER", "FROM", "MADE"], cells.collect(), "No orders.")
    })
}

fn core_state(state: State) -> OrderState {
    match state {
        State::Open => OrderState::Open,
        State::Seen => OrderState::Seen,
        State::PartiallyPaid => OrderState::PartiallyPaid,
        State::Paid => OrderState::Paid,
        State::Expired => OrderState::Expired,
        State::Failed => OrderState::Failed,
        State::Refunded => OrderState::Refunded,
    }
}

/// What an order gives: time, or nothing if it is a donation.
fn gives(order: &view::Order) -> String {
    order.duration.map_or_else(|| order.kind.as_str().to_owned(), |duration| duration.to_string())
}

fn in_full(order: &view::Order) -> String {
    block(&lines_of(order))
}

fn lines_of(order: &view::Order) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("Order", order.id.to_string()),
        ("State", order.state.as_str().to_owned()),
        ("Page", order.page_url.clone()),
        ("Pay at", or_nothing(order.invoice_url.as_ref())),
    ];
    lines.extend(order.invoice_problem.as_ref().map(|problem| ("No invoice", problem.message.clone())));
    lines.extend([
        ("Price", order.price.to_string()),
        ("Kind", order.kind.as_str().to_owned()),
        ("Gives", gives(order)),
        ("Donor says", or_nothing(order.donor_message.as_ref())),
        ("Still to pay", or_nothing(order.remaining.as_ref())),
        ("Overpaid", or_nothing(order.overpaid.as_ref())),
        ("Buyer", or_nothing(order.telegram_user)),
        ("Channel", order.channel_id.to_string()),
        ("Plan", or_nothing(order.plan_id)),
        ("From", order.source.as_str().to_owned()),
        ("Reference", or_nothing(order.legacy_ref.as_ref())),
        ("Made", when(order.created_at)),
        ("Waits until", when(order.expires_at)),
        ("Paid", when_or_nothing(order.paid_at)),
    ]);
    lines
}

/// What an order gave, and whether it is still so.
pub(super) fn given(grant: &view::Grant) -> String {
    match (grant.revoked_at, &grant.membership_id) {
        (Some(at), _) => {
            format!("taken back {}: {}", when(at), grant.revoked_reason.as_deref().unwrap_or_default())
        }
        (None, Some(membership)) => format!("{} to {membership}", grant.duration),
        (None, None) => format!("{}, waiting for the buyer to claim it", grant.duration),
    }
}

fn in_detail(detail: &view::OrderDetail) -> String {
    let access = match &detail.grant {
        None if detail.order.kind == OrderKind::Donation => "nothing: it is a donation".to_owned(),
        None => "nothing yet".to_owned(),
        Some(grant) => given(grant),
    };
    let payments = super::payment::payments_table(&detail.payments, "No payments.");
    let mut lines = lines_of(&detail.order);
    lines.push(("Gave", access));
    format!("{}\n{payments}\n", block(&lines))
}
