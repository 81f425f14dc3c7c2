//! What is put in is found again by everything that can be looked for, by those who may see it, and is gone when it should be.

use std::collections::BTreeSet;
use std::time::Duration;

use shanty_core::history::{Sight, Stand, Words};

use super::*;

fn agent(n: u8) -> AgentId {
    AgentId::from_bytes([n; 16])
}

fn entry(number: u64, hosts: &[u8], command: &str) -> Entry {
    Entry {
        number: RunNumber(number),
        id: RunId::from_bytes(u128::from(number).to_be_bytes()),
        accepted_ms: number * 1_000,
        closed_ms: number * 1_000 + 5,
        by: Principal::Discord(3_001 + number % 2),
        place: Some((1, 5)),
        selector: "all".to_owned(),
        command: command.to_owned(),
        run_as: None,
        timeout_ms: 0,
        agents: hosts.iter().map(|n| agent(*n)).collect(),
        hosts: "some".to_owned(),
        counted: hosts.len() as u64,
        ok: hosts.len() as u64,
        took_ms: Some(3),
        stand: Stand::Ok,
        summary: format!("✅ #{number}"),
        settled: true,
    }
}

fn everything() -> Query {
    Query {
        sight: Sight::Everything,
        who: Vec::new(),
        on: None,
        since_ms: 0,
        stand: None,
        words: None,
    }
}

fn words(text: &str) -> Query {
    Query {
        words: Some(Words::parse(text).unwrap()),
        ..everything()
    }
}

fn hosts(of: &[u8]) -> BTreeSet<AgentId> {
    of.iter().map(|n| agent(*n)).collect()
}

fn printed(hosts: &[u8], text: &str) -> Printed {
    Printed {
        agents: hosts.iter().map(|n| agent(*n)).collect(),
        text: text.to_owned(),
    }
}

/// Nobody waits so long here.
fn late() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

struct World {
    dir: tempfile::TempDir,
    search: Search,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let search = Search::open(&dir.path().join("search.db")).unwrap();
        Self { dir, search }
    }

    async fn with(entries: Vec<Entry>) -> Self {
        let world = Self::new();
        world.search.put(entries).await.unwrap();
        world
    }

    async fn find(&self, query: Query, turn: Turn, limit: usize) -> Page {
        let found = self.search.find(query, turn, limit, late());
        found.await.unwrap()
    }

    async fn printed(&self, number: u64, texts: Vec<Printed>) {
        self.search.reading(RunNumber(number)).await.unwrap();
        let put = self.search.put_printed(RunNumber(number), texts);
        put.await.unwrap();
    }

    async fn numbers(&self, query: &Query) -> Vec<u64> {
        let runs = self.find(query.clone(), Turn::Newest, 100).await.runs;
        let count = self.search.count(query.clone(), late()).await.unwrap();
        assert_eq!(count, (runs.len() as u64, Counted::All));
        runs.iter().map(|found| found.entry.number.0).collect()
    }
}

