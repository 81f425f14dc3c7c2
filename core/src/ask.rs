//! What can be asked of the hub, and what it answers: one closed set for commands, buttons, menus, completion and the socket.
//!
//! Who may ask what is in [`crate::admission`]; nothing here decides.

use std::borrow::Cow;
use std::sync::Arc;

use crate::history::{Query, Wanted};
use crate::hold::{Held, Hold, HoldAnswer};
use crate::ids::{AgentId, HostName, Labels, RunId, RunNumber};
use crate::policy::Verb;
use crate::principal::Principal;
use crate::run::{Input, Run, What};
use crate::selector::complete::Choice;
use crate::view::{HostRow, Preview};

pub use again::Part;
pub use help::{ELSEWHERE_MAX, GivenBy, Rights, Topic, VerbRights};
pub use inventory::{InventoryAnswer, InventoryAsk, SavedGroup};
pub use typed::{RunOption, Typed, YES};

mod again;
mod help;
mod inventory;
mod masked;
mod typed;
mod words;

/// What somebody asks, as typed or pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Run a command.
    Run(RunRequest),
    /// Run what was run before, on all of its hosts or on some.
    Again {
        /// The run.
        run: RunId,
        /// Its hosts.
        part: Part,
        /// The word of whoever asks on the socket that it was seen, as with [`RunOption::Seen`].
        seen: Option<String>,
    },
    /// Confirm a run that was shown.
    Confirm {
        /// The id that it will have.
        run: RunId,
        /// How.
        choice: Confirm,
    },
    /// Take back a run that was shown.
    TakeBack {
        /// The id that it would have had.
        run: RunId,
    },
    /// Stop runs.
    Cancel {
        /// Which.
        which: Which,
        /// KILL at once.
        force: bool,
    },
    /// Let a run in waves rest, or go on.
    Steer {
        /// Which.
        which: One,
        /// To what.
        to: Steer,
    },
    /// Refuse new runs, or allow them again.
    Hold(Hold),
    /// Change what is known of hosts.
    Inventory(InventoryAsk),
    /// Remove a host for good.
    RemoveHost {
        /// Its name.
        name: String,
    },
    /// Let the name of a host that was removed be taken again.
    FreeName {
        /// The name.
        name: String,
    },
    /// Make a join token.
    CreateToken(TokenRequest),
    /// Void a join token.
    RevokeToken {
        /// Its public half.
        id: String,
    },
    /// See something.
    Look(Question),
}

/// What only looks: it is answered beside the hub, and nothing is recorded of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Hosts.
    Hosts {
        /// The selector; empty means all.
        on: String,
    },
    /// How a selector could go on.
    Complete {
        /// What is typed so far.
        typed: String,
    },
    /// The versions that agents can be updated to.
    Versions,
    /// The newest runs.
    Runs {
        /// So many at most.
        limit: usize,
    },
    /// One run.
    Run {
        /// Its number.
        number: RunNumber,
    },
    /// The run of a card.
    RunOf {
        /// Its id.
        id: RunId,
    },
    /// The run of a card, to run it otherwise.
    Edit {
        /// Its id.
        id: RunId,
    },
    /// What of the history somebody may look for.
    History {
        /// What they look for.
        wanted: Wanted,
    },
    /// What of the history may be offered to somebody who types a command.
    Commands,
    /// What a run would do, without running it.
    Plan(RunRequest),
    /// The same of what was run before.
    PlanAgain {
        /// The run.
        run: RunId,
        /// Its hosts.
        part: Part,
    },
    /// Saved groups.
    Groups,
    /// Whether new runs are refused, by whom, since when and why.
    Hold,
    /// Join tokens.
    Tokens,
    /// How something is done here, by what the asker may do.
    Help(Topic),
    /// What the asker may do here, and why.
    Whoami,
    /// What this is, for everybody in the channel.
    Welcome,
}

/// What somebody must have to ask something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// A grant with this verb.
    Grant(Verb),
    /// The controller's machine: no grant gives it.
    Operator,
    /// Being somebody in a server that is served: it tells nothing but what is their own.
    Anybody,
}

