//! `shanty run`: the command line's `/run`.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use shanty_core::ask::{RunOption, YES};
use shanty_core::run::Streams;
use shanty_core::text::duration;
use shanty_proto::convert::outcome_from_wire;
use shanty_proto::v1;

use super::client::{Client, Failure};
use super::complete::completer;
use super::{AdminArgs, exit, input, words};

#[derive(Args, Debug)]
pub(super) struct RunArgs {
    /// Which hosts, for example: 'role=web !web-03'
    #[arg(long, value_name = "SELECTOR", add = completer(), value_hint = ValueHint::Other)]
    on: String,
    /// Time before it is stopped, such as 90s or 10m [default: 300s]
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// The user to run as, one that the agents allow
    #[arg(long = "as", value_name = "USER")]
    run_as: Option<String>,
    /// What becomes of hosts that are away: fail, skip, queue or queue:2h [default: fail]
    #[arg(long, value_name = "WHAT")]
    offline: Option<String>,
    /// Output and errors: one, in the order written, or apart [default: one where both go to the same place]
    #[arg(long, value_name = "HOW", value_parser = ["one", "apart"])]
    streams: Option<String>,
    /// Start in waves: numbers of hosts or parts of all, such as 1,10%,100%; the last repeats
    #[arg(long, value_name = "SIZES")]
    batch: Option<String>,
    /// So many hosts at once
    #[arg(long, value_name = "HOSTS")]
    parallel: Option<String>,
    /// Failures that are borne, such as 3 or 2%; with one more no further host starts [default: 0 with --batch]
    #[arg(long, value_name = "HOSTS")]
    max_fail: Option<String>,
    /// Wait after the first wave, or after every one, for `shanty runs continue`
    #[arg(long, value_name = "WHEN", value_parser = ["first", "every"])]
    pause: Option<String>,
    /// Run the command as it is typed, also with typographic quotes, dashes and spaces
    #[arg(long)]
    exact: bool,
    /// Tell the command to use colours, and show them in chat too
    #[arg(long)]
    color: bool,
    /// Give the command a terminal: 120 columns, 50 rows, output and errors in one
    #[arg(long)]
    tty: bool,
    /// Run this script on the hosts; what stands after -- is given to it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    script: Option<PathBuf>,
    /// Leave standard input alone. Otherwise what is piped in is read to its end, and then given to the command on every host
    #[arg(long)]
    no_stdin: bool,
    /// Let live what the command leaves running, such as a daemon, and name it
    #[arg(long)]
    leave: bool,
    /// Start it, print its number, and leave
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    pub(super) admin: AdminArgs,
    /// The command; several words are joined by spaces for /bin/sh
    #[arg(
        last = true,
        required_unless_present = "script",
        value_name = "COMMAND"
    )]
    command: Vec<String>,
}

pub(super) async fn run(args: RunArgs) -> Result<u8, Failure> {
    let client = Client::connect(&args.admin).await?;
    let input = input::give(&client, args.script.as_deref(), args.no_stdin).await?;
    // On a terminal they are one in any case.
    let usual = match args.tty {
        true => Streams::One,
        false => usual_streams(&args.admin, args.detach),
    };
    let usual = usual.word().to_owned();
    let yes = |set: bool| set.then(|| YES.to_owned());
    let typed = [
        (RunOption::Timeout, args.timeout),
        (RunOption::As, args.run_as),
        (RunOption::Offline, args.offline),
        (RunOption::Streams, Some(args.streams.unwrap_or(usual))),
        (RunOption::Batch, args.batch),
        (RunOption::Parallel, args.parallel),
        (RunOption::MaxFail, args.max_fail),
        (RunOption::Pause, args.pause),
        (RunOption::Exact, yes(args.exact)),
        (RunOption::Color, yes(args.color)),
        (RunOption::Tty, yes(args.tty)),
        (RunOption::Leave, yes(args.leave)),
    ];
    let options = typed.into_iter();
    let request = v1::StartRunRequest {
        selector: args.on,
        command: match args.script {
            Some(_) => input::quoted(&args.command),
            None => args.command.join(" "),
        },
        options: options
            .filter_map(|(option, text)| Some((option.name().to_owned(), text?)))
            .collect(),
        input,
    };
    let run = client
        .call(|mut api| async move { api.start_run(request).await })
        .await?;
    if args.detach {
        if args.admin.json {
            println!("{}", json_run(&run));
        } else {
            println!(
                "#{} runs on {}. See it with `shanty runs follow {}`.",
                run.number, run.hosts, run.number
            );
        }
        return Ok(exit::OK);
    }
    if !args.admin.json && run.executions.len() > 1 {
        eprintln!("#{} on {}", run.number, run.hosts);
    }
    follow(&client, run.number, args.admin.json).await
}

