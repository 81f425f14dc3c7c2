//! What people paste to install an agent on a host: one line, and the same for other tools. The token goes through a pipe, so that it stands in
//! no arguments, which others on the host read, and in no address, which proxies log. When the script does not come, the line fails: `exit 1`
//! comes instead, on a line of its own, which does nothing in a script that was cut off.

use std::fmt;
use std::str::FromStr;

/// Where agents are installed from, and how a downloader knows that it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// host:port of the join listener.
    pub address: String,
    /// Keys of that listener, in the form of `--pinnedpubkey`.
    pub pins: String,
    /// SHA-256 of the script, in hexadecimal digits.
    pub script_sha256: String,
}

/// Users that commands may run as on a new host; none means what the script takes by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunAs(Vec<String>);

/// A text that names no users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "names of users are letters, digits, `.`, `_` and `-`, with commas between them, such as `deploy,postgres`"
)]
pub struct RunAsError;

impl FromStr for RunAs {
    type Err = RunAsError;

    fn from_str(text: &str) -> Result<Self, RunAsError> {
        let users: Vec<String> = match text.trim() {
            "" => Vec::new(),
            text => text.split(',').map(|user| user.trim().to_owned()).collect(),
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let good = |user: &String| {
            (1..=32).contains(&user.len())
                && !user.starts_with(['-', '.'])
                && user.bytes().all(plain)
        };
        (users.len() <= 16 && users.iter().all(good))
            .then_some(Self(users))
            .ok_or(RunAsError)
    }
}

impl fmt::Display for RunAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

impl RunAs {
    /// For the script, after `sh`.
    fn arguments(&self) -> String {
        match self.0.is_empty() {
            true => String::new(),
            false => format!(" -s -- --run-as {self}"),
        }
    }
}

impl Place {
    fn script(&self) -> String {
        format!("https://{}/i", self.address)
    }

    fn curl(&self) -> String {
        let (pins, script) = (&self.pins, self.script());
        format!("curl -qfsSk --pinnedpubkey '{pins}' {script} || (echo; echo exit 1)")
    }

    /// The line to paste on a host that has curl.
    #[must_use]
    pub fn with_curl(&self, token: &str, run_as: &RunAs) -> String {
        let (curl, arguments) = (self.curl(), run_as.arguments());
        format!("{{ echo SHANTY_TOKEN={token}; {curl}; }} | sudo sh{arguments}")
    }

    /// The same for GNU wget.
    #[must_use]
    pub fn with_wget(&self, token: &str, run_as: &RunAs) -> String {
        let (pins, script, arguments) = (&self.pins, self.script(), run_as.arguments());
        format!(
            "{{ echo SHANTY_TOKEN={token}; wget --no-config -nv -O- --no-check-certificate --pinnedpubkey='{pins}' {script} || (echo; echo exit 1); }} | sudo sh{arguments}"
        )
    }

    /// The same for downloaders that know no pins: what came is compared with the script's digest before any of it runs.
    #[must_use]
    pub fn with_digest(&self, token: &str, run_as: &RunAs) -> String {
        let (script, sha256, arguments) = (self.script(), &self.script_sha256, run_as.arguments());
        format!(
            "f=$(mktemp) && wget -nv -O \"$f\" --no-check-certificate {script} && echo \"{sha256}  $f\" | sha256sum -c - && \
             {{ echo SHANTY_TOKEN={token}; cat \"$f\"; }} | sudo sh{arguments}; s=$?; rm -f \"$f\"; (exit $s)"
        )
    }

    /// User data for cloud-init, for a host that is made.
    #[must_use]
    pub fn cloud_init(&self, token: &str, run_as: &RunAs) -> String {
        let (curl, arguments) = (self.curl(), run_as.arguments());
        let sh = match arguments.is_empty() {
            true => "sh -s --",
            false => &format!("sh{arguments}"),
        };
        format!(
            "#cloud-config\n\
             write_files:\n  \
               - path: /run/shanty-token\n    \
                 permissions: \"0600\"\n    \
                 content: \"{token}\"\n\
             runcmd:\n  \
               - [\"sh\", \"-c\", \"{{ {curl}; }} | {sh} --token-file /run/shanty-token; s=$?; rm -f /run/shanty-token; exit $s\"]\n"
        )
    }

    /// A task for Ansible; the token comes from a variable of the playbook.
    #[must_use]
    pub fn ansible(&self, run_as: &RunAs) -> String {
        let (curl, arguments) = (self.curl(), run_as.arguments());
        format!(
            "- name: Install the Shanty agent\n  \
               become: true\n  \
               no_log: true\n  \
               ansible.builtin.shell:\n    \
                 cmd: >-\n      \
                   read -r token; {{ echo \"SHANTY_TOKEN=$token\"; {curl}; }} | sh{arguments}\n    \
                 stdin: \"{{{{ shanty_token }}}}\"\n    \
                 creates: /var/lib/shanty-agent/identity.pem\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            address: "ctl.example.net:7444".to_owned(),
            pins: "sha256//AAAA=".to_owned(),
            script_sha256: "ab".repeat(32),
        }
    }

    #[test]
    fn every_form_reads_well() {
        let (place, token) = (place(), "sht1.id.secret.pin");
        let (own, deploy) = (RunAs::default(), "deploy, postgres".parse().unwrap());
        let forms = [
            place.with_curl(token, &own),
            place.with_curl(token, &deploy),
            place.with_wget(token, &deploy),
            place.with_digest(token, &deploy),
            place.cloud_init(token, &own),
            place.cloud_init(token, &deploy),
            place.ansible(&deploy),
        ];
        insta::assert_snapshot!(forms.join("\n\n"));
    }

    #[test]
    fn users_have_no_meaning_to_a_shell() {
        for good in ["", " ", "deploy", "www-data,root", "a.b_c-1"] {
            assert!(good.parse::<RunAs>().is_ok(), "{good}");
        }
        for bad in [
            ",",
            "a,",
            "-x",
            "a b",
            "$(reboot)",
            "a;b",
            "a'b",
            "a\nb",
            "ä",
        ] {
            assert_eq!(bad.parse::<RunAs>(), Err(RunAsError), "{bad}");
        }
    }
}
