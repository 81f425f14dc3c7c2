//! Joining: who gets in with which token, and who never does.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use shanty_certs::agent::{AgentIdentity, AgentKey};
use shanty_certs::ca::Ca;
use shanty_certs::csr::Csr;
use shanty_certs::token::{JoinToken, RootPin};
use shanty_proto::v1;
use shanty_proto::v1::agents_client::AgentsClient;
use shanty_proto::v1::down::Kind;
use shanty_proto::v1::enroll_client::EnrollClient;
use shanty_tests::process::{self, Ran};
use shanty_tests::{Host, Options, World, peer, wait};
use tokio::io::AsyncWriteExt as _;
use tonic::Code;

use crate::programs;

const WEB: [(&str, &str); 1] = [("web-01", "role=web")];
/// No kernel says this.
const OTHER_BOOT: &str = "00000000-0000-4000-8000-000000000000";

async fn world(hosts: &[(&str, &str)]) -> World {
    World::with_hosts(&programs(), Options::default(), hosts).await
}

async fn join(world: &World, name: &str, token: &str) -> Ran {
    world
        .new_host(name)
        .join(&world.join_address(), token)
        .await
}

/// The tokens as `token list` shows them: one line each.
async fn tokens(world: &World) -> String {
    world.shanty(&["token", "list"]).await.out
}

async fn names(world: &World) -> String {
    world.shanty(&["hosts", "--names"]).await.out
}

fn pin(token: &str) -> RootPin {
    token.parse::<JoinToken>().unwrap().pin()
}

fn another_installation() -> (tempfile::TempDir, Ca) {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::open_or_create(&dir.path().join("ca"), SystemTime::now()).unwrap();
    (dir, ca)
}

fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
}

/// Programs are told a code, and people a sentence without one.
fn has_code(ran: &Ran, code: &str) -> bool {
    let told = ran.out.contains(&format!("\"code\":\"{code}\""));
    told && ran.err.starts_with("shanty-agent: ") && !ran.err.contains("E_")
}

/// The end of `shanty-agent run` that gets nowhere.
async fn run_in_vain(data: &Path) -> Ran {
    let data = data.to_string_lossy().into_owned();
    let args = ["run", "--data-dir", &data];
    process::run(&mut process::call(&programs().agent, &args)).await
}

#[tokio::test]
async fn a_token_of_the_wrong_shape_is_refused_before_anybody_is_dialled() {
    let good = JoinToken::generate(RootPin::from_bytes([7; 32])).unwrap();
    let good = good.reveal().to_string();
    let cut = |bytes: usize| good[..bytes].to_owned();
    let dir = tempfile::tempdir().unwrap();
    for (token, code, said) in [
        (String::new(), 64, "E_TOKEN"),
        ("hunter2".to_owned(), 64, "E_TOKEN"),
        (good.replace("sht1", "sht9"), 64, "E_TOKEN"),
        (format!("{good}.more"), 64, "E_TOKEN"),
        ("x".repeat(100_000), 64, "E_TOKEN"),
        (cut(30), 64, "E_TOKEN"),
        (cut(good.rfind('.').unwrap()), 78, "E_PIN_REQUIRED"),
        (cut(good.rfind('.').unwrap() + 1), 78, "E_PIN_REQUIRED"),
        (cut(good.len() - 4), 78, "E_PIN"),
    ] {
        // Nobody listens there: whoever dials would end with 75.
        let host = Host::new(&programs(), dir.path(), "web-01");
        let ran = host.join("127.0.0.1:1", &token).await;
        assert_eq!(ran.code, code, "{token}: {ran:?}");
        assert!(has_code(&ran, said), "{token}: {ran:?}");
        assert!(
            token.len() < 40 || !ran.err.contains(&token[20..40]),
            "{ran:?}"
        );
        assert!(!host.data.join("identity.pem").exists());
    }
}

