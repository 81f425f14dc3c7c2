//! What runs on a host, element by element.

use proptest::prelude::*;

use super::super::testing::{argv, parameter, read, table, text};
use super::super::{Given, Node};
use super::*;

fn on_host(action: &Action, given: &[(&str, &str)]) -> Result<Expanded, String> {
    let given = given.iter();
    let given = given.map(|(name, text)| ((*name).to_owned(), Given::Text((*text).to_owned())));
    let values = Values::read(action, given.collect());
    let values = values.map_err(|refusals| refusals[0].what.clone())?;
    with(action, &values)
}

fn with(action: &Action, values: &Values) -> Result<Expanded, String> {
    let host = "web-01".parse().unwrap();
    let labels = Labels::parse("role=web,env=prod").unwrap();
    let facts = HostFacts {
        host: &host,
        labels: &labels,
        run: RunNumber(142),
    };
    expand(action, values, &facts).map_err(|refusal| refusal.what)
}

fn many() -> Node {
    parameter("text", &[("many", Node::Number(3))])
}

#[test]
fn one_element_stays_one_argument_and_what_is_left_out_vanishes() {
    let parameters = [
        ("unit", parameter("text", &[])),
        (
            "since",
            parameter("text", &[("optional", Node::Bool(true))]),
        ),
        ("quiet", parameter("bool", &[("flag", text("--quiet"))])),
        ("files", many()),
    ];
    let elements = [
        "prog",
        "{quiet}",
        "{since}",
        "--unit={unit}",
        "--f={files}",
        "{files}",
        "{{}",
        "{host}:{label.env}:{run}",
    ];
    let action = argv(&parameters, &elements).unwrap();
    let argv = |given: &[(&str, &str)]| on_host(&action, given).map(|expanded| expanded.argv);
    assert_eq!(
        argv(&[("unit", "a b; $(id)"), ("files", "x")]).unwrap(),
        [
            "prog",
            "--unit=a b; $(id)",
            "--f=x",
            "x",
            "{}",
            "web-01:prod:142"
        ]
    );
    assert_eq!(
        argv(&[
            ("unit", "{host}"),
            ("files", "x"),
            ("files", "y z"),
            ("quiet", "true"),
            ("since", "-")
        ]),
        Err(
            "`since` is `-`, and test.it would take that for an option: it begins with `-`."
                .to_owned()
        )
    );
    assert_eq!(
        argv(&[
            ("unit", "{host}"),
            ("files", "x"),
            ("files", "y z"),
            ("quiet", "true"),
            ("since", "now")
        ])
        .unwrap(),
        [
            "prog",
            "--quiet",
            "now",
            "--unit={host}",
            "--f=x",
            "--f=y z",
            "x",
            "y z",
            "{}",
            "web-01:prod:142"
        ],
        "a value is never a template"
    );
}

#[test]
fn an_option_is_no_value_and_a_host_without_the_label_is_told() {
    let action = argv(&[("x", parameter("text", &[]))], &["prog", "{x}"]).unwrap();
    assert!(
        on_host(&action, &[("x", "--force")])
            .unwrap_err()
            .contains("for an option")
    );
    let behind = argv(&[("x", parameter("text", &[]))], &["prog", "--x={x}"]).unwrap();
    assert_eq!(
        on_host(&behind, &[("x", "--force")]).unwrap().argv[1],
        "--x=--force"
    );
    let label = argv(&[], &["prog", "{label.tier}"]).unwrap();
    assert_eq!(
        on_host(&label, &[]).unwrap_err(),
        "web-01 has no label `tier`, which test.it is made with."
    );
}

#[test]
fn a_script_finds_every_value_and_secrets_are_marked() {
    let parameters = [
        ("dry-run", parameter("bool", &[])),
        ("ref", many()),
        ("pw", parameter("secret", &[])),
        ("none", parameter("text", &[("optional", Node::Bool(true))])),
    ];
    let script = table(&[
        ("with", Node::texts(["bash", "-euo", "pipefail"])),
        ("file", text("it.sh")),
        ("args", Node::texts(["{ref}"])),
    ]);
    let env = table(&[("PGPASSWORD", text("{pw}")), ("WHERE", text("{host}"))]);
    let body = [("script", Node::Table(script)), ("env", Node::Table(env))];
    let action = read(&parameters, &body).unwrap();
    let given = [("ref", "a b"), ("ref", "$(id)"), ("pw", "hunter22")];
    let expanded = on_host(&action, &given).unwrap();
    assert_eq!(
        expanded.argv,
        ["bash", "-euo", "pipefail", "/dev/fd/3", "a b", "$(id)"]
    );
    assert_eq!(expanded.script.as_deref(), Some(&b"echo \"$1\"\n"[..]));
    let env: Vec<(&str, &str)> = expanded.env.iter().map(|v| (v.name(), v.value())).collect();
    assert_eq!(
        env,
        [
            ("PGPASSWORD", "hunter22"),
            ("WHERE", "web-01"),
            ("P_DRY_RUN", "false"),
            ("P_PW", "hunter22"),
            ("P_REF", "a b\n$(id)"),
        ]
    );
    assert_eq!(expanded.secret_env, ["PGPASSWORD", "P_PW"]);
}

