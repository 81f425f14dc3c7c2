//! Rate limits: buckets per route and major parameter, the global limit, and the headers that tell of them.
//!
//! The numbers are the ones people observe (discord-api-docs #20: 5 writes per 5 s and channel; 50 requests per second
//! globally, documented). What no header tells of is in `sub`, what shuts an address out in `invalid`.

use std::collections::HashMap;

use crate::error::seconds;
use crate::snowflake::Snowflake;

pub(crate) mod invalid;
mod sub;

use invalid::Invalid;
use sub::SubLimit;

/// Requests per second over all routes that count.
const GLOBAL_PER_S: u64 = 50;
/// What the headers say when limits are off, per second.
const NO_LIMIT: u64 = 10_000;
/// Buckets kept at once; beyond it those whose window has passed are dropped.
const BUCKETS_MAX: usize = 20_000;
/// Bytes of a major parameter; ids and tokens are shorter, and what is longer names nothing that exists.
const MAJOR_MAX: usize = 300;
/// Edits of messages older than an hour: so many per window and channel.
const OLD_EDITS: (usize, u64) = (3, 6000);
/// Renames of a channel or thread (observed: bwmarrin/discordgo#1197).
const RENAMES: (usize, u64) = (2, 10 * 60 * 1000);

/// A kind of bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bucket {
    pub(crate) method: &'static str,
    /// The route's template.
    pub(crate) route: &'static str,
    pub(crate) limit: u64,
    pub(crate) window_ms: u64,
    /// Whether the global limit counts it too.
    pub(crate) global: bool,
}

impl Bucket {
    /// Whether nothing is counted: such a route has no headers either.
    pub(crate) const fn is_free(&self) -> bool {
        self.limit == 0
    }
}

/// What the headers of an answer say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stamp {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    pub(crate) reset_at_ms: u64,
    pub(crate) reset_after_ms: u64,
    pub(crate) bucket: String,
}

impl Stamp {
    /// While limits are off the headers tell of a limit that nobody reaches: clients pace themselves by what they are
    /// told, not by refusals.
    fn of_no_limit(bucket: Bucket, now_ms: u64) -> Self {
        Self {
            limit: NO_LIMIT,
            remaining: NO_LIMIT - 1,
            reset_at_ms: now_ms.saturating_add(1000),
            reset_after_ms: 1000,
            bucket: opaque(bucket.method, bucket.route),
        }
    }

    /// What a refusal says of the bucket, or nothing if the global limit refused: that one is no bucket's.
    ///
    /// The reset is that of the wait. A shared limit leaves the bot's own count as it is (the example on Discord's page
    /// on rate limits); discord.js takes it for a limit below the bucket then, and waits as long as it is told.
    pub(crate) fn of_refusal(mut self, limited: &Limited, now_ms: u64) -> Option<Self> {
        match limited.scope {
            Scope::Global => return None,
            Scope::User => self.remaining = 0,
            Scope::Shared => {}
        }
        self.reset_after_ms = limited.retry_after_ms;
        self.reset_at_ms = now_ms.saturating_add(limited.retry_after_ms);
        Some(self)
    }
}

/// Whose limit was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    User,
    Shared,
    Global,
}

impl Scope {
    /// As `X-RateLimit-Scope` writes it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Shared => "shared",
            Self::Global => "global",
        }
    }
}

/// A refused request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limited {
    pub(crate) scope: Scope,
    pub(crate) retry_after_ms: u64,
}

impl Limited {
    /// `retry_after` of the body, in seconds.
    pub(crate) fn retry_after_s(&self) -> f64 {
        seconds(self.retry_after_ms)
    }
}

#[derive(Clone, Copy, Debug)]
struct Window {
    used: u64,
    ends_ms: u64,
}

/// The state of all limits.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Whether anything is refused.
    pub(crate) on: bool,
    /// Requests per second over all routes that count; a script may change it.
    pub(crate) global_per_s: u64,
    pub(crate) invalid: Invalid,
    windows: HashMap<(&'static str, &'static str, String), Window>,
    global: Window,
    old_edits: SubLimit,
    renames: SubLimit,
}

impl Limits {
    pub(crate) fn new(on: bool) -> Self {
        let global = Window {
            used: 0,
            ends_ms: 0,
        };
        Self {
            on,
            global_per_s: GLOBAL_PER_S,
            invalid: Invalid::default(),
            windows: HashMap::new(),
            global,
            old_edits: SubLimit::new(OLD_EDITS.0, OLD_EDITS.1),
            renames: SubLimit::new(RENAMES.0, RENAMES.1),
        }
    }

