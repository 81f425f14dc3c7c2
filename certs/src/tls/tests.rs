//! Real handshakes over an in-memory pipe: who gets through, and what each side is told otherwise.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, SanType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::agent::AgentKey;
use crate::csr::Csr;

const AGENT: [u8; 16] = [0xa5; 16];
const DAY: Duration = Duration::from_secs(86_400);

fn ca_at(now: SystemTime) -> Arc<Ca> {
    let dir = tempfile::tempdir().unwrap();
    Arc::new(Ca::open_or_create(&dir.path().join("ca"), now).unwrap())
}

fn ca() -> Arc<Ca> {
    ca_at(SystemTime::now())
}

fn agent_at(ca: &Ca, now: SystemTime) -> AgentIdentity {
    let key = AgentKey::generate().unwrap();
    let csr = Csr::check(&key.csr().unwrap()).unwrap();
    let chain = ca.issue_agent(&csr, AGENT, now, DAY * 365).unwrap();
    let chain: Vec<_> = chain.iter().map(|der| der.to_vec()).collect();
    AgentIdentity::new(&key, &chain, &ca.pin()).unwrap()
}

fn agent(ca: &Ca) -> AgentIdentity {
    agent_at(ca, SystemTime::now())
}

/// A certificate below `ca` that the authority itself would not issue.
fn odd_leaf(
    ca: &Ca,
    change: impl FnOnce(&mut CertificateParams),
) -> (Vec<CertificateDer<'static>>, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = vec![agent_uri(ca.trust_domain().as_str())];
    change(&mut params);
    let leaf = ca.sign(params, &key);
    (vec![leaf, ca.issuing()[0].clone()], key)
}

