//! When a process has to stop: a signal, or the end of the standard input of whoever started it.

use anyhow::Context as _;
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancels the token at the first SIGTERM or SIGINT, or at the end of standard input when that is asked for; a second signal returns,
/// which ends the process now.
pub async fn watch(until_stdin_ends: bool, shutdown: CancellationToken) -> anyhow::Error {
    match wait(until_stdin_ends, shutdown).await {
        Ok(()) => anyhow::anyhow!("a second signal: stopped at once"),
        Err(error) => error,
    }
}

async fn wait(until_stdin_ends: bool, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = stdin_ends(), if until_stdin_ends => {}
    }
    shutdown.cancel();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

async fn stdin_ends() {
    let mut stdin = tokio::io::stdin();
    let mut ignored = [0; 64];
    while matches!(stdin.read(&mut ignored).await, Ok(1..)) {}
}
