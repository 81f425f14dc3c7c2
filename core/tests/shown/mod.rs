//! A run that prints, as people see it, and what must hold of every message: read and counted here by rules of our own.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use shanty_core::ids::{AgentId, RunId, RunNumber};
use shanty_core::principal::Place;
use shanty_core::run::{
    Event, Gate, How, Offline, Options, Origin, Outcome, Phase, Run, Spec, Strategy, Target, What,
};
use shanty_core::spool::Record;
use shanty_core::thread::{Block, CardAt, Look, Status, Style, Thread};
use shanty_core::time::{LinkTime, Now};

const ACCEPTED_MS: u64 = 1_795_341_000_000;

/// The card that the interaction was answered with.
const FIRST_CARD: CardAt = CardAt::There {
    message: 70,
    made_ms: ACCEPTED_MS,
};

/// A run on `web-01`, `web-02` and so on, and its messages.
pub(crate) struct Shown {
    pub(crate) run: Run,
    pub(crate) thread: Thread,
}

pub(crate) fn agent(n: usize) -> AgentId {
    AgentId::from_bytes((n as u128).to_be_bytes())
}

impl Shown {
    pub(crate) fn on(hosts: usize, style: Style) -> Self {
        let target = |n: usize| Target {
            agent: agent(n),
            name: format!("web-{n:02}").parse().expect("a name"),
            away: None,
        };
        let spec = Spec {
            id: RunId::from_bytes([0xab; 16]),
            origin: Origin::Chat {
                user: 7,
                name: "ann".into(),
                place: Place {
                    guild: 1,
                    channel: 2,
                    parent: None,
                    interaction: 3,
                },
                grant: "ops".into(),
            },
            what: What::Shell("make".into()),
            input: None,
            selector: "role=web".into(),
            options: Options {
                timeout_ms: 60_000,
                ..Options::default()
            },
            targets: (1..=hosts).map(target).collect(),
            digest: [0; 32],
            seed: None,
            strategy: Strategy {
                offline: Offline::Fail,
                rollout: None,
            },
        };
        let mut run = Run::new(RunNumber(142), spec, ACCEPTED_MS);
        run.phase = Phase::Running;
        let gates = (1..=hosts).map(|n| (agent(n), Gate::Open)).collect();
        let now = Now {
            wall_ms: ACCEPTED_MS,
            link: LinkTime::from_ms(ACCEPTED_MS),
        };
        run.handle(Event::Begin { gates }, now, &mut Vec::new());
        let thread = Thread::new(&run, style);
        Self { run, thread }
    }

    /// A host prints this.
    pub(crate) fn print(&mut self, host: usize, bytes: &[u8]) {
        let bytes = Bytes::copy_from_slice(bytes);
        let record = Record::Out { dt_us: 0, bytes };
        self.thread.feed(agent(host), &record);
    }

    /// A host ends that printed this.
    pub(crate) fn end(&mut self, host: usize, code: i32, printed: &[u8]) {
        self.thread.finish(agent(host));
        let content = Sha256::digest(printed).into();
        let outcome = Outcome {
            duration_ms: 1_300,
            output_bytes: printed.len() as u64,
            output_sha256: Some([1; 32]),
            content_sha256: Some(content),
            ..Outcome::without_output(How::Exited(code))
        };
        self.run.apply_finished(agent(host), outcome);
    }

    /// The run is over.
    pub(crate) fn close(&mut self) {
        let at_ms = ACCEPTED_MS + 2_000;
        self.run.phase = Phase::Closed { at_ms };
    }

    /// The texts of each message as it looks now, after it was checked.
    pub(crate) fn messages(&mut self) -> Vec<(Block, Vec<String>)> {
        let status = Status {
            run: &self.run,
            run_as: &[],
            spool_full: &[],
            thread: Some((1, 99)),
            place: Some((1, 98)),
            cards: [FIRST_CARD, CardAt::Waiting, CardAt::Waiting],
            now_ms: ACCEPTED_MS + 3_000,
        };
        let messages = self.thread.lay_out(&status);
        let texts = messages.iter().map(|message| {
            let texts = match &message.look {
                Look::Text(text) => vec![text.clone()],
                Look::Card(card) => card.texts.clone(),
            };
            check(&message.look);
            (message.block, texts)
        });
        texts.collect()
    }
}

/// Panics when a message could not be sent, or something in it comes alive that the run did not say.
pub(crate) fn check(look: &Look) {
    let units = |text: &str| text.chars().map(char::len_utf16).sum::<usize>();
    let texts = match look {
        Look::Text(text) => std::slice::from_ref(text),
        Look::Card(card) => {
            let all: usize = card.texts.iter().map(|text| units(text)).sum();
            let bytes: usize = card.texts.iter().map(|text| text.len() + 12).sum();
            let rows = card.buttons.len().div_ceil(5) + 2 * usize::from(card.menu.is_some());
            let components = 1 + card.texts.len() + rows + card.buttons.len();
            assert!(all <= 4_000, "{all} characters: {card:?}");
            assert!(bytes <= 10_170, "{bytes} bytes: {card:?}");
            assert!(components <= 40, "{components} components: {card:?}");
            &card.texts
        }
    };
    for text in texts {
        assert!(
            (1..=2_000).contains(&units(text)),
            "{}: {text}",
            units(text)
        );
        let (outside, blocks) = fences(text);
        for alive in [
            "@everyone",
            "@here",
            "<@666",
            "<@!666",
            "<@&666",
            "<#666",
            "](",
            "http",
            "||",
            "~~",
            "evil",
        ] {
            assert!(
                !outside.contains(alive),
                "{alive} outside of a block: {text}"
            );
        }
        for block in blocks {
            let odd = |c: char| c.is_control() && c != '\n' && c != '\u{1b}';
            assert!(!block.contains(odd), "{block:?}");
        }
    }
}

/// What is outside of blocks of code, and what is inside of each. A block begins with three backticks, on a line with nothing else but a language,
/// and ends with the next three; between them is at least one character.
pub(crate) fn fences(text: &str) -> (String, Vec<String>) {
    let (mut outside, mut blocks, mut rest) = (String::new(), Vec::new(), text);
    while let Some((before, after)) = rest.split_once("```") {
        outside.push_str(before);
        outside.push('⏎');
        let Some((inside, after)) = after.split_once("```") else {
            panic!("a block is open: {text}");
        };
        let (language, code) = inside.split_once('\n').unwrap_or(("?", inside));
        assert!(
            ["", "diff", "ansi"].contains(&language),
            "{language:?}: {text}"
        );
        assert!(
            !code.trim_matches('\n').is_empty(),
            "an empty block: {text}"
        );
        assert!(!after.starts_with('`'), "a backtick after a block: {text}");
        blocks.push(code.to_owned());
        rest = after;
    }
    outside.push_str(rest);
    (outside, blocks)
}

/// The bytes in chunks, cut at these places.
pub(crate) fn chunks<'b>(bytes: &'b [u8], cuts: &[usize]) -> Vec<&'b [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|ends| &bytes[ends[0]..ends[1]])
        .collect()
}
