//! How fresh is what people see while commands run: `cargo bench --package shanty-tests --bench live`.
//!
//! Real processes on loopback, release build, with Discord's rate limits as the sandbox enforces them. Commands print the time; a line is
//! visible from the first write of a message of the thread on that holds it.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use shanty_tests::{Options, Programs, World};

/// Runs at once.
const RUNS: usize = 20;
/// Lines that each of them prints, one each tenth of a second.
const LINES: usize = 600;
/// Hosts of the run on many.
const HOSTS: usize = 12;
/// Hosts of the run on a whole fleet: each of them is a process of its own.
const FLEET: usize = 500;

fn main() {
    shanty_tests::bench::run(all());
}

async fn all() {
    let programs = Programs {
        shanty: env!("CARGO_BIN_EXE_shanty-under-test").into(),
        agent: env!("CARGO_BIN_EXE_shanty-agent-under-test").into(),
        sandbox: env!("CARGO_BIN_EXE_shanty-sandbox-under-test").into(),
    };
    let options = Options {
        limits: "confirm_hosts = 1000\nperson_running = 1000\nchannel_running = 1000".to_owned(),
        ..Options::default()
    };
    let mut world = World::start(&programs, options).await;
    for n in 1..=HOSTS {
        world
            .add_host(&format!("web-{n:02}"), "env=prod,role=web")
            .await;
    }
    let print = format!("for i in $(seq {LINES}); do echo t$(date +%s%3N); sleep 0.1; done");
    // The names of parts, when not all are wanted.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wanted = |part: &str| wanted.is_empty() || wanted.iter().any(|name| name == part);
    if wanted("many") {
        many(&world, &print).await;
    }
    if wanted("together") {
        together(&world).await;
    }
    if wanted("flood") {
        flood(&world).await;
    }
    if wanted("fleet") {
        for n in HOSTS + 1..=FLEET {
            world.add_host(&format!("web-{n:03}"), "env=prod").await;
        }
        fleet(&world).await;
    }
    world.stop().await;
}

/// One host prints in each of many runs at once.
async fn many(world: &World, print: &str) {
    let operator = world.operator();
    for n in 0..RUNS {
        let host = format!("web-{:02}", n % HOSTS + 1);
        operator.run(&host, print).await;
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    ends(world, RUNS).await;
    let mut all = Vec::new();
    let mut first = Vec::new();
    for (_, lines) in seen(&writes(world).await) {
        first.extend(lines.iter().take(3).map(|(_, late)| *late));
        all.extend(lines.into_values());
    }
    report(
        "a line printed until it is visible, 20 runs at once",
        &mut all,
    );
    report("the first three lines of each", &mut first);
    println!("lines that were visible: {} of {}", all.len(), RUNS * LINES);
}

/// Many hosts print in one run: how old the newest visible line of each is, whenever the common message changes.
async fn together(world: &World) {
    let operator = world.operator();
    let ended = over(world).await;
    let seen_before = writes(world).await.len();
    let command = "for i in $(seq 200); do echo t$(date +%s%3N); sleep 0.1; done";
    operator.run("role=web", command).await;
    ends(world, ended + 1).await;
    let mut ages = Vec::new();
    let mut shown: BTreeMap<String, u64> = BTreeMap::new();
    let mut last = 0;
    for write in writes(world).await.into_iter().skip(seen_before) {
        let live = write.text.contains(" │ t");
        if !live {
            continue;
        }
        // Just before this write people see what the last one showed.
        if last > 0 {
            ages.extend(shown.values().map(|time| write.at_ms.saturating_sub(*time)));
        }
        last = write.at_ms;
        for line in write.text.lines() {
            if let Some((host, time)) = line.split_once(" │ t")
                && let Ok(time) = time.trim().parse()
            {
                shown.insert(host.trim().to_owned(), time);
            }
        }
    }
    assert_eq!(shown.len(), HOSTS, "every host was seen");
    report(
        "age of a host's newest visible line just before the next, 12 hosts in one run",
        &mut ages,
    );
}

/// A run of very much output: what it costs in requests.
async fn flood(world: &World) {
    let operator = world.operator();
    for megabytes in [1_u64, 50] {
        let before = writes(world).await.len();
        let bytes = megabytes * 1_000_000;
        let command =
            format!("yes 0123456789012345678901234567890123456789012345678 | head -c {bytes}");
        let run = operator.run("web-01", &command).await;
        operator.card_end(&run, "exit 0").await;
        operator
            .in_thread_of(&run)
            .await
            .sees("the files", |message| !message.files().is_empty())
            .await;
        let after = writes(world).await.len();
        println!(
            "messages written for a run of {megabytes} MB: {}",
            after - before
        );
    }
}

/// A run on a whole fleet with three different outputs: how long after the last command's end people see the end, and what it costs.
async fn fleet(world: &World) {
    let operator = world.operator();
    let before = writes(world).await;
    let folder = world.dir.path().join("ends");
    std::fs::create_dir(&folder).expect("a folder can be made");
    let dir = folder.display();
    let command = format!(
        "if mkdir {dir}/odd; then echo 6.1.0-33; elif mkdir {dir}/bad; then echo 'Could not get lock'; code=100; \
         else echo 6.1.0-37; fi 2>/dev/null; date +%s%3N >{dir}/$$.end; exit $code"
    );
    let asked = operator.run_confirmed("all", &command).await;
    operator.card_end(&asked, "2 different outputs").await;
    let ends = std::fs::read_dir(&folder).expect("the folder is there");
    let ends = ends.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok());
    let ends: Vec<u64> = ends.filter_map(|time| time.trim().parse().ok()).collect();
    let last = ends.iter().max().copied().unwrap_or(0);
    let first = ends.iter().min().copied().unwrap_or(0);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let writes = writes(world).await;
    let new = &writes[before.len()..];
    let end = new
        .iter()
        .find(|write| write.card.contains("2 different outputs"));
    let card = end.expect("the end of the run was written").at_ms;
    let card = card.saturating_sub(last);
    let pages = new
        .last()
        .map_or(0, |write| write.at_ms.saturating_sub(last));
    let shown = operator.in_thread_of(&asked).await.view().await;
    println!(
        "{FLEET} hosts, of which {} ended within {} ms: the card was final {card} ms after the last, all {pages} ms after it; \
         {} messages in the thread, {} writes",
        ends.len(),
        last.saturating_sub(first),
        shown.len(),
        new.len()
    );
}

