//! Through an HTTP proxy: joining, the link, and every way in which it does not work.

use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::controller::Controller;
use crate::program::{Running, agent, own_user, soon, stderr};

/// Where the controller is for whoever asks the proxy, which alone knows that name.
const NAME: &str = "shanty.example.net";

/// What stands in the address that the agent is given, and is to be seen nowhere.
const LOGIN: &str = "ann:hunter2";
const BASIC: &str = "Proxy-Authorization: Basic YW5uOmh1bnRlcjI=\r\n";

/// A proxy of a few lines: this machine has every name.
struct Proxy {
    port: u16,
    /// What it was asked, whole.
    asked: Arc<Mutex<Vec<String>>>,
    work: JoinSet<()>,
    tunnels: Arc<Mutex<JoinSet<()>>>,
}

impl Proxy {
    /// One that gives everybody this answer, and a way when there is none.
    async fn start(answer: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let tunnels = Arc::<Mutex<JoinSet<()>>>::default();
        let mut work = JoinSet::new();
        let (noted, opened) = (asked.clone(), tunnels.clone());
        work.spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let serving = serve(tcp, answer, noted.clone());
                opened.lock().unwrap().spawn(serving);
            }
        });
        Self {
            port,
            asked,
            work,
            tunnels,
        }
    }

    fn url(&self, login: &str) -> String {
        format!("http://{login}127.0.0.1:{}", self.port)
    }

    /// Breaks off everything that goes through it, and goes on.
    async fn cut(&self) {
        let mut tunnels = std::mem::take(&mut *self.tunnels.lock().unwrap());
        tunnels.shutdown().await;
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut tcp: TcpStream, answer: Option<&str>, asked: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = tcp.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let words = head.strip_prefix("CONNECT ").unwrap();
    let port = words.split_once(' ').unwrap().0.rsplit_once(':').unwrap().1;
    let port: u16 = port.parse().unwrap();
    asked.lock().unwrap().push(head);
    if let Some(answer) = answer {
        tcp.write_all(answer.as_bytes()).await.ok();
        return;
    }
    let mut there = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let yes = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 a\r\n\r\n";
    tcp.write_all(yes).await.unwrap();
    copy_bidirectional(&mut tcp, &mut there).await.ok();
}

async fn join(data: &Path, controller: &Controller, host: &str, env: &[(&str, &str)]) -> Output {
    let server = format!("{host}:{}", controller.join.port());
    let mut command = agent(data);
    command
        .args(["join", "--server", &server, "--name", "web-01"])
        .args(["--run-as", &own_user()])
        .env("SHANTY_TOKEN", controller.token());
    for name in ["HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.envs(env.iter().copied());
    soon("joining", command.output()).await.unwrap()
}

#[tokio::test]
async fn a_host_joins_and_links_through_its_proxy_and_again_when_that_breaks_off() {
    let mut controller = Controller::start().await;
    let proxy = Proxy::start(None).await;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("agent");
    let url = proxy.url(&format!("{LOGIN}@"));
    let joined = join(&data, &controller, NAME, &[("https_proxy", &url)]).await;
    assert!(joined.status.success(), "{}", stderr(&joined));
    let config = std::fs::read_to_string(data.join("agent.toml")).unwrap();
    assert!(config.contains(&format!("proxy = \"{url}\"")), "{config}");
    assert!(config.contains(&format!("link = \"{NAME}:")), "{config}");
    let short = "\n[limits]\nreconnect_min_ms = 20\nreconnect_max_ms = 100\n";
    std::fs::write(data.join("agent.toml"), config + short).unwrap();

    // A service has no such variables: what was so at the join is kept.
    let _agent = Running::start(&data, &[]);
    let (mut link, _) = controller.greeted().await;
    proxy.cut().await;
    while link.try_hear().await.is_some() {}
    controller.greeted().await;

    let asked = proxy.asked();
    assert!(asked.len() >= 3, "{asked:?}");
    let to = format!("CONNECT {NAME}:{} HTTP/1.1\r\n", controller.join.port());
    assert!(asked[0].starts_with(&to), "{asked:?}");
    for one in asked {
        assert!(one.contains(BASIC), "{one}");
        let begin = format!("CONNECT {NAME}:");
        assert!(one.starts_with(&begin), "{one}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_no_way_is_named_with_what_it_said_and_without_the_password() {
    let controller = Controller::start().await;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("agent");
    let allow = format!("it must allow CONNECT to {NAME}:");
    for (answer, login, said) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"a\"\r\n\r\n",
            "",
            "the proxy answered 407 Proxy Authentication Required: give it user and password, http://USER:PASSWORD@HOST:PORT",
        ),
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            LOGIN,
            "it does not take that user and password",
        ),
        ("HTTP/1.0 403 Forbidden\r\n\r\n", LOGIN, allow.as_str()),
        (
            "HTTP/1.1 502\r\n\r\n",
            "",
            "the proxy answered 502: it does not reach ",
        ),
        (
            "SSH-2.0-OpenSSH_9.2\r\n",
            LOGIN,
            "what answers there is no HTTP proxy",
        ),
        ("HTTP/1.1 200", "", "the proxy broke off"),
    ] {
        let proxy = Proxy::start(Some(answer)).await;
        let login = if login.is_empty() {
            String::new()
        } else {
            format!("{login}@")
        };
        let url = proxy.url(&login);
        let output = join(&data, &controller, NAME, &[("HTTPS_PROXY", &url)]).await;
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(75), "{told}");
        let through = format!("through the proxy http://127.0.0.1:{}", proxy.port);
        assert!(told.contains(said) && told.contains(&through), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
        assert_eq!(proxy.asked().len(), 1);
    }
    let nobody = [("ALL_PROXY", "http://127.0.0.1:1")];
    let output = join(&data, &controller, NAME, &nobody).await;
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(75), "{told}");
    assert!(told.contains("the proxy cannot be reached"), "{told}");
    let other = [("ALL_PROXY", "socks5://ann:hunter2@127.0.0.1:1")];
    let output = join(&data, &controller, NAME, &other).await;
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(
        told.contains("ALL_PROXY: no proxy of the kind `socks5`"),
        "{told}"
    );
    assert!(!told.contains("hunter2"), "{told}");
    assert!(controller.joins.lock().unwrap().is_empty());
}

#[tokio::test]
async fn this_machine_is_dialled_without_a_proxy() {
    let controller = Controller::start().await;
    let mut proxy = Proxy::start(Some("HTTP/1.1 403\r\n\r\n")).await;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("agent");
    let env = [("HTTPS_PROXY", proxy.url(""))];
    let env = env.each_ref().map(|(name, url)| (*name, url.as_str()));
    let joined = join(&data, &controller, "127.0.0.1", &env).await;
    assert!(joined.status.success(), "{}", stderr(&joined));
    let config = std::fs::read_to_string(data.join("agent.toml")).unwrap();
    assert!(!config.contains("proxy"), "{config}");
    assert!(proxy.asked().is_empty());
    proxy.work.shutdown().await;
}
