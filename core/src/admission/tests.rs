//! Who is let in, to what, and what the others are told.

use super::hosts::covers_run;
use super::*;
use crate::ask::{
    Confirm, InventoryAnswer, InventoryAsk, Question, Right, RunOption, RunRequest, Typed, Which,
    YES,
};
use crate::fleet::{Fleet, Instance, Link};
use crate::hold::Hold;
use crate::ids::{AgentId, HostName, Labels, RunNumber};
use crate::journal::{Enrolment, HostChange, Recalled, Record, State};
use crate::offer::{Offer, Release};
use crate::policy::{Grant, Policy, Verb};
use crate::principal::Actor;
use crate::run::{Origin, Streams, Target};
use crate::selector::Selector;
use crate::selector::complete::Choice;

mod again;
mod every;
mod hidden;
mod history;
mod inventory;
mod preview;
mod rate;
mod refusals;
mod rollout;
mod upkeep;

const GUILD: u64 = 1;
const OPS: u64 = 5;
const THREAD: u64 = 55;
const OPERATOR: u64 = 30;
const GUEST: u64 = 31;

fn agent(n: u8) -> AgentId {
    AgentId::from_bytes([n; 16])
}

/// What decisions rest on, and a moment.
struct World {
    state: State,
    fleet: Fleet,
    settings: Settings,
    offer: Offer,
    under_way: UnderWay,
    recalled: Recalled,
    now_ms: u64,
    disk_full: bool,
}

impl World {
    /// web-01 and web-02 online, db-01 offline; operators may view and run on role=web in #ops.
    fn new() -> Self {
        let mut world = Self {
            state: State::default(),
            fleet: Fleet::default(),
            settings: Settings {
                policy: policy(),
                guilds: vec![GUILD],
                agent_version: "1.0.0".into(),
                confirm_hosts: 10,
                ..Settings::default()
            },
            offer: Offer::default(),
            under_way: UnderWay::default(),
            recalled: Recalled::default(),
            now_ms: 1_000_000,
            disk_full: false,
        };
        for (n, name, labels) in [
            (1, "web-01", "role=web"),
            (2, "web-02", "role=web"),
            (3, "db-01", "role=db"),
        ] {
            world.enrol(n, name, labels);
        }
        world.online(&[1, 2]);
        world
    }

    fn with_policy(policy: Policy) -> Self {
        let mut world = Self::new();
        world.settings.policy = policy;
        world
    }

    fn enrol(&mut self, n: u8, name: &str, labels: &str) {
        let enrolment = Enrolment {
            agent: agent(n),
            name: name.parse().unwrap(),
            labels: Labels::parse(labels).unwrap(),
            token: "t".into(),
            key_sha256: [n; 32],
            leaf: vec![],
        };
        self.record(1, Kind::Enrolled(enrolment));
    }

    /// These hosts have a link, and no others.
    fn online(&mut self, hosts: &[u8]) {
        let hosts: Vec<AgentId> = hosts.iter().copied().map(agent).collect();
        for known in self.state.hosts.keys() {
            let link = hosts.contains(known).then(|| Link {
                id: 1,
                instance: Instance::default(),
            });
            self.fleet.entry(*known).link = link;
            self.fleet.entry(*known).heard_ms = self.now_ms;
        }
    }

    /// This version is handed out, signed.
    fn offer(&mut self, version: &str) {
        self.offer = Offer {
            version: version.parse().ok(),
            release: Ok(Release {
                signer: "release-2027".to_owned(),
                ..Release::default()
            }),
        };
    }

    fn agent_is(&mut self, n: u8, version: &str, takes_upkeep: bool) {
        let presence = self.fleet.entry(agent(n));
        presence.version = version.into();
        presence.takes_upkeep = takes_upkeep;
    }

    fn record(&mut self, at_ms: u64, kind: Kind) {
        self.record_by(at_ms, local().actor(), kind);
    }

    fn record_by(&mut self, at_ms: u64, actor: Actor, kind: Kind) {
        self.state.apply(&Record { at_ms, actor, kind });
    }

    /// What is being recorded at this moment.
    fn recording(&mut self, kind: Kind) {
        let record = Record {
            at_ms: self.now_ms,
            actor: local().actor(),
            kind,
        };
        self.under_way = UnderWay::of(&self.state, [&record]);
    }

