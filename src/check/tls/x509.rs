//! What a certificate says of itself, whoever has signed it (RFC 5280, 4.1).

use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};

use super::validity::{Validity, time};

/// The fields that we look at. All else is webpki's to judge.
#[derive(Debug)]
pub struct Certificate<'a> {
    /// webpki takes only the third version of X.509 from a peer.
    pub is_version_3: bool,
    /// Who has signed it, as it is encoded.
    pub issuer: &'a [u8],
    /// When it is good.
    pub validity: Validity,
    /// Whom it is for, as it is encoded.
    pub subject: &'a [u8],
    /// The public key.
    pub key: SubjectPublicKeyInfoDer<'a>,
    /// Whether it may vouch for others (RFC 5280, 4.2.1.9). Before the third version of X.509 none says so, and one that
    /// vouches for itself is taken for an authority, as OpenSSL does.
    pub is_authority: bool,
}

/// The version's own tag.
const VERSION: u8 = 0xa0;

/// The extensions' own tag.
const EXTENSIONS: u8 = 0xa3;

/// The basic constraints' name, an OBJECT IDENTIFIER.
const BASIC_CONSTRAINTS: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x13];

/// What makes an extension critical, and a certificate an authority's.
const TRUE: &[u8] = &[0x01, 0x01, 0xff];

/// `v3`, an INTEGER.
const VERSION_3: &[u8] = &[0x02, 0x01, 0x02];

impl<'a> Certificate<'a> {
    /// `None`: it is no certificate, or says this in no way that X.509 knows.
    #[must_use]
    pub fn read(certificate: &'a CertificateDer<'_>) -> Option<Self> {
        read(certificate).ok()
    }

    /// Whether nobody but itself is said to vouch for it.
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        self.issuer == self.subject
    }
}

/// Certificate, `TBSCertificate`.
fn read(certificate: &[u8]) -> der::Result<Certificate<'_>> {
    let mut fields = inside(inside(SliceReader::new(certificate)?)?)?;
    // The first version does not say that it is.
    let is_version_3 = match fields.peek_byte() {
        Some(VERSION) => AnyRef::decode(&mut fields)?.value() == VERSION_3,
        _ => false,
    };
    let [_serial_number, _algorithm] = [fields.tlv_bytes()?, fields.tlv_bytes()?];
    let issuer = fields.tlv_bytes()?;
    let validity = validity(inside_next(&mut fields)?)?;
    let subject = fields.tlv_bytes()?;
    Ok(Certificate {
        is_version_3,
        issuer,
        validity,
        subject,
        key: fields.tlv_bytes()?.into(),
        is_authority: if is_version_3 {
            may_vouch(fields).unwrap_or_default()
        } else {
            issuer == subject
        },
    })
}

/// What the fields behind the key say of that.
fn may_vouch(mut fields: SliceReader<'_>) -> der::Result<bool> {
    while fields.peek_byte().is_some_and(|tag| tag != EXTENSIONS) {
        fields.tlv_bytes()?;
    }
    if fields.is_finished() {
        return Ok(false);
    }
    let mut extensions = inside(inside(fields)?)?;
    while !extensions.is_finished() {
        let mut extension = inside_next(&mut extensions)?;
        if extension.tlv_bytes()? != BASIC_CONSTRAINTS {
            continue;
        }
        let mut value = extension.tlv_bytes()?;
        if value == TRUE {
            value = extension.tlv_bytes()?;
        }
        let mut constraints = inside(inside(SliceReader::new(value)?)?)?;
        return Ok(!constraints.is_finished() && constraints.tlv_bytes()? == TRUE);
    }
    Ok(false)
}

fn validity(mut fields: SliceReader<'_>) -> der::Result<Validity> {
    Ok(Validity {
        begins: time(AnyRef::decode(&mut fields)?)?,
        ends: time(AnyRef::decode(&mut fields)?)?,
    })
}

/// A reader of what the only value holds.
fn inside(mut reader: SliceReader<'_>) -> der::Result<SliceReader<'_>> {
    inside_next(&mut reader)
}

/// A reader of what the next value holds.
fn inside_next<'a>(reader: &mut SliceReader<'a>) -> der::Result<SliceReader<'a>> {
    SliceReader::new(AnyRef::decode(reader)?.value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tls::validity::day;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, PublicKeyData, date_time_ymd};

    fn validity(begins: i32, ends: i32) -> Option<Validity> {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).expect("a name");
        params.not_before = date_time_ymd(begins, 1, 1);
        params.not_after = date_time_ymd(ends, 12, 31);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signs itself");
        Certificate::read(certificate.der()).map(|read| read.validity)
    }

    #[test]
    fn both_ways_to_write_a_time_are_read() {
        for (begins, ends) in [(1999, 2049), (2050, 9999)] {
            let validity = validity(begins, ends).expect("readable");
            let shown = (day(validity.begins), day(validity.ends));
            assert_eq!(shown, (format!("{begins}-01-01"), format!("{ends}-12-31")));
        }
    }

    #[test]
    fn what_is_no_certificate_says_nothing() {
        for junk in [
            &b""[..],
            b"\x30",
            b"\x30\x03\x02\x01\x01",
            b"-----BEGIN",
            &[0x30; 64],
        ] {
            let junk = CertificateDer::from(junk);
            assert!(Certificate::read(&junk).is_none(), "{junk:?}");
        }
    }

    #[test]
    fn names_and_key_are_where_they_are() {
        let [ours, another] = [(); 2].map(|()| KeyPair::generate().expect("a key"));
        let params = CertificateParams::new(vec!["a.example".to_owned()]).expect("a name");
        let certificate = params.self_signed(&ours).expect("signs itself");
        let read = Certificate::read(certificate.der()).expect("readable");
        assert!(read.is_version_3 && read.is_self_signed() && !read.is_authority);
        assert_eq!(*read.key, *ours.subject_public_key_info());
        assert_ne!(*read.key, *another.subject_public_key_info());
    }

    #[test]
    fn authorities_say_that_they_are() {
        let constrained = IsCa::Ca(BasicConstraints::Constrained(1));
        let unconstrained = IsCa::Ca(BasicConstraints::Unconstrained);
        for (is_ca, expected) in [
            (constrained, true),
            (unconstrained, true),
            (IsCa::ExplicitNoCa, false),
            (IsCa::NoCa, false),
        ] {
            let mut params = CertificateParams::new(vec!["a.example".to_owned()]).expect("a name");
            params.is_ca = is_ca;
            let key = KeyPair::generate().expect("a key");
            let certificate = params.self_signed(&key).expect("signs itself");
            let read = Certificate::read(certificate.der()).expect("readable");
            assert_eq!(read.is_authority, expected, "{:?}", params.is_ca);
        }
    }
}
