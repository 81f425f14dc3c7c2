//! The command line of `shanty`: what it takes, and where each subcommand goes.

mod actions;
mod audit;
mod backup;
mod ca;
mod check;
mod client;
mod complete;
mod configured;
mod ends;
mod fold;
mod follow;
mod groups;
mod hold;
mod hosts;
mod init;
mod input;
mod out;
mod plan;
mod printer;
mod progress;
mod reload;
mod run;
mod runs;
mod serve;
mod steer;
mod token;
mod words;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use client::Failure;

/// ChatOps for servers: one voice calls, the crew pulls as one.
#[derive(Parser, Debug)]
#[command(name = "shanty", version = crate::version::current(), after_long_help = HELP)]
struct Cli {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Write a configuration, and say what is to be done in Discord
    #[command(after_long_help = init::HELP)]
    Init(Box<init::InitArgs>),
    /// Start a controller
    Serve(serve::ServeArgs),
    /// Say what is wrong with the configuration, this machine and Discord, and how to mend it
    #[command(after_long_help = check::HELP)]
    Check(check::CheckArgs),
    /// Have the controller take its changed configuration
    #[command(after_long_help = reload::HELP)]
    Reload(reload::ReloadArgs),
    /// Show hosts, or change what is known of them
    #[command(
        override_usage = "shanty hosts [OPTIONS] [SELECTOR]\n       shanty hosts [OPTIONS] <COMMAND>"
    )]
    Hosts(hosts::HostsArgs),
    /// Run a command on hosts and show its output
    #[command(
        override_usage = "shanty run [OPTIONS] <SELECTOR> -- <COMMAND>...",
        after_long_help = run::HELP
    )]
    Run(Box<run::RunArgs>),
    /// Show runs and their output, or stop them
    Runs(runs::RunsArgs),
    /// Show saved groups, or change them
    #[command(override_usage = "shanty groups [OPTIONS]\n       shanty groups [OPTIONS] <COMMAND>")]
    Groups(groups::GroupsArgs),
    /// Check and show a catalogue of actions, without a controller
    #[command(after_long_help = actions::HELP)]
    Actions(actions::ActionsArgs),
    /// Make, list and revoke the tokens with which hosts join
    Token(token::TokenArgs),
    /// Refuse every new run, allow them again, or show how it is
    Hold(hold::HoldArgs),
    /// Check the journal of what was done, or print all of it
    Audit(audit::AuditArgs),
    /// Show the authority that identities come from, and change its keys
    Ca(ca::CaArgs),
    /// Copy all that cannot be made again, while the controller works
    Backup(backup::BackupArgs),
    /// Put a backup back into an empty data directory
    Restore(backup::RestoreArgs),
    /// Write a manual page for each subcommand into a directory
    #[command(hide = true)]
    Man {
        /// The directory
        dir: PathBuf,
    },
    /// Start a sandbox, a controller and agents on this machine, to try it all
    #[cfg(feature = "demo")]
    #[command(args_conflicts_with_subcommands = true)]
    Demo(crate::demo::DemoArgs),
}

/// What holds for every subcommand.
const HELP: &str = "\
Tables have headers, colours and the terminal's width on a terminal; NO_COLOR, CLICOLOR=0 and TERM=dumb leave the colours out.
Text of hosts is made safe to look at there, and is as it was written in a pipe and with --raw.

Exit codes: 0 well, 1 failed, 64 typed wrongly or not confirmed where nobody sits, 65 no such thing, 69 the controller went away and the
run goes on, 73 and 74 cannot be written, 75 not now, 77 refused, 78 wrong configuration, 141 nobody reads what is printed. Of
`shanty audit`: 2 a record is not what was written, 3 the journal ends too early.
Those of a command are in `shanty run --help`.";

/// Where the admin socket is unless somebody says otherwise.
const ADMIN_DEFAULT: &str = "/run/shanty/admin.sock";

/// How to reach the controller, and how to print.
#[derive(Args, Debug, Clone)]
struct AdminArgs {
    /// The controller's admin socket
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "SHANTY_ADMIN",
        hide_env_values = true,
        default_value = ADMIN_DEFAULT
    )]
    admin: PathBuf,
    /// Print JSON lines, errors too
    #[arg(long, global = true)]
    json: bool,
}

