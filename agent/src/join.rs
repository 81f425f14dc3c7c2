//! Joining: a token and the right controller turn a host into an enrolled agent.
//!
//! Everything that can be checked without the network is checked first. No byte of the token leaves before the controller proved to
//! own the pinned root. A key is kept until the answer has arrived, so that a second attempt with the same token is recognised.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{User, geteuid};
use shanty_certs::agent::{AgentIdentity, AgentIdentityError, AgentKey, IDENTITY_BYTES_MAX};
use shanty_certs::files::{self, FileError};
use shanty_certs::orders::{KnownKeys, OrderPublicKey};
use shanty_certs::tls::{self, ServerRefused, TlsError};
use shanty_certs::token::{JoinToken, TokenError};
use shanty_core::causes::chain;
use shanty_core::ids::{AgentId, HostName, IdError};
use shanty_core::limits;
use shanty_core::output::mask::SecretFiles;
use shanty_proto::v1;
use shanty_proto::v1::enroll_client::EnrollClient;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::config::{
    Address, AddressError, Config, ConfigError, DataDir, ProxyChoice, ProxyError, ProxyVariables,
    Split, SplitError, Times,
};
use crate::failure::{Failure, exit, printable, words};
use crate::link::dial::{self, DialError, Verdict, Way};
use crate::surroundings::Surroundings;

/// Bytes of a token that are read from anywhere: more than a token has, so that a longer text is refused and not cut.
const TOKEN_BYTES_MAX: u64 = 1024;

/// Longest answer to a join, bytes.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// What a person asks for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) server: Address,
    pub(crate) link: Option<Address>,
    pub(crate) name: Option<String>,
    pub(crate) data_dir: DataDir,
    pub(crate) token_file: Option<PathBuf>,
    /// Content of `SHANTY_TOKEN`.
    pub(crate) token: Option<Zeroizing<String>>,
    pub(crate) run_as: Vec<String>,
    /// For two processes.
    pub(crate) split: Option<Split>,
    /// What the environment says of proxies.
    pub(crate) proxies: ProxyVariables,
}

/// Who was enrolled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) agent: AgentId,
    pub(crate) name: HostName,
    pub(crate) link: Address,
    /// SHA-256 of its key: the controller's journal says the same.
    pub(crate) key_sha256: [u8; 32],
}

