//! Places that are bounded in all and for each network. Nobody keeps others out: who has come to a stop makes room, and so does the
//! slowest of those who have the most, for somebody who has fewer.
//!
//! Those who wait are let in by how few places their network has, and then in turn.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shanty_core::limits;
use shanty_core::link::pace::Pace;
use tokio_util::sync::CancellationToken;

use super::backlog::network;
use crate::clock::link_ms;

/// Whoever waits looks so often whether somebody has come to a stop meanwhile.
const LOOKS: Duration = Duration::from_secs(1);

/// How many there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// In all.
    pub(super) all: usize,
    /// For one network.
    pub(super) each: usize,
    /// Who has one for less than this, milliseconds, keeps it.
    pub(super) spared_ms: u64,
}

/// What somebody moves who has a place.
#[derive(Debug)]
pub(super) struct Progress {
    moved: AtomicU64,
    pace: Mutex<Pace>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            moved: AtomicU64::new(0),
            pace: Mutex::new(Pace::new(link_ms())),
        }
    }
}

impl Progress {
    /// So many bytes more went out.
    pub(super) fn moved(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.moved.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How many go in a second.
    pub(super) fn per_second(&self, now_ms: u64) -> u64 {
        let pace = self.pace.lock();
        let mut pace = pace.unwrap_or_else(PoisonError::into_inner);
        pace.per_second(self.moved.load(Ordering::Relaxed), now_ms)
    }
}

/// The places of one kind.
pub(super) struct Seats {
    bounds: Bounds,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    seated: usize,
    networks: BTreeMap<IpAddr, Network>,
    /// Networks that have somebody who waits, and may have one more: how many they have, who waits the longest.
    line: BTreeSet<(usize, u64, IpAddr)>,
}

#[derive(Default)]
struct Network {
    seated: BTreeMap<u64, Seated>,
    waiting: BTreeMap<u64, Guest>,
    in_line: Option<(usize, u64)>,
}

struct Seated {
    since_ms: u64,
    guest: Guest,
}

/// Who wants a place, or has one.
#[derive(Clone)]
struct Guest {
    /// Told when it has one.
    seated: CancellationToken,
    /// Told when it must go.
    ended: CancellationToken,
    progress: Arc<Progress>,
}

/// A wish for a place, and then the place, until this is dropped.
pub(super) struct Claim {
    seats: Arc<Seats>,
    network: IpAddr,
    id: u64,
    guest: Guest,
}

impl Seats {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            inner: Mutex::default(),
        }
    }

    /// A place for whoever is at this address, moves this, and is told by this that it must go: at once, or when there is one.
    pub(super) async fn take(
        self: &Arc<Self>,
        from: SocketAddr,
        progress: Arc<Progress>,
        ended: CancellationToken,
    ) -> Claim {
        let claim = self.claim(network(from), progress, ended, link_ms());
        // Whoever has one at once needs no clock.
        while !claim.guest.seated.is_cancelled() {
            tokio::select! {
                () = claim.guest.seated.cancelled() => {}
                () = tokio::time::sleep(LOOKS) => self.look(claim.network, link_ms()),
            }
        }
        claim
    }

    fn claim(
        self: &Arc<Self>,
        network: IpAddr,
        progress: Arc<Progress>,
        ended: CancellationToken,
        now_ms: u64,
    ) -> Claim {
        let guest = Guest {
            seated: CancellationToken::new(),
            ended,
            progress,
        };
        let mut inner = self.lock();
        inner.last += 1;
        let id = inner.last;
        let entry = inner.networks.entry(network).or_default();
        entry.waiting.insert(id, guest.clone());
        inner.line_up(network, self.bounds);
        inner.let_in(self.bounds, now_ms);
        drop(inner);
        if !guest.seated.is_cancelled() {
            self.look(network, now_ms);
        }
        Claim {
            seats: Arc::clone(self),
            network,
            id,
            guest,
        }
    }

    /// Makes room for whoever waits in this network, when somebody must.
    fn look(&self, network: IpAddr, now_ms: u64) {
        let mut inner = self.lock();
        let Some((of, id)) = inner.must_go(network, self.bounds, now_ms) else {
            return;
        };
        let guest = inner.remove(of, id, self.bounds);
        inner.let_in(self.bounds, now_ms);
        drop(inner);
        if let Some(guest) = guest {
            guest.ended.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whoever panicked held it between whole changes.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Gives out what is free.
    fn let_in(&mut self, bounds: Bounds, now_ms: u64) {
        while self.seated < bounds.all {
            let Some((_, id, network)) = self.line.first().copied() else {
                return;
            };
            let entry = self.networks.entry(network).or_default();
            if let Some(guest) = entry.waiting.remove(&id) {
                guest.seated.cancel();
                let since_ms = now_ms;
                entry.seated.insert(id, Seated { since_ms, guest });
                self.seated += 1;
            }
            self.line_up(network, bounds);
        }
    }

    /// Forgets somebody, who may have a place or not.
    fn remove(&mut self, network: IpAddr, id: u64, bounds: Bounds) -> Option<Guest> {
        let entry = self.networks.get_mut(&network)?;
        let waited = entry.waiting.remove(&id);
        let sat = entry.seated.remove(&id);
        if sat.is_some() {
            self.seated -= 1;
        }
        self.line_up(network, bounds);
        waited.or_else(|| sat.map(|seated| seated.guest))
    }

    /// Puts a network where it belongs in the line, after anything of it changed.
    fn line_up(&mut self, network: IpAddr, bounds: Bounds) {
        let Some(entry) = self.networks.get_mut(&network) else {
            return;
        };
        if let Some((seats, first)) = entry.in_line.take() {
            self.line.remove(&(seats, first, network));
        }
        let seats = entry.seated.len();
        match entry.waiting.first_key_value() {
            Some((first, _)) if seats < bounds.each => {
                entry.in_line = Some((seats, *first));
                self.line.insert((seats, *first, network));
            }
            Some(_) => {}
            None if seats == 0 => {
                self.networks.remove(&network);
            }
            None => {}
        }
    }

    /// Who makes room for somebody of this network: who has come to a stop, or the slowest of those who have more.
    fn must_go(&self, network: IpAddr, bounds: Bounds, now_ms: u64) -> Option<(IpAddr, u64)> {
        let own = self.networks.get(&network)?;
        if own.waiting.is_empty() {
            return None;
        }
        let all = || {
            let networks = self.networks.iter();
            networks.flat_map(|(of, network)| network.seats_of(*of, now_ms))
        };
        if own.seated.len() >= bounds.each {
            return slowest(all().filter(|seat| seat.of == network && seat.has_stalled()));
        }
        if self.seated < bounds.all {
            return None;
        }
        let greedy = self.greedy(network);
        let more = all().filter(|seat| Some(seat.of) == greedy && seat.age_ms >= bounds.spared_ms);
        slowest(more).or_else(|| slowest(all().filter(Seat::has_stalled)))
    }

    /// The network that has so many that it is fairer when this one has one of them. Those of one provider are weighed against those of others
    /// first: who can have many networks has no more for that.
    fn greedy(&self, network: IpAddr) -> Option<IpAddr> {
        let mut blocks: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for (of, network) in &self.networks {
            *blocks.entry(block(*of)).or_default() += network.seated.len();
        }
        let seats = |of: &IpAddr| self.networks.get(of).map_or(0, |of| of.seated.len());
        let own_block = block(network);
        let own = blocks.get(&own_block).copied().unwrap_or_default();
        let (most, most_seats) = blocks.iter().max_by_key(|(_, seats)| **seats)?;
        let others = *most_seats > own + 1;
        let of = if others { *most } else { own_block };
        let within = self
            .networks
            .keys()
            .filter(|network| block(**network) == of);
        let greedy = within.max_by_key(|network| seats(network)).copied()?;
        (others || seats(&greedy) > seats(&network) + 1).then_some(greedy)
    }
}

/// A place that is taken.
struct Seat {
    of: IpAddr,
    id: u64,
    age_ms: u64,
    per_second: u64,
}

impl Seat {
    fn has_stalled(&self) -> bool {
        self.age_ms >= limits::STALLED_MS && self.per_second < limits::DOWNLOAD_LEAST
    }
}

impl Network {
    fn seats_of(&self, of: IpAddr, now_ms: u64) -> impl Iterator<Item = Seat> + '_ {
        self.seated.iter().map(move |(id, seated)| Seat {
            of,
            id: *id,
            age_ms: now_ms.saturating_sub(seated.since_ms),
            per_second: seated.guest.progress.per_second(now_ms),
        })
    }
}

