//! What Discord refuses about messages and commands, in its own words.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use serde_json::{Value, json};

use crate::rig::{Answer, Rig, V2, text};

async fn create(rig: &Rig, body: Value) -> Answer {
    rig.api(
        "POST",
        &format!("/channels/{}/messages", rig.id("channel_id")),
        body,
    )
    .await
}

#[tokio::test]
async fn long_and_empty_messages() {
    let rig = Rig::start().await;
    let long = create(&rig, json!({"content": "x".repeat(2001)})).await;
    assert_eq!((long.status, long.code()), (400, 50035));
    let fault = &long.json()["errors"]["content"]["_errors"][0];
    assert_eq!(fault["code"], "BASE_TYPE_MAX_LENGTH");
    assert_eq!(
        create(&rig, json!({"content": "é".repeat(2000)}))
            .await
            .status,
        200
    );
    assert_eq!(create(&rig, json!({"content": " "})).await.code(), 50006);
    let wrong = create(&rig, json!({"content": ["x"]})).await;
    assert_eq!(
        wrong.json()["errors"]["content"]["_errors"][0]["code"],
        "STRING_TYPE_CONVERT"
    );
}

#[tokio::test]
async fn components_of_the_new_kind() {
    let rig = Rig::start().await;
    let display = json!([{"type": 10, "content": "x"}]);
    let unflagged = create(&rig, json!({"components": display})).await;
    assert_eq!(unflagged.code(), 50035);
    let mixed = create(
        &rig,
        json!({"flags": V2, "components": display, "content": "y"}),
    )
    .await;
    assert!(mixed.json()["errors"]["content"].is_object());
    let many: Vec<Value> = (0..41)
        .map(|_| json!({"type": 10, "content": "x"}))
        .collect();
    assert_eq!(
        create(&rig, json!({"flags": V2, "components": many}))
            .await
            .code(),
        50035
    );
    let heavy: Vec<Value> = (0..2)
        .map(|_| json!({"type": 10, "content": "▰".repeat(1999)}))
        .collect();
    assert_eq!(
        create(&rig, json!({"flags": V2, "components": heavy}))
            .await
            .status,
        500
    );
}

#[tokio::test]
async fn an_edit_without_allowed_mentions_pings_again() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let content = "<@OPERATOR> @everyone".replace("OPERATOR", &rig.id("user_id"));
    let quiet = json!({"content": content, "allowed_mentions": {"parse": []}});
    let sent = rig
        .ok("POST", &format!("/channels/{channel}/messages"), quiet)
        .await;
    assert_eq!(
        (&sent["mentions"], &sent["mention_everyone"]),
        (&json!([]), &json!(false))
    );
    let path = format!("/channels/{channel}/messages/{}", text(&sent["id"]));
    let edited = rig
        .ok("PATCH", &path, json!({"content": format!("{content}!")}))
        .await;
    assert_eq!(edited["mentions"][0]["id"], rig.defaults["user_id"]);
    assert_eq!(edited["mention_everyone"], true);
    let transcript = rig.act("transcript", json!({"channel_id": channel})).await;
    let message = &transcript["messages"][0];
    assert_eq!(
        message["history"][0]["resolved_mentions"]["everyone"],
        false
    );
    assert_eq!(message["resolved_mentions"]["everyone"], true);
    assert_eq!(message["edits"], 1);
}

#[tokio::test]
async fn text_displays_ping_too() {
    let rig = Rig::start().await;
    let components = json!([{"type": 17, "components": [{"type": 10, "content": format!("<@{}>", rig.id("user_id"))}]}]);
    let sent = create(&rig, json!({"flags": V2, "components": components}))
        .await
        .json();
    assert_eq!(sent["mentions"][0]["id"], rig.defaults["user_id"]);
}

#[tokio::test]
async fn a_nonce_finds_its_first_message() {
    let rig = Rig::start().await;
    let body = |content: &str| json!({"content": content, "nonce": "n1", "enforce_nonce": true});
    let first = create(&rig, body("a")).await.json();
    let second = create(&rig, body("b")).await.json();
    assert_eq!(
        (&second["id"], &second["content"]),
        (&first["id"], &json!("a"))
    );
    let loose = create(&rig, json!({"content": "c", "nonce": "n1"}))
        .await
        .json();
    assert_ne!(loose["id"], first["id"]);
    let long = create(&rig, json!({"content": "c", "nonce": "n".repeat(26)})).await;
    assert_eq!(long.code(), 50035);
}

