//! Text to syntax tree: a parser by recursive descent that goes on after an error, so that all are reported at once.

use crate::ids::{HostName, is_word};
use crate::limits::{RANGE_NAMES_MAX, SELECTOR_BYTES_MAX, SELECTOR_DEPTH_MAX};

use super::error::SelectorErrorKind as Kind;
use super::pattern::{Pattern, shorten};
use super::{
    Atom, AtomKind, Clause, ERRORS_MAX, Feature, GLOBS_MAX, Item, LabelOp, LabelTest,
    SelectorError, Span,
};

/// What a name may hold; the end of most hints.
const NAME_HINT: &str = "names take a-z, 0-9, `.`, `_` and `-`";

const BAR_HINT: &str = "`web* | db*` adds up whole selectors";

/// Parses a whole selector.
pub(super) fn parse(text: &str) -> Result<Vec<Clause>, Vec<SelectorError>> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
        range_names: 0,
        globs: 0,
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
    range_names: usize,
    globs: usize,
    errors: Vec<SelectorError>,
}

/// A kind with the part of the token that is wrong, and a hint.
struct Wrong {
    kind: Kind,
    /// Bytes from the start of the token; none stands for the whole token.
    part: Option<(usize, usize)>,
    hint: String,
}

fn wrong<T>(kind: Kind, hint: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong {
        kind,
        part: None,
        hint: hint.into(),
    })
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
        Clause { items, span }
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
            return self.group();
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
        match self.token(token) {
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

    fn group(&mut self) -> Option<Atom> {
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
            // A group given up for its depth has no end to miss.
            let too_deep = |error: &SelectorError| error.kind == Kind::TooDeep;
            if !self.errors.iter().skip(deep).any(too_deep) {
                self.error(start..start + 1, Kind::Unclosed, "");
            }
            return None;
        }
        let optional = self.eat('?');
        Some(Atom {
            kind: AtomKind::Group(clauses),
            optional,
            span: self.span(start..self.at),
        })
    }

    fn token(&mut self, token: &str) -> Result<(AtomKind, bool), Wrong> {
        check_characters(token)?;
        let (body, optional) = match token.strip_suffix('?') {
            Some(body) => (body, true),
            None => (token, false),
        };
        if body.is_empty() {
            return wrong(Kind::Missing("before `?`"), "`web99?` may match nothing");
        }
        if let Some(at) = body.find('?') {
            return Err(Wrong {
                kind: Kind::Question,
                part: Some((at, at + 1)),
                hint: "for one unknown digit write `web[0-9]`".to_owned(),
            });
        }
        Ok((self.body(body)?, optional))
    }

    fn body(&mut self, body: &str) -> Result<AtomKind, Wrong> {
        not_yet(body)?;
        if body.starts_with('!') {
            return wrong(Kind::Exclamation, "`!` stands before a whole list: `!a,b`");
        }
        if let Some(at) = body.find('=') {
            return label(body, at).map(AtomKind::Label);
        }
        if body.contains('|') {
            return wrong(Kind::Bar, BAR_HINT);
        }
        if body.contains('!') {
            return wrong(Kind::Label(shorten(body)), "write `env!=dev`");
        }
        match body {
            "all" => return Ok(AtomKind::All),
            "is:online" => return Ok(AtomKind::Online),
            "is:offline" => return Ok(AtomKind::Offline),
            _ => {}
        }
        if body.contains(':') {
            return wrong(
                Kind::Meta(shorten(body)),
                "there are `is:online` and `is:offline`",
            );
        }
        if body.contains(['*', '[', ']']) {
            return self.pattern(body).map(AtomKind::Pattern);
        }
        match body.parse::<HostName>() {
            Ok(name) => Ok(AtomKind::Name(name)),
            Err(_) => wrong(
                Kind::Name(shorten(body)),
                "names have 1 to 63 characters, with a letter or digit at both ends",
            ),
        }
    }

    fn pattern(&mut self, body: &str) -> Result<Pattern, Wrong> {
        if body.contains(['@', '#', '%']) {
            return wrong(Kind::Name(shorten(body)), NAME_HINT);
        }
        let pattern = match Pattern::parse(body) {
            Ok(pattern) => pattern,
            Err(kind) => {
                let hint = pattern_hint(&kind);
                return wrong(kind, hint);
            }
        };
        if pattern.is_glob() {
            self.globs += 1;
            if self.globs > GLOBS_MAX {
                return wrong(Kind::TooManyGlobs, format!("at most {GLOBS_MAX}"));
            }
        } else {
            let names = pattern.names_len().unwrap_or(usize::MAX);
            self.range_names = self.range_names.saturating_add(names);
            if self.range_names > RANGE_NAMES_MAX {
                return wrong(Kind::RangeTooBig, pattern_hint(&Kind::RangeTooBig));
            }
        }
        Ok(pattern)
    }
}

