//! From an order to its shim, or to a refusal, and in which order that becomes durable. All of it blocks, and knows one order only.

use shanty_core::ids::RunId;
use shanty_core::refusal::Code;
use shanty_proto::convert::ReceivedOrder;

use super::attach::Shim;
use super::check;
use super::folder::Folders;
use super::reserve::is_full;
use super::{ClockOffset, Config, Refusal};

/// Checks an order, makes its bytes durable as they came and spawns its shim. Whatever is refused is remembered, so that it stays refused.
/// Blocks.
pub(super) fn accept(
    received: &ReceivedOrder,
    bytes: &[u8],
    config: &Config,
    folders: &Folders,
    clock: ClockOffset,
) -> Result<Shim, Refusal> {
    let run = received.run;
    let accepted = ready(received, config, clock, 0)
        .and_then(|run_as| begin(run, bytes, config, folders, run_as.as_deref()));
    accepted.inspect_err(|_| remember_refused(run, folders))
}

/// Whether an order may be carried out here now, or was so many milliseconds ago, and as whom: none is the agent's own user. What the
/// host's owner allows is asked as it is now. Blocks.
pub(super) fn ready(
    received: &ReceivedOrder,
    config: &Config,
    clock: ClockOffset,
    late_ms_max: u64,
) -> Result<Option<String>, Refusal> {
    let order = received.order.as_ref().map_err(check::refused)?;
    let run_as = check::check(order, config, clock, late_ms_max)?;
    check::policy(order, config, run_as.as_deref())?;
    check::secrets(&config.mask)?;
    Ok(run_as)
}

/// Makes the bytes of a checked order durable and spawns its shim. Blocks.
pub(super) fn begin(
    run: RunId,
    bytes: &[u8],
    config: &Config,
    folders: &Folders,
    run_as: Option<&str>,
) -> Result<Shim, Refusal> {
    let failed = |what: &str, error: std::io::Error| {
        if is_full(&error) {
            let at = config.data_dir.display();
            let text =
                format!("The disk that holds {at} is full, and nothing was run: make room there.");
            return Refusal::new(Code::Storage, text);
        }
        Refusal::new(Code::Agent, format!("The agent cannot {what}: {error}."))
    };
    folders
        .accept(run, bytes)
        .map_err(|error| failed("record the order", error))?;
    let folder = folders.execution(run);
    Shim::spawn(config, &folder, run_as).map_err(|error| failed("start a shim", error))
}

/// Refuses an order because enough runs here already, and remembers that. Blocks.
pub(super) fn refuse_busy(run: RunId, config: &Config, folders: &Folders) -> Refusal {
    remember_refused(run, folders);
    let max = config.running_max;
    let text = config.policy.rules.borrow().busy(max).unwrap_or_else(|| {
        format!("{max} commands run on this host already, and that is the limit.")
    });
    Refusal::new(Code::Rate, text)
}

/// Remembers that a run is refused, so that it stays refused. Blocks.
pub(super) fn remember_refused(run: RunId, folders: &Folders) {
    if let Err(error) = folders.release(run) {
        tracing::warn!(run.id = %run, %error, "A refused order cannot be remembered on disk.");
        folders.delete(run).ok(); // Left over it would look like an execution that was lost.
    }
}
