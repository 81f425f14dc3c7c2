//! One group or one host of a run opened from a menu, how outputs differ, and all that was printed as files: for who pressed, and nobody
//! else.
//!
//! Whether the person may see the run is asked anew at each press. Reading may take longer than the three seconds of an answer, so that
//! an answer is promised first and filled later, as long as its interaction lasts.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use shanty_core::ask::Question;
use shanty_core::causes::chain;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::output::same_but::SameBut;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::{Run, Target};
use shanty_core::view::{self, Audience, Card, Opened, Picked};

use super::card::look;
use super::compare::{compare, differences};
use super::promised::{promise, sent};
use super::refuse;
use crate::discord::Edge;
use crate::discord::call::Call;
use crate::discord::commands::Invocation;
use crate::discord::publish::{Delivered, FilesError, deliver_all, deliver_one, read_one};
use crate::discord::requests::RequestError;

/// For so long a promised answer can be filled. Discord takes it for 15 min.
const ANSWER_TIME: Duration = Duration::from_secs(14 * 60);

/// Shows what was picked.
pub(super) async fn open(
    edge: &Edge,
    invocation: &Invocation,
    id: RunId,
    picked: Picked,
    thread: Option<(u64, u64)>,
) {
    let Some((run, target)) = seen(edge, invocation, id, picked.agent()).await else {
        return;
    };
    if !promise(edge, invocation, Audience::Asker).await {
        return;
    }
    in_time(async {
        let card = {
            let _turn = edge.reads.card().await;
            match opened(edge, &run, &target, picked).await {
                Ok(opened) => view::open_card(&run, &Opened { thread, ..opened }),
                Err(refusal) => view::refusal_card(&refusal),
            }
        };
        show(edge, invocation, &card).await;
    })
    .await;
}

/// Gives all that a host printed.
pub(super) async fn whole(edge: &Edge, invocation: &Invocation, id: RunId, agent: AgentId) {
    let Some((run, target)) = seen(edge, invocation, id, agent).await else {
        return;
    };
    let delivered = deliver_one(&edge.output, &run, &target, &edge.spool_dir);
    give(edge, invocation, &run, delivered).await;
}

/// Gives all that the hosts of a run printed.
pub(super) async fn files(edge: &Edge, invocation: &Invocation, id: RunId) {
    let run = match look(edge, invocation, Question::RunOf { id }).await {
        Ok(run) => run,
        Err(refusal) => return refuse(edge, invocation, &refusal).await,
    };
    let delivered = deliver_all(&edge.output, &run, &edge.spool_dir);
    give(edge, invocation, &run, delivered).await;
}

/// Writes files in their turn, and gives them to who asked.
async fn give(
    edge: &Edge,
    invocation: &Invocation,
    run: &Run,
    delivered: impl Future<Output = Result<Delivered, FilesError>>,
) {
    let Some(request) = edge.reads.one_request(invocation.user) else {
        let refusal = Refusal::new(
            Code::Rate,
            "Other files that you asked for are still under way.",
            "Ask again when you have them.",
        );
        return refuse(edge, invocation, &refusal).await;
    };
    if !promise(edge, invocation, Audience::Asker).await {
        return;
    }
    in_time(async {
        let _turn = request.turn().await;
        let delivered = delivered.await.map_err(|error| unread(run, &error));
        deliver(edge, invocation, delivered).await;
    })
    .await;
}

/// Does what fills an answer, while that can be filled.
pub(super) async fn in_time(work: impl Future<Output = ()>) {
    if tokio::time::timeout(ANSWER_TIME, work).await.is_err() {
        tracing::warn!("a promised answer was not filled: its interaction is over");
    }
}

/// Shows how what few hosts printed differs from what most did.
pub(super) async fn diff(edge: &Edge, invocation: &Invocation, id: RunId) {
    let run = match look(edge, invocation, Question::RunOf { id }).await {
        Ok(run) => run,
        Err(refusal) => return refuse(edge, invocation, &refusal).await,
    };
    if !promise(edge, invocation, Audience::Asker).await {
        return;
    }
    in_time(async {
        let card = {
            let _turn = edge.reads.card().await;
            match differences(edge, &run).await {
                Ok(card) => card,
                Err(error) => view::refusal_card(&unread(&run, &error)),
            }
        };
        show(edge, invocation, &card).await;
    })
    .await;
}

