//! What every route refuses, in Discord's words: broken bodies, wrong types, paths that are none. Walks the whole table.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use serde_json::{Value, json};
use shanty_openapi::Judge;

use crate::rig::{Answer, Rig, text};

/// A route of the table, with a path in which everything exists that can.
struct Route {
    method: String,
    template: String,
    needs_token: bool,
}

impl Route {
    async fn all(rig: &Rig) -> Vec<Self> {
        let listed = rig.act("routes", json!({})).await;
        let routes = listed["routes"].as_array().unwrap().iter();
        let routes: Vec<Self> = routes
            .map(|route| Self {
                method: text(&route["method"]),
                template: text(&route["path"]),
                needs_token: route["auth"].as_bool().unwrap(),
            })
            .collect();
        assert!(routes.len() > 40, "the table is {} long", routes.len());
        routes
    }

    /// The names of the parameters.
    fn params(&self) -> Vec<&str> {
        let segments = self.template.split('/');
        segments
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
            .collect()
    }

    /// The path, with one parameter replaced.
    fn path(&self, rig: &Rig, message: &str, other: Option<(&str, &str)>) -> String {
        let value = |name: &str| match (name, other) {
            (name, Some((replaced, by))) if name == replaced => by.to_owned(),
            ("channel_id" | "guild_id" | "application_id" | "user_id", _) => rig.id(name),
            ("webhook_id", _) => rig.id("application_id"),
            ("message_id", _) => message.to_owned(),
            ("emoji", _) => "%E2%9C%85".to_owned(),
            (name, _) if name.ends_with("_id") => "1".to_owned(),
            _ => "x".to_owned(),
        };
        let segments = self.template.split('/').map(|segment| {
            let name = segment
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'));
            name.map_or_else(|| segment.to_owned(), value)
        });
        segments.collect::<Vec<_>>().join("/")
    }

    async fn send(&self, rig: &Rig, path: &str, kind: &str, body: impl Into<Bytes>) -> Answer {
        let mut request = Request::builder()
            .method(self.method.as_str())
            .uri(format!("/api/v10{path}"))
            .header(HOST, rig.address.to_string())
            .header(CONTENT_TYPE, kind);
        if self.needs_token {
            request = request.header(AUTHORIZATION, format!("Bot {}", rig.token));
        }
        rig.send_wrong(request.body(Full::new(body.into())).unwrap())
            .await
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.template)
    }
}

/// The faults that stand at a dotted path of the `errors` tree, or at its root.
fn faults<'a>(errors: &'a Value, path: &str) -> Vec<&'a str> {
    let place = path.split('.').filter(|segment| !segment.is_empty());
    let level = place.fold(errors, |level, segment| &level[segment]);
    let list = level["_errors"].as_array().into_iter().flatten();
    list.filter_map(|fault| fault["code"].as_str()).collect()
}

#[tokio::test]
async fn no_route_takes_a_broken_body() {
    let rig = Rig::start().await;
    let message = rig.post(&rig.id("channel_id"), "x").await;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let broken: [&[u8]; 7] = [
        b"{",
        b"{\"content\": \"x\"",
        b"{\"a\": 1} x",
        b"\xff\xfe",
        b"{\"a\": NaN}",
        b"nul",
        deep.as_bytes(),
    ];
    for route in Route::all(&rig).await {
        let path = route.path(&rig, &message, None);
        for body in broken {
            let answer = route
                .send(&rig, &path, "application/json", body.to_vec())
                .await;
            assert_eq!(
                (answer.status, answer.code()),
                (400, 50109),
                "{} {:?}",
                route.name(),
                body.get(..20)
            );
        }
        let foreign = route.send(&rig, &path, "text/plain", "x").await;
        assert_eq!(
            (foreign.status, foreign.code()),
            (400, 50035),
            "{}",
            route.name()
        );
        assert_eq!(
            faults(&foreign.json()["errors"], ""),
            ["CONTENT_TYPE_INVALID"]
        );
        let parts = route
            .send(&rig, &path, "multipart/form-data; boundary=B", "no parts")
            .await;
        assert_eq!(
            (parts.status, parts.code()),
            (400, 50035),
            "{}",
            route.name()
        );
    }
}

