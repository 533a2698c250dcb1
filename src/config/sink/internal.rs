//! Which addresses are inside: a webhook must not become a way to reach what only this machine or its network can.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Whether an address is not one of the public internet. Addresses that hold another one (IPv4 in IPv6, 6to4, NAT64)
/// are what they hold.
pub fn is_internal(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_internal_v4(address),
        IpAddr::V6(address) => held(address).map_or_else(|| is_internal_v6(address), is_internal_v4),
    }
}

/// Whether a web address names an internal address itself, however that is written; of a name it takes a look-up to say.
pub(super) fn names_internal(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_internal(address.into()),
        Some(Host::Ipv6(address)) => is_internal(address.into()),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        None => true,
    }
}

fn is_internal_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_broadcast()
        // "This network", shared by carriers, protocol assignments, benchmarks, multicast and what is reserved.
        || a == 0
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18)
        || a >= 224
}

fn is_internal_v6(address: Ipv6Addr) -> bool {
    // All that is handed out for the public internet lies in 2000::/3; documentation and protocol assignments within it.
    let [a, b, ..] = address.segments();
    a & 0xe000 != 0x2000 || (a == 0x2001 && (b == 0xdb8 || b < 0x200)) || (a == 0x3fff && b < 0x1000)
}

/// The IPv4 address that an IPv6 address stands for: behind the prefix of NAT64, or in a 6to4 address.
fn held(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.octets() {
        [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, held @ ..]
        | [0x20, 0x02, held @ .., _, _, _, _, _, _, _, _, _, _] => Some(held.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_outside() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "192.0.0.1",
            "198.19.0.1",
            "203.0.113.7",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "::127.0.0.1",
            "fec0::1",
        ] {
            assert!(is_internal(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "93.184.216.34",
            "100.63.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "64:ff9b::808:808",
            "2002:808:808::",
        ] {
            assert!(!is_internal(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn an_address_is_seen_through_however_it_is_written() {
        for inside in [
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://[::ffff:7f00:1]/",
            "http://localhost./",
            "http://a.localhost/",
            "http://127.1/",
            "http://①②⑦.0.0.1/",
        ] {
            assert!(names_internal(&inside.parse().unwrap()), "{inside}");
        }
        assert!(!names_internal(&"https://hooks.contoso.com/x".parse().unwrap()));
    }
}
