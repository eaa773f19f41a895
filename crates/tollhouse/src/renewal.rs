//! The way back: a member buys again what they had, from the button under a reminder or a farewell.
//!
//! The button carries the membership and nothing else (I6): the plan and its price are looked up when it is pressed, by the account that
//! presses it.

use tollhouse_core::channel::{Channel, Plan};
use tollhouse_core::command::OrderFrom;
use tollhouse_core::id::{MembershipId, TelegramUserId};
use tollhouse_core::snapshot::Needs;
use tollhouse_store::StoreError;

use crate::app::App;
use crate::purchase::{self, Bought, Reply};
use crate::texts::Language;

/// What stands before the membership in a start payload.
const PREFIX: &str = "r_";

/// The start payload by which a membership is renewed: `r_` and the 32 digits of its id.
#[must_use]
pub fn payload(id: MembershipId) -> String {
    format!("{PREFIX}{}", id.0.simple())
}

/// The membership that a start payload names.
#[must_use]
pub fn of_payload(payload: &str) -> Option<MembershipId> {
    let digits = payload.strip_prefix(PREFIX)?;
    format!("{}{digits}", MembershipId::PREFIX).parse().ok()
}

/// Makes the order of a renewal, or finds the one that the same wish has made; its message comes by a job. Below it stands the way to the
/// channel's other plans. What is answered at once is why there is none.
///
/// # Errors
/// The store's.
pub async fn start(
    app: &App,
    user: TelegramUserId,
    id: MembershipId,
    language: Language,
) -> Result<Option<Reply>, StoreError> {
    let no_renewal = || Ok(Some((language.no_renewal(), None)));
    let Some((channel, plan)) = what_to_buy(app, user, id).await? else { return no_renewal() };
    let from = OrderFrom::Plan { channel_id: channel.id, plan_id: plan.id };
    match purchase::buy(app, user, from, plan.id).await? {
        Bought::Order(_) => Ok(None),
        Bought::LastsForEver => Ok(Some((language.lasts_for_ever(&channel.title), None))),
        Bought::NotSold => no_renewal(),
    }
}

/// The plan that the member bought last if it is sold still, else one that lasts as long, else the cheapest. Nothing for anybody else's
/// membership: what others have is nobody's business.
async fn what_to_buy(
    app: &App,
    user: TelegramUserId,
    id: MembershipId,
) -> Result<Option<(Channel, Plan)>, StoreError> {
    let mut needs = Needs::default();
    needs.memberships.insert(id);
    let snapshot = app.store.snapshot(needs).await?;
    let Some(membership) = snapshot.memberships.get(&id).filter(|membership| membership.user == user) else {
        return Ok(None);
    };
    let Some(channel) = snapshot.channels.get(&membership.channel_id).cloned() else { return Ok(None) };
    if channel.archived_at.is_some() {
        return Ok(None);
    }
    let mut grants = snapshot.grants_of(id);
    grants.sort_by_key(|grant| (grant.granted_at, grant.id));
    let bought = grants.iter().rev().find(|grant| grant.order_id.is_some());
    let order = match bought.and_then(|grant| grant.order_id) {
        None => None,
        Some(order_id) => {
            let mut needs = Needs::default();
            needs.orders.insert(order_id);
            app.store.snapshot(needs).await?.orders.get(&order_id).cloned()
        }
    };
    let same = order.as_ref().and_then(|order| order.plan_id).and_then(|plan_id| channel.plan(plan_id));
    let as_long = || {
        let duration = grants.last().map(|grant| grant.duration);
        channel.active_plans().find(|plan| Some(plan.duration) == duration)
    };
    // Two currencies do not compare: the cheapest in the one that they paid in.
    let cheapest = || {
        let paid_in = order.as_ref().map(|order| &order.price.currency);
        let currency = paid_in.or_else(|| channel.active_plans().next().map(|plan| &plan.price.currency))?;
        channel.cheapest_plan(currency)
    };
    let plan = same.filter(|plan| plan.active).or_else(as_long).or_else(cheapest).cloned();
    Ok(plan.map(|plan| (channel, plan)))
}
