//! Hosts that ended alike are together, whatever order they ended in.

use super::*;
use crate::ids::RunNumber;
use crate::refusal::Code;
use crate::run::{Outcome, Reason, Spec, Target};
use crate::selector::fold::fold;

fn id(at: usize) -> AgentId {
    AgentId::from_bytes((at as u128).to_be_bytes())
}

/// A run on `h0`, `h1` ..., by how they ended and a digit for what they printed.
fn ended(ends: &[(How, Option<u8>)]) -> Run {
    let target = |at: usize| Target {
        agent: id(at),
        name: format!("h{at}").parse().unwrap(),
        away: None,
    };
    let spec = Spec::example((0..ends.len()).map(target).collect());
    let mut run = Run::new(RunNumber(1), spec, 0);
    for (at, (how, content)) in ends.iter().enumerate() {
        let outcome = Outcome {
            content_sha256: content.map(|digit| [digit; 32]),
            duration_ms: at as u64,
            ..Outcome::without_output(how.clone())
        };
        run.apply_finished(id(at), outcome);
    }
    run
}

fn exited(ends: &[(i32, Option<u8>)]) -> Run {
    let ends: Vec<_> = ends
        .iter()
        .map(|(code, content)| (How::Exited(*code), *content))
        .collect();
    ended(&ends)
}

fn told(run: &Run, loosely: &Loosely) -> Vec<String> {
    let tell = |group: &Group| {
        let names = fold(group.names());
        let outputs = group.outputs;
        format!(
            "{:?} {names} {} {outputs} {}",
            group.rank,
            group.how.plain(),
            group.duration_ms
        )
    };
    run.groups(loosely).iter().map(tell).collect()
}

#[test]
fn what_failed_comes_first_and_what_most_did_last() {
    let reason = |text: &str| Reason::new(Code::Offline, text);
    let run = ended(&[
        (How::Exited(0), Some(1)),
        (How::Exited(0), Some(2)),
        (How::Exited(0), Some(1)),
        (How::NotStarted(reason("it was offline")), None),
        (How::Cancelled(143), Some(3)),
        (How::TimedOut(143), Some(1)),
        (How::Exited(2), Some(4)),
        (How::Exited(2), Some(5)),
        (How::Lost(reason("gone")), None),
        (How::Signaled(9), Some(5)),
        (How::Exited(2), Some(5)),
        (How::Refused(reason("no")), None),
    ]);
    assert_eq!(
        told(&run, &Loosely::new()),
        [
            "Failed h[7,10] exit 2 1 10",
            "Failed h6 exit 2 1 6",
            "Failed h9 exit 137 (SIGKILL, not sent by Shanty) 1 9",
            "TimedOut h5 timed out, exit 143 1 5",
            "Lost h8 outcome unknown: gone 1 8",
            "Refused h11 refused: no 1 11",
            "NotStarted h3 not started: it was offline 1 3",
            "Stopped h4 stopped, exit 143 1 4",
            "Odd h1 exit 0 1 1",
            "Most h[0,2] exit 0 1 2",
        ]
    );
    assert_eq!(told(&exited(&[]), &Loosely::new()), [""; 0]);
    assert_eq!(
        told(&exited(&[(1, Some(1))]), &Loosely::new()),
        ["Failed h0 exit 1 1 0"],
        "there need not be one that did well"
    );
}

#[test]
fn outputs_that_are_the_same_but_for_something_are_one_group() {
    let run = exited(&[
        (0, Some(1)),
        (0, Some(2)),
        (0, Some(3)),
        (0, Some(3)),
        (1, Some(4)),
        (0, Some(5)),
        (0, None),
    ]);
    // Host 2 stands for 2 and 3. The digest of one that failed may be the same: it is another group all the same.
    let loosely = [(0, 8), (1, 8), (2, 8), (4, 8), (5, 9)];
    let loosely = loosely.map(|(at, digit)| (id(at), [digit; 32])).into();
    assert_eq!(
        told(&run, &loosely),
        [
            "Failed h4 exit 1 1 4",
            "Odd h5 exit 0 1 5",
            "Odd h6 exit 0 1 6",
            "Most h[0-3] exit 0 3 3",
        ]
    );
}

