//! What went over the wire, for scripts: the REST exchanges, and counts of everything.
//!
//! Holds no authorisation header; interaction tokens stand in paths, as they do for Discord.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use crate::snowflake::rfc3339;

/// Exchanges kept.
const EXCHANGES_MAX: usize = 20_000;
/// Bytes of bodies kept over all exchanges.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Acknowledgement latencies kept.
const LATENCIES_MAX: usize = 10_000;

/// One REST exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The route's template, or empty when there is none.
    pub(crate) route: &'static str,
    pub(crate) status: u16,
    /// The request's body as JSON text, as it came where it was JSON: a tree of it could be many times as large.
    pub(crate) request: bytes::Bytes,
    /// The answer's body as it was sent.
    pub(crate) response: bytes::Bytes,
    pub(crate) at_ms: u64,
}

/// The record of all traffic.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    exchanges: VecDeque<(u64, Exchange)>,
    seq: u64,
    bytes: usize,
    routes: BTreeMap<String, BTreeMap<u16, u64>>,
    events: BTreeMap<&'static str, u64>,
    latencies_ms: VecDeque<u64>,
    pub(crate) identifies: u64,
    pub(crate) resumes: u64,
    pub(crate) invalid_sessions: u64,
}

impl Traffic {
    /// Notes an exchange.
    pub(crate) fn note(&mut self, exchange: Exchange) {
        let route = if exchange.route.is_empty() {
            "unknown"
        } else {
            exchange.route
        };
        let by_status = self
            .routes
            .entry(format!("{} {route}", counted(&exchange.method)))
            .or_default();
        *by_status.entry(exchange.status).or_default() += 1;
        self.seq = self.seq.saturating_add(1);
        self.bytes = self.bytes.saturating_add(weight(&exchange));
        self.exchanges.push_back((self.seq, exchange));
        while self.exchanges.len() > EXCHANGES_MAX || self.bytes > BYTES_MAX {
            let Some((_, old)) = self.exchanges.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(weight(&old));
        }
    }

    /// Notes how long the bot took for its first answer.
    pub(crate) fn acknowledged(&mut self, after_ms: u64) {
        if self.latencies_ms.len() >= LATENCIES_MAX {
            self.latencies_ms.pop_front();
        }
        self.latencies_ms.push_back(after_ms);
    }

    /// Counts a gateway event.
    pub(crate) fn count_event(&mut self, name: &'static str) {
        *self.events.entry(name).or_default() += 1;
    }

    /// The exchanges after `since`, one JSON document per line.
    pub(crate) fn lines(&self, since: u64) -> String {
        let mut lines = String::new();
        let skipped = self.exchanges.partition_point(|(seq, _)| *seq <= since);
        for (seq, exchange) in self.exchanges.iter().skip(skipped) {
            let read = |text: &[u8]| serde_json::from_slice(text).unwrap_or(Value::Null);
            let response = read(&exchange.response);
            let line = json!({
                "seq": seq, "at": rfc3339(exchange.at_ms), "method": exchange.method, "path": exchange.path,
                "route": exchange.route, "status": exchange.status, "request": read(&exchange.request),
                "response": response,
            });
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
        lines
    }

    /// The counts.
    pub(crate) fn stats(&self) -> Value {
        let routes: BTreeMap<_, BTreeMap<String, u64>> = self
            .routes
            .iter()
            .map(|(route, by_status)| {
                (
                    route,
                    by_status
                        .iter()
                        .map(|(status, count)| (status.to_string(), *count))
                        .collect(),
                )
            })
            .collect();
        let count =
            |wanted: u16| -> u64 { self.routes.values().filter_map(|by| by.get(&wanted)).sum() };
        json!({
            "routes": routes, "events": self.events, "identifies": self.identifies, "resumes": self.resumes,
            "invalid_sessions": self.invalid_sessions, "rate_limited": count(429),
            "acknowledgement": self.latencies(), "traffic_seq": self.seq,
        })
    }

    fn latencies(&self) -> Value {
        let mut sorted: Vec<u64> = self.latencies_ms.iter().copied().collect();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let index =
                (sorted.len().saturating_mul(percent) / 100).min(sorted.len().saturating_sub(1));
            sorted.get(index)
        };
        json!({
            "count": sorted.len(), "min_ms": sorted.first(), "p50_ms": at(50), "p90_ms": at(90),
            "p99_ms": at(99), "max_ms": sorted.last(),
        })
    }
}

/// The method as it is counted: a client may make up as many as it likes.
fn counted(method: &str) -> &str {
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    known
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("OTHER")
}

fn weight(exchange: &Exchange) -> usize {
    exchange
        .request
        .len()
        .saturating_add(exchange.response.len())
        .saturating_add(exchange.method.len())
        .saturating_add(exchange.path.len())
}