/// The slowest, and of those the oldest. Who has just come was not slow yet.
fn slowest(seats: impl Iterator<Item = Seat>) -> Option<(IpAddr, u64)> {
    let slowest = seats.min_by_key(|seat| {
        let new = seat.age_ms < limits::STALLED_MS;
        (new, if new { 0 } else { seat.per_second }, seat.id)
    });
    slowest.map(|seat| (seat.of, seat.id))
}

/// What one provider gives to one customer, at the most: the /24 of an IPv4 address, the /48 of an IPv6 address.
fn block(network: IpAddr) -> IpAddr {
    match network {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() >> 8 << 8)),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 80 << 80)),
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let seats = &self.seats;
        let mut inner = seats.lock();
        inner.remove(self.network, self.id, seats.bounds);
        inner.let_in(seats.bounds, link_ms());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        all: 256,
        each: 64,
        spared_ms: 0,
    };

    /// Who wanted a place.
    struct One {
        claim: Claim,
        progress: Arc<Progress>,
        ended: CancellationToken,
    }

    impl One {
        fn is_in(&self) -> bool {
            self.claim.guest.seated.is_cancelled() && !self.ended.is_cancelled()
        }
    }

    fn one(seats: &Arc<Seats>, ip: &str, now_ms: u64) -> One {
        let progress = Arc::new(Progress {
            moved: AtomicU64::new(0),
            pace: Mutex::new(Pace::new(now_ms)),
        });
        let ended = CancellationToken::new();
        let ip: IpAddr = ip.parse().unwrap();
        let of = network(SocketAddr::new(ip, 7));
        let claim = seats.claim(of, Arc::clone(&progress), ended.clone(), now_ms);
        One {
            claim,
            progress,
            ended,
        }
    }

    fn many(seats: &Arc<Seats>, ip: &str, count: usize, now_ms: u64) -> Vec<One> {
        (0..count).map(|_| one(seats, ip, now_ms)).collect()
    }

    fn seats(bounds: Bounds) -> Arc<Seats> {
        Arc::new(Seats::new(bounds))
    }

    fn in_of(many: &[One]) -> usize {
        many.iter().filter(|one| one.is_in()).count()
    }

    #[test]
    fn four_who_take_all_keep_nobody_out() {
        for attackers in [
            ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1"],
            ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"],
            // One customer who has a /56.
            [
                "2001:db8::1",
                "2001:db8:0:1::1",
                "2001:db8:0:2::1",
                "2001:db8:0:3::1",
            ],
        ] {
            for newcomer in ["10.0.0.9", "192.0.2.77", "2001:db8:0:7::1", "2001:db8:7::1"] {
                let seats = seats(BOUNDS);
                let taken: Vec<_> = attackers.map(|ip| many(&seats, ip, 80, 1_000)).into();
                assert_eq!(taken.iter().map(|many| in_of(many)).sum::<usize>(), 256);
                let new: Vec<One> = (0..10).map(|_| one(&seats, newcomer, 1_000)).collect();
                assert_eq!(in_of(&new), 10, "{newcomer} among {attackers:?}");
                // They come again at once: nobody of the others has a place less for that.
                let again: Vec<_> = attackers.map(|ip| many(&seats, ip, 10, 1_100)).into();
                assert_eq!(in_of(&new), 10, "{newcomer} among {attackers:?}");
                drop((taken, new, again));
                let inner = seats.lock();
                assert!(inner.networks.is_empty() && inner.line.is_empty() && inner.seated == 0);
            }
        }
    }

    #[test]
    fn the_slowest_of_the_greediest_makes_room_and_the_quick_are_spared_for_a_while() {
        let seats = seats(Bounds {
            all: 6,
            each: 4,
            spared_ms: 5_000,
        });
        let few = many(&seats, "192.0.2.1", 2, 1_000);
        let greedy = many(&seats, "198.51.100.1", 4, 1_000);
        for (n, one) in greedy.iter().enumerate() {
            one.progress.moved(if n == 2 { 300_000 } else { 900_000 });
        }
        let early = one(&seats, "203.0.113.1", 2_000);
        assert!(!early.is_in() && in_of(&greedy) == 4, "they came just now");
        seats.look(early.claim.network, 6_500);
        assert!(early.is_in());
        assert!(!greedy[2].is_in() && in_of(&greedy) == 3 && in_of(&few) == 2);
        // As many as others have: who moves keeps its place, and who does not makes room.
        let more = one(&seats, "203.0.113.1", 6_600);
        few[1].progress.moved(900_000);
        drop(greedy);
        assert!(more.is_in());
        let third = many(&seats, "10.0.0.1", 2, 6_700);
        assert_eq!(in_of(&third), 2);
        let fourth = one(&seats, "10.1.0.1", 6_700);
        assert!(fourth.is_in() && !few[0].is_in(), "it never moved anything");
        let fifth = one(&seats, "10.2.0.1", 6_800);
        assert!(!fifth.is_in());
        assert!(few[1].is_in() && early.is_in() && more.is_in() && in_of(&third) == 2);
    }

    #[test]
    fn who_shares_an_address_with_somebody_who_stalls_gets_in_too() {
        let seats = seats(BOUNDS);
        let stalled = many(&seats, "192.0.2.1", 64, 1_000);
        for one in stalled.iter().skip(1) {
            one.progress.moved(500_000);
        }
        let new = many(&seats, "192.0.2.1", 2, 5_999);
        assert_eq!(in_of(&new), 0, "nobody has stalled yet");
        seats.look(new[0].claim.network, 6_000);
        assert_eq!((in_of(&new), in_of(&stalled)), (1, 63));
        assert!(!stalled[0].is_in());
        seats.look(new[0].claim.network, 6_000);
        assert_eq!((in_of(&new), in_of(&stalled)), (1, 63), "the others move");
    }

    #[test]
    fn those_who_wait_come_in_by_how_many_their_network_has_and_then_in_turn() {
        let seats = seats(Bounds {
            all: 2,
            each: 2,
            spared_ms: 60_000,
        });
        let mut first = many(&seats, "192.0.2.1", 2, 1_000);
        let own = one(&seats, "192.0.2.1", 1_000);
        let (b, also_b) = (
            one(&seats, "198.51.100.1", 1_000),
            one(&seats, "198.51.100.1", 1_000),
        );
        let c = one(&seats, "203.0.113.1", 1_000);
        first.pop();
        assert!(b.is_in() && !also_b.is_in() && !c.is_in() && !own.is_in());
        drop(b);
        assert!(also_b.is_in() && !c.is_in() && !own.is_in());
        drop(also_b);
        assert!(c.is_in() && !own.is_in());
        // Who is gone is not waited for.
        let gone = one(&seats, "10.0.0.1", 1_000);
        drop(gone);
        drop(c);
        assert!(own.is_in());
    }

    #[test]
    fn what_one_customer_has_is_a_block() {
        let of = |ip: &str| block(ip.parse().unwrap()).to_string();
        assert_eq!(of("192.0.2.7"), "192.0.2.0");
        assert_eq!(of("2001:db8:1:2::"), "2001:db8:1::");
    }
}
