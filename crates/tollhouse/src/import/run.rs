//! Goes through the tables: channels, then members, then payments, since each leans on the one before.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::import::{ImportChange, Imported, Remark};
use tollhouse_core::policy::Policies;
use tollhouse_store::StoreError;
use tollhouse_store::paygateprime::{
    ClientRow, MemberRow, PAGE_ROWS, ProcessedRow, Source, SourceError, SourceRow,
};

use super::channels::Directory;
use super::finding::{Finding, Why};
use super::target::Target;
use super::{channels, members, payments};

/// How many commands are under way at once: as many as the writer takes into one commit.
const UNDER_WAY_MAX: usize = 128;
/// How long others are let to the database after each page, in milliseconds: with SQLite a service at work tries for the write lock at least
/// ten times a second, and must not try in vain for as long as the import lasts.
const BREATH_MS: u64 = 120;
/// How many findings of each reason are listed. A report of a broken table would else hold a million alike; the others are counted.
const LISTED_MAX: u64 = 1_000;

/// Why an import stopped. What was carried over until then stays, and is known at the next run.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The predecessor's database.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Our database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something else than expected came of a command.
    #[error("the import came to something else than expected, please report it: {0}")]
    Unexpected(String),
}

/// What became of the things of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rows that were read.
    pub read: u64,
    /// That were not here.
    pub new: u64,
    /// That were here and have more now: a later end, an owner.
    pub changed: u64,
    /// That were here as they are.
    pub known: u64,
    /// Rows that could not be carried over.
    pub not_carried: u64,
}

impl Counts {
    fn count(&mut self, change: ImportChange) {
        match change {
            ImportChange::New => self.new += 1,
            ImportChange::Changed => self.changed += 1,
            ImportChange::Known => self.known += 1,
        }
    }
}

/// What an import came to.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// From where.
    pub from: String,
    /// As which zone's time its dates were read.
    pub zone: String,
    /// Channel pairs.
    pub channels: Counts,
    /// Members' rows.
    pub memberships: Counts,
    /// Payments: those that the members' rows name, and those that were processed. Many are both.
    pub payments: Counts,
    /// What could not be carried over.
    pub not_carried: Vec<Finding>,
    /// What was carried over, but should be known.
    pub notes: Vec<Finding>,
    /// How many there are of each reason, also of those that are not listed.
    pub reasons: BTreeMap<&'static str, u64>,
}

impl Report {
    fn list(&mut self, finding: Finding, is_carried: bool) {
        let count = self.reasons.entry(finding.reason).or_default();
        *count += 1;
        if *count <= LISTED_MAX {
            let list = if is_carried { &mut self.notes } else { &mut self.not_carried };
            list.push(finding);
        }
    }

    fn remark(&mut self, table: &'static str, key: &str, remark: Remark) {
        let why = match remark {
            Remark::PlansLeft => Why::PlansLeft,
            Remark::PaymentOfAnother => Why::PaymentOfAnother,
            Remark::TakenBack => Why::TakenBack,
        };
        self.list(Finding::new(table, key, why, ""), true);
    }
}

/// How to carry over.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'t> {
    /// As which zone's time the predecessor's dates are read.
    pub zone: &'t TimeZone,
    /// What new channels start with.
    pub policies: &'t Policies,
    /// Who, for the audit log.
    pub actor: &'t str,
    /// Now: what ended before is over.
    pub now: Timestamp,
}

/// Carries everything over.
///
/// # Errors
/// One of the two databases; what was carried over until then stays.
pub async fn run(source: &Source, target: &Target, terms: Terms<'_>) -> Result<Report, ImportError> {
    let report = Report {
        dry_run: target.is_dry(),
        from: source.shown().to_owned(),
        zone: terms.zone.iana_name().unwrap_or("UTC").to_owned(),
        channels: Counts::default(),
        memberships: Counts::default(),
        payments: Counts::default(),
        not_carried: Vec::new(),
        notes: Vec::new(),
        reasons: BTreeMap::new(),
    };
    let Terms { zone, policies, actor, now } = terms;
    let directory = Directory::knowing(&target.channels().await?);
    let mut import = Import { source, target, zone, policies, actor, now, directory, report };
    import.channels().await?;
    import.members().await?;
    import.payments().await?;
    Ok(import.report)
}

