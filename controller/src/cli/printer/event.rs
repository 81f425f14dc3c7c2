//! What hosts print, as JSON lines.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use shanty_proto::v1;

/// What a host printed: always as text, and as base64 where that is not all of it.
pub(super) fn output(host: &str, err: bool, bytes: &[u8]) -> Vec<u8> {
    let stream = if err { "err" } else { "out" };
    line(&match std::str::from_utf8(bytes) {
        Ok(text) => json!({"event": "output", "host": host, "stream": stream, "text": text}),
        Err(_) => json!({
            "event": "output", "host": host, "stream": stream,
            "text": String::from_utf8_lossy(bytes), "base64": BASE64_STANDARD.encode(bytes),
        }),
    })
}

/// That output is missing.
pub(super) fn dropped(chunk: &v1::OutputChunk) -> Vec<u8> {
    line(&json!({"event": "dropped", "host": chunk.host, "bytes": chunk.dropped}))
}

fn line(event: &Value) -> Vec<u8> {
    format!("{event}\n").into_bytes()
}
