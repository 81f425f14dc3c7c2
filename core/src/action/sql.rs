//! Where `:name` stands in SQL: what is in quotes, in comments or behind another colon is none.

/// A name in SQL, with its byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bind<'a> {
    pub(super) name: &'a str,
    pub(super) at: usize,
}

/// What is wrong with SQL, and the byte where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SqlError {
    pub(super) at: usize,
    pub(super) what: &'static str,
}

/// Every name in SQL, in order.
pub(super) fn binds(sql: &str) -> Result<Vec<Bind<'_>>, SqlError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = sql.get(at..).filter(|rest| !rest.is_empty()) {
        at += match skipped(rest) {
            Skipped::Closed(bytes) => bytes,
            Skipped::Open(what) => return Err(SqlError { at, what }),
            Skipped::Not => {
                if rest.starts_with('\\') {
                    let what =
                        "a backslash outside of quotes is a command of the client and not SQL";
                    return Err(SqlError { at, what });
                }
                let dollar = rest.strip_prefix('$').is_some_and(|after| {
                    after.starts_with(|c: char| c == '$' || c.is_ascii_alphabetic() || c == '_')
                });
                if dollar {
                    let what = "text between `$$` is not followed here: write it in quotes";
                    return Err(SqlError { at, what });
                }
                bind(rest, at, &mut found)?
            }
        };
    }
    Ok(found)
}

/// Takes a name, or one character.
fn bind<'a>(rest: &'a str, at: usize, found: &mut Vec<Bind<'a>>) -> Result<usize, SqlError> {
    let one = rest.chars().next().map_or(1, char::len_utf8);
    let Some(after) = rest.strip_prefix(':') else {
        return Ok(one);
    };
    // A cast, or an assignment.
    if after.starts_with([':', '=']) {
        return Ok(2);
    }
    if after.starts_with(['\'', '"']) {
        let what = "a name stands without quotes: they are written for it";
        return Err(SqlError { at, what });
    }
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let end = after.find(|c| !of_name(c)).unwrap_or(after.len());
    let name = after.get(..end).unwrap_or_default();
    // The end of a part of an array, such as `[1:2]`.
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Ok(1 + end);
    }
    found.push(Bind { name, at });
    Ok(1 + end)
}

enum Skipped {
    Closed(usize),
    Open(&'static str),
    Not,
}

fn skipped(rest: &str) -> Skipped {
    for (open, close, what) in [
        ("'", "'", "a quote is never closed"),
        ("\"", "\"", "a quote is never closed"),
        ("`", "`", "a quote is never closed"),
        ("/*", "*/", "a comment is never closed"),
    ] {
        if let Some(inside) = rest.strip_prefix(open) {
            return match inside.find(close) {
                Some(end) => Skipped::Closed(open.len() + end + close.len()),
                None => Skipped::Open(what),
            };
        }
    }
    if rest.starts_with("--") {
        let end = rest.find('\n').unwrap_or(rest.len());
        return Skipped::Closed(end);
    }
    Skipped::Not
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_they_are_names() {
        let names = |sql: &str| {
            let found = binds(sql).map_err(|error| error.at)?;
            Ok::<_, usize>(
                found
                    .iter()
                    .map(|bind| bind.name.to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        for (sql, expected) in [
            ("select 1", &[][..]),
            ("select * from t where id = :id", &["id"]),
            (":a-b,:c", &["a-b", "c"]),
            ("select ':x', \":y\", `:z` -- :w\n, :id /* :v */", &["id"]),
            ("select now()::date, x := 1, a[1:2], :é", &[]),
            ("'it''s :x' :y", &["y"]),
            ("select '\\', :id", &["id"]),
        ] {
            assert_eq!(names(sql).unwrap(), expected, "{sql}");
        }
        for (sql, at) in [
            ("\\! id", 0),
            ("select 1; \\copy t", 10),
            ("select 'x", 7),
            ("/* x", 0),
            (":'id'", 0),
            ("do $$ begin :x end $$", 3),
            ("$tag$ :x $tag$", 0),
        ] {
            assert_eq!(names(sql), Err(at), "{sql}");
        }
    }
}
