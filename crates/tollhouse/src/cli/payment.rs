//! `tollhouse payment`: what the provider reported.

use clap::Subcommand;
use jiff::SignedDuration;
use tollhouse_core::id::{OrderId, ProviderPaymentId};
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_core::status::PaymentStatus;
use tollhouse_store::{PAGE_LENGTH_MAX, PaymentFilter, STUCK_AFTER_SECONDS};

use super::args::{ChannelArg, Limit, payment_arg};
use super::error::CliError;
use super::order::given;
use super::output::{block, or_nothing, table, when, when_or_nothing};
use super::recover;
use super::replay::{Replayed, replay};
use super::session::Session;
use crate::view;

#[derive(Debug, Subcommand)]
pub(super) enum PaymentCommand {
    /// Show a payment with every notification that came for it
    Show {
        /// The provider's number (4479119533) or our id (np_4479119533)
        #[arg(value_parser = payment_arg)]
        payment: ProviderPaymentId,
        /// With the exact text of each notification
        #[arg(long)]
        raw: bool,
    },
    /// Show payments, the highest number first
    List {
        /// Only those with this status, in the provider's words: waiting, finished, partially_paid, …
        #[arg(long)]
        status: Option<String>,
        /// Only money that arrived and led neither to access nor into the attention list; there should be none
        #[arg(long)]
        stuck: bool,
        /// Only those of a channel
        #[arg(long, value_name = "CHANNEL", allow_negative_numbers = true)]
        channel: Option<ChannelArg>,
        #[command(flatten)]
        limit: Limit,
        /// Only those behind this one: the last of the page before
        #[arg(long, value_name = "PAYMENT", value_parser = payment_arg)]
        before: Option<ProviderPaymentId>,
    },
    /// Ask the provider for a payment whose notification never came, and work it in
    ///
    /// With --order the payment is then bound to that order, for money that names no order. Safe to repeat: the second time changes
    /// nothing and says so.
    Recover {
        /// The provider's number (4479119533) or our id (np_4479119533)
        #[arg(value_name = "PROVIDER_PAYMENT_ID", value_parser = payment_arg)]
        payment: ProviderPaymentId,
        /// The order that it pays (ord_…)
        #[arg(long, value_name = "ORDER")]
        order: Option<OrderId>,
    },
    /// Work in again what is stored of a payment, after what was wrong has been mended
    Replay {
        /// The provider's number (4479119533) or our id (np_4479119533)
        #[arg(value_parser = payment_arg)]
        payment: ProviderPaymentId,
    },
}

/// Carries a command out.
pub(super) async fn run(session: &Session, command: PaymentCommand) -> Result<(), CliError> {
    match command {
        PaymentCommand::Show { payment, raw } => show(session, payment, raw).await,
        PaymentCommand::List { status, stuck, channel, limit, before } => {
            let channel = session.channel_id(channel.as_ref()).await?;
            let status = status.as_deref().map(PaymentStatus::new);
            let stuck_before = stuck.then(|| session.now() - SignedDuration::from_secs(STUCK_AFTER_SECONDS));
            let limit = limit.limit;
            let filter =
                PaymentFilter { status, channel, stuck_before, before, limit, ..PaymentFilter::default() };
            list(session, filter).await
        }
        PaymentCommand::Recover { payment, order } => recover::run(session, payment, order).await,
        PaymentCommand::Replay { payment } => {
            let replayed = replay(session, payment).await?;
            Ok(session.out.answer(&replayed, |replayed| replayed_text(replayed))?)
        }
    }
}

/// A payment, if we know it, with all that belongs to its order.
pub(super) async fn story(session: &Session, id: ProviderPaymentId) -> Result<Snapshot, CliError> {
    let mut needs = Needs::default();
    needs.payments.insert(id);
    Ok(session.app.store.snapshot(needs).await?)
}

async fn show(session: &Session, id: ProviderPaymentId, raw: bool) -> Result<(), CliError> {
    let events = session.app.store.events_of(id, PAGE_LENGTH_MAX).await?;
    let story = story(session, id).await?;
    let Some(payment) = story.payments.get(&id) else {
        return Err(CliError::Failed(format!(
            "no payment {id} is recorded; `tollhouse payment recover {id}` asks the provider"
        )));
    };
    let shown = view::Payment::from(payment).with_standing(&story).with_events(&events, raw);
    Ok(session.out.answer(&shown, in_full)?)
}

async fn list(session: &Session, filter: PaymentFilter) -> Result<(), CliError> {
    let (limit, is_stuck) = (filter.limit, filter.stuck_before.is_some());
    let payments = session.app.store.payments(filter).await?;
    let rows: Vec<view::Payment> = payments.iter().map(view::Payment::from).collect();
    let last = payments.last().map(|payment| view::payment_id(payment.id));
    let empty = if is_stuck { "No stuck payments, as it should be." } else { "No payments." };
    session.list(&rows, limit, last, || payments_table(&rows, empty))
}

