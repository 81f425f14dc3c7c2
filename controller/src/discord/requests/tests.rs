//! Tests of what the calls say, above all that nobody is notified by accident.

use bytes::Bytes;
use serde_json::{Value, json};
use shanty_core::ids::RunId;
use shanty_core::limits::ATTACHMENT_BYTES_MAX;
use shanty_core::view::{Accent, Audience, Button, ButtonStyle, ButtonTarget, Press};

use super::*;
use crate::discord::call::Class;
use crate::discord::commands;
use crate::discord::fake::install_tls;
use crate::discord::secret::Secret;
use crate::discord::upload::Piece;

fn requests() -> Requests {
    install_tls();
    Requests::new()
}

fn token() -> Secret {
    Secret::new("aW50.tok_en-1".to_owned())
}

fn to(token: &Secret) -> ReplyTo<'_> {
    ReplyTo {
        interaction: 9,
        application: 100,
        token,
    }
}

fn card() -> Card {
    Card {
        accent: Accent::Green,
        texts: vec!["<@1> @everyone".to_owned()],
        buttons: vec![Button {
            label: "Cancel".to_owned(),
            target: ButtonTarget::Press(Press::Cancel(RunId::from_bytes([7; 16]))),
            style: ButtonStyle::Danger,
        }],
        menu: None,
    }
}

fn nonce() -> Nonce {
    Nonce::of(&RunId::from_bytes([7; 16]), "web-01/1")
}

fn text<'a>(text: &'a str, files: &'a [File]) -> NewMessage<'a> {
    NewMessage {
        content: Content::Text { text, files },
        nonce: nonce(),
        sound: Sound::Quiet,
        mention: None,
    }
}

/// What pieces in memory are together.
fn joined(pieces: &[Piece]) -> Vec<u8> {
    let bytes = |piece: &Piece| match piece {
        Piece::Bytes(bytes) => bytes.clone(),
        Piece::Spooled { .. } => panic!("a file"),
    };
    pieces.iter().map(bytes).collect::<Vec<_>>().concat()
}

fn json_of(call: &Call) -> Value {
    match call.body() {
        Body::Json(bytes) => serde_json::from_slice(bytes).unwrap(),
        Body::None => Value::Null,
        Body::Form { pieces, .. } => {
            let bytes = joined(pieces);
            let whole = String::from_utf8_lossy(&bytes);
            let (_, rest) = whole.split_once("application/json\r\n\r\n").unwrap();
            serde_json::from_str(rest.split_once("\r\n--").unwrap().0).unwrap()
        }
    }
}