/// Why a host did not join.
#[derive(Debug, Error)]
pub(crate) enum JoinError {
    /// There is an identity already.
    #[error("already enrolled as {who}; delete {} to join anew", data_dir.display())]
    Enrolled { who: String, data_dir: PathBuf },
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(ConfigError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// No token was given.
    #[error(
        "there is no token: set SHANTY_TOKEN, or use --token-file FILE, or pipe it to standard input"
    )]
    NoToken,
    /// Standard input cannot be read.
    #[error("the token cannot be read from standard input")]
    Stdin(#[source] std::io::Error),
    /// The token is malformed.
    #[error(transparent)]
    Token(TokenError),
    /// The token has no usable pin.
    #[error(
        "{0}: without it this host cannot tell the controller from somebody else. Copy the whole token."
    )]
    Pin(TokenError),
    /// The name is none of ours.
    #[error("{0}. Choose one with --name.")]
    Name(IdError),
    /// Root without a choice of users.
    #[error(
        "this is root, and no user is named for commands. Choose with --run-as NAME (such as --run-as nobody); \
         --run-as root lets commands do everything"
    )]
    RunAsMissing,
    /// A user that cannot be used.
    #[error("{0}")]
    RunAs(String),
    /// The host cannot be set up for two processes.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The environment names a proxy that cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// No connection, or not to our controller.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The key or the answer is not an identity.
    #[error("no identity came of it")]
    Identity(#[from] AgentIdentityError),
    /// The TLS configuration cannot be built.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The controller said no.
    #[error("the controller refused: {0}")]
    Refused(String),
    /// The controller could not answer.
    #[error("the controller did not answer: {0}")]
    Unanswered(String),
    /// The controller's answer makes no sense.
    #[error("the controller's answer has a bad {0}")]
    Reply(&'static str),
    /// It names an address that cannot be dialled.
    #[error("the controller's answer has a bad link address; give one with --link")]
    Link(#[source] AddressError),
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        let (code, exit) = match &error {
            JoinError::Enrolled { .. } => ("E_ENROLLED", exit::CREATE),
            JoinError::DataDir(ConfigError::InUse(_)) => ("E_IN_USE", exit::TRY_AGAIN),
            JoinError::DataDir(ConfigError::File(_)) | JoinError::File(_) => {
                ("E_PERM", exit::CONFIG)
            }
            JoinError::DataDir(_) => ("E_CONFIG", exit::CONFIG),
            JoinError::NoToken | JoinError::Stdin(_) | JoinError::Token(_) => {
                ("E_TOKEN", exit::USAGE)
            }
            JoinError::Pin(TokenError::PinMissing) => ("E_PIN_REQUIRED", exit::CONFIG),
            JoinError::Pin(_) => ("E_PIN", exit::CONFIG),
            JoinError::Name(_) => ("E_NAME", exit::USAGE),
            JoinError::RunAsMissing | JoinError::RunAs(_) => ("E_RUN_AS", exit::CONFIG),
            JoinError::Dial(DialError::Refused { refused, .. }) => match refused.as_ref() {
                ServerRefused::Pin { .. }
                | ServerRefused::NoRoot { .. }
                | ServerRefused::Stranger { .. } => ("E_PIN_MISMATCH", exit::CONFIG),
                ServerRefused::Identity(_) => ("E_IDENTITY", exit::CONFIG),
            },
            JoinError::Split(SplitError::NoUser(_) | SplitError::Root | SplitError::NotRoot(_)) => {
                ("E_LINK_USER", exit::CONFIG)
            }
            JoinError::Split(SplitError::File(_) | SplitError::Io { .. }) => {
                ("E_PERM", exit::CONFIG)
            }
            JoinError::Dial(DialError::LinkPort(_) | DialError::NoTls(_)) => {
                ("E_PORT", exit::CONFIG)
            }
            JoinError::Proxy(_) => ("E_PROXY", exit::CONFIG),
            JoinError::Dial(_) | JoinError::Unanswered(_) => ("E_UNREACHABLE", exit::TRY_AGAIN),
            JoinError::Refused(_) => ("E_REFUSED", exit::REFUSED),
            JoinError::Identity(_) | JoinError::Reply(_) | JoinError::Link(_) => {
                ("E_REPLY", exit::FAILED)
            }
            JoinError::Tls(_) => ("E_INTERNAL", exit::FAILED),
        };
        Self::new(code, exit, printable_lines(&error))
    }
}

/// Refusals and TLS errors may repeat what the other side said.
fn printable_lines(error: &JoinError) -> String {
    printable(&chain(error))
}

/// Joins.
pub(crate) async fn join(options: Options) -> Result<Joined, JoinError> {
    refuse_second_join(&options.data_dir)?;
    let name = host_name(options.name.as_deref())?;
    check_run_as(&options.run_as)?;
    let token = read_token(&options)?;
    let way = Way {
        address: options.server.clone(),
        proxy: options.proxies.proxy_to(&options.server)?,
    };
    let Some(split) = options.split.clone() else {
        return enroll(options, name, &token, &way).await;
    };
    let data_dir = options.data_dir.clone();
    let taken = split.begin(&data_dir)?;
    match enroll(options, name, &token, &way).await {
        Ok(joined) => split
            .hand_over(&data_dir)
            .map(|()| joined)
            .map_err(Into::into),
        Err(error) => {
            if taken && let Err(kept) = split.hand_over(&data_dir) {
                tracing::warn!("The link's folder stays with root: {}.", chain(&kept));
            }
            Err(error)
        }
    }
}

/// With the folder in our hands.
async fn enroll(
    options: Options,
    name: HostName,
    token: &JoinToken,
    way: &Way,
) -> Result<Joined, JoinError> {
    let _lock = options.data_dir.lock().map_err(JoinError::DataDir)?;
    refuse_second_join(&options.data_dir)?;
    // An agent starts with nothing that others could put there: that is known before the token is used up.
    options.data_dir.check_places()?;
    let key = kept_key(&options.data_dir)?;

    let reply = ask(way, token, &key, &name).await?;
    let identity = AgentIdentity::new(&key, &reply.chain, &token.pin())?;
    let agent = AgentId::from_bytes(identity.peer().agent);
    if reply.agent.parse() != Ok(agent) {
        return Err(JoinError::Reply("agent id"));
    }
    let orders = OrderPublicKey::from_bytes(&reply.order_key);
    let orders = orders.ok_or(JoinError::Reply("key for orders"))?;
    let link = link_address(&reply.link, &options)?;
    // A service has no such variables: what they say now is kept.
    let proxy = options.proxies.proxy_to(&link)?;
    let config = Config {
        agent,
        name: reply.name.parse().map_err(|_| JoinError::Reply("name"))?,
        link,
        join: Some(options.server.clone()),
        proxy: proxy.map_or(ProxyChoice::Unsaid, ProxyChoice::This),
        link_user: options.split.as_ref().map(|split| split.user().to_owned()),
        run_as: options.run_as,
        times: Times::default(),
        mask: SecretFiles::default(),
        command: Surroundings::default(),
    };
    let (data_dir, keys) = (&options.data_dir, KnownKeys::of(orders));
    match &options.split {
        None => data_dir.enroll(&identity, &config, &keys)?,
        Some(split) => split.enroll(data_dir, &identity, &config, &keys)?,
    }
    Ok(Joined {
        agent,
        name: config.name,
        link: config.link,
        key_sha256: key.sha256(),
    })
}

fn refuse_second_join(data_dir: &DataDir) -> Result<(), JoinError> {
    if !data_dir.is_enrolled() {
        return Ok(());
    }
    let who = match data_dir.load() {
        Ok((_, config)) => format!("{} ({})", config.name, config.agent),
        Err(error) => format!("somebody whose files cannot be read ({})", chain(&error)),
    };
    let data_dir = data_dir.path().to_owned();
    Err(JoinError::Enrolled { who, data_dir })
}

/// The name that was asked for, or the host's own in lower case.
fn host_name(asked: Option<&str>) -> Result<HostName, JoinError> {
    let own = || {
        let name = nix::unistd::gethostname().unwrap_or_default();
        name.to_string_lossy().to_lowercase()
    };
    let name = asked.map_or_else(own, str::to_owned);
    name.parse().map_err(JoinError::Name)
}

fn check_run_as(run_as: &[String]) -> Result<(), JoinError> {
    let us = geteuid();
    if us.is_root() && run_as.is_empty() {
        return Err(JoinError::RunAsMissing);
    }
    for name in run_as {
        let user = User::from_name(name).ok().flatten();
        let Some(user) = user else {
            let name = printable(name);
            return Err(JoinError::RunAs(format!(
                "there is no user `{name}` on this host"
            )));
        };
        if !us.is_root() && user.uid != us {
            return Err(JoinError::RunAs(format!(
                "only root can run commands as `{name}`; leave --run-as out to run them as yourself"
            )));
        }
    }
    Ok(())
}

/// From `--token-file`, `SHANTY_TOKEN`, or standard input when it is not a terminal. Never from the command line, which others read.
fn read_token(options: &Options) -> Result<JoinToken, JoinError> {
    let text = match (&options.token_file, &options.token) {
        (Some(path), _) if path == Path::new("-") => from_stdin()?,
        (Some(path), _) => text_of(files::read_secret(path, TOKEN_BYTES_MAX)?),
        (None, Some(token)) => token.clone(),
        (None, None) if std::io::stdin().is_terminal() => return Err(JoinError::NoToken),
        (None, None) => from_stdin()?,
    };
    if text.trim().is_empty() {
        return Err(JoinError::NoToken);
    }
    text.parse().map_err(|error: TokenError| {
        if error.is_about_pin() {
            JoinError::Pin(error)
        } else {
            JoinError::Token(error)
        }
    })
}

fn from_stdin() -> Result<Zeroizing<String>, JoinError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * 1024));
    std::io::stdin()
        .take(TOKEN_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(JoinError::Stdin)?;
    Ok(text_of(bytes))
}

