//! Colours of an output, reduced to what an `ansi` code block of Discord knows: bold, underline, and eight colours of text and ground.
//!
//! Coloured text is text of the sanitiser with such sequences in it and no other. Each says all there is and not what changes, every line
//! begins plain and ends plain, and a sequence stands only where the look changes. So lines can be put together and taken apart like
//! plain ones, and only what is cut within a line needs to be closed and opened again: [`closed`] and [`opened`].

use std::borrow::Cow;

use crate::text::prefix;

/// What every sequence begins with.
const BEGIN: &str = "\u{1b}[";

/// What ends all colours.
pub const RESET: &str = "\u{1b}[0m";

/// UTF-16 units, and bytes, of the longest sequence: `ESC [ 0 ; 1 ; 4 ; 3 7 ; 4 7 m`.
pub const SEQUENCE_MAX: usize = 14;

/// UTF-16 units to leave free where coloured text is cut at its beginning: for the sequence in which that lies, and the one that opens.
pub const CUT_UNITS: usize = 2 * SEQUENCE_MAX;

/// Numbers of one sequence that count; more mean nothing. Text and ground in true colour have ten.
pub(super) const CODES_MAX: usize = 12;

/// How a character looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pen {
    bold: bool,
    /// Of the bright colours, which are shown as bold ones.
    bright: bool,
    underline: bool,
    fore: Option<u8>,
    back: Option<u8>,
}

impl Pen {
    /// True when it is as without any sequence.
    pub(super) fn is_plain(self) -> bool {
        self == Self::default()
    }

    /// As it is shown.
    pub(super) const fn shown(self) -> Self {
        Self {
            bold: self.bold || self.bright,
            bright: false,
            ..self
        }
    }

    /// Does what a sequence with these numbers says (ECMA-48, SGR); what Discord does not show is left out.
    pub(super) fn apply(&mut self, codes: &[u16]) {
        let mut codes = codes.iter().copied();
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.bold = true,
                4 => self.underline = true,
                22 => self.bold = false,
                24 => self.underline = false,
                30..=37 => self.text(digit(code - 30), false),
                38 => {
                    if let Some((colour, bright)) = extended(&mut codes) {
                        self.text(colour, bright);
                    }
                }
                39 => (self.fore, self.bright) = (None, false),
                40..=47 => self.back = Some(digit(code - 40)),
                48 => {
                    if let Some((colour, _)) = extended(&mut codes) {
                        self.back = Some(colour);
                    }
                }
                49 => self.back = None,
                90..=97 => self.text(digit(code - 90), true),
                100..=107 => self.back = Some(digit(code - 100)),
                _ => {}
            }
        }
    }

    const fn text(&mut self, colour: u8, bright: bool) {
        (self.fore, self.bright) = (Some(colour), bright);
    }

    /// Appends what makes of one look another.
    pub(super) fn change(from: Self, to: Self, out: &mut String) {
        if from == to {
            return;
        }
        if to.is_plain() {
            out.push_str(RESET);
            return;
        }
        let mut codes = Vec::with_capacity(5);
        codes.extend((!from.is_plain()).then_some(0));
        codes.extend(to.bold.then_some(1));
        codes.extend(to.underline.then_some(4));
        codes.extend(to.fore.map(|colour| 30 + colour));
        codes.extend(to.back.map(|colour| 40 + colour));
        let codes: Vec<String> = codes.iter().map(u8::to_string).collect();
        out.push_str(BEGIN);
        out.push_str(&codes.join(";"));
        out.push('m');
    }
}

/// A digit of a range that has eight.
fn digit(code: u16) -> u8 {
    u8::try_from(code).unwrap_or(0).min(7)
}

/// One of 256 colours or a true one, as the nearest of eight, and whether it is a bright one.
fn extended(codes: &mut impl Iterator<Item = u16>) -> Option<(u8, bool)> {
    match codes.next()? {
        5 => {
            let index = u8::try_from(codes.next()?).ok()?;
            Some(match index {
                0..=7 => (index, false),
                8..=15 => (index - 8, true),
                // A cube with six steps each way, and 24 greys.
                16..=231 => {
                    let at = index - 16;
                    let [red, green, blue] = [at / 36, at / 6 % 6, at % 6].map(|step| match step {
                        0 => 0,
                        step => 55 + 40 * step,
                    });
                    (nearest([red, green, blue]), false)
                }
                232.. => (nearest([8 + 10 * (index - 232); 3]), false),
            })
        }
        2 => {
            let mut part = || codes.next().and_then(|part| u8::try_from(part).ok());
            let (red, green, blue) = (part(), part(), part());
            Some((nearest([red?, green?, blue?]), false))
        }
        _ => None,
    }
}

/// The nearest of the eight colours, as terminals show those.
fn nearest(colour: [u8; 3]) -> u8 {
    const EIGHT: [[u8; 3]; 8] = [
        [0, 0, 0],
        [205, 0, 0],
        [0, 205, 0],
        [205, 205, 0],
        [0, 0, 238],
        [205, 0, 205],
        [0, 205, 205],
        [229, 229, 229],
    ];
    let far = |other: &[u8; 3]| -> u32 {
        let parts = colour.iter().zip(other);
        parts
            .map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2))
            .sum::<u32>()
    };
    let nearest = (0..8_u8).zip(&EIGHT).min_by_key(|(_, other)| far(other));
    nearest.map_or(7, |(colour, _)| colour)
}

/// True when a text of the sanitiser has colours: nothing else leaves an escape in it.
#[must_use]
pub fn is_coloured(text: &str) -> bool {
    text.contains('\u{1b}')
}

