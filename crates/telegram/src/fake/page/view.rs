//! What a person looks at, and the whole page that shows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::layout::{self, PageLink, Shell};
use super::{chat, chats, dialog, panel, people};
use crate::fake::entities::{Author, Person, Post, Room};
use crate::fake::world::World;
use crate::ids::{ChatId, MessageId, UserId};

/// The last message that somebody saw in a chat.
pub(in crate::fake) type Seen = BTreeMap<(UserId, ChatId), MessageId>;

/// What is open. It lives in the address, so that a page can be kept, reloaded and gone back to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct View {
    /// The open chat; the private one with the bot has the person's own id.
    pub(super) chat: Option<ChatId>,
    /// What a start button will send to the bot.
    pub(super) start: Option<String>,
    /// A link that the person is about to open.
    pub(super) open: Option<String>,
    /// What is beside the chat.
    pub(super) panel: Option<Panel>,
    /// Why the last act was refused.
    pub(super) refused: Option<String>,
}

/// What can be beside a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Panel {
    /// What the chat is, and what one may do in it.
    Info,
    /// Somebody new.
    NewPerson,
    /// A new channel or group.
    NewChat,
}

impl View {
    pub(super) fn of(chat: ChatId) -> Self {
        Self { chat: Some(chat), ..Self::default() }
    }

    pub(super) fn with(&self, panel: Option<Panel>) -> Self {
        Self { chat: self.chat, panel, ..Self::default() }
    }

    /// Its address for somebody.
    pub(super) fn path(&self, who: UserId) -> String {
        format!("/user/{who}{}", self.query())
    }

    pub(super) fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(chat) = self.chat {
            query.append_pair("chat", &chat.to_string());
        }
        if let Some(panel) = self.panel {
            let name = match panel {
                Panel::Info => "info",
                Panel::NewPerson => "new_person",
                Panel::NewChat => "new_chat",
            };
            query.append_pair("panel", name);
        }
        for (name, value) in [("start", &self.start), ("open", &self.open), ("refused", &self.refused)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let query = query.finish();
        if query.is_empty() { query } else { format!("?{query}") }
    }
}

/// Everything that a page is made from.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) world: &'a World,
    pub(super) person: &'a Person,
    pub(super) view: &'a View,
    pub(super) seen: &'a Seen,
    pub(super) links: &'a [PageLink],
    pub(super) now: Timestamp,
}

impl<'a> Scene<'a> {
    pub(super) fn me(&self) -> UserId {
        self.person.user.id
    }

    pub(super) fn path(&self, view: &View) -> String {
        view.path(self.me())
    }

    /// Where the forms of this page go: they come back to what is open.
    pub(super) fn action(&self) -> String {
        let view = View { refused: None, ..self.view.clone() };
        format!("/user/{}/act{}", self.me(), view.query())
    }

    pub(super) fn name(&self, user: UserId) -> &'a str {
        self.world.user(user).map_or("Somebody", |user| user.first_name.as_str())
    }

    /// The rooms that a person's app lists: those they are in, wait for, or lately went through the door of.
    pub(super) fn rooms_of(&self, user: UserId) -> impl Iterator<Item = &'a Room> {
        let world = self.world;
        world.rooms().filter(move |room| {
            let knows = room.status(user).is_inside()
                || room.requests.contains_key(&user)
                || room.passages.contains_key(&user);
            knows && room.migrated_to.is_none()
        })
    }

    /// Whether a person may read a room.
    pub(super) fn reads(&self, room: &Room, user: UserId) -> bool {
        room.status(user).is_inside() || room.chat.username.is_some()
    }

    /// How many messages of others somebody has not seen in a chat.
    pub(super) fn unread(&self, user: UserId, chat: ChatId) -> usize {
        let seen = self.seen.get(&(user, chat)).map_or(0, |id| id.0);
        let is_new = |post: &&Post| post.id.0 > seen && post.author != Author::User(user);
        self.world.posts(chat).iter().filter(is_new).count()
    }

    /// The same in all chats that they may read.
    pub(super) fn unread_in_all(&self, user: UserId) -> usize {
        let rooms = self.rooms_of(user).filter(|room| room.status(user).is_inside());
        let in_rooms: usize = rooms.map(|room| self.unread(user, room.chat.id)).sum();
        in_rooms + self.unread(user, user.private_chat())
    }
}

/// The page of a person.
pub(super) fn page(scene: &Scene<'_>) -> Markup {
    let name = &scene.person.user.first_name;
    let is_chat_open = scene.view.chat.is_some();
    let body = html! {
        main.app.chatting[is_chat_open].beside[scene.view.panel.is_some()] id="app" {
            h1.hush { "The simulated Telegram of " (name) }
            (people::rail(scene))
            (chats::list(scene))
            (chat::open(scene))
            (panel::beside(scene))
            (dialog::over(scene))
        }
    };
    let events = format!("/user/{}/events{}", scene.me(), scene.view.query());
    layout::page(&Shell { title: name, events: &events, links: scene.links, is_app: true }, &body)
}
