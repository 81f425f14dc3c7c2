//! Where in an escape sequence the stream is. It recognises sequences only to leave them out, apart from the few that redraw a line.

/// Characters of a control sequence before it is taken for text: it may not hide more than this.
const CONTROL_CHARS_MAX: usize = 256;

/// The place in an escape sequence, or in none.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// In no sequence.
    #[default]
    None,
    /// After ESC.
    Begun,
    /// After ESC and an intermediate: the next final character ends it.
    Intermediate,
    /// In a control sequence, `ESC [ 31 m`.
    Control { len: usize, argument: Argument },
    /// In a string for the terminal: OSC, DCS, SOS, PM or APC.
    String,
    /// In such a string, after ESC.
    StringEnd,
}

/// The arguments of a control sequence, as far as they matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    None,
    Number(u8),
    /// Anything but one small number.
    Other,
}

/// What a character does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is no part of a sequence.
    Print,
    /// It is part of a sequence.
    Skip,
    /// It cannot go on with the sequence, which is dropped: step again.
    Restart,
    /// It cannot follow ESC, which therefore began nothing: step again.
    LoneEscape,
    EraseToEnd,
    EraseToStart,
    EraseAll,
    ToStart,
}

impl Escape {
    pub(super) fn is_none(self) -> bool {
        self == Self::None
    }

    pub(super) fn step(&mut self, c: char) -> Step {
        let (next, step) = match *self {
            Self::None => match c {
                '\u{1b}' => (Self::Begun, Step::Skip),
                '\u{9b}' => (Self::CONTROL, Step::Skip),
                _ => (Self::None, Step::Print),
            },
            Self::Begun => after_escape(c),
            Self::Intermediate => match c {
                ' '..='/' => (Self::Intermediate, Step::Skip),
                '0'..='~' => (Self::None, Step::Skip),
                _ => (Self::None, Step::Restart),
            },
            Self::Control { len, argument } => in_control(c, len, argument),
            Self::String => match c {
                '\u{7}' | '\u{18}' | '\u{1a}' | '\u{9c}' => (Self::None, Step::Skip),
                '\u{1b}' => (Self::StringEnd, Step::Skip),
                // A string that is not closed must not hide the lines that follow.
                '\n' => (Self::None, Step::Restart),
                _ => (Self::String, Step::Skip),
            },
            Self::StringEnd => match c {
                '\\' => (Self::None, Step::Skip),
                // Another sequence ends the string as well.
                c => after_escape(c),
            },
        };
        *self = next;
        step
    }

    const CONTROL: Self = Self::Control {
        len: 0,
        argument: Argument::None,
    };
}

fn after_escape(c: char) -> (Escape, Step) {
    match c {
        '[' => (Escape::CONTROL, Step::Skip),
        ']' | 'P' | 'X' | '^' | '_' => (Escape::String, Step::Skip),
        ' '..='/' => (Escape::Intermediate, Step::Skip),
        '0'..='~' => (Escape::None, Step::Skip),
        _ => (Escape::None, Step::LoneEscape),
    }
}

fn in_control(c: char, len: usize, argument: Argument) -> (Escape, Step) {
    let argument = match (c, argument) {
        ('0'..='9', Argument::None) => Argument::Number(digit(c)),
        ('0'..='9', Argument::Number(0)) => Argument::Number(digit(c)),
        (' '..='?', _) => Argument::Other,
        (_, argument) => argument,
    };
    match c {
        ' '..='?' if len < CONTROL_CHARS_MAX => {
            let len = len + 1;
            (Escape::Control { len, argument }, Step::Skip)
        }
        '@'..='~' => (Escape::None, control(c, argument)),
        _ => (Escape::None, Step::Restart),
    }
}

fn digit(c: char) -> u8 {
    c.to_digit(10)
        .and_then(|d| u8::try_from(d).ok())
        .unwrap_or(0)
}

fn control(last: char, argument: Argument) -> Step {
    match (last, argument) {
        ('K', Argument::None | Argument::Number(0)) => Step::EraseToEnd,
        ('K', Argument::Number(1)) => Step::EraseToStart,
        ('K', Argument::Number(2)) => Step::EraseAll,
        ('G', Argument::None | Argument::Number(0 | 1)) => Step::ToStart,
        _ => Step::Skip,
    }
}
