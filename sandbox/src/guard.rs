//! Who may reach what people do: whoever gets past this can run commands on servers.
//!
//! A web page of a stranger, open in the same browser, can send requests to loopback; what gives it away is its Origin,
//! what the browser says of where it came from, and after a trick with names its Host. Scripts have none of these. No
//! answer ever carries a CORS header, so a browser's preflight always fails.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Uri};

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

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
pub(crate) fn check(target: &Uri, headers: &HeaderMap, address: SocketAddr) -> Result<(), Turned> {
    // A request meant for a proxy names its server in the target, and Host means nothing then (RFC 9112, 3.2.2).
    let named = target.authority();
    if named.is_some_and(|named| !is_ours(named.as_str(), address)) {
        return Err(Turned::Host);
    }
    let host = only(headers, &HOST).ok_or(Turned::Host)?;
    if !is_ours(host, address) {
        return Err(Turned::Host);
    }
    if !is_from_here(headers) {
        return Err(Turned::Origin);
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

/// What browsers tell of a request beside its Origin: our own page's requests, typed addresses, and links that were
/// followed here pass. A page of another port on this machine is `same-site` and is as foreign as any.
fn is_from_here(headers: &HeaderMap) -> bool {
    match headers.get_all(&SITE).iter().count() {
        0 => true,
        1 => match only(headers, &SITE) {
            Some("same-origin" | "none") => true,
            Some(_) => {
                only(headers, &MODE) == Some("navigate")
                    && only(headers, &DESTINATION) == Some("document")
            }
            None => false,
        },
        _ => false,
    }
}

/// Checks Host, Origin and Content-Type: for the script actions.
pub(crate) fn check_action(
    target: &Uri,
    headers: &HeaderMap,
    address: SocketAddr,
) -> Result<(), Turned> {
    check(target, headers, address)?;
    // A form of a stranger that navigates here is stopped by its type; this one needs no guess about types.
    if only(headers, &MODE) == Some("navigate") {
        return Err(Turned::Origin);
    }
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
pub(crate) fn is_ours(authority: &str, address: SocketAddr) -> bool {
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
    use axum::http::HeaderValue;

    fn verdict(list: &[(HeaderName, &str)]) -> Result<(), Turned> {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(name, value.parse().unwrap());
        }
        let target = Uri::from_static("/sandbox/slash");
        check_action(&target, &headers, SocketAddr::from(([127, 0, 0, 1], 7470)))
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
    fn what_browsers_tell_of_strangers_counts() {
        let verdict = |site, mode, dest| {
            let mut headers = HeaderMap::new();
            headers.append(HOST, "127.0.0.1:7470".parse().unwrap());
            for (name, value) in [(SITE, site), (MODE, mode), (DESTINATION, dest)] {
                headers.append(name, HeaderValue::from_static(value));
            }
            let address = SocketAddr::from(([127, 0, 0, 1], 7470));
            let target = Uri::from_static("/");
            let page = check(&target, &headers, address);
            headers.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            (page, check_action(&target, &headers, address))
        };
        let (yes, no) = (Ok(()), Err(Turned::Origin));
        assert_eq!(verdict("same-origin", "cors", "empty"), (yes, yes));
        assert_eq!(verdict("none", "navigate", "document"), (yes, no));
        assert_eq!(verdict("cross-site", "navigate", "document"), (yes, no));
        assert_eq!(verdict("cross-site", "navigate", "iframe"), (no, no));
        assert_eq!(verdict("cross-site", "no-cors", "script"), (no, no));
        assert_eq!(verdict("same-site", "cors", "empty"), (no, no));
        assert_eq!(verdict("same-site", "websocket", "empty"), (no, no));
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
