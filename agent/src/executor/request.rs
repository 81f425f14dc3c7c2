//! What the link may ask of the executor: a closed set with plain fields, the same over the channel and over the seam.

use std::collections::BTreeMap;

use shanty_certs::orders::OrderPublicKey;
use shanty_core::ids::RunId;
use tokio::sync::oneshot;

use super::{ClockOffset, Inputs, KeysTold, ReadError, Refusal, Signed, Started, Status};

/// What the link asks of the executor.
#[derive(Debug)]
pub(crate) enum Request {
    Start {
        order: Signed,
        clock: ClockOffset,
        inputs: Option<Inputs>,
        reply: oneshot::Sender<Result<Started, Refusal>>,
    },
    Cancel {
        run: RunId,
        force: bool,
    },
    Read {
        run: RunId,
        offset: u64,
        max: usize,
        reply: oneshot::Sender<Result<Vec<u8>, ReadError>>,
    },
    Release {
        run: RunId,
    },
    List {
        reply: oneshot::Sender<BTreeMap<RunId, Status>>,
    },
    Close {
        reply: oneshot::Sender<()>,
    },
    Learn {
        key: OrderPublicKey,
    },
    /// Keys for orders that come and go, on the word of one that is known; which are known then.
    Keys {
        told: KeysTold,
        reply: oneshot::Sender<Vec<String>>,
    },
    /// Something that the controller has to sign its time for; nothing where the link is believed.
    Nonce {
        reply: oneshot::Sender<Vec<u8>>,
    },
    /// Whether the controller signed its time.
    Time {
        nonce: Vec<u8>,
        now_ms: u64,
        sig: Vec<u8>,
        reply: oneshot::Sender<bool>,
    },
}