#[tokio::test]
async fn every_text_that_is_sent_says_who_may_be_notified() {
    let (requests, token, card) = (requests(), token(), card());
    let to = to(&token);
    let file = [File {
        name: "output.log".to_owned(),
        content: Piece::Bytes(Bytes::from_static(b"x")),
    }];
    let card_message = NewMessage {
        content: Content::Card(&card),
        ..text("", &[])
    };
    let texts = [
        requests.respond(to, &card, Audience::Channel),
        requests.respond(to, &card, Audience::Asker),
        requests.update(to, &card),
        requests.create_message(5, &text("@everyone", &[])),
        requests.create_message(5, &text("@everyone", &file)),
        requests.create_message(5, &card_message),
        requests.edit_text(5, 6, "@everyone"),
        requests.edit_card(5, 6, &card),
        requests.edit_original(to, &card),
        requests.follow_up(to, &card, Audience::Asker),
        requests.fill_with_files(to, "@everyone", &file),
        requests.fill_with_files(to, "@everyone", &[]),
    ];
    for call in texts {
        let call = call.unwrap();
        let body = json_of(&call);
        let message = if call.route().class() == Class::Callback {
            &body["data"]
        } else {
            &body
        };
        assert_eq!(
            message["allowed_mentions"],
            json!({"parse": []}),
            "{call:?} {body}"
        );
    }
    let without_text = [
        requests.defer_update(to),
        requests.defer(to, Audience::Asker),
        requests.defer(to, Audience::Channel),
        Ok(read_channel(5)),
        requests.suggest(to, [("@everyone", "x")]),
        requests.read_original(to),
        requests.create_thread(5, 6, "@everyone"),
        requests.set_commands(100, 1, &commands::all()),
    ];
    for call in without_text {
        let body = json_of(&call.unwrap()).to_string();
        assert!(
            !body.contains("content") && !body.contains("components"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn one_person_can_be_mentioned() {
    let message = NewMessage {
        mention: Some(42),
        sound: Sound::Loud,
        ..text("<@42> done", &[])
    };
    let call = requests().create_message(5, &message).unwrap();
    assert_eq!(
        json_of(&call),
        json!({
            "content": "<@42> done", "flags": 4, "nonce": nonce().as_str(), "enforce_nonce": true,
            "allowed_mentions": {"parse": [], "users": ["42"]},
        })
    );
}

#[tokio::test]
async fn callbacks_say_their_type_and_who_sees_them() {
    let (requests, token, card) = (requests(), token(), card());
    let to = to(&token);
    let check = |call: Result<Call, RequestError>, path: &str, kind: u8, flags: Value| {
        let call = call.unwrap();
        assert_eq!(call.path(), path);
        assert_eq!(
            (call.method(), call.repeat()),
            (&Method::POST, Repeat::Never)
        );
        let body = json_of(&call);
        assert_eq!(
            (&body["type"], &body["data"]["flags"]),
            (&json!(kind), &flags),
            "{body}"
        );
    };
    let path = "interactions/9/aW50.tok_en-1/callback";
    let told = format!("{path}?with_response=true");
    let (public, private) = (json!(1 << 15), json!(1 << 15 | 1 << 6));
    check(
        requests.respond(to, &card, Audience::Channel),
        &told,
        4,
        public.clone(),
    );
    check(
        requests.respond(to, &card, Audience::Asker),
        &told,
        4,
        private,
    );
    check(requests.defer_update(to), path, 6, Value::Null);
    check(requests.update(to, &card), path, 7, public);
    check(requests.suggest(to, [("a", "b")]), path, 8, Value::Null);
}

#[tokio::test]
async fn suggestions_are_cut_to_what_discord_shows() {
    let token = token();
    let long = "\u{1f600}".repeat(51);
    let many: Vec<_> = (0..40).map(|n| n.to_string()).collect();
    let mut choices = vec![
        ("", "x"),
        ("x", ""),
        ("x", long.as_str()),
        (long.as_str(), "v"),
    ];
    choices.extend(many.iter().map(|n| (n.as_str(), n.as_str())));
    let call = requests().suggest(to(&token), choices).unwrap();
    let body = json_of(&call);
    let shown = body["data"]["choices"].as_array().unwrap();
    assert_eq!(shown.len(), 25);
    assert_eq!(
        shown[0],
        json!({"name": "\u{1f600}".repeat(50), "value": "v"})
    );
}

#[tokio::test]
async fn a_promised_answer_is_for_whom_it_says_and_is_filled_by_its_token() {
    let (requests, token) = (requests(), token());
    let to = to(&token);
    let for_all = requests.defer(to, Audience::Channel).unwrap();
    assert_eq!(json_of(&for_all), json!({"type": 5, "data": {"flags": 0}}));
    let promised = requests.defer(to, Audience::Asker).unwrap();
    assert_eq!(
        json_of(&promised),
        json!({"type": 5, "data": {"flags": 64}})
    );
    assert_eq!(promised.route().class(), Class::Callback);
    let file = [File {
        name: "output.log".to_owned(),
        content: Piece::Bytes(Bytes::from_static(b"x")),
    }];
    for (to_whom, flags) in [
        (Audience::Channel, 1 << 15),
        (Audience::Asker, 1 << 15 | 64),
    ] {
        let further = requests.follow_up(to, &card(), to_whom).unwrap();
        assert_eq!(
            (further.method(), further.path()),
            (
                &Method::POST,
                "webhooks/100/aW50.tok_en-1?with_components=true"
            )
        );
        assert_eq!(
            further.repeat(),
            Repeat::Never,
            "twice would be two messages"
        );
        assert!(!further.is_authorised_by_bot());
        assert_eq!(json_of(&further)["flags"], flags);
    }
    let filled = [
        (requests.edit_original(to, &card()), 1 << 15),
        (requests.fill_with_files(to, "all of it", &file), 0),
    ];
    for (call, flags) in filled {
        let call = call.unwrap();
        assert_eq!(
            (call.method(), call.path()),
            (
                &Method::PATCH,
                "webhooks/100/aW50.tok_en-1/messages/@original"
            )
        );
        assert_eq!(call.repeat(), Repeat::Safe);
        assert!(!call.is_authorised_by_bot());
        let json = json_of(&call);
        assert_eq!(json["flags"].as_u64().unwrap_or(0), flags, "{json}");
        if flags == 0 {
            let attached = json!([{"id": 0, "filename": "output.log"}]);
            assert_eq!(json["attachments"], attached);
            assert_eq!(json["content"], "all of it");
        }
    }
}

#[tokio::test]
async fn files_are_parts_of_a_form() {
    let files = [
        File {
            name: "a.log".to_owned(),
            content: Piece::Bytes(Bytes::from_static(b"one\r\n--x")),
        },
        File {
            name: "b.log".to_owned(),
            content: Piece::Bytes(Bytes::from_static(b"\xff\x00")),
        },
    ];
    let call = requests().create_message(5, &text("", &files)).unwrap();
    let Body::Form {
        content_type,
        pieces,
    } = call.body()
    else {
        panic!("no form");
    };
    let boundary = content_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    let mut expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"payload_json\"\r\nContent-Type: application/json\r\n\r\n"
    )
    .into_bytes();
    expected.extend(serde_json::to_vec(&json_of(&call)).unwrap());
    for (at, file) in files.iter().enumerate() {
        let name = &file.name;
        expected.extend(
            format!("\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"files[{at}]\"; filename=\"{name}\"\r\n\r\n")
                .into_bytes(),
        );
        expected.extend(joined(std::slice::from_ref(&file.content)));
    }
    expected.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
    assert_eq!(
        String::from_utf8_lossy(&joined(pieces)),
        String::from_utf8_lossy(&expected)
    );
    let json = json_of(&call);
    assert_eq!(
        json["attachments"],
        json!([{"id": 0, "filename": "a.log"}, {"id": 1, "filename": "b.log"}])
    );
    assert_eq!(json["flags"], json!(1 << 12 | 1 << 2));
    let again = requests().create_message(5, &text("", &files)).unwrap();
    assert!(
        matches!(again.body(), Body::Form { content_type: other, .. } if other != content_type)
    );
}

#[tokio::test]
async fn paths_methods_and_repeats() {
    let (requests, token, card) = (requests(), token(), card());
    let to = to(&token);
    let shown = |call: Call| format!("{} {} {:?}", call.method(), call.path(), call.repeat());
    let original = "webhooks/100/aW50.tok_en-1/messages/@original";
    for (call, expected) in [
        (
            requests.read_original(to).unwrap(),
            format!("GET {original} Safe"),
        ),
        (
            requests.edit_original(to, &card).unwrap(),
            format!("PATCH {original} Safe"),
        ),
        (
            requests.delete_original(to).unwrap(),
            format!("DELETE {original} Safe"),
        ),
        (
            requests.delete_follow_up(to, 6).unwrap(),
            "DELETE webhooks/100/aW50.tok_en-1/messages/6 Safe".to_owned(),
        ),
        (
            requests.create_message(5, &text("x", &[])).unwrap(),
            "POST channels/5/messages ByNonce".to_owned(),
        ),
        (
            requests.edit_text(5, 6, "x").unwrap(),
            "PATCH channels/5/messages/6 Safe".to_owned(),
        ),
        (
            requests.edit_card(5, 6, &card).unwrap(),
            "PATCH channels/5/messages/6 Safe".to_owned(),
        ),
        (
            requests.create_thread(5, 6, "x").unwrap(),
            "POST channels/5/messages/6/threads Never".to_owned(),
        ),
        (
            requests.set_commands(100, 1, &[]).unwrap(),
            "PUT applications/100/guilds/1/commands Safe".to_owned(),
        ),
        (read_gateway(), "GET gateway/bot Safe".to_owned()),
    ] {
        assert_eq!(shown(call), expected);
    }
}

#[tokio::test]
async fn threads_are_named_and_archived() {
    let call = requests()
        .create_thread(5, 6, &"\u{20ac}".repeat(101))
        .unwrap();
    assert_eq!(
        json_of(&call),
        json!({"name": "\u{20ac}".repeat(100), "auto_archive_duration": 1440})
    );
}

#[tokio::test]
async fn commands_are_set_whole() {
    let call = requests().set_commands(100, 1, &commands::all()).unwrap();
    let body = json_of(&call);
    assert_eq!(body[0]["name"], "run");
    assert_eq!(body[0]["options"][0]["autocomplete"], true);
    assert_eq!(body[0]["options"][1]["max_length"], 6_000);
    assert_eq!(body[0]["contexts"], json!([0]));
    assert_eq!(body[0]["integration_types"], json!([0]));
    assert_eq!(body[0]["options"][4]["choices"][1]["value"], "skip");
    assert_eq!(body[4]["options"][1]["name"], "drain");
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_here() {
    let requests = requests();
    let named = |name: &str| {
        [File {
            name: name.to_owned(),
            content: Piece::Bytes(Bytes::new()),
        }]
    };
    let refused =
        |message: &NewMessage<'_>| requests.create_message(5, message).unwrap_err().to_string();
    assert_eq!(refused(&text(" \n", &[])), "post a message without text");
    assert_eq!(
        refused(&text(" ", &named("a"))),
        "post a message without text"
    );
    let long = "\u{1f600}".repeat(1_001);
    assert_eq!(
        refused(&text(&long, &[])),
        "post a message of 2002 characters, more than 2000"
    );
    for bad in ["", "a\"b", "a\r\nb", "../x", "\u{e4}", &"a".repeat(101)] {
        assert!(
            refused(&text("x", &named(bad))).starts_with("attach a file whose name"),
            "{bad}"
        );
    }
    let large = [File {
        name: "a".to_owned(),
        content: Piece::Bytes(Bytes::from(vec![0; ATTACHMENT_BYTES_MAX + 1])),
    }];
    assert_eq!(
        refused(&text("x", &large)),
        "attach a file of more than 10 MiB"
    );
    let many = vec![named("a")[0].clone(); 11];
    assert_eq!(refused(&text("x", &many)), "attach more than ten files");
    assert!(matches!(
        requests.edit_text(0, 6, "x"),
        Err(RequestError::Id)
    ));
    let empty = Card {
        texts: vec![],
        ..card()
    };
    assert!(matches!(
        requests.edit_card(5, 6, &empty),
        Err(RequestError::Card(CardError::Empty))
    ));
}

#[tokio::test]
async fn tokens_cannot_leave_their_segment_of_the_path() {
    let requests = requests();
    for bad in [
        "",
        ".",
        "..",
        "a/b",
        "a?b",
        "a#b",
        "a%2fb",
        "a\\b",
        "a b",
        "a\nb",
        "\u{e4}",
        &"a".repeat(1_025),
    ] {
        let token = Secret::new(bad.to_owned());
        assert!(
            matches!(requests.defer_update(to(&token)), Err(RequestError::Token)),
            "{bad}"
        );
        assert!(
            matches!(requests.read_original(to(&token)), Err(RequestError::Token)),
            "{bad}"
        );
    }
}

#[test]
fn nonces_are_the_same_for_the_same_block_only() {
    assert_eq!(nonce(), nonce());
    assert_eq!(nonce().as_str().len(), 25);
    assert_ne!(nonce(), Nonce::of(&RunId::from_bytes([7; 16]), "web-01/2"));
    assert_ne!(nonce(), Nonce::of(&RunId::from_bytes([8; 16]), "web-01/1"));
}

#[tokio::test]
async fn messages_are_listed_after_an_id() {
    let call = requests().list_after(5, 6).unwrap();
    assert_eq!(call.path(), "channels/5/messages?after=6&limit=100");
    assert_eq!(*call.method(), Method::GET);
    assert_eq!(call.repeat(), Repeat::Safe);
    assert!(call.is_authorised_by_bot());
    assert!(requests().list_after(5, 0).is_err());
}
