//! Another process on what an earlier one left.

use shanty_core::hold::Hold;
use shanty_core::run::{How, Told};

use super::*;

#[tokio::test]
async fn what_was_accepted_and_did_not_begin_is_given_up_with_its_reason() {
    let rig = Rig::start().await;
    let _web = rig.link(1).await;
    let id = rig.ask_run("web-01").await.unwrap();
    let rig = rig.restart().await;
    let run = rig.over(id).await;
    assert_eq!(expired(&run), "the controller restarted before it began");
    assert_eq!(*rig.hub.accepted().borrow(), RunNumber(1));

    let mut web = rig.link(1).await;
    rig.hub.taken(id).await;
    heard(&rig).await;
    assert_eq!(web.said().len(), 1, "the welcome, and no order");
    let reason = "the controller restarted before it began".to_owned();
    assert_eq!(rig.kinds()[1..], [Kind::Expired { run: id, reason }]);
}

#[tokio::test]
async fn what_was_not_committed_never_was() {
    let rig = Rig::start().await;
    rig.journal.commit(Commits::Later);
    let mut hold = asking(&rig, Ask::Hold(Hold::on("db move")));
    assert!(is_unanswered(&rig, &mut hold).await);
    let rig = rig.restart().await;
    assert_eq!(code(within("an answer", hold).await), Code::Stopping);
    assert!(rig.hub.known().await.unwrap().state.hold.is_none());
    assert_eq!(rig.kinds(), []);
}

#[tokio::test]
async fn an_end_that_was_stored_and_not_recorded_is_found() {
    let rig = Rig::start().await;
    let mut web = rig.link(1).await;
    let run = rig.run("web-01").await;
    web.order().await;
    rig.journal.commit(Commits::Later);
    rig.store((run, 1), &spool(run, 1, &["up\n"]).0).await;
    let ended = |run: &Run| run.all_ended();
    rig.seen(run, "its end", ended).await;
    let is_end = |kind: &Kind| matches!(kind, Kind::Finished { .. } | Kind::Closed(_));
    assert!(!rig.kinds().iter().any(is_end));

    let rig = rig.restart().await;
    let over = rig.over(run).await;
    let outcome = over.execution(agent(1)).and_then(Execution::outcome);
    assert_eq!(outcome.unwrap().how, How::Exited(0));
    rig.recorded("the close", |kind| *kind == Kind::Closed(run))
        .await;
    assert_eq!(rig.kinds().iter().filter(|kind| is_end(kind)).count(), 2);
}

#[tokio::test]
async fn an_order_that_may_have_gone_out_does_not_go_again() {
    let rig = Rig::start().await;
    let mut web = rig.link(1).await;
    let run = rig.run("web-01").await;
    web.order().await;
    let rig = rig.restart().await;
    let mut web = rig.link(1).await;
    // It came back without it: the order was lost with the process.
    let over = rig.over(run).await;
    let outcome = over.execution(agent(1)).and_then(Execution::outcome);
    let how = &outcome.unwrap().how;
    let How::NotStarted(reason) = how else {
        panic!("{how:?}")
    };
    assert_eq!(reason.code, Code::ControllerRestart.as_str());
    let starts = |kind: &v1::down::Kind| matches!(kind, v1::down::Kind::Start(_));
    assert!(!web.said().iter().any(starts));
}

#[tokio::test]
async fn when_hosts_were_last_seen_outlives_the_process() {
    let mut rig = Rig::start().await;
    let _web = rig.link(1).await;
    rig.hub
        .told(agent(1), RunId::from_bytes([0; 16]), Told::Running, false)
        .await;
    let seen_ms = rig
        .hub
        .known()
        .await
        .unwrap()
        .fleet
        .get(agent(1))
        .unwrap()
        .heard_ms;
    rig.shutdown.cancel();
    rig.stopped().await;
    let rig = rig.restart().await;
    let known = rig.hub.known().await.unwrap();
    let presence = known.fleet.get(agent(1)).expect("it was seen");
    assert_eq!(
        (presence.heard_ms, presence.version.as_data()),
        (seen_ms, "1.0.0")
    );
    assert!(!known.fleet.is_online(agent(1)));
}

/// A host that was there is never shown as one that was not, also when the controller is killed again and again within its first minute.
#[tokio::test]
async fn a_host_that_comes_for_the_first_time_is_noted_at_once() {
    let rig = Rig::start().await;
    let _web = rig.link(1).await;
    // What is on the disk is what a process leaves that is killed now: it says nothing at its end.
    let kept = async {
        loop {
            let fleet = last_seen::load(&rig.kept).await.unwrap();
            if let Some(presence) = fleet.get(agent(1)) {
                return presence.clone();
            }
        }
    };
    let presence = within("a note of the first host", kept).await;
    assert!(presence.heard_ms > 0);
    assert_eq!(presence.version.as_data(), "1.0.0");
}
