//! What a command is given besides its text: its standard input, or the script that it is.
//!
//! The bytes are nowhere here: an input is known by its length and digest, and nothing runs with other bytes than those.

use crate::limits;
use crate::output::mask::Masks;
use crate::text::{count, size};

/// Characters of a script's name.
const NAME_CHARS_MAX: usize = 64;

/// Lines and characters of the beginning that people are shown.
const HEAD_MAX: (usize, usize) = (5, 300);

/// What the bytes are to the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Its standard input.
    Stdin,
    /// A script, which is what runs.
    Script,
}

/// Stands for a digest that nobody knows yet.
const ANNOUNCED: [u8; 32] = [0; 32];

/// What a command is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// What it is to the command.
    pub kind: InputKind,
    /// The script's name, as [`script_name`] makes it; nothing for standard input.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 over all of it.
    pub sha256: [u8; 32],
    /// What people are shown of it; no host is told.
    pub about: About,
}

/// What people are shown of an input beside its name, length and digest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Its lines.
    pub lines: u64,
    /// Its first lines; nothing when they are no text.
    pub head: String,
    /// It came with CRLF at the ends of its lines, and was given LF.
    pub crlf: bool,
}

/// What no input may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadInput {
    /// Longer than its kind may be.
    TooLong,
    /// A script under a name that [`script_name`] does not make, or a command that does not begin with it.
    Name,
}

impl InputKind {
    /// The most bytes that it may have.
    #[must_use]
    pub const fn bytes_max(self) -> u64 {
        match self {
            Self::Stdin => limits::STDIN_BYTES_MAX,
            Self::Script => limits::SCRIPT_BYTES_MAX,
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stdin => "standard input",
            Self::Script => "script",
        }
    }
}

impl Input {
    /// The command that a run of it has: for a script its name and what is given to it.
    #[must_use]
    pub fn command(&self, typed: &str) -> String {
        match self.kind {
            InputKind::Stdin => typed.to_owned(),
            InputKind::Script => format!("{} {}", self.name, typed.trim())
                .trim_end()
                .to_owned(),
        }
    }

    /// A script as it is announced before it came: nobody knows its digest.
    #[must_use]
    pub fn announced(path: &str, bytes: u64) -> Self {
        Self {
            kind: InputKind::Script,
            name: script_name(path),
            bytes,
            sha256: ANNOUNCED,
            about: About::default(),
        }
    }

    /// Whether it did not come yet.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        self.sha256 == ANNOUNCED
    }

    /// What is given to the script, from the command that [`Input::command`] made.
    #[must_use]
    pub fn arguments<'a>(&self, command: &'a str) -> Option<&'a str> {
        let rest = command.strip_prefix(self.name.as_str())?;
        let own = rest.is_empty() || rest.starts_with(char::is_whitespace);
        own.then(|| rest.trim())
    }

    /// Checks that it may be given to a command.
    ///
    /// # Errors
    /// [`BadInput`].
    pub fn check(&self, command: &str) -> Result<(), BadInput> {
        if self.bytes > self.kind.bytes_max() {
            return Err(BadInput::TooLong);
        }
        let named = match self.kind {
            InputKind::Stdin => self.name.is_empty(),
            InputKind::Script => {
                self.name == script_name(&self.name) && self.arguments(command).is_some()
            }
        };
        if named { Ok(()) } else { Err(BadInput::Name) }
    }

    /// The same for somebody to read, when something of it is masked.
    pub(crate) fn masked(&self, masks: &Masks) -> Option<Self> {
        let head = masks.text(&self.about.head);
        (head != self.about.head).then(|| Self {
            about: About {
                head,
                ..self.about.clone()
            },
            ..self.clone()
        })
    }

    /// The same as a host is told of it.
    #[must_use]
    pub fn for_host(&self) -> Self {
        Self {
            about: About::default(),
            ..self.clone()
        }
    }

    /// The first digits of its digest.
    #[must_use]
    pub fn short_digest(&self) -> String {
        hex(self.sha256.get(..4).unwrap_or_default())
    }

    /// The whole digest, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        hex(&self.sha256)
    }

    /// One line for people: `script deploy.sh · 214 lines · 8.1 kB · sha256 4be1c0de…`.
    #[must_use]
    pub fn line(&self) -> String {
        let what = match self.kind {
            InputKind::Stdin => "standard input".to_owned(),
            InputKind::Script => format!("script {}", self.name),
        };
        let lines = match usize::try_from(self.about.lines) {
            Ok(lines) if !self.about.head.is_empty() => format!(" · {}", count(lines, "line")),
            Ok(_) | Err(_) => String::new(),
        };
        let crlf = if self.about.crlf {
            " · CRLF was made LF"
        } else {
            ""
        };
        format!(
            "{what}{lines} · {} · sha256 {}…{crlf}",
            size(self.bytes),
            self.short_digest()
        )
    }
}