impl Ask {
    /// What must be had to ask it, by what is known of what a run or a proposal is of.
    #[must_use]
    pub fn right<'a>(&self, of: impl FnOnce(RunId) -> Option<&'a What>) -> Right {
        match self {
            Self::Run(request) => Right::Grant(request.verb()),
            Self::Again { run, .. } | Self::Confirm { run, .. } | Self::TakeBack { run } => {
                Right::Grant(of(*run).map_or(Verb::Run, What::verb))
            }
            Self::Cancel { .. } | Self::Steer { .. } => Right::Grant(Verb::Cancel),
            Self::Hold(_) => Right::Grant(Verb::Hold),
            Self::Inventory(_) | Self::CreateToken(_) | Self::RevokeToken { .. } => {
                Right::Grant(Verb::Manage)
            }
            Self::RemoveHost { .. } | Self::FreeName { .. } => Right::Operator,
            Self::Look(question) => question.right(of),
        }
    }

    /// True when a run comes of it, unless it must be seen first.
    #[must_use]
    pub const fn starts_a_run(&self) -> bool {
        matches!(
            self,
            Self::Run(_) | Self::Again { .. } | Self::Confirm { .. }
        )
    }

    /// True when it is done at once, without another proof that an interaction is fresh. A run has one: its card is taken, or it does not
    /// begin; and stopping a run twice stops it once, while all runs are others later.
    #[must_use]
    pub const fn needs_fresh(&self) -> bool {
        match self {
            Self::Cancel { which, .. } => matches!(which, Which::All),
            Self::Run(_)
            | Self::Again { .. }
            | Self::Confirm { .. }
            | Self::TakeBack { .. }
            | Self::Look(_) => false,
            Self::Steer { .. }
            | Self::Hold(_)
            | Self::Inventory(_)
            | Self::RemoveHost { .. }
            | Self::FreeName { .. }
            | Self::CreateToken(_)
            | Self::RevokeToken { .. } => true,
        }
    }
}

impl Question {
    /// What must be had to ask it, by what is known of what a run is of.
    #[must_use]
    pub fn right<'a>(&self, of: impl FnOnce(RunId) -> Option<&'a What>) -> Right {
        match self {
            Self::Hosts { .. }
            | Self::Complete { .. }
            | Self::Runs { .. }
            | Self::Run { .. }
            | Self::RunOf { .. }
            | Self::History { .. }
            | Self::Groups
            | Self::Hold => Right::Grant(Verb::View),
            Self::Edit { .. } | Self::Commands => Right::Grant(Verb::Run),
            Self::Plan(request) => Right::Grant(request.verb()),
            Self::PlanAgain { run, .. } => Right::Grant(of(*run).map_or(Verb::Run, What::verb)),
            Self::Versions => Right::Grant(Verb::Update),
            Self::Welcome => Right::Grant(Verb::Manage),
            Self::Tokens => Right::Operator,
            Self::Help(_) | Self::Whoami => Right::Anybody,
        }
    }
}

/// A command that somebody wants to run, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunRequest {
    /// The selector.
    pub on: String,
    /// The text for `/bin/sh -c`.
    pub command: String,
    /// Its options.
    pub typed: Typed,
    /// A run whose options hold where none is typed, and whose input where none is given.
    pub like: Option<RunId>,
    /// What the command is given. It is kept already. With a script the command is what is given to that.
    pub input: Option<Input>,
    /// What agents shall do to themselves instead of a command.
    pub upkeep: Option<UpkeepRequest>,
}

/// What agents shall do to themselves, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpkeepRequest {
    /// Another version.
    Update {
        /// Which; empty means the one that is offered.
        version: String,
        /// That may be an older one.
        older: bool,
    },
    /// They look what is wrong with them.
    Doctor,
}

impl RunRequest {
    /// What it asks for, as people read it.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.upkeep {
            None => Cow::Borrowed(&self.command),
            Some(UpkeepRequest::Doctor) => Cow::Borrowed("doctor"),
            Some(UpkeepRequest::Update { version, .. }) if version.trim().is_empty() => {
                Cow::Borrowed("update to the version that is handed out")
            }
            Some(UpkeepRequest::Update { version, .. }) => {
                Cow::Owned(format!("update to {}", version.trim()))
            }
        }
    }

    /// What must be granted for it.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        match &self.upkeep {
            None => Verb::Run,
            Some(UpkeepRequest::Update { .. }) => Verb::Update,
            Some(UpkeepRequest::Doctor) => Verb::Manage,
        }
    }
}

/// What somebody chose who was shown a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// Run it as it was asked for.
    AsAsked,
    /// Leave those out that were away.
    OnlineOnly,
    /// Wait for those that were away, for [`crate::limits::QUEUE_MS`].
    Queue,
}

/// Which runs to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The run of a button.
    Id(RunId),
    /// The run that somebody typed.
    Number(RunNumber),
    /// Every run that is not over.
    All,
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum One {
    /// The run of a button.
    Id(RunId),
    /// The run that somebody typed.
    Number(RunNumber),
}

