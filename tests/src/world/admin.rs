//! An administrator at the simulated exchange, who asks by REST.

use phone_core::output::Method;
use phone_exchange as ex;
use serde_json::Value;

use super::World;

impl World {
    /// One REST request of an administrator at the exchange, at once; gives status and body.
    #[track_caller]
    pub fn administer(&mut self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let token = match self.admin_token.take() {
            Some(token) => token,
            None => self.fresh_token(),
        };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let http = ex::HttpRequest {
            method,
            path: path.to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            bearer: Some(token.as_str().into()),
            authorization: true,
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
        };
        self.admin_token = Some(token);
        let reply = self.ask(http);
        (reply.status, serde_json::from_str(&reply.body).unwrap_or_default())
    }

    /// A token of the first user, by the OAuth code grant.
    pub fn fresh_token(&mut self) -> String {
        // The pair of RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let redirect = "http://127.0.0.1:9/callback";
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let plain = |method, path: &str, query, body| ex::HttpRequest {
            method,
            path: path.to_owned(),
            query,
            bearer: None,
            authorization: false,
            body,
        };
        let query = pairs(&[
            ("response_type", "code"),
            ("client_id", "admin"),
            ("redirect_uri", redirect),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ]);
        let granted = self.ask(plain(Method::Get, "/oauth/authorize", query, Vec::new()));
        let url = url::Url::parse(&granted.location.expect("a redirect")).expect("an address");
        let code = url.query_pairs().find(|(key, _)| key == "code").expect("a code").1.into_owned();
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("code_verifier", verifier),
                ("client_id", "admin"),
                ("redirect_uri", redirect),
            ])
            .finish();
        let granted = self.ask(plain(Method::Post, "/oauth/token", Vec::new(), form.into_bytes()));
        let body: Value = serde_json::from_str(&granted.body).expect("a token");
        body["access_token"].as_str().expect("a token").to_owned()
    }

    #[track_caller]
    fn ask(&mut self, http: ex::HttpRequest) -> ex::HttpReply {
        self.next_id += 1;
        let id = ex::RequestId(self.next_id);
        self.exchange.handle(self.now, ex::Input::Http { request: id, http });
        let Some(ex::Output::Http { request, reply }) = self.exchange.poll() else { panic!("no answer") };
        assert_eq!(request, id, "the answer comes first");
        self.exchange_outputs();
        reply
    }
}
