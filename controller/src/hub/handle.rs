//! How edges speak to the hub.

use std::collections::BTreeSet;
use std::sync::Arc;

use shanty_certs::csr::Csr;
use shanty_core::ask::{Answer, Ask};
use shanty_core::authority::{AuthorityChange, Key};
use shanty_core::facts::{Facts, Metrics};
use shanty_core::fleet::Instance;
use shanty_core::hub::{Configured, Known, Renewal, Standing, Would};
use shanty_core::ids::{AgentId, RunId, RunNumber};
use shanty_core::journal::{PastRun, Recalled};
use shanty_core::members::{Member, Membership};
use shanty_core::news::Deed;
use shanty_core::offer::Offer;
use shanty_core::output::mask::Masks;
use shanty_core::principal::{Actor, Asker};
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::{Input, Run, Told};
use shanty_proto::v1;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::message::{AtHand, Chain, Holder, Identity, JoinRequest, Message, NewLink, Watch};
use super::moment::fresh;
use crate::clock::now_ms;
use crate::store::{Inputs, Reader};

/// The hub, for any number of edges.
#[derive(Clone)]
pub struct Handle {
    tx: mpsc::Sender<Message>,
    accepted: watch::Receiver<RunNumber>,
    deeds: broadcast::Sender<Deed>,
    members: watch::Receiver<BTreeSet<Member>>,
    journal: Reader,
    inputs: Inputs,
    masks: Masks,
}

impl Handle {
    pub(super) const fn new(
        tx: mpsc::Sender<Message>,
        accepted: watch::Receiver<RunNumber>,
        deeds: broadcast::Sender<Deed>,
        members: watch::Receiver<BTreeSet<Member>>,
        journal: Reader,
        inputs: Inputs,
        masks: Masks,
    ) -> Self {
        Self {
            tx,
            accepted,
            deeds,
            members,
            journal,
            inputs,
            masks,
        }
    }

    /// The number of the newest run whose acceptance is recorded; zero before the first. Numbers have no gaps, so that whoever looks late
    /// misses no run: [`Handle::watch_numbered`] gives each of them.
    #[must_use]
    pub fn accepted(&self) -> watch::Receiver<RunNumber> {
        self.accepted.clone()
    }

    /// A text as everybody may read it.
    #[must_use]
    pub fn readable(&self, text: &str) -> String {
        self.masks.text(text)
    }

    /// What is done and refused from now on, with texts masked.
    #[must_use]
    pub fn deeds(&self) -> broadcast::Receiver<Deed> {
        self.deeds.subscribe()
    }

    /// Those of whom the hub waits to hear where they stand in their guilds.
    #[must_use]
    pub fn members(&self) -> watch::Receiver<BTreeSet<Member>> {
        self.members.clone()
    }

    /// Where somebody stands, as [`Handle::members`] wants to know; nothing when that cannot be asked now.
    pub async fn member_heard(&self, member: Member, membership: Option<Membership>) {
        self.tell(Message::MemberHeard { member, membership }).await;
    }

