//! How long it takes to fold and lay out what very many hosts printed: `cargo bench -p shanty-core --bench thread`.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench reads the clock and prints"
)]

use std::time::Instant;

use bytes::Bytes;
use shanty_core::ids::{AgentId, RunId, RunNumber};
use shanty_core::output::content::Content;
use shanty_core::output::same_but::SameBut;
use shanty_core::run::{How, Offline, Options, Origin, Outcome, Run, Spec, Strategy, Target, What};
use shanty_core::spool::Record;
use shanty_core::thread::{Status, Style, Thread, Threads};

const HOSTS: usize = 10_000;
const BYTES: usize = 2 * 1024;

fn agent(n: usize) -> AgentId {
    AgentId::from_bytes((n as u128).to_be_bytes())
}

/// What a host prints: most the same, some their own name, some something else.
fn printed(n: usize) -> String {
    let line = "a line of the output of a command that many hosts ran alike\n";
    let mut text = line.repeat(BYTES / line.len());
    match n % 100 {
        7 => text.push_str(&format!("I am host-{n:05}\n")),
        13 => text.push_str(&format!("another output: {}\n", n % 3)),
        21 => text.push_str(&format!("what nobody else printed: {}\n", n * 7_919)),
        _ => {}
    }
    text
}

fn main() {
    let targets = (0..HOSTS).map(|n| Target {
        agent: agent(n),
        name: format!("host-{n:05}").parse().expect("a name"),
        away: None,
    });
    let spec = Spec {
        id: RunId::from_bytes([9; 16]),
        origin: Origin::Socket {
            user: "root".to_owned(),
        },
        what: What::Shell("true".to_owned()),
        input: None,
        selector: "all".to_owned(),
        options: Options {
            timeout_ms: 60_000,
            ..Options::default()
        },
        targets: targets.collect(),
        digest: [0; 32],
        seed: None,
        strategy: Strategy {
            offline: Offline::Fail,
            rollout: None,
        },
    };
    let mut run = Run::new(RunNumber(1), spec, 0);
    let outputs: Vec<String> = (0..HOSTS).map(printed).collect();
    let style = Style {
        threads: Threads::Always,
        same_but: SameBut {
            host: true,
            ..SameBut::default()
        },
        ..Style::default()
    };
    for round in 1..=5 {
        let mut thread = Thread::new(&run, style);
        let begun = Instant::now();
        for (n, text) in outputs.iter().enumerate() {
            let bytes = Bytes::copy_from_slice(text.as_bytes());
            thread.feed(agent(n), &Record::Out { dt_us: 0, bytes });
            thread.finish(agent(n));
        }
        let fed = begun.elapsed();
        for (n, text) in outputs.iter().enumerate() {
            let mut content = Content::default();
            content.out(text.as_bytes());
            let how = if n % 500 == 3 {
                How::Exited(1)
            } else {
                How::Exited(0)
            };
            let outcome = Outcome {
                output_bytes: text.len() as u64,
                content_sha256: Some(content.digest()),
                ..Outcome::without_output(how)
            };
            run.apply_finished(agent(n), outcome);
        }
        let status = Status {
            run: &run,
            run_as: &[],
            spool_full: &[],
            thread: Some((1, 2)),
            place: Some((1, 2)),
            cards: Default::default(),
            now_ms: 0,
        };
        let begun = Instant::now();
        let messages = thread.lay_out(&status).len();
        let laid_out = begun.elapsed();
        println!(
            "{round}: {HOSTS} hosts of {BYTES} B: read in {:.0} ms, grouped and laid out in {:.0} ms, {messages} messages",
            fed.as_secs_f64() * 1e3,
            laid_out.as_secs_f64() * 1e3
        );
    }
}
