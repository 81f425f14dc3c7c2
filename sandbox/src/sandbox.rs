//! The handle that REST, gateway, people and web share: the world behind one lock, and what else all of them need.
//!
//! Nothing awaits while it holds the lock: requests are read before and answered after, and whoever waits for a change
//! does so on the version (`Sandbox::changed`).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::intake::Intake;
use crate::options::Options;
use crate::world::World;

/// The handle that REST, gateway, people and web share.
#[derive(Clone, Debug)]
pub(crate) struct Sandbox {
    world: Arc<Mutex<World>>,
    changed: watch::Receiver<u64>,
    started: watch::Receiver<u64>,
    pub(crate) options: Arc<Options>,
    pub(crate) intake: Arc<Intake>,
    pub(crate) shutdown: CancellationToken,
}

impl Sandbox {
    /// A fresh world that is reached at `address`.
    pub(crate) fn new(address: SocketAddr, options: Options, shutdown: CancellationToken) -> Self {
        let world = World::new(address, &options);
        let (changed, started) = (world.versions(), world.deadlines());
        let intake = Arc::new(Intake::new(options.patience));
        let (world, options) = (Arc::new(Mutex::new(world)), Arc::new(options));
        Self {
            world,
            changed,
            started,
            options,
            intake,
            shutdown,
        }
    }

    /// The world, for as long as the guard lives; never across an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        // A handler that panicked left at worst one half-made change; serving on shows more than dying would.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A receiver of the version, which starts as seen at its present value.
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        let mut receiver = self.changed.clone();
        receiver.mark_unchanged();
        receiver
    }

    /// Watches the clocks: shows people when the bot has stayed silent, archives idle threads. Runs until it is dropped.
    pub(crate) async fn keep_time(&self) {
        let mut started = self.started.clone();
        loop {
            started.mark_unchanged();
            let next = {
                let mut world = self.world();
                world.notice_silence();
                world.archive_idle();
                let silence_ms = world.interactions.next_deadline_ms(world.now_ms());
                let next_ms = silence_ms.into_iter().chain(world.next_archive_ms()).min();
                next_ms.map(|at_ms| world.clock().instant(at_ms))
            };
            let deadline = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = deadline => {}
                result = started.changed() => if result.is_err() { return },
            }
        }
    }
}
