//! Identities: the certificate authority, join tokens, certificate signing requests, TLS configurations and revocation.
//!
//! Knows no other crate of Shanty: ids are plain bytes here, and what an identity may do is decided elsewhere. Only this crate
//! builds certificates, reads or writes key files, or configures TLS. Nothing relies on a process-wide rustls provider.

#![forbid(unsafe_code)]

pub mod files;

pub mod token;

pub mod csr;

pub mod identity;

mod pem;

pub mod ca;

pub mod agent;

pub mod orders;

pub mod late;

pub mod release;

pub mod revocation;

pub mod tls;
