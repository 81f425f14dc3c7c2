//! How each host of a run ended, as two files for other programs: a table, and JSON lines. They are written row by row.

use std::io::{self, Write};

use serde_json::json;
use shanty_core::history::cell;
use shanty_core::run::{Execution, Loosely, Outcome, Run};

use super::Missing;

/// How each host ended, as a table (RFC 4180).
pub(super) fn summary(run: &Run, missing: &Missing, out: &mut impl Write) -> io::Result<()> {
    out.write_all(
        b"run,host,result,exit_code,duration_ms,output_bytes,dropped_bytes,group,missing\r\n",
    )?;
    for (number, group) in run.groups(&Loosely::new()).iter().enumerate() {
        for (agent, name) in &group.hosts {
            let outcome = run.execution(*agent).and_then(Execution::outcome);
            let count = |pick: fn(&Outcome) -> u64| outcome.map_or(0, pick).to_string();
            let code = group.how.exit_code();
            let missing = missing.get(agent).map_or("", String::as_str);
            let cells = [
                run.number.0.to_string(),
                cell(name.as_str()),
                cell(&group.how.plain()),
                code.map_or_else(String::new, |code| code.to_string()),
                count(|o| o.duration_ms),
                count(|o| o.output_bytes),
                count(|o| o.dropped_bytes),
                (number + 1).to_string(),
                cell(missing),
            ];
            write!(out, "{}\r\n", cells.join(","))?;
        }
    }
    out.flush()
}

/// The run, then each of its executions, one JSON document a line.
pub(super) fn lines(run: &Run, missing: &Missing, out: &mut impl Write) -> io::Result<()> {
    let by = run.spec.origin.principal().to_string();
    let first = json!({
        "event": "run", "number": run.number.0, "run": run.spec.id.to_string(), "by": by,
        "selector": run.spec.selector, "command": run.spec.what.text(), "accepted_ms": run.accepted_ms,
    });
    writeln!(out, "{first}")?;
    for (agent, execution) in run.executions() {
        let outcome = execution.outcome();
        let line = json!({
            "event": "execution", "host": execution.name.as_str(), "agent": agent.to_string(),
            "state": execution.state(),
            "exit_code": outcome.and_then(|o| o.how.exit_code()),
            "text": outcome.map(|o| o.how.plain()),
            "duration_ms": outcome.map(|o| o.duration_ms),
            "output_bytes": outcome.map(|o| o.output_bytes),
            "dropped_bytes": outcome.map(|o| o.dropped_bytes),
            "left_over": outcome.map(|o| o.left_over),
            "left": outcome.map(|o| o.left.count),
            "missing": missing.get(&agent),
        });
        writeln!(out, "{line}")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use shanty_core::ids::{AgentId, RunNumber};
    use shanty_core::run::{How, Target};

    use super::super::tests::spec;
    use super::*;

    /// Counts what is written, and how much at once.
    #[derive(Default)]
    struct Written {
        all: usize,
        at_once: usize,
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.all += bytes.len();
            self.at_once = self.at_once.max(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn tables_of_ten_thousand_hosts_are_never_in_memory_whole() {
        let target = |n: u16| Target {
            agent: AgentId::from_bytes(u128::from(n).to_be_bytes()),
            name: format!("web-{n:05}").parse().unwrap(),
            away: None,
        };
        let targets = (0..10_000).map(target).collect();
        let mut run = Run::new(RunNumber(7), spec(targets), 0);
        let agents: Vec<AgentId> = run.executions().map(|(agent, _)| agent).collect();
        for agent in agents {
            run.apply_finished(agent, Outcome::without_output(How::Exited(0)));
        }
        let mut table = Written::default();
        summary(&run, &Missing::new(), &mut table).unwrap();
        assert!(
            table.all > 200_000 && table.at_once < 1_000,
            "{}",
            table.at_once
        );
        let mut documents = Written::default();
        lines(&run, &Missing::new(), &mut documents).unwrap();
        assert!(
            documents.all > 2_000_000 && documents.at_once < 1_000,
            "{}",
            documents.at_once
        );
    }

    #[test]
    fn no_cell_is_a_formula_or_leaves_its_place() {
        for (text, expected) in [
            ("web-01", "web-01"),
            ("=1+1", "'=1+1"),
            ("-x", "'-x"),
            ("@a", "'@a"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("\rx", "\"'\rx\""),
            ("\n=1", "\"'\n=1\""),
            ("  =1", "'  =1"),
            ("＝1", "'＝1"),
            ("a=b", "a=b"),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
