//! An HTTP proxy on the way to the controller: its address, and which addresses are dialled without it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;
use zeroize::Zeroizing;

use super::Address;

/// Variables that name a proxy, the first that says something counts; as curl reads them.
const VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// Variables that say what is dialled without one.
const NOT_FOR: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// An HTTP proxy. It is shown without user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(Arc<Parts>);

#[derive(PartialEq, Eq)]
struct Parts {
    /// As it was written.
    url: Zeroizing<String>,
    address: Address,
    /// `user:password`.
    login: Option<Zeroizing<Vec<u8>>>,
}

/// Why a text is not the address of a proxy. Never repeats it, as it may hold a password.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ProxyError {
    /// A kind of proxy that is not spoken.
    #[error("no proxy of the kind `{0}` can be used; it takes an HTTP proxy, http://HOST:PORT")]
    Scheme(String),
    /// Not an address.
    #[error(
        "the proxy's address cannot be read; it takes http://HOST:PORT or http://USER:PASSWORD@HOST:PORT"
    )]
    Address,
    /// User and password are not written as in other addresses.
    #[error("user and password of the proxy cannot be read; write @ as %40, : as %3A and % as %25")]
    Login,
    /// A variable of the environment is one of these.
    #[error("{name}: {why}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        why: Box<Self>,
    },
}

/// What `agent.toml` says of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyChoice {
    /// Nothing: the environment decides.
    Unsaid,
    /// There is none, whatever the environment says.
    None,
    /// This one.
    This(Proxy),
}

/// What the environment says of proxies.
#[derive(Clone, Default)]
pub struct ProxyVariables {
    proxy: Option<(&'static str, Zeroizing<String>)>,
    not_for: String,
}

impl Proxy {
    /// Where it listens.
    pub(crate) fn address(&self) -> &Address {
        &self.0.address
    }

    /// True when a user is named.
    pub(crate) fn has_login(&self) -> bool {
        self.0.login.is_some()
    }

    /// The value of `Proxy-Authorization`.
    pub(crate) fn authorization(&self) -> Option<Zeroizing<String>> {
        let login = self.0.login.as_ref()?;
        Some(Zeroizing::new(format!("Basic {}", STANDARD.encode(login))))
    }

    /// With user and password, for a file that is ours alone.
    pub(super) fn url(&self) -> &str {
        &self.0.url
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.0.address)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for ProxyVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What they hold may be no address, and then nobody knows what of it is a password.
        let name = self.proxy.as_ref().map(|(name, _)| name);
        write!(f, "{name:?}, not for {:?}", self.not_for)
    }
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let text = text.trim();
        let rest = match text.split_once("://") {
            None => text,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some((scheme, _)) if is_scheme(scheme) => {
                return Err(ProxyError::Scheme(scheme.to_owned()));
            }
            Some(_) => return Err(ProxyError::Address),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (Some(read_login(login)?), address),
            None => (None, rest),
        };
        Ok(Self(Arc::new(Parts {
            url: Zeroizing::new(text.to_owned()),
            address: address.parse().map_err(|_| ProxyError::Address)?,
            login,
        })))
    }
}

/// One that is known to be no part of a password.
fn is_scheme(text: &str) -> bool {
    ["https", "socks", "socks4", "socks4a", "socks5", "socks5h"]
        .iter()
        .any(|known| text.eq_ignore_ascii_case(known))
}

fn read_login(text: &str) -> Result<Zeroizing<Vec<u8>>, ProxyError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let user = decoded(user).filter(|user| !user.contains(&b':'));
    let (Some(mut login), Some(password)) = (user, decoded(password)) else {
        return Err(ProxyError::Login);
    };
    login.push(b':');
    login.extend_from_slice(&password);
    Ok(login)
}

/// With each `%41` as the byte that it stands for; nothing when one stands for none.
fn decoded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * text.len()));
    let mut left = text.as_bytes();
    while let Some((&first, rest)) = left.split_first() {
        left = rest;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, rest) = left.split_at_checked(2)?;
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let value = digit(digits.first()?)? * 16 + digit(digits.last()?)?;
        bytes.push(u8::try_from(value).ok()?);
        left = rest;
    }
    Some(bytes)
}

impl ProxyVariables {
    /// Reads them.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let said = |name: &str| variable(name).filter(|text| !text.trim().is_empty());
        Self {
            proxy: VARIABLES
                .iter()
                .find_map(|name| Some((*name, Zeroizing::new(said(name)?)))),
            not_for: NOT_FOR
                .iter()
                .find_map(|name| said(name))
                .unwrap_or_default(),
        }
    }

    /// The proxy on the way to an address, if there is one.
    ///
    /// # Errors
    /// [`ProxyError::Variable`] when there is one and it cannot be used.
    pub fn proxy_to(&self, address: &Address) -> Result<Option<Proxy>, ProxyError> {
        let Some((name, text)) = &self.proxy else {
            return Ok(None);
        };
        if is_here(address) || is_named(address, &self.not_for) {
            return Ok(None);
        }
        let why = |why| ProxyError::Variable {
            name,
            why: Box::new(why),
        };
        text.parse().map(Some).map_err(why)
    }
}

