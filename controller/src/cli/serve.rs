//! `shanty serve`: reads the configuration and runs a controller until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{exit, out};
use crate::app::{self, AppError};
use crate::config::Config;

#[derive(Args, Debug)]
pub(super) struct ServeArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/shanty/shanty.toml")]
    config: PathBuf,
    /// Stop when standard input ends: for a program that started this one
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
}

pub(super) fn serve(args: &ServeArgs) -> ExitCode {
    crate::log::init();
    let file = args.config.display().to_string();
    let text = match std::fs::read_to_string(&args.config) {
        Ok(text) => text,
        Err(error) => {
            out::note(format_args!(
                "shanty: the configuration {file} cannot be read: {error}"
            ));
            return ExitCode::from(exit::CONFIG);
        }
    };
    let config = match Config::parse(&file, &text) {
        Ok(config) => config,
        Err(errors) => {
            out::note(errors);
            return ExitCode::from(exit::CONFIG);
        }
    };
    let ready = |ready: &app::Ready| {
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
                AppError::Data(_) => exit::DATA,
                AppError::Failed(_) => exit::FAILED,
            };
            out::note(format_args!("shanty: {error:#}"));
            ExitCode::from(code)
        }
    }
}
