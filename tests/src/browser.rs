//! Drives a headless Chromium through chromedriver: what a person sees and does in the web client.
//!
//! A small client of W3C WebDriver over the rig's own HTTP. The crates that do the same (fantoccini, thirtyfour) bring a
//! second URL parser with two generations of ICU, 32 packages, for the nine calls that are needed here.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, MutexGuard};

use crate::http::Http;
use crate::wait::BOUND;
use crate::{left, wait};

/// Browsers need much memory and all cores: one at a time.
static ONE: Mutex<()> = Mutex::const_new(());

/// Keys that are no text, as WebDriver writes them.
pub mod key {
    /// Enter.
    pub const ENTER: &str = "\u{e007}";
    /// Escape.
    pub const ESCAPE: &str = "\u{e00c}";
    /// Tab.
    pub const TAB: &str = "\u{e004}";
    /// The arrow that points down.
    pub const DOWN: &str = "\u{e015}";
    /// The last of what there is.
    pub const END: &str = "\u{e010}";
    /// The first of what there is.
    pub const HOME: &str = "\u{e011}";
    /// The arrow that points up.
    pub const UP: &str = "\u{e013}";
    /// Held while the keys after it are typed, until [`super::Browser::keys`] ends.
    pub const CONTROL: &str = "\u{e009}";
    /// The same with this one.
    pub const SHIFT: &str = "\u{e008}";
}

/// Runs in every page before its own script, and notes what must not happen.
const WATCH: &str = "window.__seen = { alerts: 0, violations: [], errors: [] };
    for (const name of ['alert', 'confirm', 'prompt']) window[name] = () => { window.__seen.alerts += 1; };
    document.addEventListener('securitypolicyviolation', (e) => window.__seen.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
    addEventListener('error', (e) => window.__seen.errors.push(String(e.message)));
    addEventListener('unhandledrejection', (e) => window.__seen.errors.push(String(e.reason)));";

const FLAGS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--lang=en-US",
    "--hide-scrollbars",
    "--window-size=1280,800",
];

/// The shape and mood of a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// CSS pixels.
    pub width: u32,
    /// CSS pixels.
    pub height: u32,
    /// Whether it is a phone's, touched and not clicked.
    pub phone: bool,
    /// Whether the system asks for dark pages.
    pub dark: bool,
}

/// A browser with one page. End it with [`Browser::end`].
pub struct Browser {
    http: Http,
    session: String,
    driver: Child,
    profile: TempDir,
    _one: MutexGuard<'static, ()>,
}

impl Browser {
    /// Starts a browser. Without one on this machine it says so and gives nothing, unless `SHANTY_BROWSER=required`.
    ///
    /// # Panics
    /// When it is required and missing, or does not start.
    pub async fn start() -> Option<Self> {
        let Some((driver, chromium)) = installed() else {
            let required =
                std::env::var_os("SHANTY_BROWSER").is_some_and(|value| value == "required");
            assert!(!required, "chromium and chromedriver are not installed");
            note("chromium and chromedriver are not installed: nothing was checked in a browser\n");
            return None;
        };
        let one = ONE.lock().await;
        let profile = TempDir::with_prefix("shanty-browser-").expect("a directory can be made");
        let (driver, port) = launch(&driver, profile.path()).await;
        let mut browser = Self {
            http: Http::new(&format!("http://127.0.0.1:{port}/")),
            session: String::new(),
            driver,
            profile,
            _one: one,
        };
        browser.begin(&chromium).await;
        Some(browser)
    }

