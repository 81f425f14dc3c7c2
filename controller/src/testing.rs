//! A hub without processes, for tests of the edges: the real shell on a journal in memory, output in a directory of its own, and hosts
//! whose links are channels. A test says what becomes of the journal's commits; nothing is decided here.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use shanty_certs::ca::Ca;
use shanty_certs::revocation::Revoked;
use shanty_core::admission::{Identities, Rates, Settings};
use shanty_core::ask::{Answer, Ask, RunOption, RunRequest, Typed, YES};
use shanty_core::fleet::Instance;
use shanty_core::hub::Presented;
use shanty_core::ids::{AgentId, Labels, RunId};
use shanty_core::journal::{Enrolment, Kind, Record};
use shanty_core::output::mask::Masks;
use shanty_core::policy::{Grant, Policy, Verb};
use shanty_core::principal::{Actor, Asker};
use shanty_core::refusal::Refusal;
use shanty_core::run::Run;
use shanty_core::selector::Selector;
use shanty_core::spool;
use shanty_proto::v1;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::now_ms;
use crate::history::{self, History};
use crate::hub::{Handle, Holder, Holds, NewLink, Parts, Shell, last_seen};
use crate::store::{Commits, Inputs, Journal, Kept, Memory, Output, Search, Store};

/// The guild that is served.
pub(crate) const GUILD: u64 = 1;
/// The channel where [`ROLE`] may do everything on web hosts.
pub(crate) const OPS: u64 = 5;
/// A role with a grant.
pub(crate) const ROLE: u64 = 9;
/// Somebody with that role.
pub(crate) const ANN: u64 = 42;

/// Bounds every wait of a test.
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(Duration::from_secs(30), future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within 30 s"),
    }
}

/// Lets every other task that can go on do so, many times over.
pub(crate) async fn let_others_go_on() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

/// A hub at work, and what it works with.
pub(crate) struct Rig {
    pub(crate) hub: Handle,
    pub(crate) journal: Memory,
    pub(crate) output: Output,
    pub(crate) kept: Kept,
    pub(crate) inputs: Inputs,
    pub(crate) search: Search,
    pub(crate) ca: Arc<Ca>,
    pub(crate) revoked: Revoked,
    pub(crate) dir: TempDir,
    /// Stops the hub, which commits first what it decided.
    pub(crate) shutdown: CancellationToken,
    /// The hub's tasks.
    pub(crate) tasks: JoinSet<()>,
    seeds: usize,
}

impl Rig {
    /// web-01, web-02 and db-01 have joined; nobody has a link.
    pub(crate) async fn start() -> Self {
        Self::with_hosts(3).await
    }

    /// So many hosts have joined, three at least: the fourth is web-04, and so on.
    pub(crate) async fn with_hosts(hosts: u8) -> Self {
        let journal = Memory::default();
        let mut all = vec![
            (1, "web-01".to_owned(), "role=web"),
            (2, "web-02".to_owned(), "role=web"),
            (3, "db-01".to_owned(), "role=db"),
        ];
        all.extend((4..=hosts).map(|n| (n, format!("web-{n:02}"), "role=web")));
        let records = all.into_iter().map(|(n, name, labels)| Record {
            at_ms: 1,
            actor: Actor::Host(agent(n)),
            kind: Kind::Enrolled(Enrolment {
                agent: agent(n),
                name: name.parse().unwrap(),
                labels: Labels::parse(labels).unwrap(),
                token: "t".to_owned(),
                key_sha256: [n; 32],
                leaf: vec![n],
            }),
        });
        let records: Vec<Record> = records.collect();
        let seeded = Journal::Memory(journal.clone()).append(&records).await;
        seeded.unwrap().unwrap();
        Self::open(tempfile::tempdir().unwrap(), journal, records.len()).await
    }

    /// The same data after the process was killed: what was not committed by then never will be.
    pub(crate) async fn restart(mut self) -> Self {
        self.tasks.shutdown().await;
        self.journal.commit(Commits::Never);
        self.journal.commit(Commits::AtOnce);
        let Self {
            dir,
            journal,
            seeds,
            ..
        } = self;
        Self::open(dir, journal, seeds).await
    }

    /// Waits until the hub has stopped.
    pub(crate) async fn stopped(&mut self) {
        while let Some(ended) = within("the end of the hub", self.tasks.join_next()).await {
            ended.unwrap();
        }
    }

