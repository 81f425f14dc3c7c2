//! How an execution ended.

use crate::refusal::Code;
use crate::said::Said;
use crate::spool::{self, Cause, Exit, Left, OomKill};
use crate::text::{size, thousands, utc};

/// How an execution ended, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub how: How,
    /// From start to end on the host, milliseconds.
    pub duration_ms: u64,
    /// Bytes of output that were kept.
    pub output_bytes: u64,
    /// Bytes of output that were not kept, because there were too many.
    pub dropped_bytes: u64,
    /// Descendants that were still alive after the command had ended, and were killed.
    pub left_over: u32,
    /// Descendants that were left alive, as was asked.
    pub left: Box<Left>,
    /// What read the command, when it was not `/bin/sh`.
    pub shell: Option<Box<str>>,
    /// The user that it ran as, as the host says; nothing when it did not run, or the agent did not say it.
    pub user: Option<Box<str>>,
    /// Secrets that the host masked in its output.
    pub masked: u64,
    /// SHA-256 of the spool before its last record, as the controller stored it.
    pub output_sha256: Option<[u8; 32]>,
    /// Digest of what people read of it: equal for hosts that printed the same, whenever they did ([`crate::output::content`]).
    pub content_sha256: Option<[u8; 32]>,
}

/// Kernels tell when they began by the second.
const BOOTED_WITHIN_MS: u64 = 1_000;

/// The exit code of what the kernel killed: 128 + KILL.
const KILLED: i32 = 137;

/// The ways in which an execution ends. Exit codes of ended commands are as a shell shows them: 128 + n for signal n.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal, which nobody of ours sent.
    Signaled(i32),
    /// Stopped because its time was up.
    TimedOut(i32),
    /// Killed, or a child of its shell, by the kernel, which needed the memory.
    OutOfMemory(OomKill),
    /// Stopped because somebody asked.
    Cancelled(i32),
    /// Stopped by somebody on the host, or by the host itself.
    StoppedOnHost(i32),
    /// The host did not want it.
    Refused(Reason),
    /// It never ran.
    NotStarted(Reason),
    /// The outcome is unknown. Never guessed, never run again.
    Lost(Reason),
}

/// Why something did not run, or is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// A stable code as in [`Code`]; agents of other versions may have others.
    pub code: String,
    /// One sentence fragment.
    pub text: Said,
}

impl Reason {
    /// A reason with one of our codes.
    pub fn new(code: Code, text: impl Into<Said>) -> Self {
        Self {
            code: code.as_str().to_owned(),
            text: text.into(),
        }
    }
}

impl Outcome {
    /// An outcome without any output: refused, not started or lost.
    #[must_use]
    pub fn without_output(how: How) -> Self {
        Self {
            how,
            duration_ms: 0,
            output_bytes: 0,
            dropped_bytes: 0,
            left_over: 0,
            left: Box::default(),
            shell: None,
            user: None,
            masked: 0,
            output_sha256: None,
            content_sha256: None,
        }
    }

    /// What became of processes that outlived it, if any did: `2 processes left behind were stopped`, `left running: nginx (4711)`.
    #[must_use]
    pub fn left_words(&self) -> Option<String> {
        let stopped = (self.left_over > 0).then(|| left_over_words(u64::from(self.left_over)));
        stopped.or_else(|| left_words(&self.left))
    }

    /// True for exit code 0.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        matches!(self.how, How::Exited(0))
    }
}

/// `1 process left behind was stopped`.
#[must_use]
pub fn left_over_words(left: u64) -> String {
    match left {
        1 => "1 process left behind was stopped".to_owned(),
        left => format!("{} processes left behind were stopped", thousands(left)),
    }
}

/// `left running: nginx (4711), sleep (4712) and 3 more`.
fn left_words(left: &Left) -> Option<String> {
    if left.count == 0 {
        return None;
    }
    let named = left.named.iter();
    let mut words: Vec<String> = named
        .map(|process| format!("{} ({})", process.program, process.pid))
        .collect();
    let more = (left.count as usize).saturating_sub(words.len());
    if words.is_empty() {
        let processes = if more == 1 { "process" } else { "processes" };
        return Some(format!(
            "left running: {} {processes}",
            thousands(more as u64)
        ));
    }
    let last = words.pop().unwrap_or_default();
    let list = match (words.is_empty(), more) {
        (true, 0) => last,
        (false, 0) => format!("{} and {last}", words.join(", ")),
        (_, more) => {
            words.push(last);
            format!("{} and {more} more", words.join(", "))
        }
    };
    Some(format!("left running: {list}"))
}

/// Why nobody knows how it ended, as its host tells it.
#[must_use]
pub fn why_lost(exit: &Exit) -> String {
    let Some(restart) = exit.restart else {
        return "the host lost track of it".to_owned();
    };
    // A clock that was set meanwhile, or a kernel that ran elsewhere before: then only that it restarted is known.
    if restart.booted_ms.saturating_add(BOOTED_WITHIN_MS) < exit.started_ms {
        let back = (restart.back_ms >= exit.started_ms).then(|| utc(restart.back_ms));
        let back = back.map_or_else(String::new, |back| format!(", back since {back} (UTC)"));
        return format!("the host restarted while it ran{back}");
    }
    let (booted, back) = (utc(restart.booted_ms), utc(restart.back_ms));
    let (day, at) = booted.split_once(' ').unwrap_or(("", &booted));
    let back = back
        .strip_prefix(day)
        .map_or(back.as_str(), str::trim_start);
    format!("the host restarted on {day} at {at}, back since {back} (UTC)")
}

