//! What is masked, in which forms and pieces, and what is left alone.

use proptest::prelude::*;

use super::*;

fn secret(value: &str) -> Secret {
    Secret::new(value.as_bytes()).unwrap()
}

fn masks(values: &[&str]) -> Masks {
    let values: Vec<Secret> = values.iter().map(|value| secret(value)).collect();
    Masks::new(&values, true)
}

/// Pushes the text in pieces of that size; gives what came out, and how many were masked.
fn pushed(masks: &Masks, text: &[u8], size: usize) -> (Vec<u8>, u64) {
    let mut masker = masks.masker();
    let mut into = Vec::new();
    for piece in text.chunks(size.max(1)) {
        masker.push(piece, &mut into);
    }
    masker.finish(&mut into);
    assert_eq!(masker.held(), 0);
    (into, masker.count())
}

/// What comes out, which must be the same however the text is cut.
fn masked(masks: &Masks, text: &str) -> String {
    let whole = pushed(masks, text.as_bytes(), usize::MAX);
    for size in 1..text.len().min(90) {
        assert_eq!(
            pushed(masks, text.as_bytes(), size),
            whole,
            "in pieces of {size}"
        );
    }
    String::from_utf8(whole.0).unwrap()
}

fn check(masks: &Masks, text: &str, expected: &str) {
    assert_eq!(masked(masks, text), expected, "{text}");
}

#[test]
fn a_value_is_masked_in_every_form_wherever_it_stands() {
    let masks = masks(&["hunter2/ü\"x&y", "s3cret-value"]);
    for (text, expected) in [
        ("s3cret-value", "[masked]"),
        ("as3cret-valueb", "a[masked]b"),
        ("s3cret-values3cret-value", "[masked]"),
        ("s3cret-value s3cret-value\n", "[masked] [masked]\n"),
        ("s3cret-valu", "[masked]"),
        ("s3cret-", "s3cret-"),
        ("s3cret-valux", "s3cret-valux"),
        ("hunter2/ü\"x&y", "[masked]"),
        ("{\"p\":\"hunter2/ü\\\"x&y\"}", "{\"p\":\"[masked]\"}"),
        ("{\"p\":\"hunter2/\\u00fc\\\"x&y\"}", "{\"p\":\"[masked]\"}"),
        ("p=hunter2%2F%C3%BC%22x%26y&q", "p=[masked]&q"),
        ("p=hunter2%2f%c3%bc%22x%26y&q", "p=[masked]&q"),
        // base64 of the value, of it with a line end, behind one byte and behind two.
        ("czNjcmV0LXZhbHVl", "[masked]"),
        ("czNjcmV0LXZhbHVlCg==", "[masked]=="),
        ("YXMzY3JldC12YWx1ZQ==", "YX[masked]=="),
        ("YWFzM2NyZXQtdmFsdWU=", "YWF[masked]="),
        ("aHVudGVyMi/DvCJ4Jnk=", "[masked]="),
        ("aHVudGVyMi_DvCJ4Jnk", "[masked]"),
    ] {
        check(&masks, text, expected);
    }
}

#[test]
fn what_covers_one_another_is_one_stretch() {
    let masks = masks(&["abcdefgh", "efghijkl", "ijklmnop"]);
    check(&masks, "-abcdefghijklmnop-", "-[masked]-");
    check(&masks, "-abcdefghijkl-ijklmnop", "-[masked]-[masked]");
    let (_, count) = pushed(&masks, b"-abcdefghijkl-ijklmnop", 1);
    assert_eq!(count, 2);
}

