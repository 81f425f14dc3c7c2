//! How long a controller takes to start on the journal of years: `cargo bench --package shanty-tests --bench start`.
//!
//! A hundred thousand runs of ten hosts each, written as the controller writes them; then its own program is started on them, first when
//! all records must be read, then from a checkpoint.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use shanty_controller::store::{Checkpoints, Journal, Store};
use shanty_core::ids::RunId;
use shanty_core::journal::{Kind, Record};
use shanty_core::principal::{Actor, Place};
use shanty_core::run::{How, Offline, Options, Origin, Outcome, Spec, Strategy, Target, What};
use shanty_tests::bench;
use shanty_tests::process::{call, run};

const RUNS: u64 = 100_000;
/// Hosts of one run.
const HOSTS: u64 = 10;
/// Hosts that have joined.
const FLEET: u64 = 200;
/// The first run, milliseconds since the Unix epoch: of a year that is not over its time yet.
const BEGUN_MS: u64 = 1_790_000_000_000;

fn main() {
    bench::run(all());
}

async fn all() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let data = bench::data_dir(dir.path());
    write(&data).await;
    let journal = std::fs::metadata(data.join("shanty.db")).map_or(0, |file| file.len());
    println!(
        "{RUNS} runs of {HOSTS} hosts: a journal of {} MB",
        journal / 1_000_000
    );
    start(dir.path(), "all records are read").await;
    let begun = Instant::now();
    checkpoint(&data).await;
    println!(
        "a checkpoint of all of it is made in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    for _ in 0..3 {
        start(dir.path(), "from a checkpoint").await;
    }
    for _ in 0..2 {
        out_of_cache(&data.join("shanty.db"));
        start(
            dir.path(),
            "from a checkpoint, the file not in the page cache",
        )
        .await;
    }
}

/// As after a reboot: what is read of the file comes from the disk.
fn out_of_cache(path: &Path) {
    let file = std::fs::File::open(path).expect("it is there");
    file.sync_all().expect("it can be written");
    let forget = PosixFadviseAdvice::POSIX_FADV_DONTNEED;
    posix_fadvise(&file, 0, 0, forget).expect("the kernel takes the advice");
}

/// Starts the controller, and asks for an old run.
async fn start(dir: &Path, what: &str) {
    let program = env!("CARGO_BIN_EXE_shanty-under-test").into();
    let begun = Instant::now();
    let (process, admin) = bench::serve(&program, dir).await;
    let ready = begun.elapsed();
    let (now, peak) = memory(process.id());
    println!(
        "{what}: ready in {:.2} s, {now} MiB, {peak} MiB at most",
        ready.as_secs_f64()
    );
    for number in ["7", "99999"] {
        let show = ["runs", "show", number, "--admin", &admin];
        let begun = Instant::now();
        let shown = run(&mut call(&program, &show)).await;
        let took: Duration = begun.elapsed();
        assert_eq!(shown.code, 0, "{shown:?}");
        println!(
            "    shanty runs show {number}: {:.0} ms",
            took.as_secs_f64() * 1e3
        );
    }
    process.stop().await;
}

/// Resident memory of a process now and at most, MiB.
fn memory(id: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let kib = |key: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let words = line.and_then(|line| line.split_whitespace().next());
        words
            .and_then(|kib| kib.parse().ok())
            .expect("a number of KiB")
    };
    (kib("VmRSS:") / 1_024, kib("VmHWM:") / 1_024)
}

async fn checkpoint(data: &Path) {
    let store = Store::open(data, u64::MAX).expect("the store can be opened");
    let checkpoints = Checkpoints::of(&store.journal).expect("it is a file");
    let made = tokio::task::spawn_blocking(move || checkpoints.make(|| false)).await;
    made.expect("it ends").expect("it can be made");
    close(store).await;
}

/// Waits until all is written.
async fn close(store: Store) {
    let closed = tokio::task::spawn_blocking(move || store.close());
    assert!(closed.await.expect("it ends"), "all is written");
}

async fn write(data: &Path) {
    let store = Store::open(data, u64::MAX).expect("a store can be made");
    let hosts: Vec<Record> = (0..FLEET).map(|n| bench::enrolled(n, BEGUN_MS)).collect();
    append(&store.journal, &hosts).await;
    let mut records = Vec::new();
    for n in 0..RUNS {
        records.extend(run_records(n));
        if records.len() > 20_000 {
            append(&store.journal, &records).await;
            records.clear();
        }
    }
    append(&store.journal, &records).await;
    close(store).await;
}

async fn append(journal: &Journal, records: &[Record]) {
    let appended = journal.append(records).await;
    appended
        .expect("the writer is there")
        .expect("it can be written");
}

/// One run as the journal has it: accepted, begun, started and finished on each host, closed.
fn run_records(n: u64) -> Vec<Record> {
    // Ids begin with their time, as the controller draws them.
    let id = RunId::from_bytes(((u128::from(n) << 80) + 77).to_be_bytes());
    let at_ms = BEGUN_MS + n * 60_000;
    let place = Place {
        guild: 1_100_000_000_000_000_001,
        channel: 1_100_000_000_000_000_005,
        parent: None,
        interaction: 1_200_000_000_000_000_000 + n,
    };
    let user = 1_000_000_000_000_000_000 + n % 9;
    let hosts = || (0..HOSTS).map(move |host| (n * 7 + host) % FLEET);
    let mut targets: Vec<Target> = hosts()
        .map(|host| Target {
            agent: bench::agent(host),
            name: format!("web-{host:04}").parse().expect("a name"),
            away: None,
        })
        .collect();
    targets.sort_by_key(|target| target.agent);
    let spec = Spec {
        id,
        origin: Origin::Chat {
            user,
            name: format!("person-{}", n % 9),
            place,
            grant: "operators".to_owned(),
        },
        what: What::Shell(format!("systemctl status nginx --lines {n}")),
        input: None,
        selector: "role=web env=prod".to_owned(),
        options: Options {
            timeout_ms: 300_000,
            ..Options::default()
        },
        targets,
        digest: [7; 32],
        seed: None,
        strategy: Strategy {
            offline: Offline::Fail,
            rollout: None,
        },
    };
    let person = Actor::Chat {
        user,
        place: Some(place),
    };
    let by = |actor: &Actor, kind| Record {
        at_ms,
        actor: actor.clone(),
        kind,
    };
    let controller = Actor::Controller;
    let mut records = vec![
        by(&person, Kind::Accepted(spec)),
        by(&controller, Kind::Go(id)),
    ];
    for host in hosts() {
        let (run, agent) = (id, bench::agent(host));
        records.push(by(&controller, Kind::Started { run, agent }));
    }
    for host in hosts() {
        let (run, agent) = (id, bench::agent(host));
        let outcome = Outcome {
            duration_ms: 120,
            output_bytes: 900,
            output_sha256: Some([8; 32]),
            content_sha256: Some([9; 32]),
            ..Outcome::without_output(How::Exited(0))
        };
        records.push(by(
            &controller,
            Kind::Finished {
                run,
                agent,
                outcome,
            },
        ));
    }
    records.push(by(&controller, Kind::Closed(id)));
    records
}
