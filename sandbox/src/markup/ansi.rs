//! Colours of terminals, as Discord's `ansi` fences show them: SGR 0, 1, 4, 30 to 37 and 40 to 47.
//!
//! Every other escape sequence has no effect; of those that are not CSI only the escape character vanishes, so that no
//! sequence without an end hides the text after it.

use anstyle_parse::{DefaultCharAccumulator, Params, Parser, Perform};

use super::write::Page;

const ESCAPE: char = '\u{1b}';

/// Writes `code` with a `span` around each coloured part.
pub(super) fn write(page: &mut Page<'_>, code: &str) {
    let mut screen = Screen {
        page,
        pending: String::new(),
        style: Style::default(),
    };
    let mut parser = Parser::<DefaultCharAccumulator>::new();
    let mut parts = code.split(ESCAPE);
    for byte in parts.next().unwrap_or_default().bytes() {
        parser.advance(&mut screen, byte);
    }
    for part in parts {
        if part.starts_with('[') {
            parser.advance(&mut screen, 0x1b);
        }
        for byte in part.bytes() {
            parser.advance(&mut screen, byte);
        }
    }
    screen.flush();
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Style {
    bold: bool,
    underline: bool,
    text: Option<u16>,
    background: Option<u16>,
}

impl Style {
    fn apply(&mut self, code: u16) {
        match code {
            0 => *self = Self::default(),
            1 => self.bold = true,
            4 => self.underline = true,
            30..=37 => self.text = Some(code),
            40..=47 => self.background = Some(code),
            _ => {}
        }
    }

    fn class(self) -> String {
        let mut names = Vec::new();
        names.extend(self.bold.then(|| "a1".to_owned()));
        names.extend(self.underline.then(|| "a4".to_owned()));
        names.extend(self.text.map(|code| format!("a{code}")));
        names.extend(self.background.map(|code| format!("a{code}")));
        names.join(" ")
    }
}

struct Screen<'p, 'n> {
    page: &'p mut Page<'n>,
    /// Text in the present style that is not written yet.
    pending: String,
    style: Style,
}

impl Screen<'_, '_> {
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.pending);
        if text.is_empty() {
            return;
        }
        let class = self.style.class();
        if class.is_empty() {
            self.page.text(&text);
        } else {
            self.page.span(&[("class", &class)], &text);
        }
    }
}

impl Perform for Screen<'_, '_> {
    fn print(&mut self, c: char) {
        self.pending.push(c);
    }

    fn execute(&mut self, byte: u8) {
        if matches!(byte, b'\n' | b'\t') {
            self.pending.push(char::from(byte));
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: u8) {
        if action != b'm' || ignore || !intermediates.is_empty() {
            return;
        }
        let before = self.style;
        let mut after = before;
        for code in params.iter().filter_map(<[u16]>::first) {
            after.apply(*code);
        }
        if before != after {
            self.flush();
            self.style = after;
        }
    }
}
