//! The bot's token, its application, and how often it may still log in.

use shanty_core::text::{duration, thousands};

use super::{Check, Finding, Seen};
use crate::discord::answers::SessionStarts;
use crate::discord::error::SendError;
use crate::discord::survey::{Application, Found};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "token",
        look: token,
    },
    Check {
        name: "application",
        look: application,
    },
    Check {
        name: "intents",
        look: intents,
    },
    Check {
        name: "logins",
        look: logins,
    },
];

/// Where a token comes from.
const NEW_TOKEN: &str = "Developer portal, your application, Bot, Reset Token: write the new one where the old one is, then `shanty reload`.";

/// With fewer logins left a controller that keeps starting anew loses its token: Discord resets it.
const LOGINS_MIN: u32 = 50;

/// What must be granted by Discord or in the portal, by its bits among the application's flags. The bot asks for none of it.
const PRIVILEGED: [(u64, &str); 3] = [
    ((1 << 12) | (1 << 13), "Presence"),
    ((1 << 14) | (1 << 15), "Server Members"),
    ((1 << 18) | (1 << 19), "Message Content"),
];

fn token(seen: &Seen) -> Vec<Finding> {
    if seen.config.discord.is_none() {
        return vec![Finding::good(
            "there is no [discord]: the command line works without it",
        )];
    }
    if let Some(why) = &seen.no_token {
        let mend = "The token stands on one line of a file that belongs to the controller's user, mode 0600.";
        return vec![Finding::bad(why, mend)];
    }
    let Some(survey) = &seen.survey else {
        return Vec::new();
    };
    vec![match &survey.me {
        Ok(me) if me.bot => Finding::good(format!("the bot {} ({})", me.username, me.id)),
        Ok(me) => Finding::bad(
            format!("it is the token of a person, {} ({})", me.username, me.id),
            NEW_TOKEN,
        ),
        Err(SendError::Unauthorized) => {
            let looks = seen.mistaken.map(|what| format!("; it looks like {what}"));
            let said =
                "Discord does not take it: it was reset, is not a bot's, or is not copied whole";
            Finding::bad(format!("{said}{}", looks.unwrap_or_default()), NEW_TOKEN)
        }
        Err(error) => {
            let told = format!("{}: {}", error.told(), shanty_core::causes::chain(error));
            let mend = "This machine must reach Discord by https, port 443.";
            Finding::bad(told, mend)
        }
    }]
}

/// What Discord told, when it took the token of a bot.
fn found(seen: &Seen) -> Option<&Found> {
    seen.survey.as_ref()?.found.as_ref()
}

fn application(seen: &Seen) -> Vec<Finding> {
    let Some(found) = found(seen) else {
        return Vec::new();
    };
    match &found.application {
        Ok(application) => vec![judged_application(application)],
        Err(error) => vec![Finding::warning(error.told(), "Check again in a moment.")],
    }
}

fn judged_application(application: &Application) -> Finding {
    let named = format!("{} ({})", application.name, application.id);
    if application.bot_require_code_grant {
        let mend = "Developer portal, Bot: turn Requires OAuth2 Code Grant off.";
        return Finding::bad(format!("{named} cannot be invited by a link"), mend);
    }
    if application.bot_public {
        let mend = "Developer portal: Installation, Install Link None; then Bot, Public Bot off.";
        return Finding::warning(
            format!("{named}; anybody may take it into their server, where it answers nobody"),
            mend,
        );
    }
    Finding::good(named)
}

fn intents(seen: &Seen) -> Vec<Finding> {
    let application = found(seen).and_then(|found| found.application.as_ref().ok());
    let Some(application) = application else {
        return Vec::new();
    };
    let granted = PRIVILEGED
        .iter()
        .filter(|(bits, _)| application.flags & bits != 0);
    let granted: Vec<&str> = granted.map(|(_, name)| *name).collect();
    let said = "guilds, their messages, direct messages: none of them must be granted";
    vec![match granted.is_empty() {
        true => Finding::good(said),
        false => Finding::good(format!(
            "{said}; granted and not used: {}",
            granted.join(", ")
        )),
    }]
}

fn logins(seen: &Seen) -> Vec<Finding> {
    match found(seen).map(|found| &found.gateway) {
        Some(Ok(gateway)) => vec![judged_logins(&gateway.starts)],
        Some(Err(error)) => vec![Finding::warning(error.told(), "Check again in a moment.")],
        None => Vec::new(),
    }
}

fn judged_logins(starts: &SessionStarts) -> Finding {
    let (remaining, total) = (
        thousands(starts.remaining.into()),
        thousands(starts.total.into()),
    );
    let anew = duration(starts.reset_after_ms);
    let measured = format!("{remaining} of {total} are left, all of them again in {anew}");
    let mend = "Something starts again and again with this token: look at the log. Discord resets the token of a bot that logs in too often.";
    match starts.remaining {
        0 => Finding::bad(measured, mend),
        left if left < LOGINS_MIN.min(starts.total / 2) => Finding::warning(measured, mend),
        _ => Finding::good(measured),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn an_application_that_others_can_take_or_nobody_can_invite_is_told() {
        let of = |bot_public, bot_require_code_grant| {
            judged_application(&Application {
                id: 42,
                name: "Ops".to_owned(),
                flags: 0,
                bot_public,
                bot_require_code_grant,
            })
        };
        assert_eq!(of(false, false), Finding::good("Ops (42)"));
        assert_eq!(of(true, false).state, State::Warning);
        assert_eq!(of(false, true).state, State::Bad);
    }

    #[test]
    fn few_logins_are_told_before_there_are_none() {
        let of = |remaining| {
            judged_logins(&SessionStarts {
                total: 1_000,
                remaining,
                reset_after_ms: 3_600_000,
            })
        };
        assert_eq!(
            of(999),
            Finding::good("999 of 1,000 are left, all of them again in 1h")
        );
        assert_eq!(of(49).state, State::Warning);
        assert_eq!(of(0).state, State::Bad);
    }
}
