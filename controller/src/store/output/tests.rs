//! The writer through its front door.

use super::rows::Key;
use super::*;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use shanty_core::run::How;
use shanty_core::spool::{Cause, Exit, Header, How as ExitHow, Record, encode};

/// On a disk with room.
fn room() -> Room {
    Room::of(&std::env::temp_dir().join("no such directory"))
}

fn spool(lines: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = Header {
        version: 1,
        run: RunId::from_bytes([1; 16]),
        agent: AgentId::from_bytes([2; 16]),
        boot_id: [0; 16],
        wall_ms: 5,
    };
    encode(&Record::Header(header), &mut bytes).unwrap();
    for n in 0..lines {
        let line = Bytes::from(format!("line {n}\n"));
        encode(
            &Record::Out {
                dt_us: 1,
                bytes: line,
            },
            &mut bytes,
        )
        .unwrap();
    }
    let exit = Exit {
        how: ExitHow::Code(7),
        cause: Cause::Command,
        started_ms: 5,
        duration_us: 12_345,
        sha256: Sha256::digest(&bytes).into(),
        ..Exit::lost(0)
    };
    encode(&Record::Exit(exit), &mut bytes).unwrap();
    bytes
}

async fn told(appender: &mut Appender, until: impl Fn(&LinkAcks) -> bool) {
    let wait = async {
        while !until(&appender.take()) {
            appender.changed().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), wait)
        .await
        .unwrap();
}

async fn acked(appender: &mut Appender, run: RunId, offset: u64) {
    told(appender, |acks| {
        acks.acked.get(&run).is_some_and(|acked| *acked >= offset)
    })
    .await;
}

#[tokio::test]
async fn any_cut_and_any_duplicate_stores_exactly_the_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("output.db");
    let (run, agent) = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));
    let spool = spool(5_000);
    let half = spool.len() / 2 + 3;

    let (output, thread) = Output::open(&path, u64::MAX, &room()).unwrap();
    let mut appender = output.appender(agent);
    let mut offset = 0;
    while offset < half {
        let end = (offset + 1_000).min(half);
        let again = offset.saturating_sub(300);
        let slice = Bytes::copy_from_slice(&spool[again..end]);
        appender.append(run, again as u64, slice).await.unwrap();
        offset = end;
    }
    acked(&mut appender, run, half as u64).await;
    drop((output, appender));
    tokio::task::spawn_blocking(move || thread.join().unwrap())
        .await
        .unwrap();

    // Another process of the controller: what it knows comes from the file.
    let (output, _thread) = Output::open(&path, u64::MAX, &room()).unwrap();
    let mut exits = output.exits().unwrap();
    let loaded = output.load(run, agent).await.unwrap();
    assert_eq!(
        (loaded.stored.borrow().len, loaded.outcome.clone()),
        (half as u64, None)
    );
    let mut appender = output.appender(agent);
    appender
        .append(run, half as u64 + 9, Bytes::from_static(b"gap"))
        .await
        .unwrap();
    told(&mut appender, |acks| {
        acks.resume.get(&run) == Some(&(half as u64))
    })
    .await;
    let mut offset = half;
    for slice in spool[half..].chunks(32 * 1024) {
        let bytes = Bytes::copy_from_slice(slice);
        appender.append(run, offset as u64, bytes).await.unwrap();
        offset += slice.len();
    }
    acked(&mut appender, run, spool.len() as u64).await;

    let (_, _, outcome) = exits.recv().await.unwrap();
    assert_eq!(outcome.how, How::Exited(7));
    assert_eq!(outcome.duration_ms, 12);
    let read = output.read(run, agent, 0, usize::MAX).await.unwrap();
    assert!(
        read == spool,
        "{} bytes against {}",
        read.len(),
        spool.len()
    );
    let part = output.read(run, agent, 500, 100).await.unwrap();
    assert_eq!(part, &spool[500..600]);
    let stored = *output.watch(run, agent).await.unwrap().borrow();
    assert!(stored.ended && stored.len == spool.len() as u64);
}

