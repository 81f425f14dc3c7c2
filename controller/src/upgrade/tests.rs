//! What becomes of a data directory when programs of several versions come to it.

use std::fs;

use rusqlite::Connection;
use shanty_core::hold::Hold;
use shanty_core::journal::{Kind, Record};
use shanty_core::principal::Actor;
use tempfile::TempDir;

use super::*;
use crate::store::Store;

/// Later than a minute after the one before, each time: two backups have two names.
const MINUTE_MS: u64 = 60_000;

struct Rig {
    dir: TempDir,
    now_ms: u64,
}

impl Rig {
    /// Data that a program wrote which did not say so.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let rig = Self {
            dir,
            now_ms: 1_795_000_000_000,
        };
        files::private_directory(&rig.data()).unwrap();
        let store = Store::open(&rig.data(), u64::MAX).unwrap();
        let record = Record {
            at_ms: 5,
            actor: Actor::Controller,
            kind: Kind::Hold(Hold::on("db move")),
        };
        store
            .journal
            .append(&[record])
            .blocking_recv()
            .unwrap()
            .unwrap();
        assert!(store.close());
        rig
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn bring(&mut self, version: &str) -> Result<Option<VersionChange>, UpgradeError> {
        self.bring_with(version, &[])
    }

    fn bring_with(
        &mut self,
        version: &str,
        migrations: &[Migration<'_>],
    ) -> Result<Option<VersionChange>, UpgradeError> {
        self.now_ms += MINUTE_MS;
        bring(
            &self.data(),
            Program {
                version,
                migrations,
            },
            self.now_ms,
        )
    }

    fn written(&self) -> Option<String> {
        WrittenBy::read(&self.data())
            .unwrap()
            .map(|written| written.version)
    }

    /// The names of what is among the backups of before.
    fn backups(&self) -> Vec<String> {
        let entries = fs::read_dir(self.data().join(BACKUPS))
            .into_iter()
            .flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn told(error: UpgradeError, data_dir: &Path) -> String {
    match error {
        UpgradeError::Store(error) => {
            let next = backup::next(&error, data_dir).unwrap_or_default();
            format!("{error}. {next}")
        }
        other => format!("{:#}", anyhow::Error::from(other)),
    }
}

#[test]
fn a_newer_program_takes_over_after_a_backup_once_and_the_older_one_is_told_two_ways_on() {
    let mut rig = Rig::new();
    assert_eq!(
        rig.bring("0.1.0").unwrap(),
        None,
        "the program that wrote it"
    );
    assert_eq!(
        (rig.written().as_deref(), rig.backups().len()),
        (Some("0.1.0"), 0)
    );

    let change = rig.bring("0.2.0").unwrap().unwrap();
    let backups = rig.backups();
    assert!(
        backups.len() == 1 && backups[0].starts_with("before-0.2.0-2026"),
        "{backups:?}"
    );
    let place = rig.data().join(BACKUPS).join(&backups[0]);
    let expected = VersionChange {
        version: "0.2.0".to_owned(),
        was: "0.1.0".to_owned(),
        backup: place.display().to_string(),
    };
    assert_eq!(change, expected);
    assert_eq!(backup::newest(&rig.data()).unwrap().path, place);
    // What is to be recorded is known until it is recorded.
    assert_eq!(rig.bring("0.2.0").unwrap(), Some(expected));
    assert_eq!(rig.backups(), backups);

    let data = rig.data();
    let refused = told(rig.bring("0.1.0").unwrap_err(), &data);
    let away = format!("{}.newer", data.display());
    for part in [
        "is of Shanty 0.2.0, which wrote it since 2026",
        "the older 0.1.0",
        "nothing was changed",
        "Install Shanty 0.2.0 again",
        "as Shanty 0.1.0 left it, and lose what was done since",
        &format!("`mv {} {away}`", data.display()),
        &format!(
            "`shanty restore {away}/backups/{} --data-dir {}`",
            backups[0],
            data.display()
        ),
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    // It is as it says.
    fs::rename(&data, &away).unwrap();
    backup::restore(&Path::new(&away).join(BACKUPS).join(&backups[0]), &data, 9).unwrap();
    assert_eq!(rig.written().as_deref(), Some("0.1.0"));
    assert_eq!(rig.bring("0.1.0").unwrap(), None);
    let store = Store::open(&data, u64::MAX).unwrap();
    assert!(store.journal.state().unwrap().hold.is_some());
    assert!(store.close());
}

#[test]
fn a_program_that_differs_in_the_last_number_only_just_goes_on_both_ways() {
    let mut rig = Rig::new();
    rig.bring("0.1.0").unwrap();
    for (version, was) in [("0.1.7", "0.1.0"), ("0.1.2", "0.1.7")] {
        let change = rig.bring(version).unwrap().unwrap();
        assert_eq!((change.was.as_str(), change.backup.as_str()), (was, ""));
        assert_eq!(rig.written().as_deref(), Some(version));
    }
    assert!(rig.backups().is_empty());
    assert!(rig.bring("0.2.0-rc.1").unwrap().is_some());
    assert!(rig.bring("0.1.9").is_err());
    rig.bring("0.2.0").unwrap();
    assert_eq!(
        rig.backups().len(),
        2,
        "one that comes before a release is like itself only"
    );
    assert!(rig.bring("0.2.0-rc.1").is_err());
}

#[test]
fn two_backups_of_before_are_kept_and_attempts_that_ended_early_leave_none() {
    let mut rig = Rig::new();
    for version in ["0.2.0", "0.3.0", "0.4.0"] {
        rig.bring(version).unwrap();
    }
    let starts = |rig: &Rig, expected: &[&str]| {
        let names = rig.backups();
        let fits = names
            .iter()
            .zip(expected)
            .all(|(name, start)| name.starts_with(start));
        assert!(fits && names.len() == expected.len(), "{names:?}");
    };
    starts(&rig, &["before-0.3.0-", "before-0.4.0-"]);
    // Killed while the backup was made, and when it was made but nothing said.
    let coming = rig.data().join("backups/before-0.5.0-x.coming/ca");
    fs::create_dir_all(coming).unwrap();
    let said = fs::read(rig.data().join(store::WRITTEN_BY)).unwrap();
    rig.bring("0.5.0").unwrap();
    for _ in 0..3 {
        fs::write(rig.data().join(store::WRITTEN_BY), &said).unwrap();
        let change = rig.bring("0.5.0").unwrap().unwrap();
        assert_eq!(change.was, "0.4.0");
        starts(&rig, &["before-0.4.0-", "before-0.5.0-"]);
        assert!(Path::new(&change.backup).join(MANIFEST).exists());
    }
}

#[test]
fn migrations_come_after_the_backup_and_one_that_fails_leaves_the_data_to_the_older_program() {
    let mut rig = Rig::new();
    rig.bring("0.1.0").unwrap();
    let good = |c: &Connection| c.execute_batch("CREATE TABLE output.more (x INTEGER) STRICT");
    let bad = |c: &Connection| c.execute_batch("CREATE TABLE kept.kept (x INTEGER)");
    let one = Migration {
        steps: &[(Part::Output, &good)],
    };
    let two = Migration {
        steps: &[(Part::Kept, &bad)],
    };
    let failing = [one, two];
    let failed = rig.bring_with("0.2.0", &failing).unwrap_err();
    assert!(!failed.is_full());
    let data = rig.data();
    let failed = told(failed, &data);
    let parts = [
        "could not be made that of 0.2.0",
        "All of it is as it was, and 0.1.0 can go on",
        "kept.db",
    ];
    assert!(parts.iter().all(|part| failed.contains(part)), "{failed}");
    assert_eq!(rig.bring("0.1.0").unwrap(), None, "it goes on");
    assert!(Store::open(&data, u64::MAX).unwrap().close());

    let change = rig.bring_with("0.2.0", &failing[..1]).unwrap().unwrap();
    let schema = |dir: &Path| -> u32 {
        let journal = Connection::open(dir.join("shanty.db")).unwrap();
        journal
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!((schema(&data), schema(Path::new(&change.backup))), (5, 4));
    assert_eq!(rig.backups().len(), 1, "the failed attempt's is of no use");
    // Killed before it was said whose it is: the older program sees it all the same, and the newer one goes on.
    WrittenBy::new("0.1.0", 3).write(&data).unwrap();
    assert_eq!(rig.bring("0.1.0").unwrap(), None);
    let refused = match Store::open(&data, u64::MAX) {
        Err(error) => told(error.into(), &data),
        Ok(_) => panic!("it opens what it does not know"),
    };
    let parts = [
        "has schema 5",
        "Install the newer version again",
        "shanty restore",
    ];
    assert!(parts.iter().all(|part| refused.contains(part)), "{refused}");
    let change = rig.bring_with("0.2.0", &failing[..1]).unwrap().unwrap();
    assert_eq!(change.was, "0.1.0");
    assert_eq!(rig.written().as_deref(), Some("0.2.0"));
}

#[test]
fn what_cannot_be_told_is_refused_and_nothing_is_begun_where_something_was() {
    let mut rig = Rig::new();
    rig.bring("0.2.0").unwrap();
    let path = rig.data().join(store::WRITTEN_BY);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, b"{").unwrap();
    let data = rig.data();
    let refused = told(rig.bring("0.2.0").unwrap_err(), &data);
    assert!(
        refused.contains("version.json does not say which program")
            && refused.contains("Put it back"),
        "{refused}"
    );
    assert!(Store::open(&data, u64::MAX).is_err());
    fs::write(&path, whole).unwrap();

    // The journal is gone: nothing is taken over, and whoever opens the store says so.
    fs::remove_file(data.join("shanty.db")).unwrap();
    let backups = rig.backups();
    rig.bring("0.3.0").unwrap();
    assert_eq!(
        (rig.written().as_deref(), rig.backups()),
        (Some("0.2.0"), backups)
    );

    let dir = tempfile::tempdir().unwrap();
    let begun = bring(
        dir.path(),
        Program {
            version: "0.3.0",
            migrations: &[],
        },
        7,
    )
    .unwrap();
    let written = WrittenBy::read(dir.path()).unwrap().unwrap();
    assert_eq!((begun, written), (None, WrittenBy::new("0.3.0", 7)));
}

#[test]
fn without_room_for_the_backup_nothing_is_begun_and_the_numbers_are_said() {
    let no_room = UpgradeError::NoRoom {
        data_dir: "/var/lib/shanty".into(),
        was: "0.1.0".to_owned(),
        ours: "0.2.0".to_owned(),
        needed: 3 << 30,
        left: 5 << 20,
    };
    assert!(no_room.is_full());
    let text = no_room.to_string();
    let parts = [
        "needs 3.0 GiB in /var/lib/shanty",
        "before it takes over from 0.1.0",
        "5.0 MiB are left",
        "0.1.0 can go on",
    ];
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
}
