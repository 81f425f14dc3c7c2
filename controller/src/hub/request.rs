//! What edges may ask of the hub, and what they are told.

use std::sync::Arc;

use shanty_core::admission::{Confirm, GroupRow, RunRequest};
use shanty_core::ids::{AgentId, HostName, Labels, RunId, RunNumber};
use shanty_core::principal::Asker;
use shanty_core::refusal::Refusal;
use shanty_core::run::{Run, Told};
use shanty_core::selector::Selector;
use shanty_core::selector::complete::Choice;
use shanty_core::view::{self, HostRow};
use shanty_proto::v1;
use tokio::sync::{oneshot, watch};
use zeroize::Zeroizing;

use super::enrol::{JoinRequest, Joined};
use super::fleet::LinkUp;

/// A run as it stands, with what its card needs besides.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The run.
    pub run: Run,
    /// The users that its commands run as.
    pub run_as: Vec<String>,
    /// Hosts whose commands wait because too much output is not stored.
    pub spool_full: Vec<String>,
}

/// What became of a request for a run.
#[derive(Debug)]
pub enum Answered {
    /// It is recorded and waits for `Go`.
    Accepted(Arc<Snapshot>),
    /// The person is asked first.
    Previewed(Box<view::Preview>),
}

/// A group that was just saved.
#[derive(Clone, Debug)]
pub struct SavedGroup {
    /// Its name, without `@`.
    pub name: String,
    /// What it stands for.
    pub selector: Selector,
    /// How many hosts that is now.
    pub hosts: usize,
}

/// Which runs to stop.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// The run of a button.
    Id(RunId),
    /// The run that somebody typed.
    Number(RunNumber),
    /// Every run that is not over.
    All,
}

/// What a cancel did.
#[derive(Clone, Debug, Default)]
pub struct Cancelled {
    /// The runs.
    pub numbers: Vec<RunNumber>,
    /// Hosts that were told at once, by name.
    pub told: Vec<String>,
    /// Hosts that are away and will be told when they return, by name.
    pub away: Vec<String>,
}

/// Hosts, as somebody may see them.
#[derive(Clone, Debug)]
pub struct HostsView {
    /// One row each, with its id and when it joined.
    pub rows: Vec<(AgentId, u64, HostRow)>,
    /// Hosts whose commands wait.
    pub spool_full: Vec<AgentId>,
    /// What was typed, in normal form.
    pub normal: String,
    /// The last runs of it that the asker may see, when it is one host; newest first.
    pub runs: Vec<Run>,
}

/// A token that was just made: the only time that its secret is seen.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// All of it.
    pub text: Zeroizing<String>,
    /// Its public half.
    pub id: String,
    /// Until when, milliseconds since the Unix epoch.
    pub expires_ms: u64,
}

/// A token in a list.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// Its public half.
    pub id: String,
    /// Given to every host that joins with it.
    pub labels: Labels,
    /// Hosts that joined.
    pub uses: u32,
    /// Hosts that may.
    pub uses_max: u32,
    /// Until when, milliseconds since the Unix epoch.
    pub expires_ms: u64,
    /// Void.
    pub revoked: bool,
}

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// Everything that edges ask. Replies that nobody waits for any more are dropped.
#[expect(
    missing_docs,
    reason = "each is described at the method of `Handle` that sends it"
)]
pub enum Request {
    Run {
        asker: Asker,
        request: RunRequest,
        reply: Reply<Answered>,
    },
    Confirm {
        asker: Asker,
        run: RunId,
        choice: Confirm,
        reply: Reply<Answered>,
    },
    TakeBack {
        asker: Asker,
        run: RunId,
        reply: Reply<()>,
    },
    Go {
        run: RunId,
    },
    Expire {
        run: RunId,
        reason: String,
    },
    Cancel {
        asker: Asker,
        which: Which,
        force: bool,
        reply: Reply<Cancelled>,
    },
    Hosts {
        asker: Asker,
        on: String,
        reply: Reply<HostsView>,
    },
    Complete {
        asker: Asker,
        typed: String,
        reply: Reply<Vec<Choice>>,
    },
    Runs {
        asker: Asker,
        limit: usize,
        reply: Reply<Vec<Run>>,
    },
    Show {
        asker: Asker,
        number: RunNumber,
        reply: Reply<Run>,
    },
    Watch {
        run: RunId,
        reply: Reply<watch::Receiver<Arc<Snapshot>>>,
    },
    Hold {
        asker: Asker,
        on: bool,
        reply: Reply<()>,
    },
    TokenCreate {
        user: String,
        labels: Labels,
        uses_max: u32,
        ttl_ms: u64,
        reply: Reply<NewToken>,
    },
    TokenList {
        reply: Reply<Vec<TokenRow>>,
    },
    TokenRevoke {
        user: String,
        id: String,
        reply: Reply<()>,
    },
    Label {
        asker: Asker,
        on: String,
        changes: String,
        reply: Reply<Vec<(HostName, Labels)>>,
    },
    Drain {
        asker: Asker,
        on: String,
        drain: bool,
        reply: Reply<Vec<HostName>>,
    },
    Groups {
        asker: Asker,
        reply: Reply<Vec<GroupRow>>,
    },
    GroupSave {
        asker: Asker,
        name: String,
        on: String,
        reply: Reply<SavedGroup>,
    },
    GroupRemove {
        asker: Asker,
        name: String,
        reply: Reply<()>,
    },
    HostRemove {
        user: String,
        name: String,
        reply: Reply<()>,
    },
    Join {
        join: JoinRequest,
        reply: Reply<Joined>,
    },
    LinkUp {
        link: LinkUp,
        reply: oneshot::Sender<Result<u64, v1::Refused>>,
    },
    LinkDown {
        agent: AgentId,
        link: u64,
    },
    IsTarget {
        agent: AgentId,
        run: RunId,
        reply: Reply<bool>,
    },
    Told {
        agent: AgentId,
        run: RunId,
        told: Told,
        spool_full: bool,
    },
    Facts {
        agent: AgentId,
        facts: shanty_core::facts::Facts,
    },
    Metrics {
        agent: AgentId,
        metrics: shanty_core::facts::Metrics,
    },
}
