//! Streaming: XMPP over WebSocket (RFC 7395), SASL PLAIN, resource binding, pings, external services, pubsub.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minidom::Element;
use phone_core::media::TurnTransport;
use serde_json::json;

use crate::machine::{Exchange, Output, SocketId};
use crate::rules::Rule;
use crate::users::{DOMAIN, UserIx};
use crate::xml::{self, attribute, escape};

/// Longer silence breaks the ping rule.
const LONGEST_SILENCE: Duration = Duration::from_secs(36);
/// After this much silence the socket is given up.
const SILENCE_LIMIT: Duration = Duration::from_secs(90);
/// Between pings of ours, where a client asked for them.
const SERVER_PING: Duration = Duration::from_secs(15);
/// Time from the upgrade to the bound resource.
const LOGIN_LIMIT: Duration = Duration::from_secs(15);
/// Open WebSockets in all; more are refused.
const MOST_SOCKETS: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waits for the first `<open/>`.
    Opening,
    Authenticating,
    /// Waits for the second `<open/>`.
    Reopening,
    Binding,
    Bound,
}

#[derive(Debug)]
pub struct Socket {
    channel: String,
    pub user: UserIx,
    stage: Stage,
    stream: String,
    /// Full JID, once bound.
    pub jid: Option<String>,
    heard: Instant,
    silence_noted: bool,
    /// When the next ping of ours is due.
    next_ping: Option<Instant>,
    /// The last ICE discovery said: relays only.
    pub relay_only: bool,
}

impl Socket {
    pub fn deadline(&self) -> Instant {
        let silence = match self.stage {
            Stage::Bound if self.silence_noted => SILENCE_LIMIT,
            Stage::Bound => LONGEST_SILENCE,
            _ => LOGIN_LIMIT,
        };
        let silence = self.heard + silence;
        self.next_ping.map_or(silence, |ping| ping.min(silence))
    }
}

impl Exchange {
    pub(crate) fn socket_opened(&mut self, now: Instant, socket: SocketId, channel: &str) {
        let Some(entry) = self.channels.get_mut(channel).filter(|_| self.sockets.len() < MOST_SOCKETS) else {
            self.out.push_back(Output::CloseSocket { socket });
            return;
        };
        let (user, before) = (entry.user, entry.socket.replace(socket));
        if let Some(before) = before {
            // One socket per channel: the first is told and closed.
            self.notify(
                before,
                &format!("v2.system.duplicate_id.{channel}"),
                &json!({ "channelId": channel }),
                &json!({}),
            );
            self.close_socket(before);
        }
        let stream = self.chance.uuid();
        let (channel, stage) = (channel.to_owned(), Stage::Opening);
        self.sockets.insert(
            socket,
            Socket {
                channel,
                user,
                stage,
                stream,
                jid: None,
                heard: now,
                silence_noted: false,
                next_ping: None,
                relay_only: false,
            },
        );
    }

    /// Forgets a socket. Sessions and calls live on.
    pub(crate) fn socket_closed(&mut self, socket: SocketId) {
        if let Some(gone) = self.sockets.remove(&socket)
            && let Some(channel) = self.channels.get_mut(&gone.channel)
            && channel.socket == Some(socket)
        {
            channel.socket = None;
        }
    }

    pub(crate) fn close_socket(&mut self, socket: SocketId) {
        self.send(socket, format!("<close xmlns=\"{}\"/>", xml::FRAMING));
        self.out.push_back(Output::CloseSocket { socket });
        self.socket_closed(socket);
    }

    pub(crate) fn send(&mut self, socket: SocketId, text: String) {
        if !self.faults.stalled {
            self.out.push_back(Output::SocketText { socket, text });
        }
    }

    /// Every bound socket of a user with its full JID.
    pub(crate) fn bound(&self, user: UserIx) -> Vec<(SocketId, String)> {
        self.sockets
            .iter()
            .filter(|(_, socket)| socket.user == user)
            .filter_map(|(id, socket)| Some((*id, socket.jid.clone()?)))
            .collect()
    }

