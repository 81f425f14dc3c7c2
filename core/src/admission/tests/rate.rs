//! How often people may start runs.

use super::*;
use crate::limits::RATE_MS;

const SECOND: u64 = 1_000;

/// A run of somebody, asked for at a moment.
fn started(world: &mut World, asker: &Asker, at_ms: u64) {
    world.now_ms = at_ms;
    let mut spec = world.plan(asker, &run("web-01", "true")).unwrap().spec;
    let number = u8::try_from(world.state.runs.newest().0).unwrap();
    spec.id = RunId::from_bytes([number + 1; 16]);
    world.record(at_ms, Kind::Accepted(spec));
}

fn world(rates: Rates) -> World {
    let mut world = World::new();
    world.settings.rates = rates;
    world
}

fn again(world: &World, asker: &Asker) -> Result<(), String> {
    let plan = world.plan(asker, &run("web-01", "true"));
    plan.map(drop)
        .map_err(|refusal| format!("{} {} {}", refusal.code, refusal.what, refusal.next))
}

#[test]
fn a_person_waits_until_the_oldest_of_their_runs_is_a_minute_old() {
    let rates = Rates {
        person: 3,
        channel: 99,
    };
    let mut world = world(rates);
    let begun = world.now_ms;
    let (ann, bob) = (person(OPERATOR, &[9]), person(77, &[9]));
    for second in [0, 10, 20] {
        started(&mut world, &ann, begun + second * SECOND);
    }
    let said = again(&world, &ann).unwrap_err();
    assert_eq!(
        said,
        "E_RATE You may start 3 runs a minute. Nothing was run. Try again in 40 s. One run on many hosts counts once."
    );
    assert_eq!(again(&world, &bob), Ok(()), "somebody else may");
    assert_eq!(again(&world, &local()), Ok(()), "and the socket always");
    world.now_ms = begun + RATE_MS - 1;
    assert!(again(&world, &ann).unwrap_err().contains("in 1 s."));
    world.now_ms = begun + RATE_MS;
    assert_eq!(again(&world, &ann), Ok(()));
    started(&mut world, &ann, begun + RATE_MS);
    assert!(again(&world, &ann).unwrap_err().contains("in 10 s."));
}

#[test]
fn a_channel_is_shared_with_its_threads_and_what_is_being_recorded_counts() {
    let rates = Rates {
        person: 99,
        channel: 2,
    };
    let mut world = world(rates);
    let mut thread = person(77, &[9]);
    if let Asker::Discord {
        channel,
        parent_channel,
        ..
    } = &mut thread
    {
        (*channel, *parent_channel) = (THREAD, Some(OPS));
    }
    let begun = world.now_ms;
    started(&mut world, &thread, begun);
    let ann = person(OPERATOR, &[9]);
    let spec = world.plan(&ann, &run("web-01", "true")).unwrap().spec;
    world.recording(Kind::Accepted(spec));
    for asker in [&ann, &thread] {
        let said = again(&world, asker).unwrap_err();
        assert!(
            said.starts_with("E_RATE In this channel 2 runs a minute may start."),
            "{said}"
        );
    }
    // Whoever may not run here learns nothing else.
    let said = again(&world, &person(GUEST, &[])).unwrap_err();
    assert!(said.starts_with("E_DENIED"), "{said}");
}
