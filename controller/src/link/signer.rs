//! Puts the controller's name to what one host is told. In the task of the link: the hub's waits for no signature.

use std::sync::Arc;

use shanty_certs::orders::{NONCE_BYTES, OrderKey, OrderKeys};
use shanty_core::authority::Key;
use shanty_core::ids::AgentId;
use shanty_proto::v1;
use shanty_proto::v1::down::Kind;

/// Ids of keys that a host may say, and how long each may be.
const KNOWN_MAX: usize = 8;
const ID_BYTES_MAX: usize = 16;

/// Signs for one link.
pub(super) struct Signer {
    keys: Arc<OrderKeys>,
    agent: AgentId,
    /// The ids of the keys that the host knows; none of an older agent, which knows the one that it joined with.
    known: Vec<String>,
    /// What the executor drew; empty where it believes its link.
    nonce: Vec<u8>,
}

impl Signer {
    /// Signs for this host and this nonce, of which anything but a whole one is none.
    pub(super) fn new(
        keys: Arc<OrderKeys>,
        agent: AgentId,
        mut nonce: Vec<u8>,
        known: Vec<String>,
    ) -> Self {
        if nonce.len() != NONCE_BYTES {
            nonce.clear();
        }
        let mut signer = Self {
            keys,
            agent,
            nonce,
            known: Vec::new(),
        };
        signer.knows(known);
        signer
    }

    /// Takes what the host says that it knows by now; true when that is something else than before.
    pub(super) fn knows(&mut self, mut known: Vec<String>) -> bool {
        known.retain(|id| id.len() <= ID_BYTES_MAX);
        known.truncate(KNOWN_MAX);
        let other = known != self.known;
        self.known = known;
        other
    }

    /// The key in use, where the host knows it and one before it is not retired.
    pub(super) fn taken(&self) -> Option<Key> {
        let current = self.keys.current();
        let taken = self.keys.former().is_some() && self.known.contains(&current.public().id());
        taken.then(|| *current.public().as_bytes())
    }

    /// What the host is told of keys that come and go, if there is something to tell.
    pub(super) fn tells(&self) -> Option<v1::OrderKeys> {
        let (current, former) = (self.keys.current(), self.keys.former());
        let id = current.public().id();
        if self.known.is_empty() {
            return None;
        }
        if !self.known.contains(&id) {
            let former = former.filter(|former| self.known.contains(&former.public().id()))?;
            return Some(v1::OrderKeys {
                next: current.public().as_bytes().to_vec(),
                next_sig: former.endorse(current.public()),
                ..v1::OrderKeys::default()
            });
        }
        let former = former.map(|former| former.public().id());
        let stays = |known: &String| *known == id || former.as_ref() == Some(known);
        let gone = self.known.iter().find(|known| !stays(known))?;
        Some(v1::OrderKeys {
            gone: gone.clone(),
            gone_sig: current.renounce(gone),
            ..v1::OrderKeys::default()
        })
    }

    fn key(&self) -> Arc<OrderKey> {
        self.keys.for_host(&self.known)
    }

