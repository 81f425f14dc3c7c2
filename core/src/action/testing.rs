//! Actions for tests, from plain data.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Action, Node, Problem};

/// A table of plain data.
pub(super) fn table(pairs: &[(&str, Node)]) -> BTreeMap<String, Node> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, node)| ((*key).to_owned(), node.clone()))
        .collect()
}

pub(super) fn text(text: &str) -> Node {
    Node::Text(text.to_owned())
}

/// A parameter of a type, with more of its keys.
pub(super) fn parameter(of: &str, more: &[(&str, Node)]) -> Node {
    let mut all = table(more);
    all.insert("type".to_owned(), text(of));
    Node::Table(all)
}

/// An action `test.it` that reads.
pub(super) fn read(
    parameters: &[(&str, Node)],
    body: &[(&str, Node)],
) -> Result<Action, Vec<Problem>> {
    let mut all = table(body);
    all.entry("danger".to_owned())
        .or_insert_with(|| text("read"));
    if !parameters.is_empty() {
        all.insert("params".to_owned(), Node::Table(table(parameters)));
    }
    let scripts = |file: &str| match file {
        "it.sh" => Ok(Bytes::from_static(b"echo \"$1\"\n")),
        "empty.sh" => Ok(Bytes::new()),
        other => Err(format!("`{other}` is not there")),
    };
    Action::read("test.it".parse().unwrap(), &all, &scripts)
}

/// An action whose program gets these elements.
pub(super) fn argv(parameters: &[(&str, Node)], elements: &[&str]) -> Result<Action, Vec<Problem>> {
    read(parameters, &[("argv", Node::texts(elements))])
}

/// What is wrong, a line each: where, and what.
pub(super) fn told(read: Result<Action, Vec<Problem>>) -> String {
    let problems = read.expect_err("it is refused");
    let lines = problems.iter().map(|problem| {
        let key = if problem.of_key { " (key)" } else { "" };
        format!(
            "{}+{}{key}: {}",
            problem.path.join("."),
            problem.at,
            problem.what
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}
