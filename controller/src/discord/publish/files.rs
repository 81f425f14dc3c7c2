//! All output of a run on several hosts as files to attach: zip archives with a log for each host, a table of how each ended, and the same
//! as JSON lines.
//!
//! What is read is written at once, so that memory does not grow with it; a host whose log is too long is there with its beginning and end.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use shanty_core::ids::AgentId;
use shanty_core::limits::ATTACHMENT_BYTES_MAX;
use shanty_core::run::{Execution, Loosely, Outcome, Run};
use shanty_core::spool::Record;
use shanty_core::text::size;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::reader::{FilesError, why_missing};
use crate::discord::requests::File;
use crate::discord::upload::Piece;
use crate::store::{Output, StoreError};

/// Bytes of one host's log that are attached from its beginning.
const FIRST_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes of its end, when it is longer.
const LAST_BYTES: u64 = 1024 * 1024;
/// Files of one message (Discord).
const FILES_MAX: usize = 10;
/// All files of one message, bytes (Discord: 25 MiB for a request).
const ALL_BYTES_MAX: u64 = 24 * 1024 * 1024;
/// What the directory of an archive and the names in it take at most, for each host, bytes.
const ENTRY_BYTES: u64 = 1024;

/// The files, and what should be known of them.
#[derive(Debug)]
pub(super) struct Zipped {
    pub(super) files: Vec<File>,
    /// What is not in them, as a sentence.
    pub(super) note: Option<String>,
}

/// Writes the archives of a run into this folder, as files without names.
pub(super) async fn zipped(output: &Output, run: &Run, dir: &Path) -> Result<Zipped, FilesError> {
    let mut archives = Archives::new(run, dir)?;
    let mut executions: Vec<(AgentId, &Execution)> = run.executions().collect();
    executions.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    let mut left_out = Vec::new();
    for (agent, execution) in executions {
        // What a host printed before it was lost is stored all the same, and what its end says of it may be nothing.
        let bytes = printed(output, run, agent).await?;
        if bytes == 0 {
            continue;
        }
        let log = bytes.min(FIRST_BYTES + LAST_BYTES);
        if !archives.has_room(log)? {
            left_out.push(execution.name.as_str());
            continue;
        }
        archives.begin(&format!("{}.log", execution.name))?;
        write_log(output, run, agent, bytes, &mut archives).await?;
    }
    let note = (!left_out.is_empty()).then(|| {
        let names = shanty_core::selector::fold::fold(left_out.iter().copied());
        format!("Not attached, too much for one message: {names}.")
    });
    Ok(Zipped {
        files: archives.finish()?,
        note,
    })
}

/// Bytes of output that are stored of a host, as far as they can be read.
async fn printed(output: &Output, run: &Run, agent: AgentId) -> Result<u64, FilesError> {
    let told = run.execution(agent).and_then(Execution::outcome);
    if let Some(outcome) = told.filter(|outcome| outcome.output_sha256.is_some()) {
        return Ok(outcome.output_bytes);
    }
    let mut records = output.records(run.spec.id, agent, 0);
    let mut all = 0;
    loop {
        match records.next().await {
            Ok(Some((Record::Out { bytes, .. } | Record::Err { bytes, .. }, _))) => {
                all += bytes.len() as u64;
            }
            Ok(Some(_)) => {}
            Ok(None) => return Ok(all),
            Err(error) => {
                why_missing(error)?;
                return Ok(all);
            }
        }
    }
}

/// The log of a host as it came, or its beginning and its end with a line between them.
async fn write_log(
    output: &Output,
    run: &Run,
    agent: AgentId,
    bytes: u64,
    archives: &mut Archives<'_>,
) -> Result<(), FilesError> {
    let mut records = output.records(run.spec.id, agent, 0);
    let (first, last) = if bytes <= FIRST_BYTES + LAST_BYTES {
        (bytes, bytes)
    } else {
        (FIRST_BYTES, bytes - LAST_BYTES)
    };
    let (mut at, mut told) = (0_u64, false);
    loop {
        match records.next().await {
            Ok(Some((Record::Out { bytes, .. } | Record::Err { bytes, .. }, _))) => {
                let end = at + bytes.len() as u64;
                let cut = |from: u64, to: u64| {
                    let place =
                        |byte: u64| usize::try_from(byte.saturating_sub(at)).unwrap_or(usize::MAX);
                    let range = place(from).min(bytes.len())..place(to).min(bytes.len());
                    bytes.get(range).unwrap_or_default()
                };
                archives.write(cut(0, first))?;
                if end > first && !told && first < last {
                    told = true;
                    let line = format!("\n[{} are left out here]\n", size(last - first));
                    archives.write(line.as_bytes())?;
                }
                if first < last {
                    archives.write(cut(last, u64::MAX))?;
                }
                at = end;
            }
            Ok(Some((Record::Truncated { dropped }, _))) => {
                let line = format!("\n[{} of output not kept: over the limit]\n", size(dropped));
                archives.write(line.as_bytes())?;
            }
            Ok(Some(_)) => {}
            Ok(None) => return Ok(()),
            Err(error) => return damaged(error, archives),
        }
    }
}

