//! The command line of `shanty`: what it takes, and where each subcommand goes.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command line is what prints"
)]

mod client;
mod complete;
mod groups;
mod hold;
mod hosts;
mod input;
mod run;
mod runs;
mod serve;
mod steer;
mod token;
mod words;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use client::Failure;

/// ChatOps for servers: one voice calls, the crew pulls as one.
#[derive(Parser, Debug)]
#[command(name = "shanty", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Start a controller
    Serve(serve::ServeArgs),
    /// Show hosts, or change what is known of them
    #[command(args_conflicts_with_subcommands = true)]
    Hosts(hosts::HostsArgs),
    /// Run a command on hosts and stream its output
    Run(run::RunArgs),
    /// Show runs and their output, or stop them
    Runs(runs::RunsArgs),
    /// Show saved groups, or change them
    #[command(args_conflicts_with_subcommands = true)]
    Groups(groups::GroupsArgs),
    /// Make, list and revoke the tokens with which hosts join
    Token(token::TokenArgs),
    /// Refuse every new run, allow them again, or show how it is
    Hold(hold::HoldArgs),
    /// Start a sandbox, a controller and agents on this machine, to try it all
    #[cfg(feature = "demo")]
    #[command(args_conflicts_with_subcommands = true)]
    Demo(crate::demo::DemoArgs),
}

/// Where the admin socket is unless somebody says otherwise.
const ADMIN_DEFAULT: &str = "/run/shanty/admin.sock";

/// How to reach the controller, and how to print.
#[derive(Args, Debug, Clone)]
struct AdminArgs {
    /// The controller's admin socket
    #[arg(
        long,
        value_name = "PATH",
        env = "SHANTY_ADMIN",
        hide_env_values = true,
        default_value = ADMIN_DEFAULT
    )]
    admin: PathBuf,
    /// Print JSON lines, errors too
    #[arg(long)]
    json: bool,
}

/// Parses the arguments (the first is the program's name), does it, and gives the exit code.
pub fn main_from(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    #[cfg(feature = "demo")]
    if let Some(code) = crate::demo::multi_call(&args) {
        return code;
    }
    // A shell that asks for completions gets them and nothing else happens.
    match complete::answer::<Cli>(&args) {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(error) => {
            error.print().ok(); // nobody reads it: nothing to tell
            return ExitCode::from(exit::USAGE);
        }
    }
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => {
            let usage = error.use_stderr();
            error.print().ok(); // nobody reads it: nothing to tell
            return ExitCode::from(if usage { exit::USAGE } else { exit::OK });
        }
    };
    match cli.command {
        Command::Serve(args) => serve::serve(&args),
        Command::Hosts(args) => report(args.admin().json, client::block_on(hosts::hosts(args))),
        Command::Run(args) => report(args.admin.json, client::block_on(run::run(args))),
        Command::Runs(args) => report(args.admin().json, client::block_on(runs::runs(args))),
        Command::Groups(args) => report(args.admin().json, client::block_on(groups::groups(args))),
        Command::Token(args) => report(args.admin().json, client::block_on(token::token(args))),
        Command::Hold(args) => report(args.admin.json, client::block_on(hold::hold(args))),
        #[cfg(feature = "demo")]
        Command::Demo(args) => crate::demo::main(&args),
    }
}

/// Prints a failure the way that was asked for, and gives the exit code.
fn report(json: bool, result: Result<u8, Failure>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            if json {
                let event = serde_json::json!({
                    "event": "error", "code": failure.code, "text": failure.text, "next": failure.next,
                });
                println!("{event}");
            } else {
                eprintln!("shanty: {}", failure.text);
                if !failure.next.is_empty() {
                    eprintln!("{}", failure.next);
                }
            }
            ExitCode::from(failure.exit)
        }
    }
}

/// Exit codes, as sysexits(3) has them.
mod exit {
    /// All went well.
    pub(super) const OK: u8 = 0;
    /// A command failed.
    pub(super) const FAILED: u8 = 1;
    /// The call is wrong.
    pub(super) const USAGE: u8 = 64;
    /// What was named does not exist, or a file is damaged.
    pub(super) const DATA: u8 = 65;
    /// Cannot create what is needed, such as a listener.
    pub(super) const CREATE: u8 = 73;
    /// What was asked for cannot be written: a full disk.
    pub(super) const IO: u8 = 74;
    /// Nobody reads what was asked for any more, as a shell says it of SIGPIPE.
    pub(super) const PIPE: u8 = 141;
    /// Not now: a host did not run, nobody answers.
    pub(super) const TRY_AGAIN: u8 = 75;
    /// Refused by policy.
    pub(super) const REFUSED: u8 = 77;
    /// The configuration is wrong.
    pub(super) const CONFIG: u8 = 78;
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn verify_cli() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_reads_well() {
        let mut all = String::new();
        let mut root = Cli::command();
        root.build();
        show(&mut root, &mut all);
        insta::assert_snapshot!(all);
    }

    fn show(command: &mut clap::Command, all: &mut String) {
        all.push_str(&command.render_long_help().to_string());
        all.push_str("\n----\n");
        for sub in command.get_subcommands_mut() {
            show(sub, all);
        }
    }
}
