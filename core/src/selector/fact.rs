//! Facts in selectors: which there are, how a comparison with one is read, and whether a host meets it.
//!
//! Facts are what agents say of themselves. They narrow what a person meant; they never give a right (`Selector::parse_for_grant`).

use std::cmp::Ordering;
use std::fmt;

use crate::ids::is_word;
use crate::text::{parse_duration, parse_size};

use super::AgentInfo;
use super::error::SelectorErrorKind as Kind;
use super::pattern::shorten;

/// Digits of a number, before and after its point: enough for bytes, and far from overflow.
const NUMBER_DIGITS_MAX: usize = 15;

/// Parts of a version that are compared.
const VERSION_PARTS: usize = 4;

/// Facts that are text, for `~`.
pub(super) const TEXT_FACTS: [&str; 5] = ["agent", "arch", "hostname", "kernel", "os"];

/// Facts that are measured, for comparisons, with an example of each.
pub(super) const MEASURED_FACTS: [(&str, &str); 7] = [
    ("agent", "agent<1.4"),
    ("cpus", "cpus>=8"),
    ("disk", "disk>90%"),
    ("load", "load>4"),
    ("mem", "mem>16g"),
    ("mem.used", "mem.used>90%"),
    ("uptime", "uptime<1h"),
];

/// `mem>16g`, `disk.root>90%`, `agent<1.4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comparison {
    fact: Measured,
    op: Op,
    value: Value,
    /// The value as it was typed, for the normal form.
    text: String,
}

/// A fact that has an order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Measured {
    /// The agent's version.
    Agent,
    Cpus,
    /// How full the fullest file system is, or that of one mount.
    Disk(Option<String>),
    Load,
    Mem,
    MemUsed,
    Uptime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A value with its unit; only values of one unit are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// Thousandths of a plain number.
    Number(u64),
    Bytes(u64),
    /// Thousandths of a percent.
    Percent(u64),
    Duration(u64),
    Version([u64; VERSION_PARTS]),
}

impl Op {
    const ALL: [(&'static str, Self); 4] = [
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Comparison {
    /// Reads a token that holds `<` or `>`. The error comes with a hint.
    pub(super) fn parse(token: &str) -> Result<Self, (Kind, String)> {
        let at = token.find(['<', '>']).unwrap_or(token.len());
        let (key, rest) = token.split_at_checked(at).unwrap_or((token, ""));
        let found = Op::ALL
            .iter()
            .find_map(|(sign, op)| Some((*op, rest.strip_prefix(sign)?)));
        let Some((op, text)) = found else {
            return Err((Kind::Comparison(shorten(token)), "as in `mem>16g`".into()));
        };
        let Some(fact) = Measured::named(key) else {
            let known: Vec<&str> = MEASURED_FACTS.iter().map(|(name, _)| *name).collect();
            let hint = format!("facts to compare: {}", known.join(", "));
            return Err((Kind::Fact(shorten(key)), hint));
        };
        let Some(value) = fact.value(text) else {
            let hint = format!("as in `{}`", fact.example());
            return Err((Kind::Value(shorten(text), fact.wants()), hint));
        };
        Ok(Self {
            fact,
            op,
            value,
            text: text.to_owned(),
        })
    }

    /// Whether the host meets it; nothing when the host has not told this fact.
    pub(super) fn holds(&self, told: &AgentInfo<'_>) -> Option<bool> {
        let order = match (self.fact.of(told)?, self.value) {
            (Value::Number(a), Value::Number(b))
            | (Value::Bytes(a), Value::Bytes(b))
            | (Value::Percent(a), Value::Percent(b))
            | (Value::Duration(a), Value::Duration(b)) => a.cmp(&b),
            (Value::Version(a), Value::Version(b)) => a.cmp(&b),
            // A fact and the value that was parsed for it have one unit.
            (
                Value::Number(_)
                | Value::Bytes(_)
                | Value::Percent(_)
                | Value::Duration(_)
                | Value::Version(_),
                _,
            ) => return None,
        };
        Some(self.op.holds(order))
    }

    /// The mount that it is about, as selectors write mounts, if it is about one.
    pub(super) fn mount(&self) -> Option<&str> {
        match &self.fact {
            Measured::Disk(mount) => mount.as_deref(),
            Measured::Agent
            | Measured::Cpus
            | Measured::Load
            | Measured::Mem
            | Measured::MemUsed
            | Measured::Uptime => None,
        }
    }
}

impl Measured {
    fn named(key: &str) -> Option<Self> {
        Some(match key {
            "agent" => Self::Agent,
            "cpus" => Self::Cpus,
            "disk" => Self::Disk(None),
            "load" => Self::Load,
            "mem" => Self::Mem,
            "mem.used" => Self::MemUsed,
            "uptime" => Self::Uptime,
            _ => {
                let mount = key.strip_prefix("disk.").filter(|mount| is_word(mount))?;
                Self::Disk(Some(mount.to_owned()))
            }
        })
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Cpus => "cpus",
            Self::Disk(_) => "disk",
            Self::Load => "load",
            Self::Mem => "mem",
            Self::MemUsed => "mem.used",
            Self::Uptime => "uptime",
        }
    }

    fn example(&self) -> &'static str {
        let named = MEASURED_FACTS.iter().find(|(name, _)| *name == self.name());
        named.map_or("", |(_, example)| example)
    }

    /// What a value of it is called in an error.
    const fn wants(&self) -> &'static str {
        match self {
            Self::Agent => "a version",
            Self::Cpus | Self::Load => "a number",
            Self::Disk(_) | Self::MemUsed => "a percentage",
            Self::Mem => "a size",
            Self::Uptime => "a duration",
        }
    }

