//! What can be seen on the host itself: program, files, users, service, disk.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use nix::sys::statvfs::statvfs;
use nix::unistd::{User, geteuid};
use shanty_certs::agent::AgentIdentity;
use shanty_core::causes::chain;
use shanty_core::text::{size, utc};

use super::Point;
use crate::config::{Config, ConfigError, DataDir};
use crate::policy::HostPolicy;
use crate::update::record::{Outcome, Records};

/// Less than this is little for an agent that keeps what commands print until the controller has it.
const DISK_BYTES_LOW: u64 = 1024 * 1024 * 1024;

/// With fewer files left than this, executions soon find no room for theirs.
const DISK_FILES_LOW: u64 = 10_000;

/// A certificate that ends sooner than this is to be looked at.
const LEAF_LOW: Duration = Duration::from_secs(12 * 60 * 60);

pub(super) fn program() -> Point {
    let version = crate::version::here();
    match std::env::current_exe() {
        // As Linux says it of a file that was replaced under a running program.
        Ok(path) if path.to_string_lossy().ends_with(" (deleted)") => Point::warning(
            "program",
            format!("shanty-agent {version}, whose file was replaced"),
        ),
        Ok(path) => Point::fine(
            "program",
            format!("shanty-agent {version}, {}", path.display()),
        ),
        Err(error) => Point::warning("program", format!("shanty-agent {version}: {error}")),
    }
}

/// Identity and configuration, which are read together, and what is to be said of them.
pub(super) fn enrolled(data_dir: &DataDir) -> (Option<(AgentIdentity, Config)>, Vec<Point>) {
    match data_dir.load() {
        Ok((identity, config)) => {
            let points = vec![
                configuration(&config, &data_dir.config()),
                leaf(&identity, &config),
            ];
            (Some((identity, config)), points)
        }
        Err(error @ ConfigError::NotEnrolled(_)) => {
            let point = Point::broken("identity", error.to_string());
            (None, vec![point.mend("install with the line that `/host add` or `shanty token create --install` prints")])
        }
        Err(error) => (None, vec![Point::broken("configuration", chain(&error))]),
    }
}

fn configuration(config: &Config, file: &Path) -> Point {
    match config.command.check() {
        Ok(()) => Point::fine("configuration", format!("{}", file.display())),
        Err(text) => Point::broken("configuration", text),
    }
}

fn leaf(identity: &AgentIdentity, config: &Config) -> Point {
    let not_after = identity.peer().not_after;
    let who = format!("{} ({})", config.name, config.agent);
    let ms = not_after.duration_since(SystemTime::UNIX_EPOCH);
    let until = utc(ms.map_or(0, |ms| u64::try_from(ms.as_millis()).unwrap_or(u64::MAX)));
    match not_after.duration_since(SystemTime::now()) {
        Err(_) => Point::broken(
            "identity",
            format!("{who}, whose certificate was valid until {until} UTC"),
        )
        .mend("see that this host's clock is right; then start the agent, or join again"),
        Ok(left) if left < LEAF_LOW => {
            let hours = left.as_secs() / 3_600;
            Point::warning(
                "identity",
                format!("{who}, certificate until {until} UTC, {hours} hours left"),
            )
            .mend("it is renewed while the agent is linked: see that it runs")
        }
        Ok(left) => {
            let days = left.as_secs() / 86_400;
            Point::fine(
                "identity",
                format!("{who}, certificate until {until} UTC, {days} days left"),
            )
        }
    }
}

/// Who commands run as.
pub(super) fn users(config: &Config) -> Point {
    let us = geteuid();
    let own = User::from_uid(us).ok().flatten();
    let own = own.map_or_else(|| us.to_string(), |user| user.name);
    for name in &config.run_as {
        match User::from_name(name) {
            Ok(Some(_)) => {}
            Ok(None) => {
                return Point::broken("users", format!("there is no user `{name}`, who commands run as"))
                    .mend(format!("make the user, or take it out of `run_as` in agent.toml: useradd --system {name}"));
            }
            Err(error) => {
                return Point::warning("users", format!("`{name}` cannot be looked up: {error}"));
            }
        }
    }
    let names = match config.run_as.as_slice() {
        [] => own.clone(),
        names => names.join(", "),
    };
    let found = format!("commands run as {names}, this program as {own}");
    match config.run_as.iter().any(|name| *name != own) {
        true => Point::fine("users", found),
        false => Point::warning(
            "users",
            format!("{found}: whoever may run a command can read this host's identity"),
        )
        .mend("run the agent as root with `run_as` of another user"),
    }
}

/// Whether an agent works, and what the service manager says.
pub(super) fn service(data_dir: &DataDir) -> Point {
    let runs = data_dir.is_in_use();
    let unit = unit();
    match (runs, unit) {
        (true, Some(unit)) => Point::fine(
            "service",
            format!("an agent runs; shanty-agent.service is {unit}"),
        ),
        (true, None) => Point::fine("service", "an agent runs"),
        (false, Some(unit)) => Point::warning(
            "service",
            format!("no agent runs; shanty-agent.service is {unit}"),
        )
        .mend(
            "systemctl enable --now shanty-agent; journalctl -u shanty-agent says why it stopped",
        ),
        (false, None) => Point::warning("service", "no agent runs").mend("shanty-agent run"),
    }
}

