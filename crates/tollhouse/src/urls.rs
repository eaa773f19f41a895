//! Our own addresses as the world sees them, built by the URL type and by nothing else, so that each is a valid URI (F06).

use tollhouse_core::id::OrderId;
use url::{Host, Url};

/// Where we are.
#[derive(Debug, Clone)]
pub struct Addresses {
    public_url: Url,
}

impl Addresses {
    /// Below the public address of the configuration, which may have a path of its own.
    #[must_use]
    pub fn new(public_url: &Url) -> Self {
        Self { public_url: public_url.clone() }
    }

    /// The page of an order.
    #[must_use]
    pub fn order(&self, id: OrderId) -> Url {
        self.below(["o", &id.to_string()])
    }

    /// Where notifications go.
    #[must_use]
    pub fn notifications(&self) -> Url {
        self.below(["webhooks", "nowpayments"])
    }

    /// Where Telegram posts updates.
    #[must_use]
    pub fn telegram(&self) -> Url {
        self.below(["webhooks", "telegram"])
    }

    /// A path of ours; what it holds beyond its slashes is encoded where it has to be.
    #[must_use]
    pub fn path(&self, path: &str) -> Url {
        self.below(path.split('/').filter(|segment| !segment.is_empty()))
    }

    fn below<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.public_url.clone();
        // Every http address has a path; the configuration takes no other.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

/// Whether an address leads nowhere but to the machine, or the network, of whoever uses it.
#[must_use]
pub fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => {
            address.is_loopback() || address.is_private() || address.is_unspecified()
        }
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unspecified(),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(public_url: &str) -> Addresses {
        Addresses::new(&public_url.parse().unwrap())
    }

    #[test]
    fn f06_an_address_is_built_below_the_public_one_and_never_from_pieces_of_text() {
        let id: OrderId = "ord_00000000000000000000000000000007".parse().unwrap();
        for (public, page) in [
            ("https://pay.example.org", "https://pay.example.org/o/ord_00000000000000000000000000000007"),
            ("https://pay.example.org/", "https://pay.example.org/o/ord_00000000000000000000000000000007"),
            ("https://example.org/shop/", "https://example.org/shop/o/ord_00000000000000000000000000000007"),
            (
                "https://bücher.example/a b",
                "https://xn--bcher-kva.example/a%20b/o/ord_00000000000000000000000000000007",
            ),
        ] {
            assert_eq!(addresses(public).order(id).as_str(), page);
        }
        let ours = addresses("https://pay.example.org");
        assert_eq!(ours.notifications().as_str(), "https://pay.example.org/webhooks/nowpayments");
        assert_eq!(ours.telegram().as_str(), "https://pay.example.org/webhooks/telegram");
        assert_eq!(ours.path("/c/a b?c#d").as_str(), "https://pay.example.org/c/a%20b%3Fc%23d");
    }
}
