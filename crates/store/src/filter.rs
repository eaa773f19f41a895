//! What a list shows. Lists are bounded; the next page starts before the last id of this one.

use jiff::Timestamp;
use tollhouse_core::id::{
    AttentionId, ChannelId, JobId, LinkId, MembershipId, OrderId, PresenceId, ProviderPaymentId, RunId,
    TelegramUserId,
};
use tollhouse_core::job::JobState;
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::order::OrderState;
use tollhouse_core::presence::Standing;
use tollhouse_core::status::PaymentStatus;

/// Most rows that one list gives; a higher limit counts as this. Bounds the memory of an answer.
pub const PAGE_LENGTH_MAX: u32 = 1_000;
/// Rows of a list when nothing else is said.
pub const PAGE_LENGTH_DEFAULT: u32 = 100;

macro_rules! filter {
    ($(#[$doc:meta])* $name:ident before $key:ty { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $kind,)*
            /// Only what stands behind this one in the list: the last id of the page before.
            pub before: Option<$key>,
            /// How many at most.
            pub limit: u32,
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: Default::default(),)* before: None, limit: PAGE_LENGTH_DEFAULT }
            }
        }

        impl $name {
            pub(crate) fn rows_max(&self) -> i64 {
                i64::from(self.limit.min(PAGE_LENGTH_MAX))
            }
        }
    };
}

filter!(
    /// Which channels.
    ChannelFilter before ChannelId {
        /// Whether those that are no longer sold are in it.
        archived: bool,
        /// Of an owner.
        owner: Option<TelegramUserId>,
    }
);
filter!(
    /// Which links.
    LinkFilter before LinkId {
        /// Of a channel.
        channel: Option<ChannelId>,
    }
);
filter!(
    /// Which orders.
    OrderFilter before OrderId {
        /// Of a channel.
        channel: Option<ChannelId>,
        /// Of a buyer.
        user: Option<TelegramUserId>,
        /// In a state, as it was written; the clock is not in it ([`tollhouse_core::order::Order::state_at`]).
        state: Option<OrderState>,
    }
);
filter!(
    /// Which payments.
    PaymentFilter before ProviderPaymentId {
        /// With this status.
        status: Option<PaymentStatus>,
        /// Of a channel.
        channel: Option<ChannelId>,
        /// Stuck: money that was credited before this instant, was not returned, and has ended neither in a grant of its order nor in an
        /// attention item that is open or that a person has closed by `dismiss` or `refund` (I3 says that there are none).
        stuck_before: Option<Timestamp>,
        /// Only those of which the provider has more to say ([`PaymentStatus::is_pending`]).
        pending: bool,
        /// First heard of at this instant or later.
        seen_from: Option<Timestamp>,
        /// First heard of before this instant.
        seen_until: Option<Timestamp>,
    }
);
filter!(
    /// Which memberships.
    MembershipFilter before MembershipId {
        /// In a channel.
        channel: Option<ChannelId>,
        /// Of a user.
        user: Option<TelegramUserId>,
        /// With this status.
        status: Option<MembershipStatus>,
        /// Only those that [`crate::Store::count_members`] counts: whose time lasts, and who are in grace.
        counted: bool,
        /// Whose removal was decided in this run last.
        run: Option<RunId>,
        /// That end before this instant, and whose member was neither shown out nor let stay.
        leaves_before: Option<Timestamp>,
    }
);
filter!(
    /// What is known of people in channels.
    PresenceFilter before PresenceId {
        /// In a channel.
        channel: Option<ChannelId>,
        /// With this standing.
        standing: Option<Standing>,
        /// Only those on the white list.
        listed: bool,
    }
);
filter!(
    /// Which runs of removals.
    RunFilter before RunId {
        /// In a channel.
        channel: Option<ChannelId>,
    }
);
filter!(
    /// Which attention items.
    AttentionFilter before AttentionId {
        /// Whether those that are resolved are in it.
        resolved: bool,
        /// Of a channel.
        channel: Option<ChannelId>,
    }
);
filter!(
    /// Which jobs.
    JobFilter before JobId {
        /// In a state.
        state: Option<JobState>,
        /// Of a kind, by its name.
        kind: Option<String>,
    }
);

/// Which audit entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those after this place; 0 for all.
    pub after: i64,
    /// How many at most.
    pub limit: u32,
}

impl Default for AuditFilter {
    fn default() -> Self {
        Self { after: 0, limit: PAGE_LENGTH_DEFAULT }
    }
}

impl AuditFilter {
    pub(crate) fn rows_max(self) -> i64 {
        i64::from(self.limit.min(PAGE_LENGTH_MAX))
    }
}
