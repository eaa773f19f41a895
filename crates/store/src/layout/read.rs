//! From a row to our types. A value that our types cannot hold is a fault that names its column: nothing is guessed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rust_decimal::Decimal;
use tollhouse_core::attention::{Attention, Reason, Resolution, Resolved, Subject};
use tollhouse_core::audit::{AuditEntry, Sealed};
use tollhouse_core::bot_chat::{BotChat, BotRight};
use tollhouse_core::channel::{Channel, Payout, Plan, PlanDuration};
use tollhouse_core::dialogue::{Dialogue, Question};
use tollhouse_core::event::{EventSource, Parent, Verdict};
use tollhouse_core::id::{
    AttentionId, ChannelId, ClaimToken, GrantId, JobId, LeaseToken, LinkId, MembershipId, MessageId, OrderId,
    PlanId, PresenceId, PrivateChatId, ProviderPaymentId, PublicChatId, RunId, TelegramChatId,
    TelegramUserId,
};
use tollhouse_core::job::{Job, JobState, Lease};
use tollhouse_core::link::PayLink;
use tollhouse_core::membership::{Carried, Grant, Invite, Membership, MembershipStatus, Period, Revocation};
use tollhouse_core::money::{Currency, Money};
use tollhouse_core::offer::Offer;
use tollhouse_core::order::{Invoice, Order, OrderKind, OrderSource, OrderState, Ruling};
use tollhouse_core::payment::Payment;
use tollhouse_core::presence::{Listed, Presence, Standing};
use tollhouse_core::removal::{Freeze, RemovalRun, RunState, Switch, SwitchName};
use tollhouse_core::status::{PaymentStatus, StatusSet};
use uuid::Uuid;

use crate::LoggedEvent;
use crate::writer::Failure;

/// The columns of one row, read from left to right.
pub(crate) trait Columns {
    fn uuid(&mut self) -> Result<Option<Uuid>, Failure>;
    fn int(&mut self) -> Result<Option<i64>, Failure>;
    fn text(&mut self) -> Result<Option<&str>, Failure>;
    fn bytes(&mut self) -> Result<Option<&[u8]>, Failure>;
    fn time(&mut self) -> Result<Option<Timestamp>, Failure>;
    fn amount(&mut self) -> Result<Option<Decimal>, Failure>;
    fn flag(&mut self) -> Result<Option<bool>, Failure>;
    /// Names the column that was read last.
    fn fault(&self, what: &str) -> Failure;
}

/// What several rows need. `must` stands for a column that is never null.
trait More: Columns {
    fn must<V>(&self, value: Option<V>) -> Result<V, Failure> {
        value.ok_or_else(|| self.fault("is null"))
    }

    fn must_uuid(&mut self) -> Result<Uuid, Failure> {
        let value = self.uuid()?;
        self.must(value)
    }

    fn must_int(&mut self) -> Result<i64, Failure> {
        let value = self.int()?;
        self.must(value)
    }

    fn must_time(&mut self) -> Result<Timestamp, Failure> {
        let value = self.time()?;
        self.must(value)
    }

    fn must_flag(&mut self) -> Result<bool, Failure> {
        let value = self.flag()?;
        self.must(value)
    }

    fn owned(&mut self) -> Result<Option<String>, Failure> {
        Ok(self.text()?.map(str::to_owned))
    }

    fn must_text(&mut self) -> Result<String, Failure> {
        let value = self.owned()?;
        self.must(value)
    }

    fn must_bytes(&mut self) -> Result<Vec<u8>, Failure> {
        let value = self.bytes()?.map(<[u8]>::to_vec);
        self.must(value)
    }

    fn hash(&mut self) -> Result<[u8; 32], Failure> {
        let value = self.bytes()?.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        value.ok_or_else(|| self.fault("is not 32 bytes"))
    }

    /// A text that stands for one of ours.
    fn word<V>(&mut self, read: impl Fn(&str) -> Option<V>) -> Result<Option<V>, Failure> {
        let value = match self.text()? {
            None => return Ok(None),
            Some(text) => read(text).ok_or_else(|| text.to_owned()),
        };
        value.map(Some).map_err(|text| self.fault(&format!("has the unknown word {text:?}")))
    }

