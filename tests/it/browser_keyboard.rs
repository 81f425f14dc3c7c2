//! The web client without a mouse and without eyes: everything is reached by keys and has a name.

use serde_json::json;
use shanty_tests::browser::key;
use shanty_tests::{Alone, Browser, Screen};

use crate::browser::{enter_alone, nothing_went_wrong};
use crate::programs;

/// Roles of what a person uses; each needs a name.
const USED: [&str; 10] = [
    "button",
    "link",
    "textbox",
    "combobox",
    "listbox",
    "option",
    "menuitem",
    "dialog",
    "log",
    "searchbox",
];

/// A card with a button and a select.
fn card() -> serde_json::Value {
    let options = json!([{"label": "one", "value": "1", "description": "the first"}, {"label": "two", "value": "2"}]);
    json!({"content": "a card", "components": [
        {"type": 1, "components": [{"type": 2, "style": 1, "label": "Press", "custom_id": "press"}]},
        {"type": 1, "components": [{"type": 3, "custom_id": "choose", "placeholder": "Choose one", "options": options}]},
    ]})
}

/// Presses Tab until an element has the focus.
pub(crate) async fn tab_to(browser: &Browser, css: &str) {
    for _ in 0..40 {
        let there = "return document.activeElement.matches(arguments[0]);";
        if browser.run(there, &json!([css])).await == true {
            return;
        }
        browser.keys(key::TAB).await;
    }
    panic!("Tab does not lead to {css}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_reached_by_keys() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    alone
        .act("guild", &json!({"channels": [{"name": "elsewhere"}]}))
        .await;
    let posted = alone.post(&card()).await;
    let id = posted["id"].as_str().unwrap_or_default();
    alone
        .as_bot(
            hyper::Method::POST,
            &format!("/channels/{}/messages/{id}/threads", alone.id("channel_id")),
            &json!({"name": "talk"}),
        )
        .await;
    enter_alone(&browser, &alone.web).await;
    browser
        .reads("#main-log article .thread-link", "talk")
        .await;

    // From the message box up into the messages, into the card, and onto its controls.
    browser.keys(&format!("{}{}", key::SHIFT, key::TAB)).await;
    tab_to(&browser, "#main-log, #main-log *").await;
    browser
        .run("document.querySelector('#main-log').focus();", &json!([]))
        .await;
    browser.keys(key::UP).await;
    let row = "document.activeElement.matches('#main-log article.message')";
    browser.sees("the newest message", row, &json!([])).await;
    tab_to(&browser, "[data-custom-id=press]").await;
    browser.keys(key::ENTER).await;
    browser
        .reads("#main-log article .failure", "interaction failed")
        .await;
    let kept = "document.activeElement.matches('[data-custom-id=press]')";
    browser
        .sees("the focus to stay on the button", kept, &json!([]))
        .await;
    tab_to(&browser, "[data-custom-id=choose]").await;
    browser.keys(key::ENTER).await;
    browser
        .reads(".popup [role=option][aria-selected=true]", "one")
        .await;
    browser.keys(&format!("{}{}", key::DOWN, key::ENTER)).await;
    browser
        .reads("#main-log [data-custom-id=choose]", "two")
        .await;

    // Into the thread and back, to another channel and back, and out of every list by Escape.
    tab_to(&browser, ".thread-link").await;
    browser.keys(key::ENTER).await;
    let in_thread = "document.activeElement.id === 'thread-input'";
    browser
        .sees("the thread's message box", in_thread, &json!([]))
        .await;
    browser.keys(&format!("from the keys{}", key::ENTER)).await;
    browser.reads("#thread-log article", "from the keys").await;
    browser.keys(key::ESCAPE).await;
    let back =
        "document.querySelector('#thread').hidden && document.activeElement.id === 'main-input'";
    browser
        .sees("the channel's message box", back, &json!([]))
        .await;
    browser.keys(&format!("{}k", key::CONTROL)).await;
    browser
        .reads("dialog.finder[open] [role=option]", "general")
        .await;
    browser.keys(&format!("else{}", key::ENTER)).await;
    browser.reads("#main-title", "elsewhere").await;
    browser.keys("/").await;
    browser.keys(key::ESCAPE).await;
    let shut = "!document.querySelector('#main-input-list:not([hidden])') && document.activeElement.id === 'main-input'";
    browser.sees("no list", shut, &json!([])).await;

    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_can_be_used_has_a_role_and_a_name() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    alone.post(&card()).await;
    alone.upload("report.log", "first line\n").await;
    alone
        .post(&json!({"content": "||hidden|| ```\ncode\n``` https://example.org"}))
        .await;
    enter_alone(&browser, &alone.web).await;
    browser.reads("#main-log article", "code").await;
    for opened in ["", "[data-custom-id=choose]", "#person", "#switcher"] {
        if !opened.is_empty() {
            browser.click(opened).await;
            browser
                .sees(
                    "what it opens",
                    "document.querySelector('.popup, dialog[open]')",
                    &json!([]),
                )
                .await;
        }
        let tree = browser.accessible().await;
        let nameless: Vec<_> = tree
            .iter()
            .filter(|(role, name)| USED.contains(&role.as_str()) && name.trim().is_empty())
            .collect();
        assert!(nameless.is_empty(), "{opened}: {nameless:?}");
        let has = |role: &str, name: &str| tree.iter().any(|(r, n)| r == role && n.contains(name));
        match opened {
            "" => {
                for (role, name) in [
                    ("navigation", "Channels"),
                    ("main", "Channel"),
                    ("log", "Messages"),
                    ("button", "Press"),
                    ("article", "Shanty"),
                    ("combobox", "Message #general"),
                    ("button", "You are operator"),
                    ("heading", "general"),
                    ("link", "Skip to the message box"),
                ] {
                    assert!(has(role, name), "{role} {name}: {tree:?}");
                }
            }
            "#switcher" => assert!(has("dialog", "Find a channel"), "{tree:?}"),
            _ => assert!(has("listbox", "") && has("option", ""), "{tree:?}"),
        }
        browser.keys(key::ESCAPE).await;
    }
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}

/// Contrast of every colour of terminals on every ground of theirs, and on the page's: those that are too faint to read.
const FAINT: &str = "(() => {
    const light = ([r, g, b]) => [[r, .2126], [g, .7152], [b, .0722]].reduce((sum, [c, weight]) => {
        const part = c / 255;
        return sum + weight * (part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
    }, 0);
    const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
    const fence = document.querySelector('#main-log pre code');
    const faint = [];
    for (const text of ['', 'a30', 'a31', 'a32', 'a33', 'a34', 'a35', 'a36', 'a37']) {
        for (const ground of ['', 'a40', 'a41', 'a42', 'a43', 'a44', 'a45', 'a46', 'a47']) {
            const span = document.createElement('span');
            span.className = `${text} ${ground}`;
            fence.append(span);
            const behind = ground ? span : fence.parentNode;
            const pair = [light(rgb(getComputedStyle(span).color)), light(rgb(getComputedStyle(behind).backgroundColor))].sort((a, b) => b - a);
            const ratio = (pair[0] + .05) / (pair[1] + .05);
            if (!(ratio >= 4.5)) faint.push(`${text} on ${ground}: ${ratio.toFixed(2)}`);
            span.remove();
        }
    }
    return faint;
})()";

