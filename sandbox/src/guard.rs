//! Who may reach what people do: whoever gets past this can run commands on servers.
//!
//! A web page of a stranger, open in the same browser, can send requests to loopback; what gives it away is its Origin, and
//! after a trick with names its Host. Scripts and the web client itself have neither.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName};

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Turned {
    #[error("the Host header must be a loopback address with this server's port")]
    Host,
    #[error("requests from other origins are refused")]
    Origin,
    #[error("the Content-Type must be application/json")]
    ContentType,
}

impl Turned {
    /// The HTTP status.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Host => 421,
            Self::Origin => 403,
            Self::ContentType => 415,
        }
    }
}

/// Checks Host and Origin: for the web client and its socket.
pub(crate) fn check(headers: &HeaderMap, address: SocketAddr) -> Result<(), Turned> {
    let host = only(headers, &HOST).ok_or(Turned::Host)?;
    if !is_ours(host, address) {
        return Err(Turned::Host);
    }
    match headers.get_all(ORIGIN).iter().count() {
        0 => Ok(()),
        1 => {
            let origin = only(headers, &ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
            if origin.is_some_and(|origin| is_ours(origin, address)) {
                Ok(())
            } else {
                Err(Turned::Origin)
            }
        }
        _ => Err(Turned::Origin),
    }
}

/// Checks Host, Origin and Content-Type: for the script actions.
pub(crate) fn check_action(headers: &HeaderMap, address: SocketAddr) -> Result<(), Turned> {
    check(headers, address)?;
    let kind = only(headers, &CONTENT_TYPE).ok_or(Turned::ContentType)?;
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Turned::ContentType)
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

/// Whether `host:port` means this server. A name other than `localhost` never does: names can be made to point anywhere.
fn is_ours(authority: &str, address: SocketAddr) -> bool {
    let Some((host, port)) = authority.rsplit_once(':') else {
        return false;
    };
    if port.parse() != Ok(address.port()) {
        return false;
    }
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback() || (!address.ip().is_loopback() && !ip.is_unspecified()),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(list: &[(HeaderName, &str)]) -> Result<(), Turned> {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(name, value.parse().unwrap());
        }
        check_action(&headers, SocketAddr::from(([127, 0, 0, 1], 7470)))
    }

    const JSON: (HeaderName, &str) = (CONTENT_TYPE, "application/json");

    #[test]
    fn our_own_hosts_pass() {
        for host in [
            "127.0.0.1:7470",
            "localhost:7470",
            "[::1]:7470",
            "127.0.0.2:7470",
        ] {
            assert_eq!(verdict(&[(HOST, host), JSON]), Ok(()), "{host}");
        }
    }

    #[test]
    fn other_hosts_are_misdirected() {
        for host in [
            "evil.example:7470",
            "127.0.0.1",
            "127.0.0.1:80",
            "localhost.evil.example:7470",
            "192.168.0.1:7470",
            ":7470",
            "",
        ] {
            assert_eq!(verdict(&[(HOST, host), JSON]), Err(Turned::Host), "{host}");
        }
        assert_eq!(verdict(&[JSON]), Err(Turned::Host));
        assert_eq!(
            verdict(&[(HOST, "127.0.0.1:7470"), (HOST, "evil.example"), JSON]),
            Err(Turned::Host)
        );
    }

    #[test]
    fn foreign_origins_are_forbidden() {
        let host = (HOST, "127.0.0.1:7470");
        assert_eq!(
            verdict(&[host.clone(), (ORIGIN, "http://127.0.0.1:7470"), JSON]),
            Ok(())
        );
        for origin in [
            "null",
            "http://evil.example",
            "https://127.0.0.1:7470",
            "http://127.0.0.1:8080",
            "http://127.0.0.1:7470.evil.example",
            "",
        ] {
            assert_eq!(
                verdict(&[host.clone(), (ORIGIN, origin), JSON]),
                Err(Turned::Origin),
                "{origin}"
            );
        }
    }

    #[test]
    fn forms_cannot_pass_as_json() {
        let host = (HOST, "127.0.0.1:7470");
        assert_eq!(
            verdict(&[
                host.clone(),
                (CONTENT_TYPE, "application/json; charset=utf-8")
            ]),
            Ok(())
        );
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "application/jsonx",
        ] {
            assert_eq!(
                verdict(&[host.clone(), (CONTENT_TYPE, kind)]),
                Err(Turned::ContentType),
                "{kind}"
            );
        }
        assert_eq!(verdict(&[host]), Err(Turned::ContentType));
    }
}
