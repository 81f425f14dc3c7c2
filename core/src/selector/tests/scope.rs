//! What selectors refer to besides names and labels: saved groups, runs, facts, states and draws.

use crate::facts::{Disk, Facts, Metrics};
use crate::ids::RunNumber;
use crate::principal::Principal;
use crate::refusal::Code;
use crate::run::{How, Outcome, Reason, Run, Spec, Target};

use super::*;

/// The usual fleet, with facts of all hosts but `cache.eu`.
struct Wide {
    fleet: Fleet,
    facts: Vec<(Facts, Metrics, &'static str)>,
}

impl Wide {
    fn new() -> Self {
        let of = |at: usize| {
            let facts = Facts {
                os: if at < 5 {
                    "Debian GNU/Linux 12"
                } else {
                    "Ubuntu 24.04"
                }
                .into(),
                cpus: 4,
                memory_bytes: (at as u64 + 1) << 30,
                ..Facts::default()
            };
            let metrics = Metrics {
                disks: vec![Disk {
                    mount: "/srv".into(),
                    total_bytes: 100,
                    available_bytes: at as u64 * 10,
                }],
                ..Metrics::default()
            };
            (facts, metrics, if at == 0 { "1.3.0" } else { "1.4.0" })
        };
        Self {
            fleet: Fleet::usual(),
            facts: (0..7).map(of).collect(),
        }
    }

    fn hosts(&self) -> Vec<Host<'_>> {
        let mut hosts = self.fleet.hosts();
        for (host, (facts, metrics, version)) in hosts.iter_mut().zip(&self.facts) {
            host.told = AgentInfo {
                facts: Some(facts),
                metrics: Some(metrics),
                version,
            };
            host.stale = host.name.as_str() == "web02";
            host.draining = host.name.as_str() == "db-1";
        }
        hosts
    }
}

fn groups(saved: &[(&str, &str)]) -> BTreeMap<String, Group> {
    let parsed = |(name, text): &(&str, &str)| {
        let group = Group {
            selector: Selector::parse_for_group(text).unwrap(),
            by: Principal::Local("root".to_owned()),
            saved_ms: 0,
        };
        ((*name).to_owned(), group)
    };
    saved.iter().map(parsed).collect()
}

/// `#7`: `web01` ok, `web02` failed, `web03` timed out, `web06` offline, `db-1` still running.
fn run(hosts: &[Host<'_>]) -> Run {
    let on: Vec<&Host<'_>> = hosts
        .iter()
        .filter(|host| ["web01", "web02", "web03", "web06", "db-1"].contains(&host.name.as_str()))
        .collect();
    let target = |host: &&Host<'_>| Target {
        agent: host.id,
        name: host.name.clone(),
        away: None,
    };
    let spec = Spec::example(on.iter().map(target).collect());
    let mut run = Run::new(RunNumber(7), spec, 0);
    for host in on {
        let how = match host.name.as_str() {
            "web01" => How::Exited(0),
            "web02" => How::Exited(1),
            "web03" => How::TimedOut(143),
            "web06" => How::NotStarted(Reason::new(Code::Offline, "the host was offline")),
            _ => continue,
        };
        let content_sha256 = how.exit_code().map(|code| [u8::from(code == 0); 32]);
        let outcome = Outcome {
            content_sha256,
            ..Outcome::without_output(how)
        };
        run.apply_finished(host.id, outcome);
    }
    run
}

fn check(saved: &[(&str, &str)], cases: &[(&str, &str)]) {
    let wide = Wide::new();
    let hosts = wide.hosts();
    let run = run(&hosts);
    let groups = groups(saved);
    let scope = Scope {
        groups: &groups,
        run: &|number| (number == RunNumber(7)).then_some(&run),
        agent_version: "1.4.0",
        seed: 1,
        ..Scope::empty()
    };
    for (text, expected) in cases {
        let resolved = Selector::parse(text).and_then(|selector| selector.resolve(&hosts, scope));
        let shown = match resolved {
            Ok(resolution) => resolution.normal(&hosts),
            Err(errors) => told(&errors),
        };
        assert_eq!(&shown, expected, "{text}");
    }
}

