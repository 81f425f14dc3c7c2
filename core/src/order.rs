//! What one host is told to run, whoever says it and in whatever form it travels.
//!
//! What an order may say at all is decided here. Whether it is in time, and whether a host does what it says, is for the host to decide.

mod names;
mod variable;

use thiserror::Error;

use crate::ids::{AgentId, RunId};
use crate::limits;
use crate::refusal::Code;
use crate::run::{BadInput, Input, Options, What};
use crate::time::LinkTime;

pub use names::Names;
pub use variable::Variable;

/// What one host is told to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The run.
    pub run: RunId,
    /// The host.
    pub agent: AgentId,
    /// It must have begun by then.
    pub not_after: LinkTime,
    /// What it is given; it is fetched from the controller, and nothing runs without it.
    pub input: Option<Input>,
    /// What runs.
    pub what: What,
    /// How it runs.
    pub options: Options,
    /// Set beside what every command gets.
    pub environment: Vec<Variable>,
    /// Where it runs, an absolute path; nothing means the user's home.
    pub cwd: Option<String>,
    /// Output that is kept, bytes.
    pub output_bytes_max: u64,
    /// Between TERM and KILL, milliseconds.
    pub grace_ms: u64,
    /// The command reads what is sent later; otherwise nothing.
    pub stdin: bool,
    /// What the command may know of its run; nothing from older controllers.
    pub names: Option<Names>,
}

/// What no order may say.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OrderError {
    /// Nothing to run.
    #[error("the order has no command")]
    NoCommand,
    /// A program that would have to be looked for.
    #[error("the first word of the command must be an absolute path")]
    Program,
    /// More of something than a limit.
    #[error("there are {len} {what}, over the limit of {max}")]
    Over {
        /// Of what.
        what: &'static str,
        /// How much.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// A longer input than there may be.
    #[error("the {what} has {bytes} bytes, over the limit of {max}")]
    LongInput {
        /// Its kind.
        what: &'static str,
        /// Its length.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// A script that is not what the command names.
    #[error("the command is not that of the script")]
    Input,
    /// A NUL, which ends every argument.
    #[error("{0} holds a NUL")]
    Nul(&'static str),
    /// A variable that is named as none can be.
    #[error("a variable of the environment has a name that is none")]
    Name,
    /// A variable that takes over programs, or that the shim sets itself.
    #[error("the variable {0} may not be set by an order")]
    Variable(String),
    /// A time that is too long.
    #[error("timeout and grace are at most {} ms", limits::TIMEOUT_MS_MAX)]
    Times,
    /// Something about the run that is none.
    #[error("{0} of the run is not valid")]
    Names(&'static str),
    /// A version that is none.
    #[error("the version is none")]
    Version,
    /// More than what an agent does to itself.
    #[error("an order of upkeep says how a command runs")]
    Upkeep,
    /// A folder that hangs on where somebody stands.
    #[error("the working directory must be an absolute path")]
    Folder,
}

impl OrderError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::NoCommand => Code::EmptyCommand,
            Self::Program
            | Self::Nul(_)
            | Self::Name
            | Self::Folder
            | Self::Input
            | Self::Upkeep
            | Self::Version
            | Self::Names(_) => Code::BadChar,
            Self::Over { .. } | Self::LongInput { .. } => Code::TooLong,
            Self::Variable(_) => Code::Denied,
            Self::Times => Code::Duration,
        }
    }
}

impl Order {
    /// Checks what it says.
    ///
    /// # Errors
    /// The first thing that no order may say.
    pub fn check(&self) -> Result<(), OrderError> {
        what(&self.what)?;
        self.upkeep()?;
        self.input
            .as_ref()
            .map_or(Ok(()), |given| input(given, &self.what))?;
        let variables = self.environment.len();
        let words_max = limits::ORDER_WORDS_MAX;
        bounded("variables in the environment", variables, words_max)?;
        let times = [self.options.timeout_ms, self.grace_ms];
        if times.into_iter().any(|ms| ms > limits::TIMEOUT_MS_MAX) {
            return Err(OrderError::Times);
        }
        self.cwd.as_deref().map_or(Ok(()), folder)
    }

    /// Upkeep is the agent's own: nothing of how a command runs is said of it.
    fn upkeep(&self) -> Result<(), OrderError> {
        let options = &self.options;
        let of_a_command = options.run_as.is_some()
            || options.terminal.is_own()
            || options.leave
            || self.stdin
            || self.cwd.is_some()
            || !self.environment.is_empty();
        match self.what {
            What::Upkeep(_) if of_a_command => Err(OrderError::Upkeep),
            What::Upkeep(_) | What::Shell(_) | What::Argv(_) => Ok(()),
        }
    }
}

