//! The names that servers dial: whether they lead anywhere.

use std::net::{IpAddr, ToSocketAddrs as _};

use super::{Check, Finding, Seen};

pub(super) const CHECKS: &[Check] = &[Check {
    name: "public",
    look,
}];

fn look(seen: &Seen) -> Vec<Finding> {
    let public = &seen.config.public;
    let named = [("agents", &public.agents), ("join", &public.join)];
    let named = named
        .into_iter()
        .filter_map(|(key, name)| Some((key, name.as_deref()?)));
    let found: Vec<Finding> = named
        .map(|(key, name)| {
            let found = name
                .to_socket_addrs()
                .map(|all| all.map(|one| one.ip()).collect());
            judged(key, name, found.map_err(|error| error.to_string()))
        })
        .collect();
    if found.is_empty() {
        let said = "nothing in [public]: servers are told the address that they joined by";
        return vec![Finding::good(said)];
    }
    found
}

fn judged(key: &str, name: &str, found: Result<Vec<IpAddr>, String>) -> Finding {
    let mend = format!("Make a record for it in DNS, or change `{key}` in [public].");
    match found {
        Err(why) => Finding::bad(format!("`{key}`: {name} does not resolve: {why}"), mend),
        Ok(found) if found.is_empty() => {
            Finding::bad(format!("`{key}`: {name} resolves to nothing"), mend)
        }
        Ok(found) => {
            let said: Vec<String> = found.iter().map(ToString::to_string).collect();
            let said = format!("`{key}`: {name} is {}", said.join(", "));
            match found.iter().all(IpAddr::is_loopback) {
                true => Finding::warning(format!("{said}: only this machine gets there"), mend),
                false => Finding::good(said),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn names_lead_to_others_or_are_told() {
        let ips = |all: &[&str]| Ok(all.iter().map(|ip| ip.parse().unwrap()).collect());
        for (found, state, said) in [
            (
                ips(&["192.0.2.7"]),
                State::Good,
                "`join`: a.example:7444 is 192.0.2.7",
            ),
            (
                ips(&["127.0.0.1", "::1"]),
                State::Warning,
                "`join`: a.example:7444 is 127.0.0.1, ::1: only this machine gets there",
            ),
            (
                ips(&[]),
                State::Bad,
                "`join`: a.example:7444 resolves to nothing",
            ),
            (
                Err("no such name".to_owned()),
                State::Bad,
                "`join`: a.example:7444 does not resolve: no such name",
            ),
        ] {
            let found = judged("join", "a.example:7444", found);
            assert_eq!((found.state, found.measured.as_str()), (state, said));
            assert_eq!(
                found.mend.contains("`join` in [public]"),
                state != State::Good
            );
        }
    }
}
