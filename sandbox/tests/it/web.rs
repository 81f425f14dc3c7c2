//! What the web client is served and asks for: its files, its view in pieces, what is unread, what became of an
//! interaction.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{HOST, HeaderName, ORIGIN};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::rig::{Answer, PATIENCE, Rig, text};

async fn get(rig: &Rig, path: &str, headers: &[(HeaderName, &str)]) -> Answer {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    rig.send(request.body(Full::new(Bytes::new())).unwrap())
        .await
}

/// Every file of the page by its path, found as a browser finds them: from link to link and import to import.
async fn page(rig: &Rig) -> BTreeMap<String, Answer> {
    let host = rig.address.to_string();
    let mut found: BTreeMap<String, Answer> = BTreeMap::new();
    let mut open = vec!["/".to_owned()];
    while let Some(path) = open.pop() {
        let file = get(rig, &path, &[(HOST, &host)]).await;
        assert_eq!(file.status, 200, "{path}");
        let source = String::from_utf8(file.body.to_vec()).unwrap();
        for part in source.split(['"', '\'']) {
            let is_file = [".js", ".css", ".svg"]
                .iter()
                .any(|end| part.ends_with(end));
            // The key of a start stands in front of the page: an address from the root would miss it.
            assert!(!is_file || !part.starts_with('/'), "{path} asks for {part}");
            let part = format!("/{}", part.trim_start_matches("./"));
            if is_file && !found.contains_key(&part) && !open.contains(&part) {
                open.push(part);
            }
        }
        found.insert(path, file);
    }
    found
}

#[tokio::test]
async fn the_page_may_run_its_own_script_only() {
    let rig = Rig::start().await;
    let page = page(&rig).await;
    for needed in ["/app.js", "/html.js", "/base.css", "/favicon.svg"] {
        assert!(page.contains_key(needed), "{needed}");
    }
    for (path, file) in &page {
        let kind = match path.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            Some(_) | None => "text/html; charset=utf-8",
        };
        assert_eq!(file.header("content-type"), kind, "{path}");
        let policy = file.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(
            policy.contains("require-trusted-types-for 'script'"),
            "{policy}"
        );
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        assert_eq!(file.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(file.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(file.header("referrer-policy"), "no-referrer", "{path}");
    }
}

#[tokio::test]
async fn only_one_module_makes_nodes_of_text() {
    let rig = Rig::start().await;
    let makers = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "createContextualFragment",
        "parseFromString",
    ];
    let never = [
        "document.write",
        "eval(",
        "new Function",
        "srcdoc",
        "setAttribute('style'",
        "https://cdn",
        "dangerously",
    ];
    for (path, file) in page(&rig).await {
        let source = String::from_utf8(file.body.to_vec()).unwrap();
        for word in makers.iter().filter(|_| path != "/html.js").chain(&never) {
            assert!(!source.contains(word), "{path} has {word}");
        }
        let inline = [" onclick=", " onload=", " style=", "<style", "javascript:"];
        assert!(inline.iter().all(|word| !source.contains(word)), "{path}");
    }
}

#[tokio::test]
async fn every_path_of_the_page_is_guarded() {
    let rig = Rig::start().await;
    let host = rig.address.to_string();
    for path in [
        "/",
        "/app.js",
        "/base.css",
        "/sandbox/live",
        "/attachments/1/2/x.txt",
        "/nothing",
    ] {
        let foreign = get(&rig, path, &[(HOST, "evil.example")]).await;
        assert_eq!(foreign.status, 421, "{path}");
        let origin = (ORIGIN, "http://evil.example");
        let crossed = get(&rig, path, &[(HOST, &host), origin]).await;
        assert_eq!(crossed.status, 403, "{path}");
    }
    for path in [
        "/nothing",
        "/../Cargo.toml",
        "/app.js/",
        "/attachments/1/2/x.txt",
    ] {
        assert_eq!(
            get(&rig, path, &[(HOST, &host)]).await.status,
            404,
            "{path}"
        );
    }
}

