//! The beginning of what a host printed, as people may read it.

use shanty_core::ids::{AgentId, RunId};
use shanty_core::output::sanitise::Sanitiser;
use shanty_core::spool::{Record, Stream};

use crate::store::{Output, StoreError, Unreadable};

/// The beginning of what a host printed: that of so many bytes. Nothing when it is gone or cannot be read.
///
/// # Errors
/// The store cannot be read now.
pub async fn beginning(
    output: &Output,
    (run, agent): (RunId, AgentId),
    bytes_max: usize,
) -> Result<Option<String>, StoreError> {
    let mut records = output.records(run, agent, 0);
    let (mut sanitiser, mut text) = (Sanitiser::new(), String::new());
    let mut room = bytes_max;
    let mut feed = |record: &Record| {
        let (stream, bytes) = match record {
            Record::Out { bytes, .. } => (Stream::Out, bytes),
            Record::Err { bytes, .. } => (Stream::Err, bytes),
            Record::Header(_)
            | Record::Exit(_)
            | Record::Truncated { .. }
            | Record::Unknown { .. } => return true,
        };
        let bytes = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        sanitiser.push_from(stream, bytes, &mut text);
        room -= bytes.len();
        room > 0
    };
    loop {
        match records.next().await {
            Ok(Some((record, _))) if feed(&record) => {}
            Ok(Some(_)) => break,
            Ok(None) => {
                records.rest().all(|(record, _)| feed(&record));
                break;
            }
            Err(error) => match error.unreadable() {
                Unreadable::Deleted(_) | Unreadable::Corrupt(_) | Unreadable::Hole => {
                    return Ok(None);
                }
                Unreadable::Unavailable => return Err(error),
            },
        }
    }
    sanitiser.finish(&mut text);
    Ok(Some(text))
}
