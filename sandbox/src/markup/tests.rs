//! Discord's cases, hostile samples, and properties that hold for any text.

use super::*;

mod checker;

/// A guild of one of each; ids are small, and the reader is 1 with the role 11.
struct Few;

impl Names for Few {
    fn user(&self, id: Snowflake) -> Option<Named> {
        let (name, me) = match id.to_string().as_str() {
            "1" => ("reader", true),
            "2" => ("<b>other</b>", false),
            _ => return None,
        };
        let name = name.to_owned();
        Some(Named { name, me })
    }

    fn role(&self, id: Snowflake) -> Option<Named> {
        let (name, me) = match id.to_string().as_str() {
            "11" => ("mine", true),
            "12" => ("theirs", false),
            _ => return None,
        };
        let name = name.to_owned();
        Some(Named { name, me })
    }

    fn channel(&self, id: Snowflake) -> Option<String> {
        match id.to_string().as_str() {
            "21" => Some("general".to_owned()),
            "24" => Some("#142 uptime".to_owned()),
            _ => None,
        }
    }

    fn everyone(&self) -> bool {
        false
    }

    fn is_home(&self, authority: &str) -> bool {
        authority == "127.0.0.1:7470"
    }

    fn home(&self) -> String {
        "127.0.0.1:7470".to_owned()
    }
}

/// The HTML, checked for soundness.
fn sound(text: &str) -> String {
    let html = html(text, &Few);
    if let Err(fault) = checker::check(&html) {
        panic!("{fault}\ntext: {text:?}\nhtml: {html}");
    }
    html
}

fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(sound(text), *expected, "{text:?}");
    }
}

const fn link() -> &'static str {
    "rel=\"noopener noreferrer nofollow\" target=\"_blank\""
}

