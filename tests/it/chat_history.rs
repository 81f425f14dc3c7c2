//! Looking back in chat: who ran what where, page by page, by words, as a table; and commands that come back while one is typed.

use serde_json::{Value, json};
use shanty_tests::person::{Message, Person};
use shanty_tests::wait;
use shanty_tests::{Options, World};

use crate::programs;

/// `/runs`, with options of their own kinds, until its answer is as it should be.
async fn runs_until(
    person: &Person,
    options: &[(&str, u64, &str)],
    what: &str,
    is: impl Fn(&Message) -> bool,
) -> Message {
    let mut body = person.command("runs", &[]);
    let options = options.iter();
    let options =
        options.map(|(name, kind, value)| json!({"name": name, "type": kind, "value": value}));
    body["options"] = Value::Array(options.collect());
    let (status, answer) = person.act("slash", &body).await;
    assert_eq!(status, 200, "{answer}");
    let asked = answer["interaction_id"].as_str().unwrap();
    let card = person.card(asked, what, is).await;
    assert!(card.is_ephemeral(), "{card:?}");
    card
}

/// The same as soon as nothing of the last moments is missing.
async fn runs(person: &Person, options: &[(&str, u64, &str)]) -> Message {
    wait::until("what happened last to be indexed", || async {
        let is_there = |card: &Message| !card.text().is_empty();
        let card = runs_until(person, options, "to be there", is_there).await;
        match card.text().contains("last moments may be missing") {
            true => Err(card.text()),
            false => Ok(card),
        }
    })
    .await
}

const TEXT: u64 = 3;
const USER: u64 = 6;

/// What is offered while a command is typed: names and values.
async fn offered(person: &Person, typed: &str) -> Vec<(String, String)> {
    let mut body = person.command("run", &[("on", "web-01"), ("command", typed)]);
    body["options"][1]["focused"] = Value::from(true);
    let (status, answer) = person.act("autocomplete", &body).await;
    assert_eq!(status, 200, "{answer}");
    let text = |choice: &Value, field: &str| choice[field].as_str().unwrap().to_owned();
    let choices = answer["choices"].as_array().cloned().unwrap_or_default();
    let pair = |choice: &Value| (text(choice, "name"), text(choice, "value"));
    choices.iter().map(pair).collect()
}

/// The numbers of the runs on a card, in their order.
fn numbers(card: &Message) -> Vec<u64> {
    let text = card.text();
    let number = |line: &str| {
        let (_, rest) = line.split_once('#')?;
        rest.split([' ', ']']).next()?.parse().ok()
    };
    text.lines()
        .filter(|line| line.contains(" · <t:"))
        .filter_map(number)
        .collect()
}

#[tokio::test]
async fn runs_are_found_by_who_where_how_and_what_and_linked() {
    let world = World::with_three(&programs()).await;
    let (operator, viewer) = (world.operator(), world.viewer());
    let asked = operator
        .run("web-01", "echo 'No space left on device'; exit 28")
        .await;
    operator.card_end(&asked, "exit 28").await;
    let asked = operator.run("db-01", "seq 1 400").await;
    let thread = operator.in_thread_of(&asked).await.channel;
    operator.card_end(&asked, "exit 0").await;
    assert_eq!(
        world
            .shanty(&["run", "--on", "web-02", "--", "true"])
            .await
            .code,
        0
    );

    let all = runs(&operator, &[]).await;
    assert_eq!(numbers(&all), [3, 2, 1], "{}", all.text());
    assert!(
        all.text().starts_with("### Runs · 3 runs"),
        "{}",
        all.text()
    );
    let linked = wait::until("the thread to be linked", || async {
        let text = runs(&operator, &[]).await.text();
        let way = format!(
            "[#2](https://discord.com/channels/{}/{thread})",
            operator.guild
        );
        if text.contains(&way) {
            Ok(text)
        } else {
            Err(text)
        }
    })
    .await;
    assert!(
        linked.contains("· root ·") || linked.contains(&shanty_tests::host::own_user()),
        "{linked}"
    );

    for (options, expected) in [
        (&[("who", USER, operator.id.as_str())][..], &[2, 1][..]),
        (&[("on", TEXT, "role=web")], &[3, 1]),
        (&[("state", TEXT, "failed")], &[1]),
        (&[("since", TEXT, "1h"), ("on", TEXT, "db-01")], &[2]),
        (&[("state", TEXT, "stopped")], &[]),
    ] {
        let card = runs(&operator, options).await;
        assert_eq!(numbers(&card), expected, "{options:?}: {}", card.text());
    }
    // What is printed is read a moment after the run is over.
    let hit = wait::until("the output to be searched", || async {
        let card = runs(&operator, &[("text", TEXT, "space lef")]).await;
        let text = card.text();
        if text
            .replace('\\', "")
            .contains("-# web-01: `No space left on device`")
        {
            Ok(card)
        } else {
            Err(text)
        }
    })
    .await;
    assert_eq!(numbers(&hit), [1]);

    // Who may see less finds less, also in what was printed and by a run's own number.
    let seen = runs(&viewer, &[]).await;
    assert_eq!(numbers(&seen), [3, 1], "{}", seen.text());
    assert_eq!(
        numbers(&runs(&viewer, &[("text", TEXT, "400")]).await),
        [0_u64; 0]
    );
    let refused = runs(&world.guest(), &[]).await.text();
    assert!(refused.contains("may not look at"), "{refused}");
    for (options, said) in [
        (
            ("text", TEXT, "x".repeat(6_000)),
            "6,000 characters, and 200 is the limit",
        ),
        (("text", TEXT, "\" -- *".to_owned()), "no word to look for"),
        (
            ("since", TEXT, "soon".to_owned()),
            "no time to look back to",
        ),
        (("on", TEXT, "nobody".to_owned()), "nobody"),
        (("on", TEXT, "  ".to_owned()), "No hosts are named"),
        (("diff", TEXT, "1".to_owned()), "two runs"),
        (("diff", TEXT, "1 99".to_owned()), "no such run"),
    ] {
        let (name, kind, value) = options;
        let is = |card: &Message| card.text().contains(said);
        runs_until(&operator, &[(name, kind, &value)], said, is).await;
    }
    let nothing = runs(&operator, &[("text", TEXT, "a\" OR \"b NEAR(x")])
        .await
        .text();
    assert!(nothing.contains("Nothing was found"), "{nothing}");

    // The command line says what people are called, and leads to the thread.
    let show = world.shanty(&["runs", "show", "2"]).await.out;
    assert!(
        !show.contains("discord:") && show.contains(&thread),
        "{show}"
    );
    world.end().await;
}

