//! Records of the journal.

use shanty_core::authority::AuthorityChange;
use shanty_core::hold::Hold;
use shanty_core::ids::{AgentId, RunId, RunNumber};
use shanty_core::journal::{
    Checkpoint, Denied, Enrolment, HostChange, Kind, Needs, PastRun, Proposal, Record,
    VersionChange,
};
use shanty_core::policy::GrantSpec;
use shanty_core::principal::Actor;
use shanty_core::run::Spec;

use super::authority::{self, authority_to_wire};
use super::principal::{actor_from_wire, actor_to_wire};
use super::run::{outcome_from_wire, outcome_to_wire, spec_from_wire, spec_to_wire};
use super::{ConvertError, digest, id, labels_from_wire, labels_to_wire};
use crate::v1;

/// A record as it is stored.
#[must_use]
pub fn record_to_wire(record: &Record) -> v1::Record {
    v1::Record {
        at_ms: record.at_ms,
        actor: Some(actor_to_wire(&record.actor)),
        kind: kind_to_wire(&record.kind),
    }
}

/// A record as it was stored. A kind that this version does not know becomes [`Kind::Unknown`].
///
/// # Errors
/// A record of a known kind whose fields are not what they must be: the journal is damaged.
pub fn record_from_wire(record: &v1::Record) -> Result<Record, ConvertError> {
    let at_ms = record.at_ms;
    let Some(kind) = &record.kind else {
        let (actor, kind) = (Actor::Controller, Kind::Unknown);
        return Ok(Record { at_ms, actor, kind });
    };
    let actor = record.actor.as_ref();
    Ok(Record {
        at_ms,
        actor: actor_from_wire(actor.ok_or(ConvertError::Missing("actor"))?)?,
        kind: kind_from_wire(kind)?,
    })
}

fn kind_to_wire(kind: &Kind) -> Option<v1::record::Kind> {
    use v1::record::Kind as Wire;
    Some(match kind {
        Kind::TokenCreated {
            token,
            secret_sha256,
            labels,
            names,
            uses_max,
            expires_ms,
        } => Wire::TokenCreated(v1::TokenCreated {
            token: token.clone(),
            secret_sha256: secret_sha256.to_vec(),
            labels: labels_to_wire(labels),
            names: names.clone(),
            uses_max: *uses_max,
            expires_ms: *expires_ms,
        }),
        Kind::TokenRevoked { token } => Wire::TokenRevoked(v1::TokenRevoked {
            token: token.clone(),
        }),
        Kind::Enrolled(enrolment) => Wire::Enrolled(v1::Enrolled {
            agent: enrolment.agent.to_string(),
            name: enrolment.name.to_string(),
            labels: labels_to_wire(&enrolment.labels),
            token: enrolment.token.clone(),
            key_sha256: enrolment.key_sha256.to_vec(),
            leaf: enrolment.leaf.clone(),
        }),
        Kind::HostChanged { agent, change } => host_change_to_wire(*agent, change),
        Kind::Accepted(spec) => Wire::Accepted(v1::Accepted {
            spec: Some(spec_to_wire(spec)),
        }),
        Kind::Denied(denied) => Wire::Denied(v1::Denied {
            verb: denied.verb.clone(),
            code: denied.code.clone(),
            text: denied.text.clone(),
            asked: denied.asked.clone(),
            times: denied.times,
        }),
        Kind::GrantsLoaded(grants) => Wire::GrantsLoaded(v1::GrantsLoaded {
            grants: grants.iter().map(grant_to_wire).collect(),
        }),
        Kind::Go(run) => Wire::Go(v1::Go {
            run: run.to_string(),
        }),
        Kind::Expired { run, reason } => Wire::Expired(v1::Expired {
            run: run.to_string(),
            reason: reason.clone(),
        }),
        Kind::CancelRequested { run, force } => Wire::CancelRequested(v1::CancelRequested {
            run: run.to_string(),
            force: *force,
        }),
        Kind::Started { run, agent } => Wire::Started(v1::Started {
            run: run.to_string(),
            agent: agent.to_string(),
        }),
        Kind::Finished {
            run,
            agent,
            outcome,
        } => Wire::Finished(v1::Finished {
            run: run.to_string(),
            agent: agent.to_string(),
            outcome: Some(outcome_to_wire(outcome)),
        }),
        Kind::Sent { run, agent } => Wire::Sent(v1::Sent {
            run: run.to_string(),
            agent: agent.to_string(),
        }),
        Kind::Paused { run } => Wire::Paused(v1::Paused {
            run: run.to_string(),
        }),
        Kind::Continued { run, waves } => Wire::Continued(v1::Continued {
            run: run.to_string(),
            waves: u32::try_from(*waves).unwrap_or(u32::MAX),
        }),
        Kind::Closed(run) => Wire::Closed(v1::Closed {
            run: run.to_string(),
        }),
        Kind::Proposed(proposal) => Wire::Proposed(v1::Proposed {
            spec: Some(spec_to_wire(&proposal.spec)),
            needs: match proposal.needs {
                Needs::OwnWord => v1::Needs::OwnWord.into(),
            },
            until_ms: proposal.until_ms,
        }),
        Kind::GroupSaved { name, selector } => Wire::GroupSaved(v1::GroupSaved {
            name: name.clone(),
            selector: selector.clone(),
        }),
        Kind::GroupRemoved { name } => Wire::GroupRemoved(v1::GroupRemoved { name: name.clone() }),
        Kind::Hold(Hold::On { reason }) => Wire::Hold(v1::Hold {
            on: true,
            reason: reason.clone(),
        }),
        Kind::Hold(Hold::Off) => Wire::Hold(v1::Hold::default()),
        Kind::PolicyChanged { changes } => Wire::PolicyChanged(v1::PolicyChanged {
            changes: changes.clone(),
        }),
        Kind::VersionChanged(change) => Wire::VersionChanged(v1::VersionChanged {
            version: change.version.clone(),
            was: change.was.clone(),
            backup: change.backup.clone(),
        }),
        Kind::AuthorityChanged(change) => authority_to_wire(change),
        Kind::Checkpoint(checkpoint) => Wire::Checkpoint(checkpoint_to_wire(checkpoint)),
        Kind::Unknown => return None,
    })
}

