//! Why a call ended: the words of the service in ours.

use super::wire;
use crate::event::{EndReason, EndedBy};

/// What is known of a leg that ended.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub connected: bool,
    pub local: bool,
    pub handed_over: bool,
    pub declined: bool,
    pub inbound: bool,
}

impl Ended {
    /// The service's words in ours; the one place where they are mapped. A far leg that ended says why ours did.
    pub fn reason(self, leg: &wire::Call, far: Option<&wire::Call>) -> (EndedBy, EndReason, Option<String>) {
        let far = far.filter(|far| wire::is_over(&far.state));
        let sip = leg.sip_code().or_else(|| far.and_then(wire::Call::sip_code));
        let error = leg.error_info.as_ref().map(|error| error.code.clone()).filter(|code| !code.is_empty());
        let kind = leg.disconnect_type.as_str();
        let code = error
            .or_else(|| sip.map(|sip| format!("sip-{sip}")))
            .or_else(|| Some(kind.to_owned()).filter(|kind| !kind.is_empty()));
        if self.declined && !self.connected {
            return (EndedBy::Local, EndReason::Declined, code);
        }
        if self.handed_over {
            return (EndedBy::Local, EndReason::Transferred, code);
        }
        if self.local {
            let reason = if self.connected { EndReason::Hangup } else { EndReason::Cancelled };
            return (EndedBy::Local, reason, code);
        }
        let far_kind = far.map_or("", |far| far.disconnect_type.as_str());
        let reason = match (sip, kind, far_kind) {
            _ if kind == "transport.failure" || far_kind == "transport.failure" => EndReason::MediaFailed,
            (_, "transfer.noanswer", _) => EndReason::NoAnswer,
            _ if kind.starts_with("transfer") => EndReason::Transferred,
            (_, "error" | "system", _) if self.connected || sip.is_none() => EndReason::ServiceFailed,
            _ if self.connected => EndReason::Hangup,
            (Some(486 | 600), ..) | (_, "endpoint.dnd", _) | (_, _, "endpoint.dnd") => EndReason::Busy,
            (Some(404 | 410 | 484 | 604), ..) | (_, "uncallable", _) | (_, _, "uncallable") => EndReason::NotFound,
            (Some(403 | 603), ..) | (_, "spam", _) => EndReason::Declined,
            (Some(408 | 480), ..) | (_, "timeout", _) | (_, _, "timeout") => EndReason::NoAnswer,
            (Some(500..), ..) | (_, _, "error") => EndReason::ServiceFailed,
            _ if self.inbound => EndReason::Cancelled,
            _ => EndReason::Hangup,
        };
        let system = matches!(reason, EndReason::ServiceFailed | EndReason::MediaFailed);
        (if system { EndedBy::System } else { EndedBy::Remote }, reason, code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(ended: Ended, leg: &str, far: &str) -> EndReason {
        let leg: wire::Call = serde_json::from_str(leg).unwrap();
        let far: wire::Call = serde_json::from_str(far).unwrap();
        ended.reason(&leg, Some(&far)).1
    }

    #[test]
    fn words_of_the_service_become_reasons() {
        let out = Ended { connected: false, local: false, handed_over: false, declined: false, inbound: false };
        let up = Ended { connected: true, ..out };
        let ring = Ended { inbound: true, ..out };
        let over = r#"{"state":"disconnected"}"#;
        let sip = |code| format!(r#"{{"state":"terminated","disconnectReasons":[{{"type":"sip","code":{code}}}]}}"#);
        let kind = |kind| format!(r#"{{"state":"disconnected","disconnectType":"{kind}"}}"#);
        for (ended, leg, far, expected) in [
            (out, over.to_owned(), sip(486), EndReason::Busy),
            (out, kind("peer"), sip(404), EndReason::NotFound),
            (out, kind("peer"), sip(480), EndReason::NoAnswer),
            (out, kind("peer"), sip(603), EndReason::Declined),
            (out, kind("error"), over.to_owned(), EndReason::ServiceFailed),
            (up, kind("peer"), sip(486), EndReason::Hangup),
            (up, kind("transfer"), over.to_owned(), EndReason::Transferred),
            (up, kind("transport.failure"), over.to_owned(), EndReason::MediaFailed),
            (up, kind("system"), over.to_owned(), EndReason::ServiceFailed),
            (ring, kind("timeout"), over.to_owned(), EndReason::NoAnswer),
            (ring, kind("transfer.noanswer"), over.to_owned(), EndReason::NoAnswer),
            (ring, kind("peer"), over.to_owned(), EndReason::Cancelled),
            (Ended { declined: true, local: true, ..ring }, kind("client"), over.to_owned(), EndReason::Declined),
            (Ended { local: true, ..up }, kind("client"), over.to_owned(), EndReason::Hangup),
            (Ended { local: true, ..out }, kind("client"), over.to_owned(), EndReason::Cancelled),
        ] {
            assert_eq!(reason(ended, &leg, &far), expected, "{leg} {far}");
        }
    }
}
