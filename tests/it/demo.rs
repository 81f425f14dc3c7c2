//! `shanty demo`, driven as somebody drives it who tries Shanty for the first time, and what is left when it goes.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use shanty_tests::process::Ran;
use shanty_tests::{Demo, Message, left, process, wait};
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

/// The next line of what the demo says that has this in it.
async fn says(demo: &mut Demo, text: &str) -> String {
    loop {
        let line = demo.call.err().await;
        if line.contains(text) {
            return line;
        }
    }
}

#[tokio::test]
async fn the_demo_goes_on_without_hosts_that_die_or_are_removed() {
    let (mut demo, _) = Demo::talking(&programs(), 3, Stdio::null()).await;
    let operator = demo.operator().await;
    operator.run("db-01", "sleep 1000").await;
    let shims = || left::shims(demo.data()).len() == 1;
    wait::until_true("a command to run", shims).await;
    let agent = demo.agent("db-01").await.unwrap();
    kill(Pid::from_raw(agent), Signal::SIGKILL).unwrap();
    let line = says(&mut demo, "db-01").await;
    assert_eq!(
        line,
        "db-01 is gone (signal: 9 (SIGKILL)): try /hosts and /run on:all. Back with `shanty demo start db-01`"
    );
    let ran = demo.shanty(&["hosts", "remove", "web-02", "--yes"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let line = says(&mut demo, "web-02").await;
    assert!(line.starts_with("web-02 was removed: "), "{line}");
    let asked = operator.run("web-01", "echo still here").await;
    let card = operator.card_end(&asked, "exit 0").await;
    assert_eq!(card.block(), "still here\n");

    // The removed one needs a new identity, and gets it.
    let ran = demo.shanty(&["demo", "start", "web-02"]).await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "web-02 joined anew, and runs.\n")
    );
    demo.is_online("web-02", true).await;
    // What the killed one left running goes with the demo.
    assert_eq!(demo.agent("db-01").await, None);
    assert_eq!(left::shims(demo.data()).len(), 1);
    let address = demo.address().to_owned();
    let temporary = demo.temporary.path().to_string_lossy().into_owned();
    demo.call.signal(Signal::SIGINT);
    let ran = demo.call.end().await;
    assert!(ran.err.ends_with("Stopped; nothing is left.\n"), "{ran:?}");
    assert_eq!(ran.code, 0);
    nothing_is_left(&address, &temporary).await;
}

#[tokio::test]
async fn hosts_are_stopped_and_started_from_another_terminal() {
    let demo = Demo::start(&programs(), 3).await;
    let operator = demo.operator().await;
    for (args, said) in [
        (["stop", "web-02"], "web-02 is stopped.\n"),
        (["stop", "web-02"], "web-02 is away already.\n"),
    ] {
        let ran = demo.shanty(&[&["demo"][..], &args].concat()).await;
        assert_eq!((ran.code, ran.out.as_str()), (0, said), "{ran:?}");
    }
    demo.is_online("web-02", false).await;
    let options = [
        ("on", "web-02"),
        ("command", "echo back"),
        ("offline", "queue:1h"),
    ];
    let asked = operator.slash("run", &options).await;
    let waits = |card: &Message| card.text().contains("waits for web-02");
    operator.card(&asked, "to wait", waits).await;
    let ran = demo.shanty(&["demo", "start", "all"]).await;
    let said = "web-01 runs already.\nweb-02 runs again.\ndb-01 runs already.\n";
    assert_eq!((ran.code, ran.out.as_str()), (0, said), "{ran:?}");
    let card = operator.card_end(&asked, "exit 0").await;
    assert_eq!(card.block(), "back\n");

    let ran = demo.shanty(&["demo", "stop", "web-1"]).await;
    assert_eq!(ran.code, 65, "{ran:?}");
    assert!(ran.err.contains("There is no host `web-1`"), "{ran:?}");
}

/// `shanty demo list` where temporary files are in this directory, and no controller was named.
async fn list(temporary: &Path, more: &[&str]) -> Ran {
    let args = [&["demo", "list"], more].concat();
    let mut command = process::call(&programs().shanty, &args);
    process::run(command.env("TMPDIR", temporary)).await
}

