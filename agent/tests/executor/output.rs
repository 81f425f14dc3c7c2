//! What a command writes reaches the spool: at once, whole, bounded.

use std::cell::Cell;

use shanty_agent::executor::State;
use shanty_core::limits::OUTPUT_RING_BYTES;
use shanty_core::spool::{Cause, How};

use crate::world::{World, order, wait};

const GOOD: (How, Cause, u32) = (How::Code(0), Cause::Command, 0);

#[tokio::test]
async fn output_is_there_while_the_command_runs() {
    let world = World::new().await;
    let gate = world.path("gate");
    let command = format!(
        "echo one; mkfifo {gate}; read x < {gate}; echo two",
        gate = gate.display()
    );
    let run = world.start(&order(&command)).await;
    world.wrote(run, "one\n").await;
    assert_eq!(world.status(run).await.unwrap().state, State::Running);
    wait(|| (!gate.exists()).then(|| "there is no gate".to_owned()));
    std::fs::write(&gate, "go\n").unwrap();
    let ended = world.ended(run).await;
    assert_eq!((ended.text().as_str(), ended.end()), ("one\ntwo\n", GOOD));
}

#[tokio::test]
async fn both_outputs_are_kept_apart_and_empty_ones_are_empty() {
    let world = World::new().await;
    let ended = world
        .run(&order("echo out; echo err >&2; printf more"))
        .await;
    assert_eq!(ended.text(), "out\nmore");
    assert_eq!(ended.err_text(), "err\n");
    let silent = world.run(&order("true")).await;
    assert_eq!(
        (silent.out.len(), silent.err.len(), silent.records),
        (0, 0, 2)
    );
}

#[tokio::test]
async fn binary_output_stays_what_it_is() {
    let world = World::new().await;
    let path = world.path("random");
    let command = format!(
        "head -c 1000000 /dev/urandom > {path}; cat {path}",
        path = path.display()
    );
    let ended = world.run(&order(&command)).await;
    assert!(ended.out == std::fs::read(&path).unwrap());
}

#[tokio::test]
async fn one_line_of_fifty_megabytes_is_whole() {
    let world = World::new().await;
    let ended = world
        .run(&order("head -c 50000000 /dev/zero | tr '\\0' x"))
        .await;
    assert_eq!(ended.out.len(), 50_000_000);
    assert!(ended.out.iter().all(|&byte| byte == b'x'));
    assert_eq!((ended.end(), ended.dropped), (GOOD, 0));
}

#[tokio::test]
async fn single_bytes_are_gathered() {
    let world = World::new().await;
    let ended = world
        .run(&order("dd if=/dev/zero bs=1 count=300000 2>/dev/null"))
        .await;
    assert_eq!(ended.out.len(), 300_000);
    assert!(ended.records < 2_000, "{} records", ended.records);
}

#[tokio::test]
async fn past_its_maximum_only_the_end_is_kept() {
    let world = World::new().await;
    let mut flood = order("seq 1 400000; echo the end >&2; exit 4");
    flood.output_max_bytes = 100_000;
    let ended = world.run(&flood).await;
    assert_eq!(ended.end(), (How::Code(4), Cause::Command, 0));
    let whole: String = (1..=400_000).map(|n| format!("{n}\n")).collect();
    let kept = ended.out.len() + ended.err.len();
    assert_eq!(kept, 100_000 + OUTPUT_RING_BYTES);
    assert_eq!(
        ended.dropped + kept as u64,
        (whole.len() + "the end\n".len()) as u64
    );
    let (head, tail) = ended.out.split_at(100_000);
    assert!(whole.as_bytes().starts_with(head));
    assert!(whole.as_bytes().ends_with(tail));
    assert_eq!(ended.err_text(), "the end\n");
}

#[tokio::test]
async fn what_just_fits_is_not_marked_as_cut() {
    let world = World::new().await;
    let mut order = order("head -c 200000 /dev/zero");
    order.output_max_bytes = 100_000;
    let ended = world.run(&order).await;
    assert_eq!((ended.out.len(), ended.dropped), (200_000, 0));
}

#[tokio::test]
async fn two_commands_at_once_do_not_mix() {
    let world = World::new().await;
    let one = world
        .start(&order("for i in $(seq 500); do echo one; done"))
        .await;
    let two = world
        .start(&order("for i in $(seq 500); do echo two; done"))
        .await;
    assert_eq!(world.ended(one).await.text(), "one\n".repeat(500));
    assert_eq!(world.ended(two).await.text(), "two\n".repeat(500));
}

// The look at the file blocks this thread, and the executor needs one.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn commands_wait_while_too_much_is_held() {
    let world = World::with(|config| config.spool_total_bytes_max = 150_000).await;
    // A thousand bytes a millisecond or so: what is not held back never stands still.
    let command = "while :; do /bin/echo $(printf %01000d 1); done";
    let run = world.start(&order(command)).await;
    let status = world.until(run, |status| status.spool_full).await;
    assert_eq!(status.state, State::Running);
    let spool = world.execution(run).join("spool");
    let looks = Cell::new((0, 0));
    wait(|| {
        let len = std::fs::metadata(&spool).unwrap().len();
        let (before, same) = looks.get();
        looks.set((len, if before == len { same + 1 } else { 0 }));
        (same < 100_000).then(|| format!("it grows and grows, to {len}"))
    });
    world.handle.cancel(run, true).await;
    assert_eq!(world.ended(run).await.exit.cause, Cause::Cancelled);
}

#[tokio::test]
async fn commands_go_on_when_less_is_held() {
    let world = World::with(|config| config.spool_total_bytes_max = 150_000).await;
    let first = world.start(&order("head -c 200000 /dev/zero")).await;
    assert_eq!(world.ended(first).await.out.len(), 200_000);
    let second = world
        .start(&order("head -c 100000 /dev/zero; echo end >&2"))
        .await;
    world.handle.release(first).await;
    let ended = world.ended(second).await;
    assert_eq!(
        (ended.out.len(), ended.err_text().as_str()),
        (100_000, "end\n")
    );
    assert_eq!(ended.end(), GOOD);
}

#[tokio::test]
async fn both_streams_come_in_the_order_written_unless_they_are_wanted_apart() {
    let world = World::new().await;
    let command = "i=0; while [ $i -lt 40 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done";
    let written: String = (0..40).map(|i| format!("out {i}\nerr {i}\n")).collect();
    let mut together = order(command);
    together.streams_apart = false;
    let ended = world.run(&together).await;
    let texts = (String::from_utf8_lossy(&ended.out), ended.err_text());
    assert_eq!(texts, (written.into(), String::new()));

    let ended = world.run(&order(command)).await;
    let of = |word: &str| (0..40).map(|i| format!("{word} {i}\n")).collect::<String>();
    let texts = (String::from_utf8_lossy(&ended.out), ended.err_text());
    assert_eq!(texts, (of("out").into(), of("err")));
}
