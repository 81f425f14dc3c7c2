//! `shanty runs`: what was run, what it printed, and how to stop it.

use std::io::Write as _;

use clap::{Args, Subcommand};
use shanty_core::output::sanitise::{Sanitiser, push_visible};
use shanty_core::text::{count, cut, duration};
use shanty_proto::convert::{outcome_from_wire, principal_from_wire};
use shanty_proto::v1;
use shanty_proto::v1::run_info::State;

use super::client::{Client, Failure};
use super::run::{follow, json_run};
use super::{AdminArgs, exit, words};
use crate::clock::now_ms;

/// Hosts that `runs show` has a row for each of.
const HOST_ROWS_MAX: usize = 15;

#[derive(Args, Debug)]
pub(super) struct RunsArgs {
    #[command(subcommand)]
    command: RunsCommand,
}

#[derive(Subcommand, Debug)]
enum RunsCommand {
    /// Show the last runs, newest first
    List {
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Show one run and how it stands on each host
    Show {
        /// Its number, such as 142
        number: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Print the output of a run
    Output {
        /// Its number
        number: String,
        /// Of this host only
        #[arg(long)]
        host: Option<String>,
        /// The bytes as the command wrote them, standard output and error in their order
        #[arg(long)]
        raw: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Print the output of a run as it comes, until it is over
    Follow {
        /// Its number
        number: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Stop a run: TERM, and KILL after a grace time
    Cancel {
        /// Its number
        #[arg(required_unless_present = "all")]
        number: Option<String>,
        /// Stop every run
        #[arg(long, conflicts_with = "number")]
        all: bool,
        /// KILL at once
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

impl RunsArgs {
    pub(super) const fn admin(&self) -> &AdminArgs {
        match &self.command {
            RunsCommand::List { admin, .. }
            | RunsCommand::Show { admin, .. }
            | RunsCommand::Output { admin, .. }
            | RunsCommand::Follow { admin, .. }
            | RunsCommand::Cancel { admin, .. } => admin,
        }
    }
}

pub(super) async fn runs(args: RunsArgs) -> Result<u8, Failure> {
    let client = Client::connect(args.admin()).await?;
    match args.command {
        RunsCommand::List { limit, admin } => list(&client, limit, &admin).await,
        RunsCommand::Show { number, admin } => show(&client, parse(&number)?, &admin).await,
        RunsCommand::Output {
            number,
            host,
            raw,
            admin,
        } => {
            let request = v1::OutputRequest {
                number: parse(&number)?,
                host: host.unwrap_or_default(),
            };
            output(&client, request, raw, &admin).await
        }
        RunsCommand::Follow { number, admin } => follow(&client, parse(&number)?, admin.json).await,
        RunsCommand::Cancel {
            number,
            all,
            force,
            admin,
        } => {
            let number = number.as_deref().map(parse).transpose()?.unwrap_or(0);
            cancel(&client, v1::CancelRunRequest { number, all, force }, &admin).await
        }
    }
}

fn parse(number: &str) -> Result<u64, Failure> {
    let parsed: Result<shanty_core::ids::RunNumber, _> = number.parse();
    parsed
        .map(|number| number.0)
        .map_err(|error| Failure::usage(error.to_string()))
}

async fn list(client: &Client, limit: u32, admin: &AdminArgs) -> Result<u8, Failure> {
    let request = v1::RunsRequest { limit };
    let reply = client
        .call(|mut api| async move { api.runs(request).await })
        .await?;
    if reply.runs.is_empty() && !admin.json {
        println!("Nothing was run yet.");
    }
    for run in &reply.runs {
        if admin.json {
            println!("{}", json_run(run));
        } else {
            println!("{}", line(run));
        }
    }
    Ok(exit::OK)
}

fn line(run: &v1::RunInfo) -> String {
    let ok = run
        .executions
        .iter()
        .filter(|execution| is_ok(execution))
        .count();
    let result = match run.state() {
        State::Closed => {
            let counted = run.executions.iter().filter(|execution| !execution.skipped);
            format!("{ok}/{} ok", counted.count())
        }
        state @ (State::Unspecified
        | State::Accepted
        | State::Running
        | State::Waiting
        | State::Cancelling
        | State::Expired) => words::run(state).to_owned(),
    };
    let command = cut(&one_line(&run.command), 51);
    format!(
        "#{:<5} {:>10} ago  {result:10}  {}  {command}",
        run.number,
        duration(now_ms().saturating_sub(run.accepted_ms)),
        run.hosts
    )
}

/// A command on one line of a terminal, with what cannot be seen made visible.
fn one_line(command: &str) -> String {
    let mut line = String::new();
    for c in command.chars() {
        match c {
            '\n' => line.push('⏎'),
            c => push_visible(c, &mut line),
        }
    }
    line
}

fn is_ok(execution: &v1::ExecutionInfo) -> bool {
    let outcome = execution
        .outcome
        .as_ref()
        .and_then(|outcome| outcome_from_wire(outcome).ok());
    outcome.is_some_and(|outcome| outcome.is_ok())
}

async fn show(client: &Client, number: u64, admin: &AdminArgs) -> Result<u8, Failure> {
    let request = v1::ShowRunRequest { number };
    let run = client
        .call(|mut api| async move { api.show_run(request).await })
        .await?;
    if admin.json {
        println!("{}", json_run(&run));
        return Ok(exit::OK);
    }
    let by = run.by.as_ref().and_then(|by| principal_from_wire(by).ok());
    let by = by.map_or_else(|| "unknown".to_owned(), |by| by.to_string());
    let state = words::run(run.state());
    println!("#{} {state} · {} · by {by}", run.number, run.hosts);
    println!("  command   {}", one_line(&run.command));
    println!("  selector  {} · set {}", run.selector, run.set);
    if run.queued_until_ms > 0 && run.closed_ms == 0 {
        let left = duration(run.queued_until_ms.saturating_sub(now_ms()));
        println!("  offline   hosts that are away are waited for, {left} more");
    }
    if !run.expired.is_empty() {
        println!("  not run   {}", run.expired);
    }
    // Many hosts are shown by how they ended; each of them is in `--json`.
    let grouped = run.executions.len() > HOST_ROWS_MAX && !run.groups.is_empty();
    for group in run.groups.iter().filter(|_| grouped) {
        let hosts = count(usize::try_from(group.count).unwrap_or(usize::MAX), "host");
        let odd = if group.rank == "odd" {
            " · another output than most"
        } else {
            ""
        };
        println!("  {}  {hosts} · {}{odd}", group.hosts, group.text);
    }
    let left = |execution: &&v1::ExecutionInfo| !grouped || execution.outcome.is_none();
    for execution in run.executions.iter().filter(left) {
        let Some(Ok(outcome)) = execution.outcome.as_ref().map(outcome_from_wire) else {
            let away = if execution.online { "" } else { ", host away" };
            let state = words::execution(execution.state());
            println!("  {}  {state}{away}", execution.name);
            continue;
        };
        let size = shanty_core::text::size(outcome.output_bytes);
        println!(
            "  {}  {} · {} · {size}{}",
            execution.name,
            outcome.how,
            duration(outcome.duration_ms),
            words::masked(outcome.masked)
        );
    }
    Ok(exit::OK)
}

async fn output(
    client: &Client,
    request: v1::OutputRequest,
    raw: bool,
    admin: &AdminArgs,
) -> Result<u8, Failure> {
    let one = !request.host.is_empty();
    let mut chunks = client
        .call(|mut api| async move { api.output(request).await })
        .await?;
    let mut host = String::new();
    let mut sanitiser = Sanitiser::new();
    let mut out = std::io::stdout().lock();
    let mut text = String::new();
    while let Some(chunk) = chunks.message().await? {
        if admin.json {
            let stream = if chunk.err { "err" } else { "out" };
            let event = serde_json::json!({
                "event": "output", "host": chunk.host, "stream": stream,
                "text": String::from_utf8_lossy(&chunk.bytes),
            });
            writeln!(out, "{event}").ok(); // nobody reads it
            continue;
        }
        if raw {
            out.write_all(&chunk.bytes).ok(); // nobody reads it
            continue;
        }
        if chunk.host != host {
            std::mem::replace(&mut sanitiser, Sanitiser::new()).finish(&mut text);
            if !one {
                text.push_str(&format!("── {} ──\n", chunk.host));
            }
            host.clone_from(&chunk.host);
        }
        sanitiser.push(&chunk.bytes, &mut text);
        out.write_all(text.as_bytes()).ok(); // nobody reads it
        text.clear();
    }
    sanitiser.finish(&mut text);
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .ok(); // nobody reads it
    Ok(exit::OK)
}

async fn cancel(
    client: &Client,
    request: v1::CancelRunRequest,
    admin: &AdminArgs,
) -> Result<u8, Failure> {
    let reply = client
        .call(|mut api| async move { api.cancel_run(request).await })
        .await?;
    if admin.json {
        let event = serde_json::json!({
            "event": "cancelled", "numbers": reply.numbers, "told": reply.told, "away": reply.away,
        });
        println!("{event}");
        return Ok(exit::OK);
    }
    if reply.numbers.is_empty() {
        println!("No run is under way.");
        return Ok(exit::OK);
    }
    let numbers: Vec<String> = reply
        .numbers
        .iter()
        .map(|number| format!("#{number}"))
        .collect();
    if reply.told.is_empty() && reply.away.is_empty() {
        println!("{} is off. No host had begun it.", numbers.join(" "));
        return Ok(exit::OK);
    }
    println!(
        "{} told to stop {}: {}",
        count(reply.told.len(), "host"),
        numbers.join(" "),
        reply.told.join(" ")
    );
    if !reply.away.is_empty() {
        println!(
            "Not reached, told when they return: {}",
            reply.away.join(" ")
        );
    }
    Ok(exit::OK)
}
