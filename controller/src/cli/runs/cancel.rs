//! `shanty runs cancel`: stops runs.

use shanty_core::text::count;
use shanty_proto::v1;

use crate::cli::client::{Client, Failure};
use crate::cli::{AdminArgs, exit};

pub(super) async fn cancel(
    client: &Client,
    request: v1::CancelRunRequest,
    admin: &AdminArgs,
) -> Result<u8, Failure> {
    let reply = client
        .call(|mut api| async move { api.cancel_run(request).await })
        .await?;
    if admin.json {
        let event = serde_json::json!({
            "event": "cancelled", "numbers": reply.numbers, "told": reply.told, "away": reply.away,
        });
        println!("{event}");
        return Ok(exit::OK);
    }
    if reply.numbers.is_empty() {
        println!("No run is under way.");
        return Ok(exit::OK);
    }
    let numbers: Vec<String> = reply
        .numbers
        .iter()
        .map(|number| format!("#{number}"))
        .collect();
    if reply.told.is_empty() && reply.away.is_empty() {
        println!("{} is off. No host had begun it.", numbers.join(" "));
        return Ok(exit::OK);
    }
    println!(
        "{} told to stop {}: {}",
        count(reply.told.len(), "host"),
        numbers.join(" "),
        reply.told.join(" ")
    );
    if !reply.away.is_empty() {
        println!(
            "Not reached, told when they return: {}",
            reply.away.join(" ")
        );
    }
    Ok(exit::OK)
}
