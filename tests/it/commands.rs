//! docs/COMMANDS.md, line by line: what stands in its tables is run as it stands.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;

use futures_util::future::join_all;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shanty_tests::host::own_user;
use shanty_tests::process::{self, Ran};
use shanty_tests::{Options, World, left};

use crate::programs;

const DOC: &str = include_str!("../../docs/COMMANDS.md");

const WEB: (&str, &str) = ("web-01", "env=prod,role=web");

/// What a heading stands over.
fn section(heading: &str) -> &'static str {
    let (_, rest) = DOC.split_once(&format!("\n## {heading}\n")).unwrap();
    rest.split("\n## ").next().unwrap()
}

/// The rows of the table below a heading, without its head.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| -> Option<Vec<&'static str>> {
        let line = line.strip_prefix("| ")?.strip_suffix(" |")?;
        Some(line.split('|').map(str::trim).collect())
    };
    // `| what | option | ...`, then `|---|---|`, which has no spaces.
    let rows: Vec<_> = section(heading).lines().filter_map(cells).skip(1).collect();
    assert!(rows.len() > 1, "there is no table below {heading}");
    rows
}

/// What stands between backticks, which are all of a cell; nothing for an empty one.
fn code(cell: &str) -> &str {
    let inner = cell
        .strip_prefix('`')
        .and_then(|cell| cell.strip_suffix('`'));
    assert!(inner.is_some() || cell.is_empty(), "{cell} is no code");
    inner.unwrap_or_default()
}

async fn run(world: &World, options: &str, command: &str) -> Ran {
    let mut args = vec!["run", "--on", "web-01"];
    args.extend(options.split_whitespace());
    args.extend(["--", command]);
    world.shanty(&args).await
}

/// The key of a host's `agent.toml`.
fn agent_id(world: &World) -> String {
    let text = std::fs::read_to_string(world.hosts[0].data.join("agent.toml")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("agent = "));
    line.unwrap().trim_matches('"').to_owned()
}

/// Asks all rows of a table in one run, and compares what is printed with what is said.
async fn compare(world: &World, heading: &str, options: &str, rows: &[Vec<&str>]) {
    let asked: Vec<&str> = rows.iter().map(|row| code(row[1])).collect();
    let ran = run(world, options, &asked.join("; ")).await;
    let found: Vec<&str> = ran.out.lines().map(str::trim_end).collect();
    assert_eq!(found.len(), rows.len(), "{heading}: {ran:?}");
    let own = nix::unistd::User::from_name(&own_user()).unwrap().unwrap();
    let home = if own.dir.is_dir() {
        own.dir.to_string_lossy()
    } else {
        "/".into()
    };
    let newest = &world.runs().await[0];
    for (row, found) in rows.iter().zip(found) {
        let said = code(row[2])
            .replace("<home>", &home)
            .replace("<user>", &own.name)
            .replace("<shell>", &own.shell.to_string_lossy())
            .replace("<run>", newest["run"].as_str().unwrap())
            .replace("<number>", &newest["number"].to_string())
            .replace("<agent>", &agent_id(world));
        assert_eq!(found, said, "{heading}: {}", row[0]);
    }
}

/// How a run of one host ended, as the command line says it: without how long it took, and the number of a process as `<pid>`.
fn end(ran: &Ran) -> String {
    let line = ran
        .err
        .lines()
        .find_map(|line| line.strip_prefix("web-01: "));
    let parts = line.unwrap_or("exit 0").split(" · ");
    let timeless = parts
        .enumerate()
        .filter(|(at, _)| *at != 1)
        .map(|(_, part)| part);
    let text = timeless.collect::<Vec<_>>().join(" · ");
    match text.split_once("left running: sleep (") {
        Some((before, rest)) => {
            let rest = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
            format!("{before}left running: sleep (<pid>{rest}")
        }
        None => text,
    }
}

