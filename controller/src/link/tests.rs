//! The link service without a network: an agent's words go in, and what it is told comes out, in order.

use std::time::{Duration, SystemTime};

use rusqlite::Connection as Sqlite;
use shanty_certs::identity::PeerIdentity;
use shanty_core::ids::RunId;
use shanty_core::journal::Kind;
use shanty_proto::v1::agents_client::AgentsClient;
use shanty_proto::v1::down::Kind as Down;
use shanty_proto::v1::up::Kind as Up;
use shanty_proto::v1::{self, ExecutionState, RefusedCode};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status, Streaming};

use super::accept::Peer;
use super::agents::Agents;
use super::connection::Connection;
use super::*;
use crate::supervise::Supervisor;
use crate::testing::{FakeLink, Rig, agent, spool, within};

mod renewal;

/// The service on a hub.
struct Service {
    rig: Rig,
    client: AgentsClient<AgentsServer<Agents>>,
    shutdown: CancellationToken,
    _supervisor: Supervisor,
}

/// An agent's end of a link.
struct Agent {
    up: mpsc::Sender<v1::Up>,
    down: Streaming<v1::Down>,
}

impl Service {
    async fn start() -> Self {
        let rig = Rig::start().await;
        let supervisor = Supervisor::default();
        let orders = Arc::new(OrderKeys::of(
            shanty_certs::orders::OrderKey::generate().unwrap(),
        ));
        let authority = Authority::open(rig.ca.clone(), orders.clone(), rig.hub.clone()).await;
        let agents = Agents {
            authority: authority.unwrap(),
            orders,
            hub: rig.hub.clone(),
            output: rig.output.clone(),
            inputs: rig.inputs.clone(),
            budgets: Budgets::default(),
            spawner: supervisor.spawner(),
            shutdown: supervisor.shutdown(),
            leaf_ms: 3_600_000,
        };
        Self {
            rig,
            client: AgentsClient::new(AgentsServer::new(agents)),
            shutdown: supervisor.shutdown(),
            _supervisor: supervisor,
        }
    }

    /// Whoever has the certificate of this host, or none, opens a link and says this first.
    async fn open(&mut self, certified: Option<u8>, first: Up) -> Result<Agent, Status> {
        self.open_on(&Arc::default(), certified, first).await
    }

    async fn open_on(
        &mut self,
        connection: &Arc<Connection>,
        certified: Option<u8>,
        first: Up,
    ) -> Result<Agent, Status> {
        self.open_as(peer(connection, certified), first).await
    }

    async fn open_as(&mut self, peer: Peer, first: Up) -> Result<Agent, Status> {
        let (up, messages) = mpsc::channel(64);
        up.try_send(v1::Up { kind: Some(first) }).unwrap();
        let mut request = Request::new(ReceiverStream::new(messages));
        request.extensions_mut().insert(peer);
        let answered = within("a link", self.client.link(request)).await?;
        let down = answered.into_inner();
        Ok(Agent { up, down })
    }

    /// A host with a link, past its welcome and its first ping.
    async fn linked(&mut self, n: u8) -> Agent {
        let mut agent = self.open(Some(n), hello(n, Vec::new())).await.unwrap();
        assert!(matches!(agent.next().await, Some(Down::Welcome(_))));
        agent
    }

    /// A run that host 1 was ordered.
    async fn ordered(&self, agent: &mut Agent) -> RunId {
        let run = self.rig.run("web-01").await;
        assert!(matches!(agent.next().await, Some(Down::Start(_))));
        run
    }

    async fn is_online(&self, n: u8) -> bool {
        let known = within("the hub", self.rig.hub.known()).await.unwrap();
        known.fleet.is_online(agent(n))
    }

    /// Waits until the hub knows that a host has no link.
    async fn offline(&self, n: u8) {
        let gone = async { while self.is_online(n).await {} };
        within("the end of a link", gone).await;
    }
}

impl Agent {
    async fn say(&self, kind: Up) {
        self.up.send(v1::Up { kind: Some(kind) }).await.unwrap();
    }

