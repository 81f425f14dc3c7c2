//! What the operators' channel is told of hosts, and what the bot says of itself.

use serde_json::json;
use shanty_tests::{Message, Options, World, wait};

use crate::programs;

/// A host is gone when it was away for so long.
fn options(gone_after: &str) -> Options {
    Options {
        ops_channel: true,
        chat: format!("gone_after = {gone_after:?}"),
        ..Options::default()
    }
}

/// Waits until the bot says this of itself.
async fn says(world: &World, text: &str) {
    let operator = world.operator();
    let body = json!({"guild_id": operator.guild, "user_id": operator.id});
    wait::until(&format!("the bot to say {text:?}"), || async {
        let (_, client) = operator.act("client", &body).await;
        let said = client["bot_activities"][0]["state"].clone();
        if said.as_str() == Some(text) {
            Ok(())
        } else {
            Err(said)
        }
    })
    .await;
}

fn about(message: &Message, heading: &str, names: &str) -> bool {
    let text = message.text();
    text.contains(heading) && text.contains(names)
}

#[tokio::test]
async fn hosts_that_join_go_and_come_back_are_told_together() {
    let hosts = [("web-01", "role=web"), ("web-02", "role=web")];
    let mut world = World::with_hosts(&programs(), options("4s"), &hosts).await;
    let operator = world.operator();
    let joined = operator
        .sees("who joined", |m| {
            about(m, "2 hosts joined", "**web-[01-02]**")
        })
        .await;
    says(&world, "2 hosts online").await;

    for name in ["web-01", "web-02"] {
        world.host(name).take_agent().kill().await;
    }
    let gone = operator
        .sees("who is gone", |m| {
            about(m, "2 hosts are gone", "**web-[01-02]**")
        })
        .await;
    assert_ne!(gone.id(), joined.id());
    // What everybody sees leads each to what they may see.
    let viewer = world.viewer();
    let shown = viewer.presses(&gone, "hosts").await;
    let shown = viewer.answer(&shown).await;
    assert!(
        shown.is_ephemeral() && shown.text().contains("2 offline"),
        "{}",
        shown.text()
    );
    says(&world, "0 of 2 hosts online").await;

    world.host("web-01").run("keep").await;
    let back = operator
        .sees("who is back", |m| {
            about(m, "1 host is gone, 1 back", "🟢 **web-01** · was away ")
        })
        .await;
    assert_eq!(back.id(), gone.id(), "a young message is changed");
    assert_eq!(back.0["mentions"], json!([]));
    world.end().await;
}

#[tokio::test]
async fn a_restart_of_the_controller_is_no_news_of_hosts() {
    let hosts = [
        ("web-01", "role=web"),
        ("web-02", "role=web"),
        ("db-01", "role=db"),
    ];
    // Agents have twice as long to come back.
    let mut world = World::with_hosts(&programs(), options("15s"), &hosts).await;
    let operator = world.operator();
    operator
        .sees("who joined", |m| {
            about(m, "3 hosts joined", "**db-01,web-[01-02]**")
        })
        .await;
    world.host("db-01").take_agent().kill().await;
    operator
        .sees("who is gone", |m| about(m, "1 host is gone", "**db-01**"))
        .await;
    // That it is gone is kept beside what was posted.
    says(&world, "2 of 3 hosts online").await;
    world.take_controller().stop().await;
    world.start_controller().await;
    for name in ["web-01", "web-02"] {
        world.is_online(name, true).await;
    }
    world.host("db-01").run("keep").await;
    operator
        .sees("who is back", |m| {
            about(m, "1 host is back", "**db-01** · was away ")
        })
        .await;
    // News that come later than any of the restart would.
    world.host("web-01").take_agent().kill().await;
    operator
        .sees("who is gone next", |m| {
            about(m, "1 host is gone", "**web-01**")
        })
        .await;
    let headings: Vec<String> = operator
        .view()
        .await
        .iter()
        .filter_map(|m| m.text().lines().next().map(str::to_owned))
        .filter(|heading| heading.starts_with("### ") && heading.contains("host"))
        .collect();
    assert_eq!(
        headings,
        [
            "### ⚪ 1 host is gone",
            "### 🟢 1 host is back",
            "### ⚪ 1 host is gone",
            "### 🟢 3 hosts joined"
        ],
        "newest first"
    );
    world.end().await;
}

#[tokio::test]
async fn what_is_done_on_the_machine_is_told_where_nobody_sees_a_terminal() {
    let hosts = [("web-01", "role=web"), ("web-02", "role=web")];
    let world = World::with_hosts(&programs(), options("60s"), &hosts).await;
    let operator = world.operator();
    let done = async |args: &[&str]| {
        let ran = world.shanty(args).await;
        assert_eq!(ran.code, 0, "{args:?} {ran:?}");
    };
    done(&["hold", "on", "db move"]).await;
    operator
        .sees("the hold", |m| {
            about(m, "New runs are on hold", "\"db move\" · local:")
        })
        .await;
    done(&["hold", "off"]).await;
    operator
        .sees("its end", |m| {
            about(m, "New runs are allowed again", "local:")
        })
        .await;
    done(&["hosts", "label", "role=web", "rack=k1"]).await;
    let told = operator
        .sees("the labels", |m| {
            about(m, "changed the labels of", "**web-[01-02]**")
        })
        .await;
    assert!(!told.is_ephemeral());
    assert_eq!(told.0["mentions"], json!([]));
    world.end().await;
}