/// Together where they come to the same place, as on a terminal; apart for scripts, so that `$(…)` and `2>` get what they always got.
fn usual_streams(admin: &AdminArgs, detach: bool) -> Streams {
    let place = |descriptor: BorrowedFd<'_>| {
        let file = File::from(descriptor.try_clone_to_owned().ok()?);
        let metadata = file.metadata().ok()?;
        Some((metadata.dev(), metadata.ino(), metadata.rdev()))
    };
    let (out, err) = (std::io::stdout(), std::io::stderr());
    let same = place(out.as_fd()) == place(err.as_fd());
    if detach || (same && !admin.json) {
        Streams::One
    } else {
        Streams::Apart
    }
}

/// Prints everything of a run until it is over, and gives the exit code for scripts. Ctrl-C leaves; the run goes on.
pub(super) async fn follow(client: &Client, number: u64, json: bool) -> Result<u8, Failure> {
    let request = v1::FollowRequest { number };
    let mut events = client
        .call(|mut api| async move { api.follow(request).await })
        .await?;
    let mut printer = Printer {
        json,
        several: false,
        within_line: false,
        partial: HashMap::new(),
    };
    let mut last: Option<v1::RunInfo> = None;
    loop {
        let event = tokio::select! {
            event = events.message() => event?,
            _ = tokio::signal::ctrl_c() => {
                printer.flush();
                eprintln!("#{number} goes on. Stop it with `shanty runs cancel {number}`.");
                return Ok(130);
            }
        };
        match event.and_then(|event| event.kind) {
            Some(v1::follow_event::Kind::Output(chunk)) => printer.output(&chunk),
            Some(v1::follow_event::Kind::Run(run)) => {
                printer.several = run.executions.len() > 1;
                if json {
                    println!("{}", json_run(&run));
                } else if was_paused(&run, last.as_ref()) {
                    eprintln!(
                        "#{number} is paused. Go on with `shanty runs continue {number}`, or stop it with `shanty runs cancel {number}`."
                    );
                }
                last = Some(run);
            }
            None => break,
        }
    }
    printer.flush();
    let run = last
        .filter(|run| words::is_over(run.state()))
        .ok_or_else(|| {
            Failure::new(
                "E_STOPPING",
                exit::TRY_AGAIN,
                format!("the controller left before #{number} was over"),
                "",
            )
        })?;
    if !json {
        ends(&run);
    }
    Ok(exit_code(&run))
}

/// True when a run in waves has come to rest since it was seen last.
fn was_paused(run: &v1::RunInfo, before: Option<&v1::RunInfo>) -> bool {
    let rests = |run: &v1::RunInfo| run.state() == v1::run_info::State::Paused;
    rests(run) && !before.is_some_and(rests)
}

/// What scripts get: one host gives its own code, several give 0, 1, or 75 when a host did not run. What was left out on purpose counts
/// for nothing.
pub(super) fn exit_code(run: &v1::RunInfo) -> u8 {
    let several = run.executions.len() > 1;
    let outcomes: Vec<Option<i32>> = run
        .executions
        .iter()
        .filter(|execution| !execution.skipped)
        .map(|execution| {
            let outcome = execution.outcome.as_ref()?;
            outcome_from_wire(outcome).ok()?.how.exit_code()
        })
        .collect();
    match &outcomes[..] {
        _ if !run.expired.is_empty() => exit::TRY_AGAIN,
        [Some(code)] if !several => u8::try_from(*code).unwrap_or(u8::MAX),
        all if all.iter().any(Option::is_none) => exit::TRY_AGAIN,
        all if all.iter().all(|code| *code == Some(0)) => exit::OK,
        _ => exit::FAILED,
    }
}

/// How each host ended, unless one host simply did what was asked.
fn ends(run: &v1::RunInfo) {
    if !run.expired.is_empty() {
        eprintln!("#{} was not started: {}", run.number, run.expired);
        return;
    }
    for execution in &run.executions {
        let Some(Ok(outcome)) = execution.outcome.as_ref().map(outcome_from_wire) else {
            continue;
        };
        let alone = run.executions.len() == 1;
        if alone
            && outcome.is_ok()
            && outcome.left_words().is_none()
            && outcome.dropped_bytes == 0
            && outcome.masked == 0
        {
            continue;
        }
        let ran = outcome.how.exit_code().is_some();
        let took = if ran {
            format!(" · {}", duration(outcome.duration_ms))
        } else {
            String::new()
        };
        let left = words::left(&outcome);
        let dropped = match outcome.dropped_bytes {
            0 => String::new(),
            dropped => format!(" · {} of output not kept", shanty_core::text::size(dropped)),
        };
        let masked = words::masked(outcome.masked);
        eprintln!(
            "{}: {}{took}{left}{dropped}{masked}",
            execution.name, outcome.how
        );
    }
}

