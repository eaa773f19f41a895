//! Who wrote this body? The check of `x-nowpayments-sig` over an instant payment notification (nowpayments.md section 2).

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha512;

use crate::canonical::{self, Writing};
use crate::json::{self, BODY_BYTES_MAX};
use crate::shape::ShapeError;

/// Name of the header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-nowpayments-sig";

/// HMAC-SHA512 gives 64 bytes.
const SIGNATURE_BYTES: usize = 64;

/// Two hexadecimal digits a byte.
const SIGNATURE_HEX_DIGITS: usize = 2 * SIGNATURE_BYTES;

/// Which text the signature covered. Worth counting: anything but [`SignatureForm::Raw`] means that something between the
/// provider and us rewrites bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureForm {
    /// The exact bytes.
    Raw,
    /// Keys sorted at every depth, no white space, number tokens as written.
    LexemeSorted,
    /// As `LexemeSorted`, with numbers in JavaScript spelling: what the official Node SDK signs.
    Sdk,
    /// As `Sdk`, with arrays as index objects: what the JavaScript sample of the API documentation signs.
    DocsJs,
}

impl SignatureForm {
    /// A stable word for metrics, logs and the event log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::LexemeSorted => "lexeme_sorted",
            Self::Sdk => "sdk",
            Self::DocsJs => "docs_js",
        }
    }
}

/// A body that is authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The first form, in the order of the enum, whose signature matched.
    pub form: SignatureForm,
    /// Index of the secret that matched, in the order given to [`Verifier::new`]. After a rotation the old one falls silent.
    pub secret_index: usize,
}

/// Why a body is not taken. Nothing of it may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Larger than [`BODY_BYTES_MAX`]. HTTP 413.
    #[error("the body is larger than {BODY_BYTES_MAX} bytes")]
    TooLarge,
    /// Not one unambiguous JSON object, whatever the signature says. HTTP 400.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Not shown to come from the provider. HTTP 403.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// Why the signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is absent or empty.
    #[error("the signature header {SIGNATURE_HEADER} is missing")]
    Missing,
    /// The header was sent more than once. Found by [`single_signature`].
    #[error("the signature header {SIGNATURE_HEADER} was sent more than once")]
    Repeated,
    /// Not exactly 128 hexadecimal digits.
    #[error("the signature is not {SIGNATURE_HEX_DIGITS} hexadecimal digits")]
    Malformed,
    /// Well formed, and wrong for every secret and every form.
    #[error("the signature does not match the body")]
    Mismatch,
}

impl Rejection {
    /// A stable word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Shape(shape) => shape.as_str(),
            Self::Signature(SignatureError::Missing) => "signature_missing",
            Self::Signature(SignatureError::Repeated) => "signature_repeated",
            Self::Signature(SignatureError::Malformed) => "signature_malformed",
            Self::Signature(SignatureError::Mismatch) => "signature_mismatch",
        }
    }

    /// The HTTP status that says it: 413, 400 or 403.
    pub fn http_status(self) -> u16 {
        match self {
            Self::TooLarge => 413,
            Self::Shape(_) => 400,
            Self::Signature(_) => 403,
        }
    }
}

/// Why a [`Verifier`] cannot be made. An HMAC with an empty key would accept what anybody can compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// No secret at all.
    #[error("no IPN secret is configured")]
    None,
    /// Empty, or only white space.
    #[error("IPN secret number {} is empty", index + 1)]
    Empty {
        /// Index of the empty secret.
        index: usize,
    },
}

/// Takes the values of the signature header as they came and refuses a header that was sent twice: two readers could pick
/// different ones.
pub fn single_signature<'a>(
    values: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<&'a [u8]>, Rejection> {
    let mut values = values.into_iter();
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_) => Err(SignatureError::Repeated.into()),
    }
}

/// Signs a body as the provider does: HMAC-SHA512 over the bytes as they are, in lower-case hexadecimal digits.
/// For tests, simulators, and tools; the secret is trimmed as in [`Verifier::new`].
pub fn sign(secret: &str, body: &[u8]) -> Result<String, SecretError> {
    use std::fmt::Write as _;
    let mac = Key::new(secret).ok_or(SecretError::Empty { index: 0 })?.mac(body);
    let mut hex = String::with_capacity(SIGNATURE_HEX_DIGITS);
    for byte in mac.finalize().into_bytes() {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex)
}

