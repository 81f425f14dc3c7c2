//! Runs as they are shown: one card that is edited, a thread when there is output, and a place that is kept as long as people wait.

use rusqlite::Connection;
use shanty_core::run::Told;

use super::*;

/// With the token of the bot.
const EDIT: &str = "PATCH channels/5/messages/77";
const POST: &str = "POST channels/5/messages";
const OPEN_THREAD: &str = "POST channels/5/messages/77/threads";
const POST_IN_THREAD: &str = "POST channels/77/messages";

/// A run of host 1 that was asked for in chat and has begun.
async fn begun(stage: &Stage) -> RunId {
    let mut web = stage.rig.link(1).await;
    stage.interact(run("web-01")).await;
    let run = stage.run();
    web.order().await;
    run
}

/// More lines than a card has room for.
fn lines(count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("line {n}\n")).collect()
}

/// Stores all that a run printed; it ends.
async fn print(stage: &Stage, run: RunId, lines: &[String]) {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    stage.rig.store((run, 1), &spool(run, 1, &lines).0).await;
    stage.rig.over(run).await;
}

#[tokio::test]
async fn a_short_output_stands_on_the_one_card_at_the_end() {
    let stage = Stage::start().await;
    let run = begun(&stage).await;
    print(&stage, run, &["up 3 days\n".to_owned()]).await;
    stage.forgotten().await;
    stage.said(&stage.edit(), "up 3 days").await;
    assert_eq!(stage.bodies(POST), [Value::Null; 0], "no second card");
    let last = stage.bodies(&stage.edit()).pop().unwrap();
    assert!(
        !last.to_string().contains("v1:cancel:"),
        "it is over: {last}"
    );
    assert_eq!(last["allowed_mentions"], json!({"parse": []}));
}

#[tokio::test]
async fn a_card_is_edited_by_the_token_of_its_interaction_and_when_that_is_refused_by_the_bot() {
    for (status, code) in [
        (401, 50_027),
        (403, 0),
        (404, 10_015),
        (404, 10_062),
        (400, 50_027),
    ] {
        let stage = Stage::scripted(move |seen| {
            let by_token = call(seen).0.starts_with("PATCH webhooks/");
            by_token.then(|| refusal(status, code, "no"))
        })
        .await;
        let run = begun(&stage).await;
        print(&stage, run, &["up\n".to_owned()]).await;
        stage.said(EDIT, "exit 0").await;
        stage.forgotten().await;
        let by_token = stage.bodies(&stage.edit());
        assert_eq!(by_token.len(), 1, "not tried again after {status} {code}");
        assert_eq!(by_token[0]["allowed_mentions"], json!({"parse": []}));
    }
}

#[tokio::test]
async fn a_card_in_a_thread_that_stays_closed_is_not_tried_again_by_the_bot() {
    for (status, code) in [(403, 50_013), (403, 160_005), (404, 10_003)] {
        let stage = Stage::scripted(move |seen| {
            let line = call(seen).0;
            let edits = line.starts_with("PATCH webhooks/") || line == EDIT;
            let archived = || refusal(400, 50_083, "Thread is archived");
            let opens = || refusal(status, code, "no");
            let opened = (line == "PATCH channels/5").then(opens);
            opened.or_else(|| edits.then(archived))
        })
        .await;
        let run = begun(&stage).await;
        print(&stage, run, &["up\n".to_owned()]).await;
        stage.forgotten().await;
        assert_eq!(stage.bodies(&stage.edit()).len(), 1, "{status} {code}");
        assert_eq!(stage.bodies(EDIT), [Value::Null; 0], "{status} {code}");
    }
}

#[tokio::test]
async fn output_opens_one_thread_and_is_posted_there() {
    let stage = Stage::start().await;
    let run = begun(&stage).await;
    let lines = lines(100);
    let texts: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (bytes, ends) = spool(run, 1, &texts);
    stage.rig.store((run, 1), &bytes[..ends[50]]).await;
    stage.said(POST_IN_THREAD, "line 50").await;
    assert_eq!(stage.bodies(OPEN_THREAD).len(), 1);
    let order = |place: &str| stage.calls().iter().position(|(line, _)| line == place);
    assert!(order(OPEN_THREAD) < order(POST_IN_THREAD));
    let name = &stage.bodies(OPEN_THREAD)[0]["name"];
    assert!(name.as_str().unwrap().starts_with("#1 uptime"), "{name}");

    stage.rig.store((run, 1), &bytes).await;
    stage
        .said("PATCH channels/77/messages/88", "line 100")
        .await;
    stage.forgotten().await;
    assert_eq!(stage.bodies(OPEN_THREAD).len(), 1, "one thread");
    assert_eq!(stage.bodies(POST_IN_THREAD).len(), 1, "one page, edited");
    stage.said(&stage.edit(), "channels/1/77").await;
}

