//! The hub, its journal, links and hosts in virtual time: random histories, and what must hold after every step of each.
//!
//! Everything is decided by a seed, which is printed when something does not hold. `SIM_SEEDS=1000..3000` tries others, `SIM_SEED=17` tells
//! one of them step by step.

#![expect(clippy::print_stdout, reason = "one history is told step by step")]

mod fault;
mod host;
mod invariants;
mod people;
mod random;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use fault::Fault;
use world::World;

/// Histories that are tried.
const SEEDS: u64 = 2_000;
/// Steps of one, before it is healed.
const STEPS: u32 = 120;
/// Histories in which a fault must be found.
const FAULT_SEEDS: u64 = 400;

/// One history, from its beginning until everything has come to its end.
fn history(seed: u64, fault: Option<Fault>) {
    let mut world = World::new(seed, fault);
    for _ in 0..STEPS {
        world.step();
    }
    world.heal();
}

fn seeds() -> std::ops::Range<u64> {
    let given = std::env::var("SIM_SEEDS").ok();
    let range = given.and_then(|text| {
        let (from, to) = text.split_once("..")?;
        Some(from.parse().ok()?..to.parse().ok()?)
    });
    range.unwrap_or(0..SEEDS)
}

#[test]
fn nothing_that_must_hold_is_broken_by_any_history() {
    if let Some(seed) = std::env::var("SIM_SEED").ok().and_then(|s| s.parse().ok()) {
        return history(seed, None);
    }
    for seed in seeds() {
        if let Err(told) = attempt(seed, None) {
            panic!("the history of seed {seed} (SIM_SEED={seed} tells it): {told}");
        }
    }
}

/// What a history breaks, if it does.
fn attempt(seed: u64, fault: Option<Fault>) -> Result<(), String> {
    let told = catch_unwind(AssertUnwindSafe(|| history(seed, fault)));
    told.map_err(|told| told.downcast_ref::<String>().cloned().unwrap_or_default())
}

/// What is checked is able to fail: a hub with this fault is found out, by the invariant that is about it.
fn is_found(fault: Fault, invariant: &str) {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let found = (0..FAULT_SEEDS).find_map(|seed| attempt(seed, Some(fault)).err());
    std::panic::set_hook(hook);
    let told =
        found.unwrap_or_else(|| panic!("{fault:?} was not found by {FAULT_SEEDS} histories"));
    assert!(told.starts_with(invariant), "{fault:?}: {told}");
}

#[test]
fn every_invariant_finds_a_hub_that_breaks_it() {
    is_found(Fault::OrdersAgainAfterRelease, "I1");
    is_found(Fault::ReleasesBeforeTheEndIsStored, "I2");
    is_found(Fault::AnswersBeforeTheRecord, "I4");
    is_found(Fault::OrdersBeforeGo, "I5");
    is_found(Fault::SpeaksToTheRemoved, "I6");
    is_found(Fault::StartsOnHold, "hold");
    is_found(Fault::StartsWhilePaused, "turn: while");
    is_found(Fault::StartsAfterTooManyFailed, "turn: after");
    is_found(Fault::SaysNotStartedOfWhatRan, "truth");
    is_found(Fault::ForgetsToClose, "end");
}
