//! A whole world: a sandbox, a controller, and servers that join it.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use hyper::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::Host;
use crate::http::{Http, origin};
use crate::person::{Person, THREAD_STARTER};
use crate::process::{self, Process, Programs, Ran};
use crate::{judged, left, wait};

/// How a world differs from the plain one.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the sandbox enforces Discord's rate limits.
    pub rate_limits: bool,
    /// Lines for `[limits]` of the controller's configuration.
    pub limits: String,
    /// The same for `[chat]`.
    pub chat: String,
    /// Whether runs of the command line are shown in the channel.
    pub ops_channel: bool,
    /// Grants besides those of the operator and the viewer.
    pub grants: Vec<Grant>,
}

/// A grant in the channel that everybody types in.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// Whose, by the field of the sandbox's `defaults`.
    pub who: &'static str,
    /// What it gives.
    pub what: &'static [&'static str],
    /// On which hosts.
    pub hosts: &'static str,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rate_limits: true,
            limits: String::new(),
            chat: String::new(),
            ops_channel: false,
            grants: Vec::new(),
        }
    }
}

/// A sandbox and a controller with their people and servers. End it with [`World::end`], which checks that nothing is left.
pub struct World {
    programs: Programs,
    /// Everything that the programs keep.
    pub dir: TempDir,
    /// Answers of the sandbox's `defaults`.
    pub defaults: Value,
    /// Addresses of the controller's ready line.
    pub ready: Value,
    /// The version that `shanty` is from now on; that of its source where none is named.
    pub version: Option<String>,
    /// The servers, by the order in which they were added.
    pub hosts: Vec<Host>,
    /// The sandbox's address, with a slash at its end.
    pub web: String,
    http: Http,
    sandbox: Option<Process>,
    controller: Option<Process>,
}

impl World {
    /// Starts a sandbox and a controller.
    pub async fn start(programs: &Programs, options: Options) -> Self {
        let dir = TempDir::with_prefix("shanty-test-").expect("a directory can be made");
        let limits = if options.rate_limits { "on" } else { "off" };
        let args = ["--listen", "127.0.0.1:0", "--limits", limits];
        let log = dir.path().join("sandbox.log");
        let (sandbox, ready) =
            Process::start("sandbox", process::call(&programs.sandbox, &args), log).await;
        let web = ready["web"]
            .as_str()
            .expect("the sandbox has an address")
            .to_owned();
        let http = Http::new(&web);
        let (_, defaults) = http.post("sandbox/defaults", &json!({})).await;
        let mut world = Self {
            programs: programs.clone(),
            dir,
            defaults,
            ready: Value::Null,
            version: None,
            hosts: Vec::new(),
            web,
            http,
            sandbox: Some(sandbox),
            controller: None,
        };
        world.configure(&options);
        world.start_controller().await;
        world
    }

    /// Starts a world with these servers: name and labels.
    pub async fn with_hosts(programs: &Programs, options: Options, hosts: &[(&str, &str)]) -> Self {
        let mut world = Self::start(programs, options).await;
        for (name, labels) in hosts {
            world.add_host(name, labels).await;
        }
        world
    }

    /// Starts a world with `web-01`, `web-02` and `db-01`.
    pub async fn with_three(programs: &Programs) -> Self {
        let hosts = [
            ("web-01", "env=prod,role=web"),
            ("web-02", "env=prod,role=web"),
            ("db-01", "env=prod,role=db"),
        ];
        Self::with_hosts(programs, Options::default(), &hosts).await
    }

    /// A server joins and its agent runs.
    pub async fn add_host(&mut self, name: &str, labels: &str) {
        let token = self.token(&["--labels", labels, "--name", name]).await;
        let mut host = self.new_host(name);
        let joined = host.join(&self.join_address(), &token).await;
        assert_eq!(joined.code, 0, "{joined:?}");
        host.run("keep").await;
        self.hosts.push(host);
        self.is_online(name, true).await;
    }

    /// A server that has not joined.
    #[must_use]
    pub fn new_host(&self, name: &str) -> Host {
        Host::new(&self.programs, self.dir.path(), name)
    }

    /// A server by its name.
    ///
    /// # Panics
    /// When there is none.
    pub fn host(&mut self, name: &str) -> &mut Host {
        self.hosts
            .iter_mut()
            .find(|host| host.name == name)
            .expect("there is such a host")
    }

    /// Waits until the controller says that a host is online, or that it is not.
    pub async fn is_online(&self, name: &str, online: bool) {
        wait::until(&format!("{name} online={online}"), || async {
            let ran = self.shanty(&["hosts", name, "--json"]).await;
            let host: Value = serde_json::from_str(&ran.out).unwrap_or_default();
            if host["online"] == online {
                Ok(())
            } else {
                Err(ran)
            }
        })
        .await;
    }