#[test]
fn outputs_are_compared_as_people_see_them_and_only_whole_ones() {
    let run = exited(&[(0, Some(1)), (0, Some(2)), (0, Some(3)), (0, Some(4))]);
    let host = SameBut {
        host: true,
        ..SameBut::default()
    };
    let outputs = [Some("h0 \r\n\n"), Some("h1\n"), Some("h1\n"), None];
    let whole = |agent| {
        (0..4)
            .find(|at| id(*at) == agent)
            .and_then(|at| outputs[at])
    };
    let compared = run.compared(host, |agent| whole(agent).map(str::to_owned));
    let names: Vec<String> = compared.groups.iter().map(|g| fold(g.names())).collect();
    assert_eq!(names, ["h2", "h3", "h[0-1]"], "h2 printed another's name");
    assert_eq!(compared.texts[&id(0)], ("{host}\n".to_owned(), host));
    assert!(!compared.texts.contains_key(&id(3)));
}

#[test]
fn what_is_compared_of_a_run_is_bounded_and_always_the_same() {
    let (one, all) = COMPARED_BYTES_MAX;
    let fit = usize::try_from(all / one).unwrap();
    let target = |at: usize| Target {
        agent: id(at),
        name: format!("h{at}").parse().unwrap(),
        away: None,
    };
    let mut run = Run::new(
        RunNumber(1),
        Spec::example((0..fit + 4).map(target).collect()),
        0,
    );
    // The first is too long, the last two have no room but for what is short.
    for at in 0..fit + 4 {
        let output_bytes = match at {
            0 => one + 1,
            at if at == fit + 3 => 0,
            _ => one,
        };
        let outcome = Outcome {
            content_sha256: Some(Sha256::digest(at.to_le_bytes()).into()),
            output_bytes,
            ..Outcome::without_output(How::Exited(0))
        };
        run.apply_finished(id(at), outcome);
    }
    let mut expected: Vec<AgentId> = (1..=fit).map(id).collect();
    expected.push(id(fit + 3));
    assert_eq!(run.comparable(), expected);
    let mut asked = Vec::new();
    let compared = run.compared(SameBut::default(), |agent| {
        asked.push(agent);
        Some("same\n".to_owned())
    });
    assert_eq!(asked, expected, "nothing else is asked for");
    let sizes: Vec<usize> = compared.groups.iter().map(|g| g.hosts.len()).collect();
    assert_eq!(sizes, [1, 1, 1, fit + 1]);
    assert_eq!(exited(&[(0, Some(1))]).comparable(), []);
}

fn differing(ends: &[(i32, Option<u8>)]) -> Vec<usize> {
    let odd = exited(ends).differing();
    (0..ends.len())
        .filter(|at| odd.contains(&id(*at)))
        .collect()
}

#[test]
fn most_are_those_that_did_the_same_as_most_others() {
    let same = Some(7);
    assert_eq!(differing(&[(0, same), (0, same), (0, Some(8))]), [2]);
    assert_eq!(
        differing(&[(1, same), (1, same), (0, same)]),
        [2],
        "also when most failed"
    );
    assert_eq!(
        differing(&[(1, same), (0, same)]),
        [0],
        "of as many, those that went well"
    );
    assert_eq!(
        differing(&[(0, Some(1)), (0, Some(2))]),
        [1],
        "of as good, the first name"
    );
    assert_eq!(
        differing(&[(0, same), (0, same), (0, None)]),
        [0; 0],
        "unknown differs from nothing"
    );
    assert_eq!(differing(&[]), [0; 0]);
}
