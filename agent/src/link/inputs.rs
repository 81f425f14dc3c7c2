//! Brings what commands are given from the controller to the executor, beside the link and on its connection.
//!
//! One call for each: HTTP/2 holds the controller up while a disk is slow, and orders, output and pings go on meanwhile.

use std::time::Duration;

use shanty_core::ids::RunId;
use shanty_core::limits;
use shanty_proto::v1;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::transport::Channel;
use v1::agents_client::AgentsClient;

use crate::executor::{SliceOrEnd, Wanted};
use crate::failure::printable;

/// Inputs that may be waited for at once before an order has to wait: as many as executions.
pub(super) const WANTED_MAX: usize = crate::executor::RUNNING_MAX;

/// Inputs that come at once. The others wait: a line is not faster for being shared, and the windows of all must not fill the one of the
/// connection, which orders need too.
const AT_ONCE: usize = 2;

/// Without a slice for so long it does not come any more.
const SILENCE: Duration = Duration::from_millis(limits::INPUT_SILENCE_MS);

/// Works until it is dropped, and with it everything that is on its way.
pub(super) async fn fetch_all(mut wanted: mpsc::Receiver<Wanted>, channel: Channel) {
    let mut coming = JoinSet::new();
    loop {
        tokio::select! {
            next = wanted.recv(), if coming.len() < AT_ONCE => match next {
                Some(wanted) => {
                    coming.spawn(fetch(channel.clone(), wanted));
                }
                None => break,
            },
            Some(_) = coming.join_next() => {}
        }
    }
    while coming.join_next().await.is_some() {}
}

async fn fetch(channel: Channel, wanted: Wanted) {
    let Wanted { run, slices } = wanted;
    if let Err(status) = pass_on(channel, run, &slices).await {
        let why: SliceOrEnd = Err(printable(status.message()));
        slices.send(why).await.ok(); // Nobody waits for it any more.
    }
}

async fn pass_on(
    channel: Channel,
    run: RunId,
    slices: &mpsc::Sender<SliceOrEnd>,
) -> Result<(), tonic::Status> {
    let mut client =
        AgentsClient::new(channel).max_decoding_message_size(2 * limits::CHUNK_BYTES_MAX);
    let request = v1::FetchInputRequest {
        run: run.to_string(),
    };
    let silent = |_| tonic::Status::deadline_exceeded("the controller sends nothing any more");
    let opened = timeout(SILENCE, client.fetch_input(request)).await;
    let mut coming = opened.map_err(silent)??.into_inner();
    loop {
        let next = timeout(SILENCE, coming.message()).await;
        let Some(slice) = next.map_err(silent)?? else {
            return Ok(());
        };
        if slices.send(Ok(slice.bytes)).await.is_err() {
            return Ok(());
        }
    }
}