/// Takes an argument that says something. An empty one, such as a variable of a script that is not set, is no word for all.
fn not_empty(text: &str) -> Result<String, String> {
    match text.trim().is_empty() {
        true => Err("it is empty: name what is meant".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// The same as another version than that of the source.
pub fn main_as(version: &str, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    crate::version::is(version);
    main_from(args)
}

/// Parses the arguments (the first is the program's name), does it, and gives the exit code.
pub fn main_from(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    #[cfg(feature = "demo")]
    if let Some(code) = crate::demo::multi_call(&args) {
        return code;
    }
    // A shell that asks for completions gets them and nothing else happens.
    match out::completed(complete::answer::<Cli>(&args)) {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(failure) => return report(false, Err(failure)),
    }
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            out::mistake(&error, Cli::try_parse_from(out::seen(&args)).err());
            return ExitCode::from(exit::USAGE);
        }
        Err(help) => return report(false, out::help(&help).map(|()| exit::OK)),
    };
    match cli.command {
        Command::Serve(args) => serve::serve(&args),
        Command::Init(args) => report(args.admin.json, client::block_on(init::init(*args))),
        Command::Check(args) => report(args.admin.json, client::block_on(check::check(args))),
        Command::Reload(args) => report(args.admin.json, client::block_on(reload::reload(args))),
        Command::Hosts(args) => report(args.admin().json, client::block_on(hosts::hosts(args))),
        Command::Run(args) => report(args.admin.json, client::block_on(run::run(*args))),
        Command::Runs(args) => report(args.admin().json, client::block_on(runs::runs(args))),
        Command::Groups(args) => report(args.admin().json, client::block_on(groups::groups(args))),
        Command::Actions(args) => report(args.json(), actions::actions(args)),
        Command::Token(args) => report(args.admin().json, client::block_on(token::token(args))),
        Command::Hold(args) => report(args.admin.json, client::block_on(hold::hold(args))),
        Command::Audit(args) => report(args.admin().json, client::block_on(audit::audit(args))),
        Command::Ca(args) => report(args.admin().json, client::block_on(ca::ca(args))),
        Command::Backup(args) => report(args.admin.json, client::block_on(backup::backup(args))),
        Command::Restore(args) => report(args.admin.json, backup::restore(&args)),
        Command::Man { dir } => report(false, man(&dir)),
        #[cfg(feature = "demo")]
        Command::Demo(args) => crate::demo::main(&args),
    }
}

fn man(dir: &Path) -> Result<u8, Failure> {
    let pages = clap_mangen::generate_to(Cli::command(), dir);
    pages.map_err(|error| {
        let text = format!(
            "manual pages cannot be written to {}: {error}",
            dir.display()
        );
        Failure::new("E_OUTPUT", exit::CREATE, text, "")
    })?;
    Ok(exit::OK)
}

/// Prints a failure the way that was asked for, and gives the exit code.
fn report(json: bool, result: Result<u8, Failure>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        // Nobody reads it.
        Err(failure) if failure.code == out::CLOSED => ExitCode::from(failure.exit),
        Err(failure) => {
            let event = serde_json::json!({
                "event": "error", "code": failure.code, "text": failure.text, "next": failure.next,
            });
            // Who cannot be told as they wanted is told all the same.
            if !json || out::line(event).is_err_and(|error| error.code != out::CLOSED) {
                out::note(format_args!("shanty: {}", failure.text));
                if !failure.next.is_empty() {
                    out::note(&failure.next);
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
    /// The journal is not what was written.
    pub(super) const BROKEN: u8 = 2;
    /// The journal ends before something that is known to have been written.
    pub(super) const SHORT: u8 = 3;
    /// The call is wrong.
    pub(super) const USAGE: u8 = 64;
    /// What was named does not exist, or a file is damaged.
    pub(super) const DATA: u8 = 65;
    /// Cannot create what is needed, such as a listener.
    pub(super) const CREATE: u8 = 73;
    /// The controller went away while a run was followed; the run goes on.
    pub(super) const GONE: u8 = 69;
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
    /// A command ran out of time, as timeout(1) says it.
    pub(super) const TIMEOUT: u8 = 124;
    /// Somebody stopped it, or Ctrl-C ended the following of it.
    pub(super) const CANCELLED: u8 = 130;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verify_cli() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_empty_argument_is_no_word_for_all() {
        for line in [
            "hosts ",
            "hosts --names ",
            "hosts show ",
            "hosts label  env=prod",
            "hosts drain ",
            "hosts undrain ",
            "hosts release ",
            "hosts remove ",
            "hosts free ",
            "groups save  all",
            "groups save web ",
            "groups remove ",
            "runs output 1 --host ",
            "token create --name ",
            "token revoke ",
        ] {
            for empty in ["", "\t "] {
                let words = line
                    .split(' ')
                    .map(|word| if word.is_empty() { empty } else { word });
                let words: Vec<&str> = std::iter::once("shanty").chain(words).collect();
                let said = Cli::try_parse_from(&words).unwrap_err();
                assert!(said.use_stderr(), "{words:?}");
                assert!(said.to_string().contains("it is empty"), "{said}");
            }
            let words = line
                .split(' ')
                .map(|word| if word.is_empty() { "x" } else { word });
            Cli::try_parse_from(std::iter::once("shanty").chain(words)).unwrap();
        }
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
        // `help` says again what is here.
        let subs = command.get_subcommands_mut();
        for sub in subs.filter(|sub| sub.get_name() != "help") {
            show(sub, all);
        }
    }
}
