//! Installing an agent with what the controller prints: every form of it, again, another version, and gone without a trace.

use serde_json::Value;
use shanty_tests::process::{self, Process};
use shanty_tests::site::{self, Site, hand_out};
use shanty_tests::{Options, World};

use crate::programs;

/// A world whose controller hands out agents.
async fn world(lines: &str) -> World {
    let world = World::start(&programs(), Options::default()).await;
    hand_out(&world, lines);
    world
}

async fn forms(world: &World, args: &[&str]) -> Value {
    let args = [&["token", "create", "--install", "--json"], args].concat();
    let ran = world.shanty(&args).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.json()
}

fn text(forms: &Value, form: &str) -> String {
    forms["install"][form].as_str().unwrap().to_owned()
}

async fn names(world: &World) -> Vec<String> {
    let ran = world.shanty(&["hosts", "--names"]).await;
    ran.out.lines().map(str::to_owned).collect()
}

/// The command of a task or of user data, as the tool that reads it would run it on this site.
fn cloud_init(user_data: &str, site: &Site) -> String {
    let line = |begins: &str| {
        let line = user_data
            .lines()
            .find(|line| line.trim_start().starts_with(begins));
        line.unwrap_or_else(|| panic!("no {begins} in {user_data}"))
            .trim_start()[begins.len()..]
            .to_owned()
    };
    assert!(user_data.starts_with("#cloud-config\nwrite_files:\n"));
    let token: String = serde_json::from_str(&line("content: ")).unwrap();
    let mode: String = serde_json::from_str(&line("permissions: ")).unwrap();
    let call: Vec<String> =
        serde_json::from_str(&line("- [").replacen("\"sh\"", "[\"sh\"", 1)).unwrap();
    let [sh, c, command] = call.as_slice() else {
        panic!("{call:?}")
    };
    assert_eq!((sh.as_str(), c.as_str()), ("sh", "-c"));
    let file = site.root.with_extension("token").display().to_string();
    let command = command
        .replace("/run/shanty-token", &file)
        .replace("| sh ", "| sudo sh ");
    format!(
        "umask 077; echo {token} >{file}; chmod {mode} {file}; ({command}); s=$?; test ! -e {file} || exit 9; exit $s"
    )
}

fn ansible(task: &str, token: &str) -> String {
    let lines: Vec<&str> = task.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| *line == "cmd: >-").unwrap();
    assert!(lines.contains(&"stdin: \"{{ shanty_token }}\"") && lines.contains(&"no_log: true"));
    let command = lines[at + 1].replace("| sh", "| sudo sh");
    format!("echo {token} | sh -c '{}'", command.replace('\'', "'\\''"))
}

#[tokio::test]
async fn every_form_that_is_printed_installs_and_joins_and_keeps_the_token_out_of_sight() {
    if !site::can_be_tried() {
        return;
    }
    let world = world("case $1 in join) for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done >\"$0.seen\" 2>/dev/null ;; esac").await;
    for (form, shell) in [
        ("curl", "dash"),
        ("wget", "busybox sh"),
        ("digest", "bash"),
        ("cloud_init", "sh"),
        ("ansible", "dash"),
    ] {
        let name = format!("web-{}", form.replace('_', "-"));
        let mut site = Site::new(world.dir.path(), &name, shell);
        if form == "wget" || form == "digest" {
            site.has_only(&["wget"]);
        }
        let made = forms(&world, &["--labels", "role=web", "--name", "web-*"]).await;
        let token = made["token"].as_str().unwrap();
        let line = match form {
            "cloud_init" => cloud_init(&text(&made, form), &site),
            "ansible" => ansible(&text(&made, form), token),
            _ => text(&made, form),
        };
        // Tools that run it look at the code, and only at that.
        let nobody = line.replace(&world.join_address(), "127.0.0.1:1");
        let ran = site.types(&nobody).await;
        assert!(ran.code != 0 && !ran.err.is_empty(), "{form}: {ran:?}");
        let ran = site.types(&line).await;
        assert_eq!(ran.code, 0, "{form}: {ran:?}");
        let said = format!("Seen by the controller: yes, it joined as {name}.");
        assert!(ran.out.contains(&said), "{form}: {ran:?}");
        assert!(names(&world).await.contains(&name), "{form}");
        let key = ran
            .out
            .lines()
            .find_map(|line| line.strip_prefix("Fingerprint of its key: sha256:"));
        let known = world.shanty(&["audit", "export"]).await;
        assert!(known.out.contains(key.unwrap()), "{form}: {ran:?}");
        let seen = site
            .root
            .join("opt/shanty/versions")
            .join(env!("CARGO_PKG_VERSION"));
        let seen = std::fs::read_to_string(seen.join("shanty-agent.seen")).unwrap();
        assert!(seen.contains("--prefix"), "{form}: {seen}");
        let secret = token.split('.').nth(2).unwrap();
        // Where a tool keeps it in a file, the test's own shell reads the file's name.
        assert!(!seen.contains(secret), "{form}: {seen}");
    }
    world.end().await;
}