    /// Signs what has to be signed.
    pub(super) fn sign(&self, message: &mut v1::Down) {
        match &mut message.kind {
            Some(Kind::Start(start)) => {
                let key = self.key();
                start.sig = key.sign(&start.order);
                start.key_id = key.public().id();
            }
            Some(Kind::Welcome(welcome)) => {
                let key = self.key();
                welcome.order_key = key.public().as_bytes().to_vec();
                if !self.nonce.is_empty() {
                    let (agent, now_ms) = (self.agent.as_bytes(), welcome.now_ms);
                    welcome.time_sig = key.sign_time(agent, &self.nonce, now_ms);
                }
            }
            Some(
                Kind::Cancel(_)
                | Kind::Ack(_)
                | Kind::Resume(_)
                | Kind::Release(_)
                | Kind::Ping(_)
                | Kind::Drain(_)
                | Kind::Refused(_)
                | Kind::Renewal(_)
                | Kind::OrderKeys(_),
            )
            | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use shanty_certs::orders::KnownKeys;

    use super::*;

    fn signed(signer: &Signer, kind: Kind) -> Kind {
        let mut message = v1::Down { kind: Some(kind) };
        signer.sign(&mut message);
        message.kind.unwrap()
    }

    #[test]
    fn orders_and_the_time_are_the_controllers_own() {
        let keys = Arc::new(OrderKeys::of(OrderKey::generate().unwrap()));
        let key = keys.current();
        let known = KnownKeys::of(*key.public());
        let agent = AgentId::from_bytes([7; 16]);
        let nonce = vec![9; NONCE_BYTES];
        let signer = Signer::new(Arc::clone(&keys), agent, nonce.clone(), Vec::new());
        let start = v1::Start {
            order: b"order".to_vec(),
            ..v1::Start::default()
        };
        let Kind::Start(start) = signed(&signer, Kind::Start(start)) else {
            panic!("it stays what it is");
        };
        assert_eq!(known.check(b"order", &start.sig, &start.key_id), Ok(()));
        let welcome = || v1::Welcome {
            now_ms: 5,
            ..v1::Welcome::default()
        };
        let Kind::Welcome(welcomed) = signed(&signer, Kind::Welcome(welcome())) else {
            panic!("it stays what it is");
        };
        assert!(known.said_time(agent.as_bytes(), &nonce, 5, &welcomed.time_sig));
        assert_eq!(welcomed.order_key, key.public().as_bytes());
        for nonce in [vec![], vec![9; 31], vec![9; 33]] {
            let signer = Signer::new(Arc::clone(&keys), agent, nonce, Vec::new());
            let Kind::Welcome(welcomed) = signed(&signer, Kind::Welcome(welcome())) else {
                panic!("it stays what it is");
            };
            assert!(welcomed.time_sig.is_empty());
        }
    }

    #[test]
    fn a_host_is_told_of_another_key_by_the_one_that_it_knows_and_then_of_the_end_of_that() {
        let dir = tempfile::tempdir().unwrap();
        let (keys, _) = OrderKeys::open_or_create(dir.path()).unwrap();
        let keys = Arc::new(keys);
        let agent = AgentId::from_bytes([7; 16]);
        let signer = |known: &KnownKeys| Signer::new(Arc::clone(&keys), agent, vec![], known.ids());
        let old = KnownKeys::of(*keys.current().public());
        assert_eq!(signer(&old).tells(), None);
        keys.prepare().unwrap();
        keys.activate().unwrap();
        let signs_for = |known: &KnownKeys| {
            let start = Kind::Start(v1::Start::default());
            let Kind::Start(start) = signed(&signer(known), start) else {
                panic!("it stays what it is");
            };
            known.check(b"", &start.sig, &start.key_id)
        };
        assert_eq!(signs_for(&old), Ok(()));
        assert_eq!(signer(&old).taken(), None);
        let told = signer(&old).tells().unwrap();
        let current = *keys.current().public();
        assert_eq!(told.next, current.as_bytes());
        let both = old.endorsed(current, &told.next_sig).unwrap();
        assert_eq!(signs_for(&both), Ok(()));
        assert_eq!(signer(&both).taken(), Some(*current.as_bytes()));
        assert_eq!(signer(&both).tells(), None, "the former is good still");
        // Who says nothing is an older agent, and hears nothing.
        assert_eq!(signer(&KnownKeys::default()).tells(), None);
        keys.retire().unwrap();
        let told = signer(&both).tells().unwrap();
        let after = both.without(&told.gone, &told.gone_sig).unwrap();
        assert_eq!(after, KnownKeys::of(current));
        assert_eq!(signer(&after).tells(), None);
        assert_eq!(signer(&old).tells(), None, "nothing that it knows says so");
    }
}
