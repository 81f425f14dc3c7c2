//! Names to short text and back in order: `web[01-02,04-20]`, `rack[1-2]-n[01-16]`. Numbers are folded from the right to the left; names
//! that share nothing are listed.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use crate::text::count;

use super::pattern::DIGITS_MAX;

/// The names in short, in natural order, each once: `api[1-4],web[01-02,04-20]`. Parses as a selector for exactly these names.
#[must_use]
pub fn fold<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: BTreeSet<&str> = names.into_iter().collect();
    let mut groups: Vec<Group<'_>> = names.into_iter().map(Group::of).collect();
    let numbers_max = groups.iter().map(|group| group.numbers).max().unwrap_or(0);
    for from_right in 0..numbers_max {
        groups = fold_number(groups, from_right);
    }
    groups.sort_by(|a, b| natural(a.first, b.first));
    let folded: Vec<String> = groups
        .into_iter()
        .map(|group| group.parts.concat())
        .collect();
    folded.join(",")
}

/// Names that differ in folded numbers only.
struct Group<'a> {
    /// The first of them in natural order.
    first: &'a str,
    /// Text and numbers in turn, text first and last: numbers have odd places. Those that were folded are ranges.
    parts: Vec<Cow<'a, str>>,
    numbers: usize,
}

impl<'a> Group<'a> {
    fn of(name: &'a str) -> Self {
        let mut parts = Vec::new();
        let (mut text_at, mut at) = (0, 0);
        while let Some(rest) = name.get(at..) {
            let Some(start) = rest.find(|c: char| c.is_ascii_digit()) else {
                break;
            };
            let digits = rest
                .bytes()
                .skip(start)
                .take_while(u8::is_ascii_digit)
                .count();
            let (from, to) = (at + start, at + start + digits);
            at = to;
            // Numbers too long for a range are text.
            if digits <= DIGITS_MAX {
                parts.push(Cow::Borrowed(name.get(text_at..from).unwrap_or_default()));
                parts.push(Cow::Borrowed(name.get(from..to).unwrap_or_default()));
                text_at = to;
            }
        }
        parts.push(Cow::Borrowed(name.get(text_at..).unwrap_or_default()));
        let numbers = parts.len() / 2;
        Self {
            first: name,
            parts,
            numbers,
        }
    }

    /// The place of a number, counted from the right.
    fn place(&self, from_right: usize) -> Option<usize> {
        let before = self.numbers.checked_sub(from_right + 1)?;
        Some(2 * before + 1)
    }

    /// Everything but one number.
    fn without(&self, place: usize) -> String {
        let mut key = String::with_capacity(self.first.len() + 8);
        for (at, part) in self.parts.iter().enumerate() {
            key.push_str(if at == place { "\0" } else { part });
        }
        key
    }
}

/// Puts together groups that differ in this number only.
fn fold_number(groups: Vec<Group<'_>>, from_right: usize) -> Vec<Group<'_>> {
    let mut alike: HashMap<String, Vec<Group<'_>>> = HashMap::with_capacity(groups.len());
    let mut folded = Vec::new();
    for group in groups {
        match group.place(from_right) {
            Some(place) => alike.entry(group.without(place)).or_default().push(group),
            None => folded.push(group),
        }
    }
    folded.extend(
        alike
            .into_values()
            .filter_map(|alike| merge(alike, from_right)),
    );
    folded
}

fn merge(mut alike: Vec<Group<'_>>, from_right: usize) -> Option<Group<'_>> {
    let place = alike.first()?.place(from_right)?;
    if alike.len() > 1 {
        let key = |group: &Group<'_>| {
            let digits = group.parts.get(place).map_or("", |part| part);
            (digits.len(), digits.to_owned())
        };
        alike.sort_by_cached_key(key);
        let digits = alike.iter().filter_map(|group| group.parts.get(place));
        let range = format!("[{}]", runs(digits.map(AsRef::as_ref)));
        let first = alike
            .iter()
            .map(|group| group.first)
            .min_by(|a, b| natural(a, b));
        let mut merged = alike.into_iter().next()?;
        merged.first = first.unwrap_or(merged.first);
        if let Some(part) = merged.parts.get_mut(place) {
            *part = Cow::Owned(range);
        }
        return Some(merged);
    }
    alike.pop()
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
        check(
            "rack1-n01 rack1-n02 rack2-n01 rack2-n02 rack3-n01",
            "rack[1-2]-n[01-02],rack3-n01",
        );
        check(
            "a1b1c1 a1b1c2 a1b2c1 a1b2c2 a2b1c1 a2b1c2 a2b2c1 a2b2c2",
            "a[1-2]b[1-2]c[1-2]",
        );
        check("r1-n9 r1-n10 r02-n9 r02-n10", "r[1,02]-n[9-10]");
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
        assert_eq!(folded, "r[0-199]-n[000-499]");
        let names: Vec<String> = (0..100_000_u64)
            .map(|n| format!("h{}x{}", n.wrapping_mul(2_654_435_761) % 99_991, n % 977))
            .collect();
        let folded = fold(names.iter().map(String::as_str));
        assert!(folded.len() < names.iter().map(|name| name.len() + 1).sum());
    }
}
