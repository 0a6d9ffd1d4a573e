//! Whether there is a newer Offhook: reads a signed feed, and judges what stands in it. Nothing is ever downloaded or
//! installed from here; that is the package manager's job.
//!
//! The feed is JSON, and beside it, under the same address with `.minisig` at its end, lies its signature in the
//! format of minisign (Ed25519, <https://jedisct1.github.io/minisign/>):
//!
//! ```json
//! { "schema": 1, "product": "offhook", "expires": "2027-03-31", "minimum_version": "0.3.0",
//!   "releases": [ { "version": "0.4.0", "channel": "stable", "share": 25, "platforms": ["windows", "linux"],
//!                   "notes": "https://example.org/offhook/0.4.0" } ] }
//! ```

use minisign_verify::{PublicKey, Signature};
use semver::Version;
use serde::Deserialize;
use url::Url;

use crate::ids::RequestId;
use crate::input::HttpError;
use crate::output::{Asker, HttpBody, HttpRequest, Method};
use crate::policy::Platform;
use crate::provisioning::Day;

/// Seconds for each of the two requests.
const LIMIT_S: u64 = 20;
/// Longest feed that is read.
const FEED_LIMIT: usize = 256 * 1024;
/// Longest signature.
const SIGNATURE_LIMIT: usize = 4 * 1024;
const RELEASES_LIMIT: usize = 256;

/// How daring somebody is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    #[default]
    Stable,
    /// Also what is not finished.
    Beta,
}

impl Channel {
    /// By its word in settings.
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "stable" => Some(Self::Stable),
            "beta" => Some(Self::Beta),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Release {
    pub version: Version,
    #[serde(default)]
    pub channel: Channel,
    /// Of a hundred computers so many are told; the rest waits.
    #[serde(default = "everybody")]
    pub share: u8,
    /// `windows`, `macos`, `linux`; empty: all.
    #[serde(default)]
    pub platforms: Vec<String>,
    /// What is new, for people; [`secure`] only.
    #[serde(default)]
    pub notes: Option<String>,
}

const fn everybody() -> u8 {
    100
}

/// A feed whose signature was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    releases: Vec<Release>,
    minimum_version: Option<Version>,
}

#[derive(Deserialize)]
struct Text {
    schema: u32,
    product: String,
    expires: String,
    minimum_version: Option<Version>,
    releases: Vec<Release>,
}

/// Where a feed is, and who has to have signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// `https`, or `http` on this computer.
    pub feed: String,
    /// The public key as minisign writes it, in base64.
    pub key: String,
}

/// Why nothing is known of newer versions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError {
    #[error("the address of the feed has to begin with https://")]
    NotHttps,
    #[error("the key of the feed is not a public key of minisign")]
    BadKey,
    #[error("{0}")]
    Http(HttpError),
    #[error("{file} answers {status}")]
    Status { file: String, status: u16 },
    #[error("the signature of the feed is not by the key that is set, or the feed was changed")]
    Forged,
    #[error("the feed cannot be read: {0}")]
    Malformed(String),
    #[error("the feed ended on {0}; it may be an old one that somebody put back")]
    Expired(Day),
}

/// An address that nobody in between can answer for: `https`, or `http` on this computer, for trying it out.
pub fn secure(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    let here = match url.host()? {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    };
    (url.scheme() == "https" || (url.scheme() == "http" && here)).then_some(url)
}

/// Fetches a feed and its signature, and believes it only if the signature is right and it has not expired.
pub fn fetch<A: Asker>(http: &mut A, source: &Source, today: Day) -> Result<Feed, UpdateError> {
    let key = PublicKey::from_base64(source.key.trim()).map_err(|_| UpdateError::BadKey)?;
    let url = secure(&source.feed).ok_or(UpdateError::NotHttps)?;
    let mut beside = url.clone();
    beside.set_path(&format!("{}.minisig", url.path()));
    let feed = get(http, &url, 1, FEED_LIMIT)?;
    let signature = get(http, &beside, 2, SIGNATURE_LIMIT)?;
    open(&feed, &signature, &key, today)
}

