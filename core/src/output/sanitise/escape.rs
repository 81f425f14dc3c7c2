//! Where in an escape sequence the stream is. It recognises sequences only to leave them out, apart from those that move the cursor or
//! erase what stands there, and those that colour, where colours are kept.

use crate::output::colours::CODES_MAX;

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
    Control { len: usize, arguments: Arguments },
    /// In a string for the terminal: OSC, DCS, SOS, PM or APC.
    String,
    /// In such a string, after ESC.
    StringEnd,
}

/// The arguments of a control sequence, as far as they matter: the first ones, and whether it is a private one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arguments {
    numbers: [u16; CODES_MAX],
    /// A bit for each that is written; the others are not zero but nothing.
    given: u16,
    at: u16,
    private: bool,
    /// Intermediates or a form that means something else.
    other: bool,
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
    /// It ends a sequence that does this.
    Act(Act),
    /// It ends a sequence that says how what follows looks.
    Look(Codes),
}

/// The numbers of a sequence that says how something looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Codes {
    numbers: [u16; CODES_MAX],
    len: usize,
}

impl Codes {
    pub(super) fn numbers(&self) -> &[u16] {
        self.numbers.get(..self.len).unwrap_or_default()
    }
}

/// What a sequence does to the cursor or to what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Up(usize),
    Down(usize),
    NextLine(usize),
    PreviousLine(usize),
    Forward(usize),
    Back(usize),
    /// To a column, from zero.
    Column(usize),
    /// To a row, from zero.
    Row(usize),
    /// To a row and a column, from zero.
    Position(usize, usize),
    EraseLine(Erased),
    EraseScreen(Erased),
    InsertLines(usize),
    DeleteLines(usize),
    DeleteCharacters(usize),
    EraseCharacters(usize),
    Save,
    Restore,
    /// A full screen begins or ends.
    FullScreen(bool),
}

/// What is erased, as seen from the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Erased {
    ToEnd,
    ToStart,
    All,
}

impl Escape {
    pub(super) fn is_none(self) -> bool {
        self == Self::None
    }

    pub(super) fn step(&mut self, c: char) -> Step {
        let (next, step) = match *self {
            Self::None => match c {
                '\u{1b}' => (Self::Begun, Step::Skip),
                '\u{9b}' => (Self::control(), Step::Skip),
                _ => (Self::None, Step::Print),
            },
            Self::Begun => after_escape(c),
            Self::Intermediate => match c {
                ' '..='/' => (Self::Intermediate, Step::Skip),
                '0'..='~' => (Self::None, Step::Skip),
                _ => (Self::None, Step::Restart),
            },
            Self::Control { len, arguments } => in_control(c, len, arguments),
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

    fn control() -> Self {
        Self::Control {
            len: 0,
            arguments: Arguments::default(),
        }
    }
}

fn after_escape(c: char) -> (Escape, Step) {
    match c {
        '[' => (Escape::control(), Step::Skip),
        ']' | 'P' | 'X' | '^' | '_' => (Escape::String, Step::Skip),
        ' '..='/' => (Escape::Intermediate, Step::Skip),
        '7' => (Escape::None, Step::Act(Act::Save)),
        '8' => (Escape::None, Step::Act(Act::Restore)),
        'D' => (Escape::None, Step::Act(Act::Down(1))),
        'E' => (Escape::None, Step::Act(Act::NextLine(1))),
        'M' => (Escape::None, Step::Act(Act::Up(1))),
        '0'..='~' => (Escape::None, Step::Skip),
        _ => (Escape::None, Step::LoneEscape),
    }
}

fn in_control(c: char, len: usize, mut arguments: Arguments) -> (Escape, Step) {
    match c {
        ' '..='?' if len < CONTROL_CHARS_MAX => {
            arguments.push(c);
            let len = len + 1;
            (Escape::Control { len, arguments }, Step::Skip)
        }
        '@'..='~' => {
            let step = match arguments.codes(c) {
                Some(codes) => Step::Look(codes),
                None => arguments.act(c).map_or(Step::Skip, Step::Act),
            };
            (Escape::None, step)
        }
        _ => (Escape::None, Step::Restart),
    }
}

impl Arguments {
    fn push(&mut self, c: char) {
        match (c, c.to_digit(10).and_then(|d| u16::try_from(d).ok())) {
            (_, Some(digit)) => {
                if let Some(number) = self.numbers.get_mut(usize::from(self.at)) {
                    *number = number.saturating_mul(10).saturating_add(digit);
                    self.given |= 1 << self.at;
                }
            }
            (';', _) => self.at = self.at.saturating_add(1),
            ('?', _) => self.private = true,
            _ => self.other = true,
        }
    }

    /// A number, when it is written.
    fn number(&self, at: usize) -> Option<u16> {
        let number = self.numbers.get(at).copied()?;
        (self.given & (1 << at) != 0).then_some(number)
    }

    /// The first number as a count: nothing and zero are one.
    fn count(&self) -> usize {
        usize::from(self.number(0).unwrap_or(1).max(1))
    }

    /// What the sequence says of the look of what follows, if that is what it does. Nothing is zero, as in all of these.
    fn codes(&self, last: char) -> Option<Codes> {
        let len = usize::from(self.at).saturating_add(1).min(CODES_MAX);
        (last == 'm' && !self.other && !self.private).then_some(Codes {
            numbers: self.numbers,
            len,
        })
    }

    /// A number as a place, from zero.
    fn place(&self, at: usize) -> usize {
        let number = self.number(at).unwrap_or(1);
        usize::from(number.max(1)) - 1
    }

    fn part(&self) -> Option<Erased> {
        match self.number(0).unwrap_or(0) {
            0 => Some(Erased::ToEnd),
            1 => Some(Erased::ToStart),
            2 | 3 => Some(Erased::All),
            _ => None,
        }
    }

    fn act(&self, last: char) -> Option<Act> {
        if self.other {
            return None;
        }
        if self.private {
            let full = matches!(self.number(0), Some(47 | 1047 | 1049));
            return match last {
                'h' if full => Some(Act::FullScreen(true)),
                'l' if full => Some(Act::FullScreen(false)),
                'J' => self.part().map(Act::EraseScreen),
                'K' => self.part().map(Act::EraseLine),
                _ => None,
            };
        }
        let n = self.count();
        match last {
            'A' => Some(Act::Up(n)),
            'B' => Some(Act::Down(n)),
            'C' => Some(Act::Forward(n)),
            'D' => Some(Act::Back(n)),
            'E' => Some(Act::NextLine(n)),
            'F' => Some(Act::PreviousLine(n)),
            'G' | '`' => Some(Act::Column(self.place(0))),
            'H' | 'f' => Some(Act::Position(self.place(0), self.place(1))),
            'd' => Some(Act::Row(self.place(0))),
            'J' => self.part().map(Act::EraseScreen),
            'K' => self.part().map(Act::EraseLine),
            'L' => Some(Act::InsertLines(n)),
            'M' => Some(Act::DeleteLines(n)),
            'P' => Some(Act::DeleteCharacters(n)),
            'X' => Some(Act::EraseCharacters(n)),
            's' if self.number(0).is_none() => Some(Act::Save),
            'u' if self.number(0).is_none() => Some(Act::Restore),
            _ => None,
        }
    }
}
