//! One pass: the provider's list from a moment on, and the payments of which more is to be heard.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use nowpayments::Parent;
use nowpayments::client::ListQuery;
use tollhouse_core::id::ProviderPaymentId;
use tollhouse_core::payment::Payment;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{ChannelFilter, PAGE_LENGTH_MAX, PaymentFilter};

use super::Trouble;
use super::place::Place;
use super::take::{Finding, take};
use crate::app::App;
use crate::provider::Answer;

/// How far behind the last listed payment a listing begins, in minutes: payments of the same moment, and a provider whose parts do not
/// agree on the time.
const OVERLAP_MINUTES: i64 = 60;
/// How far back the whole window goes, in days. A payment can be paid for seven days after it was made; the eighth is for its end.
pub const WINDOW_DAYS: i64 = 8;
/// How often the whole window is listed, in hours: what changes late without a notification, a refund for instance, shows within this.
const WIDE_EVERY_HOURS: i64 = 6;
/// How long a payment is asked for, in days after it was first heard of. What has not ended in two weeks does not end by itself.
const ASKED_DAYS: i64 = 14;
/// How many payments a scheduled pass asks for one by one: less than a minute's worth, so that the list is not kept waiting.
const ASKED_MAX: usize = 200;
/// How many re-deposits of one payment are asked for.
const CHILDREN_MAX: usize = 16;
/// How many pages a list may have. A million payments in the window of one account is more than the provider has.
const PAGES_MAX: u32 = 2_000;

/// What a pass came to.
#[derive(Debug, Default)]
pub struct Tally {
    /// Whether the provider's list was read, or some of it.
    pub lists: bool,
    /// Payments that the list had.
    pub listed: u64,
    /// Payments that were asked for one by one.
    pub asked: u64,
    /// Payments of which the provider knew more than we did.
    pub found: Vec<Finding>,
    /// Payments in the list that name nothing of ours, in an account that other programs use too.
    pub foreign: u64,
    /// Rows of the list that name no payment that can be kept.
    pub unreadable: u64,
    /// Payments that were asked for without a usable answer, and why. They are asked for again.
    pub unanswered: Vec<(ProviderPaymentId, String)>,
}

/// From where to where a list goes, and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Payments made at or after this.
    pub from: Timestamp,
    /// Payments made at or before this; `None` for no end.
    pub until: Option<Timestamp>,
    /// Whether nothing is to be changed.
    pub dry_run: bool,
}

/// Since when payments are asked for one by one.
#[must_use]
pub fn asked_since(now: Timestamp) -> Timestamp {
    now - SignedDuration::from_hours(24 * ASKED_DAYS)
}

/// A scheduled pass: goes on from its place and keeps it page by page.
///
/// # Errors
/// What kept it from its end. What it took in by then stays, and so does its place.
pub async fn scheduled(
    app: &App,
    place: &mut Place,
    asked: &mut HashMap<ProviderPaymentId, Timestamp>,
    is_first: bool,
    tally: &mut Tally,
) -> Result<(), Trouble> {
    let mut seen = BTreeSet::new();
    let listed = match app.config.nowpayments.can_list() {
        true => follow(app, place, is_first, tally, &mut seen).await,
        false => Ok(()),
    };
    match &listed {
        // Without the list, for what reason ever, payments can be asked for all the same.
        Ok(()) => {}
        Err(Trouble::Provider(error)) if !error.is_away() => {}
        Err(_) => return listed,
    }
    let now = app.clock.now();
    let mut pending = pending(app).await?;
    let ids: BTreeSet<ProviderPaymentId> = pending.iter().map(|payment| payment.id).collect();
    asked.retain(|id, _| ids.contains(id));
    pending.retain(|payment| !seen.contains(&payment.id) && is_due(app, payment, asked, now));
    // Those that have waited longest go first; of those that were never asked for, the newest.
    pending.sort_by_key(|payment| {
        (asked.get(&payment.id).copied(), std::cmp::Reverse(payment.first_seen_at), payment.id)
    });
    for payment in pending.iter().take(ASKED_MAX) {
        app.pulse.beat(super::PART);
        // Noted before: one for which there is no answer goes behind the others, too.
        asked.insert(payment.id, now);
        ask_for(app, payment.id, &mut seen, false, tally).await?;
    }
    listed
}

/// What `tollhouse reconcile` does: a window of the list, if it can be asked for, and every payment of which more is to be heard.
///
/// # Errors
/// What kept it from its end.
pub async fn on_demand(app: &App, window: Window, tally: &mut Tally) -> Result<(), Trouble> {
    let mut seen = BTreeSet::new();
    let listed = match app.config.nowpayments.can_list() {
        true => list_all(app, window, tally, &mut seen).await,
        false => Ok(()),
    };
    match &listed {
        Err(Trouble::Provider(error)) if !error.is_away() => {}
        Err(_) => return listed,
        Ok(()) => {}
    }
    for payment in pending(app).await? {
        if !seen.contains(&payment.id) {
            ask_for(app, payment.id, &mut seen, window.dry_run, tally).await?;
        }
    }
    listed
}

