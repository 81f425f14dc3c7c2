//! Identities of hosts while they live: who may call what with which certificate, and one that ran out.

use std::time::{Duration, SystemTime};

use shanty_certs::agent::{AgentIdentity, AgentKey};
use shanty_certs::ca::Ca;
use shanty_certs::csr::Csr;
use shanty_tests::{Options, World, peer, wait};
use tonic::Code;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

use crate::programs;

pub(crate) const WEB: [(&str, &str); 1] = [("web-01", "role=web")];
const DAY: Duration = Duration::from_secs(86_400);

/// Certificates that live so long.
pub(crate) fn leaves_of(life: &str) -> Options {
    Options {
        limits: format!("[identities]\nleaf = {life:?}\n"),
        ..Options::default()
    }
}

/// With what somebody comes to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credential {
    None,
    Agent,
    Expired,
    Revoked,
    OtherAuthority,
    Controller,
}

/// What becomes of a call with nothing in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Became {
    /// There is no connection for it.
    NoConnection,
    /// This is said of it.
    Said(Code),
}

/// What each method says to each credential at the link's port, and to anybody at the join port. One that is not named here must not exist.
fn expected(method: &str) -> Option<([(Credential, Became); 6], Became)> {
    use Became::{NoConnection, Said};
    let only_agents = |to_an_agent| {
        [
            (Credential::None, NoConnection),
            (Credential::Agent, Said(to_an_agent)),
            (Credential::Expired, NoConnection),
            (Credential::Revoked, NoConnection),
            (Credential::OtherAuthority, NoConnection),
            (Credential::Controller, NoConnection),
        ]
    };
    let absent = Said(Code::Unimplemented);
    Some(match method {
        // Reached: what is said is said of the call, in which nothing is.
        "/shanty.v1.Enroll/Join" | "/shanty.v1.Enroll/RenewLate" => (
            only_agents(Code::Unimplemented),
            Said(Code::InvalidArgument),
        ),
        "/shanty.v1.Agents/Link" => (only_agents(Code::FailedPrecondition), absent),
        "/shanty.v1.Agents/FetchInput" => (only_agents(Code::InvalidArgument), absent),
        // Nothing beside a link that was taken.
        "/shanty.v1.Agents/Renew" => (only_agents(Code::FailedPrecondition), absent),
        // On the admin socket only, which takes people of this machine by their user id.
        _ if method.starts_with("/shanty.v1.Admin/") => (only_agents(Code::Unimplemented), absent),
        _ => return None,
    })
}

/// Calls a method with an empty message, as a stream of one.
async fn call(channel: Channel, method: &str) -> Became {
    let mut grpc = Grpc::new(channel);
    if grpc.ready().await.is_err() {
        return Became::NoConnection;
    }
    let path = PathAndQuery::try_from(method).unwrap();
    let request = tonic::Request::new(tokio_stream::once(()));
    let codec = ProstCodec::<(), ()>::default();
    let answered = match grpc.streaming(request, path, codec).await {
        Ok(answer) => answer.into_inner().message().await.map(|_| ()),
        Err(status) => Err(status),
    };
    match answered {
        Ok(()) => Became::Said(Code::Ok),
        // What the transport says by itself: the handshake, or what stands for it, failed.
        Err(status)
            if matches!(
                status.code(),
                Code::Unknown | Code::Unavailable | Code::Internal
            ) =>
        {
            Became::NoConnection
        }
        Err(status) => Became::Said(status.code()),
    }
}

/// A certificate of this authority for an agent, issued at this time for a day, as PEM.
fn issued(ca: &Ca, agent: [u8; 16], at: SystemTime) -> String {
    let key = AgentKey::generate().unwrap();
    let csr = Csr::check(&key.csr().unwrap()).unwrap();
    let chain = ca.issue_agent(&csr, agent, at, DAY).unwrap();
    let chain: Vec<Vec<u8>> = chain.iter().map(|der| der.to_vec()).collect();
    let identity = AgentIdentity::new(&key, &chain, &ca.pin()).unwrap();
    identity.to_pem().to_string()
}

