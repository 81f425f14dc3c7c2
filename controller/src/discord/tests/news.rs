//! Messages that nobody asked for, where Discord does not say what became of one.

use shanty_core::view::{Accent, Card};

use super::*;
use crate::discord::news::{Board, Posting};
use crate::discord::requests::Sound;

fn posting(text: &str) -> Posting {
    Posting {
        card: Card::new(Accent::Grey, vec![text.to_owned()]),
        sound: Sound::Quiet,
        at_ms: now_ms(),
    }
}

#[tokio::test]
async fn a_message_whose_post_was_lost_is_changed_to_what_is_so_by_then() {
    let posts = Mutex::new(0);
    let stage = Stage::scripted(move |seen| {
        if !seen.line.starts_with("POST") {
            return None;
        }
        let mut posts = posts.lock().unwrap();
        *posts += 1;
        (*posts == 1).then_some(Reply::Cut)
    })
    .await;
    let mut board = Board::new(OPS, "test".to_owned());
    board.put(1, posting("first"));
    board.show(&stage.edge).await;
    assert!(!board.is_shown(), "nobody knows");
    board.put(1, posting("second"));
    board.try_now();
    board.show(&stage.edge).await;
    assert!(board.is_shown());
    let posted = stage.bodies(&format!("POST channels/{OPS}/messages"));
    let [first, second] = &posted[..] else {
        panic!("{posted:?}")
    };
    assert_eq!(
        first["nonce"], second["nonce"],
        "Discord gives the first one"
    );
    let changed = stage.bodies(&format!("PATCH channels/{OPS}/messages/88"));
    assert!(changed[0].to_string().contains("second"), "{changed:?}");
    board.put(1, posting("third"));
    board.show(&stage.edge).await;
    let changed = stage.bodies(&format!("PATCH channels/{OPS}/messages/88"));
    assert_eq!(changed.len(), 2);
}

#[tokio::test]
async fn the_guild_of_the_operators_is_asked_once_also_where_discord_does_not_say_it() {
    let stage = Stage::scripted(|seen| {
        let read = seen.line.starts_with("GET") && seen.line.contains("/channels/5 ");
        read.then(|| refusal(403, 50_001, "Missing Access"))
    })
    .await;
    for _ in 0..3 {
        assert_eq!(stage.edge.ops_guild().await, None);
    }
    assert_eq!(stage.bodies(&format!("GET channels/{OPS}")).len(), 1);
    let stage = Stage::start().await;
    for _ in 0..3 {
        assert_eq!(stage.edge.ops_guild().await, Some(GUILD));
    }
    assert_eq!(stage.bodies(&format!("GET channels/{OPS}")).len(), 1);
}
