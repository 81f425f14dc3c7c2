//! `shanty-agent uninstall`: takes off this host what the install script put there, and with it, when that is asked for, who the host is.
//!
//! What is removed is what the script's own `--uninstall` removes; a test compares what either leaves. Packages remove themselves.

mod places;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{User, geteuid};
use shanty_core::text::count;

use crate::config::{Config, DataDir};
use crate::failure::{Failure, exit};
use crate::status::{Seen, under_way};
use crate::update::home::Home;

pub(crate) use places::Places;

/// The user of the link, made by whoever installed.
const LINK_USER: &str = "shanty";

/// How much goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Program, links and units.
    Program,
    /// Identity, configuration, what ran, and the user of the link too.
    Everything,
}

/// What is here, looked at before anything is done.
#[derive(Debug)]
pub(crate) struct Found {
    /// The name that the host has in Shanty.
    name: Option<String>,
    /// Executions under way.
    runs: usize,
    systemd: bool,
}

/// Looks at what is here, and whether this program may remove it. Nothing here is no failure.
///
/// # Errors
/// With what to do instead.
pub(crate) fn look(places: &Places) -> Result<Option<Found>, Failure> {
    if !places.is_anything_here() {
        return Ok(None);
    }
    let refused = |code, text: String| Err(Failure::new(code, exit::FAILED, text));
    let system = places.is_system();
    if let Some(remove) = system.then(packaged_by).flatten() {
        let text = format!("the package shanty-agent owns these files, and removes them: {remove}");
        return refused("E_PACKAGED", text);
    }
    if let Some(theirs) = places.of_somebody_else(geteuid().as_raw()) {
        let text = format!(
            "{} is another user's: run this as who installed it",
            theirs.display()
        );
        return refused("E_PERM", text);
    }
    let config = places
        .configurations()
        .find_map(|file| Config::read(&file).ok());
    let runs = places.works().map(|folder| under_way(&folder));
    let runs = runs.map(|seen| match seen {
        Seen::Known(runs) => runs,
        Seen::None | Seen::Hidden | Seen::Broken(_) => 0,
    });
    Ok(Some(Found {
        name: config.map(|config| config.name.to_string()),
        runs: runs.sum(),
        systemd: system && Path::new("/run/systemd/system").is_dir(),
    }))
}

impl Found {
    /// What is asked before anything goes.
    pub(crate) fn question(&self, places: &Places, extent: Extent) -> String {
        let who = self.name.as_deref().map(|name| format!("{name}: "));
        let with = match extent {
            Extent::Program => "",
            Extent::Everything => ", and its identity and configuration",
        };
        let mut text = format!(
            "{}remove {}{with}?",
            who.unwrap_or_default(),
            places.opt().display()
        );
        if self.runs > 0 {
            write!(text, " {}.", self.under_way(extent)).ok(); // A text takes everything.
        }
        text
    }

    fn under_way(&self, extent: Extent) -> String {
        let (verb, their) = match self.runs {
            1 => ("is under way and goes", "its"),
            _ => ("are under way and go", "their"),
        };
        let lost = match extent {
            Extent::Program => format!(
                "nobody can see or stop it from chat meanwhile, and {their} output stays here"
            ),
            Extent::Everything => format!("{their} output is lost"),
        };
        format!("{} {verb} on to the end; {lost}", count(self.runs, "run"))
    }
}

/// Removes it, and says what was done and what is left.
///
/// # Errors
/// When it still runs, or something cannot be removed.
pub(crate) fn remove(places: &Places, found: &Found, extent: Extent) -> Result<String, Failure> {
    let _lock = alone(places)?;
    if found.systemd {
        for unit in places::UNITS {
            systemctl(&["disable", "--now", "--quiet", unit]);
        }
    }
    for folder in places.works() {
        if DataDir::new(folder.clone()).is_in_use() {
            let text = format!(
                "the agent of {} runs: stop it first, then run this again",
                folder.display()
            );
            return Err(Failure::new("E_IN_USE", exit::TRY_AGAIN, text));
        }
    }
    for path in places.removed(extent) {
        gone(&path)?;
    }
    for folder in places.emptied(extent) {
        fs::remove_dir(folder).ok(); // Somebody else has something there, or it is not ours to begin with.
    }
    if found.systemd {
        systemctl(&["daemon-reload"]);
        for unit in places::UNITS {
            systemctl(&["reset-failed", "--quiet", unit]);
        }
    }
    let everything = extent == Extent::Everything;
    let user =
        everything && places.is_system() && matches!(User::from_name(LINK_USER), Ok(Some(_)));
    let user_stays = user && !run("userdel", &[LINK_USER]);
    Ok(said(places, found, extent, user_stays))
}

