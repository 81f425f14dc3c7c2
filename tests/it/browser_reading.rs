//! What tells a person where to read in the web client: marks of what is unread, jumps, edits, times that go on.

use hyper::Method;
use serde_json::json;
use shanty_tests::{Alone, Browser};

use crate::browser::{become_person, enter_alone, nothing_went_wrong};
use crate::programs;

/// The entry of a channel at the left.
fn entry(channel: &str) -> String {
    format!("#channels [data-channel-id='{channel}']")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unread_is_marked_for_each_person_until_it_is_read() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let made = json!({"channels": [{"name": "news"}]});
    let news = alone.act("guild", &made).await["channels"]["news"].clone();
    let news = news.as_str().unwrap_or_default().to_owned();
    enter_alone(&browser, &alone.web).await;
    browser.reads(&entry(&news), "news").await;
    let path = format!("/channels/{news}/messages");
    let plain = json!({"content": "something new"});
    alone.as_bot(Method::POST, &path, &plain).await;
    let unread = format!("{}.unread", entry(&news));
    browser.reads(&unread, "news").await;
    let badge = format!("document.querySelector(\"{} .badge\")", entry(&news));
    assert!(
        browser
            .run(&format!("return {badge};"), &json!([]))
            .await
            .is_null()
    );
    let calling = json!({"content": format!("<@{}> look", alone.id("user_id"))});
    alone.as_bot(Method::POST, &path, &calling).await;
    browser.reads(&format!("{unread} .badge"), "1").await;
    let label = format!(
        "document.querySelector(\"{}\").ariaLabel === 'news, unread, 1 mentions'",
        entry(&news)
    );
    browser
        .sees("its name to a screen reader", &label, &json!([]))
        .await;
    let title = "document.title.startsWith('(1)')";
    browser
        .sees("the mention in the title", title, &json!([]))
        .await;

    browser.click(&entry(&news)).await;
    browser.reads("#main-log article.pings", "look").await;
    browser
        .reads("#main-log .divider.new", "New messages")
        .await;
    let read = format!(
        "!document.querySelector(\"{unread}\") && !{badge} && !document.title.startsWith('(')"
    );
    browser
        .sees("nothing to be unread", &read, &json!([]))
        .await;
    // Where one person has read says nothing of another.
    become_person(&browser, &alone.id("guest_id")).await;
    browser.click(&entry(&alone.id("channel_id"))).await;
    alone.as_bot(Method::POST, &path, &plain).await;
    browser.reads(&unread, "news").await;
    assert!(
        browser
            .run(&format!("return {badge};"), &json!([]))
            .await
            .is_null()
    );
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_to_messages_however_far_up() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let first = alone.post(&json!({"content": "the very first"})).await["id"].clone();
    for number in 0..150 {
        alone
            .post(&json!({"content": format!("message {number}")}))
            .await;
    }
    let (guild, channel) = (alone.id("guild_id"), alone.id("channel_id"));
    let id = first.as_str().unwrap_or_default();
    let link = format!("https://discord.com/channels/{guild}/{channel}/{id}");
    alone.post(&json!({"content": format!("see {link}")})).await;
    let reply = json!({"content": "an answer", "message_reference": {"message_id": first}});
    alone.post(&reply).await;
    enter_alone(&browser, &alone.web).await;
    browser
        .reads("#main-log .reply .excerpt", "the very first")
        .await;
    let there = "(() => { const node = document.querySelector(`#main-log article[data-message-id='${arguments[0]}']`); \
        const [box, log] = [node.getBoundingClientRect(), document.querySelector('#main-log').getBoundingClientRect()]; \
        return node.classList.contains('flash') && document.activeElement === node && box.top >= log.top && box.bottom <= log.bottom; })()";
    for way in ["a[data-message]", ".reply"] {
        browser.click(&format!("#main-log article {way}")).await;
        browser
            .sees("the message in sight", there, &json!([id]))
            .await;
        browser.click("#main .present").await;
        let down = "(() => { const log = document.querySelector('#main-log'); return log.scrollHeight - log.scrollTop - log.clientHeight < 60; })()";
        browser.sees("the newest again", down, &json!([])).await;
    }
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_are_marked_and_times_go_on() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let deferred = "document.querySelector('#main-log article:last-of-type .edited')";
    let posted = alone.post(&json!({"content": "as it was, <t:1:R>"})).await;
    enter_alone(&browser, &alone.web).await;
    browser.reads("#main-log article", "as it was").await;
    assert!(
        browser
            .run(&format!("return {deferred};"), &json!([]))
            .await
            .is_null()
    );
    let id = posted["id"].as_str().unwrap_or_default();
    let path = format!("/channels/{}/messages/{id}", alone.id("channel_id"));
    let now = browser
        .run("return Math.floor(Date.now() / 1000);", &json!([]))
        .await;
    let edited = json!({"content": format!("as it is, <t:{now}:R>")});
    alone.as_bot(Method::PATCH, &path, &edited).await;
    browser.reads("#main-log article .edited", "(edited)").await;
    let when = "document.querySelector('#main-log time.when')?.textContent";
    browser
        .sees(
            "some time ago",
            &format!("/^[1-9]\\d* seconds? ago$/.test({when})"),
            &json!([]),
        )
        .await;
    let before = browser.run(&format!("return {when};"), &json!([])).await;
    browser
        .sees(
            "it to go on",
            &format!("{when} !== arguments[0]"),
            &json!([before]),
        )
        .await;
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_seen_unfolded_and_fetched_as_it_was_sent() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let lines: Vec<String> = (1..=200).map(|n| format!("line {n} <b>")).collect();
    let sent = lines.join("\n");
    alone.upload("report.log", &sent).await;
    enter_alone(&browser, &alone.web).await;
    browser.reads("#main-log .preview", "line 1 <b>").await;
    let last = "document.querySelector('#main-log .preview').innerText.includes('line 200 <b>')";
    assert_eq!(
        browser.run(&format!("return {last};"), &json!([])).await,
        false
    );
    browser.click("#main-log .expand").await;
    browser.sees("all of it", last, &json!([])).await;
    // Only what the page's own policy lets through is fetched; the link itself says that it is to be kept.
    let link = "document.querySelector('#main-log .download')";
    let kept = browser
        .run(
            &format!("return {link}.hasAttribute('download');"),
            &json!([]),
        )
        .await;
    assert_eq!(kept, true);
    let got = browser
        .awaited(
            &format!("await (await fetch({link}.href)).text()"),
            &json!([]),
        )
        .await;
    assert_eq!(got, json!(sent));
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_thread_follows_the_message_above_it_and_shows_long_code_to_its_end() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let posted = alone.post(&json!({"content": "running"})).await;
    let id = posted["id"].as_str().unwrap_or_default();
    let message = format!("/channels/{}/messages/{id}", alone.id("channel_id"));
    let thread = json!({"name": "talk"});
    alone
        .as_bot(Method::POST, &format!("{message}/threads"), &thread)
        .await;
    enter_alone(&browser, &alone.web).await;
    browser.click("#main-log .thread-link").await;
    browser.reads("#thread-log .starter", "running").await;
    let lines: Vec<String> = (1..=400).map(|n| n.to_string()).collect();
    let ended = json!({"content": format!("ended\n```\n{}\n```", lines.join("\n"))});
    alone.as_bot(Method::PATCH, &message, &ended).await;
    browser.reads("#thread-log .starter", "ended").await;
    let whole = "(() => { const pre = document.querySelector('#main-log pre'); return pre.scrollHeight <= pre.clientHeight + 1; })()";
    browser.sees("the block in full", whole, &json!([])).await;
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_stays_in_its_channel_and_goes_with_its_person() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let mut alone = Alone::start(&programs()).await;
    let made = json!({"channels": [{"name": "news"}]});
    let news = alone.act("guild", &made).await["channels"]["news"].clone();
    let news = news.as_str().unwrap_or_default().to_owned();
    enter_alone(&browser, &alone.web).await;
    browser.reads(&entry(&news), "news").await;
    let box_is = "document.activeElement.id === 'main-input' && document.activeElement.value === arguments[0] \
        && document.querySelector('#main-input-hint').textContent === ''";
    browser.keys("/help me").await;
    browser.reads("#main-input-hint", "no command").await;
    browser.click(&entry(&news)).await;
    browser.sees("nothing here", box_is, &json!([""])).await;
    browser.click(&entry(&alone.id("channel_id"))).await;
    browser
        .sees("the draft", box_is, &json!(["/help me"]))
        .await;
    become_person(&browser, &alone.id("guest_id")).await;
    browser
        .sees("nothing of another's", box_is, &json!([""]))
        .await;
    nothing_went_wrong(&browser).await;
    browser.end().await;
    alone.stop().await;
}
