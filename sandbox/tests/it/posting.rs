//! Messages by the bot token: replies, system messages, bulk deletion, and what an archive closes.

use serde_json::{Value, json};

use crate::rig::{Answer, Rig, text};

async fn create(rig: &Rig, body: Value) -> Answer {
    let path = format!("/channels/{}/messages", rig.id("channel_id"));
    rig.api("POST", &path, body).await
}

async fn said(rig: &Rig, content: &str) -> String {
    let mut body = rig.place();
    body["content"] = json!(content);
    text(&rig.act("message", body).await["message_id"])
}

#[tokio::test]
async fn a_reply_quotes_and_pings() {
    let rig = Rig::start().await;
    let asked = said(&rig, "how?").await;
    let reply = |more: Value| {
        let mut body = json!({"content": "so", "message_reference": {"message_id": asked}});
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    let sent = create(&rig, reply(json!({}))).await.json();
    assert_eq!(
        (&sent["type"], &sent["referenced_message"]["content"]),
        (&json!(19), &json!("how?"))
    );
    assert_eq!(sent["message_reference"]["message_id"], json!(asked));
    assert_eq!(sent["mentions"][0]["id"], rig.defaults["user_id"]);
    let quiet = reply(json!({"allowed_mentions": {"parse": []}}));
    assert_eq!(create(&rig, quiet).await.json()["mentions"], json!([]));
    let loud = reply(json!({"allowed_mentions": {"parse": [], "replied_user": true}}));
    assert_eq!(
        create(&rig, loud).await.json()["mentions"][0]["id"],
        rig.defaults["user_id"]
    );
    let path = format!("/channels/{}/messages/{asked}", rig.id("channel_id"));
    let allow = json!({"overwrites": [{"channel_id": rig.id("channel_id"), "id": rig.id("application_id"),
        "allow": (1u64 << 13).to_string()}]});
    rig.act("guild", allow).await;
    rig.ok("DELETE", &path, Value::Null).await;
    let path = path.replace(&asked, &text(&sent["id"]));
    let later = rig.ok("GET", &path, Value::Null).await;
    assert_eq!(later["referenced_message"], Value::Null);
    assert!(
        later
            .as_object()
            .unwrap()
            .contains_key("referenced_message")
    );
}

#[tokio::test]
async fn a_reply_to_nothing_fails_unless_told_not_to() {
    let rig = Rig::start().await;
    let reference = |more: Value| {
        let mut reference = json!({"message_id": "1"});
        for (key, value) in more.as_object().unwrap() {
            reference[key] = value.clone();
        }
        json!({"content": "x", "message_reference": reference})
    };
    let refused = create(&rig, reference(json!({}))).await;
    assert!(refused.json()["errors"]["message_reference"]["_errors"].is_array());
    let sent = create(&rig, reference(json!({"fail_if_not_exists": false}))).await;
    assert_eq!((sent.status, &sent.json()["type"]), (200, &json!(0)));
    let own = said(&rig, "here").await;
    let elsewhere = json!({"message_id": own, "channel_id": "1"});
    assert_eq!(create(&rig, reference(elsewhere)).await.code(), 50035);
    let forward = json!({"message_id": own, "type": 1});
    assert_eq!(create(&rig, reference(forward)).await.code(), 50035);
}

#[tokio::test]
async fn a_person_replies_too() {
    let rig = Rig::start().await;
    let id = rig.post(&rig.id("channel_id"), "question").await;
    let mut body = rig.place();
    body["content"] = json!("answer");
    body["reply_to"] = json!(id);
    rig.act("message", body.clone()).await;
    let seen = rig.view(&rig.id("channel_id"), &rig.id("user_id")).await;
    assert_eq!(
        (&seen[0]["type"], &seen[0]["referenced_message"]["id"]),
        (&json!(19), &json!(id))
    );
    body["reply_to"] = json!("1");
    assert_eq!(
        rig.try_act("message", body).await.json()["field"],
        "reply_to"
    );
}

#[tokio::test]
async fn stickers_and_polls_are_refused() {
    let rig = Rig::start().await;
    for (key, value) in [
        ("sticker_ids", json!(["1"])),
        ("poll", json!({"answers": []})),
    ] {
        let refused = create(&rig, json!({"content": "x", key: value})).await;
        assert!(refused.json()["errors"][key].is_object(), "{key}");
    }
    let sent = create(
        &rig,
        json!({"content": "x", "sticker_ids": [], "poll": null}),
    )
    .await;
    assert_eq!(sent.status, 200);
}

#[tokio::test]
async fn embeds_can_be_hidden_by_a_moderator() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let sent = create(&rig, json!({"embeds": [{"title": "t"}], "flags": 4}))
        .await
        .json();
    assert_eq!((&sent["embeds"], &sent["flags"]), (&json!([]), &json!(4)));
    let path = format!("/channels/{channel}/messages/{}", text(&sent["id"]));
    let shown = rig.ok("PATCH", &path, json!({"flags": 0})).await;
    assert_eq!(shown["embeds"][0]["title"], "t");

    let theirs = said(&rig, "look").await;
    let path = format!("/channels/{channel}/messages/{theirs}");
    let foreign = rig.api("PATCH", &path, json!({"flags": 4})).await;
    assert_eq!(foreign.code(), 50005);
    let allow = json!({"overwrites": [{"channel_id": channel, "id": rig.id("application_id"),
        "allow": (1u64 << 13).to_string()}]});
    rig.act("guild", allow).await;
    assert_eq!(
        rig.ok("PATCH", &path, json!({"flags": 4})).await["flags"],
        4
    );
    let foreign = rig
        .api("PATCH", &path, json!({"flags": 4, "content": "y"}))
        .await;
    assert_eq!(foreign.code(), 50005);
}

