//! What is different between two configurations: what a running controller can take, and what takes a restart.

use std::fmt::Debug;

use shanty_core::policy::Grant;

use super::Config;

/// The differences, for people: a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What counts at once.
    pub taken: Vec<String>,
    /// What counts after a restart.
    pub restart: Vec<String>,
}

impl Config {
    /// What is different in a newer configuration: in what can be taken since `self` was, and in the rest since `started` was. Whether the
    /// token is another one is not known here.
    #[must_use]
    pub fn changes(&self, started: &Self, newer: &Self) -> Changes {
        let mut taken = grants(&self.policy.grants, &newer.policy.grants);
        let (old, new) = (&self.limits, &newer.limits);
        let mut limit = |key: &str, old: u64, new: u64| {
            if old != new {
                taken.push(format!("limits: {key} {old} -> {new}"));
            }
        };
        limit("grace_ms", old.grace_ms, new.grace_ms);
        limit(
            "confirm_hosts",
            wide(old.confirm_hosts),
            wide(new.confirm_hosts),
        );
        limit(
            "person_runs",
            wide(old.rates.person),
            wide(new.rates.person),
        );
        limit(
            "person_running",
            wide(old.rates.person_running),
            wide(new.rates.person_running),
        );
        limit(
            "channel_running",
            wide(old.rates.channel_running),
            wide(new.rates.channel_running),
        );
        limit(
            "channel_runs",
            wide(old.rates.channel),
            wide(new.rates.channel),
        );
        if self.mask != newer.mask {
            taken.push("mask: other files".to_owned());
        }
        Changes {
            taken,
            restart: started.needs_restart(newer),
        }
    }

    /// The keys in which a newer configuration is different and that are only read at a start.
    fn needs_restart(&self, newer: &Self) -> Vec<String> {
        let mut keys = Vec::new();
        let mut note = |key: &str, differs: bool| {
            if differs {
                keys.push(key.to_owned());
            }
        };
        note("data_dir", self.data_dir != newer.data_dir);
        match (&self.discord, &newer.discord) {
            (Some(old), Some(new)) => {
                note("discord.guilds", old.guilds != new.guilds);
                note("discord.ops_channel", old.ops_channel != new.ops_channel);
                note(
                    "discord.audit_channel",
                    old.audit_channel != new.audit_channel,
                );
                note("discord.api", old.api != new.api);
            }
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => note("discord", true),
        }
        note("listen", differs(&self.listen, &newer.listen));
        note("public", differs(&self.public, &newer.public));
        note(
            "chat",
            differs(&self.style, &newer.style) || self.gone_ms != newer.gone_ms,
        );
        note(
            "limits.output_max",
            self.limits.output_max != newer.limits.output_max,
        );
        note("install.artifacts", self.artifacts != newer.artifacts);
        note("install.roots", self.roots != newer.roots);
        note("identities", self.identities != newer.identities);
        note("retention", self.retention != newer.retention);
        keys
    }
}

/// Grants by their ids, in the order of the newer ones; those that are gone last.
fn grants(old: &[Grant], new: &[Grant]) -> Vec<String> {
    let named = |all: &[Grant], id: &str| all.iter().position(|grant| grant.id == id);
    let mut lines = Vec::new();
    for grant in new {
        match named(old, &grant.id).and_then(|at| old.get(at)) {
            None => lines.push(format!("grant {}: added", grant.id)),
            Some(before) if differs(before, grant) => {
                lines.push(format!("grant {}: changed", grant.id))
            }
            Some(_) => {}
        }
    }
    let gone = old.iter().filter(|grant| named(new, &grant.id).is_none());
    lines.extend(gone.map(|grant| format!("grant {}: removed", grant.id)));
    lines
}

