//! The controller's side of one spool on one link: append, drop, ask again, or give up.
//!
//! Counts what was accepted on this link; acknowledging it after the commit is the owner's part.

use crate::limits::{CHUNK_BYTES_MAX, IN_FLIGHT_BYTES_MAX};

/// What to do with a slice that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Accept {
    /// Append it, without its first `skip` bytes: those are stored already.
    Append {
        /// Bytes to leave out at the front.
        skip: usize,
    },
    /// Nothing in it can be used: it is stored already, or was under way when `Resume` was sent. Acknowledge again.
    Duplicate,
    /// There is a hole before it. Ask for everything from this offset on; the slice is dropped.
    Resume {
        /// The end of what is stored.
        from: u64,
    },
    /// The sender does not follow the rules. Close the link: the next one starts from what is stored.
    Close,
}

/// Slices ahead of a hole: they continue one another while the sender has not seen `Resume`.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    from: u64,
    to: u64,
}

/// What was accepted of one spool.
#[derive(Clone, Copy, Debug)]
pub struct Receiver {
    stored: u64,
    ahead: Option<Ahead>,
}

impl Receiver {
    /// For a spool of which `stored` bytes are committed.
    #[must_use]
    pub const fn new(stored: u64) -> Self {
        Self {
            stored,
            ahead: None,
        }
    }

    /// The end of what was accepted, committed or about to be.
    #[must_use]
    pub const fn stored(&self) -> u64 {
        self.stored
    }

    /// Decides on a slice of `len` bytes at `offset`. [`Accept::Append`] counts as done: the owner must store it or close the link.
    pub fn accept(&mut self, offset: u64, len: usize) -> Accept {
        let end = u64::try_from(len).ok().and_then(|n| offset.checked_add(n));
        let Some(end) = end.filter(|_| len <= CHUNK_BYTES_MAX) else {
            return Accept::Close;
        };
        let Some(overlap) = self.stored.checked_sub(offset) else {
            return self.accept_ahead(offset, end);
        };
        if end <= self.stored {
            return Accept::Duplicate;
        }
        self.stored = end;
        self.ahead = None;
        // The overlap is shorter than the slice, so it always fits.
        usize::try_from(overlap).map_or(Accept::Close, |skip| Accept::Append { skip })
    }

    /// A hole is asked for once. What follows it without another hole was sent before the sender could know, so it is dropped,
    /// up to as much as may be under way.
    fn accept_ahead(&mut self, offset: u64, end: u64) -> Accept {
        match &mut self.ahead {
            None => {
                self.ahead = Some(Ahead {
                    from: offset,
                    to: end,
                });
                Accept::Resume { from: self.stored }
            }
            Some(ahead) if ahead.to == offset && end - ahead.from <= IN_FLIGHT_BYTES_MAX => {
                ahead.to = end;
                Accept::Duplicate
            }
            Some(_) => Accept::Close,
        }
    }
}
