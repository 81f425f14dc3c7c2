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
        ..Rates::default()
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
        ..Rates::default()
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

/// A run of somebody that is under way on `web-01`, with its number.
fn running(world: &mut World, asker: &Asker, timeout_ms: u64) -> RunId {
    let mut spec = world.plan(asker, &run("web-01", "true")).unwrap().spec;
    let number = u8::try_from(world.state.runs.newest().0).unwrap() + 1;
    spec.id = RunId::from_bytes([number; 16]);
    spec.options.timeout_ms = timeout_ms;
    let (id, now_ms) = (spec.id, world.now_ms);
    world.record(now_ms, Kind::Accepted(spec));
    world.record(now_ms, Kind::Go(id));
    let (run, agent) = (id, agent(1));
    world.record(now_ms, Kind::Started { run, agent });
    id
}

fn ends(world: &mut World, run: RunId) {
    let outcome = crate::run::Outcome::without_output(crate::run::How::Exited(0));
    let (agent, now_ms) = (agent(1), world.now_ms);
    world.record(
        now_ms,
        Kind::Finished {
            run,
            agent,
            outcome,
        },
    );
    world.record(now_ms, Kind::Closed(run));
}

#[test]
fn so_many_runs_of_a_person_are_under_way_at_once_and_it_is_said_when_to_try_again() {
    let rates = Rates {
        person_running: 3,
        ..Rates::default()
    };
    let mut world = world(rates);
    let (ann, bob) = (person(OPERATOR, &[9]), person(77, &[9]));
    let first = running(&mut world, &ann, 600_000);
    world.now_ms += 60_000;
    for timeout_ms in [300_000, 0] {
        assert_eq!(again(&world, &ann), Ok(()));
        running(&mut world, &ann, timeout_ms);
    }
    world.now_ms += 500;
    assert_eq!(
        again(&world, &ann).unwrap_err(),
        "E_RATE 3 runs of yours are under way, and no more may be at once. Nothing was run. \
         Try again when one has ended: #2 does within 5m. The button on the card of a run stops it."
    );
    assert_eq!(again(&world, &bob), Ok(()), "somebody else may");
    assert_eq!(again(&world, &local()), Ok(()), "and the socket always");
    let learns = again(&world, &person(GUEST, &[])).unwrap_err();
    assert!(learns.starts_with("E_DENIED"), "{learns}");
    ends(&mut world, first);
    assert_eq!(again(&world, &ann), Ok(()));
}

#[test]
fn what_only_waits_does_not_count_and_what_is_being_recorded_does() {
    let rates = Rates {
        person_running: 1,
        channel_running: 2,
        ..Rates::default()
    };
    let mut world = world(rates);
    let (ann, bob) = (person(OPERATOR, &[9]), person(77, &[9]));
    // It waits for a host that is away.
    let mut spec = world.plan(&ann, &run("web-01", "true")).unwrap().spec;
    spec.id = RunId::from_bytes([200; 16]);
    let waits = spec.id;
    world.record(1, Kind::Accepted(spec));
    world.record(1, Kind::Go(waits));
    assert_eq!(again(&world, &ann), Ok(()));
    let spec = world.plan(&ann, &run("web-01", "true")).unwrap().spec;
    world.recording(Kind::Accepted(spec));
    let said = again(&world, &ann).unwrap_err();
    assert!(
        said.starts_with("E_RATE 1 run of yours") && said.contains("one has ended: #2."),
        "{said}"
    );
    assert_eq!(again(&world, &bob), Ok(()));
    world.now_ms += RATE_MS;
    running(&mut world, &bob, 0);
    let carl = person(78, &[9]);
    let said = again(&world, &carl).unwrap_err();
    assert!(
        said.starts_with("E_RATE 2 runs of this channel are under way"),
        "{said}"
    );
}
