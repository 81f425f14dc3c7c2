//! `shanty-agent support-bundle`: one text for whoever is asked for help with this host.
//!
//! What the doctor found, the configuration, units and the last lines of their log, and which executions are held. No key, no command and
//! no output is in it; what `[mask]` names and what looks like a secret is masked, as in output.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use shanty_certs::files::read_foreign;
use shanty_core::output::mask::{Masks, SecretFiles};
use shanty_core::text::{size, utc};

use crate::clock::wall_ms;
use crate::config::{Config, ProxyChoice};
use crate::doctor::{self, Findings};
use crate::mask;

/// Our units, the one that each process has and the one of both.
const UNITS: [&str; 2] = ["shanty-agent.service", "shanty-executor.service"];

/// Lines of the log that are taken.
const LOG_LINES: &str = "500";

/// The most that is taken of one thing, bytes: the end of it, which is the newest.
const SECTION_BYTES_MAX: usize = 256 * 1024;

/// Executions that are listed.
const EXECUTIONS_MAX: usize = 500;

/// All of it.
pub(crate) async fn bundle(options: &doctor::Options) -> String {
    let findings = doctor::look(options).await;
    let (file, work_dir) = (options.data_dir.config(), options.work_dir().to_owned());
    let config = options.data_dir.load().ok().map(|(_, config)| config);
    let local =
        tokio::task::spawn_blocking(move || gather(&findings, (&file, &work_dir), config.as_ref()));
    local
        .await
        .unwrap_or_else(|error| format!("not gathered: {error}\n"))
}

fn gather(
    findings: &Findings,
    (file, work_dir): (&Path, &Path),
    config: Option<&Config>,
) -> String {
    let mut text = format!(
        "shanty-agent {} on {} UTC\n",
        env!("CARGO_PKG_VERSION"),
        utc(wall_ms())
    );
    let mut section = |title: &str, body: &str| {
        let cut = body.len().saturating_sub(SECTION_BYTES_MAX);
        let body = body.get(body.ceil_char_boundary(cut)..).unwrap_or_default();
        writeln!(text, "\n== {title}\n{}", body.trim_end()).ok(); // A text takes everything.
    };
    section("doctor", &findings.text());
    section("agent.toml", &configuration(file, config));
    section("executions", &executions(work_dir));
    section("os-release", &said(&["cat", "/etc/os-release"]));
    section("kernel", &said(&["uname", "-a"]));
    section("disks", &said(&["df", "-h"]));
    if Path::new("/run/systemd/system").is_dir() {
        section(
            "units",
            &said(&[&["systemctl", "--no-pager", "cat"], &UNITS[..]].concat()),
        );
        section(
            "state of units",
            &said(&[&["systemctl", "--no-pager", "status"], &UNITS[..]].concat()),
        );
        let of_units: Vec<&str> = UNITS.iter().flat_map(|unit| ["-u", unit]).collect();
        let log = [
            "journalctl",
            "--no-pager",
            "-o",
            "short-iso",
            "-n",
            LOG_LINES,
        ];
        section("log", &said(&[&log[..], &of_units].concat()));
    }
    masked(&text, config)
}

/// The file as it stands, without what logs in to a proxy.
fn configuration(file: &Path, config: Option<&Config>) -> String {
    let text = match read_foreign(file, 64 * 1024) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) => return error.to_string(),
    };
    let proxy = match config.map(|config| &config.proxy) {
        Some(ProxyChoice::This(proxy)) => proxy.to_string(),
        Some(ProxyChoice::None) => String::new(),
        Some(ProxyChoice::Unsaid) | None => "[masked]".to_owned(),
    };
    let line = |line: &str| match line.trim_start().starts_with("proxy") {
        true => format!("proxy = \"{proxy}\"\n"),
        false => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// Which runs are held, and how much of each.
fn executions(work_dir: &Path) -> String {
    let path = work_dir.join("executions");
    let held = match fs::read_dir(&path) {
        Ok(held) => held,
        Err(error) => return format!("{}: {error}", path.display()),
    };
    let mut names: Vec<_> = held.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    let mut text = format!("{} are held\n", names.len());
    for name in names.iter().rev().take(EXECUTIONS_MAX) {
        let spool = fs::metadata(path.join(name).join("spool"));
        let spool = spool.map_or_else(|error| error.to_string(), |spool| size(spool.len()));
        writeln!(text, "{} {spool}", name.to_string_lossy()).ok(); // A text takes everything.
    }
    text
}

/// What a program of the host prints, or why it did not.
fn said(command: &[&str]) -> String {
    let [program, args @ ..] = command else {
        return String::new();
    };
    match Command::new(program).args(args).output() {
        Ok(output) => {
            let both = [output.stdout, output.stderr].concat();
            String::from_utf8_lossy(&both).into_owned()
        }
        Err(error) => format!("{program}: {error}"),
    }
}

fn masked(text: &str, config: Option<&Config>) -> String {
    let of_host = config.map(|config| SecretFiles {
        // Whoever reads it is somewhere else: what looks like a secret is masked, whatever the host says of output.
        shapes: true,
        ..config.mask.clone()
    });
    match of_host.map(|of_host| mask::load(&of_host)) {
        Some(Ok(masks)) => masks.text(text),
        Some(Err(why)) => {
            let text = Masks::new(&[], true).text(text);
            format!("Not masked, read it before you send it: {why}\n\n{text}")
        }
        None => Masks::new(&[], true).text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_proxys_password_nor_a_key_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let text = "agent = \"0192f3a4b5c67d8e9fa0b1c2d3e4f506\"\nname = \"web-01\"\nlink = \"a.net:1\"\n\
                    proxy = \"http://ann:hunter2@proxy:3128\"\n\n[mask]\nfiles = [\"/etc/app/pass\"]\n";
        fs::write(dir.path().join("agent.toml"), text).unwrap();
        let config = Config::parse(Path::new("agent.toml"), text).unwrap();
        for config in [Some(&config), None] {
            let shown = configuration(&dir.path().join("agent.toml"), config);
            assert!(
                !shown.contains("hunter2") && !shown.contains("ann:"),
                "{shown}"
            );
            assert!(
                shown.contains("name = \"web-01\"") && shown.contains("proxy = "),
                "{shown}"
            );
        }
        // A file that is to be masked and is not there is told: nobody knows then what was not masked.
        let told = masked(
            "token ghp_0123456789abcdefghijABCDEFGHIJ012345",
            Some(&config),
        );
        assert!(
            told.starts_with("Not masked") && told.contains("/etc/app/pass"),
            "{told}"
        );
        assert!(!told.contains("ghp_0123456789"), "{told}");
    }

    #[test]
    fn executions_are_counted_and_nothing_of_them_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        assert!(executions(dir.path()).contains("executions"));
        let run = dir
            .path()
            .join("executions/0192f3a4b5c67d8e9fa0b1c2d3e4f506");
        fs::create_dir_all(&run).unwrap();
        fs::write(run.join("spool"), "secret").unwrap();
        let text = executions(dir.path());
        assert!(
            text.starts_with("1 are held\n0192f3a4b5c67d8e9fa0b1c2d3e4f506 6"),
            "{text}"
        );
        assert!(!text.contains("secret"));
    }
}
