//! What people read of an action.

use super::*;

#[test]
fn an_action_is_shown_with_all_that_matters() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/actions");
    let catalogue = load(&folder).unwrap();
    let show = |name: &str| shown(catalogue.find(name).unwrap());
    insta::assert_snapshot!(
        [
            show("app.deploy"),
            show("data.import"),
            show("data.order"),
            show("web.purge")
        ]
        .join("---\n")
    );
}

#[test]
fn our_own_commands_are_taken() {
    let taken = taken();
    for word in ["run", "hosts", "do"] {
        assert!(taken.iter().any(|other| other == word), "{word}");
    }
    // What is left for actions is what the catalogue counts with.
    assert!(taken.len() <= 20, "{} commands of our own", taken.len());
}
