//! Whole-system tests: sandbox, controller and agents as real processes, and people who type.

mod first_run;

use shanty_tests::Programs;

/// The programs, built together with these tests.
fn programs() -> Programs {
    Programs {
        shanty: env!("CARGO_BIN_EXE_shanty-under-test").into(),
        agent: env!("CARGO_BIN_EXE_shanty-agent-under-test").into(),
        sandbox: env!("CARGO_BIN_EXE_shanty-sandbox-under-test").into(),
    }
}