    fn must_word<V>(&mut self, read: impl Fn(&str) -> Option<V>) -> Result<V, Failure> {
        let value = self.word(read)?;
        self.must(value)
    }

    /// A number that one of our types checks.
    fn number<V, E: std::fmt::Display>(
        &mut self,
        read: impl Fn(i64) -> Result<V, E>,
    ) -> Result<Option<V>, Failure> {
        let value = self.int()?;
        value.map(read).transpose().map_err(|error| self.fault(&error.to_string()))
    }

    fn must_number<V, E: std::fmt::Display>(
        &mut self,
        read: impl Fn(i64) -> Result<V, E>,
    ) -> Result<V, Failure> {
        let value = self.number(read)?;
        self.must(value)
    }

    fn currency(&mut self) -> Result<Option<Currency>, Failure> {
        self.word(|text| Currency::new(text).ok())
    }

    /// An amount and its currency, in two columns.
    fn money(&mut self) -> Result<Option<Money>, Failure> {
        let amount = self.amount()?;
        let currency = self.currency()?;
        match (amount, currency) {
            (Some(amount), Some(currency)) => Ok(Some(Money::new(amount, currency))),
            (None, None) => Ok(None),
            _ => Err(self.fault("has no amount beside it, or the amount no currency")),
        }
    }

    fn must_money(&mut self) -> Result<Money, Failure> {
        let value = self.money()?;
        self.must(value)
    }

    /// Null is a lifetime.
    fn duration(&mut self) -> Result<PlanDuration, Failure> {
        let days = self.number(u32::try_from)?;
        Ok(days.map_or(PlanDuration::Lifetime, PlanDuration::Days))
    }
}

impl<C: Columns> More for C {}

/// A channel without its plans.
pub(crate) fn channel(row: &mut impl Columns) -> Result<Channel, Failure> {
    Ok(Channel {
        id: ChannelId(row.must_uuid()?),
        private_chat: row.must_number(PrivateChatId::new)?,
        public_chat: row.number(PublicChatId::new)?,
        title: row.must_text()?,
        owner: row.number(TelegramUserId::new)?,
        payout: {
            let address = row.owned()?;
            let currency = row.currency()?;
            let memo = row.owned()?;
            address.zip(currency).map(|(address, currency)| Payout { address, currency, memo })
        },
        policies: row.must_word(|text| serde_json::from_str(text).ok())?,
        archived_at: row.time()?,
        frozen: freeze(row)?,
        chat_since: row.must_time()?,
        created_at: row.must_time()?,
        payout_change: row.word(|text| serde_json::from_str(text).ok())?,
        plans: Vec::new(),
    })
}

/// When, by whom and why.
fn freeze(row: &mut impl Columns) -> Result<Option<Freeze>, Failure> {
    let at = row.time()?;
    let by = row.owned()?.unwrap_or_default();
    let reason = row.owned()?.unwrap_or_default();
    Ok(at.map(|at| Freeze { at, by, reason }))
}

pub(crate) fn presence(row: &mut impl Columns) -> Result<Presence, Failure> {
    Ok(Presence {
        id: PresenceId(row.must_uuid()?),
        channel_id: ChannelId(row.must_uuid()?),
        user: row.must_number(TelegramUserId::new)?,
        standing: row.word(Standing::from_word)?,
        since: row.must_time()?,
        listed: freeze(row)?.map(|Freeze { at, by, reason }| Listed { at, by, reason }),
    })
}

pub(crate) fn run(row: &mut impl Columns) -> Result<RemovalRun, Failure> {
    Ok(RemovalRun {
        id: RunId(row.must_uuid()?),
        channel_id: ChannelId(row.must_uuid()?),
        number: row.must_number(u32::try_from)?,
        started_at: row.must_time()?,
        until: row.must_time()?,
        members: row.must_number(u32::try_from)?,
        limit: row.must_number(u32::try_from)?,
        decided: row.must_number(u32::try_from)?,
        state: row.must_word(RunState::from_word)?,
        undone_at: row.time()?,
    })
}