#[tokio::test]
async fn output_that_differs_from_its_own_digest_is_an_unknown_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let (output, _thread) = Output::open(&dir.path().join("output.db"), 10_000, &room()).unwrap();
    let mut exits = output.exits().unwrap();
    let mut bytes = spool(3);
    let honest = spool(4);
    // The last record of a longer output behind a shorter one: whole records, wrong digest.
    let exit_len = 200.min(honest.len());
    let exit_at = (0..exit_len).map(|back| honest.len() - back).find(|at| {
        shanty_core::spool::complete_prefix(&honest[..*at]) == *at && *at < honest.len()
    });
    bytes.truncate(spool(3).len() - (honest.len() - exit_at.unwrap()));
    bytes.extend_from_slice(&honest[exit_at.unwrap()..]);
    let (run, agent) = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));
    let appender = output.appender(agent);
    appender.append(run, 0, Bytes::from(bytes)).await.unwrap();
    let (_, _, outcome) = exits.recv().await.unwrap();
    assert!(matches!(outcome.how, How::Lost(_)), "{outcome:?}");
}

#[tokio::test]
async fn nothing_follows_the_last_record_and_no_spool_grows_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let (output, _thread) = Output::open(&dir.path().join("output.db"), 2_000, &room()).unwrap();
    let (run, agent) = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));
    let mut appender = output.appender(agent);
    let bytes = spool(3);
    let len = bytes.len();
    appender.append(run, 0, Bytes::from(bytes)).await.unwrap();
    acked(&mut appender, run, len as u64).await;
    appender
        .append(run, len as u64, Bytes::from_static(b"more"))
        .await
        .unwrap();
    told(&mut appender, |acks| acks.close.is_some()).await;

    let other = RunId::from_bytes([3; 16]);
    let mut appender = output.appender(agent);
    appender
        .append(other, 0, Bytes::from(vec![0; 2_001]))
        .await
        .unwrap();
    told(&mut appender, |acks| acks.close.is_some()).await;
}

/// Stores a spool and waits until it is committed.
async fn store(output: &Output, (run, agent): Key, bytes: &[u8]) {
    let mut appender = output.appender(agent);
    for (index, slice) in bytes.chunks(32 * 1024).enumerate() {
        let offset = index as u64 * 32 * 1024;
        let slice = Bytes::copy_from_slice(slice);
        appender.append(run, offset, slice).await.unwrap();
    }
    acked(&mut appender, run, bytes.len() as u64).await;
}

#[tokio::test]
async fn records_are_read_in_order_and_from_any_of_their_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (output, _thread) = Output::open(&dir.path().join("output.db"), u64::MAX, &room()).unwrap();
    let key = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));
    let spool = spool(20_000);
    let half = spool.len() / 2;
    store(&output, key, &spool[..half]).await;

    let mut decoder = shanty_core::spool::Decoder::new();
    decoder.push(&spool);
    let mut records = output.records(key.0, key.1, 0);
    let mut last = 0;
    while let Some((record, end)) = records.next().await.unwrap() {
        assert_eq!(Some((record, end)), decoder.next_record().unwrap());
        last = end;
    }
    assert!(last <= half as u64 && last > half as u64 - 100, "{last}");
    // The same reader goes on where it was, and so does one that begins there.
    let mut appender = output.appender(key.1);
    let mut offset = half as u64;
    for slice in spool[half..].chunks(32 * 1024) {
        let bytes = Bytes::copy_from_slice(slice);
        appender.append(key.0, offset, bytes).await.unwrap();
        offset += slice.len() as u64;
    }
    acked(&mut appender, key.0, spool.len() as u64).await;
    let mut other = output.records(key.0, key.1, last);
    while let Some(record) = records.next().await.unwrap() {
        assert_eq!(other.next().await.unwrap().as_ref(), Some(&record));
        assert_eq!(decoder.next_record().unwrap().as_ref(), Some(&record));
        last = record.1;
    }
    assert_eq!(last, spool.len() as u64);
    assert_eq!(other.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_damaged_record_is_an_error_and_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("output.db");
    let (output, _thread) = Output::open(&path, u64::MAX, &room()).unwrap();
    let key = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));
    let mut spool = spool(100);
    store(&output, key, &spool).await;
    let at = spool.len() / 2;
    spool[at] ^= 1;
    let changed = Connection::open(&path)
        .unwrap()
        .execute("UPDATE chunk SET bytes = ?1 WHERE offset = 0", [&spool]);
    assert_eq!(changed.unwrap(), 1);
    let mut records = output.records(key.0, key.1, 0);
    let mut last = 0;
    let error = loop {
        match records.next().await {
            Ok(record) => last = record.expect("the damage comes before the end").1,
            Err(error) => break error,
        }
    };
    assert!(last <= at as u64 && last > at as u64 - 100, "{last} {at}");
    assert!(matches!(error, StoreError::Spool(_)), "{error:?}");
    assert!(records.next().await.is_err(), "and the same again");
}

