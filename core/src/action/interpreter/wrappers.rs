//! Programs that run another one: where that stands among their arguments.

use super::super::template::Template;
use super::{Found, base};
use crate::order::Variable;

/// A program that runs another one.
struct Wrapper {
    names: &'static [&'static str],
    /// Flags with a value behind them.
    valued: &'static [&'static str],
    /// Arguments before the program.
    operands: usize,
    /// Whether `NAME=value` may stand before the program.
    assigns: bool,
    /// Flags behind which code stands.
    code: &'static [&'static str],
}

const NONE: Wrapper = Wrapper {
    names: &[],
    valued: &[],
    operands: 0,
    assigns: false,
    code: &[],
};

const WRAPPERS: &[Wrapper] = &[
    Wrapper {
        names: &["env"],
        valued: &["-u", "-C", "-a", "--unset", "--chdir", "--argv0"],
        assigns: true,
        code: &["-S", "--split-string"],
        ..NONE
    },
    Wrapper {
        names: &["sudo", "doas", "sudo-rs"],
        valued: &[
            "-u",
            "-g",
            "-p",
            "-C",
            "-D",
            "-h",
            "-r",
            "-t",
            "-T",
            "-R",
            "-U",
            "--user",
            "--group",
            "--prompt",
            "--chdir",
            "--host",
            "--role",
            "--type",
            "--chroot",
            "--close-from",
            "--command-timeout",
        ],
        assigns: true,
        ..NONE
    },
    Wrapper {
        names: &[
            "nice", "ionice", "stdbuf", "time", "strace", "ltrace", "unshare", "nsenter",
            "cpulimit", "prlimit",
        ],
        valued: &[
            "-n",
            "-c",
            "-p",
            "-P",
            "-u",
            "-i",
            "-o",
            "-e",
            "-f",
            "-t",
            "-S",
            "-G",
            "-w",
            "-l",
            "-s",
            "--adjustment",
            "--class",
            "--classdata",
            "--input",
            "--output",
            "--error",
            "--format",
            "--target",
        ],
        ..NONE
    },
    Wrapper {
        names: &[
            "nohup",
            "setsid",
            "command",
            "exec",
            "builtin",
            "busybox",
            "toybox",
            "catchsegv",
            "xvfb-run",
            "dbus-run-session",
            "chronic",
            "unbuffer",
            "systemd-cat",
            "systemd-inhibit",
            "faketime",
            "setarch",
            "linux32",
            "linux64",
            "fakeroot",
            "tini",
            "dumb-init",
        ],
        valued: &[
            "-t",
            "-p",
            "-a",
            "-s",
            "--who",
            "--why",
            "--what",
            "--identifier",
            "--priority",
        ],
        ..NONE
    },
    Wrapper {
        names: &["timeout", "chroot", "taskset", "chrt"],
        valued: &["-k", "-s", "-T", "-P", "-D", "--kill-after", "--signal"],
        operands: 1,
        ..NONE
    },
    Wrapper {
        names: &["flock"],
        valued: &["-w", "-E", "--timeout", "--wait", "--conflict-exit-code"],
        operands: 1,
        code: &["-c", "--command"],
        ..NONE
    },
    Wrapper {
        names: &["systemd-run"],
        valued: &[
            "-p",
            "-u",
            "-E",
            "-G",
            "-M",
            "-H",
            "--unit",
            "--property",
            "--description",
            "--slice",
            "--uid",
            "--gid",
            "--setenv",
            "--machine",
            "--host",
            "--on-calendar",
            "--on-active",
            "--nice",
            "--working-directory",
        ],
        ..NONE
    },
    Wrapper {
        names: &[
            "setpriv",
            "capsh",
            "runuser",
            "s6-setuidgid",
            "gosu",
            "su-exec",
            "setuidgid",
            "chpst",
            "firejail",
        ],
        valued: &[
            "-u", "-g", "-G", "--reuid", "--regid", "--groups", "--user", "--group",
        ],
        code: &["-c", "--command", "--session-command"],
        ..NONE
    },
];

/// Programs that run one in a container, behind the word `exec` or `run` and the name of that container.
const CONTAINERS: [&str; 8] = [
    "docker", "podman", "nerdctl", "kubectl", "oc", "lxc", "incus", "crictl",
];

