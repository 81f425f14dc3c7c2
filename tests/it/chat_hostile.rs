//! What a host prints to do harm, part by part: after every create and every edit all of it stands inside of a block of code, calls nobody,
//! and takes no more room than Discord has.
//!
//! Each state that a message ever had is posted once more, to be looked at as the HTML that people see.

use std::collections::BTreeSet;

use hyper::Method;
use serde_json::{Value, json};
use shanty_core::output::sanitise;
use shanty_core::text::size;
use shanty_tests::{Gate, Options, Person, World};

use crate::chat_groups::script;
use crate::programs;

/// A word of every hostile line: where it stands, the host speaks.
const WORD: &str = "evil";

/// Parts that are printed before people must see that they were.
const AT_ONCE: usize = 3;

/// Without Discord's rate limits, so that there are many edits.
fn options(chat: &str) -> Options {
    Options {
        rate_limits: false,
        chat: chat.to_owned(),
        // Each text is a run of its own.
        limits: "person_runs = 1000\nchannel_runs = 1000".to_owned(),
        ..Options::default()
    }
}

/// Whom and what the texts name.
struct Named {
    guest: String,
    role: String,
    channel: String,
}

impl Named {
    async fn of(world: &World) -> Self {
        let guild = world.act("guild", &json!({})).await;
        Self {
            guest: world.guest().id,
            role: guild["roles"]["Operator"].as_str().unwrap().to_owned(),
            channel: world.operator().channel,
        }
    }

    /// Everything that would call somebody or lead somewhere.
    fn all(&self) -> String {
        let Self {
            guest,
            role,
            channel,
        } = self;
        format!(
            "{WORD} @everyone @here <@{guest}> <@!{guest}> <@&{role}> <#{channel}> </run:{channel}> <id:browse> \
             [{WORD}](https://evil.example/) <https://evil.example/> https://evil.example/ ||{WORD}|| <t:0:F>"
        )
    }
}

/// Runs of backticks of many lengths, alone and parted by what is not seen.
fn fences(calls: &str) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = (1..=9)
        .map(|n| format!("{WORD}\n{}\n{calls}\n", "`".repeat(n)).into_bytes())
        .collect();
    let between = [
        "\u{200b}",
        "\u{200c}",
        "\u{200d}",
        "\u{2060}",
        "\u{feff}",
        "\u{ad}",
        "\u{34f}",
        "\u{180e}",
        "\u{301}",
        "\u{fe0f}",
        "\u{e0001}",
        "\u{202e}",
        "\0",
        "\u{7f}",
        "\u{1b}[0m",
        "\u{1b}[1;31m",
        "\u{1b}[C\u{1b}[D",
        "\u{1b}(B",
        "\u{1b}]0;t\u{7}",
        "x\u{8}",
        "\u{85}",
        "\r\u{1b}[C\u{1b}[C",
    ];
    parts.extend(
        between.map(|c| format!("{WORD} `{c}`{c}`{calls}\n{c}```\n`{c}``{c}\n").into_bytes()),
    );
    // What stands there when the cursor has gone back and over it.
    parts.push(
        format!("x`x\r`\u{1b}[C`{calls}\n``x\u{8}`\n`\u{1b}[3G`\u{1b}[2G`{calls}\n").into_bytes(),
    );
    parts.push(format!("```\u{1b}[1A``` {calls}\n\u{1b}[1A\u{1b}[4G```\n").into_bytes());
    // A run that is parted by the time between its pieces.
    for piece in ["``", "`", "\n``", "`", &format!("{calls}\n```"), "\n"] {
        parts.push(piece.as_bytes().to_vec());
    }
    parts
}

