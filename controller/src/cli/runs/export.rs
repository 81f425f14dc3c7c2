//! `shanty runs export`: the history as a table, as it comes: what is in memory does not grow with it.
//!
//! A table that ended early looks like a whole one, so that the end is a message of its own, and what is not whole is called so.

use shanty_core::history::CSV_HEAD;
use shanty_core::refusal::Code;
use shanty_proto::v1;

use super::search::json;
use crate::cli::client::{Client, Failure};
use crate::cli::{exit, out};

/// Bytes that are written at once.
const WRITE: usize = 64 * 1024;

pub(super) async fn export(client: &Client, wanted: v1::Wanted, csv: bool) -> Result<u8, Failure> {
    let request = v1::ExportRequest {
        wanted: Some(wanted),
        csv,
    };
    let mut runs = client
        .call(|mut api| async move { api.export(request).await })
        .await?;
    let mut text = match csv {
        true => CSV_HEAD.to_owned(),
        false => String::new(),
    };
    let ended = loop {
        let run = match runs.message().await {
            Ok(Some(run)) => run,
            Ok(None) => break Err(gone()),
            Err(status) => break Err(status.into()),
        };
        if run.last {
            break Ok(run.short);
        }
        match csv {
            true => text.push_str(&run.csv),
            false => text.push_str(&format!("{}\n", json(&run))),
        }
        if text.len() >= WRITE {
            out::text(&text).map_err(not_whole)?;
            text.clear();
        }
    };
    // What came before an error is written too.
    out::text(&text).map_err(not_whole)?;
    ended.map_err(not_whole)?.iter().for_each(out::note);
    Ok(exit::OK)
}

fn gone() -> Failure {
    let text = "the controller stopped before it had told all runs";
    Failure::new(Code::Stopping.as_str(), exit::TRY_AGAIN, text, "")
}

/// Says that what was written is half a table. Where nobody reads it nothing is said.
fn not_whole(failure: Failure) -> Failure {
    if failure.code == out::CLOSED {
        return failure;
    }
    let next = format!("The table is not whole: export it again. {}", failure.next);
    Failure {
        next: next.trim_end().to_owned(),
        ..failure
    }
}
