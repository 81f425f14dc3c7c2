//! The path templates of the document, and which of them a path is.

use serde_json::Value;

/// Routes that clients use although the document has them not: method, template, why.
///
/// Their answers are judged as errors when they are errors, and not at all otherwise.
const UNDOCUMENTED: &[(&str, &str, &str)] = &[
    (
        "PATCH",
        "/guilds/{guild_id}/members/@me/nick",
        "deprecated but documented (\"Modify Current User Nick\"), and what discord.py calls",
    ),
    (
        "GET",
        "/users/@me/channels",
        "an empty list for bots since 2017; older libraries still ask",
    ),
];

/// A template of the document.
#[derive(Debug)]
pub(crate) struct Template {
    /// As the document writes it.
    pub(crate) text: String,
    /// Lower case, as the document writes them.
    pub(crate) methods: Vec<String>,
    segments: Vec<Segment>,
}

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Fixed(String),
    Any,
}

impl Template {
    fn new(text: &str, methods: Vec<String>) -> Self {
        let segments = text.split('/').skip(1).map(|segment| {
            if segment.starts_with('{') {
                Segment::Any
            } else {
                Segment::Fixed(segment.to_owned())
            }
        });
        Self {
            text: text.to_owned(),
            methods,
            segments: segments.collect(),
        }
    }

    /// How many segments are fixed, if the path fits.
    fn fits(&self, path: &[String]) -> Option<usize> {
        let fits = self.segments.len() == path.len()
            && self
                .segments
                .iter()
                .zip(path)
                .all(|(segment, given)| match segment {
                    Segment::Fixed(text) => text == given,
                    Segment::Any => !given.is_empty(),
                });
        fits.then(|| {
            self.segments
                .iter()
                .filter(|segment| **segment != Segment::Any)
                .count()
        })
    }
}

/// The templates of a document.
pub(crate) fn templates(document: &Value) -> Vec<Template> {
    let paths = document.get("paths").and_then(Value::as_object);
    let all = paths.into_iter().flatten();
    all.map(|(text, item)| {
        let methods = item.as_object().into_iter().flatten();
        Template::new(text, methods.map(|(method, _)| method.clone()).collect())
    })
    .collect()
}

/// The template of a path that has this method: the most literal one.
pub(crate) fn find<'a>(
    templates: &'a [Template],
    method: &str,
    path: &str,
) -> Option<&'a Template> {
    let path = segments(path);
    let method = method.to_ascii_lowercase();
    let known = templates
        .iter()
        .filter(|template| template.methods.contains(&method));
    let fitting = known.filter_map(|template| Some((template.fits(&path)?, template)));
    fitting
        .max_by_key(|(literal, _)| *literal)
        .map(|(_, template)| template)
}

/// Whether a route is one of those that are known to be missing in the document.
pub(crate) fn is_known_to_miss(method: &str, path: &str) -> bool {
    let path = segments(path);
    UNDOCUMENTED.iter().any(|(known, text, _)| {
        *known == method && Template::new(text, Vec::new()).fits(&path).is_some()
    })
}

/// The part of a path below `/api/v10`, without its query.
pub(crate) fn below_api(path: &str) -> &str {
    let path = path.split('?').next().unwrap_or_default();
    let rest = path.strip_prefix("/api").unwrap_or(path);
    ["/v10", "/v9"]
        .iter()
        .find_map(|version| rest.strip_prefix(version))
        .unwrap_or(rest)
}

fn segments(path: &str) -> Vec<String> {
    // The only encoded segment that is fixed in a template; the others fit whatever they are.
    let path = below_api(path).split('/').skip(1);
    path.map(|segment| segment.replace("%40", "@")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_literal_template_is_meant() {
        let methods = || vec!["get".to_owned()];
        let known = [
            Template::new("/users/{user_id}", methods()),
            Template::new("/users/@me", methods()),
            Template::new("/a/{b}/c", methods()),
        ];
        let find = |method, path| find(&known, method, path).map(|found| found.text.as_str());
        assert_eq!(find("GET", "/api/v10/users/%40me?x=1"), Some("/users/@me"));
        assert_eq!(find("GET", "/users/1"), Some("/users/{user_id}"));
        assert_eq!(find("PUT", "/users/1"), None);
        assert_eq!(find("GET", "/a//c"), None);
        assert_eq!(find("GET", "/api/a/1/c"), Some("/a/{b}/c"));
    }
}
