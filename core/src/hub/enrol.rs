//! A host joins with a token. One after another: a token's uses are counted one by one, and a name is taken once.

use subtle::ConstantTimeEq as _;

use crate::admission::Fresh;
use crate::ids::{AgentId, HostName, IdError};
use crate::journal::{Enrolment, Kind, TokenEntry};
use crate::principal::Actor;
use crate::refusal::{Code, Refusal};
use crate::selector::Selector;
use crate::text;
use crate::time::Now;

use super::{Effect, Hub, Reply, Ticket};

/// The same request again within this time gets the same identity: its answer may have been lost. Milliseconds.
const REPEAT_MS: u64 = 10 * 60_000;

/// What a host sends to join. The request was checked for its form.
#[derive(Clone, Debug)]
pub struct Join {
    /// The token's public half.
    pub token: String,
    /// SHA-256 of the token's secret half.
    pub secret_sha256: [u8; 32],
    /// The name that it asks for.
    pub name: String,
    /// SHA-256 of its public key, of which it has proven that it holds the other half.
    pub key_sha256: [u8; 32],
}

/// What a host gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Its id.
    pub agent: AgentId,
    /// Its name.
    pub name: HostName,
    /// DER of its certificate.
    pub leaf: Vec<u8>,
}

/// A join that waits for the one before it.
#[derive(Debug)]
pub(super) struct QueuedJoin {
    ticket: Ticket,
    join: Join,
    fresh: Fresh,
}

/// A join that was admitted, until its record is written.
#[derive(Debug)]
pub(super) struct Joining {
    ticket: Ticket,
    enrolment: Enrolment,
}

enum Admitted {
    New(Enrolment),
    Again(Joined),
}

impl Hub {
    pub(super) fn join(
        &mut self,
        ticket: Ticket,
        join: Join,
        fresh: Fresh,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        self.joins.push_back(QueuedJoin {
            ticket,
            join,
            fresh,
        });
        self.next_join(now, out);
    }

    /// Those who wait are decided on, up to the next that is let in.
    fn next_join(&mut self, now: Now, out: &mut Vec<Effect>) {
        while self.joining.is_none()
            && let Some(next) = self.joins.pop_front()
        {
            let ticket = next.ticket;
            match self.admit_join(&next.join, next.fresh, now) {
                Ok(Admitted::New(enrolment)) => {
                    let agent = enrolment.agent;
                    self.joining = Some(Joining { ticket, enrolment });
                    out.push(Effect::IssueCertificate { ticket, agent });
                }
                Ok(Admitted::Again(joined)) => {
                    let joined = Ok(joined);
                    out.push(Effect::Joined { ticket, joined });
                }
                Err(refusal) => refuse(ticket, refusal, out),
            }
        }
    }

    /// The certificate is there, or is not to be had.
    pub(super) fn issued(
        &mut self,
        ticket: Ticket,
        leaf: Option<Vec<u8>>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        if self.issued_again(ticket, leaf.as_ref(), now, out) {
            return;
        }
        let Some(joining) = self.joining.as_mut().filter(|j| j.ticket == ticket) else {
            return;
        };
        match leaf {
            Some(leaf) => {
                joining.enrolment.leaf = leaf;
                let enrolment = joining.enrolment.clone();
                let actor = Actor::Host(enrolment.agent);
                let kind = Kind::Enrolled(enrolment);
                self.append(&actor, [kind], Reply::Joined, now, out);
            }
            None => {
                let what = "No certificate could be issued for this key.";
                let next = "Look at the controller's log.";
                self.enrolled(Err(Refusal::new(Code::Csr, what, next)), now, out);
            }
        }
    }

    /// The record is written, or could not be.
    pub(super) fn enrolled(
        &mut self,
        written: Result<(), Refusal>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        if let Some(Joining { ticket, enrolment }) = self.joining.take() {
            match written {
                Ok(()) => out.push(Effect::Joined {
                    ticket,
                    joined: Ok(Joined {
                        agent: enrolment.agent,
                        name: enrolment.name,
                        leaf: enrolment.leaf,
                    }),
                }),
                Err(refusal) => refuse(ticket, refusal, out),
            }
        }
        self.next_join(now, out);
    }

