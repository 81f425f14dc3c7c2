//! Reads the source files of the repository, and tells the code in them from the tests.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Name and text of every file below a folder.
pub(super) fn files(below: &str, ending: &str) -> Vec<(String, String)> {
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

/// Name and text of every source file of a module: what is in its folder, and the file that stands beside it.
pub(super) fn room(path: &str) -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    let own = format!("{path}.rs");
    if let Ok(text) = std::fs::read_to_string(root.join(&own)) {
        found.push((own, text));
    }
    if root.join(path).is_dir() {
        found.extend(files(path, ".rs"));
    }
    assert!(!found.is_empty(), "there is no module {path}");
    found
}

/// Every source file of the repository.
pub(super) fn sources() -> Vec<(String, String)> {
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

/// The lines of a source text that are no test, with their numbers. An item behind `#[cfg(test)]` is a test to its end, which rustfmt
/// puts at the indentation of its beginning.
pub(super) fn code(text: &str) -> Vec<(usize, &str)> {
    let mut lines = text.lines().zip(1..);
    let mut code = Vec::new();
    while let Some((line, number)) = lines.next() {
        if line.trim_start() != "#[cfg(test)]" {
            code.push((number, line));
            continue;
        }
        let own = indentation(line);
        let mut attribute = false;
        for (line, _) in lines.by_ref() {
            if line.trim().is_empty() || indentation(line) != own {
                continue;
            }
            let text = line.trim();
            attribute |= text.starts_with("#[");
            if attribute {
                attribute = !text.ends_with(']');
            } else if !text.starts_with("//") && text.ends_with([';', '}', ',']) {
                break;
            }
        }
    }
    code
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[test]
fn only_test_items_are_taken_off() {
    check("use a;\n#[cfg(test)]\nmod fake;\nuse b;\n", &[1, 4]);
    check(
        "#[cfg(test)]\nmod tests {\n    fn a() {}\n}\nfn b() {}\n",
        &[5],
    );
    check("#[cfg(test)]\nmod tests {\n    fn a() {}\n}\n", &[]);
    check("fn a() {}\n", &[1]);
}

#[test]
fn a_test_item_inside_of_another_ends_at_its_own_brace() {
    let method = "\
impl A {
    #[cfg(test)]
    fn b(
        &self,
    ) -> u8 {
        if c {
            1
        }
    }

    fn d() {}
}
";
    check(method, &[1, 10, 11, 12]);
    check(
        "struct A {\n    #[cfg(test)]\n    b: u8,\n    c: u8,\n}\n",
        &[1, 4, 5],
    );
}

#[test]
fn further_attributes_and_comments_belong_to_the_item() {
    let text = "\
#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    reason = \"tests\"
)]
/// Ends with a semicolon;
const A: B = B {
    c: 1,
};
use d;
";
    check(text, &[10]);
}

fn check(text: &str, expected: &[usize]) {
    let numbers: Vec<usize> = code(text).iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, expected, "{text}");
}
