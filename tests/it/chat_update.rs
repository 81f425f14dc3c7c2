//! Updates and doctors asked for in chat: shown first, in waves, stopped by the first host that comes back as it was, and refused with words.

use serde_json::{Value, json};
use shanty_tests::release::{Keys, Supervised};
use shanty_tests::{Options, Person, World, wait};

use crate::programs;

const NAMES: [&str; 3] = ["web-01", "web-02", "web-03"];

/// A controller that says who may sign releases, an operator who may update, and three servers with 0.1.0.
struct Fleet {
    world: World,
    keys: Keys,
    hosts: Vec<Supervised>,
}

impl Fleet {
    /// Nothing where OpenSSH is not installed, which is said.
    async fn start() -> Option<Self> {
        let keys = Keys::make()?;
        let mut world = World::start(&programs(), Options::default()).await;
        let roots = world.dir.path().join("roots");
        shanty_tests::write_trusted(&roots, &keys.roots());
        world.take_controller().stop().await;
        let config = std::fs::read_to_string(world.config_path()).unwrap();
        let config = config
            .replace("[install]\n", &format!("[install]\nroots = {roots:?}\n"))
            .replace("\"manage\"]", "\"manage\", \"update\"]");
        shanty_tests::write_trusted(&world.config_path(), &config);
        world.start_controller().await;
        let mut hosts = Vec::new();
        for name in NAMES {
            hosts.push(Supervised::start(&world, &keys, name, "0.1.0", "60s").await);
        }
        Some(Self { world, keys, hosts })
    }

    /// Hands out a version, and waits until the controller knows.
    async fn offer(&self, said: &str, change: impl FnOnce(&mut Value)) {
        self.keys.offer(&self.world, said, change);
        let version = said.split(' ').next().unwrap();
        self.offers(version).await;
    }

    /// Waits until the controller says that it hands this out; an empty version is none that hosts may be updated to.
    async fn offers(&self, version: &str) {
        wait::until(&format!("{version:?} to be offered"), || async {
            let refused = self
                .world
                .shanty(&["hosts", "update", "web*", "--to", "9.9.9", "--dry-run"])
                .await;
            let told = match version {
                "" => "cannot be updated from here".to_owned(),
                version => format!("hands out {version}, and not 9.9.9"),
            };
            match refused.err.contains(&told) {
                true => Ok(()),
                false => Err(refused),
            }
        })
        .await;
    }

    fn stable(&self) -> Vec<Option<String>> {
        self.hosts.iter().map(|host| host.link("stable")).collect()
    }

    async fn end(mut self) {
        for host in &mut self.hosts {
            host.stop().await;
        }
        self.world.end().await;
    }
}

async fn update(person: &Person, options: &[(&str, &str)]) -> String {
    person.slash("host update", options).await
}

#[tokio::test]
async fn a_bad_version_stops_at_the_first_host_and_a_good_one_goes_through_all() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    let operator = fleet.world.operator();
    fleet.offer("0.2.0 crash", |_| ()).await;

    let refused = fleet
        .world
        .viewer()
        .refused("host update", &[("on", "web*")])
        .await;
    assert!(
        refused.contains("You may not update agents here"),
        "{refused}"
    );

    let asked = update(&operator, &[("on", "web*")]).await;
    let shown = operator.answer(&asked).await.text();
    for told in [
        "### ❓ Update the agents of 3 hosts to 0.2.0?\n`0.1.0` → 0.2.0 · signed by `release`",
        "what runs there goes on",
        "ready 3\n  web-[01-03]",
        "waves of 1, 25%, 100%",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    let pressed = operator.confirms(&asked, "go").await;
    let card = operator
        .card_end(
            &pressed,
            "stopped after 1 of 3 failed · 1 failed, 2 never ran",
        )
        .await;
    let text = card.text();
    assert!(text.contains("· update to 0.2.0 · 3 hosts ·"), "{text}");
    assert!(text.contains("0.1.0 is back"), "{text}");
    assert_eq!(fleet.stable(), vec![Some("0.1.0".to_owned()); 3]);
    let untouched = fleet
        .hosts
        .iter()
        .filter(|host| host.versions() == ["0.1.0"]);
    assert_eq!(untouched.count(), 2, "the others were not touched");
    for name in NAMES {
        fleet.world.is_online(name, true).await;
    }

    // What it is not is refused with words, and nothing is sent.
    for (options, told) in [
        (
            &[("on", "web*"), ("version", "0.3.0")][..],
            "hands out 0.2.0, and not 0.3.0",
        ),
        (&[("on", "web*"), ("version", "../x")][..], "is no version"),
    ] {
        let refused = operator.refused("host update", options).await;
        assert!(refused.contains(told), "{told}: {refused}");
    }
    let back = ["hosts", "update", "web*", "--older", "--yes"];
    let back = fleet.world.shanty(&back).await;
    assert!(
        back.code == 64
            && back
                .err
                .contains("does not say that a newer version may go back"),
        "{back:?}"
    );

    fleet.offer("0.2.1", |_| ()).await;
    let asked = update(&operator, &[("on", "is:outdated"), ("pause", "first")]).await;
    let pressed = operator.confirms(&asked, "go").await;
    let card = operator
        .card(&pressed, "to be paused", |card| {
            card.text().contains("paused after wave 1") && card.button("continue").is_some()
        })
        .await;
    operator.presses(&card, "continue").await;
    operator
        .card_end(&pressed, "update to 0.2.1 · 3 hosts · 3 ok")
        .await;
    for host in &fleet.hosts {
        host.is(&fleet.world, "0.2.1").await;
    }
    let there = operator.refused("host update", &[("on", "web*")]).await;
    assert!(there.contains("web-[01-03] have 0.2.1 already"), "{there}");

    // An older one, signed: nobody goes back unasked.
    fleet.offer("0.2.0", |_| ()).await;
    let newer = operator.refused("host update", &[("on", "web-01")]).await;
    assert!(
        newer.contains("web-01 has a newer agent than 0.2.0"),
        "{newer}"
    );
    fleet.end().await;
}

