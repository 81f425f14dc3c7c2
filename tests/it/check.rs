//! `shanty check`: what is wrong with a configuration, this machine and Discord.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use shanty_tests::process::{self, Ran};
use shanty_tests::write_trusted;
use shanty_tests::{Options, World};

use crate::programs;

/// A world, and another configuration than the one that its controller runs with.
struct Checked {
    world: World,
}

impl Checked {
    async fn start() -> Self {
        let options = Options {
            ops_channel: true,
            ..Options::default()
        };
        Self {
            world: World::start(&programs(), options).await,
        }
    }

    fn text(&self, field: &str) -> String {
        self.world.defaults[field].as_str().unwrap().to_owned()
    }

    /// Checks the configuration with this in the place of that.
    async fn with(&self, from: &str, to: &str) -> Ran {
        let text = std::fs::read_to_string(self.world.config_path()).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        let path = self.world.dir.path().join("checked.toml");
        write_trusted(&path, &text.replacen(from, to, 1));
        let path = path.to_string_lossy().into_owned();
        self.world
            .shanty(&["check", "--json", "--config", &path])
            .await
    }

    /// What is wrong then: the check, what it measured and how to mend it. One thing alone.
    async fn wrong(&self, from: &str, to: &str) -> (String, String, String) {
        let ran = self.with(from, to).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        let wrong = found(&ran).into_iter().filter(|one| one["state"] == "bad");
        let wrong: Vec<Value> = wrong.collect();
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        let text = |key: &str| wrong[0][key].as_str().unwrap().to_owned();
        (text("check"), text("measured"), text("mend"))
    }
}

/// All that was found.
fn found(ran: &Ran) -> Vec<Value> {
    let lines = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let found: Vec<Value> = lines
        .filter(|line: &Value| line["event"] == "check")
        .collect();
    assert!(!found.is_empty(), "{ran:?}");
    found
}

#[tokio::test]
async fn all_is_well_whether_the_controller_runs_or_not() {
    let mut checked = Checked::start().await;
    let config = checked.world.config_path().to_string_lossy().into_owned();
    let check = async |world: &World| world.shanty(&["check", "--config", &config]).await;
    let running = check(&checked.world).await;
    assert_eq!(running.code, 0, "{running:?}");
    let running = running.out;
    for said in [
        "✔ controller     runs, and answers on ",
        "✔ ports          `agents`: this controller listens on 127.0.0.1:",
        "✔ ports          `join`: this controller listens on 127.0.0.1:",
        "✔ token          the bot Shanty (",
        "✔ clock          as Discord's: ",
        "✔ commands       they can be registered in ",
        "(ops_channel, audit_channel, grant operators, grant viewers)",
    ] {
        assert!(running.contains(said), "{said} is not in:\n{running}");
    }
    // Whoever reads the log of the controller is not alarmed by it.
    let log = checked.world.controller().log();
    let alarm = |line: &&str| line.contains("WARN") && line.contains("peer.address");
    let alarms: Vec<&str> = log.lines().filter(alarm).collect();
    assert!(alarms.is_empty(), "{alarms:#?}");
    checked.world.take_controller().stop().await;
    let stopped = check(&checked.world).await.out;
    assert!(
        stopped.contains("✔ controller     does not run"),
        "{stopped}"
    );
    // By now another test may have one of its ports.
    let wrong = stopped.lines().filter(|line| line.starts_with('✘'));
    let wrong: Vec<&str> = wrong.filter(|line| !line.contains(" ports ")).collect();
    assert!(wrong.is_empty(), "{stopped}");
    let token = checked.text("bot_token");
    assert!(!running.contains(&token) && !stopped.contains(&token));
    checked.world.end().await;
}

#[tokio::test]
async fn root_reads_the_configuration_as_the_user_to_whom_the_data_belongs() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(dir.path(), 0o755);
    let (config, data) = (dir.path().join("shanty.toml"), dir.path().join("data"));
    std::fs::create_dir(&data).unwrap();
    mode(&data, 0o700);
    let other = Some(65_534);
    std::os::unix::fs::chown(&data, other, other).unwrap();
    let listen =
        "[listen]\nagents = \"127.0.0.1:0\"\njoin = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n";
    write_trusted(&config, &format!("data_dir = {data:?}\n{listen}"));
    let path = config.to_string_lossy().into_owned();
    let check = async || {
        let mut call = process::call(&programs().shanty, &["check", "--config", &path]);
        process::run(&mut call).await
    };
    mode(&config, 0o600);
    let closed = check().await;
    assert_eq!(closed.code, 78, "{closed:?}");
    assert!(closed.err.contains("as the controller will"), "{closed:?}");
    std::os::unix::fs::chown(&config, None, other).unwrap();
    mode(&config, 0o640);
    let open = check().await;
    assert!(
        open.out
            .contains(&format!("✔ data           {}", data.display())),
        "{open:?}"
    );
}

