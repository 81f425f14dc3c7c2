//! What a person does in the web client with keyboard and mouse: commands, output, buttons, modals, being someone else.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use shanty_tests::browser::key;
use shanty_tests::{Alone, Browser, Gate, Options, World};
use tokio_tungstenite::tungstenite::Message;

use crate::browser_keyboard::fingers_hit;
use crate::programs;

const WEB: (&str, &str) = ("web-01", "env=prod,role=web");

/// Opens the page, and waits until its message box has the focus.
pub(crate) async fn enter(browser: &Browser, web: &str) {
    browser.open(web).await;
    let ready = "document.activeElement.id === 'main-input' && document.querySelector('#bot:not(.off)') !== null";
    browser
        .sees("the page to be ready", ready, &json!([]))
        .await;
}

/// The same for a sandbox without a bot.
pub(crate) async fn enter_alone(browser: &Browser, web: &str) {
    browser.open(web).await;
    let ready = "document.activeElement.id === 'main-input'";
    browser
        .sees("the page to be ready", ready, &json!([]))
        .await;
}

/// Moves through the open suggestions until the row with this value is meant.
async fn go_to(browser: &Browser, value: &str) {
    let meant = "document.querySelector('#main-input-list [aria-selected=true]')?.dataset.value";
    let offered = "[...document.querySelectorAll('#main-input-list:not(.outdated) [role=option]')].some((row) => row.dataset.value === arguments[0])";
    browser
        .sees(
            &format!("{value} among the suggestions"),
            offered,
            &json!([value]),
        )
        .await;
    for _ in 0..30 {
        let now = browser.run(&format!("return {meant};"), &json!([])).await;
        if now == value {
            return;
        }
        browser.keys(key::DOWN).await;
    }
    panic!("the arrows do not lead to {value}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_is_never_replaced_by_a_suggestion_for_something_else() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    enter(&browser, &world.web).await;
    browser.keys("/run").await;
    go_to(&browser, "run").await;
    browser.keys(key::ENTER).await;
    // Every host is among the suggestions for an empty option. Tab takes none of them, before and while something is typed.
    let offered = "document.querySelector('#main-input-list [data-value=all]') !== null";
    browser.sees("suggestions", offered, &json!([])).await;
    let on = "document.querySelector('[data-option=on]').value === arguments[0]";
    browser.keys(key::TAB).await;
    browser.sees("an empty option", on, &json!([""])).await;
    browser.click("[data-option=on]").await;
    browser.sees("suggestions", offered, &json!([])).await;
    browser.keys(&format!("web9*{}", key::TAB)).await;
    let next = "document.activeElement.dataset.option === 'command'";
    browser.sees("the second option", next, &json!([])).await;
    browser.sees("what was typed", on, &json!(["web9*"])).await;
    // What is wrong stands last and is taken by no key; the first way to go on is.
    for (typed, taken) in [
        ("role=w", "role=web"),
        ("web-0", "web-01"),
        ("!we", "!web-01"),
    ] {
        clear(&browser, "on").await;
        browser.keys(typed).await;
        let meant = "document.querySelector('#main-input-list:not(.outdated) [aria-selected=true]')?.dataset.value === arguments[0] \
            && document.querySelector('#main-input-list [role=option]:last-child').matches('[aria-disabled=true][data-value=\"' + arguments[1] + '\"]')";
        let what = format!("{taken} to be meant for {typed}");
        browser.sees(&what, meant, &json!([taken, typed])).await;
    }
    browser.keys(key::TAB).await;
    clear(&browser, "on").await;
    browser.keys("zzz-[01-05").await;
    let only = "(() => { const rows = [...document.querySelectorAll('#main-input-list:not(.outdated) [role=option]')]; \
        return rows.length === 1 && rows[0].textContent.startsWith('✗'); })()";
    browser.sees("what is wrong", only, &json!([])).await;
    browser.keys(key::TAB).await;
    browser.sees("the second option", next, &json!([])).await;
    browser
        .sees("what was typed", on, &json!(["zzz-[01-05"]))
        .await;
    nothing_went_wrong(&browser).await;
    browser.end().await;
    world.end().await;
}

/// Goes to an option of the command and empties it.
async fn clear(browser: &Browser, option: &str) {
    browser.click(&format!("[data-option={option}]")).await;
    let empty = "const field = document.querySelector(`[data-option=${arguments[0]}]`); field.value = ''; \
        field.dispatchEvent(new Event('input', { bubbles: true }));";
    browser.run(empty, &json!([option])).await;
}

/// Chooses a person at the left.
pub(crate) async fn become_person(browser: &Browser, id: &str) {
    browser.click("#person").await;
    browser
        .click(&format!(".popup [role=option][data-value='{id}']"))
        .await;
    let is = "document.querySelector('#person').dataset.userId === arguments[0]";
    browser.sees("to be the person", is, &json!([id])).await;
}

/// Waits until this gives what is expected: what is drawn follows a change of the screen a moment later.
pub(crate) async fn gives(browser: &Browser, script: &str, expected: &Value) {
    shanty_tests::wait::until(&format!("{expected}"), || async {
        let found = browser.run(&format!("return {script};"), &json!([])).await;
        (found == *expected).then_some(()).ok_or(found)
    })
    .await;
}

/// Nothing ran that should not have, and nothing failed.
pub(crate) async fn nothing_went_wrong(browser: &Browser) {
    let seen = browser.run("return window.__seen;", &json!([])).await;
    assert_eq!(seen, json!({"alerts": 0, "violations": [], "errors": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_typed_with_the_keyboard_watched_and_cancelled() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let mut gate = Gate::new(world.dir.path(), "lines");
    enter(&browser, &world.web).await;

    browser.keys("/run").await;
    go_to(&browser, "run").await;
    browser.keys(key::ENTER).await;
    let focused = "document.activeElement.dataset.option === arguments[0]";
    browser
        .sees("the first option", focused, &json!(["on"]))
        .await;
    browser.keys("web").await;
    go_to(&browser, "web-01").await;
    browser.keys(key::ENTER).await;
    browser
        .sees("the second option", focused, &json!(["command"]))
        .await;
    let command = format!(
        "{}; while read -r line <&3; do echo \"$line\"; done",
        gate.open_in_shell()
    );
    browser.keys(&command).await;
    browser.keys(key::ENTER).await;

    gate.say("the first line");
    browser.click("#main-log .thread-link").await;
    browser.reads("#thread-log article", "the first line").await;
    gate.say("the second line");
    browser
        .reads("#thread-log article", "the first line\nthe second line")
        .await;
    browser
        .click("#main-log article button[data-custom-id]")
        .await;
    browser.reads("#main-log article", "stopped by @").await;
    let stops = "document.querySelectorAll('#main-log article button[data-custom-id^=\"v1:cancel:\"], #main-log article button[data-custom-id^=\"v1:kill:\"]').length === 0";
    browser
        .sees("nothing to be left to stop", stops, &json!([]))
        .await;

    nothing_went_wrong(&browser).await;
    browser.end().await;
    drop(gate);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_one_person_may_see_is_shown_to_that_person_only() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let guest = world.guest();
    enter(&browser, &world.web).await;
    become_person(&browser, &guest.id).await;
    browser.click("#main-input").await;
    browser.keys("/run").await;
    go_to(&browser, "run").await;
    browser.keys(&format!("{}web-01", key::ENTER)).await;
    browser
        .keys(&format!("{}true{}", key::TAB, key::ENTER))
        .await;
    browser
        .reads("#main-log article.ephemeral", "Only you can see this")
        .await;
    // Its words, once it says more than that the app is thinking.
    let text = "document.querySelector('#main-log article.ephemeral .body .text').innerText.trim()";
    let refusal = browser.sees("the refusal", text, &json!([])).await;

    become_person(&browser, &world.operator().id).await;
    // Something that the operator does see, after which the column is known to be drawn.
    world
        .act(
            "message",
            &json!({"channel_id": guest.channel, "user_id": guest.id, "content": "hello"}),
        )
        .await;
    browser.reads("#main-log article", "hello").await;
    let none = "document.querySelectorAll('.ephemeral').length === 0 && !document.body.innerText.includes(arguments[0])";
    browser.sees("no refusal", none, &json!([refusal])).await;
    become_person(&browser, &guest.id).await;
    browser
        .reads("#main-log article.ephemeral", "Only you can see this")
        .await;

    nothing_went_wrong(&browser).await;
    browser.end().await;
    world.end().await;
}

/// A bot that opens a modal for a command or a button and says what was filled in.
pub(crate) async fn asking(alone: &Alone) {
    let url = format!(
        "{}gateway?v=10&encoding=json",
        alone.web.replacen("http", "ws", 1)
    );
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let properties = json!({"os": "linux", "browser": "rig", "device": "rig"});
    let identify = json!({"op": 2, "d": {"token": alone.id("bot_token"), "intents": 1, "properties": properties}});
    socket
        .send(Message::text(identify.to_string()))
        .await
        .unwrap();
    while let Some(Ok(frame)) = socket.next().await {
        let event: Value =
            serde_json::from_str(frame.to_text().unwrap_or_default()).unwrap_or_default();
        if event["t"] != "INTERACTION_CREATE" {
            continue;
        }
        let d = &event["d"];
        let answer = if d["type"] == 5 {
            let said = d["data"]["components"][1]["component"]["value"]
                .as_str()
                .unwrap_or_default();
            json!({"type": 4, "data": {"content": format!("You wrote: **{said}**")}})
        } else {
            let input = json!({"type": 4, "custom_id": "why", "style": 2, "max_length": 40});
            json!({"type": 9, "data": {"custom_id": "form", "title": "A question", "components": [
                {"type": 10, "content": "Please be **brief**."},
                {"type": 18, "label": "Why?", "component": input},
            ]}})
        };
        let id = d["id"].as_str().unwrap_or_default();
        let token = d["token"].as_str().unwrap_or_default();
        let path = format!("/interactions/{id}/{token}/callback");
        alone.as_bot(hyper::Method::POST, &path, &answer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modal_opens_and_what_was_filled_in_arrives() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let path = format!("/applications/{}/commands", alone.id("application_id"));
    let command = json!([{"name": "ask", "description": "Asks."}]);
    alone.as_bot(hyper::Method::PUT, &path, &command).await;
    let person = async {
        enter(&browser, &alone.web).await;
        browser.keys("/ask").await;
        go_to(&browser, "ask").await;
        browser.keys(&format!("{}{}", key::ENTER, key::ENTER)).await;
        browser.reads("dialog#modal[open] strong", "brief").await;
        fingers_hit(&browser, false).await;
        browser.keys(&"x".repeat(41)).await;
        browser.click("dialog#modal button[type=submit]").await;
        browser
            .reads(
                "dialog#modal .form-field[data-custom-id=why]",
                "At most 40 characters",
            )
            .await;
        let empty = "return document.querySelector('dialog#modal textarea').select();";
        browser.run(empty, &json!([])).await;
        browser.keys("because").await;
        browser.click("dialog#modal button[type=submit]").await;
        browser.reads("#main-log article strong", "because").await;
        let closed = "!document.querySelector('dialog#modal').open";
        browser
            .sees("the modal to be closed", closed, &json!([]))
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
