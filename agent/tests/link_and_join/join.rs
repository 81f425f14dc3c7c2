//! Joining, and every way in which it does not work.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use shanty_certs::csr::Csr;
use shanty_certs::token::{JoinToken, RootPin};
use tonic::Status;

use crate::controller::Controller;
use crate::program::{agent, join, own_user, soon, stderr};

/// Nobody listens there: whoever dials it is told so at once.
const NOWHERE: &str = "127.0.0.1:1";

struct Host(tempfile::TempDir);

impl Host {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn data_dir(&self) -> PathBuf {
        self.0.path().join("agent")
    }

    /// Joins in vain; the exit code, and what people and programs were told.
    async fn refused(&self, server: &str, token: &str, more: &[&str]) -> (i32, String) {
        let more = [more, &["--json"]].concat();
        let output = join(&self.data_dir(), server, token, &more).await;
        assert!(!self.data_dir().join("identity.pem").exists());
        // What is typed wrongly is said before anybody knows of JSON.
        let event: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let people = stderr(&output);
        assert!(!people.contains("E_"), "codes are for programs: {people}");
        let said = format!("{people}{}", event["code"].as_str().unwrap_or_default());
        (output.status.code().unwrap(), said)
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_host_joins_once() {
    let controller = Controller::start().await;
    let host = Host::new();
    let output = join(
        &host.data_dir(),
        &controller.server(),
        &controller.token(),
        &["--json"],
    )
    .await;
    assert!(output.status.success(), "{}", stderr(&output));
    let joined: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&joined["event"], &joined["name"]),
        (&"joined".into(), &"web-01".into())
    );

    let data_dir = host.data_dir();
    assert_eq!(mode(&data_dir), 0o700);
    let mut names: Vec<_> = fs::read_dir(&data_dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["agent.toml", "identity.pem", "lock", "orders.pub"]);
    assert_eq!(mode(&data_dir.join("identity.pem")), 0o600);
    let config = fs::read_to_string(data_dir.join("agent.toml")).unwrap();
    assert!(
        config.contains(joined["agent"].as_str().unwrap()),
        "{config}"
    );
    assert!(config.contains("link = \"127.0.0.1:"), "{config}");

