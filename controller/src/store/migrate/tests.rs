//! Migrations of the tests: all files, or none, whatever happens at any step.

use std::cell::{Cell, RefCell};

use shanty_core::hold::Hold;
use shanty_core::journal::{Kind, Record, State};
use shanty_core::principal::Actor;
use tempfile::TempDir;

use super::*;
use crate::store::Store;

fn made() -> (TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), u64::MAX).unwrap();
    let record = |at_ms| Record {
        at_ms,
        actor: Actor::Controller,
        kind: Kind::Hold(Hold::on(format!("move {at_ms}"))),
    };
    let records: Vec<Record> = (0..500).map(record).collect();
    let written = store.journal.append(&records).blocking_recv();
    written.unwrap().unwrap();
    let state = store.journal.state().unwrap();
    assert!(store.close());
    (dir, state)
}

fn copy(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
        }
    }
    to
}

/// What each file's schema is, as whoever opens it finds it.
fn schemas(dir: &Path) -> Vec<u32> {
    let of = |part: Part| {
        let connection = Connection::open(dir.join(part.file())).unwrap();
        version(&connection, "main").unwrap().unwrap()
    };
    Part::ALL.map(of).to_vec()
}

/// The program before goes on with it: nothing is otherwise than it was.
fn is_of_before(dir: &Path, whole: &State) {
    let store = Store::open(dir, u64::MAX).unwrap();
    assert!(store.journal.state().unwrap() == *whole);
    assert!(store.close());
}

fn sql(text: &'static str) -> impl Fn(&Connection) -> rusqlite::Result<()> {
    move |connection| connection.execute_batch(text)
}

#[test]
fn nothing_leads_nowhere_and_the_number_is_that_of_the_last() {
    let (dir, whole) = made();
    assert_eq!(newest(MIGRATIONS), OLDEST, "see docs/UPGRADING.md");
    let standing = standing(dir.path(), MIGRATIONS).unwrap();
    assert_eq!((standing.schema, standing.changes), (Some(OLDEST), vec![]));
    migrate(dir.path(), MIGRATIONS).unwrap();
    is_of_before(dir.path(), &whole);
}

