//! Media regions: where relays are, which addresses they have, and in which order a site uses them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use super::day::Day;

/// Regions of a site, servers of a region, ranges of a region.
pub const MOST: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RegionKind {
    Home,
    Core,
    Satellite,
}

impl RegionKind {
    pub const ALL: [Self; 3] = [Self::Home, Self::Core, Self::Satellite];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Core => "core",
            Self::Satellite => "satellite",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word().eq_ignore_ascii_case(word.trim()))
    }
}

/// How a site chooses a relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RelayMode {
    /// *Any media region set on this site*: in the order of the list, and never outside it.
    #[default]
    Listed,
    /// *Lowest latency via Geo-Lookup*: the nearest one, by measured round trip.
    LowestLatency,
}

impl RelayMode {
    pub const WORDS: [&str; 2] = ["any media region set on this site", "lowest latency via geo-lookup"];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Listed => Self::WORDS[0],
            Self::LowestLatency => Self::WORDS[1],
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Listed, Self::LowestLatency].into_iter().find(|mode| mode.word().eq_ignore_ascii_case(word.trim()))
    }
}

/// Addresses with a common prefix (CIDR).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    first: IpAddr,
    bits: u8,
}

impl Range {
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                first.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                first.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Range {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WHY: &str = "a range is written 192.0.2.0/24";
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.trim(), None),
        };
        let first: IpAddr = address.parse().map_err(|_| WHY)?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse::<u8>().map_err(|_| WHY))?;
        let range = Self { first, bits };
        if bits > most {
            return Err(WHY);
        }
        let host_bits = match first {
            IpAddr::V4(first) => first.to_bits() & !u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0) != 0,
            IpAddr::V6(first) => first.to_bits() & !u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0) != 0,
        };
        if host_bits { Err("the address has bits outside its prefix") } else { Ok(range) }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

/// A range and since when it is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pooled {
    pub range: Range,
    /// `None`: always.
    pub from: Option<Day>,
}

/// One media region of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// `eu-central-1`.
    pub name: String,
    /// What it is since when, in order of time: regions are promoted, and that is data. Never empty.
    pub kinds: Vec<(Option<Day>, RegionKind)>,
    /// The part of the world, for grouping: `Asia Pacific`. Empty: not said.
    pub geo: String,
    /// Since when it exists.
    pub since: Option<Day>,
    /// STUN and TURN servers as URLs (RFC 7064, RFC 7065).
    pub servers: Vec<String>,
    /// Addresses that media of this region comes from and goes to.
    pub pool: Vec<Pooled>,
}

impl Region {
    pub fn new(name: impl Into<String>, kind: RegionKind) -> Self {
        Self {
            name: name.into(),
            kinds: vec![(None, kind)],
            geo: String::new(),
            since: None,
            servers: Vec::new(),
            pool: Vec::new(),
        }
    }

    /// What it is on a day.
    pub fn kind(&self, today: Day) -> RegionKind {
        let then = self.kinds.iter().rev().find(|(from, _)| from.is_none_or(|from| from <= today));
        then.or(self.kinds.first()).map_or(RegionKind::Core, |(_, kind)| *kind)
    }

    pub fn exists(&self, today: Day) -> bool {
        self.since.is_none_or(|since| since <= today)
    }
}

/// The part of the world of an AWS region, by its name.
pub fn geo_of(region: &str) -> &'static str {
    match region.split('-').next().unwrap_or_default() {
        "us" | "ca" | "sa" | "mx" => "Americas",
        "eu" | "eusc" => "Europe",
        "ap" => "Asia Pacific",
        "af" => "Africa",
        "me" | "il" => "Middle East",
        _ => "",
    }
}

/// Servers of the regions that exist on this day, each with its region, in their order.
pub fn listed(regions: &[Region], today: Option<Day>) -> impl Iterator<Item = (&Region, &str)> {
    let known = regions.iter().filter(move |region| today.is_none_or(|today| region.exists(today)));
    known.flat_map(|region| region.servers.iter().map(move |server| (region, server.as_str())))
}

