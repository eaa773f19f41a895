//! How answers are written: tables and blocks for people, one JSON document for programs.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use serde::Serialize;

/// Stands where there is nothing to show.
const NOTHING: &str = "-";

/// Between two columns, in characters.
const COLUMN_GAP: u16 = 2;

/// Writes a command's one answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Out {
    json: bool,
}

impl Out {
    /// For programs, or for people.
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether the answer is to be one JSON document.
    pub(super) fn is_for_programs(&self) -> bool {
        self.json
    }

    /// Writes an answer: `value` for programs, `text` for people.
    pub(super) fn answer<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> io::Result<()> {
        let mut line = if self.json { serde_json::to_string(value)? } else { text(value) };
        if !line.ends_with('\n') {
            line.push('\n');
        }
        // Whoever reads may have read enough (`| head`): that is no error.
        let mut stdout = io::stdout().lock();
        match stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

/// Tells what is wrong, on standard error.
pub(super) fn complain(sentence: &str) {
    to_stderr("error: ", sentence);
}

/// Tells something beside the answer, on standard error.
pub(super) fn hint(sentence: &str) {
    to_stderr("note: ", sentence);
}

fn to_stderr(before: &str, sentence: &str) {
    let sentence: Vec<String> = sentence.lines().map(plain).collect();
    // Where standard error is closed nobody can be told anything.
    let _ = writeln!(io::stderr().lock(), "{before}{}", sentence.join("\n"));
}

/// A table with a headline; `empty` where there is no row. Nothing is cut or wrapped, so that an id can be copied.
pub(super) fn table<const N: usize>(headline: [&str; N], rows: Vec<[String; N]>, empty: &str) -> String {
    if rows.is_empty() {
        return empty.to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headline);
    for row in rows {
        table.add_row(row.iter().map(|cell| plain(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, COLUMN_GAP));
    }
    table.trim_fmt()
}

/// Lines of a name and what it is.
pub(super) fn block(lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    lines.iter().fold(String::new(), |mut text, (name, what)| {
        let _ = writeln!(text, "{name:width$}  {}", plain(what));
        text
    })
}

/// A text without control characters: what others wrote must not steer the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// An instant for people, in UTC.
pub(super) fn when(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Something that may not be there.
pub(super) fn or_nothing(what: Option<impl ToString>) -> String {
    what.map_or_else(|| NOTHING.to_owned(), |what| what.to_string())
}

/// An instant that may not be there.
pub(super) fn when_or_nothing(at: Option<Timestamp>) -> String {
    or_nothing(at.map(when))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_does_not_steer_the_terminal() {
        assert!(!block(&[("title", "a\u{1b}[2Jb".to_owned())]).contains('\u{1b}'));
        assert!(!table(["T"], vec![["\u{1b}]0;x\u{7}".to_owned()]], "").contains('\u{1b}'));
    }

    #[test]
    fn an_empty_list_says_so() {
        assert_eq!(table(["ID"], Vec::new(), "No orders."), "No orders.");
    }
}
