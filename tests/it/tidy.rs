//! Invariants of the source itself: layers, headers, sizes and words.

use std::path::{Path, PathBuf};

/// Lines of a file before its tests.
const FILE_LINES_MAX: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn files(below: &str, ending: &str) -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.join(below)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            let name = entry
                .strip_prefix(&root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            if entry.is_dir() && !name.starts_with("target") && !name.contains("/.") {
                folders.push(entry);
            } else if name.ends_with(ending) {
                found.push((name, std::fs::read_to_string(&entry).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "nothing below {below}");
    found.sort();
    found
}

fn sources() -> Vec<(String, String)> {
    [
        "core",
        "proto",
        "certs",
        "agent",
        "controller",
        "sandbox",
        "openapi",
        "tests",
    ]
    .into_iter()
    .flat_map(|folder| files(folder, ".rs"))
    .collect()
}

/// The lines before the tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().take_while(|line| *line != "#[cfg(test)]")
}

fn check(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let bare = |(name, text): (String, String)| (!text.starts_with("//! ")).then_some(name);
    check(
        "files without a `//!` header",
        &sources().into_iter().filter_map(bare).collect::<Vec<_>>(),
    );
}

#[test]
fn files_stay_small() {
    let large = sources().into_iter().filter_map(|(name, text)| {
        let lines = code(&text).count();
        let tests =
            name.ends_with("tests.rs") || name.contains("/tests/") || name.starts_with("tests/it/");
        (!tests && lines > FILE_LINES_MAX).then(|| format!("{name}: {lines} lines"))
    });
    check("files over the limit", &large.collect::<Vec<_>>());
}

#[test]
fn layers_know_only_what_is_below_them() {
    let rules: [(&str, &[&str]); 8] = [
        (
            "core/src",
            &[
                "tokio",
                "tonic",
                "prost",
                "twilight",
                "rusqlite",
                "axum",
                "rustls",
                "hyper",
                "std::fs",
                "std::net",
                "std::process",
                "std::thread",
                "SystemTime",
                "Instant",
                "shanty_",
            ],
        ),
        (
            "proto/src",
            &[
                "shanty_agent",
                "shanty_controller",
                "shanty_certs",
                "shanty_sandbox",
                "tokio",
            ],
        ),
        ("certs/src", &["shanty_", "tonic", "twilight"]),
        (
            "sandbox/src",
            &[
                "shanty_core",
                "shanty_proto",
                "shanty_certs",
                "shanty_agent",
                "shanty_controller",
                "twilight",
            ],
        ),
        (
            "agent/src",
            &["shanty_controller", "shanty_sandbox", "twilight"],
        ),
        (
            "controller/src/link",
            &["crate::discord", "crate::admin", "crate::http", "twilight"],
        ),
        (
            "controller/src/discord",
            &[
                "crate::link",
                "crate::admin",
                "crate::http",
                "tonic",
                "shanty_proto",
            ],
        ),
        (
            "controller/src/admin",
            &["crate::link", "crate::discord", "crate::http", "twilight"],
        ),
    ];
    let mut wrong = Vec::new();
    for (folder, banned) in rules {
        for (name, text) in files(folder, ".rs") {
            let imports = code(&text).filter(|line| !line.trim_start().starts_with("//"));
            for (at, line) in imports.enumerate() {
                if let Some(word) = banned.iter().find(|word| mentions(line, word)) {
                    wrong.push(format!(
                        "{name}: line {} of code mentions {word}: {}",
                        at + 1,
                        line.trim()
                    ));
                }
            }
        }
    }
    check("layers broken", &wrong);
}

/// Demo is the one place that holds the other programs together.
#[test]
fn only_the_demo_uses_sandbox_and_agent_in_the_controller() {
    let wrong = files("controller/src", ".rs")
        .into_iter()
        .filter_map(|(name, text)| {
            let uses = text.contains("shanty_sandbox") || text.contains("shanty_agent");
            (uses && !name.contains("demo")).then_some(name)
        });
    check("uses of the other programs", &wrong.collect::<Vec<_>>());
}

#[test]
fn one_word_for_one_thing() {
    let mut wrong = Vec::new();
    for (name, text) in sources().into_iter().chain(files("docs", ".md")) {
        if name.ends_with("tidy.rs") {
            continue;
        }
        for (at, line) in text.lines().enumerate() {
            let words = line.split(|c: char| !c.is_ascii_alphabetic());
            for word in words.map(str::to_lowercase) {
                if matches!(word.as_str(), "minion" | "minions" | "job" | "jobs") {
                    wrong.push(format!("{name}:{}: {word}", at + 1));
                }
            }
        }
    }
    check("words that we have others for", &wrong);
}

#[test]
fn tests_wait_for_conditions() {
    let tests = sources().into_iter().filter(|(name, _)| {
        name.starts_with("tests/it") || name.contains("/tests/") || name.ends_with("tests.rs")
    });
    let mut wrong = Vec::new();
    for (name, text) in tests.filter(|(name, _)| !name.ends_with("tidy.rs")) {
        for (at, line) in text.lines().enumerate() {
            if ["thread::sleep", "time::sleep", "#[ignore", "should_panic"]
                .iter()
                .any(|w| line.contains(w))
            {
                wrong.push(format!("{name}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    check("sleeps, ignored tests and the like", &wrong);
}

/// True when a line mentions a word that starts where an identifier starts.
fn mentions(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}
