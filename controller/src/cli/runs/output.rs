//! `shanty runs output`: what a run printed.

use shanty_core::output::sanitise::Sanitiser;
use shanty_core::spool::Stream;
use shanty_proto::v1;

use super::lines::{Lines, LinesArgs};
use crate::cli::client::{Client, Failure};
use crate::cli::run::{hole, json_dropped};
use crate::cli::{AdminArgs, exit, out};

pub(super) async fn output(
    client: &Client,
    request: v1::OutputRequest,
    (raw, lines): (bool, LinesArgs),
    admin: &AdminArgs,
) -> Result<u8, Failure> {
    if admin.json && !lines.is_empty() {
        return Err(Failure::usage(
            "--grep, --head and --tail choose lines for people: leave out --json",
        ));
    }
    let one = !request.host.is_empty();
    let mut chunks = client
        .call(|mut api| async move { api.output(request).await })
        .await?;
    let mut shown = Shown::of(!one, lines);
    let mut within_line = false;
    let ended = loop {
        let chunk = match chunks.message().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break Ok(exit::OK),
            Err(status) => break Err(status),
        };
        let bytes = if admin.json {
            json_line(&chunk)
        } else if raw && chunk.dropped > 0 {
            let newline = if std::mem::take(&mut within_line) {
                "\n"
            } else {
                ""
            };
            out::note(format_args!(
                "{newline}{}: {}",
                chunk.host,
                hole(chunk.dropped)
            ));
            continue;
        } else if raw {
            within_line = chunk.bytes.last().map_or(within_line, |b| *b != b'\n');
            chunk.bytes
        } else {
            shown.take(&chunk).into_bytes()
        };
        out::bytes(&bytes)?;
    };
    // What came before an error is shown to its last line.
    out::text(&shown.finish())?;
    Ok(ended?)
}

fn json_line(chunk: &v1::OutputChunk) -> Vec<u8> {
    let stream = if chunk.err { "err" } else { "out" };
    let event = if chunk.dropped > 0 {
        json_dropped(chunk)
    } else {
        serde_json::json!({
            "event": "output", "host": chunk.host, "stream": stream,
            "text": String::from_utf8_lossy(&chunk.bytes),
        })
    };
    format!("{event}\n").into_bytes()
}

/// Output as text that is safe to read, one host after the other.
struct Shown {
    several: bool,
    host: String,
    sanitiser: Sanitiser,
    /// The last line has no end yet.
    within_line: bool,
    /// Lines that are chosen; nothing when all are.
    lines: Option<Lines>,
    /// The name of the host stands above what it printed.
    named: bool,
}

impl Shown {
    fn of(several: bool, lines: LinesArgs) -> Self {
        Self {
            several,
            host: String::new(),
            sanitiser: Sanitiser::new(),
            within_line: false,
            lines: (!lines.is_empty()).then(|| Lines::new(lines)),
            named: false,
        }
    }

    fn take(&mut self, chunk: &v1::OutputChunk) -> String {
        let mut text = String::new();
        if chunk.host != self.host {
            text.push_str(&self.end_line());
            self.host.clone_from(&chunk.host);
            self.within_line = false;
            self.named = false;
            // Where lines are chosen, it stands above the first of them.
            if self.lines.is_none() {
                text.push_str(&self.name());
            }
        }
        if chunk.dropped > 0 {
            text.push_str(&self.end_line());
            text.push_str(&format!("{}\n", hole(chunk.dropped)));
        }
        let stream = if chunk.err { Stream::Err } else { Stream::Out };
        let mut printed = String::new();
        self.sanitiser.push_from(stream, &chunk.bytes, &mut printed);
        if let Some(lines) = &mut self.lines {
            printed = lines.push(&printed);
        }
        text.push_str(&self.under_name(printed));
        self.note(&text);
        text
    }

    /// What a host printed, below its name.
    fn under_name(&mut self, printed: String) -> String {
        match printed.is_empty() {
            true => printed,
            false => format!("{}{printed}", self.name()),
        }
    }

    /// The name of the host, once.
    fn name(&mut self) -> String {
        match std::mem::replace(&mut self.named, true) {
            false if self.several => format!("── {} ──\n", self.host),
            false | true => String::new(),
        }
    }

    /// What is left.
    fn finish(&mut self) -> String {
        let mut text = String::new();
        self.sanitiser.finish(&mut text);
        if let Some(lines) = &mut self.lines {
            text = lines.push(&text) + &lines.finish();
        }
        text = self.under_name(text);
        self.note(&text);
        text
    }

    /// What is left, with the end of its line: what follows is another.
    fn end_line(&mut self) -> String {
        let mut text = self.finish();
        if std::mem::take(&mut self.within_line) {
            text.push('\n');
        }
        text
    }

    fn note(&mut self, text: &str) {
        if !text.is_empty() {
            self.within_line = !text.ends_with('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(host: &str, err: bool, text: &str, dropped: u64) -> v1::OutputChunk {
        v1::OutputChunk {
            host: host.to_owned(),
            err,
            bytes: text.as_bytes().to_vec(),
            dropped,
        }
    }

    #[test]
    fn every_line_stands_alone_and_a_hole_is_marked() {
        let mut shown = Shown::of(true, LinesArgs::default());
        let chunks = [
            chunk("web-01", false, "beginning, cut wi", 0),
            chunk("web-01", false, "", 5 << 20),
            chunk("web-01", false, "thin\nstep 1", 0),
            chunk("web-01", true, "ls: cannot", 0),
            chunk("web-01", false, " done\n", 0),
            chunk("web-02", false, "x", 0),
        ];
        let mut text: String = chunks.iter().map(|chunk| shown.take(chunk)).collect();
        text.push_str(&shown.finish());
        let expected = "── web-01 ──\nbeginning, cut wi\n[5.0 MiB of output not kept here: over the limit]\nthin\n\
                        step 1 done\nls: cannot\n── web-02 ──\nx";
        assert_eq!(text, expected);
    }
}
