//! Scripts that are attached: what is refused is recorded and can be mended without attaching again, and one that is slow to come is answered
//! all the same.

use sha2::{Digest as _, Sha256};

use super::*;

/// `/script` on these hosts, with a file that this Discord has.
fn script(stage: &Stage, on: &str, args: &str) -> Value {
    let file = json!({"name": "file", "type": 11, "value": "7"});
    let mut asked = slash(
        "script",
        json!([option("on", on), file, option("args", args)]),
    );
    let url = format!("{}/files/deploy.sh", stage.rest.api);
    asked["data"]["resolved"] = json!({"attachments": {"7": {
        "id": "7", "filename": "deploy.sh", "size": 20, "url": url, "proxy_url": url,
    }}});
    asked
}

fn is_file(seen: &Seen) -> bool {
    seen.line.contains("/files/deploy.sh")
}

/// Discord has the file at once.
async fn stage() -> Stage {
    Stage::scripted(|seen| {
        is_file(seen).then(|| Reply::Answer(200, vec![], "echo hi; echo there\n".to_owned()))
    })
    .await
}

/// Discord has the file when that is said.
async fn slow() -> (Stage, watch::Sender<bool>) {
    let (there, is_there) = watch::channel(false);
    let stage = Stage::scripted(move |seen| {
        is_file(seen).then(|| Reply::Once(is_there.clone(), "echo hi; echo there\n".to_owned()))
    })
    .await;
    (stage, there)
}

/// How often the file was fetched.
fn fetched(stage: &Stage) -> usize {
    stage
        .rest
        .seen()
        .iter()
        .filter(|seen| is_file(seen))
        .count()
}

/// The key in a button of a body.
fn key(body: &Value, verb: &str) -> String {
    let text = body.to_string();
    let (_, rest) = text.split_once(&format!("v1:{verb}:")).expect("the button");
    rest.split('"').next().unwrap().to_owned()
}

fn denied(stage: &Stage) -> Vec<String> {
    let kinds = stage.rig.kinds().into_iter();
    let codes = kinds.filter_map(|kind| match kind {
        Kind::Denied(denied) => Some(denied.code),
        _ => None,
    });
    codes.collect()
}

/// Somebody types it, and the file is let through once the answer was promised to them.
async fn late(stage: &Stage, there: &watch::Sender<bool>, asked: &Value, flags: u64) {
    let promised = async {
        stage
            .called("a promise", |calls| {
                calls.iter().any(|(line, _)| *line == callback(asked))
            })
            .await;
        let promise = stage.bodies(&callback(asked));
        assert_eq!(promise, [json!({"type": 5, "data": {"flags": flags}})]);
        assert!(
            !stage
                .rig
                .kinds()
                .iter()
                .any(|kind| matches!(kind, Kind::Accepted(_)))
        );
        there.send_replace(true);
    };
    tokio::join!(stage.interact(asked.clone()), promised);
}

#[tokio::test]
async fn a_refused_script_is_recorded_and_its_file_is_fetched_when_the_refusal_is_mended() {
    let stage = stage().await;
    let mut web = stage.rig.link(1).await;
    let asked = script(&stage, "web-1", "--fast");
    stage.interact(asked.clone()).await;
    assert_eq!(denied(&stage), ["E_SELECTOR"]);
    assert_eq!(fetched(&stage), 0);
    let refused = &stage.bodies(&callback_with_message(&asked))[0];
    assert!(is_private(refused), "{refused}");
    assert!(
        refused.to_string().contains("Did you mean **web-01**?"),
        "{refused}"
    );

    // The form has what was typed, and keeps the file.
    let change = key(refused, "change");
    let pressed = press(&format!("v1:change:{change}"));
    stage.interact(pressed.clone()).await;
    let form = &stage.bodies(&callback(&pressed))[0];
    assert_eq!(
        (form["type"].as_u64(), key(form, "change")),
        (Some(9), change)
    );
    assert!(form.to_string().contains("--fast"), "{form}");

    let pressed = press(&format!("v1:meant:{}", key(refused, "meant")));
    stage.interact(pressed).await;
    let order = web.order().await;
    assert_eq!(fetched(&stage), 1);
    let input = order.input.expect("the script");
    assert_eq!((input.name.as_str(), input.bytes), ("deploy.sh", 20));
    assert_eq!(denied(&stage), ["E_SELECTOR"]);
}

