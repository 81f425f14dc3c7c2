//! How a run goes through its hosts: in waves, so many at once, until too many have failed, and with a rest after some. As it is typed and as
//! it is recorded; which hosts are next is said in [`super::waves`].

use std::fmt;

use crate::ask::RunOption;

/// The way through the hosts, fixed for the life of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollout {
    /// The sizes of the waves, the last of which repeats; all hosts are one wave when there is none.
    pub batch: Vec<Amount>,
    /// So many hosts at once within a wave; nothing means all of it.
    pub parallel: Option<u32>,
    /// So many failures are borne: with one more no further host starts. Nothing means any number.
    pub max_fail: Option<Amount>,
    /// After which waves it waits for a word.
    pub pause: Pauses,
}

/// A number of hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many.
    Hosts(u32),
    /// So many of a hundred hosts of the run.
    Percent(u32),
}

/// After which waves a run waits for a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pauses {
    /// After none.
    #[default]
    Never,
    /// After the first.
    First,
    /// After every one.
    Every,
}

/// Most sizes of waves that can be typed.
const SIZES_MAX: usize = 20;

/// What is wrong with what was typed, for people: a sentence without its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRollout {
    /// No number and no percentage.
    #[error("{0} is neither a number of hosts nor a percentage")]
    NoAmount(String),
    /// Nothing where a number should be.
    #[error("a wave is empty: nothing stands beside a comma")]
    Empty,
    /// A wave of nobody.
    #[error("a wave of {0} is nobody")]
    NoHosts(Amount),
    /// More than there are.
    #[error("{0} is more than all hosts")]
    OverAll(Amount),
    /// Too many sizes.
    #[error("more than {SIZES_MAX} sizes of waves")]
    TooMany,
    /// Nobody at once.
    #[error("0 hosts at once is nobody")]
    NobodyAtOnce,
    /// No word that says when to wait.
    #[error("{0} does not say after which wave it waits")]
    NoPause(String),
    /// Without waves there is nothing between them.
    #[error("there is no pause without waves")]
    PauseWithoutWaves,
    /// All start at once.
    #[error("all hosts start at once, so that a failure keeps none of them from it")]
    MaxFailAtOnce,
}

impl Rollout {
    /// What was typed, in the order `batch`, `parallel`, `max_fail`, `pause`; nothing when all hosts may start at once.
    ///
    /// A run in waves bears no failure when nobody says how many.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(
        batch: Option<&str>,
        parallel: Option<&str>,
        max_fail: Option<&str>,
        pause: Option<&str>,
    ) -> Result<Option<Self>, BadRollout> {
        let in_waves = batch.is_some();
        let batch = batch.map(sizes).transpose()?.unwrap_or_default();
        let parallel = parallel.map(at_once).transpose()?;
        let at_once = !in_waves && parallel.is_none();
        let max_fail = match max_fail {
            Some(_) if at_once => return Err(BadRollout::MaxFailAtOnce),
            Some(typed) => Some(Amount::parse(typed)?),
            None => in_waves.then_some(Amount::Hosts(0)),
        };
        let pause = match pause.map(str::trim) {
            None => Pauses::Never,
            Some(_) if !in_waves => return Err(BadRollout::PauseWithoutWaves),
            Some("first") => Pauses::First,
            Some("every") => Pauses::Every,
            Some(typed) => return Err(BadRollout::NoPause(shown(typed))),
        };
        let rollout = Self {
            batch,
            parallel,
            max_fail,
            pause,
        };
        Ok((!at_once).then_some(rollout))
    }

    /// As it could be typed.
    pub fn typed(&self) -> impl Iterator<Item = (RunOption, Option<String>)> + use<> {
        let batch: Vec<String> = self.batch.iter().map(Amount::to_string).collect();
        let in_waves = !batch.is_empty();
        // What nobody need say.
        let said = |amount: &Amount| !(in_waves && *amount == Amount::Hosts(0));
        [
            (RunOption::Batch, in_waves.then(|| batch.join(","))),
            (RunOption::Parallel, self.parallel.map(|n| n.to_string())),
            (
                RunOption::MaxFail,
                self.max_fail.filter(said).map(|amount| amount.to_string()),
            ),
            (RunOption::Pause, self.pause.as_str().map(str::to_owned)),
        ]
        .into_iter()
    }

    /// The size that is more than so many hosts, if one is: somebody thought of others. `all` as a percentage is never more.
    #[must_use]
    pub fn over(&self, hosts: usize) -> Option<u32> {
        let over = |amount: &Amount| match amount {
            Amount::Hosts(n) => (*n as usize > hosts).then_some(*n),
            Amount::Percent(_) => None,
        };
        self.batch.iter().find_map(over)
    }

    /// How many hosts of so many each wave has; as many waves as are needed.
    #[must_use]
    pub fn waves(&self, hosts: usize) -> Vec<usize> {
        let mut left = hosts;
        let mut sizes = self.batch.iter().peekable();
        let mut waves = Vec::new();
        while left > 0 {
            let size = match sizes.peek() {
                Some(amount) => amount.of(hosts).clamp(1, left),
                None => left,
            };
            // The last stays where it is.
            if sizes.len() > 1 {
                sizes.next();
            }
            waves.push(size);
            left -= size;
        }
        waves
    }
}

