//! `shanty-agent` as the tests run it: always built together with them.

fn main() -> std::process::ExitCode {
    shanty_agent::main_from(std::env::args_os())
}
