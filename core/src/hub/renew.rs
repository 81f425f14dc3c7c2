//! A host gets its next certificate before the one in use runs out, over its link; or a while after, with proof that it has the key of the one
//! that ran out.
//!
//! The next one is recorded before the host gets it, and the one in use stays good until the first link with the next: so whatever is lost or
//! killed on the way, the host holds one that is good.

use crate::ids::AgentId;
use crate::journal::{Certificates, HostChange, HostEntry, KeyStanding, Kind};
use crate::limits;
use crate::principal::Actor;
use crate::refusal::{Code, Refusal};
use crate::text;
use crate::time::Now;

use super::{Effect, Hub, Reply, Ticket};

/// The same request again within this time gets the same certificate: its answer may have been lost. Milliseconds.
const REPEAT_MS: u64 = 10 * 60_000;

/// What to do when a host has no way back.
const JOIN_ANEW: &str = "Remove the host with `shanty hosts revoke`, free its name, delete the agent's data directory and join again.";

/// A host asks for its next certificate. The request was checked for its form.
#[derive(Clone, Debug)]
pub struct Renewal {
    /// By the certificate of its link, or by the one that ran out.
    pub agent: AgentId,
    /// That certificate, of whose key it has proven that it holds the other half.
    pub holds: Presented,
    /// SHA-256 of the public key that it wants a certificate for; it has proven the same of it.
    pub key_sha256: [u8; 32],
    /// Nothing over a link; otherwise when that certificate ran out, milliseconds since the Unix epoch.
    pub late: Option<u64>,
}

/// A certificate of ours with which somebody comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented {
    /// SHA-256 of the public key in it.
    pub key_sha256: [u8; 32],
    /// When it was issued, milliseconds since the Unix epoch.
    pub issued_ms: u64,
    /// DER.
    pub leaf: Vec<u8>,
}

impl Presented {
    /// What it is to a host.
    pub(super) fn standing(&self, certificates: &Certificates) -> KeyStanding {
        certificates.standing(&self.key_sha256, self.issued_ms)
    }

    /// What is recorded when it is used.
    fn used(&self, certificates: &Certificates) -> Vec<HostChange> {
        let key_sha256 = self.key_sha256;
        let promoted = HostChange::Promoted { key_sha256 };
        match self.standing(certificates) {
            KeyStanding::Current | KeyStanding::Void => Vec::new(),
            KeyStanding::Next => vec![promoted],
            KeyStanding::Ahead => {
                let leaf = self.leaf.clone();
                vec![HostChange::Renewed { key_sha256, leaf }, promoted]
            }
        }
    }
}

/// A renewal that was admitted, until its record is written.
#[derive(Debug)]
pub(super) struct Renewing {
    agent: AgentId,
    key_sha256: [u8; 32],
    /// The certificate that it proved with was never used for a link, or is not known here: it counts as used now.
    used: Vec<HostChange>,
    leaf: Vec<u8>,
}

enum Admitted {
    New { used: Vec<HostChange> },
    Again(Vec<u8>),
}

impl Hub {
    pub(super) fn renew(
        &mut self,
        ticket: Ticket,
        renewal: &Renewal,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let agent = renewal.agent;
        match self.admit_renewal(renewal, now) {
            Ok(Admitted::New { used }) => {
                let key_sha256 = renewal.key_sha256;
                let leaf = Vec::new();
                let renewing = Renewing {
                    agent,
                    key_sha256,
                    used,
                    leaf,
                };
                self.renewals.insert(ticket, renewing);
                out.push(Effect::IssueCertificate { ticket, agent });
            }
            Ok(Admitted::Again(leaf)) => {
                let renewed = Ok(leaf);
                out.push(Effect::Renewed { ticket, renewed });
            }
            Err(refusal) => {
                let what = format!("its certificate is not renewed: {}", refusal.what);
                let agent = Some(agent);
                out.push(Effect::WarnOf { agent, what });
                let renewed = Err(refusal);
                out.push(Effect::Renewed { ticket, renewed });
            }
        }
    }

