//! Secrets of a host and of the controller, and everything that chat, the store and the command line get instead.

use std::fs;
use std::path::Path;

use shanty_tests::{Options, World};

use crate::programs;

const WEB: (&str, &str) = ("web-01", "role=web");
const SECRET: &str = "pa55/word+of?ours";

/// Forms in which a secret would give itself away, in part or whole.
const FORMS: [&str; 4] = ["pa55", "cGE1NS93b3JkK29m", "pa55%2Fword", "word+of"];

fn write_secret(world: &World) -> std::path::PathBuf {
    let file = world.dir.path().join("secret");
    fs::write(&file, format!("{SECRET}\n")).expect("the secret is written");
    file
}

fn append(config: &Path, lines: &str) {
    let text = fs::read_to_string(config).expect("there is a configuration");
    fs::write(config, format!("{text}\n{lines}")).expect("the configuration is written");
}

fn masks(file: &Path) -> String {
    format!("[mask]\nfiles = [\"{}\"]\n", file.display())
}

/// A command that prints what a file holds, in pieces, in base64 and percent-encoded, and a token; it never names it.
fn prints(file: &Path) -> String {
    format!(
        "s=$(cat {file}); echo \"plain $s end\" >&2; printf '%s' \"${{s%????????}}\"; printf '%s\\n' \"${{s#?????????}}\"; \
         printf 'u:%s' \"$s\" | base64; printf '%s' \"$s\" | sed 's,/,%2F,;s,+,%2B,;s,?,%3F,'; echo; echo AKIA; \
         printf 'AKIA%s\\n' IOSFODNN7EXAMPLE; seq 20000",
        file = file.display()
    )
}

/// Everything that the sandbox holds of the channel, the threads in it and the bot's calls.
async fn seen_by_discord(world: &World, thread: &str) -> String {
    let channel = world.transcript(&world.operator().channel).await;
    let thread = world.transcript(thread).await;
    format!("{channel:?}\n{thread:?}\n{:?}", world.traffic().await)
}

fn holds_none(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for form in FORMS {
        assert!(!text.contains(form), "{what} holds {form}");
    }
    assert!(!text.contains("AKIAIOSFODNN7EXAMPLE"), "{what}");
}

#[tokio::test]
async fn a_secret_of_a_host_reaches_neither_chat_nor_the_store() {
    let mut world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let file = write_secret(&world);
    let host = world.host("web-01");
    host.stop().await;
    append(&host.data.join("agent.toml"), &masks(&file));
    host.run("keep").await;
    world.is_online("web-01", true).await;

    let operator = world.operator();
    let asked = operator.run("web-01", &prints(&file)).await;
    operator.card_end(&asked, "exit 0").await;
    let thread = operator.in_thread_of(&asked).await;
    let whole = thread
        .sees("the whole output", |message| !message.files().is_empty())
        .await;
    let attached = thread.download(&whole.files()[0].1).await;
    holds_none("the file", &attached);
    assert!(String::from_utf8_lossy(&attached).contains("plain [masked] end"));
    let seen = seen_by_discord(&world, &thread.channel).await;
    holds_none("Discord", seen.as_bytes());
    assert!(seen.contains("[masked]"));

    let mut raw = world.shanty_call(&["runs", "output", "1", "--raw"]);
    let raw = raw.output().await.expect("the program starts");
    holds_none("the command line", &raw.stdout);
    let shown = world.shanty(&["runs", "show", "1"]).await;
    assert!(shown.out.contains("· 5 secrets masked"), "{shown:?}");
    let json = world.shanty(&["runs", "show", "1", "--json"]).await;
    assert!(json.out.contains("\"masked\":5"), "{json:?}");
    let data = world.dir.path().join("controller");
    for name in ["output.db", "output.db-wal"] {
        let stored = fs::read(data.join(name)).unwrap_or_default();
        holds_none(name, &stored);
    }
    world.end().await;
}

#[tokio::test]
async fn the_controller_masks_what_an_agent_sends_and_what_somebody_typed() {
    let mut world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let file = write_secret(&world);
    world.take_controller().stop().await;
    append(&world.config_path(), &masks(&file));
    world.start_controller().await;
    world.is_online("web-01", true).await;

    let operator = world.operator();
    let asked = operator.run("web-01", &prints(&file)).await;
    operator.card_end(&asked, "exit 0").await;
    let thread = operator.in_thread_of(&asked).await;
    let whole = thread
        .sees("the whole output", |message| !message.files().is_empty())
        .await;
    holds_none("the file", &thread.download(&whole.files()[0].1).await);
    let seen = seen_by_discord(&world, &thread.channel).await;
    holds_none("Discord", seen.as_bytes());
    let mut raw = world.shanty_call(&["runs", "output", "1", "--raw"]);
    let raw = raw.output().await.expect("the program starts");
    holds_none("the command line", &raw.stdout);
    assert!(String::from_utf8_lossy(&raw.stdout).contains("plain [masked] end"));

    // What runs is what was typed; what is shown of it is not.
    let command = format!("test '{SECRET}' = \"$(cat {})\"", file.display());
    let ran = world
        .shanty(&["run", "--on", "web-01", "--", &command])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    for args in [
        &["runs", "show", "2"][..],
        &["runs", "list"],
        &["runs", "show", "2", "--json"],
    ] {
        let shown = world.shanty(args).await;
        assert!(shown.out.contains("[masked]"), "{shown:?}");
        holds_none("the command line", shown.out.as_bytes());
    }
    world.end().await;
}

#[tokio::test]
async fn a_controller_whose_secrets_cannot_be_read_does_not_start() {
    let mut world = World::with_hosts(&programs(), Options::default(), &[]).await;
    world.take_controller().stop().await;
    let gone = world.dir.path().join("gone");
    append(&world.config_path(), &masks(&gone));
    let config = world.config_path().display().to_string();
    let ran = world.shanty(&["serve", "--config", &config]).await;
    assert_ne!(ran.code, 0, "{ran:?}");
    let told = gone.display().to_string();
    assert!(
        ran.err.contains(&told) && ran.err.contains("[mask]"),
        "{ran:?}"
    );
    world.end().await;
}
