//! Paths, which say where from the root.

use std::path::PathBuf;
use std::str::FromStr;

/// A path from the root: the working directory of a service is nobody's choice.
#[derive(Debug)]
pub(super) struct AbsolutePath(pub(super) PathBuf);

impl FromStr for AbsolutePath {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = PathBuf::from(text);
        if path.is_absolute() {
            Ok(Self(path))
        } else {
            Err("the path must start with /")
        }
    }
}