/// The name of a script on a host: the last part of a path, in letters, digits and `._-` alone, so that it is one word for every shell.
#[must_use]
pub fn script_name(path: &str) -> String {
    let last = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-') {
            letter
        } else {
            '_'
        }
    };
    let mut name: String = last.chars().map(plain).take(NAME_CHARS_MAX).collect();
    if name.starts_with(['.', '-']) {
        name.replace_range(..1, "_");
    }
    if name.is_empty() {
        name.push_str("script");
    }
    name
}

/// The first lines of what begins with these bytes, for people; nothing when that is no text.
#[must_use]
pub fn head(beginning: &[u8]) -> String {
    let text = match std::str::from_utf8(beginning) {
        Ok(text) => text,
        // Cut within a character, or no text at all.
        Err(error) if error.error_len().is_none() => {
            let whole = beginning.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(whole).unwrap_or_default()
        }
        Err(_) => return String::new(),
    };
    if text.contains('\0') {
        return String::new();
    }
    let lines: Vec<&str> = text.lines().take(HEAD_MAX.0).collect();
    lines.join("\n").chars().take(HEAD_MAX.1).collect()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |byte: &u8| format!("{byte:02x}");
    bytes.iter().map(digit).collect()
}

#[cfg(test)]
impl Input {
    /// A script, for tests.
    pub(crate) fn example() -> Self {
        Self {
            kind: InputKind::Script,
            name: "deploy.sh".to_owned(),
            bytes: 8_192,
            sha256: [0x4b; 32],
            about: About {
                lines: 214,
                head: "#!/bin/sh\necho hi".to_owned(),
                crlf: false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_has_a_name_that_is_one_word() {
        for (path, name) in [
            ("deploy.sh", "deploy.sh"),
            ("/home/mira/de ploy.sh", "de_ploy.sh"),
            ("C:\\scripts\\fix.sh", "fix.sh"),
            ("$(reboot)", "__reboot_"),
            ("-rf", "_rf"),
            ("..", "_."),
            ("", "script"),
            ("a/", "script"),
            ("é;x", "__x"),
        ] {
            assert_eq!(script_name(path), name, "{path}");
            assert_eq!(script_name(name), name, "{path}");
        }
        assert_eq!(script_name(&"x".repeat(1_000)).len(), NAME_CHARS_MAX);
    }

    #[test]
    fn a_command_names_its_script_and_what_is_given_to_it() {
        let script = Input::example();
        assert_eq!(script.command(""), "deploy.sh");
        let command = script.command(" --fast 'a b' ");
        assert_eq!(command, "deploy.sh --fast 'a b'");
        assert_eq!(script.arguments(&command), Some("--fast 'a b'"));
        assert_eq!(script.check(&command), Ok(()));
        for other in ["deploy.shx", "uptime", ""] {
            assert_eq!(script.check(other), Err(BadInput::Name), "{other}");
        }
        let bad_name = Input {
            name: "a b".to_owned(),
            ..script.clone()
        };
        assert_eq!(bad_name.check("a b"), Err(BadInput::Name));
        let long = Input {
            bytes: limits::SCRIPT_BYTES_MAX + 1,
            ..script.clone()
        };
        assert_eq!(long.check("deploy.sh"), Err(BadInput::TooLong));
        let stdin = Input {
            kind: InputKind::Stdin,
            name: String::new(),
            ..long
        };
        assert_eq!(stdin.check("bash -s"), Ok(()));
        assert_eq!(stdin.command("bash -s"), "bash -s");
    }

    #[test]
    fn what_people_are_shown() {
        let script = Input::example();
        let line = script.line();
        assert!(
            line.starts_with("script deploy.sh · 214 lines · "),
            "{line}"
        );
        assert!(line.ends_with(" · sha256 4b4b4b4b…"), "{line}");
        let crlf = About {
            crlf: true,
            ..script.about.clone()
        };
        let line = Input {
            about: crlf,
            ..script
        }
        .line();
        assert!(line.ends_with("CRLF was made LF"), "{line}");
        assert_eq!(head(b"a\nb\nc\nd\ne\nf\n"), "a\nb\nc\nd\ne");
        assert_eq!(head("caf\u{e9}".as_bytes()), "café");
        assert_eq!(head(b"caf\xc3"), "caf");
        assert_eq!(head(b"\x7fELF\xff\x00"), "");
        assert_eq!(head(b"a\0b"), "");
    }
}