    /// The address of the join listener.
    #[must_use]
    pub fn join_address(&self) -> String {
        self.ready["join"].as_str().unwrap_or_default().to_owned()
    }

    /// Makes a join token.
    pub async fn token(&self, args: &[&str]) -> String {
        let args = [&["token", "create", "--json"], args].concat();
        let ran = self.shanty(&args).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json()["token"]
            .as_str()
            .expect("a token was made")
            .to_owned()
    }

    /// `shanty` with these arguments, against this controller.
    pub async fn shanty(&self, args: &[&str]) -> Ran {
        process::run(&mut self.shanty_call(args)).await
    }

    /// The same, not started yet.
    #[must_use]
    pub fn shanty_call(&self, args: &[&str]) -> tokio::process::Command {
        let mut command = process::call(&self.programs.shanty, args);
        command.env("SHANTY_ADMIN", self.admin());
        if let Some(version) = &self.version {
            command.env("SHANTY_UNDER_TEST", version);
        }
        command
    }

    /// The controller's admin socket.
    #[must_use]
    pub fn admin(&self) -> PathBuf {
        self.dir.path().join("admin.sock")
    }

    /// The programs under test.
    #[must_use]
    pub const fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The operator: may do everything.
    #[must_use]
    pub fn operator(&self) -> Person {
        self.person("user_id")
    }

    /// The approver: may look.
    #[must_use]
    pub fn viewer(&self) -> Person {
        self.person("user2_id")
    }

    /// The guest: has no grant.
    #[must_use]
    pub fn guest(&self) -> Person {
        self.person("guest_id")
    }

    /// Somebody by the field of the sandbox's `defaults`.
    #[must_use]
    pub fn person(&self, field: &str) -> Person {
        let text = |field: &str| self.defaults[field].as_str().unwrap_or_default().to_owned();
        Person {
            http: self.http.clone(),
            id: text(field),
            guild: text("guild_id"),
            channel: text("channel_id"),
            forges: false,
        }
    }

    /// A script action of the sandbox.
    pub async fn act(&self, action: &str, body: &Value) -> Value {
        let (status, answer) = self.http.post(&format!("sandbox/{action}"), body).await;
        assert_eq!(status, 200, "{action} {body}: {answer}");
        answer
    }

    /// Every message of a channel with all its earlier states, oldest first, but the one that a thread begins with.
    pub async fn transcript(&self, channel: &str) -> Vec<Value> {
        let answer = self
            .act("transcript", &json!({"channel_id": channel}))
            .await;
        let mut messages = answer["messages"].as_array().cloned().unwrap_or_default();
        messages.retain(|message| message["type"] != THREAD_STARTER);
        messages
    }

    /// Every call that was made of the REST interface, oldest first.
    pub async fn traffic(&self) -> Vec<Value> {
        judged::lines(&self.http).await
    }

    /// Calls Discord's REST interface with the bot's own token, as an older version of the bot might have.
    pub async fn as_bot(&self, method: Method, path: &str, body: &Value) -> Value {
        let token = self.defaults["bot_token"].as_str().unwrap_or_default();
        let (status, answer) = self.http.api(method, path, token, body).await;
        assert!((200..300).contains(&status), "{path} {body}: {answer}");
        answer
    }

