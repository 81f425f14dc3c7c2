//! An order on its way to a host.

use shanty_core::ids::{AgentId, RunId};
use shanty_core::limits;
use shanty_core::order::{Names, Order, OrderError, Variable};
use shanty_core::run::{Colours, Options, Streams, Terminal, What};
use shanty_core::time::LinkTime;

use super::input::{input_from_wire, input_to_wire};
use super::upkeep::{upkeep_from_wire, upkeep_to_wire};
use super::{ConvertError, id};
use crate::v1;

/// An order that came. Whose it is stands in any case, so that who refuses the rest of it can say which one that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedOrder {
    /// The run.
    pub run: RunId,
    /// The host that it is for.
    pub agent: AgentId,
    /// The order, checked; or what it says that no order may.
    pub order: Result<Order, OrderError>,
}

/// An order as it is sent.
#[must_use]
pub fn order_to_wire(order: &Order) -> v1::ExecutionOrder {
    use v1::execution_order::What as Wire;
    let variable = |variable: &Variable| v1::EnvVar {
        name: variable.name().to_owned(),
        value: variable.value().to_owned(),
    };
    let what = match &order.what {
        What::Shell(text) if order.input.is_some() => Wire::CommandWithInput(text.clone()),
        What::Shell(text) => Wire::Command(text.clone()),
        What::Argv(words) => Wire::Argv(v1::Argv {
            words: words.clone(),
        }),
        What::Upkeep(upkeep) => Wire::Upkeep(upkeep_to_wire(upkeep)),
    };
    let names = order.names.as_ref();
    v1::ExecutionOrder {
        run: order.run.to_string(),
        agent: order.agent.to_string(),
        not_after_ms: order.not_after.as_ms(),
        what: Some(what),
        input: order.input.as_ref().map(input_to_wire),
        run_as: order.options.run_as.clone().unwrap_or_default(),
        env: order.environment.iter().map(variable).collect(),
        cwd: order.cwd.clone().unwrap_or_default(),
        timeout_ms: order.options.timeout_ms,
        output_max_bytes: order.output_bytes_max,
        grace_ms: order.grace_ms,
        stdin: order.stdin,
        streams_apart: order.options.streams == Streams::Apart,
        color: order.options.colours.kept(),
        terminal: order.options.terminal.is_own(),
        leave: order.options.leave,
        host: names
            .map(|names| names.host().to_string())
            .unwrap_or_default(),
        number: names.map_or(0, |names| names.number().0),
        by: names.map(|names| names.by().to_owned()).unwrap_or_default(),
        by_id: names.and_then(Names::by_id).unwrap_or(0),
    }
}

/// An order as it came. A grace of zero and an output of zero are the usual ones.
///
/// # Errors
/// It does not say which run it is of, or which host it is for.
pub fn order_from_wire(wire: v1::ExecutionOrder) -> Result<ReceivedOrder, ConvertError> {
    let (run, agent) = (id(&wire.run, "run")?, id(&wire.agent, "agent")?);
    let order = checked(run, agent, wire);
    Ok(ReceivedOrder { run, agent, order })
}