#[tokio::test]
async fn ids_in_paths_are_numbers() {
    let rig = Rig::start().await;
    let message = rig.post(&rig.id("channel_id"), "x").await;
    let mut seen = 0;
    for route in Route::all(&rig).await {
        for param in route.params() {
            if !param.ends_with("_id") {
                continue;
            }
            for (given, shown) in [
                ("abc", "abc"),
                ("-1", "-1"),
                ("1%2F2", "1/2"),
                ("9".repeat(30).as_str(), "9999"),
            ] {
                let path = route.path(&rig, &message, Some((param, given)));
                let answer = route.send(&rig, &path, "application/json", "").await;
                let name = format!("{} {param}={given}", route.name());
                assert_eq!((answer.status, answer.code()), (400, 50035), "{name}");
                let errors = answer.json()["errors"].clone();
                assert_eq!(faults(&errors, param), ["NUMBER_TYPE_COERCE"], "{name}");
                let told = text(&errors[param]["_errors"][0]["message"]);
                assert!(told.starts_with(&format!("Value \"{shown}")), "{told}");
                assert!(told.ends_with("\" is not snowflake."), "{told}");
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[tokio::test]
async fn a_body_of_another_shape_is_refused_field_by_field() {
    let Some(judge) = Judge::shared() else {
        return;
    };
    let wrong = [
        json!({"x": [[]]}),
        json!([[1], {"x": 2}, null]),
        json!("\u{0}wrong"),
        json!(-1.5),
        json!(u64::MAX),
        json!(true),
    ];
    let table = Route::all(&Rig::start().await).await;
    let mut bodies = 0;
    for route in table {
        // What is taken may change the world: each route gets its own.
        let rig = Rig::start().await;
        let message = rig.post(&rig.id("channel_id"), "x").await;
        let path = route.path(&rig, &message, None);
        let Some(body) = judge.request_body(&route.method, &path) else {
            continue;
        };
        for top in [json!("x"), json!(7), json!(null), json!(true)] {
            let answer = route
                .send(&rig, &path, "application/json", top.to_string())
                .await;
            assert!(
                (400..500).contains(&answer.status),
                "{} {top}: {}",
                route.name(),
                answer.status
            );
        }
        for field in &body {
            for value in &wrong {
                let sent = json!({field.as_str(): value}).to_string();
                let answer = route.send(&rig, &path, "application/json", sent).await;
                // Whether it is taken depends on the field; the rig judges the shape of what comes back.
                let name = format!("{} {field}={value}: {}", route.name(), answer.status);
                assert!(answer.status < 500, "{name}");
                if answer.code() == 50035 {
                    assert!(answer.json()["errors"].is_object(), "{name}");
                }
                bodies += 1;
            }
        }
    }
    assert!(bodies > 300, "{bodies}");
}

#[tokio::test]
async fn wrong_types_have_discords_names() {
    let rig = Rig::start().await;
    let (channel, app) = (rig.id("channel_id"), rig.id("application_id"));
    let post = format!("/channels/{channel}/messages");
    let commands = format!("/applications/{app}/commands");
    let threads = format!("/channels/{channel}/threads");
    let cases = [
        (
            "POST",
            &post,
            json!({"content": {}}),
            "content",
            "STRING_TYPE_CONVERT",
        ),
        (
            "POST",
            &post,
            json!({"tts": "x"}),
            "tts",
            "BOOLEAN_TYPE_CONVERT",
        ),
        (
            "POST",
            &post,
            json!({"flags": "x"}),
            "flags",
            "NUMBER_TYPE_COERCE",
        ),
        (
            "POST",
            &post,
            json!({"embeds": {}}),
            "embeds",
            "LIST_TYPE_CONVERT",
        ),
        (
            "POST",
            &post,
            json!({"embeds": [1]}),
            "embeds.0",
            "MODEL_TYPE_CONVERT",
        ),
        (
            "POST",
            &post,
            json!({"components": "x"}),
            "components",
            "LIST_TYPE_CONVERT",
        ),
        (
            "POST",
            &post,
            json!({"components": [{}]}),
            "components.0.type",
            "UNION_TYPE_CHOICES",
        ),
        (
            "POST",
            &post,
            json!({"message_reference": 1}),
            "message_reference",
            "MODEL_TYPE_CONVERT",
        ),
        (
            "POST",
            &commands,
            json!({"description": "d"}),
            "name",
            "BASE_TYPE_REQUIRED",
        ),
        (
            "POST",
            &commands,
            json!({"name": "a", "description": "d", "options": 1}),
            "options",
            "LIST_TYPE_CONVERT",
        ),
        (
            "POST",
            &commands,
            json!({"name": "a", "description": "d", "type": 9}),
            "type",
            "BASE_TYPE_CHOICES",
        ),
        ("PUT", &commands, json!({}), "", "LIST_TYPE_CONVERT"),
        ("PUT", &commands, json!([1]), "0", "MODEL_TYPE_CONVERT"),
        ("POST", &threads, json!({}), "name", "BASE_TYPE_REQUIRED"),
        (
            "POST",
            &threads,
            json!({"name": "t", "auto_archive_duration": 7}),
            "auto_archive_duration",
            "BASE_TYPE_CHOICES",
        ),
        ("POST", &post, json!([1]), "", "MODEL_TYPE_CONVERT"),
    ];
    for (method, path, body, place, code) in cases {
        let answer = rig.api(method, path, body.clone()).await;
        assert_eq!((answer.status, answer.code()), (400, 50035), "{body}");
        let errors = answer.json()["errors"].clone();
        assert_eq!(faults(&errors, place), [code], "{body}: {errors}");
    }
}

#[tokio::test]
async fn strangers_unknown_paths_and_wrong_methods() {
    let rig = Rig::start().await;
    for mut route in Route::all(&rig).await {
        let path = route.path(&rig, "1", None);
        if route.needs_token {
            route.needs_token = false;
            let stranger = route.send(&rig, &path, "application/json", "").await;
            assert_eq!(
                (stranger.status, stranger.json()),
                (401, json!({"message": "401: Unauthorized", "code": 0})),
                "{}",
                route.name()
            );
        }
        route.method = "TRACE".to_owned();
        let wrong = route.send(&rig, &path, "application/json", "").await;
        assert_eq!(
            (wrong.status, wrong.json()),
            (
                405,
                json!({"message": "405: Method Not Allowed", "code": 0})
            ),
            "{}",
            route.name()
        );
        let unknown = rig
            .api(
                "GET",
                &format!("{path}/there/is/no/such/thing"),
                Value::Null,
            )
            .await;
        assert_eq!((unknown.status, unknown.code()), (404, 0));
    }
}
