//! The service as its generated trait, called without a socket: who may, what a refusal becomes, and when a stream ends.

use futures_util::{StreamExt as _, poll};
use rusqlite::Connection;
use shanty_core::hold::Hold;
use shanty_core::ids::RunId;
use shanty_core::journal::Kind;
use shanty_core::principal::Actor;
use shanty_core::run::Phase;
use shanty_proto::v1::admin_server::Admin as _;
use shanty_proto::v1::follow_event;
use tokio::net::UnixStream;
use tonic::Code as Grpc;
use tonic::transport::server::UdsConnectInfo;

use super::*;
use crate::status::{CODE_KEY, NEXT_KEY};
use crate::store::Commits;
use crate::testing::{Rig, agent, let_others_go_on, spool, within};

mod streams;

/// The service on a hub.
struct Service {
    rig: Rig,
    admin: Admin,
    supervisor: Supervisor,
}

impl Service {
    async fn start() -> Self {
        let rig = Rig::start().await;
        let supervisor = Supervisor::default();
        let orders = Arc::new(shanty_certs::orders::OrderKeys::of(
            shanty_certs::orders::OrderKey::generate().unwrap(),
        ));
        let authority = Authority::open(rig.ca.clone(), orders, rig.hub.clone()).await;
        let admin = Admin {
            authority: authority.unwrap(),
            hub: rig.hub.clone(),
            output: rig.output.clone(),
            inputs: rig.inputs.clone(),
            history: rig.history(),
            audit: Audit::of(rig.data_dir(), shanty_core::output::mask::Masks::none()),
            join: JoinAt {
                address: "controller:4000".to_owned(),
                installer: Installer::new(
                    rig.data_dir().join("agents"),
                    "controller:4000".to_owned(),
                    rig.ca.pin(),
                    &[],
                ),
            },
            same_but: SameBut::default(),
            reload: Reload::unheard(),
            spawner: supervisor.spawner(),
            shutdown: supervisor.shutdown(),
        };
        Self {
            rig,
            admin,
            supervisor,
        }
    }

    async fn start_run(&self, on: &str) -> Result<v1::RunInfo, Status> {
        let answer = self.admin.start_run(asked(start(on)));
        within("an answer", answer).await.map(Response::into_inner)
    }

    /// A run of host 1 that has printed these lines and ended; its id.
    async fn ended(&self, lines: &[&str]) -> RunId {
        let _web = self.rig.link(1).await;
        let run = self.rig.run("web-01").await;
        let begun = |run: &Run| run.phase == Phase::Running;
        self.rig.seen(run, "the begin", begun).await;
        self.rig.store((run, 1), &spool(run, 1, lines).0).await;
        self.rig.over(run).await;
        run
    }
}

/// A request as the socket hands it over: the kernel vouches for this process.
fn asked<T>(message: T) -> Request<T> {
    let (one, _other) = UnixStream::pair().unwrap();
    let mut request = Request::new(message);
    request.extensions_mut().insert(UdsConnectInfo {
        peer_addr: None,
        peer_cred: Some(one.peer_cred().unwrap()),
    });
    request
}

fn start(on: &str) -> v1::StartRunRequest {
    v1::StartRunRequest {
        selector: on.to_owned(),
        command: "uptime".to_owned(),
        ..v1::StartRunRequest::default()
    }
}

/// Both codes of a status.
fn codes(status: &Status) -> (Grpc, &str) {
    let code = status.metadata().get(CODE_KEY);
    let code = code.map_or("", |code| code.to_str().unwrap());
    (status.code(), code)
}

fn hold_on() -> v1::HoldRequest {
    let reason = "db move".to_owned();
    v1::HoldRequest { on: true, reason }
}

#[tokio::test]
async fn nobody_is_heard_for_whom_the_kernel_does_not_vouch() {
    let service = Service::start().await;
    for peer in [
        None,
        Some(UdsConnectInfo {
            peer_addr: None,
            peer_cred: None,
        }),
    ] {
        let mut request = Request::new(hold_on());
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let status = service.admin.set_hold(request).await.unwrap_err();
        assert_eq!(codes(&status), (Grpc::Unauthenticated, ""));
    }
    assert_eq!(service.rig.kinds(), []);
}

#[tokio::test]
async fn what_is_done_is_recorded_with_the_user_that_the_kernel_names() {
    let service = Service::start().await;
    let hold = service.admin.set_hold(asked(hold_on()));
    within("an answer", hold).await.unwrap();
    let records = service.rig.journal.records();
    let last = records.last().unwrap();
    assert_eq!(last.kind, Kind::Hold(Hold::on("db move")));
    let own = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap();
    let user = own.expect("this process has a user").name;
    assert_eq!(last.actor, Actor::Socket { user });
}

