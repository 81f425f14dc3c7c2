//! What selectors mean, and every error that they can have.

use super::complete::{Choice, Recent};
use super::error::mark;
use super::*;

mod scope;

/// Hosts by name, labels and link; their ids count up.
struct Fleet(Vec<(HostName, Labels, bool)>);

impl Fleet {
    fn new(hosts: &[(&str, &str, bool)]) -> Self {
        let host = |&(name, labels, online): &(&str, &str, bool)| {
            (
                name.parse().unwrap(),
                Labels::parse(labels).unwrap(),
                online,
            )
        };
        Self(hosts.iter().map(host).collect())
    }

    /// `web01` to `web06`, the last offline, and a few more.
    fn usual() -> Self {
        Self::new(&[
            ("web01", "role=web,env=prod", true),
            ("web02", "role=web,env=prod", true),
            ("web03", "role=web,env=prod", true),
            ("web04", "role=web,env=stage", true),
            ("web06", "role=web,env=dev", false),
            ("db-1", "role=db,env=prod", true),
            ("db-2", "role=db,env=stage", true),
            ("cache.eu", "", true),
        ])
    }

    fn hosts(&self) -> Vec<Host<'_>> {
        let with_place = self.0.iter().enumerate();
        with_place
            .map(|(at, (name, labels, online))| Host {
                id: AgentId::from_bytes((at as u128 + 1).to_be_bytes()),
                name,
                labels,
                online: *online,
                stale: false,
                draining: false,
                told: AgentInfo::default(),
            })
            .collect()
    }

    fn large(hosts: usize) -> Self {
        let host = |n: usize| {
            let labels = format!("role=r{},rack=k{}", n % 7, n / 40);
            (
                format!("web-{n:05}").parse().unwrap(),
                Labels::parse(&labels).unwrap(),
                !n.is_multiple_of(10),
            )
        };
        Self((0..hosts).map(host).collect())
    }
}

/// The errors of a text, one a line, with the hint.
fn told(errors: &[SelectorError]) -> String {
    let told = errors.iter().map(|error| match error.hint.as_str() {
        "" => error.to_string(),
        hint => format!("{error} ({hint})"),
    });
    told.collect::<Vec<_>>().join("\n")
}

fn resolved(text: &str) -> String {
    let fleet = Fleet::usual();
    let hosts = fleet.hosts();
    match Selector::parse(text).and_then(|selector| selector.resolve(&hosts, Scope::empty())) {
        Ok(resolution) => resolution.normal(&hosts),
        Err(errors) => told(&errors),
    }
}

#[test]
fn selectors_print_in_normal_form() {
    for (text, normal) in [
        ("web01", "web01"),
        ("  web01   db-1 ", "web01 db-1"),
        ("web01\tdb-1", "web01 db-1"),
        ("web**1,***a", "web*1,*a"),
        ("web[01-20,33]", "web[01-20,33]"),
        ("db[1-9/2]?", "db[1-9/2]?"),
        ("n[5-5/3]", "n[5]"),
        ("env=prod|stage role!=db", "env=prod|stage role!=db"),
        ("all !web03,db-1", "all !web03,db-1"),
        ("a  |  b | c", "a | b | c"),
        ("( a | b ),c !(d e)?", "(a | b),c !(d e)?"),
        ("((a))", "((a))"),
        ("is:online is:offline?", "is:online is:offline?"),
        ("x=1", "x=1"),
        ("os~debian|ubuntu", "os~debian|ubuntu"),
        ("mem>=1.5g agent<1.4", "mem>=1.5g agent<1.4"),
        ("disk.var.lib>90%,disk<1%", "disk.var.lib>90%,disk<1%"),
        ("@web !@web.old?", "@web !@web.old?"),
        ("#142 !#7:failed|timeout", "#142 !#7:failed|timeout"),
        ("role=web  pick:10%", "role=web pick:10%"),
        ("all pick:03?", "all pick:3?"),
        (
            "is:stale,is:draining is:outdated",
            "is:stale,is:draining is:outdated",
        ),
        ("r[1-2]-n[01-03]*", "r[1-2]-n[01-03]*"),
    ] {
        let selector = Selector::parse(text).unwrap();
        assert_eq!(selector.to_string(), normal, "{text}");
        assert_eq!(Selector::parse(normal), Ok(selector), "{text}");
    }
}