    /// What is said next, but for pings; nothing when the link has ended.
    async fn next(&mut self) -> Option<Down> {
        loop {
            let down = within("a word to an agent", self.down.message()).await;
            match down.unwrap()?.kind {
                Some(Down::Ping(_)) => {}
                kind => return kind,
            }
        }
    }

    /// Why the link is closed, which is the last that is said.
    async fn refused(&mut self) -> (RefusedCode, String) {
        let next = self.next().await;
        let Some(Down::Refused(refused)) = next else {
            panic!("the link goes on: {next:?}")
        };
        assert_eq!(self.next().await, None, "it is closed");
        (refused.code(), refused.text)
    }
}

/// Whoever has the certificate of this host, or none.
fn peer(connection: &Arc<Connection>, certified: Option<u8>) -> Peer {
    let identity = certified.map(|n| PeerIdentity {
        agent: *agent(n).as_bytes(),
        key_sha256: [n; 32],
        issued: SystemTime::UNIX_EPOCH,
        serial: "1".to_owned(),
        not_after: SystemTime::now() + Duration::from_secs(3_600),
    });
    Peer {
        identity,
        from: ([127, 0, 0, 1], 9).into(),
        leaf: certified.map(|n| vec![n]).unwrap_or_default(),
        binding: None,
        connection: Arc::clone(connection),
        visit: None,
    }
}

fn hello(n: u8, executions: Vec<v1::State>) -> Up {
    Up::Hello(v1::Hello {
        agent: agent(n).to_string(),
        boot_id: "boot".to_owned(),
        instance: "one".to_owned(),
        version: "1.0.0".to_owned(),
        takes_input: true,
        takes_upkeep: true,
        executions,
        ..v1::Hello::default()
    })
}

fn state(run: RunId, state: ExecutionState) -> v1::State {
    v1::State {
        run: run.to_string(),
        state: state.into(),
        ..v1::State::default()
    }
}

fn output(run: RunId, offset: u64, bytes: &[u8]) -> Up {
    Up::Output(v1::Output {
        run: run.to_string(),
        offset,
        bytes: bytes.to_vec(),
    })
}

fn broken(why: &str) -> (RefusedCode, String) {
    (RefusedCode::Protocol, why.to_owned())
}

#[tokio::test]
async fn nobody_has_a_link_without_a_certificate_and_its_own_name() {
    let mut service = Service::start().await;
    let metrics = Up::Metrics(v1::Metrics::default());
    let many = vec![v1::State::default(); 2_001];
    let nonsense = vec![v1::State::default()];
    let unknown_state = vec![state(
        RunId::from_bytes([1; 16]),
        ExecutionState::Unspecified,
    )];
    for (certified, first, code) in [
        (None, hello(1, Vec::new()), Code::Unauthenticated),
        (Some(1), hello(2, Vec::new()), Code::PermissionDenied),
        (Some(1), metrics, Code::FailedPrecondition),
        (Some(1), hello(1, many), Code::InvalidArgument),
        (Some(1), hello(1, nonsense), Code::InvalidArgument),
        (Some(1), hello(1, unknown_state), Code::InvalidArgument),
    ] {
        let refused = service.open(certified, first).await.err();
        assert_eq!(refused.expect("no link").code(), code);
        assert!(!service.is_online(1).await);
    }
}

#[tokio::test]
async fn a_host_that_has_not_joined_is_told_so() {
    let mut service = Service::start().await;
    let mut stranger = service.open(Some(77), hello(77, Vec::new())).await.unwrap();
    let (code, _) = stranger.refused().await;
    assert_eq!(code, RefusedCode::UnknownAgent);
}

#[tokio::test]
async fn output_of_a_run_that_is_not_its_own_closes_the_link() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    let mut two = service.linked(2).await;
    let run = service.ordered(&mut one).await;
    let (bytes, _) = spool(run, 1, &["mine\n"]);
    two.say(output(run, 0, &bytes)).await;
    let why = "output of a run that is not its own";
    assert_eq!(two.refused().await, broken(why));
    service.offline(2).await;
    assert!(service.is_online(1).await);
    for n in [1, 2] {
        let stored = service.rig.output.load(run, agent(n)).await.unwrap();
        assert_eq!(stored.stored.borrow().len, 0, "nothing is stored of it");
    }
}

