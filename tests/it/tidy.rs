//! Invariants of the source itself: layers, headers, sizes and words.

use std::collections::{BTreeMap, BTreeSet};

mod source;
mod supply;

use source::{code, files, room, sources};

/// Lines of a file without its tests.
const FILE_LINES_MAX: usize = 500;

/// The edges of the controller, and what only they speak.
const EDGES: [&str; 5] = [
    "crate::link",
    "crate::discord",
    "crate::admin",
    "crate::http",
    "twilight",
];

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
        let lines = code(&text).len();
        let tests =
            name.ends_with("tests.rs") || name.contains("/tests/") || name.starts_with("tests/it/");
        (!tests && lines > FILE_LINES_MAX).then(|| format!("{name}: {lines} lines"))
    });
    check("files over the limit", &large.collect::<Vec<_>>());
}

#[test]
fn layers_know_only_what_is_below_them() {
    let rules: [(&str, &[&str]); 13] = [
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
                "shanty_agent",
                "shanty_certs",
                "shanty_controller",
                "shanty_proto",
                "shanty_sandbox",
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
        (
            "certs/src",
            &[
                "shanty_agent",
                "shanty_controller",
                "shanty_core",
                "shanty_proto",
                "shanty_sandbox",
                "tonic",
                "twilight",
            ],
        ),
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
            "agent/src/shim",
            &["crate::executor", "crate::link", "crate::config"],
        ),
        (
            "controller/src/config",
            &[
                "crate::discord",
                "crate::link",
                "crate::admin",
                "crate::hub",
                "twilight",
            ],
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
        (
            "controller/src/http",
            &["crate::link", "crate::discord", "crate::admin", "twilight"],
        ),
        ("controller/src/hub", &EDGES),
        ("controller/src/store", &EDGES),
    ];
    let mut wrong = Vec::new();
    for (folder, banned) in rules {
        for (name, text) in room(folder) {
            let broken = forbidden(&text, banned);
            wrong.extend(broken.into_iter().map(|line| format!("{name}:{line}")));
        }
    }
    check("layers broken", &wrong);
}

/// The sandbox: plain data below the world that owns it, and whatever answers somebody above both. Tests count too.
#[test]
fn the_sandbox_has_layers() {
    let edges = [
        "sandbox", "server", "cli", "rest", "gateway", "people", "web", "live", "guard", "key",
        "intake",
    ];
    let mut imports = BTreeMap::<String, BTreeSet<String>>::new();
    let mut wrong = Vec::new();
    for (name, text) in files("sandbox/src", ".rs") {
        let inside = name.trim_start_matches("sandbox/src/");
        let module = inside.split(['/', '.']).next().unwrap();
        if matches!(module, "lib" | "main") {
            continue;
        }
        let named = modules_named(inside.split('/').count(), &text);
        for other in &named {
            let edge = edges.contains(&other.as_str());
            if (module == "model" && (edge || other == "world")) || (module == "world" && edge) {
                wrong.push(format!("{name} imports {other}"));
            }
        }
        // A method that an edge adds could be called from below without any import.
        if module != "world" && text.contains("impl World") {
            wrong.push(format!("{name} adds methods to the world"));
        }
        imports.entry(module.to_owned()).or_default().extend(named);
    }
    for expected in edges.iter().chain(&["model", "world"]) {
        assert!(imports.contains_key(*expected), "{expected} is no module");
    }
    for module in imports.keys() {
        let mut reached = BTreeSet::new();
        let mut next = vec![module];
        while let Some(from) = next.pop() {
            let others = imports.get(from).into_iter().flatten();
            next.extend(others.filter(|other| *other != from && reached.insert(*other)));
        }
        if reached.contains(module) {
            wrong.push(format!("{module} imports itself by way of others"));
        }
    }
    check("layers of the sandbox broken", &wrong);
}