fn what(what: &What) -> Result<(), OrderError> {
    match what {
        What::Shell(text) => {
            if text.trim().is_empty() {
                return Err(OrderError::NoCommand);
            }
            let bytes_max = limits::COMMAND_BYTES_MAX;
            bounded("bytes in the command", text.len(), bytes_max)?;
            without_nul("the command", text)
        }
        What::Argv(words) => {
            let program = words.first().ok_or(OrderError::NoCommand)?;
            if !program.starts_with('/') {
                return Err(OrderError::Program);
            }
            bounded("words in the command", words.len(), limits::ORDER_WORDS_MAX)?;
            words.iter().try_for_each(|word| {
                bounded("bytes in a word", word.len(), limits::ORDER_WORD_BYTES_MAX)?;
                without_nul("a word of the command", word)
            })
        }
        // A version is checked where it is made.
        What::Upkeep(_) => Ok(()),
    }
}

fn input(input: &Input, what: &What) -> Result<(), OrderError> {
    let What::Shell(command) = what else {
        return Err(OrderError::Input);
    };
    input.check(command).map_err(|bad| match bad {
        BadInput::TooLong => OrderError::LongInput {
            what: input.kind.as_str(),
            bytes: input.bytes,
            max: input.kind.bytes_max(),
        },
        BadInput::Name => OrderError::Input,
    })
}

fn folder(path: &str) -> Result<(), OrderError> {
    without_nul("the working directory", path)?;
    let bytes_max = limits::PATH_BYTES_MAX;
    bounded("bytes in the working directory", path.len(), bytes_max)?;
    if path.starts_with('/') {
        Ok(())
    } else {
        Err(OrderError::Folder)
    }
}

fn bounded(what: &'static str, len: usize, max: usize) -> Result<(), OrderError> {
    if len > max {
        return Err(OrderError::Over { what, len, max });
    }
    Ok(())
}

fn without_nul(what: &'static str, text: &str) -> Result<(), OrderError> {
    if text.contains('\0') {
        return Err(OrderError::Nul(what));
    }
    Ok(())
}

#[cfg(test)]
impl Order {
    /// An order that may be carried out, for tests.
    fn example() -> Self {
        Self {
            run: RunId::from_bytes([1; 16]),
            agent: AgentId::from_bytes([2; 16]),
            not_after: LinkTime::from_ms(31_000),
            input: None,
            what: What::Shell("uptime".to_owned()),
            options: Options::default(),
            environment: Vec::new(),
            cwd: None,
            output_bytes_max: limits::OUTPUT_BYTES_MAX,
            grace_ms: limits::GRACE_MS,
            stdin: false,
            names: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Order)) -> Result<(), String> {
        let mut order = Order::example();
        change(&mut order);
        let checked = order.check();
        checked.map_err(|error| format!("{} {error}", error.code()))
    }

