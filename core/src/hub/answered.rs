//! Interactions that asked for a change and changed nothing, since it was refused, or so already. No record holds them, and yet they are
//! answered: should Discord repeat one, what it asks for may be something to do by then.

use std::collections::BTreeSet;

use crate::admission::is_too_late;

/// Most that are kept; the oldest make room.
const KEPT_MAX: usize = 4_096;

/// Those that would still be taken by their age.
#[derive(Debug, Default)]
pub(super) struct Answered(BTreeSet<u64>);

impl Answered {
    pub(super) fn note(&mut self, interaction: u64, now_ms: u64) {
        self.0.insert(interaction);
        // Ids say when they were made, so the first is the oldest.
        while let Some(oldest) = self.0.first()
            && (self.0.len() > KEPT_MAX || is_too_late(*oldest, now_ms))
        {
            self.0.pop_first();
        }
    }

    pub(super) fn has(&self, interaction: u64) -> bool {
        self.0.contains(&interaction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::REPEATED_MS;

    #[test]
    fn one_is_kept_for_as_long_as_it_would_be_taken() {
        // Made at this time since 2015, by a way of counting that is Discord's.
        let made = |ms: u64| ms << 22;
        let at = |ms: u64| 1_420_070_400_000 + ms;
        let mut answered = Answered::default();
        answered.note(made(1_000), at(1_000));
        answered.note(made(2_000), at(1_000 + REPEATED_MS));
        assert!(answered.has(made(1_000)) && answered.has(made(2_000)));
        answered.note(made(3_000), at(1_001 + REPEATED_MS));
        let has = [1_000, 2_000, 3_000].map(|ms| answered.has(made(ms)));
        assert_eq!(has, [false, true, true]);
        for ms in 0..10_000 {
            answered.note(made(2_000) + ms, at(2_000));
        }
        assert_eq!(answered.0.len(), KEPT_MAX);
        assert!(answered.has(made(2_000) + 9_999) && !answered.has(made(2_000)));
    }
}
