//! `shanty runs export`: the history as a table, as it comes: what is in memory does not grow with it.

use std::io::{BufWriter, Write as _};

use shanty_core::history::CSV_HEAD;
use shanty_proto::v1;

use super::print::wrote;
use super::search::json;
use crate::cli::client::{Client, Failure};
use crate::cli::exit;

pub(super) async fn export(client: &Client, wanted: v1::Wanted, csv: bool) -> Result<u8, Failure> {
    let request = v1::ExportRequest {
        wanted: Some(wanted),
        csv,
    };
    let mut runs = client
        .call(|mut api| async move { api.export(request).await })
        .await?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut written = match csv {
        true => out.write_all(CSV_HEAD.as_bytes()),
        false => Ok(()),
    };
    while written.is_ok()
        && let Some(run) = runs.message().await?
    {
        written = match csv {
            true => out.write_all(run.csv.as_bytes()),
            false => writeln!(out, "{}", json(&run)),
        };
    }
    let ended = wrote(written.and_then(|()| out.flush()));
    // What could not be written is not tried again when it is dropped.
    if !matches!(ended, Ok(exit::OK)) {
        drop(out.into_parts());
    }
    ended
}
