//! The one function that every entry point asks: may this happen, and what exactly would happen?
//!
//! Authenticate, parse, resolve the selector to a frozen set, policy, limits: in this order, from memory. Whoever has no grant for what
//! is asked learns nothing else, no host's name and no error in a selector.

use crate::ask::{Answer, Ask};
use crate::hold::Hold;
use crate::ids::RunId;
use crate::journal::Kind;
use crate::limits;
use crate::principal::Asker;
use crate::refusal::{Code, Refusal};
use crate::run::Spec;

use caller::{authenticate, require};

pub use characters::plain_command;
pub use context::{Coming, Command, Context, Fresh, Identities, Settings, UnderWay};
pub use later::{NoStart, Proof, asked_by, may_start};
pub use look::look;
pub use rate::Rates;
pub(crate) use recall::recall;
pub(crate) use room::disk_full;
pub use run::{Caution, Plan};
pub(crate) use seen::preview;
pub(crate) use stop::not_found;
pub use upkeep::{Found, TOO_OLD, UPDATE_BATCH};

mod caller;
mod characters;
mod check;
mod context;
mod hold;
mod hosts;
mod inventory;
mod join;
mod later;
mod look;
mod rate;
mod recall;
mod release;
mod repeat;
mod rights;
mod rollout;
mod room;
mod run;
mod seen;
mod steer;
mod stop;
mod upkeep;

/// What may happen, and exactly what.
#[derive(Clone, Debug)]
pub enum Admitted {
    /// A run; it may have to be shown first.
    Run(Box<Plan>),
    /// A run that was shown.
    Confirmed(Box<Spec>),
    /// These runs are stopped.
    Cancel {
        /// None when there was nothing to stop.
        runs: Vec<RunId>,
        /// KILL at once.
        force: bool,
    },
    /// Something that is done when it is recorded.
    Change(Change),
    /// What was only looked for.
    Seen(Answer),
}

/// Something that is done when it is recorded, and then answered.
#[derive(Clone, Debug)]
pub struct Change {
    /// What is recorded, all or none; nothing when it is so already.
    pub kinds: Vec<Kind>,
    /// What is said then.
    pub answer: Answer,
}

impl Change {
    /// One record.
    fn one(kind: Kind, answer: Answer) -> Self {
        let kinds = vec![kind];
        Self { kinds, answer }
    }
}

/// Asks for anything.
///
/// # Errors
/// The refusal to show, which says what to do next.
pub fn admit(ctx: &Context<'_>, asker: &Asker, ask: &Ask) -> Result<Admitted, Refusal> {
    decide(ctx, asker, ask).map_err(|refusal| match ask {
        Ask::Steer { to, .. } => steer::in_its_words(*to, refusal),
        Ask::Hold(Hold::Off) => hold::ending_in_its_words(refusal),
        Ask::Run(_)
        | Ask::Again { .. }
        | Ask::Confirm { .. }
        | Ask::TakeBack { .. }
        | Ask::Cancel { .. }
        | Ask::Hold(Hold::On { .. })
        | Ask::Inventory(_)
        | Ask::RemoveHost { .. }
        | Ask::FreeName { .. }
        | Ask::CreateToken(_)
        | Ask::RevokeToken { .. }
        | Ask::Look(_) => refusal,
    })
}

fn decide(ctx: &Context<'_>, asker: &Asker, ask: &Ask) -> Result<Admitted, Refusal> {
    let caller = &authenticate(ctx, asker)?;
    require(ctx, caller, ask.right(|run| ctx.what_of(run)))?;
    is_new(ctx, asker, ask)?;
    if ask.starts_a_run() {
        rate::may_start_one_more(ctx, caller)?;
        rate::may_run_one_more(ctx, caller)?;
    }
    Ok(match ask {
        Ask::Run(request) => Admitted::Run(Box::new(run::admit(ctx, caller, request)?)),
        Ask::Again { run, part, seen } => {
            let plan = run::again(ctx, caller, *run, part, seen.as_deref())?;
            Admitted::Run(Box::new(plan))
        }
        Ask::Confirm { run, choice } => {
            Admitted::Confirmed(Box::new(run::confirm(ctx, caller, *run, *choice)?))
        }
        Ask::TakeBack { run } => Admitted::Change(run::take_back(ctx, caller, *run)?),
        Ask::Cancel { which, force } => Admitted::Cancel {
            runs: stop::admit(ctx, caller, *which)?,
            force: *force,
        },
        Ask::Steer { which, to } => Admitted::Change(steer::admit(ctx, caller, *which, *to)?),
        Ask::Hold(hold) => Admitted::Change(hold::admit(ctx, caller, hold)?),
        Ask::Inventory(ask) => Admitted::Change(inventory::admit(ctx, caller, ask)?),
        Ask::RemoveHost { name } => Admitted::Change(join::remove_host(ctx, name)?),
        Ask::FreeName { name } => Admitted::Change(join::free_name(ctx, name)?),
        Ask::CreateToken(token) => Admitted::Change(join::create_token(ctx, caller, token)?),
        Ask::RevokeToken { id } => Admitted::Change(join::revoke_token(ctx, caller, id)?),
        Ask::Look(question) => Admitted::Seen(look::answer(ctx, caller, question)?),
    })
}

/// Refuses an interaction that something was done for already, one that Discord repeats long after, and one that cannot be yet.
fn is_new(ctx: &Context<'_>, asker: &Asker, ask: &Ask) -> Result<(), Refusal> {
    let Asker::Discord { interaction, .. } = asker else {
        return Ok(());
    };
    // A clock from before Discord was there reaches nobody: no certificate is valid then.
    let ahead = asked_ms(*interaction) > ctx.now_ms.saturating_add(limits::AHEAD_MS);
    if ahead && ctx.now_ms >= DISCORD_EPOCH_MS {
        return Err(Refusal::new(
            Code::Stale,
            "By the clock of the controller's machine this was asked for in the future. Nothing was done.",
            "Whoever runs the controller can set that clock: it is behind Discord's.",
        ));
    }
    if ask.needs_fresh() && is_too_late(*interaction, ctx.now_ms) {
        return Err(Refusal::new(
            Code::Stale,
            "This reached the controller too late. Nothing was done.",
            "Ask again. If that does not help, the clock of the controller's machine is wrong.",
        ));
    }
    let taken = ctx.state.interactions.contains_key(interaction)
        || ctx.under_way.interactions.contains(interaction);
    if taken {
        return Err(Refusal::new(
            Code::Stale,
            "This was done already. Nothing was done twice.",
            "Its answer is where it was asked. Ask again if there is none.",
        ));
    }
    Ok(())
}

/// Discord's ids count from 2015-01-01T00:00:00Z.
const DISCORD_EPOCH_MS: u64 = 1_420_070_400_000;

/// Whether an interaction is too old to be done where nothing else proves that it is fresh.
pub(crate) const fn is_too_late(interaction: u64, now_ms: u64) -> bool {
    now_ms.saturating_sub(asked_ms(interaction)) > limits::REPEATED_MS
}

/// When an interaction was made, milliseconds since the Unix epoch.
const fn asked_ms(interaction: u64) -> u64 {
    (interaction >> 22).saturating_add(DISCORD_EPOCH_MS)
}

#[cfg(test)]
mod tests;