fn damaged(error: StoreError, archives: &mut Archives<'_>) -> Result<(), FilesError> {
    let why = why_missing(error)?;
    archives.write(format!("\n[the rest is missing: {why}]\n").as_bytes())?;
    Ok(())
}

/// Archives that are written one after the other, none larger than a file may be.
struct Archives<'d> {
    dir: &'d Path,
    number: String,
    current: ZipWriter<fs::File>,
    /// The file of the current one.
    file: fs::File,
    /// Those that are full.
    done: Vec<fs::File>,
    done_bytes: u64,
}

impl<'d> Archives<'d> {
    fn new(run: &Run, dir: &'d Path) -> Result<Self, FilesError> {
        let file = tempfile::tempfile_in(dir)?;
        let mut archives = Self {
            dir,
            number: run.number.0.to_string(),
            current: ZipWriter::new(file.try_clone()?),
            file,
            done: Vec::new(),
            done_bytes: 0,
        };
        archives.begin("summary.csv")?;
        archives.write(summary(run).as_bytes())?;
        archives.begin("run.ndjson")?;
        archives.write(lines(run).as_bytes())?;
        Ok(archives)
    }

    /// True when a log of so many bytes fits, into this archive or the next, however badly it compresses.
    fn has_room(&mut self, bytes: u64) -> Result<bool, FilesError> {
        let more = bytes + bytes / 1_000 + ENTRY_BYTES;
        let written = self.written()?;
        if self.done_bytes + written + more > ALL_BYTES_MAX {
            return Ok(false);
        }
        if written + more <= ATTACHMENT_BYTES_MAX as u64 {
            return Ok(true);
        }
        if self.done.len() + 1 >= FILES_MAX {
            return Ok(false);
        }
        self.next()?;
        Ok(true)
    }

    /// Ends the current archive, and begins another.
    fn next(&mut self) -> Result<(), FilesError> {
        self.file = tempfile::tempfile_in(self.dir)?;
        let next = ZipWriter::new(self.file.try_clone()?);
        let full = std::mem::replace(&mut self.current, next);
        let file = full.finish().map_err(io::Error::from)?;
        self.done_bytes += file.metadata()?.len();
        self.done.push(file);
        Ok(())
    }

    /// Bytes of the current archive so far, without its directory.
    fn written(&mut self) -> Result<u64, FilesError> {
        self.current.flush()?;
        Ok(self.file.metadata()?.len())
    }

    fn begin(&mut self, name: &str) -> Result<(), FilesError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(0o644);
        self.current
            .start_file(name, options)
            .map_err(io::Error::from)?;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), FilesError> {
        self.current.write_all(bytes)?;
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<File>, FilesError> {
        self.next()?;
        let all = self.done.len();
        let name = |at: usize| match all {
            1 => format!("{}.zip", self.number),
            _ => format!("{}.{}of{all}.zip", self.number, at + 1),
        };
        let files = self.done.into_iter().enumerate().map(|(at, file)| {
            let content = Piece::spooled(file)?;
            let name = name(at);
            Ok(File { name, content })
        });
        Ok(files.collect::<io::Result<_>>()?)
    }
}

/// How each host ended, as a table (RFC 4180).
fn summary(run: &Run) -> String {
    let mut table =
        "run,host,result,exit_code,duration_ms,output_bytes,dropped_bytes,group\r\n".to_owned();
    for (number, group) in run.groups(&Loosely::new()).iter().enumerate() {
        for (agent, name) in &group.hosts {
            let outcome = run.execution(*agent).and_then(Execution::outcome);
            let count = |pick: fn(&Outcome) -> u64| outcome.map_or(0, pick).to_string();
            let code = group
                .how
                .exit_code()
                .map_or_else(String::new, |c| c.to_string());
            let cells = [
                run.number.0.to_string(),
                cell(name.as_str()),
                cell(&group.how.to_string()),
                code,
                count(|o| o.duration_ms),
                count(|o| o.output_bytes),
                count(|o| o.dropped_bytes),
                (number + 1).to_string(),
            ];
            table.push_str(&cells.join(","));
            table.push_str("\r\n");
        }
    }
    table
}

