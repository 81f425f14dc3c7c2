//! `shanty serve`: reads the configuration and runs a controller until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use nix::sys::stat::{Mode, umask};

use super::configured::{CONFIG_DEFAULT, load, printed};
use super::{exit, out};
use crate::app::{self, AppError};
use crate::service_manager;

#[derive(Args, Debug)]
pub(super) struct ServeArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = CONFIG_DEFAULT)]
    config: PathBuf,
    /// Stop when standard input ends: for a program that started this one
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
}

pub(super) fn serve(args: &ServeArgs) -> ExitCode {
    crate::log::init();
    // Our own files are ours alone, also where the directory around them would let others in.
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    let config = match load(&args.config) {
        Ok(config) => config,
        Err(wrong) => {
            out::note(printed(&wrong));
            return ExitCode::from(exit::CONFIG);
        }
    };
    let ready = |ready: &app::Ready| {
        service_manager::ready(ready.agents, ready.discord);
        match out::line(ready.to_json()) {
            Ok(()) => {}
            // Nobody waits for it.
            Err(failure) if failure.code == out::CLOSED => {}
            Err(failure) => out::note(format_args!("shanty: {}", failure.text)),
        }
    };
    match app::main(config, args.exit_with_stdin, ready) {
        Ok(()) => ExitCode::from(exit::OK),
        Err(error) => {
            let code = match &error {
                AppError::Config(_) => exit::CONFIG,
                AppError::Listen(_) => exit::CREATE,
                AppError::Full(_) => exit::IO,
                AppError::Data(_) => exit::DATA,
                AppError::Failed(_) => exit::FAILED,
            };
            out::note(format_args!("shanty: {error:#}"));
            ExitCode::from(code)
        }
    }
}