#[tokio::test]
async fn what_has_ended_is_looked_at_while_the_writer_is_busy() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("output.db");
    let (run, agent) = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));
    let spool = spool(5_000);
    let (output, thread) = Output::open(&path, u64::MAX, &room()).unwrap();
    let mut exits = output.exits().unwrap();
    store(&output, (run, agent), &spool).await;
    let (_, _, outcome) = exits.recv().await.unwrap();
    drop(output);
    tokio::task::spawn_blocking(move || thread.join().unwrap())
        .await
        .unwrap();

    let (output, _thread) = Output::open(&path, u64::MAX, &room()).unwrap();
    // The writer gets its append and then waits for this lock: whatever is asked of it waits too.
    let lock = Connection::open(&path).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let other = RunId::from_bytes([3; 16]);
    let mut appender = output.appender(agent);
    let slice = Bytes::copy_from_slice(&spool[..1_000]);
    appender.append(other, 0, slice).await.unwrap();

    let loaded = output.load(run, agent).await.unwrap();
    assert_eq!(loaded.outcome, Some(outcome));
    let all = Stored {
        len: spool.len() as u64,
        ended: true,
    };
    assert_eq!(*loaded.stored.borrow(), all);
    let mut records = output.records(run, agent, 0);
    while records.next().await.unwrap().is_some() {}
    assert_eq!(
        appender.take(),
        LinkAcks::default(),
        "the writer still waits"
    );
    lock.execute_batch("COMMIT").unwrap();
    acked(&mut appender, other, 1_000).await;
}

#[tokio::test]
async fn the_row_of_an_execution_moves_with_its_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("output.db");
    let (output, _thread) = Output::open(&path, u64::MAX, &room()).unwrap();
    let key = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));
    let spool = spool(100);
    let half = spool.len() / 2;
    let file = Connection::open(&path).unwrap();
    let row = || -> (u32, bool) {
        file.query_row(
            "SELECT len, outcome IS NOT NULL FROM execution",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap()
    };
    store(&output, key, &spool[..half]).await;
    assert_eq!(row(), (u32::try_from(half).unwrap(), false));
    let mut appender = output.appender(key.1);
    let rest = Bytes::copy_from_slice(&spool[half..]);
    appender.append(key.0, half as u64, rest).await.unwrap();
    acked(&mut appender, key.0, spool.len() as u64).await;
    assert_eq!(row(), (u32::try_from(spool.len()).unwrap(), true));
}

