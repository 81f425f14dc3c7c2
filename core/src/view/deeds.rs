//! What was done on the controller's machine, as the operators' channel shows it: a hold as in chat, everything else in one line each.

use super::answer::hold_card;
use super::fleet::whole_lines;
use super::{Accent, Card, inline_code, mention};
use crate::hold::HoldAnswer;
use crate::ids::{HostName, Labels};
use crate::news::{Deed, Did};
use crate::selector::fold::fold;
use crate::text::{count, cut};

/// Characters of a list of names.
const NAMES_CHARS_MAX: usize = 400;
/// Characters of all lines.
const LINES_CHARS_MAX: usize = 2_000;

/// Deeds that are told together, in the order in which they were done.
#[must_use]
pub fn deeds_card(deeds: &[Deed]) -> Card {
    let mut holds = deeds.iter().filter_map(|deed| match &deed.did {
        Did::Hold(held) => Some((HoldAnswer::Began(held.clone()), deed)),
        Did::EndHold => Some((HoldAnswer::Ended, deed)),
        Did::Label(_)
        | Did::Drain(_)
        | Did::Undrain(_)
        | Did::Release(_)
        | Did::Remove(_)
        | Did::FreeName(_)
        | Did::SaveGroup { .. }
        | Did::RemoveGroup(_)
        | Did::CreateToken { .. }
        | Did::RevokeToken(_) => None,
    });
    // Only how it is now is worth a heading.
    let hold = holds
        .next_back()
        .map(|(answer, deed)| hold_card(&answer, &deed.by, deed.at_ms).0);
    let lines = whole_lines(deeds.iter().filter_map(line), LINES_CHARS_MAX);
    let mut card = hold.unwrap_or_else(|| Card::new(Accent::Grey, Vec::new()));
    if !lines.is_empty() {
        card.texts.push(lines);
    }
    card.texts.push("-# on the controller's machine".to_owned());
    card
}

/// One line for what has no card of its own in chat.
fn line(deed: &Deed) -> Option<String> {
    let did = match &deed.did {
        Did::Hold(_) | Did::EndHold => return None,
        Did::Label(hosts) => labelled(hosts),
        Did::Drain(names) => format!("⏸ drained {}: no new runs go there", folded(names)),
        Did::Undrain(names) => format!("▶ ended the drain of {}", folded(names)),
        Did::Release(names) => format!(
            "🧹 gave up what {} held of runs that are not known here",
            folded(names)
        ),
        Did::Remove(names) => format!("🗑 removed {}", folded(names)),
        Did::FreeName(names) => format!("🔑 freed the name {}", folded(names)),
        Did::SaveGroup { name, selector } => {
            format!("💾 saved `@{name}`: {}", inline_code(selector, 300))
        }
        Did::RemoveGroup(name) => format!("🗑 removed `@{name}`"),
        Did::CreateToken {
            token,
            uses_max,
            expires_ms,
        } => {
            let hosts = count(*uses_max as usize, "host");
            let token = inline_code(token, 40);
            let until = expires_ms / 1_000;
            format!("🔑 made the join token {token} for {hosts}, until <t:{until}:f>")
        }
        Did::RevokeToken(token) => {
            format!("🔑 revoked the join token {}", inline_code(token, 40))
        }
    };
    let (mark, did) = did.split_once(' ').unwrap_or(("", &did));
    Some(format!("{mark} {} {did}", mention(&deed.by)))
}

fn labelled(hosts: &[(HostName, Labels)]) -> String {
    let names: Vec<HostName> = hosts.iter().map(|(name, _)| name.clone()).collect();
    let labels = match hosts {
        [(_, labels)] if labels.is_empty() => ": it has none now".to_owned(),
        [(_, labels)] => format!(": {}", inline_code(&labels.to_string(), 300)),
        _ => String::new(),
    };
    format!("🏷 changed the labels of {}{labels}", folded(&names))
}

fn folded(names: &[HostName]) -> String {
    let folded = fold(names.iter().map(HostName::as_str));
    format!("**{}**", cut(&folded.replace('_', "\\_"), NAMES_CHARS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hold::Held;
    use crate::principal::Principal;

    fn deed(did: Did) -> Deed {
        Deed {
            by: Principal::Local("root".to_owned()),
            at_ms: 1_700_000_000_000,
            did,
        }
    }

    fn held() -> Did {
        Did::Hold(Held {
            by: Some(Principal::Local("root".to_owned())),
            since_ms: 1_700_000_000_000,
            reason: "db *move*".to_owned(),
        })
    }

    #[test]
    fn each_deed_is_a_line_and_a_hold_looks_as_in_chat() {
        let names: Vec<HostName> = ["web-01", "web-02", "db_1"]
            .map(|name| name.parse().unwrap())
            .into();
        let labels = Labels::parse("env=prod").unwrap();
        let each = |name: &HostName| (name.clone(), labels.clone());
        let lines = [
            Did::Drain(names.clone()),
            Did::Undrain(names[..1].to_vec()),
            Did::Label(names.iter().map(each).collect()),
            Did::Label(vec![each(&names[0])]),
            Did::Label(vec![(names[0].clone(), Labels::default())]),
            Did::Remove(names[2..].to_vec()),
            Did::SaveGroup {
                name: "web".to_owned(),
                selector: "role=web".to_owned(),
            },
            Did::RemoveGroup("web".to_owned()),
            Did::CreateToken {
                token: "k7Qm".to_owned(),
                uses_max: 5,
                expires_ms: 1_700_003_600_000,
            },
            Did::RevokeToken("k7Qm".to_owned()),
        ];
        let lines = lines.map(deed);
        let both = [deed(Did::EndHold), lines[0].clone(), deed(held())];
        let shown = |deeds: &[Deed]| {
            let card = deeds_card(deeds);
            format!("{:?}\n{}", card.accent, card.texts.join("\n--\n"))
        };
        let all = [
            shown(&lines),
            shown(&both),
            shown(&[deed(held()), deed(Did::EndHold)]),
        ];
        insta::assert_snapshot!(all.join("\n====\n"));
        let many = vec![lines[0].clone(); 200];
        let long = shown(&many);
        assert!(long.len() < 4_000, "{}", long.len());
    }
}