#[tokio::test]
async fn what_breaks_the_rules_closes_the_link_with_a_reason() {
    let mut service = Service::start().await;
    let run = RunId::from_bytes([1; 16]);
    let long = vec![b'x'; limits::CHUNK_BYTES_MAX + 1];
    let mut nameless = v1::Output::default();
    "none".clone_into(&mut nameless.run);
    nameless.bytes.push(b'x');
    for (said, why) in [
        (hello(1, Vec::new()), "a second Hello"),
        (output(run, 0, &long), "a slice of output is too long"),
        (output(run, 0, b""), "a slice of output is empty"),
        (Up::Output(nameless), "`run` is not an id"),
    ] {
        let mut one = service.linked(1).await;
        one.say(said).await;
        assert_eq!(one.refused().await, broken(why));
        service.offline(1).await;
    }
}

#[tokio::test]
async fn a_slice_past_the_end_of_an_output_closes_the_link() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    let run = service.ordered(&mut one).await;
    let (bytes, _) = spool(run, 1, &["up\n"]);
    one.say(output(run, 0, &bytes)).await;
    one.say(output(run, bytes.len() as u64, b"more")).await;
    let refused = loop {
        match one.next().await {
            Some(Down::Ack(_) | Down::Release(_)) => {}
            other => break other,
        }
    };
    let Some(Down::Refused(refused)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(refused.code(), RefusedCode::Protocol);
    service.offline(1).await;
}

#[tokio::test]
async fn what_is_stored_is_acknowledged_when_it_is_committed_and_not_before() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    let run = service.ordered(&mut one).await;
    let (bytes, ends) = spool(run, 1, &["up\n"]);
    // Somebody else writes: the commit has to wait.
    let file = Sqlite::open(service.rig.dir.path().join("output.db")).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    one.say(output(run, 0, &bytes[..ends[1]])).await;
    one.say(Up::State(state(run, ExecutionState::Running)))
        .await;
    // The state came after the slice, so the slice is on its way when that is known.
    let started = Kind::Started {
        run,
        agent: agent(1),
    };
    let recorded = service.rig.recorded("the start", |kind| *kind == started);
    recorded.await;
    let next = service.rig.run("web-01").await;
    let Some(Down::Start(start)) = one.next().await else {
        panic!("an acknowledgement of what is not committed")
    };
    assert_eq!(start.run, next.to_string());

    file.execute_batch("COMMIT").unwrap();
    let acked = v1::Ack {
        run: run.to_string(),
        offset: ends[1] as u64,
    };
    assert_eq!(one.next().await, Some(Down::Ack(acked)));
    let stored = service.rig.output.read(run, agent(1), 0, 4_096).await;
    assert_eq!(stored.unwrap(), &bytes[..ends[1]]);
}

#[tokio::test]
async fn a_hole_in_an_output_is_asked_for_again() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    let run = service.ordered(&mut one).await;
    let (bytes, ends) = spool(run, 1, &["up\n"]);
    one.say(output(run, ends[0] as u64, &bytes[ends[0]..]))
        .await;
    let resume = v1::Resume {
        run: run.to_string(),
        from: 0,
    };
    assert_eq!(one.next().await, Some(Down::Resume(resume)));
    one.say(output(run, 0, &bytes)).await;
    let over = service.rig.over(run).await;
    assert!(over.all_ended());
}

#[tokio::test]
async fn a_host_that_comes_back_is_told_what_is_stored_and_its_end_is_not_lost() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    let run = service.ordered(&mut one).await;
    let (bytes, ends) = spool(run, 1, &["up\n"]);
    service.rig.store((run, 1), &bytes[..ends[1]]).await;
    drop(one);
    service.offline(1).await;
    let foreign = state(RunId::from_bytes([1; 16]), ExecutionState::Running);
    let own = v1::State {
        spool_len: bytes.len() as u64,
        ..state(run, ExecutionState::Ended)
    };
    let back = service.open(Some(1), hello(1, vec![foreign, own])).await;
    let mut back = back.unwrap();
    let Some(Down::Welcome(welcome)) = back.next().await else {
        panic!("a welcome comes first")
    };
    let acked = v1::Ack {
        run: run.to_string(),
        offset: ends[1] as u64,
    };
    assert_eq!(welcome.acked, [acked], "and nothing of a foreign run");
    back.say(output(run, ends[1] as u64, &bytes[ends[1]..]))
        .await;
    service.rig.over(run).await;
}

