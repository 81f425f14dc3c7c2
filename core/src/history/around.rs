//! The text around the words that were looked for: the place where most of them stand together.
//!
//! It goes through a text once, whatever stands in it: an output may hold one word a thousand times over.

use super::Words;

/// Words of the piece that is shown.
const SHOWN: usize = 12;

/// Words before the first that was found, when no line begins near.
const BEFORE: usize = 3;

/// Characters of the piece, and of those before the first word that was found when that is too long: a word may fill an output.
const CHARS_MAX: usize = 300;
const CHARS_BEFORE_MAX: usize = 40;

/// Parts of the words that are looked at: as many as a mask has bits.
const PARTS_MAX: usize = 64;

/// A piece of a text with the words in it, on one line; the beginning of the text when they stand in it in another spelling.
#[must_use]
pub fn around(text: &str, words: &Words) -> String {
    let tokens = tokens(text, &parts(words));
    let first = best(&tokens);
    let start = start(text, &tokens, first);
    let end = (start + SHOWN).min(tokens.len());
    let (Some(from), Some(to)) = (tokens.get(start), tokens.get(end.saturating_sub(1))) else {
        return String::new();
    };
    // What stands between words and belongs to none goes with the first and the last.
    let from_byte = if start == 0 { 0 } else { from.from };
    let to_byte = tokens.get(end).map_or(text.len(), |_| to.to);
    let found_byte = tokens.get(first).map_or(from_byte, |found| found.from);
    let before = text.get(from_byte..found_byte).unwrap_or_default();
    let rest = text.get(found_byte..to_byte).unwrap_or_default();
    let (mut before, rest) = (on_one_line(before), on_one_line(rest));
    if !before.is_empty() && ends_between_words(text, found_byte) {
        before.push(' ');
    }
    bounded(&before, &rest, (start > 0, end < tokens.len()))
}

/// What stands before the first word that was found and what stands from there on, with dots where something is left out.
fn bounded(before: &str, rest: &str, (cut_before, cut_after): (bool, bool)) -> String {
    let is_long = before.chars().count() + rest.chars().count() > CHARS_MAX;
    let begins = before.char_indices().nth_back(CHARS_BEFORE_MAX - 1);
    let begins = begins.map_or(0, |(at, _)| if is_long { at } else { 0 });
    let kept = before.get(begins..).unwrap_or_default();
    let room = CHARS_MAX.saturating_sub(kept.chars().count());
    let ends = rest.char_indices().nth(room).map(|(at, _)| at);
    let shown = rest.get(..ends.unwrap_or(rest.len())).unwrap_or_default();
    let dots = |is: bool| if is { "…" } else { "" };
    let (cut_before, cut_after) = (cut_before || begins > 0, cut_after || ends.is_some());
    format!("{}{kept}{shown}{}", dots(cut_before), dots(cut_after))
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn ends_between_words(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before.ends_with(char::is_whitespace)
}

/// A part of what is looked for: `6.1.0` has three.
struct Term {
    folded: String,
    /// It may be the beginning of a word.
    begins: bool,
}

/// A word of a text.
struct Token {
    from: usize,
    to: usize,
    /// The parts that it is, a bit each.
    is: u64,
}

fn parts(words: &Words) -> Vec<Term> {
    let mut parts = Vec::new();
    for (word, begins) in words.each() {
        let split = word.split(|c: char| !is_of_word(c));
        let mut of_word: Vec<Term> = split
            .filter(|part| !part.is_empty())
            .map(|part| Term {
                folded: folded(part),
                begins: false,
            })
            .collect();
        if let Some(last) = of_word.last_mut() {
            last.begins = begins;
        }
        parts.append(&mut of_word);
    }
    parts.truncate(PARTS_MAX);
    parts
}

fn tokens(text: &str, parts: &[Term]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = 0;
    while let Some((from, _)) = char_from(text, rest, is_of_word) {
        let to = char_from(text, from, |c| !is_of_word(c)).map_or(text.len(), |(at, _)| at);
        let word = folded(text.get(from..to).unwrap_or_default());
        let mut is = 0;
        for (bit, part) in parts.iter().enumerate() {
            if word == part.folded || part.begins && word.starts_with(&part.folded) {
                is |= 1 << bit;
            }
        }
        tokens.push(Token { from, to, is });
        rest = to;
    }
    tokens
}

fn char_from(text: &str, from: usize, is: impl Fn(char) -> bool) -> Option<(usize, char)> {
    let rest = text.get(from..)?;
    let (at, c) = rest.char_indices().find(|(_, c)| is(*c))?;
    Some((from + at, c))
}

/// The word from which on most of what is looked for stands within one piece; the first of those.
fn best(tokens: &[Token]) -> usize {
    let (mut best, mut most) = (0, 0);
    for (at, token) in tokens.iter().enumerate() {
        if token.is == 0 {
            continue;
        }
        let piece = tokens.iter().skip(at).take(SHOWN - BEFORE);
        let found = piece.fold(0, |all: u64, token| all | token.is).count_ones();
        if found > most {
            (best, most) = (at, found);
        }
    }
    best
}

/// Where the piece begins: with the text or with a line, when one of those begins near.
fn start(text: &str, tokens: &[Token], first: usize) -> usize {
    let nearest = first.saturating_sub(SHOWN / 2);
    if nearest == 0 {
        return 0;
    }
    let begins_line = |at: &usize| {
        let between = at.checked_sub(1).and_then(|before| tokens.get(before));
        let between = between.zip(tokens.get(*at));
        between.is_some_and(|(before, this)| {
            text.get(before.to..this.from)
                .is_some_and(|gap| gap.contains('\n'))
        })
    };
    let line = (nearest..=first).rev().find(begins_line);
    line.unwrap_or(first.saturating_sub(BEFORE))
}

/// Letters and digits make words, with the marks that belong to them.
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c)
}

