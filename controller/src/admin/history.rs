//! What the command line asks of the history.

use std::collections::BTreeSet;
use std::sync::Arc;

use shanty_core::ask::{Answer, Ask, Part, Question};
use shanty_core::history::{Counted, Found, Short, Turn, Wanted, csv_line};
use shanty_core::hub::Known;
use shanty_core::ids::RunNumber;
use shanty_core::output::sanitise::unfenced;
use shanty_core::principal::Asker;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::Run;
use shanty_core::selector::fold::fold;
use shanty_core::view::run_result;
use shanty_proto::convert::principal_to_wire;
use shanty_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use super::{Admin, Answered, Events, RUNS_MAX, convert, odd};
use crate::history::{Extent, Total};
use crate::status::status;
use crate::store::Shown;

/// Runs of a table that wait for the command line.
const TABLE_MAX: usize = 64;

impl Admin {
    /// The runs that are looked for, whole, and why there may be more.
    pub(super) async fn runs_wanted(
        &self,
        asker: Asker,
        wanted: v1::Wanted,
        limit: usize,
    ) -> Result<(Vec<Arc<Run>>, Vec<String>), Status> {
        let wanted = self.wanted(wanted).await?;
        let extent = Extent::of(limit, Total::Unknown);
        let page = self
            .history
            .page(asker.clone(), wanted, Turn::Newest, extent);
        let page = page.await.map_err(|refusal| status(&refusal))?;
        let mut runs = Vec::with_capacity(page.runs.len());
        for found in page.runs {
            runs.push(self.run(asker.clone(), found.entry.number.0).await?);
        }
        Ok((runs, told(&page.short)))
    }

    /// A run with what its people are called and the way to it.
    pub(super) async fn run_info(&self, run: &Run) -> v1::RunInfo {
        let shown = self.history.shown(run.spec.id).await;
        let stopper = self.stopper(run).await;
        let cancel = convert::stopped(run);
        let known = self.hub.known().await.ok();
        let users = known.as_ref().map(|known| known.users_of(run));
        v1::RunInfo {
            users: users.unwrap_or_default(),
            waits: known.map_or_else(Vec::new, |known| waits(&known, run)),
            by_name: self.history.name(&run.spec.origin.principal()).await,
            link: shown.and_then(link).unwrap_or_default(),
            result: run_result(run, &stopper),
            stopped_ms: cancel.map_or(0, |cancel| cancel.at_ms),
            stopped_by: cancel.map_or_else(String::new, |_| stopper),
            ..convert::run(run)
        }
    }

    /// What they are called who asked to stop a run; nothing when nobody did.
    async fn stopper(&self, run: &Run) -> String {
        match &run.cancel {
            Some(cancel) => cancel.by.called(&self.history.name(&cancel.by).await),
            None => String::new(),
        }
    }

    pub(super) async fn look_back(
        &self,
        asker: Asker,
        request: v1::HistoryRequest,
    ) -> Answered<v1::HistoryReply> {
        let wanted = self.wanted(request.wanted.unwrap_or_default()).await?;
        let limit = request.limit.clamp(1, RUNS_MAX) as usize;
        let extent = Extent::of(limit, Total::Counted);
        let page = self
            .history
            .page(asker.clone(), wanted, Turn::Newest, extent);
        let page = page.await.map_err(|refusal| status(&refusal))?;
        let (total, counted) = page.total.unwrap_or((0, Counted::More));
        let mut reply = v1::HistoryReply {
            runs: Vec::with_capacity(page.runs.len()),
            total,
            more: counted == Counted::More,
            short: told(&page.short),
        };
        for found in page.runs {
            let name = self.history.name(&found.entry.by).await;
            let result = match self.run(asker.clone(), found.entry.number.0).await {
                Ok(run) => run_result(&run, &self.stopper(&run).await),
                // What the history knows is said all the same.
                Err(_) => String::new(),
            };
            reply.runs.push(v1::HistoryRun {
                result,
                ..history_run(found, name)
            });
        }
        Ok(Response::new(reply))
    }

