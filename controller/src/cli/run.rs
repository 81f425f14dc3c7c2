//! `shanty run`: the command line's `/run`.

use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use shanty_core::ask::{RunOption, YES};
use shanty_core::run::Streams;
use shanty_core::text::parse_duration;
use shanty_proto::v1;

use super::client::{Client, Failure};
use super::complete::{self, completer};
pub(super) use super::ends::json_run;
use super::follow::{self, Followed, Showing};
use super::out::Terminal;
use super::printer::Style;
use super::{AdminArgs, exit, input, out, plan};

/// How long a controller that went away is waited for unless somebody says otherwise.
pub(super) const PATIENCE: &str = "60s";

/// What is where, and what comes back.
pub(super) const HELP: &str = "\
On a terminal, several hosts show one line of progress while they run, and then each output once with all the hosts that printed it, what
failed first. One host, --stream, a pipe and --json show output as it comes; lines of several hosts begin with the name of theirs.

Exit codes: one host gives its command's own code; 124 its time was up, 130 somebody stopped it, 75 it did not run or nobody knows.
Several hosts give 0 when all of them did, else the first of these that is true of one: 130, 75, 1 (a command failed), 124.
69 the controller went away and the run goes on; 64 typed wrongly, or --yes is needed because nobody sits at a terminal.

  shanty run web-01 -- uptime
  shanty run 'role=web !web-03' --timeout 10m -- apt-get -y upgrade
  shanty run all --dry-run -- systemctl restart nginx";

