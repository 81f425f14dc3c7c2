//! Records of the journal.

use shanty_core::journal::{Enrolment, Kind, Record};
use shanty_core::principal::{Place, Principal};

use super::run::{outcome_from_wire, outcome_to_wire, spec_from_wire, spec_to_wire};
use super::{ConvertError, digest, id, labels_from_wire, labels_to_wire};
use crate::v1;

/// A record as it is stored.
#[must_use]
pub fn record_to_wire(record: &Record) -> v1::Record {
    v1::Record {
        at_ms: record.at_ms,
        kind: kind_to_wire(&record.kind),
    }
}

/// A record as it was stored. A kind that this version does not know becomes [`Kind::Unknown`].
///
/// # Errors
/// A record of a known kind whose fields are not what they must be: the journal is damaged.
pub fn record_from_wire(record: &v1::Record) -> Result<Record, ConvertError> {
    let kind = record
        .kind
        .as_ref()
        .map_or(Ok(Kind::Unknown), kind_from_wire)?;
    Ok(Record {
        at_ms: record.at_ms,
        kind,
    })
}

fn kind_to_wire(kind: &Kind) -> Option<v1::record::Kind> {
    use v1::record::Kind as Wire;
    Some(match kind {
        Kind::TokenCreated {
            token,
            secret_sha256,
            labels,
            uses_max,
            expires_ms,
            by,
        } => Wire::TokenCreated(v1::TokenCreated {
            token: token.clone(),
            secret_sha256: secret_sha256.to_vec(),
            labels: labels_to_wire(labels),
            uses_max: *uses_max,
            expires_ms: *expires_ms,
            by: Some(principal_to_wire(by)),
        }),
        Kind::TokenRevoked { token, by } => Wire::TokenRevoked(v1::TokenRevoked {
            token: token.clone(),
            by: Some(principal_to_wire(by)),
        }),
        Kind::Enrolled(enrolment) => Wire::Enrolled(v1::Enrolled {
            agent: enrolment.agent.to_string(),
            name: enrolment.name.to_string(),
            labels: labels_to_wire(&enrolment.labels),
            token: enrolment.token.clone(),
            key_sha256: enrolment.key_sha256.to_vec(),
            leaf: enrolment.leaf.clone(),
        }),
        Kind::Labelled {
            agent,
            labels,
            by,
            place,
        } => Wire::Labelled(v1::Labelled {
            agent: agent.to_string(),
            labels: labels_to_wire(labels),
            by: Some(principal_to_wire(by)),
            place: place.as_ref().map(place_to_wire),
        }),
        Kind::Revoked { agent, by } => Wire::Revoked(v1::Revoked {
            agent: agent.to_string(),
            by: Some(principal_to_wire(by)),
        }),
        Kind::Accepted(spec) => Wire::Accepted(spec_to_wire(spec)),
        Kind::Denied {
            by,
            place,
            verb,
            code,
            text,
        } => Wire::Denied(v1::Denied {
            by: Some(principal_to_wire(by)),
            place: place.as_ref().map(place_to_wire),
            verb: verb.clone(),
            code: code.clone(),
            text: text.clone(),
        }),
        Kind::Go(run) => Wire::Go(v1::Go {
            run: run.to_string(),
        }),
        Kind::Expired { run, reason } => Wire::Expired(v1::Expired {
            run: run.to_string(),
            reason: reason.clone(),
        }),
        Kind::CancelRequested { run, by, force } => Wire::CancelRequested(v1::CancelRequested {
            run: run.to_string(),
            by: Some(principal_to_wire(by)),
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
        Kind::Closed(run) => Wire::Closed(v1::Closed {
            run: run.to_string(),
        }),
        Kind::Previewed(spec) => Wire::Previewed(spec_to_wire(spec)),
        Kind::GroupSaved {
            name,
            selector,
            by,
            place,
        } => Wire::GroupSaved(v1::GroupSaved {
            name: name.clone(),
            selector: selector.clone(),
            by: Some(principal_to_wire(by)),
            place: place.as_ref().map(place_to_wire),
        }),
        Kind::GroupRemoved { name, by, place } => Wire::GroupRemoved(v1::GroupRemoved {
            name: name.clone(),
            by: Some(principal_to_wire(by)),
            place: place.as_ref().map(place_to_wire),
        }),
        Kind::Drained {
            agent,
            on,
            by,
            place,
        } => Wire::Drained(v1::Drained {
            agent: agent.to_string(),
            on: *on,
            by: Some(principal_to_wire(by)),
            place: place.as_ref().map(place_to_wire),
        }),
        Kind::Hold { on, by, place } => Wire::Hold(v1::Hold {
            on: *on,
            by: Some(principal_to_wire(by)),
            place: place.as_ref().map(place_to_wire),
        }),
        Kind::Unknown => return None,
    })
}

fn kind_from_wire(kind: &v1::record::Kind) -> Result<Kind, ConvertError> {
    use v1::record::Kind as Wire;
    Ok(match kind {
        Wire::TokenCreated(t) => Kind::TokenCreated {
            token: t.token.clone(),
            secret_sha256: digest(&t.secret_sha256, "secret_sha256")?,
            labels: labels_from_wire(&t.labels)?,
            uses_max: t.uses_max,
            expires_ms: t.expires_ms,
            by: principal(t.by.as_ref())?,
        },
        Wire::TokenRevoked(t) => Kind::TokenRevoked {
            token: t.token.clone(),
            by: principal(t.by.as_ref())?,
        },
        Wire::Enrolled(e) => Kind::Enrolled(Enrolment {
            agent: id(&e.agent, "agent")?,
            name: id(&e.name, "name")?,
            labels: labels_from_wire(&e.labels)?,
            token: e.token.clone(),
            key_sha256: digest(&e.key_sha256, "key_sha256")?,
            leaf: e.leaf.clone(),
        }),
        Wire::Labelled(l) => Kind::Labelled {
            agent: id(&l.agent, "agent")?,
            labels: labels_from_wire(&l.labels)?,
            by: principal(l.by.as_ref())?,
            place: l.place.as_ref().map(place_from_wire),
        },
        Wire::Revoked(r) => Kind::Revoked {
            agent: id(&r.agent, "agent")?,
            by: principal(r.by.as_ref())?,
        },
        Wire::Accepted(a) => Kind::Accepted(spec_from_wire(a)?),
        Wire::Denied(d) => Kind::Denied {
            by: principal(d.by.as_ref())?,
            place: d.place.as_ref().map(place_from_wire),
            verb: d.verb.clone(),
            code: d.code.clone(),
            text: d.text.clone(),
        },
        Wire::Go(g) => Kind::Go(id(&g.run, "run")?),
        Wire::Expired(e) => Kind::Expired {
            run: id(&e.run, "run")?,
            reason: e.reason.clone(),
        },
        Wire::CancelRequested(c) => Kind::CancelRequested {
            run: id(&c.run, "run")?,
            by: principal(c.by.as_ref())?,
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
        Wire::Closed(c) => Kind::Closed(id(&c.run, "run")?),
        Wire::Previewed(p) => Kind::Previewed(spec_from_wire(p)?),
        Wire::GroupSaved(g) => Kind::GroupSaved {
            name: g.name.clone(),
            selector: g.selector.clone(),
            by: principal(g.by.as_ref())?,
            place: g.place.as_ref().map(place_from_wire),
        },
        Wire::GroupRemoved(g) => Kind::GroupRemoved {
            name: g.name.clone(),
            by: principal(g.by.as_ref())?,
            place: g.place.as_ref().map(place_from_wire),
        },
        Wire::Drained(d) => Kind::Drained {
            agent: id(&d.agent, "agent")?,
            on: d.on,
            by: principal(d.by.as_ref())?,
            place: d.place.as_ref().map(place_from_wire),
        },
        Wire::Hold(h) => Kind::Hold {
            on: h.on,
            by: principal(h.by.as_ref())?,
            place: h.place.as_ref().map(place_from_wire),
        },
    })
}

pub(super) fn place_to_wire(place: &Place) -> v1::Place {
    v1::Place {
        guild: place.guild,
        channel: place.channel,
        interaction: place.interaction,
    }
}

pub(super) fn place_from_wire(place: &v1::Place) -> Place {
    Place {
        guild: place.guild,
        channel: place.channel,
        interaction: place.interaction,
    }
}

/// A principal as it is stored.
#[must_use]
pub fn principal_to_wire(principal: &Principal) -> v1::Principal {
    use v1::principal::Kind as Wire;
    let kind = match principal {
        Principal::Discord(user) => Wire::Discord(*user),
        Principal::Local(user) => Wire::Local(user.clone()),
    };
    v1::Principal { kind: Some(kind) }
}

/// A principal as it was stored.
///
/// # Errors
/// Neither kind is set.
pub fn principal_from_wire(wire: &v1::Principal) -> Result<Principal, ConvertError> {
    use v1::principal::Kind as Wire;
    match &wire.kind {
        Some(Wire::Discord(user)) => Ok(Principal::Discord(*user)),
        Some(Wire::Local(user)) => Ok(Principal::Local(user.clone())),
        None => Err(ConvertError::Missing("principal.kind")),
    }
}

pub(super) fn principal(wire: Option<&v1::Principal>) -> Result<Principal, ConvertError> {
    wire.map_or(Err(ConvertError::Missing("principal")), principal_from_wire)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shanty_core::ids::{AgentId, Labels, RunId};
    use shanty_core::run::{Away, How, Offline, Outcome, Reason, Spec};

    #[test]
    fn every_record_comes_back_as_it_was_stored() {
        let (run, agent) = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));
        let by = Principal::Discord(7);
        let labels = Labels::parse("env=prod").unwrap();
        let place = Place {
            guild: 1,
            channel: 2,
            interaction: 3,
        };
        let spec = Spec {
            id: run,
            by: by.clone(),
            place: Some(place),
            selector: "all".into(),
            command: "true".into(),
            run_as: Some("root".into()),
            timeout_ms: 5,
            targets: vec![shanty_core::run::Target {
                agent,
                name: "h1".parse().unwrap(),
                away: Some(Away::Draining),
            }],
            digest: [3; 32],
            seed: Some(7),
            offline: Offline::Queue { for_ms: 60_000 },
            grant: Some("ops".into()),
        };
        let reason = Reason {
            code: "E_OFFLINE".into(),
            text: "the host was offline".into(),
        };
        let mut kinds = vec![
            Kind::TokenCreated {
                token: "t".into(),
                secret_sha256: [4; 32],
                labels: labels.clone(),
                uses_max: 1,
                expires_ms: 9,
                by: by.clone(),
            },
            Kind::TokenRevoked {
                token: "t".into(),
                by: Principal::Local("root".into()),
            },
            Kind::Enrolled(Enrolment {
                agent,
                name: "h1".parse().unwrap(),
                labels: labels.clone(),
                token: "t".into(),
                key_sha256: [5; 32],
                leaf: vec![1],
            }),
            Kind::Labelled {
                agent,
                labels,
                by: by.clone(),
                place: Some(place),
            },
            Kind::Revoked {
                agent,
                by: by.clone(),
            },
            Kind::Accepted(Spec {
                offline: Offline::Skip,
                ..spec.clone()
            }),
            Kind::Previewed(Spec {
                offline: Offline::Fail,
                ..spec.clone()
            }),
            Kind::Accepted(spec),
            Kind::Sent { run, agent },
            Kind::GroupSaved {
                name: "web".into(),
                selector: "role=web".into(),
                by: by.clone(),
                place: Some(place),
            },
            Kind::GroupRemoved {
                name: "web".into(),
                by: by.clone(),
                place: Some(place),
            },
            Kind::Drained {
                agent,
                on: true,
                by: by.clone(),
                place: Some(place),
            },
            Kind::Denied {
                by: by.clone(),
                place: None,
                verb: "run".into(),
                code: "E_DENIED".into(),
                text: "no".into(),
            },
            Kind::Go(run),
            Kind::Expired {
                run,
                reason: "late".into(),
            },
            Kind::CancelRequested {
                run,
                by: by.clone(),
                force: true,
            },
            Kind::Started { run, agent },
            Kind::Closed(run),
            Kind::Hold {
                on: true,
                by,
                place: Some(place),
            },
        ];
        for how in [
            How::Exited(3),
            How::Signaled(9),
            How::TimedOut(143),
            How::Cancelled(137),
            How::Refused(reason.clone()),
            How::NotStarted(reason.clone()),
            How::Lost(reason),
        ] {
            let outcome = Outcome {
                duration_ms: 1,
                output_bytes: 2,
                dropped_bytes: 3,
                left_over: 4,
                output_sha256: Some([6; 32]),
                content_sha256: Some([7; 32]),
                ..Outcome::without_output(how)
            };
            kinds.push(Kind::Finished {
                run,
                agent,
                outcome,
            });
        }
        for kind in kinds {
            let record = Record { at_ms: 42, kind };
            assert_eq!(record_from_wire(&record_to_wire(&record)).unwrap(), record);
        }
    }

    #[test]
    fn a_kind_of_a_newer_program_is_skipped_and_a_damaged_one_is_not() {
        let unknown = v1::Record {
            at_ms: 1,
            kind: None,
        };
        assert_eq!(record_from_wire(&unknown).unwrap().kind, Kind::Unknown);
        let damaged = v1::record::Kind::Go(v1::Go {
            run: "nonsense".into(),
        });
        assert!(
            record_from_wire(&v1::Record {
                at_ms: 1,
                kind: Some(damaged)
            })
            .is_err()
        );
    }
}
