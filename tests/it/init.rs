//! `shanty init`: from nothing to a controller that answers.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;
use shanty_tests::process::{self, Process, Ran};
use shanty_tests::terminal::Terminal;
use shanty_tests::{Options, World};
use tokio::io::AsyncWriteExt as _;

use crate::programs;

/// A world whose sandbox is Discord for somebody who begins.
struct Beginning {
    world: World,
    api: String,
}

impl Beginning {
    async fn start() -> Self {
        let world = World::start(&programs(), Options::default()).await;
        let slash = world.web.match_indices('/').nth(2).unwrap().0;
        let api = world.web[..slash].to_owned();
        Self { world, api }
    }

    fn text(&self, field: &str) -> String {
        self.world.defaults[field].as_str().unwrap().to_owned()
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.world.dir.path().join("begin").join(name)
    }

    fn call(&self, name: &str, args: &[&str]) -> tokio::process::Command {
        let dir = self.dir(name);
        let (etc, data) = (path(&dir.join("etc")), path(&dir.join("data")));
        let begin = [
            "init",
            "--api",
            &self.api,
            "--dir",
            &etc,
            "--data-dir",
            &data,
        ];
        process::call(&programs().shanty, &[&begin, args].concat())
    }

    /// Runs it with the token on standard input.
    async fn init(&self, name: &str, args: &[&str], token: &str) -> Ran {
        let mut call = self.call(name, &[&["--token-file", "-"], args].concat());
        let child = call
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(token.as_bytes()).await.unwrap();
        drop(stdin);
        let output =
            tokio::time::timeout(shanty_tests::wait::BOUND, child.wait_with_output()).await;
        let output = output.unwrap().unwrap();
        Ran {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[tokio::test]
async fn flags_make_a_controller_that_answers_and_nothing_is_overwritten() {
    let mut begin = Beginning::start().await;
    let (token, operator) = (begin.text("bot_token"), begin.text("user_id"));
    let flags = [
        "--ops-channel",
        "general",
        "--admin-user",
        &operator,
        "--public",
        "127.0.0.1",
        "--json",
    ];
    let ran = begin.init("flags", &flags, &format!("{token}\n")).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let made = ran.json();
    assert_eq!(
        made["guild"],
        begin.text("guild_id"),
        "the only one: {made}"
    );
    assert_eq!(made["ops_channel"], begin.text("channel_id"), "{made}");
    let link = made["invite"].as_str().unwrap();
    let application = begin.text("application_id");
    assert!(
        link.ends_with(&format!(
            "client_id={application}&scope=bot+applications.commands&permissions=309237763072"
        )),
        "{link}"
    );
    assert!(!format!("{ran:?}").contains(&token));

    let config = begin.dir("flags").join("etc/shanty.toml");
    let written = std::fs::read_to_string(&config).unwrap();
    assert!(!written.contains(&token), "{written}");
    let again = begin.init("flags", &flags, &token).await;
    assert_eq!(again.code, 73, "{again:?}");
    assert!(
        again.json()["text"]
            .as_str()
            .unwrap()
            .contains("stands there since"),
        "{again:?}"
    );
    std::fs::rename(&config, config.with_extension("old")).unwrap();
    let token_stands = begin.init("flags", &flags, &token).await;
    assert_eq!(token_stands.code, 73, "{token_stands:?}");
    assert!(
        token_stands.out.contains("bot-token stands there since"),
        "{token_stands:?}"
    );
    assert!(!config.exists());

    // It works as it was written, but for ports that others may have.
    let ports = ["0.0.0.0:7443", "0.0.0.0:7444", "127.0.0.1:7480"];
    let written = ports
        .iter()
        .fold(written, |text, port| text.replace(port, "127.0.0.1:0"));
    shanty_tests::write_trusted(&config, &written);
    begin.world.take_controller().stop().await;
    let serve = process::call(&programs().shanty, &["serve", "--config", &path(&config)]);
    let log = begin.dir("flags").join("controller.log");
    let (controller, ready) = Process::start("controller", serve, log).await;
    assert_eq!(ready["discord"], "ready", "{ready}");
    let person = begin.world.operator();
    let hosts = person.slash("hosts", &[]).await;
    let shown = person.answer(&hosts).await;
    assert!(!shown.text().contains("may not"), "{shown:?}");
    controller.stop().await;
    begin.world.end().await;
}

#[tokio::test]
async fn what_cannot_be_meant_is_told_and_nothing_is_written() {
    let begin = Beginning::start().await;
    let token = begin.text("bot_token");
    let elsewhere = begin
        .world
        .act(
            "guild",
            &json!({"new": {"name": "Elsewhere", "bot": false}}),
        )
        .await;
    let absent = elsewhere["guild_id"].as_str().unwrap();
    let cases: [(&[&str], &str, i32, &str); 8] = [
        (&[], "wrong", 77, "Discord does not take the token"),
        (&[], "", 78, "there is no token on one line"),
        (&["--guild", absent], &token, 75, "the bot is not in server"),
        (
            &["--guild", "Nowhere"],
            &token,
            75,
            "the bot is not in server Nowhere, but in Shanty (",
        ),
        (
            &["--ops-channel", "nowhere"],
            &token,
            65,
            "has no text channel nowhere",
        ),
        (
            &["--ops-channel", "general", "--admin-user", "4242"],
            &token,
            65,
            "nobody with the id 4242 is in Shanty",
        ),
        (
            &["--admin-user", "4242"],
            &token,
            64,
            "--admin-user needs --ops-channel",
        ),
        (&["--public", "host:7443"], &token, 64, "without a port"),
    ];
    for (flags, token, code, said) in cases {
        let ran = begin.init("bad", flags, token).await;
        assert_eq!(ran.code, code, "{flags:?}: {ran:?}");
        assert!(ran.err.contains(said), "{said}: {ran:?}");
        assert!(!begin.dir("bad").exists(), "{flags:?}");
    }
    let mut silent = begin.call("bad", &[]);
    let ran = process::run(&mut silent).await;
    assert_eq!(ran.code, 64, "{ran:?}");
    for said in [
        "--token-file",
        "https://discord.com/developers/applications",
        "Reset Token",
    ] {
        assert!(ran.err.contains(said), "{said}: {ran:?}");
    }
    begin.world.end().await;
}

#[tokio::test]
async fn somebody_at_a_terminal_is_asked_with_names_to_choose_from() {
    let begin = Beginning::start().await;
    let token = begin.text("bot_token");
    let mut terminal = Terminal::start(begin.call("asked", &[]), 120);
    terminal.shows("The token (it is not shown)").await;
    terminal.types(&token).await;
    terminal.shows("The operators' channel").await;
    terminal.types("ops").await;
    terminal.shows("Another channel for what is changed").await;
    terminal.types("#audit").await;
    terminal.shows("Who may do everything there").await;
    terminal.types("").await;
    terminal
        .shows("The name by which servers reach this machine")
        .await;
    terminal.types("shanty.example.net").await;
    let (code, seen) = terminal.end().await;
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains(&token), "{seen}");
    for said in [
        "The bot is Shanty",
        "#general",
        "may do everything in #ops",
        "shanty check --config",
    ] {
        assert!(seen.contains(said), "{said} is not in:\n{seen}");
    }
    let config = std::fs::read_to_string(begin.dir("asked").join("etc/shanty.toml")).unwrap();
    for said in [
        "# #ops",
        "# #audit",
        &begin.text("owner_id"),
        "join = \"shanty.example.net:7444\"",
    ] {
        assert!(config.contains(said), "{said} is not in:\n{config}");
    }
    begin.world.end().await;
}
