//! ClusterShell's `nodeset` as a second opinion on folding: what we fold it expands to the same names, and what it folds we read as the
//! same names.
//!
//! When the program is not installed the test says so and passes, unless `SHANTY_NODESET=required` is set.

#![expect(
    clippy::disallowed_methods,
    reason = "the core is pure, and this test of it asks another program"
)]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Command;

use proptest::collection::btree_set;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use shanty_core::ids::{AgentId, HostName, Labels};
use shanty_core::selector::fold::fold;
use shanty_core::selector::{AgentInfo, Host, Scope, Selector};

/// Each case starts the program twice, and it takes a tenth of a second to start.
const CASES: u32 = 24;

fn nodeset(args: &[&str]) -> String {
    let ran = Command::new("nodeset").args(args).output();
    let ran = ran.expect("nodeset was there a moment ago");
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "nodeset {args:?}: {told}");
    String::from_utf8(ran.stdout).expect("nodeset prints names")
}

fn is_installed() -> bool {
    let found = Command::new("nodeset").arg("--version").output().is_ok();
    let required = std::env::var("SHANTY_NODESET").is_ok_and(|value| value == "required");
    assert!(
        found || !required,
        "nodeset is not installed, and it is required"
    );
    if !found {
        let note = b"nodeset is not installed: folding was not compared with it\n";
        std::io::stderr()
            .write_all(note)
            .expect("a note can be written");
    }
    found
}

fn names() -> impl Strategy<Value = BTreeSet<String>> {
    let name = prop_oneof![
        4 => "(web|db)-?[0-9]{1,3}",
        2 => "r[1-3]-n0?[0-9]{1,2}",
        2 => "ip-10-0-[0-2]-[0-9]{1,2}",
        1 => "(cache|gpu)[a-c]",
        1 => "x[0-2]{0,2}y[0-9]{1,2}z",
    ];
    btree_set(name, 1..60)
}

/// The names that the selector stands for among these.
fn resolved(text: &str, names: &BTreeSet<String>) -> BTreeSet<String> {
    let named: Vec<HostName> = names
        .iter()
        .map(|name| name.parse().expect("a name"))
        .collect();
    let labels = Labels::default();
    let hosts: Vec<Host<'_>> = named
        .iter()
        .enumerate()
        .map(|(at, name)| Host {
            id: AgentId::from_bytes((at as u128).to_be_bytes()),
            name,
            labels: &labels,
            online: true,
            stale: false,
            draining: false,
            told: AgentInfo::default(),
        })
        .collect();
    let selector = Selector::parse(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    let resolution = selector.resolve(&hosts, Scope::empty());
    let resolution = resolution.unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    assert!(
        resolution.absent.is_empty(),
        "{text} {:?}",
        resolution.absent
    );
    let members = hosts.iter().filter(|host| resolution.contains(host.id));
    members.map(|host| host.name.to_string()).collect()
}

#[test]
fn nodeset_agrees_about_names() {
    if !is_installed() {
        return;
    }
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&names(), |names| {
        let folded = fold(names.iter().map(String::as_str));
        let expanded = nodeset(&["-e", &folded]);
        let expanded: BTreeSet<String> = expanded.split_whitespace().map(str::to_owned).collect();
        prop_assert_eq!(&expanded, &names, "we folded {}", folded);
        let mut args = vec!["-f"];
        args.extend(names.iter().map(String::as_str));
        let theirs = nodeset(&args);
        let theirs = theirs.trim();
        prop_assert_eq!(&resolved(theirs, &names), &names, "it folded {}", theirs);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
