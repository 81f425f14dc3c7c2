//! What a host, a removed one or a stranger can do to the controller and to other hosts over the link's ports: nothing.

use shanty_core::ids::AgentId;
use shanty_core::spool::{self, Record};
use shanty_proto::v1::down::Kind as Down;
use shanty_proto::v1::up::Kind as Up;
use shanty_proto::v1::{self, ExecutionState, RefusedCode};
use shanty_tests::peer::{self, Stolen};
use shanty_tests::{Options, World, wait};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::programs;

/// So many on each port that, one after another, they would hold up a host that joins for longer than it waits.
const SILENT: usize = 400;

async fn echoes(world: &World, host: &str) {
    let ran = world
        .shanty(&["run", "--on", host, "--", "echo here"])
        .await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "here\n"), "{}", ran.err);
}

pub(crate) fn state(run: &str, state: ExecutionState) -> v1::State {
    v1::State {
        run: run.to_owned(),
        state: state.into(),
        ..v1::State::default()
    }
}

/// The spool of an execution that never was, with what it is said to have printed.
fn spool(run: &str, agent: AgentId, text: &str) -> Vec<u8> {
    let (mut writer, mut bytes) = (spool::Writer::new(), Vec::new());
    let header = spool::Header {
        version: spool::VERSION,
        run: run.parse().unwrap(),
        agent,
        boot_id: [0; 16],
        wall_ms: 5,
    };
    writer.header(&header, &mut bytes);
    writer.output(spool::Stream::Out, 1, text.as_bytes(), &mut bytes);
    let exit = spool::Exit {
        how: spool::How::Code(0),
        cause: spool::Cause::Command,
        ..spool::Exit::lost(0)
    };
    writer.exit(&exit, &mut bytes);
    let mut decoder = spool::Decoder::new();
    decoder.push(&bytes);
    let records = std::iter::from_fn(|| decoder.next_record().unwrap());
    assert!(
        records
            .last()
            .is_some_and(|(last, _)| matches!(last, Record::Exit(_)))
    );
    bytes
}

