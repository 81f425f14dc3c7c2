//! What people and programs get of what hosts print.

use serde_json::Value;

use super::*;

fn chunk(host: &str, bytes: &[u8]) -> v1::OutputChunk {
    v1::OutputChunk {
        host: host.to_owned(),
        err: false,
        bytes: bytes.to_vec(),
        dropped: 0,
    }
}

fn terminal() -> Terminal {
    Terminal::example(40)
}

fn printer(style: Style, several: bool, terminal: Terminal) -> Printer {
    let mut printer = Printer::on(style, [terminal; 2]);
    printer.several = several;
    printer
}

fn text(printed: Texts) -> String {
    let bytes: Vec<u8> = printed.into_iter().flat_map(|(_, bytes)| bytes).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn all(printer: &mut Printer, chunks: &[v1::OutputChunk]) -> String {
    let mut printed: String = chunks
        .iter()
        .map(|chunk| text(printer.take(chunk)))
        .collect();
    printed += &text(printer.rest());
    printed
}

const EVIL: &[u8] = b"one\rweb-02: two\x1b[2J\x1b]0;title\x07\nthree";

#[test]
fn no_host_passes_for_another_on_a_terminal() {
    let mut shown = printer(Style::default(), true, terminal());
    let printed = all(&mut shown, &[chunk("web-01", EVIL)]);
    assert_eq!(printed, "web-01: web-02: two\nweb-01: three\n");
    let long = format!("{}\n", "x".repeat(5_000));
    let mut shown = printer(Style::default(), true, terminal());
    let printed = all(&mut shown, &[chunk("web-01", long.as_bytes())]);
    assert!(printed.lines().count() > 1, "a long line is folded");
    assert!(printed.lines().all(|line| line.starts_with("web-01: ")));
}

#[test]
fn backticks_on_a_terminal_are_those_that_were_printed() {
    let mut shown = printer(Style::default(), true, terminal());
    let printed = all(&mut shown, &[chunk("web-01", b"````\n```")]);
    assert_eq!(printed, "web-01: ````\nweb-01: ```\n");
}

#[test]
fn programs_get_what_the_command_wrote() {
    let bytes = b"a\rb\xff\x1b[1m\nrest";
    let mut one = printer(Style::default(), false, Terminal::default());
    let printed: Vec<u8> = one.take(&chunk("web-01", bytes)).remove(0).1;
    assert_eq!(printed, bytes);
    let mut several = printer(Style::default(), true, Terminal::default());
    let printed = several.take(&chunk("web-01", bytes)).remove(0).1;
    assert_eq!(printed, b"web-01: a\rb\xff\x1b[1m\n");
    assert_eq!(text(several.rest()), "web-01: rest\n");
}

#[test]
fn a_line_without_an_end_is_shown_and_redrawn() {
    let mut one = printer(Style::default(), false, terminal());
    assert_eq!(text(one.take(&chunk("web-01", b"password: "))), "");
    assert!(one.is_behind());
    assert_eq!(text(one.partial()), "password: ");
    assert_eq!(text(one.partial()), "", "it is shown already");
    assert_eq!(text(one.take(&chunk("web-01", b"ok\n"))), "ok\n");
    assert!(!one.is_behind());
    one.take(&chunk("web-01", b"10 %\r"));
    assert_eq!(text(one.partial()), "10 %");
    one.take(&chunk("web-01", b"20 %\r"));
    assert_eq!(text(one.partial()), "\r\u{1b}[K20 %");
    assert_eq!(
        text(one.take(&chunk("web-01", b"done\n"))),
        "\r\u{1b}[Kdone\n"
    );
}

#[test]
fn characters_that_are_cut_in_two_are_whole_in_json() {
    let style = Style {
        json: true,
        ..Style::default()
    };
    let events = |chunks: &[v1::OutputChunk]| -> Vec<Value> {
        let printed = all(&mut printer(style, false, Terminal::default()), chunks);
        let lines = printed.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let cut = events(&[chunk("web-01", b"caf\xc3"), chunk("web-01", b"\xa9\n")]);
    assert_eq!(cut[0]["text"], "caf");
    assert_eq!(cut[1]["text"], "é\n");
    assert!(cut.iter().all(|event| event.get("base64").is_none()));
    let after = events(&[
        chunk("web-01", b"\xffx\xf0\x9f"),
        chunk("web-01", b"\x98"),
        chunk("web-01", b"\x80\n"),
    ]);
    let after: Vec<_> = after.iter().map(|event| event["text"].as_str()).collect();
    assert_eq!(after, [Some("\u{fffd}x"), Some("\u{1f600}\n")]);
    let bytes = events(&[chunk("web-01", b"\xff\xfe ok")]);
    assert_eq!(bytes[0]["base64"], "//4gb2s=");
    assert_eq!(bytes[0]["text"], "\u{fffd}\u{fffd} ok");
    let ends = events(&[chunk("web-01", b"caf\xc3")]);
    assert_eq!(ends[1]["base64"], "ww==", "what never became a character");
    let gap = v1::OutputChunk {
        dropped: 5,
        ..chunk("web-01", b"")
    };
    let holed = events(&[chunk("web-01", b"caf\xc3"), gap]);
    let kinds: Vec<_> = holed.iter().map(|event| event["event"].as_str()).collect();
    assert_eq!(kinds, [Some("output"), Some("output"), Some("dropped")]);
}

#[test]
fn a_hole_is_marked_where_it_is() {
    let gap = v1::OutputChunk {
        dropped: 5 << 20,
        ..chunk("web-01", b"")
    };
    for several in [false, true] {
        let mut shown = printer(Style::default(), several, Terminal::default());
        let chunks = [
            chunk("web-01", b"head"),
            gap.clone(),
            chunk("web-01", b"tail\n"),
        ];
        let label = if several { "web-01: " } else { "" };
        assert_eq!(
            all(&mut shown, &chunks),
            format!(
                "{label}head\nweb-01: [5.0 MiB of output not kept here: over the limit]\n{label}tail\n"
            )
        );
    }
}
