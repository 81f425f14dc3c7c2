//! Identifiers and names: small types that parse, print and compare, so that a string of one kind is never taken for another.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// An identifier or name that does not follow its grammar.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    /// Not 32 lower-case hexadecimal digits.
    #[error("`{0}` is not an id: it takes 32 digits of 0-9 and a-f")]
    Hex(String),
    /// Not a host name by our grammar.
    #[error(
        "`{0}` is not a host name: it takes 1 to 63 of a-z, 0-9, `.`, `_` and `-`, and starts and ends with a letter or digit"
    )]
    HostName(String),
    /// A name that means something else.
    #[error("no host can be named `all`: in a selector it means every host")]
    All,
    /// A name that a reader or another program takes for something else.
    #[error("no host can be named `{0}`: {1}")]
    Reserved(String, &'static str),
    /// Not a label.
    #[error(
        "`{0}` is not a label: it takes key=value, each 1 to 63 of a-z, 0-9, `.`, `_` and `-`, starting and ending with a letter or digit"
    )]
    Label(String),
    /// A label with two values.
    #[error("the label `{0}` is given twice")]
    LabelTwice(String),
    /// Not the number of a run.
    #[error("`{0}` is not the number of a run: it takes #142 or 142")]
    RunNumber(String),
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Wraps the 16 bytes of a UUIDv7.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes, in the order in which ids sort.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0; 16];
                let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
                match hex::decode_to_slice(text, &mut bytes) {
                    Ok(()) if lower => Ok(Self(bytes)),
                    Ok(()) | Err(_) => Err(IdError::Hex(shown(text))),
                }
            }
        }
    };
}

uuid_id! {
    /// Identifies one enrolled agent. Drawn at join, never reused, not derived from the host's name.
    AgentId
}

uuid_id! {
    /// Identifies one run. People see its [`RunNumber`].
    RunId
}

impl RunId {
    /// When it was drawn, milliseconds since the Unix epoch (RFC 9562, version 7); nothing for an id that was made otherwise.
    #[must_use]
    pub const fn drawn_ms(&self) -> Option<u64> {
        let [a, b, c, d, e, f, version, ..] = self.0;
        if version >> 4 != 7 {
            return None;
        }
        Some(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }
}

/// The number of a run as people see and type it: `#142`. Counts accepted runs in journal order, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunNumber(pub u64);

impl fmt::Display for RunNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl FromStr for RunNumber {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        match digits.parse() {
            Ok(number) if plain && number > 0 => Ok(Self(number)),
            Ok(_) | Err(_) => Err(IdError::RunNumber(shown(text))),
        }
    }
}

/// The name of a host: `[a-z0-9._-]`, 1 to 63 characters, starting and ending with a letter or digit.
///
/// The grammar leaves nothing that means something to a selector, a path, Markdown or a mention; `all` is no name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

impl HostName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a host that joins may take the name. Those that took theirs before keep it.
    ///
    /// # Errors
    /// [`IdError::Reserved`] says what the name would be taken for.
    pub fn may_join(&self) -> Result<(), IdError> {
        let reserved = |why| Err(IdError::Reserved(self.0.clone(), why));
        let mut parts = self.0.split('.');
        if parts.clone().any(|part| part.starts_with("xn--")) {
            return reserved("programs show what begins with `xn--` as other letters");
        }
        let local = ["localhost", "localdomain", "local"];
        if parts
            .clone()
            .next_back()
            .is_some_and(|last| local.contains(&last))
            || parts.next() == Some("localhost")
        {
            return reserved("every machine calls itself so");
        }
        if matches!(self.0.as_str(), "is" | "pick") {
            return reserved("in a selector it begins something else");
        }
        Ok(())
    }

    /// See [`skeleton`].
    #[must_use]
    pub fn skeleton(&self) -> String {
        skeleton(&self.0)
    }
}

/// What is left when letters that look alike are one: two names with the same skeleton are taken for one another. The pairs are
/// those of Unicode's confusables (UTS 39) among `[a-z0-9]`; separators count as one another, and several as one.
#[must_use]
pub fn skeleton(name: &str) -> String {
    let mut skeleton = String::with_capacity(name.len());
    for c in name.chars() {
        match (c, skeleton.chars().next_back()) {
            ('0', _) => skeleton.push('o'),
            ('1', _) => skeleton.push('l'),
            ('n', Some('r')) => {
                skeleton.pop();
                skeleton.push('m');
            }
            ('v', Some('v')) => {
                skeleton.pop();
                skeleton.push('w');
            }
            ('.' | '_' | '-', Some('-')) => {}
            ('.' | '_' | '-', _) => skeleton.push('-'),
            (c, _) => skeleton.push(c),
        }
    }
    skeleton
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HostName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text {
            "all" => Err(IdError::All),
            text if is_word(text) => Ok(Self(text.to_owned())),
            text => Err(IdError::HostName(shown(text))),
        }
    }
}

/// The labels of a host, given by the controller. Keys and values follow the grammar of host names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Adds or replaces one label; refuses a key or value outside the grammar.
    ///
    /// # Errors
    /// [`IdError::Label`] names the text.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), IdError> {
        if !is_word(key) || !is_word(value) {
            return Err(IdError::Label(shown(&format!("{key}={value}"))));
        }
        self.0.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// Parses `key=value` pairs separated by commas; empty text is no labels.
    ///
    /// # Errors
    /// [`IdError::Label`] names the first pair that is none, [`IdError::LabelTwice`] the first key that has a value already.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let mut labels = Self::default();
        for pair in text
            .split(',')
            .map(str::trim)
            .filter(|pair| !pair.is_empty())
        {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(IdError::Label(shown(pair)));
            };
            if labels.value(key).is_some() {
                return Err(IdError::LabelTwice(shown(key)));
            }
            labels.insert(key, value)?;
        }
        Ok(labels)
    }

    /// The value of a label.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Key and value of each label, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// True without any label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Labels {
    /// `env=prod role=web`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (key, value)) in self.0.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{key}={value}")?;
        }
        Ok(())
    }
}

