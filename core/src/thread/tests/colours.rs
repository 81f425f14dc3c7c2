//! A run whose colours are seen is the run without them, message by message, with nothing but colours added.

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert_eq, prop_oneof, proptest};

use super::*;
use crate::output::colours::{is_coloured, stripped};
use crate::run::{Colours, Options};

fn coloured(mut run: Run) -> Run {
    let spec = Spec {
        options: Options {
            colours: Colours::Kept,
            ..run.spec.options.clone()
        },
        ..Spec::clone(&run.spec)
    };
    run.spec = spec.into();
    run
}

/// Checks that a message is within its limit, that each of its blocks says whether it has colours, and that every line in one ends plain.
fn check(message: &Message) -> String {
    let texts = match &message.look {
        Look::Text(text) => {
            assert!(crate::text::units(text) <= limits::MESSAGE_CHARS_MAX);
            vec![text.clone()]
        }
        Look::Card(card) => {
            let units: usize = card.texts.iter().map(|text| crate::text::units(text)).sum();
            assert!(units <= limits::CARD_CHARS_MAX);
            card.texts.clone()
        }
    };
    let text = texts.join("\n--\n");
    for (at, part) in text.split("```").enumerate() {
        let inside = at % 2 == 1;
        assert!(inside || !is_coloured(part), "colours outside: {text:?}");
        if let Some((language, block)) = part.split_once('\n').filter(|_| inside) {
            assert_eq!(language == "ansi", is_coloured(block), "{text:?}");
        }
    }
    for line in text.lines() {
        let last = line.rsplit_once('\u{1b}').map(|(_, last)| last);
        assert!(
            last.is_none_or(|last| last.starts_with("[0m")),
            "{line:?} does not end plain"
        );
        assert_eq!(line.matches('\u{1b}').count(), {
            let whole = line.split('\u{1b}').skip(1);
            whole
                .filter(|part| part.starts_with('[') && part.contains('m'))
                .count()
        });
    }
    text
}

fn messages(thread: &mut Thread, run: &Run) -> Vec<String> {
    thread.lay_out(&status(run)).iter().map(check).collect()
}

fn plain(messages: &[String]) -> Vec<String> {
    let plain = messages
        .iter()
        .map(|text| stripped(text).replace("```ansi\n", "```\n"));
    plain.collect()
}

/// What hosts print, of so many pieces each.
fn outputs(pieces: usize) -> impl Strategy<Value = Vec<String>> {
    let piece = prop_oneof![
        "[a-z]{1,9}",
        Just("\n".to_owned()),
        Just("x".repeat(40)),
        "\u{1b}\\[(0|1|4|3[0-7]|4[0-7]|9[0-7]|38;5;[0-9]{1,3})m",
        Just("\u{1b}[1;4;97;107m".to_owned()),
    ];
    let output = vec(piece, 0..pieces).prop_map(|pieces| pieces.concat());
    vec(output, 1..4)
}

fn states(run: Run, outputs: &[String]) -> Vec<Vec<String>> {
    let mut run = run;
    let mut thread = fresh(&run);
    let mut states = Vec::new();
    for (n, output) in (1..).zip(outputs) {
        print(&mut thread, n, output.clone());
        states.push(messages(&mut thread, &run));
    }
    for (n, _) in (1..).zip(outputs) {
        ends(&mut thread, &mut run, n, How::Exited(i32::from(n)), "");
    }
    close(&mut run, 5_000);
    states.push(messages(&mut thread, &run));
    states
}

fn on(outputs: &[String]) -> Run {
    let hosts = u8::try_from(outputs.len()).unwrap();
    let online: Vec<u8> = (1..=hosts).collect();
    run_on(hosts, &online, Offline::Fail)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_has_room_in_its_colours_is_the_same_without_them(outputs in outputs(7)) {
        let with: Vec<_> = states(coloured(on(&outputs)), &outputs);
        let with: Vec<_> = with.iter().map(|messages| plain(messages)).collect();
        prop_assert_eq!(with, states(on(&outputs), &outputs));
    }

    #[test]
    fn however_much_is_printed_no_message_is_too_long_and_none_leaves_a_colour_open(outputs in outputs(400)) {
        states(coloured(on(&outputs)), &outputs);
    }
}

#[test]
fn without_being_asked_for_no_colour_is_seen() {
    let outputs = ["\u{1b}[31mred\u{1b}[0m\n".to_owned()];
    let plain = states(on(&outputs), &outputs).concat();
    assert!(plain.iter().all(|text| !is_coloured(text)), "{plain:?}");
    let asked = states(coloured(on(&outputs)), &outputs).concat();
    assert!(
        asked
            .iter()
            .any(|text| text.contains("```ansi\n\u{1b}[31mred\u{1b}[0m\n```")),
        "{asked:?}"
    );
}

#[test]
fn hosts_that_printed_the_same_in_other_colours_are_one_group() {
    let mut run = coloured(run_on(2, &[1, 2], Offline::Fail));
    let mut thread = fresh(&run);
    ends(
        &mut thread,
        &mut run,
        1,
        How::Exited(0),
        "\u{1b}[31mok\u{1b}[0m\n",
    );
    ends(
        &mut thread,
        &mut run,
        2,
        How::Exited(0),
        "\u{1b}[32mok\u{1b}[0m\n",
    );
    close(&mut run, 5_000);
    let card = text(&mut thread, &run, Block::Card(0));
    assert!(card.contains("✅ **web-[01-02]** · 2 hosts · exit 0 · 1.0 s · the same but for what is not text, such as colours\n```\nok\n```"), "{card}");
}