#[test]
fn every_error_names_its_column_and_what_to_write() {
    for (text, expected) in [
        (
            "",
            "column 1: no hosts are named (name hosts, or type `all`)",
        ),
        (
            "   ",
            "column 1: no hosts are named (name hosts, or type `all`)",
        ),
        (
            "env=prod &&",
            "column 10: `&` cannot be in a selector (a space narrows: `role=web env=prod`)",
        ),
        ("((role=web)", "column 1: `(` is never closed"),
        ("(", "column 1: `(` is never closed"),
        ("a)", "column 2: `)` closes nothing"),
        (")", "column 1: `)` closes nothing"),
        ("()", "column 2: something is missing between `(` and `)`"),
        (
            "role==web",
            "column 1: labels have no `==` (write `role=web`)",
        ),
        (
            "role=~web",
            "column 1: labels have no `=~` (write `role~web`)",
        ),
        (
            "role=",
            "column 1: `role=` is not a label (as in `role=web`, `env!=dev`, `role=web|db` or `os~debian`)",
        ),
        (
            "=web",
            "column 1: `=web` is not a label (as in `role=web`, `env!=dev`, `role=web|db` or `os~debian`)",
        ),
        (
            "role=web*",
            "column 1: `role=web*` is not a label (values are whole words: `role=web|db`; `role~web` looks inside)",
        ),
        (
            "role=web|env=prod",
            "column 1: `role=web|env=prod` is not a label (`|` lists values; a comma adds: `role=web,env=prod`)",
        ),
        (
            "env!dev",
            "column 1: `env!dev` is not a label (write `env!=dev`)",
        ),
        (
            "a,b,",
            "column 5: something is missing after `,` (write `a,b` without a space)",
        ),
        (
            "a, b",
            "column 3: something is missing after `,` (write `a,b` without a space)",
        ),
        ("a ,b", "column 3: something is missing before `,`"),
        ("a !", "column 4: something is missing after `!`"),
        ("a ! b", "column 4: something is missing after `!`"),
        (
            "a !!b",
            "column 4: `!` inside a list (`!` stands before a whole list: `!a,b`)",
        ),
        (
            "a,!b",
            "column 3: `!` inside a list (`!` stands before a whole list: `!a,b`)",
        ),
        (
            "!web03",
            "column 1: only hosts to leave out are named (say from what: `all !web03`, `env=prod !web03`)",
        ),
        (
            "a | !b",
            "column 5: only hosts to leave out are named (say from what: `all !web03`, `env=prod !web03`)",
        ),
        (
            "a|b",
            "column 1: `|` needs one space on each side (`web* | db*` adds up whole selectors)",
        ),
        (
            "a || b",
            "column 3: `|` needs one space on each side (`web* | db*` adds up whole selectors)",
        ),
        (
            "(a)|b",
            "column 4: `|` needs one space on each side (`web* | db*` adds up whole selectors)",
        ),
        (
            "a |b",
            "column 3: `|` needs one space on each side (`web* | db*` adds up whole selectors)",
        ),
        ("a |", "column 4: something is missing after `|`"),
        ("| a", "column 1: something is missing before `|`"),
        ("a | | b", "column 4: something is missing before `|`"),
        (
            "a(b)",
            "column 2: a space or a comma is missing before `(` (a space narrows, a comma adds)",
        ),
        (
            "(a)b",
            "column 4: a space or a comma is missing before `b` (a space narrows, a comma adds)",
        ),
        (
            "we?b",
            "column 3: `?` is not at the end (for one unknown digit write `web[0-9]`)",
        ),
        (
            "?",
            "column 1: something is missing before `?` (`web99?` may match nothing)",
        ),
        (
            "*",
            "column 1: `*` is every host (type `all` if you mean every host)",
        ),
        (
            "-web",
            "column 1: `-web` is not a host name (names have 1 to 63 characters, with a letter or digit at both ends)",
        ),
        (
            "Web01",
            "column 1: `W` cannot be in a selector (names and labels are lower case)",
        ),
        (
            "db-1 /web.*/",
            "column 6: `/` cannot be in a selector (there are no regular expressions: use a glob such as `web*`)",
        ),
        (
            "\u{440}rod",
            "column 1: `\u{440}` (U+0440) cannot be in a selector (names take a-z, 0-9, `.`, `_` and `-`)",
        ),
        (
            "caché web\u{202e}",
            "column 5: `é` (U+00E9) cannot be in a selector (names take a-z, 0-9, `.`, `_` and `-`)\n\
            column 10: U+202E cannot be in a selector (names take a-z, 0-9, `.`, `_` and `-`)",
        ),
        (
            "`web`",
            "column 1: a backtick cannot be in a selector (write it without quotes)",
        ),
        (
            "web\n",
            "column 4: U+000A cannot be in a selector (a comma adds, a space narrows)",
        ),
        (
            "web[1-1000000]",
            "column 1: ranges stand for too many names (at most 10000; a glob such as `web*` has no limit)",
        ),
        (
            "a[1-6000],b[1-6000]",
            "column 11: ranges stand for too many names (at most 10000; a glob such as `web*` has no limit)",
        ),
        (
            "web[5-1]",
            "column 1: `[5-1]` does not go up (from low to high, padded alike: `web[01-20]`)",
        ),
        (
            "web[1-3",
            "column 1: `[1-3` is not a range of numbers (as in `web[01-20,33]` or `db[1-9/2]`)",
        ),
        (
            "web[a-z]",
            "column 1: `[a-z]` is not a range of numbers (as in `web[01-20,33]` or `db[1-9/2]`)",
        ),
        (
            "is:away",
            "column 1: `is:away` is unknown (there are `is:online`, `is:offline`, `is:stale`, `is:draining`, `is:outdated`, `pick:3` and `pick:10%`)",
        ),
        (
            "host:web",
            "column 1: `host:web` is unknown (there are `is:online`, `is:offline`, `is:stale`, `is:draining`, `is:outdated`, `pick:3` and `pick:10%`)",
        ),
        (
            "@ env=prod",
            "column 1: `@` is not a host name (groups are named as hosts are: `@web`)",
        ),
        (
            "web* !os~*",
            "column 7: `os~*` is not a label (values are whole words: `role=web|db`; `role~web` looks inside)",
        ),
        (
            "role!~web",
            "column 1: labels have no `!~` (remove what matches: `!role~web`)",
        ),
        (
            "os~",
            "column 1: `os~` is not a label (as in `role=web`, `env!=dev`, `role=web|db` or `os~debian`)",
        ),
        ("mem>16", "column 1: `16` is not a size (as in `mem>16g`)"),
        (
            "web* ram>1g",
            "column 6: there is no fact `ram` (facts to compare: agent, cpus, disk, load, mem, mem.used, uptime)",
        ),
        (
            "pick:3",
            "column 1: `pick:3` has nothing to draw from (say from what: `role=web pick:3`, `all pick:10%`)",
        ),
        (
            "all !pick:3",
            "column 6: `pick:3` must stand alone in its clause, once (it draws from the rest: `role=web pick:3`)",
        ),
        (
            "all pick:3,web01",
            "column 5: `pick:3` must stand alone in its clause, once (it draws from the rest: `role=web pick:3`)",
        ),
        (
            "all pick:3 pick:2",
            "column 12: `pick:2` must stand alone in its clause, once (it draws from the rest: `role=web pick:3`)",
        ),
        (
            "all pick:0",
            "column 5: `pick:0` is unknown (there are `is:online`, `is:offline`, `is:stale`, `is:draining`, `is:outdated`, `pick:3` and `pick:10%`)",
        ),
        (
            "all pick:101%",
            "column 5: `pick:101%` is unknown (there are `is:online`, `is:offline`, `is:stale`, `is:draining`, `is:outdated`, `pick:3` and `pick:10%`)",
        ),
        (
            "#x",
            "column 1: `#x` is not a run or part of one (as in `#142` or `#142:failed`; parts: failed, ok, differs, timeout, offline, missed)",
        ),
        (
            "#142:bad",
            "column 1: `#142:bad` is not a run or part of one (as in `#142` or `#142:failed`; parts: failed, ok, differs, timeout, offline, missed)",
        ),
        (
            "#0",
            "column 1: `#0` is not a run or part of one (as in `#142` or `#142:failed`; parts: failed, ok, differs, timeout, offline, missed)",
        ),
        (
            "Web a, (b",
            "column 1: `W` cannot be in a selector (names and labels are lower case)\n\
            column 7: something is missing after `,` (write `a,b` without a space)\n\
            column 8: `(` is never closed",
        ),
    ] {
        let errors = Selector::parse(text).unwrap_err();
        assert_eq!(told(&errors), expected, "{text}");
        for error in &errors {
            assert!(text.get(error.start..error.end).is_some(), "{text}");
        }
    }
}

