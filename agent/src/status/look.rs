//! Looks at files, locks, units and processes.

use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use shanty_certs::files::read_foreign;
use shanty_core::causes::chain;

use super::{Asked, Host, Part, Seen, Status, Update};
use crate::clock::wall_ms;
use crate::config::{Config, DataDir};
use crate::policy::HostPolicy;

/// The unit in use, and the one of a version that is tried.
const LINK_UNITS: [&str; 2] = ["shanty-agent.service", "shanty-agent-exp.service"];
const EXECUTOR_UNITS: [&str; 2] = ["shanty-executor.service", "shanty-executor-exp.service"];

/// What came of the last update, in the folder of the executor.
const UPDATE: &str = "update.json";

/// The largest that is read of it, bytes.
const UPDATE_BYTES_MAX: u64 = 64 * 1024;

/// Where to look.
pub(crate) struct Options {
    pub(crate) data_dir: DataDir,
    /// What the executor keeps, where it is a process of its own.
    pub(crate) executor_dir: Option<PathBuf>,
    pub(crate) policy: PathBuf,
}

impl Options {
    fn work_dir(&self) -> &Path {
        let own = self.executor_dir.as_deref();
        own.unwrap_or_else(|| self.data_dir.path())
    }
}

/// Looks at everything. Blocks.
pub(crate) fn look(options: &Options) -> Status {
    let (host, certificate_ms) = enrolled(&options.data_dir);
    Status {
        now_ms: wall_ms(),
        version: crate::version::here(),
        host,
        parts: parts(options),
        certificate_ms,
        runs: under_way(options.work_dir()),
        policy: policy(&options.policy),
        update: update(&options.work_dir().join(UPDATE)),
    }
}

/// Why a file cannot be looked at, or that it can.
fn opened<T>(path: &Path) -> Option<Seen<T>> {
    match fs::File::open(path) {
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::NotFound => Some(Seen::None),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Some(Seen::Hidden),
        Err(error) => Some(Seen::Broken(format!("{}: {error}", path.display()))),
    }
}

