//! Properties of the pure parts: selectors print what they parse, folded names stand for the same names, and output is safe, whole and
//! bounded whatever the bytes are and however they are cut.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use shanty_core::admission::{Admitted, Context, Fresh, Plan, Settings, UnderWay, admit};
use shanty_core::ask::{Ask, Confirm, RunRequest};
use shanty_core::fleet::{Fleet, Instance, Link};
use shanty_core::ids::{AgentId, HostName, Labels, RunId};
use shanty_core::journal::{Enrolment, HostChange, Kind, Needs, Proposal, Recalled, Record, State};
use shanty_core::limits::{COMBINING_MARKS_MAX, LINE_CHARS_MAX, PAGE_CHARS_MAX};
use shanty_core::offer::Offer;
use shanty_core::output::pages::{Above, Pager, Tail};
use shanty_core::output::sanitise::{Sanitiser, is_hidden, whole};
use shanty_core::policy::{Grant, Policy, Verb};
use shanty_core::principal::{Actor, Asker};
use shanty_core::refusal::Refusal;
use shanty_core::run::Spec;
use shanty_core::selector::error::mark;
use shanty_core::selector::fold::fold;
use shanty_core::selector::{
    AgentInfo, ERRORS_MAX, Host, Scope, Selector, SelectorError, SelectorErrorKind,
};

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "(web|db|r[12]-n)-?[0-9]{1,3}",
        "[a-c][0-9]{0,2}[.-]?[ab0-2]",
    ]
}

/// Texts that parse.
fn selector() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        name(),
        Just("all".to_owned()),
        Just("is:online".to_owned()),
        Just("is:offline".to_owned()),
        "[a-c]{1,2}\\*{1,2}[0-9]?",
        "\\*[a-c0-9]{1,2}",
        "[a-c]{0,2}\\[[1-4]-[5-9](/[1-3])?(,1[0-9])?\\]",
        "[a-c]{0,2}\\[0[1-4]-[1-9][5-9]\\](-n\\[1-3\\])?",
        "(env|role)!?=[ab](\\|[bc])?",
        "(env|role|os)~[ab](\\|[bc])?",
        "(mem|mem\\.used|cpus|disk|disk\\.root|load|uptime|agent)(<|>|<=|>=)[1-9]".prop_map(
            |text| {
                let unit = match text.split(['<', '>']).next() {
                    Some("mem") => "g",
                    Some("uptime") => "h",
                    Some("cpus" | "load" | "agent") => "",
                    _ => "%",
                };
                text + unit
            }
        ),
        "is:(stale|draining|outdated)",
    ];
    let optional =
        (atom, any::<bool>()).prop_map(|(atom, may)| if may { atom + "?" } else { atom });
    optional.prop_recursive(3, 24, 3, |inner| {
        let list = vec(inner, 1..3).prop_map(|atoms| atoms.join(","));
        let clause = (list.clone(), vec((any::<bool>(), list), 0..3)).prop_map(|(first, items)| {
            let exclude = |(exclude, list): (bool, String)| {
                format!(" {}{list}", if exclude { "!" } else { "" })
            };
            items
                .into_iter()
                .map(exclude)
                .fold(first, |text, item| text + &item)
        });
        let clauses = vec(clause, 1..3).prop_map(|clauses| clauses.join(" | "));
        (clauses, any::<bool>())
            .prop_map(|(clauses, may)| format!("({clauses}){}", if may { "?" } else { "" }))
    })
}

/// A selector of the strategy above, which may be over a limit: such a case is passed over.
fn parsed(text: &str) -> Result<Selector, TestCaseError> {
    Selector::parse(text).map_err(|errors| {
        let limit = |error: &SelectorError| {
            matches!(
                error.kind,
                SelectorErrorKind::TooManyScans | SelectorErrorKind::RangeTooBig
            )
        };
        if errors.iter().all(limit) {
            TestCaseError::reject("over a limit")
        } else {
            TestCaseError::fail(format!("{text}: {errors:?}"))
        }
    })
}

