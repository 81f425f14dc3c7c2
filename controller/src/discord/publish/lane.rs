//! One write at a time in each lane: first the permit, then the newest state, then its answer.

use futures_util::future::BoxFuture;
use shanty_core::outbox::{Block, Lane, Next};

use super::Publisher;
use super::render::Written;
use crate::discord::answers::Answer;
use crate::discord::call::{Call, Route};
use crate::discord::sender::{Permit, SendError};

/// After a failure whose outcome is unknown, a write is tried again so much later, milliseconds. The nonce keeps it single.
const AGAIN_MS: u64 = 2_000;
/// The same after Discord refused the bot's token.
const UNAUTHORIZED_MS: u64 = 60_000;

/// What a lane does.
pub(super) enum Flight {
    /// Nothing.
    Idle,
    /// Waits for its permit, or for its answer.
    Under(BoxFuture<'static, Done>),
}

/// What came of it.
pub(super) enum Done {
    /// It may write now.
    Permit(Permit),
    /// The run's thread, or why there is none.
    Thread(Result<u64, SendError>),
    /// A block with the digest of its state: the message that shows it, or why not.
    Written(Block, u64, Result<u64, SendError>),
}

impl Flight {
    pub(super) const fn is_idle(&self) -> bool {
        matches!(self, Self::Idle)
    }

    /// Waits for what is under way, and is idle then. Cancel-safe: what is under way stays so.
    pub(super) async fn land(&mut self) -> Done {
        match self {
            Self::Idle => std::future::pending().await,
            Self::Under(future) => {
                let done = future.await;
                *self = Self::Idle;
                done
            }
        }
    }
}

impl Publisher {
    /// Lets an idle lane wait for its permit when there is something to write; gives the time at which there will be.
    pub(super) fn board(&self, lane: Lane, flight: &mut Flight, now_ms: u64) -> Option<u64> {
        if !flight.is_idle() {
            return None;
        }
        let route = match self.outbox.next(lane, now_ms) {
            Next::Idle => return None,
            Next::At(at) => return Some(at),
            Next::Create(_) | Next::Edit(..) => self.route(lane, now_ms)?,
        };
        let sender = self.edge.sender.clone();
        *flight = Flight::Under(Box::pin(async move {
            Done::Permit(sender.permit(&route).await)
        }));
        None
    }

    /// Writes the newest state, if what it is still needs the permit that was given.
    pub(super) fn take_off(&mut self, lane: Lane, permit: Permit, now_ms: u64) -> Flight {
        match self.render(lane, now_ms) {
            Ok(None) => Flight::Idle,
            Ok(Some(Written::Thread(call))) => self.fly(permit, call, |answer| {
                Done::Thread(
                    answer
                        .and_then(|answer| answer.thread())
                        .map(|thread| thread.id),
                )
            }),
            Ok(Some(Written::Message(block, digest, call))) => {
                self.fly(permit, call, move |answer| {
                    let message = answer
                        .and_then(|answer| answer.message())
                        .map(|at| at.message);
                    Done::Written(block, digest, message)
                })
            }
            Err((block, error)) => {
                tracing::error!(block = ?block, "a message cannot be formed and is given up: {error}");
                self.outbox.give_up(block);
                Flight::Idle
            }
        }
    }

    fn fly(
        &self,
        permit: Permit,
        call: Call,
        done: impl FnOnce(Result<Answer, SendError>) -> Done + Send + 'static,
    ) -> Flight {
        let sender = self.edge.sender.clone();
        // A permit for another route than the call's is given back, and one for the right route is taken.
        Flight::Under(Box::pin(async move {
            let answer = if permit.is_for(call.route()) {
                sender.send(permit, &call).await
            } else {
                drop(permit);
                sender.call(&call).await
            };
            done(answer)
        }))
    }

    /// The route of what is next in a lane.
    fn route(&self, lane: Lane, now_ms: u64) -> Option<Route> {
        let channel = match lane {
            Lane::Channel => self.channel,
            Lane::Thread => match self.thread {
                Some(thread) => thread,
                None => return Some(Route::create_thread(self.channel)),
            },
        };
        match self.outbox.next(lane, now_ms) {
            Next::Create(_) => Some(Route::create_message(channel)),
            Next::Edit(..) => Some(Route::edit_message(channel)),
            Next::At(_) | Next::Idle => None,
        }
    }

    pub(super) fn thread_made(&mut self, result: Result<u64, SendError>) {
        match result {
            Ok(thread) => self.thread = Some(thread),
            // The message has its thread already: a thread has the id of its message.
            Err(error) if error.code() == Some(160_004) => {
                self.thread = self.outbox.message(Block::Card);
            }
            Err(error) if is_final(&error) => {
                tracing::warn!("the thread of a run could not be made: {error}");
                self.thread_failed = Some(error.to_string());
                for block in self.thread_blocks() {
                    self.outbox.give_up(block);
                }
            }
            Err(error) => {
                tracing::warn!("the thread of a run could not be made yet: {error}");
                let now_ms = crate::clock::now_ms();
                for block in self.thread_blocks() {
                    self.outbox.failed(block, again_ms(&error), now_ms);
                }
            }
        }
    }

    pub(super) fn failed(&mut self, block: Block, error: &SendError, now_ms: u64) {
        if is_final(error) {
            tracing::warn!(block = ?block, "a message is given up: {error}");
            self.outbox.give_up(block);
        } else {
            tracing::warn!(block = ?block, "a message is tried again: {error}");
            self.outbox.failed(block, again_ms(error), now_ms);
        }
    }

    fn thread_blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        for (index, host) in self.hosts.iter().enumerate() {
            blocks.extend(host.page_numbers().map(|page| Block::Page(index, page)));
            blocks.push(Block::Whole(index));
        }
        blocks
    }
}

/// True when the same write would be refused again: the message, the thread or the right to write is gone.
fn is_final(error: &SendError) -> bool {
    match error {
        SendError::Discord { status, .. } => (400..500).contains(status),
        SendError::Malformed(_) => true,
        SendError::Timeout(_)
        | SendError::Unreached(_)
        | SendError::Connection(_)
        | SendError::RateLimited { .. }
        | SendError::Unauthorized
        | SendError::Body(_)
        | SendError::TooLong => false,
    }
}

fn again_ms(error: &SendError) -> u64 {
    match error {
        SendError::RateLimited { retry_after_ms, .. } => *retry_after_ms,
        SendError::Unauthorized => UNAUTHORIZED_MS,
        SendError::Timeout(_)
        | SendError::Unreached(_)
        | SendError::Connection(_)
        | SendError::Discord { .. }
        | SendError::Body(_)
        | SendError::TooLong
        | SendError::Malformed(_) => AGAIN_MS,
    }
}
