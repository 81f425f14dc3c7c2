//! The admin socket: a unix socket for the operator's command line. Whoever the kernel says is root or the owner of the process may
//! do everything; nobody else gets a word.

mod convert;
mod follow;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::pin::Pin;

use anyhow::Context as _;
use shanty_core::admission::RunRequest;
use shanty_core::ids::{Labels, RunNumber};
use shanty_core::limits;
use shanty_core::principal::Asker;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::selector::complete::Choice;
use shanty_proto::v1;
use shanty_proto::v1::admin_server::AdminServer;
use tokio::net::UnixListener;
use tokio_stream::Stream;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::UdsConnectInfo;
use tonic::{Request, Response, Status};

use crate::hub::{Answered, Handle, Which};
use crate::status::status;
use crate::store::Output;
use crate::supervise::{Spawner, Supervisor};

/// Runs in one list at most.
const RUNS_MAX: u32 = 1_000;

/// Binds the socket, readable and writable by its owner only. A socket that nobody listens on any more is replaced.
///
/// # Errors
/// The path cannot be bound, or another controller listens on it.
pub fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        anyhow::bail!(
            "another controller listens on {}: stop it first",
            path.display()
        );
    }
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("replace {}", path.display())),
    }
    let listener = UnixListener::bind(path)
        .with_context(|| format!("bind the admin socket {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("restrict {}", path.display()))?;
    Ok(listener)
}

/// Serves the socket.
pub fn start(
    supervisor: &mut Supervisor,
    listener: UnixListener,
    hub: Handle,
    output: Output,
    join: String,
) {
    let shutdown = supervisor.shutdown();
    let admin = Admin {
        hub,
        output,
        join,
        spawner: supervisor.spawner(),
        shutdown: supervisor.shutdown(),
    };
    let service = AdminServer::new(admin).max_decoding_message_size(limits::FRAME_BYTES_MAX);
    supervisor.start("admin socket", async move {
        Server::builder()
            .add_service(service)
            .serve_with_incoming_shutdown(
                UnixListenerStream::new(listener),
                shutdown.cancelled_owned(),
            )
            .await?;
        Ok(())
    });
}

struct Admin {
    hub: Handle,
    output: Output,
    /// host:port of the join listener, for whoever is given a token.
    join: String,
    spawner: Spawner,
    shutdown: CancellationToken,
}

type Answer<T> = Result<Response<T>, Status>;
type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl v1::admin_server::Admin for Admin {
    type FollowStream = Events<v1::FollowEvent>;
    type OutputStream = Events<v1::OutputChunk>;

    async fn hosts(&self, request: Request<v1::HostsRequest>) -> Answer<v1::HostsReply> {
        let asker = asker(&request)?;
        let view = self.hub.hosts(asker, request.into_inner().selector).await;
        Ok(Response::new(convert::hosts(
            view.map_err(|refusal| status(&refusal))?,
        )))
    }

    async fn host_label(
        &self,
        request: Request<v1::HostLabelRequest>,
    ) -> Answer<v1::HostLabelReply> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let changed = self
            .hub
            .label(asker, request.selector, request.changes)
            .await;
        let changed = changed.map_err(|refusal| status(&refusal))?;
        Ok(Response::new(v1::HostLabelReply {
            hosts: changed.iter().map(convert::labelled).collect(),
        }))
    }

    async fn host_drain(
        &self,
        request: Request<v1::HostDrainRequest>,
    ) -> Answer<v1::HostDrainReply> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let names = self.hub.drain(asker, request.selector, request.on).await;
        let names = names.map_err(|refusal| status(&refusal))?;
        Ok(Response::new(v1::HostDrainReply {
            names: names.iter().map(ToString::to_string).collect(),
        }))
    }

    async fn groups(&self, request: Request<v1::Empty>) -> Answer<v1::GroupsReply> {
        let groups = self.hub.groups(asker(&request)?).await;
        let groups = groups.map_err(|refusal| status(&refusal))?;
        Ok(Response::new(v1::GroupsReply {
            groups: groups.iter().map(convert::group).collect(),
        }))
    }

    async fn group_save(&self, request: Request<v1::GroupSaveRequest>) -> Answer<v1::GroupInfo> {
        let asker = asker(&request)?;
        let by = asker.principal();
        let request = request.into_inner();
        let saved = self
            .hub
            .group_save(asker, request.name, request.selector)
            .await;
        let saved = saved.map_err(|refusal| status(&refusal))?;
        Ok(Response::new(convert::saved_group(&saved, &by)))
    }

    async fn group_remove(&self, request: Request<v1::GroupRemoveRequest>) -> Answer<v1::Empty> {
        let asker = asker(&request)?;
        done(
            self.hub
                .group_remove(asker, request.into_inner().name)
                .await,
        )
    }

    async fn complete(&self, request: Request<v1::CompleteRequest>) -> Answer<v1::CompleteReply> {
        let asker = asker(&request)?;
        let choices = self.hub.complete(asker, request.into_inner().typed).await;
        let choice = |choice: Choice| v1::Choice {
            value: choice.value,
            label: choice.label,
        };
        Ok(Response::new(v1::CompleteReply {
            choices: choices.into_iter().map(choice).collect(),
        }))
    }

    async fn host_remove(&self, request: Request<v1::HostRemoveRequest>) -> Answer<v1::Empty> {
        let user = user(&request)?;
        done(self.hub.host_remove(user, request.into_inner().name).await)
    }

    async fn start_run(&self, request: Request<v1::StartRunRequest>) -> Answer<v1::RunInfo> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let some = |text: String| (!text.is_empty()).then_some(text);
        let run = RunRequest {
            on: request.selector,
            command: request.command,
            timeout: some(request.timeout),
            run_as: some(request.run_as),
            offline: some(request.offline),
        };
        let answered = self.hub.run(asker, run).await;
        let snapshot = match answered.map_err(|refusal| status(&refusal))? {
            Answered::Accepted(snapshot) => snapshot,
            // The command line is never asked: see `core::admission`.
            Answered::Previewed(_) => {
                return Err(Status::internal("asked where nobody can answer"));
            }
        };
        // Whoever asked has the answer in the same moment: nothing stands between it and `Go`.
        self.hub.go(snapshot.run.spec.id).await;
        Ok(Response::new(convert::run(&snapshot.run)))
    }

    async fn follow(&self, request: Request<v1::FollowRequest>) -> Answer<Self::FollowStream> {
        let asker = asker(&request)?;
        let number = RunNumber(request.into_inner().number);
        let run = self
            .hub
            .show(asker, number)
            .await
            .map_err(|refusal| status(&refusal))?;
        let watch = self
            .hub
            .watch(run.spec.id)
            .await
            .map_err(|refusal| status(&refusal))?;
        let events = follow::follow(
            &self.spawner,
            self.output.clone(),
            watch,
            self.shutdown.clone(),
        );
        Ok(Response::new(Box::pin(events)))
    }

    async fn runs(&self, request: Request<v1::RunsRequest>) -> Answer<v1::RunsReply> {
        let asker = asker(&request)?;
        let limit = request.into_inner().limit.clamp(1, RUNS_MAX);
        let runs = self
            .hub
            .runs(asker, limit as usize)
            .await
            .map_err(|refusal| status(&refusal))?;
        Ok(Response::new(v1::RunsReply {
            runs: runs.iter().map(convert::run).collect(),
        }))
    }

    async fn show_run(&self, request: Request<v1::ShowRunRequest>) -> Answer<v1::RunInfo> {
        let asker = asker(&request)?;
        let number = RunNumber(request.into_inner().number);
        let run = self
            .hub
            .show(asker, number)
            .await
            .map_err(|refusal| status(&refusal))?;
        Ok(Response::new(convert::run(&run)))
    }

    async fn output(&self, request: Request<v1::OutputRequest>) -> Answer<Self::OutputStream> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let number = RunNumber(request.number);
        let run = self
            .hub
            .show(asker, number)
            .await
            .map_err(|refusal| status(&refusal))?;
        let mut of: Vec<_> = run
            .executions()
            .filter(|(_, execution)| {
                request.host.is_empty() || execution.name.as_str() == request.host
            })
            .map(|(agent, execution)| (agent, execution.name.to_string()))
            .collect();
        if of.is_empty() {
            let what = format!("Run {number} was not for that host.");
            let next = format!("`shanty runs show {}` names its hosts.", number.0);
            return Err(status(&Refusal::new(Code::NotFound, what, next)));
        }
        of.sort_by(|a, b| a.1.cmp(&b.1));
        let chunks = follow::stored(&self.spawner, self.output.clone(), run.spec.id, of);
        Ok(Response::new(Box::pin(chunks)))
    }

    async fn cancel_run(&self, request: Request<v1::CancelRunRequest>) -> Answer<v1::CancelReply> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let which = if request.all {
            Which::All
        } else {
            Which::Number(RunNumber(request.number))
        };
        let done = self.hub.cancel(asker, which, request.force).await;
        let done = done.map_err(|refusal| status(&refusal))?;
        Ok(Response::new(v1::CancelReply {
            numbers: done.numbers.iter().map(|number| number.0).collect(),
            told: done.told,
            away: done.away,
        }))
    }

    async fn token_create(
        &self,
        request: Request<v1::TokenCreateRequest>,
    ) -> Answer<v1::TokenCreateReply> {
        let user = user(&request)?;
        let request = request.into_inner();
        let labels = labels(&request.labels)?;
        let uses = if request.uses_max == 0 {
            1
        } else {
            request.uses_max
        };
        let ttl_ms = if request.ttl_ms == 0 {
            limits::TOKEN_MS.0
        } else {
            request.ttl_ms
        };
        let token = self.hub.token_create(user, labels, uses, ttl_ms).await;
        let token = token.map_err(|refusal| status(&refusal))?;
        Ok(Response::new(v1::TokenCreateReply {
            token: token.text.to_string(),
            id: token.id,
            expires_ms: token.expires_ms,
            join: self.join.clone(),
        }))
    }

    async fn token_list(&self, request: Request<v1::Empty>) -> Answer<v1::TokenListReply> {
        user(&request)?;
        let rows = self
            .hub
            .token_list()
            .await
            .map_err(|refusal| status(&refusal))?;
        Ok(Response::new(v1::TokenListReply {
            tokens: rows.iter().map(convert::token).collect(),
        }))
    }

    async fn token_revoke(&self, request: Request<v1::TokenRevokeRequest>) -> Answer<v1::Empty> {
        let user = user(&request)?;
        done(self.hub.token_revoke(user, request.into_inner().id).await)
    }

    async fn set_hold(&self, request: Request<v1::HoldRequest>) -> Answer<v1::Empty> {
        let asker = asker(&request)?;
        done(self.hub.hold(asker, request.into_inner().on).await)
    }
}

