//! What is said of each end.

use super::*;

#[test]
fn an_end_is_told_as_a_shell_shows_it() {
    let told = |how: How| (how.plain(), how.exit_code());
    // The standard signals of signal(7) that end a program and come from it, the machine or a person.
    for (signal, name) in [
        (1, "SIGHUP"),
        (2, "SIGINT"),
        (3, "SIGQUIT"),
        (4, "SIGILL"),
        (6, "SIGABRT"),
        (7, "SIGBUS"),
        (8, "SIGFPE"),
        (9, "SIGKILL"),
        (11, "SIGSEGV"),
        (13, "SIGPIPE"),
        (14, "SIGALRM"),
        (15, "SIGTERM"),
        (24, "SIGXCPU"),
        (25, "SIGXFSZ"),
    ] {
        let code = 128 + signal;
        let expected = format!("exit {code} ({name}, not sent by Shanty)");
        assert_eq!(told(How::Signaled(signal)), (expected, Some(code)));
        // A shell ends with the same code when its command was ended so.
        let expected = format!("exit {code} ({name})");
        assert_eq!(told(How::Exited(code)), (expected, Some(code)));
    }
    let text = |text: &str| text.to_owned();
    let unnamed = text("exit 162 (signal 34, not sent by Shanty)");
    assert_eq!(told(How::Signaled(34)), (unnamed, Some(162)));
    let reason = || Reason::new(Code::Offline, "it is away");
    for (how, expected, code) in [
        (How::Exited(0), "exit 0", Some(0)),
        (How::Exited(3), "exit 3", Some(3)),
        (How::Exited(-1), "exit -1", Some(-1)),
        (
            How::Exited(126),
            "exit 126 (it cannot be executed)",
            Some(126),
        ),
        (How::Exited(127), "exit 127 (command not found)", Some(127)),
        (How::Exited(162), "exit 162", Some(162)),
        (How::TimedOut(143), "timed out, exit 143", Some(143)),
        (How::Cancelled(137), "stopped, exit 137", Some(137)),
        (
            How::StoppedOnHost(143),
            "stopped on the host, not by Shanty, exit 143",
            Some(143),
        ),
        (
            How::OutOfMemory(OomKill::Group {
                limit_bytes: Some(512 << 20),
            }),
            "exit 137 (SIGKILL, out of memory: the kernel's OOM killer, memory limit 512 MiB)",
            Some(137),
        ),
        (
            How::OutOfMemory(OomKill::Group { limit_bytes: None }),
            "exit 137 (SIGKILL, out of memory: the kernel's OOM killer)",
            Some(137),
        ),
        (
            How::OutOfMemory(OomKill::Host),
            "exit 137 (SIGKILL, probably out of memory: the kernel killed processes on this host while it ran)",
            Some(137),
        ),
        (How::Refused(reason()), "refused: it is away", None),
        (How::NotStarted(reason()), "not started: it is away", None),
        (How::Lost(reason()), "outcome unknown: it is away", None),
    ] {
        assert_eq!(told(how), (text(expected), code));
    }
}

#[test]
fn what_outlived_a_command_is_told() {
    use crate::spool::Process;
    let of = |left_over, count, named: &[(u32, &str)]| {
        let named = named.iter();
        let outcome = Outcome {
            left_over,
            left: Box::new(Left {
                count,
                named: named.map(|(pid, name)| Process::new(*pid, name)).collect(),
            }),
            ..Outcome::without_output(How::Exited(0))
        };
        outcome.left_words()
    };
    assert_eq!(of(0, 0, &[]), None);
    for (left_over, count, named, said) in [
        (1, 0, &[][..], "1 process left behind was stopped"),
        (1_200, 0, &[], "1,200 processes left behind were stopped"),
        (0, 1, &[(4_711, "nginx")], "left running: nginx (4711)"),
        (0, 2, &[(1, "a"), (2, "b")], "left running: a (1) and b (2)"),
        (
            0,
            5,
            &[(1, "a"), (2, "b")],
            "left running: a (1), b (2) and 3 more",
        ),
        (0, 1, &[], "left running: 1 process"),
        (0, 2, &[], "left running: 2 processes"),
    ] {
        assert_eq!(of(left_over, count, named).as_deref(), Some(said));
    }
}

