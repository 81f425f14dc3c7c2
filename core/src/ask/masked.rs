//! What is answered, without secrets: commands may hold them, and are shown in many places. What runs is never touched.

use std::sync::Arc;

use super::{Answer, Snapshot};
use crate::output::mask::Masks;
use crate::refusal::{Meant, Refusal};
use crate::run::Run;

impl Answer {
    /// The same with every command masked.
    #[must_use]
    pub fn masked(self, masks: &Masks) -> Self {
        if masks.is_empty() {
            return self;
        }
        match self {
            Self::Accepted(snapshot) => {
                Self::Accepted(Arc::new(Snapshot::clone(&snapshot).masked(masks)))
            }
            Self::Previewed(mut preview) => {
                if let Some(spec) = preview.spec.masked(masks) {
                    preview.spec = spec;
                }
                Self::Previewed(preview)
            }
            Self::Hosts(mut view) => {
                let runs = view.runs.into_iter();
                view.runs = runs.map(|run| masked(run, masks)).collect();
                Self::Hosts(view)
            }
            Self::Choices(mut choices) => {
                for choice in &mut choices {
                    choice.label = masks.text(&choice.label);
                }
                Self::Choices(choices)
            }
            Self::Runs(runs) => {
                Self::Runs(runs.into_iter().map(|run| masked(run, masks)).collect())
            }
            Self::Run(run) => Self::Run(masked(run, masks)),
            other @ (Self::TakenBack
            | Self::Cancelled(_)
            | Self::Steered(_)
            | Self::Hold(_)
            | Self::Inventory(_)
            | Self::HostRemoved { .. }
            | Self::NameFreed { .. }
            | Self::TokenCreated { .. }
            | Self::TokenRevoked
            | Self::Configured
            | Self::AuthorityChanged
            | Self::History(_)
            | Self::Groups(_)
            | Self::Tokens(_)
            | Self::Rights(_)
            | Self::Welcome) => other,
        }
    }
}

impl Refusal {
    /// The same without secrets: it may repeat a command.
    #[must_use]
    pub fn masked(mut self, masks: &Masks) -> Self {
        if masks.is_empty() {
            return self;
        }
        self.what = masks.text(&self.what);
        self.next = masks.text(&self.next);
        if let Some(Meant::Plain { shown, .. }) = self.meant.as_deref_mut() {
            *shown = masks.text(shown);
        }
        self
    }
}

impl Snapshot {
    /// The same with its command masked.
    #[must_use]
    pub fn masked(self, masks: &Masks) -> Self {
        Self {
            run: masked(self.run, masks),
            ..self
        }
    }
}

/// A run with its command masked; nothing is copied when there is nothing to mask.
fn masked(run: Arc<Run>, masks: &Masks) -> Arc<Run> {
    let Some(spec) = run.spec.masked(masks) else {
        return run;
    };
    let mut run = Run::clone(&run);
    run.spec = Arc::new(spec);
    Arc::new(run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunNumber;
    use crate::output::mask::Secret;
    use crate::run::{About, Input, Spec, What};

    fn run(what: What) -> Arc<Run> {
        let spec = Spec {
            what,
            ..Spec::example(Vec::new())
        };
        Arc::new(Run::new(RunNumber(1), spec, 5))
    }

    #[test]
    fn a_command_is_masked_wherever_it_is_answered_and_no_other_is_copied() {
        let masks = Masks::new(&[Secret::new(b"s3cret-value").unwrap()], true);
        let shell = run(What::Shell("login s3cret-value".to_owned()));
        let words = ["/bin/x", "--pass", "s3cret-value"].map(str::to_owned);
        let argv = run(What::Argv(words.into()));
        let plain = run(What::Shell("uptime".to_owned()));
        let runs = vec![Arc::clone(&shell), argv, Arc::clone(&plain)];
        let Answer::Runs(shown) = Answer::Runs(runs).masked(&masks) else {
            panic!("another answer")
        };
        let texts: Vec<_> = shown.iter().map(|run| run.spec.what.text()).collect();
        assert_eq!(texts[0], "login [masked]");
        assert!(!texts[1].contains("s3cret") && texts[1].contains("[masked]"));
        assert!(Arc::ptr_eq(&shown[2], &plain));
        assert_eq!(shell.spec.what.text(), "login s3cret-value");
        let given = Input::example();
        let given = Input {
            about: About {
                head: "TOKEN=s3cret-value".to_owned(),
                ..given.about.clone()
            },
            ..given
        };
        let spec = Spec {
            input: Some(given),
            ..Spec::example(Vec::new())
        };
        let scripted = Arc::new(Run::new(RunNumber(1), spec, 5));
        let Answer::Run(shown) = Answer::Run(scripted).masked(&masks) else {
            panic!("another answer")
        };
        let about = &shown.spec.input.as_ref().unwrap().about;
        assert_eq!(about.head, "TOKEN=[masked]");
        let snapshot = Snapshot {
            run: shell,
            run_as: Vec::new(),
            spool_full: Vec::new(),
        };
        let Answer::Accepted(shown) = Answer::Accepted(Arc::new(snapshot)).masked(&masks) else {
            panic!("another answer")
        };
        assert_eq!(shown.run.spec.what.text(), "login [masked]");
    }
}
