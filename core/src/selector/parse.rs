//! Text to syntax tree: a parser by recursive descent that goes on after an error, so that all are reported at once.

use crate::limits::{SELECTOR_BYTES_MAX, SELECTOR_DEPTH_MAX};

use super::error::SelectorErrorKind as Kind;
use super::span::Span;
use super::tree::{Atom, AtomKind, Clause, Item};
use super::{ERRORS_MAX, SelectorError};

mod token;

use token::{Used, Wrong};

const BAR_HINT: &str = "`web* | db*` adds up whole selectors";

/// Parses a whole selector.
pub(super) fn parse(text: &str) -> Result<Vec<Clause>, Vec<SelectorError>> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
        used: Used::default(),
        errors: Vec::new(),
    };
    if text.len() > SELECTOR_BYTES_MAX {
        let hint = format!("at most {SELECTOR_BYTES_MAX}");
        parser.error(0..0, Kind::TooLong(text.len()), hint);
        return Err(parser.errors);
    }
    if text.trim_matches(is_space).is_empty() {
        parser.error(0..text.len(), Kind::Empty, "name hosts, or type `all`");
        return Err(parser.errors);
    }
    let clauses = parser.clauses();
    if parser.errors.is_empty() {
        return Ok(clauses);
    }
    parser.errors.sort_by_key(|error| error.start);
    Err(parser.errors)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    used: Used,
    errors: Vec<SelectorError>,
}

