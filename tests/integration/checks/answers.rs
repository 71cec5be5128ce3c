//! Answers that come and are not a 200.

use super::down::{Row, SOME_TIME, answering, round, row};

tests![
    answers_that_are_not_http,
    statuses_other_than_200,
    redirects_that_lead_nowhere,
];

/// All rows of these tables.
pub fn rows() -> Vec<Row> {
    let tables = [strange_rows(), status_rows(), redirect_rows()];
    tables.into_iter().flatten().collect()
}

fn strange_rows() -> Vec<Row> {
    vec![
        answering(
            ("garbage", "receive", "not http"),
            b"\x00\x01\x02\xff\xfe\x1b[31m\r\n\r\nnonsense\r\n\r\n",
        ),
        row(("ssh", "receive", "ssh-2.0-openssh"), |mut conn| {
            conn.send("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")?;
            conn.hold()
        }),
        row(("smtp", "receive", "220 mail.example"), |mut conn| {
            conn.send("220 mail.example ESMTP\r\n")?;
            conn.hold()
        }),
        row(("endless-headers", "receive", "headers"), |mut conn| {
            conn.request()?;
            conn.send("HTTP/1.1 200 OK\r\n")?;
            conn.repeat("X-Filler: yyyyyyyyyyyyyyyy\r\n".repeat(100))
        }),
        row(("endless-header", "receive", "header"), |mut conn| {
            conn.request()?;
            conn.send("HTTP/1.1 200 OK\r\nX-Filler: ")?;
            conn.repeat("y".repeat(4096))
        }),
        row(("endless-status-line", "receive", ""), |mut conn| {
            conn.request()?;
            conn.send("HTTP/1.1 200 ")?;
            conn.repeat("y".repeat(4096))
        }),
        answering(
            ("bad-length", "receive", "content-length"),
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        ),
        answering(
            ("bad-chunk", "body", ""),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n",
        ),
    ]
}

fn answers_that_are_not_http() {
    let (dir, _) = round(&strange_rows());
    let garbage = dir.log().check("garbage").reason;
    assert!(!garbage.contains('\u{1b}'), "a raw escape: {garbage:?}");
    for check in strange_rows().iter().map(|row| dir.log().check(row.0.0)) {
        assert!(
            !check.reason.contains("within"),
            "{check:#?} was waited for"
        );
    }
}

fn status_rows() -> Vec<Row> {
    vec![
        answering(
            ("created", "status", "201"),
            b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        ),
        answering(
            ("no-content", "status", "204"),
            b"HTTP/1.1 204 No Content\r\n\r\n",
        ),
        answering(
            ("partial", "status", "206"),
            b"HTTP/1.1 206 Partial Content\r\nContent-Length: 0\r\n\r\n",
        ),
        answering(
            ("not-modified", "status", "304"),
            b"HTTP/1.1 304 Not Modified\r\n\r\n",
        ),
        answering(
            ("unauthorized", "status", "401"),
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        ),
        answering(
            ("not-found", "status", "404"),
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone",
        ),
        answering(
            ("server-error", "status", "500"),
            b"HTTP/1.0 500 Internal Server Error\r\n\r\noops",
        ),
        answering(
            ("unavailable", "status", "503"),
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        ),
        answering(
            ("odd-status", "status", "999"),
            b"HTTP/1.1 999 ?\r\nContent-Length: 0\r\n\r\n",
        ),
    ]
}

fn statuses_other_than_200() {
    round(&status_rows());
}

fn redirect_rows() -> Vec<Row> {
    vec![
        answering(
            ("no-location", "status", "location"),
            b"HTTP/1.1 301 Moved Permanently\r\nContent-Length: 0\r\n\r\n",
        ),
        answering(
            ("loop", "status", "10 redirects"),
            b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        ),
        answering(
            ("to-ftp", "status", "ftp"),
            b"HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
        ),
        // A reserved port of the system: nothing on a test machine listens on it.
        answering(
            ("to-refusing", "connect", "refused"),
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        ),
        row(("to-missing", "status", "410"), |mut conn| {
            let request = conn.request()?;
            let code = if request.starts_with("GET / ") {
                307
            } else {
                410
            };
            conn.send(format!(
                "HTTP/1.1 {code} X\r\nLocation: /gone\r\nContent-Length: 0\r\n\r\n"
            ))
        }),
        row(("slow-loop", "receive", "within 1s"), |mut conn| {
            conn.request()?;
            std::thread::sleep(3 * SOME_TIME);
            conn.send("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
        }),
    ]
}

fn redirects_that_lead_nowhere() {
    let rows = redirect_rows();
    round(&rows);
    let (_, in_a_loop) = &rows[1];
    assert_eq!(
        in_a_loop.requests().len(),
        11,
        "the first and ten redirects"
    );
}
