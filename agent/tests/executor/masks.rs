//! Secrets of the host are masked before the spool, and what cannot be masked does not run.

use std::fs;

use shanty_agent::executor::{Config, Refusal};
use shanty_core::output::mask::SecretFiles;
use shanty_core::refusal::Code;
use shanty_core::spool::{Cause, How};

use crate::world::{World, order, wait};

const SECRET: &str = "pa55/word+of?ours";

/// A world whose secret is in a file.
async fn world() -> World {
    World::with(|config| {
        mask(config, SECRET);
    })
    .await
}

fn mask(config: &mut Config, secret: &str) {
    fs::create_dir_all(&config.data_dir).unwrap();
    let file = config.data_dir.with_file_name("secret");
    fs::write(&file, format!("{secret}\n")).unwrap();
    config.mask = SecretFiles {
        files: vec![file],
        ..SecretFiles::default()
    };
}

#[tokio::test]
async fn a_secret_is_masked_in_every_form_and_in_pieces() {
    let world = world().await;
    for (command, out, masked) in [
        (format!("echo 'x{SECRET}y'"), "x[masked]y\n", 1),
        (
            "printf 'pa55/wor'; sleep 0.05; printf 'd+of'; sleep 0.05; echo '?ours.'".to_owned(),
            "[masked].\n",
            1,
        ),
        (
            format!("printf 'user:{SECRET}' | base64"),
            "dXNlcjp[masked]==\n",
            1,
        ),
        (
            "echo 'p=pa55%2Fword%2Bof%3Fours&q'; echo 'pa55/word+of'".to_owned(),
            "p=[masked]&q\npa55/word+of\n",
            1,
        ),
        (
            "echo AKIAIOSFODNN7EXAMPLE; echo 'password=hunter22'".to_owned(),
            "[masked]\npassword=[masked]\n",
            2,
        ),
    ] {
        let ended = world.run(&order(&command)).await;
        assert_eq!(ended.text(), out, "{command}");
        assert_eq!(ended.exit.masked, masked, "{command}");
    }
}

#[tokio::test]
async fn both_streams_are_masked_each_for_itself_and_both_are_counted() {
    let world = world().await;
    let command = format!("printf pa55 >&2; echo '{SECRET}'; echo '/word+of?ours' >&2");
    let ended = world.run(&order(&command)).await;
    assert_eq!(ended.text(), "[masked]\n");
    assert_eq!(ended.err_text(), "[masked]\n");
    assert_eq!(ended.exit.masked, 2);
}

#[tokio::test]
async fn a_question_that_ends_like_a_secret_begins_is_seen_while_it_waits() {
    let world = world().await;
    let gate = world.path("gate");
    let command = format!(
        "mkfifo {gate}; printf 'which pa55'; read x < {gate}; echo",
        gate = gate.display()
    );
    let run = world.start(&order(&command)).await;
    world.wrote(run, "which pa55").await;
    wait(|| (!gate.exists()).then(|| "there is no gate".to_owned()));
    fs::write(&gate, "go\n").unwrap();
    assert_eq!(world.ended(run).await.text(), "which pa55\n");
}

#[tokio::test]
async fn the_beginning_of_a_secret_at_the_very_end_is_masked() {
    let world = world().await;
    let ended = world.run(&order("printf 'x pa55/word+o'")).await;
    assert_eq!(
        (ended.text().as_str(), ended.exit.masked),
        ("x [masked]", 1)
    );
}

#[tokio::test]
async fn a_secret_that_was_changed_counts_at_once() {
    let world = world().await;
    let file = world.config.mask.files[0].clone();
    fs::write(&file, "another-one").unwrap();
    let ended = world
        .run(&order(&format!("echo '{SECRET}' another-one")))
        .await;
    assert_eq!(ended.text(), format!("{SECRET} [masked]\n"));
}

#[tokio::test]
async fn what_cannot_be_masked_does_not_run() {
    let world = world().await;
    let file = world.config.mask.files[0].clone();
    let left = world.path("left");
    let command = format!("touch {}", left.display());
    for (content, why) in [
        (None, "does not exist"),
        (Some("short"), "it holds 5 bytes"),
    ] {
        match content {
            None => fs::remove_file(&file).unwrap(),
            Some(content) => fs::write(&file, content).unwrap(),
        }
        let Refusal { code, text } = world.try_start(&order(&command)).await.unwrap_err();
        assert_eq!(code, Code::Agent);
        assert!(text.contains("[mask] of agent.toml"), "{text}");
        assert!(text.contains(&file.display().to_string()), "{text}");
        assert!(text.contains(why), "{text}");
    }
    assert!(!left.exists());
}

#[tokio::test]
async fn shapes_can_be_left_alone() {
    let world = World::with(|config| config.mask.shapes = false).await;
    let ended = world.run(&order("echo AKIAIOSFODNN7EXAMPLE")).await;
    assert_eq!(ended.text(), "AKIAIOSFODNN7EXAMPLE\n");
    assert_eq!(
        (ended.exit.how, ended.exit.cause, ended.exit.masked),
        (How::Code(0), Cause::Command, 0)
    );
}
