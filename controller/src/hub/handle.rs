//! What edges may ask of the hub.

use std::sync::Arc;

use shanty_core::admission::RunRequest;
use shanty_core::ids::{AgentId, Labels, RunId, RunNumber};
use shanty_core::principal::Asker;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::{Run, Told};
use shanty_core::selector::complete::Choice;
use shanty_core::view::HostRow;
use shanty_proto::v1;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
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

type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// Everything that edges ask. Replies that nobody waits for any more are dropped.
#[expect(
    missing_docs,
    reason = "each is described at the method of `Handle` that sends it"
)]
pub enum Request {
    Run {
        asker: Asker,
        request: RunRequest,
        reply: Reply<Arc<Snapshot>>,
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
    HostLabel {
        user: String,
        name: String,
        set: Labels,
        remove: Vec<String>,
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

/// The hub, for any number of edges.
#[derive(Clone)]
pub struct Handle {
    tx: mpsc::Sender<Request>,
    begun: broadcast::Sender<(RunId, bool)>,
}

impl Handle {
    pub(super) const fn new(
        tx: mpsc::Sender<Request>,
        begun: broadcast::Sender<(RunId, bool)>,
    ) -> Self {
        Self { tx, begun }
    }

    /// The runs that begin from now on, and whether the command line asked for them.
    #[must_use]
    pub fn begun(&self) -> broadcast::Receiver<(RunId, bool)> {
        self.begun.subscribe()
    }

    /// Asks for a run; what comes back is recorded as accepted and waits for [`Handle::go`]. Dropping the future before it is answered
    /// gives the run up.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn run(&self, asker: Asker, request: RunRequest) -> Result<Arc<Snapshot>, Refusal> {
        self.ask(|reply| Request::Run {
            asker,
            request,
            reply,
        })
        .await
    }

    /// The answer was taken where it was asked: the run may start.
    pub async fn go(&self, run: RunId) {
        self.tell(Request::Go { run }).await;
    }

    /// Nobody saw the answer: the run is given up.
    pub async fn expire(&self, run: RunId, reason: &str) {
        self.tell(Request::Expire {
            run,
            reason: reason.to_owned(),
        })
        .await;
    }

    /// Stops runs: first acts, then records.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn cancel(
        &self,
        asker: Asker,
        which: Which,
        force: bool,
    ) -> Result<Cancelled, Refusal> {
        self.ask(|reply| Request::Cancel {
            asker,
            which,
            force,
            reply,
        })
        .await
    }

    /// Hosts by selector; nothing typed means all.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn hosts(&self, asker: Asker, on: String) -> Result<HostsView, Refusal> {
        self.ask(|reply| Request::Hosts { asker, on, reply }).await
    }

    /// Completes a selector; whoever has no rights gets nothing.
    pub async fn complete(&self, asker: Asker, typed: String) -> Vec<Choice> {
        self.ask(|reply| Request::Complete {
            asker,
            typed,
            reply,
        })
        .await
        .unwrap_or_default()
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn runs(&self, asker: Asker, limit: usize) -> Result<Vec<Run>, Refusal> {
        self.ask(|reply| Request::Runs {
            asker,
            limit,
            reply,
        })
        .await
    }

    /// One run.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn show(&self, asker: Asker, number: RunNumber) -> Result<Run, Refusal> {
        self.ask(|reply| Request::Show {
            asker,
            number,
            reply,
        })
        .await
    }

    /// The newest state of a run, until it is over. For edges that have shown the run to somebody already.
    ///
    /// # Errors
    /// No such run.
    pub async fn watch(&self, run: RunId) -> Result<watch::Receiver<Arc<Snapshot>>, Refusal> {
        self.ask(|reply| Request::Watch { run, reply }).await
    }

    /// Refuses new runs, or allows them again.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn hold(&self, asker: Asker, on: bool) -> Result<(), Refusal> {
        self.ask(|reply| Request::Hold { asker, on, reply }).await
    }

    /// Makes a join token, for a local user.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn token_create(
        &self,
        user: String,
        labels: Labels,
        uses_max: u32,
        ttl_ms: u64,
    ) -> Result<NewToken, Refusal> {
        self.ask(|reply| Request::TokenCreate {
            user,
            labels,
            uses_max,
            ttl_ms,
            reply,
        })
        .await
    }

    /// Every token that was made.
    ///
    /// # Errors
    /// The controller is stopping.
    pub async fn token_list(&self) -> Result<Vec<TokenRow>, Refusal> {
        self.ask(|reply| Request::TokenList { reply }).await
    }

    /// Voids a token.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn token_revoke(&self, user: String, id: String) -> Result<(), Refusal> {
        self.ask(|reply| Request::TokenRevoke { user, id, reply })
            .await
    }

    /// Changes the labels of a host.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn host_label(
        &self,
        user: String,
        name: String,
        set: Labels,
        remove: Vec<String>,
    ) -> Result<(), Refusal> {
        self.ask(|reply| Request::HostLabel {
            user,
            name,
            set,
            remove,
            reply,
        })
        .await
    }

    /// Removes a host for good: it may not come back.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn host_remove(&self, user: String, name: String) -> Result<(), Refusal> {
        self.ask(|reply| Request::HostRemove { user, name, reply })
            .await
    }

    /// A host wants to join.
    ///
    /// # Errors
    /// The refusal for its log.
    pub async fn join(&self, join: JoinRequest) -> Result<Joined, Refusal> {
        self.ask(|reply| Request::Join { join, reply }).await
    }

    /// A link is up; gives its number for [`Handle::link_down`].
    ///
    /// # Errors
    /// What the agent is told instead.
    pub async fn link_up(&self, link: LinkUp) -> Result<u64, v1::Refused> {
        let (reply, answer) = oneshot::channel();
        self.tell(Request::LinkUp { link, reply }).await;
        answer.await.unwrap_or_else(|_| {
            Err(v1::Refused {
                code: v1::RefusedCode::Unspecified.into(),
                text: "the controller is stopping".to_owned(),
            })
        })
    }

    /// A link has ended.
    pub async fn link_down(&self, agent: AgentId, link: u64) {
        self.tell(Request::LinkDown { agent, link }).await;
    }

    /// Whether a run was for this host: nobody else's output is taken.
    pub async fn is_target(&self, agent: AgentId, run: RunId) -> bool {
        let answer = self.ask(|reply| Request::IsTarget { agent, run, reply });
        answer.await.unwrap_or(false)
    }

    /// An agent says how an execution stands.
    pub async fn told(&self, agent: AgentId, run: RunId, told: Told, spool_full: bool) {
        self.tell(Request::Told {
            agent,
            run,
            told,
            spool_full,
        })
        .await;
    }

    /// An agent tells facts.
    pub async fn facts(&self, agent: AgentId, facts: shanty_core::facts::Facts) {
        self.tell(Request::Facts { agent, facts }).await;
    }

    /// An agent tells metrics.
    pub async fn metrics(&self, agent: AgentId, metrics: shanty_core::facts::Metrics) {
        self.tell(Request::Metrics { agent, metrics }).await;
    }

    async fn tell(&self, request: Request) {
        self.tx.send(request).await.ok(); // the hub is gone: the process stops
    }

    async fn ask<T>(&self, make: impl FnOnce(Reply<T>) -> Request) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.tell(make(reply)).await;
        answer.await.unwrap_or_else(|_| {
            Err(Refusal::new(
                Code::Stopping,
                "The controller is stopping. Nothing was done.",
                "Try again in a moment.",
            ))
        })
    }
}