fn host_change_to_wire(agent: AgentId, change: &HostChange) -> v1::record::Kind {
    use v1::record::Kind as Wire;
    let agent = agent.to_string();
    match change {
        HostChange::Labelled(labels) => Wire::Labelled(v1::Labelled {
            agent,
            labels: labels_to_wire(labels),
        }),
        HostChange::Drained { on } => Wire::Drained(v1::Drained { agent, on: *on }),
        HostChange::Released { runs } => Wire::Released(v1::Released {
            agent,
            runs: runs.iter().map(ToString::to_string).collect(),
        }),
        HostChange::Revoked => Wire::Revoked(v1::Revoked { agent }),
        HostChange::NameFreed => Wire::NameFreed(v1::NameFreed { agent }),
        HostChange::Renewed { key_sha256, leaf } => Wire::Renewed(v1::Renewed {
            agent,
            key_sha256: key_sha256.to_vec(),
            leaf: leaf.clone(),
        }),
        HostChange::OrderKeyTaken { key } => Wire::OrderKeyTaken(v1::OrderKeyTaken {
            agent,
            key: key.to_vec(),
        }),
        HostChange::Promoted { key_sha256 } => Wire::Promoted(v1::Promoted {
            agent,
            key_sha256: key_sha256.to_vec(),
        }),
    }
}

