//! Which past runs must be read again before something can be answered: those that it names, and those that a list goes through.

use std::collections::BTreeSet;

use crate::ask::{Ask, One, Question, RunRequest, Which};
use crate::ids::{RunId, RunNumber};
use crate::policy::Verb;
use crate::principal::Asker;
use crate::refusal::{Code, Refusal};

use super::Context;
use super::caller::{Caller, authenticate, require};
use super::hosts::covers_run;
use super::look::RUNS_LOOKED_AT_MAX;

/// Past runs that one selector may name: each is read again, with all its hosts.
const NAMED_MAX: usize = 16;

/// Past runs that one list goes through: each is read with all its hosts, and they may have thousands.
const LISTED_MAX: usize = 64;

impl Ask {
    /// Whether it may be about past runs, or about what is kept: only then [`crate::hub::Known::recall`] and [`crate::hub::Known::given`] need
    /// be asked.
    #[must_use]
    pub fn is_about_runs(&self) -> bool {
        match self {
            Self::Look(Question::Hosts { on } | Question::Complete { typed: on }) => {
                on.contains(['#', '@'])
            }
            // What was kept for it may be gone.
            Self::Run(RunRequest {
                on, like, input, ..
            })
            | Self::Look(Question::Plan(RunRequest {
                on, like, input, ..
            })) => like.is_some() || input.is_some() || on.contains(['#', '@']),
            Self::Inventory(ask) => ask.names().contains(['#', '@']),
            Self::Look(Question::History { wanted }) => {
                wanted.on.iter().any(|on| on.contains(['#', '@']))
            }
            Self::Look(
                Question::Runs { .. }
                | Question::Run { .. }
                | Question::RunOf { .. }
                | Question::Edit { .. }
                | Question::PlanAgain { .. },
            )
            | Self::Again { .. }
            | Self::Confirm { .. }
            | Self::TakeBack { .. }
            | Self::Steer { .. } => true,
            Self::Cancel { which, .. } => *which != Which::All,
            Self::Hold(_)
            | Self::RemoveHost { .. }
            | Self::FreeName { .. }
            | Self::CreateToken(_)
            | Self::RevokeToken { .. }
            | Self::Look(
                Question::Groups
                | Question::Hold
                | Question::Tokens
                | Question::Commands
                | Question::Versions
                | Question::Help(_)
                | Question::Whoami
                | Question::Welcome,
            ) => false,
        }
    }
}

/// The past runs to read next; none when all that is asked about is at hand, and none for whoever may not ask.
///
/// # Errors
/// The refusal to show when it names more of them than may be read.
pub(crate) fn recall(
    ctx: &Context<'_>,
    asker: &Asker,
    ask: &Ask,
) -> Result<Vec<RunNumber>, Refusal> {
    // Whoever completes a selector may do so without the right to see: see [`super::look`].
    let completes = matches!(ask, Ask::Look(Question::Complete { .. }));
    let caller = authenticate(ctx, asker).and_then(|caller| match completes {
        true => Ok(caller),
        false => require(ctx, &caller, ask.right(|run| ctx.what_of(run))).map(|()| caller),
    });
    let Ok(caller) = caller else {
        return Ok(Vec::new());
    };
    let numbers = match ask {
        Ask::Look(Question::Runs { limit }) => of_list(ctx, &caller, *limit),
        Ask::Look(Question::Run { number }) => of_numbers(ctx, [*number]),
        Ask::Look(Question::RunOf { id } | Question::Edit { id }) => of_id(ctx, *id),
        Ask::Look(Question::Complete { typed }) => some_of(ctx, typed),
        Ask::Look(Question::Groups) => {
            let groups = ctx.state.groups.keys();
            some_of(
                ctx,
                &groups.map(|name| format!("@{name} ")).collect::<String>(),
            )
        }
        Ask::Look(Question::Hosts { on }) => of_selector(ctx, on)?,
        Ask::Run(RunRequest { on, like, .. })
        | Ask::Look(Question::Plan(RunRequest { on, like, .. })) => {
            let mut past = of_selector(ctx, on)?;
            past.extend(like.iter().flat_map(|id| of_id(ctx, *id)));
            past
        }
        Ask::Look(Question::History { wanted }) => {
            of_selector(ctx, wanted.on.as_deref().unwrap_or_default())?
        }
        Ask::Inventory(ask) => of_selector(ctx, &ask.names())?,
        Ask::Cancel { which, .. } => match which {
            Which::Id(id) => of_id(ctx, *id),
            Which::Number(number) => of_numbers(ctx, [*number]),
            Which::All => Vec::new(),
        },
        Ask::Steer { which, .. } => match which {
            One::Id(id) => of_id(ctx, *id),
            One::Number(number) => of_numbers(ctx, [*number]),
        },
        Ask::Again { run, .. }
        | Ask::Confirm { run, .. }
        | Ask::TakeBack { run }
        | Ask::Look(Question::PlanAgain { run, .. }) => of_id(ctx, *run),
        Ask::Hold(_)
        | Ask::RemoveHost { .. }
        | Ask::FreeName { .. }
        | Ask::CreateToken(_)
        | Ask::RevokeToken { .. }
        | Ask::Look(
            Question::Hold
            | Question::Tokens
            | Question::Commands
            | Question::Versions
            | Question::Help(_)
            | Question::Whoami
            | Question::Welcome,
        ) => Vec::new(),
    };
    Ok(numbers)
}

