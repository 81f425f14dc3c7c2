//! Puts the controller's name to what one host is told. In the task of the link: the hub's waits for no signature.

use std::sync::Arc;

use shanty_certs::orders::{NONCE_BYTES, OrderKey};
use shanty_core::ids::AgentId;
use shanty_proto::v1;
use shanty_proto::v1::down::Kind;

/// Signs for one link.
pub(super) struct Signer {
    key: Arc<OrderKey>,
    agent: AgentId,
    /// What the executor drew; empty where it believes its link.
    nonce: Vec<u8>,
}

impl Signer {
    /// Signs for this host and this nonce, of which anything but a whole one is none.
    pub(super) fn new(key: Arc<OrderKey>, agent: AgentId, mut nonce: Vec<u8>) -> Self {
        if nonce.len() != NONCE_BYTES {
            nonce.clear();
        }
        Self { key, agent, nonce }
    }

    /// Signs what has to be signed.
    pub(super) fn sign(&self, message: &mut v1::Down) {
        match &mut message.kind {
            Some(Kind::Start(start)) => {
                start.sig = self.key.sign(&start.order);
                start.key_id = self.key.public().id();
            }
            Some(Kind::Welcome(welcome)) => {
                welcome.order_key = self.key.public().as_bytes().to_vec();
                if !self.nonce.is_empty() {
                    let (agent, now_ms) = (self.agent.as_bytes(), welcome.now_ms);
                    welcome.time_sig = self.key.sign_time(agent, &self.nonce, now_ms);
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
                | Kind::Renewal(_),
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
        let key = Arc::new(OrderKey::generate().unwrap());
        let known = KnownKeys::of(*key.public());
        let agent = AgentId::from_bytes([7; 16]);
        let nonce = vec![9; NONCE_BYTES];
        let signer = Signer::new(Arc::clone(&key), agent, nonce.clone());
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
            let signer = Signer::new(Arc::clone(&key), agent, nonce);
            let Kind::Welcome(welcomed) = signed(&signer, Kind::Welcome(welcome())) else {
                panic!("it stays what it is");
            };
            assert!(welcomed.time_sig.is_empty());
        }
    }
}