fn get<A: Asker>(http: &mut A, url: &Url, number: u64, limit: usize) -> Result<Vec<u8>, UpdateError> {
    let request = HttpRequest {
        request: RequestId(number),
        method: Method::Get,
        url: url.to_string(),
        bearer: None,
        body: HttpBody::Empty,
        limit_s: LIMIT_S,
    };
    let answer = http.ask(request).map_err(UpdateError::Http)?;
    if answer.status != 200 {
        // Without what may be a password or a token.
        let file = format!("{}{}", url.host_str().unwrap_or_default(), url.path());
        return Err(UpdateError::Status { file, status: answer.status });
    }
    if answer.body.len() > limit {
        return Err(UpdateError::Malformed(format!("it is longer than {limit} bytes")));
    }
    Ok(answer.body)
}

fn open(feed: &[u8], signature: &[u8], key: &PublicKey, today: Day) -> Result<Feed, UpdateError> {
    let signature = std::str::from_utf8(signature).ok().and_then(|text| Signature::decode(text).ok());
    let signature = signature.ok_or(UpdateError::Forged)?;
    // Not the old kind of signature, which was made over all bytes and not over their hash: nobody needs it any more.
    key.verify(feed, &signature, false).map_err(|_| UpdateError::Forged)?;
    read(feed, today)
}

/// Reads a feed whose signature is right.
fn read(feed: &[u8], today: Day) -> Result<Feed, UpdateError> {
    let malformed = |why: &str| UpdateError::Malformed(why.to_owned());
    let text: Text = serde_json::from_slice(feed).map_err(|error| UpdateError::Malformed(error.to_string()))?;
    if text.product != "offhook" {
        return Err(malformed("it is the feed of another product"));
    }
    if text.schema != 1 {
        return Err(malformed("it is of a later kind than this version knows"));
    }
    if text.releases.len() > RELEASES_LIMIT {
        return Err(malformed("it has too many releases"));
    }
    let expires: Day = text.expires.parse().map_err(malformed)?;
    if expires < today {
        return Err(UpdateError::Expired(expires));
    }
    let mut releases = text.releases;
    for release in &mut releases {
        // It becomes a button that opens the browser.
        release.notes = release.notes.take().filter(|url| secure(url).is_some());
    }
    Ok(Feed { releases, minimum_version: text.minimum_version })
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Here {
    pub version: Version,
    pub platform: Platform,
    pub channel: Channel,
    /// This computer's lot, 0–99: it is among the first `share` of a hundred if its lot is below. `None`: somebody asked
    /// by hand and is told in any case.
    pub lot: Option<u8>,
}

/// There is something newer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub version: Version,
    pub notes: Option<String>,
    /// What runs is older than the feed's `minimum_version`.
    pub required: bool,
}

/// The newest release that is meant for this computer, if it is newer than what runs.
pub fn offer(feed: &Feed, here: &Here) -> Option<Offer> {
    let platform = match here.platform {
        Platform::Windows => "windows",
        Platform::Macos => "macos",
        Platform::Linux => "linux",
    };
    let required = feed.minimum_version.as_ref().is_some_and(|minimum| here.version < *minimum);
    let meant = feed.releases.iter().filter(|release| {
        release.version > here.version
            && release.channel <= here.channel
            && (release.platforms.is_empty() || release.platforms.iter().any(|name| name == platform))
            // Who has to leave an old version does not wait for a lot.
            && (required || here.lot.is_none_or(|lot| lot < release.share))
    });
    let newest = meant.max_by(|a, b| a.version.cmp(&b.version))?;
    Some(Offer { version: newest.version.clone(), notes: newest.notes.clone(), required })
}

/// Hours of the day in which people are told: `0800-1700`; one that ends before it begins goes over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: u16,
    until: u16,
}

impl Hours {
    /// `None`: that is no such text.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, until) = text.split_once('-')?;
        let minutes = |text: &str| {
            let text = text.trim();
            if text.len() != 4 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let (hours, minutes) = (text.get(..2)?.parse::<u16>().ok()?, text.get(2..)?.parse::<u16>().ok()?);
            (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
        };
        Some(Self { from: minutes(from)?, until: minutes(until)? })
    }

    /// Whether this minute of the day, 0–1439, belongs to them.
    pub fn contain(self, minute: u16) -> bool {
        if self.from <= self.until {
            (self.from..self.until).contains(&minute)
        } else {
            minute >= self.from || minute < self.until
        }
    }
}

