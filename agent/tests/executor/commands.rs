//! What docs/COMMANDS.md says of commands is what a command finds.

use std::collections::BTreeSet;

use nix::unistd::{User, getuid};

use crate::world::{World, order};

const DOC: &str = include_str!("../../../docs/COMMANDS.md");

/// The tests of this program, file by file, as the tables name them.
const TESTS: [(&str, &str); 4] = [
    ("disk", include_str!("disk.rs")),
    ("endings", include_str!("endings.rs")),
    ("recovery", include_str!("recovery.rs")),
    ("surroundings", include_str!("surroundings.rs")),
];

/// The rows of the tables with so many columns, without their heads.
fn rows(columns: usize) -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| -> Option<Vec<&'static str>> {
        let line = line.strip_prefix("| ")?.strip_suffix(" |")?;
        Some(line.split(" | ").collect())
    };
    let rows = DOC.lines().filter_map(cells);
    let heads = ["what", "variable"];
    rows.filter(|row| row.len() == columns && !heads.contains(&row[0]))
        .collect()
}

/// What stands between backticks, which must be all of a cell.
fn code(cell: &str) -> &str {
    let inner = cell
        .strip_prefix('`')
        .and_then(|cell| cell.strip_suffix('`'));
    inner.unwrap_or_else(|| panic!("{cell} is not one piece of code"))
}

#[tokio::test]
async fn every_line_of_what_it_finds_is_so() {
    let world = World::new().await;
    let own = User::from_uid(getuid()).unwrap().unwrap();
    let rows = rows(3);
    assert!(rows.len() > 15, "{rows:?}");
    let asked: Vec<&str> = rows.iter().map(|row| code(row[1])).collect();
    let mut order = order(&asked.join("; "));
    order.host = "web-01".to_owned();
    order.number = 142;
    order.by = "local:ann".to_owned();
    let ended = world.run(&order).await;
    let text = ended.text();
    let found: Vec<&str> = text.lines().collect();
    assert_eq!(found.len(), rows.len(), "{text}{}", ended.err_text());
    let home = if own.dir.is_dir() {
        own.dir.to_string_lossy()
    } else {
        "/".into()
    };
    for (row, found) in rows.iter().zip(found) {
        let said = code(row[2])
            .replace("<home>", &home)
            .replace("<user>", &own.name)
            .replace("<shell>", &own.shell.to_string_lossy())
            .replace("<run>", &order.run)
            .replace("<agent>", &order.agent);
        assert_eq!(found, said, "{}", row[0]);
    }
}

#[tokio::test]
async fn no_variable_is_missing_there() {
    let world = World::new().await;
    let mut order = order("env | cut -d= -f1");
    order.host = "web-01".to_owned();
    order.number = 142;
    order.by = "local:ann".to_owned();
    let text = world.run(&order).await.text();
    // What shells set themselves.
    let shells = ["PWD", "OLDPWD", "SHLVL", "_"];
    let found: BTreeSet<&str> = text.lines().filter(|name| !shells.contains(name)).collect();
    let rows = rows(3);
    let said = rows.iter().filter_map(|row| row[0].strip_prefix('`'));
    let said = said.filter_map(|cell| cell.split('`').next());
    let said: BTreeSet<&str> = said.filter(|name| *name != "TERM").collect();
    assert_eq!(found, said);
}

#[test]
fn every_other_line_names_a_test_that_there_is() {
    let rows = rows(2);
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let (file, name) = code(row[1]).split_once("::").unwrap();
        let tests = TESTS.iter().find(|(module, _)| *module == file);
        let (_, text) = tests.unwrap_or_else(|| panic!("no tests are in {file}"));
        let found = text.contains(&format!("\nasync fn {name}()"));
        assert!(found, "{file} has no {name}");
    }
}
