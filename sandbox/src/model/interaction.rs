//! Interactions: what people start and the bot answers, with Discord's two clocks.
//!
//! The first answer is due within 3 seconds; after it the token lives for 15 minutes. What an answer may be is decided in
//! `rest::callback`.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;

use crate::model::message::{Menu, weight};
use crate::snowflake::Snowflake;

pub(crate) mod modal;

/// Time for the first answer.
pub(crate) const FIRST_ANSWER_MS: u64 = 3000;
/// Life of the token.
pub(crate) const TOKEN_MS: u64 = 15 * 60 * 1000;
/// Interactions remembered; far more than can be alive within 15 minutes of a person's work.
const REMEMBERED_MAX: usize = 50_000;
/// Bytes of the modals and choices among their answers; beyond it the oldest interactions are forgotten.
const ANSWERS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Discord's interaction types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Command,
    Component,
    Autocomplete,
    ModalSubmit,
}

impl Kind {
    /// As Discord numbers it.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Command => 2,
            Self::Component => 3,
            Self::Autocomplete => 4,
            Self::ModalSubmit => 5,
        }
    }
}

/// How the bot answered first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// With a message: it is `@original`.
    Message(Snowflake),
    /// With "thinking": this placeholder is `@original`, until the first edit or follow-up fills it.
    Deferred(Snowflake),
    /// By changing, or promising to change, the message of the component: that is `@original`.
    Source(Snowflake),
    Choices(Vec<Value>),
    Modal(Value),
}

impl Answer {
    /// Bytes that it costs in memory, beside the interaction.
    fn weigh(&self) -> usize {
        match self {
            Self::Message(_) | Self::Deferred(_) | Self::Source(_) => 0,
            Self::Choices(choices) => weight::of_list(choices),
            Self::Modal(modal) => weight::of_json(modal),
        }
    }
}

/// One interaction.
#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    pub(crate) id: Snowflake,
    pub(crate) token: String,
    pub(crate) kind: Kind,
    pub(crate) user: Snowflake,
    pub(crate) channel: Snowflake,
    pub(crate) created_ms: u64,
    /// The command's name, or the custom id.
    pub(crate) label: String,
    /// The message whose component was used, also of a modal that was opened from one.
    pub(crate) source: Option<Snowflake>,
    /// Of a modal that was filled in: the interaction that it was the answer to.
    pub(crate) opener: Option<Snowflake>,
    pub(crate) menu: Option<Menu>,
    pub(crate) answer: Option<Answer>,
    /// Whether a modal that answered this was filled in or closed.
    pub(crate) modal_done: bool,
    /// A script has let its time run out.
    pub(crate) expired: bool,
    /// Its person was shown that no answer came.
    pub(crate) silence_shown: bool,
}

impl Interaction {
    /// Whether the first answer is still possible.
    pub(crate) const fn is_fresh(&self, now_ms: u64) -> bool {
        !self.expired && now_ms.saturating_sub(self.created_ms) < FIRST_ANSWER_MS
    }

    /// Whether the token still works for edits and follow-ups.
    pub(crate) const fn has_token(&self, now_ms: u64) -> bool {
        !self.expired && now_ms.saturating_sub(self.created_ms) < TOKEN_MS
    }

    /// Whether people are told that the application did not respond.
    pub(crate) fn went_unanswered(&self, now_ms: u64) -> bool {
        self.answer.is_none() && !self.is_fresh(now_ms) && self.kind != Kind::Autocomplete
    }
}

/// All interactions.
#[derive(Debug, Default)]
pub(crate) struct Interactions {
    by_id: HashMap<Snowflake, Interaction>,
    by_token: HashMap<String, Snowflake>,
    oldest_first: VecDeque<Snowflake>,
    /// Bytes of all answers.
    bytes: usize,
}

impl Interactions {
    /// An interaction by id.
    pub(crate) fn find(&self, id: Snowflake) -> Option<&Interaction> {
        self.by_id.get(&id)
    }

    /// The interaction that a token belongs to.
    pub(crate) fn with_token(&self, token: &str) -> Option<&Interaction> {
        self.by_id.get(self.by_token.get(token)?)
    }

