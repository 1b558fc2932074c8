//! The client's address of a request that came through trusted proxies.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderMap;
use axum::middleware::{self, Next};
use ipnet::IpNet;

/// The same routes; their `ConnectInfo` has the client's address that proxies of these networks report.
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

/// The last address of `X-Forwarded-For` that is not a trusted proxy's. Each proxy appends the address
/// it received the request from, so the list is read from its end, and what a client itself wrote at
/// its beginning is ignored.
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

/// The address of one hop. Some proxies append the port, with an IPv6 address in brackets, and some
/// quote the whole.
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
    fn the_list_is_read_from_its_end_as_long_as_its_hops_are_trusted() {
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
