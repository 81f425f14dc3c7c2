//! The admin socket: a unix socket for the operator's command line. Whoever the kernel says is root or the owner of the process may
//! do everything; nobody else gets a word.

mod audit;
mod authority;
mod compare;
mod convert;
mod follow;
mod history;
mod inputs;
mod inventory;
mod peer;
mod socket;
mod tokens;

use std::pin::Pin;
use std::sync::Arc;

use shanty_core::ask::{Answer, Ask, InventoryAsk, One, Question, Steer, Which};
use shanty_core::hold::Hold;
use shanty_core::ids::RunNumber;
use shanty_core::limits;
use shanty_core::output::same_but::SameBut;
use shanty_core::principal::Asker;

use shanty_core::run::Run;
use shanty_core::selector::complete::Choice;
use shanty_proto::v1;
use shanty_proto::v1::admin_server::AdminServer;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use peer::asker;

pub use socket::bind;

use crate::audit::Audit;
use crate::authority::Authority;
use crate::history::History;
use crate::hub::Handle;
use crate::install::Installer;
use crate::reload::Reload;
use crate::status::status;
use crate::store::{Inputs, Output};
use crate::supervise::{Spawner, Supervisor};

/// Runs in one list at most.
const RUNS_MAX: u32 = 1_000;

/// Where hosts join, for whoever is given a token.
pub struct JoinAt {
    /// host:port of the join listener.
    pub address: String,
    /// What new hosts are installed with.
    pub installer: Installer,
}

