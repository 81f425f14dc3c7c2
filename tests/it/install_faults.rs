//! Installing where something is wrong: what is said, with which code, and that nothing was run before.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use shanty_certs::token::JoinToken;
use shanty_tests::process::{self, Ran};
use shanty_tests::site::{self, Site, hand_out};
use shanty_tests::{Options, World};

use crate::programs;

const TEMPLATE: &str = include_str!("../../packaging/install.sh");

/// The script of a controller that nobody reaches, with an agent for every processor that it knows.
fn script() -> String {
    let sha256 = "0".repeat(64);
    let rows =
        ["x86_64", "aarch64"].map(|arch| format!("tar {arch} 2.17 1000 {sha256} agent.tar.gz"));
    TEMPLATE
        .replace("@SERVER@", "127.0.0.1:1")
        .replace("@PINS@", "sha256//AAAA")
        .replace("@VERSION@", "0.1.0")
        .replace("@ARTIFACTS@", &rows.join("\n"))
}

/// Runs a text as the script that comes through a pipe, where a shell finds no other program.
fn cut(shell: &[&str], text: &str, below: &Path) -> (String, i32) {
    use std::io::Write as _;
    let mut call = Command::new(site::found(shell[0]).unwrap());
    call.args(&shell[1..])
        .args(["-s", "--", "--prefix"])
        .arg(below);
    call.env("PATH", below).env("SHANTY_TOKEN", "sht1.a.b.c");
    let pipes = call
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).ok(); // a shell that gave up reads no more
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (said, output.status.code().unwrap())
}

/// Whatever is missing at its end: no program was looked for, so none was run. The whole script looks for some at once.
#[test]
fn a_script_that_was_cut_off_runs_nothing() {
    if !site::can_be_tried() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let script = script();
    let script = script.trim_end();
    let lines = script.match_indices('\n').map(|(at, _)| at);
    let ends: Vec<usize> = lines.chain(script.len() - 60..script.len()).collect();
    for shell in [&["dash"][..], &["busybox", "sh"]] {
        assert!(
            cut(shell, script, dir.path()).0.contains("not found"),
            "{shell:?}"
        );
        for end in &ends {
            // One shell is told what the line says when fetching failed, and fails besides.
            let fails = shell.len() == 1;
            let said_instead = if fails { "\nexit 1\n" } else { "" };
            let text = format!("{}{said_instead}", &script[..*end]);
            let (said, code) = cut(shell, &text, dir.path());
            assert!(
                !said.contains("not found") && !said.contains("E0"),
                "{shell:?} {end}: {said}"
            );
            assert!(code != 0 || !fails, "{shell:?} {end}");
        }
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// The functions of the script, and then these lines, where no other programs are found than these.
fn functions(lines: &str, programs: &[(&str, &str)]) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    let bin = dir.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for (name, lines) in programs {
        let program = bin.join(name);
        std::fs::write(&program, format!("#!/bin/sh\n{lines}\n")).unwrap();
        let runs = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&program, runs).unwrap();
    }
    let script = script();
    let (functions, _) = script.rsplit_once("{ main").unwrap();
    let lines = format!("{functions}\ncd {}\n{lines}\n", dir.path().display());
    let mut call = Command::new(site::found("dash").unwrap());
    let output = call.args(["-c", &lines]).env("PATH", &bin).output();
    let output = output.unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A unit without a link starts as well, after a while.
#[test]
fn a_host_is_seen_by_the_controller_when_its_agent_says_so_and_not_before() {
    if !site::can_be_tried() {
        return;
    }
    let starts = "systemd=yes start=yes changed=yes state=. installed='' joined=''\n: >identity.pem\n\
                  program=x root='' uid=0 run_as='' opt=/opt/shanty\nstart_agent\ntell";
    let started = |status: &str| {
        let systemctl = format!("case $* in *StatusText*) echo 'StatusText={status}' ;; esac");
        functions(starts, &[("systemctl", &systemctl), ("sleep", "")])
    };
    let linked = started("Works as host web-01.");
    assert_eq!(linked.code, 0, "{linked:?}");
    assert!(
        linked.out.contains("Seen by the controller: yes"),
        "{linked:?}"
    );
    for status in [
        "The controller cannot be reached yet; it is dialled until it can.",
        "",
    ] {
        let without = started(status);
        told(&without, "E051", 1, "no link to the controller yet");
        assert!(
            !without.out.contains("Seen by the controller"),
            "{without:?}"
        );
    }
}

/// A link that runs as another user finds none of what such a host has.
#[test]
fn a_host_that_joined_for_one_process_is_not_given_units_for_two() {
    if !site::can_be_tried() {
        return;
    }
    let asked = |more: &str| {
        let lines = format!(
            "systemd=yes root=$PWD state=$PWD\n: >identity.pem\n: >agent.toml\n{more}\nrefuse_other_setup"
        );
        functions(&lines, &[("mkdir", "exec /bin/mkdir \"$@\"")])
    };
    told(&asked(""), "E036", 1, "joined without --link-user");
    for good in [
        "mkdir -p etc/shanty; : >etc/shanty/agent.toml",
        "systemd=''",
        "state=/nowhere",
    ] {
        assert_eq!(asked(good).code, 0, "{good}");
    }
}

/// Where there is no systemd-sysusers, as packages make it: a group of its own, which the units name.
#[test]
fn the_user_of_the_link_is_made_as_packages_make_it() {
    if !site::can_be_tried() {
        return;
    }
    let package = include_str!("../../packaging/scripts/agent-postinstall.sh");
    let line = |script: &str| {
        let line = script.lines().find(|line| line.contains("useradd --"));
        line.unwrap().trim().to_owned()
    };
    assert_eq!(line(TEMPLATE), line(package));
    let lines = "opt=$PWD units=''\nmkdir -p versions/$version\n: >versions/$version/sysusers.conf\nput_units";
    let programs = [
        ("mkdir", "exec /bin/mkdir \"$@\""),
        ("id", "exit 1"),
        ("systemctl", ""),
        ("useradd", "echo useradd \"$@\""),
    ];
    let made = functions(lines, &programs);
    assert_eq!(made.out.trim_end(), line(package), "{made:?}");
}

#[tokio::test]
async fn purging_an_agent_leaves_what_a_controller_has_beside_it() {
    if !site::can_be_tried() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("install.sh");
    std::fs::write(&file, script()).unwrap();
    let site = Site::new(dir.path(), "both", "dash");
    let etc = site.root.join("etc/shanty");
    for folder in [&etc, &site.data(), &site.root.join("opt/shanty")] {
        std::fs::create_dir_all(folder).unwrap();
    }
    for name in [
        "agent.toml",
        "agent.toml.old",
        "host.toml",
        "shanty.toml",
        "bot-token",
    ] {
        std::fs::write(etc.join(name), name).unwrap();
    }
    let line = format!(
        "cat {} | sudo sh -s -- --uninstall --purge --yes",
        file.display()
    );
    let ran = site.types(&line).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let left = std::fs::read_dir(&etc).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["bot-token", "shanty.toml"]);
    assert!(!site.data().exists());
}