    fn argv(words: &[&str]) -> What {
        What::Argv(words.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn what_may_be_ordered() {
        let variable = |name: String| Variable::new(name, "x".to_owned()).unwrap();
        let variables = |n: usize| (0..n).map(|n| variable(format!("A{n}"))).collect();
        assert_eq!(check(|_| ()), Ok(()));
        assert_eq!(check(|order| order.what = argv(&["/bin/true", ""])), Ok(()));
        assert_eq!(check(|order| order.cwd = Some("/".to_owned())), Ok(()));
        let day = limits::TIMEOUT_MS_MAX;
        assert_eq!(check(|order| order.options.timeout_ms = day), Ok(()));
        assert_eq!(check(|order| order.grace_ms = 0), Ok(()));
        let most = variables(limits::ORDER_WORDS_MAX);
        assert_eq!(check(|order| order.environment = most), Ok(()));
        let more = variables(limits::ORDER_WORDS_MAX + 1);
        let refused =
            "E_TOO_LONG there are 1025 variables in the environment, over the limit of 1024";
        assert_eq!(
            check(|order| order.environment = more),
            Err(refused.to_owned())
        );
    }

    #[test]
    fn commands_that_are_none() {
        let long = "x".repeat(limits::COMMAND_BYTES_MAX + 1);
        let word = "x".repeat(limits::ORDER_WORD_BYTES_MAX + 1);
        let words = ["/bin/echo"; limits::ORDER_WORDS_MAX + 1];
        let no_command = "E_EMPTY_COMMAND the order has no command";
        let cases = [
            (What::Shell(String::new()), no_command),
            (What::Shell(" \n".to_owned()), no_command),
            (argv(&[]), no_command),
            (
                What::Shell("a\0b".to_owned()),
                "E_BAD_CHAR the command holds a NUL",
            ),
            (
                What::Shell(long),
                "E_TOO_LONG there are 6001 bytes in the command, over the limit of 6000",
            ),
            (
                argv(&["true"]),
                "E_BAD_CHAR the first word of the command must be an absolute path",
            ),
            (
                argv(&["/bin/echo", "a\0"]),
                "E_BAD_CHAR a word of the command holds a NUL",
            ),
            (
                argv(&["/bin/echo", &word]),
                "E_TOO_LONG there are 102401 bytes in a word, over the limit of 102400",
            ),
            (
                argv(&words),
                "E_TOO_LONG there are 1025 words in the command, over the limit of 1024",
            ),
        ];
        for (what, refused) in cases {
            assert_eq!(check(|order| order.what = what), Err(refused.to_owned()));
        }
    }

    #[test]
    fn a_script_is_what_the_command_names() {
        let given = |order: &mut Order, bytes: u64, what: What| {
            order.what = what;
            order.input = Some(Input {
                bytes,
                ..Input::example()
            });
        };
        let shell = |text: &str| What::Shell(text.to_owned());
        assert_eq!(
            check(|order| given(order, 1, shell("deploy.sh --fast"))),
            Ok(())
        );
        let other = Err("E_BAD_CHAR the command is not that of the script".to_owned());
        for what in [shell("uptime"), argv(&["/bin/deploy.sh"])] {
            assert_eq!(check(|order| given(order, 1, what)), other);
        }
        let long = "E_TOO_LONG the script has 8388609 bytes, over the limit of 8388608";
        assert_eq!(
            check(|order| given(order, 8_388_609, shell("deploy.sh"))),
            Err(long.to_owned())
        );
    }

    #[test]
    fn upkeep_says_nothing_of_how_a_command_runs() {
        use crate::run::{Terminal, Update, Upkeep};
        let update = || {
            What::Upkeep(Upkeep::Update(Update {
                version: "0.2.0".parse().unwrap(),
                older: false,
            }))
        };
        assert_eq!(check(|order| order.what = update()), Ok(()));
        assert_eq!(
            check(|order| order.what = What::Upkeep(Upkeep::Doctor)),
            Ok(())
        );
        let refused = "E_BAD_CHAR an order of upkeep says how a command runs";
        let changes: [fn(&mut Order); 6] = [
            |order| order.options.run_as = Some("www".to_owned()),
            |order| order.options.terminal = Terminal::Own,
            |order| order.options.leave = true,
            |order| order.stdin = true,
            |order| order.cwd = Some("/tmp".to_owned()),
            |order| {
                let variable = Variable::new("A".to_owned(), "b".to_owned());
                order.environment = vec![variable.unwrap()];
            },
        ];
        for change in changes {
            let checked = check(|order| {
                order.what = update();
                change(order);
            });
            assert_eq!(checked, Err(refused.to_owned()));
        }
        let fed = check(|order| {
            order.what = update();
            order.input = Some(Input::example());
        });
        assert!(fed.is_err());
    }

    #[test]
    fn times_and_folders() {
        let over = limits::TIMEOUT_MS_MAX + 1;
        let refused = Err("E_DURATION timeout and grace are at most 86400000 ms".to_owned());
        assert_eq!(check(|order| order.options.timeout_ms = over), refused);
        assert_eq!(check(|order| order.grace_ms = u64::MAX), refused);
        let long = format!("/{}", "x".repeat(limits::PATH_BYTES_MAX));
        let relative = "E_BAD_CHAR the working directory must be an absolute path";
        for (cwd, refused) in [
            ("tmp", relative),
            ("", relative),
            ("/tmp\0", "E_BAD_CHAR the working directory holds a NUL"),
            (
                long.as_str(),
                "E_TOO_LONG there are 4097 bytes in the working directory, over the limit of 4096",
            ),
        ] {
            let refused = Err(refused.to_owned());
            assert_eq!(check(|order| order.cwd = Some(cwd.to_owned())), refused);
        }
    }
}