#[tokio::test]
async fn other_peoples_messages_are_not_ours() {
    let rig = Rig::start().await;
    let mut body = rig.place();
    body["content"] = json!("hello");
    let id = text(&rig.act("message", body).await["message_id"]);
    let path = format!("/channels/{}/messages/{id}", rig.id("channel_id"));
    assert_eq!(
        rig.api("PATCH", &path, json!({"content": "x"}))
            .await
            .code(),
        50005
    );
    assert_eq!(rig.api("DELETE", &path, Value::Null).await.code(), 50013);
    assert_eq!(rig.ok("GET", &path, Value::Null).await["content"], "hello");
}

#[tokio::test]
async fn permissions_are_of_role_and_overwrite() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let bot = rig.id("application_id");
    let deny = |bits: u64| json!({"overwrites": [{"channel_id": channel, "id": bot, "deny": bits.to_string()}]});
    rig.act("guild", deny(1 << 11)).await;
    let refused = create(&rig, json!({"content": "x"})).await;
    assert_eq!((refused.status, refused.code()), (403, 50013));
    rig.act("guild", deny(1 << 10)).await;
    assert_eq!(create(&rig, json!({"content": "x"})).await.code(), 50001);
    let read = rig
        .api("GET", &format!("/channels/{channel}"), Value::Null)
        .await;
    assert_eq!(read.code(), 50001);
}

#[tokio::test]
async fn bodies_routes_and_methods() {
    let rig = Rig::start().await;
    let unknown = rig.api("GET", "/nope", Value::Null).await;
    assert_eq!(
        (unknown.status, unknown.json()),
        (404, json!({"message": "404: Not Found", "code": 0}))
    );
    assert_eq!(unknown.header("content-type"), "application/json");
    assert_eq!(rig.api("PUT", "/users/@me", Value::Null).await.status, 405);
    assert_eq!(
        rig.api("GET", "/channels/abc", Value::Null).await.code(),
        50035
    );
    assert_eq!(
        rig.api("GET", "/channels/1", Value::Null).await.code(),
        10003
    );
    let raw = |token: &str, kind: &str, body: Vec<u8>| {
        Request::builder()
            .method("POST")
            .uri(format!("/api/channels/{}/messages", rig.id("channel_id")))
            .header(HOST, rig.address.to_string())
            .header(AUTHORIZATION, token)
            .header(CONTENT_TYPE, kind)
            .body(Full::new(Bytes::from(body)))
            .unwrap()
    };
    let token = format!("Bot {}", rig.token);
    let broken = rig
        .send(raw(&token, "application/json", b"{".to_vec()))
        .await;
    assert_eq!((broken.status, broken.code()), (400, 50109));
    assert_eq!(
        rig.send(raw(&token, "application/json", b"[1]".to_vec()))
            .await
            .code(),
        50035
    );
    assert_eq!(
        rig.send(raw(&token, "text/plain", b"x".to_vec()))
            .await
            .code(),
        50035
    );
    assert_eq!(
        rig.send(raw(&token, "application/json", vec![b' '; 3 << 20]))
            .await
            .code(),
        40005
    );
    for bad in [rig.token.as_str(), "Bot x", ""] {
        let refused = rig.send(raw(bad, "application/json", b"{}".to_vec())).await;
        assert_eq!(
            refused.json(),
            json!({"message": "401: Unauthorized", "code": 0})
        );
        assert_eq!(refused.status, 401);
    }
    let form = b"payload_json=%7B%22content%22%3A%22a+b%22%7D".to_vec();
    let sent = rig
        .send(raw(&token, "application/x-www-form-urlencoded", form))
        .await;
    assert_eq!(sent.json()["content"], "a b");
}

#[tokio::test]
async fn deeply_nested_json_is_refused_and_survived() {
    let rig = Rig::start().await;
    for (depth, code) in [(30, 50035), (1000, 50109)] {
        let mut nested = json!([]);
        for _ in 0..depth {
            nested = json!([{"type": 17, "components": nested}]);
        }
        let refused = create(&rig, json!({"flags": V2, "components": nested})).await;
        assert_eq!(refused.code(), code, "{depth}");
    }
    assert_eq!(
        create(&rig, json!({"content": "still here"})).await.status,
        200
    );
}