    /// The socket that is bound to this full JID now.
    pub(crate) fn socket_of(&self, jid: &str) -> Option<SocketId> {
        self.sockets.iter().find(|(_, socket)| socket.jid.as_deref() == Some(jid)).map(|(id, _)| *id)
    }

    pub(crate) fn expire_sockets(&mut self, now: Instant) {
        for id in self.sockets.keys().copied().collect::<Vec<_>>() {
            let Some(socket) = self.sockets.get_mut(&id) else { continue };
            let silent = now.saturating_duration_since(socket.heard);
            if socket.stage != Stage::Bound {
                if silent >= LOGIN_LIMIT {
                    self.close_socket(id);
                }
                continue;
            }
            if silent >= SILENCE_LIMIT {
                self.close_socket(id);
                continue;
            }
            // Under a stall the client is right to give up, and its pings are not heard.
            if silent >= LONGEST_SILENCE && !socket.silence_noted {
                socket.silence_noted = true;
                let user = socket.user;
                if !self.faults.stalled {
                    self.broke(user, Rule::Ping, "nothing was sent for 36 s");
                }
                continue;
            }
            if socket.next_ping.is_some_and(|at| at <= now) {
                socket.next_ping = Some(now + SERVER_PING);
                let ping = self.chance.uuid();
                self.send(
                    id,
                    format!(
                        "<iq xmlns=\"jabber:client\" type=\"get\" id=\"{ping}\"><ping xmlns=\"{}\"/></iq>",
                        xml::PING
                    ),
                );
            }
        }
    }

    pub(crate) fn broke(&mut self, user: UserIx, rule: Rule, what: &str) {
        let login = self.people.login(user).to_owned();
        self.rules.broke(&login, rule, what);
    }

