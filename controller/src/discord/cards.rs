//! Turns a card into Discord's components, and refuses one that Discord would refuse or answer with 500.
//! What a card says is decided in `shanty_core::view`.

use std::collections::BTreeSet;

use shanty_core::limits::{
    CARD_BYTES_MAX, CARD_CHARS_MAX, CHOICES_MAX, COMPONENTS_MAX, FORM_CHARS_MAX, NAME_CHARS_MAX,
    TEXT_DISPLAY_CHARS_MAX,
};
use shanty_core::text::units;
use shanty_core::view::{
    Accent, Button, ButtonStyle, ButtonTarget, Card, Field, Menu, Press, Sheet,
};
use thiserror::Error;
use twilight_model::channel::message::Component;
use twilight_model::channel::message::component::{
    ActionRow, Button as ButtonComponent, ButtonStyle as Style, Container, Label, SelectMenu,
    SelectMenuOption, SelectMenuType, TextDisplay, TextInput, TextInputStyle,
};

/// What each text display adds to the bytes of a message, in Discord's undocumented count.
const TEXT_DISPLAY_BYTES: usize = 12;

/// Buttons in a row (Discord).
const ROW_MAX: usize = 5;

/// Buttons of a card: two rows.
const BUTTONS_MAX: usize = 2 * ROW_MAX;

/// Characters of a button's label (Discord).
const LABEL_CHARS_MAX: usize = 80;

/// Characters of what a menu says while nothing is picked (Discord).
const PLACEHOLDER_CHARS_MAX: usize = 150;

/// Characters of a button's link (Discord).
const LINK_CHARS_MAX: usize = 512;

/// A card that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CardError {
    /// Nothing to show.
    #[error("card without text")]
    Empty,
    /// More components than a message may have.
    #[error("card of {0} components, more than {COMPONENTS_MAX}")]
    Components(usize),
    /// One text without or with too many characters.
    #[error("text of {0} characters, not 1 to {TEXT_DISPLAY_CHARS_MAX}")]
    Text(usize),
    /// All texts together.
    #[error("card of {0} characters, more than {CARD_CHARS_MAX}")]
    Chars(usize),
    /// All texts together.
    #[error("card of {0} bytes, more than {CARD_BYTES_MAX}")]
    Bytes(usize),
    /// More buttons than two rows may have.
    #[error("card of {0} buttons, more than {BUTTONS_MAX}")]
    Buttons(usize),
    /// A menu without options, or with more than it may have.
    #[error("menu of {0} options, not 1 to {CHOICES_MAX}")]
    Options(usize),
    /// A label without or with too many characters.
    #[error("button label of {0} characters, not 1 to {LABEL_CHARS_MAX}")]
    Label(usize),
    /// A custom id without or with too many characters.
    #[error("custom id of {0} characters, not 1 to {NAME_CHARS_MAX}")]
    CustomId(usize),
    /// Two buttons that could not be told apart.
    #[error("custom id that is there twice")]
    Twice,
    /// Too long, or not of the web.
    #[error("link that is not http or https, or is longer than {LINK_CHARS_MAX} characters")]
    Link,
}

/// The components of a message that shows the card. The message needs the flag `IS_COMPONENTS_V2`.
///
/// # Errors
/// The first limit that the card breaks.
pub fn components(card: &Card) -> Result<Vec<Component>, CardError> {
    check(card)?;
    let mut inside: Vec<Component> = card
        .texts
        .iter()
        .map(|text| {
            Component::TextDisplay(TextDisplay {
                content: text.clone(),
                id: None,
            })
        })
        .collect();
    for row in card.buttons.chunks(ROW_MAX) {
        inside.push(Component::ActionRow(ActionRow {
            components: row.iter().map(button).collect(),
            id: None,
        }));
    }
    if let Some(list) = &card.menu {
        inside.push(Component::ActionRow(ActionRow {
            components: vec![menu(list)],
            id: None,
        }));
    }
    Ok(vec![Component::Container(Container {
        accent_color: Some(Some(colour(card.accent))),
        components: inside,
        id: None,
        spoiler: None,
    })])
}

fn check(card: &Card) -> Result<(), CardError> {
    if card.texts.is_empty() {
        return Err(CardError::Empty);
    }
    let rows = card.buttons.len().div_ceil(ROW_MAX);
    let list = 2 * usize::from(card.menu.is_some());
    let count = 1 + card.texts.len() + rows + card.buttons.len() + list;
    if count > COMPONENTS_MAX {
        return Err(CardError::Components(count));
    }
    let (mut chars, mut bytes) = (0, 0);
    for text in &card.texts {
        let length = units(text);
        if text.trim().is_empty() || length > TEXT_DISPLAY_CHARS_MAX {
            return Err(CardError::Text(length));
        }
        chars += length;
        bytes += text.len() + TEXT_DISPLAY_BYTES;
    }
    if chars > CARD_CHARS_MAX {
        return Err(CardError::Chars(chars));
    }
    if bytes > CARD_BYTES_MAX {
        return Err(CardError::Bytes(bytes));
    }
    check_buttons(&card.buttons)?;
    card.menu.as_ref().map_or(Ok(()), check_menu)
}