#[test]
fn spans() {
    check(&[
        ("plain", "plain"),
        ("**a** *b* _c_", "<strong>a</strong> <em>b</em> <em>c</em>"),
        ("__a__ ~~b~~", "<u>a</u> <s>b</s>"),
        (
            "||a **b**||",
            "<span class=\"spoiler\">a <strong>b</strong></span>",
        ),
        ("***a***", "<em><strong>a</strong></em>"),
        ("___a___", "<em><u>a</u></em>"),
        ("**a *b***", "<strong>a <em>b</em></strong>"),
        ("*a **b***", "<em>a <strong>b</strong></em>"),
        ("__**a**__", "<u><strong>a</strong></u>"),
        ("**a\nb**", "<strong>a<br>b</strong>"),
        ("snake_case_name", "snake_case_name"),
        ("__init__.py", "<u>init</u>.py"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("a*b*c", "a<em>b</em>c"),
        ("**open", "**open"),
        ("****", "****"),
        ("*** ***", "<em><strong> </strong></em>"),
        ("~~~~", "~~~~"),
        ("||||", "||||"),
        ("-----", "-----"),
        ("¯\\_(ツ)_/¯", "¯\\_(ツ)_/¯"),
        ("ünï 🦀", "ünï 🦀"),
    ]);
}

#[test]
fn escapes_and_code() {
    check(&[
        (r"\*a\* \_b\_", "*a* _b_"),
        (r"\\ \a \`x`", r"\ \a `x`"),
        (r"**a\** b**", "<strong>a** b</strong>"),
        (r"\<@1> \# x", "&lt;@1&gt; # x"),
        ("`**a** <@1>`", "<code>**a** &lt;@1&gt;</code>"),
        ("``a`b``", "<code>a`b</code>"),
        ("`` `a` ``", "<code>`a`</code>"),
        ("`open", "`open"),
        ("`a`b`c`", "<code>a</code>b<code>c</code>"),
    ]);
}

#[test]
fn fences() {
    check(&[
        ("```\na\n  b\n```", "<pre><code>a\n  b</code></pre>"),
        (
            "```rust\nlet a = **b**;\n```",
            "<pre><code class=\"lang-rust\">let a = **b**;</code></pre>",
        ),
        (
            "```C++\nx```",
            "<pre><code class=\"lang-cpp\">x</code></pre>",
        ),
        ("a ```b``` c", "a <pre><code>b</code></pre> c"),
        ("```rust```", "<pre><code>rust</code></pre>"),
        ("a\n```x```\nb", "a<br><pre><code>x</code></pre>b"),
        ("```\nopen", "```<br>open"),
        ("``````", "``````"),
        (
            "> ```\n> a\n> ```",
            "<blockquote><pre><code>a</code></pre></blockquote>",
        ),
        (
            "```diff\n+a\n-b\n@@ 1\n c\n```",
            "<pre><code class=\"lang-diff\"><span class=\"d-add\">+a</span>\n\
             <span class=\"d-del\">-b</span>\n<span class=\"d-hunk\">@@ 1</span>\n c</code></pre>",
        ),
    ]);
}

#[test]
fn colours() {
    let code = |code: &str| sound(&format!("```ansi\n{code}\n```"));
    let page = |inside: &str| format!("<pre><code class=\"lang-ansi\">{inside}</code></pre>");
    for (text, expected) in [
        (
            "\x1b[31mred\x1b[0m plain",
            "<span class=\"a31\">red</span> plain",
        ),
        ("\x1b[1;4;31;47mx", "<span class=\"a1 a4 a31 a47\">x</span>"),
        ("\x1b[31m\x1b[32mx\x1b[my", "<span class=\"a32\">x</span>y"),
        ("\x1b[31ma\nb", "<span class=\"a31\">a\nb</span>"),
        ("\x1b[91;38;5;3mx", "x"),
        ("a\x1b[2Jb\x1b[?25lc", "abc"),
        ("a\x1b]0;title", "a]0;title"),
        ("a\x1bPb\x1b\\c", "aPb\\c"),
        (
            "\x1b[1m<b>&**x**",
            "<span class=\"a1\">&lt;b&gt;&amp;**x**</span>",
        ),
        ("a\x1b[", "a"),
        // Cut off in the middle of a sequence, as the last page of an output may be; or only its colour left open.
        ("a\x1b", "a"),
        ("a\x1b[1;3", "a"),
        ("\x1b[32mok\x1b[3", "<span class=\"a32\">ok</span>"),
        ("\x1b[1;31mbad", "<span class=\"a1 a31\">bad</span>"),
        (
            "\x1b[1mb\x1b[31mr\x1b[0;4mu",
            "<span class=\"a1\">b</span><span class=\"a1 a31\">r</span><span class=\"a4\">u</span>",
        ),
        ("a\r\x07b\u{9b}31mc", "ab31mc"),
    ] {
        assert_eq!(code(text), page(expected), "{text:?}");
    }
    assert_eq!(
        sound("```ansi\n\x1b[1;31mred\n```\n**after**\n```ansi\nplain\n```"),
        format!(
            "{}<strong>after</strong><br>{}",
            page("<span class=\"a1 a31\">red</span>"),
            page("plain")
        ),
        "what is left open ends with its block"
    );
    assert_eq!(
        sound("```\n\x1b[31mred\n```"),
        "<pre><code>[31mred</code></pre>"
    );
}

#[test]
fn blocks() {
    check(&[
        ("# a", "<h1>a</h1>"),
        ("## a **b** ##\nc", "<h2>a <strong>b</strong></h2>c"),
        ("### a\n\nb", "<h3>a</h3><br>b"),
        ("#### a", "#### a"),
        ("#a", "#a"),
        ("a # b", "a # b"),
        (
            "-# small *x*",
            "<small class=\"sub\">small <em>x</em></small>",
        ),
        ("> a\n> b\nc", "<blockquote>a<br>b</blockquote>c"),
        (
            "> # a\n> - b",
            "<blockquote><h1>a</h1><ul><li>b</li></ul></blockquote>",
        ),
        (">>> a\nb\n\nc", "<blockquote>a<br>b<br><br>c</blockquote>"),
        (">a", "&gt;a"),
        ("> > a", "<blockquote>&gt; a</blockquote>"),
        ("a > b", "a &gt; b"),
        ("a\n\n\nb", "a<br><br><br>b"),
        ("    a", "    a"),
        ("a\n---\n***", "a<br>---<br>***"),
    ]);
}

#[test]
fn lists() {
    check(&[
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("* a\n* *b*", "<ul><li>a</li><li><em>b</em></li></ul>"),
        ("- a\nb", "<ul><li>a</li></ul>b"),
        ("- a\n  b", "<ul><li>a<br>b</li></ul>"),
        (
            "- a\n  - b\n    - c\n- d",
            "<ul><li>a<br><ul><li>b<br><ul><li>c</li></ul></li></ul></li><li>d</li></ul>",
        ),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("7. a", "<ol start=\"7\"><li>a</li></ol>"),
        ("- # a\n- b", "<ul><li><h1>a</h1></li><li>b</li></ul>"),
        ("-a\n1.b\n- ", "-a<br>1.b<br>- "),
        ("99999999999999999999. a", "99999999999999999999. a"),
        ("x\n- a", "x<br><ul><li>a</li></ul>"),
    ]);
}

#[test]
fn links() {
    let at = link();
    let cases = [
        (
            "https://a.b/c?d=1&e=(f).",
            format!(
                "<a href=\"https://a.b/c?d=1&amp;e=(f)\" {at}>https://a.b/c?d=1&amp;e=(f)</a>."
            ),
        ),
        (
            "(http://a.b)",
            format!("(<a href=\"http://a.b\" {at}>http://a.b</a>)"),
        ),
        (
            "<https://a.b>",
            format!("<a href=\"https://a.b\" {at}>https://a.b</a>"),
        ),
        (
            "**http://a.b**",
            format!("<strong><a href=\"http://a.b\" {at}>http://a.b</a></strong>"),
        ),
        (
            "[a *b*](https://c.d)",
            format!("<a href=\"https://c.d\" title=\"https://c.d\" {at}>a <em>b</em></a>"),
        ),
        (
            "[a](<https://c.d> \"t\")",
            format!("<a href=\"https://c.d\" title=\"https://c.d\" {at}>a</a>"),
        ),
        (
            "[a [b]](https://c.d/(e))",
            format!("<a href=\"https://c.d/(e)\" title=\"https://c.d/(e)\" {at}>a [b]</a>"),
        ),
        (
            "[main.rs](https://c.d)",
            format!("<a href=\"https://c.d\" title=\"https://c.d\" {at}>main.rs</a>"),
        ),
        (
            "[a] [b](https://c.d)",
            format!("[a] <a href=\"https://c.d\" title=\"https://c.d\" {at}>b</a>"),
        ),
        (
            "[a](ftp://c.d) http:// https://",
            "[a](ftp://c.d) http:// https://".to_owned(),
        ),
        (
            "[](https://c.d/x)",
            format!("[](<a href=\"https://c.d/x\" {at}>https://c.d/x</a>)"),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(sound(text), expected, "{text:?}");
    }
}

#[test]
fn words_that_look_like_another_address_are_no_link() {
    for words in [
        "https://good.example",
        "good.com",
        "www.good.example",
        "go*o*d.com/login",
        "http://a.b",
    ] {
        let html = sound(&format!("[{words}](https://evil.example/x)"));
        assert!(!html.contains(">good"), "{html}");
        assert!(html.starts_with('['), "{html}");
    }
    assert!(sound("[x](https://good.com@evil.example)").starts_with('['));
}

#[test]
fn jump_links_stay_inside() {
    let into = "<a class=\"mention\" href=\"http://127.0.0.1:7470/channels/9/21/5\" data-channel=\"21\" data-message=\"5\">#general › 💬</a>";
    check(&[
        ("https://discord.com/channels/9/21/5", into),
        ("<http://127.0.0.1:7470/channels/9/21/5>", into),
        (
            "http://127.0.0.1:7470/channels/@me/21",
            "<a class=\"mention\" href=\"http://127.0.0.1:7470/channels/@me/21\" data-channel=\"21\">#general</a>",
        ),
        (
            "[#142](https://discord.com/channels/9/24) · x",
            "<a class=\"mention\" href=\"http://127.0.0.1:7470/channels/9/24\" data-channel=\"24\">#142</a> · x",
        ),
        (
            "[#9](https://discord.com/channels/9/21/5)",
            "<a class=\"mention\" href=\"http://127.0.0.1:7470/channels/9/21/5\" data-channel=\"21\" data-message=\"5\">#9</a>",
        ),
        // The name of a thread that begins with the sign has it once.
        (
            "https://discord.com/channels/9/24",
            "<a class=\"mention\" href=\"http://127.0.0.1:7470/channels/9/24\" data-channel=\"24\">#142 uptime</a>",
        ),
        (
            "<#24>",
            "<span class=\"mention\" data-channel=\"24\">#142 uptime</span>",
        ),
    ]);
    for outside in [
        "https://discord.com/channels/9/22/5",
        "https://evil.example/channels/9/21/5",
        "https://discord.com@evil.example/channels/9/21/5",
        "https://discord.com/channels/9/21/5/6",
        "https://discord.com/channels/9/21/x",
        "[#9](https://discord.com/channels/9/22)",
        "[#9](https://evil.example/channels/9/21)",
    ] {
        assert!(!sound(outside).contains("data-channel"), "{outside}");
    }
}

#[test]
fn mentions() {
    check(&[
        (
            "<@1> <@!2>",
            "<span class=\"mention me\" data-user=\"1\">@reader</span> <span class=\"mention\" data-user=\"2\">@&lt;b&gt;other&lt;/b&gt;</span>",
        ),
        (
            "<@3>",
            "<span class=\"mention\" data-user=\"3\">@unknown-user</span>",
        ),
        (
            "<@&11><@&12>",
            "<span class=\"mention me\" data-role=\"11\">@mine</span><span class=\"mention\" data-role=\"12\">@theirs</span>",
        ),
        (
            "<#21> <#22>",
            "<span class=\"mention\" data-channel=\"21\">#general</span> <span class=\"mention\">#unknown</span>",
        ),
        (
            "a@everyone @here",
            "a<span class=\"mention\">@everyone</span> <span class=\"mention\">@here</span>",
        ),
        (
            "</run sub:5>",
            "<span class=\"mention\" data-command=\"run sub\" data-command-id=\"5\">/run sub</span>",
        ),
        (
            "<:ok:5> <a:go_go:6>",
            "<span class=\"emoji\">:ok:</span> <span class=\"emoji\">:go_go:</span>",
        ),
        (
            "<@> <@x> <@0> <#> </:5> <:x:> <a:b>",
            "&lt;@&gt; &lt;@x&gt; &lt;@0&gt; &lt;#&gt; &lt;/:5&gt; &lt;:x:&gt; &lt;a:b&gt;",
        ),
    ]);
}

#[test]
fn times() {
    check(&[
        (
            "<t:1767323045>",
            "<time class=\"when\" data-at=\"1767323045\" data-style=\"f\" datetime=\"2026-01-02T03:04:05Z\">2026-01-02 03:04 UTC</time>",
        ),
        (
            "<t:-1:T>",
            "<time class=\"when\" data-at=\"-1\" data-style=\"T\" datetime=\"1969-12-31T23:59:59Z\">23:59:59 UTC</time>",
        ),
        (
            "<t:1709208000:d>",
            "<time class=\"when\" data-at=\"1709208000\" data-style=\"d\" datetime=\"2024-02-29T12:00:00Z\">2024-02-29</time>",
        ),
        (
            "<t:8640000000000:R>",
            "<time class=\"when\" data-at=\"8640000000000\" data-style=\"R\">8640000000000 seconds from 1970</time>",
        ),
        (
            "<t:8640000000001> <t:1:x> <t:> <t:--1>",
            "&lt;t:8640000000001&gt; &lt;t:1:x&gt; &lt;t:&gt; &lt;t:--1&gt;",
        ),
    ]);
}

#[test]
fn a_title_has_no_blocks() {
    assert_eq!(
        html_line("# **a**\n- b", &Few),
        "# <strong>a</strong><br>- b"
    );
}

/// What has broken pages elsewhere. Each must stay text: the checker knows no tag or attribute that could run.
const HOSTILE: [&str; 24] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "</code></pre><script>alert(1)</script>",
    "```\n</code></pre><script>alert(1)</script>\n```",
    "```\"><script>\nx\n```",
    "```ansi\n\x1b[31m<script>\x1b[0m\n```",
    "[a](javascript:alert(1))",
    "[a](https://x\"onmouseover=\"alert(1))",
    "[a](https://x'onmouseover='alert(1))",
    "[a](data:text/html,<script>alert(1)</script>)",
    "<javascript:alert(1)>",
    "<https://x\" onclick=\"alert(1)>",
    "https://x\"><script>alert(1)</script>",
    "<@1\" onclick=\"x>",
    "</run\" onclick=\"x:1>",
    "<:a\" onerror=x:1>",
    "<t:1:R\" onclick=x>",
    "&lt;script&gt; &#60;script&#62; &amp;",
    "||<b>||**<i>**`<u>`",
    "a\0b\u{1b}c\u{7f}d\u{85}e\u{fffe}",
    "\u{202e}txt.exe\u{202c} [a\u{202e}](https://a.b/\u{202e}c)",
    "<!-- <style>*{display:none}</style> -->",
    "<a href=\"java\nscript:alert(1)\">x</a>",
];

#[test]
fn hostile_samples_stay_text() {
    for sample in HOSTILE {
        let html = sound(sample);
        for (before, after) in [
            ("", ""),
            ("> ", ""),
            ("- ", ""),
            ("# ", ""),
            ("**", "**"),
            ("||", "||"),
            ("[", "](http://a.b)"),
        ] {
            sound(&format!("{before}{sample}{after}"));
        }
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("<svg"));
    }
}

