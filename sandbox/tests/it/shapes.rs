//! How single values look wherever they stand: ids, timestamps, permission sets, flags, files.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST};
use serde_json::{Value, json};

use crate::rig::{Bot, INTENTS, Rig, text};

/// Discord's epoch in milliseconds of the Unix epoch.
const EPOCH_MS: u64 = 1_420_070_400_000;

/// What every string of a value says, with the key that it stands under.
fn strings<'a>(key: &'a str, value: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::String(text) => found.push((key, text)),
        Value::Array(list) => list.iter().for_each(|one| strings(key, one, found)),
        Value::Object(map) => map.iter().for_each(|(key, one)| strings(key, one, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `2026-01-02T03:04:05.678000+00:00`, digit for digit.
fn is_timestamp(text: &str) -> bool {
    let like = "0000-00-00T00:00:00.000000+00:00";
    text.len() == like.len()
        && text
            .chars()
            .zip(like.chars())
            .all(|(said, wanted)| match wanted {
                '0' => said.is_ascii_digit(),
                _ => said == wanted,
            })
}

/// Milliseconds of the Unix epoch of a timestamp of this century.
fn unix_ms(timestamp: &str) -> u64 {
    let part = |from: usize, to: usize| timestamp[from..to].parse::<u64>().unwrap();
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    // Days from the civil date, with the year beginning in March.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + part(11, 13) * 3600 + part(14, 16) * 60 + part(17, 19);
    seconds * 1000 + part(20, 23)
}

#[tokio::test]
async fn ids_ascend_and_say_when_they_were_made() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let path = format!("/channels/{channel}/messages");
    let mut last = 0_u64;
    for n in 0..50 {
        let sent = rig
            .ok("POST", &path, json!({"content": n.to_string()}))
            .await;
        let id: u64 = text(&sent["id"]).parse().unwrap();
        assert!(id > last, "{id} after {last}");
        last = id;
        let told = unix_ms(&text(&sent["timestamp"]));
        assert_eq!(
            (id >> 22) + EPOCH_MS,
            told,
            "the id has the time of its message"
        );
    }
    let made = rig
        .ok(
            "POST",
            &format!("{path}/{last}/threads"),
            json!({"name": "t"}),
        )
        .await;
    assert_eq!(made["id"], json!(last.to_string()));
}

#[tokio::test]
async fn timestamps_ids_and_permissions_are_strings_of_one_form() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let list = format!("/channels/{channel}/messages");
    let id = rig.post(&channel, "x").await;
    rig.ok("PATCH", &format!("{list}/{id}"), json!({"content": "y"}))
        .await;
    rig.ok(
        "POST",
        &format!("{list}/{id}/threads"),
        json!({"name": "t"}),
    )
    .await;
    rig.ok(
        "PATCH",
        &format!("/channels/{id}"),
        json!({"archived": true}),
    )
    .await;
    let mut bot = Bot::connect(rig.address).await;
    bot.identify(&rig.token, INTENTS).await;
    let mut answers = vec![bot.event("READY").await, bot.event("GUILD_CREATE").await];
    for path in [
        list,
        format!("/channels/{id}"),
        format!("/channels/{channel}/threads/archived/public"),
        rig.guild(""),
        rig.guild("/roles"),
        rig.guild("/channels"),
        rig.guild(&format!("/members/{}", rig.id("user_id"))),
        "/users/@me/guilds".to_owned(),
        "/users/@me".to_owned(),
    ] {
        answers.push(rig.ok("GET", &path, Value::Null).await);
    }
    let mut found = Vec::new();
    for answer in &answers {
        strings("", answer, &mut found);
    }
    let (mut times, mut sets) = (0, 0);
    for (key, text) in found {
        if key.ends_with("timestamp") || key.ends_with("_at") {
            assert!(is_timestamp(text), "{key}: {text}");
            times += 1;
        } else if matches!(key, "permissions" | "allow" | "deny") {
            assert!(
                text.parse::<u64>()
                    .is_ok_and(|bits| bits.to_string() == text),
                "{key}: {text}"
            );
            sets += 1;
        } else if key == "id" || (key.ends_with("_id") && key != "session_id") {
            assert!(text.parse::<u64>().is_ok_and(|id| id > 0), "{key}: {text}");
        }
    }
    assert!(times > 5 && sets > 5, "{times} timestamps, {sets} sets");
    for answer in &answers {
        let bits = &answer["flags"];
        assert!(bits.is_null() || bits.is_u64(), "{bits}");
    }
}

