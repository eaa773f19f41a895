//! Where values come from: a TOML file and the environment.

use std::collections::BTreeMap;
use std::path::Path;

use strsim::levenshtein;

use super::{ConfigError, KEYS, policies};

/// The environment's prefix; the file has the same names in lower case without it.
const PREFIX: &str = "TOLLHOUSE_";
/// What the tests use is none of the configuration's business.
const IGNORED_PREFIX: &str = "TOLLHOUSE_TEST_";
/// How many letters a key may be wrong in for another to be what is meant; more than this it is another word.
const SLIPS_MAX: usize = 2;
/// Largest configuration or secret file, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A value as it was given.
pub(super) struct Given {
    /// Where it stands, for the error.
    pub(super) from: String,
    pub(super) text: String,
}

/// The values as they were given, of keys that are known, before they are understood.
#[derive(Default)]
pub(super) struct Values(BTreeMap<&'static str, Given>);

impl Values {
    pub(super) fn take(&mut self, key: &str) -> Option<Given> {
        self.0.remove(key)
    }

    pub(super) fn parse<T>(
        &mut self,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        self.take(key)
            .map(|given| read(&given.text).map_err(|problem| ConfigError::new(given.from, problem)))
            .transpose()
    }
}

/// The names of all keys.
fn known_keys() -> impl Iterator<Item = &'static str> {
    KEYS.iter().chain(policies::KEYS).copied()
}

/// Adds what a file says.
///
/// # Errors
/// It cannot be read or is no TOML; a key is unknown, empty, or of the wrong type.
pub(super) fn read_file(path: &Path, values: &mut Values) -> Result<(), ConfigError> {
    let name = path.display().to_string();
    let text = read_bounded(path).map_err(|problem| ConfigError::new(&name, problem))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error| ConfigError::new(&name, format!("not TOML: {}", place_of(&text, &error))))?;
    for (key, value) in table {
        let from = format!("{key} in {name}");
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            toml::Value::Array(items) => items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map(str::to_owned)
                        .ok_or_else(|| ConfigError::new(&from, "a list holds texts only"))
                })
                .collect::<Result<Vec<_>, _>>()?
                .join(","),
            _ => return Err(ConfigError::new(from, "must be a text, a number or a list of texts")),
        };
        put(&key, from, &text, &mut values.0)?;
    }
    Ok(())
}

/// What is wrong with a file, and in which line. The error's own text quotes the line, which may hold a secret (S10).
fn place_of(text: &str, error: &toml::de::Error) -> String {
    let line =
        error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    let what = error.message().trim_end();
    line.map_or_else(|| what.to_owned(), |line| format!("line {line}: {what}"))
}

/// Adds what the environment says, which wins over what is there.
///
/// # Errors
/// A key is unknown or empty.
pub(super) fn read_environment(
    environment: &[(String, String)],
    values: &mut Values,
) -> Result<(), ConfigError> {
    let mut given = BTreeMap::new();
    for (name, value) in environment {
        let Some(key) = name.strip_prefix(PREFIX) else { continue };
        if name.starts_with(IGNORED_PREFIX) || is_of_a_service(key, value) {
            continue;
        }
        put(&key.to_lowercase(), name.clone(), value, &mut given)?;
    }
    values.0.extend(given);
    Ok(())
}

/// Whether Kubernetes has put it there: beside a service that is called `tollhouse` every container gets its address, under names that would
/// else be taken for misspelt keys.
fn is_of_a_service(key: &str, value: &str) -> bool {
    key == "SERVICE_HOST"
        || key.starts_with("SERVICE_PORT")
        || key.starts_with("PORT_")
        || (key == "PORT" && ["tcp://", "udp://"].iter().any(|scheme| value.starts_with(scheme)))
}

/// Takes one value: trimmed (F98), from a file where the key says so, of a key that we know.
fn put(
    key: &str,
    from: String,
    text: &str,
    values: &mut BTreeMap<&'static str, Given>,
) -> Result<(), ConfigError> {
    let (key, is_path) = match key.strip_suffix("_file") {
        Some(stem) if !known_keys().any(|known| known == key) => (stem, true),
        _ => (key, false),
    };
    let Some(known) = known_keys().find(|known| *known == key) else {
        let near =
            nearest(key).map_or_else(String::new, |near| format!("; did you mean {}?", like(&from, near)));
        return Err(ConfigError::new(from, format!("no such key{near}")));
    };
    let text = if is_path {
        read_bounded(Path::new(text.trim())).map_err(|problem| ConfigError::new(&from, problem))?
    } else {
        text.to_owned()
    };
    let text = text.trim().to_owned();
    if text.is_empty() {
        return Err(ConfigError::new(from, "is empty; give a value or leave it away"));
    }
    // As a shell would take them away, and `docker run --env-file` does not.
    if text.len() > 1 && ['"', '\''].iter().any(|quote| text.starts_with(*quote) && text.ends_with(*quote)) {
        return Err(ConfigError::new(
            from,
            "has quotes around it, which would be part of the value; leave them away",
        ));
    }
    // By value and by file: which one counts would hang on chance, and a secret that was changed in one place would seem not to be.
    if let Some(other) = values.get(known).filter(|other| other.from != from) {
        return Err(ConfigError::new(
            from,
            format!("{} is given as well; leave one of them away", other.from),
        ));
    }
    values.insert(known, Given { from, text });
    Ok(())
}

fn like(from: &str, key: &str) -> String {
    if from.starts_with(PREFIX) { format!("{PREFIX}{}", key.to_uppercase()) } else { key.to_owned() }
}

/// The known key that a wrong one is meant to be: the one that it becomes with one or two letters changed; else the one that shares the
/// longest beginning with it, at least two words of it.
fn nearest(wrong: &str) -> Option<&'static str> {
    let slips = |key: &str| levenshtein(key, wrong);
    let near = known_keys().min_by_key(|key| slips(key));
    if let Some(key) = near.filter(|key| slips(key) <= SLIPS_MAX && slips(key) * 3 <= key.len()) {
        return Some(key);
    }
    let shared = |key: &str| key.bytes().zip(wrong.bytes()).take_while(|(a, b)| a == b).count();
    known_keys().max_by_key(|key| shared(key)).filter(|key| shared(key) >= 4)
}

fn read_bounded(path: &Path) -> Result<String, String> {
    let size =
        std::fs::metadata(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("{} is larger than {FILE_BYTES_MAX} bytes", path.display()));
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}
