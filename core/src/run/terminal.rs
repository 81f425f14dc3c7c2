//! Whether a command has a terminal.

/// Columns and rows of a terminal that nobody sees.
pub const TERMINAL_SIZE: (u16, u16) = (120, 50);

/// What a command's standard streams are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Terminal {
    /// Pipes.
    #[default]
    None,
    /// A terminal of its own, of [`TERMINAL_SIZE`], at which nobody types.
    Own,
}

impl Terminal {
    /// What to do when somebody asked for one, or did not.
    #[must_use]
    pub const fn asked(asked: bool) -> Self {
        if asked { Self::Own } else { Self::None }
    }

    /// True when it has one.
    #[must_use]
    pub const fn is_own(self) -> bool {
        match self {
            Self::None => false,
            Self::Own => true,
        }
    }
}
