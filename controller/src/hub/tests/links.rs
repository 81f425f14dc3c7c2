//! Words to agents: each to its own link, in order, and never to one that does not take them.

use shanty_core::ids::AgentId;
use shanty_core::run::{Held, How, Reason, Told};

use shanty_core::hub::Standing;

use super::*;

/// The names of the hosts that have a link.
async fn online(rig: &Rig) -> Vec<String> {
    let known = within("the hub", rig.hub.known()).await.unwrap();
    let name = |id: AgentId| known.state.hosts[&id].enrolment.name.to_string();
    known.fleet.online().map(name).collect()
}

fn refused(kind: Option<v1::down::Kind>) -> v1::RefusedCode {
    match kind {
        Some(v1::down::Kind::Refused(refused)) => refused.code(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn orders_and_words_after_them_go_to_the_host_that_they_are_for() {
    let rig = Rig::start().await;
    let (mut one, mut two) = (rig.link(1).await, rig.link(2).await);
    let run = rig.run("web-01").await;
    let order = one.order().await;
    assert_eq!(
        (&order.run, &order.agent),
        (&run.to_string(), &agent(1).to_string())
    );
    let what = v1::execution_order::What::Command("uptime".to_owned());
    assert_eq!(order.what, Some(what));
    assert_eq!((order.output_max_bytes, order.grace_ms), (4_096, 10_000));

    rig.hub.told(agent(1), run, Told::Running, false).await;
    let started = Kind::Started {
        run,
        agent: agent(1),
    };
    rig.recorded("that it started", |kind| *kind == started)
        .await;
    rig.journal.commit(Commits::Later);
    rig.store((run, 1), &spool(run, 1, &["up\n"]).0).await;
    let ending = |run: &Run| run.all_ended();
    rig.seen(run, "an end that is being recorded", ending).await;
    heard(&rig).await;
    assert_eq!(one.said(), [], "not released before its end is recorded");
    rig.journal.commit(Commits::AtOnce);
    let release = v1::Release {
        run: run.to_string(),
    };
    assert_eq!(one.next().await, Some(v1::down::Kind::Release(release)));
    rig.over(run).await;
    assert_eq!(two.said().len(), 1, "the welcome");
}

#[tokio::test]
async fn a_link_that_does_not_take_an_order_is_closed_and_the_next_one_gets_it() {
    let rig = Rig::start().await;
    // The welcome takes the only place.
    let mut full = rig.link_as(1, 1, "boot", Vec::new()).await.unwrap();
    let run = rig.run("web-01").await;
    let waits = |run: &Run| run.phase == Phase::Running;
    rig.seen(run, "the begin", waits).await;
    assert!(online(&rig).await.is_empty());
    assert!(matches!(
        full.next().await,
        Some(v1::down::Kind::Welcome(_))
    ));
    assert_eq!(full.next().await, None, "the hub has closed it");

    let mut back = rig.link(1).await;
    assert_eq!(back.order().await.run, run.to_string());
    // The end of the old one is news of yesterday.
    rig.hub.link_down(full.agent, full.id).await;
    assert_eq!(online(&rig).await, ["web-01"]);
    let next = rig.run("web-01").await;
    assert_eq!(back.order().await.run, next.to_string());
    rig.hub.link_down(back.agent, back.id).await;
    assert!(online(&rig).await.is_empty());
}

#[tokio::test]
async fn a_newer_link_of_the_same_machine_replaces_the_old_one() {
    let rig = Rig::start().await;
    let mut old = rig.link(1).await;
    let mut new = rig.link(1).await;
    assert!(matches!(old.next().await, Some(v1::down::Kind::Welcome(_))));
    assert_eq!(old.next().await, None);
    let run = rig.run("web-01").await;
    assert_eq!(new.order().await.run, run.to_string());
}

#[tokio::test]
async fn links_of_copies_and_of_strangers_are_refused() {
    let rig = Rig::start().await;
    let mut first = rig.link(1).await;
    let copy = rig.link_as(1, 8, "another boot", Vec::new()).await;
    let copy = copy.err().expect("no link");
    assert_eq!(copy.code(), v1::RefusedCode::Duplicate);
    let stranger = rig.link_as(77, 8, "boot", Vec::new()).await;
    let stranger = stranger.err().expect("no link");
    assert_eq!(stranger.code(), v1::RefusedCode::UnknownAgent);
    let run = rig.run("web-01").await;
    assert_eq!(
        first.order().await.run,
        run.to_string(),
        "the first goes on"
    );
}

#[tokio::test]
async fn a_link_whose_agent_has_left_meanwhile_is_none() {
    let rig = Rig::start().await;
    {
        let mut leaves = Box::pin(rig.link_as(1, 8, "boot", Vec::new()));
        assert!(poll!(&mut leaves).is_pending());
    }
    assert!(online(&rig).await.is_empty());
}

#[tokio::test]
async fn a_removed_host_is_told_so_when_that_is_recorded_and_may_not_come_back() {
    let rig = Rig::start().await;
    let mut web = rig.link(1).await;
    web.said();
    rig.journal.commit(Commits::Later);
    let remove = Ask::RemoveHost {
        name: "web-01".to_owned(),
    };
    let mut removed = asking(&rig, remove);
    assert!(is_unanswered(&rig, &mut removed).await);
    assert_eq!(web.said(), []);
    assert!(!rig.revoked.contains(agent(1).as_bytes()));

    rig.journal.commit(Commits::AtOnce);
    within("an answer", removed).await.unwrap();
    assert_eq!(refused(web.next().await), v1::RefusedCode::Revoked);
    assert_eq!(web.next().await, None);
    assert!(rig.revoked.contains(agent(1).as_bytes()));

    let rig = rig.restart().await;
    assert!(rig.revoked.contains(agent(1).as_bytes()));
    let back = rig.link_as(1, 8, "boot", Vec::new()).await;
    let back = back.err().expect("no link");
    assert_eq!(back.code(), v1::RefusedCode::Revoked);
}

#[tokio::test]
async fn a_welcome_says_what_is_stored_of_all_that_the_host_holds() {
    let rig = Rig::start().await;
    let mut web = rig.link(1).await;
    let run = rig.run("web-01").await;
    web.order().await;
    let held = Held {
        told: Told::Running,
        complete: false,
        short: false,
    };
    let holds = Holds {
        run,
        held,
        stored: 17,
    };
    let mut back = rig.link_as(1, 8, "boot", vec![holds]).await.unwrap();
    let Some(v1::down::Kind::Welcome(welcome)) = back.next().await else {
        panic!("a welcome comes first")
    };
    let acked = v1::Ack {
        run: run.to_string(),
        offset: 17,
    };
    assert_eq!(welcome.acked, [acked]);
    let runs = |run: &Run| {
        let execution = run.execution(agent(1)).unwrap();
        execution.state() == "running"
    };
    rig.seen(run, "that it runs", runs).await;
    assert_eq!(back.said(), [], "and it is not ordered again");
}

#[tokio::test]
async fn what_a_host_says_of_the_run_of_another_changes_nothing() {
    let rig = Rig::start().await;
    let (mut one, _two) = (rig.link(1).await, rig.link(2).await);
    let run = rig.run("web-01").await;
    one.order().await;
    rig.hub.told(agent(2), run, Told::Ended, true).await;
    heard(&rig).await;
    let standing = async |n| rig.hub.standing(agent(n), run).await.unwrap();
    assert_eq!(standing(2).await, Standing::Foreign);
    assert_eq!(standing(1).await, Standing::Ordered);
    let run = rig.seen(run, "a state", |_| true).await;
    assert_eq!(run.execution(agent(1)).unwrap().state(), "queued");
    let reason = Reason::new(Code::Agent, "no room");
    let told = Told::Refused(reason.clone());
    rig.hub.told(agent(1), run.spec.id, told, false).await;
    let run = rig.over(run.spec.id).await;
    let outcome = run.execution(agent(1)).and_then(Execution::outcome);
    assert_eq!(outcome.unwrap().how, How::Refused(reason));
}
