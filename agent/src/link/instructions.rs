//! Hands what the controller wants done to the executor, one after the other: a `Cancel` must not overtake its `Start`.
//!
//! Runs beside the stream, so that an order that waits for the disk holds up neither output nor pings.

use shanty_core::ids::RunId;
use shanty_core::refusal::Code;
use shanty_proto::v1;
use tokio::sync::mpsc;

use super::wire;
use crate::executor::{ClockOffset, Handle, Inputs, KeysTold, Refusal, Signed, Started};

/// Instructions that may wait for the executor. A fleet-wide run is one order for each host, so hundreds at once are not for work; when
/// they do not fit, the link is closed and the controller sorts it out with what the next `Hello` says.
pub(super) const INSTRUCTIONS_MAX: usize = 512;

/// What the controller wants done.
#[derive(Debug)]
pub(super) enum Instruction {
    Start { run: RunId, order: Signed },
    Cancel { run: RunId, force: bool },
    Release { run: RunId },
    Keys(KeysTold),
}

/// Works until there are no more instructions. `answers` is the link's own bounded channel: a controller that
/// does not read waits for itself only.
pub(super) async fn carry_out(
    mut instructions: mpsc::Receiver<Instruction>,
    executor: Handle,
    clock: ClockOffset,
    inputs: Inputs,
    answers: mpsc::Sender<Option<v1::Up>>,
) {
    while let Some(instruction) = instructions.recv().await {
        let state = match instruction {
            Instruction::Start { run, order } => {
                start(&executor, run, order, clock, inputs.clone()).await
            }
            Instruction::Cancel { run, force } => {
                executor.cancel(run, force).await;
                continue;
            }
            Instruction::Release { run } => {
                executor.release(run).await;
                continue;
            }
            Instruction::Keys(told) => {
                let ids = executor.order_keys(told).await;
                let known = v1::OrderKeysKnown { ids };
                let answer = Some(wire::up(v1::up::Kind::OrderKeys(known)));
                // As below: the next link says which are known.
                answers.send(answer).await.ok();
                continue;
            }
        };
        let Some(state) = state else { continue };
        let answer = Some(wire::up(v1::up::Kind::State(state)));
        // Where the link has said its last, the next one tells what became of what is still to be done here.
        answers.send(answer).await.ok();
    }
}

/// The answer to an order; none when it was accepted now, since the executor's state says so itself.
async fn start(
    executor: &Handle,
    run: RunId,
    order: Signed,
    clock: ClockOffset,
    inputs: Inputs,
) -> Option<v1::State> {
    match executor.start_with(order, clock, Some(inputs)).await {
        Ok(Started::New) => None,
        Ok(Started::Duplicate(status)) => Some(wire::state(run, &status)),
        Err(refusal) => {
            tracing::info!(run.id = %run, code = %refusal.code, "An order was refused.");
            Some(wire::refused(run, refusal))
        }
    }
}

/// What a stopping agent answers to an order.
pub(super) fn stopping(run: RunId) -> v1::State {
    let refusal = Refusal {
        code: Code::Stopping,
        text: "The agent is stopping.".to_owned(),
    };
    wire::refused(run, refusal)
}
