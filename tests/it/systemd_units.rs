//! The units and what else packages hold: judged by systemd where it is installed, and held to what the programs promise.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use shanty_agent::config::Config;

/// Most that a unit may be exposed, in tenths, of the two that need no right.
const EXPOSURE_MAX: &str = "15";

/// What systemd before 254 says of a line that is for later ones.
pub(crate) const NEWER: &str = "'DelegateSubgroup' in section";

const EXAMPLE: &str = include_str!("../../packaging/agent.toml.example");

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging")
}

fn unit(name: &str) -> String {
    std::fs::read_to_string(packaging().join("systemd").join(name)).unwrap()
}

/// What systemd-analyze says. Where it is not installed the test says so and passes, unless `SHANTY_SYSTEMD=required`.
fn analyze(args: &[&str], unit: &Path) -> Option<Output> {
    let output = Command::new("systemd-analyze")
        .args(args)
        .arg(unit)
        .output();
    match output {
        Ok(output) => Some(output),
        Err(error) => {
            let required = std::env::var("SHANTY_SYSTEMD").is_ok_and(|value| value == "required");
            assert!(!required, "systemd-analyze is required: {error}");
            #[expect(clippy::print_stderr, reason = "a skipped test says so")]
            {
                eprintln!("SKIPPED, units are not judged: systemd-analyze: {error}");
            }
            None
        }
    }
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

#[test]
fn what_faces_the_network_is_barely_exposed() {
    for name in ["shanty-agent.service", "shanty.service"] {
        let path = packaging().join("systemd").join(name);
        let threshold = format!("--threshold={EXPOSURE_MAX}");
        let args = ["security", "--offline=true", "--no-pager", &threshold];
        let Some(output) = analyze(&args, &path) else {
            return;
        };
        assert!(output.status.success(), "{name}: {}", said(&output));
    }
}

#[test]
fn systemd_understands_every_line_of_the_units() {
    let dir = tempfile::tempdir().unwrap();
    for entry in packaging().join("systemd").read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // The programs are not installed here.
        let text = unit(&name)
            .replace("/opt/shanty/stable/shanty-agent", "/bin/true")
            .replace("/opt/shanty/experiment/shanty-agent", "/bin/true")
            .replace("/usr/bin/shanty", "/bin/true");
        std::fs::write(dir.path().join(&name), text).unwrap();
    }
    for entry in dir.path().read_dir().unwrap() {
        let path = entry.unwrap().path();
        let Some(output) = analyze(&["verify", "--no-pager", "--man=no"], &path) else {
            return;
        };
        let said = said(&output);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Of other units of this machine it complains too.
        let newer = |line: &&str| line.contains(NEWER);
        let mut own = said.lines().filter(|line| line.contains("shanty"));
        let wrong = own.find(|line| !newer(line));
        assert!(wrong.is_none(), "{name}: {said}");
    }
}

/// What commands inherit from the executor's unit would hold for every one of them.
#[test]
fn nothing_in_the_unit_of_the_executor_would_break_a_command() {
    let text = unit("shanty-executor.service");
    let allowed = [
        "Description",
        "After",
        "Wants",
        "ConditionPathExists",
        "StartLimitIntervalSec",
        "Type",
        "NotifyAccess",
        "ExecStart",
        "ExecReload",
        "WatchdogSec",
        "Restart",
        "RestartSec",
        "RestartPreventExitStatus",
        "TimeoutStartSec",
        "TimeoutStopSec",
        "KillMode",
        "Delegate",
        "DelegateSubgroup",
        "OOMPolicy",
        "TasksMax",
        "LimitCORE",
        "KeyringMode",
        "StateDirectory",
        "StateDirectoryMode",
        "RuntimeDirectory",
        "RuntimeDirectoryMode",
        "RuntimeDirectoryPreserve",
        "WantedBy",
    ];
    let keys = text.lines().filter_map(|line| {
        let key = line.split_once('=')?.0;
        (!line.starts_with('#')).then_some(key)
    });
    let unknown: Vec<&str> = keys.filter(|key| !allowed.contains(key)).collect();
    assert!(
        unknown.is_empty(),
        "are these inherited by commands? {unknown:?}"
    );
    for needed in [
        "KillMode=process",
        "Delegate=yes",
        "DelegateSubgroup=agent",
        "OOMPolicy=continue",
    ] {
        assert!(text.lines().any(|line| line == needed), "{needed}");
    }
}

/// A host that was revoked, or is set up wrongly, must not try for ever.
#[test]
fn what_does_not_get_better_is_not_tried_again() {
    for (name, codes) in [
        ("shanty-agent.service", "77 78"),
        ("shanty-executor.service", "77 78"),
        ("shanty.service", "65 77 78"),
    ] {
        let line = format!("RestartPreventExitStatus={codes}");
        assert!(unit(name).lines().any(|each| each == line), "{name}");
    }
}

#[test]
fn the_example_says_every_key_as_it_is_meant() {
    let parse = |text: &str| Config::parse(Path::new("agent.toml.example"), text).unwrap();
    let plain = parse(EXAMPLE);
    // Prose begins with a capital letter, goes on with a small one, and has no equals sign before a space.
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || is_key(rest) => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let all = parse(&uncommented);
    assert_ne!(plain.proxy, all.proxy);
    assert_ne!(plain.mask, all.mask);
    let mut command = all.command;
    assert!(command.max_processes.is_some() && !command.env.is_empty());
    // All that is left are defaults, so that nothing changes for who takes the comment away.
    command.max_processes = None;
    command.env.clear();
    assert_eq!(command, plain.command);
}

fn is_key(line: &str) -> bool {
    let key = line.split_once(" = ").map_or("", |(key, _)| key);
    !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}