    /// Counts a request; the stamp describes the bucket either way.
    pub(crate) fn take(
        &mut self,
        bucket: Bucket,
        major: &str,
        now_ms: u64,
    ) -> (Stamp, Option<Limited>) {
        self.prune(now_ms);
        if !self.on {
            return (Stamp::of_no_limit(bucket, now_ms), None);
        }
        let fresh = Window {
            used: 0,
            ends_ms: now_ms.saturating_add(bucket.window_ms),
        };
        let major = if major.len() > MAJOR_MAX { "" } else { major };
        let window = self
            .windows
            .entry((bucket.method, bucket.route, major.to_owned()))
            .or_insert(fresh);
        if window.ends_ms <= now_ms {
            *window = fresh;
        }
        let wait_ms = window.ends_ms.saturating_sub(now_ms);
        let limited = if bucket.global && !spend(&mut self.global, self.global_per_s, 1000, now_ms)
        {
            let retry_after_ms = self.global.ends_ms.saturating_sub(now_ms).max(1);
            Some(Limited {
                scope: Scope::Global,
                retry_after_ms,
            })
        } else if window.used >= bucket.limit {
            Some(Limited {
                scope: Scope::User,
                retry_after_ms: wait_ms.max(1),
            })
        } else {
            window.used = window.used.saturating_add(1);
            None
        };
        let stamp = Stamp {
            limit: bucket.limit,
            remaining: bucket.limit.saturating_sub(window.used),
            reset_at_ms: window.ends_ms,
            reset_after_ms: wait_ms,
            bucket: opaque(bucket.method, bucket.route),
        };
        (stamp, limited)
    }

    /// Counts an edit of a message older than an hour; the wait in milliseconds when it is one too many.
    pub(crate) fn take_old_edit(&mut self, channel: Snowflake, now_ms: u64) -> Result<(), u64> {
        if self.on {
            self.old_edits.take(channel, now_ms)
        } else {
            Ok(())
        }
    }

    /// Counts a change of a channel's or thread's name or topic; the wait in milliseconds when it is one too many.
    pub(crate) fn take_rename(&mut self, channel: Snowflake, now_ms: u64) -> Result<(), u64> {
        if self.on {
            self.renames.take(channel, now_ms)
        } else {
            Ok(())
        }
    }

    /// How long requests are turned away for having been invalid too often, in milliseconds; notes that one was.
    pub(crate) fn turn_away(&mut self, now_ms: u64) -> Option<u64> {
        if self.on {
            self.invalid.turn_away(now_ms)
        } else {
            None
        }
    }

    fn prune(&mut self, now_ms: u64) {
        if self.windows.len() > BUCKETS_MAX {
            self.windows.retain(|_, window| window.ends_ms > now_ms);
        }
    }
}

fn spend(window: &mut Window, limit: u64, window_ms: u64, now_ms: u64) -> bool {
    if window.ends_ms <= now_ms {
        *window = Window {
            used: 0,
            ends_ms: now_ms.saturating_add(window_ms),
        };
    }
    let fits = window.used < limit;
    if fits {
        window.used += 1;
    }
    fits
}

/// A bucket's opaque id: the same for all major parameters, different for every kind (FNV-1a, twice for the length).
fn opaque(method: &str, route: &str) -> String {
    let hash = |seed: u64| {
        method
            .bytes()
            .chain(route.bytes())
            .fold(seed, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
    };
    format!(
        "{:016x}{:016x}",
        hash(0xcbf2_9ce4_8422_2325),
        hash(0x8422_2325_cbf2_9ce4)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: Bucket = Bucket {
        method: "POST",
        route: "write",
        limit: 5,
        window_ms: 5000,
        global: true,
    };

    #[test]
    fn five_then_wait_for_the_window() {
        let mut limits = Limits::new(true);
        for left in (0..5).rev() {
            let (stamp, limited) = limits.take(WRITE, "1", 1000);
            assert_eq!((stamp.remaining, limited), (left, None));
        }
        let (stamp, limited) = limits.take(WRITE, "1", 2000);
        assert_eq!((stamp.remaining, stamp.reset_after_ms), (0, 4000));
        assert_eq!(
            limited,
            Some(Limited {
                scope: Scope::User,
                retry_after_ms: 4000
            })
        );
        assert_eq!(
            limits.take(WRITE, "2", 2000).1,
            None,
            "another channel has its own window"
        );
        assert_eq!(limits.take(WRITE, "1", 6000).1, None);
    }

    #[test]
    fn fifty_a_second_over_all() {
        let mut limits = Limits::new(true);
        for n in 0..50 {
            assert_eq!(limits.take(WRITE, &n.to_string(), 1000).1, None);
        }
        let (_, limited) = limits.take(WRITE, "x", 1400);
        assert_eq!(
            limited,
            Some(Limited {
                scope: Scope::Global,
                retry_after_ms: 600
            })
        );
        let exempt = Bucket {
            global: false,
            route: "callback",
            ..WRITE
        };
        assert_eq!(limits.take(exempt, "x", 1400).1, None);
    }

    #[test]
    fn switched_off_nothing_is_refused_and_headers_stay_sane() {
        let mut limits = Limits::new(false);
        for _ in 0..100 {
            let (stamp, limited) = limits.take(WRITE, "1", 1000);
            assert_eq!((stamp.remaining, limited), (NO_LIMIT - 1, None));
        }
    }

    #[test]
    fn bucket_ids_differ_by_kind_only() {
        assert_ne!(opaque("POST", "/a"), opaque("PATCH", "/a"));
        assert_eq!(opaque("POST", "/a").len(), 32);
    }

    #[test]
    fn a_made_up_parameter_costs_no_memory() {
        let mut limits = Limits::new(true);
        let (_, limited) = limits.take(WRITE, &"x".repeat(30_000), 0);
        assert_eq!(limited, None);
        let mut kept = limits.windows.keys();
        assert!(kept.all(|(_, _, major)| major.len() <= MAJOR_MAX));
    }
}