pub(super) fn json_run(run: &v1::RunInfo) -> serde_json::Value {
    let executions = run.executions.iter().map(|execution| {
        let outcome = execution
            .outcome
            .as_ref()
            .and_then(|outcome| outcome_from_wire(outcome).ok());
        serde_json::json!({
            "host": execution.name, "agent": execution.agent,
            "state": words::execution(execution.state()),
            // It is about what is still to come.
            "online": outcome.is_none().then_some(execution.online), "skipped": execution.skipped,
            "exit_code": outcome.as_ref().and_then(|outcome| outcome.how.exit_code()),
            "text": outcome.as_ref().map(|outcome| outcome.how.to_string()),
            "duration_ms": outcome.as_ref().map(|outcome| outcome.duration_ms),
            "output_bytes": outcome.as_ref().map(|outcome| outcome.output_bytes),
            "dropped_bytes": outcome.as_ref().map(|outcome| outcome.dropped_bytes),
            "left_over": outcome.as_ref().map(|outcome| outcome.left_over),
            "left": outcome.as_ref().map(words::json_left),
            "shell": outcome.as_ref().and_then(|outcome| outcome.shell.clone()),
            "masked": outcome.as_ref().map(|outcome| outcome.masked),
        })
    });
    let groups = run.groups.iter().map(|group| {
        serde_json::json!({
            "rank": group.rank, "hosts": group.hosts, "count": group.count,
            "exit_code": group.exit_code, "text": group.text, "duration_ms": group.duration_ms,
        })
    });
    serde_json::json!({
        "event": "run", "number": run.number, "run": run.run, "state": words::run(run.state()),
        "selector": run.selector, "command": run.command, "hosts": run.hosts,
        "accepted_ms": run.accepted_ms, "closed_ms": run.closed_ms, "expired": run.expired,
        "offline": words::offline(run.offline()), "queued_until_ms": run.queued_until_ms, "set": run.set,
        "color": run.color, "tty": run.terminal, "input": run.input.as_ref().map(input::json), "leave": run.leave,
        "executions": executions.collect::<Vec<_>>(), "groups": groups.collect::<Vec<_>>(),
    })
}

/// Prints output: as it is from one host, by line and with the host's name from several.
struct Printer {
    json: bool,
    several: bool,
    /// What was printed last did not end its line.
    within_line: bool,
    partial: HashMap<(String, bool), Vec<u8>>,
}

impl Printer {
    fn output(&mut self, chunk: &v1::OutputChunk) {
        if chunk.dropped > 0 {
            self.dropped(chunk);
        } else if self.json {
            let stream = if chunk.err { "err" } else { "out" };
            let text = String::from_utf8_lossy(&chunk.bytes);
            println!(
                "{}",
                serde_json::json!({"event": "output", "host": chunk.host, "stream": stream, "text": text})
            );
        } else if self.several {
            let held = self
                .partial
                .entry((chunk.host.clone(), chunk.err))
                .or_default();
            held.extend_from_slice(&chunk.bytes);
            let whole = held
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            let lines: Vec<u8> = held.drain(..whole).collect();
            print_lines(&chunk.host, chunk.err, &lines);
        } else {
            print_raw(chunk.err, &chunk.bytes);
            if let Some(last) = chunk.bytes.last() {
                self.within_line = *last != b'\n';
            }
        }
    }

    /// Marks a hole: on standard error, since standard output is the command's own.
    fn dropped(&mut self, chunk: &v1::OutputChunk) {
        if self.json {
            println!("{}", json_dropped(chunk));
            return;
        }
        self.flush();
        let newline = if std::mem::take(&mut self.within_line) {
            "\n"
        } else {
            ""
        };
        eprintln!("{newline}{}: {}", chunk.host, hole(chunk.dropped));
    }

    /// Prints lines that never got their end.
    fn flush(&mut self) {
        for ((host, err), mut held) in self.partial.drain() {
            if !held.is_empty() {
                held.push(b'\n');
                print_lines(&host, err, &held);
            }
        }
    }
}

/// What stands where output is missing.
pub(super) fn hole(dropped: u64) -> String {
    let dropped = shanty_core::text::size(dropped);
    format!("[{dropped} of output not kept here: over the limit]")
}

pub(super) fn json_dropped(chunk: &v1::OutputChunk) -> serde_json::Value {
    serde_json::json!({"event": "dropped", "host": chunk.host, "bytes": chunk.dropped})
}

fn print_lines(host: &str, err: bool, lines: &[u8]) {
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let mut text = format!("{host}: ").into_bytes();
        text.extend_from_slice(line);
        print_raw(err, &text);
    }
}

/// A closed pipe ends the program's interest, not the run.
fn print_raw(err: bool, bytes: &[u8]) {
    if err {
        std::io::stderr().write_all(bytes).ok(); // nobody reads it
    } else {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).ok(); // nobody reads it
    }
}
