//! Reads the database of PayGatePrime, the predecessor, and never writes to it: one read-only transaction, so that all its tables are seen
//! at one instant, and page by page, so that a million rows are never in memory at once.
//!
//! Nothing is understood here. Every value comes as the text that PostgreSQL writes, whatever the column's type is in that installation
//! (its prices were text, numbers and `varchar`, its chat ids numbers and text), and a column that is not there is null.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;

use crate::postgres::Server;
use crate::writer::Failure;
use crate::{OpenError, url};

/// How many rows are in memory at once: a page has less than a megabyte.
pub const PAGE_ROWS: u32 = 1_000;

/// The session. `lock_timeout`: a read waits for nobody but an administrator who rebuilds a table. The transaction stays open between pages
/// as long as their rows take to be carried over. Dates in the one form that is read; times with a zone, if there are any, in UTC.
const SESSION: &str = "
SET default_transaction_read_only = on; SET statement_timeout = 0; SET lock_timeout = '10s';
SET idle_in_transaction_session_timeout = 0; SET \"DateStyle\" = 'ISO, YMD'; SET TimeZone = 'UTC';
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3;
BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A row of one of its tables, each value as text.
pub trait SourceRow: Sized + Send {
    /// The table.
    const TABLE: &'static str;
    /// The columns that are read, in the order of [`SourceRow::from_texts`].
    const COLUMNS: &'static [&'static str];
    /// Without these it is not the table that we know.
    const REQUIRED: &'static [&'static str];
    /// Columns of digits by which rows come in order, so that those about one thing come together, and in the same order at each run: where
    /// a row lies in the table changes whenever the predecessor writes to it.
    const ORDER: &'static [&'static str];
    /// Takes the values.
    fn from_texts(texts: impl FnMut() -> Option<String>) -> Self;
}

macro_rules! source_rows {
    ($($(#[$doc:meta])* $name:ident = $table:literal, requires [$($required:literal),*], in order of [$($order:literal),*] {
        $($(#[$field_doc:meta])* $field:ident,)*
    })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Default)]
            pub struct $name { $($(#[$field_doc])* pub $field: Option<String>,)* }

            impl SourceRow for $name {
                const TABLE: &'static str = $table;
                const COLUMNS: &'static [&'static str] = &[$(stringify!($field),)*];
                const REQUIRED: &'static [&'static str] = &[$($required),*];
                const ORDER: &'static [&'static str] = &[$($order),*];

                fn from_texts(mut texts: impl FnMut() -> Option<String>) -> Self {
                    Self { $($field: texts(),)* }
                }
            }
        )*
    };
}

source_rows! {
    /// A channel pair with its owner and what it sells.
    ClientRow = "main_clients_database", requires ["open_channel_id", "closed_channel_id"],
        in order of ["open_channel_id", "closed_channel_id"] {
        /// The public chat: the key there.
        open_channel_id,
        /// Its title.
        open_channel_title,
        /// The chat that is sold.
        closed_channel_id,
        /// Its title.
        closed_channel_title,
        /// Price of the first plan.
        sub_1_price,
        /// Its days.
        sub_1_time,
        /// Price of the second plan.
        sub_2_price,
        /// Its days.
        sub_2_time,
        /// Price of the third plan.
        sub_3_price,
        /// Its days.
        sub_3_time,
        /// The owner's wallet.
        client_wallet_address,
        /// Its coin.
        client_payout_currency,
        /// Its network.
        client_payout_network,
        /// Whose channel: an account of the predecessor's site, seldom a Telegram account.
        client_id,
        /// Whether the owner wanted to be told of sales.
        notification_status,
        /// The Telegram account that is told.
        notification_id,
    }

    /// A member, with the last payment.
    MemberRow = "private_channel_users_database", requires ["private_channel_id", "user_id"],
        in order of ["private_channel_id", "user_id", "id"] {
        /// The key, where the table has one.
        id,
        /// The chat that was sold; sometimes the public one.
        private_channel_id,
        /// Who.
        user_id,
        /// Days that were sold.
        sub_time,
        /// The price, as text.
        sub_price,
        /// Local time of the end.
        expire_time,
        /// Local date of the end.
        expire_date,
        /// Whether the predecessor lets the member in.
        is_active,
        /// What the predecessor made of the payment: `pending`, `confirmed`.
        payment_status,
        /// The provider's id of the payment.
        nowpayments_payment_id,
        /// The invoice.
        nowpayments_invoice_id,
        /// The order reference.
        nowpayments_order_id,
        /// The provider's word.
        nowpayments_payment_status,
        /// The amount to pay.
        nowpayments_pay_amount,
        /// Its coin.
        nowpayments_pay_currency,
        /// What the merchant got.
        nowpayments_outcome_amount,
        /// Its coin.
        nowpayments_outcome_currency,
        /// The price that was asked.
        nowpayments_price_amount,
        /// Its currency.
        nowpayments_price_currency,
        /// Whether the invite for this payment was sent: from `processed_payments`, null if it has no such payment.
        invite_sent,
        /// When it was processed, likewise.
        processed_at,
    }

    /// A payment that was processed.
    ProcessedRow = "processed_payments", requires ["payment_id"], in order of ["payment_id"] {
        /// The provider's id.
        payment_id,
        /// Who bought.
        user_id,
        /// The channel: the chat that was sold, sometimes the public one.
        channel_id,
        /// Whether the invite was sent.
        telegram_invite_sent,
        /// When it was processed.
        created_at,
    }
}

