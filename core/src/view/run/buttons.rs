//! What can be pressed on the card of a run.

use super::Scene;
use crate::run::Run;
use crate::view::{Button, ButtonStyle, ButtonTarget, Press};

pub(super) fn buttons(run: &Run, scene: &Scene) -> Vec<Button> {
    let mut buttons = Vec::new();
    if !run.is_over() && !run.all_ended() {
        let (label, press) = match &run.cancel {
            None => ("■ Cancel", Press::Cancel(run.spec.id)),
            Some(_) => ("✖ Kill now", Press::Kill(run.spec.id)),
        };
        buttons.push(Button {
            label: label.to_owned(),
            target: ButtonTarget::Press(press),
            style: ButtonStyle::Danger,
        });
    }
    if let Some((guild, thread)) = scene.thread {
        buttons.push(Button {
            label: "Output".to_owned(),
            target: ButtonTarget::Link(format!("https://discord.com/channels/{guild}/{thread}")),
            style: ButtonStyle::Secondary,
        });
    }
    buttons
}
