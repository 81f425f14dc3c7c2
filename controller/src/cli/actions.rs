//! `shanty actions`: a catalogue of actions in a folder, checked and shown without a controller.

mod expand;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};
use shanty_core::action::{Action, Catalogue};
use shanty_core::refusal::{Code, Refusal};
use shanty_core::text::count;
use shanty_core::view::terminal::{Align, Cell, Column, Table, Tone, one_line};

use super::client::Failure;
use super::{AdminArgs, exit, not_empty, out};
use crate::actions::{self, Mistake, Trust, page};

#[derive(Args, Debug)]
pub(super) struct ActionsArgs {
    #[command(subcommand)]
    command: ActionsCommand,
}

#[derive(Subcommand, Debug)]
enum ActionsCommand {
    /// Say everything that is wrong with a catalogue, each with its file, line and column
    Check {
        #[command(flatten)]
        of: FolderArgs,
    },
    /// List its actions
    List {
        #[command(flatten)]
        of: FolderArgs,
    },
    /// Show one action: its parameters, what runs, and its digest
    Show {
        #[command(flatten)]
        of: FolderArgs,
        /// Its name, such as service.restart
        #[arg(value_parser = not_empty)]
        name: String,
    },
    /// Print the catalogue as a page of Markdown
    Docs {
        #[command(flatten)]
        of: FolderArgs,
    },
    /// Print what would run on a host, one argument a line, and run nothing
    #[command(after_long_help = expand::HELP)]
    Expand(expand::ExpandArgs),
}

/// Which catalogue, and how to print.
#[derive(Args, Debug)]
struct FolderArgs {
    /// The folder with its *.toml
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: PathBuf,
    /// Show the built-in actions too
    #[arg(long)]
    builtin: bool,
    #[command(flatten)]
    admin: AdminArgs,
}

pub(super) const HELP: &str = "\
Nothing here asks a controller, so that it works in CI. Exit codes: 0 the catalogue is whole, 65 it is not, or there is no such action,
64 a value that a parameter does not take, or a host that the action is not for.";

impl ActionsArgs {
    pub(super) const fn json(&self) -> bool {
        match &self.command {
            ActionsCommand::Check { of }
            | ActionsCommand::List { of }
            | ActionsCommand::Show { of, .. }
            | ActionsCommand::Docs { of } => of.admin.json,
            ActionsCommand::Expand(args) => args.of.admin.json,
        }
    }
}

pub(super) fn actions(args: ActionsArgs) -> Result<u8, Failure> {
    match args.command {
        ActionsCommand::Check { of } => check(&of),
        ActionsCommand::List { of } => list(&of),
        ActionsCommand::Show { of, name } => show(&of, &name),
        ActionsCommand::Docs { of } => {
            let catalogue = catalogue(&of)?;
            if of.admin.json {
                for action in catalogue.iter() {
                    out::line(json(action))?;
                }
                return Ok(exit::OK);
            }
            out::text(&page::markdown(&catalogue))?;
            Ok(exit::OK)
        }
        ActionsCommand::Expand(args) => expand::expand(&args),
    }
}

/// The words in chat that are taken: our own commands, and the one that every action will have.
fn taken() -> Vec<String> {
    let own = crate::discord::commands::all()
        .into_iter()
        .map(|command| command.name);
    own.chain(["do".to_owned()]).collect()
}

fn load(dir: &Path) -> Result<Catalogue, Vec<Mistake>> {
    let taken = taken();
    let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
    actions::load(dir, Trust::Checkout, &taken).map_err(|wrong| wrong.0)
}

/// The catalogue, with what is built in when that is asked for.
fn catalogue(of: &FolderArgs) -> Result<Catalogue, Failure> {
    let own = load(&of.dir).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
        let text = format!("the catalogue is not whole:\n{}", lines.join("\n"));
        Failure::new(Code::Action.as_str(), exit::DATA, text, "")
    })?;
    Ok(match of.builtin {
        true => own.over(&actions::builtin()),
        false => own,
    })
}

/// An action by the name that was typed: of the folder, or built in.
fn find<'a>(catalogue: &'a Catalogue, name: &str) -> Result<&'a Action, Failure> {
    catalogue.find(name).map_err(refused)
}

fn refused(refusal: Refusal) -> Failure {
    let exit = match matches!(refusal.code, Code::ActionUnknown | Code::Action) {
        true => exit::DATA,
        false => exit::USAGE,
    };
    Failure::new(refusal.code.as_str(), exit, refusal.what, refusal.next)
}

fn check(of: &FolderArgs) -> Result<u8, Failure> {
    let mistakes = match load(&of.dir) {
        Ok(catalogue) => {
            let digest = hex::encode(catalogue.digest());
            return whole(of, catalogue.len(), &digest);
        }
        Err(mistakes) => mistakes,
    };
    for mistake in &mistakes {
        if of.admin.json {
            out::line(serde_json::json!({
                "event": "mistake", "code": Code::Action.as_str(), "file": mistake.file, "line": mistake.line,
                "column": mistake.column, "text": mistake.what,
            }))?;
        } else {
            out::line(one_line(&mistake.to_string()))?;
        }
    }
    if of.admin.json {
        out::line(serde_json::json!({"event": "checked", "mistakes": mistakes.len()}))?;
    } else {
        out::note(format_args!(
            "shanty: {} in {}: none of its actions can be used",
            count(mistakes.len(), "mistake"),
            of.dir.display()
        ));
    }
    Ok(exit::DATA)
}

