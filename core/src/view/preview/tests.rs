//! Every look of the preview, as a snapshot.

use super::*;
use crate::ids::AgentId;
use crate::run::{Options, Rollout, Strategy, Target, What};

const AT: u64 = 1_795_341_000_000;

fn name(text: &str) -> HostName {
    text.parse().unwrap()
}

fn preview(ready: &[&str], away: &[(&str, Away, u64)], offline: Offline) -> Preview {
    let names = ready.iter().map(|text| (*text, None));
    let names = names.chain(away.iter().map(|(text, away, _)| (*text, Some(*away))));
    let targets = names.zip(1..).map(|((text, away), n)| Target {
        agent: AgentId::from_bytes([n; 16]),
        name: name(text),
        away,
    });
    let spec = Spec {
        id: RunId::from_bytes([0xab; 16]),
        what: What::Shell("uname -r".into()),
        input: None,
        selector: "role=web env=prod !db*".into(),
        options: Options {
            timeout_ms: 300_000,
            ..Options::default()
        },
        digest: [0x9c; 32],
        strategy: Strategy {
            offline,
            rollout: None,
        },
        ..Spec::example(targets.collect())
    };
    let row = |(text, away, since_ms): &(&str, Away, u64)| AwayRow {
        name: name(text),
        away: *away,
        since_ms: *since_ms,
    };
    Preview {
        spec,
        at_ms: AT,
        cautions: vec![Caution::Many(10), Caution::Away],
        away: away.iter().map(row).collect(),
        excluded: vec![],
        absent: vec![],
        run_as: vec!["shanty".into()],
        found: None,
    }
}

fn show(card: &Card) -> String {
    let buttons: Vec<String> = card
        .buttons
        .iter()
        .map(|button| match &button.target {
            ButtonTarget::Press(press) => {
                format!("[{}] Press({:?})", button.label, press.to_string())
            }
            ButtonTarget::Link(url) => format!("[{}] Link({url:?})", button.label),
        })
        .collect();
    format!(
        "{:?}\n{}\n{}",
        card.accent,
        card.texts.join("\n--\n"),
        buttons.join("\n")
    )
}

const AWAY: [(&str, Away, u64); 3] = [
    ("web-07", Away::Offline, AT - 245_000),
    ("web-11", Away::Offline, 0),
    ("web-12", Away::Draining, AT - 7_200_000),
];

#[test]
fn what_is_shown_is_all_that_decides() {
    let mut some_away = preview(
        &["web-01", "web-02", "web-03", "cache"],
        &AWAY,
        Offline::Fail,
    );
    some_away.excluded = vec![name("db-01"), name("db-02")];
    some_away.absent = vec!["web-20".into(), "web-21".into()];
    let mut every = preview(&["web-01", "web-02"], &[], Offline::Fail);
    every.cautions = vec![Caution::Every];
    let shown = [
        preview_card(&some_away),
        preview_card(&every),
        preview_card(&preview(&["web-01"], &AWAY[..1], Offline::Skip)),
        preview_card(&preview(
            &["web-01"],
            &AWAY[..1],
            Offline::Queue { for_ms: 7_200_000 },
        )),
        preview_card(&preview(
            &[],
            &AWAY[..1],
            Offline::Queue { for_ms: 7_200_000 },
        )),
        taken_back_card(),
    ];
    insta::assert_snapshot!(shown.each_ref().map(show).join("\n====\n"));
}

#[test]
fn many_odd_hosts_fit_a_card_and_what_is_left_out_is_said() {
    let odd = |n: usize| {
        name(&format!(
            "{:x}-{}",
            n.wrapping_mul(0x9e37_79b9) % 0xff_ffff,
            "x".repeat(40)
        ))
    };
    let mut wide = preview(&[], &[], Offline::Fail);
    wide.spec.targets = (0..10_000)
        .map(|n| Target {
            agent: AgentId::from_bytes((n as u128).to_be_bytes()),
            name: odd(n),
            away: (n % 2 == 0).then_some(Away::Offline),
        })
        .collect();
    wide.away = (0..5_000)
        .map(|n| AwayRow {
            name: odd(2 * n),
            away: Away::Offline,
            since_ms: 1,
        })
        .collect();
    wide.excluded = (0..3_000).map(odd).collect();
    wide.absent = (0..3_000).map(|n| odd(n).to_string()).collect();
    wide.spec.what = What::Shell("\u{202e}`".repeat(3_000));
    wide.spec.selector = "x".repeat(6_000);
    let card = preview_card(&wide);
    let units = |text: &String| text.encode_utf16().count();
    assert!(
        card.texts.iter().all(|text| units(text) <= 2_000),
        "{:?}",
        card.texts.iter().map(units).collect::<Vec<_>>()
    );
    assert!(card.texts.iter().map(units).sum::<usize>() <= 4_000);
    assert_eq!(card.texts.len(), 3, "the hosts are always there");
    assert!(card.texts[1].contains("… and more"));
    assert!(
        card.buttons
            .iter()
            .all(|button| button.label.chars().count() <= 80)
    );
}

