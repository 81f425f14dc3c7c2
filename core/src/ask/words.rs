//! What was asked for, in words that whoever reads the journal understands.

use super::{Ask, InventoryAsk, One, RunRequest, Steer, UpkeepRequest, Which};
use crate::hold::Hold;
use crate::ids::RunId;
use crate::journal::State;

/// Characters of it that are recorded. What is shown is shorter, and is masked before it is cut.
const CHARS_MAX: usize = 4_000;

impl Ask {
    /// What it asks for, in one line without a full stop. Secrets in it are not masked.
    #[must_use]
    pub fn in_words(&self, state: &State) -> String {
        let run = |id: &RunId| {
            let number = state.runs.number_of(*id);
            number.map_or_else(|| "an older run".to_owned(), |number| number.to_string())
        };
        let words = match self {
            Self::Run(request) => wanted(request),
            Self::Again { run, part, .. } => match state.runs.number_of(*run) {
                Some(number) => format!("run again {}", part.selector(number)),
                None => "run an older run again".to_owned(),
            },
            Self::Confirm { run, .. } => match state.proposals.get(run) {
                Some(shown) => {
                    let spec = &shown.spec;
                    format!(
                        "confirm a run on {}: {}",
                        spec.selector.trim(),
                        spec.what.text()
                    )
                }
                None => "confirm a run that was shown".to_owned(),
            },
            Self::TakeBack { .. } => "take back a run that was shown".to_owned(),
            Self::Cancel { which, force } => {
                let verb = if *force { "kill" } else { "stop" };
                match which {
                    Which::Id(id) => format!("{verb} {}", run(id)),
                    Which::Number(number) => format!("{verb} {number}"),
                    Which::All => format!("{verb} every run"),
                }
            }
            Self::Steer { which, to } => {
                let verb = match to {
                    Steer::Pause => "pause",
                    Steer::Continue => "continue",
                };
                match which {
                    One::Id(id) => format!("{verb} {}", run(id)),
                    One::Number(number) => format!("{verb} {number}"),
                }
            }
            Self::Hold(Hold::On { reason }) => format!("put new runs on hold: {reason}"),
            Self::Hold(Hold::Off) => "end the hold".to_owned(),
            Self::Inventory(ask) => changed(ask),
            Self::RemoveHost { name } => format!("remove the host {name}"),
            Self::FreeName { name } => format!("free the name {name}"),
            Self::CreateToken(_) => "make a join token".to_owned(),
            Self::RevokeToken { id } => format!("revoke the join token {id}"),
            Self::Look(_) => "look".to_owned(),
        };
        words.chars().take(CHARS_MAX).collect()
    }
}

fn wanted(request: &RunRequest) -> String {
    let on = request.on.trim();
    match &request.upkeep {
        Some(UpkeepRequest::Doctor) => return format!("doctor on {on}"),
        Some(UpkeepRequest::Update { version, .. }) if version.trim().is_empty() => {
            return format!("update agents on {on}");
        }
        Some(UpkeepRequest::Update { version, .. }) => {
            return format!("update agents on {on} to {}", version.trim());
        }
        None => {}
    }
    let command = match &request.input {
        Some(input) => input.command(&request.command),
        None => request.command.clone(),
    };
    format!("run on {on}: {command}")
}

fn changed(ask: &InventoryAsk) -> String {
    match ask {
        InventoryAsk::Label { on, changes } => format!("label {on}: {changes}"),
        InventoryAsk::Drain { on, drain: true } => format!("drain {on}"),
        InventoryAsk::Drain { on, drain: false } => format!("end the drain of {on}"),
        InventoryAsk::Release { on } => format!("give up what {on} holds of unknown runs"),
        InventoryAsk::SaveGroup { name, on } => {
            format!("save @{}: {on}", name.trim_start_matches('@'))
        }
        InventoryAsk::RemoveGroup { name } => format!("remove @{}", name.trim_start_matches('@')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunNumber;
    use crate::run::Input;

    #[test]
    fn whoever_reads_it_knows_what_was_wanted() {
        let run = |input| {
            Ask::Run(RunRequest {
                on: " web-01 ".to_owned(),
                command: "id".to_owned(),
                input,
                ..RunRequest::default()
            })
        };
        let id = RunId::from_bytes([7; 16]);
        for (ask, words) in [
            (run(None), "run on web-01: id"),
            (run(Some(Input::example())), "run on web-01: deploy.sh id"),
            (Ask::TakeBack { run: id }, "take back a run that was shown"),
            (
                Ask::Cancel {
                    which: Which::Number(RunNumber(7)),
                    force: true,
                },
                "kill #7",
            ),
            (
                Ask::Cancel {
                    which: Which::Id(id),
                    force: false,
                },
                "stop an older run",
            ),
            (
                Ask::Hold(Hold::on("db move")),
                "put new runs on hold: db move",
            ),
            (
                Ask::Inventory(InventoryAsk::SaveGroup {
                    name: "@w".to_owned(),
                    on: "role=web".to_owned(),
                }),
                "save @w: role=web",
            ),
        ] {
            assert_eq!(ask.in_words(&State::default()), words);
        }
        let long = Ask::Hold(Hold::on("ü".repeat(9_999)));
        let words = long.in_words(&State::default());
        assert_eq!(words.chars().count(), CHARS_MAX);
    }
}
