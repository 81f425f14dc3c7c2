//! What the command line is shown.

use shanty_core::admission::Found;
use shanty_core::ask::{GroupRow, HostsView, SavedGroup, TokenRow};
use shanty_core::facts::{Facts, Metrics};
use shanty_core::history::Stand;
use shanty_core::hold::HoldAnswer;
use shanty_core::ids::{AgentId, HostName, Labels};
use shanty_core::principal::Principal;
use shanty_core::run::{
    CancelRequest, Execution, Group, How, Loosely, Offline, Phase, Progress, Run,
};
use shanty_core::selector::fold::fold;
use shanty_core::view::{AwayRow, HostRow, Preview, Trouble, rollout_words};
use shanty_proto::convert::{input_to_wire, labels_to_wire, outcome_to_wire, principal_to_wire};
use shanty_proto::v1;
use shanty_proto::v1::{execution_info, host_info, run_info};

use crate::clock::now_ms;
use crate::config::Changes;
use crate::reload::Reloaded;

/// What came of a changed configuration.
pub(super) fn reloaded(told: Reloaded) -> v1::ReloadReply {
    match told {
        Reloaded::Taken(Changes { taken, restart }) => v1::ReloadReply {
            changes: taken,
            restart,
            wrong: Vec::new(),
        },
        Reloaded::Wrong(wrong) => v1::ReloadReply {
            wrong,
            ..v1::ReloadReply::default()
        },
    }
}

pub(super) fn hold(answer: &HoldAnswer) -> v1::HoldReply {
    let (held, changed) = match answer {
        HoldAnswer::Began(held) => (Some(held), true),
        HoldAnswer::Ended => (None, true),
        HoldAnswer::Stands(held) => (held.as_ref(), false),
    };
    v1::HoldReply {
        on: held.is_some(),
        by: held.and_then(|held| held.by.as_ref().map(principal_to_wire)),
        since_ms: held.map_or(0, |held| held.since_ms),
        reason: held.map_or_else(String::new, |held| held.reason.clone()),
        changed,
    }
}

pub(super) fn hosts(view: HostsView) -> v1::HostsReply {
    let host = |(agent, enrolled_ms, row): (AgentId, u64, HostRow)| v1::HostInfo {
        agent: agent.to_string(),
        name: row.name.to_string(),
        trouble: trouble(row.trouble()).into(),
        labels: labels_to_wire(&row.labels),
        online: row.online,
        stale: row.stale,
        outdated: row.outdated.is_some(),
        offered: row.outdated.clone().unwrap_or_default(),
        duplicated: row.duplicated,
        draining_since_ms: row
            .draining
            .as_ref()
            .map_or(0, |draining| draining.since_ms),
        draining_by: row
            .draining
            .as_ref()
            .map(|draining| principal_to_wire(&draining.by)),
        seen_ms: row.seen_ms,
        version: row.version.as_data().to_owned(),
        facts: row.facts.as_ref().map(facts),
        metrics: row.metrics.as_ref().map(metrics),
        enrolled_ms,
        spool_full: view.spool_full.contains(&agent),
        unknown_runs: row.unknown as u64,
    };
    let mut rows = view.rows;
    rows.sort_by(|(_, _, a), (_, _, b)| HostRow::order(a, b));
    v1::HostsReply {
        hosts: rows.into_iter().map(host).collect(),
        normal: view.normal,
    }
}

const fn trouble(trouble: Trouble) -> host_info::Trouble {
    match trouble {
        Trouble::Duplicated => host_info::Trouble::Duplicated,
        Trouble::Offline => host_info::Trouble::Offline,
        Trouble::Stale => host_info::Trouble::Stale,
        Trouble::Full => host_info::Trouble::Full,
        Trouble::Draining => host_info::Trouble::Draining,
        Trouble::Outdated => host_info::Trouble::Outdated,
        Trouble::None => host_info::Trouble::None,
    }
}

