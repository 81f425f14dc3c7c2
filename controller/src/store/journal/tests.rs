//! What is appended is read again, whatever happened between.

use rusqlite::OptionalExtension as _;
use shanty_core::hold::Hold;
use shanty_core::ids::{AgentId, RunId, RunNumber};
use shanty_core::journal::{Kind, PastRun};
use shanty_core::principal::Actor;
use shanty_core::run::{
    How, Offline, Options, Origin, Outcome, Phase, Spec, Strategy, Target, What,
};

use super::*;

mod damaged;

fn record(at_ms: u64, kind: Kind) -> Record {
    let user = "root".to_owned();
    Record {
        at_ms,
        actor: Actor::Socket { user },
        kind,
    }
}

fn hold(at_ms: u64) -> Record {
    record(at_ms, Kind::Hold(Hold::on("db move")))
}

fn group(at_ms: u64) -> Record {
    let kind = Kind::GroupSaved {
        name: "web".into(),
        selector: format!("web-{at_ms}"),
    };
    record(at_ms, kind)
}

fn agent() -> AgentId {
    AgentId::from_bytes([1; 16])
}

fn run_id(n: u16) -> RunId {
    RunId::from_bytes((u128::from(n) + 1).to_be_bytes())
}

/// A run of one host from its beginning to its end.
fn run(n: u16) -> [Record; 4] {
    let run = run_id(n);
    let spec = Spec {
        id: run,
        origin: Origin::Socket {
            user: "root".into(),
        },
        what: What::Shell(format!("echo {n}")),
        input: None,
        selector: "web-01".into(),
        options: Options {
            timeout_ms: 1_000,
            ..Options::default()
        },
        targets: vec![Target {
            agent: agent(),
            name: "web-01".parse().unwrap(),
            away: None,
        }],
        digest: [0; 32],
        seed: None,
        strategy: Strategy {
            offline: Offline::Fail,
            rollout: None,
        },
    };
    let finished = Kind::Finished {
        run,
        agent: agent(),
        outcome: Outcome::without_output(How::Exited(3)),
    };
    let at_ms = u64::from(n) + 10;
    [
        record(at_ms, Kind::Accepted(spec)),
        record(at_ms, Kind::Go(run)),
        record(at_ms, finished),
        record(at_ms, Kind::Closed(run)),
    ]
}

/// A journal of its own, with its file.
struct Rig {
    dir: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("shanty.db")
    }

    /// Another process: what the one before wrote is all that there is.
    fn with<T>(&self, f: impl FnOnce(&Journal) -> T) -> T {
        let (journal, thread) = self.open().unwrap();
        let told = f(&journal);
        drop(journal);
        thread.join().unwrap();
        told
    }

    fn open(&self) -> Result<(Journal, thread::JoinHandle<()>), StoreError> {
        Journal::open(&self.path(), None, &Room::of(self.dir.path()))
    }

    fn append(&self, records: &[Record]) {
        self.with(|journal| {
            journal.append(records).blocking_recv().unwrap().unwrap();
        });
    }

    fn state(&self) -> State {
        self.with(|journal| journal.state().unwrap())
    }

    fn make_checkpoint(&self) {
        self.with(|journal| {
            let checkpoints = Checkpoints::of(journal).unwrap();
            checkpoints.make(|| false).unwrap();
            assert_eq!(checkpoints.since().unwrap(), 0);
        });
    }

    /// Does to the file what no program of ours does.
    fn sql(&self, sql: &str) {
        Connection::open(self.path())
            .unwrap()
            .execute_batch(sql)
            .unwrap();
    }

    fn count(&self, sql: &str) -> i64 {
        let connection = Connection::open(self.path()).unwrap();
        let count = connection.query_row(sql, [], |row| row.get(0));
        count.optional().unwrap().unwrap_or_default()
    }
}

/// What a start says of the journal, and then a look at all of it.
fn told(rig: &Rig) -> Result<(), StoreError> {
    let (journal, thread) = rig.open()?;
    let state = journal.state();
    drop(journal);
    thread.join().unwrap();
    state?;
    Checkpoints::check(&rig.path(), || false)
}

#[test]
fn records_are_read_in_their_order_by_the_next_process() {
    let rig = Rig::new();
    rig.with(|journal| {
        let answers: Vec<_> = (0..50)
            .map(|at| journal.append(&[group(at), hold(at)]))
            .collect();
        let places: Vec<u64> = answers
            .into_iter()
            .map(|answer| answer.blocking_recv().unwrap().unwrap())
            .collect();
        assert_eq!(places, (0..50).map(|n| 1 + 2 * n).collect::<Vec<_>>());
    });
    let state = rig.state();
    assert_eq!(state.seq, 100);
    assert!(state.hold.is_some());
    assert_eq!(state.groups["web"].selector.to_string(), "web-49");
}

