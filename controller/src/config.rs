//! The configuration of a controller: what it is, its defaults, and every error in it at once.

pub mod api;

mod changes;
mod chat;
mod discord;
mod file;
mod identities;
mod install;
mod limits;
mod mask;
#[cfg(test)]
mod page;
mod path;
mod read;
mod retention;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use shanty_core::admission::Identities;
use shanty_core::news::AWAY_MS;
use shanty_core::output::mask::SecretFiles;
use shanty_core::policy::{Grant, Policy, Verb};
use shanty_core::selector::Selector;
use shanty_core::thread::Style;

use path::AbsolutePath;
use read::{Errors, Section};

pub use changes::Changes;
pub use discord::{DiscordConfig, TokenSource};
pub use file::{LoadError, Source};
pub use limits::Limits;
pub use read::ConfigErrors;
pub use retention::Retention;

/// Everything that `shanty serve` is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Journal, output and keys live here.
    pub data_dir: PathBuf,
    /// Nothing: no chat, the command line only.
    pub discord: Option<DiscordConfig>,
    /// Where it listens.
    pub listen: Listen,
    /// What agents are told to dial.
    pub public: Public,
    /// Who may do what. Empty: nobody, except on the admin socket.
    pub policy: Policy,
    /// Limits that an operator may change.
    pub limits: Limits,
    /// How long output is kept, and how much of it.
    pub retention: Retention,
    /// How long certificates of hosts are good.
    pub identities: Identities,
    /// How runs are shown in chat.
    pub style: Style,
    /// That a host is gone is told when it was away for so long, milliseconds; nothing when no news are told.
    pub gone_ms: Option<u64>,
    /// What is masked in everything that is shown.
    pub mask: SecretFiles,
    /// Where the agents lie that new hosts are installed with.
    pub artifacts: PathBuf,
    /// The file that says who may sign them; nothing asks for no signature.
    pub roots: Option<PathBuf>,
    /// Where it was read, to be read again; nothing for a text.
    pub source: Option<Source>,
}

/// Addresses to listen on; port 0 takes a free one.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Links of agents, mutual TLS.
    pub agents: SocketAddr,
    /// Joining agents, TLS.
    pub join: SocketAddr,
    /// Health, loopback.
    pub http: SocketAddr,
    /// The admin socket.
    pub admin: PathBuf,
}

/// What agents are told to dial; nothing means the address that they dialled to join, with the bound port.
#[derive(Clone, Debug, Default)]
pub struct Public {
    /// host:port of the link listener.
    pub agents: Option<String>,
    /// host:port of the join listener.
    pub join: Option<String>,
}

impl Config {
    /// Where systemd put the credentials of the service. That does not stand in the file: whoever starts the controller says it.
    #[must_use]
    pub fn credentials(&self) -> Option<&Path> {
        self.source.as_ref()?.credentials.as_deref()
    }

    /// Reads a configuration; `file` is only used in errors.
    ///
    /// # Errors
    /// Everything that is wrong, each with its line.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigErrors> {
        let mut errors = Errors::new(file, text);
        let table = read::parse(text, &mut errors);
        let config = Self::read(Section::new("", 0, table.get_ref()), &mut errors);
        errors.finish()?;
        config.ok_or_else(|| ConfigErrors(vec![format!("{file}: nothing could be read")]))
    }

    fn read(mut root: Section<'_, '_>, errors: &mut Errors<'_>) -> Option<Self> {
        let data_dir = root.required::<AbsolutePath>("data_dir", errors);
        let discord = root
            .section("discord", errors)
            .map(|s| DiscordConfig::read(s, errors));
        let listen = Listen::read(root.section("listen", errors), data_dir.as_ref(), errors);
        let public = root
            .section("public", errors)
            .map(|s| Public::read(s, errors));
        let mut grants: Vec<Option<Grant>> = Vec::new();
        let guilds = discord.iter().flatten().flat_map(|d| d.guilds.clone());
        let guilds: Vec<u64> = guilds.collect();
        for section in root.sections("grant", errors) {
            let known: Vec<String> = grants
                .iter()
                .flatten()
                .map(|grant| grant.id.clone())
                .collect();
            grants.push(read_grant(section, &known, &guilds, errors));
        }
        let limits = root
            .section("limits", errors)
            .map(|s| Limits::read(s, errors));
        let retention = root
            .section("retention", errors)
            .map(|s| Retention::read(s, errors));
        let identities = root
            .section("identities", errors)
            .map(|s| identities::read(s, errors));
        let (style, gone_ms) = root.section("chat", errors).map_or_else(
            || (chat::standard(), Some(AWAY_MS)),
            |s| chat::read(s, errors),
        );
        let mask = root.section("mask", errors).map(|s| mask::read(s, errors));
        let (artifacts, roots) = root
            .section("install", errors)
            .map_or_else(|| (install::standard(), None), |s| install::read(s, errors));
        root.finish(errors);
        Some(Self {
            data_dir: data_dir?.0,
            discord: match discord {
                Some(discord) => Some(discord?),
                None => None,
            },
            listen: listen?,
            public: public.unwrap_or_default(),
            // One bad grant among fifty refuses the whole file: a mistyped rule must never disappear.
            policy: Policy {
                grants: grants.into_iter().collect::<Option<_>>()?,
            },
            limits: limits.unwrap_or_default(),
            retention: retention.unwrap_or_default(),
            identities: identities.unwrap_or_default(),
            style,
            gone_ms,
            mask: mask.unwrap_or_default(),
            artifacts,
            roots,
            source: None,
        })
    }
}

