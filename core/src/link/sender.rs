//! The agent's side of all its spools on one link: whose turn it is, and how much may be under way.
//!
//! Lives as long as the link; a new link starts a new one from what the controller says that it holds.

use std::collections::BTreeMap;
use std::ops::Bound;

use thiserror::Error;

use crate::ids::RunId;
use crate::limits::{CHUNK_BYTES_MAX, IN_FLIGHT_BYTES_MAX};

/// The controller acknowledged, or asked for, bytes that it cannot know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("offset {offset} of run {run} is past its end at {end}")]
pub struct PastEnd {
    /// The run.
    pub run: RunId,
    /// What the controller named.
    pub offset: u64,
    /// The most that it could name.
    pub end: u64,
}

/// What to read and send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The run.
    pub run: RunId,
    /// Where to read.
    pub offset: u64,
    /// The most to read, bytes; never 0, never over [`CHUNK_BYTES_MAX`].
    pub max: usize,
}

/// Of one spool: `acked <= sent`, and `len` bytes are there.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    acked: u64,
    sent: u64,
    len: u64,
}

/// Cursors into every spool that the agent holds.
#[derive(Clone, Debug)]
pub struct Sender {
    cursors: BTreeMap<RunId, Cursor>,
    last: Option<RunId>,
    window: u64,
}

impl Default for Sender {
    fn default() -> Self {
        Self::with_window(IN_FLIGHT_BYTES_MAX)
    }
}

impl Sender {
    /// A sender that lets at most `window` bytes be under way, and at least one slice.
    #[must_use]
    pub fn with_window(window: u64) -> Self {
        Self {
            cursors: BTreeMap::new(),
            last: None,
            window,
        }
    }

    /// Takes in which spools there are and how long they are: new ones start at 0, missing ones are forgotten.
    pub fn observe(&mut self, spools: impl IntoIterator<Item = (RunId, u64)>) {
        let mut held = BTreeMap::new();
        for (run, len) in spools {
            let cursor = self.cursors.get(&run).copied().unwrap_or_default();
            held.insert(run, Cursor { len, ..cursor });
        }
        self.cursors = held;
    }

    /// Whose turn it is: the next run in order after the last one that has bytes to send, as far as the window goes.
    #[must_use]
    pub fn next(&self) -> Option<Slice> {
        let left = self.window.saturating_sub(self.in_flight());
        let after = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.cursors.range((after, Bound::Unbounded));
        let mut turns = behind.chain(&self.cursors);
        let (run, cursor) = turns.find(|(_, cursor)| cursor.len > cursor.sent)?;
        let waiting = cursor.len.saturating_sub(cursor.sent);
        let max = usize::try_from(waiting).map_or(CHUNK_BYTES_MAX, |n| n.min(CHUNK_BYTES_MAX));
        // A window smaller than a slice would otherwise never open.
        let fits = u64::try_from(max).is_ok_and(|max| max <= left) || self.in_flight() == 0;
        fits.then_some(Slice {
            run: *run,
            offset: cursor.sent,
            max,
        })
    }

    /// Notes that `len` bytes went out as an answer to [`Sender::next`]. With 0 the spool has less than was thought: it waits
    /// until it is observed again.
    pub fn sent(&mut self, slice: Slice, len: usize) {
        self.last = Some(slice.run);
        let Some(cursor) = self.cursors.get_mut(&slice.run) else {
            return;
        };
        match u64::try_from(len) {
            Ok(0) | Err(_) => cursor.len = cursor.sent,
            Ok(len) => cursor.sent = slice.offset.saturating_add(len),
        }
    }

    /// Notes what the controller holds at the start of the link: sending starts there.
    ///
    /// # Errors
    /// [`PastEnd`] when it claims more than there is; nothing is sent of that spool then.
    pub fn welcome(&mut self, run: RunId, offset: u64) -> Result<(), PastEnd> {
        let Some(cursor) = self.cursors.get_mut(&run) else {
            return Ok(());
        };
        let end = cursor.len;
        (cursor.acked, cursor.sent) = (offset, offset);
        if offset > end {
            return Err(PastEnd { run, offset, end });
        }
        Ok(())
    }

    /// Notes an acknowledgement. Older ones than the last, and those of runs that are gone, change nothing.
    ///
    /// # Errors
    /// [`PastEnd`] for bytes that were not sent on this link.
    pub fn ack(&mut self, run: RunId, offset: u64) -> Result<(), PastEnd> {
        let Some(cursor) = self.cursors.get_mut(&run) else {
            return Ok(());
        };
        let end = cursor.sent;
        if offset > end {
            return Err(PastEnd { run, offset, end });
        }
        cursor.acked = cursor.acked.max(offset);
        Ok(())
    }

    /// Goes back (or on) to an offset that the controller asks for.
    ///
    /// # Errors
    /// [`PastEnd`] for an offset behind the end of the spool.
    pub fn resume(&mut self, run: RunId, from: u64) -> Result<(), PastEnd> {
        let Some(cursor) = self.cursors.get_mut(&run) else {
            return Ok(());
        };
        let end = cursor.len;
        if from > end {
            return Err(PastEnd {
                run,
                offset: from,
                end,
            });
        }
        (cursor.acked, cursor.sent) = (from, from);
        Ok(())
    }

    /// True when everything that was observed has been sent.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.cursors
            .values()
            .all(|cursor| cursor.sent >= cursor.len)
    }

    /// Bytes sent and not acknowledged, over all spools.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        let under_way = |cursor: &Cursor| cursor.sent.saturating_sub(cursor.acked);
        self.cursors
            .values()
            .fold(0, |sum, cursor| sum.saturating_add(under_way(cursor)))
    }
}