/// Checks notifications against one secret, or several while a secret is being rotated. Cheap to call: the key schedules are
/// computed once. Holds no secret in the clear, only the HMAC states made from them, which are wiped when dropped.
pub struct Verifier {
    keys: Vec<Key>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("secrets", &self.keys.len()).finish()
    }
}

impl Verifier {
    /// Every secret is the text from the provider's dashboard, trimmed; its UTF-8 bytes are the key, even where it looks like
    /// base64. The order is the order in which they are tried.
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Result<Self, SecretError> {
        let keys = secrets
            .into_iter()
            .enumerate()
            .map(|(index, secret)| Key::new(secret.expose_secret()).ok_or(SecretError::Empty { index }))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(SecretError::None) } else { Ok(Self { keys }) }
    }

    /// Says whether the provider wrote this body. `signature` is the value of [`SIGNATURE_HEADER`], `None` if absent; a header
    /// that may have been sent twice goes through [`single_signature`] first.
    ///
    /// Checked in this order: size, shape, signature. The raw bytes come first among the forms because every captured
    /// notification matches there and nothing is rewritten; the others are tried only when something on the way rewrote the body.
    pub fn verify(&self, body: &[u8], signature: Option<&[u8]>) -> Result<Verified, Rejection> {
        if body.len() > BODY_BYTES_MAX {
            return Err(Rejection::TooLarge);
        }
        let members = json::read_object(body)?;
        let signature = decode(signature)?;
        if let Some(verified) = self.find(body, &signature, SignatureForm::Raw) {
            return Ok(verified);
        }
        let forms = [
            (SignatureForm::LexemeSorted, Writing::Lexeme, true),
            (SignatureForm::Sdk, Writing::JavaScript, true),
            (SignatureForm::DocsJs, Writing::JavaScriptArraysAsObjects, canonical::has_array(&members)),
        ];
        for (form, writing, applies) in forms {
            if !applies {
                continue;
            }
            let Some(text) = canonical::write(&members, writing, body.len()) else {
                continue;
            };
            if let Some(verified) = self.find(text.as_bytes(), &signature, form) {
                return Ok(verified);
            }
        }
        Err(SignatureError::Mismatch.into())
    }

    fn find(&self, text: &[u8], signature: &[u8; SIGNATURE_BYTES], form: SignatureForm) -> Option<Verified> {
        // `verify_slice` compares in constant time; which secret matched is no secret.
        let secret_index = self.keys.iter().position(|key| key.mac(text).verify_slice(signature).is_ok())?;
        Some(Verified { form, secret_index })
    }
}

/// A keyed HMAC, before any text. Cloning it spares the key schedule (two of the six compressions of a usual notification).
struct Key(Hmac<Sha512>);

impl Key {
    /// `None` if nothing is left after trimming. U+FEFF is trimmed too: it is white space to JavaScript, and what some editors
    /// put at the start of a secret file.
    fn new(secret: &str) -> Option<Self> {
        let trimmed = secret.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        if trimmed.is_empty() {
            return None;
        }
        Hmac::new_from_slice(trimmed.as_bytes()).ok().map(Self)
    }

    fn mac(&self, text: &[u8]) -> Hmac<Sha512> {
        let mut mac = self.0.clone();
        mac.update(text);
        mac
    }
}

/// Exactly 128 hexadecimal digits, in either case, with spaces or tabs around them.
fn decode(signature: Option<&[u8]>) -> Result<[u8; SIGNATURE_BYTES], SignatureError> {
    let text = signature.unwrap_or_default().trim_ascii();
    if text.is_empty() {
        return Err(SignatureError::Missing);
    }
    if text.len() != SIGNATURE_HEX_DIGITS {
        return Err(SignatureError::Malformed);
    }
    let mut bytes = [0; SIGNATURE_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Ok(bytes)
}

fn hex_digit(digit: u8) -> Result<u8, SignatureError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(SignatureError::Malformed),
    }
}
