//! What the demo says of its hosts, and which of them somebody names.

use shanty_core::selector::fold::fold;

/// A host that went by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) name: String,
    /// Somebody removed it from the controller.
    pub(super) removed: bool,
    /// How its agent ended.
    pub(super) how: Option<String>,
}

impl Gone {
    /// What is said of it; with keys one of them brings it back.
    pub(super) fn sentence(&self, keys: bool) -> String {
        let Self { name, removed, how } = self;
        let what = match (removed, how) {
            (true, _) => "was removed".to_owned(),
            (false, Some(how)) => format!("is gone ({how})"),
            (false, None) => "is gone".to_owned(),
        };
        let back = if keys { "key g or " } else { "" };
        format!(
            "{name} {what}: try /hosts and /run on:all. Back with {back}`shanty demo start {name}`"
        )
    }
}

/// The hosts that are meant: names, or `all`; each once, in the order of the demo.
pub(super) fn chosen(named: &[String], known: &[String]) -> Result<Vec<String>, String> {
    let is_all = |name: &String| name == "all";
    let strange = |name: &&String| !is_all(name) && !known.contains(name);
    if let Some(strange) = named.iter().find(strange) {
        let there = fold(known.iter().map(String::as_str));
        return Err(format!(
            "There is no host `{strange}`. There are {there}, and `all` for every one."
        ));
    }
    let meant = |name: &&String| named.iter().any(is_all) || named.contains(name);
    Ok(known.iter().filter(meant).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_named_or_all() {
        let known = ["web-01", "web-02", "db-01"].map(str::to_owned);
        let names = |named: &[&str]| {
            let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
            chosen(&named, &known).map(|names| names.join(" "))
        };
        assert_eq!(names(&["db-01", "web-01"]).as_deref(), Ok("web-01 db-01"));
        assert_eq!(names(&["web-01", "web-01"]).as_deref(), Ok("web-01"));
        assert_eq!(names(&["all"]).as_deref(), Ok("web-01 web-02 db-01"));
        let error = names(&["web-01", "web-9"]).unwrap_err();
        assert_eq!(
            error,
            "There is no host `web-9`. There are db-01,web-[01-02], and `all` for every one."
        );
    }

    #[test]
    fn what_is_said_tells_how_it_went_and_what_to_do() {
        let gone = Gone {
            name: "db-01".to_owned(),
            removed: false,
            how: Some("signal: 9 (SIGKILL)".to_owned()),
        };
        assert_eq!(
            gone.sentence(true),
            "db-01 is gone (signal: 9 (SIGKILL)): try /hosts and /run on:all. \
             Back with key g or `shanty demo start db-01`"
        );
        let removed = Gone {
            removed: true,
            ..gone
        };
        assert_eq!(
            removed.sentence(false),
            "db-01 was removed: try /hosts and /run on:all. Back with `shanty demo start db-01`"
        );
    }
}
