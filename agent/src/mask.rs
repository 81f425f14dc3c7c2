//! How `[mask]` of `agent.toml` comes to the shim, and the reading of the files that it names.
//!
//! Only paths are handed on. The files are read when an execution starts, so that a secret that was changed counts at once.

use std::fmt::Write as _;

use shanty_certs::files::read_foreign;
use shanty_core::causes::chain;
use shanty_core::output::mask::{FILE_BYTES_MAX, Masks, SecretFiles};

/// Holds what [`encode`] makes, in the shim's own environment; absent means that nothing is masked.
pub(crate) const MASK_VARIABLE: &str = "SHANTY_MASK";

/// Reads the files. Blocks.
///
/// # Errors
/// Every file that cannot be masked, as a part of a sentence; then nothing runs that could print what it holds.
pub(crate) fn load(mask: &SecretFiles) -> Result<Masks, String> {
    mask.load(|path| read_foreign(path, FILE_BYTES_MAX).map_err(|error| chain(&error)))
        .map_err(|errors| errors.join("; "))
}

/// One line for each thing to mask.
pub(crate) fn encode(mask: &SecretFiles) -> String {
    let mut text = String::new();
    if mask.shapes {
        text.push_str("shapes\n");
    }
    for (word, paths) in [("file", &mask.files), ("env", &mask.env_files)] {
        for path in paths {
            writeln!(text, "{word} {}", path.display()).ok(); // A text takes everything.
        }
    }
    text
}

/// What [`encode`] made of it, or nothing when it was not that.
pub(crate) fn decode(text: &str) -> Option<SecretFiles> {
    let mut mask = SecretFiles {
        shapes: false,
        ..SecretFiles::default()
    };
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("file", path)) => mask.files.push(path.into()),
            Some(("env", path)) => mask.env_files.push(path.into()),
            None if line == "shapes" => mask.shapes = true,
            Some(_) | None => return None,
        }
    }
    Some(mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_on_is_the_same_on_the_other_side() {
        let mask = SecretFiles {
            files: vec!["/etc/app/db pass".into(), "/é".into()],
            env_files: vec!["/etc/app/env".into()],
            shapes: true,
        };
        assert_eq!(decode(&encode(&mask)), Some(mask.clone()));
        let plain = SecretFiles {
            shapes: false,
            ..mask
        };
        assert_eq!(decode(&encode(&plain)), Some(plain));
        assert_eq!(decode("files /x\n"), None);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let [pass, gone] = ["pass", "gone"].map(|name| dir.path().join(name));
        std::fs::write(&pass, "correct horse\n").unwrap();
        let named = |path: &std::path::Path| SecretFiles {
            files: vec![path.to_owned()],
            ..SecretFiles::default()
        };
        let masks = load(&named(&pass)).unwrap();
        assert_eq!(masks.text("a correct horse"), "a [masked]");
        let told = load(&named(&gone)).unwrap_err();
        assert!(told.contains(gone.to_str().unwrap()), "{told}");
    }

    /// Whoever owns what is named there could put anything in its place, such as what is never read to its end.
    #[test]
    fn what_is_no_file_holds_nobody_up_and_fills_no_memory() {
        let dir = tempfile::tempdir().unwrap();
        let [pipe, long] = ["pipe", "long"].map(|name| dir.path().join(name));
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let sparse = std::fs::File::create(&long).unwrap();
        sparse.set_len(1 << 40).unwrap();
        for (path, why) in [
            (pipe.as_path(), "is not a regular file"),
            (dir.path(), "is not a regular file"),
            (std::path::Path::new("/dev/zero"), "is not a regular file"),
            (long.as_path(), "is larger than"),
        ] {
            for env in [false, true] {
                let paths = vec![path.to_owned()];
                let (files, env_files) = if env {
                    (vec![], paths)
                } else {
                    (paths, vec![])
                };
                let told = load(&SecretFiles {
                    files,
                    env_files,
                    shapes: true,
                });
                let told = told.unwrap_err();
                let path = path.to_str().unwrap();
                assert!(told.contains(path) && told.contains(why), "{told}");
            }
        }
    }
}