/// True for 1 to 63 of `[a-z0-9._-]` that start and end with a letter or digit: the grammar of names, label keys and label values.
#[must_use]
pub fn is_word(text: &str) -> bool {
    let edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    bytes.len() <= 63
        && edge(first)
        && edge(last)
        && bytes
            .iter()
            .all(|&b| edge(b) || matches!(b, b'.' | b'_' | b'-'))
}

/// What an error repeats of hostile input.
fn shown(text: &str) -> String {
    crate::text::shown(text, 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_host_joins_under_a_name_that_means_something_else() {
        let may = |name: &str| name.parse::<HostName>().unwrap().may_join();
        for reserved in [
            "xn--80ak6aa92e",
            "www.xn--e1afmkfd.example",
            "localhost",
            "localhost.localdomain",
            "db.localdomain",
            "printer.local",
            "is",
            "pick",
        ] {
            let said = may(reserved).unwrap_err().to_string();
            assert!(
                said.starts_with(&format!("no host can be named `{reserved}`: ")),
                "{said}"
            );
        }
        for good in [
            "xn-1",
            "axn--b",
            "local-01",
            "localhost1",
            "localdomain.example",
            "is-1",
            "picker",
            "web-01",
        ] {
            assert_eq!(may(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn ids_print_what_they_parse_and_refuse_everything_else() {
        let text = "0192f3a4b5c67d8e9fa0b1c2d3e4f506";
        assert_eq!(text.parse::<RunId>().unwrap().to_string(), text);
        for bad in [
            "",
            "0",
            &text[1..],
            &text.to_uppercase(),
            "0192f3a4-b5c6-7d8e-9fa0-b1c2d3e4f506",
        ] {
            assert_eq!(
                bad.parse::<AgentId>(),
                Err(IdError::Hex(bad.to_owned())),
                "{bad}"
            );
        }
    }

    #[test]
    fn run_numbers_count_from_one() {
        assert_eq!("#142".parse(), Ok(RunNumber(142)));
        assert_eq!("7".parse(), Ok(RunNumber(7)));
        for bad in ["", "#", "0", "-1", "+1", "1.5", "99999999999999999999"] {
            assert!(bad.parse::<RunNumber>().is_err(), "{bad}");
        }
    }

    #[test]
    fn host_names_leave_no_room_for_syntax() {
        for good in ["a", "web-01", "db.eu_1", &"a".repeat(63)] {
            assert!(good.parse::<HostName>().is_ok(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in [
            "",
            "all",
            "-web",
            "web.",
            "A",
            "@everyone",
            "`x`",
            "w\u{435}b",
            "a b",
            "a=b",
            "a/b",
            &long,
        ] {
            assert!(bad.parse::<HostName>().is_err(), "{bad}");
        }
        let said = "no host can be named `all`: in a selector it means every host";
        assert_eq!("all".parse::<HostName>().unwrap_err().to_string(), said);
    }

    #[test]
    fn a_run_id_says_when_it_was_drawn() {
        let id: RunId = "019a2b3c4d5e7fff8fffffffffffffff".parse().unwrap();
        assert_eq!(id.drawn_ms(), Some(0x019a_2b3c_4d5e));
        let other: RunId = "019a2b3c4d5e4fff8fffffffffffffff".parse().unwrap();
        assert_eq!(other.drawn_ms(), None);
    }

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        let skeleton = |text: &str| text.parse::<HostName>().unwrap().skeleton();
        for (a, b) in [
            ("prod-db-1", "prod-db-l"),
            ("web-01", "web-o1"),
            ("web-01", "web_01"),
            ("web-01", "web.01"),
            ("web-01", "web--01"),
            ("mail", "rnail"),
            ("www", "vvww"),
            ("www", "wvvvv"),
        ] {
            assert_eq!(skeleton(a), skeleton(b), "{a} {b}");
        }
        for (a, b) in [
            ("web-01", "web-02"),
            ("web-1", "web-01"),
            ("web-01", "web01"),
            ("web-11", "web-1"),
            ("vvv", "vw1"),
        ] {
            assert_ne!(skeleton(a), skeleton(b), "{a} {b}");
        }
    }

    #[test]
    fn labels_parse_and_print() {
        let labels = Labels::parse("role=web, env=prod").unwrap();
        assert_eq!(labels.to_string(), "env=prod role=web");
        assert_eq!(labels.value("role"), Some("web"));
        assert!(Labels::parse("").unwrap().is_empty());
        for bad in ["role", "=x", "a=", "a=b=c", "A=b", "a=b c"] {
            assert!(Labels::parse(bad).is_err(), "{bad}");
        }
        // The last one does not win: nobody knows which was meant.
        for bad in ["role=web,role=db", "a=1, b=2,a=1", "a=1,a=?"] {
            let error = Labels::parse(bad).unwrap_err().to_string();
            let key = &bad[..bad.find('=').unwrap()];
            assert_eq!(error, format!("the label `{key}` is given twice"));
        }
    }
}
