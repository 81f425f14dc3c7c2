//! What can be looked at from the card of a run: the form to change it, its command, each host, how outputs differ. Whether the person
//! may is asked anew each time, and past runs are read again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use shanty_core::ask::{Answer, Ask, Question};
use shanty_core::ids::{AgentId, RunId};
use shanty_core::output::sanitise;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::{Compared, Loosely, Run};
use shanty_core::spool::Record;
use shanty_core::view::{self, Audience, Card};

use super::{change, refuse, send, show};
use crate::discord::Edge;
use crate::discord::commands::Invocation;
use crate::store::StoreError;

/// Bytes that are read of the output of one host.
const OUTPUT_MAX: usize = 64 * 1024;

/// Outputs that are read for one comparison.
const COMPARED_MAX: usize = 32;

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

/// Shows how what few hosts printed differs from what most did.
pub(super) async fn diff(edge: &Edge, invocation: &Invocation, id: RunId) {
    let card = match look(edge, invocation, Question::RunOf { id }).await {
        Ok(run) => compared(edge, &run).await,
        Err(refusal) => Err(refusal),
    };
    for_asker(edge, invocation, card).await;
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

async fn compared(edge: &Edge, run: &Run) -> Result<Card, Refusal> {
    let (compared, beginnings) = compare(edge, run).await?;
    Ok(view::diff_card(run, &compared.groups, &beginnings))
}

/// Compares as the card does, without what outputs may differ in; also gives what was compared of each host that stands for others.
pub(super) async fn compare(
    edge: &Edge,
    run: &Run,
) -> Result<(Compared, HashMap<AgentId, String>), Refusal> {
    let exact = run.groups(&Loosely::new());
    let mut beginnings: HashMap<AgentId, String> = HashMap::new();
    let mut whole = HashSet::new();
    let ran = exact.iter().filter(|group| group.how.exit_code().is_some());
    for group in ran.take(COMPARED_MAX) {
        let first = group.first();
        let bytes = output(edge, run.spec.id, first).await.map_err(|error| {
            Refusal::new(
                Code::Storage,
                "What the hosts printed could not be read.",
                format!("Try again. The reason: {error}"),
            )
        })?;
        if bytes.len() < OUTPUT_MAX {
            whole.insert(first);
        }
        beginnings.insert(first, sanitise::whole(&bytes));
    }
    let compared = run.compared(edge.style.same_but, |agent| {
        let text = beginnings.get(&agent).filter(|_| whole.contains(&agent));
        text.cloned()
    });
    let texts = compared.texts.iter();
    beginnings.extend(texts.map(|(agent, (text, _))| (*agent, text.clone())));
    Ok((compared, beginnings))
}

/// The beginning of what a host printed.
async fn output(edge: &Edge, run: RunId, agent: AgentId) -> Result<Vec<u8>, StoreError> {
    let mut records = edge.output.records(run, agent, 0);
    let mut output = Vec::new();
    while output.len() < OUTPUT_MAX {
        match records.next().await? {
            Some((Record::Out { bytes, .. } | Record::Err { bytes, .. }, _)) => {
                let room = OUTPUT_MAX - output.len();
                output.extend(bytes.iter().take(room));
            }
            Some(_) => {}
            None => break,
        }
    }
    Ok(output)
}