#[tokio::test]
async fn whoever_may_not_run_a_script_is_told_so_and_cannot_mend_it() {
    let stage = stage().await;
    let _web = stage.rig.link(1).await;
    let digest = <[u8; 32]>::from(Sha256::digest(b"echo hi; echo there\n"));
    let mut asked = script(&stage, "web-01", "");
    asked["member"]["roles"] = json!([]);
    stage.interact(asked.clone()).await;
    assert_eq!(denied(&stage), ["E_DENIED"]);
    let refused = &stage.bodies(&callback_with_message(&asked))[0];
    assert!(!refused.to_string().contains("v1:change:"), "{refused}");

    // They can have those asked who may: once, in the channel, and nobody is notified.
    for (time, public) in [(1, true), (2, false)] {
        let mut pressed = press(&format!("v1:ask:{}", key(refused, "ask")));
        pressed["member"]["roles"] = json!([]);
        stage.interact(pressed.clone()).await;
        let told = &stage.bodies(&callback_with_message(&pressed))[0];
        assert_eq!(is_private(told), !public, "{time}: {told}");
        assert_eq!(told["data"]["allowed_mentions"], json!({"parse": []}));
        let text = told.to_string();
        // What it is can be compared by who runs it.
        let shown = format!(
            "<@{ANN}> asks for a run\\n`deploy.sh`\\non `web-01`\\n-# script deploy.sh · 1 line · 20 B · sha256 {}…\\n<@&{ROLE}> may",
            &hex::encode(digest)[..8]
        );
        assert_eq!(text.contains(&shown), public, "{time}: {told}");
    }
    assert_eq!(fetched(&stage), 1, "looked at once");
    let kept = stage.rig.inputs.gone(digest).await;
    assert!(matches!(kept, Ok(Some(None))), "and never kept: {kept:?}");
    assert!(
        !stage
            .rig
            .kinds()
            .iter()
            .any(|kind| matches!(kind, Kind::Accepted(_)))
    );
}

#[tokio::test]
async fn a_script_that_is_slow_to_come_is_answered_with_its_card_in_what_was_promised() {
    let (stage, there) = slow().await;
    let mut web = stage.rig.link(1).await;
    let asked = script(&stage, "web-01", "");
    late(&stage, &there, &asked, 0).await;
    let order = web.order().await;
    assert_eq!(order.run, stage.run().to_string());
    let card = &stage.bodies(&original("PATCH", &asked))[0];
    assert!(card.to_string().contains("deploy.sh"), "{card}");
    assert_eq!(
        stage.bodies(&callback_with_message(&asked)),
        [Value::Null; 0]
    );
}

#[tokio::test]
async fn a_late_preview_is_for_who_asked_and_a_late_refusal_is_not_for_everybody() {
    let (stage, there) = slow().await;
    let _web = stage.rig.link(1).await;
    // One of two hosts is away: it is shown first.
    let asked = script(&stage, "role=web", "");
    late(&stage, &there, &asked, 64).await;
    let preview = &stage.bodies(&original("PATCH", &asked))[0];
    assert!(preview.to_string().contains("v1:online:"), "{preview}");

    there.send_replace(false);
    let asked = script(&stage, "web-01", "");
    let hold = async {
        stage
            .called("a promise", |calls| {
                calls.iter().any(|(line, _)| *line == callback(&asked))
            })
            .await;
        stage.interact(slash("hold", hold_on())).await;
        there.send_replace(true);
    };
    tokio::join!(stage.interact(asked.clone()), hold);
    assert_eq!(stage.bodies(&original("DELETE", &asked)), [Value::Null]);
    let id = asked["id"].as_str().unwrap();
    let refused = stage.bodies(&format!("POST webhooks/100/tok{id}?with_components=true"));
    let [refused] = &refused[..] else {
        panic!("one answer: {refused:?}")
    };
    assert_eq!(refused["flags"], 1 << 15 | 64, "{refused}");
    assert!(refused.to_string().contains("On hold"), "{refused}");
    assert_eq!(denied(&stage), ["E_HOLD"]);
}

