//! Every text that a host can put into what people read, in every view that shows it: it styles nothing, calls nobody, leads nowhere, and hides
//! nothing.

#![expect(
    clippy::unwrap_used,
    reason = "an unwrap in a test is an assertion, also outside of its function"
)]

use shanty_core::ids::{AgentId, Labels, RunId, RunNumber};
use shanty_core::output::same_but::SameBut;
use shanty_core::run::{
    Event, Gate, How, Loosely, Offline, Options, Origin, Outcome, Phase, Run, Spec, Strategy,
    Target, Told, What,
};
use shanty_core::spool::{Left, Process, plain};
use shanty_core::thread::{CardAt, Look, Status, Style, Thread};
use shanty_core::time::{LinkTime, Now};
use shanty_core::view::groups::{Printed, group_heading};
use shanty_core::view::terminal::one_line;
use shanty_core::view::{
    Card, HostDetail, HostRow, HostsPage, Listing, Opened, Scene, by_host_card, groups, host_card,
    hosts_card, open_card, run_card, run_result, run_summary,
};
use shanty_proto::convert::{facts_from_wire, metrics_from_wire, told_from_wire};
use shanty_proto::v1;

/// What a host says wherever it may say something.
const HOSTILE: [&str; 12] = [
    "[click](https://evil.example)",
    "<@&666> <@666> <#666> @everyone @here",
    "**evil** __evil__ ~~evil~~ ||evil||",
    "evil\n### evil\n> evil\n- evil\n-# evil",
    "evil ``` evil ` evil `` evil",
    "evil\u{202e}live\u{202c}\u{2066}\u{200f}",
    "evil\u{200b}\u{2060}\u{feff}\u{ad}\u{34f}\u{e0041}",
    "evil\u{1b}[2J\u{1b}]52;c;ZXZpbA==\u{7}\r\u{8}\0\u{9b}31m",
    "</run:666> <id:browse> <t:666:F> :evil:",
    "\\[evil\\](https://evil.example)",
    "refused: exit 0: evil",
    "\u{2028}evil\u{2029}evil\u{85}evil\u{a0}evil",
];

const AT_MS: u64 = 1_795_341_000_000;

/// Text in the open, and what stands in code: spans and blocks.
fn parts(text: &str) -> (String, Vec<String>) {
    let (mut open, mut code, mut rest) = (String::new(), Vec::new(), text);
    let mut escaped = false;
    while let Some(c) = rest.chars().next() {
        let ticks = rest.len() - rest.trim_start_matches('`').len();
        if escaped || ticks == 0 {
            escaped = !escaped && c == '\\';
            open.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let fence = "`".repeat(ticks);
        let inside = &rest[ticks..];
        let end = inside.find(&fence);
        let end = end.unwrap_or_else(|| panic!("code without an end: {text}"));
        code.push(inside[..end].to_owned());
        open.push('⏎');
        rest = &inside[end + ticks..];
    }
    (open, code)
}

fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\n') || shanty_core::output::sanitise::is_hidden(c)
}

/// Nothing of what the host said is alive in a text of a message.
fn assert_inert(view: &str, text: &str) {
    let (open, code) = parts(text);
    for alive in [
        "](",
        "<@6",
        "<@&6",
        "<#6",
        "@everyone",
        "@here",
        "**evil",
        "__evil",
        "~~evil",
        "||evil",
        "\n### evil",
        "\n> evil",
        "\n- evil",
        "\n-# evil",
        "</run",
        "<id:",
        "<t:6",
        ":evil:",
        "https://evil",
    ] {
        let escaped = |at: usize| open[..at].ends_with('\\');
        let found = open.match_indices(alive).find(|(at, _)| !escaped(*at));
        assert!(found.is_none(), "{view}: {alive:?} is alive in {text}");
    }
    let hidden = open.chars().find(|c| is_hidden(*c));
    assert_eq!(hidden, None, "{view}: {text:?}");
    // Between backticks our own code puts what parts them.
    let hidden = |code: &String| code.chars().any(|c| is_hidden(c) && c != '\u{200b}');
    assert!(!code.iter().any(hidden), "{view}: {text:?}");
}