    fn value(&self, text: &str) -> Option<Value> {
        match self {
            Self::Agent => version(text).map(Value::Version),
            Self::Cpus | Self::Load => thousandths(text).map(Value::Number),
            Self::Disk(_) | Self::MemUsed => {
                let percent = thousandths(text.strip_suffix('%')?)?;
                (percent <= 100_000).then_some(Value::Percent(percent))
            }
            Self::Mem => parse_size(text).map(Value::Bytes),
            Self::Uptime => parse_duration(text).map(Value::Duration),
        }
    }

    /// What the host has told.
    fn of(&self, told: &AgentInfo<'_>) -> Option<Value> {
        match self {
            Self::Agent => version_prefix(told.version).map(Value::Version),
            Self::Cpus => Some(Value::Number(u64::from(told.facts?.cpus) * 1_000)),
            Self::Disk(mount) => {
                let wanted = |disk: &&crate::facts::Disk| {
                    mount
                        .as_ref()
                        .is_none_or(|mount| mount_word(disk.mount.as_data()) == *mount)
                };
                let disks = told.metrics?.disks.iter().filter(wanted);
                let used = |disk: &crate::facts::Disk| {
                    share(
                        disk.total_bytes.saturating_sub(disk.available_bytes),
                        disk.total_bytes,
                    )
                };
                disks.filter_map(used).max().map(Value::Percent)
            }
            Self::Load => rounded(told.metrics?.load1).map(Value::Number),
            Self::Mem => Some(Value::Bytes(told.facts?.memory_bytes)),
            Self::MemUsed => {
                share(told.metrics?.memory_used_bytes, told.facts?.memory_bytes).map(Value::Percent)
            }
            Self::Uptime => Some(Value::Duration(
                told.metrics?.uptime_s.saturating_mul(1_000),
            )),
        }
    }
}

/// A fact that is text, in lower case; nothing when there is no such fact or the host has not told it.
pub(super) fn text_fact(key: &str, told: &AgentInfo<'_>) -> Option<String> {
    let text = match key {
        "agent" => told.version,
        "arch" => told.facts?.arch.as_data(),
        "hostname" => told.facts?.hostname.as_data(),
        "kernel" => told.facts?.kernel.as_data(),
        "os" => told.facts?.os.as_data(),
        _ => return None,
    };
    (!text.is_empty()).then(|| text.to_lowercase())
}