#[tokio::test]
async fn a_token_of_another_controller_is_refused_and_its_secret_stays_here() {
    let world = world(&[]).await;
    let token = world.token(&[]).await;
    let ours = pin(&token);
    let (_dir, other) = another_installation();
    let foreign = JoinToken::generate(other.pin())
        .unwrap()
        .reveal()
        .to_string();
    // The right secret, if it were sent, would use up the token.
    let (good, _) = token.rsplit_once('.').unwrap();
    let (_, wrong_pin) = foreign.rsplit_once('.').unwrap();
    for token in [foreign.clone(), format!("{good}.{wrong_pin}")] {
        let ran = join(&world, "web-01", &token).await;
        assert_eq!(ran.code, 78, "{ran:?}");
        assert!(has_code(&ran, "E_PIN_MISMATCH"), "{ran:?}");
        for root in [other.pin(), ours] {
            assert!(ran.err.contains(&root.to_string()), "{root}: {ran:?}");
        }
    }
    assert!(tokens(&world).await.contains("0/1 used"));
    assert_eq!(names(&world).await, "");
    let ran = join(&world, "web-01", &token).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    world.end().await;
}

#[tokio::test]
async fn ten_joins_at_once_with_a_token_for_one_let_exactly_one_in() {
    let world = world(&[]).await;
    let token = world.token(&[]).await;
    let names: Vec<String> = (0..10).map(|n| format!("web-{n:02}")).collect();
    let joins = names.iter().map(|name| join(&world, name, &token));
    let ran = futures_util::future::join_all(joins).await;
    let in_ = ran.iter().filter(|ran| ran.code == 0).count();
    let refused: Vec<&Ran> = ran.iter().filter(|ran| ran.code != 0).collect();
    assert_eq!((in_, refused.len()), (1, 9), "{ran:?}");
    for ran in refused {
        assert_eq!(ran.code, 77, "{ran:?}");
        assert!(ran.err.contains("not valid"), "{ran:?}");
    }
    assert_eq!(self::names(&world).await.lines().count(), 1);
    assert!(tokens(&world).await.contains("1/1 used  used up"));
    world.end().await;
}

#[tokio::test]
async fn a_used_an_expired_and_a_revoked_token_are_refused_alike() {
    let world = world(&[]).await;
    let used = world.token(&[]).await;
    assert_eq!(join(&world, "web-01", &used).await.code, 0);
    let revoked = world.token(&["--uses", "2"]).await;
    let id = revoked.parse::<JoinToken>().unwrap().id();
    let ran = world.shanty(&["token", "revoke", &id]).await;
    assert_eq!((ran.code, ran.out), (0, format!("{id} is void.\n")));
    let expired = world.token(&["--ttl", "1s"]).await;
    wait::until("a token to expire", || async {
        let tokens = tokens(&world).await;
        if tokens.contains("expired") {
            Ok(())
        } else {
            Err(tokens)
        }
    })
    .await;
    let unknown = JoinToken::generate(pin(&used)).unwrap();
    let unknown = unknown.reveal().to_string();

    let mut said = Vec::new();
    for token in [&used, &revoked, &expired, &unknown] {
        let ran = join(&world, "web-02", token).await;
        assert_eq!(ran.code, 77, "{ran:?}");
        said.push(ran.err);
    }
    // Whoever has no good token does not learn which of these it is.
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("The join token is not valid"), "{said:?}");
    assert_eq!(names(&world).await, "web-01\n");
    world.end().await;
}

#[tokio::test]
async fn a_name_is_taken_once_and_follows_the_grammar() {
    let world = world(&WEB).await;
    let token = world.token(&["--uses", "5"]).await;
    let mut twin = world.new_host("web-01");
    twin.data = world.dir.path().join("twin");
    let ran = twin.join(&world.join_address(), &token).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    assert!(ran.err.contains("web-01 has joined already"), "{ran:?}");
    for name in [
        "",
        "Web",
        "web-",
        "web 1",
        "@everyone",
        "../etc",
        &"w".repeat(300),
    ] {
        let mut host = world.new_host(name);
        host.data = world.dir.path().join("nobody");
        let ran = host.join(&world.join_address(), &token).await;
        assert_eq!(ran.code, 64, "{name}: {ran:?}");
        assert!(has_code(&ran, "E_NAME"), "{name}: {ran:?}");
    }
    // Neither is one that a person would take for another's.
    for name in ["web-o1", "web_01", "web-0l", "vveb-01"] {
        let mut host = world.new_host(name);
        host.data = world.dir.path().join("nobody");
        let ran = host.join(&world.join_address(), &token).await;
        assert_eq!(ran.code, 77, "{name}: {ran:?}");
        let told = format!("{name} would be taken for the host web-01");
        assert!(ran.err.contains(&told), "{name}: {ran:?}");
    }
    // None of that used the token up, and a host that has joined does not join again.
    assert!(tokens(&world).await.contains("0/5 used"));
    let ran = world.hosts[0].join(&world.join_address(), &token).await;
    assert_eq!(ran.code, 73, "{ran:?}");
    assert!(ran.err.contains("already enrolled as web-01"), "{ran:?}");
    world.end().await;
}

