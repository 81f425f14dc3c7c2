//! Buttons, menus, selects and forms of the web client at their limits, with keys only and with a pointer.

use serde_json::json;
use shanty_tests::browser::key;
use shanty_tests::{Alone, Browser, wait};

use crate::browser::{asking, enter_alone, gives, nothing_went_wrong};
use crate::browser_keyboard::{screen, tab_to};
use crate::programs;

/// Buttons that are cut off, leave their card or lie over each other; how many there are.
const BUTTONS: &str = "(() => {
    const card = document.querySelector('#main-log .container');
    const inner = card.getBoundingClientRect();
    const all = [...card.querySelectorAll('.act')].map((node) => ({ node, box: node.getBoundingClientRect() }));
    const bad = all.filter(({ node, box }, index) => {
        const label = node.querySelector('.act-label').getBoundingClientRect();
        return box.left < inner.left || box.right > inner.right || box.height > 80 || label.left < box.left || label.right > box.right
            || label.top < box.top || label.bottom > box.bottom
            || all.slice(0, index).some((other) => box.left < other.box.right && other.box.left < box.right
                && box.top < other.box.bottom && other.box.top < box.bottom);
    });
    return { count: all.length, bad: bad.map(({ node }) => node.textContent), sideways: document.documentElement.scrollWidth > innerWidth };
})()";

#[tokio::test(flavor = "multi_thread")]
async fn long_labels_keep_to_their_row() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let words = "A label that has as many characters as Discord lets a label have, which is 80 ch";
    let labels = [
        words.to_owned(),
        "W".repeat(80),
        "short".to_owned(),
        "界".repeat(80),
        words.to_owned(),
    ];
    let buttons: Vec<_> = labels
        .iter()
        .enumerate()
        .map(|(at, label)| json!({"type": 2, "style": 1 + at % 4, "label": label, "custom_id": format!("b{at}")}))
        .collect();
    let row = json!({"type": 1, "components": buttons});
    let card = json!({"flags": 1 << 15, "components": [{"type": 17, "components": [row]}]});
    alone.post(&card).await;
    enter_alone(&browser, &alone.web).await;
    browser.reads("#main-log .act", "short").await;
    for phone in [false, true] {
        browser.screen(screen(phone, false)).await;
        let width = "innerWidth === arguments[0]";
        let wide = if phone { 390 } else { 1280 };
        browser.sees("the screen", width, &json!([wide])).await;
        let expected = json!({"count": 5, "bad": [], "sideways": false});
        gives(&browser, BUTTONS, &expected).await;
    }
    // Words are there to their end; what cannot be shown is still told to who does not see.
    let whole = "(() => { const label = document.querySelector('#main-log .act-label'); return label.scrollHeight <= label.clientHeight + 1; })()";
    browser.sees("the words in full", whole, &json!([])).await;
    wait::until("five buttons that are named in full", || async {
        let tree = browser.accessible().await;
        let named = |(role, name): &&(String, String)| role == "button" && labels.contains(name);
        let five = tree.iter().filter(named).count() == 5;
        five.then_some(()).ok_or(tree)
    })
    .await;
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_filled_in_with_keys_only() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let button = json!({"type": 2, "style": 1, "label": "Ask", "custom_id": "ask"});
    let card = json!({"content": "a card", "components": [{"type": 1, "components": [button]}]});
    alone.post(&card).await;
    let person = async {
        enter_alone(&browser, &alone.web).await;
        let online = "document.querySelector('#bot:not(.off)') !== null";
        browser.sees("the bot", online, &json!([])).await;
        browser.reads("#main-log .act", "Ask").await;
        let at = "document.activeElement.matches(arguments[0])";
        let field = "dialog#modal[open] textarea";
        browser
            .run("document.querySelector('#main-log').focus();", &json!([]))
            .await;
        tab_to(&browser, "[data-custom-id=ask]").await;
        // Escape puts it away, and one is where one was.
        browser.keys(key::ENTER).await;
        browser.sees("the field", at, &json!([field])).await;
        browser.keys(key::ESCAPE).await;
        browser
            .sees("the button again", at, &json!(["[data-custom-id=ask]"]))
            .await;
        let shut = "!document.querySelector('dialog#modal').open";
        browser.sees("no form", shut, &json!([])).await;
        // Enter is part of a long text; Tab leads through the form in the order that is seen, and not out of it.
        browser.keys(key::ENTER).await;
        browser.sees("the field", at, &json!([field])).await;
        browser
            .keys(&format!("because{0}it is so", key::ENTER))
            .await;
        let text = "document.querySelector('dialog#modal textarea').value === 'because\\nit is so'";
        browser.sees("two lines", text, &json!([])).await;
        for next in [
            "#modal footer button[type=button]",
            "#modal footer button[type=submit]",
        ] {
            browser.keys(key::TAB).await;
            browser.sees(next, at, &json!([next])).await;
        }
        for back in [
            "#modal footer button[type=button]",
            field,
            "#modal header button",
        ] {
            browser.keys(&format!("{}{}", key::SHIFT, key::TAB)).await;
            browser.sees(back, at, &json!([back])).await;
        }
        tab_to(&browser, "#modal footer button[type=submit]").await;
        browser.keys(key::ENTER).await;
        browser.reads("#main-log article strong", "because").await;
        browser
            .sees("the button again", at, &json!(["[data-custom-id=ask]"]))
            .await;
    };
    tokio::select! {
        () = person => {}
        () = asking(&alone) => panic!("the bot lost its connection"),
    }
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_menu_of_a_message_opens_by_keys_and_by_pointer() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    alone.post(&json!({"content": "the first"})).await;
    alone.post(&json!({"content": "the second"})).await;
    enter_alone(&browser, &alone.web).await;
    browser.reads("#main-log article", "the second").await;
    let item = "document.activeElement.matches('.popup [role=menuitem]') && document.activeElement.textContent.trim() === arguments[0]";
    let row = "document.activeElement.matches('article.message') && document.activeElement.textContent.includes(arguments[0])";
    let shut = "!document.querySelector('.popup')";
    browser
        .run("document.querySelector('#main-log').focus();", &json!([]))
        .await;
    browser.keys(key::UP).await;
    browser
        .sees("the newest", row, &json!(["the second"]))
        .await;
    browser.keys(key::ENTER).await;
    browser
        .sees("the first entry", item, &json!(["Reply"]))
        .await;
    for (pressed, entry) in [
        (key::DOWN, "React with 👍"),
        (key::UP, "Reply"),
        (key::UP, "Copy id"),
        (key::HOME, "Reply"),
        (key::END, "Copy id"),
        (key::DOWN, "Reply"),
    ] {
        browser.keys(pressed).await;
        browser.sees(entry, item, &json!([entry])).await;
    }
    for leave in [key::ESCAPE, key::TAB] {
        browser.keys(leave).await;
        browser.sees("no menu", shut, &json!([])).await;
        browser
            .sees("the message", row, &json!(["the second"]))
            .await;
        browser.keys(key::ENTER).await;
        browser
            .sees("the first entry", item, &json!(["Reply"]))
            .await;
    }
    browser.keys(&format!("{}{}", key::DOWN, key::ENTER)).await;
    browser.reads("#main-log .reaction", "👍").await;
    browser.sees("no menu", shut, &json!([])).await;
    browser
        .sees("the message", row, &json!(["the second"]))
        .await;
    browser.keys(&format!("{0}{0}", key::ENTER)).await;
    browser.reads("#main .answering", "Replying to").await;
    let typing = "document.activeElement.id === 'main-input'";
    browser.sees("the message box", typing, &json!([])).await;

    // A pointer opens it where the message is pointed at; a click beside it closes it.
    browser.click("#main-log article:first-of-type .more").await;
    browser
        .sees("the first entry", item, &json!(["Reply"]))
        .await;
    browser.click("#main-title").await;
    browser.sees("no menu", shut, &json!([])).await;
    browser.click("#main-log article:first-of-type .more").await;
    browser.click(".popup [role=menuitem]:nth-of-type(2)").await;
    browser
        .reads("#main-log article:first-of-type .reaction", "👍")
        .await;
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}