fn text_of(bytes: Zeroizing<Vec<u8>>) -> Zeroizing<String> {
    Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
}

/// The key of an attempt whose answer was lost, or a new one, which is kept for the next.
fn kept_key(data_dir: &DataDir) -> Result<AgentKey, JoinError> {
    let path = data_dir.join_key();
    match files::read_secret(&path, IDENTITY_BYTES_MAX) {
        Ok(text) => return Ok(AgentKey::from_pem(&text)?),
        Err(error) if error.is_missing() => {}
        Err(error) => return Err(error.into()),
    }
    let key = AgentKey::generate()?;
    files::write_secret(&path, key.to_pem().as_bytes())?;
    Ok(key)
}

async fn ask(
    way: &Way,
    token: &JoinToken,
    key: &AgentKey,
    name: &HostName,
) -> Result<v1::JoinReply, JoinError> {
    let dialed = dial::dial(way, tls::join_client(token.pin())?).await?;
    let mut client = EnrollClient::new(dialed.channel).max_decoding_message_size(REPLY_BYTES_MAX);
    let request = v1::JoinRequest {
        token_id: token.id(),
        token_secret: token.secret().to_vec(),
        csr: key.csr()?,
        name: name.to_string(),
        version: crate::version::here().to_owned(),
    };
    let limit = Duration::from_millis(limits::HANDSHAKE_MS_MAX);
    let answer = tokio::time::timeout(limit, client.join(request)).await;
    let answer = answer.map_err(|_| JoinError::Unanswered("it takes too long".to_owned()))?;
    match (answer, dialed.verdict.said()) {
        (Ok(reply), _) => Ok(reply.into_inner()),
        (Err(_), Some(Verdict::Required)) => Err(DialError::LinkPort(way.clone()).into()),
        (Err(status), _) => Err(said_no(&status)),
    }
}