#[test]
fn a_key_of_many_lines_is_masked_line_by_line_and_in_base64_of_any_width() {
    let line = |n: u8| -> String {
        let byte = |k: u8| char::from(b'!' + (n.wrapping_mul(31) ^ k.wrapping_mul(17)) % 90);
        (0..64).map(byte).collect()
    };
    let lines: Vec<String> = (0..9).map(line).collect();
    let key = format!(
        "-----BEGIN THING-----\n{}\n-----END THING-----\n",
        lines.join("\n")
    );
    let masks = Masks::new(&[secret(&key)], false);
    let shown = masked(&masks, &format!("> {key}"));
    assert!(
        lines.iter().all(|line| !shown.contains(&line[..8])),
        "{shown}"
    );
    assert_eq!(shown.matches(MASKED).count(), 9, "{shown}");
    check(&masks, &format!("one {}!", lines[4]), "one [masked]!");
    check(
        &masks,
        &format!("part {}", &lines[4][..32]),
        "part [masked]",
    );

    let text = forms_of(key.trim_end().as_bytes());
    for width in [76, 64] {
        let wrapped: Vec<&str> = text
            .as_bytes()
            .chunks(width)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        let shown = masked(&masks, &wrapped.join("\n"));
        let left: Vec<&str> = shown.split(MASKED).filter(|text| text.len() > 1).collect();
        assert!(left.is_empty(), "{width}: {shown}");
        let shown = masked(&masks, &wrapped.join("\r\n"));
        assert!(shown.len() < 200, "{width}: {shown}");
    }
}

fn forms_of(value: &[u8]) -> String {
    let usual = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    String::from_utf8(forms::encode(value, usual)).unwrap()
}

#[test]
fn base64_within_base64_is_masked_across_its_line_ends() {
    let value = "correct-horse-battery-staple!";
    let masks = Masks::new(&[secret(value)], false);
    for before in 0..80 {
        let body = format!("{}{value}{}", "x".repeat(before), "y".repeat(50));
        let text = forms_of(body.as_bytes());
        let wrapped: Vec<&str> = text
            .as_bytes()
            .chunks(76)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        let shown = masked(&masks, &wrapped.join("\n"));
        let unwrapped = shown.replace('\n', "");
        let seen = text.len() - (unwrapped.len() - MASKED.len());
        // All but what hangs on its neighbours, and at most three characters before a line end.
        assert!(seen + 6 >= value.len() * 8 / 6, "{before}: {shown}");
        assert_eq!(shown.matches(MASKED).count(), 1, "{before}: {shown}");
    }
}

#[test]
fn shapes_are_masked_and_what_only_looks_a_little_like_them_is_not() {
    let masks = masks(&[]);
    let a = |n: usize| "a1B2c3D4e5".repeat(n.div_ceil(10))[..n].to_owned();
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P";
    let bot = format!("MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.{}", a(27));
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEow+/=\n-----END RSA PRIVATE KEY-----";
    for (text, expected) in [
        (format!("t ghp_{} t", a(36)), "t [masked] t"),
        (format!("t ghs_{}.", a(40)), "t [masked]."),
        (format!("github_pat_{}_{}", a(22), a(59)), "[masked]"),
        (format!("glpat-{}", a(20)), "[masked]"),
        (format!("xoxb-{}-{}", a(12), a(24)), "[masked]"),
        (format!("key: sk_live_{}", a(24)), "key: [masked]"),
        (format!("?key=AIza{}&x", a(35)), "?key=[masked]&x"),
        (
            format!("//r/:_authToken=npm_{}", a(36)),
            "//r/:_authToken=[masked]",
        ),
        ("AKIAIOSFODNN7EXAMPLE".to_owned(), "[masked]"),
        (format!("sht1.{}.{}.{}", a(11), a(43), a(43)), "[masked]"),
        (
            format!("aws_secret_access_key = {}\n", a(40)),
            "aws_secret_access_key = [masked]\n",
        ),
        (
            format!("\"SecretAccessKey\": \"{}\",", a(40)),
            "\"SecretAccessKey\": \"[masked]\",",
        ),
        (
            format!("> Authorization: Bearer {}", a(20)),
            "> Authorization: Bearer [masked]",
        ),
        (
            "Authorization: Basic dXNlcjpwYXNz\r\n".to_owned(),
            "Authorization: Basic [masked]\r\n",
        ),
        (
            "DB_PASSWORD=hunter22 x".to_owned(),
            "DB_PASSWORD=[masked] x",
        ),
        ("password='hunter22'".to_owned(), "password='[masked]'"),
        (
            "postgres://app:hunter2@db:5432/x".to_owned(),
            "postgres://app:[masked]@db:5432/x",
        ),
        ("redis://:hunter2@db".to_owned(), "redis://:[masked]@db"),
        (format!("t {jwt} t"), "t [masked] t"),
        (format!("Bot {bot}"), "Bot [masked]"),
        (format!("key:\n{pem}\nrest"), "key:\n[masked]\nrest"),
        (pem.replace('\n', "\\n"), "[masked]"),
        (pem[..50].to_owned(), "[masked]"),
    ] {
        check(&masks, &text, expected);
    }
    for text in [
        format!("ghp_{}", a(35)),
        format!("xghp_{}", a(36)),
        "glpat-short".to_owned(),
        "the AKIA prefix, and AKIAIOSFODNN7".to_owned(),
        "sk_test_4eC39HqLyjWDarjtT1zdp7dc".to_owned(),
        "Bearer of good news".to_owned(),
        "password=short".to_owned(),
        "password=$DB_PASSWORD".to_owned(),
        "Enter password: ".to_owned(),
        "http://localhost:8080/a@b".to_owned(),
        "http://[::1]:8080/".to_owned(),
        "https://user@example.net".to_owned(),
        "eyJhbGciOiJIUzI1NiJ9.not.a.token".to_owned(),
        "MTU 1500, MTE5.txt, NTP. ODBC".to_owned(),
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----".to_owned(),
        "-----BEGIN RSA PUBLIC KEY-----\nMIIB".to_owned(),
        "7c211433f02071597741e6ff5a8ea34789abbf43".to_owned(),
        "0192f3a4-b5c6-7d8e-9fa0-b1c2d3e4f506".to_owned(),
    ] {
        check(&masks, &text, &text);
    }
}

