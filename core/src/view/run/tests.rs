//! Every look of a card, as a snapshot.

use super::*;
use crate::ids::{AgentId, RunId, RunNumber};
use crate::output::same_but::SameBut;
use crate::principal::{Place, Principal};
use crate::refusal::Code;
use crate::run::{
    Away, CancelRequest, Event, Gate, Offline, Origin, Outcome, Reason, Spec, Target, What,
};
use crate::run::{Group, Loosely, Options, Update, Upkeep};
use crate::spool::{Left, OomKill, Process};
use crate::time::{LinkTime, Now};
use crate::view::groups::Printed;
use std::sync::Arc;

/// Both clocks are the same here.
fn at(ms: u64) -> Now {
    Now {
        wall_ms: ms,
        link: LinkTime::from_ms(ms),
    }
}

fn run_on(names: &[&str]) -> Run {
    let targets = names
        .iter()
        .zip(1..)
        .map(|(name, n)| Target {
            agent: AgentId::from_bytes([n; 16]),
            name: name.parse().unwrap(),
            away: None,
        })
        .collect();
    let spec = Spec {
        id: RunId::from_bytes([0xab; 16]),
        origin: Origin::Chat {
            user: 7,
            name: "ann".into(),
            place: Place {
                guild: 1,
                channel: 2,
                parent: None,
                interaction: 3,
            },
            grant: "ops".into(),
        },
        what: What::Shell("systemctl restart nginx && nginx -t".into()),
        input: None,
        selector: "role=web".into(),
        options: Options {
            timeout_ms: 120_000,
            ..Options::default()
        },
        ..Spec::example(targets)
    };
    let mut run = Run::new(RunNumber(142), spec, 1_795_341_000_000);
    run.phase = Phase::Running;
    let gates = run.executions().map(|(agent, _)| (agent, Gate::Open));
    let begin = Event::Begin {
        gates: gates.collect(),
    };
    run.handle(begin, at(1_795_341_000_000), &mut Vec::new());
    run
}

fn end(run: &mut Run, n: u8, how: How, duration_ms: u64) {
    let outcome = Outcome {
        duration_ms,
        output_bytes: 10,
        ..Outcome::without_output(how)
    };
    run.apply_finished(AgentId::from_bytes([n; 16]), outcome);
}

fn show(card: &Card) -> String {
    let buttons: Vec<_> = card
        .buttons
        .iter()
        .map(|button| format!("[{}]", button.label))
        .collect();
    format!(
        "{:?}\n{}\n{}",
        card.accent,
        card.texts.join("\n--\n"),
        buttons.join(" ")
    )
}

/// The groups of a run, each of which printed this.
fn told(run: &Run, printed: &str) -> Vec<Told> {
    let groups = run.groups(&Loosely::new()).into_iter();
    let tell = |group: Group| Told {
        printed: match group.how.exit_code() {
            Some(_) => Printed::text(printed),
            None => Printed::Unknown,
        },
        group,
        other: None,
        same_but: SameBut::default(),
    };
    groups.map(tell).collect()
}

/// The card at the end.
fn over(run: &Run, printed: &str) -> String {
    let groups = told(run, printed);
    show(&run_card(run, &Scene { groups, ..scene() }))
}

fn scene() -> Scene {
    Scene {
        run_as: vec!["shanty".into()],
        thread: Some((1, 99)),
        ..Scene::default()
    }
}

#[test]
fn one_host_from_start_to_end() {
    let mut run = run_on(&["web-01"]);
    insta::assert_snapshot!("one_running", show(&run_card(&run, &scene())));
    end(&mut run, 1, How::Exited(0), 1_300);
    run.phase = Phase::Closed {
        at_ms: 1_795_341_002_000,
    };
    let scene = Scene {
        groups: told(&run, "syntax is ok\n"),
        ..scene()
    };
    insta::assert_snapshot!("one_done", show(&run_card(&run, &scene)));
    assert_eq!(run_summary(&run), "✅ #142 · web-01 · exit 0 · 1.3 s");
    assert_eq!(
        thread_name(&run),
        "#142 systemctl restart nginx && nginx -t · web-01"
    );
}

