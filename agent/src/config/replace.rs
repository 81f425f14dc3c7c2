//! Joining anew where a configuration stands: what its owner wrote goes on to count, and nothing of it is lost.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use shanty_certs::files::{self, Access, FileError};
use shanty_core::causes::chain;
use zeroize::Zeroizing;

use super::Config;

/// The tables that only the owner of a host writes.
const OWN_TABLES: [&str; 3] = ["limits", "mask", "command"];

/// Writes the configuration that a join brought. What stood there is kept beside it, and its own tables go on to count; that they cannot be
/// read is said.
pub(super) fn replace(
    path: &Path,
    config: &Config,
    old: Result<Zeroizing<Vec<u8>>, FileError>,
    access: Access,
) -> Result<(), FileError> {
    let old = match old {
        Err(error) if error.is_missing() => {
            return files::write_with(path, config.to_toml().as_bytes(), access);
        }
        Err(error) => Err(chain(&error)),
        Ok(bytes) => own_tables(path, &bytes),
    };
    let beside = set_aside(path).map_err(|source| FileError::Io {
        doing: "set aside",
        path: path.to_owned(),
        source,
    })?;
    let beside = beside.display();
    let own = old.unwrap_or_else(|why| {
        tracing::warn!(
            "What [limits], [mask] and [command] said before does NOT count any more, since the old configuration cannot be used: {why}. It \
             is kept in {beside}: copy those tables to {} before the agent starts.",
            path.display()
        );
        String::new()
    });
    if !own.is_empty() {
        tracing::info!(
            "What the configuration said in tables of its own goes on to count; all of it is kept in {beside}."
        );
    }
    let text = format!("{}{own}", config.to_toml());
    files::write_with(path, text.as_bytes(), access)
}

/// The tables of a configuration that is whole, as text.
fn own_tables(path: &Path, bytes: &[u8]) -> Result<String, String> {
    Config::of_bytes(path, bytes).map_err(|error| chain(&error))?;
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
    let own = table
        .into_iter()
        .filter(|(key, _)| OWN_TABLES.contains(&key.as_str()));
    let own: toml::Table = own.collect();
    if own.is_empty() {
        return Ok(String::new());
    }
    let text = toml::to_string(&own).map_err(|error| error.to_string())?;
    Ok(format!("\n{text}"))
}

/// Gives a file another name, under which nothing is.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(".old");
    let mut beside = PathBuf::from(&name);
    let mut number = 1_u32;
    while fs::symlink_metadata(&beside).is_ok() {
        number = number.saturating_add(1);
        let mut numbered = name.clone();
        numbered.push(format!(".{number}"));
        beside = numbered.into();
    }
    fs::rename(path, &beside)?;
    Ok(beside)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str =
        "agent = \"0192f3a4b5c67d8e9fa0b1c2d3e4f506\"\nname = \"web-01\"\nlink = \"a.net:1\"\n";
    const OWN: &str =
        "[limits]\noffline_ms = 3000\n[mask]\nfiles = [\"/a\"]\n[command]\nnice = 5\n";

    fn joined() -> Config {
        let text = BEFORE.replace("0192", "0193").replace("web", "db");
        Config::parse(Path::new("agent.toml"), &text).unwrap()
    }

    fn replaced(path: &Path) -> Config {
        replace(
            path,
            &joined(),
            files::read_secret(path, 1_000),
            Access::OURS,
        )
        .unwrap();
        Config::of_bytes(path, &fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn what_the_owner_wrote_counts_after_every_join() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        assert_eq!(replaced(&path), joined());
        let text = format!("{BEFORE}{OWN}");
        files::write_secret(&path, text.as_bytes()).unwrap();
        let before = Config::parse(&path, &text).unwrap();
        for _ in 0..2 {
            let after = replaced(&path);
            assert_eq!(
                (&after.agent, &after.name),
                (&joined().agent, &joined().name)
            );
            assert_eq!(after.times, before.times);
            assert_eq!(after.mask, before.mask);
            assert_eq!(after.command, before.command);
        }
        assert_ne!(before.command, joined().command);
        let kept = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(kept("agent.toml.old"), text);
        assert!(kept("agent.toml.old.2").contains("0193"));
    }

    #[test]
    fn what_cannot_be_read_is_set_aside_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        for (number, broken) in ["mask = 1", "[mask\n", "\u{0}"].into_iter().enumerate() {
            fs::remove_file(&path).ok();
            files::write_secret(&path, broken.as_bytes()).unwrap();
            assert_eq!(replaced(&path), joined());
            let name = match number {
                0 => "agent.toml.old".to_owned(),
                before => format!("agent.toml.old.{}", before + 1),
            };
            assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), broken);
        }
    }
}
