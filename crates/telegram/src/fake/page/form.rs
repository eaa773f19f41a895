//! What a form says, as an [`Act`].

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::view::{Panel, View};
use crate::fake::control::Act;
use crate::fake::world::World;
use crate::ids::{ChatId, UserId};

/// Fields that are numbers in an [`Act`].
const NUMBERS: [&str; 4] = ["chat", "user", "message", "id"];
/// Fields that are yes or no in an [`Act`].
const FLAGS: [&str; 2] = ["approve", "creates_join_request"];
/// A ticked box, one for each right that is given; its value is the Bot API's name of the right.
pub(super) const RIGHT_FIELD: &str = "right";

/// Where the numbers of people made here start.
const FIRST_USER: i64 = 1001;
/// Where the numbers of channels and supergroups made here start, downwards.
const FIRST_CHANNEL: i64 = -1_000_000_001_001;
/// Where the numbers of basic groups made here start, downwards.
const FIRST_GROUP: i64 = -1_001;
/// Below this a number is not one of a basic group.
const GROUP_MIN: i64 = -1_000_000_000_000;

/// The fields of a form in their order.
#[derive(Debug)]
pub(super) struct Form {
    fields: Vec<(String, String)>,
    /// The id that was given to what the form made.
    made: Option<i64>,
}

impl Form {
    pub(super) fn read(body: &[u8]) -> Self {
        Self { fields: url::form_urlencoded::parse(body).into_owned().collect(), made: None }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Does what the form says, in the name of `who` if there is somebody.
    pub(super) fn perform(
        &mut self,
        world: &mut World,
        now: Timestamp,
        who: Option<UserId>,
    ) -> Result<Value, String> {
        let mut fields = self.to_json();
        match self.text("act") {
            Some("add_user") => {
                let id = self.text("id").and_then(|id| id.parse().ok()).unwrap_or_else(|| free_user(world).0);
                self.made = Some(id);
                fields.insert("id".to_owned(), json!(id));
            }
            Some("add_chat") => {
                let id = self.text("id").and_then(|id| id.parse().ok());
                let id = id.unwrap_or_else(|| free_chat(world, self.text("kind") == Some("group")).0);
                self.made = Some(id);
                fields.insert("id".to_owned(), json!(id));
                if let Some(who) = who {
                    fields.insert("owner".to_owned(), json!(who));
                }
            }
            Some("bot_admin" | "promote") => {
                fields.insert("rights".to_owned(), self.rights());
            }
            _ => {}
        }
        if let Some(who) = who {
            fields.entry("user").or_insert(json!(who));
            fields.insert("by".to_owned(), json!(who));
        }
        let act: Act = serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())?;
        world.perform(now, act).map_err(|refused| refused.to_string())
    }

    fn to_json(&self) -> Map<String, Value> {
        let value = |name: &str, text: &str| match text.parse::<i64>() {
            Ok(number) if NUMBERS.contains(&name) || name == "owner" => json!(number),
            _ if FLAGS.contains(&name) => json!(text == "true"),
            _ => json!(text),
        };
        // An empty field is one that was not filled in; an empty message or title is refused by name.
        let filled = self.fields.iter().filter(|(name, text)| {
            name != RIGHT_FIELD && (!text.is_empty() || matches!(name.as_str(), "text" | "title" | "payload"))
        });
        filled
            .map(|(name, text)| {
                let text = if name == "username" { text.trim_start_matches('@') } else { text };
                (name.clone(), value(name, text))
            })
            .collect()
    }

    /// Every administrator may manage the chat; the rest is ticked.
    fn rights(&self) -> Value {
        let ticked = self.fields.iter().filter(|(name, _)| name == RIGHT_FIELD);
        let mut rights: Map<String, Value> = ticked.map(|(_, right)| (right.clone(), json!(true))).collect();
        rights.insert("can_manage_chat".to_owned(), json!(true));
        Value::Object(rights)
    }

    /// What is shown after it was done, and to whom.
    pub(super) fn next_view(&self, who: UserId, before: View, done: &Value) -> (UserId, View) {
        let opened = done["chat"].as_i64().map(ChatId);
        match (self.text("act"), self.made) {
            (Some("add_user"), Some(id)) => (UserId(id), View::default()),
            (Some("add_chat"), Some(id)) => {
                (who, View { chat: Some(ChatId(id)), panel: Some(Panel::Info), ..View::default() })
            }
            (Some("start" | "forward"), _) => (who, View::of(who.private_chat())),
            (Some("open_link" | "migrate"), _) => {
                (who, View { chat: opened.or(before.chat), ..View::default() })
            }
            // A dialog that did what it asked about closes.
            (Some("bot_admin"), _) if before.open.is_some() => {
                let chat = self.text("chat").and_then(|chat| chat.parse().ok()).map(ChatId);
                (who, View { chat: chat.or(before.chat), ..View::default() })
            }
            _ => (who, View { open: None, ..before }),
        }
    }
}

pub(super) fn free_user(world: &World) -> UserId {
    let taken = world.people().map(|person| person.user.id.0 + 1).max();
    UserId(taken.unwrap_or(FIRST_USER).max(FIRST_USER))
}

fn free_chat(world: &World, is_group: bool) -> ChatId {
    let is_like = |id: &i64| (*id > GROUP_MIN) == is_group;
    let taken = world.rooms().map(|room| room.chat.id.0).filter(is_like).min();
    let first = if is_group { FIRST_GROUP } else { FIRST_CHANNEL };
    ChatId(taken.map_or(first, |taken| taken - 1).min(first))
}
