//! Why a call of Discord's REST interface has no good answer, and whether it may have been done all the same.

use std::time::Duration;

use hyper_util::client::legacy::Error as ClientError;
use thiserror::Error;

/// Largest answer that is read, bytes. Discord's answers to our calls have a few KiB.
pub(super) const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Discord's code for a thread that is archived: what stands there cannot be edited.
pub(super) const ARCHIVED: u64 = 50_083;

/// Discord's codes for somebody who is no member of a guild, and for nobody at all.
pub(super) const UNKNOWN_MEMBER: u64 = 10_007;
pub(super) const UNKNOWN_USER: u64 = 10_013;

/// Why a call has no good answer.
#[derive(Debug, Error)]
pub enum SendError {
    /// No whole answer in the call's time.
    #[error("get an answer from Discord within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// No connection: the call was not sent.
    #[error("connect to Discord")]
    Unreached(#[source] ClientError),
    /// The connection was lost, possibly after the call was sent.
    #[error("keep the connection to Discord")]
    Connection(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Discord refused the call, or failed at it (status 500 and above).
    #[error("do it: Discord answered {status}, code {code}: {message}")]
    Discord {
        /// The status.
        status: u16,
        /// Discord's own code, such as 10062 for an interaction that is too old; zero when there was none.
        code: u64,
        /// Discord's own words, cut.
        message: String,
    },
    /// Too many calls. The limiter knows already; the next permit waits.
    #[error("do it now: Discord wants {retry_after_ms} ms without such calls")]
    RateLimited {
        /// The wait, milliseconds.
        retry_after_ms: u64,
        /// True when it stops all calls.
        global: bool,
    },
    /// Discord refused the bot's token; nothing more is sent with it.
    #[error("log in: Discord refused the bot's token")]
    Unauthorized,
    /// The call was answered well, but with something else than expected.
    #[error("understand Discord's answer")]
    Body(#[source] serde_json::Error),
    /// The answer was too long to be read.
    #[error("read Discord's answer: it is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    /// The call itself is not one: a path or header that cannot be sent.
    #[error("form the call")]
    Malformed(#[source] hyper::http::Error),
}

/// What is known about a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was certainly not done.
    NotDone,
    /// It may have been done.
    Unknown,
}

impl SendError {
    /// Whether the call may have been done all the same.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Timeout(_) | Self::Connection(_) | Self::Body(_) | Self::TooLong => {
                Outcome::Unknown
            }
            Self::Discord { status, .. } if *status >= 500 => Outcome::Unknown,
            Self::Discord { .. }
            | Self::Unreached(_)
            | Self::RateLimited { .. }
            | Self::Unauthorized
            | Self::Malformed(_) => Outcome::NotDone,
        }
    }

    /// True when the same call would be refused again until somebody changes something.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            // The thread is opened, and was archived again meanwhile.
            Self::Discord { code: ARCHIVED, .. } => false,
            Self::Discord { status, .. } => (400..500).contains(status),
            Self::Malformed(_) => true,
            Self::Timeout(_)
            | Self::Unreached(_)
            | Self::Connection(_)
            | Self::RateLimited { .. }
            | Self::Unauthorized
            | Self::Body(_)
            | Self::TooLong => false,
        }
    }

    /// Why an answer did not reach Discord, for people: the log has the rest.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::RateLimited { retry_after_ms, .. } => {
                let seconds = retry_after_ms.div_ceil(1_000).max(1);
                format!("Discord takes no answers for {seconds} s")
            }
            Self::Discord {
                status,
                code,
                message,
            } => format!("Discord answered {status}, code {code}: {message}"),
            Self::Timeout(within) => {
                let seconds = within.as_millis().div_ceil(1_000).max(1);
                format!("Discord said nothing for {seconds} s")
            }
            Self::Unreached(_) => "Discord cannot be reached".to_owned(),
            Self::Connection(_) => "the connection to Discord was lost".to_owned(),
            Self::Unauthorized => "Discord refused the bot's token".to_owned(),
            Self::Body(_) | Self::TooLong => "what Discord said cannot be read".to_owned(),
            Self::Malformed(_) => "it cannot be sent".to_owned(),
        }
    }

    /// Discord's own code of a refusal, such as 10062; none when it gave none.
    #[must_use]
    pub fn code(&self) -> Option<u64> {
        match self {
            Self::Discord { code, .. } if *code > 0 => Some(*code),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_in_their_words_why_an_answer_was_not_taken() {
        let limited = |retry_after_ms| SendError::RateLimited {
            retry_after_ms,
            global: false,
        };
        let refused = SendError::Discord {
            status: 403,
            code: 50_001,
            message: "Missing Access".to_owned(),
        };
        for (error, told) in [
            (limited(5_000), "Discord takes no answers for 5 s"),
            (limited(1_001), "Discord takes no answers for 2 s"),
            (limited(0), "Discord takes no answers for 1 s"),
            (refused, "Discord answered 403, code 50001: Missing Access"),
            (
                SendError::Timeout(Duration::from_millis(2_500)),
                "Discord said nothing for 3 s",
            ),
            (SendError::TooLong, "what Discord said cannot be read"),
        ] {
            assert_eq!(error.told(), told);
        }
    }
}
