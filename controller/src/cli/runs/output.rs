//! `shanty runs output`: what a run printed.

use shanty_proto::v1;

use crate::cli::client::{Client, Failure};
use crate::cli::exit;
use crate::cli::printer::{LinesArgs, Stored, Style};

pub(super) async fn output(
    client: &Client,
    request: v1::OutputRequest,
    style: Style,
    lines: LinesArgs,
) -> Result<u8, Failure> {
    if style.json && !lines.is_empty() {
        return Err(Failure::usage(
            "--grep, --head and --tail choose lines for people: leave out --json",
        ));
    }
    let several = request.host.is_empty() && several(client, request.number).await?;
    let mut chunks = client
        .call(|mut api| async move { api.output(request).await })
        .await?;
    let mut stored = Stored::new(style, several, lines);
    let ended = loop {
        match chunks.message().await {
            Ok(Some(chunk)) => stored.output(&chunk)?,
            Ok(None) => break Ok(exit::OK),
            Err(status) => break Err(status),
        }
    };
    // What came before an error is shown to its last line.
    stored.finish()?;
    Ok(ended?)
}

/// Whether a run is one of several hosts: the bytes of one stay what they are.
async fn several(client: &Client, number: u64) -> Result<bool, Failure> {
    let request = v1::ShowRunRequest { number };
    let run = client
        .call(|mut api| async move { api.show_run(request).await })
        .await?;
    Ok(run.executions.len() > 1)
}
