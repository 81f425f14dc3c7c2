//! Scripts as attachments, and the form for a command of several lines, from who types to what runs.

use serde_json::{Value, json};
use shanty_tests::{Message, Options, Person, World};

use crate::programs;

const HOSTS: [(&str, &str); 2] = [("web-01", "role=web"), ("db-01", "role=db")];

async fn world() -> World {
    World::with_hosts(&programs(), Options::default(), &HOSTS).await
}

/// `/script` with a file; gives the interaction's id.
async fn runs_file(person: &Person, options: &[(&str, &str)], name: &str, text: &[u8]) -> String {
    let mut body = person.command("script", options);
    let content = std::str::from_utf8(text).unwrap();
    let file = json!({"filename": name, "content": content});
    let option = json!({"name": "file", "type": 11, "value": file});
    body["options"].as_array_mut().unwrap().push(option);
    let (status, answer) = person.act("slash", &body).await;
    assert_eq!(status, 200, "{answer}");
    answer["interaction_id"].as_str().unwrap().to_owned()
}

async fn refusal(person: &Person, asked: &str) -> String {
    let answer = person.answer(asked).await;
    assert!(answer.is_ephemeral(), "{answer:?}");
    answer.text()
}

async fn over(person: &Person, asked: &str, verb: &str) -> Message {
    let is = |card: &Message| card.is_over() && card.button(verb).is_some();
    person.card(asked, "to be over", is).await
}

async fn newest(world: &World) -> Value {
    let runs = world.runs().await;
    runs.into_iter()
        .max_by_key(|run| run["number"].as_u64())
        .unwrap()
}

#[tokio::test]
async fn an_attached_script_runs_shows_its_beginning_and_is_run_again_as_it_was() {
    let world = world().await;
    let operator = world.operator();
    let text = b"#!/bin/bash\r\necho \"args: $*\"\r\necho ``` @everyone\r\n";
    let options = [("on", "web-01"), ("args", "--fast 'a b'")];
    let asked = runs_file(&operator, &options, "de ploy.sh", text).await;
    let card = over(&operator, &asked, "again").await;
    let shown = card.text();
    for part in [
        "de_ploy.sh --fast 'a b'",
        "script de_ploy.sh · 3 lines · ",
        " · sha256 ",
        "CRLF was made LF",
        "#!/bin/bash",
        "args: --fast a b",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let run = newest(&world).await;
    let digest = run["input"]["sha256"].clone();
    assert_eq!(run["input"]["crlf"], true, "{run}");

    let pressed = operator.presses(&card, "again").await;
    operator.card_end(&pressed, "args: --fast a b").await;
    assert_eq!(newest(&world).await["input"]["sha256"], digest);
    // What is given to it can be edited, and it stays the script.
    operator.presses(&card, "edit").await;
    operator.form().await;
    let fields = json!({"command": "de_ploy.sh other", "on": "web-01"});
    let pressed = operator.fills_in(&fields).await;
    operator.card_end(&pressed, "args: other").await;
    operator.presses(&card, "edit").await;
    operator.form().await;
    let pressed = operator
        .fills_in(&json!({"command": "uptime", "on": "web-01"}))
        .await;
    let said = refusal(&operator, &pressed).await;
    assert!(
        said.contains("does not begin with that. Nothing was run."),
        "{said}"
    );
    world.end().await;
}

#[tokio::test]
async fn what_is_refused_is_not_even_fetched() {
    let world = world().await;
    let operator = world.operator();
    let one = [("on", "web-01")];
    let long = vec![b'#'; 9 << 20];
    let asked = runs_file(&operator, &one, "long.sh", &long).await;
    let said = refusal(&operator, &asked).await;
    assert!(
        said.contains("The script has 9.0 MiB, and 8.0 MiB is the limit. Nothing was run."),
        "{said}"
    );
    let asked = runs_file(&world.guest(), &one, "x.sh", b"id").await;
    refusal(&world.guest(), &asked).await;
    let asked = runs_file(&operator, &[("on", "no-such-host")], "x.sh", b"id").await;
    refusal(&operator, &asked).await;
    assert!(kept(&world).is_empty(), "{:?}", kept(&world));
    assert!(world.runs().await.is_empty());

    // What was typed is changed in a form, and the file stays attached.
    let typed = [("on", "web-1"), ("args", "--fast"), ("timeout", "50s")];
    let asked = runs_file(&operator, &typed, "x.sh", b"echo ran $*\n").await;
    let refused = operator.answer(&asked).await;
    operator.presses(&refused, "change").await;
    operator.form().await;
    let fields = json!({"command": "--slow", "on": "web-01", "timeout": "50s"});
    let pressed = operator.fills_in(&fields).await;
    let card = operator.card_end(&pressed, "ran --slow").await;
    assert!(card.text().contains("script x.sh"), "{card:?}");
    assert_eq!(kept(&world).len(), 1);

    let asked = runs_file(&operator, &one, "x.fish", b"#!/usr/bin/no-such-fish\n").await;
    let said = "/usr/bin/no-such-fish, which x.fish is for, is not on this host";
    operator.card_end(&asked, said).await;
    assert_eq!(kept(&world).len(), 2);
    world.end().await;
}

/// The inputs that the controller keeps.
fn kept(world: &World) -> Vec<std::path::PathBuf> {
    let mut folders = vec![world.dir.path().to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().collect();
        if folder.ends_with("inputs") {
            return entries.iter().map(std::fs::DirEntry::path).collect();
        }
        let below = entries.iter().filter(|entry| entry.path().is_dir());
        folders.extend(below.map(std::fs::DirEntry::path));
    }
    panic!("the controller keeps inputs somewhere");
}

#[tokio::test]
async fn without_a_file_a_form_with_several_lines_opens_and_keeps_what_was_typed() {
    let world = world().await;
    let operator = world.operator();
    let mut body = operator.command("script", &[("on", "db-01"), ("timeout", "90s")]);
    let tty = json!({"name": "tty", "type": 5, "value": true});
    body["options"].as_array_mut().unwrap().push(tty);
    let (status, answer) = operator.act("slash", &body).await;
    assert_eq!(status, 200, "{answer}");
    let form = operator.form().await;
    assert!(form.to_string().contains("Write and run"), "{form}");
    let fields = json!({
        "command": "for n in 1 2; do\n  echo line $n\ndone\ntest -t 1 && echo terminal",
        "on": "db-01", "timeout": "90s",
    });
    let pressed = operator.fills_in(&fields).await;
    let card = operator.card_end(&pressed, "terminal").await;
    assert!(card.text().contains("on a terminal"), "{card:?}");
    assert_eq!(newest(&world).await["tty"], true);
    world.end().await;
}
