//! `[install]`: what new hosts are installed with.

use std::path::PathBuf;

use super::AbsolutePath;
use super::read::{Errors, Section};

/// Where the package of agents for controllers puts them.
pub(super) fn standard() -> PathBuf {
    PathBuf::from("/usr/share/shanty/agents")
}

/// The folder of the agents, and the file that says who may sign them.
pub(super) fn read(
    mut section: Section<'_, '_>,
    errors: &mut Errors<'_>,
) -> (PathBuf, Option<PathBuf>) {
    let artifacts = section.text::<AbsolutePath>("artifacts", errors);
    let roots = section.text::<AbsolutePath>("roots", errors);
    section.finish(errors);
    let artifacts = artifacts.map_or_else(standard, |path| path.0);
    (artifacts, roots.map(|path| path.0))
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn the_folder_of_the_agents_is_absolute_and_has_a_default() {
        let of = |lines: &str| {
            let text = format!("data_dir = \"/x\"\n{lines}");
            Config::parse("shanty.toml", &text)
                .map(|config| config.artifacts.display().to_string())
                .map_err(|errors| errors.to_string())
        };
        assert_eq!(of("").unwrap(), "/usr/share/shanty/agents");
        assert_eq!(of("[install]\nartifacts = \"/srv/a\"").unwrap(), "/srv/a");
        assert!(of("[install]\nartifacts = \"a\"").is_err());
        assert!(of("[install]\nroots = \"roots\"").is_err());
        assert!(
            of("[install]\nartefacts = \"/a\"")
                .unwrap_err()
                .contains("unknown key")
        );
    }
}
