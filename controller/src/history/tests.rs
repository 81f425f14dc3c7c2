//! An answer waits for the index only so long, and a table is read step by step.

use shanty_core::history::{Entry, Stand};
use shanty_core::ids::{RunId, RunNumber};
use shanty_core::principal::Principal;
use shanty_core::run::Told;

use super::*;
use crate::testing::{Rig, agent, local, spool};

fn entry(number: u64) -> Entry {
    Entry {
        number: RunNumber(number),
        id: RunId::from_bytes(u128::from(number).to_be_bytes()),
        accepted_ms: number,
        closed_ms: number,
        by: Principal::Discord(3_001),
        place: None,
        selector: "all".to_owned(),
        command: "true".to_owned(),
        run_as: None,
        timeout_ms: 0,
        agents: Vec::new(),
        hosts: String::new(),
        counted: 1,
        ok: 1,
        took_ms: None,
        stand: Stand::Ok,
        summary: format!("✅ #{number}"),
        settled: true,
    }
}

#[tokio::test]
async fn an_answer_waits_for_the_index_only_so_long_and_says_so() {
    let rig = Rig::start().await;
    let history = rig.history();
    let chat = async || {
        let page = history.page(local(), Wanted::default(), Turn::Newest, Extent::CHAT);
        page.await.unwrap()
    };
    let _web = rig.link(1).await;
    let run = rig.run("web-01").await;
    let held = rig.search.hold_writer().await;
    let page = chat().await;
    assert_eq!(page.short, [Short::Newest].into());
    assert!(page.runs.is_empty());
    drop(held);
    let patient = Extent {
        catch_up: Duration::from_secs(600),
        patience: Duration::from_secs(600),
        ..Extent::CHAT
    };
    let page = history.page(local(), Wanted::default(), Turn::Newest, patient);
    let page = page.await.unwrap();
    assert_eq!(page.short, [].into());
    assert_eq!(page.runs[0].entry.id, run);
}

#[tokio::test]
async fn what_was_printed_a_moment_ago_is_found_as_it_was_printed() {
    let rig = Rig::start().await;
    let history = rig.history();
    let mut web = rig.link(1).await;
    let run = rig.run("web-01").await;
    web.order().await;
    rig.hub.told(agent(1), run, Told::Running, false).await;
    let (printed, _) = spool(run, 1, &["```sh kernel 6.1\n"]);
    rig.store((run, 1), &printed).await;
    rig.over(run).await;
    let wanted = Wanted {
        text: Some("kernel".to_owned()),
        ..Wanted::default()
    };
    let patient = Extent {
        catch_up: Duration::from_secs(600),
        patience: Duration::from_secs(600),
        ..Extent::CHAT
    };
    // Nobody feeds the index but whoever looks.
    let page = history.page(local(), wanted, Turn::Newest, patient).await;
    let page = page.unwrap();
    assert_eq!(page.short, [].into());
    let hit = page.runs[0].hit.as_ref().unwrap();
    assert_eq!(
        (hit.host.as_str(), hit.text.as_str()),
        ("web-01", "```sh kernel 6.1")
    );
}

#[tokio::test]
async fn a_table_is_read_step_by_step_to_its_end() {
    let rig = Rig::start().await;
    let all = 2 * TABLE_STEP as u64 + 3;
    rig.search
        .put((1..=all).map(entry).collect())
        .await
        .unwrap();
    let history = rig.history();
    let mut table = history.table(local(), Wanted::default()).await.unwrap();
    let mut numbers = Vec::new();
    loop {
        let step = table.next().await.unwrap();
        assert!(step.len() <= TABLE_STEP);
        if step.is_empty() {
            break;
        }
        numbers.extend(step.into_iter().map(|(found, _)| found.entry.number.0));
    }
    assert_eq!(numbers, (1..=all).rev().collect::<Vec<u64>>());
    assert_eq!(*table.short(), [].into());
}

#[test]
fn a_count_that_ended_early_says_no_less_than_what_is_shown() {
    assert_eq!(total(10, (0, Counted::More)), Some((10, Counted::More)));
    assert_eq!(total(10, (300, Counted::More)), Some((300, Counted::More)));
    assert_eq!(total(0, (0, Counted::More)), None);
    assert_eq!(total(10, (42, Counted::All)), Some((42, Counted::All)));
    assert_eq!(total(0, (0, Counted::All)), Some((0, Counted::All)));
}

#[test]
fn what_was_found_stays_when_there_was_no_time_for_a_whole_first_page() {
    let page = |numbers: &[u64], short: &[Short]| Page {
        runs: numbers
            .iter()
            .map(|number| Found {
                entry: entry(*number),
                hit: None,
            })
            .collect(),
        short: short.iter().copied().collect(),
        ..Page::default()
    };
    let kept = first_of(page(&[9, 8], &[]), page(&[], &[Short::Stopped]));
    assert_eq!(kept.runs.len(), 2);
    assert_eq!(kept.short, [Short::Stopped].into());
    let whole = first_of(page(&[9, 8], &[]), page(&[9, 8, 7], &[]));
    assert_eq!(whole.runs.len(), 3);
    assert_eq!(whole.short, [].into());
}
