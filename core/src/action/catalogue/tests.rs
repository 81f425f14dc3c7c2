//! What is only seen of all actions together.

use super::super::Node;
use super::super::testing::{parameter, table, text};
use super::*;

fn action(name: &str, more: &[(&str, Node)]) -> Action {
    let mut all = table(more);
    all.insert("danger".to_owned(), text("read"));
    all.insert("argv".to_owned(), Node::texts(["true"]));
    if all.contains_key("params") {
        all.insert("argv".to_owned(), Node::texts(["true", "--unit={unit}"]));
    }
    Action::read(name.parse().unwrap(), &all, &|_| Err(String::new())).unwrap()
}

fn with_slash(name: &str, slash: &str) -> Action {
    action(name, &[("slash", text(slash))])
}

fn faults(actions: Vec<Action>) -> Vec<String> {
    let faults = Catalogue::new(actions, &Catalogue::default(), &["run", "hosts"]);
    let faults = faults.map_or_else(|faults| faults, |_| Vec::new());
    let line = |fault: &Fault| {
        format!(
            "{} {}: {}",
            fault.action,
            fault.problem.path.join("."),
            fault.problem.what
        )
    };
    faults.iter().map(line).collect()
}

#[test]
fn commands_are_counted_as_discord_counts_them() {
    let commands = |count: usize| {
        (0..count)
            .map(|n| with_slash(&format!("a.n{n:03}"), &format!("c{n:03}")))
            .collect()
    };
    assert_eq!(faults(commands(80)), Vec::<String>::new());
    assert_eq!(
        faults(commands(81)),
        [
            "a.n080 n080.slash: 81 actions with a command of their own, 80 fit (Discord: 100 in a guild): leave out `slash`"
        ]
    );
    let below = |count: usize| {
        (0..count)
            .map(|n| with_slash(&format!("a.n{n:02}"), &format!("db c{n:02}")))
            .collect::<Vec<_>>()
    };
    assert_eq!(faults(below(25)), Vec::<String>::new());
    assert_eq!(
        faults(below(26)),
        ["a.n25 n25.slash: `/db` has 26 subcommands, 25 fit (Discord)"]
    );
    let choices: Vec<String> = (0..25).map(|n| format!("{n:0100}")).collect();
    let long = |name: &str, slash: &str| {
        let unit = parameter("enum", &[("of", Node::texts(&choices))]);
        let params = Node::Table(table(&[("unit", unit)]));
        action(name, &[("slash", text(slash)), ("params", params)])
    };
    assert_eq!(
        faults(vec![long("a.a", "a"), long("a.b", "b")]),
        Vec::<String>::new()
    );
    assert_eq!(
        faults(vec![long("a.a", "x a"), long("a.b", "x b")]),
        [
            "a.b b.slash: `/x` has 10,348 characters with all its words and choices, 8,000 fit (Discord)"
        ]
    );
    assert_eq!(
        faults(vec![
            with_slash("a.x", "run"),
            with_slash("a.y", "z"),
            with_slash("a.z", "z"),
            with_slash("a.w", "z w")
        ]),
        [
            "a.x x.slash: `/run` is a command of Shanty itself",
            "a.z z.slash: `/z` is a.y already",
            "a.y y.slash: `/z` is a command by itself and has subcommands: Discord takes one or the other",
        ]
    );
}

#[test]
fn follow_ups_name_actions_and_parameters_that_there_are() {
    let next = |to: &str, with: &[(&str, Node)]| {
        let mut then = table(&[("label", text("Next")), ("do", text(to))]);
        then.insert("with".to_owned(), Node::Table(table(with)));
        ("then", Node::List(vec![Node::Table(then)]))
    };
    let unit = [("unit", parameter("text", &[]))];
    let target = action("service.logs", &[("params", Node::Table(table(&unit)))]);
    let good = action("a.a", &[next("service.logs", &[("unit", text("x"))])]);
    assert_eq!(faults(vec![target.clone(), good]), Vec::<String>::new());
    let bad = [
        action("a.a", &[next("service.log", &[])]),
        action("a.b", &[next("service.logs", &[("unti", text("x"))])]),
    ];
    assert_eq!(
        faults([std::slice::from_ref(&target), &bad[..]].concat()),
        [
            "a.a a.then.0.do: `service.log` is no action; nearest: `service.logs`",
            "a.b b.then.0.with.unti: `unti` is not a parameter of service.logs; nearest: `unit`",
            "a.b b.then.0: a button asks for nothing more, and service.logs must have `unit`: say it in `with`",
        ]
    );
    // What is there besides counts.
    let others = Catalogue::new(vec![target], &Catalogue::default(), &[]).unwrap();
    let good = action("a.a", &[next("service.logs", &[("unit", text("x"))])]);
    let own = Catalogue::new(vec![good], &others, &[]).unwrap();
    assert_eq!(own.over(&others).len(), 2);
}

#[test]
fn a_name_that_is_none_is_told_with_the_nearest() {
    let catalogue = Catalogue::new(
        vec![action("service.restart", &[])],
        &Catalogue::default(),
        &[],
    )
    .unwrap();
    assert!(catalogue.find("service.restart").is_ok());
    let refused = catalogue.find("service.restrat").unwrap_err();
    assert_eq!(refused.code, Code::ActionUnknown);
    assert_eq!(
        refused.what,
        "`service.restrat` is no action here; nearest: `service.restart`."
    );
    assert!(catalogue.find("\u{202e}").is_err() && catalogue.find("").is_err());
}