fn fleet() -> impl Strategy<Value = Vec<(HostName, Labels, bool)>> {
    let labels = prop_oneof![
        Just(""),
        Just("env=a"),
        Just("env=b,role=a"),
        Just("role=c"),
        Just("env=c,role=b")
    ];
    vec((name(), labels, any::<bool>()), 1..20).prop_map(|hosts| {
        let host = |(name, labels, online): (String, &str, bool)| {
            Some((name.parse().ok()?, Labels::parse(labels).ok()?, online))
        };
        let mut hosts: Vec<(HostName, Labels, bool)> = hosts.into_iter().filter_map(host).collect();
        hosts.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        hosts.dedup_by(|(a, ..), (b, ..)| a == b);
        hosts
    })
}

fn hosts(fleet: &[(HostName, Labels, bool)]) -> Vec<Host<'_>> {
    let with_place = fleet.iter().enumerate();
    with_place
        .map(|(at, (name, labels, online))| Host {
            id: AgentId::from_bytes((at as u128).to_be_bytes()),
            name,
            labels,
            online: *online,
            stale: false,
            draining: false,
            told: AgentInfo::default(),
        })
        .collect()
}

/// A controller's memory in which somebody is shown a run.
struct Shown {
    state: State,
    online: Vec<bool>,
}

impl Shown {
    fn new(fleet: &[(HostName, Labels, bool)]) -> Self {
        let mut state = State::default();
        for (at, (name, labels, _)) in fleet.iter().enumerate() {
            let kind = Kind::Enrolled(Enrolment {
                agent: agent(at),
                name: name.clone(),
                labels: labels.clone(),
                token: String::new(),
                key_sha256: [0; 32],
                leaf: Vec::new(),
            });
            state.apply(&record(1, kind));
        }
        Self {
            state,
            online: fleet.iter().map(|(_, _, online)| *online).collect(),
        }
    }

