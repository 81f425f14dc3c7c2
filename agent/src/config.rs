//! What an enrolled agent keeps in its data directory: `identity.pem` (key and chain) and `agent.toml`.
//!
//! `identity.pem` is written last, so it alone says whether the host is enrolled. Only joining writes either of them.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use shanty_certs::agent::{AgentIdentity, AgentIdentityError, IDENTITY_BYTES_MAX};
use shanty_certs::files::{self, FileError};
use shanty_core::ids::{AgentId, HostName};
use shanty_core::limits;
use thiserror::Error;
use toml::Spanned;

use crate::mask::Mask;

/// Largest configuration that is read, bytes.
const CONFIG_BYTES_MAX: u64 = 64 * 1024;

/// Why an agent cannot start from its data directory.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Nobody has joined here.
    #[error("{} holds no identity; run `shanty-agent join` first", .0.display())]
    NotEnrolled(PathBuf),
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The configuration is not TOML, or has keys that do not exist.
    #[error("{}: {text}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What the parser said, with line and column.
        text: String,
    },
    /// Values that are none: all of them, with their lines.
    #[error("{}: {}", path.display(), errors.join("; "))]
    Values {
        /// The file.
        path: PathBuf,
        /// One sentence for each.
        errors: Vec<String>,
    },
    /// The identity is damaged.
    #[error("{} is damaged; restore it, or delete it and join again", path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: AgentIdentityError,
    },
    /// Both files are fine and do not belong together.
    #[error("{} is of agent {identity}, and agent.toml of agent {config}", path.display())]
    Mismatch {
        /// The identity.
        path: PathBuf,
        /// Id in the certificate.
        identity: AgentId,
        /// Id in the configuration.
        config: AgentId,
    },
    /// Another agent works here.
    #[error("another agent is using {}", .0.display())]
    InUse(PathBuf),
    /// The data directory cannot be locked.
    #[error("lock {}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}

/// `HOST:PORT` to dial: a name, an IPv4 address, or an IPv6 address in brackets, and a port from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

/// A text that is not `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not an address; it takes HOST:PORT, such as shanty.example.net:7444")]
pub struct AddressError(String);

impl Address {
    /// The host as it was written.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// This port at another host.
    #[must_use]
    pub fn at_host(self, host: &str) -> Self {
        Self {
            host: host.to_owned(),
            ..self
        }
    }

    /// True for an address that a listener is bound to but nobody can dial, such as `0.0.0.0`.
    #[must_use]
    pub fn is_unspecified(&self) -> bool {
        matches!(self.host.as_str(), "0.0.0.0" | "[::]")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let refused = || AddressError(crate::failure::printable(text).chars().take(100).collect());
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let port = port.parse().ok().filter(|port| digits && *port > 0);
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let good = match bracketed {
            Some(inside) => inside.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
                !host.is_empty() && host.len() <= 253 && host.bytes().all(plain)
            }
        };
        match port {
            Some(port) if good => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            Some(_) | None => Err(refused()),
        }
    }
}

/// Times of a link. Those of `core::limits` unless `[limits]` says otherwise, which is for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// First bound of the wait before dialling again.
    pub reconnect_min: Duration,
    /// Last bound of the wait before dialling again.
    pub reconnect_max: Duration,
    /// Least wait after the controller refused a link.
    pub refused: Duration,
    /// Without a message for this long the link is given up.
    pub offline: Duration,
    /// Between two reports of what changes.
    pub metrics: Duration,
}

impl Default for Times {
    fn default() -> Self {
        let (min, max) = limits::RECONNECT_MS;
        Self {
            reconnect_min: Duration::from_millis(min),
            reconnect_max: Duration::from_millis(max),
            refused: Duration::from_secs(10),
            offline: Duration::from_millis(limits::OFFLINE_MS),
            metrics: Duration::from_millis(limits::METRICS_MS),
        }
    }
}

/// The configuration of an enrolled agent, `agent.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Who we are.
    pub agent: AgentId,
    /// The name that the host was enrolled under.
    pub name: HostName,
    /// The controller's link listener.
    pub link: Address,
    /// Users that commands may run as; the first is the default, none means our own user.
    pub run_as: Vec<String>,
    /// How long things take.
    pub times: Times,
    /// What is masked in all output.
    pub mask: Mask,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    agent: Spanned<String>,
    name: Spanned<String>,
    link: Spanned<String>,
    #[serde(default)]
    run_as: Vec<String>,
    #[serde(default)]
    limits: LimitsTable,
    mask: Option<Spanned<Mask>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsTable {
    reconnect_min_ms: Option<u64>,
    reconnect_max_ms: Option<u64>,
    refused_ms: Option<u64>,
    offline_ms: Option<u64>,
    metrics_ms: Option<u64>,
}

