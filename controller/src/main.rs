//! The program `shanty`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shanty_controller::main_from(std::env::args_os())
}