fn whole(of: &FolderArgs, actions: usize, digest: &str) -> Result<u8, Failure> {
    if of.admin.json {
        out::line(serde_json::json!({
            "event": "checked", "mistakes": 0, "actions": actions, "digest": digest,
        }))?;
    } else {
        let short = digest.get(..8).unwrap_or(digest);
        out::line(format_args!(
            "{}, all well. The catalogue is {short}.",
            count(actions, "action")
        ))?;
    }
    Ok(exit::OK)
}

fn list(of: &FolderArgs) -> Result<u8, Failure> {
    let catalogue = catalogue(of)?;
    if of.admin.json {
        for action in catalogue.iter() {
            out::line(json(action))?;
        }
        return Ok(exit::OK);
    }
    let mut table = Table::new(vec![
        Column::new("ACTION", Align::Left, 12),
        Column::new("DANGER", Align::Left, 6),
        Column::new("TITLE", Align::Left, 16),
        Column::new("HOSTS", Align::Left, 8),
        Column::new("COMMAND", Align::Left, 8),
        Column::new("DIGEST", Align::Left, 8),
    ]);
    for action in catalogue.iter() {
        let slash = action.slash.as_ref().map(|slash| format!("/{slash}"));
        table.push(vec![
            Cell::toned(Tone::Strong, &action.name.to_string()),
            Cell::new(action.danger.as_str()),
            Cell::new(&action.told()),
            Cell::new(
                &action
                    .on
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            ),
            Cell::new(&slash.unwrap_or_default()),
            Cell::new(&page::short(&action.digest())),
        ]);
    }
    out::table(&table)?;
    Ok(exit::OK)
}

/// An action for programs: its whole definition, as its digest is taken of it.
fn json(action: &Action) -> serde_json::Value {
    let canonical = action.canonical();
    let definition: serde_json::Value = serde_json::from_str(&canonical).unwrap_or_default();
    serde_json::json!({
        "event": "action", "name": action.name.to_string(), "danger": action.danger.as_str(), "title": action.told(),
        "digest": hex::encode(action.digest()), "definition": definition["definition"],
    })
}

fn show(of: &FolderArgs, name: &str) -> Result<u8, Failure> {
    let catalogue = catalogue(of)?;
    let action = find(&catalogue, name)?;
    if of.admin.json {
        out::line(json(action))?;
    } else {
        out::text(&shown(action))?;
    }
    Ok(exit::OK)
}

fn shown(action: &Action) -> String {
    let mut lines = vec![format!("{} · {}", action.name, action.told())];
    if let Some(doc) = &action.doc {
        lines.extend(doc.trim().lines().map(|line| format!("  {line}")));
    }
    let mut fact = |name: &str, what: String| lines.push(format!("{name:<11}{what}"));
    fact("danger", page::danger(action.danger).to_owned());
    fact("hosts", page::hosts(action));
    for (name, what) in [
        ("user", action.run_as.clone()),
        ("time", page::time(action)),
        ("order", page::plan(action)),
        ("runs", Some(page::body(action))),
        ("verified", action.verify.as_deref().map(page::joined)),
        ("dry", action.dry.as_deref().map(page::joined)),
    ] {
        if let Some(what) = what {
            fact(name, what);
        }
    }
    for (name, value) in &action.env {
        fact("variable", format!("{name}={value}"));
    }
    if let Some(stdin) = &action.stdin {
        fact("input", stdin.to_string());
    }
    for parameter in action.in_order() {
        let title = parameter
            .title
            .as_deref()
            .map_or_else(String::new, |title| format!("{title}: "));
        let many = parameter
            .many
            .map_or_else(String::new, |many| format!(", up to {many} of them"));
        let left_out = match page::left_out(parameter).as_str() {
            "" => String::new(),
            said => format!("; {said}"),
        };
        let takes = page::takes(&parameter.kind);
        fact(
            "parameter",
            format!("{}  {title}{takes}{many}{left_out}", parameter.name),
        );
    }
    for next in &action.then {
        let with: Vec<String> = next
            .with
            .iter()
            .map(|(name, value)| format!(" {name}={value}"))
            .collect();
        let when = next
            .when
            .as_str()
            .map_or_else(String::new, |when| format!(" ({when})"));
        fact(
            "button",
            format!("{}: {}{}{when}", next.label, next.action, with.concat()),
        );
    }
    fact("digest", format!("sha256:{}", hex::encode(action.digest())));
    fact(
        "in chat",
        format!("{} (with a later version)", page::typed(action)),
    );
    let lines = lines.iter().map(|line| one_line(line));
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[cfg(test)]
mod tests;
