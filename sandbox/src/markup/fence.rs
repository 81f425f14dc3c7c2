//! Reads and writes fenced code: plain, `ansi` with the colours of terminals, `diff` with marked lines.
//!
//! Nothing in it is Markdown. Languages are named in a class only; colouring source code is not done here.

use super::ansi;
use super::inline::Source;
use super::write::Page;

const MARK: &str = "```";
/// Bytes of a language's name.
const LANGUAGE_MAX: usize = 24;

/// Writes the fence that opens at `at` and closes before `end`; its length, with the line break after it.
pub(super) fn write(
    page: &mut Page<'_>,
    source: Source<'_>,
    at: usize,
    end: usize,
) -> Option<usize> {
    let inside = source.text.get(at..end)?.strip_prefix(MARK)?;
    let from = at + MARK.len();
    let named = language(inside);
    let (name, start, close) = named
        .and_then(|name| closed(source, name, from + name.len() + 1, end))
        .or_else(|| closed(source, "", from, end))?;
    let code = source.text.get(start..close)?.trim_end_matches('\n');
    let class = class(name);
    page.open_fence(&class);
    match class.as_str() {
        "ansi" => ansi::write(page, code),
        "diff" => diff(page, code),
        _ => page.text(code),
    }
    page.close_fence();
    let after = close + MARK.len();
    // The block ends its line by itself.
    let broken = source.text.get(after..end)?.starts_with('\n');
    Some(after + usize::from(broken) - at)
}

/// The language, when a line break follows it.
fn language(inside: &str) -> Option<&str> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_+-.#".contains(byte);
    let length = inside
        .bytes()
        .take(LANGUAGE_MAX + 1)
        .take_while(is_part)
        .count();
    let name = inside.get(..length)?;
    (length > 0 && inside.get(length..)?.starts_with('\n')).then_some(name)
}

/// Where the code begins and ends, when there is at least one character of it and the fence is closed.
fn closed<'a>(
    source: Source<'_>,
    name: &'a str,
    from: usize,
    end: usize,
) -> Option<(&'a str, usize, usize)> {
    let rest = source.text.get(from..end)?;
    let start = from + rest.len() - rest.trim_start_matches('\n').len();
    let close = source.marks.fence(start + 1, end)?;
    Some((name, start, close))
}

/// The language as a class: lower case, letters, digits, `-` and `_`; C++ and C# stay apart from C.
fn class(name: &str) -> String {
    let mut class = String::with_capacity(name.len());
    for c in name.chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '-' | '_') => class.push(c),
            '+' => class.push('p'),
            '#' => class.push_str("sharp"),
            _ => {}
        }
    }
    class
}

fn diff(page: &mut Page<'_>, code: &str) {
    for line in code.split_inclusive('\n') {
        let (bare, broken) = match line.strip_suffix('\n') {
            Some(bare) => (bare, true),
            None => (line, false),
        };
        let class = match bare.as_bytes().first() {
            Some(b'+') => Some("d-add"),
            Some(b'-') => Some("d-del"),
            Some(b'@') if bare.starts_with("@@") => Some("d-hunk"),
            Some(_) | None => None,
        };
        match class {
            Some(class) => page.span(&[("class", class)], bare),
            None => page.text(bare),
        }
        if broken {
            page.text("\n");
        }
    }
}
