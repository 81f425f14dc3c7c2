//! What a look at an old output costs those who store: `cargo bench --package shanty-controller --bench store`.
//!
//! Twenty runs append and wait for each acknowledgement; meanwhile nobody looks, or somebody opens an old output again and again.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use shanty_controller::store::{Output, Store};
use shanty_core::ids::{AgentId, RunId};
use shanty_core::spool::{Cause, Exit, Header, How, Record, encode};

/// Runs that stream at once.
const STREAMS: u8 = 20;
/// Length of the old output, bytes.
const OLD_BYTES: usize = 20_000_000;
/// Output in one append, bytes.
const SLICE_BYTES: usize = 4 * 1024;
/// How long each measurement takes.
const MEASURE: Duration = Duration::from_secs(5);

fn main() {
    // `cargo test --all-targets` would call it too.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime can be built").block_on(all());
}

async fn all() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let store = Store::open(dir.path(), u64::MAX).expect("a store can be made");
    let old = (RunId::from_bytes([255; 16]), AgentId::from_bytes([255; 16]));
    store_old(&store.output, old).await;
    // Another process of the controller: nothing of it is in memory.
    drop(store);
    let store = Store::open(dir.path(), u64::MAX).expect("the store can be opened again");
    streams(
        &store.output,
        1,
        "append to acknowledgement while nobody looks",
    )
    .await;

    let stop = Arc::new(AtomicBool::new(false));
    let (output, stopped) = (store.output.clone(), Arc::clone(&stop));
    let looks = tokio::task::spawn_blocking(move || {
        let open = open_until(output, old, stopped);
        tokio::runtime::Handle::current().block_on(open)
    });
    let what = "append to acknowledgement while an old output of 20 MB is opened";
    streams(&store.output, 2, what).await;
    stop.store(true, Ordering::Relaxed);
    report(
        "an old output of 20 MB opened",
        looks.await.expect("it ends"),
    );
}

/// Opens an output and reads it to its end, again and again.
async fn open_until(
    output: Output,
    (run, agent): (RunId, AgentId),
    stop: Arc<AtomicBool>,
) -> Vec<Duration> {
    let mut opened = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let loaded = output.load(run, agent).await.expect("it is known");
        opened.push(begun.elapsed());
        assert!(loaded.outcome.is_some(), "it has ended");
        let mut offset = 0;
        loop {
            let bytes = output.read(run, agent, offset, 256 * 1024).await;
            let len = bytes.expect("it is stored").len() as u64;
            if len == 0 {
                break;
            }
            offset += len;
        }
        assert!(offset > OLD_BYTES as u64, "all of it is read");
    }
    opened
}

async fn streams(output: &Output, round: u8, what: &str) {
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..STREAMS {
        let run = RunId::from_bytes([n + 1; 16]);
        let agent = AgentId::from_bytes([n + 1 + round * 100; 16]);
        tasks.spawn(stream(output.clone(), run, agent));
    }
    let times = tasks.join_all().await.concat();
    let per_s = times.len() as u64 / MEASURE.as_secs();
    report(&format!("{what}, {per_s} a second"), times);
}

/// Appends for a while and says how long each took to be acknowledged.
async fn stream(output: Output, run: RunId, agent: AgentId) -> Vec<Duration> {
    let mut appender = output.appender(agent);
    let end = Instant::now() + MEASURE;
    let mut times = Vec::new();
    let mut offset = 0;
    let mut slice = header(run, agent);
    while Instant::now() < end {
        out(SLICE_BYTES, &mut slice);
        let begun = Instant::now();
        let bytes = Bytes::from(std::mem::take(&mut slice));
        let after = offset + bytes.len() as u64;
        appender
            .append(run, offset, bytes)
            .await
            .expect("the writer is there");
        while appender.take().acked.get(&run) != Some(&after) {
            appender.changed().await;
        }
        times.push(begun.elapsed());
        offset = after;
    }
    times
}

async fn store_old(output: &Output, (run, agent): (RunId, AgentId)) {
    let mut spool = header(run, agent);
    while spool.len() < OLD_BYTES {
        out(16 * 1024, &mut spool);
    }
    let exit = Exit {
        how: How::Code(0),
        cause: Cause::Command,
        started_ms: 5,
        duration_us: 5,
        sha256: Sha256::digest(&spool).into(),
        ..Exit::lost(0)
    };
    encode(&Record::Exit(exit), &mut spool).expect("it fits");
    let mut appender = output.appender(agent);
    let mut offset = 0;
    for slice in spool.chunks(32 * 1024) {
        let bytes = Bytes::copy_from_slice(slice);
        let appended = appender.append(run, offset, bytes).await;
        appended.expect("the writer is there");
        offset += slice.len() as u64;
    }
    while appender.take().acked.get(&run) != Some(&offset) {
        appender.changed().await;
    }
}

fn header(run: RunId, agent: AgentId) -> Vec<u8> {
    let header = Header {
        version: 1,
        run,
        agent,
        boot_id: [0; 16],
        wall_ms: 5,
    };
    let mut spool = Vec::new();
    encode(&Record::Header(header), &mut spool).expect("it fits");
    spool
}

fn out(bytes: usize, spool: &mut Vec<u8>) {
    let record = Record::Out {
        dt_us: 1,
        bytes: vec![b'x'; bytes].into(),
    };
    encode(&record, spool).expect("it fits");
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1_000.0;
    println!(
        "{what}: median {:.1} ms, p95 {:.1} ms, worst {:.1} ms",
        at(50),
        at(95),
        at(100)
    );
}
