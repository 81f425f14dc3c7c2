//! What is kept of hosts, printed one host after the other: to a person as safe text, to a program as it was written.

use shanty_proto::v1;

use super::lines::{Lines, LinesArgs};
use super::safe::SafeText;
use super::{Printer, Style, Texts, label, write};
use crate::cli::client::Failure;
use crate::cli::out::Terminal;

/// Prints what is kept, all of it to standard output, in the order in which it is kept. Lines of several hosts stand behind their names.
pub(in crate::cli) struct Stored {
    several: bool,
    args: LinesArgs,
    /// Who printed what is printed now.
    host: String,
    form: Form,
}

enum Form {
    Safe(Box<SafeText>),
    AsWritten(Box<Printer>, Option<Lines>),
}

impl Stored {
    pub(in crate::cli) fn new(style: Style, several: bool, lines: LinesArgs) -> Self {
        Self::on(Terminal::of_stdout(), style, several, lines)
    }

    fn on(terminal: Terminal, style: Style, several: bool, args: LinesArgs) -> Self {
        // Bytes that were asked for are nothing but those: they say of no line whose it is.
        let several = several && !style.raw;
        let form = match terminal.is_terminal && !style.raw && !style.json {
            true => Form::Safe(Box::new(SafeText::new("", false))),
            false => Form::AsWritten(Box::new(Printer::as_written(style, several)), None),
        };
        Self {
            several,
            args,
            host: String::new(),
            form,
        }
    }

    /// Takes what is kept of a host, until that of another one comes.
    pub(in crate::cli) fn output(&mut self, chunk: &v1::OutputChunk) -> Result<(), Failure> {
        write(self.take(chunk))
    }

    /// Prints what is left of the last host.
    pub(in crate::cli) fn finish(&mut self) -> Result<(), Failure> {
        write(self.rest())
    }

    fn take(&mut self, chunk: &v1::OutputChunk) -> Texts {
        let mut texts = Texts::new();
        if chunk.host != self.host {
            texts = self.rest();
            self.begin(&chunk.host);
        }
        match &mut self.form {
            Form::Safe(text) => texts.push((false, text.take(chunk).into_bytes())),
            Form::AsWritten(printer, None) => texts.extend(printer.take(chunk)),
            Form::AsWritten(printer, Some(lines)) if chunk.dropped == 0 => {
                let chosen = lines.push(chunk.err, &chunk.bytes);
                texts.extend(printer.take(&printed(&self.host, chosen)));
            }
            Form::AsWritten(printer, Some(lines)) => {
                texts.extend(printer.take(&printed(&self.host, lines.finish())));
                texts.extend(printer.take(chunk));
            }
        }
        texts
    }

    fn rest(&mut self) -> Texts {
        match &mut self.form {
            Form::Safe(text) => vec![(false, text.finish().into_bytes())],
            Form::AsWritten(printer, lines) => {
                let chosen = lines.as_mut().map_or_else(Vec::new, Lines::finish);
                let mut texts = printer.take(&printed(&self.host, chosen));
                texts.extend(printer.rest());
                texts
            }
        }
    }

    fn begin(&mut self, host: &str) {
        host.clone_into(&mut self.host);
        match &mut self.form {
            Form::Safe(text) => {
                **text = SafeText::new(label(self.several, host), false).choosing(&self.args);
            }
            Form::AsWritten(_, lines) => *lines = Lines::new(&self.args),
        }
    }
}

