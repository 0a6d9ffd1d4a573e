//! Faults in force. The list is public: [`Fault`](crate::Fault).

use std::time::Instant;

use phone_core::media::Codec;

use crate::Fault;
use crate::machine::{EdgeCommand, Exchange, Output};

#[derive(Debug, Default)]
pub struct Faults {
    pub rest_status: Option<u16>,
    pub refuse_login: bool,
    pub stalled: bool,
    pub unknown_codec: bool,
    /// Empty: as always.
    pub only_codecs: Vec<Codec>,
}

impl Exchange {
    pub(crate) fn inject(&mut self, now: Instant, fault: Fault) {
        tracing::info!(?fault, "fault injected");
        match fault {
            Fault::DropSockets => {
                for socket in self.sockets.keys().copied().collect::<Vec<_>>() {
                    self.out.push_back(Output::CutSocket { socket });
                    self.socket_closed(socket);
                }
            }
            Fault::RestStatus(status) => self.faults.rest_status = status.filter(|code| (100..600).contains(code)),
            Fault::RefuseLogin(refuse) => self.faults.refuse_login = refuse,
            Fault::Stall(stalled) => self.faults.stalled = stalled,
            Fault::ExpireTokens => self.logins.revoke_all(),
            Fault::LoseMedia(share) => self.out.push_back(Output::Edge(EdgeCommand::Lose { share })),
            Fault::SendGarbage(text) => {
                for socket in self.sockets.keys().copied().collect::<Vec<_>>() {
                    self.send(socket, text.clone());
                }
            }
            Fault::OfferUnknownCodec(unknown) => self.faults.unknown_codec = unknown,
            Fault::OfferOnly(codecs) => self.faults.only_codecs = codecs,
            Fault::StopTurn(stop) => self.out.push_back(Output::StopTurn(stop)),
            Fault::LoseChannels => self.lose_channels(),
            Fault::AskReconnect => self.ask_reconnect(),
            Fault::Reinvite => self.reinvite_all(now),
        }
    }
}
