//! Notification channels: who is told what. A channel outlives its WebSocket, subscriptions included.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{Value, json};

use crate::machine::{Exchange, HttpReply, Output, SocketId};
use crate::rules::Rule;
use crate::users::UserIx;
use crate::xml::escape;

/// Channels per user; when there are more, the oldest without a socket goes, else the oldest.
const MOST_CHANNELS: usize = 20;
/// Topics per channel; more are refused.
const MOST_TOPICS: usize = 1000;

#[derive(Debug)]
pub struct Channel {
    pub user: UserIx,
    /// In order of creation.
    pub number: u64,
    pub topics: BTreeSet<String>,
    pub socket: Option<SocketId>,
}

impl Exchange {
    /// `POST /api/v2/notifications/channels`.
    pub(crate) fn create_channel(&mut self, now: Instant, user: UserIx) -> HttpReply {
        let mut own: Vec<(bool, u64, String)> = self
            .channels
            .iter()
            .filter(|(_, channel)| channel.user == user)
            .map(|(id, channel)| (channel.socket.is_some(), channel.number, id.clone()))
            .collect();
        own.sort();
        if own.len() >= MOST_CHANNELS
            && let Some((_, _, oldest)) = own.into_iter().next()
            && let Some(channel) = self.channels.remove(&oldest)
            && let Some(socket) = channel.socket
        {
            self.close_socket(socket);
        }
        let number = self.session_ids.next();
        let id = format!("streaming-{number}-{}", self.chance.uuid());
        self.channels.insert(id.clone(), Channel { user, number, topics: BTreeSet::new(), socket: None });
        let expires = self.clock.rfc3339(now + std::time::Duration::from_hours(24));
        let uri = format!("wss://streaming.{}/channels/{id}", self.around.host);
        HttpReply::json(200, &json!({ "id": id, "connectUri": uri, "expires": expires }))
    }

    /// `PUT` (replace), `POST` (add), `GET` and `DELETE` of a channel's subscriptions.
    pub(crate) fn subscribe_bulk(&mut self, user: UserIx, channel: &str, body: &Value, replace: bool) -> HttpReply {
        if self.channels.get(channel).is_none_or(|channel| channel.user != user) {
            return HttpReply::error(404, "not.found", "The channel does not exist.");
        }
        let Some(list) = body.as_array() else {
            let login = self.people.login(user).to_owned();
            self.rules.broke(&login, Rule::RestBody, "subscriptions are a list of {id}");
            return HttpReply::error(400, "bad.request", "The body must be a list of topics.");
        };
        let mut topics = BTreeSet::new();
        let mut entities = Vec::new();
        for entry in list.iter().take(MOST_TOPICS) {
            let id = entry.get("id").and_then(Value::as_str).unwrap_or_default();
            let own = self.expand_topic(user, id);
            let uri = format!("/api/v2/notifications/availabletopics/{id}");
            if own.is_empty() {
                entities.push(json!({ "id": id, "state": "Rejected", "rejectionReason": "Topic is not permitted", "selfUri": uri }));
            } else {
                topics.extend(own);
                entities.push(json!({ "id": id, "state": "Permitted", "selfUri": uri }));
            }
        }
        if let Some(channel) = self.channels.get_mut(channel) {
            if replace {
                channel.topics = topics;
            } else {
                channel.topics.extend(topics.into_iter().take(MOST_TOPICS));
            }
        }
        HttpReply::json(200, &json!({ "entities": entities }))
    }

    pub(crate) fn list_subscriptions(&self, user: UserIx, channel: &str) -> HttpReply {
        match self.channels.get(channel).filter(|channel| channel.user == user) {
            Some(channel) => {
                let entities: Vec<Value> = channel.topics.iter().map(|id| json!({ "id": id })).collect();
                HttpReply::json(200, &json!({ "entities": entities }))
            }
            None => HttpReply::error(404, "not.found", "The channel does not exist."),
        }
    }

    /// `v2.users.ID?a&b` as `v2.users.ID.a` and `v2.users.ID.b`; empty when the topic is not the user's own.
    pub(crate) fn expand_topic(&mut self, user: UserIx, topic: &str) -> Vec<String> {
        let own = self.people.user(user).map(|user| format!("v2.users.{}", user.id)).unwrap_or_default();
        let expanded: Vec<String> = match topic.split_once('?') {
            Some((prefix, suffixes)) => suffixes.split('&').map(|suffix| format!("{prefix}.{suffix}")).collect(),
            None => vec![topic.to_owned()],
        };
        let fits = |topic: &String| {
            topic.len() < 200
                && (topic.strip_prefix(&own).is_some_and(|rest| rest.starts_with('.'))
                    || topic.starts_with("v2.system."))
        };
        if expanded.iter().all(fits) {
            return expanded;
        }
        let login = self.people.login(user).to_owned();
        self.rules.broke(&login, Rule::Topic, "a topic is not the user's own or too long");
        Vec::new()
    }

    /// Tells every subscribed client of the user. `topic` is the part behind `v2.users.ID.`.
    pub(crate) fn publish(&mut self, user: UserIx, topic: &str, body: &Value, action: Option<&str>) {
        let Some(id) = self.people.user(user).map(|user| user.id.clone()) else { return };
        let node = format!("v2.users.{id}.{topic}");
        let listening: Vec<SocketId> = self
            .channels
            .values()
            .filter(|channel| channel.user == user && channel.topics.contains(&node))
            .filter_map(|channel| channel.socket)
            .collect();
        for socket in listening {
            let mut metadata = json!({ "CorrelationId": self.chance.uuid() });
            if let (Some(action), Some(map)) = (action, metadata.as_object_mut()) {
                map.insert("action".to_owned(), action.into());
            }
            self.notify(socket, &node, body, &metadata);
        }
    }

    /// One pubsub event to one socket, if it is bound.
    pub(crate) fn notify(&mut self, socket: SocketId, node: &str, body: &Value, metadata: &Value) {
        let Some(jid) = self.sockets.get(&socket).and_then(|socket| socket.jid.clone()) else { return };
        let item = self.chance.uuid();
        let json = json!({ "topicName": node, "version": "2", "eventBody": body, "metadata": metadata }).to_string();
        let text = format!(
            "<message xmlns=\"jabber:client\" from=\"notifications.{}\" to=\"{}\"><event xmlns=\"http://jabber.org/protocol/pubsub#event\">\
             <items node=\"{}\"><item id=\"{item}\"><json xmlns=\"urn:xmpp:json:0\">{}</json></item></items></event></message>",
            escape(&self.around.host),
            escape(&jid),
            escape(node),
            escape(&json)
        );
        self.send(socket, text);
    }

    /// Fault: every channel is declared dead, then its socket closed; clients must make new ones.
    pub(crate) fn lose_channels(&mut self) {
        let dead: Vec<(String, Option<SocketId>)> =
            self.channels.iter().map(|(id, channel)| (id.clone(), channel.socket)).collect();
        for (id, socket) in dead {
            if let Some(socket) = socket {
                let node = format!("v2.system.no_longer_subscribed.{id}");
                self.notify(socket, &node, &json!({ "channelId": id }), &json!({}));
                self.out.push_back(Output::CloseSocket { socket });
                self.socket_closed(socket);
            }
            self.channels.remove(&id);
        }
    }
}
