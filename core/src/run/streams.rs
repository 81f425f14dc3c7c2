//! Whether a command's two streams come together.

/// Where a command's standard output and standard error go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Streams {
    /// Into one pipe, as on a terminal: in the order written.
    #[default]
    One,
    /// Into a pipe each: it is known which is which, and between them the order is not.
    Apart,
}

impl Streams {
    /// What people type for it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "one" => Some(Self::One),
            "apart" => Some(Self::Apart),
            _ => None,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Apart => "apart",
        }
    }
}
