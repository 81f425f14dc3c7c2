//! The shell around the machine: who is told what, and when, for what the journal says.

use std::pin::Pin;

use futures_util::poll;
use shanty_core::ask::{Ask, Question, RunRequest, Which};
use shanty_core::hold::{Hold, HoldAnswer};
use shanty_core::journal::Kind;
use shanty_core::refusal::Code;
use shanty_core::run::{About, Execution, Input, InputKind, Phase, Run};
use shanty_proto::v1;

use super::*;
use crate::store::Commits;
use crate::testing::{Rig, agent, let_others_go_on, local, run_on, spool, within};

mod joins;
mod links;
mod restarts;

/// An answer that somebody waits for.
type Asking = Pin<Box<dyn Future<Output = Result<Answer, Refusal>> + Send>>;

/// Asks on the command line, without waiting.
fn asking(rig: &Rig, ask: Ask) -> Asking {
    let hub = rig.hub.clone();
    Box::pin(async move { hub.ask(local(), ask).await })
}

/// Waits until the hub has heard all that was said to it by now.
async fn heard(rig: &Rig) {
    within("the hub", rig.hub.known()).await.unwrap();
}

/// True when nobody has answered; the hub has heard the question.
async fn is_unanswered(rig: &Rig, asking: &mut Asking) -> bool {
    let early = poll!(&mut *asking).is_pending();
    heard(rig).await;
    early && poll!(&mut *asking).is_pending()
}

fn code(answer: Result<Answer, Refusal>) -> Code {
    answer.expect_err("a refusal").code
}

