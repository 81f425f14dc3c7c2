//! How long somebody waits who looks back: `cargo bench --package shanty-controller --bench search`.
//!
//! A hundred thousand runs on a hundred sets of hosts, each with a kilobyte of output; words that stand nowhere, seldom and everywhere, for
//! somebody who may see all and for somebody who may see one set.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::{Duration, Instant};

use shanty_controller::store::{Printed, Store};
use shanty_core::history::{Entry, Query, Sight, Stand, Turn, Words};
use shanty_core::ids::{AgentId, RunId, RunNumber};
use shanty_core::principal::Principal;

/// Runs that are known.
const RUNS: u64 = 100_000;
/// Sets of hosts that they are on, each of ten hosts.
const SETS: u64 = 100;
/// Looks at each thing.
const LOOKS: usize = 200;

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
        let mut took = Vec::with_capacity(LOOKS);
        for _ in 0..LOOKS {
            let begun = Instant::now();
            let found = store.search.find(query.clone(), Turn::Newest, 10).await;
            found.expect("it can be read");
            let counted = store.search.count(query.clone()).await;
            counted.expect("it can be read");
            took.push(begun.elapsed());
        }
        report(what, took);
    }
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
            let put = store.search.put_printed(RunNumber(*number), printed);
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