fn facts(facts: &Facts) -> v1::Facts {
    v1::Facts {
        os: facts.os.as_data().to_owned(),
        kernel: facts.kernel.as_data().to_owned(),
        arch: facts.arch.as_data().to_owned(),
        hostname: facts.hostname.as_data().to_owned(),
        cpus: facts.cpus,
        memory_bytes: facts.memory_bytes,
        containment: facts.containment.as_data().to_owned(),
        run_as: facts.run_as.as_data().to_owned(),
        boot_time_ms: facts.boot_time_ms,
        policy_mode: facts.policy_mode.as_data().to_owned(),
        policy_digest: facts.policy_digest.as_data().to_owned(),
        limits: facts.limits.as_data().to_owned(),
    }
}

fn metrics(metrics: &Metrics) -> v1::Metrics {
    let disk = |disk: &shanty_core::facts::Disk| v1::Disk {
        mount: disk.mount.as_data().to_owned(),
        total_bytes: disk.total_bytes,
        available_bytes: disk.available_bytes,
    };
    v1::Metrics {
        load1: metrics.load1,
        memory_used_bytes: metrics.memory_used_bytes,
        uptime_s: metrics.uptime_s,
        disks: metrics.disks.iter().map(disk).collect(),
    }
}

pub(super) fn run(run: &Run) -> v1::RunInfo {
    let mut executions: Vec<v1::ExecutionInfo> = run
        .executions()
        .map(|(agent, execution)| self::execution(run, agent, execution))
        .collect();
    executions.sort_by(|a, b| a.name.cmp(&b.name));
    let (closed_ms, expired) = match &run.phase {
        Phase::Accepted | Phase::Running => (0, String::new()),
        Phase::Expired(reason) => (0, reason.clone()),
        Phase::Closed { at_ms } => (*at_ms, String::new()),
    };
    let rollout = run.spec.strategy.rollout.as_ref();
    v1::RunInfo {
        waits: Vec::new(),
        number: run.number.0,
        run: run.spec.id.to_string(),
        by: Some(principal_to_wire(&run.spec.origin.principal())),
        selector: run.spec.selector.clone(),
        command: run.spec.what.text().into_owned(),
        run_as: run.spec.options.run_as.clone().unwrap_or_default(),
        accepted_ms: run.accepted_ms,
        closed_ms,
        hosts: fold(executions.iter().map(|execution| execution.name.as_str())),
        executions,
        expired,
        state: run_state(run).into(),
        offline: offline(run.spec.strategy.offline).into(),
        queued_until_ms: run.queued_until_ms().unwrap_or(0),
        color: run.spec.options.colours.kept(),
        input: run.spec.input.as_ref().map(input_to_wire),
        terminal: run.spec.options.terminal.is_own(),
        leave: run.spec.options.leave,
        set: hex::encode(run.spec.digest.get(..4).unwrap_or_default()),
        groups: run.groups(&Loosely::new()).iter().map(end_group).collect(),
        by_name: String::new(),
        guild: run.spec.origin.place().map_or(0, |place| place.guild),
        channel: run.spec.origin.place().map_or(0, |place| place.channel),
        link: String::new(),
        timeout_ms: run.spec.options.timeout_ms,
        result: String::new(),
        stand: Stand::of(run).as_str().to_owned(),
        stopped_by: String::new(),
        stopped_ms: 0,
        rollout: rollout.map(rollout_words).unwrap_or_default(),
        users: Vec::new(),
        stopper: stopped(run).map(|cancel| principal_to_wire(&cancel.by)),
    }
}

/// Who asked to stop a run, and when. Whoever came when all was done stopped nothing.
pub(super) fn stopped(run: &Run) -> Option<&CancelRequest> {
    let stopped = matches!(Stand::of(run), Stand::Stopped | Stand::Running);
    run.cancel.as_ref().filter(|_| stopped)
}