#[test]
fn the_script_is_what_every_shell_understands() {
    let Some(shellcheck) = site::found("shellcheck") else {
        assert!(!site::must_be_tried(), "shellcheck is not installed");
        return;
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/install.sh");
    let checked = Command::new(shellcheck)
        .args(["-s", "sh"])
        .arg(path)
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stdout)
    );
}

#[tokio::test]
async fn what_a_host_is_and_what_was_typed_is_told_before_anything_is_fetched() {
    if !site::can_be_tried() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("install.sh");
    std::fs::write(&file, script()).unwrap();
    let line = |more: &str| format!("cat {} | sudo sh -s -- {more}", file.display());
    let with = |token: &str| {
        format!(
            "{{ echo SHANTY_TOKEN={token}; cat {}; }} | sudo sh",
            file.display()
        )
    };
    let fresh = |name: &str| Site::new(dir.path(), name, "dash");

    let site = fresh("typed");
    for (line, code, exit, said) in [
        (line("--colour"), "E001", 64, "there is no option --colour"),
        (line("--name"), "E001", 64, "--name takes a value"),
        (
            line("--purge"),
            "E001",
            64,
            "--purge goes with --uninstall only",
        ),
        (line("--prefix ''"), "E001", 64, "--prefix takes a value"),
        (
            line("--no-join --name ''"),
            "E001",
            64,
            "--name takes a value",
        ),
        (
            line("--prefix here"),
            "E001",
            64,
            "--prefix takes an absolute path",
        ),
        (line(""), "E002", 1, "there is no join token"),
        (
            with("hunter2"),
            "E002",
            1,
            "what was given is no join token",
        ),
        (
            line("--token-file /nowhere/at-all"),
            "E002",
            1,
            "/nowhere/at-all cannot be read",
        ),
        (
            line("--no-join --bundle /nowhere"),
            "E002",
            1,
            "/nowhere cannot be read",
        ),
        (
            line("--no-join --bundle /etc/passwd"),
            "E030",
            1,
            "none of the files of version 0.1.0",
        ),
        (
            line("--no-join --proxy ftp://x"),
            "E023",
            1,
            "the proxy ftp://x is no URL",
        ),
        (
            line("--no-join --proxy ann:hunter2@x:3128"),
            "E023",
            1,
            "the proxy x:3128 is no URL",
        ),
        (
            line("--no-join --proxy http://ann:hunter2@127.0.0.1:1"),
            "E020",
            1,
            "cannot be reached through http://127.0.0.1:1:",
        ),
        (
            // curl repeats what it was told.
            line("--no-join --proxy http://ann:hunter2@127.0.0.1:99999"),
            "E023",
            1,
            "the proxy http://127.0.0.1:99999 did not let us through",
        ),
        (
            with("sht1.a.b.c"),
            "E020",
            1,
            "the controller at 127.0.0.1:1 cannot be reached",
        ),
    ] {
        let ran = site.types(&line).await;
        told(&ran, code, exit, said);
        assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
    }
    for (program, lines, code, said) in [
        (
            "uname",
            "[ $1 = -m ] && echo riscv64 || echo Linux",
            "E011",
            "there is no agent for riscv64",
        ),
        ("uname", "echo FreeBSD", "E010", "this is FreeBSD"),
        ("getconf", "[ $1 = LONG_BIT ] && echo 32", "E011", "32 bits"),
        (
            "getconf",
            "[ $1 = LONG_BIT ] && echo 64 || echo glibc 2.9",
            "E012",
            "needs GNU libc 2.17 or newer, and this host has glibc 2.9",
        ),
        (
            "getconf",
            "[ $1 = LONG_BIT ] && echo 64 || exit 1",
            "E012",
            "this host has musl",
        ),
    ] {
        let site = fresh("host");
        site.replace(program, lines);
        site.replace("ldd", "echo 'musl libc (x86_64)' >&2; exit 1");
        told(&site.types(&line("--no-join")).await, code, 1, said);
        site.restore(program);
    }
    let mut site = fresh("bare");
    site.has_only(&[]);
    told(
        &site.types(&line("--no-join")).await,
        "E013",
        1,
        "nothing here that downloads",
    );
    assert!(site.is_empty());
}

