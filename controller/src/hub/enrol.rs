//! A host joins with a token.

use shanty_certs::csr::Csr;
use shanty_certs::token::secret_matches;
use shanty_core::ids::{AgentId, HostName};
use shanty_core::journal::{Enrolment, Kind, TokenEntry};
use shanty_core::refusal::{Code, Refusal};
use std::time::SystemTime;

use super::request::Reply;
use super::{After, Hub};
use crate::clock::now_ms;

/// The same request again within this time gets the same identity: its answer may have been lost. Milliseconds.
const REPEAT_MS: u64 = 10 * 60_000;

/// What a host sends to join. The request was checked for its form.
pub struct JoinRequest {
    /// The token's public half.
    pub token: String,
    /// The token's secret half.
    pub secret: zeroize::Zeroizing<Vec<u8>>,
    /// The name that it asks for.
    pub name: String,
    /// Proves that it has the key.
    pub csr: Csr,
}

/// What a host gets.
#[derive(Clone, Debug)]
pub struct Joined {
    /// Its id.
    pub agent: AgentId,
    /// Its name.
    pub name: HostName,
    /// DER: leaf, issuing, root.
    pub chain: Vec<Vec<u8>>,
}

impl Hub {
    pub(super) fn ask_join(&mut self, join: JoinRequest, reply: Reply<Joined>) {
        if self.is_enrolling() {
            self.joins.push_back((join, reply));
            return;
        }
        match self.admit_join(&join) {
            Ok(Admitted::Again(joined)) => drop(reply.send(Ok(joined))),
            Ok(Admitted::New(enrolment, joined)) => {
                self.append(Kind::Enrolled(enrolment), After::Enrolled(joined, reply));
            }
            Err(refusal) => {
                tracing::warn!(code = %refusal.code, "a host was refused to join: {}", refusal.what);
                drop(reply.send(Err(refusal)));
            }
        }
    }

    /// The one before is committed, or could not be: those who wait are decided on, up to the next that is let in.
    pub(super) fn next_join(&mut self) {
        while !self.is_enrolling()
            && let Some((join, reply)) = self.joins.pop_front()
        {
            self.ask_join(join, reply);
        }
    }

    fn is_enrolling(&self) -> bool {
        self.pending
            .iter()
            .any(|pending| matches!(pending.after, After::Enrolled(..)))
    }

    fn admit_join(&self, join: &JoinRequest) -> Result<Admitted, Refusal> {
        let now = now_ms();
        // An unknown token takes as long as a known one with a wrong secret.
        let entry = self.state.tokens.get(&join.token);
        let known = entry.map_or([0; 32], |entry| entry.secret_sha256);
        let right = secret_matches(&join.secret, &known);
        let entry = entry.filter(|_| right).ok_or_else(bad_token)?;

        let key_sha256 = *join.csr.key_sha256();
        let same_key = self
            .state
            .hosts
            .iter()
            .find(|(_, host)| host.enrolment.key_sha256 == key_sha256);
        if let Some((agent, host)) = same_key {
            let again = host.enrolment.token == join.token
                && host.enrolment.name.as_str() == join.name
                && !host.revoked
                && now.saturating_sub(host.enrolled_ms) <= REPEAT_MS;
            if !again {
                return Err(Refusal::new(
                    Code::Csr,
                    "This key belongs to a host that has joined already.",
                    "Delete the agent's data directory and join again, so that it draws a new key.",
                ));
            }
            return Ok(Admitted::Again(Joined {
                agent: *agent,
                name: host.enrolment.name.clone(),
                chain: self.chain_with(host.enrolment.leaf.clone()),
            }));
        }
        if !usable(entry, now) {
            return Err(bad_token());
        }
        let name = self.admit_name(&join.name)?;
        let agent = AgentId::from_bytes(*uuid::Uuid::now_v7().as_bytes());
        let chain = self
            .parts
            .ca
            .issue_agent(&join.csr, *agent.as_bytes(), SystemTime::now())
            .map_err(|error| {
                tracing::error!(%error, "no certificate could be issued");
                Refusal::new(
                    Code::Csr,
                    "No certificate could be issued for this key.",
                    "Look at the controller's log.",
                )
            })?;
        let chain: Vec<Vec<u8>> = chain.iter().map(|der| der.to_vec()).collect();
        let enrolment = Enrolment {
            agent,
            name: name.clone(),
            labels: entry.labels.clone(),
            token: join.token.clone(),
            key_sha256,
            leaf: chain.first().cloned().unwrap_or_default(),
        };
        Ok(Admitted::New(enrolment, Joined { agent, name, chain }))
    }

    fn admit_name(&self, asked: &str) -> Result<HostName, Refusal> {
        let name: HostName = asked.parse().map_err(|error: shanty_core::ids::IdError| {
            Refusal::new(Code::Name, error.to_string(), "Choose another with --name.")
        })?;
        if self.state.host_named(asked).is_some() {
            return Err(Refusal::new(
                Code::NameTaken,
                format!("A host named {name} has joined already."),
                "Choose another with --name, or remove the old one with `shanty hosts remove`.",
            ));
        }
        let skeleton = name.skeleton();
        let alike = self
            .state
            .hosts
            .values()
            .filter(|host| !host.revoked)
            .map(|host| &host.enrolment.name)
            .find(|other| other.skeleton() == skeleton);
        if let Some(other) = alike {
            return Err(Refusal::new(
                Code::NameConfusable,
                format!(
                    "{name} would be taken for the host {other}: 0 and o, 1 and l, m and rn, w and vv, and `-`, `_` and `.` look alike."
                ),
                "Choose another with --name.",
            ));
        }
        Ok(name)
    }

    /// A leaf that was issued before, with the certificates above it.
    fn chain_with(&self, leaf: Vec<u8>) -> Vec<Vec<u8>> {
        let above = self.parts.ca.issuers();
        std::iter::once(leaf)
            .chain(above.into_iter().map(|der| der.to_vec()))
            .collect()
    }
}

enum Admitted {
    New(Enrolment, Joined),
    Again(Joined),
}

const fn usable(token: &TokenEntry, now: u64) -> bool {
    !token.revoked && token.expires_ms > now && token.uses < token.uses_max
}

/// One text for every reason: whoever holds no good token learns nothing of it.
fn bad_token() -> Refusal {
    Refusal::new(
        Code::Token,
        "The join token is not valid: unknown, used up, expired or revoked.",
        "Make a new one with `shanty token create`.",
    )
}
