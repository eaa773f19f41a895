//! The statement as a file: CSV for a spreadsheet, JSON for a program.

use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use tollhouse_core::money::Money;

use super::{Row, Statement};
use crate::view;

/// The columns of a CSV file. New ones come at the end.
const COLUMNS: [&str; 30] = [
    "payment_id",
    "created_at",
    "provider_status",
    "recorded_status",
    "parent_payment_id",
    "price_amount",
    "price_currency",
    "paid_amount",
    "paid_currency",
    "outcome_amount",
    "outcome_currency",
    "order_ref",
    "order_id",
    "order_state",
    "order_price_amount",
    "order_price_currency",
    "channel_id",
    "channel",
    "telegram_user",
    "grant_id",
    "granted_at",
    "revoked_at",
    "membership_id",
    "membership_status",
    "membership_ends_at",
    "attention",
    "differences",
    "explained",
    "sentences",
    "order_kind",
];

/// In which form a statement is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One line for each row, under a headline.
    Csv,
    /// The whole statement as one document.
    Json,
}

/// The file's name does not say in which form it is to be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a report is written as .csv or .json, and {0:?} ends with neither")]
pub struct UnknownFormat(String);

impl Format {
    /// The form that a file's name asks for.
    ///
    /// # Errors
    /// It ends with neither `.csv` nor `.json`.
    pub fn of(path: &Path) -> Result<Self, UnknownFormat> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            Some("csv") => Ok(Self::Csv),
            Some("json") => Ok(Self::Json),
            _ => Err(UnknownFormat(path.display().to_string())),
        }
    }
}

impl Statement {
    /// Writes the statement into a file, which is there whole or as it was before.
    ///
    /// # Errors
    /// The system's.
    pub fn save(&self, path: &Path, format: Format) -> io::Result<()> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let written = std::fs::File::create(&part).and_then(|file| {
            let mut file = io::BufWriter::new(file);
            self.write(&mut file, format)?;
            file.flush()?;
            file.get_ref().sync_all()
        });
        match written.and_then(|()| std::fs::rename(&part, path)) {
            Ok(()) => Ok(()),
            Err(error) => {
                // Half a statement helps nobody; that it cannot be removed either says nothing new.
                let _ = std::fs::remove_file(&part);
                Err(error)
            }
        }
    }

    fn write(&self, to: &mut impl Write, format: Format) -> io::Result<()> {
        match format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut *to, self)?;
                to.write_all(b"\n")
            }
            Format::Csv => {
                let mut csv = csv::Writer::from_writer(to);
                csv.write_record(COLUMNS)?;
                for row in &self.rows {
                    csv.write_record(cells(row))?;
                }
                csv.flush()
            }
        }
    }
}

fn cells(row: &Row) -> [String; 30] {
    let kinds: Vec<&str> = row.differences.iter().map(|difference| difference.kind.as_str()).collect();
    let sentences: Vec<&str> =
        row.differences.iter().map(|difference| difference.sentence.as_str()).collect();
    let text = |text: Option<&str>| text.map_or_else(String::new, harmless);
    [
        row.provider_payment_id.map(view::payment_id).unwrap_or_default(),
        when(row.created_at),
        text(row.provider_status.as_ref().map(|status| status.as_str())),
        text(row.recorded_status.as_ref().map(|status| status.as_str())),
        row.parent_payment_id.map(view::payment_id).unwrap_or_default(),
        amount(row.price.as_ref()),
        currency(row.price.as_ref()),
        amount(row.paid.as_ref()),
        currency(row.paid.as_ref()),
        amount(row.outcome.as_ref()),
        currency(row.outcome.as_ref()),
        text(row.order_ref.as_deref()),
        shown(row.order_id),
        row.order_state.map_or_else(String::new, |state| state.as_str().to_owned()),
        amount(row.order_price.as_ref()),
        currency(row.order_price.as_ref()),
        shown(row.channel_id),
        text(row.channel.as_deref()),
        shown(row.telegram_user),
        shown(row.grant_id),
        when(row.granted_at),
        when(row.revoked_at),
        shown(row.membership_id),
        row.membership_status.map_or_else(String::new, |status| status.as_str().to_owned()),
        when(row.membership_ends_at),
        row.attention.join("; "),
        kinds.join("; "),
        if row.differences.is_empty() {
            ""
        } else if row.is_explained() {
            "yes"
        } else {
            "no"
        }
        .to_owned(),
        harmless(&sentences.join(" ")),
        row.order_kind.map_or_else(String::new, |kind| kind.as_str().to_owned()),
    ]
}

fn shown(what: Option<impl ToString>) -> String {
    what.map(|what| what.to_string()).unwrap_or_default()
}

fn when(at: Option<Timestamp>) -> String {
    shown(at)
}

fn amount(money: Option<&Money>) -> String {
    shown(money.map(|money| money.amount))
}

fn currency(money: Option<&Money>) -> String {
    shown(money.map(|money| &money.currency))
}

/// What others wrote must not be a formula where the file is opened: a spreadsheet takes a cell for one by its first character.
fn harmless(text: &str) -> String {
    let is_formula = text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r']);
    if is_formula { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_says_how_it_is_written() {
        assert_eq!(Format::of(Path::new("a/June.CSV")), Ok(Format::Csv));
        assert_eq!(Format::of(Path::new("june.json")), Ok(Format::Json));
        for wrong in ["june", "june.xlsx", ".csv"] {
            assert!(Format::of(Path::new(wrong)).unwrap_err().to_string().contains(wrong), "{wrong}");
        }
    }

    #[test]
    fn what_others_wrote_is_no_formula() {
        for text in ["=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(A1)", " =1", "\t=1"] {
            assert!(harmless(text).starts_with('\''), "{text}");
        }
        assert_eq!(harmless("PGP-7|-1001"), "PGP-7|-1001");
    }
}
