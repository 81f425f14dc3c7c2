//! When the bot answers somebody who speaks to it: seldom enough that nobody can make it fill a channel, whoever they are.

use std::collections::VecDeque;

/// What was answered longer ago than this counts no more, milliseconds.
pub const WINDOW_MS: u64 = 60_000;

/// Answers to one person in that time.
pub const PERSON_MAX: usize = 2;

/// Answers in one channel in that time.
pub const CHANNEL_MAX: usize = 3;

/// Answers in that time altogether.
pub const ALL_MAX: usize = 20;

/// The answers of the last minute.
#[derive(Debug, Default)]
pub struct Manners(VecDeque<Answered>);

#[derive(Debug)]
struct Answered {
    at_ms: u64,
    channel: u64,
    person: u64,
}

impl Manners {
    /// Whether this person is answered now in this channel; when so, it counts.
    pub fn answers(&mut self, channel: u64, person: u64, now_ms: u64) -> bool {
        while let Some(oldest) = self.0.front()
            && now_ms.saturating_sub(oldest.at_ms) >= WINDOW_MS
        {
            self.0.pop_front();
        }
        let to_person = self.0.iter().filter(|answered| answered.person == person);
        let in_channel = self.0.iter().filter(|answered| answered.channel == channel);
        let full = to_person.count() >= PERSON_MAX
            || in_channel.count() >= CHANNEL_MAX
            || self.0.len() >= ALL_MAX;
        if !full {
            self.0.push_back(Answered {
                at_ms: now_ms,
                channel,
                person,
            });
        }
        !full
    }
}

/// Whether a text speaks to the bot by its name. A reply to one of its messages that does not name it is for the others who read it.
#[must_use]
pub fn speaks_to(text: &str, bot: u64) -> bool {
    [format!("<@{bot}>"), format!("<@!{bot}>")]
        .iter()
        .any(|name| text.contains(name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_and_no_channel_is_answered_without_end() {
        let mut manners = Manners::default();
        let one = (0..50).filter(|n| manners.answers(*n, 7, 1_000));
        assert_eq!(one.count(), PERSON_MAX, "one person in many channels");
        let many = (100..150).filter(|n| manners.answers(9, *n, 2_000));
        assert_eq!(many.count(), CHANNEL_MAX, "many people in one channel");
        let all = (200..300).filter(|n| manners.answers(*n, *n, 3_000));
        assert_eq!(all.count(), ALL_MAX - PERSON_MAX - CHANNEL_MAX);
        assert!(!manners.answers(1, 1, 1_000 + WINDOW_MS - 1));
        assert!(manners.answers(1, 1, 1_000 + WINDOW_MS));
        assert!(
            manners.answers(1, 7, 1_000 + WINDOW_MS),
            "a minute later anew"
        );
    }

    #[test]
    fn a_clock_that_goes_back_forgets_nothing() {
        let mut manners = Manners::default();
        let answered = (0..10).filter(|n| manners.answers(1, *n, 1_000_000 - n * 10_000));
        assert_eq!(answered.count(), CHANNEL_MAX);
    }

    #[test]
    fn the_bot_is_spoken_to_by_name_only() {
        assert!(speaks_to("hey <@100> help", 100));
        assert!(speaks_to("<@!100>", 100));
        for other in ["", "help", "<@1001>", "<@&100>", "@shanty", "@everyone"] {
            assert!(!speaks_to(other, 100), "{other}");
        }
    }
}