fn printed(host: &str, bytes: Vec<u8>) -> v1::OutputChunk {
    v1::OutputChunk {
        host: host.to_owned(),
        bytes,
        ..v1::OutputChunk::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moves, clears, asks, renames the terminal, forges a line of another host and what this program says, and is no text.
    const EVIL: &[u8] = b"mine\rweb-02: forged\x1b[2J\x1b]0;title\x07\x1b]52;c;eA==\x07\n\xe2\x94\x80 \xff\0web-02 \x9b2J\nweb-02: x\nno end";

    fn chunk(host: &str, err: bool, bytes: &[u8], dropped: u64) -> v1::OutputChunk {
        v1::OutputChunk {
            err,
            dropped,
            ..printed(host, bytes.to_vec())
        }
    }

    /// What is printed to standard output, and to standard error.
    fn all(mut stored: Stored, chunks: &[v1::OutputChunk]) -> (Vec<u8>, String) {
        let mut texts: Texts = chunks.iter().flat_map(|chunk| stored.take(chunk)).collect();
        texts.extend(stored.rest());
        let (err, out): (Texts, Texts) = texts.into_iter().partition(|(err, _)| *err);
        let bytes = |texts: Texts| texts.into_iter().flat_map(|(_, bytes)| bytes).collect();
        let err: Vec<u8> = bytes(err);
        (bytes(out), String::from_utf8(err).unwrap())
    }

    fn stored(terminal: Terminal, several: bool) -> Stored {
        Stored::on(terminal, Style::default(), several, LinesArgs::default())
    }

    #[test]
    fn a_program_gets_the_bytes_of_one_host_and_nothing_else() {
        // Cut anywhere, both streams in their order.
        let cuts = EVIL.chunks(7).enumerate();
        let mut chunks: Vec<_> = cuts
            .map(|(at, cut)| chunk("web-01", at % 2 == 1, cut, 0))
            .collect();
        let (out, err) = all(stored(Terminal::default(), false), &chunks);
        assert_eq!((out.as_slice(), err.as_str()), (EVIL, ""));
        // As many as there are, where exactly those are asked for.
        let style = Style {
            raw: true,
            ..Style::default()
        };
        let two = [
            chunk("web-01", false, EVIL, 0),
            chunk("web-02", true, EVIL, 0),
        ];
        let raw = Stored::on(Terminal::example(40), style, true, LinesArgs::default());
        assert_eq!(all(raw, &two).0, EVIL.repeat(2));
        // A hole is told beside them.
        chunks.insert(1, chunk("web-01", false, b"", 5 << 20));
        let (out, err) = all(stored(Terminal::default(), false), &chunks);
        assert_eq!(out, EVIL);
        assert!(err.contains("web-01: [5.0 MiB of output not kept"), "{err}");
    }

    #[test]
    fn every_line_of_several_hosts_has_the_name_of_its_own() {
        let chunks = [
            chunk("web-01", false, EVIL, 0),
            chunk("web-01", true, b" of mine\n", 0),
            chunk("web-02", false, EVIL, 0),
        ];
        for terminal in [Terminal::default(), Terminal::example(40)] {
            let (out, _) = all(stored(terminal, true), &chunks);
            assert!(out.ends_with(b"\n"), "what comes next is another line");
            let mut hosts = Vec::new();
            for line in out
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
            {
                let host = line.get(..8).unwrap_or_default();
                hosts.push(String::from_utf8_lossy(host).into_owned());
            }
            hosts.dedup();
            assert_eq!(hosts, ["web-01: ", "web-02: "], "one after the other");
            let moves = |byte: &u8| *byte != b'\n' && *byte < b' ';
            assert_eq!(out.iter().any(moves), !terminal.is_terminal);
        }
        let (out, _) = all(stored(Terminal::default(), true), &chunks[..1]);
        let lines = EVIL.split(|byte| *byte == b'\n');
        let expected = lines.flat_map(|line| [b"web-01: ", line, b"\n"].concat());
        assert_eq!(out, expected.collect::<Vec<_>>());
    }

    #[test]
    fn lines_are_chosen_of_each_host_wherever_they_go() {
        let args = |words: &[&str]| {
            #[derive(clap::Parser)]
            struct Typed {
                #[arg(long)]
                raw: bool,
                #[command(flatten)]
                lines: LinesArgs,
            }
            <Typed as clap::Parser>::parse_from([&["x"], words].concat()).lines
        };
        let chunks = [
            chunk("web-01", false, b"one\ntwo\nth", 0),
            chunk("web-01", false, b"ree", 0),
            chunk("web-02", false, b"1\n", 0),
        ];
        for terminal in [Terminal::default(), Terminal::example(40)] {
            let chosen = |words: &[&str]| {
                let stored = Stored::on(terminal, Style::default(), true, args(words));
                String::from_utf8(all(stored, &chunks).0).unwrap()
            };
            assert_eq!(chosen(&["--tail", "1"]), "web-01: three\nweb-02: 1\n");
            assert_eq!(chosen(&["--head", "1"]), "web-01: one\nweb-02: 1\n");
            assert_eq!(chosen(&["--grep", "t"]), "web-01: two\nweb-01: three\n");
        }
    }

    #[test]
    fn what_is_no_text_is_whole_in_json_too() {
        let style = Style {
            json: true,
            ..Style::default()
        };
        let json = Stored::on(Terminal::example(40), style, true, LinesArgs::default());
        let cut = [
            chunk("a", false, b"caf\xc3", 0),
            chunk("b", false, b"\xa9\n", 0),
        ];
        let (out, _) = all(json, &cut);
        let lines = String::from_utf8(out).unwrap();
        let events: Vec<serde_json::Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let told = events
            .iter()
            .map(|event| (&event["host"], &event["base64"]));
        let told: Vec<_> = told
            .map(|(host, bytes)| format!("{host} {bytes}"))
            .collect();
        assert_eq!(told, [r#""a" null"#, r#""a" "ww==""#, r#""b" "qQo=""#]);
    }
}