#[tokio::test]
async fn only_agents_of_this_installation_get_through_the_link_port() {
    let mut world = world(&WEB).await;
    world.host("web-01").stop().await;
    let own = std::fs::read_to_string(world.hosts[0].data.join("identity.pem")).unwrap();
    let agent = hex_id(&own);
    let root = AgentIdentity::from_pem(own.as_bytes()).unwrap().pin();
    let address = world.ready["agents"].as_str().unwrap().to_owned();

    // The same call with the agent's own certificate is let in, so that the others fail for theirs alone.
    let channel = peer::connect(&address, root, &[&own]).await.unwrap();
    let first = peer::link(channel, &agent, OTHER_BOOT).await;
    assert!(matches!(first, Ok(Kind::Welcome(_))), "{first:?}");

    let (_dir, other) = another_installation();
    let key = AgentKey::generate().unwrap();
    let csr = Csr::check(&key.csr().unwrap()).unwrap();
    let id = AgentIdentity::from_pem(own.as_bytes())
        .unwrap()
        .peer()
        .agent;
    let chain = other
        .issue_agent(
            &csr,
            id,
            SystemTime::now(),
            std::time::Duration::from_secs(86_400),
        )
        .unwrap();
    let chain: Vec<Vec<u8>> = chain.iter().map(|der| der.to_vec()).collect();
    let foreign = AgentIdentity::new(&key, &chain, &other.pin()).unwrap();
    let foreign = foreign.to_pem().to_string();

    let ca = world.dir.path().join("controller/ca");
    let controller = std::fs::read_to_string(ca.join("controller.pem")).unwrap();
    let issuing = std::fs::read_to_string(ca.join("issuing.pem")).unwrap();
    let issuing = &issuing[issuing.find("-----BEGIN CERTIFICATE").unwrap()..];

    // Whoever shows none may be somebody of this machine who only looks.
    let (refused, looked) = ("a handshake failed", "showed no certificate");
    for (said, count, certificate) in [
        (refused, 1, vec![foreign.as_str()]),
        (refused, 2, vec![controller.as_str(), issuing]),
        (looked, 1, Vec::new()),
    ] {
        let first = match peer::connect(&address, root, &certificate).await {
            Ok(channel) => peer::link(channel, &agent, OTHER_BOOT)
                .await
                .map_err(|_| ()),
            Err(_) => Err(()),
        };
        assert!(first.is_err(), "{said} {count}: {first:?}");
        let times = || world.controller().log().matches(said).count() == count;
        wait::until_true("the controller to say why", times).await;
    }
    world.end().await;
}

#[tokio::test]
async fn no_method_exists_on_both_ports() {
    let mut world = world(&WEB).await;
    world.host("web-01").stop().await;
    let own = std::fs::read_to_string(world.hosts[0].data.join("identity.pem")).unwrap();
    let root = AgentIdentity::from_pem(own.as_bytes()).unwrap().pin();

    let join = peer::connect(&world.join_address(), root, &[])
        .await
        .unwrap();
    let call = AgentsClient::new(join.clone())
        .link(tokio_stream::empty())
        .await;
    assert_eq!(call.unwrap_err().code(), Code::Unimplemented);
    let call = EnrollClient::new(join)
        .join(v1::JoinRequest::default())
        .await;
    assert_eq!(call.unwrap_err().code(), Code::InvalidArgument);

    let agents = world.ready["agents"].as_str().unwrap();
    let link = peer::connect(agents, root, &[&own]).await.unwrap();
    let call = EnrollClient::new(link)
        .join(v1::JoinRequest::default())
        .await;
    assert_eq!(call.unwrap_err().code(), Code::Unimplemented);
    world.end().await;
}