/// The text without its colours.
#[must_use]
pub fn stripped(text: &str) -> Cow<'_, str> {
    if !is_coloured(text) {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    Cow::Owned(plain)
}

/// The place at or before this one that is not within a sequence.
#[must_use]
pub fn floor(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or(text);
    match before.rfind('\u{1b}') {
        Some(begin) if !before.get(begin..).unwrap_or_default().contains('m') => begin,
        Some(_) | None => at,
    }
}

/// The sequence that opens again at this place what is open there; nothing where all is plain.
#[must_use]
pub fn open_at(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    let Some(last) = line.rfind('\u{1b}').and_then(|begin| line.get(begin..)) else {
        return "";
    };
    match last.split_inclusive('m').next() {
        Some(sequence) if sequence != RESET => sequence,
        Some(_) | None => "",
    }
}

/// The first characters of a line that have at most so many UTF-16 units without their colours, which are closed.
#[must_use]
pub fn cut(line: &str, units_max: usize) -> Cow<'_, str> {
    if !is_coloured(line) {
        return Cow::Borrowed(prefix(line, units_max));
    }
    let (mut left, mut end, mut rest) = (units_max, 0, line);
    while let Some(next) = rest
        .find('\u{1b}')
        .or((!rest.is_empty()).then_some(rest.len()))
    {
        let (text, after) = rest.split_at_checked(next).unwrap_or((rest, ""));
        let fits = prefix(text, left);
        end += fits.len();
        if fits.len() < text.len() {
            break;
        }
        left -= crate::text::units(text);
        let sequence = after.find('m').map_or(after.len(), |at| at + 1);
        end += sequence;
        rest = after.get(sequence..).unwrap_or_default();
    }
    Cow::Owned(closed(line, end))
}

/// A text up to this place, with what is open there closed.
#[must_use]
pub fn closed(text: &str, at: usize) -> String {
    let reset = if open_at(text, at).is_empty() {
        ""
    } else {
        RESET
    };
    format!("{}{reset}", text.get(..at).unwrap_or(text))
}

/// A text from this place on, with what is open there opened again.
#[must_use]
pub fn opened(text: &str, at: usize) -> String {
    format!(
        "{}{}",
        open_at(text, at),
        text.get(at..).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(codes: &[u16]) -> String {
        let mut pen = Pen::default();
        pen.apply(codes);
        let mut shown = String::new();
        Pen::change(Pen::default(), pen.shown(), &mut shown);
        shown.replace('\u{1b}', "^")
    }

    #[test]
    fn what_discord_does_not_know_becomes_the_nearest_that_it_does() {
        for (codes, expected) in [
            (&[][..], ""),
            (&[0], ""),
            (&[1, 31], "^[1;31m"),
            (&[31, 1, 4, 44], "^[1;4;31;44m"),
            (&[3, 7, 9, 53, 31], "^[31m"),
            (&[92], "^[1;32m"),
            (&[92, 32], "^[32m"),
            (&[1, 92, 22], "^[1;32m"),
            (&[101], "^[41m"),
            (&[31, 41, 39], "^[41m"),
            (&[31, 41, 49], "^[31m"),
            (&[1, 4, 31, 22, 24], "^[31m"),
            (&[31, 0, 4], "^[4m"),
            (&[38, 5, 1], "^[31m"),
            (&[38, 5, 9], "^[1;31m"),
            (&[38, 5, 208], "^[33m"),
            (&[38, 5, 240], "^[30m"),
            (&[38, 5, 255], "^[37m"),
            (&[48, 5, 21], "^[44m"),
            (&[38, 2, 250, 10, 20, 1], "^[1;31m"),
            (&[48, 2, 0, 200, 200], "^[46m"),
            // Broken off, or out of range.
            (&[38], ""),
            (&[38, 5], ""),
            (&[38, 5, 256, 1], "^[1m"),
            (&[38, 2, 1, 2], ""),
            (&[38, 9, 1], "^[1m"),
        ] {
            assert_eq!(after(codes), expected, "{codes:?}");
        }
        assert_eq!(after(&[1, 4, 97, 107]).len() + 2, SEQUENCE_MAX);
    }

    #[test]
    fn a_cut_is_closed_and_opened_again() {
        let text = "one\n\u{1b}[31mred\u{1b}[0;1mbold\u{1b}[0m end\n";
        assert_eq!(stripped(text), "one\nredbold end\n");
        assert_eq!(stripped("plain"), "plain");
        let cuts: Vec<String> = (0..=text.len())
            .map(|at| {
                let at = floor(text, at);
                let (head, tail) = (closed(text, at), opened(text, at));
                assert_eq!(
                    format!("{}{}", stripped(&head), stripped(&tail)),
                    stripped(text)
                );
                open_at(text, at).replace('\u{1b}', "^")
            })
            .collect();
        let mut states = cuts.clone();
        states.dedup();
        assert_eq!(states, ["", "^[31m", "^[0;1m", ""]);
        for (units, expected) in [
            (0, ""),
            (2, "\u{1b}[31mre\u{1b}[0m"),
            (4, "\u{1b}[31mred\u{1b}[0;1mb\u{1b}[0m"),
            (99, "\u{1b}[31mred\u{1b}[0;1mbold\u{1b}[0m end"),
        ] {
            let line = text.lines().nth(1).unwrap();
            assert_eq!(stripped(&cut(line, units)), stripped(expected), "{units}");
            if units > 0 {
                assert_eq!(cut(line, units), expected, "{units}");
            }
        }
        assert_eq!(cut("plain", 2), "pl");
    }
}
