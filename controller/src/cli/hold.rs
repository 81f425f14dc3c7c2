//! `shanty hold`: no run starts until it ends.

use clap::Args;
use shanty_core::hold::Held;
use shanty_core::view::terminal::one_line;
use shanty_proto::convert::principal_from_wire;
use shanty_proto::v1;

use super::client::{Client, Failure};
use super::{AdminArgs, exit, out};
use crate::clock::now_ms;

#[derive(Args, Debug)]
pub(super) struct HoldArgs {
    /// on refuses new runs, off allows them again; without it: how it is
    #[arg(value_parser = ["on", "off"])]
    state: Option<String>,
    /// Why, for whoever is refused: shanty hold on "db move"
    #[arg(value_name = "REASON")]
    reason: Vec<String>,
    #[command(flatten)]
    pub(super) admin: AdminArgs,
}

pub(super) async fn hold(args: HoldArgs) -> Result<u8, Failure> {
    let client = Client::connect(&args.admin).await?;
    let reply = match &args.state {
        None => {
            let asked = client.call(|mut admin| async move { admin.get_hold(v1::Empty {}).await });
            asked.await?
        }
        Some(state) => {
            let request = v1::HoldRequest {
                on: state == "on",
                reason: args.reason.join(" "),
            };
            let asked = client.call(|mut admin| async move { admin.set_hold(request).await });
            asked.await?
        }
    };
    let by = reply.by.as_ref();
    let held = reply.on.then(|| Held {
        by: by.and_then(|by| principal_from_wire(by).ok()),
        since_ms: reply.since_ms,
        reason: reply.reason.clone(),
    });
    if args.admin.json {
        out::line(json(held.as_ref()))?;
    } else {
        out::line(one_line(&told(held.as_ref(), reply.changed, now_ms())))?;
    }
    Ok(exit::OK)
}

fn told(held: Option<&Held>, changed: bool, now_ms: u64) -> String {
    match held {
        Some(held) => format!(
            "{} What is running goes on; nothing else starts before `shanty hold off`.",
            held.in_terminal(now_ms)
        ),
        None if changed => "New runs are allowed again.".to_owned(),
        None => "Nothing is on hold: new runs are allowed.".to_owned(),
    }
}

fn json(held: Option<&Held>) -> serde_json::Value {
    let by = held.and_then(|held| held.by.as_ref());
    serde_json::json!({
        "event": "hold", "on": held.is_some(), "by": by.map(ToString::to_string),
        "since_ms": held.map(|held| held.since_ms), "reason": held.map(|held| &held.reason),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shanty_core::principal::Principal;

    #[test]
    fn how_it_is_and_what_changed_is_told() {
        let held = Held {
            by: Some(Principal::Local("ann".to_owned())),
            since_ms: 5_000,
            reason: "db move".to_owned(),
        };
        assert_eq!(
            told(Some(&held), true, 65_000),
            "On hold by local:ann for 1m: \"db move\". What is running goes on; nothing else starts before `shanty hold off`."
        );
        assert_eq!(told(None, true, 0), "New runs are allowed again.");
        assert!(told(None, false, 0).starts_with("Nothing is on hold"));
        let all = json(Some(&held));
        let (by, reason) = (&all["by"], &all["reason"]);
        assert!(by == "local:ann" && reason == "db move", "{all}");
        let none = json(None);
        assert!(none["on"] == false && none["by"].is_null(), "{none}");
    }
}