/// Selectors and styles say all that they are when they are printed, and cannot be compared otherwise.
fn differs<T: Debug>(old: &T, new: &T) -> bool {
    format!("{old:?}") != format!("{new:?}")
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"
data_dir = "/d"
[discord]
token_file = "/t"
guilds = ["1"]
[[grant]]
id = "ops"
who = { roles = ["3"] }
where = { channels = ["5"] }
what = ["view", "run"]
hosts = "env=prod"
[[grant]]
id = "dev"
who = { roles = ["4"] }
where = { channels = ["5"] }
what = ["view"]
hosts = "env=dev"
[limits]
confirm_hosts = 10
"#;

    fn changes(edits: &[(&str, &str)]) -> Changes {
        let parse = |text: &str| Config::parse("x", text).unwrap();
        let newer = edits.iter().fold(OLD.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        parse(OLD).changes(&parse(OLD), &parse(&newer))
    }

    #[test]
    fn what_can_be_taken_is_told_by_its_name() {
        assert_eq!(changes(&[]), Changes::default());
        let taken = |edits: &[(&str, &str)]| {
            let changes = changes(edits);
            assert!(changes.restart.is_empty(), "{changes:?}");
            changes.taken
        };
        assert_eq!(
            taken(&[("\"env=prod\"", "\"env=stage\"")]),
            ["grant ops: changed"]
        );
        assert_eq!(
            taken(&[("roles = [\"4\"]", "people = [\"4\"]")]),
            ["grant dev: changed"]
        );
        assert_eq!(
            taken(&[("id = \"dev\"", "id = \"lab\"")]),
            ["grant lab: added", "grant dev: removed"]
        );
        assert_eq!(
            taken(&[("confirm_hosts = 10", "confirm_hosts = 3\ngrace_ms = 5000")]),
            [
                "limits: grace_ms 10000 -> 5000",
                "limits: confirm_hosts 10 -> 3"
            ]
        );
        assert_eq!(
            taken(&[("[limits]", "[mask]\nfiles = [\"/s\"]\n[limits]")]),
            ["mask: other files"]
        );
    }

    #[test]
    fn what_takes_a_restart_is_told_by_its_key() {
        for (from, to, key) in [
            (
                "guilds = [\"1\"]",
                "guilds = [\"1\", \"2\"]",
                "discord.guilds",
            ),
            (
                "guilds = [\"1\"]",
                "guilds = [\"1\"]\napi = \"http://127.0.0.1:1\"",
                "discord.api",
            ),
            (
                "[limits]",
                "[listen]\nagents = \"0.0.0.0:1\"\n[limits]",
                "listen",
            ),
            ("[limits]", "[public]\nagents = \"a:1\"\n[limits]", "public"),
            ("[limits]", "[chat]\nthread = \"auto\"\n[limits]", "chat"),
            ("[limits]", "[chat]\nnews = \"off\"\n[limits]", "chat"),
            (
                "[limits]",
                "[limits]\noutput_max = 1048576",
                "limits.output_max",
            ),
            (
                "[limits]",
                "[retention]\noutput = \"1d\"\n[limits]",
                "retention",
            ),
            (
                "[limits]",
                "[install]\nartifacts = \"/a\"\n[limits]",
                "install.artifacts",
            ),
            (
                "[limits]",
                "[install]\nroots = \"/r\"\n[limits]",
                "install.roots",
            ),
        ] {
            let changes = changes(&[(from, to)]);
            assert_eq!(
                (changes.taken.as_slice(), changes.restart.as_slice()),
                ([].as_slice(), [key.to_owned()].as_slice()),
                "{to}"
            );
        }
        let data = changes(&[("\"/d\"", "\"/e\"")]);
        assert_eq!(data.restart, ["data_dir", "listen"], "the socket is in it");
        let ops = changes(&[("guilds = [\"1\"]", "guilds = [\"1\"]\nops_channel = \"7\"")]);
        assert_eq!(
            ops.restart,
            ["discord.ops_channel", "discord.audit_channel"]
        );
    }
}
