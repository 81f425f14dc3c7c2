//! Connections that are not through their handshake: whoever says nothing, or is slow, holds up nobody in another network, and makes room
//! when there are too many.
//!
//! A network is an IPv4 address or the /64 of an IPv6 address: so much as one peer can be expected to have.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shanty_core::limits;
use shanty_core::link::bucket::Bucket;
use tokio_util::sync::CancellationToken;

use super::seats::{Bounds, Claim, Seats};
use crate::clock::link_ms;

/// The network that an address is in.
pub(crate) fn network(from: SocketAddr) -> IpAddr {
    match from.ip().to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The connections of one listener that are not through their handshake.
pub(super) struct Backlog {
    inner: Mutex<Inner>,
    hands: Arc<Seats>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    waiting: usize,
    networks: BTreeMap<IpAddr, Network>,
}

#[derive(Default)]
struct Network {
    /// Waiting or shaking hands.
    guests: usize,
    /// Those that wait, the oldest first.
    waiting: VecDeque<(u64, CancellationToken)>,
}

/// A connection of the backlog, until this is dropped.
pub(super) struct Guest {
    backlog: Arc<Backlog>,
    from: SocketAddr,
    id: u64,
    dropped: CancellationToken,
}

impl Backlog {
    pub(super) fn new() -> Self {
        let hands = Bounds {
            all: limits::HANDSHAKES_MAX,
            each: limits::HANDSHAKES_NETWORK_MAX,
            spared_ms: 0,
        };
        Self {
            inner: Mutex::default(),
            hands: Arc::new(Seats::new(hands)),
        }
    }

    /// A connection has come. When there are too many, the one that waits the longest is dropped: of its network, or of the network that
    /// has the most.
    pub(super) fn enter(self: &Arc<Self>, from: SocketAddr) -> Guest {
        let (network, dropped) = (network(from), CancellationToken::new());
        let mut inner = self.lock();
        inner.last += 1;
        inner.waiting += 1;
        let id = inner.last;
        let entry = inner.networks.entry(network).or_default();
        entry.guests += 1;
        entry.waiting.push_back((id, dropped.clone()));
        if entry.waiting.len() > limits::BACKLOG_NETWORK_MAX {
            inner.drop_oldest(network);
        } else if inner.waiting > limits::BACKLOG_MAX {
            let most = inner.networks.iter();
            let most = most.max_by_key(|(_, network)| network.waiting.len());
            if let Some(most) = most.map(|(network, _)| *network) {
                inner.drop_oldest(most);
            }
        }
        drop(inner);
        Guest {
            backlog: Arc::clone(self),
            from,
            id,
            dropped,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Whoever panicked held it between whole changes.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn drop_oldest(&mut self, network: IpAddr) {
        let oldest = self.networks.get_mut(&network);
        if let Some((_, oldest)) = oldest.and_then(|network| network.waiting.pop_front()) {
            oldest.cancel();
            self.waiting -= 1;
        }
    }

    fn waits_no_more(&mut self, network: IpAddr, id: u64) {
        let Some(entry) = self.networks.get_mut(&network) else {
            return;
        };
        if let Some(at) = entry.waiting.iter().position(|(waits, _)| *waits == id) {
            entry.waiting.remove(at);
            self.waiting -= 1;
        }
    }
}

impl Guest {
    /// Ends when it must make room for others.
    pub(super) async fn dropped(&self) {
        self.dropped.cancelled().await;
    }

    /// A place to shake hands. Its network has some of them; who is slow may have to make room for another network there as well.
    pub(super) async fn place(&self) -> Claim {
        let hands = &self.backlog.hands;
        let place = hands.take(self.from, Arc::default(), self.dropped.clone());
        let place = place.await;
        let mut inner = self.backlog.lock();
        inner.waits_no_more(network(self.from), self.id);
        place
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut inner = self.backlog.lock();
        let of = network(self.from);
        inner.waits_no_more(of, self.id);
        if let Some(network) = inner.networks.get_mut(&of) {
            network.guests -= 1;
            if network.guests == 0 {
                inner.networks.remove(&of);
            }
        }
    }
}

/// How often each network may ask for something. Who asks more often waits.
pub(super) struct Rates {
    at_most: (u32, u32),
    networks: Mutex<BTreeMap<Option<IpAddr>, Bucket>>,
}

/// Networks that are told apart; those that come after them are one.
const NETWORKS_MAX: usize = 4_096;

impl Rates {
    /// So many at once, and so many a second.
    pub(super) const fn new(at_most: (u32, u32)) -> Self {
        Self {
            at_most,
            networks: Mutex::new(BTreeMap::new()),
        }
    }

    /// Waits until it is the turn of whoever is at this address.
    pub(super) async fn turn(&self, from: SocketAddr) {
        loop {
            match self.take(network(from), link_ms()) {
                0 => return,
                ms => tokio::time::sleep(Duration::from_millis(ms)).await,
            }
        }
    }

    /// Takes a turn, or says how long there is none, milliseconds.
    fn take(&self, network: IpAddr, now_ms: u64) -> u64 {
        let networks = self.networks.lock();
        let mut networks = networks.unwrap_or_else(PoisonError::into_inner);
        if networks.len() >= NETWORKS_MAX {
            networks.retain(|_, bucket| !bucket.is_full(now_ms));
        }
        let network = Some(network);
        let known = networks.contains_key(&network) || networks.len() < NETWORKS_MAX;
        let (burst, per_second) = self.at_most;
        let bucket = networks
            .entry(network.filter(|_| known))
            .or_insert_with(|| Bucket::new(burst, per_second, now_ms));
        match bucket.take(now_ms) {
            true => 0,
            false => bucket.wait_ms(now_ms).max(1),
        }
    }
}

/// How many of something each of many has, bounded for each.
pub(super) struct Shares<K: Ord> {
    max: usize,
    taken: Mutex<BTreeMap<K, usize>>,
}

/// One of them, until this is dropped.
pub(super) struct Share<K: Ord> {
    shares: Arc<Shares<K>>,
    of: K,
}

impl<K: Ord + Copy> Shares<K> {
    pub(super) const fn new(max: usize) -> Self {
        Self {
            max,
            taken: Mutex::new(BTreeMap::new()),
        }
    }

    /// One more, unless that is too many.
    pub(super) fn take(self: &Arc<Self>, of: K) -> Option<Share<K>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(of).or_default();
        (*count < self.max).then(|| {
            *count += 1;
            Share {
                shares: Arc::clone(self),
                of,
            }
        })
    }
}

impl<K: Ord> Drop for Share<K> {
    fn drop(&mut self) {
        let taken = self.shares.taken.lock();
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn from(ip: &str) -> SocketAddr {
        SocketAddr::new(ip.parse().unwrap(), 7)
    }

    fn is_dropped(guest: &Guest) -> bool {
        guest.dropped.is_cancelled()
    }

    #[test]
    fn a_network_is_what_one_peer_has() {
        let of = |ip: &str| network(from(ip)).to_string();
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("2001:db8:1:2:ffff::1"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:3::1"), of("2001:db8:1:2::1"));
    }

    #[test]
    fn the_oldest_of_its_own_network_makes_room() {
        let backlog = Arc::new(Backlog::new());
        let other = backlog.enter(from("192.0.2.1"));
        let many: Vec<Guest> = (0..=limits::BACKLOG_NETWORK_MAX)
            .map(|_| backlog.enter(from("192.0.2.2")))
            .collect();
        let dropped = many.iter().map(is_dropped);
        assert_eq!(dropped.filter(|dropped| *dropped).count(), 1);
        assert!(is_dropped(&many[0]) && !is_dropped(&other));
        drop((many, other));
        let inner = backlog.lock();
        assert!(inner.networks.is_empty() && inner.waiting == 0);
    }

    #[test]
    fn many_networks_together_lose_the_oldest_of_the_largest() {
        let backlog = Arc::new(Backlog::new());
        let large: Vec<Guest> = (0..10).map(|_| backlog.enter(from("192.0.2.2"))).collect();
        let small: Vec<Guest> = (0..limits::BACKLOG_MAX)
            .map(|n| backlog.enter(from(&format!("10.0.{}.{}", n / 256, n % 256))))
            .collect();
        assert!(!small.iter().any(is_dropped), "nobody who is alone");
        assert!(large.iter().take(9).all(is_dropped));
    }

    #[tokio::test]
    async fn those_who_shake_hands_slowly_take_the_places_of_their_network_only() {
        let backlog = Arc::new(Backlog::new());
        let slow: Vec<Guest> = (0..100).map(|_| backlog.enter(from("192.0.2.2"))).collect();
        let places = slow.iter().map(|guest| guest.place().now_or_never());
        let held: Vec<_> = places.flatten().collect();
        assert_eq!(held.len(), limits::HANDSHAKES_NETWORK_MAX);
        let other = backlog.enter(from("192.0.2.3"));
        assert!(other.place().now_or_never().is_some());
        // Whoever has a place makes room for nobody of its own network.
        let more: Vec<Guest> = (0..limits::BACKLOG_NETWORK_MAX)
            .map(|_| backlog.enter(from("192.0.2.2")))
            .collect();
        let has_place = slow.iter().take(limits::HANDSHAKES_NETWORK_MAX);
        assert!(!has_place.clone().any(is_dropped));
        drop(held);
        assert!(more.last().unwrap().place().now_or_never().is_some());
    }

    #[test]
    fn a_network_that_asks_without_end_waits_and_no_other_does() {
        let rates = Rates::new((10, 5));
        let ip = |n: u32| IpAddr::from(n.to_be_bytes());
        let taken = (0..100).filter(|_| rates.take(ip(1), 1_000) == 0);
        assert_eq!(taken.count(), 10);
        assert_eq!(rates.take(ip(1), 1_000), 200);
        assert_eq!(rates.take(ip(2), 1_000), 0);
        assert_eq!(rates.take(ip(1), 1_200), 0);
        // Networks without end are one from some number on, and forgotten when they ask no more.
        for n in 0..10_000 {
            rates.take(ip(n), 1_200);
        }
        let known = || rates.networks.lock().unwrap().len();
        assert!(known() <= NETWORKS_MAX + 1, "{}", known());
        rates.take(ip(7), 60_000);
        assert_eq!(known(), 1);
    }

    #[test]
    fn nobody_has_more_than_a_share() {
        let shares = Arc::new(Shares::new(2));
        let (one, two) = (shares.take(1), shares.take(1));
        assert!(one.is_some() && two.is_some());
        assert!(shares.take(1).is_none() && shares.take(2).is_some());
        drop(one);
        let three = shares.take(1);
        assert!(three.is_some() && shares.take(1).is_none());
        drop((two, three));
        assert!(shares.taken.lock().unwrap().is_empty(), "nothing is left");
    }
}
