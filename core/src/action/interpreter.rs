//! What would read a value as code: a placeholder behind `sh -c`, in a program of awk, or where `sudo` expects the program itself.
//!
//! An action has no shell between a value and its program, but the program may be one. This finds the mistake that its author did not
//! see. It errs to the safe side: what is behind a flag that takes code is refused, whether it is that code or an argument of it.

mod programs;
mod wrappers;

use super::template::Template;
use programs::{CLIENTS, Code, READS, Reads, STDIN, WORDS};

/// A placeholder that would be read as code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The element.
    pub(super) element: usize,
    /// What reads it, such as `sh -c`.
    pub(super) reader: String,
    /// Only where the value can hold any characters.
    pub(super) free_only: bool,
    /// The program itself would be chosen.
    pub(super) is_program: bool,
}

/// The placeholders of an argument list that would be read as code, the first of each reader.
pub(super) fn read_as_code(elements: &[Template]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    // The program, behind those that run another.
    while let Some(element) = elements.get(at) {
        let Some(text) = element.literal() else {
            let before = elements.get(at.wrapping_sub(1)).map(Template::to_string);
            found.push(Found {
                element: at,
                reader: before.unwrap_or_default(),
                free_only: false,
                is_program: true,
            });
            return found;
        };
        match wrappers::find(base(text), elements, at) {
            None => break,
            Some(Ok(next)) => at = next,
            Some(Err(wrong)) => {
                found.push(wrong);
                return found;
            }
        }
    }
    found.extend(reads(elements, at, true));
    let client = elements.get(at).and_then(Template::literal).and_then(known);
    if client.is_some_and(|reads| reads.code == Code::Next) {
        return found;
    }
    // What an unknown program may run: `docker run IMAGE sh -c`.
    for other in at + 1..elements.len() {
        found.extend(reads(elements, other, false));
    }
    found.sort_by_key(|found| found.element);
    found.dedup_by_key(|found| found.element);
    found
}

/// What a program does with its standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stdin {
    /// It reads all of it as code.
    Code,
    /// It reads it as code in which a whole file is data, such as a dump.
    Dump,
    /// Nothing is known.
    Data,
}

/// How the program of an argument list reads its standard input.
pub(super) fn stdin(elements: &[Template]) -> Stdin {
    let mut at = 0;
    while let Some(text) = elements.get(at).and_then(Template::literal) {
        match wrappers::find(base(text), elements, at) {
            Some(Ok(next)) => at = next,
            Some(Err(_)) => return Stdin::Code,
            None => {
                let rest = elements.get(at + 1..).unwrap_or_default();
                return of_program(text, rest);
            }
        }
    }
    Stdin::Data
}

fn of_program(text: &str, rest: &[Template]) -> Stdin {
    if CLIENTS.contains(&base(text)) {
        return Stdin::Dump;
    }
    if STDIN.contains(&base(text)) {
        return Stdin::Code;
    }
    let Some(reads) = known(text).filter(|reads| reads.code == Code::Flags { operand: true })
    else {
        return Stdin::Data;
    };
    let mut is_value = false;
    let mut named = false;
    for element in rest {
        let literal = element.literal();
        if literal == Some("-s") || literal == Some("-") {
            return Stdin::Code;
        }
        named |= match literal {
            _ if is_value => false,
            Some(flag) if flag.starts_with(['-', '+']) => reads.flag(flag).is_some(),
            Some(_) | None => true,
        };
        is_value = !is_value
            && literal.is_some_and(|flag| flag.starts_with(['-', '+']) && reads.takes_value(flag));
    }
    match named {
        true => Stdin::Data,
        false => Stdin::Code,
    }
}

/// The last part of a path, without the version that may stand behind the name of an interpreter.
fn base(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

fn known(text: &str) -> Option<&'static Reads> {
    let name = base(text);
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    READS.iter().find(|reads| {
        reads
            .names
            .iter()
            .any(|known| *known == name || *known == plain)
    })
}

/// The first placeholder behind the program at this place that it reads as code.
fn reads(elements: &[Template], at: usize, certain: bool) -> Option<Found> {
    let text = elements.get(at)?.literal()?;
    let reads = known(text)?;
    let name = base(text);
    if !certain && (WORDS.contains(&name) || reads.code == Code::Free) {
        return None;
    }
    let slot_from = |from: usize| {
        let rest = elements.iter().enumerate().skip(from);
        rest.filter(|(_, element)| element.literal().is_none())
            .map(|(at, _)| at)
            .next()
    };
    let found = |element: usize, flag: &str, free_only: bool| Found {
        element,
        reader: format!("{name} {flag}").trim_end().to_owned(),
        free_only,
        is_program: false,
    };
    match reads.code {
        Code::All => slot_from(at + 1).map(|slot| found(slot, "", false)),
        Code::Free => slot_from(at + 1).map(|slot| found(slot, "", true)),
        Code::Behind(words) => {
            let rest = elements.iter().enumerate().skip(at + 1);
            let mut literal = rest.filter_map(|(at, element)| Some((at, element.literal()?)));
            let (word_at, word) = literal.find(|(_, text)| words.contains(text))?;
            slot_from(word_at + 1).map(|slot| found(slot, word, false))
        }
        Code::Flags { operand } => flags(reads, elements, at, operand && certain)
            .map(|(slot, flag)| found(slot, &flag, false)),
        Code::Next => next(reads, elements, at).map(|(slot, flag)| found(slot, &flag, false)),
    }
}

/// A placeholder behind a flag that takes code, or where the file with the code is named.
fn flags(
    reads: &Reads,
    elements: &[Template],
    at: usize,
    operand_is_code: bool,
) -> Option<(usize, String)> {
    let permutes = reads.code == Code::Flags { operand: false };
    let mut code: Option<String> = None;
    let mut value_next = false;
    let mut maybe_value = false;
    // The file with the code is named; what follows is for that.
    let (mut named, mut over) = (false, false);
    for (place, element) in elements.iter().enumerate().skip(at + 1) {
        let is_value = std::mem::take(&mut value_next);
        let Some(text) = element.literal() else {
            let lead = element.lead();
            let attached = reads.flag(lead).filter(|_| !over);
            if let Some(flag) = code.or(attached) {
                return Some((place, flag));
            }
            if operand_is_code && !named && !is_value {
                return Some((place, lead.to_owned()));
            }
            code = None;
            named |= !is_value;
            continue;
        };
        if code.is_some() || over || is_value {
            continue;
        }
        if text.starts_with(['-', '+']) {
            code = reads.flag(text);
            value_next = reads.takes_value(text);
            maybe_value = text.starts_with("--") && text.len() > 2 && !text.contains('=');
        } else {
            named = true;
            over = !maybe_value && !permutes;
            maybe_value = false;
        }
    }
    None
}

/// A placeholder in or right behind a flag that takes code.
fn next(reads: &Reads, elements: &[Template], at: usize) -> Option<(usize, String)> {
    let rest = elements.iter().enumerate().skip(at + 1);
    let mut before: Option<String> = None;
    for (place, element) in rest {
        let attached = reads.flag(element.lead());
        if element.literal().is_none()
            && let Some(flag) = before.or_else(|| attached.clone())
        {
            return Some((place, flag));
        }
        before = attached.filter(|_| element.literal().is_some());
    }
    None
}

#[cfg(test)]
mod tests;
