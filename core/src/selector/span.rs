//! Where something stood in the text that was parsed.

/// A part of the text, in bytes.
///
/// Compares equal to every other span: two selectors are the same when they mean the same, however they were spaced.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    /// In characters, from 1.
    pub(super) column: usize,
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Span {}
