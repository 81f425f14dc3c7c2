//! The program `shanty-agent`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shanty_agent::main_from(std::env::args_os())
}
