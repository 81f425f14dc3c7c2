//! How executions end, and that nothing of them is left.

use std::io::Write as _;
use std::os::unix::net::UnixStream;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shanty_agent::executor::State;
use shanty_core::ids::RunId;
use shanty_core::spool::{Cause, How, Left, Process};
use shanty_proto::v1;

use crate::world::{World, argv, commands, order, wait};

const LONG: &str = "sleep 1000";

/// A command that ignores TERM, and so do its children.
const DEAF: &str = "trap '' TERM; echo ready; while :; do sleep 1000; done";

async fn begun(world: &World, command: &str, grace_ms: u64) -> RunId {
    let mut order = order(command);
    order.grace_ms = grace_ms;
    let run = world.start(&order).await;
    world.wrote(run, "ready\n").await;
    run
}

#[tokio::test]
async fn codes_and_signals_are_told() {
    let world = World::new().await;
    for (command, how) in [
        ("true", How::Code(0)),
        ("exit 3", How::Code(3)),
        ("exit 255", How::Code(255)),
        ("kill -9 $$", How::Signal(9)),
        ("kill -15 $$", How::Signal(15)),
        // nix has no name for real-time signals.
        ("kill -34 $$", How::Signal(34)),
    ] {
        let ended = world.run(&order(command)).await;
        assert_eq!(ended.end(), (how, Cause::Command, 0), "{command}");
    }
    let ended = world
        .run(&order("dd if=/dev/zero of=/dev/null bs=1M count=500 2>&1"))
        .await;
    assert!(ended.exit.duration_us > 0 && ended.exit.rss_max_bytes > 100_000);
    assert!(ended.exit.started_ms > 1_600_000_000_000);
}

#[tokio::test]
async fn what_cannot_start_ends_as_a_shell_says_it() {
    let world = World::new().await;
    let missing = world.run(&argv(&["/no/such/program"])).await;
    assert_eq!(missing.end(), (How::Code(127), Cause::Command, 0));
    assert!(
        missing
            .err_text()
            .starts_with("shanty: cannot start: /no/such/program: ")
    );
    let forbidden = world.run(&argv(&["/proc/version"])).await;
    assert_eq!(forbidden.end(), (How::Code(126), Cause::Command, 0));
}

#[tokio::test]
async fn a_timeout_stops_it() {
    let world = World::new().await;
    let mut order = order("echo begun; sleep 1000");
    order.timeout_ms = 300;
    let ended = world.run(&order).await;
    assert_eq!(ended.end(), (How::Signal(15), Cause::Timeout, 0));
    assert_eq!(ended.text(), "begun\n");
}

#[tokio::test]
async fn cancel_lets_a_command_say_goodbye() {
    let world = World::new().await;
    let command = "trap 'echo bye; exit 5' TERM; echo ready; sleep 1000 & wait";
    let run = begun(&world, command, 20_000).await;
    world.handle.cancel(run, false).await;
    let ended = world.ended(run).await;
    assert_eq!(ended.text(), "ready\nbye\n");
    // Not its left-over: `sleep` may be too young to hear the signal.
    let exit = ended.exit;
    assert_eq!((exit.how, exit.cause), (How::Code(5), Cause::Cancelled));
}

#[tokio::test]
async fn who_ignores_term_is_killed_after_the_grace() {
    let world = World::new().await;
    let run = begun(&world, DEAF, 300).await;
    world.handle.cancel(run, false).await;
    let ended = world.ended(run).await;
    assert_eq!(ended.end(), (How::Signal(9), Cause::Cancelled, 0));
    let mut order = order(DEAF);
    order.timeout_ms = 100;
    let ended = world.run(&order).await;
    assert_eq!(
        (ended.exit.how, ended.exit.cause),
        (How::Signal(9), Cause::Timeout)
    );
}

#[tokio::test]
async fn force_kills_now_also_in_the_middle_of_a_grace() {
    let world = World::new().await;
    let first = begun(&world, DEAF, 3_600_000).await;
    world.handle.cancel(first, true).await;
    let ended = world.ended(first).await;
    assert_eq!(ended.end(), (How::Signal(9), Cause::Cancelled, 0));
    let second = begun(&world, DEAF, 3_600_000).await;
    world.handle.cancel(second, false).await;
    world.handle.cancel(second, true).await;
    assert_eq!(
        world.ended(second).await.end(),
        (How::Signal(9), Cause::Cancelled, 0)
    );
}

