//! Questions at a terminal: asked on standard error, so that standard output stays for what is made, and answered by a line each.

use std::io::{BufRead, Write};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use shanty_core::view::terminal::one_line;
use zeroize::Zeroizing;

use super::super::client::Failure;
use super::super::exit;

/// Somebody who is asked.
pub(super) struct Talk<R, W> {
    input: R,
    output: W,
}

impl<R: BufRead, W: Write> Talk<R, W> {
    pub(super) const fn new(input: R, output: W) -> Self {
        Self { input, output }
    }

    /// Says something.
    pub(super) fn say(&mut self, text: &str) {
        writeln!(self.output, "{text}").ok(); // nobody reads it
    }

    /// Asks for a line; an empty one is what stands in brackets.
    pub(super) fn ask(
        &mut self,
        question: &str,
        otherwise: Option<&str>,
    ) -> Result<String, Failure> {
        match otherwise {
            Some(otherwise) => write!(self.output, "{question} [{otherwise}]: "),
            None => write!(self.output, "{question}: "),
        }
        .and_then(|()| self.output.flush())
        .ok(); // nobody reads it
        let line = self.line()?;
        let line = line.trim();
        Ok(match line.is_empty() {
            true => otherwise.unwrap_or_default().to_owned(),
            false => line.to_owned(),
        })
    }

    /// Has one of a list chosen: by its number, its name or its id. Nothing when nothing is said and that is allowed.
    pub(super) fn choose(
        &mut self,
        what: &str,
        all: &[(u64, String)],
        may_skip: bool,
    ) -> Result<Option<u64>, Failure> {
        for (at, (_, name)) in all.iter().enumerate() {
            self.say(&format!("  {:3}  {}", at + 1, one_line(name)));
        }
        let question = match may_skip {
            true => format!("{what} (a number, or nothing for none)"),
            false => format!("{what} (a number)"),
        };
        loop {
            let said = self.ask(&question, None)?;
            if said.is_empty() && may_skip {
                return Ok(None);
            }
            let by_number = said
                .parse::<usize>()
                .ok()
                .and_then(|at| all.get(at.checked_sub(1)?));
            match by_number.or_else(|| pick(&said, all)) {
                Some((id, _)) => return Ok(Some(*id)),
                None => self.say("That is none of them."),
            }
        }
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        match self.input.read_line(&mut line) {
            Ok(1..) => Ok(line),
            Ok(0) | Err(_) => {
                let text = "nobody answers: nothing was written";
                Err(Failure::new(
                    "E_USAGE",
                    exit::USAGE,
                    text,
                    "`shanty init --help` has a flag for each question.",
                ))
            }
        }
    }

    /// Asks for a line that is not shown while it is typed.
    pub(super) fn ask_hidden(&mut self, question: &str) -> Result<Zeroizing<String>, Failure> {
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).ok();
        if let Some(mut silent) = before.clone() {
            silent.local_modes.remove(LocalModes::ECHO);
            tcsetattr(&stdin, OptionalActions::Flush, &silent).ok(); // then it is shown
        }
        let said = self.ask(question, None).map(Zeroizing::new);
        if let Some(before) = before {
            tcsetattr(&stdin, OptionalActions::Now, &before).ok(); // the shell sets it too
            self.say("");
        }
        said
    }
}

/// One of a list by its id or its name, with or without `#`.
pub(super) fn pick<'a>(said: &str, all: &'a [(u64, String)]) -> Option<&'a (u64, String)> {
    let bare = said.trim_start_matches('#');
    let by_id = all.iter().find(|(id, _)| id.to_string() == bare);
    by_id.or_else(|| {
        let mut named = all
            .iter()
            .filter(|(_, name)| name.trim_start_matches('#') == bare);
        // Two of one name are told apart by their ids only.
        named.next().filter(|_| named.next().is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<(u64, String)> {
        let named = [
            (11, "#ops"),
            (12, "#general"),
            (13, "#twice"),
            (14, "#twice"),
        ];
        named.map(|(id, name)| (id, name.to_owned())).to_vec()
    }

    fn chosen(typed: &str, may_skip: bool) -> (Result<Option<u64>, Failure>, String) {
        let mut output = Vec::new();
        let mut talk = Talk::new(typed.as_bytes(), &mut output);
        let chosen = talk.choose("Which", &all(), may_skip);
        (chosen, String::from_utf8(output).unwrap())
    }

    #[test]
    fn one_is_chosen_by_number_name_or_id() {
        for (typed, id) in [
            ("2\n", 12),
            ("ops\n", 11),
            ("#general\n", 12),
            ("14\n", 14),
            ("0\n5\nx\n1\n", 11),
        ] {
            assert_eq!(chosen(typed, false).0.unwrap(), Some(id), "{typed:?}");
        }
        let (asked_again, said) = chosen("\ntwice\n3\n", false);
        assert_eq!(asked_again.unwrap(), Some(13));
        assert_eq!(said.matches("That is none of them.").count(), 2, "{said}");
        assert!(said.starts_with("    1  #ops\n"), "{said}");
        assert_eq!(chosen("\n", true).0.unwrap(), None);
        assert_eq!(
            chosen("", true).0.unwrap_err().exit,
            exit::USAGE,
            "the end is no answer"
        );
    }

    #[test]
    fn an_empty_line_is_what_stands_in_brackets() {
        let mut output = Vec::new();
        let mut talk = Talk::new("\n given \n".as_bytes(), &mut output);
        assert_eq!(talk.ask("Name", Some("a.example")).unwrap(), "a.example");
        assert_eq!(talk.ask("Name", Some("a.example")).unwrap(), "given");
        assert_eq!(
            String::from_utf8(output).unwrap(),
            "Name [a.example]: Name [a.example]: "
        );
    }
}
