//! From which address a request comes, as far as that can be told. What a caller writes about itself counts for nothing: a forwarding
//! header is believed only from a proxy that the configuration names (S03).

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

/// What proxies write, in the order in which the request went.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Most hops that are looked at, from ours outwards. More proxies of one's own in a row are a slip, or an attack on our patience.
const HOPS_MAX: usize = 16;

/// The address of whoever sent a request; `None` where it cannot be told: the request came from this machine or this network, so most
/// likely by a proxy that the configuration does not name, and then everybody would look like one.
#[must_use]
pub fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return (!is_nearby(peer)).then_some(peer);
    }
    let (plain, standard) = (plain_hops(headers), standard_hops(headers));
    let hops = match (plain.is_empty(), standard.is_empty()) {
        (_, true) => plain,
        (true, false) => standard,
        // A proxy writes one of them and hands the other on as the caller wrote it. Which is which cannot be told unless they agree.
        (false, false) if plain == standard => plain,
        (false, false) => return Some(peer),
    };
    Some(outermost(peer, &hops, trusted))
}

/// From us outwards: the first hop that is no proxy of ours. A hop that cannot be read ends the way at the proxy that wrote it.
fn outermost(peer: IpAddr, hops: &[Option<IpAddr>], trusted: &[IpNet]) -> IpAddr {
    let mut at = peer;
    for hop in hops.iter().rev().take(HOPS_MAX) {
        let Some(hop) = *hop else { return at };
        at = hop;
        if !is_trusted(hop, trusted) {
            return at;
        }
    }
    at
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// Of this machine or a private network.
fn is_nearby(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => {
            v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified()
        }
    }
}

/// The hops of `X-Forwarded-For`; one that is no address is `None`.
fn plain_hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    parts(headers, &FORWARDED_FOR).map(read).collect()
}

/// The hops of `Forwarded` (RFC 7239): what each element says behind `for=`.
fn standard_hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let of_element = |element: &str| {
        element.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then(|| read(value)).flatten()
        })
    };
    parts(headers, &header::FORWARDED).map(of_element).collect()
}

fn parts<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).into_iter().map(|line| line.to_str().unwrap_or("unreadable"));
    lines.flat_map(|line| line.split(','))
}

/// An address, with or without quotes, brackets and port.
fn read(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let address = text.parse::<IpAddr>().ok().or_else(|| {
        let inside = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let bare =
            inside.map_or_else(|| text.rsplit_once(':').map_or(text, |(host, _)| host), |(host, _)| host);
        bare.parse().ok()
    });
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks() -> Vec<IpNet> {
        ["10.0.0.0/8", "127.0.0.1/32", "2001:db8::/32"].map(|text| text.parse().unwrap()).to_vec()
    }

    fn from(peer: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        address(peer.parse().unwrap(), &map, &networks()).map(|address| address.to_string())
    }

    #[test]
    fn s03_what_a_caller_says_of_itself_counts_for_nothing() {
        let lie = [("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=10.0.0.1")];
        assert_eq!(from("203.0.113.9", &lie).as_deref(), Some("203.0.113.9"));
        assert_eq!(from("::ffff:203.0.113.9", &lie).as_deref(), Some("203.0.113.9"));
        // Behind a trusted proxy the caller's own words stand further out than what the proxy saw.
        let appended = [("x-forwarded-for", "198.51.100.1, 203.0.113.9")];
        assert_eq!(from("10.1.2.3", &appended).as_deref(), Some("203.0.113.9"));
        let lines = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(from("10.1.2.3", &lines).as_deref(), Some("203.0.113.9"));
        // What one proxy wrote and the other only handed on.
        let both = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=198.51.100.1")];
        assert_eq!(from("10.1.2.3", &both).as_deref(), Some("10.1.2.3"));
    }

    #[test]
    fn proxies_in_a_row_are_passed_over() {
        let through = [("x-forwarded-for", "203.0.113.9, 10.9.9.9")];
        assert_eq!(from("127.0.0.1", &through).as_deref(), Some("203.0.113.9"));
        let standard = [("forwarded", "for=\"[2001:db9::1]:4711\";proto=https, for=10.9.9.9;by=10.0.0.1")];
        assert_eq!(from("127.0.0.1", &standard).as_deref(), Some("2001:db9::1"));
        assert_eq!(
            from("127.0.0.1", &[("x-forwarded-for", "203.0.113.9:4711")]).as_deref(),
            Some("203.0.113.9")
        );
        // Nobody else was in between: it is the proxy itself that asks.
        assert_eq!(from("127.0.0.1", &[]).as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn what_cannot_be_read_ends_at_the_proxy_that_wrote_it() {
        for text in ["unknown", "_hidden", "203.0.113.9, unknown", ",", "1.2.3"] {
            assert_eq!(from("10.1.2.3", &[("x-forwarded-for", text)]).as_deref(), Some("10.1.2.3"), "{text}");
        }
        assert_eq!(from("10.1.2.3", &[("forwarded", "for=_gazonk")]).as_deref(), Some("10.1.2.3"));
    }

    #[test]
    fn a_proxy_nearby_that_nobody_named_hides_everybody() {
        for peer in ["192.168.1.1", "::1", "fd00::1", "172.16.0.9"] {
            assert_eq!(from(peer, &[("x-forwarded-for", "203.0.113.9")]), None, "{peer}");
        }
    }
}
