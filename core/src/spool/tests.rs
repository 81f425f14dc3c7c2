//! Properties of the spool: any cut gives the same records, a torn tail is cut exactly, nothing panics on hostile bytes.

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;

fn any_bytes(max: usize) -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..max).prop_map(Bytes::from)
}

fn any_body() -> impl Strategy<Value = Record> {
    prop_oneof![
        (any::<u64>(), any_bytes(300)).prop_map(|(dt_us, bytes)| Record::Out { dt_us, bytes }),
        (any::<u64>(), any_bytes(300)).prop_map(|(dt_us, bytes)| Record::Err { dt_us, bytes }),
        any::<u64>().prop_map(|dropped| Record::Truncated { dropped }),
        (6..=u8::MAX, any_bytes(40)).prop_map(|(kind, payload)| Record::Unknown { kind, payload }),
    ]
}

fn any_header() -> impl Strategy<Value = Record> {
    (
        any::<u16>(),
        any::<[u8; 16]>(),
        any::<[u8; 16]>(),
        any::<[u8; 16]>(),
        any::<u64>(),
    )
        .prop_map(|(version, run, agent, boot_id, wall_ms)| {
            Record::Header(Header {
                version,
                run: RunId::from_bytes(run),
                agent: AgentId::from_bytes(agent),
                boot_id,
                wall_ms,
            })
        })
}

fn any_exit() -> impl Strategy<Value = Record> {
    let how = prop_oneof![
        (any::<u8>().prop_map(How::Code), 0..3_u8),
        ((1..=64_u8).prop_map(How::Signal), 0..3_u8),
        (any::<u8>().prop_map(How::Code), Just(4)),
        Just((How::Unknown, 3)),
    ];
    let limit_bytes = proptest::option::of(1..=u64::MAX);
    let oom_kill = prop_oneof![
        Just(None),
        Just(Some(OomKill::Host)),
        limit_bytes.prop_map(|limit_bytes| Some(OomKill::Group { limit_bytes })),
    ];
    let program = "[ -~]{0,20}".prop_map(|text| text);
    let named = proptest::collection::vec((any::<u32>(), program), 0..=LEFT_NAMED_MAX);
    let left = (named, 0..3_u32).prop_map(|(named, more)| Left {
        count: u32::try_from(named.len()).unwrap() + more,
        named: named
            .iter()
            .map(|(pid, program)| Process::new(*pid, program))
            .collect(),
    });
    let restart = (1..=u64::MAX, any::<u64>())
        .prop_map(|(booted_ms, back_ms)| Restart { booted_ms, back_ms });
    let told = (
        left,
        proptest::option::of("/[ -~]{0,20}"),
        proptest::option::of(restart),
        proptest::option::of("[a-z][a-z0-9_-]{0,20}"),
    );
    (
        (how, oom_kill, told),
        any::<[u64; 6]>(),
        any::<u32>(),
        proptest::array::uniform32(any::<u8>()),
    )
        .prop_map(
            |(((how, cause), oom_kill, told), numbers, left_over, sha256)| {
                let (left, shell, restart, user) = told;
                let [
                    started_ms,
                    duration_us,
                    cpu_user_ms,
                    cpu_system_ms,
                    rss_max_bytes,
                    masked,
                ] = numbers;
                Record::Exit(Exit {
                    how,
                    cause: match cause {
                        0 => Cause::Command,
                        1 => Cause::Timeout,
                        2 => Cause::Cancelled,
                        4 => Cause::OnHost,
                        _ => Cause::Lost,
                    },
                    started_ms,
                    duration_us,
                    cpu_user_ms,
                    cpu_system_ms,
                    rss_max_bytes,
                    left_over,
                    sha256,
                    masked,
                    oom_kill,
                    left,
                    shell,
                    restart,
                    user,
                })
            },
        )
}

