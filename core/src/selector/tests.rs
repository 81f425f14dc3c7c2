//! What selectors mean.

use super::complete::{Choice, Recent};
use super::error::mark;
use super::*;

mod completion;
mod errors;
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
