//! Updates posted to the bot, one after the other.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::shared::Shared;

/// The header that carries the secret: <https://core.telegram.org/bots/api#setwebhook>.
const SECRET_HEADER: &str = "X-Telegram-Bot-Api-Secret-Token";
/// How long the bot may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long after a failure an update is posted again; Telegram waits longer each time, which a simulation need not.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// Where updates are posted.
#[derive(Clone, Debug)]
pub(super) struct Webhook {
    pub(super) url: Url,
    pub(super) secret: Option<String>,
    pub(super) last_error: Option<(Timestamp, String)>,
}

/// Posts what waits, for as long as the simulation lives.
pub(super) async fn deliver(shared: Arc<Shared>) {
    let mut client = None;
    let mut changes = shared.changes();
    loop {
        changes.borrow_and_update();
        let next = shared.read(|world| world.webhook.clone().zip(world.queue.peek(1).pop()));
        let Some((webhook, update)) = next else {
            tokio::select! {
                _ = changes.changed() => continue,
                () = shared.until_stopped() => return,
            }
        };
        // Reading the machine's root certificates takes a while, and most simulations never post anything.
        let client = client.get_or_insert_with(new_client);
        let outcome = tokio::select! {
            outcome = post(client, &webhook, &update) => outcome,
            () = shared.until_stopped() => return,
        };
        match outcome {
            Ok(()) => {
                let confirmed = update["update_id"].as_i64().map_or(0, |id| id + 1);
                shared.act(|world, _now| world.queue.confirm(confirmed));
            }
            Err(reason) => {
                shared.act(|world, now| {
                    if let Some(webhook) = &mut world.webhook {
                        webhook.last_error = Some((now, reason));
                    }
                });
                tokio::select! {
                    () = tokio::time::sleep(RETRY_DELAY) => {}
                    () = shared.until_stopped() => return,
                }
            }
        }
    }
}

fn new_client() -> reqwest::Client {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

async fn post(client: &reqwest::Client, webhook: &Webhook, update: &Value) -> Result<(), String> {
    let mut request = client.post(webhook.url.clone()).timeout(ANSWER_TIMEOUT).json(update);
    if let Some(secret) = &webhook.secret {
        request = request.header(SECRET_HEADER, secret);
    }
    #[expect(clippy::disallowed_methods, reason = "the simulation plays Telegram's side of the webhook")]
    let answer = request.send().await.map_err(|error| error.without_url().to_string())?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("Wrong response from the webhook: {status}")) }
}
