//! What people are told who want to know how this works: `/help`, `/whoami`, the welcome, and the answer to who speaks to the bot.

use hyper::Method;
use serde_json::{Value, json};
use shanty_tests::{Message, Options, Person, World, wait};

use crate::programs;

/// Somebody writes a message; gives its id.
async fn writes(person: &Person, content: &str) -> String {
    let mut body = json!({"channel_id": person.channel, "user_id": person.id, "content": content});
    if !person.guild.is_empty() {
        body["guild_id"] = json!(person.guild);
    }
    let (status, answer) = person.act("message", &body).await;
    assert_eq!(status, 200, "{answer}");
    answer["message_id"].as_str().unwrap_or_default().to_owned()
}

/// What the bot answers to an interaction that only they see.
async fn told(person: &Person, interaction: &str) -> Message {
    let answer = person.answer(interaction).await;
    assert!(answer.is_ephemeral(), "{answer:?}");
    answer
}

fn holds(message: &Message, texts: &[&str]) {
    for text in texts {
        assert!(message.text().contains(text), "{text}: {}", message.text());
    }
}

#[tokio::test]
async fn help_and_rights_are_by_what_somebody_may_do_here() {
    let world = World::with_three(&programs()).await;
    let (operator, viewer, guest) = (world.operator(), world.viewer(), world.guest());

    let help = told(&operator, &operator.slash("help", &[]).await).await;
    holds(
        &help,
        &[
            "/run on:db-01 command:uptime",
            "run commands, stop runs",
            "`/hosts`",
        ],
    );
    // What is read about takes the place of what was read before.
    operator.picks(&help, "topics", "naming").await;
    let turned = operator
        .sees("the topic", |m| {
            m.id() == help.id() && m.text().contains("### Naming hosts")
        })
        .await;
    operator.picks(&turned, "topics", "start").await;
    operator
        .sees("the beginning", |m| {
            m.id() == help.id() && m.text().contains("/run on:db-01")
        })
        .await;
    let topic = told(
        &operator,
        &operator.slash("help", &[("topic", "buttons")]).await,
    )
    .await;
    holds(&topic, &["### What the buttons do"]);
    // What the help says can be tried, and it works.
    let hosts = told(&operator, &operator.click(&help, "v1:try:hosts").await).await;
    holds(&hosts, &["### Hosts · 3"]);
    let runs = told(&operator, &operator.click(&help, "v1:try:runs").await).await;
    holds(&runs, &["Nothing was run yet"]);

    let seen = told(&viewer, &viewer.slash("help", &[]).await).await;
    holds(&seen, &["Here you may look at hosts and runs.", "`/hosts`"]);
    assert!(!seen.text().contains("/run on"), "{}", seen.text());
    let rights = told(&viewer, &viewer.click(&seen, "v1:try:rights").await).await;
    let channel = format!("### What you may do in <#{}>", viewer.channel);
    let ask = format!(
        "✖ run commands · stop runs · put runs on hold · change hosts and groups: ask <@{}>",
        operator.id
    );
    holds(
        &rights,
        &[
            &channel,
            "grant `viewers` on `role=web`: 2 hosts · it names you",
            &ask,
        ],
    );

    let rights = told(&operator, &operator.slash("whoami", &[]).await).await;
    holds(
        &rights,
        &[
            "✅ **look at hosts and runs, run commands, stop runs, put runs on hold, change hosts and groups** · 3 hosts",
            "grant `operators` on `all`: 3 hosts",
        ],
    );
    holds(
        &rights,
        &["✖ leave processes running · update agents: nobody may, in this channel"],
    );

    let nothing = told(&guest, &guest.slash("help", &[]).await).await;
    holds(&nothing, &["You may do nothing in this channel yet."]);
    let rights = told(&guest, &guest.slash("whoami", &[]).await).await;
    holds(&rights, &["### You may do nothing in"]);
    for text in [nothing.text(), rights.text()] {
        assert!(!text.contains("web-0") && !text.contains("db-0"), "{text}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_channel_is_told_by_who_may_manage_and_each_press_is_for_who_presses() {
    let world = World::with_hosts(&programs(), Options::default(), &[("web-01", "role=web")]).await;
    let (operator, viewer, guest) = (world.operator(), world.viewer(), world.guest());
    let post = |person: &Person| {
        let mut body = person.command("help", &[]);
        body["options"] = json!([{"name": "post", "type": 5, "value": true}]);
        let person = person.clone();
        async move {
            let (status, answer) = person.act("slash", &body).await;
            assert_eq!(status, 200, "{answer}");
            answer["interaction_id"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        }
    };
    let refused = told(&viewer, &post(&viewer).await).await;
    assert!(!refused.text().contains("👋"), "{}", refused.text());
    let welcome = operator.answer(&post(&operator).await).await;
    assert!(!welcome.is_ephemeral());
    holds(&welcome, &["### 👋 Commands on your servers"]);
    let pins = format!("/channels/{}/messages/pins", operator.channel);
    wait::until("the welcome to be pinned", || async {
        let page = world.as_bot(Method::GET, &pins, &Value::Null).await;
        let pinned = page["items"][0]["message"]["id"] == welcome.id();
        if pinned { Ok(()) } else { Err(page) }
    })
    .await;

    let rights = told(&guest, &guest.click(&welcome, "v1:try:rights").await).await;
    holds(&rights, &["### You may do nothing in"]);
    told(&guest, &guest.click(&welcome, "v1:try:hosts").await).await;
    let help = told(&viewer, &viewer.click(&welcome, "v1:help:start").await).await;
    holds(&help, &["Here you may look at hosts and runs."]);
    let hosts = told(&viewer, &viewer.click(&welcome, "v1:try:hosts").await).await;
    holds(&hosts, &["web-01"]);
    let after = operator
        .sees("the welcome", |message| message.id() == welcome.id())
        .await;
    assert_eq!(after.text(), welcome.text(), "what everybody sees stays");
    world.end().await;
}

#[tokio::test]
async fn operators_are_welcomed_once() {
    let options = Options {
        ops_channel: true,
        ..Options::default()
    };
    let mut world = World::start(&programs(), options).await;
    let operator = world.operator();
    let is_welcome = |message: &Message| message.text().contains("👋");
    operator.sees("the welcome", is_welcome).await;
    for how in ["killed", "stopped"] {
        let controller = world.take_controller();
        match how {
            "killed" => controller.kill().await,
            _ => controller.stop().await,
        }
        world.start_controller().await;
        // It has asked, and been answered, what there is.
        told(&operator, &operator.slash("whoami", &[]).await).await;
    }
    world.add_host("web-01", "role=web").await;
    operator
        .sees("news after it", |message| {
            message.text().contains("1 host joined")
        })
        .await;
    let welcomes = operator
        .view()
        .await
        .iter()
        .filter(|m| is_welcome(m))
        .count();
    assert_eq!(welcomes, 1);
    world.end().await;
}

#[tokio::test]
async fn who_speaks_to_the_bot_is_answered_shortly_and_seldom() {
    let world = World::start(&programs(), Options::default()).await;
    let (operator, guest) = (world.operator(), world.guest());
    let bot = world.defaults["application_id"]
        .as_str()
        .unwrap_or_default();
    writes(&operator, "nothing for the bot").await;
    let said = writes(&operator, &format!("<@{bot}> what can you do?")).await;
    let is_answer = |message: &Message| message.text().contains("I run commands on servers.");
    let answer = operator.sees("an answer", is_answer).await;
    assert!(answer.id() > said.as_str(), "it comes after the question");
    assert!(!answer.is_ephemeral());
    assert_eq!(answer.0["mentions"], json!([]), "nobody is pinged");
    let rights = told(&guest, &guest.click(&answer, "v1:try:rights").await).await;
    holds(&rights, &["### You may do nothing in"]);

    // However often it is spoken to, it does not fill the channel.
    for _ in 0..4 {
        for person in [&operator, &guest, &world.viewer()] {
            writes(person, &format!("<@{bot}> help")).await;
        }
    }
    // In its direct messages anything is answered; what was said before is dealt with by then.
    let body = json!({"recipient_id": guest.id});
    let direct = world
        .as_bot(Method::POST, "/users/@me/channels", &body)
        .await;
    let mut alone = guest.in_channel(direct["id"].as_str().unwrap_or_default());
    alone.guild.clear();
    writes(&alone, "/run on:all command:id").await;
    let answer = alone
        .sees("an answer", |m| {
            m.text().contains("I take no commands here")
        })
        .await;
    assert_eq!(answer.buttons(), Vec::<String>::new());
    let answers = operator
        .view()
        .await
        .iter()
        .filter(|m| is_answer(m))
        .count();
    // Three a minute, and this may take more than one.
    assert!((1..=6).contains(&answers), "{answers}");
    assert_eq!(world.runs().await.len(), 0);
    world.end().await;
}
