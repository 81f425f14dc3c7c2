//! Reads and writes what Discord puts between angle brackets, and `@everyone`: mentions, commands, emoji, times.

use super::write::Page;
use super::{Named, link, when};
use crate::snowflake::Snowflake;

/// Bytes between the brackets: a command's name has up to 32 characters in each of three parts.
const INSIDE_MAX: usize = 420;

/// Writes the tag that `rest` begins with; its length.
pub(super) fn write(page: &mut Page<'_>, rest: &str) -> Option<usize> {
    let close = rest
        .bytes()
        .take(INSIDE_MAX)
        .position(|byte| byte == b'>')?;
    let inside = rest.get(1..close)?;
    let (kind, body) = (inside.as_bytes().first()?, inside.get(1..)?);
    match kind {
        b'@' => match body.strip_prefix('&') {
            Some(id) => role(page, id.parse().ok()?),
            None => user(page, body.strip_prefix('!').unwrap_or(body).parse().ok()?),
        },
        b'#' => channel(page, body.parse().ok()?),
        b'/' => command(page, body)?,
        b't' => when::write(page, body.strip_prefix(':')?)?,
        b':' => emoji(page, body)?,
        b'a' => emoji(page, body.strip_prefix(':')?)?,
        _ => return None,
    }
    Some(close + 1)
}

/// Writes `@everyone` or `@here`; its length.
pub(super) fn everyone(page: &mut Page<'_>, rest: &str) -> Option<usize> {
    let text = ["@everyone", "@here"]
        .into_iter()
        .find(|text| rest.starts_with(text))?;
    let me = page.names.everyone();
    page.span(&[("class", class(me))], text);
    Some(text.len())
}

const fn class(me: bool) -> &'static str {
    if me { "mention me" } else { "mention" }
}

fn user(page: &mut Page<'_>, id: Snowflake) {
    let named = page.names.user(id);
    mention(page, ("data-user", id), named, "unknown-user");
}

fn role(page: &mut Page<'_>, id: Snowflake) {
    let named = page.names.role(id);
    mention(page, ("data-role", id), named, "unknown-role");
}

fn mention(page: &mut Page<'_>, (key, id): (&str, Snowflake), named: Option<Named>, unknown: &str) {
    let me = named.as_ref().is_some_and(|named| named.me);
    let name = named.map_or_else(|| unknown.to_owned(), |named| named.name);
    let attributes = [("class", class(me)), (key, &id.to_string())];
    page.span(&attributes, &format!("@{name}"));
}

fn channel(page: &mut Page<'_>, id: Snowflake) {
    let Some(name) = page.names.channel(id) else {
        return page.span(&[("class", "mention")], "#unknown");
    };
    let attributes = [("class", "mention"), ("data-channel", &id.to_string())];
    page.span(&attributes, &link::named(&name));
}

fn command(page: &mut Page<'_>, body: &str) -> Option<()> {
    let (name, id) = body.rsplit_once(':')?;
    let id: Snowflake = id.parse().ok()?;
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '\'' | ' ');
    if name.trim().is_empty() || name.starts_with(' ') || !name.chars().all(is_part) {
        return None;
    }
    let attributes = [
        ("class", "mention"),
        ("data-command", name),
        ("data-command-id", &id.to_string()),
    ];
    page.span(&attributes, &format!("/{name}"));
    Some(())
}

fn emoji(page: &mut Page<'_>, body: &str) -> Option<()> {
    let (name, id) = body.split_once(':')?;
    id.parse::<Snowflake>().ok()?;
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !(2..=32).contains(&name.len()) || !name.bytes().all(is_part) {
        return None;
    }
    page.span(&[("class", "emoji")], &format!(":{name}:"));
    Some(())
}
