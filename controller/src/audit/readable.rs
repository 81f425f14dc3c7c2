//! A record as other programs read it. Ids are as everywhere; what nobody needs to know, such as digests of secrets, is left out.

use serde_json::{Map, Value, json};
use shanty_core::authority::AuthorityChange;
use shanty_core::hold::Hold;
use shanty_core::journal::{Anchor, HostChange, Kind, Proposal, Record};
use shanty_core::output::mask::Masks;
use shanty_core::policy::{GrantSpec, grants_digest};
use shanty_core::principal::Actor;
use shanty_core::run::{Outcome, Spec};
use shanty_core::text::utc;

/// A record with its place and the digest of all up to it. Texts are masked.
pub(super) fn line(at: Anchor, record: &Record, masks: &Masks) -> Value {
    let (kind, about) = told(&record.kind);
    let mut line = Map::new();
    line.insert("seq".to_owned(), at.seq.into());
    line.insert("at_ms".to_owned(), record.at_ms.into());
    line.insert("at".to_owned(), format!("{} UTC", utc(record.at_ms)).into());
    line.insert("by".to_owned(), actor(&record.actor));
    line.insert("kind".to_owned(), kind.into());
    if let Value::Object(about) = about {
        line.extend(about);
    }
    let mut line = masked(Value::Object(line), masks);
    line["digest"] = hex::encode(at.digest).into();
    line
}

fn masked(value: Value, masks: &Masks) -> Value {
    match value {
        Value::String(text) => Value::String(masks.text(&text)),
        Value::Array(values) => values.into_iter().map(|one| masked(one, masks)).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            Value::Object(fields.map(|(key, one)| (key, masked(one, masks))).collect())
        }
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain,
    }
}

fn actor(actor: &Actor) -> Value {
    match actor {
        Actor::Chat { user, place } => {
            let place = place.map(|place| {
                json!({
                    "guild": place.guild.to_string(), "channel": place.channel.to_string(),
                    "parent": place.parent.map(|parent| parent.to_string()),
                    "interaction": place.interaction.to_string(),
                })
            });
            json!({ "who": format!("discord:{user}"), "place": place })
        }
        Actor::Socket { user } => json!({ "who": format!("local:{user}") }),
        Actor::Host(agent) => json!({ "who": format!("host:{agent}") }),
        Actor::Controller => json!({ "who": "controller" }),
    }
}

/// What kind of record it is, and what it says.
fn told(kind: &Kind) -> (&'static str, Value) {
    match kind {
        Kind::TokenCreated {
            token,
            labels,
            names,
            uses_max,
            expires_ms,
            ..
        } => (
            "token_created",
            json!({ "token": token, "labels": labels.to_string(), "names": names, "uses_max": uses_max, "expires_ms": expires_ms }),
        ),
        Kind::TokenRevoked { token } => ("token_revoked", json!({ "token": token })),
        Kind::Enrolled(enrolment) => (
            "enrolled",
            json!({
                "agent": enrolment.agent.to_string(), "host": enrolment.name.as_str(),
                "labels": enrolment.labels.to_string(), "token": enrolment.token,
                "key_sha256": hex::encode(enrolment.key_sha256),
            }),
        ),
        Kind::HostChanged { agent, change } => {
            let (kind, mut about) = changed(change);
            about["agent"] = agent.to_string().into();
            (kind, about)
        }
        Kind::Accepted(spec) => ("accepted", run(spec)),
        Kind::Proposed(proposal) => ("proposed", proposed(proposal)),
        Kind::Denied(denied) => (
            "denied",
            json!({
                "verb": denied.verb, "code": denied.code, "text": denied.text,
                "asked": denied.asked, "times": denied.times,
            }),
        ),
        Kind::GrantsLoaded(grants) => ("grants_loaded", loaded(grants)),
        Kind::Go(run) => ("go", json!({ "run": run.to_string() })),
        Kind::Expired { run, reason } => (
            "expired",
            json!({ "run": run.to_string(), "reason": reason }),
        ),
        Kind::CancelRequested { run, force } => (
            "cancel_requested",
            json!({ "run": run.to_string(), "force": force }),
        ),
        Kind::Started { run, agent } => (
            "started",
            json!({ "run": run.to_string(), "agent": agent.to_string() }),
        ),
        Kind::Finished {
            run,
            agent,
            outcome,
        } => {
            let mut about = ended(outcome);
            about["run"] = run.to_string().into();
            about["agent"] = agent.to_string().into();
            ("finished", about)
        }
        Kind::Sent { run, agent } => (
            "sent",
            json!({ "run": run.to_string(), "agent": agent.to_string() }),
        ),
        Kind::Paused { run } => ("paused", json!({ "run": run.to_string() })),
        Kind::Continued { run, waves } => (
            "continued",
            json!({ "run": run.to_string(), "waves": waves }),
        ),
        Kind::Closed(run) => ("closed", json!({ "run": run.to_string() })),
        Kind::GroupSaved { name, selector } => (
            "group_saved",
            json!({ "group": name, "selector": selector }),
        ),
        Kind::GroupRemoved { name } => ("group_removed", json!({ "group": name })),
        Kind::Hold(Hold::On { reason }) => ("hold_on", json!({ "reason": reason })),
        Kind::Hold(Hold::Off) => ("hold_off", json!({})),
        Kind::PolicyChanged { changes } => ("policy_changed", json!({ "changes": changes })),
        Kind::VersionChanged(change) => (
            "version_changed",
            json!({ "version": change.version, "was": change.was, "backup": change.backup }),
        ),
        Kind::AuthorityChanged(change) => authority(change),
        Kind::Checkpoint(_) => ("checkpoint", json!({})),
        // Its bytes are in the chain all the same.
        Kind::Unknown => ("unknown", json!({})),
    }
}

