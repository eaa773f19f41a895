//! What an operator sees: the lists of the command line, from the same rows and in the same words.

use jiff::Timestamp;
use maud::{Markup, html};
use tollhouse_store::{
    AttentionFilter, AuditFilter, JobFilter, MembershipFilter, OrderFilter, PaymentFilter,
};

use super::{Guide, page};
use crate::view;

/// How many audit entries are shown, the newest first.
const AUDIT_SHOWN: usize = 40;
/// How many jobs are shown, the newest first.
const JOBS_SHOWN: usize = 20;

pub(super) async fn page(guide: &Guide) -> anyhow::Result<Markup> {
    let store = &guide.app.store;
    let now = guide.clock.now();
    let orders = store.orders(OrderFilter::default()).await?;
    let payments = store.payments(PaymentFilter::default()).await?;
    let memberships = store.memberships(MembershipFilter::default()).await?;
    let attention = store.attention(AttentionFilter::default()).await?;
    let jobs = store.jobs(JobFilter::default()).await?;
    let audit = store.audit(AuditFilter::default()).await?;
    let name = |user: Option<tollhouse_core::id::TelegramUserId>| {
        let Some(user) = user else { return "-".to_owned() };
        let id = tollhouse_telegram::UserId(user.get());
        let name = guide.telegram.read(|world| world.person(id).map(|person| person.user.first_name.clone()));
        name.unwrap_or_else(|| user.to_string())
    };
    let orders = orders.iter().map(|order| {
        [
            code(&order.id),
            word(order.state_at(now).as_str()),
            text(&order.price),
            text(&order.duration.map_or_else(|| "a donation".to_owned(), |duration| duration.to_string())),
            text(&name(order.user)),
            text(&order.source.as_str()),
            text(&when(order.created_at)),
        ]
    });
    let payments = payments.iter().map(|payment| {
        [
            code(&payment.id),
            word(payment.status.as_str()),
            text(&payment.price.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)),
            payment.order_id.map_or_else(|| text(&"-"), |order| code(&order)),
        ]
    });
    let memberships = memberships.iter().map(|membership| {
        [
            text(&name(Some(membership.user))),
            word(membership.status.as_str()),
            text(&when(membership.starts_at)),
            text(&membership.ends_at.map_or_else(|| "for ever".to_owned(), when)),
            text(&membership.joined_at.map_or_else(|| "-".to_owned(), when)),
        ]
    });
    let attention = attention.iter().map(|item| {
        let item = view::Attention::from(item);
        [text(&when(item.opened_at)), code(&item.subject), text(&item.message)]
    });
    let jobs = jobs.iter().take(JOBS_SHOWN).map(|job| {
        [text(&when(job.run_at)), code(&job.kind.name()), word(job.state.as_str()), code(&job.subject)]
    });
    let audit = audit.iter().rev().take(AUDIT_SHOWN).map(|sealed| {
        let entry = &sealed.entry;
        [
            text(&when(entry.at)),
            text(&entry.actor),
            text(&entry.action),
            code(&entry.subject),
            text(&entry.reason),
        ]
    });
    let body = html! {
        main.plain.operator id="app" {
            h1 { "The operator's view" }
            p.soft { "What " code { "tollhouse order list" } ", " code { "payment list" } ", " code { "membership list" } " and their kin print, while it happens." }
            (sheet("Needs a person", "Nothing needs a person.", &["Since", "About", "What it means, and what helps"], attention))
            (sheet("Orders", "No orders.", &["Id", "State", "Price", "Gives", "Buyer", "From", "Made"], orders))
            (sheet("Payments", "No payments.", &["Id", "Status", "Price", "Order"], payments))
            (sheet("Memberships", "No memberships.", &["Who", "Status", "From", "Until", "Inside since"], memberships))
            (sheet("Jobs, the newest", "No jobs.", &["Due", "Kind", "State", "About"], jobs))
            (sheet("Audit log, the newest", "Nothing has happened.", &["When", "Who", "What", "To what", "Why"], audit))
        }
    };
    Ok(page::shell(guide, "The operator's view", "/demo/operator/events", &body))
}

fn sheet<const N: usize>(
    title: &str,
    nothing: &str,
    columns: &[&str; N],
    rows: impl Iterator<Item = [Markup; N]>,
) -> Markup {
    let rows: Vec<[Markup; N]> = rows.collect();
    html! {
        section.sheet {
            h2 { (title) }
            @if rows.is_empty() { p.soft { (nothing) } } @else {
                div.table tabindex="0" role="region" aria-label=(title) {
                    table {
                        thead { tr { @for column in columns { th scope="col" { (column) } } } }
                        tbody { @for row in rows { tr { @for cell in row { td { (cell) } } } } }
                    }
                }
            }
        }
    }
}

fn text(value: &impl std::fmt::Display) -> Markup {
    html! { (value) }
}

fn code(value: &impl std::fmt::Display) -> Markup {
    html! { code { (value) } }
}

fn word(value: &str) -> Markup {
    html! { span.state-word { (value) } }
}

fn when(at: Timestamp) -> String {
    at.strftime("%-d %b, %H:%M").to_string()
}
