//! A sandbox by itself, without a controller: for what only the sandbox and a browser have to do with each other.

use hyper::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Http, origin};
use crate::process::{self, Process, Programs};

/// A sandbox, and a bot that is nobody.
pub struct Alone {
    programs: Programs,
    dir: TempDir,
    process: Option<Process>,
    open: bool,
    /// Its address, with a slash at its end.
    pub web: String,
    /// Answers of its `defaults`.
    pub defaults: Value,
    http: Http,
}

impl Alone {
    /// Starts a sandbox without rate limits.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(programs: &Programs) -> Self {
        Self::start_as(programs, false).await
    }

    /// The same, open to whoever reaches it, so that its address is the same after a restart.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_open(programs: &Programs) -> Self {
        Self::start_as(programs, true).await
    }

    async fn start_as(programs: &Programs, open: bool) -> Self {
        let dir = TempDir::with_prefix("shanty-test-").expect("a directory can be made");
        let mut alone = Self {
            programs: programs.clone(),
            dir,
            process: None,
            open,
            web: "http://127.0.0.1:0/".to_owned(),
            defaults: Value::Null,
            http: Http::new(""),
        };
        alone.begin().await;
        alone
    }

    /// Starts it anew on the same address, with a fresh guild: what a person does who starts `demo` again.
    ///
    /// # Panics
    /// When it does not stop or start.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.begin().await;
    }

    /// Stops it in order.
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop().await;
        }
    }

    async fn begin(&mut self) {
        let address = origin(&self.web).trim_start_matches("http://");
        let mut args = vec!["--listen", address, "--limits", "off"];
        if self.open {
            args.push("--open");
        }
        let log = self.dir.path().join("sandbox.log");
        let call = process::call(&self.programs.sandbox, &args);
        let (process, ready) = Process::start("sandbox", call, log).await;
        self.web = ready["web"].as_str().unwrap_or_default().to_owned();
        self.process = Some(process);
        self.http = Http::new(&self.web);
        self.defaults = self.act("defaults", &json!({})).await;
    }

    /// A field of `defaults`.
    #[must_use]
    pub fn id(&self, key: &str) -> String {
        self.defaults[key].as_str().unwrap_or_default().to_owned()
    }

    /// A script action.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn act(&self, action: &str, body: &Value) -> Value {
        let (status, answer) = self.http.post(&format!("sandbox/{action}"), body).await;
        assert_eq!(status, 200, "{action} {body}: {answer}");
        answer
    }

    /// A call of Discord's REST interface as the bot.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn as_bot(&self, method: Method, path: &str, body: &Value) -> Value {
        let (status, answer) = self
            .http
            .api(method, path, &self.id("bot_token"), body)
            .await;
        assert!((200..300).contains(&status), "{path} {body}: {answer}");
        answer
    }

    /// The bot writes in the channel that everybody sees; the message.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn post(&self, body: &Value) -> Value {
        let path = format!("/channels/{}/messages", self.id("channel_id"));
        self.as_bot(Method::POST, &path, body).await
    }

    /// The bot posts a file in the channel that everybody sees; the message.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn upload(&self, name: &str, file: &str) -> Value {
        let path = format!("/channels/{}/messages", self.id("channel_id"));
        let token = self.id("bot_token");
        let (status, answer) = self.http.upload(&path, &token, name, file).await;
        assert_eq!(status, 200, "{name}: {answer}");
        answer
    }
}
