//! Processes that a command left running on purpose.

/// Processes that are named, at most; the others are counted.
pub const LEFT_NAMED_MAX: usize = 16;

/// Longest text of a host in a record of an end, characters: each is one byte.
const PLAIN_CHARS_MAX: usize = 200;

/// Processes that were left alive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// How many.
    pub count: u32,
    /// The first of them, at most [`LEFT_NAMED_MAX`].
    pub named: Vec<Process>,
}

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number on the host.
    pub pid: u32,
    /// What the kernel calls its program, as [`plain`] text.
    pub program: String,
}

impl Process {
    /// A process whose program calls itself so: any bytes can be a name.
    #[must_use]
    pub fn new(pid: u32, program: &str) -> Self {
        Self {
            pid,
            program: plain(program),
        }
    }
}

/// A short text of a host with nothing in it that could be taken for something else: what is no visible ASCII becomes `?`.
#[must_use]
pub fn plain(text: &str) -> String {
    let visible = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    text.chars().take(PLAIN_CHARS_MAX).map(visible).collect()
}
