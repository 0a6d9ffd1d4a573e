//! Requests on their way: what each is for, so that its answer finds home.

use std::time::Duration;

use serde_json::Value;

use super::wire::{self, Failure};
use super::{GenesysLine, calls, transfer};
use crate::ids::{CallId, RequestId};
use crate::input::{HttpError, HttpResponse};
use crate::line::{LineOutput, Request};
use crate::output::{HttpBody, HttpRequest, Method};
use crate::redact::Private;

/// Requests at once; the next is refused as if nothing had answered.
pub const MAX_REQUESTS: usize = 128;
/// Requests kept to be sent again with a new token.
pub const MAX_AGAIN: usize = 16;
/// Seconds a step of connecting may take.
pub const CONNECT_LIMIT_S: u64 = 10;
/// Seconds any other request may take.
pub const CONTROL_LIMIT_S: u64 = 10;

/// What an answer is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Purpose {
    // Steps of connecting: forgotten when the attempt is abandoned.
    Organisation,
    Me,
    Channel,
    Station,
    Bulk,
    // Getting a token; not part of an attempt, a call may wait for it too.
    Authorise,
    Token {
        refresh: bool,
    },
    // The rest.
    Stations,
    SelectPhone {
        id: String,
    },
    /// The first half of making the service forget a session; the second selects the phone again.
    ForgetStation {
        id: String,
    },
    Resync {
        known: Vec<CallId>,
    },
    Lookup {
        call: CallId,
    },
    Dial {
        call: CallId,
    },
    CallMe,
    Patch {
        call: CallId,
        request: Request,
        tries: u32,
    },
    Digits {
        call: CallId,
        digits: String,
    },
    Transfer {
        call: CallId,
        step: transfer::Step,
    },
    WrapUpCodes {
        call: CallId,
    },
    WrapUp {
        call: CallId,
    },
    /// The phone in use, to see whether its settings changed.
    StationCheck,
    /// Why there is no phone.
    MyPhones,
    ReleasePhone,
    /// Nobody waits for the answer.
    Ignored,
}

impl Purpose {
    pub fn connecting(&self) -> bool {
        matches!(self, Self::Organisation | Self::Me | Self::Channel | Self::Station | Self::Bulk)
    }
}

/// Enough of a request to send it again.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: Method,
    /// From the slash on.
    pub path: String,
    pub body: HttpBody,
    pub limit_s: u64,
}

#[derive(Clone, Debug)]
pub struct Pending {
    pub purpose: Purpose,
    pub ask: Ask,
}

/// What came of a request, sorted by what the caller does next.
#[derive(Debug)]
pub enum Reply {
    Good(Vec<u8>),
    /// 401: the token is no good.
    Unauthorised,
    /// Any other refusal.
    Refused {
        status: u16,
        why: String,
        stay_away: Option<Duration>,
    },
    Lost(HttpError),
}

impl Reply {
    fn of(result: Result<HttpResponse, HttpError>) -> Self {
        match result {
            Ok(response) if (200..300).contains(&response.status) => Self::Good(response.body),
            Ok(response) if response.status == 401 => Self::Unauthorised,
            Ok(response) => {
                let failure: Failure = wire::parse(&response.body).unwrap_or_default();
                let why = if failure.message.is_empty() { failure.code } else { failure.message };
                Self::Refused {
                    status: response.status,
                    why: calls::sentence(&why),
                    stay_away: response.retry_after_s.map(|s| Duration::from_secs(u64::from(s))),
                }
            }
            Err(error) => Self::Lost(error),
        }
    }

    /// One clause for the user; `None` when it went well.
    pub fn failure(&self) -> Option<String> {
        match self {
            Self::Good(_) => None,
            Self::Unauthorised => Some("the sign-in is no longer accepted".into()),
            Self::Refused { status, why, .. } if why.is_empty() => Some(format!("it answered with HTTP {status}")),
            Self::Refused { why, .. } => Some(why.clone()),
            Self::Lost(error) => Some(error.to_string()),
        }
    }
}

pub fn json(value: &Value) -> HttpBody {
    HttpBody::Json(Private::new(value.to_string()))
}