#[tokio::test]
async fn what_nobody_signed_who_may_is_handed_out_to_nobody() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    let operator = fleet.world.operator();
    fleet.offer("0.2.0", |_| ()).await;
    let shown = fleet
        .world
        .shanty(&["hosts", "update", "web-01", "--dry-run", "--json"])
        .await;
    assert_eq!(shown.code, 0, "{shown:?}");
    let plan = shown.json();
    assert_eq!(
        (&plan["from"], &plan["signer"], &plan["command"]),
        (
            &json!("0.1.0"),
            &json!("release"),
            &json!("update to 0.2.0")
        )
    );

    let manifest = fleet.world.artifacts().join("manifest.json");
    let whole = std::fs::read_to_string(&manifest).unwrap();
    for (what, told) in [
        ("another key", "which is no root here"),
        ("changed", "it was changed since"),
        ("unsigned", "nobody signed the manifest"),
        ("too old", "counted until"),
    ] {
        std::fs::write(&manifest, &whole).unwrap();
        fleet.keys.sign(&manifest, "release");
        fleet.offers("0.2.0").await;
        match what {
            "another key" => fleet.keys.sign(&manifest, "other"),
            "changed" => std::fs::write(&manifest, format!("{whole} ")).unwrap(),
            "unsigned" => std::fs::remove_file(manifest.with_extension("json.sig")).unwrap(),
            _ => {
                let mut old: Value = serde_json::from_str(&whole).unwrap();
                old["not_after"] = json!(1_700_000_000);
                std::fs::write(&manifest, old.to_string()).unwrap();
                fleet.keys.sign(&manifest, "release");
            }
        }
        fleet.offers("").await;
        let refused = operator.refused("host update", &[("on", "web*")]).await;
        assert!(refused.contains(told), "{what}: {refused}");
        let added = operator.refused("host add", &[]).await;
        assert!(
            added.contains(told) && added.contains("`roots` in [install]"),
            "{what}: {added}"
        );
        let config = fleet.world.config_path().to_string_lossy().into_owned();
        let checked = fleet.world.shanty(&["check", "--config", &config]).await;
        assert!(checked.out.contains(told), "{what}: {checked:?}");
    }
    assert_eq!(fleet.stable(), vec![Some("0.1.0".to_owned()); 3]);

    // A doctor needs no release, and its button stands on the card of a host.
    let asked = operator.slash("hosts", &[("on", "web-01")]).await;
    let card = operator.answer(&asked).await;
    let pressed = operator.presses(&card, "doctor").await;
    let card = operator
        .card(&pressed, "to end", |card| card.is_over())
        .await;
    let text = card.text();
    assert!(text.contains("· doctor · web-01 ·"), "{text}");
    let refused = fleet
        .world
        .viewer()
        .refused("host doctor", &[("on", "web-01")])
        .await;
    assert!(refused.contains("You may not"), "{refused}");
    fleet.end().await;
}