fn agent_uri(domain: &str) -> SanType {
    uri(&format!("spiffe://{domain}/agent/{}", hex::encode(AGENT)))
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

/// A client that trusts `ca` and presents any chain.
fn client_with(
    ca: &Ca,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Arc<ClientConfig> {
    let verifier = verify::ControllerVerifier::rooted(ca.root(), provider()).unwrap();
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(chain, key)
        .unwrap();
    client(config)
}

fn client_with_odd_leaf(ca: &Ca, change: impl FnOnce(&mut CertificateParams)) -> Arc<ClientConfig> {
    let (chain, key) = odd_leaf(ca, change);
    client_with(ca, chain, PrivateKeyDer::Pkcs8(key.serialize_der().into()))
}

fn server_with(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    hardened(config, &[ALPN])
}

/// What each side saw: the server's peer, or the error; the byte that the server sent, or the error.
struct Outcome {
    server: Result<Option<PeerIdentity>, io::Error>,
    client: Result<u8, io::Error>,
}

async fn handshake(server: Arc<ServerConfig>, client: Arc<ClientConfig>, ca: &Ca) -> Outcome {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let serve = async {
        let mut stream = TlsAcceptor::from(server).accept(far).await?;
        stream.write_all(b"!").await?;
        stream.shutdown().await?;
        let connection = stream.get_ref().1;
        assert_eq!(connection.alpn_protocol(), Some(ALPN));
        assert_eq!(
            connection.handshake_kind(),
            Some(rustls::HandshakeKind::Full)
        );
        Ok(peer_identity(connection, ca.trust_domain()).ok())
    };
    let dial = async {
        let mut stream = TlsConnector::from(client)
            .connect(server_name(), near)
            .await?;
        // With TLS 1.3 a client learns only from the first read whether its certificate was taken.
        stream.read_u8().await
    };
    let both = async { tokio::join!(serve, dial) };
    let (server, client) = tokio::time::timeout(Duration::from_secs(30), both)
        .await
        .expect("a handshake ends");
    Outcome { server, client }
}

async fn link(ca: &Arc<Ca>, client: Arc<ClientConfig>) -> Outcome {
    let server = link_server(ca, Revoked::default()).unwrap();
    handshake(server, client, ca).await
}

/// Asserts that the server refused with this error, and that the client read nothing.
fn assert_server_said(outcome: &Outcome, expected: &str) {
    let error = outcome.server.as_ref().expect_err("the server refuses");
    let said = agent_refused(error).map_or_else(|| error.to_string(), ToString::to_string);
    assert!(said.contains(expected), "{said}");
    assert!(outcome.client.is_err());
}

fn refused(outcome: &Outcome) -> ServerRefused {
    assert!(outcome.server.is_err());
    let error = outcome.client.as_ref().expect_err("the client refuses");
    server_refused(error)
        .unwrap_or_else(|| panic!("{error}"))
        .clone()
}

#[tokio::test]
async fn an_agent_links_to_its_controller_and_is_known_by_its_id() {
    let ca = ca();
    let identity = agent(&ca);
    let config = link_client(&identity).unwrap();
    let server = link_server(&ca, Revoked::default()).unwrap();
    for _ in 0..3 {
        let outcome = handshake(server.clone(), config.clone(), &ca).await;
        assert_eq!(outcome.server.unwrap().as_ref(), Some(identity.peer()));
        assert_eq!(outcome.client.unwrap(), b'!');
    }
}

#[tokio::test]
async fn an_agent_outlives_the_issuing_certificate_that_it_joined_with() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("ca");
    let now = SystemTime::now();
    let old = Ca::open_or_create(&place, now - DAY * 400).unwrap();
    let identity = agent_at(&old, now - DAY * 200);
    let renewed = Arc::new(Ca::open_or_create(&place, now).unwrap());
    let outcome = link(&renewed, link_client(&identity).unwrap()).await;
    assert_eq!(outcome.client.unwrap(), b'!');
}

#[tokio::test]
async fn the_link_takes_no_one_without_a_certificate_of_ours() {
    let ca = ca();
    let anonymous = join_client(ca.pin()).unwrap();
    assert_server_said(&link(&ca, anonymous).await, "peer sent no certificates");

    let foreign = self::ca();
    let stranger = agent(&foreign);
    let [leaf, issuing, _] = stranger.chain().clone();
    let config = client_with(
        &ca,
        vec![leaf, issuing],
        PrivateKeyDer::Pkcs8(stranger.key()),
    );
    assert_server_said(&link(&ca, config).await, "UnknownIssuer");

    let expired = agent_at(&ca, SystemTime::now() - DAY * 366);
    let outcome = link(&ca, link_client(&expired).unwrap()).await;
    assert_server_said(&outcome, "certificate expired");

    let early = agent_at(&ca, SystemTime::now() + DAY);
    let outcome = link(&ca, link_client(&early).unwrap()).await;
    assert_server_said(&outcome, "not valid yet");
}

#[tokio::test]
async fn the_link_takes_only_agents_of_this_trust_domain() {
    let ca = ca();
    let domain = ca.trust_domain().as_str();
    let hex = hex::encode(AGENT);
    let named = |names: Vec<SanType>| client_with_odd_leaf(&ca, |p| p.subject_alt_names = names);
    for (names, expected) in [
        (vec![agent_uri(domain), agent_uri(domain)], "2 URI names"),
        (
            vec![SanType::DnsName("web-01".try_into().unwrap())],
            "0 URI names",
        ),
        (vec![], "0 URI names"),
        (
            vec![agent_uri("other.shanty.internal")],
            "trust domain other",
        ),
        (vec![agent_uri(&domain.to_uppercase())], "trust domain"),
        (
            vec![uri(&format!("spiffe://{domain}/controller/{hex}"))],
            "one of a controller",
        ),
        (
            vec![uri(&format!("spiffe://{domain}/agent/"))],
            "is not spiffe",
        ),
        (
            vec![uri(&format!("spiffe://{domain}/agent/../{hex}"))],
            "is not spiffe",
        ),
        (
            vec![agent_uri(domain), SanType::DnsName("x".try_into().unwrap())],
            "other names",
        ),
    ] {
        assert_server_said(&link(&ca, named(names)).await, expected);
    }
}

#[tokio::test]
async fn the_link_takes_only_certificates_for_clients() {
    let ca = ca();
    let chain = ca.controller_chain();
    let controller = client_with(&ca, chain, PrivateKeyDer::Pkcs8(ca.controller_key()));
    assert_server_said(&link(&ca, controller).await, "certificate does not allow");
    for usages in [
        vec![],
        vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ],
        vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::Any,
        ],
    ] {
        let config = client_with_odd_leaf(&ca, |p| p.extended_key_usages = usages);
        assert_server_said(&link(&ca, config).await, "key usages");
    }
}

