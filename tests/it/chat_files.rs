//! The archive with the output of all hosts of a run, as somebody downloads it from the thread.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use serde_json::Value;
use shanty_tests::{Gate, Message, Options, Person, World};

use crate::chat_groups::script;
use crate::programs;

/// Bytes of a file at most in a guild without boosts (Discord), which the sandbox enforces too.
const FILE_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Without Discord's rate limits: these tests are about what is written, not when.
fn unlimited() -> Options {
    Options {
        rate_limits: false,
        ..Options::default()
    }
}

/// A world with so many hosts, `web-01` and on.
async fn world(hosts: usize) -> World {
    let names: Vec<String> = (1..=hosts).map(|n| format!("web-{n:02}")).collect();
    let hosts: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    World::with_hosts(&programs(), unlimited(), &hosts).await
}

/// The files of a message taken apart: the message, the names of the archives, and what is in them by its name.
async fn archives(thread: &Person) -> (Message, Vec<String>, BTreeMap<String, Vec<u8>>) {
    let message = thread
        .sees("the archives", |message| !message.files().is_empty())
        .await;
    let (mut names, mut inside) = (Vec::new(), BTreeMap::new());
    for (name, address) in message.files() {
        let bytes = thread.download(&address).await;
        assert!(bytes.len() <= FILE_BYTES_MAX, "{name}: {}", bytes.len());
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        for at in 0..archive.len() {
            let mut file = archive.by_index(at).unwrap();
            let (path, mut bytes) = (file.name().unwrap().into_owned(), Vec::new());
            file.read_to_end(&mut bytes).unwrap();
            assert!(inside.insert(path, bytes).is_none(), "twice in {name}");
        }
        names.push(name);
    }
    (message, names, inside)
}

fn text<'i>(inside: &'i BTreeMap<String, Vec<u8>>, name: &str) -> &'i str {
    let bytes = inside.get(name);
    let bytes = bytes.unwrap_or_else(|| panic!("no {name} in {:?}", inside.keys()));
    std::str::from_utf8(bytes).unwrap()
}

/// The rows of a table, read by the letter of RFC 4180: lines end in CRLF, a quoted cell ends at a quote that is not doubled.
fn rows(table: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut rest) = (Vec::new(), Vec::new(), table);
    while !rest.is_empty() {
        let mut cell = String::new();
        if let Some(mut quoted) = rest.strip_prefix('"') {
            loop {
                let (before, after) = quoted.split_once('"').expect("a quote is closed");
                cell.push_str(before);
                if let Some(more) = after.strip_prefix('"') {
                    cell.push('"');
                    quoted = more;
                } else {
                    rest = after;
                    break;
                }
            }
        } else {
            let end = rest.find([',', '\r', '\n']).expect("a line has an end");
            let (before, after) = rest.split_at(end);
            assert!(!before.contains('"'), "a bare quote in {before:?}");
            cell.push_str(before);
            rest = after;
        }
        let harmless = !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
        assert!(harmless, "a formula: {cell:?}");
        row.push(cell);
        rest = match rest.strip_prefix(',') {
            Some(next) => next,
            None => {
                rows.push(std::mem::take(&mut row));
                rest.strip_prefix("\r\n").expect("a line ends in CRLF")
            }
        };
    }
    rows
}

/// The rows of `summary.csv` by host, each with its cells by their headings.
fn summary(inside: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut rows = rows(text(inside, "summary.csv")).into_iter();
    let headings = rows.next().expect("there is a line of headings");
    let by_heading = |row: Vec<String>| {
        assert_eq!(row.len(), headings.len(), "{row:?}");
        let row: BTreeMap<String, String> = headings.iter().cloned().zip(row).collect();
        (row["host"].clone(), row)
    };
    rows.map(by_heading).collect()
}

