//! What real programs write, from `tests/corpus`, as a person sees it in the thread and on the card. However it is cut on its way, they see
//! the same.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use shanty_core::output::sanitise::whole;
use shanty_core::thread::{Block, Style};

mod shown;

use shown::{Shown, agent, chunks, fences};

/// Bytes of a file of the corpus at most.
const FILE_BYTES_MAX: usize = 64 * 1024;

/// Every output of the corpus with its name, in the order of names.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files = fs::read_dir(&folder).expect("the corpus is there");
    let mut outputs = Vec::new();
    for file in files {
        let path = file.expect("the corpus can be listed").path();
        if path.extension().is_some_and(|extension| extension == "out") {
            let name = path.file_stem().expect("a file has a name");
            let mut bytes = Vec::new();
            let file = File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes));
            file.expect("a file can be read");
            outputs.push((name.to_string_lossy().into_owned(), bytes));
        }
    }
    outputs.sort();
    outputs
}

/// Ways to cut an output: in equal pieces, before and within escape sequences, in the middle of characters, and at places by chance.
fn ways<'b>(bytes: &'b [u8]) -> Vec<Vec<&'b [u8]>> {
    let mut ways: Vec<Vec<&'b [u8]>> = [1, 2, 3, 7, 100, 4_096, FILE_BYTES_MAX]
        .map(|size| bytes.chunks(size).collect())
        .to_vec();
    let after = |found: fn(u8) -> bool, more: usize| {
        let at = bytes
            .iter()
            .enumerate()
            .filter(move |(_, byte)| found(**byte));
        at.map(|(at, _)| at + more).collect::<Vec<usize>>()
    };
    for more in 0..4 {
        ways.push(chunks(bytes, &after(|byte| byte == 0x1b, more)));
    }
    ways.push(chunks(bytes, &after(|byte| byte == b'\r', 1)));
    ways.push(chunks(bytes, &after(|byte| byte == b'\n', 0)));
    ways.push(chunks(bytes, &after(|byte| byte >= 0xc0, 1)));
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..4 {
        let mut next = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % 1_000_003).expect("it is small")
        };
        let cuts: Vec<usize> = (0..40).map(&mut next).collect();
        ways.push(chunks(bytes, &cuts));
    }
    ways
}

/// What people see at the end of a run on one host that printed these pieces; at some places between them all is checked too.
fn seen(pieces: &[&[u8]]) -> Vec<(Block, Vec<String>)> {
    let mut shown = Shown::on(1, Style::default());
    let looks = (pieces.len() / 8).max(1);
    for (at, piece) in pieces.iter().enumerate() {
        shown.print(1, piece);
        if at % looks == 0 {
            shown.messages();
        }
    }
    shown.end(1, 0, &pieces.concat());
    shown.close();
    shown.messages()
}

/// The messages as one text, each below a line that says which it is.
fn told(messages: &[(Block, Vec<String>)]) -> String {
    let tell = |(block, texts): &(Block, Vec<String>)| {
        let text = texts.join("\n");
        format!("──── {block:?}\n{text}\n")
    };
    messages.iter().map(tell).collect()
}

#[test]
fn what_real_programs_write_looks_like_this_however_it_is_cut() {
    let corpus = corpus();
    assert!(corpus.len() > 40, "{} outputs", corpus.len());
    for (name, bytes) in &corpus {
        assert!(bytes.len() <= FILE_BYTES_MAX, "{name}: {}", bytes.len());
        let expected = told(&seen(&[bytes]));
        for (way, pieces) in ways(bytes).iter().enumerate() {
            assert_eq!(pieces.concat(), *bytes, "{name}: way {way} loses something");
            let told = told(&seen(pieces));
            assert_eq!(told, expected, "{name}, cut in way {way}");
        }
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(name.as_str(), expected);
        });
    }
}

#[test]
fn every_byte_is_in_the_pages_or_in_the_file() {
    for (name, bytes) in corpus() {
        let mut shown = Shown::on(1, Style::default());
        shown.print(1, &bytes);
        shown.end(1, 0, &bytes);
        shown.close();
        let messages = shown.messages();
        let files = messages.iter().any(|(block, _)| *block == Block::Files);
        if files {
            let parts = shown.thread.files(agent(1), shown.run.number);
            let [all] = &parts[..] else {
                panic!("{name}: {parts:?}");
            };
            assert_eq!(all.bytes, 0..bytes.len() as u64, "{name}");
            continue;
        }
        let text = whole(&bytes);
        let pages = messages
            .iter()
            .filter(|(block, _)| matches!(block, Block::Page(_)));
        let blocks: Vec<String> = pages.flat_map(|(_, texts)| fences(&texts[0]).1).collect();
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(&blocks.concat()), lines(&text), "{name}");
    }
}
