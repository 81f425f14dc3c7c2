//! Health over HTTP, on loopback: whether the process lives, and whether it does its work.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::health::ChatState;
use crate::supervise::Supervisor;

/// Serves `/healthz` and `/readyz`.
pub fn start(
    supervisor: &mut Supervisor,
    listener: TcpListener,
    chat: watch::Receiver<ChatState>,
    full: watch::Receiver<bool>,
) {
    let shutdown = supervisor.shutdown();
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state((chat, full));
    supervisor.start("http listener", async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(shutdown.cancelled_owned())
            .await?;
        Ok(())
    });
}

/// 200 when everything works, 503 with the reason when chat does not, while the command line works all the same, or when the disk is full and
/// nothing new is begun.
async fn ready(
    State((chat, full)): State<(watch::Receiver<ChatState>, watch::Receiver<bool>)>,
) -> (StatusCode, Json<serde_json::Value>) {
    let (status, discord) = match &*chat.borrow() {
        ChatState::Off => (StatusCode::OK, "off".to_owned()),
        ChatState::Ready => (StatusCode::OK, "ready".to_owned()),
        ChatState::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting".to_owned()),
        ChatState::Degraded(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("degraded: {why}")),
    };
    let (status, store) = match *full.borrow() {
        true => (StatusCode::SERVICE_UNAVAILABLE, "the disk is full"),
        false => (status, "ready"),
    };
    let ready = serde_json::json!({ "discord": discord, "store": store });
    (status, Json(ready))
}
