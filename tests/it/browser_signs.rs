//! How the web client shows marks, coloured code and long files: what is drawn, and that the text behind it is the same.

use serde_json::{Value, json};
use shanty_tests::browser::key;
use shanty_tests::{Alone, Browser};

use crate::browser::{enter_alone, gives, nothing_went_wrong};
use crate::browser_keyboard::{screen, tab_to};
use crate::programs;

/// Every mark as it stands: which picture, how large, what it is in words.
const SIGNS: &str = "(() => [...document.querySelectorAll('#main-log article .sign')].map((node) => {
    const style = getComputedStyle(node);
    const size = parseFloat(style.fontSize);
    return {
        text: node.textContent, at: style.getPropertyValue('--at'), picture: /\\/signs\\.svg\"\\)$/.test(style.backgroundImage),
        wide: Math.round(node.getBoundingClientRect().width / size * 1000) / 1000, seen: style.color,
    };
}))()";

#[tokio::test(flavor = "multi_thread")]
async fn marks_are_drawn_without_a_font_and_copied_as_characters() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let said = "⚠ one ✅ two ⚠️ three ▶\u{fe0e} text `❌ code`";
    let button = json!({"type": 2, "style": 2, "label": "⏰ Run on 4", "custom_id": "b"});
    alone
        .post(&json!({"content": said, "components": [{"type": 1, "components": [button]}]}))
        .await;
    enter_alone(&browser, &alone.web).await;
    browser.reads("#main-log article .act", "⏰ Run on 4").await;
    let sign = |text: &str, at: &str, wide: f64| json!({"text": text, "at": at, "picture": true, "wide": wide, "seen": "rgba(0, 0, 0, 0)"});
    let expected = json!([
        sign("⚠", "2", 1.375),
        sign("✅", "0", 1.375),
        sign("⚠️", "2", 1.375),
        sign("⏰", "9", 1.2),
    ]);
    gives(&browser, SIGNS, &expected).await;
    // The picture is there, and as wide as the marks that it has.
    let drawn = "new Promise((done) => { const image = new Image(); image.onload = () => done(image.naturalWidth / image.naturalHeight); \
        image.onerror = () => done(0); image.src = 'signs.svg'; })";
    assert_eq!(browser.awaited(drawn, &json!([])).await, 21);
    let copied = "(() => { const text = document.querySelector('#main-log article .text'); getSelection().selectAllChildren(text); \
        return getSelection().toString().trim(); })()";
    let copied = browser.run(&format!("return {copied};"), &json!([])).await;
    assert_eq!(copied, json!(said.replace('`', "")));
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}

/// Weight and colour of each coloured part of code, and its contrast on the ground behind it.
const PARTS: &str = "(() => {
    const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [[r, .2126], [g, .7152], [b, .0722]].reduce((sum, [c, weight]) => {
        const part = c / 255;
        return sum + weight * (part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
    }, 0);
    return [...document.querySelectorAll('#main-log pre span')].map((node) => {
        const style = getComputedStyle(node);
        const pair = [light(rgb(style.color)), light(rgb(getComputedStyle(node.closest('pre')).backgroundColor))].sort((a, b) => b - a);
        const [r, g, b] = rgb(style.color);
        const hue = r > g && r > b ? 'red' : g > r && g > b ? 'green' : b > r ? 'blue' : 'grey';
        return { text: node.textContent, hue, bold: style.fontWeight === '700', readable: (pair[0] + .05) / (pair[1] + .05) >= 4.5 };
    });
})()";

#[tokio::test(flavor = "multi_thread")]
async fn code_has_the_colours_of_differences_and_of_terminals() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let content = "```diff\n-old\n+new\n same\n```\n```ansi\nplain \u{1b}[31mred\u{1b}[0m \u{1b}[1;32mgreen\n```\nafter";
    alone.post(&json!({"content": content})).await;
    enter_alone(&browser, &alone.web).await;
    browser.reads("#main-log article", "after").await;
    let part = |text: &str, hue: &str, bold: bool| json!({"text": text, "hue": hue, "bold": bold, "readable": true});
    let expected = json!([
        part("-old", "red", false),
        part("+new", "green", false),
        part("red", "red", false),
        part("green", "green", true),
    ]);
    for dark in [false, true] {
        browser.screen(screen(false, dark)).await;
        let mood = "matchMedia('(prefers-color-scheme: dark)').matches === arguments[0]";
        browser.sees("the mood", mood, &json!([dark])).await;
        gives(&browser, PARTS, &expected).await;
    }
    // What was not closed ends with its block.
    let after = "(() => { const pre = [...document.querySelectorAll('#main-log .fence')].at(-1); const range = document.createRange(); \
        range.setStartAfter(pre); range.setEndAfter(pre.parentNode.lastChild); const style = getComputedStyle(pre.parentNode); \
        return [range.toString().trim(), style.fontWeight, document.querySelectorAll('#main-log span[class^=a]').length]; })()";
    gives(&browser, after, &json!(["after", "400", 2])).await;
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}

