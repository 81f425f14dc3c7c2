//! Markdown as HTML in what people see: where it is, for whom, and that it is there only when asked for.

use serde_json::{Value, json};

use crate::rig::{Rig, V2};

async fn newest(rig: &Rig, user: &str, html: bool) -> Value {
    let ask = json!({"channel_id": rig.id("channel_id"), "user_id": rig.id(user), "html": html});
    rig.act("view", ask).await["messages"][0].clone()
}

#[tokio::test]
async fn a_message_is_seen_as_html_when_asked() {
    let rig = Rig::start().await;
    let (channel, user) = (rig.id("channel_id"), rig.id("user_id"));
    rig.post(&channel, &format!("**hi** <@{user}> <b>")).await;
    let own = newest(&rig, "user_id", true).await;
    let html = own["content_html"].as_str().unwrap();
    assert!(html.starts_with("<strong>hi</strong> <span class=\"mention me\""));
    assert!(html.ends_with("</span> &lt;b&gt;"), "{html}");
    let other = newest(&rig, "user2_id", true).await;
    let html = other["content_html"].as_str().unwrap();
    assert!(html.contains("<span class=\"mention\""), "{html}");
    let plain = newest(&rig, "user_id", false).await;
    assert!(plain.get("content_html").is_none());
}

#[tokio::test]
async fn embeds_and_components_carry_their_html() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}/messages", rig.id("channel_id"));
    let embed = json!({
        "title": "# *t*", "description": "# d", "footer": {"text": "*f*"},
        "fields": [{"name": "*n*", "value": "- v"}],
    });
    rig.ok("POST", &path, json!({"embeds": [embed]})).await;
    let seen = newest(&rig, "user_id", true).await["embeds"][0].clone();
    assert_eq!(seen["title_html"], "# <em>t</em>");
    assert_eq!(seen["description_html"], "<h1>d</h1>");
    assert_eq!(seen["fields"][0]["name_html"], "<em>n</em>");
    assert_eq!(seen["fields"][0]["value_html"], "<ul><li>v</li></ul>");
    assert!(seen["footer"].get("text_html").is_none());
    let text = |text: &str| json!({"type": 10, "content": text});
    let button = json!({"type": 2, "style": 1, "custom_id": "b", "label": "*b*"});
    let section = json!({"type": 9, "components": [text("**s**")], "accessory": button});
    let list = json!([text("*a*"), {"type": 17, "components": [text("~~c~~"), section]}]);
    rig.ok("POST", &path, json!({"flags": V2, "components": list}))
        .await;
    let seen = newest(&rig, "user_id", true).await["components"].clone();
    assert_eq!(seen[0]["content_html"], "<em>a</em>");
    assert_eq!(seen[1]["components"][0]["content_html"], "<s>c</s>");
    let section = &seen[1]["components"][1];
    assert_eq!(
        section["components"][0]["content_html"],
        "<strong>s</strong>"
    );
    assert!(section["accessory"].get("label_html").is_none());
}

#[tokio::test]
async fn a_modal_carries_the_html_of_its_texts() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    rig.register(json!([{"name": "ask", "description": "x"}]))
        .await;
    rig.slash("ask", json!([])).await;
    let asked = bot.event("INTERACTION_CREATE").await;
    let input = json!({"type": 4, "custom_id": "why", "style": 1});
    let modal = json!({"custom_id": "m", "title": "*t*", "components": [
        {"type": 10, "content": "**read**"}, {"type": 18, "label": "*why*", "component": input},
    ]});
    let answer = rig.answer(&asked, json!({"type": 9, "data": modal})).await;
    assert_eq!(answer.status, 200);
    let seen = rig
        .act(
            "modal_open",
            json!({"user_id": rig.id("user_id"), "html": true}),
        )
        .await;
    let components = &seen["modal"]["components"];
    assert_eq!(components[0]["content_html"], "<strong>read</strong>");
    assert!(components[1].get("label_html").is_none());
}

#[tokio::test]
async fn a_hidden_channel_is_not_named() {
    let rig = Rig::start().await;
    let guild = rig.id("guild_id");
    let made = json!({"guild_id": guild, "channels": [{"name": "secret-plans"}]});
    let made = rig.act("guild", made).await;
    let id = made["channels"]["secret-plans"]
        .as_str()
        .unwrap()
        .to_owned();
    let hidden = json!({"guild_id": guild, "overwrites": [
        {"channel_id": id, "id": guild, "deny": "1024"},
        {"channel_id": id, "id": rig.id("user_id"), "allow": "1024"},
    ]});
    rig.act("guild", hidden).await;
    let text = format!("<#{id}> https://discord.com/channels/{guild}/{id}");
    rig.post(&rig.id("channel_id"), &text).await;
    let seen = newest(&rig, "user_id", true).await;
    let html = seen["content_html"].as_str().unwrap();
    assert_eq!(html.matches("#secret-plans").count(), 2, "{html}");
    let seen = newest(&rig, "guest_id", true).await;
    assert!(!seen.to_string().contains("secret-plans"), "{seen}");
}
