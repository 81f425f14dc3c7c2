//! `/help` and `/whoami`: how this works, and what somebody may do.

use shanty_core::ask::{Ask, Question, Topic};
use twilight_model::application::command::CommandOption;

use super::options::{choice, string, switch};
use super::{Leads, Word};

const TOPIC: &str = "topic";
const POST: &str = "post";

pub(super) const HELP: Word = Word {
    name: "help",
    description: "What can be done here, with examples; only you see it",
    leads: Leads::Ask {
        options: || {
            let topic = CommandOption {
                choices: Some(Topic::ALL.map(|topic| choice(topic.as_str())).into()),
                ..string(TOPIC, "What to read about")
            };
            let post = switch(
                POST,
                "Say to everybody in this channel what this is, to be pinned; needs a grant to manage",
            );
            vec![topic, post]
        },
        ask: |options| {
            if options.is_set(POST) {
                return Some(Ask::Look(Question::Welcome));
            }
            let topic = match options.take(TOPIC) {
                Some(topic) => topic.parse().ok()?,
                None => Topic::default(),
            };
            Some(Ask::Look(Question::Help(topic)))
        },
    },
};

pub(super) const WHOAMI: Word = Word {
    name: "whoami",
    description: "What you may do in this channel, and why; only you see it",
    leads: Leads::Ask {
        options: Vec::new,
        ask: |_| Some(Ask::Look(Question::Whoami)),
    },
};