/// Controls that a finger misses: lower or narrower than 40 pixels. What stands within text is as high as the text.
const SMALL: &str = "[...document.querySelectorAll('button, input:not([type=hidden]), textarea, select, [role=option], a.act, a.download')].filter((node) => {
    if (!node.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || node.matches('.link:not(.dismiss), .quiet, input[type=file]')) return false;
    const box = node.getBoundingClientRect();
    return box.width > 0 && (box.height < 39.5 || box.width < 39.5);
}).map((node) => `${node.nodeName}.${node.className} ${Math.round(node.getBoundingClientRect().width)}x${Math.round(node.getBoundingClientRect().height)}`)";

/// Looks at the page on a phone: nothing that is used there may be too small for a finger.
pub(crate) async fn fingers_hit(browser: &Browser, dark: bool) {
    browser.screen(screen(true, dark)).await;
    browser
        .sees("a phone", "innerWidth === 390", &json!([]))
        .await;
    let small = browser.run(&format!("return {SMALL};"), &json!([])).await;
    assert_eq!(small, json!([]), "too small");
    browser.screen(screen(false, dark)).await;
}

/// A desk's screen or a phone's.
pub(crate) const fn screen(phone: bool, dark: bool) -> Screen {
    let width = if phone { 390 } else { 1280 };
    Screen {
        width,
        height: 844,
        phone,
        dark,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_filled_in_by_fingers_too() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let path = format!("/applications/{}/commands", alone.id("application_id"));
    let option = |kind: u64, name: &str, required: bool| json!({"type": kind, "name": name, "description": "d", "required": required});
    let options = json!([
        option(3, "on", true),
        option(5, "quiet", true),
        option(11, "file", false),
        option(6, "who", false)
    ]);
    let command = json!([{"name": "all", "description": "Has options.", "options": options}]);
    alone.as_bot(hyper::Method::PUT, &path, &command).await;
    enter_alone(&browser, &alone.web).await;
    browser.keys("/").await;
    browser
        .reads("#main-input-list [role=option]", "/all")
        .await;
    fingers_hit(&browser, false).await;
    browser.keys(key::ENTER).await;
    let focused = "document.activeElement.dataset.option === 'on'";
    browser.sees("the first option", focused, &json!([])).await;
    fingers_hit(&browser, true).await;
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn colours_can_be_read_and_controls_be_hit() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let thread = json!({"channels": [{"name": "a-channel-with-a-name-that-is-much-too-long-for-a-telephone"}]});
    let made = alone.act("guild", &thread).await["channels"].clone();
    let long = made["a-channel-with-a-name-that-is-much-too-long-for-a-telephone"]
        .as_str()
        .unwrap_or_default();
    alone.post(&card()).await;
    alone.upload("report.log", "first line\n").await;
    let first = alone
        .post(&json!({"content": "```\ncode\n```", "embeds": [{"title": "An embed"}]}))
        .await;
    alone
        .post(&json!({"content": "an answer", "message_reference": {"message_id": first["id"]}}))
        .await;
    let path = format!(
        "/channels/{}/messages/{}",
        alone.id("channel_id"),
        first["id"].as_str().unwrap_or_default()
    );
    let reaction = json!({"channel_id": alone.id("channel_id"), "user_id": alone.id("guest_id"), "message_id": first["id"], "emoji": "👍"});
    alone.act("react", &reaction).await;
    alone
        .as_bot(
            hyper::Method::POST,
            &format!("{path}/threads"),
            &json!({"name": "talk"}),
        )
        .await;
    enter_alone(&browser, &alone.web).await;
    browser
        .reads("#main-log article .thread-link", "talk")
        .await;
    for dark in [false, true] {
        browser.screen(screen(false, dark)).await;
        browser
            .sees(
                "the mood",
                "matchMedia('(prefers-color-scheme: dark)').matches === arguments[0]",
                &json!([dark]),
            )
            .await;
        assert_eq!(
            browser.run(&format!("return {FAINT};"), &json!([])).await,
            json!([]),
            "dark: {dark}"
        );
    }
    browser.screen(screen(true, true)).await;
    browser
        .sees("a phone", "innerWidth === 390", &json!([]))
        .await;
    for opened in [
        "",
        "#main-log [data-custom-id=choose]",
        "#main-log .more",
        "#menu",
    ] {
        if !opened.is_empty() {
            browser
                .run(
                    "document.querySelector(arguments[0]).click();",
                    &json!([opened]),
                )
                .await;
            browser
                .sees(
                    "what it opens",
                    "document.querySelector('.popup, body.drawer')",
                    &json!([]),
                )
                .await;
        }
        assert_eq!(
            browser.run(&format!("return {SMALL};"), &json!([])).await,
            json!([]),
            "{opened}"
        );
        browser.keys(key::ESCAPE).await;
    }
    // What the message box is for ends in an ellipsis where there is no room, and goes when something is typed.
    browser
        .run("location.hash = `#/${arguments[0]}`;", &json!([long]))
        .await;
    browser.reads("#main .ghost", "a-channel-with").await;
    let cut = "(() => { const ghost = document.querySelector('#main .ghost'); const style = getComputedStyle(ghost); \
        return ghost.scrollWidth > ghost.clientWidth && style.textOverflow === 'ellipsis' && style.overflowX === 'hidden' && style.visibility === 'visible'; })()";
    browser.sees("the ellipsis", cut, &json!([])).await;
    browser.click("#main-input").await;
    browser.keys("x").await;
    browser
        .sees(
            "it to go",
            "getComputedStyle(document.querySelector('#main .ghost')).visibility === 'hidden'",
            &json!([]),
        )
        .await;
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}