#[test]
fn size_is_bounded_however_the_marks_are_nested() {
    let pieces = [
        "*",
        "**",
        "_",
        "__",
        "~",
        "~~",
        "|",
        "||",
        "`",
        "``",
        "```",
        "[",
        "](",
        "[a](http://",
        "<",
        "<@",
        "<t:1>",
        "<@3>",
        "> ",
        ">>> ",
        "- ",
        "1. ",
        "- - ",
        "# ",
        "-# ",
        "\\",
        "\\*",
        "*a ",
        "**a ",
        "_a_",
        "*a*",
        "||a||",
        "@here",
        "http://a ",
        "<http://",
        "```a\n",
        "a*b**c",
        "\n",
        "\n- ",
        "\n  - ",
        "\n> - ",
        "[[a]]",
        "a_b",
        "\0",
        "'",
    ];
    for piece in pieces {
        let text = piece.repeat(4000 / piece.len());
        let html = sound(&text);
        assert!(
            html.len() <= 40 * text.len() + 1000,
            "{piece:?}: {}",
            html.len()
        );
        sound(&format!("{text}a{text}"));
    }
    let mut nested = String::new();
    for depth in 0..1000 {
        nested.push_str(&" ".repeat(2 * depth));
        nested.push_str("- x\n");
        if nested.len() > SOURCE_MAX - 2100 {
            break;
        }
    }
    assert!(sound(&nested).matches("<ul>").count() <= 11);
    let open: String = ["*a _b ", "**a __b ||c ~~d "].concat().repeat(200);
    let close: String = "d~~ c|| b__ a** b_ a*".repeat(200);
    sound(&(open + &close));
}

