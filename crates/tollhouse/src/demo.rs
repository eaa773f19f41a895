//! `tollhouse demo`: the real `serve` over real HTTP, between a simulated NOWPayments and a simulated Telegram that share its clock.
//!
//! Headless it plays what the project was written for, says what happened, and holds each outcome against what was promised, as it is
//! seen from outside: Telegram's members and messages, the buyers' pages, the answers to programs. Otherwise it opens a small shop and
//! leaves the playing to a person.

mod browser;
mod guide;
mod incident;
mod interactive;
mod purchases;
mod seasons;
mod shop;
mod stage;
mod story;
mod timeline;
mod troubles;

use std::io::Write;
use std::net::SocketAddr;

use story::Story;
use timeline::Timeline;
pub use timeline::{Promise, Scene, Told};

use crate::cli::logging::may_colour;
use crate::serve::signalled;

/// How the demo is run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Play by itself and end; else show the pages and wait to be told to end.
    pub headless: bool,
    /// Where Tollhouse's own pages are.
    pub listen: SocketAddr,
}

/// Plays the headless demo, tells what happens on standard error, and gives what was promised; `None` if it was told to end before.
///
/// # Errors
/// As for [`run`].
pub async fn play(listen: SocketAddr) -> anyhow::Result<Option<Told>> {
    let out = std::io::stderr();
    let is_coloured = may_colour(&out);
    play_to(listen, Timeline::new(Box::new(out), is_coloured)).await
}

async fn play_to(listen: SocketAddr, timeline: Timeline) -> anyhow::Result<Option<Told>> {
    let play = async {
        let story = Story::prepare(listen, timeline).await?;
        Ok(Some(Box::pin(story.play()).await))
    };
    tokio::select! {
        told = play => told,
        // The story goes with its stage, and the stage with its folder.
        () = signalled() => Ok(None),
    }
}

/// Runs the demo and writes what happens to standard output. Whether every outcome was as promised.
///
/// # Errors
/// It could not be set up: an address that is taken, a folder that cannot be made.
pub async fn run(options: Options) -> anyhow::Result<bool> {
    let out = std::io::stdout();
    let is_coloured = may_colour(&out);
    run_to(options, Box::new(out), is_coloured).await
}

/// Runs the demo and writes what happens to `out`, with colours or without. Whether every outcome was as promised.
///
/// # Errors
/// As for [`run`].
pub async fn run_to(options: Options, out: Box<dyn Write + Send>, is_coloured: bool) -> anyhow::Result<bool> {
    if options.headless {
        let told = play_to(options.listen, Timeline::new(out, is_coloured)).await?;
        Ok(told.is_some_and(|told| told.as_promised))
    } else {
        interactive::run(options.listen, out).await?;
        Ok(true)
    }
}
