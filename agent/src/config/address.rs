//! What an agent dials.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

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

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