#[test]
fn length_depth_and_number_are_bounded() {
    let told_of = |text: &str| told(&Selector::parse(text).unwrap_err());
    assert_eq!(
        told_of(&"a".repeat(6_001)),
        "column 1: what names the hosts has 6001 bytes (at most 6000)"
    );
    assert_eq!(
        told_of(&"(".repeat(1_000)),
        "column 33: parentheses are nested too deep (at most 32 deep)"
    );
    let deep = format!("{}a{}", "(".repeat(32), ")".repeat(32));
    assert!(Selector::parse(&deep).is_ok());
    assert!(
        told_of(&"*a,".repeat(33))
            .starts_with("column 49: this has too many globs, comparisons and runs")
    );
    assert_eq!(
        Selector::parse(&"A ".repeat(3_000)).unwrap_err().len(),
        ERRORS_MAX
    );
    assert!(told_of(&"a".repeat(64)).contains("is not a host name"));
}

#[test]
fn selectors_resolve() {
    for (text, expected) in [
        ("web01", "web01 (1 host, 1 online)"),
        ("all", "cache.eu,db-[1-2],web[01-04,06] (8 hosts, 7 online)"),
        ("web*", "web[01-04,06] (5 hosts, 4 online)"),
        ("*-*", "db-[1-2] (2 hosts, 2 online)"),
        ("web[01-20]", "web[01-04,06] (5 hosts, 4 online)"),
        ("role=db", "db-[1-2] (2 hosts, 2 online)"),
        ("env=prod|stage", "db-[1-2],web[01-04] (6 hosts, 6 online)"),
        ("env!=prod", "db-2,web[04,06] (3 hosts, 2 online)"),
        ("role=web env=prod", "web[01-03] (3 hosts, 3 online)"),
        ("web01,db-1 env=prod !web01", "db-1 (1 host, 1 online)"),
        (
            "role=web !web01,web02 !env=dev",
            "web[03-04] (2 hosts, 2 online)",
        ),
        (
            "web01 | role=db env=stage",
            "db-2,web01 (2 hosts, 2 online)",
        ),
        (
            "(web01 | db-1),web02 !db-1",
            "web[01-02] (2 hosts, 2 online)",
        ),
        ("web* is:online", "web[01-04] (4 hosts, 4 online)"),
        ("is:offline", "web06 (1 host, 0 online)"),
        ("db* !is:offline", "db-[1-2] (2 hosts, 2 online)"),
        ("web01,web99?", "web01 (1 host, 1 online)"),
        (
            "all !(env=none x=y)?",
            "cache.eu,db-[1-2],web[01-04,06] (8 hosts, 7 online)",
        ),
        ("env=prod|none?", "db-1,web[01-03] (4 hosts, 4 online)"),
    ] {
        assert_eq!(resolved(text), expected, "{text}");
    }
}