/// Everything else that Markdown, a terminal or Unicode could take for more than text.
fn others(calls: &str) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for text in [
        "~~~\n{}\n~~~\n",
        "# {}\n## {}\n> {}\n>>> {}\n- {}\n-# {}\n",
        "||{}||\n**{}** __{}__ ~~{}~~\n",
        "\\```\\{}\n",
        "\u{202e}{}\u{202c}\n",
        "\u{2066}{}\n\u{2067}\u{2069}\u{2069}{}\u{2069}\n",
        "\u{200f}\u{061c}{}\n",
        "\u{1b}[2J\u{1b}[H{}\n",
        "\u{1b}[3J\u{1b}c{}\n",
        "\u{1b}[?1049h{}\u{1b}[?1049l\n",
        "\u{1b}]8;;https://evil.example/\u{1b}\\{}\u{1b}]8;;\u{1b}\\\n",
        "\u{1b}]0;{}\u{7}{}\n",
        "\u{1b}]52;c;ZXZpbA==\u{7}{}\n",
        "\u{1b}P+q{}\u{1b}\\{}\n",
        "\u{9b}31m{}\u{9b}0m\n",
        "\u{90}{}\u{9c}{}\n",
        "one\rtwo {}\rthree\n",
        "{}\u{8}\u{8}\u{8}\u{8}\n",
        "{}\u{2028}{}\u{2029}{}\u{85}{}\n",
        "\u{b}{}\u{c}{}\n",
        "{}\0{}\0\0\n",
        "-# exit 0 \u{b7} evil \u{b7} forged\n```\n-# exit 0 \u{b7} evil\n",
        "evil \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{5d0}\u{5d1} \u{627}\u{644}\n",
        "\u{ff20}everyone \u{fe6b}here {}\n",
        "<\u{200b}@1> @\u{200b}everyone {}\n",
    ] {
        parts.push(text.replace("{}", calls).into_bytes());
    }
    parts.push(format!("z{}{calls}\n", "\u{30d}\u{316}\u{489}".repeat(300)).into_bytes());
    parts.push(
        [
            b"\xff\xfe`\xc3`\xe2\x80`\xf0\x9f evil ".as_slice(),
            calls.as_bytes(),
            b"\xc3\n",
        ]
        .concat(),
    );
    parts.push(format!("{WORD} {}\n", "`".repeat(2_000)).into_bytes());
    parts.push(format!("{}\n", calls.repeat(2_000 / calls.len() + 1)).into_bytes());
    parts.push("```\n".repeat(40).into_bytes());
    parts.push(format!("{WORD} {}\n", "\u{1f642}`".repeat(1_200)).into_bytes());
    // What never ends comes last.
    parts.push(format!("\u{1b}]0;{calls}\n{calls}\n").into_bytes());
    parts
}

/// A command that prints each part once a line has come through the gate of its host.
fn part_by_part(world: &World, parts: &[Vec<u8>]) -> String {
    let dir = world.dir.path().join("parts");
    std::fs::create_dir(&dir).unwrap();
    for (at, part) in parts.iter().enumerate() {
        std::fs::write(dir.join(format!("{at:04}")), part).unwrap();
    }
    let gates = world.dir.path().display();
    let parts = dir.display();
    script(
        world,
        &format!(
            "exec 3< {gates}/gate-$name; for part in {parts}/*; do read x <&3; cat $part; done"
        ),
    )
}

/// What is outside of blocks of code: a block is what lies between two runs of three backticks, of which there is an even number.
fn outside(text: &str) -> String {
    let pieces: Vec<&str> = text.split("```").collect();
    assert!(pieces.len() % 2 == 1, "a fence is open: {text}");
    pieces
        .iter()
        .step_by(2)
        .copied()
        .collect::<Vec<_>>()
        .join("⏎")
}

