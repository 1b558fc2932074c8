//! Limits the open connections, in all and for each address, and decides which one is closed to make
//! room for another.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::Notify;

use super::connection::{Connection, Evictable, EvictionRank};
use super::refusals::Refusals;

/// Connections that may still be closing beyond the limit of open ones, so that a new connection need
/// not wait for the evicted one to end. They use the open files that are left to the log.
const CLOSING_MAX: usize = 128;
/// The wait before the next attempt when nothing can be closed.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// The prefix by which IPv6 addresses are counted: a client usually has a whole network of this size.
const IPV6_PREFIX_BITS: u32 = 64;

/// The places for connections and who has them.
pub(super) struct Room {
    all_max: usize,
    one_max: usize,
    /// Proxies, whose addresses stand for many clients.
    trusted: Vec<IpNet>,
    places: Mutex<Places>,
    freed: Notify,
    refusals: Arc<Refusals>,
}

#[derive(Default)]
struct Places {
    next: u64,
    taken: HashMap<u64, Arc<Connection>>,
    /// How many of `taken` were told to close.
    closing: usize,
    /// The others by address block.
    counts: HashMap<IpAddr, usize>,
}

/// The result of an attempt to close one.
enum Closed {
    One,
    /// None may be closed now, but one may soon.
    TrySoon,
    AllInUse,
}

/// A connection's place; its drop frees it.
pub(super) struct Place {
    room: Arc<Room>,
    number: u64,
    pub(super) connection: Arc<Connection>,
}

impl Room {
    /// Room for `all_max` connections. One address has at most a quarter of them, unless it is a
    /// trusted proxy's.
    pub(super) fn new(all_max: usize, trusted: Vec<IpNet>, refusals: Arc<Refusals>) -> Room {
        let one_max = (all_max / 4).max(all_max.min(64));
        let (places, freed) = (Mutex::default(), Notify::new());
        Room { all_max, one_max, trusted, places, freed, refusals }
    }

    /// Waits for a place for a connection from `peer`. If all are taken, the connection of the lowest
    /// [`EvictionRank`] is closed. `None` if the address has reached its limit and all its connections
    /// are in use.
    pub(super) async fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        let one_max = match self.trusted.iter().any(|network| network.contains(&peer)) {
            true => self.all_max,
            false => self.one_max,
        };
        let block = block(peer);
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            {
                let mut places = self.places();
                let own = places.counts.get(&block).copied().unwrap_or(0);
                let (is_own_full, open) = (own >= one_max, places.taken.len() - places.closing);
                let has_room = !is_own_full && open < self.all_max;
                if has_room && places.closing < CLOSING_MAX {
                    return Some(self.occupy(&mut places, block));
                }
                if !has_room {
                    let among = is_own_full.then_some(block);
                    let closed = places.close_least(among);
                    drop(places);
                    self.refusals.note();
                    match closed {
                        Closed::One => {
                            count(if is_own_full { "address" } else { "all" });
                            continue;
                        }
                        // Others must not wait for an address that has reached its limit.
                        Closed::AllInUse if is_own_full => {
                            count("address");
                            return None;
                        }
                        Closed::AllInUse | Closed::TrySoon => {}
                    }
                }
            }
            let _ = tokio::time::timeout(LOOK_AGAIN, freed).await;
        }
    }

    /// The open connections, closing ones included.
    #[cfg(test)]
    fn taken(&self) -> usize {
        self.places().taken.len()
    }

    fn occupy(self: &Arc<Self>, places: &mut Places, block: IpAddr) -> Place {
        let connection = Arc::new(Connection::new(block));
        let number = places.next;
        places.next += 1;
        places.taken.insert(number, Arc::clone(&connection));
        *places.counts.entry(block).or_default() += 1;
        metrics::gauge!("provlog_connections").set(places.taken.len() as f64);
        Place { room: Arc::clone(self), number, connection }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        // A panic while it was held leaves no half-made state.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// Closes the connection of the lowest [`EvictionRank`], of one address block or of all, that is not
    /// silent only because the server is late.
    fn close_least(&mut self, among: Option<IpAddr>) -> Closed {
        let all = self.taken.values();
        let own = all.filter(|one| among.is_none_or(|block| one.block == block));
        let (mut candidates, mut is_soon) = (vec![], false);
        for one in own {
            match one.evictable() {
                Evictable::No => {}
                Evictable::Soon => is_soon = true,
                Evictable::Yes(rank) => candidates.push((rank, one)),
            }
        }
        is_soon |= !candidates.is_empty();
        candidates.sort_unstable_by_key(|(rank, _)| *rank);
        // A client that has sent its request is not silent: a busy server has not received it yet.
        let is_late =
            |(rank, one): &(EvictionRank, &Arc<Connection>)| rank.is_silent() && one.is_awaited();
        let Some((_, least)) = candidates.into_iter().find(|candidate| !is_late(candidate)) else {
            return if is_soon { Closed::TrySoon } else { Closed::AllInUse };
        };
        let least = Arc::clone(least);
        least.evicted.cancel();
        self.closing += 1;
        self.leave(least.block);
        Closed::One
    }

    fn leave(&mut self, block: IpAddr) {
        if let Some(count) = self.counts.get_mut(&block) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&block);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.room.places();
        places.taken.remove(&self.number);
        match self.connection.evicted.is_cancelled() {
            true => places.closing -= 1,
            false => places.leave(self.connection.block),
        }
        metrics::gauge!("provlog_connections").set(places.taken.len() as f64);
        drop(places);
        self.room.freed.notify_waiters();
    }
}

