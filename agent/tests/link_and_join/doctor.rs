//! `doctor`: what it finds on a host that is well, and on hosts that are not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use shanty_core::ids::AgentId;

use crate::controller::Controller;
use crate::program::{Running, agent, soon, stderr};

/// `shanty-agent doctor` with these arguments, to its end.
async fn doctor(data_dir: &Path, more: &[&str]) -> Output {
    let mut command = agent(data_dir);
    command.arg("doctor").args(more);
    soon("the doctor", command.output()).await.unwrap()
}

/// What it found, and its exit code.
async fn findings(data_dir: &Path) -> (Vec<Value>, Option<i32>) {
    let output = doctor(data_dir, &["--json"]).await;
    let line: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    assert_eq!(line["event"], "doctor");
    assert_eq!(line["healthy"] == true, output.status.success());
    let points = line["points"].as_array().unwrap().clone();
    (points, output.status.code())
}

fn point<'a>(points: &'a [Value], name: &str) -> &'a Value {
    let found = points.iter().find(|point| point["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {points:#?}"))
}

#[track_caller]
fn assert_point(points: &[Value], name: &str, health: &str, found: &str) {
    let point = point(points, name);
    let text = point["found"].as_str().unwrap();
    assert!(
        point["health"] == health && text.contains(found),
        "{points:#?}"
    );
}

/// Changes what stands in a line of agent.toml.
fn set(data_dir: &Path, key: &str, value: &str) {
    let path = data_dir.join("agent.toml");
    let text = fs::read_to_string(&path).unwrap();
    let line = |line: &str| match line.starts_with(&format!("{key} =")) {
        true => format!("{key} = {value}"),
        false => line.to_owned(),
    };
    let lines: Vec<_> = text.lines().map(line).collect();
    fs::write(&path, lines.join("\n") + "\n").unwrap();
}

/// What stands there.
fn get(data_dir: &Path, key: &str) -> String {
    let text = fs::read_to_string(data_dir.join("agent.toml")).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{key} = ")));
    line.unwrap().to_owned()
}

#[tokio::test]
async fn a_host_that_is_well_is_said_to_be_well_beside_its_agent_and_without_it() {
    let mut controller = Controller::start().await;
    let dir = controller.enroll().await;
    let data_dir = dir.path().join("agent");

    let (points, code) = findings(&data_dir).await;
    assert_eq!(code, Some(0), "{points:#?}");
    assert_point(&points, "service", "warning", "no agent runs");

    let mut running = Running::start(&data_dir, &[]);
    let (_link, _) = controller.greeted().await;
    running.line().await;
    let (points, code) = findings(&data_dir).await;
    assert_eq!(code, Some(0), "{points:#?}");
    assert_point(&points, "service", "fine", "an agent runs");
    assert_point(&points, "identity", "fine", "web-01");
    assert_point(&points, "connection", "fine", "answers in");
    assert_point(&points, "controller", "fine", "proved");
    assert_point(&points, "link", "fine", "taken");
    assert_point(&points, "clock", "fine", "controller's");
    assert_point(&points, "trial", "fine", "another was stopped");
    let text = doctor(&data_dir, &[]).await;
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("\n✔ trial "), "{text}");
    let left = fs::read_dir(&data_dir).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| name.starts_with("doctor")).count(), 0);
}

#[tokio::test]
async fn whoever_answers_in_the_controllers_place_is_named() {
    let (controller, other) = (Controller::start().await, Controller::start().await);
    let dir = controller.enroll().await;
    let data_dir = dir.path().join("agent");
    let elsewhere = other.enroll().await;
    set(
        &data_dir,
        "link",
        &get(&elsewhere.path().join("agent"), "link"),
    );
    let (points, code) = findings(&data_dir).await;
    assert_eq!(code, Some(1));
    assert_point(&points, "connection", "fine", "answers in");
    assert_point(&points, "controller", "broken", "is by `CN=");
    assert_point(&points, "link", "skipped", "`controller` is broken");
    assert_point(&points, "trial", "fine", "");
}

#[tokio::test]
async fn what_is_broken_is_said_with_what_to_do() {
    let controller = Controller::start().await;
    let dir = controller.enroll().await;
    let data_dir = dir.path().join("agent");

    let link = get(&data_dir, "link");
    set(&data_dir, "link", "\"127.0.0.1:1\"");
    let (points, code) = findings(&data_dir).await;
    assert_eq!(code, Some(1));
    assert_point(&points, "connection", "broken", "refused");
    assert!(
        point(&points, "connection")["mend"]
            .as_str()
            .unwrap()
            .contains("firewall")
    );

    set(&data_dir, "link", "\"no-such-host.invalid:7443\"");
    let (points, _) = findings(&data_dir).await;
    assert_point(&points, "name", "broken", "no-such-host.invalid");
    assert_point(&points, "connection", "skipped", "`name` is broken");
    set(&data_dir, "link", &link);

    controller.revoked.insert(agent_id(&data_dir));
    let (points, _) = findings(&data_dir).await;
    assert_point(&points, "link", "broken", "revoked");

    set(&data_dir, "run_as", "[\"no-such-user-here\"]");
    let (points, _) = findings(&data_dir).await;
    assert_point(&points, "users", "broken", "no-such-user-here");
    assert_point(&points, "trial", "broken", "no-such-user-here");

    let identity = data_dir.join("identity.pem");
    fs::set_permissions(&identity, fs::Permissions::from_mode(0o644)).unwrap();
    let (points, code) = findings(&data_dir).await;
    assert_eq!(code, Some(1));
    assert_point(&points, "configuration", "broken", "chmod 0600");
    assert_point(&points, "trial", "skipped", "cannot be read");

    let (points, code) = findings(&dir.path().join("none")).await;
    assert_eq!(code, Some(1));
    assert_point(&points, "identity", "broken", "holds no identity");
}

#[tokio::test]
async fn what_is_gathered_for_somebody_else_holds_no_secret_and_replaces_nothing() {
    let controller = Controller::start().await;
    let dir = controller.enroll().await;
    let data_dir = dir.path().join("agent");
    let config = data_dir.join("agent.toml");
    let secret = dir.path().join("secret");
    fs::write(&secret, "correct horse battery\n").unwrap();
    let text = fs::read_to_string(&config).unwrap();
    let mask = format!("\n[mask]\nfiles = [{:?}]\n", secret.display().to_string());
    fs::write(&config, text + &mask).unwrap();
    set(&data_dir, "run_as", "[\"correct horse battery\"]");

    let file = dir.path().join("support.txt");
    let gather = async || {
        let mut command = agent(&data_dir);
        command.arg("support-bundle").arg("--output").arg(&file);
        soon("gathering", command.output()).await.unwrap()
    };
    let output = gather().await;
    assert!(output.status.success(), "{}", stderr(&output));
    let bundle = fs::read_to_string(&file).unwrap();
    assert!(
        bundle.contains("== doctor\n✔ program") && bundle.contains("there is no user `[masked]`"),
        "{bundle}"
    );
    assert!(
        !bundle.contains("PRIVATE KEY") && !bundle.contains("correct horse"),
        "{bundle}"
    );
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let again = gather().await;
    assert_eq!(again.status.code(), Some(73), "{}", stderr(&again));
    assert_eq!(fs::read_to_string(&file).unwrap(), bundle);
}

fn agent_id(data_dir: &Path) -> [u8; 16] {
    let id: AgentId = get(data_dir, "agent").trim_matches('"').parse().unwrap();
    *id.as_bytes()
}