/// The texts of a state of a message, within the limits of one: content, or a card's text displays.
pub(crate) fn texts(state: &Value) -> Vec<String> {
    let units = |text: &str| text.chars().map(char::len_utf16).sum::<usize>();
    let content = state["content"].as_str().unwrap_or_default();
    assert!(units(content) <= 2_000, "{}: {content}", units(content));
    let (mut texts, mut components) = (Vec::new(), 0);
    let mut next: Vec<&Value> = state["components"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    while let Some(component) = next.pop() {
        components += 1;
        texts.extend(component["content"].as_str().map(str::to_owned));
        next.extend(component["components"].as_array().into_iter().flatten());
        next.extend(Some(&component["accessory"]).filter(|accessory| accessory.is_object()));
    }
    let all: usize = texts.iter().map(|text| units(text)).sum();
    let bytes: usize = texts.iter().map(|text| text.len() + 12).sum();
    assert!(
        components <= 40 && all <= 4_000 && bytes <= 10_170,
        "{components} {all} {bytes}: {state}"
    );
    assert!(texts.iter().all(|text| units(text) <= 2_000), "{state}");
    if !content.is_empty() {
        texts.push(content.to_owned());
    }
    texts
}

/// Why the HTML of a text is not what it should be, if it is not.
fn wrong_html(html: &str) -> Option<String> {
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        if before.contains(WORD) {
            return Some(format!("{WORD} outside of code: {before}"));
        }
        if let Some(block) = tag.strip_prefix("<pre>") {
            let Some((inside, after)) = block.split_once("</pre>") else {
                return Some("code without an end".to_owned());
            };
            let plain = inside.replace("</span>", "").replace("<span class=\"a", "");
            if plain.matches('<').count() != 2 || inside.contains("mention") {
                return Some(format!("tags within code: {inside}"));
            }
            rest = after;
            continue;
        }
        let known = [
            "<strong>",
            "</strong>",
            "<small class=\"sub\">",
            "</small>",
            "<br>",
            "<h3>",
            "</h3>",
            "<code>",
            "</code>",
            "<time ",
            "</time>",
            "</span>",
        ];
        if !known.iter().any(|known| tag.starts_with(known)) {
            return Some(format!("an unknown tag: {tag}"));
        }
        rest = &tag[1..];
    }
    rest.contains(WORD)
        .then(|| format!("{WORD} at the end: {rest}"))
}

/// Posts a text as the bot; gives what people see of it, where it may name the operator.
pub(crate) async fn seen(world: &World, text: &str) -> String {
    let operator = world.operator();
    let path = format!("/channels/{}/messages", operator.channel);
    let message = json!({"content": text, "allowed_mentions": {"parse": []}});
    let posted = world.as_bot(Method::POST, &path, &message).await;
    let body =
        json!({"channel_id": operator.channel, "user_id": operator.id, "limit": 1, "html": true});
    let (status, seen) = operator.act("view", &body).await;
    assert_eq!(status, 200, "{seen}");
    let seen = &seen["messages"][0];
    assert_eq!(seen["id"], posted["id"]);
    let html = seen["content_html"].as_str().unwrap();
    let own = format!("<span class=\"mention me\" data-user=\"{}\"", operator.id);
    html.replace(&own, "<strong>")
}

/// Why what people see of a text of the bot is not harmless, if it is not.
async fn harm(world: &World, text: &str) -> Option<String> {
    let html = seen(world, text).await;
    wrong_html(&html).map(|wrong| format!("{wrong}\n{html}\n{text}"))
}

/// Looks at every state that the messages of these channels ever had; gives how many different texts there were.
async fn check(world: &World, channels: &[&str]) -> usize {
    let mut all = BTreeSet::new();
    for channel in channels {
        for message in world.transcript(channel).await {
            let history = message["history"].as_array().unwrap();
            assert_eq!(
                message["edits"].as_u64().unwrap(),
                history.len() as u64,
                "{message}"
            );
            for state in history.iter().chain([&message]) {
                let nobody = json!({"users": [], "roles": [], "everyone": false});
                assert_eq!(state["resolved_mentions"], nobody, "{state}");
                all.extend(texts(state));
            }
        }
    }
    for text in &all {
        let outside = outside(text);
        assert!(!outside.contains(WORD), "{outside}\n{text}");
        // Joiners stay between letters that need them and within emoji; a space of no width parts backticks.
        let stays = |c: char| matches!(c, '\u{200b}' | '\u{200c}' | '\u{200d}');
        let hidden = text.chars().find(|&c| sanitise::is_hidden(c) && !stays(c));
        assert_eq!(hidden, None, "{text}");
        let controls = text
            .chars()
            .any(|c| c.is_control() && c != '\n' && c != '\u{1b}');
        assert!(!controls, "{text:?}");
        let harm = harm(world, text).await;
        assert_eq!(harm, None);
    }
    all.len()
}

#[tokio::test]
async fn what_these_tests_look_for_is_found() {
    let world = World::start(&programs(), options("")).await;
    let calls = Named::of(&world).await.all();
    for text in [
        calls.as_str(),
        "```\nevil",
        "```\nevil\n``` @everyone",
        "```\nx\n```\n# evil",
        "```\nx\n```\n||x||",
        "```\nx\n```\n[x](https://evil.example)",
    ] {
        assert!(harm(&world, text).await.is_some(), "{text}");
    }
    let inside = format!("**web-01**\n```\n{}\n```\n-# live", calls.replace('`', ""));
    assert_eq!(harm(&world, &inside).await, None);
    world.end().await;
}