/// The servers a phone of the site may use, best first. Servers of other regions never appear.
///
/// `round_trips` has what was measured, by server. A server without a measure comes last when the lowest latency is
/// wanted, in the order of the list. With `relay_only` STUN servers are left out.
pub fn servers<'a>(
    regions: &'a [Region],
    mode: RelayMode,
    today: Day,
    relay_only: bool,
    round_trips: &BTreeMap<String, Duration>,
) -> Vec<&'a str> {
    let known = regions.iter().filter(|region| region.exists(today));
    let wanted = |url: &&str| !relay_only || !url.to_lowercase().starts_with("stun");
    let mut servers: Vec<&str> =
        known.flat_map(|region| region.servers.iter().map(String::as_str)).filter(wanted).collect();
    if mode == RelayMode::LowestLatency {
        servers.sort_by_key(|url| round_trips.get(*url).copied().unwrap_or(Duration::MAX));
    }
    servers
}

/// Whether an address is in the pool of any of the regions today; `None`: no region has a pool, so nothing can be
/// said.
pub fn in_pool(regions: &[Region], address: IpAddr, today: Day) -> Option<bool> {
    let mut pooled = regions.iter().flat_map(|region| &region.pool).peekable();
    pooled.peek()?;
    Some(pooled.any(|pooled| pooled.from.is_none_or(|from| from <= today) && pooled.range.contains(address)))
}

/// One line of the rules that a firewall needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallRule {
    pub region: String,
    pub range: Range,
    /// A day to come from which it is in use; `None`: now.
    pub from: Option<Day>,
}

/// Ports and protocols that media needs outwards, for the head of the table. RTP and SRTP use the same ports.
pub const FIREWALL_PORTS: &str = "UDP 3478 and 16384-65535, TCP 3478 and 443";

