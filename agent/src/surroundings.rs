//! What every command of this host finds around itself by `[command]` of `agent.toml`, and how that comes to the shim.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cgroup::Allowance;

/// Holds what [`Surroundings::encode`] makes, in the shim's own environment; absent means the usual ones.
pub(crate) const COMMAND_VARIABLE: &str = "SHANTY_COMMAND";

/// The shell that every host has.
pub(crate) const USUAL_SHELL: &str = "/bin/sh";

/// Where commands are looked for when nothing is said.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Readable for everybody, writable for its owner, as on a terminal.
const USUAL_UMASK: u32 = 0o022;

/// What a host gives every command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surroundings {
    /// Where programs are looked for: absolute folders, with a colon between them.
    pub path: String,
    /// Set beside what every command gets.
    pub env: BTreeMap<String, String>,
    /// Permissions that new files do not get.
    pub umask: u32,
    /// What reads a command, absolute.
    pub shell: String,
    /// How much others go before it, 0 to 19.
    pub nice: i32,
    /// Whether programs such as `sudo` give other users than root nothing that these do not have.
    pub no_new_privs: bool,
    /// How many processes its user may have on the host, and where that is to be had it itself, whoever it runs as; as many as usual when nothing
    /// is said.
    pub max_processes: Option<u64>,
    /// How much memory all of its processes may have together, bytes, where that is to be had.
    pub max_memory: Option<u64>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            path: USUAL_PATH.to_owned(),
            env: BTreeMap::new(),
            umask: USUAL_UMASK,
            shell: USUAL_SHELL.to_owned(),
            nice: 0,
            no_new_privs: true,
            max_processes: None,
            max_memory: None,
        }
    }
}

impl Surroundings {
    /// Checks that the shell is there and can be executed. Blocks.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    pub(crate) fn check(&self) -> Result<(), String> {
        let shell = Path::new(&self.shell);
        let executable = fs::metadata(shell)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
        if executable {
            return Ok(());
        }
        Err(format!(
            "The shell {} that [command] of agent.toml names is no program on this host. Install it, or name another.",
            self.shell
        ))
    }

    /// What a command may use as a whole.
    pub(crate) const fn allowance(&self) -> Allowance {
        Allowance {
            memory: self.max_memory,
            processes: self.max_processes,
        }
    }

    /// As the shim is told.
    pub(crate) fn encode(&self) -> String {
        serde_json::to_string(self).expect("invariant: texts, numbers and a map of texts are JSON")
    }

    /// What [`Self::encode`] made of it, or nothing when it was not that.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_on_is_the_same_on_the_other_side() {
        let some = Surroundings {
            path: "/opt/a b:/bin".to_owned(),
            env: BTreeMap::from([("A".to_owned(), "\"é\n=".to_owned())]),
            umask: 0o077,
            shell: "/bin/bash".to_owned(),
            nice: 19,
            no_new_privs: false,
            max_processes: Some(1 << 22),
            max_memory: Some(1 << 30),
        };
        for one in [some, Surroundings::default()] {
            assert_eq!(Surroundings::decode(&one.encode()), Some(one));
        }
        assert_eq!(Surroundings::decode("{}"), None);
        assert_eq!(Surroundings::decode(""), None);
    }

    #[test]
    fn a_shell_must_be_a_program() {
        let with = |shell: &str| Surroundings {
            shell: shell.to_owned(),
            ..Surroundings::default()
        };
        assert_eq!(with("/bin/sh").check(), Ok(()));
        for none in ["/no/such/shell", "/bin", "/etc/passwd"] {
            let said = with(none).check().unwrap_err();
            assert!(said.contains(&format!("The shell {none} ")), "{said}");
        }
    }
}