fn check_menu(menu: &Menu) -> Result<(), CardError> {
    custom_id(&menu.press)?;
    if units(&menu.placeholder) > PLACEHOLDER_CHARS_MAX {
        return Err(CardError::Label(units(&menu.placeholder)));
    }
    if menu.options.is_empty() || menu.options.len() > CHOICES_MAX {
        return Err(CardError::Options(menu.options.len()));
    }
    let mut seen = BTreeSet::new();
    for (value, label) in &menu.options {
        for text in [value, label] {
            if text.trim().is_empty() || units(text) > NAME_CHARS_MAX {
                return Err(CardError::Label(units(text)));
            }
        }
        if !seen.insert(value) {
            return Err(CardError::Twice);
        }
    }
    Ok(())
}

fn check_buttons(buttons: &[Button]) -> Result<(), CardError> {
    if buttons.len() > BUTTONS_MAX {
        return Err(CardError::Buttons(buttons.len()));
    }
    let mut seen = BTreeSet::new();
    for button in buttons {
        let label = units(&button.label);
        if button.label.trim().is_empty() || label > LABEL_CHARS_MAX {
            return Err(CardError::Label(label));
        }
        match &button.target {
            ButtonTarget::Press(press) => {
                if !seen.insert(custom_id(press)?) {
                    return Err(CardError::Twice);
                }
            }
            ButtonTarget::Link(url) => {
                let web = url.starts_with("https://") || url.starts_with("http://");
                if !web || units(url) > LINK_CHARS_MAX {
                    return Err(CardError::Link);
                }
            }
        }
    }
    Ok(())
}

fn custom_id(press: &Press) -> Result<String, CardError> {
    let id = press.to_string();
    match units(&id) {
        too_long if too_long > NAME_CHARS_MAX => Err(CardError::CustomId(too_long)),
        _ => Ok(id),
    }
}

/// The fields of a form.
#[must_use]
pub fn fields(sheet: &Sheet) -> Vec<Component> {
    sheet.fields.iter().map(field).collect()
}

#[expect(
    deprecated,
    reason = "the field is part of the struct; its label is around it"
)]
fn field(field: &Field) -> Component {
    let input = TextInput {
        custom_id: field.name.as_str().to_owned(),
        id: None,
        label: None,
        max_length: u16::try_from(FORM_CHARS_MAX).ok(),
        min_length: None,
        placeholder: None,
        required: Some(field.required),
        style: if field.lines {
            TextInputStyle::Paragraph
        } else {
            TextInputStyle::Short
        },
        value: (!field.value.is_empty()).then(|| field.value.clone()),
    };
    Component::Label(Label {
        component: Box::new(Component::TextInput(input)),
        description: None,
        id: None,
        label: field.label.to_owned(),
    })
}

fn menu(menu: &Menu) -> Component {
    let option = |(value, label): &(String, String)| SelectMenuOption {
        default: false,
        description: None,
        emoji: None,
        label: label.clone(),
        value: value.clone(),
    };
    Component::SelectMenu(SelectMenu {
        channel_types: None,
        custom_id: menu.press.to_string(),
        default_values: None,
        disabled: false,
        id: None,
        kind: SelectMenuType::Text,
        max_values: None,
        min_values: None,
        options: Some(menu.options.iter().map(option).collect()),
        placeholder: Some(menu.placeholder.clone()),
        required: None,
    })
}

fn button(button: &Button) -> Component {
    let (custom_id, url, style) = match &button.target {
        ButtonTarget::Press(press) => {
            let style = pressable(button.style);
            (Some(press.to_string()), None, style)
        }
        ButtonTarget::Link(url) => (None, Some(url.clone()), Style::Link),
    };
    Component::Button(ButtonComponent {
        custom_id,
        disabled: false,
        emoji: None,
        id: None,
        label: Some(button.label.clone()),
        sku_id: None,
        style,
        url,
    })
}

const fn pressable(style: ButtonStyle) -> Style {
    match style {
        ButtonStyle::Primary => Style::Primary,
        ButtonStyle::Secondary => Style::Secondary,
        ButtonStyle::Danger => Style::Danger,
    }
}

