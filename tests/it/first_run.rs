//! The heart of it: a command typed in chat runs on hosts, and its output arrives in a thread.

use crate::programs;
use shanty_tests::World;

#[tokio::test]
async fn a_command_runs_where_it_was_asked_and_its_output_arrives_in_the_thread() {
    let world = World::with_three(&programs()).await;
    let operator = world.operator();
    let asked = operator.run("role=web", "echo hello from $0; exit 3").await;

    let card = operator.card_end(&asked, "2 hosts").await;
    let text = card.text();
    assert!(text.contains("0/2 ok"), "{text}");
    for host in ["web-01  exit 3", "web-02  exit 3"] {
        assert!(text.contains(host), "{text}");
    }
    assert!(!text.contains("db-01"), "{text}");
    let thread = operator.in_thread_of(&asked).await;
    for host in ["**web-01**", "**web-02**"] {
        let page = thread
            .sees(host, |page| {
                page.text().contains(host) && page.text().contains("exit 3")
            })
            .await;
        assert!(
            page.text().contains("hello from /bin/sh"),
            "{}",
            page.text()
        );
    }
    world.end().await;
}