#[test]
fn the_hosts_are_on_the_card_however_many_of_each_kind_there_are() {
    let long = |word: &str, n: usize| {
        format!(
            "{word}{}{}",
            "abcdefg".chars().nth(n % 7).unwrap(),
            "x".repeat(57 - word.len() - n % 10)
        )
    };
    for (ready, offline, draining, excluded) in
        [(12, 8, 8, 6), (30, 9, 9, 9), (1, 3, 3, 0), (0, 8, 0, 0)]
    {
        let named =
            |word: &'static str, n: usize| (0..n).map(move |n| format!("{}{n}", long(word, n)));
        let mut wide = preview(&[], &[], Offline::Queue { for_ms: 1 });
        let names = named("r", ready).map(|name| (name, None));
        let names = names.chain(named("o", offline).map(|name| (name, Some(Away::Offline))));
        let names = names.chain(named("d", draining).map(|name| (name, Some(Away::Draining))));
        for (n, (text, away)) in names.enumerate() {
            wide.spec.targets.push(Target {
                agent: AgentId::from_bytes((n as u128).to_be_bytes()),
                name: name(&text),
                away,
            });
            wide.away.extend(away.map(|away| AwayRow {
                name: name(&text),
                away,
                since_ms: 1,
            }));
        }
        wide.excluded = named("e", excluded).map(|text| name(&text)).collect();
        wide.absent = named("a", excluded).collect();
        let card = preview_card(&wide);
        assert_eq!(
            card.texts.len(),
            3,
            "{ready} {offline} {draining} {excluded}"
        );
        let shown = &card.texts[1];
        assert!(shown.encode_utf16().count() <= 2_000);
        for told in [format!("ready {ready}"), format!("offline {offline}")] {
            assert!(shown.contains(&told), "{told}: {shown}");
        }
    }
    // A range of odd numbers is broken inside of its brackets, and not cut.
    let odd: Vec<String> = (0..30).map(|n| format!("web-{:02}", 3 * n)).collect();
    let odd: Vec<&str> = odd.iter().map(String::as_str).collect();
    let shown = preview_card(&preview(&odd, &[], Offline::Fail)).texts[1].clone();
    let joined: String = shown.split("\n  ").collect();
    assert!(joined.contains("web-[00,03,06,09,12"), "{shown}");
    assert!(joined.contains("84,87]") && !shown.contains('…'), "{shown}");
}

#[test]
fn waves_are_shown_before_anything_runs() {
    let ready: Vec<String> = (1..=40).map(|n| format!("web-{n:02}")).collect();
    let ready: Vec<&str> = ready.iter().map(String::as_str).collect();
    let mut preview = preview(&ready, &[], Offline::Fail);
    preview.cautions = vec![Caution::Many(10)];
    let rollout = Rollout::parse(Some("1,10%,100%"), None, Some("2%"), Some("first"));
    preview.spec.strategy.rollout = rollout.unwrap();
    insta::assert_snapshot!(show(&preview_card(&preview)));
}

#[test]
fn an_update_says_from_where_to_where_and_what_becomes_of_whom() {
    let ready = ["web-01", "web-02", "web-07"];
    let mut preview = preview(&ready, &[], Offline::Fail);
    preview.spec.what = What::Upkeep(Upkeep::Update(Update {
        version: "0.2.0".parse().unwrap(),
        older: false,
    }));
    preview.cautions = vec![Caution::Update];
    preview.spec.strategy.rollout =
        Rollout::parse(Some(crate::admission::UPDATE_BATCH), None, Some("1"), None).unwrap();
    preview.found = Some(Found {
        from: vec![("0.0.9".into(), 1), ("0.1.0".into(), 2)],
        there: vec![name("web-03"), name("web-04")],
        old: vec![name("web-07")],
        signer: "release 2027`\u{202e}".into(),
    });
    let shown = show(&preview_card(&preview));
    preview.spec.what = What::Upkeep(Upkeep::Doctor);
    preview.cautions = vec![Caution::Every];
    preview.found = None;
    preview.spec.strategy.rollout = None;
    let doctor = show(&preview_card(&preview));
    insta::assert_snapshot!(format!("{shown}\n======\n{doctor}"));
}
