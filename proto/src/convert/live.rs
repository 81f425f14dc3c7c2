//! What agents say while they are connected: bounded, since an agent may be hostile. Of a text every character can be seen from here on, so that
//! no terminal and no reader takes it for more than text; what Markdown would take for itself is escaped where it is shown.

use shanty_core::facts::{Disk, Facts, Metrics};
use shanty_core::refusal::Code;
use shanty_core::run::{Reason, Told};
use shanty_core::said::Said;

use super::ConvertError;
use crate::v1;

/// Characters kept of a text that an agent tells.
const TEXT_CHARS_MAX: usize = 128;
/// File systems kept of one host.
const DISKS_MAX: usize = 32;
/// Characters of a code that a host gives.
const CODE_CHARS_MAX: usize = 32;
/// More CPUs than any host has.
const CPUS_MAX: u32 = 1 << 16;
/// More bytes than any host has, of memory or of a disk: 1 EiB. Those of a whole fleet can be added.
const BYTES_MAX: u64 = 1 << 60;
/// A time after which nothing is told, milliseconds: the year 2286.
const TIME_MS_MAX: u64 = 9_999_999_999_999;

/// Facts, with every text cut to a bound and freed of control characters.
#[must_use]
pub fn facts_from_wire(facts: &v1::Facts) -> Facts {
    Facts {
        os: plain(&facts.os),
        kernel: plain(&facts.kernel),
        arch: plain(&facts.arch),
        hostname: plain(&facts.hostname),
        cpus: facts.cpus.min(CPUS_MAX),
        memory_bytes: facts.memory_bytes.min(BYTES_MAX),
        containment: plain(&facts.containment),
        run_as: plain(&facts.run_as),
        boot_time_ms: facts.boot_time_ms.min(TIME_MS_MAX),
        policy_mode: plain(&facts.policy_mode),
        policy_digest: plain(&facts.policy_digest),
        limits: plain(&facts.limits),
    }
}

/// Metrics, with a load that is a number and at most 32 disks.
#[must_use]
pub fn metrics_from_wire(metrics: &v1::Metrics) -> Metrics {
    let load1 = if metrics.load1.is_finite() {
        metrics.load1.clamp(0.0, 99_999.0)
    } else {
        0.0
    };
    let disks = metrics.disks.iter().take(DISKS_MAX).map(|disk| Disk {
        mount: plain(&disk.mount),
        total_bytes: disk.total_bytes.min(BYTES_MAX),
        available_bytes: disk.available_bytes.min(BYTES_MAX),
    });
    Metrics {
        load1,
        memory_used_bytes: metrics.memory_used_bytes.min(BYTES_MAX),
        uptime_s: metrics.uptime_s.min(TIME_MS_MAX / 1_000),
        disks: disks.collect(),
    }
}

/// What an agent says of an execution.
///
/// # Errors
/// A state that this version does not know.
pub fn told_from_wire(state: &v1::State) -> Result<Told, ConvertError> {
    match state.state() {
        v1::ExecutionState::Running => Ok(Told::Running),
        v1::ExecutionState::Ended => Ok(Told::Ended),
        v1::ExecutionState::Refused => Ok(Told::Refused(Reason {
            code: code(&state.code),
            text: plain(&state.text),
        })),
        v1::ExecutionState::Unspecified => Err(ConvertError::Invalid {
            field: "state",
            source: None,
        }),
    }
}

/// A code of this or another version of ours; anything else is the agent's fault.
fn code(text: &str) -> String {
    let shape = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let is_code = text.starts_with("E_") && text.len() <= CODE_CHARS_MAX && text.chars().all(shape);
    let code = if is_code { text } else { Code::Agent.as_str() };
    code.to_owned()
}

fn plain(text: &str) -> Said {
    Said::of(text, TEXT_CHARS_MAX)
}