const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// A word in the spelling in which words are compared: small letters without marks.
fn folded(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let small = word.chars().filter(|c| !is_mark(*c));
    small.flat_map(char::to_lowercase).map(plain).collect()
}

/// The letter below the marks, of the letters of most of Europe.
const fn plain(c: char) -> char {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => 'c',
        'ď' => 'd',
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => 'e',
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => 'g',
        'ĥ' => 'h',
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' => 'i',
        'ĵ' => 'j',
        'ķ' => 'k',
        'ĺ' | 'ļ' | 'ľ' => 'l',
        'ñ' | 'ń' | 'ņ' | 'ň' => 'n',
        'ò'..='ö' | 'ō' | 'ŏ' | 'ő' => 'o',
        'ŕ' | 'ŗ' | 'ř' => 'r',
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => 's',
        'ţ' | 'ť' | 'ț' => 't',
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => 'u',
        'ŵ' => 'w',
        'ý' | 'ÿ' | 'ŷ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, words: &str, expected: &str) {
        assert_eq!(around(text, &Words::parse(words).unwrap()), expected);
    }

    #[test]
    fn the_piece_is_where_most_words_stand() {
        check(
            "No space left on device\n",
            "space LEF",
            "No space left on device",
        );
        check("before\n6.1.0-33\n", "6.1.0-33", "before 6.1.0-33");
        let log = "disk one\nall is well here today\nthis is fine too\ndisk is full (97%)\nbye\n";
        check(log, "disk full", "…disk is full (97%) bye");
        let line = "one two three four five six seven eight nine ten eleven twelve \
                    thirteen fourteen fifteen sixteen seventeen eighteen";
        check(
            line,
            "ten",
            "…seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen",
        );
        check(
            line,
            "two",
            "one two three four five six seven eight nine ten eleven twelve…",
        );
        check(
            line,
            "te",
            "one two three four five six seven eight nine ten eleven twelve…",
        );
    }

    #[test]
    fn letters_are_compared_without_marks_and_what_is_spelled_otherwise_shows_the_beginning() {
        let filler = "x ".repeat(20);
        for (text, words) in [
            ("das CAFÉ schließt", "cafe"),
            ("das Cafe\u{301} schließt", "café"),
            ("ŽLUŤOUČKÝ kůň", "zlutoucky kun"),
        ] {
            let found = around(&format!("{filler}\n{text}"), &Words::parse(words).unwrap());
            assert_eq!(found, format!("…{text}"), "{words}");
        }
        check("ｗｉｄｅ letters\n", "wide", "ｗｉｄｅ letters");
        check("--- ***\n", "wide", "");
        check("", "wide", "");
    }

    #[test]
    fn a_word_that_fills_an_output_costs_no_more_than_another() {
        // Each place compared with each other one would be a thousand million steps.
        let text = "aa ".repeat(32 * 1024);
        let piece = around(&text, &Words::parse("aa aa aa").unwrap());
        assert_eq!(piece, format!("{}…", ["aa"; SHOWN].join(" ")));
    }

    #[test]
    fn a_piece_is_short_however_long_its_words_are_and_shows_what_was_found() {
        for filler in ["x", "ž", "😀", "-"] {
            let long = filler.repeat(64 * 1024);
            let short = |text: &str, words: &str| {
                let piece = around(text, &Words::parse(words).unwrap());
                assert!(piece.chars().count() <= CHARS_MAX + 2, "{piece}");
                piece
            };
            let text = format!("{long} full {long}");
            let piece = short(&text, "full");
            assert!(piece.starts_with('…') && piece.ends_with('…'), "{piece}");
            assert!(
                piece.contains(&format!("{filler} full {filler}")),
                "{piece}"
            );
            let begun = short(&format!("full{long}"), "fullx");
            assert!(begun.starts_with("full"), "{begun}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_a_piece_of_it(text in "(?s).{0,300}", words in "\\PC{1,60}") {
            if let Ok(words) = Words::parse(&words) {
                let piece = around(&text, &words);
                let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
                prop_assert!(flat.contains(piece.trim_matches('…')) || text.contains('…'), "{piece:?}");
            }
        }
    }
}
