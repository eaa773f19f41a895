//! Changes of a corpus: what a file becomes when bytes flip, go, come, repeat, or are taken from another file.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Most changes of one input.
const CHANGES_MAX: usize = 6;
/// Longest piece that goes, repeats or is taken over, in bytes.
const PIECE_BYTES_MAX: usize = 48;

/// Pieces that readers of numbers, JSON, TOML and references know, and what often breaks them.
const WORDS: &[&str] = &[
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "-",
    "+",
    ".",
    "e",
    "E",
    "e-",
    "e+400",
    "0",
    "00",
    "-0",
    "1",
    "9",
    "null",
    "true",
    "\\u0000",
    "\\ud800",
    "\\",
    "\u{0}",
    " ",
    "\n",
    "\t",
    "_",
    "=",
    "|",
    "PGP-",
    "ord_",
    "p_",
    "o_",
    "\u{feff}",
    "\u{202e}",
    "é",
    "💰",
    "79228162514264337593543950336",
    "-9223372036854775808",
    "9007199254740993",
    "0.0000000000000000000000000001",
    "\"payment_id\":",
];

#[derive(Debug, Clone)]
enum Change {
    Flip(Index, u8),
    Set(Index, u8),
    Remove(Index, usize),
    Repeat(Index, usize),
    Insert(Index, &'static str),
    Replace(Index, usize, &'static str),
    Take { from: Index, at: Index, length: usize, to: Index },
    Cut(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let length = 1..PIECE_BYTES_MAX;
    prop_oneof![
        2 => (any::<Index>(), 0_u8..8).prop_map(|(at, bit)| Change::Flip(at, 1 << bit)),
        1 => any::<(Index, u8)>().prop_map(|(at, byte)| Change::Set(at, byte)),
        2 => (any::<Index>(), length.clone()).prop_map(|(at, length)| Change::Remove(at, length)),
        1 => (any::<Index>(), length.clone()).prop_map(|(at, length)| Change::Repeat(at, length)),
        3 => (any::<Index>(), select(WORDS)).prop_map(|(at, word)| Change::Insert(at, word)),
        2 => (any::<Index>(), 1..6_usize, select(WORDS))
            .prop_map(|(at, length, word)| Change::Replace(at, length, word)),
        1 => (any::<[Index; 3]>(), length)
            .prop_map(|([from, at, to], length)| Change::Take { from, at, length, to }),
        1 => any::<Index>().prop_map(Change::Cut),
    ]
}

/// An input of the corpus, changed a few times.
pub fn changed(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (any::<Index>(), vec(change(), 0..=CHANGES_MAX)).prop_map(move |(which, changes)| {
        let mut input = corpus[which.index(corpus.len())].clone();
        for change in changes {
            apply(&mut input, change, &corpus);
        }
        input
    })
}

fn apply(input: &mut Vec<u8>, change: Change, corpus: &[Vec<u8>]) {
    // A place between two bytes or at either end.
    let place = |at: Index, input: &[u8]| at.index(input.len() + 1);
    let piece = |start: usize, length: usize, input: &[u8]| start..(start + length).min(input.len());
    match change {
        Change::Flip(at, mask) if !input.is_empty() => {
            let at = at.index(input.len());
            input[at] ^= mask;
        }
        Change::Set(at, byte) if !input.is_empty() => {
            let at = at.index(input.len());
            input[at] = byte;
        }
        Change::Flip(..) | Change::Set(..) => {}
        Change::Remove(at, length) => {
            let range = piece(place(at, input), length, input);
            input.drain(range);
        }
        Change::Repeat(at, length) => {
            let range = piece(place(at, input), length, input);
            let copy = input[range.clone()].to_vec();
            input.splice(range.start..range.start, copy);
        }
        Change::Insert(at, word) => {
            let at = place(at, input);
            input.splice(at..at, word.bytes());
        }
        Change::Replace(at, length, word) => {
            let range = piece(place(at, input), length, input);
            input.splice(range, word.bytes());
        }
        Change::Take { from, at, length, to } => {
            let other = &corpus[from.index(corpus.len())];
            let range = piece(place(at, other), length, other);
            let to = place(to, input);
            input.splice(to..to, other[range].iter().copied());
        }
        Change::Cut(at) => input.truncate(place(at, input)),
    }
}
