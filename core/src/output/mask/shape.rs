//! What keys and tokens look like. Each shape begins with a text that hardly anything else has, and is certain before it is masked.

/// A set of bytes.
type Class = fn(u8) -> bool;

/// One shape.
#[derive(Debug)]
pub(super) struct Shape {
    /// It begins with one of these.
    pub(super) triggers: &'static [&'static str],
    /// True when no letter, digit or `_` may stand before it.
    pub(super) boundary: bool,
    rule: Rule,
}

/// What must follow a trigger.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// So many bytes of a set; all of it is masked, with the trigger.
    Token { class: Class, min: usize },
    /// After at most [`GAP_BYTES_MAX`] bytes of one set, so many of another, which alone are masked.
    Value {
        gap: Class,
        gap_min: usize,
        class: Class,
        min: usize,
    },
    /// The rest of a header, a dot, and the beginning of another object.
    Jwt,
    /// The id of a bot, a time, and a signature.
    Discord,
    /// A user, a colon, and a password before an `@`, which alone is masked.
    Address,
    /// The name of a private key, and all to its end.
    Pem,
}

const GAP_BYTES_MAX: usize = 12;
const JWT_HEADER_BYTES_MAX: usize = 2_048;
const ADDRESS_BYTES_MAX: usize = 256;
const PEM_LABEL_BYTES_MAX: usize = 48;

/// A block without an end ends here; a key of 16,384 bits takes 13 KiB.
const PEM_BYTES_MAX: usize = 16 * 1024;