fn pattern_hint(kind: &Kind) -> String {
    if *kind == Kind::RangeTooBig {
        return format!("at most {RANGE_NAMES_MAX}; a glob such as `web*` has no limit");
    }
    let hint = if matches!(kind, Kind::EveryHost(_)) {
        "type `all` if you mean every host"
    } else if matches!(kind, Kind::RangeOrder(_)) {
        "from low to high, padded alike: `web[01-20]`"
    } else if matches!(kind, Kind::Name(_)) {
        "names have at most 63 characters"
    } else {
        "as in `web[01-20,33]` or `db[1-9/2]`"
    };
    hint.to_owned()
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

/// Refuses the first character that no atom can hold.
fn check_characters(token: &str) -> Result<(), Wrong> {
    let known =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-*[],=!|~<>:@#%?".contains(c);
    let slash_in_range = |at: usize| {
        token
            .get(..at)
            .and_then(|before| before.rfind(['[', ']']))
            .and_then(|bracket| token.get(bracket..))
            .is_some_and(|inside| inside.starts_with('['))
    };
    let bad = token
        .char_indices()
        .find(|&(at, c)| !(known(c) || c == '/' && slash_in_range(at)));
    let Some((at, c)) = bad else {
        return Ok(());
    };
    let hint = match c {
        '/' => "there are no regular expressions: use a glob such as `web*`",
        '&' | '+' => "a space narrows: `role=web env=prod`",
        ';' | '\n' | '\r' => "a comma adds, a space narrows",
        '"' | '\'' | '`' => "write it without quotes",
        c if c.is_ascii_uppercase() => "names and labels are lower case",
        _ => NAME_HINT,
    };
    Err(Wrong {
        kind: Kind::Character(c),
        part: Some((at, at + c.len_utf8())),
        hint: hint.to_owned(),
    })
}

/// Refuses what the grammar has and this version has not.
fn not_yet(body: &str) -> Result<(), Wrong> {
    let feature = match body.chars().next() {
        Some('@') => Feature::Group,
        Some('#') => Feature::Run,
        _ if body.contains("=~") => {
            return wrong(Kind::Operator("=~"), "list the values: `role=web|db`");
        }
        _ if body.contains('~') => Feature::Match,
        _ if body.contains(['<', '>']) => Feature::Compare,
        _ if body.starts_with("pick:") || matches!(body, "is:outdated" | "is:stale") => {
            Feature::Meta
        }
        _ => return Ok(()),
    };
    let hint = match feature {
        Feature::Group | Feature::Run => "name the hosts, or use a label",
        Feature::Match | Feature::Compare => "labels have `=` and `!=`",
        Feature::Meta => "there are `is:online` and `is:offline`",
    };
    wrong(Kind::NotYet(feature), hint)
}

/// A label; its first `=` stands at `equals`.
fn label(body: &str, equals: usize) -> Result<LabelTest, Wrong> {
    let (left, right) = body.split_at(equals);
    let right = right.strip_prefix('=').unwrap_or(right);
    if right.starts_with('=') {
        return wrong(Kind::Operator("=="), "write `role=web`");
    }
    let (key, op) = match left.strip_suffix('!') {
        Some(key) => (key, LabelOp::IsNot),
        None => (left, LabelOp::Is),
    };
    let values: Vec<String> = right.split('|').map(str::to_owned).collect();
    if !is_word(key) || !values.iter().all(|value| is_word(value)) {
        let hint = match right {
            right if right.contains('=') => "`|` lists values; a comma adds: `role=web,env=prod`",
            right if right.contains(['*', '[']) => "values are whole words: `role=web|db`",
            _ => "as in `role=web`, `env!=dev` or `role=web|db`",
        };
        return wrong(Kind::Label(shorten(body)), hint);
    }
    Ok(LabelTest {
        key: key.to_owned(),
        op,
        values,
    })
}
