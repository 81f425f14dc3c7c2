//! Both sides against each other over a lossy link, and each rule on its own.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::receiver::{Accept, Receiver};
use super::sender::{PastEnd, Sender, Slice};
use crate::ids::RunId;
use crate::limits::{CHUNK_BYTES_MAX, IN_FLIGHT_BYTES_MAX};

fn run(n: u8) -> RunId {
    RunId::from_bytes([n; 16])
}

#[test]
fn a_slice_is_appended_cut_dropped_asked_for_or_ends_the_link() {
    let mut receiver = Receiver::new(100);
    assert_eq!(receiver.accept(100, 10), Accept::Append { skip: 0 });
    assert_eq!(receiver.accept(105, 10), Accept::Append { skip: 5 });
    assert_eq!(receiver.accept(0, 115), Accept::Duplicate);
    assert_eq!(receiver.accept(115, 0), Accept::Duplicate);
    assert_eq!(receiver.accept(120, 10), Accept::Resume { from: 115 });
    assert_eq!(receiver.accept(130, 10), Accept::Duplicate);
    assert_eq!(receiver.accept(115, 10), Accept::Append { skip: 0 });
    assert_eq!(receiver.accept(130, 10), Accept::Resume { from: 125 });
    assert_eq!(receiver.accept(130, 10), Accept::Close);
    assert_eq!(receiver.stored(), 125);
}

#[test]
fn nothing_overflows_and_a_flood_ahead_of_a_hole_ends() {
    let mut receiver = Receiver::new(0);
    assert_eq!(receiver.accept(u64::MAX, 1), Accept::Close);
    assert_eq!(receiver.accept(0, CHUNK_BYTES_MAX + 1), Accept::Close);
    let chunk = u64::try_from(CHUNK_BYTES_MAX).unwrap();
    let mut offset = 1;
    let mut answers = Vec::new();
    while answers.last() != Some(&Accept::Close) {
        answers.push(receiver.accept(offset, CHUNK_BYTES_MAX));
        offset += chunk;
        assert!(offset < 2 * IN_FLIGHT_BYTES_MAX);
    }
    assert_eq!(answers[0], Accept::Resume { from: 0 });
}

#[test]
fn runs_take_turns_within_the_window() {
    let mut sender = Sender::with_window(100_000);
    sender.observe([(run(1), 80_000), (run(2), 10), (run(3), 50_000)]);
    let mut turns = Vec::new();
    while let Some(slice) = sender.next() {
        sender.sent(slice, slice.max);
        turns.push((slice.run, slice.offset, slice.max));
    }
    let chunk = CHUNK_BYTES_MAX;
    assert_eq!(
        turns,
        [
            (run(1), 0, chunk),
            (run(2), 0, 10),
            (run(3), 0, chunk),
            (run(1), 32_768, chunk),
        ]
    );
    assert!(sender.next().is_none() && !sender.is_drained());
    sender.ack(run(1), 65_536).unwrap();
    assert_eq!(sender.next().unwrap().run, run(3));
}

#[test]
fn a_window_below_one_slice_still_moves() {
    let mut sender = Sender::with_window(1);
    sender.observe([(run(1), 50)]);
    let slice = sender.next().unwrap();
    sender.sent(slice, 20);
    assert_eq!(sender.next(), None);
    sender.ack(run(1), 20).unwrap();
    assert_eq!(sender.next().unwrap().offset, 20);
}

#[test]
fn a_spool_with_less_than_was_thought_waits_until_it_is_observed() {
    let mut sender = Sender::default();
    sender.observe([(run(1), 50)]);
    let slice = sender.next().unwrap();
    sender.sent(slice, 0);
    assert_eq!(sender.next(), None);
    sender.observe([(run(1), 50)]);
    assert_eq!(sender.next(), Some(slice));
}

#[test]
fn the_controller_cannot_name_bytes_that_it_does_not_have() {
    let mut sender = Sender::default();
    sender.observe([(run(1), 50)]);
    let past = |offset, end| {
        Err(PastEnd {
            run: run(1),
            offset,
            end,
        })
    };
    assert_eq!(sender.ack(run(1), 1), past(1, 0));
    assert_eq!(sender.resume(run(1), 51), past(51, 50));
    assert_eq!(sender.ack(run(9), 1), Ok(()));
    assert_eq!(sender.welcome(run(1), 60), past(60, 50));
    assert_eq!(sender.next(), None);
    sender.resume(run(1), 10).unwrap();
    assert_eq!(sender.next().unwrap().offset, 10);
    sender.observe([]);
    assert!(sender.is_drained());
}

/// What happens to the link between two deliveries.
#[derive(Clone, Debug)]
enum Step {
    /// A spool grows.
    Grow(u8, u16),
    /// The agent sends its next slice, cut to this many bytes.
    Send(u16),
    /// The oldest slice under way arrives.
    Arrive,
    /// The oldest slice under way arrives and stays under way: a duplicate.
    ArriveTwice,
    /// The oldest slice under way is lost, which only a broken peer can do to an ordered stream.
    Lose,
    /// What is stored is committed and acknowledged.
    Commit,
    /// The link breaks; a new one starts.
    Reconnect,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3u8, 1..9_000u16).prop_map(|(run, len)| Step::Grow(run, len)),
        6 => (1..5_000u16).prop_map(Step::Send),
        6 => Just(Step::Arrive),
        1 => Just(Step::ArriveTwice),
        1 => Just(Step::Lose),
        3 => Just(Step::Commit),
        1 => Just(Step::Reconnect),
    ]
}