    /// Step by step: what is not taken is not read.
    pub(super) async fn table(
        &self,
        asker: Asker,
        request: v1::ExportRequest,
    ) -> Answered<Events<v1::HistoryRun>> {
        let wanted = self.wanted(request.wanted.unwrap_or_default()).await?;
        let table = self.history.table(asker, wanted).await;
        let mut table = table.map_err(|refusal| status(&refusal))?;
        let (tx, rx) = mpsc::channel(TABLE_MAX);
        let shutdown = self.shutdown.clone();
        let send = async move {
            loop {
                let step = match table.next().await {
                    Ok(step) if step.is_empty() => {
                        let end = v1::HistoryRun {
                            last: true,
                            short: told(table.short()),
                            ..v1::HistoryRun::default()
                        };
                        tx.send(Ok(end)).await.ok(); // it left
                        return;
                    }
                    Ok(step) => step,
                    Err(refusal) => {
                        tx.send(Err(status(&refusal))).await.ok(); // it left
                        return;
                    }
                };
                for (found, name) in step {
                    let row = match request.csv {
                        true => v1::HistoryRun {
                            csv: csv_line(&found.entry, &name),
                            ..v1::HistoryRun::default()
                        },
                        false => history_run(found, name),
                    };
                    if tx.send(Ok(row)).await.is_err() {
                        return;
                    }
                }
            }
        };
        self.spawner.spawn(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = send => {}
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(rx))))
    }

    pub(super) async fn changes(
        &self,
        asker: Asker,
        request: v1::BetweenRequest,
    ) -> Answered<v1::BetweenReply> {
        let (from, to) = (RunNumber(request.from), RunNumber(request.to));
        let told = self.history.differences(asker, from, to).await;
        let told = told.map_err(|refusal| status(&refusal))?;
        let changes = told.between.changes().into_iter();
        let changes = changes.map(|(change, hosts)| v1::BetweenChange {
            hosts: fold(hosts.iter().map(String::as_str)),
            count: u32::try_from(hosts.len()).unwrap_or(u32::MAX),
            from: change.how.0.clone(),
            to: change.how.1.clone(),
            lines: change.lines.clone().map(unfenced),
        });
        Ok(Response::new(v1::BetweenReply {
            changes: changes.collect(),
            left_out: told.between.more() as u64,
            from: Some(self.run_info(&told.from).await),
            to: Some(self.run_info(&told.to).await),
        }))
    }

    pub(super) async fn again(
        &self,
        asker: Asker,
        request: v1::RerunRequest,
    ) -> Answered<v1::RunInfo> {
        let part = part(request.part());
        let run = self.run(asker.clone(), request.number).await?.spec.id;
        let seen = (!request.seen.is_empty()).then_some(request.seen);
        self.begun(asker, Ask::Again { run, part, seen }).await
    }

    pub(super) async fn plan_again(
        &self,
        asker: Asker,
        request: v1::RerunRequest,
    ) -> Answered<v1::PlanReply> {
        let part = part(request.part());
        let run = self.run(asker.clone(), request.number).await?.spec.id;
        let question = Question::PlanAgain { run, part };
        match self.ask(asker, Ask::Look(question)).await? {
            Answer::Previewed(preview) => Ok(Response::new(convert::plan(&preview))),
            other => Err(odd(&other)),
        }
    }

    /// What was typed, with those that a name may mean.
    async fn wanted(&self, wanted: v1::Wanted) -> Result<Wanted, Status> {
        let who = match wanted.by {
            Some(name) if name.trim().is_empty() => {
                let what = "Nobody is named. Nothing was looked for.";
                let next = "Name somebody, such as ann or local:root, or leave `--by` out for runs of anybody.";
                return Err(status(&Refusal::new(Code::BadOption, what, next)));
            }
            Some(name) => self.history.names().named(&name).await.map_err(|error| {
                tracing::error!(%error, "what people are called cannot be read");
                let what = "What people are called cannot be read. Nothing was looked for.";
                let next = "Give the id instead of the name, such as discord:3001; the controller's log says why.";
                status(&Refusal::new(Code::Storage, what, next))
            })?,
            None => Vec::new(),
        };
        Ok(Wanted {
            who,
            on: wanted.selector,
            since: wanted.since,
            state: wanted.state,
            text: wanted.text,
        })
    }
}

/// The hosts where its command waits until more of its output is stored.
fn waits(known: &Known, run: &Run) -> Vec<String> {
    let open = (!run.is_over()).then_some(run.spec.id);
    let snapshot = open.and_then(|id| known.snapshot(id));
    snapshot.map_or_else(Vec::new, |snapshot| snapshot.spool_full)
}

fn told(short: &BTreeSet<Short>) -> Vec<String> {
    short.iter().map(|short| short.text().to_owned()).collect()
}

const fn part(asked: v1::rerun_request::Part) -> Part {
    use v1::rerun_request::Part as Asked;
    match asked {
        Asked::Unspecified | Asked::All => Part::All,
        Asked::Failed => Part::Failed,
        Asked::Odd => Part::Odd,
        Asked::Missed => Part::Missed,
    }
}

fn history_run(found: Found, name: String) -> v1::HistoryRun {
    let Found { entry, hit } = found;
    let (guild, channel) = entry.place.unwrap_or((0, 0));
    let (hit_host, hit_text) = hit.map_or_else(Default::default, |hit| (hit.host, hit.text));
    v1::HistoryRun {
        number: entry.number.0,
        run: entry.id.to_string(),
        by: Some(principal_to_wire(&entry.by)),
        name,
        guild,
        channel,
        accepted_ms: entry.accepted_ms,
        closed_ms: entry.closed_ms,
        selector: entry.selector,
        command: entry.command,
        run_as: entry.run_as.unwrap_or_default(),
        timeout_ms: entry.timeout_ms,
        state: entry.stand.as_str().to_owned(),
        ok: entry.ok,
        counted: entry.counted,
        took_ms: entry.took_ms,
        hosts: entry.hosts,
        hit_host,
        hit_text,
        csv: String::new(),
        result: String::new(),
        last: false,
        short: Vec::new(),
    }
}

/// The way to the thread of a run, or to its card.
fn link(shown: Shown) -> Option<String> {
    let guild = shown.guild?;
    let place = match (shown.thread, shown.message) {
        (Some(thread), _) => thread.to_string(),
        (None, Some(message)) => format!("{}/{message}", shown.channel),
        (None, None) => return None,
    };
    Some(format!("https://discord.com/channels/{guild}/{place}"))
}