#[tokio::test]
async fn a_thread_that_exists_already_is_used() {
    let stage = Stage::scripted(|seen| {
        let again = || refusal(400, 160_004, "A thread has already been created");
        seen.line.contains("/threads").then(again)
    })
    .await;
    let run = begun(&stage).await;
    print(&stage, run, &lines(30)).await;
    stage.said(POST_IN_THREAD, "line 30").await;
    stage.forgotten().await;
}

#[tokio::test]
async fn a_card_says_so_when_no_thread_can_be_opened() {
    let stage = Stage::scripted(|seen| {
        let missing = || refusal(403, 50_013, "Missing Permissions");
        seen.line.contains("/threads").then(missing)
    })
    .await;
    let run = begun(&stage).await;
    print(&stage, run, &lines(30)).await;
    stage
        .said(&stage.edit(), "output cannot be shown here")
        .await;
    stage.forgotten().await;
    assert_eq!(stage.bodies(OPEN_THREAD).len(), 1, "asked for once");
    assert_eq!(stage.bodies(POST_IN_THREAD), [Value::Null; 0]);
}

#[tokio::test]
async fn a_card_says_so_when_its_thread_was_deleted() {
    let stage = Stage::scripted(|seen| {
        let gone = || refusal(404, 10_003, "Unknown Channel");
        call(seen).0.starts_with(POST_IN_THREAD).then(gone)
    })
    .await;
    let run = begun(&stage).await;
    print(&stage, run, &lines(30)).await;
    stage
        .said(&stage.edit(), "the thread with its output was deleted")
        .await;
    stage.forgotten().await;
    assert_eq!(stage.bodies(POST_IN_THREAD).len(), 1, "tried once");
}

/// A Discord in which the run's thread is archived as soon as it has a page; opening it again is answered with this, or done.
async fn archived_stage(reopen: fn() -> Option<Reply>) -> Stage {
    let archived = Mutex::new(true);
    Stage::scripted(move |seen| {
        let (line, _) = call(seen);
        let mut archived = archived.lock().unwrap();
        if line == "PATCH channels/77" {
            let refused = reopen();
            *archived = refused.is_some();
            return refused;
        }
        let edits = line.starts_with("PATCH channels/77/messages/");
        let refused = || refusal(400, 50_083, "Thread is archived");
        (edits && *archived).then(refused)
    })
    .await
}

/// A run prints something, and more when its first page is there.
async fn print_twice(stage: &Stage) {
    let run = begun(stage).await;
    let lines = lines(100);
    let texts: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (bytes, ends) = spool(run, 1, &texts);
    stage.rig.store((run, 1), &bytes[..ends[50]]).await;
    stage.said(POST_IN_THREAD, "line 50").await;
    stage.rig.store((run, 1), &bytes).await;
}

#[tokio::test]
async fn an_archived_thread_is_opened_and_the_same_write_made_again() {
    let stage = archived_stage(|| None).await;
    print_twice(&stage).await;
    stage.said("PATCH channels/77", "false").await;
    stage
        .said("PATCH channels/77/messages/88", "line 100")
        .await;
    stage.forgotten().await;
    let opened = json!({"archived": false});
    assert_eq!(stage.bodies("PATCH channels/77"), [opened], "once");
    assert_eq!(stage.bodies(POST_IN_THREAD).len(), 1, "one page");
}

