//! How long selectors take on large fleets: folding, completing, resolving, and hostile input. Prints a table.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench reads the clock and prints"
)]

use std::time::{Duration, Instant};

use shanty_core::facts::{Facts, Metrics};
use shanty_core::ids::{AgentId, HostName, Labels};
use shanty_core::principal::Principal;
use shanty_core::selector::complete::{Recent, complete};
use shanty_core::selector::fold::fold;
use shanty_core::selector::{AgentInfo, Group, Host, Scope, Selector};

const HOSTS: usize = 10_000;

/// One of many things that are done again and again.
struct Row {
    name: String,
    times: Vec<Duration>,
}

impl Row {
    fn measure(name: impl Into<String>, times: usize, mut f: impl FnMut(usize)) -> Self {
        let times = (0..times)
            .map(|n| {
                let begun = Instant::now();
                f(n);
                begun.elapsed()
            })
            .collect();
        Self {
            name: name.into(),
            times,
        }
    }

    fn print(mut self) {
        self.times.sort_unstable();
        let at = |share: usize| {
            let place = (self.times.len() * share).div_ceil(100).saturating_sub(1);
            self.times.get(place).copied().unwrap_or_default()
        };
        let ms = |time: Duration| format!("{:.2}", time.as_secs_f64() * 1e3);
        println!(
            "| {} | {} | {} | {} | {} |",
            self.name,
            self.times.len(),
            ms(at(50)),
            ms(at(99)),
            ms(at(100))
        );
    }
}

/// Names without any order: different words, numbers with holes, several numbers.
fn irregular(count: u64) -> Vec<String> {
    let words = ["web", "db", "cache-eu", "ip-10-", "k8s-worker-", "gpu.lab"];
    (0..count)
        .map(|n| {
            let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            let word = words[usize::try_from(mixed % 6).unwrap_or(0)];
            format!("{word}{}-{}n{}", mixed % 97, mixed % 13, n)
        })
        .collect()
}

fn main() {
    println!("| what | times | p50 ms | p99 ms | max ms |");
    println!("|---|---|---|---|---|");
    for count in [10_000, 100_000] {
        let names = irregular(count);
        Row::measure(format!("fold {count} irregular names"), 10, |_| {
            assert!(!fold(names.iter().map(String::as_str)).is_empty());
        })
        .print();
    }

    let named: Vec<(HostName, Labels)> = irregular(HOSTS as u64)
        .iter()
        .enumerate()
        .map(|(n, name)| {
            let labels = format!("role=r{},env=e{},rack=k{}", n % 7, n % 3, n / 40);
            (
                name.parse().expect("a name"),
                Labels::parse(&labels).expect("labels"),
            )
        })
        .collect();
    let (facts, metrics) = (Facts::default(), Metrics::default());
    let told = AgentInfo {
        facts: Some(&facts),
        metrics: Some(&metrics),
        version: "0.1.0",
    };
    let hosts: Vec<Host<'_>> = named
        .iter()
        .enumerate()
        .map(|(n, (name, labels))| Host {
            id: AgentId::from_bytes((n as u128).to_be_bytes()),
            name,
            labels,
            online: n % 10 != 0,
            stale: false,
            draining: false,
            told,
        })
        .collect();
    let groups = (0..100)
        .map(|n| {
            let selector = Selector::parse_for_group(&format!("rack=k{n} env=e1"));
            let group = Group {
                selector: selector.expect("a group"),
                by: Principal::Local("root".to_owned()),
                saved_ms: 0,
            };
            (format!("rack{n}"), group)
        })
        .collect();
    let scope = Scope {
        groups: &groups,
        ..Scope::empty()
    };

    let typed = [
        "",
        "w",
        "web",
        "web1*",
        "role=",
        "role=r1 env",
        "@",
        "@rack1 !we",
        "is:",
        "all pick:10%",
        "nothing",
        "web[1-9",
    ];
    for text in typed {
        Row::measure(format!("complete `{text}` on {HOSTS} hosts"), 100, |_| {
            std::hint::black_box(complete(text, &hosts, scope, Recent::default()));
        })
        .print();
    }

    let hostile = [
        ("`**********a`", "**********a".to_owned()),
        ("1,000 parentheses", "(".repeat(1_000)),
        ("1,400 labels", "a=b,".repeat(1_400) + "a=b"),
        ("16 globs", "*0*1*2*,".repeat(15) + "*0*"),
        ("16 comparisons", "mem>1g,".repeat(15) + "mem>1g"),
        ("16 parts", "os~e,".repeat(15) + "os~e"),
        ("1,500 times `all`", "all,".repeat(1_499) + "all"),
        ("800 ranges", "a[1-9],".repeat(800) + "a[1]"),
        ("a range of 10,000", "a[1-10000]".to_owned()),
        (
            "599 names",
            (0..599).map(|n| format!("web-{n:05},")).collect::<String>() + "web-00000",
        ),
        (
            "100 groups",
            (0..100)
                .map(|n| format!("@rack{n}"))
                .collect::<Vec<_>>()
                .join(","),
        ),
    ];
    for (name, text) in hostile {
        assert!(text.len() <= 6_000, "{name}");
        Row::measure(format!("resolve {name}"), 50, |_| {
            Selector::parse(&text)
                .and_then(|selector| selector.resolve(&hosts, scope))
                .ok();
        })
        .print();
    }
}
