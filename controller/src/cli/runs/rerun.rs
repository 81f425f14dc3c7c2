//! `shanty runs rerun`: runs again what was run, on all of its hosts or on some.

use shanty_proto::v1;
use shanty_proto::v1::rerun_request::Part;

use super::print::print;
use crate::cli::AdminArgs;
use crate::cli::client::{Client, Failure};
use crate::cli::run::{follow, json_run};

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
        return print(&format!("{}\n", json_run(&run)));
    }
    if detach {
        return print(&format!(
            "#{number} runs on {}. See it with `shanty runs follow {number}`.\n",
            run.hosts
        ));
    }
    if !admin.json {
        eprintln!("#{number} on {}", run.hosts);
    }
    follow(client, number, admin.json).await
}
