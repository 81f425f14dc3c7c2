//! Targeting on the command line: groups, drains, and completion in a shell.

use shanty_tests::{Options, World, process};

use crate::programs;

const HOSTS: [(&str, &str); 3] = [
    ("web-01", "env=prod,role=web"),
    ("web-02", "env=prod,role=web"),
    ("db-01", "env=prod,role=db"),
];

async fn world() -> World {
    World::with_hosts(&programs(), Options::default(), &HOSTS).await
}

#[tokio::test]
async fn groups_and_drains_are_for_scripts_too() {
    let world = world().await;
    assert_eq!(
        world.shanty(&["groups"]).await.out,
        "No group was saved yet. `shanty groups save web 'role=web'` saves one.\n"
    );
    let ran = world
        .shanty(&["groups", "save", "@web", "role=web !web-02"])
        .await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "@web stands for role=web !web-02: 1 host now.\n")
    );
    assert_eq!(
        world.shanty(&["hosts", "@web", "--names"]).await.out,
        "web-01\n"
    );
    let group = world.shanty(&["groups", "--json"]).await.json();
    assert_eq!(
        (
            &group["event"],
            &group["name"],
            &group["selector"],
            &group["hosts"]
        ),
        (
            &"group".into(),
            &"web".into(),
            &"role=web !web-02".into(),
            &1.into()
        )
    );
    let ran = world.shanty(&["groups", "save", "web", "@web,db-01"]).await;
    assert_eq!(ran.code, 64, "{ran:?}");
    assert!(ran.err.contains("`@web` would hold itself"), "{ran:?}");
    let ran = world.shanty(&["groups", "remove", "web", "--json"]).await;
    assert_eq!(ran.json()["event"], "group_removed", "{ran:?}");
    assert_eq!(world.shanty(&["hosts", "@web"]).await.code, 64);

    let ran = world.shanty(&["hosts", "drain", "role=web"]).await;
    assert_eq!(
        ran.out, "web-01 takes no new runs.\nweb-02 takes no new runs.\n",
        "{ran:?}"
    );
    let ran = world.shanty(&["hosts", "drain", "web-01", "--json"]).await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, ""),
        "nothing is new: {ran:?}"
    );
    // Trouble first, in the table as in JSON.
    let names = world.shanty(&["hosts", "--names"]).await.out;
    assert_eq!(names, "web-01\nweb-02\ndb-01\n");
    let ran = world
        .shanty(&[
            "run",
            "--on",
            "db-01,web-01",
            "--offline",
            "skip",
            "--",
            "true",
        ])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.err
            .contains("web-01: not started: skipped: the host is draining"),
        "{ran:?}"
    );
    world.end().await;
}

/// What bash completes for a line, as its own completion asks for it.
async fn bash(world: &World, line: &str) -> Vec<String> {
    let shanty = programs().shanty;
    let script = format!(
        "{}\nsource <(SHANTY_COMPLETE=bash {})\n{}",
        "set -u",
        shanty.display(),
        r#"line=$1; shift
            COMP_LINE=$line COMP_POINT=${#line} COMP_TYPE=9 COMP_CWORD=$(($# - 1)) COMP_WORDS=("$@")
            spec=$(complete -p shanty-under-test shanty 2>/dev/null | head -1)
            function=${spec#*-F }; function=${function%% *}
            "$function" shanty "${COMP_WORDS[COMP_CWORD]}" ""
            printf '%s\n' "${COMPREPLY[@]}""#
    );
    let words = bash_words(line);
    let mut command = tokio::process::Command::new("bash");
    command
        .args(["-c", &script, "bash", line])
        .args(&words)
        .env("SHANTY_ADMIN", world.admin());
    let ran = process::run(&mut command).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    ran.out.lines().map(str::to_owned).collect()
}

/// The words of a line as bash breaks them: also at `=`, `:` and `@`, but not inside of quotes.
fn bash_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        let last = words.last_mut().unwrap();
        match c {
            '\'' => {
                quoted = !quoted;
                last.push(c);
            }
            ' ' if !quoted => words.push(String::new()),
            '=' | ':' | '@' if !quoted => {
                if last.is_empty() {
                    last.push(c);
                } else {
                    words.push(c.to_string());
                }
                words.push(String::new());
            }
            c => last.push(c),
        }
    }
    words
}

#[tokio::test]
async fn a_shell_completes_selectors_from_the_fleet() {
    let world = world().await;
    world.shanty(&["groups", "save", "front", "role=web"]).await;
    for (line, wanted) in [
        ("shanty hosts web-0", ["web-01", "web-02"].as_slice()),
        ("shanty hosts role=", &["db", "web"]),
        ("shanty hosts role=w", &["web"]),
        ("shanty run --on role=web --timeout 5s --on env=", &["prod"]),
        ("shanty hosts @", &["front"]),
        ("shanty hosts is:dr", &["draining"]),
        ("shanty hosts show db", &["db-01"]),
        // In quotes a selector is one word, and stays so.
        (
            "shanty run --on 'role=web !web-0",
            &["role=web !web-01", "role=web !web-02"],
        ),
        ("shanty hosts 'env=prod role=d", &["env=prod role=db"]),
    ] {
        let answers = bash(&world, line).await;
        for want in wanted {
            assert!(
                answers.iter().any(|answer| answer == want),
                "{line}: {want} in {answers:?}"
            );
        }
    }
    // Saved groups, users and past runs too.
    let number = world.detach("web-01", "echo of a run").await;
    world.run_ends(&number).await;
    let user = world.shanty(&["hosts", "web-01", "--json"]).await.json();
    let user = user["facts"]["run_as"].as_str().unwrap().to_owned();
    for (line, wanted) in [
        ("shanty groups remove fr", "front"),
        ("shanty run web-01 --as ", user.as_str()),
        ("shanty run web-", "web-01"),
        ("shanty runs show ", number.as_str()),
        ("shanty runs cancel ", number.as_str()),
        ("shanty runs diff ", number.as_str()),
        ("shanty runs diff 7 ", number.as_str()),
    ] {
        let answers = bash(&world, line).await;
        assert!(
            answers.iter().any(|answer| answer == wanted),
            "{line}: {answers:?}"
        );
    }
    // Where no selector stands, the command line itself is completed.
    assert!(
        bash(&world, "shanty hosts rem")
            .await
            .contains(&"remove".to_owned())
    );
    world.end().await;
}

#[tokio::test]
async fn a_shell_is_not_kept_waiting_without_a_controller() {
    let mut call = process::call(&programs().shanty, &["--", "shanty", "hosts", "we"]);
    call.env("SHANTY_COMPLETE", "zsh")
        .env("_CLAP_COMPLETE_INDEX", "2")
        .env("SHANTY_ADMIN", "/nonexistent/admin.sock");
    let ran = process::run(&mut call).await;
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
    let mut call = process::call(&programs().shanty, &[]);
    let ran = process::run(call.env("SHANTY_COMPLETE", "tcsh")).await;
    assert_eq!(ran.code, 64, "{ran:?}");
}
