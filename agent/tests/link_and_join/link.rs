//! The link: greeting, orders, output that arrives exactly once, and every way in which it ends.

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use prost::Message;
use sha2::{Digest as _, Sha256};
use shanty_core::limits;
use shanty_core::spool::{Cause, Decoder, Record};
use shanty_proto::v1::{self, down, up};

use crate::controller::{Controller, Link};
use crate::program::{Running, soon};

struct World {
    controller: Controller,
    dir: tempfile::TempDir,
    agent: Running,
}

impl World {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(more: &[&str]) -> Self {
        let controller = Controller::start().await;
        let dir = controller.enroll().await;
        let agent = Running::start(&dir.path().join("agent"), more);
        Self {
            controller,
            dir,
            agent,
        }
    }

    fn data_dir(&self) -> PathBuf {
        self.dir.path().join("agent")
    }
}

pub(crate) fn new_run() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

pub(crate) async fn start(link: &Link, hello: &v1::Hello, run: &str, command: &str) {
    let what = v1::execution_order::What::Command(command.to_owned());
    start_with(link, hello, run, what, None).await;
}

async fn start_with(
    link: &Link,
    hello: &v1::Hello,
    run: &str,
    what: v1::execution_order::What,
    input: Option<v1::Input>,
) {
    let order = v1::ExecutionOrder {
        run: run.to_owned(),
        agent: hello.agent.clone(),
        not_after_ms: u64::MAX / 4,
        what: Some(what),
        input,
        timeout_ms: limits::TIMEOUT_MS_DEFAULT,
        output_max_bytes: limits::OUTPUT_BYTES_MAX,
        grace_ms: 1_000,
        ..v1::ExecutionOrder::default()
    };
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let not_after_ms = u64::try_from(now.as_millis()).unwrap() + limits::ORDER_NOT_AFTER_MS;
    let order = v1::ExecutionOrder {
        not_after_ms,
        ..order
    };
    link.start(run, order.encode_to_vec()).await;
}

/// A spool as the controller stores it.
#[derive(Default)]
struct Stored(Vec<u8>);

impl Stored {
    fn len(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap()
    }

    /// Takes output in until the spool is over or `enough` bytes are there; asserts that nothing is sent twice or left out.
    async fn take(&mut self, link: &mut Link, enough: usize) {
        while self.0.len() < enough && !self.is_over() {
            if let up::Kind::Output(output) = link.hear().await {
                assert_eq!(output.offset, self.len());
                assert!(output.bytes.len() <= limits::CHUNK_BYTES_MAX);
                self.0.extend(output.bytes);
                link.ack(&output.run, self.len()).await;
            }
        }
    }

    fn records(&self) -> Vec<Record> {
        let mut decoder = Decoder::new();
        decoder.push(&self.0);
        let mut records = Vec::new();
        while let Some((record, _)) = decoder.next_record().unwrap() {
            records.push(record);
        }
        records
    }

    fn is_over(&self) -> bool {
        matches!(self.records().last(), Some(Record::Exit(_)))
    }

    fn out(&self) -> String {
        let mut text = Vec::new();
        for record in self.records() {
            if let Record::Out { bytes, .. } = record {
                text.extend(bytes);
            }
        }
        String::from_utf8(text).unwrap()
    }
}

async fn ended(link: &mut Link, run: &str) -> v1::State {
    let ended = |kind| match kind {
        up::Kind::State(state)
            if state.run == run && state.state() == v1::ExecutionState::Ended =>
        {
            Some(state)
        }
        _ => None,
    };
    link.hear_until(ended).await
}

