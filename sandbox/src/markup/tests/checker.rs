//! A strict reader of HTML: knows the tags and attributes that may occur, and nothing else.

const TAGS: [(&str, &[&str]); 18] = [
    (
        "a",
        &[
            "href",
            "title",
            "rel",
            "target",
            "class",
            "data-channel",
            "data-message",
        ],
    ),
    ("blockquote", &[]),
    ("br", &[]),
    ("code", &["class"]),
    ("em", &[]),
    ("h1", &[]),
    ("h2", &[]),
    ("h3", &[]),
    ("li", &[]),
    ("ol", &["start"]),
    ("pre", &[]),
    ("s", &[]),
    ("small", &["class"]),
    (
        "span",
        &[
            "class",
            "data-user",
            "data-role",
            "data-channel",
            "data-command",
            "data-command-id",
        ],
    ),
    ("strong", &[]),
    ("time", &["class", "data-at", "data-style", "datetime"]),
    ("u", &[]),
    ("ul", &[]),
];
const ENTITIES: [&str; 5] = ["amp;", "lt;", "gt;", "quot;", "#39;"];

/// What is wrong with the HTML, if anything.
pub(super) fn check(html: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while !rest.is_empty() {
        let Some(inside) = rest.strip_prefix('<') else {
            let length = rest.find('<').unwrap_or(rest.len());
            text(&rest[..length])?;
            rest = &rest[length..];
            continue;
        };
        let (tag, after) = inside.split_once('>').ok_or("a tag without an end")?;
        match tag.strip_prefix('/') {
            Some(name) => {
                if open.pop() != Some(name) {
                    return Err(format!("</{name}> closes nothing"));
                }
            }
            None => {
                let name = start(tag)?;
                if name == "a" && open.contains(&"a") {
                    return Err("a link within a link".into());
                }
                if name != "br" {
                    open.push(name);
                }
            }
        }
        rest = after;
    }
    open.is_empty()
        .then_some(())
        .ok_or(format!("left open: {open:?}"))
}

fn start(tag: &str) -> Result<&str, String> {
    let (name, mut rest) = match tag.split_once(' ') {
        Some((name, rest)) => (name, rest),
        None => (tag, ""),
    };
    let (_, allowed) = TAGS
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or(format!("<{name}> is not allowed"))?;
    while !rest.is_empty() {
        let (key, after) = rest
            .split_once("=\"")
            .ok_or("an attribute without a value")?;
        let (value, after) = after.split_once('"').ok_or("a value without an end")?;
        if !allowed.contains(&key) {
            return Err(format!("<{name} {key}> is not allowed"));
        }
        text(value)?;
        let fits = match key {
            "href" => value.starts_with("http://") || value.starts_with("https://"),
            "class" => value
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_ ".contains(&b)),
            _ => true,
        };
        if !fits {
            return Err(format!("{key} is {value:?}"));
        }
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    Ok(name)
}

fn text(text: &str) -> Result<(), String> {
    if let Some(c) = text.chars().find(|c| {
        matches!(c, '<' | '>' | '"' | '\'') || (c.is_control() && !matches!(c, '\n' | '\t'))
    }) {
        return Err(format!("{c:?} in text"));
    }
    let mut parts = text.split('&');
    parts.next();
    match parts.find(|part| !ENTITIES.iter().any(|entity| part.starts_with(entity))) {
        Some(part) => Err(format!("an unknown entity: &{part}")),
        None => Ok(()),
    }
}

#[test]
fn the_checker_finds_faults() {
    for bad in [
        "<script>",
        "<b>x</b>",
        "<em>",
        "</em>",
        "<em><u></em></u>",
        "<em onclick=\"x\"></em>",
        "<a href=\"javascript:x\"></a>",
        "<em",
        "a > b",
        "a & b",
        "\0",
        "<a href=\"http://a\"><a href=\"http://b\"></a></a>",
        "<span class=\"A\"></span>",
        "<span class=\"a\" style=\"x\"></span>",
        "<img src=\"x\">",
    ] {
        assert!(check(bad).is_err(), "{bad}");
    }
    assert_eq!(check("<em>a &amp; b<br></em>"), Ok(()));
}