/// The run and its host, when the person may see the run and it has that host; else they are told why not.
async fn seen(
    edge: &Edge,
    invocation: &Invocation,
    id: RunId,
    agent: AgentId,
) -> Option<(Arc<Run>, Target)> {
    let refusal = match look(edge, invocation, Question::RunOf { id }).await {
        Ok(run) => {
            let mut targets = run.spec.targets.iter();
            match targets.find(|target| target.agent == agent).cloned() {
                Some(target) => return Some((run, target)),
                None => Refusal::new(
                    Code::NotFound,
                    format!("{} has no such host. There is nothing to show.", run.number),
                    "Pick one from the menu on its card.",
                ),
            }
        }
        Err(refusal) => refusal,
    };
    refuse(edge, invocation, &refusal).await;
    None
}

async fn opened(
    edge: &Edge,
    run: &Run,
    target: &Target,
    picked: Picked,
) -> Result<Opened, Refusal> {
    let mut same_but = SameBut::default();
    let group = match picked {
        Picked::Host(_) => None,
        Picked::Group(agent) => {
            let compared = compare(edge, run).await;
            let compared = compared.map_err(|error| unread(run, &error))?;
            let has = |hosts: &[(AgentId, _)]| hosts.iter().any(|(member, _)| *member == agent);
            let mut groups = compared.groups.into_iter();
            let group = groups.find(|group| has(&group.hosts));
            let text = group
                .as_ref()
                .and_then(|group| compared.texts.get(&group.first()));
            same_but = text.map_or(same_but, |(_, found)| *found);
            group
        }
    };
    let single = read_one(&edge.output, run, target).await;
    let single = single.map_err(|error| unread(run, &error))?;
    Ok(Opened {
        agent: target.agent,
        group,
        same_but,
        printed: single.printed(run),
        lines: single.lines(),
        bytes: single.bytes(),
        remark: single.remark(),
        thread: None,
    })
}

/// Why nothing can be shown, for people; what the system said is for the log.
fn unread(run: &Run, error: &dyn std::error::Error) -> Refusal {
    tracing::error!(run.id = %run.spec.id, "what was printed cannot be given to somebody: {}", chain(error));
    Refusal::new(
        Code::Storage,
        "What was printed could not be read. The controller's log says why.",
        "Try again, or tell who looks after the controller.",
    )
}

/// Fills a promised answer with a card; where Discord does not take it, with why.
pub(super) async fn show(edge: &Edge, invocation: &Invocation, card: &Card) {
    let to = invocation.reply_to();
    if let Some(why) = fill(edge, &edge.requests.edit_original(to, card)).await {
        let refusal = Refusal::new(
            Code::TooLong,
            format!("What was asked for cannot be shown: {why}."),
            "`shanty runs output` on the controller's machine shows it.",
        );
        let card = view::refusal_card(&refusal);
        fill(edge, &edge.requests.edit_original(to, &card)).await;
    }
}

/// Fills the promised answer with files; where Discord does not take those, with why.
pub(super) async fn deliver(
    edge: &Edge,
    invocation: &Invocation,
    delivered: Result<Delivered, Refusal>,
) {
    let to = invocation.reply_to();
    let refusal = match delivered {
        Ok(Delivered { text, files }) => {
            let call = edge.requests.fill_with_files(to, &text, &files);
            let Some(why) = fill(edge, &call).await else {
                return;
            };
            Refusal::new(
                Code::TooLong,
                format!("Discord did not take the files: {why}."),
                "`shanty runs output` on the controller's machine gives all of it.",
            )
        }
        Err(refusal) => refusal,
    };
    let card: Card = view::refusal_card(&refusal);
    fill(edge, &edge.requests.edit_original(to, &card)).await;
}

/// Fills the promised answer; gives why that cannot be.
async fn fill(edge: &Edge, call: &Result<Call, RequestError>) -> Option<String> {
    sent(edge, call).await.err()
}