/// What code names at the top of its crate: by `crate::`, alone or in a group, or by as many `super::` as its file is deep.
fn modules_named(depth: usize, text: &str) -> BTreeSet<String> {
    let lines = text.lines().map(str::trim_start);
    let code: String = lines.filter(|line| !line.starts_with("//")).collect();
    let roots = ["crate::".to_owned(), "super::".repeat(depth)];
    let uses = roots.iter().flat_map(|root| {
        let found = code.match_indices(root.as_str());
        found.map(|(at, _)| &code[at + root.len()..])
    });
    uses.flat_map(first_words).collect()
}

/// The word that a path goes on with, or the first word of each of its group.
fn first_words(path: &str) -> Vec<String> {
    let word = |path: &str| -> String {
        let of_word = |c: &char| c.is_alphanumeric() || *c == '_';
        path.trim_start().chars().take_while(of_word).collect()
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![word(path)];
    };
    let mut depth = 0;
    let parts = group.split(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        (c == ',' && depth == 0) || depth < 0
    });
    // After the group's own brace the statement ends.
    let parts = parts.take_while(|part| !part.starts_with(';'));
    parts.map(word).collect()
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

/// The lines of a source text, without comments and tests, that mention a banned word.
fn forbidden(text: &str, banned: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, line) in code(text) {
        if line.trim_start().starts_with("//") {
            continue;
        }
        if let Some(word) = banned.iter().find(|word| mentions(line, word)) {
            wrong.push(format!("{number}: mentions {word}: {}", line.trim()));
        }
    }
    wrong
}

/// True when a line mentions a word that starts where an identifier starts.
fn mentions(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[test]
fn a_banned_word_is_found_behind_a_test_item_and_not_in_comments_or_in_tests() {
    let text = "\
#[cfg(test)]
mod fake;

// crate::link is somebody else.
use crate::link::Pump;
use crate::linked;
let own = my_crate::link;

#[cfg(test)]
mod tests {
    use crate::link::Pump;
}
";
    assert_eq!(
        forbidden(text, &["crate::link::", "tonic"]),
        ["5: mentions crate::link::: use crate::link::Pump;"]
    );
    assert!(mentions("use crate::linked;", "crate::link"));
    assert!(!mentions("use my_crate::link;", "crate::link"));
}

/// docs/COMMANDS.md says what people build on: each of its numbered lines stands word for word above a test, and there is no other prose.
#[test]
fn every_line_about_commands_is_held_by_a_test() {
    let doc = include_str!("../../docs/COMMANDS.md");
    let numbered = |line: &str| {
        let (number, words) = line.split_once(". ")?;
        Some((number.parse::<usize>().ok()?, words.to_owned()))
    };
    let lines: Vec<_> = doc.lines().filter_map(numbered).collect();
    let numbers: Vec<usize> = lines.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=lines.len()).collect::<Vec<_>>());

    let mut held = BTreeSet::new();
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let all: Vec<&str> = text.lines().map(str::trim_start).collect();
        for (at, line) in all.iter().enumerate() {
            let Some(words) = line.strip_prefix("/// Holds: ") else {
                continue;
            };
            let next = all[at..].iter().find(|line| !line.starts_with("///"));
            let tests = ["#[test]", "#[tokio::test"];
            if !next.is_some_and(|next| tests.iter().any(|test| next.starts_with(test))) {
                wrong.push(format!("{name}:{}: no test", at + 1));
            }
            held.insert(words.to_owned());
        }
    }
    let said: BTreeSet<String> = lines.into_iter().map(|(_, words)| words).collect();
    wrong.extend(
        said.difference(&held)
            .map(|line| format!("no test holds: {line}")),
    );
    wrong.extend(
        held.difference(&said)
            .map(|line| format!("nobody says: {line}")),
    );

    let prose = doc.split("```").step_by(2).flat_map(str::lines);
    let known = [
        "#",
        "| ",
        "|-",
        "Every line of this page ",
        "No test holds this: ",
    ];
    let bare = prose.filter(|line| {
        let known = line.is_empty() || known.iter().any(|begin| line.starts_with(begin));
        !known && !line.ends_with(':') && numbered(line).is_none()
    });
    wrong.extend(bare.map(|line| format!("neither a table nor numbered: {line}")));
    check("docs/COMMANDS.md", &wrong);
}