/// Serves the socket.
pub fn start(
    supervisor: &mut Supervisor,
    listener: UnixListener,
    hub: Handle,
    (output, history): (Output, History),
    (inputs, audit): (Inputs, Audit),
    join: JoinAt,
    (same_but, reload, authority): (SameBut, Reload, Authority),
) {
    let shutdown = supervisor.shutdown();
    let admin = Admin {
        hub,
        output,
        inputs,
        history,
        audit,
        join,
        same_but,
        reload,
        authority,
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
    inputs: Inputs,
    history: History,
    audit: Audit,
    join: JoinAt,
    same_but: SameBut,
    reload: Reload,
    authority: Authority,
    spawner: Spawner,
    shutdown: CancellationToken,
}

type Answered<T> = Result<Response<T>, Status>;
type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl v1::admin_server::Admin for Admin {
    type FollowStream = Events<v1::FollowEvent>;
    type OutputStream = Events<v1::OutputChunk>;
    type InputContentStream = Events<v1::InputSlice>;
    type ExportStream = Events<v1::HistoryRun>;
    type AuditExportStream = Events<v1::AuditRecord>;

    async fn hosts(&self, request: Request<v1::HostsRequest>) -> Answered<v1::HostsReply> {
        let asker = asker(&request)?;
        let on = request.into_inner().selector;
        match self.ask(asker, Ask::Look(Question::Hosts { on })).await? {
            Answer::Hosts(view) => Ok(Response::new(convert::hosts(view))),
            other => Err(odd(&other)),
        }
    }

    async fn host_label(
        &self,
        request: Request<v1::HostLabelRequest>,
    ) -> Answered<v1::HostLabelReply> {
        let asker = asker(&request)?;
        self.labelled(asker, request.into_inner()).await
    }

    async fn host_drain(
        &self,
        request: Request<v1::HostDrainRequest>,
    ) -> Answered<v1::HostDrainReply> {
        let asker = asker(&request)?;
        self.drained(asker, request.into_inner()).await
    }

    async fn host_release(
        &self,
        request: Request<v1::HostReleaseRequest>,
    ) -> Answered<v1::HostReleaseReply> {
        let asker = asker(&request)?;
        self.released(asker, request.into_inner()).await
    }

    async fn reload(&self, request: Request<v1::Empty>) -> Answered<v1::ReloadReply> {
        let by = asker(&request)?.actor();
        let told = self.reload.ask(by).await;
        let told = told.ok_or_else(|| Status::unavailable("the controller is stopping"))?;
        Ok(Response::new(convert::reloaded(told)))
    }

    async fn groups(&self, request: Request<v1::Empty>) -> Answered<v1::GroupsReply> {
        self.all_groups(asker(&request)?).await
    }

    async fn group_save(&self, request: Request<v1::GroupSaveRequest>) -> Answered<v1::GroupInfo> {
        let asker = asker(&request)?;
        self.group_saved(asker, request.into_inner()).await
    }

    async fn group_remove(&self, request: Request<v1::GroupRemoveRequest>) -> Answered<v1::Empty> {
        let asker = asker(&request)?;
        let name = request.into_inner().name;
        self.done(asker, Ask::Inventory(InventoryAsk::RemoveGroup { name }))
            .await
    }

    async fn complete(&self, request: Request<v1::CompleteRequest>) -> Answered<v1::CompleteReply> {
        let asker = asker(&request)?;
        let typed = request.into_inner().typed;
        let choice = |Choice { value, label }: Choice| v1::Choice { value, label };
        match self
            .ask(asker, Ask::Look(Question::Complete { typed }))
            .await?
        {
            Answer::Choices(choices) => Ok(Response::new(v1::CompleteReply {
                choices: choices.into_iter().map(choice).collect(),
            })),
            other => Err(odd(&other)),
        }
    }

    async fn host_remove(&self, request: Request<v1::HostRemoveRequest>) -> Answered<v1::Empty> {
        let (asker, name) = (asker(&request)?, request.into_inner().name);
        self.done(asker, Ask::RemoveHost { name }).await
    }

    async fn host_free(&self, request: Request<v1::HostFreeRequest>) -> Answered<v1::Empty> {
        let (asker, name) = (asker(&request)?, request.into_inner().name);
        self.done(asker, Ask::FreeName { name }).await
    }

    async fn store_input(
        &self,
        request: Request<Streaming<v1::StoreInputRequest>>,
    ) -> Answered<v1::Input> {
        asker(&request)?;
        let stored = inputs::store(&self.inputs, request.into_inner()).await?;
        Ok(Response::new(stored))
    }

    async fn input_content(
        &self,
        request: Request<v1::InputContentRequest>,
    ) -> Answered<Self::InputContentStream> {
        let asker = asker(&request)?;
        let run = self.run(asker, request.into_inner().number).await?;
        let reader = inputs::open(&self.inputs, &run).await?;
        let (slices, out) = mpsc::channel(inputs::SLICES_MAX);
        self.spawner.spawn(inputs::send(reader, slices));
        Ok(Response::new(Box::pin(ReceiverStream::new(out))))
    }

    async fn start_run(&self, request: Request<v1::StartRunRequest>) -> Answered<v1::RunInfo> {
        let asker = asker(&request)?;
        let run = inputs::asked(&self.inputs, request.into_inner()).await?;
        self.begun(asker, Ask::Run(run)).await
    }

    async fn plan_run(&self, request: Request<v1::StartRunRequest>) -> Answered<v1::PlanReply> {
        let asker = asker(&request)?;
        let question = Question::Plan(inputs::asked(&self.inputs, request.into_inner()).await?);
        match self.ask(asker, Ask::Look(question)).await? {
            Answer::Previewed(preview) => Ok(Response::new(convert::plan(&preview))),
            other => Err(odd(&other)),
        }
    }

    async fn follow(&self, request: Request<v1::FollowRequest>) -> Answered<Self::FollowStream> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let run = self.run(asker, request.number).await?;
        let watch = self.hub.watch(run.spec.id).await;
        let watch = watch.map_err(|refusal| status(&refusal))?;
        let watch = watch.ok_or_else(|| Status::not_found("there is no such run"))?;
        let events = follow::follow(
            &self.spawner,
            self.output.clone(),
            watch,
            match request.quiet {
                true => follow::What::Summary(self.same_but),
                false => follow::What::Everything,
            },
            self.shutdown.clone(),
        );
        Ok(Response::new(Box::pin(events)))
    }

    async fn runs(&self, request: Request<v1::RunsRequest>) -> Answered<v1::RunsReply> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let limit = request.limit.clamp(1, RUNS_MAX) as usize;
        let (runs, short) = match request.wanted {
            Some(wanted) => self.runs_wanted(asker, wanted, limit).await?,
            None => match self.ask(asker, Ask::Look(Question::Runs { limit })).await? {
                Answer::Runs(runs) => (runs, Vec::new()),
                other => return Err(odd(&other)),
            },
        };
        let mut reply = v1::RunsReply {
            short,
            ..v1::RunsReply::default()
        };
        for run in runs {
            reply.runs.push(self.run_info(&run).await);
        }
        Ok(Response::new(reply))
    }

    async fn history(&self, request: Request<v1::HistoryRequest>) -> Answered<v1::HistoryReply> {
        let asker = asker(&request)?;
        self.look_back(asker, request.into_inner()).await
    }

    async fn export(&self, request: Request<v1::ExportRequest>) -> Answered<Self::ExportStream> {
        let asker = asker(&request)?;
        self.table(asker, request.into_inner()).await
    }

    async fn between(&self, request: Request<v1::BetweenRequest>) -> Answered<v1::BetweenReply> {
        let asker = asker(&request)?;
        self.changes(asker, request.into_inner()).await
    }

    async fn rerun(&self, request: Request<v1::RerunRequest>) -> Answered<v1::RunInfo> {
        let asker = asker(&request)?;
        self.again(asker, request.into_inner()).await
    }

    async fn plan_rerun(&self, request: Request<v1::RerunRequest>) -> Answered<v1::PlanReply> {
        let asker = asker(&request)?;
        self.plan_again(asker, request.into_inner()).await
    }

    async fn show_run(&self, request: Request<v1::ShowRunRequest>) -> Answered<v1::RunInfo> {
        let asker = asker(&request)?;
        let run = self.run(asker, request.into_inner().number).await?;
        Ok(Response::new(self.run_info(&run).await))
    }

    async fn output(&self, request: Request<v1::OutputRequest>) -> Answered<Self::OutputStream> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let run = self.run(asker, request.number).await?;
        let chunks = follow::printed(&self.spawner, self.output.clone(), &run, &request.host)?;
        Ok(Response::new(Box::pin(chunks)))
    }

    async fn cancel_run(
        &self,
        request: Request<v1::CancelRunRequest>,
    ) -> Answered<v1::CancelReply> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let which = if request.all {
            Which::All
        } else {
            Which::Number(RunNumber(request.number))
        };
        let force = request.force;
        match self.ask(asker, Ask::Cancel { which, force }).await? {
            Answer::Cancelled(done) => Ok(Response::new(v1::CancelReply {
                numbers: done.numbers.iter().map(|number| number.0).collect(),
                told: done.told,
                away: done.away,
            })),
            other => Err(odd(&other)),
        }
    }

    async fn steer_run(&self, request: Request<v1::SteerRunRequest>) -> Answered<v1::SteerReply> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let which = One::Number(RunNumber(request.number));
        let to = match request.pause {
            true => Steer::Pause,
            false => Steer::Continue,
        };
        match self.ask(asker, Ask::Steer { which, to }).await? {
            Answer::Steered(done) => Ok(Response::new(v1::SteerReply {
                number: done.number.0,
                left: u32::try_from(done.left).unwrap_or(u32::MAX),
                running: u32::try_from(done.running).unwrap_or(u32::MAX),
            })),
            other => Err(odd(&other)),
        }
    }

    async fn token_create(
        &self,
        request: Request<v1::TokenCreateRequest>,
    ) -> Answered<v1::TokenCreateReply> {
        let asker = asker(&request)?;
        self.new_token(asker, request.into_inner()).await
    }

    async fn token_list(&self, request: Request<v1::Empty>) -> Answered<v1::TokenListReply> {
        self.tokens(asker(&request)?).await
    }

    async fn token_revoke(&self, request: Request<v1::TokenRevokeRequest>) -> Answered<v1::Empty> {
        let asker = asker(&request)?;
        let id = request.into_inner().id;
        self.done(asker, Ask::RevokeToken { id }).await
    }

    async fn set_hold(&self, request: Request<v1::HoldRequest>) -> Answered<v1::HoldReply> {
        let asker = asker(&request)?;
        let request = request.into_inner();
        let hold = match request.on {
            true => Hold::on(request.reason),
            false => Hold::Off,
        };
        self.hold(asker, Ask::Hold(hold)).await
    }

    async fn get_hold(&self, request: Request<v1::Empty>) -> Answered<v1::HoldReply> {
        let asker = asker(&request)?;
        self.hold(asker, Ask::Look(Question::Hold)).await
    }

    async fn audit_verify(
        &self,
        request: Request<v1::AuditVerifyRequest>,
    ) -> Answered<v1::AuditVerifyReply> {
        asker(&request)?;
        self.verified(request.into_inner()).await
    }

    async fn audit_export(
        &self,
        request: Request<v1::AuditExportRequest>,
    ) -> Answered<Self::AuditExportStream> {
        asker(&request)?;
        let records = self.records(request.into_inner().after);
        Ok(Response::new(Box::pin(records)))
    }

    async fn ca_status(&self, request: Request<v1::Empty>) -> Answered<v1::CaStatusReply> {
        asker(&request)?;
        self.authority_stands().await
    }

    async fn ca_rotate(
        &self,
        request: Request<v1::CaRotateRequest>,
    ) -> Answered<v1::CaStatusReply> {
        let by = asker(&request)?.actor();
        self.rotated(by, request.into_inner()).await
    }

    async fn ca_retire(
        &self,
        request: Request<v1::CaRetireRequest>,
    ) -> Answered<v1::CaRetireReply> {
        let by = asker(&request)?.actor();
        self.retired(by, request.into_inner()).await
    }

    async fn ca_export(
        &self,
        request: Request<v1::CaExportRequest>,
    ) -> Answered<v1::CaExportReply> {
        let by = asker(&request)?.actor();
        self.root_exported(by, request.into_inner()).await
    }

    async fn backup(&self, request: Request<v1::BackupRequest>) -> Answered<v1::BackupReply> {
        asker(&request)?;
        self.back_up(request.into_inner()).await
    }
}

