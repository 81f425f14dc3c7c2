//! Every hostile output that we know of, cut at every byte.

use super::*;
use crate::limits::COMBINING_MARKS_MAX;

/// Checks one output, whole and cut at every byte.
fn check(bytes: &[u8], expected: &str) {
    assert_eq!(whole(bytes), expected, "{}", bytes.escape_ascii());
    for at in 0..=bytes.len() {
        let (first, second) = bytes.split_at(at);
        let (mut sanitiser, mut text) = (Sanitiser::new(), String::new());
        sanitiser.push(first, &mut text);
        sanitiser.push(second, &mut text);
        let shown = format!("{text}{}", sanitiser.pending());
        sanitiser.finish(&mut text);
        assert_eq!(text, expected, "{} cut at {at}", bytes.escape_ascii());
        if std::str::from_utf8(bytes).is_ok() {
            assert_eq!(shown, expected, "{} pending", bytes.escape_ascii());
        }
    }
}

#[test]
fn text_stays_as_it_is() {
    for text in [
        "",
        "a",
        "a\n",
        "\n\n",
        "one\ntwo\nthree",
        "grüße 你好 🙂\n",
        "✔️ done",
        "\u{e000} powerline",
    ] {
        check(text.as_bytes(), text);
    }
}

#[test]
fn mentions_and_markdown_are_left_to_the_code_block() {
    let text = "@everyone <@&1> <#2> </cmd:3> <t:0> <:e:4> **b** [a](http://e) \\\n";
    check(text.as_bytes(), text);
    let status = "✔ h1 exit 0\n";
    check(status.as_bytes(), status);
}

#[test]
fn escape_sequences_are_dropped_and_their_text_is_left() {
    for (bytes, expected) in [
        (&b"\x1b[31mred\x1b[0m"[..], "red"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]52;c;aGk=\x1b\\text", "text"),
        (b"\x1b]8;;http://e\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b[2J\x1b[1;1Htop", "top"),
        (b"\x1bPq#0\x1b\\sixel", "sixel"),
        (
            b"\x1b_Ga=T\x1b\\kitty \x1b^pm\x1b\\ \x1bXsos\x1b\\",
            "kitty  ",
        ),
        (b"\x9b31mone", "one"),
        ("\u{9b}31mtwo".as_bytes(), "two"),
        (b"\x1b(Bset\x1b=\x1b>\x1b7\x1b8", "set"),
        (b"\x1b[?25lspin\x1b[?25h", "spin"),
        (b"\x1b[38;2;1;2;3mx\x1b[38:5:9my", "xy"),
        // Sequences that are broken off.
        (b"cut\x1b[31", "cut"),
        (b"cut\x1b]0;t", "cut"),
        (b"a\x1b[3\nb", "a\nb"),
        (b"a\x1b]0;never closed\nb\n", "a\nb\n"),
        (b"a\x1bPdevice\nb", "a\nb"),
        (b"a\x1b[3\x1b[1mb", "ab"),
        (b"\x1b\x1b[1mx", "␛x"),
        (b"\x1b\nx", "␛\nx"),
        ("\u{1b}é".as_bytes(), "␛é"),
        (b"a\x1b]0;x\x18b", "ab"),
    ] {
        check(bytes, expected);
    }
}

#[test]
fn a_control_sequence_hides_only_so_much() {
    let long = format!("\u{1b}[{}end", "1".repeat(1_000));
    let text = whole(long.as_bytes());
    assert!(text.ends_with("1end"), "{text}");
}

#[test]
fn a_line_shows_its_last_state() {
    for (bytes, expected) in [
        (&b"10%\r20%\r100%\n"[..], "100%\n"),
        (b"100%\rok", "ok0%"),
        (b"100%\r\x1b[Kok\n", "ok\n"),
        (b"working\x1b[2K\rdone", "done"),
        (b"\x1b[2K\x1b[1Gone\x1b[2K\x1b[Gtwo", "two"),
        (b"abcdef\x1b[1Kx", "      x"),
        (b"abcdef\x08\x08\x08\x1b[1Kx", "   xef"),
        (b"dos\r\nlines\r\n", "dos\nlines\n"),
        (b"\r\r\n", "\n"),
        (b"last\r", "last"),
        (b"N\x08NA\x08AM\x08M", "NAM"),
        (b"_\x08x", "x"),
        (b"abc\x08\x08\x08\x08\x08X", "Xbc"),
        (b"a\tb\n", "a       b\n"),
        (b"1234567\t8\t9", "1234567 8       9"),
        (b"abcdefghij\r\tX", "abcdefghXj"),
        (b"tail\t\n", "tail\n"),
        ("e\u{301}a\rX".as_bytes(), "Xa"),
    ] {
        check(bytes, expected);
    }
}

