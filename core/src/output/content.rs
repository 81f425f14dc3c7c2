//! Whether two hosts printed the same: a digest of what people read, made while the bytes come.
//!
//! Standard output and standard error count each for itself, since how they mingle hangs on the moment. Spaces and carriage returns at
//! the end of a line and empty lines at the end of all count for nothing, as nobody sees them.

use sha2::{Digest as _, Sha256};

/// Spaces that may wait for whether something follows them, bytes; more count as text.
const WAITING_BYTES_MAX: usize = 4_096;

/// The digest of an output as far as it came.
#[derive(Clone, Debug, Default)]
pub struct Content {
    out: Stream,
    err: Stream,
}

#[derive(Clone, Debug, Default)]
struct Stream {
    sha: Sha256,
    /// Line ends that count once something follows them.
    lines: u64,
    /// Spaces and the like since the last visible byte of the line.
    waiting: Vec<u8>,
}

impl Content {
    /// Takes the next bytes of standard output.
    pub fn out(&mut self, bytes: &[u8]) {
        self.out.push(bytes);
    }

    /// Takes the next bytes of standard error.
    pub fn err(&mut self, bytes: &[u8]) {
        self.err.push(bytes);
    }

    /// The digest of all that came.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut both = Sha256::new();
        both.update(self.out.sha.clone().finalize());
        both.update(self.err.sha.clone().finalize());
        both.finalize().into()
    }
}

impl Stream {
    fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let visible = rest
                .iter()
                .position(|byte| matches!(byte, b'\n' | b' ' | b'\t' | b'\r'))
                .unwrap_or(rest.len());
            let (text, after) = rest.split_at_checked(visible.max(1)).unwrap_or((rest, &[]));
            match byte {
                b'\n' => {
                    self.waiting.clear();
                    self.lines += 1;
                }
                b' ' | b'\t' | b'\r' if self.waiting.len() < WAITING_BYTES_MAX => {
                    self.waiting.push(byte);
                }
                _ => self.text(text),
            }
            rest = after;
        }
    }

    fn text(&mut self, text: &[u8]) {
        for _ in 0..std::mem::take(&mut self.lines) {
            self.sha.update(b"\n");
        }
        self.sha.update(&self.waiting);
        self.waiting.clear();
        self.sha.update(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(pieces: &[&[u8]]) -> [u8; 32] {
        let mut content = Content::default();
        pieces.iter().for_each(|piece| content.out(piece));
        content.digest()
    }

    #[test]
    fn what_nobody_sees_makes_no_difference() {
        let plain = digest(&[b"one\n\n  two x"]);
        for same in [
            &[&b"one\n\n  two x\n"[..]][..],
            &[b"one  \r\n \t\n  two x \n\n\n"],
            &[b"on", b"e", b" ", b"\n", b"\n ", b" two ", b"x\r", b"\n"],
        ] {
            assert_eq!(digest(same), plain, "{same:?}");
        }
        for other in [
            &b"one\n  two x"[..],
            b"one\n\n two x",
            b"one\n\n  two  x",
            b"\none\n\n  two x",
            b"",
        ] {
            assert_ne!(digest(&[other]), plain, "{other:?}");
        }
        let wide = vec![b' '; 2 * WAITING_BYTES_MAX];
        assert_eq!(
            digest(&[&wide, b"x"]),
            digest(&[&wide[..7], &wide[7..], b"x"])
        );
    }

    #[test]
    fn the_two_streams_are_told_apart_and_not_how_they_mingle() {
        let of = |steps: &[(bool, &[u8])]| {
            let mut content = Content::default();
            for (err, bytes) in steps {
                if *err {
                    content.err(bytes);
                } else {
                    content.out(bytes);
                }
            }
            content.digest()
        };
        let both = of(&[(false, b"a\n"), (true, b"b\n")]);
        assert_eq!(both, of(&[(true, b"b\n"), (false, b"a\n")]));
        assert_ne!(both, of(&[(true, b"a\n"), (false, b"b\n")]));
        assert_ne!(both, of(&[(false, b"a\nb\n")]));
    }
}
