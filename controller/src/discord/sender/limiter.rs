//! Decides when a call may go out, from what Discord said on every answer before. Pure: time is an argument, nothing is sent or awaited.
//!
//! Discord counts calls in buckets. Which bucket a route belongs to is only told on answers (`X-RateLimit-Bucket`); within it, each
//! channel, guild or token counts for itself. Until more than one call is known to be left, one at a time is in flight.
//! Beside the buckets there are the global limit of the bot, and a ban for too many refused calls, from which we keep far away.
//! First answers to interactions pass at once: Discord exempts them from the global limit, and they are dead after 3 s anyway.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::discord::answers::Answer;
use crate::discord::call::{Class, Major, Route};

/// Calls of the bot per second. Discord allows 50; some room is left for what counts differently there.
const GLOBAL_CALLS_MAX: usize = 45;

/// The length of the window of the global limit, milliseconds.
const GLOBAL_WINDOW_MS: u64 = 1_000;

/// Refused calls (401, 403, 429) in the window after which nothing is sent. Discord bans an address at 10,000.
const REFUSED_MAX: usize = 500;

/// The window in which refused calls are counted, milliseconds.
const REFUSED_WINDOW_MS: u64 = 600_000;

/// The longest wait that is believed, milliseconds: some limits of Discord are counted by the day.
const WAIT_MS_MAX: u64 = 24 * 3_600_000;

/// The wait after a 429 that does not say how long, milliseconds.
const WAIT_MS_UNTOLD: u64 = 5_000;

/// Two answers tell of the same window when its end by Discord's clock differs by no more than this, milliseconds. No window is as short.
const SAME_RESET_MS: u64 = 100;

/// The same where Discord's clock is not told and the end is reckoned from when an answer came: what answers take on their way.
const SAME_WINDOW_MS: u64 = 500;

/// The latest time that is believed, seconds of Discord's clock.
const RESET_S_MAX: f64 = 1e11;

/// Buckets that are remembered before the settled ones are forgotten.
const BUCKETS_KEPT: usize = 1_024;

/// Longest name of a bucket that is believed, bytes. Discord's have 32.
const BUCKET_NAME_BYTES_MAX: usize = 128;

/// What is known about Discord's limits.
#[derive(Debug, Default)]
pub struct Limiter {
    buckets: HashMap<Key, Bucket>,
    names: HashMap<&'static str, Arc<str>>,
    forget_at: usize,
    global_until_ms: u64,
    granted_ms: VecDeque<u64>,
    refused_ms: VecDeque<u64>,
    unauthorized: bool,
}

/// The right to make one call, to be given back by [`Limiter::release`].
#[derive(Debug)]
pub struct Grant {
    /// The bucket that it is of; none for what is in no bucket.
    key: Option<Key>,
    /// When it was counted under the global limit, if it was.
    counted_ms: Option<u64>,
}

/// What became of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// No call was made with it: somebody else may have it.
    Unused,
    /// The call went out, and no answer came.
    Unanswered,
    /// The call was answered.
    Answered,
}

/// Why no call of a kind is sent at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The bot's token was refused.
    Unauthorized,
    /// Too many calls were refused; milliseconds until the next may go.
    TooManyRefused(u64),
}

/// A 429, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// Milliseconds until the next call.
    pub retry_after_ms: u64,
    /// True when it stops every call, not only the bucket's.
    pub global: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    name: Name,
    major: Major,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    Bucket(Arc<str>),
    Template(&'static str),
}

#[derive(Debug, Default)]
struct Bucket {
    window: Option<Window>,
    blocked_until_ms: u64,
    in_flight: u32,
}

/// What the last answer said of a bucket.
#[derive(Clone, Copy, Debug)]
struct Window {
    limit: Option<u32>,
    remaining: u32,
    /// Its end by our clock: too late by what the answer took on its way.
    reset_ms: u64,
    /// Its end by Discord's clock, which is the same in every answer.
    ends_ms: Option<u64>,
}

