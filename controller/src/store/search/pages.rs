//! Whatever bounds a look, its pages together hold what a plain search of everything finds: each run once, in order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use shanty_core::history::{Sight, Stand, Words};

use super::*;

const HOSTS: u8 = 3;
const TEXTS: [&str; 3] = ["mast", "keel", "mast keel"];

/// Some of the hosts, as bits.
fn hosts(bits: u8) -> BTreeSet<AgentId> {
    let is = |n: &u8| bits & (1 << n) != 0;
    (0..HOSTS)
        .filter(is)
        .map(|n| AgentId::from_bytes([n + 1; 16]))
        .collect()
}

fn entry(
    number: u64,
    hosts: &BTreeSet<AgentId>,
    command: &str,
    (by, failed): (u64, bool),
) -> Entry {
    Entry {
        number: RunNumber(number),
        id: RunId::from_bytes(u128::from(number).to_be_bytes()),
        accepted_ms: number * 1_000,
        closed_ms: number * 1_000,
        by: Principal::Discord(by),
        place: None,
        selector: String::new(),
        command: command.to_owned(),
        run_as: None,
        timeout_ms: 0,
        agents: hosts.iter().copied().collect(),
        hosts: String::new(),
        counted: 1,
        ok: 1,
        took_ms: None,
        stand: if failed { Stand::Failed } else { Stand::Ok },
        summary: String::new(),
        settled: true,
    }
}

/// A run and what its hosts printed.
type Kept = (Entry, Vec<Printed>);

/// What one is made of: its hosts as bits, what ran, who asked, whether it failed, and who printed what.
type Made = (u8, &'static str, u64, bool, Vec<(u8, &'static str)>);

fn kept() -> impl Strategy<Value = Vec<Kept>> {
    let text = || (0..TEXTS.len()).prop_map(|at| TEXTS[at]);
    let printed = prop::collection::vec((1..8_u8, text()), 0..4);
    let one = (1..8_u8, text(), 0..2_u64, any::<bool>(), printed);
    prop::collection::vec(one, 0..14).prop_map(|all| {
        let kept = |(number, (on, command, by, failed, printed)): (u64, Made)| {
            let on = hosts(on);
            let entry = entry(number, &on, command, (by, failed));
            let mut silent = on;
            let mut texts = Vec::new();
            for (agents, text) in printed {
                // No host prints two things.
                let agents: Vec<AgentId> = hosts(agents).intersection(&silent).copied().collect();
                silent.retain(|agent| !agents.contains(agent));
                if !agents.is_empty() {
                    let text = text.to_owned();
                    texts.push(Printed { agents, text });
                }
            }
            (entry, texts)
        };
        (1..).zip(all).map(kept).collect()
    })
}

fn query() -> impl Strategy<Value = Query> {
    let sight = prop_oneof![
        Just(Sight::Everything),
        prop::collection::vec(1..8_u8, 0..3)
            .prop_map(|sets| Sight::Under(sets.into_iter().map(hosts).collect())),
    ];
    let words = prop::option::of((0..TEXTS.len()).prop_map(|at| Words::parse(TEXTS[at]).unwrap()));
    let who = prop::option::of((0..2_u64).prop_map(Principal::Discord));
    let on = prop::option::of((0..8_u8).prop_map(hosts));
    let stand = prop::option::of(Just(Stand::Failed));
    (sight, words, who, on, 0..6_u64, stand).prop_map(|(sight, words, who, on, since, stand)| {
        Query {
            sight,
            who: who.into_iter().collect(),
            on,
            since_ms: since * 1_000,
            stand,
            words,
        }
    })
}

/// The numbers of those that are looked for, newest first, by looking at each.
fn plainly(kept: &[Kept], query: &Query) -> Vec<u64> {
    let takes = |(entry, printed): &&Kept| {
        let on_any = |agents: &[AgentId]| {
            let on = query.on.as_ref();
            on.is_none_or(|on| agents.iter().any(|agent| on.contains(agent)))
        };
        let says = |text: &str, words: &Words| {
            let mut words = words.as_slice().iter();
            words.all(|word| text.split(' ').any(|of| of == word))
        };
        let printed_so = |words: &Words| {
            let mut printed = printed.iter();
            printed.any(|one| says(&one.text, words) && on_any(&one.agents))
        };
        let words = query.words.as_ref();
        entry.accepted_ms >= query.since_ms
            && query.sight.covers(&entry.agents)
            && on_any(&entry.agents)
            && (query.who.is_empty() || query.who.contains(&entry.by))
            && query.stand.is_none_or(|stand| stand == entry.stand)
            && words.is_none_or(|words| says(&entry.command, words) || printed_so(words))
    };
    let found = kept.iter().rev().filter(takes);
    found.map(|(entry, _)| entry.number.0).collect()
}

