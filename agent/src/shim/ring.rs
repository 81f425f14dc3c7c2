//! The end of an output that went over its maximum. Bounded in bytes and in pieces.

use std::collections::VecDeque;

use shanty_core::limits::OUTPUT_RING_BYTES;
use shanty_core::spool::{Stream, Writer};

/// Pieces of alternating streams that are kept apart; beyond it the oldest go.
const PIECES_MAX: usize = 4_096;

/// The last [`OUTPUT_RING_BYTES`] of what was pushed, in order, each byte with its stream.
#[derive(Debug, Default)]
pub(super) struct Ring {
    bytes: VecDeque<u8>,
    pieces: VecDeque<Piece>,
    dropped: u64,
}

#[derive(Debug)]
struct Piece {
    stream: Stream,
    dt_us: u64,
    len: usize,
}

impl Ring {
    /// Keeps the bytes and drops the oldest instead.
    pub(super) fn push(&mut self, stream: Stream, dt_us: u64, bytes: &[u8]) {
        let surplus = bytes.len().saturating_sub(OUTPUT_RING_BYTES);
        let kept = bytes.get(surplus..).unwrap_or_default();
        self.dropped += surplus as u64;
        match self.pieces.back_mut() {
            Some(last) if last.stream == stream => last.len += kept.len(),
            Some(_) | None => self.pieces.push_back(Piece {
                stream,
                dt_us,
                len: kept.len(),
            }),
        }
        self.bytes.extend(kept);
        self.drop_front(self.bytes.len().saturating_sub(OUTPUT_RING_BYTES));
        while self.pieces.len() > PIECES_MAX {
            let oldest = self.pieces.front().map_or(0, |piece| piece.len);
            self.drop_front(oldest);
        }
    }

    /// Writes the mark of what was dropped, and the end, into `into`.
    pub(super) fn write(self, writer: &mut Writer, into: &mut Vec<u8>) {
        if self.dropped > 0 {
            writer.truncated(self.dropped, into);
        }
        let mut bytes = self.bytes;
        for piece in self.pieces {
            let part: Vec<u8> = bytes.drain(..piece.len.min(bytes.len())).collect();
            writer.output(piece.stream, piece.dt_us, &part, into);
        }
    }

    fn drop_front(&mut self, bytes: usize) {
        self.bytes.drain(..bytes.min(self.bytes.len()));
        self.dropped += bytes as u64;
        let mut left = bytes;
        while let Some(piece) = self.pieces.front_mut() {
            if piece.len > left {
                piece.len -= left;
                return;
            }
            left -= piece.len;
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use shanty_core::spool::{Decoder, Header, Record};

    use super::*;

    fn written(ring: Ring) -> (u64, Vec<(Stream, Vec<u8>)>) {
        let mut writer = Writer::new();
        let mut bytes = Vec::new();
        let header = Header {
            version: 1,
            run: shanty_core::ids::RunId::from_bytes([0; 16]),
            agent: shanty_core::ids::AgentId::from_bytes([0; 16]),
            boot_id: [0; 16],
            wall_ms: 0,
        };
        writer.header(&header, &mut bytes);
        ring.write(&mut writer, &mut bytes);
        let mut decoder = Decoder::new();
        decoder.push(&bytes);
        let (mut dropped, mut output) = (0, Vec::new());
        while let Some((record, _)) = decoder.next_record().unwrap() {
            match record {
                Record::Truncated { dropped: n } => dropped = n,
                Record::Out { bytes, .. } => output.push((Stream::Out, bytes.to_vec())),
                Record::Err { bytes, .. } => output.push((Stream::Err, bytes.to_vec())),
                Record::Header(_) | Record::Exit(_) | Record::Unknown { .. } => {}
            }
        }
        (dropped, output)
    }

    #[test]
    fn what_fits_is_kept_whole_and_without_a_mark() {
        let mut ring = Ring::default();
        ring.push(Stream::Out, 1, b"one ");
        ring.push(Stream::Out, 2, b"two");
        ring.push(Stream::Err, 3, b"bad");
        let expected = vec![
            (Stream::Out, b"one two".to_vec()),
            (Stream::Err, b"bad".to_vec()),
        ];
        assert_eq!(written(ring), (0, expected));
    }

    #[test]
    fn the_end_survives_and_every_other_byte_is_counted() {
        let mut ring = Ring::default();
        let mut all = Vec::new();
        for n in 0..200_u32 {
            let part = vec![u8::try_from(n % 251).unwrap(); 5_000];
            ring.push(Stream::Out, u64::from(n), &part);
            all.extend(part);
        }
        ring.push(Stream::Err, 200, b"last");
        let (dropped, output) = written(ring);
        assert_eq!(output.last(), Some(&(Stream::Err, b"last".to_vec())));
        let kept: Vec<u8> = output.into_iter().flat_map(|(_, bytes)| bytes).collect();
        assert_eq!(kept.len(), OUTPUT_RING_BYTES);
        assert_eq!(dropped, (all.len() + 4 - kept.len()) as u64);
        let tail = &all[all.len() + 4 - OUTPUT_RING_BYTES..];
        assert_eq!(&kept[..kept.len() - 4], tail);
    }

    #[test]
    fn one_huge_push_and_many_tiny_ones_stay_bounded() {
        let mut ring = Ring::default();
        ring.push(Stream::Out, 0, &vec![b'x'; OUTPUT_RING_BYTES * 3]);
        for n in 0..20_000 {
            let stream = if n % 2 == 0 { Stream::Err } else { Stream::Out };
            ring.push(stream, n, b".");
        }
        assert!(ring.pieces.len() <= PIECES_MAX);
        let held: usize = ring.pieces.iter().map(|piece| piece.len).sum();
        assert_eq!(held, ring.bytes.len());
        assert_eq!(ring.dropped, (OUTPUT_RING_BYTES * 3 + 20_000 - held) as u64);
    }
}
