//! The line on a terminal that says how a run stands while its output waits to be folded.

use std::time::Instant;

use shanty_core::selector::fold::fold;
use shanty_core::text::duration;
use shanty_core::view::terminal::{Look, columns, cut};
use shanty_proto::v1;
use shanty_proto::v1::execution_info::State;

use super::out::{self, Terminal};

/// The line, on standard error.
pub(super) struct Progress {
    terminal: Terminal,
    since: Instant,
    is_drawn: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            terminal: Terminal::of_stderr(),
            since: Instant::now(),
            is_drawn: false,
        }
    }

    /// Draws it anew, where a line can be drawn anew.
    pub(super) fn draw(&mut self, run: &v1::RunInfo) {
        if !self.terminal.moves {
            return;
        }
        let ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let text = line(run, ms, self.terminal.look());
        out::err(format!("\r\u{1b}[K{text}").as_bytes());
        self.is_drawn = true;
    }

    /// Takes it away.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            out::err(b"\r\x1b[K");
        }
    }
}

/// `shanty: 37/40 · running web-07,web-09 · 8 s`, within the terminal.
fn line(run: &v1::RunInfo, ms: u64, look: Look) -> String {
    let ended = |one: &&v1::ExecutionInfo| one.outcome.is_some();
    let done = run.executions.iter().filter(ended).count();
    let all = run.executions.len();
    let names = |state: State| {
        let in_it = run
            .executions
            .iter()
            .filter(move |one| one.outcome.is_none() && one.state() == state);
        fold(in_it.map(|one| one.name.as_str()))
    };
    let (running, queued) = (names(State::Running), names(State::Queued));
    let paused = run.state() == v1::run_info::State::Paused && running.is_empty();
    let (what, names) = match (running.is_empty(), queued.is_empty()) {
        // It goes on when somebody says so.
        _ if paused => ("paused: ", format!("shanty runs continue {}", run.number)),
        (false, _) => ("running ", running),
        (true, false) => ("waiting for ", queued),
        (true, true) => ("", String::new()),
    };
    let (before, after) = (format!("shanty: {done}/{all}"), duration(ms));
    // The last column stays free: a terminal that is full goes on below.
    let width = look.width.unwrap_or(usize::MAX).saturating_sub(1);
    let around = columns(&before) + columns(&after) + columns(what) + 6;
    let room = width.saturating_sub(around);
    let told = match names.is_empty() || room < 4 {
        true => format!("{before} · {after}"),
        false => format!("{before} · {what}{} · {after}", cut(&names, room)),
    };
    cut(&told, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(done: usize, running: &[&str], queued: &[&str]) -> v1::RunInfo {
        let execution = |name: &str, state: State| v1::ExecutionInfo {
            name: name.to_owned(),
            state: state.into(),
            outcome: (state == State::Exited).then(v1::Outcome::default),
            ..v1::ExecutionInfo::default()
        };
        let ended = (0..done).map(|at| execution(&format!("a-{at}"), State::Exited));
        let running = running.iter().map(|name| execution(name, State::Running));
        let queued = queued.iter().map(|name| execution(name, State::Queued));
        v1::RunInfo {
            executions: ended.chain(running).chain(queued).collect(),
            ..v1::RunInfo::default()
        }
    }

    fn told(run: &v1::RunInfo, width: usize) -> String {
        let look = Look {
            width: Some(width),
            colours: false,
        };
        line(run, 8_000, look)
    }

    #[test]
    fn progress_says_who_is_missing_in_one_line() {
        let late = run(37, &["web-07", "web-09"], &["web-10"]);
        assert_eq!(
            told(&late, 80),
            "shanty: 37/40 · running web-[07,09] · 8.0 s"
        );
        assert_eq!(told(&late, 40), "shanty: 37/40 · running web-[0… · 8.0 s");
        assert_eq!(told(&late, 22), "shanty: 37/40 · 8.0 s");
        let away = run(1, &[], &["web-10"]);
        assert_eq!(told(&away, 80), "shanty: 1/2 · waiting for web-10 · 8.0 s");
        assert_eq!(told(&run(2, &[], &[]), 80), "shanty: 2/2 · 8.0 s");
        let mut rests = run(1, &[], &["web-10"]);
        rests.number = 7;
        rests.set_state(v1::run_info::State::Paused);
        assert_eq!(
            told(&rests, 80),
            "shanty: 1/2 · paused: shanty runs continue 7 · 8.0 s"
        );
        for width in 0..60 {
            let text = told(&late, width);
            assert!(columns(&text) < width.max(1), "{width}: {text}");
        }
    }
}
