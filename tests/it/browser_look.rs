//! Pictures of the web client, at the width of a desk and of a phone, light and dark, with something of everything.
//!
//! They are for people to look at (`SHANTY_SCREENSHOTS=folder`); what a program can judge of them is that nothing is cut off
//! sideways and that the two moods differ.

use hyper::Method;
use serde_json::json;
use shanty_tests::{Alone, Browser, Gate, Options, Screen, World};

use crate::browser::{become_person, enter, nothing_went_wrong};
use crate::programs;

const MARKDOWN: &str = "# Heading one\n## Heading two\n### Heading three\n-# small print\n**bold** *italic* __underline__ ~~struck~~ \
    ||spoiler|| `code` <@USER> @everyone <#CHANNEL> </run:1> <t:1767323045:R> https://example.org/a?b=c [masked](https://example.org)\n\
    > a quote\n> of two lines\n- one\n- two\n  - nested\n1. first\n2. second\n";
const COLOURS: &str = "```ansi\n\u{1b}[1;32mgreen\u{1b}[0m \u{1b}[31mred\u{1b}[0m \u{1b}[4;33munderlined\u{1b}[0m \u{1b}[34;47mon white\u{1b}[0m \
    \u{1b}[30mgrey\u{1b}[0m \u{1b}[35mpink\u{1b}[0m \u{1b}[36mcyan\u{1b}[0m \u{1b}[37mwhite\u{1b}[0m\n```\n\
    ```diff\n@@ -1,2 +1,2 @@\n-old line\n+new line\n same\n```\n```rust\nfn main() { println!(\"a line that is much too long for a phone, and goes on and on and on and on\"); }\n```";

const SCREENS: [(&str, Screen); 4] = [
    (
        "desk-light",
        Screen {
            width: 1280,
            height: 800,
            phone: false,
            dark: false,
        },
    ),
    (
        "desk-dark",
        Screen {
            width: 1280,
            height: 800,
            phone: false,
            dark: true,
        },
    ),
    (
        "phone-light",
        Screen {
            width: 390,
            height: 844,
            phone: true,
            dark: false,
        },
    ),
    (
        "phone-dark",
        Screen {
            width: 390,
            height: 844,
            phone: true,
            dark: true,
        },
    ),
];