impl ProxyChoice {
    /// The proxy on the way to an address, if there is one.
    ///
    /// # Errors
    /// [`ProxyError::Variable`] when the environment names one that cannot be used, and nothing is said here.
    pub fn proxy_to(
        &self,
        address: &Address,
        environment: &ProxyVariables,
    ) -> Result<Option<Proxy>, ProxyError> {
        match self {
            Self::Unsaid => environment.proxy_to(address),
            Self::None => Ok(None),
            Self::This(proxy) => Ok((!is_here(address)).then(|| proxy.clone())),
        }
    }
}

/// True for this machine, where no proxy leads to.
fn is_here(address: &Address) -> bool {
    match ip(address.host()) {
        Some(ip) => ip.to_canonical().is_loopback() || ip.is_unspecified(),
        None => {
            let host = plain(address.host());
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}

/// True when a list such as `.example.net, 10.0.0.0/8, db-01:7443` holds the address.
fn is_named(address: &Address, list: &str) -> bool {
    let host = plain(address.host());
    let mut entries = list.split([',', ' ']).map(plain);
    entries.any(|entry| {
        let (entry, port) = apart(&entry);
        let port = port.is_none_or(|port| port == address.port());
        port && (entry == "*" || holds(entry, &host))
    })
}

fn holds(entry: &str, host: &str) -> bool {
    if let Some(ip) = ip(host) {
        return match entry.split_once('/') {
            Some((net, bits)) => is_in(ip, net, bits),
            None => self::ip(entry) == Some(ip),
        };
    }
    let domain = entry.strip_prefix('*').unwrap_or(entry);
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    let above = host.strip_suffix(domain);
    !domain.is_empty() && above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

/// An entry, and its port if it has one. An address of version 6 with a port is in brackets.
fn apart(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (entry, None),
        },
        Some(_) | None => (entry, None),
    }
}

fn is_in(ip: IpAddr, net: &str, bits: &str) -> bool {
    let (Some(net), Ok(bits)) = (self::ip(net), bits.parse::<u32>()) else {
        return false;
    };
    let (differ, of) = match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => (u128::from(ip.to_bits() ^ net.to_bits()), 32),
        (IpAddr::V6(ip), IpAddr::V6(net)) => (ip.to_bits() ^ net.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    // Of no bit at all nothing is left to differ.
    bits <= of && differ.checked_shr(of - bits).unwrap_or(0) == 0
}

fn ip(host: &str) -> Option<IpAddr> {
    let inside = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    inside.unwrap_or(host).parse().ok()
}

/// As names are compared.
fn plain(name: &str) -> String {
    let name = name.trim();
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn environment(of: &[(&str, &str)]) -> ProxyVariables {
        ProxyVariables::read(|name| {
            let found = of.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_proxy_is_shown_without_what_is_secret() {
        let login = |text: &str| {
            let proxy: Proxy = text.parse().unwrap();
            let shown = format!("{proxy} {proxy:?}");
            assert_eq!(shown, "http://proxy:3128 http://proxy:3128", "{text}");
            proxy.authorization().map(|login| login.to_string())
        };
        for plain in ["http://proxy:3128", "HTTP://proxy:3128/", " proxy:3128 "] {
            assert_eq!(login(plain), None);
        }
        // "Aladdin:open sesame", the example of RFC 7617.
        let known = Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned());
        assert_eq!(login("http://Aladdin:open%20sesame@proxy:3128"), known);
        assert_eq!(login("Aladdin:open sesame@proxy:3128/"), known);
        let basic = |login: &str| Some(format!("Basic {}", STANDARD.encode(login)));
        assert_eq!(login("http://u@proxy:3128"), basic("u:"));
        assert_eq!(
            login("http://u:p@ss:%2f%C3%A9@proxy:3128"),
            basic("u:p@ss:/é")
        );
    }

    #[test]
    fn what_is_no_proxy_is_said_without_repeating_it() {
        use ProxyError as No;
        for (text, why) in [
            ("https://u:hunter2@p:1", No::Scheme("https".to_owned())),
            ("socks5://u:hunter2@p:1", No::Scheme("socks5".to_owned())),
            ("hunter2://p:1", No::Address),
            ("http://u:hunter2@proxy", No::Address),
            ("http://hunter2", No::Address),
            ("http://p:1/hunter2", No::Address),
            ("http://p:0", No::Address),
            ("", No::Address),
            ("http://u:hunter2%@p:1", No::Login),
            ("http://u:hunter2%4@p:1", No::Login),
            ("http://u:hunter2%zz@p:1", No::Login),
            ("http://u%3A:hunter2@p:1", No::Login),
        ] {
            let error = text.parse::<Proxy>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}");
            assert_eq!(error, why, "{text}");
        }
    }

    #[test]
    fn the_first_variable_that_says_something_counts() {
        let to = address("shanty.example.net:7443");
        let found = |of: &[(&str, &str)]| {
            let proxy = environment(of).proxy_to(&to).unwrap();
            proxy.map(|proxy| proxy.to_string())
        };
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[("HTTP_PROXY", "http://h:1")]), None);
        let all = [
            ("ALL_PROXY", "http://d:1"),
            ("all_proxy", "http://c:1"),
            ("HTTPS_PROXY", "http://b:1"),
            ("https_proxy", "http://a:1"),
        ];
        assert_eq!(found(&all).as_deref(), Some("http://a:1"));
        assert_eq!(found(&all[..3]).as_deref(), Some("http://b:1"));
        assert_eq!(found(&all[..2]).as_deref(), Some("http://c:1"));
        assert_eq!(found(&all[..1]).as_deref(), Some("http://d:1"));
        let empty = [("HTTPS_PROXY", " "), ("ALL_PROXY", "http://d:1")];
        assert_eq!(found(&empty).as_deref(), Some("http://d:1"));
        let bad = environment(&[("ALL_PROXY", "socks5://h:1")]);
        let said = bad.proxy_to(&to).unwrap_err().to_string();
        assert!(said.starts_with("ALL_PROXY: no proxy of the kind `socks5`"));
        // Whoever needs none is not kept from working.
        assert_eq!(bad.proxy_to(&address("127.0.0.1:7443")), Ok(None));
    }

    #[test]
    fn what_is_named_and_what_is_here_is_dialled_directly() {
        let direct = |list: &str, to: &str| {
            let all = environment(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", list)]);
            all.proxy_to(&address(to)).unwrap().is_none()
        };
        for here in [
            "127.0.0.1:1",
            "127.8.9.1:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
            "0.0.0.0:1",
            "localhost:1",
            "LocalHost.:1",
            "a.localhost:1",
        ] {
            assert!(direct("", here), "{here}");
            let this = ProxyChoice::This("http://p:1".parse().unwrap());
            let found = this.proxy_to(&address(here), &ProxyVariables::default());
            assert_eq!(found, Ok(None), "{here}");
        }
        let (name, four, six) = ("db.example.net:7443", "10.1.2.3:7443", "[fd00::1:2]:7443");
        for (list, to) in [
            ("*", name),
            ("example.net", name),
            (".example.net", name),
            ("*.example.net", name),
            ("a.org,, Example.NET.", name),
            ("a.org DB.example.net:7443", name),
            ("10.1.2.3", four),
            ("10.0.0.0/8", four),
            ("10.1.2.3/32", four),
            ("0.0.0.0/0", four),
            ("10.1.2.3:7443", four),
            ("fd00:0::1:2", six),
            ("[fd00::1:2]:7443", six),
            ("fd00::/8", six),
            ("::/0", six),
        ] {
            assert!(direct(list, to), "{list} {to}");
        }
        for (list, to) in [
            ("", name),
            (",", name),
            (".", name),
            ("ample.net", name),
            ("b.example.net", name),
            ("x.db.example.net", name),
            ("db.example.net:7444", name),
            ("0.0.0.0/0", name),
            ("10.1.2.4", four),
            ("10.1.2.4/32", four),
            ("10.1.2.3/33", four),
            ("11.0.0.0/8", four),
            ("10.0.0.0/x", four),
            (".3", four),
            ("::/0", four),
            ("fe00::/8", six),
            ("0.0.0.0/0", six),
        ] {
            assert!(!direct(list, to), "{list} {to}");
        }
    }

    #[test]
    fn the_file_is_above_the_environment() {
        let to = address("shanty.example.net:7443");
        let environment = environment(&[("HTTPS_PROXY", "http://b:1")]);
        let found = |choice: ProxyChoice| {
            let proxy = choice.proxy_to(&to, &environment).unwrap();
            proxy.map(|proxy| proxy.to_string())
        };
        assert_eq!(found(ProxyChoice::Unsaid).as_deref(), Some("http://b:1"));
        assert_eq!(found(ProxyChoice::None), None);
        let this = ProxyChoice::This("a:1".parse().unwrap());
        assert_eq!(found(this).as_deref(), Some("http://a:1"));
    }
}