#[tokio::test]
async fn files_are_kept_and_served() {
    let rig = Rig::start().await;
    let payload = json!({"content": "log", "attachments": [{"id": 0, "filename": "out put.log", "description": "d"}]});
    let body = |bytes: &str| {
        format!(
            "--B\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n{payload}\r\n--B\r\n\
             Content-Disposition: form-data; name=\"files[0]\"; filename=\"x\"\r\n\r\n{bytes}\r\n--B--\r\n"
        )
    };
    let channel = rig.id("channel_id");
    let upload = |bytes: &str| {
        Request::builder()
            .method("POST")
            .uri(format!("/api/v10/channels/{channel}/messages"))
            .header(HOST, rig.address.to_string())
            .header(AUTHORIZATION, format!("Bot {}", rig.token))
            .header(CONTENT_TYPE, "multipart/form-data; boundary=B")
            .body(Full::new(Bytes::from(body(bytes))))
            .unwrap()
    };
    let sent = rig.send(upload("line 1\n<script>")).await.json();
    let file = &sent["attachments"][0];
    assert_eq!(
        (&file["filename"], &file["size"], &file["description"]),
        (&json!("out_put.log"), &json!(15), &json!("d"))
    );
    let path = text(&file["url"]).replace(&format!("http://{}", rig.address), "");
    let get = Request::builder()
        .uri(path)
        .header(HOST, rig.address.to_string())
        .body(Full::default())
        .unwrap();
    let got = rig.send(get).await;
    assert_eq!(got.body, "line 1\n<script>");
    assert!(got.header("content-disposition").starts_with("attachment"));
    assert_eq!(got.header("x-content-type-options"), "nosniff");
    let too_large = rig.send(upload(&"x".repeat((10 << 20) + 1))).await;
    assert_eq!((too_large.status, too_large.code()), (413, 40005));
    let path = format!("/channels/{channel}/messages/{}", text(&sent["id"]));
    let kept = rig.ok("PATCH", &path, json!({"content": "new"})).await;
    assert_eq!(
        kept["attachments"][0]["id"], file["id"],
        "an edit that names no files keeps them"
    );
    let dropped = rig.ok("PATCH", &path, json!({"attachments": []})).await;
    assert_eq!(dropped["attachments"], json!([]));
}

#[tokio::test]
async fn listing_pages_through_a_channel() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(rig.post(&channel, &n.to_string()).await);
    }
    let list = async |query: &str| -> Vec<String> {
        let path = format!("/channels/{channel}/messages?{query}");
        let listed = rig.ok("GET", &path, Value::Null).await;
        listed
            .as_array()
            .unwrap()
            .iter()
            .map(|m| text(&m["content"]))
            .collect()
    };
    assert_eq!(list("limit=2").await, ["4", "3"]);
    assert_eq!(
        list(&format!("before={}&limit=2", ids[3])).await,
        ["2", "1"]
    );
    assert_eq!(list(&format!("after={}&limit=2", ids[1])).await, ["3", "2"]);
    assert_eq!(
        list(&format!("around={}&limit=3", ids[2])).await,
        ["3", "2", "1"]
    );
    let path = format!("/channels/{channel}/messages?limit=101");
    assert_eq!(rig.api("GET", &path, Value::Null).await.code(), 50035);
}

#[tokio::test]
async fn commands_are_registered_changed_and_removed() {
    let rig = Rig::start().await;
    let base = format!("/applications/{}/commands", rig.id("application_id"));
    let new = json!({"name": "hosts", "description": "d"});
    let made = rig.api("POST", &base, new.clone()).await;
    assert_eq!(made.status, 201);
    let again = rig.api("POST", &base, new).await;
    assert_eq!(
        (again.status, &again.json()["id"]),
        (200, &made.json()["id"])
    );
    let one = format!("{base}/{}", text(&made.json()["id"]));
    let changed = rig.ok("PATCH", &one, json!({"description": "other"})).await;
    assert_eq!(
        (&changed["description"], &changed["id"]),
        (&json!("other"), &made.json()["id"])
    );
    assert_ne!(changed["version"], made.json()["version"]);
    let bad = rig
        .api(
            "PUT",
            &base,
            json!([{"name": "Bad Name", "description": "d"}]),
        )
        .await;
    assert!(bad.json()["errors"]["0"]["name"].is_object());
    assert_eq!(
        rig.ok("GET", &base, Value::Null)
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(rig.api("DELETE", &one, Value::Null).await.status, 204);
    assert_eq!(rig.api("GET", &one, Value::Null).await.code(), 10063);
    let foreign = rig
        .api("GET", "/applications/1/commands", Value::Null)
        .await;
    assert_eq!(foreign.code(), 10002);
}

#[tokio::test]
async fn a_file_component_shows_the_uploaded_file() {
    let rig = Rig::start().await;
    let payload =
        json!({"flags": V2, "components": [{"type": 13, "file": {"url": "attachment://a.log"}}]});
    let path = format!("/channels/{}/messages", rig.id("channel_id"));
    let sent = rig.upload(&path, &payload, "a.log", b"line").await.json();
    let shown = &sent["components"][0];
    assert_eq!(
        (&shown["name"], &shown["size"]),
        (&json!("a.log"), &json!(4))
    );
    assert_eq!(shown["file"]["url"], sent["attachments"][0]["url"]);
    let missing = create(&rig, payload).await;
    let url = &missing.json()["errors"]["components"]["0"]["file"]["url"];
    assert_eq!(
        url["_errors"][0]["code"],
        "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND"
    );
}