#[test]
fn facts_and_states_narrow() {
    check(
        &[],
        &[
            ("os~debian", "web[01-04,06] (5 hosts, 4 online)"),
            ("os~debian|ubuntu !web*", "db-[1-2] (2 hosts, 2 online)"),
            ("role~eb|x", "web[01-04,06] (5 hosts, 4 online)"),
            ("mem>=6g", "db-[1-2] (2 hosts, 2 online)"),
            ("agent<1.4", "web01 (1 host, 1 online)"),
            ("disk.srv>80%", "web[01-02] (2 hosts, 2 online)"),
            ("disk>60% !disk>80%", "web[03-04] (2 hosts, 2 online)"),
            ("web* !load>9", "web[01-04,06] (5 hosts, 4 online)"),
            ("is:stale", "web02 (1 host, 1 online)"),
            (
                "all !is:draining",
                "cache.eu,db-2,web[01-04,06] (7 hosts, 6 online)",
            ),
            ("is:outdated", "web01 (1 host, 1 online)"),
            ("mem>1t", "column 1: no host is left: `mem>1t` 0 hosts"),
            (
                "os~windows",
                "column 1: no host matches `os~windows` (no `os` holds that)",
            ),
            (
                "oss~debian",
                "column 1: no host matches `oss~debian` (did you mean `os~`?)",
            ),
            (
                "disk.svr>80%",
                "column 1: no host matches `disk.svr>80%` (did you mean `disk.srv`?)",
            ),
            (
                "web* disk.boot.efi>1%",
                "column 6: no host matches `disk.boot.efi>1%` (there are `disk.srv`)",
            ),
            (
                "cache.eu mem>1g",
                "column 1: no host is all of this: `cache.eu` 1 host, `mem>1g` 6 hosts",
            ),
            (
                "mem=16g",
                "column 1: no host matches `mem=16g` (`mem` is a fact: `mem>16g`)",
            ),
            (
                "os=debian",
                "column 1: no host matches `os=debian` (`os` is a fact: `os~debian`)",
            ),
        ],
    );
}

#[test]
fn saved_groups_stand_for_what_was_saved() {
    let saved = [
        ("web", "role=web !web06,web99?"),
        ("old", "web01,web77"),
        ("both", "@web,@old | db-1"),
        ("gone", "web70,web71"),
        ("round", "web01,@round"),
        ("lost", "@nowhere"),
        ("broad", "*0*,*1*"),
    ];
    check(
        &saved,
        &[
            ("@web", "web[01-04] (4 hosts, 4 online)"),
            ("@web env=prod !web01", "web[02-03] (2 hosts, 2 online)"),
            ("@old", "web01 (1 host, 1 online)"),
            ("@both !@old", "db-1,web[02-04] (4 hosts, 4 online)"),
            (
                "@gone",
                "column 1: no host matches `@gone` (it stands for `web70,web71`)",
            ),
            ("web01,@gone?", "web01 (1 host, 1 online)"),
            (
                "@wbe",
                "column 1: there is no group `@wbe` (did you mean `@web`?)",
            ),
            (
                "web01,@wbe?",
                "column 7: there is no group `@wbe` (did you mean `@web`?)",
            ),
            (
                "web",
                "column 1: no host matches `web` (did you mean the group `@web`?)",
            ),
            (
                "web01 @round",
                "column 7: groups in `@round` hold one another too deep (at most 8 deep)",
            ),
            (
                "web01 @lost",
                "column 7: there is no group `@nowhere` (there are `@both`, `@broad`, `@gone` and 4 more)",
            ),
        ],
    );
    check(
        &[],
        &[(
            "@web",
            "column 1: there is no group `@web` (no group was saved yet: name the hosts, or use a label)",
        )],
    );
}

#[test]
fn hosts_of_a_run_are_named_by_how_it_went() {
    check(
        &[],
        &[
            ("#7", "db-1,web[01-03,06] (5 hosts, 4 online)"),
            ("#7:failed", "web[02-03] (2 hosts, 2 online)"),
            ("#7:missed", "web06 (1 host, 0 online)"),
            ("#7:ok", "web01 (1 host, 1 online)"),
            ("#7:differs", "web[02-03] (2 hosts, 2 online)"),
            ("#7:timeout|offline", "web[03,06] (2 hosts, 1 online)"),
            ("#7 !#7:failed", "db-1,web[01,06] (3 hosts, 2 online)"),
            (
                "#8",
                "column 1: there is no run `#8` that you may see (/runs lists those that you may see)",
            ),
            (
                "db-2 #7:ok",
                "column 1: no host is all of this: `db-2` 1 host, `#7:ok` 1 host",
            ),
        ],
    );
}

