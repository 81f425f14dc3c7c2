//! The program `shanty-sandbox`; everything is in the library.

fn main() -> std::process::ExitCode {
    shanty_sandbox::main_from(std::env::args_os())
}
