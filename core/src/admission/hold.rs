//! Asking that no run starts for a while: who begins it says why, and whoever is refused is told by whom, since when and why.

use crate::ask::Answer;
use crate::hold::{Held, Hold, HoldAnswer, REASON_CHARS_MAX};
use crate::journal::Kind;
use crate::policy::Verb;
use crate::refusal::{Code, Refusal};

use super::caller::{Caller, who_may};
use super::{Change, Context};

/// Begins a hold, says it anew for another reason, or ends it.
pub(super) fn admit(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    hold: &Hold,
) -> Result<Change, Refusal> {
    let (kind, answer) = match hold {
        Hold::On { reason } => {
            let reason = checked(caller, reason)?;
            let held = Held {
                by: Some(caller.principal()),
                since_ms: ctx.now_ms,
                reason: reason.clone(),
            };
            (Hold::On { reason }, HoldAnswer::Began(held))
        }
        // It is recorded all the same: one that begins may be on its way to the journal.
        Hold::Off if ctx.state.hold.is_none() => (Hold::Off, HoldAnswer::Stands(None)),
        Hold::Off => (Hold::Off, HoldAnswer::Ended),
    };
    Ok(Change::one(Kind::Hold(kind), Answer::Hold(answer)))
}

/// One right begins holds and ends them: who lacks it is told what they asked for.
pub(super) fn ending_in_its_words(refusal: Refusal) -> Refusal {
    if refusal.code != Code::Denied {
        return refusal;
    }
    let what = refusal.what.replace(Verb::Hold.deed(), "end a hold");
    Refusal { what, ..refusal }
}

/// A reason on one line; none is refused, since whoever is refused by the hold asks for it.
fn checked(caller: &Caller<'_>, reason: &str) -> Result<String, Refusal> {
    let seen = |word: &&str| word.chars().any(|c| !is_unseen(c));
    let words: Vec<&str> = reason.split_whitespace().filter(seen).collect();
    let reason = words.join(" ");
    let typed = match caller {
        Caller::Socket { .. } => "`shanty hold on \"db move\"`",
        Caller::Person { .. } => "`/hold on reason:db move`",
    };
    let chars = reason.chars().count();
    let what = match chars {
        0 => "A hold needs a reason. Nothing was changed.".to_owned(),
        1..=REASON_CHARS_MAX => return Ok(reason),
        _ => format!(
            "The reason has {chars} characters, and {REASON_CHARS_MAX} is the limit. Nothing was changed."
        ),
    };
    let next = format!("Say it in a few words, for example {typed}.");
    Err(Refusal::new(Code::BadOption, what, next))
}

fn is_unseen(c: char) -> bool {
    c.is_control() || crate::output::sanitise::is_hidden(c)
}

/// Refuses a run while new ones are on hold.
pub(super) fn not_on_hold(ctx: &Context<'_>, caller: &Caller<'_>) -> Result<(), Refusal> {
    let Some(held) = &ctx.state.hold else {
        return Ok(());
    };
    let (how, next) = match caller {
        Caller::Socket { .. } => (
            held.in_terminal(ctx.now_ms),
            "`shanty hold off` ends it.".to_owned(),
        ),
        Caller::Person { who, .. } => {
            let next = match who_may(ctx, who.channel, Verb::Hold, &[]) {
                Some(names) => format!("{names} can end it with `/hold off`."),
                None => "`shanty hold off` on the controller's machine ends it.".to_owned(),
            };
            (held.in_chat(ctx.now_ms), next)
        }
    };
    let what = format!("{how} Nothing was run.");
    Err(Refusal::new(Code::Hold, what, next))
}