/// An agent, a controller and the link between them. The byte at an offset of a spool is a function of both, so that a byte in
/// the wrong place shows.
#[derive(Default)]
struct World {
    spools: BTreeMap<RunId, u64>,
    stored: BTreeMap<RunId, Vec<u8>>,
    sender: Sender,
    receivers: BTreeMap<RunId, Receiver>,
    under_way: VecDeque<(Slice, usize)>,
}

fn byte_at(run: RunId, offset: u64) -> u8 {
    let mixed = (offset ^ u64::from(run.as_bytes()[0])).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.to_be_bytes()[0]
}

impl World {
    fn stored_len(&self, run: RunId) -> u64 {
        self.stored
            .get(&run)
            .map_or(0, |bytes| u64::try_from(bytes.len()).unwrap())
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Grow(n, len) => *self.spools.entry(run(*n)).or_default() += u64::from(*len),
            Step::Send(cut) => self.send(usize::from(*cut)),
            Step::Arrive => {
                if let Some((slice, len)) = self.under_way.pop_front() {
                    self.arrive(slice, len);
                }
            }
            Step::ArriveTwice => {
                if let Some(&(slice, len)) = self.under_way.front() {
                    self.arrive(slice, len);
                }
            }
            Step::Lose => drop(self.under_way.pop_front()),
            Step::Commit => self.commit(),
            Step::Reconnect => self.reconnect(),
        }
    }

    fn send(&mut self, cut: usize) {
        self.sender.observe(self.spools.clone());
        if let Some(slice) = self.sender.next() {
            let len = slice.max.min(cut);
            self.sender.sent(slice, len);
            self.under_way.push_back((slice, len));
        }
        assert!(self.sender.in_flight() <= IN_FLIGHT_BYTES_MAX);
    }

    fn arrive(&mut self, slice: Slice, len: usize) {
        let stored_len = self.stored_len(slice.run);
        let receiver = self
            .receivers
            .entry(slice.run)
            .or_insert_with(|| Receiver::new(stored_len));
        match receiver.accept(slice.offset, len) {
            Accept::Append { skip } => {
                let bytes = (0..len).map(|at| byte_at(slice.run, slice.offset + u64::try_from(at).unwrap()));
                self.stored.entry(slice.run).or_default().extend(bytes.skip(skip));
            }
            Accept::Duplicate => {}
            Accept::Resume { from } => self.sender.resume(slice.run, from).unwrap(),
            Accept::Close => self.reconnect(),
        }
    }

    fn commit(&mut self) {
        for (run, bytes) in &self.stored {
            // A duplicate may have put the store ahead of a sender that was told to resume.
            self.sender.ack(*run, u64::try_from(bytes.len()).unwrap()).ok();
        }
    }

    fn reconnect(&mut self) {
        self.under_way.clear();
        self.receivers.clear();
        self.sender = Sender::default();
        self.sender.observe(self.spools.clone());
        for run in self.spools.keys() {
            self.sender.welcome(*run, self.stored_len(*run)).unwrap();
        }
    }

    fn check(&self) {
        for (run, bytes) in &self.stored {
            for (at, byte) in bytes.iter().enumerate() {
                assert_eq!(*byte, byte_at(*run, u64::try_from(at).unwrap()), "{run} at {at}");
            }
            assert!(self.stored_len(*run) <= self.spools[run]);
        }
    }

    /// With a link that works from now on, everything arrives.
    fn settle(&mut self) {
        self.reconnect();
        for _ in 0..10_000 {
            self.send(usize::MAX);
            let Some((slice, len)) = self.under_way.pop_front() else {
                break;
            };
            self.arrive(slice, len);
            self.commit();
        }
        for (run, len) in &self.spools {
            assert_eq!(self.stored_len(*run), *len);
        }
    }
}

proptest! {
    #[test]
    fn any_cut_duplicate_loss_and_reconnect_delivers_exactly_the_bytes(
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut world = World::default();
        for step in &steps {
            world.step(step);
            world.check();
        }
        world.settle();
        world.check();
    }

    #[test]
    fn what_is_accepted_never_moves_backwards(slices in prop::collection::vec((0..200u64, 0..100usize), 0..50)) {
        let mut receiver = Receiver::new(50);
        for (offset, len) in slices {
            let before = receiver.stored();
            let answer = receiver.accept(offset, len);
            let after = receiver.stored();
            match answer {
                Accept::Append { skip } => {
                    assert!(skip < len);
                    assert_eq!(after, offset + u64::try_from(len).unwrap());
                    assert_eq!(before, offset + u64::try_from(skip).unwrap());
                }
                Accept::Resume { from } => assert_eq!((from, before), (after, after)),
                Accept::Duplicate | Accept::Close => assert_eq!(before, after),
            }
        }
    }
}
