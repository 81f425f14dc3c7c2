//! How edges ask the hub.

use std::sync::Arc;

use shanty_core::admission::{Confirm, GroupRow, RunRequest};
use shanty_core::ids::{AgentId, HostName, Labels, RunId, RunNumber};
use shanty_core::principal::Asker;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::{Run, Told};
use shanty_core::selector::complete::Choice;
use shanty_proto::v1;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::enrol::{JoinRequest, Joined};
use super::fleet::LinkUp;
use super::request::{
    Answered, Cancelled, HostsView, NewToken, Reply, Request, SavedGroup, Snapshot, TokenRow, Which,
};

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

    /// Asks for a run; what comes back is recorded as accepted and waits for [`Handle::go`], or is a preview to show first. Dropping
    /// the future before it is answered gives the run up.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn run(&self, asker: Asker, request: RunRequest) -> Result<Answered, Refusal> {
        self.ask(|reply| Request::Run {
            asker,
            request,
            reply,
        })
        .await
    }

    /// Confirms a run that was shown; what comes back is recorded as accepted and waits for [`Handle::go`].
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn confirm(
        &self,
        asker: Asker,
        run: RunId,
        choice: Confirm,
    ) -> Result<Answered, Refusal> {
        self.ask(|reply| Request::Confirm {
            asker,
            run,
            choice,
            reply,
        })
        .await
    }

    /// Takes back a run that was shown.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn take_back(&self, asker: Asker, run: RunId) -> Result<(), Refusal> {
        self.ask(|reply| Request::TakeBack { asker, run, reply })
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

    /// Changes the labels of hosts; gives those that changed, with all their labels.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn label(
        &self,
        asker: Asker,
        on: String,
        changes: String,
    ) -> Result<Vec<(HostName, Labels)>, Refusal> {
        self.ask(|reply| Request::Label {
            asker,
            on,
            changes,
            reply,
        })
        .await
    }

    /// Asks hosts to take no new runs, or lets them again; gives those for which that is new.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn drain(
        &self,
        asker: Asker,
        on: String,
        drain: bool,
    ) -> Result<Vec<HostName>, Refusal> {
        self.ask(|reply| Request::Drain {
            asker,
            on,
            drain,
            reply,
        })
        .await
    }

    /// Saved groups.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn groups(&self, asker: Asker) -> Result<Vec<GroupRow>, Refusal> {
        self.ask(|reply| Request::Groups { asker, reply }).await
    }

    /// Saves a selector under a name.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn group_save(
        &self,
        asker: Asker,
        name: String,
        on: String,
    ) -> Result<SavedGroup, Refusal> {
        self.ask(|reply| Request::GroupSave {
            asker,
            name,
            on,
            reply,
        })
        .await
    }

    /// Removes a saved group.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn group_remove(&self, asker: Asker, name: String) -> Result<(), Refusal> {
        self.ask(|reply| Request::GroupRemove { asker, name, reply })
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
