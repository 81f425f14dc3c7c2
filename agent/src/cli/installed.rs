//! What is asked of an installed agent without the controller: how it is, and to be gone.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{DataDirArg, finish, out};
use crate::config::{DataDir, split};
use crate::failure::{Failure, exit};
use crate::uninstall::{self, Extent, Places};
use crate::{policy, status};

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    data_dir: DataDirArg,
    /// Configuration of link and executor [default: /etc/shanty/agent.toml, where the data directory has none].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What the executor keeps, where it is a process of its own.
    #[arg(long, value_name = "DIR", default_value = split::EXECUTOR_DIR)]
    executor_dir: PathBuf,
    /// Print one JSON line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct UninstallArgs {
    /// Remove its identity, configuration, what ran, and the user of the link too.
    #[arg(long)]
    purge: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// What it was installed below [default: by where this program lies].
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
}

pub(super) fn status_main(args: StatusArgs) -> ExitCode {
    let json = args.json;
    match told(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(exit::FAILED),
        Err(failure) => finish(Err(failure), json),
    }
}

/// Prints how this host is; true when it is up.
fn told(args: StatusArgs) -> Result<bool, Failure> {
    let data_dir = DataDir::new(args.data_dir.data_dir);
    let (data_dir, split) = split_or_not(data_dir, args.config);
    let options = status::Options {
        data_dir,
        executor_dir: split.then_some(args.executor_dir),
        policy: policy::FILE.into(),
    };
    let status = status::look(&options);
    if args.json {
        out::line(&status.json())?;
    } else {
        out::text(&status.text())?;
    }
    Ok(status.is_up() == Some(true))
}

/// With the configuration that lies apart, where there is one; whether link and executor are two processes.
pub(super) fn split_or_not(data_dir: DataDir, config: Option<PathBuf>) -> (DataDir, bool) {
    let usual = || {
        let file = PathBuf::from(split::CONFIG);
        (!data_dir.config().exists() && file.exists()).then_some(file)
    };
    match config.or_else(usual) {
        Some(file) => (data_dir.with_config(file), true),
        None => (data_dir, false),
    }
}

pub(super) fn uninstall_main(args: UninstallArgs) -> Result<(), Failure> {
    let places = Places::below(&prefix(args.prefix)?);
    let extent = match args.purge {
        true => Extent::Everything,
        false => Extent::Program,
    };
    let Some(found) = uninstall::look(&places)? else {
        return out::text(&format!(
            "There is nothing of Shanty in {}.",
            places.shown()
        ));
    };
    if !args.yes {
        agreed(&found.question(&places, extent))?;
    }
    out::text(&uninstall::remove(&places, &found, extent)?)
}

fn prefix(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return std::path::absolute(named).map_err(|error| Failure::internal(&error));
    }
    let program = std::env::current_exe().map_err(|error| Failure::internal(&error))?;
    uninstall::prefix_of(&program).ok_or_else(|| {
        let text = format!(
            "{} is not where the install script or a package puts it: name what it was installed below with --prefix, such as --prefix /",
            program.display()
        );
        Failure::new("E_PREFIX", exit::USAGE, text)
    })
}

/// Asks whoever sits there.
fn agreed(question: &str) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let text = "nobody can be asked whether it shall go: add --yes";
        return Err(Failure::new("E_ANSWER", exit::USAGE, text));
    }
    out::note(&format!("{question} [y/N]"));
    let mut answer = String::new();
    stdin
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::internal(&error))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::new(
            "E_ANSWER",
            exit::FAILED,
            "nothing was removed",
        )),
    }
}
