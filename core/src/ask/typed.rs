//! What is typed beside hosts and a command: the closed set of options, each with its text.
//!
//! It is the same value in chat, in forms, behind the buttons of refusals, on the admin socket and on the command line, which carry it as
//! it is. What the texts mean is decided by [`crate::admission`] alone. A new option has its name here, its rule there, and what it
//! comes to in [`crate::run`].

use std::collections::BTreeMap;

use crate::run::{Rollout, Spec, Streams};
use crate::text::typed_duration;

/// An option of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunOption {
    /// A duration such as `90s`: it is stopped after that.
    Timeout,
    /// The user to run as.
    As,
    /// What becomes of hosts that are away: `fail`, `skip`, `queue` or `queue:2h`.
    Offline,
    /// Whether the two streams come together: `one` or `apart`.
    Streams,
    /// The sizes of the waves in which hosts start: `1,10%,100%`.
    Batch,
    /// So many hosts at once: `20`.
    Parallel,
    /// So many failures are borne before no further host starts: `3` or `2%`.
    MaxFail,
    /// After which waves it waits for a word: `first` or `every`.
    Pause,
    /// The command is meant as it is typed, also with characters that only look like those that a shell knows: `yes`.
    Exact,
    /// The command is told to use colours, and people see them: `yes`.
    Color,
    /// The command has a terminal: `yes`.
    Tty,
    /// What the command leaves running lives on: `yes`.
    Leave,
    /// Whoever asks on the socket has seen what would run: the digits of its set, or `yes` without looking. Nobody types it in chat, where
    /// a press says so.
    Seen,
}

impl RunOption {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Timeout,
        Self::As,
        Self::Offline,
        Self::Streams,
        Self::Batch,
        Self::Parallel,
        Self::MaxFail,
        Self::Pause,
        Self::Exact,
        Self::Color,
        Self::Tty,
        Self::Leave,
        Self::Seen,
    ];

    /// As it is typed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::As => "as",
            Self::Offline => "offline",
            Self::Streams => "streams",
            Self::Batch => "batch",
            Self::Parallel => "parallel",
            Self::MaxFail => "max_fail",
            Self::Pause => "pause",
            Self::Exact => "exact",
            Self::Color => "color",
            Self::Tty => "tty",
            Self::Leave => "leave",
            Self::Seen => "seen",
        }
    }

    /// The option of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|option| option.name() == name)
    }
}

/// What was typed for each option. An empty text is the same as nothing, but that [`Typed::over`] does not fill it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed(BTreeMap<RunOption, String>);

impl Typed {
    /// What is typed for an option; nothing when it is left out.
    #[must_use]
    pub fn get(&self, option: RunOption) -> Option<&str> {
        let text = self.0.get(&option)?;
        (!text.trim().is_empty()).then_some(text)
    }

    /// The same with a text for an option.
    #[must_use]
    pub fn with(mut self, option: RunOption, text: impl Into<String>) -> Self {
        self.0.insert(option, text.into());
        self
    }

    /// The same with what an earlier run had, where nothing is said.
    #[must_use]
    pub fn over(mut self, earlier: Self) -> Self {
        for (option, text) in earlier.0 {
            self.0.entry(option).or_insert(text);
        }
        self
    }

    /// Each option with its text, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0
            .iter()
            .map(|(option, text)| (option.name(), text.as_str()))
    }

    /// What was carried by name.
    ///
    /// # Errors
    /// The first name that is none of an option: what it asks for would silently not be done.
    pub fn from_names<N: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, String)>,
    ) -> Result<Self, N> {
        let mut typed = Self::default();
        for (name, text) in pairs {
            match RunOption::named(name.as_ref()) {
                Some(option) => typed.0.insert(option, text),
                None => return Err(name),
            };
        }
        Ok(typed)
    }
}

impl FromIterator<(RunOption, String)> for Typed {
    fn from_iter<I: IntoIterator<Item = (RunOption, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// What switches an option on.
pub const YES: &str = "yes";

impl Spec {
    /// Its options as they could be typed, so that something like it can be asked for. What becomes of hosts that are away is not among
    /// them: others may be away now.
    #[must_use]
    pub fn typed(&self) -> Typed {
        let options = &self.options;
        let timeout = (options.timeout_ms > 0).then(|| typed_duration(options.timeout_ms));
        let apart = options.streams == Streams::Apart;
        let all = [
            (RunOption::Timeout, timeout),
            (RunOption::As, options.run_as.clone()),
            (
                RunOption::Streams,
                apart.then(|| Streams::Apart.word().to_owned()),
            ),
            (
                RunOption::Color,
                options.colours.kept().then(|| YES.to_owned()),
            ),
            (
                RunOption::Tty,
                options.terminal.is_own().then(|| YES.to_owned()),
            ),
            (RunOption::Leave, options.leave.then(|| YES.to_owned())),
        ];
        let rollout = self.strategy.rollout.iter().flat_map(Rollout::typed);
        let said = all.into_iter().chain(rollout);
        said.filter_map(|(option, text)| Some((option, text?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_by_name_comes_back_and_nothing_is_dropped_in_silence() {
        let typed: Typed = RunOption::ALL
            .into_iter()
            .map(|option| (option, format!("text of {}", option.name())))
            .collect();
        let pairs = typed.iter().map(|(name, text)| (name, text.to_owned()));
        assert_eq!(Typed::from_names(pairs), Ok(typed));
        let unknown = [("as", "www".to_owned()), ("priority", "1".to_owned())];
        assert_eq!(Typed::from_names(unknown), Err("priority"));
    }

    #[test]
    fn an_emptied_option_is_left_out_and_is_not_filled_again() {
        let earlier = Typed::default()
            .with(RunOption::As, "www")
            .with(RunOption::Timeout, "90s");
        let typed = Typed::default().with(RunOption::As, " ").over(earlier);
        assert_eq!(typed.get(RunOption::As), None);
        assert_eq!(typed.get(RunOption::Timeout), Some("90s"));
    }
}
