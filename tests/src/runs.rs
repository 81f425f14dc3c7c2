//! Runs by the command line: started, looked at, waited for.

use serde_json::Value;

use crate::wait::{self, BOUND};
use crate::world::World;

impl World {
    /// Starts a run that goes on by itself; gives its number as text.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn detach(&self, on: &str, command: &str) -> String {
        let args = [
            "run", "--on", on, "--yes", "--detach", "--json", "--", command,
        ];
        let ran = self.shanty(&args).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json()["number"].to_string()
    }

    /// How a run stands.
    ///
    /// # Panics
    /// When there is no such run.
    pub async fn show(&self, number: &str) -> Value {
        let ran = self.shanty(&["runs", "show", number, "--json"]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json()
    }

    /// Waits until a run is as it should be, and gives it.
    pub async fn run_is(&self, number: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let (is, what) = (&is, format!("#{number} {what}"));
        wait::until(&what, || async move {
            // Before it is accepted there is no such run.
            let ran = self.shanty(&["runs", "show", number, "--json"]).await;
            if ran.code != 0 {
                return Err(Value::from(ran.err));
            }
            let run = ran.json();
            if is(&run) { Ok(run) } else { Err(run) }
        })
        .await
    }

    /// Waits until a run is over.
    pub async fn run_ends(&self, number: &str) -> Value {
        self.run_is(number, "to be over", |run| run["state"] == "closed")
            .await
    }

    /// The bytes that a run has written so far, all hosts in their order.
    ///
    /// # Panics
    /// When they cannot be read.
    pub async fn output(&self, number: &str) -> Vec<u8> {
        let output = self.output_call(number).await;
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    async fn output_call(&self, number: &str) -> std::process::Output {
        let mut call = self.shanty_call(&["runs", "output", number, "--raw"]);
        let output = tokio::time::timeout(BOUND, call.output()).await;
        output.expect("it ends in time").expect("it starts")
    }

    /// Waits until a run has written a text.
    pub async fn output_has(&self, number: &str, text: &str) {
        wait::until(&format!("#{number} to write {text:?}"), || async {
            // Before it is accepted there is no such run.
            let output = self.output_call(number).await;
            let output = String::from_utf8_lossy(&output.stdout).into_owned();
            if output.contains(text) {
                Ok(())
            } else {
                Err(output)
            }
        })
        .await;
    }
}
