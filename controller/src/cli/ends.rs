//! How runs ended: for scripts as an exit code, for people as words.

use shanty_core::history::Stand;
use shanty_core::run::{How, Outcome, Rank};
use shanty_core::text::{duration, size};
use shanty_core::view::terminal::one_line;
use shanty_proto::convert::{outcome_from_wire, principal_from_wire};
use shanty_proto::v1;

use super::{exit, input, out, words};

/// What scripts get: one host gives its own code; several give 0 when all of them did, else the first of these that is true: 130 somebody
/// stopped it, 75 a host did not run or nobody knows, 1 one failed, 124 the time was up. What was left out on purpose counts for nothing.
pub(super) fn exit_code(run: &v1::RunInfo) -> u8 {
    if !run.expired.is_empty() {
        return exit::TRY_AGAIN;
    }
    let several = run.executions.len() > 1;
    let counted = run.executions.iter().filter(|one| !one.skipped);
    let codes: Vec<u8> = counted.map(|one| code(one, several)).collect();
    let first = [
        exit::CANCELLED,
        exit::TRY_AGAIN,
        exit::FAILED,
        exit::TIMEOUT,
    ];
    match &codes[..] {
        [one] if !several => *one,
        codes => first
            .into_iter()
            .find(|code| codes.contains(code))
            .unwrap_or(exit::OK),
    }
}

/// The code of one host: what was stopped is never 0.
fn code(execution: &v1::ExecutionInfo, verdict: bool) -> u8 {
    let how = outcome(execution).map(|outcome| outcome.how);
    let own = |code: i32| u8::try_from(code).unwrap_or(u8::MAX);
    let failed = |code: i32| match (own(code), verdict) {
        (0, _) | (_, true) => exit::FAILED,
        (code, false) => code,
    };
    match how {
        Some(How::Exited(0)) => exit::OK,
        Some(How::TimedOut(_)) => exit::TIMEOUT,
        Some(How::Cancelled(_)) => exit::CANCELLED,
        Some(
            how @ (How::Exited(_) | How::Signaled(_) | How::OutOfMemory(_) | How::StoppedOnHost(_)),
        ) => failed(how.exit_code().unwrap_or(0)),
        Some(How::Refused(_) | How::NotStarted(_) | How::Lost(_)) | None => exit::TRY_AGAIN,
    }
}

/// How an execution ended, when it has.
pub(super) fn outcome(execution: &v1::ExecutionInfo) -> Option<Outcome> {
    outcome_from_wire(execution.outcome.as_ref()?).ok()
}

/// How each host ended, unless one host simply did what was asked.
pub(super) fn each(run: &v1::RunInfo) {
    if !run.expired.is_empty() {
        let why = one_line(&run.expired);
        out::note(format_args!("#{} was not started: {why}", run.number));
        return;
    }
    for execution in &run.executions {
        let Some(outcome) = outcome(execution) else {
            continue;
        };
        let said = besides(&outcome);
        let alone = run.executions.len() == 1;
        if alone && outcome.is_ok() && said.is_empty() {
            continue;
        }
        let took = match outcome.how.exit_code() {
            Some(_) => format!(" · {}", duration(outcome.duration_ms)),
            None => String::new(),
        };
        let how = one_line(&outcome.how.plain());
        out::note(format_args!("{}: {how}{took}{said}", execution.name));
    }
}

/// What else is to be known of an end.
fn besides(outcome: &Outcome) -> String {
    let left = one_line(&words::left(outcome));
    let dropped = match outcome.dropped_bytes {
        0 => String::new(),
        dropped => format!(" · {} of output not kept", size(dropped)),
    };
    format!("{left}{dropped}{}", words::masked(outcome.masked))
}