    fn with<T>(&self, f: impl FnOnce(&Context<'_>, &Asker) -> T) -> T {
        let grant = Grant {
            id: "all".to_owned(),
            roles: vec![9],
            people: Vec::new(),
            channels: vec![5],
            what: vec![Verb::Run, Verb::View],
            hosts: Selector::parse_for_grant("all").expect("a grant"),
        };
        let asker = Asker::Discord {
            user: 1,
            name: "ann".to_owned(),
            bot: false,
            guild: Some(1),
            channel: 5,
            parent_channel: None,
            roles: vec![9],
            interaction: 1,
        };
        let mut fleet = Fleet::default();
        for (at, online) in self.online.iter().enumerate() {
            fleet.entry(agent(at)).link = online.then(|| Link {
                id: 1,
                instance: Instance::default(),
            });
        }
        let settings = Settings {
            policy: Policy {
                grants: vec![grant],
            },
            guilds: vec![1],
            ..Settings::default()
        };
        let ctx = Context {
            disk_full: false,
            state: &self.state,
            fleet: &fleet,
            settings: &settings,
            offer: &Offer::default(),
            under_way: &UnderWay::default(),
            recalled: &Recalled::default(),
            fresh: Fresh::new([7; 16]),
            now_ms: 4,
        };
        f(&ctx, &asker)
    }

    fn ask(&self, on: &str) -> Result<Plan, Refusal> {
        let request = RunRequest {
            on: on.to_owned(),
            command: "true".to_owned(),
            ..RunRequest::default()
        };
        match self.with(|ctx, asker| admit(ctx, asker, &Ask::Run(request)))? {
            Admitted::Run(plan) => Ok(*plan),
            other => panic!("{other:?}"),
        }
    }

    fn show(&mut self, plan: Plan) -> RunId {
        let id = plan.spec.id;
        let proposal = Proposal {
            spec: plan.spec,
            needs: Needs::OwnWord,
            until_ms: 1_000,
        };
        self.state.apply(&record(2, Kind::Proposed(proposal)));
        id
    }

    /// A host comes or goes, gets other labels, drains, or is removed.
    fn change(&mut self, at: usize, what: u8) {
        let agent = agent(at);
        let kind = match what {
            0 => return self.online[at] = !self.online[at],
            1 => {
                let labels = Labels::parse("env=c,role=c").expect("labels");
                HostChange::Labelled(labels).of(agent)
            }
            2 => HostChange::Drained { on: true }.of(agent),
            _ => HostChange::Revoked.of(agent),
        };
        self.state.apply(&record(3, kind));
    }

    fn confirm(&self, run: RunId, choice: Confirm) -> Result<Spec, Refusal> {
        match self.with(|ctx, asker| admit(ctx, asker, &Ask::Confirm { run, choice }))? {
            Admitted::Confirmed(spec) => Ok(*spec),
            other => panic!("{other:?}"),
        }
    }

    fn may_come_back(&self, agent: AgentId) -> bool {
        self.state
            .hosts
            .get(&agent)
            .is_some_and(|host| !host.revoked)
    }
}

fn record(at_ms: u64, kind: Kind) -> Record {
    let user = "root".to_owned();
    Record {
        at_ms,
        actor: Actor::Socket { user },
        kind,
    }
}

fn agent(at: usize) -> AgentId {
    AgentId::from_bytes((at as u128).to_be_bytes())
}

/// Bytes in which everything that the sanitiser knows is frequent.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[a-z ]{0,40}\n?".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..20),
        1 => "\\PC{0,10}".prop_map(String::into_bytes),
        1 => any::<char>().prop_map(|c| c.to_string().into_bytes()),
        2 => prop::sample::select(vec![
            &b"\r"[..], b"\r\n", b"\x08", b"\t", b"\n", b"\x1b", b"\x1b[31m", b"\x1b[K", b"\x1b[2K", b"\x1b[1G", b"\x1b]0;t\x07",
            b"\x1b]8;;x\x1b\\", b"\x1bP", b"\x9b1m", b"\xc2\x9b1m", b"`", b"```", b"\xcc\x81", b"\xe2\x80\xae", b"\xe2\x80",
            b"\xf0\x9f\x99\x82", b"\0", b"\xff",
        ]).prop_map(<[u8]>::to_vec),
        1 => (prop::sample::select(vec!["x", "`", "\u{301}", "🙂", "\u{202e}", "字"]), 900_usize..2_500)
            .prop_map(|(text, n)| text.repeat(n).into_bytes()),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// The bytes in chunks, cut at these places.
fn chunks<'b>(bytes: &'b [u8], cuts: &[usize]) -> Vec<&'b [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .filter_map(|ends| bytes.get(ends[0]..ends[1]))
        .collect()
}

fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

/// What stands between the fences of a message; nothing where it says that there is nothing to read.
fn block(message: &str) -> &str {
    let Some((_, rest)) = message.split_once("```\n") else {
        let said = ["(only blank lines)", "(nothing to be seen)"];
        assert!(said.iter().any(|said| message.contains(said)), "{message}");
        return "";
    };
    rest.rsplit_once("\n```").expect("a fence closes").0
}

fn assert_safe(text: &str) {
    assert!(!text.contains("```"), "{text:?}");
    let mut before = '\n';
    for c in text.chars() {
        assert!(c == '\n' || !c.is_control(), "{c:?} in {text:?}");
        assert!(
            !is_hidden(c) || c == '\u{200b}' && before == '`',
            "{c:?} in {text:?}"
        );
        before = c;
    }
}