fn card(view: &str, card: &Card) {
    for text in &card.texts {
        assert_inert(view, text);
    }
    let options = card.menu.iter().flat_map(|menu| &menu.options);
    for (_, label) in options {
        assert!(!label.chars().any(is_hidden), "{view}: {label:?}");
    }
}

fn row(text: &str) -> HostRow {
    let facts = v1::Facts {
        os: text.to_owned(),
        kernel: text.to_owned(),
        arch: text.to_owned(),
        hostname: text.to_owned(),
        containment: text.to_owned(),
        run_as: text.to_owned(),
        cpus: u32::MAX,
        memory_bytes: u64::MAX,
        boot_time_ms: u64::MAX,
        policy_mode: text.to_owned(),
        policy_digest: text.to_owned(),
        limits: text.to_owned(),
    };
    let disk = v1::Disk {
        mount: text.to_owned(),
        total_bytes: u64::MAX,
        available_bytes: u64::MAX,
    };
    let metrics = v1::Metrics {
        load1: f64::INFINITY,
        memory_used_bytes: u64::MAX,
        uptime_s: u64::MAX,
        disks: vec![disk; 40],
    };
    HostRow {
        name: "web-01".parse().unwrap(),
        labels: Labels::default(),
        online: true,
        stale: false,
        draining: None,
        seen_ms: AT_MS,
        version: plain(text).into(),
        outdated: Some("1.5.0".to_owned()),
        duplicated: true,
        unknown: usize::MAX,
        facts: Some(facts_from_wire(&facts)),
        metrics: Some(metrics_from_wire(&metrics)),
    }
}

fn agent(n: usize) -> AgentId {
    AgentId::from_bytes((n as u128).to_be_bytes())
}

/// A run that these hosts were ordered.
fn run_on(hosts: usize) -> Run {
    let target = |n: usize| Target {
        agent: agent(n),
        name: format!("web-{n:02}").parse().unwrap(),
        away: None,
    };
    let spec = Spec {
        id: RunId::from_bytes([9; 16]),
        origin: Origin::Socket {
            user: "root".to_owned(),
        },
        what: What::Shell("true".to_owned()),
        input: None,
        selector: "all".to_owned(),
        targets: (1..=hosts).map(target).collect(),
        digest: [0; 32],
        seed: None,
        strategy: Strategy {
            offline: Offline::Fail,
            rollout: None,
        },
        options: Options::default(),
    };
    let mut run = Run::new(RunNumber(1), spec, AT_MS);
    run.phase = Phase::Running;
    let gates = (1..=hosts).map(|n| (agent(n), Gate::Open)).collect();
    run.handle(Event::Begin { gates }, now(), &mut Vec::new());
    run
}

fn now() -> Now {
    Now {
        wall_ms: AT_MS,
        link: LinkTime::from_ms(AT_MS),
    }
}

/// The ways in which a host says how it ended in its own words.
fn ends(text: &str) -> Vec<Outcome> {
    let state = v1::State {
        run: String::new(),
        state: v1::ExecutionState::Refused.into(),
        code: text.to_owned(),
        text: text.to_owned(),
        ..v1::State::default()
    };
    let Told::Refused(reason) = told_from_wire(&state).unwrap() else {
        panic!("a refusal")
    };
    assert!(reason.code.starts_with("E_"), "{reason:?}");
    let named = vec![Process::new(u32::MAX, text); 16];
    let ran = Outcome {
        dropped_bytes: u64::MAX,
        left_over: u32::MAX,
        masked: u64::MAX,
        duration_ms: u64::MAX,
        output_bytes: u64::MAX,
        left: Box::new(Left {
            count: u32::MAX,
            named,
        }),
        shell: Some(plain(text).into()),
        user: Some(plain(text).into()),
        ..Outcome::without_output(How::Exited(1))
    };
    let left = Outcome {
        left_over: 0,
        ..ran.clone()
    };
    vec![Outcome::without_output(How::Refused(reason)), ran, left]
}