/// Why the predecessor's database could not be read. Says what to mend, and never shows the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is another database.
    #[error("{database} is no database of PayGatePrime: {what}")]
    Other {
        /// Which, without its password.
        database: String,
        /// What is missing.
        what: String,
    },
    /// Reading failed.
    #[error("cannot read {table}: {what}")]
    Read {
        /// Which table.
        table: &'static str,
        /// What is wrong.
        what: String,
    },
}

/// The predecessor's database, as it is at one instant.
pub struct Source {
    client: ClientWrapper,
    shown: String,
    has_processed: bool,
}

impl Source {
    /// Opens it and sees whether it has the tables: `postgres://…`, with the options of [`crate::open`].
    ///
    /// # Errors
    /// What to mend.
    pub async fn open(address: &str) -> Result<Self, SourceError> {
        let url::Address::Postgres(server) = url::parse(address)? else {
            let what =
                "PayGatePrime keeps its data in PostgreSQL: give an address that begins with postgres://";
            return Err(OpenError::Url(what.to_owned()).into());
        };
        Self::connect(&server).await
    }

    async fn connect(server: &Server) -> Result<Self, SourceError> {
        let client = server.connect(SESSION).await.map_err(|failure| server.unopened(&failure))?;
        let mut source = Self { client, shown: server.shown.clone(), has_processed: false };
        source.require::<ClientRow>().await?;
        source.require::<MemberRow>().await?;
        source.has_processed = !source.columns(ProcessedRow::TABLE).await?.is_empty();
        if source.has_processed {
            source.require::<ProcessedRow>().await?;
        }
        Ok(source)
    }

    /// Whether it has the table of processed payments; the oldest installations have none.
    #[must_use]
    pub fn has_processed_payments(&self) -> bool {
        self.has_processed
    }

