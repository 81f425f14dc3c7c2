//! One record: what was decided or done, when, and by whom.

use crate::authority::AuthorityChange;
use crate::hold::Hold;
use crate::ids::{AgentId, HostName, Labels, RunId, RunNumber};
use crate::policy::GrantSpec;
use crate::principal::Actor;
use crate::run::{Outcome, Spec};

use super::host::HostChange;
use super::past::PastRun;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it was decided, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Who did it.
    pub actor: Actor,
    /// What.
    pub kind: Kind,
}

impl Record {
    /// The interaction for which it does something: it is not done again, though Discord may repeat the interaction after a lost
    /// connection.
    #[must_use]
    pub const fn spends(&self) -> Option<u64> {
        match &self.kind {
            Kind::Accepted(_)
            | Kind::HostChanged { .. }
            | Kind::Hold(_)
            | Kind::Paused { .. }
            | Kind::Continued { .. }
            | Kind::GroupSaved { .. }
            | Kind::GroupRemoved { .. }
            | Kind::CancelRequested { .. }
            | Kind::TokenCreated { .. }
            | Kind::TokenRevoked { .. } => match self.actor.place() {
                Some(place) => Some(place.interaction),
                None => None,
            },
            Kind::Enrolled(_)
            | Kind::Denied(_)
            | Kind::GrantsLoaded(_)
            | Kind::Go(_)
            | Kind::Expired { .. }
            | Kind::Started { .. }
            | Kind::Finished { .. }
            | Kind::Sent { .. }
            | Kind::Closed(_)
            | Kind::Proposed(_)
            | Kind::PolicyChanged { .. }
            | Kind::VersionChanged(_)
            | Kind::AuthorityChanged(_)
            | Kind::Checkpoint(_)
            | Kind::Unknown => None,
        }
    }

    /// The run that it is about.
    #[must_use]
    pub const fn run(&self) -> Option<RunId> {
        match &self.kind {
            Kind::Accepted(spec) => Some(spec.id),
            Kind::Proposed(proposal) => Some(proposal.spec.id),
            Kind::Go(run)
            | Kind::Closed(run)
            | Kind::Expired { run, .. }
            | Kind::CancelRequested { run, .. }
            | Kind::Sent { run, .. }
            | Kind::Paused { run }
            | Kind::Continued { run, .. }
            | Kind::Started { run, .. }
            | Kind::Finished { run, .. } => Some(*run),
            Kind::TokenCreated { .. }
            | Kind::TokenRevoked { .. }
            | Kind::Enrolled(_)
            | Kind::HostChanged { .. }
            | Kind::Denied(_)
            | Kind::GrantsLoaded(_)
            | Kind::GroupSaved { .. }
            | Kind::GroupRemoved { .. }
            | Kind::Hold(_)
            | Kind::PolicyChanged { .. }
            | Kind::VersionChanged(_)
            | Kind::AuthorityChanged(_)
            | Kind::Checkpoint(_)
            | Kind::Unknown => None,
        }
    }
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A join token exists.
    TokenCreated {
        /// Its public half.
        token: String,
        /// SHA-256 of its secret half.
        secret_sha256: [u8; 32],
        /// Given to every host that joins with it.
        labels: Labels,
        /// The names that hosts may join under with it, as a selector of names; empty means any.
        names: String,
        /// How many hosts may join with it.
        uses_max: u32,
        /// Until when, milliseconds since the Unix epoch.
        expires_ms: u64,
    },
    /// A join token is void.
    TokenRevoked {
        /// Its public half.
        token: String,
    },
    /// A host joined.
    Enrolled(Enrolment),
    /// Something of a host changed.
    HostChanged {
        /// The host.
        agent: AgentId,
        /// What.
        change: HostChange,
    },
    /// A run was accepted; nothing runs before `Go`.
    Accepted(Spec),
    /// Something was refused.
    Denied(Denied),
    /// The run may start.
    Go(RunId),
    /// The run was given up before `Go`.
    Expired {
        /// The run.
        run: RunId,
        /// Why, for people.
        reason: String,
    },
    /// Somebody asked to stop a run.
    CancelRequested {
        /// The run.
        run: RunId,
        /// KILL at once.
        force: bool,
    },
    /// A host confirmed an execution.
    Started {
        /// The run.
        run: RunId,
        /// The host.
        agent: AgentId,
    },
    /// An execution ended. A later record of the same execution stands: what was unknown can become known.
    Finished {
        /// The run.
        run: RunId,
        /// The host.
        agent: AgentId,
        /// How.
        outcome: Outcome,
    },
    /// A run starts on no further host until somebody says that it goes on.
    Paused {
        /// The run.
        run: RunId,
    },
    /// A run goes on.
    Continued {
        /// The run.
        run: RunId,
        /// Waves that were over when somebody said so.
        waves: usize,
    },
    /// The order of a run goes to a host that was waited for, or whose turn has come.
    Sent {
        /// The run.
        run: RunId,
        /// The host.
        agent: AgentId,
    },
    /// Every execution of a run has ended.
    Closed(RunId),
    /// Somebody was shown exactly what would run, and on which hosts.
    Proposed(Proposal),
    /// A selector has this name from now on.
    GroupSaved {
        /// The name, without `@`.
        name: String,
        /// The selector in normal form. One that this version cannot parse is kept and stands for nothing.
        selector: String,
    },
    /// A saved group is gone.
    GroupRemoved {
        /// Its name, without `@`.
        name: String,
    },
    /// New runs are refused, or allowed again.
    Hold(Hold),
    /// All grants that hold from now on, in the order of the configuration.
    GrantsLoaded(Vec<GrantSpec>),
    /// The controller took a changed configuration.
    PolicyChanged {
        /// What changed, for people: a line each.
        changes: Vec<String>,
    },
    /// Another version of the controller than before decides from now on.
    VersionChanged(VersionChange),
    /// Something of the authority changed.
    AuthorityChanged(AuthorityChange),
    /// What no other record of a checkpoint says: see [`super::State::checkpoint`].
    Checkpoint(Checkpoint),
    /// A kind of a newer program: kept and skipped.
    Unknown,
}

