//! Orders that are only just becoming durable: seen by everyone, cancelled like any other, and never more than one.
//!
//! All blocking work has one thread here. A test that occupies it stops every order there, and lets it go on when it likes.

use std::sync::mpsc;

use shanty_agent::executor::{Started, State};
use shanty_core::ids::RunId;
use shanty_core::refusal::Code;
use shanty_core::spool::Cause;
use shanty_proto::v1;
use tokio::runtime::Builder;
use tokio::task::spawn_blocking;

use crate::world::{World, order};

fn on_one_disk(test: impl Future<Output = ()>) {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build();
    runtime.unwrap().block_on(test);
}

/// The disk does nothing until this is dropped.
fn stuck_disk() -> mpsc::Sender<()> {
    let (stuck, until_dropped) = mpsc::channel();
    spawn_blocking(move || until_dropped.recv());
    stuck
}

fn id(order: &v1::ExecutionOrder) -> RunId {
    order.run.parse().unwrap()
}

#[test]
fn an_order_that_is_being_accepted_is_seen_and_can_be_cancelled() {
    on_one_disk(async {
        let world = World::new().await;
        let disk = stuck_disk();
        let order = order("sleep 1000");
        let run = id(&order);
        let meanwhile = async {
            let held = world.handle.list().await;
            assert_eq!(held.get(&run).unwrap().state, State::Running);
            assert!(!world.execution(run).exists());
            assert!(world.handle.read(run, 0, 100).await.unwrap().is_empty());
            world.handle.release(run).await;
            world.handle.cancel(run, true).await;
            assert_eq!(world.handle.list().await, held);
            drop(disk);
        };
        let (first, second, ()) =
            tokio::join!(world.try_start(&order), world.try_start(&order), meanwhile);
        assert_eq!(first, Ok(Started::New));
        assert!(matches!(second, Ok(Started::Duplicate(status)) if status.state == State::Running));
        assert_eq!(world.ended(run).await.exit.cause, Cause::Cancelled);
    });
}

#[test]
fn an_order_may_still_be_refused_after_it_was_seen() {
    on_one_disk(async {
        let world = World::new().await;
        let disk = stuck_disk();
        let mut order = order("true");
        order.cwd = "/no/such/folder".to_owned();
        let meanwhile = async {
            assert_eq!(world.handle.list().await.len(), 1);
            world.handle.cancel(id(&order), true).await;
            drop(disk);
        };
        let (answer, ()) = tokio::join!(world.try_start(&order), meanwhile);
        let refusal = answer.unwrap_err();
        assert_eq!(refusal.code, Code::NotFound);
        let status = world.status(id(&order)).await.unwrap();
        assert_eq!(status.state, State::Refused(refusal));
    });
}

#[test]
fn what_is_refused_because_too_much_runs_is_never_seen_to_run() {
    on_one_disk(async {
        let world = World::with(|config| config.running_max = 1).await;
        let disk = stuck_disk();
        let (first, second) = (order("true"), order("true"));
        let meanwhile = async {
            let held = world.handle.list().await;
            assert_eq!(held.into_keys().collect::<Vec<_>>(), [id(&first)]);
            drop(disk);
        };
        let (one, two, ()) =
            tokio::join!(world.try_start(&first), world.try_start(&second), meanwhile);
        assert_eq!(one, Ok(Started::New));
        assert_eq!(two.unwrap_err().code, Code::Rate);
        world.ended(id(&first)).await;
    });
}

#[test]
fn a_closed_executor_starts_nothing_and_shows_all_that_will_run() {
    on_one_disk(async {
        let world = World::new().await;
        let disk = stuck_disk();
        let (before, after) = (order("sleep 1000"), order("true"));
        let run = id(&before);
        let meanwhile = async {
            world.handle.close().await;
            assert!(world.handle.watch().borrow().contains_key(&run));
            let refusal = world.try_start(&after).await.unwrap_err();
            assert_eq!(refusal.code, Code::Stopping);
            drop(disk);
        };
        let (first, ()) = tokio::join!(world.try_start(&before), meanwhile);
        assert_eq!(first, Ok(Started::New));
        let again = world.try_start(&before).await;
        assert!(matches!(again, Ok(Started::Duplicate(_))));
        world.handle.cancel(run, true).await;
        assert_eq!(world.ended(run).await.exit.cause, Cause::Cancelled);
        assert!(world.status(id(&after)).await.is_none());
    });
}