#[tokio::test]
async fn an_archived_thread_that_may_not_be_opened_is_given_up_and_the_card_says_so() {
    for (reopen, why) in [
        (
            (|| Some(refusal(400, 160_005, "Thread is locked"))) as fn() -> Option<Reply>,
            "its thread is closed and the bot may not open it: the rest of its output is not shown there",
        ),
        (
            || Some(refusal(403, 50_013, "Missing Permissions")),
            "its thread is closed and the bot may not open it: the rest of its output is not shown there",
        ),
        (
            || Some(refusal(400, 160_006, "Too many active threads")),
            "this server has too many open threads",
        ),
        (
            || Some(refusal(404, 10_003, "Unknown Channel")),
            "the thread with its output was deleted",
        ),
    ] {
        let stage = archived_stage(reopen).await;
        print_twice(&stage).await;
        stage.said(&stage.edit(), why).await;
        stage.forgotten().await;
        assert_eq!(stage.bodies("PATCH channels/77").len(), 1, "tried once");
    }
}

#[tokio::test]
async fn an_archived_thread_is_opened_later_when_discord_fails_at_it() {
    static FAILS: Mutex<bool> = Mutex::new(true);
    let stage = archived_stage(|| {
        let fails = std::mem::replace(&mut *FAILS.lock().unwrap(), false);
        fails.then(|| refusal(503, 0, "Unavailable"))
    })
    .await;
    print_twice(&stage).await;
    stage
        .said("PATCH channels/77/messages/88", "line 100")
        .await;
    stage.forgotten().await;
    assert_eq!(stage.bodies("PATCH channels/77").len(), 2);
}

#[tokio::test]
async fn a_card_that_somebody_deleted_is_given_up_and_the_run_goes_on() {
    let stage = Stage::scripted(|seen| {
        let gone = || refusal(404, 10_008, "Unknown Message");
        call(seen).0.starts_with("PATCH").then(gone)
    })
    .await;
    let run = begun(&stage).await;
    // Its command waits, which the card says.
    stage.rig.hub.told(agent(1), run, Told::Running, true).await;
    stage.forgotten().await;
    let tried = || (stage.bodies(&stage.edit()).len(), stage.bodies(EDIT).len());
    assert_eq!(tried(), (1, 1));
    print(&stage, run, &lines(1)).await;
    assert_eq!(tried(), (1, 1), "not tried again");
}

#[tokio::test]
async fn a_run_of_the_command_line_has_a_card_with_the_operators_once_it_begins() {
    let rig = Rig::start().await;
    let file = rig.dir.path().join("kept.db");
    let places = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&places);
    let rest = FakeRest::start(move |_, seen| {
        let file = Connection::open(&file).unwrap();
        let find = "SELECT value FROM kept WHERE key LIKE 'card:%'";
        let place = file.query_row(find, [], |row| row.get::<_, String>(0));
        let place: Value = serde_json::from_str(&place.expect("a place is kept")).unwrap();
        told.lock().unwrap().push(place["message"].clone());
        done(seen)
    })
    .await;
    let stage = Stage::on(rig, rest, Some(OPS));
    let _web = stage.rig.link(1).await;
    let run = stage.rig.ask_run("web-01").await.unwrap();
    let key = format!("card:{run}");
    let placed = async { while stage.rig.kept.read::<Value>(&key).await.unwrap().is_none() {} };
    within("its place", placed).await;
    let_others_go_on().await;
    assert_eq!(stage.calls(), [], "nothing is shown before it begins");
    stage.rig.hub.taken(run).await;
    stage.said(POST, "#1").await;
    print(&stage, run, &["up\n".to_owned()]).await;
    stage.forgotten().await;
    let posted = stage.bodies(POST);
    let [card] = &posted[..] else {
        panic!("one card: {posted:?}")
    };
    assert_eq!(card["enforce_nonce"], true);
    stage.said("PATCH channels/5/messages/88", "exit 0").await;
    let places = places.lock().unwrap();
    assert_eq!(places[0], Value::Null, "kept before the card is posted");
    assert_eq!(places.last(), Some(&json!(88)), "kept before it is edited");
}

#[tokio::test]
async fn a_run_of_the_command_line_is_shown_nowhere_without_a_channel_for_it() {
    let rest = FakeRest::start(|_, seen| done(seen)).await;
    let stage = Stage::on(Rig::start().await, rest, None);
    let mut web = stage.rig.link(1).await;
    let run = stage.rig.run("web-01").await;
    web.order().await;
    print(&stage, run, &lines(30)).await;
    let looked = async { while stage.rig.kept.read::<u64>("cards").await.unwrap() != Some(1) {} };
    within("that it was looked at", looked).await;
    stage.forgotten().await;
    assert_eq!(stage.calls(), []);
}

