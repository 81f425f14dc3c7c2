//! Forms that people fill in: the closed set of them, what stands in each when it opens, and what is asked when it comes back.
//!
//! Like a press, a form says in its id all that it needs, so that it works after a restart, and what comes back is decided anew.

use std::fmt;
use std::str::FromStr;

use super::NoPress;
use super::press::is_key;
use crate::ask::{Ask, RunOption, RunRequest, Typed};
use crate::ids::RunId;
use crate::limits::{FORM_CHARS_MAX, NAME_CHARS_MAX};
use crate::output::mask::MASKED;
use crate::refusal::{Code, Refusal};
use crate::run::{Input, InputKind, Run, What};
use crate::text::{thousands, typed_duration, units};

/// What filling in something does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Runs something else than what was run, with its options where the form has none.
    Edit(RunId),
    /// Runs a command, with these options where the form has none.
    Write(Typed),
    /// Runs what was refused, changed: what the form has not is kept under this key.
    Change(String),
}

/// What is asked by filling in a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filled {
    /// This.
    Ask(Ask),
    /// This run, with what is kept under this key where the form has nothing.
    Change(String, RunRequest),
}

/// A field of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldName {
    /// The command.
    Command,
    /// The selector.
    On,
    /// The time that it is given.
    Timeout,
    /// The user that it runs as.
    As,
}

impl FieldName {
    const ALL: [Self; 4] = [Self::Command, Self::On, Self::Timeout, Self::As];

    /// As its id.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::On => "on",
            Self::Timeout => "timeout",
            Self::As => "as",
        }
    }
}

/// A form as it opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// What filling it in does.
    pub form: Form,
    /// At most 45 characters.
    pub title: String,
    /// One to five.
    pub fields: Vec<Field>,
}

/// A field as it opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Which.
    pub name: FieldName,
    /// At most 45 characters.
    pub label: &'static str,
    /// What stands in it, at most [`FORM_CHARS_MAX`] characters.
    pub value: String,
    /// Whether it has several lines.
    pub lines: bool,
    /// Whether it must not be empty.
    pub required: bool,
}

/// A command to be written, with what else was typed.
///
/// # Errors
/// When more was typed than the form can keep.
pub fn write_sheet(request: &RunRequest) -> Result<Sheet, Refusal> {
    let shown = [RunOption::Timeout, RunOption::As];
    let own = request.typed.iter().filter(|(name, text)| {
        !text.is_empty() && !shown.iter().any(|option| option.name() == *name)
    });
    let pairs = own.map(|(name, text)| (name, text.to_owned()));
    let form = Form::Write(Typed::from_names(pairs).unwrap_or_default());
    if form.to_string().len() > NAME_CHARS_MAX || units(&request.on) > FORM_CHARS_MAX {
        return Err(Refusal::new(
            Code::TooLong,
            "There is no command, and a form for one cannot keep all of the options. Nothing was run.",
            "Type `command:` too, or leave options out.",
        ));
    }
    let typed = |option| request.typed.get(option).unwrap_or_default().to_owned();
    Ok(Sheet {
        form,
        title: "Write and run".to_owned(),
        fields: fields(
            (String::new(), request.on.clone()),
            typed(RunOption::Timeout),
            typed(RunOption::As),
        ),
    })
}

/// What was typed and refused, to be changed, where the form can hold it: it is kept under this key. For a script that was attached, or is kept
/// already, the command is what is given to it.
#[must_use]
pub fn change_sheet(key: &str, request: &RunRequest, attached: bool) -> Option<Sheet> {
    if request.upkeep.is_some() {
        return None;
    }
    let is_script = |input: &Input| input.kind == InputKind::Script;
    let script = attached || request.input.as_ref().is_some_and(is_script);
    let typed = |option| request.typed.get(option).unwrap_or_default().to_owned();
    let (timeout, run_as) = (typed(RunOption::Timeout), typed(RunOption::As));
    let all = [&request.command, &request.on, &timeout, &run_as];
    if all.iter().any(|text| units(text) > FORM_CHARS_MAX) {
        return None;
    }
    let command_and_hosts = (request.command.clone(), request.on.clone());
    let mut fields = fields(command_and_hosts, timeout, run_as);
    for field in &mut fields {
        if script && field.name == FieldName::Command {
            field.label = "What is given to the script";
            field.required = false;
        }
    }
    Some(Sheet {
        form: Form::Change(key.to_owned()),
        title: "Edit and run".to_owned(),
        fields,
    })
}