#[test]
fn what_matches_nothing_is_told_with_what_is_near() {
    for (text, expected) in [
        (
            "web1",
            "column 1: no host matches `web1` (did you mean `web01`, `web02` or `web03`?)",
        ),
        (
            "web9*",
            "column 1: no host matches `web9*` (did you mean `web01`, `web02` or `web03`?)",
        ),
        (
            "web[07-09]",
            "column 1: no host matches `web[07-09]` (did you mean `web01`, `web02` or `web03`?)",
        ),
        ("elephant", "column 1: no host matches `elephant`"),
        (
            "stage",
            "column 1: no host matches `stage` (`env=stage` is 2 hosts)",
        ),
        (
            "all !web99",
            "column 6: no host matches `web99` (did you mean `web01`, `web02` or `web03`?)",
        ),
        (
            "env=prd",
            "column 1: no host matches `env=prd` (did you mean `env=prod`?)",
        ),
        (
            "env=prod|stge",
            "column 1: no host matches `env=stge` (did you mean `env=stage`?)",
        ),
        (
            "env!=prd",
            "column 1: no host matches `env=prd` (did you mean `env=prod`?)",
        ),
        (
            "role!=web|db",
            "column 1: no host matches `role!=web|db` (every host that has the label `role` has it so)",
        ),
        (
            "rle=web",
            "column 1: no host matches `rle=web` (did you mean `role=`?)",
        ),
        (
            "fact.role=db",
            "column 1: no host matches `fact.role=db` (labels that hosts have: `env=`, `role=`)",
        ),
        (
            "env=xyzzy",
            "column 1: no host matches `env=xyzzy` (there are `env=dev`, `env=prod`, `env=stage`)",
        ),
        (
            "web01 db-1",
            "column 1: no host is all of this: `web01` 1 host, `db-1` 1 host",
        ),
        (
            "web* !web*",
            "column 1: no host is left: `web*` 5 hosts, `!web*` 5 hosts",
        ),
        (
            "db* is:offline",
            "column 1: no host is all of this: `db*` 2 hosts, `is:offline` 1 host",
        ),
        (
            "web01 | web* role=db",
            "column 9: no host is all of this: `web*` 5 hosts, `role=db` 2 hosts",
        ),
        ("web99?", "column 1: no host is left: `web99?` 0 hosts"),
        (
            "web98 db-9",
            "column 1: no host matches `web98` (did you mean `web01`, `web02` or `web03`?)\n\
            column 7: no host matches `db-9` (did you mean `db-1` or `db-2`?)",
        ),
    ] {
        assert_eq!(resolved(text), expected, "{text}");
    }
    let errors = Selector::parse("all")
        .unwrap()
        .resolve(&[], Scope::empty())
        .unwrap_err();
    assert_eq!(
        told(&errors),
        "column 1: there are no hosts (join a host first)"
    );
}