impl How {
    /// How the execution of this last record ended; nothing when its host does not know.
    #[must_use]
    pub fn of(exit: &Exit) -> Option<Self> {
        let code = match exit.how {
            spool::How::Code(code) => i32::from(code),
            spool::How::Signal(signal) => 128 + i32::from(signal),
            spool::How::Unknown => return None,
        };
        Some(match (exit.cause, exit.how) {
            (Cause::Timeout, _) => Self::TimedOut(code),
            (Cause::Cancelled, _) => Self::Cancelled(code),
            (Cause::OnHost, _) => Self::StoppedOnHost(code),
            (Cause::Lost, _) => return None,
            (Cause::Command, how) => match (exit.oom_kill, how) {
                (Some(kill), spool::How::Signal(_)) if code == KILLED => Self::OutOfMemory(kill),
                // A shell ends with this code when the kernel killed its child; but so may any program, whatever happened on the host.
                (Some(kill @ OomKill::Group { .. }), _) if code == KILLED => {
                    Self::OutOfMemory(kill)
                }
                (_, spool::How::Signal(signal)) => Self::Signaled(i32::from(signal)),
                (_, spool::How::Code(_) | spool::How::Unknown) => Self::Exited(code),
            },
        })
    }

    /// What it is when an agent says that it will not start: refused, but where only something happened to the agent, not started.
    #[must_use]
    pub fn not_taken(reason: Reason) -> Self {
        let happened = [Code::Stopping, Code::Storage].map(Code::as_str);
        if happened.contains(&reason.code.as_str()) {
            Self::NotStarted(reason)
        } else {
            Self::Refused(reason)
        }
    }

    /// The state that it is, in one word of the design.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        match self {
            Self::Exited(_) => "exited",
            Self::Signaled(_) => "signaled",
            Self::TimedOut(_) => "timed_out",
            Self::OutOfMemory(_) => "out_of_memory",
            Self::Cancelled(_) => "cancelled",
            Self::StoppedOnHost(_) => "stopped_on_host",
            Self::Refused(_) => "refused",
            Self::NotStarted(_) => "not_started",
            Self::Lost(_) => "lost",
        }
    }

    /// The exit code for scripts, when the command ran to an end: its own, or 128 + n for signal n.
    #[must_use]
    pub const fn exit_code(&self) -> Option<i32> {
        match self {
            Self::Exited(code)
            | Self::TimedOut(code)
            | Self::Cancelled(code)
            | Self::StoppedOnHost(code) => Some(*code),
            Self::Signaled(signal) => Some(signal.saturating_add(128)),
            Self::OutOfMemory(_) => Some(KILLED),
            Self::Refused(_) | Self::NotStarted(_) | Self::Lost(_) => None,
        }
    }

    /// True when the command never began on the host.
    #[must_use]
    pub const fn did_not_run(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::NotStarted(_))
    }
}

impl How {
    /// As terminals, files and programs are told it: `exit 0`, `exit 137 (SIGKILL, not sent by Shanty)`, `stopped, exit 143`, `not started: host
    /// is offline`. A reason may be a host's text, of which every character can be seen; in chat it is escaped besides, so there is no
    /// `Display`.
    #[must_use]
    pub fn plain(&self) -> String {
        match self {
            // What shells mean by a code of their own (POSIX, 2.8.2).
            Self::Exited(126) => "exit 126 (it cannot be executed)".to_owned(),
            Self::Exited(127) => "exit 127 (command not found)".to_owned(),
            Self::Exited(code) => match code.checked_sub(128).and_then(signal_name) {
                Some(name) => format!("exit {code} ({name})"),
                None => format!("exit {code}"),
            },
            Self::Signaled(signal) => {
                let name = signal_name(*signal);
                let name = name.map_or_else(|| format!("signal {signal}"), str::to_owned);
                let code = signal.saturating_add(128);
                format!("exit {code} ({name}, not sent by Shanty)")
            }
            Self::TimedOut(code) => format!("timed out, exit {code}"),
            Self::OutOfMemory(kill) => format!("exit {KILLED} (SIGKILL, {})", memory_words(*kill)),
            Self::Cancelled(code) => format!("stopped, exit {code}"),
            Self::StoppedOnHost(code) => {
                format!("stopped on the host, not by Shanty, exit {code}")
            }
            Self::Refused(reason) => format!("refused: {}", reason.text.as_data()),
            Self::NotStarted(reason) => format!("not started: {}", reason.text.as_data()),
            Self::Lost(reason) => format!("outcome unknown: {}", reason.text.as_data()),
        }
    }
}

/// Why the kernel killed it, no surer than that is.
fn memory_words(kill: OomKill) -> String {
    match kill {
        OomKill::Group { limit_bytes: None } => "out of memory: the kernel's OOM killer".to_owned(),
        OomKill::Group {
            limit_bytes: Some(limit),
        } => {
            let limit = size(limit).replace(".0 ", " ");
            format!("out of memory: the kernel's OOM killer, memory limit {limit}")
        }
        OomKill::Host => {
            "probably out of memory: the kernel killed processes on this host while it ran"
                .to_owned()
        }
    }
}

/// The names of the signals that end programs in practice (signal(7), x86-64 and ARM numbers).
const fn signal_name(signal: i32) -> Option<&'static str> {
    match signal {
        1 => Some("SIGHUP"),
        2 => Some("SIGINT"),
        3 => Some("SIGQUIT"),
        4 => Some("SIGILL"),
        6 => Some("SIGABRT"),
        7 => Some("SIGBUS"),
        8 => Some("SIGFPE"),
        9 => Some("SIGKILL"),
        11 => Some("SIGSEGV"),
        13 => Some("SIGPIPE"),
        14 => Some("SIGALRM"),
        15 => Some("SIGTERM"),
        24 => Some("SIGXCPU"),
        25 => Some("SIGXFSZ"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