#[tokio::test]
async fn pages_are_turned_shown_and_given_as_a_table_to_who_may() {
    let world = World::with_hosts(&programs(), Options::default(), &[("web-01", "role=web")]).await;
    let operator = world.operator();
    for n in 1..=12 {
        let ran = world
            .shanty(&["run", "--on", "web-01", "--", &format!("echo ={n}")])
            .await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let first = runs(&operator, &[("text", TEXT, "echo")]).await;
    assert_eq!(
        numbers(&first),
        (3..=12).rev().collect::<Vec<u64>>(),
        "{}",
        first.text()
    );
    let older = first.button("runs").unwrap();
    let turned = operator.click(&first, &older).await;
    let second = operator
        .sees("the second page", |message| {
            message.id() == first.id() && numbers(message) == [2, 1]
        })
        .await;
    drop(turned);
    let newer = second.button("runs").unwrap();
    operator.click(&second, &newer).await;
    operator
        .sees("the first page again", |message| {
            message.id() == first.id() && numbers(message).len() == 10
        })
        .await;

    // A press is decided by the rights of who presses: nobody else sees the message, so that only a forged one reaches us.
    let run = world.runs().await[0]["run"].as_str().unwrap().to_owned();
    let shown = operator.picks(&first, "see", &run).await;
    let shown = operator.answer(&shown).await;
    assert!(shown.text().contains("By host · #12"), "{}", shown.text());

    let asked = operator.presses(&first, "csv").await;
    let given = operator
        .card(&asked, "to have a file", |message| {
            !message.files().is_empty()
        })
        .await;
    assert!(given.is_ephemeral());
    let (name, url) = given.files().remove(0);
    let csv = String::from_utf8(operator.download(&url).await).unwrap();
    assert_eq!(name, "runs.csv");
    assert_eq!(csv.lines().count(), 13, "{csv}");
    assert!(
        csv.lines()
            .nth(1)
            .unwrap()
            .ends_with(",web-01,web-01,echo =12"),
        "{csv}"
    );

    let diff = runs_diff(&operator, "11 12").await;
    assert!(
        diff.contains("What changed · #11 → #12") && diff.contains("-=11\n+=12"),
        "{diff}"
    );
    world.end().await;
}

async fn runs_diff(person: &Person, two: &str) -> String {
    let asked = person.slash("runs", &[("diff", two)]).await;
    let card = person
        .card(&asked, "to say what changed", |message| {
            message.text().contains("hanged")
        })
        .await;
    card.text()
}

#[tokio::test]
async fn commands_that_were_run_are_offered_and_favourites_come_first() {
    let world = World::with_three(&programs()).await;
    let (operator, viewer, guest) = (world.operator(), world.viewer(), world.guest());
    assert_eq!(offered(&operator, "").await, []);
    let mut last = String::new();
    for command in ["df -h", "uptime", "sudo -n true || df -i"] {
        last = operator.run("web-01", command).await;
        operator.card_end(&last, "web-01").await;
    }
    let values = |choices: Vec<(String, String)>| -> Vec<String> {
        choices.into_iter().map(|(_, value)| value).collect()
    };
    wait::until("the last command to be offered", || async {
        let values = values(offered(&operator, "").await);
        let all = values == ["sudo -n true || df -i", "uptime", "df -h"];
        if all { Ok(()) } else { Err(values) }
    })
    .await;
    assert_eq!(
        values(offered(&operator, "df").await),
        ["df -h", "sudo -n true || df -i"]
    );
    // Without a grant to run there is nothing.
    assert_eq!(offered(&viewer, "").await, []);
    assert_eq!(offered(&guest, "").await, []);

    let card = operator.answer(&last).await;
    let starred = operator.chooses(&card, "Star command").await;
    let said = operator.answer(&starred).await;
    assert!(
        said.is_ephemeral() && said.text().contains("A favourite of yours"),
        "{}",
        said.text()
    );
    let first = offered(&operator, "df").await.remove(0);
    assert_eq!(first.0, "★ sudo -n true || df -i");
    let taken = operator.chooses(&card, "Star command").await;
    let said = operator.answer(&taken).await.text();
    assert!(said.contains("No favourite any more"), "{said}");
    assert_eq!(values(offered(&operator, "df").await)[0], "df -h");
    let refused = guest.chooses(&card, "Star command").await;
    let said = guest.answer(&refused).await.text();
    assert!(said.contains("may not look at"), "{said}");
    world.end().await;
}
