//! What systemd says of our units, in one question.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How the status of a service begins that has what it needs.
pub(super) const WORKS: &str = "Works as host ";

/// The exit code of an agent whose identity was taken back.
pub(super) const REVOKED: i32 = crate::failure::exit::REFUSED as i32;

const PROPERTIES: &str = "Id,LoadState,ActiveState,SubState,ExecMainStatus,MainPID,StatusText";

/// A unit that systemd knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) name: String,
    /// Such as `active (running)`.
    pub(crate) state: String,
    pub(crate) active: bool,
    /// What the service says of itself.
    pub(crate) says: String,
    /// How its main process ended, if it did.
    pub(crate) exit: i32,
    /// The program that runs, as far as this user may see.
    pub(crate) program: Option<PathBuf>,
}

/// What all of them said.
#[derive(Debug, Default)]
pub(crate) struct Asked(HashMap<String, Unit>);

impl Asked {
    /// Asks systemd, where there is one.
    pub(crate) fn systemd(names: &[&str]) -> Self {
        if !Path::new("/run/systemd/system").is_dir() {
            return Self::default();
        }
        let show = Command::new("systemctl")
            .args(["show", "--no-pager", "-p", PROPERTIES])
            .args(names)
            .output();
        show.map_or_else(
            |_| Self::default(),
            |shown| Self::read(&String::from_utf8_lossy(&shown.stdout)),
        )
    }

    /// Of several units with the same purpose the one that is active, else the first that there is.
    pub(crate) fn take(&mut self, names: &[&str]) -> Option<Unit> {
        let mut units: Vec<Unit> = names
            .iter()
            .filter_map(|name| self.0.remove(*name))
            .collect();
        let at = units
            .iter()
            .position(|unit| unit.active)
            .unwrap_or_default();
        (at < units.len()).then(|| units.swap_remove(at))
    }

    fn read(text: &str) -> Self {
        let units = text.split("\n\n").filter_map(|block| {
            let said: HashMap<&str, &str> = block
                .lines()
                .filter_map(|line| line.split_once('='))
                .collect();
            let say = |key: &str| said.get(key).copied().unwrap_or_default();
            if say("LoadState") != "loaded" {
                return None;
            }
            let name = say("Id").to_owned();
            let pid = say("MainPID");
            let program = (pid != "0").then(|| std::fs::read_link(format!("/proc/{pid}/exe")).ok());
            let unit = Unit {
                state: match (say("ActiveState"), say("SubState")) {
                    (active, sub) if active == sub => active.to_owned(),
                    (active, sub) => format!("{active} ({sub})"),
                },
                active: say("ActiveState") == "active",
                says: say("StatusText").to_owned(),
                exit: say("ExecMainStatus").parse().unwrap_or_default(),
                program: program.flatten(),
                name: name.clone(),
            };
            Some((name, unit))
        });
        Self(units.collect())
    }
}

impl Unit {
    pub(super) fn text(&self) -> String {
        let mut text = format!("{} is {}", self.name, self.state);
        if !self.active && self.exit != 0 {
            text.push_str(&format!(", exit code {}", self.exit));
        }
        if !self.says.is_empty() {
            text.push_str(&format!(": {}", self.says));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = "MainPID=0\nExecMainStatus=77\nStatusText=\nId=shanty-agent.service\nLoadState=loaded\nActiveState=failed\n\
        SubState=failed\n\nMainPID=0\nExecMainStatus=0\nStatusText=Works as host a=b.\nId=shanty-executor.service\nLoadState=loaded\n\
        ActiveState=active\nSubState=running\n\nId=shanty-agent-exp.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\n";

    #[test]
    fn what_systemd_shows_is_read_and_units_that_are_not_there_are_none() {
        let mut asked = Asked::read(SHOWN);
        let link = asked
            .take(&["shanty-agent.service", "shanty-agent-exp.service"])
            .unwrap();
        assert!(!link.active && link.exit == REVOKED, "{link:?}");
        assert_eq!(link.text(), "shanty-agent.service is failed, exit code 77");
        let executor = asked.take(&["shanty-executor.service"]).unwrap();
        assert!(executor.active);
        assert_eq!(executor.says, "Works as host a=b.");
        assert_eq!(asked.take(&["shanty-agent-exp.service"]), None);
        assert!(Asked::read("").take(&["shanty-agent.service"]).is_none());
    }

    #[test]
    fn what_is_tried_stands_for_what_rests() {
        let text = SHOWN
            .replace("not-found", "loaded")
            .replace("=inactive", "=active");
        let mut asked = Asked::read(&text);
        let link = asked.take(&["shanty-agent.service", "shanty-agent-exp.service"]);
        assert_eq!(link.unwrap().name, "shanty-agent-exp.service");
    }
}
