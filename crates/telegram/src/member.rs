//! How people stand to a chat, and what administrators may do in it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{User, optional_unix_seconds};

/// What an administrator may do: the rights that Tollhouse watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the Bot API's own shape: one flag for each right")]
pub struct AdminRights {
    /// See members and events; every administrator has it.
    pub can_manage_chat: bool,
    /// Make invite links and decide on join requests: the gate needs it.
    pub can_invite_users: bool,
    /// Ban and unban: removals need it.
    pub can_restrict_members: bool,
    /// Post in a channel.
    pub can_post_messages: bool,
    /// Edit the posts of others in a channel.
    pub can_edit_messages: bool,
    /// Delete the messages of others.
    pub can_delete_messages: bool,
    /// Change title and picture.
    pub can_change_info: bool,
    /// Make others administrators.
    pub can_promote_members: bool,
}

impl AdminRights {
    /// Everything.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            can_manage_chat: true,
            can_invite_users: true,
            can_restrict_members: true,
            can_post_messages: true,
            can_edit_messages: true,
            can_delete_messages: true,
            can_change_info: true,
            can_promote_members: true,
        }
    }

    /// Only what selling access needs: inviting, removing, and posting the offer.
    #[must_use]
    pub const fn gatekeeper() -> Self {
        Self {
            can_manage_chat: true,
            can_invite_users: true,
            can_restrict_members: true,
            can_post_messages: true,
            can_edit_messages: false,
            can_delete_messages: false,
            can_change_info: false,
            can_promote_members: false,
        }
    }

    /// Whether one right is held.
    #[must_use]
    pub const fn has(self, right: Right) -> bool {
        match right {
            Right::Administrator => self.can_manage_chat,
            Right::InviteUsers => self.can_invite_users,
            Right::RestrictMembers => self.can_restrict_members,
            Right::PostMessages => self.can_post_messages,
            Right::DeleteMessages => self.can_delete_messages,
        }
    }
}

/// A right that a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Being an administrator at all.
    Administrator,
    /// `can_invite_users`.
    InviteUsers,
    /// `can_restrict_members`.
    RestrictMembers,
    /// `can_post_messages` in a channel, writing at all in a group.
    PostMessages,
    /// `can_delete_messages`.
    DeleteMessages,
}

/// How somebody stands to a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberStatus {
    /// Owns the chat; nobody can remove them.
    Creator,
    /// Has these rights; must be demoted before a removal.
    Administrator(AdminRights),
    /// Inside.
    Member,
    /// Under restrictions, and possibly not inside.
    Restricted {
        /// Whether they are inside.
        is_member: bool,
    },
    /// Outside, free to come back.
    Left,
    /// Banned.
    Kicked {
        /// When the ban ends; absent = for ever.
        until: Option<Timestamp>,
    },
}

impl MemberStatus {
    /// Whether this person reads the chat.
    #[must_use]
    pub const fn is_inside(self) -> bool {
        match self {
            Self::Creator | Self::Administrator(_) | Self::Member => true,
            Self::Restricted { is_member } => is_member,
            Self::Left | Self::Kicked { .. } => false,
        }
    }

    /// Whether this is the owner or an administrator, whom Tollhouse never removes.
    #[must_use]
    pub const fn is_admin(self) -> bool {
        matches!(self, Self::Creator | Self::Administrator(_))
    }

    /// Whether this person may do something that needs `right`.
    #[must_use]
    pub const fn can(self, right: Right) -> bool {
        match self {
            Self::Creator => true,
            Self::Administrator(rights) => rights.has(right),
            _ => false,
        }
    }
}

/// Somebody in, or known to, a chat.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WireMember")]
pub struct Member {
    /// Who.
    pub user: User,
    /// How they stand.
    pub status: MemberStatus,
}

#[derive(Deserialize)]
struct WireMember {
    user: User,
    status: String,
    #[serde(default)]
    is_member: bool,
    #[serde(default, deserialize_with = "optional_unix_seconds")]
    until_date: Option<Timestamp>,
    #[serde(flatten)]
    rights: AdminRights,
}

impl TryFrom<WireMember> for Member {
    type Error = String;

    fn try_from(wire: WireMember) -> Result<Self, String> {
        let status = match wire.status.as_str() {
            "creator" => MemberStatus::Creator,
            "administrator" => MemberStatus::Administrator(wire.rights),
            "member" => MemberStatus::Member,
            "restricted" => MemberStatus::Restricted { is_member: wire.is_member },
            "left" => MemberStatus::Left,
            "kicked" => MemberStatus::Kicked { until: wire.until_date },
            other => return Err(format!("unknown member status {other:?}")),
        };
        Ok(Self { user: wire.user, status })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_read_without_the_newest_rights() {
        let json = r#"{"status":"administrator","user":{"id":7,"is_bot":true,"first_name":"T"},"can_invite_users":true}"#;
        let member: Member = serde_json::from_str(json).unwrap();
        assert!(member.status.can(Right::InviteUsers));
        assert!(!member.status.can(Right::RestrictMembers));
    }

    #[test]
    fn an_unknown_status_is_an_error_and_not_a_guess() {
        let json = r#"{"status":"ghost","user":{"id":7,"is_bot":false,"first_name":"T"}}"#;
        assert!(serde_json::from_str::<Member>(json).is_err());
    }

    #[test]
    fn a_restricted_person_may_be_outside() {
        let json =
            r#"{"status":"restricted","user":{"id":7,"first_name":"T"},"is_member":false,"until_date":0}"#;
        assert!(!serde_json::from_str::<Member>(json).unwrap().status.is_inside());
    }

    #[test]
    fn a_ban_for_ever_has_no_end() {
        let json = r#"{"status":"kicked","user":{"id":7,"first_name":"T"},"until_date":0}"#;
        let status = serde_json::from_str::<Member>(json).unwrap().status;
        assert_eq!(status, MemberStatus::Kicked { until: None });
    }
}
