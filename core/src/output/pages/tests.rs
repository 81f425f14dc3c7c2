//! Pages hold all of the text, and no message is over the limit.

use super::*;
use crate::limits::PAGE_CHARS_MAX;

/// Pages of a text pushed at once, the open one included.
fn pages(header: &str, text: &str) -> Vec<String> {
    let mut pager = Pager::new(header);
    let mut pages: Vec<String> = pager.push(text).into_iter().map(|page| page.text).collect();
    pages.push(pager.open().to_owned());
    pages
}

#[test]
fn a_page_is_a_header_a_block_and_a_footer() {
    let pager = Pager::new("**web-01**");
    assert_eq!(
        pager.message("one\ntwo\n", "2 lines · live"),
        "**web-01**\n```\none\ntwo\n```\n-# 2 lines · live"
    );
    let bare = Pager::new("");
    assert_eq!(bare.message("one", ""), "```\none\n```");
    assert_eq!(bare.message("ends in ``", ""), "```\nends in ``\n```");
    // Discord reads a block without a character as six backticks.
    assert_eq!(bare.message("", ""), "(nothing to be seen)");
    assert_eq!(bare.message("\n \n", ""), "(only blank lines)");
    assert_eq!(bare.live("", "live"), "(nothing to be seen)\n-# live");
}

#[test]
fn pages_end_at_line_ends() {
    let line = format!("{}\n", "x".repeat(99));
    let text = line.repeat(50);
    let cut = pages("**web-01**", &text);
    assert_eq!(cut.concat(), text);
    assert_eq!(cut.len(), 3);
    assert!(cut.iter().all(|page| page.ends_with('\n')));
    assert_eq!(cut.first().map(String::len), Some(1_700));
}

#[test]
fn a_line_longer_than_a_page_is_cut_between_characters() {
    for text in [
        "x".repeat(5_000),
        "🙂".repeat(3_000),
        "e\u{301}\u{302}".repeat(3_000),
    ] {
        let cut = pages("", &text);
        assert_eq!(cut.concat(), text);
        assert!(cut.len() > 2);
        for page in &cut {
            assert!(!page.starts_with(['\u{301}', '\u{302}']), "{page}");
            assert!(units(&Pager::new("").message(page, &"f".repeat(500))) <= PAGE_CHARS_MAX);
        }
    }
}

#[test]
fn a_full_page_is_sealed_only_when_more_comes() {
    let mut pager = Pager::new("");
    let room = pager.frame.room();
    assert_eq!(pager.push(&"x".repeat(room)), []);
    let full = pager.push("y");
    assert_eq!(full.len(), 1);
    assert_eq!(pager.open(), "y");
}

#[test]
fn the_live_page_shows_the_unfinished_line_within_the_limit() {
    let mut pager = Pager::new("**web-01**");
    pager.push("one\n");
    assert_eq!(
        pager.live("50 %", "live"),
        "**web-01**\n```\none\n50 %\n```\n-# live"
    );
    let line = format!("{}\n", "x".repeat(99));
    pager.push(&line.repeat(16));
    let live = pager.live(&"y".repeat(1_000), "live");
    assert!(units(&live) <= PAGE_CHARS_MAX);
    assert!(live.starts_with("**web-01**\n```\nxxx"));
    assert!(live.ends_with("y\n```\n-# live"));
    assert!(!live.contains("one"));
}

#[test]
fn headers_and_footers_are_one_short_line() {
    let pager = Pager::new(&format!("{}\nsecond", "h".repeat(500)));
    let message = pager.message(&"x".repeat(pager.frame.room()), &"🙂".repeat(500));
    assert!(units(&message) <= PAGE_CHARS_MAX);
    assert!(!message.contains("second"));
    assert!(message.starts_with(&format!("{}…\n```\n", "h".repeat(HEADER_UNITS_MAX - 1))));
}

#[test]
fn a_tail_shows_the_end_and_counts_what_is_above() {
    let mut tail = Tail::new("**web-01**", Above::Lines(0));
    tail.push("one\ntwo\n");
    assert_eq!(
        tail.message("thr", "live"),
        "**web-01**\n```\none\ntwo\nthr\n```\n-# live"
    );
    for n in 3..=1_000 {
        tail.push(&format!("line {n:04}\n"));
    }
    let message = tail.message("", "");
    let first = message
        .split("```\n")
        .nth(1)
        .and_then(|text| text.lines().next())
        .unwrap();
    let above: u64 = first.strip_prefix("line ").unwrap().parse::<u64>().unwrap() - 1;
    assert!(message.starts_with(&format!(
        "**web-01**\n-# … {above} lines above, the whole output is attached at the end\n```\nline "
    )));
    assert!(message.ends_with("line 0999\nline 1000\n```"));
    assert!(units(&message) <= PAGE_CHARS_MAX && units(&message) > PAGE_CHARS_MAX - 250);
}

#[test]
fn a_tail_may_start_in_the_middle() {
    let mut tail = Tail::new("", Above::Lines(41));
    tail.push("x\n");
    assert_eq!(
        tail.message("", ""),
        "-# … 41 lines above, the whole output is attached at the end\n```\nx\n```"
    );
    let mut tail = Tail::new("", Above::Unknown);
    tail.push("x\n");
    assert_eq!(
        tail.message("", ""),
        "-# … the end of the output, the whole is attached at the end\n```\nx\n```"
    );
}

#[test]
fn a_tail_is_bounded_and_depends_on_the_text_alone() {
    let line = format!("{}🙂\n", "z".repeat(900));
    let text = line.repeat(200);
    let mut at_once = Tail::new("h", Above::Lines(0));
    at_once.push(&text);
    let mut by_line = Tail::new("h", Above::Lines(0));
    for line in text.split_inclusive('\n') {
        by_line.push(line);
        assert!(by_line.kept_bytes() < 64 * 1024);
    }
    assert!(at_once.kept_bytes() < 64 * 1024);
    assert_eq!(at_once.message("p", ""), by_line.message("p", ""));
    let mut endless = Tail::new("", Above::Lines(0));
    endless.push(&"e\u{301}".repeat(100_000));
    let message = endless.message("", "f");
    assert!(
        message.starts_with(
            "-# … 1 line above, the whole output is attached at the end\n```\ne\u{301}"
        )
    );
    assert!(units(&message) <= PAGE_CHARS_MAX);
}

#[test]
fn pages_and_tails_look_like_this() {
    let mut pager = Pager::new("**web-01**");
    let mut tail = Tail::new("**web-01**", Above::Lines(1_287));
    for text in ["syntax is ok\n", "test is successful\n"] {
        assert!(pager.push(text).is_empty());
        tail.push(text);
    }
    let looks = [
        pager.live("restar", "2 lines · 32 B · live"),
        pager.message(pager.open(), "exit 0 · 1.3 s · 2 lines · 32 B"),
        pager.message(pager.open(), ""),
        tail.message("", "exit 0 · 1.3 s · 1289 lines · 24.1 KiB"),
    ];
    insta::assert_snapshot!(looks.join("\n====\n"));
}

#[test]
fn a_tail_counts_what_is_above_with_many_unfinished_lines() {
    let mut tail = Tail::new("", Above::Lines(0));
    tail.push("one\ntwo\n");
    let pending: String = (0..300).map(|n| format!("line {n}\n")).collect();
    let message = tail.message(&pending, "");
    let shown = message
        .lines()
        .filter(|line| line.starts_with("line "))
        .count();
    let above = format!("-# … {} lines above", 302 - shown);
    assert!(message.starts_with(&above), "{message}");
}
