//! What is offered while a selector is typed.

use super::*;

fn complete(text: &str, hosts: &[Host<'_>]) -> Vec<Choice> {
    complete::complete(text, hosts, Scope::empty(), Recent::default())
}

fn rows(text: &str) -> Vec<(String, String)> {
    let fleet = Fleet::usual();
    let choices = complete(text, &fleet.hosts());
    choices
        .into_iter()
        .map(|choice| (choice.value, choice.label))
        .collect()
}

fn check_rows(text: &str, expected: &[(&str, &str)]) {
    let rows = rows(text);
    let rows: Vec<_> = rows
        .iter()
        .map(|(value, label)| (value.as_str(), label.as_str()))
        .collect();
    assert_eq!(rows, expected, "{text}");
}

#[test]
fn completion_reads_what_is_typed_and_goes_on() {
    check_rows(
        "web0",
        &[
            ("web0*", "web0* · 5 hosts: web[01-04,06]"),
            ("web01", "web01"),
            ("web02", "web02"),
            ("web03", "web03"),
            ("web04", "web04"),
            ("web06", "web06 · offline"),
            ("web0", "✗ no host matches web0, web0* is 5 hosts"),
        ],
    );
    check_rows(
        "env=prod !we",
        &[
            ("env=prod !we*", "we* · 5 hosts: web[01-04,06]"),
            ("env=prod !web01", "web01"),
            ("env=prod !web02", "web02"),
            ("env=prod !web03", "web03"),
            ("env=prod !web04", "web04"),
            ("env=prod !web06", "web06 · offline"),
            ("env=prod !we", "✗ no host matches we, we* is 5 hosts"),
        ],
    );
    check_rows(
        "role=web env!=",
        &[
            ("role=web env!=prod", "env=prod · 4 hosts"),
            ("role=web env!=stage", "env=stage · 2 hosts"),
            ("role=web env!=dev", "env=dev · 1 host"),
            (
                "role=web env!=",
                "✗ env!= is not a label, as in role=web, env!=dev, role=web|db or os~debian",
            ),
        ],
    );
    check_rows(
        "env=prod|st",
        &[
            ("env=prod|stage", "env=stage · 2 hosts"),
            (
                "env=prod|st",
                "✗ no host matches env=st, did you mean env=stage?",
            ),
        ],
    );
    check_rows("web*", &[("web*", "✓ 5 hosts, 1 offline: web[01-04,06]")]);
    check_rows(
        "web[01-0",
        &[(
            "web[01-0",
            "✗ [01-0 is not a range of numbers, as in web[01-20,33] or db[1-9/2]",
        )],
    );
    check_rows(
        "db-1,web[01-03",
        &[
            ("db-1,web[01-03]", "✓ 4 hosts: db-1,web[01-03]"),
            (
                "db-1,web[01-03",
                "✗ [01-03 is not a range of numbers, as in web[01-20,33] or db[1-9/2]",
            ),
        ],
    );
    check_rows(
        "eu",
        &[("cache.eu", "cache.eu"), ("eu", "✗ no host matches eu")],
    );
    check_rows(
        "is:",
        &[
            ("is:online", "is:online · 7 hosts"),
            ("is:offline", "is:offline · 1 host"),
            ("is:stale", "is:stale · 0 hosts"),
            ("is:draining", "is:draining · 0 hosts"),
            ("is:outdated", "is:outdated · 0 hosts"),
            (
                "is:",
                "✗ is: is unknown, there are is:online, is:offline, is:stale, is:draining, is:outdated, pick:3 and p…",
            ),
        ],
    );
}

#[test]
fn what_is_wrong_stands_last() {
    let typed =
        "web01 role=web env!=prod|stage !we,db-[1-2] @we #7:failed (all) pick:3 mem>1g os~deb";
    let mut seen = 0;
    for end in (1..=typed.len()).filter(|end| typed.is_char_boundary(*end)) {
        for text in [typed.get(..end).unwrap(), typed.get(end - 1..).unwrap()] {
            let rows = rows(text);
            let (wrong, good): (Vec<_>, Vec<_>) =
                rows.iter().partition(|(_, label)| label.contains('✗'));
            assert!(wrong.len() <= 1, "{text}: {rows:?}");
            assert!(
                wrong.is_empty() || rows.last() == Some(wrong[0]),
                "{text}: {rows:?}"
            );
            seen += usize::from(!wrong.is_empty() && !good.is_empty());
            // What is known to be wrong is never offered as a way to go on.
            let again = good.iter().any(|(value, _)| value == text.trim());
            assert!(wrong.is_empty() || !again, "{text}: {rows:?}");
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn completion_of_nothing_offers_the_fleet() {
    let rows = rows("");
    let values: Vec<_> = rows.iter().map(|(value, _)| value.as_str()).collect();
    assert_eq!(
        values,
        [
            "role=web",
            "env=prod",
            "env=stage",
            "role=db",
            "env=dev",
            "cache.eu",
            "db-1",
            "db-2",
            "web01",
            "web02",
            "web03",
            "web04",
            "web06",
            "all",
        ]
    );
    assert_eq!(
        rows.last().map(|(_, label)| label.as_str()),
        Some("all · 8 hosts")
    );
}

#[test]
fn completion_keeps_to_the_limits() {
    let fleet = Fleet::large(2_000);
    let hosts = fleet.hosts();
    let long = format!("web-00001,{}", "web-00002,".repeat(9));
    for text in [
        "",
        "web",
        "role=",
        "web-0000",
        "rack=k1|",
        "!",
        "a(",
        &long,
        &"w".repeat(200),
        "\u{202e}",
    ] {
        let choices = complete(text, &hosts);
        assert!(choices.len() <= 25, "{text}");
        for choice in &choices {
            assert!(
                (1..=100).contains(&choice.value.chars().count()),
                "{choice:?}"
            );
            assert!(
                (1..=100).contains(&choice.label.chars().count()),
                "{choice:?}"
            );
            assert!(choice.value.starts_with(text.trim()), "{choice:?}");
        }
    }
    assert!(complete(&"w".repeat(200), &hosts).is_empty());
}
