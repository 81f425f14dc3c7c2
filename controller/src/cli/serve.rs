//! `shanty serve`: reads the configuration and runs a controller until it is told to stop.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use nix::sys::stat::{Mode, umask};
use shanty_certs::files::read_trusted;
use shanty_core::causes::chain;

use super::{exit, out};
use crate::app::{self, AppError};
use crate::config::Config;

/// Far more than a configuration with hundreds of grants has.
const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;

#[derive(Args, Debug)]
pub(super) struct ServeArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/shanty/shanty.toml")]
    config: PathBuf,
    /// Stop when standard input ends: for a program that started this one
    #[arg(long, hide = true)]
    exit_with_stdin: bool,
}

/// Reads the file in which the grants stand: who may change it may do everything.
fn read(path: &Path) -> Result<String, String> {
    let bytes = read_trusted(path, CONFIG_BYTES_MAX).map_err(|error| chain(&error))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    Ok(text.to_owned())
}

pub(super) fn serve(args: &ServeArgs) -> ExitCode {
    crate::log::init();
    let file = args.config.display().to_string();
    // Our own files are ours alone, also where the directory around them would let others in.
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    let text = match read(&args.config) {
        Ok(text) => text,
        Err(why) => {
            out::note(format_args!(
                "shanty: the configuration {file} cannot be used: {why}"
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
                AppError::Full(_) => exit::IO,
                AppError::Data(_) => exit::DATA,
                AppError::Failed(_) => exit::FAILED,
            };
            out::note(format_args!("shanty: {error:#}"));
            ExitCode::from(code)
        }
    }
}
