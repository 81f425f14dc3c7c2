//! What follows from a record once it is written: said here for every kind, done by the hub.

use crate::hold::Hold;
use crate::ids::{AgentId, RunId};

use super::record::Kind;
use super::state::State;

/// What follows from a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing but that the state says it.
    Nothing,
    /// A run gets its place in chat.
    Publish(RunId),
    /// A run begins.
    Begin(RunId),
    /// An order may go to a host that was waited for.
    Order {
        /// The run.
        run: RunId,
        /// The host.
        agent: AgentId,
    },
    /// A run rests, or goes on.
    Steered(RunId),
    /// An execution has an end that stands.
    Settled {
        /// The run.
        run: RunId,
        /// The host.
        agent: AgentId,
    },
    /// What waits for this host may start; nothing means any host.
    Freed(Option<AgentId>),
    /// What a host holds of runs that are not known here is given up.
    LetGo(AgentId),
    /// A host may not come back.
    Removed(AgentId),
}

impl Kind {
    /// What follows from it where everything stood like this before.
    #[must_use]
    pub fn consequence(&self, before: &State) -> Consequence {
        match self {
            Self::Accepted(spec) => Consequence::Publish(spec.id),
            // A run that was given up meanwhile does not begin any more.
            Self::Go(run) if before.is_accepted(*run) => Consequence::Begin(*run),
            Self::Sent { run, agent } => Consequence::Order {
                run: *run,
                agent: *agent,
            },
            Self::Paused { run } | Self::Continued { run, .. } => Consequence::Steered(*run),
            Self::Finished { run, agent, .. } => Consequence::Settled {
                run: *run,
                agent: *agent,
            },
            Self::Hold(Hold::Off) if before.hold.is_some() => Consequence::Freed(None),
            Self::HostChanged { agent, change } => change.consequence(*agent),
            Self::TokenCreated { .. }
            | Self::TokenRevoked { .. }
            | Self::Enrolled(_)
            | Self::Denied(_)
            | Self::GrantsLoaded(_)
            | Self::Go(_)
            | Self::Expired { .. }
            | Self::CancelRequested { .. }
            | Self::Started { .. }
            | Self::Closed(_)
            | Self::Proposed(_)
            | Self::GroupSaved { .. }
            | Self::GroupRemoved { .. }
            | Self::Hold(_)
            | Self::PolicyChanged { .. }
            | Self::VersionChanged(_)
            | Self::AuthorityChanged(_)
            | Self::Checkpoint(_)
            | Self::Unknown => Consequence::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{HostChange, Record};
    use crate::principal::Actor;
    use crate::run::Spec;

    fn check(before: &[Kind], kind: &Kind, expected: Consequence) {
        let mut state = State::default();
        for kind in before {
            state.apply(&Record {
                at_ms: 1,
                actor: Actor::Controller,
                kind: kind.clone(),
            });
        }
        assert_eq!(kind.consequence(&state), expected, "{before:?} {kind:?}");
    }

    #[test]
    fn a_run_begins_once_and_not_when_it_was_given_up() {
        let run = RunId::from_bytes([7; 16]);
        let accepted = Kind::Accepted(Spec {
            id: run,
            ..Spec::example(Vec::new())
        });
        let expired = Kind::Expired {
            run,
            reason: "late".into(),
        };
        let go = Kind::Go(run);
        check(&[], &accepted, Consequence::Publish(run));
        check(&[], &go, Consequence::Nothing);
        check(
            std::slice::from_ref(&accepted),
            &go,
            Consequence::Begin(run),
        );
        check(&[accepted.clone(), go.clone()], &go, Consequence::Nothing);
        check(&[accepted, expired], &go, Consequence::Nothing);
    }

    #[test]
    fn what_waits_is_freed_by_the_end_of_what_kept_it() {
        let agent = AgentId::from_bytes([1; 16]);
        let on = Kind::Hold(Hold::on("db move"));
        let off = Kind::Hold(Hold::Off);
        let drained = |on| HostChange::Drained { on }.of(agent);
        check(&[], &off, Consequence::Nothing);
        check(std::slice::from_ref(&on), &on, Consequence::Nothing);
        check(&[on], &off, Consequence::Freed(None));
        check(&[], &drained(true), Consequence::Nothing);
        check(&[], &drained(false), Consequence::Freed(Some(agent)));
        let removed = HostChange::Revoked.of(agent);
        check(&[], &removed, Consequence::Removed(agent));
    }
}
