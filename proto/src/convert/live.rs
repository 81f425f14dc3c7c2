//! What agents say while they are connected: bounded, since an agent may be hostile.

use shanty_core::facts::{Disk, Facts, Metrics};
use shanty_core::run::{Reason, Told};

use super::ConvertError;
use crate::v1;

/// Characters kept of a text that an agent tells.
const TEXT_CHARS_MAX: usize = 128;
/// File systems kept of one host.
const DISKS_MAX: usize = 32;

/// Facts, with every text cut to a bound and freed of control characters.
#[must_use]
pub fn facts_from_wire(facts: &v1::Facts) -> Facts {
    Facts {
        os: plain(&facts.os),
        kernel: plain(&facts.kernel),
        arch: plain(&facts.arch),
        hostname: plain(&facts.hostname),
        cpus: facts.cpus,
        memory_bytes: facts.memory_bytes,
        containment: plain(&facts.containment),
        run_as: plain(&facts.run_as),
        boot_time_ms: facts.boot_time_ms,
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
        total_bytes: disk.total_bytes,
        available_bytes: disk.available_bytes,
    });
    Metrics {
        load1,
        memory_used_bytes: metrics.memory_used_bytes,
        uptime_s: metrics.uptime_s,
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
            code: plain(&state.code),
            text: plain(&state.text),
        })),
        v1::ExecutionState::Unspecified => Err(ConvertError::Invalid {
            field: "state",
            source: None,
        }),
    }
}

fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(TEXT_CHARS_MAX)
        .collect()
}