#[tokio::test]
async fn a_hole_is_an_error_and_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("output.db");
    let (output, _thread) = Output::open(&path, u64::MAX, &room()).unwrap();
    let (run, agent) = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));
    let spool = spool(1_000);
    let mut appender = output.appender(agent);
    for (index, slice) in spool.chunks(5_000).enumerate() {
        let (offset, slice) = (index as u64 * 5_000, Bytes::copy_from_slice(slice));
        let end = offset + slice.len() as u64;
        appender.append(run, offset, slice).await.unwrap();
        acked(&mut appender, run, end).await;
    }
    let file = Connection::open(&path).unwrap();
    for hole in [10_000_u32, 5_000, 0] {
        let gone = file.execute("DELETE FROM chunk WHERE offset = ?1", [hole]);
        assert_eq!(gone.unwrap(), 1);
        let before = output.read(run, agent, 0, usize::MAX).await;
        if hole == 0 {
            assert!(matches!(before, Err(StoreError::Missing { offset: 0 })));
        } else {
            assert_eq!(before.unwrap(), &spool[..hole as usize]);
        }
        let error = output.read(run, agent, hole.into(), 10).await.unwrap_err();
        assert!(matches!(error, StoreError::Missing { offset } if offset == u64::from(hole)));
    }
}

#[tokio::test]
async fn a_deletion_goes_in_steps_and_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("output.db");
    let (output, _thread) = Output::open(&path, u64::MAX, &room()).unwrap();
    let (run, agent) = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));
    let kept = (RunId::from_bytes([3; 16]), agent);
    let bytes = spool(400_000);
    store(&output, (run, agent), &bytes).await;
    store(&output, kept, &bytes[..10_000]).await;
    let file = Connection::open(&path).unwrap();
    let rows = |what: &str| -> u32 {
        let count = format!("SELECT count(*) FROM {what}");
        file.query_row(&count, [], |row| row.get(0)).unwrap()
    };
    let old = output.oldest(None, 1).await.unwrap().remove(0);
    assert_eq!((old.run, old.bytes), (run, bytes.len() as u64));
    assert_eq!(output.oldest(Some(old.place()), 9).await.unwrap().len(), 1);

    // A process that died after the first step.
    let marked = Deletion::Size { bytes_max: 7 };
    let now_ms = old.changed_ms + 5;
    output
        .ask(|done| Command::Delete {
            old: old.clone(),
            deletion: marked,
            now_ms,
            done,
        })
        .await
        .unwrap();
    let id = old.place().1;
    let before = rows("chunk");
    assert!(!output.ask(|done| Command::Step { id, done }).await.unwrap());
    let after = rows("chunk");
    assert!(after < before && after > 1, "{before} {after}");
    let deleted = Deleted {
        at_ms: old.changed_ms + 5,
        after_ms: 5,
        why: marked,
    };
    let read = output.read(run, agent, 0, 10).await;
    assert!(matches!(read, Err(StoreError::Deleted(told)) if told == deleted));
    let loaded = output.load(run, agent).await.unwrap();
    assert!(loaded.stored.borrow().ended && loaded.outcome.is_some());

    output.finish_deletions().await.unwrap();
    assert_eq!(rows("execution WHERE deleting = 1"), 0);
    assert_eq!(rows(&format!("chunk WHERE execution = {id}")), 0);
    let left = output.read(kept.0, kept.1, 0, usize::MAX).await.unwrap();
    assert!(left == bytes[..10_000]);
    assert_eq!(output.total_bytes().await.unwrap(), 10_000);
}

/// All that can be read of an output which ended so: its bytes, or why they are not all there.
async fn read_whole(
    output: &Output,
    key: (RunId, AgentId),
    outcome: &shanty_core::run::Outcome,
) -> Result<Vec<u8>, StoreError> {
    let mut records = output.records(key.0, key.1, 0).expecting(Some(outcome));
    let mut read = Vec::new();
    while let Some((record, _)) = records.next().await? {
        if let Record::Out { bytes, .. } | Record::Err { bytes, .. } = record {
            read.extend_from_slice(&bytes);
        }
    }
    Ok(read)
}