fn authority(change: &AuthorityChange) -> (&'static str, Value) {
    match change {
        AuthorityChange::Rotated {
            key,
            former,
            to,
            over_ms,
        } => (
            "authority_rotated",
            json!({
                "key": key.as_str(), "former": hex::encode(former), "to": hex::encode(to), "over_ms": over_ms,
            }),
        ),
        AuthorityChange::Retired { key, former, lost } => {
            let lost: Vec<String> = lost.iter().map(ToString::to_string).collect();
            (
                "authority_retired",
                json!({ "key": key.as_str(), "former": hex::encode(former), "lost": lost }),
            )
        }
        AuthorityChange::RootExported { shredded } => {
            ("root_exported", json!({ "shredded": shredded }))
        }
    }
}

fn loaded(grants: &[GrantSpec]) -> Value {
    let ids = |ids: &[u64]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let shown: Vec<Value> = grants
        .iter()
        .map(|grant| {
            json!({
                "id": grant.id, "roles": ids(&grant.roles), "people": ids(&grant.people),
                "channels": ids(&grant.channels), "what": grant.what, "hosts": grant.hosts,
            })
        })
        .collect();
    json!({ "grants": shown, "sha256": hex::encode(grants_digest(grants)) })
}

fn changed(change: &HostChange) -> (&'static str, Value) {
    match change {
        HostChange::Labelled(labels) => ("labelled", json!({ "labels": labels.to_string() })),
        HostChange::Drained { on: true } => ("drained", json!({})),
        HostChange::Drained { on: false } => ("undrained", json!({})),
        HostChange::Released { runs } => {
            let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
            ("released", json!({ "runs": runs }))
        }
        HostChange::NameFreed => ("name_freed", json!({})),
        HostChange::Renewed { key_sha256, .. } => {
            ("renewed", json!({ "key_sha256": hex::encode(key_sha256) }))
        }
        HostChange::Promoted { key_sha256 } => {
            ("promoted", json!({ "key_sha256": hex::encode(key_sha256) }))
        }
        HostChange::OrderKeyTaken { key } => {
            ("order_key_taken", json!({ "key": hex::encode(key) }))
        }
        HostChange::Revoked => ("revoked", json!({})),
    }
}

fn run(spec: &Spec) -> Value {
    let hosts = spec
        .targets
        .iter()
        .map(|target| json!({ "agent": target.agent.to_string(), "host": target.name.as_str() }));
    let input = spec.input.as_ref().map(|input| {
        json!({
            "kind": input.kind.as_str(), "name": input.name, "bytes": input.bytes,
            "sha256": hex::encode(input.sha256),
        })
    });
    json!({
        "run": spec.id.to_string(), "asked_by": spec.origin.principal().to_string(),
        "command": spec.what.text(), "selector": spec.selector,
        "hosts": hosts.collect::<Vec<_>>(), "hosts_sha256": hex::encode(spec.digest),
        "run_as": spec.options.run_as, "timeout_ms": spec.options.timeout_ms, "input": input,
    })
}

fn proposed(proposal: &Proposal) -> Value {
    let mut about = run(&proposal.spec);
    about["until_ms"] = proposal.until_ms.into();
    about
}

fn ended(outcome: &Outcome) -> Value {
    json!({
        "how": outcome.how.plain(), "exit_code": outcome.how.exit_code(),
        "duration_ms": outcome.duration_ms, "output_bytes": outcome.output_bytes,
        "dropped_bytes": outcome.dropped_bytes,
        "output_sha256": outcome.output_sha256.map(hex::encode),
        "content_sha256": outcome.content_sha256.map(hex::encode),
    })
}

#[cfg(test)]
mod tests {
    use shanty_core::ids::{AgentId, RunId};
    use shanty_core::output::mask::Secret;
    use shanty_core::principal::Place;
    use shanty_core::run::How;

    use super::*;

    fn of(actor: Actor, kind: Kind) -> Value {
        let record = Record {
            at_ms: 1_795_341_000_000,
            actor,
            kind,
        };
        let secret = Secret::new(b"correct horse").unwrap();
        let at = Anchor::beginning().after(b"one");
        line(at, &record, &Masks::new(&[secret], false))
    }

    #[test]
    fn a_record_says_who_when_and_what_and_no_secret() {
        let place = Place {
            guild: 1,
            channel: 2,
            parent: None,
            interaction: 3,
        };
        let chat = Actor::Chat {
            user: 3001,
            place: Some(place),
        };
        let told = of(chat, Kind::Hold(Hold::on("say correct horse")));
        assert_eq!(told["seq"], 1);
        assert_eq!(told["kind"], "hold_on");
        assert_eq!(told["by"]["who"], "discord:3001");
        assert_eq!(told["by"]["place"]["channel"], "2");
        assert_eq!(told["reason"], "say [masked]");
        assert_eq!(told["digest"].as_str().unwrap().len(), 64);
        assert!(told["at"].as_str().unwrap().ends_with(" UTC"));
        let secret = Kind::TokenCreated {
            token: "ab".to_owned(),
            secret_sha256: [0xab; 32],
            names: String::new(),
            labels: shanty_core::ids::Labels::default(),
            uses_max: 1,
            expires_ms: 5,
        };
        let told = of(Actor::Controller, secret);
        assert!(!told.to_string().contains("abababab"), "{told}");
        let finished = Kind::Finished {
            run: RunId::from_bytes([1; 16]),
            agent: AgentId::from_bytes([2; 16]),
            outcome: Outcome::without_output(How::Exited(3)),
        };
        let told = of(Actor::Host(AgentId::from_bytes([2; 16])), finished);
        assert_eq!(
            (&told["exit_code"], &told["how"]),
            (&3.into(), &"exit 3".into())
        );
    }
}
