//! Takes secrets out of output while it comes: values that are known, in the forms in which programs print them, and texts that look like
//! keys and tokens. What is taken out is the same wherever the stream is cut.
//!
//! All that some value or shape covers is one stretch; each stretch becomes [`MASKED`], whose length tells nothing.

mod files;
mod forms;
mod masker;
mod shape;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};
use thiserror::Error;

use crate::text::{plain, typographic};
use forms::Forms;
use shape::SHAPES;

pub use files::{FILE_BYTES_MAX, SecretFiles};
pub use masker::Masker;

/// What stands in the place of a secret.
pub const MASKED: &str = "[masked]";

/// A shorter value would take words out of the middle of others.
pub const VALUE_BYTES_MIN: usize = 6;

/// A longer value is a file that was named by mistake.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

/// Values that are looked for at once.
pub const VALUES_MAX: usize = 256;

/// A text longer than twice this is looked for in pieces of so many bytes.
const PIECE_BYTES: usize = 32;

/// So much of base64 must have come before a line end in it counts for nothing.
const WRAPPED_BYTES_MIN: usize = 4;

/// Why something cannot be masked. Never repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SecretError {
    /// It would be found everywhere.
    #[error("it holds {0} bytes, and what is masked takes at least {VALUE_BYTES_MIN}")]
    TooShort(usize),
    /// It is no secret.
    #[error("it holds more than {VALUE_BYTES_MAX} bytes, too many for a secret")]
    TooLong,
    /// It has no line of the form that it should have.
    #[error("it has no line of the form KEY=VALUE with at least {VALUE_BYTES_MIN} bytes of value")]
    NoVariable,
}

/// One value that must not be seen. Says nothing of it, in no way.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// What a file holds, without its last line end.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn new(content: &[u8]) -> Result<Self, SecretError> {
        let value = content.strip_suffix(b"\n").unwrap_or(content);
        let value = value.strip_suffix(b"\r").unwrap_or(value);
        match value.len() {
            len @ ..VALUE_BYTES_MIN => Err(SecretError::TooShort(len)),
            len if len > VALUE_BYTES_MAX => Err(SecretError::TooLong),
            _ => Ok(Self(value.to_vec())),
        }
    }

    /// The values of a file of lines `KEY=VALUE`; those that are too short to be secrets are passed over.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn variables(content: &[u8]) -> Result<Vec<Self>, SecretError> {
        if content.len() > VALUE_BYTES_MAX {
            return Err(SecretError::TooLong);
        }
        let lines = content.split(|byte| *byte == b'\n');
        let values: Vec<Self> = lines.filter_map(variable).collect();
        if values.is_empty() {
            return Err(SecretError::NoVariable);
        }
        Ok(values)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// The value of one line of a file of variables.
fn variable(line: &[u8]) -> Option<Secret> {
    let line = line.trim_ascii();
    if line.starts_with(b"#") {
        return None;
    }
    let equals = line.iter().position(|byte| *byte == b'=')?;
    let value = line.get(equals + 1..)?.trim_ascii();
    let unquoted = |quote: &[u8]| value.strip_prefix(quote)?.strip_suffix(quote);
    let value = unquoted(b"\"").or_else(|| unquoted(b"'")).unwrap_or(value);
    Secret::new(value).ok()
}

/// Everything that is looked for. A copy costs nothing, and looks for the same as the others when one of them is replaced.
#[derive(Clone)]
pub struct Masks(Arc<RwLock<Arc<Plan>>>);

/// The patterns and what each of them is.
struct Plan {
    automaton: NFA,
    start: StateID,
    kinds: Vec<Kind>,
    /// How far into some pattern each state is; the start is not there.
    depths: HashMap<StateID, Depth>,
    /// All texts of values, in order.
    texts: Vec<Vec<u8>>,
    /// The texts that shapes begin with, and whether something may stand before them.
    triggers: Vec<(&'static [u8], bool)>,
}

/// How far into some pattern a state is.
#[derive(Clone, Copy, Debug, Default)]
struct Depth {
    /// Bytes of it that came, but for line ends within base64.
    len: usize,
    /// It is base64, so much of it that a line end does not end it.
    wrapped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Base64,
    /// The beginning of the shape of that number.
    Shape(usize),
}

impl Masks {
    /// Looks for these values, and with `shapes` for what looks like keys and tokens as well.
    #[must_use]
    pub fn new(values: &[Secret], shapes: bool) -> Self {
        let mut forms = Forms::default();
        for value in values.iter().take(VALUES_MAX) {
            forms.add(&value.0);
            // A command is also shown, and run, with plain characters in place of those that editors put in.
            if let Ok(text) = std::str::from_utf8(&value.0) {
                let fixed = plain(text, &typographic(text));
                if fixed != text && fixed.len() >= VALUE_BYTES_MIN {
                    forms.add(fixed.as_bytes());
                }
            }
        }
        Self(Arc::new(RwLock::new(Arc::new(Plan::new(forms, shapes)))))
    }