impl Listen {
    fn read(
        section: Option<Section<'_, '_>>,
        data_dir: Option<&AbsolutePath>,
        errors: &mut Errors<'_>,
    ) -> Option<Self> {
        let any = |port| SocketAddr::from(([0, 0, 0, 0], port));
        let mut listen = Self {
            agents: any(7443),
            join: any(7444),
            http: SocketAddr::from(([127, 0, 0, 1], 7480)),
            admin: data_dir
                .map(|dir| dir.0.join("admin.sock"))
                .unwrap_or_default(),
        };
        let Some(mut section) = section else {
            return Some(listen);
        };
        let start = section.start();
        listen.agents = section.text("agents", errors).unwrap_or(listen.agents);
        listen.join = section.text("join", errors).unwrap_or(listen.join);
        listen.http = section.text("http", errors).unwrap_or(listen.http);
        listen.admin = section
            .text::<AbsolutePath>("admin", errors)
            .map_or(listen.admin, |p| p.0);
        if !listen.http.ip().is_loopback() {
            errors.at(
                start,
                "`http` in [listen] must be a loopback address, such as 127.0.0.1:7480",
            );
        }
        let ports = [listen.agents.port(), listen.join.port(), listen.http.port()];
        for (at, port) in ports.iter().enumerate() {
            if *port != 0 && ports.iter().skip(at + 1).any(|other| other == port) {
                errors.at(
                    start,
                    format!("two addresses in [listen] have the same port {port}"),
                );
            }
        }
        section.finish(errors);
        Some(listen)
    }
}

impl Public {
    fn read(mut section: Section<'_, '_>, errors: &mut Errors<'_>) -> Self {
        let agents = section
            .text::<HostPort>("agents", errors)
            .map(|address| address.0);
        let join = section
            .text::<HostPort>("join", errors)
            .map(|address| address.0);
        section.finish(errors);
        Self { agents, join }
    }
}

fn read_grant(
    mut section: Section<'_, '_>,
    known: &[String],
    guilds: &[u64],
    errors: &mut Errors<'_>,
) -> Option<Grant> {
    let start = section.start();
    let id = section.required::<GrantId>("id", errors).map(|id| id.0);
    if id.as_ref().is_some_and(|id| known.contains(id)) {
        errors.at(start, "two grants have the same `id`");
    }
    let who = section.section("who", errors).map(|mut who| {
        let roles = who.list::<Snowflake>("roles", errors).unwrap_or_default();
        let people = who.list::<Snowflake>("people", errors).unwrap_or_default();
        who.finish(errors);
        (roles, people)
    });
    if who
        .as_ref()
        .is_none_or(|(roles, people)| roles.is_empty() && people.is_empty())
    {
        errors.at(
            start,
            "`who` in [[grant]] must name roles or people by their ids",
        );
    }
    let everyone = |roles: &[Snowflake]| roles.iter().any(|role| guilds.contains(&role.0));
    if who.as_ref().is_some_and(|(roles, _)| everyone(roles)) {
        errors.at(
            start,
            "`roles` in [[grant]] names the server itself, whose id is that of @everyone: name a role that people are given",
        );
    }
    let channels = section.section("where", errors).and_then(|mut places| {
        let channels = places.list::<Snowflake>("channels", errors);
        places.finish(errors);
        channels
    });
    if channels.as_ref().is_none_or(Vec::is_empty) {
        errors.at(
            start,
            "`where` in [[grant]] must name channels by their ids",
        );
    }
    let what = section.list::<Verb>("what", errors);
    if what.as_ref().is_none_or(Vec::is_empty) {
        errors.at(
            start,
            "`what` in [[grant]] must name some of view, run, cancel, hold, manage",
        );
    }
    let hosts = section.required::<GrantHosts>("hosts", errors);
    section.finish(errors);
    let (roles, people) = who?;
    let ids = |ids: Vec<Snowflake>| ids.into_iter().map(|id| id.0).collect();
    Some(Grant {
        id: id?,
        roles: ids(roles),
        people: ids(people),
        channels: ids(channels?),
        what: what?,
        hosts: hosts?.0,
    })
}

/// An id of Discord, in quotes as Discord shows it.
#[derive(Debug, Clone, Copy)]
struct Snowflake(u64);

