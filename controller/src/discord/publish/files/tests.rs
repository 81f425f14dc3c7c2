//! Archives of runs that are stored, taken apart again.

use std::io::Read as _;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use shanty_core::ids::{RunId, RunNumber};
use shanty_core::limits::ATTACHMENT_BYTES_MAX;
use shanty_core::output::mask::{Masks, Secret};
use shanty_core::refusal::Code;
use shanty_core::run::{
    How, Offline, Options, Origin, Outcome, Reason, Spec, Strategy, Target, What,
};
use shanty_core::spool::{self, Cause, Exit, Header, Record, encode};

use serde_json::json;

use super::*;
use crate::discord::upload::Piece;
use crate::store::Store;

const RUN: RunId = RunId::from_bytes([1; 16]);

fn agent(n: u8) -> AgentId {
    AgentId::from_bytes([n; 16])
}

/// A run of the command line on these hosts.
pub(super) fn spec(targets: Vec<Target>) -> Spec {
    Spec {
        id: RUN,
        origin: Origin::Socket {
            user: "root".to_owned(),
        },
        what: What::Shell("true".to_owned()),
        input: None,
        selector: "all".to_owned(),
        options: Options {
            timeout_ms: 0,
            ..Options::default()
        },
        targets,
        digest: [0; 32],
        seed: None,
        strategy: Strategy {
            offline: Offline::Fail,
            rollout: None,
        },
    }
}

/// A run on hosts that printed this, stored but for those of which it is nothing.
async fn stored(outputs: &[Vec<u8>]) -> (tempfile::TempDir, Output, Arc<Run>) {
    let dir = tempfile::tempdir().unwrap();
    let output = Store::open(dir.path(), u64::MAX).unwrap().output;
    let targets = (1..).zip(outputs).map(|(n, _)| Target {
        agent: agent(n),
        name: format!("web-{n:02}").parse().unwrap(),
        away: None,
    });
    let spec = spec(targets.collect());
    let mut run = Run::new(RunNumber(7), spec, 0);
    for (n, printed) in (1..).zip(outputs) {
        let header = Header {
            version: 1,
            run: RUN,
            agent: agent(n),
            boot_id: [0; 16],
            wall_ms: 5,
        };
        let mut spool = Vec::new();
        encode(&Record::Header(header), &mut spool).unwrap();
        for part in printed.chunks(30_000) {
            let bytes = Bytes::copy_from_slice(part);
            encode(&Record::Out { dt_us: 1, bytes }, &mut spool).unwrap();
        }
        let sha256 = Sha256::digest(&spool).into();
        if n > 1 {
            let exit = Exit {
                how: spool::How::Code(0),
                cause: Cause::Command,
                sha256,
                ..Exit::lost(0)
            };
            encode(&Record::Exit(exit), &mut spool).unwrap();
        }
        let mut appender = output.appender(agent(n));
        let len = spool.len() as u64;
        let mut offset = 0;
        for slice in spool.chunks(32 * 1024) {
            let bytes = Bytes::copy_from_slice(slice);
            appender.append(RUN, offset, bytes).await.unwrap();
            offset += slice.len() as u64;
        }
        while appender.take().acked.get(&RUN) != Some(&len) {
            appender.changed().await;
        }
        // Of the first host the end was never heard.
        let how = match n {
            1 => How::Lost(Reason::new(Code::Agent, "it went away")),
            _ => How::Exited(0),
        };
        let outcome = match n {
            1 => Outcome::without_output(how),
            _ => Outcome {
                output_bytes: printed.len() as u64,
                output_sha256: Some(sha256),
                ..Outcome::without_output(how)
            },
        };
        run.apply_finished(agent(n), outcome);
    }
    (dir, output, Arc::new(run))
}

/// What is in an archive, by name.
fn unzip(file: &File) -> Vec<(String, Vec<u8>)> {
    let Piece::Spooled { file, len } = &file.content else {
        panic!("in memory");
    };
    assert!(*len <= ATTACHMENT_BYTES_MAX as u64, "{len}");
    let mut archive = zip::ZipArchive::new(file.try_clone().unwrap()).unwrap();
    let names = archive.file_names().map(|name| name.unwrap().into_owned());
    let names: Vec<String> = names.collect();
    let read = |name: String| {
        let mut bytes = Vec::new();
        archive
            .by_name(&name)
            .unwrap()
            .read_to_end(&mut bytes)
            .unwrap();
        (name, bytes)
    };
    names.into_iter().map(read).collect()
}

fn text_of(inside: &[(String, Vec<u8>)], name: &str) -> String {
    let (_, bytes) = inside.iter().find(|(known, _)| known == name).unwrap();
    String::from_utf8(bytes.clone()).unwrap()
}

/// Bytes that do not compress.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..len.div_ceil(8))
        .flat_map(|_| next())
        .take(len)
        .collect()
}

#[tokio::test]
async fn an_archive_has_every_byte_of_every_host_and_how_each_ended() {
    let outputs = [b"one\n".to_vec(), Vec::new(), noise(300_000, 3)];
    let (dir, output, run) = stored(&outputs).await;
    let zipped = zipped(&output, &run, dir.path()).await.unwrap();
    let names: Vec<&str> = zipped.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!((names, zipped.note), (vec!["7.zip"], None));
    let mut inside = unzip(&zipped.files[0]);
    inside.sort();
    let names: Vec<&str> = inside.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["run.ndjson", "summary.csv", "web-01.log", "web-03.log"]
    );
    assert!(inside[2].1 == outputs[0] && inside[3].1 == outputs[2]);
    let summary = String::from_utf8(inside[1].1.clone()).unwrap();
    assert_eq!(summary.lines().count(), 4);
    let heading =
        "run,host,result,exit_code,duration_ms,output_bytes,dropped_bytes,group,missing\r\n";
    assert!(summary.starts_with(heading), "{summary}");
    let row = "\r\n7,web-03,exit 0,0,0,300000,0,";
    assert!(summary.contains(row), "{summary}");
    let lines = String::from_utf8(inside[0].1.clone()).unwrap();
    for line in lines.lines() {
        let _: serde_json::Value = serde_json::from_str(line).unwrap();
    }
    assert_eq!(lines.lines().count(), 4);
}

