//! What is deleted when, with times that are arguments.

use bytes::Bytes;
use shanty_core::spool::{Header, Record, encode};

use super::*;
use crate::store::{Appender, Deleted, Store};

const DAY_MS: u64 = 86_400_000;
const AGENT: AgentId = AgentId::from_bytes([2; 16]);

fn run(n: u8) -> RunId {
    RunId::from_bytes([n; 16])
}

/// Some output of a run, of about so many bytes.
async fn print(appender: &mut Appender, run: RunId, bytes: usize) -> u64 {
    let header = Header {
        version: 1,
        run,
        agent: AGENT,
        boot_id: [0; 16],
        wall_ms: 5,
    };
    let mut spool = Vec::new();
    encode(&Record::Header(header), &mut spool).unwrap();
    let out = Record::Out {
        dt_us: 1,
        bytes: vec![b'x'; bytes].into(),
    };
    encode(&out, &mut spool).unwrap();
    let len = spool.len() as u64;
    appender.append(run, 0, Bytes::from(spool)).await.unwrap();
    while appender.take().acked.get(&run) != Some(&len) {
        appender.changed().await;
    }
    len
}

struct World {
    _dir: tempfile::TempDir,
    store: Store,
    appender: Appender,
    now_ms: u64,
}

impl World {
    /// Runs 1 to 3, each with 1,000 bytes of output and a little around them.
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), u64::MAX).unwrap();
        let mut appender = store.output.appender(AGENT);
        for n in 1..=3 {
            print(&mut appender, run(n), 1_000).await;
        }
        Self {
            _dir: dir,
            store,
            appender,
            now_ms: now_ms(),
        }
    }

    /// Deletes what is due so much later, of those whose end is known.
    async fn pass(&self, ended: &[u8], limits: Retention, later_ms: u64) -> usize {
        let ended = ended.iter().map(|n| (run(*n), AGENT)).collect();
        let keeper = Keeper {
            inputs: None,
            output: self.store.output.clone(),
            search: self.store.search.clone(),
            ends: Ends::Known(ended),
            limits,
        };
        keeper.pass(self.now_ms + later_ms).await.unwrap()
    }

    /// What is left of an output: its length, or why there is none.
    async fn left(&self, n: u8) -> Result<usize, Deleted> {
        match self.store.output.read(run(n), AGENT, 0, usize::MAX).await {
            Ok(bytes) => Ok(bytes.len()),
            Err(StoreError::Deleted(deleted)) => Err(deleted),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn what_is_older_than_its_time_goes_and_what_is_open_stays() {
    let world = World::new().await;
    let limits = Retention::default();
    let early = world.pass(&[1, 3], limits.clone(), 89 * DAY_MS).await;
    assert_eq!(early, 0);
    assert_eq!(world.pass(&[1, 3], limits.clone(), 90 * DAY_MS).await, 2);
    for n in [1, 3] {
        let deleted = world.left(n).await.unwrap_err();
        assert_eq!(deleted.why, Deletion::Age);
        assert_eq!(deleted.after_ms / DAY_MS, 90);
    }
    // The end of the second is not in the journal.
    assert!(world.left(2).await.unwrap() > 1_000);
    assert_eq!(world.pass(&[1, 3], limits.clone(), 999 * DAY_MS).await, 0);
    assert_eq!(world.pass(&[2], limits, 999 * DAY_MS).await, 1);
    assert_eq!(world.store.output.total_bytes().await.unwrap(), 0);
}

#[tokio::test]
async fn the_oldest_go_while_all_together_is_too_much() {
    let mut world = World::new().await;
    let total = world.store.output.total_bytes().await.unwrap();
    assert_eq!(total, world.left(1).await.unwrap() as u64 * 3);
    let limits = |output_bytes_max| Retention {
        output_bytes_max,
        ..Retention::default()
    };
    assert_eq!(world.pass(&[1, 2, 3], limits(total), FRESH_MS).await, 0);
    let fresh = world.pass(&[1, 2, 3], limits(total - 1), FRESH_MS / 2);
    assert_eq!(fresh.await, 0, "it is still being shown");
    // The first is open: the next oldest goes in its place, and no more than must.
    assert_eq!(world.pass(&[2, 3], limits(total - 1), FRESH_MS).await, 1);
    let deleted = world.left(2).await.unwrap_err();
    let bytes_max = total - 1;
    assert_eq!(deleted.why, Deletion::Size { bytes_max });
    assert!(world.left(1).await.is_ok() && world.left(3).await.is_ok());

    // What an agent still sends of it is acknowledged and stored nowhere.
    let len = print(&mut world.appender, run(2), 1_000).await;
    assert!(len > 1_000 && world.left(2).await.is_err());
    // A new one takes the place.
    print(&mut world.appender, run(4), 1_000).await;
    assert_eq!(
        world.pass(&[1, 2, 3, 4], limits(total - 1), FRESH_MS).await,
        1
    );
    assert!(world.left(1).await.is_err() && world.left(4).await.is_ok());
}