/// For whoever is not refused: the first ones.
fn some_of(ctx: &Context<'_>, text: &str) -> Vec<RunNumber> {
    of_numbers(ctx, past_named(ctx, text).take(NAMED_MAX))
}

fn of_selector(ctx: &Context<'_>, on: &str) -> Result<Vec<RunNumber>, Refusal> {
    let past: Vec<RunNumber> = past_named(ctx, on).collect();
    if past.len() > NAMED_MAX {
        return Err(too_many(past.len()));
    }
    Ok(of_numbers(ctx, past))
}

fn too_many(past: usize) -> Refusal {
    Refusal::new(
        Code::Selector,
        format!(
            "The selector names {past} runs of long ago, and {NAMED_MAX} is the limit. Nothing was done."
        ),
        "Name fewer of them at once, or name the hosts.",
    )
}

fn of_id(ctx: &Context<'_>, id: RunId) -> Vec<RunNumber> {
    of_numbers(ctx, ctx.state.runs.number_of(id))
}

fn of_numbers(ctx: &Context<'_>, numbers: impl IntoIterator<Item = RunNumber>) -> Vec<RunNumber> {
    let numbers = numbers.into_iter();
    numbers.filter(|number| is_unread(ctx, *number)).collect()
}

fn is_unread(ctx: &Context<'_>, number: RunNumber) -> bool {
    is_past(ctx, number) && ctx.recalled.numbered(number).is_none()
}

fn is_past(ctx: &Context<'_>, number: RunNumber) -> bool {
    ctx.state.runs.past().numbered(number).is_some()
}

fn past_named<'a>(ctx: &'a Context<'_>, on: &str) -> impl Iterator<Item = RunNumber> + 'a {
    let named = runs_named(ctx, on).into_iter();
    named.filter(move |number| is_past(ctx, *number))
}

/// Runs that a selector names, also one that is not typed to its end, and those that the groups name which it names.
pub(super) fn runs_named(ctx: &Context<'_>, on: &str) -> BTreeSet<RunNumber> {
    let mut numbers = BTreeSet::new();
    let mut groups = BTreeSet::new();
    let mut open = vec![on.to_owned()];
    while let Some(text) = open.pop() {
        let digits = after(&text, '#', |c| c.is_ascii_digit());
        numbers.extend(digits.filter_map(|digits| digits.parse::<RunNumber>().ok()));
        for name in after(&text, '@', |c| {
            c.is_ascii_alphanumeric() || "._-".contains(c)
        }) {
            if let Some(group) = ctx.state.groups.get(name)
                && groups.insert(name.to_owned())
            {
                open.push(group.selector.to_string());
            }
        }
    }
    numbers
}

/// What stands after each of these signs, as long as it is made of such characters.
fn after(text: &str, sign: char, goes_on: impl Fn(char) -> bool) -> impl Iterator<Item = &str> {
    text.split(sign).skip(1).map(move |rest| {
        let end = rest.find(|c: char| !goes_on(c));
        rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
    })
}

/// The next ones of a list that is not full yet.
fn of_list(ctx: &Context<'_>, caller: &Caller<'_>, limit: usize) -> Vec<RunNumber> {
    let mut unread = Vec::new();
    let (mut seen, mut past) = (0, 0);
    for number in ctx.newest_numbers().take(RUNS_LOOKED_AT_MAX) {
        past += usize::from(is_past(ctx, number));
        if seen + unread.len() >= limit || past > LISTED_MAX {
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
