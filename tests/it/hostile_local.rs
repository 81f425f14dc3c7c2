//! Others who use the same machine as the sandbox: loopback is theirs too, and the address that was printed is not.

use shanty_tests::World;

use crate::guard::{JSON, post};
use crate::programs;

#[tokio::test]
async fn who_was_not_given_the_address_runs_nothing() {
    let world = World::with_three(&programs()).await;
    let operator = world.operator();
    let body = operator.command("run", &[("on", "web-01"), ("command", "id")]);
    let (bare, key) = world.web.split_once("k/").unwrap();
    let other = format!("{bare}k/{}/", "0".repeat(key.len() - 1));
    for front in [bare, &other] {
        for action in ["slash", "view", "defaults", "message", "traffic"] {
            let url = format!("{front}sandbox/{action}");
            let (status, said) = post(&url, &[JSON], &body).await;
            assert_eq!(status, 403, "{url}: {said}");
            assert!(!said.contains(key.trim_end_matches('/')), "{said}");
        }
    }
    assert!(world.runs().await.is_empty());
    operator.act("slash", &body).await;
    operator.sees_end("web-01").await;
    // The controller is a bot like any other: nothing that it was given has the key.
    let config = std::fs::read_to_string(world.config_path()).unwrap();
    assert!(!config.contains(key.trim_end_matches('/')));
    world.end().await;
}
