//! The authority's keys while hosts work: rotations under load, through kills and with hosts that are away, and the root's key elsewhere.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use shanty_certs::agent::{AgentIdentity, AgentKey};
use shanty_certs::ca::Ca;
use shanty_certs::token::{JoinToken, RootPin};
use shanty_proto::v1;
use shanty_proto::v1::agents_client::AgentsClient;
use shanty_proto::v1::down::Kind;
use shanty_proto::v1::enroll_client::EnrollClient;
use shanty_tests::split::SplitHost;
use shanty_tests::{Options, World, peer, wait};

use crate::programs;

const HOSTS: [(&str, &str); 2] = [("web-01", "role=web"), ("web-02", "role=web")];

/// Peers beside the real agents.
const PEERS: usize = 20;

async fn world(leaf: &str) -> World {
    let options = Options {
        limits: format!("[identities]\nleaf = {leaf:?}\n"),
        ..Options::default()
    };
    World::with_hosts(&programs(), options, &HOSTS).await
}

async fn status(world: &World) -> Value {
    let ran = world.shanty(&["ca", "status", "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.json()
}

/// Waits until the rotations that are under way look like this.
async fn rotations(world: &World, what: &str, are: impl Fn(&[Value]) -> bool) {
    wait::until(what, || async {
        let status = status(world).await;
        let all = status["rotations"].as_array().cloned().unwrap_or_default();
        if are(&all) { Ok(()) } else { Err(status) }
    })
    .await;
}

async fn none_is_under_way(world: &World) {
    rotations(world, "the end of the rotation", <[Value]>::is_empty).await;
}

/// A command on all real hosts that waits for one that changes its link.
async fn runs(world: &World, line: &str) {
    let command = format!("echo {line}");
    let ran = world
        .shanty(&[
            "run",
            "--on",
            "role=web",
            "--offline",
            "queue",
            "--",
            &command,
        ])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.out.matches(line).count(), HOSTS.len(), "{ran:?}");
}

/// The deeds of one kind that the journal has, with what they say.
async fn recorded(world: &World, kind: &str) -> Vec<Value> {
    let ran = world.shanty(&["audit", "export"]).await;
    let records = ran
        .out
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    records
        .filter(|record: &Value| record["kind"] == kind)
        .collect()
}

/// In the middle of what the controller says.
fn when(renewal: v1::Renewal) -> tokio::time::Instant {
    let wait = Duration::from_millis(renewal.in_ms + renewal.over_ms / 2);
    tokio::time::Instant::now() + wait
}

/// A host that is no agent of ours, and renews when it is told to.
struct Peer {
    agent: String,
    address: String,
    pin: RootPin,
    identity: AgentIdentity,
}

impl Peer {
    async fn join(join: &str, address: &str, token: &str, name: &str) -> Self {
        let token: JoinToken = token.parse().unwrap();
        let key = AgentKey::generate().unwrap();
        let channel = peer::connect(join, token.pin(), &[]).await.unwrap();
        let request = v1::JoinRequest {
            token_id: token.id(),
            token_secret: token.secret().to_vec(),
            csr: key.csr().unwrap(),
            name: name.to_owned(),
            version: "0.0.0".to_owned(),
        };
        let reply = EnrollClient::new(channel).join(request).await.unwrap();
        let reply = reply.into_inner();
        let identity = AgentIdentity::new(&key, &reply.chain, &token.pin()).unwrap();
        Self {
            agent: reply.agent,
            address: address.to_owned(),
            pin: token.pin(),
            identity,
        }
    }

    /// Keeps a link, and renews when it is time; counts links, and ends of links that were not its own. Ends when the controller does.
    async fn keep(mut self, links: Arc<AtomicUsize>, broken: Arc<AtomicUsize>) {
        loop {
            let pem = self.identity.to_pem().to_string();
            let Ok(channel) = peer::connect(&self.address, self.pin, &[&pem]).await else {
                return;
            };
            let hello = peer::hello(
                &self.agent,
                "00000000-0000-4000-8000-000000000000",
                &self.agent,
                Vec::new(),
            );
            let mut talk = peer::talk(channel.clone(), hello).await.unwrap();
            let Some(Kind::Welcome(welcome)) = talk.next().await else {
                broken.fetch_add(1, Ordering::Relaxed);
                return;
            };
            links.fetch_add(1, Ordering::Relaxed);
            let mut due = when(welcome.renewal.unwrap_or_default());
            loop {
                match tokio::time::timeout_at(due, talk.next()).await {
                    Err(_) if self.renew(channel.clone()).await => break,
                    Err(_) => due += Duration::from_secs(1),
                    Ok(Some(Kind::Renewal(again))) => due = when(again),
                    Ok(Some(_)) => {}
                    Ok(None) => {
                        broken.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                }
            }
        }
    }

    async fn renew(&mut self, channel: tonic::transport::Channel) -> bool {
        let key = AgentKey::generate().unwrap();
        let csr = key.csr().unwrap();
        let asked = AgentsClient::new(channel)
            .renew(v1::RenewRequest { csr })
            .await;
        let Ok(reply) = asked else {
            return false;
        };
        self.identity = AgentIdentity::new(&key, &reply.into_inner().chain, &self.pin).unwrap();
        true
    }
}

#[tokio::test]
async fn the_issuing_key_is_rotated_under_a_loop_of_runs_and_nothing_is_lost() {
    let world = world("2m").await;
    let token = world.token(&["--uses", "50", "--name", "peer-*"]).await;
    let (join, address) = (
        world.join_address(),
        world.ready["agents"].as_str().unwrap().to_owned(),
    );
    let (links, broken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut peers = tokio::task::JoinSet::new();
    for n in 0..PEERS {
        let peer = Peer::join(&join, &address, &token, &format!("peer-{n:02}")).await;
        peers.spawn(peer.keep(Arc::clone(&links), Arc::clone(&broken)));
    }
    let all_linked = || links.load(Ordering::Relaxed) >= PEERS;
    wait::until_true("all peers to have links", all_linked).await;
    let before = status(&world).await;

    let ran = world
        .shanty(&["ca", "rotate", "issuing", "--over", "2s"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.contains("of 22 hosts have the new one"),
        "{}",
        ran.out
    );
    let again = world.shanty(&["ca", "rotate", "issuing"]).await;
    assert!(
        again.code != 0 && again.err.contains("not retired yet"),
        "{again:?}"
    );
    let mut line = 0;
    loop {
        line += 1;
        runs(&world, &format!("line-{line}")).await;
        let status = status(&world).await;
        if status["rotations"].as_array().unwrap().is_empty() {
            break;
        }
        assert!(line < 2_000, "{status}");
    }
    runs(&world, "after").await;
    let after = status(&world).await;
    assert_ne!(after["issuing"]["pin"], before["issuing"]["pin"]);
    assert_eq!(after["root"]["pin"], before["root"]["pin"]);
    assert_eq!(
        broken.load(Ordering::Relaxed),
        0,
        "no link but those that hosts ended themselves"
    );
    assert!(links.load(Ordering::Relaxed) >= 2 * PEERS);
    let directory = world.dir.path().join("controller/ca");
    let ca = Ca::open_or_create(&directory, SystemTime::now()).unwrap();
    for host in &world.hosts {
        let pem = std::fs::read(host.data.join("identity.pem")).unwrap();
        let identity = AgentIdentity::from_pem(&pem).unwrap();
        assert!(
            ca.is_ours(identity.leaf()),
            "{} has one by the new key",
            host.name
        );
    }
    let retired = recorded(&world, "authority_retired").await;
    assert_eq!(retired.len(), 1, "{retired:?}");
    peers.shutdown().await;
    world.end().await;
}

#[tokio::test]
async fn a_rotation_goes_on_through_kills_waits_for_who_is_away_and_lists_whom_force_loses() {
    let mut world = world("3s").await;
    // Killed while it is asked for: it is done, or it never was.
    let asked = ["ca", "rotate", "issuing", "--over", "1s"];
    world.host("web-02").stop().await;
    let mut call = world.shanty_call(&asked).spawn().unwrap();
    world.take_controller().kill().await;
    call.wait().await.unwrap();
    world.start_controller().await;
    if status(&world).await["rotations"]
        .as_array()
        .unwrap()
        .is_empty()
    {
        let ran = world.shanty(&asked).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    // And while hosts renew.
    world.take_controller().kill().await;
    world.start_controller().await;
    rotations(&world, "only web-02 to be missing", |all| {
        all.len() == 1
            && all[0]["pending"] == serde_json::json!([])
            && all[0]["away"] == serde_json::json!(["web-02"])
    })
    .await;
    let ran = world.shanty(&["ca", "status"]).await;
    assert!(
        ran.out.contains("1 of 2 hosts have the new one") && ran.out.contains("come back: web-02"),
        "{}",
        ran.out
    );
    let refused = world.shanty(&["ca", "retire", "issuing"]).await;
    assert!(
        refused.code != 0 && refused.err.contains("web-02"),
        "{refused:?}"
    );

    // It was away until its certificate, by the former key, ran out.
    let pem = std::fs::read(world.host("web-02").data.join("identity.pem")).unwrap();
    let not_after = AgentIdentity::from_pem(&pem).unwrap().peer().not_after;
    let over = || SystemTime::now() > not_after + Duration::from_secs(1);
    wait::until_true("a certificate to run out", over).await;
    world.host("web-02").run("keep").await;
    none_is_under_way(&world).await;
    world.take_controller().kill().await;
    world.start_controller().await;
    none_is_under_way(&world).await;
    runs(&world, "both").await;

    // Another one, which does not wait for it.
    world.host("web-02").stop().await;
    let ran = world.shanty(&asked).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    rotations(&world, "only web-02 to be missing", |all| {
        all.len() == 1
            && all[0]["pending"] == serde_json::json!([])
            && all[0]["away"] == serde_json::json!(["web-02"])
    })
    .await;
    let asked_first = world.shanty(&["ca", "retire", "issuing", "--force"]).await;
    assert_eq!(asked_first.code, 64, "{asked_first:?}");
    assert!(
        asked_first
            .err
            .contains("1 host would have to join anew: web-02"),
        "{asked_first:?}"
    );
    let forced = world
        .shanty(&["ca", "retire", "issuing", "--force", "--yes"])
        .await;
    assert_eq!(forced.code, 0, "{forced:?}");
    assert!(
        forced.out.contains("1 host must join anew") && forced.out.contains("web-02"),
        "{forced:?}"
    );
    none_is_under_way(&world).await;
    let retired = recorded(&world, "authority_retired").await;
    let lost: Vec<usize> = retired
        .iter()
        .map(|one| one["lost"].as_array().unwrap().len())
        .collect();
    assert_eq!(lost, [0, 1], "{retired:?}");
    let data = world.host("web-02").data.to_string_lossy().into_owned();
    let agent = shanty_tests::process::call(&programs().agent, &["run", "--data-dir", &data]);
    let log = world.dir.path().join("lost.log");
    let mut lost = shanty_tests::process::Process::launch("web-02", agent, log);
    assert_eq!(lost.ended().await, 77, "{}", lost.log());
    assert!(
        lost.log().contains("not of this controller's authority"),
        "{}",
        lost.log()
    );
    let ran = world
        .shanty(&[
            "run",
            "--on",
            "web-01",
            "--offline",
            "queue",
            "--",
            "echo here",
        ])
        .await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "here\n"), "{}", ran.err);
    world.end().await;
}

#[tokio::test]
async fn the_roots_key_is_taken_elsewhere_and_brought_when_it_is_needed() {
    let mut world = world("1h").await;
    let root = world.shanty(&["ca", "export"]).await;
    assert!(
        root.code == 0 && root.out.starts_with("-----BEGIN CERTIFICATE-----"),
        "{root:?}"
    );
    assert!(!root.out.contains("PRIVATE"), "{root:?}");
    let place = world.dir.path().join("safe");
    let dir = place.to_string_lossy().into_owned();
    let here = world.dir.path().join("controller/ca/root.key");
    let copied = world.shanty(&["ca", "export", "--root", &dir]).await;
    assert_eq!(copied.code, 0, "{copied:?}");
    assert!(here.exists() && status(&world).await["root_key_here"] == true);
    let moved = world
        .shanty(&["ca", "export", "--root", &dir, "--shred"])
        .await;
    assert_eq!(moved.code, 0, "{moved:?}");
    assert!(!here.exists() && status(&world).await["root_key_here"] == false);
    let key = place.join("root.key");
    let mode = std::fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let shredded: Vec<Value> = recorded(&world, "root_exported").await;
    let shredded: Vec<bool> = shredded.iter().map(|one| one["shredded"] == true).collect();
    assert_eq!(shredded, [false, false, true]);

    // Nothing else depends on it.
    world.take_controller().stop().await;
    world.start_controller().await;
    world.is_online("web-01", true).await;
    world.add_host("db-01", "role=db").await;
    let refused = world.shanty(&["ca", "rotate", "issuing"]).await;
    assert!(
        refused.code != 0 && refused.err.contains("--root-key FILE"),
        "{refused:?}"
    );
    let other = world.dir.path().join("other.key");
    let pem = std::fs::read(world.dir.path().join("controller/ca/issuing.pem")).unwrap();
    shanty_certs::files::write_secret(&other, &pem).unwrap();
    let args = |path: &std::path::Path| {
        [
            "ca",
            "rotate",
            "issuing",
            "--root-key",
            &path.to_string_lossy(),
        ]
        .map(str::to_owned)
    };
    let wrong = args(&other);
    let refused = world.shanty(&wrong.each_ref().map(String::as_str)).await;
    assert!(
        refused.code != 0 && refused.err.contains("not the key of this root"),
        "{refused:?}"
    );
    let right = args(&key);
    let rotated = world.shanty(&right.each_ref().map(String::as_str)).await;
    assert_eq!(rotated.code, 0, "{rotated:?}");
    assert_eq!(
        status(&world).await["rotations"].as_array().unwrap().len(),
        1
    );
    world.end().await;
}

#[tokio::test]
async fn the_key_for_orders_is_rotated_through_kills_and_hosts_that_were_away_take_it_up_when_they_are_back()
 {
    let mut world = world("1h").await;
    let split = SplitHost::start(&world, "app-01").await;
    let keys = split.executor_dir().join("orders.pub");
    let known = || {
        let text = std::fs::read_to_string(&keys).unwrap();
        text.lines()
            .filter(|line| line.starts_with("ed25519 "))
            .count()
    };
    world.host("web-02").stop().await;
    let before = status(&world).await;
    let only_web_02 = |all: &[Value]| {
        all.len() == 1
            && all[0]["key"] == "orders"
            && all[0]["taken"] == 2
            && all[0]["away"] == serde_json::json!(["web-02"])
    };
    let ran = world.shanty(&["ca", "rotate", "orders"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    rotations(&world, "only web-02 to be missing", only_web_02).await;
    assert_eq!(known(), 2, "both are good");
    let refused = world.shanty(&["ca", "rotate", "orders"]).await;
    assert!(
        refused.code != 0 && refused.err.contains("not retired yet"),
        "{refused:?}"
    );
    world.take_controller().kill().await;
    world.start_controller().await;
    rotations(&world, "only web-02 to be missing", only_web_02).await;
    for host in ["app-01", "web-01"] {
        world.is_online(host, true).await;
        let ran = world
            .shanty(&["run", "--on", host, "--", "echo here"])
            .await;
        assert_eq!((ran.code, ran.out.as_str()), (0, "here\n"), "{}", ran.err);
    }
    // Who joins meanwhile takes it up as others do.
    world.add_host("db-01", "role=db").await;
    world.host("web-02").run("keep").await;
    none_is_under_way(&world).await;
    let after = status(&world).await;
    assert_ne!(after["orders"]["pin"], before["orders"]["pin"]);
    wait::until_true("the former key to be known no more", || known() == 1).await;
    runs(&world, "all").await;
    let ran = world
        .shanty(&["run", "--on", "app-01,db-01", "--", "echo here"])
        .await;
    assert_eq!(
        (ran.code, ran.out.matches("here").count()),
        (0, 2),
        "{ran:?}"
    );

    // Without waiting for who is away: that host takes no orders any more, and says what to do.
    world.host("web-02").stop().await;
    let ran = world.shanty(&["ca", "rotate", "orders"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    rotations(&world, "only web-02 to be missing", |all| {
        all.len() == 1 && all[0]["pending"] == serde_json::json!([])
    })
    .await;
    let forced = world
        .shanty(&["ca", "retire", "orders", "--force", "--yes"])
        .await;
    assert!(
        forced.code == 0 && forced.out.contains("web-02"),
        "{forced:?}"
    );
    world.host("web-02").run("keep").await;
    let ran = world
        .shanty(&["run", "--on", "web-02", "--", "echo here"])
        .await;
    let said = format!("{}{}", ran.out, ran.err);
    assert!(ran.code != 0 && said.contains("this host knows"), "{ran:?}");
    let ran = world
        .shanty(&["run", "--on", "app-01", "--", "echo here"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    split.stop().await;
    world.end().await;
}
