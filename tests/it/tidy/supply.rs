//! What is built in comes from where it should, under licences and in versions that `deny.toml` names. `cargo deny` reads the same file where it
//! is installed, and compares with the known faults besides.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::check;

const DENY: &str = include_str!("../../../deny.toml");

/// The quoted words of a list of `deny.toml`, each as it stands behind `before`.
fn listed(list: &str, before: &str) -> BTreeSet<String> {
    let (_, rest) = DENY.split_once(&format!("\n{list} = [")).unwrap();
    let (list, _) = rest.split_once("\n]").unwrap();
    let words = list.split(before).skip(1);
    words
        .filter_map(|word| word.split_once('"'))
        .map(|(word, _)| word.to_owned())
        .collect()
}

/// Every package that is built on Linux, as cargo resolves them without a network, and those of them that end up in a program.
struct Packages {
    all: Vec<Value>,
    built_in: BTreeSet<String>,
}

impl Packages {
    fn read() -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let told = Command::new(cargo)
            .args(["metadata", "--locked", "--offline", "--format-version", "1"])
            .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "{said}");
        let metadata: Value = serde_json::from_slice(&told.stdout).unwrap();
        let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
        let nodes: BTreeMap<&str, &Value> = nodes
            .iter()
            .map(|node| (node["id"].as_str().unwrap(), node))
            .collect();
        let all: Vec<Value> = metadata["packages"].as_array().unwrap().clone();
        let programs = ["shanty-agent", "shanty-controller", "shanty-sandbox"];
        let ours = all.iter().filter(|package| package["source"].is_null());
        let mut left: Vec<&str> = ours
            .filter(|package| programs.contains(&package["name"].as_str().unwrap()))
            .map(|package| package["id"].as_str().unwrap())
            .collect();
        let mut built_in = BTreeSet::new();
        while let Some(id) = left.pop() {
            if built_in.insert(id.to_owned()) {
                left.extend(needs(nodes[id]));
            }
        }
        Self { all, built_in }
    }
}

/// What a package needs beside its tests.
fn needs(node: &Value) -> impl Iterator<Item = &str> {
    let for_more = |need: &&Value| {
        let kinds = need["dep_kinds"].as_array().unwrap();
        kinds.iter().any(|kind| kind["kind"] != "dev")
    };
    let all = node["deps"].as_array().unwrap().iter();
    all.filter(for_more)
        .map(|need| need["pkg"].as_str().unwrap())
}

/// Whether somebody who holds these licences may use what is under such an expression: one side of each `OR`, both of each `AND`.
fn may_use(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.trim();
    for (word, both) in [(" OR ", false), ("/", false), (" AND ", true)] {
        let mut depth = 0;
        for (at, c) in expression.char_indices() {
            depth += i32::from(c == '(') - i32::from(c == ')');
            if depth == 0 && expression[at..].starts_with(word) {
                let left = may_use(&expression[..at], allowed);
                let right = may_use(&expression[at + word.len()..], allowed);
                return if both { left && right } else { left || right };
            }
        }
    }
    let inner = expression
        .strip_prefix('(')
        .and_then(|e| e.strip_suffix(')'));
    inner.map_or_else(
        || allowed.contains(expression),
        |inner| may_use(inner, allowed),
    )
}

#[test]
fn a_licence_is_one_that_is_allowed_wherever_there_is_a_choice() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"];
    let allowed = allowed.map(str::to_owned).into();
    for (expression, may) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("MIT AND ISC", true),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("(MIT OR ISC) AND GPL-3.0", false),
        ("MIT OR ISC AND GPL-3.0", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("Apache-2.0", false),
        ("", false),
    ] {
        assert_eq!(may_use(expression, &allowed), may, "{expression}");
    }
}

#[test]
fn every_package_is_under_a_licence_that_deny_toml_allows() {
    let allowed = listed("allow", "  \"");
    assert!(allowed.contains("MIT"), "{allowed:?}");
    let packages = Packages::read().all;
    assert!(packages.len() > 100, "{} packages", packages.len());
    let wrong = packages.iter().filter_map(|package| {
        let licence = package["license"].as_str().unwrap_or_default();
        let fine = package["source"].is_null() || may_use(licence, &allowed);
        (!fine).then(|| format!("{} {licence:?}", package["name"]))
    });
    check("packages under other licences", &wrong.collect::<Vec<_>>());
}

#[test]
fn nothing_is_built_in_twice_but_what_deny_toml_names_and_nothing_that_it_bans() {
    let packages = Packages::read();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &packages.all {
        if packages.built_in.contains(package["id"].as_str().unwrap()) {
            let name = package["name"].as_str().unwrap();
            let version = package["version"].as_str().unwrap();
            versions.entry(name).or_default().push(version);
        }
    }
    let known = listed("skip", "crate = \"");
    let mut wrong = Vec::new();
    for (name, versions) in &versions {
        let is_known = |version: &&&str| {
            let named = known.iter().filter_map(|known| known.split_once('@'));
            let mut named = named.filter(|(known, _)| known == name);
            named.any(|(_, known)| version.starts_with(&format!("{known}.")))
        };
        let (known, others): (Vec<&str>, Vec<&str>) = versions.iter().partition(|v| is_known(v));
        if others.len() > 1 || (others.is_empty() && !known.is_empty()) {
            wrong.push(format!("{name} {versions:?}"));
        }
    }
    let banned = listed("deny", "crate = \"");
    assert!(banned.contains("openssl-sys"), "{banned:?}");
    let there = banned
        .iter()
        .filter(|name| versions.contains_key(name.as_str()));
    wrong.extend(there.map(|name| format!("{name} is banned")));
    // What is said of a duplicate that is none any more goes.
    let gone = known.iter().filter(|known| {
        let (name, _) = known.split_once('@').unwrap();
        versions.get(name).is_none_or(|versions| versions.len() < 2)
    });
    wrong.extend(gone.map(|known| format!("{known} is no duplicate any more")));
    check("duplicates", &wrong);
}

/// What is built in is what it was when somebody looked at it.
#[test]
fn every_package_is_from_the_registry_and_has_a_checksum() {
    let lock = include_str!("../../../Cargo.lock");
    let packages: Vec<&str> = lock.split("[[package]]").skip(1).collect();
    assert!(packages.len() > 100, "{} packages", packages.len());
    let field = |package: &str, name: &str| {
        let line = package.lines().find(|line| line.starts_with(name));
        line.map(|line| {
            line.trim_start_matches(name)
                .trim_matches(['"', ' ', '='])
                .to_owned()
        })
    };
    let wrong = packages.into_iter().filter_map(|package| {
        let name = field(package, "name")?;
        let checked = field(package, "checksum").is_some_and(|sum| sum.len() == 64);
        let fine = match field(package, "source") {
            None => name.starts_with("shanty-"),
            Some(source) => {
                source.starts_with("registry+") && source.ends_with("/crates.io-index") && checked
            }
        };
        (!fine).then_some(name)
    });
    check("packages from elsewhere", &wrong.collect::<Vec<_>>());
}