    fn admit_join(&self, join: &Join, fresh: Fresh, now: Now) -> Result<Admitted, Refusal> {
        let state = &self.known.state;
        // An unknown token takes as long as a known one with a wrong secret.
        let entry = state.tokens.get(&join.token);
        let known = entry.map_or([0; 32], |entry| entry.secret_sha256);
        let right: bool = join.secret_sha256.ct_eq(&known).into();
        let entry = entry.filter(|_| right).ok_or_else(bad_token)?;

        let key = join.key_sha256;
        let mut hosts = state.hosts.iter();
        if let Some((agent, host)) = hosts.find(|(_, host)| host.enrolment.key_sha256 == key) {
            let age_ms = now.wall_ms.saturating_sub(host.enrolled_ms);
            let again = host.enrolment.token == join.token
                && host.certificates.current().key_sha256 == key
                && host.enrolment.name.as_str() == join.name
                && !host.revoked
                && age_ms <= REPEAT_MS;
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
                leaf: host.enrolment.leaf.clone(),
            }));
        }
        if self.is_known(&key) {
            return Err(Refusal::new(
                Code::Csr,
                "This key belongs to a host that has joined already.",
                "Delete the agent's data directory and join again, so that it draws a new key.",
            ));
        }
        if !usable(entry, now.wall_ms) {
            return Err(bad_token());
        }
        Ok(Admitted::New(Enrolment {
            agent: fresh.agent(),
            name: self.admit_name(&join.name, &entry.names)?,
            labels: entry.labels.clone(),
            token: join.token.clone(),
            key_sha256: key,
            leaf: Vec::new(),
        }))
    }

    fn admit_name(&self, asked: &str, names: &str) -> Result<HostName, Refusal> {
        let next = "Choose another with --name.";
        let name: HostName = asked
            .parse()
            .and_then(|name: HostName| name.may_join().map(|()| name))
            .map_err(|error: IdError| Refusal::new(Code::Name, error.to_string(), next))?;
        self.is_for_name(&name, names)?;
        if self.known.state.host_named(asked).is_some() {
            return Err(Refusal::new(
                Code::NameTaken,
                format!("A host named {name} has joined already."),
                "Choose another with --name, or remove the old one with `shanty hosts remove`.",
            ));
        }
        let skeleton = name.skeleton();
        let hosts = self.known.state.hosts.values();
        let mut hosts = hosts.filter(|host| !host.revoked || host.keeps_name());
        let other = hosts.find(|host| host.enrolment.name.skeleton() == skeleton);
        if let Some(other) = other.filter(|host| host.keeps_name()) {
            let other = &other.enrolment.name;
            let what = format!(
                "The host {other} was removed, and its name is kept until `shanty hosts free {other}`."
            );
            let next = "Choose another with --name.";
            return Err(Refusal::new(Code::NameTaken, what, next));
        }
        if let Some(other) = other.map(|host| &host.enrolment.name) {
            let what = format!(
                "{name} would be taken for the host {other}: 0 and o, 1 and l, m and rn, w and vv, and `-`, `_` and `.` look alike."
            );
            return Err(Refusal::new(Code::NameConfusable, what, next));
        }
        Ok(name)
    }
}

impl Hub {
    /// Whether a token is good for a name: one of those that it was made for. A name by which a grant goes must be among them: whoever holds
    /// a token chooses the name, and would choose what people may do there.
    fn is_for_name(&self, name: &HostName, names: &str) -> Result<(), Refusal> {
        if names.is_empty() {
            let mut grants = self.known.settings.policy.grants.iter();
            if !grants.any(|grant| grant.hosts.goes_by_name(name)) {
                return Ok(());
            }
            let what =
                format!("A grant goes by the name {name}, and the token was not made for it.");
            let next = format!("Make the token with `shanty token create --name {name}`.");
            return Err(Refusal::new(Code::Name, what, next));
        }
        let known = Selector::parse_for_token(names);
        if known.is_ok_and(|known| known.contains_name(name)) {
            return Ok(());
        }
        let what = format!(
            "The token was made for other names than {name}: for {}.",
            text::shown(names, 80)
        );
        let next = "Choose one of them with --name, or make another token.";
        Err(Refusal::new(Code::Name, what, next))
    }
}

fn refuse(ticket: Ticket, refusal: Refusal, out: &mut Vec<Effect>) {
    let what = format!(
        "a host was refused to join ({}): {}",
        refusal.code, refusal.what
    );
    out.push(Effect::WarnOf { agent: None, what });
    let joined = Err(refusal);
    out.push(Effect::Joined { ticket, joined });
}

const fn usable(token: &TokenEntry, now_ms: u64) -> bool {
    !token.revoked && token.expires_ms > now_ms && token.uses < token.uses_max
}

/// One text for every reason: whoever holds no good token learns nothing of it.
fn bad_token() -> Refusal {
    Refusal::new(
        Code::Token,
        "The join token is not valid: unknown, used up, expired or revoked.",
        "Make a new one with `shanty token create`.",
    )
}