#[test]
fn what_only_happened_to_an_agent_is_no_refusal() {
    for code in Code::ALL {
        let how = How::not_taken(Reason::new(code, "why"));
        let happened = matches!(code, Code::Stopping | Code::Storage);
        assert_eq!(matches!(how, How::NotStarted(_)), happened, "{code}");
        assert!(how.did_not_run());
    }
}

#[test]
fn a_restart_is_why_it_is_lost() {
    use crate::spool::Restart;
    let lost = |restart| {
        why_lost(&Exit {
            restart,
            ..Exit::lost(0)
        })
    };
    assert_eq!(lost(None), "the host lost track of it");
    let (booted_ms, minute) = (1_796_033_640_000, 60_000);
    let back = |back_ms| Some(Restart { booted_ms, back_ms });
    assert_eq!(
        lost(back(booted_ms + minute)),
        "the host restarted on 2026-11-30 at 10:14, back since 10:15 (UTC)"
    );
    assert_eq!(
        lost(back(booted_ms + 24 * 60 * minute)),
        "the host restarted on 2026-11-30 at 10:14, back since 2026-12-01 10:14 (UTC)"
    );
    // By the host's clock the kernel is older than what it took along.
    let begun = |started_ms, back_ms| {
        why_lost(&Exit {
            restart: back(back_ms),
            ..Exit::lost(started_ms)
        })
    };
    let later = booted_ms + 3 * minute;
    assert_eq!(
        begun(later, booted_ms + 4 * minute),
        "the host restarted while it ran, back since 2026-11-30 10:18 (UTC)"
    );
    assert_eq!(
        begun(later, booted_ms + minute),
        "the host restarted while it ran"
    );
    let within = begun(booted_ms + BOOTED_WITHIN_MS, later);
    assert!(within.starts_with("the host restarted on 2026-11-30 at 10:14"));
}

#[test]
fn only_what_was_killed_by_itself_can_be_out_of_memory() {
    use crate::spool::How as Spooled;
    let limit = OomKill::Group {
        limit_bytes: Some(1 << 30),
    };
    let of = |how, cause, oom_kill| {
        How::of(&Exit {
            how,
            cause,
            oom_kill,
            ..Exit::lost(0)
        })
    };
    for (how, cause, kill, expected) in [
        (
            Spooled::Signal(9),
            Cause::Command,
            Some(limit),
            Some(How::OutOfMemory(limit)),
        ),
        (
            Spooled::Signal(9),
            Cause::Command,
            Some(OomKill::Host),
            Some(How::OutOfMemory(OomKill::Host)),
        ),
        (
            Spooled::Code(137),
            Cause::Command,
            Some(limit),
            Some(How::OutOfMemory(limit)),
        ),
        // No signal, and only the host knows of a kill: any program may end so.
        (
            Spooled::Code(137),
            Cause::Command,
            Some(OomKill::Host),
            Some(How::Exited(137)),
        ),
        (
            Spooled::Signal(9),
            Cause::Command,
            None,
            Some(How::Signaled(9)),
        ),
        (
            Spooled::Code(137),
            Cause::Command,
            None,
            Some(How::Exited(137)),
        ),
        // A child was killed, and the command made of it what it wanted.
        (
            Spooled::Code(1),
            Cause::Command,
            Some(limit),
            Some(How::Exited(1)),
        ),
        (
            Spooled::Signal(15),
            Cause::Command,
            Some(limit),
            Some(How::Signaled(15)),
        ),
        // We sent this one.
        (
            Spooled::Signal(9),
            Cause::Timeout,
            Some(limit),
            Some(How::TimedOut(137)),
        ),
        (
            Spooled::Signal(9),
            Cause::Cancelled,
            Some(limit),
            Some(How::Cancelled(137)),
        ),
        (
            Spooled::Signal(15),
            Cause::OnHost,
            None,
            Some(How::StoppedOnHost(143)),
        ),
        (Spooled::Unknown, Cause::Lost, Some(limit), None),
    ] {
        assert_eq!(of(how, cause, kill), expected, "{how:?} {cause:?} {kill:?}");
    }
}