fn done(result: Result<(), Refusal>) -> Answer<v1::Empty> {
    result
        .map(|()| Response::new(v1::Empty {}))
        .map_err(|refusal| status(&refusal))
}

fn labels(map: &std::collections::HashMap<String, String>) -> Result<Labels, Status> {
    shanty_proto::convert::labels_from_wire(map).map_err(|error| {
        let why = std::error::Error::source(&error)
            .map_or_else(|| error.to_string(), ToString::to_string);
        status(&Refusal::new(
            Code::Label,
            why,
            "Write for example `role=web`.",
        ))
    })
}

fn asker<T>(request: &Request<T>) -> Result<Asker, Status> {
    Ok(Asker::Local {
        user: user(request)?,
    })
}

/// The user at the other end, by the kernel's word.
fn user<T>(request: &Request<T>) -> Result<String, Status> {
    let info = request.extensions().get::<UdsConnectInfo>();
    let peer = info.and_then(|info| info.peer_cred);
    let peer =
        peer.ok_or_else(|| Status::unauthenticated("the kernel does not say who you are"))?;
    let own = nix::unistd::geteuid().as_raw();
    if peer.uid() != 0 && peer.uid() != own {
        return Err(Status::permission_denied(
            "only root and the owner of the controller may use its admin socket",
        ));
    }
    let known = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(peer.uid()));
    Ok(known
        .ok()
        .flatten()
        .map_or_else(|| format!("uid-{}", peer.uid()), |user| user.name))
}
