//! `[command]` in `agent.toml`: what every command on this host finds around itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use shanty_core::text::parse_size;
use toml::Spanned;

use crate::surroundings::Surroundings;

/// Variables that may be named.
const VARIABLES_MAX: usize = 200;

/// Bytes of all of it together: the shim is told in one variable of its own, which the kernel bounds.
const BYTES_MAX: usize = 60_000;

/// No Linux has more processes than this at a time.
const PROCESSES_MAX: u64 = 1 << 22;

/// With less than this no command begins.
const MEMORY_MIN: u64 = 16 << 20;

/// Variables that the agent sets for each run, or by another key of the table.
const OURS: [(&str, &str); 5] = [
    ("PATH", "say `path` instead"),
    ("HOME", "it is that of the user"),
    ("USER", "it is that of the user"),
    ("LOGNAME", "it is that of the user"),
    ("SHELL", "it is that of the user"),
];

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandTable {
    path: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    umask: Option<String>,
    shell: Option<String>,
    nice: Option<i64>,
    no_new_privs: Option<bool>,
    max_processes: Option<i64>,
    max_memory: Option<String>,
}

/// What commands find; the usual where nothing is said.
pub(super) fn read(
    text: &str,
    table: Option<Spanned<CommandTable>>,
    errors: &mut Vec<String>,
) -> Option<Surroundings> {
    let Some(table) = table else {
        return Some(Surroundings::default());
    };
    let line = super::line(text, table.span().start);
    let mut wrong = Vec::new();
    let surroundings = checked(table.into_inner(), &mut wrong);
    let good = wrong.is_empty();
    errors.extend(
        wrong
            .iter()
            .map(|wrong| format!("line {line}: [command]: {wrong}")),
    );
    good.then_some(surroundings)
}

fn checked(table: CommandTable, wrong: &mut Vec<String>) -> Surroundings {
    let usual = Surroundings::default();
    if let Some(path) = &table.path {
        wrong.extend(path_error(path));
    }
    if let Some(shell) = &table.shell {
        wrong.extend(absolute(shell).err().map(|error| format!("shell: {error}")));
    }
    wrong.extend(env_errors(&table.env));
    let umask = table.umask.as_deref().map(umask).transpose();
    let umask = umask.unwrap_or_else(|error| {
        wrong.push(error);
        None
    });
    let nice = table.nice.unwrap_or(0);
    let nice = i32::try_from(nice)
        .ok()
        .filter(|nice| (0..=19).contains(nice));
    if nice.is_none() {
        wrong.push("nice is a number from 0 to 19, and 19 waits for everybody".to_owned());
    }
    let max_processes = table.max_processes.map(|most| {
        let most = u64::try_from(most).ok();
        most.filter(|most| (1..=PROCESSES_MAX).contains(most))
    });
    if max_processes == Some(None) {
        wrong.push(format!(
            "max_processes is a number from 1 to {PROCESSES_MAX}"
        ));
    }
    let max_memory = table.max_memory.as_deref().map(max_memory).transpose();
    let max_memory = max_memory.unwrap_or_else(|error| {
        wrong.push(error);
        None
    });
    let surroundings = Surroundings {
        path: table.path.unwrap_or(usual.path),
        env: table.env,
        umask: umask.unwrap_or(usual.umask),
        shell: table.shell.unwrap_or(usual.shell),
        nice: nice.unwrap_or(usual.nice),
        no_new_privs: table.no_new_privs.unwrap_or(usual.no_new_privs),
        max_processes: max_processes.flatten(),
        max_memory,
    };
    if surroundings.encode().len() > BYTES_MAX {
        wrong.push(format!("all of it together is over {BYTES_MAX} bytes"));
    }
    surroundings
}

/// A folder that is not absolute would be another one for each command, and whoever may write there would choose what runs.
fn path_error(path: &str) -> Option<String> {
    let bad = path.split(':').find_map(|folder| absolute(folder).err());
    bad.map(|error| format!("path: {error}"))
}

fn absolute(path: &str) -> Result<(), String> {
    if path.starts_with('/') && !path.chars().any(char::is_control) {
        return Ok(());
    }
    let shown = crate::failure::printable(path);
    Err(format!("`{shown}` is not an absolute path"))
}

fn env_errors(env: &BTreeMap<String, String>) -> Vec<String> {
    let mut wrong: Vec<String> = env
        .iter()
        .filter_map(|(name, value)| Some(format!("env: {}", variable_error(name, value)?)))
        .collect();
    if env.len() > VARIABLES_MAX {
        wrong.push(format!("env: more than {VARIABLES_MAX} variables"));
    }
    wrong
}

fn variable_error(name: &str, value: &str) -> Option<String> {
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let rest = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let shown = crate::failure::printable(name);
    if !first || !rest {
        return Some(format!("`{shown}` is not the name of a variable"));
    }
    if let Some((_, why)) = OURS.iter().find(|(ours, _)| *ours == name) {
        return Some(format!("{name} cannot be set: {why}"));
    }
    if name.starts_with("SHANTY_") {
        return Some(format!(
            "{name} cannot be set: names with SHANTY_ are the agent's"
        ));
    }
    value
        .contains('\0')
        .then(|| format!("the value of {name} holds a NUL"))
}

fn max_memory(text: &str) -> Result<u64, String> {
    let bytes =
        parse_size(text).filter(|bytes| (MEMORY_MIN..=i64::MAX.unsigned_abs()).contains(bytes));
    bytes.ok_or_else(|| {
        "max_memory is a size such as \"512m\" or \"2g\", and at least \"16m\"".to_owned()
    })
}