const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(is_space).len();
    }

    fn span(&self, bytes: std::ops::Range<usize>) -> Span {
        let before = self.text.get(..bytes.start).unwrap_or(self.text);
        Span {
            start: bytes.start,
            end: bytes.end,
            column: before.chars().count() + 1,
        }
    }

    fn error(&mut self, bytes: std::ops::Range<usize>, kind: Kind, hint: impl Into<String>) {
        if self.errors.len() < ERRORS_MAX {
            let span = self.span(bytes);
            self.errors.push(SelectorError::new(kind, span, hint));
        }
    }

    /// Clauses up to the end of the text or of the group.
    fn clauses(&mut self) -> Vec<Clause> {
        let mut clauses = vec![self.clause()];
        loop {
            match self.peek() {
                Some('|') => {
                    self.bar();
                    clauses.push(self.clause());
                }
                Some(')') if self.depth == 0 => {
                    let at = self.at;
                    self.error(at..at + 1, Kind::Unopened, "");
                    self.at += 1;
                    clauses.push(self.clause_or_nothing());
                }
                Some(_) | None => return clauses,
            }
        }
    }

    /// Takes a `|`, or several, which are refused.
    fn bar(&mut self) {
        let start = self.at;
        let bars = self.rest().len() - self.rest().trim_start_matches('|').len();
        self.at += bars;
        if bars > 1 || !self.peek().is_none_or(is_space) {
            self.error(start..self.at, Kind::Bar, BAR_HINT);
        }
    }

    fn clause(&mut self) -> Clause {
        let before = (self.at, self.errors.len());
        let clause = self.clause_or_nothing();
        if clause.items.is_empty() && self.errors.len() == before.1 {
            let what = match (self.peek(), self.text.get(..before.0)) {
                (Some('|'), _) => "before `|`",
                (_, Some(left)) if left.ends_with('|') => "after `|`",
                // That a parenthesis is open, or closes nothing, is told elsewhere and says enough.
                (None, _) => return clause,
                (Some(_), _) if self.depth == 0 => return clause,
                (Some(_), _) => "between `(` and `)`",
            };
            self.error(before.0..self.at, Kind::Missing(what), "");
        }
        clause
    }

    /// Items up to `|`, `)` or the end.
    fn clause_or_nothing(&mut self) -> Clause {
        let errors = self.errors.len();
        self.skip_spaces();
        let start = self.at;
        let mut end = start;
        let mut items = Vec::new();
        while !matches!(self.peek(), None | Some('|' | ')')) {
            items.push(self.item());
            end = self.at;
            self.skip_spaces();
        }
        let span = self.span(start..end);
        let only_exclusions = !items.is_empty() && items.iter().all(|item| item.exclude);
        if only_exclusions && self.errors.len() == errors {
            let hint = "say from what: `all !web03`, `env=prod !web03`";
            self.error(start..end, Kind::OnlyExclusions, hint);
        }
        self.check_picks(&items);
        Clause { items, span }
    }

    /// A `pick:` draws from what the rest of its clause leaves: it cannot be removed, added or repeated.
    fn check_picks(&mut self, items: &[Item]) {
        let is_pick = |atom: &Atom| matches!(atom.kind, AtomKind::Pick(_));
        let mut alone = 0;
        for item in items {
            for atom in item.atoms.iter().filter(|atom| is_pick(atom)) {
                let bytes = atom.span.start..atom.span.end;
                let text = atom.to_string();
                if item.exclude || item.atoms.len() > 1 || alone > 0 {
                    let hint = "it draws from the rest: `role=web pick:3`";
                    self.error(bytes, Kind::PickPlace(text), hint);
                } else if !items
                    .iter()
                    .any(|other| !other.exclude && !other.atoms.iter().any(is_pick))
                {
                    let hint = "say from what: `role=web pick:3`, `all pick:10%`";
                    self.error(bytes, Kind::PickAlone(text), hint);
                } else {
                    alone += 1;
                }
            }
        }
    }

    fn item(&mut self) -> Item {
        let exclude = self.eat('!');
        let mut atoms = Vec::new();
        let mut left = if exclude { "after `!`" } else { "before `,`" };
        loop {
            atoms.extend(self.atom(left));
            left = "after `,`";
            if self.eat(',') {
                continue;
            }
            match self.peek() {
                None | Some(' ' | '\t' | ')') => return Item { exclude, atoms },
                Some('|') => {
                    let start = self.at;
                    self.at += 1;
                    self.error(start..self.at, Kind::Bar, BAR_HINT);
                    return Item { exclude, atoms };
                }
                Some(c) => {
                    let at = self.at;
                    let hint = "a space narrows, a comma adds";
                    self.error(at..at + c.len_utf8(), Kind::Joined(c), hint);
                }
            }
        }
    }

    /// One atom. `left` says what stands before it, for when nothing is there.
    fn atom(&mut self, left: &'static str) -> Option<Atom> {
        let start = self.at;
        if self.peek() == Some('(') {
            return self.parens();
        }
        let len = token_len(self.rest());
        if len == 0 {
            let hint = match left {
                "after `,`" => "write `a,b` without a space",
                _ => "",
            };
            self.error(start..start, Kind::Missing(left), hint);
            return None;
        }
        self.at += len;
        let token = self.text.get(start..self.at)?;
        match self.used.token(token) {
            Ok((kind, optional)) => Some(Atom {
                kind,
                optional,
                span: self.span(start..start + len),
            }),
            Err(Wrong { kind, part, hint }) => {
                let (from, to) = part.unwrap_or((0, len));
                self.error(start + from..start + to, kind, hint);
                None
            }
        }
    }

    fn parens(&mut self) -> Option<Atom> {
        let start = self.at;
        if self.depth == SELECTOR_DEPTH_MAX {
            let hint = format!("at most {SELECTOR_DEPTH_MAX} deep");
            self.error(start..start + 1, Kind::TooDeep, hint);
            // Whatever follows could only be guessed at.
            self.at = self.text.len();
            return None;
        }
        self.at += 1;
        self.depth += 1;
        let deep = self.errors.len();
        let clauses = self.clauses();
        self.depth -= 1;
        if !self.eat(')') {
            // Parentheses given up for their depth have no end to miss.
            let too_deep = |error: &SelectorError| error.kind == Kind::TooDeep;
            if !self.errors.iter().skip(deep).any(too_deep) {
                self.error(start..start + 1, Kind::Unclosed, "");
            }
            return None;
        }
        let optional = self.eat('?');
        Some(Atom {
            kind: AtomKind::Parens(clauses),
            optional,
            span: self.span(start..self.at),
        })
    }
}

/// Bytes up to the end of a token: a space, a comma outside of brackets, or a parenthesis.
fn token_len(text: &str) -> usize {
    let mut in_range = false;
    for (at, c) in text.char_indices() {
        match c {
            ' ' | '\t' | '(' | ')' => return at,
            ',' if !in_range => return at,
            '[' => in_range = true,
            ']' => in_range = false,
            _ => {}
        }
    }
    text.len()
}
