//! In which forms a value may be printed: as it is, escaped for JSON and for addresses, and in base64 wherever it begins.

use std::collections::BTreeSet;

use super::{PIECE_BYTES, VALUE_BYTES_MIN};

/// The alphabets of base64: the usual one, and the one for addresses.
const ALPHABETS: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

/// Lines of base64 break here: `base64` after 76 characters, PEM after 64.
const LINES: [usize; 2] = [76, 64];

/// A line of a value of several lines is a value of its own from this length on.
const LINE_BYTES_MIN: usize = 8;

/// What is looked for.
#[derive(Debug, Default)]
pub(super) struct Forms {
    /// Texts that are taken as they are.
    pub(super) plain: BTreeSet<Vec<u8>>,
    /// Base64: line ends in it count for nothing.
    pub(super) base64: BTreeSet<Vec<u8>>,
}

impl Forms {
    /// Adds every form of a value.
    pub(super) fn add(&mut self, value: &[u8]) {
        let lines: Vec<&[u8]> = value
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .filter(|line| line.len() >= LINE_BYTES_MIN && !line.starts_with(b"-----"))
            .collect();
        // A value of short lines only is looked for as a whole.
        if value.contains(&b'\n') && !lines.is_empty() {
            lines.iter().for_each(|line| self.line(line));
        } else {
            self.line(value);
        }
        for (before, alphabet) in (0..3).flat_map(|n| ALPHABETS.map(|alphabet| (n, alphabet))) {
            for after in [&b""[..], b"\n"] {
                self.base64(value, before, after, alphabet);
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        let mut forms = vec![line.to_vec()];
        forms.extend([Json::Plain, Json::Ascii, Json::Html, Json::Slash].map(|j| j.escape(line)));
        for kept in ["-_.~", "-_.~!*'()", "-_.~/", "-_.*"] {
            for upper in [true, false] {
                let escaped = percent(line, kept.as_bytes(), upper);
                forms.push(replaced(&escaped, b"%20", b"+"));
                forms.push(escaped);
            }
        }
        forms.push(replaced(line, b"'", br"'\''"));
        for form in forms {
            pieces(&form, PIECE_BYTES, &mut self.plain);
        }
    }

    /// What base64 makes of the value with so many bytes before it: the characters that hang on the value alone.
    fn base64(&mut self, value: &[u8], before: usize, after: &[u8], alphabet: &[u8; 64]) {
        let mut whole = vec![0; before];
        whole.extend_from_slice(value);
        whole.extend_from_slice(after);
        let text = encode(&whole, alphabet);
        let first = (before * 8).div_ceil(6);
        let inner = (before + value.len()) * 8 / 6;
        for end in [inner, text.len()] {
            let Some(form) = text.get(first..end) else {
                continue;
            };
            pieces(form, PIECE_BYTES, &mut self.base64);
            if before == 0 {
                for line in LINES {
                    pieces(form, line / 2, &mut self.base64);
                }
            }
            // A line may end within the first characters, which are too few to go by.
            if let Some(rest) = form.get(3..).filter(|rest| rest.len() >= VALUE_BYTES_MIN) {
                pieces(rest, PIECE_BYTES, &mut self.base64);
            }
        }
    }
}

/// Long texts are looked for in pieces, so that little is held back and a part of one is found as well.
fn pieces(form: &[u8], len: usize, into: &mut BTreeSet<Vec<u8>>) {
    let mut rest = form;
    while rest.len() >= 2 * len {
        let (piece, after) = rest.split_at(len);
        into.insert(piece.to_vec());
        rest = after;
    }
    into.insert(rest.to_vec());
}

/// The ways to write a text in JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Json {
    /// Only what must be escaped.
    Plain,
    /// ASCII only, as Python writes it.
    Ascii,
    /// Without the marks of HTML, as Go writes it.
    Html,
    /// With its slashes escaped, as PHP writes it.
    Slash,
}

impl Json {
    fn escape(self, value: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(value) else {
            return value.to_vec();
        };
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            let unit = |unit: u16| format!("\\u{unit:04x}");
            match c {
                '"' => escaped.push_str("\\\""),
                '\\' => escaped.push_str("\\\\"),
                '\n' => escaped.push_str("\\n"),
                '\r' => escaped.push_str("\\r"),
                '\t' => escaped.push_str("\\t"),
                '/' if self == Self::Slash => escaped.push_str("\\/"),
                '<' | '>' | '&' if self == Self::Html => escaped.push_str(&unit(c as u16)),
                c if c.is_ascii_control() || (self == Self::Ascii && !c.is_ascii()) => {
                    let mut units = [0; 2];
                    let units = c.encode_utf16(&mut units);
                    units.iter().for_each(|u| escaped.push_str(&unit(*u)));
                }
                c => escaped.push(c),
            }
        }
        escaped.into_bytes()
    }
}

/// Percent-encodes all but letters, digits and `kept`.
fn percent(value: &[u8], kept: &[u8], upper: bool) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(value.len());
    for byte in value {
        if byte.is_ascii_alphanumeric() || kept.contains(byte) {
            escaped.push(*byte);
        } else if upper {
            escaped.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            escaped.extend_from_slice(format!("%{byte:02x}").as_bytes());
        }
    }
    escaped
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(from) {
            replaced.extend_from_slice(to);
            rest = after;
        } else {
            replaced.push(*first);
            rest = after;
        }
    }
    replaced
}

/// Base64 without padding.
pub(super) fn encode(bytes: &[u8], alphabet: &[u8; 64]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |n: usize| u32::from(group.get(n).copied().unwrap_or(0));
        let bits = (at(0) << 16) | (at(1) << 8) | at(2);
        for n in 0..=group.len() {
            let sextet = (bits >> (18 - 6 * n)) & 63;
            text.extend(alphabet.get(sextet as usize));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (b"fooba", "Zm9vYmE"),
            (b"foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes, ALPHABETS[0]), text.as_bytes());
        }
        assert_eq!(encode(&[0xfb, 0xff, 0xfe], ALPHABETS[0]), b"+//+");
        assert_eq!(encode(&[0xfb, 0xff, 0xfe], ALPHABETS[1]), b"-__-");
    }

    #[test]
    fn what_programs_make_of_a_value_is_among_its_forms() {
        let mut forms = Forms::default();
        forms.add("a b/c\"<é\\'".as_bytes());
        for form in [
            "a b/c\"<é\\'",
            "a%20b%2Fc%22%3C%C3%A9%5C%27",
            "a%20b%2fc%22%3c%c3%a9%5c%27",
            "a+b%2Fc%22%3C%C3%A9%5C%27",
            "a%20b/c%22%3C%C3%A9%5C%27",
            "a%20b%2Fc%22%3C%C3%A9%5C'",
            "a b/c\\\"<é\\\\'",
            "a b/c\\\"<\\u00e9\\\\'",
            "a b/c\\\"\\u003cé\\\\'",
            "a b\\/c\\\"<é\\\\'",
            "a b/c\"<é\\'\\''",
        ] {
            assert!(forms.plain.contains(form.as_bytes()), "{form}");
        }
    }

    #[test]
    fn no_form_is_too_short_to_go_by_or_longer_than_what_may_be_held_back() {
        for len in 6..200_u8 {
            let value: Vec<u8> = (0..len).map(|n| n.wrapping_mul(37) ^ 0x5a).collect();
            let mut forms = Forms::default();
            forms.add(&value);
            for form in forms.plain.iter().chain(&forms.base64) {
                assert!((VALUE_BYTES_MIN..2 * 38).contains(&form.len()), "{form:?}");
            }
        }
    }
}
