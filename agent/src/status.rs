//! `shanty-agent status`: what this host is to Shanty and whether it is up, at a glance. The network is not used, and nothing is changed;
//! the doctor looks further.

mod look;
mod units;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shanty_core::text::{duration, utc};

pub(crate) use look::{Options, look, under_way};
pub(crate) use units::{Asked, Unit};

/// What was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen<T> {
    /// This is it.
    Known(T),
    /// There is none.
    None,
    /// This user may not look.
    Hidden,
    /// It is there, and no use.
    Broken(String),
}

impl<T> Seen<T> {
    const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::None | Self::Hidden | Self::Broken(_) => None,
        }
    }
}

/// Who this host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) agent: String,
    /// The address that the link dials.
    pub(crate) controller: String,
    pub(crate) run_as: Vec<String>,
}

/// One process of the agent: the link, the executor, or both in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// Nothing when this user may not look.
    pub(crate) runs: Option<bool>,
    /// What systemd says of it, where it is a unit.
    pub(crate) unit: Option<Unit>,
}

/// What was last tried of an update, as the updater writes it; what else it writes is its own affair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Update {
    pub(crate) version: String,
    /// What there was before.
    pub(crate) from: String,
    /// When it was decided, Unix seconds.
    pub(crate) at: u64,
    pub(crate) outcome: Outcome,
    /// Why it came back.
    pub(crate) reason: Option<String>,
}

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Trying,
    InUse,
    CameBack,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) now_ms: u64,
    pub(crate) version: &'static str,
    pub(crate) host: Seen<Host>,
    pub(crate) parts: Vec<Part>,
    /// When the certificate runs out.
    pub(crate) certificate_ms: Seen<u64>,
    /// Executions under way.
    pub(crate) runs: Seen<usize>,
    /// What `host.toml` says.
    pub(crate) policy: Seen<String>,
    pub(crate) update: Seen<Update>,
}

impl Status {
    /// Whether everything that must run does, and has a link as far as anybody here knows; nothing when that cannot be seen.
    pub(crate) fn is_up(&self) -> Option<bool> {
        if matches!(self.host, Seen::None) {
            return Some(false);
        }
        let each: Vec<Option<bool>> = self.parts.iter().map(Part::is_up).collect();
        if each.contains(&Some(false)) {
            return Some(false);
        }
        (!each.contains(&None)).then_some(true)
    }

    /// As people read it.
    pub(crate) fn text(&self) -> String {
        let mut text = self.headline();
        let mut row = |name: &str, said: String| text.push_str(&format!("\n  {name:11}  {said}"));
        row("version", format!("shanty-agent {}", self.version));
        match &self.host {
            Seen::Known(host) => {
                row("id", host.agent.clone());
                row("controller", host.controller.clone());
            }
            Seen::Hidden => row("host", HIDDEN.to_owned()),
            Seen::Broken(why) => row("host", why.clone()),
            Seen::None => {
                row("host", JOIN.to_owned());
                return text;
            }
        }
        for part in &self.parts {
            row(part.name, part.text());
            if let Some(mend) = part.mend() {
                row("", format!("→ {mend}"));
            }
        }
        row("certificate", self.certificate());
        row(
            "runs",
            or(&self.runs, |runs| match runs {
                0 => "none under way".to_owned(),
                runs => format!("{runs} under way"),
            }),
        );
        row("policy", self.policy());
        row(
            "update",
            or(&self.update, |update| update.text(self.now_ms)),
        );
        text
    }

    /// As programs read it.
    pub(crate) fn json(&self) -> Value {
        let host = self.host.known();
        json!({
            "event": "status",
            "up": self.is_up(),
            "version": self.version,
            "joined": match self.host { Seen::None => Some(false), Seen::Hidden => None, Seen::Known(_) | Seen::Broken(_) => Some(true) },
            "name": host.map(|host| &host.name),
            "agent": host.map(|host| &host.agent),
            "controller": host.map(|host| &host.controller),
            "run_as": host.map(|host| &host.run_as),
            "parts": self.parts.iter().map(Part::json).collect::<Vec<_>>(),
            "certificate_until_ms": self.certificate_ms.known(),
            "runs_under_way": self.runs.known(),
            "policy": self.policy.known(),
            "update": self.update.known(),
            "unseen": self.unseen(),
        })
    }

    fn headline(&self) -> String {
        let name = self.host.known().map(|host| host.name.as_str());
        let (begins, who) = (name.unwrap_or("This host"), name.unwrap_or("this host"));
        match (&self.host, self.is_up()) {
            (Seen::None, _) => "This host has not joined.".to_owned(),
            (_, Some(true)) => format!("{begins} is up."),
            (_, Some(false)) => format!("{begins} is not up."),
            (_, None) => format!("This user may not see whether {who} is up: run it as root."),
        }
    }

