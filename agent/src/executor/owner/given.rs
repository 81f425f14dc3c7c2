//! An order whose command is given something: it begins when that has come.

use std::sync::Arc;

use shanty_core::ids::RunId;
use shanty_core::refusal::Code;
use shanty_core::run::Input;
use shanty_proto::convert::ReceivedOrder;
use tokio::task::spawn_blocking;

use super::{Accepted, Owner};
use crate::executor::accept::{begin, ready, remember_refused};
use crate::executor::input::{Inputs, fetch};
use crate::executor::{ClockOffset, Refusal, State};

impl Owner {
    /// Fetches what the command is given, and then begins. It is held meanwhile, so that it is named and can be cancelled.
    ///
    /// The link decides how long that takes: so it takes no longer than a bound of ours, and everything that was asked before is asked again.
    pub(super) fn start_when_given(
        &mut self,
        received: ReceivedOrder,
        order: Vec<u8>,
        (clock, inputs): (ClockOffset, Option<Inputs>),
        input: Input,
    ) {
        let run = received.run;
        let desired = self.hold(run, Some(Vec::new()));
        self.show_state(run, State::Running);
        let (config, folders) = (Arc::clone(&self.config), self.folders.clone());
        self.work.spawn(async move {
            let own = (Arc::clone(&config), folders.clone());
            let begun = async {
                let within = config.input_within;
                let late_ms_max = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
                let received = blocking(move || {
                    ready(&received, &config, clock, 0)?;
                    Ok(received)
                });
                let received = received.await?;
                fetch(run, (&input, within), inputs, &folders, desired).await?;
                let (config, folders) = own;
                let begins = blocking(move || {
                    let run_as = ready(&received, &config, clock, late_ms_max)?;
                    begin(run, &order, &config, &folders, run_as.as_deref())
                });
                begins.await
            };
            let mut result = begun.await;
            if result.is_err() {
                let refused = blocking(move || {
                    remember_refused(run, &folders);
                    Ok(())
                });
                result = refused.await.and(result);
            }
            Some(Accepted { run, result })
        });
    }

    /// An earlier agent ended while it fetched: nothing ran, and that is known.
    pub(super) fn refuse_cut_off(&self, run: RunId) {
        let text = "The agent ended before what the command is given had come. Nothing was run.";
        self.show_state(run, State::Refused(Refusal::new(Code::Stopping, text)));
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Err(Refusal::stopping()),
    })
}