#[tokio::test]
async fn refusals_have_a_status_our_code_and_what_to_do_next() {
    let service = Service::start().await;
    let none_online = service.start_run("web-01").await.unwrap_err();
    assert_eq!(codes(&none_online), (Grpc::Unavailable, "E_ALL_OFFLINE"));
    assert!(none_online.message().contains("web-01"), "{none_online}");
    let next = none_online.metadata().get_bin(NEXT_KEY).unwrap();
    let next = next.to_bytes().unwrap();
    assert!(next.starts_with(b"Look with `shanty hosts`"), "{next:?}");

    let _web = service.rig.link(1).await;
    let selector = service.start_run("nobody").await.unwrap_err();
    assert_eq!(codes(&selector), (Grpc::InvalidArgument, "E_SELECTOR"));
    let show = v1::ShowRunRequest { number: 7 };
    let show = service.admin.show_run(asked(show)).await.unwrap_err();
    assert_eq!(codes(&show), (Grpc::NotFound, "E_NOT_FOUND"));
    let install = v1::TokenCreateRequest {
        install: true,
        ..v1::TokenCreateRequest::default()
    };
    let install = service
        .admin
        .token_create(asked(install))
        .await
        .unwrap_err();
    assert_eq!(codes(&install), (Grpc::NotFound, "E_NOT_FOUND"));
    let tokens = service.admin.token_list(asked(v1::Empty {})).await.unwrap();
    assert!(tokens.into_inner().tokens.is_empty(), "none was made");

    let label = v1::TokenCreateRequest {
        labels: [("no good".to_owned(), String::new())].into(),
        ..v1::TokenCreateRequest::default()
    };
    let label = service.admin.token_create(asked(label)).await.unwrap_err();
    assert_eq!(codes(&label), (Grpc::InvalidArgument, "E_LABEL"));

    let hold = service.admin.set_hold(asked(hold_on()));
    within("an answer", hold).await.unwrap();
    let held = service.start_run("web-01").await.unwrap_err();
    assert_eq!(codes(&held), (Grpc::FailedPrecondition, "E_HOLD"));
}

#[tokio::test]
async fn a_journal_that_does_not_write_and_a_hub_that_has_stopped_are_unavailable() {
    let mut service = Service::start().await;
    let _web = service.rig.link(1).await;
    service.rig.journal.commit(Commits::Never);
    let storage = service.start_run("web-01").await.unwrap_err();
    assert_eq!(codes(&storage), (Grpc::Unavailable, "E_STORAGE"));
    service.rig.shutdown.cancel();
    service.rig.stopped().await;
    let stopping = service.start_run("web-01").await.unwrap_err();
    assert_eq!(codes(&stopping), (Grpc::Unavailable, "E_STOPPING"));
}

#[tokio::test]
async fn a_run_begins_when_its_answer_is_given() {
    let service = Service::start().await;
    let mut web = service.rig.link(1).await;
    service.rig.journal.commit(Commits::Later);
    let mut starting = Box::pin(service.admin.start_run(asked(start("web-01"))));
    assert!(poll!(&mut starting).is_pending());
    service.rig.hub.known().await.unwrap();
    assert!(poll!(&mut starting).is_pending(), "it is not recorded yet");
    service.rig.journal.commit(Commits::AtOnce);
    let info = within("an answer", starting).await.unwrap().into_inner();
    assert_eq!((info.number, info.command.as_str()), (1, "uptime"));
    assert_eq!(info.state(), v1::run_info::State::Accepted);
    assert_eq!(web.order().await.run, info.run);
}

#[tokio::test]
async fn a_run_whose_asker_has_left_is_given_up() {
    let service = Service::start().await;
    let mut web = service.rig.link(1).await;
    web.said();
    service.rig.journal.commit(Commits::Later);
    {
        let mut starting = Box::pin(service.admin.start_run(asked(start("web-01"))));
        assert!(poll!(&mut starting).is_pending());
    }
    service.rig.journal.commit(Commits::AtOnce);
    let given_up = |kind: &Kind| matches!(kind, Kind::Expired { .. });
    service.rig.recorded("the end", given_up).await;
    service.rig.hub.known().await.unwrap();
    assert_eq!(web.said(), []);
}

#[tokio::test]
async fn a_stop_says_who_was_told_and_who_is_away() {
    let service = Service::start().await;
    let mut one = service.rig.link(1).await;
    let two = service.rig.link(2).await;
    let run = service.rig.run("role=web").await;
    one.order().await;
    service.rig.hub.link_down(two.agent, two.id).await;
    let cancel = v1::CancelRunRequest {
        number: 1,
        ..v1::CancelRunRequest::default()
    };
    let reply = service.admin.cancel_run(asked(cancel)).await.unwrap();
    let reply = reply.into_inner();
    assert_eq!(reply.numbers, [1]);
    assert_eq!(
        (reply.told, reply.away),
        (vec!["web-01".to_owned()], vec!["web-02".to_owned()])
    );
    assert!(one.is_told_to_stop(run).await);
}

#[tokio::test]
async fn a_token_is_shown_once_with_where_to_join() {
    let service = Service::start().await;
    let create = v1::TokenCreateRequest::default();
    let made = service.admin.token_create(asked(create)).await.unwrap();
    let made = made.into_inner();
    assert_eq!(made.join, "controller:4000");
    let parts: Vec<&str> = made.token.split('.').collect();
    assert_eq!((parts[0], parts[1]), ("sht1", made.id.as_str()));
    let list = service.admin.token_list(asked(v1::Empty {})).await.unwrap();
    let [listed] = &list.into_inner().tokens[..] else {
        panic!("one token")
    };
    assert_eq!((&listed.id, listed.uses_max, listed.uses), (&made.id, 1, 0));
    let shown = format!("{:?}", service.rig.kinds());
    assert!(!shown.contains(parts[2]), "its secret is not recorded");
}
