//! Properties of the cards of a run: whatever hosts are called, however they end and whatever they print, Discord takes them.

#![expect(
    clippy::unwrap_used,
    reason = "an unwrap in a test is an assertion, also outside of its function"
)]

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use shanty_core::ids::{AgentId, RunId, RunNumber};
use shanty_core::limits::{
    CARD_BYTES_MAX, CARD_CHARS_MAX, CHOICES_MAX, COMPONENTS_MAX, NAME_CHARS_MAX,
    TEXT_DISPLAY_CHARS_MAX,
};
use shanty_core::output::excerpt::Excerpt;
use shanty_core::output::same_but::SameBut;
use shanty_core::output::sanitise::whole;
use shanty_core::refusal::Code;
use shanty_core::run::{
    How, Loosely, Offline, Options, Origin, Outcome, Phase, Reason, Run, Spec,
    Strategy as RunStrategy, Target, What,
};
use shanty_core::view::groups::{Printed, Told};
use shanty_core::view::{
    ButtonTarget, Card, Opened, Picked, Press, Scene, by_host_card, open_card, run_card,
};

/// How a host ends, and what it prints: a digit for the digest, and a text.
type End = (How, u8, String);

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z \n]{0,80}",
        2 => "\\PC{0,60}\n?",
        1 => (prop::sample::select(vec!["x", "`", "é", "字", "🙂", "\n", "``` "]), 200_usize..6_000)
            .prop_map(|(piece, times)| piece.repeat(times)),
        1 => (1_usize..2_000).prop_map(|lines| "one line of many\n".repeat(lines)),
    ]
}

fn end() -> impl Strategy<Value = End> {
    let reason = "\\PC{0,300}".prop_map(|text| Reason::new(Code::Agent, text));
    let how = prop_oneof![
        4 => (0..3).prop_map(How::Exited),
        1 => Just(How::TimedOut(143)),
        1 => reason.clone().prop_map(How::NotStarted),
        1 => reason.clone().prop_map(How::Refused),
        1 => reason.prop_map(How::Lost),
    ];
    (how, 0_u8..6, text())
}

fn agent(at: usize) -> AgentId {
    AgentId::from_bytes((at as u128 + 1).to_be_bytes())
}

/// A run that is over, and what each of its groups printed.
fn over(ends: &[End], command: &str, name_len: usize) -> (Run, Vec<Told>) {
    let target = |at: usize| Target {
        agent: agent(at),
        name: format!("{}{at}", "w_".repeat(name_len)).parse().unwrap(),
        away: None,
    };
    let spec = Spec {
        id: RunId::from_bytes([7; 16]),
        origin: Origin::Socket {
            user: "root".to_owned(),
        },
        what: What::Shell(command.to_owned()),
        input: None,
        selector: "all".to_owned(),
        options: Options {
            timeout_ms: 0,
            ..Options::default()
        },
        targets: (0..ends.len()).map(target).collect(),
        digest: [0; 32],
        seed: None,
        strategy: RunStrategy {
            offline: Offline::Fail,
            rollout: None,
        },
    };
    let mut run = Run::new(RunNumber(142), spec, 0);
    for (at, (how, content, printed)) in ends.iter().enumerate() {
        let ran = how.exit_code().is_some();
        let outcome = Outcome {
            content_sha256: ran.then_some([*content; 32]),
            output_bytes: if ran { printed.len() as u64 } else { 0 },
            ..Outcome::without_output(how.clone())
        };
        run.apply_finished(agent(at), outcome);
    }
    run.phase = Phase::Closed { at_ms: 1 };
    let tell = |group: shanty_core::run::Group| {
        let at = (0..ends.len()).find(|at| agent(*at) == group.first());
        let printed = printed(&ends[at.unwrap()].2);
        Told {
            group,
            printed,
            other: None,
            same_but: SameBut::default(),
        }
    };
    let told = run.groups(&Loosely::new()).into_iter().map(tell).collect();
    (run, told)
}

/// As the publisher reads it: sanitised.
fn printed(text: &str) -> Printed {
    let mut excerpt = Excerpt::default();
    excerpt.push(&whole(text.as_bytes()));
    let bytes = text.len() as u64;
    Printed::Text { excerpt, bytes }
}

/// Everything that Discord, or twilight's validation, would refuse.
fn assert_taken(card: &Card) {
    let units = |text: &str| text.encode_utf16().count();
    let rows = card.buttons.len().div_ceil(5);
    let menu = 2 * usize::from(card.menu.is_some());
    let components = 1 + card.texts.len() + rows + card.buttons.len() + menu;
    assert!(components <= COMPONENTS_MAX, "{components} components");
    assert!(card.buttons.len() <= 10, "{} buttons", card.buttons.len());
    for text in &card.texts {
        assert!(!text.trim().is_empty());
        assert!(units(text) <= TEXT_DISPLAY_CHARS_MAX, "{}", units(text));
    }
    let chars: usize = card.texts.iter().map(|text| units(text)).sum();
    assert!(chars <= CARD_CHARS_MAX, "{chars} characters");
    let bytes: usize = card.texts.iter().map(|text| text.len() + 12).sum();
    assert!(bytes <= CARD_BYTES_MAX, "{bytes} bytes");
    let mut ids = BTreeSet::new();
    let mut press = |press: &Press| {
        let id = press.to_string();
        assert!(id.len() <= NAME_CHARS_MAX, "{id}");
        assert_eq!(id.parse().as_ref(), Ok(press));
        assert!(ids.insert(id), "there twice");
    };
    for button in &card.buttons {
        assert!((1..=80).contains(&units(&button.label)), "{}", button.label);
        if let ButtonTarget::Press(target) = &button.target {
            press(target);
        }
    }
    if let Some(menu) = &card.menu {
        press(&menu.press);
        assert!((1..=CHOICES_MAX).contains(&menu.options.len()));
        let values: BTreeSet<&String> = menu.options.iter().map(|(value, _)| value).collect();
        assert_eq!(values.len(), menu.options.len(), "a value is there twice");
        for (value, label) in &menu.options {
            assert!(value.parse::<Picked>().is_ok(), "{value}");
            let fits = (1..=NAME_CHARS_MAX).contains(&units(label));
            assert!(fits && !label.trim().is_empty(), "{label}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_card_of_a_run_is_taken(
        ends in vec(end(), 1..40),
        command in "\\PC{1,400}",
        name_len in 1_usize..30,
        without_files: bool,
    ) {
        let (run, groups) = over(&ends, &command, name_len);
        let thread = Some((1, u64::MAX));
        let scene = Scene { groups: groups.clone(), thread, without_files, ..Scene::default() };
        let card = run_card(&run, &scene);
        assert_taken(&card);
        prop_assert_eq!(card.menu.is_some(), ends.len() > 1);
        for page in 0..3 {
            assert_taken(&by_host_card(&run, page, thread));
        }
        for told in groups {
            let opened = Opened {
                agent: told.group.first(),
                lines: 7,
                bytes: 7,
                printed: told.printed,
                group: Some(told.group),
                same_but: told.same_but,
                remark: None,
                thread,
            };
            assert_taken(&open_card(&run, &opened));
            assert_taken(&open_card(&run, &Opened { group: None, ..opened }));
        }
    }
}
