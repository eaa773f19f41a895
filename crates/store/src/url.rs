//! The database's address: `sqlite://relative.db`, `sqlite:///absolute/file.db`, `postgres://…`.

use std::path::{Path, PathBuf};

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use url::form_urlencoded;

use crate::OpenError;
use crate::postgres::{Check, Server, Tls, connector};

/// Where the database is.
#[derive(Debug)]
pub(crate) enum Address {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Box<Server>),
}

/// Reads an address.
pub(crate) fn parse(url: &str) -> Result<Address, OpenError> {
    let url = url.trim();
    if let Some(path) = url.strip_prefix("sqlite://") {
        return sqlite(path);
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return postgres(url).map(|server| Address::Postgres(Box::new(server))).map_err(OpenError::Url);
    }
    Err(OpenError::Url(
        "the database URL must begin with `sqlite://` (for example sqlite://tollhouse.db) or `postgres://`"
            .to_owned(),
    ))
}

fn sqlite(path: &str) -> Result<Address, OpenError> {
    let wrong = |what: &str| Err(OpenError::Url(format!("the database URL sqlite://{path} {what}")));
    if path.is_empty() || path.ends_with('/') {
        return wrong("names no file; write sqlite://tollhouse.db or sqlite:///folder/tollhouse.db");
    }
    if path.starts_with(':') {
        return wrong("is not a file: a database in memory would lose every payment at the next start");
    }
    if path.contains(['?', '#', '\0']) {
        return wrong(
            "has a `?` or `#` in it: there are no options for SQLite, and a file must not have these in its name",
        );
    }
    Ok(Address::Sqlite(PathBuf::from(path)))
}

/// What `sslmode` says; tokio-postgres knows the first three only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Mode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    fn read(word: &str) -> Result<Self, String> {
        match word {
            "disable" => Ok(Self::Disable),
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            _ => Err("sslmode is one of disable, prefer, require, verify-ca, verify-full".to_owned()),
        }
    }
}

/// Errors say what is wrong with which part, and never repeat the URL: it may hold the password.
fn postgres(url: &str) -> Result<Server, String> {
    let named = |what: String| format!("the database URL postgres://… cannot be used: {what}");
    let (rest, mode, root) = take_tls(url).map_err(named)?;
    let mut config: Config = rest.parse().map_err(|error| named(super_error(&error)))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(named("it names no host".to_owned()));
    }
    if config.get_dbname().is_none() {
        return Err(named(
            "it names no database; put its name after the host: postgres://user@host/tollhouse".to_owned(),
        ));
    }
    if config.get_hosts().len() > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any {
        // Of several servers one takes writes; a payment must not be offered to a standby.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    let options = tls_options(mode, root.as_deref());
    let tls = tls(&mut config, mode, root).map_err(named)?;
    Ok(Server::new(config, tls, options))
}

/// The same options for libpq, as far as they are not what it does anyhow.
fn tls_options(mode: Mode, root: Option<&Path>) -> Vec<(&'static str, String)> {
    let mut options = Vec::new();
    if mode != Mode::Prefer {
        options.push(("sslmode", mode.as_str().to_owned()));
    }
    match root {
        Some(file) => options.push(("sslrootcert", file.display().to_string())),
        // By itself libpq looks for roots in the user's home.
        None if mode == Mode::VerifyFull => options.push(("sslrootcert", "system".to_owned())),
        None => {}
    }
    options
}

fn super_error(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// Takes out of the options what is ours to read.
fn take_tls(url: &str) -> Result<(String, Mode, Option<PathBuf>), String> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut mode, mut root) = (Mode::Prefer, None);
    let mut kept = Vec::new();
    for option in query.split('&').filter(|option| !option.is_empty()) {
        // In a URL's options of PostgreSQL a plus is a plus.
        let escaped = option.replace('+', "%2B");
        let Some((key, value)) = form_urlencoded::parse(escaped.as_bytes()).next() else { continue };
        match key.as_ref() {
            "sslmode" => mode = Mode::read(&value)?,
            "sslrootcert" if value != "system" => root = Some(PathBuf::from(value.as_ref())),
            "sslrootcert" => {}
            _ => kept.push(option),
        }
    }
    let rest = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
    Ok((rest, mode, root))
}