    async fn open(dir: TempDir, journal: Memory, seeds: usize) -> Self {
        let store = Store::open(dir.path(), u64::MAX).unwrap();
        let inputs = store.inputs.clone();
        let ca = Ca::open_or_create(&dir.path().join("ca"), SystemTime::now()).unwrap();
        let (ca, revoked) = (Arc::new(ca), Revoked::default());
        let parts = Parts {
            journal: Journal::Memory(journal.clone()),
            output: store.output.clone(),
            kept: store.kept.clone(),
            inputs: inputs.clone(),
            ca: Arc::clone(&ca),
            revoked: revoked.clone(),
            settings: settings(),
            masks: Masks::none(),
        };
        let (shell, hub, messages) = Shell::open(parts).await.unwrap();
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let keep = last_seen::keep(store.kept.clone(), shell.last_seen());
        tasks.spawn(async move { keep.await.unwrap() });
        tasks.spawn(shell.run(messages, shutdown.clone()));
        Self {
            hub,
            journal,
            output: store.output,
            kept: store.kept,
            inputs,
            search: store.search,
            ca,
            revoked,
            dir,
            shutdown,
            tasks,
            seeds,
        }
    }

    /// Where the stores are.
    pub(crate) fn data_dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// The history, which nobody feeds but whoever asks.
    pub(crate) fn history(&self) -> History {
        History::new(history::Parts {
            hub: self.hub.clone(),
            search: self.search.clone(),
            output: self.output.clone(),
            kept: self.kept.clone(),
            masks: Masks::none(),
            guilds: vec![GUILD],
            runs_ms: u64::MAX,
        })
    }

    /// What was recorded after the hosts had joined and the grants were loaded.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        let records = self.journal.records();
        let kinds = records.into_iter().map(|record| record.kind);
        let own = kinds.skip(self.seeds);
        own.filter(|kind| !matches!(kind, Kind::GrantsLoaded(_)))
            .collect()
    }

    /// Waits until something is recorded.
    pub(crate) async fn recorded(&self, what: &str, is: impl Fn(&Kind) -> bool) {
        let looked = async {
            while !self.kinds().iter().any(&is) {
                tokio::task::yield_now().await;
            }
        };
        within(what, looked).await;
    }

    /// Asks for a run, on the command line.
    pub(crate) async fn ask_run(&self, on: &str) -> Result<RunId, Refusal> {
        let answer = within("an answer", self.hub.ask(local(), run_on(on))).await?;
        match answer {
            Answer::Accepted(snapshot) => Ok(snapshot.run.spec.id),
            other => panic!("{other:?}"),
        }
    }

    /// A run that was asked for, and whose answer was taken: it is about to begin. Nobody has output of it before its order.
    pub(crate) async fn run(&self, on: &str) -> RunId {
        let run = self.ask_run(on).await.unwrap();
        self.hub.taken(run).await;
        run
    }

    /// A run once it looks so.
    pub(crate) async fn seen(
        &self,
        run: RunId,
        what: &str,
        mut is: impl FnMut(&Run) -> bool,
    ) -> Arc<Run> {
        let watch = within("a watch", self.hub.watch(run)).await;
        let mut watch = watch.unwrap().expect("there is such a run");
        let seen = watch.wait_for(|snapshot| is(&snapshot.run));
        let snapshot = within(what, seen).await.expect(what);
        Arc::clone(&snapshot.run)
    }

    /// A run once it is over.
    pub(crate) async fn over(&self, run: RunId) -> Arc<Run> {
        self.seen(run, "the end of a run", Run::is_over).await
    }

    /// A host has a link that takes all that it is sent.
    pub(crate) async fn link(&self, n: u8) -> FakeLink {
        self.link_as(n, 64, "boot", Vec::new()).await.unwrap()
    }

    /// A host has a link with so much room, on a machine with this boot id, and holds these executions.
    pub(crate) async fn link_as(
        &self,
        n: u8,
        room: usize,
        boot_id: &str,
        executions: Vec<Holds>,
    ) -> Result<FakeLink, v1::Refused> {
        let (tx, down) = mpsc::channel(room);
        let link = NewLink {
            unknown: std::collections::BTreeSet::new(),
            holder: Holder {
                agent: agent(n),
                certificate: Presented {
                    key_sha256: [n; 32],
                    issued_ms: 0,
                    leaf: vec![n],
                },
            },
            renewal: v1::Renewal::default(),
            more: false,
            instance: Instance {
                boot_id: boot_id.to_owned(),
                drawn: "one".to_owned(),
            },
            version: "1.0.0".to_owned(),
            takes_input: true,
            takes_upkeep: true,
            executions,
            tx,
            seen_ms: Arc::new(AtomicU64::new(now_ms())),
        };
        let id = within("a link", self.hub.link_up(link)).await?;
        let agent = agent(n);
        Ok(FakeLink { agent, id, down })
    }

    /// Stores a slice of an output, and waits until it is committed.
    pub(crate) async fn store(&self, (run, n): (RunId, u8), bytes: &[u8]) {
        let mut appender = self.output.appender(agent(n));
        let mut offset = 0;
        for slice in bytes.chunks(32 * 1024) {
            let slice = Bytes::copy_from_slice(slice);
            appender.append(run, offset, slice).await.unwrap();
            offset += 32 * 1024;
        }
        let len = bytes.len() as u64;
        let acked = async {
            while appender.take().acked.get(&run) != Some(&len) {
                appender.changed().await;
            }
        };
        within("a commit", acked).await;
    }
}