fn enrolled(data_dir: &DataDir) -> (Seen<Host>, Seen<u64>) {
    let identity = data_dir.path().join("identity.pem");
    let not_joined = matches!(opened::<()>(&identity), Some(Seen::None));
    if not_joined {
        return (Seen::None, Seen::None);
    }
    let host = match opened(&data_dir.config()) {
        Some(Seen::None) => Seen::Broken(format!("{} is not there", data_dir.config().display())),
        Some(unseen) => unseen,
        None => match Config::read(&data_dir.config()) {
            Ok(config) => Seen::Known(of(&config)),
            Err(error) => Seen::Broken(chain(&error)),
        },
    };
    let certificate = opened(&identity).unwrap_or_else(|| match data_dir.load() {
        Ok((identity, _)) => {
            let until = identity.peer().not_after;
            let until = until.duration_since(SystemTime::UNIX_EPOCH);
            Seen::Known(millis(until.unwrap_or_default()))
        }
        Err(error) => Seen::Broken(chain(&error)),
    });
    (host, certificate)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn of(config: &Config) -> Host {
    Host {
        name: config.name.to_string(),
        agent: config.agent.to_string(),
        controller: config.link.to_string(),
        run_as: config.run_as.clone(),
    }
}

/// The processes that there should be. Units are those of a host that was set up for two.
fn parts(options: &Options) -> Vec<Part> {
    let part = |name, folder: &Path, unit: Option<super::Unit>| {
        let active = unit.as_ref().is_some_and(|unit| unit.active);
        let locked = is_locked(folder);
        let runs = match (active, locked) {
            (true, _) | (false, Ok(true)) => Some(true),
            (false, Ok(false)) => Some(false),
            // Nobody but systemd runs one here, as far as it can be seen.
            (false, Err(_)) => unit.is_some().then_some(false),
        };
        Part { name, runs, unit }
    };
    let link = options.data_dir.path();
    let Some(executor) = &options.executor_dir else {
        return vec![part("agent", link, None)];
    };
    let mut units = Asked::systemd(&[LINK_UNITS, EXECUTOR_UNITS].concat());
    vec![
        part("link", link, units.take(&LINK_UNITS)),
        part("executor", executor, units.take(&EXECUTOR_UNITS)),
    ]
}

/// Whether an agent works in a folder; an error when this user may not look.
fn is_locked(folder: &Path) -> io::Result<bool> {
    match fs::File::open(folder.join("lock")) {
        Ok(_) => Ok(DataDir::new(folder.to_owned()).is_in_use()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The executions that a shim still owns. Their locks are left alone: a shim that begins just now must get its own.
pub(crate) fn under_way(work_dir: &Path) -> Seen<usize> {
    let executions = work_dir.join("executions");
    let held = match fs::read_dir(&executions) {
        Ok(held) => held,
        Err(error) if error.kind() == ErrorKind::NotFound => return Seen::Known(0),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Seen::Hidden,
        Err(error) => return Seen::Broken(format!("{}: {error}", executions.display())),
    };
    let owned = owned_by_shims();
    let held = held.flatten().filter(|entry| owned.contains(&entry.path()));
    Seen::Known(held.count())
}

/// The last argument of every process: of a shim it is the folder of its execution.
fn owned_by_shims() -> HashSet<PathBuf> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let calls = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    calls
        .filter_map(|call| {
            let call = call.strip_suffix(&[0])?;
            let last = call.rsplit(|byte| *byte == 0).next()?;
            last.starts_with(b"/")
                .then(|| std::ffi::OsStr::from_bytes(last).into())
        })
        .collect()
}

fn policy(file: &Path) -> Seen<String> {
    opened(file).unwrap_or_else(|| match HostPolicy::read(file, false) {
        Ok(policy) => Seen::Known(policy.told().mode),
        Err(error) => Seen::Broken(chain(&error)),
    })
}

fn update(file: &Path) -> Seen<Update> {
    opened(file).unwrap_or_else(|| {
        let broken = |why: String| Seen::Broken(format!("{}: {why}", file.display()));
        let read = match read_foreign(file, UPDATE_BYTES_MAX) {
            Ok(read) => read,
            Err(error) => return Seen::Broken(chain(&error)),
        };
        serde_json::from_slice(&read).map_or_else(|error| broken(error.to_string()), Seen::Known)
    })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use super::super::Outcome;
    use super::*;

    #[test]
    fn an_execution_is_under_way_while_a_process_owns_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(under_way(dir.path()), Seen::Known(0), "nothing ever ran");
        for name in ["one", "two"] {
            fs::create_dir_all(dir.path().join("executions").join(name)).unwrap();
        }
        assert_eq!(under_way(dir.path()), Seen::Known(0), "both are over");
        let folder = dir.path().join("executions/one");
        let mut shim = Command::new("sh");
        // It waits for its standard input, as a shim waits for its command.
        shim.args(["-c", "echo begun; read _; exit 0", "shim"])
            .arg(&folder);
        let mut shim = shim
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut stdout = BufReader::new(shim.stdout.take().unwrap());
        stdout.read_line(&mut said).unwrap();
        assert_eq!(under_way(dir.path()), Seen::Known(1));
        drop(shim.stdin.take());
        shim.wait().unwrap();
        assert_eq!(under_way(dir.path()), Seen::Known(0));
    }

    #[test]
    fn nobody_joined_in_a_folder_that_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            data_dir: DataDir::new(dir.path().join("none")),
            executor_dir: None,
            policy: dir.path().join("host.toml"),
        };
        let status = look(&options);
        assert_eq!(status.host, Seen::None);
        assert_eq!(status.is_up(), Some(false));
        assert_eq!(status.parts[0].runs, Some(false));
        assert!(!options.data_dir.path().exists(), "looking makes nothing");
    }

    #[test]
    fn what_came_of_an_update_is_read_whatever_else_stands_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(UPDATE);
        assert_eq!(update(&file), Seen::None);
        let text = r#"{"version":"0.2.0","from":"0.1.0","at":5,"outcome":"came_back","reason":"it hung","later":1}"#;
        fs::write(&file, text).unwrap();
        let Seen::Known(read) = update(&file) else {
            panic!("{:?}", update(&file))
        };
        assert_eq!(
            (read.version.as_str(), read.outcome),
            ("0.2.0", Outcome::CameBack)
        );
        fs::write(&file, "{").unwrap();
        assert!(matches!(update(&file), Seen::Broken(why) if why.contains("update.json")));
    }
}
