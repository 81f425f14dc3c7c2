//! Several runs at once while Discord limits, fails, hangs or is away: nothing is lost, nothing is there twice, and the order is kept.

use serde_json::{Value, json};
use shanty_tests::{Gate, Message, Options, Person, World};

use crate::programs;

const WEB: (&str, &str) = ("web-01", "role=web");
/// Lines that fill three pages, the tail and a file.
const LINES: usize = 3_000;

/// A run, and what its card answers.
struct Asked {
    interaction: String,
    operator: Person,
}

impl Asked {
    async fn of(operator: &Person, command: &str) -> Self {
        Self {
            interaction: operator.run("web-01", command).await,
            operator: operator.clone(),
        }
    }

    /// Waits for the end on the card and for all of the output in the thread: each message once, in order.
    async fn ends_well(&self) {
        self.operator.card_end(&self.interaction, "exit 0").await;
        // What failed is made again later, when what comes after it is there already.
        self.thread()
            .await
            .waits("the whole output in order", |seen| {
                wrong(seen).is_none().then_some(())
            })
            .await;
    }

    /// What was there stays as it was.
    async fn is_still_well(&self) {
        let seen = self.thread().await.view().await;
        assert_eq!(wrong(&seen), None);
    }

    async fn thread(&self) -> Person {
        self.operator.in_thread_of(&self.interaction).await
    }
}

/// What is not as it should be in a thread, newest first: three pages that follow one another, the end with the tail, and a file.
fn wrong(seen: &[Message]) -> Option<String> {
    let [file, tail, third, second, first] = seen else {
        return Some(format!("{} messages", seen.len()));
    };
    if file.files().is_empty() {
        return Some(format!("no file: {}", file.text()));
    }
    let pages = [first, second, third]
        .map(|page| numbers(&page.text()))
        .concat();
    if pages.is_empty() || !pages.iter().copied().eq(1..=pages.len()) {
        return Some(format!("the pages do not follow one another: {pages:?}"));
    }
    let (end, tail) = (tail.text(), numbers(&tail.text()));
    let ends = end.contains(&format!("\n{LINES}\n```\n-# exit 0"));
    let follows = tail.is_sorted() && tail.first() > pages.last();
    (!ends || !follows).then(|| format!("not the end: {end}"))
}

/// The numbers that stand alone on a line.
fn numbers(page: &str) -> Vec<usize> {
    page.lines().filter_map(|line| line.parse().ok()).collect()
}

async fn world(rate_limits: bool) -> World {
    let options = Options {
        rate_limits,
        // More at once than a person needs.
        limits: "person_running = 100".to_owned(),
        ..Options::default()
    };
    World::with_hosts(&programs(), options, &[WEB]).await
}

/// Asks for so many runs, one after another; each prints when the gate is opened.
async fn ask(operator: &Person, command: &str, count: usize) -> Vec<Asked> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(Asked::of(operator, command).await);
    }
    all
}

/// Nothing is there twice, also not when another run came to its end after these: one card for each, and their threads as they were.
async fn nothing_came_twice(operator: &Person, runs: &[Asked]) {
    let asked = operator.run("web-01", "true").await;
    operator.card_end(&asked, "exit 0").await;
    for run in runs {
        run.is_still_well().await;
    }
    let cards = operator.view().await;
    let texts: Vec<String> = cards.iter().map(Message::text).collect();
    assert_eq!(cards.len(), runs.len() + 1, "{texts:#?}");
}

/// Orders a fault for calls that match.
async fn order(world: &World, action: &str, aim: (&str, &str), count: u32, more: &Value) {
    let (method, path_glob) = aim;
    let mut fault = json!({"method": method, "path_glob": path_glob, "count": count});
    for (key, value) in more.as_object().into_iter().flatten() {
        fault[key.as_str()] = value.clone();
    }
    world.act(action, &fault).await;
}

