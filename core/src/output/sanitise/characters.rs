//! What becomes of a single character: shown as it is, as a picture, by its code point, or as a mark on the one before.

use unicode_width::UnicodeWidthChar;

/// How a character that moves nothing is shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Glyph {
    /// As it is.
    Plain,
    /// On the character before it.
    Mark,
    /// As this text.
    Instead(String),
}

/// How to show a character; line ends, tabs and backspaces are for the line to handle.
pub(super) fn shown(c: char) -> Glyph {
    match c {
        ' '..='~' => Glyph::Plain,
        '\0'..='\u{1f}' => Glyph::Instead(picture(u32::from(c))),
        '\u{7f}' => Glyph::Instead("␡".to_owned()),
        c if is_hidden(c) => Glyph::Instead(code_point(c)),
        c if c.width() == Some(0) => Glyph::Mark,
        _ => Glyph::Plain,
    }
}

/// A character that is not shown itself, by its code point.
pub(super) fn code_point(c: char) -> String {
    format!("⟨U+{:04X}⟩", u32::from(c))
}

/// Whether a character joins its neighbours, or keeps them apart, without a look of its own: ZWNJ and ZWJ.
pub(super) const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Whether a joiner may stand beside a character: letters of scripts that need it, and emoji. Between others it only hides.
pub(super) fn takes_joiner(c: char) -> bool {
    matches!(u32::from(c),
        0x600..=0x60b | 0x60d..=0x61b | 0x61d..=0xdff // Arabic and its kin, Syriac, Indic scripts
        | 0xe00..=0x10ff | 0x1780..=0x17b3 | 0x17b6..=0x17ff | 0x1800..=0x180a | 0x1810..=0x1aff | 0x1b00..=0x1cff
        | 0xa840..=0xabff | 0xfb50..=0xfdcf | 0xfe70..=0xfefc
        | 0x1_0a00..=0x1_0fff | 0x1_1000..=0x1_1fff // more of them
        | 0x2640 | 0x2642 | 0x2190..=0x21ff | 0x2600..=0x27bf | 0x2b00..=0x2bff | 0xfe0f // emoji and signs in them
        | 0x1_f000..=0x1_faff
    )
}

/// Whether a character begins or ends a stretch of text with a direction of its own.
pub(super) const fn is_isolate(c: char) -> bool {
    matches!(c, '\u{2066}'..='\u{2069}')
}

/// One for the beginning of such a stretch, minus one for its end.
pub(super) const fn isolate_depth(c: char) -> i8 {
    match c {
        '\u{2066}'..='\u{2068}' => 1,
        '\u{2069}' => -1,
        _ => 0,
    }
}

/// Whether a character is part of a flag that `before` begins: England, Scotland and Wales have no other.
pub(super) const fn is_flag_tag(c: char, before: char) -> bool {
    before == '\u{1f3f4}' && matches!(c, '\u{e0061}'..='\u{e007a}' | '\u{e007f}')
}

/// Appends a character of somebody else's text as it is shown: as it is, or made visible. Spaces that only look like one are made visible
/// too: to a shell they are letters.
pub fn push_visible(c: char, out: &mut String) {
    match shown(c) {
        Glyph::Plain if c != ' ' && c.is_whitespace() => out.push_str(&code_point(c)),
        Glyph::Plain | Glyph::Mark => out.push(c),
        Glyph::Instead(text) => out.push_str(&text),
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

/// Whether much of some bytes is no text: controls, or controls among bytes that are not UTF-8. Such output is only attached. Text in
/// another 8-bit encoding is text, and so is text with a few NULs in it.
///
/// Takes the first few thousand bytes of an output; a character cut off at their end does not count.
#[must_use]
pub fn is_binary(sample: &[u8]) -> bool {
    let (mut controls, mut invalid, mut all) = (0_usize, 0_usize, 0_usize);
    let mut chunks = sample.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        let text = chunk.valid().bytes();
        all += chunk.valid().len();
        controls += text.filter(|&byte| is_odd(byte)).count();
        let cut = chunks.peek().is_none() && super::is_unfinished(chunk.invalid());
        if !cut {
            all += chunk.invalid().len();
            invalid += chunk.invalid().len();
        }
    }
    controls * 10 > all * 3 || (controls * 25 > all && invalid * 4 > all)
}

/// Whether a byte is a control that no text for people has.
const fn is_odd(byte: u8) -> bool {
    matches!(byte, 0..=6 | 0xe..=0x1a | 0x1c..=0x1f | 0x7f)
}
