//! Client libraries that nobody here wrote, unmodified, each with one script of ordinary bot code (`tests/foreign`).
//!
//! `.ci/run` installs them below `target/foreign`. Where they are missing a test says so and passes, unless
//! `SHANTY_FOREIGN=required` is set. What the scripts check is theirs; here they are run and bounded.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::json;
use shanty_sandbox::Options;
use tokio::process::Command;
use tokio::time::timeout;

use crate::judge;
use crate::rig::Rig;

/// The bound of a whole script; each of its waits has a shorter one.
const SCRIPT: Duration = Duration::from_secs(150);

#[tokio::test(flavor = "multi_thread")]
async fn discord_py() {
    run_script("python/bin/python", "discord_py.py", "discord").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_js() {
    run_script("node", "discord_js.cjs", "discord.js").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hikari() {
    run_script("python/bin/python", "hikari_bot.py", "hikari").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disnake() {
    run_script("python/bin/python", "disnake_bot.py", "disnake").await;
}

/// Runs a script against a sandbox without limits, and for its last part one with them.
async fn run_script(interpreter: &str, script: &str, library: &str) {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/foreign");
    let Some(mut command) = command(&installed, interpreter, library).await else {
        let required = std::env::var_os("SHANTY_FOREIGN").is_some_and(|value| value == "required");
        assert!(
            !required,
            "{library} is not installed in {}",
            installed.display()
        );
        let note = format!(
            "{library} is not installed below target/foreign: nothing was checked with it\n"
        );
        std::io::stderr().write_all(note.as_bytes()).unwrap();
        return;
    };
    let (free, limited) = (
        Rig::start().await,
        Rig::start_with(Options::default()).await,
    );
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign");
    command
        .arg(scripts.join(script))
        .env("SANDBOX", format!("http://{}", free.address))
        .env("SANDBOX_LIMITED", format!("http://{}", limited.address))
        .env("NODE_PATH", installed.join("node/node_modules"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let output = run(command)
        .await
        .unwrap_or_else(|| panic!("{script} did not end within {SCRIPT:?}"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.lines().any(|line| line.starts_with("1..")),
        "{script} ended with {}:\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
    );
    for rig in [free, limited] {
        judge::answers(&rig.try_act("traffic", json!({})).await.body);
    }
}

/// The interpreter, if it is there and finds the library.
async fn command(installed: &Path, interpreter: &str, library: &str) -> Option<Command> {
    let (program, probe): (PathBuf, [String; 2]) = if interpreter == "node" {
        let module = installed.join("node/node_modules").join(library);
        (
            interpreter.into(),
            [
                "-e".into(),
                format!("require({:?})", module.display().to_string()),
            ],
        )
    } else {
        (
            installed.join(interpreter),
            ["-c".into(), format!("import {library}")],
        )
    };
    let mut asking = Command::new(&program);
    asking.args(probe);
    run(asking).await.filter(|output| output.status.success())?;
    Some(Command::new(program))
}

/// What a child process said until its end; nothing if it does not start or does not end in time.
async fn run(mut command: Command) -> Option<Output> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    timeout(SCRIPT, command.output()).await.ok()?.ok()
}
