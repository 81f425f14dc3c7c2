//! Colours of what a command prints, for those who ask: on the card, in the thread, and whenever it is run again.

use serde_json::{Value, json};
use shanty_tests::{Message, Options, Person, World};

use crate::programs;

/// Prints in colours where it is told to, as `ls --color=auto` and the like do.
const COMMAND: &str = "if [ \"$FORCE_COLOR$CLICOLOR_FORCE\" = 11 ]; then printf '\\033[1;38;5;196mwrong\\033[0m 1\\n'; \
    else echo 'wrong 1'; fi";

const COLOURED: &str = "```ansi\n\u{1b}[1;31mwrong\u{1b}[0m 1\n```";
const PLAIN: &str = "```\nwrong 1\n```";

async fn world() -> World {
    let hosts = [("web-01", "role=web"), ("web-02", "role=web")];
    World::with_hosts(&programs(), Options::default(), &hosts).await
}

/// `/run` with `color:true`.
async fn run_in_colours(operator: &Person, on: &str) -> String {
    let mut body = operator.command("run", &[("on", on), ("command", COMMAND)]);
    let options = body["options"].as_array_mut().unwrap();
    options.push(json!({"name": "color", "type": 5, "value": true}));
    let (status, answer) = operator.act("slash", &body).await;
    assert_eq!(status, 200, "{answer}");
    answer["interaction_id"].as_str().unwrap().to_owned()
}

/// The card at the end, with its last buttons.
async fn over(operator: &Person, asked: &str, block: &str) -> Message {
    operator
        .card(asked, &format!("to be over with {block:?}"), |card| {
            card.is_over() && card.text().contains(block)
        })
        .await
}

async fn shown(world: &World, number: &str) -> (Value, String) {
    let json = world.shanty(&["runs", "show", number, "--json"]).await;
    let text = world.shanty(&["runs", "show", number]).await;
    (serde_json::from_str(&json.out).unwrap(), text.out)
}

#[tokio::test]
async fn colours_are_shown_to_who_asks_and_stay_with_the_run() {
    let world = world().await;
    let operator = world.operator();

    let asked = operator.run("web-01", COMMAND).await;
    over(&operator, &asked, PLAIN).await;
    let (json, text) = shown(&world, "1").await;
    assert_eq!(json["color"], false);
    assert!(!text.contains("color"), "{text}");

    let asked = run_in_colours(&operator, "web-01").await;
    let card = over(&operator, &asked, COLOURED).await;
    let thread = operator.in_thread_of(&asked).await;
    let page = |message: &Message| message.text().contains(COLOURED);
    thread.sees("the coloured output", page).await;
    let (json, text) = shown(&world, "2").await;
    assert_eq!(json["color"], true);
    assert!(text.contains("  color     asked for\n"), "{text}");

    let again = operator.presses(&card, "again").await;
    over(&operator, &again, COLOURED).await;

    operator.presses(&card, "edit").await;
    operator.form().await;
    let fields = json!({"command": COMMAND, "on": "web-02", "timeout": "", "as": ""});
    let filled = operator.fills_in(&fields).await;
    over(&operator, &filled, COLOURED).await;

    let (json, _) = shown(&world, "4").await;
    assert_eq!(json["color"], true);
    world.end().await;
}

#[tokio::test]
async fn the_output_of_several_hosts_is_shown_once_in_its_colours() {
    let world = world().await;
    let operator = world.operator();
    let asked = run_in_colours(&operator, "role=web").await;
    let card = over(&operator, &asked, COLOURED).await;
    assert_eq!(card.text().matches("```ansi").count(), 1, "{}", card.text());
    let thread = operator.in_thread_of(&asked).await;
    let group = |message: &Message| {
        let text = message.text();
        text.contains("web-[01-02]") && text.contains(COLOURED)
    };
    thread.sees("the coloured output of the group", group).await;

    let call = ["run", "--color", "--on", "web-01", "--", COMMAND];
    let ran = world.shanty(&call).await;
    assert_eq!(ran.out, "\u{1b}[1;38;5;196mwrong\u{1b}[0m 1\n");
    world.end().await;
}
