//! What was accepted, and how it ended.

use shanty_core::ids::HostName;
use shanty_core::run::{
    Away, Colours, How, Offline, Options, Origin, Outcome, Reason, Spec, Strategy, Streams, Target,
    Terminal, What,
};
use shanty_core::spool::{Left, OomKill, Process, plain};

use super::input::{input_from_wire, input_to_wire};
use super::principal::{place_from_wire, place_to_wire};
use super::rollout::{rollout_from_wire, rollout_to_wire};
use super::upkeep::{upkeep_from_wire, upkeep_to_wire};
use super::{ConvertError, digest, id};
use crate::v1;

pub(super) fn spec_to_wire(spec: &Spec) -> v1::Spec {
    v1::Spec {
        run: spec.id.to_string(),
        origin: Some(origin_to_wire(&spec.origin)),
        what: Some(what_to_wire(&spec.what)),
        input: spec.input.as_ref().map(input_to_wire),
        selector: spec.selector.clone(),
        run_as: spec.options.run_as.clone().unwrap_or_default(),
        timeout_ms: spec.options.timeout_ms,
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
        seed: spec.seed,
        strategy: Some(v1::Strategy {
            offline: offline_to_wire(spec.strategy.offline),
            rollout: spec.strategy.rollout.as_ref().map(rollout_to_wire),
        }),
        streams_apart: spec.options.streams == Streams::Apart,
        color: spec.options.colours.kept(),
        terminal: spec.options.terminal.is_own(),
        leave: spec.options.leave,
    }
}

pub(super) fn spec_from_wire(spec: &v1::Spec) -> Result<Spec, ConvertError> {
    let strategy = spec.strategy.as_ref();
    let strategy = strategy.ok_or(ConvertError::Missing("strategy"))?;
    Ok(Spec {
        id: id(&spec.run, "run")?,
        origin: origin_from_wire(spec.origin.as_ref())?,
        what: what_from_wire(spec.what.as_ref())?,
        input: spec.input.as_ref().map(input_from_wire).transpose()?,
        selector: spec.selector.clone(),
        targets: spec.targets.iter().map(target).collect::<Result<_, _>>()?,
        digest: digest(&spec.digest, "digest")?,
        seed: spec.seed,
        strategy: Strategy {
            offline: offline_from_wire(strategy.offline.as_ref()),
            rollout: strategy
                .rollout
                .as_ref()
                .map(rollout_from_wire)
                .transpose()?,
        },
        options: Options {
            run_as: (!spec.run_as.is_empty()).then(|| spec.run_as.clone()),
            timeout_ms: spec.timeout_ms,
            streams: streams(spec.streams_apart),
            colours: Colours::asked(spec.color),
            terminal: Terminal::asked(spec.terminal),
            leave: spec.leave,
        },
    })
}

/// Nothing said is together, by whichever side.
pub(super) const fn streams(apart: bool) -> Streams {
    if apart { Streams::Apart } else { Streams::One }
}

fn origin_to_wire(origin: &Origin) -> v1::Origin {
    use v1::origin::Kind as Wire;
    let kind = match origin {
        Origin::Chat {
            user,
            name,
            place,
            grant,
        } => Wire::Chat(v1::ChatOrigin {
            user: *user,
            name: name.clone(),
            place: Some(place_to_wire(place)),
            grant: grant.clone(),
        }),
        Origin::Socket { user } => Wire::Socket(user.clone()),
    };
    v1::Origin { kind: Some(kind) }
}

/// What allows a run is never nothing: one of an origin that this version does not know is damaged to it.
fn origin_from_wire(wire: Option<&v1::Origin>) -> Result<Origin, ConvertError> {
    use v1::origin::Kind as Wire;
    match wire.and_then(|wire| wire.kind.as_ref()) {
        Some(Wire::Chat(chat)) => {
            let place = chat.place.as_ref();
            Ok(Origin::Chat {
                user: chat.user,
                name: chat.name.clone(),
                place: place_from_wire(place.ok_or(ConvertError::Missing("origin.place"))?),
                grant: chat.grant.clone(),
            })
        }
        Some(Wire::Socket(user)) => Ok(Origin::Socket { user: user.clone() }),
        None => Err(ConvertError::Missing("origin")),
    }
}

fn what_to_wire(what: &What) -> v1::What {
    use v1::what::Kind as Wire;
    let kind = match what {
        What::Shell(text) => Wire::Shell(text.clone()),
        What::Argv(words) => Wire::Program(v1::Program {
            argv: words.clone(),
        }),
        What::Upkeep(upkeep) => Wire::Upkeep(upkeep_to_wire(upkeep)),
    };
    v1::What { kind: Some(kind) }
}

