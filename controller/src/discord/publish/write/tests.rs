//! How long people wait for what they should see when Discord is back.

use shanty_core::outbox::Outbox;

use super::*;
use crate::discord::call::CALL_TIMEOUT;
use crate::discord::tests::BACK_MS;

/// The longest that a Discord which is back goes unnoticed by a message that is to be written, milliseconds: it comes back in the moment
/// after an attempt began that fails in `attempt_ms`, and the next attempt is made after the wait. Of as many attempts as there ever are.
fn unnoticed_ms(error: &SendError, attempt_ms: u64) -> u64 {
    let failed = match error.outcome() {
        Outcome::NotDone => Failed::NotDone,
        Outcome::Unknown => Failed::Unknown(1),
    };
    let mut outbox = Outbox::new(0);
    outbox.want(Block::Page(0), 1, Urgency::Now);
    let (mut begun_ms, mut longest_ms) = (0, 0);
    while !outbox.is_dead(Block::Page(0)) {
        let ended_ms = begun_ms + attempt_ms;
        outbox.failed(Block::Page(0), failed, again_ms(error), ended_ms);
        let again_ms = match outbox.next(Lane::Thread, ended_ms) {
            Next::At(at_ms) => at_ms,
            Next::Create(_) | Next::Edit(..) | Next::Idle => ended_ms,
        };
        longest_ms = longest_ms.max(again_ms - begun_ms);
        begun_ms = again_ms;
    }
    longest_ms
}

#[test]
fn what_people_should_see_is_written_soon_when_discord_is_back() {
    let hung = SendError::Timeout(CALL_TIMEOUT);
    let hung_ms = u64::try_from(CALL_TIMEOUT.as_millis()).unwrap();
    let failed = SendError::Discord {
        status: 503,
        code: 0,
        message: String::new(),
    };
    for (error, attempt_ms) in [(hung, hung_ms), (failed, 0)] {
        let longest_ms = unnoticed_ms(&error, attempt_ms);
        assert!(longest_ms <= BACK_MS, "{error}: {longest_ms}");
    }
}
