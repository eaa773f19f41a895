//! The buyer's pages in a real browser: each state is reached through the simulated provider and Telegram, and must be seen on the page without
//! a reload.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod chromium;
mod clickable;
mod house;
mod links;
mod path;
mod screenshots;
mod served;
mod states;
mod steady;
#[path = "../town/mod.rs"]
mod town;
mod walls;
mod way;

use chromium::{Browser, Looks};
use serde_json::json;

/// Marks the window, so that a reload cannot go unnoticed.
const MARK: &str = "window.marked = true";
/// Pages must look right down to this width, in pixels.
const NARROWEST: u32 = 320;
/// What a page may weigh on the wire with all that it loads, heads of the answers included, in bytes.
const PAGE_BYTES_MAX: u64 = 60_000;

const NARROW: Looks = Looks { width: NARROWEST, height: 640, ..Looks::PHONE };

/// What must hold of every page, of the simulated provider's and of the simulated Telegram's, too.
async fn check_simulated(browser: &Browser, state: &str) {
    browser.check_accessibility(state).await;
    let overflow = browser
        .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        .await;
    assert_eq!(overflow, json!(0), "{state}: nothing is wider than the window");
    // One page and one origin (F20), and nothing of it from anybody else (S36).
    let foreign = browser
        .run("return performance.getEntriesByType('resource').map((r) => r.name).filter((name) => !name.startsWith(location.origin + '/'))")
        .await;
    assert_eq!(foreign, json!([]), "{state}: everything comes from our own origin");
    for id in browser.run("return [...document.querySelectorAll('#qr')].map((qr) => qr.checkVisibility() ? qr.dataset.holds : null)").await.as_array().unwrap() {
        if let Some(holds) = id.as_str() {
            assert_eq!(browser.scan("#qr").await, holds, "{state}: a camera reads what the page says");
        }
    }
}

/// What must hold in every state of a page of ours.
async fn check(browser: &Browser, state: &str) {
    check_simulated(browser, state).await;
    // Nothing in it that the policy of the page forbids.
    let inline = browser
        .run("return [...document.querySelectorAll('style, [style], script:not([src]), base, iframe, object')].map((e) => e.outerHTML)")
        .await;
    assert_eq!(inline, json!([]), "{state}: no inline style or script");
    let bytes = browser.weigh().await;
    assert!(bytes < PAGE_BYTES_MAX, "{state}: {bytes} bytes on the wire");
}

async fn has_stayed(browser: &Browser) {
    assert_eq!(
        browser.run("return window.marked === true").await,
        json!(true),
        "the page was never loaded again"
    );
}

fn order_in(url: &str) -> String {
    url.rsplit_once("/o/").unwrap().1.to_owned()
}
