//! `shanty-agent support-bundle`: one text for whoever is asked for help with this host.
//!
//! What the doctor found, the configuration, units and the last lines of their log, and which executions are held. No key, no command and
//! no output is in it; what `[mask]` names and what looks like a secret is masked, as in output.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use shanty_certs::files::read_foreign;
use shanty_core::causes::chain;
use shanty_core::output::mask::{Masks, SecretFiles};
use shanty_core::text::{size, utc};

use crate::clock::wall_ms;
use crate::config::{Config, Proxy};
use crate::doctor::{self, Findings};
use crate::mask;

/// Our units, the one that each process has and the one of both.
const UNITS: [&str; 2] = ["shanty-agent.service", "shanty-executor.service"];

/// Lines of the log that are taken.
const LOG_LINES: &str = "500";

/// The most that is taken of one thing, bytes: the end of it, which is the newest.
const SECTION_BYTES_MAX: usize = 256 * 1024;

/// In the place of what nobody else should read.
const HIDDEN: &str = "[masked]";

/// Executions that are listed.
const EXECUTIONS_MAX: usize = 500;

/// All of it.
pub(crate) async fn bundle(options: &doctor::Options) -> String {
    let findings = doctor::look(options).await;
    let (file, work_dir) = (options.data_dir.config(), options.work_dir().to_owned());
    let local = tokio::task::spawn_blocking(move || gather(&findings, &file, &work_dir));
    local
        .await
        .unwrap_or_else(|error| format!("not gathered: {error}\n"))
}

fn gather(findings: &Findings, file: &Path, work_dir: &Path) -> String {
    let mut text = format!(
        "shanty-agent {} on {} UTC\n",
        crate::version::here(),
        utc(wall_ms())
    );
    let mut section = |title: &str, body: &str| {
        let cut = body.len().saturating_sub(SECTION_BYTES_MAX);
        let body = body.get(body.ceil_char_boundary(cut)..).unwrap_or_default();
        writeln!(text, "\n== {title}\n{}", body.trim_end()).ok(); // A text takes everything.
    };
    section("doctor", &findings.text());
    section("agent.toml", &configuration(file));
    section("executions", &executions(work_dir));
    section("os-release", &said(&["cat", "/etc/os-release"]));
    section("kernel", &said(&["uname", "-a"]));
    section("disks", &said(&["df", "-h"]));
    if Path::new("/run/systemd/system").is_dir() {
        let of_units = |command: &[&str]| said(&[command, &UNITS[..]].concat());
        section("units", &of_units(&["systemctl", "--no-pager", "cat"]));
        // `status` would show the arguments of all that runs, and so the commands of people.
        let shown =
            "Id,ActiveState,SubState,Result,NRestarts,MainPID,StatusText,ActiveEnterTimestamp";
        section(
            "state of units",
            &of_units(&["systemctl", "show", "-p", shown]),
        );
        let log = [
            "journalctl",
            "--no-pager",
            "-o",
            "short-iso",
            "-n",
            LOG_LINES,
        ];
        let units = UNITS.iter().flat_map(|unit| ["-u", unit]);
        let log: Vec<&str> = log.into_iter().chain(units).collect();
        section("log", &said(&log));
    }
    masked(&text, file)
}

/// What the file says, without what logs in to a proxy and what commands are given.
fn configuration(path: &Path) -> String {
    let text = match read_foreign(path, 64 * 1024) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) => return error.to_string(),
    };
    let Ok(mut table) = text.parse::<toml::Table>() else {
        return "is not TOML, and so nobody knows what of it is a secret".to_owned();
    };
    if let Some(proxy) = table.get_mut("proxy") {
        let shown = proxy.as_str().and_then(|proxy| proxy.parse::<Proxy>().ok());
        let shown = shown.map_or_else(|| HIDDEN.to_owned(), |proxy| proxy.to_string());
        *proxy = shown.into();
    }
    let command = table
        .get_mut("command")
        .and_then(|command| command.as_table_mut());
    let env = command.and_then(|command| command.get_mut("env")?.as_table_mut());
    for (_, value) in env.into_iter().flatten() {
        *value = HIDDEN.into();
    }
    table.to_string()
}

/// Which runs are held, and how much of each.
fn executions(data_dir: &Path) -> String {
    let path = data_dir.join("executions");
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

/// What `[mask]` of this host names is masked, and what looks like a secret, whatever the host says of output: whoever reads it is
/// somewhere else. Where nobody knows what to mask, it says so.
fn masked(text: &str, config: &Path) -> String {
    let read = Config::read(config).map_err(|error| chain(&error));
    let masks = read.and_then(|config| {
        mask::load(&SecretFiles {
            shapes: true,
            ..config.mask
        })
    });
    match masks {
        Ok(masks) => masks.text(text),
        Err(why) => {
            let text = Masks::new(&[], true).text(text);
            format!(
                "What [mask] names is NOT masked here: read it before you send it. {why}\n\n{text}"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str =
        "agent = \"0192f3a4b5c67d8e9fa0b1c2d3e4f506\"\nname = \"web-01\"\nlink = \"a.net:1\"\n";

    #[test]
    fn neither_a_proxys_password_nor_what_commands_are_given_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        let shown = |lines: &str| {
            fs::write(&path, format!("{BEGIN}{lines}")).unwrap();
            let shown = configuration(&path);
            assert!(
                !shown.contains("hunter2") && !shown.contains("ann:"),
                "{shown}"
            );
            shown
        };
        for proxy in [
            "proxy = \"http://ann:hunter2@proxy:3128\"",
            "\"proxy\" = \"http://ann:hunter2@proxy:3128\"",
            "proxy = \"\"\"\nhttp://ann:hunter2@proxy:3128\"\"\"",
        ] {
            let shown = shown(proxy);
            assert!(
                shown.contains("name = \"web-01\"") && shown.contains("proxy:3128"),
                "{shown}"
            );
        }
        assert!(shown("proxy = \"ann:hunter2\"").contains(HIDDEN));
        let env = shown("[command.env]\nPGPASSWORD = \"hunter2\"");
        assert!(env.contains("PGPASSWORD"), "{env}");
        assert!(shown("proxy = \"http://ann:hunter2@p").contains("not TOML"));
    }

    #[test]
    fn where_nobody_knows_what_to_mask_it_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        let told = || {
            let told = masked("token ghp_0123456789abcdefghijABCDEFGHIJ012345", &path);
            assert!(
                told.starts_with("What [mask] names is NOT masked here"),
                "{told}"
            );
            assert!(!told.contains("ghp_0123456789"), "{told}");
            told
        };
        assert!(told().contains("agent.toml"));
        fs::write(
            &path,
            format!("{BEGIN}[mask]\nfiles = [\"/etc/app/pass\"]\n"),
        )
        .unwrap();
        assert!(told().contains("/etc/app/pass"));
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
