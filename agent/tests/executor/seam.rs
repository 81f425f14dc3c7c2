//! The seam over a socket: the same as over the channel, whoever of the two ends is killed, and whatever the link says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shanty_agent::executor::{ClockOffset, Handle, Inputs, Refusal, Started, State, Status};
use shanty_agent::policy::Keeper;
use shanty_agent::seam::{Listener, connect};
use shanty_core::ids::RunId;
use shanty_core::refusal::Code;
use shanty_core::spool::{Cause, How};
use shanty_proto::v1;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::inputs::{give, stdin};
use crate::world::{AGENT, World, key, now_ms, order, signed};

/// More than anything here takes.
const BOUND: Duration = Duration::from_secs(120);

/// A link's end of the socket of an executor.
struct Link {
    handle: Handle,
    work: JoinSet<()>,
}

impl Link {
    fn to(socket: &Path) -> Self {
        let (handle, client) = connect(socket.to_owned());
        let mut work = JoinSet::new();
        work.spawn(client);
        Self { handle, work }
    }

    /// With the time signed, as after every greeting of a controller.
    async fn greeted(socket: &Path) -> Self {
        let link = Self::to(socket);
        link.greet().await;
        link
    }

    async fn greet(&self) {
        let nonce = self.handle.nonce().await;
        let now = now_ms();
        let sig = key().sign_time(AGENT.as_bytes(), &nonce, now);
        assert!(self.handle.told_time(now, sig).await);
    }

    async fn start(&self, order: &v1::ExecutionOrder) -> Result<Started, Refusal> {
        // What the link says of the time counts for nothing.
        self.handle.start(signed(order), ClockOffset::new(0)).await
    }

    /// Waits for the end of a run, and gives its standard output. All of its spool is the same over the socket.
    async fn printed(&self, world: &World, run: RunId) -> Vec<u8> {
        let mut watch = self.handle.watch();
        let over = watch.wait_for(|held| held.get(&run).is_some_and(|s| s.state == State::Ended));
        let len = tokio::time::timeout(BOUND, over).await.unwrap().unwrap()[&run].spool_len;
        let mut spool = Vec::new();
        while (spool.len() as u64) < len {
            let offset = spool.len() as u64;
            spool.extend(self.handle.read(run, offset, 70_001).await.unwrap());
        }
        let ended = world.ended(run).await;
        assert_eq!(world.spool(run, len).await, spool);
        ended.out
    }

    async fn gone(mut self) {
        self.work.shutdown().await;
    }
}

/// Serves the executor of a world at a socket, until what comes back is dropped.
fn serve(world: &World) -> (PathBuf, JoinSet<()>) {
    let socket = world.path("executor.sock");
    let listener = Listener::bind(&socket, None).unwrap();
    let mut server = JoinSet::new();
    server.spawn(listener.serve(
        world.handle.clone(),
        tokio_util::sync::CancellationToken::new(),
    ));
    (socket, server)
}

#[tokio::test]
async fn all_that_can_be_asked_is_asked_over_the_socket() {
    let world = World::new().await;
    let (socket, _server) = serve(&world);
    let link = Link::greeted(&socket).await;
    assert_eq!(link.handle.agent(), Some(AGENT));
    let first = order("echo out; echo err >&2; exit 3");
    let run: RunId = first.run.parse().unwrap();
    assert_eq!(link.start(&first).await, Ok(Started::New));
    assert_eq!(link.printed(&world, run).await, b"out\n");
    assert_eq!(
        world.ended(run).await.end(),
        (How::Code(3), Cause::Command, 0)
    );
    let again = link.start(&first).await.unwrap();
    let held = link.handle.list().await;
    assert_eq!(again, Started::Duplicate(held[&run].clone()));
    assert!(link.handle.read(run, u64::MAX, 9).await.is_err());

    let second = order("sleep 1000");
    let other: RunId = second.run.parse().unwrap();
    assert_eq!(link.start(&second).await, Ok(Started::New));
    link.handle.cancel(other, true).await;
    assert_eq!(link.printed(&world, other).await, b"");
    for run in [run, other] {
        link.handle.release(run).await;
    }
    assert!(link.handle.list().await.is_empty());
    let released = link.start(&first).await.unwrap_err();
    assert_eq!(released.code, Code::Closed);
    link.handle.close().await;
    let closed = link.start(&order("true")).await.unwrap_err();
    assert_eq!(closed.code, Code::Stopping);
}

