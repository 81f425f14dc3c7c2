//! A program under test as any version of itself, good or bad: a file `under-test` beside it, or else the variable `SHANTY_UNDER_TEST`, says
//! which, such as `0.2.0`, `0.2.0 crash`, `0.2.0 hang` or `0.2.0 deaf`.
//!
//! What is bad shows only in what serves; `--version` and everything else are as they should be.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// What a program does that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It ends at once.
    Crash,
    /// It does nothing.
    Hang,
    /// It connects to nobody.
    Deaf,
}

/// Set for a program that was made deaf already.
const DEAF: &str = "SHANTY_UNDER_TEST_DEAF";

/// Runs a program as what is said of it, or as it is when nothing is.
///
/// # Panics
/// When what is said makes no sense.
pub fn main(
    serves: &[&str],
    plain: impl FnOnce(Vec<OsString>) -> ExitCode,
    as_version: impl FnOnce(&str, Vec<OsString>) -> ExitCode,
) -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let Some(said) = said() else {
        return plain(args);
    };
    let mut words = said.split_whitespace();
    let version = words.next().expect("a version is named");
    let fault = words.next().map(|word| match word {
        "crash" => Fault::Crash,
        "hang" => Fault::Hang,
        "deaf" => Fault::Deaf,
        other => panic!("`{other}` is no fault"),
    });
    let serving = args
        .get(1)
        .is_some_and(|arg| serves.iter().any(|one| arg == one));
    match fault.filter(|_| serving) {
        None => as_version(version, args),
        Some(Fault::Crash) => ExitCode::FAILURE,
        Some(Fault::Hang) => loop {
            std::thread::park();
        },
        Some(Fault::Deaf) if std::env::var_os(DEAF).is_some() => as_version(version, args),
        Some(Fault::Deaf) => {
            // Nobody listens there; what an environment says is decided before a program begins.
            let mut same = Command::new("/proc/self/exe");
            same.args(args.get(1..).unwrap_or_default())
                .env_remove("NO_PROXY")
                .env_remove("no_proxy")
                .env("HTTPS_PROXY", "http://127.0.0.1:1")
                .env(DEAF, "1");
            panic!("it cannot be run again: {}", same.exec());
        }
    }
}

fn said() -> Option<String> {
    let beside = std::env::current_exe().ok()?;
    let beside = std::fs::read_to_string(beside.with_file_name("under-test"));
    let said = beside
        .ok()
        .or_else(|| std::env::var("SHANTY_UNDER_TEST").ok());
    said.filter(|said| !said.trim().is_empty())
}