/// Takes in the list of a window.
async fn list_all(
    app: &App,
    window: Window,
    tally: &mut Tally,
    seen: &mut BTreeSet<ProviderPaymentId>,
) -> Result<(), Trouble> {
    let mut pages = Pages::new(window.from, window.until);
    while let Some(answers) = pages.next(app).await? {
        tally.lists = true;
        take_page(app, answers, window.dry_run, tally, seen).await?;
    }
    tally.lists = true;
    tally.unreadable += pages.unreadable;
    Ok(())
}

/// Lists from the place on, or the whole window where that is due.
async fn follow(
    app: &App,
    place: &mut Place,
    is_first: bool,
    tally: &mut Tally,
    seen: &mut BTreeSet<ProviderPaymentId>,
) -> Result<(), Trouble> {
    let now = app.clock.now();
    let wide_is_old =
        place.wide_done_at.is_none_or(|at| is_past(at, SignedDuration::from_hours(WIDE_EVERY_HOURS), now));
    let wide = is_first || wide_is_old || place.wide_from.is_some();
    let from = match (place.wide_from, place.listed_until) {
        // One that was cut short goes on where it was.
        (Some(from), _) => from,
        (None, Some(until)) if !wide => until - SignedDuration::from_mins(OVERLAP_MINUTES),
        (None, until) => {
            let widest = now - SignedDuration::from_hours(24 * WINDOW_DAYS);
            until.map_or(widest, |until| until.min(widest)).max(first_sale(app, now).await?)
        }
    };
    if wide {
        place.wide_from = Some(from);
    }
    let mut pages = Pages::new(from, None);
    while let Some(answers) = pages.next(app).await? {
        tally.lists = true;
        app.pulse.beat(super::PART);
        let newest = take_page(app, answers, false, tally, seen).await?;
        // A time to come would let what is made until then go by unseen.
        let newest = newest.map(|newest| newest.min(now));
        place.listed_until = place.listed_until.max(newest);
        if wide {
            place.wide_from = place.wide_from.max(newest);
        }
        place.save(&*app.store).await?;
    }
    tally.lists = true;
    tally.unreadable += pages.unreadable;
    if wide {
        place.wide_from = None;
        place.wide_done_at = Some(now);
    }
    Ok(())
}

/// Since when something is sold here: what was paid before belongs to the predecessor, who has given the access for it, and must not be given
/// again by itself. `tollhouse reconcile --since …` takes it in all the same.
async fn first_sale(app: &App, now: Timestamp) -> Result<Timestamp, Trouble> {
    let mut oldest = None;
    loop {
        let before = oldest.map(|(id, _)| id);
        let filter = ChannelFilter { archived: true, owner: None, before, limit: PAGE_LENGTH_MAX };
        let page = app.store.channels(filter).await?;
        let Some(last) = page.last() else { return Ok(oldest.map_or(now, |(_, at)| at)) };
        let first = page.iter().map(|channel| channel.created_at).min().unwrap_or(now);
        oldest = Some((last.id, oldest.map_or(first, |(_, at)| first.min(at))));
    }
}

/// Takes in one page of the list. Gives the time of its newest payment.
async fn take_page(
    app: &App,
    answers: Vec<Answer>,
    dry_run: bool,
    tally: &mut Tally,
    seen: &mut BTreeSet<ProviderPaymentId>,
) -> Result<Option<Timestamp>, Trouble> {
    tally.listed += u64::try_from(answers.len()).unwrap_or(u64::MAX);
    seen.extend(answers.iter().filter_map(|answer| number(answer.notification.payment_id)));
    let newest = answers.iter().filter_map(|answer| answer.created_at).max();
    let taken = take(app, answers, dry_run).await?;
    tally.found.extend(taken.found);
    tally.foreign += taken.foreign;
    tally.unreadable += taken.unreadable;
    Ok(newest)
}

/// The pages of the provider's list, the oldest payment first, so that what is added meanwhile comes last.
pub(super) struct Pages {
    query: ListQuery,
    is_over: bool,
    /// Rows so far that name no payment.
    pub(super) unreadable: u64,
}

impl Pages {
    /// Payments made from one moment to another, both included.
    pub(super) fn new(from: Timestamp, until: Option<Timestamp>) -> Self {
        let query = ListQuery { date_from: Some(from), date_to: until, ..ListQuery::default() };
        Self { query, is_over: false, unreadable: 0 }
    }