#[tokio::test]
async fn a_host_that_lost_what_is_stored_here_is_not_waited_for() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    let run = service.ordered(&mut one).await;
    let (bytes, ends) = spool(run, 1, &["up\n"]);
    service.rig.store((run, 1), &bytes[..ends[1]]).await;
    drop(one);
    service.offline(1).await;
    let short = v1::State {
        spool_len: ends[0] as u64,
        ..state(run, ExecutionState::Ended)
    };
    let back = service.open(Some(1), hello(1, vec![short])).await;
    let _back = back.unwrap();
    let over = service.rig.over(run).await;
    assert_eq!(over.execution(agent(1)).unwrap().state(), "lost");
}

#[tokio::test]
async fn a_link_that_the_hub_replaces_ends_without_a_word() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    let _newer: FakeLink = service.rig.link(1).await;
    assert_eq!(one.next().await, None);
    assert!(service.is_online(1).await, "the newer one goes on");
}

#[tokio::test]
async fn an_agent_is_asked_to_come_back_when_the_process_stops() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    service.shutdown.cancel();
    assert!(matches!(one.next().await, Some(Down::Drain(_))));
    assert_eq!(one.next().await, None);
    service.offline(1).await;
}

#[tokio::test]
async fn what_an_agent_tells_of_its_host_is_known() {
    let mut service = Service::start().await;
    let one = service.linked(1).await;
    let facts = v1::Facts {
        os: "Debian".to_owned(),
        run_as: "shanty".to_owned(),
        ..v1::Facts::default()
    };
    one.say(Up::Facts(facts)).await;
    let metrics = v1::Metrics {
        load1: 0.5,
        ..v1::Metrics::default()
    };
    one.say(Up::Metrics(metrics)).await;
    let told = async {
        loop {
            let known = service.rig.hub.known().await.unwrap();
            let presence = known.fleet.get(agent(1)).unwrap().clone();
            if let (Some(facts), Some(metrics)) = (presence.facts, presence.metrics) {
                return (facts.os.as_data().to_owned(), metrics.load1);
            }
        }
    };
    let told = within("facts and metrics", told).await;
    assert_eq!(told, ("Debian".to_owned(), 0.5));
}

#[tokio::test]
async fn a_first_message_that_names_a_run_twice_is_none() {
    let mut service = Service::start().await;
    let run = RunId::from_bytes([1; 16]);
    let twice = vec![
        state(run, ExecutionState::Ended),
        state(run, ExecutionState::Running),
    ];
    let refused = service.open(Some(1), hello(1, twice)).await.err();
    let refused = refused.expect("no link");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("twice"), "{refused}");
}

#[tokio::test]
async fn who_may_have_no_link_makes_nobody_read_what_it_claims_to_hold() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    let run = service.ordered(&mut one).await;
    let (bytes, ends) = spool(run, 1, &["up\n"]);
    service.rig.store((run, 1), &bytes[..ends[1]]).await;
    // Nothing can be read any more: whoever is made to read it finds out.
    let file = Sqlite::open(service.rig.dir.path().join("output.db")).unwrap();
    file.execute_batch("ALTER TABLE execution RENAME TO hidden")
        .unwrap();
    let claims = || vec![state(run, ExecutionState::Running)];
    let mut stranger = service.open(Some(77), hello(77, claims())).await.unwrap();
    assert_eq!(stranger.refused().await.0, RefusedCode::UnknownAgent);
    let remove = shanty_core::ask::Ask::RemoveHost {
        name: "web-01".to_owned(),
    };
    let removed = service.rig.hub.ask(crate::testing::local(), remove);
    within("a removal", removed).await.unwrap();
    let mut gone = service.open(Some(1), hello(1, claims())).await.unwrap();
    assert_eq!(gone.refused().await.0, RefusedCode::Revoked);
}

