//! The gateway's close codes and the words that Discord closes with.

pub(crate) const UNKNOWN: u16 = 4000;
pub(crate) const UNKNOWN_OP: u16 = 4001;
pub(crate) const DECODE_ERROR: u16 = 4002;
pub(crate) const NOT_AUTHENTICATED: u16 = 4003;
pub(crate) const AUTHENTICATION_FAILED: u16 = 4004;
pub(crate) const ALREADY_AUTHENTICATED: u16 = 4005;
pub(crate) const INVALID_SEQ: u16 = 4007;
pub(crate) const RATE_LIMITED: u16 = 4008;
pub(crate) const TIMED_OUT: u16 = 4009;
pub(crate) const INVALID_SHARD: u16 = 4010;
pub(crate) const INVALID_VERSION: u16 = 4012;
pub(crate) const INVALID_INTENTS: u16 = 4013;
pub(crate) const DISALLOWED_INTENTS: u16 = 4014;
pub(crate) const GOING_AWAY: u16 = 1001;

/// What a close frame says beside its code.
pub(crate) const fn reason(code: u16) -> &'static str {
    match code {
        UNKNOWN_OP => "Unknown opcode.",
        DECODE_ERROR => "Error while decoding payload.",
        NOT_AUTHENTICATED => "Not authenticated.",
        AUTHENTICATION_FAILED => "Authentication failed.",
        ALREADY_AUTHENTICATED => "Already authenticated.",
        INVALID_SEQ => "Invalid `seq`.",
        RATE_LIMITED => "You are being rate limited.",
        TIMED_OUT => "Session timed out.",
        INVALID_SHARD => "Invalid shard.",
        INVALID_VERSION => "Invalid API version.",
        INVALID_INTENTS => "Invalid intent(s).",
        DISALLOWED_INTENTS => "Disallowed intent(s).",
        GOING_AWAY => "Going away.",
        _ => "Unknown error.",
    }
}