impl Limiter {
    /// When a call may go: a time at or before `now_ms` is now; none means that only the answer to another call can tell.
    #[must_use]
    pub fn ready_at(&self, route: &Route, now_ms: u64) -> Option<u64> {
        let refused = self.refused_until(now_ms);
        match route.class() {
            Class::Callback => return Some(now_ms),
            // The sender refuses the call; letting it wait would only hide that.
            Class::Bot if self.unauthorized => return Some(now_ms),
            Class::Bot | Class::Token => {}
        }
        let bucket = match self.buckets.get(&self.key(route)) {
            Some(bucket) => bucket.ready_at(now_ms)?,
            None => now_ms,
        };
        let global = match route.class() {
            Class::Bot => self.second_full_until(now_ms),
            Class::Token | Class::Callback => 0,
        };
        Some(bucket.max(global).max(refused).max(self.global_until_ms))
    }

    /// Counts a call as under way. Only when [`Self::ready_at`] says now.
    #[must_use]
    pub fn take(&mut self, route: &Route, now_ms: u64) -> Grant {
        if route.class() == Class::Callback {
            return Grant {
                key: None,
                counted_ms: None,
            };
        }
        let counted_ms = (route.class() == Class::Bot).then_some(now_ms);
        if counted_ms.is_some() {
            self.granted_ms.push_back(now_ms);
            if self.granted_ms.len() > GLOBAL_CALLS_MAX {
                self.granted_ms.pop_front();
            }
        }
        self.forget_settled(now_ms);
        let key = self.key(route);
        let bucket = self.buckets.entry(key.clone()).or_default();
        bucket.in_flight = bucket.in_flight.saturating_add(1);
        Grant {
            key: Some(key),
            counted_ms,
        }
    }

    /// Gives a grant back. A call that went out without an answer may have been counted by Discord: it is counted here too.
    pub fn release(&mut self, grant: Grant, used: Use) {
        if let (Use::Unused, Some(at_ms)) = (used, grant.counted_ms) {
            let at = self.granted_ms.iter().rposition(|ms| *ms == at_ms);
            at.and_then(|at| self.granted_ms.remove(at));
        }
        let Some(bucket) = grant.key.and_then(|key| self.buckets.get_mut(&key)) else {
            return;
        };
        bucket.in_flight = bucket.in_flight.saturating_sub(1);
        if let (Use::Unanswered, Some(window)) = (used, &mut bucket.window) {
            window.remaining = window.remaining.saturating_sub(1);
        }
    }

    /// Learns from an answer, whatever its status. Returns what a 429 asks for.
    pub fn observe(&mut self, route: &Route, answer: &Answer, now_ms: u64) -> Option<Limited> {
        let limits = RateLimits::read(answer);
        self.count_refused(route, answer.status, &limits, now_ms);
        if route.class() == Class::Callback {
            return (answer.status == StatusCode::TOO_MANY_REQUESTS).then(|| limits.limited());
        }
        if let Some(name) = &limits.bucket {
            self.names.insert(route.template(), Arc::clone(name));
        }
        let key = self.key(route);
        let bucket = self.buckets.entry(key).or_default();
        if let (Some(remaining), Some(reset_after_ms)) = (limits.remaining, limits.reset_after_ms) {
            let told = Window {
                limit: limits.limit,
                remaining,
                reset_ms: now_ms.saturating_add(reset_after_ms),
                ends_ms: limits.reset_ms,
            };
            bucket.window = Some(match bucket.window {
                Some(before) if before.reset_ms > now_ms => told.after(before),
                Some(_) | None => told,
            });
        }
        if answer.status != StatusCode::TOO_MANY_REQUESTS {
            return None;
        }
        let limited = limits.limited();
        let until_ms = now_ms.saturating_add(limited.retry_after_ms);
        if limited.global {
            self.global_until_ms = self.global_until_ms.max(until_ms);
        } else {
            bucket.blocked_until_ms = bucket.blocked_until_ms.max(until_ms);
        }
        Some(limited)
    }