#[tokio::test]
async fn twenty_threads_share_the_limits_and_each_comes_to_its_end_in_order() {
    let world = world(true).await;
    let operator = world.operator();
    let runs = ask(&operator, &format!("seq 1 {LINES}"), 20).await;
    for run in &runs {
        run.ends_well().await;
    }
    nothing_came_twice(&operator, &runs).await;
    world.end().await;
}

#[tokio::test]
async fn many_runs_come_to_their_ends_while_discord_limits_fails_and_hangs() {
    let world = world(false).await;
    let operator = world.operator();
    let (create, edit, open) = (
        ("POST", "/channels/*/messages"),
        // Pages by the bot, young cards by the tokens of their interactions.
        ("PATCH", "*/messages/*"),
        ("POST", "/channels/*/threads"),
    );
    for (aim, count, scope) in [
        (create, 4, "user"),
        (edit, 4, "shared"),
        (open, 2, "user"),
        (edit, 1, "global"),
        (create, 1, "global"),
    ] {
        let limit = json!({"retry_after": 0.2, "scope": scope});
        order(&world, "ratelimit_next", aim, count, &limit).await;
    }
    for (aim, count, status, after_commit) in [
        (open, 2, 500, true),
        (create, 3, 502, false),
        (create, 3, 500, true),
        (edit, 3, 503, true),
        (edit, 3, 500, false),
    ] {
        let failure = json!({"status": status, "after_commit": after_commit});
        order(&world, "fail_next", aim, count, &failure).await;
    }
    for (aim, after_commit) in [(create, true), (edit, true)] {
        let hang = json!({"after_commit": after_commit});
        order(&world, "hang_next", aim, 1, &hang).await;
    }
    let runs = ask(&operator, &format!("seq 1 {LINES}"), 6).await;
    for run in &runs {
        run.ends_well().await;
    }
    // No call of a kind is answered well before all that was ordered for it happened, and what failed is made again until it is; some of
    // it is shown before, since it was done although the answer said no.
    shanty_tests::wait::until("all that was ordered to happen", || async {
        let traffic = world.traffic().await;
        let with = |status: u64| {
            traffic
                .iter()
                .filter(|call| call["status"] == status)
                .count()
        };
        let failed = [429, 500, 502, 503, 524].map(with);
        (failed == [12, 8, 3, 3, 2]).then_some(()).ok_or(failed)
    })
    .await;
    nothing_came_twice(&operator, &runs).await;
    world.end().await;
}

#[tokio::test]
async fn a_run_that_ends_while_discord_is_away_is_shown_when_it_is_back() {
    let world = world(false).await;
    let operator = world.operator();
    let mut gate = Gate::new(world.dir.path(), "gate");
    let command = format!(
        "{}; seq 1 10; read x <&3; seq 11 {LINES}",
        gate.open_in_shell()
    );
    let run = Asked::of(&operator, &command).await;
    let thread = run.thread().await;
    let begun = |page: &Message| page.text().contains("\n10\n```\n-# 10 lines");
    thread.sees("the first lines", begun).await;

    // Everything fails, the gateway too, and what it asks for.
    for (method, path_glob) in [("GET", "*"), ("POST", "*"), ("PATCH", "*")] {
        order(
            &world,
            "fail_next",
            (method, path_glob),
            3,
            &json!({"status": 503}),
        )
        .await;
    }
    order(&world, "hang_next", ("PATCH", "*"), 1, &json!({})).await;
    let ways = json!({"how": "tcp", "forget": true});
    world.act("drop_gateway", &ways).await;
    gate.say("on");
    run.ends_well().await;
    shanty_tests::wait::until("the bot to hear again", || async {
        let stats = world.act("stats", &json!({})).await;
        let hears = stats["identifies"].as_u64() >= Some(2) && stats["gateway_connections"] == 1;
        hears.then_some(()).ok_or(stats)
    })
    .await;
    nothing_came_twice(&operator, &[run]).await;
    world.end().await;
}