pub(crate) fn switch(row: &mut impl Columns) -> Result<Switch, Failure> {
    Ok(Switch { name: row.must_word(SwitchName::from_word)?, freeze: freeze(row)? })
}

pub(crate) fn bot_chat(row: &mut impl Columns) -> Result<BotChat, Failure> {
    /// Words with spaces between them.
    fn rights(text: &str) -> Option<BTreeSet<BotRight>> {
        text.split_whitespace().map(BotRight::from_word).collect()
    }
    Ok(BotChat {
        chat: row.must_number(TelegramChatId::new)?,
        title: row.must_text()?,
        is_channel: row.must_flag()?,
        is_public: row.must_flag()?,
        rights: row.must_word(rights)?,
        set_by: row.number(TelegramUserId::new)?,
        since: row.must_time()?,
        told_at: row.time()?,
    })
}

pub(crate) fn dialogue(row: &mut impl Columns) -> Result<Dialogue, Failure> {
    let user = row.must_number(TelegramUserId::new)?;
    let kind = row.owned()?;
    let payload = row.owned()?;
    Ok(Dialogue {
        user,
        question: kind.zip(payload).map(|(kind, payload)| Question { kind, payload }),
        asked_at: row.must_time()?,
        update_id: row.must_int()?,
    })
}

/// A plan and its place among its channel's plans.
pub(crate) fn plan(row: &mut impl Columns) -> Result<(i64, Plan), Failure> {
    let id = PlanId(row.must_uuid()?);
    let channel_id = ChannelId(row.must_uuid()?);
    let position = row.must_int()?;
    let plan = Plan {
        id,
        channel_id,
        label: row.must_text()?,
        price: row.must_money()?,
        duration: row.duration()?,
        active: row.must_flag()?,
        created_at: row.must_time()?,
    };
    Ok((position, plan))
}

/// Puts its plans into a channel, each in its place.
pub(crate) fn in_order(channel: Channel, mut plans: Vec<(i64, Plan)>) -> Channel {
    plans.sort_by_key(|(position, plan)| (*position, plan.id));
    Channel { plans: plans.into_iter().map(|(_, plan)| plan).collect(), ..channel }
}

pub(crate) fn link(row: &mut impl Columns) -> Result<PayLink, Failure> {
    Ok(PayLink {
        id: LinkId(row.must_uuid()?),
        slug: row.must_text()?,
        channel_id: ChannelId(row.must_uuid()?),
        plan_id: PlanId(row.must_uuid()?),
        expires_at: row.time()?,
        max_uses: row.number(u32::try_from)?,
        uses: row.must_number(u32::try_from)?,
        revoked_at: row.time()?,
        created_at: row.must_time()?,
    })
}

pub(crate) fn offer(row: &mut impl Columns) -> Result<Offer, Failure> {
    Ok(Offer {
        channel_id: ChannelId(row.must_uuid()?),
        description: row.owned()?,
        every_hours: row.number(u32::try_from)?,
        next_at: row.time()?,
        donations: row.must_word(|text| serde_json::from_str(text).ok())?,
        links: row.must_word(|text| serde_json::from_str(text).ok())?,
        post: row.word(|text| serde_json::from_str(text).ok())?,
        former: row.must_word(|text| serde_json::from_str(text).ok())?,
        updated_at: row.must_time()?,
    })
}

