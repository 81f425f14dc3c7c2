//! The controller as a service of a booted systemd: made by `shanty init` as root, run as a user without any right.

use std::path::Path;

use shanty_tests::{Machine, Options, World, process};

use crate::programs;

/// Installs the controller as its package does, and makes it a configuration for the Discord of this world.
async fn made(world: &World) -> Option<Machine> {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
    let packaging = packaging.canonicalize().unwrap();
    let shanty = programs().shanty;
    let shown = [
        (shanty.as_path(), "/run/host-shanty"),
        (packaging.as_path(), "/run/host-packaging"),
    ];
    let machine = Machine::boot("ctl", &shown).await?;
    machine
        .sh("install /run/host-shanty /usr/bin/shanty
            install -d /etc/shanty
            install -D -m 644 /run/host-packaging/sysusers-controller.conf /usr/lib/sysusers.d/shanty.conf
            install -m 644 /run/host-packaging/systemd/shanty.service /etc/systemd/system
            systemd-sysusers shanty.conf
            systemctl daemon-reload
            systemctl enable --now shanty")
        .await;
    let skipped = machine.sh("systemctl show -p ConditionResult shanty").await;
    assert_eq!(
        skipped, "ConditionResult=no\n",
        "there is no configuration yet"
    );
    let text = |field: &str| world.defaults[field].as_str().unwrap().to_owned();
    let slash = world.web.match_indices('/').nth(2).unwrap().0;
    // Ports of its own: the network is that of all tests.
    let init = format!(
        "printf %s \"$TOKEN\" | shanty init --api {} --token-file - --ops-channel general --admin-user {} --public 127.0.0.1
        sed -i -e 's/0.0.0.0:74../127.0.0.1:0/' -e 's/127.0.0.1:7480/127.0.0.1:0/' /etc/shanty/shanty.toml",
        &world.web[..slash],
        text("user_id"),
    );
    let mut init = machine.call(&["/bin/sh", "-euc", &init]);
    let ran = process::run(init.env("TOKEN", text("bot_token"))).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    Some(machine)
}

#[tokio::test]
async fn a_controller_that_root_made_runs_without_any_right_and_answers() {
    let mut world = World::start(&programs(), Options::default()).await;
    // One bot, one controller.
    world.take_controller().stop().await;
    let Some(mut machine) = made(&world).await else {
        return world.end().await;
    };
    // Ready means ready: what comes next asks once.
    machine.sh("systemctl start shanty").await;
    let status = machine
        .sh("systemctl show --value -p StatusText shanty")
        .await;
    assert!(status.contains("Discord: ready."), "{status}");
    assert_eq!(machine.sh("shanty hosts --json").await, "");
    let owners = machine
        .sh("ps -o user:32= -p $(systemctl show --value -p MainPID shanty); stat -c %U /var/lib/shanty /var/lib/shanty/ca /etc/shanty/bot-token")
        .await;
    let users: Vec<&str> = owners.split_whitespace().collect();
    assert_eq!(users, ["shanty-controller"; 4], "{owners}");

    let person = world.operator();
    let help = person.slash("hosts", &[]).await;
    let shown = person.answer(&help).await;
    assert!(!shown.text().contains("may not"), "{shown:?}");

    // As a credential the token is root's alone.
    machine
        .sh("systemctl stop shanty
            install -d -m 700 /etc/shanty/secret
            mv /etc/shanty/bot-token /etc/shanty/secret
            chown root:root /etc/shanty/secret/bot-token
            sed -i 's|^token_file = .*|token_credential = \"bot-token\"|' /etc/shanty/shanty.toml
            install -d /etc/systemd/system/shanty.service.d
            printf '[Service]\nLoadCredential=bot-token:/etc/shanty/secret/bot-token\n' >/etc/systemd/system/shanty.service.d/token.conf
            systemctl daemon-reload
            systemctl start shanty")
        .await;
    let status = machine
        .sh("systemctl show --value -p StatusText shanty")
        .await;
    assert!(status.contains("Discord: ready."), "{status}");

    // It comes back with the machine, after a power cut too.
    machine.power_cut().await;
    machine
        .until("the controller to answer", "shanty hosts --json")
        .await;
    machine.end().await;
    world.end().await;
}
