//! Counts invalid requests (401, 403, and 429 unless shared), and shuts out whoever makes too many.
//!
//! Discord's page on rate limits: 10,000 within 10 minutes, then its front turns the address away until the window is over.

use super::Scope;

/// Of Discord's page on rate limits.
const LIMIT: u64 = 10_000;
const WINDOW_MS: u64 = 10 * 60 * 1000;

/// The count of one address; everybody here comes from loopback.
#[derive(Debug)]
pub(crate) struct Invalid {
    /// How many shut out; a script may change it.
    pub(crate) limit: u64,
    used: u64,
    ends_ms: u64,
    total: u64,
    turned_away: u64,
}

impl Default for Invalid {
    fn default() -> Self {
        Self {
            limit: LIMIT,
            used: 0,
            ends_ms: 0,
            total: 0,
            turned_away: 0,
        }
    }
}

impl Invalid {
    /// Notes an answer; `scope` is that of a 429.
    pub(crate) fn note(&mut self, status: u16, scope: Option<Scope>, now_ms: u64) {
        let counts = match status {
            401 | 403 => true,
            429 => scope != Some(Scope::Shared),
            _ => false,
        };
        if !counts {
            return;
        }
        if self.ends_ms <= now_ms {
            self.used = 0;
            self.ends_ms = now_ms.saturating_add(WINDOW_MS);
        }
        self.used = self.used.saturating_add(1);
        self.total = self.total.saturating_add(1);
    }

    /// How long requests are still turned away, in milliseconds; notes that one was.
    pub(crate) fn turn_away(&mut self, now_ms: u64) -> Option<u64> {
        let wait_ms = self.ends_ms.checked_sub(now_ms).filter(|wait| *wait > 0)?;
        if self.used < self.limit {
            return None;
        }
        self.turned_away = self.turned_away.saturating_add(1);
        Some(wait_ms)
    }

    /// Those of the present window.
    pub(crate) const fn in_window(&self, now_ms: u64) -> u64 {
        if self.ends_ms > now_ms { self.used } else { 0 }
    }

    /// All that there ever were.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// Requests that were turned away without an answer of Discord's own.
    pub(crate) const fn turned_away(&self) -> u64 {
        self.turned_away
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_shuts_out_until_the_window_is_over() {
        let mut invalid = Invalid {
            limit: 3,
            ..Invalid::default()
        };
        for (status, scope) in [
            (401, None),
            (404, None),
            (429, Some(Scope::Shared)),
            (429, Some(Scope::User)),
        ] {
            invalid.note(status, scope, 1000);
            assert_eq!(invalid.turn_away(1000), None);
        }
        invalid.note(403, None, 2000);
        assert_eq!(invalid.turn_away(2000), Some(WINDOW_MS - 1000));
        assert_eq!((invalid.in_window(2000), invalid.turned_away()), (3, 1));
        assert_eq!(invalid.turn_away(1000 + WINDOW_MS), None);
        assert_eq!(
            (invalid.in_window(1000 + WINDOW_MS), invalid.total()),
            (0, 3)
        );
    }
}
