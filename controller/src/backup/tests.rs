//! What is put back is what was there at one moment, or it is refused.

use std::fs;

use shanty_core::hold::Hold;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::journal::{Kind, Record, State};
use shanty_core::principal::Actor;
use shanty_core::run::{Away, Offline, Options, Origin, Spec, Strategy, Target, What};

use super::*;
use crate::store::Store;

fn hold(at_ms: u64) -> Record {
    Record {
        at_ms,
        actor: Actor::Socket {
            user: "root".to_owned(),
        },
        kind: Kind::Hold(Hold::on(format!("move {at_ms}"))),
    }
}

fn append(store: &Store, records: std::ops::Range<u64>) {
    for at in records {
        let written = store.journal.append(&[hold(at)]);
        written.blocking_recv().unwrap().unwrap();
    }
}

fn state(dir: &Path) -> State {
    let store = Store::open(dir, u64::MAX).unwrap();
    let state = store.journal.state().unwrap();
    assert!(store.close());
    state
}

/// A directory for data and backups.
struct Rig {
    dir: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let rig = Self { dir };
        files::private_directory(&rig.at("data")).unwrap();
        rig
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A backup of a store that goes on, of its first ten records.
    fn backup(&self) -> Made {
        let store = Store::open(&self.at("data"), u64::MAX).unwrap();
        append(&store, 0..10);
        fs::create_dir_all(self.at("data/ca/sub")).unwrap();
        fs::write(self.at("data/ca/sub/key"), b"secret").unwrap();
        fs::write(self.at("data/inputs/abc"), b"given").unwrap();
        let made = make(&self.at("data"), &self.at("backup"), 7).unwrap();
        append(&store, 10..20);
        assert!(store.close());
        made
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_was_there_at_that_moment_is_put_back() {
    let rig = Rig::new();
    let made = rig.backup();
    assert_eq!(made.anchor.seq, 10);
    assert_eq!(state(&rig.at("data")).seq, 20);
    // As some program leaves it that copies without owners and modes.
    chmod(&rig.at("backup"), 0o755);
    for file in ["manifest.json", "shanty.db", "ca/sub/key"] {
        chmod(&rig.at("backup").join(file), 0o644);
    }
    let restored = restore(&rig.at("backup"), &rig.at("new"), 9).unwrap();
    chmod(&rig.at("backup"), 0o700);
    assert_eq!((restored.anchor, restored.given_up), (made.anchor, 0));
    assert_eq!(state(&rig.at("new")).seq, 10);
    assert_eq!(fs::read(rig.at("new/ca/sub/key")).unwrap(), b"secret");
    assert_eq!(fs::read(rig.at("new/inputs/abc")).unwrap(), b"given");
    for place in [
        "backup",
        "new",
        "backup/ca",
        "new/ca",
        "new/ca/sub/key",
        "new/shanty.db",
    ] {
        let mode = fs::metadata(rig.at(place)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{place}");
    }
    assert_eq!(newest(&rig.at("data")).unwrap().path, rig.at("backup"));
    // What is there is never written over.
    for place in ["backup", "data"] {
        let made = make(&rig.at("data"), &rig.at(place), 8);
        assert!(matches!(made, Err(BackupError::NotEmpty(_))), "{place}");
        let restored = restore(&rig.at("backup"), &rig.at(place), 8);
        assert!(matches!(restored, Err(BackupError::NotEmpty(_))), "{place}");
    }
}

#[test]
fn a_backup_that_is_not_what_was_made_is_refused_and_nothing_is_put_back() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 10] = [
        ("a place that others may write to", |dir| chmod(dir, 0o777)),
        ("a manifest that others may write", |dir| {
            chmod(&dir.join(MANIFEST), 0o666)
        }),
        ("a link in the place of a file, to what was in it", |dir| {
            let other = dir.with_file_name("other");
            fs::rename(dir.join("inputs/abc"), &other).unwrap();
            std::os::unix::fs::symlink(&other, dir.join("inputs/abc")).unwrap();
        }),
        ("no manifest", |dir| {
            fs::remove_file(dir.join(MANIFEST)).unwrap()
        }),
        ("half a manifest", |dir| {
            let text = fs::read(dir.join(MANIFEST)).unwrap();
            fs::write(dir.join(MANIFEST), &text[..text.len() / 2]).unwrap();
        }),
        ("a flipped bit", |dir| {
            let path = dir.join("output.db");
            let mut bytes = fs::read(&path).unwrap();
            bytes[300] ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("a shorter journal", |dir| {
            let bytes = fs::read(dir.join("shanty.db")).unwrap();
            fs::write(dir.join("shanty.db"), &bytes[..4096]).unwrap();
        }),
        ("a file that is gone", |dir| {
            fs::remove_file(dir.join("inputs/abc")).unwrap()
        }),
        ("a file that was put in", |dir| {
            fs::write(dir.join("ca/other"), b"x").unwrap()
        }),
        ("a name that leads elsewhere", |dir| {
            let text = fs::read_to_string(dir.join(MANIFEST)).unwrap();
            fs::write(dir.join(MANIFEST), text.replace("inputs/abc", "../abc")).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let rig = Rig::new();
        rig.backup();
        damage(&rig.at("backup"));
        let restored = restore(&rig.at("backup"), &rig.at("new"), 9);
        assert!(restored.is_err(), "{what}");
        assert!(!rig.at("new").exists(), "{what}");
    }
}

#[test]
fn a_broken_journal_is_no_backup() {
    let rig = Rig::new();
    rig.backup();
    let journal = rusqlite::Connection::open(rig.at("data/shanty.db")).unwrap();
    journal
        .execute_batch("UPDATE journal SET record = x'00' WHERE seq = 3")
        .unwrap();
    drop(journal);
    let made = make(&rig.at("data"), &rig.at("second"), 8);
    assert!(matches!(
        made,
        Err(BackupError::Store(StoreError::Broken { seq: 3, .. }))
    ));
    assert!(!rig.at("second").join(MANIFEST).exists());
}

#[test]
fn what_waited_then_is_given_up_and_what_may_run_is_not() {
    let target = |n: u8, away| Target {
        agent: AgentId::from_bytes([n; 16]),
        name: format!("web-0{n}").parse().unwrap(),
        away,
    };
    let run = RunId::from_bytes([1; 16]);
    let spec = Spec {
        id: run,
        origin: Origin::Socket {
            user: "root".to_owned(),
        },
        what: What::Shell("true".to_owned()),
        input: None,
        selector: "all".to_owned(),
        options: Options::default(),
        targets: vec![target(1, None), target(2, Some(Away::Offline))],
        digest: [0; 32],
        seed: None,
        strategy: Strategy {
            offline: Offline::Queue { for_ms: 3_600_000 },
            rollout: None,
        },
    };
    let rig = Rig::new();
    let store = Store::open(&rig.at("data"), u64::MAX).unwrap();
    let records = [Kind::Accepted(spec), Kind::Go(run)].map(|kind| Record { kind, ..hold(5) });
    store
        .journal
        .append(&records)
        .blocking_recv()
        .unwrap()
        .unwrap();
    make(&rig.at("data"), &rig.at("backup"), 7).unwrap();
    assert!(store.close());
    assert_eq!(
        restore(&rig.at("backup"), &rig.at("new"), 9)
            .unwrap()
            .given_up,
        1
    );
    let state = state(&rig.at("new"));
    let run = state.run_of(run).unwrap();
    let told = |n| {
        let execution = run.execution(AgentId::from_bytes([n; 16])).unwrap();
        execution.outcome().map(|outcome| outcome.how.plain())
    };
    assert_eq!(told(1), None, "the agent knows");
    let expected = "outcome unknown: a backup was put back, and whether it ran since is not known";
    assert_eq!(told(2).as_deref(), Some(expected));
}