/// Where others may write, another agent may stand tomorrow: that is told before anything is fetched, and a token is used for nothing.
#[tokio::test]
async fn nothing_is_installed_where_others_may_write() {
    if !site::can_be_tried() {
        return;
    }
    let world = World::start(&programs(), Options::default()).await;
    hand_out(&world, "");
    let made = lines(&world, &[]).await;
    let open = |path: &Path, mode| {
        std::fs::create_dir_all(path).unwrap();
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, mode).unwrap();
    };
    let shared = world.dir.path().join("shared");
    for (name, mode, refused) in [
        ("group", 0o775, true),
        ("all", 0o777, true),
        ("sticky", 0o1777, false),
        ("own", 0o755, false),
    ] {
        let place = shared.join(name);
        open(&place, mode);
        for (n, root) in [place.join("a/b"), place.clone()].into_iter().enumerate() {
            let mut site = Site::new(world.dir.path(), &format!("{name}-{n}"), "dash");
            site.lies_at(&root);
            let ran = site.types(&format!("{} -s -- --dry-run", made.curl)).await;
            match refused {
                true => told(&ran, "E016", 1, &format!("shared/{name} can be changed by")),
                false => assert_eq!(ran.code, 0, "{ran:?}"),
            }
        }
    }
    // Nor does an agent join there that somebody calls by hand.
    let token = world.token(&["--name", "web-01"]).await;
    let mut host = world.new_host("web-01");
    host.data = shared.join("all/agent");
    let joined = host.join(&world.join_address(), &token).await;
    assert_eq!(joined.code, 78, "{joined:?}");
    assert!(joined.err.contains("chmod go-w"), "{joined:?}");
    host.data = shared.join("own/agent");
    let joined = host.join(&world.join_address(), &token).await;
    assert_eq!(joined.code, 0, "the token is good: {joined:?}");
    world.end().await;
}