#[test]
fn draws_are_from_what_is_left_and_hang_on_the_seed() {
    let wide = Wide::new();
    let hosts = wide.hosts();
    let drawn = |text: &str, seed: u64| {
        let scope = Scope {
            seed,
            ..Scope::empty()
        };
        let selector = Selector::parse(text).unwrap();
        selector.resolve(&hosts, scope).unwrap()
    };
    let prod = drawn("env=prod !web01", 0);
    assert!(!prod.drawn);
    let mut seen = BTreeSet::new();
    for seed in 0..50 {
        let two = drawn("env=prod pick:2 !web01", seed);
        assert_eq!((two.hosts.len(), two.drawn), (2, true));
        assert!(two.hosts.iter().all(|id| prod.contains(*id)));
        assert_eq!(
            drawn("pick:2 env=prod !web01", seed),
            two,
            "the order of items"
        );
        seen.extend(two.hosts);
    }
    assert_eq!(
        seen.len(),
        prod.hosts.len(),
        "every host is drawn some time"
    );
    assert_eq!(
        drawn("all pick:10%", 3).hosts.len(),
        1,
        "a part is rounded up"
    );
    assert_eq!(drawn("all pick:100%", 3).hosts.len(), 8);
    assert_eq!(drawn("role=web pick:1 | role=db pick:1", 3).hosts.len(), 2);
    assert_eq!(drawn("(role=web pick:1),db-1", 3).hosts.len(), 2);
    assert_eq!(drawn("role=db pick:5?", 3).hosts.len(), 2);
    let few = Selector::parse("role=db pick:5").unwrap();
    assert_eq!(
        told(&few.resolve(&hosts, Scope::empty()).unwrap_err()),
        "column 9: `pick:5`: there are only 2 (write `pick:2`, or leave it out)"
    );
}

#[test]
fn grants_and_groups_refuse_what_does_not_last() {
    for (text, part) in [
        ("mem>1g", "mem>1g"),
        ("web* os~debian", "os~debian"),
        ("@web", "@web"),
        ("#7:ok", "#7:ok"),
        ("(all is:outdated)", "is:outdated"),
        ("all pick:3", "pick:3"),
    ] {
        let errors = Selector::parse_for_grant(text).unwrap_err();
        let expected = format!("`{part}` cannot be in a grant (name hosts by label or name)");
        assert!(told(&errors).ends_with(&expected), "{}", told(&errors));
    }
    assert_eq!(
        told(&Selector::parse_for_group("role=web pick:3").unwrap_err()),
        "column 10: `pick:3` cannot be in a saved group (write it beside the group: `@web pick:3`)"
    );
    let group = Selector::parse_for_group("@a !(@b | #7)").unwrap();
    assert_eq!(group.groups(), ["a", "b"]);
}

#[test]
fn groups_cannot_multiply_work() {
    let fleet = Fleet::large(10_000);
    let hosts = fleet.hosts();
    let mut saved: Vec<(String, String)> = (0..8)
        .map(|n| {
            (
                format!("g{n}"),
                format!("@g{}", n + 1) + &format!(",@g{}?", n + 1).repeat(300),
            )
        })
        .collect();
    saved.push(("g8".to_owned(), "*1*,*2*,*3*".to_owned()));
    saved.push((
        "many".to_owned(),
        (0..40)
            .map(|n| format!("@s{n}"))
            .collect::<Vec<_>>()
            .join(","),
    ));
    saved.extend((0..40).map(|n| (format!("s{n}"), format!("*{n}*"))));
    let saved: Vec<(&str, &str)> = saved
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let groups = groups(&saved);
    let scope = Scope {
        groups: &groups,
        ..Scope::empty()
    };
    let resolve = |text: &str| Selector::parse(text).unwrap().resolve(&hosts, scope);
    assert!(!resolve("@g1").unwrap().hosts.is_empty());
    let errors = told(&resolve("@g0,@g1").unwrap_err());
    assert_eq!(
        errors,
        "column 1: groups in `@g8` hold one another too deep (at most 8 deep)"
    );
    let errors = told(&resolve("@many").unwrap_err());
    assert_eq!(
        errors,
        "column 1: this has too many globs, comparisons and runs (at most 16, those of saved groups included)"
    );
}

