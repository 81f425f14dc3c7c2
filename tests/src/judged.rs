//! What went over the wire in a whole-system test, judged by Discord's own OpenAPI file: the sandbox's answers, and the bot's
//! requests that were taken.

use serde_json::{Value, json};
use shanty_openapi::{Exchange, Judge, demand};

use crate::http::Http;

/// Judges every exchange that the sandbox at `http` has had.
///
/// # Panics
/// With all violations, or when the sandbox no longer has every exchange.
pub(crate) async fn all(http: &Http) {
    let Some(judge) = Judge::shared() else {
        return;
    };
    let lines = lines(http).await;
    let first = lines
        .first()
        .map_or(1, |line| line["seq"].as_u64().unwrap_or(0));
    assert_eq!(
        first, 1,
        "the sandbox has dropped its oldest exchanges: this test makes more of them than it keeps, and they were not judged"
    );
    let violations: Vec<_> = lines.iter().flat_map(|line| check(judge, line)).collect();
    demand(&violations);
}

/// Every exchange that the sandbox still has, oldest first.
pub(crate) async fn lines(http: &Http) -> Vec<Value> {
    let (status, answer) = http.post("sandbox/traffic", &json!({})).await;
    assert_eq!(status, 200, "{answer}");
    let lines = match answer {
        Value::String(lines) => lines,
        // A single line is a document by itself.
        one => one.to_string(),
    };
    lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn check(judge: &Judge, line: &Value) -> Vec<shanty_openapi::Violation> {
    let text = |field: &str| line[field].as_str().unwrap_or_default();
    // With files the record has the JSON beside their names.
    let request = line["request"]
        .get("payload_json")
        .unwrap_or(&line["request"]);
    let body = |value| Some(value).filter(|value: &&Value| !value.is_null());
    judge.check(&Exchange {
        method: text("method"),
        path: text("path"),
        status: line["status"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok())
            .unwrap_or(0),
        request: body(request),
        answer: body(&line["response"]),
    })
}