#[test]
fn only_a_mistyped_name_is_taken_for_another() {
    let fleet = Fleet::usual();
    let hosts = fleet.hosts();
    for (typed, meant) in [
        ("web001", Some("web01")),
        ("wbe02", Some("web02")),
        ("db1", Some("db-1")),
        ("web09", None),
        ("we01", None),
        ("pdb-1", None),
        ("dc-1", None),
        ("db-9", None),
    ] {
        let selector = Selector::parse(typed).unwrap();
        let errors = selector.resolve(&hosts, Scope::empty()).unwrap_err();
        assert_eq!(errors[0].nearest.as_deref(), meant, "{typed}");
    }
}

#[test]
fn a_resolution_is_sorted_digested_and_tells_absent_names() {
    let fleet = Fleet::usual();
    let mut hosts = fleet.hosts();
    let selector = Selector::parse("web[01-07]").unwrap();
    let resolution = selector.resolve(&hosts, Scope::empty()).unwrap();
    assert_eq!(resolution.absent, ["web05", "web07"]);
    assert!(resolution.hosts.is_sorted());
    assert_eq!(resolution.online, 4);
    assert!(resolution.contains(hosts[0].id) && !resolution.contains(hosts[7].id));
    assert_eq!(
        hex::encode(resolution.digest),
        "d600ed4614fcb173e8b708c205ec3cb7125fd4de14970cd34593434c6d0f57f6"
    );
    hosts.reverse();
    assert_eq!(
        selector.resolve(&hosts, Scope::empty()).unwrap(),
        resolution
    );
}

