//! Certificates over a link: who gets the next one, and what becomes of the one before.

use shanty_certs::agent::AgentKey;
use shanty_certs::late::{self, Binding};
use shanty_core::journal::HostChange;

use super::*;
use crate::link::renewal;

/// Whoever has the certificate with this key.
fn holding(connection: &Arc<Connection>, n: u8, key_sha256: [u8; 32]) -> Peer {
    let mut peer = peer(connection, Some(n));
    if key_sha256 != [n; 32] {
        peer.leaf = Vec::new();
    }
    if let Some(identity) = &mut peer.identity {
        identity.key_sha256 = key_sha256;
    }
    peer
}

fn key_of(chain: &[Vec<u8>], service: &Service) -> [u8; 32] {
    let leaf = chain[0].clone().into();
    let identity = PeerIdentity::of_agent(&leaf, service.rig.ca.trust_domain());
    identity.unwrap().key_sha256
}

impl Service {
    /// A link of this peer, which was taken.
    async fn welcomed(&mut self, peer: &Peer, n: u8) -> Agent {
        let opened = self.open_as(peer.clone(), hello(n, Vec::new())).await;
        let mut agent = opened.unwrap();
        assert!(matches!(agent.next().await, Some(Down::Welcome(_))));
        agent
    }

    async fn renew(&mut self, peer: Peer, csr: &[u8]) -> Result<Vec<Vec<u8>>, Status> {
        let mut request = Request::new(v1::RenewRequest { csr: csr.to_vec() });
        request.extensions_mut().insert(peer);
        let answered = within("an answer", self.client.renew(request)).await;
        Ok(answered?.into_inner().chain)
    }

    async fn is_told_as_duplicated(&self, n: u8) -> bool {
        let known = self.rig.hub.known().await.unwrap();
        let presence = known.fleet.get(agent(n));
        presence.is_some_and(|presence| presence.is_duplicated(crate::clock::now_ms()))
    }
}

#[tokio::test]
async fn the_next_certificate_comes_over_a_link_and_its_first_link_voids_the_former() {
    let mut service = Service::start().await;
    let csr = AgentKey::generate().unwrap().csr().unwrap();
    let connection = Arc::default();
    let old = holding(&connection, 1, [1; 32]);
    let refused = service.renew(old.clone(), &csr).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "it has no link");
    let mut one = service
        .open_as(old.clone(), hello(1, Vec::new()))
        .await
        .unwrap();
    let Some(Down::Welcome(welcome)) = one.next().await else {
        panic!("a welcome comes first")
    };
    assert!(welcome.renewal.is_some());
    let chain = service.renew(old.clone(), &csr).await.unwrap();
    let again = service.renew(old.clone(), &csr).await.unwrap();
    assert_eq!(chain, again, "its answer may have been lost");
    let key_sha256 = key_of(&chain, &service);
    drop(one);
    service.offline(1).await;
    let refused = service.renew(old, &csr).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "its link is over");

    let new = holding(&Arc::default(), 1, key_sha256);
    let mut one = service.open_as(new, hello(1, Vec::new())).await.unwrap();
    assert!(matches!(one.next().await, Some(Down::Welcome(_))));
    let promoted = HostChange::Promoted { key_sha256 }.of(agent(1));
    let recorded = service
        .rig
        .recorded("its first use", |kind| *kind == promoted);
    recorded.await;
    assert!(!service.is_told_as_duplicated(1).await);
    let copy = holding(&Arc::default(), 1, [1; 32]);
    let mut copy = service.open_as(copy, hello(1, Vec::new())).await.unwrap();
    let (code, why) = copy.refused().await;
    assert_eq!(code, RefusedCode::Superseded, "{why}");
    assert!(service.is_told_as_duplicated(1).await);
    assert!(service.is_online(1).await, "the one that renewed goes on");

    // After a start it is the same: the journal says it.
    let rig = service.rig.restart().await;
    let known = rig.hub.known().await.unwrap();
    let certificates = &known.state.hosts[&agent(1)].certificates;
    assert_eq!(certificates.current().key_sha256, key_sha256);
    assert!(certificates.next().is_none());
}