impl Record {
    /// True for what the next process must know: tried again when it could not be written. That a run rests after a wave is nobody's ask.
    #[must_use]
    pub fn must_be_written(&self) -> bool {
        let own = self.actor == Actor::Controller;
        self.kind.must_be_written() || own && matches!(self.kind, Kind::Paused { .. })
    }
}

impl Kind {
    /// True for ends and orders: without them the next process would not know what happened, so what could not be written is tried again.
    #[must_use]
    const fn must_be_written(&self) -> bool {
        matches!(
            self,
            Self::Sent { .. } | Self::Finished { .. } | Self::Closed(_)
        )
    }
}

/// Another version of the controller than before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionChange {
    /// Which one it is.
    pub version: String,
    /// Which one it was.
    pub was: String,
    /// Where the backup is that was made before; empty where none was needed.
    pub backup: String,
}

/// Something that was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denied {
    /// For what.
    pub verb: String,
    /// The refusal's code.
    pub code: String,
    /// The refusal's first sentence.
    pub text: String,
    /// What was asked for, in words; empty where only the number is known, and in older records.
    pub asked: String,
    /// How often: a record may stand for several refusals.
    pub times: u64,
}

impl Denied {
    /// How grave it is that somebody tried it: what is worse is greater. By the right that it takes, so that nobody has to know commands.
    #[must_use]
    pub fn gravity(&self) -> u8 {
        match self.verb.as_str() {
            "ask" => 0,
            "view" => 1,
            "cancel" => 2,
            "run" => 3,
            "hold" => 4,
            "manage" | "update" => 5,
            // Operators', and of another version: rather too much.
            _ => 6,
        }
    }
}

/// What a state holds that no other record says. It stands in checkpoints only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Runs up to this number are counted.
    pub newest: RunNumber,
    /// Runs that are past.
    pub past: Vec<PastRun>,
    /// Interactions that something was done for, with when.
    pub interactions: Vec<(u64, u64)>,
}

/// A run that waits for a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Exactly what was shown.
    pub spec: Spec,
    /// Whose word it waits for.
    pub needs: Needs,
    /// Until when, milliseconds since the Unix epoch.
    pub until_ms: u64,
}

/// Whose word a proposal waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// That of who asked: a preview.
    OwnWord,
}

/// A host's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Its id.
    pub agent: AgentId,
    /// Its name, unique among hosts that are not revoked.
    pub name: HostName,
    /// From the token.
    pub labels: Labels,
    /// The token's public half.
    pub token: String,
    /// SHA-256 of the agent's public key: the same request again gets the same identity.
    pub key_sha256: [u8; 32],
    /// DER of the leaf that it got.
    pub leaf: Vec<u8>,
}
