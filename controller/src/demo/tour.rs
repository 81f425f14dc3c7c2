//! The tour of the demo: five minutes through the product, as data.
//!
//! What is printed and posted is made of it, and a test plays it step by step. It promises what holds for six hosts and for more.

use std::fmt::Write as _;

/// A step of the tour.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What it shows.
    pub station: Station,
    /// What to do, in this order.
    pub acts: &'static [Act],
    /// What is seen then.
    pub sees: &'static str,
}

/// What a step shows; its promise is known by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Station {
    /// Who is there.
    Hosts,
    /// The one that is not as the others.
    Odd,
    /// Lines while they are printed.
    Live,
    /// A look before anything runs, and a failure.
    Ask,
    /// The failed one again.
    Retry,
    /// How hosts are named.
    Names,
    /// The end of what runs.
    Cancel,
    /// Some hosts first.
    Waves,
    /// A host that is away.
    Away,
    /// What was done.
    History,
    /// The command line.
    Shell,
    /// Who may not.
    Rights,
}

/// Somebody in the guild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// May do everything.
    Operator,
    /// May do nothing.
    Guest,
}

/// Something to do.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Type a command into the box, with its options.
    Type {
        /// Who types it.
        who: Who,
        /// The command's name.
        word: &'static str,
        /// Names and values of its options.
        options: &'static [(&'static str, &'static str)],
    },
    /// Press a button of the answer to what was typed last at a step.
    Press {
        /// What stands on it, as far as that does not depend on how many hosts there are.
        label: &'static str,
        /// What it does, as the bot calls it.
        verb: &'static str,
        /// The step whose answer has it.
        of: Station,
    },
    /// Type a command line in another terminal, or press a key in that of the demo.
    Line {
        /// `shanty` and its arguments.
        words: &'static [&'static str],
        /// The key.
        key: Option<char>,
    },
}

const fn run(options: &'static [(&'static str, &'static str)]) -> Act {
    Act::Type {
        who: Who::Operator,
        word: "run",
        options,
    }
}

const fn look(word: &'static str) -> Act {
    Act::Type {
        who: Who::Operator,
        word,
        options: &[],
    }
}

const fn press(label: &'static str, verb: &'static str, of: Station) -> Act {
    Act::Press { label, verb, of }
}

/// The four hosts that all demos of this size have.
const WEB: &str = "web-[01-04]";

/// The steps, in their order.
pub const STEPS: [Step; 12] = [
    Step {
        station: Station::Hosts,
        acts: &[look("hosts")],
        sees: "Who is there, how they are, and which labels they have.",
    },
    Step {
        station: Station::Odd,
        acts: &[run(&[("on", WEB), ("command", "release")])],
        sees: "What is the same is shown once. web-03 (≠) is behind: see the diff.",
    },
    Step {
        station: Station::Live,
        acts: &[run(&[("on", "web-03"), ("command", "deploy 2.4.1")])],
        sees: "Lines come into the thread while they are printed. Now web-03 is like the others.",
    },
    Step {
        station: Station::Ask,
        acts: &[
            run(&[("on", "all"), ("command", "check")]),
            press("Run on …", "go", Station::Ask),
        ],
        sees: "Many hosts are shown before anything runs. db-01 fails, and comes first.",
    },
    Step {
        station: Station::Retry,
        acts: &[
            run(&[("on", "db-01"), ("command", "work")]),
            press("↻ Retry 1 failed", "retry", Station::Ask),
        ],
        sees: "Mended: on the card of `check`, only the one that failed runs again.",
    },
    Step {
        station: Station::Names,
        acts: &[run(&[
            ("on", "role=db,web-[01-02] env=prod !web-01"),
            ("command", "uname -sr"),
        ])],
        sees: "A comma adds, a space narrows, `!` removes: db-01 and web-02, said while you type.",
    },
    Step {
        station: Station::Cancel,
        acts: &[
            run(&[("on", "db-02"), ("command", "echo begun; sleep 600")]),
            press("■ Cancel", "cancel", Station::Cancel),
        ],
        sees: "It is stopped with all that it started, and what it printed stays.",
    },
    Step {
        station: Station::Waves,
        acts: &[
            run(&[
                ("on", WEB),
                ("command", "deploy 2.4.2"),
                ("batch", "1,100%"),
                ("pause", "first"),
            ]),
            press("▶ Continue", "continue", Station::Waves),
        ],
        sees: "One host first, the others when you say so. A failure would stop it.",
    },
    Step {
        station: Station::Away,
        acts: &[
            Act::Line {
                words: &["shanty", "demo", "stop", "web-04"],
                key: Some('s'),
            },
            run(&[("on", WEB), ("command", "release")]),
            press("Run on 3, queue 1 …", "queue", Station::Away),
            Act::Line {
                words: &["shanty", "demo", "start", "web-04"],
                key: Some('g'),
            },
        ],
        sees: "A host that is away runs it once it is back.",
    },
    Step {
        station: Station::History,
        acts: &[look("runs")],
        sees: "Who ran what, and how it ended.",
    },
    Step {
        station: Station::Shell,
        acts: &[Act::Line {
            words: &["shanty", "run", "--on", WEB, "--", "release"],
            key: None,
        }],
        sees: "The same without chat; #ops shows it to everybody.",
    },
    Step {
        station: Station::Rights,
        acts: &[Act::Type {
            who: Who::Guest,
            word: "run",
            options: &[("on", "web-01"), ("command", "release")],
        }],
        sees: "Refused: a guest has no grant, and nothing runs that none allows.",
    },
];