/// What changed for the operator in #general since a version.
async fn news(rig: &Rig, since: &Value) -> Value {
    let mut body = rig.place();
    body["only_changed"] = json!(true);
    body["changed_since"] = since.clone();
    rig.act("view", body).await
}

fn ids(messages: &Value) -> Vec<String> {
    let list = messages.as_array().unwrap();
    list.iter().map(|m| text(&m["id"])).collect()
}

async fn version(rig: &Rig) -> Value {
    rig.act("view", rig.place()).await["version"].clone()
}

#[tokio::test]
async fn only_what_changed_is_told() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let kept = rig.post(&channel, "stays").await;
    let edited = rig.post(&channel, "before").await;
    let deleted = rig.post(&channel, "goes").await;
    let before = version(&rig).await;
    assert_eq!(news(&rig, &before).await["messages"], json!([]));
    let path = |id: &str| format!("/channels/{channel}/messages/{id}");
    rig.ok("PATCH", &path(&edited), json!({"content": "after"}))
        .await;
    rig.ok("DELETE", &path(&deleted), Value::Null).await;
    let new = rig.post(&channel, "new").await;
    let told = news(&rig, &before).await;
    assert_eq!(ids(&told["messages"]), [new.clone(), edited.clone()]);
    assert_eq!(told["messages"][1]["content"], "after");
    assert_eq!(told["deleted"], json!([deleted]));
    assert_eq!(told["complete"], true);
    assert_eq!(news(&rig, &told["version"]).await["messages"], json!([]));
    // Further back than the client looks nothing is told; more than it wants is said to be incomplete.
    let mut body = rig.place();
    body["only_changed"] = json!(true);
    body["from"] = json!(edited);
    let later = rig.act("view", body.clone()).await;
    assert!(!ids(&later["messages"]).contains(&kept));
    body["from"] = json!(kept);
    body["limit"] = json!(1);
    let cut = rig.act("view", body).await;
    assert_eq!(
        (ids(&cut["messages"]), &cut["complete"]),
        (vec![new], &json!(false))
    );
}

#[tokio::test]
async fn the_starter_changes_with_its_thread() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let starter = rig.post(&channel, "starter").await;
    let path = format!("/channels/{channel}/messages/{starter}/threads");
    rig.ok("POST", &path, json!({"name": "first"})).await;
    let before = version(&rig).await;
    rig.post(&starter, "in the thread").await;
    let told = news(&rig, &before).await;
    let thread = told["messages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["id"] == json!(starter))
        .map(|m| m["thread"].clone());
    assert_eq!(thread.unwrap()["message_count"], 1);
    let before = version(&rig).await;
    rig.ok(
        "PATCH",
        &format!("/channels/{starter}"),
        json!({"name": "second"}),
    )
    .await;
    let told = news(&rig, &before).await;
    assert_eq!(told["messages"][0]["thread"]["name"], "second");
}

#[tokio::test]
async fn a_thread_is_told_of_changes_of_the_message_that_it_began_with() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let starter = rig.post(&channel, "running").await;
    let message = format!("/channels/{channel}/messages/{starter}");
    rig.ok("POST", &format!("{message}/threads"), json!({"name": "t"}))
        .await;
    rig.post(&starter, "a page").await;
    let look = |since: Option<Value>| {
        let mut body = rig.place();
        body["channel_id"] = json!(starter);
        body["html"] = json!(true);
        if let Some(since) = since {
            body["only_changed"] = json!(true);
            body["changed_since"] = since;
        }
        rig.act("view", body)
    };
    let before = look(None).await;
    rig.ok("PATCH", &message, json!({"content": "finished"}))
        .await;
    let told = look(Some(before["version"].clone())).await;
    assert!(told["version"].as_u64() > before["version"].as_u64());
    assert_eq!(told["messages"].as_array().map(Vec::len), Some(1));
    let shown = &told["messages"][0]["referenced_message"];
    assert_eq!(shown["content"], "finished");
    assert_eq!(shown["content_html"], "finished");
    rig.ok("DELETE", &message, Value::Null).await;
    let told = look(Some(told["version"].clone())).await;
    assert_eq!(
        told["messages"][0]["referenced_message"],
        Value::Null,
        "{told}"
    );
}

