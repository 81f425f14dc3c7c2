//! Runs in waves: what is typed of them, and who lets them rest and go on.

use super::*;
use crate::ask::{One, Part, RunOption, Steer, Typed, YES};
use crate::run::{Amount, How, Outcome, Pauses};

fn typed(options: &[(RunOption, &str)]) -> RunRequest {
    let typed = options
        .iter()
        .map(|(option, text)| (*option, (*text).to_owned()));
    RunRequest {
        typed: Typed::from_iter(typed),
        ..run("role=web", "true")
    }
}

/// A run of two hosts in waves of one, and its id.
fn in_waves(options: &[(RunOption, &str)]) -> (World, RunId) {
    let mut world = World::new();
    let spec = world.plan(&local(), &typed(options)).unwrap().spec;
    let id = spec.id;
    world.record(2, Kind::Accepted(spec));
    world.record(3, Kind::Go(id));
    (world, id)
}

fn steer(world: &World, asker: &Asker, run: RunId, to: Steer) -> Result<Kind, String> {
    let which = One::Id(run);
    let change = world.change(asker, &Ask::Steer { which, to });
    let change = change.map_err(|refusal| refusal.what)?;
    Ok(change.kinds[0].clone())
}

#[test]
fn what_is_typed_is_what_is_recorded_and_like_it_what_is_run_again() {
    let all = [
        (RunOption::Batch, "1,50%"),
        (RunOption::Parallel, "5"),
        (RunOption::MaxFail, "10%"),
        (RunOption::Pause, "every"),
    ];
    let (world, id) = in_waves(&all);
    let spec = &world.state.run_of(id).unwrap().spec;
    let rollout = spec.strategy.rollout.clone().unwrap();
    assert_eq!(rollout.batch, [Amount::Hosts(1), Amount::Percent(50)]);
    assert_eq!(rollout.max_fail, Some(Amount::Percent(10)));
    assert_eq!((rollout.parallel, rollout.pause), (Some(5), Pauses::Every));
    let part = Part::All;
    let again = match world.admit(
        &local(),
        &Ask::Again {
            run: id,
            part,
            seen: Some(YES.to_owned()),
        },
    ) {
        Ok(Admitted::Run(plan)) => plan.spec.strategy.rollout,
        other => panic!("{other:?}"),
    };
    assert_eq!(again, Some(rollout.clone()));
    let like = RunRequest {
        like: Some(id),
        ..run("web-01", "true")
    };
    let like = world.plan(&local(), &like).unwrap().spec;
    assert_eq!(like.strategy.rollout, Some(rollout));
}

#[test]
fn a_wave_of_more_than_there_are_is_refused_where_it_is_typed_only() {
    let (mut world, id) = in_waves(&[(RunOption::Batch, "2")]);
    let three = world.plan(&local(), &typed(&[(RunOption::Batch, "3")]));
    let told = "A wave of 3 is more than there are: these are 2 hosts. Nothing was run.";
    assert_eq!(three.unwrap_err().what, told);
    // What was run on two is run again on the one that failed.
    let outcome = Outcome::without_output(How::Exited(1));
    let (run, agent) = (id, world.state.run_of(id).unwrap().spec.targets[0].agent);
    world.record(
        4,
        Kind::Finished {
            run,
            agent,
            outcome,
        },
    );
    let part = Part::Failed;
    let again = world.admit(
        &local(),
        &Ask::Again {
            run: id,
            part,
            seen: Some(YES.to_owned()),
        },
    );
    assert!(matches!(again, Ok(Admitted::Run(_))), "{again:?}");
}