/// What a run in waves is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steer {
    /// It starts on no further host until it is told to.
    Pause,
    /// It goes on.
    Continue,
}

/// A join token that was drawn and waits to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// Its public half.
    pub id: String,
    /// SHA-256 of its secret half.
    pub secret_sha256: [u8; 32],
    /// Given to every host that joins with it.
    pub labels: Labels,
    /// The names that hosts may join under with it, as a selector of names; empty means any.
    pub names: String,
    /// Hosts that may join with it.
    pub uses_max: u32,
    /// Its life, milliseconds.
    pub ttl_ms: u64,
}

/// What became of what somebody asked.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The run is recorded; it begins when whoever asked was told.
    Accepted(Arc<Snapshot>),
    /// What would run: the person sees it first, or wanted to see no more.
    Previewed(Box<Preview>),
    /// A run that was shown will not run.
    TakenBack,
    /// Runs are told to stop.
    Cancelled(Cancelled),
    /// A run in waves rests, or goes on.
    Steered(Steered),
    /// New runs are refused, or allowed.
    Hold(HoldAnswer),
    /// What is known of hosts was changed.
    Inventory(InventoryAnswer),
    /// The name of a host that was removed may be taken again.
    NameFreed {
        /// The name.
        name: HostName,
    },
    /// A host is gone for good.
    HostRemoved {
        /// Its name.
        name: HostName,
    },
    /// A join token may be used.
    TokenCreated {
        /// Until when, milliseconds since the Unix epoch.
        expires_ms: u64,
    },
    /// A join token is void.
    TokenRevoked,
    /// The configuration counts.
    Configured,
    /// A step of the authority is recorded.
    AuthorityChanged,
    /// Hosts.
    Hosts(HostsView),
    /// What the selector could go on with.
    Choices(Vec<Choice>),
    /// Runs, newest first.
    Runs(Vec<Arc<Run>>),
    /// One run.
    Run(Arc<Run>),
    /// What of the history may be looked through.
    History(Box<Query>),
    /// Saved groups.
    Groups(Vec<GroupRow>),
    /// Join tokens.
    Tokens(Vec<TokenRow>),
    /// What the asker may do here, and why.
    Rights(Box<Rights>),
    /// Everybody in the channel is told what this is.
    Welcome,
}

/// A run as it stands, with what its card needs besides.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The run.
    pub run: Arc<Run>,
    /// The users that its commands run as.
    pub run_as: Vec<String>,
    /// Hosts whose commands wait because too much output is not stored.
    pub spool_full: Vec<String>,
}

/// What a cancel did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cancelled {
    /// The runs.
    pub numbers: Vec<RunNumber>,
    /// Hosts that have a link and were sent it, by name.
    pub told: Vec<String>,
    /// Hosts that are away and will be told when they return, by name.
    pub away: Vec<String>,
}

/// A run that rests or goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steered {
    /// The run.
    pub number: RunNumber,
    /// What it was told.
    pub to: Steer,
    /// Hosts that have not started.
    pub left: usize,
    /// Hosts that are under way: they go on to their end.
    pub running: usize,
}

/// A saved group, as somebody may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    /// Its name, without `@`.
    pub name: String,
    /// What it stands for; nothing when the asker may not see every host.
    pub selector: Option<String>,
    /// How many hosts of it the asker may see; nothing when too much would have to be tried to count them all.
    pub hosts: Option<usize>,
    /// Who saved it last.
    pub by: Principal,
    /// When, milliseconds since the Unix epoch.
    pub saved_ms: u64,
}

/// Hosts, as somebody may see them.
#[derive(Clone, Debug)]
pub struct HostsView {
    /// One row each, with its id and when it joined.
    pub rows: Vec<(AgentId, u64, HostRow)>,
    /// Hosts whose commands wait.
    pub spool_full: Vec<AgentId>,
    /// A hold that stands.
    pub hold: Option<Held>,
    /// What was typed, in normal form.
    pub normal: String,
    /// The last runs of it that the asker may see, when it is one host; newest first.
    pub runs: Vec<Arc<Run>>,
}

/// A join token in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Its public half.
    pub id: String,
    /// Given to every host that joins with it.
    pub labels: Labels,
    /// The names that hosts may join under with it; empty means any.
    pub names: String,
    /// Hosts that joined.
    pub uses: u32,
    /// Hosts that may.
    pub uses_max: u32,
    /// Until when, milliseconds since the Unix epoch.
    pub expires_ms: u64,
    /// Void.
    pub revoked: bool,
}