    /// An interaction by id, to change it.
    pub(crate) fn find_mut(&mut self, id: Snowflake) -> Option<&mut Interaction> {
        self.by_id.get_mut(&id)
    }

    /// The newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Interaction> {
        self.oldest_first
            .iter()
            .rev()
            .filter_map(|id| self.by_id.get(id))
    }

    /// When the next unanswered one runs out of time.
    pub(crate) fn next_deadline_ms(&self, now_ms: u64) -> Option<u64> {
        let recent = self
            .newest_first()
            .take_while(|i| now_ms.saturating_sub(i.created_ms) <= FIRST_ANSWER_MS);
        let waiting = recent.filter(|i| i.answer.is_none() && i.is_fresh(now_ms));
        waiting
            .map(|i| i.created_ms.saturating_add(FIRST_ANSWER_MS))
            .min()
    }

    /// Remembers a new one.
    pub(crate) fn insert(&mut self, interaction: Interaction) {
        self.by_token
            .insert(interaction.token.clone(), interaction.id);
        self.oldest_first.push_back(interaction.id);
        self.by_id.insert(interaction.id, interaction);
        self.forget_oldest();
    }

    /// Keeps the first answer of an interaction.
    pub(crate) fn answered(&mut self, id: Snowflake, answer: Answer) {
        if let Some(interaction) = self.by_id.get_mut(&id) {
            self.bytes = self.bytes.saturating_add(answer.weigh());
            interaction.answer = Some(answer);
        }
        self.forget_oldest();
    }

    fn forget_oldest(&mut self) {
        while self.oldest_first.len() > REMEMBERED_MAX || self.bytes > ANSWERS_BYTES_MAX {
            let Some(old) = self
                .oldest_first
                .pop_front()
                .and_then(|id| self.by_id.remove(&id))
            else {
                break;
            };
            self.by_token.remove(&old.token);
            let bytes = old.answer.as_ref().map_or(0, Answer::weigh);
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::snowflake::Mint;

    fn started(mint: &mut Mint) -> Interaction {
        let id = mint.next(1_700_000_000_000);
        Interaction {
            id,
            token: id.to_string(),
            kind: Kind::Command,
            user: id,
            channel: id,
            created_ms: 1_700_000_000_000,
            label: "form".to_owned(),
            source: None,
            opener: None,
            menu: None,
            answer: None,
            modal_done: false,
            expired: false,
            silence_shown: false,
        }
    }

    #[test]
    fn three_seconds_for_the_answer_and_a_quarter_of_an_hour_for_the_token() {
        let interaction = started(&mut Mint::default());
        let at = |ms: u64| interaction.created_ms + ms;
        assert!(interaction.is_fresh(at(2_999)) && !interaction.is_fresh(at(3_000)));
        assert!(!interaction.went_unanswered(at(2_999)) && interaction.went_unanswered(at(3_000)));
        assert!(interaction.has_token(at(899_999)) && !interaction.has_token(at(900_000)));
    }

    #[test]
    fn modals_share_a_bound_of_bytes() {
        let (mut mint, mut interactions) = (Mint::default(), Interactions::default());
        let mut ids = Vec::new();
        for _ in 0..70 {
            let interaction = started(&mut mint);
            let (id, token) = (interaction.id, interaction.token.clone());
            interactions.insert(interaction);
            let modal = Answer::Modal(json!({"title": "x".repeat(1024 * 1024)}));
            interactions.answered(id, modal);
            ids.push((id, token));
        }
        let (forgotten, kept) = ids.split_at(7);
        let known = |(id, token): &(Snowflake, String)| {
            let by_token = interactions.with_token(token).map(|found| found.id);
            assert_eq!(by_token, interactions.find(*id).map(|found| found.id));
            by_token.is_some()
        };
        assert!(
            kept.iter().all(known),
            "63 of 64 MiB, and each is a little more than one"
        );
        assert!(!forgotten.iter().any(known), "the oldest go");
        assert_eq!(interactions.by_token.len(), kept.len());
        assert!(interactions.bytes <= ANSWERS_BYTES_MAX);
    }
}
