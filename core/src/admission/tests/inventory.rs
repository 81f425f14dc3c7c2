//! Labels, groups and drains: what a grant to manage gives, and what it does not.

use super::*;

/// Operators may see everything and manage web hosts; `see` may see web hosts only.
fn policy() -> Policy {
    let grant = |id: &str, roles: &[u64], what: &[Verb], hosts: &str| Grant {
        id: id.into(),
        roles: roles.to_vec(),
        people: vec![],
        channels: vec![OPS],
        what: what.to_vec(),
        hosts: Selector::parse_for_grant(hosts).unwrap(),
    };
    Policy {
        grants: vec![
            grant("web", &[9], &[Verb::Manage], "role=web"),
            grant("all", &[9], &[Verb::View], "all"),
            grant("see", &[8], &[Verb::View], "role=web"),
        ],
    }
}

fn world() -> World {
    let mut world = World::with_policy(policy());
    world.online(&[1, 2, 3]);
    world
}

fn manager() -> Asker {
    person(OPERATOR, &[9])
}

fn saved(world: &mut World, name: &str, selector: &str) {
    let kind = Kind::GroupSaved {
        name: name.into(),
        selector: selector.into(),
    };
    world.record(5, kind);
}

fn change(world: &World, asker: &Asker, ask: InventoryAsk) -> Result<Change, Refusal> {
    world.change(asker, &Ask::Inventory(ask))
}

fn save(world: &World, asker: &Asker, name: &str, on: &str) -> Result<String, Refusal> {
    let (name, on) = (name.to_owned(), on.to_owned());
    match change(world, asker, InventoryAsk::SaveGroup { name, on })?.answer {
        Answer::Inventory(InventoryAnswer::GroupSaved(saved)) => Ok(saved.selector.to_string()),
        other => panic!("{other:?}"),
    }
}

fn relabel(
    world: &World,
    asker: &Asker,
    on: &str,
    changes: &str,
) -> Result<Vec<(HostName, Labels)>, Refusal> {
    let (on, changes) = (on.to_owned(), changes.to_owned());
    match change(world, asker, InventoryAsk::Label { on, changes })?.answer {
        Answer::Inventory(InventoryAnswer::Labelled(hosts)) => Ok(hosts),
        other => panic!("{other:?}"),
    }
}

fn told<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
    match result {
        Ok(done) => format!("{done:?}"),
        Err(refusal) => format!("{} {}", refusal.code, refusal.what),
    }
}

fn label(asker: &Asker, on: &str, change: &str) -> String {
    let changed = relabel(&world(), asker, on, change);
    told(changed.map(|changed| {
        let shown = changed
            .iter()
            .map(|(name, labels)| format!("{name}: {labels}"));
        shown.collect::<Vec<_>>().join("; ")
    }))
}

#[test]
fn labels_change_within_one_grant_before_and_after() {
    let both = "\"web-01: env=prod role=web; web-02: env=prod role=web\"";
    assert_eq!(label(&manager(), "role=web", "env=prod"), both);
    assert_eq!(
        label(&manager(), "web-01", "env=prod, old-"),
        "\"web-01: env=prod role=web\""
    );

    // Out of the grant, into it, and hosts outside of it.
    for change in ["role=db", "role-"] {
        let refusal = label(&manager(), "web-01", change);
        assert!(
            refusal.starts_with("E_DENIED With these labels"),
            "{refusal}"
        );
    }
    let refusal = label(&manager(), "db-01", "role=web");
    assert_eq!(
        refusal,
        "E_DENIED You may not change db-01. Nothing was done."
    );
    assert_eq!(label(&local(), "db-01", "role=web"), "\"db-01: role=web\"");
    assert_eq!(label(&local(), "db-01", "role-"), "\"db-01: \"");
    assert!(
        label(&person(OPERATOR, &[8]), "web-01", "a=b")
            .starts_with("E_DENIED You may not change hosts and groups here.")
    );

    assert_eq!(
        label(&manager(), "web-01", "role=web"),
        "E_LABEL The hosts have exactly these labels already. No label was changed."
    );
    let many: Vec<String> = (0..=limits::LABELS_MAX)
        .map(|n| format!("k{n}=v"))
        .collect();
    assert!(label(&local(), "web-01", &many.join(" ")).contains("more than 64 labels"));
}

