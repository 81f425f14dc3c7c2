//! What a command is given: it comes whole or nothing runs, also when agents end in between; and scripts run as their first line says.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use shanty_agent::executor::{ClockOffset, Inputs, Started, State, Wanted};
use shanty_core::ids::RunId;
use shanty_core::spool::{Cause, How};
use shanty_proto::v1;
use shanty_proto::v1::execution_order::What;
use tokio::sync::mpsc;

use crate::world::{Ended, World, now_ms, order, signed, wait};

fn fed(command: &str, kind: v1::InputKind, bytes: &[u8]) -> v1::ExecutionOrder {
    let name = match kind {
        v1::InputKind::Script => command.split(' ').next().unwrap(),
        v1::InputKind::Stdin | v1::InputKind::Unspecified => "",
    };
    v1::ExecutionOrder {
        what: Some(What::CommandWithInput(command.to_owned())),
        input: Some(v1::Input {
            kind: kind.into(),
            name: name.to_owned(),
            bytes: bytes.len() as u64,
            sha256: Sha256::digest(bytes).to_vec(),
            ..v1::Input::default()
        }),
        ..order("")
    }
}

pub(crate) fn stdin(command: &str, bytes: &[u8]) -> v1::ExecutionOrder {
    fed(command, v1::InputKind::Stdin, bytes)
}

fn script(command: &str, text: &str) -> v1::ExecutionOrder {
    fed(command, v1::InputKind::Script, text.as_bytes())
}

/// Hands the order over; what its command is given is then asked for.
async fn ask(world: &World, order: &v1::ExecutionOrder) -> (RunId, Wanted) {
    let (inputs, mut wanted): (Inputs, _) = mpsc::channel(1);
    let clock = ClockOffset::new(now_ms());
    let started = world
        .handle
        .start_with(signed(order), clock, Some(inputs))
        .await;
    assert_eq!(started, Ok(Started::New));
    let wanted = wanted.recv().await.unwrap();
    assert_eq!(wanted.run.to_string(), order.run);
    (wanted.run, wanted)
}

pub(crate) async fn give(wanted: &Wanted, bytes: &[u8]) {
    for slice in bytes.chunks(32 * 1024) {
        wanted.slices.send(Ok(slice.to_vec())).await.unwrap();
    }
}

async fn run(world: &World, order: &v1::ExecutionOrder, bytes: &[u8]) -> Ended {
    let (run, wanted) = ask(world, order).await;
    give(&wanted, bytes).await;
    drop(wanted);
    world.ended(run).await
}

async fn run_script(world: &World, command: &str, text: &str) -> Ended {
    run(world, &script(command, text), text.as_bytes()).await
}

async fn refused(world: &World, run: RunId) -> String {
    let refused = |state: &State| matches!(state, State::Refused(_));
    match world
        .until(run, |status| refused(&status.state))
        .await
        .state
    {
        State::Refused(refusal) => refusal.text,
        State::Running | State::Ended => unreachable!("waited for a refusal"),
    }
}

fn placed(order: &v1::ExecutionOrder) -> PathBuf {
    let (run, agent) = (&order.run, &order.agent);
    std::env::temp_dir().join(format!("shanty-{run}-{agent}"))
}

#[tokio::test]
async fn a_command_reads_what_it_is_given_to_its_end() {
    let world = World::new().await;
    let ended = run(&world, &stdin("bash -s", b"exit 4"), b"exit 4").await;
    assert_eq!(ended.end(), (How::Code(4), Cause::Command, 0));
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let ended = run(&world, &stdin("sha256sum; cat", &large), &large).await;
    let digest = hex::encode(Sha256::digest(&large));
    assert_eq!(ended.text(), format!("{digest}  -\n"));
    let ended = run(&world, &stdin("wc -c", b""), b"").await;
    assert_eq!(ended.text().trim(), "0");
}

#[tokio::test]
async fn nothing_runs_with_other_bytes_than_those_of_the_order() {
    let world = World::new().await;
    let ran = world.path("ran");
    let command = format!("touch {}", ran.display());
    for (given, why) in [
        (&b"abc"[..], "3 of 4 bytes came"),
        (b"abcde", "more came than was announced"),
        (b"abcx", "its digest is not that of the order"),
        (b"", "0 of 4 bytes came"),
    ] {
        let order = stdin(&command, b"abcd");
        let (run, wanted) = ask(&world, &order).await;
        assert_eq!(world.status(run).await.unwrap().state, State::Running);
        give(&wanted, given).await;
        drop(wanted);
        let text = refused(&world, run).await;
        let said = format!("The standard input did not come whole, and nothing was run: {why}.");
        assert_eq!(text, said);
        assert!(!world.execution(run).exists());
        // It stays refused, whatever comes later.
        let again = world.try_start(&order).await;
        assert!(!matches!(again, Ok(Started::New)), "{again:?}");
    }
    let order = stdin(&command, b"abcd");
    let (run, wanted) = ask(&world, &order).await;
    let why = Err("it is gone".to_owned());
    wanted.slices.send(why).await.unwrap();
    assert!(refused(&world, run).await.ends_with(": it is gone."));
    assert!(!ran.exists());
}

