//! What edges send to the hub's task. Replies that nobody waits for any more are dropped.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use shanty_certs::csr::Csr;
use shanty_certs::token::secret_sha256;
use shanty_core::ask::{Answer, Ask, Snapshot};
use shanty_core::authority::{AuthorityChange, Key};
use shanty_core::facts::{Facts, Metrics};
use shanty_core::fleet::Instance;
use shanty_core::hub::{Configured, Join, Known, Presented, Renewal, Standing};
use shanty_core::ids::{AgentId, HostName, RunId, RunNumber};
use shanty_core::journal::{PastRun, Recalled};
use shanty_core::members::{Member, Membership};
use shanty_core::offer::Offer;
use shanty_core::principal::{Actor, Asker};
use shanty_core::refusal::Refusal;
use shanty_core::run::{Held, Told};
use shanty_proto::v1;
use tokio::sync::{mpsc, oneshot, watch};
use zeroize::Zeroizing;

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// What an edge sends.
#[expect(
    missing_docs,
    reason = "each is described at the method of `Handle` that sends it"
)]
pub enum Message {
    /// What is handed out to hosts from now on.
    Offered(Box<Offer>),
    /// The disk is full, or has room again.
    Disk {
        /// It is full.
        full: bool,
    },
    Ask {
        asker: Asker,
        ask: Ask,
        recalled: Recalled,
        reply: Reply<Answer>,
    },
    Refused {
        asker: Asker,
        ask: Ask,
        refusal: Refusal,
    },
    Known {
        reply: oneshot::Sender<Known>,
    },
    Taken {
        run: RunId,
    },
    NotTaken {
        run: RunId,
        reason: String,
    },
    Standing {
        agent: AgentId,
        run: RunId,
        reply: oneshot::Sender<Standing>,
    },
    Watch {
        run: RunId,
        reply: oneshot::Sender<AtHand<Watch>>,
    },
    WatchNumbered {
        number: RunNumber,
        reply: oneshot::Sender<AtHand<Watch>>,
    },
    MemberHeard {
        member: Member,
        membership: Option<Membership>,
    },
    Join {
        join: JoinRequest,
        reply: Reply<Identity>,
    },
    Renew {
        renewal: Renewal,
        csr: Box<Csr>,
        reply: Reply<Chain>,
    },
    LinkWanted {
        holder: Holder,
        instance: Instance,
        reply: oneshot::Sender<Result<(), v1::Refused>>,
    },
    Probed {
        agent: AgentId,
        link: u64,
    },
    LinkUp {
        link: NewLink,
        reply: oneshot::Sender<Result<u64, v1::Refused>>,
    },
    LinkDown {
        agent: AgentId,
        link: u64,
    },
    HeldAll(AgentId),
    Told {
        agent: AgentId,
        run: RunId,
        told: Told,
        spool_full: bool,
    },
    Facts {
        agent: AgentId,
        facts: Facts,
    },
    Metrics {
        agent: AgentId,
        metrics: Metrics,
    },
    Configure {
        to: Box<Configured>,
        reply: Reply<Answer>,
    },
    OrderKeyTaken {
        agent: AgentId,
        key: Key,
    },
    Authority {
        by: Actor,
        change: Box<AuthorityChange>,
        reply: Reply<Answer>,
    },
}

/// The newest state of a run.
pub(super) type Watch = watch::Receiver<Arc<Snapshot>>;

/// What the hub can say of a run by itself.
pub enum AtHand<T> {
    /// This: it is whole.
    Whole(T),
    /// It is past: whoever asks reads it again.
    Past(PastRun),
    /// There is no such run.
    Unknown,
}

/// What a host sends to join. The request was checked for its form.
pub struct JoinRequest {
    /// The token's public half.
    pub token: String,
    /// The token's secret half.
    pub secret: Zeroizing<Vec<u8>>,
    /// The name that it asks for.
    pub name: String,
    /// Proves that it has the key.
    pub csr: Csr,
}

impl JoinRequest {
    /// As the machine looks at it.
    pub(super) fn wanted(&self) -> Join {
        Join {
            token: self.token.clone(),
            secret_sha256: secret_sha256(&self.secret),
            name: self.name.clone(),
            key_sha256: *self.csr.key_sha256(),
        }
    }
}

/// Certificates as a host gets them, DER: leaf, issuing, root.
pub type Chain = Vec<Vec<u8>>;

/// What a host gets.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its id.
    pub agent: AgentId,
    /// Its name.
    pub name: HostName,
    /// What proves it.
    pub chain: Chain,
}

/// Who is at the other end, by the certificate.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The host.
    pub agent: AgentId,
    /// That certificate.
    pub certificate: Presented,
}

/// A link whose agent has said who it is.
pub struct NewLink {
    /// By its certificate.
    pub holder: Holder,
    /// When it asks for its next certificate.
    pub renewal: v1::Renewal,
    /// Which agent, on which boot of which machine.
    pub instance: Instance,
    /// Of the agent.
    pub version: String,
    /// The agent can give commands an input and a terminal.
    pub takes_input: bool,
    /// The agent can be updated and asked how it is.
    pub takes_upkeep: bool,
    /// What it holds.
    pub executions: Vec<Holds>,
    /// The runs of what else it holds, which are not known here.
    pub unknown: BTreeSet<RunId>,
    /// It holds still more, which it names after this.
    pub more: bool,
    /// What is sent to it; dropped to close the link.
    pub tx: mpsc::Sender<v1::Down>,
    /// When something came from it, milliseconds since the Unix epoch; the link keeps it.
    pub seen_ms: Arc<AtomicU64>,
}

/// An execution that an agent holds.
#[derive(Clone, Debug)]
pub struct Holds {
    /// Its run.
    pub run: RunId,
    /// How it stands.
    pub held: Held,
    /// Bytes of it that are committed here.
    pub stored: u64,
}
