//! What helps when Discord refuses the bot's token.

use super::{Ended, GatewayError, GatewayState, Keeper};

impl Keeper {
    /// Discord refused the token: nothing helps but another one.
    pub(super) async fn renewed(&mut self) -> Result<(), Ended> {
        self.saved = None;
        tokio::select! {
            () = self.shutdown.cancelled() => return Err(Ended::Shutdown),
            changed = self.tokens.changed() => changed.map_err(|_| Ended::Fatal(GatewayError::Token))?,
        }
        self.state.send_replace(GatewayState::Connecting);
        Ok(())
    }
}
