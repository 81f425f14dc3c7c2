//! What the writer tells a link that it must say to its agent.

use std::collections::BTreeMap;
use std::sync::Mutex;

use shanty_core::ids::RunId;
use tokio::sync::watch;

/// What one link must say to its agent, by run, since it was last taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkAcks {
    /// Everything before this offset is committed.
    pub acked: BTreeMap<RunId, u64>,
    /// Send again from this offset.
    pub resume: BTreeMap<RunId, u64>,
    /// The link must be closed, because of this.
    pub close: Option<String>,
}

/// Acknowledgements on their way from the writer to one link: only the newest of each run is kept.
#[derive(Debug, Default)]
pub(super) struct AckBox {
    waiting: Mutex<LinkAcks>,
    changed: watch::Sender<()>,
}

impl AckBox {
    pub(super) fn update(&self, change: impl FnOnce(&mut LinkAcks)) {
        if let Ok(mut waiting) = self.waiting.lock() {
            change(&mut waiting);
        }
        self.changed.send_replace(());
    }

    /// Says that there is something to take.
    pub(super) fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Takes what there is to say.
    pub(super) fn take(&self) -> LinkAcks {
        self.waiting
            .lock()
            .map(|mut waiting| std::mem::take(&mut *waiting))
            .unwrap_or_default()
    }
}
