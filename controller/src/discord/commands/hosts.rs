//! `/hosts`, `/host` and `/group`: what is known of hosts, and what changes it.

use shanty_core::ask::{Ask, InventoryAsk, Question};
use twilight_model::application::command::CommandOption;

use super::options::{HOSTS as OPTION_HOSTS, NAME, ON, Options, selector, string};
use super::{Leads, Word};

const SET: &str = "set";

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
    description: "Drain and label hosts",
    leads: Leads::Words(&[DRAIN, UNDRAIN, LABEL]),
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
