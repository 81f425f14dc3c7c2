//! Who is let in, to what, and what the others are told.

use super::*;
use crate::ids::Labels;
use crate::journal::{Enrolment, Kind, Record};
use crate::limits;
use crate::policy::Grant;
use crate::principal::Principal;

mod inventory;
mod preview;

const GUILD: u64 = 1;
const OPS: u64 = 5;
const THREAD: u64 = 55;
const OPERATOR: u64 = 30;
const GUEST: u64 = 31;

fn agent(n: u8) -> AgentId {
    AgentId::from_bytes([n; 16])
}

/// web-01 and web-02 online, db-01 offline; operators may view and run on role=web in #ops.
fn state() -> State {
    let mut state = State::default();
    for (n, name, labels) in [
        (1, "web-01", "role=web"),
        (2, "web-02", "role=web"),
        (3, "db-01", "role=db"),
    ] {
        let enrolment = Enrolment {
            agent: agent(n),
            name: name.parse().unwrap(),
            labels: Labels::parse(labels).unwrap(),
            token: "t".into(),
            key_sha256: [n; 32],
            leaf: vec![],
        };
        state.apply(&Record {
            at_ms: 1,
            kind: Kind::Enrolled(enrolment),
        });
    }
    state
}

fn policy() -> Policy {
    let grant = |id: &str, what: &[Verb], hosts: &str| Grant {
        id: id.into(),
        roles: vec![9],
        people: vec![],
        channels: vec![OPS],
        what: what.to_vec(),
        hosts: Selector::parse_for_grant(hosts).unwrap(),
    };
    Policy {
        grants: vec![grant(
            "web",
            &[Verb::View, Verb::Run, Verb::Cancel],
            "role=web",
        )],
    }
}

fn person(user: u64, roles: &[u64]) -> Asker {
    Asker::Discord {
        user,
        bot: false,
        guild: Some(GUILD),
        channel: OPS,
        parent_channel: None,
        roles: roles.to_vec(),
        interaction: 77,
    }
}

fn ask(asker: &Asker, request: &RunRequest) -> Result<Plan, Refusal> {
    let (state, policy) = (state(), policy());
    let seen = |id: AgentId| online(id != agent(3));
    let ctx = Context {
        state: &state,
        policy: &policy,
        guilds: &[GUILD],
        seen: &seen,
        agent_version: "1.0.0",
        seed: 5,
        confirm_hosts: 10,
    };
    admit_run(&ctx, asker, request)
}

fn online(online: bool) -> Seen<'static> {
    Seen {
        online,
        ..Seen::default()
    }
}

fn run(on: &str, command: &str) -> RunRequest {
    RunRequest {
        on: on.into(),
        command: command.into(),
        ..RunRequest::default()
    }
}

fn code(result: Result<Plan, Refusal>) -> &'static str {
    result
        .map(|plan| panic!("{plan:?}"))
        .map_err(|refusal| refusal.code.as_str())
        .unwrap_err()
}

#[test]
fn a_grant_gives_exactly_what_it_says() {
    let plan = ask(&person(OPERATOR, &[9]), &run("role=web", "uptime")).unwrap();
    assert_eq!(plan.grant.as_deref(), Some("web"));
    let names: Vec<_> = plan
        .targets
        .iter()
        .map(|target| target.name.as_str())
        .collect();
    assert_eq!(names, ["web-01", "web-02"]);
    assert_eq!(plan.timeout_ms, limits::TIMEOUT_MS_DEFAULT);

    let Asker::Discord {
        user,
        bot,
        guild,
        roles,
        interaction,
        ..
    } = person(OPERATOR, &[9])
    else {
        panic!()
    };
    let thread = Asker::Discord {
        user,
        bot,
        guild,
        channel: THREAD,
        parent_channel: Some(OPS),
        roles,
        interaction,
    };
    assert!(
        ask(&thread, &run("role=web", "uptime")).is_ok(),
        "threads inherit their channel"
    );
    let local = Asker::Local {
        user: "root".into(),
    };
    assert_eq!(ask(&local, &run("all", "uptime")).unwrap().targets.len(), 3);
}

#[test]
fn everybody_else_is_refused() {
    let change = |change: &dyn Fn(&mut Asker)| {
        let mut asker = person(OPERATOR, &[9]);
        change(&mut asker);
        code(ask(&asker, &run("role=web", "uptime")))
    };
    assert_eq!(
        code(ask(&person(GUEST, &[]), &run("role=web", "uptime"))),
        "E_DENIED"
    );
    assert_eq!(
        change(&|a| if let Asker::Discord { bot, .. } = a {
            *bot = true
        }),
        "E_DENIED"
    );
    assert_eq!(
        change(&|a| if let Asker::Discord { guild, .. } = a {
            *guild = None
        }),
        "E_GUILD_ONLY"
    );
    assert_eq!(
        change(&|a| if let Asker::Discord { guild, .. } = a {
            *guild = Some(2)
        }),
        "E_GUILD"
    );
    assert_eq!(
        change(&|a| if let Asker::Discord { channel, .. } = a {
            *channel = 6
        }),
        "E_DENIED"
    );
}