    /// Asks for anything: the only door. A question is answered here, from what the hub knows at this moment; the rest is decided and
    /// recorded by the hub. Commands in what it says are masked. Dropping the future of a run before it is answered gives the run up.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn ask(&self, asker: Asker, ask: Ask) -> Result<Answer, Refusal> {
        match self.unmasked(asker, ask).await {
            Ok(answer) => Ok(answer.masked(&self.masks)),
            Err(refusal) => Err(refusal.masked(&self.masks)),
        }
    }

    /// What would come of it if something was asked now: before somebody is made to wait, or something is kept, for what is refused in any
    /// case. A refusal is recorded as if it had been asked, and so is one for a run that cannot be recalled, which asking does not record.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn would(&self, asker: &Asker, ask: &Ask) -> Result<Would, Refusal> {
        let would = self.weigh(asker, ask).await?;
        if let Err(refusal) = &would {
            self.tell(Message::Refused {
                asker: asker.clone(),
                ask: ask.clone(),
                refusal: refusal.clone(),
            })
            .await;
        }
        would.map_err(|refusal| refusal.masked(&self.masks))
    }

    /// The same of what was refused a moment ago, and recorded then: that somebody looks whether it still is is no other attempt.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn would_still(&self, asker: &Asker, ask: &Ask) -> Result<Would, Refusal> {
        let would = self.weigh(asker, ask).await?;
        would.map_err(|refusal| refusal.masked(&self.masks))
    }

    async fn weigh(&self, asker: &Asker, ask: &Ask) -> Result<Result<Would, Refusal>, Refusal> {
        let known = self.known().await?;
        Ok(match self.recall_for(&known, asker, ask).await {
            Ok(recalled) => known.would(asker, ask, &recalled, fresh(), now_ms()),
            Err(refusal) => Err(refusal),
        })
    }

    async fn unmasked(&self, asker: Asker, ask: Ask) -> Result<Answer, Refusal> {
        if let Ask::Look(question) = &ask {
            let known = self.known().await?;
            let recalled = self.recall_for(&known, &asker, &ask).await?;
            return known.answer(&asker, question, &recalled, fresh(), now_ms());
        }
        let recalled = if ask.is_about_runs() {
            let known = self.known().await?;
            self.recall_for(&known, &asker, &ask).await?
        } else {
            Recalled::default()
        };
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Ask {
            asker,
            ask,
            recalled,
            reply,
        })
        .await;
        answer.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// Reads the past runs again that something is about, and looks whether what they were given is still there.
    async fn recall_for(
        &self,
        known: &Known,
        asker: &Asker,
        ask: &Ask,
    ) -> Result<Recalled, Refusal> {
        let mut recalled = Recalled::default();
        loop {
            let past = known.recall(asker, ask, &recalled, now_ms())?;
            if past.is_empty() {
                break;
            }
            for run in past {
                recalled.insert(self.recall(run).await?);
            }
        }
        if let Some(input) = known.given(ask, &recalled) {
            match self.inputs.gone(input.sha256).await {
                Ok(Some(deleted_ms)) => recalled.input_gone(input.sha256, deleted_ms),
                Ok(None) => {}
                Err(error) => return Err(error.refusal()),
            }
        }
        Ok(recalled)
    }

    async fn recall(&self, past: PastRun) -> Result<Arc<Run>, Refusal> {
        match self.journal.run(past).await {
            Ok(run) => Ok(Arc::new(run)),
            Err(error) => {
                let error = anyhow::Error::from(error);
                tracing::error!(run.id = %past.id, error = format!("{error:#}"), "a past run cannot be read");
                Err(Refusal::new(
                    Code::Storage,
                    format!("What is stored of run {} cannot be read.", past.number),
                    "Look at the controller's log and its disk.",
                ))
            }
        }
    }

    /// What the hub knows at this moment.
    ///
    /// # Errors
    /// The controller is stopping.
    pub async fn known(&self) -> Result<Known, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Known { reply }).await;
        answer.await.map_err(|_| stopping())
    }

    /// A run as it is recorded, whole or past; nothing when there is no such run. For whoever folds the records, never to be shown: its
    /// command is not masked.
    ///
    /// # Errors
    /// The controller is stopping, or a past run cannot be read.
    pub async fn recorded(&self, number: RunNumber) -> Result<Option<Arc<Run>>, Refusal> {
        let runs = self.known().await?.state.runs;
        if let Some(run) = runs.numbered(number) {
            return Ok(Some(Arc::clone(run)));
        }
        match runs.past().numbered(number) {
            Some(past) => self.recall(past).await.map(Some),
            None => Ok(None),
        }
    }

    /// The answer was taken where a run was asked for: the run may start.
    pub async fn taken(&self, run: RunId) {
        self.tell(Message::Taken { run }).await;
    }

    /// Nobody saw the answer: the run is given up.
    pub async fn not_taken(&self, run: RunId, reason: &str) {
        let reason = reason.to_owned();
        self.tell(Message::NotTaken { run, reason }).await;
    }

    /// The newest state of a run, until it is over; nothing when there is no such run. For edges that may show it to somebody already.
    ///
    /// # Errors
    /// The controller is stopping, or a past run cannot be read.
    pub async fn watch(&self, run: RunId) -> Result<Option<Watch>, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Watch { run, reply }).await;
        self.watched(answer).await
    }

    /// The same of the run with this number.
    ///
    /// # Errors
    /// The controller is stopping, or a past run cannot be read.
    pub async fn watch_numbered(&self, number: RunNumber) -> Result<Option<Watch>, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::WatchNumbered { number, reply }).await;
        self.watched(answer).await
    }

    async fn watched(
        &self,
        answer: oneshot::Receiver<AtHand<Watch>>,
    ) -> Result<Option<Watch>, Refusal> {
        let past = match answer.await.map_err(|_| stopping())? {
            AtHand::Whole(watch) => return Ok(Some(watch)),
            AtHand::Past(past) => past,
            AtHand::Unknown => return Ok(None),
        };
        let run = self.recall(past).await?;
        let snapshot = self.known().await?.snapshot_of(run);
        // It is over: one last state, and no more to come.
        let snapshot = snapshot.masked(&self.masks);
        Ok(Some(watch::channel(Arc::new(snapshot)).1))
    }

    /// A host wants to join.
    ///
    /// # Errors
    /// The refusal for its log.
    pub async fn join(&self, join: JoinRequest) -> Result<Identity, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Join { join, reply }).await;
        answer.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// The next certificate of a host, with those above it.
    ///
    /// # Errors
    /// The host gets none.
    pub async fn renew(&self, renewal: Renewal, csr: Csr) -> Result<Chain, Refusal> {
        let (reply, answer) = oneshot::channel();
        let csr = Box::new(csr);
        self.tell(Message::Renew {
            renewal,
            csr,
            reply,
        })
        .await;
        answer.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// Whether a host may have a link: asked before anything else that it says is looked at. It may take as long as the agent that has one
    /// takes to answer.
    ///
    /// # Errors
    /// What the agent is told instead.
    pub async fn link_wanted(&self, holder: Holder, instance: Instance) -> Result<(), v1::Refused> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::LinkWanted {
            holder,
            instance,
            reply,
        })
        .await;
        answer.await.unwrap_or_else(|_| Err(no_link()))
    }

    /// The agent of a link that was probed has answered.
    pub async fn probed(&self, agent: AgentId, link: u64) {
        self.tell(Message::Probed { agent, link }).await;
    }

    /// A link is up; gives its number for [`Handle::link_down`].
    ///
    /// # Errors
    /// What the agent is told instead.
    pub async fn link_up(&self, link: NewLink) -> Result<u64, v1::Refused> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::LinkUp { link, reply }).await;
        answer.await.unwrap_or_else(|_| Err(no_link()))
    }

    /// A link has ended.
    pub async fn link_down(&self, agent: AgentId, link: u64) {
        self.tell(Message::LinkDown { agent, link }).await;
    }

    /// What this host may say of a run at this moment.
    ///
    /// # Errors
    /// The controller is stopping.
    pub async fn standing(&self, agent: AgentId, run: RunId) -> Result<Standing, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Standing { agent, run, reply }).await;
        answer.await.map_err(|_| stopping())
    }

    /// What the command of a run is given on this host; nothing when it is given nothing, or the run is not one of its own.
    ///
    /// # Errors
    /// The hub is gone.
    pub async fn input_of(&self, agent: AgentId, run: RunId) -> Result<Option<Input>, Refusal> {
        let known = self.known().await?;
        let run = known.state.run_of(run);
        let removed = known
            .state
            .hosts
            .get(&agent)
            .is_none_or(|host| host.revoked);
        let wants = |run: &&Run| {
            let execution = run.execution(agent);
            !removed && execution.is_some_and(|one| one.outcome().is_none())
        };
        let own = run.filter(wants);
        Ok(own.and_then(|run| run.spec.input.clone()))
    }

    /// An agent says how an execution stands.
    pub async fn told(&self, agent: AgentId, run: RunId, told: Told, spool_full: bool) {
        self.tell(Message::Told {
            agent,
            run,
            told,
            spool_full,
        })
        .await;
    }

    /// An agent has named all that it holds.
    pub async fn held_all(&self, agent: AgentId) {
        self.tell(Message::HeldAll(agent)).await;
    }

    /// An agent tells facts.
    pub async fn facts(&self, agent: AgentId, facts: Facts) {
        self.tell(Message::Facts { agent, facts }).await;
    }

    /// An agent tells metrics.
    pub async fn metrics(&self, agent: AgentId, metrics: Metrics) {
        self.tell(Message::Metrics { agent, metrics }).await;
    }

    /// The disk is full, or has room again.
    pub async fn disk(&self, full: bool) {
        self.tell(Message::Disk { full }).await;
    }

    /// What is handed out to hosts from now on.
    pub async fn offered(&self, offer: Offer) {
        self.tell(Message::Offered(Box::new(offer))).await;
    }

    /// Decisions rest on these settings once that is recorded, with what changed.
    ///
    /// # Errors
    /// It could not be recorded.
    pub async fn configure(&self, to: Configured) -> Result<(), Refusal> {
        let (reply, answer) = oneshot::channel();
        let to = Box::new(to);
        self.tell(Message::Configure { to, reply }).await;
        answer.await.map_err(|_| stopping())?.map(drop)
    }

    /// Takes a step of the authority, once it is recorded.
    ///
    /// # Errors
    /// It does not follow from how it stands, or could not be recorded.
    pub async fn change_authority(
        &self,
        by: Actor,
        change: AuthorityChange,
    ) -> Result<(), Refusal> {
        let (reply, answer) = oneshot::channel();
        let change = Box::new(change);
        self.tell(Message::Authority { by, change, reply }).await;
        answer.await.map_err(|_| stopping())?.map(drop)
    }

    /// The executor of a host says that it knows this key for orders.
    pub async fn order_key_taken(&self, agent: AgentId, key: Key) {
        self.tell(Message::OrderKeyTaken { agent, key }).await;
    }

    async fn tell(&self, message: Message) {
        self.tx.send(message).await.ok(); // the hub is gone: the process stops
    }
}

fn no_link() -> v1::Refused {
    v1::Refused {
        code: v1::RefusedCode::Unspecified.into(),
        text: "the controller is stopping".to_owned(),
    }
}

fn stopping() -> Refusal {
    Refusal::new(
        Code::Stopping,
        "The controller is stopping. Nothing was done.",
        "Try again in a moment.",
    )
}