/// Takes the page's picture on every screen.
async fn pictures(browser: &Browser, name: &str) {
    let mut taken = Vec::new();
    for (screen, shape) in SCREENS {
        browser.screen(shape).await;
        let fits = "innerWidth === arguments[0] && document.documentElement.scrollWidth <= innerWidth \
            && document.getAnimations().every((one) => !(one instanceof CSSTransition)) \
            && matchMedia('(prefers-color-scheme: dark)').matches === arguments[1]";
        browser
            .sees(
                &format!("{name} to fit {screen}"),
                fits,
                &json!([shape.width, shape.dark]),
            )
            .await;
        taken.push(browser.picture(&format!("{name}-{screen}")).await);
    }
    for pair in taken.chunks(2) {
        assert!(pair[0] != pair[1], "{name}: dark is as light");
    }
    let (_, desk) = SCREENS[0];
    browser.screen(desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_can_be_written_fits_every_screen() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let markdown = MARKDOWN
        .replace("USER", &alone.id("user_id"))
        .replace("CHANNEL", &alone.id("channel_id"));
    let text = |text: &str| json!({"type": 10, "content": text});
    let button = |style: u8, label: &str| json!({"type": 2, "style": style, "label": label, "custom_id": label});
    let options = json!([{"label": "one", "value": "1", "description": "the first"}, {"label": "two", "value": "2"}]);
    let card = json!({"flags": 1 << 15, "components": [{"type": 17, "accent_color": 0x2e_9e_5b, "components": [
        text("### ✅ #1 · web-01\n`uptime`"),
        {"type": 14},
        text(COLOURS),
        {"type": 9, "components": [text("A section with **words**")], "accessory": button(2, "Accessory")},
        {"type": 1, "components": [button(1, "Primary"), button(2, "Secondary"), button(3, "Success"), button(4, "Danger"),
            {"type": 2, "style": 5, "label": "Link", "url": "https://example.org"}]},
        {"type": 1, "components": [{"type": 3, "custom_id": "s", "placeholder": "Choose", "options": options}]},
    ]}]});
    let field = |name: &str| json!({"name": name, "value": "a value with `code`", "inline": true});
    let embed = json!({
        "title": "An embed", "description": "with *words* and\n- a list", "color": 0xcc_33_33,
        "fields": [field("one"), field("two"), field("three")], "footer": {"text": "a footer"},
    });
    alone.post(&json!({"embeds": [embed]})).await;
    alone.post(&card).await;
    alone
        .upload("report.log", "first line\nsecond line\n")
        .await;
    let posted = alone.post(&json!({"content": markdown})).await;
    let id = posted["id"].as_str().unwrap_or_default();
    let path = format!("/channels/{}/messages/{id}", alone.id("channel_id"));
    let edited = json!({"content": format!("{markdown}\nand an edit")});
    alone.as_bot(Method::PATCH, &path, &edited).await;
    browser.screen(SCREENS[0].1).await;
    browser.open(&alone.web).await;
    browser.reads("#main-log article", "and an edit").await;
    pictures(&browser, "markdown").await;
    browser
        .run(
            "document.querySelector('#main-log').scrollTop = 0;",
            &json!([]),
        )
        .await;
    pictures(&browser, "cards").await;
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_fits_every_screen() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let hosts = [
        ("web-01", "env=prod,role=web"),
        ("web-02", "env=prod,role=web"),
    ];
    let world = World::with_hosts(&programs(), Options::default(), &hosts).await;
    let mut gate = Gate::new(world.dir.path(), "look");
    let operator = world.operator();
    browser.screen(SCREENS[0].1).await;
    enter(&browser, &world.web).await;
    browser.keys("/").await;
    browser
        .reads("#main-input-list [role=option]", "/run")
        .await;
    pictures(&browser, "commands").await;
    browser.keys(&format!("run {}", "")).await;
    browser
        .sees(
            "the option",
            "document.querySelector('#main-input-list [role=option]')",
            &json!([]),
        )
        .await;
    pictures(&browser, "options").await;
    for _ in 0..2 {
        browser.keys(shanty_tests::browser::key::ESCAPE).await;
    }
    let command = format!(
        "{}; echo \"$(printf '\\033[32m')ready$(printf '\\033[0m')\"; cat <&3",
        gate.open_in_shell()
    );
    let asked = operator.run("role=web", &command).await;
    gate.say("one line");
    operator
        .in_thread_of(&asked)
        .await
        .sees("the output", |page| page.text().contains("ready"))
        .await;
    browser.click("#main-log .thread-link").await;
    browser.reads("#thread-log article", "ready").await;
    pictures(&browser, "run").await;
    drop(gate);
    operator.card_end(&asked, "exit 0").await;
    browser.reads("#main-log article", "exit 0").await;
    become_person(&browser, &world.guest().id).await;
    world.guest().run("web-01", "true").await;
    browser
        .reads("#main-log article.ephemeral", "Only you")
        .await;
    pictures(&browser, "refusal").await;
    nothing_went_wrong(&browser).await;
    browser.end().await;
    world.end().await;
}

/// Presses the first button of the page whose label begins so.
async fn press(browser: &Browser, label: &str) {
    let found = "(() => { const one = [...document.querySelectorAll('#main-log article button')] \
        .find((button) => button.textContent.trim().startsWith(arguments[0])); \
        if (one) { one.dataset.pressed = 'here'; } return Boolean(one); })()";
    browser
        .sees(&format!("a button {label}"), found, &json!([label]))
        .await;
    browser
        .click("#main-log article button[data-pressed=here]")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn targeting_fits_every_screen() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let hosts = [
        ("web-01", "env=prod,role=web"),
        ("web-02", "env=prod,role=web"),
        ("web-03", "env=prod,role=web"),
        ("db-01", "env=prod,role=db"),
    ];
    let mut world = World::with_hosts(&programs(), Options::default(), &hosts).await;
    world.host("web-02").stop().await;
    world.is_online("web-02", false).await;
    let operator = world.operator();
    let drain = operator.below("host", "drain", &[("on", "web-03")]).await;
    operator.answer(&drain).await;
    let front = [("name", "front"), ("hosts", "role=web")];
    let saved = operator.below("group", "save", &front).await;
    operator.answer(&saved).await;
    browser.screen(SCREENS[0].1).await;
    enter(&browser, &world.web).await;

    let asked = operator.run("all !db-01", "uname -r").await;
    operator.answer(&asked).await;
    browser
        .reads("#main-log article.ephemeral", "Run this on 3 hosts?")
        .await;
    pictures(&browser, "preview").await;
    press(&browser, "Run on 1, queue 2").await;
    browser
        .reads("#main-log article", "waits for web-[02-03]")
        .await;
    pictures(&browser, "queued").await;

    let asked = operator.slash("hosts", &[]).await;
    operator.answer(&asked).await;
    browser
        .reads("#main-log article.ephemeral", "1 draining")
        .await;
    pictures(&browser, "hosts").await;
    let asked = operator.slash("hosts", &[("on", "web-03")]).await;
    operator.answer(&asked).await;
    browser
        .reads("#main-log article.ephemeral", "takes no new runs since")
        .await;
    pictures(&browser, "host").await;
    let asked = operator.below("group", "list", &[]).await;
    operator.answer(&asked).await;
    browser.reads("#main-log article.ephemeral", "@front").await;
    pictures(&browser, "groups").await;
    let run = world.shanty(&["runs", "cancel", "1"]).await;
    assert_eq!(run.code, 0, "{run:?}");
    nothing_went_wrong(&browser).await;
    browser.end().await;
    world.end().await;
}
