//! Coming over from PayGatePrime: its rows are understood here, one by one, and become commands that the rules decide. Nothing is
//! written here, and nothing of a row is guessed: what cannot be understood is reported, with what to do about it.
//!
//! Where its data can be read in two ways the member's way is taken: a local time that a change of clocks makes ambiguous is the later one,
//! a day without a time ends with the day.

mod channels;
mod finding;
mod instant;
mod members;
mod payments;
mod run;
mod target;
pub(crate) mod text;

pub use finding::{Finding, Why};
pub use run::{Counts, ImportError, Report, Terms, run};
pub use target::Target;
