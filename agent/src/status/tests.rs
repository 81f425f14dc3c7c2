//! What status says, of hosts that are up and of those that are not.

use super::*;

const DAY_MS: u64 = 86_400_000;

fn unit(name: &str, active: bool, says: &str, exit: i32) -> Unit {
    let state = if active { "active (running)" } else { "failed" };
    Unit {
        name: name.to_owned(),
        state: state.to_owned(),
        active,
        says: says.to_owned(),
        exit,
        program: None,
    }
}

fn part(name: &'static str, unit: Unit) -> Part {
    Part {
        name,
        runs: Some(unit.active),
        unit: Some(unit),
    }
}

fn up() -> Status {
    Status {
        now_ms: 20_000 * DAY_MS,
        version: "1.4.0",
        host: Seen::Known(Host {
            name: "web-01".to_owned(),
            agent: "0192f3a4b5c67d8e9fa0b1c2d3e4f506".to_owned(),
            controller: "shanty.example.net:7443".to_owned(),
            run_as: vec!["deploy".to_owned()],
        }),
        parts: vec![
            part(
                "link",
                unit("shanty-agent.service", true, "Works as host web-01.", 0),
            ),
            part(
                "executor",
                unit("shanty-executor.service", true, "Works as host web-01.", 0),
            ),
        ],
        certificate_ms: Seen::Known(20_006 * DAY_MS),
        runs: Seen::Known(2),
        policy: Seen::None,
        update: Seen::None,
    }
}

#[test]
fn a_host_that_is_up_says_all_that_it_is() {
    insta::assert_snapshot!("up", up().text());
    insta::assert_snapshot!("up_json", format!("{:#}", up().json()));
    assert_eq!(up().is_up(), Some(true));
}

#[test]
fn a_host_that_was_revoked_is_told_what_to_do() {
    let mut status = up();
    status.parts[0] = part("link", unit("shanty-agent.service", false, "", 77));
    status.policy = Seen::Known("off".to_owned());
    status.update = Seen::Known(Update {
        version: "1.5.0".to_owned(),
        from: "1.4.0".to_owned(),
        at: (status.now_ms - 2 * DAY_MS) / 1_000,
        outcome: Outcome::CameBack,
        reason: Some("it did not connect within 60 s".to_owned()),
    });
    status.certificate_ms = Seen::Known(status.now_ms - DAY_MS);
    insta::assert_snapshot!("revoked", status.text());
    assert_eq!(status.is_up(), Some(false));
}

#[test]
fn a_service_that_runs_and_has_no_link_is_not_up() {
    let mut status = up();
    let says = "The controller cannot be reached yet; it is dialled until it can.";
    status.parts[0] = part("link", unit("shanty-agent.service", true, says, 0));
    assert_eq!(status.is_up(), Some(false));
    let text = status.text();
    assert!(
        text.contains(says) && text.contains("journalctl -u shanty-agent.service"),
        "{text}"
    );
}

#[test]
fn what_a_user_may_not_see_is_said_and_is_no_word_of_how_it_is() {
    let mut status = up();
    status.host = Seen::Hidden;
    (status.certificate_ms, status.runs, status.update) =
        (Seen::Hidden, Seen::Hidden, Seen::Hidden);
    // systemd tells everybody.
    assert_eq!(status.is_up(), Some(true));
    insta::assert_snapshot!("unseen", status.text());
    let hidden = Part {
        name: "agent",
        runs: None,
        unit: None,
    };
    status.parts = vec![hidden];
    assert_eq!(status.is_up(), None);
    assert!(
        status
            .text()
            .starts_with("This user may not see whether this host is up"),
        "{}",
        status.text()
    );
    assert_eq!(
        status.json()["unseen"],
        json!(["host", "certificate", "runs", "update", "agent"])
    );
}

#[test]
fn a_host_that_never_joined_is_told_how() {
    let mut status = up();
    status.host = Seen::None;
    insta::assert_snapshot!("never_joined", status.text());
    assert_eq!(status.json()["joined"], false);
}
