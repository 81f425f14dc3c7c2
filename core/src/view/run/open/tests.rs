//! What is shown of one host or group fits, whatever it printed.

use super::*;
use crate::ids::RunNumber;
use crate::refusal::Code;
use crate::run::{How, Loosely, Outcome, Phase, Reason, Spec, Target};
use crate::view::{ButtonTarget, thread_of};

fn agent(n: usize) -> AgentId {
    AgentId::from_bytes((n as u128 + 1).to_be_bytes())
}

/// A run whose hosts ended so and printed this.
fn run_of(ends: &[(How, u8)]) -> Run {
    let target = |n: usize| Target {
        agent: agent(n),
        name: format!("web_{n}").parse().unwrap(),
        away: None,
    };
    let targets = (0..ends.len()).map(target).collect();
    let mut run = Run::new(RunNumber(142), Spec::example(targets), 0);
    for (n, (how, content)) in ends.iter().enumerate() {
        let outcome = Outcome {
            content_sha256: how.exit_code().map(|_| [*content; 32]),
            duration_ms: 1_300,
            ..Outcome::without_output(how.clone())
        };
        run.apply_finished(agent(n), outcome);
    }
    run.phase = Phase::Closed { at_ms: 1 };
    run
}

fn told(run: &Run) -> Vec<Told> {
    let tell = |group: Group| Told {
        group,
        printed: Printed::Unknown,
        other: None,
        same_but: SameBut::default(),
    };
    run.groups(&Loosely::new()).into_iter().map(tell).collect()
}

fn opened(text: &str, group: Option<Group>) -> Opened {
    Opened {
        agent: agent(0),
        group,
        same_but: SameBut::default(),
        printed: Printed::text(text),
        lines: text.lines().count() as u64,
        bytes: text.len() as u64,
        remark: None,
        thread: Some((1, 99)),
    }
}

#[test]
fn picks_are_read_as_they_were_written_and_forged_ones_are_nothing() {
    for picked in [Picked::Group(agent(1)), Picked::Host(agent(2))] {
        assert_eq!(picked.to_string().parse(), Ok(picked));
    }
    let id = agent(1);
    for bad in [
        String::new(),
        "h:".to_owned(),
        "h:web-01".to_owned(),
        format!("x:{id}"),
        format!("H:{id}"),
        format!("{id}"),
        format!("h:{id}0"),
        format!("h:{id} "),
        format!("h:{}", id.to_string().replace('0', "G")),
    ] {
        assert_eq!(bad.parse::<Picked>(), Err(NoPress), "{bad}");
    }
}

#[test]
fn colours_that_are_cut_between_blocks_go_on() {
    let run = run_of(&[(How::Exited(0), 1)]);
    let red = format!("\u{1b}[31m{}\u{1b}[0m\nplain\n", "x".repeat(3_000));
    let card = open_card(&run, &opened(&red, None));
    let blocks: Vec<&String> = card.texts.iter().skip(1).collect();
    assert_eq!(blocks.len(), 2, "{blocks:?}");
    let mut stripped = String::new();
    for block in blocks {
        assert!(block.starts_with("```ansi\n\u{1b}[31m"), "{block:?}");
        assert!(units(block) <= TEXT_DISPLAY_CHARS_MAX);
        let inside = block.strip_prefix("```ansi\n").unwrap();
        let inside = inside.strip_suffix("\n```").unwrap();
        assert_eq!(inside.matches("\u{1b}[0m").count(), 1, "{inside:?}");
        stripped.push_str(&colours::stripped(inside));
    }
    assert_eq!(stripped, format!("{}\nplain", "x".repeat(3_000)));
}

#[test]
fn of_outputs_that_differ_in_nothing_that_is_named_that_is_said() {
    let run = run_of(&[(How::Exited(0), 1), (How::Exited(0), 2)]);
    let alike = run.compared(SameBut::default(), |_| Some("up\n".to_owned()));
    let card = open_card(&run, &opened("up\n", alike.groups.into_iter().next()));
    let told = "2 hosts · exit 0 · 1.3 s · 1 line, 3 B · the same but for what is not text, such as colours · as web\\_0 printed it";
    assert!(card.texts[0].ends_with(told), "{card:?}");
}

#[test]
fn a_text_that_does_not_end_plain_is_shown_too() {
    let red = "\u{1b}[31m".to_owned();
    assert_eq!(
        fences(&format!("{red}x\n")),
        ["```ansi\n\u{1b}[31mx\u{1b}[0m\n```"]
    );
    let long = fences(&format!("{red}{}", "x".repeat(3_000)));
    let shown: usize = long.iter().map(|block| block.matches('x').count()).sum();
    assert_eq!((long.len(), shown), (2, 3_000));
    for forged in [
        red,
        format!("\u{1b}[{}", "1;".repeat(3_000)),
        "\u{1b}".to_owned(),
    ] {
        assert!(fences(&forged).len() < 5, "it ends");
    }
}

#[test]
fn what_is_odd_has_its_mark_in_the_menu_too() {
    let run = run_of(&[
        (How::Exited(0), 1),
        (How::Exited(0), 1),
        (How::Exited(0), 2),
    ]);
    let menu = menu(&run, &told(&run)).unwrap();
    let (_, odd) = &menu.options[0];
    assert_eq!(odd, "≠ web_2 · exit 0");
}

