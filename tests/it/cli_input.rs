//! Standard input and scripts on the command line, from the pipe to the command on the host.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use shanty_tests::process::Ran;
use shanty_tests::{Options, World, wait};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::programs;

const TWO: [(&str, &str); 2] = [("web-01", "role=web"), ("web-02", "role=web")];

async fn world() -> World {
    World::with_hosts(&programs(), Options::default(), &TWO).await
}

/// Runs `shanty` with this as its standard input.
async fn fed(world: &World, args: &[&str], stdin: impl Into<Stdio>) -> Ran {
    let mut call = world.shanty_call(args);
    call.stdin(stdin).kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(120), call.output()).await;
    let ended = ended.expect("it ends in time").expect("it starts");
    Ran {
        code: ended.status.code().expect("no signal ends it"),
        out: String::from_utf8_lossy(&ended.stdout).into_owned(),
        err: String::from_utf8_lossy(&ended.stderr).into_owned(),
    }
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

/// A pipe that somebody has filled and closed.
fn piped(bytes: &[u8]) -> Stdio {
    let (read, mut write) = std::io::pipe().unwrap();
    write.write_all(bytes).unwrap();
    read.into()
}

async fn newest(world: &World) -> Value {
    let ran = world
        .shanty(&["runs", "list", "--json", "--limit", "1"])
        .await;
    serde_json::from_str(ran.out.lines().next().unwrap_or("null")).unwrap()
}

#[tokio::test]
async fn a_pipe_is_given_to_the_command_on_every_host() {
    let world = world().await;
    let one = ["run", "--on", "web-01", "--", "bash -s"];
    let ran = fed(&world, &one, piped(b"exit 4\n")).await;
    assert_eq!((ran.code, ran.out.as_str()), (4, ""), "{ran:?}");
    let run = newest(&world).await;
    assert_eq!(run["input"]["kind"], "stdin", "{run}");
    assert_eq!(run["input"]["bytes"], 7, "{run}");
    let number = run["number"].to_string();
    let shown = world.shanty(&["runs", "show", &number]).await;
    let line = "  given     standard input · 1 line · 7 B · sha256 ";
    assert!(shown.out.contains(line), "{shown:?}");
    let content = world.shanty(&["runs", "input", &number]).await;
    assert_eq!(content.out, "exit 4\n");

    let all = ["run", "--on", "all", "--yes", "--", "cat; echo"];
    let ran = fed(&world, &all, file_of("né\n".as_bytes())).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    for line in ["web-01: né\n", "web-02: né\n"] {
        assert!(ran.out.contains(line), "{ran:?}");
    }
    // Nothing is given where nothing is piped, or where it is left out.
    let count = ["run", "--on", "web-01", "--", "wc -c"];
    for stdin in [Stdio::null(), piped(b"")] {
        let ran = fed(&world, &count, stdin).await;
        assert_eq!(ran.out.trim(), "0", "{ran:?}");
        assert_eq!(newest(&world).await["input"], Value::Null);
    }
    let left = ["run", "--no-stdin", "--on", "web-01", "--", "wc -c"];
    let ran = fed(&world, &left, piped(b"abc")).await;
    assert_eq!(ran.out.trim(), "0", "{ran:?}");
    world.end().await;
}

#[tokio::test]
async fn fifty_mebibytes_arrive_whole_on_two_hosts_and_what_never_ends_runs_nothing() {
    let world = world().await;
    let large = vec![0xa5_u8; 50 << 20];
    let digest = std::process::Command::new("sha256sum")
        .stdin(file_of(&large))
        .output()
        .unwrap();
    let digest = String::from_utf8(digest.stdout).unwrap();
    let sum = ["run", "--on", "all", "--yes", "--", "sha256sum"];
    let ran = fed(&world, &sum, file_of(&large)).await;
    assert_eq!(ran.out.matches(digest.trim()).count(), 2, "{ran:?}");
    let before = newest(&world).await["number"].clone();

    let mut endless = tokio::process::Command::new("yes");
    let mut endless = endless
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let yes: Stdio = endless.stdout.take().unwrap().try_into().unwrap();
    let ran = fed(&world, &sum, yes).await;
    assert_eq!(ran.code, 64, "{ran:?}");
    let said = "the standard input is longer than 64.0 MiB, and that is the limit: nothing was run";
    assert!(ran.err.contains(said), "{ran:?}");
    assert_eq!(newest(&world).await["number"], before);
    let ended = tokio::time::timeout(Duration::from_secs(60), endless.wait()).await;
    ended.expect("the pipe broke").unwrap();
    // What came of it is not kept.
    wait::until_true("the half of it is gone", || {
        inputs(&world)
            .iter()
            .all(|name| !name.starts_with("coming-"))
    })
    .await;
    world.end().await;
}