/// What the script does with a downloader that says this: how often it asked, and what it waited for.
fn fetched(curl: &str, proxy: &str) -> Ran {
    let lines = format!(
        "scratch=$PWD downloader=curl proxy={proxy} opt=$PWD state=$PWD uid=1\nget a/agent out\necho got it"
    );
    let tool = |name: &str| (name.to_owned(), format!("exec {} \"$@\"", found(name)));
    let mut programs = ["cat", "grep", "sed", "tail", "tr"].map(tool).to_vec();
    programs.push(("curl".to_owned(), curl.to_owned()));
    programs.push(("sleep".to_owned(), "echo $1 >>slept".to_owned()));
    let programs: Vec<_> = programs
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    functions(&lines, &programs)
}

fn found(tool: &str) -> String {
    site::found(tool).unwrap().display().to_string()
}

/// A downloader that fails so often, with these headers.
fn busy(times: usize, headers: &str) -> String {
    format!(
        "n=0; [ ! -e n ] || read n <n; echo $((n + 1)) >n\n[ $n -lt {times} ] || exit 0\n\
         printf 'HTTP/2 503\\r\\n{headers}\\r\\n' >headers\necho 'curl: (22) The requested URL returned error: 503' >&2\nexit 22"
    )
}

#[test]
fn a_controller_that_is_busy_is_waited_for_as_it_says() {
    if !site::can_be_tried() {
        return;
    }
    for (headers, seconds) in [
        ("retry-after: 7", 7),
        ("Retry-After: 4", 4),
        ("x: y", 3),
        ("retry-after: 0", 3),
        ("retry-after: 99999999999999999999", 60),
        ("retry-after: Mon, 30 Nov 2026 10:14:00 GMT", 3),
    ] {
        let ran = fetched(&busy(2, headers), "''");
        let said = format!("The controller is busy; trying again in {seconds} s.\n");
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(ran.out, format!("{said}{said}got it\n"), "{headers}");
    }
    let ran = fetched(&busy(1_000, "retry-after: 50"), "''");
    told(&ran, "E024", 75, "has been busy for 300 s");
    assert_eq!(ran.out.lines().count(), 6, "{ran:?}");
    // Another name for a number is no busy controller.
    let ran = fetched(
        "echo 'curl: (6) Could not resolve host: srv503' >&2; exit 6",
        "''",
    );
    told(&ran, "E020", 1, "srv503");
    assert_eq!(ran.out, "");
}

#[test]
fn a_proxy_that_says_no_is_named_and_not_the_controller() {
    if !site::can_be_tried() {
        return;
    }
    let proxy = "http://ann:hunter2@proxy.example.net:3128";
    let answers = |code: &str, exit: u8, said: &str| {
        format!("printf {code}\necho 'curl: ({exit}) {said}' >&2\nexit {exit}")
    };
    for (curl, said) in [
        (
            answers("407", 22, "The requested URL returned error: 407"),
            "did not let us through: it wants a name and a password (407)",
        ),
        (
            answers("407", 56, "CONNECT tunnel failed, response 407"),
            "it wants a name and a password (407)",
        ),
        (
            answers("503", 56, "CONNECT tunnel failed, response 503"),
            "it answered 503",
        ),
        (
            answers("000", 56, "Received HTTP code 403 from proxy after CONNECT"),
            "Received HTTP code 403 from proxy after CONNECT",
        ),
    ] {
        let ran = fetched(&curl, proxy);
        told(&ran, "E023", 1, said);
        assert!(ran.err.contains("the proxy http://proxy.example.net:3128"));
        assert!(
            ran.out.is_empty() && !ran.err.contains("hunter2"),
            "{ran:?}"
        );
    }
    let ran = fetched(
        &answers("200", 22, "The requested URL returned error: 404"),
        proxy,
    );
    told(&ran, "E022", 1, "did not give a/agent");
    // A connection that breaks off is tried again, and not without end.
    let ran = fetched(
        &answers("200", 18, "transfer closed with 9 bytes remaining"),
        proxy,
    );
    told(&ran, "E020", 1, "transfer closed");
    let again = "The connection to the controller broke off; trying again in 3 s.\n";
    assert_eq!(ran.out, again.repeat(5));
}

