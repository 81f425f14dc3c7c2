//! Compiles the .proto files with protox, so that nobody has to install protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = [
        "shanty/v1/agent.proto",
        "shanty/v1/executor.proto",
        "shanty/v1/journal.proto",
        "shanty/v1/admin.proto",
    ];
    for file in files {
        println!("cargo::rerun-if-changed=proto/{file}");
    }
    let descriptors = protox::compile(files, ["proto"])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