#[test]
fn a_block_without_an_end_does_not_take_everything() {
    let masks = masks(&[]);
    let begin = "-----BEGIN PRIVATE KEY-----\n";
    check(
        &masks,
        &format!("{begin}It was here (once).\n"),
        "[masked](once).\n",
    );
    let long = format!("{begin}{}", "A".repeat(40_000));
    let (shown, count) = pushed(&masks, long.as_bytes(), 1_000);
    assert_eq!(count, 1);
    assert!((20_000..24_000).contains(&shown.len()), "{}", shown.len());
}

#[test]
fn a_line_does_not_wait_unless_it_ends_like_the_beginning_of_something() {
    let masks = masks(&["s3cret-value"]);
    let held = |text: &str| {
        let mut masker = masks.masker();
        let mut into = Vec::new();
        masker.push(text.as_bytes(), &mut into);
        assert_eq!(into.len() + masker.held(), text.len());
        masker.held()
    };
    for (text, len) in [
        ("a line\n", 0),
        ("a line with s\n", 0),
        ("Continue? [y/N] ", 0),
        ("loading", 0),
        ("more s", 1),
        ("more s3cret-valu", 11),
        ("that s3cret-valu!", 0),
        ("a ghp_abc", 7),
        ("xghp_", 0),
        ("https://user:pa", 2),
        ("https://example.net/", 0),
    ] {
        assert_eq!(held(text), len, "{text:?}");
    }
}

#[test]
fn what_is_given_out_before_its_time_tells_no_more_than_a_few_bytes() {
    let masks = masks(&["s3cret-value"]);
    let mut masker = masks.masker();
    let mut into = Vec::new();
    masker.push(b"a s3c", &mut into);
    masker.flush(&mut into);
    assert_eq!(into, b"a s3c");
    masker.push(b"ret-value b s3cret-va", &mut into);
    masker.flush(&mut into);
    assert_eq!(into, b"a s3c[masked] b [masked]");
    masker.push(b"lue c", &mut into);
    masker.finish(&mut into);
    assert_eq!(into, b"a s3c[masked] b [masked] c");
    assert_eq!(masker.count(), 2);
}

#[test]
fn values_that_cannot_be_meant_are_refused() {
    assert_eq!(Secret::new(b"12345\n"), Err(SecretError::TooShort(5)));
    assert_eq!(Secret::new(b"12345\r\n"), Err(SecretError::TooShort(5)));
    assert_eq!(Secret::new(b""), Err(SecretError::TooShort(0)));
    assert_eq!(Secret::new(&[b'x'; 65_537]), Err(SecretError::TooLong));
    assert_eq!(Secret::new(b"123456\n"), Secret::new(b"123456"));
    let file = b"# KEY=commented-out\nexport A=first-value\nPORT=80\nB = \"second value\"\nC='third-value'\n";
    let values: Vec<_> = ["first-value", "second value", "third-value"]
        .map(secret)
        .into();
    assert_eq!(Secret::variables(file).unwrap(), values);
    assert_eq!(
        Secret::variables(b"PORT=80\n"),
        Err(SecretError::NoVariable)
    );
    let told = format!("{:?} {:?}", values, masks(&["s3cret-value"]));
    assert!(!told.contains("value"), "{told}");
}

