//! Whether a command is asked for colours, and people see them.

/// What becomes of the colours of an output. Its bytes are stored as they come, whatever is said here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colours {
    /// They are left out of what people see.
    #[default]
    None,
    /// The command is told to use them, and people see them.
    Kept,
}

impl Colours {
    /// What to do when somebody asked for them, or did not.
    #[must_use]
    pub const fn asked(asked: bool) -> Self {
        if asked { Self::Kept } else { Self::None }
    }

    /// True when people see them.
    #[must_use]
    pub const fn kept(self) -> bool {
        match self {
            Self::None => false,
            Self::Kept => true,
        }
    }
}
