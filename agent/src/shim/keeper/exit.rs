//! The last record: how the main process ended and what all of them used.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use shanty_core::spool::{Exit, How};

use super::{Keeper, Main};

impl Keeper {
    pub(super) fn exit_record(&self) -> Exit {
        let (how, at) = match self.main {
            Main::Over { how, at } => (how, at),
            Main::Alive(_) => (How::Signal(9), Instant::now()), // Not reached: `over` is checked first.
        };
        let duration = at.saturating_duration_since(self.started);
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok();
        let number = |of: fn(&nix::sys::resource::Usage) -> i64| {
            let value = usage.as_ref().map_or(0, of);
            u64::try_from(value).unwrap_or(0)
        };
        Exit {
            how,
            cause: self.cause,
            started_ms: self.started_ms,
            duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            cpu_user_ms: number(|usage| usage.user_time().num_milliseconds()),
            cpu_system_ms: number(|usage| usage.system_time().num_milliseconds()),
            rss_max_bytes: number(|usage| usage.max_rss()).saturating_mul(1_024),
            left_over: self.left_over,
            sha256: [0; 32],
            masked: 0, // The recorder knows.
            oom_kill: self.oom_kill,
            left: self.left.clone().unwrap_or_default(),
            shell: self.shell.clone(),
            restart: None,
            user: self.user.clone(),
        }
    }
}

pub(super) fn how(status: ExitStatus) -> How {
    let byte = |number: i32| u8::try_from(number).ok();
    match (status.code().and_then(byte), status.signal().and_then(byte)) {
        (Some(code), _) => How::Code(code),
        (None, Some(signal)) => How::Signal(signal),
        (None, None) => How::Signal(9), // The kernel knows no third way.
    }
}
