//! Follows a run to its end, also over the death of a controller: the run goes on without it, and so does whoever follows.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use shanty_proto::v1;
use shanty_proto::v1::follow_event::Kind;
use tokio::time::Instant;

use super::client::{Client, Failure};
use super::printer::{Printer, Style};
use super::progress::Progress;
use super::{ends, exit, fold, out, words};

/// A line without an end is shown when nothing has come for so long.
const IDLE: Duration = Duration::from_millis(100);

/// Between two looks at a controller that is away, the first time and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How a run is shown.
#[derive(Clone, Copy, Debug)]
pub(super) enum Showing {
    /// As it comes.
    Streamed(Style),
    /// When it is over: hosts that did the same once.
    Folded {
        /// Odd ones as what they printed otherwise.
        diff: bool,
    },
}

/// What is followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Followed {
    pub(super) number: u64,
    pub(super) showing: Showing,
    /// How long a controller that went away is waited for.
    pub(super) patience: Duration,
}

/// Prints everything of a run until it is over, and gives the exit code for scripts. Ctrl-C leaves; the run goes on.
pub(super) async fn follow(client: &Client, followed: Followed) -> Result<u8, Failure> {
    let mut following = Following::new(followed);
    let run = tokio::select! {
        run = following.until_over(client) => run?,
        _ = tokio::signal::ctrl_c() => {
            following.leave()?;
            let number = followed.number;
            out::note(format_args!(
                "#{number} goes on. Stop it with `shanty runs cancel {number}`."
            ));
            return Ok(exit::CANCELLED);
        }
    };
    following.leave()?;
    match followed.showing {
        Showing::Streamed(style) if style.json => {}
        Showing::Streamed(_) => ends::each(&run),
        Showing::Folded { diff } if run.expired.is_empty() => {
            fold::print(client, &run, diff).await?;
        }
        Showing::Folded { .. } => ends::each(&run),
    }
    if !following.is_json() && run.executions.len() > 1 && run.expired.is_empty() {
        out::note(ends::summary(&run));
    }
    Ok(ends::exit_code(&run))
}

struct Following {
    followed: Followed,
    printer: Printer,
    progress: Progress,
    run: Option<v1::RunInfo>,
    /// The run was told as JSON.
    is_told: bool,
    /// What was printed of each host: bytes by stream, and holes.
    printed: Counts,
    /// What comes again after a controller came back, and was printed already.
    skip: Counts,
}

#[derive(Clone, Debug, Default)]
struct Counts {
    bytes: HashMap<(String, bool), u64>,
    holes: HashMap<String, u64>,
}

impl Following {
    fn new(followed: Followed) -> Self {
        let style = match followed.showing {
            Showing::Streamed(style) => style,
            Showing::Folded { .. } => Style::default(),
        };
        Self {
            followed,
            printer: Printer::new(style),
            progress: Progress::new(),
            run: None,
            is_told: false,
            printed: Counts::default(),
            skip: Counts::default(),
        }
    }

    const fn is_json(&self) -> bool {
        self.followed.showing.is_json()
    }

    const fn is_folded(&self) -> bool {
        matches!(self.followed.showing, Showing::Folded { .. })
    }

