//! A program under test as any version of itself, good or bad: a file `under-test` beside it, or else the variable `SHANTY_UNDER_TEST`, says
//! which, such as `0.2.0`, `0.2.0 crash`, `0.2.0 hang` or `0.2.0 deaf`.
//!
//! What is bad shows only in what serves; `--version` and everything else are as they should be.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

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
        Some(Fault::Deaf) => as_version(version, deaf(args)),
    }
}

/// The same arguments, with a configuration whose controller is nowhere: for a link its own file, for an agent in one process its folder.
fn deaf(mut args: Vec<OsString>) -> Vec<OsString> {
    let name = format!("shanty-deaf-{}", std::process::id());
    let value = |args: &[OsString], option| {
        let at = args.iter().position(|arg| arg == option)? + 1;
        Some((at, PathBuf::from(args.get(at)?)))
    };
    if let Some((at, config)) = value(&args, "--config") {
        let copy = std::env::temp_dir().join(name).with_extension("toml");
        nowhere(&config, &copy);
        args[at] = copy.into();
    } else if let Some((at, folder)) = value(&args, "--data-dir") {
        let copy = folder.with_file_name(name);
        let mut private = DirBuilder::new();
        private
            .mode(0o700)
            .create(&copy)
            .expect("a folder can be made");
        nowhere(&folder.join("agent.toml"), &copy.join("agent.toml"));
        for kept in ["identity.pem", "orders.pub"] {
            let text = std::fs::read(folder.join(kept)).expect("it is there");
            put(&copy.join(kept), &text);
        }
        args[at] = copy.into();
    }
    args
}

fn nowhere(config: &Path, copy: &Path) {
    let text = std::fs::read_to_string(config).expect("it is there");
    let lines = text.lines().map(|line| match line.starts_with("link = ") {
        true => "link = \"127.0.0.1:1\"\n".to_owned(),
        false => format!("{line}\n"),
    });
    put(copy, lines.collect::<String>().as_bytes());
}

fn put(path: &Path, text: &[u8]) {
    let mut file = std::fs::File::options();
    let file = file.write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text))
        .expect("a file can be written");
}

fn said() -> Option<String> {
    let beside = std::env::current_exe().ok()?;
    let beside = std::fs::read_to_string(beside.with_file_name("under-test"));
    let said = beside
        .ok()
        .or_else(|| std::env::var("SHANTY_UNDER_TEST").ok());
    said.filter(|said| !said.trim().is_empty())
}
