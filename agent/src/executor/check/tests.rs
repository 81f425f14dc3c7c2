//! One order that passes, and each way in which it may not.

use shanty_core::ids::RunId;
use shanty_core::limits::{ORDER_WORD_BYTES_MAX, ORDER_WORDS_MAX};
use shanty_proto::v1::execution_order::What;

use super::*;

fn config(run_as: &[&str]) -> Config {
    let run_as = run_as.iter().map(|&user| user.to_owned()).collect();
    Config::new(
        "/nowhere".into(),
        AgentId::from_bytes([2; 16]),
        run_as,
        Vec::new(),
    )
}

fn good() -> v1::ExecutionOrder {
    v1::ExecutionOrder {
        run: "01".repeat(16),
        agent: "02".repeat(16),
        not_after_ms: 31_000,
        what: Some(What::Command("uptime".to_owned())),
        ..v1::ExecutionOrder::default()
    }
}

fn own() -> String {
    Account::find(None).unwrap().name().to_owned()
}

fn checked(change: impl FnOnce(&mut v1::ExecutionOrder)) -> Result<Option<String>, Code> {
    let mut order = good();
    change(&mut order);
    let clock = ClockOffset::new(1_000);
    let config = config(&[&own()]);
    let received = parse(&order.encode_to_vec(), config.agent);
    let checked = received.and_then(|received| {
        let order = received.order.map_err(|error| refused(&error))?;
        check(&order, &config, clock, 0)
    });
    checked.map_err(|refusal| refusal.code)
}

fn argv(words: &[&str]) -> Option<What> {
    let words = words.iter().map(|&word| word.to_owned()).collect();
    Some(What::Argv(v1::Argv { words }))
}

fn variable(name: &str, value: &str) -> Vec<v1::EnvVar> {
    vec![v1::EnvVar {
        name: name.to_owned(),
        value: value.to_owned(),
    }]
}

#[test]
fn a_good_order_passes() {
    assert_eq!(checked(|_| ()), Ok(None));
    assert_eq!(
        checked(|order| order.what = argv(&["/bin/true", ""])),
        Ok(None)
    );
    assert_eq!(checked(|order| order.env = variable("A", "B=C")), Ok(None));
    assert_eq!(checked(|order| order.cwd = "/tmp".to_owned()), Ok(None));
    assert_eq!(checked(|order| order.run_as = own()), Ok(None));
}

#[test]
fn bytes_that_are_no_order_for_us_are_refused() {
    let us = AgentId::from_bytes([2; 16]);
    let code = |bytes: &[u8]| {
        parse(bytes, us)
            .map(|parsed| parsed.run)
            .map_err(|refusal| refusal.code)
    };
    assert_eq!(
        code(&good().encode_to_vec()),
        Ok(RunId::from_bytes([1; 16]))
    );
    assert_eq!(code(b"\xff\xff"), Err(Code::Unsupported));
    assert_eq!(code(b""), Err(Code::Unsupported));
    assert_eq!(
        code(&vec![0; limits::ORDER_BYTES_MAX + 1]),
        Err(Code::TooLong)
    );
    for run in ["", "../../etc", &"0A".repeat(16)] {
        let order = v1::ExecutionOrder {
            run: run.to_owned(),
            ..good()
        };
        assert_eq!(
            code(&order.encode_to_vec()),
            Err(Code::Unsupported),
            "{run}"
        );
    }
    let foreign = v1::ExecutionOrder {
        agent: "03".repeat(16),
        ..good()
    };
    assert_eq!(code(&foreign.encode_to_vec()), Err(Code::Denied));
}

#[test]
fn late_and_everlasting_orders_are_refused() {
    assert_eq!(
        checked(|order| order.not_after_ms = 999),
        Err(Code::Expired)
    );
    assert_eq!(
        checked(|order| order.not_after_ms = u64::MAX),
        Err(Code::Expired)
    );
}

#[test]
fn what_is_looked_at_again_may_be_so_late_and_no_later() {
    let at = LinkTime::from_ms;
    assert_eq!(in_time(at(1_000), at(1_500), 500), Ok(()));
    let late = in_time(at(1_000), at(1_501), 500).unwrap_err();
    assert!(late.text.contains(" 501 ms too late"), "{late}");
    assert!(in_time(at(u64::MAX), at(1_501), u64::MAX).is_err());
}

