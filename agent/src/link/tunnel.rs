//! A way to the controller through an HTTP proxy: CONNECT, and from then on bytes that the proxy cannot read.

use std::io;

use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use crate::config::{Address, Proxy};
use crate::failure::printable;

/// Longest answer of a proxy before the bytes of the other side, bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Longest reason that is repeated, characters.
const REASON_CHARS_MAX: usize = 100;

/// Why a proxy is no way to the controller.
#[derive(Debug, Error)]
pub(crate) enum TunnelError {
    /// No connection to the proxy.
    #[error("the proxy cannot be reached")]
    Connect(#[source] io::Error),
    /// The connection ended before there was an answer.
    #[error("the proxy broke off")]
    Broken(#[source] io::Error),
    /// Another status than success.
    #[error("the proxy answered {status}{reason}{hint}")]
    Refused {
        /// Such as 403.
        status: u16,
        /// What stands behind it, with a space before it.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// No answer of HTTP.
    #[error("what answers there is no HTTP proxy")]
    Nonsense,
}

/// Asks the proxy for a connection to `address`.
pub(super) async fn connect(proxy: &Proxy, address: &Address) -> Result<TcpStream, TunnelError> {
    let mut tcp = TcpStream::connect(proxy.address().to_string())
        .await
        .map_err(TunnelError::Connect)?;
    tcp.write_all(request(proxy, address).as_bytes())
        .await
        .map_err(TunnelError::Broken)?;
    let answer = read_answer(&mut tcp).await?;
    let (status, reason) = status(&answer).ok_or(TunnelError::Nonsense)?;
    if (200..300).contains(&status) {
        return Ok(tcp);
    }
    Err(TunnelError::Refused {
        status,
        reason,
        hint: hint(status, proxy, address),
    })
}

fn request(proxy: &Proxy, address: &Address) -> Zeroizing<String> {
    let authorization = proxy.authorization();
    let authorization = authorization.as_ref().map_or_else(String::new, |login| {
        format!("Proxy-Authorization: {}\r\n", login.as_str())
    });
    let version = crate::version::here();
    Zeroizing::new(format!(
        "CONNECT {address} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: shanty-agent/{version}\r\n{authorization}\r\n"
    ))
}

/// The head of an answer. Byte by byte, which happens once for a link: what comes behind it is not ours to take.
async fn read_answer(tcp: &mut TcpStream) -> Result<Vec<u8>, TunnelError> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= ANSWER_BYTES_MAX || (answer.len() == 5 && answer != b"HTTP/") {
            return Err(TunnelError::Nonsense);
        }
        answer.push(tcp.read_u8().await.map_err(TunnelError::Broken)?);
    }
    Ok(answer)
}

/// Status and reason, the latter with a space before it when there is one.
fn status(answer: &[u8]) -> Option<(u16, String)> {
    let answer = String::from_utf8_lossy(answer);
    let line = answer.lines().next()?.strip_prefix("HTTP/1.")?;
    let (_, line) = line.split_once(' ')?;
    let (status, reason) = line.split_once(' ').unwrap_or((line, ""));
    let digits = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
    let status = status.parse().ok().filter(|_| digits)?;
    let reason: String = printable(reason.trim())
        .chars()
        .take(REASON_CHARS_MAX)
        .collect();
    let reason = if reason.is_empty() {
        reason
    } else {
        format!(" {reason}")
    };
    Some((status, reason))
}

fn hint(status: u16, proxy: &Proxy, address: &Address) -> String {
    match status {
        407 if proxy.has_login() => {
            ": it does not take that user and password, or wants another way than Basic".to_owned()
        }
        407 => {
            ": give it user and password, http://USER:PASSWORD@HOST:PORT in HTTPS_PROXY or as `proxy` in agent.toml"
                .to_owned()
        }
        403 | 405 => format!(": it must allow CONNECT to {address}"),
        502..=504 => format!(": it does not reach {address}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_asked_for_the_controller() {
        let address = "shanty.example.net:7443".parse().unwrap();
        let asked = |proxy: &str| request(&proxy.parse().unwrap(), &address).to_string();
        let version = crate::version::here();
        let head = format!(
            "CONNECT shanty.example.net:7443 HTTP/1.1\r\nHost: shanty.example.net:7443\r\nUser-Agent: shanty-agent/{version}\r\n"
        );
        assert_eq!(asked("http://p:1"), format!("{head}\r\n"));
        let login = "Proxy-Authorization: Basic dTpw\r\n";
        assert_eq!(asked("http://u:p@p:1"), format!("{head}{login}\r\n"));
    }

    #[test]
    fn an_answer_is_read_as_it_is_meant() {
        let read = |line: &str| status(format!("{line}\r\nA: b\r\n\r\n").as_bytes());
        let with = |status: u16, reason: &str| Some((status, reason.to_owned()));
        assert_eq!(read("HTTP/1.1 200 OK"), with(200, " OK"));
        assert_eq!(read("HTTP/1.0 407"), with(407, ""));
        assert_eq!(read("HTTP/1.1 403 \x1b[2JNo way"), with(403, "  [2JNo way"));
        let long = read(&format!("HTTP/1.1 500 {}", "x".repeat(9_999)));
        assert_eq!(long.unwrap().1.len(), 1 + REASON_CHARS_MAX);
        for bad in [
            "",
            "HTTP/2 200",
            "HTTP/1.1",
            "HTTP/1.1 2000",
            "HTTP/1.1 +20 x",
            "SSH-2.0",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
