//! The one function that every entry point asks: may this happen, and what exactly would happen?
//!
//! Authenticate, parse, resolve the selector to a frozen set, policy, limits: in this order, from memory. Whoever has no grant for what
//! is asked learns nothing else, no host's name and no error in a selector.

use crate::ask::{Ask, SavedGroup, TokenRequest};
use crate::ids::{AgentId, HostName, Labels, RunId};
use crate::limits;
use crate::principal::Asker;
use crate::refusal::{Code, Refusal};
use crate::run::Spec;

use caller::{authenticate, require};

pub use context::{Context, Fresh, Settings, UnderWay};
pub use hosts::still_covers;
pub use inventory::LabelChange;
pub use look::{complete, groups, hosts_view, run, runs, tokens};
pub use run::{Caution, Plan};
pub(crate) use stop::not_found;

mod caller;
mod check;
mod context;
mod hosts;
mod inventory;
mod look;
mod run;
mod stop;

/// What may happen, and exactly what.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// Something that is done when it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A run that was shown will not run.
    TakeBack(RunId),
    /// New runs are refused, or allowed again.
    Hold {
        /// Refused.
        on: bool,
    },
    /// Hosts get other labels.
    Label(Vec<Relabelled>),
    /// Hosts take no new runs, or take them again. Only those for which that is new.
    Drain {
        /// The hosts.
        hosts: Vec<(AgentId, HostName)>,
        /// None.
        drain: bool,
    },
    /// A selector gets a name.
    SaveGroup(SavedGroup),
    /// A group goes: its name, without `@`.
    RemoveGroup(String),
    /// A host goes for good.
    RemoveHost(AgentId, HostName),
    /// A join token comes to be, until then, milliseconds since the Unix epoch.
    CreateToken(TokenRequest, u64),
    /// A join token is void.
    RevokeToken(String),
}

/// A host that gets other labels: all of them.
pub type Relabelled = (AgentId, HostName, Labels);

/// Asks for something that changes something.
///
/// # Errors
/// The refusal to show, which says what to do next. Questions are refused: they are answered, not admitted.
pub fn admit(ctx: &Context<'_>, asker: &Asker, ask: &Ask) -> Result<Admitted, Refusal> {
    let caller = &authenticate(ctx, asker)?;
    require(ctx, caller, ask.right())?;
    is_new(ctx, asker, ask)?;
    let change = match ask {
        Ask::Run(request) => {
            let plan = run::admit(ctx, caller, request)?;
            return Ok(Admitted::Run(Box::new(plan)));
        }
        Ask::Confirm { run, choice } => {
            let spec = run::confirm(ctx, caller, *run, *choice)?;
            return Ok(Admitted::Confirmed(Box::new(spec)));
        }
        Ask::Cancel { which, force } => {
            let (runs, force) = (stop::admit(ctx, caller, *which)?, *force);
            return Ok(Admitted::Cancel { runs, force });
        }
        Ask::TakeBack { run } => Change::TakeBack(run::take_back(ctx, caller, *run)?),
        Ask::Hold { on } => Change::Hold { on: *on },
        Ask::Label { on, changes } => {
            let change = LabelChange::parse(changes)?;
            Change::Label(inventory::labels(ctx, caller, on, &change)?)
        }
        Ask::Drain { on, drain } => {
            let (hosts, drain) = (inventory::drain(ctx, caller, on, *drain)?, *drain);
            Change::Drain { hosts, drain }
        }
        Ask::SaveGroup { name, on } => {
            Change::SaveGroup(inventory::save_group(ctx, caller, name, on)?)
        }
        Ask::RemoveGroup { name } => {
            Change::RemoveGroup(inventory::remove_group(ctx, caller, name)?)
        }
        Ask::RemoveHost { name } => {
            let (agent, name) = inventory::remove_host(ctx, name)?;
            Change::RemoveHost(agent, name)
        }
        Ask::CreateToken(token) => {
            let expires_ms = inventory::create_token(ctx, token)?;
            Change::CreateToken(token.clone(), expires_ms)
        }
        Ask::RevokeToken { id } => Change::RevokeToken(inventory::revoke_token(ctx, id)?),
        Ask::Hosts { .. }
        | Ask::Complete { .. }
        | Ask::Runs { .. }
        | Ask::Show { .. }
        | Ask::Groups
        | Ask::Tokens => {
            let what = "This is a question, and changes nothing.";
            return Err(Refusal::new(Code::Unsupported, what, ""));
        }
    };
    Ok(Admitted::Change(change))
}

/// Refuses an interaction that something was done for already, and one that Discord repeats long after.
fn is_new(ctx: &Context<'_>, asker: &Asker, ask: &Ask) -> Result<(), Refusal> {
    let Asker::Discord { interaction, .. } = asker else {
        return Ok(());
    };
    let old = ctx.now_ms.saturating_sub(asked_ms(*interaction)) > limits::REPEATED_MS;
    if old && ask.needs_fresh() {
        return Err(Refusal::new(
            Code::Stale,
            "This was asked too long ago. Nothing was done.",
            "Ask again; if that does not help, compare the controller's clock with the time.",
        ));
    }
    let taken = ctx.state.interactions.contains_key(interaction)
        || ctx.under_way.interactions.contains(interaction);
    if taken {
        return Err(Refusal::new(
            Code::Stale,
            "This interaction was taken already. Nothing was done twice.",
            "Its answer is where it was asked; ask anew if there is none.",
        ));
    }
    Ok(())
}

/// When an interaction was made, milliseconds since the Unix epoch: Discord's ids count from 2015-01-01T00:00:00Z.
const fn asked_ms(interaction: u64) -> u64 {
    const DISCORD_EPOCH_MS: u64 = 1_420_070_400_000;
    (interaction >> 22).saturating_add(DISCORD_EPOCH_MS)
}

#[cfg(test)]
mod tests;
