//! Whole-system tests: sandbox, controller and agents as real processes, and people who type.

#![expect(
    clippy::unwrap_used,
    reason = "an unwrap in a test is an assertion, also outside of its function"
)]

mod actions;
mod audit;
mod authority;
mod browser;
mod browser_controls;
mod browser_keyboard;
mod browser_look;
mod browser_reading;
mod browser_safety;
mod browser_signs;
mod chat_add;
mod chat_audit;
mod chat_away;
mod chat_buttons;
mod chat_cancel;
mod chat_colours;
mod chat_commands;
mod chat_discord;
mod chat_files;
mod chat_groups;
mod chat_help;
mod chat_history;
mod chat_hostile;
mod chat_hosts;
mod chat_inventory;
mod chat_lists;
mod chat_long;
mod chat_masks;
mod chat_news;
mod chat_open;
mod chat_output;
mod chat_preview;
mod chat_refusals;
mod chat_restart;
mod chat_rollout;
mod chat_run;
mod chat_script;
mod chat_storm;
mod chat_targets;
mod chat_threads;
mod chat_update;
mod check;
mod cli;
mod cli_asked;
mod cli_end;
mod cli_history;
mod cli_input;
mod cli_inventory;
mod cli_refused;
mod cli_rollout;
mod cli_targets;
mod cli_terminal;
mod commands;
mod commands_end;
mod config;
mod demo;
mod demo_tour;
mod disaster;
mod faults;
mod first_run;
mod full_disk;
mod guard;
mod hostile_join;
mod hostile_link;
mod hostile_local;
mod hostile_rights;
mod hostile_words;
mod identities;
mod identities_killed;
mod init;
mod install;
mod install_faults;
mod join;
mod past;
mod release;
mod reload;
mod split;
mod systemd_controller;
mod systemd_install;
mod systemd_machine;
mod systemd_units;
mod systemd_update;
mod tidy;
mod update;
mod upgrade;

use shanty_tests::Programs;

/// The programs, built together with these tests.
fn programs() -> Programs {
    Programs {
        shanty: env!("CARGO_BIN_EXE_shanty-under-test").into(),
        agent: env!("CARGO_BIN_EXE_shanty-agent-under-test").into(),
        sandbox: env!("CARGO_BIN_EXE_shanty-sandbox-under-test").into(),
    }
}