/// A mount as a word of selectors: `/` is `root`, `/var/lib` is `var.lib`; what no word can hold becomes `_`.
pub(super) fn mount_word(mount: &str) -> String {
    let bare = mount.trim_matches('/');
    if bare.is_empty() {
        return "root".to_owned();
    }
    let plain = |c: char| match c.to_ascii_lowercase() {
        '/' => '.',
        c if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') => c,
        _ => '_',
    };
    bare.chars().map(plain).collect()
}

/// Whether an agent's version is lower than the one that agents should have. What is no version is not called outdated.
pub fn is_outdated(version: &str, current: &str) -> bool {
    match (version_prefix(version), version_prefix(current)) {
        (Some(version), Some(current)) => version < current,
        (_, None) | (None, _) => false,
    }
}

/// Thousandths of a percent.
fn share(part: u64, whole: u64) -> Option<u64> {
    let share = u128::from(part) * 100_000;
    u64::try_from(share.checked_div(u128::from(whole))?).ok()
}

fn rounded(value: f64) -> Option<u64> {
    // An agent may tell anything; a load beyond this, or none at all, compares with nothing.
    let sane = value.is_finite() && (0.0..1e9).contains(&value);
    sane.then(|| format!("{value:.3}").replace('.', ""))?
        .parse()
        .ok()
}

/// `4`, `0.5`: thousandths.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| {
        !text.is_empty()
            && text.len() <= NUMBER_DIGITS_MAX
            && text.bytes().all(|b| b.is_ascii_digit())
    };
    if !digits(whole) || !digits(part) || part.len() > 3 {
        return None;
    }
    format!("{whole}{part:0<3}").parse().ok()
}

/// `1.4`, `1.4.0`: one to four numbers; absent ones are zero.
fn version(text: &str) -> Option<[u64; VERSION_PARTS]> {
    let mut parts = [0; VERSION_PARTS];
    for (at, part) in text.split('.').enumerate() {
        let plain = part.len() <= NUMBER_DIGITS_MAX && part.bytes().all(|b| b.is_ascii_digit());
        *parts.get_mut(at)? = plain.then(|| part.parse().ok()).flatten()?;
    }
    Some(parts)
}

