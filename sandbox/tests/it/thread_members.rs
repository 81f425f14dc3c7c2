//! Members of threads: who joins how, who may add and remove, and what the bot hears of it.

use serde_json::{Value, json};

use crate::rig::{INTENTS, Rig, text};

const MANAGE_THREADS: u64 = 1 << 34;
const GUILD_MEMBERS: u64 = 1 << 1;

async fn thread(rig: &Rig, body: Value) -> String {
    let path = format!("/channels/{}/threads", rig.id("channel_id"));
    text(&rig.ok("POST", &path, body).await["id"])
}

async fn ids(rig: &Rig, thread: &str) -> Vec<String> {
    let path = format!("/channels/{thread}/thread-members");
    let list = rig.ok("GET", &path, Value::Null).await;
    list.as_array()
        .unwrap()
        .iter()
        .map(|m| text(&m["user_id"]))
        .collect()
}

#[tokio::test]
async fn posting_and_being_mentioned_make_members() {
    let rig = Rig::start().await;
    let mut bot = rig.bot_with(INTENTS | GUILD_MEMBERS).await;
    let id = thread(&rig, json!({"name": "t", "type": 11})).await;
    let (operator, guest) = (rig.id("user_id"), rig.id("guest_id"));
    let content = format!("look, <@{guest}>");
    rig.act(
        "message",
        json!({"channel_id": id, "user_id": operator, "content": content}),
    )
    .await;
    let update = bot.event("THREAD_MEMBERS_UPDATE").await;
    let added = update["added_members"].as_array().unwrap();
    let added: Vec<_> = added
        .iter()
        .map(|m| text(&m["member"]["user"]["id"]))
        .collect();
    assert_eq!(
        (added, &update["member_count"]),
        (vec![operator.clone(), guest.clone()], &json!(3))
    );
    let members = ids(&rig, &id).await;
    assert!(members.contains(&operator) && members.contains(&guest));
    let one = format!("/channels/{id}/thread-members/{guest}");
    let full = rig
        .ok("GET", &format!("{one}?with_member=true"), Value::Null)
        .await;
    assert_eq!(full["member"]["user"]["id"], json!(guest));
    assert!(
        rig.ok("GET", &one, Value::Null)
            .await
            .get("member")
            .is_none()
    );
    let page = format!("/channels/{id}/thread-members?with_member=true&limit=1");
    let page = rig.ok("GET", &page, Value::Null).await;
    let after = text(&page[0]["user_id"]);
    let rest = format!("/channels/{id}/thread-members?with_member=true&after={after}");
    assert_eq!(
        rig.ok("GET", &rest, Value::Null)
            .await
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(rig.api("DELETE", &one, Value::Null).await.status, 204);
    assert_eq!(
        bot.event("THREAD_MEMBERS_UPDATE").await["removed_member_ids"],
        json!([guest])
    );
    assert_eq!(rig.api("GET", &one, Value::Null).await.code(), 10007);
}

#[tokio::test]
async fn strangers_archived_threads_and_text_channels() {
    let rig = Rig::start().await;
    let id = thread(&rig, json!({"name": "t", "type": 11})).await;
    let members = format!("/channels/{id}/thread-members");
    assert_eq!(
        rig.api("PUT", &format!("{members}/77"), Value::Null)
            .await
            .code(),
        10013
    );
    let stranger = rig.act("guild", json!({"new": {"name": "Other"}})).await;
    let stranger = json!({"guild_id": stranger["guild_id"], "people": [{"name": "stranger"}]});
    let stranger = text(&rig.act("guild", stranger).await["people"]["stranger"]);
    assert_eq!(
        rig.api("PUT", &format!("{members}/{stranger}"), Value::Null)
            .await
            .code(),
        10007
    );
    rig.ok(
        "PATCH",
        &format!("/channels/{id}"),
        json!({"archived": true}),
    )
    .await;
    for method in ["PUT", "DELETE"] {
        let answer = rig
            .api(method, &format!("{members}/@me"), Value::Null)
            .await;
        assert_eq!(answer.code(), 50083, "{method}");
    }
    let general = format!("/channels/{}/thread-members/@me", rig.id("channel_id"));
    assert_eq!(rig.api("PUT", &general, Value::Null).await.code(), 50024);
}

#[tokio::test]
async fn private_threads_ask_who_invites() {
    let rig = Rig::start().await;
    rig.empower(0).await;
    let own = thread(&rig, json!({"name": "mine", "invitable": false})).await;
    let shown = rig
        .ok("GET", &format!("/channels/{own}"), Value::Null)
        .await;
    assert_eq!(
        (&shown["type"], &shown["thread_metadata"]["invitable"]),
        (&json!(12), &json!(false))
    );
    let guest = format!("/channels/{own}/thread-members/{}", rig.id("guest_id"));
    assert_eq!(
        rig.api("PUT", &guest, Value::Null).await.status,
        204,
        "its maker may"
    );
    assert_eq!(
        rig.api("DELETE", &guest, Value::Null).await.status,
        204,
        "and remove"
    );
    let theirs = json!({
        "parent_id": rig.id("channel_id"), "user_id": rig.id("user_id"), "name": "theirs", "private": true,
        "invitable": false, "add": [rig.id("application_id")],
    });
    let theirs = rig.act("guild", json!({"threads": [theirs]})).await;
    let theirs = text(&theirs["threads"]["theirs"]);
    let guest = format!("/channels/{theirs}/thread-members/{}", rig.id("guest_id"));
    assert_eq!(rig.api("PUT", &guest, Value::Null).await.code(), 50013);
    let operator = format!("/channels/{theirs}/thread-members/{}", rig.id("user_id"));
    assert_eq!(
        rig.api("DELETE", &operator, Value::Null).await.code(),
        50013
    );
    rig.empower(MANAGE_THREADS).await;
    assert_eq!(rig.api("PUT", &guest, Value::Null).await.status, 204);
    assert_eq!(rig.api("DELETE", &operator, Value::Null).await.status, 204);
}

#[tokio::test]
async fn a_thousand_members_and_no_more() {
    let rig = Rig::start().await;
    let crowd: Vec<Value> = (0..1000)
        .map(|n| json!({"name": format!("p{n}")}))
        .collect();
    let people = rig.act("guild", json!({"people": crowd})).await["people"].clone();
    let id = thread(&rig, json!({"name": "t", "type": 11})).await;
    let add: Vec<&Value> = (0..999).map(|n| &people[format!("p{n}")]).collect();
    rig.act("guild", json!({"threads": [{"id": id, "add": add}]}))
        .await;
    let last = format!("/channels/{id}/thread-members/{}", text(&people["p999"]));
    assert_eq!(rig.api("PUT", &last, Value::Null).await.code(), 30033);
    let shown = rig.ok("GET", &format!("/channels/{id}"), Value::Null).await;
    assert_eq!(shown["member_count"], 50, "Discord counts no further");
}

#[tokio::test]
async fn the_bot_hears_of_its_own_membership() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    let start =
        json!({"parent_id": rig.id("channel_id"), "user_id": rig.id("user_id"), "name": "theirs"});
    let made = rig.act("guild", json!({"threads": [start]})).await;
    let id = text(&made["threads"]["theirs"]);
    let path = format!("/channels/{id}/thread-members/@me");
    rig.ok("PUT", &path, Value::Null).await;
    let told = bot.event("THREAD_MEMBER_UPDATE").await;
    assert_eq!(
        (&told["id"], &told["user_id"], &told["guild_id"]),
        (
            &json!(id),
            &json!(rig.id("application_id")),
            &json!(rig.id("guild_id"))
        )
    );
}
