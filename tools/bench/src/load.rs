//! A load generator that uses little processor time: raw HTTP/1.1 over persistent connections, one
//! request at a time on each, all on one thread with epoll.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use event::Stopwatch;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::Timespec;

use crate::{Outcome, bodies, machine};

/// The most bytes of a response.
const RESPONSE_BYTES_MAX: usize = 4 << 20;
/// How long to wait for the last answers.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// How long a fixed number of requests may take, on a slow machine too.
const ALL_MAX: Duration = Duration::from_secs(300);
/// A placeholder for the number of the request.
pub const MARK: &str = "000000000";

/// A server that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// The number of its process.
    pub process: u32,
}

/// The result of one run.
#[derive(Clone, Debug, Default)]
pub struct LoadResult {
    /// How long each request took, in nanoseconds.
    pub latencies_ns: Vec<u64>,
    /// The measured seconds.
    pub seconds: f64,
    /// Processor time of the generator in that time.
    pub generator_cpu_seconds: f64,
    /// Processor time of the server in that time.
    pub server_cpu_seconds: f64,
}

impl LoadResult {
    /// Answered requests a second.
    pub fn rate(&self) -> f64 {
        self.latencies_ns.len() as f64 / self.seconds
    }

    /// Adds the result of a later run.
    pub fn absorb(&mut self, later: LoadResult) {
        self.latencies_ns.extend(later.latencies_ns);
        self.seconds += later.seconds;
        self.generator_cpu_seconds += later.generator_cpu_seconds;
        self.server_cpu_seconds += later.server_cpu_seconds;
    }

    /// A percentile in milliseconds.
    pub fn percentile_ms(&mut self, percent: f64) -> f64 {
        crate::figures::percentile(&mut self.latencies_ns, percent) as f64 / 1e6
    }
}

/// One request; a mark in its body is replaced by the request's number.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// `POST`, say.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// A secret token; empty without one.
    pub token: &'a str,
    /// Empty without a body.
    pub body: &'a str,
}

/// Requests that differ only in a number.
pub struct Requests {
    /// Complete requests, each with the positions of its placeholders.
    templates: Vec<(Vec<u8>, Vec<usize>)>,
    expected: u16,
    /// Whether the body of an answer is right too.
    is_right: Option<fn(&[u8]) -> bool>,
    next: u64,
    /// How many are left; `None` if they never end.
    left: Option<usize>,
}

impl Requests {
    /// No requests yet; each must be answered with a status.
    pub fn expecting(status: u16) -> Requests {
        Requests { templates: vec![], expected: status, is_right: None, next: 0, left: None }
    }

    /// Adds one. They are sent in the order in which they were added, over and over.
    pub fn push(&mut self, ask: &Ask<'_>) {
        self.templates.push(template(ask));
    }

    /// Also looks at the body of each answer.
    pub fn checked(mut self, is_right: fn(&[u8]) -> bool) -> Requests {
        self.is_right = Some(is_right);
        self
    }

    /// Sends only so many.
    pub fn only(&mut self, count: usize) -> &mut Requests {
        self.left = Some(count);
        self
    }

    /// Creates of users with names that no other run uses.
    pub fn creates(path: &str, token: &str, begin: u64) -> Requests {
        let mut requests = Requests::expecting(201);
        for person in 0..64 {
            let body = bodies::user(person);
            let body =
                body.replace(&bodies::user_name(person), &format!("load.{MARK}@northwind.test"));
            requests.push(&Ask { method: "POST", path, token, body: &body });
        }
        Requests { next: begin, ..requests }
    }

    /// The same bodies for a handler that does nothing with them.
    pub fn empty() -> Requests {
        let mut requests = Requests::expecting(204);
        for person in 0..64 {
            let body = bodies::user(person);
            requests.push(&Ask { method: "POST", path: "/", token: "", body: &body });
        }
        requests
    }

    /// The next request; `None` after the last.
    fn take(&mut self) -> Option<&[u8]> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        let place = self.next as usize % self.templates.len();
        let (bytes, marks) = &mut self.templates[place];
        let digits = format!("{:0width$}", self.next, width = MARK.len());
        for mark in marks {
            bytes[*mark..*mark + digits.len()].copy_from_slice(digits.as_bytes());
        }
        self.next += 1;
        Some(bytes)
    }
}

