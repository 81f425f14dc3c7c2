//! Some lines of what each host printed: those that hold a text, the first or the last of them.

use std::collections::VecDeque;

use clap::Args;

#[derive(Args, Debug, Clone, Default)]
pub(super) struct LinesArgs {
    /// Only lines that hold this text
    #[arg(long, value_name = "TEXT", conflicts_with = "raw")]
    grep: Option<String>,
    /// The first lines of each host, so many
    #[arg(long, value_name = "LINES", conflicts_with_all = ["tail", "raw"])]
    head: Option<usize>,
    /// The last lines of each host, so many
    #[arg(long, value_name = "LINES", conflicts_with = "raw")]
    tail: Option<usize>,
}

impl LinesArgs {
    /// True when all lines are wanted.
    pub(super) const fn is_empty(&self) -> bool {
        self.grep.is_none() && self.head.is_none() && self.tail.is_none()
    }
}

/// The lines of one host that are wanted, as its text comes.
#[derive(Debug)]
pub(super) struct Lines {
    args: LinesArgs,
    /// A line whose end has not come.
    partial: String,
    taken: usize,
    /// The last ones, when those are wanted.
    last: VecDeque<String>,
}

impl Lines {
    pub(super) const fn new(args: LinesArgs) -> Self {
        Self {
            args,
            partial: String::new(),
            taken: 0,
            last: VecDeque::new(),
        }
    }

    /// Takes text, and gives what can be printed of it.
    pub(super) fn push(&mut self, text: &str) -> String {
        let mut out = String::new();
        for part in text.split_inclusive('\n') {
            self.partial.push_str(part);
            if part.ends_with('\n') {
                let line = std::mem::take(&mut self.partial);
                self.line(line, &mut out);
            }
        }
        out
    }

    /// What is left.
    pub(super) fn finish(&mut self) -> String {
        let mut out = String::new();
        let line = std::mem::take(&mut self.partial);
        if !line.is_empty() {
            self.line(line, &mut out);
        }
        out.extend(self.last.drain(..));
        self.taken = 0;
        out
    }

    fn line(&mut self, line: String, out: &mut String) {
        let holds = |text: &String| line.contains(text.as_str());
        if !self.args.grep.as_ref().is_none_or(holds) {
            return;
        }
        if let Some(tail) = self.args.tail {
            self.last.push_back(line);
            if self.last.len() > tail {
                self.last.pop_front();
            }
        } else if self.args.head.is_none_or(|head| self.taken < head) {
            self.taken += 1;
            out.push_str(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(args: LinesArgs, parts: &[&str]) -> String {
        let mut lines = Lines::new(args);
        let mut text: String = parts.iter().map(|part| lines.push(part)).collect();
        text.push_str(&lines.finish());
        text
    }

    #[test]
    fn lines_are_chosen_however_they_come() {
        let all = ["one\ntw", "o\nthree\n", "fo", "ur"];
        let none = LinesArgs::default;
        assert_eq!(lines(none(), &all), "one\ntwo\nthree\nfour");
        let head = |head| LinesArgs {
            head: Some(head),
            ..none()
        };
        assert_eq!(lines(head(2), &all), "one\ntwo\n");
        assert_eq!(lines(head(0), &all), "");
        let tail = |tail| LinesArgs {
            tail: Some(tail),
            ..none()
        };
        assert_eq!(lines(tail(2), &all), "three\nfour");
        assert_eq!(lines(tail(0), &all), "");
        assert_eq!(lines(tail(9), &all), "one\ntwo\nthree\nfour");
        let grep = |args| LinesArgs {
            grep: Some("o".to_owned()),
            ..args
        };
        assert_eq!(lines(grep(none()), &all), "one\ntwo\nfour");
        assert_eq!(lines(grep(head(1)), &all), "one\n");
        assert_eq!(lines(grep(tail(1)), &all), "four");
    }
}