#[test]
fn labels_that_decide_about_other_grants_are_for_who_manages_everything() {
    let mut policy = policy();
    policy.grants.push(Grant {
        id: "dev".into(),
        roles: vec![9],
        people: vec![],
        channels: vec![OPS],
        what: vec![Verb::Run],
        hosts: Selector::parse_for_grant("env=dev").unwrap(),
    });
    let label = |policy: &Policy, change: &str| {
        let mut world = world();
        world.settings.policy = policy.clone();
        let changed = relabel(&world, &manager(), "web-01", change);
        changed.map(|_| ()).map_err(|refusal| refusal.what)
    };
    // With it they could run on a host that nobody let them run on.
    let told = "These labels would change who may do what on a host. No label was changed.";
    assert_eq!(label(&policy, "env=dev"), Err(told.to_owned()));
    assert_eq!(label(&policy, "env=prod"), Ok(()));
    // Also what somebody else is about to decide: it is not confirmed, and not taken back.
    for (recorded, about) in [
        ("role=web", "role=web,env=dev"),
        ("role=web,env=dev", "role=web"),
    ] {
        let mut world = world();
        world.settings.policy = policy.clone();
        let labels = |text: &str| Labels::parse(text).unwrap();
        let (agent, recorded) = (agent(1), labels(recorded));
        world.record(9, HostChange::Labelled(recorded).of(agent));
        world.recording(HostChange::Labelled(labels(about)).of(agent));
        let refusal = relabel(&world, &manager(), "web-01", "zone=b").unwrap_err();
        assert_eq!(refusal.what, told, "{about}");
    }
    policy.grants[0].hosts = Selector::parse_for_grant("all").unwrap();
    assert_eq!(label(&policy, "env=dev"), Ok(()));
}

#[test]
fn a_group_that_changes_by_itself_is_changed_by_who_saved_it_or_manages_everything() {
    let mut world = world();
    saved(&mut world, "odd", "#1:failed?");
    saved(&mut world, "full", "disk>90%");
    saved(&mut world, "up", "role=web is:online");
    saved(&mut world, "gone", "web-99");
    saved(&mut world, "web", "role=web");
    let save =
        |world: &World, name: &str| told(save(world, &manager(), name, "web-01").map(|_| ()));
    for name in ["odd", "full", "up", "gone"] {
        let refusal = save(&world, name);
        assert!(
            refusal.contains("stands for hosts that you may not change"),
            "{refusal}"
        );
    }
    assert_eq!(save(&world, "web"), "()");
    let own = Kind::GroupSaved {
        name: "own".into(),
        selector: "role=web is:offline".into(),
    };
    let earlier = Actor::Chat {
        user: OPERATOR,
        place: None,
    };
    world.record_by(6, earlier, own);
    assert_eq!(save(&world, "own"), "()");
}

#[test]
fn changes_of_labels_are_typed_exactly() {
    for bad in [
        "",
        " , ",
        "env",
        "env=",
        "=prod",
        "env=prod=x",
        "ENV=prod",
        "env=prod env=dev",
        "env=prod env-",
        "__proto__=x",
        "env=pr\u{43e}d",
        "-",
        "env=@everyone",
        "env=a&&b",
    ] {
        let told = label(&local(), "web-01", bad);
        assert!(
            told.starts_with("E_LABEL") && told.ends_with("No label was changed."),
            "{bad}: {told}"
        );
    }
    for word in ["-", "A-", "a/b-", "a b-"] {
        let told = label(&local(), "web-01", word);
        assert!(
            told.contains("is neither key=value nor key-"),
            "{word}: {told}"
        );
    }
}

#[test]
fn labels_that_are_being_recorded_count() {
    let mut world = world();
    let labels = Labels::parse("role=web,zone=a").unwrap();
    world.recording(HostChange::Labelled(labels).of(agent(1)));
    let changed = relabel(&world, &local(), "web-01", "env=prod").unwrap();
    assert_eq!(changed[0].1.to_string(), "env=prod role=web zone=a");
}

#[test]
fn what_is_being_recorded_is_not_undone_by_who_may_not_touch_it_then() {
    // Somebody who manages every host is taking web-01 out of the grant.
    let mut world = world();
    let labels = Labels::parse("role=db").unwrap();
    world.recording(HostChange::Labelled(labels).of(agent(1)));
    let told = relabel(&world, &manager(), "web-01", "role=web").unwrap_err();
    assert_eq!(told.code, Code::Denied, "{told}");
    assert!(relabel(&world, &local(), "web-01", "role=web").is_ok());
}