/// What of a file is shown: the number of lines and of characters, whether something scrolls inside or lies over it.
const SHOWN: &str = "(() => {
    const file = [...document.querySelectorAll('#main-log .file')].at(-1);
    const pre = file.querySelector('pre');
    const bottom = pre.getBoundingClientRect().bottom;
    const code = pre.firstChild.getBoundingClientRect();
    return {
        lines: pre.textContent.split('\\n').length, characters: pre.textContent.length,
        whole: pre.scrollHeight <= pre.clientHeight + 1 && code.bottom <= bottom + 1 && getComputedStyle(pre).overflowY === 'visible',
        below: [...file.children].slice(2).every((node) => node.getBoundingClientRect().top >= bottom - 1),
        rest: file.querySelector('.left-out')?.textContent ?? '', button: file.querySelector('.expand')?.textContent ?? '',
        focused: document.activeElement === file.querySelector('.expand'),
    };
})()";

/// Waits until as much is shown.
async fn shows(browser: &Browser, expected: &Value) {
    let same = format!(
        "(() => {{ const shown = {SHOWN}; return Object.keys(arguments[0]).every((key) => shown[key] === arguments[0][key]); }})()"
    );
    // An arrow function has the arguments of the function around it.
    browser
        .sees(&format!("a file as {expected}"), &same, &json!([expected]))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_file_unfolds_to_a_bound_and_says_where_the_rest_is() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    for number in 0..40 {
        alone
            .post(&json!({"content": format!("message {number}")}))
            .await;
    }
    let lines: Vec<String> = (1..=1000).map(|n| format!("line {n}")).collect();
    alone.upload("report.log", &lines.join("\n")).await;
    enter_alone(&browser, &alone.web).await;
    for phone in [false, true] {
        browser.screen(screen(phone, false)).await;
        let folded = json!({"lines": 6, "whole": true, "below": true, "rest": "", "button": "Show 994 more lines"});
        shows(&browser, &folded).await;
        tab_to(&browser, "#main-log .expand").await;
        let top =
            "Math.round(document.querySelector('#main-log .file').getBoundingClientRect().top)";
        let before = browser.run(&format!("return {top};"), &json!([])).await;
        browser.keys(key::ENTER).await;
        let unfolded = json!({
            "lines": 200, "whole": true, "below": true, "focused": true, "button": "Show less",
            "rest": "800 more lines, not shown here.↓ Download all of it",
        });
        shows(&browser, &unfolded).await;
        // It is read from its beginning, which stays where it was.
        let stays = format!("Math.abs({top} - arguments[0]) <= 1");
        browser
            .sees("the beginning to stay", &stays, &json!([before]))
            .await;
        let link = "(() => { const link = document.querySelector('#main-log .left-out a'); \
            return link.hasAttribute('download') && link.href === document.querySelector('#main-log .file-head a').href; })()";
        browser.sees("the way to the rest", link, &json!([])).await;
        browser.keys(key::ENTER).await;
        shows(&browser, &folded).await;
    }
    // One line can be long too.
    alone.upload("one.json", &"x".repeat(40_000)).await;
    browser.reads("#main-log .file-name", "one.json").await;
    shows(
        &browser,
        &json!({"characters": 1200, "button": "Show more"}),
    )
    .await;
    browser
        .run(
            "[...document.querySelectorAll('#main-log .expand')].at(-1).click();",
            &json!([]),
        )
        .await;
    let most =
        json!({"characters": 16384, "rest": "The rest is not shown here.↓ Download all of it"});
    shows(&browser, &most).await;
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}
