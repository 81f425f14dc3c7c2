//! A configuration that is changed while the controller runs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use nix::sys::signal::Signal;
use serde_json::Value;
use shanty_tests::process::Ran;
use shanty_tests::{Options, World, wait};

use crate::programs;

fn text(world: &World) -> String {
    fs::read_to_string(world.config_path()).unwrap()
}

fn write(world: &World, text: &str) {
    shanty_tests::write_trusted(&world.config_path(), text);
}

async fn reload(world: &World) -> Ran {
    world.shanty(&["reload", "--json"]).await
}

/// Lines for a grant of the guest.
fn grant(world: &World) -> String {
    let (guest, channel) = (&world.defaults["guest_id"], &world.defaults["channel_id"]);
    format!(
        "[[grant]]\nid = \"guests\"\nwho = {{ people = [{guest}] }}\nwhere = {{ channels = [{channel}] }}\nwhat = [\"view\"]\nhosts = \"all\"\n"
    )
}

#[tokio::test]
async fn grants_count_at_once_and_what_is_wrong_changes_nothing() {
    let options = Options {
        ops_channel: true,
        ..Options::default()
    };
    let world = World::start(&programs(), options).await;
    let (guest, operator) = (world.guest(), world.operator());
    let refused = guest.refused("hosts", &[]).await;
    assert!(!refused.is_empty());
    let before = text(&world);
    let with = before.replacen("[chat]", &format!("{}[chat]", grant(&world)), 1);
    write(&world, &with);
    let ran = reload(&world).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        ran.json()["changes"],
        serde_json::json!(["grant guests: added"]),
        "{ran:?}"
    );
    let may = async || {
        let asked = guest.slash("hosts", &[]).await;
        guest.answer(&asked).await
    };
    let shown = may().await;
    assert!(
        shown.text().contains("No hosts") || shown.text().contains("host"),
        "{}",
        shown.text()
    );
    assert!(!shown.text().contains("may not"), "{}", shown.text());
    operator
        .sees("the news of it", |message| {
            message
                .text()
                .contains("had the changed configuration taken")
                && message.text().contains("grant guests: added")
        })
        .await;
    let audit = world.shanty(&["audit", "export"]).await;
    assert!(
        audit.out.contains("policy_changed") && audit.out.contains("grant guests: added"),
        "{audit:?}"
    );

    // Everything that is wrong is told, with its line, and the guest may look as before.
    let wrong = with.replacen("[chat]", "[chat]\ncolour = \"blue\"\nthread = \"never\"", 1);
    write(&world, &wrong);
    let ran = reload(&world).await;
    assert_eq!(ran.code, 78, "{ran:?}");
    let said = ran.json()["text"].as_str().unwrap().to_owned();
    let file = world.config_path().display().to_string();
    for word in ["unknown key `colour` in [chat]", "`never` is neither"] {
        let told = |line: &str| line.starts_with(&format!("{file}:")) && line.contains(word);
        assert!(said.lines().any(told), "{word}: {said}");
    }
    assert!(!may().await.text().contains("may not"));
    // Nor is a file taken that others may write, and who says so says it once.
    let config = world.config_path();
    let mode = |mode| fs::set_permissions(&config, fs::Permissions::from_mode(mode));
    mode(0o666).unwrap();
    let ran = world.shanty(&["reload"]).await;
    assert_eq!(ran.code, 78, "{ran:?}");
    let begin = format!("shanty: the configuration {file} cannot be used: {file} can be changed");
    assert!(ran.err.starts_with(&begin), "{ran:?}");
    mode(0o600).unwrap();

    // SIGHUP takes it away again, and says what takes a restart in the log.
    write(
        &world,
        &before.replacen("[limits]", "[retention]\noutput = \"1d\"\n[limits]", 1),
    );
    world.controller().signal(Signal::SIGHUP);
    wait::until("the log to tell what takes a restart", async || {
        let log = world.controller().log();
        match log.contains("grant guests: removed") && log.contains("retention") {
            true => Ok(()),
            false => Err(log),
        }
    })
    .await;
    let refused = guest.refused("hosts", &[]).await;
    assert!(!refused.is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_token_that_discord_refuses_is_not_taken_and_new_secrets_are_masked() {
    let world = World::with_hosts(&programs(), Options::default(), &[("web-01", "role=web")]).await;
    let printed = async || {
        let ran = world
            .shanty(&["run", "--on", "web-01", "--", "echo is sesame-open"])
            .await;
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out
    };
    assert!(printed().await.contains("is sesame-open"));
    let secret = world.dir.path().join("secret");
    fs::write(&secret, "sesame-open\n").unwrap();
    let masked = format!("{}[mask]\nfiles = [{secret:?}]\n", text(&world));
    let token = world.dir.path().join("bot-token");
    let right = fs::read(&token).unwrap();
    fs::write(&token, "wrong").unwrap();
    write(&world, &masked);
    let ran = reload(&world).await;
    assert_eq!(ran.code, 78, "{ran:?}");
    let said: Value = ran.json();
    assert!(
        said["text"]
            .as_str()
            .unwrap()
            .contains("Discord refused the bot's token"),
        "{said}"
    );
    assert!(printed().await.contains("is sesame-open"), "all or nothing");
    fs::write(&token, right).unwrap();
    let ran = reload(&world).await;
    assert_eq!(
        ran.json()["changes"],
        serde_json::json!(["mask: other files"]),
        "{ran:?}"
    );
    assert!(printed().await.contains("is [masked]"));
    fs::write(&secret, "another-secret\n").unwrap();
    let ran = reload(&world).await;
    assert_eq!(
        ran.json()["changes"],
        serde_json::json!(["mask: other secrets"]),
        "{ran:?}"
    );
    assert!(printed().await.contains("is sesame-open"));
    let ran = reload(&world).await;
    assert_eq!(ran.json()["changes"], serde_json::json!([]), "{ran:?}");
    let asked = world.operator().slash("hosts", &[]).await;
    let shown = world.operator().answer(&asked).await;
    assert!(
        shown.text().contains("web-01"),
        "chat goes on: {}",
        shown.text()
    );
    world.end().await;
}
