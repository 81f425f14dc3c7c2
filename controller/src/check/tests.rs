//! A configuration against servers as Discord might tell of them.

use super::*;
use crate::discord::answers::{Gateway, SessionStarts};
use crate::discord::error::SendError;
use crate::discord::permissions::INVITED;
use crate::discord::survey::{
    Application, Channel, Found, Guild, Looked, Overwrite, Role, Stray, User,
};

const TEXT: &str = r#"
data_dir = "/nonexistent/shanty"
[discord]
token_file = "/nonexistent/token"
guilds = ["1", "2"]
ops_channel = "11"
audit_channel = "12"
[[grant]]
id = "ops"
who = { roles = ["100"] }
where = { channels = ["11", "13"] }
what = ["view"]
hosts = "all"
"#;

fn guild(id: u64, channels: Vec<Channel>) -> Guild {
    let everyone = Role {
        id,
        name: "@everyone".to_owned(),
        permissions: INVITED,
    };
    let ops = Role {
        id: 100,
        name: "Ops".to_owned(),
        permissions: 0,
    };
    Guild {
        id,
        name: format!("Guild {id}"),
        owner: 5,
        roles: vec![everyone, ops],
        bots_roles: Vec::new(),
        channels,
    }
}

fn channel(id: u64, kind: u8) -> Channel {
    Channel {
        id,
        kind,
        name: format!("c{id}"),
        overwrites: Vec::new(),
    }
}

fn refused(status: u16) -> SendError {
    SendError::Discord {
        status,
        code: 50_001,
        message: "Missing Access".to_owned(),
    }
}

fn seen(guilds: Vec<Looked>, strays: Vec<(u64, Stray)>) -> Seen {
    let user = User {
        id: 9,
        username: "Shanty".to_owned(),
        bot: true,
    };
    let application = Application {
        id: 42,
        name: "Shanty".to_owned(),
        flags: 1 << 19,
        bot_public: false,
        bot_require_code_grant: false,
    };
    let starts = SessionStarts {
        total: 1_000,
        remaining: 998,
        reset_after_ms: 60_000,
    };
    let found = Found {
        application: Ok(application),
        gateway: Ok(Gateway {
            url: "wss://gateway".to_owned(),
            starts,
        }),
        guilds,
        strays,
    };
    Seen {
        config: Config::parse("shanty.toml", TEXT).unwrap(),
        now_ms: 1_796_062_628_000,
        no_token: None,
        mistaken: None,
        survey: Some(Survey {
            clock: Some((
                "Mon, 30 Nov 2026 18:17:08 GMT".to_owned(),
                1_796_062_628_000,
            )),
            me: Ok(user),
            found: Some(found),
        }),
        running: false,
        agents: Err("there are none".to_owned()),
    }
}

/// What is found by all checks that look at Discord.
fn told(seen: &Seen) -> String {
    let about = [
        "token",
        "application",
        "intents",
        "logins",
        "clock",
        "servers",
        "commands",
        "channels",
        "roles",
    ];
    let checks = all().filter(|check| about.contains(&check.name));
    let mut lines = Vec::new();
    for check in checks {
        for found in (check.look)(seen) {
            lines.push(format!(
                "{:7} {:11} {}",
                found.state.as_str(),
                check.name,
                found.measured
            ));
            if !found.mend.is_empty() {
                lines.push(format!("{:19} -> {}", "", found.mend));
            }
        }
    }
    lines.join("\n")
}

fn looked(guild: Guild) -> Looked {
    Looked {
        id: guild.id,
        guild: Ok(guild),
        commands: Ok(()),
    }
}

#[test]
fn all_is_well() {
    let lab = guild(1, vec![channel(11, 0), channel(12, 5), channel(13, 15)]);
    insta::assert_snapshot!(told(&seen(
        vec![looked(lab), looked(guild(2, Vec::new()))],
        Vec::new()
    )));
}

#[test]
fn what_is_missing_in_servers_and_channels_is_told_with_how_to_mend_it() {
    let mut closed = channel(12, 0);
    closed.overwrites.push(Overwrite {
        id: 1,
        of_member: false,
        allow: 0,
        deny: (1 << 35) | (1 << 15),
    });
    let mut lab = guild(1, vec![channel(11, 2), closed]);
    lab.roles.retain(|role| role.id != 100);
    let mut other = looked(guild(2, Vec::new()));
    other
        .guild
        .as_mut()
        .unwrap()
        .roles
        .retain(|role| role.id != 100);
    other.commands = Err(refused(403));
    insta::assert_snapshot!(told(&seen(
        vec![looked(lab), other],
        vec![(13, Stray::Elsewhere(7))]
    )));
}

#[test]
fn a_bot_that_was_not_invited_is_given_the_link() {
    let absent = |id, status| Looked {
        id,
        guild: Err(refused(status)),
        commands: Err(refused(403)),
    };
    let strays = vec![
        (11, Stray::Hidden),
        (12, Stray::Unknown),
        (13, Stray::Unasked(SendError::TooLong)),
    ];
    insta::assert_snapshot!(told(&seen(vec![absent(1, 403), absent(2, 404)], strays)));
}

#[test]
fn tokens_that_are_none_are_told_apart() {
    let mut seen = seen(Vec::new(), Vec::new());
    let with = |seen: &mut Seen, me| {
        seen.survey = Some(Survey {
            clock: None,
            me,
            found: None,
        });
        told(seen)
    };
    let person = User {
        id: 5,
        username: "ann".to_owned(),
        bot: false,
    };
    let of_a_person = with(&mut seen, Ok(person));
    assert!(
        of_a_person.starts_with("bad     token       it is the token of a person, ann (5)"),
        "{of_a_person}"
    );
    let wrong = with(&mut seen, Err(SendError::Unauthorized));
    assert!(
        wrong.contains(
            "Discord does not take it: it was reset, is not a bot's, or is not copied whole\n"
        ),
        "{wrong}"
    );
    seen.mistaken = Some("the application's public key");
    let key = with(&mut seen, Err(SendError::Unauthorized));
    assert!(
        key.contains("copied whole; it looks like the application's public key\n"),
        "{key}"
    );
    seen.no_token = Some("/t is open to other users (mode 0640); run `chmod 0600 /t`".to_owned());
    let none = told(&seen);
    assert!(
        none.contains("bad     token       /t is open to other users"),
        "{none}"
    );
    assert_eq!(none.lines().count(), 2, "nothing else is known: {none}");
}

#[test]
fn every_check_has_a_name_of_its_own() {
    let names: BTreeSet<&str> = all().map(|check| check.name).collect();
    assert_eq!(names.len(), all().count());
}
