//! Which past runs must be read again before something can be answered: those that it names, and those that a list goes through.

use crate::ask::{Ask, Question, RunRequest, Which};
use crate::ids::{RunId, RunNumber};
use crate::policy::Verb;
use crate::principal::Asker;

use super::Context;
use super::caller::{Caller, authenticate, require};
use super::hosts::covers_run;
use super::look::RUNS_LOOKED_AT_MAX;

/// Runs that one selector makes somebody read; more are to it as runs that do not exist.
const NAMED_MAX: usize = 16;

/// Runs of a list that are read before it is looked whether they were enough.
const BATCH_MAX: usize = 64;

impl Ask {
    /// Whether it may be about past runs: only then [`crate::hub::Known::recall`] need be asked.
    #[must_use]
    pub fn is_about_runs(&self) -> bool {
        match self {
            Self::Look(Question::Hosts { on } | Question::Complete { typed: on })
            | Self::Label { on, .. }
            | Self::Drain { on, .. }
            | Self::SaveGroup { on, .. }
            | Self::Run(RunRequest { on, .. }) => on.contains('#'),
            Self::Look(Question::Runs { .. } | Question::Run { .. })
            | Self::Confirm { .. }
            | Self::TakeBack { .. } => true,
            Self::Cancel { which, .. } => *which != Which::All,
            Self::Hold { .. }
            | Self::RemoveGroup { .. }
            | Self::RemoveHost { .. }
            | Self::CreateToken(_)
            | Self::RevokeToken { .. }
            | Self::Look(Question::Groups | Question::Tokens) => false,
        }
    }
}

/// The past runs to read next; none when all that is asked about is at hand, and none for whoever may not ask.
pub(crate) fn recall(ctx: &Context<'_>, asker: &Asker, ask: &Ask) -> Vec<RunNumber> {
    // Whoever completes a selector may do so without the right to see: see [`super::look`].
    let completes = matches!(ask, Ask::Look(Question::Complete { .. }));
    let caller = authenticate(ctx, asker).and_then(|caller| match completes {
        true => Ok(caller),
        false => require(ctx, &caller, ask.right()).map(|()| caller),
    });
    let Ok(caller) = caller else {
        return Vec::new();
    };
    match ask {
        Ask::Look(Question::Runs { limit }) => of_list(ctx, &caller, *limit),
        Ask::Look(Question::Run { number }) => of_numbers(ctx, [*number]),
        Ask::Look(Question::Hosts { on } | Question::Complete { typed: on })
        | Ask::Label { on, .. }
        | Ask::Drain { on, .. }
        | Ask::SaveGroup { on, .. } => of_numbers(ctx, named(on)),
        Ask::Run(request) => of_numbers(ctx, named(&request.on)),
        Ask::Cancel { which, .. } => match which {
            Which::Id(id) => of_id(ctx, *id),
            Which::Number(number) => of_numbers(ctx, [*number]),
            Which::All => Vec::new(),
        },
        Ask::Confirm { run, .. } | Ask::TakeBack { run } => of_id(ctx, *run),
        Ask::Hold { .. }
        | Ask::RemoveGroup { .. }
        | Ask::RemoveHost { .. }
        | Ask::CreateToken(_)
        | Ask::RevokeToken { .. }
        | Ask::Look(Question::Groups | Question::Tokens) => Vec::new(),
    }
}

fn of_id(ctx: &Context<'_>, id: RunId) -> Vec<RunNumber> {
    of_numbers(ctx, ctx.state.runs.number_of(id))
}

fn of_numbers(ctx: &Context<'_>, numbers: impl IntoIterator<Item = RunNumber>) -> Vec<RunNumber> {
    let mut unread: Vec<RunNumber> = numbers
        .into_iter()
        .filter(|number| is_unread(ctx, *number))
        .collect();
    unread.sort_unstable();
    unread.dedup();
    unread.truncate(NAMED_MAX);
    unread
}

fn is_unread(ctx: &Context<'_>, number: RunNumber) -> bool {
    ctx.state.runs.past().numbered(number).is_some() && !ctx.recalled.was_read(number)
}

/// Numbers after `#`, also in a selector that is not typed to its end.
fn named(on: &str) -> impl Iterator<Item = RunNumber> {
    let after = on.split('#').skip(1);
    let digits = after.map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
    });
    digits.filter_map(|digits| digits.parse().ok())
}

/// The next ones of a list that is not full yet.
fn of_list(ctx: &Context<'_>, caller: &Caller<'_>, limit: usize) -> Vec<RunNumber> {
    let mut unread = Vec::new();
    let mut seen = 0;
    for number in ctx.newest_numbers().take(RUNS_LOOKED_AT_MAX) {
        if seen + unread.len() >= limit || unread.len() >= BATCH_MAX {
            break;
        }
        if is_unread(ctx, number) {
            unread.push(number);
        } else if let Some(run) = ctx.run_numbered(number) {
            let may = covers_run(ctx, caller, Verb::View, &run.spec.targets);
            seen += usize::from(may.is_ok());
        }
    }
    unread
}