fn template(ask: &Ask<'_>) -> (Vec<u8>, Vec<usize>) {
    let Ask { method, path, token, body } = ask;
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: bench\r\nuser-agent: bench\r\n");
    if !token.is_empty() {
        head.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    if !body.is_empty() {
        let length = body.len();
        head.push_str("content-type: application/scim+json\r\n");
        head.push_str(&format!("content-length: {length}\r\n"));
    }
    head.push_str("\r\n");
    let marks = body.match_indices(MARK).map(|(place, _)| head.len() + place).collect();
    ((head + body).into_bytes(), marks)
}

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    sent_at_ns: u64,
    is_waiting: bool,
    /// Whether the server closes it after the answer.
    closes: bool,
}

impl Connection {
    fn open(target: Target, epoll: &OwnedFd, place: usize) -> Outcome<Connection> {
        let stream = TcpStream::connect(target.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        epoll::add(epoll, &stream, EventData::new_u64(place as u64), EventFlags::IN)?;
        let received = Vec::with_capacity(8 << 10);
        Ok(Connection { stream, received, sent_at_ns: 0, is_waiting: false, closes: false })
    }

    fn send(&mut self, bytes: &[u8], clock: &Stopwatch) -> Outcome<()> {
        self.sent_at_ns = clock.elapsed().as_nanos() as u64;
        self.received.clear();
        self.is_waiting = true;
        // The socket's buffer is empty. What it does not hold is sent while nothing else is done.
        let sent = self.stream.write(bytes)?;
        if sent < bytes.len() {
            self.stream.set_nonblocking(false)?;
            self.stream.write_all(&bytes[sent..])?;
            self.stream.set_nonblocking(true)?;
        }
        Ok(())
    }

    /// Reads what has arrived; returns the status once the answer is complete.
    fn receive(&mut self, buffer: &mut [u8]) -> Outcome<Option<u16>> {
        match self.stream.read(buffer) {
            Ok(0) => return Err("the server closed a connection".into()),
            Ok(length) => self.received.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let Some((status, closes)) = complete(&self.received)? else { return Ok(None) };
        self.closes = closes;
        Ok(Some(status))
    }
}

/// The status of an answer, once head and body are complete, and whether the server closes the
/// connection.
fn complete(received: &[u8]) -> Outcome<Option<(u16, bool)>> {
    if received.len() > RESPONSE_BYTES_MAX {
        return Err("an answer is too long".into());
    }
    let Some(end) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&received[..end])?;
    let status = head.get(9..12).ok_or("an answer without a status")?.parse()?;
    let header = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then_some(value.trim())
        })
    };
    let closes = match header("connection") {
        Some(value) => value.eq_ignore_ascii_case("close"),
        None => head.starts_with("HTTP/1.0"),
    };
    let body = &received[end + 4..];
    let is_complete = if header("transfer-encoding").is_some() {
        body.ends_with(b"0\r\n\r\n")
    } else {
        body.len() >= header("content-length").map_or(Ok(0), str::parse::<usize>)?
    };
    Ok(is_complete.then_some((status, closes)))
}

/// Sends requests over `connections`, pinned to a core. If they never end, for `duration`, after a
/// warm-up of a tenth of that time; otherwise all of them.
pub fn run(
    target: Target,
    connections: usize,
    duration: Duration,
    core: usize,
    requests: &mut Requests,
) -> Outcome<LoadResult> {
    std::thread::scope(|scope| {
        let ran = scope.spawn(|| {
            machine::pin(core)?;
            generate(target, connections, duration, requests)
        });
        ran.join().map_err(|_| "the load generator panicked")?
    })
}

