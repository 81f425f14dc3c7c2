//! docs/CONFIG.md against the code: its keys are those that are read, and its defaults are those that hold.

use std::collections::{BTreeMap, BTreeSet};

use super::Config;
use super::read::{self, Errors, Section};

const PAGE: &str = include_str!("../../../docs/CONFIG.md");

/// One line of a table: the section, the key, and what stands as its default.
struct Row {
    section: String,
    key: String,
    default: Default,
}

enum Default {
    /// What holds when nothing is said.
    Value(String),
    /// An example of what must be said.
    Required(String),
    /// Said in words.
    Words,
}

fn rows() -> Vec<Row> {
    let mut section = String::new();
    let mut rows = Vec::new();
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            // Headings of sections are code; those of text are words.
            let of_section = heading
                .strip_prefix('`')
                .map(|name| name.trim_matches(['`', '[', ']']));
            section = of_section.unwrap_or_default().to_owned();
        }
        let Some(cells) = line.strip_prefix("| `") else {
            continue;
        };
        let (key, rest) = cells.split_once("` | ").expect("a key has a default");
        let (default, why) = rest.split_once(" | ").expect("a default has a reason");
        assert!(why.len() > 10, "{key}: {why}");
        let code = |text: &str| Some(text.strip_prefix('`')?.strip_suffix('`')?.to_owned());
        let default = match default.strip_prefix("required: ") {
            Some(example) => Default::Required(code(example).expect("an example")),
            None => code(default).map_or(Default::Words, Default::Value),
        };
        rows.push(Row {
            section: section.clone(),
            key: key.to_owned(),
            default,
        });
    }
    rows
}

/// A file with all that must be said, and with `defaults` all that holds anyway.
fn file(rows: &[Row], defaults: bool) -> String {
    let mut sections: BTreeMap<&str, String> = BTreeMap::new();
    for row in rows {
        let lines = sections.entry(row.section.as_str()).or_default();
        match &row.default {
            Default::Required(value) => *lines += &format!("{} = {value}\n", row.key),
            Default::Value(value) if defaults => *lines += &format!("{} = {value}\n", row.key),
            Default::Value(_) | Default::Words => {}
        }
    }
    let heading = |section: &str| match section {
        "" => String::new(),
        "grant" => "[[grant]]\n".to_owned(),
        other => format!("[{other}]\n"),
    };
    let parts = sections.iter();
    parts
        .map(|(section, lines)| heading(section) + lines)
        .collect()
}

#[test]
fn the_page_has_every_key_and_no_other() {
    let rows = rows();
    let text = file(&rows, false);
    let mut errors = Errors::new("page", &text);
    let table = read::parse(&text, &mut errors);
    Config::read(Section::new("", 0, table.get_ref()), &mut errors).unwrap();
    let known: BTreeSet<String> = errors.known().clone();
    errors.finish().unwrap();
    let sections: BTreeSet<&str> = rows.iter().map(|row| row.section.as_str()).collect();
    let told = rows.iter().map(|row| match row.section.as_str() {
        "" => row.key.clone(),
        section => format!("{section}.{}", row.key),
    });
    let mut told: BTreeSet<String> = told.collect();
    told.extend(
        sections
            .iter()
            .filter(|s| !s.is_empty())
            .map(|s| (*s).to_owned()),
    );
    let untold: Vec<_> = known.difference(&told).collect();
    assert!(untold.is_empty(), "docs/CONFIG.md lacks {untold:?}");
    let unknown: Vec<_> = told.difference(&known).collect();
    assert!(
        unknown.is_empty(),
        "docs/CONFIG.md has {unknown:?}, which nobody reads"
    );
}

#[test]
fn the_defaults_of_the_page_are_those_that_hold() {
    let rows = rows();
    let read = |text: &str| format!("{:#?}", Config::parse("page", text).unwrap());
    assert!(
        rows.iter()
            .filter(|row| matches!(row.default, Default::Value(_)))
            .count()
            > 15
    );
    assert_eq!(read(&file(&rows, true)), read(&file(&rows, false)));
}
