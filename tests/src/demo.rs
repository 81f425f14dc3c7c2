//! `shanty demo` as somebody starts it who tries Shanty for the first time.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::call::Call;
use crate::http::{Http, origin};
use crate::person::Person;
use crate::process::{self, Programs, Ran};
use crate::{judged, left, wait};

/// A demo that is ready.
pub struct Demo {
    /// The program itself.
    pub call: Call,
    /// Its ready line.
    pub ready: Value,
    /// Where it makes its temporary directory, and no other test any.
    pub temporary: Arc<TempDir>,
    shanty: std::path::PathBuf,
}

impl Demo {
    /// Starts a demo on a free port with this many agents, and waits for its ready line.
    ///
    /// # Panics
    /// When it does not get ready.
    pub async fn start(programs: &Programs, agents: u16) -> Self {
        Self::in_directory(programs, agents, directory()).await
    }

    /// Starts another one whose temporary files are in the same place.
    ///
    /// # Panics
    /// When it does not get ready.
    pub async fn start_beside(&self, programs: &Programs, agents: u16) -> Self {
        Self::in_directory(programs, agents, self.temporary.clone()).await
    }

    async fn in_directory(programs: &Programs, agents: u16, temporary: Arc<TempDir>) -> Self {
        let command = command(programs, agents, temporary.path(), &["--json"]);
        let mut call = Call::start(command);
        let ready = call.out().await;
        let ready: Value = serde_json::from_str(&ready).expect("the ready line is JSON");
        assert_eq!(ready["event"], "ready", "{ready}");
        Self {
            call,
            ready,
            temporary,
            shanty: programs.shanty.clone(),
        }
    }

    /// Starts one that speaks to who started it, with this as its standard input; also gives what it said until everything was there.
    ///
    /// # Panics
    /// When it does not say where it is.
    pub async fn talking(programs: &Programs, agents: u16, stdin: Stdio) -> (Self, String) {
        let temporary = directory();
        let command = command(programs, agents, temporary.path(), &[]);
        let mut call = Call::start_on(command, stdin);
        let mut said = String::new();
        while !said.contains("Ctrl-C stops") {
            said.push_str(&call.err().await);
            said.push('\n');
        }
        let after = |word: &str| {
            let rest = said.split_once(word).map(|(_, rest)| rest);
            let found = rest.and_then(|rest| rest.split_whitespace().next());
            found.unwrap_or_else(|| panic!("no {word} in {said}"))
        };
        let ready = json!({"web": after("Open "), "admin": after("SHANTY_ADMIN=")});
        let demo = Self {
            call,
            ready,
            temporary,
            shanty: programs.shanty.clone(),
        };
        (demo, said)
    }

    /// The command line in another terminal, in which this demo's controller was named.
    pub async fn shanty(&self, args: &[&str]) -> Ran {
        let admin = self.ready["admin"].as_str().unwrap_or_default();
        let mut command = process::call(&self.shanty, args);
        command.env("SHANTY_ADMIN", admin);
        process::run(&mut command).await
    }

    /// The process of a host's agent; nothing when the demo says that it is away.
    ///
    /// # Panics
    /// When the demo does not answer.
    pub async fn agent(&self, host: &str) -> Option<i32> {
        let ran = self.shanty(&["demo", "list"]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let mut lines = ran.out.lines();
        let line = lines.find(|line| line.split_whitespace().next() == Some(host))?;
        line.rsplit_once(" process ")?.1.parse().ok()
    }

    /// Waits until the controller says that a host is online, or that it is not.
    pub async fn is_online(&self, host: &str, online: bool) {
        wait::until(&format!("{host} online={online}"), || async {
            let ran = self.shanty(&["hosts", host, "--json"]).await;
            let shown: Value = serde_json::from_str(&ran.out).unwrap_or_default();
            if shown["online"] == online {
                Ok(())
            } else {
                Err(ran)
            }
        })
        .await;
    }

    /// The operator, in the channel where everybody starts.
    pub async fn operator(&self) -> Person {
        self.person("user_id").await
    }

    /// Who may do nothing, in the same channel.
    pub async fn guest(&self) -> Person {
        self.person("guest_id").await
    }

    async fn person(&self, who: &str) -> Person {
        let http = Http::new(self.ready["web"].as_str().unwrap_or_default());
        let (_, defaults) = http.post("sandbox/defaults", &json!({})).await;
        let text = |field: &str| defaults[field].as_str().unwrap_or_default().to_owned();
        Person {
            http,
            id: text(who),
            guild: text("guild_id"),
            channel: text("channel_id"),
            forges: false,
        }
    }

    /// Checks that all that was said to Discord and by it so far was well-formed.
    pub async fn judge(&self) {
        let web = self.ready["web"].as_str().unwrap_or_default();
        judged::all(&Http::new(web)).await;
    }

    /// The address of the web client, as `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        let web = self.ready["web"].as_str().unwrap_or_default();
        origin(web).trim_start_matches("http://")
    }

    /// The directory of the demo's data, below [`Demo::temporary`].
    ///
    /// # Panics
    /// When the admin socket is not in one.
    #[must_use]
    pub fn data(&self) -> &Path {
        let admin = Path::new(self.ready["admin"].as_str().unwrap_or_default());
        admin.parent().expect("the socket is in a directory")
    }
}

fn directory() -> Arc<TempDir> {
    Arc::new(TempDir::with_prefix("shanty-test-").expect("a directory can be made"))
}

fn command(programs: &Programs, agents: u16, temporary: &Path, more: &[&str]) -> Command {
    let agents = agents.to_string();
    let args = ["demo", "--listen", "127.0.0.1:0", "--agents", &agents];
    let mut command = process::call(&programs.shanty, &[&args, more].concat());
    command.env("TMPDIR", temporary);
    command
}

impl Drop for Demo {
    /// A test that failed must not leave its commands to those after it.
    fn drop(&mut self) {
        left::kill_all(self.temporary.path());
    }
}