/// What the controller decided is told from what went wrong on the way.
fn said_no(status: &tonic::Status) -> JoinError {
    use tonic::Code;
    let text = words(status);
    match status.code() {
        Code::Unauthenticated
        | Code::PermissionDenied
        | Code::InvalidArgument
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::NotFound
        | Code::OutOfRange
        | Code::Unimplemented => JoinError::Refused(text),
        _ => JoinError::Unanswered(text),
    }
}

/// `--link`, else what the controller says. It may say only a port, or the address that it is bound to: then the host is the one
/// that was dialled.
fn link_address(said: &str, options: &Options) -> Result<Address, JoinError> {
    if let Some(link) = &options.link {
        return Ok(link.clone());
    }
    let dialled = options.server.host();
    let full = if said.starts_with(':') {
        format!("{dialled}{said}")
    } else {
        said.to_owned()
    };
    let address: Address = full.parse().map_err(JoinError::Link)?;
    Ok(if address.is_unspecified() {
        address.at_host(dialled)
    } else {
        address
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(link: Option<&str>) -> Options {
        Options {
            server: "shanty.example.net:7444".parse().unwrap(),
            link: link.map(|text| text.parse().unwrap()),
            name: None,
            data_dir: DataDir::new(PathBuf::from("/nonexistent")),
            token_file: None,
            token: None,
            run_as: Vec::new(),
            split: None,
            proxies: ProxyVariables::default(),
        }
    }

    #[test]
    fn the_link_is_dialled_where_the_controller_says() {
        let said = |text: &str| {
            link_address(text, &options(None))
                .map(|a| a.to_string())
                .ok()
        };
        assert_eq!(said("a.net:1").as_deref(), Some("a.net:1"));
        assert_eq!(said(":7443").as_deref(), Some("shanty.example.net:7443"));
        assert_eq!(said("0.0.0.0:9").as_deref(), Some("shanty.example.net:9"));
        assert_eq!(said("[::]:9").as_deref(), Some("shanty.example.net:9"));
        assert_eq!(said("nonsense"), None);
        let own = link_address("a.net:1", &options(Some("b.net:2"))).unwrap();
        assert_eq!(own.to_string(), "b.net:2");
    }

    #[test]
    fn names_follow_the_grammar() {
        assert_eq!(host_name(Some("web-01")).unwrap().to_string(), "web-01");
        for bad in ["Web", "@everyone", "", "a b"] {
            assert!(matches!(host_name(Some(bad)), Err(JoinError::Name(_))));
        }
    }

    #[test]
    fn run_as_takes_users_that_exist() {
        let missing = check_run_as(&["no-such-user-here".to_owned()]);
        assert!(
            missing
                .unwrap_err()
                .to_string()
                .contains("no-such-user-here")
        );
        let none = check_run_as(&[]);
        assert_eq!(none.is_err(), geteuid().is_root());
    }

    #[test]
    fn tokens_are_told_apart_before_any_network() {
        let with = |text: &str| {
            let mut options = options(None);
            options.token = Some(Zeroizing::new(text.to_owned()));
            read_token(&options).unwrap_err()
        };
        assert!(matches!(with(""), JoinError::NoToken));
        assert!(matches!(with("sht1.x"), JoinError::Token(_)));
        let id_and_secret = format!("sht1.{}.{}", "A".repeat(11), "A".repeat(43));
        let failure = Failure::from(with(&id_and_secret));
        assert_eq!((failure.code, failure.exit), ("E_PIN_REQUIRED", 78));
    }
}