fn any_spool() -> impl Strategy<Value = Vec<Record>> {
    let body = proptest::collection::vec(any_body(), 0..12);
    (any_header(), body, proptest::option::of(any_exit())).prop_map(|(header, body, exit)| {
        let mut records = vec![header];
        records.extend(body);
        records.extend(exit);
        records
    })
}

/// The bytes of the records and the offset at which each ends.
fn encoded(records: &[Record]) -> (Vec<u8>, Vec<u64>) {
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    for record in records {
        encode(record, &mut bytes).unwrap();
        ends.push(bytes.len() as u64);
    }
    (bytes, ends)
}

fn decoded(slices: &[&[u8]]) -> Result<Vec<(Record, u64)>, Corrupt> {
    let mut decoder = Decoder::new();
    let mut records = Vec::new();
    for slice in slices {
        decoder.push(slice);
        while let Some(record) = decoder.next_record()? {
            records.push(record);
        }
    }
    Ok(records)
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_records(
        records in any_spool(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let (bytes, ends) = encoded(&records);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let mut slices = Vec::new();
        let mut from = 0;
        for cut in cuts {
            slices.push(&bytes[from..cut]);
            from = cut;
        }
        slices.push(&bytes[from..]);
        let expected: Vec<_> = records.into_iter().zip(ends).collect();
        prop_assert_eq!(decoded(&slices), Ok(expected));
    }

    #[test]
    fn a_torn_tail_is_cut_at_the_last_whole_record(records in any_spool(), cut in any::<prop::sample::Index>()) {
        let (bytes, ends) = encoded(&records);
        let cut = cut.index(bytes.len() + 1);
        let expected = ends.iter().rev().find(|&&end| end <= cut as u64).copied().unwrap_or(0);
        prop_assert_eq!(complete_prefix(&bytes[..cut]) as u64, expected);
    }

    #[test]
    fn a_changed_byte_is_found(records in any_spool(), at in any::<prop::sample::Index>(), flip in 1..=u8::MAX) {
        let (mut bytes, ends) = encoded(&records);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let record = ends.iter().filter(|&&end| end <= at as u64).count();
        let before = if record == 0 { 0 } else { ends[record - 1] };
        prop_assert_eq!(complete_prefix(&bytes) as u64, before);
    }

    #[test]
    fn a_decoder_goes_on_from_any_record(records in any_spool(), at in any::<prop::sample::Index>()) {
        let (bytes, ends) = encoded(&records);
        let from = ends[at.index(ends.len())];
        let mut decoder = Decoder::at(from);
        decoder.push(&bytes[usize::try_from(from).unwrap()..]);
        let mut seen = Vec::new();
        while let Some((_, end)) = decoder.next_record().unwrap() {
            seen.push(end);
        }
        let expected: Vec<_> = ends.into_iter().filter(|&end| end > from).collect();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4_096), offset in any::<u64>()) {
        let mut decoder = Decoder::at(offset);
        decoder.push(&bytes);
        while let Ok(Some(_)) = decoder.next_record() {}
        prop_assert!(complete_prefix(&bytes) <= bytes.len());
    }

    #[test]
    fn hostile_payloads_behind_a_right_checksum_never_panic(kind in 0..8_u8, payload in any_bytes(120)) {
        let mut bytes = Vec::new();
        encode(&Record::Unknown { kind, payload }, &mut bytes).unwrap();
        for offset in [0, 1, u64::MAX] {
            let mut decoder = Decoder::at(offset);
            decoder.push(&bytes);
            decoder.next_record().ok(); // Only that it returns.
        }
    }
}

fn header() -> Header {
    Header {
        version: VERSION,
        run: RunId::from_bytes([1; 16]),
        agent: AgentId::from_bytes([2; 16]),
        boot_id: [3; 16],
        wall_ms: 1_700_000_000_000,
    }
}

