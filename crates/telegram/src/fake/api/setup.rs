//! The bot itself, and how it gets its updates.

use frankenstein::types::AllowedUpdate;
use frankenstein::updates::WebhookInfo;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Params, to_result};
use crate::fake::entities::{BotCommand, CommandScope, CommandSet};
use crate::fake::render;
use crate::fake::texts::ApiError;
use crate::fake::webhook::Webhook;
use crate::fake::world::World;

/// Longest secret of a webhook: <https://core.telegram.org/bots/api#setwebhook>.
const SECRET_CHARS_MAX: usize = 256;
/// Longest command and its longest description: <https://core.telegram.org/bots/api#botcommand>.
const COMMAND_CHARS_MAX: usize = 32;
const COMMAND_DESCRIPTION_CHARS_MAX: usize = 256;

pub(super) fn get_me(world: &mut World, _now: Timestamp, _params: &Params) -> Result<Value, ApiError> {
    to_result(&render::me(&world.bot))
}

pub(super) fn set_my_commands(
    world: &mut World,
    _now: Timestamp,
    params: &Params,
) -> Result<Value, ApiError> {
    let commands: Vec<BotCommand> = params
        .json("commands")?
        .ok_or_else(|| ApiError::bad_request("can't parse commands: Expected an array"))?;
    for BotCommand { command, description } in &commands {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let is_command = (1..=COMMAND_CHARS_MAX).contains(&command.len()) && command.chars().all(allowed);
        if !is_command {
            return Err(ApiError::bad_request("BOT_COMMAND_INVALID"));
        }
        if !(1..=COMMAND_DESCRIPTION_CHARS_MAX).contains(&description.chars().count()) {
            return Err(ApiError::bad_request("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
    }
    world.replace_commands(params, commands)
}

pub(super) fn delete_my_commands(
    world: &mut World,
    _now: Timestamp,
    params: &Params,
) -> Result<Value, ApiError> {
    world.replace_commands(params, Vec::new())
}

pub(super) fn get_my_commands(
    world: &mut World,
    _now: Timestamp,
    params: &Params,
) -> Result<Value, ApiError> {
    let (scope, language) = commands_for(params)?;
    let is_it = |set: &&CommandSet| set.scope == scope && set.language_code == language;
    to_result(&world.commands.iter().find(is_it).map_or(&[][..], |set| &set.commands))
}

fn commands_for(params: &Params) -> Result<(CommandScope, String), ApiError> {
    let scope = params.json("scope")?.unwrap_or_default();
    Ok((scope, params.text("language_code").unwrap_or_default().to_owned()))
}

pub(super) fn set_webhook(world: &mut World, now: Timestamp, params: &Params) -> Result<Value, ApiError> {
    let Some(url) = params.text("url") else {
        return delete_webhook(world, now, params);
    };
    // Telegram demands https; the simulation lives on one machine and takes http too.
    let url = url::Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| ApiError::bad_request("bad webhook: An HTTPS URL must be provided for webhook"))?;
    let secret = params.text("secret_token").map(str::to_owned);
    let allowed_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if let Some(secret) = &secret {
        if secret.len() > SECRET_CHARS_MAX {
            return Err(ApiError::bad_request("secret token is too long"));
        }
        if !secret.chars().all(allowed_char) {
            return Err(ApiError::bad_request("secret token contains unallowed characters"));
        }
    }
    world.allow_updates(params)?;
    if params.flag("drop_pending_updates") {
        world.queue.clear();
    }
    world.webhook = Some(Webhook { url, secret, last_error: None });
    Ok(json!(true))
}

pub(super) fn delete_webhook(world: &mut World, _now: Timestamp, params: &Params) -> Result<Value, ApiError> {
    if params.flag("drop_pending_updates") {
        world.queue.clear();
    }
    world.webhook = None;
    Ok(json!(true))
}

pub(super) fn get_webhook_info(
    world: &mut World,
    _now: Timestamp,
    _params: &Params,
) -> Result<Value, ApiError> {
    let allowed: Vec<AllowedUpdate> =
        world.queue.allowed().iter().filter_map(|kind| serde_json::from_value(json!(kind)).ok()).collect();
    let webhook = world.webhook.as_ref();
    let error = webhook.and_then(|webhook| webhook.last_error.as_ref());
    let info = WebhookInfo::builder()
        .url(webhook.map_or("", |webhook| webhook.url.as_str()))
        .has_custom_certificate(false)
        .pending_update_count(u32::try_from(world.queue.len()).unwrap_or(u32::MAX))
        .maybe_last_error_date(error.map(|(at, _)| render::seconds(*at)))
        .maybe_last_error_message(error.map(|(_, text)| text.as_str()))
        .maybe_allowed_updates((!allowed.is_empty()).then_some(allowed))
        .build();
    to_result(&info)
}

impl World {
    /// The commands of one scope and language; none is none.
    fn replace_commands(&mut self, params: &Params, commands: Vec<BotCommand>) -> Result<Value, ApiError> {
        let (scope, language_code) = commands_for(params)?;
        self.commands.retain(|set| set.scope != scope || set.language_code != language_code);
        if !commands.is_empty() {
            self.commands.push(CommandSet { scope, language_code, commands });
        }
        Ok(json!(true))
    }

    /// Takes `allowed_updates` if it is there: absent keeps the former setting, an empty list is the default set.
    pub(in crate::fake) fn allow_updates(&mut self, params: &Params) -> Result<(), ApiError> {
        if let Some(kinds) = params.json::<Vec<String>>("allowed_updates")? {
            self.queue.allow(kinds);
        }
        Ok(())
    }
}