impl FromStr for Snowflake {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse::<u64>() {
            Ok(id) if digits && id > 0 && i64::try_from(id).is_ok() => Ok(Self(id)),
            Ok(_) | Err(_) => Err(format!(
                "`{text}` is not an id of Discord, which has digits only"
            )),
        }
    }
}

/// host:port for others to dial.
#[derive(Debug)]
struct HostPort(String);

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0) => {
                Ok(Self(text.to_owned()))
            }
            Some(_) | None => Err(format!("`{text}` is not an address of the form host:port")),
        }
    }
}

/// What a grant is called in records and refusals.
#[derive(Debug)]
struct GrantId(String);

impl FromStr for GrantId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let length = (1..=64).contains(&text.chars().count());
        let good = length && text == text.trim() && !text.chars().any(char::is_control);
        good.then(|| Self(text.to_owned()))
            .ok_or_else(|| "takes 1 to 64 characters in one line".to_owned())
    }
}

/// The hosts of a grant: names and labels only, never what an agent says of itself.
#[derive(Debug)]
struct GrantHosts(Selector);

impl FromStr for GrantHosts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Selector::parse_for_grant(text).map(Self).map_err(|errors| {
            errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; ")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
data_dir = "/var/lib/shanty"
[discord]
token_file = "/etc/shanty/token"
guilds = ["1"]
ops_channel = "2"
[[grant]]
id = "ops"
who = { roles = ["3"], people = ["4"] }
where = { channels = ["5"] }
what = ["view", "run", "cancel"]
hosts = "env=prod"
"#;

    #[test]
    fn a_good_file_is_read_with_its_defaults() {
        let config = Config::parse("shanty.toml", GOOD).unwrap();
        assert_eq!(config.listen.agents.port(), 7443);
        assert_eq!(
            config.listen.admin,
            PathBuf::from("/var/lib/shanty/admin.sock")
        );
        assert_eq!(config.discord.unwrap().guilds, [1]);
        assert_eq!(
            config.policy.grants[0].what,
            [Verb::View, Verb::Run, Verb::Cancel]
        );
    }

    #[test]
    fn every_error_is_told_at_once_with_its_line() {
        let bad = r#"
data_dir = "relative"
colour = "blue"
[discord]
token_file = 5
guilds = ["ops"]
api = "ftp://x"
[listen]
agents = "0.0.0.0:7443"
join = "0.0.0.0:7443"
http = "0.0.0.0:80"
[[grant]]
id = "a"
who = { roles = [] }
where = { channels = ["5"], thread = "6" }
what = ["fly"]
hosts = "is:online"
[limits]
output_max = "big"
[retention]
output = "a while"
run = "2y"
"#;
        let errors = Config::parse("shanty.toml", bad).unwrap_err();
        insta::assert_snapshot!(errors);
    }

    #[test]
    fn a_grant_is_for_nobody_by_accident_and_a_preview_stays() {
        for (from, to, said) in [
            (
                "[[grant]]",
                "[limits]\nperson_runs = 0\n[[grant]]",
                "`person_runs` in [limits] must be from 1",
            ),
            (
                "[[grant]]",
                "[limits]\nchannel_running = 99999999999\n[[grant]]",
                "`channel_running` in [limits] must be from 1 to 100000 runs at once",
            ),
            (
                "roles = [\"3\"]",
                "roles = [\"1\"]",
                "whose id is that of @everyone",
            ),
            (
                "roles = [\"3\"]",
                "roles = [\"3\", \"1\"]",
                "whose id is that of @everyone",
            ),
            ("id = \"ops\"", "id = \"\"", "takes 1 to 64"),
            ("id = \"ops\"", "id = \" \"", "takes 1 to 64"),
            ("id = \"ops\"", "id = \"a\\nb\"", "takes 1 to 64"),
            (
                "[[grant]]",
                "[limits]\nconfirm_hosts = 99999999999\n[[grant]]",
                "from 0 to 1000",
            ),
            (
                "[[grant]]",
                "[limits]\nconfirm_hosts = 1001\n[[grant]]",
                "from 0 to 1000",
            ),
        ] {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD);
            let errors = Config::parse("shanty.toml", &text).unwrap_err().to_string();
            assert!(errors.contains(said), "{to}: {errors}");
        }
        let most = GOOD.replace("[[grant]]", "[limits]\nconfirm_hosts = 1000\n[[grant]]");
        let config = Config::parse("shanty.toml", &most).unwrap();
        assert_eq!(config.limits.confirm_hosts, 1_000);
    }

    #[test]
    fn syntax_errors_have_lines_too() {
        let errors = Config::parse("shanty.toml", "data_dir = \"/x\"\nguilds = [\n").unwrap_err();
        assert!(errors.0[0].starts_with("shanty.toml:"), "{errors}");
        let twice =
            Config::parse("shanty.toml", "data_dir = \"/x\"\ndata_dir = \"/y\"\n").unwrap_err();
        assert!(twice.0[0].starts_with("shanty.toml:2:"), "{twice}");
    }
}
