//! Accepts connections and carries HTTP on them, within bounds that hold for whoever connects.
//!
//! So many connections at once and no more; a client that is silent, drips its request or does not read its answer is cut
//! off after a while. What is said on a connection is the router's matter.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nix::errno::Errno;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::wire::Wire;

/// Bytes of a request's line and headers; the longest that clients send are a few hundred.
const HEAD_MAX: usize = 32 * 1024;
/// Bytes that one connection buffers; bodies pass through it in pieces.
const BUFFER_MAX: usize = 64 * 1024;
/// Refusals that are being said at once; beyond it connections are dropped without a word.
const REFUSALS_MAX: usize = 64;
/// How long a refusal may take.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);
/// The pause after the system could give no connection, as when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const REFUSAL: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
    content-length: 65\r\nconnection: close\r\n\r\n\
    {\"message\": \"503: Too many connections are open here\", \"code\": 0}";

/// What holds for every connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Connections at once, WebSockets among them.
    pub(super) connections_max: u32,
    /// How long a client may be silent, take for a request's head, or leave an answer unread.
    pub(super) patience: Duration,
}

/// Serves connections until `shutdown` is cancelled and all of them have ended.
///
/// # Errors
/// When the listener itself is broken.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let places = Arc::new(Semaphore::new(as_permits(bounds.connections_max)));
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            // All of these can be dropped at any point without losing anything.
            accepted = listener.accept() => accepted,
            Some(ended) = tasks.join_next() => {
                note(ended);
                continue;
            }
            () = shutdown.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) if is_final(&error) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "No connection could be accepted just now.");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            let (router, shutdown) = (router.clone(), shutdown.clone());
            tasks.spawn(carry(stream, place, router, bounds.patience, shutdown));
        } else if let Ok(turn) = Arc::clone(&refusals).try_acquire_owned() {
            tasks.spawn(refuse(stream, turn));
        }
    }
    drop(listener);
    while let Some(ended) = tasks.join_next().await {
        note(ended);
    }
    // WebSockets live on in tasks of their own; each gives its place back when it has said goodbye.
    places.acquire_many(bounds.connections_max).await.ok(); // never closed
    Ok(())
}

/// Carries one connection to its end.
async fn carry(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    router: Router,
    patience: Duration,
    shutdown: CancellationToken,
) {
    // Events are small and each one is awaited by somebody: no delay for batching.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "A connection keeps its delay.");
    }
    // A connection that says nothing costs no buffers.
    let spoke = tokio::select! {
        readable = timeout(patience, stream.readable()) => matches!(readable, Ok(Ok(()))),
        () = shutdown.cancelled() => false,
    };
    if spoke {
        let wire = Wire::new(stream, place, patience);
        Box::pin(speak(wire, router, patience, shutdown)).await;
    }
}

async fn speak(wire: Wire, router: Router, patience: Duration, shutdown: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_header_size(HEAD_MAX)
        .max_buf_size(BUFFER_MAX);
    let service = TowerToHyperService::new(router);
    let connection = http.serve_connection(TokioIo::new(wire), service);
    let mut connection = pin!(connection.with_upgrades());
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "A connection broke.");
    }
}

/// Says that there is no place, after the request began to come: an answer before it would be lost on many clients.
async fn refuse(mut stream: TcpStream, _turn: OwnedSemaphorePermit) {
    let refusing = async {
        let mut heard = [0; 4096];
        if stream.read(&mut heard).await? == 0 {
            return Ok(());
        }
        stream.write_all(REFUSAL.as_bytes()).await?;
        stream.shutdown().await?;
        while stream.read(&mut heard).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    timeout(REFUSAL_TIMEOUT, refusing).await.ok(); // whoever does not listen is not told
}

/// A panic of a handler is a fault of ours and must be seen, though only its own connection ends.
fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended.as_ref()
        && error.is_panic()
    {
        tracing::error!(%error, "A connection ended with a fault of the sandbox.");
    }
}

/// Whether no later accept can succeed; everything else, such as too many open files, passes.
fn is_final(error: &std::io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(
        errno,
        Some(Errno::EBADF | Errno::EINVAL | Errno::ENOTSOCK | Errno::EOPNOTSUPP)
    )
}

fn as_permits(connections_max: u32) -> usize {
    usize::try_from(connections_max).map_or(Semaphore::MAX_PERMITS, |most| {
        most.min(Semaphore::MAX_PERMITS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_says_its_own_length() {
        let (head, body) = REFUSAL.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}\r\n", body.len())),
            "{}",
            body.len()
        );
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