/// The documents of `run.ndjson`.
fn documents(inside: &BTreeMap<String, Vec<u8>>) -> Vec<Value> {
    let text = text(inside, "run.ndjson");
    assert!(text.ends_with('\n'), "{text}");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn the_archive_holds_what_each_host_printed_and_how_it_ended() {
    let world = world(4).await;
    let operator = world.operator();
    let kept = world.dir.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    let lines = format!(
        "(case $name in\n\
         web-01) seq 1 3000;;\n\
         web-02) seq 1 3000 | sed 's/$/\\r/'; printf '=cmd\\000\\377 no end';;\n\
         web-03) head -c 200000 /dev/urandom;;\n\
         web-04) :;;\n\
         esac) | tee {}/$name\n\
         [ $name != web-03 ] || exit 7",
        kept.display()
    );
    let asked = operator.run_confirmed("all", &script(&world, &lines)).await;
    operator.card_end(&asked, "exit 7").await;
    let thread = operator.in_thread_of(&asked).await;
    let (message, names, inside) = archives(&thread).await;
    assert_eq!(names, ["1.zip"]);
    assert!(
        message.text().starts_with("**4 hosts** · all output: "),
        "{}",
        message.text()
    );
    let paths: Vec<&str> = inside.keys().map(String::as_str).collect();
    let logs = ["web-01.log", "web-02.log", "web-03.log"];
    assert_eq!(paths, [&["run.ndjson", "summary.csv"], &logs[..]].concat());
    for log in logs {
        let printed = std::fs::read(kept.join(log.trim_end_matches(".log"))).unwrap();
        assert!(inside[log] == printed, "{log}: {} bytes", inside[log].len());
    }

    let summary = summary(&inside);
    let hosts: Vec<&String> = summary.keys().collect();
    assert_eq!(hosts, ["web-01", "web-02", "web-03", "web-04"]);
    for (host, row) in &summary {
        let printed = std::fs::metadata(kept.join(host)).unwrap().len();
        assert_eq!(row["output_bytes"], printed.to_string(), "{row:?}");
        let (result, code) = match host.as_str() {
            "web-03" => ("exit 7", "7"),
            _ => ("exit 0", "0"),
        };
        let told = [
            &row["run"],
            &row["result"],
            &row["exit_code"],
            &row["missing"],
        ];
        assert_eq!(told, ["1", result, code, ""], "{row:?}");
    }
    let documents = documents(&inside);
    let first = &documents[0];
    assert_eq!(
        (&first["event"], &first["number"]),
        (&"run".into(), &1.into())
    );
    assert_eq!(first["by"], format!("discord:{}", operator.id));
    assert_eq!(documents.len(), 5, "the run and each host");
    for document in &documents[1..] {
        let row = &summary[document["host"].as_str().unwrap()];
        for number in ["exit_code", "output_bytes", "duration_ms", "dropped_bytes"] {
            assert_eq!(document[number].to_string(), row[number], "{document}");
        }
        assert_eq!(document["missing"], Value::Null, "{document}");
    }
    world.end().await;
}

#[tokio::test]
async fn what_does_not_fit_one_file_is_split_and_what_does_not_fit_at_all_is_named() {
    let world = world(6).await;
    let operator = world.operator();
    let kept = world.dir.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    // Five that cannot be compressed, of which four fit a message; the last is small.
    let lines = format!(
        "case $name in\n\
         web-06) echo small;;\n\
         *) head -c 6000000 /dev/urandom | tee {}/$name;;\n\
         esac",
        kept.display()
    );
    let asked = operator.run_confirmed("all", &script(&world, &lines)).await;
    operator.card_end(&asked, "6 ok").await;
    let thread = operator.in_thread_of(&asked).await;
    let (message, names, inside) = archives(&thread).await;
    assert_eq!(
        names,
        ["1.1of4.zip", "1.2of4.zip", "1.3of4.zip", "1.4of4.zip"]
    );
    let shown = message.text();
    assert!(
        shown.starts_with("**6 hosts** · output: "),
        "not full: {shown}"
    );
    let note = "\nNot attached, too much for one message: web-05.\n-# also: `shanty runs output 1`";
    assert!(shown.ends_with(note), "{shown}");
    for host in ["web-01", "web-02", "web-03", "web-04"] {
        let printed = std::fs::read(kept.join(host)).unwrap();
        assert!(inside[&format!("{host}.log")] == printed, "{host}");
    }
    assert_eq!(inside["web-06.log"], b"small\n");
    assert!(!inside.contains_key("web-05.log"));
    for (host, row) in summary(&inside) {
        let missing = match host.as_str() {
            "web-05" => "not attached: too much for one message",
            _ => "",
        };
        assert_eq!(row["missing"], missing, "{row:?}");
    }
    world.end().await;
}

/// Changes a bit in the last piece that is stored of a host's output.
fn damage(world: &World, host: &str) {
    let store = rusqlite::Connection::open(world.dir.path().join("controller/output.db")).unwrap();
    let mut pieces = store
        .prepare("SELECT rowid, bytes FROM chunk ORDER BY rowid DESC")
        .unwrap();
    let pieces = pieces.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let mut pieces = pieces.unwrap().map(Result::unwrap);
    let is_of = |bytes: &[u8]| {
        bytes
            .windows(host.len())
            .any(|part| part == host.as_bytes())
    };
    let (row, mut bytes): (i64, Vec<u8>) = pieces
        .find(|(_, bytes): &(i64, Vec<u8>)| is_of(bytes))
        .expect("something is stored of it");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x20;
    store
        .execute(
            "UPDATE chunk SET bytes = ?2 WHERE rowid = ?1",
            (row, &bytes),
        )
        .unwrap();
}

#[tokio::test]
async fn damage_of_one_host_is_said_in_the_message_the_table_and_its_log() {
    let mut world = world(3).await;
    let operator = world.operator();
    let mut gate = Gate::new(world.dir.path(), "gate");
    let lines = format!(
        "{}\nfor i in $(seq 1 2000); do echo \"$name $i\"; done; read x <&3; echo $name again",
        gate.open_in_shell()
    );
    let asked = operator.run_confirmed("all", &script(&world, &lines)).await;
    for host in ["web-01", "web-02", "web-03"] {
        world.output_has("1", &format!("{host} 2000\n")).await;
    }
    // As a disk might do it while nobody looks.
    world.take_controller().stop().await;
    damage(&world, "web-02");
    world.start_controller().await;
    (0..3).for_each(|_| gate.say("on"));
    operator.card_end(&asked, "web-02").await;
    let thread = operator.in_thread_of(&asked).await;
    let (message, _, inside) = archives(&thread).await;
    for host in ["web-01", "web-03"] {
        let printed: String = (1..=2_000).map(|n| format!("{host} {n}\n")).collect();
        let log = text(&inside, &format!("{host}.log"));
        assert!(log == printed + host + " again\n", "{log}");
    }
    let log = text(&inside, "web-02.log");
    let (before, why) = log.split_once("\n[the rest is missing: ").unwrap();
    let why = why.strip_suffix("]\n").unwrap();
    let whole: String = (1..=2_000).map(|n| format!("web-02 {n}\n")).collect();
    assert!(whole.starts_with(before), "{before}");
    let missing = &summary(&inside)["web-02"]["missing"];
    // It was lost with its output: how much there should be nobody knows.
    assert_eq!(missing, &format!("the end cannot be read: {why}"));
    let shown = message.text();
    assert!(
        shown.starts_with("**3 hosts** · output: "),
        "not full: {shown}"
    );
    assert!(
        shown.contains(&format!("\nweb-02: {missing}.\n")),
        "{shown}"
    );
    let documents = documents(&inside);
    let told = documents
        .iter()
        .find(|document| document["host"] == "web-02");
    assert_eq!(told.unwrap()["missing"], missing.as_str());
    world.end().await;
}