/// `37 ok · 2 failed · 1 timed out · 10 s`.
pub(super) fn summary(run: &v1::RunInfo) -> String {
    let mut counts = [0_usize; WORDS.len()];
    for execution in &run.executions {
        let Some(outcome) = outcome(execution) else {
            continue;
        };
        let word = word(Rank::of(&outcome.how, execution.skipped));
        let at = WORDS.iter().position(|one| *one == word);
        if let Some(count) = at.and_then(|at| counts.get_mut(at)) {
            *count += 1;
        }
    }
    let told = WORDS.iter().zip(counts).filter(|(_, count)| *count > 0);
    let mut parts: Vec<String> = told.map(|(word, n)| format!("{n} {word}")).collect();
    if run.closed_ms > 0 {
        parts.push(duration(run.closed_ms.saturating_sub(run.accepted_ms)));
    }
    parts.join(" · ")
}

/// In this order.
const WORDS: [&str; 8] = [
    "ok",
    "failed",
    "timed out",
    "unknown",
    "refused",
    "not started",
    "stopped",
    "left out",
];

const fn word(rank: Rank) -> &'static str {
    match rank {
        Rank::Odd | Rank::Most => "ok",
        Rank::Failed => "failed",
        Rank::TimedOut => "timed out",
        Rank::Lost => "unknown",
        Rank::Refused => "refused",
        Rank::NotStarted => "not started",
        Rank::Stopped => "stopped",
        Rank::LeftOut => "left out",
    }
}

/// A run with all its hosts, for scripts.
pub(super) fn json_run(run: &v1::RunInfo) -> serde_json::Value {
    let executions: Vec<_> = run.executions.iter().map(json_execution).collect();
    let groups = run.groups.iter().map(|group| {
        serde_json::json!({
            "rank": group.rank, "hosts": group.hosts, "count": group.count,
            "exit_code": group.exit_code, "text": group.text, "duration_ms": group.duration_ms,
        })
    });
    serde_json::json!({
        "event": "run", "number": run.number, "run": run.run, "state": words::run(run.state()),
        "selector": run.selector, "command": run.command, "hosts": run.hosts,
        "result": result(run), "by": run.by.as_ref().and_then(who), "stopped_by": run.stopper.as_ref().and_then(who),
        "accepted_ms": run.accepted_ms, "closed_ms": run.closed_ms, "expired": run.expired,
        "offline": words::offline(run.offline()), "queued_until_ms": run.queued_until_ms, "set": run.set,
        "color": run.color, "tty": run.terminal, "input": run.input.as_ref().map(input::json),
        "leave": run.leave, "as": (!run.run_as.is_empty()).then_some(&run.run_as), "users": run.users,
        "executions": executions, "groups": groups.collect::<Vec<_>>(),
    })
}

/// Who they are, as everywhere in JSON.
fn who(principal: &v1::Principal) -> Option<String> {
    Some(principal_from_wire(principal).ok()?.to_string())
}

/// What came of a host; nothing while it has not ended.
fn result_of(execution: &v1::ExecutionInfo) -> Option<&'static str> {
    let outcome = outcome(execution)?;
    Some(words::result(Rank::of(&outcome.how, execution.skipped)))
}

/// What came of a run, as the history has it; nothing while it goes on. Where it went wrong in one way, that is said.
fn result(run: &v1::RunInfo) -> Option<&'static str> {
    let counted = run.executions.iter().filter(|one| !one.skipped);
    let mut wrong: Vec<&str> = counted
        .filter_map(result_of)
        .filter(|result| *result != words::result(Rank::Most))
        .collect();
    wrong.dedup();
    match Stand::named(&run.stand)? {
        Stand::Running => None,
        Stand::Ok => Some(words::result(Rank::Most)),
        Stand::Stopped => Some(words::result(Rank::Stopped)),
        Stand::Unknown => Some(words::result(Rank::Lost)),
        Stand::NotStarted => Some(words::result(Rank::NotStarted)),
        Stand::Failed => match wrong[..] {
            [way] => Some(way),
            _ => Some(words::result(Rank::Failed)),
        },
    }
}

