//! How long `shanty hosts` takes with many hosts: `cargo bench --package shanty-tests --bench hosts`.
//!
//! Ten thousand hosts, joined as the controller records it; then its own programs are started on them.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use shanty_controller::store::Store;
use shanty_core::ids::{AgentId, Labels};
use shanty_core::journal::{Enrolment, Kind, Record};
use shanty_core::principal::Actor;
use shanty_tests::process::{Process, call, run};

const HOSTS: u64 = 10_000;
const ROUNDS: usize = 20;
/// When they joined, milliseconds since the Unix epoch.
const JOINED_MS: u64 = 1_790_000_000_000;

fn main() {
    shanty_tests::bench::run(all());
}

async fn all() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let data = dir.path().join("data");
    let mut private = std::fs::DirBuilder::new();
    private.mode(0o700).create(&data).expect("it can be made");
    write(&data).await;
    let admin = dir.path().join("admin.sock");
    let config = dir.path().join("shanty.toml");
    let text = format!(
        "data_dir = {data:?}\n[listen]\nagents = \"127.0.0.1:0\"\njoin = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\nadmin = {admin:?}\n",
    );
    std::fs::write(&config, text).expect("it can be written");
    let program = env!("CARGO_BIN_EXE_shanty-under-test").into();
    let serve = call(&program, &["serve", "--config", &config.to_string_lossy()]);
    let (process, _) = Process::start("controller", serve, dir.path().join("log")).await;
    let admin = admin.to_string_lossy();
    for args in [
        &["hosts"][..],
        &["hosts", "--json"],
        &["hosts", "--names"],
        &["hosts", "web-[0001-0100]"],
    ] {
        let args = [args, &["--admin", &admin]].concat();
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let ran = run(&mut call(&program, &args)).await;
            times.push(begun.elapsed());
            assert_eq!(ran.code, 0, "{}", ran.err);
        }
        times.sort();
        let ms = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
        println!(
            "shanty {}, {HOSTS} hosts: {:.0} ms, {:.0} ms at most",
            args.join(" ").split(" --admin").next().unwrap_or_default(),
            ms(times.get(ROUNDS / 2)),
            ms(times.last())
        );
    }
    process.stop().await;
}

async fn write(data: &Path) {
    let store = Store::open(data, u64::MAX).expect("a store can be made");
    let records: Vec<Record> = (0..HOSTS).map(joined).collect();
    let appended = store.journal.append(&records).await;
    appended
        .expect("the writer is there")
        .expect("it can be written");
    let closed = tokio::task::spawn_blocking(move || store.close());
    assert!(closed.await.expect("it ends"), "all is written");
}

fn joined(n: u64) -> Record {
    let agent = AgentId::from_bytes((u128::from(n) + 1).to_be_bytes());
    Record {
        at_ms: JOINED_MS,
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
