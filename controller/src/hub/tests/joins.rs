//! A host joins: its certificate, and when it gets that.

use shanty_certs::agent::AgentKey;
use shanty_certs::csr::Csr;
use shanty_certs::token::secret_sha256;
use shanty_core::ask::TokenRequest;
use shanty_core::ids::Labels;
use zeroize::Zeroizing;

use super::*;

const SECRET: [u8; 32] = [7; 32];

/// A hub with a token for two hosts.
async fn with_token() -> Rig {
    let rig = Rig::start().await;
    let token = TokenRequest {
        id: "abc".to_owned(),
        secret_sha256: secret_sha256(&SECRET),
        labels: Labels::parse("role=web").unwrap(),
        names: String::new(),
        uses_max: 2,
        ttl_ms: 60_000,
    };
    let made = within("a token", asking(&rig, Ask::CreateToken(token))).await;
    assert!(matches!(made, Ok(Answer::TokenCreated { .. })), "{made:?}");
    rig
}

fn request(secret: [u8; 32], name: &str) -> JoinRequest {
    let key = AgentKey::generate().unwrap();
    JoinRequest {
        token: "abc".to_owned(),
        secret: Zeroizing::new(secret.to_vec()),
        name: name.to_owned(),
        csr: Csr::check(&key.csr().unwrap()).unwrap(),
    }
}

#[tokio::test]
async fn a_host_gets_its_certificate_when_its_entry_is_committed() {
    let rig = with_token().await;
    rig.journal.commit(Commits::Later);
    let mut joining = Box::pin(rig.hub.join(request(SECRET, "web-09")));
    assert!(poll!(&mut joining).is_pending());
    heard(&rig).await;
    assert!(poll!(&mut joining).is_pending());
    rig.journal.commit(Commits::AtOnce);
    let identity = within("an identity", joining).await.unwrap();
    assert_eq!(identity.name.as_str(), "web-09");
    let [issuing, root] = rig.ca.issuers_of(&identity.chain[0]);
    assert_eq!(identity.chain.len(), 3);
    assert_eq!(identity.chain[1..], [issuing.to_vec(), root.to_vec()]);

    let enrolled = rig.kinds().into_iter().find_map(|kind| match kind {
        Kind::Enrolled(enrolled) => Some(enrolled),
        _ => None,
    });
    let enrolled = enrolled.expect("it is recorded");
    assert_eq!(enrolled.leaf, identity.chain[0]);
    assert_eq!(enrolled.agent, identity.agent);
    assert_eq!(enrolled.labels.value("role"), Some("web"));
}

#[tokio::test]
async fn a_host_whose_entry_cannot_be_recorded_gets_nothing() {
    let rig = with_token().await;
    rig.journal.commit(Commits::Never);
    let join = rig.hub.join(request(SECRET, "web-09"));
    let refusal = within("an answer", join).await.unwrap_err();
    assert_eq!(refusal.code, Code::Storage);
    rig.journal.commit(Commits::AtOnce);
    // Neither the name nor a use of the token is gone.
    for name in ["web-09", "web-10"] {
        let join = rig.hub.join(request(SECRET, name));
        within("an identity", join).await.unwrap();
    }
    let join = rig.hub.join(request(SECRET, "web-11"));
    let refusal = within("an answer", join).await.unwrap_err();
    assert_eq!(refusal.code, Code::Token);
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let rig = with_token().await;
    let join = rig.hub.join(request([8; 32], "web-09"));
    let refusal = within("an answer", join).await.unwrap_err();
    assert_eq!(refusal.code, Code::Token);
    let known = rig.hub.known().await.unwrap();
    assert!(known.state.host_named("web-09").is_none());
}