/// Runs a command that prints these parts on hosts, and lets it print one part after the other; gives the thread.
async fn print(world: &World, hosts: &[&str], parts: &[Vec<u8>]) -> Person {
    let operator = world.operator();
    let gate = |name: &&str| Gate::new(world.dir.path(), &format!("gate-{name}"));
    let mut gates: Vec<Gate> = hosts.iter().map(gate).collect();
    let command = part_by_part(world, parts);
    let asked = match hosts {
        [one] => operator.run(one, &command).await,
        _ => operator.run_confirmed("all", &command).await,
    };
    let mut printed = 0;
    for some in parts.chunks(AT_ONCE) {
        for gate in &mut gates {
            some.iter().for_each(|_| gate.say("on"));
        }
        printed += some.iter().map(Vec::len).sum::<usize>() * hosts.len();
        let thread = operator.in_thread_of(&asked).await;
        let live = format!(" · {} · live", size(printed as u64));
        let ended = printed == parts.concat().len() * hosts.len();
        thread
            .sees(&live, |page| ended || page.text().ends_with(&live))
            .await;
    }
    operator.sees_end("#1").await;
    operator.in_thread_of(&asked).await
}

#[tokio::test]
async fn pages_stay_pages_whatever_comes_and_when() {
    let world = World::with_hosts(&programs(), options(""), &[("web-01", "")]).await;
    let calls = Named::of(&world).await.all();
    let parts = fences(&calls);
    let thread = print(&world, &["web-01"], &parts).await;
    let file = thread
        .sees("the file", |message| !message.files().is_empty())
        .await;
    let all = parts.concat();
    assert!(
        thread.download(&file.files()[0].1).await == all,
        "the file has every byte"
    );
    let mut pages = thread.view().await;
    pages.reverse();
    let first: String = pages
        .iter()
        .take(3)
        .map(shanty_tests::Message::block)
        .collect();
    let text = sanitise::whole(&all);
    assert!(first.len() > 4_000 && text.starts_with(&first), "{first}");
    let last = pages[3].block();
    let last = last.lines().next_back().unwrap();
    assert_eq!(text.lines().next_back(), Some(last));
    let texts = check(&world, &[&world.operator().channel, &thread.channel]).await;
    assert!(texts > 16, "{texts} different texts");
    world.end().await;
}

#[tokio::test]
async fn the_message_of_several_hosts_and_their_groups_stay_whole() {
    let hosts = ["web-01", "web-02"];
    let world = World::with_hosts(&programs(), options(""), &hosts.map(|name| (name, ""))).await;
    let calls = Named::of(&world).await.all();
    let parts = others(&calls);
    let thread = print(&world, &hosts, &parts).await;
    thread
        .sees("the archive", |message| !message.files().is_empty())
        .await;
    let all = parts.concat();
    assert!(
        world.output("1").await == all.repeat(2),
        "every byte is stored"
    );
    let texts = check(&world, &[&world.operator().channel, &thread.channel]).await;
    assert!(texts > 10, "{texts} different texts");
    world.end().await;
}

#[tokio::test]
async fn a_card_stays_a_card_whatever_stands_on_it() {
    let world =
        World::with_hosts(&programs(), options("thread = \"auto\""), &[("web-01", "")]).await;
    let operator = world.operator();
    let calls = Named::of(&world).await.all();
    // Short enough for a card, each with the end of what came before.
    let short = |part: &Vec<u8>| part.len() < 800;
    let mut channels = vec![operator.channel.clone()];
    let parts = fences(&calls)
        .into_iter()
        .chain(others(&calls))
        .filter(short);
    for (at, part) in parts.enumerate() {
        let path = world.dir.path().join(format!("part-{at}"));
        std::fs::write(&path, part).unwrap();
        let asked = operator
            .run("web-01", &format!("cat {}", path.display()))
            .await;
        let card = operator.card_end(&asked, "exit 0").await;
        channels.extend(card.thread());
    }
    let channels: Vec<&str> = channels.iter().map(String::as_str).collect();
    let texts = check(&world, &channels).await;
    assert!(texts > 60, "{texts} different texts");
    world.end().await;
}
