//! What client libraries send or expect beyond the plain reading of the documentation, by raw HTTP.
//!
//! The libraries themselves are run in `foreign`; each test here is one thing that one of them stumbled over.

use serde_json::{Value, json};

use crate::rig::{Rig, text};

#[tokio::test]
async fn history_after_zero_begins_with_the_first_message() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    for content in ["a", "b", "c"] {
        rig.post(&channel, content).await;
    }
    let path = format!("/channels/{channel}/messages?after=0&limit=2");
    let list = rig.ok("GET", &path, Value::Null).await;
    let contents: Vec<String> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|message| text(&message["content"]))
        .collect();
    assert_eq!(contents, ["b", "a"]);
    let path = format!("/channels/{channel}/messages?after=x");
    assert_eq!(rig.api("GET", &path, json!(null)).await.code(), 50035);
}