/// All of them.
pub(super) static SHAPES: &[Shape] = &[
    token(&["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], alnum, 36),
    token(&["github_pat_"], word, 60),
    token(&["glpat-"], url_or_dot, 20),
    token(&["xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-"], url, 24),
    token(&["sk_live_", "rk_live_"], alnum, 20),
    token(&["AIza"], url, 35),
    token(&["npm_"], alnum, 36),
    token(&["AKIA", "ASIA"], capital_or_digit, 16),
    token(&["sht1."], url_or_dot, 40),
    Shape {
        triggers: &[
            "aws_secret_access_key",
            "AWS_SECRET_ACCESS_KEY",
            "SecretAccessKey",
        ],
        boundary: true,
        rule: Rule::Value {
            gap: |byte| matches!(byte, b' ' | b'\t' | b'=' | b':' | b'"' | b'\''),
            gap_min: 1,
            class: base64,
            min: 40,
        },
    },
    Shape {
        triggers: &["Bearer ", "bearer "],
        boundary: true,
        rule: value(|byte| byte == b' ', bearer, 20),
    },
    Shape {
        triggers: &[
            "Authorization: Basic ",
            "authorization: Basic ",
            "authorization: basic ",
        ],
        boundary: true,
        rule: value(|byte| byte == b' ', base64, 8),
    },
    Shape {
        // `DB_PASSWORD=` and `PGPASSWORD=` as well.
        triggers: &["password=", "PASSWORD=", "passwd=", "PASSWD="],
        boundary: false,
        rule: value(|byte| matches!(byte, b'"' | b'\''), password, 6),
    },
    Shape {
        triggers: &["eyJ"],
        boundary: true,
        rule: Rule::Jwt,
    },
    Shape {
        // An id in decimal digits, in base64.
        triggers: &[
            "MT", "MD", "Mj", "Mz", "NT", "ND", "Nj", "Nz", "OT", "OD", "Oj", "Oz",
        ],
        boundary: true,
        rule: Rule::Discord,
    },
    Shape {
        triggers: &["://"],
        boundary: false,
        rule: Rule::Address,
    },
    Shape {
        triggers: &["-----BEGIN "],
        boundary: false,
        rule: Rule::Pem,
    },
];

const fn token(triggers: &'static [&'static str], class: Class, min: usize) -> Shape {
    Shape {
        triggers,
        boundary: true,
        rule: Rule::Token { class, min },
    }
}

const fn value(gap: Class, class: Class, min: usize) -> Rule {
    Rule::Value {
        gap,
        gap_min: 0,
        class,
        min,
    }
}

const fn alnum(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

const fn capital_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

pub(super) const fn word(byte: u8) -> bool {
    alnum(byte) || byte == b'_'
}

const fn url(byte: u8) -> bool {
    word(byte) || byte == b'-'
}

const fn url_or_dot(byte: u8) -> bool {
    url(byte) || byte == b'.'
}

const fn base64(byte: u8) -> bool {
    alnum(byte) || matches!(byte, b'+' | b'/' | b'=')
}

const fn bearer(byte: u8) -> bool {
    base64(byte) || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What has none of the marks of variables, placeholders, lists and quotes.
const fn password(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(
            byte,
            b'"' | b'\''
                | b'`'
                | b'$'
                | b'<'
                | b'>'
                | b'{'
                | b'}'
                | b'('
                | b')'
                | b'['
                | b']'
                | b'&'
                | b';'
                | b','
        )
}

/// A place where a shape may be.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    shape: usize,
    rule: Rule,
    /// Where what would be masked begins, once that is known.
    from: Option<u64>,
    /// Bytes since the trigger, or since the stage began.
    n: usize,
    stage: Stage,
    /// What kind of key a block holds.
    label: Vec<u8>,
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Right after the trigger.
    First,
    /// In the second part of it.
    Second,
    /// In the third part of it.
    Third,
    /// It is what it looked like.
    Certain,
    /// So many bytes of the end of a block have come.
    Ending(usize),
}

/// What a byte means to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody knows yet.
    Open,
    /// All from there to this byte is masked, and it goes on.
    Mask(u64),
    /// All from there to this byte is masked, and that was it.
    MaskLast(u64),
    /// All from there to the byte before is masked, and that was it.
    MaskedBefore(u64),
    /// It is over, or was nothing.
    Over,
}

impl Attempt {
    /// An attempt of the shape of that number, whose trigger of `len` bytes ended right before `at`.
    pub(super) fn new(shape: usize, rule: &Shape, len: u64, at: u64) -> Self {
        let rule = rule.rule;
        let whole = match rule {
            Rule::Token { .. } | Rule::Jwt | Rule::Discord | Rule::Pem => true,
            Rule::Value { .. } | Rule::Address => false,
        };
        Self {
            shape,
            rule,
            from: whole.then(|| at.saturating_sub(len)),
            n: 0,
            stage: Stage::First,
            label: Vec::new(),
        }
    }

    pub(super) const fn shape(&self) -> usize {
        self.shape
    }

    pub(super) const fn is_certain(&self) -> bool {
        matches!(self.stage, Stage::Certain | Stage::Ending(_))
    }

    /// From where on bytes wait for what it is.
    pub(super) const fn waits_from(&self) -> Option<u64> {
        if self.is_certain() { None } else { self.from }
    }

    /// Takes the next byte, which stands at `at`.
    pub(super) fn step(&mut self, byte: u8, at: u64) -> Verdict {
        self.n += 1;
        match self.rule {
            Rule::Token { class, min } => {
                if !class(byte) {
                    return Verdict::Over;
                }
                if self.n >= min {
                    self.stage = Stage::Certain;
                }
                self.so_far()
            }
            Rule::Value {
                gap,
                gap_min,
                class,
                min,
            } => self.value(byte, at, (gap, gap_min), (class, min)),
            Rule::Jwt => self.jwt(byte),
            Rule::Discord => self.discord(byte),
            Rule::Address => self.address(byte, at),
            Rule::Pem => self.pem(byte),
        }
    }

    fn so_far(&self) -> Verdict {
        match self.from {
            Some(from) if self.is_certain() => Verdict::Mask(from),
            Some(_) | None => Verdict::Open,
        }
    }

    const fn go_to(&mut self, stage: Stage) {
        self.stage = stage;
        self.n = 0;
    }

    fn value(&mut self, byte: u8, at: u64, gap: (Class, usize), value: (Class, usize)) -> Verdict {
        if self.stage == Stage::First {
            if gap.0(byte) && self.n <= GAP_BYTES_MAX {
                return Verdict::Open;
            }
            if self.n <= gap.1 {
                return Verdict::Over;
            }
            self.go_to(Stage::Second);
            self.n = 1;
            self.from = Some(at);
        }
        if !value.0(byte) {
            return Verdict::Over;
        }
        if self.n >= value.1 {
            self.stage = Stage::Certain;
        }
        self.so_far()
    }

    fn jwt(&mut self, byte: u8) -> Verdict {
        let goes_on = match self.stage {
            Stage::First if byte == b'.' && self.n > 8 => {
                self.go_to(Stage::Second);
                true
            }
            Stage::First => url(byte) && self.n <= JWT_HEADER_BYTES_MAX,
            Stage::Second => {
                let expected = b"eyJ".get(self.n - 1);
                if self.n == 3 && byte == b'J' {
                    self.stage = Stage::Certain;
                    true
                } else {
                    expected == Some(&byte)
                }
            }
            Stage::Third | Stage::Certain | Stage::Ending(_) => url_or_dot(byte),
        };
        if goes_on {
            self.so_far()
        } else {
            Verdict::Over
        }
    }

    fn discord(&mut self, byte: u8) -> Verdict {
        let goes_on = match (self.stage, self.n) {
            (Stage::First, 1) => b"AEIMQUYcgk".contains(&byte),
            (Stage::First, 2) => b"wxyz012345".contains(&byte),
            (Stage::First, 22..=27) if byte == b'.' => {
                self.go_to(Stage::Second);
                true
            }
            (Stage::First, n) => alnum(byte) && n <= 26,
            (Stage::Second, 6..=8) if byte == b'.' => {
                self.go_to(Stage::Third);
                true
            }
            (Stage::Second, n) => url(byte) && n <= 7,
            (Stage::Third, n) => {
                if n >= 27 {
                    self.stage = Stage::Certain;
                }
                url(byte)
            }
            (Stage::Certain | Stage::Ending(_), _) => url(byte),
        };
        if goes_on {
            self.so_far()
        } else {
            Verdict::Over
        }
    }

    fn address(&mut self, byte: u8, at: u64) -> Verdict {
        match (byte, self.stage, self.from) {
            (b'@', Stage::Second, Some(from)) if self.n > 1 => Verdict::MaskedBefore(from),
            (b'/' | b'?' | b'#' | b'@' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'[', ..) => {
                Verdict::Over
            }
            _ if !byte.is_ascii_graphic() || self.n > ADDRESS_BYTES_MAX => Verdict::Over,
            (b':', Stage::First, _) => {
                self.go_to(Stage::Second);
                self.from = Some(at + 1);
                Verdict::Open
            }
            _ => Verdict::Open,
        }
    }

    fn pem(&mut self, byte: u8) -> Verdict {
        let Some(from) = self.from else {
            return Verdict::Over;
        };
        match self.stage {
            Stage::First if byte == b'-' => {
                let label = self.label.strip_suffix(b" BLOCK").unwrap_or(&self.label);
                if !label.ends_with(b"PRIVATE KEY") {
                    return Verdict::Over;
                }
                self.go_to(Stage::Second);
                self.n = 1;
                Verdict::Open
            }
            Stage::First => {
                let label = byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
                if !label || self.n > PEM_LABEL_BYTES_MAX {
                    return Verdict::Over;
                }
                self.label.push(byte);
                Verdict::Open
            }
            Stage::Second | Stage::Third if byte != b'-' => Verdict::Over,
            Stage::Second | Stage::Third => {
                if self.n == 5 {
                    self.go_to(Stage::Certain);
                }
                self.so_far()
            }
            Stage::Certain => self.block(byte, 0, from),
            Stage::Ending(come) => self.block(byte, come, from),
        }
    }

    /// Takes a byte of the block, up to the dashes after its end, of which so many came.
    fn block(&mut self, byte: u8, come: usize, from: u64) -> Verdict {
        const END: &[u8] = b"-----END ";
        let body = base64(byte)
            || byte.is_ascii_whitespace()
            || matches!(byte, b'\\' | b':' | b',' | b'-' | b'"' | b'\'' | b'.');
        if !body || self.n > PEM_BYTES_MAX {
            return Verdict::Over;
        }
        let come = match END.get(come) {
            Some(expected) if *expected == byte => come + 1,
            Some(_) if byte == b'-' => come.min(5), // The sixth dash follows five.
            Some(_) => 0,
            None if byte == b'-' => come + 1,
            None => END.len(),
        };
        self.stage = Stage::Ending(come);
        if come == END.len() + 5 {
            Verdict::MaskLast(from)
        } else {
            Verdict::Mask(from)
        }
    }
}
