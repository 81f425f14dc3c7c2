//! `shanty runs`: what was run, what it printed, and how to stop it.

use std::io::Write as _;

use clap::{Args, Subcommand};
use shanty_core::output::sanitise::{Sanitiser, push_visible};
use shanty_core::spool::Stream;
use shanty_core::text::{count, cut, duration};
use shanty_proto::convert::{input_from_wire, outcome_from_wire, principal_from_wire};
use shanty_proto::v1;
use shanty_proto::v1::run_info::State;

use super::client::{Client, Failure};
use super::run::{follow, hole, json_dropped, json_run};
use super::{AdminArgs, exit, input, steer, words};
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
    /// Print what a run was given: its script, or its standard input
    Input {
        /// Its number
        number: String,
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
    /// Let a run in waves start on no further host
    Pause {
        /// Its number
        number: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Let a run that is paused go on
    Continue {
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
            | RunsCommand::Input { admin, .. }
            | RunsCommand::Follow { admin, .. }
            | RunsCommand::Pause { admin, .. }
            | RunsCommand::Continue { admin, .. }
            | RunsCommand::Cancel { admin, .. } => admin,
        }
    }
}

pub(super) async fn runs(args: RunsArgs) -> Result<u8, Failure> {
    let client = Client::connect(args.admin()).await?;
    match args.command {
        RunsCommand::List { limit, admin } => list(&client, limit, &admin).await,
        RunsCommand::Show { number, admin } => show(&client, parse(&number)?, &admin).await,
        RunsCommand::Input { number, .. } => input::content(&client, parse(&number)?).await,
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
        RunsCommand::Pause { number, admin } => {
            steer::steer(&client, parse(&number)?, true, &admin).await
        }
        RunsCommand::Continue { number, admin } => {
            steer::steer(&client, parse(&number)?, false, &admin).await
        }
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
            let mark = if left_behind(run) { "⚠ " } else { "" };
            format!("{mark}{ok}/{} ok", counted.count())
        }
        state @ (State::Unspecified
        | State::Accepted
        | State::Running
        | State::Waiting
        | State::Paused
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

/// Whether a command left processes behind that were stopped.
fn left_behind(run: &v1::RunInfo) -> bool {
    let mut outcomes = run.executions.iter().flat_map(|one| &one.outcome);
    outcomes.any(|outcome| outcome.left_over > 0)
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
    if let Some(Ok(input)) = run.input.as_ref().map(input_from_wire) {
        println!("  given     {}", input.line());
        for line in input.about.head.lines() {
            println!("            {}", one_line(line));
        }
        println!("            sha256 {}", input.digest());
    }
    if run.terminal {
        println!("  tty       a terminal");
    }
    if run.color {
        println!("  color     asked for");
    }
    if run.leave {
        println!("  leave     what the command leaves running lives on");
    }
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
            "  {}  {} · {} · {size}{}{}",
            execution.name,
            outcome.how,
            duration(outcome.duration_ms),
            words::left(&outcome),
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
    let mut shown = Shown {
        several: !one,
        ..Shown::default()
    };
    let mut out = std::io::stdout().lock();
    let mut within_line = false;
    let ended = loop {
        let chunk = match chunks.message().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break Ok(exit::OK),
            Err(status) => break Err(status),
        };
        let bytes = if admin.json {
            json_line(&chunk)
        } else if raw && chunk.dropped > 0 {
            out.flush().ok(); // nobody reads it
            let newline = if std::mem::take(&mut within_line) {
                "\n"
            } else {
                ""
            };
            eprintln!("{newline}{}: {}", chunk.host, hole(chunk.dropped));
            continue;
        } else if raw {
            within_line = chunk.bytes.last().map_or(within_line, |b| *b != b'\n');
            chunk.bytes
        } else {
            shown.take(&chunk).into_bytes()
        };
        out.write_all(&bytes).ok(); // nobody reads it
    };
    // What came before an error is shown to its last line.
    out.write_all(shown.finish().as_bytes())
        .and_then(|()| out.flush())
        .ok(); // nobody reads it
    Ok(ended?)
}

fn json_line(chunk: &v1::OutputChunk) -> Vec<u8> {
    let stream = if chunk.err { "err" } else { "out" };
    let event = if chunk.dropped > 0 {
        json_dropped(chunk)
    } else {
        serde_json::json!({
            "event": "output", "host": chunk.host, "stream": stream,
            "text": String::from_utf8_lossy(&chunk.bytes),
        })
    };
    format!("{event}\n").into_bytes()
}

/// Output as text that is safe to read, one host after the other.
#[derive(Default)]
struct Shown {
    several: bool,
    host: String,
    sanitiser: Sanitiser,
    /// The last line has no end yet.
    within_line: bool,
}

impl Shown {
    fn take(&mut self, chunk: &v1::OutputChunk) -> String {
        let mut text = String::new();
        if chunk.host != self.host {
            text.push_str(&self.end_line());
            if self.several {
                text.push_str(&format!("── {} ──\n", chunk.host));
            }
            self.host.clone_from(&chunk.host);
            self.within_line = false;
        }
        if chunk.dropped > 0 {
            text.push_str(&self.end_line());
            text.push_str(&format!("{}\n", hole(chunk.dropped)));
        }
        let stream = if chunk.err { Stream::Err } else { Stream::Out };
        self.sanitiser.push_from(stream, &chunk.bytes, &mut text);
        self.note(&text);
        text
    }

    /// What is left.
    fn finish(&mut self) -> String {
        let mut text = String::new();
        self.sanitiser.finish(&mut text);
        self.note(&text);
        text
    }

    /// What is left, with the end of its line: what follows is another.
    fn end_line(&mut self) -> String {
        let mut text = self.finish();
        if std::mem::take(&mut self.within_line) {
            text.push('\n');
        }
        text
    }

    fn note(&mut self, text: &str) {
        if !text.is_empty() {
            self.within_line = !text.ends_with('\n');
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(host: &str, err: bool, text: &str, dropped: u64) -> v1::OutputChunk {
        v1::OutputChunk {
            host: host.to_owned(),
            err,
            bytes: text.as_bytes().to_vec(),
            dropped,
        }
    }

    #[test]
    fn every_line_stands_alone_and_a_hole_is_marked() {
        let mut shown = Shown {
            several: true,
            ..Shown::default()
        };
        let chunks = [
            chunk("web-01", false, "beginning, cut wi", 0),
            chunk("web-01", false, "", 5 << 20),
            chunk("web-01", false, "thin\nstep 1", 0),
            chunk("web-01", true, "ls: cannot", 0),
            chunk("web-01", false, " done\n", 0),
            chunk("web-02", false, "x", 0),
        ];
        let mut text: String = chunks.iter().map(|chunk| shown.take(chunk)).collect();
        text.push_str(&shown.finish());
        let expected = "── web-01 ──\nbeginning, cut wi\n[5.0 MiB of output not kept here: over the limit]\nthin\n\
                        step 1 done\nls: cannot\n── web-02 ──\nx";
        assert_eq!(text, expected);
    }
}
