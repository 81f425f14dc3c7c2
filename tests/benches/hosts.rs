//! How long `shanty hosts` takes with many hosts: `cargo bench --package shanty-tests --bench hosts`.
//!
//! Ten thousand hosts, joined as the controller records it; then its own programs are started on them.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::path::Path;
use std::time::{Duration, Instant};

use shanty_controller::store::Store;
use shanty_core::journal::Record;
use shanty_tests::bench;
use shanty_tests::process::{call, run};

const HOSTS: u64 = 10_000;
const ROUNDS: usize = 20;
/// When they joined, milliseconds since the Unix epoch.
const JOINED_MS: u64 = 1_790_000_000_000;

fn main() {
    bench::run(all());
}

async fn all() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    write(&bench::data_dir(dir.path())).await;
    let program = env!("CARGO_BIN_EXE_shanty-under-test").into();
    let (process, admin) = bench::serve(&program, dir.path()).await;
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
    let records: Vec<Record> = (0..HOSTS).map(|n| bench::enrolled(n, JOINED_MS)).collect();
    let appended = store.journal.append(&records).await;
    appended
        .expect("the writer is there")
        .expect("it can be written");
    let closed = tokio::task::spawn_blocking(move || store.close());
    assert!(closed.await.expect("it ends"), "all is written");
}