#[tokio::test]
async fn runs_are_found_by_who_where_when_how_and_what() {
    let mut failed = entry(3, &[1, 2], "systemctl restart nginx");
    failed.stand = Stand::Failed;
    let all = vec![
        entry(1, &[1], "uptime"),
        entry(2, &[2], "df -h"),
        failed.clone(),
        entry(4, &[3], "apt-get -qy upgrade"),
    ];
    let world = World::with(all).await;
    assert_eq!(world.numbers(&everything()).await, [4, 3, 2, 1]);
    let who = |who: u64| Query {
        who: vec![Principal::Discord(who)],
        ..everything()
    };
    assert_eq!(world.numbers(&who(3_001)).await, [4, 2]);
    assert_eq!(world.numbers(&who(9)).await, [0_u64; 0]);
    let on = |on: &[u8]| Query {
        on: Some(hosts(on)),
        ..everything()
    };
    assert_eq!(world.numbers(&on(&[1])).await, [3, 1]);
    assert_eq!(world.numbers(&on(&[1, 3])).await, [4, 3, 1]);
    assert_eq!(world.numbers(&on(&[])).await, [0_u64; 0]);
    let since = |since_ms| Query {
        since_ms,
        ..everything()
    };
    assert_eq!(world.numbers(&since(3_000)).await, [4, 3]);
    assert_eq!(world.numbers(&since(9_000)).await, [0_u64; 0]);
    let stand = Query {
        stand: Some(Stand::Failed),
        ..everything()
    };
    assert_eq!(world.numbers(&stand).await, [3]);
    assert_eq!(world.numbers(&words("restart ngin")).await, [3]);
    assert_eq!(world.numbers(&words("apt-get")).await, [4]);
    let both = Query {
        who: vec![Principal::Discord(3_001)],
        ..words("restart")
    };
    assert_eq!(world.numbers(&both).await, [0_u64; 0], "it was another");

    let page = world.find(stand, Turn::Newest, 10).await;
    assert_eq!(page.runs[0].entry, failed);
}

#[tokio::test]
async fn output_is_searched_where_it_was_printed_and_where_it_may_be_seen() {
    let world = World::with(vec![entry(7, &[1, 2, 3], "df -h"), entry(8, &[9], "df -h")]).await;
    let texts = vec![
        printed(&[1, 2], "/dev/sda1 40%\nall is well\n"),
        printed(&[3], "/dev/sda1 97%\nNo space left on device\n"),
    ];
    assert_eq!(world.search.unread(9).await.unwrap().len(), 2);
    world.printed(7, texts).await;
    let secret = vec![printed(&[9], "No space left on the moon\n")];
    world.printed(8, secret).await;
    assert_eq!(world.search.unread(9).await.unwrap(), []);

    let space = words("space LEFT");
    assert_eq!(world.numbers(&space).await, [8, 7]);
    let seen = |query: &Query| Query {
        sight: Sight::Under(vec![hosts(&[1, 2, 3])]),
        ..query.clone()
    };
    assert_eq!(world.numbers(&seen(&space)).await, [7]);
    assert_eq!(world.numbers(&seen(&words("moon"))).await, [0_u64; 0]);
    let on = |on: &[u8]| Query {
        on: Some(hosts(on)),
        ..space.clone()
    };
    assert_eq!(world.numbers(&on(&[3])).await, [7]);
    assert_eq!(
        world.numbers(&on(&[1])).await,
        [0_u64; 0],
        "db-01 printed it"
    );

    let found = world.find(seen(&space), Turn::Newest, 10).await;
    let hit = found.runs[0].hit.clone().unwrap();
    assert_eq!(hit.agent, agent(3));
    assert!(hit.text.contains("No space left on device"), "{}", hit.text);
    assert!(!hit.text.contains('\n'));
    let both = world.find(words("df"), Turn::Newest, 10).await;
    assert!(both.runs.iter().all(|found| found.hit.is_none()));
}

#[tokio::test]
async fn deleted_output_is_not_found_any_more_but_by_those_who_printed_the_same() {
    let world = World::with(vec![entry(7, &[1, 2], "x")]).await;
    let texts = vec![printed(&[1, 2], "panic in the engine room")];
    world.printed(7, texts).await;
    let id = entry(7, &[], "").id;
    world.search.forget_printed(id, agent(1)).await.unwrap();
    let page = world.find(words("panic"), Turn::Newest, 9).await;
    assert_eq!(page.runs[0].hit.clone().unwrap().agent, agent(2));
    world.search.forget_printed(id, agent(2)).await.unwrap();
    world.search.forget_printed(id, agent(2)).await.unwrap();
    assert_eq!(world.numbers(&words("panic")).await, [0_u64; 0]);
    assert_eq!(
        world.numbers(&words("x")).await,
        [7],
        "the run is still there"
    );
    assert_eq!(world.search.unread(9).await.unwrap(), [], "nor read again");
}