/// Command and selector, time and user.
fn fields((command, on): (String, String), timeout: String, run_as: String) -> Vec<Field> {
    let field = |name, label, value, required| Field {
        name,
        label,
        value,
        lines: name == FieldName::Command,
        required,
    };
    vec![
        field(FieldName::Command, "Command", command, true),
        field(FieldName::On, "On these hosts", on, true),
        field(
            FieldName::Timeout,
            "Stop it after, such as 30s, 5m or 2h",
            timeout,
            false,
        ),
        field(FieldName::As, "As this user", run_as, false),
    ]
}

/// What was run, to be changed and run.
///
/// # Errors
/// When the command is longer than a form can hold.
pub fn edit_sheet(run: &Run) -> Result<Sheet, Refusal> {
    let spec = &run.spec;
    if spec.what.upkeep().is_some() {
        return Err(Refusal::new(
            Code::Unsupported,
            "This was no command, so that there is none to edit. Nothing was run.",
            "Ask for it anew with `/host`, or run it as it is with ↻ Run again.",
        ));
    }
    let command = typed(&spec.what);
    if units(&command) > FORM_CHARS_MAX {
        return Err(Refusal::new(
            Code::TooLong,
            format!(
                "The command has {} characters, and a form holds {}. Nothing was run.",
                thousands(units(&command) as u64),
                thousands(FORM_CHARS_MAX as u64)
            ),
            format!(
                "Run it as it is with ↻ Run again, or type `/run` with `on:{}`.",
                run.number
            ),
        ));
    }
    if command.contains(MASKED) {
        return Err(Refusal::new(
            Code::Masked,
            "The command holds a secret that is masked here, so that it cannot be edited. Nothing was run.",
            format!(
                "Run it as it is with ↻ Run again, or type `/run` with `on:{}`.",
                run.number
            ),
        ));
    }
    let on = match units(&spec.selector) {
        0..=FORM_CHARS_MAX => spec.selector.clone(),
        _ => run.number.to_string(),
    };
    Ok(Sheet {
        form: Form::Edit(spec.id),
        title: format!("Edit and run · {}", run.number),
        fields: fields(
            (command, on),
            typed_duration(spec.options.timeout_ms),
            spec.options.run_as.clone().unwrap_or_default(),
        ),
    })
}

impl Form {
    /// What is asked by filling it in: each field's id and what stands in it. Nothing when that is not what was shown.
    #[must_use]
    pub fn filled(&self, fields: &[(String, String)]) -> Option<Filled> {
        let known = |id: &str| FieldName::ALL.iter().any(|name| name.as_str() == id);
        if !fields.iter().all(|(id, _)| known(id)) {
            return None;
        }
        let filled = |name: FieldName| {
            let mut all = fields.iter();
            let found = all.find(|(id, _)| id == name.as_str());
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        // What is emptied is said to be nothing.
        let typed = Typed::default()
            .with(RunOption::Timeout, filled(FieldName::Timeout))
            .with(RunOption::As, filled(FieldName::As));
        let request = RunRequest {
            on: filled(FieldName::On),
            command: filled(FieldName::Command),
            typed,
            like: None,
            input: None,
            upkeep: None,
        };
        Some(match self {
            Self::Edit(run) => Filled::Ask(Ask::Run(RunRequest {
                like: Some(*run),
                ..request
            })),
            Self::Write(own) => Filled::Ask(Ask::Run(RunRequest {
                typed: request.typed.over(own.clone()),
                ..request
            })),
            Self::Change(key) => Filled::Change(key.clone(), request),
        })
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edit(run) => write!(f, "v1:edit:{run}"),
            Self::Write(typed) => {
                let pairs: Vec<String> = typed
                    .iter()
                    .map(|(name, text)| format!("{name}={text}"))
                    .collect();
                write!(f, "v1:write:{}", pairs.join(","))
            }
            Self::Change(key) => write!(f, "v1:change:{key}"),
        }
    }
}

