//! What a definition may say, and what is told of one that is none.

use proptest::prelude::*;

use super::testing::{argv, parameter, read, table, text, told};
use super::*;

fn strings(texts: &[&str]) -> Node {
    Node::texts(texts)
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let parameters = [
        ("service", parameter("servce", &[])),
        ("Bad", parameter("text", &[])),
        ("on", parameter("text", &[])),
        (
            "n",
            parameter("int", &[("min", Node::Number(5)), ("max", Node::Number(1))]),
        ),
        ("e", parameter("enum", &[])),
        ("d", parameter("duration", &[("default", text("soon"))])),
        (
            "p",
            parameter(
                "text",
                &[("pattern", text("a)|(b")), ("maxx", Node::Number(1))],
            ),
        ),
        (
            "s",
            parameter(
                "secret",
                &[("default", text("hunter22")), ("many", Node::Number(2))],
            ),
        ),
        ("none", text("text")),
    ];
    let body = [
        ("title", text("a\u{202e}b")),
        ("danger", text("chnage")),
        ("slash", text("Restart It Now")),
        ("on", text("is:online")),
        ("on_max", Node::Number(0)),
        ("run_as", text("#0")),
        ("timeout", text("2 minutes")),
        ("plan", Node::Table(table(&[("fail_max", text("10%"))]))),
        ("argv", strings(&["prog", "{x", ""])),
        ("script", Node::Number(1)),
        ("vew", text("table")),
    ];
    insta::assert_snapshot!(told(read(&parameters, &body)));
}

#[test]
fn what_may_stand_where() {
    let parameters = [
        ("b", parameter("bool", &[("flag", text("-b"))])),
        ("bare", parameter("bool", &[])),
        ("o", parameter("text", &[("optional", Node::Bool(true))])),
        ("m", parameter("text", &[("many", Node::Number(2))])),
        ("pw", parameter("secret", &[])),
        ("f", parameter("file", &[])),
        ("q", parameter("sql", &[])),
        ("e", parameter("enum", &[("of", strings(&["-1", "1"]))])),
        ("unused", parameter("text", &[])),
    ];
    let env = table(&[
        ("A", text("{b}")),
        ("B", text("{m}")),
        ("C", text("x{o}")),
        ("D", text("{f}")),
    ]);
    let then = table(&[
        ("label", text("x")),
        ("do", text("a.b")),
        (
            "with",
            Node::Table(table(&[("a", text("{host}")), ("b", text("{pw}"))])),
        ),
    ]);
    let body = [
        (
            "argv",
            strings(&[
                "prog", "x{b}", "{bare}", "--o={o}", "{m}{m}", "{pw}", "{f}", "{q}", "{e}",
                "{nosuch}",
            ]),
        ),
        ("verify", strings(&["./check"])),
        ("dry", strings(&["{b}"])),
        ("env", Node::Table(env)),
        ("stdin", text("x{f}")),
        ("then", Node::List(vec![Node::Table(then)])),
    ];
    insta::assert_snapshot!(told(read(&parameters, &body)));
}

#[test]
fn a_placeholder_that_would_be_code_is_refused_with_what_to_do() {
    let id = [("id", parameter("int", &[]))];
    assert_eq!(
        told(argv(&id, &["sh", "-c", "echo {id}"])),
        "it.argv.2+5: `sh -c` would read `{id}` as code; use script, there it is \"$1\""
    );
    assert_eq!(
        told(argv(&id, &["sudo", "-u", "deploy", "{id}"])),
        "it.argv.3+0: `sudo` would run what `{id}` says: the program is literal"
    );
    assert_eq!(
        told(argv(&id, &["{id}", "x"])),
        "it.argv.0+0: the first element is the program itself: a name such as `systemctl`, or a path from `/`"
    );
    for program in ["./x", "bin/x", "-x", "a b", "x\n"] {
        assert!(argv(&[], &[program]).is_err(), "{program}");
    }
    // make reads any text as code; a number is none.
    assert!(argv(&id, &["make", "-j{id}"]).is_ok());
    assert!(argv(&[("id", parameter("text", &[]))], &["make", "REF={id}"]).is_err());
    let stdin = |program: &str, of: &str| {
        let body = [("argv", strings(&[program])), ("stdin", text("{id}"))];
        read(&[("id", parameter(of, &[]))], &body)
    };
    assert_eq!(
        told(stdin("bash", "text")),
        "it.stdin+0: `bash` would read `{id}` as code on its standard input"
    );
    assert!(stdin("bash", "file").is_err() && stdin("psql", "text").is_err());
    assert!(stdin("psql", "file").is_ok() && stdin("tee", "text").is_ok());
}