#[tokio::test]
async fn what_is_installed_runs_stays_as_it_is_and_goes_without_a_trace() {
    if !site::can_be_tried() {
        return;
    }
    let world = world(":").await;
    let site = Site::new(world.dir.path(), "web-01", "sh");
    let made = forms(&world, &[]).await;
    let line = text(&made, "curl");
    let dry = format!("{line} -s -- --dry-run");
    let planned = site.types(&dry).await;
    assert_eq!(planned.code, 0, "{planned:?}");
    assert!(planned.out.contains("Nothing was changed."), "{planned:?}");
    assert!(site.is_empty());
    let ran = site.types(&line).await;
    assert_eq!(ran.code, 0, "{ran:?}");

    let run = ran.out.lines().last().unwrap().trim().to_owned();
    let words: Vec<&str> = run.split(' ').collect();
    let agent = process::call(&words[0].into(), &words[1..]);
    let (agent, _) = Process::start("web-01", agent, world.dir.path().join("web-01.log")).await;
    world.is_online("web-01", true).await;
    let said = world.shanty(&["run", "web-01", "--", "echo hello"]).await;
    assert!(said.out.contains("hello"), "{said:?}");

    // Again, with a token that is used up and without one: nothing moves.
    let (_, without) = line.split_once("; ").unwrap();
    let without = format!("{{ {without}");
    let before = site.tree();
    for line in [&line, &without] {
        let again = site.types(line).await;
        assert_eq!(again.code, 0, "{again:?}");
        assert!(
            again.out.contains("was here already; nothing was changed."),
            "{again:?}"
        );
    }
    // What runs writes into its folder.
    let parts = |tree: &str| -> Vec<String> {
        let lines = tree
            .lines()
            .filter(|line| !line.contains("/var/lib/shanty-agent"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(parts(&site.tree()), parts(&before));
    let identity = std::fs::read(site.data().join("identity.pem")).unwrap();

    // Another build: it is put in, and the host stays who it is.
    hand_out(&world, "# another");
    let other = site.types(&without).await;
    assert_eq!(other.code, 0, "{other:?}");
    assert!(other.out.contains("Installed shanty-agent"), "{other:?}");
    let program = std::fs::read_to_string(site.agent()).unwrap();
    assert!(program.contains("# another"));
    assert_eq!(
        std::fs::read(site.data().join("identity.pem")).unwrap(),
        identity
    );

    // A newer one is not taken back.
    std::fs::write(site.agent(), "#!/bin/sh\necho shanty-agent 99.0.0\n").unwrap();
    let older = site.types(&without).await;
    assert_eq!(older.code, 1, "{older:?}");
    assert!(
        older.err.contains("shanty-agent 99.0.0 is here") && older.err.contains("(E035)"),
        "{older:?}"
    );

    let gone = format!("{without} -s -- --uninstall --yes");
    let busy = site.types(&gone).await;
    assert_eq!(busy.code, 1, "{busy:?}");
    assert!(busy.err.contains("(E062)"), "{busy:?}");
    agent.stop().await;
    let asked = site.types(&gone.replace(" --yes", "")).await;
    assert!(asked.err.contains("(E005)"), "nobody sits there: {asked:?}");
    assert!(site.agent().exists());
    let ended = site.types(&gone).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("--purge removes that too"), "{ended:?}");
    assert!(!site.agent().exists() && site.data().join("identity.pem").exists());
    let ended = site.types(&format!("{gone} --purge")).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(site.is_empty(), "{}", site.tree());
    let nothing = site.types(&format!("{gone} --purge")).await;
    assert!(
        nothing.out.contains("There is nothing of Shanty"),
        "{nothing:?}"
    );
    world.end().await;
}