#[test]
fn commands_that_are_none_are_refused() {
    let long = "x".repeat(limits::COMMAND_BYTES_MAX + 1);
    let cases = [
        (None, Code::EmptyCommand),
        (Some(What::Command(" \n".to_owned())), Code::EmptyCommand),
        (Some(What::Command("a\0b".to_owned())), Code::BadChar),
        (Some(What::Command(long)), Code::TooLong),
        (argv(&[]), Code::EmptyCommand),
        (argv(&["true"]), Code::BadChar),
        (argv(&["/bin/echo", "a\0"]), Code::BadChar),
        (
            argv(&["/bin/echo", &"x".repeat(ORDER_WORD_BYTES_MAX + 1)]),
            Code::TooLong,
        ),
        (argv(&["/bin/echo"; ORDER_WORDS_MAX + 1]), Code::TooLong),
    ];
    for (what, code) in cases {
        assert_eq!(checked(|order| order.what = what), Err(code));
    }
}

#[test]
fn variables_that_take_over_programs_are_refused() {
    for name in [
        "LD_PRELOAD",
        "LD_X",
        "BASH_ENV",
        "PATH",
        "SHANTY_RUN",
        "IFS",
        "HOME",
        "PYTHONPATH",
    ] {
        assert_eq!(
            checked(|order| order.env = variable(name, "x")),
            Err(Code::Denied),
            "{name}"
        );
    }
    for name in [
        "",
        "1X",
        "A-B",
        "X\0",
        "BASH_FUNC_x%%",
        "A B",
        "\u{e4}",
        &"A".repeat(129),
    ] {
        assert_eq!(
            checked(|order| order.env = variable(name, "x")),
            Err(Code::BadChar),
            "{name}"
        );
    }
    assert_eq!(
        checked(|order| order.env = variable("A", "x\0")),
        Err(Code::BadChar)
    );
    let long = "x".repeat(ORDER_WORD_BYTES_MAX + 1);
    assert_eq!(
        checked(|order| order.env = variable("A", &long)),
        Err(Code::TooLong)
    );
}

#[test]
fn times_and_folders_are_checked() {
    let over = limits::TIMEOUT_MS_MAX + 1;
    assert_eq!(
        checked(|order| order.timeout_ms = over),
        Err(Code::Duration)
    );
    assert_eq!(
        checked(|order| order.grace_ms = u64::MAX),
        Err(Code::Duration)
    );
    for (cwd, code) in [
        ("tmp", Code::BadChar),
        ("/tmp\0", Code::BadChar),
        ("/no/such/folder", Code::NotFound),
        ("/proc/version", Code::NotFound),
    ] {
        assert_eq!(
            checked(|order| order.cwd = cwd.to_owned()),
            Err(code),
            "{cwd}"
        );
    }
}

#[test]
fn only_the_configured_users_by_name() {
    for name in [
        "0",
        "-1",
        "#0",
        "#-1",
        "4294967295",
        "ROOT",
        "root ",
        "nobody;",
        "no-such-user",
    ] {
        assert_eq!(
            checked(|order| order.run_as = name.to_owned()),
            Err(Code::RunAs),
            "{name}"
        );
        // Even a list that says so does not make a number a user.
        let refused = user(Some(name), &[name.to_owned()]).unwrap_err();
        assert_eq!(refused.code, Code::RunAs, "{name}");
    }
    assert_eq!(
        user(None, &["no-such-user".to_owned()]).unwrap_err().code,
        Code::RunAs
    );
    let users = ["deploy".to_owned(), "nobody".to_owned()];
    assert_eq!(
        user(Some("postgres"), &users).unwrap_err().text,
        "This agent runs nothing as `postgres`. Allowed there: deploy, nobody."
    );
    let many: Vec<String> = (0..20).map(|n| format!("u{n}")).collect();
    let told = user(Some("postgres"), &many).unwrap_err().text;
    assert!(told.ends_with("u6, u7 and others."), "{told}");
    let unconfigured = user(None, &[]).map_err(|refusal| refusal.code);
    let nobody = user(None, &["nobody".to_owned()]).map_err(|refusal| refusal.code);
    if Uid::effective().is_root() {
        assert_eq!(unconfigured, Err(Code::RunAs));
        assert_eq!(user(Some("root"), &[]).unwrap_err().code, Code::RunAs);
        assert_eq!(nobody, Ok(Some("nobody".to_owned())));
    } else {
        assert_eq!(unconfigured, Ok(None));
        assert_eq!(nobody, Err(Code::RunAs));
    }
}

#[test]
fn refusals_are_sentences() {
    let text = |order: &v1::ExecutionOrder| {
        let received = parse(&order.encode_to_vec(), AgentId::from_bytes([2; 16]));
        let order = received.and_then(|received| received.order.map_err(|error| refused(&error)));
        order.unwrap_err().text
    };
    let mut order = good();
    order.what = None;
    assert_eq!(text(&order), "The order has no command.");
    order.run = "0A".to_owned();
    let malformed = "The order is malformed: field `run` is not valid: `0A` is not an id: it takes 32 digits of 0-9 and a-f.";
    assert_eq!(text(&order), malformed);
}