#[test]
fn a_file_is_standard_input_and_a_query_has_its_values_apart() {
    let body = [
        ("argv", Node::texts(["tee", "/srv/x"])),
        ("stdin", text("{f}")),
    ];
    let action = read(&[("f", parameter("file", &[]))], &body).unwrap();
    let bytes = Bytes::from_static(b"\0\xff$(id)\n");
    let file = Given::File {
        name: "x".to_owned(),
        bytes: bytes.clone(),
    };
    let values = Values::read(&action, vec![("f".to_owned(), file)]).unwrap();
    assert_eq!(with(&action, &values).unwrap().stdin, Some(bytes));

    let query = table(&[
        ("db", text("shop")),
        (
            "sql",
            text("select ':id' from orders where id = :id and who = :who"),
        ),
        ("rows", Node::Number(5)),
    ]);
    let parameters = [
        ("id", parameter("int", &[])),
        ("who", parameter("text", &[])),
    ];
    let action = read(&parameters, &[("query", Node::Table(query))]).unwrap();
    let query = on_host(&action, &[("id", "7"), ("who", "'; drop table x --")])
        .unwrap()
        .query
        .unwrap();
    assert_eq!(
        query.sql,
        "select ':id' from orders where id = :id and who = :who"
    );
    let value = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        query.values,
        [value("id", "7"), value("who", "'; drop table x --")]
    );
    assert!(!query.is_typed && query.db == "shop" && query.rows == 5);
}

#[test]
fn no_more_runs_than_a_host_takes() {
    let elements: Vec<String> = (0..ELEMENTS_MAX)
        .map(|at| {
            if at == 0 {
                "prog".to_owned()
            } else {
                "{f}".to_owned()
            }
        })
        .collect();
    let elements: Vec<&str> = elements.iter().map(String::as_str).collect();
    let action = argv(&[("f", many())], &elements).unwrap();
    assert_eq!(
        on_host(&action, &[("f", "a")]).unwrap().argv.len(),
        ELEMENTS_MAX
    );
    assert_eq!(
        on_host(&action, &[("f", "a"), ("f", "b")]).unwrap_err(),
        "test.it becomes 511 arguments, over the limit of 256."
    );
    // 1,600 bytes in each of 85 elements.
    let long = "é".repeat(400);
    let twice: Vec<String> = std::iter::once("prog".to_owned())
        .chain((0..85).map(|_| "x{f}{f}".to_owned()))
        .collect();
    let twice: Vec<&str> = twice.iter().map(String::as_str).collect();
    let action = argv(&[("f", parameter("text", &[]))], &twice).unwrap();
    assert!(
        on_host(&action, &[("f", &long)])
            .unwrap_err()
            .contains("over the limit of 131,072")
    );
}

proptest! {
    /// Whatever is given: no more elements than the definition says, and the bytes of a value stand in one element, as they are.
    #[test]
    fn values_never_leave_their_element(
        value in "[^\\p{C}\u{2028}\u{2029}]{1,40}",
        several in proptest::collection::vec("[a-z;$`' ]{1,10}", 1..=3),
        left_out in any::<bool>(),
    ) {
        let parameters = [
            ("v", parameter("text", &[])),
            ("f", many()),
            ("o", parameter("text", &[("optional", Node::Bool(true))])),
        ];
        let action = argv(&parameters, &["prog", "--v={v}", "{f}", "{o}"]).unwrap();
        let mut given = vec![("v", value.as_str())];
        given.extend(several.iter().map(|one| ("f", one.as_str())));
        if !left_out {
            given.push(("o", "o"));
        }
        if let Ok(expanded) = on_host(&action, &given) {
            let mut expected = vec!["prog".to_owned(), format!("--v={value}")];
            expected.extend(several.iter().cloned());
            expected.extend((!left_out).then(|| "o".to_owned()));
            prop_assert!(expanded.argv.len() <= 1 + 1 + 3 + 1);
            prop_assert_eq!(expanded.argv, expected);
        }
    }
}