pub(crate) fn order(row: &mut impl Columns) -> Result<Order, Failure> {
    let mut order = Order {
        id: OrderId(row.must_uuid()?),
        channel_id: ChannelId(row.must_uuid()?),
        plan_id: row.uuid()?.map(PlanId),
        price: row.must_money()?,
        duration: Some(row.duration()?),
        donor_message: None,
        user: row.number(TelegramUserId::new)?,
        claim: row.uuid()?.map(ClaimToken),
        source: row.must_word(OrderSource::from_word)?,
        legacy_ref: row.owned()?,
        link_id: row.uuid()?.map(LinkId),
        invoice: {
            let id = row.owned()?;
            let url = row.owned()?;
            id.zip(url).map(|(id, url)| Invoice { id, url })
        },
        invoice_problem: row.word(|text| serde_json::from_str(text).ok())?,
        created_at: row.must_time()?,
        expires_at: row.must_time()?,
        state: row.must_word(OrderState::from_word)?,
        remaining: row.money()?,
        overpaid: row.money()?,
        ruling: row.word(ruling)?,
        paid_at: row.time()?,
        updated_at: row.must_time()?,
        checkout: row.word(|text| serde_json::from_str(text).ok())?.unwrap_or_default(),
        wish: None,
        message_id: None,
    };
    if row.must_word(OrderKind::from_word)? == OrderKind::Donation {
        order.duration = None;
    }
    order.donor_message = row.owned()?;
    order.wish = row.number(u32::try_from)?;
    order.message_id = row.number(MessageId::new)?;
    Ok(order)
}

fn ruling(text: &str) -> Option<Ruling> {
    match text {
        "grant" => Some(Ruling::Grant),
        "refund" => Some(Ruling::Refund),
        _ => None,
    }
}

pub(crate) fn payment(row: &mut impl Columns) -> Result<Payment, Failure> {
    Ok(Payment {
        id: row.must_number(ProviderPaymentId::new)?,
        order_id: row.uuid()?.map(OrderId),
        channel_id: row.uuid()?.map(ChannelId),
        order_ref: row.owned()?,
        invoice_id: row.owned()?,
        parent: {
            let parent = row.number(ProviderPaymentId::new)?;
            match (parent, row.must_flag()?) {
                (Some(parent), _) => Parent::Payment(parent),
                (None, true) => Parent::Unreadable,
                (None, false) => Parent::None,
            }
        },
        status: row.must_word(|text| Some(PaymentStatus::new(text)))?,
        seen: StatusSet(row.must_number(u16::try_from)?),
        head_updated_at_ms: row.must_int()?,
        head_digest: row.hash()?,
        price: row.money()?,
        pay_currency: row.currency()?,
        pay_amount: row.amount()?,
        actually_paid: row.amount()?,
        outcome: row.money()?,
        full: row.must_flag()?,
        unusable_amount: row.must_flag()?,
        contradiction: row.must_flag()?,
        digests_seen: digests(row)?,
        first_seen_at: row.must_time()?,
        on_chain_at: row.time()?,
        credited_at: row.time()?,
        updated_at: row.must_time()?,
        pay_address: row.owned()?,
        pay_extra_id: row.owned()?,
    })
}

fn digests(row: &mut impl Columns) -> Result<Vec<u64>, Failure> {
    let bytes = row.bytes()?.unwrap_or_default();
    let (chunks, rest) = bytes.as_chunks::<8>();
    let digests = chunks.iter().map(|chunk| u64::from_be_bytes(*chunk)).collect();
    if rest.is_empty() { Ok(digests) } else { Err(row.fault("is not made of 8 bytes each")) }
}

pub(crate) fn membership(row: &mut impl Columns) -> Result<Membership, Failure> {
    Ok(Membership {
        id: MembershipId(row.must_uuid()?),
        channel_id: ChannelId(row.must_uuid()?),
        user: row.must_number(TelegramUserId::new)?,
        status: row.must_word(MembershipStatus::from_word)?,
        starts_at: row.must_time()?,
        ends_at: row.time()?,
        invite: {
            let link = row.owned()?;
            let created_at = row.time()?;
            link.zip(created_at).map(|(link, created_at)| Invite { link, created_at })
        },
        joined_at: row.time()?,
        removed_at: row.time()?,
        removal_run: row.uuid()?.map(RunId),
        updated_at: row.must_time()?,
    })
}