fn expired(run: &Run) -> &str {
    match &run.phase {
        Phase::Expired(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_refused_and_nothing_is_ordered() {
    let rig = Rig::start().await;
    let mut web = rig.link(1).await;
    rig.journal.commit(Commits::Never);
    assert_eq!(rig.ask_run("web-01").await.unwrap_err().code, Code::Storage);
    let hold = within("an answer", asking(&rig, Ask::Hold(Hold::on("db move")))).await;
    assert_eq!(code(hold), Code::Storage);
    assert!(rig.hub.known().await.unwrap().state.hold.is_none());
    assert_eq!(*rig.hub.accepted().borrow(), RunNumber(0));

    rig.journal.commit(Commits::AtOnce);
    let run = rig.run("web-01").await;
    let order = web.order().await;
    assert_eq!(order.run, run.to_string(), "and no order before it");
    assert_eq!(*rig.hub.accepted().borrow(), RunNumber(1));
}

#[tokio::test]
async fn an_answer_waits_until_its_record_is_committed() {
    let rig = Rig::start().await;
    let _web = rig.link(1).await;
    rig.journal.commit(Commits::Later);
    let mut accepted = asking(&rig, run_on("web-01"));
    assert!(is_unanswered(&rig, &mut accepted).await);
    let mut hold = asking(&rig, Ask::Hold(Hold::on("db move")));
    assert!(is_unanswered(&rig, &mut hold).await);
    assert_eq!(*rig.hub.accepted().borrow(), RunNumber(0));
    assert_eq!(rig.kinds(), []);

    rig.journal.commit(Commits::AtOnce);
    let accepted = within("an answer", accepted).await;
    assert!(matches!(accepted, Ok(Answer::Accepted(_))), "{accepted:?}");
    let hold = within("an answer", hold).await;
    assert!(
        matches!(hold, Ok(Answer::Hold(HoldAnswer::Began(_)))),
        "{hold:?}"
    );
    assert_eq!(*rig.hub.accepted().borrow(), RunNumber(1));
}

#[tokio::test]
async fn an_order_waits_until_go_is_committed() {
    let rig = Rig::start().await;
    let mut web = rig.link(1).await;
    let run = rig.ask_run("web-01").await.unwrap();
    heard(&rig).await;
    assert_eq!(web.said().len(), 1, "welcome, and no order without `Go`");

    rig.journal.commit(Commits::Later);
    rig.hub.taken(run).await;
    heard(&rig).await;
    assert_eq!(web.said(), []);
    rig.journal.commit(Commits::AtOnce);
    assert_eq!(web.order().await.run, run.to_string());
    assert!(rig.kinds().contains(&Kind::Go(run)));
}

#[tokio::test]
async fn a_go_that_cannot_be_recorded_orders_nothing() {
    let rig = Rig::start().await;
    let mut web = rig.link(1).await;
    let run = rig.ask_run("web-01").await.unwrap();
    rig.journal.commit(Commits::Never);
    rig.hub.taken(run).await;
    let_others_go_on().await;
    heard(&rig).await;
    assert_eq!(web.said().len(), 1, "the welcome");
    let known = rig.hub.known().await.unwrap();
    assert_eq!(known.state.run_of(run).unwrap().phase, Phase::Accepted);
}

#[tokio::test]
async fn a_run_of_which_nobody_hears_is_given_up() {
    let rig = Rig::start().await;
    let mut web = rig.link(1).await;
    rig.journal.commit(Commits::Later);
    let mut asked = asking(&rig, run_on("web-01"));
    assert!(is_unanswered(&rig, &mut asked).await);
    drop(asked);
    rig.journal.commit(Commits::AtOnce);
    rig.recorded("that it is given up", |kind| {
        matches!(kind, Kind::Expired { .. })
    })
    .await;
    let accepted = rig.kinds().iter().find_map(|kind| match kind {
        Kind::Accepted(spec) => Some(spec.id),
        _ => None,
    });
    let run = rig.over(accepted.unwrap()).await;
    assert_eq!(expired(&run), "nobody waited for the answer any more");
    rig.hub.taken(run.spec.id).await;
    heard(&rig).await;
    assert_eq!(web.said().len(), 1, "the welcome, and no order");
}

#[tokio::test]
async fn a_question_is_answered_while_nothing_is_committed() {
    let rig = Rig::start().await;
    rig.journal.commit(Commits::Later);
    let mut hold = asking(&rig, Ask::Hold(Hold::on("db move")));
    assert!(is_unanswered(&rig, &mut hold).await);
    let hosts = Ask::Look(Question::Hosts {
        on: "role=web".to_owned(),
    });
    let answer = within("an answer", asking(&rig, hosts)).await;
    let Ok(Answer::Hosts(view)) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(view.rows.len(), 2);
    assert!(poll!(&mut hold).is_pending());
}

#[tokio::test]
async fn a_stop_acts_before_it_is_recorded() {
    let rig = Rig::start().await;
    let mut web = rig.link(1).await;
    let run = rig.run("web-01").await;
    web.order().await;
    rig.journal.commit(Commits::Later);
    let which = Which::Number(RunNumber(1));
    let cancel = Ask::Cancel { which, force: true };
    let answer = within("an answer", asking(&rig, cancel)).await;
    let Ok(Answer::Cancelled(done)) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!((done.told, done.away.len()), (vec!["web-01".to_owned()], 0));
    let told = v1::Cancel {
        run: run.to_string(),
        force: true,
    };
    assert_eq!(web.next().await, Some(v1::down::Kind::Cancel(told)));
    let asked_for = Kind::CancelRequested { run, force: true };
    assert!(!rig.kinds().contains(&asked_for));
    rig.journal.commit(Commits::AtOnce);
    assert!(rig.kinds().contains(&asked_for));
}

#[tokio::test]
async fn a_watch_shows_each_state_and_ends_with_the_run() {
    let rig = Rig::start().await;
    let mut web = rig.link(1).await;
    let run = rig.ask_run("web-01").await.unwrap();
    let watch = rig.hub.watch_numbered(RunNumber(1)).await.unwrap();
    let mut watch = watch.expect("there is one");
    assert_eq!(watch.borrow().run.phase, Phase::Accepted);
    rig.hub.taken(run).await;
    let begun = watch.wait_for(|snapshot| snapshot.run.phase == Phase::Running);
    within("the begin", begun).await.unwrap();
    web.order().await;
    let (spool, _) = spool(run, 1, &["up\n"]);
    rig.store((run, 1), &spool).await;
    let over = watch.wait_for(|snapshot| snapshot.run.is_over());
    let snapshot = within("the end", over).await.unwrap().clone();
    let outcome = snapshot
        .run
        .execution(agent(1))
        .and_then(Execution::outcome);
    assert!(outcome.unwrap().is_ok());
    assert!(
        within("no more", watch.changed()).await.is_err(),
        "nothing more can come"
    );
    let late = rig.hub.watch(run).await.unwrap().expect("there is one");
    assert!(late.borrow().run.is_over());
    assert!(late.has_changed().is_err(), "one last state");
    let nobody = rig.hub.watch_numbered(RunNumber(2)).await.unwrap();
    assert!(nobody.is_none());
}

#[tokio::test]
async fn a_hub_that_stops_waits_until_what_it_decided_is_committed() {
    let mut rig = Rig::start().await;
    let _web = rig.link(1).await;
    rig.journal.commit(Commits::Later);
    let mut hold = asking(&rig, Ask::Hold(Hold::on("db move")));
    assert!(is_unanswered(&rig, &mut hold).await);
    rig.shutdown.cancel();
    let_others_go_on().await;
    assert!(poll!(&mut hold).is_pending());
    assert!(rig.tasks.try_join_next().is_none(), "it has not stopped");
    rig.journal.commit(Commits::AtOnce);
    let hold = within("an answer", hold).await;
    assert!(
        matches!(hold, Ok(Answer::Hold(HoldAnswer::Began(_)))),
        "{hold:?}"
    );
    rig.stopped().await;
    assert_eq!(rig.kinds(), [Kind::Hold(Hold::on("db move"))]);
}

#[tokio::test]
async fn whoever_asks_a_hub_that_has_stopped_is_told_so() {
    let mut rig = Rig::start().await;
    rig.shutdown.cancel();
    rig.stopped().await;
    let hold = asking(&rig, Ask::Hold(Hold::on("db move"))).await;
    assert_eq!(code(hold), Code::Stopping);
    let hosts = Ask::Look(Question::Hosts { on: String::new() });
    assert_eq!(code(asking(&rig, hosts).await), Code::Stopping);
    let watch = rig.hub.watch_numbered(RunNumber(1)).await;
    assert_eq!(watch.unwrap_err().code, Code::Stopping);
    let link = rig.link_as(1, 8, "boot", Vec::new()).await;
    let refused = link.err().expect("no link");
    assert_eq!(refused.text, "the controller is stopping");
}

#[tokio::test]
async fn what_was_deleted_is_given_to_no_command_whoever_still_names_it() {
    let rig = Rig::start().await;
    let _web = rig.link(1).await;
    let Ask::Run(request) = run_on("web-01") else {
        panic!("a run")
    };
    let input = Input {
        kind: InputKind::Stdin,
        name: String::new(),
        bytes: 5,
        sha256: [9; 32],
        about: About::default(),
    };
    let asked = Ask::Run(RunRequest {
        input: Some(input),
        ..request
    });
    assert_eq!(code(asking(&rig, asked).await), Code::Deleted);
    let accepted = |kind: &Kind| matches!(kind, Kind::Accepted(_));
    assert!(!rig.kinds().iter().any(accepted));
}

#[tokio::test]
async fn the_grants_that_hold_are_recorded_when_they_are_others_than_before() {
    let rig = Rig::start().await;
    let loaded = |rig: &Rig| {
        let records = rig.journal.records().into_iter();
        let loaded = records.filter(|record| matches!(record.kind, Kind::GrantsLoaded(_)));
        loaded.count()
    };
    heard(&rig).await;
    assert_eq!(loaded(&rig), 1);
    let grants = rig.hub.known().await.unwrap().state.grants;
    assert!(!grants.is_empty());
    let rig = rig.restart().await;
    heard(&rig).await;
    assert_eq!(loaded(&rig), 1, "they are the same");
}