#[test]
fn grants_hold_what_lasts_and_need_no_match() {
    let fleet = Fleet::usual();
    let hosts = fleet.hosts();
    let grant = Selector::parse_for_grant("env=prod,nothing=here !web03 | cache*").unwrap();
    let granted: Vec<_> = hosts.iter().filter(|host| grant.contains(host)).collect();
    let granted: Vec<_> = granted.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(granted, ["web01", "web02", "db-1", "cache.eu"]);
    assert_eq!(
        told(&Selector::parse_for_grant("env=prod (is:online,web*)").unwrap_err()),
        "column 11: `is:online` cannot be in a grant (name hosts by label or name)"
    );
    assert!(Selector::parse_for_grant("!web01").is_err());
}

#[test]
fn containing_agrees_with_resolving() {
    let fleet = Fleet::usual();
    let hosts = fleet.hosts();
    for text in [
        "all",
        "web*",
        "env!=prod",
        "role=web !env=dev",
        "(web01 | db*) is:online",
        "web[01-09]",
    ] {
        let selector = Selector::parse(text).unwrap();
        let resolution = selector.resolve(&hosts, Scope::empty()).unwrap();
        for host in &hosts {
            assert_eq!(
                selector.contains(host),
                resolution.contains(host.id),
                "{text} {}",
                host.name
            );
        }
    }
}

#[test]
fn errors_are_marked_in_a_narrow_block() {
    let marked = |text: &str| mark(text, &Selector::parse(text).unwrap_err()[0]);
    assert_eq!(marked("env=prod && web"), "env=prod && web\n         ^");
    assert_eq!(marked("web role==db x"), "web role==db x\n    ^^^^^^^^");
    assert_eq!(marked("a,"), "a,\n  ^");
    assert_eq!(marked(""), "\n^");
    assert_eq!(marked("a\u{202e}`\u{5b57}"), "a\u{fffd}'\u{fffd}\n ^");
    let long = format!("{}&& {}", "web01 ".repeat(20), "db,".repeat(30));
    let shown = marked(&long);
    for line in shown.lines() {
        assert!(line.chars().count() <= 56, "{line}");
    }
    let caret = shown.lines().nth(1).unwrap().chars().count();
    assert_eq!(shown.chars().nth(caret - 1), Some('&'));
    let end = marked(&format!("{},", "x".repeat(60)));
    assert_eq!(end, format!("…{},\n{}^", "x".repeat(53), " ".repeat(55)));
}

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

#[test]
fn hostile_selectors_on_many_hosts_end() {
    let fleet = Fleet::large(10_000);
    let hosts = fleet.hosts();
    let many_labels = "a=b,".repeat(1_400) + "a=b";
    let many_names = (0..600).map(|n| format!("web-{n:05},")).collect::<String>() + "web-00000";
    let many_globs = "*0*1*2*,".repeat(31) + "*0*";
    let many_ranges = "a[1-9],".repeat(800) + "a[1]";
    for text in [
        "**********a",
        &many_labels,
        &many_names,
        &many_globs,
        &many_ranges,
        &"(".repeat(1_000),
    ] {
        let result =
            Selector::parse(text).and_then(|selector| selector.resolve(&hosts, Scope::empty()));
        match result {
            Ok(resolution) => assert!(!resolution.hosts.is_empty()),
            Err(errors) => assert!((1..=ERRORS_MAX).contains(&errors.len())),
        }
    }
}