fn inputs(world: &World) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![world.dir.path().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names
}

#[tokio::test]
async fn somebody_who_waits_for_a_pipe_is_told_and_can_leave() {
    let world = world().await;
    let mut call = world.shanty_call(&["run", "--on", "web-01", "--", "cat"]);
    call.stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = call.spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = errors.next_line().await.unwrap().unwrap();
    assert!(
        said.starts_with("Reading standard input to its end"),
        "{said}"
    );
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"late").await.unwrap();
    drop(stdin);
    let ended = child.wait_with_output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "late");
    world.end().await;
}

#[tokio::test]
async fn a_script_runs_with_its_words_and_stands_in_the_records() {
    let world = world().await;
    let path = world.dir.path().join("de ploy.sh");
    let text = "#!/bin/bash\r\nprintf '<%s>' \"$@\"\r\nexit 3\r\n";
    std::fs::write(&path, text).unwrap();
    let script = path.to_str().unwrap();
    let args = [
        "run", "--on", "web-01", "--script", script, "--", "a b", "$(id)",
    ];
    let ran = fed(&world, &args, piped(b"not read")).await;
    assert_eq!((ran.code, ran.out.as_str()), (3, "<a b><$(id)>"), "{ran:?}");
    let run = newest(&world).await;
    assert_eq!(run["command"], "de_ploy.sh 'a b' '$(id)'");
    let number = run["number"].to_string();
    let shown = world.shanty(&["runs", "show", &number]).await;
    assert!(
        shown.out.contains("script de_ploy.sh · 3 lines · "),
        "{shown:?}"
    );
    assert!(shown.out.contains("CRLF was made LF"), "{shown:?}");
    assert!(shown.out.contains("            #!/bin/bash\n"), "{shown:?}");
    let content = world.shanty(&["runs", "input", &number]).await;
    assert_eq!(content.out, text.replace('\r', ""));
    let none = world.shanty(&["run", "--on", "web-01", "--", "true"]).await;
    assert_eq!(none.code, 0);
    let number = newest(&world).await["number"].to_string();
    let content = world.shanty(&["runs", "input", &number]).await;
    assert_eq!(content.code, 65, "{content:?}");

    // Hosts on one machine share where scripts lie: none takes or removes another's.
    std::fs::write(&path, "echo fine on $SHANTY_HOST\n").unwrap();
    let both = [
        "run", "--yes", "--on", "role=web", "--script", script, "--json",
    ];
    for _ in 0..3 {
        let ran = fed(&world, &both, Stdio::null()).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        for host in ["web-01", "web-02"] {
            assert!(ran.out.contains(&format!("fine on {host}")), "{ran:?}");
        }
    }

    std::fs::write(&path, "#!/usr/bin/no-such-fish\n").unwrap();
    let ran = world
        .shanty(&["run", "--on", "web-01", "--script", script])
        .await;
    assert_eq!(ran.code, 127, "{ran:?}");
    let said = "/usr/bin/no-such-fish, which de_ploy.sh is for, is not on this host";
    assert!(ran.err.contains(said), "{ran:?}");

    std::fs::write(&path, vec![b'#'; 9 << 20]).unwrap();
    let before = (newest(&world).await["number"].clone(), inputs(&world).len());
    let ran = world
        .shanty(&["run", "--on", "web-01", "--script", script])
        .await;
    assert_eq!(ran.code, 64, "{ran:?}");
    assert!(ran.err.contains("the script is longer than 8"), "{ran:?}");
    assert_eq!(newest(&world).await["number"], before.0);
    let ran = world
        .shanty(&["run", "--on", "web-01", "--script", "/no/such"])
        .await;
    assert_eq!(ran.code, 64, "{ran:?}");
    world.end().await;
}

#[tokio::test]
async fn a_terminal_is_given_to_who_asks_for_one() {
    let world = world().await;
    let ran = world
        .shanty(&[
            "run",
            "--tty",
            "--on",
            "web-01",
            "--",
            "test -t 0 && stty size && echo $TERM",
        ])
        .await;
    assert_eq!(ran.out, "50 120\r\nxterm-256color\r\n", "{ran:?}");
    let run = newest(&world).await;
    assert_eq!(run["tty"], true);
    let apart = [
        "run",
        "--tty",
        "--streams",
        "apart",
        "--on",
        "web-01",
        "--",
        "id",
    ];
    let ran = world.shanty(&apart).await;
    assert_eq!(ran.code, 64, "{ran:?}");
    world.end().await;
}