    /// The certificate for a renewal is there, or is not to be had; false when this is no renewal.
    pub(super) fn issued_again(
        &mut self,
        ticket: Ticket,
        leaf: Option<&Vec<u8>>,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> bool {
        let Some(renewing) = self.renewals.get_mut(&ticket) else {
            return false;
        };
        let Some(leaf) = leaf else {
            let what = "No certificate could be issued for this key.";
            let refusal = Refusal::new(Code::Csr, what, "Look at the controller's log.");
            self.renewed(ticket, Err(refusal), out);
            return true;
        };
        renewing.leaf.clone_from(leaf);
        let (agent, key_sha256) = (renewing.agent, renewing.key_sha256);
        let used = std::mem::take(&mut renewing.used);
        let leaf = leaf.clone();
        let renewed = HostChange::Renewed { key_sha256, leaf };
        let kinds: Vec<Kind> = used
            .into_iter()
            .chain([renewed])
            .map(|change| change.of(agent))
            .collect();
        self.append(&Actor::Host(agent), kinds, Reply::Renewed(ticket), now, out);
        true
    }

    /// The record is written, or something came between.
    pub(super) fn renewed(
        &mut self,
        ticket: Ticket,
        written: Result<(), Refusal>,
        out: &mut Vec<Effect>,
    ) {
        if let Some(renewing) = self.renewals.remove(&ticket) {
            let renewed = written.map(|()| renewing.leaf);
            out.push(Effect::Renewed { ticket, renewed });
        }
    }

    /// A host has a link with this certificate: when it is its next one, or a newer one than is known here, it is in use from now on.
    pub(super) fn used(
        &mut self,
        agent: AgentId,
        certificate: &Presented,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let host = self.known.state.hosts.get(&agent);
        let used = host.map(|host| certificate.used(&host.certificates));
        let used = used.unwrap_or_default();
        if !used.is_empty() {
            let kinds = used.into_iter().map(|change| change.of(agent));
            self.append(&Actor::Host(agent), kinds, Reply::Nobody, now, out);
        }
    }

    /// Somebody proves to have a key of this host that was replaced: an older copy of its files is in use somewhere.
    pub(super) fn is_superseded(&mut self, agent: AgentId, now: Now) {
        self.known.fleet.entry(agent).duplicate_ms = Some(now.wall_ms);
    }

    fn admit_renewal(&mut self, renewal: &Renewal, now: Now) -> Result<Admitted, Refusal> {
        let agent = renewal.agent;
        let host = self.known.state.hosts.get(&agent).ok_or_else(unknown)?;
        if host.revoked {
            return Err(revoked());
        }
        let certificates = &host.certificates;
        let held = certificates.with_key(&renewal.holds.key_sha256);
        // Of a key that is known, it is the certificate that is recorded.
        let other = held.is_some_and(|held| held.leaf != renewal.holds.leaf);
        if renewal.holds.standing(certificates) == KeyStanding::Void || other {
            self.is_superseded(agent, now);
            return Err(superseded());
        }
        if let Some(not_after_ms) = renewal.late {
            is_not_too_late(not_after_ms, self.known.settings.identities.late_ms, now)?;
        }
        let used = renewal.holds.used(certificates);
        let wanted = renewal.key_sha256;
        let again = host.certificates.next();
        let again = again.filter(|next| next.key_sha256 == wanted && used.is_empty());
        if let Some(next) = again
            && now.wall_ms.saturating_sub(next.issued_ms) <= self.repeat_ms()
        {
            return Ok(Admitted::Again(next.leaf.clone()));
        }
        if again.is_none() && self.is_known(&wanted) {
            return Err(known_key());
        }
        if self.renewals.values().any(|other| other.agent == agent) {
            return Err(too_often());
        }
        // The clock may have been set back.
        let since = now.wall_ms.checked_sub(host.certificates.newest_ms());
        if since.is_some_and(|since| since < self.spacing_ms()) {
            return Err(too_often());
        }
        Ok(Admitted::New { used })
    }

    /// Whether any host has, or had when it joined, this key.
    pub(super) fn is_known(&self, key_sha256: &[u8; 32]) -> bool {
        let hosts = &self.known.state.hosts;
        hosts.values().any(|host| has_key(host, key_sha256))
    }

    /// A request again within this time is the same request: long ones of a life of seconds would be void by then.
    fn repeat_ms(&self) -> u64 {
        REPEAT_MS.min(self.known.settings.identities.leaf_ms / 4)
    }

    /// Between two certificates of one host.
    fn spacing_ms(&self) -> u64 {
        limits::RENEWAL_MS.min(self.known.settings.identities.leaf_ms / 20)
    }
}

fn has_key(host: &HostEntry, key_sha256: &[u8; 32]) -> bool {
    host.enrolment.key_sha256 == *key_sha256 || host.certificates.with_key(key_sha256).is_some()
}

/// It ran out not too long ago.
fn is_not_too_late(not_after_ms: u64, late_ms: u64, now: Now) -> Result<(), Refusal> {
    let ago_ms = now.wall_ms.saturating_sub(not_after_ms);
    if ago_ms <= late_ms {
        return Ok(());
    }
    let what = format!(
        "The certificate of this host ran out {} ago, and it may be renewed for {} only.",
        text::duration(ago_ms),
        text::duration(late_ms)
    );
    Err(Refusal::new(Code::Expired, what, JOIN_ANEW))
}

fn unknown() -> Refusal {
    let what = "No host with this identity has joined here.";
    let next = "Delete the agent's data directory and join again.";
    Refusal::new(Code::NotFound, what, next)
}

fn revoked() -> Refusal {
    let what = "This host was removed, and its identity is void.";
    let next = "Delete the agent's data directory and join again with a new token.";
    Refusal::new(Code::Denied, what, next)
}

fn superseded() -> Refusal {
    let what = "This certificate was replaced by a newer one, which was used: the agent's files were copied, or an older backup of them was put back.";
    Refusal::new(Code::Denied, what, JOIN_ANEW)
}

fn known_key() -> Refusal {
    let what = "This key belongs to a host already: each certificate has a new one.";
    let next = "Use the agent of this version.";
    Refusal::new(Code::Csr, what, next)
}

fn too_often() -> Refusal {
    let what = "This host got a certificate a moment ago, or is about to.";
    Refusal::new(Code::Rate, what, "The agent asks again by itself.")
}
