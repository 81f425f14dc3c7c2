//! Properties of the messages of a run: whatever hosts print and however it is cut, nothing of it is lost, leaves its block or comes alive,
//! and every message can be sent.

use proptest::collection::vec;
use proptest::prelude::*;
use shanty_core::output::same_but::SameBut;
use shanty_core::output::sanitise::{is_binary, whole};
use shanty_core::thread::{Block, Style, Threads};

mod shown;

use shown::{Shown, agent, chunks, fences};

/// Bytes from the start of an output that decide whether it is text.
const SAMPLE_BYTES: usize = 4 * 1024;

/// Pieces of output in which what Markdown, terminals and Unicode could take for more than text is frequent.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let alive = prop::sample::select(vec![
        "evil @everyone",
        "evil <@666> <@!666> <@&666>",
        "evil <#666>",
        "evil [a](https://evil.example)",
        "||evil||",
        "# evil",
        "-# evil",
        "> evil",
        "~~evil~~",
        "~~~\n",
        "<t:0:R> evil",
        "-# exit 0 · 1 line · evil",
    ]);
    let fence = (
        "`{1,9}",
        prop::sample::select(vec![
            "",
            "\u{200b}",
            "\u{301}",
            "\u{1b}[0m",
            "\u{8}",
            "\r",
            "\u{1b}[A",
            "\0",
        ]),
        "`{0,5}\n?",
    );
    let control = prop::sample::select(vec![
        &b"\r"[..],
        b"\r\n",
        b"\n",
        b"\n\n\n",
        b"\x08",
        b"\t",
        b"\x1b[2J\x1b[H",
        b"\x1b[3A",
        b"\x1b[2K",
        b"\x1b[5;1H",
        b"\x1b7",
        b"\x1b8",
        b"\x1b]0;t\x07",
        b"\x1b]8;;https://evil.example\x1b\\evil\x1b]8;;\x1b\\",
        b"\x1b[?1049h",
        b"\x1b[?1049l",
        b"\x9b1m",
        b"\xe2\x80\xae",
        b"\xe2\x81\xa6",
        b"\xe2\x80\xa8",
        b"\xc3",
        b"\xff",
        b"\0",
        b"\x1b[31m",
        b"\x1b[0m",
    ]);
    let piece = prop_oneof![
        4 => "[a-z ]{0,60}\n?".prop_map(String::into_bytes),
        2 => alive.prop_map(|text| format!("{text}\n").into_bytes()),
        2 => fence.prop_map(|(a, between, b)| format!("{a}{between}{b}").into_bytes()),
        2 => control.prop_map(<[u8]>::to_vec),
        1 => "\\PC{0,12}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..12),
        1 => (prop::sample::select(vec!["evil ", "`", "字", "🙂`", "\n", "z\u{316}\u{30d}", "line\n"]), 200_usize..2_000)
            .prop_map(|(text, n)| text.repeat(n).into_bytes()),
    ];
    vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

fn style() -> impl Strategy<Value = Style> {
    let threads = prop_oneof![Just(Threads::Always), Just(Threads::Auto)];
    (threads, any::<bool>()).prop_map(|(threads, host)| Style {
        threads,
        same_but: SameBut {
            host,
            ..SameBut::default()
        },
        ..Style::default()
    })
}

/// The text of the only block of a page; nothing when it says that there is nothing to read.
fn block(page: &str) -> String {
    let (_, blocks) = fences(page);
    assert!(blocks.len() <= 1, "{page}");
    blocks.into_iter().next().unwrap_or_default()
}

/// Takes a page's text off the beginning of what is left; a page adds a line end where its text has none. One that says that it is blank
/// may share its blank lines with the next.
fn take<'t>(left: &'t str, block: &str) -> Option<&'t str> {
    if block.is_empty() {
        return Some(left.trim_start());
    }
    let without_end = block.strip_suffix('\n').unwrap_or(block);
    [
        block,
        without_end,
        block.trim_start(),
        without_end.trim_start(),
    ]
    .into_iter()
    .find_map(|text| left.strip_prefix(text))
}

