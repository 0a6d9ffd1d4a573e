//! Which host is asked for what: all follow from one word, the environment.

use url::Url;

use crate::command::{HostOverrides, SignIn};

/// Addresses without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    /// `https://login.<env>`; where tokens come from.
    pub login: String,
    /// `https://api.<env>`.
    pub api: String,
    /// `wss://streaming.<env>`.
    pub streaming: String,
    /// The address of the subscription service on the stream, no host name.
    pub notifications: String,
    /// For sentences to the user.
    pub name: String,
}

impl Hosts {
    /// `None` when the environment is no address at all.
    pub fn of(sign_in: &SignIn) -> Option<Self> {
        match sign_in {
            SignIn::Practice { origin, .. } => Self::own_origin(origin),
            SignIn::Token { environment, .. } => Self::of_environment(environment),
            SignIn::Service(sign_in) => {
                let mut hosts = Self::of_environment(&sign_in.service.environment)?;
                let HostOverrides { login, api, streaming } = &sign_in.service.hosts;
                for (to, from) in [(&mut hosts.login, login), (&mut hosts.api, api)] {
                    if let Some(origin) = from {
                        *to = origin_of(origin, &["http", "https"])?;
                    }
                }
                if let Some(origin) = streaming {
                    hosts.streaming = origin_of(origin, &["ws", "wss"])?;
                }
                Some(hosts)
            }
        }
    }

    fn of_environment(environment: &str) -> Option<Self> {
        if environment.trim().starts_with("http") {
            Self::own_origin(environment)
        } else {
            Self::environment(environment)
        }
    }

    fn environment(environment: &str) -> Option<Self> {
        let environment = environment.trim();
        let host = Url::parse(&format!("https://api.{environment}")).ok()?;
        if environment.is_empty() || host.host_str() != Some(format!("api.{environment}").as_str()) {
            return None;
        }
        Some(Self {
            login: format!("https://login.{environment}"),
            api: format!("https://api.{environment}"),
            streaming: format!("wss://streaming.{environment}"),
            notifications: format!("notifications.{environment}"),
            name: environment.to_owned(),
        })
    }

    /// Everything on one origin, as a practice exchange has it.
    fn own_origin(origin: &str) -> Option<Self> {
        let url = Url::parse(origin.trim()).ok()?;
        let streaming = match url.scheme() {
            "http" => "ws",
            "https" => "wss",
            _ => return None,
        };
        let host = url.host_str().filter(|host| !host.is_empty())?;
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let origin = format!("{}://{authority}", url.scheme());
        Some(Self {
            login: origin.clone(),
            api: origin,
            streaming: format!("{streaming}://{authority}"),
            notifications: format!("notifications.{authority}"),
            name: authority,
        })
    }
}

/// Scheme, host and port of an address with one of these schemes, and nothing else in it.
fn origin_of(address: &str, schemes: &[&str]) -> Option<String> {
    let url = Url::parse(address.trim()).ok().filter(|url| schemes.contains(&url.scheme()))?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let bare = url.username().is_empty() && matches!(url.path(), "" | "/") && url.query().is_none();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    bare.then(|| format!("{}://{host}{port}", url.scheme()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(environment: &str, expected: Option<[&str; 4]>) {
        let sign_in = SignIn::Token { environment: environment.into(), token: "t".into() };
        let hosts = Hosts::of(&sign_in);
        let got = hosts.as_ref().map(|h| [&*h.login, &*h.api, &*h.streaming, &*h.notifications]);
        assert_eq!(got, expected);
    }

    #[test]
    fn hosts_follow_from_the_environment() {
        check(
            "mypurecloud.de",
            Some([
                "https://login.mypurecloud.de",
                "https://api.mypurecloud.de",
                "wss://streaming.mypurecloud.de",
                "notifications.mypurecloud.de",
            ]),
        );
        check(
            "http://127.0.0.1:8443/",
            Some([
                "http://127.0.0.1:8443",
                "http://127.0.0.1:8443",
                "ws://127.0.0.1:8443",
                "notifications.127.0.0.1:8443",
            ]),
        );
        let service = |overrides: HostOverrides| {
            let service = crate::command::Service {
                environment: "mypurecloud.de".into(),
                hosts: overrides,
                ..crate::command::Service::default()
            };
            let sign_in = crate::command::ServiceSignIn { service, ..crate::command::ServiceSignIn::default() };
            Hosts::of(&SignIn::Service(Box::new(sign_in)))
        };
        let overrides = HostOverrides { login: Some("https://sso.example:8/".into()), ..HostOverrides::default() };
        let hosts = service(overrides).unwrap();
        assert_eq!((hosts.login.as_str(), hosts.api.as_str()), ("https://sso.example:8", "https://api.mypurecloud.de"));
        for bad in ["http://u@evil/", "https://x/path", "file:///etc", "wss://x"] {
            assert_eq!(service(HostOverrides { api: Some(bad.into()), ..HostOverrides::default() }), None, "{bad}");
        }
        for nonsense in ["", "a b", "de/../x", "http://", "user@evil"] {
            check(nonsense, None);
        }
    }
}
