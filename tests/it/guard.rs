//! The guard of the sandbox: a stranger's web page, open in the same browser, cannot make it run anything.

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use shanty_tests::{Options, World};

use crate::programs;

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// Posts with exactly these headers; gives the status and the answer.
pub(crate) async fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> (u16, String) {
    let mut request = Request::post(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_string())));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request.unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn a_request_of_another_site_is_refused_and_nothing_runs() {
    let hosts = [("web-01", "role=web")];
    let world = World::with_hosts(&programs(), Options::default(), &hosts).await;
    let operator = world.operator();
    let trace = world.dir.path().join("trace");
    let command = format!("echo ran >> {}", trace.display());
    let body = operator.command("run", &[("on", "web-01"), ("command", &command)]);
    let url = format!("{}sandbox/slash", world.web);
    let port = url.rsplit(':').next().unwrap().split('/').next().unwrap();
    let (own, other) = (
        format!("http://127.0.0.1:{port}"),
        format!("evil.example:{port}"),
    );
    let https = own.replace("http:", "https:");

    for (status, headers) in [
        (403, vec![JSON, ("origin", "https://evil.example")]),
        (403, vec![JSON, ("origin", "null")]),
        (403, vec![JSON, ("origin", "http://127.0.0.1:1")]),
        (403, vec![JSON, ("origin", &https)]),
        (
            403,
            vec![JSON, ("origin", &own), ("origin", "https://evil.example")],
        ),
        (421, vec![JSON, ("host", "evil.example")]),
        (421, vec![JSON, ("host", &other)]),
        (421, vec![JSON, ("host", "127.0.0.1:1")]),
        (415, vec![("content-type", "text/plain")]),
        (
            415,
            vec![("content-type", "application/x-www-form-urlencoded")],
        ),
        (415, vec![]),
    ] {
        let (answered, text) = post(&url, &headers, &body).await;
        assert_eq!(answered, status, "{headers:?}: {text}");
    }
    // The same request from our own page runs, and it is the only one that did.
    let (status, text) = post(&url, &[JSON, ("origin", &own)], &body).await;
    assert_eq!(status, 200, "{text}");
    operator.sees_end("web-01").await;
    assert_eq!(std::fs::read_to_string(&trace).unwrap(), "ran\n");
    assert_eq!(world.runs().await.len(), 1);
    world.end().await;
}