#[test]
fn three_hosts_with_every_kind_of_end() {
    let mut run = run_on(&["web-01", "web-02", "db-01"]);
    end(&mut run, 1, How::Exited(0), 1_300);
    insta::assert_snapshot!("three_running", show(&run_card(&run, &scene())));
    end(&mut run, 2, How::Signaled(9), 38_000);
    end(
        &mut run,
        3,
        How::NotStarted(Reason::new(Code::Offline, "the host was offline")),
        0,
    );
    run.phase = Phase::Closed {
        at_ms: 1_795_341_002_000,
    };
    insta::assert_snapshot!("three_done", over(&run, "ok\n"));
}

#[test]
fn who_ended_it_besides_us_is_told_as_far_as_it_is_known() {
    let limit = |limit_bytes| How::OutOfMemory(OomKill::Group { limit_bytes });
    let mut one = run_on(&["db-02"]);
    end(&mut one, 1, limit(Some(512 << 20)), 38_000);
    insta::assert_snapshot!("one_out_of_memory", over(&one, "loading\n"));
    let names = ["db-01", "db-02", "db-03", "db-04", "db-05"];
    let mut several = run_on(&names);
    // Of the same limit they ended alike.
    end(&mut several, 1, limit(Some(1 << 30)), 38_000);
    end(&mut several, 2, limit(Some(1 << 30)), 36_000);
    end(&mut several, 3, limit(None), 2_000);
    end(&mut several, 4, How::OutOfMemory(OomKill::Host), 2_000);
    end(&mut several, 5, How::StoppedOnHost(143), 2_000);
    insta::assert_snapshot!("several_out_of_memory", over(&several, "loading\n"));
}

#[test]
fn a_cancel_keeps_apart_what_it_did() {
    let mut run = run_on(&["web-01", "web-02", "db-01"]);
    run.cancel = Some(CancelRequest {
        by: Principal::Discord(8),
        force: false,
        at_ms: 1_795_341_006_700,
    });
    end(&mut run, 1, How::Exited(0), 1_300);
    insta::assert_snapshot!("cancelling", show(&run_card(&run, &scene())));
    end(&mut run, 2, How::Cancelled(143), 2_000);
    end(&mut run, 3, How::Cancelled(137), 12_000);
    run.phase = Phase::Closed {
        at_ms: 1_795_341_002_000,
    };
    insta::assert_snapshot!("cancelled", over(&run, "stopping\n"));
}

#[test]
fn what_becomes_of_hosts_that_are_away_is_said() {
    let run_with = |offline| {
        let run = run_on(&["web-01", "web-02", "db-01"]);
        let mut spec = Spec::clone(&run.spec);
        spec.strategy.offline = offline;
        spec.targets[1].away = Some(Away::Offline);
        spec.targets[2].away = Some(Away::Draining);
        let mut run = Run::new(RunNumber(142), spec, 1_795_341_000_000);
        run.phase = Phase::Running;
        let gates = [(1, Gate::Open), (3, Gate::Draining)];
        let gates = gates.map(|(n, gate)| (AgentId::from_bytes([n; 16]), gate));
        let begin = Event::Begin {
            gates: gates.into(),
        };
        run.handle(begin, at(1_795_341_000_000), &mut Vec::new());
        end(&mut run, 1, How::Exited(0), 1_300);
        run
    };
    let mut skipped = run_with(Offline::Skip);
    skipped.phase = Phase::Closed {
        at_ms: 1_795_341_002_000,
    };
    insta::assert_snapshot!("left_out", over(&skipped, "ok\n"));
    let queued = run_with(Offline::Queue { for_ms: 7_200_000 });
    insta::assert_snapshot!("waiting", show(&run_card(&queued, &scene())));
}

#[test]
fn an_unknown_outcome_is_said_so() {
    let mut run = run_on(&["web-01"]);
    end(
        &mut run,
        1,
        How::Lost(Reason::new(Code::Agent, "the shim was killed")),
        0,
    );
    run.phase = Phase::Closed { at_ms: 1 };
    insta::assert_snapshot!("lost", over(&run, ""));
}

#[test]
fn a_run_that_never_began_says_that_nothing_was_run() {
    let mut run = run_on(&["web-01"]);
    run.phase = Phase::Expired("Discord did not take the answer".into());
    insta::assert_snapshot!("expired", show(&run_card(&run, &Scene::default())));
}

