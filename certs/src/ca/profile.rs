//! What stands in each kind of certificate. Every field is set here; nothing is left to defaults or to requests.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};

use super::{CaError, since_epoch};
use crate::identity::{BACKDATE, SERVER_NAME, SpiffeId, TrustDomain};

const DAY: Duration = Duration::from_secs(86_400);

const ROOT_LIFE: Duration = DAY.saturating_mul(3_653);

/// Life of the issuing certificate and of the controller's leaf.
pub(super) const LEAF_LIFE: Duration = DAY.saturating_mul(365);

/// The self-signed root, ten years.
pub(super) fn root(domain: &TrustDomain, now: SystemTime) -> Result<CertificateParams, CaError> {
    let mut params = blank(now, ROOT_LIFE)?;
    params.distinguished_name = named(&format!("Shanty root {domain}"));
    params.subject_alt_names = vec![uri(format!("spiffe://{domain}"))?];
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// The issuing certificate, one year, below which there are leaves only.
pub(super) fn issuing(domain: &TrustDomain, now: SystemTime) -> Result<CertificateParams, CaError> {
    let mut params = blank(now, LEAF_LIFE)?;
    params.distinguished_name = named(&format!("Shanty issuing {domain}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// An agent: a TLS client and nothing else.
pub(super) fn agent(
    id: &SpiffeId,
    now: SystemTime,
    life: Duration,
) -> Result<CertificateParams, CaError> {
    let mut params = leaf(id, now, life)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// The controller: a TLS server under its fixed name and nothing else.
pub(super) fn controller(id: &SpiffeId, now: SystemTime) -> Result<CertificateParams, CaError> {
    let mut params = leaf(id, now, LEAF_LIFE)?;
    let name = SERVER_NAME
        .try_into()
        .map_err(CaError::crypto("naming the controller"))?;
    params.subject_alt_names.push(SanType::DnsName(name));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn leaf(id: &SpiffeId, now: SystemTime, life: Duration) -> Result<CertificateParams, CaError> {
    let mut params = blank(now, life)?;
    params.subject_alt_names = vec![uri(id.to_string())?];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn blank(now: SystemTime, life: Duration) -> Result<CertificateParams, CaError> {
    let seconds = Duration::from_secs(since_epoch(now).as_secs());
    let epoch = date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.not_before = epoch + seconds.saturating_sub(BACKDATE);
    params.not_after = epoch + seconds.saturating_add(life);
    params.serial_number = Some(serial()?);
    Ok(params)
}

/// 16 random bytes. The top bit is clear and the next one set, so that it is positive and always as long.
fn serial() -> Result<SerialNumber, CaError> {
    let mut bytes: [u8; 16] = random()?;
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    Ok(SerialNumber::from_slice(&bytes))
}

/// Random bytes from the operating system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], CaError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| CaError::Crypto("drawing random bytes", None))?;
    Ok(bytes)
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn uri(text: String) -> Result<SanType, CaError> {
    let text = text
        .try_into()
        .map_err(CaError::crypto("writing an identity"))?;
    Ok(SanType::URI(text))
}