#[tokio::test]
async fn a_link_forges_neither_an_order_nor_the_time() {
    let world = World::new().await;
    let (socket, _server) = serve(&world);
    let link = Link::to(&socket);
    let made = world.path("made");
    let order = order(&format!("echo > {}", made.display()));
    let untimed = link.start(&order).await.unwrap_err();
    assert!(
        untimed.text.contains("has not signed its time"),
        "{untimed}"
    );

    // Its own time, one of another host, one of an older nonce.
    let (nonce, now) = (link.handle.nonce().await, now_ms());
    assert!(!link.handle.told_time(now, vec![7; 64]).await);
    link.handle.nonce().await;
    let other = key().sign_time(&[1; 16], &nonce, now);
    assert!(!link.handle.told_time(now, other).await);
    link.handle.nonce().await;
    let older = key().sign_time(AGENT.as_bytes(), &nonce, now);
    assert!(!link.handle.told_time(now, older.clone()).await);
    assert!(!link.handle.told_time(now, older).await);
    assert!(link.start(&order).await.is_err());

    link.greet().await;
    let mut late = order.clone();
    late.not_after_ms = now_ms() - 5_000;
    let refused = link.start(&late).await;
    assert_eq!(refused.unwrap_err().code, Code::Expired);
    let mut forged = signed(&order);
    forged.sig[0] ^= 1;
    let refused = link.handle.start(forged, ClockOffset::new(0)).await;
    assert_eq!(refused.unwrap_err().code, Code::Denied);
    assert!(!made.exists());
}

#[tokio::test]
async fn what_a_command_is_given_passes() {
    let world = World::new().await;
    let (socket, _server) = serve(&world);
    let link = Link::greeted(&socket).await;
    let bytes: Vec<u8> = (0..400_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let (inputs, mut wanted): (Inputs, _) = mpsc::channel(4);
    let fed = stdin("cat", &bytes);
    let start = link
        .handle
        .start_with(signed(&fed), ClockOffset::new(0), Some(inputs.clone()));
    assert_eq!(start.await, Ok(Started::New));
    let asked = wanted.recv().await.unwrap();
    assert_eq!(asked.run.to_string(), fed.run);
    give(&asked, &bytes).await;
    let run = asked.run;
    drop(asked);
    assert_eq!(link.printed(&world, run).await, bytes);

    let cut = stdin("cat", &bytes);
    let start = link
        .handle
        .start_with(signed(&cut), ClockOffset::new(0), Some(inputs));
    assert_eq!(start.await, Ok(Started::New));
    let asked = wanted.recv().await.unwrap();
    give(&asked, &bytes[..100_000]).await;
    asked
        .slices
        .send(Err("it is gone".to_owned()))
        .await
        .unwrap();
    let mut watch = link.handle.watch();
    let refused = watch.wait_for(|held| {
        matches!(
            held.get(&asked.run).map(|s| &s.state),
            Some(State::Refused(_))
        )
    });
    let held = tokio::time::timeout(BOUND, refused)
        .await
        .unwrap()
        .unwrap()
        .clone();
    let State::Refused(refusal) = &held[&asked.run].state else {
        panic!("it is refused");
    };
    assert!(refusal.text.contains("it is gone"), "{refusal}");
}

/// Waits until a run is refused, and gives what is said.
async fn refused(link: &Link, run: RunId) -> Refusal {
    let mut watch = link.handle.watch();
    let state = |held: &BTreeMap<RunId, Status>| held.get(&run).map(|status| status.state.clone());
    let over = watch.wait_for(|held| matches!(state(held), Some(State::Refused(_))));
    match state(&tokio::time::timeout(BOUND, over).await.unwrap().unwrap()) {
        Some(State::Refused(refusal)) => refusal,
        other => panic!("it is refused, not {other:?}"),
    }
}

#[tokio::test]
async fn a_link_that_brings_nothing_holds_no_place() {
    let world = World::with(|config| {
        config.running_max = 1;
        config.input_within = Duration::from_millis(50);
    })
    .await;
    let (socket, _server) = serve(&world);
    let link = Link::greeted(&socket).await;
    let (inputs, mut wanted): (Inputs, _) = mpsc::channel(4);
    let fed = stdin("cat", b"never comes");
    let start = link
        .handle
        .start_with(signed(&fed), ClockOffset::new(0), Some(inputs));
    assert_eq!(start.await, Ok(Started::New));
    let asked = wanted.recv().await.unwrap();
    asked.slices.send(Ok(b"never".to_vec())).await.unwrap();
    let refusal = refused(&link, asked.run).await;
    assert!(
        refusal.text.contains("did not come whole within"),
        "{refusal}"
    );
    let next = order("echo next");
    assert_eq!(link.start(&next).await, Ok(Started::New));
    let run = next.run.parse().unwrap();
    assert_eq!(link.printed(&world, run).await, b"next\n");
}

#[tokio::test]
async fn what_was_allowed_when_the_order_came_is_asked_again_when_its_input_has_come() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("host.toml");
    std::fs::write(&file, "").unwrap();
    let policy = Keeper::open(file.clone(), true).unwrap();
    let world = World::with(|config| config.policy = policy.watch()).await;
    let (socket, _server) = serve(&world);
    let link = Link::greeted(&socket).await;
    let (inputs, mut wanted): (Inputs, _) = mpsc::channel(4);
    let made = world.path("made");
    let fed = stdin(&format!("echo > {}", made.display()), b"late");
    let start = link
        .handle
        .start_with(signed(&fed), ClockOffset::new(0), Some(inputs));
    assert_eq!(start.await, Ok(Started::New));
    let asked = wanted.recv().await.unwrap();
    std::fs::write(&file, "mode = \"off\"\n").unwrap();
    policy.reload();
    give(&asked, b"late").await;
    let run = asked.run;
    drop(asked);
    let refusal = refused(&link, run).await;
    assert!(refusal.text.contains("host.toml"), "{refusal}");
    assert!(!made.exists());
}

