//! Reads and writes links: bare, in angle brackets, behind words, and those that lead to a message of this server.
//!
//! Only `http` and `https` with a host make a link. Words that look like another address than the one behind them make
//! none: what is clicked must be what is read.

use super::block::State;
use super::inline::{self, Source};
use super::write::Page;
use crate::snowflake::Snowflake;

/// Bytes of an address.
const ADDRESS_MAX: usize = 4096;
/// Hosts of Discord's own clients, whose links to messages work here too.
const DISCORD: [&str; 3] = ["discord.com", "ptb.discord.com", "canary.discord.com"];
/// Endings that make words look like a host.
const ENDINGS: [&str; 7] = [".com", ".org", ".net", ".gg", ".edu", ".gov", ".mil"];

/// Whether an address may begin here.
pub(super) fn begins(rest: &str) -> bool {
    scheme(rest).is_some()
}

fn scheme(rest: &str) -> Option<usize> {
    ["https://", "http://"]
        .iter()
        .find(|scheme| rest.starts_with(**scheme))
        .map(|scheme| scheme.len())
}

/// Bytes from the start of `rest` that can be an address: no white space, brackets or characters that cannot be seen.
fn extent(rest: &str) -> usize {
    rest.char_indices()
        .find(|(at, c)| {
            let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
            *at >= ADDRESS_MAX || c.is_whitespace() || c.is_control() || hidden || matches!(c, '<' | '>' | '"')
        })
        .map_or(rest.len(), |(at, _)| at)
}

/// The address without what ends a sentence around it.
fn trimmed(address: &str) -> &str {
    let open = address.matches('(').count();
    let mut close = address.matches(')').count();
    let mut kept = address;
    while let Some(last) = kept.chars().next_back() {
        match last {
            '.' | ',' | ':' | ';' | '\'' | ']' => {}
            ')' if close > open => close -= 1,
            _ => break,
        }
        kept = kept.get(..kept.len() - last.len_utf8()).unwrap_or_default();
    }
    kept
}

/// `host:port` of an address, when it has one.
fn authority(address: &str) -> Option<&str> {
    let after = address.get(scheme(address)?..)?;
    let authority = after.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    host.starts_with(|c: char| c.is_alphanumeric() || c == '[')
        .then_some(authority)
}

/// Writes the address that `rest` begins with; its length.
pub(super) fn bare(page: &mut Page<'_>, rest: &str, state: State) -> Option<usize> {
    scheme(rest)?;
    let address = trimmed(rest.get(..extent(rest))?);
    authority(address)?;
    shown(page, address, state);
    Some(address.len())
}

/// Writes the address in angle brackets that `rest` begins with, which in Discord has no preview; its length.
pub(super) fn bracketed(page: &mut Page<'_>, rest: &str, state: State) -> Option<usize> {
    let inside = rest.get(1..)?;
    scheme(inside)?;
    let address = inside.get(..extent(inside))?;
    authority(address)?;
    inside.get(address.len()..)?.strip_prefix('>')?;
    shown(page, address, state);
    Some(address.len() + 2)
}

fn shown(page: &mut Page<'_>, address: &str, state: State) {
    if state.in_link {
        return page.text(address);
    }
    if jump(page, address).is_some() {
        return;
    }
    page.open_link(address, None);
    page.text(address);
    page.close_link();
}

/// Writes a link to a channel or message of this server that the reader sees.
fn jump(page: &mut Page<'_>, address: &str) -> Option<()> {
    let place = place(page, address)?;
    page.open_jump(&place.href, place.channel, place.message);
    page.text(&named(&place.name));
    if place.message.is_some() {
        page.text(" › 💬");
    }
    page.close_link();
    Some(())
}

/// What a channel is called in a text. The name of a thread may begin with the sign itself.
pub(super) fn named(name: &str) -> String {
    let sign = if name.starts_with('#') { "" } else { "#" };
    format!("{sign}{name}")
}

/// A channel or message of this server that the reader sees.
struct Place<'a> {
    href: String,
    channel: &'a str,
    message: Option<&'a str>,
    name: String,
}