/// A cell that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// The run, then each of its executions, one JSON document a line.
fn lines(run: &Run) -> String {
    let by = run.spec.origin.principal().to_string();
    let first = serde_json::json!({
        "event": "run", "number": run.number.0, "run": run.spec.id.to_string(), "by": by,
        "selector": run.spec.selector, "command": run.spec.what.text(), "accepted_ms": run.accepted_ms,
    });
    let mut text = format!("{first}\n");
    for (agent, execution) in run.executions() {
        let outcome = execution.outcome();
        let line = serde_json::json!({
            "event": "execution", "host": execution.name.as_str(), "agent": agent.to_string(),
            "state": execution.state(),
            "exit_code": outcome.and_then(|o| o.how.exit_code()),
            "text": outcome.map(|o| o.how.to_string()),
            "duration_ms": outcome.map(|o| o.duration_ms),
            "output_bytes": outcome.map(|o| o.output_bytes),
            "dropped_bytes": outcome.map(|o| o.dropped_bytes),
            "left_over": outcome.map(|o| o.left_over),
        });
        text.push_str(&format!("{line}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use bytes::Bytes;
    use shanty_core::ids::{RunId, RunNumber};
    use shanty_core::refusal::Code;
    use shanty_core::run::{How, Offline, Origin, Reason, Spec, Strategy, Streams, Target, What};
    use shanty_core::spool::{Header, encode};

    use super::*;
    use crate::store::Store;

    const RUN: RunId = RunId::from_bytes([1; 16]);

    fn agent(n: u8) -> AgentId {
        AgentId::from_bytes([n; 16])
    }

    /// A run on hosts that printed this, stored but for those of which it is nothing.
    async fn stored(outputs: &[Vec<u8>]) -> (tempfile::TempDir, Output, Run) {
        let dir = tempfile::tempdir().unwrap();
        let output = Store::open(dir.path(), u64::MAX).unwrap().output;
        let targets = (1..).zip(outputs).map(|(n, _)| Target {
            agent: agent(n),
            name: format!("web-{n:02}").parse().unwrap(),
            away: None,
        });
        let spec = Spec {
            id: RUN,
            origin: Origin::Socket {
                user: "root".to_owned(),
            },
            what: What::Shell("true".to_owned()),
            selector: "all".to_owned(),
            run_as: None,
            timeout_ms: 0,
            streams: Streams::One,
            targets: targets.collect(),
            digest: [0; 32],
            seed: None,
            strategy: Strategy {
                offline: Offline::Fail,
            },
        };
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
                    output_sha256: Some([0; 32]),
                    ..Outcome::without_output(how)
                },
            };
            run.apply_finished(agent(n), outcome);
        }
        (dir, output, run)
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
        let inside = unzip(&zipped.files[2]);
        let (name, log) = &inside[0];
        let (first, last) = (8 << 20, 11 << 20);
        assert_eq!(name, "web-03.log");
        let line = b"\n[3.0 MiB are left out here]\n";
        let expected = [&long[..first], line, &long[last..]].concat();
        assert!(*log == expected, "{} bytes", log.len());
    }

    #[tokio::test]
    async fn damage_of_one_host_is_said_in_its_log_and_nothing_else_is_lost() {
        let outputs = [vec![b'x'; 100_000], b"intact\n".to_vec()];
        let (dir, output, run) = stored(&outputs).await;
        let file = rusqlite::Connection::open(dir.path().join("output.db")).unwrap();
        let changed = file.execute(
            "UPDATE chunk SET bytes = CAST(substr(bytes, 1, 65000) || zeroblob(length(bytes) - 65000) AS BLOB)
             WHERE length(bytes) > 65000",
            [],
        );
        assert!(changed.unwrap() > 0);
        let zipped = zipped(&output, &run, dir.path()).await.unwrap();
        let inside = unzip(&zipped.files[0]);
        let log = |name: &str| {
            let (_, bytes) = inside.iter().find(|(known, _)| known == name).unwrap();
            String::from_utf8_lossy(bytes).into_owned()
        };
        let damaged = log("web-01.log");
        assert!(
            damaged.starts_with("xxx") && damaged.contains("[the rest is missing: "),
            "{}",
            damaged.len()
        );
        assert_eq!(log("web-02.log"), "intact\n");
    }

    #[test]
    fn no_cell_is_a_formula_or_leaves_its_place() {
        for (text, expected) in [
            ("web-01", "web-01"),
            ("=1+1", "'=1+1"),
            ("-x", "'-x"),
            ("@a", "'@a"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("\rx", "\"'\rx\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