    async fn begin(&mut self, chromium: &Path) {
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).to_vec();
        flags.push(format!(
            "--user-data-dir={}/profile",
            self.profile.path().display()
        ));
        let options = json!({"binary": chromium, "args": flags});
        let body = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}});
        let (status, answer) = self.http.call(Method::POST, "session", &body).await;
        assert_eq!(status, 200, "the browser starts: {answer}");
        let session = answer["value"]["sessionId"].as_str();
        self.session = session.expect("a session has an id").to_owned();
        self.devtools(
            "Page.addScriptToEvaluateOnNewDocument",
            &json!({"source": WATCH}),
        )
        .await;
    }

    /// Opens an address.
    ///
    /// # Panics
    /// When the browser cannot.
    pub async fn open(&self, url: &str) {
        self.must("url", &json!({"url": url})).await;
    }

    /// Runs a function's body in the page, with `arguments`; what it returns.
    ///
    /// # Panics
    /// When it throws.
    pub async fn run(&self, script: &str, arguments: &Value) -> Value {
        self.must(
            "execute/sync",
            &json!({"script": script, "args": arguments}),
        )
        .await
    }

    /// The same for a promise, which is awaited.
    ///
    /// # Panics
    /// When it is rejected.
    pub async fn awaited(&self, expression: &str, arguments: &Value) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; \
             (async (...arguments) => ({expression}))(...arguments).then(done, (error) => done(`rejected: ${{error}}`));"
        );
        self.must(
            "execute/async",
            &json!({"script": script, "args": arguments}),
        )
        .await
    }

    /// Waits until an expression of the page gives something that is true of it, and gives it.
    ///
    /// # Panics
    /// After the bound, with what the page shows.
    pub async fn sees(&self, what: &str, expression: &str, arguments: &Value) -> Value {
        let script = format!(
            "const found = (() => {{ try {{ return {expression}; }} catch {{ return undefined; }} }})(); \
             return [found, found ? '' : document.body.innerText.slice(-3000)];"
        );
        wait::until(what, || async {
            let answer = self.run(&script, arguments).await;
            let found = answer[0].clone();
            let empty =
                matches!(&found, Value::Null | Value::Bool(false)) || found == "" || found == 0;
            if empty {
                Err(answer[1].clone())
            } else {
                Ok(found)
            }
        })
        .await
    }

    /// Waits until the element is there with this text in it.
    ///
    /// # Panics
    /// After the bound.
    pub async fn reads(&self, css: &str, text: &str) {
        let found = "[...document.querySelectorAll(arguments[0])].some((node) => node.textContent.includes(arguments[1]))";
        self.sees(&format!("{text:?} in {css}"), found, &json!([css, text]))
            .await;
    }

    /// Clicks what the selector finds, as soon as it can be clicked.
    ///
    /// # Panics
    /// After the bound.
    pub async fn click(&self, css: &str) {
        wait::until(&format!("{css} to be clicked"), || async {
            let find = json!({"using": "css selector", "value": css});
            let (status, found) = self.call(Method::POST, "element", &find).await;
            let reference = found["value"].as_object().filter(|_| status == 200);
            let Some(id) = reference.and_then(|map| map.values().next()?.as_str()) else {
                return Err(found);
            };
            let (status, answer) = self
                .call(Method::POST, &format!("element/{id}/click"), &json!({}))
                .await;
            if status == 200 { Ok(()) } else { Err(answer) }
        })
        .await;
    }

    /// Types on the keyboard, wherever the focus is.
    ///
    /// # Panics
    /// When the browser cannot.
    pub async fn keys(&self, text: &str) {
        let stroke = |kind: &str, c: char| json!({"type": kind, "value": c.to_string()});
        let is_held = |c: char| [key::CONTROL, key::SHIFT].contains(&c.to_string().as_str());
        let mut strokes = Vec::new();
        for c in text.chars() {
            strokes.push(stroke("keyDown", c));
            strokes.extend((!is_held(c)).then(|| stroke("keyUp", c)));
        }
        strokes.extend(
            text.chars()
                .filter(|c| is_held(*c))
                .map(|c| stroke("keyUp", c)),
        );
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": strokes});
        self.must("actions", &json!({"actions": [keyboard]})).await;
    }

    /// What a screen reader is told of the page: the role and the name of everything that is not left out.
    ///
    /// # Panics
    /// When the browser cannot tell.
    pub async fn accessible(&self) -> Vec<(String, String)> {
        let tree = self
            .devtools("Accessibility.getFullAXTree", &json!({}))
            .await;
        let nodes = tree["nodes"].as_array().expect("a tree has nodes");
        let said =
            |node: &Value, key: &str| node[key]["value"].as_str().unwrap_or_default().to_owned();
        let kept = nodes.iter().filter(|node| node["ignored"] != true);
        kept.map(|node| (said(node, "role"), said(node, "name")))
            .collect()
    }

    /// Makes the screen another one.
    ///
    /// # Panics
    /// When the browser cannot.
    pub async fn screen(&self, screen: Screen) {
        let size = json!({
            "width": screen.width, "height": screen.height, "deviceScaleFactor": 1, "mobile": screen.phone,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", &size)
            .await;
        let scheme = if screen.dark { "dark" } else { "light" };
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", &scheme).await;
    }

    /// Writes a picture of the page to the folder that `SHANTY_SCREENSHOTS` names, or else to one that goes with the browser.
    ///
    /// # Panics
    /// When it cannot be taken or written.
    pub async fn picture(&self, name: &str) -> Vec<u8> {
        let (status, answer) = self.call(Method::GET, "screenshot", &Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        let bytes = STANDARD.decode(answer["value"].as_str().unwrap_or_default());
        let bytes = bytes.expect("a picture is in base64");
        let folder = std::env::var_os("SHANTY_SCREENSHOTS")
            .map_or_else(|| self.profile.path().to_owned(), PathBuf::from);
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        std::fs::write(folder.join(format!("{name}.png")), &bytes)
            .expect("the picture can be written");
        bytes
    }

    /// Ends the browser in order.
    ///
    /// # Panics
    /// When something of it stays.
    pub async fn end(mut self) {
        self.call(Method::DELETE, "", &Value::Null).await;
        self.driver.kill().await.ok(); // it is gone
        let profile = self.profile.path().to_string_lossy().into_owned();
        let gone = || left::with_argument(&profile).is_empty();
        wait::until_true("the browser to be gone", gone).await;
    }

    async fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.must(
            "goog/cdp/execute",
            &json!({"cmd": command, "params": parameters}),
        )
        .await
    }

    async fn must(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call(Method::POST, path, body).await;
        assert_eq!(status, 200, "{path} {body}: {answer}");
        answer["value"].clone()
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let path = format!("session/{}/{path}", self.session);
        let call = self.http.call(method, path.trim_end_matches('/'), body);
        let answer = tokio::time::timeout(BOUND, call).await;
        answer.unwrap_or_else(|_| panic!("the browser does not answer {path}"))
    }
}

impl Drop for Browser {
    /// A test that failed leaves no browser.
    fn drop(&mut self) {
        left::kill_all(self.profile.path());
    }
}

/// chromedriver and Chromium, when both are installed.
fn installed() -> Option<(PathBuf, PathBuf)> {
    let paths = std::env::var_os("PATH")?;
    let find = |names: &[&str]| {
        let all = std::env::split_paths(&paths);
        all.flat_map(|folder| names.iter().map(move |name| folder.join(name)))
            .find(|path| path.is_file())
    };
    let chromium = ["chromium", "chromium-browser", "google-chrome"];
    Some((find(&["chromedriver"])?, find(&chromium)?))
}

fn note(text: &str) {
    use std::io::Write as _;
    std::io::stderr().write_all(text.as_bytes()).ok(); // nobody reads it
}

/// Starts chromedriver on a port of its own choice.
async fn launch(driver: &Path, folder: &Path) -> (Child, u16) {
    let mut command = Command::new(driver);
    command
        .arg("--port=0")
        .arg(format!("--log-path={}/driver.log", folder.display()))
        .env("HOME", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn().expect("chromedriver starts");
    let stdout = child
        .stdout
        .take()
        .expect("invariant: standard output is piped");
    let mut lines = BufReader::new(stdout).lines();
    let port = async {
        while let Ok(Some(line)) = lines.next_line().await {
            let said = line
                .strip_suffix('.')
                .and_then(|line| line.rsplit_once(" on port "));
            if let Some(port) = said.and_then(|(_, port)| port.parse().ok()) {
                return Some(port);
            }
        }
        None
    };
    let port = tokio::time::timeout(BOUND, port).await.ok().flatten();
    (child, port.expect("chromedriver says its port"))
}
