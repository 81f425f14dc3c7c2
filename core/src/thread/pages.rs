//! The thread of a run on one host: its output in pages, the first ones whole, then one that moves with the end.

use std::ops::Range;

use super::host::Host;
use crate::limits;
use crate::output::pages::{Above, Pager, Tail};
use crate::run::{Colours, Execution, Run};
use crate::text::{count, duration, size};
use crate::view::escape_markdown_cut;
use crate::view::groups::how_in_chat;

/// The pages of one host's output.
#[derive(Debug)]
pub(super) struct Pages {
    pager: Pager,
    tail: Tail,
    /// Whole pages, at most as many as are posted.
    sealed: Vec<String>,
}

impl Pages {
    pub(super) fn new(host: &Host, colours: Colours) -> Self {
        let header = format!("**{}**", host.name);
        let (pager, tail) = match colours {
            Colours::None => (Pager::new(&header), Tail::new(&header, Above::Lines(0))),
            Colours::Kept => (
                Pager::coloured(&header),
                Tail::coloured(&header, Above::Lines(0)),
            ),
        };
        Self {
            pager,
            tail,
            sealed: Vec::new(),
        }
    }

    /// Takes the next text of the host.
    pub(super) fn push(&mut self, text: &str) {
        for page in self.pager.push(text) {
            if self.sealed.len() < limits::PAGES_WHOLE_MAX {
                self.sealed.push(page.text);
            }
        }
        self.tail.push(text);
    }

    /// True when pages do not hold all of the output, so that it is attached at the end.
    pub(super) fn has_files(&self, host: &Host) -> bool {
        self.sealed.len() >= limits::PAGES_WHOLE_MAX || host.is_binary()
    }

    /// True when a page will not change any more.
    pub(super) fn is_full(&self, number: usize) -> bool {
        number < self.sealed.len()
    }

    /// Numbers of the messages that exist or should.
    pub(super) fn numbers(&self, host: &Host, run: &Run) -> Range<usize> {
        if host.bytes() == 0 && !host.is_done(run) {
            0..0
        } else if host.is_binary() {
            0..1
        } else {
            0..self.sealed.len() + 1
        }
    }

    /// One of them as it should look.
    pub(super) fn page(&self, number: usize, host: &Host, run: &Run) -> String {
        let footer = footer(host, run);
        if host.is_binary() {
            let (name, size) = (&host.name, size(host.bytes()));
            format!("**{name}**\nbinary output, {size}, attached at the end\n-# {footer}")
        } else if let Some(sealed) = self.sealed.get(number) {
            self.pager.message(sealed, "")
        } else if number == limits::PAGES_WHOLE_MAX {
            self.tail.message(&host.pending(), &footer)
        } else if host.bytes() == 0 {
            let nothing = host.missing().map_or("no output", |_| "not shown");
            format!("**{}**\n({nothing})\n-# {footer}", host.name)
        } else if host.is_finished() {
            self.pager.message(self.pager.open(), &footer)
        } else {
            self.pager.live(&host.pending(), &footer)
        }
    }
}

/// The small line below the output, which no output can pass for: it stands outside of the code block.
fn footer(host: &Host, run: &Run) -> String {
    let state = state(host, run);
    let missing = host.missing().map(str::to_owned);
    match missing.or_else(|| host.remark()) {
        Some(more) => format!("{state} · {more}"),
        None => state,
    }
}

fn state(host: &Host, run: &Run) -> String {
    let lines = usize::try_from(host.lines()).unwrap_or(usize::MAX);
    let amount = format!("{} · {}", count(lines, "line"), size(host.bytes()));
    match host.outcome(run) {
        None if host.bytes() == 0 => host
            .execution(run)
            .map_or("queued", Execution::state)
            .to_owned(),
        None => format!("{amount} · live"),
        Some(outcome) if outcome.how.exit_code().is_some() => {
            let took = duration(outcome.duration_ms);
            let left = outcome.left_words().map_or_else(String::new, |left| {
                format!(" · {}", escape_markdown_cut(&left, 200))
            });
            format!("{} · {took} · {amount}{left}", how_in_chat(&outcome.how))
        }
        Some(outcome) => how_in_chat(&outcome.how),
    }
}
