//! The few things that the demo tells the sandbox.

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Posts JSON as the bot to a path below the sandbox's address.
pub(super) async fn post(
    web: &str,
    path: &str,
    bot_token: &str,
    body: &Value,
) -> anyhow::Result<Value> {
    let answer = send(web, path, Method::POST, bot_token, body.to_string()).await?;
    serde_json::from_slice(&answer).with_context(|| format!("read what {path} answered"))
}

/// Gets JSON as the bot from a path below the sandbox's address.
pub(super) async fn get(web: &str, path: &str, bot_token: &str) -> anyhow::Result<Value> {
    let answer = send(web, path, Method::GET, bot_token, String::new()).await?;
    serde_json::from_slice(&answer).with_context(|| format!("read what {path} answered"))
}

/// Puts nothing as the bot to a path below the sandbox's address, and expects nothing.
pub(super) async fn put(web: &str, path: &str, bot_token: &str) -> anyhow::Result<()> {
    send(web, path, Method::PUT, bot_token, String::new())
        .await
        .map(drop)
}

async fn send(
    web: &str,
    path: &str,
    method: Method,
    bot_token: &str,
    body: String,
) -> anyhow::Result<Bytes> {
    let request = Request::builder()
        .method(method)
        .uri(format!("{web}{path}"))
        .header("authorization", format!("Bot {bot_token}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client
        .request(request)
        .await
        .with_context(|| format!("ask {path}"))?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    anyhow::ensure!(
        status.is_success(),
        "{path} answered {status}: {}",
        String::from_utf8_lossy(&body)
    );
    Ok(body)
}