#[tokio::test]
async fn a_revoked_agent_is_refused_from_the_next_handshake_on() {
    let ca = ca();
    let config = link_client(&agent(&ca)).unwrap();
    let revoked = Revoked::default();
    let server = link_server(&ca, revoked.clone()).unwrap();
    let before = handshake(server.clone(), config.clone(), &ca).await;
    assert!(before.client.is_ok());
    revoked.insert(AGENT);
    let after = handshake(server, config, &ca).await;
    assert_server_said(&after, "revoked");
    assert!(says_revoked(&after.client.unwrap_err()));
    assert!(!says_revoked(&io::Error::other("x")));
}

#[tokio::test]
async fn an_agent_is_no_server() {
    let ca = ca();
    let impostor = agent(&ca);
    let server = server_with(
        impostor.chain().to_vec(),
        PrivateKeyDer::Pkcs8(impostor.key()),
    );
    let link = handshake(server.clone(), link_client(&agent(&ca)).unwrap(), &ca).await;
    assert!(link.client.is_err() && link.server.is_err());
    let join = handshake(server, join_client(ca.pin()).unwrap(), &ca).await;
    assert!(join.client.is_err() && join.server.is_err());

    // Not even one with the name and the usage of a server.
    let (mut chain, key) = odd_leaf(&ca, |p| {
        p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        p.subject_alt_names
            .push(SanType::DnsName(SERVER_NAME.try_into().unwrap()));
    });
    chain.push(ca.root().clone());
    let server = server_with(chain, PrivateKeyDer::Pkcs8(key.serialize_der().into()));
    for config in [
        link_client(&agent(&ca)).unwrap(),
        join_client(ca.pin()).unwrap(),
    ] {
        let outcome = handshake(server.clone(), config, &ca).await;
        assert!(matches!(
            refused(&outcome),
            ServerRefused::Identity(IdentityError::Role { .. })
        ));
    }
}

#[tokio::test]
async fn an_agent_links_only_to_its_own_installation() {
    let (ca, foreign) = (ca(), ca());
    let server = link_server(&foreign, Revoked::default()).unwrap();
    let outcome = handshake(server, link_client(&agent(&ca)).unwrap(), &ca).await;
    assert_stranger(&outcome);
}

/// Whoever answers with a certificate of another authority is refused, and named.
fn assert_stranger(outcome: &Outcome) {
    let refused = refused(outcome);
    assert!(
        matches!(&refused, ServerRefused::Stranger { by } if by.starts_with("CN=")),
        "{refused}"
    );
}

#[test]
fn who_signed_is_shown_in_what_can_be_seen_of_it() {
    let mut params = CertificateParams::default();
    let name = "Corp \u{1b}[31mProxy`\u{202e}\n".to_owned() + &"x".repeat(500);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let der = params.self_signed(&key).unwrap().der().clone();
    let by = identity::signer(&der);
    assert!(by.starts_with("CN=Corp ?[31mProxy'??xxx"), "{by}");
    assert!(by.len() <= 120);
    assert!(identity::signer(&CertificateDer::from(b"torn".to_vec())).contains("cannot be read"));
}

#[tokio::test]
async fn joining_needs_the_pinned_root() {
    let ca = ca();
    let server = join_server(&ca).unwrap();
    let good = handshake(server.clone(), join_client(ca.pin()).unwrap(), &ca).await;
    assert_eq!(good.client.unwrap(), b'!');

    let pinned = RootPin::from_bytes([9; 32]);
    let wrong = handshake(server.clone(), join_client(pinned).unwrap(), &ca).await;
    let presented = ca.pin();
    let by = identity::signer(&ca.controller_chain()[0]);
    let expected = ServerRefused::Pin {
        pinned,
        presented,
        by,
    };
    assert_eq!(refused(&wrong), expected);
    let text = refused(&wrong).to_string();
    assert!(text.contains(&pinned.to_string()) && text.contains(&presented.to_string()));

    let of_issuing = identity::pin_of(&ca.issuing()[0]).unwrap();
    let outcome = handshake(server, join_client(of_issuing).unwrap(), &ca).await;
    assert!(matches!(refused(&outcome), ServerRefused::Pin { .. }));
}