#[tokio::test]
async fn a_copied_identity_on_another_machine_is_refused_while_the_first_lives() {
    // A boot id cannot be faked for our own agent without root, so this speaks the protocol itself.
    let mut world = world(&WEB).await;
    let own = std::fs::read_to_string(world.hosts[0].data.join("identity.pem")).unwrap();
    let agent = hex_id(&own);
    let root = AgentIdentity::from_pem(own.as_bytes()).unwrap().pin();
    let address = world.ready["agents"].as_str().unwrap().to_owned();
    let dial = async || peer::connect(&address, root, &[&own]).await.unwrap();

    let first = peer::link(dial().await, &agent, OTHER_BOOT).await;
    let Ok(Kind::Refused(refused)) = first else {
        panic!("{first:?}");
    };
    assert_eq!(refused.code(), v1::RefusedCode::Duplicate, "{refused:?}");
    let ran = world
        .shanty(&["run", "--on", "web-01", "--", "echo here"])
        .await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "here\n"), "{}", ran.err);

    // An agent that names another id than its certificate is nobody.
    let other = "0192f3a4b5c67d8e9fa0b1c2d3e4f506";
    let first = peer::link(dial().await, other, OTHER_BOOT).await;
    assert_eq!(first.unwrap_err().code(), Code::PermissionDenied);

    // Once the first is gone, the machine may have been booted anew.
    world.host("web-01").stop().await;
    world.is_online("web-01", false).await;
    let first = peer::link(dial().await, &agent, OTHER_BOOT).await;
    assert!(matches!(first, Ok(Kind::Welcome(_))), "{first:?}");
    world.end().await;
}

