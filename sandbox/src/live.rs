//! The web client's socket: tells which channels have changed and what is newest in them, nothing else.
//!
//! The client fetches what it shows by the ordinary actions; a burst of changes becomes one message. `start` tells a client
//! that comes back whether this is still the sandbox that it knew: a seed file may give the same ids every time.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use serde_json::{Map, Value, json};
use tokio::time::{sleep, timeout};

use crate::sandbox::Sandbox;
use crate::world::World;

/// The least time between two messages; a person sees no difference below it.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a browser may take to read one message.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves one browser until it leaves.
pub(crate) async fn serve(sandbox: Sandbox, mut socket: WebSocket) {
    let mut changed = sandbox.changed();
    let mut told = 0;
    loop {
        changed.mark_unchanged();
        let news = {
            let world = sandbox.world();
            let news = news(&world, told);
            told = world.version();
            news
        };
        let sending = socket.send(Message::Text(news.to_string().into()));
        if !matches!(timeout(SEND_TIMEOUT, sending).await, Ok(Ok(()))) {
            return;
        }
        sleep(PAUSE).await;
        loop {
            tokio::select! {
                // Dropping either loses nothing: frames of the browser mean nothing, versions are levels.
                result = changed.changed() => match result {
                    Ok(()) => break,
                    Err(_) => return,
                },
                received = socket.recv() => match received {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => {}
                },
                () = sandbox.shutdown.cancelled() => return,
            }
        }
    }
}

/// Everything that changed after the version `told`.
fn news(world: &World, told: u64) -> Value {
    let changed = world
        .channels
        .values()
        .filter(|channel| channel.version > told);
    let mut channels = Map::new();
    let mut last = Map::new();
    let mut typing = Map::new();
    for channel in changed {
        let id = channel.id.to_string();
        let left_ms = channel.typing_until_ms.saturating_sub(world.now_ms());
        if left_ms > 0 {
            typing.insert(id.clone(), json!(left_ms));
        }
        last.insert(id.clone(), json!(channel.last_message));
        channels.insert(id, json!(channel.version));
    }
    json!({
        "start": world.start, "guild_id": world.seeds.guild, "version": world.version(), "structure_version": world.structure_version,
        "channels": channels, "last_message_ids": last, "typing_ms": typing,
        "bot_online": world.sessions.connected() > 0,
    })
}