fn exit(how: How, cause: Cause) -> Exit {
    Exit {
        how,
        cause,
        started_ms: 4,
        duration_us: 5,
        cpu_user_ms: 6,
        cpu_system_ms: 7,
        rss_max_bytes: 8,
        left_over: 9,
        sha256: [0; 32],
        masked: 10,
        ..Exit::lost(0)
    }
}

#[test]
fn the_bytes_on_disk_stay_what_they_are() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new();
    writer.header(&header(), &mut bytes);
    writer.output(Stream::Out, 7, b"hi\n", &mut bytes);
    writer.truncated(1, &mut bytes);
    writer.exit(&exit(How::Signal(9), Cause::Timeout), &mut bytes);
    insta::assert_snapshot!(hex::encode(&bytes));
}

#[test]
fn the_writer_splits_output_and_hashes_everything_before_the_exit() {
    let long = vec![b'x'; OUTPUT_RECORD_BYTES_MAX * 2 + 1];
    let mut bytes = Vec::new();
    let mut writer = Writer::new();
    writer.header(&header(), &mut bytes);
    writer.output(Stream::Err, 1, &long, &mut bytes);
    assert_eq!(writer.len(), bytes.len() as u64);
    let before = bytes.clone();

    let mut resumed = Writer::new();
    resumed.resume(&before);
    let mut tail = Vec::new();
    resumed.exit(&exit(How::Code(3), Cause::Command), &mut tail);
    writer.exit(&exit(How::Code(3), Cause::Command), &mut bytes);
    assert_eq!(bytes[before.len()..], tail);

    let records = decoded(&[&bytes]).unwrap();
    let lens: Vec<_> = records
        .iter()
        .filter_map(|(record, _)| match record {
            Record::Err { bytes, .. } => Some(bytes.len()),
            Record::Header(_)
            | Record::Out { .. }
            | Record::Truncated { .. }
            | Record::Exit(_)
            | Record::Unknown { .. } => None,
        })
        .collect();
    assert_eq!(lens, [OUTPUT_RECORD_BYTES_MAX, OUTPUT_RECORD_BYTES_MAX, 1]);
    let Some((Record::Exit(exit), _)) = records.last() else {
        panic!("no exit: {records:?}");
    };
    assert_eq!(exit.sha256, <[u8; 32]>::from(Sha256::digest(&before)));
}

#[test]
fn order_lengths_and_fields_are_checked() {
    let out = Record::Out {
        dt_us: 0,
        bytes: Bytes::from_static(b"x"),
    };
    let head = Record::Header(header());
    let last = Record::Exit(exit(How::Code(0), Cause::Command));
    let check = |records: &[&Record], expected: Corrupt| {
        let mut bytes = Vec::new();
        for record in records {
            encode(record, &mut bytes).unwrap();
        }
        assert_eq!(decoded(&[&bytes]), Err(expected));
    };
    check(&[&out], Corrupt::Place { offset: 0, kind: 2 });
    let second = Corrupt::Place {
        offset: 67,
        kind: 1,
    };
    check(&[&head, &head], second);
    let after = Corrupt::Place {
        offset: 196,
        kind: 2,
    };
    check(&[&head, &last, &out], after);
    for (how, cause) in [
        (How::Unknown, Cause::Command),
        (How::Code(0), Cause::Lost),
        (How::Signal(0), Cause::Command),
        (How::Signal(65), Cause::Command),
    ] {
        let bad = Record::Exit(exit(how, cause));
        let payload = Corrupt::Payload {
            offset: 67,
            kind: 5,
        };
        check(&[&head, &bad], payload);
    }
    let long = u32::try_from(CHUNK_BYTES_MAX + 1).unwrap();
    let claimed = Corrupt::Length {
        offset: 0,
        len: long,
    };
    assert_eq!(decoded(&[&long.to_le_bytes()]), Err(claimed));
    let payload = Bytes::from(vec![0; CHUNK_BYTES_MAX + 1]);
    let over = Record::Unknown { kind: 9, payload };
    assert_eq!(
        encode(&over, &mut Vec::new()),
        Err(PayloadTooLong(CHUNK_BYTES_MAX + 1))
    );
}

