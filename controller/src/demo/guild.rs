//! The guild of the demo, as the sandbox is told of it, and the controller's configuration for it.
//!
//! Each person and each channel is there to be tried: who may do what, and where.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{http, tour};

/// Ids of what both files name; the sandbox makes the others.
const GUILD: &str = "1300000000000000001";
const OPERATORS: &str = "1300000000000000002";
const VIEWERS: &str = "1300000000000000003";
/// The first channel: where everybody starts.
const OPS: &str = "1300000000000000004";
const WEB: &str = "1300000000000000005";

/// The last that the controller posts at the start says who joined: `12 hosts joined`.
const JOINED: [&str; 2] = [" hosts joined", " host joined"];
/// How long the tour waits for it at most, and between two looks.
const TOUR_AFTER: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_secs(1);

/// Writes what the sandbox begins with.
pub(super) fn write_seed(dir: &Path) -> anyhow::Result<PathBuf> {
    let seed = format!(
        r##"[bot]
name = "Shanty"

[[guilds]]
id = "{GUILD}"
name = "Demo"

[[guilds.roles]]
id = "{OPERATORS}"
name = "Operator"
color = "#2ecc71"

[[guilds.roles]]
id = "{VIEWERS}"
name = "Viewer"
color = "#e0a000"

[[guilds.people]]
name = "owner"
owner = true
roles = ["Operator"]

[[guilds.people]]
name = "operator"
roles = ["Operator"]

[[guilds.people]]
name = "viewer"
roles = ["Viewer"]

[[guilds.people]]
name = "guest"

[[guilds.channels]]
id = "{OPS}"
name = "ops"
topic = "All hosts. @Operator may do everything here, @Viewer may look, a guest nothing."

[[guilds.channels]]
id = "{WEB}"
name = "web"
topic = "Only the web hosts can be reached from here: try /hosts."
"##
    );
    let path = dir.join("guild.toml");
    std::fs::write(&path, seed)?;
    Ok(path)
}

/// Writes the controller's configuration, as an operator would.
pub(super) fn write_config(dir: &Path, api: &str, bot_token: &str) -> anyhow::Result<PathBuf> {
    let token = dir.join("bot-token");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&token)?;
    file.write_all(bot_token.as_bytes())?;
    let config = format!(
        r#"data_dir = {data:?}

[discord]
token_file = {token:?}
guilds = ["{GUILD}"]
ops_channel = "{OPS}"
api = {api:?}

[listen]
agents = "127.0.0.1:0"
join = "127.0.0.1:0"
http = "127.0.0.1:0"
admin = {admin:?}

# Operators may do everything in #ops, and run on web hosts in #web. Viewers may look. A guest has no grant.
[[grant]]
id = "operators"
who = {{ roles = ["{OPERATORS}"] }}
where = {{ channels = ["{OPS}"] }}
what = ["view", "run", "cancel", "hold", "manage"]
hosts = "all"

[[grant]]
id = "operators-of-web"
who = {{ roles = ["{OPERATORS}"] }}
where = {{ channels = ["{WEB}"] }}
what = ["view", "run", "cancel"]
hosts = "role=web"

[[grant]]
id = "viewers"
who = {{ roles = ["{VIEWERS}"] }}
where = {{ channels = ["{OPS}"] }}
what = ["view"]
hosts = "all"

[[grant]]
id = "viewers-of-web"
who = {{ roles = ["{VIEWERS}"] }}
where = {{ channels = ["{WEB}"] }}
what = ["view"]
hosts = "role=web"
"#,
        data = dir.join("controller"),
        admin = dir.join("admin.sock"),
    );
    let path = dir.join("shanty.toml");
    // Whoever may change it may do everything: under any umask it is ours alone.
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(config.as_bytes())?;
    Ok(path)
}

/// Posts the tour into the first channel and pins it, below what comes there by itself: whoever opens the page sees the end of it.
pub(super) async fn post_tour(web: &str, bot_token: &str) -> anyhow::Result<()> {
    let path = format!("api/v10/channels/{OPS}/messages");
    let until = Instant::now() + TOUR_AFTER;
    while Instant::now() < until {
        let page = http::get(web, &path, bot_token).await;
        // One that does not come is not worth the tour.
        if page.is_ok_and(|page| says_who_joined(&page)) {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    let body = json!({"content": tour::message()});
    let posted = http::post(web, &path, bot_token, &body).await?;
    let id = posted["id"].as_str().context("the id of what was posted")?;
    http::put(web, &format!("{path}/pins/{id}"), bot_token).await
}

/// Whether a message of a page says which hosts joined.
fn says_who_joined(page: &Value) -> bool {
    let text = page.to_string();
    JOINED.iter().any(|joined| text.contains(joined))
}