#[tokio::test]
async fn content_needs_its_own_permissions() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let deny = |bits: u64| {
        json!({"overwrites": [{"channel_id": channel, "id": rig.id("application_id"),
        "deny": bits.to_string()}]})
    };
    rig.act("guild", deny(1 << 14)).await;
    let embed = json!({"embeds": [{"title": "t"}]});
    assert_eq!(create(&rig, embed).await.code(), 50013);
    assert_eq!(create(&rig, json!({"content": "x"})).await.status, 200);
    let tts = create(&rig, json!({"content": "x", "tts": true})).await;
    assert_eq!(tts.code(), 50013, "nobody has SEND_TTS_MESSAGES by default");
    let asked = said(&rig, "?").await;
    rig.act("guild", deny(1 << 16)).await;
    let reply = json!({"content": "x", "message_reference": {"message_id": asked}});
    assert_eq!(create(&rig, reply).await.code(), 160_002);
    let list = format!("/channels/{channel}/messages");
    assert_eq!(rig.ok("GET", &list, Value::Null).await, json!([]));
}

#[tokio::test]
async fn many_messages_go_at_once() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    let channel = rig.id("channel_id");
    let path = format!("/channels/{channel}/messages/bulk-delete");
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(rig.post(&channel, &n.to_string()).await);
    }
    let body = json!({"messages": &ids[..2]});
    assert_eq!(rig.api("POST", &path, body.clone()).await.code(), 50013);
    let allow = json!({"overwrites": [{"channel_id": channel, "id": rig.id("application_id"),
        "allow": (1u64 << 13).to_string()}]});
    rig.act("guild", allow).await;
    for bad in [
        json!([ids[0]]),
        json!([]),
        json!(["x", "y"]),
        json!(vec!["1"; 101]),
        Value::Null,
    ] {
        let refused = rig.api("POST", &path, json!({"messages": bad})).await;
        assert_eq!(refused.code(), 50035, "{bad}");
    }
    let age = json!({"channel_id": channel, "message_id": ids[2], "seconds": 15 * 86_400});
    rig.act("age_message", age).await;
    let old = rig.api("POST", &path, json!({"messages": ids})).await;
    assert_eq!((old.status, old.code()), (400, 50034));
    assert_eq!(rig.api("POST", &path, body).await.status, 204);
    let told = bot.event("MESSAGE_DELETE_BULK").await;
    assert_eq!(
        (&told["ids"], &told["guild_id"]),
        (&json!(&ids[..2]), &rig.defaults["guild_id"])
    );
    let list = rig
        .ok("GET", &format!("/channels/{channel}/messages"), Value::Null)
        .await;
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_thread_begins_with_its_starter() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let card = rig.post(&channel, "card").await;
    let path = format!("/channels/{channel}/messages/{card}/threads");
    let thread = rig.ok("POST", &path, json!({"name": "t"})).await;
    let inside = format!("/channels/{card}/messages");
    let listed = rig.ok("GET", &inside, Value::Null).await;
    let starter = &listed[0];
    assert_eq!(
        (&starter["type"], &starter["referenced_message"]["content"]),
        (&json!(21), &json!("card"))
    );
    assert_eq!(starter["message_reference"]["channel_id"], json!(channel));
    let now = rig
        .ok("GET", &format!("/channels/{card}"), Value::Null)
        .await;
    assert_eq!(
        (&now["message_count"], &thread["message_count"]),
        (&json!(0), &json!(0))
    );
    let delete = format!("{inside}/{}", text(&starter["id"]));
    assert_eq!(rig.api("DELETE", &delete, Value::Null).await.code(), 50021);

    let path = format!("/channels/{channel}/threads");
    let loose = rig
        .ok("POST", &path, json!({"name": "loose", "type": 11}))
        .await;
    let listed = rig
        .ok("GET", &format!("/channels/{channel}/messages"), Value::Null)
        .await;
    assert_eq!(
        (
            &listed[0]["type"],
            &listed[0]["content"],
            &listed[0]["message_reference"]["channel_id"]
        ),
        (&json!(18), &json!("loose"), &loose["id"])
    );
    rig.ok("POST", &path, json!({"name": "secret", "type": 12}))
        .await;
    let listed = rig
        .ok("GET", &format!("/channels/{channel}/messages"), Value::Null)
        .await;
    assert_eq!(
        listed[0]["content"], "loose",
        "nobody is told of a private thread"
    );
}

