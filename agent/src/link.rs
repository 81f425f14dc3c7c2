//! Keeps a link to the controller: dials, serves the link, waits, dials again, until the agent stops or is revoked.
//!
//! Knows the executor by its handle only and opens none of its files. Killing executions is not done here.

pub(crate) mod dial;

mod backoff;
mod error;
mod hello;
mod inputs;
mod instructions;
mod renewal;
mod saying;
mod stream;
mod tunnel;
mod vitals;
pub(crate) mod wire;

use std::time::{Duration, SystemTime};

use shanty_certs::tls::TlsError;
use shanty_core::causes::chain;
use shanty_core::ids::AgentId;
use shanty_core::text::utc;
use shanty_proto::v1::RefusedCode;
use thiserror::Error;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::backoff::Backoff;
use self::dial::{DialError, Verdict, Way};
use self::error::LinkError;
use self::renewal::NotRenewed;
use self::stream::End;
use crate::config::Times;
use crate::executor::Handle;
use crate::failure::printable;
use crate::identity::{Identities, Which};
use crate::service_manager;

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
    /// The join listener, for when our certificate ran out while we were off; older files do not say it.
    pub(crate) join: Option<Way>,
    pub(crate) identities: Identities,
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
    /// Our certificate ran out, and there is no other for us.
    Out(String),
}

#[derive(Debug, Error)]
enum Broken {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("our certificate cannot be used")]
    Tls(#[from] TlsError),
    #[error("our certificate ran out, by the controller's clock")]
    Expired,
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
            match ready.take() {
                Some(ready) => ready(),
                None => service_manager::linked(),
            }
        };
        let ended = one(ctx, up).await;
        if since.is_some() && !ctx.stop.is_cancelled() {
            service_manager::without_link();
        }
        if since.is_some_and(|since| since.elapsed() >= STABLE) {
            backoff.reset();
        }
        let wait = match after(ctx, ended, &mut backoff).await {
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
    let (which, tls) = ctx.identities.dialled()?;
    let dialling = dial::dial(&ctx.way, tls);
    let Some(dialed) = ctx.stop.run_until_cancelled(dialling).await else {
        return Ok(End::Stopped);
    };
    let dialed = dialed?;
    let verdict = dialed.verdict.clone();
    let welcomed = || {
        in_use(ctx, which);
        up();
    };
    let ended = stream::serve(ctx, session, dialed.channel, welcomed).await;
    match (ended, verdict.said()) {
        (Err(_), Some(Verdict::Revoked)) => Ok(End::Refused {
            code: RefusedCode::Revoked,
            text: "its certificate is not accepted any more".to_owned(),
        }),
        // A link always shows one: it is said as it came.
        (Err(error), Some(Verdict::Required)) => Err(error.into()),
        (Err(_), Some(Verdict::Expired)) => Err(Broken::Expired),
        (
            Ok(End::Refused {
                code: RefusedCode::Superseded,
                text,
            }),
            _,
        ) if which == Which::Next => {
            tracing::warn!("The next certificate is not taken, and the one in use is: {text}");
            ctx.identities.forget_next();
            Ok(End::Renewed)
        }
        (ended, _) => Ok(ended?),
    }
}

/// The controller took a link with this identity.
fn in_use(ctx: &Context, which: Which) {
    if which == Which::Next {
        let until = utc(since_epoch_ms(ctx.identities.not_after()));
        match ctx.identities.used() {
            Ok(()) => tracing::info!("The certificate was renewed, and is good until {until} UTC."),
            // It is dialled with again, and that is taken again.
            Err(error) => {
                tracing::error!(
                    "The renewed certificate is not in its place: {}.",
                    chain(&error)
                );
            }
        }
    }
}

fn since_epoch_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    millis(since.unwrap_or_default())
}

/// How long to wait before the next link, with one line of log that says why; or that there will be none.
async fn after(
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
        Ok(End::Renewed) => Ok(Duration::ZERO),
        Err(Broken::Expired) => match renewal::late(ctx).await {
            Ok(()) => Ok(Duration::ZERO),
            Err(NotRenewed::Never(text)) => Err(Over::Out(text)),
            Err(NotRenewed::NotYet(why)) => {
                let wait = backoff.next(backoff::random());
                tracing::warn!(
                    wait_ms = millis(wait),
                    "Our certificate ran out, and is not renewed yet: {why}."
                );
                Ok(wait)
            }
        },
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