#[tokio::test]
async fn a_request_that_asks_for_more_or_brings_a_key_of_another_is_refused_plainly() {
    let mut service = Service::start().await;
    let connection = Arc::default();
    let own = holding(&connection, 1, [1; 32]);
    let _one = service.welcomed(&own, 1).await;
    let two = Arc::default();
    let other = holding(&two, 2, [2; 32]);
    let _two = service.welcomed(&other, 2).await;
    let csr = AgentKey::generate().unwrap().csr().unwrap();
    service.renew(other, &csr).await.unwrap();
    let long = vec![0; 5 * 1024];
    for (csr, why) in [
        (&b"nonsense"[..], "not one of ours"),
        (&long, "longer than"),
        (&csr, "belongs to a host already"),
    ] {
        let refused = service.renew(own.clone(), csr).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        assert!(refused.message().contains(why), "{refused}");
    }
    assert!(service.is_online(1).await, "its link goes on");
}

#[tokio::test]
async fn a_certificate_that_ran_out_is_renewed_with_proof_of_its_key_on_its_connection() {
    let mut service = Service::start().await;
    let connection = Arc::default();
    let own = holding(&connection, 1, [1; 32]);
    let one = service.welcomed(&own, 1).await;
    let key = AgentKey::generate().unwrap();
    let chain = service.renew(own, &key.csr().unwrap()).await.unwrap();
    drop(one);
    let (hub, ca) = (&service.rig.hub, &*service.rig.ca);
    let csr = AgentKey::generate().unwrap().csr().unwrap();
    let here = Binding::from_bytes([7; 32]);
    let leaf = chain[0].clone();
    let proof = late::prove(&key, &leaf, &here, &csr).unwrap();
    let request = v1::RenewLateRequest { leaf, csr, proof };
    let there = Some(Binding::from_bytes([8; 32]));
    for binding in [there, None] {
        let refused = renewal::late(hub, ca, binding, request.clone()).await;
        let code = refused.unwrap_err().code();
        assert!(matches!(
            code,
            Code::PermissionDenied | Code::Unauthenticated
        ));
    }
    // It is the one that a link was never made with, and too soon after it was issued.
    let early = renewal::late(hub, ca, Some(here), request).await;
    assert_eq!(early.unwrap_err().code(), Code::ResourceExhausted);
}

/// A host with a leaf of the authority.
fn certified(service: &Service, connection: &Arc<Connection>, n: u8) -> Peer {
    let csr = AgentKey::generate().unwrap().csr().unwrap();
    let csr = shanty_certs::csr::Csr::check(&csr).unwrap();
    let life = Duration::from_secs(3_600);
    let chain = service
        .rig
        .ca
        .issue_agent(&csr, [n; 16], SystemTime::now(), life);
    let mut peer = peer(connection, Some(n));
    peer.leaf = chain.unwrap()[0].to_vec();
    peer
}

#[tokio::test]
async fn a_link_by_a_former_issuing_key_is_told_to_renew_at_once_and_no_other() {
    let mut service = Service::start().await;
    let orders = Arc::new(OrderKeys::of(
        shanty_certs::orders::OrderKey::generate().unwrap(),
    ));
    let (ca, hub) = (service.rig.ca.clone(), service.rig.hub.clone());
    let authority = Authority::open(ca, orders, hub).await.unwrap();
    let old = certified(&service, &Arc::default(), 1);
    let hour = renewal::of(
        &authority,
        &old.leaf,
        SystemTime::now() + Duration::from_secs(3_600),
        3_600_000,
    );
    assert!(hour.in_ms > 1_000_000, "{hour:?}");
    let mut turns = renewal::Turns::new(authority.clone(), old.leaf.clone());
    let by = shanty_core::principal::Actor::Controller;
    authority.rotate_issuing(by, None, 7_000).await.unwrap();
    let now = v1::Renewal {
        in_ms: 0,
        over_ms: 7_000,
    };
    let told = within("a turn", turns.next()).await;
    assert_eq!(told, renewal::Turn::Renew(now));
    let not_after = SystemTime::now() + Duration::from_secs(3_600);
    assert_eq!(
        renewal::of(&authority, &old.leaf, not_after, 3_600_000),
        now,
        "at the next link too"
    );
    let new = certified(&service, &Arc::default(), 2);
    assert_eq!(
        renewal::of(&authority, &new.leaf, not_after, 3_600_000).in_ms,
        renewal::when(not_after, 3_600_000, SystemTime::now()).in_ms
    );
    service.linked(2).await;
}
