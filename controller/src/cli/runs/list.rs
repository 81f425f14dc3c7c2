//! `shanty runs list`: the last runs, one line each.

use shanty_proto::v1;

use super::rows::{Row, table};
use crate::cli::client::{Client, Failure};
use crate::cli::run::json_run;
use crate::cli::{AdminArgs, exit, out};
use crate::clock::now_ms;

pub(super) async fn list(
    client: &Client,
    request: v1::RunsRequest,
    admin: &AdminArgs,
) -> Result<u8, Failure> {
    let all = request.wanted.is_none();
    let reply = client
        .call(|mut api| async move { api.runs(request).await })
        .await?;
    if admin.json {
        let lines = reply.runs.iter().map(|run| format!("{}\n", json_run(run)));
        out::text(&lines.collect::<String>())?;
    } else if reply.runs.is_empty() {
        out::line(match all {
            true => "Nothing was run yet.",
            false => "Nothing was found.",
        })?;
    } else {
        out::table(&table(reply.runs.iter().map(Row::of_run), now_ms()))?;
    }
    reply.short.iter().for_each(out::note);
    Ok(exit::OK)
}