#[test]
fn completion_offers_groups_runs_and_what_was_used_before() {
    let wide = Wide::new();
    let hosts = wide.hosts();
    let run = run(&hosts);
    let groups = groups(&[("web", "role=web !web06"), ("db", "role=db")]);
    let scope = Scope {
        groups: &groups,
        run: &|number| (number == RunNumber(7)).then_some(&run),
        ..Scope::empty()
    };
    let recent = Recent {
        selectors: &["role=web env=prod", "db-9"],
        runs: &[&run],
    };
    let rows = |text: &str| -> Vec<String> {
        let choices = complete::complete(text, &hosts, scope, recent);
        choices
            .into_iter()
            .map(|choice| format!("{} ⇒ {}", choice.value, choice.label))
            .collect()
    };
    assert_eq!(
        rows("")[..5],
        [
            "role=web env=prod ⇒ role=web env=prod · ✓ 3 hosts: web[01-03]",
            "@db ⇒ @db · 2 hosts · role=db",
            "@web ⇒ @web · 4 hosts · role=web !web06",
            "role=web ⇒ role=web · 5 hosts",
            "env=prod ⇒ env=prod · 4 hosts",
        ]
    );
    assert_eq!(
        rows("env=prod !@w"),
        [
            "env=prod !@web ⇒ @web · 4 hosts · role=web !web06",
            "env=prod !@w ⇒ ✗ there is no group @w, did you mean @web?",
        ]
    );
    assert_eq!(
        rows("#7:f"),
        [
            "#7:failed ⇒ #7:failed · ✓ 2 hosts: web[02-03]",
            "#7:f ⇒ ✗ #7:f is not a run or part of one, as in #142 or #142:failed; parts: failed, ok, differs, timeout,…",
        ]
    );
    assert_eq!(
        rows("all pick:"),
        [
            "all pick:1 ⇒ pick:1 · one of them, drawn when it runs",
            "all pick:10% ⇒ pick:10% · a tenth of them, drawn when it runs",
            "all pick: ⇒ ✗ pick: is unknown, there are is:online, is:offline, is:stale, is:draining, is:outdated, pick:3 and…",
        ]
    );
    assert_eq!(
        rows("all pick:3")[0],
        "all pick:3 ⇒ ✓ 3 hosts, drawn when it runs"
    );
    assert_eq!(
        rows("mem"),
        [
            "mem> ⇒ mem> or mem< · as in mem>16g",
            "mem.used> ⇒ mem.used> or mem.used< · as in mem.used>90%",
            "mem ⇒ ✗ no host matches mem",
        ]
    );
}

#[test]
fn what_exclusions_remove_is_told() {
    let wide = Wide::new();
    let hosts = wide.hosts();
    let saved = groups(&[("few", "web* !web01")]);
    let scope = Scope {
        groups: &saved,
        ..Scope::empty()
    };
    let told = |text: &str| {
        let resolved = Selector::parse(text).unwrap().resolve(&hosts, scope);
        let resolved = resolved.unwrap();
        let names = hosts
            .iter()
            .filter(|host| resolved.excluded.contains(&host.id))
            .map(|host| host.name.as_str());
        (fold::fold(names), resolved.every)
    };
    // What was not named is not excluded, and what another clause names is not either.
    assert_eq!(told("web* !web01,db-1"), ("web01".to_owned(), false));
    assert_eq!(told("web* !web01 | web[01-02]"), (String::new(), false));
    assert_eq!(told("@few !web02"), ("web02".to_owned(), false));
    assert_eq!(told("(all !web01) !web02"), ("web[01-02]".to_owned(), true));
}

#[test]
fn several_selectors_share_what_was_found_and_nothing_else() {
    let wide = Wide::new();
    let hosts = wide.hosts();
    let saved = groups(&[("every", "all"), ("bad", "#9?")]);
    let scope = Scope {
        groups: &saved,
        ..Scope::empty()
    };
    let mut evaluator = Evaluator::new(&hosts, scope);
    let mut told = |text: &str| {
        let found = evaluator.resolve(&Selector::parse(text).unwrap());
        found
            .map(|found| (found.hosts.len(), found.every, found.absent.len()))
            .map_err(|errors| errors.len())
    };
    let all = hosts.len();
    assert_eq!(told("@every web[01-99]"), Ok((5, true, 94)));
    // A group that is known from before says `all` all the same, and an error in one is told each time.
    assert_eq!(told("@every"), Ok((all, true, 0)));
    assert_eq!(told("web01"), Ok((1, false, 0)));
    assert_eq!(told("@bad"), Err(1));
    assert_eq!(told("@bad,web01"), Err(1));
}

#[test]
fn groups_keep_their_secrets_from_whoever_may_not_see_their_hosts() {
    let wide = Wide::new();
    let web: Vec<Host<'_>> = wide
        .hosts()
        .into_iter()
        .filter(|host| host.name.as_str().starts_with("web"))
        .collect();
    let saved = groups(&[("db", "db-1?"), ("web", "web01,web02 !db-1?")]);
    let scope = Scope {
        groups: &saved,
        groups_readable: false,
        ..Scope::empty()
    };
    let errors = |text: &str| {
        let errors = Selector::parse(text)
            .unwrap()
            .resolve(&web, scope)
            .unwrap_err();
        let told = errors
            .iter()
            .map(|error| format!("{error} ({})", error.hint));
        told.collect::<Vec<_>>().join("; ")
    };
    assert_eq!(errors("@db"), "column 1: there is no group `@db` ()");
    assert_eq!(errors("@dbs"), "column 1: there is no group `@dbs` ()");
    assert_eq!(errors("db"), "column 1: no host matches `db` ()");
    let rows = complete::complete("@", &web, scope, Recent::default());
    let labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(labels, ["@web · 2 hosts"]);
}
