//! Properties of coloured output: it is the plain text with nothing but colours added, every line of every message begins and ends plain,
//! each character looks as it did wherever pages are cut, and no message is over its limit.

#![expect(
    clippy::unwrap_used,
    reason = "an unwrap in a test is an assertion, also outside of its function"
)]

use proptest::collection::vec;
use proptest::prelude::*;
use shanty_core::limits::{CARD_CHARS_MAX, PAGE_CHARS_MAX};
use shanty_core::output::colours::{is_coloured, stripped};
use shanty_core::output::excerpt::Excerpt;
use shanty_core::output::pages::{Above, Pager, Tail};
use shanty_core::output::sanitise::{Sanitiser, whole};

fn output() -> impl Strategy<Value = Vec<u8>> {
    let look = vec(
        prop_oneof![
            0_u16..=9,
            21_u16..=49,
            90_u16..=107,
            Just(38),
            Just(5),
            Just(2),
            any::<u16>()
        ],
        0..6,
    );
    let look = look.prop_map(|codes| {
        let codes: Vec<String> = codes.iter().map(u16::to_string).collect();
        format!("\u{1b}[{}m", codes.join(";"))
    });
    let written = prop_oneof![
        "[a-z ]{1,12}",
        "[é🙂你`\u{301}\u{2066}\u{2069}]{1,6}",
        Just("x".repeat(400)),
        Just("🙂".repeat(700)),
        Just("line\n".repeat(90)),
        (1_usize..999).prop_map(dense),
    ];
    let moved = prop_oneof![
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        Just("\r\n".to_owned()),
        Just("\t".to_owned()),
        Just("\u{8}\u{8}".to_owned()),
        "\u{1b}\\[[0-9]{0,2}[ABCDGHJKLMPXm]",
        Just("\u{1b}[3".to_owned()),
        Just("\u{1b}]0;x".to_owned()),
    ];
    let pieces = prop_oneof![4 => look, 4 => written, 3 => moved];
    let text = vec(pieces, 0..50).prop_map(|pieces| pieces.concat().into_bytes());
    (text, any::<u8>()).prop_map(|(mut bytes, at)| {
        if at > 240 {
            bytes.insert(bytes.len() / 2, 0xff);
        }
        bytes
    })
}

/// A line on which each character has another colour than the one before.
fn dense(columns: usize) -> String {
    let character = |at| format!("\u{1b}[{}mx", 31 + at % 7);
    (0..columns).map(character).collect()
}

/// All of an output at once.
fn coloured(bytes: &[u8]) -> String {
    let (mut sanitiser, mut text) = (Sanitiser::coloured(), String::new());
    sanitiser.push(bytes, &mut text);
    sanitiser.finish(&mut text);
    text
}

