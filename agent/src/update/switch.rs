//! Lets another version take over, and waits for what becomes of that. Whoever keeps the agent decides; this only asks and looks, so that it
//! may be killed at any moment.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shanty_core::version::Version;
use tokio::time::{Instant, sleep};

use super::home::{self, Home};
use super::record::{Outcome, Record, Records};
use super::units;

/// A version that has not connected by then does not.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);

/// What comes back is up again by then, and so is what stays.
const SETTLED: Duration = Duration::from_secs(60);

/// A parent that was told otherwise gives a version ten minutes at most.
const PARENTS: Duration = Duration::from_secs(12 * 60);

const LOOK: Duration = Duration::from_millis(250);

/// Held by a parent that keeps the agent of a home; its process id is in it.
pub(crate) const PARENT: &str = "supervise.lock";

/// Who keeps the agent running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeper {
    Systemd,
    /// `shanty-agent supervise`.
    Parent(Pid),
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    InUse,
    /// Why, to stand behind the version.
    CameBack(String),
}

/// What is to be switched.
pub(crate) struct Switch<'a> {
    pub(crate) home: &'a Home,
    pub(crate) records: &'a Records,
    pub(crate) from: &'a Version,
    pub(crate) to: &'a Version,
}

/// Finds out who keeps the agent of this home.
///
/// # Errors
/// Nobody does: what to do.
pub(crate) async fn keeper(home: &Home) -> Result<Keeper, String> {
    if let Some(pid) = parent(&home.path().join(PARENT)) {
        return Ok(Keeper::Parent(pid));
    }
    if !units::is_systemd() || home.path() != Path::new(home::USUAL) {
        return Err(
            "nothing here would start another version: run the agent with `shanty-agent supervise`, or under systemd as its package does"
                .to_owned(),
        );
    }
    for unit in units::STABLE {
        if !units::standing(unit).await.is_up() {
            return Err(format!(
                "{unit} does not run, so that nobody would know whether another version works: systemctl start {}",
                units::STABLE.join(" ")
            ));
        }
    }
    Ok(Keeper::Systemd)
}

fn parent(lock: &Path) -> Option<Pid> {
    if !lock.exists() || home::lock(lock).ok()?.is_some() {
        return None;
    }
    let pid = fs::read_to_string(lock).ok()?.trim().parse().ok()?;
    Some(Pid::from_raw(pid))
}

impl Switch<'_> {
    /// Switches, and waits for the end.
    ///
    /// # Errors
    /// It could not be begun; nothing was changed.
    pub(crate) async fn run(&self, keeper: Keeper) -> Result<Ending, String> {
        let tried = Record::new(self.to, self.from, Outcome::Trying);
        self.records
            .write(&tried)
            .map_err(|error| error.to_string())?;
        if let Err(error) = self.home.try_out(self.to) {
            let why = shanty_core::causes::chain(&error);
            self.records.write(&tried.came_back(&why)).ok(); // The disk may be full: it is said all the same.
            return Err(why);
        }
        match keeper {
            Keeper::Systemd => Ok(self.on_systemd(tried).await),
            Keeper::Parent(pid) => Ok(self.by_parent(pid, tried).await),
        }
    }

    fn committed(&self) -> bool {
        self.home.stable().as_ref() == Some(self.to)
    }

    async fn on_systemd(&self, tried: Record) -> Ending {
        let begun = crate::clock::wall_ms() / 1_000;
        let why = self.experiment().await.err();
        // It may have come through at the last moment.
        if self.committed() {
            match settled(&units::STABLE).await {
                true => {
                    self.end(tried.in_use()).await;
                    return Ending::InUse;
                }
                false => {
                    let why = "connected, and did not start again afterwards".to_owned();
                    return self.undo(tried, why).await;
                }
            }
        }
        let mut why = why.unwrap_or_else(|| "did not come up".to_owned());
        if let Some(line) = units::last_line(begun).await {
            why = format!("{why} ({line})");
        }
        // systemd does the same of its own; twice is no harm.
        units::start(&units::STABLE).await.ok(); // What becomes of it is looked at.
        settled(&units::STABLE).await;
        if self.committed() {
            self.end(tried.in_use()).await;
            return Ending::InUse;
        }
        self.end(tried.came_back(&why)).await;
        Ending::CameBack(why)
    }

    /// Starts it, and waits until it has taken over, or is over.
    async fn experiment(&self) -> Result<(), String> {
        units::place(&self.home.folder(self.to), &units::EXPERIMENT).await?;
        units::forget_failures(&units::EXPERIMENT).await;
        units::start(&units::EXPERIMENT).await?;
        let until = Instant::now() + WITHIN;
        while !self.committed() {
            let [executor, link] = [
                units::standing(units::EXPERIMENT[0]).await,
                units::standing(units::EXPERIMENT[1]).await,
            ];
            for over in [&executor, &link] {
                if over.is_down() && !self.committed() {
                    return Err(over.ended());
                }
            }
            if Instant::now() >= until {
                return Err(format!("did not connect within {} s", WITHIN.as_secs()));
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// It was stable already: goes back all the same.
    async fn undo(&self, tried: Record, why: String) -> Ending {
        if let Err(error) = self.home.commit(self.from) {
            tracing::error!(
                "The version before cannot be made the stable one: {}.",
                shanty_core::causes::chain(&error)
            );
        }
        units::place(&self.home.folder(self.from), &units::STABLE)
            .await
            .ok(); // Those that are there may do.
        units::restart(&units::STABLE).await.ok(); // What becomes of it is looked at.
        settled(&units::STABLE).await;
        self.end(tried.came_back(&why)).await;
        Ending::CameBack(why)
    }

    async fn end(&self, record: Record) {
        units::forget_failures(&units::EXPERIMENT).await;
        if let Err(error) = self.records.write(&record) {
            tracing::warn!("What became of the update cannot be kept: {error}.");
        }
        self.home.end_trial().ok(); // The next start removes it.
    }

    async fn by_parent(&self, pid: Pid, tried: Record) -> Ending {
        let until = Instant::now() + PARENTS;
        let told = kill(pid, Signal::SIGUSR1);
        loop {
            if self.home.experiment().is_none() {
                break;
            }
            let gone = told.is_err() || kill(pid, None).is_err();
            if gone || Instant::now() >= until {
                self.home.end_trial().ok(); // The next start removes it.
                break;
            }
            sleep(LOOK).await;
        }
        if self.committed() {
            return Ending::InUse;
        }
        let last = self
            .records
            .last()
            .filter(|last| last.outcome == Outcome::CameBack);
        let why = match last.and_then(|last| last.reason) {
            Some(why) => why,
            None => {
                let why = "was not tried to its end: what keeps the agent was stopped";
                self.records.write(&tried.came_back(why)).ok(); // It is said all the same.
                why.to_owned()
            }
        };
        Ending::CameBack(why)
    }
}

/// Waits until all of these run.
async fn settled(of: &[&str]) -> bool {
    let until = Instant::now() + SETTLED;
    loop {
        let mut up = true;
        for unit in of {
            up &= units::standing(unit).await.state == "active";
        }
        if up || Instant::now() >= until {
            return up;
        }
        sleep(LOOK).await;
    }
}