#[tokio::test]
async fn unread_is_counted_from_where_a_person_has_read() {
    let rig = Rig::start().await;
    let (channel, user) = (rig.id("channel_id"), rig.id("user_id"));
    let read = rig.post(&channel, "read").await;
    rig.post(&channel, "unread").await;
    rig.post(&channel, &format!("<@{user}> look")).await;
    let mut own = rig.place();
    own["content"] = json!("what they write themselves is not unread");
    rig.act("message", own).await;
    let count = async |user: &str, channels: Value| {
        let body = json!({"user_id": user, "channels": channels});
        rig.act("unread", body).await["channels"].clone()
    };
    let counted = count(&user, json!({channel.clone(): read})).await;
    assert_eq!(counted[&channel]["unread"], 2);
    assert_eq!(counted[&channel]["mentions"], 1);
    let others = count(&rig.id("guest_id"), json!({channel.clone(): read})).await;
    assert_eq!(
        (&others[&channel]["unread"], &others[&channel]["mentions"]),
        (&json!(3), &json!(0))
    );
    let unknown = count(&user, json!({"1": "1"})).await;
    assert_eq!(unknown, json!({}));
    for channels in [json!([]), json!({"x": "1"}), json!({"1": "x"}), Value::Null] {
        let refused = rig
            .try_act("unread", json!({"user_id": user, "channels": channels}))
            .await;
        assert_eq!(refused.status, 400, "{channels}");
    }
}

#[tokio::test]
async fn the_outcome_of_an_interaction_is_awaited() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    rig.register(json!([{"name": "run", "description": "d"}]))
        .await;
    let kind_after = async |bot: &mut crate::rig::Bot, answer: Value| {
        let id = rig.slash("run", json!([])).await;
        let interaction = bot.event("INTERACTION_CREATE").await;
        let (told, done) = tokio::join!(
            rig.act("outcome", json!({"interaction_id": id})),
            rig.answer(&interaction, answer),
        );
        assert!(done.status < 300, "{}", done.json());
        told["kind"].clone()
    };
    assert_eq!(kind_after(&mut bot, json!({"type": 5})).await, "thinking");
    let message = json!({"type": 4, "data": {"content": "done"}});
    assert_eq!(kind_after(&mut bot, message).await, "message");
    let field = json!({"type": 4, "custom_id": "why", "style": 1});
    let modal = json!({"title": "Why?", "custom_id": "m", "components": [
        {"type": 18, "label": "Reason", "component": field},
    ]});
    let modal = json!({"type": 9, "data": modal});
    assert_eq!(kind_after(&mut bot, modal).await, "modal");
    let id = rig.slash("run", json!([])).await;
    rig.act("expire_interaction", json!({"interaction_id": id}))
        .await;
    let silent = rig.act("outcome", json!({"interaction_id": id})).await;
    assert_eq!(silent, json!({"answered": false, "kind": null}));
    let unknown = rig.try_act("outcome", json!({"interaction_id": "1"})).await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn the_socket_tells_of_channels_and_their_newest_message() {
    let rig = Rig::start().await;
    let (mut socket, _) = connect_async(format!("ws://{}/sandbox/live", rig.address))
        .await
        .unwrap();
    let mut told = async || {
        let next = timeout(PATIENCE, socket.next()).await;
        match next.expect("news within the bound") {
            Some(Ok(Message::Text(frame))) => serde_json::from_str::<Value>(&frame).unwrap(),
            other => panic!("{other:?} is no news"),
        }
    };
    let first = told().await;
    assert_eq!(first["guild_id"], json!(rig.id("guild_id")));
    assert_eq!(first["bot_online"], false);
    let channel = rig.id("channel_id");
    let id = rig.post(&channel, "hello").await;
    loop {
        let news = told().await;
        if news["last_message_ids"][&channel] == json!(id) {
            assert!(news["channels"][&channel].as_u64() > first["version"].as_u64());
            assert_eq!(news["typing_ms"], json!({}));
            break;
        }
    }
    let typing = format!("/channels/{channel}/typing");
    rig.ok("POST", &typing, Value::Null).await;
    while !told().await["typing_ms"][&channel].is_u64() {}
    let answer = rig.post(&channel, "typed").await;
    loop {
        let news = told().await;
        if news["last_message_ids"][&channel] == json!(answer) {
            assert_eq!(news["typing_ms"], json!({}), "what was typed is there");
            return;
        }
    }
}

