//! What each type takes, and what it refuses in which words.

use super::super::testing::{argv, parameter, text};
use super::super::{Action, Node, expand};
use super::*;
use crate::action::HostFacts;
use crate::ids::RunNumber;

/// Texts that a shell, a program or a terminal would take for more than text.
pub(crate) const HOSTILE: [&str; 22] = [
    "$(id)",
    "`id`",
    ";id",
    "a b",
    "*",
    "-x",
    "--help",
    "a\nb",
    "a\0b",
    "\u{202e}gnp",
    "'",
    "\"",
    "\\",
    "|id",
    "&",
    ">x",
    "${IFS}",
    "{host}",
    "{{",
    "../../etc/shadow",
    "~root",
    "é\u{301}",
];

fn one(of: &str, more: &[(&str, Node)]) -> Action {
    let placed = match of {
        "bool" | "secret" | "file" | "sql" => "x",
        _ => "--v={v}",
    };
    let mut body = vec![("argv", Node::texts(["prog", placed]))];
    match of {
        "secret" => body.push(("stdin", text("{v}"))),
        "file" => body.push(("stdin", text("{v}"))),
        "bool" => body = vec![("argv", Node::texts(["prog", "{v}"]))],
        "sql" => {
            let query = super::super::testing::table(&[("db", text("shop")), ("sql", text("{v}"))]);
            body = vec![("query", Node::Table(query))];
        }
        _ => {}
    }
    super::super::testing::read(&[("v", parameter(of, more))], &body).unwrap()
}

fn given(text: &str) -> Vec<(String, Given)> {
    vec![("v".to_owned(), Given::Text(text.to_owned()))]
}

fn refused(action: &Action, text: &str) -> String {
    let refusals = Values::read(action, given(text)).unwrap_err();
    assert!(refusals.iter().all(|refusal| refusal.code == Code::Param));
    refusals.into_iter().map(|refusal| refusal.what).collect()
}

fn takes(action: &Action, text: &str) -> bool {
    Values::read(action, given(text)).is_ok()
}

fn of_argument(action: &Action, text: &str) -> Option<Vec<String>> {
    let values = Values::read(action, given(text)).ok()?;
    let host = "web-01".parse().unwrap();
    let facts = HostFacts {
        host: &host,
        labels: &Labels::default(),
        run: RunNumber(1),
    };
    expand(action, &values, &facts)
        .ok()
        .map(|expanded| expanded.argv)
}

#[test]
fn hostile_texts_are_one_argument_byte_for_byte_or_refused() {
    let types = [
        ("int", vec![]),
        ("enum", vec![("of", Node::texts(["a", "b"]))]),
        ("text", vec![]),
        ("duration", vec![]),
        ("size", vec![]),
        ("service", vec![]),
        ("container", vec![]),
        ("mount", vec![]),
        ("list", vec![("of", text("sites"))]),
        ("project", vec![]),
        ("db", vec![]),
        ("host", vec![]),
        ("label", vec![("key", text("env"))]),
    ];
    let long = "x".repeat(VALUE_BYTES_MAX);
    for (of, more) in types {
        let free = matches!(of, "text" | "list");
        let action = one(of, &more);
        for hostile in HOSTILE.into_iter().chain([long.as_str(), ""]) {
            let hidden = hostile.chars().any(|c| c.is_control() || is_hidden(c));
            let taken = of_argument(&action, hostile);
            let may = free && !hidden && !hostile.is_empty() && hostile.len() < 100;
            assert_eq!(taken.is_some(), may, "{of} {hostile:?}");
            if let Some(taken) = taken {
                assert_eq!(taken, ["prog".to_owned(), format!("--v={hostile}")]);
            }
        }
    }
}

#[test]
fn each_type_says_why_it_takes_no_value() {
    let int = one(
        "int",
        &[("min", Node::Number(-5)), ("max", Node::Number(100))],
    );
    for good in ["0", "7", "100", "-5"] {
        assert!(takes(&int, good), "{good}");
    }
    for bad in [
        "",
        "007",
        "+1",
        "1.0",
        "-0",
        "1e3",
        "0x1",
        " 1",
        "٣",
        "-",
        "99999999999999999999",
    ] {
        assert!(!takes(&int, bad), "{bad}");
    }
    assert_eq!(refused(&int, "101"), "`v`: `101` is not from -5 to 100.");
    assert_eq!(
        refused(&int, "1 "),
        "`v`: `1 ` is no whole number from -5 to 100."
    );

    let one_of = one("enum", &[("of", Node::texts(["running", "failed"]))]);
    assert_eq!(
        refused(&one_of, "runing"),
        "`v`: `runing` is none of its choices; nearest: `running`."
    );
    let matched = one("text", &[("pattern", text("[a-f0-9]{7,40}"))]);
    assert!(takes(&matched, "9c1f22ab"));
    assert_eq!(
        refused(&matched, "main;id"),
        "`v`: `main;id` does not match `[a-f0-9]{7,40}`."
    );
    let short = one("text", &[("max", Node::Number(3))]);
    assert!(takes(&short, "äöü") && !takes(&short, "abcd"));

    let time = one("duration", &[("min", text("1m")), ("max", text("2h"))]);
    assert!(takes(&time, "90s") && takes(&time, "2h"));
    assert_eq!(refused(&time, "59s"), "`v`: `59s` is less than 1m.");
    assert_eq!(refused(&time, "3h"), "`v`: `3h` is more than 2h.");
    assert!(refused(&time, "5").contains("is no time"));
    let size = one("size", &[("max", text("1g"))]);
    assert!(takes(&size, "512m") && takes(&size, "1.5k"));
    assert_eq!(refused(&size, "2g"), "`v`: `2g` is more than 1g.");

    let unit = one("service", &[("allow", Node::texts(["*.service"]))]);
    assert!(takes(&unit, "nginx.service"));
    assert_eq!(
        refused(&unit, "nginx.timer"),
        "`v`: `nginx.timer` is not allowed here: it takes *.service."
    );
    assert!(refused(&unit, "ngin*.service").contains("is not the name of a unit"));
    let flag = one("bool", &[("flag", text("--quiet"))]);
    assert!(takes(&flag, "true") && takes(&flag, "false") && !takes(&flag, "yes"));
    assert!(takes(&one("host", &[]), "web-01") && !takes(&one("host", &[]), "all"));
    assert!(takes(&one("label", &[("key", text("env"))]), "prod"));
    let sql = one("sql", &[]);
    assert!(takes(&sql, "select 1;\n\\! id") && !takes(&sql, "a\0") && !takes(&sql, ""));
}

