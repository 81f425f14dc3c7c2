//! Parameters of an action: their types, with what each is bounded by, as a definition says them.

mod kinds;
mod read;

use std::fmt;
use std::str::FromStr;

use crate::selector::Selector;

use super::name::Name;

pub use kinds::{Bound, Glob, Live, Pattern};
pub(super) use read::{parameter, selector};

/// Most parameters of an action: a command of Discord has 25 options, and four are for `on`, `dry`, `offline` and `reason`.
pub const PARAMETERS_MAX: usize = 21;

/// Most values of a parameter that takes several.
pub const MANY_MAX: i64 = 50;

/// Choices of an enum.
pub const CHOICES_MAX: usize = 200;

/// Longest text, characters.
pub const TEXT_CHARS_MAX: i64 = 400;

/// Longest SQL, characters.
pub const SQL_CHARS_MAX: i64 = 4_000;

/// Shortest and longest secret, bytes: a shorter one would be masked in every other word.
pub const SECRET_BYTES: (usize, usize) = (6, 4_096);

/// The largest whole number that Discord and JSON hold exactly, and its negative the least.
pub const INT_MAX: i64 = 9_007_199_254_740_991;

/// Globs of an `allow`, and endings of a file.
pub const ALLOW_MAX: usize = 64;

/// Endings of a file (Discord).
pub const ENDINGS_MAX: usize = 10;

/// Names that mean something else beside parameters: placeholders, and options of every action.
pub const RESERVED: [&str; 9] = [
    "action", "args", "dry", "host", "label", "offline", "on", "reason", "run",
];

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: Name,
    /// What people are told of it.
    pub title: Option<String>,
    /// What it takes.
    pub kind: Kind,
    /// What it is when nobody says it, as it would be typed.
    pub default: Option<String>,
    /// Whether it may be left out without a default.
    pub optional: bool,
    /// Most values that it takes; nothing means one.
    pub many: Option<usize>,
}

/// What a parameter takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A flag, there or not.
    Bool {
        /// What its placeholder becomes; nothing means that only a script sees it.
        flag: Option<String>,
    },
    /// A whole number.
    Int {
        /// The least.
        min: i64,
        /// The most.
        max: i64,
    },
    /// One of a few words.
    Enum {
        /// The words.
        of: Vec<String>,
    },
    /// A line of text.
    Text {
        /// What the whole of it matches.
        pattern: Option<Pattern>,
        /// Most characters.
        max: usize,
    },
    /// A time, such as `5m`.
    Duration {
        /// The shortest, milliseconds.
        min: Option<Bound>,
        /// The longest.
        max: Option<Bound>,
    },
    /// A size, such as `16m`.
    Size {
        /// The smallest, bytes.
        min: Option<Bound>,
        /// The largest.
        max: Option<Bound>,
    },
    /// Something that the hosts have.
    Live {
        /// Of which kind.
        what: Live,
        /// What it may be called; empty means anything.
        allow: Vec<Glob>,
    },
    /// A line of a list that the owner of the host keeps.
    List {
        /// The name of the list.
        of: Name,
    },
    /// A project that the owner of the host describes.
    Project,
    /// A database that the owner of the host describes.
    Db,
    /// A host.
    Host {
        /// Which ones.
        on: Option<Selector>,
    },
    /// The value of a label.
    Label {
        /// Its key.
        key: String,
    },
    /// SQL that somebody types.
    Sql {
        /// Most characters.
        max: usize,
    },
    /// A secret.
    Secret,
    /// An attached file.
    File {
        /// Most bytes.
        max: Bound,
        /// Endings that its name may have; empty means any.
        ext: Vec<String>,
    },
}

/// The types by their names, in the order of the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// See [`Kind::Bool`].
    Bool,
    /// See [`Kind::Int`].
    Int,
    /// See [`Kind::Enum`].
    Enum,
    /// See [`Kind::Text`].
    Text,
    /// See [`Kind::Duration`].
    Duration,
    /// See [`Kind::Size`].
    Size,
    /// See [`Live::Service`].
    Service,
    /// See [`Live::Container`].
    Container,
    /// See [`Live::Mount`].
    Mount,
    /// See [`Kind::List`].
    List,
    /// See [`Kind::Project`].
    Project,
    /// See [`Kind::Db`].
    Db,
    /// See [`Kind::Host`].
    Host,
    /// See [`Kind::Label`].
    Label,
    /// See [`Kind::Sql`].
    Sql,
    /// See [`Kind::Secret`].
    Secret,
    /// See [`Kind::File`].
    File,
}

impl Type {
    /// Every type.
    pub const ALL: [Self; 17] = [
        Self::Bool,
        Self::Int,
        Self::Enum,
        Self::Text,
        Self::Duration,
        Self::Size,
        Self::Service,
        Self::Container,
        Self::Mount,
        Self::List,
        Self::Project,
        Self::Db,
        Self::Host,
        Self::Label,
        Self::Sql,
        Self::Secret,
        Self::File,
    ];

    /// As a definition says it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Enum => "enum",
            Self::Text => "text",
            Self::Duration => "duration",
            Self::Size => "size",
            Self::Service => "service",
            Self::Container => "container",
            Self::Mount => "mount",
            Self::List => "list",
            Self::Project => "project",
            Self::Db => "db",
            Self::Host => "host",
            Self::Label => "label",
            Self::Sql => "sql",
            Self::Secret => "secret",
            Self::File => "file",
        }
    }
}

impl FromStr for Type {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut all = Self::ALL.into_iter();
        all.find(|of| of.as_str() == text).ok_or(())
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Kind {
    /// Its type.
    #[must_use]
    pub const fn of(&self) -> Type {
        match self {
            Self::Bool { .. } => Type::Bool,
            Self::Int { .. } => Type::Int,
            Self::Enum { .. } => Type::Enum,
            Self::Text { .. } => Type::Text,
            Self::Duration { .. } => Type::Duration,
            Self::Size { .. } => Type::Size,
            Self::Live {
                what: Live::Service,
                ..
            } => Type::Service,
            Self::Live {
                what: Live::Container,
                ..
            } => Type::Container,
            Self::Live {
                what: Live::Mount, ..
            } => Type::Mount,
            Self::List { .. } => Type::List,
            Self::Project => Type::Project,
            Self::Db => Type::Db,
            Self::Host { .. } => Type::Host,
            Self::Label { .. } => Type::Label,
            Self::Sql { .. } => Type::Sql,
            Self::Secret => Type::Secret,
            Self::File { .. } => Type::File,
        }
    }

    /// Whether its grammar leaves room for what programs such as make read as code.
    #[must_use]
    pub const fn is_free(&self) -> bool {
        match self {
            Self::Text { .. }
            | Self::List { .. }
            | Self::Live {
                what: Live::Mount, ..
            }
            | Self::Sql { .. }
            | Self::Secret
            | Self::File { .. } => true,
            Self::Bool { .. }
            | Self::Int { .. }
            | Self::Enum { .. }
            | Self::Duration { .. }
            | Self::Size { .. }
            | Self::Live { .. }
            | Self::Project
            | Self::Db
            | Self::Host { .. }
            | Self::Label { .. } => false,
        }
    }
}

impl Parameter {
    /// Whether nobody need say it.
    #[must_use]
    pub const fn may_be_left_out(&self) -> bool {
        self.optional || self.default.is_some() || matches!(self.kind, Kind::Bool { .. })
    }

    /// Whether it may be nothing at all when an action is carried out.
    #[must_use]
    pub const fn may_be_nothing(&self) -> bool {
        self.optional && self.default.is_none()
    }
}