/// Each character with the codes that it is shown with; panics where a sequence is none of those that Discord knows, or a line does not
/// end plain.
fn looks(text: &str) -> Vec<(char, Vec<u8>)> {
    let mut looks = Vec::new();
    for line in text.split_inclusive('\n') {
        let mut parts = line.split('\u{1b}');
        let mut codes: Vec<u8> = Vec::new();
        let first = parts.next().unwrap();
        looks.extend(first.chars().map(|c| (c, Vec::new())));
        for part in parts {
            let (sequence, rest) = part.split_once('m').expect("a whole sequence");
            let numbers = sequence.strip_prefix('[').expect("of colours").split(';');
            codes = numbers.map(|number| number.parse().unwrap()).collect();
            let known = |code: &u8| matches!(code, 0 | 1 | 4 | 30..=37 | 40..=47);
            assert!(codes.iter().all(known), "{part:?}");
            codes.retain(|code| *code != 0);
            looks.extend(rest.chars().map(|c| (c, codes.clone())));
        }
        assert_eq!(codes, [0; 0], "the line ends plain: {line:?}");
    }
    looks
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// What stands in the code block of a message, whose language says whether it has colours; nothing when it says that nothing is to be seen.
fn block(message: &str) -> &str {
    assert!(units(message) <= PAGE_CHARS_MAX, "{}", units(message));
    let Some((_, rest)) = message.split_once("```") else {
        let nothing = ["(only blank lines)", "(nothing to be seen)"];
        assert!(nothing.iter().any(|words| message.contains(words)));
        return "";
    };
    let (language, rest) = rest.split_once('\n').unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    assert_eq!(language == "ansi", is_coloured(text), "{message}");
    text
}

/// Checks that a part of a text is its end, and looks as it does there.
fn assert_end(text: &str, part: &str) {
    let (all, part) = (looks(text.trim_end_matches('\n')), looks(part));
    let part: Vec<_> = part
        .into_iter()
        .rev()
        .skip_while(|(c, _)| *c == '\n')
        .collect();
    assert!(all.iter().rev().zip(&part).all(|(a, b)| a == b), "{text:?}");
    assert!(part.len() <= all.len());
}

fn chunks<'b>(bytes: &'b [u8], cuts: &[usize]) -> Vec<&'b [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn colours_are_all_that_is_added(bytes in output(), cuts in vec(any::<usize>(), 0..8)) {
        let text = coloured(&bytes);
        looks(&text);
        prop_assert_eq!(stripped(&text), whole(&bytes));
        let (mut sanitiser, mut again) = (Sanitiser::coloured(), String::new());
        let mut plain = Sanitiser::new();
        for chunk in chunks(&bytes, &cuts) {
            sanitiser.push(chunk, &mut again);
            plain.push(chunk, &mut String::new());
            let pending = sanitiser.pending();
            looks(&pending);
            prop_assert_eq!(stripped(&pending), plain.pending());
            prop_assert_eq!(sanitiser.lines(), plain.lines());
        }
        sanitiser.finish(&mut again);
        prop_assert_eq!(again, text);
    }

    #[test]
    fn pages_close_what_the_next_opens_again(
        bytes in output(), cuts in vec(any::<usize>(), 0..8), header in prop_oneof![Just(""), Just("**web-01**")],
    ) {
        // As long as any can be.
        let footer = "f".repeat(200);
        let text = coloured(&bytes);
        let mut pager = Pager::coloured(header);
        let mut tail = Tail::coloured(header, Above::Lines(0));
        let (mut sanitiser, mut settled) = (Sanitiser::coloured(), String::new());
        let (mut so_far, mut pages) = (String::new(), Vec::new());
        for chunk in chunks(&bytes, &cuts) {
            settled.clear();
            sanitiser.push(chunk, &mut settled);
            so_far.push_str(&settled);
            pages.extend(pager.push(&settled));
            tail.push(&settled);
            let pending = sanitiser.pending();
            let now = format!("{so_far}{pending}");
            assert_end(&now, block(&pager.live(&pending, &footer)));
            assert_end(&now, block(&tail.message(&pending, &footer)));
        }
        settled.clear();
        sanitiser.finish(&mut settled);
        pages.extend(pager.push(&settled));
        let mut texts: Vec<String> = pages.into_iter().map(|page| page.text).collect();
        texts.push(pager.open().to_owned());
        for page in &texts {
            let message = pager.message(page, &footer);
            let shown = block(&message);
            if shown.is_empty() {
                prop_assert!(stripped(page).trim().is_empty());
                continue;
            }
            prop_assert_eq!(shown.strip_suffix('\n').unwrap_or(shown), page.strip_suffix('\n').unwrap_or(page));
        }
        let paged: Vec<_> = texts.iter().flat_map(|page| looks(page)).collect();
        prop_assert_eq!(paged, looks(&text));
    }

    #[test]
    fn an_excerpt_looks_as_the_whole_does(
        bytes in output(), cuts in vec(any::<usize>(), 0..8), lines in 1_usize..400, room in 60_usize..=CARD_CHARS_MAX,
    ) {
        let text = coloured(&bytes);
        let (mut excerpt, mut settled) = (Excerpt::default(), String::new());
        let mut sanitiser = Sanitiser::coloured();
        for chunk in chunks(&bytes, &cuts) {
            settled.clear();
            sanitiser.push(chunk, &mut settled);
            excerpt.push(&settled);
            excerpt.shrink();
        }
        settled.clear();
        sanitiser.finish(&mut settled);
        excerpt.push(&settled);
        excerpt.shrink();
        for part in [excerpt.last(lines, room), excerpt.ends(lines, room)] {
            let shown = format!("{}{}", part.head, part.tail.trim_end_matches('\n'));
            prop_assert!(units(&shown) <= room);
            let all = looks(&text);
            prop_assert!(all.starts_with(&looks(&part.head)));
            assert_end(&text, &part.tail);
            let (all, tail) = (stripped(&text), stripped(&part.tail));
            let (all, tail) = (all.trim_end_matches('\n'), tail.trim_end_matches('\n'));
            let before = all.strip_suffix(tail).unwrap();
            let begins = before.is_empty() || before.ends_with('\n');
            prop_assert!(begins || !tail.contains('\n'), "lines that count as shown are whole: {}", tail);
        }
    }
}

#[test]
fn what_fits_a_message_is_the_plain_message_with_colours() {
    let bytes = b"\x1b[32mok\x1b[0m 12 passed\n\x1b[1;91m1 failed\x1b[0m\n";
    let page = |text: &str, mut pager: Pager| {
        pager.push(text);
        pager.message(pager.open(), "exit 1")
    };
    let plain = page(&whole(bytes), Pager::new("**web-01**"));
    let text = page(&coloured(bytes), Pager::coloured("**web-01**"));
    assert_eq!(
        text,
        "**web-01**\n```ansi\n\u{1b}[32mok\u{1b}[0m 12 passed\n\u{1b}[1;31m1 failed\u{1b}[0m\n```\n-# exit 1"
    );
    assert_eq!(stripped(&text), plain.replace("```\nok", "```ansi\nok"));
}

#[test]
fn colours_go_on_over_lines_and_folds_and_move_with_the_cursor() {
    for (bytes, expected) in [
        (
            &b"\x1b[31mone\ntwo\x1b[m\n"[..],
            "^[31mone^[0m\n^[31mtwo^[0m\n",
        ),
        (b"\x1b[31m50%\r\x1b[32m100%\x1b[0m", "^[32m100%^[0m"),
        (b"\x1b[31mabc\r\x1b[0mX", "X^[31mbc^[0m"),
        (b"a\n\x1b[31mb\x1b[1A\rc\x1b[0m\n", "^[31mc^[0m\n^[31mb^[0m"),
        (b"\x1b[31mred\x1b[2K\rplain", "^[31mplain^[0m"),
        (b"\x1b[7;5mx", "x"),
        (b"\x1b[31mab\x1b[32mcd\r\x1b[2P\x1b[0m", "^[32mcd^[0m"),
        (b"\x1b[31mabc\r\x1b[2X\x1b[0m", "  ^[31mc^[0m"),
        (b"\x1b[?31mx\x1b[31 mx\x1b[38:5:9mx", "xxx"),
        (b"``\x1b[31m`", "``\u{200b}^[31m`^[0m"),
    ] {
        assert_eq!(coloured(bytes).replace('\u{1b}', "^"), expected);
    }
    let long = coloured(format!("\u{1b}[31m{}", "x".repeat(1_500)).as_bytes());
    let lines: Vec<&str> = long.lines().collect();
    assert!(lines[1].starts_with("↪ \u{1b}[31mx"), "{}", lines[1]);
    assert_eq!(lines.len(), 2);
}
