//! How much a hostile host slows another: `cargo bench --package shanty-tests --bench hostile`.
//!
//! `echo ok` on one host, at rest and while another identity attacks: first messages that name what is stored many times over, before and after
//! the host was removed; states and facts without end; connections that say nothing while a host comes back; places of the join port that four
//! addresses take.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::{Duration, Instant};

use shanty_certs::token::JoinToken;
use shanty_proto::v1::down::Kind as Down;
use shanty_proto::v1::up::Kind as Up;
use shanty_proto::v1::{self, ExecutionState};
use shanty_tests::peer::{self, Stolen};
use shanty_tests::{Options, Programs, World};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const ROUNDS: usize = 20;
/// Connections of the attacker at once.
const CONNECTIONS: usize = 24;
/// Output that the attacker has stored, MiB.
const STORED_MIB: u32 = 60;
const SILENT: usize = 228;

fn main() {
    shanty_tests::bench::run(all());
}

async fn all() {
    let programs = Programs {
        shanty: env!("CARGO_BIN_EXE_shanty-under-test").into(),
        agent: env!("CARGO_BIN_EXE_shanty-agent-under-test").into(),
        sandbox: env!("CARGO_BIN_EXE_shanty-sandbox-under-test").into(),
    };
    let options = Options {
        rate_limits: false,
        ..Options::default()
    };
    let hosts = [("web-01", "role=web"), ("evil", "role=evil")];
    let mut world = World::with_hosts(&programs, options, &hosts).await;
    let stored = world
        .detach(
            "evil",
            &format!("head -c {STORED_MIB}M /dev/urandom | base64"),
        )
        .await;
    let run = world.run_ends(&stored).await;
    let run = run["run"].as_str().unwrap_or_default().to_owned();
    world.host("evil").stop().await;
    let stolen = Stolen::of(&world, world.hosts.last().expect("there is one"));

    measure(&world, "at rest").await;
    let attack = spawn(CONNECTIONS, {
        let (stolen, run) = (stolen.clone(), run.clone());
        move || claims(stolen.clone(), run.clone())
    });
    measure(&world, "while a host claims to hold what is stored").await;
    drop(attack);
    let attack = spawn(2, {
        let (stolen, run) = (stolen.clone(), run.clone());
        move || floods(stolen.clone(), run.clone())
    });
    measure(&world, "while a host tells states and facts without end").await;
    drop(attack);
    let removed = world.shanty(&["hosts", "remove", "evil", "--yes"]).await;
    assert_eq!(removed.code, 0, "{removed:?}");
    let attack = spawn(CONNECTIONS, move || claims(stolen.clone(), run.clone()));
    measure(&world, "while a removed host claims to hold what is stored").await;
    drop(attack);
    silent(&mut world).await;
    crowded(&world).await;
    world.stop().await;
}

/// So many of it at once, each again and again.
fn spawn<F>(count: usize, attack: impl Fn() -> F + Clone + Send + 'static) -> JoinSet<()>
where
    F: Future<Output = ()> + Send,
{
    let mut attacks = JoinSet::new();
    for _ in 0..count {
        let attack = attack.clone();
        attacks.spawn(async move {
            loop {
                attack().await;
                tokio::task::yield_now().await;
            }
        });
    }
    attacks
}

/// One connection that names a run as often as it may.
async fn claims(stolen: Stolen, run: String) {
    let ended = v1::State {
        run,
        state: ExecutionState::Ended.into(),
        ..v1::State::default()
    };
    for times in [6, 1] {
        let Ok(channel) = stolen.dial().await else {
            return;
        };
        let hello = stolen.hello("one", vec![ended.clone(); times]);
        if let Ok(mut talk) = peer::talk(channel, hello).await {
            talk.next().await;
        }
    }
}

/// One link that says what it may as fast as it may.
async fn floods(stolen: Stolen, run: String) {
    let Ok(channel) = stolen.dial().await else {
        return;
    };
    let Ok(mut talk) = peer::talk(channel, stolen.hello("one", Vec::new())).await else {
        return;
    };
    if !matches!(talk.next().await, Some(Down::Welcome(_))) {
        return;
    }
    loop {
        let state = v1::State {
            run: run.clone(),
            state: ExecutionState::Running.into(),
            ..v1::State::default()
        };
        let told = talk.say(Up::State(state)).await;
        if !told || !talk.say(Up::Facts(v1::Facts::default())).await {
            return;
        }
    }
}

async fn measure(world: &World, when: &str) {
    // What an attack gets at first it does not get for long.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let ran = world
            .shanty(&["run", "--on", "web-01", "--", "echo ok"])
            .await;
        times.push(begun.elapsed());
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    times.sort();
    let ms = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
    println!(
        "echo ok {when}: {:.0} ms, {:.0} ms at most",
        ms(times.get(ROUNDS / 2)),
        ms(times.last())
    );
}

/// A host comes back beside connections that say nothing.
async fn silent(world: &mut World) {
    let address = world.ready["agents"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    for count in [0, SILENT] {
        world.host("web-01").stop().await;
        world.is_online("web-01", false).await;
        let mut connections = Vec::new();
        for _ in 0..count {
            connections.push(TcpStream::connect(&address).await.expect("a connection"));
        }
        let begun = Instant::now();
        world.host("web-01").run("keep").await;
        println!(
            "an agent from its start to its link beside {count} silent connections: {:.0} ms",
            begun.elapsed().as_secs_f64() * 1e3
        );
        drop(connections);
    }
}

/// A host joins beside connections of four networks that take all places of the join port.
async fn crowded(world: &World) {
    let address = world.join_address();
    for (name, each) in [("alone", 0), ("crowded", 64)] {
        let token = world.token(&["--name", name]).await;
        let pin = token.parse::<JoinToken>().expect("a token").pin();
        let crowd = peer::crowd(&address, pin, &peer::STRANGERS, each, "GET /i HTTP/1.1\r\n");
        let crowd = crowd.await.expect("the port takes them");
        let host = world.new_host(name);
        let begun = Instant::now();
        let joined = host.join(&address, &token).await;
        assert_eq!(joined.code, 0, "{joined:?}");
        println!(
            "a host joins beside {} connections of strangers: {:.0} ms",
            crowd.len(),
            begun.elapsed().as_secs_f64() * 1e3
        );
    }
}
