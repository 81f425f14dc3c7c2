//! How long somebody waits who looks back: `cargo bench --package shanty-controller --bench search`.
//!
//! A hundred thousand runs on a hundred sets of hosts, each with a kilobyte of output; words that stand nowhere, seldom and everywhere, for
//! somebody who may see all and for somebody who may see one set; searches that are meant to take long; how long an entry waits while the
//! outputs of a large run are put in; and all runs as a table, with the memory that it takes.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::io::Write as _;
use std::time::{Duration, Instant};

use shanty_controller::store::{PRINTED_BYTES_MAX, PRINTED_MAX, Printed, Store};
use shanty_core::history::{Entry, Query, Short, Sight, Stand, Turn, Words, csv_line};
use shanty_core::ids::{AgentId, RunId, RunNumber};
use shanty_core::principal::Principal;

/// Runs that are known.
const RUNS: u64 = 100_000;
/// Sets of hosts that they are on, each of ten hosts.
const SETS: u64 = 100;
/// Looks at each thing.
const LOOKS: usize = 200;
/// How long a look of chat may take.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// Runs of a step of a table.
const STEP: usize = 500;

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
    let begun = Instant::now();
    fill(&store).await;
    println!(
        "{RUNS} runs filled in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    let everything = || query(Sight::Everything, None);
    let one_set = || Sight::Under(vec![hosts(7).into_iter().collect()]);
    let words = |text: &str| Some(Words::parse(text).expect("these are words"));
    let who = Query {
        who: vec![Principal::Discord(3_007)],
        ..everything()
    };
    let who_and_words = Query {
        who: vec![Principal::Discord(3_007)],
        ..query(Sight::Everything, words("systemctl"))
    };
    for (what, query) in [
        ("the newest", everything()),
        ("those of one person", who),
        ("the newest that one grant covers", query(one_set(), None)),
        (
            "a word that stands nowhere",
            query(Sight::Everything, words("barnacle")),
        ),
        (
            "a word that stands seldom",
            query(Sight::Everything, words("needle77")),
        ),
        (
            "a word that stands everywhere",
            query(Sight::Everything, words("systemctl")),
        ),
        (
            "two words that stand everywhere",
            query(Sight::Everything, words("active running")),
        ),
        (
            "the same for one grant",
            query(one_set(), words("active running")),
        ),
        ("a word and a person", who_and_words),
    ] {
        look(&store, what, &query, LOOKS).await;
    }
    for (what, text) in [
        (
            "16 words that stand everywhere",
            "systemctl status unit nginx service loaded active running A high performance server host needle on a sys",
        ),
        (
            "16 beginnings of words",
            "nee sys nee sys nee sys nee sys nee sys nee sys nee sys nee sys",
        ),
        (
            "one word of a hundred letters",
            "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a",
        ),
    ] {
        look(&store, what, &query(Sight::Everything, words(text)), 20).await;
    }
    together(&store, &query(Sight::Everything, words("active running"))).await;
    large(&store).await;
    let filled = query(Sight::Everything, words("barnacle"));
    look(
        &store,
        "a word that fills the outputs of a page",
        &filled,
        20,
    )
    .await;
    table(&store).await;
}

fn later() -> tokio::time::Instant {
    tokio::time::Instant::now() + PATIENCE
}

async fn look(store: &Store, what: &str, query: &Query, looks: usize) {
    let mut took = Vec::with_capacity(looks);
    let mut stopped = 0;
    for _ in 0..looks {
        let (begun, until) = (Instant::now(), later());
        let found = store.search.find(query.clone(), Turn::Newest, 10, until);
        let found = found.await.expect("it can be read");
        let counted = store.search.count(query.clone(), until).await;
        counted.expect("it can be read");
        took.push(begun.elapsed());
        stopped += usize::from(found.short.contains(&Short::Stopped));
    }
    let stopped = match stopped {
        0 => String::new(),
        stopped => format!(" ({stopped} of {looks} were stopped)"),
    };
    report(&format!("{what}{stopped}"), took);
}

/// Ten people at once.
async fn together(store: &Store, query: &Query) {
    let begun = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (search, query) = (store.search.clone(), query.clone());
        all.spawn(async move {
            let found = search.find(query, Turn::Newest, 10, later()).await;
            found.expect("it can be read");
            begun.elapsed()
        });
    }
    report("each of ten who look at once", all.join_all().await);
}

