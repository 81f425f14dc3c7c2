//! How often something that a peer can cause is written to the log: a few lines a minute for each peer and for all together, then a count.

use std::collections::BTreeMap;

/// What was said longer ago than this counts no more, milliseconds.
pub const WINDOW_MS: u64 = 60_000;

/// Lines about one peer in that time.
pub const PEER_MAX: u32 = 10;

/// Lines about all peers in that time.
pub const ALL_MAX: u32 = 200;

/// Peers that are told apart; those that come after them are one.
const PEERS_MAX: usize = 4_096;

/// The lines of the last minute.
#[derive(Debug)]
pub struct Quiet<P> {
    since_ms: Option<u64>,
    said: u32,
    peers: BTreeMap<Option<P>, Peer>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    said: u32,
    left_out: u64,
}

/// Whether a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// It is.
    Written,
    /// It is the last for a while: it says that more like it are only counted.
    Last,
    /// It is counted.
    Counted,
}

impl<P> Default for Quiet<P> {
    fn default() -> Self {
        Self {
            since_ms: None,
            said: 0,
            peers: BTreeMap::new(),
        }
    }
}

impl<P: Ord> Quiet<P> {
    /// Whether a line about this peer is written now, and how many were left out in the last minute, of how many peers, when that is due.
    pub fn line(&mut self, peer: P, now_ms: u64) -> (Line, Option<(u64, usize)>) {
        let mut due = None;
        let within = |since_ms: u64| now_ms >= since_ms && now_ms - since_ms < WINDOW_MS;
        if !self.since_ms.is_some_and(within) {
            let left_out = self.peers.values().filter(|peer| peer.left_out > 0);
            let peers = left_out.clone().count();
            due = (peers > 0).then(|| (left_out.map(|peer| peer.left_out).sum(), peers));
            *self = Self {
                since_ms: Some(now_ms),
                ..Self::default()
            };
        }
        let peer = Some(peer);
        let known = self.peers.contains_key(&peer) || self.peers.len() < PEERS_MAX;
        let peer = self.peers.entry(peer.filter(|_| known)).or_default();
        if peer.said >= PEER_MAX || self.said >= ALL_MAX {
            peer.left_out = peer.left_out.saturating_add(1);
            return (Line::Counted, due);
        }
        peer.said += 1;
        self.said += 1;
        let last = peer.said == PEER_MAX || self.said == ALL_MAX;
        (if last { Line::Last } else { Line::Written }, due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(quiet: &mut Quiet<u32>, peer: u32, lines: u32, now_ms: u64) -> Vec<Line> {
        let lines = (0..lines).map(|_| quiet.line(peer, now_ms).0);
        lines.filter(|line| *line != Line::Counted).collect()
    }

    #[test]
    fn one_peer_gets_a_few_lines_and_leaves_those_of_others_alone() {
        let mut quiet = Quiet::default();
        let lines = written(&mut quiet, 1, 16_000, 1_000);
        assert_eq!(lines.len(), PEER_MAX as usize);
        assert_eq!(lines.last(), Some(&Line::Last));
        assert_eq!(written(&mut quiet, 2, 1, 1_000), [Line::Written]);
        assert_eq!(written(&mut quiet, 1, 5, 1_000 + WINDOW_MS - 1), []);
        let (line, left_out) = quiet.line(2, 1_000 + WINDOW_MS);
        assert_eq!(
            (line, left_out),
            (Line::Written, Some((16_005 - u64::from(PEER_MAX), 1)))
        );
        assert_eq!(quiet.line(1, 1_001 + WINDOW_MS), (Line::Written, None));
    }

    #[test]
    fn many_peers_together_get_no_more_than_all_may() {
        let mut quiet = Quiet::default();
        let mut lines = 0;
        for peer in 0..20_000 {
            lines += written(&mut quiet, peer, 2, 5).len();
        }
        assert_eq!(lines, ALL_MAX as usize);
        assert!(quiet.peers.len() <= PEERS_MAX + 1, "memory is bounded");
        let (_, left_out) = quiet.line(1, 5 + WINDOW_MS);
        assert_eq!(left_out.unwrap().0, 40_000 - u64::from(ALL_MAX));
    }

    #[test]
    fn a_clock_that_goes_back_begins_anew() {
        let mut quiet = Quiet::default();
        written(&mut quiet, 1, 20, 1_000_000);
        assert_eq!(quiet.line(1, 5), (Line::Written, Some((10, 1))));
    }
}