#[test]
fn a_newer_older_or_damaged_file_is_refused_and_not_changed() {
    let rig = Rig::new();
    rig.sql("PRAGMA user_version = 99");
    assert!(matches!(
        rig.open(),
        Err(StoreError::Newer { found: 99, .. })
    ));
    for version in [1, 2] {
        rig.sql(&format!("PRAGMA user_version = {version}"));
        assert!(matches!(
            rig.open(),
            Err(StoreError::Older { found, .. }) if found == version
        ));
    }
    std::fs::write(
        rig.path(),
        b"this is not a database, and never was one at all",
    )
    .unwrap();
    assert!(rig.open().is_err());
    let bytes = std::fs::read(rig.path()).unwrap();
    assert!(bytes.starts_with(b"this is not"));
}

#[test]
fn a_start_reads_the_checkpoint_and_what_came_after_it() {
    let rig = Rig::new();
    (0..5).for_each(|n| rig.append(&run(n)));
    rig.append(&[group(1)]);
    rig.make_checkpoint();
    rig.append(&run(5));
    rig.append(&[group(2)]);
    let whole = rig.state();
    assert_eq!(whole.seq, 26);
    // What it stands for is not read: nothing is missing when it is not there.
    rig.sql("DELETE FROM journal WHERE seq < 21");
    assert_eq!(rig.state(), whole);
    rig.make_checkpoint();
    assert_eq!(rig.count("SELECT count(DISTINCT seq) FROM checkpoint"), 1);
    assert_eq!(rig.state(), whole);
}

#[test]
fn a_checkpoint_that_cannot_be_used_is_passed_over() {
    for spoil in [
        "UPDATE checkpoint SET records = zeroblob(9)",
        "UPDATE checkpoint SET sha256 = zeroblob(32)",
        "UPDATE checkpoint SET part = part + 1",
        "UPDATE checkpoint SET is_last = 0",
        "UPDATE checkpoint SET program = '0.0.0/0'",
        "DELETE FROM checkpoint",
        "UPDATE checkpoint SET seq = seq - 1",
        "UPDATE checkpoint SET digest = zeroblob(32)",
    ] {
        let rig = Rig::new();
        (0..3).for_each(|n| rig.append(&run(n)));
        let whole = rig.state();
        rig.make_checkpoint();
        rig.sql(spoil);
        assert_eq!(rig.state(), whole, "{spoil}");
        rig.make_checkpoint();
        assert_eq!(rig.state(), whole, "{spoil}: and another one is made");
    }
}

#[test]
fn a_checkpoint_of_many_parts_counts_when_its_last_one_is_there() {
    let rig = Rig::new();
    (0..600).for_each(|n| {
        let mut records = run(n).to_vec();
        if let Kind::Accepted(spec) = &mut records[0].kind {
            spec.what = What::Shell("x".repeat(3_000));
        }
        rig.append(&records);
    });
    let whole = rig.state();
    rig.with(|journal| {
        let checkpoints = Checkpoints::of(journal).unwrap();
        let asked = std::cell::Cell::new(0);
        // The process stops after two parts.
        let stops = || asked.replace(asked.get() + 1) >= 2;
        checkpoints.make(stops).unwrap();
        assert_eq!(checkpoints.since().unwrap(), 2_400, "it does not count");
    });
    assert_eq!(rig.count("SELECT count(*) FROM checkpoint"), 2);
    assert!(rig.state() == whole, "too long to be shown");
    rig.make_checkpoint();
    assert!(rig.count("SELECT count(*) FROM checkpoint") > 2);
    rig.sql("DELETE FROM journal WHERE seq < 2400");
    assert!(rig.state() == whole, "too long to be shown");
}

#[test]
fn damage_that_a_start_does_not_meet_is_found_beside_the_work() {
    let rig = Rig::new();
    (0..200).for_each(|n| rig.append(&run(n)));
    rig.make_checkpoint();
    let check = || {
        rig.with(|journal| {
            assert_eq!(
                journal.state().unwrap().seq,
                800,
                "a start does not meet it"
            );
            Checkpoints::check(&rig.path(), || false)
        })
    };
    check().unwrap();
    // The third page holds records of long ago.
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(rig.path())
        .unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 512], 2 * 4_096).unwrap();
    let told = check().unwrap_err();
    assert!(matches!(told, StoreError::Damaged { .. }), "{told:?}");
}

