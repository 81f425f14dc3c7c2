//! What the agent does to itself, as the words of a command: its own program, which runs like any other command and outlives the agent.

use std::ffi::OsString;

use shanty_core::run::{Upkeep, What};

/// Holds what [`encode`] makes, in the shim's own environment.
pub(crate) const UPKEEP_VARIABLE: &str = "SHANTY_UPKEEP";

/// Program and arguments for a shim's environment.
pub(crate) fn encode(words: &[OsString]) -> String {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    serde_json::to_string(&words).unwrap_or_default()
}

/// The words of what is no command; none for one.
pub(super) fn words(what: &What) -> Vec<String> {
    let said = std::env::var(UPKEEP_VARIABLE).unwrap_or_default();
    what.upkeep()
        .map(|upkeep| of(upkeep, &said))
        .unwrap_or_default()
}

fn of(upkeep: &Upkeep, said: &str) -> Vec<String> {
    let mut words: Vec<String> = serde_json::from_str(said).unwrap_or_default();
    let Some(at) = words.iter().position(String::is_empty) else {
        return Vec::new(); // The executor refuses such an order.
    };
    let mut own = Vec::new();
    match upkeep {
        Upkeep::Doctor => own.push("doctor".to_owned()),
        Upkeep::Update(update) => {
            own.extend([
                "update".to_owned(),
                "--to".to_owned(),
                update.version.to_string(),
            ]);
            own.extend(update.older.then(|| "--older".to_owned()));
        }
    }
    words.splice(at..=at, own);
    words
}

#[cfg(test)]
mod tests {
    use shanty_core::run::Update;

    use super::*;

    #[test]
    fn upkeep_is_our_own_program_and_where_its_files_are() {
        let said = encode(&[
            "/opt/shanty-agent".into(),
            "".into(),
            "--data-dir".into(),
            "/a b".into(),
        ]);
        let words = |upkeep| of(&upkeep, &said).join("|");
        assert_eq!(
            words(Upkeep::Doctor),
            "/opt/shanty-agent|doctor|--data-dir|/a b"
        );
        let update = |older| {
            words(Upkeep::Update(Update {
                version: "0.2.0".parse().unwrap(),
                older,
            }))
        };
        assert_eq!(
            update(false),
            "/opt/shanty-agent|update|--to|0.2.0|--data-dir|/a b"
        );
        assert!(update(true).contains("|0.2.0|--older|--data-dir"));
        let several = encode(&["/opt/shanty".into(), "__agent".into(), "".into()]);
        assert_eq!(
            of(&Upkeep::Doctor, &several).join("|"),
            "/opt/shanty|__agent|doctor"
        );
        assert!(of(&Upkeep::Doctor, "").is_empty() && of(&Upkeep::Doctor, "[]").is_empty());
    }
}