#[tokio::test]
async fn a_card_whose_post_was_lost_is_posted_again_with_the_same_nonce_and_edited() {
    let lost = Mutex::new(false);
    let stage = Stage::scripted(move |seen| {
        let is_first = call(seen).0 == POST && !std::mem::replace(&mut *lost.lock().unwrap(), true);
        is_first.then_some(Reply::Cut)
    })
    .await;
    let _web = stage.rig.link(1).await;
    let run = stage.rig.run("web-01").await;
    stage.said(POST, "#1").await;
    print(&stage, run, &["up\n".to_owned()]).await;
    // Discord may have taken the first after all: then that is what people see.
    stage.said("PATCH channels/5/messages/88", "exit 0").await;
    stage.forgotten().await;
    let posted = stage.bodies(POST);
    assert_eq!(posted.len(), 2);
    assert_eq!(posted[0]["nonce"], posted[1]["nonce"]);
}

#[tokio::test]
async fn the_next_process_goes_on_in_the_same_messages() {
    let stage = Stage::start().await;
    let run = begun(&stage).await;
    stage
        .rig
        .hub
        .told(agent(1), run, Told::Running, false)
        .await;
    let started = |kind: &Kind| matches!(kind, Kind::Started { .. });
    stage.rig.recorded("the start", started).await;
    let key = format!("card:{run}");
    let mut place: Value = stage.rig.kept.read(&key).await.unwrap().unwrap();
    place["thread"] = 77.into();
    place["pages"] = json!([88]);
    stage.rig.kept.keep(&key, &place).await.unwrap();
    let rest = FakeRest::start(|_, seen| done(seen)).await;
    let stage = stage.restart(rest).await;
    print(&stage, run, &["up\n".to_owned()]).await;
    stage.said("PATCH channels/77/messages/88", "exit 0").await;
    stage.said(EDIT, "exit 0").await;
    stage.forgotten().await;
    assert_eq!(stage.bodies(POST), [Value::Null; 0], "no second card");
    assert_eq!(
        stage.bodies("POST channels/77/messages"),
        [Value::Null; 0],
        "no second page"
    );
    assert_eq!(stage.bodies(OPEN_THREAD), [Value::Null; 0]);
}

#[tokio::test]
async fn the_next_process_finds_the_card_of_a_run_that_did_not_begin_and_says_so_there() {
    for found in [true, false] {
        // The callback is never answered: the process dies meanwhile.
        let stage = Stage::scripted(|seen| is_callback(seen).then_some(Reply::Hang)).await;
        let _web = stage.rig.link(1).await;
        let asked = run("web-01");
        let interaction = serde_json::from_value(asked.clone()).unwrap();
        let edge = Arc::clone(&stage.edge);
        {
            let mut answered = Box::pin(interaction::answer(edge, interaction));
            let answering = async {
                tokio::select! {
                    () = &mut answered => panic!("answered"),
                    () = stage.called("the answer", |calls| !calls.is_empty()) => {}
                }
            };
            answering.await;
            let key = format!("card:{}", stage.run());
            let placed =
                async { while stage.rig.kept.read::<Value>(&key).await.unwrap().is_none() {} };
            within("its place", placed).await;
        }
        let id = asked["id"].clone();
        let rest = FakeRest::start(move |_, seen| {
            if call(seen).0.starts_with("GET channels/5/messages?") {
                let card =
                    json!([{"id": "99", "channel_id": "5", "interaction_metadata": {"id": id}}]);
                return match found {
                    true => Reply::Answer(200, vec![], card.to_string()),
                    false => refusal(403, 50_001, "Missing Access"),
                };
            }
            done(seen)
        })
        .await;
        let stage = stage.restart(rest).await;
        let over = stage.over().await;
        let why = "the controller restarted before it began";
        assert_eq!(expired(&over), why);
        if found {
            stage.said("PATCH channels/5/messages/99", why).await;
        } else {
            stage
                .said(POST, "#1 was not started and nothing was run")
                .await;
        }
        stage.forgotten().await;
        assert_eq!(stage.bodies(POST).len(), usize::from(!found));
    }
}
