//! Names to short text and back in order: `web[01-02,04-20]`. One number of a name is folded, whichever gives the larger groups from
//! the right; names that share nothing are listed.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use crate::text::count;

use super::pattern::DIGITS_MAX;

/// The names in short, in natural order, each once: `api[1-4],web[01-02,04-20]`. Parses as a selector for exactly these names.
#[must_use]
pub fn fold<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: BTreeSet<&str> = names.into_iter().collect();
    let mut left: Vec<&str> = names.into_iter().collect();
    let mut folded: Vec<(&str, String)> = Vec::new();
    // From the rightmost number to the left: what found no company by one number may find some by the next.
    for from_right in 0.. {
        let mut groups: HashMap<(&str, &str), Vec<(&str, &str)>> = HashMap::new();
        let mut rest = Vec::new();
        for name in left {
            match split_at_number(name, from_right) {
                Some((before, digits, after)) => {
                    groups
                        .entry((before, after))
                        .or_default()
                        .push((digits, name));
                }
                // Without a number so far to the right there is none further left.
                None => folded.push((name, name.to_owned())),
            }
        }
        for ((before, after), mut members) in groups {
            match members.as_slice() {
                [] => {}
                [(_, single)] => rest.push(*single),
                _ => {
                    members.sort_unstable_by_key(|&(digits, _)| (digits.len(), digits));
                    let first = members.first().map_or("", |&(_, name)| name);
                    let digits = members.iter().map(|&(digits, _)| digits);
                    folded.push((first, format!("{before}[{}]{after}", runs(digits))));
                }
            }
        }
        left = rest;
        if left.is_empty() {
            break;
        }
    }
    folded.sort_by(|(a, _), (b, _)| natural(a, b));
    let folded: Vec<String> = folded.into_iter().map(|(_, text)| text).collect();
    folded.join(",")
}

/// A set of hosts as it is echoed to people: `api[1-4],web[01-02,04-20] (22 hosts, 21 online)`.
#[must_use]
pub fn normal<'a>(names: impl IntoIterator<Item = &'a str>, online: usize) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let hosts = count(names.len(), "host");
    format!("{} ({hosts}, {online} online)", fold(names))
}

/// The order in which people count: `web2` before `web10`, and `web2` before `web02`.
#[must_use]
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    loop {
        let (Some(&x), Some(&y)) = (left.first(), right.first()) else {
            // Only padding can make a difference where one is at its end in step with the other.
            return left
                .len()
                .cmp(&right.len())
                .then_with(|| a.len().cmp(&b.len()))
                .then(a.cmp(b));
        };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, after_x) = number(left);
            let (y, after_y) = number(right);
            let order = x.len().cmp(&y.len()).then(x.cmp(y));
            if order.is_ne() {
                return order;
            }
            (left, right) = (after_x, after_y);
        } else if x != y {
            return x.cmp(&y);
        } else {
            left = left.get(1..).unwrap_or_default();
            right = right.get(1..).unwrap_or_default();
        }
    }
}

/// The digits at the start, without leading zeros, and what follows them.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (mut number, after) = text.split_at_checked(digits).unwrap_or((text, &[]));
    while let Some((b'0', significant)) = number.split_first() {
        number = significant;
    }
    (number, after)
}

/// Splits a name around one of its numbers, counted from the right; numbers too long for a range are text.
fn split_at_number(name: &str, from_right: usize) -> Option<(&str, &str, &str)> {
    let mut rest = name;
    let mut skipped = 0;
    loop {
        let end = rest.rfind(|c: char| c.is_ascii_digit())? + 1;
        let head = rest.get(..end)?;
        let start = head
            .rfind(|c: char| !c.is_ascii_digit())
            .map_or(0, |at| at + 1);
        if end - start <= DIGITS_MAX {
            if skipped == from_right {
                return Some((name.get(..start)?, name.get(start..end)?, name.get(end..)?));
            }
            skipped += 1;
        }
        rest = name.get(..start)?;
    }
}

/// `01-02,04-20` of numbers sorted by length, then value.
fn runs<'a>(digits: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    let mut run: Option<(&str, &str)> = None;
    for next in digits {
        run = match run {
            Some((first, last)) if follows(first, last, next) => Some((first, next)),
            Some(done) => {
                push_run(&mut text, done);
                Some((next, next))
            }
            None => Some((next, next)),
        };
    }
    if let Some(done) = run {
        push_run(&mut text, done);
    }
    text
}

/// Whether `next` is the number after `last`, padded as `first` is.
fn follows(first: &str, last: &str, next: &str) -> bool {
    let padded = first.len() > 1 && first.starts_with('0');
    let width = if padded { first.len() } else { 1 };
    let (Ok(last), Ok(value)) = (last.parse::<u64>(), next.parse::<u64>()) else {
        return false;
    };
    let digits = value.checked_ilog10().map_or(1, |log| log as usize + 1);
    last.checked_add(1) == Some(value) && next.len() == digits.max(width)
}

fn push_run(text: &mut String, (first, last): (&str, &str)) {
    if !text.is_empty() {
        text.push(',');
    }
    text.push_str(first);
    if first != last {
        text.push('-');
        text.push_str(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &str, expected: &str) {
        assert_eq!(fold(names.split_whitespace()), expected, "{names}");
    }

    #[test]
    fn names_fold() {
        check("", "");
        check("web", "web");
        check("web01", "web01");
        check("web01 web02", "web[01-02]");
        check("web20 web04 web05 web01 web02 web01", "web[01-02,04-05,20]");
        check("web9 web10 web11 web8", "web[8-11]");
        check("web08 web09 web10 web99 web100", "web[08-10,99-100]");
        check("web1 web01 web2 web02", "web[1-2,01-02]");
        check("web1 web01 web001", "web[1,01,001]");
        check("n098 n099 n100", "n[098-100]");
        check("api1 api2 web-01 db api3", "api[1-3],db,web-01");
        check("db10 db9 cache", "cache,db[9-10]");
        check("rack1-n01 rack1-n02 rack2-n05", "rack1-n[01-02],rack2-n05");
        check("rack1-n1 rack2-n1 rack3-n1", "rack[1-3]-n1");
        check("1 2 3", "[1-3]");
        check("a1b a2b a2c", "a[1-2]b,a2c");
        check(
            "ip-10-0-0-1 ip-10-0-0-2 ip-10-0-1-1",
            "ip-10-0-0-[1-2],ip-10-0-1-1",
        );
        check(
            "x1234567890123456789 x1234567890123456788",
            "x1234567890123456788,x1234567890123456789",
        );
    }

    #[test]
    fn the_natural_order_counts() {
        let mut names = ["web10", "web2", "web02", "db", "web", "web2a", "web-1"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(
            names,
            ["db", "web", "web-1", "web2", "web02", "web2a", "web10"]
        );
    }

    #[test]
    fn the_normal_form_counts_hosts() {
        assert_eq!(
            normal(["web01", "web02"], 1),
            "web[01-02] (2 hosts, 1 online)"
        );
        assert_eq!(normal(["web01"], 0), "web01 (1 host, 0 online)");
    }

    #[test]
    fn a_hundred_thousand_names_fold_without_quadratic_work() {
        let names: Vec<String> = (0..100_000)
            .map(|n| format!("r{}-n{:03}", n / 500, n % 500))
            .collect();
        let folded = fold(names.iter().map(String::as_str));
        assert!(folded.starts_with("r0-n[000-499],r1-n[000-499],"));
        assert_eq!(folded.split("],").count(), 200);
    }
}