#[test]
fn nothing_to_mask_changes_nothing() {
    let none = Masks::none();
    assert!(none.is_empty());
    assert_eq!(none.text("password=hunter22"), "password=hunter22");
    let mut into = Vec::new();
    let mut masker = none.masker();
    masker.push(b"-----", &mut into);
    assert_eq!((into.as_slice(), masker.held()), (&b"-----"[..], 0));
}

/// Texts in which values, their forms and the beginnings of shapes are frequent.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "s3cret-value",
        "cret-val",
        "s3",
        "value-s3",
        "czNjcmV0LXZhbHVl",
        "czNj",
        "\n",
        "cmV0LXZhbHVl",
        "\r\n",
        "aaaaaaa",
        "ghp_",
        "-----BEGIN ",
        "PRIVATE KEY-----",
        "-----END ",
        "-----",
        "a1B2c3D4e5a1B2c3D4e5a1B2c3D4e5",
        "password=",
        "://u:",
        "pw@",
        "eyJ",
        ".",
        " ",
        "MT",
        "Ak4NjIyNDgzNDcxOTI1MjQ4",
        "%2F",
        "é",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..14)
        .prop_map(|words| words.concat().into_bytes())
}

proptest! {
    #[test]
    fn what_comes_out_does_not_hang_on_where_the_stream_is_cut(
        text in texts(),
        cuts in prop::collection::vec(1_usize..40, 1..40),
    ) {
        let masks = masks(&["s3cret-value", "value-s3cret", "aaaaaaaa"]);
        let whole = pushed(&masks, &text, usize::MAX);
        let mut masker = masks.masker();
        let (mut into, mut rest) = (Vec::new(), text.as_slice());
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            masker.push(piece, &mut into);
            rest = after;
        }
        masker.push(rest, &mut into);
        masker.finish(&mut into);
        prop_assert_eq!((into, masker.count()), whole);
    }

    #[test]
    fn no_value_is_left_and_nothing_but_masks_is_added(text in texts()) {
        let masks = masks(&["s3cret-value", "value-s3cret", "aaaaaaaa"]);
        let (shown, count) = pushed(&masks, &text, 7);
        let shown = String::from_utf8(shown).unwrap();
        prop_assert!(!shown.contains("s3cret-value") && !shown.contains("czNjcmV0LXZhbHVl"), "{}", shown);
        prop_assert_eq!(shown.matches(MASKED).count() as u64, count);
        // What is left stands in the text, in that order.
        let text = String::from_utf8(text).unwrap();
        let mut at = 0;
        for left in shown.split(MASKED) {
            let found = text[at..].find(left);
            prop_assert!(found.is_some(), "{:?} in {:?}", left, shown);
            at += found.unwrap() + left.len();
        }
    }
}

#[test]
fn all_copies_look_for_what_one_is_replaced_by() {
    let secret = |text: &str| Secret::new(text.as_bytes()).unwrap();
    let masks = Masks::new(&[secret("first-secret")], false);
    let copy = masks.clone();
    let mut under_way = copy.masker();
    let other = Masks::new(&[secret("second-secret")], false);
    assert!(!masks.is_same(&other));
    masks.replace(&other);
    assert!(masks.is_same(&other) && copy.is_same(&other));
    assert_eq!(
        copy.text("first-secret second-secret"),
        "first-secret [masked]"
    );
    let mut out = Vec::new();
    under_way.push(b"first-secret second-secret", &mut out);
    under_way.finish(&mut out);
    assert_eq!(
        out, b"[masked] second-secret",
        "what is under way goes on as it began"
    );
    masks.replace(&Masks::none());
    assert!(copy.is_empty());
}
