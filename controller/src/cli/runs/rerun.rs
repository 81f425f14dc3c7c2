//! `shanty runs rerun`: runs again what was run, on all of its hosts or on some.

use shanty_proto::v1;
use shanty_proto::v1::rerun_request::Part;

use crate::cli::client::{Client, Failure};
use crate::cli::run::{follow, json_run};
use crate::cli::{AdminArgs, exit, out};

/// The hosts that are meant.
pub(super) const fn part(failed: bool, odd: bool, missed: bool) -> Part {
    if failed {
        Part::Failed
    } else if odd {
        Part::Odd
    } else if missed {
        Part::Missed
    } else {
        Part::All
    }
}

pub(super) async fn rerun(
    client: &Client,
    request: v1::RerunRequest,
    detach: bool,
    admin: &AdminArgs,
) -> Result<u8, Failure> {
    let run = client
        .call(|mut api| async move { api.rerun(request).await })
        .await?;
    let number = run.number;
    if detach && admin.json {
        out::line(json_run(&run))?;
        return Ok(exit::OK);
    }
    if detach {
        out::line(format_args!(
            "#{number} runs on {}. See it with `shanty runs follow {number}`.",
            run.hosts
        ))?;
        return Ok(exit::OK);
    }
    if !admin.json {
        out::note(format_args!("#{number} on {}", run.hosts));
    }
    follow(client, number, admin.json).await
}
