//! Every byte that a host printed goes through here. On a terminal it becomes text that is safe to read; for a program it is what the
//! command wrote, and `--raw` wants that on a terminal too. Lines of several hosts stand behind the name of theirs, whoever reads them.
//!
//! [`Printer`] prints what comes, of all hosts at once; [`Stored`] what is kept, one host after the other; [`SafeText`] is for a page
//! that says more than that.

mod event;
mod lines;
mod safe;
mod stored;

use std::collections::HashMap;

use shanty_core::output::sanitise::{Sanitiser, unfenced};
use shanty_core::text::size;
use shanty_core::view::terminal::columns;
use shanty_proto::v1;

use super::client::Failure;
use super::out::{self, Terminal};
pub(super) use lines::LinesArgs;
pub(super) use safe::SafeText;
pub(super) use stored::Stored;

/// Bytes of a line without an end that can still be redrawn.
const PARTIAL_MAX: usize = 64 * 1024;

/// Bytes for standard error, or for standard output, in their order.
type Texts = Vec<(bool, Vec<u8>)>;

/// How output is printed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Style {
    /// JSON lines.
    pub(super) json: bool,
    /// As the command wrote it, on a terminal too.
    pub(super) raw: bool,
    /// Colours of the command are shown.
    pub(super) colours: bool,
}

/// Prints output: as it is from one host, by line and with the host's name from several.
pub(super) struct Printer {
    style: Style,
    /// Lines get the names of their hosts.
    pub(super) several: bool,
    /// Standard output and standard error.
    terminals: [Terminal; 2],
    /// What was written to standard error goes there.
    apart: bool,
    /// What has no end yet, by host and stream.
    held: HashMap<(String, bool), Vec<u8>>,
    /// What of it a terminal shows already; of one host only.
    shown: String,
    /// What was printed last did not end its line.
    within_line: bool,
}

impl Printer {
    pub(super) fn new(style: Style) -> Self {
        let terminals = match style.raw || style.json {
            true => [Terminal::default(); 2],
            false => [Terminal::of_stdout(), Terminal::of_stderr()],
        };
        Self::on(style, terminals)
    }

    /// One that prints for programs, all of it to standard output.
    fn as_written(style: Style, several: bool) -> Self {
        Self {
            several,
            apart: false,
            ..Self::on(style, [Terminal::default(); 2])
        }
    }

    fn on(style: Style, terminals: [Terminal; 2]) -> Self {
        Self {
            style,
            several: false,
            terminals,
            apart: true,
            held: HashMap::new(),
            shown: String::new(),
            within_line: false,
        }
    }

    /// Takes what a host printed.
    pub(super) fn output(&mut self, chunk: &v1::OutputChunk) -> Result<(), Failure> {
        let texts = self.take(chunk);
        write(texts)
    }

    /// Shows lines that have no end yet, such as questions: nothing has come for a while.
    pub(super) fn idle(&mut self) -> Result<(), Failure> {
        let texts = self.partial();
        write(texts)
    }

    /// True when [`Printer::idle`] would show something.
    pub(super) fn is_behind(&self) -> bool {
        !self.several && !self.style.json && self.held.values().any(|held| !held.is_empty())
    }

