//! `shanty demo` as somebody starts it who tries Shanty for the first time.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::call::Call;
use crate::http::Http;
use crate::person::Person;
use crate::process::{self, Programs};
use crate::{judged, left};

/// A demo that is ready.
pub struct Demo {
    /// The program itself.
    pub call: Call,
    /// Its ready line.
    pub ready: Value,
    /// Where it makes its temporary directory, and nobody else any.
    pub temporary: TempDir,
}

impl Demo {
    /// Starts a demo on a free port with this many agents, and waits for its ready line.
    ///
    /// # Panics
    /// When it does not get ready.
    pub async fn start(programs: &Programs, agents: u16) -> Self {
        let temporary = TempDir::with_prefix("shanty-test-").expect("a directory can be made");
        let agents = agents.to_string();
        let args = [
            "demo",
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--agents",
            &agents,
        ];
        let mut command = process::call(&programs.shanty, &args);
        command.env("TMPDIR", temporary.path());
        let mut call = Call::start(command);
        let ready = call.out().await;
        let ready: Value = serde_json::from_str(&ready).expect("the ready line is JSON");
        assert_eq!(ready["event"], "ready", "{ready}");
        Self {
            call,
            ready,
            temporary,
        }
    }

    /// The operator, in the channel where everybody starts.
    pub async fn operator(&self) -> Person {
        let http = Http::new(self.ready["web"].as_str().unwrap_or_default());
        let (_, defaults) = http.post("sandbox/defaults", &json!({})).await;
        let text = |field: &str| defaults[field].as_str().unwrap_or_default().to_owned();
        Person {
            http,
            id: text("user_id"),
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
        web.trim_start_matches("http://").trim_end_matches('/')
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

impl Drop for Demo {
    /// A test that failed must not leave its commands to those after it.
    fn drop(&mut self) {
        left::kill_all(self.temporary.path());
    }
}
