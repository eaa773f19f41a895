//! What the demo tells: who does what, when, and which promise was kept.

use std::fmt::Display;
use std::io::Write;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::clock::Clock;

/// Width of the column that says when, in characters: `30 d 00 h` and room.
const WHEN_WIDTH: usize = 9;
/// Width of the column that says who, in characters: `NOWPayments`.
const WHO_WIDTH: usize = 11;

/// Writes the story down and counts the promises.
pub(super) struct Timeline {
    out: Box<dyn Write + Send>,
    is_coloured: bool,
    clock: Clock,
    began: Timestamp,
    began_really: Instant,
    told: Told,
}

/// What a story came to, for programs.
#[derive(Debug, Default, Serialize)]
pub struct Told {
    /// Whether there was a promise and every one was kept.
    pub as_promised: bool,
    /// How many were kept.
    pub kept: u32,
    /// How many were not.
    pub broken: u32,
    /// The chapters, in their order.
    pub scenes: Vec<Scene>,
}

/// A chapter.
#[derive(Debug, Serialize)]
pub struct Scene {
    /// What it is about.
    pub title: String,
    /// What was promised in it.
    pub promises: Vec<Promise>,
}

/// A promise, held against what was seen.
#[derive(Debug, Serialize)]
pub struct Promise {
    /// What was promised.
    pub promise: String,
    /// Whether it was kept.
    pub kept: bool,
    /// What was seen instead; `null` if it was kept.
    pub seen: Option<String>,
}

#[derive(Clone, Copy)]
enum Colour {
    Bold,
    Dim,
    Green,
    Red,
}

impl Timeline {
    pub(super) fn new(out: Box<dyn Write + Send>, is_coloured: bool) -> Self {
        let clock = Clock::default();
        let began = clock.now();
        Self { out, is_coloured, clock, began, began_really: Instant::now(), told: Told::default() }
    }

    /// The clock that the story runs by.
    pub(super) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// A line of its own.
    pub(super) fn line(&mut self, text: impl Display) {
        // Whoever closed the output does not read it; the demo is judged by how it ends.
        let _ = writeln!(self.out, "{text}");
        let _ = self.out.flush();
    }

    /// A new chapter.
    pub(super) fn act(&mut self, title: &str) {
        self.told.scenes.push(Scene { title: title.to_owned(), promises: Vec::new() });
        let heading = self.paint(Colour::Bold, &format!("{}. {title}", self.told.scenes.len()));
        self.line(format_args!("\n{heading}"));
    }

    /// Somebody does something.
    pub(super) fn tell(&mut self, who: &str, what: impl Display) {
        let when = elapsed(self.clock.now().duration_since(self.began));
        let when = self.paint(Colour::Dim, &format!("{when:>WHEN_WIDTH$}"));
        self.line(format_args!("{when}  {who:<WHO_WIDTH$}  {what}"));
    }

    /// Holds a promise against what was seen.
    pub(super) fn promise(&mut self, is_kept: bool, promise: impl Display, seen: impl Display) {
        let (mark, colour) = if is_kept { ("✓", Colour::Green) } else { ("✗", Colour::Red) };
        let mark = self.paint(colour, mark);
        self.line(format_args!("{:WHEN_WIDTH$}  {mark} {promise}", ""));
        let promise = promise.to_string();
        let seen = (!is_kept).then(|| seen.to_string());
        if let Some(seen) = &seen {
            self.told.broken += 1;
            let seen = self.paint(colour, seen);
            self.line(format_args!("{:WHEN_WIDTH$}    but: {seen}", ""));
        } else {
            self.told.kept += 1;
        }
        if let Some(scene) = self.told.scenes.last_mut() {
            scene.promises.push(Promise { promise, kept: is_kept, seen });
        }
    }

    /// The last line, and all that was promised.
    pub(super) fn sum_up(&mut self) -> Told {
        let (kept, broken) = (self.told.kept, self.told.broken);
        let is_kept = broken == 0 && kept > 0;
        self.told.as_promised = is_kept;
        let summary = format!("{kept} promises kept, {broken} broken");
        let summary = self.paint(if is_kept { Colour::Green } else { Colour::Red }, &summary);
        let told = elapsed(self.clock.now().duration_since(self.began));
        let took = self.began_really.elapsed().as_secs_f64();
        self.line(format_args!("\n{told} of story in {took:.1} s. To play it yourself: tollhouse demo"));
        self.line(summary);
        std::mem::take(&mut self.told)
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if !self.is_coloured {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Bold => 1,
            Colour::Dim => 2,
            Colour::Green => 32,
            Colour::Red => 31,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// A time since the beginning, as exact as a reader of that moment cares.
fn elapsed(time: SignedDuration) -> String {
    let millis = time.as_millis().max(0);
    let seconds = millis / 1000;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    if seconds < 60 {
        format!("{seconds}.{:03} s", millis % 1000)
    } else if hours < 1 {
        format!("{minutes} m {:02} s", seconds % 60)
    } else if hours < 24 {
        format!("{hours} h {:02} m", minutes % 60)
    } else {
        format!("{} d {:02} h", hours / 24, hours % 24)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        let cases = [
            (41, "0.041 s"),
            (59_999, "59.999 s"),
            (61_000, "1 m 01 s"),
            (3_600_000, "1 h 00 m"),
            (86_400_000, "1 d 00 h"),
        ];
        for (millis, text) in cases {
            assert_eq!(elapsed(SignedDuration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_broken_promise_is_counted_and_says_what_was_seen() {
        let mut told = Timeline::new(Box::new(std::io::sink()), false);
        assert!(!told.sum_up().as_promised, "a story without a promise kept none");
        told.promise(true, "one", "");
        assert!(told.sum_up().as_promised);
        told.act("The end");
        told.promise(true, "one", "");
        told.promise(false, "two", "three");
        let told = told.sum_up();
        assert!(!told.as_promised);
        assert_eq!((told.kept, told.broken), (1, 1));
        let two = &told.scenes[0].promises[1];
        assert_eq!((two.kept, two.seen.as_deref()), (false, Some("three")));
    }
}