impl Amount {
    /// Reads `3` or `10%`.
    ///
    /// # Errors
    /// When it is neither, or more than all.
    pub fn parse(typed: &str) -> Result<Self, BadRollout> {
        let text = typed.trim();
        if text.is_empty() {
            return Err(BadRollout::Empty);
        }
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            let number = plain.then(|| digits.parse().ok()).flatten();
            number.ok_or_else(|| BadRollout::NoAmount(shown(typed)))
        };
        match text.strip_suffix('%') {
            Some(digits) => match Self::Percent(number(digits)?) {
                over @ Self::Percent(101..) => Err(BadRollout::OverAll(over)),
                amount @ (Self::Hosts(_) | Self::Percent(_)) => Ok(amount),
            },
            None => Ok(Self::Hosts(number(text)?)),
        }
    }

    /// How many of so many hosts it is, in whole hosts.
    #[must_use]
    pub fn of(self, hosts: usize) -> usize {
        match self {
            Self::Hosts(n) => n as usize,
            Self::Percent(percent) => hosts.saturating_mul(percent as usize) / 100,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hosts(n) => write!(f, "{n}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Pauses {
    /// As it is typed; nothing for none.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Never => None,
            Self::First => Some("first"),
            Self::Every => Some("every"),
        }
    }
}

fn sizes(typed: &str) -> Result<Vec<Amount>, BadRollout> {
    let sizes = typed.split(',').map(|size| match Amount::parse(size)? {
        nobody @ (Amount::Hosts(0) | Amount::Percent(0)) => Err(BadRollout::NoHosts(nobody)),
        amount @ (Amount::Hosts(_) | Amount::Percent(_)) => Ok(amount),
    });
    let sizes = sizes.collect::<Result<Vec<_>, _>>()?;
    if sizes.len() > SIZES_MAX {
        return Err(BadRollout::TooMany);
    }
    Ok(sizes)
}

fn at_once(typed: &str) -> Result<u32, BadRollout> {
    match Amount::parse(typed)? {
        Amount::Hosts(0) => Err(BadRollout::NobodyAtOnce),
        Amount::Hosts(n) => Ok(n),
        Amount::Percent(_) => Err(BadRollout::NoAmount(shown(typed))),
    }
}

