//! Keeps a link to the controller: dials, serves the link, waits, dials again, until the agent stops or is revoked.
//!
//! Knows the executor by its handle only and opens none of its files. Killing executions is not done here.

pub(crate) mod dial;

mod backoff;
mod hello;
mod inputs;
mod instructions;
mod stream;
mod tunnel;
mod vitals;
pub(crate) mod wire;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustls::ClientConfig;
use shanty_core::causes::chain;
use shanty_core::ids::AgentId;
use shanty_proto::v1::RefusedCode;
use thiserror::Error;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::backoff::Backoff;
use self::dial::{DialError, Way};
use self::stream::{End, LinkError};
use crate::config::Times;
use crate::executor::Handle;
use crate::failure::printable;

pub(crate) use self::vitals::Watcher;

/// A stopping agent goes on sending for this long.
const FLUSH: Duration = Duration::from_secs(2);

/// Killed executions must be over in this time.
pub(crate) const KILL: Duration = Duration::from_secs(10);

/// A link that held for this long was a good one: the next wait is short again.
const STABLE: Duration = Duration::from_secs(60);

/// What becomes of executions when the agent stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OnStop {
    /// They go on, and the next agent finds them.
    Keep,
    /// They are killed.
    Kill,
}

/// What a link needs to know of the agent around it.
pub(crate) struct Context {
    pub(crate) agent: AgentId,
    pub(crate) way: Way,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) boot_id: String,
    /// Drawn at this start.
    pub(crate) instance: String,
    pub(crate) executor: Handle,
    pub(crate) vitals: Watcher,
    pub(crate) times: Times,
    pub(crate) on_stop: OnStop,
    pub(crate) stop: CancellationToken,
}

/// Why no more links are made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The agent stops.
    Stopped,
    /// This identity is not accepted any more, and never will be.
    Revoked(String),
}

#[derive(Debug, Error)]
enum Broken {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// Keeps the link up. `ready` is called once, when the first one is.
pub(crate) async fn keep(ctx: &Context, ready: impl FnOnce()) -> Over {
    let mut ready = Some(ready);
    let mut backoff = Backoff::new(ctx.times.reconnect_min, ctx.times.reconnect_max);
    loop {
        let mut since = None;
        let up = || {
            since = Some(Instant::now());
            tracing::info!(address = %ctx.way, "The link is up.");
            if let Some(ready) = ready.take() {
                ready();
            }
        };
        let ended = one(ctx, up).await;
        if since.is_some_and(|since| since.elapsed() >= STABLE) {
            backoff.reset();
        }
        let wait = match after(ctx, ended, &mut backoff) {
            Ok(wait) => wait,
            Err(over) => return over,
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = ctx.stop.cancelled() => return Over::Stopped,
        }
    }
}

/// Dials and serves one link. Stopping interrupts dialling; a link that is up ends by itself.
async fn one(ctx: &Context, up: impl FnOnce()) -> Result<End, Broken> {
    let executor = ctx.executor.present();
    let Some(session) = ctx.stop.run_until_cancelled(executor).await else {
        return Ok(End::Stopped);
    };
    let dialling = dial::dial(&ctx.way, ctx.tls.clone());
    let Some(dialed) = ctx.stop.run_until_cancelled(dialling).await else {
        return Ok(End::Stopped);
    };
    let dialed = dialed?;
    let revoked = dialed.revoked();
    let ended = stream::serve(ctx, session, dialed.channel, up).await;
    if ended.is_err() && revoked.load(Ordering::Acquire) {
        return Ok(End::Refused {
            code: RefusedCode::Revoked,
            text: "its certificate is not accepted any more".to_owned(),
        });
    }
    Ok(ended?)
}

/// How long to wait before the next link, with one line of log that says why; or that there will be none.
fn after(
    ctx: &Context,
    ended: Result<End, Broken>,
    backoff: &mut Backoff,
) -> Result<Duration, Over> {
    match ended {
        Ok(End::Stopped) => Err(Over::Stopped),
        Ok(End::Refused {
            code: RefusedCode::Revoked,
            text,
        }) => Err(Over::Revoked(printable(&text))),
        Ok(End::Refused { code, text }) => {
            let wait = backoff.next(backoff::random()).max(ctx.times.refused);
            let (code, text) = (code.as_str_name(), printable(&text));
            tracing::warn!(
                code,
                wait_ms = millis(wait),
                "The controller refused the link: {text}"
            );
            Ok(wait)
        }
        Ok(End::Drain(over)) => {
            let wait = backoff::share(over, backoff::random());
            tracing::info!(wait_ms = millis(wait), "The controller asks to come back.");
            Ok(wait)
        }
        Err(error) => {
            let wait = backoff.next(backoff::random());
            let why = printable(&chain(&error));
            tracing::warn!(address = %ctx.way, wait_ms = millis(wait), "There is no link: {why}.");
            Ok(wait)
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