#[tokio::test]
async fn a_run_that_changed_is_found_as_it_is_and_read_again() {
    let mut run = entry(7, &[1], "first");
    run.stand = Stand::Running;
    run.settled = false;
    let world = World::with(vec![run.clone()]).await;
    assert_eq!(world.search.unread(9).await.unwrap(), [], "it goes on");
    assert_eq!(world.search.settled().await.unwrap(), []);
    run.stand = Stand::Failed;
    run.settled = true;
    world.search.put(vec![run]).await.unwrap();
    assert_eq!(world.search.unread(9).await.unwrap(), [RunNumber(7)]);
    assert_eq!(world.search.settled().await.unwrap(), [RunNumber(7)]);
    assert_eq!(world.numbers(&words("first")).await, [7]);
}

#[tokio::test]
async fn old_runs_are_forgotten_with_all_their_words() {
    let world = World::with((1..=9_u8).map(|n| entry(n.into(), &[n], "mast")).collect()).await;
    let texts = vec![printed(&[3], "barnacles")];
    world.printed(3, texts).await;
    let gone = world.search.forget_before(5_000).await.unwrap();
    assert_eq!(gone.len(), 4);
    assert_eq!(world.numbers(&everything()).await, [9, 8, 7, 6, 5]);
    assert_eq!(world.numbers(&words("mast")).await, [9, 8, 7, 6, 5]);
    assert_eq!(world.numbers(&words("barnacles")).await, [0_u64; 0]);
}

#[tokio::test]
async fn pages_lead_to_older_and_newer_ones_and_lose_none() {
    let world = World::with((1..=25).map(|n| entry(n, &[1], "x")).collect()).await;
    let page = async |turn| {
        let page = world.find(everything(), turn, 10).await;
        let numbers: Vec<u64> = page.runs.iter().map(|found| found.entry.number.0).collect();
        (numbers, page.older.map(|n| n.0), page.newer.map(|n| n.0))
    };
    let down = |from: u64, to: u64| (to..=from).rev().collect::<Vec<u64>>();
    assert_eq!(page(Turn::Newest).await, (down(25, 16), Some(16), None));
    let second = page(Turn::Before(RunNumber(16))).await;
    assert_eq!(second, (down(15, 6), Some(6), Some(15)));
    let last = page(Turn::Before(RunNumber(6))).await;
    assert_eq!(last, (down(5, 1), None, Some(5)));
    let back = page(Turn::After(RunNumber(5))).await;
    assert_eq!(back, (down(15, 6), Some(6), Some(15)));
    let first = page(Turn::After(RunNumber(15))).await;
    assert_eq!(first, (down(25, 16), Some(16), None));
}

#[tokio::test]
async fn a_look_that_goes_through_too_much_goes_on_with_the_next() {
    let mut all: Vec<Entry> = (2..=20_050).map(|n| entry(n, &[1], "x")).collect();
    all.push(entry(1, &[2], "x"));
    let world = World::with(all).await;
    let seen = Query {
        sight: Sight::Under(vec![hosts(&[2])]),
        ..everything()
    };
    for query in [
        seen.clone(),
        Query {
            words: words("x").words,
            ..seen
        },
    ] {
        let first = world.find(query.clone(), Turn::Newest, 10).await;
        assert!(first.runs.is_empty());
        let next = Turn::Before(first.older.unwrap());
        let (_, counted) = world.search.count(query.clone(), late()).await.unwrap();
        assert_eq!(counted, Counted::More);
        let second = world.find(query, next, 10).await;
        assert_eq!(second.runs[0].entry.number, RunNumber(1));
        assert_eq!(second.older, None);
    }
}