#[tokio::test]
async fn only_commands_that_a_person_may_use_are_offered() {
    let rig = Rig::start().await;
    rig.register(json!([
        {"name": "open", "description": "d"},
        {"name": "closed", "description": "d", "default_member_permissions": "0"},
    ]))
    .await;
    let offered = async |user: &str| {
        let mut body = rig.place();
        body["user_id"] = json!(rig.id(user));
        body["commands"] = json!(true);
        let view = rig.act("view", body.clone()).await;
        body["only_changed"] = json!(true);
        body["changed_since"] = view["version"].clone();
        let later = rig.act("view", body).await;
        (
            view["command_ids"].as_array().unwrap().len(),
            view["version"].clone(),
            later,
        )
    };
    assert_eq!(offered("owner_id").await.0, 2);
    assert_eq!(offered("guest_id").await.0, 1);
    // The channel is older than the commands; told again until the channel has changed after them.
    rig.post(&rig.id("channel_id"), "newer than the commands")
        .await;
    let (_, version, later) = offered("guest_id").await;
    assert!(later["command_ids"].is_null(), "{version}: {later}");
}

#[tokio::test]
async fn people_send_files() {
    let rig = Rig::start().await;
    let mut body = rig.place();
    body["attachments"] = json!([
        {"filename": "note.txt", "content": "hello"}, {"filename": "raw.bin", "base64": "AAEC/w=="},
    ]);
    let id = rig.act("message", body.clone()).await["message_id"].clone();
    let path = format!("/channels/{}/messages/{}", rig.id("channel_id"), text(&id));
    let message = rig.ok("GET", &path, Value::Null).await;
    let host = rig.address.to_string();
    let base = format!("http://{host}");
    for (index, bytes) in [(0, b"hello".as_slice()), (1, &[0, 1, 2, 255])] {
        let url = text(&message["attachments"][index]["url"]);
        let file = get(&rig, url.strip_prefix(&base).unwrap(), &[(HOST, &host)]).await;
        assert_eq!(&file.body[..], bytes);
    }
    for (files, field) in [
        (json!([{"filename": "x"}]), "attachments.0.content"),
        (
            json!([{"filename": "x", "base64": "?"}]),
            "attachments.0.base64",
        ),
        (
            json!([{"filename": "", "content": ""}]),
            "attachments.0.filename",
        ),
        (json!([{"content": ""}]), "attachments.0.filename"),
        (json!([1]), "attachments.0"),
        (json!("x"), "attachments"),
        (
            json!(vec![json!({"filename": "x", "content": "y"}); 11]),
            "attachments",
        ),
        (json!([]), "content"),
    ] {
        body["attachments"] = files;
        let refused = rig.try_act("message", body.clone()).await;
        assert_eq!(
            (refused.status, &refused.json()["field"]),
            (400, &json!(field))
        );
    }
}