#[tokio::test]
async fn a_demo_is_found_by_its_place_when_there_is_one() {
    let demo = Demo::start(&programs(), 1).await;
    let temporary = demo.temporary.path();
    let ran = list(temporary, &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.starts_with("web-01  runs, process "), "{ran:?}");

    let empty = tempfile::tempdir().unwrap();
    let ran = list(empty.path(), &[]).await;
    assert_eq!(ran.code, 75, "{ran:?}");
    assert!(ran.err.contains("No demo runs."), "{ran:?}");

    let second = demo.start_beside(&programs(), 1).await;
    let ran = list(temporary, &[]).await;
    assert_eq!(ran.code, 64, "{ran:?}");
    assert!(ran.err.contains("Several demos run. Say which:"), "{ran:?}");
    for demo in [&demo, &second] {
        let dir = demo.data().to_string_lossy();
        assert!(ran.err.contains(&format!("--data-dir {dir}\n")), "{ran:?}");
        let ran = list(temporary, &["--data-dir", &dir]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
}

#[tokio::test]
async fn a_busy_port_is_told_with_who_has_it() {
    let demo = Demo::start(&programs(), 1).await;
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let own = format!("(process {})", std::process::id());
    let taken = [
        (other.local_addr().unwrap().to_string(), own.as_str()),
        (demo.address().to_owned(), "taken by another demo (process "),
    ];
    for (address, who) in taken {
        let mut command = process::call(&programs().shanty, &["demo", "--listen", &address]);
        let ran = process::run(command.env("TMPDIR", demo.temporary.path())).await;
        assert_eq!(ran.code, 73, "{ran:?}");
        let port = address.rsplit(':').next().unwrap();
        assert!(
            ran.err.contains(&format!("port {port} is taken by ")),
            "{ran:?}"
        );
        assert!(ran.err.contains(who), "{ran:?}");
        // Without its key no address of a demo opens.
        assert!(!ran.err.contains("http://"), "{ran:?}");
        assert!(ran.err.contains("--listen 127.0.0.1:0"), "{ran:?}");
    }
}

#[tokio::test]
async fn a_demo_that_cannot_listen_leaves_its_directory_as_it_was() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("d");
    let refused = [
        (taken.as_str(), 73, "is taken by "),
        ("0.0.0.0:0", 64, "can be reached by others"),
    ];
    for (address, code, why) in refused {
        let mut command = process::call(&programs().shanty, &["demo", "--listen", address]);
        let ran = process::run(command.arg("--data-dir").arg(&dir)).await;
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.err.contains(why), "{ran:?}");
        assert!(!ran.err.contains("--allow-nonloopback"), "{ran:?}");
        assert!(!dir.exists(), "{address}");
    }
}

#[tokio::test]
async fn without_its_controller_the_demo_ends_with_the_last_words() {
    let mut demo = Demo::start(&programs(), 1).await;
    let serve = left::with_argument(&demo.data().to_string_lossy());
    let serve = serve.iter().find(|process| process.contains(" serve "));
    let pid: i32 = serve.unwrap().split(':').next().unwrap().parse().unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    let ran = demo.call.end().await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err
            .contains("the demo ended: controller ended by itself; its last words were:"),
        "{ran:?}"
    );
    let temporary = demo.temporary.path().to_string_lossy().into_owned();
    nothing_is_left(demo.address(), &temporary).await;
}

#[tokio::test]
async fn keys_make_hosts_go_and_come() {
    let terminal = nix::pty::openpty(None, None).unwrap();
    let mut keyboard = std::fs::File::from(terminal.master);
    let keep = terminal.slave.try_clone().unwrap();
    let before = nix::sys::termios::tcgetattr(&keep).unwrap();
    let stdin = Stdio::from(terminal.slave);
    let (mut demo, said) = Demo::talking(&programs(), 2, stdin).await;
    assert!(
        said.contains("Keys: s stops a host, g lets it go on"),
        "{said}"
    );
    // What is no key does nothing; the last host goes first, and comes last.
    keyboard.write_all(b"xgss").unwrap();
    says(&mut demo, "All hosts run. Key s stops one.").await;
    assert_eq!(says(&mut demo, "is stopped").await, "web-02 is stopped.");
    assert_eq!(says(&mut demo, "is stopped").await, "web-01 is stopped.");
    demo.is_online("web-01", false).await;
    keyboard.write_all(b"sg").unwrap();
    says(&mut demo, "No host runs. Key g starts one.").await;
    assert_eq!(says(&mut demo, "again").await, "web-01 runs again.");
    demo.is_online("web-01", true).await;
    keyboard.write_all(b"t").unwrap();
    says(&mut demo, "Keys: s stops a host").await;
    keyboard.write_all(b"q").unwrap();
    let ran = demo.call.end().await;
    assert_eq!(ran.code, 0, "{ran:?}");
    // The terminal is as it was.
    assert_eq!(nix::sys::termios::tcgetattr(&keep).unwrap(), before);
}

/// The run of a shim: the last part of the directory in its arguments.
fn run_of(shim: i32) -> Option<String> {
    let arguments = std::fs::read_to_string(format!("/proc/{shim}/cmdline")).ok()?;
    let folder = arguments.trim_end_matches('\0').rsplit('\0').next()?;
    Some(folder.rsplit('/').next()?.to_owned())
}
