//! What becomes of a single character: shown as it is, as a picture, by its code point, or as a mark on the one before.

use unicode_width::UnicodeWidthChar;

/// How a character that moves nothing is shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// As it is.
    Plain,
    /// On the character before it.
    Mark,
    /// As this text.
    Instead(String),
}

/// How to show a character; line ends, tabs and backspaces are for the line to handle.
pub(super) fn shown(c: char) -> Shown {
    match c {
        ' '..='~' => Shown::Plain,
        '\0'..='\u{1f}' => Shown::Instead(picture(u32::from(c))),
        '\u{7f}' => Shown::Instead("␡".to_owned()),
        c if is_hidden(c) => Shown::Instead(format!("⟨U+{:04X}⟩", u32::from(c))),
        c if c.width() == Some(0) => Shown::Mark,
        _ => Shown::Plain,
    }
}

/// The control picture of a control character.
fn picture(control: u32) -> String {
    char::from_u32(0x2400 + control).map_or_else(String::new, String::from)
}

/// Whether a character would be invisible, break lines or change the direction of text: control characters from U+0080 on,
/// bidirectional controls, zero-width and filler characters, separators, tags and noncharacters.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    let code = u32::from(c);
    matches!(code,
        0x80..=0x9f
        | 0xad // soft hyphen
        | 0x34f | 0x61c
        | 0x115f | 0x1160 | 0x3164 | 0xffa0 // Hangul fillers
        | 0x17b4 | 0x17b5
        | 0x180b..=0x180f
        | 0x200b..=0x200f
        | 0x2028..=0x202e
        | 0x2060..=0x206f
        | 0xfdd0..=0xfdef
        | 0xfeff
        | 0xfff0..=0xfffb
        | 0x1_bca0..=0x1_bca3
        | 0x1_d173..=0x1_d17a
        | 0xe_0000..=0xe_0fff
    ) || code & 0xfffe == 0xfffe
}

/// Whether bytes are no text: a NUL among them, or fewer than 70 of 100 characters printable. Such output is only attached.
///
/// Takes the first few thousand bytes of an output; a character cut off at their end does not count.
#[must_use]
pub fn is_binary(sample: &[u8]) -> bool {
    let (mut printable, mut all) = (0_usize, 0_usize);
    let mut chunks = sample.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        for c in chunk.valid().chars() {
            match c {
                '\0' => return true,
                '\n' | '\r' | '\t' | '\u{8}' | '\u{1b}' => printable += 1,
                c if !c.is_control() => printable += 1,
                _ => {}
            }
            all += 1;
        }
        let cut = chunks.peek().is_none() && super::is_unfinished(chunk.invalid());
        if !chunk.invalid().is_empty() && !cut {
            all += 1;
        }
    }
    printable * 10 < all * 7
}