#[derive(Args, Debug)]
pub(super) struct RunArgs {
    /// Which hosts, for example: 'role=web !web-03'
    #[arg(value_name = "SELECTOR", add = completer(), value_hint = ValueHint::Other)]
    words: Vec<String>,
    /// The same, as an option
    #[arg(long, value_name = "SELECTOR", add = completer(), value_hint = ValueHint::Other)]
    on: Option<String>,
    /// Run it without being asked, also on all hosts, on many, and where some are away
    #[arg(long, short)]
    yes: bool,
    /// Show on which hosts it would run, and run nothing
    #[arg(long, conflicts_with_all = ["yes", "detach"])]
    dry_run: bool,
    /// Time before it is stopped, such as 90s or 10m [default: 300s]
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// The user to run as, one that the agents allow
    #[arg(long = "as", value_name = "USER", add = complete::users(), value_hint = ValueHint::Other)]
    run_as: Option<String>,
    /// What becomes of hosts that are away: fail, skip, queue or queue:2h [default: fail, once you said yes]
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
    /// Print lines as they come, behind the name of their host; as without a terminal
    #[arg(long)]
    stream: bool,
    /// Show what odd hosts printed as the difference to what most did
    #[arg(long, conflicts_with_all = ["stream", "raw", "detach"])]
    diff: bool,
    /// Print the bytes that the command wrote, on a terminal too
    #[arg(long)]
    raw: bool,
    /// How long a controller that went away is waited for
    #[arg(long, value_name = "DURATION", default_value = PATIENCE)]
    reconnect: String,
    #[command(flatten)]
    pub(super) admin: AdminArgs,
    /// The command; several words are joined by spaces for /bin/sh
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(super) async fn run(args: RunArgs) -> Result<u8, Failure> {
    let patience = patience(&args.reconnect)?;
    let mut request = args.request()?;
    let client = Client::connect(&args.admin).await?;
    if args.script.is_some() {
        request.input = input::give(&client, args.script.as_deref(), args.no_stdin).await?;
    }
    let asks = (args.yes, args.dry_run, args.admin.json);
    if !looked_at(&client, &mut request, asks).await? {
        return Ok(exit::OK);
    }
    // Nothing is read of what may never end before it is sure that it runs.
    if args.script.is_none() {
        request.input = input::give(&client, None, args.no_stdin).await?;
    }
    let how = (args.detach, args.admin.json, patience);
    begin(&client, request, how, |several| args.showing(several)).await
}

/// How upkeep is asked for, shown and followed.
pub(super) struct Way {
    pub(super) yes: bool,
    pub(super) dry_run: bool,
    pub(super) detach: bool,
    pub(super) stream: bool,
    pub(super) json: bool,
    pub(super) patience: Duration,
}

/// Asks for what agents do to themselves, as for a command.
pub(super) async fn upkeep(
    client: &Client,
    mut request: v1::StartRunRequest,
    way: &Way,
) -> Result<u8, Failure> {
    let asks = (way.yes, way.dry_run, way.json);
    if !looked_at(client, &mut request, asks).await? {
        return Ok(exit::OK);
    }
    let showing = |several| showing(several, way.stream, way.json);
    begin(
        client,
        request,
        (way.detach, way.json, way.patience),
        showing,
    )
    .await
}

/// Folded for people who look at several hosts, as it comes for everybody else.
fn showing(several: bool, stream: bool, json: bool) -> Showing {
    match several && !stream && !json && Terminal::of_stdout().is_terminal {
        true => Showing::Folded { diff: false },
        false => Showing::Streamed(Style {
            json,
            raw: false,
            colours: false,
        }),
    }
}

/// Lets somebody look at what would run where that is asked for or needed, and puts their word into the request; false when they only
/// wanted to look.
async fn looked_at(
    client: &Client,
    request: &mut v1::StartRunRequest,
    (yes, dry_run, json): (bool, bool, bool),
) -> Result<bool, Failure> {
    if yes {
        see(request, YES);
        return Ok(true);
    }
    let planned = request.clone();
    let plan = client
        .call(|mut api| async move { api.plan_run(planned).await })
        .await?;
    if dry_run {
        plan::show(&plan, json)?;
        return Ok(false);
    }
    if let Some(seen) = plan::seen(&plan)? {
        see(request, &seen);
    }
    Ok(true)
}

/// Starts it, and shows it to its end unless somebody only wants its number.
async fn begin(
    client: &Client,
    request: v1::StartRunRequest,
    (detach, json, patience): (bool, bool, Duration),
    showing: impl FnOnce(bool) -> Showing,
) -> Result<u8, Failure> {
    let run = client
        .call(|mut api| async move { api.start_run(request).await })
        .await?;
    if detach {
        if json {
            out::line(json_run(&run))?;
        } else {
            out::line(format_args!(
                "#{} runs on {}. See it with `shanty runs follow {}`.",
                run.number, run.hosts, run.number
            ))?;
        }
        return Ok(exit::OK);
    }
    let several = run.executions.len() > 1;
    if !json && several {
        out::note(format_args!("#{} on {}", run.number, run.hosts));
    }
    let followed = Followed {
        number: run.number,
        showing: showing(several),
        patience,
    };
    follow::follow(client, followed).await
}

impl RunArgs {
    fn request(&self) -> Result<v1::StartRunRequest, Failure> {
        // On a terminal they are one in any case.
        let usual = || match self.tty {
            true => Streams::One.word().to_owned(),
            false => usual_streams(&self.admin, self.detach).word().to_owned(),
        };
        let yes = |set: bool| set.then(|| YES.to_owned());
        let typed = [
            (RunOption::Timeout, self.timeout.clone()),
            (RunOption::As, self.run_as.clone()),
            (RunOption::Offline, self.offline.clone()),
            (
                RunOption::Streams,
                Some(self.streams.clone().unwrap_or_else(usual)),
            ),
            (RunOption::Batch, self.batch.clone()),
            (RunOption::Parallel, self.parallel.clone()),
            (RunOption::MaxFail, self.max_fail.clone()),
            (RunOption::Pause, self.pause.clone()),
            (RunOption::Exact, yes(self.exact)),
            (RunOption::Color, yes(self.color)),
            (RunOption::Tty, yes(self.tty)),
            (RunOption::Leave, yes(self.leave)),
        ];
        // A variable of a script that was not set must not become the usual.
        let empty =
            |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim().is_empty());
        if let Some((option, _)) = typed.iter().find(|(_, text)| empty(text)) {
            let name = option.name().replace('_', "-");
            return Err(Failure::usage(format!(
                "--{name} is empty: say what it is, or leave it out"
            )));
        }
        let options = typed.into_iter();
        Ok(v1::StartRunRequest {
            selector: self.selector()?,
            command: match self.script {
                Some(_) => input::quoted(&self.command),
                None => self.command.join(" "),
            },
            options: options
                .filter_map(|(option, text)| Some((option.name().to_owned(), text?)))
                .collect(),
            input: None,
            upkeep: None,
        })
    }

