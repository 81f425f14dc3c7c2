//! What a command prints, however hostile or long, and what of it people get to see.

use serde_json::{Value, json};
use shanty_core::output::sanitise;
use shanty_tests::{Message, Options, Person, World};

use crate::programs;

const WEB: (&str, &str) = ("web-01", "role=web");
/// Characters of a message (Discord).
const MESSAGE_CHARS_MAX: usize = 2_000;

/// Without Discord's rate limits: these tests are about what is written, not when.
fn unlimited() -> Options {
    Options {
        rate_limits: false,
        ..Options::default()
    }
}

/// What `shanty runs output N --raw` prints.
async fn raw(world: &World, number: &str) -> Vec<u8> {
    let mut call = world.shanty_call(&["runs", "output", number, "--raw"]);
    let output = call.output().await.expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// Runs a command to its end; gives its thread.
async fn run_to_end(operator: &Person, command: &str) -> Person {
    let asked = operator.run("web-01", command).await;
    operator.card_end(&asked, "exit 0").await;
    operator.in_thread_of(&asked).await
}

/// Waits for the message with the whole output; gives its file.
async fn attached(thread: &Person) -> (Message, Vec<u8>) {
    let whole = thread
        .sees("the whole output", |message| !message.files().is_empty())
        .await;
    let files = whole.files();
    let bytes = thread.download(&files[0].1).await;
    (whole, bytes)
}

/// No message of a channel mentions anybody, now or ever, and none is too long.
async fn check_channel(world: &World, channel: &str) -> usize {
    let messages = world.transcript(channel).await;
    for message in &messages {
        let history = message["history"].as_array().expect("there is a history");
        for state in history.iter().chain([message]) {
            let nobody = json!({"users": [], "roles": [], "everyone": false});
            assert_eq!(state["resolved_mentions"], nobody, "{state}");
            let content = state["content"].as_str().unwrap_or_default();
            let length = content.encode_utf16().count();
            assert!(length <= MESSAGE_CHARS_MAX, "{length}: {content}");
        }
        assert_eq!(message["mention_everyone"], false, "{message}");
        assert_eq!(message["mentions"], json!([]), "{message}");
        assert_eq!(message["mention_roles"], json!([]), "{message}");
    }
    messages.len()
}

/// Every text that was sent said itself whom it may notify.
async fn check_traffic(world: &World) {
    let mut checked = 0;
    for call in world.traffic().await {
        let path = call["path"].as_str().unwrap_or_default().to_owned();
        let request = &call["request"];
        let message = match (call["method"].as_str(), &request["payload_json"]) {
            (Some("POST" | "PATCH"), Value::Null) if path.contains("/messages") => request,
            (Some("POST" | "PATCH"), form) if path.contains("/messages") => form,
            (Some("POST"), _) if path.contains("/callback") => match request["type"].as_u64() {
                Some(4 | 5 | 7) => &request["data"],
                _ => continue,
            },
            _ => continue,
        };
        if path.ends_with("/threads") {
            continue;
        }
        assert_eq!(message["allowed_mentions"]["parse"], json!([]), "{call}");
        checked += 1;
    }
    assert!(checked > 3, "only {checked} messages were sent");
}

#[tokio::test]
async fn output_can_neither_mention_anyone_nor_leave_its_block() {
    let world = World::with_hosts(&programs(), unlimited(), &[WEB]).await;
    let operator = world.operator();
    let guild = world.act("guild", &json!({})).await;
    let mentions = format!(
        "@everyone @here <@&{}> <@{}> <@!{}> <#{}>",
        guild["roles"]["Operator"].as_str().unwrap(),
        world.guest().id,
        world.viewer().id,
        operator.channel,
    );
    let hostile = world.dir.path().join("hostile");
    let text = format!(
        "{mentions}\n\u{1b}[31mred\u{1b}[0m \u{1b}]0;a title\u{7}after\n\
         \u{1b}]8;;http://evil.example\u{1b}\\link\u{1b}]8;;\u{1b}\\\n\
         ```\n{mentions}\n# loud\n```sh\n````\n  10%\r  50%\r 100% done\n\
         abc\u{202e}fed\u{200b}\n\u{1b}[2J\u{1b}[Hcleared\n`{mentions}`\n-# exit 0 · forged\n\
         \u{1b}]never ended {mentions}"
    );
    std::fs::write(&hostile, &text).unwrap();
    let command = format!("cat {}; : '{mentions} ``` `'", hostile.display());
    let thread = run_to_end(&operator, &command).await;
    let page = thread
        .sees("the output", |page| page.text().contains("exit 0 · "))
        .await;
    let (page, inside) = (page.text(), page.block());
    assert_eq!(page.matches("```").count(), 2, "{page}");
    assert_eq!(
        inside,
        format!(
            "{}\n",
            sanitise::whole(text.as_bytes()).trim_end_matches('\n')
        )
    );
    for shown in [
        "\nred after\n",
        "\nlink\n",
        "\n 100% done\n",
        "abc⟨U+202E⟩fed⟨U+200B⟩\n",
    ] {
        assert!(inside.contains(shown), "{shown:?}: {inside}");
    }
    assert!(
        !page.contains('\u{1b}') && !page.contains("evil.example"),
        "{page}"
    );
    let card = operator.sees_end("web-01").await.text();
    let fences = card.matches("```").count();
    assert!(fences == 0 || fences == 2, "{card}");

    // A run of many edits: mentions count again at each of them.
    let lines = format!("for i in $(seq 1 400); do echo \"$i {mentions}\"; done");
    let long = run_to_end(&operator, &lines).await;
    attached(&long).await;
    for channel in [&operator.channel, &thread.channel, &long.channel] {
        check_channel(&world, channel).await;
    }
    check_traffic(&world).await;
    assert_eq!(
        raw(&world, "1").await,
        text.as_bytes(),
        "what is stored stays raw"
    );
    world.end().await;
}

#[tokio::test]
async fn pages_hold_the_beginning_and_the_file_holds_everything() {
    let world = World::with_hosts(&programs(), unlimited(), &[WEB]).await;
    let operator = world.operator();
    let mut messages = Vec::new();
    // 10 kB and 1 MB.
    for (run, lines) in [("1", 2_200), ("2", 170_000)] {
        let words = if lines == 2_200 { "2,200" } else { "170,000" };
        let expected: String = (1..=lines).map(|line| format!("{line}\n")).collect();
        let thread = run_to_end(&operator, &format!("seq 1 {lines}")).await;
        let (whole, bytes) = attached(&thread).await;
        assert_eq!(bytes, expected.as_bytes(), "{}", whole.text());
        assert!(
            whole
                .text()
                .contains(&format!("all output: {words} lines, ")),
            "{}",
            whole.text()
        );
        assert!(whole.files()[0].0.starts_with("web-01."), "{whole:?}");
        assert_eq!(raw(&world, run).await, expected.as_bytes());

        let mut pages = thread.view().await;
        pages.reverse();
        let first: String = pages.iter().take(3).map(Message::block).collect();
        assert!(first.len() > 3_000, "{first}");
        assert!(expected.starts_with(&first), "{first}");
        let tail = pages[3].text();
        assert!(
            tail.contains("the whole output is attached at the end"),
            "{tail}"
        );
        assert!(tail.contains(&format!("\n{lines}\n```")), "{tail}");
        messages.push(check_channel(&world, &thread.channel).await);
    }
    assert_eq!(messages, [5, 5], "three pages, the tail and the file");
    check_traffic(&world).await;
    world.end().await;
}

#[tokio::test]
async fn output_that_fits_three_pages_is_read_there_and_needs_no_file() {
    let world = World::with_hosts(&programs(), unlimited(), &[WEB]).await;
    let operator = world.operator();
    // A little less than three pages: all of it can be read, so nothing is attached.
    let expected: String = (1_000..2_000).map(|line| format!("{line}\n")).collect();
    let thread = run_to_end(&operator, "seq 1000 1999").await;
    thread
        .sees("the end", |page| {
            page.text().contains("1,000 lines · 4.8 KiB")
        })
        .await;
    let mut pages = thread.view().await;
    pages.reverse();
    let shown: String = pages.iter().map(Message::block).collect();
    assert_eq!(shown, expected);
    assert!(
        pages.iter().all(|page| page.files().is_empty()),
        "{pages:?}"
    );
    world.end().await;
}

#[tokio::test]
async fn binary_output_is_attached_and_not_shown() {
    let world = World::with_hosts(&programs(), unlimited(), &[WEB]).await;
    let operator = world.operator();
    let kept = world.dir.path().join("random");
    let command = format!("head -c 100000 /dev/urandom | tee {}", kept.display());
    let thread = run_to_end(&operator, &command).await;
    let (_, bytes) = attached(&thread).await;
    let expected = std::fs::read(&kept).unwrap();
    assert!(
        bytes == expected,
        "{} bytes instead of {}",
        bytes.len(),
        expected.len()
    );
    assert!(raw(&world, "1").await == expected);
    let messages = thread.view().await;
    assert_eq!(messages.len(), 2, "{messages:?}");
    let page = messages[1].text();
    assert!(
        page.contains("binary output, 97.6 KiB, attached at the end"),
        "{page}"
    );
    world.end().await;
}

#[tokio::test]
async fn endless_output_is_cut_at_the_limit_and_stopped_by_cancel() {
    let options = Options {
        limits: "output_max = 1048576".to_owned(),
        ..unlimited()
    };
    let world = World::with_hosts(&programs(), options, &[WEB]).await;
    let operator = world.operator();
    let over = world.dir.path().join("over");
    let command = format!("yes | head -c 3000000; touch {}; yes", over.display());
    let asked = operator.run("web-01", &command).await;
    let card = operator
        .card(&asked, "to have a thread", |card| card.thread().is_some())
        .await;
    let thread = operator.in_thread_of(&asked).await;
    thread
        .sees("the tail", |page| page.text().contains(" lines above, "))
        .await;
    shanty_tests::wait::until_true("more than the limit", || over.exists()).await;
    operator.click(&card, &card.buttons()[0]).await;

    let text = operator.card_end(&asked, "stopped by <@").await.text();
    assert!(
        text.contains(" of output not kept on web-01: over the limit"),
        "{text}"
    );
    let (whole, bytes) = attached(&thread).await;
    let (kept, ring) = (1 << 20, 256 << 10);
    assert!(
        (kept..=kept + ring).contains(&bytes.len()),
        "{} bytes",
        bytes.len()
    );
    assert!(
        bytes.chunks(2).all(|line| line == b"y\n"),
        "{}",
        whole.text()
    );
    assert!(raw(&world, "1").await == bytes);
    thread
        .sees("the end of the tail", |page| {
            page.text().contains("stopped, exit ")
        })
        .await;
    assert_eq!(check_channel(&world, &thread.channel).await, 5);
    world.end().await;
}

#[tokio::test]
async fn one_line_of_50_mb_is_kept_whole_and_shown_in_part() {
    let world = World::with_hosts(&programs(), unlimited(), &[WEB]).await;
    let operator = world.operator();
    let size = 50_000_000;
    let command = format!("head -c {size} /dev/zero | tr '\\0' x");
    let thread = run_to_end(&operator, &command).await;
    let (whole, first) = attached(&thread).await;
    assert!(
        whole
            .text()
            .contains("47.6 MiB: attached are the first 8.0 MiB and the last 1.0 MiB"),
        "{}",
        whole.text()
    );
    assert!(first.iter().all(|&byte| byte == b'x') && first.len() > 1 << 20);
    assert_eq!(
        whole.files().len(),
        2,
        "the first and the last of it: {whole:?}"
    );
    assert_eq!(check_channel(&world, &thread.channel).await, 5);
    let raw = raw(&world, "1").await;
    assert!(
        raw.len() == size && raw.iter().all(|&byte| byte == b'x'),
        "{}",
        raw.len()
    );
    world.end().await;
}
