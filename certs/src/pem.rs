//! PEM files of ours: a private key, certificates, or both. Reading skips nothing silently: text around the sections is allowed,
//! a broken section is not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

/// Largest PEM file that is read, bytes. Ours are below 4 KiB.
pub(crate) const PEM_BYTES_MAX: u64 = 64 * 1024;

const LINE_CHARS: usize = 64;

/// Key first, then certificates, as one PEM text.
pub(crate) fn encode(key: Option<&[u8]>, certificates: &[CertificateDer<'_>]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(8 * 1024));
    if let Some(key) = key {
        section(&mut text, "PRIVATE KEY", key);
    }
    for certificate in certificates {
        section(&mut text, "CERTIFICATE", certificate);
    }
    text
}

/// The private key of a PEM text, if there is one that can be read.
pub(crate) fn key(text: &[u8]) -> Option<PrivatePkcs8KeyDer<'static>> {
    PrivatePkcs8KeyDer::from_pem_slice(text).ok()
}

/// The certificates of a PEM text, in order; none when a section is broken.
pub(crate) fn certificates(text: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(text)
        .collect::<Result<Vec<_>, _>>()
        .ok()
}

fn section(text: &mut String, label: &str, der: &[u8]) {
    let body = Zeroizing::new(STANDARD.encode(der));
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE_CHARS));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let certificates_in: Vec<_> = [1, 48, 49, 200]
            .map(|len| CertificateDer::from(vec![7; len]))
            .into();
        let text = encode(Some(&[1, 2, 3]), &certificates_in);
        assert_eq!(key(text.as_bytes()).unwrap().secret_pkcs8_der(), [1, 2, 3]);
        assert_eq!(certificates(text.as_bytes()).unwrap(), certificates_in);
        assert!(text.lines().all(|line| line.len() <= LINE_CHARS));
    }

    #[test]
    fn a_cut_file_is_no_certificate() {
        let text = encode(None, &[CertificateDer::from(vec![7; 99])]);
        let cut = &text.as_bytes()[..text.len() - 20];
        assert!(certificates(cut).is_none_or(|found| found.is_empty()));
        assert!(key(cut).is_none());
    }
}
