//! Buttons: a preview is confirmed or taken back by a press that is decided anew, and a run is stopped.

use super::*;

/// Asks for a run on two hosts of which one is away: the asker is shown it first. The interaction, and the id that the run will have.
async fn previewed(stage: &Stage) -> (Value, RunId) {
    let asked = run("role=web");
    stage.interact(asked.clone()).await;
    let bodies = stage.bodies(&callback_with_message(&asked));
    let [body] = &bodies[..] else {
        panic!("one answer: {bodies:?}")
    };
    assert!(is_private(body), "{body}");
    let proposed = stage.rig.kinds().into_iter().find_map(|kind| match kind {
        Kind::Proposed(proposal) => Some(proposal.spec.id),
        _ => None,
    });
    let run = proposed.expect("it is recorded");
    assert!(
        body.to_string().contains(&format!("v1:online:{run}")),
        "{body}"
    );
    (asked, run)
}

#[tokio::test]
async fn a_confirmed_preview_becomes_a_run_and_goes() {
    let stage = Stage::start().await;
    let mut web = stage.rig.link(1).await;
    let (asked, run) = previewed(&stage).await;
    assert_eq!(web.said().len(), 1, "the welcome: nothing runs yet");
    let pressed = press(&format!("v1:online:{run}"));
    stage.interact(pressed.clone()).await;
    assert_eq!(stage.run(), run);
    assert_eq!(web.order().await.run, run.to_string());
    let card = &stage.bodies(&callback_with_message(&pressed))[0];
    assert!(!is_private(card), "{card}");
    let gone = stage.bodies(&original("DELETE", &asked));
    assert_eq!(gone, [Value::Null], "the preview goes, once");

    let again = press(&format!("v1:online:{run}"));
    stage.interact(again.clone()).await;
    let refused = &stage.bodies(&callback_with_message(&again))[0];
    assert!(
        is_private(refused) && refused.to_string().contains("confirmed already"),
        "{refused}"
    );
    assert_eq!(stage.run(), run, "one run");
}

#[tokio::test]
async fn a_preview_keeps_its_buttons_when_its_run_does_not_begin() {
    let pressed = Arc::new(Mutex::new(String::new()));
    let refused = Arc::clone(&pressed);
    let stage = Stage::scripted(move |seen| {
        let path = refused.lock().unwrap().clone();
        let is_press = !path.is_empty() && call(seen).0 == path;
        is_press.then(|| refusal(404, 10_062, "Unknown interaction"))
    })
    .await;
    let _web = stage.rig.link(1).await;
    let (asked, run) = previewed(&stage).await;
    let press = press(&format!("v1:online:{run}"));
    *pressed.lock().unwrap() = callback_with_message(&press);
    stage.interact(press).await;
    let given_up = stage.over().await;
    assert!(
        expired(&given_up).contains("10062"),
        "{}",
        expired(&given_up)
    );
    assert_eq!(stage.bodies(&original("DELETE", &asked)), [Value::Null; 0]);
}

#[tokio::test]
async fn a_preview_that_is_taken_back_is_changed_and_runs_no_more() {
    let stage = Stage::start().await;
    let mut web = stage.rig.link(1).await;
    let (_, run) = previewed(&stage).await;
    let dropped = press(&format!("v1:drop:{run}"));
    stage.interact(dropped.clone()).await;
    let body = &stage.bodies(&callback(&dropped))[0];
    assert_eq!(body["type"], 7, "{body}");
    assert!(!body.to_string().contains("custom_id"), "{body}");
    let late = press(&format!("v1:online:{run}"));
    stage.interact(late.clone()).await;
    let refused = &stage.bodies(&callback_with_message(&late))[0];
    assert!(
        is_private(refused) && refused.to_string().contains("not open any more"),
        "{refused}"
    );
    assert_eq!(web.said().len(), 1, "the welcome");
}

#[tokio::test]
async fn a_preview_is_confirmed_by_nobody_else() {
    let stage = Stage::start().await;
    let mut web = stage.rig.link(1).await;
    let (_, run) = previewed(&stage).await;
    let mut other = press(&format!("v1:online:{run}"));
    other["member"]["user"]["id"] = json!("4711");
    stage.interact(other.clone()).await;
    let refused = &stage.bodies(&callback_with_message(&other))[0];
    assert!(
        is_private(refused) && refused.to_string().contains("shown to somebody else"),
        "{refused}"
    );
    assert_eq!(web.said().len(), 1, "the welcome");
}

#[tokio::test]
async fn a_press_stops_a_run_and_its_card_says_so() {
    let stage = Stage::start().await;
    let mut web = stage.rig.link(1).await;
    stage.interact(run("web-01")).await;
    web.order().await;
    let run = stage.run();
    let stop = press(&format!("v1:cancel:{run}"));
    stage.interact(stop.clone()).await;
    let bodies = stage.bodies(&callback(&stop));
    assert_eq!(
        bodies,
        [json!({"type": 6})],
        "the card shows what became of it"
    );
    assert!(web.is_told_to_stop(run).await);
    stage.said(&stage.edit(), &format!("v1:kill:{run}")).await;
}