struct Import<'i> {
    source: &'i Source,
    target: &'i Target,
    zone: &'i TimeZone,
    policies: &'i Policies,
    actor: &'i str,
    now: Timestamp,
    directory: Directory,
    report: Report,
}

/// What came of a command: carried over, or refused with a sentence.
type Came = Result<Imported, String>;

impl Import<'_> {
    async fn channels(&mut self) -> Result<(), ImportError> {
        let mut rows = self.source.clients().await?;
        loop {
            let page = rows.next_page().await?;
            if page.is_empty() {
                return Ok(());
            }
            // One after the other: which of two rows has a chat is then the same at each run.
            for row in page {
                self.report.channels.read += 1;
                let mapped = channels::understand(&row, self.actor, self.policies, &mut self.directory);
                let is_carried = match mapped.channel {
                    None => false,
                    Some(channel) => {
                        let came = carry_out(self.target, Command::ImportChannel(Box::new(channel))).await?;
                        self.channel_came(&mapped.key, came)
                    }
                };
                self.report.channels.not_carried += u64::from(!is_carried);
                for note in mapped.notes {
                    self.report.list(note, is_carried);
                }
            }
        }
    }

    fn channel_came(&mut self, key: &str, came: Came) -> bool {
        match came {
            Ok(imported) => {
                self.report.channels.count(imported.change);
                if let Some(remark) = imported.remark {
                    self.report.remark(ClientRow::TABLE, key, remark);
                }
                true
            }
            Err(refusal) => {
                self.report.list(Finding::new(ClientRow::TABLE, key, Why::ChannelRefused, refusal), false);
                false
            }
        }
    }

    async fn members(&mut self) -> Result<(), ImportError> {
        let mut rows = self.source.members().await?;
        let mut last = None;
        loop {
            let page = rows.next_page().await?;
            if page.is_empty() {
                return Ok(());
            }
            let mapped: Vec<members::Mapped> = page
                .iter()
                .map(|row| members::understand(row, self.actor, &self.directory, self.zone, self.now))
                .collect();
            let (target, under_way) = (self.target, self.under_way());
            let came: Vec<MemberCame> = stream::iter(mapped)
                .map(|mapped| carry_member(target, mapped))
                .buffered(under_way)
                .try_collect()
                .await?;
            self.breathe(page.len()).await;
            for came in came {
                // Rows come in the order of channel and member.
                if came.who.is_some() && came.who == last {
                    let twin = Finding::new(MemberRow::TABLE, &came.mapped.key, Why::DuplicateRow, "");
                    self.report.list(twin, true);
                }
                last = came.who.or(last);
                self.member_came(came);
            }
        }
    }

    fn member_came(&mut self, came: MemberCame) {
        let table = MemberRow::TABLE;
        self.report.memberships.read += 1;
        if let Some(Ok(refund)) = came.refund {
            self.payment_came(refund);
        }
        for note in came.mapped.notes {
            self.report.list(note, true);
        }
        if let Some(finding) = came.mapped.not_carried {
            self.report.memberships.not_carried += 1;
            self.report.list(finding, false);
        }
        match came.member {
            None => {}
            Some(Ok(imported)) => {
                self.report.memberships.count(imported.change);
                if came.names_payment {
                    self.payment_came(imported);
                }
                if let Some(remark) = imported.remark {
                    self.report.remark(table, &came.mapped.key, remark);
                }
            }
            Some(Err(refusal)) => {
                self.report.memberships.not_carried += 1;
                self.report.list(Finding::new(table, &came.mapped.key, Why::Refused, refusal), false);
            }
        }
    }

    async fn payments(&mut self) -> Result<(), ImportError> {
        let table = ProcessedRow::TABLE;
        let mut rows = self.source.processed().await?;
        loop {
            let page = rows.next_page().await?;
            if page.is_empty() {
                return Ok(());
            }
            let mapped: Vec<payments::Mapped> = page
                .iter()
                .map(|row| payments::understand(row, self.actor, &self.directory, self.zone))
                .collect();
            let (target, under_way) = (self.target, self.under_way());
            let came: Vec<Result<(String, Came), Option<Finding>>> = stream::iter(mapped)
                .map(|mapped| async move {
                    Ok::<_, ImportError>(match mapped {
                        payments::Mapped::Granted(key, command) => {
                            Ok((key, carry_out(target, command).await?))
                        }
                        payments::Mapped::NeverSent(id, _) if target.knows_payment(id).await? => Err(None),
                        payments::Mapped::NeverSent(_, finding) | payments::Mapped::NotCarried(finding) => {
                            Err(Some(finding))
                        }
                    })
                })
                .buffered(under_way)
                .try_collect()
                .await?;
            self.breathe(page.len()).await;
            for came in came {
                match came {
                    Ok((key, Ok(imported))) => {
                        self.payment_came(imported);
                        if let Some(remark) = imported.remark {
                            self.report.remark(table, &key, remark);
                        }
                    }
                    Ok((key, Err(refusal))) => {
                        self.report.payments.read += 1;
                        self.report.payments.not_carried += 1;
                        self.report.list(Finding::new(table, &key, Why::Refused, refusal), false);
                    }
                    Err(None) => {
                        self.report.payments.read += 1;
                        self.report.payments.known += 1;
                    }
                    Err(Some(finding)) => {
                        self.report.payments.read += 1;
                        self.report.payments.not_carried += 1;
                        self.report.list(finding, false);
                    }
                }
            }
        }
    }

    fn payment_came(&mut self, imported: Imported) {
        self.report.payments.read += 1;
        if imported.payment {
            self.report.payments.new += 1;
        } else {
            self.report.payments.known += 1;
        }
    }

    /// Lets others write, unless that was the last page.
    async fn breathe(&self, rows: usize) {
        if !self.target.is_dry() && rows >= PAGE_ROWS as usize {
            tokio::time::sleep(Duration::from_millis(BREATH_MS)).await;
        }
    }

    /// In a dry run each command must see what the one before would have done.
    fn under_way(&self) -> usize {
        if self.target.is_dry() { 1 } else { UNDER_WAY_MAX }
    }
}

/// What came of a member's row.
struct MemberCame {
    mapped: members::Mapped,
    /// Whose row it is; none if it was not carried.
    who: Option<(i64, i64)>,
    names_payment: bool,
    refund: Option<Came>,
    member: Option<Came>,
}

async fn carry_member(target: &Target, mut mapped: members::Mapped) -> Result<MemberCame, ImportError> {
    let refund = match mapped.refund.take() {
        Some(command) => Some(carry_out(target, command).await?),
        None => None,
    };
    let (who, names_payment) = match &mapped.member {
        Some(Command::ImportMember(member)) => {
            (Some((member.private_chat.get(), member.user.get())), member.payment.is_some())
        }
        _ => (None, false),
    };
    let member = match mapped.member.take() {
        Some(command) => Some(carry_out(target, command).await?),
        None => None,
    };
    Ok(MemberCame { mapped, who, names_payment, refund, member })
}

async fn carry_out(target: &Target, command: Command) -> Result<Came, ImportError> {
    match target.carry_out(command).await? {
        Ok(Outcome::Imported(imported)) => Ok(Ok(imported)),
        Ok(other) => Err(ImportError::Unexpected(format!("{other:?}"))),
        Err(refusal) => Ok(Err(refusal.to_string())),
    }
}
