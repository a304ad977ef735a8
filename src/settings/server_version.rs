//! The name and version of the server, from INFO: Redis or Valkey. They decide where no API function shows a difference, and
//! they serve for the warning of a server that is newer than the tested ones.

use std::fmt;
use std::sync::OnceLock;

use module_api::Ctx;
use module_api::server::log;

/// Major and minor number.
pub(crate) type Version = (u32, u32);

/// The newest Redis with which the tests run; README's table has the same.
const NEWEST_REDIS: Version = (8, 6);
/// The newest Valkey with which the tests run.
const NEWEST_VALKEY: Version = (9, 1);

/// Set once, in OnLoad.
static THIS: OnceLock<Edition> = OnceLock::new();

/// The name and version of a server. Versions of different names can't be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edition {
    Redis(Version),
    Valkey(Version),
}

impl Edition {
    /// Asks the server, and keeps the answer. In OnLoad.
    pub(crate) fn ask(ctx: Ctx<'_>) -> Self {
        let server = ctx.server_info(c"server");
        *THIS.get_or_init(|| Self::of(server.text("redis_version"), server.text("valkey_version")))
    }

    /// The server, as OnLoad has found it; Redis 0.0 before that.
    pub(crate) fn this() -> Self {
        THIS.get().copied().unwrap_or(Self::Redis((0, 0)))
    }

    /// Made from the fields of INFO. Valkey has both, since it shows a version of Redis as well.
    fn of(redis: Option<&str>, valkey: Option<&str>) -> Self {
        match valkey {
            Some(version) => Self::Valkey(numbers(version)),
            None => Self::Redis(numbers(redis.unwrap_or_default())),
        }
    }

    /// True for Redis of this version or a later one.
    pub(crate) fn is_redis_since(self, since: Version) -> bool {
        matches!(self, Self::Redis(version) if version >= since)
    }

    /// True for Valkey of this version or a later one.
    pub(crate) fn is_valkey_since(self, since: Version) -> bool {
        matches!(self, Self::Valkey(version) if version >= since)
    }

    /// The warning for the server's log; `None` if the tests have run on a version that is as new.
    fn warning(self) -> Option<String> {
        let (version, newest, name) = match self {
            Self::Redis(version) => (version, NEWEST_REDIS, "Redis"),
            Self::Valkey(version) => (version, NEWEST_VALKEY, "Valkey"),
        };
        (version > newest).then(|| {
            format!(
                "{self} is newer than {name} {}.{}, the newest that this version of mylog was tested on; it is loaded all the \
                 same: look for a newer mylog, and try it before durable data depends on it",
                newest.0, newest.1
            )
        })
    }

    /// Warns in the server's log of a version that is newer than the tested ones.
    pub(crate) fn warn_if_unknown(self) {
        if let Some(warning) = self.warning() {
            log::warning(&warning);
        }
    }
}

/// True on Valkey of this version or a later one.
pub(crate) fn is_valkey_since(since: Version) -> bool {
    THIS.get().is_some_and(|edition| edition.is_valkey_since(since))
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis((major, minor)) => write!(f, "Redis {major}.{minor}"),
            Self::Valkey((major, minor)) => write!(f, "Valkey {major}.{minor}"),
        }
    }
}

/// The first two numbers of a version like `8.1.0`; 0 for a missing one.
fn numbers(version: &str) -> Version {
    let mut numbers = version.split('.').map_while(|number| number.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{Edition, NEWEST_REDIS, NEWEST_VALKEY, numbers};

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, since) in [
            ("8.0.9", false),
            ("8.1.0", true),
            ("8.10.0-rc1", true),
            ("10.0", true),
            ("", false),
            ("7", false),
        ] {
            let edition = Edition::of(Some("7.2.4"), Some(version));
            assert_eq!(edition.is_valkey_since((8, 1)), since, "{version}");
            assert!(!Edition::of(Some(version), None).is_valkey_since((8, 1)));
        }
        assert_eq!(numbers("255.255.255"), (255, 255));
    }

    #[test]
    fn a_newer_server_is_warned_of_and_a_tested_one_is_not() {
        let (redis, valkey) = (NEWEST_REDIS, NEWEST_VALKEY);
        for known in [
            Edition::Redis((7, 0)),
            Edition::Redis(redis),
            Edition::Valkey((8, 0)),
            Edition::Valkey(valkey),
        ] {
            assert_eq!(known.warning(), None);
        }
        for unknown in [
            Edition::Redis((redis.0, redis.1 + 1)),
            Edition::Redis((redis.0 + 1, 0)),
            Edition::Valkey((valkey.0, valkey.1 + 1)),
        ] {
            let warning = unknown.warning().unwrap_or_default();
            assert!(
                warning.starts_with(&format!("{unknown} is newer than ")),
                "{warning}"
            );
        }
    }
}