#[tokio::test]
async fn a_file_comes_back_byte_for_byte() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}/messages", rig.id("channel_id"));
    // Every byte, ends of lines, and what looks like the boundary without being it.
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend_from_slice(b"\r\n--C\r\n--\r\n-B--\r\n\n\r");
    bytes.extend(std::iter::repeat_n(0, 100_000));
    for name in ["raw.bin", "page.html", "no-kind"] {
        let sent = rig
            .upload(&path, &json!({"content": "file"}), name, &bytes)
            .await
            .json();
        let file = &sent["attachments"][0];
        assert_eq!(
            (&file["filename"], &file["size"]),
            (&json!(name), &json!(bytes.len()))
        );
        for key in ["url", "proxy_url"] {
            let got = rig.fetch(&text(&file[key])).await;
            assert_eq!(got.status, 200, "{key}");
            assert!(got.body == bytes, "{name} by {key}");
        }
    }
    let text_file = rig.upload(&path, &json!({}), "empty.txt", b"").await.json();
    let got = rig.fetch(&text(&text_file["attachments"][0]["url"])).await;
    assert_eq!((got.status, got.body.len()), (200, 0));
}

/// A registered command that was called; the bot and the interaction.
async fn called(rig: &Rig) -> (Bot, Value) {
    let mut bot = rig.bot().await;
    rig.register(json!([{"name": "go", "description": "d"}]))
        .await;
    rig.slash("go", json!([])).await;
    let interaction = bot.event("INTERACTION_CREATE").await;
    (bot, interaction)
}

#[tokio::test]
async fn a_follow_up_is_answered_with_its_message_whatever_wait_says() {
    let rig = Rig::start().await;
    let (_bot, interaction) = called(&rig).await;
    let first = json!({"type": 4, "data": {"content": "first"}});
    assert_eq!(rig.answer(&interaction, first).await.status, 200);
    for query in ["", "?wait=true", "?wait=false"] {
        let path = format!("{}{query}", rig.webhook(&interaction));
        let answer = rig
            .api("POST", &path, json!({"content": query.len().to_string()}))
            .await;
        assert_eq!(answer.status, 200, "{query}");
        assert_eq!(answer.json()["content"], json!(query.len().to_string()));
        assert_eq!(answer.json()["webhook_id"], rig.defaults["application_id"]);
    }
}

#[tokio::test]
async fn a_callback_without_response_says_nothing_and_may_be_url_encoded() {
    let rig = Rig::start().await;
    let (mut bot, interaction) = called(&rig).await;
    // Without a token in the header and as a form, as py-cord sends it.
    let callback = format!(
        "/interactions/{}/{}/callback",
        text(&interaction["id"]),
        text(&interaction["token"])
    );
    let form = "payload_json=%7B%22type%22%3A4%2C%22data%22%3A%7B%22content%22%3A%22100%25+%C3%A9%22%7D%7D";
    let send = |query: &str| {
        let request = Request::builder()
            .method("POST")
            .uri(format!("/api/v10{callback}{query}"))
            .header(HOST, rig.address.to_string())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)));
        request.unwrap()
    };
    let answer = rig.send(send("?with_response=false")).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(answer.header("content-type"), "");
    assert_eq!(bot.event("MESSAGE_CREATE").await["content"], "100% é");
    let again = rig.send(send("")).await;
    assert_eq!((again.status, again.code()), (400, 40060));
}