#[tokio::test]
async fn output_that_is_not_what_was_recorded_is_told_with_what_is_missing() {
    let key = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));
    let spool = spool(500);
    for (damage, told) in [
        ("DELETE FROM chunk", "offset 0"),
        (
            "DELETE FROM chunk; DELETE FROM execution",
            "0 of 4,390 bytes are there, 4,390 are missing",
        ),
        (
            "UPDATE chunk SET bytes = substr(bytes, 1, 5000); UPDATE execution SET len = 5000",
            "bytes are there, ",
        ),
        (
            "UPDATE execution SET run = zeroblob(16)",
            "0 of 4,390 bytes",
        ),
        (
            "UPDATE chunk SET bytes = CAST(x'00' || substr(bytes, 2) AS BLOB)",
            "record",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("output.db");
        let (output, _thread) = Output::open(&path, u64::MAX, &room()).unwrap();
        let mut exits = output.exits().unwrap();
        store(&output, key, &spool).await;
        let (_, _, outcome) = exits.recv().await.unwrap();
        let whole = read_whole(&output, key, &outcome).await.unwrap();
        assert_eq!(whole.len() as u64, outcome.output_bytes);
        let file = Connection::open(&path).unwrap();
        file.execute_batch(&format!("PRAGMA foreign_keys = OFF; {damage}"))
            .unwrap();
        let error = read_whole(&output, key, &outcome).await.unwrap_err();
        let error = format!("{:#}", anyhow::Error::from(error));
        assert!(error.contains(told), "{damage}: {error}");
    }
}

#[tokio::test]
async fn a_flipped_bit_anywhere_in_the_output_is_told_or_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let key = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));
    let path = dir.path().join("output.db");
    let (output, thread) = Output::open(&path, u64::MAX, &room()).unwrap();
    let mut exits = output.exits().unwrap();
    store(&output, key, &spool(800)).await;
    let (_, _, outcome) = exits.recv().await.unwrap();
    let whole = read_whole(&output, key, &outcome).await.unwrap();
    drop((output, exits));
    let ended = tokio::task::spawn_blocking(move || thread.join().unwrap());
    ended.await.unwrap();
    let good = std::fs::read(&path).unwrap();
    let (mut at, mut step, mut told) = (0, 211, 0);
    while at < good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        let copy = tempfile::tempdir().unwrap();
        let path = copy.path().join("output.db");
        std::fs::write(&path, bytes).unwrap();
        let read = match Output::open(&path, u64::MAX, &room()) {
            Ok((output, _thread)) => read_whole(&output, key, &outcome).await,
            Err(error) => Err(error),
        };
        match read {
            Ok(read) => assert!(read == whole, "byte {at}: unseen, and something differs"),
            Err(_) => told += 1,
        }
        at += step;
        step += 1;
    }
    assert!(told > 10, "{told}");
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_taken_or_closed_and_later_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (run, agent) = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));
    let room = Room::of(dir.path());
    let (output, _thread) = Output::open(&dir.path().join("output.db"), u64::MAX, &room).unwrap();
    let spool = Bytes::from(spool(100));
    let half = spool.len() / 2;
    let mut appender = output.appender(agent);
    appender.append(run, 0, spool.slice(..half)).await.unwrap();
    acked(&mut appender, run, half as u64).await;
    room.found_full();
    for at in [half, half + 10] {
        appender
            .append(run, at as u64, spool.slice(at..))
            .await
            .unwrap();
    }
    // What was handed in before is looked at before this is answered.
    let loaded = output.load(run, agent).await.unwrap();
    assert_eq!(loaded.stored.borrow().len, half as u64);
    assert_eq!(
        appender.take(),
        LinkAcks::default(),
        "neither acknowledged nor closed"
    );

    output.try_again().await.unwrap();
    assert!(!room.is_full());
    appender.changed().await;
    assert_eq!(appender.take().resume.get(&run), Some(&(half as u64)));
    appender
        .append(run, half as u64, spool.slice(half..))
        .await
        .unwrap();
    acked(&mut appender, run, spool.len() as u64).await;
    assert!(output.load(run, agent).await.unwrap().outcome.is_some());
}