#[derive(Serialize)]
struct ConfigOut<'a> {
    agent: String,
    name: &'a str,
    link: String,
    run_as: &'a [String],
}

impl LimitsTable {
    fn times(&self) -> Times {
        let usual = Times::default();
        // Zero would turn a wait into a busy loop.
        let or = |ms: Option<u64>, usual| ms.map_or(usual, |ms| Duration::from_millis(ms.max(1)));
        Times {
            reconnect_min: or(self.reconnect_min_ms, usual.reconnect_min),
            reconnect_max: or(self.reconnect_max_ms, usual.reconnect_max),
            refused: or(self.refused_ms, usual.refused),
            offline: or(self.offline_ms, usual.offline),
            metrics: or(self.metrics_ms, usual.metrics),
        }
    }
}

impl Config {
    /// Parses `agent.toml`. `path` is for the errors.
    ///
    /// # Errors
    /// [`ConfigError::Toml`] or [`ConfigError::Values`], the latter with every wrong value and its line.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file: ConfigFile = toml::from_str(text).map_err(|error| ConfigError::Toml {
            path: path.to_owned(),
            text: error.to_string().trim_end().to_owned(),
        })?;
        let mut errors = Vec::new();
        let agent = value(text, &file.agent, &mut errors);
        let name = value(text, &file.name, &mut errors);
        let link = value(text, &file.link, &mut errors);
        let mask = mask(text, file.mask, &mut errors);
        let (Some(agent), Some(name), Some(link), Some(mask)) = (agent, name, link, mask) else {
            return Err(ConfigError::Values {
                path: path.to_owned(),
                errors,
            });
        };
        Ok(Self {
            agent,
            name,
            link,
            run_as: file.run_as,
            times: file.limits.times(),
            mask,
        })
    }

    fn to_toml(&self) -> String {
        let out = ConfigOut {
            agent: self.agent.to_string(),
            name: self.name.as_str(),
            link: self.link.to_string(),
            run_as: &self.run_as,
        };
        let body =
            toml::to_string(&out).expect("invariant: strings and a list of strings are TOML");
        format!(
            "# Written by `shanty-agent join`. `run_as` lists the users that commands may run as; the first is the default.\n{body}"
        )
    }
}

fn value<T>(text: &str, field: &Spanned<String>, errors: &mut Vec<String>) -> Option<T>
where
    T: FromStr<Err: fmt::Display>,
{
    let parsed = field.as_ref().parse();
    let line = line(text, field.span().start);
    parsed
        .map_err(|error| errors.push(format!("line {line}: {error}")))
        .ok()
}

/// What is masked; only what looks like a secret when nothing is said.
fn mask(text: &str, table: Option<Spanned<Mask>>, errors: &mut Vec<String>) -> Option<Mask> {
    let Some(table) = table else {
        return Some(Mask::default());
    };
    let line = line(text, table.span().start);
    let mask = table.into_inner();
    mask.check()
        .map_err(|error| errors.push(format!("line {line}: [mask]: {error}")))
        .ok()?;
    Some(mask)
}

/// The line that this byte is on.
fn line(text: &str, byte: usize) -> usize {
    let before = text.get(..byte).unwrap_or_default();
    before.matches('\n').count().saturating_add(1)
}

