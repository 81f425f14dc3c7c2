//! The web client against what is written to harm it, foreign pages, a sandbox that goes away, and very long channels.

use serde_json::{Value, json};
use shanty_tests::{Alone, Browser};

use crate::browser::{enter_alone, nothing_went_wrong};
use crate::programs;

/// Texts that run somewhere when they are put into a page as they are.
const HOSTILE: [&str; 12] = [
    "<script>document.title = 'owned'; alert(1)</script>",
    "<img src=x onerror=\"document.title='owned'; alert(1)\">",
    "<svg onload=alert(1)><a xlink:href=javascript:alert(1)>x</a></svg>",
    "\"><iframe srcdoc=\"<script>parent.alert(1)</script>\"></iframe>",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    "```ansi\n\u{1b}[31m<img src=x onerror=alert(1)>\u{1b}[0m\n```",
    "[click](javascript:alert(1)) [x](https://a.b/\"onmouseover=\"alert(1))",
    "||<details open ontoggle=alert(1)>|| **<b onclick=alert(1)>x**",
    "<style>*{display:none}</style><link rel=stylesheet href=//evil.example/x.css>",
    "<form action=//evil.example><input name=a autofocus onfocus=alert(1)></form>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "{{constructor.constructor('alert(1)')()}} ${alert(1)} <!--<script>-->",
];

