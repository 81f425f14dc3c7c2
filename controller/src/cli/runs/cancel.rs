//! `shanty runs cancel`: stops runs.

use shanty_core::text::count;
use shanty_proto::v1;

use crate::cli::client::{Client, Failure};
use crate::cli::{AdminArgs, exit, out};

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
        out::line(event)?;
        return Ok(exit::OK);
    }
    if reply.numbers.is_empty() {
        out::line("No run is under way.")?;
        return Ok(exit::OK);
    }
    let numbers: Vec<String> = reply
        .numbers
        .iter()
        .map(|number| format!("#{number}"))
        .collect();
    if reply.told.is_empty() && reply.away.is_empty() {
        let numbers = numbers.join(" ");
        out::line(format_args!("{numbers} is off. No host had begun it."))?;
        return Ok(exit::OK);
    }
    out::line(format_args!(
        "{} told to stop {}: {}",
        count(reply.told.len(), "host"),
        numbers.join(" "),
        reply.told.join(" ")
    ))?;
    if !reply.away.is_empty() {
        let away = reply.away.join(" ");
        out::line(format_args!("Not reached, told when they return: {away}"))?;
    }
    Ok(exit::OK)
}