#[test]
fn a_text_beyond_all_bounds_is_shown_as_it_is() {
    let text = "**a**".repeat(SOURCE_MAX);
    assert_eq!(sound(&text), text);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Texts rich in marks.
    fn marked() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => "[*_~|`<>@#\\[\\]()!:/\\\\ \n-]{1,4}",
            2 => "[a-z0-9 .]{1,5}",
            1 => prop::sample::select(vec![
                "```", "```ansi\n", "```diff\n", "\x1b[31m", "\x1b[", "<@1>", "<@&11>", "<#21>", "<t:1:R>", "https://a.b",
                "](https://a.b)", "\n> ", "\n>>> ", "\n- ", "\n  1. ", "\n# ", "\n-# ", "</run:1>", "\u{202e}", "é", "🦀",
                "\" onclick=\"", "<script>", "&amp;",
            ]).prop_map(str::to_owned),
        ];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_text_gives_sound_html(text in any::<String>()) {
            sound(&text);
            prop_assert_eq!(checker::check(&html_line(&text, &Few)), Ok(()));
        }

        #[test]
        fn any_bytes_give_sound_html(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            sound(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn any_marks_give_sound_and_bounded_html(text in marked()) {
            let html = sound(&text);
            prop_assert!(html.len() <= 40 * text.len() + 1000);
        }

        #[test]
        fn a_fence_shows_what_is_in_it(code in "[a-z*_<>&|~@#\\[\\]() \n\\\\-]{0,80}") {
            let html = sound(&format!("```txt\n.{code}.\n```"));
            let expected = format!("<pre><code class=\"lang-txt\">.{}.</code></pre>",
                code.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
            prop_assert_eq!(html, expected);
        }

        #[test]
        fn escaped_text_reads_as_it_was(text in "[ -~]{0,80}") {
            let escaped: String = text.chars()
                .flat_map(|c| c.is_ascii_punctuation().then_some('\\').into_iter().chain([c]))
                .collect();
            let html = sound(&escaped.replace("http", "\\h"));
            let shown = html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"")
                .replace("&#39;", "'").replace("&amp;", "&");
            prop_assert_eq!(shown, text.replace("http", "\\h"));
        }
    }
}
