//! The few questions that the demo asks the sandbox.

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Posts JSON to a path below the sandbox's address.
pub(super) async fn post(web: &str, path: &str, body: &str) -> anyhow::Result<Value> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{web}{path}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_owned())))?;
    send(request).await
}

/// Gets JSON with the bot's token.
pub(super) async fn get(web: &str, path: &str, token: &str) -> anyhow::Result<Value> {
    let request = Request::builder()
        .uri(format!("{web}{path}"))
        .header("authorization", format!("Bot {token}"))
        .body(Full::new(Bytes::new()))?;
    send(request).await
}

async fn send(request: Request<Full<Bytes>>) -> anyhow::Result<Value> {
    let what = request.uri().to_string();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client
        .request(request)
        .await
        .with_context(|| format!("ask {what}"))?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    anyhow::ensure!(
        status.is_success(),
        "{what} answered {status}: {}",
        String::from_utf8_lossy(&body)
    );
    serde_json::from_slice(&body).with_context(|| format!("read what {what} answered"))
}