/// How a host stands or ended, as a part of its run.
fn json_execution(execution: &v1::ExecutionInfo) -> serde_json::Value {
    let outcome = outcome(execution);
    let outcome = outcome.as_ref();
    serde_json::json!({
        "host": execution.name, "agent": execution.agent,
        "state": words::execution(execution.state()), "result": result_of(execution),
        // Nobody asks it of a host that has ended.
        "online": outcome.is_none().then_some(execution.online), "skipped": execution.skipped,
        "exit_code": outcome.and_then(|outcome| outcome.how.exit_code()),
        "text": outcome.map(|outcome| outcome.how.plain()),
        "duration_ms": outcome.map(|outcome| outcome.duration_ms),
        "output_bytes": outcome.map(|outcome| outcome.output_bytes),
        "dropped_bytes": outcome.map(|outcome| outcome.dropped_bytes),
        "left_over": outcome.map(|outcome| outcome.left_over),
        "left": outcome.map(words::json_left),
        "shell": outcome.and_then(|outcome| outcome.shell.clone()),
        // Of the host itself; nothing where it did not run, or an older agent ran it.
        "user": outcome.and_then(|outcome| outcome.user.clone()),
        "masked": outcome.map(|outcome| outcome.masked),
    })
}

/// A change of one host, as a line of its own.
pub(super) fn json_change(number: u64, execution: &v1::ExecutionInfo) -> serde_json::Value {
    let mut event = json_execution(execution);
    if let Some(fields) = event.as_object_mut() {
        fields.insert("event".to_owned(), "host".into());
        fields.insert("number".to_owned(), number.into());
    }
    event
}

#[cfg(test)]
mod tests {
    use shanty_core::principal::Principal;
    use shanty_core::refusal::Code;
    use shanty_core::run::Reason;
    use shanty_proto::convert::{outcome_to_wire, principal_to_wire};

    use super::*;

    fn run(ends: &[(How, bool)]) -> v1::RunInfo {
        let execution = |(at, (how, skipped)): (usize, &(How, bool))| v1::ExecutionInfo {
            name: format!("web-0{at}"),
            outcome: Some(outcome_to_wire(&Outcome::without_output(how.clone()))),
            skipped: *skipped,
            ..v1::ExecutionInfo::default()
        };
        v1::RunInfo {
            accepted_ms: 1_000,
            closed_ms: 11_000,
            executions: ends.iter().enumerate().map(execution).collect(),
            ..v1::RunInfo::default()
        }
    }

    fn reason() -> Reason {
        Reason::new(Code::Offline, "it is away")
    }

    #[test]
    fn a_host_gives_its_own_code_and_never_0_when_it_was_stopped() {
        for (how, code) in [
            (How::Exited(0), 0),
            (How::Exited(7), 7),
            (How::Exited(300), 255),
            (How::Exited(-1), 255),
            (How::Signaled(9), 137),
            (How::TimedOut(0), 124),
            (How::TimedOut(143), 124),
            (How::Cancelled(0), 130),
            (How::Cancelled(143), 130),
            (How::StoppedOnHost(0), 1),
            (How::StoppedOnHost(143), 143),
            (How::Refused(reason()), 75),
            (How::NotStarted(reason()), 75),
            (How::Lost(reason()), 75),
        ] {
            assert_eq!(exit_code(&run(&[(how.clone(), false)])), code, "{how:?}");
        }
    }

    #[test]
    fn several_hosts_give_0_only_when_all_are_well() {
        let (ok, failed) = ((How::Exited(0), false), (How::Exited(130), false));
        let (late, stopped) = ((How::TimedOut(0), false), (How::Cancelled(0), false));
        let away = (How::NotStarted(reason()), false);
        let left_out = (How::NotStarted(reason()), true);
        let code = |ends: &[&(How, bool)]| {
            let ends: Vec<_> = ends.iter().map(|end| (*end).clone()).collect();
            exit_code(&run(&ends))
        };
        assert_eq!(code(&[&ok, &ok]), 0);
        assert_eq!(code(&[&ok, &left_out]), 0);
        assert_eq!(code(&[&failed, &left_out]), 1);
        assert_eq!(code(&[&ok, &late]), 124);
        assert_eq!(code(&[&ok, &late, &failed]), 1);
        assert_eq!(code(&[&ok, &failed, &away]), 75);
        assert_eq!(code(&[&stopped, &failed, &away]), 130);
        let mut expired = run(&[(How::Exited(0), false)]);
        expired.expired = "on hold".to_owned();
        assert_eq!(exit_code(&expired), 75);
        let unended = v1::RunInfo {
            executions: vec![v1::ExecutionInfo::default()],
            ..v1::RunInfo::default()
        };
        assert_eq!(exit_code(&unended), 75);
    }

