//! One whole phone in the simulated world: decisions, media engine, audio chains and devices, without threads.
//!
//! What the media thread does between its sockets and its devices is done here in the same order, on the simulated
//! clock.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use phone_core::event::Event;
use phone_core::media::{EngineOutput, MediaEngine, MediaEvent};
use phone_core::output::MediaCommand;
use phone_core::{Input, Output, Phone, PhoneConfig};
use phone_io::desk::Desk;
use phone_io::handle::Meters;

use super::legs::Legs;
use super::sound::Devices;
use crate::net::Net;

/// How long a frame lasts.
const FRAME: Duration = Duration::from_millis(10);

/// A phone and all that belongs to its computer.
pub struct PhoneSide {
    pub phone: Phone,
    pub engine: MediaEngine,
    pub desk: Desk,
    pub legs: Legs,
    pub devices: Devices,
    pub host: IpAddr,
    pub events: Vec<(Instant, Event)>,
    next_frame: Instant,
    log: bool,
}

impl PhoneSide {
    pub fn new(now: Instant, config: PhoneConfig, host: IpAddr) -> Self {
        let devices = Devices::default();
        let desk = Desk::new(devices.sound(), Arc::new(Meters::default()), now);
        let mut engine = MediaEngine::new();
        engine.set_local_addresses(now, &[host]);
        let phone = Phone::new(config, now);
        let legs = Legs::new(host);
        Self {
            phone,
            engine,
            desk,
            legs,
            devices,
            host,
            events: Vec::new(),
            next_frame: now + FRAME,
            log: std::env::var_os("WORLD_LOG").is_some(),
        }
    }