fn index(dir: &Path, kept: &[Kept]) -> Reader {
    let path = dir.join("search.db");
    let mut writer = open(&path).unwrap();
    let transaction = writer.transaction().unwrap();
    for (entry, printed) in kept {
        rows::put(&transaction, entry).unwrap();
        rows::put_printed(&transaction, entry.number, 1, printed).unwrap();
    }
    transaction.commit().unwrap();
    // Few steps, so that a look is stopped anywhere.
    Reader::new(sqlite::open_reader(&path).unwrap(), 5).unwrap()
}

/// A page whose look is stopped after so many questions whether it is to be.
fn page(
    reader: &Reader,
    query: &Query,
    turn: Turn,
    (limit, rows): (usize, usize),
    asked: usize,
) -> Page {
    let left = Arc::new(AtomicUsize::new(asked));
    let stop = move || {
        let spent = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        });
        spent.is_err()
    };
    let bounds = Bounds { rows, stop };
    find::page(reader, query, (turn, limit), &bounds, &Masks::none()).unwrap()
}

/// All pages one after the other; one that came nowhere is given more time.
fn pages(
    reader: &Reader,
    query: &Query,
    (first, bounds, mut asked): (Turn, (usize, usize), usize),
) -> Vec<u64> {
    let mut turn = first;
    let mut all = Vec::new();
    for _ in 0..1_000 {
        let page = page(reader, query, turn, bounds, asked);
        assert!(page.runs.len() <= bounds.0);
        let numbers = page.runs.iter().map(|found| found.entry.number.0);
        let is_down = !matches!(turn, Turn::After(_));
        let (numbers, next) = match is_down {
            true => (numbers.collect::<Vec<_>>(), page.older.map(Turn::Before)),
            false => (numbers.rev().collect(), page.newer.map(Turn::After)),
        };
        all.extend(numbers);
        let stopped = page.short.contains(&Short::Stopped);
        turn = match next {
            Some(next) => {
                assert!(next != turn, "{turn:?} leads to itself");
                next
            }
            None if stopped => {
                asked = asked * 2 + 1;
                continue;
            }
            None => return all,
        };
    }
    panic!("it comes to no end: {all:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn pages_together_hold_what_is_looked_for_whatever_bounds_them(
        kept in kept(),
        query in query(),
        limit in 1..4_usize,
        rows in 1..6_usize,
        asked in prop_oneof![Just(usize::MAX), 0..40_usize],
    ) {
        let dir = tempfile::tempdir().unwrap();
        let reader = index(dir.path(), &kept);
        let mut expected = plainly(&kept, &query);
        let down = pages(&reader, &query, (Turn::Newest, (limit, rows), asked));
        prop_assert_eq!(&down, &expected);
        let up = pages(&reader, &query, (Turn::After(RunNumber(0)), (limit, rows), asked));
        expected.reverse();
        prop_assert_eq!(&up, &expected);
    }
}

/// Of a run that was being looked at when the look had seen enough, the rest would be looked at by nobody: the next one begins behind it.
#[test]
fn what_a_run_printed_last_is_found_where_a_look_ends_within_it() {
    let printed = |host: u8| Printed {
        agents: hosts(1 << host).into_iter().collect(),
        text: "mast".to_owned(),
    };
    let kept = vec![(
        entry(1, &hosts(7), "true", (0, false)),
        vec![printed(0), printed(1), printed(2)],
    )];
    let dir = tempfile::tempdir().unwrap();
    let reader = index(dir.path(), &kept);
    for host in 0..HOSTS {
        let query = Query {
            sight: Sight::Everything,
            who: Vec::new(),
            on: Some(hosts(1 << host)),
            since_ms: 0,
            stand: None,
            words: Some(Words::parse("mast").unwrap()),
        };
        let found = pages(&reader, &query, (Turn::Newest, (9, 1), usize::MAX));
        assert_eq!(found, [1], "{host}");
    }
}