    #[test]
    fn a_summary_counts_what_there_is() {
        let mut ends = vec![(How::Exited(0), false); 37];
        ends.extend([(How::Exited(1), false), (How::Signaled(9), false)]);
        ends.push((How::TimedOut(0), false));
        assert_eq!(
            summary(&run(&ends)),
            "37 ok · 2 failed · 1 timed out · 10 s"
        );
        let ends = [
            (How::NotStarted(reason()), true),
            (How::NotStarted(reason()), false),
            (How::Lost(reason()), false),
            (How::Refused(reason()), false),
            (How::Cancelled(0), false),
        ];
        assert_eq!(
            summary(&run(&ends)),
            "1 unknown · 1 refused · 1 not started · 1 stopped · 1 left out · 10 s"
        );
    }

    #[test]
    fn a_result_is_one_of_few_words() {
        let (ok, late) = ((How::Exited(0), false), (How::TimedOut(143), false));
        let hosts = [
            (&ok, "succeeded"),
            (&late, "timed_out"),
            (&(How::Signaled(9), false), "failed"),
            (&(How::Cancelled(143), false), "stopped"),
            (&(How::Lost(reason()), false), "lost"),
            (&(How::Refused(reason()), false), "refused"),
            (&(How::NotStarted(reason()), false), "not_started"),
            (&(How::NotStarted(reason()), true), "left_out"),
        ];
        for (end, word) in hosts {
            let run = run(std::slice::from_ref(end));
            let host = json_change(1, &run.executions[0]);
            assert_eq!(host["result"], word, "{host}");
        }
        let left_out = (How::NotStarted(reason()), true);
        let failed = (How::Exited(1), false);
        let told = |stand: &str, ends: &[&(How, bool)]| {
            let ends: Vec<_> = ends.iter().map(|end| (*end).clone()).collect();
            let stand = stand.to_owned();
            json_run(&v1::RunInfo {
                stand,
                ..run(&ends)
            })["result"]
                .clone()
        };
        assert_eq!(told("running", &[&ok]), serde_json::Value::Null);
        assert_eq!(told("ok", &[&ok, &left_out]), "succeeded");
        assert_eq!(told("failed", &[&ok, &late, &left_out]), "timed_out");
        assert_eq!(told("failed", &[&failed, &late, &failed]), "failed");
        assert_eq!(told("stopped", &[&ok]), "stopped");
        assert_eq!(told("unknown", &[&failed]), "lost");
        assert_eq!(told("not_started", &[]), "not_started");
    }

    #[test]
    fn who_stopped_a_run_is_told() {
        let mut run = run(&[(How::Cancelled(143), false)]);
        assert!(json_run(&run)["stopped_by"].is_null());
        let root = Principal::Local("root".to_owned());
        run.stopper = Some(principal_to_wire(&root));
        assert_eq!(json_run(&run)["stopped_by"], "local:root");
    }

    #[test]
    fn a_change_is_one_host_and_not_the_run() {
        let run = run(&[(How::Exited(3), false), (How::Exited(0), false)]);
        let event = json_change(142, &run.executions[0]);
        assert_eq!(event["event"], "host");
        assert_eq!(event["number"], 142);
        assert_eq!(
            (&event["host"], &event["exit_code"]),
            (&"web-00".into(), &3.into())
        );
    }
}
