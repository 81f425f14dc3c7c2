//! What an agent says on a link, from the queue that the link owns to HTTP/2.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

use shanty_core::link::sender::Slice;
use shanty_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use crate::executor::ReadError;

/// A slice that is being read.
pub(super) type Reading = Pin<Box<dyn Future<Output = (Slice, Result<Vec<u8>, ReadError>)> + Send>>;

/// What we say, up to the nothing that ends it: answers to orders come from elsewhere too, so that dropping our end would not.
pub(super) fn until_the_last(
    messages: mpsc::Receiver<Option<v1::Up>>,
) -> impl tokio_stream::Stream<Item = v1::Up> {
    ReceiverStream::new(messages).map_while(|message| message)
}

/// Hands the first waiting message to HTTP/2 once it takes one. Cancel-safe: the message leaves the queue only then.
pub(super) async fn hand_over(
    out: Option<&mpsc::Sender<Option<v1::Up>>>,
    waiting: &mut VecDeque<Option<v1::Up>>,
) -> Result<(), ()> {
    let Some(out) = out else {
        return std::future::pending().await;
    };
    let permit = out.reserve().await.map_err(|_| ())?;
    if let Some(message) = waiting.pop_front() {
        permit.send(message);
    }
    Ok(())
}

/// The slice that is being read, once it is. Never ends while there is none.
pub(super) async fn read(reading: &mut Option<Reading>) -> (Slice, Result<Vec<u8>, ReadError>) {
    match reading {
        Some(reading) => reading.await,
        None => std::future::pending().await,
    }
}