fn count(limit: &'static str) {
    metrics::counter!("provlog_connections_refused_total", "limit" => limit).increment(1);
}

/// The address block that counts as one address.
fn block(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => {
            let kept = u128::MAX << (128 - IPV6_PREFIX_BITS);
            Ipv6Addr::from_bits(address.to_bits() & kept).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_millis(500);

    use event::Clock;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    use crate::peer::Stream;

    fn room(all_max: usize) -> Arc<Room> {
        let trusted = vec!["10.0.0.0/8".parse().unwrap()];
        Arc::new(Room::new(all_max, trusted, Arc::new(Refusals::new(Clock::System))))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Enters; drops the places of evicted connections, as their tasks would.
    async fn enter(room: &Arc<Room>, peer: &str, open: &mut Vec<Place>) -> Option<u64> {
        let entering = tokio::spawn({
            let (room, peer) = (Arc::clone(room), address(peer));
            async move { room.enter(peer).await }
        });
        loop {
            tokio::time::advance(Duration::from_millis(1)).await;
            tokio::task::yield_now().await;
            open.retain(|place| !place.connection.evicted.is_cancelled());
            if entering.is_finished() {
                let place = entering.await.unwrap()?;
                let number = place.number;
                open.push(place);
                return Some(number);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_of_the_lowest_rank_is_closed() {
        let room = room(128);
        let mut open = vec![];
        for index in 0..128 {
            let peer = format!("192.0.2.{}", index / 4);
            enter(&room, &peer, &mut open).await.unwrap();
        }
        open[0].connection.answered_known();
        open[1].connection.begin(0);
        tokio::time::advance(GRACE * 2).await;
        open[2].connection.received();
        tokio::time::advance(GRACE * 2).await;
        let expected = (3..128).chain([2, 0]);
        for (given_up, index) in expected.zip(0..) {
            let before: Vec<u64> = open.iter().map(|place| place.number).collect();
            let peer = format!("203.0.113.{}", index % 100);
            let number = enter(&room, &peer, &mut open).await.unwrap();
            // The new connections have a request, so they stay.
            open.last().unwrap().connection.begin(0);
            let after: Vec<u64> = open.iter().map(|place| place.number).collect();
            let gone: Vec<&u64> = before.iter().filter(|one| !after.contains(one)).collect();
            assert_eq!(gone, [&given_up], "for {number}");
            assert_eq!(room.taken(), 128);
        }
        assert!(room.refusals.take().is_some_and(|refused| refused.count >= 127));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_was_not_read_yet_is_not_silence() {
        let room = room(64);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut clients = vec![];
        let mut open = vec![];
        for index in 0..64 {
            let number = enter(&room, &format!("192.0.2.{index}"), &mut open).await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (stream, peer) = Stream::new(listener.accept().await.unwrap().0);
            open.last().unwrap().connection.opened_by(peer.clone());
            if number != 5 && number != 9 {
                client.write_all(b"GET").await.unwrap();
                while !peer.has_sent() {
                    tokio::task::yield_now().await;
                }
            }
            clients.push((client, stream));
        }
        tokio::time::advance(GRACE).await;
        for silent in [5, 9] {
            enter(&room, "203.0.113.1", &mut open).await.unwrap();
            assert!(open.iter().all(|place| place.number != silent), "{silent}");
            open.last().unwrap().connection.begin(0);
            open.last().unwrap().connection.answered_known();
        }
        // The others have all sent something: a new one waits, and nobody is cut off.
        let entering = tokio::spawn({
            let room = Arc::clone(&room);
            async move { room.enter(address("203.0.113.2")).await.map(|place| place.number) }
        });
        tokio::time::advance(GRACE).await;
        tokio::task::yield_now().await;
        assert!(!entering.is_finished());
        assert!(open.iter().all(|place| !place.connection.evicted.is_cancelled()));
        // But it does not wait for ever.
        tokio::time::advance(GRACE * 2).await;
        while !entering.is_finished() {
            tokio::task::yield_now().await;
            open.retain(|place| !place.connection.evicted.is_cancelled());
        }
        assert_eq!(open.len(), 63);
        assert!(entering.await.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_cannot_have_every_place() {
        let room = room(400);
        let check = async |peers: &[&str], expected: usize| {
            let mut open = vec![];
            for index in 0..400 {
                enter(&room, peers[index % peers.len()], &mut open).await.unwrap();
                tokio::time::advance(GRACE * 2).await;
            }
            assert_eq!(room.taken(), expected, "{peers:?}");
            let other = enter(&room, "198.51.100.7", &mut open).await;
            assert!(other.is_some(), "{peers:?}");
        };
        check(&["192.0.2.1"], 100).await;
        check(&["192.0.2.1", "::ffff:192.0.2.1"], 100).await;
        check(&["2001:db8::1", "2001:db8::ffff"], 100).await;
        check(&["2001:db8:0:1::1", "2001:db8:0:2::1"], 200).await;
        check(&["10.0.0.1"], 400).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_whose_connections_are_all_in_use_is_refused() {
        let room = room(400);
        let mut open = vec![];
        for _ in 0..100 {
            enter(&room, "192.0.2.1", &mut open).await.unwrap();
            open.last().unwrap().connection.begin(0);
            open.last().unwrap().connection.answered_known();
        }
        assert_eq!(room.refusals.take(), None);
        assert!(enter(&room, "192.0.2.1", &mut open).await.is_none());
        assert!(room.refusals.take().is_some());
        assert!(enter(&room, "192.0.2.2", &mut open).await.is_some());
    }
}
