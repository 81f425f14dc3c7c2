//! What bounds the values of a type: patterns, globs, and bounds that stay as they were written.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

/// Memory that a compiled pattern may take, bytes. It is far more than a pattern for a line of text needs, and matching is linear in any.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// Longest pattern, bytes.
const PATTERN_CHARS_MAX: usize = 400;

/// A bound of a value, and how it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Milliseconds or bytes.
    pub value: u64,
    /// As it was written.
    pub typed: String,
}

/// A regular expression that the whole of a text matches. `\d`, `\w` and `\s` are ASCII.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    whole: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Reads an expression.
    ///
    /// # Errors
    /// Why it is none, in one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > PATTERN_CHARS_MAX {
            return Err(format!(
                "the pattern is longer than {PATTERN_CHARS_MAX} bytes"
            ));
        }
        // It must be one by itself: `a)|(b` would have another end in the parentheses.
        build(text)?;
        let whole = build(&format!(r"\A(?:{text})\z"))?;
        let text = text.to_owned();
        Ok(Self { text, whole })
    }

    /// Whether the whole of a text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text.as_bytes())
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn build(text: &str) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(text);
    let built = builder.unicode(false).size_limit(PATTERN_BYTES_MAX).build();
    built.map_err(|error| {
        let said = error.to_string();
        let last = said.lines().last().unwrap_or_default();
        let why = last.trim_start_matches("error: ");
        format!("this is no regular expression: {why}")
    })
}

/// A name with `*` for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// Any text can be one.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of a text matches: in time linear in both together, since a star takes as little as it can.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else {
            return false;
        };
        let mut parts: Vec<&str> = parts.collect();
        let Some(last) = parts.pop() else {
            return rest.is_empty();
        };
        for part in parts {
            let Some((_, after)) = rest.split_once(part) else {
                return false;
            };
            rest = after;
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What hosts have, and can be asked for while somebody types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// A unit of the service manager.
    Service,
    /// A container.
    Container,
    /// A mounted file system, by its path.
    Mount,
}

impl Live {
    /// Why a text is no name of such a thing. No such name holds a character of a glob, since programs take those for many.
    #[must_use]
    pub fn problem(self, text: &str) -> Option<&'static str> {
        let plain = |b: u8, more: &[u8]| b.is_ascii_alphanumeric() || more.contains(&b);
        match self {
            Self::Service => {
                let good = text.len() <= 255
                    && text.bytes().all(|b| plain(b, br":-_.\@"))
                    && text.starts_with(|c: char| c.is_ascii_alphanumeric());
                (!good).then_some("is not the name of a unit, which is like `nginx.service`")
            }
            Self::Container => {
                let good = text.len() <= 128
                    && text.bytes().all(|b| plain(b, b"_.-"))
                    && text.starts_with(|c: char| c.is_ascii_alphanumeric());
                (!good).then_some("is not the name of a container, which is like `shop-web-1`")
            }
            Self::Mount => {
                let inside = text.strip_prefix('/');
                let parts = inside.map(|inside| inside.split('/'));
                let normal = parts.is_some_and(|mut parts| {
                    text == "/" || parts.all(|part| !matches!(part, "" | "." | ".."))
                });
                let good = normal && text.len() <= 1_024 && !text.contains(['*', '?', '[', ']']);
                (!good).then_some("is not the path of a mounted file system, which is like `/var`")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_for_the_whole_text() {
        let matches = |pattern: &str, text: &str| Pattern::parse(pattern).unwrap().matches(text);
        assert!(matches("[a-z]+", "abc"));
        assert!(matches("a|ab", "ab"), "the longer way is taken too");
        assert!(matches("", ""));
        for (pattern, text) in [
            ("[a-z]+", "abc\n"),
            ("[a-z]+", "abc;id"),
            ("(?m)^a$", "a\nb"),
            (r"\d+", "٣"),
            ("a|b", "ab"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text:?}");
        }
        // What would end the parentheses around it is no expression by itself.
        for bad in ["a)|(b", "(", "[", "(?x) a # ", "a{1000}{1000}{1000}"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
        assert!(Pattern::parse(&"a".repeat(401)).is_err());
    }

    #[test]
    fn globs_match_whole_names() {
        for (glob, text) in [
            ("*.service", "nginx.service"),
            ("php*", "php8.2-fpm.service"),
            ("*", ""),
            ("a*b*c", "abbc"),
            ("nginx.service", "nginx.service"),
            ("**", "x"),
        ] {
            assert!(Glob::new(glob).matches(text), "{glob} {text}");
        }
        for (glob, text) in [
            ("*.service", "nginx.timer"),
            ("php*", "xphp"),
            ("a*b*c", "acb"),
            ("a*a", "a"),
            ("", "x"),
            ("a", "ab"),
        ] {
            assert!(!Glob::new(glob).matches(text), "{glob} {text}");
        }
    }

    #[test]
    fn names_of_what_hosts_have_hold_nothing_that_stands_for_many() {
        let ok = |what: Live, text: &str| what.problem(text).is_none();
        for text in ["nginx.service", r"a\x2db.service", "getty@tty1.service"] {
            assert!(ok(Live::Service, text), "{text}");
        }
        for text in ["ngin*", "-a", "/home", "a b", "a;b", "[a]", "é", "..", ""] {
            assert!(!ok(Live::Service, text), "{text}");
        }
        assert!(ok(Live::Container, "shop-web_1.x") && !ok(Live::Container, "-f"));
        assert!(!ok(Live::Container, "") && !ok(Live::Container, "a/b"));
        for text in ["/", "/var", "/srv/a b"] {
            assert!(ok(Live::Mount, text), "{text}");
        }
        for text in ["var", "/var/", "/a//b", "/a/../b", "/*", "", "/."] {
            assert!(!ok(Live::Mount, text), "{text}");
        }
    }
}
