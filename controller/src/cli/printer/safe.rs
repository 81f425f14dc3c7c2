//! What one host printed, as text that is safe to read: whole lines, each behind the same margin.

use shanty_core::output::sanitise::{Sanitiser, unfenced};
use shanty_core::spool::Stream;
use shanty_proto::v1;

use super::hole;
use super::lines::{Lines, LinesArgs};

/// Text of one host.
pub(in crate::cli) struct SafeText {
    /// Stands before each line: no host prints what looks like another's, or like what this program says.
    margin: String,
    sanitiser: Sanitiser,
    /// Lines that are chosen; nothing when all are.
    lines: Option<Lines>,
    /// The last line has no end yet.
    within_line: bool,
    is_empty: bool,
}

impl SafeText {
    pub(in crate::cli) fn new(margin: impl Into<String>, colours: bool) -> Self {
        Self {
            margin: margin.into(),
            sanitiser: match colours {
                true => Sanitiser::coloured(),
                false => Sanitiser::new(),
            },
            lines: None,
            within_line: false,
            is_empty: true,
        }
    }

    pub(super) fn choosing(self, lines: &LinesArgs) -> Self {
        Self {
            lines: Lines::new(lines),
            ..self
        }
    }

    /// Nothing was printed so far.
    pub(in crate::cli) const fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Takes what was printed, and gives the lines that nothing can change any more.
    pub(in crate::cli) fn take(&mut self, chunk: &v1::OutputChunk) -> String {
        let mut text = String::new();
        if chunk.dropped > 0 {
            text = self.finish();
            let name = self.margin.trim_start();
            text.push_str(&format!("{name}{}\n", hole(chunk.dropped)));
            self.is_empty = false;
        }
        let stream = if chunk.err { Stream::Err } else { Stream::Out };
        let mut more = String::new();
        self.sanitiser.push_from(stream, &chunk.bytes, &mut more);
        more = unfenced(more);
        if let Some(lines) = &mut self.lines {
            more = text_of(lines.push(false, more.as_bytes()));
        }
        text.push_str(&self.with_margin(&more));
        text
    }

    /// What is left, with the end of its line.
    pub(in crate::cli) fn finish(&mut self) -> String {
        let mut text = String::new();
        self.sanitiser.finish(&mut text);
        text = unfenced(text);
        if let Some(lines) = &mut self.lines {
            let mut chosen = lines.push(false, text.as_bytes());
            chosen.extend(lines.finish());
            text = text_of(chosen);
        }
        text = self.with_margin(&text);
        if std::mem::take(&mut self.within_line) {
            text.push('\n');
        }
        text
    }

    fn with_margin(&mut self, text: &str) -> String {
        let mut lines = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            if !std::mem::replace(&mut self.within_line, !line.ends_with('\n')) {
                lines.push_str(&self.margin);
            }
            lines.push_str(line);
            self.is_empty = false;
        }
        lines
    }
}

/// What was text stays text: it is cut at ends of lines only.
fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(text: &str, dropped: u64) -> v1::OutputChunk {
        v1::OutputChunk {
            host: "web-01".to_owned(),
            bytes: text.as_bytes().to_vec(),
            dropped,
            ..v1::OutputChunk::default()
        }
    }

    #[test]
    fn what_a_host_prints_is_never_at_the_edge_where_there_are_several() {
        let mut shown = SafeText::new("  ", false);
        let mut text = String::new();
        for part in ["x\n\n✓ db-01 · exi", "t 0\n6 ok\nhalf"] {
            text.push_str(&shown.take(&chunk(part, 0)));
        }
        text.push_str(&shown.finish());
        assert_eq!(text, "  x\n  \n  ✓ db-01 · exit 0\n  6 ok\n  half\n");
    }

    #[test]
    fn three_backticks_are_three_backticks() {
        for colours in [false, true] {
            let mut shown = SafeText::new("", colours);
            let mut text = shown.take(&chunk("```sh\nid\n`", 0));
            text += &shown.take(&chunk("``", 0));
            text += &shown.finish();
            assert_eq!(text, "```sh\nid\n```\n");
        }
    }

    #[test]
    fn output_ends_its_last_line_and_marks_its_holes() {
        for (margin, name) in [("", ""), ("  ", ""), ("web-01: ", "web-01: ")] {
            let mut shown = SafeText::new(margin, false);
            assert!(shown.is_empty());
            let mut text = shown.take(&chunk("a\x1b[2J", 0));
            text += &shown.take(&chunk("", 1 << 20));
            text += &shown.take(&chunk("b", 0));
            text += &shown.finish();
            let hole = "[1.0 MiB of output not kept here: over the limit]";
            assert_eq!(text, format!("{margin}a\n{name}{hole}\n{margin}b\n"));
            assert!(!shown.is_empty());
        }
    }
}
