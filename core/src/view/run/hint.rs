//! A hint for words of bash that another shell did not know: the commonest reason why what works in a terminal fails here.

use super::groups::{Printed, Told};
use crate::output::colours;
use crate::run::{Run, What};

/// What dash, or busybox, says of words that only bash knows, after its own name.
const BASH_ONLY: [&str; 16] = [
    ": [[: not found",
    ": source: not found",
    ": shopt: not found",
    ": declare: not found",
    ": typeset: not found",
    ": let: not found",
    ": pushd: not found",
    ": popd: not found",
    ": mapfile: not found",
    ": readarray: not found",
    ": function: not found",
    "Bad substitution",
    "bad substitution",
    "Syntax error: \"(\" unexpected",
    "Syntax error: redirection unexpected",
    "Illegal option -o pipefail",
];

/// What to do about it, when what some host printed says so. A shell of its own that the host names is not spoken of.
pub(super) fn of(run: &Run, groups: &[Told]) -> Option<String> {
    if !matches!(run.spec.what, What::Shell(_)) {
        return None;
    }
    let told = |told: &&Told| {
        let usual = |agent| {
            let outcome = run.execution(agent).and_then(|e| e.outcome());
            outcome.is_some_and(|outcome| outcome.shell.is_none())
        };
        told.group.hosts.iter().any(|(agent, _)| usual(*agent)) && says_so(&told.printed)
    };
    groups.iter().find(told)?;
    Some(
        "`/bin/sh` read this, and some of it is bash: `bash -c '…'` runs it, or `shell` in `[command]` of agent.toml makes it the rule"
            .to_owned(),
    )
}

fn says_so(printed: &Printed) -> bool {
    let Printed::Text { excerpt, .. } = printed else {
        return false;
    };
    let ends = excerpt.ends(usize::MAX, usize::MAX);
    let line = |line: &str| {
        let line = colours::stripped(line);
        let by_sh = line.starts_with("/bin/sh: ") || line.starts_with("sh: ");
        by_sh && BASH_ONLY.iter().any(|said| line.contains(said))
    };
    ends.head.lines().chain(ends.tail.lines()).any(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_plain_shell_itself_says_is_a_hint() {
        for said in [
            "/bin/sh: 1: [[: not found",
            "before\n/bin/sh: 3: source: not found\nafter\n",
            "/bin/sh: 1: Bad substitution",
            "/bin/sh: 1: Syntax error: \"(\" unexpected",
            "/bin/sh: 1: set: Illegal option -o pipefail",
            "sh: [[: not found",
        ] {
            assert!(says_so(&Printed::text(said)), "{said}");
        }
        for other in [
            "",
            "/bin/sh: 1: nginx: not found",
            "my log: [[: not found",
            "/bin/bash: line 1: source: filename argument required",
            "/bin/sh: 1: cannot open [[: No such file",
        ] {
            assert!(!says_so(&Printed::text(other)), "{other}");
        }
        assert!(!says_so(&Printed::Nothing) && !says_so(&Printed::Binary(9)));
    }
}