#[tokio::test]
async fn either_end_may_go_and_nothing_is_lost() {
    let mut world = World::new().await;
    let (socket, mut server) = serve(&world);
    let link = Link::greeted(&socket).await;
    let go = world.path("go");
    let slow = order(&format!(
        "seq 5000; until [ -e {} ]; do sleep 0.05; done; seq 5000",
        go.display()
    ));
    let run: RunId = slow.run.parse().unwrap();
    assert_eq!(link.start(&slow).await, Ok(Started::New));
    let mut watch = link.handle.watch();
    let begun = watch.wait_for(|held| held.get(&run).is_some_and(|s| s.spool_len > 20_000));
    tokio::time::timeout(BOUND, begun).await.unwrap().unwrap();
    link.gone().await;
    let link = Link::greeted(&socket).await;
    assert_eq!(link.handle.list().await[&run].state, State::Running);

    // The executor goes in the middle of a question, and comes back.
    server.shutdown().await;
    world.stop().await;
    let list = link.handle.list();
    let back = async {
        world.open().await;
        serve(&world).1
    };
    let (held, _server) = tokio::join!(list, back);
    assert_eq!(held[&run].state, State::Running);
    // What was signed for the one before counts for nothing.
    assert!(link.start(&order("true")).await.is_err());
    link.greet().await;
    std::fs::write(&go, "").unwrap();
    let expected: String = (1..=5_000).map(|n| format!("{n}\n")).collect();
    let printed = link.printed(&world, run).await;
    assert_eq!(String::from_utf8(printed).unwrap(), expected.repeat(2));
}

#[tokio::test]
async fn a_link_that_does_what_it_may_not_harms_itself_only() {
    let world = World::new().await;
    let (socket, _server) = serve(&world);
    let frame = |kind: v1::to_executor::Kind| {
        use prost::Message as _;
        let message = v1::ToExecutor {
            id: 1,
            kind: Some(kind),
        };
        let bytes = message.encode_to_vec();
        let mut frame = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
        frame.extend(bytes);
        frame
    };
    let part = v1::to_executor::Kind::Part(v1::InputPart {
        wanted: 7,
        bytes: vec![1; 9],
        ..v1::InputPart::default()
    });
    let cancel = v1::to_executor::Kind::Cancel(v1::Cancel {
        run: "../../etc".to_owned(),
        force: true,
    });
    let bad = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xff; 100_000],
        vec![0, 0, 0, 2, 0xff, 0xff],
        frame(part),
        frame(cancel),
    ];
    for bytes in bad {
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        stream.write_all(&bytes).await.ok(); // It may be closed while it is written.
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(BOUND, stream.read_to_end(&mut rest));
        closed.await.expect("it is closed").ok(); // Reset: closed too.
    }
    // As many as may stay stay; the others are turned away.
    let mut idle = Vec::new();
    for _ in 0..4 {
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        stream.read_u8().await.unwrap();
        idle.push(stream);
    }
    let mut more = UnixStream::connect(&socket).await.unwrap();
    assert_eq!(more.read(&mut [0; 9]).await.unwrap_or(0), 0);
    drop(idle);
    let link = Link::greeted(&socket).await;
    let fine = order("echo fine");
    assert_eq!(link.start(&fine).await, Ok(Started::New));
    let run = fine.run.parse().unwrap();
    assert_eq!(link.printed(&world, run).await, b"fine\n");
}
