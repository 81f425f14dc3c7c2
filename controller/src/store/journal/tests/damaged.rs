//! A journal that is not what was written: told, and nothing is decided on it.

use super::*;

#[test]
fn a_record_that_was_changed_left_out_or_put_in_is_named() {
    for (spoil, at) in [
        ("UPDATE journal SET record = x'0a' WHERE seq = 7", 7),
        (
            "UPDATE journal SET record = substr(record, 1, length(record) - 1) WHERE seq = 1",
            1,
        ),
        (
            "UPDATE journal SET record = (SELECT record FROM journal WHERE seq = 2) WHERE seq = 6",
            6,
        ),
        ("UPDATE journal SET digest = zeroblob(32) WHERE seq = 5", 5),
        ("UPDATE journal SET digest = x'' WHERE seq = 12", 12),
        ("UPDATE journal SET run = zeroblob(16) WHERE seq = 9", 9),
        ("UPDATE journal SET run = NULL WHERE seq = 9", 9),
        ("DELETE FROM journal WHERE seq = 4", 4),
        ("DELETE FROM journal WHERE seq = 1", 1),
        ("DELETE FROM journal WHERE seq BETWEEN 3 AND 8", 3),
        (
            "INSERT INTO journal SELECT seq + 1, run, record, digest FROM journal WHERE seq = 12",
            13,
        ),
    ] {
        for checkpoint in [false, true] {
            let rig = Rig::new();
            (0..3).for_each(|n| rig.append(&run(n)));
            if checkpoint {
                rig.make_checkpoint();
            }
            told(&rig).unwrap();
            rig.sql(spoil);
            let error = told(&rig).unwrap_err();
            let broken = matches!(&error, StoreError::Broken { seq, path, .. } if *seq == at && *path == rig.path());
            assert!(broken, "{spoil}: {error}");
        }
    }
}

#[test]
fn a_journal_that_lost_its_end_is_not_taken() {
    let rig = Rig::new();
    (0..3).for_each(|n| rig.append(&run(n)));
    let head = rig.dir.path().join("journal.head");
    let written = std::fs::read(&head).unwrap();
    let short = |known| {
        let error = told(&rig).unwrap_err();
        let told = matches!(error, StoreError::Short { newest: 10, known: k, .. } if k == known);
        assert!(told, "{error}");
    };
    rig.sql("DELETE FROM journal WHERE seq > 10");
    short(12);
    // It says so again: a start that was refused changes nothing.
    short(12);
    assert_eq!(std::fs::read(&head).unwrap(), written);
    // Its checkpoint knows it too.
    std::fs::remove_file(&head).unwrap();
    rig.sql("INSERT INTO checkpoint VALUES (11, 0, 0, '0.0.0/0', x'', x'', x'')");
    short(11);
    rig.sql("DELETE FROM checkpoint");
    told(&rig).unwrap();
}

#[test]
fn another_journal_in_its_place_is_not_taken() {
    let (rig, other) = (Rig::new(), Rig::new());
    (0..3).for_each(|n| rig.append(&run(n)));
    (3..9).for_each(|n| other.append(&run(n)));
    std::fs::copy(other.path(), rig.path()).unwrap();
    let error = told(&rig).unwrap_err();
    assert!(
        matches!(error, StoreError::Broken { seq: 12, .. }),
        "{error}"
    );
}

#[test]
fn a_journal_that_is_gone_or_empty_is_not_begun_anew() {
    let rig = Rig::new();
    let traces = || Some(rig.dir.path().join("ca"));
    let gone = || {
        let opened = Journal::open(&rig.path(), traces(), &Room::of(rig.dir.path()));
        assert!(matches!(opened, Err(StoreError::Gone { .. })));
    };
    gone();
    assert!(!rig.path().exists(), "nothing was made");
    rig.append(&run(1));
    std::fs::write(rig.path(), b"").unwrap();
    gone();
    assert_eq!(std::fs::read(rig.path()).unwrap(), b"");
    // A file that SQLite takes for an empty database.
    std::fs::remove_file(rig.path()).unwrap();
    rig.sql("CREATE TABLE t (x); DROP TABLE t");
    gone();
}

#[test]
fn anchors_are_compared_at_their_place() {
    let rig = Rig::new();
    (0..3).for_each(|n| rig.append(&run(n)));
    let of = |seq| {
        let connection = Connection::open(rig.path()).unwrap();
        let digest = chain::digest_at(&connection, seq).unwrap().unwrap();
        Anchor { seq, digest }
    };
    let good = [of(0), of(7), of(12)];
    let verified = verify(&rig.path(), &good, || false).unwrap();
    let sound = Verified {
        newest: of(12),
        missed: vec![],
    };
    assert_eq!(verified, sound);
    let other = Anchor {
        digest: [7; 32],
        ..of(7)
    };
    let later = Anchor { seq: 13, ..of(12) };
    let missed = verify(&rig.path(), &[of(7), other, later], || false).unwrap();
    let differs = |anchor, differs| Missed { anchor, differs };
    assert_eq!(missed.missed, [differs(other, true), differs(later, false)]);
    // Whoever computes the chain anew is found out by an anchor, and by nothing else.
    rig.sql("DELETE FROM journal WHERE seq > 8");
    std::fs::remove_file(rig.dir.path().join("journal.head")).unwrap();
    rig.append(&run(9));
    let verified = verify(&rig.path(), &[of(7), good[2]], || false).unwrap();
    assert_eq!(verified.missed, [differs(good[2], true)]);
}
