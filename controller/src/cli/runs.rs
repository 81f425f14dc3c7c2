//! `shanty runs`: what was run, what it printed, and how to stop it.

use clap::{Args, Subcommand};
use shanty_core::output::sanitise::push_visible;
use shanty_proto::v1;

use super::client::{Client, Failure};
use super::printer::{LinesArgs, Style};
use super::run::follow;
use super::{AdminArgs, input, not_empty, steer};
use rerun::Way;
use wanted::WantedArgs;

mod cancel;
mod diff;
mod export;
mod list;
mod output;
mod rerun;
mod rows;
mod search;
mod show;
mod wanted;

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
        wanted: WantedArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Find runs by words of their command or of the beginning of what they printed
    Search {
        /// The words, each as the beginning of a word; all must be in one command or one output
        #[arg(required = true)]
        text: Vec<String>,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        #[command(flatten)]
        wanted: WantedArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Show what changed between two runs, by hosts on which the same changed
    Diff {
        /// The first, such as 141
        from: String,
        /// The second
        to: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Print all runs as a table for other programs, newest first
    Export {
        /// As CSV, whose cells no spreadsheet takes for formulas [default]
        #[arg(long, conflicts_with = "ndjson")]
        csv: bool,
        /// As JSON lines
        #[arg(long)]
        ndjson: bool,
        #[command(flatten)]
        wanted: WantedArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Run what was run again, and stream its output
    Rerun {
        /// Its number
        number: String,
        /// On the hosts where it went wrong
        #[arg(long, conflicts_with_all = ["odd", "missed"])]
        failed: bool,
        /// On the hosts that did otherwise than most
        #[arg(long, conflicts_with = "missed")]
        odd: bool,
        /// On the hosts on which it never began
        #[arg(long)]
        missed: bool,
        /// Run it without being asked, also on all hosts, on many, and where some are away
        #[arg(long, short)]
        yes: bool,
        /// Show on which hosts it would run, and run nothing
        #[arg(long, conflicts_with_all = ["yes", "detach"])]
        dry_run: bool,
        /// Start it, print its number, and leave
        #[arg(long)]
        detach: bool,
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
        #[arg(long, value_parser = not_empty)]
        host: Option<String>,
        /// The bytes as the command wrote them and nothing else, also on a terminal and of several hosts
        #[arg(long)]
        raw: bool,
        #[command(flatten)]
        lines: LinesArgs,
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
        /// Print the bytes that the command wrote, on a terminal too
        #[arg(long)]
        raw: bool,
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
            | RunsCommand::Search { admin, .. }
            | RunsCommand::Diff { admin, .. }
            | RunsCommand::Export { admin, .. }
            | RunsCommand::Rerun { admin, .. }
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
        RunsCommand::List {
            limit,
            wanted,
            admin,
        } => {
            let wanted = (!wanted.is_empty()).then(|| wanted.with_text(None));
            list::list(&client, v1::RunsRequest { limit, wanted }, &admin).await
        }
        RunsCommand::Search {
            text,
            limit,
            wanted,
            admin,
        } => {
            let wanted = wanted.with_text(Some(text.join(" ")));
            search::search(&client, wanted, limit, &admin).await
        }
        RunsCommand::Show { number, admin } => show::show(&client, parse(&number)?, &admin).await,
        RunsCommand::Input { number, .. } => input::content(&client, parse(&number)?).await,
        RunsCommand::Diff { from, to, admin } => {
            let (from, to) = (parse(&from)?, parse(&to)?);
            diff::diff(&client, v1::BetweenRequest { from, to }, &admin).await
        }
        RunsCommand::Export {
            csv,
            ndjson,
            wanted,
            admin,
        } => {
            let csv = csv || !(ndjson || admin.json);
            export::export(&client, wanted.with_text(None), csv).await
        }
        RunsCommand::Rerun {
            number,
            failed,
            odd,
            missed,
            yes,
            dry_run,
            detach,
            admin,
        } => {
            let request = v1::RerunRequest {
                number: parse(&number)?,
                part: rerun::part(failed, odd, missed).into(),
                seen: String::new(),
            };
            let way = match (dry_run, yes) {
                (true, _) => Way::Show,
                (false, true) => Way::Run,
                (false, false) => Way::Ask,
            };
            rerun::rerun(&client, request, way, detach, &admin).await
        }
        RunsCommand::Output {
            number,
            host,
            raw,
            lines,
            admin,
        } => {
            let request = v1::OutputRequest {
                number: parse(&number)?,
                host: host.unwrap_or_default(),
            };
            let style = Style {
                json: admin.json,
                raw,
                colours: false,
            };
            output::output(&client, request, style, lines).await
        }
        RunsCommand::Follow { number, raw, admin } => {
            let style = Style {
                json: admin.json,
                raw,
                colours: true,
            };
            follow(&client, parse(&number)?, style).await
        }
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
            let request = v1::CancelRunRequest { number, all, force };
            cancel::cancel(&client, request, &admin).await
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