const fn colour(accent: Accent) -> u32 {
    match accent {
        Accent::Blue => 0x34_98_DB,
        Accent::Green => 0x2E_CC_71,
        Accent::Amber => 0xE0_A0_00,
        Accent::Red => 0xE7_4C_3C,
        Accent::Grey => 0x95_A5_A6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shanty_core::view::{Listed, Listing};

    fn card(texts: &[&str], buttons: Vec<Button>) -> Card {
        Card {
            accent: Accent::Blue,
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
            buttons,
            menu: None,
        }
    }

    fn press(label: &str, id: &str) -> Button {
        Button {
            label: label.to_owned(),
            target: ButtonTarget::Press(page_of(id)),
            style: ButtonStyle::Danger,
        }
    }

    /// Its id is `v1:hosts:0:=` and the selector, however long that is.
    fn page_of(selector: &str) -> Press {
        let hosts = Listed::Selector(selector.to_owned());
        Press::Page(Listing { page: 0, hosts })
    }

    fn link(url: &str) -> Button {
        Button {
            label: "Open".to_owned(),
            target: ButtonTarget::Link(url.to_owned()),
            style: ButtonStyle::Secondary,
        }
    }

    #[test]
    fn a_card_is_one_container_with_texts_and_a_row() {
        let card = card(
            &["### #1", "body"],
            vec![press("Turn", "x"), link("https://x.example/")],
        );
        let json = serde_json::to_value(components(&card).unwrap()).unwrap();
        assert_eq!(
            json,
            serde_json::json!([{ "type": 17, "accent_color": 0x34_98_DB, "components": [
                { "type": 10, "content": "### #1" },
                { "type": 10, "content": "body" },
                { "type": 1, "components": [
                    { "type": 2, "custom_id": "v1:hosts:0:=x", "label": "Turn", "style": 4 },
                    { "type": 2, "url": "https://x.example/", "label": "Open", "style": 5 },
                ]},
            ]}])
        );
    }

    #[test]
    fn more_than_five_buttons_stand_in_two_rows() {
        let rows = |buttons: usize| -> Vec<usize> {
            let buttons = (0..buttons).map(|i| press("a", &i.to_string()));
            let components = components(&card(&["x"], buttons.collect())).unwrap();
            let json = serde_json::to_value(components).unwrap();
            let inside = json[0]["components"].as_array().unwrap();
            let row = |row: &serde_json::Value| row["components"].as_array().map(Vec::len);
            inside.iter().filter_map(row).collect()
        };
        assert_eq!(rows(5), [5]);
        assert_eq!(rows(6), [5, 1]);
        assert_eq!(rows(10), [5, 5]);
    }

    #[test]
    fn a_menu_is_a_row_of_its_own_and_keeps_discords_limits() {
        let with = |id: &str, options: Vec<(String, String)>| {
            let menu = Menu {
                press: page_of(id),
                placeholder: "Pick".to_owned(),
                options,
            };
            components(&Card {
                menu: Some(menu),
                ..card(&["x"], vec![])
            })
        };
        let option = |n: usize| (format!("v{n}"), format!("label {n}"));
        let json = serde_json::to_value(with("x", vec![option(1)]).unwrap()).unwrap();
        assert_eq!(
            json[0]["components"][1],
            serde_json::json!({ "type": 1, "components": [{
                "type": 3, "custom_id": "v1:hosts:0:=x", "disabled": false, "placeholder": "Pick",
                "options": [{ "default": false, "label": "label 1", "value": "v1" }],
            }]})
        );
        let refused = |id: &str, options, error| assert_eq!(with(id, options), Err(error));
        refused("x", vec![], CardError::Options(0));
        refused("x", (0..26).map(option).collect(), CardError::Options(26));
        refused("x", vec![option(1), option(1)], CardError::Twice);
        let long = "x".repeat(89);
        refused(&long, vec![option(1)], CardError::CustomId(101));
        refused(
            "x",
            vec![("v".into(), "l".repeat(101))],
            CardError::Label(101),
        );
    }

    #[test]
    fn what_discord_would_refuse_is_refused_here() {
        let long = "x".repeat(2_001);
        let wide = "\u{20ac}".repeat(1_700);
        let check = |texts: &[&str], buttons, error| {
            assert_eq!(components(&card(texts, buttons)), Err(error));
        };
        check(&[], vec![], CardError::Empty);
        check(&[" \n"], vec![], CardError::Text(2));
        check(&[&long], vec![], CardError::Text(2_001));
        check(
            &["\u{1f600}".repeat(1_001).as_str()],
            vec![],
            CardError::Text(2_002),
        );
        check(&["x"; 40], vec![], CardError::Components(41));
        check(
            &[&long[1..], &long[1..], "x"],
            vec![],
            CardError::Chars(4_001),
        );
        check(&[&wide, &wide], vec![], CardError::Bytes(10_224));
        check(
            &["x"],
            (0..11).map(|i| press("a", &i.to_string())).collect(),
            CardError::Buttons(11),
        );
        check(&["x"], vec![press("", "a")], CardError::Label(0));
        check(&["x"], vec![press(&long[..81], "a")], CardError::Label(81));
        check(
            &["x"],
            vec![press("a", &long[..89])],
            CardError::CustomId(101),
        );
        check(
            &["x"],
            vec![press("a", "b"), press("c", "b")],
            CardError::Twice,
        );
        check(&["x"], vec![link("javascript:alert(1)")], CardError::Link);
    }

    #[test]
    fn the_largest_cards_pass() {
        let full = "x".repeat(2_000);
        assert!(components(&card(&[&full, &full], vec![press("a", "b")])).is_ok());
        assert!(components(&card(&["x"; 39], vec![])).is_ok());
    }
}