#[tokio::test]
async fn a_connection_carries_one_link() {
    let mut service = Service::start().await;
    let connection = Arc::default();
    let first = service.open_on(&connection, Some(1), hello(1, Vec::new()));
    let mut first = first.await.unwrap();
    assert!(matches!(first.next().await, Some(Down::Welcome(_))));
    let second = service.open_on(&connection, Some(1), hello(1, Vec::new()));
    let refused = second.await.err().expect("no link");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(service.is_online(1).await, "the first goes on");
}

#[tokio::test]
async fn another_start_with_the_same_identity_is_refused_while_the_first_answers() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    let Up::Hello(mut other) = hello(1, Vec::new()) else {
        panic!("a first message")
    };
    "two".clone_into(&mut other.instance);
    let mut other = service.open(Some(1), Up::Hello(other)).await.unwrap();
    // The first is asked: the pings of every link have other ids.
    let asked = loop {
        let down = within("a probe", one.down.message()).await.unwrap();
        let Some(Down::Ping(ping)) = down.expect("the link goes on").kind else {
            continue;
        };
        one.say(Up::Pong(v1::Pong { id: ping.id })).await;
        if ping.id < 1_000 {
            break ping.id;
        }
    };
    assert_eq!(asked, 1);
    assert_eq!(other.refused().await.0, RefusedCode::Duplicate);
    let known = service.rig.hub.known().await.unwrap();
    let presence = known.fleet.get(agent(1)).unwrap();
    assert!(presence.is_duplicated(crate::clock::now_ms()));
    let run = service.ordered(&mut one).await;
    assert!(!run.as_bytes().is_empty(), "the first takes orders");
}

#[tokio::test]
async fn a_link_ends_with_its_certificate() {
    let mut service = Service::start().await;
    let connection = Arc::default();
    let mut peer = peer(&connection, Some(1));
    if let Some(identity) = &mut peer.identity {
        identity.not_after = SystemTime::now() + Duration::from_secs(2);
    }
    let mut one = service
        .open_as(peer.clone(), hello(1, Vec::new()))
        .await
        .unwrap();
    assert!(matches!(one.next().await, Some(Down::Welcome(_))));
    let (_, why) = one.refused().await;
    assert_eq!(why, "its certificate has run out");
    service.offline(1).await;
    // And none begins with it.
    peer.connection = Arc::default();
    let late = service.open_as(peer, hello(1, Vec::new())).await.err();
    assert_eq!(late.expect("no link").code(), Code::Unauthenticated);
}

#[tokio::test]
async fn output_is_stored_only_while_an_order_is_out() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    let run = service.ordered(&mut one).await;
    let (bytes, ends) = spool(run, 1, &["up\n"]);
    let refused = v1::State {
        code: "E_AGENT".to_owned(),
        text: "no room".to_owned(),
        ..state(run, ExecutionState::Refused)
    };
    one.say(Up::State(refused)).await;
    let release = loop {
        match one.next().await {
            Some(Down::Release(release)) => break release,
            Some(_) => {}
            None => panic!("the link goes on"),
        }
    };
    assert_eq!(release.run, run.to_string());
    let over = service.rig.over(run).await;
    assert_eq!(over.execution(agent(1)).unwrap().state(), "refused");

    // It says another end of what it refused: taken off its hands, and nowhere to be seen.
    one.say(output(run, 0, &bytes)).await;
    let acked = v1::Ack {
        run: run.to_string(),
        offset: ends[2] as u64,
    };
    assert_eq!(one.next().await, Some(Down::Ack(acked)));
    let stored = service.rig.output.load(run, agent(1)).await.unwrap();
    assert_eq!(stored.stored.borrow().len, 0);
    let seen = service.rig.seen(run, "the run", |_| true).await;
    assert_eq!(seen.execution(agent(1)).unwrap().state(), "refused");
}

#[tokio::test]
async fn a_host_sends_no_more_than_it_may_hold() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    let run = service.ordered(&mut one).await;
    one.say(output(run, limits::HELD_BYTES_MAX, b"more")).await;
    let why = "more output than a host may hold";
    assert_eq!(one.refused().await, broken(why));
    service.offline(1).await;
}

