//! What a call carries, piece by piece: bytes, and files that are read while they are sent, so that memory does not grow with them.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Bytes that are read from a file at a time.
const READ_BYTES: usize = 64 * 1024;

/// A part of what is sent. It can be sent again: nothing is taken away from it.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A file without a name, which goes when the last piece of it does.
    Spooled {
        /// The file.
        file: Arc<File>,
        /// Its length, bytes.
        len: u64,
    },
}

impl Piece {
    /// A file that was written to its end.
    ///
    /// # Errors
    /// Its length cannot be found out.
    pub fn spooled(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        let file = Arc::new(file);
        Ok(Self::Spooled { file, len })
    }

    /// Its length, bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Spooled { len, .. } => *len,
        }
    }

    /// True when there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes from a place on, as many as are read at a time; none at the end.
    fn read(&self, at: u64) -> io::Result<Bytes> {
        match self {
            Self::Bytes(bytes) => {
                let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes.slice(at..))
            }
            Self::Spooled { file, len } => {
                let left = usize::try_from(len.saturating_sub(at)).unwrap_or(usize::MAX);
                let mut part = vec![0; left.min(READ_BYTES)];
                file.read_exact_at(&mut part, at)?;
                Ok(Bytes::from(part))
            }
        }
    }
}

/// Pieces on their way.
#[derive(Debug)]
pub struct Upload {
    pieces: VecDeque<Piece>,
    /// How far the first of them is sent, bytes.
    at: u64,
}

impl Upload {
    /// These pieces one after the other.
    #[must_use]
    pub fn new(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self {
            pieces: pieces.into_iter().collect(),
            at: 0,
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    /// Files were just written, so that what is read comes from memory that the kernel can have back.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        while let Some(piece) = self.pieces.front() {
            let read = piece.read(self.at);
            match read {
                Ok(part) if part.is_empty() => {
                    self.pieces.pop_front();
                    self.at = 0;
                }
                Ok(part) => {
                    self.at += part.len() as u64;
                    return Poll::Ready(Some(Ok(Frame::data(part))));
                }
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        let all: u64 = self.pieces.iter().map(Piece::len).sum();
        SizeHint::with_exact(all.saturating_sub(self.at))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn pieces_are_sent_one_after_the_other_and_can_be_sent_again() {
        let all: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&all).unwrap();
        let pieces = [
            Piece::Bytes(Bytes::from_static(b"head")),
            Piece::spooled(file).unwrap(),
            Piece::Bytes(Bytes::new()),
            Piece::Bytes(Bytes::from_static(b"tail")),
        ];
        let expected = [b"head", &all[..], b"tail"].concat();
        for _ in 0..2 {
            let upload = Upload::new(pieces.clone());
            assert_eq!(upload.size_hint().exact(), Some(expected.len() as u64));
            let sent = upload.collect().await.unwrap().to_bytes();
            assert!(sent == expected, "{} bytes", sent.len());
        }
    }
}
