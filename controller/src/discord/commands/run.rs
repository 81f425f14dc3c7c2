//! `/run`, `/script`, `/runs` and `/hold`: what runs, ran, or may run.

use shanty_core::ask::{Ask, Question, RunOption, RunRequest};
use shanty_core::history::{Stand, Wanted};
use shanty_core::hold::{Hold, REASON_CHARS_MAX};
use shanty_core::principal::Principal;
use twilight_model::application::command::{CommandOption, CommandOptionType};

use super::options::{ON, OPTION_CHARS_MAX, choice, person, selector, string, switch};
use super::{Asked, Leads, Word};

/// What runs.
pub(super) const COMMAND: &str = "command";
/// A file that is run.
pub(super) const FILE: &str = "file";
/// What is given to a file that is run.
const ARGS: &str = "args";
const WHO: &str = "who";
const SINCE: &str = "since";
const STATE: &str = "state";
const TEXT: &str = "text";
const DIFF: &str = "diff";
const REASON: &str = "reason";

pub(super) const RUN: Word = Word {
    name: "run",
    description: "Run a command on hosts and follow its output in a thread",
    leads: Leads::Ask {
        options: run_options,
        ask: |options| {
            Some(Ask::Run(RunRequest {
                on: options.take(ON)?,
                command: options.take(COMMAND)?,
                typed: options.typed(),
                like: None,
                input: None,
                upkeep: None,
            }))
        },
    },
};

pub(super) const SCRIPT: Word = Word {
    name: "script",
    description: "Run a file on hosts, or a command of several lines that you write now",
    leads: Leads::Ask {
        options: script_options,
        ask: |options| {
            Some(Ask::Run(RunRequest {
                on: options.take(ON)?,
                command: options.take_or_empty(ARGS)?,
                typed: options.typed(),
                like: None,
                input: None,
                upkeep: None,
            }))
        },
    },
};

pub(super) const RUNS: Word = Word {
    name: "runs",
    description: "Look back at what was run, newest first",
    leads: Leads::Edge {
        options: runs_options,
        asked: |options| {
            if let Some(two) = options.take(DIFF) {
                return Some(Asked::Between(two));
            }
            let who = options.person(WHO).map(Principal::Discord);
            Some(Asked::History(Wanted {
                who: who.into_iter().collect(),
                on: options.take(ON),
                since: options.take(SINCE),
                state: options.take(STATE),
                text: options.take(TEXT),
            }))
        },
    },
};

fn runs_options() -> Vec<CommandOption> {
    let on = CommandOption {
        required: None,
        ..selector(ON, "Runs on any of these hosts, such as web-01 or role=web")
    };
    let since = CommandOption {
        max_length: Some(20),
        ..string(SINCE, "Since then: 2h, 7d, or a day such as 2026-11-30")
    };
    let state = CommandOption {
        choices: Some(Stand::ALL.map(|stand| choice(stand.as_str())).into()),
        ..string(STATE, "Runs that stand so")
    };
    vec![
        person(WHO, "Runs of this person"),
        on,
        since,
        state,
        string(TEXT, "Words in the command or in what was printed"),
        string(DIFF, "What changed between two runs, such as 141 142"),
    ]
}

pub(super) const HOLD: Word = Word {
    name: "hold",
    description: "Refuse every new run, or allow them again",
    leads: Leads::Words(&[
        Word {
            name: "on",
            description: "Refuse every new run; what is running goes on",
            leads: Leads::Ask {
                options: || {
                    vec![CommandOption {
                        required: Some(true),
                        max_length: u16::try_from(REASON_CHARS_MAX).ok(),
                        ..string(REASON, "Why, for whoever is refused, such as db move")
                    }]
                },
                ask: |options| Some(Ask::Hold(Hold::on(options.take(REASON)?))),
            },
        },
        Word {
            name: "off",
            description: "Allow new runs again",
            leads: Leads::Ask {
                options: Vec::new,
                ask: |_| Some(Ask::Hold(Hold::Off)),
            },
        },
        Word {
            name: "show",
            description: "Show whether new runs are refused, by whom and why",
            leads: Leads::Ask {
                options: Vec::new,
                ask: |_| Some(Ask::Look(Question::Hold)),
            },
        },
    ]),
};

fn run_options() -> Vec<CommandOption> {
    let text = CommandOption {
        autocomplete: Some(true),
        required: Some(true),
        max_length: Some(OPTION_CHARS_MAX),
        ..string(COMMAND, "What to run there, given to /bin/sh")
    };
    with_options(vec![hosts(), text])
}

fn script_options() -> Vec<CommandOption> {
    let file = CommandOption {
        kind: CommandOptionType::Attachment,
        ..string(
            FILE,
            "What to run; without it a form with several lines opens",
        )
    };
    let args = CommandOption {
        max_length: Some(OPTION_CHARS_MAX),
        ..string(ARGS, "What is given to the file, such as --fast 'a b'")
    };
    with_options(vec![hosts(), file, args])
}

/// The hosts that something runs on.
fn hosts() -> CommandOption {
    selector(
        ON,
        "Hosts: names, globs, ranges and labels, such as web[01-03] or role=web",
    )
}

fn with_options(mut all: Vec<CommandOption>) -> Vec<CommandOption> {
    all.extend(RunOption::ALL.into_iter().filter_map(run_option));
    all
}

/// How Discord is told of an option of a run; nothing for one that is not typed there.
pub(super) fn run_option(option: RunOption) -> Option<CommandOption> {
    let one_of = |choices: &[&str]| Some(choices.iter().copied().map(choice).collect());
    let name = option.name();
    Some(match option {
        RunOption::Timeout => CommandOption {
            max_length: Some(20),
            ..string(name, "Stop it after this long, such as 30s, 5m or 2h")
        },
        RunOption::As => CommandOption {
            max_length: Some(64),
            ..string(name, "The user on the hosts to run it as")
        },
        RunOption::Offline => CommandOption {
            choices: one_of(&["fail", "skip", "queue:1h", "queue:24h", "queue:7d"]),
            ..string(
                name,
                "What becomes of hosts that are offline; asked when some are",
            )
        },
        RunOption::Streams => CommandOption {
            choices: one_of(&["one", "apart"]),
            ..string(
                name,
                "one: output and errors in the order written (default); apart: told apart",
            )
        },
        RunOption::Batch => CommandOption {
            max_length: Some(100),
            ..string(
                name,
                "Start in waves, such as 1,10%,100%; without max_fail the first failure stops it",
            )
        },
        RunOption::Parallel => CommandOption {
            max_length: Some(10),
            ..string(name, "So many hosts at once, such as 20")
        },
        RunOption::MaxFail => CommandOption {
            max_length: Some(10),
            ..string(
                name,
                "Failures that are borne, such as 3 or 2%; one more, and no further host starts",
            )
        },
        RunOption::Pause => CommandOption {
            choices: one_of(&["first", "every"]),
            ..string(
                name,
                "Wait for Continue after the first wave, or after every one",
            )
        },
        RunOption::Color => switch(name, "Show its colours, and tell the command to use them"),
        RunOption::Tty => switch(
            name,
            "Give it a terminal: 120 columns, 50 rows, output and errors in one",
        ),
        RunOption::Leave => switch(
            name,
            "Let live what the command leaves running, such as a daemon, and name it",
        ),
        // Who is refused because of characters is offered to run it as it is.
        RunOption::Exact => return None,
        // Whoever is shown a run presses a button.
        RunOption::Seen => return None,
    })
}