#[tokio::test]
async fn what_is_too_long_is_cut_or_split_or_named() {
    let long = noise(12 << 20, 5);
    let outputs = [
        noise(6 << 20, 1),
        noise(6 << 20, 2),
        long.clone(),
        noise(6 << 20, 4),
    ];
    let (dir, output, run) = stored(&outputs).await;
    let zipped = zipped(&output, &run, dir.path()).await.unwrap();
    let names: Vec<&str> = zipped.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["7.1of3.zip", "7.2of3.zip", "7.3of3.zip"]);
    let note = "Not attached, too much for one message: web-04.";
    assert_eq!(zipped.note.as_deref(), Some(note));
    let tables = unzip(&zipped.files[0]);
    let summary = text_of(&tables, "summary.csv");
    for missing in [
        "\r\n7,web-03,exit 0,0,0,12582912,0,2,3.0 MiB in the middle are left out\r\n",
        "\r\n7,web-04,exit 0,0,0,6291456,0,2,not attached: too much for one message\r\n",
    ] {
        assert!(summary.contains(missing), "{summary}");
    }
    let inside = unzip(&zipped.files[2]);
    let (name, log) = &inside[0];
    let (first, last) = (8 << 20, 11 << 20);
    assert_eq!(name, "web-03.log");
    let line = b"\n[3.0 MiB are left out here]\n";
    let expected = [&long[..first], line, &long[last..]].concat();
    assert!(*log == expected, "{} bytes", log.len());
}

/// Damages the last record of each long output, in however many pieces it is stored; gives of how many.
fn damage_ends(dir: &Path) -> usize {
    let file = rusqlite::Connection::open(dir.join("output.db")).unwrap();
    let changed = file.execute(
        "UPDATE chunk SET bytes = CAST(substr(bytes, 1, length(bytes) - 200) || zeroblob(200) AS BLOB)
         WHERE length(bytes) > 1000
           AND offset = (SELECT max(offset) FROM chunk AS last WHERE last.execution = chunk.execution)",
        [],
    );
    changed.unwrap()
}

#[tokio::test]
async fn damage_of_one_host_is_said_in_its_log_and_nothing_else_is_lost() {
    let outputs = [vec![b'x'; 100_000], b"intact\n".to_vec()];
    let (dir, output, run) = stored(&outputs).await;
    assert_eq!(damage_ends(dir.path()), 1);
    let zipped = zipped(&output, &run, dir.path()).await.unwrap();
    let inside = unzip(&zipped.files[0]);
    let damaged = text_of(&inside, "web-01.log");
    assert!(damaged.starts_with("xxx"), "{}", damaged.len());
    let (_, why) = damaged.split_once("\n[the rest is missing: ").unwrap();
    let why = why.strip_suffix("]\n").unwrap();
    assert_eq!(text_of(&inside, "web-02.log"), "intact\n");
    // Of a host that was lost nobody knows how much there should be.
    let told = format!("the end cannot be read: {why}");
    assert_eq!(zipped.note, Some(format!("web-01: {told}.")));
    let summary = text_of(&inside, "summary.csv");
    assert!(summary.contains(&format!(",{told}\r\n")), "{summary}");
    assert!(
        summary.ends_with(",\r\n"),
        "of web-02 nothing is missing: {summary}"
    );
    let lines = text_of(&inside, "run.ndjson");
    let missing: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["missing"].take())
        .collect();
    assert_eq!(missing, [json!(null), json!(told), json!(null)]);
}

#[tokio::test]
async fn of_damage_it_is_said_how_much_is_missing_and_of_many_hosts_how_many() {
    let outputs: Vec<Vec<u8>> = (0..6).map(|_| vec![b'x'; 100_000]).collect();
    let (dir, output, run) = stored(&outputs).await;
    assert_eq!(damage_ends(dir.path()), 6);
    let zipped = zipped(&output, &run, dir.path()).await.unwrap();
    let note = zipped.note.unwrap();
    let lines: Vec<&str> = note.lines().collect();
    assert_eq!(lines.len(), 4, "{note}");
    let told = "web-02: the last 9.7 KiB cannot be read: what is stored after it is damaged: ";
    assert!(lines[1].starts_with(told), "{note}");
    assert_eq!(
        lines[3],
        "Of 3 more hosts some is missing: see `summary.csv`."
    );
    let summary = text_of(&unzip(&zipped.files[0]), "summary.csv");
    assert_eq!(summary.matches(" cannot be read: ").count(), 6, "{summary}");
}

#[tokio::test]
async fn masks_that_are_longer_than_what_they_hide_cost_no_byte_of_the_end() {
    let printed = b"secret1 ".repeat(1_000);
    let outputs = [b"one\n".to_vec(), [&printed[..], b"the end\nsec"].concat()];
    let (dir, output, run) = stored(&outputs).await;
    let secret = Secret::new(b"secret1").unwrap();
    let output = output.masked(Masks::new(&[secret], false));
    let zipped = zipped(&output, &run, dir.path()).await.unwrap();
    let log = text_of(&unzip(&zipped.files[0]), "web-02.log");
    assert_eq!(log, "[masked] ".repeat(1_000) + "the end\nsec");
}