#[test]
fn groups_come_in_the_order_of_the_card_and_then_hosts_while_there_is_room() {
    let away = Reason::new(Code::Offline, "it was\u{202e} away");
    let run = run_of(&[
        (How::Exited(0), 1),
        (How::Exited(0), 1),
        (How::NotStarted(away), 0),
        (How::Exited(7), 2),
        (How::Exited(7), 2),
    ]);
    let menu = menu(&run, &told(&run)).unwrap();
    assert_eq!(menu.press, Press::Open(run.spec.id));
    let labels: Vec<&str> = menu.options.iter().map(|(_, l)| l.as_str()).collect();
    assert_eq!(
        labels,
        [
            "❌ web_[3-4] · 2 hosts · exit 7",
            "⚪ web_2 · not started: it was⟨U+202E⟩ away",
            "✅ web_[0-1] · 2 hosts · exit 0",
            "❌ web_3 · exit 7",
            "❌ web_4 · exit 7",
            "✅ web_0 · exit 0",
            "✅ web_1 · exit 0",
        ]
    );
    assert_eq!(menu.options[0].0, Picked::Group(agent(3)).to_string());
    assert_eq!(menu.options[1].0, Picked::Host(agent(2)).to_string());

    let many: Vec<(How, u8)> = (0..60).map(|n| (How::Exited(0), n)).collect();
    let run = run_of(&many);
    let menu = super::menu(&run, &told(&run)).unwrap();
    assert_eq!(menu.options.len(), CHOICES_MAX);
    let one = run_of(&[(How::Exited(0), 1)]);
    assert_eq!(super::menu(&one, &told(&one)), None);
    let goes_on = run_of(&many);
    assert_eq!(super::menu(&goes_on, &[]), None, "not read to its end");
}

#[test]
fn what_is_short_is_shown_whole_and_of_what_is_long_both_ends() {
    let run = run_of(&[(How::Exited(3), 1), (How::Exited(3), 1)]);
    let card = open_card(&run, &opened("one\ntwo\n", None));
    assert_eq!(
        card.texts,
        [
            "### ❌ #142 · web\\_0\n-# exit 3 · 1.3 s · 2 lines, 8 B",
            "```\none\ntwo\n```"
        ]
    );
    let group = told(&run).remove(0).group;
    let long: String = (1..=5_000).map(|n| format!("line {n}\n")).collect();
    let card = open_card(&run, &opened(&long, Some(group)));
    let text = card.texts.join("\n");
    for held in [
        "### ❌ #142 · web\\_[0-1]\n-# 2 hosts · exit 3",
        "5,000 lines",
        "```\nline 1\nline 2\n",
        " lines left out here\n```\n",
        "\nline 5000\n```",
    ] {
        assert!(text.contains(held), "{held}: {text}");
    }
    let shown: usize = card.texts.iter().map(|text| units(text)).sum();
    assert!(shown > CARD_CHARS_MAX - 300, "as much as fits: {shown}");
    let left_out = text.split(" lines left out here").next().unwrap();
    let left_out = left_out.rsplit("-# ").next().unwrap().replace(',', "");
    let lines = text
        .lines()
        .filter(|line| line.starts_with("line "))
        .count();
    assert_eq!(left_out.parse::<usize>().unwrap() + lines, 5_000);
}

#[test]
fn of_one_that_goes_on_or_printed_nothing_that_is_said() {
    let run = run_of(&[(How::Exited(0), 1), (How::Exited(0), 1)]);
    let say = |printed: Printed| {
        let opened = Opened {
            printed,
            bytes: 0,
            ..opened("", None)
        };
        let card = open_card(&run, &opened);
        let whole = Press::Whole(run.spec.id, agent(0));
        let gives =
            |button: &crate::view::Button| button.target == ButtonTarget::Press(whole.clone());
        assert!(!card.buttons.iter().any(gives), "there is nothing to give");
        card.texts[1].clone()
    };
    assert_eq!(say(Printed::Nothing), "(no output)");
    assert_eq!(say(Printed::Unknown), "(no output is stored)");
    let why = Printed::Missing("it was deleted on <t:5:D>".to_owned());
    assert_eq!(say(why), "(output not shown: it was deleted on <t:5:D>)");
    let why = Printed::Missing("what is\nleft is ``` damaged".to_owned());
    assert_eq!(say(why), "(output not shown: what is left is     damaged)");
    let why = Printed::Missing("it was deleted by `[retention]`".to_owned());
    assert_eq!(
        say(why),
        "(output not shown: it was deleted by `[retention]`)"
    );
    let goes_on = Run::new(RunNumber(1), Spec::clone(&run.spec), 0);
    let card = open_card(&goes_on, &opened("x\n", None));
    assert!(card.texts[0].ends_with(" · 1 line, 2 B so far"), "{card:?}");
    let ButtonTarget::Link(url) = &card.buttons[1].target else {
        panic!("{card:?}")
    };
    assert_eq!(thread_of(url), Some((1, 99)));
    for bad in [
        "https://discord.com/channels/1",
        "https://x.example/1/2",
        "https://discord.com/channels/1/2/3",
        "https://discord.com/channels/0/1",
    ] {
        assert_eq!(thread_of(bad), None);
    }
}