pub(super) fn plan(preview: &Preview) -> v1::PlanReply {
    let spec = &preview.spec;
    let found = preview.found.as_ref();
    let names = |hosts: &[HostName]| fold(hosts.iter().map(HostName::as_str));
    let rollout = spec.strategy.rollout.as_ref();
    let away = |row: &AwayRow| v1::AwayHost {
        name: row.name.to_string(),
        why: row.away.as_str().to_owned(),
        since_ms: row.since_ms,
    };
    v1::PlanReply {
        command: spec.what.text().into_owned(),
        hosts: fold(spec.targets.iter().map(|target| target.name.as_str())),
        count: u32::try_from(spec.targets.len()).unwrap_or(u32::MAX),
        cautions: preview.cautions.iter().map(|c| c.text()).collect(),
        away: preview.away.iter().map(away).collect(),
        excluded: fold(preview.excluded.iter().map(HostName::as_str)),
        absent: fold(preview.absent.iter().map(String::as_str)),
        run_as: match &spec.options.run_as {
            Some(user) => vec![user.clone()],
            // Agents look after themselves as who they are.
            None if spec.what.upkeep().is_some() => Vec::new(),
            None => preview.run_as.clone(),
        },
        timeout_ms: spec.options.timeout_ms,
        offline: offline(spec.strategy.offline).into(),
        seen: hex::encode(spec.digest),
        from: found.map(Found::from_words).unwrap_or_default(),
        there: found.map_or_else(String::new, |found| names(&found.there)),
        old: found.map_or_else(String::new, |found| names(&found.old)),
        signer: found.map(|found| found.signer.clone()).unwrap_or_default(),
        rollout: rollout.map(rollout_words).unwrap_or_default(),
    }
}

const fn offline(offline: Offline) -> run_info::Offline {
    match offline {
        Offline::Fail => run_info::Offline::Fail,
        Offline::Skip => run_info::Offline::Skip,
        Offline::Queue { .. } => run_info::Offline::Queue,
    }
}

pub(super) fn execution(run: &Run, agent: AgentId, execution: &Execution) -> v1::ExecutionInfo {
    v1::ExecutionInfo {
        agent: agent.to_string(),
        name: execution.name.to_string(),
        state: execution_state(&execution.progress).into(),
        outcome: match &execution.progress {
            Progress::Done(outcome) | Progress::Ending(outcome) => Some(outcome_to_wire(outcome)),
            Progress::Waiting(_) | Progress::Ordered(_) | Progress::Running { .. } => None,
        },
        online: execution.online && execution.outcome().is_none(),
        skipped: run.is_skipped(execution),
    }
}

pub(super) fn end_group(group: &Group) -> v1::EndGroup {
    v1::EndGroup {
        rank: group.rank.as_str().to_owned(),
        text: group.how.plain(),
        exit_code: group.how.exit_code(),
        hosts: fold(group.names()),
        count: u32::try_from(group.hosts.len()).unwrap_or(u32::MAX),
        duration_ms: group.duration_ms,
        first: group.names().next().unwrap_or_default().to_owned(),
        outputs: u32::try_from(group.outputs).unwrap_or(u32::MAX),
    }
}

pub(super) fn run_state(run: &Run) -> run_info::State {
    match &run.phase {
        Phase::Accepted => run_info::State::Accepted,
        Phase::Expired(_) => run_info::State::Expired,
        Phase::Running if run.cancel.is_some() => run_info::State::Cancelling,
        Phase::Running if run.rests() => run_info::State::Paused,
        Phase::Running if run.only_waits() => run_info::State::Waiting,
        Phase::Running => run_info::State::Running,
        Phase::Closed { .. } => run_info::State::Closed,
    }
}

pub(super) const fn execution_state(progress: &Progress) -> execution_info::State {
    match progress {
        Progress::Waiting(_) | Progress::Ordered(_) => execution_info::State::Queued,
        Progress::Running { .. } => execution_info::State::Running,
        Progress::Ending(outcome) | Progress::Done(outcome) => match &outcome.how {
            How::Exited(_) => execution_info::State::Exited,
            How::Signaled(_) => execution_info::State::Signaled,
            How::TimedOut(_) => execution_info::State::TimedOut,
            How::OutOfMemory(_) => execution_info::State::OutOfMemory,
            How::Cancelled(_) => execution_info::State::Cancelled,
            How::StoppedOnHost(_) => execution_info::State::StoppedOnHost,
            How::Refused(_) => execution_info::State::Refused,
            How::NotStarted(_) => execution_info::State::NotStarted,
            How::Lost(_) => execution_info::State::Lost,
        },
    }
}