#[test]
fn whoever_may_not_learns_no_name() {
    let guest = ask(&person(GUEST, &[]), &run("web-9", "uptime")).unwrap_err();
    assert!(!guest.what.contains("web"), "{guest}");
    let hidden = ask(&person(OPERATOR, &[9]), &run("db-01", "uptime")).unwrap_err();
    let why = "a guess that is right looks like one that is wrong";
    assert_eq!(hidden.code, Code::Selector, "{why}: {hidden}");
    let near = ask(&person(OPERATOR, &[9]), &run("db-0", "uptime")).unwrap_err();
    assert!(!near.what.contains("db-01"), "{near}");
    let near = ask(&person(OPERATOR, &[9]), &run("web-0", "uptime")).unwrap_err();
    assert!(near.what.contains("web-01"), "{near}");
    insta::assert_snapshot!(near);
}

#[test]
fn bad_commands_times_and_users_are_refused() {
    let ops = person(OPERATOR, &[9]);
    for (command, expected) in [
        ("", "E_EMPTY_COMMAND"),
        (" \n\u{200b}", "E_EMPTY_COMMAND"),
        (&"x".repeat(6_001), "E_TOO_LONG"),
        ("echo \0", "E_BAD_CHAR"),
    ] {
        assert_eq!(code(ask(&ops, &run("web-01", command))), expected);
    }
    for timeout in ["0s", "-5s", "999d", "5", "5 m", "1h1h", "NaN"] {
        let request = RunRequest {
            timeout: Some(timeout.into()),
            ..run("web-01", "true")
        };
        assert_eq!(code(ask(&ops, &request)), "E_DURATION", "{timeout}");
    }
    for user in [
        "-1",
        "#0",
        "0",
        "4294967295",
        "ROOT",
        "root ",
        "nobody;",
        "",
    ] {
        let request = RunRequest {
            run_as: Some(user.into()),
            ..run("web-01", "true")
        };
        assert_eq!(code(ask(&ops, &request)), "E_RUN_AS", "{user}");
    }
    for on in [
        "",
        "  ",
        "!web-01",
        "env=",
        "web-[5-1]",
        "nothing*",
        "(web-01",
    ] {
        assert_eq!(code(ask(&ops, &run(on, "true"))), "E_SELECTOR", "{on}");
    }
}

#[test]
fn hold_and_absence_stop_a_run_before_it_is_one() {
    let local = Asker::Local {
        user: "root".into(),
    };
    assert_eq!(code(ask(&local, &run("db-01", "true"))), "E_ALL_OFFLINE");
    let mut state = state();
    let by = Principal::Local("root".into());
    state.apply(&Record {
        at_ms: 2,
        kind: Kind::Hold {
            on: true,
            by,
            place: None,
        },
    });
    let policy = policy();
    let seen = |_| online(true);
    let ctx = Context {
        state: &state,
        policy: &policy,
        guilds: &[GUILD],
        seen: &seen,
        agent_version: "1.0.0",
        seed: 5,
        confirm_hosts: 10,
    };
    assert_eq!(code(admit_run(&ctx, &local, &run("all", "true"))), "E_HOLD");
}

#[test]
fn completion_shows_only_what_may_be_used() {
    let (state, policy) = (state(), policy());
    let seen = |_| online(true);
    let ctx = Context {
        state: &state,
        policy: &policy,
        guilds: &[GUILD],
        seen: &seen,
        agent_version: "1.0.0",
        seed: 5,
        confirm_hosts: 10,
    };
    let ops = complete(&ctx, &person(OPERATOR, &[9]), "");
    assert!(ops.iter().any(|choice| choice.value.contains("web")));
    assert!(
        !ops.iter().any(|choice| choice.label.contains("db")),
        "{ops:?}"
    );
    assert_eq!(complete(&ctx, &person(GUEST, &[]), "").len(), 0);
}

#[test]
fn removing_a_host_opens_nothing() {
    let (mut state, policy) = (state(), policy());
    let by = Principal::Local("root".into());
    state.apply(&Record {
        at_ms: 2,
        kind: Kind::Revoked {
            agent: agent(3),
            by,
        },
    });
    let seen = |_| online(true);
    let ctx = Context {
        state: &state,
        policy: &policy,
        guilds: &[GUILD],
        seen: &seen,
        agent_version: "1.0.0",
        seed: 5,
        confirm_hosts: 10,
    };
    let target = |n: u8, name: &str| Target {
        agent: agent(n),
        name: name.parse().unwrap(),
        away: None,
    };
    let may = |targets: &[Target]| {
        admit_on_run(&ctx, &person(OPERATOR, &[9]), Verb::View, targets).is_ok()
    };
    assert!(may(&[target(1, "web-01")]));
    assert!(
        !may(&[target(3, "db-01")]),
        "it is removed, and still not theirs"
    );
    assert!(!may(&[target(1, "web-01"), target(3, "db-01")]));
    assert!(!may(&[target(9, "unknown")]));
}