#[tokio::test]
async fn cancelling_what_is_over_or_unknown_does_nothing() {
    let world = World::new().await;
    let run = world.start(&order("exit 7")).await;
    let before = world.ended(run).await;
    world.handle.cancel(run, true).await;
    world.handle.cancel(RunId::from_bytes([0; 16]), true).await;
    assert_eq!(world.ended(run).await.exit, before.exit);
}

#[tokio::test]
async fn stopped_processes_are_stopped_for_good() {
    let world = World::new().await;
    let command = "echo ready; kill -STOP $$; echo never";
    let run = begun(&world, command, 3_600_000).await;
    world.handle.cancel(run, false).await;
    assert_eq!(
        world.ended(run).await.end(),
        (How::Signal(15), Cause::Cancelled, 0)
    );
    let run = begun(&world, &format!("trap '' TERM; {command}; {LONG}"), 300).await;
    world.handle.cancel(run, false).await;
    assert_eq!(world.ended(run).await.exit.cause, Cause::Cancelled);
}

#[tokio::test]
async fn the_end_of_the_main_process_is_the_end_whoever_holds_the_pipe() {
    let world = World::new().await;
    let ended = world
        .run(&order("setsid sleep 1000 & echo hi; exit 3"))
        .await;
    assert_eq!(
        (ended.text().as_str(), ended.end()),
        ("hi\n", (How::Code(3), Cause::Command, 1))
    );
    let daemons = "for i in 1 2 3; do (setsid sh -c 'trap \"\" TERM HUP; sleep 1000 & sleep 1000' &) ; done; exit 0";
    let ended = world.run(&order(daemons)).await;
    assert_eq!((ended.exit.how, ended.exit.left_over), (How::Code(0), 9));
}

#[tokio::test]
async fn what_is_left_on_purpose_lives_and_is_named() {
    let mut world = World::new().await;
    let left_alone = |command: &str| v1::ExecutionOrder {
        leave: true,
        ..order(command)
    };
    let command = "nohup sleep 1000 >/dev/null 2>&1 & echo $!; (sleep 0.1; echo late) & exit 3";
    let run = world.start(&left_alone(command)).await;
    let ended = world.ended(run).await;
    assert_eq!(ended.end(), (How::Code(3), Cause::Command, 0));
    let text = ended.text();
    let pid: u32 = text.strip_suffix("\nlate\n").unwrap().parse().unwrap();
    assert_eq!(ended.exit.left.count, 1, "who ended by itself is not left");
    assert_eq!(ended.exit.left.named, [Process::new(pid, "sleep")]);

    // Neither another start of the agent nor the end of all that is held of the run ends it.
    world.reopen().await;
    world.handle.release(run).await;
    let order = order("true");
    world.run(&order).await;
    let left = commands(&run.to_string());
    let pid = Pid::from_raw(i32::try_from(pid).unwrap());
    assert_eq!(left, [pid]);
    kill(pid, Signal::SIGKILL).unwrap();
    wait(|| {
        let left = commands(&run.to_string());
        (!left.is_empty()).then(|| format!("{left:?} live"))
    });
}

#[tokio::test]
async fn who_is_stopped_leaves_nothing() {
    let world = World::new().await;
    for (timeout_ms, command) in [
        (0, "echo ready; setsid sleep 1000 & wait"),
        (0, "setsid sleep 1000 & echo ready; exit 0"),
        (300, "setsid sleep 1000 & wait"),
    ] {
        let order = v1::ExecutionOrder {
            leave: true,
            timeout_ms,
            ..order(command)
        };
        let run = world.start(&order).await;
        if timeout_ms == 0 {
            world.wrote(run, "ready\n").await;
            world.handle.cancel(run, true).await;
        }
        let ended = world.ended(run).await;
        assert_eq!(ended.exit.left, Left::default(), "{command}");
    }
}

#[tokio::test]
async fn who_ends_by_itself_in_time_is_no_left_over() {
    let world = World::new().await;
    let ended = world
        .run(&order("(sleep 0.2; echo late) & echo soon"))
        .await;
    assert_eq!(ended.text(), "soon\nlate\n");
    assert_eq!(ended.end(), (How::Code(0), Cause::Command, 0));
}

