//! `/host add`: a line in chat with which a server joins, what is told then, and how the line is made void.

use shanty_tests::host::own_user;
use shanty_tests::site::{self, Site, hand_out};
use shanty_tests::{Grant, Message, Options, World};

use crate::programs;

/// The line in the answer.
fn line(answer: &Message) -> String {
    assert!(answer.is_ephemeral(), "it holds a secret: {answer:?}");
    let text = answer.text();
    let begin = text
        .find("```sh\n")
        .unwrap_or_else(|| panic!("no line: {text}"))
        + 6;
    text[begin..].split("\n```").next().unwrap().to_owned()
}

#[tokio::test]
async fn a_line_from_chat_lets_a_server_in_until_it_is_revoked() {
    if !site::can_be_tried() {
        return;
    }
    let options = Options {
        ops_channel: true,
        ..Options::default()
    };
    let world = World::start(&programs(), options).await;
    let operator = world.operator();
    let none = operator.below("host", "add", &[]).await;
    let none = operator.answer(&none).await.text();
    assert!(none.contains("there are no agents to hand out"), "{none}");
    hand_out(&world, "");
    let user = own_user();
    let typed = [
        ("labels", "role=web"),
        ("name", "web-[01-02]"),
        ("uses", "2"),
        ("ttl", "1h"),
        ("as", user.as_str()),
    ];
    let asked = operator.below("host", "add", &typed).await;
    let answer = operator.answer(&asked).await;
    for said in ["Good for 2 hosts until ", "`web-[01-02]`", "`role=web`"] {
        assert!(answer.text().contains(said), "{said}: {}", answer.text());
    }
    assert!(
        !world
            .viewer()
            .view()
            .await
            .iter()
            .any(|message| message.answers(&asked))
    );

    // Only who asked has the line; that there is one is known to all.
    operator
        .sees("that a token was made", |message| {
            message.text().contains("made the join token")
        })
        .await;

    let web = Site::new(world.dir.path(), "web-01", "dash");
    let ran = web.types(&line(&answer)).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let call = shanty_tests::process::call(
        &web.agent(),
        &["run", "--data-dir", &web.data().to_string_lossy()],
    );
    let (agent, _) =
        shanty_tests::process::Process::start("web-01", call, world.dir.path().join("web-01.log"))
            .await;
    let news = operator
        .sees("who joined", |message| {
            message.text().contains("1 host joined")
        })
        .await;
    assert!(news.text().contains("web-01"), "{}", news.text());
    world.is_online("web-01", true).await;
    let hello = operator.presses(&news, "hello").await;
    operator.card_end(&hello, "web-01").await;
    let said = world.shanty(&["runs", "show", "1"]).await;
    assert!(said.out.contains("Hello from "), "{said:?}");

    let revoked = operator.presses(&answer, "revoke").await;
    operator
        .sees("that the line is void", |message| {
            message.text().contains("The line is void")
        })
        .await;
    assert!(!revoked.is_empty());
    let late = Site::new(world.dir.path(), "web-02", "dash");
    let ran = late.types(&line(&answer)).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    assert!(
        ran.err.contains("not valid") && ran.err.contains("(E040)"),
        "{ran:?}"
    );
    agent.stop().await;
    world.end().await;
}

#[tokio::test]
async fn who_does_not_manage_all_gets_no_line() {
    let options = Options {
        grants: vec![Grant {
            who: "guest_id",
            what: &["view", "manage"],
            hosts: "role=web",
        }],
        ..Options::default()
    };
    let world = World::start(&programs(), options).await;
    hand_out(&world, "");
    for (person, said) in [
        (world.viewer(), "You may not"),
        (
            world.guest(),
            "You manage some hosts here, and a host that joins may become any.",
        ),
    ] {
        let asked = person.below("host", "add", &[("labels", "role=web")]).await;
        let answer = person.answer(&asked).await;
        assert!(
            answer.is_ephemeral() && answer.text().contains(said),
            "{}",
            answer.text()
        );
    }
    let operator = world.operator();
    for (option, value, said) in [
        ("uses", "many", "`uses` is not a number"),
        ("uses", "0", "A token takes 1 to"),
        ("uses", "0", "Write for example `5`"),
        ("ttl", "8d", "A token lives from 1s to 7d"),
        ("ttl", "0s", "A token lives from 1s to 7d"),
        (
            "labels",
            "role=web,role=db",
            "the label `role` is given twice",
        ),
        ("labels", "role", "No token was made"),
        ("name", "role=web", "The names of a token cannot be read"),
        ("as", "a;b", "`as` cannot be read"),
    ] {
        let asked = operator.below("host", "add", &[(option, value)]).await;
        let text = operator.answer(&asked).await.text();
        assert!(text.contains(said), "{option}:{value}: {text}");
    }
    assert_eq!(
        world.shanty(&["token", "list"]).await.out,
        "There are no tokens.\n"
    );
    world.end().await;
}
