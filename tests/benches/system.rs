//! The figures of docs/PERFORMANCE.md: `cargo bench --package shanty-tests --bench system`.
//!
//! Real processes on loopback, release build, the sandbox's rate limits off so that our own time is measured.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::{Duration, Instant};

use serde_json::json;
use shanty_tests::{Options, Programs, World};

/// Rounds of the short measurements.
const ROUNDS: usize = 100;
/// Half of the large output, in lines of 50 bytes: one execution keeps 64 MiB, so two run at once.
const HALF: &str = "yes 0123456789012345678901234567890123456789012345678 | head -c 50000000";
/// Between two commands in chat: our own limiter keeps to Discord's 50 calls a second, and a run makes about five.
const PAUSE: Duration = Duration::from_millis(250);
/// How long an idle agent is watched.
const IDLE: Duration = Duration::from_secs(30);

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
        rate_limits: false,
        limits: "person_runs = 100000\nchannel_runs = 100000\nperson_running = 1000\nchannel_running = 1000"
            .to_owned(),
        ..Options::default()
    };
    let hosts = [
        ("web-01", "role=web"),
        ("web-02", "role=web"),
        ("db-01", "role=db"),
    ];
    let mut world = World::with_hosts(&programs, options, &hosts).await;
    idle(&mut world).await;
    command_line(&world, "shanty run of true, 1 host", "web-01").await;
    command_line(&world, "shanty run of true, 3 hosts", "all").await;
    chat(&world).await;
    large(&world).await;
    world.stop().await;
}

/// The agent's own memory and processor time while nothing happens.
async fn idle(world: &mut World) {
    let id = world.host("web-01").agent().id();
    let before = cpu_ticks(id);
    tokio::time::sleep(IDLE).await;
    let ticks = cpu_ticks(id) - before;
    let share = 100.0 * f64::from(ticks) / (IDLE.as_secs_f64() * 100.0);
    println!(
        "agent when idle: {} KiB resident, {share:.2} % of one CPU over {IDLE:?}",
        resident_kib(id)
    );
}

async fn command_line(world: &World, what: &str, on: &str) {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let ran = world
            .shanty(&["run", "--on", on, "--yes", "--", "true"])
            .await;
        times.push(begun.elapsed());
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    report(what, times);
}

async fn chat(world: &World) {
    let operator = world.operator();
    let mut first = Vec::new();
    for round in 0..ROUNDS {
        let begun = Instant::now();
        let interaction = operator
            .run("web-01", &format!("echo round-$(({round}+1000))"))
            .await;
        let thread = operator.in_thread_of(&interaction).await;
        let text = format!("round-{}", round + 1000);
        thread.sees(&text, |page| page.text().contains(&text)).await;
        first.push(begun.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    let stats = world.act("stats", &json!({})).await;
    println!(
        "slash command sent to answered, by the sandbox's clock: {}",
        stats["acknowledgement"]
    );
    report(
        "slash command sent to first output byte in a message of the thread",
        first,
    );
}

async fn large(world: &World) {
    let begun = Instant::now();
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let args = ["run", "--detach", "--json", "--on", "web-01", "--", HALF];
        let ran = world.shanty(&args).await.json();
        numbers.push(
            ran["number"]
                .as_u64()
                .expect("a run has a number")
                .to_string(),
        );
    }
    for number in numbers {
        let run = loop {
            let run = world
                .shanty(&["runs", "show", &number, "--json"])
                .await
                .json();
            if run["state"] == "closed" {
                break run;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert_eq!(run["executions"][0]["output_bytes"], 50_000_000, "{run}");
    }
    let took = begun.elapsed().as_secs_f64();
    println!(
        "100 MB of lines from one host until stored and acknowledged: {took:.2} s, {:.0} MB/s",
        100.0 / took
    );
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

fn resident_kib(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Processor time of a process, hundredths of a second.
fn cpu_ticks(id: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let field = |at: usize| {
        after
            .split_whitespace()
            .nth(at)
            .and_then(|f| f.parse::<u32>().ok())
    };
    field(11).unwrap_or(0) + field(12).unwrap_or(0)
}