    /// There is another token: that Discord refused the old one counts no more.
    pub const fn renewed(&mut self) {
        self.unauthorized = false;
    }

    /// Why a call must not be sent at all, if so.
    #[must_use]
    pub fn stopped(&self, route: &Route, now_ms: u64) -> Option<Stop> {
        if self.unauthorized && route.class() == Class::Bot {
            return Some(Stop::Unauthorized);
        }
        let until_ms = self.refused_until(now_ms);
        (until_ms > now_ms).then(|| Stop::TooManyRefused(until_ms - now_ms))
    }

    fn key(&self, route: &Route) -> Key {
        let name = match self.names.get(route.template()) {
            Some(name) => Name::Bucket(Arc::clone(name)),
            None => Name::Template(route.template()),
        };
        Key {
            name,
            major: route.major(),
        }
    }

    fn count_refused(
        &mut self,
        route: &Route,
        status: StatusCode,
        limits: &RateLimits,
        now_ms: u64,
    ) {
        // An interaction's token that ran out is answered with 401 as well, and says nothing about the bot's.
        if status == StatusCode::UNAUTHORIZED && route.class() == Class::Bot {
            self.unauthorized = true;
        }
        let counted = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => true,
            StatusCode::TOO_MANY_REQUESTS => !limits.shared,
            _ => false,
        };
        if counted {
            self.refused_ms.push_back(now_ms);
            if self.refused_ms.len() > REFUSED_MAX {
                self.refused_ms.pop_front();
            }
        }
    }

    /// The time at which fewer than the most refused calls are in the window; zero when that is so now.
    fn refused_until(&self, now_ms: u64) -> u64 {
        window_full_until(&self.refused_ms, REFUSED_MAX, REFUSED_WINDOW_MS, now_ms)
    }

    fn second_full_until(&self, now_ms: u64) -> u64 {
        window_full_until(&self.granted_ms, GLOBAL_CALLS_MAX, GLOBAL_WINDOW_MS, now_ms)
    }

    /// Drops buckets that say nothing any more, so that threads and tokens of the past take no memory.
    fn forget_settled(&mut self, now_ms: u64) {
        if self.buckets.len() < self.forget_at.max(BUCKETS_KEPT) {
            return;
        }
        self.buckets.retain(|_, bucket| !bucket.is_settled(now_ms));
        self.forget_at = self.buckets.len().saturating_mul(2);
    }
}

/// The end of a full sliding window, given the last `calls_max` times in it; zero when it has room.
fn window_full_until(times: &VecDeque<u64>, calls_max: usize, window_ms: u64, now_ms: u64) -> u64 {
    match times.front() {
        Some(oldest) if times.len() >= calls_max => {
            let free_ms = oldest.saturating_add(window_ms);
            if free_ms > now_ms { free_ms } else { 0 }
        }
        Some(_) | None => 0,
    }
}

impl Window {
    /// What is known after another answer while a window runs. Answers overtake one another: one of the same window that says that more
    /// is left is the older one, and one of a window that ends earlier says nothing of this one.
    fn after(self, before: Self) -> Self {
        let is_same = match (self.ends_ms, before.ends_ms) {
            (Some(ends), Some(before_ends)) => {
                if ends.saturating_add(SAME_RESET_MS) < before_ends {
                    return before;
                }
                ends.abs_diff(before_ends) <= SAME_RESET_MS
            }
            (Some(_) | None, _) => self.reset_ms.abs_diff(before.reset_ms) <= SAME_WINDOW_MS,
        };
        if !is_same {
            return self;
        }
        Self {
            remaining: self.remaining.min(before.remaining),
            reset_ms: self.reset_ms.max(before.reset_ms),
            ..self
        }
    }
}