#[test]
fn whoever_may_stop_it_lets_it_rest_and_go_on_once() {
    let (mut world, id) = in_waves(&[(RunOption::Batch, "1")]);
    let operator = person(OPERATOR, &[9]);
    let guest = person(GUEST, &[]);
    for (to, told) in [
        (
            Steer::Pause,
            "You may not pause runs here. Nothing was done.",
        ),
        (
            Steer::Continue,
            "You may not continue runs here. Nothing was done.",
        ),
    ] {
        assert_eq!(steer(&world, &guest, id, to), Err(told.to_owned()));
    }
    let on = steer(&world, &operator, id, Steer::Continue);
    assert_eq!(on, Err("#1 is not paused: it goes on.".to_owned()));
    let paused = steer(&world, &operator, id, Steer::Pause);
    assert_eq!(paused, Ok(Kind::Paused { run: id }));
    // By an earlier interaction than the one that is asked by.
    let earlier = Actor::Chat {
        user: OPERATOR,
        place: None,
    };
    world.record_by(4, earlier, Kind::Paused { run: id });
    let twice = steer(&world, &operator, id, Steer::Pause);
    assert_eq!(
        twice,
        Err(format!("#1 is paused already, by <@{OPERATOR}>."))
    );
    assert!(steer(&world, &guest, id, Steer::Continue).is_err());
    let on = steer(&world, &local(), id, Steer::Continue);
    assert_eq!(on, Ok(Kind::Continued { run: id, waves: 0 }));
    // What is asked last holds, also while what was asked before is being recorded.
    world.under_way.rests.insert(id, false);
    let again = steer(&world, &operator, id, Steer::Pause);
    assert_eq!(again, Ok(Kind::Paused { run: id }));
    world.under_way.rests.clear();
    world.record_by(5, local().actor(), Kind::Continued { run: id, waves: 0 });
    let twice = steer(&world, &local(), id, Steer::Continue);
    assert_eq!(twice, Err("#1 is not paused: it goes on.".to_owned()));
}

#[test]
fn where_nothing_is_left_to_start_there_is_nothing_to_pause() {
    let (world, id) = in_waves(&[]);
    let plain = steer(&world, &local(), id, Steer::Pause);
    let told = "#1 has no waves: its 2 hosts were all to start at once, and there is nothing left to pause.";
    assert_eq!(plain, Err(told.to_owned()));
    let (mut world, id) = in_waves(&[(RunOption::Batch, "1")]);
    let agents: Vec<AgentId> = {
        let spec = &world.state.run_of(id).unwrap().spec;
        spec.targets.iter().map(|target| target.agent).collect()
    };
    for agent in &agents {
        world.record(
            4,
            Kind::Sent {
                run: id,
                agent: *agent,
            },
        );
    }
    let started = steer(&world, &local(), id, Steer::Pause);
    let told = "All hosts of #1 have started: there is nothing left to pause.";
    assert_eq!(started, Err(told.to_owned()));
    let stopping = Kind::CancelRequested {
        run: id,
        force: false,
    };
    world.record_by(5, local().actor(), stopping);
    let stopping = steer(&world, &local(), id, Steer::Pause);
    let told = "#1 is being stopped: no further host starts.";
    assert_eq!(stopping, Err(told.to_owned()));
    world.record(6, Kind::Closed(id));
    let over = steer(&world, &local(), id, Steer::Continue);
    assert_eq!(over, Err("#1 is over.".to_owned()));
    let none = steer(&world, &local(), RunId::from_bytes([3; 16]), Steer::Pause);
    assert_eq!(none, Err("There is no such run.".to_owned()));
}

#[test]
fn what_to_do_next_is_said_as_whoever_asks_types_it() {
    let mut world = World::new();
    let next = |world: &World, asker: &Asker, request: &RunRequest| {
        world.plan(asker, request).unwrap_err().next
    };
    world.online(&[]);
    let offline = run("role=web", "true");
    let chat = "Look with /hosts how they are, or wait for them with `offline:queue:24h`.";
    assert_eq!(next(&world, &person(OPERATOR, &[9]), &offline), chat);
    let shell =
        "Look with `shanty hosts` how they are, or wait for them with `--offline queue:24h`.";
    assert_eq!(next(&world, &local(), &offline), shell);
    world.online(&[1, 2, 3]);
    let alone = typed(&[(RunOption::MaxFail, "1")]);
    let chat = "Add waves, such as `batch:1,10%,100%`, or leave it out.";
    assert_eq!(next(&world, &person(OPERATOR, &[9]), &alone), chat);
    let shell = "Add waves, such as `--batch 1,10%,100%`, or leave it out.";
    assert_eq!(next(&world, &local(), &alone), shell);
    let user = typed(&[(RunOption::As, "#-1")]);
    let shell = "Name a user that the agents allow, or leave `--as` out.";
    assert_eq!(next(&world, &local(), &user), shell);
}
