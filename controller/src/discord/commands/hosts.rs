//! `/hosts`, `/host` and `/group`: what is known of hosts, and what changes it.

use shanty_core::ask::{Ask, InventoryAsk, Question, RunOption, RunRequest, UpkeepRequest};
use twilight_model::application::command::CommandOption;

use super::options::{HOSTS as OPTION_HOSTS, NAME, ON, Options, selector, string, switch};
use super::run::run_option;
use super::{AddHost, Asked, Leads, Word};

/// The version of an agent.
pub(super) const VERSION: &str = "version";
const OLDER: &str = "older";
const SET: &str = "set";
const LABELS: &str = "labels";
const USES: &str = "uses";
const TTL: &str = "ttl";
const AS: &str = "as";

pub(super) const HOSTS: Word = Word {
    name: "hosts",
    description: "List hosts with their state, labels and facts",
    leads: Leads::Ask {
        options: || {
            vec![CommandOption {
                required: None,
                ..selector(
                    ON,
                    "Only these hosts, such as web* or env=prod; one alone is shown whole",
                )
            }]
        },
        ask: |options| {
            let on = options.take(ON).unwrap_or_default();
            Some(Ask::Look(Question::Hosts { on }))
        },
    },
};

pub(super) const HOST: Word = Word {
    name: "host",
    description: "Add, drain and label hosts, update their agents, and look how these are",
    leads: Leads::Words(&[ADD, DRAIN, UNDRAIN, LABEL, UPDATE, DOCTOR]),
};

const UPDATE: Word = Word {
    name: "update",
    description: "Replace agents by the version that this controller hands out; shown first",
    leads: Leads::Ask {
        options: || {
            let version = CommandOption {
                autocomplete: Some(true),
                max_length: Some(64),
                ..string(
                    VERSION,
                    "The version; the one that is handed out by default",
                )
            };
            let older = switch(OLDER, "Also where that is older, if its release allows it");
            let of_runs = UPDATE_OPTIONS.into_iter().filter_map(run_option);
            [on(), version, older].into_iter().chain(of_runs).collect()
        },
        ask: |options| {
            let version = options.take_or_empty(VERSION)?;
            let older = options.is_set(OLDER);
            upkeep(options, UpkeepRequest::Update { version, older })
        },
    },
};

/// How an update goes through its hosts, as a run does.
const UPDATE_OPTIONS: [RunOption; 6] = [
    RunOption::Batch,
    RunOption::Parallel,
    RunOption::MaxFail,
    RunOption::Pause,
    RunOption::Offline,
    RunOption::Timeout,
];

const DOCTOR: Word = Word {
    name: "doctor",
    description: "Let agents look what is wrong with them and their hosts; changes nothing",
    leads: Leads::Ask {
        options: || {
            let of_runs = [RunOption::Offline, RunOption::Timeout];
            let of_runs = of_runs.into_iter().filter_map(run_option);
            std::iter::once(on()).chain(of_runs).collect()
        },
        ask: |options| upkeep(options, UpkeepRequest::Doctor),
    },
};

fn upkeep(options: &mut Options, asked: UpkeepRequest) -> Option<Ask> {
    Some(Ask::Run(RunRequest {
        on: options.take(ON)?,
        typed: options.typed(),
        upkeep: Some(asked),
        ..RunRequest::default()
    }))
}

const ADD: Word = Word {
    name: "add",
    description: "Show a line to paste on a server, with which it joins; only you see it",
    leads: Leads::Edge {
        options: || {
            let option = |name, description, max| CommandOption {
                max_length: Some(max),
                ..string(name, description)
            };
            vec![
                option(
                    LABELS,
                    "Labels that it gets, such as role=web,env=prod",
                    1_000,
                ),
                option(
                    NAME,
                    "Names that it may take, such as web-[01-20] or web-*; any by default",
                    1_000,
                ),
                option(
                    USES,
                    "How many hosts the line is good for; one by default",
                    5,
                ),
                option(
                    TTL,
                    "How long it is good for, such as 2h; 30m by default",
                    16,
                ),
                option(
                    AS,
                    "Users that commands may run as there, the default first, such as deploy; nobody by default",
                    600,
                ),
            ]
        },
        asked: |options| {
            Some(Asked::AddHost(AddHost {
                labels: options.take_or_empty(LABELS)?,
                names: options.take_or_empty(NAME)?,
                uses: options.take_or_empty(USES)?,
                ttl: options.take_or_empty(TTL)?,
                run_as: options.take_or_empty(AS)?,
            }))
        },
    },
};

const LABEL: Word = Word {
    name: "label",
    description: "Change the labels of hosts",
    leads: Leads::Ask {
        options: || {
            let set = CommandOption {
                required: Some(true),
                max_length: Some(1_000),
                ..string(
                    SET,
                    "Labels: key=value sets one, key- removes it, such as role=web old-",
                )
            };
            vec![on(), set]
        },
        ask: |options| {
            Some(Ask::Inventory(InventoryAsk::Label {
                on: options.take(ON)?,
                changes: options.take(SET)?,
            }))
        },
    },
};

const DRAIN: Word = Word {
    name: "drain",
    description: "Send hosts no new runs; what runs there goes on",
    leads: Leads::Ask {
        options: || vec![on()],
        ask: |options| drain(options, true),
    },
};

const UNDRAIN: Word = Word {
    name: "undrain",
    description: "Send hosts new runs again",
    leads: Leads::Ask {
        options: || vec![on()],
        ask: |options| drain(options, false),
    },
};

fn drain(options: &mut Options, drain: bool) -> Option<Ask> {
    let on = options.take(ON)?;
    Some(Ask::Inventory(InventoryAsk::Drain { on, drain }))
}

pub(super) const GROUP: Word = Word {
    name: "group",
    description: "Hosts under a name of your own, used as @name",
    leads: Leads::Words(&[
        Word {
            name: "save",
            description: "Save a selector under a name, or change what a name stands for",
            leads: Leads::Ask {
                options: || {
                    let hosts = "What it stands for, such as role=web env=prod";
                    vec![name("Its name, without @"), selector(OPTION_HOSTS, hosts)]
                },
                ask: |options| {
                    Some(Ask::Inventory(InventoryAsk::SaveGroup {
                        name: options.take(NAME)?,
                        on: options.take(OPTION_HOSTS)?,
                    }))
                },
            },
        },
        Word {
            name: "remove",
            description: "Remove a saved group",
            leads: Leads::Ask {
                options: || {
                    vec![CommandOption {
                        autocomplete: Some(true),
                        ..name("The name of the group")
                    }]
                },
                ask: |options| {
                    let name = options.take(NAME)?;
                    Some(Ask::Inventory(InventoryAsk::RemoveGroup { name }))
                },
            },
        },
        Word {
            name: "list",
            description: "List the saved groups",
            leads: Leads::Ask {
                options: Vec::new,
                ask: |_| Some(Ask::Look(Question::Groups)),
            },
        },
    ]),
};

fn on() -> CommandOption {
    selector(ON, "Which hosts, such as web-01 or role=web")
}

fn name(description: &str) -> CommandOption {
    CommandOption {
        required: Some(true),
        max_length: Some(64),
        ..string(NAME, description)
    }
}