#[test]
fn hundreds_of_hosts_stay_within_the_limits() {
    let names: Vec<String> = (1..=250).map(|n| format!("web{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut run = run_on(&names);
    end(&mut run, 1, How::Exited(100), 1_000);
    let hostile = "x".repeat(5_000);
    run.spec = Arc::new(Spec {
        what: What::Shell(hostile.clone()),
        input: None,
        selector: hostile,
        ..Spec::clone(&run.spec)
    });
    let card = run_card(&run, &scene());
    assert!(
        card.texts
            .iter()
            .all(|text| text.chars().count() <= limits::TEXT_DISPLAY_CHARS_MAX)
    );
    let bytes: usize = card.texts.iter().map(|text| text.len() + 12).sum();
    assert!(bytes <= limits::CARD_BYTES_MAX);
    assert!(thread_name(&run).chars().count() <= limits::NAME_CHARS_MAX);
}

#[test]
fn output_of_characters_that_count_double_stays_within_the_limits() {
    let names: Vec<String> = (1..=12)
        .map(|n| format!("a-rather-long-host-name-{n:02}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut run = run_on(&names);
    for n in 1..=12 {
        end(&mut run, n, How::Exited(0), 10);
    }
    let groups = names.iter().zip(1..).map(|(name, n)| {
        let agent = AgentId::from_bytes([n; 16]);
        let group = Group {
            rank: if n < 12 { Rank::Odd } else { Rank::Most },
            how: How::Exited(0),
            hosts: vec![(agent, name.parse().unwrap())],
            outputs: 1,
            duration_ms: 10,
        };
        let (printed, same_but) = (Printed::text(&"😀".repeat(900)), SameBut::default());
        Told {
            group,
            printed,
            other: None,
            same_but,
        }
    });
    let groups = groups.collect();
    let run_as = (0..40).map(|n| format!("user-number-{n}")).collect();
    let card = run_card(
        &run,
        &Scene {
            groups,
            run_as,
            ..scene()
        },
    );
    let units = |text: &String| text.encode_utf16().count();
    assert!(
        card.texts
            .iter()
            .all(|text| units(text) <= limits::TEXT_DISPLAY_CHARS_MAX)
    );
    assert!(card.texts.iter().map(units).sum::<usize>() <= limits::CARD_CHARS_MAX);
}

#[test]
fn what_hosts_count_without_end_is_told_and_never_starts_anew() {
    let names = ["web-01", "web-02", "web-03"];
    let mut run = run_on(&names);
    for (n, count) in [(1, u64::MAX), (2, 1), (3, 7)] {
        let ended = Outcome {
            dropped_bytes: count,
            masked: count,
            left_over: u32::try_from(count).unwrap_or(u32::MAX),
            output_bytes: count,
            duration_ms: count,
            ..Outcome::without_output(How::Exited(0))
        };
        run.apply_finished(AgentId::from_bytes([n; 16]), ended);
    }
    let text = over(&run, "started");
    let most = thousands(u64::MAX);
    let size = crate::text::size(u64::MAX);
    for told in [
        format!("{size} of output not kept on web-[01-03]"),
        format!("{most} secrets masked"),
        "4,294,967,303 processes left behind were stopped on web-[01-03]".to_owned(),
    ] {
        assert!(text.contains(&told), "{told}: {text}");
    }
}

#[test]
fn what_outlived_a_command_is_told_in_the_heading_and_by_name() {
    let mut run = run_on(&["web-01", "web-02"]);
    let ended = |left_over, left: &[&str]| Outcome {
        duration_ms: 19,
        output_bytes: 10,
        left_over,
        left: Box::new(Left {
            count: u32::try_from(left.len()).unwrap(),
            named: left
                .iter()
                .zip(4_711..)
                .map(|(program, pid)| Process::new(pid, program))
                .collect(),
        }),
        ..Outcome::without_output(How::Exited(0))
    };
    run.apply_finished(AgentId::from_bytes([1; 16]), ended(2, &[]));
    run.apply_finished(AgentId::from_bytes([2; 16]), ended(0, &[]));
    let text = over(&run, "started");
    assert!(
        text.contains("### ⚠ #142 · 2 hosts · 2 ok · 2 processes left behind were stopped · 19 ms"),
        "{text}"
    );
    assert!(text.contains("2 processes left behind were stopped on web-01, "));
    let by_host = show(&by_host_card(&run, 0, None));
    let row = "**web-01** · exit 0 · 19 ms · 2 processes left behind were stopped\n";
    assert!(by_host.contains(row), "{by_host}");

    let mut run = run_on(&["web-01", "web-02"]);
    Arc::make_mut(&mut run.spec).options.leave = true;
    run.apply_finished(AgentId::from_bytes([1; 16]), ended(0, &["my_app", "*x*"]));
    run.apply_finished(AgentId::from_bytes([2; 16]), ended(0, &["my_app"]));
    let text = over(&run, "started");
    assert!(text.contains("### ✅ #142"), "{text}");
    assert!(
        text.contains("as shanty · may leave processes running"),
        "{text}"
    );
    let named = r"-# left running\: my\_app \(4711\) and \*x\* \(4712\) on web-01; also on web-02";
    assert!(text.contains(named), "{text}");
}

#[test]
fn the_shell_is_told_when_it_is_no_usual_one_and_words_of_bash_are_explained() {
    let ended = |shell: Option<&str>| Outcome {
        shell: shell.map(Into::into),
        output_bytes: 10,
        ..Outcome::without_output(How::Exited(127))
    };
    let said = "/bin/sh: 1: [[: not found";
    let hint = "`/bin/sh` read this, and some of it is bash";
    let mut run = run_on(&["web-01"]);
    run.apply_finished(AgentId::from_bytes([1; 16]), ended(None));
    let text = over(&run, said);
    assert!(text.contains(hint) && !text.contains("shell: "), "{text}");
    let mut run = run_on(&["web-01"]);
    run.apply_finished(AgentId::from_bytes([1; 16]), ended(Some("/bin/bash")));
    let text = over(&run, said);
    assert!(text.contains("-# shell: /bin/bash on web-01"), "{text}");
    assert!(!text.contains(hint), "its own shell did not say so: {text}");
}

#[test]
fn a_terminal_is_told_how_it_stands_and_who_stopped_it() {
    let told = |run: &Run| run_result(run, "ann");
    let mut one = run_on(&["web-01"]);
    assert_eq!(told(&one), "running");
    let mut stopped = one.clone();
    end(&mut one, 1, How::TimedOut(143), 1_000);
    assert_eq!(told(&one), "1 timed out");
    stopped.cancel = Some(CancelRequest {
        by: Principal::Discord(8),
        force: false,
        at_ms: 1_795_341_006_700,
    });
    assert_eq!(told(&stopped), "being stopped by ann");
    // It was too late.
    let mut late = stopped.clone();
    end(&mut late, 1, How::Exited(0), 1_000);
    assert_eq!(told(&late), "1 ok");
    end(&mut stopped, 1, How::Cancelled(143), 1_000);
    assert_eq!(told(&stopped), "stopped by ann");

    let mut three = run_on(&["web-01", "web-02", "db-01"]);
    end(&mut three, 1, How::Exited(0), 1_000);
    assert_eq!(told(&three), "running · 1/3");
    let mut stopped = three.clone();
    end(&mut three, 2, How::Exited(0), 1_000);
    end(&mut three, 3, How::Exited(4), 1_000);
    assert_eq!(told(&three), "2 ok · 1 failed");
    stopped.cancel = late.cancel;
    end(&mut stopped, 2, How::Cancelled(137), 1_000);
    end(&mut stopped, 3, How::Cancelled(137), 1_000);
    assert_eq!(told(&stopped), "stopped by ann · 1 ok · 2 stopped");

    one.phase = Phase::Expired("too late".into());
    assert_eq!(told(&one), "not started");
}

#[test]
fn what_agents_do_to_themselves_is_said_in_the_heading_and_is_no_command_to_edit() {
    let mut run = run_on(&["web-01", "web-02", "web-03"]);
    let mut spec = Spec::clone(&run.spec);
    let version = "0.2.0".parse().unwrap();
    let older = false;
    spec.what = What::Upkeep(Upkeep::Update(Update { version, older }));
    run.spec = spec.into();
    end(&mut run, 1, How::Exited(0), 7_000);
    end(&mut run, 2, How::Exited(1), 61_000);
    end(&mut run, 3, How::Exited(0), 8_000);
    run.phase = Phase::Closed {
        at_ms: 1_795_341_070_000,
    };
    let card = run_card(&run, &Scene::default());
    let labels: Vec<&str> = card.buttons.iter().map(|b| b.label.as_str()).collect();
    insta::assert_snapshot!(format!("{}\n{labels:?}", card.texts.join("\n--\n")));
}