/// The version before whatever follows its numbers, as in `1.4.0-rc1`.
fn version_prefix(text: &str) -> Option<[u64; VERSION_PARTS]> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    version(text.get(..end)?.trim_end_matches('.'))
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fact.name())?;
        if let Some(mount) = self.mount() {
            write!(f, ".{mount}")?;
        }
        write!(f, "{}{}", self.op.as_str(), self.text)
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{Disk, Facts, Metrics};

    use super::*;

    fn facts() -> (Facts, Metrics) {
        let disk = |mount: &str, total_bytes, available_bytes| Disk {
            mount: mount.into(),
            total_bytes,
            available_bytes,
        };
        let facts = Facts {
            os: "Debian GNU/Linux 12".into(),
            cpus: 8,
            memory_bytes: 16 << 30,
            ..Facts::default()
        };
        let metrics = Metrics {
            load1: 4.25,
            memory_used_bytes: 8 << 30,
            uptime_s: 3_600,
            disks: vec![disk("/", 100, 50), disk("/var/lib", 1_000, 75)],
        };
        (facts, metrics)
    }

    #[test]
    fn comparisons_hold_by_the_facts_that_were_told() {
        let (facts, metrics) = facts();
        let told = AgentInfo {
            facts: Some(&facts),
            metrics: Some(&metrics),
            version: "1.4.0-rc1",
        };
        for (holds, fails) in [
            ("agent>=1.4", "agent>1.4"),
            ("agent<1.10", "agent<1.4"),
            ("cpus>7", "cpus>8"),
            ("cpus<=8", "cpus<8"),
            ("disk>92%", "disk>92.5%"),
            ("disk>=92.5%", "disk<92.5%"),
            ("disk.root<=50%", "disk.root>50%"),
            ("disk.var.lib>90%", "disk.var.lib<90%"),
            ("load>4.2", "load>4.25"),
            ("mem>=16g", "mem>16g"),
            ("mem>15.5g", "mem<16384m"),
            ("mem.used>=50%", "mem.used>50%"),
            ("uptime<2h", "uptime<1h"),
            ("uptime>=60m", "uptime>3600s"),
        ] {
            for (text, expected) in [(holds, true), (fails, false)] {
                let comparison = Comparison::parse(text).unwrap();
                assert_eq!(comparison.holds(&told), Some(expected), "{text}");
                assert_eq!(comparison.to_string(), text);
                assert_eq!(comparison.holds(&AgentInfo::default()), None, "{text}");
            }
        }
        let absent = Comparison::parse("disk.srv>1%").unwrap();
        assert_eq!(absent.holds(&told), None);
    }

    #[test]
    fn what_is_no_comparison_says_what_is() {
        for (text, expected) in [
            ("mem>", "`` is not a size (as in `mem>16g`)"),
            ("mem>16", "`16` is not a size (as in `mem>16g`)"),
            ("mem>-1g", "`-1g` is not a size (as in `mem>16g`)"),
            ("mem>16g<32g", "`16g<32g` is not a size (as in `mem>16g`)"),
            (
                "mem>99999999999999999g",
                "`99999999999999999g` is not a size (as in `mem>16g`)",
            ),
            ("disk>90", "`90` is not a percentage (as in `disk>90%`)"),
            ("disk>101%", "`101%` is not a percentage (as in `disk>90%`)"),
            ("load>nan", "`nan` is not a number (as in `load>4`)"),
            ("load>1e9", "`1e9` is not a number (as in `load>4`)"),
            ("load>.5", "`.5` is not a number (as in `load>4`)"),
            ("agent<v1", "`v1` is not a version (as in `agent<1.4`)"),
            (
                "agent<1.2.3.4.5",
                "`1.2.3.4.5` is not a version (as in `agent<1.4`)",
            ),
            ("uptime<1", "`1` is not a duration (as in `uptime<1h`)"),
            (
                "ram>16g",
                "there is no fact `ram` (facts to compare: agent, cpus, disk, load, mem, mem.used, uptime)",
            ),
            (
                ">1",
                "there is no fact `` (facts to compare: agent, cpus, disk, load, mem, mem.used, uptime)",
            ),
            (
                "disk.>1%",
                "there is no fact `disk.` (facts to compare: agent, cpus, disk, load, mem, mem.used, uptime)",
            ),
        ] {
            let (kind, hint) = Comparison::parse(text).unwrap_err();
            assert_eq!(format!("{kind} ({hint})"), expected, "{text}");
        }
    }

    #[test]
    fn hostile_numbers_compare_with_nothing() {
        let (facts, mut metrics) = facts();
        for load in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            metrics.load1 = load;
            let told = AgentInfo {
                facts: Some(&facts),
                metrics: Some(&metrics),
                version: "99999999999999999999",
            };
            for text in ["load>0", "load<1", "agent>0"] {
                assert_eq!(
                    Comparison::parse(text).unwrap().holds(&told),
                    None,
                    "{load} {text}"
                );
            }
        }
    }

    #[test]
    fn mounts_and_versions_become_words() {
        assert_eq!(mount_word("/"), "root");
        assert_eq!(mount_word("/var/lib/My Data"), "var.lib.my_data");
        assert!(is_outdated("1.3.9", "1.4"));
        assert!(!is_outdated("1.4.0", "1.4"));
        assert!(!is_outdated("", "1.4"));
        assert!(!is_outdated("dev", "1.4"));
    }
}