#[test]
fn a_past_run_is_read_again_as_it_was() {
    let rig = Rig::new();
    (0..3).for_each(|n| rig.append(&run(n)));
    let past = PastRun {
        number: RunNumber(2),
        id: run_id(1),
        accepted_ms: 11,
    };
    let read = |past| {
        rig.with(|journal| {
            let reader = journal.reader();
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(reader.run(past))
        })
    };
    let whole = rig.state();
    let run = read(past).unwrap();
    assert_eq!(&run, whole.run_numbered(RunNumber(2)).unwrap());
    assert_eq!(run.phase, Phase::Closed { at_ms: 11 });
    let unknown = PastRun {
        id: run_id(9),
        ..past
    };
    assert!(matches!(read(unknown), Err(StoreError::Incomplete { .. })));
    // Its end is gone, or cannot be read: a start from the checkpoint does not meet it.
    rig.make_checkpoint();
    rig.sql("DELETE FROM journal WHERE seq = 8");
    assert!(matches!(read(past), Err(StoreError::Incomplete { .. })));
    rig.sql("UPDATE journal SET record = x'0a' WHERE seq = 7");
    assert!(matches!(read(past), Err(StoreError::Record { seq: 7, .. })));
}

#[test]
fn in_memory_what_is_appended_comes_back() {
    let memory = Memory::default();
    let journal = Journal::Memory(memory.clone());
    for at in 0..3 {
        let place = journal.append(&[group(at)]).try_recv();
        assert_eq!(place.expect("answered at once").unwrap(), at + 1);
    }
    let state = journal.state().unwrap();
    assert_eq!(state.seq, 3);
    assert_eq!(state.groups["web"].selector.to_string(), "web-2");
    assert_eq!(memory.records().len(), 3);
}

#[test]
fn in_memory_commits_wait_and_fail_when_they_are_told_to() {
    let memory = Memory::default();
    let journal = Journal::Memory(memory.clone());
    memory.commit(Commits::Later);
    let mut held: Vec<_> = (0..2).map(|at| journal.append(&[hold(at)])).collect();
    assert!(held.iter_mut().all(|answer| answer.try_recv().is_err()));
    let committed = memory.records();
    assert_eq!(committed, [], "nothing is committed before it is answered");
    memory.commit(Commits::AtOnce);
    let places: Vec<u64> = held
        .iter_mut()
        .map(|answer| answer.try_recv().unwrap().unwrap())
        .collect();
    assert_eq!(places, [1, 2]);
    assert_eq!(memory.records(), [hold(0), hold(1)]);

    memory.commit(Commits::Later);
    let mut held = journal.append(&[hold(2)]);
    memory.commit(Commits::Never);
    assert!(matches!(held.try_recv(), Ok(Err(StoreError::Stopped))));
    assert!(matches!(journal.append(&[hold(3)]).try_recv(), Ok(Err(_))));
    assert_eq!(memory.records(), [hold(0), hold(1)]);
}

#[test]
fn a_full_disk_is_told_as_such_and_the_chain_goes_on() {
    let rig = Rig::new();
    rig.append(&run(0));
    let connection = sqlite::open(&file(&rig.path(), None)).unwrap();
    let pages: i64 = connection
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    let limit = |connection: &Connection, pages: i64| {
        let sql = format!("PRAGMA max_page_count = {pages}");
        connection.query_row(&sql, [], |_| Ok(())).unwrap();
    };
    limit(&connection, pages);
    let newest = chain::newest(&connection).unwrap();
    let mut writer = Writer {
        head: head_at(&rig.path(), newest).unwrap(),
        connection,
        newest,
        room: Room::of(rig.dir.path()),
    };
    let append = |kind: &[Record]| {
        let (done, answer) = oneshot::channel();
        let row = |record: &Record| Row {
            run: record.run().map(|run| *run.as_bytes()),
            record: record_to_wire(record).encode_to_vec(),
        };
        let records = kind.iter().map(row).collect();
        (Write::Append { records, done }, answer)
    };
    let large: Vec<Record> = (0..500).map(group).collect();
    let (write, _answer) = append(&large);
    let error = writer.commit(&[write]).unwrap_err();
    assert!(error.is_full(), "{error}");
    // There is room again: nothing of what failed counts.
    limit(&writer.connection, 1_000_000);
    let (write, _answer) = append(&large);
    assert_eq!(writer.commit(&[write]).unwrap(), [5]);
    drop(writer);
    told(&rig).unwrap();
    assert_eq!(rig.state().seq, 504);
}