/// A path segment made of an id from the wire: nothing in it can leave its segment.
pub fn segment(id: &str) -> String {
    use std::fmt::Write as _;

    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => out.push(byte as char),
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

impl GenesysLine {
    pub(super) fn get(&mut self, purpose: Purpose, path: String) {
        let limit_s = if purpose.connecting() { CONNECT_LIMIT_S } else { CONTROL_LIMIT_S };
        self.ask(purpose, Ask { method: Method::Get, path, body: HttpBody::Empty, limit_s });
    }

    pub(super) fn send_body(&mut self, purpose: Purpose, method: Method, path: String, body: HttpBody) {
        let limit_s = if purpose.connecting() { CONNECT_LIMIT_S } else { CONTROL_LIMIT_S };
        self.ask(purpose, Ask { method, path, body, limit_s });
    }

    /// To the REST host, with our token.
    pub(super) fn ask(&mut self, purpose: Purpose, ask: Ask) {
        let Some(api) = self.hosts.as_ref().map(|hosts| hosts.api.clone()) else { return };
        let bearer = self.token.clone();
        self.transmit(format!("{api}{}", ask.path), bearer, purpose, ask);
    }

    /// To any host, with or without a token.
    pub(super) fn transmit(&mut self, url: String, bearer: Option<Private<String>>, purpose: Purpose, ask: Ask) {
        if self.pending.len() >= MAX_REQUESTS {
            tracing::warn!(?purpose, "too many requests at once, one is dropped");
            return;
        }
        let request = RequestId(self.requests.next());
        let http =
            HttpRequest { request, method: ask.method, url, bearer, body: ask.body.clone(), limit_s: ask.limit_s };
        self.pending.insert(request, Pending { purpose, ask });
        self.out.push_back(LineOutput::Http(http));
    }

    pub(super) fn http_done(
        &mut self,
        now: std::time::Instant,
        request: RequestId,
        result: Result<HttpResponse, HttpError>,
    ) {
        // Not there: of an attempt that was abandoned.
        let Some(Pending { purpose, ask }) = self.pending.remove(&request) else { return };
        match purpose {
            // A redirect is the good answer here.
            Purpose::Authorise => self.authorised(now, result),
            Purpose::Token { refresh } => self.token_came(now, refresh, result),
            _ => {
                let reply = Reply::of(result);
                if matches!(reply, Reply::Good(_)) {
                    self.token_proved = true;
                }
                if matches!(reply, Reply::Unauthorised) && !matches!(purpose, Purpose::Ignored) && !self.leaving {
                    self.unauthorised(now, purpose, ask);
                } else {
                    self.answered(now, purpose, reply);
                }
            }
        }
    }

    /// The token was refused: get another one and ask again, or tell.
    fn unauthorised(&mut self, now: std::time::Instant, purpose: Purpose, ask: Ask) {
        if !self.can_renew() || (!purpose.connecting() && self.again.len() >= MAX_AGAIN) {
            if purpose.connecting() {
                self.token_refused(now);
            } else {
                self.answered(now, purpose, Reply::Unauthorised);
                self.token_refused(now);
            }
            return;
        }
        if !purpose.connecting() {
            self.again.push((purpose, ask));
        }
        self.token = None;
        self.token_proved = false;
        self.authorise();
    }

    pub(super) fn answered(&mut self, now: std::time::Instant, purpose: Purpose, reply: Reply) {
        match purpose {
            Purpose::Organisation | Purpose::Me | Purpose::Channel | Purpose::Station | Purpose::Bulk => {
                self.connect_step(now, &purpose, reply);
            }
            Purpose::Stations => self.stations_came(&reply),
            Purpose::SelectPhone { id } => self.phone_selected(&id, &reply),
            Purpose::ForgetStation { id } => self.select_phone(&id),
            Purpose::Resync { known } => self.resync_came(now, &known, &reply),
            Purpose::Lookup { call } => self.lookup_came(now, call, &reply),
            Purpose::Dial { call } => self.dial_answered(now, call, &reply),
            Purpose::CallMe => self.call_me_answered(&reply),
            Purpose::Patch { call, request, tries } => self.patch_answered(now, call, request, tries, &reply),
            Purpose::Digits { call, digits } => self.digits_answered(call, digits, &reply),
            Purpose::Transfer { call, step } => self.transfer_answered(call, step, &reply),
            Purpose::WrapUpCodes { call } => self.wrap_up_codes_came(call, &reply),
            Purpose::WrapUp { call } => self.wrap_up_answered(call, &reply),
            Purpose::StationCheck => self.station_checked(&reply),
            Purpose::MyPhones => self.my_phones_came(&reply),
            Purpose::ReleasePhone => self.phone_released(&reply),
            Purpose::Authorise | Purpose::Token { .. } | Purpose::Ignored => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_from_the_wire_cannot_leave_its_segment() {
        assert_eq!(segment("4f999bc8-91f0_A"), "4f999bc8-91f0_A");
        assert_eq!(segment("../x?y=1#z"), "%2E%2E%2Fx%3Fy%3D1%23z");
    }
}
