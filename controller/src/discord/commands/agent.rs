//! `/agent`: what is known of hosts, as Discord is told of it.

use twilight_model::application::command::{Command, CommandOption, CommandOptionType};

use super::{command, names, selector, state, string};

pub(super) fn agent() -> Command {
    let on = || selector(names::ON, "Which hosts, such as web-01 or role=web");
    let set = CommandOption {
        required: Some(true),
        max_length: Some(1_000),
        ..string(
            names::SET,
            "Labels: key=value sets one, key- removes it, such as role=web old-",
        )
    };
    let label = below(names::LABEL, "Change the labels of hosts", vec![on(), set]);
    let drain = below(
        names::DRAIN,
        "Ask hosts to take no new runs, or let them again",
        vec![
            on(),
            state("on sends no new runs there; off lets them again"),
        ],
    );
    let group = CommandOption {
        kind: CommandOptionType::SubCommandGroup,
        options: Some(groups()),
        ..string(names::GROUP, "Selectors saved under a name, used as @name")
    };
    command(
        names::AGENT,
        "Label, drain and group hosts",
        vec![label, drain, group],
    )
}

fn groups() -> Vec<CommandOption> {
    let name = |description| CommandOption {
        required: Some(true),
        max_length: Some(64),
        ..string(names::NAME, description)
    };
    let hosts = selector(
        names::HOSTS,
        "What it stands for, such as role=web env=prod",
    );
    let known = CommandOption {
        autocomplete: Some(true),
        ..name("The name of the group")
    };
    vec![
        below(
            names::SAVE,
            "Save a selector under a name, or change what a name stands for",
            vec![name("Its name, without @"), hosts],
        ),
        below(names::REMOVE, "Remove a saved group", vec![known]),
        below(names::LIST, "List the saved groups", vec![]),
    ]
}

fn below(name: &str, description: &str, options: Vec<CommandOption>) -> CommandOption {
    CommandOption {
        kind: CommandOptionType::SubCommand,
        options: Some(options),
        ..string(name, description)
    }
}