    async fn until_over(&mut self, client: &Client) -> Result<v1::RunInfo, Failure> {
        let mut away = Away::default();
        loop {
            match self.attempt(client, &mut away).await {
                Ok(Some(run)) => return Ok(run),
                Ok(None) => {}
                Err(failure) if failure.is_gone() => {}
                Err(failure) => return Err(failure),
            }
            let number = self.followed.number;
            let Some(wait) = away.wait(Instant::now(), self.followed.patience) else {
                self.leave()?;
                let what = format!("the controller went away; run #{number} goes on");
                let next = format!("Follow it again: `shanty runs follow {number}`");
                return Err(Failure::new("E_GONE", exit::GONE, what, next));
            };
            if away.is_new() {
                self.leave()?;
                out::note(format_args!(
                    "shanty: the controller went away; run #{number} goes on: `shanty runs follow {number}`. Waiting for it."
                ));
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Follows it as long as the controller is there: the run when it is over, nothing when the controller left before.
    async fn attempt(
        &mut self,
        client: &Client,
        away: &mut Away,
    ) -> Result<Option<v1::RunInfo>, Failure> {
        let request = v1::FollowRequest {
            number: self.followed.number,
            quiet: self.is_folded(),
        };
        let mut events = client
            .call(|mut api| async move { api.follow(request).await })
            .await?;
        self.skip = self.printed.clone();
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            let event = tokio::select! {
                event = events.message() => event?,
                () = tokio::time::sleep(IDLE), if self.printer.is_behind() => {
                    self.printer.idle()?;
                    continue;
                }
                _ = tick.tick(), if self.is_folded() => {
                    self.draw();
                    continue;
                }
            };
            let Some(kind) = event.and_then(|event| event.kind) else {
                let over = self.run.take().filter(|run| words::is_over(run.state()));
                return Ok(over);
            };
            away.is_back();
            match kind {
                Kind::Output(chunk) => self.output(chunk)?,
                Kind::Run(run) => self.stands(run)?,
                Kind::Change(change) => self.change(change)?,
            }
        }
    }

    fn output(&mut self, mut chunk: v1::OutputChunk) -> Result<(), Failure> {
        let host = chunk.host.clone();
        if chunk.dropped > 0 {
            *self.printed.holes.entry(host.clone()).or_default() += 1;
            let skip = self.skip.holes.entry(host).or_default();
            if *skip > 0 {
                *skip -= 1;
                *self.printed.holes.entry(chunk.host).or_default() -= 1;
                return Ok(());
            }
            return self.printer.output(&chunk);
        }
        let key = (host, chunk.err);
        let again = self.skip.bytes.entry(key.clone()).or_default();
        let all = chunk.bytes.len();
        let known = usize::try_from(*again).unwrap_or(usize::MAX).min(all);
        *again -= known as u64;
        let fresh = chunk.bytes.split_off(known);
        *self.printed.bytes.entry(key).or_default() += fresh.len() as u64;
        if fresh.is_empty() {
            return Ok(());
        }
        chunk.bytes = fresh;
        self.printer.output(&chunk)
    }

    /// The whole run, at the beginning and at the end.
    fn stands(&mut self, run: v1::RunInfo) -> Result<(), Failure> {
        self.printer.several = run.executions.len() > 1;
        let over = words::is_over(run.state());
        if self.is_json() {
            if over {
                // What stands before the end is printed before it.
                self.printer.flush()?;
            }
            if over || !std::mem::replace(&mut self.is_told, true) {
                out::line(ends::json_run(&run))?;
            }
        }
        self.run = Some(run);
        self.draw();
        Ok(())
    }

    fn change(&mut self, change: v1::RunChange) -> Result<(), Failure> {
        let state = change.state();
        let Some(run) = &mut self.run else {
            return Ok(());
        };
        let number = run.number;
        let is_new = run.state() != state;
        run.set_state(state);
        if self.followed.showing.is_json() {
            if is_new {
                let state = words::run(state);
                out::line(json!({"event": "state", "number": number, "state": state}))?;
            }
            for execution in &change.executions {
                out::line(ends::json_change(number, execution))?;
            }
        }
        let paused = is_new && state == v1::run_info::State::Paused;
        if paused && !self.followed.showing.is_json() && !self.is_folded() {
            self.leave()?;
            out::note(format_args!(
                "#{number} is paused. Go on with `shanty runs continue {number}`, or stop it with `shanty runs cancel {number}`."
            ));
        }
        let Some(run) = &mut self.run else {
            return Ok(());
        };
        for execution in change.executions {
            let stands = run.executions.iter_mut();
            let mut same = stands.filter(|one| one.agent == execution.agent);
            if let Some(before) = same.next() {
                *before = execution;
            }
        }
        self.draw();
        Ok(())
    }

    fn draw(&mut self) {
        if let Some(run) = self.run.as_ref().filter(|_| self.is_folded()) {
            self.progress.draw(run);
        }
    }

    /// Ends what is on the screen, so that something else can be said.
    fn leave(&mut self) -> Result<(), Failure> {
        self.progress.clear();
        self.printer.flush()
    }
}

impl Showing {
    const fn is_json(self) -> bool {
        matches!(self, Self::Streamed(Style { json: true, .. }))
    }
}

/// How long a controller has been away.
#[derive(Debug, Default)]
struct Away {
    since: Option<Instant>,
    times: u32,
}

impl Away {
    fn is_back(&mut self) {
        *self = Self::default();
    }

    /// How long to wait before it is looked for again; nothing when it was waited for long enough.
    fn wait(&mut self, now: Instant, patience: Duration) -> Option<Duration> {
        let since = *self.since.get_or_insert(now);
        let left = patience.checked_sub(now.duration_since(since))?;
        if left.is_zero() {
            return None;
        }
        let (first, most) = AGAIN;
        let wait = first
            .saturating_mul(2_u32.saturating_pow(self.times))
            .min(most);
        self.times += 1;
        Some(wait.min(left))
    }

    const fn is_new(&self) -> bool {
        self.times == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_is_waited_for_ever_more_slowly_and_not_for_ever() {
        let patience = Duration::from_secs(60);
        let mut away = Away::default();
        let mut waits = Vec::new();
        let began = Instant::now();
        let mut now = began;
        while let Some(wait) = away.wait(now, patience) {
            waits.push(wait);
            assert_eq!(away.is_new(), waits.len() == 1);
            now += wait;
        }
        assert_eq!(now.duration_since(began), patience);
        assert_eq!(waits[..3], [100, 200, 400].map(Duration::from_millis));
        assert!(waits.len() < 25 && waits.iter().all(|wait| *wait <= AGAIN.1));
        away.is_back();
        assert_eq!(away.wait(now, patience), Some(AGAIN.0));
        assert_eq!(Away::default().wait(now, Duration::ZERO), None);
    }

    #[test]
    fn what_comes_again_is_not_printed_again() {
        let style = Style {
            raw: true,
            ..Style::default()
        };
        let mut following = Following::new(Followed {
            number: 1,
            showing: Showing::Streamed(style),
            patience: Duration::ZERO,
        });
        let chunk = |text: &str, dropped| v1::OutputChunk {
            host: "web-01".to_owned(),
            err: true,
            bytes: text.as_bytes().to_vec(),
            dropped,
        };
        following.printer.several = true;
        let held = |following: &Following| following.printer.held_text("web-01", true);
        following.output(chunk("one two ", 0)).unwrap();
        following.output(chunk("three", 0)).unwrap();
        assert_eq!(held(&following), "one two three");
        // It went away and came back: everything from the beginning, cut otherwise.
        following.skip = following.printed.clone();
        following.output(chunk("one ", 0)).unwrap();
        following.output(chunk("two three four", 0)).unwrap();
        assert_eq!(held(&following), "one two three four");
        following.output(chunk("", 5)).unwrap();
        following.skip = following.printed.clone();
        following.output(chunk("one two three four", 0)).unwrap();
        following.output(chunk("", 5)).unwrap();
        following.output(chunk("five", 0)).unwrap();
        assert_eq!(held(&following), "five");
        assert_eq!(following.printed.holes["web-01"], 1);
    }
}