proptest! {
    #[test]
    fn a_selector_prints_what_it_parses(
        text in selector(),
        more in prop_oneof![
            Just(""), Just(" pick:3"), Just(" pick:10%?"), Just(",@a.b"), Just(" !#142:failed|timeout"), Just(" | #7? @x"),
        ],
    ) {
        let text = text + more;
        let selector = parsed(&text)?;
        let normal = selector.to_string();
        prop_assert_eq!(Selector::parse(&normal), Ok(selector), "{} printed {}", text, normal);
    }

    #[test]
    fn any_text_parses_or_is_told_why(text in prop_oneof!["\\PC{0,60}", "[a-c!|(),?* \\[\\]0-9=:@#/-]{0,60}"]) {
        match Selector::parse(&text) {
            Ok(selector) => prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector)),
            Err(errors) => {
                prop_assert!((1..=ERRORS_MAX).contains(&errors.len()));
                for error in &errors {
                    let before = text.get(..error.start);
                    prop_assert_eq!(before.map(|before| before.chars().count() + 1), Some(error.column));
                    prop_assert!(text.get(error.start..error.end).is_some());
                    let marked = mark(&text, error);
                    prop_assert_eq!(marked.lines().count(), 2, "{}", marked);
                    prop_assert!(marked.lines().all(|line| line.chars().count() <= 56), "{}", marked);
                }
            }
        }
    }

    #[test]
    fn what_is_resolved_is_what_is_contained(text in selector(), fleet in fleet()) {
        let hosts = hosts(&fleet);
        let selector = parsed(&text)?;
        let Ok(resolution) = selector.resolve(&hosts, Scope::empty()) else { return Ok(()) };
        prop_assert!(!resolution.hosts.is_empty() && resolution.hosts.is_sorted());
        for host in &hosts {
            prop_assert_eq!(selector.contains(host), resolution.contains(host.id), "{} on {}", text, host.name);
        }
        let frozen = Selector::parse(&fold(hosts.iter().filter(|host| resolution.contains(host.id)).map(|host| host.name.as_str())));
        let again = frozen.and_then(|frozen| frozen.resolve(&hosts, Scope::empty()));
        prop_assert_eq!(again.map(|again| again.digest), Ok(resolution.digest));
    }

    #[test]
    fn what_was_shown_is_what_is_confirmed(
        text in selector(), fleet in fleet(), later in vec((0_usize..20, 0_u8..4), 0..12), choice in 0_u8..3,
    ) {
        let mut world = Shown::new(&fleet);
        let on = text + " !is:stale";
        let Ok(plan) = world.ask(&on) else { return Ok(()) };
        let ids: Vec<AgentId> = plan.spec.targets.iter().map(|target| target.agent).collect();
        let hosts = hosts(&fleet);
        let resolved = parsed(&on)?.resolve(&hosts, Scope::empty());
        prop_assert_eq!(resolved.map(|found| (found.hosts, found.digest)), Ok((ids, plan.spec.digest)));
        let away: Vec<bool> = plan.spec.targets.iter().map(|target| target.away.is_some()).collect();
        let id = world.show(plan.clone());
        for (at, what) in later {
            world.change(at % fleet.len(), what);
        }
        let choice = [Confirm::AsAsked, Confirm::OnlineOnly, Confirm::Queue][usize::from(choice)];
        // Refused as a whole, or exactly what was shown.
        if let Ok(spec) = world.confirm(id, choice) {
            prop_assert_eq!((&spec.targets, spec.digest), (&plan.spec.targets, plan.spec.digest));
            prop_assert_eq!(spec.targets.iter().map(|target| target.away.is_some()).collect::<Vec<_>>(), away);
            prop_assert!(spec.targets.iter().all(|target| world.may_come_back(target.agent)));
        }
    }

    #[test]
    fn exclusion_and_union_follow_their_laws(a in selector(), b in selector(), fleet in fleet()) {
        let hosts = hosts(&fleet);
        let (left, right) = (parsed(&a)?, parsed(&b)?);
        for (both, law) in [
            (format!("({a}) ({b})"), (|a, b| a && b) as fn(bool, bool) -> bool),
            (format!("({a}),({b})"), |a, b| a || b),
            (format!("({a}) | ({b})"), |a, b| a || b),
            (format!("({a}) !({b})"), |a, b| a && !b),
        ] {
            let combined = parsed(&both)?;
            for host in &hosts {
                let expected = law(left.contains(host), right.contains(host));
                prop_assert_eq!(combined.contains(host), expected, "{} on {}", both, host.name);
            }
        }
    }

    #[test]
    fn folded_names_stand_for_the_same_names(names in btree_set(prop_oneof![name(), "[ab]0{0,2}[0-9]{1,2}", "x[0-9]{17,20}"], 1..40)) {
        let fleet: Vec<(HostName, Labels, bool)> = names
            .iter()
            .filter_map(|name| Some((name.parse().ok()?, Labels::default(), true)))
            .collect();
        let hosts = hosts(&fleet);
        let folded = fold(fleet.iter().map(|(name, ..)| name.as_str()));
        let selector = Selector::parse(&folded).map_err(|errors| TestCaseError::fail(format!("{folded}: {errors:?}")))?;
        let resolution = selector.resolve(&hosts, Scope::empty());
        let resolution = resolution.map_err(|errors| TestCaseError::fail(format!("{folded}: {errors:?}")))?;
        prop_assert_eq!(resolution.hosts.len(), hosts.len(), "{}", folded);
        prop_assert!(resolution.absent.is_empty(), "{} {:?}", folded, resolution.absent);
    }

    #[test]
    fn sanitised_text_is_safe_and_bounded(bytes in output()) {
        let text = whole(&bytes);
        assert_safe(&text);
        for line in text.lines() {
            let columns = line.chars().filter(|&c| c != '\u{200b}').count();
            prop_assert!(columns <= LINE_CHARS_MAX * (1 + COMBINING_MARKS_MAX));
        }
        // A printed page of it changes no more.
        let again: String = text.split('\u{200b}').collect();
        prop_assert_eq!(whole(again.as_bytes()), text);
    }

    #[test]
    fn chunks_make_no_difference(bytes in output(), cuts in vec(any::<usize>(), 0..12)) {
        let (mut sanitiser, mut text) = (Sanitiser::new(), String::new());
        for chunk in chunks(&bytes, &cuts) {
            sanitiser.push(chunk, &mut text);
            assert_safe(&sanitiser.pending());
        }
        sanitiser.finish(&mut text);
        prop_assert_eq!(text, whole(&bytes));
    }

    #[test]
    fn pages_are_whole_safe_and_within_the_limit(
        bytes in output(),
        cuts in vec(any::<usize>(), 0..12),
        header in prop_oneof![Just(""), Just("**web-01**")],
        footer in "\\PC{0,120}",
    ) {
        let text = whole(&bytes);
        let mut at_once = Pager::new(header);
        let mut pages = at_once.push(&text);
        let mut live = Pager::new(header);
        let mut streamed = Vec::new();
        let (mut sanitiser, mut settled) = (Sanitiser::new(), String::new());
        let mut tail = Tail::new(header, Above::Lines(0));
        for chunk in chunks(&bytes, &cuts) {
            sanitiser.push(chunk, &mut settled);
            streamed.extend(live.push(&settled));
            tail.push(&settled);
            settled.clear();
            for message in [live.live(&sanitiser.pending(), &footer), tail.message(&sanitiser.pending(), &footer)] {
                prop_assert!(utf16(&message) <= PAGE_CHARS_MAX);
                assert_safe(block(&message));
            }
        }
        sanitiser.finish(&mut settled);
        streamed.extend(live.push(&settled));
        tail.push(&settled);
        prop_assert_eq!(&streamed, &pages);
        prop_assert_eq!(live.open(), at_once.open());
        pages.push(shanty_core::output::pages::Page { text: at_once.open().to_owned() });
        prop_assert_eq!(pages.iter().map(|page| page.text.as_str()).collect::<String>(), text.clone());
        for page in &pages {
            let message = at_once.message(&page.text, &footer);
            prop_assert!(utf16(&message) <= PAGE_CHARS_MAX);
            assert_safe(block(&message));
        }
        let message = tail.message("", &footer);
        prop_assert!(text.trim_end_matches('\n').ends_with(block(&message).trim_end_matches('\n')));
    }
}