/// What a firewall has to let through for these regions, in their order; no range twice.
pub fn firewall(regions: &[Region], today: Day) -> Vec<FirewallRule> {
    let mut rules: Vec<FirewallRule> = Vec::new();
    for region in regions {
        for pooled in &region.pool {
            if rules.iter().all(|rule| rule.range != pooled.range) {
                let from = pooled.from.filter(|from| *from > today);
                rules.push(FirewallRule { region: region.name.clone(), range: pooled.range, from });
            }
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today() -> Day {
        Day::new(2026, 6, 1).unwrap()
    }

    fn region(name: &str) -> Region {
        let servers = vec![format!("stun:{name}.example"), format!("turn:{name}.example")];
        Region { servers, ..Region::new(name, RegionKind::Core) }
    }

    fn rtts(of: &[(&str, u64)]) -> BTreeMap<String, Duration> {
        of.iter().map(|(name, ms)| (format!("turn:{name}.example"), Duration::from_millis(*ms))).collect()
    }

    #[test]
    fn row_38_and_39_the_order_of_the_site_is_the_order_of_relays_and_nothing_outside_it_is_used() {
        let regions = [region("c"), region("a"), region("b")];
        let measured = rtts(&[("a", 1), ("elsewhere", 0)]);
        assert_eq!(
            servers(&regions, RelayMode::Listed, today(), true, &measured),
            ["turn:c.example", "turn:a.example", "turn:b.example"]
        );
    }

    #[test]
    fn row_40_the_lowest_round_trip_wins_and_is_chosen_anew_when_it_changes() {
        let regions = [region("a"), region("b"), region("c")];
        let first = |measured: &[(&str, u64)]| {
            servers(&regions, RelayMode::LowestLatency, today(), true, &rtts(measured))[0].to_owned()
        };
        assert_eq!(first(&[("a", 80), ("b", 20), ("c", 50)]), "turn:b.example");
        assert_eq!(first(&[("a", 15), ("b", 90), ("c", 50)]), "turn:a.example");
        assert_eq!(first(&[("c", 50)]), "turn:c.example", "what does not answer comes last");
    }

    #[test]
    fn row_43_and_47_force_turn_and_lowest_latency_together_leave_relays_only_nearest_first() {
        let regions = [region("a"), region("b")];
        let both = servers(&regions, RelayMode::LowestLatency, today(), true, &rtts(&[("a", 9), ("b", 3)]));
        assert_eq!(both, ["turn:b.example", "turn:a.example"]);
        assert!(servers(&regions, RelayMode::Listed, today(), false, &BTreeMap::new()).contains(&"stun:a.example"));
    }

    #[test]
    fn row_44_an_address_outside_the_pool_is_found_and_the_firewall_is_told_each_range_once() {
        let mut one = region("ap-south-1");
        one.pool = ["192.0.2.0/28", "198.51.100.0/24"]
            .map(|range| Pooled { range: range.parse().unwrap(), from: None })
            .to_vec();
        let mut two = region("ap-southeast-2");
        two.pool = vec![Pooled { range: "192.0.2.0/28".parse().unwrap(), from: None }];
        let regions = [one, two];
        assert_eq!(in_pool(&regions, "192.0.2.15".parse().unwrap(), today()), Some(true));
        assert_eq!(in_pool(&regions, "192.0.2.16".parse().unwrap(), today()), Some(false));
        assert_eq!(in_pool(&[], "192.0.2.15".parse().unwrap(), today()), None);
        let rules: Vec<String> = firewall(&regions, today()).iter().map(|rule| rule.range.to_string()).collect();
        assert_eq!(rules, ["192.0.2.0/28", "198.51.100.0/24"]);
    }

    #[test]
    fn row_45_a_range_with_a_day_to_come_is_active_from_that_day() {
        let from = Day::new(2026, 6, 2).unwrap();
        let mut moving = region("eu-west-2");
        moving.pool = vec![Pooled { range: "203.0.113.0/24".parse().unwrap(), from: Some(from) }];
        let address = "203.0.113.9".parse().unwrap();
        let regions = [moving];
        assert_eq!(in_pool(&regions, address, today()), Some(false));
        assert_eq!(in_pool(&regions, address, from), Some(true));
        assert_eq!(firewall(&regions, today())[0].from, Some(from));
        assert_eq!(firewall(&regions, from)[0].from, None);
    }

    #[test]
    fn row_46_a_region_is_promoted_by_data_alone() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let mut mumbai = region("ap-south-1");
        mumbai.since = Some(day("2021-02-10"));
        mumbai.kinds = vec![(None, RegionKind::Satellite), (Some(day("2021-03-31")), RegionKind::Core)];
        assert_eq!(mumbai.kind(day("2021-03-30")), RegionKind::Satellite);
        assert_eq!(mumbai.kind(day("2021-03-31")), RegionKind::Core);
        assert!(!mumbai.exists(day("2021-02-09")));
        assert_eq!(servers(&[mumbai], RelayMode::Listed, day("2021-02-09"), false, &BTreeMap::new()), [""; 0]);
    }

    #[test]
    fn row_134_regions_are_grouped_by_geography() {
        for (region, geo) in [
            ("ap-south-1", "Asia Pacific"),
            ("sa-east-1", "Americas"),
            ("eu-central-1", "Europe"),
            ("eusc-de-east-1", "Europe"),
            ("me-central-1", "Middle East"),
            ("af-south-1", "Africa"),
            ("moon", ""),
        ] {
            assert_eq!(geo_of(region), geo, "{region}");
        }
    }

    #[test]
    fn ranges_end_where_their_prefix_says() {
        let contains = |range: &str, address: &str| range.parse::<Range>().unwrap().contains(address.parse().unwrap());
        assert!(contains("18.98.16.120/30", "18.98.16.120") && contains("18.98.16.120/30", "18.98.16.123"));
        assert!(!contains("18.98.16.120/30", "18.98.16.119") && !contains("18.98.16.120/30", "18.98.16.124"));
        assert!(contains("0.0.0.0/0", "255.255.255.255") && contains("::/0", "2001:db8::1"));
        assert!(contains("192.0.2.1", "::ffff:192.0.2.1") && !contains("192.0.2.0/24", "2001:db8::1"));
        for wrong in ["192.0.2.0/33", "192.0.2.1/24", "192.0.2/24", "a/8", "192.0.2.0/-1", "2001:db8::/129"] {
            assert!(wrong.parse::<Range>().is_err(), "{wrong}");
        }
    }
}