#[test]
fn secrets_are_said_nowhere() {
    let action = one("secret", &[]);
    let values = Values::read(&action, given("hunter22")).unwrap();
    assert!(!format!("{values:?}").contains("hunter"), "{values:?}");
    assert_eq!(
        refused(&action, "short"),
        "`v` takes a secret of 6 to 4,096 bytes."
    );
    assert!(!takes(&action, &"x".repeat(4_097)) && !takes(&action, "with\0nul"));
    assert!(takes(&action, "with\nline and \u{202e}"));
}

#[test]
fn files_have_a_size_and_an_ending() {
    let action = one(
        "file",
        &[
            ("max", text("1k")),
            ("ext", Node::texts([".sql", ".tar.gz"])),
        ],
    );
    let attach = |name: &str, bytes: usize| {
        let file = Given::File {
            name: name.to_owned(),
            bytes: vec![b'x'; bytes].into(),
        };
        let read = Values::read(&action, vec![("v".to_owned(), file)]);
        read.map_err(|refusals| refusals[0].what.clone()).map(drop)
    };
    assert_eq!(attach("dump.SQL", 1024), Ok(()));
    assert_eq!(attach("a.tar.gz", 1), Ok(()));
    let said = [
        attach("dump.sql", 1025),
        attach("dump.sh", 1),
        attach("dump.sql", 0),
    ];
    assert_eq!(
        said.map(Result::unwrap_err),
        [
            "`v`: `dump.sql` has 1.0 KiB, over the limit of 1.0 KiB.",
            "`v`: `dump.sh` does not end in .sql or .tar.gz.",
            "`v`: `dump.sql` is empty.",
        ]
    );
    assert_eq!(refused(&action, "text"), "`v` takes a file.");
    let text = one("text", &[]);
    let file = Given::File {
        name: "a".to_owned(),
        bytes: Bytes::from_static(b"x"),
    };
    assert!(Values::read(&text, vec![("v".to_owned(), file)]).is_err());
}

#[test]
fn all_that_is_wrong_with_values_is_told_at_once() {
    let parameters = [
        ("a", parameter("int", &[])),
        ("b", parameter("text", &[("many", Node::Number(2))])),
        ("c", parameter("text", &[("default", text("x"))])),
        ("d", parameter("text", &[("optional", Node::Bool(true))])),
        ("quiet", parameter("bool", &[("flag", text("-q"))])),
    ];
    let elements = ["prog", "--a={a}", "{b}", "--c={c}", "{d}", "{quiet}"];
    let action = argv(&parameters, &elements).unwrap();
    let read = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        let given = pairs.map(|(name, text)| ((*name).to_owned(), Given::Text((*text).to_owned())));
        Values::read(&action, given.collect())
    };
    let refusals = read(&[
        ("qiet", "true"),
        ("b", "1"),
        ("b", "2"),
        ("b", "3"),
        ("c", ""),
    ]);
    let told: Vec<String> = refusals.unwrap_err().into_iter().map(|r| r.what).collect();
    assert_eq!(
        told,
        [
            "`qiet` is no parameter of test.it; nearest: `quiet`.",
            "`c`: an empty text is no value: leave the parameter out.",
            "`a` is missing.",
            "`b` takes 2 values at most, not 3.",
        ]
    );
    let twice = read(&[("a", "1"), ("a", "2"), ("b", "x")]).unwrap_err();
    assert_eq!(twice[0].what, "`a` is given 2 times and takes one value.");
    let values = read(&[("a", "1"), ("b", "x")]).unwrap();
    let of = |name: &str| values.of(&name.parse().unwrap()).to_vec();
    assert_eq!(of("c"), [Value::Text("x".to_owned())]);
    assert_eq!(of("d"), []);
    assert_eq!(of("quiet"), [Value::Flag(false)]);
}