#[tokio::test]
async fn what_is_wrong_with_the_token_is_told_apart() {
    let checked = Checked::start().await;
    let there = checked.world.dir.path().join("bot-token");
    let other = checked.world.dir.path().join("other-token");
    let (from, to) = (format!("{there:?}"), format!("{other:?}"));
    let person = json!({"user_id": checked.text("user_id")});
    let bearer = checked.world.act("bearer", &person).await;
    let bearer = bearer
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned();
    for (token, mode, said) in [
        ("wrong".to_owned(), 0o600, "Discord does not take it"),
        (bearer, 0o600, "Discord does not take it"),
        (
            "0f".repeat(32),
            0o600,
            "it looks like the application's public key",
        ),
        (
            "two\nlines".to_owned(),
            0o600,
            "does not hold a token on one line",
        ),
        (
            checked.text("bot_token"),
            0o640,
            "is open to other users (mode 0640); run `chmod 0600 ",
        ),
    ] {
        std::fs::write(&other, &token).unwrap();
        std::fs::set_permissions(&other, std::fs::Permissions::from_mode(mode)).unwrap();
        let (check, measured, mend) = checked.wrong(&from, &to).await;
        assert_eq!(check, "token", "{measured}");
        assert!(
            measured.contains(said) && !mend.is_empty(),
            "{said}: {measured}; {mend}"
        );
        assert!(
            !measured.contains(&token) && !mend.contains(&token),
            "{measured}"
        );
    }
    checked.world.end().await;
}

#[tokio::test]
async fn what_is_wrong_in_discord_is_told_with_how_to_mend_it() {
    let checked = Checked::start().await;
    let (guild, channel) = (checked.text("guild_id"), checked.text("channel_id"));
    let new = json!({"new": {"name": "Elsewhere", "bot": false}, "channels": [{"name": "far"}]});
    let elsewhere = checked.world.act("guild", &new).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (absent, far) = (
        text(&elsewhere["guild_id"]),
        text(&elsewhere["channels"]["far"]),
    );
    let guilds = format!("guilds = [{guild:?}]");

    let (check, measured, mend) = checked
        .wrong(&guilds, &format!("guilds = [{guild:?}, {absent:?}]"))
        .await;
    assert_eq!(
        (check.as_str(), measured),
        ("servers", format!("the bot is not in server {absent}"))
    );
    assert!(
        mend.contains(&format!("permissions=309237763072&guild_id={absent}")),
        "{mend}"
    );

    let ops = format!("ops_channel = {channel:?}");
    let (check, measured, _) = checked.wrong(&ops, &format!("ops_channel = {far:?}")).await;
    assert_eq!(check, "channels");
    assert!(
        measured.contains(&far) && measured.contains("the bot does not see it"),
        "{measured}"
    );
    let (check, measured, mend) = checked.wrong(&ops, "ops_channel = \"4242\"").await;
    let unknown = "there is no channel 4242 (ops_channel, audit_channel)";
    assert_eq!((check.as_str(), measured.as_str()), ("channels", unknown));
    assert!(mend.contains("Copy Channel ID"), "{mend}");

    let role = "who = { roles = [\"77\"], people";
    let (check, measured, _) = checked.wrong("who = { people", role).await;
    assert_eq!(check, "roles", "{measured}");

    let deny = (1_u64 << 35 | 1 << 15).to_string();
    let overwrites = json!({"guild_id": guild, "overwrites": [{"channel_id": channel, "id": guild, "allow": "0", "deny": deny}]});
    checked.world.act("guild", &overwrites).await;
    let (check, measured, mend) = checked.wrong("[limits]", "[limits]").await;
    assert_eq!(check, "channels");
    assert!(
        measured.ends_with("the bot lacks Attach Files, Create Public Threads"),
        "{measured}"
    );
    assert!(mend.contains("Edit Channel, Permissions"), "{mend}");
    checked.world.end().await;
}

#[tokio::test]
async fn what_is_wrong_on_this_machine_is_told_with_how_to_mend_it() {
    let checked = Checked::start().await;
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    // Somebody who has nothing to say.
    let other = std::thread::spawn(move || drop(busy.accept()));
    let (check, measured, mend) = checked
        .wrong("http = \"127.0.0.1:0\"", &format!("http = {address:?}"))
        .await;
    assert_eq!(
        (check.as_str(), measured),
        (
            "ports",
            format!("`http`: another program listens on {address}")
        )
    );
    assert!(mend.contains("ss -ltnp"), "{mend}");
    other.join().unwrap();
    // RFC 6761: nobody ever has this name.
    let public = "[public]\nagents = \"shanty.invalid:7443\"\n[listen]";
    let (check, measured, mend) = checked.wrong("[listen]", public).await;
    assert_eq!(check, "public");
    assert!(
        measured.starts_with("`agents`: shanty.invalid:7443 does not resolve"),
        "{measured}"
    );
    assert!(mend.contains("DNS"), "{mend}");
    let mask = "[mask]\nfiles = [\"/nonexistent/secret\"]\n[listen]";
    let (check, measured, _) = checked.wrong("[listen]", mask).await;
    assert_eq!(check, "masks");
    assert!(measured.contains("/nonexistent/secret"), "{measured}");
    let ran = checked
        .with("[listen]", "colour = \"blue\"\n[listen]")
        .await;
    assert_eq!(ran.code, 78, "{ran:?}");
    assert_eq!(ran.json()["code"], "E_CONFIG");
    assert!(
        ran.json()["text"]
            .as_str()
            .unwrap()
            .contains("unknown key `colour`"),
        "{ran:?}"
    );
    checked.world.end().await;
}
