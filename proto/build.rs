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
    let methods: Vec<String> = descriptors
        .file
        .iter()
        .flat_map(|file| file.service.iter().map(move |service| (file, service)))
        .flat_map(|(file, service)| {
            let name = |method: &str| format!("/{}.{}/{method}", file.package(), service.name());
            let methods = service.method.iter();
            methods.map(move |method| name(method.name()))
        })
        .collect();
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("methods.rs"), format!("&{methods:?}"))?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
