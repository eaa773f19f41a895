//! Trouble on demand, for whoever runs the simulation: what fails next, and what the bot has called.

use maud::{Markup, html};

use super::form::Form;
use super::layout::{self, Shell};
use crate::fake::api::{self, GET_UPDATES};
use crate::fake::entities::{Call, CallOutcome};
use crate::fake::faults::{ANY_METHOD, Fault, What, When};
use crate::fake::shared::Shared;
use crate::fake::world::World;

/// Most times that one press makes something fail.
const TIMES_MAX: usize = 1_000;
/// Longest time that a 429 asks for, in seconds.
const RETRY_AFTER_SECONDS_MAX: u32 = 3_600;
/// How many calls are listed.
const CALLS_SHOWN: usize = 40;

/// What can go wrong, by the name in the form.
const KINDS: [(&str, &str); 9] = [
    ("429", "429: too many requests, retry later"),
    ("403", "403: bot was blocked by the user"),
    ("400", "400: chat not found"),
    ("500", "500: internal server error"),
    ("502", "502: a proxy's page instead of an answer"),
    ("hang_before", "No answer, and nothing is done"),
    ("hang_after", "No answer, but it is done"),
    ("close_before", "The connection breaks, and nothing is done"),
    ("close_after", "The connection breaks, but it is done"),
];

/// Does what the form says.
pub(super) fn act(world: &mut World, form: &Form) -> Result<(), String> {
    match form.text("act") {
        Some("clear") => {
            world.faults.clear();
            Ok(())
        }
        Some("fail") => {
            let number =
                |name: &str| form.text(name).and_then(|text| text.parse::<usize>().ok()).filter(|n| *n > 0);
            let times =
                number("times").filter(|times| *times <= TIMES_MAX).ok_or("how often: from 1 to 1000")?;
            let seconds = number("seconds").and_then(|seconds| u32::try_from(seconds).ok());
            let seconds = seconds.filter(|seconds| *seconds <= RETRY_AFTER_SECONDS_MAX);
            let fault = match form.text("kind").unwrap_or_default() {
                "429" => Fault::too_many_requests(seconds.ok_or("how long: from 1 to 3600 seconds")?),
                "403" => Fault::answer(403, "Forbidden: bot was blocked by the user"),
                "400" => Fault::answer(400, "Bad Request: chat not found"),
                "500" => Fault::server_error(),
                "502" => Fault::bad_gateway(),
                "hang_before" => Fault::hang_before(),
                "hang_after" => Fault::hang_after(),
                "close_before" => Fault::close_before(),
                "close_after" => Fault::close_after(),
                other => return Err(format!("there is no failure {other}")),
            };
            let method = form.text("method").unwrap_or(ANY_METHOD);
            let is_known = [ANY_METHOD, GET_UPDATES].contains(&method) || api::find(method).is_some();
            if !is_known {
                return Err(format!("there is no method {method}"));
            }
            world.faults.add(method, &fault, times);
            Ok(())
        }
        _ => Err("there is no such act".to_owned()),
    }
}

pub(super) fn page(shared: &Shared, refused: Option<&str>) -> Markup {
    let links = shared.page_links();
    let body = shared.read(|world| content(world, refused));
    layout::page(&Shell { title: "Trouble", events: "/trouble/events", links: &links, is_app: false }, &body)
}

fn content(world: &World, refused: Option<&str>) -> Markup {
    let waiting: Vec<(&str, &Fault)> = world.faults.waiting().collect();
    let calls: Vec<&Call> = world.calls().collect();
    html! {
        main.plain id="app" {
            @if let Some(refused) = refused { p.refused role="alert" { (refused) } }
            h1 { "Trouble on demand" }
            p.soft { "Let Telegram fail for the bot, and see that nobody loses anything by it." }
            section.sheet {
                h2 { "Let something fail" }
                form.line-form method="post" action="/trouble" {
                    input type="hidden" name="act" value="fail";
                    label { "Call" select name="method" {
                        option value=(ANY_METHOD) { "whatever comes next" }
                        @for name in api::names() { option value=(name) { (name) } }
                        option value=(GET_UPDATES) { (GET_UPDATES) }
                    } }
                    label.wide { "How" select name="kind" { @for (name, words) in KINDS { option value=(name) { (words) } } } }
                    label { "How often" input type="number" name="times" value="1" min="1" max=(TIMES_MAX); }
                    label { "Retry after, seconds (429)" input type="number" name="seconds" value="3" min="1" max=(RETRY_AFTER_SECONDS_MAX); }
                    button.go { "Let it fail" }
                }
            }
            section.sheet id="waiting" {
                h2 { "What will fail" }
                @if waiting.is_empty() { p.soft { "Nothing: every call is answered as it should be." } }
                @else {
                    ul.plain { @for (method, fault) in &waiting { li { code { (method) } span { (words(fault)) } } } }
                    (layout::act("/trouble", "clear", "Let everything work again", &[]))
                }
            }
            section.sheet id="calls" {
                h2 { "What the bot called" }
                p.soft { (world.updates_waiting()) " updates wait for the bot" @if let Some(webhook) = &world.webhook { ", which are posted to " (webhook.url) } "." }
                div.table tabindex="0" role="region" aria-label="Calls" {
                    table {
                        thead { tr { th scope="col" { "At" } th scope="col" { "Call" } th scope="col" { "Came to" } } }
                        tbody {
                            @for call in calls.iter().rev().take(CALLS_SHOWN) {
                                tr id={ "call" (call.number) } {
                                    td { (call.at.strftime("%H:%M:%S")) } td { code { (call.method) } } td { (came_to(&call.outcome)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn words(fault: &Fault) -> String {
    let done = if fault.when == When::After { ", but it is done" } else { "" };
    match &fault.what {
        What::Answer { code, description, .. } => format!("{code} {description}{done}"),
        What::Garbage { code } => format!("{code} with a proxy's page{done}"),
        What::Hang => format!("no answer{done}"),
        What::Close => format!("a connection that breaks{done}"),
    }
}

fn came_to(outcome: &CallOutcome) -> Markup {
    match outcome {
        CallOutcome::Done => html! { span.fine { "done" } },
        CallOutcome::Refused { code, description } => html! { span.wrong { (code) " " (description) } },
        CallOutcome::Hidden { done: true } => html! { span.wrong { "done, but not answered" } },
        CallOutcome::Hidden { done: false } => html! { span.wrong { "not answered" } },
    }
}
