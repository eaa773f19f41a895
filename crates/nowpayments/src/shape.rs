//! What a body must not look like.

use crate::json::DEPTH_LEVELS_MAX;

/// Why a body has no single meaning as a JSON object. Refused whatever its signature says (HTTP 400).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// The bytes are not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// The text starts with U+FEFF.
    #[error("the body starts with a byte order mark")]
    ByteOrderMark,
    /// Not JSON at this byte.
    #[error("the body is not JSON (at byte {at})")]
    NotJson {
        /// Offset of the first byte that cannot be read.
        at: usize,
    },
    /// JSON, but not an object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// Something other than white space after the object.
    #[error("there is text after the JSON object (at byte {at})")]
    TrailingText {
        /// Offset of the first byte after the object that is not white space.
        at: usize,
    },
    /// Two members of one object have the same key, compared after unescaping.
    #[error("a key occurs twice in one object (at byte {at})")]
    DuplicateKey {
        /// Offset just after the second key.
        at: usize,
    },
    /// An escape names half of a surrogate pair.
    #[error("a string contains a lone surrogate (at byte {at})")]
    LoneSurrogate {
        /// Offset of the escape.
        at: usize,
    },
    /// More levels than [`DEPTH_LEVELS_MAX`].
    #[error("the body is nested deeper than {DEPTH_LEVELS_MAX} levels")]
    TooDeep,
}

impl ShapeError {
    /// A stable word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotUtf8 => "not_utf8",
            Self::ByteOrderMark => "byte_order_mark",
            Self::NotJson { .. } => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::TrailingText { .. } => "trailing_text",
            Self::DuplicateKey { .. } => "duplicate_key",
            Self::LoneSurrogate { .. } => "lone_surrogate",
            Self::TooDeep => "too_deep",
        }
    }
}
