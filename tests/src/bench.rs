//! What benches begin with, and what those share that start a controller without chat on a journal of theirs.

use std::future::Future;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use shanty_core::ids::{AgentId, Labels};
use shanty_core::journal::{Enrolment, Kind, Record};
use shanty_core::principal::Actor;

use crate::process::{Process, call};

/// Measures when it was called as a bench: `cargo test --all-targets` calls it too, and is told nothing.
pub fn run(measured: impl Future<Output = ()>) {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime can be built").block_on(measured);
}

/// Makes the data directory of the controller that [`serve`] starts.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn data_dir(dir: &Path) -> PathBuf {
    let data = dir.join("data");
    let mut private = std::fs::DirBuilder::new();
    private.mode(0o700).create(&data).expect("it can be made");
    data
}

/// Starts a controller without chat on that directory; gives it and its admin socket.
///
/// # Panics
/// When it does not start.
pub async fn serve(program: &PathBuf, dir: &Path) -> (Process, String) {
    let (config, data) = (dir.join("shanty.toml"), dir.join("data"));
    let admin = dir.join("admin.sock");
    let text = format!(
        "data_dir = {data:?}\n[listen]\nagents = \"127.0.0.1:0\"\njoin = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\nadmin = {admin:?}\n",
    );
    std::fs::write(&config, text).expect("it can be written");
    let serve = call(program, &["serve", "--config", &config.to_string_lossy()]);
    let (process, _) = Process::start("controller", serve, dir.join("log")).await;
    (process, admin.to_string_lossy().into_owned())
}

/// One of many hosts.
#[must_use]
pub fn agent(n: u64) -> AgentId {
    AgentId::from_bytes((u128::from(n) + 1).to_be_bytes())
}

/// That it joined, as the journal has it.
///
/// # Panics
/// Never: names and labels are good.
#[must_use]
pub fn enrolled(n: u64, at_ms: u64) -> Record {
    let agent = agent(n);
    Record {
        at_ms,
        actor: Actor::Host(agent),
        kind: Kind::Enrolled(Enrolment {
            agent,
            name: format!("web-{n:04}").parse().expect("a name"),
            labels: Labels::parse("env=prod,role=web").expect("labels"),
            token: "t".to_owned(),
            key_sha256: [1; 32],
            leaf: vec![1; 600],
        }),
    }
}