fn what_from_wire(wire: Option<&v1::What>) -> Result<What, ConvertError> {
    use v1::what::Kind as Wire;
    match wire.and_then(|wire| wire.kind.as_ref()) {
        Some(Wire::Shell(text)) => Ok(What::Shell(text.clone())),
        Some(Wire::Program(program)) => Ok(What::Argv(program.argv.clone())),
        Some(Wire::Upkeep(wire)) => {
            let upkeep = upkeep_from_wire(wire).map_err(|_| ConvertError::Invalid {
                field: "what.upkeep.version",
                source: None,
            })?;
            let upkeep = upkeep.ok_or(ConvertError::Missing("what.upkeep"))?;
            Ok(What::Upkeep(upkeep))
        }
        None => Err(ConvertError::Missing("what")),
    }
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

/// The signal that the kernel sends to whom it kills.
const SIGKILL: i32 = 9;

const fn oom_kill_to_wire(how: &How) -> Option<v1::OomKill> {
    let How::OutOfMemory(kill) = how else {
        return None;
    };
    Some(match kill {
        OomKill::Group { limit_bytes } => v1::OomKill {
            host: false,
            limit_bytes: *limit_bytes,
        },
        OomKill::Host => v1::OomKill {
            host: true,
            limit_bytes: None,
        },
    })
}

fn oom_kill_from_wire(wire: &v1::Outcome) -> Option<OomKill> {
    let kill = wire.oom_kill.as_ref()?;
    Some(if kill.host {
        OomKill::Host
    } else {
        OomKill::Group {
            limit_bytes: kill.limit_bytes,
        }
    })
}

/// An outcome as it is stored and shown on the command line.
#[must_use]
pub fn outcome_to_wire(outcome: &Outcome) -> v1::Outcome {
    use v1::outcome::How as Wire;
    let (how, reason) = match &outcome.how {
        How::Exited(code) => (Wire::Exited(*code), None),
        How::Signaled(signal) => (Wire::Signaled(*signal), None),
        How::TimedOut(code) => (Wire::TimedOut(*code), None),
        // Told apart by fields of their own, so that programs of before know what is closest.
        How::OutOfMemory(_) => (Wire::Signaled(SIGKILL), None),
        How::Cancelled(code) | How::StoppedOnHost(code) => (Wire::Cancelled(*code), None),
        How::Refused(reason) => (Wire::Refused(true), Some(reason)),
        How::NotStarted(reason) => (Wire::NotStarted(true), Some(reason)),
        How::Lost(reason) => (Wire::Lost(true), Some(reason)),
    };
    v1::Outcome {
        how: Some(how),
        code: reason.map(|reason| reason.code.clone()).unwrap_or_default(),
        text: reason
            .map(|reason| reason.text.as_data().to_owned())
            .unwrap_or_default(),
        duration_ms: outcome.duration_ms,
        output_bytes: outcome.output_bytes,
        dropped_bytes: outcome.dropped_bytes,
        left_over: outcome.left_over,
        left: outcome.left.count,
        left_named: outcome.left.named.iter().map(process_to_wire).collect(),
        shell: outcome.shell.as_deref().unwrap_or_default().to_owned(),
        user: outcome.user.as_deref().unwrap_or_default().to_owned(),
        masked: outcome.masked,
        oom_kill: oom_kill_to_wire(&outcome.how),
        on_host: matches!(outcome.how, How::StoppedOnHost(_)),
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

fn process_to_wire(process: &Process) -> v1::LeftProcess {
    v1::LeftProcess {
        pid: process.pid,
        program: process.program.clone(),
    }
}

fn process(wire: &v1::LeftProcess) -> Process {
    Process::new(wire.pid, &wire.program)
}

/// An outcome as it was stored.
///
/// # Errors
/// No way of ending is set, or the digest has another length.
pub fn outcome_from_wire(wire: &v1::Outcome) -> Result<Outcome, ConvertError> {
    use v1::outcome::How as Wire;
    let reason = || Reason {
        code: wire.code.clone(),
        text: wire.text.as_str().into(),
    };
    let how = match wire
        .how
        .as_ref()
        .ok_or(ConvertError::Missing("outcome.how"))?
    {
        Wire::Exited(code) => How::Exited(*code),
        Wire::Signaled(signal) => match oom_kill_from_wire(wire) {
            Some(kill) if *signal == SIGKILL => How::OutOfMemory(kill),
            Some(_) | None => How::Signaled(*signal),
        },
        Wire::TimedOut(code) => How::TimedOut(*code),
        Wire::Cancelled(code) if wire.on_host => How::StoppedOnHost(*code),
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
        left: Box::new(Left {
            count: wire.left,
            named: wire.left_named.iter().map(process).collect(),
        }),
        shell: (!wire.shell.is_empty()).then(|| plain(&wire.shell).into()),
        user: (!wire.user.is_empty()).then(|| plain(&wire.user).into()),
        masked: wire.masked,
        output_sha256: sha256(&wire.output_sha256, "output_sha256")?,
        content_sha256: sha256(&wire.content_sha256, "content_sha256")?,
    })
}