#[tokio::test]
async fn an_archive_closes_its_messages() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let card = rig.post(&channel, "card").await;
    rig.ok(
        "POST",
        &format!("/channels/{channel}/messages/{card}/threads"),
        json!({"name": "t"}),
    )
    .await;
    let page = rig.post(&card, "page").await;
    rig.ok(
        "PATCH",
        &format!("/channels/{card}"),
        json!({"archived": true}),
    )
    .await;
    let path = format!("/channels/{card}/messages/{page}");
    for (method, path) in [
        ("PATCH", path.clone()),
        ("DELETE", path.clone()),
        ("PUT", format!("{path}/reactions/%E2%9C%85/@me")),
        ("PUT", format!("/channels/{card}/pins/{page}")),
    ] {
        let refused = rig.api(method, &path, json!({"content": "x"})).await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, 50083),
            "{method} {path}"
        );
    }
    rig.post(&card, "wakes it").await;
    rig.ok("PATCH", &path, json!({"content": "x"})).await;
}

#[tokio::test]
async fn direct_messages_are_not_moderated() {
    let rig = Rig::start().await;
    let dm = rig
        .ok(
            "POST",
            "/users/@me/channels",
            json!({"recipient_id": rig.id("user_id")}),
        )
        .await;
    let dm = text(&dm["id"]);
    let body = json!({"channel_id": dm, "user_id": rig.id("user_id"), "content": "hi"});
    let theirs = text(&rig.act("message", body).await["message_id"]);
    let path = format!("/channels/{dm}/messages/{theirs}");
    assert_eq!(rig.api("DELETE", &path, Value::Null).await.code(), 50003);
    let bulk = format!("/channels/{dm}/messages/bulk-delete");
    let refused = rig
        .api("POST", &bulk, json!({"messages": [theirs, "2"]}))
        .await;
    assert_eq!((refused.status, refused.code()), (403, 50003));
}

#[tokio::test]
async fn pictures_of_embeds_may_be_files_of_the_message() {
    let rig = Rig::start().await;
    let payload = json!({"embeds": [{
        "title": "load", "image": {"url": "attachment://load.png"}, "footer": {"text": "f", "icon_url": "attachment://other.png"},
    }]});
    let path = format!("/channels/{}/messages", rig.id("channel_id"));
    let sent = rig
        .upload(&path, &payload, "load.png", b"\x89PNG")
        .await
        .json();
    let file = &sent["attachments"][0]["url"];
    assert!(file.is_string(), "{sent}");
    let embed = &sent["embeds"][0];
    assert_eq!(
        (&embed["image"]["url"], &embed["image"]["proxy_url"]),
        (file, file)
    );
    assert_eq!(embed["footer"]["icon_url"], "attachment://other.png");
    for (embed, at) in [
        (json!({"image": {"url": "javascript:alert(1)"}}), "image"),
        (json!({"title": "t", "url": "attachment://load.png"}), "url"),
        (
            json!({"author": {"name": "a", "icon_url": "data:x"}}),
            "author",
        ),
    ] {
        let refused = create(&rig, json!({"embeds": [embed]})).await;
        assert_eq!((refused.status, refused.code()), (400, 50035));
        assert!(
            refused.json()["errors"]["embeds"]["0"][at].is_object(),
            "{}",
            refused.json()
        );
    }
}

#[tokio::test]
async fn white_space_at_the_ends_of_a_text_is_cut_off() {
    let rig = Rig::start().await;
    let sent = create(&rig, json!({"content": "\n  two\n words \t\n"}))
        .await
        .json();
    assert_eq!(sent["content"], "two\n words");
    let path = format!(
        "/channels/{}/messages/{}",
        rig.id("channel_id"),
        text(&sent["id"])
    );
    let edited = rig.ok("PATCH", &path, json!({"content": " x "})).await;
    assert_eq!(edited["content"], "x");
    assert_eq!(
        create(&rig, json!({"content": " \n\t"})).await.code(),
        50006
    );
}
