//! The two clocks. What records and people are told is the wall clock's time, plain milliseconds since the Unix epoch; what deadlines of
//! orders are judged by is the link clock's, a type of its own, so that one is never taken for the other.

/// A moment by the link clock: it starts as the wall clock's time and never steps. Agents are told it once for each link and count on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkTime(u64);

impl LinkTime {
    /// As it stands in messages, milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// As messages say it, milliseconds.
    #[must_use]
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// So many milliseconds later.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds since an earlier moment; zero when it is not earlier.
    #[must_use]
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// One moment by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock, milliseconds since the Unix epoch: for records and people. It may step.
    pub wall_ms: u64,
    /// The link clock: for deadlines of orders.
    pub link: LinkTime,
}