    fn certificate(&self) -> String {
        or(&self.certificate_ms, |until| {
            let at = utc(*until);
            match until.checked_sub(self.now_ms) {
                Some(left) => format!("good until {at} UTC, {} left", duration(left)),
                None => format!("ran out at {at} UTC"),
            }
        })
    }

    fn policy(&self) -> String {
        let run_as = self.host.known().map(|host| host.run_as.join(", "));
        let run_as = run_as.filter(|names| !names.is_empty());
        let run_as = run_as.map_or_else(String::new, |names| format!("; commands run as {names}"));
        match &self.policy {
            Seen::None => format!("no host.toml{run_as}"),
            policy => or(policy, |mode| {
                format!("host.toml says mode = \"{mode}\"{run_as}")
            }),
        }
    }

    /// Names of what this user may not see.
    fn unseen(&self) -> Vec<&'static str> {
        let hidden = [
            ("host", matches!(self.host, Seen::Hidden)),
            ("certificate", matches!(self.certificate_ms, Seen::Hidden)),
            ("runs", matches!(self.runs, Seen::Hidden)),
            ("policy", matches!(self.policy, Seen::Hidden)),
            ("update", matches!(self.update, Seen::Hidden)),
        ];
        let hidden = hidden.into_iter().filter(|(_, hidden)| *hidden);
        let parts = self.parts.iter().filter(|part| part.runs.is_none());
        hidden
            .map(|(name, _)| name)
            .chain(parts.map(|part| part.name))
            .collect()
    }
}

const HIDDEN: &str = "this user may not see it: run it as root";

const JOIN: &str =
    "install with the line that `/host add` or `shanty token create --install` prints";

fn or<T>(seen: &Seen<T>, known: impl FnOnce(&T) -> String) -> String {
    match seen {
        Seen::Known(it) => known(it),
        Seen::None => "none".to_owned(),
        Seen::Hidden => HIDDEN.to_owned(),
        Seen::Broken(why) => why.clone(),
    }
}

impl Part {
    fn is_up(&self) -> Option<bool> {
        let said = self.unit.as_ref().map(|unit| unit.says.as_str());
        match (self.runs?, said) {
            (true, Some(said)) if !said.is_empty() => Some(said.starts_with(units::WORKS)),
            (runs, _) => Some(runs),
        }
    }

    fn text(&self) -> String {
        let runs = match self.runs {
            Some(true) => "runs",
            Some(false) => "does not run",
            None => return HIDDEN.to_owned(),
        };
        match &self.unit {
            Some(unit) => format!("{runs}; {}", unit.text()),
            None => runs.to_owned(),
        }
    }

    /// What to do, where it is not up.
    fn mend(&self) -> Option<String> {
        if self.is_up() != Some(false) {
            return None;
        }
        let Some(unit) = &self.unit else {
            return Some("start it: `shanty-agent run`".to_owned());
        };
        Some(match (self.runs, unit.exit) {
            (Some(false), units::REVOKED) => {
                "the controller removed this host or took its identity back: join again with a new token".to_owned()
            }
            (Some(false), 0) => format!("systemctl enable --now {}", unit.name),
            _ => format!("`journalctl -u {}` says why; `shanty-agent doctor` looks further", unit.name),
        })
    }

    fn json(&self) -> Value {
        let unit = self.unit.as_ref();
        json!({
            "part": self.name,
            "up": self.is_up(),
            "runs": self.runs,
            "unit": unit.map(|unit| &unit.name),
            "state": unit.map(|unit| &unit.state),
            "says": unit.map(|unit| &unit.says),
            "exit": unit.map(|unit| unit.exit),
            "program": unit.and_then(|unit| unit.program.as_ref()),
        })
    }
}

impl Update {
    fn text(&self, now_ms: u64) -> String {
        let ago = duration(now_ms.saturating_sub(self.at.saturating_mul(1_000)));
        let (version, from) = (&self.version, &self.from);
        let why = self.reason.as_deref().unwrap_or("nobody knows why");
        match self.outcome {
            Outcome::Trying => format!("{version} is being tried since {ago}; before it {from}"),
            Outcome::InUse => format!("to {version}, {ago} ago; before it {from}"),
            Outcome::CameBack => {
                format!("{version} was tried {ago} ago, and {from} came back: {why}")
            }
        }
    }
}

#[cfg(test)]
mod tests;