fn shown(typed: &str) -> String {
    format!("`{}`", crate::text::shown(typed.trim(), 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(batch: &str, hosts: usize) -> Vec<usize> {
        let rollout = Rollout::parse(Some(batch), None, None, None);
        rollout.unwrap().unwrap().waves(hosts)
    }

    #[test]
    fn waves_are_numbers_or_parts_of_all_hosts_and_the_last_repeats() {
        assert_eq!(waves("1,10%,100%", 40), [1, 4, 35]);
        assert_eq!(waves("50", 120), [50, 50, 20]);
        assert_eq!(waves("1,20%", 10), [1, 2, 2, 2, 2, 1]);
        assert_eq!(waves("100%", 7), [7]);
        assert_eq!(waves(" 3 , 2 ", 8), [3, 2, 2, 1]);
        // Rounded down, and never nobody.
        assert_eq!(waves("10%", 7), [1; 7]);
        assert_eq!(
            waves("10%", 25),
            [2; 12].iter().copied().chain([1]).collect::<Vec<_>>()
        );
        assert_eq!(waves("5", 1), [1], "what is run again may be on fewer");
        assert_eq!(waves("5", 0), [0; 0]);
        let window = Rollout::parse(None, Some("20"), None, None);
        assert_eq!(window.unwrap().unwrap().waves(40), [40]);
    }

    #[test]
    fn a_run_in_waves_bears_no_failure_unless_somebody_says_so() {
        let max_fail = |batch, parallel, max_fail| {
            let rollout = Rollout::parse(batch, parallel, max_fail, None);
            rollout.unwrap().unwrap().max_fail
        };
        assert_eq!(max_fail(Some("1"), None, None), Some(Amount::Hosts(0)));
        assert_eq!(max_fail(Some("1"), None, Some("3")), Some(Amount::Hosts(3)));
        assert_eq!(
            max_fail(Some("1"), None, Some("100%")),
            Some(Amount::Percent(100))
        );
        assert_eq!(max_fail(None, Some("5"), None), None);
        assert_eq!(Amount::Percent(2).of(40), 0);
        assert_eq!(Amount::Percent(2).of(50), 1);
    }

    #[test]
    fn what_is_wrong_with_it_is_said() {
        let parse = |batch: &str, parallel: &str, max_fail: &str, pause: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let [batch, parallel, max_fail, pause] = [batch, parallel, max_fail, pause].map(some);
            Rollout::parse(
                batch.as_deref(),
                parallel.as_deref(),
                max_fail.as_deref(),
                pause.as_deref(),
            )
            .map_err(|bad| bad.to_string())
        };
        assert_eq!(parse("", "", "", ""), Ok(None));
        for (typed, expected) in [
            (["0", "", "", ""], "a wave of 0 is nobody"),
            (["1,0%", "", "", ""], "a wave of 0% is nobody"),
            (["101%", "", "", ""], "101% is more than all hosts"),
            (
                ["1,", "", "", ""],
                "a wave is empty: nothing stands beside a comma",
            ),
            (
                ["-1", "", "", ""],
                "`-1` is neither a number of hosts nor a percentage",
            ),
            (
                ["+1", "", "", ""],
                "`+1` is neither a number of hosts nor a percentage",
            ),
            (
                ["1.5%", "", "", ""],
                "`1.5%` is neither a number of hosts nor a percentage",
            ),
            (
                ["99999999999", "", "", ""],
                "`99999999999` is neither a number of hosts nor a percentage",
            ),
            (["", "0", "", ""], "0 hosts at once is nobody"),
            (
                ["", "10%", "", ""],
                "`10%` is neither a number of hosts nor a percentage",
            ),
            (["1", "", "101%", ""], "101% is more than all hosts"),
            (
                ["1", "", "some", ""],
                "`some` is neither a number of hosts nor a percentage",
            ),
            (
                ["", "", "3", ""],
                "all hosts start at once, so that a failure keeps none of them from it",
            ),
            (["", "", "", "first"], "there is no pause without waves"),
            (["", "5", "", "first"], "there is no pause without waves"),
            (
                ["1", "", "", "second"],
                "`second` does not say after which wave it waits",
            ),
        ] {
            let [batch, parallel, max_fail, pause] = typed;
            let told = parse(batch, parallel, max_fail, pause);
            assert_eq!(told, Err(expected.to_owned()), "{typed:?}");
        }
        let many = ["1"; SIZES_MAX + 1].join(",");
        assert_eq!(
            parse(&many, "", "", ""),
            Err("more than 20 sizes of waves".to_owned())
        );
    }

    #[test]
    fn it_is_typed_again_as_it_was() {
        for typed in [
            [Some("1,10%,100%"), None, None, None],
            [Some("1"), Some("5"), Some("2%"), Some("first")],
            [None, Some("20"), Some("0"), None],
            [None, Some("20"), None, None],
        ] {
            let [batch, parallel, max_fail, pause] = typed;
            let rollout = Rollout::parse(batch, parallel, max_fail, pause);
            let again = rollout.unwrap().unwrap().typed();
            let again: Vec<Option<String>> = again.map(|(_, text)| text).collect();
            assert_eq!(again, typed.map(|text| text.map(str::to_owned)));
        }
    }

    #[test]
    fn a_wave_of_more_hosts_than_there_are_is_found() {
        let over = |batch: &str, hosts| {
            let rollout = Rollout::parse(Some(batch), None, None, None);
            rollout.unwrap().unwrap().over(hosts)
        };
        assert_eq!(over("1,50", 40), Some(50));
        assert_eq!(over("1,40,100%", 40), None);
    }
}