#[test]
fn scripts_are_below_the_catalogue_and_take_values_as_arguments() {
    let script = |with: &[&str], file: &str| {
        let script = table(&[
            ("with", strings(with)),
            ("file", text(file)),
            ("args", strings(&["{id}"])),
        ]);
        read(
            &[("id", parameter("text", &[]))],
            &[("script", Node::Table(script))],
        )
    };
    assert!(script(&["bash", "-eu"], "it.sh").is_ok());
    for (with, file, why) in [
        (
            &["bash", "-c", "{id}"][..],
            "it.sh",
            "what runs a script is literal",
        ),
        (
            &["./bash"],
            "it.sh",
            "the first element is the program itself",
        ),
        (
            &["ssh", "other-host"],
            "it.sh",
            "`ssh` would read `{id}` as code",
        ),
        (
            &["bash", "-c"],
            "it.sh",
            "`bash -c` would read `{id}` as code",
        ),
        (
            &["sudo", "-u", "x", "bash", "-uc"],
            "it.sh",
            "`bash -c` would read",
        ),
        (&["bash"], "../it.sh", "is no file below the folder"),
        (&["bash"], "/etc/passwd", "is no file below the folder"),
        (&["bash"], "a/./it.sh", "is no file below the folder"),
        (&["bash"], "no.sh", "is not there"),
        (&["bash"], "empty.sh", "is empty"),
    ] {
        let said = told(script(with, file));
        assert!(said.contains(why), "{file}: {said}");
    }
}

#[test]
fn queries_take_values_by_name_only() {
    let query = |db: &str, sql: &str| {
        let parameters = [
            ("id", parameter("int", &[])),
            ("db", parameter("db", &[])),
            ("sql", parameter("sql", &[])),
            ("o", parameter("text", &[("optional", Node::Bool(true))])),
        ];
        let query = table(&[("db", text(db)), ("sql", text(sql))]);
        let said = read(&parameters, &[("query", Node::Table(query))]);
        let said = said.map_or_else(|problems| problems, |_| Vec::new());
        let said = said
            .into_iter()
            .filter(|problem| !problem.what.contains("used nowhere"));
        said.map(|problem| format!("{}: {}", problem.at, problem.what))
            .collect::<Vec<_>>()
    };
    assert_eq!(query("shop", "select :id"), Vec::<String>::new());
    assert_eq!(query("{db}", "{sql}"), Vec::<String>::new());
    assert_eq!(
        query("shop", "select :ido"),
        ["7: `:ido` is not a parameter of test.it; nearest: `id`"]
    );
    assert_eq!(
        query("shop", "select :sql"),
        ["7: `:sql` is of type `sql`, which is no value in SQL"]
    );
    assert_eq!(
        query("shop", "select :o"),
        ["7: `:o` is one value in SQL, and must have one"]
    );
    assert_eq!(query("{id}", "{id}").len(), 2);
    assert_eq!(
        query("shop", "\\! id"),
        ["0: a backslash outside of quotes is a command of the client and not SQL"]
    );
    assert_eq!(query("x{db}", "select 1").len(), 1);
}

