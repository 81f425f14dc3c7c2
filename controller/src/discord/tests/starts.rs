//! From `/run` to `Go`: a run begins when Discord has taken its card and where that is is kept, and is given up in every other case.

use rusqlite::Connection;
use shanty_core::ask::{Answer, Ask};
use shanty_core::hold::Hold;

use super::publish::Posted;
use super::*;
use crate::discord::fake::Nobody;
use crate::testing::{local, person, run_on};

/// Whether there is a `Go`.
fn has_begun(rig: &Rig) -> bool {
    rig.kinds().iter().any(|kind| matches!(kind, Kind::Go(_)))
}

#[tokio::test]
async fn a_run_is_recorded_before_its_card_is_said_and_begins_after_that() {
    let rig = Rig::start().await;
    let journal = rig.journal.clone();
    let at_callback = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&at_callback);
    let rest = FakeRest::start(move |_, seen| {
        if is_callback(seen) {
            let records = journal.records();
            let kinds = records.into_iter().map(|record| record.kind);
            // Three hosts, and the grants.
            told.lock().unwrap().extend(kinds.skip(4));
        }
        done(seen)
    })
    .await;
    let stage = Stage::on(rig, rest, None);
    let mut web = stage.rig.link(1).await;
    let asked = run("web-01");
    stage.interact(asked.clone()).await;
    let run = stage.run();
    assert_eq!(web.order().await.run, run.to_string());
    let at_callback = at_callback.lock().unwrap();
    assert!(
        matches!(at_callback[..], [Kind::Accepted(_)]),
        "{at_callback:?}"
    );
    let bodies = stage.bodies(&callback_with_message(&asked));
    let [card] = &bodies[..] else {
        panic!("one answer: {bodies:?}")
    };
    assert!(
        !is_private(card) && card.to_string().contains("#1"),
        "{card}"
    );
}

#[tokio::test]
async fn a_run_whose_card_discord_refuses_is_given_up_and_the_channel_is_told_why() {
    for (status, code, message) in [
        (404, 10_062, "Unknown interaction"),
        (400, 40_060, "Interaction has already been acknowledged."),
        (403, 50_001, "Missing Access"),
        (429, 0, "You are being rate limited."),
    ] {
        let stage =
            Stage::scripted(move |seen| is_callback(seen).then(|| refusal(status, code, message)))
                .await;
        let mut web = stage.rig.link(1).await;
        stage.interact(run("web-01")).await;
        let given_up = stage.over().await;
        let why = expired(&given_up);
        let said = format!("Discord answered {status}, code {code}: {message}");
        let said = match status {
            429 => "Discord takes no answers for 5 s".to_owned(),
            _ => format!("Discord did not take the answer ({said})"),
        };
        assert_eq!(why, said);
        stage
            .said(
                "POST channels/5/messages",
                "#1 was not started and nothing was run",
            )
            .await;
        stage.forgotten().await;
        assert!(!has_begun(&stage.rig));
        assert_eq!(web.said().len(), 1, "the welcome");
        let lines: Vec<String> = stage.calls().into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines.len(), 2, "the answer and the message: {lines:?}");
    }
}

#[tokio::test]
async fn an_answer_of_which_nobody_knows_is_looked_for_once() {
    for found in [true, false] {
        for lost in [true, false] {
            let stage = Stage::scripted(move |seen| {
                if is_callback(seen) {
                    let failed = || refusal(500, 0, "Internal Server Error");
                    return Some(if lost { Reply::Cut } else { failed() });
                }
                let look = seen.line.contains("@original") && !found;
                look.then(|| refusal(404, 10_015, "Unknown Webhook"))
            })
            .await;
            let mut web = stage.rig.link(1).await;
            let asked = run("web-01");
            stage.interact(asked.clone()).await;
            assert_eq!(stage.bodies(&callback_with_message(&asked)).len(), 1);
            assert_eq!(stage.bodies(&original("GET", &asked)).len(), 1);
            if found {
                assert_eq!(web.order().await.run, stage.run().to_string());
            } else {
                let given_up = stage.over().await;
                assert!(expired(&given_up).starts_with("Discord did not take the answer ("));
                assert!(!has_begun(&stage.rig));
            }
        }
    }
}

