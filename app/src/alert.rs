//! Getting attention. The ring itself is made by the phone, so that it sounds while the window is hidden.

use eframe::egui::{Context, UserAttentionType, ViewportCommand};
use phone_core::ids::CallId;
use phone_core::snapshot::{CallState, Snapshot};

use crate::text;

/// What the window has asked of the system so far.
#[derive(Debug, Default)]
pub struct Alert {
    ringing: Vec<CallId>,
    title: String,
}

impl Alert {
    /// What to tell the system now. Draws nothing, so that it works while the window is hidden.
    pub fn follow(&mut self, snapshot: &Snapshot, word: &str) -> Vec<ViewportCommand> {
        let ringing: Vec<CallId> = snapshot
            .calls
            .iter()
            .filter(|call| matches!(call.state, CallState::Alerting { .. }))
            .map(|call| call.id)
            .collect();
        let mut commands = Vec::new();
        let new_one = ringing.iter().any(|call| !self.ringing.contains(call));
        if new_one {
            commands.push(ViewportCommand::RequestUserAttention(UserAttentionType::Critical));
        } else if ringing.is_empty() && !self.ringing.is_empty() {
            commands.push(ViewportCommand::RequestUserAttention(UserAttentionType::Reset));
        }
        self.ringing = ringing;

        // The state, never the caller: titles end up in task bars and screen shares.
        let title = format!("{word} · {}", text::PRODUCT);
        if title != self.title {
            commands.push(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
        commands
    }

    /// Sends them.
    pub fn apply(ctx: &Context, commands: Vec<ViewportCommand>) {
        for command in commands {
            ctx.send_viewport_cmd(command);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::model::made_up::{call, snapshot};

    #[test]
    fn a_ring_asks_for_attention_once_and_takes_it_back() {
        let mut alert = Alert::default();
        let rings = snapshot(vec![call(1, "Maria", CallState::Alerting { gives_up: None }, Instant::now())]);
        let attention = |commands: Vec<ViewportCommand>| {
            commands.into_iter().find_map(|command| match command {
                ViewportCommand::RequestUserAttention(kind) => Some(kind),
                _ => None,
            })
        };
        assert_eq!(attention(alert.follow(&rings, "Incoming call")), Some(UserAttentionType::Critical));
        assert_eq!(attention(alert.follow(&rings, "Incoming call")), None);
        assert_eq!(attention(alert.follow(&snapshot(vec![]), "Ready")), Some(UserAttentionType::Reset));
        assert_eq!(attention(alert.follow(&snapshot(vec![]), "Ready")), None);
    }

    #[test]
    fn the_title_tells_the_state_and_not_the_caller() {
        let mut alert = Alert::default();
        let commands = alert.follow(&snapshot(vec![]), "Ready");
        assert!(matches!(commands.as_slice(), [ViewportCommand::Title(title)] if title == "Ready · Offhook"));
        assert!(alert.follow(&snapshot(vec![]), "Ready").is_empty());
    }
}