fn tls(config: &mut Config, mode: Mode, root: Option<PathBuf>) -> Result<Tls, String> {
    // A socket's folder is on this machine: there is nothing to encrypt, and the server would refuse to.
    // An address of its own (`hostaddr`) is used instead of the host's name, and is no socket.
    let is_local = config.get_hostaddrs().is_empty()
        && config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_)));
    if is_local || mode == Mode::Disable {
        config.ssl_mode(SslMode::Disable);
        return Ok(Tls::Off);
    }
    let check = match mode {
        // As in libpq: who names a root wants it checked.
        Mode::VerifyCa => Check::Root,
        Mode::Require if root.is_some() => Check::Root,
        Mode::VerifyFull => Check::RootAndName,
        Mode::Disable | Mode::Prefer | Mode::Require => Check::Nothing,
    };
    config.ssl_mode(if mode == Mode::Prefer { SslMode::Prefer } else { SslMode::Require });
    connector(check, root.as_deref()).map(Tls::On)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::encoded;

    fn server(url: &str) -> Server {
        match parse(url).unwrap() {
            Address::Postgres(server) => *server,
            Address::Sqlite(path) => panic!("{path:?}"),
        }
    }

    fn refusal(url: &str) -> String {
        parse(url).unwrap_err().to_string()
    }

    #[test]
    fn files_are_relative_or_absolute() {
        for (url, path) in [
            ("sqlite://tollhouse.db", "tollhouse.db"),
            ("sqlite:///var/lib/t.db", "/var/lib/t.db"),
            (" sqlite://a/b.db\n", "a/b.db"),
        ] {
            assert!(
                matches!(parse(url).unwrap(), Address::Sqlite(found) if found == std::path::Path::new(path)),
                "{url}"
            );
        }
        for url in [
            "sqlite://",
            "sqlite:///folder/",
            "sqlite://:memory:",
            "sqlite://a.db?mode=ro",
            "mysql://x",
            "",
            "a.db",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn several_hosts_look_for_the_one_that_takes_writes() {
        let several = server("postgres://toll:pw@one:5433,two:5434/shop");
        assert_eq!(several.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(several.shown, "postgres://one:5433,two:5434/shop");
        let one = server("postgresql://toll@one/shop?target_session_attrs=any");
        assert_eq!(one.config.get_target_session_attrs(), TargetSessionAttrs::Any);
    }

    #[test]
    fn the_servers_own_tools_are_told_the_user_and_no_password() {
        for (url, told) in [
            (
                "postgres://toll:hunter2@one:5433,two:5434/shop",
                "postgres://toll@one:5433,two:5434/shop?target_session_attrs=read-write",
            ),
            ("postgres://o%27neill%40x:pw@one/shop", "postgres://o%27neill%40x@one:5432/shop"),
            ("postgres://one/shop", "postgres://one:5432/shop"),
            ("postgres://one/my%20shop%2F2?password=hunter2", "postgres://one:5432/my%20shop%2F2"),
            ("postgres://toll@%2Ftmp%2Fpg:28432/shop", "postgres://toll@%2Ftmp%2Fpg:28432/shop"),
            ("postgres:///shop?host=/run/postgresql", "postgres://%2Frun%2Fpostgresql:5432/shop"),
            ("postgres://toll@[::1]:5433/shop", "postgres://toll@[::1]:5433/shop"),
            (
                "postgres:///shop?hostaddr=192.0.2.7&port=5433",
                "postgres:///shop?hostaddr=192.0.2.7&port=5433",
            ),
            (
                "postgres://db.example/shop?hostaddr=2001:db8::1",
                "postgres://db.example:5432/shop?hostaddr=2001%3Adb8%3A%3A1",
            ),
            ("postgres://one/shop?sslmode=require", "postgres://one:5432/shop?sslmode=require"),
            ("postgres://one/shop?sslmode=disable", "postgres://one:5432/shop?sslmode=disable"),
            // Without a root of its own the system's count; libpq must be told so.
            (
                "postgres://one/shop?sslmode=verify-full",
                "postgres://one:5432/shop?sslmode=verify-full&sslrootcert=system",
            ),
        ] {
            assert_eq!(server(url).for_tools(), told, "{url}");
        }
        assert_eq!(
            server("postgres://toll:pw@one/shop?sslmode=require").for_tools_in("a b"),
            "postgres://toll@one:5432/a%20b?sslmode=require"
        );
        // The root is read when the address is, so no file of it is named above.
        let root = PathBuf::from("/etc/my roots/ca+1.pem");
        let (mode, root) = (Mode::VerifyCa, Some(root.as_path()));
        assert_eq!(
            tls_options(mode, root),
            [("sslmode", "verify-ca".to_owned()), ("sslrootcert", "/etc/my roots/ca+1.pem".to_owned())]
        );
        assert_eq!(encoded("/etc/my roots/ca+1.pem"), "%2Fetc%2Fmy%20roots%2Fca%2B1.pem");
    }

    #[test]
    fn a_socket_folder_is_a_host_without_encryption() {
        for url in [
            "postgres:///shop?host=/run/postgresql&sslmode=require",
            "postgres://toll@%2Frun%2Fpostgresql/shop",
        ] {
            let server = server(url);
            assert!(
                matches!(&server.config.get_hosts()[0], Host::Unix(folder) if folder.ends_with("postgresql"))
            );
            assert!(matches!(server.tls, Tls::Off));
        }
    }

    #[test]
    fn s32_an_address_of_its_own_is_not_taken_for_a_socket() {
        for url in [
            "postgres:///shop?hostaddr=192.0.2.7&sslmode=verify-full",
            "postgres:///shop?host=/run/postgresql&hostaddr=192.0.2.7&sslmode=require",
        ] {
            let server = server(url);
            assert!(matches!(server.tls, Tls::On(_)), "{url}");
            assert_eq!(server.config.get_ssl_mode(), SslMode::Require, "{url}");
        }
    }

    #[test]
    fn the_modes_of_encryption_are_understood() {
        assert!(matches!(server("postgres://h/d?sslmode=disable").tls, Tls::Off));
        let prefer = server("postgres://h/d");
        assert!(matches!(prefer.tls, Tls::On(_)));
        assert_eq!(prefer.config.get_ssl_mode(), SslMode::Prefer);
        assert_eq!(server("postgres://h/d?sslmode=require").config.get_ssl_mode(), SslMode::Require);
        assert!(refusal("postgres://h/d?sslmode=yes").contains("verify-full"));
        let missing = refusal("postgres://h/d?sslmode=verify-full&sslrootcert=/nowhere/root+1.pem");
        assert!(missing.contains("/nowhere/root+1.pem"), "{missing}");
    }

    #[test]
    fn s10_no_error_shows_the_password() {
        for url in [
            "postgres://toll:hunter2@host:port/d",
            "postgres://toll:hunter2@h/d?sslmode=what",
            "postgres://toll:hunter2@h/d?unknown=1",
            "postgres://toll:hunter2@h",
            "postgres://toll:hunter2@/d",
        ] {
            let refusal = refusal(url);
            assert!(!refusal.contains("hunter2"), "{refusal}");
            assert!(refusal.len() > 50, "says what to mend: {refusal}");
        }
        assert!(!format!("{:?}", server("postgres://toll:hunter2@h/d")).contains("hunter2"));
    }
}
