//! Damage to the files, byte by byte and as a whole: each is answered, or nothing differs.

use std::path::{Path, PathBuf};

use shanty_core::hold::Hold;
use shanty_core::ids::RunNumber;
use shanty_core::journal::{Kind, Record, State};
use shanty_core::principal::Actor;

use super::*;

/// Between two bytes that are tried, and so much longer each time that no place in a page is always passed over.
const STEP: usize = 173;

fn records(n: u64) -> Vec<Record> {
    let record = |at_ms| Record {
        at_ms,
        actor: Actor::Socket {
            user: "root".to_owned(),
        },
        kind: match at_ms % 2 {
            0 => Kind::Hold(Hold::on("db move")),
            _ => Kind::GroupSaved {
                name: format!("web-{at_ms}"),
                selector: format!("web-{at_ms}"),
            },
        },
    };
    (n * 10..n * 10 + 10).map(record).collect()
}

/// A data directory: of a process that ended, or of one that was killed, whose journal is not all in its file yet.
fn dir(killed: bool) -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let write = |n| {
        let store = Store::open(dir.path(), u64::MAX).unwrap();
        let written = store.journal.append(&records(n));
        written.blocking_recv().unwrap().unwrap();
        if n == 3 {
            Checkpoints::of(&store.journal)
                .unwrap()
                .make(|| false)
                .unwrap();
        }
        store
    };
    for n in 0..6 {
        assert!(write(n).close());
    }
    if !killed {
        let store = write(6);
        let state = store.journal.state().unwrap();
        assert!(store.close());
        return (dir, state);
    }
    // Another process reads it, so that the last one leaves its log behind, as one that was killed does.
    let reader = rusqlite::Connection::open(dir.path().join(JOURNAL)).unwrap();
    reader
        .query_row("SELECT count(*) FROM journal", [], |_| Ok(()))
        .unwrap();
    let store = write(6);
    let state = store.journal.state().unwrap();
    assert!(store.close());
    let copy = tempfile::tempdir().unwrap();
    copy_files(dir.path(), copy.path());
    drop(reader);
    assert!(copy.path().join("shanty.db-wal").exists());
    (copy, state)
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// What a process makes of a directory: what its journal comes to, or why not. A copy is opened, as SQLite changes what it opens.
fn opened(from: &Path, damage: impl FnOnce(&Path)) -> Result<State, StoreError> {
    let dir = tempfile::tempdir().unwrap();
    copy_files(from, dir.path());
    damage(dir.path());
    let store = Store::open(dir.path(), u64::MAX)?;
    let state = store.journal.state();
    let path = dir.path().join(JOURNAL);
    let checked = state.and_then(|state| Checkpoints::check(&path, || false).map(|()| state));
    assert!(store.close());
    checked
}

/// Either the same, or told with the file.
fn judge(what: &str, whole: &State, opened: Result<State, StoreError>) -> bool {
    match opened {
        Ok(state) => {
            assert!(state == *whole, "{what}: unseen, and something differs");
            false
        }
        Err(error) => {
            let told = format!("{:#}", anyhow::Error::from(error));
            assert!(told.contains("shanty.db"), "{what}: {told}");
            true
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_in_the_journal_is_told_or_changes_nothing() {
    let (ended, killed) = (dir(false), dir(true));
    let files = [
        (&ended, "shanty.db"),
        (&ended, "journal.head"),
        (&killed, "shanty.db"),
        (&killed, "shanty.db-wal"),
        (&killed, "journal.head"),
    ];
    let mut told = 0;
    for ((dir, whole), name) in files {
        let len = std::fs::read(dir.path().join(name)).unwrap().len();
        assert!(!judge("nothing", whole, opened(dir.path(), |_| {})));
        let (mut at, mut step) = (0, STEP);
        while at < len {
            let flip = |dir: &Path| {
                let path = dir.join(name);
                let mut bytes = std::fs::read(&path).unwrap();
                bytes[at] ^= 0x10;
                std::fs::write(path, bytes).unwrap();
            };
            let what = format!("{name}: byte {at}");
            told += usize::from(judge(&what, whole, opened(dir.path(), flip)));
            at += step;
            step += 1;
        }
    }
    assert!(told > 20, "{told}");
}

#[test]
fn a_journal_that_was_cut_zeroed_or_taken_away_is_told() {
    let (dir, whole) = dir(true);
    // So much of it is left; of nothing nothing.
    let cut = |dir: &Path, name: &str, divisor: usize| {
        let path = dir.join(name);
        let bytes = std::fs::read(&path).unwrap();
        let len = bytes.len().checked_div(divisor).unwrap_or_default();
        std::fs::write(path, &bytes[..len]).unwrap();
    };
    let zero = |dir: &Path, name: &str| {
        let path = dir.join(name);
        let len = std::fs::read(&path).unwrap().len();
        std::fs::write(path, vec![0; len]).unwrap();
    };
    let remove = |dir: &Path, name: &str| std::fs::remove_file(dir.join(name)).unwrap();
    type Damage<'a> = (&'a str, bool, Box<dyn Fn(&Path) + 'a>);
    let table: [Damage<'_>; 12] = [
        (
            "half a log",
            true,
            Box::new(|dir| cut(dir, "shanty.db-wal", 2)),
        ),
        (
            "a log of nothing",
            true,
            Box::new(|dir| cut(dir, "shanty.db-wal", 0)),
        ),
        (
            "a log of zeros",
            true,
            Box::new(|dir| zero(dir, "shanty.db-wal")),
        ),
        ("no log", true, Box::new(|dir| remove(dir, "shanty.db-wal"))),
        (
            "half a journal",
            true,
            Box::new(|dir| cut(dir, "shanty.db", 2)),
        ),
        (
            "an empty journal",
            true,
            Box::new(|dir| cut(dir, "shanty.db", 0)),
        ),
        ("zeros", true, Box::new(|dir| zero(dir, "shanty.db"))),
        ("no journal", true, Box::new(|dir| remove(dir, "shanty.db"))),
        (
            "neither journal nor log",
            true,
            Box::new(|dir| {
                remove(dir, "shanty.db");
                remove(dir, "shanty.db-wal");
            }),
        ),
        (
            "no head",
            false,
            Box::new(|dir| remove(dir, "journal.head")),
        ),
        (
            "half a head",
            false,
            Box::new(|dir| cut(dir, "journal.head", 2)),
        ),
        (
            "a head of zeros",
            false,
            Box::new(|dir| zero(dir, "journal.head")),
        ),
    ];
    for (what, expected, damage) in table {
        assert_eq!(
            judge(what, &whole, opened(dir.path(), damage)),
            expected,
            "{what}"
        );
    }
}

#[test]
fn what_is_folded_is_made_again_and_never_believed() {
    let (dir, whole) = dir(false);
    let path = |dir: &Path| -> PathBuf { dir.join("search.db") };
    let damages: [fn(PathBuf); 4] = [
        |path| std::fs::write(path, b"no database").unwrap(),
        |path| std::fs::write(path, b"").unwrap(),
        |path| std::fs::remove_file(path).unwrap(),
        |path| std::fs::write(path, [0; 8192]).unwrap(),
    ];
    for damage in damages {
        let state = opened(dir.path(), |dir| damage(path(dir))).unwrap();
        assert!(state == whole);
        assert_eq!(state.runs.newest(), RunNumber(0));
    }
}