#[tokio::test]
async fn commands_are_those_of_a_person_and_of_a_channel_without_masked_ones() {
    let mut elsewhere = entry(4, &[1], "uname -r");
    elsewhere.place = Some((1, 6));
    let mut local = entry(6, &[1], "reboot");
    (local.by, local.place) = (Principal::Local("root".to_owned()), None);
    let world = World::with(vec![
        entry(1, &[1], "uptime"),
        entry(2, &[2], "df -h"),
        entry(3, &[1], "login [masked]"),
        elsewhere,
        local,
    ])
    .await;
    let texts =
        |ran: &[Ran]| -> Vec<String> { ran.iter().map(|ran| ran.command.clone()).collect() };
    let person = Principal::Discord(3_001);
    let (own, here) = world.search.commands(person, Some(5)).await.unwrap();
    assert_eq!(texts(&own), ["uname -r", "df -h"]);
    assert_eq!(texts(&here), ["df -h", "uptime"]);
    assert_eq!(here[0].agents, [agent(2)]);
}

#[tokio::test]
async fn what_cannot_be_used_is_made_anew() {
    let world = World::with(vec![entry(1, &[1], "x")]).await;
    let path = world.dir.path().join("search.db");
    drop(world.search);
    let again = Search::open(&path).unwrap();
    assert_eq!(again.settled().await.unwrap(), [RunNumber(1)]);
    drop(again);
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("UPDATE folded SET version = 9")
        .unwrap();
    drop(other);
    let anew = Search::open(&path).unwrap();
    assert_eq!(anew.settled().await.unwrap(), [], "another version");
    drop(anew);
    std::fs::write(&path, "this is no database at all, whatever its name says").unwrap();
    let anew = Search::open(&path).unwrap();
    assert_eq!(anew.settled().await.unwrap(), []);
}