fn generate(
    target: Target,
    connections: usize,
    duration: Duration,
    requests: &mut Requests,
) -> Outcome<LoadResult> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut open = (0..connections)
        .map(|place| Connection::open(target, &epoll, place))
        .collect::<Outcome<Vec<_>>>()?;
    let clock = Stopwatch::start();
    let spent = || -> Outcome<(Duration, f64, f64)> {
        let server_seconds = machine::process_cpu_seconds(target.process)?;
        Ok((clock.elapsed(), machine::thread_cpu_seconds()?, server_seconds))
    };
    let sends_all = requests.left.is_some();
    let mut result = LoadResult::default();
    let counted_from = clock.elapsed() + duration / 10;
    let until = if sends_all { ALL_MAX } else { counted_from + duration };
    let mut began = if sends_all { Some(spent()?) } else { None };
    let (mut ended, mut waiting) = (None, 0);
    for connection in &mut open {
        let Some(request) = requests.take() else { break };
        connection.send(request, &clock)?;
        waiting += 1;
    }
    let mut buffer = vec![0; 16 << 10];
    let mut events = Vec::with_capacity(connections);
    let timeout = Timespec { tv_sec: 1, tv_nsec: 0 };
    while waiting > 0 {
        epoll::wait(&epoll, spare_capacity(&mut events), Some(&timeout))?;
        let now = clock.elapsed();
        if began.is_none() && now >= counted_from {
            began = Some(spent()?);
        }
        if ended.is_none() && now >= until {
            ended = Some(spent()?);
        }
        if now > until + DRAIN_MAX {
            return Err("answers did not come".into());
        }
        for event in events.drain(..) {
            let place = event.data.u64() as usize;
            let Some(connection) = open.get_mut(place) else { continue };
            if !connection.is_waiting {
                continue;
            }
            let Some(status) = connection.receive(&mut buffer)? else { continue };
            let is_right = requests.is_right.is_none_or(|check| check(&connection.received));
            if status != requests.expected || !is_right {
                let text = String::from_utf8_lossy(&connection.received);
                let text: String = text.chars().take(2_000).collect();
                return Err(format!("unexpected answer: {text}").into());
            }
            connection.is_waiting = false;
            if began.is_some() && ended.is_none() {
                let took_ns = clock.elapsed().as_nanos() as u64 - connection.sent_at_ns;
                result.latencies_ns.push(took_ns);
            }
            let next = if ended.is_some() { None } else { requests.take() };
            let Some(next) = next else {
                waiting -= 1;
                continue;
            };
            if connection.closes {
                *connection = Connection::open(target, &epoll, place)?;
            }
            connection.send(next, &clock)?;
        }
    }
    if ended.is_none() {
        ended = Some(spent()?);
    }
    if let (Some(began), Some(ended)) = (began, ended) {
        result.seconds = (ended.0 - began.0).as_secs_f64();
        result.generator_cpu_seconds = ended.1 - began.1;
        result.server_cpu_seconds = ended.2 - began.2;
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_with_the_last_byte_of_its_body() {
        let check = |text: &str, expected: Option<(u16, bool)>| {
            assert_eq!(complete(text.as_bytes()).unwrap(), expected, "{text}");
        };
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n";
        check("HTTP/1.1 204 No Content\r\ndate: x\r\n\r\n", Some((204, false)));
        check("HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\n{}", None);
        check("HTTP/1.1 201 Created\r\ncontent-length: 3\r\n\r\n{} ", Some((201, false)));
        check("HTTP/1.1 201 Created\r\ncontent", None);
        check(chunked, None);
        check(&format!("{chunked}0\r\n\r\n"), Some((200, false)));
        check("HTTP/1.0 200 OK\r\n\r\n", Some((200, true)));
        check("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", Some((200, true)));
    }

    #[test]
    fn requests_differ_in_their_number() {
        let mut requests = Requests::creates("/Users", "secret", 41);
        let text = String::from_utf8(requests.take().unwrap().to_vec()).unwrap();
        assert!(text.contains(r#""userName":"load.000000041@northwind.test""#), "{text}");
        let text = String::from_utf8(requests.take().unwrap().to_vec()).unwrap();
        assert_eq!(text.matches("load.000000042@").count(), 3, "{text}");
        requests.only(1);
        assert!(requests.take().is_some());
        assert!(requests.take().is_none());
    }
}
