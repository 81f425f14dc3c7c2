//! `shanty runs pause` and `shanty runs continue`.

use shanty_core::text::count;
use shanty_proto::v1;

use super::client::{Client, Failure};
use super::{AdminArgs, exit, out};

/// Lets a run in waves rest, or go on.
pub(super) async fn steer(
    client: &Client,
    number: u64,
    pause: bool,
    admin: &AdminArgs,
) -> Result<u8, Failure> {
    let request = v1::SteerRunRequest { number, pause };
    let reply = client
        .call(|mut api| async move { api.steer_run(request).await })
        .await?;
    let number = reply.number;
    if admin.json {
        let event = if pause { "paused" } else { "continued" };
        let event = serde_json::json!({
            "event": event, "number": number, "left": reply.left, "running": reply.running,
        });
        out::line(event)?;
        return Ok(exit::OK);
    }
    let hosts = |n: u32| count(n as usize, "host");
    let left = hosts(reply.left);
    if !pause {
        out::line(format_args!(
            "#{number} goes on: {left} to go. See it with `shanty runs follow {number}`."
        ))?;
        return Ok(exit::OK);
    }
    let running = match reply.running {
        0 => String::new(),
        n => format!(", {} still running", hosts(n)),
    };
    out::line(format_args!(
        "#{number} is paused: {left} not started{running}. Go on with `shanty runs continue {number}`, or stop it with `shanty runs cancel {number}`."
    ))?;
    Ok(exit::OK)
}