/// Octal, as a shell shows it. A number would be read as a decimal one.
fn umask(text: &str) -> Result<u32, String> {
    let octal =
        (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let parsed = u32::from_str_radix(text, 8).ok();
    match parsed.filter(|umask| octal && *umask <= 0o777) {
        None => Err("umask is an octal text such as \"0022\"".to_owned()),
        // Nothing could look into the folders that a command makes, not even the command.
        Some(umask) if umask & 0o700 != 0 => {
            Err("umask keeps files from the user who makes them".to_owned())
        }
        Some(umask) => Ok(umask),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    fn with(lines: &str) -> Result<Surroundings, String> {
        let text = format!(
            "agent = \"0192f3a4b5c67d8e9fa0b1c2d3e4f506\"\nname = \"web-01\"\nlink = \"shanty.example.net:7443\"\n{lines}"
        );
        Config::parse(Path::new("agent.toml"), &text)
            .map(|config| config.command)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_said_counts_and_the_rest_is_as_usual() {
        assert_eq!(with(""), Ok(Surroundings::default()));
        assert_eq!(with("[command]\n"), Ok(Surroundings::default()));
        let said = with(
            "[command]\npath = \"/opt/bin:/bin\"\numask = \"0077\"\nshell = \"/bin/bash\"\nnice = 10\n\
             no_new_privs = false\nmax_processes = 500\nmax_memory = \"1.5g\"\n[command.env]\nHTTPS_PROXY = \"http://proxy:3128\"\nEMPTY = \"\"\n",
        );
        let expected = Surroundings {
            path: "/opt/bin:/bin".to_owned(),
            env: BTreeMap::from([
                ("EMPTY".to_owned(), String::new()),
                ("HTTPS_PROXY".to_owned(), "http://proxy:3128".to_owned()),
            ]),
            umask: 0o077,
            shell: "/bin/bash".to_owned(),
            nice: 10,
            no_new_privs: false,
            max_processes: Some(500),
            max_memory: Some(1_536 << 20),
        };
        assert_eq!(said, Ok(expected));
        assert_eq!(with("[command]\numask = \"002\"").unwrap().umask, 0o002);
    }

    #[test]
    fn every_wrong_value_is_named_with_the_line_of_the_table() {
        let octal = "umask is an octal text such as \"0022\"";
        for (lines, said) in [
            ("path = \"/bin:\"", "path: `` is not an absolute path"),
            ("path = \"/bin:.:/x\"", "path: `.` is not an absolute path"),
            ("path = \"\"", "path: `` is not an absolute path"),
            ("shell = \"bash\"", "shell: `bash` is not an absolute path"),
            (
                "shell = \"/bin/ba\\nsh\"",
                "shell: `/bin/ba sh` is not an absolute path",
            ),
            ("umask = \"22\"", octal),
            ("umask = \"0028\"", octal),
            ("umask = \"+022\"", octal),
            ("umask = \"1777\"", octal),
            ("umask = \"0722\"", "umask keeps files from the user"),
            ("nice = -1", "nice is a number from 0 to 19"),
            ("nice = 20", "nice is a number from 0 to 19"),
            ("nice = 9999999999", "nice is a number from 0 to 19"),
            ("max_processes = 0", "max_processes is a number from 1 to "),
            ("max_processes = -1", "max_processes is a number from 1 to "),
            (
                "max_processes = 4194305",
                "max_processes is a number from 1 to 4194304",
            ),
            ("max_memory = \"1G\"", "max_memory is a size such as "),
            ("max_memory = \"1\"", "max_memory is a size such as "),
            ("max_memory = \"15m\"", "max_memory is a size such as "),
            ("max_memory = \"9999999t\"", "max_memory is a size such as "),
            (
                "env = { \"A-B\" = \"\" }",
                "env: `A-B` is not the name of a variable",
            ),
            (
                "env = { \"\" = \"\" }",
                "env: `` is not the name of a variable",
            ),
            (
                "env = { PATH = \"/x\" }",
                "env: PATH cannot be set: say `path` instead",
            ),
            (
                "env = { HOME = \"/x\" }",
                "env: HOME cannot be set: it is that of the user",
            ),
            (
                "env = { SHANTY_RUN = \"1\" }",
                "env: SHANTY_RUN cannot be set",
            ),
            (
                "env = { A = \"x\\u0000\" }",
                "env: the value of A holds a NUL",
            ),
        ] {
            let error = with(&format!("[command]\n{lines}\n")).unwrap_err();
            let expected = format!("line 4: [command]: {said}");
            assert!(error.contains(&expected), "{lines}: {error}");
        }
        let both = with("[command]\nshell = \"sh\"\nnice = 99\n").unwrap_err();
        assert!(
            both.contains("shell: ") && both.contains("nice is "),
            "{both}"
        );
        let long = format!("[command.env]\nA = \"{}\"\n", "x".repeat(BYTES_MAX));
        assert!(with(&long).unwrap_err().contains("all of it together"));
        let many: String = (0..=VARIABLES_MAX)
            .map(|n| format!("A{n} = \"\"\n"))
            .collect();
        let said = with(&format!("[command.env]\n{many}")).unwrap_err();
        assert!(said.contains("env: more than 200 variables"), "{said}");
        for unknown in [
            "paths = \"/bin\"",
            "umask = 22",
            "nice = \"1\"",
            "no_new_privs = 0",
        ] {
            let error = with(&format!("[command]\n{unknown}\n")).unwrap_err();
            assert!(error.contains("line 5"), "{error}");
        }
    }
}