#[tokio::test]
async fn a_copy_of_the_root_does_not_make_a_controller() {
    let (ca, foreign) = (ca(), ca());
    let mut chain = foreign.controller_chain();
    chain[2] = ca.root().clone();
    let server = server_with(chain, PrivateKeyDer::Pkcs8(foreign.controller_key()));
    let outcome = handshake(server, join_client(ca.pin()).unwrap(), &ca).await;
    assert_stranger(&outcome);
}

#[tokio::test]
async fn a_chain_without_root_is_refused_for_joining() {
    let ca = ca();
    let key = || PrivateKeyDer::Pkcs8(ca.controller_key());
    let pinned = ca.pin();
    let [leaf, issuing, _] = <[_; 3]>::try_from(ca.controller_chain()).unwrap();
    let server = server_with(vec![leaf.clone()], key());
    let outcome = handshake(server, join_client(pinned).unwrap(), &ca).await;
    assert!(matches!(refused(&outcome), ServerRefused::NoRoot { .. }));
    let server = server_with(vec![leaf, issuing], key());
    let outcome = handshake(server, join_client(pinned).unwrap(), &ca).await;
    assert!(matches!(refused(&outcome), ServerRefused::Pin { .. }));
}

#[test]
fn downloaders_may_speak_the_older_http_at_the_join_listener_only() {
    let ca = ca();
    let join = join_server(&ca).unwrap();
    assert_eq!(join.alpn_protocols, [ALPN, b"http/1.1"]);
    let link = link_server(&ca, Revoked::default()).unwrap();
    assert_eq!(link.alpn_protocols, [ALPN]);
}

#[tokio::test]
async fn another_issuing_key_is_taken_into_use_and_the_former_retired_under_open_listeners() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Arc::new(Ca::open_or_create(&dir.path().join("ca"), SystemTime::now()).unwrap());
    let now = SystemTime::now();
    let server = link_server(&ca, Revoked::default()).unwrap();
    let old = agent(&ca);
    let gets_in = async |identity: &AgentIdentity| {
        let client = link_client(identity).unwrap();
        let outcome = handshake(server.clone(), client, &ca).await;
        outcome.server.is_ok() && outcome.client.is_ok()
    };
    ca.prepare(None, now).unwrap();
    assert!(gets_in(&old).await);
    ca.activate(now).unwrap();
    let new = agent(&ca);
    assert!(ca.is_by_former(old.leaf()) && !ca.is_by_former(new.leaf()));
    assert!(ca.is_ours(old.leaf()) && ca.is_ours(new.leaf()));
    assert!(gets_in(&old).await && gets_in(&new).await);
    ca.retire(now).unwrap();
    assert!(gets_in(&new).await);
    assert!(!ca.is_ours(old.leaf()) && ca.is_ours(new.leaf()));
    let client = link_client(&old).unwrap();
    let outcome = handshake(server.clone(), client, &ca).await;
    assert!(outcome.server.is_err(), "though it sends what signed it");
    let said = outcome.client.unwrap_err();
    assert!(says_expired(&said), "another can be asked for: {said}");
}

#[tokio::test]
async fn an_authority_that_was_put_back_from_before_a_rotation_takes_hosts_that_renewed_since() {
    let dir = tempfile::tempdir().unwrap();
    let (place, backup) = (dir.path().join("ca"), dir.path().join("backup"));
    let now = SystemTime::now();
    let ca = Ca::open_or_create(&place, now - DAY).unwrap();
    std::fs::create_dir(&backup).unwrap();
    for entry in std::fs::read_dir(&place).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), backup.join(entry.file_name())).unwrap();
    }
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&backup, private).unwrap();
    ca.prepare(None, now).unwrap();
    ca.activate(now).unwrap();
    let renewed = agent(&ca);
    let restored = Arc::new(Ca::open_or_create(&backup, now).unwrap());
    assert!(!restored.is_ours(renewed.leaf()));
    let outcome = link(&restored, link_client(&renewed).unwrap()).await;
    assert_eq!(outcome.client.unwrap(), b'!');
    // Not by another root, however new.
    let foreign = ca_at(now);
    let stranger = agent(&foreign);
    let (key, chain) = (stranger.key(), stranger.chain());
    let chain = chain[..2].to_vec();
    let client = client_with(&restored, chain, PrivateKeyDer::Pkcs8(key));
    assert!(link(&restored, client).await.server.is_err());
}