/// Body of the fuzz target: whatever a feed or a signature is made of, nothing panics.
///
/// # Panics
///
/// When hours of the day were taken that no day has, which is what the fuzzer looks for.
pub fn fuzz(bytes: &[u8]) {
    if let Ok(feed) = read(bytes, Day::default()) {
        let version = Version::new(0, 1, 0);
        drop(offer(&feed, &Here { version, platform: Platform::Linux, channel: Channel::Beta, lot: Some(50) }));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(Signature::decode(text));
        assert!(Hours::parse(text).is_none_or(|hours| hours.from < 1_440 && hours.until < 1_440), "{text}");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Cursor;
    use std::time::Duration;

    use minisign::KeyPair;
    use proptest::prelude::*;

    use super::*;
    use crate::input::HttpResponse;

    const TODAY: &str = "2026-12-01";

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    /// A web server with these files, and what it was asked.
    #[derive(Default)]
    struct Web {
        files: BTreeMap<String, Vec<u8>>,
        asked: Vec<String>,
    }

    impl Asker for Web {
        fn ask(&mut self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
            self.asked.push(request.url.clone());
            let body = self.files.get(&request.url).cloned();
            let status = if body.is_some() { 200 } else { 404 };
            Ok(HttpResponse { status, retry_after_s: None, location: None, body: body.unwrap_or_default() })
        }

        fn pause(&mut self, _: Duration) {}
    }

    const URL: &str = "https://updates.example.org/offhook.json";

    fn feed(expires: &str) -> String {
        format!(
            r#"{{"schema":1,"product":"offhook","expires":"{expires}","minimum_version":"0.2.0","releases":[
            {{"version":"0.3.0","notes":"https://example.org/0.3.0"}},
            {{"version":"0.4.0","share":25,"notes":"http://example.org/plain"}},
            {{"version":"0.5.0","platforms":["windows"]}},
            {{"version":"0.6.0-beta.1","channel":"beta"}}]}}"#
        )
    }

    /// A server with a signed feed, and where it is.
    fn served(feed: &str) -> (Web, Source) {
        let keys = KeyPair::generate_unencrypted_keypair().unwrap();
        let signature = minisign::sign(None, &keys.sk, Cursor::new(feed), None, None).unwrap().into_string();
        let files = [(URL.to_owned(), feed.into()), (format!("{URL}.minisig"), signature.into_bytes())];
        let web = Web { files: files.into(), asked: Vec::new() };
        (web, Source { feed: URL.to_owned(), key: keys.pk.to_base64() })
    }

    fn here(version: &str) -> Here {
        let version = version.parse().unwrap();
        Here { version, platform: Platform::Linux, channel: Channel::Stable, lot: Some(50) }
    }

    fn fetched() -> Feed {
        let (mut web, source) = served(&feed("2026-12-31"));
        fetch(&mut web, &source, day(TODAY)).unwrap()
    }

    #[test]
    fn a_signed_feed_is_believed_until_it_expires() {
        let (mut web, source) = served(&feed("2026-12-31"));
        assert_eq!(fetch(&mut web, &source, day("2026-12-31")).unwrap().releases.len(), 4);
        assert_eq!(web.asked, [URL.to_owned(), format!("{URL}.minisig")]);
        assert_eq!(fetch(&mut web, &source, day("2027-01-01")), Err(UpdateError::Expired(day("2026-12-31"))));
    }

    #[test]
    fn a_feed_that_was_changed_or_signed_by_somebody_else_is_refused() {
        let (mut web, source) = served(&feed("2026-12-31"));
        let (other, stranger) = served(&feed("2026-12-31"));
        let by_another = Source { key: stranger.key, ..source.clone() };
        assert_eq!(fetch(&mut web, &by_another, day(TODAY)), Err(UpdateError::Forged));
        let changed = feed("2026-12-31").replace("0.3.0", "9.3.0");
        web.files.insert(URL.to_owned(), changed.into());
        assert_eq!(fetch(&mut web, &source, day(TODAY)), Err(UpdateError::Forged));
        // A signature of another feed, and none at all.
        let mut web = Web { files: other.files, asked: Vec::new() };
        assert_eq!(fetch(&mut web, &source, day(TODAY)), Err(UpdateError::Forged));
        web.files.insert(format!("{URL}.minisig"), b"<html>not found</html>".into());
        assert_eq!(fetch(&mut web, &source, day(TODAY)), Err(UpdateError::Forged));
        web.files.remove(&format!("{URL}.minisig"));
        let with_password = Source { feed: URL.replace("//", "//ana:secret@") + "?token=abc", ..source };
        for (address, body) in std::mem::take(&mut web.files) {
            web.files.insert(address.replace("//", "//ana:secret@") + "?token=abc", body);
        }
        let missing = UpdateError::Status { file: "updates.example.org/offhook.json.minisig".to_owned(), status: 404 };
        assert_eq!(fetch(&mut web, &with_password, day(TODAY)), Err(missing));
    }

    #[test]
    fn nothing_is_asked_for_in_the_clear_or_without_a_key() {
        let (_, good) = served(&feed("2026-12-31"));
        for (url, key, why) in [
            ("http://updates.example.org/offhook.json", good.key.as_str(), UpdateError::NotHttps),
            ("ftp://127.0.0.1/offhook.json", good.key.as_str(), UpdateError::NotHttps),
            ("offhook.json", good.key.as_str(), UpdateError::NotHttps),
            (URL, "not a key", UpdateError::BadKey),
        ] {
            let mut web = Web::default();
            let source = Source { feed: url.to_owned(), key: key.to_owned() };
            assert_eq!(fetch(&mut web, &source, day(TODAY)), Err(why), "{url}");
            assert!(web.asked.is_empty(), "{url}");
        }
    }

    #[test]
    fn a_signed_feed_that_makes_no_sense_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "EOF"),
            ("{}", "missing field"),
            (&feed("2026-12-31").replace("offhook", "other"), "another product"),
            (&feed("2026-12-31").replace("\"schema\":1", "\"schema\":2"), "later kind"),
            (&feed("soon"), "YYYY-MM-DD"),
            (&feed("2026-12-31").replace("0.3.0\",", "three\","), "unexpected character"),
        ] {
            let (mut web, source) = served(text);
            let error = fetch(&mut web, &source, day(TODAY)).unwrap_err().to_string();
            assert!(error.contains(why), "{error} has not: {why}");
        }
    }

    #[test]
    fn the_newest_release_that_is_meant_for_this_computer_is_offered() {
        let feed = fetched();
        let version = |here: &Here| offer(&feed, here).map(|offer| offer.version.to_string());
        // 0.4.0 is for one in four, 0.5.0 for Windows, 0.6.0 for the daring.
        assert_eq!(version(&here("0.2.0")).as_deref(), Some("0.3.0"));
        assert_eq!(version(&Here { lot: Some(24), ..here("0.2.0") }).as_deref(), Some("0.4.0"));
        assert_eq!(version(&Here { lot: None, ..here("0.2.0") }).as_deref(), Some("0.4.0"));
        assert_eq!(version(&Here { platform: Platform::Windows, ..here("0.2.0") }).as_deref(), Some("0.5.0"));
        assert_eq!(version(&Here { channel: Channel::Beta, ..here("0.2.0") }).as_deref(), Some("0.6.0-beta.1"));
        assert_eq!(version(&here("0.3.0")), None);
        assert_eq!(version(&here("7.0.0")), None);
    }

    #[test]
    fn a_version_below_the_minimum_is_said_to_be_so_and_waits_for_no_lot() {
        let feed = fetched();
        let old = offer(&feed, &here("0.1.0")).unwrap();
        assert!(old.required && old.version == Version::new(0, 4, 0), "{old:?}");
        assert!(!offer(&feed, &here("0.2.0")).unwrap().required);
    }

    #[test]
    fn only_notes_behind_https_become_a_button() {
        let feed = fetched();
        assert_eq!(offer(&feed, &here("0.2.0")).unwrap().notes.as_deref(), Some("https://example.org/0.3.0"));
        assert_eq!(offer(&feed, &Here { lot: None, ..here("0.2.0") }).unwrap().notes, None);
    }

    #[test]
    fn hours_may_go_over_midnight() {
        let day = Hours::parse("0800-1730").unwrap();
        assert!(day.contain(8 * 60) && day.contain(17 * 60 + 29) && !day.contain(17 * 60 + 30) && !day.contain(0));
        let night = Hours::parse("2200-0500").unwrap();
        assert!(night.contain(23 * 60) && night.contain(0) && !night.contain(5 * 60) && !night.contain(720));
        for wrong in ["", "8-17", "0800", "0800-2500", "0860-1700", "08:00-17:00", "0800-1700-"] {
            assert_eq!(Hours::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_feed_is_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0..400_usize) {
            fuzz(&bytes);
            let mut broken = feed("2026-12-31").into_bytes();
            let at = at % broken.len();
            broken.splice(at..at, bytes);
            fuzz(&broken);
        }
    }
}