#[tokio::test]
async fn a_removed_host_stops_and_never_comes_back() {
    let mut world = world(&WEB).await;
    let ran = world.shanty(&["hosts", "remove", "web-01", "--yes"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let mut agent = world.host("web-01").take_agent();
    assert_eq!(agent.ended().await, 77);
    let log = agent.log();
    assert!(
        log.contains("this host was removed") && !log.contains("E_REVOKED"),
        "{log}"
    );
    assert_eq!(names(&world).await, "");

    let data = world.hosts[0].data.clone();
    for controller in ["the same", "the next"] {
        let ran = run_in_vain(&data).await;
        assert_eq!(ran.code, 77, "{controller}: {ran:?}");
        world.take_controller().stop().await;
        world.start_controller().await;
    }
    // Its name is kept until somebody frees it, for another identity then.
    let token = world.token(&[]).await;
    let mut next = world.new_host("web-01");
    next.data = world.dir.path().join("next");
    let ran = next.join(&world.join_address(), &token).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    assert!(ran.err.contains("`shanty hosts free web-01`"), "{ran:?}");
    let ran = world.shanty(&["hosts", "free", "web-01"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = next.join(&world.join_address(), &token).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(names(&world).await, "web-01\n");
    world.end().await;
}

#[tokio::test]
async fn a_secret_that_others_can_read_is_refused_by_its_name() {
    let mut world = world(&WEB).await;
    world.host("web-01").stop().await;
    let identity: PathBuf = world.hosts[0].data.join("identity.pem");
    open_to_all(&identity);
    let ran = run_in_vain(&world.hosts[0].data).await;
    assert_eq!(ran.code, 78, "{ran:?}");
    let chmod = format!("chmod 0600 {}", identity.display());
    assert!(ran.err.contains(&chmod), "{ran:?}");

    let file = world.dir.path().join("token");
    std::fs::write(&file, world.token(&[]).await).unwrap();
    open_to_all(&file);
    let data = world
        .dir
        .path()
        .join("other")
        .to_string_lossy()
        .into_owned();
    let (server, path) = (world.join_address(), file.to_string_lossy().into_owned());
    let args = [
        "join",
        "--server",
        &server,
        "--name",
        "db-01",
        "--data-dir",
        &data,
        "--run-as",
        &shanty_tests::host::own_user(),
        "--token-file",
        &path,
    ];
    let ran = process::run(&mut process::call(&programs().agent, &args)).await;
    assert_eq!(ran.code, 78, "{ran:?}");
    assert!(ran.err.contains(&format!("chmod 0600 {path}")), "{ran:?}");
    assert!(!Path::new(&data).join("identity.pem").exists());

    world.take_controller().stop().await;
    let config = world.config_path().to_string_lossy().into_owned();
    let secrets = [
        "bot-token",
        "controller/ca/issuing.pem",
        "controller/ca/root.key",
    ];
    for secret in secrets.map(|name| world.dir.path().join(name)) {
        open_to_all(&secret);
        let mut serve = process::call(&programs().shanty, &["serve", "--config", &config]);
        let ran = process::run(&mut serve).await;
        assert_eq!(ran.code, 78, "{ran:?}");
        let chmod = format!("chmod 0600 {}", secret.display());
        assert!(ran.err.contains(&chmod), "{ran:?}");
        std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    }
    world.start_controller().await;
    world.end().await;
}

/// The agent's id as the wire has it.
fn hex_id(identity: &str) -> String {
    let identity = AgentIdentity::from_pem(identity.as_bytes()).unwrap();
    shanty_core::ids::AgentId::from_bytes(identity.peer().agent).to_string()
}

/// Ports are mixed up, and other programs listen: it is said what answers there, when a host joins and when somebody looks why it has no link.
#[tokio::test]
async fn what_answers_instead_of_the_right_port_is_told() {
    let world = World::with_hosts(&programs(), Options::default(), &[("web-01", "role=web")]).await;
    let of = |listener: &str| world.ready[listener].as_str().unwrap().to_owned();
    let ssh = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (ssh_at, silent_at) = (ssh.local_addr().unwrap(), silent.local_addr().unwrap());
    let banner = async {
        loop {
            let (mut stream, _) = ssh.accept().await.unwrap();
            stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await.ok(); // it may be gone
        }
    };
    let closed = async {
        loop {
            drop(silent.accept().await.unwrap());
        }
    };
    let looked = async {
        let token = world.token(&[]).await;
        for (at, said) in [
            (of("agents"), "is the link port"),
            (of("http"), "does not speak TLS"),
            (ssh_at.to_string(), "does not speak TLS"),
        ] {
            let joined = world.new_host("web-02").join(&at, &token).await;
            assert_eq!(joined.code, 78, "{at}: {joined:?}");
            assert!(joined.err.contains(said), "{at}: {joined:?}");
        }
        let host = &world.hosts[0];
        let config = host.data.join("agent.toml");
        let before = std::fs::read_to_string(&config).unwrap();
        for (at, name, said) in [
            (of("join"), "link", "is the controller's join port"),
            (
                of("http"),
                "controller",
                "a web server without TLS (HTTP/1.",
            ),
            (
                ssh_at.to_string(),
                "controller",
                "an SSH server (SSH-2.0-OpenSSH_9.6)",
            ),
            (silent_at.to_string(), "controller", "handshake"),
            ("127.0.0.1:1".to_owned(), "connection", "refused"),
        ] {
            std::fs::write(&config, before.replace(&of("agents"), &at)).unwrap();
            let data = host.data.display().to_string();
            let args = ["doctor", "--data-dir", &data, "--json"];
            let agent = &world.programs().agent;
            let found = process::run(&mut process::call(agent, &args)).await;
            let found = found.json();
            let points = found["points"].as_array().unwrap();
            let broken = points.iter().find(|point| point["health"] == "broken");
            let broken = broken.unwrap_or_else(|| panic!("{at}: {found}"));
            assert_eq!(broken["name"], name, "{found}");
            assert!(
                broken["found"].as_str().unwrap().contains(said),
                "{at}: {found}"
            );
            assert!(
                !broken["mend"].as_str().unwrap().is_empty(),
                "{at}: {found}"
            );
        }
        std::fs::write(&config, before).unwrap();
    };
    tokio::select! {
        () = banner => {}
        () = closed => {}
        () = looked => {}
    }
    world.end().await;
}
