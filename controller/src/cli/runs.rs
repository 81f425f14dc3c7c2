//! `shanty runs`: what was run, what it printed, and how to stop it.

use clap::{Args, Subcommand};
use shanty_core::output::sanitise::push_visible;
use shanty_proto::v1;

use super::client::{Client, Failure};
use super::run::follow;
use super::{AdminArgs, input, steer};

mod cancel;
mod list;
mod output;
mod show;

#[derive(Args, Debug)]
pub(super) struct RunsArgs {
    #[command(subcommand)]
    command: RunsCommand,
}

#[derive(Subcommand, Debug)]
enum RunsCommand {
    /// Show the last runs, newest first
    List {
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Show one run and how it stands on each host
    Show {
        /// Its number, such as 142
        number: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Print the output of a run
    Output {
        /// Its number
        number: String,
        /// Of this host only
        #[arg(long)]
        host: Option<String>,
        /// The bytes as the command wrote them, standard output and error in their order
        #[arg(long)]
        raw: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Print what a run was given: its script, or its standard input
    Input {
        /// Its number
        number: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Print the output of a run as it comes, until it is over
    Follow {
        /// Its number
        number: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Let a run in waves start on no further host
    Pause {
        /// Its number
        number: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Let a run that is paused go on
    Continue {
        /// Its number
        number: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Stop a run: TERM, and KILL after a grace time
    Cancel {
        /// Its number
        #[arg(required_unless_present = "all")]
        number: Option<String>,
        /// Stop every run
        #[arg(long, conflicts_with = "number")]
        all: bool,
        /// KILL at once
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

impl RunsArgs {
    pub(super) const fn admin(&self) -> &AdminArgs {
        match &self.command {
            RunsCommand::List { admin, .. }
            | RunsCommand::Show { admin, .. }
            | RunsCommand::Output { admin, .. }
            | RunsCommand::Input { admin, .. }
            | RunsCommand::Follow { admin, .. }
            | RunsCommand::Pause { admin, .. }
            | RunsCommand::Continue { admin, .. }
            | RunsCommand::Cancel { admin, .. } => admin,
        }
    }
}

pub(super) async fn runs(args: RunsArgs) -> Result<u8, Failure> {
    let client = Client::connect(args.admin()).await?;
    match args.command {
        RunsCommand::List { limit, admin } => list::list(&client, limit, &admin).await,
        RunsCommand::Show { number, admin } => show::show(&client, parse(&number)?, &admin).await,
        RunsCommand::Input { number, .. } => input::content(&client, parse(&number)?).await,
        RunsCommand::Output {
            number,
            host,
            raw,
            admin,
        } => {
            let request = v1::OutputRequest {
                number: parse(&number)?,
                host: host.unwrap_or_default(),
            };
            output::output(&client, request, raw, &admin).await
        }
        RunsCommand::Follow { number, admin } => follow(&client, parse(&number)?, admin.json).await,
        RunsCommand::Pause { number, admin } => {
            steer::steer(&client, parse(&number)?, true, &admin).await
        }
        RunsCommand::Continue { number, admin } => {
            steer::steer(&client, parse(&number)?, false, &admin).await
        }
        RunsCommand::Cancel {
            number,
            all,
            force,
            admin,
        } => {
            let number = number.as_deref().map(parse).transpose()?.unwrap_or(0);
            cancel::cancel(&client, v1::CancelRunRequest { number, all, force }, &admin).await
        }
    }
}

fn parse(number: &str) -> Result<u64, Failure> {
    let parsed: Result<shanty_core::ids::RunNumber, _> = number.parse();
    parsed
        .map(|number| number.0)
        .map_err(|error| Failure::usage(error.to_string()))
}

/// A command on one line of a terminal, with what cannot be seen made visible.
fn one_line(command: &str) -> String {
    let mut line = String::new();
    for c in command.chars() {
        match c {
            '\n' => line.push('⏎'),
            c => push_visible(c, &mut line),
        }
    }
    line
}