/// What a host may send and say is its own and not that of a link: whoever comes again has no more of it.
#[tokio::test]
async fn who_comes_again_may_send_no_more_than_before() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    let [first, second] = [
        service.ordered(&mut one).await,
        service.ordered(&mut one).await,
    ];
    let (bytes, ends) = spool(first, 1, &["mine\n"]);
    one.say(Up::State(state(first, ExecutionState::Running)))
        .await;
    one.say(output(first, 0, &bytes[..ends[1]])).await;
    assert!(matches!(one.next().await, Some(Down::Ack(_))));
    // Far ahead of what is stored: it is asked to begin where that ends.
    let ahead = limits::HELD_BYTES_MAX - 4;
    one.say(output(first, ahead, b"more")).await;
    assert!(matches!(one.next().await, Some(Down::Resume(_))));
    drop(one);
    service.offline(1).await;
    let runs = |run| state(run, ExecutionState::Running);
    for named in [vec![runs(second)], vec![runs(first), runs(second)]] {
        let opened = service.open(Some(1), hello(1, named)).await;
        let mut again = opened.unwrap();
        assert!(matches!(again.next().await, Some(Down::Welcome(_))));
        again.say(output(second, 0, b"x")).await;
        let why = "more output than a host may hold";
        assert_eq!(again.refused().await, broken(why));
        service.offline(1).await;
    }
}

#[tokio::test]
async fn what_follows_a_first_message_counts_like_what_it_names() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    let run = service.ordered(&mut one).await;
    drop(one);
    service.offline(1).await;
    let Up::Hello(mut hello) = hello(1, Vec::new()) else {
        unreachable!("it is one")
    };
    hello.more = true;
    let mut back = service.open(Some(1), Up::Hello(hello)).await.unwrap();
    assert!(matches!(back.next().await, Some(Down::Welcome(_))));
    let other = RunId::from_bytes([7; 16]);
    back.say(Up::State(state(other, ExecutionState::Ended)))
        .await;
    back.say(Up::State(state(run, ExecutionState::Running)))
        .await;
    back.say(Up::HeldAll(v1::HeldAll {})).await;
    // What is not known here is taken off its hands, and held against nobody.
    back.say(output(other, 0, b"old")).await;
    assert!(matches!(back.next().await, Some(Down::Ack(_))));
    let (bytes, _) = spool(run, 1, &["up\n"]);
    back.say(output(run, 0, &bytes)).await;
    let over = service.rig.over(run).await;
    assert_eq!(over.execution(agent(1)).unwrap().state(), "exited");
}

#[tokio::test]
async fn who_speaks_of_the_run_of_another_has_no_link_any_more() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    let mut two = service.linked(2).await;
    let run = service.ordered(&mut one).await;
    two.say(Up::State(state(run, ExecutionState::Running)))
        .await;
    let why = "it speaks of a run of other hosts";
    assert_eq!(two.refused().await, broken(why));
    service.offline(2).await;
    assert!(service.is_online(1).await);
}

#[tokio::test]
async fn what_is_said_too_fast_waits_and_is_heard() {
    let mut service = Service::start().await;
    let mut one = service.linked(1).await;
    let (burst, per_second) = limits::CONTROL_MAX;
    let metrics = |n: u32| {
        Up::Metrics(v1::Metrics {
            load1: f64::from(n),
            ..v1::Metrics::default()
        })
    };
    // So many more wait on their way, and each of the others for its turn.
    let (under_way, others) = (64, 60);
    let all = burst + under_way + others;
    let begun = tokio::time::Instant::now();
    for n in 1..=all {
        one.say(metrics(n)).await;
    }
    let heard = async {
        loop {
            let known = service.rig.hub.known().await.unwrap();
            let metrics = known.fleet.get(agent(1)).unwrap().metrics.clone();
            if metrics.is_some_and(|metrics| metrics.load1 == f64::from(all)) {
                return;
            }
        }
    };
    within("the last of them", heard).await;
    // However slow this machine is: none of them comes before its turn.
    let turns = Duration::from_millis(u64::from((others + under_way) * 1_000 / per_second));
    assert!(begun.elapsed() >= turns, "{:?}", begun.elapsed());
    let run = service.ordered(&mut one).await;
    assert!(service.rig.hub.watch(run).await.unwrap().is_some());
}
