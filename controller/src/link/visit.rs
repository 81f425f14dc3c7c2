//! One connection of the join listener: whoever can reach that can connect, so nobody stays, but who fetches a file and takes it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shanty_core::limits;
use tokio_util::sync::CancellationToken;

use super::backlog::network;
use super::seats::{Claim, Progress, Seats};
use super::{DOWNLOAD_AGE, JOIN_AGE};
use crate::clock::link_ms;
use crate::log;

/// So often it is looked whether it goes on.
const LOOKS: Duration = Duration::from_secs(1);

/// What was fetched is on its way for so long after the last of it was handed to the system, milliseconds.
const FETCHED_MS: u64 = 60_000;

/// One connection, which has a place of the listener until this is dropped.
pub(super) struct Visit {
    from: SocketAddr,
    progress: Arc<Progress>,
    /// It must make room for others.
    ended: CancellationToken,
    stay: Mutex<Stay>,
    _claim: Claim,
}

/// How long it stays.
#[derive(Clone, Copy, Debug)]
struct Stay {
    /// When it is over, whatever it does.
    last_ms: u64,
    /// When it is over, unless it fetches something.
    until_ms: u64,
    /// Since when it does.
    fetching: Option<u64>,
}

/// A file that a visit fetches, until this is dropped.
pub(super) struct Fetch {
    visit: Arc<Visit>,
    _place: Claim,
    _under_way: UnderWay,
}

struct UnderWay(Arc<Visit>);

impl Visit {
    /// A place of the listener, at once or when there is one.
    pub(super) async fn begin(seats: &Arc<Seats>, from: SocketAddr) -> Arc<Self> {
        let (progress, ended) = (Arc::default(), CancellationToken::new());
        let claim = seats.take(from, Arc::clone(&progress), ended.clone()).await;
        Arc::new(Self {
            from,
            progress,
            ended,
            stay: Mutex::new(Stay::new(link_ms())),
            _claim: claim,
        })
    }

    /// Begins to fetch a file, when there is a place for that in time. One connection fetches one file at once.
    pub(super) async fn fetch(self: &Arc<Self>, seats: &Arc<Seats>) -> Option<Fetch> {
        if !self.stay().fetch(link_ms()) {
            return None;
        }
        let under_way = UnderWay(Arc::clone(self));
        let place = seats.take(self.from, Arc::clone(&self.progress), self.ended.clone());
        let in_time = Duration::from_millis(limits::DOWNLOAD_WAIT_MS);
        let place = tokio::time::timeout(in_time, place).await.ok()?;
        Some(Fetch {
            visit: Arc::clone(self),
            _place: place,
            _under_way: under_way,
        })
    }

    /// Ends when it must make room for others.
    pub(super) async fn must_go(&self) {
        self.ended.cancelled().await;
        self.says("a connection made room for others");
    }

    /// Ends when it is over.
    pub(super) async fn over(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.must_go() => return,
                () = tokio::time::sleep(LOOKS) => {}
            }
            let now_ms = link_ms();
            let per_second = self.progress.per_second(now_ms);
            if let Some(why) = self.stay().over(per_second, now_ms) {
                self.says(why);
                return;
            }
        }
    }

    fn says(&self, what: &'static str) {
        let from = self.from;
        log::of(
            log::Peer::Network(network(from)),
            || tracing::warn!(peer.address = %from, "{what}"),
        );
    }

    fn stay(&self) -> MutexGuard<'_, Stay> {
        self.stay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Visit({})", self.from)
    }
}

impl Fetch {
    /// So many bytes of it went out.
    pub(super) fn moved(&self, bytes: usize) {
        self.visit.progress.moved(bytes);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.stay().fetched(link_ms());
    }
}

impl Stay {
    fn new(now_ms: u64) -> Self {
        let after = |age: Duration| {
            let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            now_ms.saturating_add(age)
        };
        Self {
            last_ms: after(DOWNLOAD_AGE),
            until_ms: after(JOIN_AGE),
            fetching: None,
        }
    }

    /// It fetches something from now on; false when it does already.
    fn fetch(&mut self, now_ms: u64) -> bool {
        let first = self.fetching.is_none();
        self.fetching.get_or_insert(now_ms);
        first
    }

    fn fetched(&mut self, now_ms: u64) {
        self.fetching = None;
        self.until_ms = self.until_ms.max(now_ms.saturating_add(FETCHED_MS));
    }

    /// Why it is over, when it is.
    fn over(&self, per_second: u64, now_ms: u64) -> Option<&'static str> {
        let fetches_for = self.fetching.map(|since| now_ms.saturating_sub(since));
        match fetches_for {
            _ if now_ms >= self.last_ms => Some("a connection was there for too long"),
            Some(ms) if ms < limits::DOWNLOAD_GRACE_MS || per_second >= limits::DOWNLOAD_LEAST => {
                None
            }
            Some(_) => Some("a download that hardly moved was ended"),
            None if now_ms >= self.until_ms => Some("a connection that fetched nothing was ended"),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::super::seats::Bounds;
    use super::*;

    const NOW: u64 = 1_000_000;

    #[test]
    fn nobody_stays_but_who_takes_what_it_fetches() {
        let mut stay = Stay::new(NOW);
        let least = limits::DOWNLOAD_LEAST;
        assert_eq!(stay.over(0, NOW + 29_000), None);
        assert!(stay.over(least, NOW + 30_000).is_some());
        assert!(stay.fetch(NOW + 29_000));
        assert!(!stay.fetch(NOW + 29_000), "one at once");
        assert_eq!(stay.over(0, NOW + 38_999), None, "it has just begun");
        let why = stay.over(least - 1, NOW + 39_000);
        assert_eq!(why, Some("a download that hardly moved was ended"));
        assert_eq!(stay.over(least, NOW + 300_000), None);
        stay.fetched(NOW + 300_000);
        assert_eq!(stay.over(0, NOW + 359_000), None, "it is on its way");
        assert!(stay.over(0, NOW + 360_000).is_some());
        assert!(stay.fetch(NOW + 350_000));
        assert!(stay.over(u64::MAX, NOW + 600_000).is_some());
    }

    #[tokio::test]
    async fn a_visit_fetches_one_file_at_once_and_gives_its_places_back() {
        let seats = |all| {
            Arc::new(Seats::new(Bounds {
                all,
                each: 1,
                spared_ms: 60_000,
            }))
        };
        let (visits, downloads) = (seats(2), seats(1));
        let from = |last| SocketAddr::from(([192, 0, 2, last], 7));
        let one = Visit::begin(&visits, from(1)).await;
        let two = Visit::begin(&visits, from(2)).await;
        let fetch = one.fetch(&downloads).await;
        assert!(fetch.is_some() && one.fetch(&downloads).await.is_none());
        let waits = two.fetch(&downloads).now_or_never();
        assert!(waits.is_none(), "there is no place yet");
        drop(fetch);
        assert!(two.fetch(&downloads).await.is_some());
        assert!(one.fetch(&downloads).await.is_some(), "and again");
        drop(one);
        let again = Visit::begin(&visits, from(1)).now_or_never();
        assert!(again.is_some());
    }
}
