//! What every page has around it.

use maud::{DOCTYPE, Markup, html};

use super::Shown;

/// How often a page that follows along loads itself again, in seconds.
const LIVE_SECONDS: u32 = 2;

const STYLE: &str = "
body{margin:0;font:15px/1.45 system-ui,sans-serif;background:#e8eef3;color:#16202a}
.sim{background:#8a4b00;color:#fff;padding:.5rem 1rem;font-weight:600}
main{max-width:46rem;margin:0 auto;padding:1rem}
section{background:#fff;border-radius:.6rem;padding:.8rem 1rem;margin:0 0 1rem}
h1{font-size:1.3rem}h2{font-size:1.05rem;margin:.2rem 0 .6rem}
.post{max-width:80%;margin:.4rem 0;padding:.5rem .7rem;border-radius:.7rem;background:#eef2f5;white-space:pre-wrap;overflow-wrap:anywhere}
.own{margin-left:auto;background:#dff3d6}.meta{color:#52606d;font-size:.8rem}
.row{display:flex;flex-wrap:wrap;gap:.4rem;align-items:center;margin:.3rem 0}
button,.button{font:inherit;border:1px solid #2f6ea5;background:#2f6ea5;color:#fff;border-radius:.4rem;padding:.3rem .7rem;text-decoration:none;display:inline-block}
.quiet{background:#fff;color:#24527a}input,select{font:inherit;padding:.3rem;border:1px solid #8a98a5;border-radius:.4rem}
.refused{background:#fbe3e1;border:1px solid #b3261e}.dialog{border:2px solid #2f6ea5}
form{display:inline-flex;flex-wrap:wrap;gap:.4rem;align-items:center;margin:.2rem 0}";

pub(super) fn page(title: &str, shown: &Shown, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if shown.live.is_some() { meta http-equiv="refresh" content=(LIVE_SECONDS); }
                title { (title) " - Simulated Telegram" }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                div.sim role="note" { "Simulated Telegram: nobody here is real, and nothing here reaches telegram.org." }
                main {
                    @if let Some(refused) = &shown.refused { section.refused role="alert" { "Telegram says: " (refused) } }
                    (body)
                }
            }
        }
    }
}

/// A form of one button.
pub(super) fn act(action: &str, act: &str, label: &str, fields: &[(&str, &str)]) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name="act" value=(act);
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button { (label) }
        }
    }
}