fn kind_from_wire(kind: &v1::record::Kind) -> Result<Kind, ConvertError> {
    use v1::record::Kind as Wire;
    Ok(match kind {
        Wire::TokenCreated(t) => Kind::TokenCreated {
            token: t.token.clone(),
            secret_sha256: digest(&t.secret_sha256, "secret_sha256")?,
            labels: labels_from_wire(&t.labels)?,
            names: t.names.clone(),
            uses_max: t.uses_max,
            expires_ms: t.expires_ms,
        },
        Wire::TokenRevoked(t) => Kind::TokenRevoked {
            token: t.token.clone(),
        },
        Wire::Enrolled(e) => Kind::Enrolled(Enrolment {
            agent: id(&e.agent, "agent")?,
            name: id(&e.name, "name")?,
            labels: labels_from_wire(&e.labels)?,
            token: e.token.clone(),
            key_sha256: digest(&e.key_sha256, "key_sha256")?,
            leaf: e.leaf.clone(),
        }),
        Wire::Labelled(l) => {
            HostChange::Labelled(labels_from_wire(&l.labels)?).of(id(&l.agent, "agent")?)
        }
        Wire::Revoked(r) => HostChange::Revoked.of(id(&r.agent, "agent")?),
        Wire::NameFreed(n) => HostChange::NameFreed.of(id(&n.agent, "agent")?),
        Wire::Renewed(r) => HostChange::Renewed {
            key_sha256: digest(&r.key_sha256, "key_sha256")?,
            leaf: r.leaf.clone(),
        }
        .of(id(&r.agent, "agent")?),
        Wire::Promoted(p) => HostChange::Promoted {
            key_sha256: digest(&p.key_sha256, "key_sha256")?,
        }
        .of(id(&p.agent, "agent")?),
        Wire::Accepted(a) => Kind::Accepted(spec(a.spec.as_ref())?),
        Wire::Denied(d) => Kind::Denied(Denied {
            verb: d.verb.clone(),
            code: d.code.clone(),
            text: d.text.clone(),
            asked: d.asked.clone(),
            times: d.times.max(1),
        }),
        Wire::GrantsLoaded(g) => Kind::GrantsLoaded(g.grants.iter().map(grant_from_wire).collect()),
        Wire::Go(g) => Kind::Go(id(&g.run, "run")?),
        Wire::Expired(e) => Kind::Expired {
            run: id(&e.run, "run")?,
            reason: e.reason.clone(),
        },
        Wire::CancelRequested(c) => Kind::CancelRequested {
            run: id(&c.run, "run")?,
            force: c.force,
        },
        Wire::Started(s) => Kind::Started {
            run: id(&s.run, "run")?,
            agent: id(&s.agent, "agent")?,
        },
        Wire::Finished(f) => Kind::Finished {
            run: id(&f.run, "run")?,
            agent: id(&f.agent, "agent")?,
            outcome: outcome_from_wire(
                f.outcome.as_ref().ok_or(ConvertError::Missing("outcome"))?,
            )?,
        },
        Wire::Sent(s) => Kind::Sent {
            run: id(&s.run, "run")?,
            agent: id(&s.agent, "agent")?,
        },
        Wire::Paused(p) => Kind::Paused {
            run: id(&p.run, "run")?,
        },
        Wire::Continued(c) => Kind::Continued {
            run: id(&c.run, "run")?,
            waves: c.waves as usize,
        },
        Wire::Closed(c) => Kind::Closed(id(&c.run, "run")?),
        Wire::Proposed(p) => Kind::Proposed(Proposal {
            spec: spec(p.spec.as_ref())?,
            needs: match p.needs() {
                v1::Needs::OwnWord => Needs::OwnWord,
                v1::Needs::Unspecified => return Err(ConvertError::Missing("needs")),
            },
            until_ms: p.until_ms,
        }),
        Wire::GroupSaved(g) => Kind::GroupSaved {
            name: g.name.clone(),
            selector: g.selector.clone(),
        },
        Wire::GroupRemoved(g) => Kind::GroupRemoved {
            name: g.name.clone(),
        },
        Wire::Released(r) => {
            let runs = r.runs.iter().map(|run| id(run, "runs"));
            HostChange::Released {
                runs: runs.collect::<Result<_, _>>()?,
            }
            .of(id(&r.agent, "agent")?)
        }
        Wire::Drained(d) => HostChange::Drained { on: d.on }.of(id(&d.agent, "agent")?),
        Wire::Hold(h) if h.on => Kind::Hold(Hold::on(&h.reason)),
        Wire::Hold(_) => Kind::Hold(Hold::Off),
        Wire::PolicyChanged(p) => Kind::PolicyChanged {
            changes: p.changes.clone(),
        },
        Wire::VersionChanged(v) => Kind::VersionChanged(VersionChange {
            version: v.version.clone(),
            was: v.was.clone(),
            backup: v.backup.clone(),
        }),
        Wire::OrderKeyTaken(t) => HostChange::OrderKeyTaken {
            key: digest(&t.key, "key")?,
        }
        .of(id(&t.agent, "agent")?),
        Wire::AuthorityRotated(r) => Kind::AuthorityChanged(authority::rotated(r)?),
        Wire::AuthorityRetired(r) => Kind::AuthorityChanged(authority::retired(r)?),
        Wire::RootExported(r) => Kind::AuthorityChanged(AuthorityChange::RootExported {
            shredded: r.shredded,
        }),
        Wire::Checkpoint(c) => Kind::Checkpoint(checkpoint_from_wire(c)?),
    })
}

fn grant_to_wire(grant: &GrantSpec) -> v1::Grant {
    v1::Grant {
        id: grant.id.clone(),
        roles: grant.roles.clone(),
        people: grant.people.clone(),
        channels: grant.channels.clone(),
        what: grant.what.clone(),
        hosts: grant.hosts.clone(),
    }
}

fn grant_from_wire(wire: &v1::Grant) -> GrantSpec {
    GrantSpec {
        id: wire.id.clone(),
        roles: wire.roles.clone(),
        people: wire.people.clone(),
        channels: wire.channels.clone(),
        what: wire.what.clone(),
        hosts: wire.hosts.clone(),
    }
}

fn checkpoint_to_wire(checkpoint: &Checkpoint) -> v1::Checkpoint {
    let past = checkpoint.past.iter().map(|run| v1::PastRun {
        number: run.number.0,
        run: run.id.as_bytes().to_vec(),
        accepted_ms: run.accepted_ms,
    });
    let interactions = checkpoint.interactions.iter();
    v1::Checkpoint {
        newest: checkpoint.newest.0,
        past: past.collect(),
        interactions: interactions
            .map(|&(interaction, at_ms)| v1::Spent { interaction, at_ms })
            .collect(),
    }
}

fn checkpoint_from_wire(wire: &v1::Checkpoint) -> Result<Checkpoint, ConvertError> {
    let past = |run: &v1::PastRun| {
        let id = <[u8; 16]>::try_from(run.run.as_slice());
        Ok(PastRun {
            number: RunNumber(run.number),
            id: RunId::from_bytes(id.map_err(|_| ConvertError::Missing("run"))?),
            accepted_ms: run.accepted_ms,
        })
    };
    let interactions = wire.interactions.iter();
    Ok(Checkpoint {
        newest: RunNumber(wire.newest),
        past: wire.past.iter().map(past).collect::<Result<_, _>>()?,
        interactions: interactions
            .map(|spent| (spent.interaction, spent.at_ms))
            .collect(),
    })
}

fn spec(wire: Option<&v1::Spec>) -> Result<Spec, ConvertError> {
    spec_from_wire(wire.ok_or(ConvertError::Missing("spec"))?)
}

#[cfg(test)]
mod tests;