#[tokio::test]
async fn a_run_is_given_up_when_discord_cannot_be_reached() {
    let nobody = Nobody::there();
    let mut rest = FakeRest::start(|_, seen| done(seen)).await;
    rest.api = nobody.api.clone();
    let stage = Stage::on(Rig::start().await, rest, None);
    let _web = stage.rig.link(1).await;
    stage.interact(run("web-01")).await;
    let given_up = stage.over().await;
    let why = "Discord did not take the answer (Discord cannot be reached";
    assert!(
        expired(&given_up).starts_with(why),
        "{}",
        expired(&given_up)
    );
    assert!(!has_begun(&stage.rig));
}

#[tokio::test]
async fn a_run_that_cannot_be_recorded_is_refused_for_the_asker_alone() {
    let stage = Stage::start().await;
    let mut web = stage.rig.link(1).await;
    stage.rig.journal.commit(Commits::Never);
    let asked = run("web-01");
    stage.interact(asked.clone()).await;
    let bodies = stage.bodies(&callback_with_message(&asked));
    assert!(
        is_private(&bodies[0]) && bodies[0].to_string().contains("could not be written"),
        "{bodies:?}"
    );
    assert_eq!(stage.calls().len(), 1);
    assert_eq!(web.said().len(), 1, "the welcome");
}

#[tokio::test]
async fn a_run_that_is_not_recorded_in_time_is_refused_and_does_not_begin_later() {
    let stage = Stage::start().await;
    let mut web = stage.rig.link(1).await;
    stage.rig.journal.commit(Commits::Later);
    let asked = run("web-01");
    stage.interact(asked.clone()).await;
    let bodies = stage.bodies(&callback_with_message(&asked));
    assert!(is_private(&bodies[0]) && bodies[0].to_string().contains("not written in time"));
    stage.rig.journal.commit(Commits::AtOnce);
    let given_up = |kind: &Kind| matches!(kind, Kind::Expired { .. });
    stage.rig.recorded("the end", given_up).await;
    let run = stage.over().await;
    assert_eq!(expired(&run), "nobody waited for the answer any more");
    assert_eq!(web.said().len(), 1, "the welcome");
}

#[tokio::test]
async fn where_a_card_is_is_kept_before_its_run_begins() {
    let stage = Stage::start().await;
    let _web = stage.rig.link(1).await;
    let answer = stage
        .rig
        .hub
        .ask(person(next_interaction()), run_on("web-01"));
    let answer = within("an answer", answer).await;
    let Ok(Answer::Accepted(accepted)) = answer else {
        panic!("{answer:?}")
    };
    let run = accepted.run.spec.id;
    // Its publisher waits for the card: that it may is kept.
    let placed = async { while stage.rig.kept.read::<u64>("cards").await.unwrap() != Some(1) {} };
    within("the place of the card", placed).await;
    let key = format!("card:{run}");
    let place: Option<Value> = stage.rig.kept.read(&key).await.unwrap();
    assert_eq!(place.expect("it is kept")["message"], Value::Null);

    // Somebody else writes: what is to be kept has to wait.
    let file = Connection::open(stage.rig.dir.path().join("kept.db")).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    let posted = Posted {
        channel: OPS,
        message: CARD,
        digest: 1,
        thread: None,
        by_token: None,
    };
    stage.edge.callbacks.sender(run).send(Ok(posted)).unwrap();
    let_others_go_on().await;
    stage.rig.hub.known().await.unwrap();
    assert!(!has_begun(&stage.rig));
    file.execute_batch("COMMIT").unwrap();
    stage
        .rig
        .recorded("the begin", |kind| *kind == Kind::Go(run))
        .await;
    let place: Option<Value> = stage.rig.kept.read(&key).await.unwrap();
    assert_eq!(place.expect("it is kept")["message"], CARD);
}

#[tokio::test]
async fn a_hold_that_comes_before_the_card_is_taken_stands() {
    let stage = Stage::start().await;
    let hub = &stage.rig.hub;
    let mut web = stage.rig.link(1).await;
    let answer = hub.ask(person(next_interaction()), run_on("web-01")).await;
    let Ok(Answer::Accepted(accepted)) = answer else {
        panic!("{answer:?}")
    };
    let run = accepted.run.spec.id;
    let hold = Ask::Hold(Hold::on("db move"));
    hub.ask(local(), hold).await.unwrap();
    let posted = Posted {
        channel: OPS,
        message: CARD,
        digest: 1,
        thread: None,
        by_token: None,
    };
    stage.edge.callbacks.sender(run).send(Ok(posted)).unwrap();
    let over = stage.over().await;
    assert_eq!(expired(&over), "new runs are on hold");
    assert_eq!(web.said().len(), 1, "the welcome");
    stage
        .said("PATCH channels/5/messages/77", "new runs are on hold")
        .await;
    stage.forgotten().await;
}