#[tokio::test]
async fn a_slow_script_whose_promise_discord_does_not_take_runs_nothing() {
    let (_there, is_there) = watch::channel(false);
    let stage = Stage::scripted(move |seen| {
        if is_file(seen) {
            return Some(Reply::Once(is_there.clone(), "id".to_owned()));
        }
        is_callback(seen).then(|| refusal(404, 10_062, "Unknown interaction"))
    })
    .await;
    let _web = stage.rig.link(1).await;
    stage.interact(script(&stage, "web-01", "")).await;
    assert_eq!(stage.rig.kinds(), []);
    assert_eq!(stage.calls().len(), 2, "{:?}", stage.calls());
}

/// Discord has the file when that is said, and answers so before it does what it is asked for.
async fn slow_and(
    script: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static,
) -> (Stage, watch::Sender<bool>) {
    let (there, is_there) = watch::channel(false);
    let stage = Stage::scripted(move |seen| {
        let file = is_file(seen).then(|| Reply::Once(is_there.clone(), "echo hi\n".to_owned()));
        file.or_else(|| script(&call(seen).0))
    })
    .await;
    (stage, there)
}

/// Waits until an answer was promised.
async fn promised(stage: &Stage, asked: &Value) {
    let place = callback(asked);
    stage
        .called("a promise", |calls| {
            calls.iter().any(|(line, _)| *line == place)
        })
        .await;
}

fn follow_ups(stage: &Stage, asked: &Value) -> Vec<Value> {
    let id = asked["id"].as_str().unwrap();
    stage.bodies(&format!("POST webhooks/100/tok{id}?with_components=true"))
}

#[tokio::test]
async fn who_was_promised_an_answer_is_told_that_the_controller_stops() {
    let (stage, _there) = slow().await;
    let _web = stage.rig.link(1).await;
    let asked = script(&stage, "web-01", "");
    let stops = async {
        promised(&stage, &asked).await;
        stage.edge.shutdown.cancel();
    };
    tokio::join!(stage.interact(asked.clone()), stops);
    let told = follow_ups(&stage, &asked);
    let [told] = &told[..] else {
        panic!("one answer: {told:?}")
    };
    assert!(
        told.to_string().contains("controller is stopping"),
        "{told}"
    );
}

#[tokio::test]
async fn a_promise_that_is_gone_already_is_followed_by_its_refusal() {
    let (stage, there) = slow_and(|line| {
        let delete = line.starts_with("DELETE");
        delete.then(|| refusal(404, 10_008, "Unknown Message"))
    })
    .await;
    let _web = stage.rig.link(1).await;
    let asked = script(&stage, "web-01", "");
    let hold = async {
        promised(&stage, &asked).await;
        stage.interact(slash("hold", hold_on())).await;
        there.send_replace(true);
    };
    tokio::join!(stage.interact(asked.clone()), hold);
    let told = follow_ups(&stage, &asked);
    assert!(told[0].to_string().contains("On hold"), "{told:?}");
}

#[tokio::test]
async fn a_promise_of_which_nobody_knows_is_looked_for_once() {
    for stands in [true, false] {
        let (stage, there) = slow_and(move |line| {
            if line.ends_with("/callback") {
                return Some(Reply::Cut);
            }
            let look = line.starts_with("GET webhooks") && !stands;
            look.then(|| refusal(404, 10_015, "Unknown Webhook"))
        })
        .await;
        let mut web = stage.rig.link(1).await;
        let asked = script(&stage, "web-01", "");
        let comes = async {
            promised(&stage, &asked).await;
            there.send_replace(true);
        };
        tokio::join!(stage.interact(asked.clone()), comes);
        assert_eq!(stage.bodies(&original("GET", &asked)).len(), 1);
        match stands {
            true => assert_eq!(web.order().await.run, stage.run().to_string()),
            false => {
                assert_eq!(stage.rig.kinds(), []);
                // It may stand where the look did not find it.
                let told = &stage.bodies(&original("PATCH", &asked))[0];
                assert!(told.to_string().contains("Nothing was done."), "{told}");
            }
        }
    }
}