pub(crate) fn grant(row: &mut impl Columns) -> Result<Grant, Failure> {
    Ok(Grant {
        id: GrantId(row.must_uuid()?),
        order_id: row.uuid()?.map(OrderId),
        channel_id: ChannelId(row.must_uuid()?),
        membership_id: row.uuid()?.map(MembershipId),
        duration: row.duration()?,
        granted_at: row.must_time()?,
        period: Period { starts_at: row.must_time()?, ends_at: row.time()? },
        revoked: {
            let at = row.time()?;
            let reason = row.owned()?;
            at.zip(reason).map(|(at, reason)| Revocation { at, reason })
        },
        delivered_at: row.time()?,
        carried: {
            let (until, invoice_id, awaits_payment) = (row.time()?, row.owned()?, row.must_flag()?);
            until.map(|until| Carried { until, invoice_id, awaits_payment })
        },
    })
}

pub(crate) fn job(row: &mut impl Columns) -> Result<Job, Failure> {
    let id = JobId(row.must_uuid()?);
    row.text()?; // the kind's name: it is in the payload
    Ok(Job {
        id,
        subject: row.must_text()?,
        channel_id: row.uuid()?.map(ChannelId),
        kind: row.must_word(|text| serde_json::from_str(text).ok())?,
        state: row.must_word(JobState::from_word)?,
        run_at: row.must_time()?,
        attempt: row.must_number(u32::try_from)?,
        lease: {
            let token = row.uuid()?;
            let until = row.time()?;
            token.zip(until).map(|(token, until)| Lease { token: LeaseToken(token), until })
        },
        last_error: row.owned()?,
        created_at: row.must_time()?,
        finished_at: row.time()?,
    })
}

/// A job that is due; `None` if it cannot be read. One that a newer program made, or that somebody damaged, must not keep a worker from
/// all the others: it stays where it is, for those who can read it.
pub(crate) fn due_job(row: &mut impl Columns) -> Option<Job> {
    job(row)
        .inspect_err(|failure| {
            tracing::error!(error = %failure.what(), "store.job_unreadable: a job that is due cannot be read and is passed over");
        })
        .ok()
}

/// An item of the attention list; `None` if a newer program made it about something that this one does not know: it is left to that one, and
/// keeps this one from nothing.
pub(crate) fn attention(row: &mut impl Columns) -> Result<Option<Attention>, Failure> {
    let id = AttentionId(row.must_uuid()?);
    let subject: Option<Subject> = row.must_word(|text| Some(text.parse().ok()))?;
    let reason = row.must_word(|text| Some(Reason::from_word(text)))?;
    let (Some(subject), Some(reason)) = (subject, reason) else {
        tracing::warn!(%id, "store.attention_unknown: an item of the attention list is left to a newer version");
        return Ok(None);
    };
    Ok(Some(Attention {
        id,
        subject,
        reason,
        detail: row.must_text()?,
        channel_id: row.uuid()?.map(ChannelId),
        opened_at: row.must_time()?,
        resolved: {
            let at = row.time()?;
            let resolution = row.word(Resolution::from_word)?;
            let by = row.owned()?.unwrap_or_default();
            let reason = row.owned()?.unwrap_or_default();
            at.zip(resolution).map(|(at, resolution)| Resolved { at, resolution, by, reason })
        },
    }))
}

/// An event with its number in front.
pub(crate) fn event(row: &mut impl Columns) -> Result<LoggedEvent, Failure> {
    Ok(LoggedEvent {
        id: row.must_int()?,
        payment_id: row.must_number(ProviderPaymentId::new)?,
        order_id: row.uuid()?.map(OrderId),
        channel_id: row.uuid()?.map(ChannelId),
        received_at: row.must_time()?,
        source: row.must_word(EventSource::from_word)?,
        signature_form: row.owned()?,
        status: row.must_word(|text| Some(PaymentStatus::new(text)))?,
        verdict: row.must_word(Verdict::from_word)?,
        reason: row.owned()?,
        headers: row.must_text()?,
        body: row.must_bytes()?,
        digest: row.hash()?,
    })
}

pub(crate) fn sealed(row: &mut impl Columns) -> Result<Sealed, Failure> {
    Ok(Sealed {
        sequence: row.must_int()?,
        entry: AuditEntry {
            at: row.must_time()?,
            actor: row.must_text()?,
            action: row.must_text()?,
            subject: row.must_text()?,
            reason: row.must_text()?,
            detail: row.must_text()?,
        },
        hash: row.hash()?,
    })
}
