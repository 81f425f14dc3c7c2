//! How a shell reads each character of a command: as words and operators, as text that it passes on, or not at all.
//!
//! This follows quotes, comments, substitutions and here-documents as `/bin/sh` does, as far as is needed to tell where a character that is
//! no plain one does harm. It runs nothing and expands nothing; what it cannot follow it takes for code.

use std::ops::Range;

/// How a shell reads a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As part of a word or an operator.
    Code,
    /// As text that is passed on: within plain quotes, or in a here-document.
    Text,
    /// Not at all.
    Comment,
}

/// How a shell reads each character of a command. Where a quote is never closed, or a here-document never ends, all is code: somebody
/// thought that it is.
#[must_use]
pub fn readings(command: &str) -> Vec<Reading> {
    let chars: Vec<char> = command.chars().collect();
    let mut scan = Scan {
        read: vec![Reading::Code; chars.len()],
        chars,
        at: 0,
        open: Vec::new(),
        documents: Vec::new(),
        endless: false,
    };
    while scan.at < scan.chars.len() {
        scan.step();
    }
    let quoted = |open: &Open| matches!(open, Open::Single | Open::Double);
    // The parentheses of its patterns look like the end of a substitution.
    let has_case = command.contains("$(") && command.contains("case ");
    if scan.endless || has_case || scan.open.iter().any(quoted) {
        let all = scan.read.iter_mut();
        all.filter(|read| **read == Reading::Text)
            .for_each(|read| *read = Reading::Code);
    }
    scan.read
}

/// What is open at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Single,
    Double,
    /// A substitution, and parentheses in it that are open.
    Parens(usize),
    /// The value of a variable, `${…}`.
    Braces,
    Backtick,
}

/// A here-document that begins on the next line.
struct Document {
    end: String,
    tabs: bool,
    /// Its end is quoted, so that nothing in it is expanded.
    quoted: bool,
}

struct Scan {
    chars: Vec<char>,
    read: Vec<Reading>,
    at: usize,
    open: Vec<Open>,
    documents: Vec<Document>,
    /// A here-document has no end.
    endless: bool,
}

impl Scan {
    fn step(&mut self) {
        match self.open.last() {
            Some(Open::Single) => self.single(),
            Some(Open::Double) => self.double(),
            Some(Open::Parens(_) | Open::Backtick | Open::Braces) | None => self.code(),
        }
    }

    fn char(&self, at: usize) -> Option<char> {
        self.chars.get(at).copied()
    }

    fn mark(&mut self, range: Range<usize>, reading: Reading) {
        let end = range.end.min(self.read.len());
        if let Some(marked) = self.read.get_mut(range.start..end) {
            marked.fill(reading);
        }
    }

    fn text(&mut self, len: usize) {
        self.mark(self.at..self.at + len, Reading::Text);
        self.at += len;
    }

    fn single(&mut self) {
        if self.char(self.at) == Some('\'') {
            self.open.pop();
            self.at += 1;
        } else {
            self.text(1);
        }
    }

    fn double(&mut self) {
        match (self.char(self.at), self.char(self.at + 1)) {
            (Some('"'), _) => {
                self.open.pop();
                self.at += 1;
            }
            (Some('\\'), Some(_)) => self.text(2),
            (Some('$'), Some('(')) => self.push(Open::Parens(1), 2),
            (Some('`'), _) => self.backtick(),
            _ => self.text(1),
        }
    }

    fn push(&mut self, open: Open, len: usize) {
        self.open.push(open);
        self.at += len;
    }

    /// Ends the innermost backtick, or begins one.
    fn backtick(&mut self) {
        match self.open.iter().rposition(|open| *open == Open::Backtick) {
            Some(at) => {
                self.open.truncate(at);
                self.at += 1;
            }
            None => self.push(Open::Backtick, 1),
        }
    }

    fn code(&mut self) {
        let next = self.char(self.at + 1);
        match self.char(self.at) {
            Some('\\') => self.at += 2,
            Some('\'') => self.push(Open::Single, 1),
            Some('"') => self.push(Open::Double, 1),
            Some('`') => self.backtick(),
            Some('$') if next == Some('(') => self.push(Open::Parens(1), 2),
            Some('$') if next == Some('{') => self.push(Open::Braces, 2),
            Some('}') if self.open.last() == Some(&Open::Braces) => {
                self.open.pop();
                self.at += 1;
            }
            Some('(') => self.parens(true),
            Some(')') => self.parens(false),
            Some('#') if self.begins_word() => self.comment(),
            Some('<') if next == Some('<') => self.document(),
            Some('\n') => {
                self.at += 1;
                self.bodies();
            }
            _ => self.at += 1,
        }
    }

    fn parens(&mut self, opens: bool) {
        self.at += 1;
        let Some(Open::Parens(depth)) = self.open.last_mut() else {
            return;
        };
        *depth = if opens {
            *depth + 1
        } else {
            depth.saturating_sub(1)
        };
        if *depth == 0 {
            self.open.pop();
        }
    }

