//! Labels, groups and drains from chat: who may, what everybody sees, and what it changes for the next selector.

use std::fmt::Write as _;

use shanty_tests::words::without_ids;
use shanty_tests::{Grant, Options, Person, World};

use crate::programs;

const HOSTS: [(&str, &str); 3] = [
    ("web-01", "env=prod,role=web"),
    ("web-02", "env=prod,role=web"),
    ("db-01", "env=prod,role=db"),
];

/// Options of a command: name and value.
type Typed<'a> = &'a [(&'a str, &'a str)];

/// A world in which the owner may manage web hosts and run on everything.
async fn world() -> World {
    let options = Options {
        grants: vec![
            Grant {
                who: "owner_id",
                what: &["manage"],
                hosts: "role=web",
            },
            Grant {
                who: "guest_id",
                what: &["view", "run"],
                hosts: "role=db",
            },
        ],
        ..Options::default()
    };
    World::with_hosts(&programs(), options, &HOSTS).await
}

async fn names(world: &World, selector: &str) -> String {
    let ran = world.shanty(&["hosts", selector, "--names"]).await;
    ran.out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `host drain`, `group save` and the like.
async fn asks(person: &Person, words: &str, options: &[(&str, &str)]) -> String {
    let (name, below) = words.split_once(' ').expect("two words");
    person.below(name, below, options).await
}

/// What everybody in the channel is told of such a command.
async fn said(world: &World, person: &Person, words: &str, options: &[(&str, &str)]) -> String {
    let asked = asks(person, words, options).await;
    world.viewer().answer(&asked).await.text()
}

/// What only the person is told.
async fn refused(person: &Person, words: &str, options: &[(&str, &str)]) -> String {
    let asked = asks(person, words, options).await;
    let answer = person.answer(&asked).await;
    assert!(
        answer.is_ephemeral(),
        "/{words} {options:?}: {}",
        answer.text()
    );
    answer.text()
}

#[tokio::test]
async fn labels_are_changed_before_everybodys_eyes() {
    let world = world().await;
    let operator = world.operator();
    let options = [("on", "web*"), ("set", "tier=front env=stage")];
    let text = said(&world, &operator, "host label", &options).await;
    for told in [
        "### 🏷 Labels of 2 hosts changed",
        "**web-01** · `env=stage role=web tier=front`",
        "**web-02** · `env=stage role=web tier=front`",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert_eq!(names(&world, "tier=front env=stage").await, "web-01 web-02");
    let options = [("on", "web-02"), ("set", "tier-")];
    said(&world, &operator, "host label", &options).await;
    assert_eq!(names(&world, "tier=front").await, "web-01");
    // It outlives the controller, to which Discord repeats what was asked last.
    let mut world = world;
    world.take_controller().kill().await;
    world.start_controller().await;
    assert_eq!(names(&world, "tier=front").await, "web-01");
    world.end().await;
}

#[tokio::test]
async fn groups_are_saved_used_completed_and_removed() {
    let world = world().await;
    let operator = world.operator();
    let save = [("name", "front"), ("hosts", "role=web !web-02")];
    let text = said(&world, &operator, "group save", &save).await;
    assert!(
        text.contains("`@front` saved\nIt stands for `role=web !web-02`: 1 host now."),
        "{text}"
    );
    let asked = operator.run("@front", "true").await;
    let card = operator.card_end(&asked, "exit 0").await.text();
    assert!(card.starts_with("### ✅ #1 · web-01"), "{card}");

    let rows = operator.complete("run", "@fr").await;
    let row = (
        "@front · 1 host · role=web !web-02".to_owned(),
        "@front".to_owned(),
    );
    assert!(rows.contains(&row), "{rows:?}");
    // What they used before comes first when nothing is typed.
    let rows = operator.complete("run", "").await;
    assert_eq!(
        rows[0],
        ("@front · ✓ 1 host: web-01".to_owned(), "@front".to_owned())
    );

    let wrong = refused(
        &operator,
        "group save",
        &[("name", "x"), ("hosts", "@frnot")],
    )
    .await;
    assert!(
        wrong.contains("There is no group `@frnot`. Nothing was done.\nDid you mean `@front`?"),
        "{wrong}"
    );
    let save = [("name", "all-front"), ("hosts", "@front,db-01")];
    said(&world, &operator, "group save", &save).await;
    let wrong = refused(&operator, "group remove", &[("name", "@front")]).await;
    assert!(
        wrong.contains("`@front` is part of `@all-front`. No group was removed."),
        "{wrong}"
    );

    let asked = operator.below("group", "list", &[]).await;
    let list = operator.answer(&asked).await;
    assert!(list.is_ephemeral());
    for told in [
        "### Saved groups · 2",
        "**@all-front** · 2 hosts · `@front,db-01`",
        "**@front** · 1 host",
    ] {
        assert!(list.text().contains(told), "{told}: {}", list.text());
    }
    let ran = world.shanty(&["groups"]).await;
    assert_eq!(
        ran.out,
        "@all-front  2 hosts  @front,db-01\n@front       1 host  role=web !web-02\n"
    );

    for name in ["all-front", "@front"] {
        let text = said(&world, &operator, "group remove", &[("name", name)]).await;
        assert!(text.contains("removed"), "{text}");
    }
    let text = operator
        .refused("run", &[("on", "@front"), ("command", "true")])
        .await;
    assert!(text.contains("There is no group `@front`"), "{text}");
    world.end().await;
}

#[tokio::test]
async fn nobody_changes_what_no_grant_of_theirs_covers() {
    let world = world().await;
    let (operator, owner, viewer, guest) = (
        world.operator(),
        world.person("owner_id"),
        world.viewer(),
        world.guest(),
    );
    said(
        &world,
        &operator,
        "group save",
        &[("name", "db"), ("hosts", "role=db")],
    )
    .await;
    let mut all = String::new();
    let asked: [(&str, &Person, &str, Typed<'_>); 15] = [
        (
            "viewer",
            &viewer,
            "host label",
            &[("on", "web-01"), ("set", "a=b")],
        ),
        ("viewer", &viewer, "host drain", &[("on", "web-01")]),
        (
            "viewer",
            &viewer,
            "group save",
            &[("name", "x"), ("hosts", "web-01")],
        ),
        ("viewer", &viewer, "group remove", &[("name", "db")]),
        (
            "guest",
            &guest,
            "host label",
            &[("on", "db-01"), ("set", "role=web")],
        ),
        (
            "owner",
            &owner,
            "host label",
            &[("on", "db-01"), ("set", "role=web")],
        ),
        (
            "owner",
            &owner,
            "host label",
            &[("on", "web-01"), ("set", "role=db")],
        ),
        (
            "owner",
            &owner,
            "host label",
            &[("on", "web-01"), ("set", "role-")],
        ),
        (
            "owner",
            &owner,
            "group save",
            &[("name", "x"), ("hosts", "db-01")],
        ),
        (
            "owner",
            &owner,
            "group save",
            &[("name", "db"), ("hosts", "role=web")],
        ),
        ("owner", &owner, "group remove", &[("name", "db")]),
        (
            "operator",
            &operator,
            "host label",
            &[("on", "web-01"), ("set", "Env=prod")],
        ),
        (
            "operator",
            &operator,
            "host label",
            &[("on", "wbe-01"), ("set", "a=b")],
        ),
        (
            "operator",
            &operator,
            "host label",
            &[("on", "web-01"), ("set", "role=web")],
        ),
        (
            "operator",
            &operator,
            "group save",
            &[("name", "a b"), ("hosts", "web-01")],
        ),
    ];
    for (who, person, path, options) in asked {
        let text = refused(person, path, options).await;
        writeln!(
            all,
            "{who} /{path} {options:?}\n{}\n",
            without_ids(text.trim_end())
        )
        .unwrap();
        if who == "owner" {
            // Whoever may not see a host is not told its name, not even by a refusal.
            assert!(
                !text.contains("db-01\n") || text.contains("No host matches"),
                "{text}"
            );
        }
    }
    insta::assert_snapshot!("inventory_refused", all);
    assert_eq!(names(&world, "role=web").await, "web-01 web-02");
    assert_eq!(names(&world, "@db").await, "db-01");

    // Within the grant it is theirs, and hosts that they may not see are no part of what they say.
    let text = said(&world, &owner, "host drain", &[("on", "env=prod")]).await;
    assert!(text.contains("**web-[01-02]**"), "{text}");
    let text = said(
        &world,
        &owner,
        "host label",
        &[("on", "web-01"), ("set", "tier=1")],
    )
    .await;
    assert!(
        text.contains("**web-01** · `env=prod role=web tier=1`"),
        "{text}"
    );
    // A group of hosts that somebody may not see is to them as one that does not exist.
    let text = viewer.refused("hosts", &[("on", "@db")]).await;
    assert!(text.contains("There is no group `@db`"), "{text}");
    assert!(!format!("{:?}", viewer.complete("hosts", "@").await).contains("db"));
    world.end().await;
}