/// The row that is meant: its value, and whether it lies within the list, the list within the screen.
const MEANT: &str = "(() => {
    const row = document.querySelector('.popup [aria-selected=true]');
    const [inner, list, popup] = [row, row.parentNode, row.closest('.popup')].map((node) => node.getBoundingClientRect());
    return row.dataset.value === arguments[0] && inner.top >= list.top - 1 && inner.bottom <= list.bottom + 1
        && popup.left >= 0 && popup.right <= innerWidth && popup.top >= 0 && popup.bottom <= innerHeight
        && document.activeElement.getAttribute('aria-activedescendant') === row.id;
})()";

#[tokio::test(flavor = "multi_thread")]
async fn a_select_of_twenty_five_works_with_keys_and_on_a_phone() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let options: Vec<_> = (1..=25)
        .map(|n| json!({"label": format!("web-{n:02} {}", "x".repeat(90)), "value": n.to_string(), "description": "d".repeat(100)}))
        .collect();
    let select =
        json!({"type": 3, "custom_id": "choose", "placeholder": "Choose one", "options": options});
    let card = json!({"content": "a card", "components": [{"type": 1, "components": [select]}]});
    alone.post(&card).await;
    enter_alone(&browser, &alone.web).await;
    let control = "#main-log [data-custom-id=choose]";
    browser.reads(control, "Choose one").await;
    let shut = "!document.querySelector('.popup') && document.activeElement.matches('[data-custom-id=choose]')";
    for phone in [false, true] {
        browser.screen(screen(phone, false)).await;
        let wide = if phone { 390 } else { 1280 };
        browser
            .sees("the screen", "innerWidth === arguments[0]", &json!([wide]))
            .await;
        browser
            .run("document.querySelector('#main-log').focus();", &json!([]))
            .await;
        tab_to(&browser, "[data-custom-id=choose]").await;
        browser.keys(key::ENTER).await;
        let count = "document.querySelectorAll('.popup [role=option]').length === 25";
        browser.sees("all of them", count, &json!([])).await;
        browser.keys(key::HOME).await;
        browser.sees("the first", MEANT, &json!(["1"])).await;
        browser.keys(key::END).await;
        browser.sees("the last", MEANT, &json!(["25"])).await;
        browser.keys(key::DOWN).await;
        browser.sees("the first", MEANT, &json!(["1"])).await;
        browser.keys(key::UP).await;
        browser.keys(key::UP).await;
        browser.sees("the one before", MEANT, &json!(["24"])).await;
        browser.keys(key::ESCAPE).await;
        browser.sees("no list", shut, &json!([])).await;
        browser.keys(&format!("{}web-1", key::ENTER)).await;
        let fits = "document.querySelectorAll('.popup [role=option]').length === 10";
        browser.sees("what fits", fits, &json!([])).await;
        browser.keys(&format!("{}{}", key::DOWN, key::ENTER)).await;
        browser.reads(control, "web-11").await;
        browser.sees("no list", shut, &json!([])).await;
    }
    // A finger takes the last one.
    browser.click(control).await;
    browser.click(".popup [role=option][data-value='25']").await;
    browser.reads(control, "web-25").await;
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}