#[tokio::test]
async fn connections_that_say_nothing_keep_nobody_out() {
    let mut world = World::start(&programs(), Options::default()).await;
    let (links, joins) = (
        world.ready["agents"].as_str().unwrap().to_owned(),
        world.join_address(),
    );
    let mut silent = Vec::new();
    for n in 0..SILENT {
        let address = if n % 2 == 0 { &links } else { &joins };
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    world.add_host("web-01", "role=web").await;
    echoes(&world, "web-01").await;
    // Nor does any of them last: whoever says nothing is not waited for.
    let ends = silent.iter_mut().map(|stream| async {
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.ok(); // it may be reset
    });
    let ends = futures_util::future::join_all(ends);
    let ended = tokio::time::timeout(wait::BOUND, ends).await;
    assert!(ended.is_ok(), "connections that say nothing stay");
    world.end().await;
}

#[tokio::test]
async fn nobody_has_more_connections_than_their_share() {
    let mut world = World::with_hosts(
        &programs(),
        Options::default(),
        &[("web-01", "role=web"), ("web-02", "role=web")],
    )
    .await;
    world.host("web-02").stop().await;
    let stolen = Stolen::of(&world, &world.hosts[1]);
    let id = stolen.agent.to_string();
    let turned_away = |why: &str, id: &str| {
        let log = world.controller().log();
        let mut lines = log.lines();
        lines.any(|line| line.contains(why) && line.contains(id))
    };
    // Two of each identity, whatever they say.
    let mut held = Vec::new();
    for _ in 0..3 {
        held.extend(stolen.dial().await.ok()); // the third may be gone already
    }
    wait::until_true("the third to be turned away", || {
        turned_away("a peer has too many connections", &id)
    })
    .await;
    // And so many of each network where anybody may knock, through their handshake and silent from then on: those who come later take their places.
    for _ in 0..80 {
        held.extend(
            peer::connect(&world.join_address(), stolen.pin, &[])
                .await
                .ok(),
        );
    }
    wait::until_true("one too many to be turned away", || {
        turned_away("a connection made room for others", "")
    })
    .await;
    echoes(&world, "web-01").await;
    drop(held);
    world.host("web-02").run("keep").await;
    echoes(&world, "web-02").await;
    world.end().await;
}

#[tokio::test]
async fn a_removed_host_does_not_get_through_the_handshake() {
    let mut world = World::with_hosts(
        &programs(),
        Options::default(),
        &[("web-01", "role=web"), ("web-02", "role=web")],
    )
    .await;
    world.host("web-02").stop().await;
    let stolen = Stolen::of(&world, &world.hosts[1]);
    let ran = world.shanty(&["hosts", "remove", "web-02", "--yes"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    // What it held before is of no use to it: nothing that it says is read.
    for _ in 0..3 {
        let hello = stolen.hello("one", Vec::new());
        let refused = match stolen.dial().await {
            Ok(channel) => peer::talk(channel, hello).await.is_err(),
            Err(_) => true,
        };
        assert!(refused);
    }
    let said = || world.controller().log().contains("a handshake failed");
    wait::until_true("the controller to say why", said).await;
    assert!(!world.controller().log().contains("an agent gets no link"));
    echoes(&world, "web-01").await;
    world.end().await;
}

#[tokio::test]
async fn two_machines_with_one_identity_are_told_of_and_the_first_goes_on() {
    let options = Options {
        ops_channel: true,
        ..Options::default()
    };
    let world = World::with_hosts(&programs(), options, &[("web-01", "role=web")]).await;
    // On the same boot of the same kernel, as a copy of its directory would be.
    let stolen = Stolen::of(&world, &world.hosts[0]);
    let mut copy = stolen.talk("another", Vec::new()).await;
    let Some(Down::Refused(refused)) = copy.next().await else {
        panic!("the copy has a link");
    };
    assert_eq!(refused.code(), RefusedCode::Duplicate, "{refused:?}");
    echoes(&world, "web-01").await;
    let host = world.shanty(&["hosts", "web-01", "--json"]).await.json();
    assert_eq!(
        (&host["duplicated"], &host["online"]),
        (&true.into(), &true.into()),
        "{host}"
    );
    let shown = world.shanty(&["hosts", "show", "web-01"]).await.out;
    assert!(shown.contains("two machines use it"), "{shown}");
    let channel = world.operator().channel;
    wait::until("the operators to be told", || async {
        let messages = world.transcript(&channel).await;
        let told = serde_json::to_string(&messages).unwrap_or_default();
        match told.contains("Two machines use the identity of 1 host") {
            true => Ok(()),
            false => Err(messages.len()),
        }
    })
    .await;
    world.end().await;
}

#[tokio::test]
async fn nobody_rewrites_what_it_was_never_ordered() {
    let mut world = World::with_hosts(
        &programs(),
        Options::default(),
        &[("web-01", "role=web"), ("web-02", "role=web")],
    )
    .await;
    world.host("web-02").stop().await;
    world.is_online("web-02", false).await;
    let number = world.detach("web-01,web-02", "echo patched").await;
    let run = world.run_ends(&number).await;
    let before = run["executions"].clone();
    let id = run["run"].as_str().unwrap().to_owned();

    let stolen = Stolen::of(&world, &world.hosts[1]);
    let bytes = spool(&id, stolen.agent, "patched ok\n");
    let end = bytes.len() as u64;
    let ended = v1::State {
        spool_len: end,
        ..state(&id, ExecutionState::Ended)
    };
    let mut talk = stolen.talk("one", vec![ended.clone()]).await;
    assert!(matches!(talk.next().await, Some(Down::Welcome(_))));
    talk.say(Up::State(ended)).await;
    let slice = v1::Output {
        run: id.clone(),
        offset: 0,
        bytes,
    };
    talk.say(Up::Output(slice)).await;
    // It is told to let go of it, and its bytes go nowhere.
    let (mut released, mut acked) = (false, false);
    while !(released && acked) {
        match talk.next().await {
            Some(Down::Release(release)) => released |= release.run == id,
            Some(Down::Ack(ack)) => acked |= ack.run == id && ack.offset == end,
            Some(_) => {}
            None => panic!("the link goes on"),
        }
    }
    assert_eq!(world.show(&number).await["executions"], before);
    let output = String::from_utf8(world.output(&number).await).unwrap();
    assert!(!output.contains("patched ok"), "{output}");
    drop(talk);
    world.end().await;
}

#[tokio::test]
async fn a_host_that_speaks_for_another_or_without_end_is_cut_off_and_fills_no_log() {
    let mut world = World::with_hosts(
        &programs(),
        Options::default(),
        &[("web-01", "role=web"), ("web-02", "role=web")],
    )
    .await;
    let number = world.detach("web-01", "echo mine").await;
    let id = world.run_ends(&number).await["run"]
        .as_str()
        .unwrap()
        .to_owned();
    let open = world.detach("web-01", "sleep 300").await;
    let open = world
        .run_is(&open, "to run", |run| {
            run["executions"][0]["state"] == "running"
        })
        .await;
    let open = open["run"].as_str().unwrap().to_owned();
    world.host("web-02").stop().await;
    let stolen = Stolen::of(&world, &world.hosts[1]);
    for round in 0..40 {
        let mut talk = stolen.talk(&format!("round {round}"), Vec::new()).await;
        assert!(matches!(talk.next().await, Some(Down::Welcome(_))));
        // Of what nobody knows it may speak, to nobody's harm, until it speaks of another's.
        for n in 0..50_u32 {
            let run = format!("{n:032x}");
            talk.say(Up::State(state(&run, ExecutionState::Running)))
                .await;
        }
        let foreign = match round % 2 {
            0 => Up::State(state(&open, ExecutionState::Ended)),
            _ => Up::Output(v1::Output {
                run: open.clone(),
                offset: 0,
                bytes: spool(&open, stolen.agent, "mine"),
            }),
        };
        talk.say(foreign).await;
        let refused = loop {
            match talk.next().await {
                Some(Down::Refused(refused)) => break refused,
                Some(_) => {}
                None => panic!("it is told why"),
            }
        };
        assert_eq!(refused.code(), RefusedCode::Protocol, "{refused:?}");
    }
    let log = world.controller().log();
    let lines = log
        .lines()
        .filter(|line| line.contains(&stolen.agent.to_string()));
    let lines = lines.count();
    assert!(
        (1..60).contains(&lines),
        "{lines} lines of 2,000 and more: {log}"
    );
    let ran = world.shanty(&["runs", "cancel", "--all", "--force"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!id.is_empty());
    echoes(&world, "web-01").await;
    world.end().await;
}