    fn context(&self) -> Context<'_> {
        Context {
            state: &self.state,
            fleet: &self.fleet,
            settings: &self.settings,
            offer: &self.offer,
            under_way: &self.under_way,
            recalled: &self.recalled,
            fresh: Fresh::new([7; 16]),
            now_ms: self.now_ms,
            disk_full: self.disk_full,
        }
    }

    fn admit(&self, asker: &Asker, ask: &Ask) -> Result<Admitted, Refusal> {
        admit(&self.context(), asker, ask)
    }

    fn plan(&self, asker: &Asker, request: &RunRequest) -> Result<Plan, Refusal> {
        match self.admit(asker, &Ask::Run(request.clone()))? {
            Admitted::Run(plan) => Ok(*plan),
            other => panic!("{other:?}"),
        }
    }

    /// How many hosts somebody sees.
    fn hosts(&self, asker: &Asker, on: &str) -> Result<usize, Refusal> {
        let on = on.to_owned();
        match look(&self.context(), asker, &Question::Hosts { on })? {
            Answer::Hosts(view) => Ok(view.rows.len()),
            other => panic!("{other:?}"),
        }
    }

    fn complete(&self, asker: &Asker, typed: &str) -> Vec<Choice> {
        let typed = typed.to_owned();
        match look(&self.context(), asker, &Question::Complete { typed }) {
            Ok(Answer::Choices(choices)) => choices,
            other => panic!("{other:?}"),
        }
    }

    fn change(&self, asker: &Asker, ask: &Ask) -> Result<Change, Refusal> {
        match self.admit(asker, ask)? {
            Admitted::Change(change) => Ok(change),
            other => panic!("{other:?}"),
        }
    }
}

fn local() -> Asker {
    Asker::Local {
        user: "root".into(),
    }
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
        name: "ann".to_owned(),
        bot: false,
        guild: Some(GUILD),
        channel: OPS,
        parent_channel: None,
        roles: roles.to_vec(),
        interaction: 77,
    }
}

fn ask(asker: &Asker, request: &RunRequest) -> Result<Plan, Refusal> {
    World::new().plan(asker, request)
}

fn run(on: &str, command: &str) -> RunRequest {
    RunRequest {
        on: on.into(),
        command: command.into(),
        ..RunRequest::default()
    }
}

