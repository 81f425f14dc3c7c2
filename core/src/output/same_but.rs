//! Outputs that are the same but for something: a host's own name, addresses, process ids, times. What may differ is taken out of the
//! text and stands there as `{host}`, `{address}`, `{pid}` or `{time}`, so that the rest can be compared and shown once.
//!
//! Nothing is guessed from one output alone: whoever compares says what may differ, and people are told what did.

use std::fmt;

/// What outputs may differ in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SameBut {
    /// The host's own name.
    pub host: bool,
    /// IP and MAC addresses, whosever they are.
    pub address: bool,
    /// Process ids where they are called so: `sshd[812]`, `pid 812`.
    pub pid: bool,
    /// Times of the day and dates.
    pub time: bool,
}

impl SameBut {
    /// Nothing may differ.
    #[must_use]
    pub const fn is_nothing(self) -> bool {
        !(self.host || self.address || self.pid || self.time)
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            host: self.host || other.host,
            address: self.address || other.address,
            pid: self.pid || other.pid,
            time: self.time || other.time,
        }
    }
}

impl fmt::Display for SameBut {
    /// As in `the same but for times and process ids`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.host, "the host's name"),
            (self.address, "addresses"),
            (self.pid, "process ids"),
            (self.time, "times"),
        ];
        let said: Vec<&str> = words
            .into_iter()
            .filter_map(|(is, word)| is.then_some(word))
            .collect();
        match said.split_last() {
            None => Ok(()),
            Some((one, [])) => f.write_str(one),
            Some((last, rest)) => write!(f, "{} and {last}", rest.join(", ")),
        }
    }
}