#[test]
fn a_drain_that_is_being_recorded_counts() {
    let mut world = world();
    let (host, on) = (agent(1), true);
    world.record(9, HostChange::Drained { on }.of(host));
    let kinds = |world: &World, drain| {
        let on = "web-01".to_owned();
        let changed = change(world, &manager(), InventoryAsk::Drain { on, drain });
        changed.unwrap().kinds.len()
    };
    assert_eq!((kinds(&world, true), kinds(&world, false)), (0, 1));
    // Its end is being recorded: asking for it again is something new.
    world.recording(HostChange::Drained { on: false }.of(agent(1)));
    assert_eq!((kinds(&world, true), kinds(&world, false)), (1, 0));
}

#[test]
fn only_hosts_of_the_grant_drain() {
    let mut world = world();
    let drain = |world: &World, on: &str, drain| {
        let on = on.to_owned();
        let changed = change(world, &manager(), InventoryAsk::Drain { on, drain });
        told(changed.map(|change| match change.answer {
            Answer::Inventory(InventoryAnswer::Drained { names, .. }) => {
                names.iter().map(ToString::to_string).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }))
    };
    assert_eq!(drain(&world, "role=web", true), "[\"web-01\", \"web-02\"]");
    assert_eq!(
        drain(&world, "all", true),
        "E_DENIED You may not change db-01. Nothing was done."
    );
    assert_eq!(drain(&world, "web-01", false), "[]", "it does not drain");
    let (agent, on) = (agent(1), true);
    world.record(9, HostChange::Drained { on }.of(agent));
    assert_eq!(drain(&world, "role=web", true), "[\"web-02\"]");
    assert_eq!(drain(&world, "is:draining", false), "[\"web-01\"]");
}

#[test]
fn groups_are_saved_when_they_stand_for_something_that_one_may_manage() {
    let mut world = world();
    saved(&mut world, "web", "role=web");
    saved(&mut world, "db", "role=db");
    saved(&mut world, "front", "@web !web-02");
    // A host of it has left since it was saved.
    saved(&mut world, "old", "role=db,gone-01");
    let save = |asker: &Asker, name: &str, on: &str| told(save(&world, asker, name, on));
    assert_eq!(
        save(&manager(), "new", "web-01, web-02"),
        "E_SELECTOR Something is missing after `,`. Nothing was done.\nweb-01, web-02\n       ^"
    );
    assert_eq!(
        save(&manager(), "@new", "web-01,web-02"),
        "\"web-01,web-02\""
    );
    assert_eq!(
        save(&manager(), "web", "role=web !web-01"),
        "\"role=web !web-01\""
    );
    for (name, on, why) in [
        ("new", "wbe-01", "E_SELECTOR"),
        (
            "new",
            "role=web pick:1",
            "`pick:1` cannot be in a saved group",
        ),
        ("new", "db-01", "E_DENIED You may not change db-01"),
        ("new", "@none", "There is no group `@none`"),
        (
            "db",
            "role=web",
            "E_DENIED `@db` stands for hosts that you may not change.",
        ),
        (
            "web",
            "@web",
            "E_SELECTOR `@web` would hold itself: `@web` holds `@web`",
        ),
        ("web", "@front", "`@web` holds `@front`, which holds `@web`"),
        ("", "web-01", "E_NAME"),
        ("a b", "web-01", "E_NAME"),
        ("../x", "web-01", "E_NAME"),
    ] {
        let refusal = save(&manager(), name, on);
        assert!(refusal.contains(why), "@{name} = {on}: {refusal}");
    }
    assert!(save(&person(OPERATOR, &[8]), "new", "web-01").starts_with("E_DENIED"));
    assert_eq!(save(&local(), "db", "role=db,web-01"), "\"role=db,web-01\"");

    let remove = |asker: &Asker, name: &str| {
        let name = name.to_owned();
        let changed = change(&world, asker, InventoryAsk::RemoveGroup { name });
        told(changed.map(|change| match change.answer {
            Answer::Inventory(InventoryAnswer::GroupRemoved { name }) => name,
            other => panic!("{other:?}"),
        }))
    };
    assert_eq!(remove(&manager(), "front"), "\"front\"");
    assert_eq!(
        remove(&manager(), "@web"),
        "E_SELECTOR `@web` is part of `@front`. No group was removed."
    );
    assert_eq!(
        remove(&manager(), "none"),
        "E_NOT_FOUND There is no group `@none`. Nothing was changed."
    );
    assert!(remove(&manager(), "db").starts_with("E_DENIED"));
    assert!(remove(&person(OPERATOR, &[8]), "front").starts_with("E_DENIED"));
}

#[test]
fn groups_are_read_by_whoever_may_see_every_host() {
    let mut world = world();
    saved(&mut world, "db", "role=db");
    saved(&mut world, "some", "db-01,web-01");
    let rows = |asker: &Asker| {
        let Ok(Answer::Groups(rows)) = look(&world.context(), asker, &Question::Groups) else {
            panic!();
        };
        let shown = rows
            .iter()
            .map(|row| format!("{} {} {:?}", row.name, row.hosts.unwrap(), row.selector));
        shown.collect::<Vec<_>>()
    };
    assert_eq!(
        rows(&manager()),
        ["db 1 Some(\"role=db\")", "some 2 Some(\"db-01,web-01\")"]
    );
    // Whoever sees some hosts sees what stands for some of those, and not by what words.
    assert_eq!(rows(&person(OPERATOR, &[8])), ["some 1 None"]);

    let choices = world.complete(&person(OPERATOR, &[8]), "@");
    assert!(!format!("{choices:?}").contains("db"), "{choices:?}");
    let on = |on: &str| told(world.hosts(&person(OPERATOR, &[8]), on));
    assert!(
        on("@db").contains("There is no group `@db`"),
        "{}",
        on("@db")
    );
}

#[test]
fn a_group_that_no_version_can_read_stands_for_nothing() {
    let mut world = world();
    saved(&mut world, "new", "zone~=§");
    assert!(world.state.groups.is_empty());
}

#[test]
fn a_group_that_has_lost_a_part_is_refused_and_not_made_larger() {
    let mut world = world();
    let relabelled = HostChange::Labelled(Labels::parse("role=web,tier=1").unwrap()).of(agent(2));
    world.record(5, relabelled);
    saved(&mut world, "safe", "role=web !tier=1");
    saved(&mut world, "safer", "@safe,db-01");
    saved(&mut world, "lax", "role=web !tier=1?");
    let names = |world: &World, asker: &Asker, on: &str| told(world.hosts(asker, on));
    let see = person(OPERATOR, &[8]);
    for asker in [&manager(), &see] {
        assert_eq!(names(&world, asker, "@safe"), "1");
    }
    assert_eq!(names(&world, &manager(), "@safer"), "2");

    // The label goes: without it nothing would be excluded any more.
    let relabelled = HostChange::Labelled(Labels::parse("role=web").unwrap()).of(agent(2));
    world.record(6, relabelled);
    for on in ["@safe", "@safe?", "@safer", "web-01 !@safe"] {
        let refusal = names(&world, &manager(), on);
        assert!(
            refusal.contains("does not stand for what was saved: no host matches `tier=1`"),
            "{on}: {refusal}"
        );
    }
    let refusal = names(&world, &see, "@safe");
    assert!(
        refusal.contains("`@safe` does not stand for what was saved any more. Nothing was done."),
        "{refusal}"
    );
    assert_eq!(
        names(&world, &manager(), "@lax"),
        "2",
        "it says that it may be missing"
    );
}

#[test]
fn groups_are_not_saved_deeper_than_they_can_be_used() {
    let mut world = world();
    saved(&mut world, "g1", "role=web");
    for n in 2..=8 {
        saved(&mut world, &format!("g{n}"), &format!("@g{}", n - 1));
    }
    let try_save =
        |world: &World, name: &str, on: &str| told(save(world, &local(), name, on).map(|_| ()));
    let deep = "E_SELECTOR Groups would hold one another more than 8 deep. No group was saved.";
    assert_eq!(try_save(&world, "g9", "@g7"), "()");
    assert_eq!(try_save(&world, "g9", "@g8"), deep);
    // Nor may one below be made deeper.
    saved(&mut world, "base", "role=db");
    assert_eq!(try_save(&world, "g1", "@base"), deep);
}
