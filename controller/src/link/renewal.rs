//! Certificates of agents that have one: when the next is asked for, and how it is given out. What may be is decided by the hub.

use std::time::{Duration, SystemTime};

use shanty_certs::ca::Ca;
use shanty_certs::csr::Csr;
use shanty_certs::identity::PeerIdentity;
use shanty_certs::late::{self, Binding};
use shanty_core::hub::{Presented, Renewal};
use shanty_core::ids::AgentId;
use shanty_core::refusal::{Code, Refusal};
use shanty_proto::v1;
use tokio::sync::watch;
use tonic::Status;

use crate::authority::Authority;
use crate::hub::{Handle, Holder};
use crate::status::status;

/// Those that are overdue, as after the life of certificates was made shorter, come within this time, milliseconds.
const OVERDUE_MS: u64 = 10 * 60_000;

/// When the agent with this certificate asks for the next: around half-way through a life of `leaf_ms`, drawn evenly from a tenth of it. The
/// agent's own clock may be wrong, so it is told how long to wait.
pub(super) fn when(not_after: SystemTime, leaf_ms: u64, now: SystemTime) -> v1::Renewal {
    let left = not_after.duration_since(now).unwrap_or(Duration::ZERO);
    let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    let (half_ms, tenth_ms) = (leaf_ms / 2, leaf_ms / 10);
    // One that was issued for longer than certificates live today is overdue.
    let in_ms = match left_ms <= leaf_ms {
        true => left_ms.saturating_sub(half_ms).saturating_sub(tenth_ms / 2),
        false => 0,
    };
    let over_ms = match in_ms {
        0 => tenth_ms.min(OVERDUE_MS),
        _ => tenth_ms,
    };
    v1::Renewal { in_ms, over_ms }
}

/// When the agent with this leaf asks for the next: at once where an issuing key was replaced that the leaf is by.
pub(super) fn of(
    authority: &Authority,
    leaf: &[u8],
    not_after: SystemTime,
    leaf_ms: u64,
) -> v1::Renewal {
    match authority.is_superseded(leaf) {
        Some(over_ms) => v1::Renewal { in_ms: 0, over_ms },
        None => when(not_after, leaf_ms, SystemTime::now()),
    }
}

/// What the agent of a link is to know at once.
#[derive(Debug, PartialEq)]
pub(super) enum Turn {
    /// It is to renew its certificate.
    Renew(v1::Renewal),
    /// There are other keys for orders.
    Keys,
}

/// Says when keys of the authority were replaced under a link: that its agent is to renew, and that there are others for orders.
pub(super) struct Turns {
    authority: Authority,
    turned: watch::Receiver<u64>,
    keys: watch::Receiver<()>,
    leaf: Vec<u8>,
}

impl Turns {
    /// Of the agent with this leaf. Before its first renewal is told: nothing is missed between.
    pub(super) fn new(authority: Authority, leaf: Vec<u8>) -> Self {
        Self {
            turned: authority.turns(),
            keys: authority.key_turns(),
            authority,
            leaf,
        }
    }

    /// The next of them; mostly there is none. Cancel-safe.
    pub(super) async fn next(&mut self) -> Turn {
        loop {
            let turned = tokio::select! {
                turned = self.turned.changed() => turned.is_ok(),
                turned = self.keys.changed() => match turned {
                    Ok(()) => return Turn::Keys,
                    Err(_) => false,
                },
            };
            if !turned {
                return std::future::pending().await;
            }
            if let Some(over_ms) = self.authority.is_superseded(&self.leaf) {
                return Turn::Renew(v1::Renewal { in_ms: 0, over_ms });
            }
        }
    }
}

/// The certificate of a peer, as the hub looks at it.
pub(super) fn presented(peer: &PeerIdentity, leaf: Vec<u8>) -> Presented {
    Presented {
        key_sha256: peer.key_sha256,
        issued_ms: since_epoch_ms(peer.issued),
        leaf,
    }
}

fn since_epoch_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap_or(Duration::ZERO).as_millis()).unwrap_or(u64::MAX)
}

/// A signing request that asks for nothing but a certificate.
pub(super) fn csr(der: &[u8]) -> Result<Csr, Status> {
    Csr::check(der).map_err(|error| {
        let what = format!("The certificate signing request is not one of ours: {error}.");
        status(&Refusal::new(
            Code::Csr,
            what,
            "Use the agent of this version.",
        ))
    })
}

/// The next certificate of a host that has a link.
pub(super) async fn linked(
    hub: &Handle,
    holder: Holder,
    request: v1::RenewRequest,
) -> Result<v1::RenewReply, Status> {
    let csr = csr(&request.csr)?;
    let renewal = Renewal {
        agent: holder.agent,
        holds: holder.certificate,
        key_sha256: *csr.key_sha256(),
        late: None,
    };
    give(hub, renewal, csr).await
}

/// The next certificate of a host that proves to have the key of one that ran out.
pub(super) async fn late(
    hub: &Handle,
    ca: &Ca,
    binding: Option<Binding>,
    request: v1::RenewLateRequest,
) -> Result<(AgentId, v1::RenewReply), Status> {
    let csr = csr(&request.csr)?;
    let binding = binding.ok_or_else(|| Status::unauthenticated("the connection has no secret"))?;
    let leaf = request.leaf;
    let peer = late::check(
        &leaf,
        ca.trust_domain(),
        &binding,
        &request.csr,
        &request.proof,
    );
    let peer = peer.map_err(|error| {
        let what = format!("Nothing proves who asks: {error}.");
        status(&Refusal::new(
            Code::Denied,
            what,
            "Delete the agent's data directory and join again.",
        ))
    })?;
    if !ca.is_ours(&leaf) {
        let what = "The certificate is not of this controller's authority.";
        let next = "Delete the agent's data directory and join again.";
        return Err(status(&Refusal::new(Code::Denied, what, next)));
    }
    let agent = AgentId::from_bytes(peer.agent);
    let renewal = Renewal {
        agent,
        key_sha256: *csr.key_sha256(),
        late: Some(since_epoch_ms(peer.not_after)),
        holds: presented(&peer, leaf),
    };
    Ok((agent, give(hub, renewal, csr).await?))
}

async fn give(hub: &Handle, renewal: Renewal, csr: Csr) -> Result<v1::RenewReply, Status> {
    let chain = hub.renew(renewal, csr).await;
    let chain = chain.map_err(|refusal| status(&refusal))?;
    Ok(v1::RenewReply { chain })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_way_is_when_the_next_is_asked_for() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let hours = |n: u64| n * 3_600_000;
        let at = |left_h: u64, leaf_h: u64| {
            let not_after = now + Duration::from_millis(hours(left_h));
            let when = when(not_after, hours(leaf_h), now);
            (when.in_ms, when.over_ms)
        };
        // Of 100 hours: from 45 to 55.
        assert_eq!(at(100, 100), (hours(45), hours(10)));
        assert_eq!(at(60, 100), (hours(5), hours(10)));
        for overdue in [at(50, 100), at(1, 100), at(0, 100), at(8_760, 100)] {
            assert_eq!(overdue, (0, OVERDUE_MS));
        }
        // Of four seconds: from 1.8 to 2.2.
        let seconds = when(now + Duration::from_secs(4), 4_000, now);
        assert_eq!((seconds.in_ms, seconds.over_ms), (1_800, 400));
    }
}
