//! Reads what runs: `argv`, `script` or `query`.

use bytes::Bytes;

use super::super::problem::quoted;
use super::super::reader::Reader;
use super::super::template::Template;
use super::super::{Body, Database, Query, SCRIPT_BYTES_MAX, Script, Scripts, Sql};
use super::{template, templates};
use crate::action::name::Name;

/// Rows of an answer when nobody says how many, and the most.
const ROWS: (u32, i64) = (200, 1_000);

/// Longest SQL of an author, bytes.
const SQL_BYTES_MAX: usize = 16 * 1024;

/// Reads what runs; exactly one of the three.
pub(super) fn body(table: &mut Reader<'_>, scripts: Scripts<'_>) -> Option<Body> {
    let keys = ["argv", "script", "query"];
    let there = keys.iter().filter(|key| table.has(key)).count();
    if there != 1 {
        let what = match there {
            0 => "what runs is missing: `argv`, `script` or `query`",
            _ => "one of `argv`, `script` and `query` runs, not several",
        };
        table.lacks(what);
    }
    let argv = templates(table, "argv").map(Body::Argv);
    let script = table
        .table("script")
        .and_then(|table| script(table, scripts));
    let query = table.table("query").and_then(query);
    argv.or(script.map(Body::Script)).or(query.map(Body::Query))
}

fn script(mut table: Reader<'_>, scripts: Scripts<'_>) -> Option<Script> {
    for key in ["with", "file"] {
        if !table.has(key) {
            table.lacks(format!("`{key}` is missing"));
        }
    }
    let mut with = Vec::new();
    for template in templates(&mut table, "with").unwrap_or_default() {
        match template.literal() {
            Some(text) => with.push(text.to_owned()),
            None => {
                let what = "what runs a script is literal: values go into `args`, where they are \"$1\" and so on";
                table.wrong("with", what);
            }
        }
    }
    let file = table.text("file");
    let bytes = file.and_then(|file| match body_of(file, scripts) {
        Ok(bytes) => Some(bytes),
        Err(why) => {
            table.wrong("file", why);
            None
        }
    });
    let args = templates(&mut table, "args").unwrap_or_default();
    table.finish();
    (!with.is_empty()).then_some(())?;
    Some(Script {
        with,
        file: file?.to_owned(),
        args,
        bytes: bytes?,
    })
}

fn body_of(file: &str, scripts: Scripts<'_>) -> Result<Bytes, String> {
    let normal = |part: &str| !matches!(part, "" | "." | "..");
    let plain = file.len() <= 200 && !file.chars().any(char::is_control) && !file.contains('\\');
    if !plain || !file.split('/').all(normal) {
        return Err(format!(
            "{} is no file below the folder of the catalogue, such as \"import.sh\"",
            quoted(file)
        ));
    }
    let bytes = scripts(file)?;
    if bytes.is_empty() {
        return Err(format!("{} is empty", quoted(file)));
    }
    if bytes.len() > SCRIPT_BYTES_MAX {
        return Err(format!("{} is larger than 64 KiB", quoted(file)));
    }
    Ok(bytes)
}

fn query(mut table: Reader<'_>) -> Option<Query> {
    for key in ["db", "sql"] {
        if !table.has(key) {
            table.lacks(format!("`{key}` is missing"));
        }
    }
    let db = template(&mut table, "db");
    let db = db.and_then(|db| match (db.alone(), db.literal()) {
        (Some(name), _) => Some(Database::Parameter(name.clone())),
        (None, Some(text)) => match text.parse::<Name>() {
            Ok(name) => Some(Database::Named(name)),
            Err(error) => {
                table.wrong("db", error.to_string());
                None
            }
        },
        (None, None) => {
            table.wrong(
                "db",
                "`db` is the name of a database, or a parameter of type `db` and nothing else",
            );
            None
        }
    });
    let sql = table.text("sql").map(|text| {
        let alone = Template::parse(text).ok();
        let parameter = alone.as_ref().and_then(Template::alone);
        parameter.map_or_else(
            || Sql::Named(text.to_owned()),
            |name| Sql::Parameter(name.clone()),
        )
    });
    if let Some(Sql::Named(text)) = &sql
        && (text.len() > SQL_BYTES_MAX || text.contains('\0'))
    {
        table.wrong("sql", "`sql` is text of at most 16 KiB");
    }
    let rows = table.number("rows", 1..=ROWS.1);
    let rows = rows.and_then(|rows| u32::try_from(rows).ok());
    table.finish();
    Some(Query {
        db: db?,
        sql: sql?,
        rows: rows.unwrap_or(ROWS.0),
    })
}
