//! Every answer and event that the tests get is judged by Discord's own OpenAPI file, where that is at hand.

use hyper::header::{CONTENT_TYPE, VIA};
use hyper::http::request::Parts;
use serde_json::Value;
use shanty_openapi::{Exchange, Judge, demand, json_body};

use crate::rig::Answer;

/// What a REST request asked, kept until its answer is there.
pub(crate) struct Asked {
    method: String,
    path: String,
    body: Option<Value>,
}

impl Asked {
    /// `None` for what is not Discord's REST interface.
    pub(crate) fn of(request: &Parts, body: &[u8]) -> Option<Self> {
        let path = request.uri.path_and_query()?.as_str();
        let kind = request.headers.get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        path.starts_with("/api/").then(|| Self {
            method: request.method.to_string(),
            path: path.to_owned(),
            body: json_body(kind, body),
        })
    }

    /// Fails the test when the answer, or a request that was taken, is not as Discord has it.
    #[track_caller]
    pub(crate) fn judge(&self, answer: &Answer) {
        // What has not come by way of Discord (its front answers by itself then) is not Discord's.
        let Some(judge) = Judge::shared().filter(|_| answer.headers.contains_key(VIA)) else {
            return;
        };
        let body: Option<Value> = (!answer.body.is_empty())
            .then(|| serde_json::from_slice(&answer.body).expect("answers are JSON"));
        demand(&judge.check(&Exchange {
            method: &self.method,
            path: &self.path,
            status: answer.status,
            request: self.body.as_ref(),
            answer: body.as_ref(),
        }));
    }
}

/// Fails the test when a gateway event is not as Discord has it.
#[track_caller]
pub(crate) fn event(frame: &Value) {
    if let (Some(judge), Some(name)) = (Judge::shared(), frame["t"].as_str()) {
        demand(&judge.check_event(name, &frame["d"]));
    }
}

/// Fails the test when an answer in the record of `traffic` is not as Discord has it. The requests are the library's.
#[track_caller]
pub(crate) fn answers(traffic: &[u8]) {
    let Some(judge) = Judge::shared() else { return };
    let lines = traffic.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_slice(line).expect("a line is JSON"))
        .collect();
    assert!(
        lines.first().is_none_or(|line| line["seq"] == 1),
        "the sandbox has dropped its oldest exchanges, and they were not judged"
    );
    let violations: Vec<_> = lines
        .iter()
        .flat_map(|line| {
            judge.check(&Exchange {
                method: line["method"].as_str().unwrap_or_default(),
                path: line["path"].as_str().unwrap_or_default(),
                status: line["status"]
                    .as_u64()
                    .and_then(|status| u16::try_from(status).ok())
                    .unwrap_or(0),
                request: None,
                answer: Some(&line["response"]).filter(|body| !body.is_null()),
            })
        })
        .collect();
    demand(&violations);
}
