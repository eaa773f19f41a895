//! What an owner may do with their own channel, and nobody with another's (F107).

use super::access::no_channel;
use super::{Work, decide};
use crate::command::{Command, Outcome, Refusal};
use crate::id::TelegramUserId;

/// Carries a command out if the channel that it is about belongs to `owner`. Somebody else's channel is answered like one that does not
/// exist, so that the answer tells nothing.
pub(super) fn carry_out(
    work: &mut Work<'_>,
    owner: TelegramUserId,
    command: &Command,
) -> Result<Outcome, Refusal> {
    let Some(id) = command.for_owners() else {
        return Err(Refusal::Invalid("this is not for owners to do".to_owned()));
    };
    let is_theirs = work.snapshot.channels.get(&id).is_some_and(|channel| channel.owner == Some(owner));
    if !is_theirs {
        return Err(no_channel(id));
    }
    decide(work.now, work.ids, work.snapshot, command)
}
