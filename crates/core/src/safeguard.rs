//! The safeguards that the simulator turns off, one at a time, to see that it would notice (feature `safeguards`).
//!
//! Without the feature each of them stands, always, and the compiler knows it. With it they stand as well, except inside of
//! `without` on the same thread.

/// Something without which money or access would go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Safeguard {
    /// An order that has a grant is given no second one (I2).
    UniqueGrant,
    /// Only who holds the lease of a job now may say what came of it (I5).
    LeaseFence,
    /// What is known of a payment only grows (I4).
    RankRule,
    /// Whether somebody is to go is looked at again just before (I9).
    RemovalRecheck,
    /// Jobs are written in the transaction that decided them (I5).
    OutboxInTransaction,
    /// A job that fails is tried a bounded number of times (I5).
    AttemptsBound,
}

impl Safeguard {
    /// Whether it stands.
    #[cfg(not(feature = "safeguards"))]
    #[must_use]
    #[inline(always)]
    pub const fn stands(self) -> bool {
        true
    }

    /// Whether it stands.
    #[cfg(feature = "safeguards")]
    #[must_use]
    pub fn stands(self) -> bool {
        OFF.get() != Some(self)
    }
}

#[cfg(feature = "safeguards")]
thread_local! {
    static OFF: std::cell::Cell<Option<Safeguard>> = const { std::cell::Cell::new(None) };
}

/// Runs `work` with this safeguard off, on this thread only.
#[cfg(feature = "safeguards")]
pub fn without<V>(safeguard: Option<Safeguard>, work: impl FnOnce() -> V) -> V {
    struct Restore(Option<Safeguard>);
    impl Drop for Restore {
        fn drop(&mut self) {
            OFF.set(self.0);
        }
    }
    let _restore = Restore(OFF.replace(safeguard));
    work()
}