impl Admin {
    async fn ask(&self, asker: Asker, ask: Ask) -> Result<Answer, Status> {
        let answer = self.hub.ask(asker, ask).await;
        answer.map_err(|refusal| status(&refusal))
    }

    /// Asks for something of which nobody needs to be told more than that it is done.
    /// A run that is asked for, and begins.
    async fn begun(&self, asker: Asker, ask: Ask) -> Answered<v1::RunInfo> {
        match self.ask(asker, ask).await? {
            // Whoever asked has the answer in the same moment: nothing stands between it and `Go`.
            Answer::Accepted(snapshot) => {
                self.hub.taken(snapshot.run.spec.id).await;
                Ok(Response::new(convert::run(&snapshot.run)))
            }
            // The command line is never shown a preview: see `core::admission`.
            other => Err(odd(&other)),
        }
    }

    async fn done(&self, asker: Asker, ask: Ask) -> Answered<v1::Empty> {
        self.ask(asker, ask).await?;
        Ok(Response::new(v1::Empty {}))
    }

    async fn hold(&self, asker: Asker, ask: Ask) -> Answered<v1::HoldReply> {
        match self.ask(asker, ask).await? {
            Answer::Hold(answer) => Ok(Response::new(convert::hold(&answer))),
            other => Err(odd(&other)),
        }
    }

    async fn run(&self, asker: Asker, number: u64) -> Result<Arc<Run>, Status> {
        let number = RunNumber(number);
        match self.ask(asker, Ask::Look(Question::Run { number })).await? {
            Answer::Run(run) => Ok(run),
            other => Err(odd(&other)),
        }
    }
}

/// The hub answers each ask with its own kind of answer; another one is a fault of ours.
fn odd(answer: &Answer) -> Status {
    tracing::error!(?answer, "an answer of another kind than what was asked");
    Status::internal("the controller gave an answer of another kind")
}

#[cfg(test)]
mod tests;
