//! What the hosts of a run printed, compared anew for one person: as for its card, from what is stored now.

use std::collections::HashMap;

use shanty_core::ids::AgentId;
use shanty_core::run::{Compared, Run, Target};
use shanty_core::view::{self, Card};

use crate::discord::Edge;
use crate::discord::publish::read_one;
use crate::history::beginning;
use crate::store::StoreError;

/// Bytes that are read of an output to show how its beginning differs.
const BEGINNING_MAX: usize = 64 * 1024;

/// The groups as the card has them. What was deleted or is damaged is not known whole, and is compared exactly.
pub(super) async fn compare(edge: &Edge, run: &Run) -> Result<Compared, StoreError> {
    let targets = run.spec.targets.iter();
    let targets: HashMap<AgentId, &Target> = targets.map(|to| (to.agent, to)).collect();
    let mut texts = HashMap::new();
    for agent in run.comparable() {
        if let Some(target) = targets.get(&agent) {
            let single = read_one(&edge.output, run, target).await?;
            texts.extend(single.whole().map(|text| (agent, text)));
        }
    }
    Ok(run.compared(edge.style.same_but, |agent| texts.remove(&agent)))
}

/// How what few hosts printed differs from what most did.
pub(super) async fn differences(edge: &Edge, run: &Run) -> Result<Card, StoreError> {
    let Compared { groups, texts } = compare(edge, run).await?;
    let mut shown = HashMap::new();
    for group in view::diff_shown(&groups) {
        let first = group.first();
        let text = match texts.get(&first) {
            Some((text, _)) => Some(text.clone()),
            None => beginning(&edge.output, (run.spec.id, first), BEGINNING_MAX).await?,
        };
        shown.extend(text.map(|text| (first, text)));
    }
    Ok(view::diff_card(run, &groups, &shown))
}