    /// Where it runs: said once, and nothing of the command is taken for a host.
    fn selector(&self) -> Result<String, Failure> {
        let usage =
            |what: &str, next: String| Err(Failure::new("E_USAGE", exit::USAGE, what, next));
        let command = |words: &[String]| match words.is_empty() {
            true => "COMMAND".to_owned(),
            false => input::quoted(words),
        };
        let nothing = self.command.is_empty() && self.script.is_none();
        match (&self.on, &self.words[..]) {
            (None, []) => usage(
                "no hosts are named",
                format!("Type: shanty run SELECTOR -- {}", command(&self.command)),
            ),
            (Some(on), []) if nothing => usage(
                "no command is given",
                format!(
                    "Type: shanty run {} -- COMMAND",
                    input::quoted(std::slice::from_ref(on))
                ),
            ),
            (None, [on]) if nothing => usage(
                "no command is given",
                format!(
                    "Type: shanty run {} -- COMMAND",
                    input::quoted(std::slice::from_ref(on))
                ),
            ),
            (Some(on), []) | (None, [on]) => Ok(on.clone()),
            (Some(on), words) if self.command.is_empty() => usage(
                "the command stands after `--`; nothing was run",
                format!(
                    "Type: shanty run {} -- {}",
                    input::quoted(std::slice::from_ref(on)),
                    input::quoted(words)
                ),
            ),
            (None, [on, words @ ..]) if self.command.is_empty() => usage(
                "the command stands after `--`; nothing was run",
                format!(
                    "Type: shanty run {} -- {}",
                    input::quoted(std::slice::from_ref(on)),
                    input::quoted(words)
                ),
            ),
            (Some(_), _) => usage(
                "hosts are named twice, with --on and before `--`; nothing was run",
                "Name them once; several words of one selector stand in quotes.".to_owned(),
            ),
            (None, words) => usage(
                "one SELECTOR stands before `--`; nothing was run",
                format!(
                    "If these words are one selector, quote them: shanty run '{}' -- {}",
                    words.join(" "),
                    command(&self.command)
                ),
            ),
        }
    }

    /// Folded for people who look at several hosts, as it comes for everybody else.
    fn showing(&self, several: bool) -> Showing {
        let people = Terminal::of_stdout().is_terminal && !self.admin.json;
        let folds = several && !self.stream && !self.raw && (people || self.diff);
        if folds && !self.admin.json {
            return Showing::Folded { diff: self.diff };
        }
        Showing::Streamed(Style {
            json: self.admin.json,
            raw: self.raw,
            colours: self.color,
        })
    }
}

fn see(request: &mut v1::StartRunRequest, seen: &str) {
    let name = RunOption::Seen.name().to_owned();
    request.options.insert(name, seen.to_owned());
}

/// Prints everything of a run as it comes, until it is over, and gives the exit code for scripts.
pub(super) async fn follow(client: &Client, number: u64, style: Style) -> Result<u8, Failure> {
    let followed = Followed {
        number,
        showing: Showing::Streamed(style),
        patience: patience(PATIENCE)?,
    };
    follow::follow(client, followed).await
}

/// How long a controller that went away is waited for.
pub(super) fn patience(typed: &str) -> Result<Duration, Failure> {
    let parsed = parse_duration(typed).map(Duration::from_millis);
    parsed.ok_or_else(|| {
        Failure::usage(format!(
            "`{typed}` is not a duration: write a whole number and s, m, h or d"
        ))
    })
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        run: RunArgs,
    }

    fn selector(words: &[&str]) -> Result<String, String> {
        let words = ["shanty run"].iter().chain(words);
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        line.run
            .selector()
            .map_err(|failure| format!("{}. {}", failure.text, failure.next))
    }

    #[test]
    fn hosts_and_command_are_told_apart_or_it_is_said_how_to_type_it() {
        for words in [
            &["web-01", "--", "uptime"][..],
            &["--on", "web-01", "--", "uptime"],
            &["web-01", "--timeout", "5s", "--", "ls", "-la"],
            &["--timeout", "5s", "web-01", "--", "web-02"],
        ] {
            assert_eq!(selector(words), Ok("web-01".to_owned()), "{words:?}");
        }
        let mistakes: Vec<String> = [
            &[][..],
            &["--", "uptime"],
            &["web-01"],
            &["--on", "role=web !web-03"],
            &["web-01", "uptime"],
            &["web-01", "echo", "it's"],
            &["--on", "web-01", "uptime"],
            &["--on", "web-01", "web-02", "--", "uptime"],
            &["role=web", "!web-03", "--", "uptime"],
        ]
        .iter()
        .map(|words| format!("{}\n  {}\n", words.join(" "), selector(words).unwrap_err()))
        .collect();
        insta::assert_snapshot!(mistakes.concat());
    }
}
