//! docs/ACTIONS.md, from the first action on: its files are written, and its commands print and end as it says, without any controller.

use std::path::Path;

use shanty_tests::process::{self, Ran};

use crate::programs;

const DOC: &str = include_str!("../../docs/ACTIONS.md");

async fn shanty(dir: &Path, args: &[&str]) -> Ran {
    let mut call = process::call(&programs().shanty, args);
    let nowhere = dir.join("admin.sock");
    process::run(call.current_dir(dir).env("SHANTY_ADMIN", nowhere)).await
}

/// The blocks of the page: their language, and what is in them.
fn blocks() -> impl Iterator<Item = (&'static str, &'static str)> {
    let fenced = DOC.split("```").skip(1).step_by(2);
    fenced.filter_map(|block| block.split_once('\n'))
}

#[tokio::test]
async fn the_page_about_actions_does_what_it_says() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("actions")).unwrap();
    let mut ran = 0;
    for (language, text) in blocks() {
        let (first, _) = text.split_once('\n').unwrap();
        match (language, first.strip_prefix("# ")) {
            ("toml", Some(name)) => std::fs::write(dir.path().join(name), text).unwrap(),
            ("console", _) => {
                for step in text.split("$ shanty ").skip(1) {
                    let (line, expected) = step.split_once('\n').unwrap();
                    let args: Vec<&str> = line.split(' ').collect();
                    let done = shanty(dir.path(), &args).await;
                    let exit = match done.code {
                        0 => String::new(),
                        code => format!("# exit {code}\n"),
                    };
                    assert_eq!(
                        format!("{}{}{exit}", done.out, done.err),
                        expected,
                        "{line}"
                    );
                    ran += 1;
                }
            }
            _ => {}
        }
    }
    assert_eq!(ran, 4);
}

#[tokio::test]
async fn a_catalogue_is_told_to_programs() {
    let dir = tempfile::tempdir().unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/actions");
    let examples = examples.to_str().unwrap();
    let ran = shanty(dir.path(), &["actions", "check", examples, "--json"]).await;
    assert_eq!(
        (ran.code, &ran.json()["mistakes"]),
        (0, &0.into()),
        "{ran:?}"
    );

    // What is in a file and what is secret reach the program, and the secret nobody else.
    let dump = dir.path().join("dump.sql");
    std::fs::write(&dump, "select 1;\n").unwrap();
    let dump = format!("dump=@{}", dump.display());
    let args = [
        "actions",
        "expand",
        examples,
        "data.import",
        &dump,
        "pw=hunter22",
        "--host",
        "db-01",
        "--label",
        "role=db",
        "--label",
        "env=stage",
        "--json",
    ];
    let ran = shanty(dir.path(), &args).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let told = ran.json();
    assert_eq!(told["stdin"]["text"], "select 1;\n");
    assert_eq!(told["env"]["PGPASSWORD"], "***");
    assert_eq!(told["argv"][3], "/dev/fd/3");
    assert!(
        !ran.out.contains("hunter22") && !ran.err.contains("hunter22"),
        "{ran:?}"
    );

    // A host that it is not for, an action that there is not, a catalogue that is not whole.
    let wrong = |args: &'static [&'static str]| {
        let mut all = vec!["actions", args[0], examples];
        all.extend(&args[1..]);
        all.push("--json");
        let dir = dir.path().to_owned();
        async move { shanty(&dir, &all).await }
    };
    let ran = wrong(&[
        "expand",
        "app.rollback",
        "--host",
        "db-01",
        "--label",
        "role=db",
    ])
    .await;
    assert_eq!(
        (ran.code, &ran.json()["code"]),
        (64, &"E_ON".into()),
        "{ran:?}"
    );
    let ran = wrong(&["show", "app.rolback"]).await;
    assert_eq!(
        (ran.code, &ran.json()["code"]),
        (65, &"E_ACTION_UNKNOWN".into()),
        "{ran:?}"
    );
    let broken = dir.path().join("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("a.toml"), "[it]\ndanger = \"read\"\n").unwrap();
    let ran = shanty(dir.path(), &["actions", "check", "broken", "--json"]).await;
    assert_eq!(ran.code, 65, "{ran:?}");
    let first = ran.out.lines().next().unwrap();
    let first: serde_json::Value = serde_json::from_str(first).unwrap();
    assert_eq!(
        (&first["file"], &first["line"], &first["column"]),
        (&"broken/a.toml".into(), &1.into(), &2.into())
    );
    let ran = shanty(dir.path(), &["actions", "list", "broken"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (65, ""), "{ran:?}");
}
