//! The wire between agents and controllers, the operator's interface, and the records of the journal.
//!
//! The types are generated from `proto/shanty/v1/*.proto`; `convert` turns them into those of `shanty-core` and back, checked.

#![forbid(unsafe_code)]

pub mod convert;

/// Every method of every service, as it stands in a request: what may call each is tested by this list.
pub const METHODS: &[&str] = include!(concat!(env!("OUT_DIR"), "/methods.rs"));

/// The generated messages and services, version 1.
#[expect(
    missing_docs,
    reason = "generated; the .proto files say what each thing is"
)]
pub mod v1 {
    #![allow(
        unreachable_pub,
        unused_qualifications,
        clippy::use_self,
        clippy::all,
        clippy::pedantic
    )]
    tonic::include_proto!("shanty.v1");
}