    fn begins_word(&self) -> bool {
        let before = |places| self.at.checked_sub(places).and_then(|at| self.char(at));
        let ends = |c: char| c.is_ascii_whitespace() || ";&|()`".contains(c);
        let is_escaped = before(2) == Some('\\');
        let in_value = self.open.last() == Some(&Open::Braces);
        !in_value && before(1).is_none_or(|c| ends(c) && !is_escaped)
    }

    fn comment(&mut self) {
        let rest = self.chars.iter().skip(self.at);
        let len = rest.take_while(|c| **c != '\n').count();
        self.mark(self.at..self.at + len, Reading::Comment);
        self.at += len;
    }

    /// `<<END`, `<<-'END'`; not `<<<`, whose text is a word like any other.
    fn document(&mut self) {
        self.at += 2;
        if self.char(self.at) == Some('<') {
            self.at += 1;
            return;
        }
        let tabs = self.char(self.at) == Some('-');
        self.at += usize::from(tabs);
        while matches!(self.char(self.at), Some(' ' | '\t')) {
            self.at += 1;
        }
        let mut end = String::new();
        let mut quote = None;
        let mut quoted = false;
        while let Some(c) = self.char(self.at) {
            match (c, quote) {
                (c, Some(open)) if c == open => quote = None,
                ('\n', _) => break,
                (c, Some(_)) => end.push(c),
                ('\'' | '"', None) => {
                    quote = Some(c);
                    quoted = true;
                }
                ('\\', None) => quoted = true,
                (c, None) if c.is_ascii_whitespace() || ";&|()<>`".contains(c) => break,
                (c, None) => end.push(c),
            }
            self.at += 1;
        }
        if !end.is_empty() {
            self.documents.push(Document { end, tabs, quoted });
        }
    }

    /// The here-documents of the line before, one after the other.
    fn bodies(&mut self) {
        for document in std::mem::take(&mut self.documents) {
            let start = self.at;
            loop {
                let rest = self.chars.iter().skip(self.at);
                let line: String = rest.take_while(|c| **c != '\n').collect();
                let after = self.at + line.chars().count();
                let bare = match document.tabs {
                    true => line.trim_start_matches('\t'),
                    false => &line,
                };
                if bare == document.end {
                    let body: String = self
                        .chars
                        .get(start..self.at)
                        .into_iter()
                        .flatten()
                        .collect();
                    // What is expanded in it is run: then all of it is taken for code.
                    let runs = !document.quoted && (body.contains("$(") || body.contains('`'));
                    if !runs {
                        self.mark(start..self.at, Reading::Text);
                    }
                    self.at = (after + 1).min(self.chars.len());
                    break;
                }
                if after >= self.chars.len() {
                    self.endless = true;
                    self.at = self.chars.len();
                    return;
                }
                self.at = after + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `c` for code, `t` for text, `#` for comments, each run of them once.
    fn read(command: &str) -> String {
        let all = readings(command);
        assert_eq!(all.len(), command.chars().count());
        let mut shown: Vec<char> = all
            .into_iter()
            .map(|reading| match reading {
                Reading::Code => 'c',
                Reading::Text => 't',
                Reading::Comment => '#',
            })
            .collect();
        shown.dedup();
        shown.into_iter().collect()
    }

    #[test]
    fn quotes_comments_and_documents_are_followed() {
        for (command, expected) in [
            ("", ""),
            ("ls -la", "c"),
            ("echo 'a' \"b\"", "ctctc"),
            (r#"echo "a\"b" c"#, "ctc"),
            (r"echo a\'b c", "c"),
            ("echo 'a\"b' c", "ctc"),
            ("echo \"a $(ls 'x' y) b\"", "ctctctc"),
            ("echo \"a `ls x` b\"", "ctctc"),
            ("echo \"$( (ls) ) b\"", "ctc"),
            ("ls # it's", "c#"),
            ("ls # x\nid", "c#c"),
            ("echo a#b", "c"),
            ("cat <<END\nx 'y\nEND\nls", "ctc"),
            ("cat <<-'E N' >f\n\tx\n\tE N\nls", "ctc"),
            ("cat <<A <<B\na\nA\nb\nB\n", "ctctc"),
            ("cat <<< \"x\"", "ctc"),
            ("tr a b <<E\nx\nE", "ctc"),
        ] {
            assert_eq!(read(command), expected, "{command}");
        }
    }

    #[test]
    fn what_never_ends_is_code() {
        for command in [
            "echo 'a' \"b",
            "echo 'a",
            "cat <<E\nx\n",
            "cat <<“E”\nx\nE\n",
            "a \"x $(b 'y' \"z",
        ] {
            assert_eq!(read(command), "c", "{command}");
        }
        // Odd ones end all the same.
        for command in ["))((", "``` ` \\", "<<", "<<-", "<<\n", "$(", "\"$(`\""] {
            assert_eq!(readings(command).len(), command.chars().count());
        }
    }
}
