//! `[discord]`: where Discord is, what the bot logs in with, and which servers and channels it serves.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::api::Api;
use super::read::{Errors, Section};
use super::{AbsolutePath, Snowflake};

/// How to reach Discord.
#[derive(Clone, Debug)]
pub struct DiscordConfig {
    /// Where the bot's token is.
    pub token: TokenSource,
    /// The guilds that are served.
    pub guilds: Vec<u64>,
    /// Runs of the command line are shown here.
    pub ops_channel: Option<u64>,
    /// Where the journal's anchors are posted: the ops channel unless another is named.
    pub audit_channel: Option<u64>,
    /// Discord itself, or the sandbox.
    pub api: Api,
}

/// Where the bot's token is: never in the configuration itself, and never in an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// A file that only the controller's user may read.
    File(PathBuf),
    /// A credential of this name, which systemd hands to the service.
    Credential(String),
}

impl TokenSource {
    /// The key that names it.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::File(_) => "token_file",
            Self::Credential(_) => "token_credential",
        }
    }

    /// The file that holds it; `credentials` is where the service's credentials are. Nothing where there are none.
    #[must_use]
    pub fn path(&self, credentials: Option<&Path>) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path.clone()),
            Self::Credential(name) => credentials.map(|directory| directory.join(name)),
        }
    }
}

impl DiscordConfig {
    pub(super) fn read(mut section: Section<'_, '_>, errors: &mut Errors<'_>) -> Option<Self> {
        let start = section.start();
        let file = section.text::<AbsolutePath>("token_file", errors);
        let credential = section.text::<CredentialName>("token_credential", errors);
        let token = match (file, credential) {
            (Some(file), None) => Some(TokenSource::File(file.0)),
            (None, Some(name)) => Some(TokenSource::Credential(name.0)),
            (None, None) => {
                // What was given and is wrong is told already.
                if !section.had("token_file") && !section.had("token_credential") {
                    errors.at(start, "`token_file` in [discord] is missing");
                }
                None
            }
            (Some(_), Some(_)) => {
                errors.at(
                    start,
                    "[discord] takes either `token_file` or `token_credential`: leave one out",
                );
                None
            }
        };
        let guilds = section.list::<Snowflake>("guilds", errors);
        if guilds.as_ref().is_none_or(Vec::is_empty) {
            errors.at(
                start,
                "`guilds` in [discord] must name at least one server by its id",
            );
        }
        let ops_channel = section.text::<Snowflake>("ops_channel", errors);
        let audit_channel = section.text::<Snowflake>("audit_channel", errors);
        let api = section.text::<Api>("api", errors);
        section.finish(errors);
        Some(Self {
            token: token?,
            guilds: guilds?.into_iter().map(|id| id.0).collect(),
            audit_channel: audit_channel
                .as_ref()
                .or(ops_channel.as_ref())
                .map(|id| id.0),
            ops_channel: ops_channel.map(|id| id.0),
            api: api.unwrap_or_else(Api::discord),
        })
    }
}

/// The name of a credential: a file's name, as systemd takes it.
#[derive(Debug)]
struct CredentialName(String);

impl FromStr for CredentialName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let name = !text.is_empty() && text.len() <= 255 && text.chars().all(plain);
        (name && !matches!(text, "." | ".."))
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| {
                format!("`{text}` is no name of a credential, such as bot-token of LoadCredential=bot-token:FILE")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn token(lines: &str) -> Result<TokenSource, String> {
        let text = format!("data_dir = \"/d\"\n[discord]\nguilds = [\"1\"]\n{lines}");
        let config = Config::parse("shanty.toml", &text).map_err(|errors| errors.to_string())?;
        Ok(config.discord.unwrap().token)
    }

    #[test]
    fn the_token_is_in_one_place() {
        let file = token("token_file = \"/t\"").unwrap();
        assert_eq!(file, TokenSource::File("/t".into()));
        assert_eq!(file.path(None), Some("/t".into()));
        let credential = token("token_credential = \"bot-token\"").unwrap();
        assert_eq!(credential, TokenSource::Credential("bot-token".to_owned()));
        let there = Path::new("/run/credentials/shanty.service");
        assert_eq!(credential.path(Some(there)), Some(there.join("bot-token")));
        assert_eq!(credential.path(None), None);
    }

    #[test]
    fn two_places_none_and_names_that_lead_elsewhere_are_refused_once() {
        for (lines, told) in [
            ("", "shanty.toml:2: `token_file` in [discord] is missing"),
            (
                "token_file = \"/t\"\ntoken_credential = \"t\"",
                "shanty.toml:2: [discord] takes either `token_file` or `token_credential`: leave one out",
            ),
            (
                "token_file = \"t\"",
                "shanty.toml:4: `token_file` in [discord]: the path must start with /",
            ),
        ] {
            assert_eq!(token(lines).unwrap_err(), told);
        }
        for name in ["", ".", "..", "../t", "a/b", "a b"] {
            let told = token(&format!("token_credential = \"{name}\"")).unwrap_err();
            let starts =
                format!("shanty.toml:4: `token_credential` in [discord]: `{name}` is no name");
            assert!(told.starts_with(&starts), "{told}");
            assert_eq!(told.lines().count(), 1, "{told}");
        }
    }
}
