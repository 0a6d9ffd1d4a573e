//! Which of the service's STUN and TURN servers this phone may use, and in which order: the media regions of its site.

use crate::media::{IceServer, RelayOrder, TurnTransport};
use crate::policy::{Effective, Setting};

/// Words of the setting `relay_choice`; the other one is the fastest.
const LISTED: &str = "listed";

/// A server that is listed: `eu-west-1=turn:HOST:PORT?transport=udp` (RFC 7064, RFC 7065). What the address does not say
/// may be anything.
#[derive(Debug, PartialEq, Eq)]
struct Listed<'a> {
    region: &'a str,
    scheme: &'a str,
    host: &'a str,
    port: Option<u16>,
    transport: Option<&'a str>,
}

impl<'a> Listed<'a> {
    fn parse(entry: &'a str) -> Option<Self> {
        let (region, url) = match entry.split_once('=') {
            Some((region, url)) if !region.contains(':') => (region.trim(), url.trim()),
            _ => ("", entry.trim()),
        };
        let (scheme, rest) = url.split_once(':')?;
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => authority.rsplit_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map(str::parse).transpose().ok()?;
        let known = ["stun", "stuns", "turn", "turns"].into_iter().any(|known| scheme.eq_ignore_ascii_case(known));
        (known && !host.is_empty()).then_some(Self {
            region,
            scheme,
            host,
            port,
            transport: query.strip_prefix("transport="),
        })
    }

    fn is(&self, server: &IceServer) -> bool {
        let scheme = |word: &str| self.scheme.eq_ignore_ascii_case(word);
        let (host, port, fits) = match server {
            IceServer::Stun { host, port } => (host, port, scheme("stun")),
            IceServer::Turn { host, port, transport, .. } => {
                let word = self.transport.map(str::to_ascii_lowercase);
                let fits = match transport {
                    TurnTransport::Tls => scheme("turns"),
                    TurnTransport::Tcp => scheme("turn") && word.is_none_or(|word| word == "tcp"),
                    TurnTransport::Udp => scheme("turn") && word.is_none_or(|word| word == "udp"),
                };
                (host, port, fits)
            }
        };
        let named = host.trim_start_matches('[').trim_end_matches(']');
        fits && named.eq_ignore_ascii_case(self.host) && self.port.is_none_or(|listed| listed == *port)
    }
}

/// Of the servers that the service names those that may be used, best first.
pub(super) fn choose(servers: &[IceServer], rules: &Effective) -> (Vec<IceServer>, RelayOrder) {
    let order = match rules.text(Setting::RelayChoice) {
        Some(LISTED) => RelayOrder::Listed,
        _ => RelayOrder::Fastest,
    };
    let pin = rules.text(Setting::RelayRegion).filter(|pin| !pin.is_empty());
    let listed: Vec<Listed<'_>> =
        rules.list(Setting::RelayServers).iter().filter_map(|entry| Listed::parse(entry)).collect();
    if listed.is_empty() {
        let named = |server: &&IceServer| pin.is_none_or(|pin| has_label(host_of(server), pin));
        return (servers.iter().filter(named).cloned().collect(), order);
    }
    let place = |server: &IceServer| {
        listed
            .iter()
            .position(|listed| listed.is(server) && pin.is_none_or(|pin| listed.region.eq_ignore_ascii_case(pin)))
    };
    let mut allowed: Vec<(usize, &IceServer)> =
        servers.iter().filter_map(|server| Some((place(server)?, server))).collect();
    allowed.sort_by_key(|(place, server)| (*place, cost(server)));
    (allowed.into_iter().map(|(_, server)| server.clone()).collect(), order)
}

/// The region of a server that is listed, by host and port as the engine names it.
pub fn region_of<'a>(rules: &'a Effective, server: &str) -> Option<&'a str> {
    let (host, port) = server.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port: u16 = port.parse().ok()?;
    let mut listed = rules.list(Setting::RelayServers).iter().filter_map(|entry| Listed::parse(entry));
    let found = listed
        .find(|listed| listed.host.eq_ignore_ascii_case(host) && listed.port.is_none_or(|listed| listed == port))?;
    Some(found.region)
}

/// Of two ways to one server the lighter comes first.
const fn cost(server: &IceServer) -> u8 {
    match server {
        IceServer::Stun { .. } | IceServer::Turn { transport: TurnTransport::Udp, .. } => 0,
        IceServer::Turn { transport: TurnTransport::Tcp, .. } => 1,
        IceServer::Turn { transport: TurnTransport::Tls, .. } => 2,
    }
}