/// The files of one agent.
#[derive(Clone, Debug)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// The directory at `path`, which need not exist.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The key that a first attempt to join leaves for the next, should its answer be lost.
    #[must_use]
    pub fn join_key(&self) -> PathBuf {
        self.0.join("join.key")
    }

    fn identity(&self) -> PathBuf {
        self.0.join("identity.pem")
    }

    fn config(&self) -> PathBuf {
        self.0.join("agent.toml")
    }

    /// True when a host joined with this directory, whether or not its files can be used.
    #[must_use]
    pub fn is_enrolled(&self) -> bool {
        fs::symlink_metadata(self.identity()).is_ok()
    }

    /// Makes sure that the directory is there and ours alone, and keeps other agents out while the lock is held.
    ///
    /// # Errors
    /// [`ConfigError::File`], [`ConfigError::InUse`], [`ConfigError::Lock`].
    pub fn lock(&self) -> Result<Flock<File>, ConfigError> {
        files::private_directory(&self.0)?;
        let path = self.0.join("lock");
        let failed = |source| ConfigError::Lock {
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
            if errno == nix::errno::Errno::EWOULDBLOCK {
                ConfigError::InUse(self.0.clone())
            } else {
                failed(errno.into())
            }
        })
    }

    /// Reads identity and configuration.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(&self) -> Result<(AgentIdentity, Config), ConfigError> {
        if !self.is_enrolled() {
            return Err(ConfigError::NotEnrolled(self.0.clone()));
        }
        let path = self.identity();
        let text = files::read_secret(&path, IDENTITY_BYTES_MAX)?;
        let identity = AgentIdentity::from_pem(&text).map_err(|source| ConfigError::Identity {
            path: path.clone(),
            source,
        })?;
        let config_path = self.config();
        let text = files::read_secret(&config_path, CONFIG_BYTES_MAX)?;
        let text = std::str::from_utf8(&text).map_err(|_| ConfigError::Toml {
            path: config_path.clone(),
            text: "not UTF-8".to_owned(),
        })?;
        let config = Config::parse(&config_path, text)?;
        let certified = AgentId::from_bytes(identity.peer().agent);
        if certified != config.agent {
            return Err(ConfigError::Mismatch {
                path,
                identity: certified,
                config: config.agent,
            });
        }
        Ok((identity, config))
    }

    /// Writes what a join brought: the configuration, then the identity, which makes it count.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn enroll(&self, identity: &AgentIdentity, config: &Config) -> Result<(), FileError> {
        files::write_secret(&self.config(), config.to_toml().as_bytes())?;
        files::write_secret(&self.identity(), identity.to_pem().as_bytes())?;
        fs::remove_file(self.join_key()).ok(); // Of no use any more, and not in the way.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0192f3a4b5c67d8e9fa0b1c2d3e4f506";

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("agent.toml"), text).map_err(|error| error.to_string())
    }

    fn sample() -> Config {
        Config {
            agent: ID.parse().unwrap(),
            name: "web-01".parse().unwrap(),
            link: "shanty.example.net:7443".parse().unwrap(),
            run_as: vec!["deploy".to_owned(), "nobody".to_owned()],
            times: Times::default(),
            mask: Mask::default(),
        }
    }

    #[test]
    fn masks_are_absolute_paths_and_known_keys() {
        let with = |lines: &str| parse(&format!("{}\n[mask]\n{lines}\n", sample().to_toml()));
        let mask = with("files = [\"/a\"]\nenv_files = [\"/b\"]\nshapes = false")
            .unwrap()
            .mask;
        assert_eq!(mask.files, [PathBuf::from("/a")]);
        assert_eq!(mask.env_files, [PathBuf::from("/b")]);
        assert!(!mask.shapes && with("").unwrap().mask.shapes);
        let error = with("files = [\"etc/pass\"]").unwrap_err();
        assert!(
            error.contains("line 7: [mask]: `etc/pass` is not an absolute path"),
            "{error}"
        );
        let error = with("file = [\"/a\"]").unwrap_err();
        assert!(
            error.contains("unknown field `file`") && error.contains("line 8"),
            "{error}"
        );
    }

    #[test]
    fn what_is_written_is_parsed_again() {
        assert_eq!(parse(&sample().to_toml()), Ok(sample()));
    }

    #[test]
    fn times_can_be_shortened() {
        let text = format!(
            "{}\n[limits]\noffline_ms = 3000\nreconnect_max_ms = 0\n",
            sample().to_toml()
        );
        let times = parse(&text).unwrap().times;
        assert_eq!(times.offline, Duration::from_secs(3));
        assert_eq!(times.reconnect_max, Duration::from_millis(1));
        assert_eq!(times.metrics, Times::default().metrics);
    }

    #[test]
    fn every_wrong_value_is_named_with_its_line() {
        let text = "agent = \"x\"\nname = \"@all\"\nlink = \"nowhere\"\n";
        let error = parse(text).unwrap_err();
        assert!(error.contains("line 1: `x`"), "{error}");
        assert!(error.contains("line 2: `@all`"), "{error}");
        assert!(error.contains("line 3: `nowhere`"), "{error}");
    }

    #[test]
    fn unknown_keys_and_broken_toml_are_refused() {
        let unknown = format!("{}color = 1\n", sample().to_toml());
        let error = parse(&unknown).unwrap_err();
        assert!(
            error.contains("unknown field `color`") && error.contains("line 6"),
            "{error}"
        );
        assert!(parse("agent = ").unwrap_err().contains("line 1"));
        assert!(parse("").unwrap_err().contains("agent"));
    }

    #[test]
    fn addresses_are_host_and_port() {
        for good in [
            "a:1",
            "shanty.example.net:7444",
            "127.0.0.1:65535",
            "[::1]:7443",
        ] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "a",
            ":1",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "a b:1",
            "::1:7443",
            "[x]:1",
            "http://a:1",
            "a:1\n",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
        let bound: Address = "0.0.0.0:7443".parse().unwrap();
        assert!(bound.is_unspecified());
        assert_eq!(bound.at_host("db").to_string(), "db:7443");
    }

    #[test]
    fn one_agent_works_in_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::new(dir.path().join("agent"));
        let lock = data_dir.lock().unwrap();
        assert!(matches!(data_dir.lock(), Err(ConfigError::InUse(_))));
        drop(lock);
        data_dir.lock().unwrap();
        assert!(matches!(data_dir.load(), Err(ConfigError::NotEnrolled(_))));
    }
}