/// Holds: Nothing of the agent's own environment is passed on: what is set there is all that is set, and what the shell adds, such as `PWD`.
#[tokio::test]
async fn what_a_command_finds_is_as_it_is_said() {
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    compare(&world, "What it finds", "", &rows("What it finds")).await;
    let variables = rows("Its environment");
    compare(&world, "Its environment", "", &variables).await;
    for row in rows("With options") {
        let option = row[0].split('`').nth(1).unwrap();
        compare(&world, option, option, &[row]).await;
    }

    let ran = run(&world, "", "env | cut -d= -f1").await;
    let shells = ["PWD", "OLDPWD", "SHLVL", "_"];
    let found: BTreeSet<&str> = ran
        .out
        .lines()
        .filter(|name| !shells.contains(name))
        .collect();
    let set = variables
        .iter()
        .filter(|row| !code(row[2]).contains("unset"));
    let said = set.filter_map(|row| row[0].strip_prefix('`')?.split('`').next());
    assert_eq!(found, said.collect());
    world.end().await;
}

#[tokio::test]
async fn what_a_host_says_of_its_commands_is_what_they_find() {
    let heading = "What a host can say otherwise";
    let mut world = World::start(&programs(), Options::default()).await;
    let host = joined(&world).await;
    let mut config = OpenOptions::new()
        .append(true)
        .open(host.data.join("agent.toml"))
        .unwrap();
    let block = section(heading).split("```").nth(1).unwrap();
    config
        .write_all(block.strip_prefix("toml").unwrap().as_bytes())
        .unwrap();
    world.hosts.push(host);
    world.host("web-01").run("keep").await;
    world.is_online("web-01", true).await;
    compare(&world, heading, "", &rows(heading)).await;
    world.end().await;
}

async fn joined(world: &World) -> shanty_tests::Host {
    let token = world.token(&["--labels", "role=web"]).await;
    let host = world.new_host("web-01");
    let joined = host.join(&world.join_address(), &token).await;
    assert_eq!(joined.code, 0, "{joined:?}");
    host
}

/// Holds: 77 (the host was removed) and 78 (something is not set up) are for a person: systemd does not start it again.
/// Holds: An agent does not start with what makes no sense there: it names the line, and what belongs there.
#[tokio::test]
async fn an_agent_does_not_start_with_what_makes_no_sense() {
    let world = World::start(&programs(), Options::default()).await;
    let host = joined(&world).await;
    let path = host.data.join("agent.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    let line = good.lines().count() + 1;
    for (lines, at, said) in [
        (
            "path = \"bin:/bin\"",
            line,
            "path: `bin` is not an absolute path",
        ),
        (
            "umask = \"9\"",
            line,
            "umask is an octal text such as \"0022\"",
        ),
        (
            "shell = \"~/sh\"",
            line,
            "shell: `~/sh` is not an absolute path",
        ),
        ("nice = 40", line, "nice is a number from 0 to 19"),
        ("umask = 0o22", line + 1, "expected a string"),
        (
            "pth = \"/bin\"",
            line + 1,
            "unknown field `pth`, expected one of `path`, `env`",
        ),
        (
            "[command.env]\nSHELL = \"/bin/sh\"",
            line,
            "env: SHELL cannot be set",
        ),
        (
            "[command.env]\nSHANTY_BY = \"me\"",
            line,
            "env: SHANTY_BY cannot be set",
        ),
        (
            "[command.env]\n\"A B\" = \"\"",
            line,
            "env: `A B` is not the name of a variable",
        ),
    ] {
        std::fs::write(&path, format!("{good}[command]\n{lines}\n")).unwrap();
        let data = host.data.to_string_lossy();
        let args = ["run", "--data-dir", &data];
        let ran = process::run(&mut process::call(&programs().agent, &args)).await;
        assert_eq!(ran.code, 78, "{lines}: {ran:?}");
        let named = ran.err.contains(&format!("line {at}"));
        assert!(named && ran.err.contains(said), "{lines}: {ran:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn every_command_ends_as_it_is_said() {
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let rows = rows("How it ends");
    let all = rows
        .iter()
        .map(|row| run(&world, code(row[1]), code(row[2])));
    for (row, ran) in rows.iter().zip(join_all(all).await) {
        assert_eq!(ran.out.trim_end(), code(row[3]), "{}: {ran:?}", row[0]);
        assert_eq!(end(&ran), code(row[4]), "{}: {ran:?}", row[0]);
    }
    // None but what was left on purpose is there still.
    for one in world.runs().await {
        let left = left::of_runs(one["run"].as_str());
        if one["leave"] != true {
            assert!(left.is_empty(), "{one}: {left:?}");
        }
        for process in left {
            let (pid, name) = process.split_once(": ").unwrap();
            assert_eq!(name, "sleep 1000");
            kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL).unwrap();
        }
    }
    world.end().await;
}