#[tokio::test]
async fn what_a_command_is_given_is_fetched_on_the_connection_of_its_order() {
    let mut world = World::new().await;
    let (mut link, hello) = world.controller.greeted().await;
    assert!(hello.takes_input);
    let fed = |text: &str| v1::execution_order::What::CommandWithInput(text.to_owned());
    let input = |run: &str| v1::Input {
        kind: v1::InputKind::Stdin.into(),
        bytes: 32,
        sha256: Sha256::digest(run.as_bytes()).to_vec(),
        ..v1::Input::default()
    };
    let run = format!("{}1", &new_run()[..31]);
    start_with(&link, &hello, &run, fed("cat"), Some(input(&run))).await;
    let mut stored = Stored::default();
    stored.take(&mut link, usize::MAX).await;
    assert_eq!(stored.out(), run);

    let forgotten = format!("{}0", &new_run()[..31]);
    start_with(
        &link,
        &hello,
        &forgotten,
        fed("cat"),
        Some(input(&forgotten)),
    )
    .await;
    let refused = link
        .hear_until(|kind| match kind {
            up::Kind::State(state) if state.run == forgotten => {
                (state.state() == v1::ExecutionState::Refused).then_some(state)
            }
            _ => None,
        })
        .await;
    assert_eq!(
        refused.text,
        "The standard input did not come whole, and nothing was run: it is not kept any more."
    );
}

#[tokio::test]
async fn an_agent_greets_tells_of_its_host_answers_pings_and_leaves() {
    let mut world = World::new().await;
    let (mut link, hello) = world.controller.greeted().await;
    assert_eq!(hello.agent, hex::encode(link.peer.agent));
    assert!(hello.executions.is_empty() && !hello.boot_id.is_empty() && !hello.version.is_empty());
    let ready = world.agent.line().await;
    assert_eq!(
        (&ready["event"], &ready["name"]),
        (&"ready".into(), &"web-01".into())
    );
    assert_eq!(ready["agent"], hello.agent.as_str());

    let facts = link.hear_until(|kind| match kind {
        up::Kind::Facts(facts) => Some(facts),
        _ => None,
    });
    assert!(facts.await.cpus > 0);
    link.hear_until(|kind| matches!(kind, up::Kind::Metrics(_)).then_some(()))
        .await;
    link.send(down::Kind::Ping(v1::Ping { id: 42 })).await;
    link.hear_until(|kind| matches!(kind, up::Kind::Pong(v1::Pong { id: 42 })).then_some(()))
        .await;

    world.agent.signal(Signal::SIGTERM);
    while link.try_hear().await.is_some() {}
    drop(link);
    assert_eq!(world.agent.exit().await.code(), Some(0));
}

#[tokio::test]
async fn output_arrives_and_is_forgotten_when_released() {
    let mut world = World::new().await;
    let (mut link, hello) = world.controller.greeted().await;
    let run = new_run();
    start(&link, &hello, &run, "echo one; echo two >&2; exit 3").await;
    let mut stored = Stored::default();
    stored.take(&mut link, usize::MAX).await;
    assert_eq!(stored.out(), "one\ntwo\n", "both streams in one");
    // The same order again starts nothing.
    start(&link, &hello, &run, "echo one; echo two >&2; exit 3").await;
    let state = ended(&mut link, &run).await;
    assert_eq!(state.spool_len, stored.len());
    link.send(down::Kind::Release(v1::Release { run: run.clone() }))
        .await;
    let folder = world.data_dir().join("executions").join(&run);
    soon("the spool to go", gone(&folder)).await;
    drop(link);
    let (_link, hello) = world.controller.greeted().await;
    assert!(hello.executions.is_empty());
}