/// Whether the executor works, where it is a process of its own.
pub(super) fn executor(dir: &Path) -> Point {
    let dir = DataDir::new(dir.to_owned());
    match dir.is_in_use() {
        true => Point::fine("executor", "an executor runs"),
        false => Point::warning("executor", "no executor runs, and nothing can").mend(
            "systemctl enable --now shanty-executor; journalctl -u shanty-executor says why it stopped",
        ),
    }
}

/// What the host's owner allows, where they say so.
pub(super) fn policy(file: &Path) -> Option<Point> {
    let shown = file.display();
    match HostPolicy::read(file, false) {
        Err(error) => {
            let point = Point::broken("policy", chain(&error));
            Some(point.mend(format!("mend {shown}: no agent starts with it as it is")))
        }
        Ok(policy) => {
            let mode = policy.told().mode;
            match mode.as_str() {
                "" => None,
                "shell" => Some(Point::fine("policy", format!("{shown} says mode = \"{mode}\""))),
                _ => Some(
                    Point::warning(
                        "policy",
                        format!("{shown} says mode = \"{mode}\": no command runs on this host"),
                    )
                    .mend("it is the word of the host's owner; who changes it runs systemctl reload shanty-executor"),
                ),
            }
        }
    }
}

/// What became of the last update, where there was one.
pub(super) fn update(work_dir: &Path) -> Option<Point> {
    let last = Records::of(work_dir).last()?;
    let found = last.said();
    Some(match last.outcome {
        Outcome::InUse => Point::fine("update", found),
        Outcome::Trying => Point::warning("update", found).mend("wait for its end"),
        Outcome::CameBack => Point::warning("update", found).mend(format!(
            "when that is mended: shanty-agent update --to {} --again",
            last.version
        )),
    })
}

/// What systemd says of our unit; nothing where there is no systemd.
fn unit() -> Option<String> {
    if !Path::new("/run/systemd/system").is_dir() {
        return None;
    }
    let said = |what: &str| {
        let command = Command::new("systemctl")
            .args([what, "shanty-agent.service"])
            .output();
        let said = command.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        said.ok().filter(|said| !said.is_empty())
    };
    let active = said("is-active").unwrap_or_else(|| "unknown".to_owned());
    let enabled = said("is-enabled").unwrap_or_else(|| "not installed".to_owned());
    Some(format!("{active}, {enabled}"))
}

pub(super) fn disk(path: &Path) -> Point {
    // A folder that nobody made yet lies where the nearest one above it does.
    let there = path.ancestors().find(|path| path.is_dir()).unwrap_or(path);
    let disk = match statvfs(there) {
        Ok(disk) => disk,
        Err(error) => {
            return Point::broken(
                "disk",
                format!("{} cannot be looked at: {error}", there.display()),
            );
        }
    };
    let bytes = disk.blocks_available().saturating_mul(disk.fragment_size());
    let files = disk.files_available();
    let found = format!(
        "{} and {files} files are free in {}",
        size(bytes),
        path.display()
    );
    // Some file systems have no bound on files, and say zero of all and of the free ones.
    let few = disk.files() > 0 && files < DISK_FILES_LOW;
    match bytes < DISK_BYTES_LOW || few {
        true => Point::warning("disk", found)
            .mend("make room: commands wait once nothing is left for what they print"),
        false => Point::fine("disk", found),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    #[test]
    fn the_last_update_is_told() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(update(dir.path()), None);
        let [one, two] = ["0.1.0", "0.2.0"].map(|version| version.parse().unwrap());
        let record = crate::update::record::Record::new(&two, &one, Outcome::Trying);
        let records = Records::of(dir.path());
        let told = |record: &crate::update::record::Record| {
            records.write(record).unwrap();
            update(dir.path()).unwrap()
        };
        assert_eq!(told(&record).health, Health::Warning);
        assert_eq!(told(&record.clone().in_use()).health, Health::Fine);
        let back = told(&record.came_back("ended with status 1"));
        assert!(
            back.found
                .ends_with("and 0.1.0 came back: ended with status 1"),
            "{back:?}"
        );
        assert!(back.mend.unwrap().ends_with("--to 0.2.0 --again"));
    }

    #[test]
    fn a_host_that_never_joined_is_told_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::new(dir.path().join("none"));
        let (enrolled, points) = enrolled(&data_dir);
        assert!(enrolled.is_none());
        assert_eq!(points[0].health, Health::Broken);
        assert!(points[0].mend.as_ref().unwrap().contains("--install"));
        assert!(!data_dir.path().exists(), "looking makes nothing");
        assert!(disk(data_dir.path()).found.contains("free in"));
    }
}