impl FromStr for Form {
    type Err = NoPress;

    fn from_str(id: &str) -> Result<Self, NoPress> {
        if let Some(pairs) = id.strip_prefix("v1:write:") {
            let pairs = pairs.split(',').filter(|pair| !pair.is_empty());
            let pairs: Option<Vec<_>> = pairs
                .map(|pair| pair.split_once('='))
                .map(|pair| pair.map(|(name, text)| (name, text.to_owned())))
                .collect();
            let typed = Typed::from_names(pairs.ok_or(NoPress)?);
            return typed.map(Self::Write).map_err(|_| NoPress);
        }
        if let Some(key) = id.strip_prefix("v1:change:").filter(|key| is_key(key)) {
            return Ok(Self::Change(key.to_owned()));
        }
        let run = id.strip_prefix("v1:edit:").ok_or(NoPress)?;
        run.parse().map(Self::Edit).map_err(|_| NoPress)
    }
}

/// A command as it is typed: a program's arguments are quoted for the shell.
fn typed(what: &What) -> String {
    match what {
        What::Shell(text) => text.clone(),
        What::Argv(words) => {
            let quoted = |word: &String| format!("'{}'", word.replace('\'', "'\\''"));
            words.iter().map(quoted).collect::<Vec<_>>().join(" ")
        }
        What::Upkeep(upkeep) => upkeep.text().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunNumber;
    use crate::run::{Options, Spec};

    fn run(what: What) -> Run {
        let spec = Spec {
            what,
            options: Options {
                timeout_ms: 90_000,
                run_as: Some("www".to_owned()),
                ..Options::default()
            },
            selector: "role=web".to_owned(),
            ..Spec::example(Vec::new())
        };
        Run::new(RunNumber(142), spec, 0)
    }

    fn shell(text: &str) -> Run {
        run(What::Shell(text.to_owned()))
    }

    fn filled(sheet: &Sheet) -> Vec<(String, String)> {
        let fields = sheet.fields.iter();
        let pair = |field: &Field| (field.name.as_str().to_owned(), field.value.clone());
        fields.map(pair).collect()
    }

    #[test]
    fn a_form_for_a_new_command_keeps_what_was_typed() {
        let request = RunRequest {
            on: "web".to_owned(),
            typed: Typed::default()
                .with(RunOption::Timeout, "5s")
                .with(RunOption::Offline, "queue:24h")
                .with(RunOption::Tty, "yes"),
            ..RunRequest::default()
        };
        let sheet = write_sheet(&request).unwrap();
        assert_eq!(sheet.form.to_string(), "v1:write:offline=queue:24h,tty=yes");
        assert_eq!(sheet.form.to_string().parse(), Ok(sheet.form.clone()));
        let bare: Form = "v1:write:".parse().unwrap();
        assert_eq!(bare, Form::Write(Typed::default()));
        for forged in ["v1:write:x=1", "v1:write:tty", "v1:new"] {
            assert!(forged.parse::<Form>().is_err(), "{forged}");
        }
        let mut fields = filled(&sheet);
        assert_eq!(fields[0], ("command".to_owned(), String::new()));
        fields[0].1 = "id\nuptime".to_owned();
        let expected = RunRequest {
            command: "id\nuptime".to_owned(),
            typed: request.typed.clone().with(RunOption::As, ""),
            ..request.clone()
        };
        assert_eq!(
            sheet.form.filled(&fields),
            Some(Filled::Ask(Ask::Run(expected)))
        );
        let long = RunRequest {
            typed: request
                .typed
                .clone()
                .with(RunOption::Offline, "x".repeat(100)),
            ..request
        };
        assert_eq!(write_sheet(&long).unwrap_err().code, Code::TooLong);
    }

    #[test]
    fn what_was_refused_is_changed_and_the_rest_of_it_stays_where_it_is_kept() {
        let key = crate::view::key_of("x");
        let request = RunRequest {
            on: "wbe".to_owned(),
            command: "--fast".to_owned(),
            typed: Typed::default()
                .with(RunOption::Timeout, "5")
                .with(RunOption::Batch, "1,100%"),
            ..RunRequest::default()
        };
        let sheet = change_sheet(&key, &request, true).unwrap();
        assert_eq!(sheet.form.to_string().parse(), Ok(sheet.form.clone()));
        let command = &sheet.fields[0];
        assert!(!command.required && command.label.contains("script"));
        let mut fields = filled(&sheet);
        assert_eq!(fields[0].1, "--fast");
        fields[1].1 = "web".to_owned();
        let changed = RunRequest {
            on: "web".to_owned(),
            typed: Typed::default()
                .with(RunOption::Timeout, "5")
                .with(RunOption::As, ""),
            ..request.clone()
        };
        let asked = sheet.form.filled(&fields);
        assert_eq!(asked, Some(Filled::Change(key.clone(), changed)));
        let sheet = change_sheet(&key, &request, false).unwrap();
        assert!(sheet.fields[0].required);
        let long = RunRequest {
            command: "x".repeat(FORM_CHARS_MAX + 1),
            ..request
        };
        assert_eq!(change_sheet(&key, &long, false), None);
        for forged in ["v1:change:", "v1:change:x", "v1:change:../../kept"] {
            assert!(forged.parse::<Form>().is_err(), "{forged}");
        }
    }

    #[test]
    fn a_form_that_is_not_changed_asks_for_what_was_run() {
        let sheet = edit_sheet(&shell("uptime\nid")).unwrap();
        let asked = sheet.form.filled(&filled(&sheet));
        let expected = RunRequest {
            on: "role=web".to_owned(),
            command: "uptime\nid".to_owned(),
            typed: Typed::default()
                .with(RunOption::Timeout, "90s")
                .with(RunOption::As, "www"),
            like: Some(RunId::from_bytes([9; 16])),
            input: None,
            upkeep: None,
        };
        assert_eq!(asked, Some(Filled::Ask(Ask::Run(expected))));
        assert_eq!(sheet.form.to_string().parse(), Ok(sheet.form.clone()));
        assert!(sheet.fields.iter().all(|field| units(field.label) <= 45));
        let words = What::Argv(vec!["echo".into(), "it's $HOME".into()]);
        let sheet = edit_sheet(&run(words)).unwrap();
        assert_eq!(sheet.fields[0].value, r"'echo' 'it'\''s $HOME'");
    }

    #[test]
    fn what_is_emptied_is_not_said_and_what_is_forged_is_nothing() {
        let field = |id: &str, value: &str| (id.to_owned(), value.to_owned());
        let form = Form::Edit(RunId::from_bytes([7; 16]));
        let asked = form.filled(&[
            field("command", "id"),
            field("on", "web-01"),
            field("as", " "),
        ]);
        let Some(Filled::Ask(Ask::Run(request))) = asked else {
            panic!("{asked:?}")
        };
        let typed = [RunOption::Timeout, RunOption::As].map(|option| request.typed.get(option));
        assert_eq!(typed, [None, None]);
        assert_eq!(form.filled(&[field("offline", "skip")]), None);
        for bad in [
            "",
            "v1:edit:",
            "v1:edit:x",
            "v1:edit:07070707070707070707070707070707:colour",
            "v2:edit:07070707070707070707070707070707",
        ] {
            assert_eq!(bad.parse::<Form>(), Err(NoPress), "{bad}");
        }
    }

    #[test]
    fn what_a_form_cannot_hold_is_refused_with_the_way_out() {
        let longest = "x".repeat(FORM_CHARS_MAX);
        assert!(edit_sheet(&shell(&longest)).is_ok());
        let refusal = edit_sheet(&shell(&format!("{longest}x"))).unwrap_err();
        insta::assert_snapshot!(refusal);
    }
}
