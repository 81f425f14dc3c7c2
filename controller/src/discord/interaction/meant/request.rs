//! A request as it is kept for the buttons of its refusal, in words that later versions read too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shanty_core::ask::{RunRequest, Typed, UpkeepRequest};
use shanty_core::run::{About, Input, InputKind};

use crate::discord::commands::Attached;

/// A request as it is kept: options by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) on: String,
    pub(super) command: String,
    #[serde(default)]
    pub(super) typed: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) like: Option<String>,
    #[serde(default)]
    pub(super) input: Option<Given>,
    #[serde(default)]
    pub(super) upkeep: Option<Upkeep>,
    #[serde(default)]
    pub(super) file: Option<File>,
    /// Whose button it is for.
    #[serde(default)]
    pub(super) person: u64,
    /// The interaction that was refused: what is kept for it is taken together. Zero where an earlier version kept it.
    #[serde(default)]
    pub(super) refused: u64,
    /// It was pressed: nothing of it is kept any more.
    #[serde(default)]
    pub(super) pressed: bool,
}

/// What agents shall do to themselves, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Upkeep {
    Update { version: String, older: bool },
    Doctor,
}

impl From<&UpkeepRequest> for Upkeep {
    fn from(asked: &UpkeepRequest) -> Self {
        match asked {
            UpkeepRequest::Update { version, older } => Self::Update {
                version: version.clone(),
                older: *older,
            },
            UpkeepRequest::Doctor => Self::Doctor,
        }
    }
}

impl From<Upkeep> for UpkeepRequest {
    fn from(kept: Upkeep) -> Self {
        match kept {
            Upkeep::Update { version, older } => Self::Update { version, older },
            Upkeep::Doctor => Self::Doctor,
        }
    }
}

/// A file that was attached, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct File {
    url: String,
    name: String,
    bytes: u64,
}

impl From<&Attached> for File {
    fn from(file: &Attached) -> Self {
        Self {
            url: file.url.clone(),
            name: file.name.clone(),
            bytes: file.bytes,
        }
    }
}

impl From<File> for Attached {
    fn from(file: File) -> Self {
        Self {
            url: file.url,
            name: file.name,
            bytes: file.bytes,
        }
    }
}

/// What a command is given, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Given {
    script: bool,
    name: String,
    bytes: u64,
    sha256: [u8; 32],
    lines: u64,
    head: String,
    crlf: bool,
}

impl From<&Input> for Given {
    fn from(input: &Input) -> Self {
        Self {
            script: match input.kind {
                InputKind::Script => true,
                InputKind::Stdin => false,
            },
            name: input.name.clone(),
            bytes: input.bytes,
            sha256: input.sha256,
            lines: input.about.lines,
            head: input.about.head.clone(),
            crlf: input.about.crlf,
        }
    }
}

impl From<Given> for Input {
    fn from(given: Given) -> Self {
        Self {
            kind: match given.script {
                true => InputKind::Script,
                false => InputKind::Stdin,
            },
            name: given.name,
            bytes: given.bytes,
            sha256: given.sha256,
            about: About {
                lines: given.lines,
                head: given.head,
                crlf: given.crlf,
            },
        }
    }
}

impl Request {
    pub(super) fn of(request: &RunRequest, file: Option<&Attached>) -> Self {
        let typed = request.typed.iter();
        Self {
            on: request.on.clone(),
            command: request.command.clone(),
            typed: typed
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .collect(),
            like: request.like.map(|run| run.to_string()),
            input: request.input.as_ref().map(Given::from),
            upkeep: request.upkeep.as_ref().map(Upkeep::from),
            file: file.map(File::from),
            person: 0,
            refused: 0,
            pressed: false,
        }
    }

    /// What stays where this person pressed.
    pub(super) fn pressed_by(person: u64) -> Self {
        Self {
            person,
            pressed: true,
            ..Self::of(&RunRequest::default(), None)
        }
    }

    /// What it asks, and the file of it; nothing when a newer version kept what this one cannot do.
    pub(super) fn asked(self) -> Option<(RunRequest, Option<Attached>)> {
        let request = RunRequest {
            on: self.on,
            command: self.command,
            typed: Typed::from_names(self.typed).ok()?,
            like: match self.like {
                Some(run) => Some(run.parse().ok()?),
                None => None,
            },
            input: self.input.map(Input::from),
            upkeep: self.upkeep.map(UpkeepRequest::from),
        };
        Some((request, self.file.map(Attached::from)))
    }
}

#[cfg(test)]
mod tests {
    use shanty_core::ask::{RunOption, YES};
    use shanty_core::ids::RunId;

    use super::*;

    #[test]
    fn what_is_kept_is_asked_for_again_and_nothing_of_it_is_dropped() {
        let request = RunRequest {
            on: "web".to_owned(),
            command: "id".to_owned(),
            typed: Typed::default()
                .with(RunOption::Timeout, "5s")
                .with(RunOption::Color, YES),
            like: Some(RunId::from_bytes([7; 16])),
            input: Some(Input {
                kind: InputKind::Script,
                name: "deploy.sh".to_owned(),
                bytes: 5,
                sha256: [1; 32],
                about: About::default(),
            }),
            upkeep: Some(UpkeepRequest::Update {
                version: "0.2.0".to_owned(),
                older: true,
            }),
        };
        let file = Attached {
            url: "https://cdn.discordapp.com/a/1/x.sh?ex=1".to_owned(),
            name: "x.sh".to_owned(),
            bytes: 5,
        };
        let kept = serde_json::to_string(&Request::of(&request, Some(&file))).unwrap();
        let read: Request = serde_json::from_str(&kept).unwrap();
        assert_eq!(read.asked(), Some((request, Some(file))));
        let newer = kept.replace("color", "priority");
        let read: Request = serde_json::from_str(&newer).unwrap();
        assert_eq!(read.asked(), None);
    }
}