    /// Where it is, without the password.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The channels.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn clients(&self) -> Result<Rows<'_, ClientRow>, SourceError> {
        let columns = self.columns(ClientRow::TABLE).await?;
        self.declare("", |column| has(&columns, column).then(|| text_of("t", column)), &columns).await
    }

    /// The members, those of one channel and user together.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn members(&self) -> Result<Rows<'_, MemberRow>, SourceError> {
        let columns = self.columns(MemberRow::TABLE).await?;
        let processed = self.columns(ProcessedRow::TABLE).await?;
        let joins = has(&columns, "nowpayments_payment_id") && has(&processed, "payment_id");
        let of_processed = |column: &str| {
            if joins && has(&processed, column) {
                format!("max({})", text_of("p", column))
            } else {
                "NULL".to_owned()
            }
        };
        let join = if joins {
            format!(
                " LEFT JOIN (SELECT btrim({}) AS payment_id, {} AS invite_sent, {} AS processed_at FROM processed_payments p GROUP BY 1) p \
                 ON p.payment_id = btrim({})",
                text_of("p", "payment_id"),
                of_processed("telegram_invite_sent"),
                of_processed("created_at"),
                text_of("t", "nowpayments_payment_id"),
            )
        } else {
            String::new()
        };
        let select = |column: &str| match column {
            "invite_sent" | "processed_at" => joins.then(|| format!("p.{column}")),
            _ => has(&columns, column).then(|| text_of("t", column)),
        };
        self.declare(&join, select, &columns).await
    }

    /// The payments that were processed; none where there is no such table.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn processed(&self) -> Result<Rows<'_, ProcessedRow>, SourceError> {
        if !self.has_processed {
            return Ok(Rows { source: self, row: std::marker::PhantomData, is_over: true });
        }
        let columns = self.columns(ProcessedRow::TABLE).await?;
        self.declare("", |column| has(&columns, column).then(|| text_of("t", column)), &columns).await
    }

    async fn declare<R: SourceRow>(
        &self,
        join: &str,
        select: impl Fn(&str) -> Option<String>,
        columns: &[String],
    ) -> Result<Rows<'_, R>, SourceError> {
        let list: Vec<String> = R::COLUMNS
            .iter()
            .map(|column| select(column).unwrap_or_else(|| "NULL::text".to_owned()))
            .collect();
        let digits = |column: &&&str| has(columns, column);
        let mut order: Vec<String> = R::ORDER
            .iter()
            .filter(digits)
            .map(|column| format!("regexp_replace({}, '[^0-9]', '', 'g')", text_of("t", column)))
            .collect();
        // Rows that are alike in all these still come in one order, as long as nobody writes to them.
        order.push("t.ctid".to_owned());
        let sql = format!(
            "DECLARE {table}_rows NO SCROLL CURSOR FOR SELECT {} FROM {table} t{join} ORDER BY {}",
            list.join(", "),
            order.join(", "),
            table = R::TABLE,
        );
        self.client.batch_execute(&sql).await.map_err(|error| read_failed::<R>(&error))?;
        Ok(Rows { source: self, row: std::marker::PhantomData, is_over: false })
    }

    async fn require<R: SourceRow>(&self) -> Result<(), SourceError> {
        let columns = self.columns(R::TABLE).await?;
        let other = |what| SourceError::Other { database: self.shown.clone(), what };
        if columns.is_empty() {
            return Err(other(format!("there is no table {}", R::TABLE)));
        }
        match R::REQUIRED.iter().find(|column| !has(&columns, column)) {
            Some(column) => Err(other(format!("the table {} has no column {column}", R::TABLE))),
            None => Ok(()),
        }
    }

    /// The columns of a table; none if there is no such table.
    async fn columns(&self, table: &'static str) -> Result<Vec<String>, SourceError> {
        let sql = "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1::text) AND attnum > 0 AND NOT attisdropped";
        let rows = self.client.query(sql, &[&table]).await;
        let rows = rows.map_err(|error| SourceError::Read { table, what: what_of(&error) })?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

fn has(columns: &[String], column: &str) -> bool {
    columns.iter().any(|known| known == column)
}

fn text_of(alias: &str, column: &str) -> String {
    format!("{alias}.\"{column}\"::text")
}

fn what_of(error: &tokio_postgres::Error) -> String {
    let failure: Failure = crate::postgres::failure(error);
    failure.what().to_owned()
}

fn read_failed<R: SourceRow>(error: &tokio_postgres::Error) -> SourceError {
    SourceError::Read { table: R::TABLE, what: what_of(error) }
}

/// The rows of a table, page by page.
pub struct Rows<'s, R> {
    source: &'s Source,
    row: std::marker::PhantomData<R>,
    is_over: bool,
}

impl<R: SourceRow> Rows<'_, R> {
    /// The next rows, at most [`PAGE_ROWS`]; none at the end.
    ///
    /// # Errors
    /// The connection is gone, or the table cannot be read.
    pub async fn next_page(&mut self) -> Result<Vec<R>, SourceError> {
        if self.is_over {
            return Ok(Vec::new());
        }
        let sql = format!("FETCH FORWARD {PAGE_ROWS} FROM {}_rows", R::TABLE);
        let rows = self.source.client.query(&sql, &[]).await.map_err(|error| read_failed::<R>(&error))?;
        self.is_over = rows.is_empty();
        rows.iter().map(read::<R>).collect()
    }
}

fn read<R: SourceRow>(row: &Row) -> Result<R, SourceError> {
    let mut place = 0;
    let mut wrong = None;
    let read = R::from_texts(|| {
        let text = row.try_get::<_, Option<String>>(place);
        place += 1;
        text.unwrap_or_else(|error| {
            wrong.get_or_insert(error);
            None
        })
    });
    wrong.map_or(Ok(read), |error| Err(read_failed::<R>(&error)))
}
