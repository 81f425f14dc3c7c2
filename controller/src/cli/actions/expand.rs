//! `shanty actions expand`: what an action becomes on a host, without running it.

use std::path::Path;

use bytes::Bytes;
use clap::Args;
use shanty_core::action::parameter::Kind;
use shanty_core::action::{Action, Expanded, Given, HostFacts, Values};
use shanty_core::ids::{AgentId, HostName, Labels, RunNumber};
use shanty_core::limits::ATTACHMENT_BYTES_MAX;
use shanty_core::refusal::Code;
use shanty_core::selector::{AgentInfo, Host};
use shanty_core::text::{count, shown};
use shanty_core::view::terminal::one_line;

use super::super::client::Failure;
use super::super::{exit, not_empty, out};
use super::{FolderArgs, catalogue, find, refused};

pub(super) const HELP: &str = "\
Values are given as key=value, a file as key=@PATH; a parameter that takes several is given several times. Each argument stands on a line
of its own, as it is given to the program: no shell is between. Variables, standard input, `verify` and `dry` are in --json.
Secrets are never printed.

  shanty actions expand actions service.restart service=nginx.service --host web-01 --label role=web";

#[derive(Args, Debug)]
pub(super) struct ExpandArgs {
    #[command(flatten)]
    pub(super) of: FolderArgs,
    /// The name of the action, such as service.restart
    #[arg(value_parser = not_empty)]
    name: String,
    /// What its parameters are
    #[arg(value_name = "KEY=VALUE")]
    values: Vec<String>,
    /// The host
    #[arg(long, value_name = "NAME")]
    host: HostName,
    /// A label of the host
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// The number of the run
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    run: RunNumber,
}

pub(super) fn expand(args: &ExpandArgs) -> Result<u8, Failure> {
    let catalogue = catalogue(&args.of)?;
    let action = find(&catalogue, &args.name)?;
    let labels = labels(&args.labels)?;
    is_for(action, &args.host, &labels)?;
    let given = args.values.iter().map(|pair| given(action, pair));
    let given = given.collect::<Result<Vec<_>, Failure>>()?;
    let values = Values::read(action, given).map_err(|refusals| {
        let lines: Vec<&str> = refusals
            .iter()
            .map(|refusal| refusal.what.as_str())
            .collect();
        Failure::new(Code::Param.as_str(), exit::USAGE, lines.join("\n"), "")
    })?;
    let facts = HostFacts {
        host: &args.host,
        labels: &labels,
        run: args.run,
    };
    let expanded = shanty_core::action::expand(action, &values, &facts).map_err(refused)?;
    if args.of.admin.json {
        out::line(json(action, &expanded))?;
        return Ok(exit::OK);
    }
    for element in lines(&expanded) {
        out::line(one_line(&element))?;
    }
    if let Some(more) = more(&expanded) {
        out::note(more);
    }
    Ok(exit::OK)
}

fn labels(pairs: &[String]) -> Result<Labels, Failure> {
    let mut labels = Labels::default();
    for pair in pairs {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let inserted = labels.insert(key, value);
        inserted.map_err(|error| Failure::usage(error.to_string()))?;
    }
    Ok(labels)
}

/// Refuses a host that the action is not for.
fn is_for(action: &Action, host: &HostName, labels: &Labels) -> Result<(), Failure> {
    let Some(on) = &action.on else {
        return Ok(());
    };
    let seen = Host {
        id: AgentId::from_bytes([0; 16]),
        name: host,
        labels,
        online: true,
        stale: false,
        draining: false,
        told: AgentInfo::default(),
    };
    if on.contains(&seen) {
        return Ok(());
    }
    let text = format!(
        "{} is for `{on}`, and {host} with these labels is none of those.",
        action.name
    );
    let next = "Say with --label what labels the host has.";
    Err(Failure::new(Code::On.as_str(), exit::USAGE, text, next))
}

/// What was given for a parameter: a text, or for a file what is in it.
fn given(action: &Action, pair: &str) -> Result<(String, Given), Failure> {
    let Some((name, value)) = pair.split_once('=') else {
        let text = format!("`{}` is no key=value", shown(pair, 60));
        return Err(Failure::usage(text));
    };
    let kind = action.parameters.get(name).map(|parameter| &parameter.kind);
    let path = value
        .strip_prefix('@')
        .filter(|_| matches!(kind, Some(Kind::File { .. })));
    let given = match path {
        Some(path) => file(Path::new(path))?,
        None => Given::Text(value.to_owned()),
    };
    Ok((name.to_owned(), given))
}

fn file(path: &Path) -> Result<Given, Failure> {
    use std::io::Read as _;
    let shown = path.display();
    let read = std::fs::File::open(path).and_then(|file| {
        let mut bytes = Vec::new();
        file.take(ATTACHMENT_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    let bytes = read.map_err(|error| {
        let text = format!("{shown} cannot be read: {error}");
        Failure::new("E_INPUT", exit::DATA, text, "")
    })?;
    let name = path.file_name().unwrap_or_default();
    Ok(Given::File {
        name: name.to_string_lossy().into_owned(),
        bytes: Bytes::from(bytes),
    })
}

/// What is printed for people: the argument list, or what is asked of a database.
fn lines(expanded: &Expanded) -> Vec<String> {
    match &expanded.query {
        None => expanded.argv.clone(),
        Some(query) => {
            let values = query
                .values
                .iter()
                .map(|(name, value)| format!(":{name} = {value}"));
            [query.db.clone(), query.sql.clone()]
                .into_iter()
                .chain(values)
                .collect()
        }
    }
}

fn more(expanded: &Expanded) -> Option<String> {
    let mut more = Vec::new();
    if !expanded.env.is_empty() {
        more.push(count(expanded.env.len(), "variable"));
    }
    for (name, is) in [
        ("standard input", expanded.stdin.is_some()),
        ("a script", expanded.script.is_some()),
        ("verify", expanded.verify.is_some()),
        ("dry", expanded.dry.is_some()),
    ] {
        more.extend(is.then(|| name.to_owned()));
    }
    (!more.is_empty()).then(|| format!("shanty: it has {} too: --json shows them", more.join(", ")))
}

fn json(action: &Action, expanded: &Expanded) -> serde_json::Value {
    let env = expanded.env.iter().map(|variable| {
        let name = variable.name();
        let hidden = expanded.secret_env.iter().any(|secret| secret == name);
        let value = if hidden { "***" } else { variable.value() };
        (name.to_owned(), serde_json::Value::from(value))
    });
    let env: serde_json::Map<String, serde_json::Value> = env.collect();
    let stdin = expanded.stdin.as_ref().map(|bytes| {
        let text = std::str::from_utf8(bytes).ok();
        let shown = match (expanded.secret_stdin, text) {
            (true, _) => Some("***"),
            (false, text) => text.filter(|text| text.len() <= 4_096),
        };
        serde_json::json!({"bytes": bytes.len(), "text": shown})
    });
    let query = expanded.query.as_ref().map(|query| {
        let values = query.values.iter().map(|(name, value)| serde_json::json!([name, value]));
        serde_json::json!({
            "db": query.db, "sql": query.sql, "values": values.collect::<Vec<_>>(), "rows": query.rows,
        })
    });
    serde_json::json!({
        "event": "expanded", "action": action.name.to_string(), "digest": hex::encode(action.digest()),
        "argv": expanded.argv, "verify": expanded.verify, "dry": expanded.dry, "env": env, "stdin": stdin,
        "script_bytes": expanded.script.as_ref().map(Bytes::len), "query": query, "run_as": action.run_as,
        "timeout_ms": action.timeout_ms,
    })
}