    /// The next page; `None` after the last.
    pub(super) async fn next(&mut self, app: &App) -> Result<Option<Vec<Answer>>, Trouble> {
        if self.is_over {
            return Ok(None);
        }
        if self.query.page >= PAGES_MAX {
            return Err(Trouble::Endless(self.query.page));
        }
        let listed = app.reconcile.asking.list(app, &self.query).await?;
        if listed.unreadable > 0 {
            tracing::warn!(rows = listed.unreadable, "the provider's list has rows that name no payment");
            self.unreadable += u64::try_from(listed.unreadable).unwrap_or(u64::MAX);
        }
        let rows = listed.answers.len() + listed.unreadable;
        self.query.page += 1;
        self.is_over = rows == 0 || listed.pages.is_some_and(|pages| u64::from(self.query.page) >= pages);
        Ok(Some(listed.answers))
    }
}

/// The provider's number in our type; `None` for one that is longer than any that can be kept.
pub(super) fn number(theirs: nowpayments::ProviderPaymentId) -> Option<ProviderPaymentId> {
    theirs.to_string().parse().ok()
}

/// Payments of which more is to be heard and that are not too old to ask for.
async fn pending(app: &App) -> Result<Vec<Payment>, Trouble> {
    let mut found: Vec<Payment> = Vec::new();
    loop {
        let filter = PaymentFilter {
            pending: true,
            seen_from: Some(asked_since(app.clock.now())),
            before: found.last().map(|payment| payment.id),
            limit: PAGE_LENGTH_MAX,
            ..PaymentFilter::default()
        };
        let more = app.store.payments(filter).await?;
        if more.is_empty() {
            return Ok(found);
        }
        found.extend(more);
    }
}

/// Whether something happened so long ago. What happened after now happened by a clock that was ahead, and counts as long ago.
fn is_past(at: Timestamp, rest: SignedDuration, now: Timestamp) -> bool {
    at > now || now.duration_since(at) >= rest
}

/// A payment is asked for in every pass while it is new, later more and more rarely.
fn is_due(
    app: &App,
    payment: &Payment,
    asked: &HashMap<ProviderPaymentId, Timestamp>,
    now: Timestamp,
) -> bool {
    let Some(last) = asked.get(&payment.id) else { return true };
    let age = now.duration_since(payment.first_seen_at);
    let rest = if age < SignedDuration::from_hours(1) {
        SignedDuration::ZERO
    } else if age < SignedDuration::from_hours(24) {
        SignedDuration::from_mins(15)
    } else {
        SignedDuration::from_hours(6)
    };
    is_past(*last, rest.max(app.config.reconcile_interval), now)
}

/// Asks for one payment and for its re-deposits that are not known, and takes in what is told. An answer that cannot be used is noted,
/// and the pass goes on.
pub(super) async fn ask_for(
    app: &App,
    id: ProviderPaymentId,
    seen: &mut BTreeSet<ProviderPaymentId>,
    dry_run: bool,
    tally: &mut Tally,
) -> Result<(), Trouble> {
    let mut wanted = vec![(id, None)];
    while let Some((id, parent)) = wanted.pop() {
        if !seen.insert(id) {
            continue;
        }
        tally.asked += 1;
        let mut answer = match app.reconcile.asking.payment(app, id).await {
            Ok(answer) => answer,
            Err(error) if error.is_away() => return Err(error.into()),
            Err(error) => {
                tracing::warn!(payment_id = %id, %error, "a payment was asked for, and the answer cannot be used");
                tally.unanswered.push((id, error.to_string()));
                continue;
            }
        };
        // Its own answer may leave out what its parent's has just said.
        if let (Some(parent), Parent::None | Parent::Unusable(_)) = (parent, &answer.notification.parent) {
            answer.notification.parent = Parent::Id(parent);
        }
        let children = unknown_children(app, &answer).await?;
        let parent = answer.notification.payment_id;
        wanted.extend(children.into_iter().map(|child| (child, Some(parent))));
        let taken = take(app, vec![answer], dry_run).await?;
        tally.found.extend(taken.found);
    }
    Ok(())
}

/// The re-deposits that a payment names and that we have not heard of.
async fn unknown_children(app: &App, answer: &Answer) -> Result<Vec<ProviderPaymentId>, Trouble> {
    let children = answer.notification.payment_extra_ids.iter().take(CHILDREN_MAX);
    let payments: BTreeSet<ProviderPaymentId> = children.filter_map(|child| number(*child)).collect();
    if payments.is_empty() {
        return Ok(Vec::new());
    }
    let known = app.store.snapshot(Needs { payments: payments.clone(), ..Needs::default() }).await?.payments;
    Ok(payments.into_iter().filter(|child| !known.contains(child)).collect())
}