    /// Prints what never got its end. Standard error begins at the start of a line after it.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let texts = self.rest();
        write(texts)?;
        if std::mem::take(&mut self.within_line) && self.terminals.iter().all(|t| t.is_terminal) {
            out::err(b"\n");
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn held_text(&self, host: &str, err: bool) -> String {
        let held = self.held.get(&(host.to_owned(), err));
        held.map_or_else(String::new, |held| {
            String::from_utf8_lossy(held).into_owned()
        })
    }

    fn take(&mut self, chunk: &v1::OutputChunk) -> Texts {
        if chunk.dropped > 0 {
            return self.dropped(chunk);
        }
        if self.style.json {
            return self.json(chunk);
        }
        let terminal = self.terminal(chunk.err);
        if !self.several && !terminal.is_terminal {
            self.within_line = chunk.bytes.last().map_or(self.within_line, |b| *b != b'\n');
            return vec![(self.to_err(chunk.err), chunk.bytes.clone())];
        }
        let key = (chunk.host.clone(), chunk.err);
        let mut held = self.held.remove(&key).unwrap_or_default();
        held.extend_from_slice(&chunk.bytes);
        let whole = held
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        let rest = held.split_off(whole);
        let mut printed = Vec::new();
        for line in held.split_inclusive(|b| *b == b'\n') {
            printed.extend(self.line(&key, line));
        }
        if terminal.is_terminal && rest.len() > PARTIAL_MAX {
            printed.extend(self.unended(&key, &rest));
            self.shown.clear();
        } else if !rest.is_empty() {
            self.held.insert(key.clone(), rest);
        }
        vec![(self.to_err(key.1), printed)]
    }

    /// A line with its end, as it is printed.
    fn line(&mut self, (host, err): &(String, bool), line: &[u8]) -> Vec<u8> {
        let terminal = self.terminal(*err);
        let label = label(self.several, host);
        if !terminal.is_terminal {
            return [label.as_bytes(), line].concat();
        }
        let text = self.safe(terminal, line);
        let text = text.trim_end_matches('\n');
        if self.several {
            let lines = text.split('\n').map(|line| format!("{label}{line}\n"));
            return lines.collect::<String>().into_bytes();
        }
        self.within_line = false;
        let shown = std::mem::take(&mut self.shown);
        format!("{}\n", onwards(terminal, &shown, text)).into_bytes()
    }

    /// A line of one host that may go on, as a terminal shows it by now.
    fn unended(&mut self, (_, err): &(String, bool), bytes: &[u8]) -> Vec<u8> {
        let terminal = self.terminal(*err);
        let text = self.safe(terminal, bytes);
        let shown = onwards(terminal, &self.shown, &text);
        self.within_line |= !text.is_empty();
        self.shown = text;
        shown.into_bytes()
    }

    fn partial(&mut self) -> Texts {
        if !self.is_behind() {
            return Vec::new();
        }
        let held = self.held.clone().into_iter();
        held.map(|(key, bytes)| (self.to_err(key.1), self.unended(&key, &bytes)))
            .collect()
    }

    fn rest(&mut self) -> Texts {
        let mut held: Vec<_> = std::mem::take(&mut self.held).into_iter().collect();
        held.sort();
        let mut printed = Vec::new();
        for (key, mut bytes) in held.into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
            if self.style.json {
                printed.push((false, event::output(&key.0, key.1, &bytes)));
            } else if self.several {
                bytes.push(b'\n');
                printed.push((self.to_err(key.1), self.line(&key, &bytes)));
            } else {
                printed.push((self.to_err(key.1), self.unended(&key, &bytes)));
                self.shown.clear();
            }
        }
        printed
    }

    /// Marks a hole: on standard error, since standard output is the command's own.
    fn dropped(&mut self, chunk: &v1::OutputChunk) -> Texts {
        let mut printed = self.rest();
        if self.style.json {
            printed.push((false, event::dropped(chunk)));
            return printed;
        }
        let newline = if std::mem::take(&mut self.within_line) {
            "\n"
        } else {
            ""
        };
        let mark = format!("{newline}{}: {}\n", chunk.host, hole(chunk.dropped));
        printed.push((true, mark.into_bytes()));
        printed
    }

    /// Text as text, also when a character was cut in two; what is not text as base64 too.
    fn json(&mut self, chunk: &v1::OutputChunk) -> Texts {
        let key = (chunk.host.clone(), chunk.err);
        let mut bytes = self.held.remove(&key).unwrap_or_default();
        bytes.extend_from_slice(&chunk.bytes);
        // What is invalid before it does not make the beginning of a character another one.
        let last = bytes.utf8_chunks().last();
        let last = last.map_or(&[][..], |chunk| chunk.invalid());
        let is_begun = std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none());
        let begun = if is_begun { last.len() } else { 0 };
        let rest = bytes.split_off(bytes.len() - begun);
        if !rest.is_empty() {
            self.held.insert(key, rest);
        }
        match bytes.is_empty() {
            true => Vec::new(),
            false => vec![(false, event::output(&chunk.host, chunk.err, &bytes))],
        }
    }

    fn safe(&self, terminal: Terminal, bytes: &[u8]) -> String {
        let mut sanitiser = match self.style.colours && terminal.look().colours {
            true => Sanitiser::coloured(),
            false => Sanitiser::new(),
        };
        let mut text = String::new();
        sanitiser.push(bytes, &mut text);
        sanitiser.finish(&mut text);
        unfenced(text)
    }

    const fn to_err(&self, err: bool) -> bool {
        err && self.apart
    }

    fn terminal(&self, err: bool) -> Terminal {
        let [out, error] = self.terminals;
        if err { error } else { out }
    }
}

/// What makes a terminal that shows the one text at the end of its screen show the other.
fn onwards(terminal: Terminal, shown: &str, text: &str) -> String {
    let fits = terminal
        .look()
        .width
        .is_some_and(|width| columns(shown) < width);
    match text.strip_prefix(shown) {
        Some(rest) => rest.to_owned(),
        None if terminal.moves && fits && !shown.contains('\n') => format!("\r\u{1b}[K{text}"),
        None => format!("\n{text}"),
    }
}

fn write(texts: Texts) -> Result<(), Failure> {
    for (err, bytes) in texts.into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
        match err {
            true => out::err(&bytes),
            false => out::bytes(&bytes)?,
        }
    }
    Ok(())
}

/// What stands before each line of a host.
fn label(several: bool, host: &str) -> String {
    match several {
        true => format!("{host}: "),
        false => String::new(),
    }
}

/// What stands where output is missing.
fn hole(dropped: u64) -> String {
    let dropped = size(dropped);
    format!("[{dropped} of output not kept here: over the limit]")
}

#[cfg(test)]
mod tests;