#[tokio::test]
async fn what_is_masked_later_is_masked_when_it_is_read() {
    use shanty_core::output::mask::Secret;
    let world = World::with(vec![entry(1, &[1], "login s3cret-value now")]).await;
    let texts = vec![printed(&[1], "token s3cret-value accepted")];
    world.printed(1, texts).await;
    let masks = Masks::new(&[Secret::new(b"s3cret-value").unwrap()], false);
    let search = world.search.clone().masked(masks);
    let page = search
        .find(words("accepted"), Turn::Newest, 9, late())
        .await
        .unwrap();
    assert_eq!(page.runs[0].entry.command, "login [masked] now");
    assert_eq!(
        page.runs[0].hit.as_ref().unwrap().text,
        "token [masked] accepted"
    );
    let (own, here) = search
        .commands(Principal::Discord(3_002), Some(5))
        .await
        .unwrap();
    assert_eq!((own, here), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_look_whose_time_is_over_says_so_and_keeps_nobody_waiting() {
    let world = World::with((1..=300).map(|n| entry(n, &[1], "x")).collect()).await;
    let over = Instant::now();
    let all_words: Vec<String> = (0..16).map(|n| format!("word{n}")).collect();
    for query in [
        everything(),
        words("x"),
        words(&all_words.join(" ")),
        words("a\" OR \"b* NEAR(x) {y}: ^z"),
    ] {
        let page = world
            .search
            .find(query.clone(), Turn::Newest, 10, over)
            .await;
        let page = page.unwrap();
        assert_eq!((page.runs.len(), page.older), (0, None));
        assert!(page.short.contains(&Short::Stopped), "{query:?}");
        let counted = world.search.count(query.clone(), over).await.unwrap();
        assert_eq!(counted, (0, Counted::More));
        let page = world.find(query, Turn::Newest, 10).await;
        assert!(!page.short.contains(&Short::Stopped));
    }
}

#[tokio::test]
async fn others_look_while_one_takes_its_time() {
    let world = World::with(vec![entry(1, &[1], "x")]).await;
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let slow = world.search.looks.work(move |_| {
        wait.lock().unwrap().recv().ok(); // until others have looked
        Ok(())
    });
    let quick = async {
        assert_eq!(world.numbers(&everything()).await, [1]);
        let table = world.search.step(everything(), Turn::Newest, 10, late());
        assert_eq!(table.await.unwrap().runs.len(), 1);
        drop(go);
    };
    let (slow, ()) = tokio::join!(slow, quick);
    slow.unwrap();
}

#[tokio::test]
async fn whoever_finds_all_of_them_busy_is_told_and_leaves_nothing_behind() {
    let world = World::with(vec![entry(1, &[1], "x")]).await;
    let held = world.search.looks.hold_all().await;
    let now = Instant::now();
    let page = world.search.find(everything(), Turn::Newest, 10, now).await;
    assert!(page.unwrap().short.contains(&Short::Stopped));
    drop(held);
    assert_eq!(world.numbers(&everything()).await, [1]);
}

#[tokio::test]
async fn a_reader_is_given_back_by_work_that_panicked() {
    let world = World::with(vec![entry(1, &[1], "x")]).await;
    for _ in 0..2 {
        let panicked: Result<(), StoreError> = world
            .search
            .quick
            .work(|_| panic!("the work of a test"))
            .await;
        assert!(matches!(panicked, Err(StoreError::Stopped)));
    }
    assert_eq!(world.search.settled().await.unwrap(), [RunNumber(1)]);
}

#[tokio::test]
async fn large_outputs_are_put_in_and_forgotten_in_slices_between_which_others_write() {
    let world = World::with(vec![entry(7, &[1], "big"), entry(8, &[1], "small")]).await;
    let text = "barnacle ".repeat(PRINTED_BYTES_MAX / 9);
    let texts: Vec<Printed> = (0..20).map(|n| printed(&[n], &text)).collect();
    let parts = slices(texts.clone());
    let bytes = |slice: &Vec<Printed>| slice.iter().map(|one| one.text.len()).sum::<usize>();
    assert!(
        parts
            .iter()
            .map(bytes)
            .all(|bytes| bytes <= rows::SLICE_BYTES)
    );
    assert_eq!(parts.concat(), texts);
    assert!(parts.len() > 2);
    assert_eq!(slices(vec![printed(&[1], &"x".repeat(9_000_000))]).len(), 1);

    world.printed(7, texts.clone()).await;
    let found = world.find(words("barnacle"), Turn::Newest, 9).await;
    assert_eq!(found.runs[0].entry.number, RunNumber(7));
    // Again in the place of what was there, and then not at all.
    world.printed(7, texts[..1].to_vec()).await;
    let rows = |world: &World| {
        let path = world.dir.path().join("search.db");
        let count = "SELECT (SELECT count(*) FROM word), (SELECT count(*) FROM printed)";
        let rows = Connection::open(path).unwrap();
        rows.query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
    };
    assert_eq!(rows(&world), (3, 1));
    world.printed(7, texts).await;
    assert_eq!(rows(&world), (22, 20));
    assert_eq!(world.search.forget_before(8_000).await.unwrap().len(), 1);
    assert_eq!(rows(&world), (1, 0));
}

#[tokio::test]
async fn a_run_that_changes_while_its_output_is_read_is_read_again() {
    let world = World::with(vec![entry(7, &[1, 2], "x")]).await;
    world.search.reading(RunNumber(7)).await.unwrap();
    world
        .search
        .put(vec![entry(7, &[1, 2], "x")])
        .await
        .unwrap();
    let texts = vec![printed(&[1], "first")];
    world.search.put_printed(RunNumber(7), texts).await.unwrap();
    assert_eq!(world.search.unread(9).await.unwrap(), [RunNumber(7)]);
    let page = world.find(words("first"), Turn::Newest, 9).await;
    assert_eq!(page.short, [Short::Printed].into(), "more may come");
    world.printed(7, vec![printed(&[1], "first")]).await;
    assert_eq!(world.search.unread(9).await.unwrap(), []);
    let page = world.find(words("first"), Turn::Newest, 9).await;
    assert_eq!(page.short, [].into());
    // Nor is one lost whose reading was never finished.
    world.search.reading(RunNumber(7)).await.unwrap();
    assert_eq!(world.search.unread(9).await.unwrap(), [RunNumber(7)]);
}