    pub(crate) fn socket_text(&mut self, now: Instant, id: SocketId, text: &str) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        socket.heard = now;
        socket.silence_noted = false;
        if self.faults.stalled {
            return;
        }
        let (user, stage) = (socket.user, socket.stage);
        let element = match xml::parse(text) {
            Ok(element) => element,
            Err(error) => {
                self.broke(user, Rule::Framing, &error.to_string());
                self.stream_error(id, "not-well-formed");
                return;
            }
        };
        if !xml::has_namespace(text) {
            self.broke(user, Rule::Framing, "an element came without its namespace");
        }
        if element.is("close", xml::FRAMING) {
            self.close_socket(id);
            return;
        }
        match (stage, element.name()) {
            (Stage::Opening | Stage::Reopening, "open") => self.opened(id, user, stage, &element),
            (Stage::Opening | Stage::Reopening, _) => {
                self.broke(user, Rule::OpenFirst, "the stream did not begin with open");
                self.stream_error(id, "invalid-namespace");
            }
            (Stage::Authenticating, _) => self.authenticate(now, id, user, &element),
            (Stage::Binding, "iq") => self.bind(now, id, user, &element),
            (Stage::Binding, _) => self.broke(user, Rule::BindFirst, "a stanza came before the bind"),
            (Stage::Bound, "iq") => self.iq(now, id, user, &element),
            (Stage::Bound, "message") => self.message(now, id, user, &element),
            (Stage::Bound, "presence") => {}
            // The client reports a broken stream and will close it.
            (Stage::Bound, "error") => self.close_socket(id),
            (Stage::Bound, _) => self.broke(user, Rule::KnownRequest, "an unknown element came"),
        }
    }

    fn stream_error(&mut self, id: SocketId, condition: &str) {
        self.send(
            id,
            format!(
                "<stream:error xmlns:stream=\"http://etherx.jabber.org/streams\"><{condition} xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/>\
                 </stream:error>"
            ),
        );
        self.close_socket(id);
    }

    fn opened(&mut self, id: SocketId, user: UserIx, stage: Stage, open: &Element) {
        if open.attr("to") != Some(DOMAIN) {
            self.broke(user, Rule::OpenDomain, "open was addressed elsewhere");
        }
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let first = stage == Stage::Opening;
        socket.stage = if first { Stage::Authenticating } else { Stage::Binding };
        let stream = socket.stream.clone();
        self.send(
            id,
            format!(
                "<open xmlns=\"{}\" from=\"{DOMAIN}\" id=\"{stream}\" version=\"1.0\" xml:lang=\"en\"/>",
                xml::FRAMING
            ),
        );
        let features = if first {
            format!("<mechanisms xmlns=\"{}\"><mechanism>PLAIN</mechanism></mechanisms>", xml::SASL)
        } else {
            format!("<bind xmlns=\"{}\"/>", xml::BIND)
        };
        self.send(
            id,
            format!("<stream:features xmlns:stream=\"http://etherx.jabber.org/streams\">{features}</stream:features>"),
        );
    }

    fn authenticate(&mut self, now: Instant, id: SocketId, user: UserIx, auth: &Element) {
        let fail = |condition: &str| format!("<failure xmlns=\"{}\"><{condition}/></failure>", xml::SASL);
        if !auth.is("auth", xml::SASL) {
            self.broke(user, Rule::BindFirst, "a stanza came before the login");
            self.send(id, fail("malformed-request"));
            return;
        }
        if auth.attr("mechanism") != Some("PLAIN") {
            self.send(id, fail("invalid-mechanism"));
            return;
        }
        let Some(plain) = STANDARD.decode(auth.text().trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok())
        else {
            self.broke(user, Rule::SaslPlain, "the credentials are not base64 of UTF-8");
            self.send(id, fail("incorrect-encoding"));
            return;
        };
        let mut parts = plain.split('\0');
        let (authority, name, secret) = (parts.next(), parts.next(), parts.next());
        let jid = self.people.user(user).map(|user| user.jid.clone());
        let token = secret.and_then(|secret| secret.strip_prefix("authKey:"));
        if authority != Some("") || name.map(str::to_owned) != jid || token.is_none() {
            self.broke(user, Rule::SaslPlain, "the credentials have another form or belong to another user");
        }
        let known =
            token.and_then(|token| self.logins.user(token, now)) == Some(user) && name.map(str::to_owned) == jid;
        if !known || self.faults.refuse_login {
            self.send(id, fail("not-authorized"));
            return;
        }
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.stage = Stage::Reopening;
        }
        self.send(id, format!("<success xmlns=\"{}\"/>", xml::SASL));
    }

    fn bind(&mut self, now: Instant, id: SocketId, user: UserIx, iq: &Element) {
        let Some(bind) = iq.get_child("bind", xml::BIND) else {
            self.broke(user, Rule::BindFirst, "a request came before the bind");
            self.iq_error(id, iq, "not-authorized");
            return;
        };
        let asked =
            bind.get_child("resource", xml::BIND).map(Element::text).filter(|resource| valid_resource(resource));
        let resource = asked.unwrap_or_else(|| self.chance.uuid());
        let bare = self.people.user(user).map(|user| user.jid.clone()).unwrap_or_default();
        let jid = format!("{bare}/{resource}");
        // The same resource once more: the new connection wins (RFC 6120 §7.7.2.2).
        if let Some(before) = self.socket_of(&jid) {
            self.stream_error(before, "conflict");
        }
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.stage = Stage::Bound;
            socket.jid = Some(jid.clone());
        }
        let request = attribute("id", iq.attr("id"));
        self.send(
            id,
            format!(
                "<iq xmlns=\"jabber:client\"{request} type=\"result\"><bind xmlns=\"{}\"><jid>{}</jid></bind></iq>",
                xml::BIND,
                escape(&jid)
            ),
        );
        self.propose_again(now, user, id, &jid);
    }

    fn iq(&mut self, now: Instant, id: SocketId, user: UserIx, iq: &Element) {
        let kind = iq.attr("type");
        if matches!(kind, Some("result" | "error")) {
            return;
        }
        if iq.attr("id").is_none() || !matches!(kind, Some("get" | "set")) {
            self.broke(user, Rule::StanzaId, "an iq came without id or type");
        }
        self.check_from(id, user, iq);
        if iq.get_child("ping", xml::PING).is_some() {
            self.iq_result(id, iq, "");
        } else if let Some(services) = iq.get_child("services", xml::EXTDISCO) {
            let forced = self.people.would_be_decided(user).is_some_and(|decided| decided.force_turn);
            let kind = services.attr("type").unwrap_or_default();
            let list = self.services(kind, forced);
            if let ("stun", Some(socket)) = (kind, self.sockets.get_mut(&id)) {
                socket.relay_only = forced;
            }
            self.iq_result(id, iq, &list);
        } else if let Some(pubsub) = iq.get_child("pubsub", xml::PUBSUB) {
            self.pubsub(now, id, user, iq, pubsub);
        } else if let Some(rpc) = iq.get_child("genesys-webrtc", xml::GENESYS) {
            self.iq_result(id, iq, "");
            let jid = self.sockets.get(&id).and_then(|socket| socket.jid.clone()).unwrap_or_default();
            self.rpc(now, user, &jid, iq.attr("to").unwrap_or_default(), &rpc.text());
        } else if iq.get_child("session", xml::SESSION).is_some() {
            self.iq_result(id, iq, "");
        } else {
            self.broke(user, Rule::KnownRequest, "an unknown iq came");
            self.iq_error(id, iq, "service-unavailable");
        }
    }

    fn check_from(&mut self, id: SocketId, user: UserIx, stanza: &Element) {
        let own = self.sockets.get(&id).and_then(|socket| socket.jid.clone());
        if stanza.attr("from").is_some_and(|from| Some(from) != own.as_deref()) {
            self.broke(user, Rule::StanzaFrom, "a stanza claimed another sender");
        }
    }

    fn iq_result(&mut self, id: SocketId, iq: &Element, payload: &str) {
        let to = self.sockets.get(&id).and_then(|socket| socket.jid.clone());
        let head = format!(
            "<iq xmlns=\"jabber:client\"{} type=\"result\"{}{}",
            attribute("id", iq.attr("id")),
            attribute("from", iq.attr("to")),
            attribute("to", to.as_deref())
        );
        let text = if payload.is_empty() { format!("{head}/>") } else { format!("{head}>{payload}</iq>") };
        self.send(id, text);
    }

    fn iq_error(&mut self, id: SocketId, iq: &Element, condition: &str) {
        let to = self.sockets.get(&id).and_then(|socket| socket.jid.clone());
        let text = format!(
            "<iq xmlns=\"jabber:client\"{} type=\"error\"{}{}><error type=\"cancel\"><{condition} xmlns=\"{}\"/></error></iq>",
            attribute("id", iq.attr("id")),
            attribute("from", iq.attr("to")),
            attribute("to", to.as_deref()),
            xml::STANZAS
        );
        self.send(id, text);
    }

    /// The answer to XEP-0215: an empty STUN list tells clients to use relays only.
    fn services(&self, kind: &str, forced: bool) -> String {
        let mut list = Vec::new();
        match kind {
            "turn" => {
                for turn in &self.around.turn {
                    let (scheme, transport) = match turn.transport {
                        TurnTransport::Udp => ("turn", "udp"),
                        TurnTransport::Tcp => ("turn", "tcp"),
                        TurnTransport::Tls => ("turns", "tcp"),
                    };
                    list.push(format!(
                        "<service type=\"{scheme}\" host=\"{}\" port=\"{}\" transport=\"{transport}\" username=\"{}\" password=\"{}\"/>",
                        escape(&turn.host),
                        turn.port,
                        escape(&turn.username),
                        escape(&turn.password)
                    ));
                }
            }
            "stun" if !forced => {
                for (host, port) in &self.around.stun {
                    list.push(format!(
                        "<service type=\"stun\" host=\"{}\" port=\"{port}\" transport=\"udp\"/>",
                        escape(host)
                    ));
                }
            }
            _ => {}
        }
        format!("<services xmlns=\"{}\" type=\"{}\">{}</services>", xml::EXTDISCO, escape(kind), list.concat())
    }

    fn pubsub(&mut self, now: Instant, id: SocketId, user: UserIx, iq: &Element, pubsub: &Element) {
        let (subscribe, request) =
            match (pubsub.get_child("subscribe", xml::PUBSUB), pubsub.get_child("unsubscribe", xml::PUBSUB)) {
                (Some(request), _) => (true, request),
                (_, Some(request)) => (false, request),
                _ => {
                    self.broke(user, Rule::KnownRequest, "an unknown pubsub request came");
                    self.iq_error(id, iq, "feature-not-implemented");
                    return;
                }
            };
        let node = request.attr("node").unwrap_or_default();
        if node == "enable.server.side.pings" {
            if let Some(socket) = self.sockets.get_mut(&id) {
                socket.next_ping = subscribe.then(|| now + SERVER_PING);
            }
        } else {
            let topics = self.expand_topic(user, node);
            if topics.is_empty() {
                self.iq_error(id, iq, "not-allowed");
                return;
            }
            if let Some(channel) = self.sockets.get(&id).map(|socket| socket.channel.clone())
                && let Some(channel) = self.channels.get_mut(&channel)
            {
                for topic in topics {
                    if subscribe {
                        channel.topics.insert(topic);
                    } else {
                        channel.topics.remove(&topic);
                    }
                }
            }
        }
        let state = if subscribe { "subscribed" } else { "none" };
        let result = format!(
            "<pubsub xmlns=\"{}\"><subscription node=\"{}\"{} subscription=\"{state}\"/></pubsub>",
            xml::PUBSUB,
            escape(node),
            attribute("jid", request.attr("jid"))
        );
        self.iq_result(id, iq, &result);
        self.open_eagerly(now, user);
    }

    fn message(&mut self, now: Instant, id: SocketId, user: UserIx, message: &Element) {
        self.check_from(id, user, message);
        let Some(from) = self.sockets.get(&id).and_then(|socket| socket.jid.clone()) else { return };
        let to = message.attr("to").unwrap_or_default();
        let bare = self.people.user(user).map(|user| user.jid.clone()).unwrap_or_default();
        if to == bare {
            // Ordinary delivery to a bare JID: every socket of the user gets it, the sender's own included.
            self.reflect(user, &from, &bare, message);
        }
        for child in message.children().filter(|child| child.ns() == xml::JINGLE_MESSAGE) {
            let session = child.attr("id").unwrap_or_default();
            match child.name() {
                "proceed" => self.proceed(now, user, &from, to, session),
                "accept" if to == bare => self.accepted(user, session),
                "accept" => self.broke(user, Rule::AcceptToSelf, "accept was sent elsewhere"),
                "reject" => self.broke(user, Rule::RejectByRest, "reject was sent"),
                _ => self.broke(user, Rule::KnownRequest, "an unknown session message came"),
            }
        }
    }

    fn reflect(&mut self, user: UserIx, from: &str, bare: &str, message: &Element) {
        let mut payload = Vec::new();
        for child in message.children() {
            if child.write_to(&mut payload).is_err() {
                return;
            }
        }
        let Ok(payload) = String::from_utf8(payload) else { return };
        let text = format!(
            "<message xmlns=\"jabber:client\" from=\"{}\" to=\"{}\"{}>{payload}</message>",
            escape(from),
            escape(bare),
            attribute("id", message.attr("id"))
        );
        for (socket, _) in self.bound(user) {
            self.send(socket, text.clone());
        }
    }

    /// Fault: the server asks every client to move to a new connection (XEP-0051).
    pub(crate) fn ask_reconnect(&mut self) {
        for socket in self.sockets.iter().filter(|(_, s)| s.jid.is_some()).map(|(id, _)| *id).collect::<Vec<_>>() {
            let id = self.chance.uuid();
            self.send(
                socket,
                format!("<iq xmlns=\"jabber:client\" type=\"set\" id=\"{id}\"><query xmlns=\"urn:xmpp:cxfr\"/></iq>"),
            );
        }
    }
}

fn valid_resource(resource: &str) -> bool {
    !resource.is_empty()
        && resource.len() <= 128
        && resource.chars().all(|c| c.is_ascii_graphic() && !"<>&'\"/".contains(c))
}