#[test]
fn control_characters_become_pictures() {
    for (bytes, expected) in [
        (&b"a\0b\x07\x0b\x0c\x0e\x7f"[..], "a␀b␇␋␌␎␡"),
        ("\u{85}\u{90}".as_bytes(), "⟨U+0085⟩⟨U+0090⟩"),
    ] {
        check(bytes, expected);
    }
}

#[test]
fn invisible_characters_show_their_code_point() {
    for c in [
        0xad, 0x61c, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e,
        0x2060, 0x2066, 0x2069, 0x3164, 0xfeff, 0xfffb, 0xe0001, 0xe0041, 0xe007f, 0xffff,
    ] {
        let c = char::from_u32(c).unwrap();
        let text = format!("a{c}b\n");
        check(text.as_bytes(), &format!("a⟨U+{:04X}⟩b\n", u32::from(c)));
    }
}

#[test]
fn bytes_that_are_no_utf_8_are_replaced() {
    for (bytes, expected) in [
        (&b"a\xffb"[..], "a\u{fffd}b"),
        (b"\xc0\xaf", "\u{fffd}\u{fffd}"),
        (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
        (b"\xe2\x82", "\u{fffd}"),
        (b"\xe2\x82\n", "\u{fffd}\n"),
        (b"\xe2\x82\x1b[1mx", "\u{fffd}x"),
        (b"\xf0\x9f\x99\x82\xf0\x9f", "🙂\u{fffd}"),
        (b"gr\xfc\xdfe\n", "gr\u{fffd}\u{fffd}e\n"),
    ] {
        check(bytes, expected);
    }
}

#[test]
fn combining_marks_are_bounded_and_stand_on_something() {
    let zalgo = format!("Z{}o\n", "\u{301}".repeat(1_000));
    let expected = format!("Z{}o\n", "\u{301}".repeat(COMBINING_MARKS_MAX));
    assert_eq!(whole(zalgo.as_bytes()), expected);
    check("\u{301}a\n\u{301}".as_bytes(), "◌\u{301}a\n◌\u{301}");
    check("a\t\u{301}".as_bytes(), "a       ◌\u{301}");
}

#[test]
fn runs_of_backticks_are_broken() {
    for (ticks, expected) in [
        (1, "`"),
        (2, "``"),
        (3, "``\u{200b}`"),
        (4, "``\u{200b}``"),
        (5, "``\u{200b}``\u{200b}`"),
        (10, "``\u{200b}``\u{200b}``\u{200b}``\u{200b}``"),
    ] {
        check("`".repeat(ticks).as_bytes(), expected);
    }
    check(
        b"```rust\nx\n```\\\n",
        "``\u{200b}`rust\nx\n``\u{200b}`\\\n",
    );
    check("``\u{301}```".as_bytes(), "``\u{301}``\u{200b}`");
    // Pieces that come together only by what is left out between them.
    check(b"`\x1b[0m`\x1b[0m`", "``\u{200b}`");
    check(b"``x\x08`", "``\u{200b}`");
}

#[test]
fn outside_of_a_message_backticks_stay_together() {
    for printed in ["a", "```sh\nid\n```\n", "x ``````` y"] {
        assert_eq!(unfenced(whole(printed.as_bytes())), printed);
    }
    // What the output itself holds stays to be seen.
    assert_eq!(unfenced(whole("``\u{200b}`".as_bytes())), "``⟨U+200B⟩`");
}

#[test]
fn long_lines_are_folded() {
    let full = "x".repeat(LINE_CHARS_MAX);
    assert_eq!(whole(full.as_bytes()), full);
    assert_eq!(whole(format!("{full}\n").as_bytes()), format!("{full}\n"));
    assert_eq!(
        whole(format!("{full}y\n").as_bytes()),
        format!("{full}\n↪ y\n")
    );
    let rest = "x".repeat(LINE_CHARS_MAX - 2);
    assert_eq!(
        whole(format!("{full}{full}\nz").as_bytes()),
        format!("{full}\n↪ {rest}\n↪ xx\nz")
    );
    let wide = "\u{fdfd}".repeat(2 * LINE_CHARS_MAX);
    assert!(
        whole(wide.as_bytes())
            .lines()
            .all(|line| line.chars().count() <= LINE_CHARS_MAX)
    );
}

#[test]
fn memory_is_bounded_by_one_line() {
    let mut sanitiser = Sanitiser::new();
    let mut text = String::new();
    for piece in [
        &b"\rprogress "[..],
        b"x",
        b"\t",
        b"\xff",
        b"\x1b[",
        b"\x1b]",
        b"e\xcc\x81",
        b"\x08",
        b"line\n",
        b"\x1b[A",
        b"\x1b[9B",
        b"\x1b[99;99Hx",
        b"\x1b[L",
        b"x\x1b[A\x1b[Lyy",
        b"\xe2\x81\xa6",
        b"\x1b[?1049hx\n",
    ] {
        let chunk = piece.repeat(32 * 1024 / piece.len());
        for _ in 0..32 {
            sanitiser.push(&chunk, &mut text);
            text.clear();
            assert!(sanitiser.screen.is_bounded());
            assert!(sanitiser.lanes.iter().all(|lane| lane.line.is_bounded()));
        }
    }
}

#[test]
fn finishing_starts_anew() {
    let (mut sanitiser, mut text) = (Sanitiser::new(), String::new());
    sanitiser.push(b"one\x1b]0;", &mut text);
    assert_eq!(sanitiser.pending(), "one");
    sanitiser.finish(&mut text);
    sanitiser.push(b"two", &mut text);
    sanitiser.finish(&mut text);
    assert_eq!(text, "onetwo");
}

#[test]
fn binary_is_told_from_text() {
    for (sample, expected) in [
        (&b""[..], false),
        (b"plain text\n", false),
        ("grüße 你好\n".as_bytes(), false),
        (b"\x1b[31mred\x1b[0m\r\n", false),
        (b"text with \0 in it", false),
        (b"line one\nline two \0\0\0 after\nline three\n", false),
        (b"\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0!\n", false),
        (b"\x8f\xe0\xa8\xa2\xa5\xe2 \xac\xa8\xe0\n", false),
        (b"\xff\xfeh\0i\0 \0y\0o\0u\0\n\0", true),
        (
            b"\x1f\x8b\x08\0\xd2\x96\x1aj\0\x03\xcb\x48\xcd\xc9\xc9\xe7\x02",
            true,
        ),
        (b"\x7fELF\x02\x01\x01", true),
        (b"\xff\xd8\xff\xe0\x10JFIF", true),
        (b"gr\xfc\xdfe aus Latin-1\n", false),
        (b"cut \xe2\x82", false),
        (b"\x01\x02\x03", true),
    ] {
        assert_eq!(is_binary(sample), expected, "{}", sample.escape_ascii());
    }
}

#[test]
fn a_block_that_redraws_itself_ends_as_its_last_state() {
    for (bytes, expected) in [
        // As layers of an image are pulled.
        (
            "a: Waiting\nb: Waiting\nc: Waiting\n\x1b[3A\x1b[2K\ra: Done\x1b[1B\r\x1b[2K\rb: 10%\x1b[1B\r\x1b[1B\r\
             \x1b[2A\x1b[2K\rb: Done\x1b[2B\rnext\n",
            "a: Done\nb: Done\nc: Waiting\nnext\n",
        ),
        ("one\ntwo\n\x1b[F\x1b[F\x1b[J1\n", "1\n"),
        ("one\ntwo\x1b[1A\rONE\x1b[1E", "ONE\ntwo"),
        ("1\n2\n3\n\x1b[2A\x1b[M", "1\n3\n"),
        ("1\n2\n\x1b[1A\x1b[Lx\n", "1\nx\n2\n"),
        ("abcdef\r\x1b[2C\x1b[2Px", "abxf"),
        ("abcdef\r\x1b[2X!", "! cdef"),
        ("a\n\x1b7b\n\x1b8c\n", "a\nc\n"),
        ("top\x1b[99A\x1b[99Dx", "xop"),
        ("ends\n\x1b[1Ain it", "in it\n"),
    ] {
        check(bytes.as_bytes(), expected);
    }
    let frame = |n: usize| format!("\x1b[4A{}", format!("\x1b[Kstep {n}\n").repeat(4));
    let frames: String = (0..500).map(frame).collect();
    let all = format!("before\n1\n2\n3\n4\n{frames}after\n");
    let last = "step 499\n".repeat(4);
    assert_eq!(whole(all.as_bytes()), format!("before\n{last}after\n"));
}

#[test]
fn a_screen_that_is_cleared_takes_nothing_with_it_that_came_before() {
    for (bytes, expected) in [
        (
            "kept\n\x1b[H\x1b[2Jone\ntwo\n\x1b[H\x1b[2Jthree\n",
            "kept\nthree\n",
        ),
        ("kept\x1b[2J\x1b[Hx", "kept\nx"),
        (
            "kept\n\x1b[?1049h\x1b[Ha\nb\nc\x1b[2;1HB\x1b[?1049lafter\n",
            "kept\na\nB\nc\nafter\n",
        ),
        ("\x1b[3;5Hx\x1b[1;1Hy", "y\n\n    x"),
    ] {
        check(bytes.as_bytes(), expected);
    }
    let mut sanitiser = Sanitiser::new();
    sanitiser.push(b"\x1b[2J\x1b[Hplain", &mut String::new());
    assert!(!sanitiser.used_full_screen());
    sanitiser.push(b"\x1b[?1049h", &mut String::new());
    assert!(sanitiser.used_full_screen());
}

#[test]
fn what_scrolled_out_is_out_of_reach() {
    let lines = |from: usize, to: usize| (from..to).map(|n| format!("{n}\n")).collect::<String>();
    let text = format!("{}\x1b[999A\x1b[Kx\x1b[999B", lines(0, 200));
    let expected = format!("{}x\n{}", lines(0, 150), lines(151, 200));
    assert_eq!(whole(text.as_bytes()), expected);
}

#[test]
fn two_streams_do_not_cut_each_others_lines() {
    let (mut sanitiser, mut text) = (Sanitiser::new(), String::new());
    let steps = [
        (Stream::Out, "step"),
        (Stream::Err, "ls: cannot access "),
        (Stream::Out, " 1\nst"),
        (Stream::Err, "'/nope1'\nls"),
        (Stream::Out, "ep 2"),
    ];
    for (stream, bytes) in steps {
        sanitiser.push_from(stream, bytes.as_bytes(), &mut text);
    }
    let expected = "step 1\nls: cannot access '/nope1'\nls\nstep 2";
    assert_eq!(format!("{text}{}", sanitiser.pending()), expected);
    assert_eq!(sanitiser.lines(), 4);
    sanitiser.finish(&mut text);
    assert_eq!(text, expected);
    assert_eq!(sanitiser.lines(), 4);
}

#[test]
fn joiners_stay_where_they_join() {
    for text in [
        "می\u{200c}خواهم",
        "क्\u{200d}ष न्\u{200c}न",
        "👨\u{200d}👩\u{200d}👧\u{200d}👦 👍🏽 🇩🇪 🏳\u{fe0f}\u{200d}🌈",
        "🧑🏿\u{200d}🚀 ❤\u{fe0f}\u{200d}🔥",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    ] {
        check(text.as_bytes(), text);
    }
    for (text, expected) in [
        ("rm\u{200d}-rf", "rm⟨U+200D⟩-rf"),
        ("می\u{200c}\n", "می⟨U+200C⟩\n"),
        ("می\u{200c}\u{200c}خ", "می⟨U+200C⟩⟨U+200C⟩خ"),
        ("a\u{e0067}", "a⟨U+E0067⟩"),
    ] {
        assert_eq!(whole(text.as_bytes()), expected);
    }
}

#[test]
fn isolates_vanish_when_they_are_balanced() {
    for (text, expected) in [
        ("a\u{2068}שלום\u{2069}b", "aשלוםb"),
        ("\u{2066}\u{2067}x\u{2069}\u{2069}\n", "x\n"),
        ("a\u{2067}b\nc\u{2069}", "a⟨U+2067⟩b\nc⟨U+2069⟩"),
        ("\u{2069}\u{2066}", "⟨U+2069⟩⟨U+2066⟩"),
        ("a\u{2066}b\u{202e}c\u{2069}", "ab⟨U+202E⟩c"),
    ] {
        check(text.as_bytes(), expected);
    }
}

#[test]
fn lines_are_counted_as_printed() {
    let long = "x".repeat(16 * 1024);
    for (text, lines) in [
        ("", 0),
        ("a", 1),
        ("a\n", 1),
        ("\n", 1),
        ("a\nb", 2),
        (long.as_str(), 1),
        ("10%\r20%\r100%\n", 1),
        ("1\n2\n\x1b[2A3\n4\n", 2),
    ] {
        let mut sanitiser = Sanitiser::new();
        let mut out = String::new();
        sanitiser.push(text.as_bytes(), &mut out);
        assert_eq!(sanitiser.lines(), lines, "{text:.20}");
        sanitiser.finish(&mut out);
        assert_eq!(sanitiser.lines(), lines, "{text:.20}");
    }
    let mut sanitiser = Sanitiser::new();
    sanitiser.push("a\n".repeat(1_000).as_bytes(), &mut String::new());
    assert_eq!(sanitiser.lines(), 1_000);
}

#[test]
fn what_was_done_is_told() {
    let report = |bytes: &[u8]| {
        let mut sanitiser = Sanitiser::new();
        for byte in bytes.chunks(1) {
            sanitiser.push(byte, &mut String::new());
        }
        sanitiser.finish(&mut String::new());
        sanitiser.report()
    };
    assert_eq!(report("plain grüße\n".as_bytes()), Report::default());
    let long = "x".repeat(3_000);
    let all = [
        b"gr\xfc\xdfe \0\0 \xe2\x80\xae \xe2\x82 ".as_slice(),
        long.as_bytes(),
    ]
    .concat();
    let told = Report {
        invalid_bytes: 4,
        hidden: 1,
        nuls: 2,
        folded: 1,
    };
    assert_eq!(report(&all), told);
}
