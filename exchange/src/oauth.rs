//! Sign-in: OAuth 2 code grant with PKCE (RFC 6749 §4.1, RFC 7636), granted without asking anybody; opaque tokens
//! that expire.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};
use url::Url;

use crate::chance::Chance;
use crate::machine::{Exchange, HttpReply, HttpRequest};
use crate::rules::Rule;
use crate::users::UserIx;

/// A code is for immediate use (RFC 6749 §4.1.2 allows ten minutes at most).
const CODE_LIFE: Duration = Duration::from_mins(1);
/// Codes and tokens kept; when there are more, the oldest goes.
const MOST_CODES: usize = 64;
const MOST_TOKENS: usize = 512;

#[derive(Debug)]
struct Code {
    secret: String,
    user: UserIx,
    client: String,
    redirect: String,
    challenge: String,
    until: Instant,
}

#[derive(Debug)]
struct Token {
    user: UserIx,
    until: Instant,
}

/// What was granted and still holds.
#[derive(Debug, Default)]
pub struct Logins {
    codes: VecDeque<Code>,
    tokens: BTreeMap<String, Token>,
    /// Oldest first, for the bound.
    order: VecDeque<String>,
}

impl Logins {
    /// Who this token stands for, while it holds.
    pub fn user(&self, token: &str, now: Instant) -> Option<UserIx> {
        self.tokens.get(token).filter(|token| token.until > now).map(|token| token.user)
    }

    pub fn revoke(&mut self, token: &str) {
        self.tokens.remove(token);
        self.order.retain(|kept| kept != token);
    }

    pub fn revoke_all(&mut self) {
        self.tokens.clear();
        self.order.clear();
    }

    fn grant(&mut self, chance: &mut Chance, user: UserIx, until: Instant) -> String {
        let token = chance.secret();
        if self.order.len() == MOST_TOKENS
            && let Some(oldest) = self.order.pop_front()
        {
            self.tokens.remove(&oldest);
        }
        self.order.push_back(token.clone());
        self.tokens.insert(token.clone(), Token { user, until });
        token
    }
}

impl Exchange {
    /// `GET /oauth/authorize`.
    pub(crate) fn authorize(&mut self, now: Instant, request: &HttpRequest) -> HttpReply {
        let field = |name: &str| request.query(name).unwrap_or_default();
        let redirect = field("redirect_uri");
        let Some(mut target) = Url::parse(redirect).ok().filter(may_redirect) else {
            self.rules.broke("sign-in", Rule::AuthorizeParameters, "redirect_uri is no address on this computer");
            return HttpReply::text(400, "redirect_uri must be an address on this computer");
        };
        let granted = self.check_authorize(request);
        {
            let mut answer = target.query_pairs_mut();
            match granted {
                Ok(user) => {
                    let code = self.chance.secret();
                    if self.logins.codes.len() == MOST_CODES {
                        self.logins.codes.pop_front();
                    }
                    answer.append_pair("code", &code);
                    self.logins.codes.push_back(Code {
                        secret: code,
                        user,
                        client: field("client_id").to_owned(),
                        redirect: redirect.to_owned(),
                        challenge: field("code_challenge").to_owned(),
                        until: now + CODE_LIFE,
                    });
                }
                Err((error, description)) => {
                    answer.append_pair("error", error).append_pair("error_description", description);
                }
            }
            if let Some(state) = request.query("state") {
                answer.append_pair("state", state);
            }
        }
        HttpReply::redirect(target.as_str())
    }

    fn check_authorize(&mut self, request: &HttpRequest) -> Result<UserIx, (&'static str, &'static str)> {
        let field = |name: &str| request.query(name).unwrap_or_default();
        if field("response_type") != "code" {
            return Err(("unsupported_response_type", "only response_type=code is supported"));
        }
        if field("client_id").is_empty() || field("code_challenge").len() != 43 {
            self.rules.broke("sign-in", Rule::AuthorizeParameters, "client_id or code_challenge is missing");
            return Err(("invalid_request", "client_id and code_challenge are required"));
        }
        if field("code_challenge_method") != "S256" {
            self.rules.broke("sign-in", Rule::AuthorizeParameters, "code_challenge_method is not S256");
            return Err(("invalid_request", "code_challenge_method must be S256"));
        }
        match request.query("login_hint") {
            Some(login) => self.people.by_any_name(login).ok_or(("access_denied", "there is no such practice user")),
            None => self.people.user(0).map(|_| 0).ok_or(("access_denied", "the practice exchange has no users")),
        }
    }

    /// `POST /oauth/token`.
    pub(crate) fn token(&mut self, now: Instant, request: &HttpRequest) -> HttpReply {
        if request.bearer.is_some() || request.authorization {
            self.rules.broke("sign-in", Rule::TokenPlacement, "the token request had an Authorization header");
        }
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        let refuse = |error: &str, description: &str| {
            HttpReply::json(400, &json!({ "error": error, "error_description": description }))
        };
        if field("grant_type") != "authorization_code" {
            return refuse("unsupported_grant_type", "only grant_type=authorization_code is supported");
        }
        self.logins.codes.retain(|code| code.until > now);
        // Taken out whatever follows: a code is used once (RFC 6749 §4.1.2).
        let Some(code) = self
            .logins
            .codes
            .iter()
            .position(|code| code.secret == field("code"))
            .and_then(|position| self.logins.codes.remove(position))
        else {
            return refuse("invalid_grant", "the code is unknown, used or expired");
        };
        let verifier = field("code_verifier");
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let length = (43..=128).contains(&verifier.len());
        if !length
            || challenge != code.challenge
            || field("client_id") != code.client
            || field("redirect_uri") != code.redirect
        {
            let login = self.people.login(code.user).to_owned();
            self.rules.broke(&login, Rule::TokenParameters, "the token request does not fit the authorize request");
            return refuse("invalid_grant", "code_verifier, client_id or redirect_uri does not fit");
        }
        let life = self.options.token_life;
        let token = self.logins.grant(&mut self.chance, code.user, now + life);
        HttpReply::json(200, &json!({ "access_token": token, "token_type": "bearer", "expires_in": life.as_secs() }))
    }
}

/// Only this computer: an exchange that redirects anywhere would be an open redirect.
fn may_redirect(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}
