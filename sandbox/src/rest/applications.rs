//! The bot's application by the bot token: reading and changing it, and what belongs to it.

use serde_json::{Value, json};

use super::call::{Call, Reply};
use crate::error::{ApiError, Form, UNKNOWN_APPLICATION};
use crate::field::Fields;
use crate::model::guild::{User, with};
use crate::world::World;

/// Characters of an application's description.
const DESCRIPTION_MAX: usize = 400;
/// Tags of an application, and characters of one.
const TAGS_MAX: usize = 5;
const TAG_CHARS_MAX: usize = 20;
/// Characters of an address.
const URL_MAX: usize = 2048;

/// `GET /applications/@me`, `GET /applications/{application_id}` and `GET /oauth2/applications/@me`
pub(crate) fn read(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    own(world, call)?;
    Ok(Reply::ok(application_json(world)))
}

/// `PATCH /applications/@me` and `PATCH /applications/{application_id}`
pub(crate) fn change(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    own(world, call)?;
    let mut form = Form::default();
    let body = Fields::new(call.object()?, "");
    let description = body.text(&mut form, "description", 0..=DESCRIPTION_MAX);
    let description = description.map(str::to_owned);
    let tags = read_tags(body, &mut form);
    let endpoint = body.text(&mut form, "interactions_endpoint_url", 0..=URL_MAX);
    if endpoint.is_some_and(|url| !url.is_empty()) {
        // Discord asks the address before it keeps it. The sandbox asks nobody, and interactions come by the gateway.
        form.fault(
            "interactions_endpoint_url",
            "APPLICATION_INTERACTIONS_ENDPOINT_INVALID",
            "The specified interactions endpoint url could not be verified.",
        );
    }
    form.finish()?;
    let application = &mut world.application;
    application.description =
        description.unwrap_or_else(|| std::mem::take(&mut application.description));
    application.tags = tags.unwrap_or_else(|| std::mem::take(&mut application.tags));
    Ok(Reply::ok(application_json(world)))
}

fn read_tags(body: Fields<'_>, form: &mut Form) -> Option<Vec<String>> {
    let list = body.list(form, "tags", 0..=TAGS_MAX)?;
    let mut tags: Vec<String> = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let fits = |tag: &&str| (1..=TAG_CHARS_MAX).contains(&tag.chars().count());
        match value.as_str().filter(fits) {
            Some(tag) if tags.iter().any(|known| known == tag) => {}
            Some(tag) => tags.push(tag.to_owned()),
            None => form.fault(
                &format!("tags.{index}"),
                "BASE_TYPE_BAD_LENGTH",
                format!("Must be between 1 and {TAG_CHARS_MAX} in length."),
            ),
        }
    }
    Some(tags)
}

/// Refuses an application that is not the bot's own.
fn own(world: &World, call: &Call) -> Result<(), ApiError> {
    let asked = call.text("application_id");
    if asked.is_empty() || call.id("application_id")? == world.application.id {
        Ok(())
    } else {
        Err(UNKNOWN_APPLICATION.into())
    }
}

/// Lists that are always empty here: role connections, entitlements, SKUs.
pub(crate) fn nothing(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    own(world, call)?;
    Ok(Reply::ok(json!([])))
}

/// `GET /applications/{application_id}/emojis`, of which there are none
pub(crate) fn no_emojis(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    own(world, call)?;
    Ok(Reply::ok(json!({"items": []})))
}

/// Discord's application object, as its own bot gets it.
fn application_json(world: &World) -> Value {
    let owner = world.users.get(&world.seeds.owner).map(User::json);
    let (application, flags) = (&world.application, world.application_flags());
    let (bot, users) = (application.id, world.users.get(&application.id));
    let joined = world.guilds.values();
    let joined = joined.filter(|guild| guild.members.contains_key(&bot));
    let json = json!({
        "id": bot, "name": application.name, "icon": null, "description": application.description,
        "summary": "", "type": null, "bot_public": false, "bot_require_code_grant": false,
        "verify_key": "0".repeat(64), "flags": flags, "flags_new": flags.to_string(), "redirect_uris": [],
        "interactions_endpoint_url": null, "role_connections_verification_url": null, "owner": owner,
        "bot": users.map(User::json), "approximate_guild_count": joined.count(),
        "approximate_user_install_count": 0, "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0, "team": null, "eligible_oauth2_scopes": [], "rpc_origins": [],
        "integration_types_config": {"0": {}}, "hook": true, "is_monetized": false, "is_verified": false,
        "is_discoverable": false, "storefront_available": false,
    });
    if application.tags.is_empty() {
        json
    } else {
        with(json, "tags", json!(application.tags))
    }
}