fn host_of(server: &IceServer) -> &str {
    match server {
        IceServer::Stun { host, .. } | IceServer::Turn { host, .. } => host,
    }
}

/// Where no list says which server is of which region, its name may.
fn has_label(host: &str, region: &str) -> bool {
    host.split('.').any(|label| label.eq_ignore_ascii_case(region))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Layer, Layers, Source, Value, resolve};

    fn turn(host: &str, transport: TurnTransport) -> IceServer {
        IceServer::Turn { host: host.into(), port: 3478, transport, username: "u".into(), password: "p".into() }
    }

    fn named_by_the_service() -> Vec<IceServer> {
        vec![
            turn("a.example", TurnTransport::Udp),
            turn("b.example", TurnTransport::Tcp),
            turn("b.example", TurnTransport::Udp),
            turn("c.example", TurnTransport::Tls),
            IceServer::Stun { host: "s.example".into(), port: 3478 },
        ]
    }

    fn rules(listed: &[&str], choice: &str, pin: &str) -> Effective {
        let mut layers = Layers::default();
        let mut say = |setting, value| {
            layers.set(setting, value, Source::new(Layer::Site, "Madrid"));
        };
        say(Setting::RelayServers, Value::List(listed.iter().map(|entry| (*entry).to_owned()).collect()));
        say(Setting::RelayChoice, Value::Text(choice.to_owned()));
        if !pin.is_empty() {
            say(Setting::RelayRegion, Value::Text(pin.to_owned()));
        }
        resolve(&layers)
    }

    fn chosen(listed: &[&str], choice: &str, pin: &str) -> Vec<String> {
        let (servers, _) = choose(&named_by_the_service(), &rules(listed, choice, pin));
        let name = |server: &IceServer| match server {
            IceServer::Stun { host, .. } => format!("stun {host}"),
            IceServer::Turn { host, transport, .. } => format!("{transport:?} {host}"),
        };
        servers.iter().map(name).collect()
    }

    const SITE: [&str; 3] = [
        "eu-west-1=turn:b.example:3478?transport=udp",
        "eu-central-1=turns:c.example",
        "eu-central-1=turn:A.example:3478",
    ];

    #[test]
    fn row_38_and_39_servers_come_in_the_site_s_order_and_others_not_at_all() {
        assert_eq!(chosen(&SITE, "listed", ""), ["Udp b.example", "Tls c.example", "Udp a.example"]);
        assert_eq!(choose(&[], &rules(&SITE, "listed", "")).1, RelayOrder::Listed);
        assert_eq!(choose(&[], &rules(&SITE, "lowest-latency", "")).1, RelayOrder::Fastest);
        assert_eq!(chosen(&["x=turn:elsewhere.example"], "listed", ""), [""; 0]);
        assert_eq!(chosen(&[], "listed", "").len(), 5, "without a list the service decides");
    }

    #[test]
    fn a_pinned_region_is_the_only_one() {
        assert_eq!(chosen(&SITE, "listed", "eu-central-1"), ["Tls c.example", "Udp a.example"]);
        assert_eq!(chosen(&SITE, "lowest-latency", "EU-WEST-1"), ["Udp b.example"]);
        assert_eq!(chosen(&SITE, "listed", "us-east-1"), [""; 0]);
        assert_eq!(chosen(&[], "listed", "b"), ["Tcp b.example", "Udp b.example"], "its name says the region");
    }

    #[test]
    fn a_server_in_use_is_known_by_its_region() {
        let rules = rules(&SITE, "listed", "");
        assert_eq!(region_of(&rules, "b.example:3478"), Some("eu-west-1"));
        assert_eq!(region_of(&rules, "c.example:443"), Some("eu-central-1"), "no port is listed");
        assert_eq!(region_of(&rules, "a.example:3479"), None);
        assert_eq!(region_of(&rules, "nonsense"), None);
    }

    #[test]
    fn nonsense_in_a_list_is_no_server() {
        for entry in ["", "eu-west-1", "=", "x=", "x=http://h", "x=turn:", "x=turn:h:port", "turn:[::1"] {
            let parsed = Listed::parse(entry);
            assert!(parsed.is_none() || entry == "turn:[::1", "{entry}: {parsed:?}");
        }
        let v6 = Listed::parse("x=turn:[2001:db8::1]:3479?transport=tcp").unwrap();
        assert_eq!((v6.host, v6.port, v6.transport), ("2001:db8::1", Some(3479), Some("tcp")));
    }
}