    /// Hands one input in; what the outside has to do comes back.
    pub fn handle(&mut self, now: Instant, net: &mut Net, input: Input) -> Vec<Output> {
        let mut outside = Vec::new();
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            if self.log && matches!(input, Input::Media(_) | Input::Sound(_)) {
                eprintln!("{:>9} media     {input:?}", "");
            }
            self.phone.handle(now, input);
            while let Some(output) = self.phone.poll() {
                match output {
                    Output::Media(command) => {
                        inputs.extend(self.media_command(now, command).map(Input::Media));
                        self.drain(now, net, &mut inputs);
                    }
                    Output::Sound(command) => self.desk.command(now, command),
                    Output::Event(event) => self.events.push((now, event)),
                    other => outside.push(other),
                }
            }
            let due = self.phone.deadline();
            assert!(due.is_none_or(|due| due >= now), "a deadline in the past after a drain");
        }
        outside
    }

    fn media_command(&mut self, now: Instant, command: MediaCommand) -> Option<MediaEvent> {
        let (session, result) = match command {
            MediaCommand::Prepare { config } => {
                self.engine.prepare(now, &config);
                return None;
            }
            MediaCommand::AcceptOffer { session, offer, config } => {
                (session, self.engine.accept_offer(now, session, &offer, &config))
            }
            MediaCommand::RestartIce { session } => (session, self.engine.restart_ice(now, session)),
            MediaCommand::AddRemoteCandidate { session, candidate } => {
                self.engine.add_remote_candidate(now, session, &candidate);
                return None;
            }
            MediaCommand::EndOfRemoteCandidates { .. } => return None,
            MediaCommand::Microphone { session, open } => {
                self.desk.microphone(now, session, open);
                return None;
            }
            MediaCommand::Hear { session, heard } => {
                self.desk.hear(now, session, heard);
                return None;
            }
            MediaCommand::SendDigits { session, digits } => {
                self.engine.send_digits(now, session, &digits);
                return None;
            }
            MediaCommand::Count { session, call } => {
                let stats = self.engine.stats(session).map(Box::new);
                let audio = self.desk.figures(session);
                return Some(MediaEvent::Counted { session, call, stats, audio });
            }
            MediaCommand::Close { session } => {
                self.engine.close(now, session);
                self.desk.close(now, session);
                return None;
            }
        };
        let error = result.err()?;
        self.engine.close(now, session);
        self.desk.close(now, session);
        Some(MediaEvent::Failed { session, error })
    }

    /// Does everything the media engine wants; inputs for the phone are added to `inputs`.
    fn drain(&mut self, now: Instant, net: &mut Net, inputs: &mut Vec<Input>) {
        loop {
            while let Some(output) = self.engine.poll() {
                if self.log && !matches!(output, EngineOutput::Transmit { .. } | EngineOutput::Audio { .. }) {
                    eprintln!("{:>9} engine    {output:?}", "");
                }
                match output {
                    EngineOutput::OpenLeg { leg, kind, dscp, .. } => self.legs.open(now, leg, &kind, dscp),
                    EngineOutput::CloseLeg { leg } => self.legs.close(now, net, leg),
                    EngineOutput::Transmit { leg, to, bytes } => self.legs.transmit(now, net, leg, to, bytes),
                    EngineOutput::Audio { session, packet } => {
                        if self.desk.insert(now, session, &packet) {
                            inputs.insert(0, Input::Media(MediaEvent::FirstMedia { session }));
                        }
                    }
                    EngineOutput::Event(event) => {
                        match &event {
                            MediaEvent::Up { session, facts } => self.desk.up(now, *session, facts.codec),
                            MediaEvent::Failed { session, .. } => self.desk.close(now, *session),
                            MediaEvent::Stats { session, stats } => self.desk.loss(*session, stats.far_loss),
                            // The desk reports it.
                            MediaEvent::FirstMedia { .. } => continue,
                            _ => {}
                        }
                        // `inputs` is taken from its end: first in, first out.
                        inputs.insert(0, Input::Media(event));
                    }
                }
            }
            let opened = self.legs.progress(now);
            if opened.is_empty() {
                return;
            }
            for (leg, result) in opened {
                match result {
                    Ok(addresses) => self.engine.leg_opened(now, leg, addresses),
                    Err(error) => self.engine.leg_failed(now, leg, &error),
                }
            }
        }
    }

    pub fn receive(
        &mut self,
        now: Instant,
        net: &mut Net,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Vec<Output> {
        if let Some(leg) = self.legs.owner(to) {
            self.engine.receive(now, leg, from, bytes);
        }
        self.settle(now, net)
    }

    /// Everything that is due by now.
    pub fn due(&mut self, now: Instant, net: &mut Net) -> Vec<Output> {
        if self.engine.deadline().is_some_and(|due| due <= now) {
            self.engine.tick(now);
        }
        while self.next_frame <= now {
            self.next_frame += FRAME;
            self.devices.tick();
        }
        let engine = &mut self.engine;
        self.desk.run(now, &mut |session, payload, ticks| engine.send_audio(now, session, payload, ticks));
        let mut out = self.settle(now, net);
        if self.phone.deadline().is_some_and(|due| due <= now) {
            out.extend(self.handle(now, net, Input::Tick));
        }
        out
    }

    fn settle(&mut self, now: Instant, net: &mut Net) -> Vec<Output> {
        let mut inputs = Vec::new();
        self.drain(now, net, &mut inputs);
        while let Some(input) = self.desk.poll() {
            inputs.insert(0, input);
        }
        if let Some(recording) = self.desk.take_recording() {
            inputs.insert(0, recording.judge());
        }
        let mut out = Vec::new();
        while let Some(input) = inputs.pop() {
            out.extend(self.handle(now, net, input));
        }
        out
    }

    /// When something is due next; sound runs in steps of 10 ms only while a device is open.
    pub fn deadline(&self) -> Option<Instant> {
        let sound = self.devices.any_open().then_some(self.next_frame);
        [self.phone.deadline(), self.engine.deadline(), self.legs.deadline(), self.desk.deadline(), sound]
            .into_iter()
            .flatten()
            .min()
    }
}
