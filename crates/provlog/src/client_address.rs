//! Whose address a request really came from, when proxies stand in front.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderMap;
use axum::middleware::{self, Next};
use ipnet::IpNet;

/// The same routes, told the client's address by proxies of these networks.
pub(crate) fn behind(router: Router, trusted: Vec<IpNet>) -> Router {
    if trusted.is_empty() {
        return router;
    }
    let trusted: Arc<[IpNet]> = trusted.into();
    router.layer(middleware::from_fn(move |mut request: Request, next: Next| {
        let trusted = Arc::clone(&trusted);
        async move {
            let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
            if let Some(peer) = peer {
                let address = client(peer.ip(), request.headers(), &trusted);
                request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address, 0)));
            }
            next.run(request).await
        }
    }))
}

/// The last address of the chain that no trusted proxy vouches against: each proxy appends whom it
/// heard from, so the chain is read from its end, and what a client wrote at its beginning counts
/// for nothing.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| {
        let address = address.to_canonical();
        trusted.iter().any(|network| network.contains(&address))
    };
    let chain: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let mut address = peer;
    for hop in chain.iter().rev() {
        if !is_trusted(address) {
            break;
        }
        match address_of(hop) {
            Some(earlier) => address = earlier,
            None => break, // "unknown" and the like: the last known address stands
        }
    }
    address
}

/// The address of one hop. Some proxies write the port behind it, an IPv6 address in brackets then, and
/// some put all of it in quotes.
fn address_of(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let hop = hop.strip_prefix('"').and_then(|hop| hop.strip_suffix('"')).unwrap_or(hop).trim();
    if let Ok(address) = hop.parse() {
        return Some(address);
    }
    if let Ok(address) = hop.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    let bare = hop.strip_prefix('[')?.strip_suffix(']')?;
    bare.parse().ok().map(IpAddr::V6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_believed_as_far_as_trusted_proxies_vouch_for_it() {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let check = |peer: &str, forwarded: &[&str], expected: &str| {
            let name = axum::http::HeaderName::from_static("x-forwarded-for");
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append(&name, value.parse().unwrap());
            }
            let found = client(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        };
        check("192.0.2.1", &["198.51.100.7"], "192.0.2.1");
        check("10.0.0.1", &["198.51.100.7"], "198.51.100.7");
        check("::ffff:10.0.0.1", &["198.51.100.7"], "198.51.100.7");
        check("10.0.0.1", &["203.0.113.9, 198.51.100.7"], "198.51.100.7");
        check("10.0.0.1", &["203.0.113.9", "198.51.100.7,10.0.0.2"], "198.51.100.7");
        check("10.0.0.1", &["unknown"], "10.0.0.1");
        check("10.0.0.1", &[], "10.0.0.1");
        check("::1", &["2001:db8::7"], "2001:db8::7");
        check("10.0.0.1", &["198.51.100.7:5678"], "198.51.100.7");
        check("10.0.0.1", &["203.0.113.9:1, 198.51.100.7:2, 10.0.0.2:3"], "198.51.100.7");
        check("10.0.0.1", &["[2001:db8::7]:443"], "2001:db8::7");
        check("10.0.0.1", &["[2001:db8::7]"], "2001:db8::7");
        check("10.0.0.1", &["\"[2001:db8::7]:443\""], "2001:db8::7");
        check("10.0.0.1", &[" \"198.51.100.7\" "], "198.51.100.7");
        for odd in
            ["198.51.100.7:", "198.51.100.7:99999", "[198.51.100.7]", "[::1", "::1]:1", "\"", "[]"]
        {
            check("10.0.0.1", &[odd], "10.0.0.1");
        }
    }
}
