//! `shanty demo`, driven as somebody drives it who tries Shanty for the first time, and what is left when it goes.

use nix::sys::signal::Signal;
use serde_json::json;
use shanty_tests::{Demo, left, wait};
use tokio::net::TcpStream;

use crate::programs;

/// Waits until no process of the demo is left, and its sandbox does not answer any more.
async fn nothing_is_left(address: &str, temporary: &str) {
    wait::until("no process to be left", || async {
        let left = left::with_argument(temporary);
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
    wait::until("the sandbox to be gone", || async {
        match TcpStream::connect(address).await {
            Ok(_) => Err("it answers"),
            Err(_) => Ok(()),
        }
    })
    .await;
}

#[tokio::test]
async fn the_demo_runs_a_command_and_stops_without_a_trace() {
    let mut demo = Demo::start(&programs(), 3).await;
    assert_eq!(demo.ready["discord"], "ready", "{}", demo.ready);
    let operator = demo.operator().await;
    operator
        .run("role=web", "echo hello; sleep 1000 & exit 0")
        .await;
    let card = operator.sees_end("2 hosts").await;
    assert!(card.text().contains(" · 2 ok · "), "{}", card.text());
    let thread = card.thread().expect("the run has a thread");
    let body = json!({"channel_id": thread});
    wait::until("both hosts in the transcript", || async {
        let (status, transcript) = operator.act("transcript", &body).await;
        assert_eq!(status, 200, "{transcript}");
        let contents: Vec<String> = transcript["messages"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|message| message["content"].to_string())
            .collect();
        let both = |page: &String| page.contains("**web-[01-02]**") && page.contains("hello");
        if contents.iter().any(both) {
            Ok(())
        } else {
            Err(transcript)
        }
    })
    .await;

    // What still runs when it stops is stopped too.
    operator.run("db-01", "sleep 1000").await;
    let shims = || left::shims(demo.temporary.path()).len() == 1;
    wait::until_true("a command to run", shims).await;
    let address = demo.address().to_owned();
    let temporary = demo.temporary.path().to_string_lossy().into_owned();
    demo.judge().await;
    demo.call.signal(Signal::SIGINT);
    let ran = demo.call.end().await;
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    nothing_is_left(&address, &temporary).await;
    let files = std::fs::read_dir(&temporary).unwrap().count();
    assert_eq!(files, 0, "its temporary directory is gone");
}

#[tokio::test]
async fn a_demo_that_is_killed_takes_everything_with_it() {
    let mut demo = Demo::start(&programs(), 1).await;
    let operator = demo.operator().await;
    operator
        .run("web-01", "setsid sleep 1000 & sleep 1000")
        .await;
    let shims = || left::shims(demo.data()).len() == 1;
    wait::until_true("a command to run", shims).await;
    let address = demo.address().to_owned();
    let temporary = demo.temporary.path().to_string_lossy().into_owned();
    let run = wait::until("the run's id", || async {
        let own = left::shims(demo.data());
        let found = own.first().and_then(|pid| run_of(*pid));
        found.ok_or(own)
    })
    .await;
    wait::until_true("both sleeps", || left::of_runs(Some(&run)).len() >= 2).await;
    demo.judge().await;
    demo.call.signal(Signal::SIGKILL);
    assert_eq!(demo.call.end().await.code, 137);
    nothing_is_left(&address, &temporary).await;
    let commands = || left::of_runs(Some(&run)).is_empty();
    wait::until_true("its commands to be gone", commands).await;
}

/// The run of a shim: the last part of the directory in its arguments.
fn run_of(shim: i32) -> Option<String> {
    let arguments = std::fs::read_to_string(format!("/proc/{shim}/cmdline")).ok()?;
    let folder = arguments.trim_end_matches('\0').rsplit('\0').next()?;
    Some(folder.rsplit('/').next()?.to_owned())
}
