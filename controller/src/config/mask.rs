//! `[mask]`: files with secrets that nobody is shown, whatever an agent sends.

use shanty_core::output::mask::SecretFiles;

use super::AbsolutePath;
use super::read::{Errors, Section};

/// What is masked in everything that is shown.
pub(super) fn read(mut section: Section<'_, '_>, errors: &mut Errors<'_>) -> SecretFiles {
    let mut paths = |key| {
        let paths = section.list::<AbsolutePath>(key, errors);
        let paths = paths.unwrap_or_default().into_iter();
        paths.map(|path| path.0).collect()
    };
    let (files, env_files) = (paths("files"), paths("env_files"));
    let shapes = section.boolean("shapes", errors).unwrap_or(true);
    section.finish(errors);
    SecretFiles {
        files,
        env_files,
        shapes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn mask(lines: &str) -> Result<SecretFiles, String> {
        let text = format!("data_dir = \"/x\"\n{lines}");
        Config::parse("shanty.toml", &text)
            .map(|config| config.mask)
            .map_err(|errors| errors.to_string())
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        assert_eq!(mask("").unwrap(), SecretFiles::default());
        let said = mask("[mask]\nfiles = [\"/a\"]\nenv_files = [\"/b\"]\nshapes = false\n");
        let expected = SecretFiles {
            files: vec!["/a".into()],
            env_files: vec!["/b".into()],
            shapes: false,
        };
        assert_eq!(said.unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_line() {
        for (line, wrong) in [
            ("files = [\"a\"]", "the path must start with /"),
            ("files = \"/a\"", "must be a list of texts"),
            ("shapes = \"no\"", "must be true or false"),
            ("file = [\"/a\"]", "unknown key `file` in [mask]"),
        ] {
            let told = mask(&format!("[mask]\n{line}\n")).unwrap_err();
            assert!(told.starts_with("shanty.toml:3: "), "{line}: {told}");
            assert!(told.contains(wrong), "{line}: {told}");
        }
    }
}