/// Keys and what stands there.
type Pairs = Vec<(&'static str, Node)>;

#[test]
fn values_choose_no_program_by_variables_or_standard_input() {
    let id = [("id", parameter("text", &[]))];
    let env = |name: &str| {
        let env = Node::Table(table(&[(name, text("{id}"))]));
        read(&id, &[("argv", strings(&["git", "fetch"])), ("env", env)])
    };
    assert_eq!(
        told(env("GIT_SSH_COMMAND")),
        "it.env.GIT_SSH_COMMAND+0: `GIT_SSH_COMMAND` names a program that others run, and `{id}` would choose it"
    );
    assert!(env("LD_PRELOAD").is_err() && env("PATH").is_err() && env("PAGER").is_err());
    assert!(env("RAILS_ENV").is_ok());
    let script = table(&[("with", strings(&["bash", "-s"])), ("file", text("it.sh"))]);
    let body = [("script", Node::Table(script)), ("stdin", text("{id}"))];
    assert_eq!(
        told(read(&id, &body)),
        "it.stdin+0: `bash` would read `{id}` as code on its standard input"
    );
}

/// An action with most of what there is.
fn full() -> (Pairs, Pairs) {
    let parameters = vec![
        (
            "a",
            parameter(
                "int",
                &[("min", Node::Number(-3)), ("default", Node::Number(-1))],
            ),
        ),
        (
            "b",
            parameter(
                "bool",
                &[("flag", text("--b")), ("default", Node::Bool(true))],
            ),
        ),
        (
            "c",
            parameter(
                "enum",
                &[("of", strings(&["x", "y \"z\""])), ("default", text("x"))],
            ),
        ),
        (
            "d",
            parameter("duration", &[("min", text("60s")), ("default", text("5m"))]),
        ),
        ("e", parameter("size", &[("max", text("8MiB"))])),
        ("f", parameter("file", &[("ext", strings(&[".sql"]))])),
        (
            "g",
            parameter(
                "service",
                &[("allow", strings(&["php*"])), ("title", text("é"))],
            ),
        ),
        ("h", parameter("host", &[("on", text("role=web|api"))])),
        (
            "i",
            parameter(
                "text",
                &[("pattern", text("[a-z]+")), ("many", Node::Number(2))],
            ),
        ),
        (
            "j",
            parameter(
                "list",
                &[("of", text("sites")), ("optional", Node::Bool(true))],
            ),
        ),
    ];
    let then = table(&[
        ("label", text("Next")),
        ("do", text("a.b")),
        ("when", text("failed")),
    ]);
    let body = vec![
        ("title", text("All of it")),
        ("doc", text("A line.\n\nAnother.")),
        ("danger", text("change")),
        ("slash", text("all it")),
        ("on", text("role=web !web-03")),
        ("on_max", Node::Number(20)),
        ("run_as", text("deploy")),
        ("timeout", text("90s")),
        (
            "plan",
            Node::Table(table(&[
                ("batch", text("1,25%,100%")),
                ("max_fail", text("10%")),
            ])),
        ),
        (
            "argv",
            strings(&[
                "prog", "--a={a}", "{b}", "{c}", "{d}", "{e}", "{g}", "{h}", "{i}", "{j}", "{{}",
            ]),
        ),
        ("verify", strings(&["true", "{label.env}"])),
        ("dry", strings(&["true", "{run}"])),
        ("env", Node::Table(table(&[("WHERE", text("{host}"))]))),
        ("stdin", text("{f}")),
        ("view", text("json")),
        ("then", Node::List(vec![Node::Table(then)])),
    ];
    (parameters, body)
}

#[test]
fn what_is_printed_reads_as_the_same_action() {
    let (parameters, body) = full();
    let action = read(&parameters, &body).unwrap();
    let again = Action::read(action.name.clone(), &action.definition(), &|_| {
        Err(String::new())
    });
    assert_eq!(again.as_ref(), Ok(&action));
    assert_eq!(again.unwrap().digest(), action.digest());
    insta::assert_snapshot!(action.canonical());
}

#[test]
fn every_part_of_an_action_is_in_its_digest() {
    let (parameters, body) = full();
    let digest = |parameters: &[(&str, Node)], body: &[(&str, Node)]| {
        read(parameters, body).unwrap().digest()
    };
    let whole = digest(&parameters, &body);
    for without in [
        "title", "doc", "slash", "on", "on_max", "run_as", "timeout", "plan", "verify", "dry",
        "env", "view", "then",
    ] {
        let less: Vec<(&str, Node)> = body
            .iter()
            .filter(|(key, _)| *key != without)
            .cloned()
            .collect();
        assert_ne!(digest(&parameters, &less), whole, "{without}");
    }
    let mut turned = body.clone();
    turned.reverse();
    assert_eq!(
        digest(&parameters, &turned),
        whole,
        "the order of keys means nothing"
    );
    let more = [
        &parameters[..],
        &[("z", parameter("bool", &[("flag", text("-z"))]))],
    ]
    .concat();
    let mut with = body.clone();
    with.retain(|(key, _)| *key != "dry");
    with.push(("dry", strings(&["true", "{run}", "{z}"])));
    assert_ne!(digest(&more, &with), whole);

    // Two scripts of one name are two actions.
    let script = Node::Table(table(&[
        ("with", strings(&["bash"])),
        ("file", text("it.sh")),
    ]));
    let all = table(&[("danger", text("read")), ("script", script)]);
    let of = |bytes: &'static str| {
        let scripts = |_: &str| Ok(Bytes::from_static(bytes.as_bytes()));
        let name = "test.it".parse().unwrap();
        Action::read(name, &all, &scripts).unwrap().digest()
    };
    assert_ne!(of("id"), of("id "));
}