async fn gone(path: &Path) {
    while path.exists() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_cut_link_costs_no_byte_and_none_comes_twice() {
    let mut world = World::new().await;
    let (mut link, hello) = world.controller.greeted().await;
    let run = new_run();
    let mut stored = Stored::default();
    start(&link, &hello, &run, "seq 1 200000").await;
    for enough in [1, 100_000, 400_000, 800_000] {
        stored.take(&mut link, enough).await;
        drop(link);
        link = world.controller.link().await;
        let hello = link.hello().await;
        assert_eq!(hello.executions.len(), 1);
        assert_eq!(hello.executions[0].run, run);
        let offset = stored.len();
        link.welcome(vec![v1::Ack {
            run: run.clone(),
            offset,
        }])
        .await;
    }
    stored.take(&mut link, usize::MAX).await;
    let expected: String = (1..=200_000).map(|n| format!("{n}\n")).collect();
    assert!(stored.out() == expected);
}

#[tokio::test]
async fn the_window_bounds_what_is_sent_unacknowledged_and_resume_goes_back() {
    let mut world = World::new().await;
    let (mut link, hello) = world.controller.greeted().await;
    let run = new_run();
    start(&link, &hello, &run, "head -c 6000000 /dev/zero").await;
    let chunk = u64::try_from(limits::CHUNK_BYTES_MAX).unwrap();
    let (mut sent, mut spool_len) = (0, 0);
    while sent + chunk <= limits::IN_FLIGHT_BYTES_MAX || spool_len == 0 {
        match link.hear().await {
            up::Kind::Output(output) => {
                assert_eq!(output.offset, sent);
                sent += u64::try_from(output.bytes.len()).unwrap();
            }
            up::Kind::State(state) if state.state() == v1::ExecutionState::Ended => {
                spool_len = state.spool_len;
            }
            _ => {}
        }
    }
    assert!(sent <= limits::IN_FLIGHT_BYTES_MAX && spool_len > limits::IN_FLIGHT_BYTES_MAX);
    // What follows the answer to a ping was sent after it was heard: there is nothing.
    for id in 1..=3 {
        link.send(down::Kind::Ping(v1::Ping { id })).await;
        let answer = link
            .hear_until(|kind| {
                matches!(kind, up::Kind::Pong(_) | up::Kind::Output(_)).then_some(kind)
            })
            .await;
        assert_eq!(answer, up::Kind::Pong(v1::Pong { id }));
    }
    let resume = v1::Resume { run, from: 0 };
    link.send(down::Kind::Resume(resume)).await;
    let mut stored = Stored::default();
    stored.take(&mut link, usize::MAX).await;
    assert_eq!(stored.len(), spool_len);
    assert_eq!(stored.out().len(), 6_000_000);
}

#[tokio::test]
async fn a_controller_that_makes_no_sense_gets_a_new_link() {
    let mut world = World::new().await;
    let bad = [
        down::Kind::Welcome(v1::Welcome::default()),
        down::Kind::Cancel(v1::Cancel {
            run: "../../etc".to_owned(),
            force: true,
        }),
        down::Kind::Drain(v1::Drain { over_ms: 1 }),
        down::Kind::Refused(v1::Refused {
            code: v1::RefusedCode::Duplicate.into(),
            text: "Another agent has this identity.".to_owned(),
        }),
    ];
    for message in bad {
        let (mut link, _) = world.controller.greeted().await;
        link.send(message).await;
        while link.try_hear().await.is_some() {}
    }
    let (mut link, hello) = world.controller.greeted().await;
    let run = new_run();
    start(&link, &hello, &run, "sleep 0").await;
    link.hear_until(|kind| matches!(kind, up::Kind::Output(_)).then_some(()))
        .await;
    link.ack(&run, u64::MAX).await;
    world.controller.greeted().await;
}

#[tokio::test]
async fn an_order_that_cannot_be_carried_out_is_refused_by_name() {
    let mut world = World::new().await;
    let (mut link, _) = world.controller.greeted().await;
    let run = new_run();
    link.start(&run, b"not an order".to_vec()).await;
    let state = link
        .hear_until(|kind| match kind {
            up::Kind::State(state) => Some(state),
            _ => None,
        })
        .await;
    assert_eq!(
        (state.run.as_str(), state.state()),
        (run.as_str(), v1::ExecutionState::Refused)
    );
    assert!(state.code.starts_with("E_") && !state.text.is_empty());
}

#[tokio::test]
async fn a_cancel_right_behind_its_order_is_not_lost() {
    let mut world = World::new().await;
    let (mut link, hello) = world.controller.greeted().await;
    let run = new_run();
    start(&link, &hello, &run, "sleep 1000").await;
    let cancel = v1::Cancel {
        run: run.clone(),
        force: true,
    };
    link.send(down::Kind::Cancel(cancel)).await;
    let mut stored = Stored::default();
    stored.take(&mut link, usize::MAX).await;
    let Some(Record::Exit(exit)) = stored.records().pop() else {
        panic!("the last record is an exit");
    };
    assert_eq!(exit.cause, Cause::Cancelled);
}

#[tokio::test]
async fn stopping_with_kill_takes_executions_along_and_tells_how_they_ended() {
    let mut world = World::with(&["--on-stop", "kill"]).await;
    let (mut link, hello) = world.controller.greeted().await;
    let run = new_run();
    start(&link, &hello, &run, "echo up; sleep 1000").await;
    let mut stored = Stored::default();
    while stored.out() != "up\n" {
        let enough = stored.0.len() + 1;
        stored.take(&mut link, enough).await;
    }
    world.agent.signal(Signal::SIGINT);
    stored.take(&mut link, usize::MAX).await;
    assert!(stored.is_over());
    while link.try_hear().await.is_some() {}
    drop(link);
    assert_eq!(world.agent.exit().await.code(), Some(0));
}

#[tokio::test]
async fn stopping_with_keep_leaves_executions_for_the_next_agent() {
    let mut world = World::with(&["--on-stop", "keep"]).await;
    let (link, hello) = world.controller.greeted().await;
    let run = new_run();
    let file = world.dir.path().join("go");
    let command = format!(
        "until [ -e {} ]; do sleep 0.05; done; echo done",
        file.display()
    );
    start(&link, &hello, &run, &command).await;
    let mut link = link;
    link.hear_until(|kind| matches!(kind, up::Kind::Output(_)).then_some(()))
        .await;
    world.agent.signal(Signal::SIGTERM);
    while link.try_hear().await.is_some() {}
    drop(link);
    assert_eq!(world.agent.exit().await.code(), Some(0));

    let data_dir = world.dir.path().join("agent");
    let _second = Running::start(&data_dir, &[]);
    let (mut link, hello) = world.controller.greeted().await;
    assert_eq!(hello.executions.len(), 1);
    assert_eq!(hello.executions[0].state(), v1::ExecutionState::Running);
    std::fs::write(&file, "").unwrap();
    let mut stored = Stored::default();
    stored.take(&mut link, usize::MAX).await;
    assert_eq!(stored.out(), "done\n");
}

#[tokio::test]
async fn a_revoked_agent_kills_its_executions_and_stays_away() {
    let mut world = World::new().await;
    let (mut link, hello) = world.controller.greeted().await;
    let run = new_run();
    start(&link, &hello, &run, "sleep 1000").await;
    link.hear_until(|kind| matches!(kind, up::Kind::Output(_)).then_some(()))
        .await;
    let refused = v1::Refused {
        code: v1::RefusedCode::Revoked.into(),
        text: "This host was removed.".to_owned(),
    };
    link.send(down::Kind::Refused(refused)).await;
    assert_eq!(world.agent.exit().await.code(), Some(77));
    let data_dir = world.dir.path().join("agent");

    // A controller that refuses in the handshake already is understood as well.
    world.controller.revoked.insert(link.peer.agent);
    let again = Running::start(&data_dir, &[]);
    assert_eq!(again.exit().await.code(), Some(77));
}

#[tokio::test]
async fn a_second_agent_in_the_same_directory_waits_for_another_day() {
    let mut world = World::new().await;
    let _linked = world.controller.greeted().await;
    let second = Running::start(&world.data_dir(), &[]);
    assert_eq!(second.exit().await.code(), Some(75));
}

#[tokio::test]
async fn an_agent_can_live_as_long_as_a_pipe() {
    let mut controller = Controller::start().await;
    let dir = controller.enroll().await;
    // Standard input is /dev/null, which ends at once.
    let agent = Running::start(&dir.path().join("agent"), &["--exit-with-stdin"]);
    assert_eq!(agent.exit().await.code(), Some(0));
    drop(controller.link());
}
