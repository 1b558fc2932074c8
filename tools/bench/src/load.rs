//! A load generator that uses little processor time: raw HTTP/1.1 over persistent connections, one
//! request at a time on each, all on one thread with epoll.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use event::Stopwatch;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::Timespec;

use crate::child::Serving;
use crate::{Outcome, bodies, machine};

/// The most bytes of a response.
const RESPONSE_BYTES_MAX: usize = 64 << 10;
/// How long to wait for the last answers.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// A placeholder for the number of the request.
const MARK: &str = "000000000";

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

/// Requests that differ only in a number.
pub struct Requests {
    /// Complete requests, each with the positions of its placeholders.
    templates: Vec<(Vec<u8>, Vec<usize>)>,
    expected: u16,
    next: u64,
}

impl Requests {
    /// Creates of users with names that no other run uses.
    pub fn creates(slug: &str, token: &str, begin: u64) -> Requests {
        let templates = (0..64).map(|person| {
            let body = bodies::user(person);
            let body =
                body.replace(&bodies::user_name(person), &format!("load.{MARK}@northwind.test"));
            let path = format!("/apps/{slug}/scim/v2/Users");
            template(&path, &format!("authorization: Bearer {token}\r\n"), &body)
        });
        Requests { templates: templates.collect(), expected: 201, next: begin }
    }

    /// The same bodies for a handler that does nothing with them.
    pub fn empty() -> Requests {
        let templates = (0..64).map(|person| template("/", "", &bodies::user(person)));
        Requests { templates: templates.collect(), expected: 204, next: 0 }
    }

    fn take(&mut self) -> &[u8] {
        let place = self.next as usize % self.templates.len();
        let (bytes, marks) = &mut self.templates[place];
        let digits = format!("{:0width$}", self.next, width = MARK.len());
        for mark in marks {
            bytes[*mark..*mark + digits.len()].copy_from_slice(digits.as_bytes());
        }
        self.next += 1;
        bytes
    }
}

fn template(path: &str, headers: &str, body: &str) -> (Vec<u8>, Vec<usize>) {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\n{headers}content-type: application/scim+json\r\n\
         user-agent: bench\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let marks = body.match_indices(MARK).map(|(place, _)| head.len() + place).collect();
    ((head + body).into_bytes(), marks)
}

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    sent_at_ns: u64,
    is_waiting: bool,
}

impl Connection {
    fn send(&mut self, bytes: &[u8], clock: &Stopwatch) -> Outcome<()> {
        self.sent_at_ns = clock.elapsed().as_nanos() as u64;
        self.received.clear();
        self.is_waiting = true;
        // The socket's buffer is empty and large enough.
        Ok(self.stream.write_all(bytes)?)
    }

    /// Reads what has arrived; returns the status once the answer is complete.
    fn receive(&mut self, buffer: &mut [u8]) -> Outcome<Option<u16>> {
        match self.stream.read(buffer) {
            Ok(0) => return Err("the server closed a connection".into()),
            Ok(length) => self.received.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        complete(&self.received)
    }
}

/// The status of an answer, once head and body are complete.
fn complete(received: &[u8]) -> Outcome<Option<u16>> {
    if received.len() > RESPONSE_BYTES_MAX {
        return Err("an answer is too long".into());
    }
    let Some(end) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&received[..end])?;
    let status = head.get(9..12).ok_or("an answer without a status")?.parse()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    let length = length.transpose()?.unwrap_or(0);
    Ok((received.len() >= end + 4 + length).then_some(status))
}

/// Sends requests over `connections` for `duration`, pinned to a core, after a warm-up of a tenth of
/// that time.
pub fn run(
    server: &Serving,
    connections: usize,
    duration: Duration,
    core: usize,
    requests: &mut Requests,
) -> Outcome<LoadResult> {
    std::thread::scope(|scope| {
        let ran = scope.spawn(|| {
            machine::pin(core)?;
            generate(server, connections, duration, requests)
        });
        ran.join().map_err(|_| "the load generator panicked")?
    })
}

fn generate(
    server: &Serving,
    connections: usize,
    duration: Duration,
    requests: &mut Requests,
) -> Outcome<LoadResult> {
    let clock = Stopwatch::start();
    let spent = || -> Outcome<(Duration, f64, f64)> {
        let server_seconds = machine::process_cpu_seconds(server.process())?;
        Ok((clock.elapsed(), machine::thread_cpu_seconds()?, server_seconds))
    };
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut open = Vec::with_capacity(connections);
    for place in 0..connections {
        let stream = TcpStream::connect(server.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        epoll::add(&epoll, &stream, EventData::new_u64(place as u64), EventFlags::IN)?;
        let received = Vec::with_capacity(8 << 10);
        open.push(Connection { stream, received, sent_at_ns: 0, is_waiting: false });
    }
    for connection in &mut open {
        connection.send(requests.take(), &clock)?;
    }
    let mut result = LoadResult::default();
    let counted_from = clock.elapsed() + duration / 10;
    let until = counted_from + duration;
    let (mut began, mut ended) = (None, None);
    let mut waiting = connections;
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
            let Some(connection) = open.get_mut(event.data.u64() as usize) else { continue };
            if !connection.is_waiting {
                continue;
            }
            let Some(status) = connection.receive(&mut buffer)? else { continue };
            if status != requests.expected {
                let text = String::from_utf8_lossy(&connection.received).into_owned();
                return Err(format!("unexpected answer: {text}").into());
            }
            connection.is_waiting = false;
            if began.is_some() && ended.is_none() {
                let took_ns = clock.elapsed().as_nanos() as u64 - connection.sent_at_ns;
                result.latencies_ns.push(took_ns);
            }
            if ended.is_some() {
                waiting -= 1;
            } else {
                connection.send(requests.take(), &clock)?;
            }
        }
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
        let check = |text: &str, expected: Option<u16>| {
            assert_eq!(complete(text.as_bytes()).unwrap(), expected, "{text}");
        };
        check("HTTP/1.1 204 No Content\r\ndate: x\r\n\r\n", Some(204));
        check("HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\n{}", None);
        check("HTTP/1.1 201 Created\r\ncontent-length: 3\r\n\r\n{} ", Some(201));
        check("HTTP/1.1 201 Created\r\ncontent", None);
    }

    #[test]
    fn requests_differ_in_their_number() {
        let mut requests = Requests::creates("app", "secret", 41);
        let text = String::from_utf8(requests.take().to_vec()).unwrap();
        assert!(text.contains(r#""userName":"load.000000041@northwind.test""#), "{text}");
        let text = String::from_utf8(requests.take().to_vec()).unwrap();
        assert_eq!(text.matches("load.000000042@").count(), 3, "{text}");
    }
}