/// The controller's end of a link, as its pump has it.
pub(crate) struct FakeLink {
    pub(crate) agent: AgentId,
    pub(crate) id: u64,
    pub(crate) down: mpsc::Receiver<v1::Down>,
}

impl FakeLink {
    /// What is said next; nothing when the link is closed.
    pub(crate) async fn next(&mut self) -> Option<v1::down::Kind> {
        let down = within("a word to an agent", self.down.recv()).await?;
        down.kind
    }

    /// All that was said by now.
    pub(crate) fn said(&mut self) -> Vec<v1::down::Kind> {
        std::iter::from_fn(|| self.down.try_recv().ok()?.kind).collect()
    }

    /// Whether the next that is said is to stop this run, not at once.
    pub(crate) async fn is_told_to_stop(&mut self, run: RunId) -> bool {
        let cancel = v1::Cancel {
            run: run.to_string(),
            force: false,
        };
        self.next().await == Some(v1::down::Kind::Cancel(cancel))
    }

    /// The order that is said next, but for the welcome.
    pub(crate) async fn order(&mut self) -> v1::ExecutionOrder {
        loop {
            match self.next().await {
                Some(v1::down::Kind::Welcome(_)) => {}
                Some(v1::down::Kind::Start(start)) => {
                    return v1::ExecutionOrder::decode(&*start.order).unwrap();
                }
                other => panic!("an order, not {other:?}"),
            }
        }
    }
}

/// The id of the host with this number.
pub(crate) const fn agent(n: u8) -> AgentId {
    AgentId::from_bytes([n; 16])
}

/// Somebody on the admin socket.
pub(crate) fn local() -> Asker {
    Asker::Local {
        user: "root".to_owned(),
    }
}

/// Somebody with every right on web hosts, by this interaction.
pub(crate) fn person(interaction: u64) -> Asker {
    Asker::Discord {
        user: ANN,
        name: "ann".to_owned(),
        bot: false,
        guild: Some(GUILD),
        channel: OPS,
        parent_channel: None,
        roles: vec![ROLE],
        interaction,
    }
}

/// A command on these hosts.
pub(crate) fn run_on(on: &str) -> Ask {
    Ask::Run(RunRequest {
        on: on.to_owned(),
        command: "uptime".to_owned(),
        // On the socket a large run is refused to whoever does not say this.
        typed: Typed::default().with(RunOption::Seen, YES),
        ..RunRequest::default()
    })
}

/// The spool of an execution that printed these lines and returned 0, and where each of its records ends.
pub(crate) fn spool(run: RunId, n: u8, lines: &[&str]) -> (Vec<u8>, Vec<usize>) {
    let header = spool::Header {
        version: spool::VERSION,
        run,
        agent: agent(n),
        boot_id: [0; 16],
        wall_ms: 5,
    };
    let mut records = vec![spool::Record::Header(header)];
    records.extend(lines.iter().map(|line| spool::Record::Out {
        dt_us: 1,
        bytes: Bytes::copy_from_slice(line.as_bytes()),
    }));
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    for record in &records {
        spool::encode(record, &mut bytes).unwrap();
        ends.push(bytes.len());
    }
    let exit = spool::Exit {
        how: spool::How::Code(0),
        cause: spool::Cause::Command,
        started_ms: 5,
        duration_us: 1_000,
        sha256: Sha256::digest(&bytes).into(),
        ..spool::Exit::lost(0)
    };
    spool::encode(&spool::Record::Exit(exit), &mut bytes).unwrap();
    ends.push(bytes.len());
    (bytes, ends)
}

fn settings() -> Settings {
    let grant = Grant {
        id: "ops".to_owned(),
        roles: vec![ROLE],
        people: Vec::new(),
        channels: vec![OPS],
        what: Verb::ALL.to_vec(),
        hosts: Selector::parse_for_grant("role=web").unwrap(),
    };
    Settings {
        policy: Policy {
            grants: vec![grant],
        },
        guilds: vec![GUILD],
        agent_version: "1.0.0".to_owned(),
        confirm_hosts: 10,
        output_max: 4_096,
        runs_ms: None,
        rates: Rates::default(),
        identities: Identities::default(),
        grace_ms: 10_000,
    }
}
