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
    assert!(
        text.starts_with("### ❌ #1 · 2 hosts · 2 failed · "),
        "{text}"
    );
    let both = "❌ **web-[01-02]** · 2 hosts · exit 3 · ";
    assert!(text.contains(both), "{text}");
    assert!(!text.contains("db-01"), "{text}");
    let thread = operator.in_thread_of(&asked).await;
    let page = thread
        .sees("both hosts", |page| page.text().starts_with(both))
        .await;
    assert_eq!(page.block(), "hello from /bin/sh\n");
    world.end().await;
}
