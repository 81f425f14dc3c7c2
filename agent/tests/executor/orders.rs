//! Which orders are carried out, and that each is carried out once.

use std::fs;

use shanty_agent::executor::{ClockOffset, ReadError, Started, State};
use shanty_core::ids::RunId;
use shanty_core::refusal::Code;
use shanty_proto::v1;

use crate::world::{World, now_ms, order, signed, signed_bytes};

/// A command that shows how often it ran.
fn counted(world: &World) -> v1::ExecutionOrder {
    order(&format!("echo x >> {}", world.path("count").display()))
}

fn count(world: &World) -> usize {
    fs::read(world.path("count")).unwrap_or_default().len() / 2
}

fn id(order: &v1::ExecutionOrder) -> RunId {
    order.run.parse().unwrap()
}

#[tokio::test]
async fn an_order_that_comes_again_is_not_carried_out_again() {
    let mut world = World::new().await;
    let order = counted(&world);
    let run = world.start(&order).await;
    world.ended(run).await;
    let status = world.status(run).await.unwrap();
    assert_eq!(
        world.try_start(&order).await,
        Ok(Started::Duplicate(status.clone()))
    );
    world.reopen().await;
    assert_eq!(
        world.try_start(&order).await,
        Ok(Started::Duplicate(status))
    );

    world.handle.release(run).await;
    let closed = |result: Result<Started, _>| {
        let refusal: shanty_agent::executor::Refusal = result.unwrap_err();
        assert_eq!(refusal.code, Code::Closed);
    };
    closed(world.try_start(&order).await);
    assert!(world.handle.list().await.is_empty());
    crate::world::wait(|| {
        world
            .execution(run)
            .exists()
            .then(|| "it is there".to_owned())
    });
    world.reopen().await;
    closed(world.try_start(&order).await);
    assert!(world.handle.list().await.is_empty());
    assert_eq!(count(&world), 1);
}

#[tokio::test]
async fn the_same_order_many_times_at_once_runs_once() {
    let world = World::new().await;
    let order = counted(&world);
    let clock = ClockOffset::new(now_ms());
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (handle, signed) = (world.handle.clone(), signed(&order));
        starts.spawn(async move { handle.start(signed, clock).await });
    }
    let answers = starts.join_all().await;
    let new = answers
        .iter()
        .filter(|answer| **answer == Ok(Started::New))
        .count();
    assert_eq!((answers.len(), new), (20, 1), "{answers:?}");
    assert!(answers.iter().all(Result::is_ok));
    world.ended(id(&order)).await;
    assert_eq!(count(&world), 1);
}

#[tokio::test]
async fn a_refused_order_stays_refused() {
    let mut world = World::new().await;
    let place = world.path("later");
    let mut order = counted(&world);
    order.cwd = place.display().to_string();
    let refusal = world.try_start(&order).await.unwrap_err();
    assert_eq!(refusal.code, Code::NotFound);
    fs::create_dir(&place).unwrap();
    let Ok(Started::Duplicate(status)) = world.try_start(&order).await else {
        panic!("it was refused before");
    };
    assert_eq!(status.state, State::Refused(refusal));
    assert_eq!(world.status(id(&order)).await, Some(status));
    world.handle.release(id(&order)).await;
    assert_eq!(
        world.try_start(&order).await.unwrap_err().code,
        Code::Closed
    );
    world.reopen().await;
    assert_eq!(
        world.try_start(&order).await.unwrap_err().code,
        Code::Closed
    );
    assert_eq!(count(&world), 0);
    assert!(!world.execution(id(&order)).exists());
}

#[tokio::test]
async fn bad_orders_are_refused_and_leave_nothing() {
    let world = World::new().await;
    let refused = |change: fn(&mut v1::ExecutionOrder)| {
        let mut order = counted(&world);
        change(&mut order);
        let world = &world;
        async move { world.try_start(&order).await.unwrap_err().code }
    };
    assert_eq!(
        refused(|order| order.not_after_ms = now_ms() - 1).await,
        Code::Expired
    );
    assert_eq!(
        refused(|order| order.run_as = "daemon".to_owned()).await,
        Code::RunAs
    );
    assert_eq!(
        refused(|order| order.run_as = "#0".to_owned()).await,
        Code::RunAs
    );
    assert_eq!(
        refused(|order| order.cwd = "/no/such/folder".to_owned()).await,
        Code::NotFound
    );
    assert_eq!(
        refused(|order| order.agent = "00".repeat(16)).await,
        Code::Denied
    );
    assert_eq!(
        refused(|order| order.run = "../../x".to_owned()).await,
        Code::Unsupported
    );
    assert_eq!(refused(|order| order.what = None).await, Code::EmptyCommand);
    let clock = ClockOffset::new(now_ms());
    for bytes in [vec![], vec![0xff; 100], vec![0; 1_000_000]] {
        assert!(
            world
                .handle
                .start(signed_bytes(bytes), clock)
                .await
                .is_err()
        );
    }
    assert_eq!(count(&world), 0);
    let folder = world.config.data_dir.join("executions");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
}

#[tokio::test]
async fn lateness_is_judged_by_the_controllers_clock() {
    let world = World::new().await;
    let mut order = counted(&world);
    order.not_after_ms = 5_000;
    let answer = world
        .handle
        .start(signed(&order), ClockOffset::new(1_000))
        .await;
    assert_eq!(answer, Ok(Started::New));
    world.ended(id(&order)).await;
}

#[tokio::test]
async fn without_a_shim_the_order_is_refused() {
    let world = World::with(|config| config.shim = vec!["/no/such/shim".into()]).await;
    let order = counted(&world);
    assert_eq!(world.try_start(&order).await.unwrap_err().code, Code::Agent);
    assert!(!world.execution(id(&order)).exists());
}

#[tokio::test]
async fn too_many_at_once_are_refused_for_good() {
    let world = World::with(|config| config.running_max = 1).await;
    let first = world.start(&order("sleep 1000")).await;
    let second = counted(&world);
    let refusal = world.try_start(&second).await.unwrap_err();
    assert_eq!(refusal.code, Code::Rate);
    world.handle.cancel(first, true).await;
    world.ended(first).await;
    let again = world.try_start(&second).await;
    assert!(
        matches!(again, Ok(Started::Duplicate(status)) if status.state == State::Refused(refusal))
    );
    world.run(&order("true")).await;
    assert_eq!(count(&world), 0);
}

#[tokio::test]
async fn reads_end_where_the_records_do() {
    let world = World::new().await;
    let run = world.start(&order("echo hello")).await;
    world.ended(run).await;
    let len = world.status(run).await.unwrap().spool_len;
    let whole = world.handle.read(run, 0, usize::MAX).await.unwrap();
    assert_eq!(whole.len() as u64, len);
    assert_eq!(world.handle.read(run, 5, 7).await.unwrap(), whole[5..12]);
    assert!(world.handle.read(run, len, 100).await.unwrap().is_empty());
    let past = world.handle.read(run, len + 1, 100).await;
    assert!(matches!(past, Err(ReadError::Offset { .. })));
    let unknown = RunId::from_bytes([0; 16]);
    let none = world.handle.read(unknown, 0, 100).await;
    assert!(matches!(none, Err(ReadError::Unknown(run)) if run == unknown));
}

#[tokio::test]
async fn a_running_execution_is_not_released() {
    let world = World::new().await;
    let run = world.start(&order("sleep 1000")).await;
    world.handle.release(run).await;
    assert_eq!(world.status(run).await.unwrap().state, State::Running);
    world.handle.cancel(run, true).await;
    world.ended(run).await;
}
