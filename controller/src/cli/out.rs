//! The one place that writes to standard output and standard error, and that knows what a terminal there shows.
//!
//! Nobody reads what is written to a closed pipe: that ends the subcommand without a word, with the code of a program that SIGPIPE ended,
//! as coreutils and `gh` do. What cannot be written for another reason, such as a full disk, is told.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::os::fd::AsFd;

use shanty_core::view::terminal::{Look, Table, Tone, lines, one_line};

use super::client::Failure;
use super::exit;

/// What failures of this kind are called: they are not told.
pub(super) const CLOSED: &str = "E_PIPE";

/// Columns of a terminal that does not say how many it has.
const WIDTH: usize = 80;

/// Writes a line.
pub(super) fn line(text: impl Display) -> Result<(), Failure> {
    bytes(format!("{text}\n").as_bytes())
}

/// Writes text as it is.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    bytes(text.as_bytes())
}

/// Writes bytes as they are.
pub(super) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    written(std::io::stdout().write_all(bytes).and_then(|()| flush()))
}

/// Prints help or a version, with what clap knows of colours.
pub(super) fn help(help: &clap::Error) -> Result<(), Failure> {
    written(help.print().and_then(|()| flush()))
}

/// What was typed, as it can be said again.
pub(super) fn seen(args: &[OsString]) -> Vec<OsString> {
    let seen = args.iter().map(|arg| one_line(&arg.to_string_lossy()));
    seen.map(OsString::from).collect()
}

/// Says what was typed wrongly. clap says again what that was: `seen` is the same mistake in what can be seen of it.
pub(super) fn mistake(error: &clap::Error, seen: Option<clap::Error>) {
    match seen.filter(|seen| seen.use_stderr()) {
        Some(seen) => {
            seen.print().ok(); // nobody reads it
        }
        None => note(error.to_string().trim_end()),
    }
}

/// What was completed was printed by clap: to its last line, or why not.
pub(super) fn completed(printed: Result<bool, clap::Error>) -> Result<bool, Failure> {
    let written_by_clap = |error: clap::Error| {
        let said = error.to_string();
        let said = said.trim_start_matches("error: ").trim_end();
        let closed = std::io::Error::from(rustix::io::Errno::PIPE);
        // What the system says of a write ends so; all else is a shell that is not known.
        match said.contains("(os error ") {
            true if said.contains(&closed.to_string()) => unwritten(&closed),
            true => unwritten(&std::io::Error::other(said.to_owned())),
            false => Failure::usage(said),
        }
    };
    let done = printed.map_err(written_by_clap)?;
    written(flush())?;
    Ok(done)
}

fn flush() -> std::io::Result<()> {
    std::io::stdout().flush()
}

fn written(done: std::io::Result<()>) -> Result<(), Failure> {
    done.map_err(|error| unwritten(&error))
}

fn unwritten(error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::new(CLOSED, exit::PIPE, "", ""),
        _ => {
            let text = format!("standard output cannot be written: {error}");
            Failure::new("E_OUTPUT", exit::IO, text, "")
        }
    }
}

/// Says something on standard error, where nobody need read it. Names, paths and what was typed may be in it: nothing of that moves the
/// cursor or does anything else but be seen.
pub(super) fn note(text: impl Display) {
    err(format!("{}\n", lines(&text.to_string())).as_bytes());
}

/// Writes bytes to standard error.
pub(super) fn err(bytes: &[u8]) {
    std::io::stderr().write_all(bytes).ok(); // nobody reads it
}

/// Prints a table: with headers on a terminal, without for programs.
pub(super) fn table(table: &Table) -> Result<(), Failure> {
    text(&rendered(table))
}

/// The lines of a table, as they are printed.
pub(super) fn rendered(table: &Table) -> String {
    let terminal = Terminal::of_stdout();
    match terminal.is_terminal {
        true => table.render(terminal.look()),
        false => table.rows(terminal.look()),
    }
}

/// What stands behind one of the two streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Terminal {
    /// Somebody looks at it, not a program.
    pub(super) is_terminal: bool,
    /// It does what escape sequences say.
    pub(super) moves: bool,
    colours: bool,
    width: Option<usize>,
}

impl Terminal {
    pub(super) fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        Self::of(stdout.is_terminal(), &stdout)
    }

    pub(super) fn of_stderr() -> Self {
        let stderr = std::io::stderr();
        Self::of(stderr.is_terminal(), &stderr)
    }

    fn of(is_terminal: bool, stream: &impl AsFd) -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let width = rustix::termios::tcgetwinsize(stream)
            .ok()
            .map(|size| usize::from(size.ws_col));
        Self::with(is_terminal, width, variable)
    }

    fn with(is_terminal: bool, width: Option<usize>, variable: impl Fn(&str) -> String) -> Self {
        if !is_terminal {
            return Self::default();
        }
        let moves = !matches!(variable("TERM").as_str(), "" | "dumb");
        let width = width
            .filter(|width| *width > 0)
            .or_else(|| variable("COLUMNS").parse().ok())
            .unwrap_or(WIDTH);
        Self {
            is_terminal,
            moves,
            colours: moves && variable("NO_COLOR").is_empty() && variable("CLICOLOR") != "0",
            width: Some(width),
        }
    }

    #[cfg(test)]
    pub(super) const fn example(width: usize) -> Self {
        Self {
            is_terminal: true,
            moves: true,
            colours: false,
            width: Some(width),
        }
    }

    /// How text may look there.
    pub(super) const fn look(self) -> Look {
        Look {
            width: self.width,
            colours: self.colours,
        }
    }

    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        self.look().paint(tone, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_know_them_and_for_people_who_want_them() {
        let look = |set: &[(&str, &str)]| {
            let variable = |name: &str| {
                let value = set.iter().find(|(key, _)| *key == name);
                value.map_or_else(String::new, |(_, value)| (*value).to_owned())
            };
            Terminal::with(true, Some(100), variable)
        };
        let xterm = ("TERM", "xterm");
        assert!(look(&[xterm]).colours);
        for set in [
            [xterm, ("NO_COLOR", "1")],
            [xterm, ("CLICOLOR", "0")],
            [("TERM", "dumb"), ("", "")],
            [("", ""), ("", "")],
        ] {
            assert!(!look(&set).colours, "{set:?}");
        }
        assert!(look(&[xterm, ("NO_COLOR", "")]).colours, "empty is unset");
        assert!(!look(&[("TERM", "dumb")]).moves);
        assert_eq!(
            Terminal::with(false, Some(100), |_| "xterm".to_owned()),
            Terminal::default()
        );
    }

    #[test]
    fn a_terminal_without_a_width_has_the_usual_one() {
        let columns = |name: &str| match name {
            "COLUMNS" => "33".to_owned(),
            _ => String::new(),
        };
        let width =
            |width, variable: fn(&str) -> String| Terminal::with(true, width, variable).width;
        assert_eq!(width(Some(20), columns), Some(20));
        assert_eq!(width(Some(0), columns), Some(33));
        assert_eq!(width(None, |_| String::new()), Some(WIDTH));
    }
}