fn checked(run: RunId, agent: AgentId, wire: v1::ExecutionOrder) -> Result<Order, OrderError> {
    use v1::execution_order::What as Wire;
    let some = |text: String| (!text.is_empty()).then_some(text);
    let or = |said: u64, usual: u64| if said == 0 { usual } else { said };
    let variables = wire.env.into_iter();
    let order = Order {
        run,
        agent,
        not_after: LinkTime::from_ms(wire.not_after_ms),
        input: match (&wire.what, &wire.input) {
            (Some(Wire::CommandWithInput(_)), Some(input)) => {
                Some(input_from_wire(input).map_err(|_| OrderError::Input)?)
            }
            // One without the other is nothing that may run.
            (Some(Wire::CommandWithInput(_)), None) | (_, Some(_)) => {
                return Err(OrderError::Input);
            }
            (_, None) => None,
        },
        what: match wire.what {
            Some(Wire::Command(text) | Wire::CommandWithInput(text)) => What::Shell(text),
            Some(Wire::Argv(argv)) => What::Argv(argv.words),
            Some(Wire::Upkeep(wire)) => match upkeep_from_wire(&wire) {
                Ok(Some(upkeep)) => What::Upkeep(upkeep),
                Ok(None) => return Err(OrderError::NoCommand),
                Err(_) => return Err(OrderError::Version),
            },
            // Or one of a kind that a newer controller knows.
            None => return Err(OrderError::NoCommand),
        },
        options: Options {
            run_as: some(wire.run_as),
            timeout_ms: wire.timeout_ms,
            streams: super::run::streams(wire.streams_apart),
            colours: Colours::asked(wire.color),
            terminal: Terminal::asked(wire.terminal),
            leave: wire.leave,
        },
        environment: variables
            .map(|variable| Variable::new(variable.name, variable.value))
            .collect::<Result<_, _>>()?,
        cwd: some(wire.cwd),
        output_bytes_max: or(wire.output_max_bytes, limits::OUTPUT_BYTES_MAX)
            .min(limits::OUTPUT_BYTES_MAX),
        grace_ms: or(wire.grace_ms, limits::GRACE_MS),
        stdin: wire.stdin,
        names: match wire.host.as_str() {
            "" => None,
            host => Some(Names::read(host, wire.number, (wire.by, wire.by_id))?),
        },
    };
    order.check()?;
    Ok(order)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use shanty_core::run::{About, Input, InputKind, Update, Upkeep};

    use super::*;
    use v1::execution_order::What as Wire;

    const RUN: RunId = RunId::from_bytes([1; 16]);
    const AGENT: AgentId = AgentId::from_bytes([2; 16]);

    fn order(what: What) -> Order {
        Order {
            run: RUN,
            agent: AGENT,
            not_after: LinkTime::from_ms(31_000),
            input: None,
            what,
            options: Options::default(),
            environment: Vec::new(),
            cwd: None,
            output_bytes_max: limits::OUTPUT_BYTES_MAX,
            grace_ms: limits::GRACE_MS,
            stdin: false,
            names: None,
        }
    }

    fn wire() -> v1::ExecutionOrder {
        order_to_wire(&order(What::Shell("uptime".to_owned())))
    }

    #[test]
    fn orders_come_back_as_they_were() {
        let bare = order(What::Shell("uptime".to_owned()));
        let full = Order {
            options: Options {
                run_as: Some("deploy".to_owned()),
                timeout_ms: 7,
                streams: Streams::Apart,
                colours: Colours::Kept,
                terminal: Terminal::Own,
                leave: true,
            },
            environment: vec![Variable::new("A".to_owned(), "B=C".to_owned()).unwrap()],
            cwd: Some("/srv".to_owned()),
            output_bytes_max: 8,
            grace_ms: 9,
            stdin: true,
            names: Some(Names::read("web-01", 142, ("ann".to_owned(), 3_001)).unwrap()),
            ..order(What::Argv(vec!["/bin/echo".to_owned(), String::new()]))
        };
        let fed = Order {
            input: Some(Input {
                kind: InputKind::Script,
                name: "uptime".to_owned(),
                bytes: 10,
                sha256: [7; 32],
                about: About::default(),
            }),
            ..order(What::Shell("uptime -p".to_owned()))
        };
        let upkeep = |upkeep| order(What::Upkeep(upkeep));
        let update = upkeep(Upkeep::Update(Update {
            version: "0.2.0-rc.1".parse().unwrap(),
            older: true,
        }));
        for order in [bare, full, fed, update, upkeep(Upkeep::Doctor)] {
            let received = order_from_wire(order_to_wire(&order)).unwrap();
            assert_eq!((received.run, received.agent), (RUN, AGENT));
            assert_eq!(received.order, Ok(order));
        }
    }

    #[test]
    fn nothing_said_is_the_usual_and_no_output_is_over_the_limit() {
        let minimal = v1::ExecutionOrder {
            run: RUN.to_string(),
            agent: AGENT.to_string(),
            not_after_ms: 31_000,
            what: Some(Wire::Command("uptime".to_owned())),
            ..v1::ExecutionOrder::default()
        };
        let usual = Ok(order(What::Shell("uptime".to_owned())));
        assert_eq!(order_from_wire(minimal.clone()).unwrap().order, usual);
        let greedy = v1::ExecutionOrder {
            output_max_bytes: u64::MAX,
            ..minimal
        };
        assert_eq!(order_from_wire(greedy).unwrap().order, usual);
    }

    #[test]
    fn an_input_and_a_command_with_one_come_together_or_not_at_all() {
        let input = v1::Input {
            kind: v1::InputKind::Stdin.into(),
            sha256: vec![1; 32],
            ..v1::Input::default()
        };
        let with = |what: Wire, input: Option<v1::Input>| v1::ExecutionOrder {
            what: Some(what),
            input,
            ..wire()
        };
        let command = || Wire::Command("uptime".to_owned());
        let fed = || Wire::CommandWithInput("uptime".to_owned());
        let other_kind = v1::Input {
            kind: 77,
            ..input.clone()
        };
        for wire in [
            with(command(), Some(input.clone())),
            with(fed(), None),
            with(fed(), Some(other_kind)),
        ] {
            let order = order_from_wire(wire).unwrap().order;
            assert_eq!(order, Err(OrderError::Input));
        }
        let order = order_from_wire(with(fed(), Some(input))).unwrap().order;
        assert_eq!(order.unwrap().input.unwrap().kind, InputKind::Stdin);
    }

    #[test]
    fn whose_it_is_must_be_said() {
        for text in ["", "../../etc", "0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A"] {
            let (mut run, mut agent) = (wire(), wire());
            run.run = text.to_owned();
            agent.agent = text.to_owned();
            for (wire, said) in [
                (run, "field `run` is not valid"),
                (agent, "field `agent` is not valid"),
            ] {
                let error = order_from_wire(wire).unwrap_err();
                assert_eq!(error.to_string(), said, "{text}");
                assert!(error.source().is_some(), "{text}");
            }
        }
    }

    #[test]
    fn every_field_that_is_bad_is_named_and_the_run_is_still_known() {
        fn variable(name: &str) -> Vec<v1::EnvVar> {
            vec![v1::EnvVar {
                name: name.to_owned(),
                value: "x".to_owned(),
            }]
        }
        type Change = fn(&mut v1::ExecutionOrder);
        let cases: [(Change, &str); 11] = [
            (|order| order.what = None, "the order has no command"),
            (
                |order| order.what = Some(Wire::Upkeep(v1::Upkeep::default())),
                "the order has no command",
            ),
            (
                |order| {
                    let update = v1::Update {
                        version: "../0.2.0".to_owned(),
                        older: false,
                    };
                    let kind = Some(v1::upkeep::Kind::Update(update));
                    order.what = Some(Wire::Upkeep(v1::Upkeep { kind }));
                },
                "the version is none",
            ),
            (
                |order| order.what = Some(Wire::Command("a\0".to_owned())),
                "the command holds a NUL",
            ),
            (
                |order| order.what = Some(Wire::Argv(v1::Argv::default())),
                "the order has no command",
            ),
            (
                |order| order.env = variable("A-B"),
                "a variable of the environment has a name that is none",
            ),
            (
                |order| order.env = variable("LD_PRELOAD"),
                "the variable LD_PRELOAD may not be set by an order",
            ),
            (
                |order| {
                    order.host = "web-01".to_owned();
                    order.number = 7;
                    order.by = "ann\nSHANTY_RUN=1".to_owned();
                },
                "who asked of the run is not valid",
            ),
            (
                |order| order.cwd = "tmp".to_owned(),
                "the working directory must be an absolute path",
            ),
            (
                |order| order.timeout_ms = u64::MAX,
                "timeout and grace are at most 86400000 ms",
            ),
            (
                |order| order.grace_ms = u64::MAX,
                "timeout and grace are at most 86400000 ms",
            ),
        ];
        for (change, said) in cases {
            let mut wire = wire();
            change(&mut wire);
            let received = order_from_wire(wire).unwrap();
            assert_eq!((received.run, received.agent), (RUN, AGENT));
            assert_eq!(received.order.unwrap_err().to_string(), said);
        }
    }
}