/// Payments, one a line.
pub(super) fn payments_table(rows: &[view::Payment], empty: &str) -> String {
    let cells = rows.iter().map(|payment| {
        [
            payment.id.clone(),
            payment.status.to_string(),
            or_nothing(payment.amounts.price.as_ref()),
            or_nothing(payment.amounts.actually_paid.as_ref()),
            or_nothing(payment.order_id),
            when(payment.updated_at),
        ]
    });
    table(["PAYMENT", "STATUS", "PRICE", "PAID", "ORDER", "LAST HEARD OF"], cells.collect(), empty)
}

/// Whether its events contradict each other, and in what.
fn contradiction(payment: &view::Payment) -> String {
    if !payment.contradiction {
        return "no".to_owned();
    }
    let words = payment.differences.iter().map(|(what, values)| {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        format!("{what} {}", values.join(" or "))
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() { "yes".to_owned() } else { words.join("; ") }
}

fn status(payment: &view::Payment) -> String {
    match payment.status {
        PaymentStatus::Other(_) => format!("{}, which is not known here", payment.status),
        _ if payment.unknown_status => {
            format!("{}; one came that is not known here, see below", payment.status)
        }
        _ => payment.status.to_string(),
    }
}

fn in_full(payment: &view::Payment) -> String {
    let amounts = &payment.amounts;
    let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
    let mut text = block(&[
        ("Payment", payment.id.clone()),
        ("Status", status(payment)),
        ("Order", or_nothing(payment.order_id)),
        ("Buyer", or_nothing(payment.telegram_user.flatten())),
        ("Channel", or_nothing(payment.channel_id)),
        ("Gave", or_nothing(payment.grant.as_ref().and_then(Option::as_ref).map(given))),
        ("For a person", items_in_short(payment.attention.as_deref().unwrap_or_default())),
        ("Price", or_nothing(amounts.price.as_ref())),
        ("Asked for", or_nothing(amounts.pay.as_ref())),
        ("Paid", or_nothing(amounts.actually_paid.as_ref())),
        ("You get", or_nothing(amounts.outcome.as_ref())),
        ("Paid in full", yes(payment.paid_in_full)),
        (
            "Adds to",
            payment.parent_payment_id.map_or_else(
                || "a payment that cannot be read".to_owned(),
                |parent| or_nothing(parent.map(view::payment_id)),
            ),
        ),
        ("Same order", others(payment.other_payments.as_deref().unwrap_or_default())),
        ("Contradiction", contradiction(payment)),
        ("Refund noted", yes(payment.refund_noted)),
        ("Reference", or_nothing(payment.order_ref.as_ref())),
        ("First heard of", when(payment.first_seen_at)),
        ("Money arrived", when_or_nothing(payment.credited_at)),
    ]);
    let events = payment.events.as_deref().unwrap_or_default();
    let cells = events.iter().map(|event| {
        [
            when(event.received_at),
            event.source.as_str().to_owned(),
            event.status.to_string(),
            event.verdict.as_str().to_owned(),
            or_nothing(event.reason.as_ref()),
            or_nothing(event.signature_form.as_ref()),
        ]
    });
    text.push('\n');
    let headline = ["RECEIVED", "FROM", "STATUS", "CAME TO", "WHY", "SIGNED AS"];
    text.push_str(&table(headline, cells.collect(), "Nothing is in the log."));
    text.push('\n');
    for event in events {
        if let Some(body) = &event.body {
            text.push('\n');
            text.push_str(&block(&[(&when(event.received_at), body.clone())]));
        }
    }
    text
}

fn others(payments: &[view::OtherPayment]) -> String {
    let payments: Vec<String> =
        payments.iter().map(|payment| format!("{} ({})", payment.id, payment.status)).collect();
    or_nothing(Some(payments.join(", ")).filter(|text| !text.is_empty()))
}

/// Open items of the attention list, each with why it is there.
pub(super) fn items_in_short(items: &[view::Attention]) -> String {
    let items: Vec<String> =
        items.iter().map(|item| format!("{} ({})", item.id, item.reason.as_str())).collect();
    or_nothing(Some(items.join(", ")).filter(|text| !text.is_empty()))
}

fn replayed_text(replayed: &[Replayed]) -> String {
    let cells = replayed.iter().map(|event| {
        [
            when(event.received_at),
            event.status.to_string(),
            event.verdict.as_str().to_owned(),
            or_nothing(event.reason.as_ref()),
            or_nothing(event.order_id),
            or_nothing(event.state.map(tollhouse_core::order::OrderState::as_str)),
            match (event.gave, event.granted) {
                (true, _) => "given now",
                (false, true) => "given",
                (false, false) => "-",
            }
            .to_owned(),
        ]
    });
    let headline = ["RECEIVED", "STATUS", "CAME TO", "WHY", "ORDER", "ORDER IS", "ACCESS"];
    table(headline, cells.collect(), "Nothing is in the log.")
}
