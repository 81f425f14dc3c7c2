//! `shanty-agent doctor`: looks at everything that this host needs to be one of Shanty's, and says of each what was measured and how to mend it.
//!
//! It starts nothing that stays and changes nothing. A point that needs another one is not looked at when that one is broken.

mod here;
mod trial;
mod way;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Serialize;
use shanty_core::causes::chain;

use crate::config::{DataDir, ProxyVariables};

/// What the command line says.
pub(crate) struct Options {
    pub(crate) data_dir: DataDir,
    /// What the executor keeps, where it is a process of its own.
    pub(crate) executor_dir: Option<PathBuf>,
    /// Program and leading arguments of shims.
    pub(crate) shim: Vec<OsString>,
    pub(crate) proxies: ProxyVariables,
}

impl Options {
    /// Where executions are.
    pub(crate) fn work_dir(&self) -> &Path {
        let own = self.executor_dir.as_deref();
        own.unwrap_or_else(|| self.data_dir.path())
    }
}

/// How something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Health {
    /// As it must be.
    Fine,
    /// It works, and somebody should look at it.
    Warning,
    /// It must be mended.
    Broken,
    /// Not looked at: it needs something that is broken.
    Skipped,
}

impl Health {
    const fn mark(self) -> char {
        match self {
            Self::Fine => '✔',
            Self::Warning => '⚠',
            Self::Broken => '✘',
            Self::Skipped => '·',
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Point {
    /// A word, stable for scripts.
    pub(crate) name: &'static str,
    pub(crate) health: Health,
    /// What was measured, or what is wrong.
    pub(crate) found: String,
    /// What to do; nothing when the finding says it, or when there is nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<String>,
}

impl Point {
    fn new(name: &'static str, health: Health, found: impl Into<String>) -> Self {
        Self {
            name,
            health,
            found: found.into(),
            mend: None,
        }
    }

    fn fine(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Health::Fine, found)
    }

    fn warning(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Health::Warning, found)
    }

    fn broken(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Health::Broken, found)
    }

    fn skipped(name: &'static str, because: &str) -> Self {
        Self::new(
            name,
            Health::Skipped,
            format!("not looked at, since {because}"),
        )
    }

    fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }
}

/// All that was looked at, in order.
#[derive(Debug, Serialize)]
pub(crate) struct Findings {
    pub(crate) points: Vec<Point>,
}

impl Findings {
    /// True when nothing must be mended.
    pub(crate) fn is_healthy(&self) -> bool {
        let broken = |point: &Point| matches!(point.health, Health::Broken | Health::Skipped);
        !self.points.iter().any(broken)
    }

    /// The points with their names; what was not looked at for one reason is one.
    fn rows(&self) -> Vec<(String, &Point)> {
        let mut rows: Vec<(String, &Point)> = Vec::new();
        for point in &self.points {
            match rows.last_mut() {
                Some((names, last))
                    if point.health == Health::Skipped && last.found == point.found =>
                {
                    names.push_str(", ");
                    names.push_str(point.name);
                }
                Some(_) | None => rows.push((point.name.to_owned(), point)),
            }
        }
        rows
    }

    /// The findings as people read them: a line each, and what to do below it.
    pub(crate) fn text(&self) -> String {
        let rows = self.rows();
        let width = rows.iter().map(|(_, point)| point.name.len()).max();
        let width = width.unwrap_or_default();
        let mut text = String::new();
        for (names, point) in rows {
            let mark = point.health.mark();
            text.push_str(&format!("{mark} {names:width$}  {}\n", point.found));
            if let Some(mend) = &point.mend {
                let margin = " ".repeat(width.saturating_add(4));
                text.push_str(&format!("{margin}→ {mend}\n"));
            }
        }
        let count = |health| {
            self.points
                .iter()
                .filter(|point| point.health == health)
                .count()
        };
        text.push_str(&match (count(Health::Broken), count(Health::Warning)) {
            (0, 0) => "All is well.".to_owned(),
            (0, warnings) => format!("It works; {warnings} to look at (⚠)."),
            (broken, _) => format!("{broken} to mend (✘)."),
        });
        text
    }
}

/// Looks at everything.
pub(crate) async fn look(options: &Options) -> Findings {
    let mut points = vec![here::program()];
    let (enrolled, mut found) = here::enrolled(&options.data_dir);
    points.append(&mut found);
    if options.data_dir.is_enrolled() {
        points.push(here::service(&options.data_dir));
        points.extend(options.executor_dir.as_deref().map(here::executor));
    }
    points.extend(here::policy(Path::new(crate::policy::FILE)));
    points.push(here::disk(options.work_dir()));
    points.extend(here::update(options.work_dir()));
    match enrolled {
        Some((identity, config)) => {
            points.push(here::users(&config));
            points.extend(way::look(&identity, &config, &options.proxies).await);
            points.push(trial::look(&config, options).await);
        }
        None => {
            let because = "identity or configuration cannot be read";
            let skipped = ["users", "name", "connection", "controller", "link", "trial"];
            points.extend(skipped.map(|name| Point::skipped(name, because)));
        }
    }
    Findings { points }
}

/// Only the trial: whether a command can be started here, by this program.
///
/// # Errors
/// What is wrong.
pub(crate) async fn trial_only(options: &Options) -> Result<(), String> {
    let (_, config) = options.data_dir.load().map_err(|error| chain(&error))?;
    let point = trial::look(&config, options).await;
    match point.health {
        Health::Fine => Ok(()),
        Health::Warning | Health::Broken | Health::Skipped => Err(point.found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(points: Vec<Point>) -> Findings {
        Findings { points }
    }

    #[test]
    fn findings_are_lines_with_what_to_do_below() {
        let some = findings(vec![
            Point::fine("program", "shanty-agent 1.4.0"),
            Point::warning("service", "no agent runs here").mend("systemctl start shanty-agent"),
            Point::broken("identity", "it ended yesterday"),
            Point::skipped("link", "there is no identity"),
            Point::skipped("trial", "there is no identity"),
        ]);
        assert_eq!(
            some.text(),
            "✔ program   shanty-agent 1.4.0\n\
             ⚠ service   no agent runs here\n\
             \x20           → systemctl start shanty-agent\n\
             ✘ identity  it ended yesterday\n\
             · link, trial  not looked at, since there is no identity\n\
             1 to mend (✘)."
        );
        assert!(!some.is_healthy());
    }

    #[test]
    fn what_is_only_to_look_at_is_healthy_and_what_was_not_looked_at_is_not() {
        let fine = || Point::fine("program", "");
        let warned = findings(vec![fine(), Point::warning("service", "")]);
        assert!(warned.is_healthy() && warned.text().ends_with("It works; 1 to look at (⚠)."));
        assert!(findings(vec![fine()]).text().ends_with("All is well."));
        assert!(!findings(vec![fine(), Point::skipped("link", "x")]).is_healthy());
    }
}