/// The steps as they are printed in a terminal, where keys do something or not.
pub(super) fn text(keys: bool) -> String {
    let mut text = String::new();
    for (step, number) in STEPS.iter().zip(1..) {
        for (act, first) in step.acts.iter().zip([true, false, false, false]) {
            let number = if first {
                format!("{number:>4}  ")
            } else {
                " ".repeat(6)
            };
            writeln!(text, "{number}{}", act.said("", keys.then_some("here"))).ok(); // a String takes all
        }
        let sees = step.sees.replace('`', "");
        writeln!(text, "{}{sees}", " ".repeat(10)).ok(); // a String takes all
    }
    text
}

/// The steps as they are posted in chat, in one message.
pub(super) fn message() -> String {
    let mut text = String::from(
        "### A tour of five minutes\nYou are **operator**: type in the box at the bottom. Enter takes what is suggested, Enter again sends it.\n",
    );
    for (step, number) in STEPS.iter().zip(1..) {
        let acts: Vec<String> = step
            .acts
            .iter()
            .map(|act| act.said("`", Some("where the demo runs")))
            .collect();
        writeln!(
            text,
            "{number}. {}\n -# {}",
            acts.join(", then "),
            step.sees
        )
        .ok(); // a String takes all
    }
    text
}

impl Act {
    /// What to do, in words; `mark` stands around what is typed, and `keys` is where keys are pressed, if anywhere.
    fn said(&self, mark: &str, keys: Option<&str>) -> String {
        match self {
            Self::Type { who, word, options } => {
                let typed: String = options
                    .iter()
                    .map(|(name, value)| format!(" {name}:{value}"))
                    .collect();
                let typed = format!("{mark}/{word}{typed}{mark}");
                match who {
                    Who::Operator => typed,
                    Who::Guest => format!("as guest (chosen at the lower left): {typed}"),
                }
            }
            Self::Press { label, .. } => format!("press [{label}]"),
            Self::Line { words, key } => {
                let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                let typed = format!("{mark}{}{mark}", words.join(" "));
                match key.zip(keys) {
                    Some((key, place)) => {
                        format!("press {mark}{key}{mark} {place} (or type {typed} elsewhere)")
                    }
                    None => format!("in another terminal: {typed}"),
                }
            }
        }
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{word}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tour_reads_well() {
        insta::assert_snapshot!(format!(
            "{}\n----\n{}\n----\n{}",
            text(true),
            text(false),
            message()
        ));
    }

    #[test]
    fn it_fits_a_terminal_and_a_message() {
        assert!(
            message().chars().count() <= 2_000,
            "{}",
            message().chars().count()
        );
        for line in text(true).lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }

    #[test]
    fn a_button_belongs_to_something_typed_before() {
        for (index, step) in STEPS.iter().enumerate() {
            for act in step.acts {
                if let Act::Press { of, .. } = act {
                    let earlier = STEPS.iter().take(index + 1);
                    assert!(earlier.clone().any(|step| step.station == *of), "{step:?}");
                }
            }
        }
    }
}
