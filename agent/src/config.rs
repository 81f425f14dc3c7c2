//! What an enrolled agent is told by `agent.toml`, and where that lies.

mod address;
mod command;
mod data_dir;
mod mask;
mod proxy;
mod replace;
pub mod split;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shanty_certs::agent::AgentIdentityError;
use shanty_certs::files::{self, FileError};
use shanty_core::ids::{AgentId, HostName};
use shanty_core::limits;
use shanty_core::output::mask::SecretFiles;
use thiserror::Error;
use toml::Spanned;

use command::CommandTable;
use mask::MaskTable;

use crate::surroundings::Surroundings;

pub use address::{Address, AddressError};
pub use data_dir::DataDir;
pub use proxy::{Proxy, ProxyChoice, ProxyError, ProxyVariables};
pub use split::{Split, SplitError};

/// Where an agent keeps its identity unless it is told otherwise.
pub const DATA_DIR: &str = "/var/lib/shanty-agent";

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
    /// Its join listener, where a certificate that ran out is renewed; files of older agents do not say it.
    pub join: Option<Address>,
    /// The proxy on the way there.
    pub proxy: ProxyChoice,
    /// Users that commands may run as; the first is the default, none means our own user.
    pub run_as: Vec<String>,
    /// The user whom the executor hears, where it is a process of its own.
    pub link_user: Option<String>,
    /// How long things take.
    pub times: Times,
    /// What is masked in all output.
    pub mask: SecretFiles,
    /// What every command finds around itself.
    pub command: Surroundings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    agent: Spanned<String>,
    name: Spanned<String>,
    link: Spanned<String>,
    join: Option<Spanned<String>>,
    proxy: Option<Spanned<String>>,
    #[serde(default)]
    run_as: Vec<String>,
    link_user: Option<String>,
    #[serde(default)]
    limits: LimitsTable,
    mask: Option<Spanned<MaskTable>>,
    command: Option<Spanned<CommandTable>>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    join: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<&'a str>,
    run_as: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    link_user: Option<&'a str>,
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
    /// Reads a configuration that lies apart from the data directory: others may read it.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = files::read_trusted(path, CONFIG_BYTES_MAX)?;
        Self::of_bytes(path, &text)
    }

    fn of_bytes(path: &Path, text: &[u8]) -> Result<Self, ConfigError> {
        let text = std::str::from_utf8(text).map_err(|_| ConfigError::Toml {
            path: path.to_owned(),
            text: "not UTF-8".to_owned(),
        })?;
        Self::parse(path, text)
    }

    /// Parses `agent.toml`. `path` is for the errors.
    ///
    /// # Errors
    /// [`ConfigError::Toml`] or [`ConfigError::Values`], the latter with every wrong value and its line.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file: ConfigFile = toml::from_str(text).map_err(|error| ConfigError::Toml {
            path: path.to_owned(),
            text: broken(text, &error),
        })?;
        let mut errors = Vec::new();
        let agent = value(text, &file.agent, &mut errors);
        let name = value(text, &file.name, &mut errors);
        let link = value(text, &file.link, &mut errors);
        let join = match &file.join {
            None => Some(None),
            Some(join) => value(text, join, &mut errors).map(Some),
        };
        let proxy = proxy_choice(text, file.proxy.as_ref(), &mut errors);
        let mask = mask::read(text, file.mask, &mut errors);
        let command = command::read(text, file.command, &mut errors);
        let (
            Some(agent),
            Some(name),
            Some(link),
            Some(join),
            Some(proxy),
            Some(mask),
            Some(command),
        ) = (agent, name, link, join, proxy, mask, command)
        else {
            return Err(ConfigError::Values {
                path: path.to_owned(),
                errors,
            });
        };
        Ok(Self {
            agent,
            name,
            link,
            join,
            proxy,
            run_as: file.run_as,
            link_user: file.link_user,
            times: file.limits.times(),
            mask,
            command,
        })
    }

    fn to_toml(&self) -> String {
        let out = ConfigOut {
            agent: self.agent.to_string(),
            name: self.name.as_str(),
            link: self.link.to_string(),
            join: self.join.as_ref().map(Address::to_string),
            proxy: match &self.proxy {
                ProxyChoice::Unsaid => None,
                ProxyChoice::None => Some(""),
                ProxyChoice::This(proxy) => Some(proxy.url()),
            },
            run_as: &self.run_as,
            link_user: self.link_user.as_deref(),
        };
        let body =
            toml::to_string(&out).expect("invariant: strings and a list of strings are TOML");
        format!(
            "# Written by `shanty-agent join`. `run_as` lists the users that commands may run as; the first is the default.\n{body}"
        )
    }
}

/// What the parser says, with the line as it stands there unless that may hold a password.
fn broken(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| line(text, span.start));
    let there = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    if there.trim_start().starts_with("proxy") {
        return format!("line {line}: {}", error.message());
    }
    error.to_string().trim_end().to_owned()
}

/// An empty text is none at all.
fn proxy_choice(
    text: &str,
    field: Option<&Spanned<String>>,
    errors: &mut Vec<String>,
) -> Option<ProxyChoice> {
    match field {
        None => Some(ProxyChoice::Unsaid),
        Some(field) if field.as_ref().trim().is_empty() => Some(ProxyChoice::None),
        Some(field) => value(text, field, errors).map(ProxyChoice::This),
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

/// The line that this byte is on.
fn line(text: &str, byte: usize) -> usize {
    let before = text.get(..byte).unwrap_or_default();
    before.matches('\n').count().saturating_add(1)
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
            join: Some("shanty.example.net:7444".parse().unwrap()),
            proxy: ProxyChoice::Unsaid,
            run_as: vec!["deploy".to_owned(), "nobody".to_owned()],
            link_user: Some("shanty".to_owned()),
            times: Times::default(),
            mask: SecretFiles::default(),
            command: Surroundings::default(),
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
            error.contains("line 9: [mask]: `etc/pass` is not an absolute path"),
            "{error}"
        );
        let error = with("file = [\"/a\"]").unwrap_err();
        assert!(
            error.contains("unknown field `file`") && error.contains("line 10"),
            "{error}"
        );
    }

    #[test]
    fn what_is_written_is_parsed_again() {
        let this = ProxyChoice::This("http://u:p%40@proxy:3128".parse().unwrap());
        for proxy in [ProxyChoice::Unsaid, ProxyChoice::None, this] {
            let config = Config { proxy, ..sample() };
            assert_eq!(parse(&config.to_toml()), Ok(config));
        }
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
        let proxy = format!("proxy = \"http://u:hunter2@p\"\n{}", sample().to_toml());
        let error = parse(&proxy).unwrap_err();
        assert!(error.contains("line 1: the proxy's address"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        for broken in [
            "\"http://u:hunter2@p:1",
            "\"http://u:hunter2\\@p:1\"",
            "[\"hunter2\"]",
        ] {
            let proxy = format!("proxy = {broken}\n{}", sample().to_toml());
            let error = parse(&proxy).unwrap_err();
            assert!(error.contains("line 1: "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn unknown_keys_and_broken_toml_are_refused() {
        let unknown = format!("{}color = 1\n", sample().to_toml());
        let error = parse(&unknown).unwrap_err();
        assert!(
            error.contains("unknown field `color`") && error.contains("line 8"),
            "{error}"
        );
        assert!(parse("agent = ").unwrap_err().contains("line 1"));
        assert!(parse("").unwrap_err().contains("agent"));
    }
}