/// Refused with this code, and a cure.
fn told(ran: &Ran, code: &str, exit: i32, said: &str) {
    assert_eq!(ran.code, exit, "{said}: {ran:?}");
    let lines: Vec<&str> = ran.err.lines().collect();
    let at = lines
        .iter()
        .position(|line| line.starts_with("install.sh: "));
    let at = at.unwrap_or_else(|| panic!("{said}: {ran:?}"));
    let what = lines[at..lines.len() - 1].join("\n");
    assert!(
        what.ends_with(&format!("({code})")) && what.contains(said),
        "{said}: {ran:?}"
    );
    assert!(
        lines.last().unwrap().starts_with("  "),
        "with a cure: {ran:?}"
    );
}

struct Lines {
    token: String,
    curl: String,
    wget: String,
}

async fn lines(world: &World, args: &[&str]) -> Lines {
    let args = [&["token", "create", "--install", "--json"], args].concat();
    let ran = world.shanty(&args).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let made: Value = ran.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Lines {
        token: text(&made["token"]),
        curl: text(&made["install"]["curl"]),
        wget: text(&made["install"]["wget"]),
    }
}

#[tokio::test]
async fn a_host_that_may_not_join_is_told_in_the_words_of_the_controller() {
    if !site::can_be_tried() {
        return;
    }
    let mut world = World::start(&programs(), Options::default()).await;
    let none = world.shanty(&["token", "create", "--install"]).await;
    assert_ne!(none.code, 0, "{none:?}");
    assert!(
        none.err.contains("there are no agents to hand out"),
        "{none:?}"
    );
    assert_eq!(
        world.shanty(&["token", "list"]).await.out,
        "There are no tokens.\n"
    );
    hand_out(&world, "");
    world.add_host("taken", "").await;

    let good = lines(&world, &[]).await;
    let revoked = lines(&world, &[]).await;
    let id = revoked.token.parse::<JoinToken>().unwrap().id();
    assert_eq!(world.shanty(&["token", "revoke", &id]).await.code, 0);
    let taken = Site::new(world.dir.path(), "taken", "dash");
    told(
        &taken.types(&good.curl).await,
        "E040",
        77,
        "taken has joined already",
    );
    // None of that used it up: the same host takes another name.
    let own = taken
        .types(&format!("{} -s -- --name web-01", good.curl))
        .await;
    assert_eq!(own.code, 0, "{own:?}");
    assert!(own.out.contains("it joined as web-01"), "{own:?}");
    let site = Site::new(world.dir.path(), "web-02", "dash");
    for line in [&revoked.curl, &good.curl] {
        told(&site.types(line).await, "E040", 77, "not valid");
    }
    let (before, _) = good.token.rsplit_once('.').unwrap();
    let elsewhere = format!("{before}.{}", "A".repeat(43));
    let line = good.curl.replace(&good.token, &elsewhere);
    told(
        &site.types(&line).await,
        "E040",
        78,
        "the controller's root is",
    );
    assert!(!site.data().join("identity.pem").exists());
    world.end().await;
}