#[tokio::test]
async fn a_promise_that_no_card_fills_says_that_its_run_did_not_begin() {
    let fills = Mutex::new(0);
    let (stage, there) = slow_and(move |line| {
        if let Some((_, after)) = line.split_once("after=") {
            let interaction = after.split('&').next().unwrap();
            let promise = json!([{"id": CARD.to_string(), "channel_id": OPS.to_string(),
                "interaction_metadata": {"id": interaction, "type": 2}}]);
            return Some(Reply::Answer(200, vec![], promise.to_string()));
        }
        if !line.starts_with("PATCH webhooks") {
            return None;
        }
        let mut fills = fills.lock().unwrap();
        *fills += 1;
        (*fills == 1).then(|| refusal(400, 50_035, "Invalid Form Body"))
    })
    .await;
    let _web = stage.rig.link(1).await;
    let asked = script(&stage, "web-01", "");
    late(&stage, &there, &asked, 0).await;
    let given_up = stage.over().await;
    assert!(expired(&given_up).contains("50035"), "{given_up:?}");
    stage.said(&original("PATCH", &asked), "not started").await;
}

#[tokio::test]
async fn a_late_preview_that_came_after_the_answer_goes_when_it_is_confirmed() {
    let (stage, there) = slow().await;
    let _web = stage.rig.link(1).await;
    let other = stage.rig.link(2).await;
    let asked = script(&stage, "role=web", "");
    let leaves = async {
        promised(&stage, &asked).await;
        stage.edge.hub.link_down(other.agent, other.id).await;
        there.send_replace(true);
    };
    tokio::join!(stage.interact(asked.clone()), leaves);
    let preview = &follow_ups(&stage, &asked)[0];
    let run = key(preview, "online");
    stage.interact(press(&format!("v1:online:{run}"))).await;
    let id = asked["id"].as_str().unwrap();
    let gone = format!("DELETE webhooks/100/tok{id}/messages/89");
    assert_eq!(stage.bodies(&gone), [Value::Null]);
}

/// Somebody who may run nothing, as who asks or presses.
fn by(user: u64, mut asked: Value) -> Value {
    asked["member"]["user"]["id"] = json!(user.to_string());
    asked["member"]["roles"] = json!([]);
    asked
}

/// Asks, or presses, and gives what that was answered with.
async fn told(stage: &Stage, asked: Value) -> Value {
    stage.interact(asked.clone()).await;
    stage.bodies(&callback_with_message(&asked)).remove(0)
}

#[tokio::test]
async fn who_may_run_nothing_takes_no_buttons_from_others_and_may_press_again_later() {
    let stage = stage().await;
    let _web = stage.rig.link(1).await;
    let of_ann = key(&told(&stage, by(ANN, run("web-01"))).await, "ask");
    let mut of_other = String::new();
    for _ in 0..25 {
        of_other = key(&told(&stage, by(8, run("web-01"))).await, "ask");
    }
    let kept: Vec<(String, Value)> = stage.rig.kept.below("meant/").await.unwrap();
    assert_eq!(kept.len(), 1 + 20);

    let press_of = |key: &str| by(8, press(&format!("v1:ask:{key}")));
    {
        let mut asks = stage.edge.asks.lock().unwrap();
        while asks.answers(1, 8, now_ms()) {}
    }
    let refused = told(&stage, press_of(&of_other)).await;
    assert!(refused.to_string().contains("a moment ago"), "{refused}");
    *stage.edge.asks.lock().unwrap() = Manners::default();
    let public = told(&stage, press_of(&of_other)).await;
    assert!(!is_private(&public), "{public}");
    let again = told(&stage, press_of(&of_other)).await;
    assert!(is_private(&again), "{again}");
    let public = told(&stage, by(ANN, press(&format!("v1:ask:{of_ann}")))).await;
    assert!(!is_private(&public), "{public}");
}

