//! The built program: its ready line, its exit codes, its end.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;
use tokio::net::TcpListener;

/// The program with these arguments and piped streams.
pub(crate) fn sandbox(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shanty-sandbox"));
    command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn ready_is_one_json_line_and_the_end_of_stdin_is_the_end() {
    let mut child = sandbox(&["--listen", "127.0.0.1:0", "--exit-with-stdin"])
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["event"], "ready");
    let web = ready["web"].as_str().unwrap();
    let (address, key) = web.split_once("/k/").expect("the address holds a key");
    assert!(address.starts_with("http://127.0.0.1:"), "{web}");
    assert_eq!((key.len(), key.ends_with('/')), (33, true), "{web}");
    assert_eq!(ready["sandbox"], format!("{web}sandbox"));
    assert_eq!(
        ready["api"],
        format!("{address}/api/v10"),
        "no bot gets the key"
    );
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_taken_address_is_73() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = sandbox(&["--listen", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(73));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be listened on"));
}

#[test]
fn addresses_that_others_reach_are_78_and_bad_usage_64() {
    let output = sandbox(&["--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--allow-nonloopback"));
    assert_eq!(
        sandbox(&["--limits", "maybe"])
            .output()
            .unwrap()
            .status
            .code(),
        Some(64)
    );
    assert_eq!(
        sandbox(&["--help"]).output().unwrap().status.code(),
        Some(0)
    );
}
