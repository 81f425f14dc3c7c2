//! Agent and controller are killed at any moment, over and over, while certificates of seconds are renewed: nobody is locked out, and one certificate is good.
//!
//! A seed says who is killed when. `SHANTY_SEED=7 SHANTY_KILLS=100` tries another, and more.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use shanty_tests::{Options, World, wait};

use crate::identities::{WEB, kept, leaves_of};
use crate::programs;

/// Kills without a word of the environment: what is worth its time beside all other tests.
const KILLS: u64 = 30;

/// Kills in a row before host and controller have to find each other.
const IN_A_ROW: u64 = 10;

/// A row of numbers that looks random (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// How long those who run may go on: often they are only starting, sometimes a whole renewal fits in.
    fn pause(&mut self) -> Duration {
        let bound_ms = [40, 300, 900, 1_800][usize::try_from(self.below(4)).unwrap()];
        Duration::from_millis(self.below(bound_ms))
    }
}

fn number(variable: &str, usual: u64) -> u64 {
    let said = std::env::var(variable).ok();
    said.map_or(usual, |said| said.parse().unwrap())
}

/// Kills one of the two, or both, and starts them again without waiting for anything.
async fn kill(world: &mut World, dice: &mut Dice) -> &'static str {
    let who = dice.below(4);
    if who != 0 {
        world.host("web-01").take_agent().kill().await;
    }
    if who < 2 {
        world.take_controller().kill().await;
        world.launch_controller();
    }
    if who != 0 {
        world.host("web-01").launch("keep");
    }
    ["controller", "both", "agent", "agent"][usize::try_from(who).unwrap()]
}

/// The keys of records of this kind, by the journal, oldest first.
async fn recorded(world: &World, kind: &str) -> Vec<String> {
    let ran = world.shanty(&["audit", "export"]).await;
    let records = ran.out.lines().map(serde_json::from_str);
    let records = records.map(|record: Result<serde_json::Value, _>| record.unwrap());
    let of_kind = records.filter(|record| record["kind"] == kind);
    let key = |record: serde_json::Value| record["key_sha256"].as_str().unwrap().to_owned();
    of_kind.map(key).collect()
}

/// Waits until a certificate came into use after those that did before.
async fn one_more_is_in_use(world: &World, before: usize) -> usize {
    wait::until("one more certificate in use", || async {
        let now = recorded(world, "promoted").await.len();
        if now > before { Ok(now) } else { Err(now) }
    })
    .await
}

fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([from, to])
        .status();
    assert!(copied.unwrap().success());
}

#[tokio::test]
async fn whoever_is_killed_when_the_host_has_a_link_at_the_end_and_one_certificate() {
    let (seed, kills) = (number("SHANTY_SEED", 1), number("SHANTY_KILLS", KILLS));
    println!("SHANTY_SEED={seed} SHANTY_KILLS={kills}");
    let options = Options {
        // Discord would have us wait between two logins.
        rate_limits: false,
        ..leaves_of("2s")
    };
    let mut world = World::with_hosts(&programs(), options, &WEB).await;
    let former = world.dir.path().join("former");
    copy(&world.hosts[0].data, &former);
    let mut dice = Dice(seed);
    let mut in_use = one_more_is_in_use(&world, 0).await;
    for round in 1..=kills {
        let until = Instant::now() + dice.pause();
        wait::until_true("the moment", || Instant::now() >= until).await;
        let who = kill(&mut world, &mut dice).await;
        println!("{round}: {who}");
        if round % IN_A_ROW == 0 {
            // Both are there to stay, so they have to find each other, and what was begun goes on.
            world.is_online("web-01", true).await;
            in_use = one_more_is_in_use(&world, in_use).await;
        }
    }
    // Between two links it is away for a moment.
    let run = [
        "run",
        "--on",
        "web-01",
        "--offline",
        "queue",
        "--",
        "echo here",
    ];
    let ran = world.shanty(&run).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "here\n"), "{}", ran.err);

    // What it was at first is void, and says nothing about who comes after.
    let mut copy = world.new_host("former");
    copy.launch("keep");
    let mut copied = copy.take_agent();
    assert_eq!(copied.ended().await, 77, "{}", copied.log());
    assert!(
        copied.log().contains("was replaced by a newer one"),
        "{}",
        copied.log()
    );
    world.is_online("web-01", true).await;

    world.host("web-01").stop().await;
    let (renewed, promoted) = (
        recorded(&world, "renewed").await,
        recorded(&world, "promoted").await,
    );
    let once: BTreeSet<&String> = promoted.iter().collect();
    assert_eq!(once.len(), promoted.len(), "{promoted:?}");
    let granted: BTreeSet<&String> = renewed.iter().collect();
    assert!(once.is_subset(&granted), "{promoted:?} of {renewed:?}");
    assert_eq!(promoted.last(), Some(&kept(&world).0));
    let verified = world.shanty(&["audit", "verify"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    world.end().await;
}