/// Waits until so many runs are over, and a moment for their last messages.
async fn ends(world: &World, runs: usize) {
    while over(world).await < runs {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
}

/// How many runs are over.
async fn over(world: &World) -> usize {
    let all = world.runs().await;
    all.iter().filter(|run| run["state"] == "closed").count()
}

/// A write of a message, as the sandbox took it.
struct Write {
    at_ms: u64,
    channel: String,
    text: String,
    /// What was sent, when that was a card.
    card: String,
}

/// Every message that was created or edited, oldest first.
async fn writes(world: &World) -> Vec<Write> {
    let mut writes = Vec::new();
    for exchange in world.traffic().await {
        let path = exchange["path"].as_str().unwrap_or_default();
        let method = exchange["method"].as_str().unwrap_or_default();
        let taken = exchange["status"]
            .as_u64()
            .is_some_and(|status| status < 300);
        if !path.contains("/messages") || method == "GET" || !taken {
            continue;
        }
        let channel = path
            .split('/')
            .skip_while(|part| *part != "channels")
            .nth(1);
        let at = exchange["at"].as_str().unwrap_or_default();
        writes.push(Write {
            at_ms: millis(at),
            channel: channel.unwrap_or_default().to_owned(),
            text: text(&exchange["request"]),
            card: exchange["request"]["components"].to_string(),
        });
    }
    writes
}

/// How late each line of each thread was visible, milliseconds, by the time at which it was printed.
fn seen(writes: &[Write]) -> BTreeMap<String, BTreeMap<u64, u64>> {
    let mut threads: BTreeMap<String, BTreeMap<u64, u64>> = BTreeMap::new();
    for write in writes {
        for line in write.text.lines() {
            let printed = line
                .strip_prefix('t')
                .and_then(|time| time.parse::<u64>().ok());
            if let Some(printed) = printed {
                let lines = threads.entry(write.channel.clone()).or_default();
                let late = write.at_ms.saturating_sub(printed);
                lines.entry(printed).or_insert(late);
            }
        }
    }
    threads
}

/// The content of a message; nothing of a card or a form.
fn text(request: &Value) -> String {
    request["content"].as_str().unwrap_or_default().to_owned()
}

/// `2026-11-30T06:44:25.123+00:00` in milliseconds since the Unix epoch.
fn millis(at: &str) -> u64 {
    let number =
        |range: std::ops::Range<usize>| at.get(range).and_then(|digits| digits.parse::<u64>().ok());
    let day = days(
        number(0..4).unwrap_or(0),
        number(5..7).unwrap_or(0),
        number(8..10).unwrap_or(0),
    );
    let time = [(11..13, 3_600_000), (14..16, 60_000), (17..19, 1_000)];
    let time: u64 = time
        .into_iter()
        .map(|(range, unit)| number(range).unwrap_or(0) * unit)
        .sum();
    day * 86_400_000 + time + number(20..23).unwrap_or(0)
}

/// Days since the Unix epoch (the algorithm of days from civil).
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let of_era = year - era * 400;
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + day_of_era - 719_468
}

fn report(what: &str, times: &mut [u64]) {
    times.sort_unstable();
    let at = |share: usize| {
        times
            .get((times.len().max(1) - 1) * share / 100)
            .copied()
            .unwrap_or(0)
    };
    println!(
        "{what}: p50 {} ms, p99 {} ms, worst {} ms of {}",
        at(50),
        at(99),
        at(100),
        times.len()
    );
}
