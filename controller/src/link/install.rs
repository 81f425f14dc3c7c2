//! What the join port serves besides joining, for hosts that have no agent yet: the script, and the files of the manifest. Nothing else, and
//! no list of what there is.

use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use futures_util::{Stream, stream};
use shanty_core::causes::chain;
use shanty_core::limits;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::accept::Peer;
use super::backlog::{Rates, network};
use super::seats::{Bounds, Seats};
use super::visit::Fetch;
use crate::install::{InstallError, Installer};
use crate::log;

/// Seconds since 1970: a script cannot read the date that HTTP has.
const TIME: HeaderName = HeaderName::from_static("shanty-time");
const CHUNK_BYTES: usize = 64 * 1024;

/// The routes.
pub(super) fn routes(installer: Installer) -> Router {
    // Who has just begun is not sent away for somebody else: that would have to begin again.
    let places = Bounds {
        all: limits::DOWNLOADS_MAX,
        each: limits::DOWNLOADS_NETWORK_MAX,
        spared_ms: limits::STALLED_MS,
    };
    let downloads = Arc::new(Downloads {
        installer,
        rates: Rates::new(limits::JOINS_MAX),
        places: Arc::new(Seats::new(places)),
    });
    Router::new()
        .route("/i", get(script))
        .route("/a/manifest.json", get(manifest))
        .route("/a/manifest.json.sig", get(signature))
        .route("/a/{name}", get(artifact))
        .with_state(downloads)
}

/// For whoever asks for what there is not. Agents understand another answer than downloaders.
pub(super) async fn nothing_here(headers: HeaderMap) -> Response {
    let grpc = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    match grpc {
        true => tonic::Status::unimplemented("").into_http(),
        false => (StatusCode::NOT_FOUND, "There is nothing here.\n").into_response(),
    }
}

struct Downloads {
    installer: Installer,
    rates: Rates,
    places: Arc<Seats>,
}

async fn script(
    State(downloads): State<Arc<Downloads>>,
    Extension(peer): Extension<Peer>,
) -> Response {
    downloads.rates.turn(peer.from).await;
    match downloads.installer.script().await {
        Ok(script) => {
            let kind = (CONTENT_TYPE, "text/x-shellscript; charset=utf-8");
            (usual_headers(), [kind], script.text).into_response()
        }
        Err(error) => unusable(&peer, &error),
    }
}

/// What updates go by, exactly as it was signed.
async fn manifest(
    State(downloads): State<Arc<Downloads>>,
    Extension(peer): Extension<Peer>,
) -> Response {
    downloads.rates.turn(peer.from).await;
    match downloads.installer.lying().await {
        Ok(lying) => {
            let kind = (CONTENT_TYPE, "application/json");
            (usual_headers(), [kind], lying.bytes).into_response()
        }
        Err(error) => unusable(&peer, &error),
    }
}

/// Who signed that.
async fn signature(
    State(downloads): State<Arc<Downloads>>,
    Extension(peer): Extension<Peer>,
) -> Response {
    downloads.rates.turn(peer.from).await;
    match downloads.installer.lying().await {
        Ok(lying) => match lying.signature {
            Some(signature) => {
                let kind = (CONTENT_TYPE, "text/plain; charset=utf-8");
                (usual_headers(), [kind], signature).into_response()
            }
            None => {
                let text = "Nobody signed the agents that this controller hands out.\n";
                (StatusCode::NOT_FOUND, text).into_response()
            }
        },
        Err(error) => unusable(&peer, &error),
    }
}

async fn artifact(
    State(downloads): State<Arc<Downloads>>,
    Extension(peer): Extension<Peer>,
    Path(name): Path<String>,
    method: Method,
) -> Response {
    downloads.rates.turn(peer.from).await;
    let manifest = match downloads.installer.manifest().await {
        Ok(manifest) => manifest,
        Err(error) => return unusable(&peer, &error),
    };
    let Some(artifact) = manifest.named(&name) else {
        return nothing_here(HeaderMap::new()).await;
    };
    let path = downloads.installer.path_of(artifact);
    let file = match open(&path, artifact.size).await {
        Ok(file) => file,
        Err(what) => return unusable(&peer, &InstallError::Unusable { path, what }),
    };
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, artifact.size.to_string()),
    ];
    if method == Method::HEAD {
        return (usual_headers(), headers, Body::empty()).into_response();
    }
    let fetch = match &peer.visit {
        Some(visit) => visit.fetch(&downloads.places).await,
        None => None,
    };
    let Some(fetch) = fetch else {
        return busy(&peer);
    };
    let body = Body::from_stream(chunks(file, artifact.size, fetch));
    (usual_headers(), headers, body).into_response()
}

/// Those who come at once come again one after the other: the ports that they have are chance enough.
fn busy(peer: &Peer) -> Response {
    let seconds = 2 + peer.from.port() % 4;
    let text = format!("Too many downloads at once; try again in {seconds} seconds.\n");
    let retry = [(RETRY_AFTER, seconds.to_string())];
    (StatusCode::SERVICE_UNAVAILABLE, retry, text).into_response()
}

/// Only what is as long as the manifest says: the digest of anything else would be wrong too.
async fn open(path: &std::path::Path, size: u64) -> Result<File, String> {
    let file = File::open(path).await.map_err(|error| error.to_string())?;
    let about = file.metadata().await.map_err(|error| error.to_string())?;
    match about.is_file() && about.len() == size {
        true => Ok(file),
        false => Err(format!(
            "it is no file of {size} bytes, as the manifest says"
        )),
    }
}

/// The content in pieces, each read when the one before it went out.
fn chunks(
    file: File,
    size: u64,
    fetch: Fetch,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send {
    stream::try_unfold((file.take(size), fetch), |(mut file, fetch)| async move {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = file.read(&mut chunk).await?;
        chunk.truncate(read);
        fetch.moved(read);
        Ok((read > 0).then(|| (Bytes::from(chunk), (file, fetch))))
    })
}

fn usual_headers() -> [(HeaderName, String); 2] {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = now.map_or(0, |since| since.as_secs());
    [
        (CACHE_CONTROL, "no-store".to_owned()),
        (TIME, seconds.to_string()),
    ]
}

/// Whoever asks is told that it is the controller's fault; its log says what to do.
fn unusable(peer: &Peer, error: &InstallError) -> Response {
    log::of(
        log::Peer::Network(network(peer.from)),
        || tracing::warn!(peer.address = %peer.from, error = chain(error), "nothing can be installed from here"),
    );
    let text = "This controller has no agents to hand out; its log says why.\n";
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}
