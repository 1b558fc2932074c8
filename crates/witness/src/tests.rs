//! Tests of the whole crate, over real HTTP: the witness, the client, and each against what lies.

mod answers;
mod keeping;
mod log;
mod mutations;
mod others;
mod rounds;
mod stub;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tlog::{KeyKind, KeyName, SignerKey};

use self::log::Log;
use crate::{Agent, KnownLog, OpenError, Witness, agent, router};

/// What the clocks of the tests show at first, in seconds since 1970.
const NOW_S: u64 = 1_772_539_200;

fn key(name: &str, kind: KeyKind, seed: u8) -> SignerKey {
    SignerKey::from_seed(KeyName::parse(name).unwrap(), kind, [seed; 32]).unwrap()
}

fn witness_key(number: u8) -> SignerKey {
    key(&format!("witness.example/w{number}"), KeyKind::CosignatureV1, 100 + number)
}

/// A clock that only moves when it is set.
#[derive(Clone)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn new() -> Clock {
        Clock(Arc::new(AtomicU64::new(NOW_S)))
    }

    fn set(&self, now_s: u64) {
        self.0.store(now_s, Ordering::SeqCst);
    }
}

/// Witness 1 of a log.
fn opened(folder: &Path, log: &Log, clock: &Clock) -> Result<Witness, OpenError> {
    let known = KnownLog { key: log.key.verifier().clone(), url: None };
    let clock = clock.clone();
    let now_s = move || clock.0.load(Ordering::SeqCst);
    Witness::open(folder, witness_key(1), vec![known], now_s, false)
}

/// The router of a witness behind a real socket, until this is dropped.
struct Serving {
    url: String,
    _runtime: tokio::runtime::Runtime,
}

impl Serving {
    fn start(routes: axum::Router) -> Serving {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Serving { url, _runtime: runtime }
    }

    fn of(witness: Witness) -> Serving {
        Serving::start(router(Arc::new(witness)))
    }
}

/// An answer of a server.
#[derive(PartialEq, Eq, Debug)]
struct Got {
    status: u16,
    media_type: String,
    body: String,
}

/// A client that waits for an answer as long as a test may take.
fn patient() -> Agent {
    agent(Duration::from_secs(60), None)
}

fn got(answer: ureq::http::Response<ureq::Body>) -> Got {
    let media_type = answer.headers().get("Content-Type");
    Got {
        status: answer.status().as_u16(),
        media_type: media_type.map_or("", |text| text.to_str().unwrap()).to_owned(),
        body: answer.into_body().read_to_string().unwrap(),
    }
}

fn post(url: &str, body: &[u8]) -> Got {
    got(patient().post(&format!("{url}/add-checkpoint")).send(body).unwrap())
}
