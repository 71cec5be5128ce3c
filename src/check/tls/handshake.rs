//! The TLS handshake under a deadline.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, Error as TlsError, ProtocolVersion,
    StreamOwned,
};

use super::client::{Asked, Place, asked, forget_asked};
use super::reason::tls_reason;
use super::terms::Terms;
use crate::check::connect::Stream;
use crate::check::resolve::Host;
use crate::check::{Deadline, Failure, Note, Phase};
use crate::file::reason;

/// A connection inside TLS.
pub type TlsStream = StreamOwned<ClientConnection, Stream>;

/// Shakes hands with `host` and judges its certificate. What is said of a good one is when it ends.
///
/// # Errors
/// [`Phase::Tls`]: what is wrong with the certificate, the peer's alert, or no handshake by the deadline.
pub fn handshake(
    stream: Stream,
    host: &Host,
    place: Place,
    terms: &Terms,
    deadline: Deadline,
) -> Result<(TlsStream, Note), Failure> {
    let name = terms.name(host, place);
    let config = terms.client().config(place);
    let config = config.map_err(|text| failed(&text))?;
    let tls = shake_hands(stream, name, config, deadline)?;
    let chain = tls.conn.peer_certificates().unwrap_or_default();
    let note = terms
        .judge(chain, UnixTime::now())
        .map_err(|text| failed(&text))?;
    Ok((tls, note))
}

fn failed(text: &str) -> Failure {
    Failure::new(Phase::Tls, text)
}

fn shake_hands(
    stream: Stream,
    host: &Host,
    config: &Arc<ClientConfig>,
    deadline: Deadline,
) -> Result<TlsStream, Failure> {
    let name = tls_name(host).map_err(|text| failed(&text))?;
    let connection = ClientConnection::new(Arc::clone(config), name)
        .map_err(|error| failed(&tls_reason(&error)))?;
    stream.send_at_once();
    forget_asked();
    let mut tls = StreamOwned::new(connection, stream);
    while tls.conn.is_handshaking() {
        if let Err(error) = tls.conn.complete_io(&mut tls.sock).map(drop) {
            let text = match error.kind() {
                io::ErrorKind::TimedOut => format!("no handshake {}", deadline.within()),
                io::ErrorKind::UnexpectedEof => "connection closed during the handshake".to_owned(),
                _ => alert(&error)
                    .or_else(|| last_words(&mut tls))
                    .unwrap_or_else(|| reason(&error)),
            };
            return Err(failed(&text));
        }
    }
    Ok(tls)
}

/// The reason for which TLS itself broke off, if it did: an alert that came after the handshake, as TLS 1.3 sends when
/// it wants a client certificate.
#[must_use]
pub fn alert(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?;
    inner.downcast_ref::<TlsError>().map(tls_reason)
}

/// What the peer had to say when it stopped listening: it sends its alert and closes, and our write fails first.
pub fn last_words(tls: &mut TlsStream) -> Option<String> {
    while tls
        .conn
        .read_tls(&mut tls.sock)
        .is_ok_and(|amount| amount > 0)
    {
        if let Err(error) = tls.conn.process_new_packets() {
            return Some(tls_reason(&error));
        }
    }
    None
}

/// Ends a connection that has nothing to ask. In TLS 1.3 the client is done before the peer has seen its certificate, or
/// the lack of one (RFC 8446, 4.4.2 and 2): where that was asked for, the peer's word is waited for.
///
/// # Errors
/// The peer's alert, or no word by the deadline.
pub fn finish(tls: &mut TlsStream, deadline: Deadline) -> Result<(), Failure> {
    if asked() == Asked::No || tls.conn.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        tls.conn.send_close_notify();
        // A peer that does not wait for our goodbye is no worse.
        let _ = tls.conn.complete_io(&mut tls.sock);
        return Ok(());
    }
    // The end of the stream, not TLS's goodbye: data that the peer leaves unread would have its alert thrown away.
    tls.sock.send_end();
    while !has_accepted(tls).map_err(|error| no_word(&error, deadline))? {}
    Ok(())
}

/// Waits for one piece of news. Tickets and data come only after our certificate has been looked at; who has nothing to
/// say closes.
fn has_accepted(tls: &mut TlsStream) -> io::Result<bool> {
    if tls.conn.read_tls(&mut tls.sock)? == 0 {
        return Ok(true);
    }
    let state = match tls.conn.process_new_packets() {
        // OpenSSL's complaint that the stream has ended without a goodbye: it was waiting for data, and content with us.
        Err(TlsError::AlertReceived(AlertDescription::DecodeError)) => return Ok(true),
        state => state.map_err(io::Error::other)?,
    };
    let has_spoken = state.plaintext_bytes_to_read() > 0 || state.peer_has_closed();
    Ok(has_spoken || tls.conn.tls13_tickets_received() > 0)
}

fn no_word(error: &io::Error, deadline: Deadline) -> Failure {
    failed(&match error.kind() {
        io::ErrorKind::TimedOut if asked() == Asked::InVain => format!(
            "no word {} on the client certificate that was asked for and not shown",
            deadline.within()
        ),
        io::ErrorKind::TimedOut => format!("no word on our certificate {}", deadline.within()),
        _ => alert(error).unwrap_or_else(|| reason(error)),
    })
}

/// The name that is asked for and verified.
///
/// # Errors
/// No certificate can be for it.
pub fn tls_name(host: &Host) -> Result<ServerName<'static>, String> {
    let name = match host {
        Host::Address(address) => return Ok(ServerName::from(*address)),
        Host::Name(name) => name.split('%').next().unwrap_or(name),
    };
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(ServerName::from(address));
    }
    // A trailing dot makes a name absolute for the resolver; no certificate has one (RFC 6066, 3).
    let name = name.trim_end_matches('.').to_owned();
    ServerName::try_from(name).map_err(|_| "no certificate can be for this host name".to_owned())
}