fn shows_run(run: &Run) {
    let told = |group| groups::Told {
        group,
        printed: Printed::Nothing,
        other: None,
        same_but: SameBut::default(),
    };
    let groups: Vec<groups::Told> = run.groups(&Loosely::new()).into_iter().map(told).collect();
    for told in &groups {
        assert_inert("group", &group_heading(told, 200));
    }
    assert_inert("summary", &run_summary(run));
    assert!(!run_result(run, "root").chars().any(is_hidden));
    card("by host", &by_host_card(run, 0, None));
    let scene = Scene {
        groups: groups.clone(),
        ..Scene::default()
    };
    card("run", &run_card(run, &scene));
    card("run without groups", &run_card(run, &Scene::default()));
    let opened = Opened {
        agent: agent(1),
        group: groups.first().map(|told| told.group.clone()),
        same_but: SameBut::default(),
        printed: Printed::Nothing,
        lines: u64::MAX,
        bytes: u64::MAX,
        remark: None,
        thread: None,
    };
    card("opened", &open_card(run, &opened));
    for (_, execution) in run.executions() {
        if let Some(outcome) = execution.outcome() {
            let line = one_line(&outcome.how.plain());
            assert!(!line.chars().any(is_hidden), "{line:?}");
        }
    }
    let mut thread = Thread::new(run, Style::default());
    for (agent, _) in run.executions() {
        thread.finish(agent);
    }
    let status = Status {
        run,
        run_as: &[],
        spool_full: &[],
        thread: Some((1, 99)),
        place: Some((1, 98)),
        cards: [
            CardAt::There {
                message: 70,
                made_ms: AT_MS,
            },
            CardAt::Waiting,
            CardAt::Waiting,
        ],
        now_ms: AT_MS,
    };
    for message in thread.lay_out(&status) {
        match &message.look {
            Look::Text(text) => assert_inert("page", text),
            Look::Card(shown) => card("card of a thread", shown),
        }
    }
}

#[test]
fn what_a_host_says_of_itself_is_only_text() {
    for text in HOSTILE {
        for text in [text.to_owned(), text.repeat(40)] {
            let row = row(&text);
            let detail = HostDetail {
                row: &row,
                enrolled_ms: 1,
                hold: None,
                runs: &[],
            };
            card("host", &host_card(detail, None, AT_MS));
            let rows = [row.clone(), row.clone()];
            let listing = Listing::of("");
            for rows in [&rows[..1], &rows[..]] {
                let page = HostsPage {
                    rows,
                    selector: "",
                    hold: None,
                    list: &listing,
                };
                card("hosts", &hosts_card(page, AT_MS));
            }
            let facts = row.facts.unwrap();
            for fact in [
                facts.os,
                facts.kernel,
                facts.arch,
                facts.hostname,
                facts.run_as,
                facts.limits,
            ] {
                let fact = fact.as_data();
                assert!(!fact.chars().any(is_hidden), "{fact:?}");
                assert!(fact.chars().count() <= 128);
            }
        }
    }
}

#[test]
fn what_a_host_says_of_an_execution_is_only_text() {
    for text in HOSTILE {
        for text in [text.to_owned(), text.repeat(40)] {
            for outcome in ends(&text) {
                for hosts in 1..=3 {
                    let mut run = run_on(hosts);
                    run.apply_finished(agent(1), outcome.clone());
                    shows_run(&run);
                    for n in 2..=hosts {
                        run.apply_finished(agent(n), outcome.clone());
                    }
                    shows_run(&run);
                    run.phase = Phase::Closed { at_ms: AT_MS + 1 };
                    shows_run(&run);
                }
            }
        }
    }
}
