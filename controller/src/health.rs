//! How chat is: told by the edge that talks to Discord, asked by whoever reports on the process.

/// How chat is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatState {
    /// Not configured.
    Off,
    /// Logging in.
    Starting,
    /// Logged in, commands registered.
    Ready,
    /// Does not work, because of this; the command line does.
    Degraded(String),
}