fn place<'a>(page: &Page<'_>, address: &'a str) -> Option<Place<'a>> {
    let host = authority(address)?;
    if !DISCORD.contains(&host) && !page.names.is_home(host) {
        return None;
    }
    let (_, path) = address.split_once("/channels/")?;
    let mut parts = path.split('/');
    let (guild, channel) = (parts.next()?, parts.next()?);
    let message = parts.next().filter(|part| !part.is_empty());
    let ids = [
        Some(channel),
        message,
        Some(guild).filter(|guild| *guild != "@me"),
    ];
    let valid = ids
        .iter()
        .flatten()
        .all(|id| id.parse::<Snowflake>().is_ok());
    if !valid || parts.next().is_some_and(|part| !part.is_empty()) {
        return None;
    }
    let name = page.names.channel(channel.parse().ok()?)?;
    let mut href = format!("http://{}/channels/{guild}/{channel}", page.names.home());
    if let Some(message) = message {
        href.push('/');
        href.push_str(message);
    }
    Some(Place {
        href,
        channel,
        message,
        name,
    })
}

/// Writes the words with an address behind them that begin at `at`; their length.
pub(super) fn masked(
    page: &mut Page<'_>,
    source: Source<'_>,
    at: usize,
    end: usize,
    state: State,
) -> Option<usize> {
    if state.in_link {
        return None;
    }
    let close = source.marks.bracket(at, end)?;
    let target = source.text.get(close + 1..end)?.strip_prefix('(')?;
    let (address, length) = behind(target)?;
    let words = source.text.get(at + 1..close)?;
    if words.trim().is_empty() || misleads(words, address) {
        return None;
    }
    let inside = State {
        in_link: true,
        ..state
    };
    // Words that lead to a place of this server lead there, as Discord's own clients have it.
    match place(page, address) {
        Some(place) => page.open_jump(&place.href, place.channel, place.message),
        None => page.open_link(address, Some(address)),
    }
    inline::range(page, source, at + 1, close, inside);
    page.close_link();
    Some(close + 2 + length - at)
}

/// The address within round brackets and the bytes up to the closing one: `address`, `<address>` or `address "title"`.
fn behind(target: &str) -> Option<(&str, usize)> {
    let bracketed = target.starts_with('<');
    let inside = target.get(usize::from(bracketed)..)?;
    scheme(inside)?;
    let mut address = inside.get(..extent(inside))?;
    if !bracketed {
        address = address.get(..balanced(address))?;
    }
    authority(address)?;
    let rest = inside.get(address.len()..)?;
    let rest = if bracketed {
        rest.strip_prefix('>')?
    } else {
        rest
    };
    let after = match title(rest) {
        Some(after) => after,
        None => rest.trim_start_matches(' '),
    };
    let end = after.strip_prefix(')')?;
    Some((address, target.len() - end.len()))
}

/// What follows a title in quotes on the same line; the title itself is not shown.
fn title(rest: &str) -> Option<&str> {
    let bare = rest.trim_start_matches(' ');
    let quote = bare.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let line = bare.get(1..)?.split('\n').next()?;
    let close = line
        .bytes()
        .take(ADDRESS_MAX)
        .position(|byte| char::from(byte) == quote)?;
    Some(bare.get(close + 2..)?.trim_start_matches(' '))
}

/// Bytes of an address up to the round bracket that was not opened in it.
fn balanced(address: &str) -> usize {
    let mut open = 0_usize;
    for (at, byte) in address.bytes().enumerate() {
        match byte {
            b'(' => open += 1,
            b')' if open == 0 => return at,
            b')' => open -= 1,
            _ => {}
        }
    }
    address.len()
}

/// Whether the words look like an address that is not the one behind them, or that one hides its host.
fn misleads(words: &str, address: &str) -> bool {
    let Some(authority) = authority(address) else {
        return true;
    };
    if authority.contains('@') {
        return true;
    }
    let seen: String = words
        .chars()
        .filter(|c| c.is_ascii_graphic() && !matches!(c, '*' | '_' | '~' | '|' | '`' | '\\'))
        .collect::<String>()
        .to_ascii_lowercase();
    if seen == address.to_ascii_lowercase() || seen == authority.to_ascii_lowercase() {
        return false;
    }
    let host = seen.split(['/', '?', '#', ':']).next().unwrap_or_default();
    seen.contains("://")
        || seen.starts_with("www.")
        || ENDINGS.iter().any(|end| host.ends_with(end))
}
