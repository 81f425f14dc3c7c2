//! `[mask]` in `agent.toml`: which files hold secrets that no output may show.

use std::path::PathBuf;

use serde::Deserialize;
use shanty_core::output::mask::SecretFiles;
use toml::Spanned;

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MaskTable {
    #[serde(default)]
    files: Vec<PathBuf>,
    #[serde(default)]
    env_files: Vec<PathBuf>,
    shapes: Option<bool>,
}

/// What is masked; only what looks like a secret when nothing is said.
pub(super) fn read(
    text: &str,
    table: Option<Spanned<MaskTable>>,
    errors: &mut Vec<String>,
) -> Option<SecretFiles> {
    let usual = SecretFiles::default();
    let Some(table) = table else {
        return Some(usual);
    };
    let line = super::line(text, table.span().start);
    let table = table.into_inner();
    let mask = SecretFiles {
        files: table.files,
        env_files: table.env_files,
        shapes: table.shapes.unwrap_or(usual.shapes),
    };
    check(&mask)
        .map_err(|error| errors.push(format!("line {line}: [mask]: {error}")))
        .ok()?;
    Some(mask)
}

/// What is wrong with the paths, if anything is.
fn check(mask: &SecretFiles) -> Result<(), String> {
    for path in mask.files.iter().chain(&mask.env_files) {
        let text = path.to_string_lossy();
        if !path.is_absolute() || text.chars().any(char::is_control) {
            let shown = crate::failure::printable(&text);
            return Err(format!("`{shown}` is not an absolute path"));
        }
    }
    Ok(())
}
