//! Clients that send requests and do not read answers, over raw sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Raises this process's limit of open files to the maximum, which it returns.
pub fn raise_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// A connection with a small receive buffer.
pub fn narrow(address: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(20)).ok()?;
    rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 2_048).unwrap();
    Some(stream)
}

/// Sends as much as possible without blocking; nothing if the connection is closed.
pub fn push(stream: &mut TcpStream, bytes: &[u8]) {
    stream.set_nonblocking(true).unwrap();
    let mut rest = bytes;
    while let Ok(sent @ 1..) = stream.write(rest) {
        rest = &rest[sent..];
    }
    stream.set_nonblocking(false).unwrap();
}

/// The status of an answer that starts to arrive soon.
pub fn status(stream: &mut TcpStream) -> Option<u16> {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    str::from_utf8(&head).ok()?.strip_prefix("HTTP/1.1 ")?.parse().ok()
}

/// Whether the other side closed the connection, even with unread answers.
pub fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let mut bytes = [0; 16 << 10];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

/// A GET request.
pub fn get(path: &str, token: &str) -> Vec<u8> {
    let authorization = match token {
        "" => String::new(),
        token => format!("Authorization: Bearer {token}\r\n"),
    };
    format!("GET {path} HTTP/1.1\r\nHost: audit.example\r\n{authorization}\r\n").into_bytes()
}

/// The start of an HTTP/2 connection with GET streams and a window too small for any answer.
pub fn http2(path: &str, token: &str, streams: u32) -> Vec<u8> {
    // GET from the static table (RFC 7541, appendix A).
    requests((0x82, 1), path, token, streams, None)
}

/// The same with POST bodies, all within the connection's window of 1 MiB, and room for short answers.
pub fn http2_posts(path: &str, token: &str, streams: u32, body: &str) -> Vec<u8> {
    assert!(streams as usize * body.len() < 1 << 20);
    requests((0x83, 1 << 16), path, token, streams, Some(body))
}

fn requests(
    (method, window): (u8, u32),
    path: &str,
    token: &str,
    streams: u32,
    body: Option<&str>,
) -> Vec<u8> {
    const SETTINGS: u8 = 4;
    const HEADERS: u8 = 1;
    const DATA: u8 = 0;
    const END_STREAM: u8 = 1;
    const END_HEADERS: u8 = 4;
    const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let window = [&INITIAL_WINDOW_SIZE[..], &window.to_be_bytes()].concat();
    frame(&mut bytes, SETTINGS, 0, 0, &window);
    // http from the static table; the rest as literals.
    let mut head = vec![method, 0x86];
    literal(&mut head, &[0x04], path);
    literal(&mut head, &[0x01], "audit.example");
    if !token.is_empty() {
        literal(&mut head, &[0x0f, 0x08], &format!("Bearer {token}"));
    }
    for stream in (0..streams).map(|index| 2 * index + 1) {
        let ends = if body.is_none() { END_STREAM } else { 0 };
        frame(&mut bytes, HEADERS, END_HEADERS | ends, stream, &head);
        if let Some(body) = body {
            frame(&mut bytes, DATA, END_STREAM, stream, body.as_bytes());
        }
    }
    bytes
}

fn literal(head: &mut Vec<u8>, name: &[u8], value: &str) {
    head.extend_from_slice(name);
    assert!(value.len() < 127, "one byte holds the length");
    head.push(value.len() as u8);
    head.extend_from_slice(value.as_bytes());
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
}