fn said(places: &Places, found: &Found, extent: Extent, user_stays: bool) -> String {
    let mut lines = vec![format!("Removed shanty-agent from {}.", places.shown())];
    if found.runs > 0 {
        lines.push(format!("{}.", found.under_way(extent)));
    }
    let kept = places.kept();
    if extent == Extent::Program && !kept.is_empty() {
        let kept: Vec<String> = kept.iter().map(|path| path.display().to_string()).collect();
        lines.push(format!(
            "Who this host is stays: {}. Installed again it is the same host; `--purge` would have removed that too.",
            kept.join(", ")
        ));
    }
    if user_stays {
        lines.push(format!(
            "The user {LINK_USER} could not be removed: see what `userdel {LINK_USER}` says."
        ));
    }
    if let Some(name) = &found.name {
        lines.push(format!(
            "The controller still knows the host: `shanty hosts remove {name}` there removes it."
        ));
    }
    lines.join("\n")
}

/// Nobody installs or updates meanwhile: the script and updates take these locks.
fn alone(places: &Places) -> Result<Vec<Flock<File>>, Failure> {
    let opt = places.opt();
    let folder = match File::open(opt) {
        Ok(folder) => folder,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cannot(opt, &error)),
    };
    let installation = Flock::lock(folder, FlockArg::LockExclusiveNonblock).ok();
    let update = Home::new(opt.to_owned()).lock();
    let update = update.map_err(|error| Failure::internal(&error))?;
    let (Some(installation), Some(update)) = (installation, update) else {
        let text = format!(
            "an installation or an update is under way in {}: wait until it is done",
            opt.display()
        );
        return Err(Failure::new("E_IN_USE", exit::TRY_AGAIN, text));
    };
    Ok(vec![installation, update])
}

fn gone(path: &Path) -> Result<(), Failure> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|error| cannot(path, &error)),
    }
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    let text = format!("{} cannot be removed: {error}", path.display());
    Failure::new("E_REMOVE", exit::FAILED, text)
}

/// How the package that brought the agent is removed, if one did.
fn packaged_by() -> Option<&'static str> {
    let dpkg = Command::new("dpkg-query")
        .args(["-W", "-f=${db:Status-Status}", "shanty-agent"])
        .output();
    if dpkg.is_ok_and(|said| is_in_dpkg(&String::from_utf8_lossy(&said.stdout))) {
        return Some(
            "`apt remove shanty-agent`, or `apt purge shanty-agent` for its identity and configuration too",
        );
    }
    run("rpm", &["-q", "--quiet", "shanty-agent"])
        .then_some("`dnf remove shanty-agent` or `rpm -e shanty-agent`")
}

/// Of a package that was removed dpkg remembers its configuration only.
fn is_in_dpkg(status: &str) -> bool {
    !matches!(status, "" | "not-installed" | "config-files")
}

fn systemctl(args: &[&str]) -> bool {
    run("systemctl", args)
}

/// Whether a program of the host did what it should; what it says is not wanted.
fn run(program: &str, args: &[&str]) -> bool {
    let output = Command::new(program).args(args).output();
    output.is_ok_and(|output| output.status.success())
}

/// The folder that everything was installed below, by where this program lies.
pub(crate) fn prefix_of(program: &Path) -> Option<PathBuf> {
    // PREFIX/opt/shanty/versions/V/shanty-agent
    let versions = program.parent()?.parent()?;
    let shanty = versions.parent()?;
    let opt = shanty.parent()?;
    let named = |path: &Path, name: &str| path.file_name().is_some_and(|found| found == name);
    let ours = named(versions, "versions") && named(shanty, "shanty") && named(opt, "opt");
    ours.then(|| opt.parent().map(Path::to_owned)).flatten()
}

/// Whose a file is; nobody's when it is not there.
fn owner(path: &Path) -> Option<u32> {
    fs::symlink_metadata(path).ok().map(|found| found.uid())
}

#[cfg(test)]
mod tests;