#[test]
fn no_action_has_more_than_discord_and_a_host_take() {
    let names: Vec<String> = (0..22).map(|n| format!("p{n}")).collect();
    let elements: Vec<String> = names.iter().map(|name| format!("--x={{{name}}}")).collect();
    let build = |count: usize| {
        let parameters: Vec<(&str, Node)> = names
            .iter()
            .take(count)
            .map(|name| (name.as_str(), parameter("int", &[])))
            .collect();
        let mut list = vec!["prog"];
        list.extend(elements.iter().take(count).map(String::as_str));
        argv(&parameters, &list)
    };
    assert!(build(21).is_ok());
    assert_eq!(
        told(build(22)),
        "it.params+0 (key): an action has 21 parameters at most, this one 22"
    );
    let elements = vec!["prog"; ELEMENTS_MAX + 1];
    assert!(told(argv(&[], &elements)).contains("256 elements at most"));
}

/// Any tree at all.
fn any_node() -> impl Strategy<Value = Node> {
    let words = prop_oneof![
        "[a-z{}.: -]{0,12}",
        Just("bash".to_owned()),
        Just("-c".to_owned()),
        Just("{a}".to_owned()),
        Just("text".to_owned()),
    ];
    let leaf = prop_oneof![
        words.prop_map(Node::Text),
        any::<i64>().prop_map(Node::Number),
        any::<bool>().prop_map(Node::Bool),
        Just(Node::Other("a date")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = prop_oneof![any_key(), "[a-z]{1,4}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Node::List),
            proptest::collection::btree_map(key, inner, 0..4).prop_map(Node::Table),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    const KEYS: &[&str] = &[
        "title", "doc", "danger", "slash", "on", "on_max", "run_as", "timeout", "plan", "params",
        "argv", "script", "query", "verify", "dry", "then", "view", "env", "stdin", "a", "type",
        "with", "file", "of", "min", "max", "do", "label", "sql", "db",
    ];
    proptest::sample::select(KEYS).prop_map(str::to_owned)
}

proptest! {
    /// Whatever a file holds: it is read or refused, and what is read is printed as the same.
    #[test]
    fn any_tree_is_an_action_or_told_what_is_wrong(
        all in proptest::collection::btree_map(any_key(), any_node(), 0..8),
    ) {
        let name: ActionName = "test.it".parse().unwrap();
        match Action::read(name.clone(), &all, &|_| Err("no".to_owned())) {
            Ok(action) => {
                let again = Action::read(name, &action.definition(), &|_| Err("no".to_owned()));
                prop_assert_eq!(again, Ok(action));
            }
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|problem| problem.path.first().is_some_and(|first| first == "it")));
            }
        }
    }
}
