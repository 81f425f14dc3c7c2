//! What is read again for one person: promised first, then filled, also where Discord does not take it at once or not at all.

use super::*;
use crate::store::Deletion;

/// A run of host 1 that is over and printed this.
async fn printed(stage: &Stage, text: &str) -> RunId {
    let mut web = stage.rig.link(1).await;
    stage.interact(run("web-01")).await;
    let run = stage.run();
    web.order().await;
    stage.rig.store((run, 1), &spool(run, 1, &[text]).0).await;
    stage.rig.over(run).await;
    run
}

fn is_upload(seen: &Seen) -> bool {
    let head = seen.head.to_ascii_lowercase();
    seen.line.contains("@original") && head.contains("multipart/form-data")
}

#[tokio::test]
async fn files_come_after_a_promise_also_when_the_connection_breaks() {
    let broken = Arc::new(Mutex::new(false));
    let once = Arc::clone(&broken);
    let stage = Stage::scripted(move |seen| {
        let first = is_upload(seen) && !std::mem::replace(&mut *once.lock().unwrap(), true);
        first.then_some(Reply::Cut)
    })
    .await;
    let run = printed(&stage, "up 3 days\n").await;
    let pressed = press(&format!("v1:files:{run}"));
    stage.interact(pressed.clone()).await;
    let promised = json!({"type": 5, "data": {"flags": 64}});
    assert_eq!(stage.bodies(&callback(&pressed)), [promised]);
    let seen = stage.rest.seen();
    let uploads: Vec<&Seen> = seen.iter().filter(|seen| is_upload(seen)).collect();
    assert!(*broken.lock().unwrap() && uploads.len() == 2, "tried again");
    let body = String::from_utf8_lossy(&uploads[1].body);
    assert!(body.contains("filename=\"web-01.1.log\""), "{body}");
    assert!(body.contains("\r\n\r\nup 3 days\n\r\n--"), "{body}");
}

#[tokio::test]
async fn a_promise_that_is_lost_and_not_found_does_not_stay_for_ever() {
    let stage = Stage::scripted(|seen| {
        if seen.line.contains("/callback HTTP") {
            return Some(Reply::Cut);
        }
        let look = seen.line.starts_with("GET") && seen.line.contains("@original");
        look.then(|| refusal(404, 10_015, "Unknown Webhook"))
    })
    .await;
    let run = printed(&stage, "up 3 days\n").await;
    for what in [format!("files:{run}"), format!("whole:{run}:{}", agent(1))] {
        let pressed = press(&format!("v1:{what}"));
        stage.interact(pressed.clone()).await;
        let told = stage.bodies(&original("PATCH", &pressed));
        assert_eq!(told.len(), 1, "{what}: {told:?}");
        let told = told[0].to_string();
        assert!(told.contains("Discord lost the answer"), "{what}: {told}");
    }
}

#[tokio::test]
async fn files_that_discord_does_not_take_are_said() {
    let stage = Stage::scripted(|seen| {
        is_upload(seen).then(|| refusal(413, 40_005, "Request entity too large"))
    })
    .await;
    let run = printed(&stage, "up 3 days\n").await;
    let pressed = press(&format!("v1:whole:{run}:{}", agent(1)));
    stage.interact(pressed.clone()).await;
    let place = original("PATCH", &pressed);
    let told = stage.bodies(&place).pop().unwrap().to_string();
    assert!(told.contains("Discord did not take the files"), "{told}");
    assert!(told.contains("shanty runs output"), "{told}");
}

#[tokio::test]
async fn nothing_is_read_for_a_promise_that_discord_did_not_take() {
    let stage = Stage::scripted(|seen| {
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let promise = is_callback(seen) && body["type"] == 5;
        promise.then(|| refusal(404, 10_062, "Unknown interaction"))
    })
    .await;
    let run = printed(&stage, "up 3 days\n").await;
    let mut pressed = press(&format!("v1:open:{run}"));
    pressed["data"]["values"] = json!([format!("h:{}", agent(1))]);
    pressed["data"]["component_type"] = json!(3);
    stage.interact(pressed.clone()).await;
    let filled = stage.bodies(&original("PATCH", &pressed));
    assert_eq!(filled, [Value::Null; 0]);
}

/// Ann picks the group of this host; what she is shown.
async fn group_of(stage: &Stage, run: RunId, n: u8) -> String {
    let mut pressed = press(&format!("v1:open:{run}"));
    pressed["data"]["values"] = json!([format!("g:{}", agent(n))]);
    pressed["data"]["component_type"] = json!(3);
    stage.interact(pressed.clone()).await;
    let shown = stage.bodies(&original("PATCH", &pressed));
    shown.last().expect("an answer").to_string()
}

#[tokio::test]
async fn a_group_that_is_opened_has_the_hosts_that_it_has_on_the_card() {
    let rest = FakeRest::start(|_, seen| done(seen)).await;
    let stage = Stage::on(Rig::with_hosts(41).await, rest, Some(OPS));
    let webs: Vec<u8> = (1..=41).filter(|n| *n != 3).collect();
    let mut links = Vec::new();
    for n in &webs {
        links.push(stage.rig.link(*n).await);
    }
    let run = stage.rig.run("role=web").await;
    for (n, mut link) in webs.iter().zip(links) {
        link.order().await;
        let line = format!("web-{n:02} is up\n");
        let spool = spool(run, *n, &[&line]).0;
        stage.rig.store((run, *n), &spool).await;
    }
    stage.rig.over(run).await;
    let labelled = "✅ web-[01-02,04-41] · 40 hosts · exit 0";
    stage
        .called("the menu of the card", |calls| {
            calls
                .iter()
                .any(|(_, body)| body.to_string().contains(labelled))
        })
        .await;
    let shown = group_of(&stage, run, 1).await;
    assert!(shown.contains("-# 40 hosts · exit 0"), "{shown}");
    assert!(
        shown.contains("the same but for the host's name · as web-01 printed it"),
        "{shown}"
    );

    // One that is not there any more is not known to be like the others.
    let output = &stage.rig.output;
    let all = output.oldest(None, 50).await.unwrap();
    let gone = all.iter().find(|old| old.agent == agent(7)).unwrap();
    output.delete(gone, Deletion::Age, 9).await.unwrap();
    let shown = group_of(&stage, run, 1).await;
    assert!(shown.contains("-# 39 hosts · exit 0"), "{shown}");
    let shown = group_of(&stage, run, 7).await;
    assert!(shown.contains("its output was deleted on"), "{shown}");
}