#[test]
fn a_later_version_may_add_fields() {
    let mut bytes = Vec::new();
    encode(&Record::Header(header()), &mut bytes).unwrap();
    let mut payload = bytes.split_off(RECORD_HEAD_BYTES);
    payload.extend_from_slice(b"more");
    let longer = Record::Unknown {
        kind: 1,
        payload: Bytes::from(payload),
    };
    let mut bytes = Vec::new();
    encode(&longer, &mut bytes).unwrap();
    let end = bytes.len() as u64;
    assert_eq!(
        decoded(&[&bytes]),
        Ok(vec![(Record::Header(header()), end)])
    );
}

/// The record as agents of before wrote it, without its last bytes.
fn shortened(exit: &Exit, by: usize) -> Exit {
    let mut bytes = Vec::new();
    encode(&Record::Header(header()), &mut bytes).unwrap();
    let mut last = Vec::new();
    encode(&Record::Exit(exit.clone()), &mut last).unwrap();
    let mut payload = last.split_off(RECORD_HEAD_BYTES);
    payload.truncate(payload.len() - by);
    let shorter = Record::Unknown {
        kind: 5,
        payload: Bytes::from(payload),
    };
    encode(&shorter, &mut bytes).unwrap();
    match decoded(&[&bytes]).unwrap().pop() {
        Some((Record::Exit(exit), _)) => exit,
        other => panic!("no exit: {other:?}"),
    }
}

#[test]
fn an_exit_of_before_says_nothing_of_what_was_not_known_then() {
    let exit = Exit {
        oom_kill: Some(OomKill::Host),
        left: Left {
            count: 3,
            named: vec![Process::new(4_711, "nginx"), Process::new(7, "a b")],
        },
        shell: Some("/bin/bash".to_owned()),
        restart: Some(Restart {
            booted_ms: 1,
            back_ms: 2,
        }),
        user: Some("nobody".to_owned()),
        ..exit(How::Signal(9), Cause::OnHost)
    };
    assert_eq!(shortened(&exit, 0), exit);
    let before_users = Exit { user: None, ..exit };
    assert_eq!(shortened(&before_users, 1), before_users);
    let before_restarts = Exit {
        restart: None,
        ..before_users
    };
    assert_eq!(shortened(&before_restarts, 17), before_restarts);
    let before_shells = Exit {
        shell: None,
        ..before_restarts
    };
    assert_eq!(shortened(&before_shells, 18), before_shells);
    let exit = Exit {
        left: Left::default(),
        ..before_shells
    };
    assert_eq!(shortened(&exit, 23), exit);
    let before_memory = Exit {
        oom_kill: None,
        cause: Cause::Cancelled,
        ..exit.clone()
    };
    assert_eq!(shortened(&exit, 33), before_memory);
    let before_masks = Exit {
        masked: 0,
        ..before_memory
    };
    assert_eq!(shortened(&exit, 41), before_masks);
}

#[test]
fn what_a_host_calls_its_programs_is_made_plain() {
    let long = "x".repeat(1_000);
    for (called, told) in [
        ("nginx: worker", "nginx: worker"),
        ("\u{1b}[2J\n\u{202e}`é", "?[2J??`?"),
        ("", ""),
        (&long, &long[..200]),
    ] {
        assert_eq!(Process::new(1, called).program, told);
    }
    // More names than processes, or than are kept, are nobody's.
    let process = Process::new(1, "x");
    let exit = Exit {
        left: Left {
            count: 2,
            named: vec![process.clone(); 40],
        },
        ..exit(How::Code(0), Cause::Command)
    };
    let told = shortened(&exit, 0).left;
    assert_eq!(told.named, [process.clone(), process]);
}
