//! `shanty runs rerun`: runs again what was run, on all of its hosts or on some.

use shanty_core::ask::YES;
use shanty_proto::v1;
use shanty_proto::v1::rerun_request::Part;

use crate::cli::client::{Client, Failure};
use crate::cli::printer::Style;
use crate::cli::run::{follow, json_run};
use crate::cli::{AdminArgs, exit, out, plan};

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

/// What comes before it runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// A question, where somebody should see it first.
    Ask,
    /// Nothing.
    Run,
    /// It is shown, and does not run.
    Show,
}

pub(super) async fn rerun(
    client: &Client,
    mut request: v1::RerunRequest,
    way: Way,
    detach: bool,
    admin: &AdminArgs,
) -> Result<u8, Failure> {
    let asked = request.clone();
    let plan = || client.call(|mut api| async move { api.plan_rerun(asked).await });
    match way {
        Way::Run => YES.clone_into(&mut request.seen),
        Way::Ask => request.seen = plan::seen(&plan().await?)?.unwrap_or_default(),
        Way::Show => {
            plan::show(&plan().await?, admin.json)?;
            return Ok(exit::OK);
        }
    }
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
    let style = Style {
        json: admin.json,
        raw: false,
        colours: true,
    };
    follow(client, number, style).await
}
