//! `/run`, `/runs` and `/hold`: what runs, ran, or may run.

use shanty_core::ask::{Ask, Question, RunRequest};
use shanty_core::run::Colours;
use twilight_model::application::command::CommandOption;

use super::options::{ON, OPTION_CHARS_MAX, choice, selector, state, string, switch};
use super::{Leads, Word};

/// Runs that `/runs` shows.
pub(super) const RUNS_SHOWN: usize = 10;

const COMMAND: &str = "command";
const TIMEOUT: &str = "timeout";
const AS: &str = "as";
const OFFLINE: &str = "offline";
const STREAMS: &str = "streams";
const COLOR: &str = "color";

pub(super) const RUN: Word = Word {
    name: "run",
    description: "Run a command on hosts and follow its output in a thread",
    leads: Leads::Ask {
        options: run_options,
        ask: |options| {
            Some(Ask::Run(RunRequest {
                on: options.take(ON)?,
                command: options.take(COMMAND)?,
                timeout: options.take(TIMEOUT),
                run_as: options.take(AS),
                offline: options.take(OFFLINE),
                streams: options.take(STREAMS),
                // Who is refused because of that is offered to run it as it is.
                exact: false,
                colours: Colours::asked(options.is_set(COLOR)),
            }))
        },
    },
};

pub(super) const RUNS: Word = Word {
    name: "runs",
    description: "List the latest runs",
    leads: Leads::Ask {
        options: Vec::new,
        ask: |_| Some(Ask::Look(Question::Runs { limit: RUNS_SHOWN })),
    },
};

pub(super) const HOLD: Word = Word {
    name: "hold",
    description: "Refuse every new run, or allow them again",
    leads: Leads::Ask {
        options: || vec![state("on refuses every new run; off allows them again")],
        ask: |options| {
            let on = options.state()?;
            Some(Ask::Hold { on })
        },
    },
};

fn run_options() -> Vec<CommandOption> {
    let on = selector(
        ON,
        "Hosts: names, globs, ranges and labels, such as web[01-03] or role=web",
    );
    let text = CommandOption {
        required: Some(true),
        max_length: Some(OPTION_CHARS_MAX),
        ..string(COMMAND, "What to run there, given to /bin/sh")
    };
    let timeout = CommandOption {
        max_length: Some(20),
        ..string(TIMEOUT, "Stop it after this long, such as 30s, 5m or 2h")
    };
    let run_as = CommandOption {
        max_length: Some(64),
        ..string(AS, "The user on the hosts to run it as")
    };
    let offline = CommandOption {
        choices: Some(
            ["fail", "skip", "queue:1h", "queue:24h", "queue:7d"]
                .map(choice)
                .into(),
        ),
        ..string(
            OFFLINE,
            "What becomes of hosts that are offline; asked when some are",
        )
    };
    let streams = CommandOption {
        choices: Some(["one", "apart"].map(choice).into()),
        ..string(
            STREAMS,
            "one: output and errors in the order written (default); apart: told apart",
        )
    };
    let color = switch(COLOR, "Show its colours, and tell the command to use them");
    vec![on, text, timeout, run_as, offline, streams, color]
}
