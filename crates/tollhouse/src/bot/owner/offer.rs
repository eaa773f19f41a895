//! The card of a channel's offer: how it stands in the public chat, and the buttons that post it, now or every so often.

use tollhouse_core::channel::Channel;
use tollhouse_core::offer::Offer;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::StoreError;
use tollhouse_telegram::Keyboard;

use super::cards::back;
use super::press::Press;
use crate::bot::dialogue::Turn;
use crate::purchase::Reply;
use crate::texts;

/// Hours of a day.
const DAY_HOURS: u32 = 24;
/// Hours of a week.
const WEEK_HOURS: u32 = 7 * DAY_HOURS;

/// How the offer of one's own channel stands. `refused`: what was just asked for cannot be.
///
/// # Errors
/// The store's.
pub async fn card(turn: &Turn<'_>, channel: &Channel, refused: bool) -> Result<Reply, StoreError> {
    let l = turn.language;
    let (id, now) = (channel.id, turn.app.clock.now());
    if channel.public_chat.is_none() || channel.archived_at.is_some() {
        let lines = vec![if channel.archived_at.is_some() { l.owner_archived() } else { l.offer_no_chat() }];
        return Ok((
            texts::lines(&l.offer_card(&channel.title), lines),
            Some(Keyboard { rows: vec![back(l, id)] }),
        ));
    }
    let mut needs = Needs::default();
    needs.offers.insert(id);
    let offers = turn.app.store.snapshot(needs).await?.offers;
    let offer = offers.get(&id).cloned().unwrap_or_else(|| Offer::new(id, now));
    let mut lines = Vec::new();
    if refused {
        lines.push(l.offer_refused());
    }
    lines.push(match &offer.post {
        _ if offer.next_at.is_some_and(|at| at <= now) => l.offer_posting(),
        Some(post) => l.offer_stands(l.instant(post.posted_at)),
        None => l.offer_nowhere(),
    });
    lines.push(match (offer.every_hours, offer.next_at.filter(|at| *at > now)) {
        (Some(hours), Some(at)) => l.offer_every_next(hours, l.instant(at)),
        (Some(hours), None) => l.offer_every(hours),
        (None, _) => l.offer_on_demand(),
    });
    let rows = vec![
        vec![Press::PostOffer(id).button(l.button_post_now())],
        vec![
            Press::PostEvery(id, DAY_HOURS).button(l.button_every_day()),
            Press::PostEvery(id, WEEK_HOURS).button(l.button_every_week()),
        ],
        vec![Press::PostEvery(id, 0).button(l.button_when_asked())],
        back(l, id),
    ];
    Ok((texts::lines(&l.offer_card(&channel.title), lines), Some(Keyboard { rows })))
}