#[tokio::test]
async fn what_waits_for_its_input_can_be_cancelled() {
    let world = World::new().await;
    let (run, wanted) = ask(&world, &stdin("cat", b"abcd")).await;
    give(&wanted, b"ab").await;
    world.handle.cancel(run, false).await;
    let text = refused(&world, run).await;
    assert_eq!(text, "It was cancelled before its standard input had come.");
    wanted.slices.closed().await;
}

// The test itself looks at the disk meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_ends_before_the_input_is_there_never_runs_it_and_after_it_the_command_goes_on()
 {
    let mut world = World::new().await;
    let half = stdin("cat", b"abcd");
    let (run, wanted) = ask(&world, &half).await;
    give(&wanted, b"ab").await;
    // The folder alone says nothing of the order: that stands in what has come so far.
    let coming = world.execution(run).join("input.coming");
    wait(|| (!coming.exists()).then(|| "nothing came".to_owned()));
    world.reopen().await;
    let text = refused(&world, run).await;
    let said = "The agent ended before what the command is given had come. Nothing was run.";
    assert_eq!(text, said);
    assert!(!world.execution(run).exists());
    let again = world.try_start(&half).await;
    assert!(!matches!(again, Ok(Started::New)), "{again:?}");

    let go = world.path("go");
    let text = format!("until [ -e {} ]; do sleep 0.02; done; cat", go.display());
    let whole = stdin(&text, b"all of it");
    let (run, wanted) = ask(&world, &whole).await;
    give(&wanted, b"all of it").await;
    drop(wanted);
    world.until(run, |status| status.spool_len > 0).await;
    world.reopen().await;
    fs::write(go, "").unwrap();
    assert_eq!(world.ended(run).await.text(), "all of it");
}

#[tokio::test]
async fn a_script_runs_as_its_first_line_says_and_is_gone_afterwards() {
    let world = World::new().await;
    let text = "#!/bin/bash\nset -- \"$@\" end\nprintf '%s|' \"${0##*/}\" \"$BASH_VERSION\" \"$@\"; stat -c %a \"$0\"";
    let order = script("deploy.sh 'a b' $((1 + 1))", text);
    let ended = run(&world, &order, text.as_bytes()).await;
    let out = ended.text();
    let words: Vec<&str> = out.trim_end().split('|').collect();
    assert_eq!(words[0], "deploy.sh");
    assert!(
        words[1].starts_with(|digit: char| digit.is_ascii_digit()),
        "{out}"
    );
    assert_eq!(words[2..], ["a b", "2", "end", "500"]);
    wait(|| {
        placed(&order)
            .exists()
            .then(|| "the script lies there".to_owned())
    });

    let ended = run_script(&world, "plain", "echo $0 | grep -c shanty-; exit 3").await;
    assert_eq!((ended.text().trim(), ended.exit.how), ("1", How::Code(3)));
    let ended = run_script(&world, "strict.sh", "#!/bin/sh -e\nfalse\necho on\n").await;
    assert_eq!((ended.text().as_str(), ended.exit.how), ("", How::Code(1)));
}

#[tokio::test]
async fn a_missing_interpreter_is_told_by_name() {
    let world = World::new().await;
    let ended = run_script(&world, "x.fish", "#!/usr/bin/no-such-fish\necho hi\n").await;
    assert_eq!(
        ended.err_text(),
        "shanty: cannot start: /usr/bin/no-such-fish, which x.fish is for, is not on this host\n"
    );
    assert_eq!(ended.exit.how, How::Code(127));
}

#[tokio::test]
async fn a_script_of_a_shim_that_was_killed_is_removed_too() {
    let world = World::new().await;
    let text = "echo begun; sleep 300";
    let order = script("long.sh", text);
    let (run, wanted) = ask(&world, &order).await;
    give(&wanted, text.as_bytes()).await;
    drop(wanted);
    world.wrote(run, "begun\n").await;
    let folder = placed(&order);
    let mode = fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o711);
    nix::sys::signal::kill(world.shim(run), nix::sys::signal::Signal::SIGKILL).unwrap();
    world
        .until(run, |status| status.state == State::Ended)
        .await;
    wait(|| folder.exists().then(|| "the script lies there".to_owned()));
}
