//! `shanty` as the tests run it: always built together with them, and of the version that `under_test` says.

fn main() -> std::process::ExitCode {
    shanty_tests::under_test::main(
        &["serve"],
        shanty_controller::main_from,
        shanty_controller::main_as,
    )
}