#[tokio::test]
async fn a_cancel_reaches_sessions_of_their_own() {
    let world = World::new().await;
    let command = "for i in $(seq 50); do setsid sleep 1000 & done; echo ready; wait";
    let run = begun(&world, command, 3_600_000).await;
    world.handle.cancel(run, false).await;
    let ended = world.ended(run).await;
    assert_eq!(ended.end(), (How::Signal(15), Cause::Cancelled, 0));
}

#[tokio::test]
async fn what_forks_all_the_time_is_killed_too() {
    let world = World::new().await;
    // Ten heads, and always others: each starts its successor and ends. `$0` is the text of the head itself.
    let head = "trap \"\" TERM; sleep 0.01; sh -c \"$0\" \"$0\" &";
    let command = format!(
        "head='{head}'; for i in 1 2 3 4 5 6 7 8 9 10; do sh -c \"$head\" \"$head\" & done; echo ready; sleep 1000"
    );
    let run = begun(&world, &command, 300).await;
    world.handle.cancel(run, true).await;
    let ended = world.ended(run).await;
    assert_eq!(ended.end(), (How::Signal(9), Cause::Cancelled, 0));
    assert!(commands(&run.to_string()).is_empty());
}

#[tokio::test]
async fn a_person_may_stop_a_shim() {
    let world = World::new().await;
    let run = begun(&world, &format!("echo ready; {LONG}"), 300).await;
    kill(world.shim(run), Signal::SIGTERM).unwrap();
    assert_eq!(
        world.ended(run).await.end(),
        (How::Signal(15), Cause::OnHost, 0)
    );
}

/// Holds: TERM to the shim stops the command also while it is only beginning.
#[tokio::test]
async fn a_shim_that_is_told_to_stop_while_its_command_begins_stops_it() {
    let world = World::new().await;
    for _ in 0..20 {
        let run = world.start(&order(LONG)).await;
        let spool = world.execution(run).join("spool");
        wait(|| {
            let begun = std::fs::metadata(&spool).is_ok_and(|spool| spool.len() > 0);
            (!begun).then(|| format!("{} has no header", spool.display()))
        });
        kill(world.shim(run), Signal::SIGTERM).unwrap();
        let end = world.ended(run).await.end();
        assert_eq!(end, (How::Signal(15), Cause::OnHost, 0));
    }
}

#[tokio::test]
async fn a_command_reads_what_is_sent_on_ctl() {
    let world = World::new().await;
    let mut order = order("echo ready; cat; echo end");
    order.stdin = true;
    let run = world.start(&order).await;
    world.wrote(run, "ready\n").await;
    let mut ctl = connect(&world, run);
    ctl.write_all(&message(&[2, 0], b"hello ")).unwrap();
    ctl.write_all(&message(&[200], b"an unknown message"))
        .unwrap();
    ctl.write_all(&message(&[2, 1], b"there\n")).unwrap();
    let ended = world.ended(run).await;
    assert_eq!(ended.text(), "ready\nhello there\nend\n");
}

#[tokio::test]
async fn nonsense_on_ctl_harms_nobody() {
    let world = World::new().await;
    let run = begun(&world, &format!("echo ready; {LONG}"), 300).await;
    for _ in 0..50 {
        let mut ctl = connect(&world, run);
        ctl.write_all(&[0xff; 64]).ok(); // Turned away already.
    }
    let shim = world.shim(run);
    wait(|| {
        let open = std::fs::read_dir(format!("/proc/{shim}/fd"))
            .unwrap()
            .count();
        (open > 16).then(|| format!("the shim holds {open} descriptors"))
    });
    assert_eq!(world.status(run).await.unwrap().state, State::Running);
    world.handle.cancel(run, false).await;
    assert_eq!(
        world.ended(run).await.end(),
        (How::Signal(15), Cause::Cancelled, 0)
    );
}

fn connect(world: &World, run: RunId) -> UnixStream {
    UnixStream::connect(world.execution(run).join("ctl")).unwrap()
}

fn message(head: &[u8], rest: &[u8]) -> Vec<u8> {
    let len = u32::try_from(head.len() + rest.len()).unwrap();
    [&len.to_le_bytes(), head, rest].concat()
}
