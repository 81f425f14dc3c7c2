//! What can be looked at from the card of a run: the form to change it, its command, each host. Whether the person may is asked anew each
//! time, and past runs are read again.

use std::sync::Arc;

use shanty_core::ask::{Answer, Ask, Question};
use shanty_core::ids::RunId;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::Run;
use shanty_core::view::{self, Audience, Card};

use super::{change, refuse, send, show};
use crate::discord::Edge;
use crate::discord::commands::Invocation;

/// Opens the form in which what was run can be changed.
pub(super) async fn edit(edge: &Edge, invocation: &Invocation, id: RunId) {
    let run = look(edge, invocation, Question::Edit { id }).await;
    match run.and_then(|run| view::edit_sheet(&run)) {
        Ok(sheet) => {
            let call = edge.requests.open_form(invocation.reply_to(), &sheet);
            send(edge, call, "a form").await;
        }
        Err(refusal) => refuse(edge, invocation, &refusal).await,
    }
}

/// Shows what was run as a text to copy.
pub(super) async fn copy(edge: &Edge, invocation: &Invocation, id: RunId) {
    let run = look(edge, invocation, Question::RunOf { id }).await;
    for_asker(edge, invocation, run.and_then(|run| view::copy_card(&run))).await;
}

/// Shows a page of how it went on each host.
pub(super) async fn by_host(
    edge: &Edge,
    invocation: &Invocation,
    id: RunId,
    (page, turns): (usize, bool),
    thread: Option<(u64, u64)>,
) {
    let run = look(edge, invocation, Question::RunOf { id }).await;
    let card = run.map(|run| view::by_host_card(&run, page, thread));
    match card {
        Ok(card) if turns => change(edge, invocation, &card).await,
        card => for_asker(edge, invocation, card).await,
    }
}

async fn for_asker(edge: &Edge, invocation: &Invocation, card: Result<Card, Refusal>) {
    match card {
        Ok(card) => show(edge, invocation, &card, Audience::Asker).await,
        Err(refusal) => refuse(edge, invocation, &refusal).await,
    }
}

pub(super) async fn look(
    edge: &Edge,
    invocation: &Invocation,
    question: Question,
) -> Result<Arc<Run>, Refusal> {
    let asked = edge.hub.ask(invocation.asker(), Ask::Look(question));
    match asked.await? {
        Answer::Run(run) => Ok(run),
        _ => Err(Refusal::new(
            Code::Stale,
            "There is nothing to show of this run.",
            "`/runs` shows the last ones.",
        )),
    }
}