/// Entries wait for no more than a slice of what a large run printed.
async fn large(store: &Store) {
    // Ten such runs: a page of them.
    for number in RUNS + 1..=RUNS + 10 {
        let put = store.search.put(vec![entry(number)]);
        put.await.expect("it can be written");
        let texts = if number == RUNS + 1 { PRINTED_MAX } else { 1 };
        let text = "barnacle ".repeat(PRINTED_BYTES_MAX / 9);
        let printed = (0..texts).map(|_| Printed {
            agents: hosts(number % SETS),
            text: text.clone(),
        });
        let search = store.search.clone();
        let printed: Vec<Printed> = printed.collect();
        let begun = Instant::now();
        let mut putting = tokio::task::JoinSet::new();
        putting.spawn(async move { search.put_printed(RunNumber(number), printed).await });
        let mut waited = Vec::new();
        let put = loop {
            if let Some(put) = putting.try_join_next() {
                break put;
            }
            let begun = Instant::now();
            let put = store.search.put(vec![entry(number + 100)]);
            put.await.expect("it can be written");
            waited.push(begun.elapsed());
        };
        put.expect("it ends").expect("it can be written");
        if texts > 1 {
            println!(
                "{texts} outputs of 64 KiB put in: {:.1} s",
                begun.elapsed().as_secs_f64()
            );
            report("an entry meanwhile", waited);
        }
    }
}

/// All runs as a table in a file, step by step.
async fn table(store: &Store) {
    let query = query(Sight::Everything, None);
    let mut file = std::io::BufWriter::new(tempfile::tempfile().expect("a file can be made"));
    // What was in memory before does not count.
    std::fs::write("/proc/self/clear_refs", "5").ok();
    let before = memory_kib("VmRSS:");
    let (begun, mut runs, mut bytes) = (Instant::now(), 0, 0);
    let mut turn = Some(Turn::Newest);
    while let Some(at) = turn {
        let until = later();
        let page = store.search.step(query.clone(), at, STEP, until).await;
        let page = page.expect("it can be read");
        turn = page.older.map(Turn::Before);
        for found in page.runs {
            let line = csv_line(&found.entry, "ann");
            file.write_all(line.as_bytes()).expect("it can be written");
            (runs, bytes) = (runs + 1, bytes + line.len());
        }
    }
    file.flush().expect("it can be written");
    println!(
        "{runs} runs as a table of {:.1} MiB: {:.2} s, {} KiB of memory more at its peak",
        bytes as f64 / 1_048_576.0,
        begun.elapsed().as_secs_f64(),
        memory_kib("VmHWM:").saturating_sub(before),
    );
}

fn memory_kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

fn query(sight: Sight, words: Option<Words>) -> Query {
    Query {
        sight,
        who: Vec::new(),
        on: None,
        since_ms: 0,
        stand: None,
        words,
    }
}

fn hosts(set: u64) -> Vec<AgentId> {
    let host = |n: u64| AgentId::from_bytes(u128::from(set * 10 + n).to_be_bytes());
    (0..10).map(host).collect()
}

async fn fill(store: &Store) {
    for batch in (1..=RUNS).collect::<Vec<u64>>().chunks(1_000) {
        let entries = batch.iter().map(|number| entry(*number)).collect();
        store.search.put(entries).await.expect("it can be written");
        for number in batch {
            let mut text = format!("needle{} on a host\n", number % 10_000);
            while text.len() < 1_024 {
                text.push_str("nginx.service loaded active running A high performance server\n");
            }
            let agents = hosts(number % SETS);
            let printed = vec![Printed { agents, text }];
            let number = RunNumber(*number);
            let reading = store.search.reading(number);
            reading.await.expect("it can be written");
            let put = store.search.put_printed(number, printed);
            put.await.expect("it can be written");
        }
    }
}

fn entry(number: u64) -> Entry {
    let agents = hosts(number % SETS);
    Entry {
        number: RunNumber(number),
        id: RunId::from_bytes(u128::from(number).to_be_bytes()),
        accepted_ms: number * 60_000,
        closed_ms: number * 60_000 + 900,
        by: Principal::Discord(3_000 + number % 20),
        place: Some((1, 5)),
        selector: "role=web".to_owned(),
        command: format!("systemctl status unit-{}", number % 500),
        run_as: None,
        timeout_ms: 300_000,
        counted: agents.len() as u64,
        ok: agents.len() as u64,
        agents,
        hosts: "web-[01-10]".to_owned(),
        took_ms: Some(900),
        stand: Stand::Ok,
        summary: format!("✅ #{number} · 10 hosts · 10 ok"),
        settled: true,
    }
}

fn report(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |part: usize| {
        let place = (took.len() * part / 100).min(took.len() - 1);
        took.get(place).copied().unwrap_or_default().as_secs_f64() * 1_000.0
    };
    println!("{what}: p50 {:.1} ms, p99 {:.1} ms", at(50), at(99));
}