    let again = join(&data_dir, &controller.server(), &controller.token(), &[]).await;
    assert_eq!(again.status.code(), Some(73));
    assert!(
        stderr(&again).contains("already enrolled as web-01 ("),
        "{}",
        stderr(&again)
    );
    assert_eq!(controller.joins.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_of_the_token_is_sent_to_another_controller() {
    let controller = Controller::start().await;
    let pinned = RootPin::from_bytes([7; 32]);
    let token = JoinToken::generate(pinned).unwrap().reveal();
    let (code, said) = Host::new().refused(&controller.server(), &token, &[]).await;
    assert_eq!(code, 78);
    assert!(said.contains("E_PIN_MISMATCH"), "{said}");
    assert!(said.contains(&pinned.to_string()), "{said}");
    assert!(said.contains(&controller.ca.pin().to_string()), "{said}");
    assert!(controller.joins.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_malformed_token_is_refused_before_any_network() {
    let host = Host::new();
    let good = JoinToken::generate(RootPin::from_bytes([7; 32]))
        .unwrap()
        .reveal();
    let parts: Vec<&str> = good.split('.').collect();
    let no_pin = parts[..3].join(".");
    for (token, code, said) in [
        (no_pin.as_str(), 78, "E_PIN_REQUIRED"),
        (&good[..good.len() - 1], 78, "E_PIN"),
        ("sht1.x.y.z", 64, "E_TOKEN"),
        ("ghp_abcdef", 64, "does not start with"),
        ("", 64, "there is no token"),
        // It is the network that fails when the shape is right.
        (&good, 75, "E_UNREACHABLE"),
    ] {
        let refused = host.refused(NOWHERE, token, &[]).await;
        assert_eq!(refused.0, code, "{token}: {}", refused.1);
        assert!(refused.1.contains(said), "{token}: {}", refused.1);
    }
}

#[tokio::test]
async fn a_token_comes_from_a_file_that_is_ours_alone_or_from_standard_input() {
    let controller = Controller::start().await;
    let host = Host::new();
    let file = host.0.path().join("token");
    fs::write(&file, controller.token() + "\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let path = file.to_str().unwrap();
    let (code, said) = host.refused(NOWHERE, "", &["--token-file", path]).await;
    assert_eq!(code, 78);
    assert!(said.contains("chmod 0600"), "{said}");
    let (code, said) = host
        .refused(NOWHERE, "", &["--token-file", "/nonexistent"])
        .await;
    assert_eq!(code, 78, "{said}");

    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let output = join(
        &host.data_dir(),
        &controller.server(),
        "",
        &["--token-file", path],
    )
    .await;
    assert!(output.status.success(), "{}", stderr(&output));

    let piped = Host::new();
    let mut command = agent(&piped.data_dir());
    command.args(["join", "--server", &controller.server(), "--name", "web-02"]);
    command
        .args(["--run-as", &own_user()])
        .stdin(fs::File::open(&file).unwrap());
    let output = soon("joining", command.output()).await.unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

#[tokio::test]
async fn the_controllers_no_is_passed_on() {
    let controller = Controller::start().await;
    let host = Host::new();
    let text = "The name web-01 is taken by another host.\x1b[2J";
    *controller.decide.lock().unwrap() = Box::new(move |_| Err(Status::already_exists(text)));
    let (code, said) = host
        .refused(&controller.server(), &controller.token(), &[])
        .await;
    assert_eq!(code, 77);
    assert!(
        said.contains("web-01 is taken") && !said.contains('\x1b'),
        "{said}"
    );

    *controller.decide.lock().unwrap() =
        Box::new(|_| Err(Status::unavailable("The journal cannot be written.")));
    let (code, _) = host
        .refused(&controller.server(), &controller.token(), &[])
        .await;
    assert_eq!(code, 75);

    // The same key as in the attempts before: the controller can tell that it is the same host.
    *controller.decide.lock().unwrap() = Box::new(|_| Ok(()));
    let output = join(
        &host.data_dir(),
        &controller.server(),
        &controller.token(),
        &[],
    )
    .await;
    assert!(output.status.success(), "{}", stderr(&output));
    let joins = controller.joins.lock().unwrap();
    let keys: Vec<_> = joins
        .iter()
        .map(|join| Csr::check(&join.csr).unwrap().spki())
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]));
}

#[tokio::test]
async fn what_is_wrong_here_is_found_before_anything_is_sent() {
    let host = Host::new();
    let token = JoinToken::generate(RootPin::from_bytes([7; 32]))
        .unwrap()
        .reveal();
    let (code, said) = host
        .refused(NOWHERE, &token, &["--name", "@everyone"])
        .await;
    assert_eq!(code, 64);
    assert!(said.contains("E_NAME"), "{said}");
    let (code, said) = host
        .refused(NOWHERE, &token, &["--run-as", "no-such-user"])
        .await;
    assert_eq!(code, 78);
    assert!(said.contains("no user `no-such-user`"), "{said}");
    let (code, _) = host.refused("nowhere", &token, &[]).await;
    assert_eq!(code, 64);

    fs::create_dir(host.data_dir()).unwrap();
    fs::set_permissions(host.data_dir(), fs::Permissions::from_mode(0o755)).unwrap();
    let (code, said) = host.refused(NOWHERE, &token, &[]).await;
    assert_eq!(code, 78);
    assert!(
        said.contains("E_PERM") && said.contains("chmod 0700"),
        "{said}"
    );
}

#[tokio::test]
async fn root_must_choose_whom_commands_run_as() {
    if !geteuid().is_root() {
        // Only root has the choice.
        return;
    }
    let host = Host::new();
    let token = JoinToken::generate(RootPin::from_bytes([7; 32]))
        .unwrap()
        .reveal();
    let mut command = agent(&host.data_dir());
    command
        .args(["join", "--server", NOWHERE, "--name", "web-01"])
        .env("SHANTY_TOKEN", token.as_str());
    let output = soon("joining", command.output()).await.unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(
        stderr(&output).contains("--run-as nobody"),
        "{}",
        stderr(&output)
    );
}

#[tokio::test]
async fn a_link_has_a_user_of_its_own_that_is_there_and_has_no_rights() {
    let host = Host::new();
    let token = JoinToken::generate(RootPin::from_bytes([7; 32]))
        .unwrap()
        .reveal();
    for (user, words) in [("root", "can do nothing"), ("no-such-user", "useradd")] {
        let more = ["--link-user", user];
        let (code, said) = host.refused(NOWHERE, &token, &more).await;
        assert!(
            code == 78 && said.contains(words) && said.contains("E_LINK_USER"),
            "{code} {said}"
        );
        assert!(!host.data_dir().exists());
    }
}

#[tokio::test]
async fn running_without_an_identity_says_what_to_do() {
    let host = Host::new();
    let mut command = agent(&host.data_dir());
    command.args(["run", "--json"]);
    let output = soon("the exit", command.output()).await.unwrap();
    assert_eq!(output.status.code(), Some(78));
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["code"], "E_NOT_ENROLLED");
    assert!(line["text"].as_str().unwrap().contains("shanty-agent join"));
    assert!(!host.data_dir().exists());
}