#[tokio::test]
async fn whoever_answers_instead_of_the_controller_gets_nothing_run() {
    if !site::can_be_tried() {
        return;
    }
    let world = World::start(&programs(), Options::default()).await;
    hand_out(&world, "echo RUN >&2");
    let lines = lines(&world, &[]).await;
    let site = Site::new(world.dir.path(), "web-01", "dash");
    let pin = lines.curl.split('\'').nth(1).unwrap();
    let other = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for line in [&lines.curl, &lines.wget] {
        let ran = site.types(&line.replace(pin, other)).await;
        assert!(
            ran.out.is_empty() && !ran.err.contains("install.sh:"),
            "{ran:?}"
        );
        assert_ne!(ran.code, 0, "whoever looks at the code knows: {ran:?}");
    }
    // The script came before, and now somebody else answers: it says who.
    let script = site
        .types(&format!("curl -fsSk https://{}/i", world.join_address()))
        .await
        .out;
    let file = world.dir.path().join("install.sh");
    std::fs::write(&file, script.replace(pin, other)).unwrap();
    let line = format!("cat {} | sudo sh -s -- --no-join", file.display());
    told(&site.types(&line).await, "E021", 1, "Shanty issuing");
    // Of several keys one is enough, as while they change.
    std::fs::write(&file, script.replace(pin, &format!("{other};{pin}"))).unwrap();
    let ran = site.types(&format!("{line} --dry-run")).await;
    assert_eq!(ran.code, 0, "{ran:?}");

    // What a user has configured for a downloader does not count.
    for rc in [".curlrc", ".wgetrc"] {
        std::fs::write(
            world.dir.path().join(rc),
            "proxy=http://127.0.0.1:1\nhttps_proxy=http://127.0.0.1:1\n",
        )
        .unwrap();
    }
    let home = format!("export HOME={}; ", world.dir.path().display());
    let ran = site
        .types(&format!(
            "{home}{}",
            lines.curl.replace("sudo sh", "sudo sh -s -- --dry-run")
        ))
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = site
        .types(&format!(
            "{home}{}",
            lines.wget.replace("sudo sh", "sudo sh -s -- --dry-run")
        ))
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");

    std::fs::write(&file, &script).unwrap();
    site.replace("date", "case \"$*\" in *-d*) exec /bin/date \"$@\" ;; *) exec /bin/date -d '+1 day' \"$@\" ;; esac");
    let ran = site.types(&line).await;
    told(&ran, "E015", 1, "the clock of this host says 2");
    assert_eq!(ran.err.matches(" UTC").count(), 2, "{ran:?}");
    site.restore("date");
    let through = format!("{line} --proxy http://127.0.0.1:1");
    told(
        &site.types(&through).await,
        "E020",
        1,
        "cannot be reached through http://127.0.0.1:1",
    );

    let name = format!("shanty-agent-{}-x86_64.tar.gz", env!("CARGO_PKG_VERSION"));
    let artifact = world.artifacts().join(&name);
    let mut bytes = std::fs::read(&artifact).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&artifact, &bytes).unwrap();
    told(
        &site.types(&line).await,
        "E030",
        1,
        "is not what it should be",
    );
    bytes.push(0);
    std::fs::write(&artifact, &bytes).unwrap();
    told(&site.types(&line).await, "E022", 1, "did not give");
    assert!(!site.agent().exists());
    world.end().await;
}

/// The port gives what the manifest names, and nothing else, in both versions of HTTP.
#[tokio::test]
async fn the_join_port_serves_the_script_and_the_agents_and_nothing_else() {
    if !site::can_be_tried() {
        return;
    }
    let world = World::start(&programs(), Options::default()).await;
    hand_out(&world, "");
    std::fs::write(world.artifacts().join("secret"), "s3cret").unwrap();
    let name = format!("shanty-agent-{}-x86_64.tar.gz", env!("CARGO_PKG_VERSION"));
    let artifact = std::fs::read(world.artifacts().join(&name)).unwrap();
    let out = world.dir.path().join("got");
    let got = out.display().to_string();
    let ask = async |more: &[&str], path: &str| {
        let url = format!("https://{}{path}", world.join_address());
        let usual = [
            "-sk",
            "--path-as-is",
            "-w",
            "%{http_code} %{http_version}",
            "-o",
            &got,
        ];
        let args = [&usual[..], more, &[&url]].concat();
        let ran = process::run(&mut process::call(&site::found("curl").unwrap(), &args)).await;
        (ran.out, std::fs::read(&out).unwrap_or_default())
    };
    for (http, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let (status, text) = ask(&[http], "/i").await;
        assert_eq!(status, format!("200 {version}"));
        assert!(
            text.starts_with(b"#!/bin/sh\n") && text.ends_with(b"{ main \"$@\" </dev/null; }\n")
        );
        let (status, got) = ask(&[http], &format!("/a/{name}")).await;
        assert_eq!(status, format!("200 {version}"));
        assert_eq!(got, artifact);
        for path in ["/i", &format!("/a/{name}")] {
            let (status, head) = ask(&[http, "-I"], path).await;
            let head = String::from_utf8_lossy(&head).to_lowercase();
            assert_eq!(status, format!("200 {version}"));
            assert!(
                head.contains("content-length: ") && head.contains("shanty-time: "),
                "{head}"
            );
        }
        for path in [
            "/",
            "/a",
            "/a/",
            "/a/secret",
            "/a/../secret",
            "/a/..%2fsecret",
            "/a/%2e%2e/shanty.toml",
            "/a//etc/passwd",
            "/i/",
            "/i/x",
            "/favicon.ico",
        ] {
            let (status, body) = ask(&[http], path).await;
            assert_eq!(
                (status.as_str(), &body[..]),
                (
                    format!("404 {version}").as_str(),
                    &b"There is nothing here.\n"[..]
                ),
                "{path}"
            );
        }
        let (status, _) = ask(&[http, "-X", "PUT"], "/i").await;
        assert_eq!(status, format!("405 {version}"));
    }
    world.end().await;
}
