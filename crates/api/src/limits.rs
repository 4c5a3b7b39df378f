//! Limits on failures: whoever fails to authenticate too often is told to wait, and the audit log hears of it.
//!
//! *Invariant:* a valid credential always passes: it is looked at first, and only failures are counted. So nobody's failures
//! lock anybody out. Memory is bounded: addresses and orgs are counted in a fixed number of places, by a keyed hash that
//! nobody outside can aim with; who shares a place with a culprit is at worst told to wait after a failure of their own.

mod network;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::HeaderMap;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

pub use network::{Network, NoNetwork};

/// Places for addresses.
const ADDRESSES: u64 = 1 << 16;
/// Places for orgs.
const ORGS: u64 = 1 << 13;

/// What an operator may set of it.
#[derive(Debug, Clone)]
pub struct LimitSettings {
    /// Failures a minute from one address, and as many at once.
    pub per_address: NonZeroU32,
    /// Failures a minute against one org's routes, and as many at once.
    pub per_org: NonZeroU32,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted: Vec<Network>,
}

impl LimitSettings {
    /// Failures a minute from one address unless set otherwise: a whole office behind one address may mistype.
    pub const PER_ADDRESS: NonZeroU32 = NonZeroU32::new(600).expect("it is not 0");
    /// Failures a minute against one org unless set otherwise.
    pub const PER_ORG: NonZeroU32 = NonZeroU32::new(3000).expect("it is not 0");
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self { per_address: Self::PER_ADDRESS, per_org: Self::PER_ORG, trusted: Vec::new() }
    }
}

/// Who has failed how often of late.
pub(crate) struct Limits {
    addresses: DefaultKeyedRateLimiter<u64>,
    orgs: DefaultKeyedRateLimiter<u64>,
    trusted: Vec<Network>,
    hasher: RandomState,
    clock: DefaultClock,
}

impl Limits {
    pub(crate) fn new(settings: &LimitSettings) -> Self {
        Self {
            addresses: RateLimiter::keyed(Quota::per_minute(settings.per_address)),
            orgs: RateLimiter::keyed(Quota::per_minute(settings.per_org)),
            trusted: settings.trusted.clone(),
            hasher: RandomState::new(),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a failure from `address`, against `org` as the path says it. Answers how long to wait where it was one too many.
    pub(crate) fn count(&self, address: Option<IpAddr>, org: Option<&str>) -> Option<Duration> {
        let address = address.map(|address| self.hasher.hash_one(neighbourhood(address)) % ADDRESSES);
        let org = org.map(|org| self.hasher.hash_one(org) % ORGS);
        let waits = |limiter: &DefaultKeyedRateLimiter<u64>, place: u64| {
            limiter.check_key(&place).err().map(|not_until| not_until.wait_time_from(self.clock.now()))
        };
        // Who is stopped by address already adds nothing to what the org has to bear.
        let by_address = address.and_then(|place| waits(&self.addresses, place));
        by_address.or_else(|| org.and_then(|place| waits(&self.orgs, place)))
    }

    /// Whom a request comes from: the other end of its connection, or, where that is a trusted proxy, the last address in
    /// `X-Forwarded-For` that is none.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        let values: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
        let mut hops = values.iter().flat_map(|value| value.split(',')).rev();
        while self.trusted.iter().any(|network| network.holds(client)) {
            let Some(next) = hops.next().and_then(network::address) else { break };
            client = next;
        }
        client
    }
}

/// What counts as one address: a whole /64 is one customer's of an IPv6 provider.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_address: u32, per_org: u32, trusted: &[&str]) -> Limits {
        let few = |number: u32| NonZeroU32::new(number).unwrap();
        let trusted = trusted.iter().map(|network| network.parse().unwrap()).collect();
        Limits::new(&LimitSettings { per_address: few(per_address), per_org: few(per_org), trusted })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_slowed_and_no_other() {
        let limits = limits(2, 100, &[]);
        let fails = |address: &str| limits.count(Some(ip(address)), None).is_some();
        assert!(!fails("192.0.2.1") && !fails("192.0.2.1") && fails("192.0.2.1"));
        assert!(!fails("192.0.2.2"));
        assert!(!fails("2001:db8::1") && !fails("2001:db8::2") && fails("2001:db8::3"), "one /64 is one customer");
        assert!(!fails("2001:db8:0:1::1"));
    }

    #[test]
    fn an_org_is_slowed_whoever_fails_and_no_other() {
        let limits = limits(100, 2, &[]);
        let fails = |address: &str, org: &str| limits.count(Some(ip(address)), Some(org)).is_some();
        assert!(!fails("192.0.2.1", "123456") && !fails("192.0.2.2", "123456") && fails("192.0.2.3", "123456"));
        assert!(!fails("192.0.2.3", "123457"));
    }

    #[test]
    fn the_forwarded_address_counts_behind_a_trusted_proxy_alone() {
        let limits = limits(1, 1, &["10.0.0.0/8", "::1"]);
        let client = |peer: &str, forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            limits.client(ip(peer), &headers).to_string()
        };
        assert_eq!(client("192.0.2.9", &["198.51.100.1"]), "192.0.2.9", "anybody can send the header");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(
            client("10.0.0.1", &["203.0.113.5, 198.51.100.1"]),
            "198.51.100.1",
            "the last hop is the proxy's own word"
        );
        assert_eq!(client("10.0.0.1", &["203.0.113.5, 198.51.100.1", "10.9.9.9"]), "198.51.100.1");
        assert_eq!(client("::1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["unknown"]), "10.0.0.1");
    }
}