proptest! {
    #[test]
    fn one_host_is_shown_whole_and_safe(bytes in output(), cuts in vec(any::<usize>(), 0..12), style in style()) {
        let mut shown = Shown::on(1, style);
        for chunk in chunks(&bytes, &cuts) {
            shown.print(1, chunk);
            // Every look on the way is checked.
            shown.messages();
        }
        shown.end(1, 0, &bytes);
        shown.messages();
        shown.close();
        let messages = shown.messages();
        let mut at_once = Shown::on(1, style);
        at_once.print(1, &bytes);
        at_once.end(1, 0, &bytes);
        at_once.close();
        let at_once = at_once.messages();
        prop_assert_eq!(&at_once[0], &messages[0], "the card");
        // A thread that comes only when it is needed may have been needed on the way.
        if style.threads == Threads::Always || at_once.len() == messages.len() {
            prop_assert_eq!(&at_once, &messages);
        }

        let parts = shown.thread.files(agent(1), shown.run.number);
        let all: Vec<(u64, u64)> = parts.iter().map(|part| (part.bytes.start, part.bytes.end)).collect();
        prop_assert_eq!(all, [(0, bytes.len() as u64)]);
        let pages: Vec<&String> = messages
            .iter()
            .filter(|(block, _)| matches!(block, Block::Page(_)))
            .map(|(_, texts)| &texts[0])
            .collect();
        let has_files = messages.iter().any(|(block, _)| *block == Block::Files);
        if is_binary(&bytes[..bytes.len().min(SAMPLE_BYTES)]) {
            prop_assert!(has_files || pages.is_empty());
        } else if !pages.is_empty() {
            let text = whole(&bytes);
            let blocks: Vec<String> = pages.iter().map(|page| block(page)).collect();
            let (ends, first) = if has_files { (&blocks[3..], &blocks[..3]) } else { (&[][..], &blocks[..]) };
            let mut left = text.as_str();
            for block in first {
                let rest = take(left, block);
                prop_assert!(rest.is_some(), "{:?} does not begin with {:?}", left, block);
                left = rest.unwrap_or_default();
            }
            prop_assert!(has_files || left.trim().is_empty(), "not shown: {:?}", left);
            for end in ends {
                prop_assert!(text.trim_end().ends_with(end.trim_end()), "{:?} is no end", end);
            }
        }
    }

    #[test]
    fn several_hosts_are_shown_safe_while_they_print_and_by_group(
        outputs in vec(output(), 1..4),
        choice in vec((0_usize..4, any::<usize>(), 0_i32..3), 2..14),
        style in style(),
    ) {
        let mut shown = Shown::on(choice.len(), style);
        let of = |at: usize| &outputs[at % outputs.len()];
        for (host, (output, cut, _)) in (1..).zip(&choice) {
            let output = of(*output);
            let pieces = chunks(output, &[*cut]);
            shown.print(host, pieces[0]);
            shown.messages();
        }
        for (host, (output, cut, code)) in (1..).zip(&choice) {
            let output = of(*output);
            let pieces = chunks(output, &[*cut]);
            shown.print(host, pieces[1]);
            shown.messages();
            shown.end(host, *code, output);
            shown.messages();
        }
        shown.close();
        let messages = shown.messages();
        // Whose output does not stand there whole is attached; every host is named on the card.
        let card = messages.iter().find(|(block, _)| *block == Block::Card(0));
        prop_assert!(card.is_some());
    }

    #[test]
    fn what_is_read_here_is_what_is_written(outside in "[a-z ]{1,9}", inside in "([a-z]`{0,2}){1,9}") {
        let text = format!("{outside}\n```\n{inside}\n```\n{outside}");
        let (seen, blocks) = fences(&text);
        prop_assert_eq!(seen, format!("{outside}\n⏎\n{outside}"));
        prop_assert_eq!(blocks, [format!("{inside}\n")]);
    }
}
