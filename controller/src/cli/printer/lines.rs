//! Some lines of what each host printed: those that hold a text, the first or the last of them.

use std::collections::VecDeque;

use clap::Args;

#[derive(Args, Debug, Clone, Default)]
pub(in crate::cli) struct LinesArgs {
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
    pub(in crate::cli) const fn is_empty(&self) -> bool {
        self.grep.is_none() && self.head.is_none() && self.tail.is_none()
    }
}

/// The lines of one host that are wanted, as they come.
#[derive(Debug)]
pub(super) struct Lines {
    args: LinesArgs,
    /// Lines whose ends have not come: of standard output, and of standard error.
    partial: [Vec<u8>; 2],
    taken: usize,
    /// The last ones, when those are wanted.
    last: VecDeque<Vec<u8>>,
}

impl Lines {
    /// Nothing when all lines are wanted.
    pub(super) fn new(args: &LinesArgs) -> Option<Self> {
        (!args.is_empty()).then(|| Self {
            args: args.clone(),
            partial: [const { Vec::new() }; 2],
            taken: 0,
            last: VecDeque::new(),
        })
    }

    /// Takes what was printed, to standard error or not, and gives what can be printed of it.
    pub(super) fn push(&mut self, err: bool, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let [of_out, of_err] = &mut self.partial;
        let mut partial = std::mem::take(if err { of_err } else { of_out });
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            partial.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.line(std::mem::take(&mut partial), &mut out);
            }
        }
        let [of_out, of_err] = &mut self.partial;
        *(if err { of_err } else { of_out }) = partial;
        out
    }

    /// What is left. Then it begins anew.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut open = std::mem::take(&mut self.partial);
        // Only the last one may stay without its end.
        if let [first, last] = &mut open
            && !first.is_empty()
            && !last.is_empty()
        {
            first.push(b'\n');
        }
        for line in open.into_iter().filter(|line| !line.is_empty()) {
            self.line(line, &mut out);
        }
        out.extend(self.last.drain(..).flatten());
        self.taken = 0;
        out
    }

    fn line(&mut self, line: Vec<u8>, out: &mut Vec<u8>) {
        if let Some(text) = &self.args.grep
            && !holds(&line, text.as_bytes())
        {
            return;
        }
        if let Some(tail) = self.args.tail {
            self.last.push_back(line);
            if self.last.len() > tail {
                self.last.pop_front();
            }
        } else if self.args.head.is_none_or(|head| self.taken < head) {
            self.taken += 1;
            out.extend(line);
        }
    }
}

fn holds(line: &[u8], text: &[u8]) -> bool {
    text.is_empty() || line.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(args: LinesArgs, parts: &[&str]) -> String {
        let Some(mut lines) = Lines::new(&args) else {
            return parts.concat();
        };
        let pushed = parts.iter().map(|part| lines.push(false, part.as_bytes()));
        let mut text = pushed.collect::<Vec<_>>().concat();
        text.extend(lines.finish());
        String::from_utf8(text).unwrap()
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
        let grep = |text: &str, args| LinesArgs {
            grep: Some(text.to_owned()),
            ..args
        };
        assert_eq!(lines(grep("o", none()), &all), "one\ntwo\nfour");
        assert_eq!(lines(grep("o", head(1)), &all), "one\n");
        assert_eq!(lines(grep("o", tail(1)), &all), "four");
        assert_eq!(lines(grep("", none()), &all), "one\ntwo\nthree\nfour");
    }

    #[test]
    fn a_line_of_one_stream_is_not_cut_open_by_the_other() {
        let args = LinesArgs {
            tail: Some(9),
            ..LinesArgs::default()
        };
        let mut lines = Lines::new(&args).unwrap();
        for (err, part) in [
            (false, "step "),
            (true, "ls: ca"),
            (false, "1\nst"),
            (true, "n't\nl"),
        ] {
            assert_eq!(lines.push(err, part.as_bytes()), b"");
        }
        assert_eq!(lines.finish(), b"step 1\nls: can't\nst\nl");
    }
}
