//! What is put in is found again by everything that can be looked for, by those who may see it, and is gone when it should be.

use std::collections::BTreeSet;

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

    async fn numbers(&self, query: &Query) -> Vec<u64> {
        let page = self.search.find(query.clone(), Turn::Newest, 100).await;
        let runs = page.unwrap().runs;
        let count = self.search.count(query.clone()).await.unwrap();
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

    let page = world.search.find(stand, Turn::Newest, 10).await.unwrap();
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
    world.search.put_printed(RunNumber(7), texts).await.unwrap();
    let secret = vec![printed(&[9], "No space left on the moon\n")];
    world
        .search
        .put_printed(RunNumber(8), secret)
        .await
        .unwrap();
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

    let found = world.search.find(seen(&space), Turn::Newest, 10).await;
    let hit = found.unwrap().runs[0].hit.clone().unwrap();
    assert_eq!(hit.agent, agent(3));
    assert!(hit.text.contains("No space left on device"), "{}", hit.text);
    assert!(!hit.text.contains('\n'));
    let both = world.search.find(words("df"), Turn::Newest, 10).await;
    assert!(both.unwrap().runs.iter().all(|found| found.hit.is_none()));
}

#[tokio::test]
async fn deleted_output_is_not_found_any_more_but_by_those_who_printed_the_same() {
    let world = World::with(vec![entry(7, &[1, 2], "x")]).await;
    let texts = vec![printed(&[1, 2], "panic in the engine room")];
    world.search.put_printed(RunNumber(7), texts).await.unwrap();
    let id = entry(7, &[], "").id;
    world.search.forget_printed(id, agent(1)).await.unwrap();
    let page = world.search.find(words("panic"), Turn::Newest, 9).await;
    assert_eq!(page.unwrap().runs[0].hit.clone().unwrap().agent, agent(2));
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
    world.search.put_printed(RunNumber(3), texts).await.unwrap();
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
        let page = world.search.find(everything(), turn, 10).await.unwrap();
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
        let first = world
            .search
            .find(query.clone(), Turn::Newest, 10)
            .await
            .unwrap();
        assert!(first.runs.is_empty());
        let next = Turn::Before(first.older.unwrap());
        let (_, counted) = world.search.count(query.clone()).await.unwrap();
        assert_eq!(counted, Counted::More);
        let second = world.search.find(query, next, 10).await.unwrap();
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
    world.search.put_printed(RunNumber(1), texts).await.unwrap();
    let masks = Masks::new(&[Secret::new(b"s3cret-value").unwrap()], false);
    let search = world.search.clone().masked(masks);
    let page = search
        .find(words("accepted"), Turn::Newest, 9)
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
