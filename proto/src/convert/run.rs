//! What was accepted, and how it ended.

use shanty_core::ids::HostName;
use shanty_core::run::{Away, How, Offline, Outcome, Reason, Spec, Target};

use super::journal::{place_from_wire, place_to_wire, principal, principal_to_wire};
use super::{ConvertError, digest, id};
use crate::v1;

pub(super) fn spec_to_wire(spec: &Spec) -> v1::Accepted {
    v1::Accepted {
        run: spec.id.to_string(),
        by: Some(principal_to_wire(&spec.by)),
        place: spec.place.as_ref().map(place_to_wire),
        selector: spec.selector.clone(),
        command: spec.command.clone(),
        run_as: spec.run_as.clone().unwrap_or_default(),
        timeout_ms: spec.timeout_ms,
        targets: spec
            .targets
            .iter()
            .map(|t| v1::Target {
                agent: t.agent.to_string(),
                name: t.name.to_string(),
                away: away_to_wire(t.away).into(),
            })
            .collect(),
        digest: spec.digest.to_vec(),
        grant: spec.grant.clone().unwrap_or_default(),
        seed: spec.seed,
        offline: offline_to_wire(spec.offline),
    }
}

pub(super) fn spec_from_wire(accepted: &v1::Accepted) -> Result<Spec, ConvertError> {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    Ok(Spec {
        id: id(&accepted.run, "run")?,
        by: principal(accepted.by.as_ref())?,
        place: accepted.place.as_ref().map(place_from_wire),
        selector: accepted.selector.clone(),
        command: accepted.command.clone(),
        run_as: some(&accepted.run_as),
        timeout_ms: accepted.timeout_ms,
        targets: accepted
            .targets
            .iter()
            .map(target)
            .collect::<Result<_, _>>()?,
        digest: digest(&accepted.digest, "digest")?,
        grant: some(&accepted.grant),
        seed: accepted.seed,
        offline: offline_from_wire(accepted.offline.as_ref()),
    })
}

fn target(target: &v1::Target) -> Result<Target, ConvertError> {
    let name: HostName = id(&target.name, "targets.name")?;
    Ok(Target {
        agent: id(&target.agent, "targets.agent")?,
        name,
        away: match target.away() {
            v1::Away::Unspecified => None,
            v1::Away::Offline => Some(Away::Offline),
            v1::Away::Draining => Some(Away::Draining),
        },
    })
}

const fn away_to_wire(away: Option<Away>) -> v1::Away {
    match away {
        None => v1::Away::Unspecified,
        Some(Away::Offline) => v1::Away::Offline,
        Some(Away::Draining) => v1::Away::Draining,
    }
}

fn offline_to_wire(offline: Offline) -> Option<v1::Offline> {
    use v1::offline::Kind as Wire;
    let kind = match offline {
        Offline::Fail => return None,
        Offline::Skip => Wire::Skip(true),
        Offline::Queue { for_ms } => Wire::QueueMs(for_ms),
    };
    Some(v1::Offline { kind: Some(kind) })
}

fn offline_from_wire(wire: Option<&v1::Offline>) -> Offline {
    use v1::offline::Kind as Wire;
    match wire.and_then(|wire| wire.kind.as_ref()) {
        Some(Wire::Skip(true)) => Offline::Skip,
        Some(Wire::QueueMs(for_ms)) => Offline::Queue { for_ms: *for_ms },
        Some(Wire::Skip(false)) | None => Offline::Fail,
    }
}

/// An outcome as it is stored and shown on the command line.
#[must_use]
pub fn outcome_to_wire(outcome: &Outcome) -> v1::Outcome {
    use v1::outcome::How as Wire;
    let (how, reason) = match &outcome.how {
        How::Exited(code) => (Wire::Exited(*code), None),
        How::Signaled(signal) => (Wire::Signaled(*signal), None),
        How::TimedOut(code) => (Wire::TimedOut(*code), None),
        How::Cancelled(code) => (Wire::Cancelled(*code), None),
        How::Refused(reason) => (Wire::Refused(true), Some(reason)),
        How::NotStarted(reason) => (Wire::NotStarted(true), Some(reason)),
        How::Lost(reason) => (Wire::Lost(true), Some(reason)),
    };
    v1::Outcome {
        how: Some(how),
        code: reason.map(|reason| reason.code.clone()).unwrap_or_default(),
        text: reason.map(|reason| reason.text.clone()).unwrap_or_default(),
        duration_ms: outcome.duration_ms,
        output_bytes: outcome.output_bytes,
        dropped_bytes: outcome.dropped_bytes,
        left_over: outcome.left_over,
        output_sha256: outcome
            .output_sha256
            .map(|sha| sha.to_vec())
            .unwrap_or_default(),
        content_sha256: outcome
            .content_sha256
            .map(|sha| sha.to_vec())
            .unwrap_or_default(),
    }
}

/// An outcome as it was stored.
///
/// # Errors
/// No way of ending is set, or the digest has another length.
pub fn outcome_from_wire(wire: &v1::Outcome) -> Result<Outcome, ConvertError> {
    use v1::outcome::How as Wire;
    let reason = || Reason {
        code: wire.code.clone(),
        text: wire.text.clone(),
    };
    let how = match wire
        .how
        .as_ref()
        .ok_or(ConvertError::Missing("outcome.how"))?
    {
        Wire::Exited(code) => How::Exited(*code),
        Wire::Signaled(signal) => How::Signaled(*signal),
        Wire::TimedOut(code) => How::TimedOut(*code),
        Wire::Cancelled(code) => How::Cancelled(*code),
        Wire::Refused(_) => How::Refused(reason()),
        Wire::NotStarted(_) => How::NotStarted(reason()),
        Wire::Lost(_) => How::Lost(reason()),
    };
    let sha256 = |bytes: &[u8], field| match bytes {
        [] => Ok(None),
        bytes => digest(bytes, field).map(Some),
    };
    Ok(Outcome {
        how,
        duration_ms: wire.duration_ms,
        output_bytes: wire.output_bytes,
        dropped_bytes: wire.dropped_bytes,
        left_over: wire.left_over,
        output_sha256: sha256(&wire.output_sha256, "output_sha256")?,
        content_sha256: sha256(&wire.content_sha256, "content_sha256")?,
    })
}
