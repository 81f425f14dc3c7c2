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

    /// Waits for the end on the card and in the thread, and checks what the thread holds: each message once, in order.
    async fn ends_well(&self, world: &World) {
        self.operator.card_end(&self.interaction, "exit 0").await;
        let thread = self.operator.in_thread_of(&self.interaction).await;
        let end = format!("\n{LINES}\n```\n-# exit 0");
        let ended = |page: &Message| page.text().contains(&end);
        thread.sees("the end", ended).await;
        let file = |page: &Message| !page.files().is_empty();
        thread.sees("the file", file).await;
        let messages = world.transcript(&thread.channel).await;
        let texts: Vec<String> = messages
            .into_iter()
            .map(|one| Message(one).text())
            .collect();
        let [first, second, third, tail, _file] = &texts[..] else {
            panic!("three pages, the tail and the file: {texts:#?}");
        };
        let pages = [first, second, third].map(|page| numbers(page)).concat();
        assert!(
            pages.iter().copied().eq(1..=pages.len()),
            "the pages follow one another: {pages:?}"
        );
        let tail = numbers(tail);
        assert_eq!(tail.last(), Some(&LINES), "{tail:?}");
        assert!(tail.is_sorted() && tail.first() > pages.last(), "{tail:?}");
    }
}

/// The numbers that stand alone on a line.
fn numbers(page: &str) -> Vec<usize> {
    page.lines().filter_map(|line| line.parse().ok()).collect()
}

async fn world(rate_limits: bool) -> World {
    let options = Options {
        rate_limits,
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

/// One card for each run, and nothing else in the channel.
async fn check_cards(operator: &Person, runs: usize) {
    let cards = operator.view().await;
    let texts: Vec<String> = cards.iter().map(Message::text).collect();
    assert_eq!(cards.len(), runs, "{texts:#?}");
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
        run.ends_well(&world).await;
    }
    check_cards(&operator, runs.len()).await;
    let stats = world.act("stats", &json!({})).await;
    assert_eq!(stats["rate_limited"], 0, "{stats}");
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
    for (aim, after_commit) in [(create, true), (edit, true), (edit, false)] {
        let hang = json!({"after_commit": after_commit});
        order(&world, "hang_next", aim, 1, &hang).await;
    }
    let runs = ask(&operator, &format!("seq 1 {LINES}"), 6).await;
    for run in &runs {
        run.ends_well(&world).await;
    }
    check_cards(&operator, runs.len()).await;
    let traffic = world.traffic().await;
    let with = |status: u64| {
        traffic
            .iter()
            .filter(|call| call["status"] == status)
            .count()
    };
    let failed = [429, 500, 502, 503, 524].map(with);
    assert_eq!(failed, [12, 8, 3, 3, 3], "everything staged happened");
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
    let thread = operator.in_thread_of(&run.interaction).await;
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
    run.ends_well(&world).await;
    check_cards(&operator, 1).await;
    shanty_tests::wait::until("the bot to hear again", || async {
        let stats = world.act("stats", &json!({})).await;
        let hears = stats["identifies"] == 2 && stats["gateway_connections"] == 1;
        hears.then_some(()).ok_or(stats)
    })
    .await;
    let asked = operator.run("web-01", "true").await;
    operator.card_end(&asked, "exit 0").await;
    world.end().await;
}
