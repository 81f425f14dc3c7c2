//! An answer waits for the index only so long, and a table is read step by step.

use shanty_core::history::{Entry, Stand};
use shanty_core::ids::{RunId, RunNumber};
use shanty_core::principal::Principal;

use super::*;
use crate::testing::{Rig, local};

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
    let page = chat().await;
    assert_eq!(page.short, [].into());
    assert_eq!(page.runs[0].entry.id, run);
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
