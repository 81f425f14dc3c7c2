//! JSON over HTTP to the sandbox.

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Scheme, host and port of an address.
pub(crate) fn origin(web: &str) -> &str {
    let path = web.match_indices('/').nth(2);
    path.map_or(web, |(at, _)| &web[..at])
}

/// A client that keeps its connections.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
}

impl Http {
    pub(crate) fn new(base: &str) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            base: base.to_owned(),
        }
    }

    /// Posts JSON; gives the status and the answer.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())));
        self.send(request.expect("invariant: the parts of a request are valid"))
            .await
    }

    /// A call with a JSON body, or without one when it is null; gives the status and the answer.
    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let bytes = if body.is_null() {
            Bytes::new()
        } else {
            Bytes::from(body.to_string())
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .body(Full::new(bytes));
        self.send(request.expect("invariant: the parts of a request are valid"))
            .await
    }

    /// A call of Discord's REST interface, made with the bot's own token.
    pub(crate) async fn api(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: &Value,
    ) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}api/v10{path}", self.base))
            .header("content-type", "application/json")
            .header("authorization", format!("Bot {token}"))
            .header("user-agent", "DiscordBot (https://example.org, 1)")
            .body(Full::new(Bytes::from(body.to_string())));
        self.send(request.expect("invariant: the parts of a request are valid"))
            .await
    }

    /// Creates a message with a file as the bot; gives the status and the answer. The file's name is sent as it is.
    pub(crate) async fn upload(
        &self,
        path: &str,
        token: &str,
        name: &str,
        file: &str,
    ) -> (u16, Value) {
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        let body = format!(
            "--rig\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"{quoted}\"\r\n\r\n{file}\r\n--rig--\r\n"
        );
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}api/v10{path}", self.base))
            .header("content-type", "multipart/form-data; boundary=rig")
            .header("authorization", format!("Bot {token}"))
            .header("user-agent", "DiscordBot (https://example.org, 1)")
            .body(Full::new(Bytes::from(body)));
        self.send(request.expect("invariant: the parts of a request are valid"))
            .await
    }

    /// Gets bytes of any address.
    pub(crate) async fn get(&self, url: &str) -> Vec<u8> {
        let request = Request::builder().uri(url).body(Full::new(Bytes::new()));
        let request = request.expect("invariant: the parts of a request are valid");
        let answer = self
            .client
            .request(request)
            .await
            .expect("the sandbox answers");
        answer
            .into_body()
            .collect()
            .await
            .expect("the sandbox answers whole")
            .to_bytes()
            .to_vec()
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> (u16, Value) {
        let answer = self
            .client
            .request(request)
            .await
            .expect("the sandbox answers");
        let status = answer.status().as_u16();
        let body = answer
            .into_body()
            .collect()
            .await
            .expect("the sandbox answers whole")
            .to_bytes();
        let json = serde_json::from_slice(&body);
        (
            status,
            json.unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body).into_owned())),
        )
    }
}