#[test]
fn they_are_done_in_their_order_once_each_and_a_killed_process_leaves_all_or_nothing() {
    let (dir, whole) = made();
    let killed = RefCell::new(Vec::new());
    let at = |then: &dyn Fn(&Connection) -> rusqlite::Result<()>, connection: &Connection| {
        // Pages leave memory before the commit, as of large files.
        connection.execute_batch("PRAGMA cache_size = 4")?;
        killed.borrow_mut().push(copy(dir.path()));
        then(connection)?;
        killed.borrow_mut().push(copy(dir.path()));
        Ok(())
    };
    let column = |c: &Connection| at(&sql("ALTER TABLE main.journal ADD COLUMN note TEXT"), c);
    let fill = |c: &Connection| {
        at(
            &sql("UPDATE main.journal SET note = hex(randomblob(900))"),
            c,
        )
    };
    let table = |c: &Connection| at(&sql("CREATE TABLE output.more (x INTEGER) STRICT"), c);
    let row = |c: &Connection| {
        at(
            &sql("INSERT INTO output.more SELECT seq FROM main.journal"),
            c,
        )
    };
    let migrations = [
        Migration {
            steps: &[(Part::Journal, &column), (Part::Output, &table)],
        },
        Migration {
            steps: &[(Part::Output, &row), (Part::Journal, &fill)],
        },
        Migration { steps: &[] },
    ];
    let pending = standing(dir.path(), &migrations).unwrap();
    let changes: Vec<PathBuf> = ["shanty.db", "output.db"]
        .map(|name| dir.path().join(name))
        .into();
    assert_eq!((pending.schema, pending.changes), (Some(4), changes));

    migrate(dir.path(), &migrations).unwrap();
    assert_eq!(schemas(dir.path()), [7, 7, 7]);
    let count = |dir: &Path, sql: &str| -> u32 {
        let connection = Connection::open(dir.join("shanty.db")).unwrap();
        let output = dir.join("output.db").display().to_string();
        connection.execute("ATTACH ?1 AS output", [output]).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let check = |dir: &Path| {
        assert_eq!(count(dir, "SELECT count(note) FROM main.journal"), 500);
        assert_eq!(count(dir, "SELECT count(*) FROM output.more"), 500);
    };
    check(dir.path());
    // Again nothing is done twice.
    migrate(dir.path(), &migrations).unwrap();
    check(dir.path());
    assert!(matches!(
        standing(dir.path(), MIGRATIONS),
        Err(StoreError::Newer {
            found: 7,
            known: 4,
            ..
        })
    ));

    let killed = killed.take();
    assert_eq!(killed.len(), 8);
    let some_hot = killed
        .iter()
        .any(|dir| dir.path().join("shanty.db-journal").exists());
    assert!(some_hot, "some of it was on the disk");
    let again = [
        Migration {
            steps: &[
                (
                    Part::Journal,
                    &sql("ALTER TABLE main.journal ADD COLUMN note TEXT"),
                ),
                (
                    Part::Output,
                    &sql("CREATE TABLE output.more (x INTEGER) STRICT"),
                ),
            ],
        },
        Migration {
            steps: &[
                (
                    Part::Output,
                    &sql("INSERT INTO output.more SELECT seq FROM main.journal"),
                ),
                (Part::Journal, &sql("UPDATE main.journal SET note = 'x'")),
            ],
        },
    ];
    for left in killed {
        let other = copy(left.path());
        is_of_before(left.path(), &whole);
        migrate(other.path(), &again).unwrap();
        assert_eq!(schemas(other.path()), [6, 6, 6]);
        check(other.path());
    }
}

#[test]
fn one_that_fails_changes_no_file_and_is_named() {
    let (dir, whole) = made();
    let output = sql("CREATE TABLE output.more (x INTEGER) STRICT");
    let kept = sql("CREATE TABLE kept.kept (x INTEGER)");
    let unfit = sql("INSERT INTO output.chunk VALUES (77, 0, x'00')");
    for (bad, named) in [
        ((Part::Kept, &kept as Step<'_>), "kept.db"),
        ((Part::Output, &unfit), "output.db"),
    ] {
        let migrations = [
            Migration {
                steps: &[(Part::Output, &output)],
            },
            Migration { steps: &[bad] },
        ];
        let failed = migrate(dir.path(), &migrations).unwrap_err();
        let told = format!("{:#}", anyhow::Error::from(failed));
        assert!(told.contains(named), "{told}");
        assert_eq!(schemas(dir.path()), [4, 4, 4]);
        is_of_before(dir.path(), &whole);
    }
}

#[test]
fn a_file_that_is_not_there_or_empty_is_left_to_whoever_makes_it() {
    let (dir, _) = made();
    std::fs::remove_file(dir.path().join("output.db")).unwrap();
    std::fs::write(dir.path().join("kept.db"), b"").unwrap();
    let done = Cell::new(0);
    let step = |_: &Connection| {
        done.set(done.get() + 1);
        Ok(())
    };
    let steps = Part::ALL.map(|part| (part, &step as Step<'_>));
    let migrations = [Migration { steps: &steps }];
    let journal = dir.path().join("shanty.db");
    assert_eq!(
        standing(dir.path(), &migrations).unwrap().changes,
        [journal]
    );
    migrate(dir.path(), &migrations).unwrap();
    assert_eq!(done.get(), 1);
    assert!(!dir.path().join("output.db").exists());
}

#[test]
fn a_schema_of_nobody_is_refused() {
    let (dir, _) = made();
    for (number, older) in [(0, true), (3, true), (5, false)] {
        let kept = Connection::open(dir.path().join("kept.db")).unwrap();
        kept.pragma_update(None, "user_version", number).unwrap();
        drop(kept);
        let refused = standing(dir.path(), MIGRATIONS).unwrap_err();
        let is_older =
            matches!(refused, StoreError::Older { found, known: 4, .. } if found == number);
        let is_newer =
            matches!(refused, StoreError::Newer { found, known: 4, .. } if found == number);
        assert_eq!((is_older, is_newer), (older, !older), "{refused}");
    }
}