pub(super) fn labelled((name, labels): &(HostName, Labels)) -> v1::LabelledHost {
    v1::LabelledHost {
        name: name.to_string(),
        labels: labels_to_wire(labels),
    }
}

pub(super) fn group(row: &GroupRow) -> v1::GroupInfo {
    v1::GroupInfo {
        name: row.name.clone(),
        selector: row.selector.clone().unwrap_or_default(),
        hosts: row.hosts.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
        by: Some(principal_to_wire(&row.by)),
        saved_ms: row.saved_ms,
    }
}

pub(super) fn saved_group(saved: &SavedGroup, by: &Principal) -> v1::GroupInfo {
    v1::GroupInfo {
        name: saved.name.clone(),
        selector: saved.selector.to_string(),
        hosts: Some(u32::try_from(saved.hosts).unwrap_or(u32::MAX)),
        by: Some(principal_to_wire(by)),
        saved_ms: now_ms(),
    }
}

pub(super) fn token(row: &TokenRow) -> v1::TokenInfo {
    v1::TokenInfo {
        id: row.id.clone(),
        labels: labels_to_wire(&row.labels),
        uses: row.uses,
        uses_max: row.uses_max,
        expires_ms: row.expires_ms,
        revoked: row.revoked,
        names: row.names.clone(),
    }
}

#[cfg(test)]
mod tests {
    use shanty_core::refusal::Code;
    use shanty_core::run::{Outcome, Reason, Waiting};
    use shanty_core::spool::OomKill;

    use super::*;

    #[test]
    fn ends_cross_the_socket_under_their_own_names() {
        let reason = || Reason::new(Code::Agent, "why");
        let ends = [
            How::Exited(0),
            How::Signaled(9),
            How::TimedOut(15),
            How::OutOfMemory(OomKill::Host),
            How::Cancelled(15),
            How::StoppedOnHost(143),
            How::Refused(reason()),
            How::NotStarted(reason()),
            How::Lost(reason()),
        ];
        for how in ends {
            let word = how.state();
            let state = execution_state(&Progress::Done(Outcome::without_output(how)));
            let name = state.as_str_name().to_lowercase();
            assert_eq!(name.strip_prefix("state_"), Some(word));
        }
        assert_eq!(
            execution_state(&Progress::Waiting(Waiting::Begin)),
            execution_info::State::Queued
        );
        assert_eq!(
            execution_state(&Progress::Running { since_ms: 1 }),
            execution_info::State::Running
        );
    }

    #[test]
    fn a_host_that_is_nearly_full_is_told_as_chat_tells_it() {
        let mut row = HostRow {
            unknown: 0,
            name: "web-01".parse().unwrap(),
            labels: Labels::default(),
            online: true,
            stale: false,
            draining: None,
            seen_ms: 1,
            version: String::new().into(),
            outdated: Some("1.5.0".to_owned()),
            duplicated: false,
            facts: None,
            metrics: Some(Metrics {
                load1: 0.0,
                memory_used_bytes: 0,
                uptime_s: 1,
                disks: vec![shanty_core::facts::Disk {
                    mount: "/".into(),
                    total_bytes: 100,
                    available_bytes: 9,
                }],
            }),
        };
        let told = |row: &HostRow| trouble(row.trouble());
        assert_eq!(told(&row), host_info::Trouble::Full);
        row.metrics = None;
        assert_eq!(told(&row), host_info::Trouble::Outdated);
        row.online = false;
        assert_eq!(told(&row), host_info::Trouble::Offline);
        row.duplicated = true;
        assert_eq!(told(&row), host_info::Trouble::Duplicated);
    }
}