/// A card of every place where a bot may write.
fn card(text: &str) -> Value {
    let short: String = text.chars().take(75).collect();
    json!({"flags": 1 << 15, "components": [{"type": 17, "components": [
        {"type": 10, "content": text},
        {"type": 9, "components": [{"type": 10, "content": text}],
         "accessory": {"type": 2, "style": 1, "label": short, "custom_id": text}},
        {"type": 1, "components": [{"type": 3, "custom_id": "s", "placeholder": text, "options": [
            {"label": text, "value": short, "description": short},
        ]}]},
    ]}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_written_ever_runs() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    enter_alone(&browser, &alone.web).await;
    let title = browser.run("return document.title;", &json!([])).await;
    let structure = json!({
        "channels": [{"name": HOSTILE[1]}], "people": [{"name": HOSTILE[0]}],
        "roles": [{"name": HOSTILE[2], "permissions": "0"}],
    });
    alone.act("guild", &structure).await;
    for text in HOSTILE {
        alone.post(&json!({"content": text})).await;
        let field = json!({"name": text, "value": text});
        let embed = json!({
            "title": text, "description": text, "fields": [field], "footer": {"text": text}, "author": {"name": text},
        });
        alone.post(&json!({"embeds": [embed]})).await;
        alone.post(&card(text)).await;
        let name = text.replace(char::is_control, " ");
        alone.upload(&format!("{name}.html"), text).await;
    }
    alone.post(&json!({"content": "that was all"})).await;
    browser.reads("#main-log article", "that was all").await;
    browser
        .reads("#main-log article", "<script>document.title")
        .await;
    // Spoilers are opened and selects unfolded too.
    browser
        .run("for (const node of document.querySelectorAll('.spoiler, #main-log [data-select]')) node.click();", &json!([]))
        .await;
    browser
        .run(
            "document.querySelector('#main-log').scrollTop = 0;",
            &json!([]),
        )
        .await;
    browser.reads("#main-log", "<form action=").await;
    let found = browser
        .run(
            "const all = [...document.querySelectorAll('*')]; return {
                scripts: document.querySelectorAll('script').length,
                foreign: document.querySelectorAll('iframe, object, embed, svg, math, base, style, form[action], link[href*=evil]').length,
                handlers: all.filter((node) => [...node.attributes].some((a) => a.name.startsWith('on'))).length,
                links: all.map((node) => node.href ?? '').filter((href) => /^(javascript|data|vbscript):/i.test(href)).length,
                title: document.title };",
            &json!([]),
        )
        .await;
    assert_eq!(
        found,
        json!({"scripts": 1, "foreign": 0, "handlers": 0, "links": 0, "title": title})
    );
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_comes_back_when_the_sandbox_does() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start_open(&programs()).await;
    enter_alone(&browser, &alone.web).await;
    alone.post(&json!({"content": "of the first start"})).await;
    browser
        .reads("#main-log article", "of the first start")
        .await;
    alone.stop().await;
    browser.reads("#banner:not([hidden])", "Reconnecting").await;
    alone.restart().await;
    let gone = "!document.body.innerText.includes('of the first start') && document.querySelector('#banner').hidden";
    browser.sees("the new guild", gone, &json!([])).await;
    alone.post(&json!({"content": "of the second start"})).await;
    browser
        .reads("#main-log article", "of the second start")
        .await;
    browser.click("#main-input").await;
    browser
        .keys(&format!("hello{}", shanty_tests::browser::key::ENTER))
        .await;
    browser.reads("#main-log article", "hello").await;
    browser.end().await;
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_an_earlier_start_says_where_the_sandbox_is() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    enter_alone(&browser, &alone.web).await;
    let before = alone.web.clone();
    alone.restart().await;
    assert_ne!(alone.web, before, "each start has a key of its own");
    browser
        .reads("#banner:not([hidden])", "open the one that it printed")
        .await;
    enter_alone(&browser, &alone.web).await;
    browser.end().await;
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_from_elsewhere_cannot_act() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let mut other = Alone::start(&programs()).await;
    let act = format!("{}sandbox/message", alone.web);
    let body = json!({"channel_id": alone.id("channel_id"), "user_id": alone.id("user_id"), "content": "forged"});
    // The last is an answer of another server on this machine: another origin, without a policy against such requests.
    for from in [
        "data:text/html,<p>elsewhere".to_owned(),
        "about:blank".to_owned(),
        format!("{}api/v10/gateway", other.web),
    ] {
        browser.open(&from).await;
        for kind in [
            "text/plain",
            "application/json",
            "application/x-www-form-urlencoded",
        ] {
            let fetch = "fetch(arguments[0], { method: 'POST', mode: arguments[2] === 'application/json' ? 'cors' : 'no-cors', \
                headers: { 'content-type': arguments[2] }, body: arguments[1] }).then((answer) => `${answer.type} ${answer.ok}`)";
            let answer = browser
                .awaited(fetch, &json!([act, body.to_string(), kind]))
                .await;
            let answer = answer.as_str().unwrap_or_default();
            assert!(
                answer.starts_with("rejected") || answer == "opaque false",
                "{from} {kind}: {answer}"
            );
        }
        let live = "new Promise((done) => { const socket = new WebSocket(arguments[0]); \
            socket.onmessage = () => done('told'); socket.onerror = () => done('refused'); })";
        let socket = format!("{}sandbox/live", alone.web.replacen("http", "ws", 1));
        assert_eq!(
            browser.awaited(live, &json!([socket])).await,
            "refused",
            "{from}"
        );
    }
    let all = json!({"channel_id": alone.id("channel_id")});
    let messages = alone.act("transcript", &all).await;
    assert_eq!(messages["messages"], json!([]));
    // The same request from the page itself is done.
    enter_alone(&browser, &alone.web).await;
    let own = "fetch(arguments[0], { method: 'POST', headers: { 'content-type': 'application/json' }, body: arguments[1] })\
        .then((answer) => answer.status)";
    let status = browser.awaited(own, &json!([act, body.to_string()])).await;
    assert_eq!(status, 200);
    browser.end().await;
    alone.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_messages_can_be_scrolled_through() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    for number in 0..2000 {
        let text =
            format!("**message {number}** with `code`\n```ansi\n\u{1b}[32mline\u{1b}[0m\n```");
        alone.post(&json!({"content": text})).await;
    }
    enter_alone(&browser, &alone.web).await;
    browser.reads("#main-log article", "message 1999").await;
    let first = "(() => { const log = document.querySelector('#main-log'); log.scrollTop = 0; \
        return log.querySelector('article')?.innerText.includes('message 0 '); })()";
    browser.sees("the first message", first, &json!([])).await;
    let drawn = "return document.querySelectorAll('#main-log article').length;";
    assert_eq!(browser.run(drawn, &json!([])).await, 2000);
    // Every part of the way is drawn, and one edit changes one message where it stands.
    for part in 0..=20 {
        let there = "(() => { const log = document.querySelector('#main-log'); log.scrollTop = log.scrollHeight * arguments[0] / 20; \
            const box = log.getBoundingClientRect(); const node = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2); \
            return log.contains(node) && log.innerText.length > 0; })()";
        browser
            .sees("messages in the middle", there, &json!([part]))
            .await;
    }
    let top = "(() => { const log = document.querySelector('#main-log'); log.scrollTop = 0; return !document.querySelector('#main .present').hidden; })()";
    browser
        .sees("the way back to the present", top, &json!([]))
        .await;
    browser.click("#main .present").await;
    alone.post(&json!({"content": "the newest"})).await;
    browser
        .reads("#main-log article:last-of-type", "the newest")
        .await;
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}
