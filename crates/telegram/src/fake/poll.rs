//! `getUpdates`: the queue, with the wait that the bot asks for.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::api::Params;
use super::shared::Shared;
use super::texts::{ApiError, OTHER_POLLER, WEBHOOK_ACTIVE};

/// Most updates in one answer: <https://core.telegram.org/bots/api#getupdates>.
const UPDATES_MAX: i64 = 100;
/// Longest wait that the Bot API grants, in seconds.
const WAIT_SECONDS_MAX: i64 = 50;

pub(super) async fn get_updates(shared: &Shared, params: &Params) -> Result<Value, ApiError> {
    let limit = params.positive("limit").unwrap_or(UPDATES_MAX).min(UPDATES_MAX);
    let limit = usize::try_from(limit).unwrap_or_default();
    let seconds = params.positive("timeout").unwrap_or_default().min(WAIT_SECONDS_MAX);
    let deadline = Instant::now() + Duration::from_secs(seconds.unsigned_abs());
    let mut changes = shared.changes();
    let turn = shared.act(|world, _now| {
        if world.webhook.is_some() {
            return Err(ApiError::new(409, WEBHOOK_ACTIVE));
        }
        world.allow_updates(params)?;
        if let Some(offset) = params.integer("offset").filter(|offset| *offset != 0) {
            world.queue.confirm(offset);
        }
        world.poll_turn += 1;
        Ok(world.poll_turn)
    })?;
    loop {
        changes.borrow_and_update();
        let (current, updates) = shared.read(|world| (world.poll_turn, world.queue.peek(limit)));
        if current != turn {
            return Err(ApiError::new(409, OTHER_POLLER));
        }
        if !updates.is_empty() || seconds == 0 {
            return Ok(Value::Array(updates));
        }
        tokio::select! {
            _ = changes.changed() => {}
            () = tokio::time::sleep_until(deadline) => return Ok(Value::Array(Vec::new())),
            () = shared.until_stopped() => return Ok(Value::Array(Vec::new())),
        }
    }
}