const CONTAINER: Wrapper = Wrapper {
    valued: &[
        "-u",
        "-e",
        "-w",
        "-c",
        "-n",
        "-l",
        "-v",
        "-p",
        "-m",
        "-h",
        "--user",
        "--env",
        "--workdir",
        "--env-file",
        "--detach-keys",
        "--index",
        "--container",
        "--namespace",
        "--context",
        "--name",
        "--network",
        "--volume",
        "--mount",
        "--publish",
        "--entrypoint",
        "--label",
        "--memory",
        "--cpus",
        "--hostname",
        "--restart",
    ],
    operands: 1,
    ..NONE
};

/// Where the program stands that the one at this place runs: nothing when it runs none. A placeholder in that place is an error.
pub(super) fn find(name: &str, elements: &[Template], at: usize) -> Option<Result<usize, Found>> {
    if CONTAINERS.contains(&name) {
        let rest = elements.iter().enumerate().skip(at + 1);
        let mut words = rest.filter_map(|(at, element)| Some((at, element.literal()?)));
        let verb = words.find(|(_, word)| matches!(*word, "exec" | "run"))?;
        return skip(&CONTAINER, name, elements, verb.0 + 1).transpose();
    }
    // Without a user in its options it takes one as `su` does, and a shell reads the rest.
    let as_su = name == "runuser"
        && !elements.iter().any(|element| {
            element.lead().starts_with("-u") || element.lead().starts_with("--user")
        });
    if as_su {
        return None;
    }
    let single = matches!(
        name,
        "gosu" | "su-exec" | "setuidgid" | "s6-setuidgid" | "chpst"
    );
    let wrapper = WRAPPERS
        .iter()
        .find(|wrapper| wrapper.names.contains(&name))?;
    if single {
        let with_user = Wrapper {
            operands: 1,
            ..*wrapper
        };
        return skip(&with_user, name, elements, at + 1).transpose();
    }
    skip(wrapper, name, elements, at + 1).transpose()
}

/// Goes over what is the wrapper's own. Nothing when no program follows.
fn skip(
    wrapper: &Wrapper,
    name: &str,
    elements: &[Template],
    from: usize,
) -> Result<Option<usize>, Found> {
    let mut operands = wrapper.operands;
    let mut ended = false;
    let mut at = from;
    while let Some(element) = elements.get(at) {
        let lead = element.lead();
        let whole = element.literal();
        if !ended && whole == Some("--") {
            ended = true;
        } else if !ended && lead.starts_with('-') && lead.len() > 1 {
            if let Some(flag) = wrapper.code_flag(lead) {
                let slot = elements
                    .iter()
                    .skip(at)
                    .position(|element| element.literal().is_none());
                return match slot {
                    Some(slot) => Err(found(at + slot, format!("{name} {flag}"), false)),
                    None => Ok(None),
                };
            }
            at += usize::from(whole.is_some_and(|flag| wrapper.takes_value(flag)));
        } else if wrapper.assigns && assigns(lead) {
            // The value of a variable.
        } else if operands > 0 {
            operands -= 1;
        } else if whole.is_some() {
            return Ok(Some(at));
        } else {
            return Err(found(at, name.to_owned(), true));
        }
        at += 1;
    }
    Ok(None)
}

fn found(element: usize, reader: String, is_program: bool) -> Found {
    Found {
        element,
        reader: base(&reader).to_owned(),
        free_only: false,
        is_program,
    }
}

/// Whether a text begins by setting a variable that takes over no program.
fn assigns(lead: &str) -> bool {
    lead.split_once('=')
        .is_some_and(|(name, _)| Variable::new(name.to_owned(), String::new()).is_ok())
}

impl Wrapper {
    fn code_flag(&self, text: &str) -> Option<&'static str> {
        let mut flags = self.code.iter();
        flags.find(|flag| is_flag(text, flag)).copied()
    }

    fn takes_value(&self, text: &str) -> bool {
        match text.starts_with("--") {
            true => self.valued.contains(&text),
            // `-n5` has its value already; of `-it` the last letter may have one.
            false => {
                let last = text.chars().next_back().map(|c| format!("-{c}"));
                last.is_some_and(|last| self.valued.contains(&last.as_str()))
            }
        }
    }
}

/// Whether a text is this flag, also among other letters or with its value attached.
fn is_flag(text: &str, flag: &str) -> bool {
    match flag.strip_prefix("--") {
        Some(long) => text.strip_prefix("--").is_some_and(|typed| {
            let typed = typed.split('=').next().unwrap_or(typed);
            !typed.is_empty() && long.starts_with(typed)
        }),
        None => !text.starts_with("--") && flag.chars().nth(1).is_some_and(|c| text.contains(c)),
    }
}
