//! The next identity: asked for over the link half-way through the one in use; or at the join port, when that one ran out while the host was off.
//!
//! Which files hold what is [`crate::identity`]'s.

use std::time::Duration;

use shanty_certs::agent::AgentKey;
use shanty_certs::tls;
use shanty_core::causes::chain;
use shanty_core::limits;
use shanty_proto::v1;
use shanty_proto::v1::agents_client::AgentsClient;
use shanty_proto::v1::enroll_client::EnrollClient;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tonic::transport::Channel;

use super::backoff::{self, Backoff};
use super::dial;
use super::{Context, millis};
use crate::failure::printable;
use crate::identity::{Identities, RenewalError};

/// Longest answer, bytes.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// Longest time that a controller may have an agent wait.
const WAIT_MAX: Duration = Duration::from_secs(400 * 86_400);

/// When the next identity is asked for; nothing means never.
pub(super) type Due = Option<Instant>;

/// The moment within what the controller says.
pub(super) fn due(renewal: Option<&v1::Renewal>) -> Due {
    let renewal = renewal?;
    let over = Duration::from_millis(renewal.over_ms).min(WAIT_MAX);
    let wait = Duration::from_millis(renewal.in_ms).min(WAIT_MAX);
    Some(Instant::now() + wait + backoff::share(over, backoff::random()))
}

/// Waits until it is due, and asks until there is a next identity. Never ends where there is none to be had.
pub(super) async fn over_link(ctx: &Context, channel: Channel, mut due: watch::Receiver<Due>) {
    loop {
        let at = *due.borrow_and_update();
        let come = async {
            match at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = come => break,
            changed = due.changed() => if changed.is_err() {
                return std::future::pending().await;
            }
        }
    }
    let mut backoff = Backoff::new(ctx.times.reconnect_min, ctx.times.reconnect_max);
    loop {
        match ask(&ctx.identities, channel.clone()).await {
            Ok(()) => return,
            Err(why) => {
                let wait = backoff.next(backoff::random()).max(ctx.times.refused);
                tracing::warn!(
                    wait_ms = millis(wait),
                    "The certificate is not renewed yet: {why}."
                );
                tokio::time::sleep(wait).await;
            }
        }
    }
}

async fn ask(identities: &Identities, channel: Channel) -> Result<(), String> {
    let (key, csr) = wanted(identities).await?;
    let mut client = AgentsClient::new(channel).max_decoding_message_size(REPLY_BYTES_MAX);
    let request = v1::RenewRequest { csr };
    let limit = Duration::from_millis(limits::HANDSHAKE_MS_MAX);
    let answer = tokio::time::timeout(limit, client.renew(request)).await;
    let answer = answer.map_err(|_| "it takes too long".to_owned())?;
    let reply = answer.map_err(|status| {
        // Of a request that is never granted another is made.
        if status.code() == tonic::Code::InvalidArgument {
            identities.forget_wanted();
        }
        said(&status)
    })?;
    keep(identities, key, reply.into_inner().chain).await
}

/// Why a host whose certificate ran out has no other.
#[derive(Debug)]
pub(super) enum NotRenewed {
    /// It may have one later.
    NotYet(String),
    /// It gets none: a person has to do something.
    Never(String),
}

/// Asks at the join port, with proof of the key of the certificate that ran out.
pub(super) async fn late(ctx: &Context) -> Result<(), NotRenewed> {
    let Some(way) = &ctx.join else {
        return Err(NotRenewed::Never(
            "The certificate of this host ran out, and agent.toml does not say where to renew it: write `join = \"HOST:PORT\"` with the \
             controller's join listener there, and start the agent again."
                .to_owned(),
        ));
    };
    let not_yet = |why: &dyn std::error::Error| NotRenewed::NotYet(printable(&chain(why)));
    let tls = tls::join_client(ctx.identities.pin()).map_err(|error| not_yet(&error))?;
    let dialed = dial::dial(way, tls)
        .await
        .map_err(|error| not_yet(&error))?;
    let (key, csr) = wanted(&ctx.identities).await.map_err(NotRenewed::NotYet)?;
    let proof = dialed
        .binding
        .map(|binding| ctx.identities.prove(&binding, &csr));
    let Some(Ok((leaf, proof))) = proof else {
        return Err(NotRenewed::NotYet("nothing could be proved".to_owned()));
    };
    let mut client = EnrollClient::new(dialed.channel).max_decoding_message_size(REPLY_BYTES_MAX);
    let request = v1::RenewLateRequest { leaf, csr, proof };
    let limit = Duration::from_millis(limits::HANDSHAKE_MS_MAX);
    let answer = tokio::time::timeout(limit, client.renew_late(request)).await;
    let answer = answer.map_err(|_| NotRenewed::NotYet("it takes too long".to_owned()))?;
    let reply = answer.map_err(|status| match status.code() {
        tonic::Code::PermissionDenied
        | tonic::Code::NotFound
        | tonic::Code::FailedPrecondition
        | tonic::Code::Unimplemented => NotRenewed::Never(said(&status)),
        tonic::Code::InvalidArgument => {
            ctx.identities.forget_wanted();
            NotRenewed::NotYet(said(&status))
        }
        _ => NotRenewed::NotYet(said(&status)),
    })?;
    let kept = keep(&ctx.identities, key, reply.into_inner().chain).await;
    kept.map_err(NotRenewed::NotYet)
}

async fn wanted(identities: &Identities) -> Result<(AgentKey, Vec<u8>), String> {
    let identities = identities.clone();
    blocking(move || {
        let key = identities.wanted()?;
        let csr = key.csr()?;
        Ok((key, csr))
    })
    .await
}

async fn keep(identities: &Identities, key: AgentKey, chain: Vec<Vec<u8>>) -> Result<(), String> {
    let identities = identities.clone();
    blocking(move || identities.keep(&key, &chain)).await
}

/// Files are written beside the link: a slow disk holds up neither output nor pings.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RenewalError> + Send + 'static,
) -> Result<T, String> {
    let done = spawn_blocking(work).await;
    let done = done.map_err(|error| chain(&error))?;
    done.map_err(|error| chain(&error))
}

/// What the controller says, and what to do next where it says that too.
fn said(status: &tonic::Status) -> String {
    let next = status.metadata().get_bin("shanty-next-bin");
    let next = next.and_then(|next| next.to_bytes().ok());
    let next = next.map(|next| String::from_utf8_lossy(&next).into_owned());
    let what = status.message().trim_end_matches('.');
    match next {
        Some(next) => printable(&format!("{what}. {}", next.trim_end_matches('.'))),
        None => printable(what),
    }
}
