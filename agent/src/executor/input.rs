//! What a command is given, on its way from the controller to the execution's folder. It is there whole, with the length and the digest of
//! the order, before the order is accepted.
//!
//! Knows one execution, and of the link only the channel on which slices come.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use shanty_core::ids::RunId;
use shanty_core::refusal::Code;
use shanty_core::run::Input;
use shanty_core::text::duration;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::Refusal;
use super::attach::{Cancel, Desired};
use super::folder::Folders;

/// Slices that wait for the disk. A full queue makes the link wait, and the controller behind it.
const SLICES_MAX: usize = 4;

/// All of it is there after this time, or does not come any more: the longest over a slow line. Whoever brings it can hold an order up by
/// no more.
pub(super) const WITHIN: Duration = Duration::from_secs(15 * 60);

/// A slice, or why there are no more.
pub type SliceOrEnd = Result<Vec<u8>, String>;

/// Somebody who waits for what the command of a run is given. The end of the channel is the end of it.
#[derive(Debug)]
pub struct Wanted {
    /// The run.
    pub run: RunId,
    /// Where its slices go.
    pub slices: mpsc::Sender<SliceOrEnd>,
}

/// Where inputs come from: the link that brought the order.
pub type Inputs = mpsc::Sender<Wanted>;

/// Fetches an input into the run's folder, durably and within this time.
pub(super) async fn fetch(
    run: RunId,
    (input, within): (&Input, Duration),
    inputs: Option<Inputs>,
    folders: &Folders,
    mut desired: watch::Receiver<Desired>,
) -> Result<(), Refusal> {
    let fetching = timeout(within, arrive(run, input, inputs, folders));
    let cancelled = desired.wait_for(|desired| desired.cancel != Cancel::No);
    tokio::select! {
        fetched = fetching => fetched.unwrap_or_else(|_| {
            let within = duration(u64::try_from(within.as_millis()).unwrap_or(u64::MAX));
            let text = format!(
                "The {} did not come whole within {within}, and nothing was run.",
                input.kind.as_str()
            );
            Err(Refusal::new(Code::Agent, text))
        }),
        _ = cancelled => {
            let text = format!("It was cancelled before its {} had come.", input.kind.as_str());
            Err(Refusal::new(Code::Closed, text))
        }
    }
}

async fn arrive(
    run: RunId,
    input: &Input,
    inputs: Option<Inputs>,
    folders: &Folders,
) -> Result<(), Refusal> {
    let what = input.kind.as_str();
    let not_come = |why: &str| {
        let text = format!("The {what} did not come whole, and nothing was run: {why}.");
        Refusal::new(Code::Agent, text)
    };
    let disk = |error: std::io::Error| {
        let text = format!("The agent cannot keep the {what}: {error}.");
        Refusal::new(Code::Agent, text)
    };
    let gone = || not_come("the link to the controller broke");
    let (slices, mut arriving) = mpsc::channel(SLICES_MAX);
    let inputs = inputs.ok_or_else(gone)?;
    let asked = inputs.send(Wanted { run, slices }).await;
    asked.map_err(|_| gone())?;
    drop(inputs);

    let own = folders.clone();
    let mut file = blocking(move || own.begin_input(run)).await.map_err(disk)?;
    let mut digest = Sha256::new();
    let mut bytes = 0_u64;
    // The link says when nothing comes any more.
    while let Some(slice) = arriving.recv().await {
        let slice = slice.map_err(|why| not_come(&why))?;
        bytes = bytes.saturating_add(slice.len() as u64);
        if bytes > input.bytes {
            return Err(not_come("more came than was announced"));
        }
        digest.update(&slice);
        file = blocking(move || written(file, &slice))
            .await
            .map_err(disk)?;
    }
    if bytes < input.bytes {
        let text = format!("{bytes} of {} bytes came", input.bytes);
        return Err(not_come(&text));
    }
    if <[u8; 32]>::from(digest.finalize()) != input.sha256 {
        return Err(not_come("its digest is not that of the order"));
    }
    let own = folders.clone();
    blocking(move || own.keep_input(run, &file))
        .await
        .map_err(disk)
}

fn written(mut file: File, slice: &[u8]) -> std::io::Result<File> {
    file.write_all(slice)?;
    Ok(file)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    spawn_blocking(work).await.map_err(std::io::Error::other)?
}