impl Bucket {
    fn ready_at(&self, now_ms: u64) -> Option<u64> {
        if self.blocked_until_ms > now_ms {
            return Some(self.blocked_until_ms);
        }
        let left = match self.window {
            Some(window) if window.reset_ms > now_ms && window.remaining == 0 => {
                return Some(window.reset_ms);
            }
            Some(window) if window.reset_ms > now_ms => window.remaining,
            // The window is over and filled up again.
            Some(window) => window.limit.unwrap_or(1),
            None => 1,
        };
        (self.in_flight < left.max(1)).then_some(now_ms)
    }

    fn is_settled(&self, now_ms: u64) -> bool {
        let running = self.window.is_some_and(|window| window.reset_ms > now_ms);
        self.in_flight == 0 && self.blocked_until_ms <= now_ms && !running
    }
}

/// What an answer says about limits. Everything is believed within bounds, nothing is required.
#[derive(Debug)]
struct RateLimits {
    bucket: Option<Arc<str>>,
    limit: Option<u32>,
    remaining: Option<u32>,
    reset_after_ms: Option<u64>,
    /// The end of the window by Discord's clock.
    reset_ms: Option<u64>,
    retry_after_ms: Option<u64>,
    shared: bool,
    global: bool,
}

/// The body of a 429.
#[derive(Debug, Default, Deserialize)]
struct TooMany {
    #[serde(default)]
    retry_after: Option<f64>,
    #[serde(default)]
    global: bool,
}

impl RateLimits {
    fn read(answer: &Answer) -> Self {
        let headers = &answer.headers;
        let body = if answer.status == StatusCode::TOO_MANY_REQUESTS {
            // A proxy's 429 has another body, or none; the headers then have to do.
            serde_json::from_slice(&answer.body).unwrap_or_default()
        } else {
            TooMany::default()
        };
        let scope = text(headers, "x-ratelimit-scope");
        let bucket = text(headers, "x-ratelimit-bucket")
            .filter(|name| !name.is_empty() && name.len() <= BUCKET_NAME_BYTES_MAX);
        // Without scope and bucket it does not come from Discord's own limiter but from the edge before it, which limits our address.
        let edge = scope.is_none() && bucket.is_none();
        let by_header = text(headers, "retry-after").and_then(seconds);
        let by_body = body.retry_after.and_then(milliseconds);
        Self {
            bucket: bucket.map(Arc::from),
            limit: number(headers, "x-ratelimit-limit"),
            remaining: number(headers, "x-ratelimit-remaining"),
            reset_after_ms: text(headers, "x-ratelimit-reset-after").and_then(seconds),
            reset_ms: text(headers, "x-ratelimit-reset").and_then(clock),
            retry_after_ms: by_header.max(by_body),
            shared: scope == Some("shared"),
            global: edge || body.global || scope == Some("global") || is_global(headers),
        }
    }

    fn limited(&self) -> Limited {
        Limited {
            retry_after_ms: self.retry_after_ms.unwrap_or(WAIT_MS_UNTOLD),
            global: self.global,
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u32> {
    text(headers, name)?.parse().ok()
}

fn is_global(headers: &HeaderMap) -> bool {
    text(headers, "x-ratelimit-global").is_some_and(|told| told.eq_ignore_ascii_case("true"))
}

fn seconds(text: &str) -> Option<u64> {
    milliseconds(text.parse().ok()?)
}

/// A time by Discord's clock, as milliseconds.
fn clock(text: &str) -> Option<u64> {
    let seconds: f64 = text.parse().ok()?;
    if !(0.0..=RESET_S_MAX).contains(&seconds) {
        return None;
    }
    u64::try_from(Duration::from_secs_f64(seconds).as_millis()).ok()
}

/// Seconds as milliseconds, rounded up, within the longest wait that is believed.
fn milliseconds(seconds: f64) -> Option<u64> {
    if !seconds.is_finite() || seconds < 0.0 {
        return None;
    }
    let bounded = Duration::from_secs_f64(seconds.min(1e9));
    let ms = u64::try_from(bounded.as_micros().div_ceil(1_000)).unwrap_or(WAIT_MS_MAX);
    Some(ms.min(WAIT_MS_MAX))
}

#[cfg(test)]
mod tests;