/// The text of a host without what may differ, and what of that there was.
#[must_use]
pub fn without(text: &str, host: &str, what: SameBut) -> (String, SameBut) {
    let mut rest = text;
    let mut shown = String::with_capacity(text.len());
    let mut found = SameBut::default();
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        // Most characters begin nothing, and are passed over at once.
        let begins = !is_word(before) || c == '[';
        match begins.then(|| begun(rest, host, what)).flatten() {
            Some((len, place, kind)) => {
                shown.push_str(place);
                found = found.or(kind);
                before = '}';
                rest = rest.get(len..).unwrap_or_default();
            }
            None => {
                shown.push(c);
                before = c;
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }
    (shown, found)
}

/// What begins here that may differ: its length in bytes, what stands for it, and what it is.
fn begun(rest: &str, host: &str, what: SameBut) -> Option<(usize, &'static str, SameBut)> {
    let none = SameBut::default();
    let ends = |len: &usize| rest.get(*len..).is_some_and(ends_word);
    if what.host
        && let Some(len) = own_name(rest, host)
    {
        return Some((len, "{host}", SameBut { host: true, ..none }));
    }
    if what.address
        && let Some(len) = address(rest).filter(ends)
    {
        let address = SameBut {
            address: true,
            ..none
        };
        return Some((len, "{address}", address));
    }
    if what.time
        && let Some(len) = time(rest).filter(ends).filter(|len| !goes_on(rest, *len))
    {
        return Some((len, "{time}", SameBut { time: true, ..none }));
    }
    if what.pid {
        let pid = SameBut { pid: true, ..none };
        return pid_in_brackets(rest)
            .map(|len| (len, "[{pid}]", pid))
            .or_else(|| {
                named_pid(rest)
                    .filter(ends)
                    .map(|len| (len, "pid {pid}", pid))
            });
    }
    None
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether another group of digits follows a time: then it is none.
fn goes_on(rest: &str, len: usize) -> bool {
    let after = rest.get(len..).unwrap_or_default();
    after
        .strip_prefix(':')
        .is_some_and(|after| leading_digits(after) > 0)
}

/// Whether what stands before this is not the beginning of a longer word.
fn ends_word(rest: &str) -> bool {
    !rest.chars().next().is_some_and(is_word)
}

/// The host's name, in any case, not as a part of another host's: `web-01` is not in `web-011`, `web-01-old` or `my-web-01`.
fn own_name(rest: &str, host: &str) -> Option<usize> {
    let here = rest.get(..host.len())?;
    let after = rest.get(host.len()..)?.chars().next();
    let ends = !after.is_some_and(|c| is_word(c) || c == '-');
    (!host.is_empty() && here.eq_ignore_ascii_case(host) && ends).then_some(host.len())
}

/// `2026-11-29`, `21:06`, `21:06:12.5`, both together with a zone, or as in `Nov 29 21:06:12 2026`.
fn time(rest: &str) -> Option<usize> {
    let named = named_day(rest).unwrap_or(0);
    let mut at = named;
    let tail = |at: usize| rest.get(at..).unwrap_or_default();
    let date = digits(tail(at), &[4, 2, 2], b'-');
    let clock_at = match date {
        Some(len) => {
            at += len;
            let joint = tail(at).starts_with(['T', ' ', '_']);
            at + usize::from(joint)
        }
        None => at,
    };
    let Some(len) = clock(tail(clock_at)) else {
        return date.map(|len| named + len).filter(|_| named == 0);
    };
    at = clock_at + len + zone(tail(clock_at + len));
    if named > 0 {
        at += year(tail(at));
    }
    Some(at)
}

/// `Sun Nov 29 ` or `Nov 29 `.
fn named_day(rest: &str) -> Option<usize> {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let day = DAYS.iter().find(|day| rest.starts_with(*day));
    let mut at = day.map_or(0, |day| day.len());
    at += spaces(rest.get(at..)?);
    let month = MONTHS
        .iter()
        .find(|month| rest.get(at..).unwrap_or_default().starts_with(**month))?;
    at += month.len();
    let gap = spaces(rest.get(at..)?);
    let number = leading_digits(rest.get(at + gap..)?);
    let after = spaces(rest.get(at + gap + number..)?);
    ((1..=2).contains(&gap) && (1..=2).contains(&number) && after == 1)
        .then_some(at + gap + number + after)
}

/// `21:06`, `21:06:12`, `21:06:12.345`.
fn clock(rest: &str) -> Option<usize> {
    let whole = digits(rest, &[2, 2, 2], b':').or_else(|| digits(rest, &[1, 2, 2], b':'));
    let Some(len) = whole else {
        return digits(rest, &[2, 2], b':').or_else(|| digits(rest, &[1, 2], b':'));
    };
    let tail = rest.get(len..).unwrap_or_default();
    let fraction = tail.strip_prefix(['.', ',']).map_or(0, leading_digits);
    Some(len + if fraction > 0 { 1 + fraction } else { 0 })
}

/// `Z`, `+02:00`, ` +0200`, ` UTC`.
fn zone(rest: &str) -> usize {
    let gap = spaces(rest).min(1);
    let tail = rest.get(gap..).unwrap_or_default();
    let named = ["UTC", "GMT", "CEST", "CET", "EST", "EDT", "PST", "PDT", "Z"]
        .into_iter()
        .find(|zone| tail.strip_prefix(zone).is_some_and(ends_word));
    if let Some(zone) = named {
        return gap + zone.len();
    }
    let Some(signed) = tail.strip_prefix(['+', '-']) else {
        return 0;
    };
    let len = digits(signed, &[2, 2], b':')
        .or_else(|| Some(4).filter(|four| leading_digits(signed) == *four));
    len.map_or(0, |len| gap + 1 + len)
}

/// ` 2026`
fn year(rest: &str) -> usize {
    let is = rest.starts_with(' ') && leading_digits(rest.get(1..).unwrap_or_default()) == 4;
    if is { 5 } else { 0 }
}

/// Numbers of so many digits with this between them, and no digit after them.
fn digits(rest: &str, lens: &[usize], between: u8) -> Option<usize> {
    let bytes = rest.as_bytes();
    let mut at = 0;
    for (turn, len) in lens.iter().enumerate() {
        if turn > 0 {
            (bytes.get(at) == Some(&between)).then_some(())?;
            at += 1;
        }
        (leading_digits(rest.get(at..)?) == *len).then_some(())?;
        at += len;
    }
    Some(at)
}

fn leading_digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn spaces(text: &str) -> usize {
    text.bytes().take_while(|byte| *byte == b' ').count()
}

/// `10.0.3.13`, `fe80::1`, `52:54:00:12:34:56`.
fn address(rest: &str) -> Option<usize> {
    let len = rest
        .bytes()
        .take_while(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'))
        .count();
    let text = rest.get(..len)?.trim_end_matches(['.', ':']);
    // What follows an address may look like more of it: `10.0.3.13:8080`.
    let (short, _) = text.split_once(':').unwrap_or((text, ""));
    let is = |text: &&str| text.parse::<core::net::IpAddr>().is_ok() || is_mac(text);
    [text, short].into_iter().find(is).map(str::len)
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    parts.len() == 6 && parts.iter().all(|part| part.len() == 2)
}

/// `[812]`, as after the name of a program in a log.
fn pid_in_brackets(rest: &str) -> Option<usize> {
    let number = leading_digits(rest.strip_prefix('[')?);
    let closed = rest.get(1 + number..)?.starts_with(']');
    ((1..=10).contains(&number) && closed).then_some(number + 2)
}

/// `pid 812`, `PID: 812`, `process 812`.
fn named_pid(rest: &str) -> Option<usize> {
    let word = ["pid", "process"].into_iter().find(|word| {
        rest.get(..word.len())
            .is_some_and(|here| here.eq_ignore_ascii_case(word))
    })?;
    let tail = rest.get(word.len()..)?;
    let between = tail
        .bytes()
        .take_while(|byte| matches!(byte, b' ' | b'=' | b':'))
        .count();
    let number = leading_digits(tail.get(between..)?);
    ((1..=2).contains(&between) && (1..=10).contains(&number))
        .then_some(word.len() + between + number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: SameBut = SameBut {
        host: true,
        address: true,
        pid: true,
        time: true,
    };

    fn check(text: &str, expected: &str) {
        assert_eq!(without(text, "web-01", ALL).0, expected, "{text}");
    }

    #[test]
    fn a_hosts_own_name_is_taken_out_and_no_other() {
        check("web-01\n", "{host}\n");
        check(
            "WEB-01.example.com says: I am web-01!",
            "{host}.example.com says: I am {host}!",
        );
        check("root@web-01:~# web-01", "root@{host}:~# {host}");
        for other in ["web-011", "web-01-old", "web-02", "myweb-01", "web-01x"] {
            check(other, other);
        }
        check("my-web-01", "my-{host}");
        assert_eq!(without("anything", "", ALL).0, "anything");
    }

    #[test]
    fn times_addresses_and_process_ids_are_taken_out_where_they_are_such() {
        for (text, expected) in [
            ("at 2026-11-29T21:06:12.345Z.", "at {time}."),
            ("2026-11-29 21:06:12,5 +0200 x", "{time} x"),
            ("2026-11-29", "{time}"),
            ("Sun Nov 29 21:06:12 UTC 2026", "{time}"),
            ("Nov  9 21:06:12 kernel: up", "{time} kernel: up"),
            ("up since 7:45", "up since {time}"),
            (
                "sshd[812]: pid 7, PID: 8, process=9",
                "sshd[{pid}]: pid {pid}, pid {pid}, pid {pid}",
            ),
            (
                "inet 10.0.3.13/24 fe80::1%eth0",
                "inet {address}/24 {address}%eth0",
            ),
            ("ether 52:54:00:12:34:56 txq", "ether {address} txq"),
            ("127.0.0.1:8080", "{address}:8080"),
            ("52:54:00:12:34:56", "{address}"),
        ] {
            check(text, expected);
        }
        for kept in [
            "1.2.3",
            "v1.2.3.4",
            "12:345",
            "1:2:3",
            "[x]",
            "[]",
            "array[12x]",
            "pids 7",
            "pid seven",
            "20261129",
            "a2026-11-29",
            "2026-11-290",
            "Nov 29",
            "Nova 29 21",
            "no::such::path",
            "300.1.1.1",
            "12 of 40",
            "3.5",
            "ab",
            "Mon",
            "✓ naïve 日本語",
        ] {
            check(kept, kept);
        }
    }

    #[test]
    fn only_what_may_differ_is_taken_out_and_what_did_is_told() {
        let text = "web-01 sshd[812] 10.0.3.13 21:06:12";
        let one = |what| without(text, "web-01", what);
        let host = SameBut {
            host: true,
            ..SameBut::default()
        };
        assert_eq!(
            one(host),
            ("{host} sshd[812] 10.0.3.13 21:06:12".to_owned(), host)
        );
        assert_eq!(
            one(SameBut::default()),
            (text.to_owned(), SameBut::default())
        );
        let (all, found) = one(ALL);
        assert_eq!(all, "{host} sshd[{pid}] {address} {time}");
        assert_eq!(
            found.to_string(),
            "the host's name, addresses, process ids and times"
        );
        assert_eq!(without("plain", "web-01", ALL).1.to_string(), "");
        assert_eq!(host.to_string(), "the host's name");
    }
}
