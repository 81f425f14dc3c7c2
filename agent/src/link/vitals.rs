//! What the host tells of itself, measured on a thread of its own: asking a dead network mount for its size blocks for minutes.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use shanty_proto::v1;
use tokio::sync::watch;

use crate::facts::{self, Meter};

/// The last look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vitals {
    /// What seldom changes.
    pub(crate) facts: Option<v1::Facts>,
    /// What changes all the time.
    pub(crate) metrics: Option<v1::Metrics>,
}

/// Keeps the thread; dropping it lets the thread end after its current look.
pub(crate) struct Watcher {
    _stop: mpsc::Sender<()>,
    seen: watch::Receiver<Vitals>,
}

impl Watcher {
    /// Starts looking, now and then at every interval.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(interval: Duration) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        let (tx, seen) = watch::channel(Vitals::default());
        thread::Builder::new()
            .name("vitals".to_owned())
            .spawn(move || look(interval, &stopped, &tx))?;
        Ok(Self { _stop: stop, seen })
    }

    /// The last look, and news of the next.
    pub(crate) fn seen(&self) -> watch::Receiver<Vitals> {
        self.seen.clone()
    }
}

fn look(interval: Duration, stopped: &mpsc::Receiver<()>, tx: &watch::Sender<Vitals>) {
    let mut meter = Meter::new();
    loop {
        let vitals = Vitals {
            facts: Some(facts::facts()),
            metrics: Some(meter.metrics()),
        };
        tx.send_replace(vitals);
        match stopped.recv_timeout(interval) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
