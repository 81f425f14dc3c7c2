//! `shanty runs export`: the history as a table, as it comes: what is in memory does not grow with it.

use shanty_core::history::CSV_HEAD;
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
            Ok(None) => break Ok(exit::OK),
            Err(status) => break Err(status),
        };
        match csv {
            true => text.push_str(&run.csv),
            false => text.push_str(&format!("{}\n", json(&run))),
        }
        if text.len() >= WRITE {
            out::text(&text)?;
            text.clear();
        }
    };
    // What came before an error is written too.
    out::text(&text)?;
    Ok(ended?)
}