#[tokio::test]
async fn each_call_is_for_its_own_credential_and_no_other() {
    let hosts = [("web-01", "role=web"), ("web-02", "role=web")];
    let mut world = World::with_hosts(&programs(), Options::default(), &hosts).await;
    let pem = |host: usize| {
        let path = world.hosts[host].data.join("identity.pem");
        std::fs::read_to_string(path).unwrap()
    };
    let (own, removed) = (pem(0), pem(1));
    let own_identity = AgentIdentity::from_pem(own.as_bytes()).unwrap();
    let (agent, root) = (own_identity.peer().agent, own_identity.pin());
    let directory = world.dir.path().join("controller/ca");
    let controller = std::fs::read_to_string(directory.join("controller.pem")).unwrap();
    let issuing = std::fs::read_to_string(directory.join("issuing.pem")).unwrap();
    let issuing = &issuing[issuing.find("-----BEGIN CERTIFICATE").unwrap()..];
    let controller = format!("{controller}{issuing}");
    let now = SystemTime::now();
    let ca = Ca::open_or_create(&directory, now).unwrap();
    let expired = issued(&ca, agent, now - 2 * DAY);
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Ca::open_or_create(&elsewhere.path().join("ca"), now).unwrap();
    let foreign = issued(&other, agent, now);
    let ran = world.shanty(&["hosts", "revoke", "web-02", "--yes"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let mut revoked = world.host("web-02").take_agent();
    assert_eq!(revoked.ended().await, 77);

    let link = world.ready["agents"].as_str().unwrap();
    let join = world.join_address();
    for method in shanty_proto::METHODS {
        let expected = expected(method);
        let (at_link, at_join) = expected.unwrap_or_else(|| panic!("{method}: who may call it?"));
        for (credential, became) in at_link {
            let with: &[&str] = match credential {
                Credential::None => &[],
                Credential::Agent => &[&own],
                Credential::Expired => &[&expired],
                Credential::Revoked => &[&removed],
                Credential::OtherAuthority => &[&foreign],
                Credential::Controller => &[&controller],
            };
            let got = match peer::connect(link, root, with).await {
                Ok(channel) => call(channel, method).await,
                Err(_) => Became::NoConnection,
            };
            assert_eq!(got, became, "{method} at the link's port by {credential:?}");
        }
        let channel = peer::connect(&join, root, &[]).await.unwrap();
        let got = call(channel, method).await;
        assert_eq!(got, at_join, "{method} at the join port");
    }
    world.end().await;
}

/// The key of a certificate that an agent keeps, as the journal says it; and when it runs out.
pub(crate) fn kept(world: &World) -> (String, SystemTime) {
    let path = world.hosts[0].data.join("identity.pem");
    let text = std::fs::read(path).unwrap();
    let peer = AgentIdentity::from_pem(&text).unwrap().peer().clone();
    let digits: String = peer.key_sha256.iter().map(|b| format!("{b:02x}")).collect();
    (digits, peer.not_after)
}

#[tokio::test]
async fn a_host_whose_certificate_ran_out_while_it_was_off_comes_back_by_itself() {
    let mut world = World::with_hosts(&programs(), leaves_of("2s"), &WEB).await;
    world.host("web-01").stop().await;
    let (first, not_after) = kept(&world);
    let over = || SystemTime::now() > not_after + Duration::from_secs(1);
    wait::until_true("a certificate to run out", over).await;
    // Ready when it has a link.
    world.host("web-01").run("keep").await;
    assert_ne!(kept(&world).0, first);
    let log = world.controller().log();
    assert!(
        log.contains("renewed its certificate after it ran out"),
        "{log}"
    );
    world.end().await;
}
