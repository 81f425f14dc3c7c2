//! Where Discord is: one value that renders the REST address and says which gateway addresses may be trusted.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use hyper::Uri;
use thiserror::Error;

/// Where Discord serves files that people attach.
const FILE_HOSTS: [&str; 2] = ["cdn.discordapp.com", "media.discordapp.net"];

/// The version of Discord's REST and gateway interfaces that we speak.
const VERSION: &str = "v10";

/// An address of Discord that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApiError {
    /// Not an address at all.
    #[error("`{0}` is not an address: it takes https://discord.com or http://127.0.0.1:PORT")]
    Syntax(String),
    /// Something after host and port, or a user before them.
    #[error("`{0}` must be only scheme, host and port, such as https://discord.com")]
    Extra(String),
    /// Unencrypted, and not on this machine: the bot's token would be readable on the way.
    #[error(
        "`{0}` must be https: http is only for an address on this machine such as http://127.0.0.1:8080"
    )]
    Plain(String),
}

/// Where Discord is: scheme, host and port of its REST interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    scheme: Scheme,
    authority: String,
}

/// How the address is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Https,
    LoopbackHttp,
}

impl Api {
    /// Discord itself.
    #[must_use]
    pub fn discord() -> Self {
        Self {
            scheme: Scheme::Https,
            authority: "discord.com".to_owned(),
        }
    }

    /// True when calls are encrypted, that is everywhere but on this machine.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// The whole address of a call, from its path and query without a leading slash: `channels/5/messages`.
    #[must_use]
    pub fn url(&self, path_and_query: &str) -> String {
        format!("{self}/api/{VERSION}/{path_and_query}")
    }

    /// The address of an attached file, or none when it must not be fetched: elsewhere than where Discord keeps files.
    #[must_use]
    pub fn file_uri(&self, address: &str) -> Option<Uri> {
        let uri: Uri = address.parse().ok()?;
        let authority = uri.authority()?;
        let host = authority.host();
        let trusted = match uri.scheme_str()? {
            "https" => FILE_HOSTS.contains(&host) && authority.port().is_none(),
            "http" => !self.is_encrypted() && is_loopback(host),
            _ => false,
        };
        (trusted && !authority.as_str().contains('@')).then_some(uri)
    }

    /// The base of a gateway address in the form that twilight wants, or none when it must not be dialled: another scheme than ours, or
    /// not an address. The bot's token is sent there, and twilight panics on an address that does not parse.
    #[must_use]
    pub fn gateway_base(&self, address: &str) -> Option<String> {
        let base = address.trim_end_matches('/');
        let uri: Uri = base.parse().ok()?;
        let authority = uri.authority()?;
        let trusted = match uri.scheme_str()? {
            "wss" => true,
            "ws" => !self.is_encrypted() && is_loopback(authority.host()),
            _ => false,
        };
        let only_base = uri.query().is_none() && !authority.as_str().contains('@');
        (trusted && only_base).then(|| base.to_owned())
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Https => "https",
            Scheme::LoopbackHttp => "http",
        };
        write!(f, "{scheme}://{}", self.authority)
    }
}

impl FromStr for Api {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let syntax = || ApiError::Syntax(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| syntax())?;
        let authority = uri.authority().ok_or_else(syntax)?;
        let extra = !matches!(uri.path(), "" | "/") || uri.query().is_some();
        if extra || authority.as_str().contains('@') {
            return Err(ApiError::Extra(text.to_owned()));
        }
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") if is_loopback(authority.host()) => Scheme::LoopbackHttp,
            Some("http") => return Err(ApiError::Plain(text.to_owned())),
            Some(_) | None => return Err(syntax()),
        };
        Ok(Self {
            scheme,
            authority: authority.as_str().to_owned(),
        })
    }
}

/// True for addresses of this machine, written as numbers, and for `localhost`.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_render_calls() {
        for (text, url) in [
            (
                "https://discord.com",
                "https://discord.com/api/v10/gateway/bot",
            ),
            (
                "https://discord.com/",
                "https://discord.com/api/v10/gateway/bot",
            ),
            (
                "http://127.0.0.1:8080",
                "http://127.0.0.1:8080/api/v10/gateway/bot",
            ),
            ("http://[::1]:80", "http://[::1]:80/api/v10/gateway/bot"),
        ] {
            assert_eq!(text.parse::<Api>().unwrap().url("gateway/bot"), url);
        }
    }

    #[test]
    fn other_addresses_are_refused_with_the_reason() {
        for (text, error) in [
            ("", ApiError::Syntax as fn(String) -> ApiError),
            ("discord.com", ApiError::Syntax),
            ("ftp://discord.com", ApiError::Syntax),
            ("https://", ApiError::Syntax),
            ("http://discord.com", ApiError::Plain),
            ("http://10.0.0.1:80", ApiError::Plain),
            ("http://127.0.0.1.evil.example", ApiError::Plain),
            ("https://discord.com/api", ApiError::Extra),
            ("https://me@discord.com", ApiError::Extra),
            ("https://discord.com?x=1", ApiError::Extra),
        ] {
            assert_eq!(text.parse::<Api>(), Err(error(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn files_are_fetched_from_where_discord_keeps_them_only() {
        let discord: Api = "https://discord.com".parse().unwrap();
        let local: Api = "http://127.0.0.1:80".parse().unwrap();
        for (address, of_discord, of_local) in [
            (
                "https://cdn.discordapp.com/ephemeral-attachments/1/2/x.sh?ex=1",
                true,
                true,
            ),
            (
                "https://media.discordapp.net/attachments/1/2/x.sh",
                true,
                true,
            ),
            ("http://127.0.0.1:4242/attachments/1/2/x.sh", false, true),
            ("http://cdn.discordapp.com/x.sh", false, false),
            ("https://cdn.discordapp.com:444/x.sh", false, false),
            ("https://me@cdn.discordapp.com/x.sh", false, false),
            ("https://cdn.discordapp.com.evil.example/x.sh", false, false),
            ("http://10.0.0.1/x.sh", false, false),
            ("http://127.0.0.1.evil.example/x.sh", false, false),
            ("file:///etc/passwd", false, false),
            ("", false, false),
        ] {
            assert_eq!(discord.file_uri(address).is_some(), of_discord, "{address}");
            assert_eq!(local.file_uri(address).is_some(), of_local, "{address}");
        }
    }

    #[test]
    fn gateway_addresses_follow_the_scheme() {
        let discord: Api = "https://discord.com".parse().unwrap();
        let local: Api = "http://127.0.0.1:80".parse().unwrap();
        let base = |api: &Api, url: &str| api.gateway_base(url);
        assert_eq!(
            base(&discord, "wss://gateway.discord.gg/").as_deref(),
            Some("wss://gateway.discord.gg")
        );
        assert_eq!(
            base(&local, "ws://127.0.0.1:80/gateway").as_deref(),
            Some("ws://127.0.0.1:80/gateway")
        );
        for bad in [
            "ws://gateway.discord.gg",
            "https://gateway.discord.gg",
            "wss://a@gateway.discord.gg",
            "wss://gateway.discord.gg/?x=1",
            "wss://",
            "",
            "\u{0}",
        ] {
            assert_eq!(base(&discord, bad), None, "{bad}");
        }
        assert_eq!(base(&local, "ws://10.0.0.1/gateway"), None);
    }
}