/// Somebody on the socket who has looked at it, or need not.
fn seen(mut request: RunRequest) -> RunRequest {
    request.typed = request.typed.with(RunOption::Seen, YES);
    request
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
    let Origin::Chat {
        grant,
        user,
        name,
        place,
    } = &plan.spec.origin
    else {
        panic!("{plan:?}");
    };
    assert_eq!((grant.as_str(), *user), ("web", OPERATOR));
    assert_eq!(name, "ann");
    assert_eq!((place.guild, place.channel), (GUILD, OPS));
    let names: Vec<_> = plan
        .spec
        .targets
        .iter()
        .map(|target| target.name.as_str())
        .collect();
    assert_eq!(names, ["web-01", "web-02"]);
    assert_eq!(plan.spec.options.timeout_ms, limits::TIMEOUT_MS_DEFAULT);

    let Asker::Discord {
        user,
        name,
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
        name,
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
    let longest = "x".repeat(limits::COMMAND_BYTES_MAX);
    assert!(ask(&local(), &seen(run("all", &longest))).is_ok());
    let plan = ask(&local(), &seen(run("all", "uptime"))).unwrap();
    assert_eq!(plan.spec.seed, None, "nothing was drawn");
    let drawn = ask(&local(), &run("role=web pick:1", "uptime")).unwrap();
    let seed = u64::from_be_bytes([7; 8]);
    assert_eq!(drawn.spec.seed, Some(seed), "so the draw can be repeated");
    assert_eq!(plan.spec.targets.len(), 3);
    let user = "root".to_owned();
    assert_eq!(plan.spec.origin, Origin::Socket { user });
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
    assert_eq!(near.next, "`web-0*` is 2 hosts.", "{near}");
    insta::assert_snapshot!(near);
}

#[test]
fn leaving_processes_takes_a_right_of_its_own_in_the_same_grant() {
    let ops = person(OPERATOR, &[9]);
    let leave = |text: &str| RunRequest {
        typed: Typed::default().with(RunOption::Leave, text),
        ..run("role=web", "nginx &")
    };
    let refusal = ask(&ops, &leave("yes")).unwrap_err();
    assert_eq!(refusal.code, Code::Denied);
    let said = "You may run this here, but not leave processes running. Nothing was run.";
    assert_eq!(refusal.what, said);
    assert!(!ask(&ops, &leave("no")).unwrap().spec.options.leave);
    assert_eq!(code(ask(&ops, &leave("maybe"))), "E_OPTION");
    let socket = ask(&local(), &leave("yes")).unwrap();
    assert!(socket.spec.options.leave);

    let mut given = policy();
    let other = Grant {
        id: "leave".into(),
        what: vec![Verb::Leave],
        ..given.grants[0].clone()
    };
    given.grants.push(other);
    let halves = World::with_policy(given.clone());
    assert_eq!(code(halves.plan(&ops, &leave("yes"))), "E_DENIED");
    given.grants[1].what.push(Verb::Run);
    let world = World::with_policy(given);
    let plan = world.plan(&ops, &leave("yes")).unwrap();
    let Origin::Chat { grant, .. } = &plan.spec.origin else {
        panic!("{plan:?}");
    };
    assert_eq!(grant, "leave", "the grant that gives both allows it");
    let may = |world: &World| may_start(&world.context(), &plan.spec, agent(1), Proof::Asked);
    assert_eq!(may(&world), Ok(()));
    let mut taken = policy();
    taken.grants[0].id = "leave".into();
    let taken = World::with_policy(taken);
    assert_eq!(may(&taken), Err(NoStart::Host));
}

#[test]
fn users_are_named_as_people_name_them() {
    for user in ["deploy", "_apt", "first.last", "www-data"] {
        let request = RunRequest {
            typed: Typed::default().with(RunOption::As, user),
            ..run("web-01", "true")
        };
        let plan = ask(&person(OPERATOR, &[9]), &request).unwrap();
        assert_eq!(plan.spec.options.run_as.as_deref(), Some(user));
    }
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
            typed: Typed::default().with(RunOption::Timeout, timeout),
            ..run("web-01", "true")
        };
        assert_eq!(code(ask(&ops, &request)), "E_DURATION", "{timeout}");
    }
    for user in ["-1", "#0", "0", "4294967295", "ROOT", "root ", "nobody;"] {
        let request = RunRequest {
            typed: Typed::default().with(RunOption::As, user),
            ..run("web-01", "true")
        };
        assert_eq!(code(ask(&ops, &request)), "E_RUN_AS", "{user}");
    }
    for streams in ["both", "One", "apart,one"] {
        let request = RunRequest {
            typed: Typed::default().with(RunOption::Streams, streams),
            ..run("web-01", "true")
        };
        assert_eq!(code(ask(&ops, &request)), "E_OPTION", "{streams}");
    }
    for (streams, expected) in [
        (" ", Streams::One),
        ("one", Streams::One),
        ("apart", Streams::Apart),
    ] {
        let request = RunRequest {
            typed: Typed::default().with(RunOption::Streams, streams),
            ..run("web-01", "true")
        };
        assert_eq!(ask(&ops, &request).unwrap().spec.options.streams, expected);
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
    let mut world = World::new();
    let refused = world.plan(&local(), &run("db-01", "true"));
    assert_eq!(code(refused), "E_ALL_OFFLINE");
    world.record(2, Kind::Hold(Hold::on("db move")));
    world.online(&[1, 2, 3]);
    let refused = world.plan(&local(), &run("all", "true"));
    assert_eq!(code(refused), "E_HOLD");
}

#[test]
fn completion_shows_only_what_may_be_used() {
    let mut world = World::new();
    world.online(&[1, 2, 3]);
    let ops = world.complete(&person(OPERATOR, &[9]), "");
    assert!(ops.iter().any(|choice| choice.value.contains("web")));
    assert!(
        !ops.iter().any(|choice| choice.label.contains("db")),
        "{ops:?}"
    );
    let guest = world.complete(&person(GUEST, &[]), "");
    assert_eq!(guest.len(), 0);
}

#[test]
fn removing_a_host_opens_nothing() {
    let mut world = World::new();
    world.record(2, HostChange::Revoked.of(agent(3)));
    let ctx = world.context();
    let target = |n: u8, name: &str| Target {
        agent: agent(n),
        name: name.parse().unwrap(),
        away: None,
    };
    let asker = person(OPERATOR, &[9]);
    let caller = authenticate(&ctx, &asker).unwrap();
    let may = |targets: &[Target]| covers_run(&ctx, &caller, Verb::View, targets).is_ok();
    assert!(may(&[target(1, "web-01")]));
    assert!(
        !may(&[target(3, "db-01")]),
        "it is removed, and still not theirs"
    );
    assert!(!may(&[target(1, "web-01"), target(3, "db-01")]));
    assert!(!may(&[target(9, "unknown")]));
}
