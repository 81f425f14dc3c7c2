//! One write at a time in each lane: first the permit, then the newest state, then its answer.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use shanty_core::outbox::{Failed, Key as _, Lane, Next, Urgency};
use shanty_core::thread::{Block, NoThread};

use super::Publisher;
use super::render::{By, Rendered};
use crate::discord::Edge;
use crate::discord::answers::Answer;
use crate::discord::call::{Call, Route};
use crate::discord::error::ARCHIVED;
use crate::discord::sender::{Outcome, Permit, SendError};

/// After a failure whose outcome is unknown, a write is tried again so much later, milliseconds. The nonce keeps it single.
const AGAIN_MS: u64 = 2_000;
/// Discord's code for a channel or thread that there is not.
pub(super) const UNKNOWN_CHANNEL: u64 = 10_003;
/// Discord's codes for what the bot has no right to see, or to do.
const FORBIDDEN: [u64; 2] = [50_001, 50_013];
/// Discord's code for a thread that only moderators write to and open again.
pub(super) const LOCKED: u64 = 160_005;
/// Discord's code for a server that has as many open threads as it may.
const CROWDED: u64 = 160_006;
/// The same after Discord refused the bot's token.
const UNAUTHORIZED_MS: u64 = 60_000;

/// The write that a lane has in flight.
pub(super) enum Write {
    /// None.
    Idle,
    /// It waits for its permit; how urgent that is.
    Waiting(Urgency, BoxFuture<'static, Completed>),
    /// It waits for its answer.
    InFlight(BoxFuture<'static, Completed>),
}

/// What came of waiting.
pub(super) enum Completed {
    /// The lane may write now.
    Permit(Permit),
    /// The run's thread, or why there is none.
    Thread(Result<u64, SendError>),
    /// A block with the digest that was sent, and whose token did: the message that shows it, or why not.
    Message(Block, u64, By, Result<u64, SendError>),
}

impl Write {
    pub(super) const fn is_idle(&self) -> bool {
        matches!(self, Self::Idle)
    }

    /// Waits for what is in flight, and is idle then. Cancel-safe: what is in flight stays so.
    pub(super) async fn completed(&mut self) -> Completed {
        match self {
            Self::Idle => std::future::pending().await,
            Self::Waiting(_, future) | Self::InFlight(future) => {
                let completed = future.await;
                *self = Self::Idle;
                completed
            }
        }
    }
}

impl Publisher {
    /// Lets an idle lane wait for its permit when there is something to write; gives the time at which there will be.
    pub(super) fn acquire(&self, lane: Lane, write: &mut Write, now_ms: u64) -> Option<u64> {
        let waits = match write {
            Write::Idle => None,
            Write::Waiting(urgency, _) => Some(*urgency),
            Write::InFlight(_) => return None,
        };
        let block = match self.outbox.next(lane, now_ms) {
            Next::Idle => return None,
            Next::At(at) => return waits.is_none().then_some(at),
            Next::Create(block) | Next::Edit(block, _) => block,
        };
        let urgency = self.outbox.urgency(block);
        // What waits as progress joins those who go first when it has become urgent.
        if waits.is_some_and(|waits| waits >= urgency) {
            return None;
        }
        let route = self.route(lane, now_ms)?;
        let sender = self.edge.sender.clone();
        let permit = async move { Completed::Permit(sender.permit(&route, urgency).await) };
        *write = Write::Waiting(urgency, Box::pin(permit));
        None
    }

    /// Sends the newest state, if what it is still needs the permit that was given.
    pub(super) fn send(&mut self, lane: Lane, permit: Permit, now_ms: u64) -> Write {
        match self.render(lane, now_ms) {
            Ok(None) => Write::Idle,
            Ok(Some(Rendered::Thread(call))) => self.call(lane, permit, call, |answer| {
                let thread = answer.and_then(|answer| answer.thread());
                Completed::Thread(thread.map(|thread| thread.id))
            }),
            Ok(Some(Rendered::Message(block, digest, by, call))) => {
                self.call(lane, permit, call, move |answer| {
                    let message = answer.and_then(|answer| answer.message());
                    Completed::Message(block, digest, by, message.map(|at| at.message))
                })
            }
            Err((block, error)) => {
                tracing::error!(block = ?block, "a message cannot be formed and is given up: {error}");
                self.outbox.give_up(block);
                Write::Idle
            }
        }
    }

    fn call(
        &self,
        lane: Lane,
        permit: Permit,
        call: Call,
        completed: impl FnOnce(Result<Answer, SendError>) -> Completed + Send + 'static,
    ) -> Write {
        let edge = Arc::clone(&self.edge);
        // Where it writes: the card of a run that was asked for in a thread is in that one too.
        let place = match lane {
            Lane::Channel => self.channel,
            Lane::Thread => self.thread_id.unwrap_or(self.channel),
        };
        // A permit for another route than the call's is given back, and one for the right route is taken.
        Write::InFlight(Box::pin(async move {
            let sender = &edge.sender;
            let answer = if permit.is_for(call.route()) {
                sender.send(permit, &call).await
            } else {
                drop(permit);
                sender.call(&call).await
            };
            completed(match answer {
                Err(error) if error.code() == Some(ARCHIVED) => {
                    in_open_thread(&edge, place, &call, error).await
                }
                answer => answer,
            })
        }))
    }

    /// The route of what is next in a lane.
    fn route(&self, lane: Lane, now_ms: u64) -> Option<Route> {
        let channel = match lane {
            Lane::Channel => self.channel,
            Lane::Thread => match self.thread_id {
                Some(thread) => thread,
                None => return Some(Route::create_thread(self.channel)),
            },
        };
        match self.outbox.next(lane, now_ms) {
            Next::Create(_) => Some(Route::create_message(channel)),
            Next::Edit(block, _) => Some(match self.by_token(block, now_ms) {
                Some(by) => Route::edit_original(by.reply_to().token.expose()),
                None => Route::edit_message(channel),
            }),
            Next::At(_) | Next::Idle => None,
        }
    }

    /// The thread was made, or could not be.
    pub(super) fn complete_thread(&mut self, result: Result<u64, SendError>, now_ms: u64) {
        match result {
            Ok(thread) => self.thread_id = Some(thread),
            // The message has its thread already: a thread has the id of its message.
            Err(error) if error.code() == Some(160_004) => {
                self.thread_id = self.outbox.message(Block::Card(0));
            }
            Err(error) if error.is_final() => {
                self.close_thread(no_thread(&error).unwrap_or(NoThread::Refused), &error);
            }
            Err(error) => {
                tracing::warn!("the thread of a run could not be made yet: {error}");
                self.outbox
                    .lane_failed(Lane::Thread, again_ms(&error), now_ms);
            }
        }
    }

    /// Nothing can be written in the thread any more: the card says so, once.
    fn close_thread(&mut self, why: NoThread, error: &SendError) {
        tracing::warn!(run.id = %self.run, why = ?why, "the output of a run is no longer shown in its thread: {error}");
        self.thread.without_thread(why);
        self.outbox.give_up_lane(Lane::Thread);
        self.dirty = true;
    }

    /// A block was not written, as far as is known.
    pub(super) fn fail(&mut self, block: Block, digest: u64, error: &SendError, now_ms: u64) {
        let no_thread = no_thread(error).filter(|_| block.lane() == Lane::Thread);
        if let Some(why) = no_thread {
            self.close_thread(why, error);
        } else if error.is_final() {
            tracing::warn!(block = ?block, "a message is given up: {error}");
            self.outbox.give_up(block);
        } else {
            tracing::warn!(block = ?block, "a message is tried again: {error}");
            let failed = match error.outcome() {
                Outcome::NotDone => Failed::NotDone,
                Outcome::Unknown => Failed::Unknown(digest),
            };
            self.outbox.failed(block, failed, again_ms(error), now_ms);
        }
    }
}

/// Opens a thread again that was archived, and makes the call there once more. What the thread is refused for is what the call is.
async fn in_open_thread(
    edge: &Edge,
    thread: u64,
    call: &Call,
    archived: SendError,
) -> Result<Answer, SendError> {
    let Ok(open) = edge.requests.reopen_thread(thread) else {
        return Err(archived);
    };
    match edge.sender.call(&open).await {
        Ok(_) => edge.sender.call(call).await,
        // Only who manages threads opens one that is locked.
        Err(SendError::Discord {
            status,
            code,
            message,
        }) if FORBIDDEN.contains(&code) => Err(SendError::Discord {
            status,
            code: LOCKED,
            message,
        }),
        Err(error) => Err(error),
    }
}

/// Why nothing can be written in a thread, when that is what an error says.
fn no_thread(error: &SendError) -> Option<NoThread> {
    match error.code()? {
        UNKNOWN_CHANNEL => Some(NoThread::Deleted),
        LOCKED => Some(NoThread::Locked),
        CROWDED => Some(NoThread::Crowded),
        code => FORBIDDEN.contains(&code).then_some(NoThread::Refused),
    }
}

/// After how long a call that failed may be made again, milliseconds.
pub(in crate::discord) fn again_ms(error: &SendError) -> u64 {
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

#[cfg(test)]
mod tests;