    /// Looks for nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::new(&[], false)
    }

    /// Looks for what another one looks for from now on, in all copies. A stream under way goes on as it began.
    pub fn replace(&self, with: &Self) {
        let plan = with.plan();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    /// True when both look for the same.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let (one, other) = (self.plan(), other.plan());
        one.texts == other.texts && one.triggers == other.triggers
    }

    fn plan(&self) -> Arc<Plan> {
        let plan = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&plan)
    }

    /// True when nothing is looked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plan().kinds.is_empty()
    }

    /// A masker at the beginning of a stream.
    #[must_use]
    pub fn masker(&self) -> Masker {
        Masker::new(self.plan())
    }

    /// A whole text, masked.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        let mut masker = self.masker();
        let mut masked = Vec::with_capacity(text.len());
        masker.push(text.as_bytes(), &mut masked);
        masker.finish(&mut masked);
        // What a value that is no text cuts through is replaced.
        String::from_utf8_lossy(&masked).into_owned()
    }
}

impl Default for Masks {
    fn default() -> Self {
        Self::none()
    }
}

impl fmt::Debug for Masks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masks({} texts)", self.plan().texts.len())
    }
}

impl Plan {
    fn new(forms: Forms, shapes: bool) -> Self {
        let shapes = if shapes { SHAPES } else { &[] };
        let triggers: Vec<(usize, &'static [u8])> = shapes
            .iter()
            .enumerate()
            .flat_map(|(n, shape)| shape.triggers.iter().map(move |t| (n, t.as_bytes())))
            .collect();
        let plain = forms
            .plain
            .iter()
            .map(|text| (text.as_slice(), Kind::Plain));
        let base64 = forms
            .base64
            .iter()
            .map(|text| (text.as_slice(), Kind::Base64));
        let begun = triggers.iter().map(|(n, text)| (*text, Kind::Shape(*n)));
        let (patterns, kinds): (Vec<&[u8]>, Vec<Kind>) = plain.chain(base64).chain(begun).unzip();
        let automaton = NFA::builder()
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(&patterns)
            .expect("invariant: the bounds on values keep it far below its limits");
        let start = automaton
            .start_state(Anchored::No)
            .expect("invariant: it is not built for anchored searches only");
        let depths = depths(&automaton, start, patterns.iter().zip(&kinds));
        let texts: BTreeSet<Vec<u8>> = forms.plain.into_iter().chain(forms.base64).collect();
        Self {
            start,
            kinds,
            depths,
            texts: texts.into_iter().collect(),
            triggers: triggers
                .iter()
                .map(|(n, text)| (*text, shapes.get(*n).is_some_and(|shape| shape.boundary)))
                .collect(),
            automaton,
        }
    }

    fn depth(&self, state: StateID) -> Depth {
        self.depths.get(&state).copied().unwrap_or_default()
    }

    /// True when some value begins with this and goes on.
    fn begins_value(&self, tail: &[u8]) -> bool {
        let at = self.texts.partition_point(|text| text.as_slice() <= tail);
        self.texts
            .get(at)
            .is_some_and(|text| text.starts_with(tail))
    }

    /// True when some shape begins with this and goes on.
    fn begins_shape(&self, tail: &[u8], before: Option<u8>) -> bool {
        self.triggers.iter().any(|(trigger, boundary)| {
            trigger.len() > tail.len()
                && trigger.starts_with(tail)
                && !(*boundary && before.is_some_and(shape::word))
        })
    }
}

/// The states of all beginnings of the patterns. A state within a pattern is that of its longest beginning, so it has one depth.
fn depths<'p>(
    automaton: &NFA,
    start: StateID,
    patterns: impl Iterator<Item = (&'p &'p [u8], &'p Kind)>,
) -> HashMap<StateID, Depth> {
    let mut depths: HashMap<StateID, Depth> = HashMap::new();
    for (text, kind) in patterns {
        let mut state = start;
        for (len, byte) in (1..).zip(text.iter()) {
            state = automaton.next_state(Anchored::No, state, *byte);
            let depth = depths.entry(state).or_default();
            depth.len = len;
            depth.wrapped |= *kind == Kind::Base64 && len >= WRAPPED_BYTES_MIN && len < text.len();
        }
    }
    depths
}

#[cfg(test)]
mod tests;