    /// Every run, newest first, as the command line lists it.
    pub async fn runs(&self) -> Vec<Value> {
        let ran = self
            .shanty(&["runs", "list", "--limit", "1000", "--json"])
            .await;
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The running controller.
    ///
    /// # Panics
    /// When there is none.
    pub const fn controller(&self) -> &Process {
        self.controller.as_ref().expect("the controller runs")
    }

    /// Takes the controller away, to stop or kill it.
    ///
    /// # Panics
    /// When there is none.
    pub const fn take_controller(&mut self) -> Process {
        self.controller.take().expect("the controller runs")
    }

    /// Starts the controller, again if it ran before: on the same addresses then.
    pub async fn start_controller(&mut self) {
        let (command, log) = self.controller_call();
        let (controller, ready) = Process::start("controller", command, log).await;
        self.controller = Some(controller);
        self.ready = ready;
        // Agents come back to where they were told: the next controller listens there too.
        let text = std::fs::read_to_string(self.config_path()).expect("the configuration is there");
        let mut fixed = text;
        for key in ["agents", "join"] {
            let address = self.ready[key].as_str().unwrap_or_default();
            fixed = fixed.replace(
                &format!("{key} = \"127.0.0.1:0\""),
                &format!("{key} = \"{address}\""),
            );
        }
        std::fs::write(self.config_path(), fixed).expect("the configuration can be written");
    }

    /// Starts the controller again, and waits for nothing: its addresses stay, but that of its health listener.
    pub fn launch_controller(&mut self) {
        let (command, log) = self.controller_call();
        self.controller = Some(Process::launch("controller", command, log));
    }

    fn controller_call(&self) -> (tokio::process::Command, PathBuf) {
        let config = self.config_path().to_string_lossy().into_owned();
        let command = self.shanty_call(&["serve", "--config", &config]);
        (command, self.dir.path().join("controller.log"))
    }

    /// Gives who has a role, in the channel that everybody types in, what it takes to run on some hosts: a controller that is started again
    /// knows it.
    pub async fn grant_to_role(&mut self, role: &str, hosts: &str) {
        let channel = self.operator().channel;
        let mut config = std::fs::read_to_string(self.config_path()).expect("it is there");
        write!(
            config,
            "[[grant]]\nid = \"by-role\"\nwho = {{ roles = [{role:?}] }}\nwhere = {{ channels = [{channel:?}] }}\n\
             what = [\"view\", \"run\"]\nhosts = {hosts:?}\n",
        )
        .expect("a text takes everything");
        self.take_controller().stop().await;
        std::fs::write(self.config_path(), config).expect("the configuration can be written");
        self.start_controller().await;
    }

    /// Stops everything in order; checks that nothing is left, and that all that was said to Discord and by it was well-formed.
    pub async fn end(mut self) {
        self.stop_agents_and_controller().await;
        judged::all(&self.http).await;
        self.stop().await;
    }

    /// The same for measurements: what went over the wire is not looked at.
    pub async fn stop(mut self) {
        self.stop_agents_and_controller().await;
        let dir = self.dir.path().to_string_lossy().into_owned();
        if let Some(sandbox) = self.sandbox.take() {
            sandbox.stop().await;
        }
        let gone = || left::with_argument(&dir).is_empty();
        wait::until_true(
            &format!(
                "nothing to be left of {dir}: {:?}",
                left::with_argument(&dir)
            ),
            gone,
        )
        .await;
    }

    async fn stop_agents_and_controller(&mut self) {
        for host in &mut self.hosts {
            host.stop().await;
        }
        if let Some(controller) = self.controller.take() {
            controller.stop().await;
        }
    }

    /// Where the agents lie that the controller hands out. There are none unless a test puts them there.
    #[must_use]
    pub fn artifacts(&self) -> PathBuf {
        self.dir.path().join("agents")
    }

    /// The controller's configuration.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.dir.path().join("shanty.toml")
    }

    fn configure(&self, options: &Options) {
        let text = |field: &str| self.defaults[field].as_str().unwrap_or_default().to_owned();
        let token = self.dir.path().join("bot-token");
        std::fs::write(&token, text("bot_token")).expect("the token can be written");
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&token, private).expect("the token can be made private");
        let channel = text("channel_id");
        let ops = if options.ops_channel {
            format!("ops_channel = {channel:?}")
        } else {
            String::new()
        };
        let grants: String = options
            .grants
            .iter()
            .map(|grant| {
                format!(
                    "[[grant]]\nid = \"{who}\"\nwho = {{ people = [{id:?}] }}\nwhere = {{ channels = [{channel:?}] }}\n\
                     what = {what:?}\nhosts = {hosts:?}\n",
                    who = grant.who,
                    id = text(grant.who),
                    what = grant.what,
                    hosts = grant.hosts,
                )
            })
            .collect();
        let config = format!(
            r#"data_dir = {data:?}
[discord]
token_file = {token:?}
guilds = [{guild:?}]
api = {api:?}
{ops}
[listen]
agents = "127.0.0.1:0"
join = "127.0.0.1:0"
http = "127.0.0.1:0"
admin = {admin:?}
[install]
artifacts = {artifacts:?}
[[grant]]
id = "operators"
who = {{ people = [{operator:?}] }}
where = {{ channels = [{channel:?}] }}
what = ["view", "run", "cancel", "hold", "manage"]
hosts = "all"
[[grant]]
id = "viewers"
who = {{ people = [{viewer:?}] }}
where = {{ channels = [{channel:?}] }}
what = ["view"]
hosts = "role=web"
{grants}[chat]
{chat}
[limits]
{limits}
"#,
            data = self.dir.path().join("controller"),
            artifacts = self.artifacts(),
            guild = text("guild_id"),
            api = origin(&self.web),
            admin = self.admin(),
            operator = text("user_id"),
            viewer = text("user2_id"),
            chat = options.chat,
            limits = options.limits,
        );
        write_trusted(&self.config_path(), &config);
    }
}

/// Writes a file by which something is decided, so that nobody else can change it under any umask.
///
/// # Panics
/// When it cannot be written.
pub fn write_trusted(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the configuration can be written");
    let own = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, own).expect("the configuration can be closed to others");
}

impl Drop for World {
    /// A test that failed must not leave its commands to those after it. After [`World::end`] there is nothing to do.
    fn drop(&mut self) {
        left::kill_all(self.dir.path());
    }
}
