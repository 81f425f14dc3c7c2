//! What the hosts of a run that is over printed, compared as chat compares it: for people who see each output once.

use std::collections::HashMap;

use shanty_core::output::same_but::SameBut;
use shanty_core::output::sanitise::Sanitiser;
use shanty_core::run::{Execution, Group, Run};
use shanty_core::spool::{Record, Stream};

use crate::store::{Output, StoreError};

/// The groups as a card has them. What cannot be read whole is compared exactly.
pub(super) async fn groups(output: &Output, run: &Run, same_but: SameBut) -> Vec<Group> {
    let mut texts = HashMap::new();
    for agent in run.comparable() {
        let ended = run.execution(agent).and_then(Execution::outcome);
        let mut records = output.records(run.spec.id, agent, 0).expecting(ended);
        let mut text = Text::default();
        let read: Result<(), StoreError> = async {
            while let Some((record, _)) = records.next().await? {
                text.feed(&record);
            }
            records.rest().for_each(|(record, _)| text.feed(&record));
            Ok(())
        }
        .await;
        if read.is_ok() {
            texts.extend(text.whole().map(|text| (agent, text)));
        }
    }
    let compared = run.compared(same_but, |agent| texts.remove(&agent));
    compared.groups
}

/// What people read of an output.
#[derive(Default)]
struct Text {
    sanitiser: Sanitiser,
    text: String,
    has_hole: bool,
}

impl Text {
    fn feed(&mut self, record: &Record) {
        let (stream, bytes) = match record {
            Record::Out { bytes, .. } => (Stream::Out, bytes),
            Record::Err { bytes, .. } => (Stream::Err, bytes),
            Record::Truncated { .. } => {
                self.has_hole = true;
                return;
            }
            Record::Header(_) | Record::Exit(_) | Record::Unknown { .. } => return,
        };
        self.sanitiser.push_from(stream, bytes, &mut self.text);
    }

    fn whole(mut self) -> Option<String> {
        self.sanitiser.finish(&mut self.text);
        (!self.has_hole).then_some(self.text)
    }
}