#[tokio::test]
async fn a_refusal_is_one_question_with_one_answer_and_goes_when_it_has_it() {
    let stage = stage().await;
    let mut web = stage.rig.link(1).await;
    let asked = slash(
        "run",
        json!([
            {"name": "on", "type": 3, "value": "web-01"},
            {"name": "command", "type": 3, "value": "echo “a” –b"},
        ]),
    );
    let refused = told(&stage, asked.clone()).await;
    let text = refused.to_string();
    let mut ways = text.split("v1:meant:").skip(1);
    let mut way = || ways.next().unwrap().split('"').next().unwrap().to_owned();
    let [plain, as_typed] = [way(), way()].map(|key| format!("v1:meant:{key}"));
    assert_ne!(plain, as_typed);
    let change = press(&format!("v1:change:{}", key(&refused, "change")));

    // Who is refused again has all the ways again, and the refusal stays.
    let again = told(&stage, by(ANN, press(&plain))).await;
    assert!(again.to_string().contains("You may not"), "{again}");
    assert_eq!(stage.bodies(&original("DELETE", &asked)), [Value::Null; 0]);

    // Both at the same moment are one run.
    tokio::join!(
        stage.interact(press(&as_typed)),
        stage.interact(press(&plain))
    );
    web.order().await;
    let accepted = |kind: &Kind| matches!(kind, Kind::Accepted(_));
    let ran = || {
        stage
            .rig
            .kinds()
            .iter()
            .filter(|kind| accepted(kind))
            .count()
    };
    assert_eq!(ran(), 1);
    assert_eq!(stage.bodies(&original("DELETE", &asked)), [Value::Null]);
    let late = told(&stage, change).await;
    assert!(late.to_string().contains("pressed already"), "{late}");
    assert_eq!(ran(), 1);
}

/// Ann submits a form as it was opened.
fn submitted(form: &Value) -> Value {
    let data = &form["data"];
    let fields = data["components"].as_array().unwrap().iter();
    let fields = fields.map(|label| {
        let field = &label["component"];
        let value = field["value"].as_str().unwrap_or_default();
        let component =
            json!({"type": 4, "id": 2, "custom_id": field["custom_id"], "value": value});
        json!({"type": 18, "id": 1, "component": component})
    });
    let fields: Vec<Value> = fields.collect();
    interaction(
        5,
        json!({"custom_id": data["custom_id"], "components": fields}),
    )
}

#[tokio::test]
async fn whoever_may_runs_what_others_are_asked_for_once_and_sees_it_whole_before() {
    let stage = stage().await;
    let mut web = stage.rig.link(1).await;
    let asked_for = async |asked: Value| {
        let refused = told(&stage, by(8, asked)).await;
        *stage.edge.asks.lock().unwrap() = Manners::default();
        told(
            &stage,
            by(8, press(&format!("v1:ask:{}", key(&refused, "ask")))),
        )
        .await
    };
    let long = format!("echo {}", "x".repeat(1_000));
    let options = json!([option("on", "web-01"), option("command", &long)]);
    let public = asked_for(slash("run", options)).await;
    let look = press(&format!("v1:change:{}", key(&public, "change")));
    stage.interact(look.clone()).await;
    let form = stage.bodies(&callback(&look)).remove(0);
    assert!(form.to_string().contains(&long), "{form}");
    // Who may not either is told so, and takes nothing from who may.
    let refused = told(&stage, by(9, submitted(&form))).await;
    assert!(refused.to_string().contains("You may not"), "{refused}");
    stage.interact(submitted(&form)).await;
    let order = web.order().await;
    assert!(format!("{:?}", order.what).contains(&long), "{order:?}");
    let late = told(&stage, submitted(&form)).await;
    assert!(late.to_string().contains("pressed already"), "{late}");

    // What the form does not show is for who types it.
    let hidden = json!([
        option("on", "web-01"),
        option("command", "uptime"),
        option("offline", "queue")
    ]);
    let text = asked_for(slash("run", hidden)).await.to_string();
    assert!(text.contains("asks for a run"), "{text}");
    assert!(!text.contains("v1:change:"), "{text}");
}
