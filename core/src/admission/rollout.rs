//! What is typed of a run's way through its hosts.

use crate::ask::{RunOption, Typed};
use crate::refusal::{Code, Refusal};
use crate::run::{BadRollout, Rollout};
use crate::text::count;

use super::caller::Caller;

/// The way through the hosts; nothing when all may start at once.
pub(super) fn rollout(caller: &Caller<'_>, typed: &Typed) -> Result<Option<Rollout>, Refusal> {
    let [batch, parallel, max_fail, pause] = [
        RunOption::Batch,
        RunOption::Parallel,
        RunOption::MaxFail,
        RunOption::Pause,
    ]
    .map(|option| typed.get(option));
    Rollout::parse(batch, parallel, max_fail, pause).map_err(|bad| {
        let next = match bad {
            BadRollout::MaxFailAtOnce | BadRollout::PauseWithoutWaves => {
                let batch = caller.typed(RunOption::Batch, "1,10%,100%");
                format!("Add waves, such as {batch}, or leave it out.")
            }
            BadRollout::NobodyAtOnce => {
                let parallel = caller.typed(RunOption::Parallel, "20");
                format!("Write a number of hosts, such as {parallel}.")
            }
            BadRollout::NoPause(_) => {
                let [first, every] =
                    ["first", "every"].map(|when| caller.typed(RunOption::Pause, when));
                format!("Write {first} or {every}.")
            }
            BadRollout::NoAmount(_)
            | BadRollout::Empty
            | BadRollout::NoHosts(_)
            | BadRollout::OverAll(_)
            | BadRollout::TooMany => {
                let [batch, parallel, max_fail] = [
                    (RunOption::Batch, "1,10%,100%"),
                    (RunOption::Parallel, "20"),
                    (RunOption::MaxFail, "2%"),
                ]
                .map(|(option, value)| caller.typed(option, value));
                format!("Write numbers of hosts, or parts of all from 1% to 100%: {batch}, {parallel}, {max_fail}.")
            }
        };
        Refusal::new(Code::BadOption, format!("{} Nothing was run.", sentence(&bad)), next)
    })
}

/// Refuses a wave of more hosts than there are, where it was typed for these: somebody thought of others.
pub(super) fn fits(rollout: Option<&Rollout>, hosts: usize) -> Result<(), Refusal> {
    let Some(over) = rollout.and_then(|rollout| rollout.over(hosts)) else {
        return Ok(());
    };
    let there_are = match hosts {
        1 => "this is 1 host".to_owned(),
        n => format!("these are {}", count(n, "host")),
    };
    Err(Refusal::new(
        Code::BadOption,
        format!("A wave of {over} is more than there are: {there_are}. Nothing was run."),
        "Write a smaller wave, or `100%` for all that are left.",
    ))
}

fn sentence(bad: &BadRollout) -> String {
    crate::text::sentence(&bad.to_string())
}
